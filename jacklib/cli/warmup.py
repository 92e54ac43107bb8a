"""Compile the kernels of all networks ahead of need: `bash script/run.sh warmup`.

Jittor compiles an operator when it first meets it, one at a time, so the first epoch of each
network waits for some hundred compiles. Here the networks take a short run of their own commands
(one epoch, the test, one file) in processes side by side, one for each core (see `kernels`), which
fill the cache that notebooks and commands share. The data that come with JACK are made ready on the
way. Results go into a folder that is deleted; what a kernel computes does not depend on who had it
compiled.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tqdm.auto import tqdm

from jacklib.backend import processes, runtime
from jacklib.backend.folders import ROOT
from jacklib.core.options import add_options
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
    file = Path(__file__).with_name("options.yaml")
    add_options(parser, file, "warmup", networks=", ".join(COMMANDS))


def main(args: argparse.Namespace) -> int:
    """Compile ahead; returns the exit code."""
    spelling = {name.lower(): name for name in COMMANDS}
    asked = [spelling.get(name.lower(), name) for name in args.networks]
    for name in asked:
        check_choice("warmup", name, COMMANDS, "Correct the name, or name none for all.")
    if args.jobs is not None:
        check_at_least("--jobs", args.jobs, 1, "Leave it out.")
    names = [name for name in COMMANDS if name in asked] or list(COMMANDS)
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
    at_start = count_kernels()
    expected = max(KERNELS * len(names) // len(COMMANDS) - at_start, 1)
    pause = 0.1 if sys.stderr.isatty() else 20
    with (
        tempfile.TemporaryDirectory(prefix="jack-warmup-", ignore_cleanup_errors=True) as place,
        tqdm(total=expected, unit=" kernels", desc="Compiling", mininterval=pause) as bar,
    ):

        def show(running: Iterable[str]) -> None:
            bar.set_postfix_str(", ".join(running), refresh=False)
            bar.update(min(count_kernels() - at_start, expected - 1) - bar.n)

        folder = Path(place)
        failed = _run_all(names, jobs, folder, show)
        if jobs > 1:
            failed = _run_all(failed, 1, folder, show)
        bar.total = count_kernels() - at_start
        bar.update(bar.total - bar.n)
        return {name: _last_lines(folder / f"{name}.log") for name in failed}


def _run_all(
    names: list[str], jobs: int, folder: Path, show: Callable[[Iterable[str]], None]
) -> list[str]:
    """Run the networks' processes, so many at once; returns the names of those that failed."""
    waiting, failed = list(names), []
    running: dict[str, processes.Child] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _start(name, folder, share=jobs)
            time.sleep(0.5)
            for name in [name for name in running if running[name].poll() is not None]:
                if running.pop(name).returncode:
                    failed.append(name)
            show(running)
        return failed
    finally:
        for process in running.values():
            process.end()


def _start(name: str, folder: Path, share: int) -> processes.Child:
    threads = max(1, (os.cpu_count() or 1) // share)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    words = ["-m", "jacklib.cli.warmup", name, str(folder / name), str(share)]
    with open(folder / f"{name}.log", "w") as log:
        return processes.Child(words, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _last_lines(path: Path) -> str:
    lines = path.read_text(errors="replace").replace("\r", "\n").splitlines()
    return "\n".join("    " + line[:200] for line in lines[-12:])


def _serve(name: str, result_path: str, side_by_side: bool) -> int:
    """The work of one process."""
    import jittor as jt

    from jacklib.cli.run import main as run

    if side_by_side and runtime.quick_compiler:
        # Else one of them compiles and the others wait. Where two write the same source at once,
        # one may fail (see `kernels`), and is tried again.
        jt.flags.disable_lock = 1
    weights: list[str] = []
    for command in COMMANDS[name]:
        if code := run([name, *command, "--result_path", result_path, *weights]):
            return code
        weights = ["--checkpoint_path", f"{result_path}/best.pth"]
    return 0


if __name__ == "__main__":  # a process of `warmup`: NETWORK RESULT_PATH PROCESSES
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(_serve(sys.argv[1], sys.argv[2], side_by_side=sys.argv[3] != "1"))
