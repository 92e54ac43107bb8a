"""What a notebook must have printed, wherever it was run."""

import importlib.util
import re
import shutil
import subprocess

from jacklib.teaching.exercise import numbers
from script import build_notebooks as notebooks


def find_chromium() -> str | None:
    """The first that runs: Ubuntu's chromium-browser, without snap, only says that it cannot."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    return None


def has_browser() -> bool:
    """Whether tests/notebooks/test_browser.py can run here."""
    return importlib.util.find_spec("playwright") is not None and find_chromium() is not None


def check_student(name: str, printed: str) -> None:
    """Nothing solved, nothing that stops "Run all", and results that are better than chance."""
    for exercise in numbers(name.partition("_")[0]):
        assert f"○ {exercise}: not done yet" in printed, exercise
    assert not re.search(r"^[✓✗◐] \d", printed, re.MULTILINE), printed[-400:]
    if name == "06_tsl_net":
        score, chance = re.findall(r"average mAP: (\d\.\d+), random scores: (\d\.\d+)", printed)[0]
        assert float(score) >= 0.6 and float(chance) < 0.2
    elif name == "07_gait":
        accuracy = float(re.findall(r"accuracy (\d\.\d+) on 192 gaits", printed)[-1])
        assert accuracy >= 0.6  # chance 0.25
    elif name in ("04_vaanet", "05_cten"):  # those that train on the rendered clips
        accuracy = float(re.findall(r"accuracy (\d\.\d+) on 64 clips", printed)[-1])
        assert accuracy >= 0.6  # chance 0.125


def check_solved(name: str, printed: str) -> None:
    """What the checks say to the solutions."""
    wrong = [e for e in numbers(name.partition("_")[0]) if f"✓ {e}\n" not in printed]
    assert not wrong, (wrong, printed)


def solution_cells(name, folder=notebooks.NOTEBOOKS):
    """The exercises' cells with their solutions: what a student who has run a notebook to its end
    would run next."""
    (source,) = notebooks._sources([name], folder)
    teacher = notebooks.read_source(source, solutions=True)["en"].cells
    return [
        c for c in teacher if c.cell_type == "code" and "exercise" in c.metadata.get("tags", ())
    ]


def execute(name, *, solutions=False, then=(), folder=notebooks.NOTEBOOKS, lang="en"):
    """Run one notebook where it lies, for students or with solutions, and cells after it."""
    (source,) = notebooks._sources([name], folder)
    notebook = notebooks.read_source(source, solutions=solutions)[lang]
    for cell in then:
        cell["id"] += "s"
        notebook.cells.append(cell)
    place = notebooks.notebook_path(source.stem, lang, folder=folder).parent
    notebooks._execute(notebook, source, place, {})
    return notebook
