"""A training configuration in YAML, as the released BPM-GCN has one: read safely, checked by name.

The released file's names and the ones of JACK's own options are both known. Text is read as data:
a file can set options, not run code. Anchors and tags, with which a few lines can become gigabytes
or other kinds of values, have no use here and are refused.
"""

import contextlib
import difflib
import itertools
import math
import re
from pathlib import Path
from typing import Any

import yaml

from jacklib.errors import DataError, error_of, refuse, refuse_as, shown
from jacklib.files import read_text, reading

_PUBLIC = yaml.safe_load(Path(__file__).with_name("gait_config.yaml").read_text("utf-8"))
RELEASED_NAMES = _PUBLIC["names"]  # the released name of an option: JACK's
OPTIONS = _PUBLIC["options"]
KINDS = {kind.__name__: kind for kind in (bool, int, float, str, list)}
WITHOUT_EFFECT, PASSED_OVER = _PUBLIC["without effect"], _PUBLIC["passed over"]
LARGEST = 20_000  # bytes of a file; the released one has some 1,500
DEEPEST = 20  # brackets in brackets; PyYAML's time grows with the square of it
LARGEST_INT = 2**31 - 1


class _PlainLoader(yaml.SafeLoader):
    """YAML without anchors, aliases and tags."""

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor or getattr(event, "tag", None):
            raise yaml.composer.ComposerError(
                None, None, "an anchor (&), an alias (*) or a tag (!)", event.start_mark
            )
        return super().compose_node(parent, index)


def _good(value: Any, about: dict[str, Any]) -> object:
    """Whether a value is of its option's kind, and good."""
    kind = KINDS[about["kind"]]
    if type(value) is not kind or kind is bool:
        return type(value) is kind
    if kind is str:
        return re.fullmatch(about["fits"], value)
    numbers = value if kind is list else [value]
    return all(
        (number < math.inf if kind is float else type(number) is int and number <= LARGEST_INT)
        and about["least"] <= number != about.get("not")
        for number in numbers
    )


def option(name: str, given: Any, where: str) -> Any:
    """The value of one of JACK's options, checked. Raises DataError naming `where`."""
    about, value = OPTIONS[name], given
    kind = KINDS[about["kind"]]
    if kind is float and type(given) in (int, str):  # YAML 1.1 takes 1e-3 for text
        with contextlib.suppress(ValueError, OverflowError):
            value = float(given)
    wanted, cure = about["wanted"], "Correct it."
    refuse(not _good(value, about), where, found=shown(given), wanted=wanted, cure=cure)
    return tuple(sorted(value)) if kind is list else value


def read_config(path: str | Path) -> tuple[dict[str, Any], list[str]]:
    """The options that a YAML file sets, by JACK's names, and the names in it without effect.

    Raises DataError naming the file and the setting that is unknown, or that BPM-GCN cannot have.
    """
    path = Path(path)
    wanted = "lines such as `base_lr: 0.075`"
    text = read_text(path, "a .yaml file", "Check it.", LARGEST)
    cure = "Correct it; anchors, and tags that name Python objects are refused."
    with reading(path, wanted, cure, "no plain YAML"):
        depths = itertools.accumulate((c in "[{") - (c in "]}") for c in text)
        if max(depths, default=0) > DEEPEST:
            raise RecursionError
        content = yaml.load(text, _PlainLoader)
    kind = type(content).__name__
    refuse_as("config", not isinstance(content, dict), path, kind=kind, wanted=wanted)
    options: dict[str, Any] = {}
    idle = []
    for key, value in content.items():
        name = _name(key).replace("-", "_")
        where = f"{path}, {name}"
        if name in ("model_args", "train_feeder_args", "test_feeder_args"):
            options |= _nested(name, value, where)
            if "data_p_path" in value:
                idle += PASSED_OVER
        elif RELEASED_NAMES.get(name, name) in OPTIONS:
            name = RELEASED_NAMES.get(name, name)
            options[name] = option(name, value, where)
        elif name in WITHOUT_EFFECT:
            idle.append(name)
        else:
            raise _unknown(where, name, [*OPTIONS, *RELEASED_NAMES, *WITHOUT_EFFECT])
    return options, idle


def _name(key: Any) -> str:
    return key if isinstance(key, str) else shown(key)


def _nested(name: str, value: Any, where: str) -> dict[str, Any]:
    """What model_args or a feeder's arguments set; most of it can only be what it is."""
    kind = "model" if name == "model_args" else "data"
    fixed, free = _PUBLIC[f"fixed {kind}"], _PUBLIC[f"free {kind}"]
    refuse_as("no table of settings", not isinstance(value, dict), where, value=shown(value))
    options = {}
    for key, given in value.items():
        if key == "random_move" and name == "train_feeder_args":
            options["random_move"] = option("random_move", given, f"{where}.{key}")
        elif key in fixed:
            refuse_as("fixed setting", given != fixed[key], f"{where}.{key}", given=shown(given),
                      fixed=repr(fixed[key]))  # fmt: skip
        elif key not in free:
            raise _unknown(f"{where}.{_name(key)}", _name(key), [*fixed, *free, "random_move"])
    return options


def _unknown(where: str, name: str, known: list[str]) -> DataError:
    near = difflib.get_close_matches(name, known, 1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return error_of("unknown setting", where, meant=meant)
