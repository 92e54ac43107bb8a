"""Graph convolutions over joints and time, on maps [N, T, V, C], channels last.

N samples, T times, V joints, C channels; so a convolution of single positions is one matrix
product. All of this is here for speed, on the CPU; on a GPU it is Jittor's own matrix product and
convolution. PyTorch's twin has the same in plain operators.
"""

import jittor as jt

from jacklib.ops.conv import kaiming_normal_fan_out
from jacklib.ops.cpu import cpp, onednn
from jacklib.ops.norm import BatchNorm

KERNELS = cpp("graph")

# --- convolution over time ------------------------------------------------------------------------


def conv_time(x, weight, stride: int = 1) -> jt.Var:
    """Convolve x [N, T, V, C] over time with weight [O, C, K, 1], K odd: [N, T / stride, V, O].

    Faster than Jittor's, which has no oneDNN for channels last. The ends are padded with K // 2
    zeros each, and T / stride is rounded up. Raises ValueError if the channels differ.
    """
    N, T, V, C = x.shape
    outs, ins, K, _ = weight.shape
    if C != ins:
        raise ValueError(f"x: found shape {list(x.shape)}, wanted [N, T, V, {ins}].")
    if K == 1:
        x = x if stride == 1 else x[:, ::stride]
        y = jt.nn.matmul_transpose(x.reshape(-1, C), weight.reshape(outs, C))
        return y.reshape(*x.shape[:3], outs)
    if not jt.flags.use_cuda and onednn.available():
        return onednn.TimeConvFunction.apply(x, weight, stride)
    y = jt.nn.conv2d(x.transpose(0, 3, 1, 2), weight, None, (stride, 1), (K // 2, 0))
    return y.transpose(0, 2, 3, 1)


class TimeConv(jt.nn.Module):
    """`conv_time` as a layer; kernel_size 1: a convolution of positions.

    Weight [c_out, c_in, kernel_size, 1], as PyTorch's Conv2d has it over [N, C, T, V]. Starts with
    Kaiming normal (fan_out) weights and biases of 0.
    """

    def __init__(self, c_in: int, c_out: int, kernel_size: int = 1, stride: int = 1):
        self.stride = stride
        self.weight = jt.zeros((c_out, c_in, kernel_size, 1))
        self.bias = jt.zeros(c_out)
        kaiming_normal_fan_out(self.weight)

    def execute(self, x):
        return conv_time(x, self.weight, self.stride) + self.bias


class ChannelNorm(BatchNorm):
    """Batch norm of the last axis: [..., C] -> [..., C]."""

    def execute(self, x):
        return super().execute(x.reshape(-1, x.shape[-1])).reshape(x.shape)


# --- products between joints ----------------------------------------------------------------------


def _run(source: str, shape, *inputs: jt.Var) -> jt.Var:
    return jt.code(list(shape), "float32", list(inputs), cpu_header=KERNELS.HEADER, cpu_src=source)


class _JointProducts(jt.Function):
    def execute(self, ab):
        self.ab = ab
        N, _, V, _, k, _ = ab.shape
        return _run(KERNELS.PRODUCTS, (N, k, V, V), ab)

    def grad(self, d):
        return _run(KERNELS.PRODUCTS_GRADIENT, self.ab.shape, d, self.ab)


class _Left(jt.Function):
    def execute(self, x, L):
        self.x, self.L = x, L
        N, T, _, C = x.shape
        return _run(KERNELS.LEFT, (N, T, L.shape[1], C), x, L)

    def grad(self, dy):
        dx = None
        if self.input_mask[0] >= 0:  # Jittor's mark for an input that wants a gradient
            dx = _run(KERNELS.LEFT, self.x.shape, dy, self.L.transpose(0, 2, 1))
        return dx, _run(KERNELS.PAIRS, self.L.shape, dy, self.x)


def joint_products(ab) -> jt.Var:
    """Products of joints' vectors: ab [N, T, V, 2, k, e] -> [N, k, V, V], summed over T and e.

    [n, k, v, w] = sum over t, e of ab[n, t, v, 0, k, e] * ab[n, t, w, 1, k, e]. Faster: Jittor
    multiplies stacks of small matrices by plain loops.
    """
    if not jt.flags.use_cuda:
        return _JointProducts.apply(ab)
    N, T, V, _, k, e = ab.shape
    a = ab[:, :, :, 0].transpose(0, 3, 2, 1, 4).reshape(N, k, V, T * e)
    b = ab[:, :, :, 1].transpose(0, 3, 1, 4, 2).reshape(N, k, T * e, V)
    return jt.matmul(a, b)


def mix_joints(x, graph) -> jt.Var:
    """Weighted sums of joints: x [N, T, V, C], graph [N, k, V, V] -> [N, T, V, k, C].

    [n, t, w, k, c] = sum over v of x[n, t, v, c] * graph[n, k, v, w]. Faster, likewise.
    """
    N, T, V, C = x.shape
    k = graph.shape[1]
    L = graph.transpose(0, 3, 1, 2).reshape(N, V * k, V)
    if not jt.flags.use_cuda:
        return _Left.apply(x, L).reshape(N, T, V, k, C)
    x = x.transpose(0, 2, 1, 3).reshape(N, V, T * C)
    return jt.matmul(L, x).reshape(N, V, k, T, C).transpose(0, 3, 1, 2, 4)


# --- graph convolution ----------------------------------------------------------------------------


def graph_conv(x, graph, conv_d) -> jt.Var:
    """Sum over parts k of conv_d[k](x mixed by graph[:, k]): x [N, T, V, C], graph [N, k, V, V] ->
    [N, T, V, c_out]. Faster than part by part: one convolution, and the mixed maps are never added
    up."""
    mixed = mix_joints(x, graph).flatten(3)  # [N, T, V, k*C]
    weight = jt.concat([conv.weight for conv in conv_d], dim=1)  # [c_out, k*C, 1, 1]
    return conv_time(mixed, weight) + sum(conv.bias for conv in conv_d)


def graph_attention_conv(x, graph, conv_a, conv_b, conv_d) -> tuple[jt.Var, jt.Var]:
    """Sum over parts k of conv_d[k](x mixed by graph[k] + attention[k]): x [N, T, V, C], graph
    [k, V, V] -> [N, T, V, c_out] and attention [N, k, V, V], whose columns sum to 1.

    conv_a, conv_b, conv_d: a TimeConv for each part. attention[k] compares joints v and w in
    conv_a[k](x) at v and conv_b[k](x) at w. Faster than part by part: their convolutions are one
    product, side by side in C.
    """
    N, T, V, _ = x.shape
    k, e = graph.shape[0], conv_a[0].weight.shape[0]
    both = [*conv_a, *conv_b]
    weight = jt.concat([conv.weight for conv in both], dim=0)
    ab = conv_time(x, weight) + jt.concat([conv.bias for conv in both], dim=0)
    products = joint_products(ab.reshape(N, T, V, 2, k, e))  # [N, k, V, V]
    attention = jt.nn.softmax(products / (e * T), dim=2)
    return graph_conv(x, attention + graph, conv_d), attention
