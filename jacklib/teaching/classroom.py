"""Exercise checks for the notebooks, which print one line and never stop "Run all"; `compare_runs`,
the one rule of comparing runs; `say`, a sentence in the reader's language.

    check_value("1a shape", answer, 4096, hint="Multiply width by positions.")
    check_function("1b pooling", pool, [(([1.0, 3.0],), 2.0)], hint="The mean, not the sum.")
    summary()

Each check prints one of
    ✓ name            right
    ✗ name: why       wrong, with the hint
    ○ name: ...       not done yet: the answer is still `...` or None
and returns whether it was right. An error inside the student's function is caught and shown.
Where the answer may not even exist (the name is unknown), pass `lambda: answer`: `check_value`
calls a function that it is given.

Arrays may be NumPy arrays, lists, or anything with `.numpy()` (Jittor Vars, PyTorch tensors).
"""

import contextlib
import copy
import itertools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jacklib.errors import check_word, refuse_as
from jacklib.widgets.words import texts

_TEXT = texts("classroom")

_language = "en"
_results: dict[str, bool] = {}  # exercise's name -> right, in the order of first checking


class _Todo(Exception):
    """The answer is still the placeholder."""


class _Wrong(Exception):
    """The answer is wrong; the message, by its key and values, says how."""

    def __init__(self, key: str, **values: Any):
        super().__init__(_say(key, **values))


def language(lang: str) -> None:
    """Set the language of the messages: "en" or "zh"."""
    global _language
    check_word("lang", lang, _TEXT, "Pass one of these.")
    _language = lang


def check_value(
    name: str, got: Any, wanted: Any, *, tolerance: float = 1e-6, hint: str = "", hint_zh: str = ""
) -> bool:
    """Check an answer: a number, text, truth value, array, or a list, tuple or dict of them.

    got: the answer, or a function without arguments that gives it. tolerance: how far numbers may
    be off, absolutely or relative to the wanted one. The wanted answer is not printed.
    """
    return _judge(name, lambda: _compare(_resolve(got), wanted, tolerance), hint, hint_zh)


def check_function(
    name: str, function: Callable, cases: Sequence[tuple[Any, Any]], hint: str = "",
    hint_zh: str = "", *, tolerance: float = 1e-6,
) -> bool:  # fmt: skip
    """Check a function on cases, each (arguments, wanted result), stopping at the first wrong one.

    arguments: a tuple of positional arguments, a dict of keyword arguments, or one argument alone.
    The function gets copies, so that it cannot change what later cases see. A function that still
    returns `...` or None, or raises NotImplementedError, is not done yet.
    """

    def compare() -> None:
        if function is None or function is Ellipsis:
            raise _Todo
        if not callable(function):
            raise _Wrong("not_function", got=_short(function))
        for arguments, wanted in cases:
            given, named = arguments if isinstance(arguments, tuple) else (arguments,), {}
            if isinstance(arguments, dict):
                given, named = (), arguments
            call = _call_text(function, given, named)
            own = given, named
            with contextlib.suppress(Exception):  # what cannot be copied the function gets as it is
                own = copy.deepcopy(own)
            try:
                got = function(*own[0], **own[1])
            except NotImplementedError:
                raise _Todo from None
            # SystemExit: `exit()` in an answer must not end the kernel.
            except (Exception, SystemExit) as error:
                raise _Wrong("case_error", call=call, error=_one_line(error)) from None
            if got is Ellipsis or (got is None and wanted is not None):
                raise _Todo
            try:
                _compare(got, wanted, tolerance)
            except _Wrong as wrong:
                big = np.ndim(_plain(wanted)) > 0 and np.size(_plain(wanted)) > 8
                detail = str(wrong) if big else _short(got)
                raise _Wrong("case", call=call, got=detail, wanted=_short(wanted)) from None

    return _judge(name, compare, hint, hint_zh)


def summary() -> tuple[int, int]:
    """Print how many exercises are solved, and which are open; return (solved, checked)."""
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


# --- comparing runs -----------------------------------------------------------------------------


def say(en: str, zh: str) -> None:
    """Print a sentence in the language that was set: how a cell says what its numbers show."""
    print(textwrap.fill(zh, 50) if _language == "zh" else textwrap.fill(en, 100))


class Pair(NamedTuple):
    """Two settings compared seed by seed."""

    differences: np.ndarray  # one per seed, the first setting minus the second
    agree: int  # differences with the more frequent sign
    chance: float  # how often tossed coins agree as much or more


def compare_runs(
    measure: str, runs: Mapping[str, Mapping[int, float]], *, fixed: str, fixed_zh: str = ""
) -> dict[tuple[str, str], Pair]:
    """Print what two or more settings reached, and each two of them seed by seed.

    measure: what the values are. runs: {setting: {seed: value}}; runs of one seed are a pair.
    fixed: what was not varied, of which the comparison says nothing. Raises DataError if a setting
    has other seeds than the first, or a value is not finite.
    """
    seeds = sorted(next(iter(runs.values()), ()))
    for name, values in (runs or {"nothing": {}}).items():
        bad = sorted(values) != seeds or not np.isfinite([*values.values()]).all() or not seeds
        refuse_as("other seeds", bad, f"runs of {name!r}", values=str(dict(values)), seeds=seeds)
    rows = {name: np.array([values[s] for s in seeds], float) for name, values in runs.items()}
    pairs, width = {}, max(2 * max(map(len, rows)) + 5, len(measure) + 2)
    print(f"{measure:{width}}" + "".join(f"{f'seed {s}':>9}" for s in seeds) + f"{'mean':>9}")
    for name, row in rows.items():
        print(f"{name:{width}}" + "".join(f"{value:9.3f}" for value in [*row, row.mean()]))
    for (one, a), (other, b) in itertools.combinations(rows.items(), 2):
        d = np.where(np.isclose(a, b, rtol=0, atol=1e-9), 0, a - b)  # rounding is no difference
        agree, signs = max((d > 0).sum(), (d < 0).sum()), (d != 0).sum()
        coins = 2 * sum(math.comb(signs, k) for k in range(agree, signs + 1)) / 2.0**signs
        pair = pairs[one, other] = Pair(d, int(agree), min(1.0, coins))
        line = "".join(f"{value:+9.3f}" for value in [*d, d.mean()])
        spread = f" ± {d.std(ddof=1):.3f}" if len(d) > 1 else ""
        print(f"{f'{one} − {other}':{width}}{line}{spread}")
        words = "shown" if pair.chance <= 0.05 else "few" if agree == len(d) > 1 else "luck"
        print("    " + _say(words, agree=agree, n=len(d), signs=signs, chance=pair.chance))
    print(_say("fixed", fixed=(fixed_zh or fixed) if _language == "zh" else fixed))
    return pairs


# --- how a check is judged ----------------------------------------------------------------------


def _judge(name: str, compare: Callable[[], None], hint: str, hint_zh: str) -> bool:
    """Run a comparison, print its line, note the result. Lets only Ctrl-C through."""
    right = False
    try:
        compare()
        right = True
        print(f"✓ {name}")
    except _Todo:
        print(f"○ {name}{_say('colon')}{_say('todo')}")
    except (Exception, SystemExit) as error:
        why = str(error) if isinstance(error, _Wrong) else _one_line(error)
        chosen = (hint_zh or hint) if _language == "zh" else (hint or hint_zh)
        if chosen:
            stop = "" if why.endswith((".", "。", "!", "?")) else _say("stop")
            why += stop + _say("space") + _say("hint", hint=chosen)
        print(f"✗ {name}{_say('colon')}{why}")
    _results[str(name)] = right
    return right


def _resolve(answer: Any) -> Any:
    """The answer itself. Raises _Todo if it is still the placeholder or not there at all."""
    if callable(answer) and not hasattr(answer, "shape"):
        try:
            answer = answer()
        except NotImplementedError:
            raise _Todo from None
        except NameError as error:
            # `lambda: answer` before the student has written `answer` is not done rather than
            # wrong; an unknown name deeper down is a mistake to show.
            if error.__traceback__.tb_next.tb_next is not None:
                raise
            raise _Todo from None
    if answer is None or answer is Ellipsis:
        raise _Todo
    return answer


def _compare(got: Any, wanted: Any, tolerance: float) -> None:
    """Raise _Wrong, saying how, unless the two agree."""
    other = _Wrong("value", got=_short(got))
    if isinstance(wanted, dict):
        if not isinstance(got, dict) or set(got) != set(wanted):
            raise other
        for key, value in wanted.items():
            _compare(got[key], value, tolerance)
        return
    wanted_array = None if isinstance(wanted, (bool, np.bool_)) else _numbers(wanted)
    if wanted_array is None and isinstance(wanted, (list, tuple)):  # texts, a mixed or ragged list
        if not isinstance(got, (list, tuple)) or len(got) != len(wanted):
            raise other
        for one, wanted_one in zip(got, wanted, strict=True):
            _compare(one, wanted_one, tolerance)
        return
    if wanted_array is None:
        same = _plain(got) == wanted
        if not isinstance(same, (bool, np.bool_)) or not same:  # an array's == gives an array
            raise other
        return
    got_array = _numbers(got)
    if got_array is None:
        raise _Wrong("type", got=_short(got), kind=type(got).__name__)
    if got_array.shape != wanted_array.shape:
        raise _Wrong("shape", got=list(got_array.shape), wanted=list(wanted_array.shape))
    close = np.isclose(got_array, wanted_array, rtol=tolerance, atol=tolerance, equal_nan=True)
    if close.all():
        return
    if got_array.size == 1:
        raise other
    missing = ~np.isfinite(got_array) & np.isfinite(wanted_array)
    if missing.any():
        raise _Wrong("nan", count=int(missing.sum()), size=got_array.size)
    most = float(np.nanmax(np.abs(got_array - wanted_array)))
    raise _Wrong("far", count=int((~close).sum()), size=got_array.size, most=most)


def _numbers(value: Any) -> np.ndarray | None:
    """The value as an array of numbers, or None where it is none."""
    try:
        array = np.asarray(_plain(value))
    except (ValueError, TypeError):  # ragged lists, objects NumPy cannot take
        return None
    if array.dtype.kind not in "biufc":
        return None
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _plain(value: Any) -> Any:
    """Jittor Vars and PyTorch tensors as NumPy arrays, also inside lists; the rest unchanged."""
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "numpy") and callable(value.numpy):
        return value.numpy()
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    return value


def _call_text(function: Callable, given: tuple, named: dict) -> str:
    inside = [*map(_short, given), *(f"{key}={_short(value)}" for key, value in named.items())]
    name = getattr(function, "__name__", "function")
    # A lambda has no name that a reader knows.
    return f"{'function' if name == '<lambda>' else name}({', '.join(inside)})"


def _short(value: Any) -> str:
    """One short line that shows a value; a large array by its shape."""
    try:
        plain = _plain(value)
        if isinstance(plain, np.ndarray) and plain.size > 8:
            return f"array of shape {list(plain.shape)}"
        words = repr(plain.tolist() if isinstance(plain, (np.ndarray, np.generic)) else plain)
    except Exception:  # a __repr__ of the student's own that fails
        words = f"<{type(value).__name__}>"
    words = " ".join(words.split())
    return words if len(words) <= 60 else words[:57] + "..."


def _one_line(error: BaseException) -> str:
    """An error as Python's last line has it: type and message."""
    words = type(error).__name__
    with contextlib.suppress(Exception):  # a __str__ of the student's own that fails
        words += f": {message}" if (message := " ".join(str(error).split())) else ""
    return words if len(words) <= 200 else words[:197] + "..."


def _say(key: str, **values: Any) -> str:
    return _TEXT[_language][key].format(**values)
