"""BPM-GCN in PyTorch, to be read from top to bottom.

Zhai, Jia, Lai, Zhang, Yang and Tao, "Looking into Gait for Perceiving Emotions via Bilateral
Posture and Movement Graph Convolutional Networks", IEEE Transactions on Affective Computing 2024.
State-dict names are those of the authors' code.

Letters in the comments: N gaits, T frames, V = 16 joints, C channels, k = 3 parts of the graph.
Maps are [N, C, T, V].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from jacklib.core.configs import BPMGCNConfig
from jacklib.core.shapes import (
    GAIT_JOINTS,
    MOVEMENT_CHANNELS,
    POSTURE_CHANNELS,
    check_gait,
)
from jacklib.core.skeleton import Graph


class BPMGCNOutput(NamedTuple):
    """What BPM-GCN gives; of a network with one stream, None for the other's."""

    posture_logits: Tensor | None  # [N, n_classes]
    affective: Tensor | None  # [N, n_features * frames]
    movement_logits: Tensor | None  # [N, n_classes]

    @property
    def logits(self) -> Tensor:
        """The prediction: the mean of the streams' logits, [N, n_classes]."""
        of_streams = [x for x in (self.posture_logits, self.movement_logits) if x is not None]
        return sum(of_streams) / len(of_streams)


class BPMGCNInspection(NamedTuple):
    """What BPM-GCN learned and looked at, for display; empty lists for what it has not."""

    posture_graphs: list[Tensor]  # ten units' attention, [N, k, V, V]: [from, to]; columns sum to 1
    movement_graphs: list[Tensor]
    posture_learned: list[Tensor]  # ten units' PA, [k, V, V]
    movement_learned: list[Tensor]
    posture_joints: list[Tensor]  # three fusions' attention to joints, [N, V], 0 to 1
    movement_joints: list[Tensor]
    posture_times: list[Tensor]  # three fusions' attention to times, [N, T], [N, T/2] and [N, T/4]
    movement_times: list[Tensor]
    output: BPMGCNOutput


# ---------------------------------------------------------------------------------------------
# One unit: a graph convolution in each frame, then a convolution over time at each joint
# ---------------------------------------------------------------------------------------------


def start_conv(conv: nn.Conv2d) -> None:
    """Start a convolution with Kaiming normal (fan_out) weights and biases of 0."""
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    nn.init.zeros_(conv.bias)


class UnitGCN(nn.Module):
    """Adaptive graph convolution: [N, c_in, T, V] -> [N, c_out, T, V].

    Each of the k parts of the graph is the sum of A (the skeleton, fixed), PA (learned, the same
    for all gaits) and an attention between the joints of each gait (c_embed channels).
    """

    def __init__(self, c_in: int, c_out: int, A: Tensor, c_embed: int):
        super().__init__()
        k = len(A)
        self.c_in, self.c_out, self.c_embed = c_in, c_out, c_embed
        self.register_buffer("A", A, persistent=False)  # [k, V, V]
        self.PA = nn.Parameter(torch.full_like(A, 1e-6))
        self.conv_a = nn.ModuleList(nn.Conv2d(c_in, c_embed, 1) for _ in range(k))
        self.conv_b = nn.ModuleList(nn.Conv2d(c_in, c_embed, 1) for _ in range(k))
        self.conv_d = nn.ModuleList(nn.Conv2d(c_in, c_out, 1) for _ in range(k))
        for conv in (*self.conv_a, *self.conv_b):
            start_conv(conv)
        for conv in self.conv_d:
            nn.init.normal_(conv.weight, 0, math.sqrt(2 / (c_out * c_in * k)))
            nn.init.zeros_(conv.bias)
        self.down = None
        if c_in != c_out:
            self.down = nn.Sequential(nn.Conv2d(c_in, c_out, 1), nn.BatchNorm2d(c_out))
            start_conv(self.down[0])
        self.bn = nn.BatchNorm2d(c_out)
        nn.init.constant_(self.bn.weight, 1e-6)  # at first, the unit only hands its input on

    def forward(self, x: Tensor, seen: list | None = None) -> Tensor:
        N, C, T, V = x.shape
        graphs = []
        y = 0
        for k in range(len(self.A)):
            a = self.conv_a[k](x).permute(0, 3, 1, 2).reshape(N, V, self.c_embed * T)
            b = self.conv_b[k](x).view(N, self.c_embed * T, V)
            graphs.append(torch.softmax(torch.matmul(a, b) / (self.c_embed * T), dim=1))
            graph = graphs[k] + self.A[k] + self.PA[k]  # [N, V, V]
            gathered = torch.matmul(x.view(N, C * T, V), graph).view(N, C, T, V)
            y = y + self.conv_d[k](gathered)
        if seen is not None:
            seen.append(torch.stack(graphs, dim=1))
        return torch.relu(self.bn(y) + (x if self.down is None else self.down(x)))


class UnitTCN(nn.Module):
    """Convolution over time and batch norm: [N, c_in, T, V] -> [N, c_out, ceil(T / stride), V]."""

    def __init__(self, c_in: int, c_out: int, kernel_size: int = 9, stride: int = 1):
        super().__init__()
        pad = (kernel_size - 1) // 2
        self.conv = nn.Conv2d(
            c_in, c_out, (kernel_size, 1), stride=(stride, 1), padding=(pad, 0)
        )  # fmt: skip
        self.bn = nn.BatchNorm2d(c_out)
        start_conv(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class GraphTimeUnit(nn.Module):
    """UnitGCN, then UnitTCN, and around both a shortcut (except in a stream's first unit)."""

    def __init__(self, c_in, c_out, A, c_embed, stride: int = 1, residual: bool = True):
        super().__init__()
        self.gcn1 = UnitGCN(c_in, c_out, A, c_embed)
        self.tcn1 = UnitTCN(c_out, c_out, stride=stride)
        self.has_shortcut = residual
        self.residual = None
        if residual and (c_in != c_out or stride != 1):
            self.residual = UnitTCN(c_in, c_out, kernel_size=1, stride=stride)

    def forward(self, x: Tensor, seen: list | None = None) -> Tensor:
        y = self.tcn1(self.gcn1(x, seen))
        if self.has_shortcut:
            y = y + (x if self.residual is None else self.residual(x))
        return torch.relu(y)


# ---------------------------------------------------------------------------------------------
# Fusion of the streams
# ---------------------------------------------------------------------------------------------


class Gate(nn.Module):
    """How much each joint, or each time, matters: its mean over all else [N, size] -> [N, size]."""

    def __init__(self, size: int):
        super().__init__()
        self.fc1 = nn.Conv2d(size, size, 1, bias=False)
        self.fc2 = nn.Conv2d(size, size, 1, bias=False)

    def forward(self, mean: Tensor) -> Tensor:
        hidden = torch.relu(self.fc1(mean[:, :, None, None]))
        return torch.sigmoid(self.fc2(hidden)).flatten(1)


class Fusion(nn.Module):
    """Each stream adds what the other one saw at the times that matter: two [N, C, T, V].

    Attention to joints only decides what the attention to times is computed from: in equations (8)
    and (9) of the paper it weights the features too; in the released code it does not. The movement
    stream gets the posture stream that has already been added to.
    """

    def __init__(self, T: int, V: int):
        super().__init__()
        self.att_T_p, self.att_N_p = Gate(T), Gate(V)
        self.att_T_m, self.att_N_m = Gate(T), Gate(V)

    def forward(self, x_p: Tensor, x_m: Tensor, seen: list | None = None):
        N, _, T, V = x_p.shape
        joints_p = self.att_N_p(x_p.mean(dim=(1, 2)))  # [N, V]
        times_p = self.att_T_p((x_p * joints_p.view(N, 1, 1, V)).mean(dim=(1, 3)))  # [N, T]
        joints_m = self.att_N_m(x_m.mean(dim=(1, 2)))
        times_m = self.att_T_m((x_m * joints_m.view(N, 1, 1, V)).mean(dim=(1, 3)))
        x_p = x_p + x_m * times_m.view(N, 1, T, 1)
        x_m = x_m + x_p * times_p.view(N, 1, T, 1)
        if seen is not None:
            seen.append((joints_p, joints_m, times_p, times_m))
        return x_p, x_m


# ---------------------------------------------------------------------------------------------
# The network
# ---------------------------------------------------------------------------------------------


class BPMGCN(nn.Module):
    """Bilateral posture and movement graph convolutional network. `BPMGCN()` is the released."""

    def __init__(self, config: BPMGCNConfig = BPMGCNConfig()):
        super().__init__()
        self.config = c = config
        letters = {"both": "pm", "posture": "p", "movement": "m"}[c.streams]
        A, V = torch.from_numpy(Graph().A), GAIT_JOINTS
        w1, w2, w3 = c.widths
        stages = [(w1, w1), (w1, w1), (w1, w1),
                  (w1, w2), (w2, w2), (w2, w2), (w2, w3), (w3, w3), (w3, w3)]  # fmt: skip
        channels = {"p": POSTURE_CHANNELS, "m": MOVEMENT_CHANNELS}
        for stream in letters:
            self.add_module(f"data_bn_{stream}", nn.BatchNorm1d(V * channels[stream]))
        for stream in letters:
            c_in = channels[stream]
            first = GraphTimeUnit(c_in, w1, A, w1 // c.embed, residual=False)
            self.add_module(f"l1_{stream}", first)
            for i, (before, after) in enumerate(stages, start=2):
                stride = 2 if i in (5, 8) else 1
                unit = GraphTimeUnit(before, after, A, after // c.embed, stride)
                self.add_module(f"l{i}_{stream}", unit)
        if c.streams == "both":
            half = (c.frames + 1) // 2
            self.fusion1, self.fusion2 = Fusion(c.frames, V), Fusion(half, V)
            self.fusion3 = Fusion((half + 1) // 2, V)
        heads = {f"fc1_classifier_{stream}": c.n_classes for stream in letters}
        if "p" in letters:
            heads["fc2_aff"] = c.n_features * c.frames
        for name, size in heads.items():
            layer = nn.Linear(w3, size)
            self.add_module(name, layer)
            nn.init.normal_(layer.weight, 0, math.sqrt(2 / layer.out_features))

    def forward(self, posture: Tensor, movement: Tensor) -> BPMGCNOutput:
        """Score gaits.

        posture: [N, 3, T, 16, 1], x y z of every joint. movement: [N, 8, T, 16, 1], velocity (3
        and its length) and acceleration (the same). Raises ValueError naming the argument whose
        shape is wrong.
        """
        return self._run(posture, movement)

    def inspect(self, posture: Tensor, movement: Tensor) -> BPMGCNInspection:
        """The same with what lies behind the scores; inputs as `forward` takes them."""
        graphs: dict[str, list] = {"p": [], "m": []}
        gates: list[tuple[Tensor, ...]] = []
        with torch.no_grad():
            output = self._run(posture, movement, graphs, gates)
        learned = {
            s: [getattr(self, f"l{i}_{s}").gcn1.PA.detach() for i in range(1, 11)]
            for s in graphs
            if hasattr(self, f"l1_{s}")
        }
        by_kind = [list(kind) for kind in zip(*gates, strict=True)] or [[], [], [], []]
        return BPMGCNInspection(
            graphs["p"], graphs["m"], learned.get("p", []), learned.get("m", []), *by_kind, output
        )

    def _run(self, posture, movement, graphs=None, gates=None) -> BPMGCNOutput:
        check_gait(self.config, posture, movement)
        if self.config.streams != "both":
            stream, x = ("p", posture) if self.config.streams == "posture" else ("m", movement)
            x = self.normalize(x, getattr(self, f"data_bn_{stream}"))
            for i in range(1, 11):
                x = getattr(self, f"l{i}_{stream}")(x, None if graphs is None else graphs[stream])
            return self._heads({stream: x})
        seen_p, seen_m = (None, None) if graphs is None else (graphs["p"], graphs["m"])
        x_p = self.normalize(posture, self.data_bn_p)  # [N, 3, T, V]
        x_m = self.normalize(movement, self.data_bn_m)  # [N, 8, T, V]
        for i in range(1, 11):
            x_p = getattr(self, f"l{i}_p")(x_p, seen_p)
            x_m = getattr(self, f"l{i}_m")(x_m, seen_m)
            if i == 4:
                x_p, x_m = self.fusion1(x_p, x_m, gates)  # [N, w1, T, V]
            elif i == 7:
                x_p, x_m = self.fusion2(x_p, x_m, gates)  # [N, w2, T/2, V]
        x_p, x_m = self.fusion3(x_p, x_m, gates)  # [N, w3, T/4, V]
        return self._heads({"p": x_p, "m": x_m})

    def _heads(self, maps: dict) -> BPMGCNOutput:
        posture = affective = movement = None
        pooled = {}
        for stream, x in maps.items():
            pooled[stream] = x.mean(dim=(2, 3))  # [N, w3]
        if "p" in pooled:
            posture, affective = self.fc1_classifier_p(pooled["p"]), self.fc2_aff(pooled["p"])
        if "m" in pooled:
            movement = self.fc1_classifier_m(pooled["m"])
        return BPMGCNOutput(posture, affective, movement)

    @staticmethod
    def normalize(x: Tensor, bn: nn.BatchNorm1d) -> Tensor:
        """Batch norm of every channel of every joint by itself: [N, C, T, V, 1] -> [N, C, T, V]."""
        N, C, T, V, _ = x.shape
        x = bn(x[..., 0].permute(0, 3, 1, 2).reshape(N, V * C, T))
        return x.view(N, V, C, T).permute(0, 2, 3, 1).contiguous()
