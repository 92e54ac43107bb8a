"""Command lines of the public JACK: options that are written in its documents and do nothing here.

They are accepted with one sentence that says why, so that such a line runs as it stands. The same
holds for an option of another phase of the same network.
"""

import argparse
from types import ModuleType
from typing import Any

# Names of the public programmes' options that no network has here, and why.
WITHOUT_EFFECT = {
    "root_path": "each path is given whole",
    "log_path": "log.csv and the event file are in --result_path",
    "expr_name": "--result_path names the run",
    "model_path": "best.pth and last.pth are in --result_path",
    "num_workers": "features are read at once",
    "output_frame_dir": "the frames are made in a folder that goes again",
    "output_audio_dir": "the sound is made in a folder that goes again",
    "use_cuda": "a GPU is taken where there is one",
    "debug": "progress is always shown",
    "dl": "the last batch is trained on, however small",
}
FLAGS = ("use_cuda", "debug", "dl")  # without a value


class Names(dict):
    """What a phase's options are called, and whether they take no value; used as a parser."""

    def add_argument(self, *names: str, **options: Any) -> None:
        self |= {name: options.get("action") == "store_true" for name in names}


def accept(parser: argparse.ArgumentParser, method: ModuleType, phase: str) -> dict[str, str]:
    """Add the options that do nothing in a phase; returns why, by the name that `parser` gives."""
    known, reasons = Names(), {}
    method.add_arguments(known, phase)
    foreign = {f"--{name}": (name in FLAGS, why) for name, why in WITHOUT_EFFECT.items()}
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
