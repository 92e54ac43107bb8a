"""A private copy of the installed Jittor 1.3.11 that compiles with CUDA 13 and cuDNN 9.

Each change is one text replaced by another, with the reason, in cuda_patch.txt. The installed
Jittor is not touched.
"""

import importlib.metadata
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from jacklib.backend.folders import digest, make_once, text_of
from jacklib.errors import said


class Change(NamedTuple):
    """In `file`, `old` becomes `new` wherever it stands."""

    file: str
    why: str
    old: str
    new: str


# No YAML: `gpu_check` runs where nothing reads it.
_PARTS = (part.partition("\n") for part in text_of("cuda_patch.txt").split("\n\n@@ ")[1:])
CHANGES = tuple(
    Change(*head.split(": ", 1), *body.rstrip("\n").split("\n@@ becomes\n"))
    for head, _, body in _PARTS
)


def patched_copy(site_packages: Path, folder: Path) -> Path:
    """The folder with the changed copies of `jittor` and `jittor_utils`, made if need be.

    site_packages: where both are installed. Raises RuntimeError if a text to be changed is not
    there: another Jittor than these changes are for.
    """
    if site_packages.parent == folder:
        return site_packages  # this process found a copy first: its parent made it
    what = [importlib.metadata.version("jittor"), sys.version, str(site_packages)]
    what += map(str, CHANGES)
    made = folder / f"jittor-{digest('|'.join(what))}"

    def fill(making: Path) -> None:
        for name in ("jittor", "jittor_utils"):
            shutil.copytree(site_packages / name, making / name,
                ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        apply(making)

    make_once(made, fill, made.is_dir)
    return made


def apply(root: Path) -> None:
    """Make the changes in root/jittor. Raises RuntimeError if one does not fit."""
    for change in CHANGES:
        path = root / change.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if change.old not in text:
            old = change.old.strip().splitlines()[0]
            raise RuntimeError(said("another Jittor", file=change.file, old=old, why=change.why))
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")
