"""VAANet's attention as one picture: which moments, places and channels a prediction rests on.

`render(state)` draws one segment of one clip. `attention_widget(states)` puts a clip menu and a
segment slider on top.

Letters: S segments per clip, m = side * side positions of the feature map, k channels, n audio
segments, C classes. Segments are counted from 0 everywhere, as in code.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import matplotlib
import numpy as np
from ipywidgets import IntSlider
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from jacklib.widgets import drawing
from jacklib.widgets.drawing import BLUE, GREY, INK, INNER, MARGIN_LEFT, VERMILLION, array
from jacklib.widgets.words import texts, told

TEXT = texts("attention")


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionState:
    """The data of one figure. Plain NumPy, independent of the network; see `drawing.settle`."""

    frames: np.ndarray = array("S H W 3", "pixels")  # RGB, each segment's middle, as it was seen
    alpha: np.ndarray = array("S m", "means")  # spatial attention
    beta: np.ndarray = array("S k", "means")  # channel attention
    gamma: np.ndarray = array("S", "weights")  # temporal attention
    probabilities: np.ndarray = array("C", "sums")
    class_names: Sequence[str]  # C names
    audio_gamma: np.ndarray = array("n", "weights")  # temporal attention over the audio segments
    title: str = ""  # the clip's name
    label: str | None = None  # its true class, one of class_names
    segment: int = 0  # which segment to look into
    # Fraction of each segment that the planted event fills.
    truth: np.ndarray | None = array("S", "fractions", default=None)

    def __post_init__(self):
        drawing.settle(self)


def render(state: AttentionState, lang: str = "en") -> Figure:
    """Draw one segment of one clip: 9 inches wide, 900 pixels at the figure's own resolution."""
    lang = drawing.drawable(lang)
    text = TEXT[lang]
    with drawing.house_style(lang, [state.title, *state.class_names]) as bold:
        page = _Page(state, bold)
        drawing.draw_heading(page, state, state.probabilities, lang)
        _draw_strip(page, state, text)
        _draw_gamma(page, state, text, lang)
        _draw_place(page, state, text)
        _draw_classes(page, state, text, lang)
        _draw_channels(page, state, text)
        _draw_audio(page, state, text)
        return page.finish()


png = drawing.png_of(render)


def describe(state: AttentionState, lang: str = "en") -> str:
    """What the picture says, in a few sentences, for those who cannot see it."""
    drawing.check_language(lang)
    text, s, mean = TEXT[lang], state.segment, state.gamma.mean()
    side = round(state.alpha.shape[1] ** 0.5)
    strongest = divmod(int(state.alpha[s].argmax()), side)
    row, column = ((2 * i + 1) * 3 // (2 * side) for i in strongest)  # which third it is in
    return told(
        text, state.title, state=state, s=s, ratio=state.gamma[s] / mean if mean > 0 else 0.0,
        where=text["where"][row][column], peak=state.alpha[s].max(), k=state.beta.shape[1],
        half=channels_for_half(state.beta[s]),
        verdict=drawing.verdict(state, state.probabilities, lang),
    )  # fmt: skip


def channels_for_half(beta: np.ndarray) -> int:
    """How many of the strongest channels hold at least half of the attention. beta: [k]."""
    total = np.cumsum(np.sort(beta)[::-1].astype(np.float64))
    # A hair under one half, so that rounding does not cost a channel where the sum is exact.
    return int(np.searchsorted(total, total[-1] / 2 * (1 - 1e-6)) + 1)


class AttentionExplorer(drawing.Shell):
    """A picture to move through: one entry per clip in the menu, one step per segment on the
    slider `.segment`; see `drawing.Shell`.

    Each clip opens at its state's `segment`. Pictures are drawn when first asked for, then kept.
    """

    def __init__(self, states: Sequence[AttentionState], lang: str = "en"):
        super().__init__([state.title for state in states], lang)
        self.states = list(states)
        self._drawn = functools.cache(self._draw)
        first, last = self.states[0].segment, len(self.states[0].gamma) - 1
        self.segment = drawing.slider(IntSlider, TEXT[lang], "slider", first, 0, last)
        self.controls.children = (self.clip, self.segment)
        self.on_change(self._choose_clip, self.clip)
        self.on_change(self._show, self.segment)
        self._show()

    def _draw(self, clip: int, segment: int) -> tuple[bytes, str]:
        state = replace(self.states[clip], segment=segment)
        return png(state, self.lang), describe(state, self.lang)

    def _choose_clip(self) -> None:
        state = self.states[self.clip.value]
        with self.segment.hold_trait_notifications():  # or both changes would draw
            self.segment.max, self.segment.value = len(state.gamma) - 1, state.segment
        self._show()

    def _show(self) -> None:
        self.image.value, self.description = self._drawn(self.clip.value, self.segment.value)
        self.say(self.description)


attention_widget = AttentionExplorer


# --- the panels ---------------------------------------------------------------------------------

# Inferno, clear where there is no attention: the frame shows through where it is ignored.
HEAT = matplotlib.colormaps["inferno"](np.linspace(0.15, 0.95, 256))
HEAT[:, 3] = np.linspace(0.35, 0.75, 256)
CHANNELS = (INNER - 0.9) * 0.52  # inches: the width of the panel that the audio's stands beside


class _Page(drawing.Page):
    def __init__(self, state: AttentionState, bold: str):
        count, height, width, _ = state.frames.shape
        self.strip, self.thumb = drawing.strip_size(count, (height, width))
        self.strip_top = 0.88
        self.gamma_top = self.strip_top + self.strip + 0.1
        self.place_top = self.gamma_top + 1.05 + 0.94
        self.place = min(3.0, 4.1 * height / width)
        self.place_width = self.place * width / height
        self.bottom_top = self.place_top + self.place + 0.72
        super().__init__(self.bottom_top + (1.5 + 0.52), bold)


def _draw_strip(page: _Page, state: AttentionState, text: dict) -> None:
    page.title(MARGIN_LEFT, page.strip_top, text["strip"], text["strip_note"])
    axes = page.axes(MARGIN_LEFT, page.strip_top, INNER, page.strip)
    drawing.draw_frames(axes, state.frames, page.thumb)
    drawing.outline(axes, state.segment + (1 - page.thumb) / 2, page.thumb, VERMILLION)


def _draw_gamma(page: _Page, state: AttentionState, text: dict, lang: str) -> None:
    axes, bars, legend = drawing.draw_gamma(page, page.gamma_top, 1.05, state, lang)
    mean = float(state.gamma.mean())
    bars[state.segment].set(edgecolor=INK, linewidth=2)
    legend.append(axes.axhline(mean, color=INK, ls="--", lw=1.1, zorder=3, label=text["mean"]))
    axes.locator_params(axis="y", nbins=3)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.get_xticklabels()[state.segment].set(fontweight=page.bold)
    # Beneath the bars, at the right of the axis' label: it can hide no bar there.
    drawing.draw_legend(axes, legend, "upper right", (1.0, -0.2), ncols=2)


def _draw_place(page: _Page, state: AttentionState, text: dict) -> None:
    axes = page.axes(MARGIN_LEFT, page.place_top, page.place_width, page.place)
    frame = state.frames[state.segment]
    height, width = frame.shape[:2]
    whole = (0, width, height, 0)
    axes.imshow(frame, extent=whole)
    axes.set_axis_off()
    page.title(MARGIN_LEFT, page.place_top, text["place"].format(state.segment))
    side = round(state.alpha.shape[1] ** 0.5)
    alpha = state.alpha[state.segment].reshape(side, side).astype(np.float64)
    heat = cv2.resize(alpha, (24 * side, 24 * side), interpolation=cv2.INTER_LINEAR)
    # One scale for the whole clip, so that its segments can be compared.
    norm = Normalize(0, max(2.0, float(state.alpha.max())))
    picture = axes.imshow(heat, cmap=ListedColormap(HEAT), norm=norm, extent=whole)
    # Around an even map, as of an untrained network, the line would only trace rounding.
    uneven = heat.min() < 0.98 and heat.max() > 1.02
    if uneven:
        grid = (np.arange(24 * side) + 0.5) / (24 * side)
        axes.contour(grid * width, grid * height, heat, [1.0], colors="white", linewidths=1.2)
    left = MARGIN_LEFT + page.place_width + 0.1
    bar_axes = page.axes(left, page.place_top, 0.13, page.place, facecolor="#808080")
    bar = page.figure.colorbar(picture, cax=bar_axes)
    bar.outline.set_linewidth(0.5)
    bar_axes.tick_params(length=2)
    bar.set_label(text["times"], fontsize=9)
    words, top = text["contour" if uneven else "flat"], page.place_top + page.place + 0.05
    page.write(MARGIN_LEFT, top, words, fontsize=9, color=drawing.QUIET)


def _draw_classes(page: _Page, state: AttentionState, text: dict, lang: str) -> None:
    left = MARGIN_LEFT + page.place_width + 2.15
    width = drawing.WIDTH - drawing.MARGIN_RIGHT - left
    axes = page.axes(left, page.place_top, width, page.place)
    rows = np.arange(len(state.class_names))
    bars = axes.barh(rows, state.probabilities, height=0.68, color=GREY)
    bars[state.probabilities.argmax()].set_facecolor(BLUE)
    for row, (name, value) in enumerate(zip(state.class_names, state.probabilities, strict=True)):
        words, look = f"{value:.0%}", {}
        if name == state.label:
            words, look = f"{words}  {text['true_mark']}", page.marked
            bars[row].set(edgecolor=VERMILLION, hatch="////", linewidth=1.5)
        place = dict(xytext=(5, 0), textcoords="offset points", va="center")
        axes.annotate(words, (value, row), **place, fontsize=9, **look)
    axes.set_yticks(rows, [drawing.class_label(name, lang) for name in state.class_names])
    axes.invert_yaxis()
    # Room for the percentage and the mark, about an inch, beside the longest bar.
    axes.set(xlim=(0, float(state.probabilities.max()) / (1 - 1.1 / width)), xticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    page.title(left - 1.0, page.place_top, text["classes"])


def _draw_channels(page: _Page, state: AttentionState, text: dict) -> None:
    axes = page.axes(MARGIN_LEFT, page.bottom_top, CHANNELS, 1.5)
    curve = np.sort(state.beta[state.segment])[::-1]
    count, half = len(curve), channels_for_half(curve)
    edges, steps = np.arange(count + 1), np.append(curve, curve[-1])
    axes.fill_between(edges, steps, step="post", color=GREY, alpha=0.55, lw=0)
    axes.fill_between(edges[: half + 1], steps[: half + 1], step="post", color=BLUE, alpha=0.55)
    axes.step(edges, steps, where="post", color=BLUE, lw=1.4)
    axes.axhline(1, color=INK, ls="--", lw=1.1)
    axes.axvline(half, color=INK, lw=0.8)
    axes.set(xlim=(0, count), ylim=(0, float(curve[0]) * 1.5))
    axes.set(xlabel=text["channel_axis"], ylabel=text["times"])
    # 0, the half-way mark and the end, but for what would be printed over the mark.
    axes.set_xticks([t for t in (0, half, count) if t == half or abs(t - half) > 0.07 * count])
    look = dict(loc="left", fontweight=page.bold, fontsize=9.5)
    axes.set_title(text["channel"].format(state.segment), **look)
    place = dict(transform=axes.transAxes, ha="right", va="top", fontsize=9, linespacing=1.4)
    axes.text(0.98, 0.96, text["channel_note"].format(half, count), **place)


def _draw_audio(page: _Page, state: AttentionState, text: dict) -> None:
    left = MARGIN_LEFT + CHANNELS + 0.9
    axes = page.axes(left, page.bottom_top, drawing.WIDTH - drawing.MARGIN_RIGHT - left, 1.5)
    count, most = len(state.audio_gamma), max(float(state.audio_gamma.max()) * 1.1, 1e-6)
    axes.bar(np.arange(count), state.audio_gamma, width=0.72, color=BLUE)
    axes.axhline(float(state.audio_gamma.mean()), color=INK, ls="--", lw=1.1)
    axes.set(xlim=(-0.6, count - 0.4), ylim=(0, most))
    axes.set(xlabel=text["audio_axis"], ylabel=text["gamma"])
    axes.set_xticks(range(0, count, max(1, -(-count // 16))))
    axes.tick_params(axis="x", length=0)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title(text["audio"], loc="left", fontweight=page.bold, fontsize=9.5)
