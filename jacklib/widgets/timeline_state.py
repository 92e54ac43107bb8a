"""One video of the timeline with its proposals, and the thresholds that decide about them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from jacklib.core import metrics
from jacklib.core.metrics import FOREGROUND_LEVELS, SCORE_LEVELS
from jacklib.core.shapes import CLIP_FRAMES
from jacklib.errors import refuse
from jacklib.widgets import drawing
from jacklib.widgets.drawing import BLUE, INK, ORANGE, VERMILLION, array

# By a class's index: its colour, its line and the hatching of its ground truth.
LOOKS = (
    (VERMILLION, (0, (4, 1.5)), "\\\\\\\\"),
    (BLUE, "-", "////"),
    (ORANGE, ":", "----"),
    (INK, "-.", "xxxx"),
)
FRAMES = 8  # frames of a clicked proposal

Proposal = tuple[str, float, float, float]  # label, score, start, end


@dataclass(frozen=True, kw_only=True, eq=False)
class TimelineVideo:
    """One video with everything known of it. Plain NumPy, independent of the network; see
    `drawing.settle`."""

    title: str
    fps: float  # frames per second; clip i is the 16 frames in [16 i / fps, 16 (i+1) / fps)
    frames: np.ndarray = array("F H W 3", "pixels")  # RGB, the middle of each of F equal parts
    waveform: np.ndarray = array("n", "finite")  # the whole video's audio, mono
    scores: np.ndarray = array("T C+1", "fractions")  # fused class scores, background last
    video_score: np.ndarray = array("C", "fractions")
    class_names: tuple[str, ...] = ("n", "p")
    # (label, seconds) of each annotated point, and what `pseudo_labels.seed_labels` makes of them;
    # all three None for test videos
    points: tuple[tuple[str, float], ...] | None = None
    act_seed: np.ndarray | None = array("T C+1", "fractions", default=None)
    bkg_seed: np.ndarray | None = array("T", "fractions", default=None)
    # (label, start, end), seconds, of each true segment; None where unknown
    truth: tuple[tuple[str, float, float], ...] | None = None
    # (start, end, count) -> uint8 [count, H, W, 3], each from the middle of one of count equal
    # parts of these seconds; None: a proposal shows the nearest of `frames`
    frames_between: Callable[[float, float, int], np.ndarray] | None = None

    def __post_init__(self):
        drawing.settle(self)

    @property
    def seconds(self) -> float:
        """How long all clips are."""
        return len(self.scores) * (CLIP_FRAMES / self.fps)


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
            refuse(not 0 <= value <= most + 1e-9, f"Thresholds.{name}", found=f"{value:g}",
                   wanted=f"0 to {most:g}", cure="Correct it.")  # fmt: skip


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
    """How good the proposals are, over the videos whose truth is known and tIoU 0.1 to 0.3; None
    if there is no such video."""
    known = {str(i): video for i, video in enumerate(videos) if video.truth}
    found = {name: proposals(video, thresholds) for name, video in known.items()}
    truth = {name: video.truth for name, video in known.items()}
    return metrics.detection_metrics(truth, found) if known else None


def frames_of(video: TimelineVideo, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a stretch of time and the seconds that they are from.

    frames [at most FRAMES, H, W, 3]: evenly spread by `frames_between`; without it the nearest of
    the video's `frames`, each once.
    """
    times = start + (np.arange(FRAMES) + 0.5) * (end - start) / FRAMES
    if video.frames_between is None:
        part = video.seconds / len(video.frames)
        nearest = np.unique(np.clip((times / part).astype(int), 0, len(video.frames) - 1))
        return video.frames[nearest], (nearest + 0.5) * part
    return video.frames_between(start, end, FRAMES), times
