"""Whole training runs of TSL-Net, Jittor beside PyTorch: `bash script/run.sh bench tsl --train`.

Both start from the same weights, which Jittor draws from the seed, and see the same points of the
same videos in the same order. The weights at the end, not the best on the way, score the test
videos; segments and metrics come from the same NumPy code. Every run has a process of its own, so
that its memory is that of the framework with what it needs, and the frameworks take turns.

Dropout draws other numbers in each framework, so results agree over seeds only. A short run without
dropout shows how far the scores are apart then, and how far PyTorch's own are from themselves where
the first weights differ by rounding alone: Adam takes a whole step even along a slope near 0, and
so a difference in the last digit grows from step to step.
"""

import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import default_rng

from jacklib.backend.processes import Worker
from jacklib.data.tsl300 import UntrimmedVideos
from jacklib.files import filled
from jacklib.measure import protocol
from jacklib.measure.jittor_session import JittorSession
from jacklib.measure.protocol import Job, programs
from jacklib.methods import tsl
from jacklib.networks import TSLNetConfig
from jacklib.samples import UNTRIMMED

CHECK_STEPS = 10  # of the run without dropout
ROUNDING = 1e-7  # the last digit of a float32 number, as a fraction of it
RANDOM_DRAWS = 20
FRAMEWORKS = ("PyTorch", "Jittor")
TIMES = ("forward", "unwaited", "iterations")  # of a run: seconds of every turn
METRICS = {
    "average_mAP": "average mAP[0.1:0.3]", "average_pAP": "pAP", "average_nAP": "nAP",
    "average_F2": "F2@AVG",
}  # fmt: skip


def prepare(
    folder: Path, root: Path, config: TSLNetConfig, schedule: tsl.Schedule, seed: int
) -> tuple[Job, UntrimmedVideos]:
    """The job of one seed, its arrays in the folder, and the test videos."""
    training, testing = (UntrimmedVideos(root, s, seed=seed) for s in ("train", "test"))
    net = JittorSession().build("TSLNet", config, seed)
    steps = tsl.steps(training, schedule, seed, 0, len(schedule.rates))
    job = Job(
        folder=str(folder), root=str(root), seed=seed, config=asdict(config),
        schedule=schedule._replace(evaluate_every=len(schedule.rates))._asdict(),
        order=[step.indices.tolist() for step in steps],
    )  # fmt: skip
    folder.mkdir()
    np.savez(folder / "weights.npz", **{name: v.numpy() for name, v in net.state_dict().items()})
    for videos in (training, testing):
        samples = (videos.load(i) for i in range(len(videos)))
        protocol.write_videos(folder / f"{videos.subset}.npz", samples)
    return job, testing


def run(framework: str, job: Job) -> tuple[dict[str, Any], list[tsl.Scores]]:
    """Train in a process of its own: its numbers, and the scores of each test video."""
    start = time.perf_counter()
    with closing(Worker(*programs("cpu")[framework])) as worker:
        numbers = worker.ask("train_run", **job._asdict()) | worker.ask("info")
    seconds, name = time.perf_counter() - start, Path(job.folder).name
    print(f"{name}: {framework} took {seconds:.0f} s", file=sys.stderr, flush=True)
    scores = [[np.float32(array) for array in pair] for pair in numbers.pop("scores")]
    return numbers, [tsl.Scores(*pair) for pair in scores]


def measure(
    root: Path, config: TSLNetConfig, schedule: tsl.Schedule, seeds: list[int]
) -> dict[str, Any]:
    """Train once for each seed and framework ("Jittor" and, where found, "PyTorch").

    Each framework has a list of runs: seconds ("forward", "iterations", Jittor also "unwaited"),
    bytes in memory ("before", "peak"), version, threads and `methods.tsl.summary`. Besides:
    "random", the summary of random scores, the mean over draws; and, with both frameworks, the
    largest difference of all test scores after CHECK_STEPS steps without dropout, between the
    frameworks ("difference") and within PyTorch from weights moved by ROUNDING ("rounding").
    """
    frameworks = [framework for framework in FRAMEWORKS if framework in programs("cpu")]
    results: dict[str, Any] = {framework: [] for framework in frameworks}
    with tempfile.TemporaryDirectory() as temporary:
        # First without dropout. Jittor compiles here what this machine has not seen yet.
        folder = Path(temporary) / "without_dropout"
        few = schedule._replace(rates=schedule.rates[:CHECK_STEPS])
        job, testing = prepare(folder, root, replace(config, dropout=0.0), few, seeds[0])
        found = [run(framework, job)[1] for framework in frameworks]
        if len(found) == 2:
            results["difference"] = largest_difference(*found)
            weights, rng = protocol.read_arrays(folder / "weights.npz"), default_rng(seeds[0])
            for name, array in weights.items():  # moved at random by about ROUNDING of themselves
                moved = array * (1 + ROUNDING * rng.standard_normal(array.shape))
                weights[name] = moved.astype(np.float32)
            np.savez(folder / "weights.npz", **weights)
            results["rounding"] = largest_difference(found[0], run("PyTorch", job)[1])

        for turn, seed in enumerate(seeds):
            job, _ = prepare(Path(temporary) / f"seed_{seed}", root, config, schedule, seed)
            for framework in sorted(frameworks, reverse=turn % 2 == 1):
                numbers, scores = run(framework, job)
                names = [item.id for item in testing.items]
                scored = dict(zip(names, scores, strict=True))
                summary = tsl.measure(scored, testing).summary()
                results[framework].append({"seed": seed} | numbers | summary)
    chance = tsl.by_chance(testing, RANDOM_DRAWS)
    results["random"] = {name: chance[name] for name in METRICS}
    return results


def largest_difference(one: list[tsl.Scores], other: list[tsl.Scores]) -> float:
    """Between the scores of the same videos."""
    pairs = zip(sum(one, ()), sum(other, ()), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def table(results: dict[str, Any], schedule: tsl.Schedule, config: TSLNetConfig) -> str:
    """The results as the Markdown table of the project's task, with the settings."""

    def row(words: str, name: str, form: str = "{:.4f}", unit: int = 1) -> str:
        """A row: each framework's middle and range, and the middles' ratio."""
        cells, middles = [], []
        for framework in FRAMEWORKS:
            runs = [run[name] for run in results.get(framework, ()) if name in run]
            if not runs:
                cells.append("")
                continue
            found = np.hstack(runs) / unit
            middles.append(np.median(found) if name in TIMES else found.mean())
            text = f"{form} ({form} to {form})".format(middles[-1], found.min(), found.max())
            cells.append(f"{text}, mean {found.mean():.4f}" if name in TIMES else text)
        ratio = f"{middles[1] / middles[0]:.2f}" if len(middles) == 2 and middles[0] else ""
        return f"| {words} | {cells[0]} | {cells[1]} | {ratio} |"

    by_chance = ", ".join(f"{words} {results['random'][n]:.4f}" for n, words in METRICS.items())
    return filled(
        Path(__file__).with_name("training_table.txt"), row=row, results=results, metrics=METRICS,
        by_chance=by_chance, schedule=schedule, config=config, runs=results["Jittor"],
        draws=RANDOM_DRAWS, steps=CHECK_STEPS, rounding=ROUNDING,
        versions=protocol.versions(results[f][0] for f in FRAMEWORKS if f in results),
    )  # fmt: skip


def compare(seed: int, seeds: int, batch_size: int | None = None) -> dict[str, Any]:
    """Measure with the classroom settings on the rendered videos, and print the table."""
    schedule = tsl.SCHEDULES["classroom"]
    schedule = schedule._replace(batch_size=batch_size or schedule.batch_size)
    config, chosen = TSLNetConfig.classroom(), list(range(seed, seed + seeds))
    results = measure(UNTRIMMED["rendered"](), config, schedule, chosen)
    print(f"\n{table(results, schedule, config)}", flush=True)
    return results
