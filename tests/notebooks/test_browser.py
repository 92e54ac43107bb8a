"""Notebooks in a real browser: Chromium runs them in JupyterLab and uses their widgets.

What only a browser can show: that the live widget loads (without any host but this machine), that
its picture arrives whole, and that slider and menu change it.
"""

import contextlib
import html
import shutil
from pathlib import Path

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from support import ROOT
from support.browser import (
    ANSWER,
    CELLS,
    GO_TO,
    RUN,
    browser_page,
    errors,
    jupyterlab,
    open_notebook,
    printed,
    run,
    run_all,
    sync_api,
    wait_until,
    widget_cell,
)
from support.notebook_checks import check_solved, check_student, find_chromium, solution_cells

# notebook, the call that shows its widget, a step of the widget's slider (None: see OTHER_WIDGETS)
NOTEBOOKS = [
    ("03_porting_a_network", "explorer = porting_widget(", None),
    ("04_vaanet", "attention_widget(", 1),
    ("05_cten", "erasing_widget(", 0.05),
    ("06_tsl_net", "timeline_widget(", 0.05),
    ("07_gait", "gait_widget(", None),
]
OWN_FILM = "bbb_0644.mp4"
# The picture as the browser has it: its size, its place on the page and its bytes' fingerprint.
PICTURE = """async image => {
    await image.decode();
    const bytes = await (await fetch(image.src)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const box = image.getBoundingClientRect();
    return {
        natural: [image.naturalWidth, image.naturalHeight],
        shown: [box.width, box.height],
        bytes: bytes.byteLength,
        digest: Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join(''),
    };
}"""


def lone_copy(notebook: Path, folder: Path) -> Path:
    """A copy without outputs: the checked-in file stays, and every output seen is a new one."""
    copied = nbformat.read(notebook, as_version=4)
    for cell in copied.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    folder.mkdir()
    nbformat.write(copied, folder / notebook.name)
    return folder / notebook.name


class WidgetOnPage:
    """A widget with a clip menu and a slider as it stands on the page."""

    def __init__(self, page, index: int):
        self.page = page
        page.evaluate(GO_TO, index)
        self.box = page.locator(".jp-OutputArea-output", has=page.locator("img.widget-image"))
        self.box.first.wait_for(timeout=ANSWER * 1000)
        self.box = self.box.first
        self.image = self.box.locator("img.widget-image")
        # The first slider, where a widget has more than one.
        self.handle = self.box.locator(".widget-slider .noUi-handle").first
        self.readout = self.box.locator(".widget-slider .widget-readout").first
        self.menu = self.box.locator(".widget-dropdown select")
        self.sentence = self.box.locator(".widget-html p").last  # beneath the picture

    def picture(self) -> dict:
        self.image.scroll_into_view_if_needed()
        return self.image.evaluate(PICTURE)

    def after(self, before: dict) -> dict:
        """The picture that follows upon another."""

        def changed():
            now = self.picture()
            return now if now["digest"] != before["digest"] else None

        return wait_until(self.page, "the picture changes", ANSWER, changed)


def check_picture(picture: dict) -> None:
    width, height = picture["natural"]
    shown_width, shown_height = picture["shown"]
    assert width == 900 and height > 400 and picture["bytes"] > 10_000
    assert 600 < shown_width <= 900  # never blown up
    assert shown_height / shown_width == pytest.approx(height / width, rel=0.01)  # nor squeezed


def use_widget(page, index: int, slider_step: float, shots: Path) -> None:
    """Move the slider, choose another clip, and look at the picture and the words each time."""
    widget = WidgetOnPage(page, index)
    first = widget.picture()
    check_picture(first)
    first_value, first_sentence = widget.readout.inner_text(), widget.sentence.inner_text()
    assert first_value in first_sentence
    page.screenshot(path=shots / "1_first.png")

    widget.handle.focus()
    last = widget.handle.get_attribute("aria-valuemax")
    at_the_end = float(widget.handle.get_attribute("aria-valuenow")) == float(last)
    page.keyboard.press("ArrowLeft" if at_the_end else "ArrowRight")
    moved = widget.after(first)
    check_picture(moved)
    step = -slider_step if at_the_end else slider_step
    assert float(widget.readout.inner_text()) == pytest.approx(float(first_value) + step)
    sync_api.expect(widget.sentence).not_to_have_text(first_sentence)
    page.screenshot(path=shots / "2_slider.png")

    moved_sentence = widget.sentence.inner_text()
    chosen = widget.menu.evaluate("menu => menu.selectedIndex")
    names = widget.menu.locator("option").all_inner_texts()
    assert len(names) > 1
    other = 1 if chosen == 0 else 0
    widget.menu.select_option(index=other)
    clip = widget.after(moved)
    check_picture(clip)
    assert clip["digest"] != first["digest"]
    sync_api.expect(widget.sentence).not_to_have_text(moved_sentence)
    page.screenshot(path=shots / "3_clip.png")


def use_gait_widget(page, index: int, shots: Path) -> None:
    """Move the frame, of which the words say nothing, and choose a second gait for the right."""
    widget = WidgetOnPage(page, index)
    first = widget.picture()
    check_picture(first)
    sentence = widget.sentence.inner_text()
    assert widget.readout.inner_text() == "0"
    page.screenshot(path=shots / "1_first.png")

    widget.handle.focus()
    page.keyboard.press("ArrowRight")
    moved = widget.after(first)
    check_picture(moved)
    assert widget.readout.inner_text() == "1"
    sync_api.expect(widget.sentence).to_have_text(sentence)
    page.screenshot(path=shots / "2_frame.png")

    right = widget.menu.nth(1)
    assert right.evaluate("menu => menu.selectedIndex") == 0  # none
    names = right.locator("option").all_inner_texts()
    assert len(names) == 9  # and eight gaits
    right.select_option(index=2)
    two = widget.after(moved)
    check_picture(two)
    sync_api.expect(widget.sentence).to_contain_text(names[1])
    sync_api.expect(widget.sentence).to_contain_text(names[2])
    page.screenshot(path=shots / "3_two.png")


def use_porting_widget(page, index: int, shots: Path) -> None:
    """Show the whole file instead of a part, move through it, and show only what changes."""
    widget = WidgetOnPage(page, index)
    part = widget.picture()
    assert part["natural"][0] == 900
    sentence = widget.sentence.inner_text()
    page.screenshot(path=shots / "1_part.png")

    widget.menu.select_option(index=0)
    whole = widget.after(part)
    check_picture(whole)
    sync_api.expect(widget.sentence).not_to_have_text(sentence)
    sentence = widget.sentence.inner_text()
    page.screenshot(path=shots / "2_whole.png")

    widget.handle.focus()
    page.keyboard.press("ArrowRight")
    check_picture(widget.after(whole))
    sync_api.expect(widget.sentence).not_to_have_text(sentence)

    moved = widget.picture()
    widget.box.locator("input[type=checkbox]").check()
    check_picture(widget.after(moved))
    page.screenshot(path=shots / "3_changes.png")


OTHER_WIDGETS = {"07_gait": use_gait_widget, "03_porting_a_network": use_porting_widget}


def solve(name: str, runtime: Path) -> str:
    """Run the exercises' solutions in the kernel that the page has used; returns what they print.

    runtime: the folder where JupyterLab keeps the kernel's connection file.
    """
    (connection,) = runtime.glob("kernel-*.json")
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    texts = []

    def hear(message):
        texts.append(message["content"].get("text", ""))

    try:
        for cell in solution_cells(name):
            reply = client.execute_interactive(cell.source, output_hook=hear, timeout=RUN)
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
    return "".join(texts)


@contextlib.contextmanager
def in_jupyterlab(name: str, tmp_path: Path):
    """All cells have run; yields page and cells, and afterwards looks for errors and solves."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium fonts-noto-cjk")
    copied = lone_copy(ROOT / "notebooks" / f"{name}.ipynb", tmp_path / "notebooks")
    print(f"\nscreenshots and JupyterLab's log: {tmp_path}")
    with jupyterlab(copied.parent, tmp_path) as server, browser_page(chromium) as (page, outside):
        try:
            open_notebook(page, server, copied.name)
            cells = run_all(page)
            check_student(name, printed(cells))
            yield page, cells
            assert not errors(page.evaluate(CELLS))
            assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
            assert page.get_by_text("Error displaying widget").count() == 0
            check_solved(name, solve(name, tmp_path / "runtime"))
            assert not outside, f"asked for what this machine does not have: {outside}"
        except BaseException:
            with contextlib.suppress(sync_api.Error):
                page.screenshot(path=tmp_path / "failed.png")
            raise


@pytest.mark.parametrize("name, call, slider_step", NOTEBOOKS)
def test_widgets_live_in_jupyterlab(tmp_path, name, call, slider_step):
    with in_jupyterlab(name, tmp_path) as (page, cells):
        if slider_step is None:
            OTHER_WIDGETS[name](page, widget_cell(cells, call), tmp_path)
        else:
            use_widget(page, widget_cell(cells, call), slider_step, tmp_path)


def test_a_film_of_ones_own_is_uploaded(tmp_path):
    """Notebook 10: a film by the button, the cells below it once more, and each network's tab.

    The film's name would run a script, were it shown as it is."""
    film = tmp_path / "我的 <img src=x onerror=window.harmed=1>.mp4"
    shutil.copy(ROOT / "data_samples" / "untrimmed_film" / "video" / "test" / OWN_FILM, film)
    with open(film, "ab") as file:  # above the server's own limit of 10 MiB for a message
        file.write((15_000_000).to_bytes(4, "big") + b"free" + bytes(15_000_000 - 8))
    (tmp_path / "data_samples").symlink_to(ROOT / "data_samples")  # beside notebooks, as in a clone
    with in_jupyterlab("10_your_own_video", tmp_path) as (page, cells):
        assert film.name not in printed(cells)
        place = next(cell["index"] for cell in cells if "ipywidgets.FileUpload(" in cell["source"])
        page.evaluate(GO_TO, place)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Upload (0)").click()
        chooser.value.set_files(film)
        page.get_by_role("button", name="Upload (1)").wait_for(timeout=ANSWER * 1000)
        page.evaluate(GO_TO, place + 1)
        page.screenshot(path=tmp_path / "1_uploaded.png")
        cells = run(page, "Run Selected Cell and All Below")
        assert f"{film.name}: " in printed(cells)

        tabs = next(cell["index"] for cell in cells if "ipywidgets.Tab(" in cell["source"])
        page.evaluate(GO_TO, tabs)
        box = page.locator(".jupyter-widget-tab")
        image = box.locator("img.widget-image").filter(visible=True)
        seen = set()
        for number, network in enumerate(("VAANet", "CTEN", "TSL-Net"), start=2):
            box.get_by_role("tab", name=network).click()
            image.wait_for(timeout=ANSWER * 1000)
            picture = image.evaluate(PICTURE)
            check_picture(picture)
            assert film.stem in box.inner_text()
            seen.add(picture["digest"])
            page.screenshot(path=tmp_path / f"{number}_{network}.png")
            if network == "CTEN":  # its slider has the network look at the film again
                box.locator(".noUi-handle").filter(visible=True).first.focus()
                page.keyboard.press("ArrowRight")
                wait_until(
                    page, "the picture changes", ANSWER,
                    lambda: image.evaluate(PICTURE)["digest"] not in seen,
                )  # fmt: skip
        assert len(seen) == 3
        page.evaluate(GO_TO, next(c["index"] for c in cells if "link(written)" in c["source"]))
        link = page.locator('a[href*="results/own_video/"]')
        link.wait_for(timeout=ANSWER * 1000)
        assert link.inner_text() == f"{film.stem}_en.html"
        assert page.evaluate("window.harmed") is None
        written = tmp_path / "notebooks" / "results" / "own_video" / f"{film.stem}_en.html"
        assert html.escape(film.name) in written.read_text(encoding="utf-8")
        link.click()  # JupyterLab shows the page in a tab beside the notebook's
        box = page.frame_locator("iframe.jp-HTMLViewer, .jp-HTMLViewer iframe").locator("h1")
        sync_api.expect(box).to_contain_text(film.name, timeout=ANSWER * 1000)
        page.screenshot(path=tmp_path / "5_page.png")
        assert page.evaluate("window.harmed") is None
        page.locator("#jp-main-dock-panel .lm-TabBar-tab").first.click()  # back to the notebook
