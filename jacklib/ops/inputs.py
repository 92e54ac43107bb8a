"""Values as the operators take them."""

from collections.abc import Sequence

import jittor as jt


def numbers(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """`2` -> `(2, 2, 2)`; a sequence must have `count` entries already."""
    if isinstance(value, int):
        return (value,) * count
    if len(value) != count:
        raise ValueError(f"found {list(value)}, wanted one number or {count}.")
    return tuple(int(n) for n in value)


def numbered(**sets: Sequence[int]) -> dict[str, int]:
    """`s=(2, 1)` -> `{"s0": 2, "s1": 1}`: sets of numbers as the `data` of a C++ operator."""
    return {f"{name}{i}": n for name, values in sets.items() for i, n in enumerate(values)}


def kernel_steps(size, kernel, stride, padding) -> list[int]:
    """How many steps a kernel takes along each axis, over a map of this size with its padding."""
    axes = zip(size, kernel, stride, padding, strict=True)
    return [(n + 2 * p - k) // s + 1 for n, k, s, p in axes]


def as_var(value) -> jt.Var:
    """A Var as it is, anything else (NumPy, numbers) as a new Var."""
    return value if isinstance(value, jt.Var) else jt.array(value)


def as_floats(*values) -> list[jt.Var | None]:
    """Each value as a float32 Var; None stays None."""
    return [None if value is None else as_var(value).float32() for value in values]
