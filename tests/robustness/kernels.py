"""Notebooks 00 and 10 in several kernels at once on a fresh checkout, as a class opens them.

In the long form four kernels of each (the short form: two of 00). Every cell must run, all must
print and draw the same but for times and paths, and the samples are whole afterwards.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from robustness.common import ROOT, Result, Run, listing
from robustness.workbench import Ended, Started, last_line

LIMIT = 3600  # seconds
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
try:
    NotebookClient(notebook, timeout=3000, resources={"metadata": {"path": sys.argv[2]}}).execute()
finally:
    nbformat.write(notebook, sys.argv[3])
"""
# What may differ between two kernels: times, with the blanks that set them right, and places in
# memory.
TIMES = re.compile(r" *\d+[.,:]?\d* ?(ms|s|MB|MiB|GiB|µs|%)\b|0x[0-9a-f]+")


def results(run: Run) -> Iterator[Result]:
    """One fresh checkout; 00 first, then 10 beside the samples that 00 made."""
    checkout = run.folder / "checkout"
    # What is committed, and nothing that was ever made there.
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(checkout)], check=True)
    kernels = run.count or (4 if run.long else 2)
    for name in ("00_start_here", "10_your_own_video") if run.long else ("00_start_here",):
        yield _at_once(run.folder, checkout, name, kernels)


def _at_once(folder: Path, checkout: Path, name: str, kernels: int) -> Result:
    where = checkout / "notebooks"
    env = os.environ | {"PYTHONPATH": str(checkout)}
    env.pop("JACKLIB_NO_JITTOR", None)
    started = []
    for k in range(kernels):
        words = [sys.executable, "-c", EXECUTE, where / f"{name}.ipynb", where,
                 folder / f"{name}_{k}.ipynb"]  # fmt: skip
        started.append(Started(words, folder / f"{name}_{k}.log", env=env, cwd=where))
    ends = [process.end(LIMIT) for process in started]
    bad = [f"{name}, kernel {k}: {last_line(e)}" for k, e in enumerate(ends) if e.code]
    bad += [f"{name}, kernel {k}: {orphan}" for k, e in enumerate(ends) for orphan in e.orphans]
    if not bad:
        bad += _differences(folder, name, kernels)
    bad += [f"left behind: {path.relative_to(checkout)}"
            for path in checkout.rglob("*.part")]  # fmt: skip
    bad += _samples(checkout, folder)
    return Result("kernels", f"{kernels} of {name} at once", kernels, bad)


def _differences(folder: Path, name: str, kernels: int) -> list[str]:
    """Where the kernels did not print the same."""
    import nbformat

    first, *others = (
        [_said(cell) for cell in nbformat.read(folder / f"{name}_{k}.ipynb", 4).cells]
        for k in range(kernels)
    )
    return [
        f"{name}, kernel {k}, cell {number}: {mine[:80]!r}, in kernel 0 {its[:80]!r}"
        for k, other in enumerate(others, 1)
        for number, (its, mine) in enumerate(zip(first, other, strict=True)) if its != mine
    ]  # fmt: skip


def _said(cell) -> str:
    outputs = [o for o in cell.get("outputs", []) if o.get("name") != "stderr"]
    return "".join(TIMES.sub("...", o.get("text", "")) for o in outputs)


def _samples(checkout: Path, folder: Path) -> list[str]:
    """What the samples' functions find to be done: nothing, and no file changes."""
    data = checkout / "data_samples"
    made = [n for n in ("film", "rendered", "untrimmed_rendered", "gait")
            if any((data / n / part).is_dir() for part in ("img", "video", "made"))]  # fmt: skip
    functions = {"film": "film_clips", "rendered": "rendered_clips",
                 "untrimmed_rendered": "rendered_untrimmed", "gait": "styled_gaits"}  # fmt: skip
    before = listing(data)
    code = "from jacklib import samples\n" + "\n".join(
        f"samples.{functions[name]}(progress=False)" for name in made
        if name != "untrimmed_rendered" or (data / name / "features").is_dir()
    )  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(checkout), "JACKLIB_NO_JITTOR": "1"}
    ended: Ended = Started([sys.executable, "-c", code], folder / "samples.log", env=env,
                           cwd=checkout).end()  # fmt: skip
    if ended.code:
        return [f"samples: {last_line(ended)}"]
    after = listing(data)
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    changed = [path for path in changed if not path.endswith(".jack.lock") and path in after
               and (data / path).is_file()]  # fmt: skip
    return [f"samples were not whole: {', '.join(sorted(changed)[:4])}"] if changed else []
