"""The notebook builder, on a small source run in a real kernel, and on the real sources."""

import argparse
import base64
import functools
import json
from types import SimpleNamespace

import nbformat
import pytest
from support.notebook_checks import execute

from jacklib.errors import DataError
from jacklib.teaching import exercise
from script import build_notebooks as notebooks

SOURCE = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Something else
#     language: python
#     name: something_else
# ---

# %% [markdown] lang="en"
# # Attention
# Weights that sum to one.

# %% [markdown] lang="zh"
# # 注意力
# 和为一的权重。

# %% [markdown]
# $\\\\sum_s \\\\gamma_s$

# %% lang="en"
LANG = "en"
print("language", LANG)

# %% lang="zh"
LANG = "zh"
print("language", LANG)

# %%
import sys
import matplotlib.pyplot as plt
from jacklib.teaching import classroom

for step in range(3):
    print(f"\\rstep {step}", end="")
print("\\ndone")
plt.plot([0, 1]);

# %% tags=["wide", "exercise"]
# Half a class of eight.
chance = ...
classroom.check("00.2", chance)

# %% tags=["exercise"]
seconds = ...
classroom.check("00.1", seconds)

# %%
import ipywidgets


class Shown:
    def _repr_mimebundle_(self, include=None, exclude=None):
        view = ipywidgets.IntSlider()._repr_mimebundle_()
        return {"image/png": "PICTURE", **view}


Shown()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of notebooks with one source, built with execution."""
    folder = tmp_path_factory.mktemp("kit") / "notebooks"
    (folder / "src").mkdir(parents=True)
    # A real picture, so that the output is one.
    pixel = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    text = SOURCE.replace("PICTURE", pixel)
    (folder / "src" / "01_small.py").write_text(text, encoding="utf-8")
    environment = pytest.MonkeyPatch()
    environment.setenv("JACKLIB_NO_JITTOR", "1")
    environment.setenv("MPLBACKEND", "Agg")  # as on build servers
    try:
        notebooks.build(folder=folder)
    finally:
        environment.undo()
    return folder


@pytest.fixture
def plain(tmp_path):
    """A function that makes a folder with one source and no notebooks."""

    def make(text, name="01_small"):
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / f"{name}.py").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def read(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


def test_editions_differ_in_language_alone(folder):
    english, chinese = read(folder / "01_small.ipynb"), read(folder / "cn" / "01_small.ipynb")
    assert english.cells[0].source.startswith("# Attention")
    assert chinese.cells[0].source.startswith("# 注意力")
    assert english.cells[1].source == chinese.cells[1].source
    assert code(english)[0].source.startswith('LANG = "en"')
    assert code(chinese)[0].source.startswith('LANG = "zh"')
    assert len(english.cells) == len(chinese.cells) == 7
    for one, other in zip(code(english)[1:], code(chinese)[1:], strict=True):
        assert one.source == other.source
    outputs = [[cell.outputs for cell in code(edition)[1:]] for edition in (english, chinese)]
    assert outputs[0] == outputs[1]
    first = [printed(code(edition)[0]) for edition in (english, chinese)]
    assert first == ["language en\n", "language zh\n"]


def test_files_are_clean_valid_notebooks(folder):
    for path in (folder / "01_small.ipynb", folder / "cn" / "01_small.ipynb"):
        notebook = read(path)
        nbformat.validate(notebook)
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert notebook.metadata.kernelspec.name == "python3"
        assert notebook.metadata.language_info == {"name": "python"}
        assert [cell.execution_count for cell in code(notebook)] == [1, 2, 3, 4, 5]
        assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
        assert len({cell.id for cell in notebook.cells}) == 7
    assert not [path for path in folder.rglob("*") if path.name.startswith(".01")]
    assert "注意力" in (folder / "cn" / "01_small.ipynb").read_text(encoding="utf-8")


def test_outputs_are_what_a_page_without_a_kernel_can_show(folder):
    cells = code(read(folder / "01_small.ipynb"))
    assert printed(cells[1]) == "step 2\ndone\n"
    pictures = [out for out in cells[1].outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 1  # MPLBACKEND of the building process does not reach the kernel
    (shown,) = cells[4].outputs
    assert set(shown.data) == {"image/png", "text/plain"}


def test_student_edition_runs_with_open_exercises(folder):
    cells = code(read(folder / "01_small.ipynb"))
    lines = ["# Half a class of eight.", "chance = ...", 'classroom.check("00.2", chance)']
    assert cells[2].source.splitlines() == lines
    assert cells[2].metadata.tags == ["wide", "exercise"]
    assert printed(cells[2]) == "○ 00.2: not done yet\n"
    assert printed(cells[3]) == "○ 00.1: not done yet\n"


def test_solutions_solve_the_exercises(folder, monkeypatch):
    monkeypatch.setenv("JACKLIB_NO_JITTOR", "1")
    notebook = execute("01", solutions=True, folder=folder)
    assert "".join(printed(cell) for cell in code(notebook)[2:4]) == "✓ 00.2\n✓ 00.1\n"
    paths = notebooks.build(["01_small"], solutions=True, execute=False, folder=folder)
    assert paths == [folder / "solutions" / lang / "01_small.ipynb" for lang in ("en", "cn")]
    chinese = read(paths[1])
    assert code(chinese)[2].source == 'chance = 1 / 8\n\n\nclassroom.check("00.2", chance)'
    (reasons, _) = [c.source for c in chinese.cells if "solution" in c.metadata.get("tags", ())]
    assert reasons.startswith("**理由。**") or "理由" in reasons
    assert "答错时的提示" in reasons and "那是类别数" in reasons
    assert notebooks.stale(solutions=True, folder=folder) == []


def test_a_value_of_the_notebooks_data_is_solved_by_its_names():
    code = 'pair = ...\nclassroom.check("00.9", pair, table=rows[0])'
    facts = {"kind": "value", "solution": "def answer(table):\n    return max(table)\n"}
    known = exercise.lesson("00")
    known["9"] = facts
    try:
        solved, _ = notebooks.solved_code(code)
    finally:
        del known["9"]
    names = {"rows": [[1, 3, 2]], "classroom": SimpleNamespace(check=lambda *a, **k: None)}
    exec(solved, names)
    assert names["pair"] == 3


def test_a_run_of_a_build_leaves_the_readers_progress_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("JACK_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("JACKLIB_NO_JITTOR", "1")
    execute("01", solutions=True, folder=folder)
    assert not (tmp_path / "progress.json").exists()


def test_a_fresh_build_is_not_stale(folder):
    assert notebooks.stale(folder=folder) == []


def test_building_again_gives_the_same_bytes(plain):
    folder = plain(SOURCE)
    first = [p.read_bytes() for p in notebooks.build(execute=False, folder=folder)]
    again = [p.read_bytes() for p in notebooks.build(execute=False, folder=folder)]
    assert len(first) == 2 and first == again
    assert all(json.loads(text)["nbformat_minor"] == 5 for text in first)


def test_stale_notebooks_are_named(plain):
    folder = plain(SOURCE)
    english, chinese = folder / "01_small.ipynb", folder / "cn" / "01_small.ipynb"
    assert notebooks.stale(folder=folder) == [english, chinese]  # not built at all
    notebooks.build(execute=False, folder=folder)
    assert notebooks.stale(folder=folder) == []
    plain(SOURCE.replace("# 和为一的权重。", "# 权重之和为一。"))
    assert notebooks.stale(folder=folder) == [chinese]
    plain(SOURCE.replace("range(3)", "range(4)"))
    assert notebooks.stale(["01"], folder=folder) == [english, chinese]
    plain(SOURCE)
    (folder / "09_gone.ipynb").write_bytes(english.read_bytes())
    assert notebooks.stale(folder=folder) == [folder / "09_gone.ipynb"]
    english.write_text("no notebook")
    with pytest.raises(DataError, match="01_small.ipynb"):
        notebooks.stale(folder=folder)


def test_a_failing_cell_is_named_and_nothing_is_written(plain):
    folder = plain("# %% [markdown]\n# # Title\n\n# %%\nx = 1\n\n# %%\nx / 0\n")
    with pytest.raises(DataError) as caught:
        notebooks.build(folder=folder)
    words = str(caught.value)
    assert "notebook 01_small, cell 3 of 3 ('x / 0')" in words
    assert "ZeroDivisionError: division by zero" in words and "\x1b" not in words
    assert list(folder.rglob("*.ipynb")) == []


@pytest.mark.parametrize(
    "text, message",
    [
        ('# %% [markdown] lang="en"\n# Hi\n\n# %%\n1\n', "before cell 2: found 1 English and 0"),
        ('# %% lang="zh"\n1\n', "its end: found 0 English and 1 Chinese code"),
        ('# %% [markdown] lang="fr"\n# Salut\n', "cell 1: found a markdown cell with lang='fr'"),
        ('# %% tags=["exercise"]\nx = 1\n', "cell 1: found an exercise without a check"),
        ('# %%\nclassroom.check("00.1", 1)\n', "cell 1: found a check outside an exercise"),
    ],
)
def test_bad_sources_are_refused(plain, text, message):
    for solutions in (False, True):
        with pytest.raises(DataError, match=r"01_small\.py, ") as caught:
            notebooks.build(execute=False, solutions=solutions, folder=plain(text))
        assert message in str(caught.value)


def test_names_may_be_shortened_but_not_guessed(plain):
    plain("# %%\n1\n", "01_small")
    folder = plain("# %%\n1\n", "02_large")
    assert [p.stem for p in notebooks.build(["02"], execute=False, folder=folder)] == [
        "02_large",
        "02_large",
    ]
    plain("# %%\n1\n", "01b_more")  # 01 is the lesson of that number, not one of two that fit
    assert [p.stem for p in notebooks.build(["01"], execute=False, folder=folder)] == [
        "01_small"
    ] * 2
    for name in ("0", "03"):
        with pytest.raises(DataError, match="wanted one of 01_small, 01b_more, 02_large"):
            notebooks.build([name], execute=False, folder=folder)


def test_command_line(plain, capsys, monkeypatch):
    folder = plain(SOURCE)
    # The command works on the kit's own notebooks: here on these.
    for name in ("build", "stale"):
        real = getattr(notebooks, name)
        monkeypatch.setattr(notebooks, name, functools.partial(real, folder=folder))
    parser = argparse.ArgumentParser()
    notebooks.add_arguments(parser)

    def run(*words):
        return notebooks.main(parser.parse_args(words))

    assert run("check") == 1
    assert f"stale: {folder / '01_small.ipynb'}" in capsys.readouterr().out
    assert run("build", "01", "--no-execute") == 0
    assert run("check") == 0
    assert run("build", "--no-execute", "--solutions") == 0
    assert (folder / "solutions" / "cn" / "01_small.ipynb").exists()
    with pytest.raises(DataError, match="no such source"):
        run("build", "77")


def test_the_kits_notebooks_are_built_from_their_sources():
    if not list((notebooks.NOTEBOOKS / "src").glob("*.py")):
        pytest.skip("no notebook sources yet")
    assert notebooks.stale() == []


def test_another_folder_s_notebook_leaves_the_stored_answers(plain, monkeypatch):
    """It has the number of one of ours, and PyTorch is at hand."""
    monkeypatch.setattr(notebooks, "find_torch", lambda: "python")
    monkeypatch.setattr(notebooks, "recording", lambda name: pytest.fail("recorded"))
    folder = plain("# %%\n1\n", "01_small")
    notebooks.build(["01"], folder=folder)
