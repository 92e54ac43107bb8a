"""CTEN's temporal erasing as one picture: which segments are erased, and what that changes.

CTEN looks at a clip up to three times. Its temporal attention γ in pass 1, the whole clip, sets a
threshold t = θ max γ + (1 - θ) min γ. Pass 2 sees only the segments below t: the keyframes are
erased, and the network must use what is left. Pass 3 sees only the segments above t. A pass that
no segment is left for sees the whole clip.

`render(state)` draws one clip at one θ. `erasing_widget(titles, state_of)` puts a clip menu and a θ
slider on top.

Letters: S segments per clip, C classes, n samples of audio. Segments are counted from 0 and passes
from 1, as in the paper.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ipywidgets import FloatSlider
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jacklib.core.erasing import THETA, kept_segments, threshold
from jacklib.widgets import drawing
from jacklib.widgets.drawing import BLUE, INK, INNER, MARGIN_LEFT, VERMILLION, array, class_label
from jacklib.widgets.words import texts, told

TEXT = texts("erasing")


@dataclass(frozen=True, kw_only=True, eq=False)
class ErasingState:
    """The data of one figure. Plain NumPy, independent of the network; see `drawing.settle`."""

    title: str  # the clip's name
    frames: np.ndarray = array("S H W 3", "pixels")  # RGB, each segment's middle, as pass 1 sees it
    waveform: np.ndarray = array("n", "finite")  # the whole clip's audio, mono
    seconds: float  # how long the clip is
    gamma: np.ndarray = array("S", "weights")  # temporal attention of pass 1
    theta: float  # 0..1
    probabilities: np.ndarray = array("3 C", "sums")  # of passes 1, 2 and 3
    mean_probabilities: np.ndarray = array("C", "sums")  # of the mean of the logits of passes 1, 2
    class_names: Sequence[str]  # C names
    pass_frames: np.ndarray = array("3 S H W 3", "pixels")  # middles of each pass' own segments
    label: str | None = None  # the true class, one of class_names
    # Fraction of each segment that the planted event fills.
    truth: np.ndarray | None = array("S", "fractions", default=None)
    both: bool = False  # gamma is `both_reach`'s of attentions to image and audio
    prediction: str = "mean"  # "first": pass 1 decides

    def __post_init__(self):
        drawing.settle(self)

    @property
    def answer(self) -> np.ndarray:
        """[C]: the probabilities of the pass, or of the mean, that decides."""
        return self.probabilities[0] if self.prediction == "first" else self.mean_probabilities

    @property
    def threshold(self) -> float:
        """t = θ max γ + (1 - θ) min γ; with `both` θ itself."""
        return self.theta if self.both else float(threshold(self.gamma, self.theta)[0])

    @property
    def seen(self) -> np.ndarray:
        """bool [3, S]: which segments passes 1, 2 and 3 see."""
        whole = np.ones(len(self.gamma), bool)
        kept = kept_segments(self.gamma, self.theta, self.both)
        return np.stack([whole, *(rows if rows.any() else whole for rows in kept)])


def render(state: ErasingState, lang: str = "en") -> Figure:
    """Draw one clip at one θ: 9 inches wide, 900 pixels at the figure's own resolution."""
    lang = drawing.drawable(lang)
    text = TEXT[lang]
    with drawing.house_style(lang, [state.title, *state.class_names]) as bold:
        page = _Page(state, bold)
        drawing.draw_heading(page, state, state.answer, lang)
        _draw_strip(page, state, text)
        _draw_gamma(page, state, text, lang)
        _draw_audio(page, state, text, lang)
        _draw_passes(page, state, text)
        _draw_table(page, state, text, lang)
        return page.finish()


png = drawing.png_of(render)


def describe(state: ErasingState, lang: str = "en") -> str:
    """What the picture says, in a few sentences, for those who cannot see it."""
    drawing.check_language(lang)
    _, low, high = state.seen
    names = [class_label(state.class_names[row.argmax()], lang) for row in state.probabilities]
    return told(
        TEXT[lang], state.title, state=state, low=low, high=high, erased=~low,
        event=np.zeros_like(low) if state.truth is None else state.truth > 0,
        named=lambda mask: _named(mask, TEXT[lang]),
        guesses=[*zip(names, state.probabilities.max(1), strict=True)],
        verdict=drawing.verdict(state, state.answer, lang),
    )  # fmt: skip


class ErasingExplorer(drawing.Shell):
    """A picture to move through: one entry per clip in the menu, θ on the slider `.theta`; see
    `drawing.Shell`.

    titles: the clips' names. state_of(clip, theta): the state to draw; it may be slow, for each
    pair is asked for once. What it raises is said in one line under the last picture, and the
    pair is tried again when chosen again.
    """

    def __init__(
        self, titles: Sequence[str], state_of: Callable[[int, float], ErasingState],
        lang: str = "en", theta: float = THETA,
    ):  # fmt: skip
        super().__init__(titles, lang)
        self.titles, self._state_of = list(titles), state_of
        self._drawn = functools.cache(self._draw)  # keeps no errors: these are tried again
        look = dict(step=0.05, readout_format=".2f")
        self.theta = drawing.slider(FloatSlider, TEXT[lang], "slider", theta, 0, 1, **look)
        self.controls.children = (self.clip, self.theta)
        self.on_change(self._show, self.clip, self.theta)
        self._show()

    def _draw(self, clip: int, theta: float) -> tuple[bytes, str]:
        self.say(TEXT[self.lang]["busy"])  # the network may take seconds
        state = self._state_of(clip, theta)
        return png(state, self.lang), describe(state, self.lang)

    def _show(self) -> None:
        # The browser's steps come as 0.15000000000000002 and the like.
        text, clip, theta = TEXT[self.lang], self.clip.value, round(self.theta.value, 4)
        try:
            self.image.value, self.description = self._drawn(clip, theta)
            self.error = ""
            self.say(self.description)
        except Exception as error:  # whatever it was, the reader wants to go on
            facts = dict(title=self.titles[clip] or f"{clip}", theta=theta)
            self.error = text["error"].format(**facts, error=drawing.one_line(error))
            still = (text["still"], self.description) if self.description else ()
            self.say(text["space"].join(still), alert=self.error)


erasing_widget = ErasingExplorer


# --- the panels ---------------------------------------------------------------------------------

GAMMA, AUDIO, CAPTION, ROW = 1.15, 0.6, 0.32, 0.3  # heights in inches
HEADER = 0.34  # the class names above the table
TABLE_LEFT = 2.45


class _Page(drawing.Page):
    def __init__(self, state: ErasingState, bold: str):
        shape = state.frames.shape[1:]
        self.strip, self.thumb = drawing.strip_size(len(state.frames), shape, 1.0)
        self.strip_top = 0.88
        self.gamma_top = self.strip_top + self.strip + 0.08
        self.audio_top = self.gamma_top + GAMMA + 0.5
        self.passes_top = self.audio_top + AUDIO + 0.86
        self.row, self.row_thumb = drawing.strip_size(len(state.frames), shape, 0.75)
        self.table_top = self.passes_top + 3 * (self.row + CAPTION) + 0.5 + HEADER
        super().__init__(self.table_top + 4 * ROW + 0.06 + 0.34, bold)


def _draw_strip(page: _Page, state: ErasingState, text: dict) -> None:
    _, low, high = state.seen
    erased = ~low
    key = ("seen", "none_high", "none_low", "none")[2 * low.all() + high.all()]
    key = "none_both" if state.both and key == "none" else key
    facts = dict(theta=state.theta, all=len(low), low=low.sum(), high=high.sum())
    page.title(MARGIN_LEFT, page.strip_top, text["strip_both" if state.both else "strip"],
               text[key].format(**facts))  # fmt: skip
    axes = page.axes(MARGIN_LEFT, page.strip_top, INNER, page.strip)
    frames = state.frames.copy()
    grey = frames[erased].mean(axis=-1, keepdims=True)
    frames[erased] = 128 + grey / 2  # pale, so that the hatching stands out
    drawing.draw_frames(axes, frames, page.thumb)
    look = dict(fc="none", ec=VERMILLION, hatch="x", lw=2, clip_on=False, zorder=3)
    for s in np.flatnonzero(erased):
        drawing.box(axes, s + (1 - page.thumb) / 2, 0, page.thumb, 1, **look)


def _draw_gamma(page: _Page, state: ErasingState, text: dict, lang: str) -> None:
    axes, bars, legend = drawing.draw_gamma(page, page.gamma_top, GAMMA, state, lang)
    erased, t, highest = ~state.seen[1], state.threshold, float(state.gamma.max())
    look = dict(facecolor="white", edgecolor=VERMILLION, hatch="xx")
    for s in np.flatnonzero(erased):
        bars[s].set(**look, linewidth=1.5)
    if erased.any():
        legend.append(Patch(**look, label=text["erased"]))
    words = text["threshold_both" if state.both else "threshold"]
    words = words.format(theta=state.theta, rest=1 - state.theta, t=t)
    legend.append(axes.axhline(t, color=INK, ls="--", lw=1.4, zorder=3, label=words))
    # Zero, the highest and t; where two would be printed over each other, t stays.
    ticks = [v for v in (0.0, highest) if abs(v - t) > 0.16 * axes.get_ylim()[1]]
    axes.set_yticks([*ticks, t], [*(f"{v:.3g}" for v in ticks), "t"])
    axes.get_yticklabels()[-1].set(fontweight=page.bold)
    # Beneath the bars, at the right of the axis' label: it can hide no bar there.
    drawing.draw_legend(axes, legend, "upper right", (1.0, -0.19), ncols=3, columnspacing=1.2)


def _draw_audio(page: _Page, state: ErasingState, text: dict, lang: str) -> None:
    axes = page.axes(MARGIN_LEFT, page.audio_top, INNER, AUDIO)
    drawing.draw_waveform(axes, state.waveform, state.seconds)
    if state.truth is not None:
        drawing.shade_truth(axes, state.truth, lang, state.seconds / len(state.truth))
    axes.set(xlim=(0, state.seconds))
    axes.set_ylabel(text["audio"], labelpad=8)
    axes.set_xlabel(text["time"], loc="left")
    axes.locator_params(axis="x", nbins=12)


def _draw_passes(page: _Page, state: ErasingState, text: dict) -> None:
    top = page.passes_top
    page.title(MARGIN_LEFT, top, text["sees"], text["sees_note"])
    for row, frames in enumerate(state.pass_frames):
        page.write(MARGIN_LEFT, top + 0.1, _pass_name(state, row, text, True), fontsize=9)
        axes = page.axes(MARGIN_LEFT, top + CAPTION, INNER, page.row)
        drawing.draw_frames(axes, frames, page.row_thumb)
        top += page.row + CAPTION


def _pass_name(state: ErasingState, row: int, text: dict, counted: bool = False) -> str:
    """What pass row + 1 does; counted: with how many segments are left to it."""
    seen, name = state.seen[row], text["pass"][row]
    if row > 0 and seen.all():
        return text["fallback"].format(row + 1)
    if row == 0 or not counted:
        return name
    return text["left"].format(name=name, count=seen.sum(), all=len(seen))


def _draw_table(page: _Page, state: ErasingState, text: dict, lang: str) -> None:
    note = text[f"table_note_{state.prediction}"]
    page.title(MARGIN_LEFT, page.table_top - HEADER, text["classes"], note)
    values = np.vstack([state.probabilities, state.mean_probabilities])
    classes = values.shape[1]
    column = min(1.2, (drawing.WIDTH - drawing.MARGIN_RIGHT - TABLE_LEFT) / classes)
    gap = 0.06 / ROW  # sets the mean apart from what it is the mean of... in rows
    tops = np.array([0, 1, 2, 3 + gap])
    axes = page.axes(TABLE_LEFT, page.table_top, column * classes, (4 + gap) * ROW)
    norm = Normalize(0, max(0.5, float(values.max())))
    colours = LinearSegmentedColormap.from_list("paper_to_blue", ["white", BLUE])
    for row, top in zip(values, tops, strict=True):
        best = int(row.argmax())
        for c, value in enumerate(row):
            shade = float(norm(value))
            drawing.box(axes, c, top, 1, 1, fc=colours(shade), ec="#CCCCCC", lw=0.6)
            look = dict(fontweight=page.bold if c == best else "normal", ha="center", va="center")
            colour = "white" if shade > 0.8 else INK
            axes.text(c + 0.5, top + 0.5, f"{value:.0%}", color=colour, **look)
        drawing.box(axes, best, top, 1, 1, fill=False, ec=INK, lw=1.8, clip_on=False, zorder=3)
    axes.set(xlim=(0, classes), ylim=(4 + gap, 0))
    names = [class_label(name, lang) for name in state.class_names]
    if lang == "zh":  # the English name beneath the Chinese one
        names = [name.replace(" ", "\n", 1) for name in names]
    longest = max(len(line) for name in names for line in name.split("\n"))
    size = max(6.0, min(9.0, 72 * column / (0.6 * longest)))
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(classes) + 0.5, names, fontsize=size, va="baseline")
    rows = [_pass_name(state, row, text) for row in range(3)]
    axes.set_yticks(tops + 0.5, [*rows, text["mean"]])
    axes.get_yticklabels()[-1].set(fontweight=page.bold)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if state.label is not None:
        true = state.class_names.index(state.label)
        axes.get_xticklabels()[true].set(**page.marked)
        place = dict(xytext=(0, -4), textcoords="offset points", ha="center", va="top")
        axes.annotate(text["true_mark"], (true + 0.5, 4 + gap), **place, **page.marked)


def _named(mask: np.ndarray, text: dict) -> str:
    key = "one" if mask.sum() == 1 else "many"
    return text[key].format(text["comma"].join(map(str, np.flatnonzero(mask))))
