"""Two processes of one command in one folder, started up to a second and a half apart.

Where they share what is made, both end well, and it is what one alone makes. Where a training has
the folder, the other is refused with one sentence that names the process, and changes nothing.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from robustness.common import Result, Run
from robustness.workbench import (
    TARGETS,
    Bench,
    Ended,
    Place,
    Started,
    Target,
    contents,
    difference,
    last_line,
    left_behind,
)

LONG, SHORT = 40, 2
APART = 1.5  # seconds at most between the starts
SHARED = ("prepare", "TSL features", "film samples", "rendered samples", "untrimmed samples",
          "gait samples")  # fmt: skip
SHARED_SHORTLY = ("prepare", "film samples", "gait samples")
TRAINING = "Gait main"


def results(run: Run) -> Iterator[Result]:
    """Races for each folder that two processes may want at once."""
    count = run.count or (LONG if run.long else SHORT)
    bench = Bench(run.folder / "bench").make("gaits")
    races: list[tuple[str, Target, Callable]] = [
        (name, TARGETS[name], _both_end_well) for name in (SHARED if run.long else SHARED_SHORTLY)
    ]
    races.append(("a result folder", TARGETS[TRAINING], _one_is_refused))
    with ThreadPoolExecutor(max(1, run.jobs // 2)) as pool:  # two processes each
        jobs = [pool.submit(_races, bench, run, name, target, judge, count)
                for name, target, judge in races]  # fmt: skip
        for job in jobs:
            yield job.result()


def _races(
    bench: Bench, run: Run, name: str, target: Target, judge: Callable, count: int
) -> Result:
    folder, rng, bad = run.folder / name.replace(" ", "_"), random.Random(f"{run.seed} {name}"), []
    place, ended = _alone(bench, target, folder)
    if ended.code:
        return Result("races", name, 1, [f"alone: {last_line(ended)}"])
    wanted, length = contents(place), ended.seconds
    for number in range(count):
        # Apart by no more than lets them meet.
        apart = rng.uniform(0, min(APART, 0.9 * length))
        place = target.place(bench, folder / "trial")
        words = target.words(bench, place.out)
        pair: list[Started] = []
        for k in range(2):
            pair.append(bench.start(words, folder / f"log{k}", place.checkout))
            if not k:
                time.sleep(apart)
        ends = [started.end() for started in pair]
        problems = judge(pair, ends) + left_behind(place)
        problems += [orphan for ended in ends for orphan in ended.orphans]
        problems += [difference(wanted, contents(place))]
        bad += [f"race {number}, {apart:.2f} s apart: {p}" for p in problems if p]
    return Result("races", f"{name}: {judge.__doc__}", count, bad)


def _alone(bench: Bench, target: Target, folder: Path) -> tuple[Place, Ended]:
    for _ in range(2):  # the first run of all compiles kernels
        place = target.place(bench, folder / "trial")
        words = target.words(bench, place.out)
        ended = bench.start(words, folder / "log", place.checkout).end()
    return place, ended


def _both_end_well(pair: list[Started], ends: list[Ended]) -> list[str]:
    """both end well"""
    return [last_line(ended) for ended in ends if ended.code]


def _one_is_refused(pair: list[Started], ends: list[Ended]) -> list[str]:
    """one trains, one is refused"""
    codes = sorted(ended.code for ended in ends)
    if codes != [0, 1]:
        return [f"wanted the codes 0 and 1: {'; '.join(map(last_line, ends))}"]
    refused = next(k for k, ended in enumerate(ends) if ended.code == 1)
    holder = pair[1 - refused].process.pid
    problems = []
    if "Traceback" in ends[refused].said:
        problems.append(f"a traceback: {last_line(ends[refused])}")
    if not re.search(rf"\b{holder}\b", last_line(ends[refused])):
        problems.append(f"process {holder} is not named: {last_line(ends[refused])}")
    return problems
