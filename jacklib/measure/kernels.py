"""Which kernels Jittor runs for a computation, and their generated C++ (notebooks 01 and 09)."""

import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jittor as jt


class Kernel(NamedTuple):
    """A kernel that ran: its operators, its milliseconds, and the file of its C++."""

    operators: list[str]
    ms: float
    file: Path


def kernels(function: Callable, **flags) -> dict[str, Kernel]:
    """What runs for a computation, by the kernels' names. flags: of `jt.flags`, while it runs."""
    with jt.flag_scope(**flags):
        jt.sync_all(True)
        with jt.profile_scope() as report:
            result = function()
            jt.sync_all(True)
        del result
    found = {}
    for name, file, _, nanoseconds, *_ in report[1:]:
        # "«opkey0:unary«...«OP:sqrt«opkey1:..." names its operators; a library's has one name
        parts = re.split(r"«opkey\d+:", name)[1:] or [name]
        operators = [(re.findall(r"«OP:(\w+)", p) or p.split("«"))[0] for p in parts]
        found[name] = Kernel(operators, float(nanoseconds) / 1e6, Path(file))
    return found


def loops(kernel: Kernel) -> str:
    """The loops of a kernel's C++, where its computation stands."""
    lines = [line for line in kernel.file.read_text("utf-8").splitlines() if line.strip()]
    first = next(i for i, line in enumerate(lines) if line.strip().startswith("for ("))
    end = next(i for i in range(first, len(lines)) if lines[i] == "}")
    return textwrap.dedent("\n".join(lines[first:end]))


def first_uses() -> list[float]:
    """Milliseconds of a kernel that no cache has, used twice in each of three processes."""
    word, times = str(time.time_ns() // 1000 % 10**9), []
    script = Path(__file__).with_name("first_use.txt").read_text("utf-8")
    for _ in range(3):
        command = [sys.executable, "-c", script, word]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        times += [1000 * float(line) for line in done.stdout.split()[-2:]]
    forget(word)
    return times


def forget(word: str) -> None:
    """Remove kernels in whose code a word stands from Jittor's cache: nobody needs them again."""
    for file in (Path(jt.flags.cache_path) / "jit").glob("*.cc"):
        if word in file.read_text(errors="ignore"):
            for part in file.parent.glob(file.stem + "*"):
                part.unlink()
