"""How a student's answer is compared with the one wanted.

Arrays may be NumPy arrays, lists, or anything with `.numpy()` (Jittor Vars, PyTorch tensors).
"""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from jacklib.teaching.speech import say


class Todo(Exception):
    """The answer is still the placeholder."""


class Wrong(Exception):
    """The answer is wrong; the message says how: words, or the key of our own and its values."""

    def __init__(self, words: str, **values: Any):
        super().__init__(say(words, **values) if values else words)


def resolve(answer: Any) -> Any:
    """The answer itself. Raises Todo if it is still the placeholder or not there at all."""
    if callable(answer) and not hasattr(answer, "shape"):
        try:
            answer = answer()
        except NotImplementedError:
            raise Todo from None
        except NameError as error:
            # `lambda: answer` before the student has written `answer` is not done rather than
            # wrong; an unknown name deeper down is a mistake to show.
            if error.__traceback__.tb_next.tb_next is not None:
                raise
            raise Todo from None
    if answer is None or answer is Ellipsis:
        raise Todo
    return answer


def compare(got: Any, wanted: Any, tolerance: float) -> None:
    """Raise Wrong, saying how, unless the two agree."""
    other = Wrong("value", got=short(got))
    if isinstance(wanted, dict):
        if not isinstance(got, dict) or set(got) != set(wanted):
            raise other
        for key, value in wanted.items():
            compare(got[key], value, tolerance)
        return
    wanted_array = None if isinstance(wanted, (bool, np.bool_)) else numbers(wanted)
    if wanted_array is None and isinstance(wanted, (list, tuple)):  # texts, a mixed or ragged list
        if not isinstance(got, (list, tuple)) or len(got) != len(wanted):
            raise other
        for one, wanted_one in zip(got, wanted, strict=True):
            compare(one, wanted_one, tolerance)
        return
    if wanted_array is None:
        same = plain(got) == wanted
        if not isinstance(same, (bool, np.bool_)) or not same:  # an array's == gives an array
            raise other
        return
    got_array = numbers(got)
    if got_array is None:
        raise Wrong("type", got=short(got), kind=type(got).__name__)
    if got_array.shape != wanted_array.shape:
        raise Wrong("shape", got=list(got_array.shape), wanted=list(wanted_array.shape))
    close = np.isclose(got_array, wanted_array, rtol=tolerance, atol=tolerance, equal_nan=True)
    if close.all():
        return
    if got_array.size == 1:
        raise other
    missing = ~np.isfinite(got_array) & np.isfinite(wanted_array)
    if missing.any():
        raise Wrong("nan", count=int(missing.sum()), size=got_array.size)
    most = float(np.nanmax(np.abs(got_array - wanted_array)))
    raise Wrong("far", count=int((~close).sum()), size=got_array.size, most=most)


def numbers(value: Any) -> np.ndarray | None:
    """The value as an array of numbers, or None where it is none."""
    try:
        array = np.asarray(plain(value))
    except (ValueError, TypeError):  # ragged lists, objects NumPy cannot take
        return None
    if array.dtype.kind not in "biufc":
        return None
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def plain(value: Any) -> Any:
    """Jittor Vars and PyTorch tensors as NumPy arrays, also inside lists; the rest unchanged."""
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "numpy") and callable(value.numpy):
        return value.numpy()
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    return value


def call_text(function: Callable, given: tuple, named: dict) -> str:
    inside = [*map(short, given), *(f"{key}={short(value)}" for key, value in named.items())]
    name = getattr(function, "__name__", "function")
    # A lambda has no name that a reader knows.
    return f"{'function' if name == '<lambda>' else name}({', '.join(inside)})"


def short(value: Any) -> str:
    """One short line that shows a value; a large array by its shape."""
    try:
        value = plain(value)
        if isinstance(value, np.ndarray) and value.size > 8:
            return f"array of shape {list(value.shape)}"
        if isinstance(value, (np.ndarray, np.generic)):
            value = value.tolist()
        # Six digits are enough to be recognised by.
        words = re.sub(r"\d+\.\d{6,}(e[-+]\d+)?", lambda m: f"{float(m[0]):.6g}", repr(value))
    except Exception:  # a __repr__ of the student's own that fails
        words = f"<{type(value).__name__}>"
    words = " ".join(words.split())
    return words if len(words) <= 60 else words[:57] + "..."


def one_line(error: BaseException) -> str:
    """An error as Python's last line has it: type and message."""
    words = type(error).__name__
    with contextlib.suppress(Exception):  # a __str__ of the student's own that fails
        words += f": {message}" if (message := " ".join(str(error).split())) else ""
    return words if len(words) <= 200 else words[:197] + "..."
