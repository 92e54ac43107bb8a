"""Compile the kernels of all networks ahead of need: `bash script/run.sh warmup`.

Jittor compiles an operator when it first meets it, one at a time, so the first epoch of each
network waits for some hundred compiles. Here the networks take a short run of their own commands
(one epoch, the test, one file) in processes side by side, one for each core (see `kernels`), which
fill the cache that notebooks and commands share. The data that come with JACK are made ready on the
way. Results go into a folder that is deleted; what a kernel computes does not depend on who had it
compiled.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm.auto import tqdm

from jacklib.backend import processes
from jacklib.backend.folders import ROOT
from jacklib.errors import check_at_least, check_choice

CLIP = ROOT / "data_samples" / "film" / "video" / "Joy" / "bbb_0120.mp4"
ONE_FILE = ["test_singlevideo", "--video_path", str(CLIP)]
# The commands whose kernels are wanted, the slowest network first.
COMMANDS = {
    "CTEN": (["main", "--n_epochs", "1"], ["test"], ONE_FILE),
    "TSL": (["main", "--lr", "[0.001]*2"], ["main_eval"]),
    "VAANet": (["main", "--n_epochs", "1"], ["test"], ONE_FILE),
    "Gait": (["main", "--n_epochs", "1"], ["main", "--phase", "test"]),
}
# About so many kernels they have together from an empty cache; only the progress bar needs it.
KERNELS = 380


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `warmup`."""
    parser.add_argument("networks", nargs="*", metavar="NETWORK",
        help=f"which networks: {', '.join(COMMANDS)} (default: all)")  # fmt: skip
    parser.add_argument("--jobs", type=int, help="processes at once (default: one for each core)")


def main(args: argparse.Namespace) -> int:
    """Compile ahead; returns the exit code."""
    spelling = {name.lower(): name for name in COMMANDS}
    for name in args.networks:
        name = spelling.get(name.lower(), name)
        check_choice("warmup", name, COMMANDS, "Correct the name, or name none for all.")
    if args.jobs is not None:
        check_at_least("--jobs", args.jobs, 1, "Leave it out.")
    chosen = {spelling[name.lower()] for name in args.networks} or set(COMMANDS)
    names = [name for name in COMMANDS if name in chosen]
    start, before = time.time(), count_kernels()
    failed = warm_up(names, args.jobs or min(len(names), os.cpu_count() or 1))
    made = count_kernels() - before
    for name, words in failed.items():
        print(f"{name} failed. Its last lines:\n{words}", file=sys.stderr)
    if failed:
        print("What was compiled stays compiled; the same command goes on.", file=sys.stderr)
        return 1
    print(f"{', '.join(names)}: {made} kernels compiled in {time.time() - start:.0f} s; "
          f"{before + made} are in the cache.")  # fmt: skip
    return 0


def count_kernels() -> int:
    """How many kernels lie in the cache of this process's Jittor."""
    import jittor as jt

    return sum(1 for _ in Path(jt.flags.cache_path, "jit").glob("*_op.so"))


def warm_up(names: list[str], jobs: int) -> dict[str, str]:
    """Run each network's commands in a process of its own; returns the failed ones' last lines.

    A process that fails beside others is tried once more by itself.
    """
    folder = Path(tempfile.mkdtemp(prefix="jack-warmup-"))
    at_start = count_kernels()
    expected = max(KERNELS * len(names) // len(COMMANDS) - at_start, 1)
    pause = 0.1 if sys.stderr.isatty() else 20
    bar = tqdm(total=expected, unit=" kernels", desc="Compiling", mininterval=pause)
    try:
        running: dict[str, processes.Child] = {}
        waiting, again, failed = list(names), [], {}
        while waiting or running or again:
            if not waiting and not running:
                waiting, again, jobs = again[:1], again[1:], 1
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _start(name, folder, share=jobs)
            time.sleep(0.5)
            for name, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[name]
                if process.returncode == 0:
                    continue
                if jobs > 1:
                    again.append(name)
                else:
                    failed[name] = _last_lines(folder / f"{name}.log")
            bar.set_postfix_str(", ".join(running), refresh=False)
            bar.update(min(count_kernels() - at_start, expected - 1) - bar.n)
        bar.total = count_kernels() - at_start
        bar.update(bar.total - bar.n)
        return failed
    finally:
        bar.close()
        for process in running.values():
            process.end()
        shutil.rmtree(folder, ignore_errors=True)


def _start(name: str, folder: Path, share: int) -> processes.Child:
    threads = max(1, (os.cpu_count() or 1) // share)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    words = ["-m", "jacklib.cli.warmup_worker", name, str(folder / name), str(share)]
    with open(folder / f"{name}.log", "w") as log:
        return processes.Child(words, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _last_lines(path: Path) -> str:
    lines = path.read_text(errors="replace").replace("\r", "\n").splitlines()
    return "\n".join("    " + line[:200] for line in lines[-12:])
