"""A training configuration in YAML, as the released BPM-GCN has one: read safely, checked by name.

The released file's names and the ones of JACK's own options are both known. Text is read as data:
a file can set options, not run code. Anchors and tags, with which a few lines can become gigabytes
or other kinds of values, have no use here and are refused.
"""

import contextlib
import difflib
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from jacklib.core.shapes import GAIT_WAYS, STREAMS, WAYS
from jacklib.errors import DataError, refuse, shown
from jacklib.files import read_text, reading

_PUBLIC = yaml.safe_load(Path(__file__).with_name("gait_config.yaml").read_text("utf-8"))
RELEASED_NAMES = _PUBLIC["names"]  # the released name of an option: JACK's
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


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= LARGEST_INT


def _epochs(value: list) -> bool:
    return all(map(_whole(1), value))


def _amount(value: float) -> bool:
    return 0 <= value < math.inf


# The words of the options that take one of some words.
_WORDS = {"streams": STREAMS, "ways": WAYS, **GAIT_WAYS}
# JACK's options: the type of a value, whether one is good, and what is wanted.
OPTIONS: dict[str, tuple[type, Callable[[Any], object], str]] = {
    "learning_rate": (float, lambda rate: 0 < rate < math.inf, "a number above 0"),
    "drops": (list, _epochs, "a list of epochs, such as [25, 50, 75, 100]"),
    "n_epochs": (int, _whole(1), "1 or more"),
    "batch_size": (int, _whole(1), "1 or more"),
    "momentum": (float, _amount, "a number of 0 or more"),
    "nesterov": (bool, lambda _: True, "true or false"),
    "weight_decay": (float, _amount, "a number of 0 or more"),
    "seed": (int, _whole(0), "a whole number of 0 or more"),
    "affective_weight": (float, _amount, "a number of 0 or more"),
    **{n: (str, w.__contains__, f"one of {', '.join(w)}") for n, w in _WORDS.items()},
    "random_move": (bool, lambda _: True, "true or false"),
    "phase": (str, ("train", "test").__contains__, "train or test"),
    "optimizer": (str, lambda name: name.lower() == "sgd", "SGD: BPM-GCN is trained with no other"),
    "data_path": (str, len, "a folder"),
    "checkpoint_path": (str, len, "a file"),
    "result_path": (str, len, "a folder"),
}


def option(name: str, given: Any, where: str) -> Any:
    """The value of one of JACK's options, checked. Raises DataError naming `where`."""
    (kind, good, wanted), value = OPTIONS[name], given
    if kind is float and type(given) in (int, str):  # YAML 1.1 takes 1e-3 for text
        with contextlib.suppress(ValueError, OverflowError):
            value = float(given)
    refuse(type(value) is not kind or not good(value), where, found=shown(given), wanted=wanted,
           cure="Correct it.")  # fmt: skip
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
    refuse(not isinstance(content, dict), str(path), found=f"a {type(content).__name__}",
           wanted="a table of settings", cure=f"Write {wanted}.")  # fmt: skip
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
    refuse(not isinstance(value, dict), where, found=shown(value), wanted="a table",
           cure="Correct it.")  # fmt: skip
    options = {}
    for key, given in value.items():
        if key == "random_move" and name == "train_feeder_args":
            options["random_move"] = option("random_move", given, f"{where}.{key}")
        elif key in fixed:
            refuse(given != fixed[key], f"{where}.{key}", found=shown(given),
                   wanted=repr(fixed[key]), cure="BPM-GCN's arrays of Emotion-Gait have no other; "
                   "leave the line out.")  # fmt: skip
        elif key not in free:
            raise _unknown(f"{where}.{_name(key)}", _name(key), [*fixed, *free, "random_move"])
    return options


def _unknown(where: str, name: str, known: list[str]) -> DataError:
    near = difflib.get_close_matches(name, known, 1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return DataError(
        where, found="a setting that is not known", wanted="one that docs/en/train.md lists",
        cure=f"{meant}Correct the name, or leave the line out.",
    )  # fmt: skip
