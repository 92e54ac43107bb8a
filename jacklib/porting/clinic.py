"""A clinic for ports: small networks in PyTorch, each with a Jittor port that has one bug.

    show("C")                  the PyTorch and the Jittor code of a patient
    sick = patient("C")        the port, its reference, inputs, targets and loss
    print(sick.compare())      what `porting.compare` says to it
    diagnosis("C")             the bug, what sees it, and the mended lines
    train("C", seeds=range(3)) its training curve; healthy=True: that of the mended port

The pieces are in the style of the four networks. Six of the bugs are from their public ports, in
small: F (CTEN), G (VAANet), H and L (TSL-Net), J and K (gait).
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jacklib.errors import DataError
from jacklib.porting.changes import side_by_side
from jacklib.porting.recording import named_weight

# --- what they are fed with: made of seeds by sums and products, so everywhere the same -----------


def _classes(shape: tuple[int, ...], n_classes: int, strength: float, seed: int) -> Callable:
    """Samples of n_classes prototypes and noise: a function of (generator, n)."""
    prototypes = np.random.default_rng([11, seed]).standard_normal((n_classes, *shape)) * strength

    def make(generator: np.random.Generator, n: int):
        target = generator.integers(0, n_classes, n)
        x = prototypes[target] + generator.standard_normal((n, *shape))
        return [x.astype(np.float32)], [target]

    return make


def _frames(generator: np.random.Generator, n: int):
    """Four frames a video: stripes that lie or stand (class // 2) in one of two colours (% 2)."""
    target = generator.integers(0, 4, n)
    stripes = np.where(generator.integers(0, 4, (n, 4, 1)) + np.arange(12) & 2, 1.0, -1.0)
    frames = np.repeat(stripes[:, :, :, None], 12, axis=3)  # they lie
    frames = np.where((target // 2 == 1)[:, None, None, None], frames.swapaxes(2, 3), frames)
    colours = np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])[target % 2]
    frames = frames[..., None] * colours[:, None, None, None]
    frames = frames + 0.5 * generator.standard_normal(frames.shape)
    return [frames.astype(np.float32)], [target]


def _clips(generator: np.random.Generator, n: int):
    """Videos of 12 clips: stretches of negative, positive and background; 0.9 where a class is, 0.1
    where it is not."""
    prototypes = np.random.default_rng([12, 0]).standard_normal((3, 16)) * 0.5
    label = np.repeat(generator.integers(0, 3, (n, 4)), 3, axis=1)  # [n, 12]
    x = prototypes[label] + generator.standard_normal((n, 12, 16))
    target = np.where(label[..., None] == np.arange(3), 0.9, 0.1)
    return [x.astype(np.float32)], [target.astype(np.float32)]


# --- how well they do, on samples they did not learn from -----------------------------------------


def _accuracy(output: np.ndarray, target: np.ndarray) -> float:
    return float((output.argmax(1) == target).mean())


def _mean_accuracy(output: tuple, target: np.ndarray) -> float:
    return _accuracy(sum(output), target)


def _clip_accuracy(scores: np.ndarray, target: np.ndarray) -> float:
    return float((scores.argmax(2) == target.argmax(2)).mean())


# --- the patients ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """What is known of a patient."""

    title: str
    origin: str  # the network in whose style it is
    brief: str  # the bug in a few words
    reference: str
    healthy: str
    bug: tuple[tuple[str, str], ...]  # lines of the healthy port, and what the sick one has instead
    finding: Finding
    data: Callable
    score: Callable
    real: bool = False  # whether a public port has it
    training: bool = False
    keep: tuple[str, ...] = ()  # begins as its constructor says
    samples: int = 2  # that are compared
    batch: int = 16  # that a training step learns from
    rate: float = 0.01

    @property
    def sick(self) -> str:
        text = self.healthy
        for old, new in self.bug:
            if text.count(old) != 1:
                raise AssertionError(f"{self.title}: {old!r} occurs {text.count(old)} times")
            text = text.replace(old, new)
        return text


class Finding(NamedTuple):
    """Where a bug shows: `kind` is one of KINDS, `place` a module, parameter, loss or rule."""

    kind: str
    place: str
    words: str


KINDS = {
    "weights": "the state dict: names that only one of the two has",
    "outputs": "a layer's output, or what goes into it",
    "loss": "only the loss, and the gradient that comes from it",
    "step": "only what one optimizer step moves",
    "start": "only the values that training begins with",
    "source": "none of these numbers: only reading the source (`check_text`)",
}

REFERENCE_HEAD = """\
import torch
import torch.nn.functional as F
from torch import nn
"""
PORT_HEAD = """\
import jittor as jt
from jittor import nn
from jacklib import ops
"""
CROSS_ENTROPY = """

def criterion(logits, target):
    return F.cross_entropy(logits, target)
"""
CROSS_ENTROPY_PORT = """

def criterion(logits, target):
    return ops.cross_entropy(logits, target)
"""

FILES: dict[str, _File] = {}

FILES["A"] = _File(
    title="self-attention over the segments of a video",
    origin="CTEN",
    brief="residual lost",
    reference="""

class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.theta = nn.Linear(size, 4)
        self.phi = nn.Linear(size, 4)
        self.g = nn.Linear(size, 4)
        self.out = nn.Linear(4, size)

    def forward(self, x):  # [B, S, size]
        similar = self.theta(x) @ self.phi(x).transpose(1, 2) / 2  # [B, S, S]
        weights = torch.softmax(similar, dim=2)
        return self.out(weights @ self.g(x)) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block(12)
        self.second = Block(12)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [B, S, 12] -> [B, 4]
        return self.fc(self.second(self.first(x)).mean(dim=1))
"""
    + CROSS_ENTROPY,
    healthy="""

class Block(nn.Module):
    def __init__(self, size):
        self.theta = nn.Linear(size, 4)
        self.phi = nn.Linear(size, 4)
        self.g = nn.Linear(size, 4)
        self.out = nn.Linear(4, size)

    def execute(self, x):  # [B, S, size]
        similar = jt.matmul(self.theta(x), self.phi(x).transpose(0, 2, 1)) / 2  # [B, S, S]
        weights = nn.softmax(similar, dim=2)
        return self.out(jt.matmul(weights, self.g(x))) + x


class Net(nn.Module):
    def __init__(self):
        self.first = Block(12)
        self.second = Block(12)
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [B, S, 12] -> [B, 4]
        return self.fc(self.second(self.first(x)).mean(1))
"""
    + CROSS_ENTROPY_PORT,
    bug=(("self.g(x))) + x", "self.g(x)))"),),
    finding=Finding("outputs", "first", "the residual connection `+ x` is gone"),
    data=_classes((6, 12), 4, 0.45, 0),
    score=_accuracy,
)

FILES["B"] = _File(
    title="temporal attention",
    origin="VAANet",
    brief="softmax without dim",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [B, S, 12] -> [B, 4]
        gamma = torch.softmax(self.score(x), dim=1)  # [B, S, 1]
        return self.fc((gamma * x).sum(dim=1))
"""
    + CROSS_ENTROPY,
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.score = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [B, S, 12] -> [B, 4]
        gamma = nn.softmax(self.score(x), dim=1)  # [B, S, 1]
        return self.fc((gamma * x).sum(1))
"""
    + CROSS_ENTROPY_PORT,
    bug=(("nn.softmax(self.score(x), dim=1)", "nn.softmax(self.score(x))"),),
    finding=Finding(
        "outputs", "fc", "softmax without dim is over the whole array: all videos of the batch "
        "share one sum",
    ),
    data=_classes((6, 12), 4, 0.45, 1),
    score=_accuracy,
)  # fmt: skip

FILES["C"] = _File(
    title="a picture's features on a 3 x 3 grid",
    origin="VAANet",
    brief="adaptive pooling",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(54, 4)

    def forward(self, x):  # [B, 3, 10, 10] -> [B, 4]
        x = torch.relu(self.conv(x))  # [B, 6, 5, 5]
        x = F.adaptive_avg_pool2d(x, (3, 3))
        return self.fc(x.flatten(1))
"""
    + CROSS_ENTROPY,
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.conv = ops.Conv2d(3, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(54, 4)

    def execute(self, x):  # [B, 3, 10, 10] -> [B, 4]
        x = ops.relu(self.conv(x))  # [B, 6, 5, 5]
        x = ops.adaptive_avg_pool(x, (3, 3))
        return self.fc(x.reshape(x.shape[0], -1))
"""
    + CROSS_ENTROPY_PORT,
    bug=(("ops.adaptive_avg_pool(x, (3, 3))", "nn.AdaptiveAvgPool2d((3, 3))(x)"),),
    finding=Finding(
        "outputs", "fc", "Jittor's AdaptiveAvgPool2d takes other windows where 5 does not divide "
        "by 3",
    ),
    data=_classes((3, 10, 10), 4, 0.25, 2),
    score=_accuracy,
)  # fmt: skip

FILES["D"] = _File(
    title="channel attention",
    origin="VAANet",
    brief="weight not transposed",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 12, 1)
        self.mix = nn.Linear(12, 12, bias=False)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [B, 6, M] -> [B, 4]
        x = torch.relu(self.conv(x))  # [B, 12, M]
        beta = torch.softmax(self.mix(x.mean(dim=2)), dim=1) * 12  # [B, 12]
        return self.fc(x.mean(dim=2) * beta)
"""
    + CROSS_ENTROPY,
    healthy="""

class Mix(nn.Module):
    def __init__(self, size):
        self.weight = (2 * jt.rand(size, size) - 1) / size**0.5  # as Linear's

    def execute(self, x):
        return jt.matmul(x, self.weight.transpose(1, 0))


class Net(nn.Module):
    def __init__(self):
        self.conv = ops.Conv1d(6, 12, 1)
        self.mix = Mix(12)
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [B, 6, M] -> [B, 4]
        x = ops.relu(self.conv(x))  # [B, 12, M]
        beta = nn.softmax(self.mix(x.mean(2)), dim=1) * 12  # [B, 12]
        return self.fc(x.mean(2) * beta)
"""
    + CROSS_ENTROPY_PORT,
    bug=(("jt.matmul(x, self.weight.transpose(1, 0))", "jt.matmul(x, self.weight)"),),
    finding=Finding(
        "outputs", "mix", "Linear multiplies with its weight transposed; a square one fits "
        "without, and means something else",
    ),
    data=_classes((6, 1), 4, 1.0, 3),
    score=_accuracy,
)  # fmt: skip

FILES["E"] = _File(
    title="three convolutions over time",
    origin="TSL-Net",
    brief="one layer three times",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(*[nn.Conv1d(8, 8, 3, padding=1) for _ in range(3)])
        self.fc = nn.Linear(8, 4)

    def forward(self, x):  # [B, 8, T] -> [B, 4]
        for conv in self.convs:
            x = x + torch.tanh(conv(x))
        return self.fc(x.mean(dim=2))
"""
    + CROSS_ENTROPY,
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.convs = nn.Sequential(*[ops.Conv1d(8, 8, 3, padding=1) for _ in range(3)])
        self.fc = nn.Linear(8, 4)

    def execute(self, x):  # [B, 8, T] -> [B, 4]
        for conv in self.convs:
            x = x + jt.tanh(conv(x))
        return self.fc(x.mean(2))
"""
    + CROSS_ENTROPY_PORT,
    bug=(
        ("*[ops.Conv1d(8, 8, 3, padding=1) for _ in range(3)]",
         "*[ops.Conv1d(8, 8, 3, padding=1)] * 3"),
    ),
    finding=Finding(
        "weights", "convs.1.weight", "`[layer] * 3` is one layer three times: weights are shared"
    ),
    data=_classes((8, 9), 4, 0.3, 4),
    score=_accuracy,
)  # fmt: skip

FILES["F"] = _File(
    title="a second pass over re-sampled clips",
    origin="CTEN",
    brief="height and width swapped",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.attention = nn.Linear(8, 1, bias=False)
        self.fc = nn.Linear(8, 4)

    def look(self, clips):  # [B, S, 3, H, W] -> logits [B, 4], gamma [B, S]
        B, S = clips.shape[:2]
        x = self.backbone(clips.flatten(0, 1)).mean(dim=(2, 3)).view(B, S, 8)
        gamma = torch.sigmoid(self.attention(x))  # [B, S, 1]
        return self.fc((x * gamma).mean(dim=1)), gamma[:, :, 0]

    def forward(self, frames):  # [B, S, H, W, 3], as they are read
        logits, gamma = self.look(frames.permute(0, 1, 4, 2, 3))
        least = gamma.argsort(dim=1)[:, :2]  # the keyframes are erased
        rest = frames[torch.arange(len(frames)).unsqueeze(1), least]
        erased, _ = self.look(rest.permute(0, 1, 4, 2, 3))
        return logits, erased


def criterion(logits, target):
    return (F.cross_entropy(logits[0], target) + F.cross_entropy(logits[1], target)) / 2
""",
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.backbone = nn.Sequential(
            ops.Conv2d(3, 8, 5, stride=2, padding=2), ops.ReLU(),
            ops.Conv2d(8, 8, 3, stride=2, padding=1), ops.ReLU(),
        )
        self.attention = nn.Linear(8, 1, bias=False)
        self.fc = nn.Linear(8, 4)

    def look(self, clips):  # [B, S, 3, H, W] -> logits [B, 4], gamma [B, S]
        B, S, C, H, W = clips.shape
        x = self.backbone(clips.reshape(B * S, C, H, W)).mean((2, 3)).reshape(B, S, 8)
        gamma = jt.sigmoid(self.attention(x))  # [B, S, 1]
        return self.fc((x * gamma).mean(1)), gamma[:, :, 0]

    def execute(self, frames):  # [B, S, H, W, 3], as they are read
        logits, gamma = self.look(frames.permute(0, 1, 4, 2, 3))
        least = jt.argsort(gamma, dim=1)[0][:, :2]  # the keyframes are erased
        rest = frames[jt.arange(len(frames)).unsqueeze(1), least]
        erased, _ = self.look(rest.permute(0, 1, 4, 2, 3))
        return logits, erased


def criterion(logits, target):
    return (ops.cross_entropy(logits[0], target) + ops.cross_entropy(logits[1], target)) / 2
""",
    bug=(("self.look(rest.permute(0, 1, 4, 2, 3))", "self.look(rest.permute(0, 1, 4, 3, 2))"),),
    finding=Finding(
        "outputs", "backbone", "re-sampled clips come with height and width swapped; square "
        "frames fit all the same",
    ),
    data=_frames,
    score=_mean_accuracy,
    real=True,
)  # fmt: skip

FILES["G"] = _File(
    title="polarity-consistent cross entropy",
    origin="VAANet",
    brief="mean before weights",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(12, 16)
        self.fc = nn.Linear(16, 8)

    def forward(self, x):  # [B, 12] -> [B, 8]
        return self.fc(torch.relu(self.hidden(x)))


POSITIVE = torch.tensor([0, 1, 0, 0, 1, 0, 1, 1])  # of the eight emotions


def criterion(logits, target):
    opposite = POSITIVE[target] != POSITIVE[logits.argmax(dim=1)]
    each = F.cross_entropy(logits, target, reduction="none")  # [B]
    return (each * (1 + 0.5 * opposite.float())).mean()
""",
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(12, 16)
        self.fc = nn.Linear(16, 8)

    def execute(self, x):  # [B, 12] -> [B, 8]
        return self.fc(ops.relu(self.hidden(x)))


POSITIVE = jt.array([0, 1, 0, 0, 1, 0, 1, 1])  # of the eight emotions


def criterion(logits, target):
    opposite = POSITIVE[target] != POSITIVE[logits.argmax(1)[0]]
    each = ops.cross_entropy(logits, target, reduction="none")  # [B]
    return (each * (1 + 0.5 * opposite.float32())).mean()
""",
    bug=(
        ('ops.cross_entropy(logits, target, reduction="none")  # [B]',
         "nn.cross_entropy_loss(logits, target)"),
    ),
    finding=Finding(
        "loss", "", "the losses of the videos are averaged before they are weighted: each video "
        "counts with the batch's mean weight",
    ),
    data=_classes((12,), 8, 0.8, 5),
    score=_accuracy,
    samples=4,
    real=True,
)  # fmt: skip

FILES["H"] = _File(
    title="focal-weighted loss of annotated clips",
    origin="TSL-Net",
    brief="reduction lost",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.neck = nn.Conv1d(16, 24, 3, padding=1)
        self.classifier = nn.Conv1d(24, 3, 1, bias=False)

    def forward(self, x):  # [B, T, 16] -> scores [B, T, 3]
        x = torch.relu(self.neck(x.transpose(1, 2)))
        return torch.sigmoid(self.classifier(x)).transpose(1, 2)


def criterion(scores, target):  # hard elements first
    distance = (1 - scores) * target + scores * (1 - target)
    each = F.binary_cross_entropy(scores, target, reduction="none")
    return (distance.square() * each).sum(dim=2).mean()
""",
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.neck = ops.Conv1d(16, 24, 3, padding=1)
        self.classifier = ops.Conv1d(24, 3, 1, bias=False)

    def execute(self, x):  # [B, T, 16] -> scores [B, T, 3]
        x = ops.relu(self.neck(x.transpose(0, 2, 1)))
        return jt.sigmoid(self.classifier(x)).transpose(0, 2, 1)


def criterion(scores, target):  # hard elements first
    distance = (1 - scores) * target + scores * (1 - target)
    each = ops.binary_cross_entropy(scores, target, reduction="none")
    return (distance.sqr() * each).sum(2).mean()
""",
    bug=(
        ('ops.binary_cross_entropy(scores, target, reduction="none")',
         "nn.BCELoss()(scores, target)"),
    ),
    finding=Finding(
        "loss", "", "BCELoss gives one mean, and every weight is multiplied with the same number"
    ),
    data=_clips,
    score=_clip_accuracy,
    real=True,
)  # fmt: skip

FILES["I"] = _File(
    title="features of sound, normalised over the batch",
    origin="CTEN",
    brief="biased running variance",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(12, 16)
        self.norm = nn.BatchNorm1d(16)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):  # [B, 12] -> [B, 4]
        return self.fc(torch.tanh(self.norm(self.hidden(x))))
"""
    + CROSS_ENTROPY,
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(12, 16)
        self.norm = ops.BatchNorm(16)
        self.fc = nn.Linear(16, 4)

    def execute(self, x):  # [B, 12] -> [B, 4]
        return self.fc(jt.tanh(self.norm(self.hidden(x))))
"""
    + CROSS_ENTROPY_PORT,
    bug=(("ops.BatchNorm(16)", "nn.BatchNorm(16)"),),
    finding=Finding(
        "step", "norm.running_var", "Jittor's running variance is the biased one: of a batch of 4, "
        "three quarters of PyTorch's",
    ),
    data=_classes((12,), 4, 0.8, 6),
    score=_accuracy,
    training=True,
    samples=4,
    batch=4,
)  # fmt: skip

_GRAPH = """
PARENT = [0, 0, 1, 2, 1, 4, 1, 6]  # of each joint


def adjacency():  # [2, V, V]: to the parent and back
    A = np.zeros((2, len(PARENT), len(PARENT)), np.float32)
    for child, parent in enumerate(PARENT):
        A[0, child, parent] = A[1, parent, child] = 1
    return A / np.maximum(A.sum(1, keepdims=True), 1)

"""
_GAIT = (
    _GRAPH
    + """
class GraphConv(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        A = torch.from_numpy(adjacency())
        self.register_buffer("A", A)  # fixed
        self.PA = nn.Parameter(torch.full_like(A, 1e-6))  # learned
        self.conv = nn.Conv2d(2 * c_in, c_out, 1)

    def forward(self, x):  # [N, C, T, V]
        N, C, T, V = x.shape
        x = torch.matmul(x.unsqueeze(1), (self.A + self.PA).unsqueeze(1))  # [N, 2, C, T, V]
        return torch.relu(self.conv(x.reshape(N, 2 * C, T, V)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.graph = GraphConv(3, 12)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [N, 3, T, V] -> [N, 4]
        return self.fc(self.graph(x).mean(dim=(2, 3)))
"""
    + CROSS_ENTROPY
)
_GAIT_PORT = (
    _GRAPH
    + """
class GraphConv(nn.Module):
    def __init__(self, c_in, c_out):
        A = adjacency()
        self.A = jt.array(A).stop_grad()  # fixed
        self.PA = jt.full(A.shape, 1e-6)  # learned
        self.conv = ops.Conv2d(2 * c_in, c_out, 1)

    def execute(self, x):  # [N, C, T, V]
        N, C, T, V = x.shape
        x = jt.matmul(x.unsqueeze(1), (self.A + self.PA).unsqueeze(1))  # [N, 2, C, T, V]
        return ops.relu(self.conv(x.reshape(N, 2 * C, T, V)))


class Net(nn.Module):
    def __init__(self):
        self.graph = GraphConv(3, 12)
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [N, 3, T, V] -> [N, 4]
        return self.fc(self.graph(x).mean((2, 3)))
"""
    + CROSS_ENTROPY_PORT
)

FILES["J"] = _File(
    title="a convolution over the body's graph",
    origin="BPM-GCN",
    brief="fixed graph trained",
    reference=_GAIT,
    healthy=_GAIT_PORT,
    bug=(("jt.array(A).stop_grad()  # fixed", "jt.array(A)  # fixed"),),
    finding=Finding(
        "step", "graph.A", "every Var attribute of a Jittor module is a parameter: the fixed graph "
        "is trained",
    ),
    data=_classes((3, 4, 8), 4, 0.5, 7),
    score=_accuracy,
    real=True,
    keep=("graph.A", "graph.PA"),
)  # fmt: skip

FILES["K"] = _File(
    title="a convolution over the body's graph, once more",
    origin="BPM-GCN",
    brief="graph starts elsewhere",
    reference=_GAIT,
    healthy=_GAIT_PORT,
    bug=(("jt.full(A.shape, 1e-6)  # learned", "jt.array(A) * 1e-6  # learned"),),
    finding=Finding(
        "start", "graph.PA", "the learned graph starts at 1e-6 * A where 1e-6 is meant"
    ),
    data=_classes((3, 4, 8), 4, 0.5, 7),
    score=_accuracy,
    real=True,
    keep=("graph.A", "graph.PA"),
)  # fmt: skip

FILES["L"] = _File(
    title="a video's scores as the smooth maximum over its clips",
    origin="TSL-Net",
    brief="log(sum(exp))",
    reference="""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.classifier = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4))

    def forward(self, x):  # [B, T, 12] -> [B, 4]
        each = self.classifier(x)  # [B, T, 4]
        return torch.logsumexp(10 * each, dim=1) / 10
"""
    + CROSS_ENTROPY,
    healthy="""

class Net(nn.Module):
    def __init__(self):
        self.classifier = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4))

    def execute(self, x):  # [B, T, 12] -> [B, 4]
        each = self.classifier(x)  # [B, T, 4]
        return ops.logsumexp(10 * each, 1) / 10
"""
    + CROSS_ENTROPY_PORT,
    bug=(("ops.logsumexp(10 * each, 1)", "(10 * each).exp().sum(1).log()"),),
    finding=Finding(
        "source", "log-sum-exp", "exp overflows in float32 above 88.7: unseen until a score gets "
        "there",
    ),
    data=_classes((8, 12), 4, 0.8, 8),
    score=_accuracy,
    real=True,
    rate=0.03,
)  # fmt: skip

LETTERS = tuple(FILES)


# --- the consultation -----------------------------------------------------------------------------


@dataclass
class Patient:
    """A port and everything that `porting.compare` wants to know of it."""

    letter: str
    title: str
    origin: str  # VAANet, CTEN, TSL-Net or BPM-GCN: in whose style it is
    port: Any  # the Jittor network
    reference: Any  # a `porting.Reference`
    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    loss: Callable  # the port's
    training: bool
    reference_code: str
    port_code: str

    def compare(self):
        """`porting.compare` of it, with one step of SGD."""
        from jacklib.porting import compare

        return compare(
            self.port, self.reference, self.inputs, loss=self.loss, targets=self.targets,
            optimizer="SGD(lr=0.1)", training=self.training,
        )  # fmt: skip


def _file(letter: str) -> _File:
    if letter not in FILES:
        raise DataError(
            "letter", found=repr(letter), wanted=f"{LETTERS[0]} to {LETTERS[-1]}",
            cure="Choose one of these.",
        )  # fmt: skip
    return FILES[letter]


def _codes(letter: str, healthy: bool) -> tuple[str, str]:
    """The texts of reference and port."""
    file = _file(letter)
    numpy = "import numpy as np\n" if "np." in file.reference else ""
    reference, port = numpy + REFERENCE_HEAD, numpy + PORT_HEAD
    if "F." not in file.reference:
        reference = reference.replace("import torch.nn.functional as F\n", "")
    return reference + file.reference, port + (file.healthy if healthy else file.sick)


def _names(letter: str, healthy: bool) -> dict[str, Any]:
    """The names that a port's text defines."""
    text = _codes(letter, healthy)[1]
    place = f"<clinic {letter}{' healthy' if healthy else ''}>"
    # So that an error shows the line.
    linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
    names: dict[str, Any] = {"__name__": "clinic_" + letter}
    exec(compile(text, place, "exec"), names)
    return names


def patient(letter: str, healthy: bool = False) -> Patient:
    """One of LETTERS; healthy: with the mended port. Raises DataError for another letter."""
    from jacklib.porting import Reference

    file, names = _file(letter), _names(letter, healthy)
    inputs, targets = file.data(np.random.default_rng([1, ord(letter)]), file.samples)
    reference, port = _codes(letter, healthy)
    return Patient(
        letter, file.title, file.origin, names["Net"](),
        Reference("Net", code=reference, loss="criterion"), inputs, targets, names["criterion"],
        file.training, reference, port,
    )  # fmt: skip


def show(letter: str) -> None:
    """Print a patient's PyTorch code and its port."""
    file = _file(letter)
    reference, port = _codes(letter, healthy=False)
    print(f"Patient {letter}: {file.title} (in the style of {file.origin})")
    for name, text in (("PyTorch", reference), ("Jittor", port)):
        print(f"\n--- {name} " + "-" * 70)
        for number, line in enumerate(text.rstrip().split("\n"), 1):
            print(f"{number:3}  {line}")


def diagnosis(letter: str) -> None:
    """Print what is wrong with a patient, where it shows, and the mended lines."""
    file = _file(letter)
    known = f"; a public port of {file.origin} has it" if file.real else ""
    place = f" ({file.finding.place})" if file.finding.place else ""
    print(f"Patient {letter}: {file.finding.words}{known}")
    print(f"  shows in {KINDS[file.finding.kind]}{place}")
    for row in side_by_side(_codes(letter, False)[1], _codes(letter, True)[1]):
        if row.reference != row.port:
            print(f"  - {(row.reference or '').strip()}\n  + {(row.port or '').strip()}")


# --- what a bug does to training ------------------------------------------------------------------


class Curves(NamedTuple):
    """Training runs of one port, a row a seed."""

    loss: np.ndarray  # [seeds, steps]: of each batch, as the port computes it
    score: np.ndarray  # [seeds, checks]: the share that is right of 400 new samples
    checked: np.ndarray  # [checks]: after how many steps

    def finite(self) -> np.ndarray:
        """[seeds]: the share of steps whose loss is a number."""
        return np.isfinite(self.loss).mean(1)


def train(
    letter: str,
    healthy: bool = False,
    seeds: Iterable[int] = range(3),
    steps: int = 120,
    every: int = 20,
) -> Curves:
    """Train a patient's port with Adam, once a seed.

    The sick and the healthy one of a seed have the same first weights (but for those whose start is
    the matter) and the same batches.
    """  # fmt: skip
    import jittor as jt

    from jacklib import ops

    file, names = _file(letter), _names(letter, healthy)
    fresh = file.data(np.random.default_rng([2, ord(letter)]), 400)
    losses, scores = [], []
    for seed in seeds:
        net = names["Net"]()
        net.train()
        for name, var in net.state_dict().items():
            trained = not name.endswith(("running_mean", "running_var"))
            if trained and name not in file.keep:
                var.assign(jt.array(named_weight(name, tuple(var.shape), seed)))
        optimizer = ops.Adam(net.parameters(), lr=file.rate)
        generator, loss, score = np.random.default_rng([3, seed]), [], []
        for step in range(steps + 1):
            if step % every == 0:
                score.append(_score(net, file, fresh))
            if step < steps:
                inputs, targets = file.data(generator, file.batch)
                value = names["criterion"](net(*map(jt.array, inputs)), *map(jt.array, targets))
                optimizer.step(value)
                loss.append(float(value.item()))
        losses.append(loss)
        scores.append(score)
    return Curves(np.array(losses), np.array(scores), np.arange(0, steps + 1, every))


def _score(net, file: _File, fresh: Sequence[list]) -> float:
    import jittor as jt

    modes = [(module, module.__dict__.get("is_train")) for module in net.modules()]
    for module in net.modules():
        module.is_train = False  # eval() would stop the gradients
    with jt.no_grad():
        output = net(*map(jt.array, fresh[0]))
    for module, mode in modes:
        module.is_train = True if mode is None else mode
    arrays = tuple(o.numpy() for o in output) if isinstance(output, tuple) else output.numpy()
    return file.score(arrays, *fresh[1])
