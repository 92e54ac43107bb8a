"""`compare_runs`: the one rule by which lessons compare training runs."""

import itertools
import math
import textwrap
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jacklib.errors import refuse_as
from jacklib.teaching.speech import say as _say
from jacklib.widgets.words import language


def say(en: str, zh: str) -> None:
    """Print a sentence in the language that was set: how a cell says what its numbers show."""
    print(textwrap.fill(zh, 50) if language() == "zh" else textwrap.fill(en, 100))


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
    print(_say("fixed", fixed=(fixed_zh or fixed) if language() == "zh" else fixed))
    return pairs
