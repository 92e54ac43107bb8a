"""The labelling widget in JupyterLab and Chromium: a film plays, keys mark it, files keep it."""

import shutil

import nbformat
import pytest
from support import ROOT
from support.browser import (
    ANSWER,
    CELLS,
    browser_page,
    errors,
    jupyterlab,
    open_notebook,
    run_all,
    sync_api,
    wait_until,
    widget_cell,
)
from support.notebook_checks import find_chromium

from jacklib.data.tsl300 import read_points
from jacklib.widgets.label_state import marks_of

pytest.importorskip("anywidget")
FILMS = ROOT / "data_samples" / "untrimmed_film" / "video" / "train"
SOURCE = """from pathlib import Path
from jacklib.widgets.label import label_widget
labeller = label_widget(sorted(Path("films").glob("*.mp4")), "marks", {lang!r})
labeller"""


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_marking_a_film(tmp_path, lang):
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium fonts-noto-cjk")
    work = tmp_path / "notebooks"
    (work / "films").mkdir(parents=True)
    for name in ("bbb_0300", "bbb_0344"):
        shutil.copy(FILMS / f"{name}.mp4", work / "films" / f"{name}.mp4")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(SOURCE.format(lang=lang)), nbformat.v4.new_code_cell("1")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, work / "label.ipynb")
    file = work / "marks" / "point_gaussian" / "train" / "李 雷.txt"

    def points():
        return read_points(file) if file.exists() else {}

    with jupyterlab(work, tmp_path) as server, browser_page(chromium) as (page, outside):
        open_notebook(page, server, "label.ipynb")
        cells = run_all(page)
        widget_cell(cells, "label_widget(")
        box = page.locator(".jack-label")
        box.wait_for(timeout=ANSWER * 1000)
        video = box.locator("video")

        def until(what, condition):
            return wait_until(page, what, ANSWER, condition)

        def now() -> float:
            return video.evaluate("video => video.currentTime")

        until("the film is there", lambda: video.evaluate("v => v.readyState >= 3 && v.duration"))
        assert video.evaluate("v => v.duration") == pytest.approx(43.5, abs=0.2)
        assert box.locator("button.n").is_disabled()  # nobody's name yet
        page.screenshot(path=tmp_path / "1_film.png")

        box.locator("input").fill("李 雷")
        page.keyboard.press("Enter")
        until("a name is there", lambda: box.locator("button.n").is_enabled())
        page.keyboard.press("Space")
        until("it plays", lambda: now() > 1.5)
        earliest = now()
        page.keyboard.press("n")
        until("one mark", lambda: len(points().get("bbb_0300", ())) == 1)
        latest = now()
        (mark,) = points()["bbb_0300"]
        assert mark.label == "n" and earliest * 24 - 1 <= mark.frame <= latest * 24
        until("it plays on", lambda: now() > latest + 1)
        page.keyboard.press("p")
        page.keyboard.press("Space")
        until("two marks", lambda: len(points()["bbb_0300"]) == 2)
        until("it stands still", lambda: video.evaluate("v => v.paused"))
        page.keyboard.press("ArrowRight")
        page.keyboard.press("p")
        until("three marks", lambda: box.locator("li").count() == 3)
        page.screenshot(path=tmp_path / "2_marks.png")

        page.keyboard.press("u")
        until("one is taken back", lambda: box.locator("li").count() == 2)
        assert [p.label for p in points()["bbb_0300"]] == ["n", "p"]
        box.locator("li .jump").first.click()
        until("it jumps", lambda: abs(now() - mark.frame / 24) < 0.05)
        box.locator("select").select_option(index=1)
        until("the other film", lambda: (video.evaluate("v => v.duration") or 0) > 50)
        assert box.locator("li").count() == 0
        # Keys that mean something to JupyterLab: D D deletes a cell, X cuts it, A adds one.
        for key in ("d", "d", "x", "a", "Space"):
            page.keyboard.press(key)
        until("it plays", lambda: now() > 0.5)
        page.keyboard.press("Space")
        assert len(page.evaluate(CELLS)) == 2
        box.locator("button.p").click()
        until("a mark by the button", lambda: len(points().get("bbb_0344", ())) == 1)
        page.screenshot(path=tmp_path / "3_other_film.png")

        # A new widget goes on where the old one ended.
        cells = run_all(page)
        box = page.locator(".jack-label")
        box.locator("input").fill("李 雷")
        page.keyboard.press("Enter")
        until("the marks are there again", lambda: box.locator("li").count() == 2)
        page.screenshot(path=tmp_path / "4_again.png")
        assert not errors(page.evaluate(CELLS))
        assert page.get_by_text("Error displaying widget").count() == 0
        assert not outside, f"asked for what this machine does not have: {outside}"
    assert [label for label, _ in marks_of(work / "marks", "bbb_0300.mp4", "李 雷")] == ["n", "p"]
    assert sync_api  # what skips this file where Playwright is missing
