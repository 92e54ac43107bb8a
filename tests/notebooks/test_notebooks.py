"""The notebooks run from their sources, and the ones that are stored belong to those sources."""

import pytest
from support import ROOT
from support.notebook_checks import (
    check_solved,
    check_student,
    execute,
    has_browser,
    solution_cells,
)

from jacklib.teaching.exercise import numbers
from script import build_notebooks as notebooks

IN_BROWSER = (
    "03_porting_a_network", "04_vaanet", "05_cten", "06_tsl_net", "07_gait", "10_your_own_video",
)  # fmt: skip
NAMES = sorted(path.stem for path in (ROOT / "notebooks" / "src").glob("*.py"))


def outputs(cells):
    return [output for cell in cells for output in cell.get("outputs", [])]


def printed(cells):
    return "".join(output.get("text", "") for output in outputs(cells))


@pytest.mark.parametrize("name", NAMES)
def test_runs_top_to_bottom(name):
    """As a student gets it, nothing solved; then, in the same kernel, every exercise's solution."""
    if name in IN_BROWSER and has_browser():
        pytest.skip("tests/notebooks/test_browser.py does this with it")
    solved = solution_cells(name)
    cells = execute(name, then=solved).cells
    assert not [output for output in outputs(cells) if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs(cells))
    check_student(name, printed(cells[: -len(solved)]))
    check_solved(name, printed(cells[-len(solved) :]))


@pytest.mark.parametrize("name", NAMES)
def test_the_chinese_edition_runs_too(name):
    """Blank, with the trainings of the English one."""
    cells = execute(name, lang="zh").cells
    assert not [output for output in outputs(cells) if output.output_type == "error"]
    said = printed(cells)
    for exercise in numbers(name.partition("_")[0]):
        assert f"○ {exercise}：还没做" in said, exercise


def test_stored_notebooks_belong_to_their_sources():
    assert NAMES
    assert notebooks.stale() == []
