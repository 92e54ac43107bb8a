"""Random inputs for each network, the same for both frameworks: for speed and for parity."""

from typing import NamedTuple

import numpy as np

from jacklib.core import shapes
from jacklib.core.configs import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig

POINTS = 5  # annotated clips of a TSL-Net video


def clip_inputs(config: VAANetConfig | CTENConfig, batch: int, seed: int) -> tuple[np.ndarray, ...]:
    """Inputs of VAANet or CTEN that any framework can rebuild from the seed: visual, audio
    (float32), target [batch].

    One `default_rng(seed)` gives, in this order, visual = integers(0, 256), audio =
    standard_normal * 20 and target = integers(0, n_classes). The visual array is drawn a video at
    a time, which gives the same numbers as one call and needs a fraction of its memory (integers
    are 64 bits wide before they become float32).
    """
    rng, size = np.random.default_rng(seed), config.sample_size
    bins = shapes.MEL_BINS if isinstance(config, CTENConfig) else shapes.AUDIO_COEFFICIENTS
    visual = np.empty((batch, config.seq_len, 3, config.snippet_duration, size, size), np.float32)
    for video in visual:
        video[...] = rng.integers(0, 256, video.shape)
    audio = (rng.standard_normal((batch, config.audio_frames, bins)) * 20).astype(np.float32)
    return visual, audio, rng.integers(0, config.n_classes, batch)


def erased(visual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stand-ins for what CTEN's passes 2 and 3 see: the same segments in two other orders. Choosing
    and decoding frames is the loader's work in both frameworks and is not measured."""
    return np.ascontiguousarray(visual[:, ::-1]), np.roll(visual, 1, axis=1)


def tsl_videos(
    config: TSLNetConfig, batch: int, clips: int, seed: int
) -> list[tuple[np.ndarray, ...]]:
    """Random videos for TSL-Net and its loss, each a batch of one, float32. rgb [1, T, rgb_size],
    logmel [1, T, 32, 60], labels and label_distribution [1, C], points [1, T, C]: at POINTS random
    clips 0.9 for a random class and 0.1 for the others."""
    rng, C, videos = np.random.default_rng(seed), config.num_classes, []
    for _ in range(batch):
        rgb = np.abs(rng.standard_normal((1, clips, config.rgb_size)))
        size = (1, clips, shapes.LOGMEL_FRAMES, shapes.LOGMEL_BINS)
        logmel = (rng.standard_normal(size) * 15 + 20) / 80
        classes = rng.integers(0, C, min(POINTS, clips))
        marks = rng.choice(clips, len(classes), replace=False)
        points = np.zeros((1, clips, C))
        points[0, marks] = 0.1
        points[0, marks, classes] = 0.9
        share = np.bincount(classes, minlength=C)[None] / len(classes)
        video = rgb, logmel, share > 0, share, points
        videos.append(tuple(array.astype(np.float32) for array in video))
    return videos


# --- A training step's passes ---------------------------------------------------------------------


class Pass(NamedTuple):
    """One forward pass: what the network takes, and what its loss takes besides the output."""

    inputs: list[np.ndarray]
    targets: list[np.ndarray]


def vaanet_passes(config: VAANetConfig, batch: int, seed: int, clips: int) -> list[Pass]:
    """The batch as a whole."""
    *inputs, target = clip_inputs(config, batch, seed)
    # VE8's positive classes, as far as a smaller network has them.
    positive = np.array([c for c in (1, 4, 6, 7) if c < config.n_classes])
    return [Pass(inputs, [target, positive])]


def cten_passes(config: CTENConfig, batch: int, seed: int, clips: int) -> list[Pass]:
    """The batch three times, see `erased`."""
    visual, audio, target = clip_inputs(config, batch, seed)
    return [Pass([v, audio], [target]) for v in (visual, *erased(visual))]


def tsl_passes(config: TSLNetConfig, batch: int, seed: int, clips: int) -> list[Pass]:
    """One video after the other, since videos differ in length."""
    videos = tsl_videos(config, batch, clips, seed)
    return [Pass([rgb, logmel, labels], [labels, *rest]) for rgb, logmel, labels, *rest in videos]


def gait_passes(config: BPMGCNConfig, batch: int, seed: int, clips: int) -> list[Pass]:
    """The batch as a whole: posture [batch, 3, T, 16, 1], movement [batch, 8, T, 16, 1], labels
    [batch] (int64), affective features [batch, n_features * T]; float32."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal((batch, *shape)).astype(np.float32)

    posture = normal(shapes.POSTURE_CHANNELS, config.frames, shapes.GAIT_JOINTS, 1)
    movement = normal(shapes.MOVEMENT_CHANNELS, config.frames, shapes.GAIT_JOINTS, 1)
    labels = rng.integers(0, config.n_classes, batch)
    return [Pass([posture, movement], [labels, normal(config.n_features * config.frames)])]
