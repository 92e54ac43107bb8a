"""One video of the timeline with its proposals, and the thresholds that decide about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jacklib.core.metrics import (
    FOREGROUND_LEVELS,
    SCORE_LEVELS,
    DetectionMetrics,
    detection_metrics,
    localize,
)
from jacklib.core.shapes import CLIP_FRAMES
from jacklib.widgets import drawing
from jacklib.widgets.drawing import BLUE, INK, ORANGE, VERMILLION

# By a class's index: its colour, its line and the hatching of its ground truth.
LOOKS = (
    (VERMILLION, (0, (4, 1.5)), "\\\\\\\\"),
    (BLUE, "-", "////"),
    (ORANGE, ":", "----"),
    (INK, "-.", "xxxx"),
)
FRAMES = 8  # frames of a clicked proposal

FIELDS = drawing.Fields("TimelineVideo")
LIMITS = drawing.Fields("Thresholds")

Proposal = tuple[str, float, float, float]  # label, score, start, end


@dataclass(frozen=True, eq=False)
class TimelineVideo:
    """One video with everything known of it. Plain NumPy, independent of the network.

    title: its name.
    fps: frames per second; clip i is the 16 frames in [16 i / fps, 16 (i+1) / fps).
    frames: uint8 [F, H, W, 3], RGB, frame f from the middle of the f-th of F equal parts.
    waveform: [n], the whole video's audio, mono.
    seconds: how long the video is.
    scores: [T, C+1], fused class scores, background last, 0..1.
    video_score: [C], 0..1.
    class_names: C names.
    points: (label, seconds) of each annotated point; None where unknown, as for test videos.
    act_seed [T, C+1], bkg_seed [T]: the pseudo labels of `pseudo_labels.seed_labels`, or None.
    truth: (label, start, end) in seconds, or None.
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
        arrays = ("frames", "waveform", "scores", "video_score", "act_seed", "bkg_seed")
        drawing.settle(self, *arrays)
        for name in ("points", "truth"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(tuple(row) for row in value))
        self._check()

    def _check(self) -> None:
        for name in ("fps", "seconds"):
            FIELDS.positive(name, getattr(self, name))
        FIELDS.frames("frames", self.frames)
        FIELDS.waveform(self.waveform)
        names = self.class_names
        if len(set(names)) != len(names) or not 1 <= len(names) <= len(LOOKS):
            wanted = f"1 to {len(LOOKS)} different names"
            raise FIELDS.bad("class_names", ", ".join(names) or "none", wanted)
        clips, columns = len(self.scores), len(names) + 1
        if self.scores.ndim != 2 or clips < 2:
            found = f"shape {list(self.scores.shape)}"
            raise FIELDS.bad("scores", found, f"[T, {columns}] with T of 2 or more")
        for name, shape in (
            ("scores", (clips, columns)), ("video_score", (columns - 1,)),
            ("act_seed", (clips, columns)), ("bkg_seed", (clips,)),
        ):  # fmt: skip
            if (value := getattr(self, name)) is not None:
                # Rounding may push a sigmoid's product a hair above 1.
                FIELDS.fractions(name, value, shape, over=1e-5)
        scored = clips * self.clip_seconds
        if abs(scored - self.seconds) > max(2 * self.clip_seconds, 0.1 * self.seconds):
            found = f"{clips} clips, {scored:.1f} s at {self.fps:g} frames per second"
            raise FIELDS.bad("scores", found, f"clips for the video's {self.seconds:.1f} s")
        self._check_times("points", 2, "(label, seconds)")
        self._check_times("truth", 3, "(label, start, end)")
        if self.frames_between is not None and not callable(self.frames_between):
            found = type(self.frames_between).__name__
            raise FIELDS.bad("frames_between", found, "a function of (start, end, count), or None")

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
        video.scores, video.video_score, video.fps, labels=video.class_names,
        class_threshold=thresholds.class_threshold,
        score_levels=_from(SCORE_LEVELS, thresholds.score_level),
        foreground_levels=_from(FOREGROUND_LEVELS, thresholds.foreground_level),
        nms=thresholds.nms,
    )  # fmt: skip


def _from(levels: Sequence[float], lowest: float) -> list[float]:
    return [level for level in levels if level >= lowest - 1e-9]


def measure(
    videos: Sequence[TimelineVideo], thresholds: Thresholds = RELEASED
) -> DetectionMetrics | None:
    """How good the proposals are, over the videos whose truth is known and tIoU 0.1 to 0.3.

    None if there is no true segment to find.
    """
    known = {str(i): video for i, video in enumerate(videos) if video.truth is not None}
    if not any(video.truth for video in known.values()):
        return None
    found = {name: proposals(video, thresholds) for name, video in known.items()}
    return detection_metrics({name: video.truth for name, video in known.items()}, found)


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
