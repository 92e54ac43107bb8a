"""The notebooks run from their sources, and the ones that are stored belong to those sources."""

import re
from pathlib import Path

import pytest

from jacklib import notebooks

ROOT = Path(__file__).parents[1]
IN_BROWSER = ("03_porting_a_network", "04_vaanet", "05_cten", "06_tsl_net", "07_gait")
NAMES = sorted(path.stem for path in (ROOT / "notebooks" / "src").glob("*.py"))


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def printed(notebook):
    return "".join(output.get("text", "") for output in outputs(notebook))


@pytest.mark.parametrize("solutions", [False, True], ids=["student", "teacher"])
@pytest.mark.parametrize("name", NAMES)
def test_runs_top_to_bottom(name, solutions):
    if name in IN_BROWSER and not solutions:
        pytest.skip("tests/test_browser.py runs the student's edition of it")
    notebook = notebooks.execute_source(name, solutions)
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook))
    # A student's edition is run as it comes: nothing solved, nothing that stops "Run all".
    wanted = r"All \d+ exercises solved" if solutions else r"0 of \d+ exercises solved"
    assert re.search(wanted, printed(notebook)), printed(notebook)[-400:]
    if name == "06_tsl_net":
        score, chance = re.findall(
            r"average mAP: (\d\.\d+), random scores: (\d\.\d+)", printed(notebook)
        )[0]
        assert float(score) >= 0.6 and float(chance) < 0.2
    elif name == "07_gait":
        accuracy = float(re.findall(r"accuracy (\d\.\d+) on 192 gaits", printed(notebook))[-1])
        assert accuracy >= 0.6  # chance 0.25
    elif name in ("04_vaanet", "05_cten"):  # those that train on the rendered clips
        accuracy = float(re.findall(r"accuracy (\d\.\d+) on 64 clips", printed(notebook))[-1])
        assert accuracy >= 0.6  # chance 0.125


def test_stored_notebooks_belong_to_their_sources():
    assert NAMES
    assert notebooks.stale() == []
