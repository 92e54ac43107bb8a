"""Slides in Chromium, with the network off: nothing missing, nothing cut off, keys and print."""

import base64
import re

import nbformat
import pytest
from support.notebook_checks import find_chromium

from jacklib.errors import DataError
from script.course import slides

pytest.importorskip("latex2mathml", reason="needs latex2mathml: jacklib[course]")
PIXEL = base64.b64encode(
    b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 90 30' width='900' height='300'>"
    b"<rect width='90' height='30' fill='#0072B2'/></svg>"
).decode()

TEXT = {
    "en": {
        "title": "# 99 · A lesson\n\n| | |\n|---|---|\n| **You can afterwards** | read a slide |",
        "drawing": "## A network\n\n![VAANet](img/vaanet.en.svg)",
        "long": "## Long\n\n" + "\n\n".join(f"Sentence {n}: " + "words " * 40 for n in range(9)),
        "table": "## Table\n\n| a | b |\n|---|---|\n" + "| some words | 54.5% |\n" * 31,
        "formula": r"## Formula" "\n\n" r"The weight $\alpha$ and $$y=\sum_k\frac{a_k}{2}$$",
    },
    "zh": {
        "title": "# 99 · 一节课\n\n| | |\n|---|---|\n| **学完你能** | 看懂一页幻灯片 |",
        "drawing": "## 网络\n\n![VAANet](../img/vaanet.zh.svg)",
        "long": "## 很长\n\n" + "\n\n".join(f"第 {n} 句：" + "许多文字" * 30 for n in range(9)),
        "table": "## 表格\n\n| 甲 | 乙 |\n|---|---|\n" + "| 一些文字 | 54.5% |\n" * 31,
        "formula": r"## 公式" "\n\n" r"权重 $\alpha$ 与 $$y=\sum_k\frac{a_k}{2}\text{（和）}$$",
    },
}


def lesson(lang):
    """A notebook with all that a slide can hold."""
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell(text) for text in TEXT[lang].values()]
    code = v4.new_code_cell("\n".join(f"value_{n} = {n}  # {'x' * 70}" for n in range(40)))
    code.outputs = [
        v4.new_output("stream", name="stdout", text="\x1b[1mline\x1b[0m\n" * 60),
        v4.new_output("display_data", {"text/html": "<script>alert(1)</script>",
                                       "text/plain": "a widget"}),
    ]  # fmt: skip
    figure = v4.new_code_cell("plt.show()")
    figure.outputs = [
        v4.new_output("display_data", {"image/svg+xml": base64.b64decode(PIXEL).decode()})
    ]
    cells += [code, figure, v4.new_markdown_cell("A note without a heading: [02](02_x.ipynb).")]
    for cell in cells:
        cell.metadata["tags"] = ["slide"]
    return v4.new_notebook(cells=[*cells, v4.new_markdown_cell("not shown")])


def built(lang):
    """Our own lessons that have tagged cells."""
    for path in sorted(slides.FOLDERS[lang].glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if any("slide" in cell.metadata.get("tags", []) for cell in notebook.cells):
            yield path.stem, notebook


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: jacklib[dev]")
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser, file):
    """The deck's page, ready, and what its console says."""
    page, said = browser.new_page(viewport={"width": 1280, "height": 720}), []
    page.context.set_offline(True)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or said.append(r.url))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    return page, said


SIZES = """() => [...document.querySelectorAll("section")].map(slide => {
    const body = slide.querySelector(".body");
    return { over: Math.max(body.scrollHeight - body.clientHeight,
                            body.scrollWidth - body.clientWidth),
             fit: parseFloat(slide.style.getPropertyValue("--fit")),
             broken: [...slide.querySelectorAll("img")].filter(i => !i.naturalWidth).length,
             words: body.textContent.trim().length + body.querySelectorAll("img").length };
})"""


def check_deck(browser, file):
    page, said = opened(browser, file)
    found = page.evaluate(SIZES)
    page.close()
    assert not said
    for number, slide in enumerate(found, 1):
        assert slide["over"] <= 0 and not slide["broken"], f"{file.name}, slide {number}"
        assert slide["fit"] >= 0.6, f"{file.name}, slide {number} is too small to read"
        assert slide["words"], f"{file.name}, slide {number} is empty"
    return len(found)


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_cut_off_or_asked_of_the_network(browser, tmp_path, lang):
    file = tmp_path / f"lesson.{lang}.html"
    file.write_text(slides.slides(lesson(lang), lang), encoding="utf-8")
    assert check_deck(browser, file) >= 12  # the long text, table and code on several each


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_our_lessons_have_good_slides(browser, tmp_path, lang):
    for name, notebook in built(lang):
        file = tmp_path / f"{name}.{lang}.html"
        file.write_text(slides.slides(notebook, lang), encoding="utf-8")
        check_deck(browser, file)


@pytest.mark.browser
def test_keys_list_and_print(browser, tmp_path):
    file = tmp_path / "lesson.html"
    file.write_text(slides.slides(lesson("en"), "en"), encoding="utf-8")
    page, _ = opened(browser, file)
    count = page.locator("section").count()

    def shown():
        return [i for i in range(count) if page.locator("section").nth(i).is_visible()]

    for key, at in (
        ("ArrowRight", 1), (" ", 2), ("Shift+ ", 1), ("ArrowLeft", 0), ("ArrowLeft", 0),
        ("End", count - 1), ("PageDown", count - 1), ("Home", 0), ("ArrowDown", 1),
    ):  # fmt: skip
        page.keyboard.press("Shift+Space" if key == "Shift+ " else "Space" if key == " " else key)
        assert shown() == [at], key
    assert page.url.endswith("#2")
    page.keyboard.press("p")
    assert len(shown()) == count
    page.keyboard.press("p")
    assert shown() == [1]
    paper = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == count
    for width, height in ((640, 360), (390, 844), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for _ in range(50):  # until the page has heard of it
            box = page.locator("section.now").bounding_box()
            right, bottom = box["x"] + box["width"], box["y"] + box["height"]
            inside = min(box["x"], box["y"]) >= -1 and right <= width + 1 and bottom <= height + 1
            if inside and (abs(box["width"] - width) < 1 or abs(box["height"] - height) < 1):
                break
            page.wait_for_timeout(100)
        else:
            pytest.fail(f"{width} x {height}: {box}")
    page.close()


def test_what_a_page_holds():
    page = slides.slides(lesson("en"), "en")
    assert "<mfrac>" in page and 'display="block"' in page and "$$" not in page
    assert "alert(1)" not in page and "a widget" in page and "\x1b" not in page
    assert "42 more lines in the notebook" in page and "not shown" not in page
    assert "02_x.ipynb" not in page  # a link that leads nowhere from here
    assert page.count("data:image/svg+xml;base64,") == 3  # the drawing in halves, and the figure
    assert not re.search(r'(src|href)="(?!data:|https?:)', page)
    chinese = slides.slides(lesson("zh"), "zh")
    assert 'lang="zh-CN"' in chinese and "其余 42 行见笔记本" in chinese


def test_a_sentence_stays_with_its_table():
    table = "| a |\n|---|\n" + "| b |\n" * 8
    text = "## Why\n\n" + "Words. " * 89 + "Words.\n\nThere are eight:\n\n" + table
    first, second = slides._split(text)
    assert first.endswith("Words.") and second.startswith("## Why\n\nThere are eight:\n\n| a |")


def test_tall_drawings_are_cut_between_boxes():
    text = (slides.NOTEBOOKS / "img" / "cten.zh.svg").read_text(encoding="utf-8")
    halves = slides._halves(text)
    views = [re.search(rb'viewBox="0 ([\d.]+) 640 ([\d.]+)"', half) for half in halves]
    first, second = ([float(v[1]), float(v[2])] for v in views)
    assert first[0] == 0 and second[0] == first[1]
    boxes = re.findall(r'class="box"><rect [^>]*?y="([\d.]+)" [^>]*?height="([\d.]+)"', text)
    assert len(boxes) > 10
    assert not [1 for y, h in boxes if float(y) < first[1] < float(y) + float(h)]


def test_bad_input_is_named():
    empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# x")])
    with pytest.raises(DataError, match="no cell with the tag slide"):
        slides.slides(empty, "en")
    with pytest.raises(DataError, match="lang"):
        slides.slides(lesson("en"), "fr")
    lost = lesson("en")
    lost.cells[0].source = "![x](img/none.svg)"
    with pytest.raises(DataError, match=r"none\.svg"):
        slides.slides(lost, "en")
    lost.cells[0].source = "![x](../../secret.png)"
    with pytest.raises(DataError, match="from elsewhere"):
        slides.slides(lost, "en")


def test_all_lessons_are_written(tmp_path, monkeypatch):
    folders = {"en": tmp_path / "n", "zh": tmp_path / "n" / "cn"}
    for lang, folder in folders.items():
        folder.mkdir()
        nbformat.write(nbformat.v4.new_notebook(cells=[]), folder / "01_untagged.ipynb")
        notebook = lesson(lang)
        notebook.cells = [c for c in notebook.cells if "img/" not in c.source]
        nbformat.write(notebook, folder / "99_lesson.ipynb")
    monkeypatch.setattr(slides, "FOLDERS", folders)
    written = slides.write(tmp_path / "out")
    names = ["en/99_lesson.html", "cn/99_lesson.html"]
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == names
    assert slides.write(tmp_path / "one", ["99"]) and not (tmp_path / "one" / "en" / "01").exists()
    with pytest.raises(DataError, match="built notebooks"):
        slides.write(tmp_path / "other", ["01"])
    monkeypatch.setattr(slides, "FOLDERS", {"en": tmp_path / "nothing"})
    with pytest.raises(DataError, match="built notebooks"):
        slides.write(tmp_path / "out")
