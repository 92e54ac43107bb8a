"""Annotations as lists in UCF-101's form, which the released tools of VAANet and CTEN make.

    classInd.txt      NUMBER CLASS       one line per class, counted from 1
    trainlist01.txt   CLASS/ID NUMBER    the training clips; ID may end as a video does (.avi)
    testlist01.txt    CLASS/ID           the validation clips, the number may stand here too

IDs may have blanks in them, lines may end in CRLF. The released ve8_json.py makes a table by ID of
them, so that of an ID that stands there twice the last line counts; here too, with a warning.
"""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from jacklib.data.media import VIDEO_ENDINGS
from jacklib.errors import logger, refuse, shown
from jacklib.files import read_text, reading

log = logger(__name__)

_LIST = re.compile(r"(?:train|test)list(\d*)\.txt", re.IGNORECASE)
_WANTED, _CURE = "CLASS/ID NUMBER", "docs/en/dataset.md shows the lists."


class Entry(NamedTuple):
    """One clip as an annotation lists it."""

    where: str  # file and line
    id: str
    subset: str
    label: str


def lists_of(path: str | Path) -> list[Path] | None:
    """classInd.txt, trainlistNN.txt and testlistNN.txt, if `path` is one of these two lists or a
    folder of them (the first number counts); None for any other path."""
    path = Path(path)
    found = sorted(filter(_LIST.fullmatch, os.listdir(path))) if path.is_dir() else [path.name]
    if not found or not (match := _LIST.fullmatch(found[0])):
        return None
    folder = path if path.is_dir() else path.parent
    return [folder / name for name in ("classInd.txt", *(f"{kind}list{match[1]}.txt"
                                                         for kind in ("train", "test")))]  # fmt: skip


def read_lists(files: list[Path]) -> tuple[list[str], list[Entry]]:
    """The classes in the order of their numbers, and every line's entry. Raises DataError naming
    file and line."""
    labels = _read_classes(files[0])
    entries = []
    for file, subset in zip(files[1:], ("training", "validation"), strict=True):
        text = read_text(file, f"a line {_WANTED} per clip", _CURE)
        lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        splits = [re.fullmatch(r"(.*\S)\s+(\d+)", line) for _, line in lines]
        # "CLASS/my clip 2" has no number: where one line of a test list has none, none has.
        numbered = subset == "training" or all(splits)
        for (number, line), split in zip(lines, splits, strict=True):
            where, name = f"{file}, line {number}", split[1] if split and numbered else line
            label, slash, clip = name.partition("/")
            refuse(not slash or not clip or "/" in clip or (numbered and not split), where,
                   found=shown(line), wanted=_WANTED, cure=_CURE)  # fmt: skip
            place = str(labels.index(label) + 1) if label in labels else f"that {files[0]} lists"
            refuse(label not in labels or numbered and split[2].lstrip("0") != place, where,
                   found=shown(line), wanted=f"class and number as in {files[0]}: "
                   f"{label} {place}", cure="Correct the line, or the list of classes."
            )  # fmt: skip
            stem, ending = os.path.splitext(clip)
            clip = stem if ending.lower() in VIDEO_ENDINGS else clip
            entries.append(Entry(where, clip, subset, label))
    return labels, entries


def _read_classes(file: Path) -> list[str]:
    cure = 'Write it beside the lists, one line per class: "1 Anger", "2 Joy" and so on.'
    wanted = "a line NUMBER CLASS per class, numbered 1, 2, 3 ..."
    labels: list[str] = []
    for line in filter(str.strip, read_text(file, wanted, cure).splitlines()):
        number, _, label = line.strip().partition(" ")
        refuse(number != str(len(labels) + 1) or not label.strip(), file, found=shown(line),
               wanted=wanted, cure=cure)  # fmt: skip
        labels.append(label.strip())
    return labels


def annotation_of(files: list[Path]) -> dict:
    """What the lists say, in the layout of an annotation file. Raises DataError as `read_lists`."""
    labels, entries = read_lists(files)
    for _, twice in doubled(entries):
        log.warning("%s: %r is listed a second time; this line counts", twice.where, twice.id)
    return {"labels": labels, "database": {
        e.id: {"subset": e.subset, "annotations": {"label": e.label}} for e in entries
    }}  # fmt: skip


def entries_of(path: str | Path) -> list[Entry]:
    """Every entry of an annotation that `video.read_annotation` reads, in the file's order; a table
    in JSON would hide all but the last entry of an ID."""
    if files := lists_of(path):
        return read_lists(files)[1]
    text = read_text(path, "a JSON file", "Fix the file.")
    with reading(path, "an annotation file", "Fix the file."):
        content = [(name, dict(about)) for name, about in dict(
            json.loads(text, object_pairs_hook=list))["database"]]  # fmt: skip
        return [
            Entry(str(path), name, about["subset"], dict(about["annotations"])["label"])
            for name, about in content
        ]


def doubled(entries: list[Entry]) -> list[tuple[Entry, Entry]]:
    """The first and each later entry of IDs that are listed more than once."""
    first: dict[str, Entry] = {}
    return [(first[e.id], e) for e in entries if first.setdefault(e.id, e) is not e]
