"""Kernels for the CPU: their C++ in .cc files, and what calls it and oneDNN."""

import re
from pathlib import Path
from types import SimpleNamespace


def cpp(family: str) -> SimpleNamespace:
    """The pieces of C++ in FAMILY.cc by their names.

    A line `/// NAME` begins a piece; what else stands behind /// is about it and not in it.
    """
    text = Path(__file__).with_name(f"{family}.cc").read_text(encoding="utf-8")
    pieces = {}
    for part in re.split(r"^/// (?=[A-Z_]+$)", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        body = re.sub(r"^///.*\n", "", body, flags=re.MULTILINE)
        pieces[name] = "\n" + body.strip("\n") + "\n"
    return SimpleNamespace(**pieces)
