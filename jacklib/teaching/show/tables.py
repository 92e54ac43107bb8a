"""A network's settings and shapes side by side: the classroom's and the paper's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from jacklib.core.shapes import backbone_channels, backbone_map
from jacklib.teaching.show.house import words_of

SHAPES = yaml.safe_load(Path(__file__).with_name("shapes.yaml").read_text("utf-8"))
words = words_of(__file__)


def settings(classroom: Any, paper: Any):
    """A table of two configurations of a network."""
    ours, theirs = asdict(classroom), asdict(paper)
    return _table(["", "classroom", "paper"], [[f"`{k}`", ours[k], theirs[k]] for k in ours])


def shapes(measured: Mapping[str, Sequence[int]], classroom: Any, paper: Any, batch: int):
    """A table of the shapes measured with a batch and the classroom's configuration, each beside
    its formula (shapes.yaml) and what that gives in the paper's size with a batch of 32. Raises
    AssertionError if a formula does not give what was measured."""
    formulas, rows = SHAPES[type(classroom).__name__], []
    ours, theirs = _letters(classroom, batch), _letters(paper, 32)
    assert list(formulas) == list(measured), set(formulas) ^ set(measured)
    for name, formula in formulas.items():
        assert _sizes(formula, ours) == list(measured[name]), name
        rows.append([name, formula, _sizes(formula, ours), _sizes(formula, theirs)])
    return _table(["", "formula", "classroom", "paper 32"], rows)


def _letters(config: Any, batch: int) -> dict[str, int]:
    """The sizes that the formulas' letters stand for."""
    _, side = backbone_map(config.snippet_duration, config.sample_size, len(config.blocks))
    named = {k: getattr(config, name, 0) for k, name in SHAPES["letters"].items()}
    channels = backbone_channels(config.blocks, config.width)
    return named | {"B": batch, "q": side, "m": side**2, "d": channels}


def _sizes(formula: str, letters: Mapping[str, int]) -> list[int]:
    return [
        math.prod(letters[x] if x.isalpha() else int(x) for x in size.split("·"))
        for size in formula.split()
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]):
    from IPython.display import Markdown  # a terminal's Python does without

    lines = [[words(key) if key else "" for key in head], ["---"] * len(head), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))
