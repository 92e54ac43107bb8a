"""BPM-GCN in PyTorch, to be read from top to bottom.

Zhai, Jia, Lai, Zhang, Yang and Tao, "Looking into Gait for Perceiving Emotions via Bilateral
Posture and Movement Graph Convolutional Networks", IEEE Transactions on Affective Computing 2024.
State-dict names are those of the authors' code.

Letters in the comments: N gaits, T frames, V = 16 joints, C channels, k = 3 parts of the graph.
Maps are [N, C, T, V].
"""

import math

import torch
from torch import Tensor, nn

from jacklib.core.configs import BPMGCNConfig
from jacklib.core.outputs import BPMGCNInspection, BPMGCNOutput
from jacklib.core.shapes import GAIT_JOINTS, MOVEMENT_CHANNELS, POSTURE_CHANNELS, check_gait
from jacklib.core.skeleton import Graph

# --- One unit: a graph convolution in each frame, then a convolution over time at each joint ------


class Conv(nn.Conv2d):
    """Convolution over time: [N, c_in, T, V] -> [N, c_out, T / stride, V]. kernel_size 1: of
    positions.

    Starts with Kaiming normal (fan_out) weights and biases of 0.
    """

    def __init__(self, c_in: int, c_out: int, kernel_size: int = 1, stride: int = 1):
        pad = (kernel_size - 1) // 2
        super().__init__(c_in, c_out, (kernel_size, 1), stride=(stride, 1), padding=(pad, 0))
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        nn.init.zeros_(self.bias)


def graph_conv(x: Tensor, graph, conv_d) -> Tensor:
    """Sum over parts k of conv_d[k](x mixed by graph[k]): x [N, C, T, V], graph[k] [V, V] or
    [N, V, V] -> [N, c_out, T, V]."""
    N, C, T, V = x.shape
    mixed = (torch.matmul(x.view(N, C * T, V), part).view(N, C, T, V) for part in graph)
    return sum(conv(m) for conv, m in zip(conv_d, mixed, strict=True))


def graph_attention_conv(x: Tensor, graph: Tensor, conv_a, conv_b, conv_d) -> tuple[Tensor, Tensor]:
    """Sum over parts k of conv_d[k](x mixed by graph[k] + attention[k]): x [N, C, T, V], graph
    [k, V, V] -> [N, c_out, T, V] and attention [N, k, V, V], whose columns sum to 1.

    attention[k] compares joints v and w in conv_a[k](x) at v and conv_b[k](x) at w.
    """
    seen = []
    for k in range(len(graph)):
        a = conv_a[k](x).permute(0, 3, 1, 2).flatten(2)  # [N, V, e*T]
        b = conv_b[k](x).flatten(1, 2)  # [N, e*T, V]
        seen.append(torch.softmax(torch.matmul(a, b) / b.shape[1], dim=1))  # [N, V, V]
    mixed_by = [part + attention for part, attention in zip(graph, seen, strict=True)]
    return graph_conv(x, mixed_by, conv_d), torch.stack(seen, dim=1)


def start_linear(c_in: int, c_out: int) -> nn.Linear:
    """A linear layer with normal weights."""
    layer = nn.Linear(c_in, c_out)
    nn.init.normal_(layer.weight, 0, math.sqrt(2 / c_out))
    return layer


class UnitGCN(nn.Module):
    """Graph convolution: [N, c_in, T, V] -> [N, c_out, T, V], attention [N, k, V, V] or None.

    Each of the k parts of the graph is the sum of A (the skeleton, fixed), PA (learned, the same
    for all gaits) and an attention between the joints of each gait (e channels). Without e it is A
    alone, as in ST-GCN, without the weights of edges there, which the paper does not mention.
    """

    def __init__(self, c_in: int, c_out: int, A: Tensor, e: int | None):
        super().__init__()
        k = len(A)
        self.register_buffer("A", A, persistent=False)  # [k, V, V]
        self.PA = None
        if e is not None:
            self.PA = nn.Parameter(torch.full_like(A, 1e-6))
            self.conv_a = nn.ModuleList([Conv(c_in, e) for _ in range(k)])
            self.conv_b = nn.ModuleList([Conv(c_in, e) for _ in range(k)])
        self.conv_d = nn.ModuleList([Conv(c_in, c_out) for _ in range(k)])
        for conv in self.conv_d:
            nn.init.normal_(conv.weight, 0, math.sqrt(2 / (c_out * c_in * k)))
        self.down = None
        if c_in != c_out:
            self.down = nn.Sequential(Conv(c_in, c_out), nn.BatchNorm2d(c_out))
        self.bn = nn.BatchNorm2d(c_out)
        nn.init.constant_(self.bn.weight, 1e-6)  # at first, the unit only hands its input on

    def forward(self, x: Tensor):
        if self.PA is None:
            y, attention = graph_conv(x, self.A, self.conv_d), None
        else:
            graph = self.A + self.PA
            y, attention = graph_attention_conv(x, graph, self.conv_a, self.conv_b, self.conv_d)
        return torch.relu(self.bn(y) + (x if self.down is None else self.down(x))), attention


class UnitTCN(nn.Module):
    """Convolution over time and batch norm: [N, c_in, T, V] -> [N, c_out, ceil(T / stride), V]."""

    def __init__(self, c_in: int, c_out: int, kernel_size: int = 9, stride: int = 1):
        super().__init__()
        self.conv = Conv(c_in, c_out, kernel_size, stride)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor):
        return self.bn(self.conv(x))


class GraphTimeUnit(nn.Module):
    """UnitGCN, then UnitTCN, and around both a shortcut (except in a stream's first unit)."""

    def __init__(self, c_in, c_out, A, e, stride: int = 1, residual: bool = True):
        super().__init__()
        self.gcn1 = UnitGCN(c_in, c_out, A, e)
        self.tcn1 = UnitTCN(c_out, c_out, stride=stride)
        self.has_shortcut = residual
        self.residual = None
        if residual and (c_in != c_out or stride != 1):
            self.residual = UnitTCN(c_in, c_out, kernel_size=1, stride=stride)

    def forward(self, x: Tensor):
        y, attention = self.gcn1(x)
        y = self.tcn1(y)
        if self.has_shortcut:
            y = y + (x if self.residual is None else self.residual(x))
        return torch.relu(y), attention


# --- Fusion of the streams ------------------------------------------------------------------------


class Gate(nn.Module):
    """How much each joint, or each time, matters: its mean over all else [N, size] -> [N, size]."""

    def __init__(self, size: int):
        super().__init__()
        self.fc1 = nn.Conv2d(size, size, 1, bias=False)
        self.fc2 = nn.Conv2d(size, size, 1, bias=False)

    def forward(self, mean: Tensor):
        hidden = torch.relu(self.fc1(mean[:, :, None, None]))
        return self.fc2(hidden).sigmoid().flatten(1)


class Fusion(nn.Module):
    """Each stream adds what the other one saw at the times that matter: two [N, C, T, V],
    and the gates.

    released: attention to joints only decides what the attention to times is computed from, and the
    movement stream gets the posture stream that has already been added to. Otherwise, as in
    equations (8) and (9) and figure 5 of the paper, both attentions are computed from the features
    alone and weight them, and each stream gets the other one as it was.
    """

    def __init__(self, T: int, V: int, released: bool = True):
        super().__init__()
        self.released = released
        self.att_T_p, self.att_N_p = Gate(T), Gate(V)
        self.att_T_m, self.att_N_m = Gate(T), Gate(V)

    def forward(self, x_p: Tensor, x_m: Tensor):
        joints_p, times_p, weights_p = self.weigh(x_p, self.att_T_p, self.att_N_p)
        joints_m, times_m, weights_m = self.weigh(x_m, self.att_T_m, self.att_N_m)
        fused = x_p + x_m * weights_m
        x_m = x_m + (fused if self.released else x_p) * weights_p
        return fused, x_m, (joints_p, joints_m, times_p, times_m)

    def weigh(self, x: Tensor, of_times: Gate, of_joints: Gate):
        """Attention to joints [N, V] and to times [N, T], and the features' weights, from them."""
        N, _, T, V = x.shape
        joints = of_joints(x.mean(dim=(1, 2)))
        each = joints.view(N, 1, 1, V)
        times = of_times((x * each if self.released else x).mean(dim=(1, 3)))
        weights = times.view(N, 1, T, 1)
        return joints, times, weights if self.released else weights * each


# --- The network ----------------------------------------------------------------------------------


class BPMGCN(nn.Module):
    """Bilateral posture and movement graph convolutional network. `BPMGCN()` is the released."""

    def __init__(self, config: BPMGCNConfig = BPMGCNConfig()):
        super().__init__()
        self.config = c = config
        letters = {"both": "pm", "posture": "p", "movement": "m"}[c.streams]
        A, V = torch.from_numpy(Graph().A), GAIT_JOINTS
        w1, w2, w3 = c.widths
        e1, e2, e3 = (w // c.embed if c.graph == "adaptive" else None for w in c.widths)
        channels = {"p": POSTURE_CHANNELS, "m": MOVEMENT_CHANNELS}
        # By stream; registered under the authors' names
        self.norms = {s: nn.BatchNorm1d(V * channels[s]) for s in letters}
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

    def forward(self, posture: Tensor, movement: Tensor) -> BPMGCNOutput:
        """Score gaits.

        posture: [N, 3, T, 16, 1], x y z of every joint. movement: [N, 8, T, 16, 1], velocity (3
        and its length) and acceleration (the same). Raises ValueError naming the argument whose
        shape is wrong.
        """
        return self._run(posture, movement)[0]

    def inspect(self, posture: Tensor, movement: Tensor) -> BPMGCNInspection:
        """The same with what lies behind the scores; inputs as `forward` takes them."""
        with torch.no_grad():
            output, graphs, gates = self._run(posture, movement)
            learned = {
                s: [u.gcn1.PA.detach() for u in self.units.get(s, []) if u.gcn1.PA is not None]
                for s in "pm"
            }
        by_kind = [list(kind) for kind in zip(*gates, strict=True)] or [[], [], [], []]
        return BPMGCNInspection(
            graphs["p"], graphs["m"], learned["p"], learned["m"], *by_kind, output
        )

    def _run(self, posture, movement):
        """The output, each unit's attention by stream, and each fusion's gates."""
        check_gait(self.config, posture, movement)
        given = {"p": posture, "m": movement}
        x = {s: self.normalize(given[s], norm) for s, norm in self.norms.items()}  # [N, C, T, V]
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
        pool = torch.amax if self.config.pool == "max" else torch.mean
        pooled = {s: pool(x[s], dim=(2, 3)) for s in x}  # [N, w3]
        logits = {s: classifier(pooled[s]) for s, classifier in self.classifiers.items()}
        affective = self.fc2_aff(pooled["p"]) if "p" in pooled else None
        return BPMGCNOutput(logits.get("p"), affective, logits.get("m")), graphs, gates

    @staticmethod
    def normalize(x: Tensor, bn: nn.BatchNorm1d) -> Tensor:
        """Batch norm of every channel of every joint by itself: [N, C, T, V, 1] -> [N, C, T, V]."""
        N, C, T, V, _ = x.shape
        x = bn(x[..., 0].permute(0, 3, 1, 2).reshape(N, V * C, T))
        return x.view(N, V, C, T).permute(0, 2, 3, 1).contiguous()
