"""What this machine has, and the cure for what it lacks: `bash script/run.sh doctor`."""

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from jacklib.backend import cuda, folders, runtime
from jacklib.backend.folders import JITTOR_VERSION
from jacklib.backend.processes import output_of, run_child
from jacklib.errors import plain, said


def diagnose() -> list[tuple[str, str, str, bool]]:
    """What was found: rows of (part, found, "ok" or the cure, does Jittor need it)."""
    rows = []

    def row(part: str, found: str, good: bool, cure: str, needed: bool = False) -> None:
        cure = re.sub("^python(?= -m pip )", lambda _: shlex.quote(sys.executable), cure)
        rows.append((part, found or "not found", "ok" if good else cure, needed and not good))

    good = (3, 10) <= sys.version_info[:2] <= (3, 12)
    row("Python", platform.python_version(), good, "install Python 3.10, 3.11 or 3.12", needed=True)

    compiler = os.environ.get("cc_path") or shutil.which("g++") or ""
    found = output_of(compiler, "--version").partition("\n")[0] if compiler else ""
    row("C++ compiler", found, bool(compiler), "sudo apt-get install g++", needed=True)

    header = runtime.python_header()
    cure = "sudo apt-get install python{}.{}-dev".format(*sys.version_info)
    row("Python headers", str(header or ""), header is not None, cure, needed=True)

    for package, (found, cure) in runtime.packages_found().items():
        row(package, found, not cure, cure, needed=True)

    place = folders.onednn_folder()
    found = str(place.resolve()) if (place / "lib" / "libmkldnn.so").exists() else ""
    found = found or (f"PyPI {runtime.ONEDNN_VERSION}" if runtime.onednn_files() else "")
    packages = (f"{package}=={runtime.ONEDNN_VERSION}" for package in runtime.ONEDNN_PACKAGES)
    row("oneDNN", found, bool(found), f"python -m pip install {' '.join(packages)}",
        needed=sys.platform == "linux" and platform.machine() == "x86_64")  # fmt: skip

    machine = cuda.look()
    way = cuda.choose(machine)
    driver = ".".join(map(str, machine.driver))
    found = ", ".join(gpu.name for gpu in machine.gpus)
    row("GPU", f"{found}; the driver runs CUDA {driver}" if found else "none", True, "")
    row("CUDA", way.reason, not way.cure, way.cure)

    if left_out := os.environ.get("JACK_LEFT_OUT"):
        row("PYTHONPATH", f"{plain(left_out)}: left out by run.sh", True, "")

    try:
        runtime.provide_home()
        cure = ""
    except RuntimeError as error:
        cure = str(error)
    cache = folders.jittor_home() / ".cache" / "jittor"
    compiled = ", Jittor compiled" if any(folders.cache_folder().glob("compiled-*")) else ""
    row("cache", f"{cache.resolve()}{compiled}", not cure, cure, needed=True)
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    row("disk", f"{free:.1f} GB free", free > 2, "free 2 GB for Jittor's cache", needed=free < 0.5)
    shared = Path("/dev/shm")
    size = shutil.disk_usage(shared).total / 1e9 if shared.exists() else 0.0
    # jacklib's own loaders are threads; only Jittor's Dataset workers need 0.5 GB of it each.
    row("shared memory", f"{size:.1f} GB", True, "")
    return rows


def as_markdown(rows: list[tuple[str, str, str, bool]]) -> str:
    """`diagnose`'s rows as a table for a notebook: names as text, the home folder as ~."""
    home = str(Path.home()).rstrip("/")

    def cell(text: str) -> str:
        text = plain(text.replace(f"{home}/", "~/"), 300)
        return re.sub(r"([\\`*_{}\[\]<>|$&])", r"\\\1", text)

    lines = ["| part | found | verdict |", "|---|---|---|"]
    lines += [f"| {' | '.join(map(cell, row[:3]))} |" for row in rows]
    return "\n".join(lines)


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """`doctor` has no options."""


def main(_args: argparse.Namespace) -> int:
    """Print the table of `diagnose`, then try Jittor itself. Returns 1 where it cannot run."""
    rows = diagnose()
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for part, found, verdict, fatal in rows:
        mark = "!!" if fatal else "  "
        print(f"{mark} {part:<{widths[0]}}  {found:<{widths[1]}}  {verdict}")
    if any(fatal for *_, fatal in rows):
        print(said("cannot run yet"))
        return 1
    # The proof is Jittor itself: one matrix product, in a process of its own.
    code = (
        "import jacklib, jittor as jt; a = jt.ones((2, 3)); "
        "print('ok', (a @ a.transpose()).sum().item(), jacklib.backend.runtime.device())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "JACKLIB_NO_JITTOR"}
    result = run_child(["-c", code], env=environment, stdout=subprocess.PIPE, errors="replace")
    last = (result.stdout.strip().splitlines() or [""])[-1]  # above it, what Jittor compiled
    if result.returncode or not last.startswith("ok 12.0"):
        print("\nJittor cannot run: see the lines above.")
        return 1
    print(said("all is well", version=JITTOR_VERSION, device=last.split()[-1].upper()))
    return 0
