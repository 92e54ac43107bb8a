"""Values as the operators take them."""

from __future__ import annotations

from collections.abc import Sequence

import jittor as jt


def numbers(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """`2` -> `(2, 2, 2)`; a sequence must have `count` entries already."""
    if isinstance(value, int):
        return (value,) * count
    if len(value) != count:
        raise ValueError(f"found {list(value)}, wanted one number or {count}.")
    return tuple(int(n) for n in value)


def as_var(value) -> jt.Var:
    """A Var as it is, anything else (NumPy, numbers) as a new Var."""
    return value if isinstance(value, jt.Var) else jt.array(value)


def as_floats(*values) -> list[jt.Var | None]:
    """Each value as a float32 Var; None stays None."""
    return [None if value is None else as_var(value).float32() for value in values]
