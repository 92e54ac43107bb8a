"""A data set looked at before a day of training: `bash script/run.sh verify METHOD`.

NumPy only: no Jittor, no GPU. What is looked for, and what helps, stands in verify.yaml.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Problem(NamedTuple):
    """Something wrong with one file, or with one entry of it."""

    kind: str  # of verify.yaml
    file: str
    found: str
    wanted: str
    cure: str


class Count(NamedTuple):
    """How many items of a class there are in a split."""

    split: str
    label: str
    found: int
    official: int | None  # None where the data set is not known


@dataclass(frozen=True)
class Report:
    """What `verify` has found."""

    method: str
    data: str  # what was looked at, and the official split that it was held against
    counts: tuple[Count, ...]
    problems: tuple[Problem, ...]
    complete: bool = True  # False after Ctrl-C

    @property
    def ok(self) -> bool:
        """Nothing was found but notes (files that are not used)."""
        raise NotImplementedError

    def table(self) -> str:
        """Counts, and problems by kind: the first ten of each."""
        raise NotImplementedError

    def write(self, path: str | Path) -> Path:
        """Everything, as JSON; returns the file's path."""
        raise NotImplementedError


def verify(
    method: str, data_path: str | Path | None = None, *, dataset: str | None = None,
    video_path: str | Path | Sequence[str | Path] | None = None,
    audio_path: str | Path | None = None, annotation_path: str | Path | None = None,
    quick: bool = False, threads: int | None = None, progress: bool = False,
) -> Report:  # fmt: skip
    """Look at the data set that `method` would train on; nothing is changed.

    method: "VAANet", "CTEN", "TSL" or "Gait". data_path: its folder, in which the usual names are
        looked for; TSL and Gait take nothing else. dataset: "ve8" and so on, or a sample.
    video_path, audio_path, annotation_path: as in training, instead of data_path.
    quick: names, counts, and three frames of each clip. threads: all cores by default.

    Raises DataError if there is no such folder.
    """
    raise NotImplementedError
