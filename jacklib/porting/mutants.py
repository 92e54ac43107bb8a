"""Made-up ports with one bug each: as many as a class needs, and the same for the same id.

    sick = mutant("20261234", 0)       the first of this student's
    sick.torch, sick.port, sick.healthy, sick.module, sick.line, sick.kind

A network is an encoder, a context and a head, with a loss and an optimizer: pieces/*.yaml have them
in PyTorch and, healthy, in Jittor. mutants.yaml has the kinds of bugs, as rewritings of the Jittor
text. A mutant is a kind, a place where it fits, and the other pieces. What changes nothing, or does
not run, is listed in unfit.json (`script.measure_clinic` finds it) and not given out.
"""

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).parent
PARTS = ("encoder", "context", "head", "loss", "optimizer")
_LAYER = re.compile(r" +self\.(\w+) = (?:nn|ops)\.")  # a constructor's line that makes a layer


class Entry(NamedTuple):
    """A kind of bug at one place of one piece."""

    kind: str
    part: str
    piece: str
    key: str  # these three, and a number
    sick: str  # the piece's Jittor text with the bug
    module: str  # where the bug is, by its name in the network; else "loss" or "optimizer"


class Mutant(NamedTuple):
    """One port with one bug."""

    entry: Entry
    pieces: dict[str, str]  # by part
    torch: str
    healthy: str
    port: str
    line: int  # of the port, from 1: the first that the healthy one has otherwise


PIECES = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in HERE.glob("pieces/*.yaml")}
KINDS = yaml.safe_load((HERE / "mutants.yaml").read_text("utf-8"))


@functools.lru_cache
def entries() -> list[Entry]:
    """Every kind at every place, the unfit ones too."""
    found = []
    for kind, about in KINDS.items():
        for part in about.get("parts", PARTS):
            for piece, texts in PIECES[part].items():
                sick = dict.fromkeys(_rewritten(texts["jittor"], about["rules"]))
                for number, (text, layer) in enumerate(sick):
                    key = f"{part}/{piece}/{kind}/{number}"
                    found.append(Entry(kind, part, piece, key, text, part + layer))
    return found


def _rewritten(text: str, rules: Sequence) -> Iterator[tuple[str, str]]:
    """A piece with each rule at each place, and "." and the layer that the line makes, if any."""
    for pattern, new in rules:
        for match in re.finditer(pattern, text, re.MULTILINE):
            layer = _LAYER.match(text[text.rfind("\n", 0, match.start() + 1) + 1 :])
            for words in map(match.expand, [new] if isinstance(new, str) else new):
                if words != match[0]:
                    sick = text[: match.start()] + words + text[match.end() :]
                    yield sick, f".{layer[1]}" if layer else ""


@functools.lru_cache
def fit() -> dict[str, list[Entry]]:
    """The entries that change something, by kind."""
    unfit = set(json.loads((HERE / "unfit.json").read_text("utf-8")))
    found = [entry for entry in entries() if entry.key not in unfit]
    return {kind: kept for kind in KINDS if (kept := [e for e in found if e.kind == kind])}


def _digest(*words: object) -> int:
    """A number that follows from the words, on every machine and with every version of NumPy."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, words)).encode()).digest()[:8], "big")


def composed(language: str, chosen: dict[str, str], sick: Entry | None = None) -> str:
    """A network's source, "torch" or "jittor"."""
    texts = {part: PIECES[part][chosen[part]][language] for part in PARTS}
    texts |= {sick.part: sick.sick} if sick else {}
    around, texts = PIECES["net"][language], [*texts.values()]
    return "\n\n".join([around["head"], *texts[:3], around["net"], *texts[3:]])


def mutant_of(entry: Entry, *words: object) -> Mutant:
    """An entry in a network whose other pieces are drawn by the words."""
    chosen = {part: _pick([*PIECES[part]], *words, part) for part in PARTS}
    chosen[entry.part] = entry.piece
    healthy, port = composed("jittor", chosen), composed("jittor", chosen, entry)
    lines = enumerate(zip(healthy.split("\n"), port.split("\n"), strict=False), 1)
    line = next(number for number, (fixed, sick) in lines if fixed != sick)
    return Mutant(entry, chosen, composed("torch", chosen), healthy, port, line)


def _pick(options: Sequence, *words: object) -> Any:
    return options[_digest(*words) % len(options)]


def mutant(student: str, number: int) -> Mutant:
    """A student's patient. The first ones are of different kinds, until every kind has come."""
    turn, place = divmod(number, len(fit()))
    kind = sorted(fit(), key=lambda kind: _digest(student, turn, kind))[place]
    return mutant_of(_pick(fit()[kind], student, number), student, number)
