"""Speed and memory of a network, Jittor beside PyTorch: `bash script/run.sh bench NETWORK`.

`bench tsl --train` compares whole training runs, see `tsl_training`.

Each framework has a process of its own; they take turns, so that a machine that slows down slows
both. A turn is one forward pass or one training step, waited for to its end. The first turns, in
which Jittor compiles and both allocate, are counted apart as warm-up.

TSL-Net's training forward pass is measured as well, with what a clock says of it that does not wait
for Jittor, which is lazy: the time to build the graph. That is no forward time.
"""

import argparse
import contextlib
import math
import os
import platform
import re
import statistics
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jacklib.backend import cuda, processes
from jacklib.backend.processes import Worker
from jacklib.backend.torch_process import find_torch
from jacklib.core.networks import KEYS, NETWORKS
from jacklib.core.networks import network as table_of
from jacklib.core.options import add_options
from jacklib.errors import DataError, check_at_least, refuse_as, said
from jacklib.files import filled, write_json
from jacklib.measure.protocol import programs, versions

OPERATIONS = {network.key: network.operations for network in NETWORKS}
WORDS = {"inference": "inference", "forward": "forward pass in training", "train": "training step"}
SETTINGS = ("paper", "classroom")
CLIPS = {"paper": 200, "classroom": 90}  # of a TSL-Net video: 16 frames each


def measure(
    network: str, config: dict[str, Any], batch: int, *, rounds: int, warm_up: int, seed: int = 0,
    clips: int = 200, device: str = "cpu",
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Times and memory by framework ("Jittor" and, where found, "PyTorch").

    Each has "about" and, for the network's OPERATIONS, "first" (seconds of the first turn),
    "seconds" (of each measured turn) and "peak" (bytes in memory at most, the process as a whole);
    Jittor's forward also "unwaited" (seconds of each measured turn). clips: of a TSL-Net video.
    device: "cpu" or "cuda", for both; on a GPU "peak" is the GPU's memory that the process holds
    after the turns, as the driver tells it (both frameworks keep what they once had). In containers
    it often does not know the process; then it is by how much the card was fuller after the
    process's turns, and 0 where that is not told either.
    """
    gpu, started = device == "cuda", programs(device)
    workers: dict[str, Worker] = {}
    grown = dict.fromkeys(started, 0)  # by how much the card was fuller after each one's turns

    def ask(name: str, op: str, **arguments: Any) -> dict[str, Any]:
        before = card_memory() if gpu else 0
        if name not in workers:
            workers[name] = running.enter_context(contextlib.closing(Worker(*started[name])))
        answer = workers[name].ask(op, **arguments)
        grown[name] += card_memory() - before if gpu else 0
        return answer

    def held(name: str) -> int:
        if gpu:
            return gpu_memory(workers[name].pid) or max(0, grown[name])
        return workers[name].ask("info")["peak_rss"]

    with contextlib.ExitStack() as running:
        results: dict[str, dict[str, Any]] = {}
        for name in started:
            inputs = {"batch": batch, "seed": seed, "clips": clips}
            loaded = ask(name, "load", network=network, config=config, **inputs)
            results[name] = {"about": workers[name].ask("info") | loaded}
        for op in OPERATIONS[network]:
            for worker in workers.values():
                worker.ask("reset_peak")
            turns = [{name: ask(name, op) for name in workers} for _ in range(warm_up + rounds)]
            for name in workers:
                first, measured = turns[0][name], [turn[name] for turn in turns[warm_up:]]
                clocks = [clock for clock in ("seconds", "unwaited") if clock in first]
                results[name][op] = {
                    "first": first["seconds"],
                    **{clock: [turn[clock] for turn in measured] for clock in clocks},
                    "peak": held(name),
                }
        return results


def gpu_memory(process: int) -> int:
    """Bytes of GPU memory that a process holds; 0 where the driver does not tell."""
    rows = nvidia_smi("--query-compute-apps=pid,used_memory")
    return sum(int(row[1]) << 20 for row in rows if row[0] == str(process) and row[1].isdigit())


def card_memory() -> int:
    """Bytes of GPU memory in use by anyone, on all cards; 0 where the driver does not tell."""
    return sum(int(row[0]) << 20 for row in nvidia_smi("--query-gpu=memory.used")
               if row[0].isdigit())  # fmt: skip


def nvidia_smi(query: str) -> list[list[str]]:
    """The fields of each line that the driver's program answers; none where it fails."""
    lines = processes.output_of("nvidia-smi", query, "--format=csv,noheader,nounits").splitlines()
    rows = [[field.strip() for field in line.split(",")] for line in lines]
    return [row for row in rows if len(row) == 1 + query.count(",")]


def memory_words(peak: int) -> str:
    """Bytes as MiB; 0 is what `gpu_memory` says where the driver does not tell."""
    return f"{peak / 2**20:.0f} MiB" if peak else "memory unknown"


def ratio(results: dict[str, dict[str, Any]], op: str) -> tuple[float, float]:
    """Time and memory of an operation, Jittor / PyTorch; memory is NaN where either is unknown."""
    ours, theirs = results["Jittor"][op], results["PyTorch"][op]
    seconds = statistics.median(ours["seconds"]) / statistics.median(theirs["seconds"])
    known = ours["peak"] and theirs["peak"]
    return seconds, ours["peak"] / theirs["peak"] if known else math.nan


def table(results: dict[str, dict[str, Any]], title: str) -> str:
    """The results as a Markdown table with its machine and settings."""
    return filled(
        Path(__file__).with_name("bench_table.txt"), title=title, results=results, ratio=ratio,
        operations=WORDS, median=statistics.median, memory=memory_words,
    )  # fmt: skip


def ratios(everything: dict[str, Any]) -> list[tuple[str, str, str, float, float]]:
    """(network, settings, operation, time, memory) of all results, as Jittor / PyTorch."""
    return [
        (network, settings, op, *ratio(results, op))
        for network, of_settings in everything.items()
        for settings, results in of_settings.items()
        if "PyTorch" in results
        for op in OPERATIONS[network]
    ]


def overview(everything: dict[str, Any]) -> str:
    """All ratios as one Markdown table, and in a sentence which are above 1."""
    rows = ratios(everything)
    slower = [f"{n} {s} {WORDS[op]} ({time:.2f})" for n, s, op, time, _ in rows if time > 1]
    return filled(
        Path(__file__).with_name("bench_overview.txt"), rows=rows, operations=WORDS,
        slower="; ".join(slower) or "none",
    )  # fmt: skip


def machine() -> str:
    """The machine in words."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        told = re.search(r"^model name\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        model = told[1].strip() if told else model
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.system()}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    words = {"networks": (*KEYS, "all"), "settings": (*SETTINGS, "both")}
    add_options(parser, Path(__file__).with_name("options.yaml"), "bench", **words)


def _measure_one(network: str, settings: str, args: argparse.Namespace) -> dict[str, Any]:
    about = table_of(network)
    batch = args.batch_size or about.batch[SETTINGS.index(settings)]
    clips = CLIPS[settings]
    results = measure(
        network, asdict(getattr(about.config, settings)()), batch, rounds=args.rounds,
        warm_up=args.warm_up, seed=args.seed, clips=clips, device=args.device,
    )  # fmt: skip
    amount = f"batch of {batch}"
    if network == "tsl":
        amount = f"one video of {clips} clips, training steps of {batch} videos"
    size = f"{results['Jittor']['about']['parameters'] / 1e6:.1f} million parameters"
    how = f"{size}, {args.rounds} turns, seed {args.seed}"
    print(f"\n{table(results, f'{network}, {settings} settings, {amount} ({how})')}\n")
    print(versions(result["about"] for result in results.values()), flush=True)
    return results


def main(args: argparse.Namespace) -> int:
    """Measure and print the tables; returns the exit code."""
    for name in ("rounds", "warm_up", "seeds"):
        check_at_least(f"--{name}", getattr(args, name), 1, "Correct it.")
    refuse_as("training bench", args.train and (args.network != "tsl" or args.settings == "paper"),
              "--train", network=args.network, settings=args.settings)  # fmt: skip
    way = cuda.choose(cuda.look()) if args.device == "cuda" else None
    if way is not None and way.name == "cpu":
        raise DataError("--device cuda", found=way.reason, wanted="a GPU that Jittor computes on",
                        cure=way.cure or "Leave the option out: the CPU is measured.")  # fmt: skip
    if find_torch() is None:
        print(said("Jittor alone"), file=sys.stderr)
    print(f"Machine: {machine()}")
    if args.train:
        from jacklib.measure import tsl_training

        kind, found = "training", tsl_training.compare(args.seed, args.seeds, args.batch_size)
    else:
        networks = KEYS if args.network == "all" else (args.network,)
        chosen = SETTINGS if args.settings == "both" else (args.settings,)
        kind = "results"
        found = {n: {s: _measure_one(n, s, args) for s in chosen} for n in networks}
        if find_torch():
            print(f"\n{overview(found)}", flush=True)
    if args.json:
        write_json(args.json, {"machine": machine(), kind: found})
    return 0
