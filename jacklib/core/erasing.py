"""Temporal erasing: which segments CTEN keeps for its second and third pass, in NumPy.

Zhang, Wang and Yang, CVPR 2023, section 3.3. The network runs up to three times on a video. Pass 1
takes all of it and gives each segment its weight gamma. Pass 2 takes frames of the segments below a
threshold only: the keyframes are erased, and the context must do. Pass 3 takes the segments above
it only.
"""

from typing import NamedTuple

import numpy as np

from jacklib.core.shapes import check_finite
from jacklib.errors import refuse_as

THETA = 0.7  # the paper's and the released code's


class Kept(NamedTuple):
    """Which segments a pass may draw its frames from; bool [B, S] (or [S])."""

    low: np.ndarray  # pass 2: keyframes erased
    high: np.ndarray  # pass 3: keyframes only


def threshold(gamma, theta: float = THETA) -> np.ndarray:
    """theta * max + (1 - theta) * min of each video: [B, S] -> [B, 1], [S] -> [1]; float32."""
    gamma = _gamma(gamma)
    refuse_as("theta", not 0 <= theta <= 1, "theta", theta=theta, usual=THETA)
    high, low = gamma.max(-1, keepdims=True), gamma.min(-1, keepdims=True)
    return high * np.float32(theta) + low * np.float32(1 - theta)


def kept_segments(gamma, theta: float = THETA, both: bool = False) -> Kept:
    """The segments that pass 2 (low) and pass 3 (high) keep: gamma [B, S] -> bool [B, S] each.
    gamma: NumPy array or Var, also [S]. Where all of a video's weights are alike, neither has any:
    `frame_pool` then gives the whole video. both: gamma is `both_reach`'s, and every segment from
    theta on is a keyframe (equation 9). Raises ValueError if gamma is not finite."""
    gamma = _gamma(gamma)
    t = threshold(gamma, theta)
    return Kept(gamma < theta, gamma >= theta) if both else Kept(gamma < t, gamma > t)


def both_reach(image: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """Up to which theta the attentions to image and audio both reach: [B, S] twice -> [B, S].

    The paper stretches each to 0..1 within its video (equation 8) and erases the segments where
    both are at least theta, that is, the smaller one. An attention that is alike everywhere, of
    which the equations say nothing, counts as 0 here: it erases nothing.
    """

    def stretched(gamma: np.ndarray) -> np.ndarray:
        low, high = gamma.min(-1, keepdims=True), gamma.max(-1, keepdims=True)
        return (gamma - low) / np.where(high > low, high - low, 1)

    return np.minimum(stretched(image), stretched(audio))


def _gamma(gamma) -> np.ndarray:
    array = np.asarray(gamma.numpy() if hasattr(gamma, "numpy") else gamma, dtype=np.float32)
    if array.ndim not in (1, 2) or array.shape[-1] < 1:
        raise ValueError(f"gamma: found shape {list(array.shape)}, wanted [B, S] or [S].")
    check_finite("gamma", array)
    return array


def frame_pool(kept, n_frames: int) -> np.ndarray:
    """Frames of the kept segments, from 0, in order: bool [S] -> int64 [n].

    Segment s is frames s * (n_frames // S) to (s + 1) * (n_frames // S), as in the released code;
    what is left over at the end belongs to none. Where nothing is left, the whole video.
    """
    kept = np.asarray(kept, bool)
    part = n_frames // len(kept)
    frames = (np.flatnonzero(kept)[:, None] * part + np.arange(part)).reshape(-1)
    return frames if len(frames) else np.arange(n_frames)
