"""What the notebooks' cells call: exercises that check themselves and never stop "Run all".

    classroom.check("05.2", answer)        right, wrong and why, or not done yet: one line
    classroom.hint("05.2")                 a question, a pointer, a line; at last the solution
    classroom.predict("06.p1", guess)      note a guess; `reveal` sets the result beside it
    classroom.quiz("05", answers)          five questions, and what there is to say to each answer
    classroom.progress()                   a picture of the course: what is solved, what is open

Each check prints one of
    ✓ name            right
    ✗ name: why       wrong
    ○ name: ...       not done yet: the answer is still `...` or None
An error inside the student's function is caught and shown. Nothing of the answer stands in the
cell: see `jacklib.teaching.exercise`. `grade` is `check` for marking: it raises.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from jacklib.errors import refuse
from jacklib.teaching import exercise
from jacklib.teaching import progress as kept
from jacklib.teaching.answers import Todo, Wrong, compare, one_line, plain, short
from jacklib.teaching.runs import compare_runs, say
from jacklib.teaching.speech import say as _say
from jacklib.widgets.words import language

__all__ = [
    "check", "compare_runs", "grade", "hint", "language", "predict", "progress", "quiz", "reveal",
    "say", "student", "summary",
]  # fmt: skip

TRIES = 3  # before the solution is shown
_MARKING = "NBGRADER_EXECUTION"  # set where nbgrader runs a notebook: what is wrong must raise
_results: dict[str, bool] = {}  # exercise's name -> right, in the order of first checking


def check(name: str, answer: Any, **given: Any) -> None:
    """Check an answer to an exercise, print one line, note it. given: what else the exercise needs
    of the notebook's data."""
    found = exercise.find(name)
    share = _judge(name, lambda: found.judge(answer, given=given), answer)
    assert share or not os.environ.get(_MARKING), f"{name} is not right"


def grade(name: str, answer: Any, *, seed: int, **given: Any) -> float | None:
    """Check an answer with the hidden cases of a seed, for marking: AssertionError says why it is
    wrong. Returns None for a right one, and the points where only a share of them was reached."""
    found = exercise.find(name)
    try:
        share = found.judge(answer, (seed, seed + 1, seed + 2), given)
    except Todo:
        raise AssertionError(f"{name}{_say('colon')}{_say('todo')}") from None
    except (Exception, SystemExit) as error:
        words = str(error) if isinstance(error, Wrong) else one_line(error)
        raise AssertionError(f"{name}{_say('colon')}{words}") from None
    return None if share >= 1 else share * found.facts["points"]


def hint(name: str) -> None:
    """Print the next hint; after three tries, or once it is solved, the solution and its reason."""
    found, known = exercise.find(name), kept.entry(name)
    hints, given = found.said(found.facts["hints"]), known.get("hints", 0)
    if known.get("solved") or (given >= len(hints) and len(known.get("tries", ())) >= TRIES):
        print(_say("solution", name=name))
        print("    " + found.facts["solution"].rstrip().replace("\n", "\n    "))
        print(found.said(found.facts["reason"]))
        return
    number = min(given, len(hints) - 1)
    print(_say("hint_number", name=name, number=number + 1, total=len(hints)) + hints[number])
    if given >= len(hints):
        left = TRIES - len(known.get("tries", ()))
        print(_say("tries_left", left=left))
    kept.note(name, lambda entry: entry.update(hints=min(given + 1, len(hints))))


def predict(name: str, guess: Any) -> None:
    """Note a guess, before the result is shown; while it is `...`, print the question."""
    found = exercise.find(name)
    if guess is None or guess is Ellipsis:
        print(f"○ {name}{_say('colon')}{found.said(found.facts['question'])}")
        return
    kept.note(name, lambda entry: entry.update(guess=_plain(guess)), "predictions")
    print(f"✎ {name}{_say('colon')}{_say('noted', guess=short(guess))}")


def reveal(name: str, value: Any) -> None:
    """Set the result beside the guess, and say what it teaches; nothing while there is no guess."""
    found, known = exercise.find(name), kept.entry(name, "predictions")
    if "guess" not in known:
        print(f"○ {name}{_say('colon')}{_say('no_guess')}")
        return
    try:
        compare(known["guess"], value, found.facts.get("tolerance", 1e-6))
        near = True
    except Wrong:
        near = False
    kept.note(name, lambda entry: entry.update(result=_plain(value)), "predictions")
    words = _say(
        "guess_right" if near else "guess_wrong", guess=short(known["guess"]), value=short(value)
    )
    print(
        f"{'✓' if near else '≠'} {name}{_say('colon')}{words}\n  {found.said(found.facts['says'])}"
    )


def quiz(number: str, answers: Mapping[int, str], *, seed: int | None = None) -> float | None:
    """Show a notebook's five questions and, under each that was answered, what there is to say.

    answers: {1: "a", ...}; "" is not answered yet. seed: for marking, as `grade` has it: a point
    for each right one; AssertionError if none is.
    """
    questions, right = exercise.lesson(number)["quiz"], 0
    refuse(not isinstance(answers, Mapping) or not set(answers) <= {*range(1, len(questions) + 1)},
           f"answers to the quiz of {number}", found=short(answers),
           wanted=f"a letter for each question, 1 to {len(questions)}",
           cure='Write it like {1: "a", 2: ""}.')  # fmt: skip
    page = []
    for index, question in enumerate(questions, 1):
        name, letter = f"{number}.q{index}", str(answers.get(index) or "").strip().lower()
        page.append(f"**{index} · {question['question'][language()]}**\n")
        for choice, words in question["choices"].items():
            page.append(f"- **{choice}** · {words[language()]}")
        if letter in question["choices"]:
            solved = exercise.sealed(name, letter) == question["answer"]
            right += solved
            sign, says = ("✓" if solved else "✗"), question["says"][letter][language()]
            page.append(f"\n{sign} **{letter}** · {says}")
            kept.note(name, lambda entry, solved=solved: entry.update(solved=solved))
        elif letter:
            page.append(
                f"\n○ {_say('no_choice', letter=letter, choices=', '.join(question['choices']))}"
            )
        page.append("")
    page.append(_say("quiz", right=right, total=len(questions)))
    if seed is not None or os.environ.get(_MARKING):
        assert right, f"{number}{_say('colon')}{_say('quiz', right=0, total=len(questions))}"
        return None if right == len(questions) else float(right)
    from IPython.display import Markdown, display  # a terminal's Python does without

    display(Markdown("\n".join(page)))
    return None


def student(name: str | None = None) -> str:
    """Set the learner's name or number, if one is given; return the one set ("" before)."""
    if name is not None:
        kept.change(lambda all: all.update(student=str(name)))
    return str(kept.read().get("student", ""))


def progress():
    """The whole course as a picture: a square for each exercise."""
    from IPython.display import HTML

    return HTML(kept.picture())


def summary() -> tuple[int, int]:
    """Print how many of the exercises checked here are solved, and which are open; return (solved,
    checked)."""
    total, solved = len(_results), sum(_results.values())
    if total == 0:
        print(_say("none"))
    elif solved == total:
        print(_say("all", total=total))
    else:
        print(_say("summary", solved=solved, total=total))
        left = _say("join").join(n for n, right in _results.items() if not right)
        print(_say("left", names=left))
    return solved, total


# --- how a check is judged ----------------------------------------------------------------------


def _judge(name: str, judge: Callable[[], float], answer: Any) -> float:
    """Judge an answer, print its line, note the result; returns the share that is right. Lets only
    Ctrl-C through."""
    share, tried = 0.0, True
    try:
        share = judge()
        right = share >= 1
        print(f"✓ {name}" if right else f"◐ {name}{_say('colon')}{_say('share', share=share)}")
    except Todo:
        tried = False
        print(f"○ {name}{_say('colon')}{_say('todo')}")
    except (Exception, SystemExit) as error:
        why = str(error) if isinstance(error, Wrong) else one_line(error)
        stop = "" if why.endswith((".", "。", "!", "?", "？", "！")) else _say("stop")
        print(f"✗ {name}{_say('colon')}{why}{stop}{_say('space')}{_say('more', name=name)}")
    right = share >= 1
    _results[name] = right
    if tried:
        kept.note(name, lambda entry: _tried(entry, right, answer))
    return share


def _tried(entry: dict, right: bool, answer: Any) -> None:
    """Note a try; the same wrong answer again is none."""
    code = getattr(answer, "__code__", None)
    one = exercise.sealed("try", f"{code.co_code!r}{code.co_consts!r}" if code else short(answer))
    if right:
        entry["solved"] = True
    elif one not in (tries := entry.setdefault("tries", [])):
        tries.append(one)


def _plain(value: Any) -> Any:
    """As JSON keeps it."""
    value = plain(value)
    value = value.tolist() if hasattr(value, "tolist") else value
    return value if isinstance(value, (str, int, float, bool, list)) else short(value)
