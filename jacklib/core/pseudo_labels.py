"""TSL-Net's pseudo labels: from single annotated clips to more clips that the loss can use.

Zhang and Yang, "Temporal Sentiment Localization: Listen and Look in Untrimmed Videos", MM 2022,
section 4.3. NumPy only. One video has T clips; some of them carry an annotated point.

The annotated clips cut the video into gaps. Within each gap the search finds

- background: the clips that the network is sure are background (0.95 and more), whatever lies
  between them, and on the side of the video's start or end everything beyond them; where no clip is
  that sure, the one with the highest background score stands in;
- action: going outward from each annotated clip, every clip until the first whose background score
  is above all its class scores.

A clip can be both: the released code allows it, and so does this. Seeds carry scores, not 0 and 1.
"""

import numpy as np

from jacklib.core.shapes import check_finite
from jacklib.errors import refuse_as

BACKGROUND_THRESHOLD = 0.95


def seed_labels(
    scores, points, threshold: float = BACKGROUND_THRESHOLD
) -> tuple[np.ndarray, np.ndarray]:
    """Action and background seeds of one video, as the released code's greedy search finds them.

    scores [T, C+1]: TSL-Net's fused scores, background last; points [T, C]: above 0 at annotated
    clips (0.9 for the class, 0.1 for the others), 0 elsewhere; threshold: the background score
    from which a clip is surely background.

    Returns act_seed [T, C+1]: the points with a 0 for background and, at action clips, the clip's
    own scores; and bkg_seed [T]: at background clips the highest background score of their gap.
    Both float32. Raises DataError if shapes do not fit or no clip is annotated.
    """
    scores = np.asarray(scores).astype(np.float32)  # a Var takes no dtype in asarray
    points = np.asarray(points).astype(np.float32)
    check_finite("scores", scores)
    T = len(scores)
    fits = scores.ndim == 2 and points.shape == (T, scores.shape[1] - 1)
    shapes = f"{list(scores.shape)} and {list(points.shape)}"
    refuse_as("seed", not fits, "scores and points", shapes=shapes)
    annotated = points.max(1) > 0  # [T]
    marks = np.flatnonzero(annotated)
    refuse_as("no annotated clip", not len(marks), "points")
    background = scores[:, -1]

    bkg_seed = np.zeros(T, np.float32)
    borders = np.concatenate([[-1], marks, [T]])  # gap i: the clips between borders i and i + 1
    for i, (left, right) in enumerate(zip(borders[:-1], borders[1:], strict=True)):
        if right - left > 1:
            at_start, at_end = i == 0, i == len(marks)
            gap = slice(left + 1, right)
            bkg_seed[gap] = _background(background[gap], threshold, at_start, at_end)

    may_grow = (background <= scores[:, :-1].max(1)) & (bkg_seed < 1)
    grown = _reached(annotated, may_grow) | _reached(annotated[::-1], may_grow[::-1])[::-1]
    act_seed = np.pad(points, ((0, 0), (0, 1)))
    act_seed[grown] = scores[grown]
    return act_seed, bkg_seed


def _background(score: np.ndarray, threshold: float, at_start: bool, at_end: bool) -> np.ndarray:
    """bkg_seed of one gap, from its background scores."""
    top = score.max()
    sure = np.flatnonzero(score >= threshold)
    places = sure if len(sure) else [score.argmax()]
    chosen = np.zeros(len(score), bool)
    chosen[places] = True
    if at_start:
        chosen[: places[-1]] = True
    elif at_end:
        chosen[places[0] :] = True
    # Between two points the released code fills up where the seeds' sum is 2 or more: from three
    # sure clips on, or from two with a score of 1.
    elif len(sure) * top >= 2:
        chosen[places[0] : places[-1]] = True
    return np.where(chosen, top, np.float32(0))


def _reached(annotated: np.ndarray, may_grow: np.ndarray) -> np.ndarray:
    """Clips that are reached from an annotated one by going right over clips that may grow."""
    places = np.arange(len(annotated))
    last_mark = np.maximum.accumulate(np.where(annotated, places, -1))
    last_stop = np.maximum.accumulate(np.where(annotated | may_grow, -1, places))
    return ~annotated & (last_mark > last_stop)
