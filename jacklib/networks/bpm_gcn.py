"""BPM-GCN, to be read from top to bottom.

Zhai, Jia, Lai, Zhang, Yang and Tao, "Looking into Gait for Perceiving Emotions via Bilateral
Posture and Movement Graph Convolutional Networks", IEEE Transactions on Affective Computing 2024.
State-dict names are those of the authors' code. The skeleton is in `jacklib.core.skeleton`, the
loss in `jacklib.networks.losses`, movement and affective features in `jacklib.data.gait_features`.

Letters in the comments: N gaits, T frames, V = 16 joints, C channels, k = 3 parts of the graph, e
channels that a unit's attention compares joints in. Maps are [N, T, V, C], channels last, so that
a convolution of single positions is one matrix product; in PyTorch's twin they are [N, C, T, V].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jittor as jt
from jittor import nn

from jacklib.core.configs import BPMGCNConfig
from jacklib.core.shapes import (
    GAIT_JOINTS,
    MOVEMENT_CHANNELS,
    POSTURE_CHANNELS,
    check_gait,
)
from jacklib.core.skeleton import Graph
from jacklib.ops import BatchNorm, as_var, kaiming_normal_fan_out, relu
from jacklib.ops.graph import conv_time, joint_products, mix_joints


class BPMGCNOutput(NamedTuple):
    """What BPM-GCN gives; of a network with one stream, None for the other's."""

    posture_logits: jt.Var | None  # [N, n_classes]
    affective: jt.Var | None  # [N, n_features * frames]
    movement_logits: jt.Var | None  # [N, n_classes]

    @property
    def logits(self) -> jt.Var:
        """The prediction: the mean of the streams' logits, [N, n_classes]."""
        of_streams = [x for x in (self.posture_logits, self.movement_logits) if x is not None]
        return sum(of_streams) / len(of_streams)


class BPMGCNInspection(NamedTuple):
    """What BPM-GCN learned and looked at, for display; empty lists for what it has not."""

    posture_graphs: list[jt.Var]  # ten units' attention, [N, k, V, V]: [from, to]; columns sum to 1
    movement_graphs: list[jt.Var]
    posture_learned: list[jt.Var]  # ten units' PA, [k, V, V]
    movement_learned: list[jt.Var]
    posture_joints: list[jt.Var]  # three fusions' attention to joints, [N, V], 0 to 1
    movement_joints: list[jt.Var]
    posture_times: list[jt.Var]  # three fusions' attention to times, [N, T], [N, T/2] and [N, T/4]
    movement_times: list[jt.Var]
    output: BPMGCNOutput


# ---------------------------------------------------------------------------------------------
# One unit: a graph convolution in each frame, then a convolution over time at each joint
# ---------------------------------------------------------------------------------------------


class Conv(nn.Module):
    """Weight [c_out, c_in, K, 1] and bias of a convolution over time; K = 1: of positions.

    Starts with Kaiming normal (fan_out) weights and biases of 0.
    """

    def __init__(self, c_in: int, c_out: int, kernel_size: int = 1, stride: int = 1):
        self.stride = stride
        self.weight = jt.zeros((c_out, c_in, kernel_size, 1))
        self.bias = jt.zeros(c_out)
        kaiming_normal_fan_out(self.weight)

    def execute(self, x):
        """[N, T, V, c_in] -> [N, ceil(T / stride), V, c_out]."""
        return conv_time(x, self.weight, self.stride) + self.bias


def side_by_side(convs: Sequence[Conv], x):
    """Several convolutions of single positions as one product; their results side by side in C."""
    weight = jt.concat([conv.weight for conv in convs], dim=0)
    return conv_time(x, weight) + jt.concat([conv.bias for conv in convs], dim=0)


def norm(bn: BatchNorm, x):
    """Batch norm of every channel: [..., C] -> [..., C]."""
    return bn(x.reshape(-1, x.shape[-1])).reshape(x.shape)


class UnitGCN(nn.Module):
    """Adaptive graph convolution: [N, T, V, c_in] -> [N, T, V, c_out].

    Each of the k parts of the graph is the sum of A (the skeleton, fixed), PA (learned, the same
    for all gaits) and an attention between the joints of each gait (e channels).
    """

    def __init__(self, c_in: int, c_out: int, A: jt.Var, e: int):
        k = A.shape[0]
        self.e = e
        self._A = A  # [k, V, V]; the underscore keeps it from being a parameter
        self.PA = jt.full(A.shape, 1e-6)
        self.conv_a = nn.ModuleList([Conv(c_in, e) for _ in range(k)])
        self.conv_b = nn.ModuleList([Conv(c_in, e) for _ in range(k)])
        self.conv_d = nn.ModuleList([Conv(c_in, c_out) for _ in range(k)])
        for conv in self.conv_d:
            conv.weight.assign(jt.randn(conv.weight.shape) * math.sqrt(2 / (c_out * c_in * k)))
        self.down = None
        if c_in != c_out:
            self.down = nn.Sequential(Conv(c_in, c_out), BatchNorm(c_out))
        self.bn = BatchNorm(c_out)
        self.bn.weight.assign(jt.full((c_out,), 1e-6))  # at first, only hands its input on

    def execute(self, x, seen: list | None = None):
        N, T, V, C = x.shape
        k, e = self.PA.shape[0], self.e
        ab = side_by_side([*self.conv_a, *self.conv_b], x).reshape(N, T, V, 2, k, e)
        products = joint_products(ab)  # [N, k, V, V]
        attention = nn.softmax(products / (e * T), dim=2)
        if seen is not None:
            seen.append(attention)
        graph = attention + (self._A + self.PA)
        mixed = mix_joints(x, graph).reshape(N, T, V, k * C)
        weight = jt.concat([conv.weight for conv in self.conv_d], dim=1)  # [c_out, k*C, 1, 1]
        y = conv_time(mixed, weight) + sum(conv.bias for conv in self.conv_d)
        shortcut = x if self.down is None else norm(self.down[1], self.down[0](x))
        return relu(norm(self.bn, y) + shortcut)


class UnitTCN(nn.Module):
    """Convolution over time and batch norm: [N, T, V, c_in] -> [N, ceil(T / stride), V, c_out]."""

    def __init__(self, c_in: int, c_out: int, kernel_size: int = 9, stride: int = 1):
        self.conv = Conv(c_in, c_out, kernel_size, stride)
        self.bn = BatchNorm(c_out)

    def execute(self, x):
        return norm(self.bn, self.conv(x))


class GraphTimeUnit(nn.Module):
    """UnitGCN, then UnitTCN, and around both a shortcut (except in a stream's first unit)."""

    def __init__(self, c_in, c_out, A, e, stride: int = 1, residual: bool = True):
        self.gcn1 = UnitGCN(c_in, c_out, A, e)
        self.tcn1 = UnitTCN(c_out, c_out, stride=stride)
        self.has_shortcut = residual
        self.residual = None
        if residual and (c_in != c_out or stride != 1):
            self.residual = UnitTCN(c_in, c_out, kernel_size=1, stride=stride)

    def execute(self, x, seen: list | None = None):
        y = self.tcn1(self.gcn1(x, seen))
        if self.has_shortcut:
            y = y + (x if self.residual is None else self.residual(x))
        return relu(y)


# ---------------------------------------------------------------------------------------------
# Fusion of the streams
# ---------------------------------------------------------------------------------------------


class Matrix(nn.Module):
    """[N, size] -> [N, size]; weight [size, size, 1, 1], as the released code stores it."""

    def __init__(self, size: int):
        bound = 1 / math.sqrt(size)
        self.weight = jt.init.uniform([size, size, 1, 1], "float32", -bound, bound)

    def execute(self, x):
        return nn.matmul_transpose(x, self.weight.reshape(self.weight.shape[:2]))


class Gate(nn.Module):
    """How much each joint, or each time, matters: its mean over all else [N, size] -> [N, size]."""

    def __init__(self, size: int):
        self.fc1, self.fc2 = Matrix(size), Matrix(size)

    def execute(self, mean):
        return jt.sigmoid(self.fc2(relu(self.fc1(mean))))


class Fusion(nn.Module):
    """Each stream adds what the other one saw at the times that matter: two [N, T, V, C].

    Attention to joints only decides what the attention to times is computed from: in equations (8)
    and (9) of the paper it weights the features too; in the released code it does not. The movement
    stream gets the posture stream that has already been added to.
    """

    def __init__(self, T: int, V: int):
        self.att_T_p, self.att_N_p = Gate(T), Gate(V)
        self.att_T_m, self.att_N_m = Gate(T), Gate(V)

    def execute(self, x_p, x_m, seen: list | None = None):
        N, T, V, _ = x_p.shape
        mean_p, mean_m = x_p.mean(3), x_m.mean(3)  # [N, T, V]
        joints_p = self.att_N_p(mean_p.mean(1))  # [N, V]
        times_p = self.att_T_p((mean_p * joints_p.reshape(N, 1, V)).mean(2))  # [N, T]
        joints_m = self.att_N_m(mean_m.mean(1))
        times_m = self.att_T_m((mean_m * joints_m.reshape(N, 1, V)).mean(2))
        x_p = x_p + x_m * times_m.reshape(N, T, 1, 1)
        x_m = x_m + x_p * times_p.reshape(N, T, 1, 1)
        if seen is not None:
            seen.append((joints_p, joints_m, times_p, times_m))
        return x_p, x_m


# ---------------------------------------------------------------------------------------------
# The network
# ---------------------------------------------------------------------------------------------


class BPMGCN(nn.Module):
    """Bilateral posture and movement graph convolutional network. `BPMGCN()` is the released."""

    def __init__(self, config: BPMGCNConfig = BPMGCNConfig()):
        self.config = c = config
        letters = {"both": "pm", "posture": "p", "movement": "m"}[c.streams]
        A, V = jt.array(Graph().A).stop_grad(), GAIT_JOINTS
        w1, w2, w3 = c.widths
        stages = [(w1, w1), (w1, w1), (w1, w1),
                  (w1, w2), (w2, w2), (w2, w2), (w2, w3), (w3, w3), (w3, w3)]  # fmt: skip
        channels = {"p": POSTURE_CHANNELS, "m": MOVEMENT_CHANNELS}
        for stream in letters:
            setattr(self, f"data_bn_{stream}", BatchNorm(V * channels[stream]))
        for stream in letters:
            c_in = channels[stream]
            first = GraphTimeUnit(c_in, w1, A, w1 // c.embed, residual=False)
            setattr(self, f"l1_{stream}", first)
            for i, (before, after) in enumerate(stages, start=2):
                stride = 2 if i in (5, 8) else 1
                unit = GraphTimeUnit(before, after, A, after // c.embed, stride)
                setattr(self, f"l{i}_{stream}", unit)
        if c.streams == "both":
            half = (c.frames + 1) // 2
            self.fusion1, self.fusion2 = Fusion(c.frames, V), Fusion(half, V)
            self.fusion3 = Fusion((half + 1) // 2, V)
        heads = {f"fc1_classifier_{stream}": c.n_classes for stream in letters}
        if "p" in letters:
            heads["fc2_aff"] = c.n_features * c.frames
        for name, size in heads.items():
            layer = nn.Linear(w3, size)
            setattr(self, name, layer)
            layer.weight.assign(jt.randn(layer.weight.shape) * math.sqrt(2 / layer.weight.shape[0]))

    def execute(self, posture, movement) -> BPMGCNOutput:
        """Score gaits.

        posture: [N, 3, T, 16, 1], x y z of every joint. movement: [N, 8, T, 16, 1], velocity (3
        and its length) and acceleration (the same). NumPy arrays or Vars. Raises ValueError naming
        the argument whose shape is wrong.
        """
        return self._run(posture, movement)

    def inspect(self, posture, movement) -> BPMGCNInspection:
        """The same with what lies behind the scores; inputs as the network takes them."""
        graphs: dict[str, list] = {"p": [], "m": []}
        gates: list[tuple[jt.Var, ...]] = []
        with jt.no_grad():
            output = self._run(posture, movement, graphs, gates)
            learned = {
                s: [getattr(self, f"l{i}_{s}").gcn1.PA.copy() for i in range(1, 11)]
                for s in graphs
                if hasattr(self, f"l1_{s}")
            }
        by_kind = [list(kind) for kind in zip(*gates, strict=True)] or [[], [], [], []]
        return BPMGCNInspection(
            graphs["p"], graphs["m"], learned.get("p", []), learned.get("m", []), *by_kind, output
        )

    def _run(self, posture, movement, graphs=None, gates=None) -> BPMGCNOutput:
        if self.config.streams != "movement":
            posture = as_var(posture).float32()
        if self.config.streams != "posture":
            movement = as_var(movement).float32()
        check_gait(self.config, posture, movement)
        if self.config.streams != "both":
            stream, x = ("p", posture) if self.config.streams == "posture" else ("m", movement)
            x = self.normalize(x, getattr(self, f"data_bn_{stream}"))
            for i in range(1, 11):
                x = getattr(self, f"l{i}_{stream}")(x, None if graphs is None else graphs[stream])
            return self._heads({stream: x})
        seen_p, seen_m = (None, None) if graphs is None else (graphs["p"], graphs["m"])
        x_p = self.normalize(posture, self.data_bn_p)  # [N, T, V, 3]
        x_m = self.normalize(movement, self.data_bn_m)  # [N, T, V, 8]
        for i in range(1, 11):
            x_p = getattr(self, f"l{i}_p")(x_p, seen_p)
            x_m = getattr(self, f"l{i}_m")(x_m, seen_m)
            if i == 4:
                x_p, x_m = self.fusion1(x_p, x_m, gates)  # [N, T, V, w1]
            elif i == 7:
                x_p, x_m = self.fusion2(x_p, x_m, gates)  # [N, T/2, V, w2]
        x_p, x_m = self.fusion3(x_p, x_m, gates)  # [N, T/4, V, w3]
        return self._heads({"p": x_p, "m": x_m})

    def _heads(self, maps: dict) -> BPMGCNOutput:
        posture = affective = movement = None
        pooled = {}
        for stream, x in maps.items():
            N, _, _, w3 = x.shape
            pooled[stream] = x.reshape(N, -1, w3).mean(1)  # [N, w3]
        if "p" in pooled:
            posture, affective = self.fc1_classifier_p(pooled["p"]), self.fc2_aff(pooled["p"])
        if "m" in pooled:
            movement = self.fc1_classifier_m(pooled["m"])
        return BPMGCNOutput(posture, affective, movement)

    @staticmethod
    def normalize(x, bn: BatchNorm):
        """Batch norm of every channel of every joint by itself: [N, C, T, V, 1] -> [N, T, V, C]."""
        N, C, T, V, _ = x.shape
        x = x.squeeze(4).transpose(0, 2, 3, 1)
        return bn(x.reshape(N * T, V * C)).reshape(N, T, V, C)
