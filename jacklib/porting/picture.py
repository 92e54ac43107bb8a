"""Figures of a port: where its values leave the reference's, and which lines it changes.

`comparison_figure(comparison)` draws what `porting.compare` found, layer beneath layer.
`diff_figure(rows, ...)` draws the PyTorch and the Jittor code side by side, coloured by the kind of
change (`changes.KINDS`); `porting_widget("tsl")` puts a menu of the file's classes and functions, a
slider over the lines and a box "only what changes" on top of it.
"""

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import ipywidgets
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jacklib.core import networks
from jacklib.errors import check_choice
from jacklib.porting.changes import Row, count_kinds, side_by_side, sources
from jacklib.porting.comparison import GRADIENTS, OUTPUTS, Comparison
from jacklib.widgets import drawing
from jacklib.widgets.drawing import BLUE, INK, MARGIN_RIGHT, ORANGE, QUIET, VERMILLION, WIDTH
from jacklib.widgets.words import texts

TEXT = texts("porting")

# --- what `compare` found ------------------------------------------------------------------------

LEFT, TOP = 2.75, 0.82  # inches: the layers' names, and everything above the first of them
LOWEST, HIGHEST = -9.5, 2.0  # powers of ten at the picture's edges
TALLEST, FLATTEST, MOST = 0.25, 0.062, 9.5  # inches: one layer at most and at least, all of them
LABEL = 0.135  # inches between two names
MARKS = (
    # attribute, words, colour, marker, how far from the row's middle
    ("output", "outputs", BLUE, "o", -0.22),
    ("gradient", "gradients", ORANGE, "^", 0.0),
    ("weights", "weights", INK, "s", 0.22),
)


def comparison_figure(comparison: Comparison, lang: str = "en") -> Figure:
    """Draw how far each layer is from the reference's, from the first (top) to the last.

    Differences are on a logarithmic axis; dashed lines show up to where they count as equal. The
    layer that is the first to differ lies on a band, with the words beneath the title. What is not
    finite is at the right edge. lang: "en" or "zh"; compare's own words are English.
    """
    lang = drawing.drawable(lang)
    text, layers = TEXT[lang], comparison.layers
    row = min(TALLEST, max(FLATTEST, MOST / max(len(layers), 1)))
    height = row * max(len(layers), 3)
    lines = textwrap.wrap(_finding(comparison, text), 118)
    top = TOP + 0.19 * len(lines)
    with drawing.house_style(lang, [comparison.network]) as bold:
        page = drawing.Page(top + height + 0.62, bold)
        ours, theirs = comparison.frameworks
        title = text["beside"].format(network=comparison.network, ours=ours, theirs=theirs)
        title += text["sampled"] if comparison.sampled else ""
        page.write(0.2, 0.13, title, fontsize=12, fontweight=bold, parse_math=False)
        said, colour = ("equal", BLUE) if comparison.ok else ("unequal", VERMILLION)
        page.write(
            WIDTH - MARGIN_RIGHT, 0.14, text[said], ha="right", fontsize=11, fontweight=bold,
            color=colour,
        )  # fmt: skip
        for number, line in enumerate(lines):
            page.write(0.2, 0.45 + 0.19 * number, line, fontsize=9, color=VERMILLION)
        axes = page.axes(LEFT, top, WIDTH - LEFT - MARGIN_RIGHT, height)
        axes.set(xlim=(LOWEST, HIGHEST), ylim=(max(len(layers), 3) - 0.5, -0.5))
        limits = (OUTPUTS, "tolerance", BLUE), (GRADIENTS, "tolerance_gradients", ORANGE)
        for value, key, hue in limits:
            axes.axvline(np.log10(value), color=hue, ls="--", lw=1, label=text[key].format(value))
        _draw_layers(axes, comparison, row, text, bold)
        handles = [
            Line2D([], [], **_mark(marker, hue), ms=5, label=text[key])
            for _, key, hue, marker, _ in MARKS
        ] + axes.get_legend_handles_labels()[0]
        drawing.draw_legend(
            axes, handles, "lower right", (1.0, 1.0), ncols=5, fontsize=8, borderaxespad=None,
            borderpad=0, columnspacing=1.3, handletextpad=0.4,
        )  # fmt: skip
        if not layers:
            axes.text(0, 1, text["nothing"], ha="right", color=QUIET)
        return page.finish()


def _finding(comparison: Comparison, text: dict) -> str:
    """The one thing to say beneath the title."""
    if comparison.ok:
        return ""
    if comparison.first:
        return text["first"].format(comparison.first)
    if comparison.gradient:
        return text["later"].format(comparison.gradient)
    lines = [line for line in comparison.verdict.split("\n") if line.startswith("✗")]
    return text["other"].format("; ".join(lines))


def _place(value: float) -> float:
    """Where a difference is on the axis: its power of ten, inside the edges."""
    if not np.isfinite(value):
        return HIGHEST - 0.35
    return float(np.clip(np.log10(max(value, 1e-30)), LOWEST + 0.3, HIGHEST - 1))


def _mark(marker: str, colour: str) -> dict:
    return dict(marker=marker, ls="", color=colour, mfc="none" if marker == "s" else colour)


def _draw_layers(axes, comparison: Comparison, row: float, text: dict, bold: str) -> None:
    layers = comparison.layers
    first = comparison.first_layer if comparison.first else comparison.gradient_layer
    size = min(5.0, 72 * row * 0.42)
    places = [i for i, layer in enumerate(layers) if layer.name == first]
    for i in places:
        axes.axhspan(i - 0.5, i + 0.5, color=VERMILLION, alpha=0.16, lw=0, zorder=0)
    for attribute, _, colour, marker, shift in MARKS:
        values = {i: getattr(layer, attribute) for i, layer in enumerate(layers)}
        values = {i + shift: _place(far) for i, far in values.items() if far is not None}
        if values:
            axes.plot(
                values.values(), values.keys(), **_mark(marker, colour), ms=size, mew=0.8,
                zorder=3, alpha=0.9, clip_on=False,
            )  # fmt: skip
    # Names: as many as there is room for; that of the first to differ in any case.
    every = max(1, int(np.ceil(LABEL / row)))
    named = [i for i in range(0, len(layers), every) if all(abs(i - p) >= every for p in places)]
    for i in named + places:
        name = layers[i].name or text["whole"]
        name = name if len(name) <= 36 else "…" + name[-35:]
        axes.text(
            LOWEST - 0.12, i, name, ha="right", va="center", fontsize=8, parse_math=False,
            color=VERMILLION if i in places else INK, fontweight=bold if i in places else "normal",
        )  # fmt: skip
    for i, layer in enumerate(layers):
        if layer.remark and layer.output is None and row > 0.1:
            axes.text(LOWEST + 0.2, i, layer.remark, va="center", fontsize=8, color=VERMILLION)
    ticks = range(-9, 1, 2)
    words = [*(f"$10^{{{t}}}$" for t in ticks), text["not_finite"]]
    axes.set_xticks([*ticks, HIGHEST - 0.35], words, parse_math=True)
    axes.axvline(HIGHEST - 0.7, color="#BBBBBB", lw=0.8)
    axes.grid(axis="x", color="#E3E6E8", lw=0.7, zorder=0)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    axes.set_xlabel(text["difference"], fontsize=9)


# --- two files side by side ----------------------------------------------------------------------

LINE, FONT, CODE = 0.155, 6.7, "DejaVu Sans Mono"  # inches per line of code; its size in points
NUMBER, GUTTER = 0.3, 0.2  # inches: line numbers, and the sign between the columns
COLUMN = (WIDTH - 2 * 0.12 - GUTTER) / 2
# A kind's colour, and its sign between the columns.
LOOKS = {
    "import": ("#DADFE3", "i"), "name": ("#CFE6F5", "≈"), "call": ("#FBE3B3", "≠"),
    "port": ("#CDEBDF", "+"), "reference": ("#F7D3C0", "−"),
}  # fmt: skip
SHOWN = 32  # lines of a picture


def differs(row: Row) -> bool:
    """Whether a row is code that is not the same in both."""
    return row.kind in LOOKS


def diff_figure(
    rows: Sequence[Row], start: int = 0, count: int = SHOWN,
    kinds: Mapping[str, int] | None = None, *, title: str = "", lang: str = "en",
) -> Figure:  # fmt: skip
    """Draw `count` rows from `start` on: PyTorch at the left, Jittor at the right.

    rows: of `changes.side_by_side`. kinds: the numbers beside the legend; None: those of all rows.
    Rows that are the same are grey; others lie on their kind's colour, with its sign between the
    columns. Indentation that all rows share is left out; a line that is too long ends in an
    ellipsis.
    """
    lang = drawing.drawable(lang)
    text = TEXT[lang]
    kinds = count_kinds(rows) if kinds is None else kinds
    shown, top = rows[start : start + count], 0.98
    with drawing.house_style(lang, [title]) as bold:
        page = drawing.Page(top + LINE * max(len(shown), 1) + 0.12, bold)
        if title:
            page.write(0.12, 0.1, title, fontsize=12, fontweight=bold, parse_math=False)
        handles = [
            Patch(facecolor=colour, edgecolor="#999999", lw=0.5,
                  label=f"{sign} {text['kinds'][kind]} ({kinds.get(kind, 0)})")
            for kind, (colour, sign) in LOOKS.items()
        ]  # fmt: skip
        look = dict(columnspacing=1.2, handletextpad=0.4, handlelength=1.4, borderpad=0, fontsize=8)
        at = 0.08 / WIDTH, 1 - 0.38 / page.height
        drawing.draw_legend(page.figure, handles, "upper left", at, ncols=len(handles), **look)
        axes = page.axes(0, top, WIDTH, LINE * max(len(shown), 1))
        axes.set(xlim=(0, WIDTH), ylim=(max(len(shown), 1), 0))
        axes.set_axis_off()
        left, right = 0.12, 0.12 + COLUMN + GUTTER
        for place, words in ((left, "pytorch"), (right, "jittor")):
            page.write(place + NUMBER, top - 0.25, text[words], fontsize=9.5, fontweight=bold)
        lines = [line for row in shown for line in (row.reference, row.port) if line]
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        # How many characters fit into a column; they have a whole number of pixels each.
        font, renderer = FontProperties(family=CODE, size=FONT), page.figure.canvas.get_renderer()
        width, _, _ = renderer.get_text_width_height_descent("m" * 80, font, False)
        room = int((COLUMN - NUMBER - 0.06) * drawing.DPI / (width / 80))
        columns = slice(indent, indent + room)
        for i, row in enumerate(shown):
            _draw_row(axes, i, row, left, right, bold, columns)
        if not shown:
            axes.text(left + NUMBER, 0.5, text["no_rows"], va="center", fontsize=9, color=QUIET)
        return page.finish()


def _draw_row(axes, i: int, row: Row, left: float, right: float, bold: str, columns: slice) -> None:
    colour, sign = LOOKS.get(row.kind, ("", ""))
    for place, number, line in ((left, *row[:2]), (right, *row[2:4])):
        if line is None:
            continue
        if colour:
            drawing.box(axes, place + NUMBER - 0.03, i, COLUMN - NUMBER + 0.03, 1, fc=colour, lw=0)
        axes.text(
            place + NUMBER - 0.07, i + 0.55, str(number), ha="right", va="center", fontsize=6.5,
            color="#999999",
        )  # fmt: skip
        line = line.rstrip()
        words = line[columns] if len(line) <= columns.stop else line[columns][:-1] + "…"
        axes.text(
            place + NUMBER, i + 0.55, words, va="center", fontsize=FONT, parse_math=False,
            family=CODE, color=INK if colour else "#7A7A7A",
            style="italic" if row.kind == "text" else "normal",
        )  # fmt: skip
    middle = dict(ha="center", va="center", fontsize=8, fontweight=bold)
    axes.text(right - GUTTER / 2, i + 0.55, sign, **middle)


class Part(NamedTuple):
    """A class or function of either file: its name and its rows, from `start` to before `end`."""

    name: str
    start: int
    end: int


def parts(rows: Sequence[Row], reference: str, port: str) -> list[Part]:
    """Classes, their methods and functions in the order of the rows."""
    found: dict[str, list[int]] = {}
    for text, side in ((reference, "reference_line"), (port, "port_line")):
        place = {getattr(row, side): i for i, row in enumerate(rows)}
        for name, node in _definitions(ast.parse(text).body):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found.setdefault(name, []).extend((place[first], place[node.end_lineno]))
    listed = [Part(name, min(places), max(places) + 1) for name, places in found.items()]
    return sorted(listed, key=lambda part: (part.start, -part.end))


def _definitions(nodes: list, before: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Classes, methods and functions by their names; `execute` goes by PyTorch's, so that both
    files' are one part."""
    for node in nodes:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield before + ("forward" if before and node.name == "execute" else node.name), node
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, node.name + ".")


class PortingExplorer(drawing.Shell):
    """A `drawing.Shell`: a menu `.part`, a slider `.line`, a box `.only` for what changes."""

    def __init__(self, reference: str, port: str, lang: str, title: str):
        drawing.check_language(lang)
        self.title = title
        self.rows = side_by_side(reference, port)
        self.kinds = count_kinds(self.rows)
        text = TEXT[lang]
        whole = Part(text["whole_file"], 0, len(self.rows))
        self._parts = [whole, *parts(self.rows, reference, port)]
        self.line = drawing.slider(ipywidgets.IntSlider, text, "line", 0, 0, 1, readout=False)
        super().__init__([part.name for part in self._parts], lang)
        self.part = self.clip
        self.part.description, self.part.tooltip = text["part"], text["part_tip"]
        self.only = ipywidgets.Checkbox(
            value=False, description=text["only"], indent=False,
            layout=ipywidgets.Layout(width="auto", margin="0 0 0 8px"),
        )  # fmt: skip
        self.controls.children = (self.part, self.line, self.only)
        self.on_change(self._choose, self.part, self.only)
        self.on_change(self._show, self.line)
        self._choose()

    @property
    def chosen(self) -> list[Row]:
        """The rows to move through."""
        part = self._parts[self.part.value]
        rows = self.rows[part.start : part.end]
        return [row for row in rows if differs(row)] if self.only.value else list(rows)

    def choose(self, part: str) -> None:
        """Show a class or function of the reference ("TSLNet.forward"), or raise DataError."""
        names = [p.name for p in self._parts]
        check_choice("part", part, names)
        self.part.value = names.index(part)

    def _choose(self) -> None:
        most = max(0, len(self.chosen) - SHOWN)
        self.line.disabled = most == 0
        if self.line.value:
            self.line.value = 0  # which draws
        else:
            self._show()
        self.line.max = max(most, 1)

    def _show(self) -> None:
        text, rows = TEXT[self.lang], self.chosen
        start = min(self.line.value, max(0, len(rows) - SHOWN))
        part = self._parts[self.part.value].name
        title = f"{self.title}: {part}"
        figure = diff_figure(rows, start, SHOWN, self.kinds, title=title, lang=self.lang)
        self.image.value = drawing.png_bytes(figure)
        kinds = text["comma"].join(
            f"{text['kinds'][kind]} {count}" for kind, count in self.kinds.items() if count
        )
        self.description = text["rows" if rows else "empty"].format(
            part=part, first=start + 1, last=min(start + SHOWN, len(rows)), total=len(rows),
            kinds=kinds or text["no_kinds"],
        )  # fmt: skip
        self.say(self.description)


def porting_widget(network: str = "tsl", lang: str = "en") -> PortingExplorer:
    """The PyTorch and the Jittor file of a network to move through, line beside line.

    network: "vaanet", "cten", "tsl" or "gait". Raises DataError for another.
    """
    return PortingExplorer(*sources(network), lang, networks.network(network).title)
