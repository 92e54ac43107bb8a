"""Metrics of classification, detection and localization."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from jacklib.core.shapes import CLIP_FRAMES, check_finite
from jacklib.errors import DataError, logger, refuse, refuse_as, shown
from jacklib.files import reading

log = logger(__name__)


def confusion_matrix(labels, predictions, n_classes: int) -> np.ndarray:
    """Counts [true class, predicted class] of class numbers labels [N] and predictions [N]. Raises
    DataError for a number that is no class's."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    wrong = {*np.concatenate([labels, predictions]).tolist()} - {*range(n_classes)}
    refuse_as("no class", wrong, "labels and predictions", found=shown(wrong), last=n_classes - 1)
    np.add.at(counts, (np.asarray(labels, int), np.asarray(predictions, int)), 1)
    return counts


def per_class(confusion: np.ndarray) -> list[dict]:
    """For each class its number of clips, precision, recall and F1; None where 0/0."""
    rows = []
    for c in range(len(confusion)):
        right = confusion[c, c]
        clips, predicted = confusion[c].sum(), confusion[:, c].sum()
        precision = float(right / predicted) if predicted else None
        recall = float(right / clips) if clips else None
        f1 = float(2 * right / (clips + predicted)) if clips + predicted else None
        rows.append({"clips": int(clips), "precision": precision, "recall": recall, "f1": f1})
    return rows


def attention_on_truth(gamma, truth) -> float:
    """How much more temporal attention lies on the true segments than if it were spread evenly.
    gamma [N, S], zero or more; truth [N, S], the fraction of each segment that the event fills. 1
    is what uniform attention gets. A clip without any attention counts as uniform."""
    gamma, truth = np.asarray(gamma, np.float64), np.asarray(truth, np.float64)
    check_finite("gamma", gamma)
    check_finite("truth", truth, "Correct the events of the annotation file.")
    total = gamma.sum(1, keepdims=True)
    share = np.where(total > 0, gamma / np.where(total > 0, total, 1), 1 / gamma.shape[1])
    uniform = truth.mean(1)
    return float(((share * truth).sum(1) / uniform).mean())


def calibration_error(confidences, right, bins: int = 10) -> float:
    """The expected calibration error (Guo et al., ICML 2017): how far confidences [N], 0 to 1, lie
    from the fraction that is right [N], in bins of equal width, the mean over samples."""
    rows = reliability(confidences, right, bins)
    return sum(n * abs(mean - share) for mean, share, n in rows) / len(np.asarray(right))


def reliability(confidences, right, bins: int = 10) -> list[tuple[float, float, int]]:
    """(mean confidence, fraction that is right, samples) of every bin that has any."""
    sure, right = np.asarray(confidences, np.float64), np.asarray(right, np.float64)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    inside = [place == b for b in np.unique(place)]
    return [(float(sure[b].mean()), float(right[b].mean()), int(b.sum())) for b in inside]


def auroc(known, new) -> float:
    """How often a score of `new` [N] is larger than one of `known` [M]; ties count half. 0.5 is
    what chance gives, 1 a score that tells all apart."""
    known, new = np.asarray(known)[None], np.asarray(new)[:, None]
    return float((new > known).mean() + (new == known).mean() / 2)


# --- detection in time ----------------------------------------------------------------------------


def temporal_iou(segment, segments) -> np.ndarray:
    """Overlap over union of one (start, end) with each of segments [N, 2], in the same unit."""
    segments = np.asarray(segments, np.float64).reshape(-1, 2)
    common = np.minimum(segment[1], segments[:, 1]) - np.maximum(segment[0], segments[:, 0])
    common = np.maximum(common, 0)
    union = segments[:, 1] - segments[:, 0] + segment[1] - segment[0] - common
    return common / np.where(union > 0, union, 1)


TIOUS = (0.1, 0.15, 0.2, 0.25, 0.3)  # those of TSL-Net's headline metrics


@dataclass(frozen=True)
class DetectionMetrics:
    """Metrics of detections in time, one value for each overlap of `tious`."""

    tious: tuple[float, ...]
    ap_by_class: dict[str, tuple[float, ...]]  # interpolated average precision, by label
    map: tuple[float, ...]  # its mean over the labels
    # Running values averaged over the ranked list, then over the labels.
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f2: tuple[float, ...]  # 5PR / (4P + R)

    def averages(self) -> dict[str, float]:
        """Means over the overlaps: "mAP", for each label L "LAP", "Rc" and "F2"."""
        rows = {"mAP": self.map} | {f"{c}AP": ap for c, ap in self.ap_by_class.items()}
        rows |= {"Rc": self.recall, "F2": self.f2}
        return {name: float(np.mean(row)) for name, row in rows.items()}

    def report(self) -> dict[str, float]:
        """All of them under ActivityNet's names, as `temporal_map` gives and files keep them."""
        rows = {"mAP": self.map, "Pr": self.precision, "Rc": self.recall, "F2": self.f2}
        found = {
            f"{k}@{t:.2f}": row[i] for i, t in enumerate(self.tious) for k, row in rows.items()
        }
        span, averages = f"[{self.tious[0]:g}:{self.tious[-1]:g}]", self.averages()
        names = ("mAP", *(f"{label}AP" for label in self.ap_by_class))
        return found | {f"average_{name}{span}": averages[name] for name in names}


def detection_metrics(
    ground_truth: dict, results: dict, tious: Sequence[float] = TIOUS, classes: bool = True
) -> DetectionMetrics:
    """Mean average precision of detections in time, as ActivityNet's evaluation computes it.

    ground_truth: {ID: ((label, start, end), ...)}, or as ActivityNet's files have it: {"database":
    {ID: {"annotations": [{"label": L, "segment": [start, end]}]}}}, or what "database" holds.
    results: {ID: what `localize` gives}, or {"results": {ID: [{"label": L, "score": s, "segment":
    [start, end]}]}}, or what "results" holds. Seconds, as numbers or text. tious: overlaps (over
    union) from which a detection counts. Detections of labels that the ground truth does not have
    count for nothing, and those of IDs that it does not have are wrong; a warning names both.
    classes: whether a detection must have the segment's label; without, all are of one, "any", as
    in section 4.5 of CTEN's paper.

    Source: ActivityNet's detection evaluation, and what the released code of TSL-Net (MM 2022) adds
    to it. Raises DataError if there is nothing to find, or an entry lacks a field, or has a number
    that cannot be, or the results have none of the ground truth's IDs.
    """
    ground_truth, results = _inside(ground_truth, "database"), _inside(results, "results")
    truth = _by_label(ground_truth, "ground_truth", "annotations")
    found = _by_label(results, "results", None)
    tious = tuple(float(t) for t in tious)
    refuse_as("overlaps", not all(0 < t <= 1 for t in tious), "tious", tious=tious)
    refuse_as("no annotation", not truth, "ground_truth")
    if not classes:
        truth, found = ({"any": sum(rows.values(), [])} for rows in (truth, found))
    unknown = _unknown("IDs", results, ground_truth, "are wrong")
    _unknown("labels", found, truth, "do not count")
    refuse_as("unknown videos", results and len(unknown) == len(results), "results",
              ids=shown(unknown), known=shown(next(iter(ground_truth))))  # fmt: skip
    by_label = {
        label: [_average_precision(events, found.get(label, []), tiou) for tiou in tious]
        for label, events in truth.items()
    }
    ap, precision, recall = map(tuple, np.mean(list(by_label.values()), axis=0).T.tolist())
    f2 = (5 * p * r / (4 * p + r) if p + r else 0.0 for p, r in zip(precision, recall, strict=True))
    ap_by_class = {label: tuple(ap for ap, *_ in rows) for label, rows in by_label.items()}
    return DetectionMetrics(tious, ap_by_class, ap, precision, recall, tuple(f2))


def _unknown(what: str, found: Collection, known: Collection, effect: str) -> list:
    wrong = [name for name in found if name not in known]
    if wrong:
        log.warning("results: %d of %d %s are not in the ground truth: %s; their detections %s",
                    len(wrong), len(found), what, shown(wrong), effect)  # fmt: skip
    return wrong


def temporal_map(ground_truth: dict, results: dict, tious: Sequence[float]) -> dict[str, float]:
    """`detection_metrics` as one table of numbers, under ActivityNet's names. For every tIoU, here
    0.1: "mAP@0.10", "Pr@0.10", "Rc@0.10" and "F2@0.10". Over all of them, here 0.1 to 0.3:
    "average_mAP[0.1:0.3]" and, for each label L, "average_LAP[0.1:0.3]"."""
    return detection_metrics(ground_truth, results, tious).report()


MOST_SEGMENTS = 10_000  # of one video


def times(segment) -> tuple[float, float]:
    """[start, end] as a file may write it, numbers or text. Raises if it is anything else."""
    if not isinstance(segment, (list, tuple)):
        raise TypeError("no list of two times")
    start, end = (_number(time) for time in segment)
    if start > end:
        raise ValueError("a start after the end")
    return start, end


def _number(value) -> float:
    if isinstance(value, bool) or not math.isfinite(float(value)):
        raise ValueError("a number that cannot be")
    return float(value)


def _inside(table, key: str):
    return table.get(key, table) if isinstance(table, dict) else table


def _by_label(videos: dict, name: str, inner: str | None) -> dict[str, list[tuple]]:
    """{label: [(video, start, end, score)]}; score is 0 where there is none."""
    lists: dict[str, list[tuple]] = {}
    names = ("label", "start", "end") if inner else ("label", "score", "start", "end")
    wanted = '{"label": ..., "segment": [start, end]' + ("}" if inner else ', "score": ...}')
    if not isinstance(videos, dict):
        raise DataError(name, found=shown(videos), wanted="{ID: ...}", cure="Correct it.")
    cure = "Correct this entry."
    for video, entry in videos.items():
        items, where = entry, f"{name}, {shown(video)}"
        if inner is not None and not isinstance(entry, tuple):
            items = entry.get(inner) if isinstance(entry, dict) else None
        refuse_as("list", not isinstance(items, (list, tuple)) or len(items) > MOST_SEGMENTS, where,
                  found=shown(entry), wanted=wanted)  # fmt: skip
        for item in items:
            with reading(where, wanted, cure, shown(item)):
                if isinstance(item, tuple):
                    item = dict(zip(names, item, strict=True))
                    item["segment"] = [item["start"], item["end"]]
                row = (video, *times(item["segment"]), 0.0 if inner else _number(item["score"]))
                if not isinstance(item["label"], str):
                    raise TypeError("a label that is no text")
                lists.setdefault(item["label"], []).append(row)
    return lists


def _average_precision(events, detections, tiou: float) -> tuple[float, float, float]:
    """(average precision, mean precision, mean recall) of one label at one tIoU."""
    if not detections:
        return 0.0, 0.0, 0.0
    of_video: dict[str, list[int]] = {}
    for number, (video, *_) in enumerate(events):
        of_video.setdefault(video, []).append(number)
    times = np.array([event[1:3] for event in events])
    places = {video: np.array(numbers) for video, numbers in of_video.items()}
    taken = np.zeros(len(events), bool)
    hits = np.zeros(len(detections))
    for rank, (video, start, end, _) in enumerate(sorted(detections, key=lambda d: -d[3])):
        candidates = places.get(video)
        if candidates is None:
            continue
        # The best overlap that no better detection has taken.
        overlaps = np.where(taken[candidates], -1, temporal_iou((start, end), times[candidates]))
        place = overlaps.argmax()
        if overlaps[place] >= tiou:
            taken[candidates[place]], hits[rank] = True, 1
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    recall = np.cumsum(hits) / len(events)
    # Interpolated: at each recall the best precision from there on.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(recall, prepend=0)
    return float((steps * best).sum()), float(precision.mean()), float(recall.mean())


PROPOSAL_LEVELS = tuple(np.round(np.arange(0.1, 1, 0.1), 1).tolist())


def attention_proposals(gamma, seconds: float) -> list[tuple[float, float, float]]:
    """Stretches of time on which the temporal attention gamma [S] of one video lies.

    gamma is stretched to 0..1. At each level, every run of segments at or above it is a proposal;
    its score is the run's mean minus the mean of the one segment on either side, as far as there
    are any. Of proposals that overlap by more than half (over union) the best stays. seconds: the
    video's length.

    Returns (start, end, score), seconds, best first; of attention that is alike everywhere the
    whole video with score 0."""
    gamma = np.asarray(gamma, np.float64)
    check_finite("gamma", gamma)
    S, low, high = len(gamma), gamma.min(), gamma.max()
    if high <= low:
        return [(0.0, float(seconds), 0.0)]
    level_of = (gamma - low) / (high - low)
    runs = set()
    for level in PROPOSAL_LEVELS:
        above = np.concatenate([[0], level_of >= level - 1e-9, [0]]).astype(int)
        borders = np.flatnonzero(np.diff(above))
        runs |= set(zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True))
    scored = []
    for start, end in sorted(runs):
        outside = np.concatenate([level_of[max(start - 1, 0) : start], level_of[end : end + 1]])
        contrast = level_of[start:end].mean() - (outside.mean() if len(outside) else 0.0)
        scored.append((start * seconds / S, end * seconds / S, float(contrast)))
    kept: list[tuple[float, float, float]] = []
    for proposal in sorted(scored, key=lambda p: -p[2]):
        if not kept or temporal_iou(proposal, [k[:2] for k in kept]).max() <= 0.5:
            kept.append(proposal)
    return kept


# --- from TSL-Net's scores to segments ------------------------------------------------------------

SCORE_LEVELS = tuple(np.round(np.arange(0, 0.25, 0.025), 3).tolist())  # 0 to 0.225
FOREGROUND_LEVELS = tuple(np.round(np.arange(0.5, 0.725, 0.025), 3).tolist())  # 0.5 to 0.7
SCALE = 24  # moments per clip, straight lines between the clips
MARGIN = 0.03  # of a run's length: what is beside it
VIDEO_WEIGHT = 0.3  # of the video score in a proposal's


def localize(
    scores, video_score, fps: float, *, labels: Sequence[str] = ("n", "p"),
    class_threshold: float = 0.5, score_levels: Sequence[float] = SCORE_LEVELS,
    foreground_levels: Sequence[float] = FOREGROUND_LEVELS, nms: float = 0.5,
) -> list[tuple[str, float, float, float]]:  # fmt: skip
    """Segments of one video from TSL-Net's scores, as its released code finds them.

    The foreground levels, 0.5 to 0.7, are those of the numbers that this is tested against. The
    public repository's config.py has 0.4 to 0.725, which proposes more.

    scores [T, C+1]: the fused class scores of each clip and, last, its background score;
    video_score [C] (arrays or Vars); fps: the video's frames per second.

    A class is looked for where its video score is at least class_threshold; where none is, the best
    one is taken. The scores are stretched SCALE times with straight lines between the clips. Each
    run of moments whose class score is at or above a score level (and above 0), or whose
    1 - background is at or above a foreground level, is a proposal. Its score is the mean class
    score inside minus the mean on both sides (MARGIN of its length each), plus VIDEO_WEIGHT times
    the video score; beside a run from a score level, class scores below that level count as 0. Of
    proposals of one class that overlap by `nms` or more the best stays; as in the released code
    this overlap counts every length, in seconds, as one more than it is.

    Returns (label, score, start, end), seconds: class by class, best first. Raises DataError if the
    arguments do not fit together.
    """
    scores, video_score = np.asarray(scores), np.asarray(video_score).astype(np.float64)
    C = len(labels)
    refuse_as("shape of scores", scores.ndim != 2 or scores.shape[1] != C + 1 or len(scores) < 2,
              "scores", shape=list(scores.shape), n=C + 1)  # fmt: skip
    check_finite("scores", scores)
    check_finite("video_score", video_score)
    refuse(video_score.shape != (C,), "video_score", found=f"shape {list(video_score.shape)}",
           wanted=f"[{C}]", cure="Give one score per class.")  # fmt: skip
    refuse_as("no frame rate", not 0 < fps < math.inf, "fps", fps=fps)
    chosen = np.flatnonzero(video_score >= class_threshold)
    if not len(chosen):
        chosen = np.array([video_score.argmax()])
    foreground = _stretch(1 - scores[:, -1])  # [M], M = T * SCALE moments
    _, foreground_runs = _runs(foreground, foreground_levels)
    seconds = CLIP_FRAMES / (SCALE * fps)  # one moment
    found = []
    for c in chosen.tolist():
        score = _stretch(scores[:, c])  # [M]
        level, score_runs = _runs(score, score_levels)
        kept = np.where(score >= np.asarray(score_levels)[:, None], score, 0)  # [levels, M]
        runs = np.concatenate([score_runs, foreground_runs])
        everywhere = np.full(len(foreground_runs), len(kept))  # the row after the levels'
        rows = np.concatenate([level, everywhere])
        worth = _contrast(np.vstack([kept, score]), rows, runs)
        worth += VIDEO_WEIGHT * video_score[c]
        segments = runs * seconds
        for i in _suppress(segments, worth, nms):
            found.append((labels[c], float(worth[i]), *segments[i].tolist()))
    return found


def _stretch(values: np.ndarray) -> np.ndarray:
    """values [T] on T * SCALE moments, straight lines between and beyond the last."""
    places = np.arange(len(values) * SCALE) * (1 / SCALE)
    left = np.clip(np.ceil(places).astype(int) - 1, 0, len(values) - 2)
    slope = np.diff(values).astype(np.float64)
    return slope[left] * (places - left) + values[left]


def _runs(values: np.ndarray, levels: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Runs of `values` [M] at or above each level, and above 0: level's number [N], borders [N, 2].
    The second border is the first moment after the run."""
    above = (values >= np.asarray(levels)[:, None]) & (values > 0)
    above[~above[:, 1:].any(1)] = False  # the released code overlooks a lone first moment
    edges = np.diff(np.pad(above, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    level, start = np.nonzero(edges == 1)
    return level, np.stack([start, np.nonzero(edges == -1)[1]], 1)


def _contrast(values: np.ndarray, rows, runs: np.ndarray) -> np.ndarray:
    """Mean of values[row] inside each run minus the mean beside it, 0 where nothing is beside it.
    values [R, M]; rows [N], the row that each of runs [N, 2] is judged by."""
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    start, end = runs.T
    length = end - start
    before = np.maximum((start - MARGIN * length).astype(int), 0)
    after = np.minimum((end - 1 + MARGIN * length).astype(int) + 1, values.shape[1])
    inside = total[rows, end] - total[rows, start]
    beside = total[rows, start] - total[rows, before] + total[rows, after] - total[rows, end]
    return inside / length - beside / np.maximum(start - before + after - end, 1)


def _suppress(segments: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """Numbers of the segments [N, 2] that stay, best first; every length counts one more."""
    start, end = segments.T
    lengths = end - start + 1
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        common = np.minimum(end[best], end[order]) - np.maximum(start[best], start[order]) + 1
        common = np.maximum(common, 0)
        union = lengths[best] + lengths[order] - common
        order = order[common / union < overlap]
    return kept
