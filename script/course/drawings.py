"""The drawings of the lessons: notebooks/img/NAME.{en,zh}.svg, from drawings.yaml.

    python -m script.course.drawings            # writes all
    python -m script.course.drawings --check    # says which on disk are not what the YAML gives

Boxes stand in a grid; both languages have the same boxes and arrows, so that they cannot drift
apart. A box has `at: [row, column, columns]`, a kind, one or two lines of words per language, and
where it has one the symbol and the shape of its output. An arrow runs straight down where two boxes
lie above each other, sideways in a row, and else around (`by: left | right | under | gap`).

The page is 640 units wide: letters of 15 units and more can be read at a phone's width. It needs no
font and no file from elsewhere, and has a light ground of its own for dark pages.
"""

import argparse
import sys
import unicodedata
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from jacklib.backend.folders import ROOT
from jacklib.errors import DataError, refuse
from jacklib.files import write_text
from jacklib.widgets.drawing import BLUE, GREY, INK, ORANGE, QUIET, VERMILLION

SOURCE = Path(__file__).with_name("drawings.yaml")
FOLDER = ROOT / "notebooks" / "img"
LANGUAGES = ("en", "zh")

WIDTH, MARGIN, GAP, BETWEEN = 640, 34, 20, 32  # of the page; beside it, between columns, rows
TITLE, NOTE, SHAPE = 18, 16, 15  # sizes of letters
FONTS = (
    "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', 'Noto Sans SC', "
    "'PingFang SC', 'Microsoft YaHei', 'DejaVu Sans', 'WenQuanYi Micro Hei', sans-serif"
)
MONO = "ui-monospace, 'SF Mono', Consolas, 'DejaVu Sans Mono', monospace"
AROUND = ("left", "right", "under")  # ways through the margin
# kind: ground, frame, width of the frame, dashes. The frame tells the kinds apart without colour.
KINDS = {
    "input": ("#FFFFFF", QUIET, 1.2, ""),
    "layer": ("#E4F0F8", BLUE, 1.6, ""),
    "attention": ("#FDF0D0", ORANGE, 3.2, ""),
    "output": ("#E9ECEF", INK, 3.2, ""),
    "training": ("#FBE7DC", VERMILLION, 1.8, "7 4"),
}


class Box(NamedTuple):
    """A box on the page."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height


def drawing(name: str, plan: dict[str, Any], lang: str) -> str:
    """One drawing as the text of an SVG file. Raises DataError if words do not fit their box."""
    boxes, tall = _layout(plan)
    body = [_box(f"{name}.{key}", boxes[key], plan["boxes"][key], lang) for key in boxes]
    body += [_arrow(boxes, *arrow[:2], *(arrow[2:] or [{}]), lang) for arrow in plan["arrows"]]
    body += [
        _words(MARGIN + (WIDTH - 2 * MARGIN) * x, _tops(plan)[int(row)] - 9, NOTE, words[lang],
               "middle", f'fill="{QUIET}" font-weight="600"')
        for row, x, words in plan.get("headings", [])
    ]  # fmt: skip
    legend, height = _legend(plan, lang, tall)
    ids = f"{name}-{lang}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" style="max-width:100%;height:auto" role="img" '
        f'lang="{"zh-CN" if lang == "zh" else "en"}" aria-labelledby="{ids}-t {ids}-d" '
        f'font-family="{FONTS}">\n'
        f'<title id="{ids}-t">{escape(plan["title"][lang])}</title>\n'
        f'<desc id="{ids}-d">{escape(plan["desc"][lang])}</desc>\n'
        f"<defs>{_head('ink', INK)}{_head('training', VERMILLION)}</defs>\n"
        f'<rect width="{WIDTH}" height="{height:g}" rx="10" fill="#FCFCFA" stroke="{GREY}"/>\n'
        + "\n".join([*body, *legend])
        + "\n</svg>\n"
    )


def _head(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="11" '
        f'markerHeight="11" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 1 10 5 0 9z" fill="{colour}"/></marker>'
    )


# --- where things lie ---------------------------------------------------------------------------


def _height(box: dict[str, Any]) -> float:
    """Of a box, the same in both languages: that of the longer words."""
    lines = max(len(box[lang]) for lang in LANGUAGES)
    return 22 + TITLE + (lines - 1) * (NOTE + 5) + (SHAPE + 6 if "shape" in box else 0)


def _tops(plan: dict[str, Any]) -> list[float]:
    """The upper edge of each row, and of what follows."""
    rows = 1 + max(box["at"][0] for box in plan["boxes"].values())
    between = plan.get("between", {})
    tops = [30.0 if plan.get("headings") else 18.0]
    for row in range(rows):
        tallest = max(_height(b) for b in plan["boxes"].values() if b["at"][0] == row)
        tops.append(tops[-1] + tallest + between.get(row, BETWEEN))
    return tops


def _layout(plan: dict[str, Any]) -> tuple[dict[str, Box], float]:
    """The boxes on the page, and how far down they go."""
    columns = plan["columns"]
    one = (WIDTH - 2 * MARGIN - GAP * (columns - 1)) / columns
    tops, boxes = _tops(plan), {}
    for name, box in plan["boxes"].items():
        row, column, span = box["at"]
        tallest = max(_height(b) for b in plan["boxes"].values() if b["at"][0] == row)
        boxes[name] = Box(
            MARGIN + column * (one + GAP), tops[row], one * span + GAP * (span - 1), tallest
        )
    return boxes, max(box.bottom for box in boxes.values())


# --- what is drawn ------------------------------------------------------------------------------


def text_width(text: str, size: float) -> float:
    """About how wide a line is; Chinese characters are as wide as high."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return size * (wide * 1.0 + (len(text) - wide) * 0.56)


def _words(x: float, y: float, size: float, text: str, anchor: str, more: str = "") -> str:
    look = f'fill="{INK}" ' if "fill" not in more else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" '
        f"{look}{more}>{escape(text)}</text>"
    )


def _box(where: str, box: Box, content: dict[str, Any], lang: str) -> str:
    ground, frame, thick, dashes = KINDS[content["kind"]]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    parts = [
        f'<g class="box"><rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" '
        f'height="{box.height:g}" rx="7" fill="{ground}" stroke="{frame}" '
        f'stroke-width="{thick}"{dashed}/>'
    ]
    symbol = content.get("symbol", "")
    left = 16 + text_width(symbol, 25) if symbol else 0  # room for the symbol
    if symbol:
        look = 'font-family="Georgia, \'Times New Roman\', serif" font-style="italic"'
        parts.append(_words(box.x + 12, box.y + box.height / 2 + 8, 27, symbol, "start", look))
    middle, room = box.middle + left / 2, box.width - left - 10
    y = box.y + 11
    lines = [(text, TITLE if i == 0 else NOTE) for i, text in enumerate(content[lang])]
    used = sum(size + 5 for _, size in lines) + (SHAPE + 6 if "shape" in content else 0)
    y += max(0, (box.height - 17 - used) / 2)
    for text, size in lines:
        needed = text_width(text, size) * (1.1 if size == TITLE else 1)  # a title is bold
        refuse(needed > room, f"{where} ({lang}): {text!r}", found=f"{needed:.0f} units",
               wanted=f"at most {room:.0f}", cure="Shorten it, or use a line more.")  # fmt: skip
        bold = 'font-weight="600"' if size == TITLE else ""
        y += size
        parts.append(_words(middle, y, size, text, "middle", bold))
        y += 5
    if "shape" in content:
        needed = len(content["shape"]) * SHAPE * 0.61
        refuse(needed > room, f"{where}: {content['shape']!r}", found=f"{needed:.0f} units",
               wanted=f"at most {room:.0f}", cure="Shorten it.")  # fmt: skip
        look = f'font-family="{MONO}" fill="{QUIET}"'
        parts.append(_words(middle, y + SHAPE + 1, SHAPE, content["shape"], "middle", look))
    return "".join(parts) + "</g>"


def _arrow(boxes: dict[str, Box], start: str, end: str, how: dict[str, Any], lang: str) -> str:
    for name in (start, end):
        refuse(name not in boxes, f"arrow {start} -> {end}", found=f"no box {name}",
               wanted="two boxes", cure="Correct drawings.yaml.")  # fmt: skip
    a, b = boxes[start], boxes[end]
    way = how.get("by")
    if way in ("left", "right"):
        points = _around(a, b, way == "right", how.get("lane", 0))
    elif way == "under":  # out below, through the left margin, and in from the left
        down, edge, yb = a.bottom + 15, MARGIN - 13, b.y + b.height / 2
        points = [(a.middle, a.bottom), (a.middle, down), (edge, down), (edge, yb), (b.x, yb)]
    elif way == "gap":  # out at the side, along the gap between the columns, in at the side
        x = a.x + a.width + GAP / 2
        ya, yb = a.y + a.height / 2, b.y + b.height / 2
        points = [(a.x + a.width, ya), (x, ya), (x, yb), (b.x, yb)]
    elif a.y == b.y:
        y = a.y + a.height / 2 + how.get("shift", 0)
        points = [(a.x + a.width, y), (b.x, y)] if a.x < b.x else [(a.x, y), (b.x + b.width, y)]
    else:
        points = _down(a, b, how.get("shift", 0), f"arrow {start} -> {end}")
    training = how.get("training", False)
    look = f'stroke="{VERMILLION}" stroke-dasharray="7 4"' if training else f'stroke="{INK}"'
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    drawn = (
        f'<polyline class="arrow" points="{path}" fill="none" {look} stroke-width="1.8" '
        f'stroke-linejoin="round" marker-end="url(#{"training" if training else "ink"})"/>'
    )
    if lang in how:
        (x, y), (x2, y2) = points[-3:-1] if way in AROUND else points[-2:]
        x, y = (x + x2) / 2, (y + y2) / 2
        if way in AROUND:  # along the margin
            turn = f'transform="rotate(-90 {x:g} {y:g})"'
            x, y = x, y + NOTE + 2 if way == "right" else y - 5
            drawn += _words(x, y, NOTE, how[lang], "middle", turn)
        else:
            drawn += _words(x + 8, y + 5, NOTE, how[lang], "start")
    return drawn


def _around(a: Box, b: Box, right: bool, lane: int) -> list[tuple[float, float]]:
    """Through the margin, in one of two lanes."""
    off = 13 + 12 * lane
    ya, yb = a.y + a.height / 2, b.y + b.height / 2
    if right:
        edge = WIDTH - MARGIN + off
        return [(a.x + a.width, ya), (edge, ya), (edge, yb), (b.x + b.width, yb)]
    return [(a.x, ya), (MARGIN - off, ya), (MARGIN - off, yb), (b.x, yb)]


def _down(a: Box, b: Box, shift: float, where: str) -> list[tuple[float, float]]:
    """Straight down, where one is above the other; else from middle to middle, aslant."""
    refuse(b.y < a.bottom, where, found="one that leads up", wanted="one that leads down",
           cure="Give it `by: left` or `by: right`.")  # fmt: skip
    low, high = max(a.x, b.x), min(a.x + a.width, b.x + b.width)
    if low < high:
        centre = next((m for m in (b.middle, a.middle) if low <= m <= high), (low + high) / 2)
        return [(centre + shift, a.bottom), (centre + shift, b.y)]
    return [(a.middle + shift, a.bottom), (b.middle - shift, b.y)]


def _legend(plan: dict[str, Any], lang: str, tall: float) -> tuple[list[str], float]:
    """What the frames mean, and the notes below: lines of SVG, and the page's height."""
    parts, x, y = [], float(MARGIN), tall + 34
    used = {box["kind"] for box in plan["boxes"].values()}
    for kind, words in plan["legend"].items():
        if kind not in used:
            raise DataError(f"legend of {plan['title']['en']!r}", found=f"{kind}, which none has",
                            wanted="kinds that are drawn", cure="Take it out.")  # fmt: skip
        ground, frame, thick, dashes = KINDS[kind]
        width = 34 + text_width(words[lang], NOTE) + 16
        if x + width > WIDTH - 10:
            x, y = float(MARGIN), y + 24
        parts.append(
            f'<rect x="{x:g}" y="{y - 12:g}" width="26" height="15" rx="4" fill="{ground}" '
            f'stroke="{frame}" stroke-width="{thick}"'
            + (f' stroke-dasharray="{dashes}"' if dashes else "")
            + "/>"
        )
        parts.append(_words(x + 34, y, NOTE, words[lang], "start"))
        x += width
    for line in plan.get("notes", {}).get(lang, []):
        y += 24
        needed = text_width(line, NOTE)
        refuse(needed > WIDTH - MARGIN - 10, f"note {line!r}", found=f"{needed:.0f} units",
               wanted=f"at most {WIDTH - MARGIN - 10}", cure="Shorten it.")  # fmt: skip
        parts.append(_words(MARGIN, y, NOTE, line, "start", f'fill="{QUIET}"'))
    return parts, y + 20


# --- files --------------------------------------------------------------------------------------


def drawings() -> dict[Path, str]:
    """Every file and what it should hold."""
    plans = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return {
        FOLDER / f"{name}.{lang}.svg": drawing(name, plan, lang)
        for name, plan in plans.items()
        for lang in LANGUAGES
    }


def stale() -> list[Path]:
    """Drawings that are missing or not what drawings.yaml gives now."""
    return [
        path for path, text in drawings().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]  # fmt: skip


def write() -> list[Path]:
    """Write all drawings; returns their paths."""
    for path, text in drawings().items():
        write_text(path, text)
    return list(drawings())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    if parser.parse_args().check:
        found = stale()
        print("\n".join(f"stale: {path}" for path in found) or "All drawings are up to date.")
        sys.exit(bool(found))
    for path in write():
        print(f"wrote {path}")
