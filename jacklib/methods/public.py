"""Command lines of the public JACK: options that are written in its documents and do nothing here.

They are accepted with one sentence that says why, so that such a line runs as it stands. The same
holds for an option of another phase of the same network.
"""

import argparse
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

WITHOUT_EFFECT = yaml.safe_load(Path(__file__).with_name("public.yaml").read_text("utf-8"))


class Names(dict):
    """What a phase's options are called, and whether they take no value; used as a parser."""

    def add_argument(self, *names: str, **options: Any) -> None:
        self |= {name: options.get("action") == "store_true" for name in names}


def accept(parser: argparse.ArgumentParser, method: ModuleType, phase: str) -> dict[str, str]:
    """Add the options that do nothing in a phase; returns why, by the name that `parser` gives."""
    known, reasons = Names(), {}
    method.add_arguments(known, phase)
    public, flags = WITHOUT_EFFECT["every network"], WITHOUT_EFFECT["flags"]
    foreign = {f"--{name}": (name in flags, why) for name, why in public.items()}
    for other in method.PHASES:
        names = Names()
        method.add_arguments(names, other)
        foreign |= {name: (flag, f"an option of {other}") for name, flag in names.items()}
    for name, (flag, why) in foreign.items():
        if name not in known:
            kind = {"action": "store_true"} if flag else {"nargs": "*"}
            parser.add_argument(name, dest=name, help=argparse.SUPPRESS, default=None, **kind)
            reasons[name] = why
    return reasons


def idle(args: argparse.Namespace, reasons: dict[str, str]) -> list[str]:
    """A sentence for each option given that does nothing, which is taken out of `args`."""
    given = [name for name in reasons if vars(args).pop(name, None) is not None]
    return [f"without effect here: {name} ({reasons[name]})" for name in given]
