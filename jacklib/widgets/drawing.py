"""What the pictures share: the page, its colours, fonts and words, and the widget's frame.

A picture is a pure `render(state, lang)` that opens a `house_style`, lays its panels out on a
`Page` in inches, and returns the page's figure, which belongs to no pyplot state: the caller may
save it or show it. lang is "en" or "zh"; without a Chinese font on this machine, "zh" falls back to
English labels. A widget puts a `Shell` around such pictures: a clip menu, sliders, the picture and
a line of words.
"""

import base64
import contextlib
import functools
import html
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, fields
from pathlib import Path

import ipywidgets
import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from jacklib.errors import DataError, check_word, plain, refuse, refuse_as, shown
from jacklib.widgets.words import FILES, texts

# Colours from Okabe and Ito's set, which colour-blind readers can tell apart. What matters also
# carries hatching, a frame or words, so that no meaning hangs on colour alone.
BLUE, ORANGE, VERMILLION, GREY, INK = "#0072B2", "#E69F00", "#D55E00", "#B8C4CE", "#222222"
QUIET = "#555555"  # notes beside a title

WIDTH = 9.0  # inches; 900 pixels at DPI
DPI = 100
MARGIN_LEFT, MARGIN_RIGHT = 0.75, 0.2  # inches
INNER = WIDTH - MARGIN_LEFT - MARGIN_RIGHT

# First one that is installed is used. "JP" and "KR" faces of Noto hold the Chinese characters too,
# and are all that some Matplotlib versions see of the collection file.
CHINESE_FONTS = FILES["zh"]["fonts"]

# Words that every picture uses; each adds its own.
TEXT = texts("shared")
EMOTIONS_ZH = FILES["zh"]["emotions"]


# --- words and fonts ----------------------------------------------------------------------------


def check_language(lang: str) -> None:
    """Raise DataError unless lang is "en" or "zh"."""
    check_word("lang", lang, ("en", "zh"), "Pass one of these.")


def drawable(lang: str) -> str:
    """The language that this machine's fonts can draw: English where no font has Chinese."""
    check_language(lang)
    return "en" if lang == "zh" and chinese_font() is None else lang


def as_html(words: str) -> str:
    """Text as HTML shows it, without control characters and marks that turn its direction."""
    return html.escape(plain(words, 100_000))


def class_label(name: str, lang: str) -> str:
    """A class's name as a reader of `lang` wants it: in Chinese with the English name behind."""
    chinese = EMOTIONS_ZH.get(name.lower())
    return f"{chinese} {name}" if lang == "zh" and chinese else name


def verdict(state, probabilities: np.ndarray, lang: str) -> str:
    """One sentence: the likeliest class, its probability and the state's label if it is known."""
    text, best = TEXT[lang], int(probabilities.argmax())
    guess = class_label(state.class_names[best], lang)
    words = text["describe_class"].format(guess=guess, p=probabilities[best])
    if state.label is None:
        return words + text["stop"]
    return words + text["describe_label"].format(label=class_label(state.label, lang))


def answer_words(state, probabilities: np.ndarray, lang: str) -> str:
    """The true class, if it is known, and the likeliest one, for a heading."""
    text, true, best = TEXT[lang], state.label, int(probabilities.argmax())
    words = text["unknown"] if true is None else text["true"].format(class_label(true, lang))
    guess = class_label(state.class_names[best], lang)
    return f"{words}    {text['predicted'].format(guess, probabilities[best])}"


@functools.lru_cache(maxsize=1)
def chinese_font() -> str | None:
    """The name of an installed font that has Chinese characters, or None."""
    fonts = font_manager.fontManager

    def first() -> str | None:
        names = {entry.name for entry in fonts.ttflist}
        return next((name for name in CHINESE_FONTS if name in names), None)

    if found := first():
        return found
    # Matplotlib lists fonts once and keeps the list: one installed since is not in it yet.
    known = {entry.fname for entry in fonts.ttflist}
    marks = ("cjk", "wqy", "sourcehan", "fallback", "simhei", "msyh", "pingfang", "notosanssc")
    for path in font_manager.findSystemFonts():
        if path not in known and any(mark in Path(path).name.lower() for mark in marks):
            with contextlib.suppress(RuntimeError, OSError):  # a file that FreeType cannot read
                fonts.addfont(path)
    return first()


# --- the page -----------------------------------------------------------------------------------


@contextlib.contextmanager
def house_style(lang: str, words: Sequence[str]) -> Iterator[str]:
    """Fonts and lines of our pictures for the time of one drawing; the caller's own come back.

    words: titles and class names that will be drawn, in whatever script. Gives the weight for
    titles: "bold" where every font at hand has it.
    """
    family = ["DejaVu Sans"]
    # English labels too may stand beside a Chinese title or class name.
    if lang == "zh" or not "".join(words).isascii():
        family = [font, *family] if (font := chinese_font()) else family
    style = {"font.family": family}
    with matplotlib.rc_context(style, fname=Path(__file__).with_name("house.mplstyle")):
        # Matplotlib complains at every bold text of a font that has no bold face.
        bold = {
            font.name for font in font_manager.fontManager.ttflist
            if font.weight == "bold" or (isinstance(font.weight, int) and font.weight >= 600)
        }  # fmt: skip
        yield "bold" if bold.issuperset(family) else "normal"


class Page:
    """A figure of WIDTH by `height` inches, outside pyplot. Places are inches from its top left; a
    picture's own page says where its panels lie. bold: as `house_style` gives it."""

    def __init__(self, height: float, bold: str):
        self.height, self.bold = height, bold
        self.marked = dict(color=VERMILLION, fontweight=bold)  # of the true class' words
        self.figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float, **options):
        bottom, high = 1 - (top + height) / self.height, height / self.height
        return self.figure.add_axes((left / WIDTH, bottom, width / WIDTH, high), **options)

    def finish(self) -> Figure:
        """The figure. Tick labels are made at the first drawing: here, while the fonts hold."""
        self.figure.draw_without_rendering()
        return self.figure

    def title(self, left: float, top: float, words: str, note: str = "") -> None:
        """A panel's title, and a note at its right; top is where the panel begins."""
        self.write(left, top - 0.26, words, fontsize=10.5, fontweight=self.bold)
        if note:
            self.note(top, note)

    def note(self, top: float, words: str) -> None:
        """Small words at the right of a panel's title; top is where the panel begins."""
        self.write(WIDTH - MARGIN_RIGHT, top - 0.24, words, ha="right", fontsize=9, color=QUIET)

    def write(self, left: float, top: float, words: str, **options):
        """Words whose top is at `top`."""
        return self.figure.text(left / WIDTH, 1 - top / self.height, words, va="top", **options)

    def fitted(
        self, room: float, left: float, top: float, words: str, size: float, *,
        smallest: float = 7.0, **options,
    ) -> None:  # fmt: skip
        """Words that grow smaller, and at last shorter, to stay within `room` inches."""
        text = self.write(left, top, words, fontsize=size, parse_math=False, **options)
        renderer = self.figure.canvas.get_renderer()

        def width() -> float:
            return text.get_window_extent(renderer).width / DPI

        if width() > room:
            text.set_fontsize(max(smallest, size * room / width()))
        while len(words) > 1 and width() > room:
            words = words[:-1]
            text.set_text(words.rstrip() + "…")


def draw_heading(page: Page, state, probabilities: np.ndarray, lang: str) -> None:
    """The clip's name at the left; its true class and the likeliest one at the right."""
    page.write(MARGIN_LEFT, 0.13, state.title, fontsize=13, fontweight=page.bold, parse_math=False)
    words = answer_words(state, probabilities, lang)
    page.write(WIDTH - MARGIN_RIGHT, 0.16, words, ha="right", fontsize=11)


def strip_size(count: int, frame_shape: Sequence[int], tallest: float = 1.15) -> tuple:
    """Height in inches of a strip of `count` frames across the page, and the fraction of its column
    that a frame takes: a frame [H, W, ...] fills it unless that made the strip too tall."""
    height, width = frame_shape[:2]
    strip = min(tallest, 0.96 * INNER / count * height / width)
    return strip, strip * width / height / (INNER / count)


def draw_frames(axes, frames: np.ndarray, share: float) -> None:
    """Frames [S, H, W, 3] side by side, frame s in the middle of column s..s+1, of which it fills
    the fraction `share`; see `strip_size`."""
    side = (1 - share) / 2
    for s, frame in enumerate(frames):
        axes.imshow(frame, extent=(s + side, s + 1 - side, 0, 1), aspect="auto")
    axes.set(xlim=(0, len(frames)), ylim=(0, 1))
    axes.set_axis_off()


def draw_gamma(page: Page, top: float, height: float, state, lang: str) -> tuple:
    """A state's gamma [S] as bars beneath a strip of frames, its truth [S] or None behind; returns
    the axes, the bars and the legend's entries so far."""
    axes, count = page.axes(MARGIN_LEFT, top, INNER, height), len(state.gamma)
    centres = np.arange(count) + 0.5
    bars = axes.bar(centres, state.gamma, width=0.62, color=BLUE, zorder=2)
    legend = [] if state.truth is None else [shade_truth(axes, state.truth, lang)]
    most = max(float(state.gamma.max()) * 1.1, 1e-6)
    axes.set(xlim=(0, count), ylim=(0, most), ylabel=TEXT[lang]["gamma"])
    axes.set_xlabel(TEXT[lang]["segment_axis"], loc="left")
    axes.set_xticks(centres, [str(s) for s in range(count)])
    axes.tick_params(axis="x", length=0)
    return axes, bars, legend


def draw_legend(axes, handles: list, loc: str, at: tuple[float, float], **look):
    """A legend without a frame, whose corner `loc` is at a point of the axes, from 0 to 1."""
    look = {"frameon": False, "fontsize": 9, "borderaxespad": 0} | look
    return axes.legend(handles=handles, loc=loc, bbox_to_anchor=at, **look)


def box(axes, left: float, bottom: float, width: float, height: float, **look) -> None:
    axes.add_patch(Rectangle((left, bottom), width, height, **look))


def outline(axes, left: float, width: float, colour: str, thickness: float = 3.0) -> None:
    """A frame around a part of a strip, coloured in white, so that it shows on every image."""
    for edge, line in (("white", thickness + 2), (colour, thickness)):
        box(axes, left, 0, width, 1, fill=False, ec=edge, lw=line, clip_on=False, zorder=3)


def draw_waveform(axes, waveform: np.ndarray, seconds: float) -> None:
    """The lowest and highest samples over time, and no vertical ticks. waveform: [n]."""
    lows, highs = envelope(waveform, 1600)
    edges = np.linspace(0, seconds, len(lows) + 1)
    lows, highs = np.append(lows, lows[-1]), np.append(highs, highs[-1])
    axes.fill_between(edges, lows, highs, step="post", color=INK, lw=0.4, zorder=2)
    loudest = max(float(np.abs(waveform).max()), 1e-6)
    axes.set(ylim=(-1.05 * loudest, 1.05 * loudest), yticks=[])


def shade_truth(axes, truth: np.ndarray, lang: str, step: float = 1) -> Patch:
    """Shade the segments that the planted event fills, truth [S] of 0..1, each `step` long on the
    axis; give back the legend's entry."""
    for s, share in enumerate(truth):
        if share > 0:  # the fuller the segment, the stronger the shade
            span = (s * step, (s + 1) * step)
            axes.axvspan(*span, color=ORANGE, alpha=0.1 + 0.3 * share, lw=0, zorder=0)
            axes.axvspan(*span, facecolor="none", edgecolor=ORANGE, hatch="///", lw=0, zorder=0)
    return Patch(facecolor=ORANGE + "55", edgecolor=ORANGE, hatch="///", label=TEXT[lang]["truth"])


# --- files --------------------------------------------------------------------------------------


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG bytes; the same drawing gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def png_of(render: Callable[..., Figure]) -> Callable[..., bytes]:
    """`render` of a picture, giving PNG bytes instead of a figure."""
    return lambda *args, **options: png_bytes(render(*args, **options))


def one_line(error: Exception) -> str:
    """What went wrong, in one line: the widgets' sentence below the picture has no more room."""
    words = " ".join(str(error).split())
    if isinstance(error, DataError):
        return words
    return f"{type(error).__name__}: {words}".rstrip(": ")


def envelope(waveform: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest sample of each of at most `columns` equal parts. waveform: [n]."""
    starts = np.unique(np.linspace(0, len(waveform), columns, endpoint=False).astype(int))
    return np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)


# --- the fields of a state -----------------------------------------------------------------------

# What the numbers of an array must be, as `array` names it: in words, and a test.
RULES = {
    "pixels": ("uint8, 0 to 255", lambda x: x.dtype == np.uint8),
    "finite": ("finite numbers", lambda x: np.isfinite(x).all()),
    "weights": ("weights of zero or more", lambda x: np.isfinite(x).all() and x.min() >= 0),
    # Rounding may push a sigmoid's product a hair above 1.
    "fractions": ("numbers from 0 to 1", lambda x: x.min() >= 0 and x.max() <= 1 + 1e-5),
    "sums": ("zero or more, with a sum of 1", lambda x: x.min() >= 0 and _alike(x.sum(-1))),
    "means": ("zero or more, with a mean of 1", lambda x: x.min() >= 0 and _alike(x.mean(-1))),
}


def _alike(ones: np.ndarray) -> bool:
    return bool((np.abs(ones - 1) <= 0.01).all())


def array(shape: str, rule: str, **default):
    """A state's field that holds an array; `settle` checks its shape and its numbers.

    shape: such as "S H W 3"; each letter stands for one size in all fields, C for the number of
    classes. rule: one of RULES.
    """
    return field(metadata={"shape": shape, "rule": rule}, **default)


def settle(state) -> None:
    """Make arrays of a state's fields that are declared as such and not None; and of its title,
    label and class names, which come from files, lines that a terminal can only show.

    Raises DataError naming the field whose shape or values are wrong.
    """
    owner = type(state).__name__
    names = tuple(plain(name, 200) for name in getattr(state, "class_names", ()))
    settled: dict = {"class_names": names} if names else {}
    sizes = {"C": len(names), "C+1": len(names) + 1}
    for one in fields(state):
        if (value := getattr(state, one.name)) is None:
            continue
        if "shape" in one.metadata:
            settled[one.name] = np.asarray(value)
            _check_array(f"{owner}.{one.name}", settled[one.name], sizes, **one.metadata)
        elif one.name in ("title", "label"):
            settled[one.name] = plain(value, 200)
    for name, value in settled.items():
        object.__setattr__(state, name, value)
    wrong = (label := settled.get("label")) is not None and label not in names
    refuse_as("label of a state", wrong, f"{owner}.label", label=shown(label),
              names=", ".join(names), owner=owner)  # fmt: skip


def _check_array(what: str, value: np.ndarray, sizes: dict, shape: str, rule: str) -> None:
    letters, cure = shape.split(), f"See {what.split('.')[0]}'s fields."
    sizes |= {letter: int(letter) for letter in letters if letter.isdigit()}
    wanted = f"shape [{', '.join(str(sizes.get(letter, letter)) for letter in letters)}]"
    for letter, size in zip(letters, value.shape, strict=False):
        sizes.setdefault(letter, size)
    wrong = value.size == 0 or value.shape != tuple(map(sizes.get, letters))
    refuse(wrong, what, found=f"shape {list(value.shape)}", wanted=wanted, cure=cure)
    wanted, holds = RULES[rule]
    found = f"{value.dtype} from {value.min()} to {value.max()}"
    refuse(not holds(value), what, found=found, wanted=wanted, cure=cure)


# --- the widget ---------------------------------------------------------------------------------

# What the controls of every widget share.
WIDE = {"width": "420px", "max_width": "100%"}
NARROW = {"description_width": "70px"}
FULL = {"width": "100%", "max_width": "900px"}  # as wide as a picture
WRAPPED = {"flex_flow": "row wrap"}
_VIEW = "application/vnd.jupyter.widget-view+json"


def slider(kind: type, text: dict, name: str, value, low, high, **options) -> ipywidgets.Widget:
    """A slider of an ipywidgets class, with the words of text[name] and text[name + "_tip"]."""
    words = dict(description=text[name], tooltip=text.get(name + "_tip"))
    look = dict(continuous_update=False, layout=WIDE, style=NARROW) | options
    return kind(value=value, min=low, max=high, **words, **look)


def menu(words: str, options: Sequence, value, **look) -> ipywidgets.Dropdown:
    look = dict(layout=WIDE, style=NARROW) | look
    return ipywidgets.Dropdown(options=options, value=value, description=words, **look)


def picture() -> ipywidgets.Image:
    return ipywidgets.Image(format="png", layout=FULL | {"height": "auto"})


def spoken(words: str, role: str = 'aria-live="polite"', style: str = "") -> str:
    """A paragraph for an HTML widget, which is read aloud when it changes."""
    return f'<p {role} style="max-width:900px;line-height:1.4;margin:0{style}">{as_html(words)}</p>'


class Shell:
    """The frame of every widget: a clip menu, the widget's own controls beside it, the picture that
    they choose and words beneath it.

    titles: the clips' names, at least one. `.clip`, `.controls` (menu and sliders), `.image` and
    `.note` are the parts, `.widget` the box of them all. Displayed in a notebook it offers the
    picture first, then the live widget: a page without a kernel (GitHub, nbviewer) shows the
    picture, JupyterLab the widget.
    """

    description = ""  # what the picture now shown says, in words
    error = ""  # why there is no picture of what is chosen

    def __init__(self, titles: Sequence[str], lang: str):
        check_language(lang)
        refuse_as("nothing to show", len(titles) == 0, type(self).__name__)
        self.lang = lang
        names = [title or f"{i}" for i, title in enumerate(titles)]
        # The number keeps two clips of one name apart.
        options = [
            (f"{name} ({i})" if names.count(name) > 1 else name, i) for i, name in enumerate(names)
        ]
        self.clip = menu(TEXT[lang]["clip"], options, 0, tooltip=TEXT[lang]["clip_tip"])
        self.controls = ipywidgets.HBox([self.clip], layout=WRAPPED)
        self.image = picture()
        # ipywidgets' Image has no alternative text, so the same is said in words beneath it. A
        # tooltip would stop its view in the browser: "Click to show javascript error".
        self.note = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([self.controls, self.image, self.note])

    def on_change(self, function: Callable[[], None], *controls: ipywidgets.Widget) -> None:
        """Call a function whenever one of the controls has another value."""
        for control in controls:
            control.observe(lambda _: function(), names="value")

    def say(self, words: str, alert: str = "") -> None:
        """Put words beneath the picture, and before them what went wrong, in a line of its own."""
        line = spoken(alert, 'role="alert"', f";color:{VERMILLION}") if alert else ""
        self.note.value = line + spoken(words)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        bundle = {"text/plain": self.description or self.error}
        if self.image.value:
            png = base64.b64encode(self.image.value).decode("ascii")
            bundle = {"image/png": png} | bundle
        live = self.widget._repr_mimebundle_() or {}
        return bundle | {kind: data for kind, data in live.items() if kind == _VIEW}
