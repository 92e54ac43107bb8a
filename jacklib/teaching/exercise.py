"""The exercises of the notebooks: what is right, what is typically wrong, and what is said to it.

Each notebook's are in `exercises/NN.yaml`. Code in these files is text, as it stands in a cell: the
check runs it, `classroom.hint` shows it, the teacher's edition has it in place of the blank.

    level, difficulty, points    recall, apply, analyse or create; 1 to 3; how many the mark has
    kind: function   the answer is a function. `cases` (an expression; `rng` is a generator of a
                     hidden seed) gives lists of arguments; `solution` says what is right
    kind: value      `solution` defines answer(**given) of what the cell passes to the check
    kind: literal    a word or number known beforehand: only its salted hash is in the file
    kind: grade      `grade` defines grade(answer, rng, **given), which calls wrong(key, **facts)
                     or returns the share of the points that was reached
    kind: predict    a guess before a result is shown; never wrong
    wrong            typical wrong answers: code of the solution's form, and what it misses
    hints            a question, a pointer, a line
    reason           why the solution is right; that of a literal stands, with the solution, in
                     `exercises/solutions/NN.yaml`, so that the file of checks tells nothing
    quiz             five questions; what is said to each choice
"""

import contextlib
import copy
import functools
import hashlib
import linecache
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jacklib.errors import refuse
from jacklib.teaching.answers import (
    Todo,
    Wrong,
    call_text,
    compare,
    one_line,
    plain,
    resolve,
    short,
)
from jacklib.widgets.words import language

FOLDER = Path(__file__).parent / "exercises"
LEVELS = ("recall", "apply", "analyse", "create")
SEEDS = (1, 2, 3)  # of the cases that a student's own check uses; marking has others


@functools.cache
def lesson(number: str) -> dict[str, dict]:
    """A notebook's exercises by their number in it ("2", "3a", "p1"), its "quiz" and "setup"."""
    path = FOLDER / f"{number}.yaml"
    refuse(not path.is_file(), f"exercise of notebook {number!r}", found="no such notebook",
           wanted=f"one of {', '.join(lessons())}",
           cure="Write it as in the text: 05.2.")  # fmt: skip
    read = yaml.safe_load(path.read_text("utf-8"))
    told = FOLDER / "solutions" / path.name  # of literals
    for name, more in (yaml.safe_load(told.read_text("utf-8")) if told.exists() else {}).items():
        read[name] |= more
    return read


def lessons() -> list[str]:
    """The notebooks that have exercises: "00", "00a", ..."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def numbers(number: str) -> list[str]:
    """The exercises of a notebook ("05.1a", "05.2"), in its order; predictions are none."""
    found = lesson(number).items()
    return [f"{number}.{k}" for k, e in found if k[0].isdigit() and e["kind"] != "predict"]


def find(name: str) -> "Exercise":
    """The exercise of this name. Raises DataError for another."""
    number, _, key = str(name).partition(".")
    known = lesson(number)
    names = [f"{number}.{k}" for k in known if k not in ("setup", "quiz")]
    refuse(f"{number}.{key}" not in names, f"exercise {name!r}", found="no such exercise",
           wanted=f"one of {', '.join(names)}", cure="Write it as in the text.")  # fmt: skip
    return Exercise(str(name), known[key])


def sealed(name: str, value: Any, digits: int = 6) -> str:
    """The salted hash of a literal answer."""
    return hashlib.sha256(f"jack {name} {_spelled(value, digits)}".encode()).hexdigest()[:16]


def right_choice(number: str, question: int) -> str:
    """The letter that is right in a quiz's question, 1 to 5."""
    asked = lesson(number)["quiz"][question - 1]
    name = f"{number}.q{question}"
    return next(c for c in asked["choices"] if sealed(name, c) == asked["answer"])


def _spelled(value: Any, digits: int) -> str:
    """The one spelling of answers that count as the same."""
    value = plain(value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return " ".join(_spelled(item, digits) for item in value)
    with contextlib.suppress(ValueError, TypeError):
        return f"{float(value):.{digits - 1}e}"  # also of a number that was typed as text
    return str(value).strip().lower()


class Exercise:
    """One exercise of a lesson's file."""

    def __init__(self, name: str, facts: dict):
        self.name, self.facts = name, facts
        self.lesson, self.key = name.split(".", 1)

    def said(self, words: dict) -> Any:
        """The words of {"en", "zh"} in the reader's language."""
        return words[language()]

    def judge(self, answer: Any, seeds: Sequence[int] = SEEDS, given: dict | None = None) -> float:
        """The share of the points, 1 for a right answer. Raises Todo or Wrong, which says why."""
        kind = self.facts["kind"]
        if kind == "function":
            return self._judge_function(answer, seeds)
        if kind == "grade":
            return self._judge_by_grade(answer, seeds, given or {})
        answer = resolve(answer)
        if kind == "literal":
            digits = self.facts.get("digits", 6)
            hashed = sealed(self.name, answer, digits)
            if hashed in self.facts.get("says", {}):
                raise Wrong(self.said(self.facts["says"][hashed]))
            if hashed != self.facts["answer"]:
                raise Wrong("value", got=short(answer))
            return 1.0
        tolerance = self.facts.get("tolerance", 1e-6)
        right = self.names(self.facts["solution"])["answer"](**copied(given or {}))
        self._explain(
            answer, right, tolerance, lambda code: self.names(code)["answer"](**copied(given or {}))
        )
        return 1.0

    def _judge_function(self, function: Any, seeds: Sequence[int]) -> float:
        wanted, earlier = self.function(self.facts["solution"]), []
        tolerance = self.facts.get("tolerance", 1e-6)
        for arguments in self.cases(seeds):
            got = called(function, arguments)
            right = called(wanted, arguments)
            earlier.append((arguments, got))
            try:
                compare(got, right, tolerance)
            except Wrong as wrong:
                for typical in self.facts.get("wrong", ()):
                    if _all_same(earlier, self.function(typical["code"]), tolerance):
                        raise Wrong(self.said(typical)) from None
                big = np.ndim(plain(right)) > 0 and np.size(plain(right)) > 8
                detail = str(wrong) if big else short(got)
                call = call_text(function, *_given(arguments))
                raise Wrong("case", call=call, got=detail, wanted=short(right)) from None
        return 1.0

    def _judge_by_grade(self, answer: Any, seeds: Sequence[int], given: dict) -> float:
        answer = (
            _watched(answer)
            if callable(answer) and not isinstance(answer, type)
            else resolve(answer)
        )
        reached = self.names(self.facts["grade"])["grade"](answer, self.rng(seeds[0]), **given)
        share = 1.0 if reached is None else min(1.0, float(reached))
        if not share > 0:
            raise Wrong("value", got=short(answer))
        return share

    def _explain(
        self, got: Any, right: Any, tolerance: float, typical: Callable[[str], Any]
    ) -> None:
        """Raise Wrong unless the two agree: with the words of the typical wrong answer it is."""
        try:
            compare(got, right, tolerance)
        except Wrong:
            for wrong in self.facts.get("wrong", ()):
                if _same(got, lambda code=wrong["code"]: typical(code), tolerance):
                    raise Wrong(self.said(wrong)) from None
            raise

    def rng(self, seed: int) -> np.random.Generator:
        """The generator of this exercise's cases for a seed."""
        return np.random.default_rng([seed, int(sealed(self.name, "rng"), 16) % 2**32])

    def cases(self, seeds: Sequence[int]) -> list:
        """The arguments that a function is tried with."""
        code = self._compiled(self.facts["cases"].strip(), "eval")
        return [
            case for seed in seeds for case in eval(code, self.setup() | {"rng": self.rng(seed)})
        ]

    def function(self, code: str) -> Callable:
        """The last function that a solution's or wrong answer's code defines."""
        before, names = set(self.setup()), self.names(code)
        return [value for key, value in names.items() if key not in before and callable(value)][-1]

    def names(self, code: str) -> dict[str, Any]:
        """What a piece of this file's code defines."""
        names = self.setup() | {"wrong": self._wrong}
        exec(self._compiled(code, "exec"), names)
        return names

    def setup(self) -> dict[str, Any]:
        """The names that all code of the file has."""
        return dict(_setup(self.lesson))

    def _wrong(self, key: str, **facts: Any) -> None:
        raise Wrong(self.said(self.facts["feedback"][key]).format(**facts))

    def _compiled(self, code: str, how: str):
        place = f"<exercise {self.name} {hashlib.sha1(code.encode()).hexdigest()[:6]}>"
        linecache.cache[place] = (len(code), None, code.splitlines(keepends=True), place)
        return compile(code, place, how)


@functools.cache
def _setup(number: str) -> dict[str, Any]:
    names: dict[str, Any] = {"np": np, "math": math, "__name__": f"exercises_{number}"}
    exec(compile(lesson(number).get("setup") or "", f"<exercises {number} setup>", "exec"), names)
    return names


# --- calling what a student wrote -----------------------------------------------------------------


def _given(arguments: Any) -> tuple[tuple, dict]:
    """Positional and keyword arguments of a case: a tuple, a dict, or one argument alone."""
    if isinstance(arguments, dict):
        return (), arguments
    return (arguments if isinstance(arguments, tuple) else (arguments,)), {}


def copied(value: Any) -> Any:
    """A copy, so that an answer cannot change what later cases see; what cannot be, as it is."""
    with contextlib.suppress(Exception):
        return copy.deepcopy(value)
    return value


def called(function: Any, arguments: Any) -> Any:
    """What a function gives for a case. Raises Todo for a placeholder, Wrong for an error in it."""
    return _call(function, *_given(arguments))


def _call(function: Any, given: tuple, named: dict) -> Any:
    if function is None or function is Ellipsis:
        raise Todo
    if not callable(function):
        raise Wrong("not_function", got=short(function))
    own, own_named = copied((given, named))
    try:
        got = function(*own, **own_named)
    except NotImplementedError:
        raise Todo from None
    except (Exception, SystemExit) as error:  # `exit()` in an answer must not end the kernel
        call = call_text(function, given, named)
        raise Wrong("case_error", call=call, error=one_line(error)) from None
    if got is None or got is Ellipsis:
        raise Todo
    return got


def _watched(function: Callable) -> Callable:
    """The function, such that a placeholder and an error in it are told from a wrong answer."""
    return functools.wraps(function)(lambda *given, **named: _call(function, given, named))


def _all_same(calls: Sequence[tuple], other: Callable, tolerance: float) -> bool:
    """Whether a function gives what the student's gave in all of its calls (arguments, result)."""
    return all(_same(got, lambda a=given: called(other, a), tolerance) for given, got in calls)


def _same(got: Any, other: Callable[[], Any], tolerance: float) -> bool:
    """Whether a typical wrong answer gives what the student's gave."""
    with contextlib.suppress(Exception):
        compare(got, other(), tolerance)
        return True
    return False
