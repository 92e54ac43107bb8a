"""Data sets of many files, of which some cannot be read.

One bad item never ends a run over many: it is named once in the log and kept in `.unreadable`; in
training the next one that can be read takes its place, elsewhere it is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any, NamedTuple

from jacklib.errors import DataError, logger

log = logger(__name__)


class Files:
    """What such data sets share: their items, and which of them could not be read. A subclass has
    `load(index, epoch)`, which raises DataError naming the file."""

    kind = "clip"  # what messages call an item

    def __init__(self):
        self.items: list[Any] = []  # each with an .id
        self._unreadable: dict[str, Exception] = {}

    def __len__(self) -> int:
        return len(self.items)

    @property
    def unreadable(self) -> dict[str, str]:
        """Why, by ID: the items of which a file was found to be missing or damaged, so far."""
        return {name: str(error) for name, error in self._unreadable.items()}

    @property
    def errors(self) -> list[Exception]:
        """What is wrong with the items that are left out."""
        return list(self._unreadable.values())

    def not_read(self, index: int, error: DataError) -> None:
        """Take down that item `index` could not be read; the first time, warn of it."""
        # Its traceback would keep what was read in memory.
        error.__cause__ = error.__context__ = None
        known = self._unreadable.setdefault(self.items[index].id, error.with_traceback(None))
        if known is error:
            log.warning("a %s that cannot be read: %s", self.kind, error)

    def only(self, ids: Collection[str]) -> Files:
        """These items alone, in the order that they have here: for what goes with predictions."""
        chosen, kept = copy.copy(self), frozenset(ids)
        chosen.items = [item for item in self.items if item.id in kept]
        return chosen


class Loaded(NamedTuple):
    """What came of loading an item."""

    index: int  # of the item that was read, perhaps in place of another
    sample: Any
    error: DataError | None = None  # why there is no sample


def load_or_leave(files: Files, index: int, epoch: int = 0, replace: bool = False) -> Loaded:
    """Load item `index` or, with `replace`, the next in order that can be read. Which one that is
    depends on the files alone, so that a resumed run has the same. Raises DataError, with
    `replace`, if not one can be read."""
    failed: list[tuple[int, DataError]] = []
    for place in range(index, index + (len(files) if replace else 1)):
        place %= len(files)
        try:
            found = Loaded(place, files.load(place, epoch))
            break
        except DataError as error:
            failed.append((place, error))
    else:
        if replace:
            raise nothing_left(failed[0][1])
        found = Loaded(index, None, failed[0][1])
    for place, error in failed:
        files.not_read(place, error)
    return found


def nothing_left(error: DataError) -> DataError:
    """For a data set of which nothing could be read; error: what the first item's was."""
    found = f"{error.found}, and no other that can be read"
    return DataError(error.what, found=found, wanted=error.wanted, cure=error.cure)
