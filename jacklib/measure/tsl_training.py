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
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean
from typing import Any

import jittor as jt
import numpy as np

from jacklib.backend import processes
from jacklib.backend.torch_process import find_torch, process_environment
from jacklib.data.tsl300 import UntrimmedVideos
from jacklib.measure import protocol
from jacklib.measure.jittor_session import JittorSession
from jacklib.methods import tsl
from jacklib.networks import TSLNetConfig
from jacklib.samples import UNTRIMMED
from jacklib.weights.checkpoint import load_weights

CHECK_STEPS = 10  # of the run without dropout
ROUNDING = 1e-7  # the last digit of a float32 number, as a fraction of it
RANDOM_DRAWS = 20
MODULES = {"PyTorch": "torch_session", "Jittor": "tsl_training"}
TIMES = ("forward", "unwaited", "iterations")  # of a run: seconds of every turn
METRICS = {
    "average_mAP": "average mAP[0.1:0.3]", "average_pAP": "pAP", "average_nAP": "nAP",
    "average_F2": "F2@AVG",
}  # fmt: skip


# --- the Jittor side: `python -m jacklib.measure.tsl_training JOB RESULT` -------------------------


def train_once(job_folder: Path, result: Path) -> None:
    """Train as the job says, with what users run, and score its test videos."""
    facts, weights = protocol.read_facts(job_folder / "job.npz")
    job = protocol.Job(**facts)
    session = JittorSession()
    net = session.build("TSLNet", TSLNetConfig(**job.config), job.seed)
    load_weights(net, weights)
    training, testing = (UntrimmedVideos(job.root, s, seed=job.seed) for s in ("train", "test"))
    samples = [training.load(i) for i in range(len(training))]
    schedule = tsl.Schedule(
        len(job.order[0]), tuple(job.rates), len(job.rates), job.audio_factor, job.weight_decay
    )
    jt.sync_all(True)

    before = protocol.reset_peak()["rss"]
    clock = tsl.Clock(lambda: protocol.memory()["peak_rss"])
    run = tsl.Run(result.with_suffix(""), job.seed, show=False)
    tsl.train(net, training, testing, schedule=schedule, run=run, clock=clock)
    scores = tsl.test(net, testing).scores.values()

    net.train()
    unwaited = []
    for sample in samples:
        jt.sync_all(True)
        start = time.perf_counter()
        output = net(*tsl.inputs(sample), sample.labels[None])
        unwaited.append(time.perf_counter() - start)
        output.scores.sync()
    numbers = {"forward": clock.forward, "iterations": clock.iterations, "unwaited": unwaited}
    numbers |= {"before": before, "peak": clock.peak}
    protocol.write_result(result, numbers | session.about(), scores)


# --- the measuring side ---------------------------------------------------------------------------


def prepare(
    folder: Path, root: Path, config: TSLNetConfig, schedule: tsl.Schedule, seed: int
) -> UntrimmedVideos:
    """Write the job of one seed; returns the test videos."""
    training, testing = (UntrimmedVideos(root, s, seed=seed) for s in ("train", "test"))
    net = JittorSession().build("TSLNet", config, seed)
    weights = {name: v.numpy() for name, v in net.state_dict().items()}
    steps = tsl.steps(training, schedule, seed, 0, len(schedule.rates))
    job = protocol.Job(
        root=str(root), seed=seed, config=asdict(config), rates=list(schedule.rates),
        audio_factor=schedule.audio_factor, weight_decay=schedule.weight_decay,
        order=[step.indices.tolist() for step in steps],
    )  # fmt: skip
    folder.mkdir()
    protocol.write_facts(folder / "job.npz", job._asdict(), weights)
    for videos in (training, testing):
        samples = (videos.load(i) for i in range(len(videos)))
        protocol.write_videos(folder / f"{videos.subset}.npz", samples)
    return testing


def run(framework: str, python: str, job: Path, name: str = "") -> tuple[dict[str, Any], list]:
    """Train in a process of its own; what `read_result` gives."""
    module, result = f"jacklib.measure.{MODULES[framework]}", job / f"{name or framework}.npz"
    alone = {} if framework == "Jittor" else {"JACKLIB_NO_JITTOR": "1"}
    start = time.perf_counter()
    done = processes.run_child(
        ["-m", module, str(job), str(result)], python=python,
        env=process_environment(**alone), stdout=sys.stderr.fileno(),
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{framework}'s process ended with {done.returncode}, see above")
    seconds = time.perf_counter() - start
    print(f"{job.name}: {framework} took {seconds:.0f} s", file=sys.stderr, flush=True)
    return protocol.read_result(result)


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
    pythons = {"PyTorch": find_torch(), "Jittor": sys.executable}
    pythons = {framework: python for framework, python in pythons.items() if python}
    results: dict[str, Any] = {framework: [] for framework in pythons}
    with tempfile.TemporaryDirectory() as temporary:
        # First without dropout. Jittor compiles here what this machine has not seen yet.
        job = Path(temporary) / "without_dropout"
        few = schedule._replace(rates=schedule.rates[:CHECK_STEPS])
        testing = prepare(job, root, replace(config, dropout=0.0), few, seeds[0])
        found = [run(framework, python, job)[1] for framework, python in pythons.items()]
        if len(found) == 2:
            results["difference"] = largest_difference(*found)
            move_weights(job / "job.npz", seeds[0])
            moved = run("PyTorch", pythons["PyTorch"], job, "moved")[1]
            results["rounding"] = largest_difference(found[0], moved)

        for turn, seed in enumerate(seeds):
            job = Path(temporary) / f"seed_{seed}"
            prepare(job, root, config, schedule, seed)
            for framework in sorted(pythons, reverse=turn % 2 == 1):
                numbers, scores = run(framework, pythons[framework], job)
                scored = {
                    item.id: tsl.Scores(*both)
                    for item, both in zip(testing.items, scores, strict=True)
                }
                summary = tsl.measure(scored, testing).summary()
                results[framework].append({"seed": seed} | numbers | summary)
    drawn = [
        tsl.measure(tsl.random_scores(testing, draw), testing).summary()
        for draw in range(RANDOM_DRAWS)
    ]
    results["random"] = {name: mean(summary[name] for summary in drawn) for name in METRICS}
    return results


def move_weights(file: Path, seed: int) -> None:
    """Move a job's first weights at random by about ROUNDING of themselves."""
    job, weights = protocol.read_facts(file)
    rng = np.random.default_rng(seed)
    for name, array in weights.items():
        moved = array * (1 + ROUNDING * rng.standard_normal(array.shape))
        weights[name] = moved.astype(np.float32)
    protocol.write_facts(file, job, weights)


def largest_difference(one: list, other: list) -> float:
    """Between the scores of the same videos."""
    pairs = zip(sum(one, ()), sum(other, ()), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def table(results: dict[str, Any], batch_size: int) -> str:
    """The results as the Markdown table of the project's task."""

    def row(words: str, name: str, form: str = "{:.4f}", unit: int = 1) -> str:
        """A row: each framework's middle and range, and the middles' ratio."""
        cells, middles = [], []
        for framework in MODULES:
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
    lines = [
        "| | PyTorch | Jittor | Jittor / PyTorch |",
        "|---|---|---|---|",
        row("forward time in training, one video, s", "forward"),
        row("the same, read without waiting, s", "unwaited"),
        row("memory in training, MiB", "peak", "{:.0f}", 2**20),
        row("of it there before training, MiB", "before", "{:.0f}", 2**20),
        row(f"time of one iteration, {batch_size} videos, s", "iterations"),
        *(row(words, name) for name, words in METRICS.items()),
        "",
        "Times: median (fastest to slowest). All else: mean over the seeds (lowest to highest), "
        "with the weights at the end of training.",
        f"Random scores, the mean of {RANDOM_DRAWS} draws: {by_chance}.",
    ]
    if "difference" in results:
        lines.append(
            f"Without dropout the scores of the test videos differ by at most "
            f"{results['difference']:.1e} after {CHECK_STEPS} steps; PyTorch's own, from weights "
            f"moved by {ROUNDING:g} of themselves, by {results['rounding']:.1e}."
        )
    return "\n".join(lines)


def compare(seed: int, seeds: int, batch_size: int | None = None) -> dict[str, Any]:
    """Measure with the classroom settings on the rendered videos, and print the table."""
    schedule = tsl.SCHEDULES["classroom"]
    schedule = schedule._replace(batch_size=batch_size or schedule.batch_size)
    config, chosen = TSLNetConfig.classroom(), list(range(seed, seed + seeds))
    results = measure(UNTRIMMED["rendered"](), config, schedule, chosen)
    versions = protocol.versions(results[f][0] for f in MODULES if f in results)
    print(
        f"\n### tsl, trained with classroom settings on the rendered videos: {len(schedule.rates)} "
        f"steps of {schedule.batch_size} videos, learning rate {schedule.rates[0]:g}, weight decay "
        f"{schedule.weight_decay:g}, dropout {config.dropout:g}, width {config.len_feature}, neck "
        f"{config.neck_size}; seeds {chosen[0]} to {chosen[-1]}\n\n"
        f"{table(results, schedule.batch_size)}\n\n{versions}",
        flush=True,
    )
    return results


if __name__ == "__main__":
    train_once(*map(Path, sys.argv[1:]))
