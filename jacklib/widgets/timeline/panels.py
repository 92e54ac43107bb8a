"""The timeline's picture: one video on one axis of time, and what it says in words."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from jacklib.errors import DataError
from jacklib.widgets import drawing
from jacklib.widgets.drawing import GREY, INK, INNER, MARGIN_LEFT, MARGIN_RIGHT, ORANGE, WIDTH
from jacklib.widgets.timeline.state import (
    FRAMES,
    LOOKS,
    RELEASED,
    Proposal,
    Thresholds,
    TimelineVideo,
    frames_of,
    proposals,
)
from jacklib.widgets.words import texts

TEXT = texts("timeline")
SHOWN = 12  # proposals of each class in the picture


def render(
    video: TimelineVideo, thresholds: Thresholds = RELEASED, *, chosen: int | None = None,
    lang: str = "en",
) -> Figure:  # fmt: skip
    """Draw one video: 9 inches wide, 900 pixels at the figure's own resolution.

    chosen: number in `proposals(video, thresholds)` of the one to frame.
    """
    lang = drawing.drawable(lang)
    view = View(video, thresholds, chosen, lang)
    with drawing.house_style(lang, [video.title, *video.class_names]) as bold:
        page = _Page(view, bold)
        _draw_heading(page, view)
        axes = [_draw_film(page, view), _draw_audio(page, view), _draw_scores(page, view)]
        if view.seed_rows:
            axes.append(_draw_seeds(page, view))
        axes += _draw_lanes(page, view)
        _share_time(page, view, axes)
        return page.finish()


png, save = drawing.png_and_save(render)


def render_frames(
    video: TimelineVideo, proposal: Proposal, *, lang: str = "en", count: int = FRAMES
) -> Figure:
    """Draw frames of one proposal side by side, their seconds beneath: 9 inches wide."""
    lang = drawing.drawable(lang)
    text, (_, _, start, end) = TEXT[lang], proposal
    frames, times = frames_of(video, start, end, count)
    with drawing.house_style(lang, [video.title, *video.class_names]) as bold:
        # As many columns as asked for: a few frames do not fill the page.
        strip, share = drawing.strip_size(max(count, len(frames)), frames.shape[1:3])
        page = drawing.Page(0.36 + strip + 0.26, bold)
        title = text["tip"].format(**parts_of(proposal, lang))
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
        return page.finish()


def describe(
    video: TimelineVideo, thresholds: Thresholds = RELEASED, *, chosen: int | None = None,
    lang: str = "en",
) -> str:  # fmt: skip
    """What the picture says, in a few sentences, for those who cannot see it."""
    drawing.check_language(lang)
    text, view = TEXT[lang], View(video, thresholds, chosen, lang)
    title = video.title or text["clip"].rstrip(":：")
    sentences = [
        text["describe"].format(title=title, seconds=video.seconds, clips=len(video.scores)),
        text["describe_wanted" if view.reached else "describe_none"].format(
            scores=view.video_scores(),
            t=thresholds.class_threshold,
            wanted=text["and"].join(view.names[c] for c in view.wanted),
        ),
        text["describe_levels"].format(
            score=thresholds.score_level, foreground=thresholds.foreground_level, nms=thresholds.nms
        ),
    ]
    if video.points is not None:
        words = [text["point"].format(name_of(label, lang), t) for label, t in video.points]
        sentences.append(_listed(words, text, "describe_points", "describe_no_points"))
    if video.truth is None:
        sentences.append(text["describe_unknown"])
    else:
        words = [text["segment"].format(name_of(row[0], lang), *row[1:]) for row in video.truth]
        sentences.append(_listed(words, text, "describe_truth", "describe_no_truth"))
    if view.found:
        best = max(view.found, key=lambda proposal: proposal[1])
        facts = {"count": len(view.found)} | parts_of(best, lang)
        sentences.append(text["describe_best"].format(**facts))
    else:
        sentences.append(text["describe_nothing"])
    if chosen is not None:
        sentences.append(text["describe_chosen"].format(**parts_of(view.found[chosen], lang)))
    return text["space"].join(sentences)


def _listed(words: list[str], text: dict, some: str, none: str, most: int = 6) -> str:
    """A sentence with the first few of the words."""
    if not words:
        return text[none]
    more = [text["more"].format(len(words) - most)] if len(words) > most else []
    return text[some].format(text["comma"].join(words[:most] + more))


def name_of(label: str, lang: str) -> str:
    """A class as a reader of `lang` wants it."""
    return TEXT[lang]["class_names"].get(label, label)


def parts_of(proposal: Proposal, lang: str) -> dict:
    """A proposal's parts, as the sentences name them."""
    label, score, start, end = proposal
    return dict(label=name_of(label, lang), score=score, start=start, end=end)


class View:
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
        self.names = [name_of(label, lang) for label in video.class_names]
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

    def lane(self, c: int) -> tuple[list[int], int]:
        """The indices of a class's proposals that are shown, best first, and how many it has."""
        mine = [i for i, row in enumerate(self.found) if row[0] == self.video.class_names[c]]
        shown = mine[:SHOWN]
        if self.chosen in mine[SHOWN:]:
            shown[-1] = self.chosen
        return shown, len(mine)


# --- the panels ---------------------------------------------------------------------------------

TITLE, LEGEND = 0.32, 0.18  # heights in inches: a title with the space above it, and a legend
AUDIO, SCORES, SEED = 0.42, 1.25, 0.22
TRUTH, BAR, LANE = 0.19, 0.125, 0.3  # a class's ground truth, one proposal, all of them at least
GAP = 0.1
GRID = "#E3E6E8"


class _Page(drawing.Page):
    """Where this picture's panels lie, in inches from the top left corner."""

    def __init__(self, view: View, bold: str):
        video = view.video
        self.film_width = INNER * video.seconds / video.span
        strip, self.thumb = drawing.strip_size(len(video.frames), video.frames.shape[1:3])
        self.strip = strip * video.seconds / video.span
        self.film_top = 0.5
        self.audio_top = self.film_top + self.strip + GAP
        self.scores_top = self.audio_top + AUDIO + GAP + TITLE + LEGEND
        top = self.scores_top + SCORES + GAP
        self.seeds_top = top + TITLE
        if view.seed_rows:
            top = self.seeds_top + len(view.seed_rows) * SEED + GAP
        self.lanes_title = top + TITLE
        top = self.lanes_title
        self.lanes = []  # (top of the truth or None, top of the proposals, their height) per class
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
            (MARGIN_LEFT - 0.07) / WIDTH, 1 - (top + height / 2) / self.height, words, ha="right",
            va="center", fontsize=size, linespacing=1.3, **options,
        )  # fmt: skip


def _draw_heading(page: _Page, view: View) -> None:
    video, t = view.video, view.thresholds.class_threshold
    key = "heading" if view.reached else "heading_none"
    words = view.text[key].format(scores=view.video_scores(), t=t)
    right = page.write(WIDTH - MARGIN_RIGHT, 0.17, words, ha="right", fontsize=9.5)
    # A long title ends before it meets the words at the right.
    end = right.get_window_extent(page.figure.canvas.get_renderer()).x0 / drawing.DPI
    room = end - MARGIN_LEFT - 0.15
    page.fitted(room, MARGIN_LEFT, 0.13, video.title, 13, smallest=8.0, fontweight=page.bold)


def _draw_film(page: _Page, view: View):
    axes = page.axes(MARGIN_LEFT, page.film_top, page.film_width, page.strip)
    drawing.draw_frames(axes, view.video.frames, page.thumb)
    page.label(page.film_top, page.strip, view.text["film"])
    return axes


def _draw_audio(page: _Page, view: View):
    video = view.video
    axes = page.axes(MARGIN_LEFT, page.audio_top, INNER, AUDIO)
    drawing.draw_waveform(axes, video.waveform, video.seconds)
    page.label(page.audio_top, AUDIO, view.text["audio"])
    return axes


def _draw_scores(page: _Page, view: View):
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
    drawing.draw_legend(
        axes, legend, "lower left", (0.0, 1.0), ncols=len(legend), fontsize=8.5, borderaxespad=0.3,
        borderpad=0, columnspacing=1.6, handlelength=1.9, handletextpad=0.5,
    )  # fmt: skip
    return axes


def _draw_seeds(page: _Page, view: View):
    """A row per class with its points and action seeds, and one with the background's seeds."""
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
                    video.class_names[c], (t, base + 0.5), xytext=(6, 0),
                    textcoords="offset points", va="center", fontsize=8.5, fontweight=page.bold,
                    bbox=dict(facecolor="white", alpha=0.75, lw=0, pad=0.6), zorder=4,
                )  # fmt: skip
            last = t
    return axes


def _draw_lanes(page: _Page, view: View) -> list:
    """A class's ground truth above its proposals, class by class."""
    text, found = view.text, view.found
    page.title(MARGIN_LEFT, page.lanes_title, text["proposals"])
    note = text["proposals_note"]
    if view.chosen is not None:
        note = text["framed"].format(**parts_of(found[view.chosen], view.lang))
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


def _draw_bar(lane, view: View, c: int, row: int, number: int, shade: float, bold: str) -> None:
    _, score, start, end = view.found[number]
    colour, picked = matplotlib.colors.to_rgba(LOOKS[c][0]), number == view.chosen
    edge, line, zorder = (INK, 2, 4) if picked else (colour, 0.6, 2)
    drawing.box(
        lane, start, row + 0.12, end - start, 0.76, facecolor=(*colour[:3], shade),
        edgecolor=edge, linewidth=line, zorder=zorder,
    )  # fmt: skip
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
        place, row + 0.54, f"{score:.2f}", ha=side, va="center_baseline", fontsize=7,
        fontweight=bold if picked else "normal",
        bbox=dict(facecolor="white", alpha=0.85, lw=0, pad=0.4) if inside else None, zorder=5,
    )  # fmt: skip


def _draw_truth(page: _Page, view: View, c: int, top: float):
    video, (colour, _, hatch) = view.video, LOOKS[c]
    label = video.class_names[c]
    axes = page.axes(MARGIN_LEFT, top, INNER, TRUTH)
    axes.set(ylim=(0, 1))
    axes.set_yticks([])
    page.label(top, TRUTH, view.text["truth_of"].format(label))
    mine = [row for row in video.truth if row[0] == label]
    for _, start, end in mine:
        look = dict(facecolor="white", edgecolor=colour, hatch=hatch, linewidth=1.2, zorder=2)
        drawing.box(axes, start, 0.08, end - start, 0.84, **look)
    if not mine:
        _say(axes, view.text["no_truth"])
    return axes


def _say(axes, words: str) -> None:
    """Words in the middle of an empty lane, readable upon the framed proposal's band."""
    axes.text(
        0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=8.5,
        color=drawing.QUIET, bbox=dict(facecolor="white", alpha=0.85, lw=0, pad=1), zorder=5,
    )  # fmt: skip


def _share_time(page: _Page, view: View, axes: list) -> None:
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
    drawing.outline(film, left, right - left, INK, 2.0)
