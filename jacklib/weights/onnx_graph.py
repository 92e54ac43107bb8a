"""The four networks as ONNX graphs, written node by node: no tracing, and no PyTorch.

Each function below is one network's `execute` once more, in ONNX's operators and with the state
dict's names; `cli/export.py` writes the file. Letters: see each network's file. The batch is
dynamic, and so is the number of TSL-Net's clips; all other sizes are the config's. In evaluation
only: no dropout, and batch norm with its stored statistics.

Inputs are those of the networks, outputs the fields of their answers that a program needs.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from jacklib.core import shapes
from jacklib.core.configs import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig
from jacklib.core.shapes import AUDIO_COEFFICIENTS, AUDIO_FRAMES, MEL_BINS
from jacklib.core.skeleton import Graph as Skeleton

OPSET, IR_VERSION = 17, 8  # of ONNX 1.12 (2022), which every ONNX Runtime since then reads
CHUNK = 600  # clips within which TSL-Net's circle of neighbours closes, as in networks/tsl_net.py


class Graph:
    """A graph in the making. Calling it adds a node, `g("Add", x, y)`, and gives the output's name.

    Among a node's inputs are names of outputs, names of weights, and arrays or numbers, which
    become constants.
    """

    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights, self.nodes = weights, []
        self.held: dict[str, np.ndarray] = {}  # the weights and constants in use
        self.inputs: list[Any] = []

    def __call__(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        names = [self._named(one) for one in inputs]
        outputs = [f"{kind}_{len(self.nodes)}"]
        outputs += [f"{outputs[0]}_places"] * (kind == "TopK")
        self.nodes.append(helper.make_node(kind, names, outputs, **attributes))
        return outputs[0]

    def _named(self, value: Any, name: str = "") -> str:
        if isinstance(value, str):
            if value in self.weights:
                self.held[value] = self.weights[value]
            return value
        array = np.asarray(value)
        name = name or f"constant_{len(self.held)}"
        self.held[name] = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        return name

    def input(self, name: str, *shape: int | str) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def model(self, outputs: dict[str, str]) -> Any:
        """The file's content. outputs: {name: the node's output}."""
        last = [helper.make_node("Identity", [made], [name]) for name, made in outputs.items()]
        sizes = {name: ("batch", *["clips"] * (name == "scores"), None) for name in outputs}
        given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in sizes.items()]
        held = [numpy_helper.from_array(np.ascontiguousarray(v), n) for n, v in self.held.items()]
        graph = helper.make_graph([*self.nodes, *last], "network", self.inputs, given, held)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)

    # --- layers -----------------------------------------------------------------------------------

    def reshape(self, x: str, *shape: int) -> str:
        return self("Reshape", x, np.array(shape))

    def transpose(self, x: str, *order: int) -> str:
        return self("Transpose", x, perm=order)

    def mean(self, x: str, *axes: int) -> str:
        return self("ReduceMean", x, axes=axes, keepdims=0)

    def conv(self, x: str, name: str, padding: Sequence[int] = (), stride=()) -> str:
        bias = [f"{name}.bias"] if f"{name}.bias" in self.weights else []
        how = {"pads": [*padding, *padding]} if padding else {}
        how |= {"strides": stride} if stride else {}
        return self("Conv", x, f"{name}.weight", *bias, **how)

    def norm(self, x: str, name: str) -> str:
        parts = ("weight", "bias", "running_mean", "running_var")
        return self("BatchNormalization", x, *(f"{name}.{part}" for part in parts), epsilon=1e-5)

    def linear(self, x: str, name: str) -> str:
        turned = self._named(self.weights[f"{name}.weight"].T, f"{name}.weight.T")
        y = self("MatMul", x, turned)
        return self("Add", y, f"{name}.bias") if f"{name}.bias" in self.weights else y

    def relu(self, x: str) -> str:
        return self("Relu", x)

    def weigh(self, x: str, gamma: str) -> str:
        """x [B, d, S] times gamma [B, S], the mean over S."""
        return self.mean(self("Mul", x, self("Unsqueeze", gamma, np.array([1]))), 2)

    # --- what VAANet and CTEN share ---------------------------------------------------------------

    def attention(self, x: str, name: str, size: int, kind: str = "relu") -> str:
        h = self("Tanh", self.norm(self.conv(x, f"{name}.conv.0"), f"{name}.conv.1"))
        h = self.linear(self("Squeeze", h, np.array([1])), f"{name}.fc")
        if kind == "relu":
            return self.relu(h)
        return self("Mul", self("Softmax", h, axis=1), float(size))

    def block(self, x: str, name: str, strides: Sequence[tuple], paddings: Sequence[tuple]) -> str:
        """A residual block: one convolution and norm for each stride, and the shortcut."""
        y = x
        for i, (stride, padding) in enumerate(zip(strides, paddings, strict=True), start=1):
            y = self.norm(self.conv(y, f"{name}.conv{i}", padding, stride), f"{name}.bn{i}")
            y = self.relu(y) if i < len(strides) else y
        if f"{name}.downsample.0.weight" in self.weights:
            x = self.conv(x, f"{name}.downsample.0", stride=max(strides))
            x = self.norm(x, f"{name}.downsample.1")
        return self.relu(self("Add", y, x))

    def resnet3d(self, c: VAANetConfig | CTENConfig) -> str:
        """The input "visual" [B, S, 3, D, H, W] through the backbone: [B*S, nc, 1, side, side]."""
        frames, size = c.snippet_duration, c.sample_size
        x = self.input("visual", "batch", c.seq_len, 3, frames, size, size)
        x = self.reshape(x, -1, 3, frames, size, size)
        x = self("Div", self("Sub", x, 100.0), 255.0)
        x = self.conv(x, "resnet.0", (3, 3, 3), (1, 2, 2))
        x = self.relu(self.norm(x, "resnet.1"))
        x = self("MaxPool", x, kernel_shape=[3] * 3, strides=[2] * 3, pads=[1] * 6)
        for stage, n_blocks in enumerate(c.blocks):
            for unit in range(n_blocks):
                stride = (2 if stage and not unit else 1,) * 3
                strides, paddings = [(1,) * 3, stride, (1,) * 3], [(0,) * 3, (1,) * 3, (0,) * 3]
                x = self.block(x, f"resnet.{4 + stage}.{unit}", strides, paddings)
        return x

    def audio(self, c: VAANetConfig | CTENConfig, n: int, time: int, bins: int, wide: int) -> str:
        """The input "audio" [B, n * time, bins] through its ResNet: [B*n, wide]."""
        x = self.reshape(self.input("audio", "batch", n * time, bins), -1, 1, time, bins)
        x = self.relu(self.norm(self.conv(x, "a_resnet.0", (3, 0), (2, 1)), "a_resnet.1"))
        x = self("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        for stage in range(4):
            for unit in range(2):
                strides = [(2 if stage and not unit else 1,) * 2, (1, 1)]
                x = self.block(x, f"a_resnet.{4 + stage}.{unit}", strides, [(1, 1)] * 2)
        x = self("AveragePool", x, kernel_shape=shapes.audio_map(time, bins))
        x = self.linear(self.reshape(x, -1, 8 * c.audio_width), "a_fc.0")
        return self.reshape(self("Tanh", self.norm(x, "a_fc.1")), -1, n, wide)


def vaanet(g: Graph, c: VAANetConfig) -> dict[str, str]:
    """visual, audio -> logits [B, C], probabilities [B, C], gamma [B, S], audio_gamma [B, n]."""
    side = shapes.check_depth(c.snippet_duration, c.sample_size, len(c.blocks))
    m, k = side * side, c.embed_size
    x = g.reshape(g.resnet3d(c), -1, c.channels, m)
    x = g.relu(g.norm(g.conv(x, "conv0.0"), "conv0.1"))  # [B*S, k, m]
    alpha = g.attention(x, "sa_net", m, "softmax")
    x = g("Mul", x, g("Unsqueeze", alpha, np.array([1])))
    beta = g.attention(g.transpose(x, 0, 2, 1), "cwa_net", k, "softmax")  # [B*S, k]
    x = g.mean(g("Mul", x, g("Unsqueeze", beta, np.array([2]))), 2)
    x = g.transpose(g.reshape(x, -1, c.seq_len, k), 0, 2, 1)  # [B, k, S]
    gamma = g.attention(x, "ta_net", c.seq_len)

    n, e = c.audio_n_segments, c.audio_embed_size
    a = g.transpose(g.audio(c, n, AUDIO_FRAMES, AUDIO_COEFFICIENTS, e), 0, 2, 1)  # [B, e, n]
    audio_gamma = g.attention(a, "aa_net", n)
    both = g("Concat", g.weigh(x, gamma), g.weigh(a, audio_gamma), axis=1)
    logits = g.linear(both, "av_fc")
    probabilities = g("Softmax", logits, axis=1)
    return dict(logits=logits, probabilities=probabilities, gamma=gamma, audio_gamma=audio_gamma)


# --- CTEN -----------------------------------------------------------------------------------------


def attend(g: Graph, query: str, key: str, value: str, size: int) -> str:
    """Scaled dot-product attention, as in networks/cten.py."""
    scores = g("Mul", g("MatMul", query, g.transpose(key, 0, 2, 1)), size**-0.5)
    return g("MatMul", g("Softmax", scores, axis=2), value)


def non_local(g: Graph, x: str, name: str, c: CTENConfig) -> str:
    S, d = c.seq_len, c.channels
    query, key, value = (g.linear(x, f"{name}.{part}") for part in ("theta", "phi", "g"))
    y = g.linear(attend(g, query, key, value, c.inner_size), f"{name}.out")
    y = g.reshape(g.norm(g.reshape(y, -1, d), f"{name}.bn"), -1, S, d)
    return g("Add", y, g("Mul", x, f"{name}.alpha") if c.shortcut == "learned" else x)


def between(g: Graph, query: str, key_value: str, name: str, c: CTENConfig) -> str:
    S, d, h = c.seq_len, c.channels, c.n_heads

    def heads(x: str, part: str) -> str:  # [B, S, d] -> [B*h, S, d/h]
        x = g.relu(g.linear(x, f"{name}.linear_{part}"))
        x = g.transpose(g.reshape(x, -1, S, h, d // h), 0, 2, 1, 3)
        return g.reshape(x, -1, S, d // h)

    y = attend(g, heads(query, "q"), heads(key_value, "k"), heads(key_value, "v"), d // h)
    y = g.transpose(g.reshape(y, -1, h, S, d // h), 0, 2, 1, 3)
    return g.relu(g.linear(g.reshape(y, -1, S, d), f"{name}.linear_o"))


def cten(g: Graph, c: CTENConfig) -> dict[str, str]:
    """visual, audio -> logits, probabilities, gamma of one pass. The erasing between two passes
    chooses other frames of the film and is no part of the network."""
    S, d = c.seq_len, c.channels
    v = g.reshape(g.mean(g.resnet3d(c), 2, 3, 4), -1, S, d)
    v = non_local(g, v, "nl.0", c)
    if not c.visual_only:
        a = non_local(g, g.audio(c, S, c.audio_time, MEL_BINS, d), "nl_a.0", c)
        v2a, a2v = between(g, a, v, "v2a_attn", c), between(g, v, a, "a2v_attn", c)
        v, a = g("Add", v, v2a), g("Add", a, a2v)
        if not c.erase_sound:
            v = g("Concat", v, a, axis=2)
    v = g.transpose(v, 0, 2, 1)
    gamma = g.attention(v, "ta_net", S)
    both, more = g.weigh(v, gamma), {}
    if c.erase_sound:
        a = g.transpose(a, 0, 2, 1)
        more["audio_gamma"] = g.attention(a, "ta_net_a", S)
        both = g("Concat", both, g.weigh(a, more["audio_gamma"]), axis=1)
    logits = g.linear(both, "fc")
    return dict(logits=logits, probabilities=g("Softmax", logits, axis=1), gamma=gamma, **more)


# --- TSL-Net --------------------------------------------------------------------------------------


def listen(g: Graph, logmel: str, d: int) -> str:
    """Audio features: [B, T, 32, 60] -> [B, d, T]."""
    frames, bins = shapes.LOGMEL_FRAMES, shapes.LOGMEL_BINS
    T = g("Squeeze", g("Shape", logmel, start=1, end=2))
    number = g("Range", g._named(np.array(0)), T, g._named(np.array(1)))  # [T]
    rate = np.exp(np.arange(0, bins, 2) * (-np.log(10000.0) / bins)).astype(np.float32)
    column = g("Unsqueeze", g("Cast", number, to=TensorProto.FLOAT), np.array([1]))
    angle = g("Mul", column, rate)
    waves = [g("Unsqueeze", g(kind, angle), np.array([2])) for kind in ("Sin", "Cos")]
    x = g("Add", logmel, g.reshape(g("Concat", *waves, axis=2), 1, -1, 1, bins))

    # The clip before and the clip after, in a circle within each chunk
    first = g("Mul", g("Div", number, np.array(CHUNK)), np.array(CHUNK))
    last = g("Min", g("Add", first, np.array(CHUNK - 1)), g("Sub", T, np.array(1)))
    before = g("Where", g("Equal", number, first), last, g("Sub", number, np.array(1)))
    after = g("Where", g("Equal", number, last), first, g("Add", number, np.array(1)))
    x = g("Concat", g("Gather", x, before, axis=1), x, g("Gather", x, after, axis=1), axis=2)
    x = g.reshape(x, -1, 1, 3 * frames, bins)

    name = "cls_module.a_extractor"
    x = g.norm(g.relu(g.conv(x, f"{name}.0", (3, 3), (3, 2))), f"{name}.2")
    x = g("MaxPool", x, kernel_shape=[4, 4], strides=[4, 4])
    x = g.relu(g.conv(g.relu(g.conv(x, f"{name}.4", (1, 1))), f"{name}.6"))
    x = g("MaxPool", g.norm(x, f"{name}.8"), kernel_shape=[2, 2], strides=[2, 2])
    x = g.relu(g.conv(g.relu(g.conv(x, f"{name}.10", (1, 1))), f"{name}.12"))
    x = g("AveragePool", g.norm(x, f"{name}.14"), kernel_shape=[4, 3])
    wanted = g("Concat", g("Shape", logmel, start=0, end=2), np.array([d]), axis=0)
    return g.transpose(g("Reshape", x, wanted), 0, 2, 1)


def tsl(g: Graph, c: TSLNetConfig) -> dict[str, str]:
    """rgb, logmel -> video_score [B, C], scores [B, T, C+1]."""
    d, parts, name = c.len_feature // 2, [], "cls_module"
    if c.modality != "logmfcc":
        x = g.transpose(g.input("rgb", "batch", "clips", c.rgb_size), 0, 2, 1)
        parts.append(g.relu(g.conv(x, f"{name}.v_align.0", (1,))))
    if c.modality != "rgb":
        size = shapes.LOGMEL_FRAMES, shapes.LOGMEL_BINS
        parts.append(listen(g, g.input("logmel", "batch", "clips", *size), d))
    x = g("Concat", *parts, axis=1)  # [B, 2d, T]
    x = g.relu(g.conv(x, f"{name}.neck.0", (1,)))
    logits = g.transpose(g.conv(x, f"{name}.classifier.0"), 0, 2, 1)  # [B, T, C+1]
    each, C = g("Sigmoid", logits), c.num_classes
    classes = g("Slice", each, np.array([0]), np.array([C]), np.array([2]))
    background = g("Slice", each, np.array([C]), np.array([C + 1]), np.array([2]))
    fused = g("Mul", classes, g("Sub", 1.0, background))
    k = g("Div", g("Shape", each, start=1, end=2), np.array([c.r_act]))
    best = g("TopK", classes if c.video_score == "released" else fused, k, axis=1)
    scores = g("Concat", fused, background, axis=2)
    return dict(video_score=g.mean(best, 1), scores=scores)


# --- BPM-GCN --------------------------------------------------------------------------------------


def graph_unit(g: Graph, x: str, name: str, sizes: tuple, adaptive: bool) -> str:
    """[N, C, T, V] -> [N, c_out, T / stride, V]. sizes: C, T, stride."""
    (C, T, stride), V, mixed = sizes, shapes.GAIT_JOINTS, []
    for k, part in enumerate(Skeleton().A):
        if adaptive:
            a, b = (g.conv(x, f"{name}.gcn1.conv_{letter}.{k}") for letter in "ab")
            size = len(g.weights[f"{name}.gcn1.conv_a.{k}.weight"]) * T
            a = g.reshape(g.transpose(a, 0, 3, 1, 2), -1, V, size)
            seen = g("Div", g("MatMul", a, g.reshape(b, -1, size, V)), float(size))
            part = g("Add", g("Softmax", seen, axis=1), part + g.weights[f"{name}.gcn1.PA"][k])
        y = g.reshape(g("MatMul", g.reshape(x, -1, C * T, V), part), -1, C, T, V)
        mixed.append(g.conv(y, f"{name}.gcn1.conv_d.{k}"))
    y, down = g.norm(g("Sum", *mixed), f"{name}.gcn1.bn"), x
    if f"{name}.gcn1.down.0.weight" in g.weights:
        down = g.norm(g.conv(x, f"{name}.gcn1.down.0"), f"{name}.gcn1.down.1")
    y = g.relu(g("Add", y, down))
    y = g.norm(g.conv(y, f"{name}.tcn1.conv", (4, 0), (stride, 1)), f"{name}.tcn1.bn")
    if f"{name}.residual.conv.weight" in g.weights:
        x = g.norm(g.conv(x, f"{name}.residual.conv", stride=(stride, 1)), f"{name}.residual.bn")
    return g.relu(y if name.startswith("l1_") else g("Add", y, x))


def gate(g: Graph, mean: str, name: str, size: int, *shape: int) -> str:
    h = g.relu(g.conv(g.reshape(mean, -1, size, 1, 1), f"{name}.fc1"))
    return g.reshape(g("Sigmoid", g.conv(h, f"{name}.fc2")), -1, *shape)


def fusion(g: Graph, x: dict[str, str], name: str, T: int, released: bool) -> dict[str, str]:
    V, weights = shapes.GAIT_JOINTS, {}
    for s in "pm":
        joints = gate(g, g.mean(x[s], 1, 2), f"{name}.att_N_{s}", V, 1, 1, V)
        mean = g.mean(g("Mul", x[s], joints) if released else x[s], 1, 3)
        times = gate(g, mean, f"{name}.att_T_{s}", T, 1, T, 1)
        weights[s] = times if released else g("Mul", times, joints)
    fused = g("Add", x["p"], g("Mul", x["m"], weights["m"]))
    added = g("Mul", fused if released else x["p"], weights["p"])
    return {"p": fused, "m": g("Add", x["m"], added)}


def gait(g: Graph, c: BPMGCNConfig) -> dict[str, str]:
    """posture [N, 3, T, 16, 1], movement [N, 8, T, 16, 1] -> logits and probabilities [N, C], and
    affective [N, features * T] where there is a posture stream."""
    V, T, x, C = shapes.GAIT_JOINTS, c.frames, {}, {}
    for name in ("posture", "movement"):
        if c.streams not in ("both", name):
            continue
        s = name[0]
        C[s] = {"p": shapes.POSTURE_CHANNELS, "m": shapes.MOVEMENT_CHANNELS}[s]
        h = g.transpose(g.input(name, "batch", C[s], T, V, 1), 0, 2, 3, 1, 4)
        h = g.norm(g.reshape(h, -1, V * C[s]), f"data_bn_{s}")
        x[s] = g.transpose(g.reshape(h, -1, T, V, C[s]), 0, 3, 1, 2)
    for i in range(1, 11):
        stride = 2 if i in (5, 8) else 1
        for s in x:
            sizes, adaptive = (C[s], T, stride), c.graph == "adaptive"
            x[s] = graph_unit(g, x[s], f"l{i}_{s}", sizes, adaptive)
            C[s] = c.widths[(i > 4) + (i > 7)]
        T = math.ceil(T / stride)
        if len(x) == 2 and i in (4, 7, 10):
            x = fusion(g, x, f"fusion{(4, 7, 10).index(i) + 1}", T, c.fusion == "released")
    kind = "ReduceMax" if c.pool == "max" else "ReduceMean"
    pooled = {s: g(kind, x[s], axes=[2, 3], keepdims=0) for s in x}
    each = [g.linear(pooled[s], f"fc1_classifier_{s}") for s in x]
    logits = g("Mean", *each)
    found = dict(logits=logits, probabilities=g("Softmax", logits, axis=1))
    return found | ({"affective": g.linear(pooled["p"], "fc2_aff")} if "p" in x else {})


NETWORKS = {"vaanet": vaanet, "cten": cten, "tsl": tsl, "gait": gait}
