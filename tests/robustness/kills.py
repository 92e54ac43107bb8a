"""Processes that are killed, at random moments and between two writes, and go on to the same bits.

Each command is killed with SIGKILL up to CHAIN times in a row, and run again until it ends
(trainings with --resume once there is a last.pth). What it leaves must be what an undisturbed run
leaves, byte by byte but for clocks, with nothing half made beside it and the user's files as they
were.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from robustness.common import Result, Run
from robustness.workbench import (
    TARGETS,
    Bench,
    Ended,
    Place,
    Target,
    contents,
    difference,
    last_line,
    left_behind,
)

CHAIN = 4  # kills of one run before it may end
LONG, SHORT = 19, 1  # random kills of each command; 11 commands in the long form
SHORTLY = ("prepare", "prepare --overwrite", "TSL features", "film samples", "rendered samples",
           "gait samples")  # fmt: skip
PLACED = ("prepare --overwrite", "TSL features", "film samples", "rendered samples", "gait samples",
          "VAANet main", "TSL main")  # fmt: skip
PLACED_SHORTLY = ("prepare --overwrite", "gait samples")
POINTS, FEW = 48, 8  # placed kills of one command at most, in the long and the short form


def results(run: Run) -> Iterator[Result]:
    """Random kills of every command, then kills between its writes."""
    names = list(TARGETS) if run.long else SHORTLY
    placed = PLACED if run.long else PLACED_SHORTLY
    count = run.count or (LONG if run.long else SHORT)
    targets = [TARGETS[name] for name in TARGETS if name in {*names, *placed}]
    bench = Bench(run.folder / "bench").make(*sorted({n for t in targets for n in t.needs}))
    with ThreadPoolExecutor(run.jobs) as pool:
        jobs = []
        for target in targets:
            folder = run.folder / target.name.replace(" ", "_")
            tasks = (count if target.name in names else 0,
                     (POINTS if run.long else FEW) if target.name in placed else 0)  # fmt: skip
            jobs.append(pool.submit(_both, bench, target, folder, run.seed, *tasks))
        for job in jobs:
            yield from job.result()


def _both(
    bench: Bench, target: Target, folder: Path, seed: int, count: int, points: int
) -> list[Result]:
    found = []
    wanted, begun, length, problems = _undisturbed(bench, target, folder)
    if problems:
        return [Result("kills", target.name, 1, problems)]
    if count:
        kills, bad = _at_random(bench, target, folder, seed, count, wanted, begun, length)
        found.append(Result("kills", f"{target.name}, at random moments", kills, bad))
    if points:
        kills, bad = _between_writes(bench, target, folder, points, wanted)
        found.append(Result("kills", f"{target.name}, between two writes", kills, bad))
    return found


def _undisturbed(bench: Bench, target: Target, folder: Path):
    """(contents, seconds until the first write, seconds in all, problems) of a run that is left
    alone. The first one of all compiles kernels, so that a second is the one to measure."""
    for _ in range(2 if target.trains else 1):
        place = target.place(bench, folder / "trial")
        before, begun = contents(place), 0.0
        started = bench.start(target.words(bench, place.out), folder / "log", place.checkout)
        while started.running():
            if not begun and _entries(place) > len(before):
                begun = started.seconds()
            time.sleep(0.02)
        ended = started.end()
        problems = [f"undisturbed: {last_line(ended)}"] if ended.code else left_behind(place)
        if problems:
            break
    return contents(place), begun, ended.seconds, problems


def _entries(place: Place) -> int:
    """The files there while a command writes: os.walk passes over folders that go meanwhile."""
    return sum(len(files) for _, _, files in os.walk(place.out))


def _check(bench: Bench, target: Target, place: Place, log: Path, wanted: dict) -> list[str]:
    """Run it to its end; what is wrong then."""
    ended: Ended = bench.start(target.again(bench, place), log, place.checkout).end()
    if ended.code:
        return [f"does not go on: {last_line(ended)}"]
    problems = [difference(wanted, contents(place)), *ended.orphans, *left_behind(place)]
    return [problem for problem in problems if problem]


def _at_random(
    bench: Bench, target: Target, folder: Path, seed: int, count: int, wanted, begun, length
) -> tuple[int, list[str]]:
    rng, kills, bad = random.Random(f"{seed} {target.name}"), 0, []
    for chain in range(4 * count):  # some moments lie after the end
        if kills >= count:
            break
        place, moments = target.place(bench, folder / "trial"), []
        while kills < count and len(moments) < CHAIN:
            moment = rng.uniform(0.8 * begun, length)
            words = target.again(bench, place)
            started = bench.start(words, folder / "log", place.checkout)
            while started.running() and started.seconds() < moment:
                time.sleep(0.005)
            started.kill()
            ended = started.end()
            if ended.code == 0:
                break
            if ended.code != -9:
                bad.append(f"chain {chain}, after {moments}: {last_line(ended)}")
                break
            moments.append(round(moment, 2))
            kills += 1
            bad += [f"chain {chain}, after {moments}: {orphan}" for orphan in ended.orphans]
        problems = _check(bench, target, place, folder / "log", wanted)
        bad += [f"chain {chain}, killed after {moments} s: {problem}" for problem in problems]
    return kills, bad


def _between_writes(
    bench: Bench, target: Target, folder: Path, most: int, wanted
) -> tuple[int, list[str]]:
    place = target.place(bench, folder / "trial")
    counted = folder / "counted"
    within = ("--within", place.out)
    bench.start(target.words(bench, place.out), folder / "log", place.checkout,
                before=(*within, "--count", counted)).end()  # fmt: skip
    calls = counted.read_text().splitlines()
    counted.unlink()
    kills, bad = 0, []
    for number, side in _points(calls, most):
        place = target.place(bench, folder / "trial")
        ended = bench.start(
            target.words(bench, place.out), folder / "log", place.checkout,
            before=(*within, "--stop", number, side),
        ).end()  # fmt: skip
        where = f"killed {side} call {number}, {calls[number - 1]}"
        if ended.code != -9:  # threads do their work in another order, and sometimes in fewer calls
            if ended.code:
                bad.append(f"{where}: {last_line(ended)}")
            continue
        kills += 1
        problems = [*ended.orphans, *_check(bench, target, place, folder / "log", wanted)]
        bad += [f"{where}: {problem}" for problem in problems]
    return kills, bad


def _points(calls: list[str], most: int) -> list[tuple[int, str]]:
    """Both sides of every move, and of some removals, `most` of them evenly spread."""
    moves = [n for n, call in enumerate(calls, 1) if call.startswith(("replace", "rename"))]
    others = [n for n in range(1, len(calls) + 1) if n not in set(moves)]
    chosen = sorted({*moves, *_spread(others, 6)})
    return _spread([(number, side) for number in chosen for side in ("before", "after")], most)


def _spread(items: list, most: int) -> list:
    if len(items) <= most:
        return items
    return [items[round(k * (len(items) - 1) / (most - 1))] for k in range(most)]
