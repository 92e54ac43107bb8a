"""TSL-Net's localization as one picture: an untrimmed video on one axis of time.

TSL-Net scores every clip of 16 frames: one score a class, and one for background. From them
`metrics.localize` proposes segments, and `metrics.temporal_map` measures those of all videos. Four
thresholds decide what is proposed; this picture shows what each of them does.

`render(video, thresholds)` draws one video, a pure function without pyplot: its frames and sound,
the scores, annotated points and pseudo labels, ground truth and proposals. `save` writes the
picture as a PNG file. `timeline_widget(videos)` puts a clip menu and the thresholds on top, and
buttons for the best proposals beneath.

Letters: F frames shown, T clips a video, C classes, n samples of sound.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import ipywidgets
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from jacklib.core.metrics import FOREGROUND_LEVELS, SCORE_LEVELS, localize, temporal_map
from jacklib.errors import DataError
from jacklib.widgets import drawing
from jacklib.widgets.drawing import (
    BLUE,
    GREY,
    INK,
    INNER,
    MARGIN_LEFT,
    MARGIN_RIGHT,
    ORANGE,
    QUIET,
    VERMILLION,
    WIDTH,
)
from jacklib.widgets.words import texts

TEXT = texts("timeline")
# By a class's number: its colour, its line and the hatching of its ground truth.
LOOKS = (
    (VERMILLION, (0, (4, 1.5)), "\\\\\\\\"),
    (BLUE, "-", "////"),
    (ORANGE, ":", "----"),
    (INK, "-.", "xxxx"),
)
CLIP_FRAMES = 16
TIOUS = (0.1, 0.15, 0.2, 0.25, 0.3)
SPAN = f"[{TIOUS[0]:g}:{TIOUS[-1]:g}]"  # as temporal_map writes it
SHOWN = 12  # proposals of each class in the picture
BUTTONS = 10  # proposals to click, over all classes
FRAMES = 8  # frames of a clicked proposal

FIELDS = drawing.Fields("TimelineVideo")
LIMITS = drawing.Fields("Thresholds")

Proposal = tuple[str, float, float, float]  # label, score, start, end


@dataclass(frozen=True, eq=False)
class TimelineVideo:
    """One video with everything known of it. Plain NumPy; nothing here knows the network.

    title: its name. fps: frames a second; clip i is the 16 frames in [16 i / fps, 16 (i+1) / fps).
    frames: uint8 [F, H, W, 3], RGB, frame f from the middle of the f-th of F equal parts.
    waveform: [n], the whole video's sound, mono; seconds: how long the video is.
    scores: [T, C+1], fused class scores, background last, 0..1. video_score: [C], 0..1.
    class_names: C names. points: (label, seconds) of each annotated point; None where unknown, as
    for test videos. act_seed: [T, C+1] and bkg_seed: [T], the pseudo labels of
    `pseudo_labels.seed_labels`, or None. truth: (label, start, end) in seconds, or None.
    frames_between(start, end, count): uint8 [count, H, W, 3], frame f from the middle of the f-th
    of count equal parts of these seconds; None: a proposal shows the nearest of `frames`.

    Raises DataError naming the field whose shape or values are wrong.
    """

    title: str
    fps: float
    frames: np.ndarray
    waveform: np.ndarray
    seconds: float
    scores: np.ndarray
    video_score: np.ndarray
    class_names: tuple[str, ...] = ("n", "p")
    points: tuple[tuple[str, float], ...] | None = None
    act_seed: np.ndarray | None = None
    bkg_seed: np.ndarray | None = None
    truth: tuple[tuple[str, float, float], ...] | None = None
    frames_between: Callable[[float, float, int], np.ndarray] | None = None

    def __post_init__(self):
        for name in ("frames", "waveform", "scores", "video_score", "act_seed", "bkg_seed"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, np.asarray(value))
        drawing.plain_names(self)
        for name in ("points", "truth"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(tuple(row) for row in value))
        self._check()

    def _check(self) -> None:
        for name in ("fps", "seconds"):
            if not 0 < getattr(self, name) < np.inf:
                raise FIELDS.bad(name, f"{getattr(self, name):g}", "a number above 0")
        FIELDS.frames("frames", self.frames)
        if self.waveform.ndim != 1 or self.waveform.size == 0:
            raise FIELDS.bad("waveform", f"shape {list(self.waveform.shape)}", "samples [n]")
        if not np.isfinite(self.waveform).all():
            raise FIELDS.bad("waveform", "infinite or missing numbers", "finite samples")
        names = self.class_names
        if len(set(names)) != len(names) or not 1 <= len(names) <= len(LOOKS):
            wanted = f"1 to {len(LOOKS)} different names"
            raise FIELDS.bad("class_names", ", ".join(names) or "none", wanted)
        clips, columns = len(self.scores), len(names) + 1
        if self.scores.ndim != 2 or clips < 2:
            found = f"shape {list(self.scores.shape)}"
            raise FIELDS.bad("scores", found, f"[T, {columns}] with T of 2 or more")
        self._shares("scores", (clips, columns))
        self._shares("video_score", (columns - 1,))
        scored = clips * self.clip_seconds
        if abs(scored - self.seconds) > max(2 * self.clip_seconds, 0.1 * self.seconds):
            found = f"{clips} clips, {scored:.1f} s at {self.fps:g} frames a second"
            raise FIELDS.bad("scores", found, f"clips for the video's {self.seconds:.1f} s")
        if self.act_seed is not None:
            self._shares("act_seed", (clips, columns))
        if self.bkg_seed is not None:
            self._shares("bkg_seed", (clips,))
        self._check_times("points", 2, "(label, seconds)")
        self._check_times("truth", 3, "(label, start, end)")
        if self.frames_between is not None and not callable(self.frames_between):
            found = type(self.frames_between).__name__
            raise FIELDS.bad("frames_between", found, "a function of (start, end, count), or None")

    def _shares(self, name: str, shape: tuple[int, ...]) -> None:
        value = getattr(self, name)
        FIELDS.weights(name, value, shape)
        if value.max() > 1 + 1e-5:  # rounding may push a sigmoid's product a hair above
            raise FIELDS.bad(name, f"a number of {value.max():.3g}", "numbers from 0 to 1")

    def _check_times(self, name: str, width: int, wanted: str) -> None:
        for row in getattr(self, name) or ():
            if len(row) != width or row[0] not in self.class_names:
                labels = " or ".join(self.class_names)
                raise FIELDS.bad(name, repr(row), f"{wanted} with the label {labels}")
            times = [float(t) for t in row[1:]]
            # Annotations may be a little longer than the film that a decoder gives.
            latest = self.span + self.clip_seconds
            rising = width == 2 or times[0] < times[1]
            if not (rising and all(0 <= t <= latest for t in times)):
                rule = "" if width == 2 else ", start before end"
                raise FIELDS.bad(name, repr(row), f"times from 0 to {self.seconds:.1f} s{rule}")

    @property
    def clip_seconds(self) -> float:
        """How long one clip is."""
        return CLIP_FRAMES / self.fps

    @property
    def span(self) -> float:
        """Where the axis of time ends: with the video or its last clip, whichever is later."""
        return max(float(self.seconds), len(self.scores) * self.clip_seconds)


@dataclass(frozen=True)
class Thresholds:
    """What decides which segments are proposed; as it stands, `localize`'s own values.

    class_threshold: video score, 0..1, from which a class is looked for. score_level and
    foreground_level: lower ones are left out of `metrics.SCORE_LEVELS` and
    `metrics.FOREGROUND_LEVELS`; at least the highest of each stays. nms: 0..1, the overlap from
    which the better of two proposals stays alone.
    """

    class_threshold: float = 0.5
    score_level: float = 0.0
    foreground_level: float = 0.5
    nms: float = 0.5

    def __post_init__(self):
        highest = {"score_level": SCORE_LEVELS[-1], "foreground_level": FOREGROUND_LEVELS[-1]}
        for name in ("class_threshold", "score_level", "foreground_level", "nms"):
            value, most = getattr(self, name), highest.get(name, 1)
            if not 0 <= value <= most + 1e-9:
                raise LIMITS.bad(name, f"{value:g}", f"0 to {most:g}")


RELEASED = Thresholds()


def proposals(video: TimelineVideo, thresholds: Thresholds = RELEASED) -> list[Proposal]:
    """(label, score, start, end) of each proposal, seconds: class by class, best first."""
    return localize(
        video.scores,
        video.video_score,
        video.fps,
        labels=video.class_names,
        class_threshold=thresholds.class_threshold,
        score_levels=_from(SCORE_LEVELS, thresholds.score_level),
        foreground_levels=_from(FOREGROUND_LEVELS, thresholds.foreground_level),
        clip_frames=CLIP_FRAMES,
        nms=thresholds.nms,
    )


def _from(levels: Sequence[float], lowest: float) -> list[float]:
    return [level for level in levels if level >= lowest - 1e-9]


def measure(videos: Sequence[TimelineVideo], thresholds: Thresholds = RELEASED) -> dict:
    """`metrics.temporal_map` over the videos whose truth is known, tIoU 0.1 to 0.3.

    On top of its numbers "average_F2", the mean of F2 over the five tIoU. {} where there is no
    true segment to find.
    """
    truth, found = {}, {}
    for number, video in enumerate(videos):
        if video.truth is not None:
            truth[str(number)] = {
                "annotations": [
                    {"label": label, "segment": [start, end]} for label, start, end in video.truth
                ]
            }
            found[str(number)] = [
                {"label": label, "score": score, "segment": [start, end]}
                for label, score, start, end in proposals(video, thresholds)
            ]
    if not any(entry["annotations"] for entry in truth.values()):
        return {}
    report = temporal_map({"database": truth}, {"results": found}, TIOUS)
    f2 = [report[f"F2@{tiou:.2f}"] for tiou in TIOUS]
    return report | {"average_F2": float(np.mean(f2))}


def frames_of(
    video: TimelineVideo, start: float, end: float, count: int = FRAMES
) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a stretch of time and the seconds that they are from.

    frames [at most count, H, W, 3]: evenly spread by `frames_between`; without it the nearest of
    the video's `frames`, each once.
    """
    start, end = min(start, video.seconds), min(end, video.seconds)
    times = start + (np.arange(count) + 0.5) * (end - start) / count
    if video.frames_between is None:
        part = video.seconds / len(video.frames)
        nearest = np.unique(np.clip((times / part).astype(int), 0, len(video.frames) - 1))
        return video.frames[nearest], (nearest + 0.5) * part
    frames = np.asarray(video.frames_between(start, end, count))
    FIELDS.frames("frames_between", frames)
    if len(frames) != count:
        raise FIELDS.bad("frames_between", f"{len(frames)} frames", f"{count} frames")
    return frames, times


# --- pictures and words -------------------------------------------------------------------------


def render(
    video: TimelineVideo,
    thresholds: Thresholds = RELEASED,
    *,
    chosen: int | None = None,
    lang: str = "en",
) -> Figure:
    """Draw one video: 9 inches wide, 900 pixels at the figure's own resolution.

    chosen: number in `proposals(video, thresholds)` of the one to frame. lang: "en" or "zh".
    Without a Chinese font on this machine, "zh" falls back to English labels. The figure belongs
    to no pyplot state; the caller may save it or show it.
    """
    lang = drawing.drawable(lang)
    view = _View(video, thresholds, chosen, lang)
    with drawing.house_style(lang, [video.title, *video.class_names]) as bold:
        page = _Page(view, bold)
        _draw_heading(page, view)
        axes = [_draw_film(page, view), _draw_sound(page, view), _draw_scores(page, view)]
        if view.seed_rows:
            axes.append(_draw_seeds(page, view))
        axes += _draw_lanes(page, view)
        _share_time(page, view, axes)
        # Tick labels are made at the first drawing: make them while the fonts above hold.
        page.figure.draw_without_rendering()
    return page.figure


def png(
    video: TimelineVideo,
    thresholds: Thresholds = RELEASED,
    *,
    chosen: int | None = None,
    lang: str = "en",
) -> bytes:
    """The picture of `render` as PNG bytes; the same video gives the same bytes."""
    return drawing.png_bytes(render(video, thresholds, chosen=chosen, lang=lang))


def save(
    video: TimelineVideo,
    path: str | os.PathLike,
    thresholds: Thresholds = RELEASED,
    *,
    chosen: int | None = None,
    lang: str = "en",
) -> Path:
    """Write the picture to a PNG file, whole or not at all, and return its path."""
    return drawing.write_whole(png(video, thresholds, chosen=chosen, lang=lang), path)


def render_frames(
    video: TimelineVideo, proposal: Proposal, *, lang: str = "en", count: int = FRAMES
) -> Figure:
    """Draw frames of one proposal side by side, their seconds beneath: 9 inches wide."""
    lang = drawing.drawable(lang)
    text, (label, score, start, end) = TEXT[lang], proposal
    frames, times = frames_of(video, start, end, count)
    with drawing.house_style(lang, [video.title, *video.class_names]) as bold:
        # As many columns as asked for: a few frames do not fill the page.
        strip, share = drawing.strip_size(max(count, len(frames)), frames.shape[1:3])
        page = drawing.Page(0.36 + strip + 0.26, bold)
        title = text["tip"].format(label=_name(label, lang), score=score, start=start, end=end)
        page.title(MARGIN_LEFT, 0.36, title)
        if video.frames_between is None:
            page.note(0.36, text["nearest"])
        width = INNER / max(count, len(frames)) * len(frames)
        axes = page.axes(MARGIN_LEFT, 0.36, width, strip)
        drawing.draw_frames(axes, frames, share)
        decimals = 1 if end - start >= 4 else 2
        for place, t in enumerate(times):
            left = MARGIN_LEFT + (place + 0.5) * width / len(frames)
            words = f"{t:.{decimals}f} s" if lang == "en" else f"{t:.{decimals}f} 秒"
            page.write(left, 0.36 + strip + 0.05, words, ha="center", fontsize=9)
        page.figure.draw_without_rendering()
    return page.figure


def describe(
    video: TimelineVideo,
    thresholds: Thresholds = RELEASED,
    *,
    chosen: int | None = None,
    lang: str = "en",
) -> str:
    """What the picture says, in a few sentences, for those who cannot see it."""
    drawing.check_language(lang)
    text, view = TEXT[lang], _View(video, thresholds, chosen, lang)
    title = video.title or text["clip"].rstrip(":：")
    sentences = [
        text["describe"].format(title=title, seconds=video.seconds, clips=len(video.scores)),
        text["describe_wanted" if view.reached else "describe_none"].format(
            scores=view.video_scores(),
            t=thresholds.class_threshold,
            wanted=text["and"].join(view.names[c] for c in view.wanted),
        ),
        text["describe_levels"].format(
            score=thresholds.score_level,
            foreground=thresholds.foreground_level,
            nms=thresholds.nms,
        ),
    ]
    if video.points is not None:
        words = [text["point"].format(_name(label, lang), t) for label, t in video.points]
        sentences.append(_listed(words, text, "describe_points", "describe_no_points"))
    if video.truth is None:
        sentences.append(text["describe_unknown"])
    else:
        words = [text["segment"].format(_name(row[0], lang), *row[1:]) for row in video.truth]
        sentences.append(_listed(words, text, "describe_truth", "describe_no_truth"))
    if view.found:
        best = max(view.found, key=lambda proposal: proposal[1])
        sentences.append(text["describe_best"].format(count=len(view.found), **view.words(best)))
    else:
        sentences.append(text["describe_nothing"])
    if chosen is not None:
        sentences.append(text["describe_chosen"].format(**view.words(view.found[chosen])))
    return text["space"].join(sentences)


def _listed(words: list[str], text: dict, some: str, none: str, most: int = 6) -> str:
    """A sentence with the first few of the words."""
    if not words:
        return text[none]
    more = [text["more"].format(len(words) - most)] if len(words) > most else []
    return text[some].format(text["comma"].join(words[:most] + more))


def _name(label: str, lang: str) -> str:
    """A class as a reader of `lang` wants it."""
    return TEXT[lang]["class_names"].get(label, label)


class _View:
    """One video at its thresholds, and what follows from them."""

    def __init__(self, video: TimelineVideo, thresholds: Thresholds, chosen: int | None, lang: str):
        self.video, self.thresholds, self.chosen, self.lang = video, thresholds, chosen, lang
        self.text = TEXT[lang]
        self.found = proposals(video, thresholds)
        if chosen is not None and not 0 <= chosen < len(self.found):
            raise DataError(
                "chosen",
                found=str(chosen),
                wanted=f"0 to {len(self.found) - 1}" if self.found else "None: no proposal here",
                cure="Give a proposal's number in proposals(video, thresholds).",
            )
        self.names = [_name(label, lang) for label in video.class_names]
        reached = np.flatnonzero(video.video_score.astype(np.float64) >= thresholds.class_threshold)
        self.reached = len(reached) > 0
        # As `localize` chooses them.
        self.wanted = reached.tolist() if self.reached else [int(video.video_score.argmax())]
        self.edges = np.arange(len(video.scores) + 1) * video.clip_seconds  # [T+1]
        # Classes first, then background where it has a row of its own.
        rows = len(self.names) if video.act_seed is not None or video.points is not None else 0
        self.seed_rows = [*range(rows), *([len(self.names)] if video.bkg_seed is not None else [])]
        self.has_seeds = video.act_seed is not None or video.bkg_seed is not None

    def video_scores(self) -> str:
        """Each class and its video score."""
        pairs = zip(self.names, self.video.video_score, strict=True)
        return self.text["comma"].join(f"{name} {score:.2f}" for name, score in pairs)

    def words(self, proposal: Proposal) -> dict:
        """A proposal's parts, as the sentences name them."""
        label, score, start, end = proposal
        return dict(label=_name(label, self.lang), score=score, start=start, end=end)

    def lane(self, c: int) -> tuple[list[int], int]:
        """The numbers of a class's proposals that are shown, best first, and how many it has."""
        mine = [i for i, row in enumerate(self.found) if row[0] == self.video.class_names[c]]
        shown = mine[:SHOWN]
        if self.chosen in mine[SHOWN:]:
            shown[-1] = self.chosen
        return shown, len(mine)


# --- the widget ---------------------------------------------------------------------------------


class TimelineExplorer:
    """A clip menu, four thresholds, the picture they choose and buttons for the best proposals.

    `.widget` is the ipywidgets box; its parts are `.clip`, the sliders `.class_threshold`,
    `.score_level`, `.foreground_level` and `.nms`, `.numbers` (the metrics over all videos),
    `.image`, `.buttons` (each with its proposal's number in `.numbers_of`), `.strip` (the frames of
    the chosen proposal, there only while one is chosen) and `.note`. Displayed in a notebook it
    offers the picture itself first, then the live widget: a page without a kernel (GitHub,
    nbviewer) shows the picture, JupyterLab the widget.
    """

    def __init__(
        self, videos: Sequence[TimelineVideo], lang: str = "en", thresholds: Thresholds = RELEASED
    ):
        drawing.check_language(lang)
        if len(videos) == 0:
            raise DataError(
                "videos", found="no video", wanted="at least one TimelineVideo", cure="Pass a list."
            )
        self.videos, self.lang = list(videos), lang
        self.chosen: int | None = None  # number of the framed proposal
        self.description = ""  # what the picture now shown says, in words
        self.error = ""  # why the chosen proposal has no frames
        self._pictures: dict[tuple, bytes] = {}
        self._strips: dict[tuple, bytes] = {}
        self._reports: dict[Thresholds, dict] = {}
        self._found: list[Proposal] = []
        self._make_parts(thresholds)
        # Before the last slider's move, and now.
        self._measured: tuple[Thresholds | None, Thresholds] = (None, self.thresholds)
        self.clip.observe(self._choose_clip, names="value")
        for slider in self._sliders:
            slider.observe(self._choose_thresholds, names="value")
        self._show()

    def _make_parts(self, thresholds: Thresholds) -> None:
        text = TEXT[self.lang]
        ranges = (
            ("class_threshold", 0, 1, 0.05, ".2f"),
            ("lowest_score", SCORE_LEVELS[0], SCORE_LEVELS[-1], 0.025, ".3f"),
            ("lowest_foreground", FOREGROUND_LEVELS[0], FOREGROUND_LEVELS[-1], 0.025, ".3f"),
            ("nms", 0.1, 0.9, 0.1, ".1f"),
        )
        self._sliders = [
            ipywidgets.FloatSlider(
                value=value,
                min=low,
                max=high,
                step=step,
                description=text[name],
                tooltip=text[name + "_tip"],
                continuous_update=False,
                readout_format=form,
                layout={"width": "430px", "max_width": "100%"},
                style={"description_width": "176px"},
            )
            for (name, low, high, step, form), value in zip(
                ranges, astuple(thresholds), strict=True
            )
        ]
        self.class_threshold, self.score_level, self.foreground_level, self.nms = self._sliders
        sliders = ipywidgets.HBox(
            self._sliders, layout={"flex_flow": "row wrap", "width": "100%", "max_width": "900px"}
        )
        self._shell = drawing.Shell([video.title for video in self.videos], sliders, self.lang)
        self.clip, self.image = self._shell.clip, self._shell.image
        self.note, self.widget = self._shell.note, self._shell.widget
        self.numbers = ipywidgets.HTML()
        self._hint = ipywidgets.HTML()
        # The margin is that of an Image, so that the buttons stand beneath what they name.
        self._lane = ipywidgets.VBox(
            layout={"width": "100%", "max_width": "900px", "margin": "2px"}
        )
        self.buttons: list[ipywidgets.Button] = []
        self.numbers_of: list[int] = []
        self.strip = ipywidgets.Image(
            format="png", layout={"width": "100%", "max_width": "900px", "height": "auto"}
        )

    @property
    def video(self) -> TimelineVideo:
        """The video now shown."""
        return self.videos[self.clip.value]

    @property
    def thresholds(self) -> Thresholds:
        """What the sliders say."""
        # The browser's steps come as 0.15000000000000002 and the like.
        return Thresholds(*(round(slider.value, 4) for slider in self._sliders))

    def _choose_clip(self, change) -> None:
        self.chosen = None
        self._show()

    def _choose_thresholds(self, change) -> None:
        self._measured = (self._measured[1], self.thresholds)
        kept = None if self.chosen is None else self._found[self.chosen]
        found = proposals(self.video, self.thresholds)
        # The framed one stays so where it is still proposed.
        same = [i for i, row in enumerate(found) if kept and _place(row) == _place(kept)]
        self.chosen = same[0] if same else None
        self._show()

    def choose(self, number: int | None) -> None:
        """Frame a proposal and show its frames; None, or the framed one again, takes it away."""
        self.chosen = None if number == self.chosen else number
        self._show_picture()

    def _show(self) -> None:
        self._found = proposals(self.video, self.thresholds)
        self._make_buttons()
        self._show_picture()
        self._show_numbers()

    def _make_buttons(self) -> None:
        """Buttons on the picture's axis of time, in as few rows as they need."""
        old = [*self.buttons, *self._lane.children]
        best = sorted(range(len(self._found)), key=lambda i: -self._found[i][1])[:BUTTONS]
        self.numbers_of, self.buttons = best, []
        rows: list[list[tuple[float, float, ipywidgets.Button]]] = []
        for number in best:
            left, width = _button_place(self.video, self._found[number])
            button = self._button(number)
            self.buttons.append(button)
            free = (row for row in rows if all(left >= r or left + width <= a for a, r, _ in row))
            row = next(free, None)
            if row is None:
                rows.append(row := [])
            row.append((left, left + width, button))
        boxes = []
        for row in rows:
            row.sort(key=lambda entry: entry[0])
            right = 0.0
            for left, end, button in row:
                button.layout.margin = f"1px 0 1px {left - right:.3f}%"
                button.layout.width = f"{end - left:.3f}%"
                right = end
            boxes.append(
                ipywidgets.HBox(
                    [button for *_, button in row],
                    layout={"width": "100%", "margin": "0", "overflow": "hidden"},
                )
            )
        self._lane.children = boxes
        words = TEXT[self.lang]["buttons"].format(len(best), len(self._found)) if best else ""
        self._hint.value = _line(words)
        for widget in old:
            for part in (widget, widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()

    def _button(self, number: int) -> ipywidgets.Button:
        label, score, start, end = self._found[number]
        button = ipywidgets.Button(
            description=f"{label} {score:.2f}",
            tooltip=TEXT[self.lang]["tip"].format(
                label=_name(label, self.lang), score=score, start=start, end=end
            ),
            # JupyterLab's line is 28 px high, and the border comes on top of it.
            layout={"height": "32px", "padding": "0"},
            style={"text_color": INK},
        )
        button.on_click(lambda _: self.choose(number))
        return button

    def _show_picture(self) -> None:
        key = (self.clip.value, self.thresholds, self.chosen)
        if key not in self._pictures:
            self._pictures[key] = png(
                self.video, self.thresholds, chosen=self.chosen, lang=self.lang
            )
        self.image.value = self._pictures[key]
        self.description = describe(self.video, self.thresholds, chosen=self.chosen, lang=self.lang)
        for number, button in zip(self.numbers_of, self.buttons, strict=True):
            picked = number == self.chosen
            button.style.font_weight = "bold" if picked else "normal"
            button.style.button_color = "#FFE9A8" if picked else "white"
            colour = LOOKS[self.video.class_names.index(self._found[number][0])][0]
            button.layout.border = f"2px solid {INK if picked else colour}"
        self.error = ""
        self.strip.value = b"" if self.chosen is None else self._frames(self._found[self.chosen])
        self._shell.say(self.description, alert=self.error)
        controls = self.widget.children[0]
        strip = [self.strip] if self.strip.value else []
        self.widget.children = [
            controls, self.numbers, self.image, self._hint, self._lane, *strip, self.note
        ]  # fmt: skip

    def _frames(self, proposal: Proposal) -> bytes:
        """The picture of a proposal's frames; empty, and the reason in `.error`, without them."""
        key = (self.clip.value, *proposal)
        if key not in self._strips:
            try:
                figure = render_frames(self.video, proposal, lang=self.lang)
                self._strips[key] = drawing.png_bytes(figure)
            except Exception as error:  # whatever it was, the reader wants to go on
                label, _, start, end = proposal
                self.error = TEXT[self.lang]["error"].format(
                    label=_name(label, self.lang),
                    start=start,
                    end=end,
                    error=drawing.one_line(error),
                )
                return b""
        return self._strips[key]

    def _show_numbers(self) -> None:
        text, (before, now) = TEXT[self.lang], self._measured
        if now not in self._reports:
            self.numbers.value = _line(text["busy"])  # many videos may take seconds
        self.numbers.value = _line(
            report_words(
                self._report(now),
                self._report(before) if before else None,
                sum(video.truth is not None for video in self.videos),
                self.lang,
            )
        )

    def _report(self, thresholds: Thresholds) -> dict:
        if thresholds not in self._reports:
            self._reports[thresholds] = measure(self.videos, thresholds)
        return self._reports[thresholds]

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return self._shell.bundle(self.description)


def timeline_widget(
    videos: Sequence[TimelineVideo], lang: str = "en", thresholds: Thresholds = RELEASED
) -> TimelineExplorer:
    """A picture to move through: one entry a video in the menu, four thresholds on sliders.

    The line above the picture measures all videos whose truth is known, before the last slider's
    move and after it. A button beneath the picture frames its proposal and shows its frames; what
    `frames_between` raises is said in one line, and it is asked again at the next click.
    """
    return TimelineExplorer(videos, lang, thresholds)


def report_words(now: dict, before: dict | None, count: int, lang: str = "en") -> str:
    """mAP, each class's AP and F2 in one sentence; where they changed, from what.

    now, before: what `measure` gave, before None at first; count: how many videos have truth.
    """
    text = TEXT[lang]
    if not now:
        return text["no_numbers"]
    names = {f"average_mAP{SPAN}": "mAP"}
    for key in now:
        if key.endswith(f"AP{SPAN}") and key not in names:
            names[key] = key.removeprefix("average_").removesuffix(SPAN)
    words = []
    for key, name in (names | {"average_F2": "F2"}).items():
        new, old = f"{now[key]:.3f}", f"{(before or now)[key]:.3f}"
        words.append(f"{name} {new}" if new == old else f"{name} {old} → {new}")
    videos = text["one_video" if count == 1 else "many_videos"].format(count)
    return text["numbers"].format(videos, text["comma"].join(words))


def _place(proposal: Proposal) -> tuple[str, float, float]:
    return proposal[0], *proposal[2:]


def _line(words: str) -> str:
    """Words for an HTML widget; changes of them are read aloud."""
    style = "max-width:900px;line-height:1.4"
    said = f'<div aria-live="polite" style="{style}">{drawing.as_html(words)}</div>'
    return said if words else ""


def _button_place(video: TimelineVideo, proposal: Proposal) -> tuple[float, float]:
    """Left edge and width of a proposal's button, in percent of the picture's width.

    A button is at least as wide as its words; it then lies around its proposal's middle.
    """
    label, score, start, end = proposal
    inner, margin = 100 * INNER / WIDTH, 100 * MARGIN_LEFT / WIDTH
    left, width = margin + inner * start / video.span, inner * (end - start) / video.span
    words = max(6.8, 1.1 * len(f"{label} {score:.2f}"))
    if width < words:
        left = min(max(left + (width - words) / 2, margin), margin + inner - words)
        width = words
    return left, width


# --- the panels ---------------------------------------------------------------------------------

TITLE, LEGEND = 0.32, 0.18  # heights in inches: a title with the space above it, and a legend
SOUND, SCORES, SEED = 0.42, 1.25, 0.22
TRUTH, BAR, LANE = 0.19, 0.125, 0.3  # a class's ground truth, one proposal, all of them at least
GAP = 0.1
GRID = "#E3E6E8"


class _Page(drawing.Page):
    """Where this picture's panels lie, in inches from the top left corner."""

    def __init__(self, view: _View, bold: str):
        video = view.video
        self.film_width = INNER * video.seconds / video.span
        strip, self.thumb = drawing.strip_size(len(video.frames), video.frames.shape[1:3])
        self.strip = strip * video.seconds / video.span
        self.film_top = 0.5
        self.sound_top = self.film_top + self.strip + GAP
        self.scores_top = self.sound_top + SOUND + GAP + TITLE + LEGEND
        top = self.scores_top + SCORES + GAP
        self.seeds_top = top + TITLE
        if view.seed_rows:
            top = self.seeds_top + len(view.seed_rows) * SEED + GAP
        self.lanes_title = top + TITLE
        top = self.lanes_title
        self.lanes = []  # (top of the truth or None, top of the proposals, their height) a class
        for c in range(len(view.names)):
            truth_top = None
            if video.truth is not None:
                truth_top, top = top, top + TRUTH + 0.04
            height = max(LANE, BAR * len(view.lane(c)[0]))
            self.lanes.append((truth_top, top, height))
            top += height + GAP
        self.bottom = top - GAP
        super().__init__(self.bottom + 0.5, bold)

    def label(self, top: float, height: float, words: str, **options) -> None:
        """Words in the left margin, in the middle of a panel, as large as fits."""
        longest = max(sum(1 if ord(x) < 0x2E80 else 1.7 for x in w) for w in words.split("\n"))
        size = min(options.pop("fontsize", 8.5), 72 * (MARGIN_LEFT - 0.1) / (0.61 * longest))
        self.figure.text(
            (MARGIN_LEFT - 0.07) / WIDTH,
            1 - (top + height / 2) / self.height,
            words,
            ha="right",
            va="center",
            fontsize=size,
            linespacing=1.3,
            **options,
        )


def _draw_heading(page: _Page, view: _View) -> None:
    video, t = view.video, view.thresholds.class_threshold
    key = "heading" if view.reached else "heading_none"
    words = view.text[key].format(scores=view.video_scores(), t=t)
    page.write(WIDTH - MARGIN_RIGHT, 0.17, words, ha="right", fontsize=9.5)
    page.write(MARGIN_LEFT, 0.13, video.title, fontsize=13, fontweight=page.bold, parse_math=False)
    right, title = page.figure.texts[-2:]
    renderer = page.figure.canvas.get_renderer()
    # A long title grows smaller, and at last shorter, before it meets the words at the right.
    room = right.get_window_extent(renderer).x0 - MARGIN_LEFT * drawing.DPI - 15
    width = title.get_window_extent(renderer).width
    if width > room:
        title.set_fontsize(max(8.0, 13 * room / width))
    words = video.title
    while len(words) > 1 and title.get_window_extent(renderer).width > room:
        words = words[:-1]
        title.set_text(words.rstrip() + "…")


def _draw_film(page: _Page, view: _View):
    axes = page.axes(MARGIN_LEFT, page.film_top, page.film_width, page.strip)
    drawing.draw_frames(axes, view.video.frames, page.thumb)
    page.label(page.film_top, page.strip, view.text["film"])
    return axes


def _draw_sound(page: _Page, view: _View):
    video = view.video
    axes = page.axes(MARGIN_LEFT, page.sound_top, INNER, SOUND)
    lows, highs = drawing.envelope(video.waveform, 1600)
    edges = np.linspace(0, video.seconds, len(lows) + 1)
    axes.fill_between(
        edges,
        np.append(lows, lows[-1]),
        np.append(highs, highs[-1]),
        step="post",
        color=INK,
        lw=0.4,
        zorder=2,
    )
    loudest = max(float(np.abs(video.waveform).max()), 1e-6)
    axes.set(ylim=(-1.05 * loudest, 1.05 * loudest))
    axes.set_yticks([])
    page.label(page.sound_top, SOUND, view.text["sound"])
    return axes


def _draw_scores(page: _Page, view: _View):
    text, scores, limits = view.text, view.video.scores, view.thresholds
    axes = page.axes(MARGIN_LEFT, page.scores_top, INNER, SCORES)
    page.title(MARGIN_LEFT, page.scores_top - LEGEND, text["scores"])
    axes.stairs(scores[:, -1], view.edges, fill=True, color=GREY, alpha=0.6, lw=0, zorder=1)
    axes.stairs(scores[:, -1], view.edges, color="#7E8E9A", lw=0.8, baseline=None, zorder=1)
    legend = []
    for c, name in enumerate(view.names):
        colour, style, _ = LOOKS[c]
        look = dict(color=colour, ls=style, lw=1.5)
        axes.step(
            view.edges, np.append(scores[:, c], scores[-1, c]), where="post", zorder=3, **look
        )
        legend.append(Line2D([], [], label=name, **look))
    legend.append(Patch(facecolor=GREY, edgecolor="#7E8E9A", alpha=0.8, label=text["background"]))
    guides = (
        (limits.score_level, "score_level", limits.score_level, (0, (1, 1))),
        (1 - limits.foreground_level, "foreground_level", 1 - limits.foreground_level, (0, (6, 2))),
    )
    for height, key, number, style in guides:
        axes.axhline(height, color=INK, ls=style, lw=1, zorder=2.5, clip_on=False)
        look = dict(color=INK, ls=style, lw=1)
        legend.append(Line2D([], [], label=text[key].format(number), **look))
    axes.set(ylim=(0, 1))
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8.5)
    # Above the panel, beneath its title: it can hide no score there.
    axes.legend(
        handles=legend,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=len(legend),
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.3,
        borderpad=0,
        columnspacing=1.6,
        handlelength=1.9,
        handletextpad=0.5,
    )
    return axes


def _draw_seeds(page: _Page, view: _View):
    """A row a class with its points and action seeds, and one with the background's seeds."""
    video, text, rows = view.video, view.text, view.seed_rows
    points, seeds = video.points is not None, view.has_seeds
    title = "seeds_and_points" if points and seeds else "seeds" if seeds else "points"
    note = {"seeds_and_points": "seeds_note", "seeds": "seeds_only_note", "points": "points_note"}
    page.title(MARGIN_LEFT, page.seeds_top, text[title])
    page.note(page.seeds_top, text[note[title]])
    axes = page.axes(MARGIN_LEFT, page.seeds_top, INNER, SEED * len(rows))
    axes.set(ylim=(0, len(rows)))
    axes.set_yticks([])
    for place, c in enumerate(rows):
        base = len(rows) - 1 - place
        background = c == len(view.names)
        colour, name = (
            ("#7E8E9A", text["background"]) if background else (LOOKS[c][0], view.names[c])
        )
        page.label(page.seeds_top + place * SEED, SEED, name)
        axes.axhline(base, color="#BBBBBB", lw=0.6, zorder=1)
        values = video.bkg_seed if background else video.act_seed
        if values is not None:
            values = values if background else values[:, c]
            axes.stairs(
                base + 0.9 * values, view.edges, baseline=base, fill=True, color=colour,
                alpha=0.75, lw=0, zorder=2,
            )  # fmt: skip
        if background or not points:
            continue
        last = -np.inf
        for t in sorted(float(t) for label, t in video.points if label == video.class_names[c]):
            axes.plot(
                [t], [base + 0.62], marker="v", ms=6.5, color=INK, mec="white", mew=0.7, zorder=4
            )
            # Its label, where neither the point before nor the page's end is in the way.
            if t - last > 0.3 * video.span / INNER and t < video.span * (1 - 0.25 / INNER):
                axes.annotate(
                    video.class_names[c],
                    (t, base + 0.5),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8.5,
                    fontweight=page.bold,
                    bbox=dict(facecolor="white", alpha=0.75, lw=0, pad=0.6),
                    zorder=4,
                )
            last = t
    return axes


def _draw_lanes(page: _Page, view: _View) -> list:
    """A class's ground truth above its proposals, class by class."""
    text, found = view.text, view.found
    page.title(MARGIN_LEFT, page.lanes_title, text["proposals"])
    note = text["proposals_note"]
    if view.chosen is not None:
        note = text["framed"].format(**view.words(found[view.chosen]))
    page.note(page.lanes_title, note)
    scores = [row[1] for row in found]
    axes = []
    for c, (truth_top, top, height) in enumerate(page.lanes):
        if truth_top is not None:
            axes.append(_draw_truth(page, view, c, truth_top))
        lane = page.axes(MARGIN_LEFT, top, INNER, height)
        lane.set(ylim=(height / BAR, 0))
        lane.set_yticks([])
        shown, count = view.lane(c)
        name = view.names[c]
        if count:
            name += "\n" + text["shown"].format(len(shown), count)
        page.label(top, height, name)
        if not shown:
            key = "nothing" if c in view.wanted else "not_wanted"
            words = text[key].format(
                score=view.video.video_score[c], t=view.thresholds.class_threshold
            )
            _say(lane, words)
        for row, number in enumerate(shown):
            spread = max(scores) - min(scores)
            height = (found[number][1] - min(scores)) / spread if spread else 1.0
            shade = 0.2 + 0.8 * min(height, 1.0)  # rounding may put it above
            _draw_bar(lane, view, c, row, number, shade, page.bold)
        axes.append(lane)
    return axes


def _draw_bar(lane, view: _View, c: int, row: int, number: int, shade: float, bold: str) -> None:
    _, score, start, end = view.found[number]
    colour, picked = matplotlib.colors.to_rgba(LOOKS[c][0]), number == view.chosen
    lane.add_patch(
        Rectangle(
            (start, row + 0.12),
            end - start,
            0.76,
            facecolor=(*colour[:3], shade),
            edgecolor=INK if picked else colour,
            linewidth=2 if picked else 0.6,
            zorder=4 if picked else 2,
        )
    )
    # The score beside the bar: at its right, else at its left, else upon it.
    room, beside = 0.34 * view.video.span / INNER, 0.04 * view.video.span / INNER
    if end + room <= view.video.span:
        place, side = end + beside, "left"
    elif start >= room:
        place, side = start - beside, "right"
    else:
        place, side = min(end, view.video.span) - beside, "right"
    inside = side == "right" and place > start
    lane.text(
        place,
        row + 0.54,
        f"{score:.2f}",
        ha=side,
        va="center_baseline",
        fontsize=7,
        fontweight=bold if picked else "normal",
        bbox=dict(facecolor="white", alpha=0.85, lw=0, pad=0.4) if inside else None,
        zorder=5,
    )


def _draw_truth(page: _Page, view: _View, c: int, top: float):
    video, (colour, _, hatch) = view.video, LOOKS[c]
    label = video.class_names[c]
    axes = page.axes(MARGIN_LEFT, top, INNER, TRUTH)
    axes.set(ylim=(0, 1))
    axes.set_yticks([])
    page.label(top, TRUTH, view.text["truth_of"].format(label))
    mine = [row for row in video.truth if row[0] == label]
    for _, start, end in mine:
        axes.add_patch(
            Rectangle(
                (start, 0.08),
                end - start,
                0.84,
                facecolor="white",
                edgecolor=colour,
                hatch=hatch,
                linewidth=1.2,
                zorder=2,
            )
        )
    if not mine:
        _say(axes, view.text["no_truth"])
    return axes


def _say(axes, words: str) -> None:
    """Words in the middle of an empty lane, readable upon the framed proposal's band."""
    axes.text(
        0.5,
        0.5,
        words,
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=8.5,
        color=QUIET,
        bbox=dict(facecolor="white", alpha=0.85, lw=0, pad=1),
        zorder=5,
    )


def _share_time(page: _Page, view: _View, axes: list) -> None:
    """One axis of time for all panels, the seconds beneath the last; the framed one's band."""
    film, *others = axes
    span = view.video.span
    ticks = [t for t in MaxNLocator(12).tick_values(0, span) if 0 <= t <= span]
    for panel in others:
        panel.set(xlim=(0, span))
        panel.set_xticks(ticks)
        panel.grid(axis="x", color=GRID, lw=0.7, zorder=0)
        panel.set_axisbelow(True)
        panel.tick_params(axis="x", length=0, labelbottom=panel is others[-1])
        panel.spines["left"].set_visible(False)
        panel.spines["bottom"].set_color("#AAAAAA")
    others[-1].set_xlabel(view.text["time"], loc="left")
    others[-1].tick_params(axis="x", length=3)
    others[-1].xaxis.set_major_formatter("{x:g}")
    if view.chosen is None:
        return
    *_, start, end = view.found[view.chosen]
    for panel in others:
        panel.axvspan(start, end, facecolor=ORANGE, alpha=0.13, lw=0, zorder=0.5)
        for t in (start, end):
            panel.axvline(t, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1.5)
    columns = len(view.video.frames) / view.video.seconds
    left, right = (min(t, view.video.seconds) * columns for t in (start, end))
    for colour, width in (("white", 4.0), (INK, 2.0)):  # shows on every picture
        film.add_patch(
            Rectangle(
                (left, 0), right - left, 1, fill=False, edgecolor=colour, linewidth=width,
                clip_on=False, zorder=3,
            )
        )  # fmt: skip
