"""BPM-GCN, to be read from top to bottom.

Zhai, Jia, Lai, Zhang, Yang and Tao, "Looking into Gait for Perceiving Emotions via Bilateral
Posture and Movement Graph Convolutional Networks", IEEE Transactions on Affective Computing 2024.
State-dict names are those of the authors' code. The skeleton is in `jacklib.core.skeleton`, the
loss in `jacklib.networks.losses`, movement and affective features in `jacklib.data.gait_features`.

Letters in the comments: N gaits, T frames, V = 16 joints, C channels, k = 3 parts of the graph, e
channels that a unit's attention compares joints in. Maps are [N, T, V, C], channels last, for
speed (see `jacklib.ops.graph`); in PyTorch's twin they are [N, C, T, V].
"""

import math

import jittor as jt
from jittor import nn

from jacklib.core.configs import BPMGCNConfig
from jacklib.core.outputs import BPMGCNInspection, BPMGCNOutput
from jacklib.core.shapes import GAIT_JOINTS, MOVEMENT_CHANNELS, POSTURE_CHANNELS, check_gait
from jacklib.core.skeleton import Graph
from jacklib.ops import BatchNorm, Conv2d, as_floats, relu
from jacklib.ops.graph import ChannelNorm, TimeConv, graph_attention_conv, graph_conv

# --- One unit: a graph convolution in each frame, then a convolution over time at each joint ------


def normal(weight, deviation: float) -> None:
    """Fill a weight in place with normally distributed values."""
    weight.assign(jt.randn(weight.shape) * deviation)


def start_linear(c_in: int, c_out: int) -> nn.Linear:
    """A linear layer with normal weights."""
    layer = nn.Linear(c_in, c_out)
    normal(layer.weight, math.sqrt(2 / c_out))
    return layer


class UnitGCN(nn.Module):
    """Graph convolution: [N, T, V, c_in] -> [N, T, V, c_out], attention [N, k, V, V] or None.

    Each of the k parts of the graph is the sum of A (the skeleton, fixed), PA (learned, the same
    for all gaits) and an attention between the joints of each gait (e channels). Without e it is A
    alone, as in ST-GCN, without the weights of edges there, which the paper does not mention.
    """

    def __init__(self, c_in: int, c_out: int, A: jt.Var, e: int | None):
        k = len(A)
        self._A = A  # [k, V, V]; the underscore keeps it from being a parameter
        self.PA = None
        if e is not None:
            self.PA = jt.full_like(A, 1e-6)
            self.conv_a = nn.ModuleList([TimeConv(c_in, e) for _ in range(k)])
            self.conv_b = nn.ModuleList([TimeConv(c_in, e) for _ in range(k)])
        self.conv_d = nn.ModuleList([TimeConv(c_in, c_out) for _ in range(k)])
        for conv in self.conv_d:
            normal(conv.weight, math.sqrt(2 / (c_out * c_in * k)))
        self.down = None
        if c_in != c_out:
            self.down = nn.Sequential(TimeConv(c_in, c_out), ChannelNorm(c_out))
        self.bn = ChannelNorm(c_out)
        nn.init.constant_(self.bn.weight, 1e-6)  # at first, the unit only hands its input on

    def execute(self, x):
        if self.PA is None:
            y, attention = graph_conv(x, self._A.expand(len(x), *self._A.shape), self.conv_d), None
        else:
            graph = self._A + self.PA
            y, attention = graph_attention_conv(x, graph, self.conv_a, self.conv_b, self.conv_d)
        return relu(self.bn(y) + (x if self.down is None else self.down(x))), attention


class UnitTCN(nn.Module):
    """Convolution over time and batch norm: [N, T, V, c_in] -> [N, ceil(T / stride), V, c_out]."""

    def __init__(self, c_in: int, c_out: int, kernel_size: int = 9, stride: int = 1):
        self.conv = TimeConv(c_in, c_out, kernel_size, stride)
        self.bn = ChannelNorm(c_out)

    def execute(self, x):
        return self.bn(self.conv(x))


class GraphTimeUnit(nn.Module):
    """UnitGCN, then UnitTCN, and around both a shortcut (except in a stream's first unit)."""

    def __init__(self, c_in, c_out, A, e, stride: int = 1, residual: bool = True):
        self.gcn1 = UnitGCN(c_in, c_out, A, e)
        self.tcn1 = UnitTCN(c_out, c_out, stride=stride)
        self.has_shortcut = residual
        self.residual = None
        if residual and (c_in != c_out or stride != 1):
            self.residual = UnitTCN(c_in, c_out, kernel_size=1, stride=stride)

    def execute(self, x):
        y, attention = self.gcn1(x)
        y = self.tcn1(y)
        if self.has_shortcut:
            y = y + (x if self.residual is None else self.residual(x))
        return relu(y), attention


# --- Fusion of the streams ------------------------------------------------------------------------


class Gate(nn.Module):
    """How much each joint, or each time, matters: its mean over all else [N, size] -> [N, size]."""

    def __init__(self, size: int):
        self.fc1 = Conv2d(size, size, 1, bias=False)
        self.fc2 = Conv2d(size, size, 1, bias=False)

    def execute(self, mean):
        hidden = relu(self.fc1(mean[:, :, None, None]))
        return self.fc2(hidden).sigmoid().flatten(1)


class Fusion(nn.Module):
    """Each stream adds what the other one saw at the times that matter: two [N, T, V, C],
    and the gates.

    released: attention to joints only decides what the attention to times is computed from, and the
    movement stream gets the posture stream that has already been added to. Otherwise, as in
    equations (8) and (9) and figure 5 of the paper, both attentions are computed from the features
    alone and weight them, and each stream gets the other one as it was.
    """

    def __init__(self, T: int, V: int, released: bool = True):
        self.released = released
        self.att_T_p, self.att_N_p = Gate(T), Gate(V)
        self.att_T_m, self.att_N_m = Gate(T), Gate(V)

    def execute(self, x_p, x_m):
        joints_p, times_p, weights_p = self.weigh(x_p, self.att_T_p, self.att_N_p)
        joints_m, times_m, weights_m = self.weigh(x_m, self.att_T_m, self.att_N_m)
        fused = x_p + x_m * weights_m
        x_m = x_m + (fused if self.released else x_p) * weights_p
        return fused, x_m, (joints_p, joints_m, times_p, times_m)

    def weigh(self, x, of_times: Gate, of_joints: Gate):
        """Attention to joints [N, V] and to times [N, T], and the features' weights, from them."""
        N, T, V, _ = x.shape
        mean = x.mean(dim=3)  # [N, T, V]
        joints = of_joints(mean.mean(dim=1))
        each = joints.view(N, 1, V)
        times = of_times((mean * each if self.released else mean).mean(dim=2))
        weights = times.view(N, T, 1)
        return joints, times, (weights if self.released else weights * each).unsqueeze(3)


# --- The network ----------------------------------------------------------------------------------


class BPMGCN(nn.Module):
    """Bilateral posture and movement graph convolutional network. `BPMGCN()` is the released."""

    def __init__(self, config: BPMGCNConfig = BPMGCNConfig()):
        self.config = c = config
        letters = {"both": "pm", "posture": "p", "movement": "m"}[c.streams]
        A, V = jt.array(Graph().A).stop_grad(), GAIT_JOINTS
        w1, w2, w3 = c.widths
        e1, e2, e3 = (w // c.embed if c.graph == "adaptive" else None for w in c.widths)
        channels = {"p": POSTURE_CHANNELS, "m": MOVEMENT_CHANNELS}
        # By stream; registered under the authors' names
        self.norms = {s: BatchNorm(V * channels[s]) for s in letters}
        self.units = {
            s: [
                GraphTimeUnit(channels[s], w1, A, e1, residual=False),
                *(GraphTimeUnit(w1, w1, A, e1) for _ in range(3)),
                GraphTimeUnit(w1, w2, A, e2, stride=2),
                *(GraphTimeUnit(w2, w2, A, e2) for _ in range(2)),
                GraphTimeUnit(w2, w3, A, e3, stride=2),
                *(GraphTimeUnit(w3, w3, A, e3) for _ in range(2)),
            ]
            for s in letters
        }
        for s, norm in self.norms.items():
            self.add_module(f"data_bn_{s}", norm)
        for s, units in self.units.items():
            for i, unit in enumerate(units, start=1):
                self.add_module(f"l{i}_{s}", unit)
        self.fusions = {}  # by the unit that they come after
        if c.streams == "both":
            half, released = (c.frames + 1) // 2, c.fusion == "released"
            self.fusion1, self.fusion2 = Fusion(c.frames, V, released), Fusion(half, V, released)
            self.fusion3 = Fusion((half + 1) // 2, V, released)
            self.fusions = {4: self.fusion1, 7: self.fusion2, 10: self.fusion3}
        self.classifiers = {s: start_linear(w3, c.n_classes) for s in letters}
        for s, classifier in self.classifiers.items():
            self.add_module(f"fc1_classifier_{s}", classifier)
        if "p" in letters:
            self.fc2_aff = start_linear(w3, c.n_features * c.frames)

    def execute(self, posture, movement) -> BPMGCNOutput:
        """Score gaits.

        posture: [N, 3, T, 16, 1], x y z of every joint. movement: [N, 8, T, 16, 1], velocity (3
        and its length) and acceleration (the same). NumPy arrays or Vars. Raises ValueError naming
        the argument whose shape is wrong.
        """
        return self._run(posture, movement)[0]

    def inspect(self, posture, movement) -> BPMGCNInspection:
        """The same with what lies behind the scores; inputs as the network takes them."""
        with jt.no_grad():
            output, graphs, gates = self._run(posture, movement)
            learned = {
                s: [u.gcn1.PA.copy() for u in self.units.get(s, []) if u.gcn1.PA is not None]
                for s in "pm"
            }
        by_kind = [list(kind) for kind in zip(*gates, strict=True)] or [[], [], [], []]
        return BPMGCNInspection(
            graphs["p"], graphs["m"], learned["p"], learned["m"], *by_kind, output
        )

    def _run(self, posture, movement):
        """The output, each unit's attention by stream, and each fusion's gates."""
        posture, movement = as_floats(posture, movement)
        check_gait(self.config, posture, movement)
        given = {"p": posture, "m": movement}
        x = {s: self.normalize(given[s], norm) for s, norm in self.norms.items()}  # [N, T, V, C]
        graphs: dict[str, list] = {"p": [], "m": []}
        gates = []
        for i in range(10):
            for s, units in self.units.items():
                x[s], attention = units[i](x[s])
                if attention is not None:
                    graphs[s].append(attention)
            if i + 1 in self.fusions:
                x["p"], x["m"], seen = self.fusions[i + 1](x["p"], x["m"])
                gates.append(seen)
        pool = jt.max if self.config.pool == "max" else jt.mean
        pooled = {s: pool(x[s].flatten(1, 2), dim=1) for s in x}  # [N, w3]
        logits = {s: classifier(pooled[s]) for s, classifier in self.classifiers.items()}
        affective = self.fc2_aff(pooled["p"]) if "p" in pooled else None
        return BPMGCNOutput(logits.get("p"), affective, logits.get("m")), graphs, gates

    @staticmethod
    def normalize(x, bn: BatchNorm):
        """Batch norm of every channel of every joint by itself: [N, C, T, V, 1] -> [N, T, V, C]."""
        N, C, T, V, _ = x.shape
        x = x.squeeze(4).permute(0, 2, 3, 1)
        return bn(x.reshape(N * T, V * C)).reshape(N, T, V, C)
