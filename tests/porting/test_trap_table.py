"""Notebook 02's list of traps: each still there, each fixed; and the FAQ's examples run."""

import ast
import math
import re
import subprocess
import sys

import jittor as jt
import numpy as np
import pytest
from support import ROOT
from support.notebook_checks import find_chromium, has_browser

from jacklib.errors import DataError
from jacklib.porting import trap_table
from jacklib.porting.trap_table import Raised, agree, difference, first_words, plain_jittor, show
from script.build_notebooks import read_source

SOURCE = ROOT / "notebooks" / "src" / "02_porting_traps.py"
FAQ = ("docs/en/FAQ.md", "docs/cn/Torch转Jittor常见问题.md")


NAMES = [f"{number} · {entry['en']}" for number, entry in trap_table.TRAPS.items()]


def core_traps() -> list[int]:
    """The numbers in the notebook's calls of `trap`, without running anything."""
    calls = (n for n in ast.walk(ast.parse(SOURCE.read_text("utf-8"))) if isinstance(n, ast.Call))
    return [call.args[0].value for call in calls if getattr(call.func, "id", "") == "trap"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """All traps, by name, from running the notebook's code cells once, as students get them."""
    cells = read_source(SOURCE)["en"].cells
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JACK_PROGRESS", str(tmp_path_factory.mktemp("progress") / "progress.json"))
        for cell in cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, str(SOURCE), "exec"), names)
    return {row.name: row for row in trap_table.rows()}


def test_the_list_is_numbered_and_whole(rows):
    assert len(NAMES) >= 53
    assert list(trap_table.TRAPS) == list(range(1, len(NAMES) + 1))
    assert list(rows) == NAMES


def test_ten_have_a_section_and_the_others_their_code():
    parts = {"inputs", "pytorch", "jittor", "fixed", "why"}
    plain = [n for n, entry in trap_table.TRAPS.items() if not parts & set(entry)]
    assert plain == core_traps() == [1, 5, 13, 28, 29, 36, 38, 44, 47, 50]
    for entry in trap_table.TRAPS.values():
        assert entry["theme"] in trap_table._TEXT["en"]["themes"] and entry["en"] and entry["zh"]
        assert "why" not in entry or all(entry["why"][lang] for lang in ("en", "zh"))
    with pytest.raises(DataError, match="a section of their own"):
        trap_table.try_it(5)


def test_try_it_shows_code_and_values(rows):
    tried = trap_table.try_it(20)
    shown = tried._repr_html_()
    assert "rounding halves" in shown and shown.count("<pre") == 4  # the inputs, and three sides
    assert "[0, 2, 2]" in shown and "[1, 2, 3]" in shown and "[0, 2, 2]" in repr(tried)


@pytest.mark.skipif(not has_browser(), reason="needs a browser")
def test_the_table_is_searched_without_a_kernel(rows, tmp_path):
    from playwright.sync_api import sync_playwright

    page_file = tmp_path / "table.html"
    page_file.write_text('<meta charset="utf-8">' + trap_table.table()._repr_html_(), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(page_file.as_uri())
        shown = lambda: page.locator("tbody tr:visible, tr[title]:visible").count()  # noqa: E731
        assert shown() == len(NAMES)
        page.keyboard.press("Tab")  # reached without a mouse
        page.keyboard.type("Softmax")
        assert 1 <= shown() <= 3 and str(shown()) in page.locator("[role=status]").inner_text()
        for words, most in (("losses silent", 8), ("gait", 6), ("<b>nothing", 0)):
            page.fill("input", words)
            assert shown() <= most, words
        page.fill("input", "")
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details[open]").count() == 1
        browser.close()


@pytest.mark.parametrize("name", NAMES)
def test_jittor_still_differs(rows, name):
    row = rows[name]
    assert row.differs, (
        f"Jittor {jt.__version__} now agrees with PyTorch ({show(row.pytorch)}): take trap "
        f"{name!r} out of notebook 02, the FAQ and jacklib.ops"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_fix_agrees(rows, name):
    row = rows[name]
    assert row.fixed_agrees, f"fixed {show(row.fixed)}, PyTorch {show(row.pytorch)}"


def test_the_headings_are_the_names():
    for lang in ("en", "zh"):
        cells = read_source(SOURCE)[lang].cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        headings = re.findall(r"^### (\d+ · .+)$", text, re.M)
        assert headings == [f"{n} · {trap_table.TRAPS[n][lang]}" for n in core_traps()]


# --- What the table is made of --------------------------------------------------------------------


def test_differences():
    assert difference([1.0, 4.0], [1.0, 2.0]) == 1.0
    assert difference(np.float32([1, np.nan]), np.float32([1, np.nan])) == 0
    assert difference(np.float32([0]), np.float32([np.nan])) == math.inf
    assert difference((1,), ()) == math.inf
    assert difference((np.ones(2), np.ones(2)), np.ones(2)) == math.inf
    assert difference("refused", "refused") == 0 and difference("loaded", "refused") == math.inf
    assert difference(True, True) == 0 and difference(True, False) == math.inf
    assert difference(np.float32([2]), np.float32(2)) == 0  # Jittor's number and PyTorch's
    assert difference(np.ones((2, 1)), np.ones(2)) == math.inf
    assert difference(np.float32([np.inf]), np.float32([5])) == math.inf
    assert agree(1.000001, 1.0) and not agree(1.001, 1.0)
    assert not agree(Raised("x"), "x")


def test_plain_jittor_says_what_it_says():
    ran = plain_jittor("y = x * 2\ny.sum()", x=np.float32([1, 2]))
    assert ran.value == [6.0] and ran.rules == ()
    ran = plain_jittor("nn.softmax(x)", x=np.float32([[0, 0]]))
    assert ran.rules == ("softmax-of-everything",)
    ran = plain_jittor("x.shape", x=np.float32([[0, 0]]))
    assert ran.value == (1, 2)
    ran = plain_jittor("nn.NoSuchLayer()")
    assert isinstance(ran.value, Raised) and "NoSuchLayer" in ran.value
    assert first_words("Wrong\n\nFailed reason:\x1b[38;5;1m[f 12 a.cc:1] no \x1b[m") == "no"


def test_a_fixed_jittor_would_be_noticed():
    row = trap_table.Row("1 · x", 1.0, 1.0, 1.0, (), "")
    assert not row.differs and "no longer differs" in repr(row)
    row = trap_table.Row("1 · x", 1.0, 2.0, 3.0, (), "")
    assert row.differs and "the fix differs too" in row._repr_html_()


def test_both_languages_have_the_same_words():
    english, chinese = (trap_table._TEXT[lang] for lang in ("en", "zh"))
    assert set(english) == set(chinese)


# --- The FAQ --------------------------------------------------------------------------------------


def examples(page: str) -> dict[str, str]:
    """Each question's Python block, by its heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    entries = re.split(r"^### ", text, flags=re.M)[1:]
    found = {}
    for entry in entries:
        heading = entry.splitlines()[0]
        blocks = re.findall(r"^```python\n(.*?)^```", entry, re.DOTALL | re.M)
        assert len(blocks) == 1 and "assert" in blocks[0], heading
        found[heading] = blocks[0]
    return found


RUNNER = """
import json, sys, traceback
import jacklib
failed = {}
for name, code in json.load(sys.stdin).items():
    try:
        exec(compile(code, name, "exec"), {})
    except BaseException as error:
        failed[name] = repr(error) + traceback.format_exc()[-600:]
print("\\n" + json.dumps(failed))
"""


@pytest.fixture(scope="module")
def failures():
    """What failed among the English page's examples, run in one process of its own."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(examples(FAQ[0])), text=True,
        stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("heading", list(examples(FAQ[0])))
def test_the_faq_s_example_runs(failures, heading):
    assert heading not in failures, failures[heading]


def test_the_faq_has_both_languages_and_cites_issues():
    both = [(ROOT / page).read_text(encoding="utf-8") for page in FAQ]
    assert len(examples(FAQ[0])) == len(examples(FAQ[1])) >= 20
    for text, label in zip(both, ("**Issue:**", "**相关 issue：**"), strict=True):
        assert text.count(label) == text.count("\n### ")


def test_the_faq_names_traps_by_their_numbers():
    for page in FAQ:
        text = (ROOT / page).read_text(encoding="utf-8")
        numbers = [int(n) for n in re.findall(r"(?:trap|陷阱) (\d+)", text)]
        assert numbers and max(numbers) <= len(NAMES)
