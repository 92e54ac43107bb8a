"""TSL-Net's localization as one picture: an untrimmed video on one axis of time.

TSL-Net scores every clip of 16 frames: one score per class, and one for background. From them
`metrics.localize` proposes segments, and `metrics.detection_metrics` measures those of all videos.
Four thresholds decide what is proposed; this picture shows what each of them does.

`render(video, thresholds)` draws one video: its frames and audio, the scores, annotated points and
pseudo labels, ground truth and proposals. `timeline_widget(videos)` puts a clip menu and the
thresholds on top, and buttons for the best proposals beneath. What a video is stands in
`timeline_state`.

Letters: F frames shown, T clips per video, C classes, n samples of audio.
"""

import functools
from collections.abc import Sequence
from dataclasses import astuple

import ipywidgets
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from jacklib.core.metrics import FOREGROUND_LEVELS, SCORE_LEVELS, DetectionMetrics
from jacklib.core.shapes import CLIP_FRAMES
from jacklib.widgets import drawing, timeline_state
from jacklib.widgets.drawing import GREY, INK, INNER, MARGIN_LEFT, MARGIN_RIGHT, ORANGE, WIDTH
from jacklib.widgets.timeline_state import LOOKS, RELEASED, Proposal, Thresholds, TimelineVideo
from jacklib.widgets.words import texts, told

TEXT = texts("timeline")
SHOWN = 12  # proposals of each class in the picture
BUTTONS = 10  # proposals to click, over all classes
LISTED = 6  # points and true segments that the words name


def render(
    video: TimelineVideo, thresholds: Thresholds = RELEASED, *, chosen: int | None = None,
    lang: str = "en",
) -> Figure:  # fmt: skip
    """Draw one video: 9 inches wide, 900 pixels at the figure's own resolution.

    chosen: number in `proposals(video, thresholds)` of the one to frame.
    """
    lang = drawing.drawable(lang)
    view = _View(video, thresholds, chosen, lang)
    with drawing.house_style(lang, [video.title, *video.class_names]) as bold:
        page = _Page(view, bold)
        _draw_heading(page, view)
        axes = [*_draw_media(page, view), _draw_scores(page, view)]
        if view.seed_rows:
            axes.append(_draw_seeds(page, view))
        axes += _draw_lanes(page, view)
        _share_time(page, view, axes)
        return page.finish()


png = drawing.png_of(render)


def render_frames(video: TimelineVideo, proposal: Proposal, *, lang: str = "en") -> Figure:
    """Draw frames of one proposal side by side, their seconds beneath: 9 inches wide."""
    lang = drawing.drawable(lang)
    text, (*_, start, end) = TEXT[lang], proposal
    frames, times = timeline_state.frames_of(video, start, end)
    with drawing.house_style(lang, [video.title, *video.class_names]) as bold:
        column, top = INNER / timeline_state.FRAMES, 0.36  # a few frames do not fill the page
        strip, share = drawing.strip_size(timeline_state.FRAMES, frames.shape[1:3])
        page = drawing.Page(top + strip + 0.26, bold)
        page.title(MARGIN_LEFT, top, text["tip"].format(**_parts(proposal, lang)))
        if video.frames_between is None:
            page.note(top, text["nearest"])
        axes = page.axes(MARGIN_LEFT, top, column * len(frames), strip)
        drawing.draw_frames(axes, frames, share)
        decimals, unit = 1 if end - start >= 4 else 2, "s" if lang == "en" else "秒"
        for place, t in enumerate(times):
            words, left = f"{t:.{decimals}f} {unit}", MARGIN_LEFT + (place + 0.5) * column
            page.write(left, top + strip + 0.05, words, ha="center", fontsize=9)
        return page.finish()


def describe(
    video: TimelineVideo, thresholds: Thresholds = RELEASED, *, chosen: int | None = None,
    lang: str = "en",
) -> str:  # fmt: skip
    """What the picture says, in a few sentences, for those who cannot see it."""
    drawing.check_language(lang)
    view = _View(video, thresholds, chosen, lang)
    best = max(view.found, key=lambda proposal: proposal[1], default=None)
    framed = None if chosen is None else view.found[chosen]
    return told(
        TEXT[lang], video.title, video=video, view=view, limits=thresholds, most=LISTED,
        wanted=[view.names[c] for c in view.wanted], name=lambda label: _name(label, lang),
        best=best and _parts(best, lang), framed=framed and _parts(framed, lang),
    )  # fmt: skip


def _name(label: str, lang: str) -> str:
    return TEXT[lang]["class_names"].get(label, label)


def _parts(proposal: Proposal, lang: str) -> dict:
    label, score, start, end = proposal
    return dict(label=_name(label, lang), score=score, start=start, end=end)


class _View:
    """One video at its thresholds, and what follows from them."""

    def __init__(self, video: TimelineVideo, thresholds: Thresholds, chosen: int | None, lang: str):
        self.video, self.thresholds, self.chosen, self.lang = video, thresholds, chosen, lang
        self.text, self.found = TEXT[lang], timeline_state.proposals(video, thresholds)
        self.names = [_name(label, lang) for label in video.class_names]
        pairs = zip(self.names, video.video_score, strict=True)
        self.scores = self.text["comma"].join(f"{name} {score:.2f}" for name, score in pairs)
        reached = np.flatnonzero(video.video_score.astype(np.float64) >= thresholds.class_threshold)
        self.reached = len(reached) > 0
        # As `localize` chooses them.
        self.wanted = reached.tolist() if self.reached else [int(video.video_score.argmax())]
        self.edges = np.arange(len(video.scores) + 1) * (CLIP_FRAMES / video.fps)  # [T+1]
        # Name, colour, label, points and seeds of each class and of background, where known.
        self.seed_rows = []
        if video.points is not None:
            for c, label in enumerate(video.class_names):
                points = sorted(float(t) for name, t in video.points if name == label)
                row = self.names[c], LOOKS[c][0], label, points, video.act_seed[:, c]
                self.seed_rows.append(row)
            row = self.text["background"], DARK_GREY, "", [], video.bkg_seed
            self.seed_rows.append(row)
        # The indices of each class's proposals that are shown, best first, and how many it has.
        self.lanes = []
        for label in video.class_names:
            mine = [i for i, row in enumerate(self.found) if row[0] == label]
            shown = mine[:SHOWN]
            if chosen in mine[SHOWN:]:
                shown[-1] = chosen
            self.lanes.append((shown, len(mine)))


class TimelineExplorer(drawing.Shell):
    """A picture to move through: one entry per video in the menu, four thresholds on sliders.

    The line above the picture measures all videos whose truth is known, before the last slider's
    move and after it. A button beneath the picture frames its proposal and shows its frames; what
    `frames_between` raises is said in one line, and it is asked again at the next click.

    A `drawing.Shell` with the sliders `.class_threshold`, `.score_level`, `.foreground_level` and
    `.nms`, `.numbers` (the metrics over all videos), `.buttons` (each with its proposal's index in
    `.numbers_of`) and `.strip` (the frames of the chosen proposal, there only while one is chosen).
    """

    def __init__(
        self, videos: Sequence[TimelineVideo], lang: str = "en", thresholds: Thresholds = RELEASED
    ):
        super().__init__([video.title for video in videos], lang)
        self.videos = list(videos)
        self.chosen: int | None = None  # index of the framed proposal
        self.buttons: list[ipywidgets.Button] = []
        # What has been drawn and measured; an error is not kept.
        self._png = functools.cache(functools.partial(png, lang=lang))
        self._strip = functools.cache(
            lambda video, proposal: drawing.png_bytes(render_frames(video, proposal, lang=lang))
        )
        self._report = functools.cache(self._measure)
        self._make_parts(thresholds)
        # Before the last slider's move, and now.
        self._measured: tuple[Thresholds | None, Thresholds] = (None, self.thresholds)
        self.on_change(self._choose_clip, self.clip)
        self.on_change(self._choose_thresholds, *self._sliders)
        self._show()

    def _make_parts(self, thresholds: Thresholds) -> None:
        ranges = (
            ("class_threshold", 0, 1, 0.05, ".2f"),
            ("lowest_score", SCORE_LEVELS[0], SCORE_LEVELS[-1], 0.025, ".3f"),
            ("lowest_foreground", FOREGROUND_LEVELS[0], FOREGROUND_LEVELS[-1], 0.025, ".3f"),
            ("nms", 0.1, 0.9, 0.1, ".1f"),
        )
        look = dict(layout=drawing.WIDE | {"width": "430px"}, style={"description_width": "176px"})
        kind, text = ipywidgets.FloatSlider, TEXT[self.lang]
        self._sliders = []
        for (name, low, high, step, form), value in zip(ranges, astuple(thresholds), strict=True):
            look |= dict(step=step, readout_format=form)
            self._sliders.append(drawing.slider(kind, text, name, value, low, high, **look))
        self.class_threshold, self.score_level, self.foreground_level, self.nms = self._sliders
        sliders = ipywidgets.HBox(self._sliders, layout=drawing.FULL | drawing.WRAPPED)
        self.controls.children = (self.clip, sliders)
        self.numbers, self._hint = ipywidgets.HTML(), ipywidgets.HTML()
        # A column for each pixel of the picture, and the margin of an Image: so the buttons stand
        # beneath what they name.
        columns = f"repeat({WIDTH * drawing.DPI:.0f}, minmax(0, 1fr))"
        grid = {"grid_template_columns": columns, "grid_auto_flow": "row dense", "margin": "2px"}
        self._lane = ipywidgets.GridBox(layout=drawing.FULL | grid)
        self.strip = drawing.picture()

    @property
    def video(self) -> TimelineVideo:
        return self.videos[self.clip.value]

    @property
    def thresholds(self) -> Thresholds:
        # The browser's steps come as 0.15000000000000002 and the like.
        return Thresholds(*(round(slider.value, 4) for slider in self._sliders))

    def _choose_clip(self) -> None:
        self.chosen = None
        self._show()

    def _choose_thresholds(self) -> None:
        self._measured = (self._measured[1], self.thresholds)
        if self.chosen is not None:  # it stays framed where it is still proposed
            label, _, *times = self._found[self.chosen]
            found = enumerate(timeline_state.proposals(self.video, self.thresholds))
            same = (i for i, (name, _, *others) in found if (name, others) == (label, times))
            self.chosen = next(same, None)
        self._show()

    def choose(self, number: int | None) -> None:
        """Frame a proposal and show its frames; None, or the framed one again, takes it away."""
        self.chosen = None if number == self.chosen else number
        self._show_picture()

    def _show(self) -> None:
        self._found = timeline_state.proposals(self.video, self.thresholds)
        self._make_buttons()
        self._show_picture()
        before, now = self._measured
        report, earlier = self._report(now), self._report(before) if before else None
        count = sum(video.truth is not None for video in self.videos)
        self.numbers.value = drawing.spoken(report_words(report, earlier, count, self.lang))

    def _measure(self, thresholds: Thresholds) -> DetectionMetrics | None:
        self.numbers.value = drawing.spoken(TEXT[self.lang]["busy"])  # many may take seconds
        return timeline_state.measure(self.videos, thresholds)

    def _make_buttons(self) -> None:
        """Buttons on the picture's axis of time; the browser takes as few rows as they need."""
        old = self.buttons
        best = sorted(range(len(self._found)), key=lambda i: -self._found[i][1])[:BUTTONS]
        self.numbers_of, self.buttons = best, [self._button(number) for number in best]
        self._lane.children = self.buttons
        words = TEXT[self.lang]["buttons"].format(len(best), len(self._found))
        self._hint.value = drawing.spoken(words) if best else ""
        for button in old:
            for part in (button, button.layout, button.style):
                part.close()

    def _button(self, number: int) -> ipywidgets.Button:
        label, score, start, end = self._found[number]
        words, scale = f"{label} {score:.2f}", INNER / self.video.seconds  # inches per second
        left, right = (drawing.DPI * (MARGIN_LEFT + scale * t) for t in (start, end))
        # At least as wide as its words, around its proposal's middle.
        wider = max(0, max(61, 10 * len(words)) - (right - left))
        width = right - left + wider
        first, last = drawing.DPI * MARGIN_LEFT, drawing.DPI * (MARGIN_LEFT + INNER)
        left = min(max(left - wider / 2, first), last - width)
        button = ipywidgets.Button(
            description=words,
            tooltip=TEXT[self.lang]["tip"].format(**_parts(self._found[number], self.lang)),
            # JupyterLab's line is 28 px high, and the border comes on top of it. Not grid_column:
            # ipywidgets undoes it where grid_area is not set.
            layout={
                "grid_area": f"auto / {left + 1:.0f} / auto / span {width:.0f}", "width": "auto",
                "height": "32px", "padding": "0", "margin": "1px 0",
            },
            style={"text_color": INK},
        )  # fmt: skip
        button.on_click(lambda _: self.choose(number))
        return button

    def _show_picture(self) -> None:
        self.image.value = self._png(self.video, self.thresholds, chosen=self.chosen)
        self.description = describe(self.video, self.thresholds, chosen=self.chosen, lang=self.lang)
        for number, button in zip(self.numbers_of, self.buttons, strict=True):
            picked = number == self.chosen
            button.style.font_weight = "bold" if picked else "normal"
            button.style.button_color = "#FFE9A8" if picked else "white"
            colour = LOOKS[self.video.class_names.index(self._found[number][0])][0]
            button.layout.border = f"2px solid {INK if picked else colour}"
        self.error, strip = "", b""
        if self.chosen is not None:
            proposal = self._found[self.chosen]
            try:
                strip = self._strip(self.video, proposal)
            except Exception as error:  # whatever it was, the reader wants to go on
                parts = _parts(proposal, self.lang) | {"error": drawing.one_line(error)}
                self.error = TEXT[self.lang]["error"].format(**parts)
        self.say(self.description, alert=self.error)
        self.strip.value, strips = strip, [self.strip] if strip else []
        self.widget.children = [
            self.controls, self.numbers, self.image, self._hint, self._lane, *strips, self.note
        ]  # fmt: skip


timeline_widget = TimelineExplorer


def report_words(
    now: DetectionMetrics | None, before: DetectionMetrics | None, count: int, lang: str = "en"
) -> str:
    """mAP, each class's AP and F2 in one sentence; where they changed, from what.

    now, before: what `measure` gave, before None at first; count: how many videos have truth.
    """
    text = TEXT[lang]
    if not now:
        return text["no_numbers"]
    words, earlier = [], (before or now).averages()
    for name, value in now.averages().items():
        new, old = f"{value:.3f}", f"{earlier[name]:.3f}"
        if name != "Rc":
            words.append(f"{name} {new}" if new == old else f"{name} {old} → {new}")
    videos = text["one_video" if count == 1 else "many_videos"].format(count)
    return text["numbers"].format(videos, text["comma"].join(words))


# --- the panels ---------------------------------------------------------------------------------

TITLE, LEGEND = 0.32, 0.18  # heights in inches: a title with the space above it, and a legend
AUDIO, SCORES, SEED = 0.42, 1.25, 0.22
TRUTH, BAR, LANE = 0.19, 0.125, 0.3  # a class's ground truth, one proposal, all of them at least
GAP = 0.1
GRID, DARK_GREY = "#E3E6E8", "#7E8E9A"


class _Page(drawing.Page):
    def __init__(self, view: _View, bold: str):
        video = view.video
        self.strip, self.thumb = drawing.strip_size(len(video.frames), video.frames.shape[1:3])
        self.film_top = 0.5
        self.audio_top = self.film_top + self.strip + GAP
        self.scores_top = self.audio_top + AUDIO + GAP + TITLE + LEGEND
        top = self.scores_top + SCORES + GAP
        self.seeds_top = top + TITLE
        if view.seed_rows:
            top = self.seeds_top + len(view.seed_rows) * SEED + GAP
        self.lanes_title = top = top + TITLE
        self.lanes = []  # (top of the truth or None, top of the proposals, their height) per class
        for shown, _ in view.lanes:
            truth_top = None
            if video.truth is not None:
                truth_top, top = top, top + TRUTH + 0.04
            height = max(LANE, BAR * len(shown))
            self.lanes.append((truth_top, top, height))
            top += height + GAP
        super().__init__(top - GAP + 0.5, bold)

    def label(self, top: float, height: float, words: str) -> None:
        """Words in the left margin, in the middle of a panel, as large as fits."""
        longest = max(sum(1 if ord(x) < 0x2E80 else 1.7 for x in w) for w in words.split("\n"))
        size = min(8.5, 72 * (MARGIN_LEFT - 0.1) / (0.61 * longest))
        place = (MARGIN_LEFT - 0.07) / WIDTH, 1 - (top + height / 2) / self.height
        self.figure.text(*place, words, ha="right", va="center", fontsize=size, linespacing=1.3)


def _draw_heading(page: _Page, view: _View) -> None:
    key, t = "heading" if view.reached else "heading_none", view.thresholds.class_threshold
    words = view.text[key].format(scores=view.scores, t=t)
    right = page.write(WIDTH - MARGIN_RIGHT, 0.17, words, ha="right", fontsize=9.5)
    # A long title ends before it meets the words at the right.
    end = right.get_window_extent(page.figure.canvas.get_renderer()).x0 / drawing.DPI
    room, title = end - MARGIN_LEFT - 0.15, view.video.title
    page.fitted(room, MARGIN_LEFT, 0.13, title, 13, smallest=8.0, fontweight=page.bold)


def _draw_media(page: _Page, view: _View) -> list:
    video, film_top, audio_top = view.video, page.film_top, page.audio_top
    film = page.axes(MARGIN_LEFT, film_top, INNER, page.strip)
    drawing.draw_frames(film, video.frames, page.thumb)
    page.label(film_top, page.strip, view.text["film"])
    audio = page.axes(MARGIN_LEFT, audio_top, INNER, AUDIO)
    drawing.draw_waveform(audio, video.waveform, video.seconds)
    page.label(audio_top, AUDIO, view.text["audio"])
    return [film, audio]


def _draw_scores(page: _Page, view: _View):
    text, scores, edges, limits = view.text, view.video.scores, view.edges, view.thresholds
    axes = page.axes(MARGIN_LEFT, page.scores_top, INNER, SCORES)
    page.title(MARGIN_LEFT, page.scores_top - LEGEND, text["scores"])
    axes.stairs(scores[:, -1], edges, fill=True, color=GREY, alpha=0.6, lw=0, zorder=1)
    axes.stairs(scores[:, -1], edges, color=DARK_GREY, lw=0.8, baseline=None, zorder=1)
    legend = []
    for c, name in enumerate(view.names):
        look = dict(color=LOOKS[c][0], ls=LOOKS[c][1], lw=1.5, zorder=3, label=name)
        legend += axes.step(edges, np.append(scores[:, c], scores[-1, c]), where="post", **look)
    legend.append(Patch(facecolor=GREY, edgecolor=DARK_GREY, alpha=0.8, label=text["background"]))
    for key, height, style in (
        ("score_level", limits.score_level, (0, (1, 1))),
        ("foreground_level", 1 - limits.foreground_level, (0, (6, 2))),
    ):
        look = dict(color=INK, ls=style, lw=1, zorder=2.5, clip_on=False)
        legend.append(axes.axhline(height, label=text[key].format(height), **look))
    axes.set(ylim=(0, 1))
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8.5)
    # Above the panel, beneath its title: it can hide no score there.
    drawing.draw_legend(
        axes, legend, "lower left", (0.0, 1.0), ncols=len(legend), fontsize=8.5, borderaxespad=0.3,
        borderpad=0, columnspacing=1.6, handlelength=1.9, handletextpad=0.5,
    )  # fmt: skip
    return axes


def _draw_seeds(page: _Page, view: _View):
    """A row per class with its points and action seeds, and one with the background's seeds."""
    seconds, text, rows = view.video.seconds, view.text, view.seed_rows
    page.title(MARGIN_LEFT, page.seeds_top, text["seeds"], text["seeds_note"])
    axes = page.axes(MARGIN_LEFT, page.seeds_top, INNER, SEED * len(rows))
    axes.set(ylim=(0, len(rows)), yticks=[])
    for place, (name, colour, label, points, seeds) in enumerate(rows):
        base, last = len(rows) - 1 - place, -np.inf
        page.label(page.seeds_top + place * SEED, SEED, name)
        axes.axhline(base, color="#BBBBBB", lw=0.6, zorder=1)
        look = dict(baseline=base, fill=True, color=colour, alpha=0.75, lw=0, zorder=2)
        axes.stairs(base + 0.9 * seeds, view.edges, **look)
        for t in points:
            mark = dict(marker="v", ms=6.5, color=INK, mec="white", mew=0.7, zorder=4)
            axes.plot([t], [base + 0.62], **mark)
            # Its label, where neither the point before nor the page's end is in the way.
            if t - last > 0.3 * seconds / INNER and t < seconds * (1 - 0.25 / INNER):
                axes.annotate(
                    label, (t, base + 0.5), xytext=(6, 0), textcoords="offset points", va="center",
                    fontsize=8.5, fontweight=page.bold, zorder=4,
                    bbox=dict(facecolor="white", alpha=0.75, lw=0, pad=0.6),
                )  # fmt: skip
            last = t
    return axes


def _draw_lanes(page: _Page, view: _View) -> list:
    text, axes = view.text, []
    page.title(MARGIN_LEFT, page.lanes_title, text["proposals"])
    note = text["proposals_note"]
    if view.chosen is not None:
        note = text["framed"].format(**_parts(view.found[view.chosen], view.lang))
    page.note(page.lanes_title, note)
    for c, (truth_top, top, height) in enumerate(page.lanes):
        if truth_top is not None:
            axes.append(_draw_truth(page, view, c, truth_top))
        lane = page.axes(MARGIN_LEFT, top, INNER, height)
        lane.set(ylim=(height / BAR, 0), yticks=[])
        shown, count = view.lanes[c]
        shares = f"\n{text['shown'].format(len(shown), count)}" if count else ""
        page.label(top, height, view.names[c] + shares)
        if not shown:
            key = "nothing" if c in view.wanted else "not_wanted"
            facts = dict(score=view.video.video_score[c], t=view.thresholds.class_threshold)
            _say(lane, text[key].format(**facts))
        for row, number in enumerate(shown):
            _draw_bar(lane, view, LOOKS[c][0], row, number, page.bold)
        axes.append(lane)
    return axes


def _draw_bar(lane, view: _View, colour: str, row: int, number: int, bold: str) -> None:
    _, score, start, end = view.found[number]
    scores = [row[1] for row in view.found]
    spread = max(scores) - min(scores)
    share = (score - min(scores)) / spread if spread else 1.0
    face = matplotlib.colors.to_rgba(colour, 0.2 + 0.8 * min(share, 1.0))  # rounding may exceed 1
    picked = number == view.chosen
    look = dict(ec=INK, lw=2, zorder=4) if picked else dict(ec=colour, lw=0.6, zorder=2)
    drawing.box(lane, start, row + 0.12, end - start, 0.76, fc=face, **look)
    # The score beside the bar: at its right, else at its left, else upon it.
    span = view.video.seconds
    room, beside = 0.34 * span / INNER, 0.04 * span / INNER
    upon = end + room > span and start < room
    if end + room <= span:
        place, side = end + beside, "left"
    else:
        place, side = (min(end, span) if upon else start) - beside, "right"
    lane.text(
        place, row + 0.54, f"{score:.2f}", ha=side, va="center_baseline", fontsize=7, zorder=5,
        fontweight=bold if picked else "normal",
        bbox=dict(facecolor="white", alpha=0.85, lw=0, pad=0.4) if upon else None,
    )  # fmt: skip


def _draw_truth(page: _Page, view: _View, c: int, top: float):
    label, (colour, _, hatch) = view.video.class_names[c], LOOKS[c]
    axes = page.axes(MARGIN_LEFT, top, INNER, TRUTH)
    axes.set(ylim=(0, 1), yticks=[])
    page.label(top, TRUTH, view.text["truth_of"].format(label))
    mine = [(start, end) for name, start, end in view.video.truth if name == label]
    look = dict(facecolor="white", edgecolor=colour, hatch=hatch, linewidth=1.2, zorder=2)
    for start, end in mine:
        drawing.box(axes, start, 0.08, end - start, 0.84, **look)
    if not mine:
        _say(axes, view.text["no_truth"])
    return axes


def _say(axes, words: str) -> None:
    """Words in the middle of an empty lane, readable upon the framed proposal's band."""
    look = dict(ha="center", va="center", fontsize=8.5, color=drawing.QUIET, zorder=5)
    look |= dict(bbox=dict(facecolor="white", alpha=0.85, lw=0, pad=1))
    axes.text(0.5, 0.5, words, transform=axes.transAxes, **look)


def _share_time(page: _Page, view: _View, axes: list) -> None:
    """One axis of time for all panels, the seconds beneath the last; the framed one's band."""
    film, *others = axes
    span = view.video.seconds
    ticks = [t for t in MaxNLocator(12).tick_values(0, span) if 0 <= t <= span]
    for panel in others:
        panel.set(xlim=(0, span), xticks=ticks)
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
    columns = len(view.video.frames) / span
    drawing.outline(film, start * columns, (end - start) * columns, INK, 2.0)
