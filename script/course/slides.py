"""Slides of a lesson: the cells of its built notebook that are tagged "slide", as one HTML file.

    html = slides(notebook, "en")     # of a notebook as nbformat reads it
    write(OUT)                        # of all lessons: OUT/en/NN_name.html, OUT/cn/NN_name.html

A file needs nothing but a browser: figures are inside it, formulas are MathML, and a policy in its
head forbids the network. Keys: arrows, space, Home, End; f for the whole screen, p for all slides
one below the other, which the browser also prints, one a page. Touch: swipe.

nbconvert's own exporter of slides was the alternative. Its files fetch reveal.js, RequireJS and
MathJax from the network; with all three packed in, a deck without figures is about two megabytes,
and slides that are too long run off the screen. This page is 8 kilobytes around the cells. It uses
nbconvert's Markdown, and splits what is long: between paragraphs, between the rows of a table (with
its head again), between lines of code. What is still too tall is shown smaller.
"""

import base64
import html
import mimetypes
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from jacklib.backend.folders import ROOT
from jacklib.errors import DataError, check_word, refuse
from jacklib.files import reading, write_text

NOTEBOOKS = ROOT / "notebooks"
FOLDERS = {"en": NOTEBOOKS, "zh": NOTEBOOKS / "cn"}
TEMPLATE = Path(__file__).with_name("slides.html")
WORDS = {
    "en": {"back": "Back", "next": "Next", "full": "Whole screen", "list": "All slides",
           "more": "{n} more lines in the notebook"},
    "zh": {"back": "上一页", "next": "下一页", "full": "全屏", "list": "全部幻灯片",
           "more": "其余 {n} 行见笔记本"},
}  # fmt: skip
ROOM = 17  # lines of text on a slide, about
LETTERS = 84  # of a line, about; a Chinese character counts as two
CODE_ROOM = 18  # lines of code or of output on a slide
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # a terminal's
ACTIVE = re.compile(r"<(script|audio|video|iframe|object|embed|link|form|input)\b", re.IGNORECASE)
HEADING = re.compile(r"^(#{1,4}) +(.+)$", re.MULTILINE)


def slides(notebook: NotebookNode, lang: str, folder: Path | None = None) -> str:
    """The slides of a built notebook as one HTML page.

    lang: "en" or "zh"; folder: where the notebook's images lie (else where that edition lies).
    Raises DataError if no cell is tagged, or an image is missing.
    """
    check_word("lang", lang, ("en", "zh"), "Pass one of these.")
    import jinja2
    from markupsafe import Markup
    from pygments.formatters import HtmlFormatter

    tagged = [cell for cell in notebook.cells if "slide" in cell.metadata.get("tags", [])]
    refuse(not tagged, "slides", found="no cell with the tag slide", wanted="10 to 15 of them",
           cure='Write tags=["slide"] into the first lines of cells of notebooks/src.')  # fmt: skip
    found = HEADING.search(tagged[0].source) if tagged[0].cell_type == "markdown" else None
    title = _plain(found[2]) if found else "JACK"
    pages, running = [], title
    for cell in tagged:
        if cell.cell_type == "markdown":
            for text in _split(cell.source):
                heads = HEADING.findall(text)
                running = _plain(heads[-1][1]) if heads else running
                page = _markdown(text, folder or FOLDERS[lang])
                pages.append(page if heads else _running(running) + page)
        elif cell.cell_type == "code":
            pages += [_running(running) + p for p in _code(cell, lang, folder or FOLDERS[lang])]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(
        lang="zh-CN" if lang == "zh" else "en", title=title, words=WORDS[lang],
        slides=[Markup(page) for page in pages],  # noqa: S704
        highlighting=Markup(HtmlFormatter(style="default").get_style_defs(".highlight")),  # noqa: S704
    )  # fmt: skip


def write(out: Path, names: Sequence[str] = ()) -> list[Path]:
    """Slides of the named lessons ("05", "05_cten"), or of all that have tagged cells, in both
    languages; returns the files written.

    Raises DataError if there are none.
    """
    written = []
    for lang, folder in FOLDERS.items():
        for path in sorted(folder.glob("[0-9]*.ipynb")):
            if names and not {path.stem, path.stem.partition("_")[0]} & set(names):
                continue
            with reading(path, "a notebook", "Build it again."):
                notebook = nbformat.read(path, as_version=4)
            if any("slide" in cell.metadata.get("tags", []) for cell in notebook.cells):
                target = Path(out) / ("en" if lang == "en" else "cn") / f"{path.stem}.html"
                target.parent.mkdir(parents=True, exist_ok=True)
                written.append(write_text(target, slides(notebook, lang)))
    refuse(not written, str(NOTEBOOKS), found="no notebook with a cell that is tagged slide",
           wanted="built notebooks", cure="Run `bash script/run.sh notebooks build`.")  # fmt: skip
    return written


# --- text ---------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """A heading without Markdown's marks."""
    return re.sub(r"[*`$]|\[([^\]]*)\]\([^)]*\)", r"\1", text).strip()


def _running(heading: str) -> str:
    """The section's name above a slide without a heading of its own."""
    return f'<p class="running">{html.escape(heading)}</p>'


def _lines(block: str) -> float:
    """About how many lines of a slide a block of Markdown takes."""

    def wide(text: str) -> int:
        return sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)

    if block.startswith("#"):
        return 2.0
    if block.startswith("!["):
        return ROOM - 2.5  # an image wants a slide, but for a heading
    if block.startswith("|"):
        return sum(0.5 + max(1, wide(row) / LETTERS) for row in block.splitlines()[2:]) + 0.8
    if block.startswith("$$"):
        return 2.2
    return 0.5 + sum(-(-max(1, wide(line)) // LETTERS) for line in block.splitlines())


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, list entries, tables by parts that fit a slide, fenced code whole."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    for part in parts:
        if part.startswith("```"):
            yield part
            continue
        for block in re.split(r"\n\s*\n", part):
            block = block.strip("\n")
            if block.startswith("|"):
                yield from _table(block)
            elif re.match(r"([-*]|\d+\.) ", block) and _lines(block) > ROOM / 2:
                yield from re.split(r"\n(?=(?:[-*]|\d+\.) )", block)
            elif block.strip():
                yield block


def _table(block: str) -> Iterator[str]:
    head, rows = block.splitlines()[:2], block.splitlines()[2:]
    while rows:
        taken = 1
        while taken < len(rows) and _lines("\n".join([*head, *rows[: taken + 1]])) <= ROOM - 2:
            taken += 1
        if len(rows) - taken <= 2:  # one or two alone would look lost
            taken = len(rows)
        yield "\n".join([*head, *rows[:taken]])
        rows = rows[taken:]


def _split(text: str) -> list[str]:
    """A cell's Markdown, cut into slides; each further one has the heading again."""
    pages: list[list[str]] = [[]]
    heading = ""
    for block in _blocks(text):
        page = pages[-1]
        only_heading = all(b.startswith("#") for b in page)
        if not only_heading and sum(map(_lines, [*page, block])) > ROOM:
            pages.append([heading] if heading and not block.startswith("#") else [])
            # A sentence that goes on in a list or a table stands on the same slide as that.
            before = [b for b in page[:-1] if not b.startswith("#")]
            if before and re.search(r"[\w:：,，]$", page[-1]) and not block.startswith("#"):
                pages[-1].append(page.pop())
        if block.startswith("#"):
            heading = re.sub(r"^#+", "##", block.splitlines()[0])
        pages[-1].append(block)
    return ["\n\n".join(page) for page in pages if page]


def _markdown(text: str, folder: Path) -> str:
    """Markdown as HTML that needs no other file. Raises DataError naming a missing image."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        """Formulas as MathML, images inside the page, links to the web only."""

        def block_math(self, body: str) -> str:
            return _formula(body, "block")

        def inline_math(self, body: str) -> str:
            return _formula(body, "inline")

        def image(self, text: str, url: str, title: str | None = None) -> str:
            words = html.escape(text, quote=True)
            return "".join(
                f'<img src="{source}" alt="{words if i == 0 else ""}">'
                for i, source in enumerate(_data_urls(url, folder))
            )

        def link(self, text: str, url: str, title: str | None = None) -> str:
            if not re.match(r"https?://", url):
                return f"<span>{text}</span>"
            return f'<a href="{html.escape(url)}" target="_blank" rel="noopener">{text}</a>'

    return MarkdownWithMath(Renderer(escape=True, exclude_anchor_links=True)).render(text)


def _formula(latex: str, display: str) -> str:
    try:
        from latex2mathml.converter import convert
    except ImportError as error:
        raise DataError("slides", found="no package latex2mathml", wanted="formulas as MathML",
                        cure="Install it: pip install -e .[course]") from error  # fmt: skip
    return convert(latex, display=display)


def _data_urls(url: str, folder: Path) -> list[str]:
    """An image of a lesson as data; a tall drawing in two halves, to stand side by side."""
    if url.startswith("data:"):
        return [url]
    path = (folder / url).resolve()
    refuse(not path.is_relative_to(NOTEBOOKS.resolve()) and not path.is_relative_to(folder),
           f"image {url}", found="one from elsewhere", wanted="a file below notebooks/",
           cure="Put it into notebooks/img.")  # fmt: skip
    refuse(not path.is_file(), f"image {url}", found=f"no file {path}", wanted="an image",
           cure="Correct the cell, or draw it: python -m script.course.drawings")  # fmt: skip
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    data = path.read_bytes()
    parts = _halves(data.decode()) if kind == "image/svg+xml" else [data]
    return [f"data:{kind};base64,{base64.b64encode(part).decode()}" for part in parts]


def _halves(svg: str) -> list[bytes]:
    """A drawing of drawings.py that is taller than wide, cut between two rows of boxes; others as
    they are."""
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)" width="[\d.]+" height="[\d.]+"', svg)
    if not size or float(size[2]) <= 1.1 * float(size[1]):
        return [svg.encode()]
    width, height = float(size[1]), float(size[2])
    boxes = re.findall(r'class="box"><rect [^>]*?y="([\d.]+)" [^>]*?height="([\d.]+)"', svg)
    bottoms = {float(y) + float(h) + 14 for y, h in boxes}
    cut = min(bottoms, key=lambda y: abs(y - height / 2))
    views = ((0, cut), (cut, height - cut))
    return [
        svg.replace(size[0], f'viewBox="0 {y:g} {width:g} {h:g}" width="{width:g}" height="{h:g}"')
        .encode() for y, h in views
    ]  # fmt: skip


# --- code and its outputs -----------------------------------------------------------------------


def _code(cell: NotebookNode, lang: str, folder: Path) -> list[str]:
    """A code cell's slides: its figures alone where it has any, else its code and what it says."""
    figures, said = [], []
    for output in cell.get("outputs", []):
        kind, content = _output(output, lang, folder)
        (figures if kind == "figure" else said).append(content)
    if figures:
        return figures
    pages, code = [], cell.source.strip().splitlines()
    while code:
        end = len(code)
        if end > CODE_ROOM:  # cut at a blank line in the lower half, or anywhere
            blank = [i for i in range(CODE_ROOM // 2, CODE_ROOM) if not code[i].strip()]
            end = blank[-1] if blank else CODE_ROOM
        pages.append((end, _highlighted("\n".join(code[:end]).strip("\n"))))
        code = code[end:]
    used, pages = (pages[-1][0] if pages else 0), [page for _, page in pages]
    for content in filter(None, said):
        size = content.count("\n") + 2
        if pages and used + size <= CODE_ROOM:
            pages[-1] += content
            used += size
        else:
            pages.append(content)
            used = size
    return pages


def _highlighted(code: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(code, PythonLexer(), HtmlFormatter())


def _output(output: NotebookNode, lang: str, folder: Path) -> tuple[str, str]:
    """("figure" or "text", HTML) of one output; what only lives in a notebook as its words."""
    if output.output_type == "stream":
        return "text", _printed(output.text, lang)
    if output.output_type == "error":
        return "text", _printed(f"{output.ename}: {output.evalue}", lang)
    data: dict[str, Any] = output.get("data", {})
    for kind in ("image/svg+xml", "image/png", "image/jpeg"):
        if kind in data:
            content = "".join(data[kind])
            if kind == "image/svg+xml":
                content = base64.b64encode(content.encode()).decode()
            words = html.escape("".join(data.get("text/plain", "")), quote=True)
            source = f"data:{kind};base64,{''.join(content.split())}"
            return "figure", f'<p class="figure"><img src="{source}" alt="{words}"></p>'
    if "text/markdown" in data:
        return "text", _markdown("".join(data["text/markdown"]), folder)
    page = "".join(data.get("text/html", ""))
    if page and not ACTIVE.search(page):
        return "text", page
    return "text", _printed("".join(data.get("text/plain", "")), lang)


def _printed(text: str, lang: str) -> str:
    """What a cell prints, up to as many lines as fit."""
    lines = COLOURS.sub("", text).strip("\n").splitlines()
    if not any(line.strip() for line in lines):
        return ""
    if len(lines) > CODE_ROOM + 2:
        more = WORDS[lang]["more"].format(n=len(lines) - CODE_ROOM)
        lines = [*lines[:CODE_ROOM], f"… {more}"]
    return f'<pre class="out">{html.escape(chr(10).join(lines))}</pre>'
