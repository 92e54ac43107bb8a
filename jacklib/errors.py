"""One shape for every message about bad input: what, found, wanted, cure.

Whatever a message tells of a file comes through `shown` or `plain`: it is short, on one line, and
cannot steer a terminal.
"""

import errno
import json
import logging
import os
import re
import reprlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

_LONGEST = 600  # characters of one part of a message
_ELSEWHERE = re.compile(r"(^| )([A-Za-z]:[\\/]|\\\\|[a-z]{2,}:/)")  # a path of Windows', an address


def plain(text: object, longest: int = _LONGEST) -> str:
    """Text as one line that a terminal only shows: control characters, marks that turn the writing
    direction and broken code points are escaped (`\\x1b`), and the middle of a long text is cut."""
    text = text if isinstance(text, str) else str(text)
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return escaped(text)


def escaped(text: str, kept: str = "") -> str:
    """Text whose control characters, but those in `kept`, and the like are escaped."""
    if text.isprintable():
        return text
    # Cc control, Cf format (direction marks), Cs half a pair, Zl and Zp line ends
    return "".join(
        letter.encode("unicode_escape", "backslashreplace").decode("ascii")
        if letter not in kept and unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else letter
        for letter in text
    )


def logger(name: str) -> logging.Logger:
    """A module's logger. Names in its messages are foreign: each message stays on one line."""
    log = logging.getLogger(name)
    log.addFilter(_one_line)
    return log


def _one_line(record: logging.LogRecord) -> bool:
    record.msg, record.args = escaped(record.getMessage()), ()
    return True


class _Shown(reprlib.Repr):
    """`repr` of a value that a file holds, whatever its size, depth or type."""

    def __init__(self):
        super().__init__()
        self.maxlevel, self.maxstring = 3, 100

    def repr_int(self, x, level):
        return repr(x) if x.bit_length() < 128 else f"a whole number of {x.bit_length()} bits"

    def repr_instance(self, x, level):
        if x is None or isinstance(x, (bool, float, complex, os.PathLike)):
            return repr(x)
        if isinstance(x, bytes):
            return repr(x[:40]) + ("..." if len(x) > 40 else "")
        shape = getattr(x, "shape", None)
        if not isinstance(shape, tuple):
            return f"a value of type {type(x).__name__}"
        # () is the shape of one number of NumPy's
        return f"an array of shape {self.repr1(list(shape), 1)}" if shape else str(x)[:40]


_shown = _Shown()


def shown(value: object) -> str:
    """A value as a message may print it: short, whatever the value is."""
    return plain(_shown.repr(value))


class DataError(ValueError):
    """Bad input from a file or an argument: the message names it, what was found there, what is
    wanted, and what the reader can do about it."""

    def __init__(self, what: object, *, found: object, wanted: object, cure: str):
        self.what, self.found = plain(what), plain(found)
        self.wanted, self.cure = plain(wanted, 2000), plain(cure, 2000)
        if self.found.startswith("no ") and _ELSEWHERE.search(f"{self.what} {self.found}"):
            self.cure = "Give a path of this system: C:\\ is /mnt/c/ in WSL; save what the web has."
        super().__init__(f"{self.what}: found {self.found}, wanted {self.wanted}. {self.cure}")


def refuse(bad: object, what: object, *, found: object, wanted: object, cure: str) -> None:
    """Raise a DataError of these if something is bad."""
    if bad:
        raise DataError(what, found=found, wanted=wanted, cure=cure)


# What refusals and other messages of several lines say, by key; the gaps in it are their facts.
_MESSAGES = json.loads(Path(__file__).with_name("messages.json").read_text("utf-8"))


def said(key: str, /, **facts: object) -> str:
    """A message of messages.json."""
    return _MESSAGES[key]["says"].format(**facts)


def error_of(key: str, what: object, /, **facts: object) -> DataError:
    """The DataError that messages.json words under a key."""
    words = {part: text.format(**facts) for part, text in _MESSAGES[key].items()}
    return DataError(what, **words)


def refuse_as(key: str, bad: object, what: object, /, **facts: object) -> None:
    """`refuse`, in the words of messages.json."""
    if bad:
        raise error_of(key, what, **facts)


def check_choice(name: str, value, choices: Iterable, cure: str = "Choose one of these.") -> None:
    """Raise DataError unless an argument is one of the choices."""
    choices = list(choices)
    wanted = f"one of {', '.join(map(str, choices))}"
    refuse(value not in choices, name, found=shown(value), wanted=wanted, cure=cure)


def check_word(name: str, value: str, choices: Iterable[str], cure: str = "Correct it.") -> None:
    """`check_choice` of words, which are quoted."""
    wanted = " or ".join(map(repr, choices))
    refuse(value not in choices, name, found=shown(value), wanted=wanted, cure=cure)


def check_at_least(name: str, value: float, least: float, cure: str) -> None:
    """Raise DataError unless an argument is a number that is large enough."""
    refuse(not value >= least, name, found=value, wanted=f"{least} or more", cure=cure)


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    few, more = [*names][:4], len([*names]) - 4
    return ", ".join(map(plain, few)) + (f" and {more} more" if more > 0 else "")


class TrainingError(RuntimeError):
    """Training cannot go on; the message names the place and the cure."""


class DiskError(OSError):
    """The system refused to read or write something; the message is one sentence with the cure.
    part: a place beside `path` that `error` may name; the message names `path`."""

    def __init__(self, error: OSError, path: str | os.PathLike | None = None, part: object = None):
        super().__init__(error.errno, error.strerror)
        sentence = disk_words(error, path)
        self.sentence = sentence.replace(str(part), str(path)) if part else sentence

    def __str__(self) -> str:
        return self.sentence


# What the system's error means, and the cure.
_TABLE = json.loads(Path(__file__).with_name("disk_errors.json").read_text("utf-8"))
_CURES = {getattr(errno, name): words for name, words in _TABLE.items()}


def disk_words(error: OSError, path: str | os.PathLike | None = None) -> str:
    """One sentence for what the system said: place, reason, cure."""
    if isinstance(error, DiskError):
        return error.sentence
    place = path if path is not None else error.filename
    reason, cure = _CURES.get(error.errno, (None, "Check disk and path, and run it again."))
    reason = reason or (error.strerror or str(error) or type(error).__name__)
    where = plain(os.fsdecode(place)) + ": " if isinstance(place, (str, bytes, os.PathLike)) else ""
    return f"{where}{plain(reason)}. {cure}"
