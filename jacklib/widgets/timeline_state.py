"""One video of the timeline with its proposals, and the thresholds that decide about them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from jacklib.core import metrics
from jacklib.core.metrics import FOREGROUND_LEVELS, SCORE_LEVELS
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

    Raises DataError naming the field whose shape or values are wrong.
    """

    title: str
    fps: float  # frames per second; clip i is the 16 frames in [16 i / fps, 16 (i+1) / fps)
    frames: np.ndarray  # uint8 [F, H, W, 3], RGB, each from the middle of one of F equal parts
    waveform: np.ndarray  # [n], the whole video's audio, mono
    seconds: float  # how long the video is
    scores: np.ndarray  # [T, C+1], fused class scores, background last, 0..1
    video_score: np.ndarray  # [C], 0..1
    class_names: tuple[str, ...] = ("n", "p")
    # (label, seconds) of each annotated point; None where unknown, as for test videos
    points: tuple[tuple[str, float], ...] | None = None
    act_seed: np.ndarray | None = None  # [T, C+1], a pseudo label of `pseudo_labels.seed_labels`
    bkg_seed: np.ndarray | None = None  # [T], likewise
    truth: tuple[tuple[str, float, float], ...] | None = None  # (label, start, end), seconds
    # (start, end, count) -> uint8 [count, H, W, 3], each from the middle of one of count equal
    # parts of these seconds; None: a proposal shows the nearest of `frames`
    frames_between: Callable[[float, float, int], np.ndarray] | None = None

    def __post_init__(self):
        drawing.settle(self)
        for name in ("points", "truth"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(tuple(row) for row in value))
        FIELDS.positive("fps", self.fps)
        FIELDS.positive("seconds", self.seconds)
        FIELDS.frames("frames", self.frames)
        FIELDS.waveform(self.waveform)
        names, most = self.class_names, len(LOOKS)
        wrong = len(set(names)) != len(names) or not 1 <= len(names) <= most
        found = ", ".join(names) or "none"
        FIELDS.refuse(wrong, "class_names", found, f"1 to {most} different names")
        clips, columns = len(self.scores), len(names) + 1
        few, found = self.scores.ndim != 2 or clips < 2, f"shape {list(self.scores.shape)}"
        FIELDS.refuse(few, "scores", found, f"[T, {columns}] with T of 2 or more")
        for name, shape in (
            ("scores", (clips, columns)), ("video_score", (columns - 1,)),
            ("act_seed", (clips, columns)), ("bkg_seed", (clips,)),
        ):  # fmt: skip
            if (value := getattr(self, name)) is not None:
                # Rounding may push a sigmoid's product a hair above 1.
                FIELDS.fractions(name, value, shape, over=1e-5)
        scored, seconds = clips * self.clip_seconds, self.seconds
        wrong = abs(scored - seconds) > max(2 * self.clip_seconds, 0.1 * seconds)
        found = f"{clips} clips, {scored:.1f} s at {self.fps:g} frames per second"
        FIELDS.refuse(wrong, "scores", found, f"clips for the video's {seconds:.1f} s")
        self._check_times("points", 2, "(label, seconds)")
        self._check_times("truth", 3, "(label, start, end)")
        wrong = self.frames_between is not None and not callable(self.frames_between)
        found, wanted = type(self.frames_between).__name__, "a function of (start, end, count)"
        FIELDS.refuse(wrong, "frames_between", found, f"{wanted}, or None")

    def _check_times(self, name: str, width: int, wanted: str) -> None:
        for row in getattr(self, name) or ():
            wrong = len(row) != width or row[0] not in self.class_names
            labels = " or ".join(self.class_names)
            FIELDS.refuse(wrong, name, repr(row), f"{wanted} with the label {labels}")
            times = [float(t) for t in row[1:]]
            # Annotations may be a little longer than the film that a decoder gives.
            latest = self.span + self.clip_seconds
            rising = width == 2 or times[0] < times[1]
            wrong = not (rising and all(0 <= t <= latest for t in times))
            rule = "" if width == 2 else ", start before end"
            FIELDS.refuse(wrong, name, repr(row), f"times from 0 to {self.seconds:.1f} s{rule}")

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
    """What decides which segments are proposed; as it stands, `localize`'s own values."""

    class_threshold: float = 0.5  # video score, 0..1, from which a class is looked for
    # Lower ones are left out of `metrics.SCORE_LEVELS` and `metrics.FOREGROUND_LEVELS`.
    score_level: float = 0.0
    foreground_level: float = 0.5
    nms: float = 0.5  # 0..1, the overlap from which the better of two proposals stays alone

    def __post_init__(self):
        highest = {"score_level": SCORE_LEVELS[-1], "foreground_level": FOREGROUND_LEVELS[-1]}
        for name, value in asdict(self).items():
            most = highest.get(name, 1)
            LIMITS.refuse(not 0 <= value <= most + 1e-9, name, f"{value:g}", f"0 to {most:g}")


RELEASED = Thresholds()


def proposals(video: TimelineVideo, thresholds: Thresholds = RELEASED) -> list[Proposal]:
    """(label, score, start, end) of each proposal, seconds: class by class, best first."""

    def from_on(levels: Sequence[float], lowest: float) -> list[float]:
        return [level for level in levels if level >= lowest - 1e-9]

    return metrics.localize(
        video.scores, video.video_score, video.fps, labels=video.class_names,
        class_threshold=thresholds.class_threshold, nms=thresholds.nms,
        score_levels=from_on(SCORE_LEVELS, thresholds.score_level),
        foreground_levels=from_on(FOREGROUND_LEVELS, thresholds.foreground_level),
    )  # fmt: skip


def measure(
    videos: Sequence[TimelineVideo], thresholds: Thresholds = RELEASED
) -> metrics.DetectionMetrics | None:
    """How good the proposals are, over the videos whose truth is known and tIoU 0.1 to 0.3.

    None if there is no true segment to find.
    """
    known = {str(i): video for i, video in enumerate(videos) if video.truth is not None}
    if not any(video.truth for video in known.values()):
        return None
    found = {name: proposals(video, thresholds) for name, video in known.items()}
    return metrics.detection_metrics({name: video.truth for name, video in known.items()}, found)


def frames_of(video: TimelineVideo, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a stretch of time and the seconds that they are from.

    frames [at most FRAMES, H, W, 3]: evenly spread by `frames_between`; without it the nearest of
    the video's `frames`, each once.
    """
    start, end = min(start, video.seconds), min(end, video.seconds)
    times = start + (np.arange(FRAMES) + 0.5) * (end - start) / FRAMES
    if video.frames_between is None:
        part = video.seconds / len(video.frames)
        nearest = np.unique(np.clip((times / part).astype(int), 0, len(video.frames) - 1))
        return video.frames[nearest], (nearest + 0.5) * part
    frames = np.asarray(video.frames_between(start, end, FRAMES))
    FIELDS.frames("frames_between", frames)
    found = f"{len(frames)} frames"
    FIELDS.refuse(len(frames) != FRAMES, "frames_between", found, f"{FRAMES} frames")
    return frames, times
