"""The timeline's widget: the picture with sliders for its thresholds and buttons to click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import ipywidgets

from jacklib.core.metrics import FOREGROUND_LEVELS, SCORE_LEVELS, DetectionMetrics
from jacklib.errors import DataError
from jacklib.widgets import drawing
from jacklib.widgets.drawing import INK, INNER, MARGIN_LEFT, WIDTH
from jacklib.widgets.timeline.panels import TEXT, describe, parts_of, png, render_frames
from jacklib.widgets.timeline.state import (
    LOOKS,
    RELEASED,
    Proposal,
    Thresholds,
    TimelineVideo,
    measure,
    proposals,
)

BUTTONS = 10  # proposals to click, over all classes


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
        if len(videos) == 0:
            raise DataError(
                "videos", found="no video", wanted="at least one TimelineVideo", cure="Pass a list."
            )
        super().__init__([video.title for video in videos], lang)
        self.videos = list(videos)
        self.chosen: int | None = None  # index of the framed proposal
        self._pictures: dict[tuple, bytes] = {}
        self._strips: dict[tuple, bytes] = {}
        self._reports: dict[Thresholds, DetectionMetrics | None] = {}
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
            drawing.slider(
                ipywidgets.FloatSlider,
                text,
                name,
                value,
                low,
                high,
                step=step,
                readout_format=form,
                layout={"width": "430px", "max_width": "100%"},
                style={"description_width": "176px"},
            )  # fmt: skip
            for (name, low, high, step, form), value in zip(
                ranges, astuple(thresholds), strict=True
            )
        ]
        self.class_threshold, self.score_level, self.foreground_level, self.nms = self._sliders
        sliders = ipywidgets.HBox(
            self._sliders, layout={"flex_flow": "row wrap", "width": "100%", "max_width": "900px"}
        )
        self.controls.children = (self.clip, sliders)
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
        label, score, *_ = self._found[number]
        button = ipywidgets.Button(
            description=f"{label} {score:.2f}",
            tooltip=TEXT[self.lang]["tip"].format(**parts_of(self._found[number], self.lang)),
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
        self.say(self.description, alert=self.error)
        strip = [self.strip] if self.strip.value else []
        self.widget.children = [
            self.controls, self.numbers, self.image, self._hint, self._lane, *strip, self.note
        ]  # fmt: skip

    def _frames(self, proposal: Proposal) -> bytes:
        """The picture of a proposal's frames; empty, and the reason in `.error`, without them."""
        key = (self.clip.value, *proposal)
        if key not in self._strips:
            try:
                figure = render_frames(self.video, proposal, lang=self.lang)
                self._strips[key] = drawing.png_bytes(figure)
            except Exception as error:  # whatever it was, the reader wants to go on
                parts = parts_of(proposal, self.lang) | {"error": drawing.one_line(error)}
                self.error = TEXT[self.lang]["error"].format(**parts)
                return b""
        return self._strips[key]

    def _show_numbers(self) -> None:
        text, (before, now) = TEXT[self.lang], self._measured
        if now not in self._reports:
            self.numbers.value = _line(text["busy"])  # many videos may take seconds
        earlier = self._report(before) if before else None
        count = sum(video.truth is not None for video in self.videos)
        self.numbers.value = _line(report_words(self._report(now), earlier, count, self.lang))

    def _report(self, thresholds: Thresholds) -> DetectionMetrics | None:
        if thresholds not in self._reports:
            self._reports[thresholds] = measure(self.videos, thresholds)
        return self._reports[thresholds]


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
