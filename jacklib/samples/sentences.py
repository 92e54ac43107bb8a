"""The sentences that ship: three scenes written for this kit and speech from three books.

    sentences = load_sentences()
    sentences.texts[0], sentences.names[sentences.labels[0]]
    for source, train, test in sentences.folds(): ...      # no source in both

`data_samples/sentences/README.md` says where they come from and how they were labelled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jacklib.errors import check_choice
from jacklib.files import csv_rows, read_text
from jacklib.samples import samples_folder

LABELS = ("negative", "neutral", "positive")
KINDS = ("scene", "book")


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


def load_sentences() -> Sentences:
    """The sentences of data_samples. Raises DataError, naming the file, if one is missing."""
    sources = {
        row["source"]: Source(**row | {"year": int(row["year"])}) for row in _rows("sources.csv")
    }
    items = tuple(
        Sentence(**row | {end: float(row[end]) if row[end] else None for end in ("start", "end")})
        for row in _rows("sentences.csv")
    )
    return Sentences(items, sources)


def _rows(name: str) -> list[dict[str, str]]:
    """The lines of a table, by column."""
    path = samples_folder() / "sentences" / name
    cure = "Take data_samples/sentences of the repository again."
    return [row for _, row in csv_rows(read_text(path, "a table", cure))[1]]
