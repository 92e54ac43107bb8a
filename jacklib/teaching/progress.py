"""What a learner has done, kept over kernels and days in one file: ~/.jack/progress.json, or where
JACK_PROGRESS says.

    {"student": "2024001", "exercises": {"05.2": {"solved": true, "tries": [...], "hints": 1}},
     "predictions": {"06.p1": {"guess": 12}}}
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jacklib.backend.folders import home
from jacklib.errors import DataError, disk_words, logger, plain
from jacklib.files import filled, locked, read_table, write_json
from jacklib.teaching import exercise
from jacklib.teaching.speech import TEXT
from jacklib.widgets.words import language

_unkept: dict[str, Any] = {}  # where the file cannot be written, while the kernel lives


def file() -> Path:
    """Where the progress is kept."""
    return Path(os.environ.get("JACK_PROGRESS") or home() / ".jack" / "progress.json")


def read() -> dict[str, Any]:
    """All that is kept. What no longer can be read is put aside, never overwritten."""
    if _unkept:
        return _unkept
    try:
        kept = read_table(file())
        parts = [kept.setdefault(part, {}) for part in ("exercises", "predictions")]
        if all(isinstance(part, dict) for part in parts):
            return kept
    except DataError:
        pass
    number, aside = 1, file()
    while aside.exists():
        aside, number = file().with_name(f"progress.damaged-{number}.json"), number + 1
    with contextlib.suppress(OSError):
        file().rename(aside)
    logger(__name__).warning("%s: cannot be read; it is kept as %s", file(), aside.name)
    return {"exercises": {}, "predictions": {}}


def change(make: Callable[[dict[str, Any]], Any]) -> None:
    """Change what is kept, one kernel at a time."""
    global _unkept
    if not _unkept:
        try:
            with locked(file().parent, "noting what was solved"):
                kept = read()
                make(kept)
                write_json(file(), kept)
            return
        except OSError as error:
            words = "%s (%s): what you solve is kept until this kernel ends"
            logger(__name__).warning(words, file(), disk_words(error))
            _unkept = {"exercises": {}, "predictions": {}}
    make(_unkept)


def note(name: str, make: Callable[[dict[str, Any]], Any], part: str = "exercises") -> None:
    """Change what is kept of one exercise."""
    change(lambda kept: make(kept[part].setdefault(name, {})))


def entry(name: str, part: str = "exercises") -> dict:
    """What is kept of an exercise; {} where it was not tried."""
    found = read()[part].get(name)
    return found if isinstance(found, dict) else {}


def picture() -> str:
    """The whole course as SVG: a row for each notebook, a square for each exercise."""
    rows, text = [], TEXT[language()]
    for number in exercise.lessons():
        marks = []
        for name in exercise.numbers(number):
            known = entry(name)
            state = "solved" if known.get("solved") else "tried" if known.get("tries") else "open"
            facts = exercise.find(name).facts
            level = text["levels"][exercise.LEVELS.index(facts["level"])]
            marks.append({"name": name, "state": state, "level": level,
                          "says": f"{name} · {level} · {text['states'][state]}"})  # fmt: skip
        quiz = [entry(f"{number}.q{k}").get("solved") for k in range(1, 6)]
        solved = sum(mark["state"] == "solved" for mark in marks)
        rows.append(
            {"number": number, "marks": marks, "solved": solved, "quiz": sum(map(bool, quiz))}
        )
    who = plain(str(read().get("student", "")), 60)
    return filled(Path(__file__).with_name("progress.html"), rows=rows, text=text, who=who)
