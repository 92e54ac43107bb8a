"""Small files that are written whole or not at all, and locks between processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .errors import DataError


def read_table(path: Path, *, needed: bool = False, cure: str = "Mend the file.") -> dict:
    """A JSON file that holds a table; {} where there is none, unless it is `needed`.

    Raises DataError, naming the file, where it is missing though needed, or holds no table.
    """
    if not needed and not path.exists():
        return {}
    if not path.is_file():
        raise DataError(str(path), found="no such file", wanted="a JSON file", cure=cure)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise DataError(
            str(path), found=f"no valid JSON ({error})", wanted="a table", cure=cure
        ) from error
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise DataError(str(path), found=f"a {kind}", wanted="a table", cure=cure)
    return content


def write_json(path: Path, content: dict) -> None:
    """Write a table as JSON."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    _whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    _whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file."""

    def save(part: Path) -> None:
        with open(part, "wb") as file:
            np.save(file, array)

    _whole(path, save)


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    write(part)
    os.replace(part, path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file; the system lets go of it even when we are killed."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = open(path, "a")
            break
        except FileNotFoundError:  # another process finished, and took its folder away, just now
            continue
    with handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        except ImportError:  # Windows has no flock: there, two builds at once would collide
            pass
        yield
