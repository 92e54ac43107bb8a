"""Graph convolutions over joints and time, on maps [N, T, V, C], channels last.

N samples, T times, V joints, C channels; so a convolution of single positions is one matrix
product. All of this is here for speed, on the CPU; on a GPU it is Jittor's own matrix product and
convolution. PyTorch's twin has the same in plain operators.
"""

import jittor as jt

from jacklib.ops.conv import kaiming_normal_fan_out
from jacklib.ops.cpu import onednn
from jacklib.ops.norm import BatchNorm

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

# Vectors as wide as the machine's registers and of four; y = L x for a small L; sums of products
# of rows.
_HEADER = r"""
#include <algorithm>
namespace jack {
#ifdef __AVX512F__
constexpr int W = 16;
#else
constexpr int W = 8;
#endif
typedef float vec __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
static inline vec& at(float* p) { return *(vec*)p; }
static inline const vec& at(const float* p) { return *(const vec*)p; }
static inline quad& four(float* p) { return *(quad*)p; }
static inline const quad& four(const float* p) { return *(const quad*)p; }

// y[m, :] = sum over j of L[m * lm + j * lj] * x[j, :]; rows of C floats, xs and ys apart.
static void multiply(const float* L, long lm, long lj, long M, long J, const float* x, long xs,
                     float* y, long ys, long C) {
    long c = 0;
    for (; c + 4 * W <= C; c += 4 * W)
        for (long m = 0; m < M; m++) {
            vec a = {0}, b = {0}, d = {0}, e = {0};
            for (long j = 0; j < J; j++) {
                const float l = L[m * lm + j * lj];
                const float* p = x + j * xs + c;
                a += l * at(p); b += l * at(p + W); d += l * at(p + 2 * W); e += l * at(p + 3 * W);
            }
            float* q = y + m * ys + c;
            at(q) = a; at(q + W) = b; at(q + 2 * W) = d; at(q + 3 * W) = e;
        }
    for (; c + W <= C; c += W)
        for (long m = 0; m < M; m++) {
            vec a = {0};
            for (long j = 0; j < J; j++) a += L[m * lm + j * lj] * at(x + j * xs + c);
            at(y + m * ys + c) = a;
        }
    for (; c + 4 <= C; c += 4)
        for (long m = 0; m < M; m++) {
            quad a = {0}, b = {0};  // two, so that one need not wait for the other
            for (long j = 0; j + 1 < J; j += 2) {
                a += L[m * lm + j * lj] * four(x + j * xs + c);
                b += L[m * lm + (j + 1) * lj] * four(x + (j + 1) * xs + c);
            }
            if (J % 2) a += L[m * lm + (J - 1) * lj] * four(x + (J - 1) * xs + c);
            four(y + m * ys + c) = a + b;
        }
    for (; c < C; c++)
        for (long m = 0; m < M; m++) {
            float a = 0;
            for (long j = 0; j < J; j++) a += L[m * lm + j * lj] * x[j * xs + c];
            y[m * ys + c] = a;
        }
}

static inline float total(const vec& v, const quad& q) {
    float sum = q[0] + q[1] + q[2] + q[3];
    for (int i = 0; i < W; i++) sum += v[i];
    return sum;
}

// S[m * sm + j * sj] = sum over t and c of x[t, m, c] * y[t, j, c], for m < A and j < B.
template <int A, int B>
static void dots(const float* x, long xt, long xs, const float* y, long yt, long ys, long T, long C,
                 float* S, long sm, long sj) {
    vec acc[A][B] = {};
    quad some[A][B] = {};
    float rest[A][B] = {};
    for (long t = 0; t < T; t++, x += xt, y += yt) {
        long c = 0;
        for (; c + W <= C; c += W) {
            vec p[A];
            for (int m = 0; m < A; m++) p[m] = at(x + m * xs + c);
            for (int j = 0; j < B; j++) {
                const vec q = at(y + j * ys + c);
                for (int m = 0; m < A; m++) acc[m][j] += p[m] * q;
            }
        }
        for (; c + 4 <= C; c += 4)
            for (int m = 0; m < A; m++)
                for (int j = 0; j < B; j++)
                    some[m][j] += four(x + m * xs + c) * four(y + j * ys + c);
        for (; c < C; c++)
            for (int m = 0; m < A; m++)
                for (int j = 0; j < B; j++) rest[m][j] += x[m * xs + c] * y[j * ys + c];
    }
    for (int m = 0; m < A; m++)
        for (int j = 0; j < B; j++)
            S[m * sm + j * sj] = total(acc[m][j], some[m][j]) + rest[m][j];
}

// The same for four m (or fewer, at the end) and all j.
static void dots_row(const float* x, long xt, long xs, const float* y, long yt, long ys, long T,
                     long C, float* S, long sm, long sj, long M, long J) {
    long j = 0;
    if (M == 4)
        for (; j + 2 <= J; j += 2)
            dots<4, 2>(x, xt, xs, y + j * ys, yt, ys, T, C, S + j * sj, sm, sj);
    for (; j < J; j++)
        for (long m = 0; m < M; m++)
            dots<1, 1>(x + m * xs, xt, xs, y + j * ys, yt, ys, T, C, S + m * sm + j * sj, sm, sj);
}
}
"""

# x [N, T, J, C], L [N, M, J] -> [N, T, M, C]
_LEFT = r"""
    const long N = in0_shape0, T = in0_shape1, J = in0_shape2, C = in0_shape3, M = in1_shape1;
    #pragma omp parallel for
    for (long i = 0; i < N * T; i++)
        jack::multiply(in1_p + i / T * M * J, J, 1, M, J, in0_p + i * J * C, C,
                       out0_p + i * M * C, C, C);
"""
# x [N, T, M, C], y [N, T, J, C] -> [N, M, J]
_PAIRS = r"""
    const long N = in0_shape0, T = in0_shape1, M = in0_shape2, C = in0_shape3, J = in1_shape2;
    const long blocks = (M + 3) / 4;
    #pragma omp parallel for
    for (long i = 0; i < N * blocks; i++) {
        const long n = i / blocks, m = i % blocks * 4;
        jack::dots_row(in0_p + (n * T * M + m) * C, M * C, C, in1_p + n * T * J * C, J * C, C, T, C,
                       out0_p + (n * M + m) * J, J, 1, std::min(4l, M - m), J);
    }
"""
# ab [N, T, V, 2, k, e] -> [N, k, V, V]
_PRODUCTS = r"""
    const long N = in0_shape0, T = in0_shape1, V = in0_shape2, K = in0_shape4, E = in0_shape5;
    const long row = 2 * K * E, blocks = (V + 3) / 4;
    #pragma omp parallel for
    for (long i = 0; i < N * K * blocks; i++) {
        const long n = i / (K * blocks), k = i / blocks % K, v = i % blocks * 4;
        const float* x = in0_p + n * T * V * row + k * E;
        jack::dots_row(x + v * row, V * row, row, x + K * E, V * row, row, T, E,
                       out0_p + ((n * K + k) * V + v) * V, V, 1, std::min(4l, V - v), V);
    }
"""
# d [N, k, V, V], ab -> gradient of ab
_PRODUCTS_GRADIENT = r"""
    const long N = in1_shape0, T = in1_shape1, V = in1_shape2, K = in1_shape4, E = in1_shape5;
    const long row = 2 * K * E;
    #pragma omp parallel for
    for (long i = 0; i < N * T; i++)
        for (long k = 0; k < K; k++) {
            const float* d = in0_p + (i / T * K + k) * V * V;
            const float* x = in1_p + i * V * row + k * E;
            float* y = out0_p + i * V * row + k * E;
            jack::multiply(d, V, 1, V, V, x + K * E, row, y, row, E);
            jack::multiply(d, 1, V, V, V, x, row, y + K * E, row, E);
        }
"""


def _run(source: str, shape, *inputs: jt.Var) -> jt.Var:
    return jt.code(list(shape), "float32", list(inputs), cpu_header=_HEADER, cpu_src=source)


class _JointProducts(jt.Function):
    def execute(self, ab):
        self.ab = ab
        N, _, V, _, k, _ = ab.shape
        return _run(_PRODUCTS, (N, k, V, V), ab)

    def grad(self, d):
        return _run(_PRODUCTS_GRADIENT, self.ab.shape, d, self.ab)


class _Left(jt.Function):
    def execute(self, x, L):
        self.x, self.L = x, L
        N, T, _, C = x.shape
        return _run(_LEFT, (N, T, L.shape[1], C), x, L)

    def grad(self, dy):
        dx = None
        if self.input_mask[0] >= 0:  # Jittor's mark for an input that wants a gradient
            dx = _run(_LEFT, self.x.shape, dy, self.L.transpose(0, 2, 1))
        return dx, _run(_PAIRS, self.L.shape, dy, self.x)


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


def graph_attention_conv(x, graph, conv_a, conv_b, conv_d) -> tuple[jt.Var, jt.Var]:
    """Sum over parts k of conv_d[k](x mixed by graph[k] + attention[k]): x [N, T, V, C], graph
    [k, V, V] -> [N, T, V, c_out] and attention [N, k, V, V], whose columns sum to 1.

    conv_a, conv_b, conv_d: a TimeConv for each part. attention[k] compares joints v and w in
    conv_a[k](x) at v and conv_b[k](x) at w. Faster than part by part: the convolutions are one
    product each, side by side in C, and the mixed maps are never added up.
    """
    N, T, V, C = x.shape
    k, e = graph.shape[0], conv_a[0].weight.shape[0]
    both = [*conv_a, *conv_b]
    weight = jt.concat([conv.weight for conv in both], dim=0)
    ab = conv_time(x, weight) + jt.concat([conv.bias for conv in both], dim=0)
    products = joint_products(ab.reshape(N, T, V, 2, k, e))  # [N, k, V, V]
    attention = jt.nn.softmax(products / (e * T), dim=2)
    mixed = mix_joints(x, attention + graph).reshape(N, T, V, k * C)
    weight = jt.concat([conv.weight for conv in conv_d], dim=1)  # [c_out, k*C, 1, 1]
    return conv_time(mixed, weight) + sum(conv.bias for conv in conv_d), attention
