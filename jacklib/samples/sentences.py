"""The sentences that ship: three scenes written for this kit and speech from three books.

    sentences = load_sentences()
    sentences.texts[0], sentences.names[sentences.labels[0]]
    for source, train, test in sentences.folds(): ...      # no source in both

`data_samples/sentences/README.md` says where they come from and how they were labelled.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jacklib.errors import DataError, check_choice, shown
from jacklib.files import csv_rows, read_text, reading
from jacklib.samples import samples_folder

LABELS = ("negative", "neutral", "positive")
KINDS = ("scene", "book")
CURE = "data_samples/sentences/README.md says what belongs."


class Source(NamedTuple):
    """A scene written for this kit, or a book. The columns of sources.csv."""

    source: str
    kind: str  # one of KINDS
    title: str
    author: str
    year: int  # of the first print
    licence: str
    attribution: str


class Sentence(NamedTuple):
    """One line. The columns of sentences.csv."""

    id: str
    source: str
    start: float | None  # seconds in the scene, None in a book
    end: float | None
    text: str
    label: str  # what the first reading said, one of LABELS
    second_label: str


@dataclass(frozen=True)
class Sentences:
    """N sentences in their files' order, and the sources they come from, by name."""

    items: tuple[Sentence, ...]
    sources: dict[str, Source]
    names: tuple[str, ...] = LABELS

    def __len__(self) -> int:
        return len(self.items)

    @property
    def texts(self) -> list[str]:
        return [item.text for item in self.items]

    @property
    def labels(self) -> np.ndarray:
        """[N] class numbers of the first reading: 0 negative, 1 neutral, 2 positive."""
        return np.array([self.names.index(item.label) for item in self.items], np.int32)

    @property
    def second_labels(self) -> np.ndarray:
        """[N] class numbers of the second reading."""
        return np.array([self.names.index(item.second_label) for item in self.items], np.int32)

    def of_kind(self, kind: str) -> np.ndarray:
        """[N] boolean: whether the sentence is from a "scene" or a "book"."""
        check_choice("kind", kind, KINDS)
        return np.array([self.sources[item.source].kind == kind for item in self.items], bool)

    def folds(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """For each source its name, and [N] booleans: the lines of all others, and its own.

        Words, people and mood that neighbouring lines share do not leak from training into testing.
        """
        sources = np.array([item.source for item in self.items])
        for name in self.sources:
            yield name, sources != name, sources == name


def load_sentences(folder: str | os.PathLike | None = None) -> Sentences:
    """Read `sentences.csv` and `sources.csv` of a folder; by default the sample sentences.

    Raises DataError, naming file and line, if a file is missing or does not hold what it should.
    """
    folder = samples_folder() / "sentences" if folder is None else Path(folder)
    sources = {}
    for place, row in _rows(folder / "sources.csv", Source._fields):
        if row["kind"] not in KINDS:
            raise _wrong(place, f"kind {shown(row['kind'])}", "scene or book")
        if not re.fullmatch("[0-9]{1,4}", row["year"]):
            raise _wrong(place, f"year {shown(row['year'])}", "a whole number")
        if row["source"] in sources:
            raise _wrong(place, f"{shown(row['source'])} a second time", "each source once")
        sources[row["source"]] = Source(**row | {"year": int(row["year"])})
    items, seen = [], set()
    for place, row in _rows(folder / "sentences.csv", Sentence._fields):
        if row["source"] not in sources:
            raise _wrong(place, f"source {shown(row['source'])}", f"one of {', '.join(sources)}")
        for column in ("label", "second_label"):
            if row[column] not in LABELS:
                raise _wrong(place, f"{column} {shown(row[column])}", f"one of {', '.join(LABELS)}")
        if not row["text"].strip():
            raise _wrong(place, "no text", "a sentence")
        if row["id"] in seen:
            raise _wrong(place, f"id {shown(row['id'])} a second time", "each id once")
        seen.add(row["id"])
        items.append(Sentence(**row | _times(place, row)))
    if not items:
        raise _wrong(str(folder / "sentences.csv"), "no sentence", "at least one")
    return Sentences(tuple(items), sources)


def _times(place: str, row: dict[str, str]) -> dict[str, float | None]:
    """Start and end of a line in seconds; both empty in a book."""
    start, end = row["start"], row["end"]
    if not start and not end:
        return {"start": None, "end": None}
    with contextlib.suppress(ValueError):
        if 0 <= float(start) < float(end) < float("inf"):
            return {"start": float(start), "end": float(end)}
    found = f"start {shown(start)}, end {shown(end)}"
    raise _wrong(place, found, "seconds, the end after the start")


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """Each line of a table as a dict, with "file, line N" for messages."""
    text = read_text(path, f"a table with columns {', '.join(columns)}", CURE)
    rows = []
    with reading(path, "CSV in UTF-8", CURE, "no readable table"):
        found, lines = csv_rows(text)
        if tuple(found) != columns:
            named = ", ".join(found[:20]) or "none"
            raise _wrong(str(path), f"columns {named}", ", ".join(columns))
        for line, row in lines:
            place = f"{path}, line {line}"
            if len(row) != len(columns):  # cells beyond them are in row[None]
                raise _wrong(place, "another number of cells", f"{len(columns)}")
            rows.append((place, row))
    return rows


def _wrong(what: str, found: str, wanted: str) -> DataError:
    return DataError(what, found=found, wanted=wanted, cure=CURE)
