"""Shape arithmetic and shape checks that both frameworks' networks share; imports neither."""

import json
from collections.abc import Sequence
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from jacklib.errors import check_choice, refuse, refuse_as, shown

EXPANSION = 4  # a 3D ResNet's bottleneck gives four times its inner width
AUDIO_FRAMES = 256  # MFCC frames in one of VAANet's audio segments
AUDIO_COEFFICIENTS = 32  # MFCC coefficients per frame
MEL_BINS = 128  # CTEN's filter bank
CLIP_FRAMES = 16  # video frames in one of TSL-Net's clips
LOGMEL_FRAMES, LOGMEL_BINS = 32, 60  # TSL-Net's log-mel spectrum of one clip
GAIT_JOINTS, POSTURE_CHANNELS, MOVEMENT_CHANNELS = 16, 3, 8  # of BPM-GCN's inputs
STREAMS = ("both", "posture", "movement")  # BPM-GCN's
WAYS = ("released", "paper")  # of an option where the authors' code and their paper differ
# BPM-GCN's options of that kind: the released way and the paper's.
GAIT_WAYS = {"graph": ("adaptive", "fixed"), "fusion": WAYS, "pool": ("mean", "max")}
MODALITIES = ("all", "rgb", "logmfcc")  # TSL-Net's, as the released options name them
DIVERGED = "The network has diverged: train it again with a lower learning rate."


def backbone_channels(blocks: Sequence[int], width: int) -> int:
    """Channels of the map that `resnet3d(blocks, width)` gives."""
    return width * EXPANSION * 2 ** (len(blocks) - 1)


def backbone_map(snippet_duration: int, sample_size: int, n_stages: int) -> tuple[int, int]:
    """(depth, side) of the 3D ResNet's map for snippets of that many frames and pixels per side.
    Every halving there (7 with padding 3, 3 with padding 1, 1 without) gives ceil(n / 2). A side is
    halved by the stem, the pool and each stage but the first; the depth by the last two only."""
    depth, side = snippet_duration, (sample_size + 1) // 2
    for _ in range(n_stages):  # the pool, then n_stages - 1 strided stages
        depth, side = (depth + 1) // 2, (side + 1) // 2
    return depth, side


def audio_map(frames: int, coefficients: int) -> tuple[int, int]:
    """Size of the audio ResNet-18's last map for a segment of that many frames and coefficients.
    The stem halves the frames only; the pool and three stages halve both, each rounding up."""
    return -(-frames // 32), -(-coefficients // 16)


def check_depth(snippet_duration: int, sample_size: int, n_stages: int) -> int:
    """The side of the backbone's map. Raises ValueError if its depth would not be 1."""
    depth, side = backbone_map(snippet_duration, sample_size, n_stages)
    refuse_as("snippets too long", depth != 1, "snippet_duration", found=snippet_duration,
              most=2**n_stages, stages=n_stages)  # fmt: skip
    return side


def check_shape(name: str, value, wanted: Sequence[int]) -> None:
    """Raise ValueError naming the argument, the shape it has and the shape it should have."""
    if tuple(value.shape) != tuple(wanted):
        raise ValueError(f"{name}: found shape {list(value.shape)}, wanted {list(wanted)}.")


def check_finite(name: str, values, cure: str = DIVERGED) -> None:
    """Raise DataError if one of an array's values is NaN or infinite."""
    finite = np.isfinite(np.asarray(values, np.float64))
    refuse_as("not finite", not finite.all(), name, cure=cure)


# Of each config: the least and the largest value of a number, or of each number of a sequence of at
# most eight; the largest are beyond every use, several times those of the largest BERT, say.
LIMITS = json.loads(Path(__file__).with_name("limits.json").read_text("utf-8"))


def check_fields(config: Any) -> None:
    """Raise DataError if a field of a network's config is no value of its default's kind within
    LIMITS. It may be a stranger's checkpoint's, and says how much memory a network takes."""
    limits = LIMITS[type(config).__name__]
    for field in fields(config):
        value, default = getattr(config, field.name), field.default
        if value is None and field.type.endswith("| None"):
            continue
        least, most = limits.get(field.name, (0, 1))
        if isinstance(default, bool | str):
            wanted = "yes or no (a bool)" if isinstance(default, bool) else "a word"
            fits = type(value) is type(default)
        else:
            whole = isinstance(default, int | tuple)
            wanted = f"{'a whole number' if whole else 'a number'} from {least} to {most}"
            parts = [value]
            if isinstance(default, tuple):
                wanted = f"1 to 8 whole numbers from {least} to {most}"
                parts = value if isinstance(value, list | tuple) and 0 < len(value) <= 8 else [None]
            kind = Integral if whole else Real
            fits = all(
                isinstance(part, kind) and not isinstance(part, bool) and least <= part <= most
                for part in parts
            )
        refuse_as("size", not fits, field.name, found=shown(value), wanted=wanted, default=default)


def check_modality(modality: str) -> None:
    """Raise ValueError if TSL-Net has no such modality."""
    check_choice("modality", modality, MODALITIES, "'all' has picture and sound.")


def check_clips(config, rgb, logmel) -> tuple[int, int]:
    """Videos and clips that TSL-Net is given. Raises ValueError naming the argument that has
    another shape than [B, T, rgb_size] or [B, T, 32, 60], another length than its partner, or too
    few clips for a video score."""
    wanted = {"rgb": (config.rgb_size,), "logmel": (LOGMEL_FRAMES, LOGMEL_BINS)}
    given = {"rgb": rgb, "logmel": logmel}
    names = {"all": ("rgb", "logmel"), "rgb": ("rgb",), "logmfcc": ("logmel",)}[config.modality]
    size = None
    for name in names:
        shape = tuple(given[name].shape)
        clips = ("B", "T") if size is None else size
        fits = len(shape) == 2 + len(wanted[name]) and shape[2:] == wanted[name]
        cure = "Give one entry a clip of the video" + (", as many as rgb has." if size else ".")
        refuse_as("shape of inputs", not fits or (size is not None and shape[:2] != size), name,
                  shape=list(shape), axes=_axes(*clips, *wanted[name]), cure=cure)  # fmt: skip
        size = shape[:2]
    refuse_as("too few clips", size[1] < config.r_act, names[0], n=size[1], r_act=config.r_act)
    return size


def check_way(name: str, way: str, ways: Sequence[str] = WAYS) -> None:
    """Raise ValueError if an option of a network is none of its two ways, the released first."""
    check_choice(name, way, ways, f"{ways[0]!r} is what the authors' code does.")


def check_gait(config, posture, movement) -> None:
    """Raise ValueError naming the argument that has another shape than BPM-GCN takes: posture
    [N, 3, T, 16, 1] and movement [N, 8, T, 16, 1], with the config's T; of a network with one
    stream, only that stream's."""
    N: object = "N"
    inputs = (("posture", posture, POSTURE_CHANNELS), ("movement", movement, MOVEMENT_CHANNELS))
    for name, value, channels in inputs:
        if config.streams not in ("both", name):
            continue
        shape, rest = tuple(value.shape), (channels, config.frames, GAIT_JOINTS, 1)
        refuse_as("gaits", len(shape) != 5 or shape[1:] != rest or (N != "N" and shape[0] != N),
                  name, shape=list(shape), axes=_axes(N, *rest))  # fmt: skip
        N = shape[0]


def _axes(*sizes: object) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def check_labels(labels, N: int, n_classes: int) -> None:
    """Raise ValueError if labels are not N class numbers 0 to n_classes - 1 (NumPy array)."""
    check_shape("labels", labels, (N,))
    for i, label in enumerate(labels.tolist()):
        refuse(label not in range(n_classes), f"labels[{i}]", found=str(label),
               wanted=f"0 to {n_classes - 1}", cure="Number the classes from 0.")  # fmt: skip


def check_polarity(logits, target, positive: Sequence[int]) -> None:
    """Raise ValueError unless logits are [B, C], target [B] and the positive classes below C."""
    fits = len(logits.shape) == 2 and list(target.shape) == [logits.shape[0]]
    refuse_as("shapes of logits and target", not fits, "logits and target",
              logits=list(logits.shape), target=list(target.shape))  # fmt: skip
    last = logits.shape[1] - 1
    refuse_as("positive classes", any(not 0 <= c <= last for c in positive), "positive",
              positive=positive, last=last)  # fmt: skip
