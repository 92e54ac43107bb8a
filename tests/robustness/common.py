"""What every part of the robustness command shares.

A part is a module of this folder with one function, `results(run: Run) -> Iterator[Result]`. It
does the short form, which runs in CI, or with `run.long` the long one, and works in `run.folder`.
Modules import each other as `from robustness.common import Result, Run`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent


class Result(NamedTuple):
    """What came of one kind of attack."""

    part: str  # "fuzz", "kills" ...
    name: str  # what was attacked, or how
    count: int  # trials
    bad: list[str]  # one line for each failed trial, with what it takes to repeat it


class Run(NamedTuple):
    """What the command line asks for."""

    long: bool
    seed: int
    count: int | None  # trials of each kind; None: the part's own number
    jobs: int  # processes at a time
    folder: Path  # scratch, removed afterwards; what is put into folder/keep, --keep copies


def environment(**changes: str) -> dict[str, str]:
    """For a process that imports this checkout's jacklib and these modules."""
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}"} | changes


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder in a tree, with size and time of the last change: equal where nothing
    was written."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            about = os.lstat(os.path.join(place, name))
            path = os.path.relpath(os.path.join(place, name), folder)
            found[path] = (about.st_size * (name in files), about.st_mtime_ns)
    return found


def commit() -> str:
    """The commit that is tried, with a + where files differ from it."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    said = subprocess.run([git, "describe", "--always", "--dirty=+", "--exclude=*"], cwd=ROOT,
                          capture_output=True, text=True)  # fmt: skip
    return said.stdout.strip() or "unknown"
