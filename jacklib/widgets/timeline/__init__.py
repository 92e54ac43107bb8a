"""TSL-Net's localization as one picture: an untrimmed video on one axis of time.

TSL-Net scores every clip of 16 frames: one score per class, and one for background. From them
`metrics.localize` proposes segments, and `metrics.detection_metrics` measures those of all videos.
Four thresholds decide what is proposed; this picture shows what each of them does.

`render(video, thresholds)` draws one video, a pure function without pyplot: its frames and audio,
the scores, annotated points and pseudo labels, ground truth and proposals. `save` writes the
picture as a PNG file. `timeline_widget(videos)` puts a clip menu and the thresholds on top, and
buttons for the best proposals beneath.

Letters: F frames shown, T clips per video, C classes, n samples of audio.

The videos are in `state`, the picture is in `panels`, the widget in `explorer`.
"""

from jacklib.widgets.timeline.explorer import TimelineExplorer, report_words, timeline_widget
from jacklib.widgets.timeline.panels import TEXT, describe, png, render, render_frames, save
from jacklib.widgets.timeline.state import (
    RELEASED,
    Thresholds,
    TimelineVideo,
    frames_of,
    measure,
    proposals,
)

__all__ = [
    "RELEASED", "TEXT", "Thresholds", "TimelineExplorer", "TimelineVideo", "describe", "frames_of",
    "measure", "png", "proposals", "render", "render_frames", "report_words", "save",
    "timeline_widget",
]  # fmt: skip
