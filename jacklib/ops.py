"""Layers, losses and optimizers where Jittor 1.3.11 lacks one or differs from PyTorch.

Each equals PyTorch in value and gradient; tests/test_ops.py compares them with numbers that
PyTorch computed. Arrays are Jittor Vars in the usual order: [N, C, ...], float32. Layers that
Jittor has right (Linear, Dropout) are not repeated here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import jittor as jt
import numpy as np

from . import onednn
from .errors import DataError, shown
from .one_channel import OneChannelConv
from .unfold import Unfold


def numbers(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """`2` -> `(2, 2, 2)`; a sequence must have `count` entries already."""
    if isinstance(value, int):
        return (value,) * count
    if len(value) != count:
        raise ValueError(f"found {list(value)}, wanted one number or {count}.")
    return tuple(int(n) for n in value)


def as_var(value) -> jt.Var:
    """A Var as it is, anything else (NumPy, numbers) as a new Var."""
    return value if isinstance(value, jt.Var) else jt.array(value)


# ---------------------------------------------------------------------------------------------
# Convolution
# ---------------------------------------------------------------------------------------------


def conv3d(x, weight, bias=None, stride=1, padding=0) -> jt.Var:
    """Convolve x [N, C, D, H, W] with weight [O, C, kD, kH, kW] -> [N, O, d, h, w].

    On a GPU cuDNN does it; on the CPU oneDNN, which Jittor itself calls for 2-D only (its own loops
    take 15 to 60 times PyTorch's time); without oneDNN's files, 2-D convolutions (`folded_conv3d`).

    Raises ValueError where the channels of x and weight differ.
    """
    stride, padding = numbers(stride, 3), numbers(padding, 3)
    if len(x.shape) != 5 or x.shape[1] != weight.shape[1]:
        raise ValueError(f"x: found shape {list(x.shape)}, wanted [N, {weight.shape[1]}, D, H, W].")
    if jt.flags.use_cuda:
        y = jt.nn.conv3d(x, weight, None, stride, padding)
    elif onednn.available():
        y = onednn.Conv3dFunction.apply(x, weight, stride, padding)
    else:
        y = folded_conv3d(x, weight, stride, padding)
    return _with_bias(y, bias)


def folded_conv3d(x, weight, stride, padding) -> jt.Var:
    """`conv3d` by one 2-D convolution: the kD frames under the kernel become channels.

    x [N, C, D, H, W] -> [N*d, kD*C, H, W], weight [O, C, kD, kH, kW] -> [O, kD*C, kH, kW].
    """
    N, C, D, H, W = x.shape
    out, _, kD, kH, kW = weight.shape
    d = (D + 2 * padding[0] - kD) // stride[0] + 1
    # Frame i*stride + k - padding for each of the d results and kD taps; outside the clip: zero.
    x = x.reindex(
        [N, d, kD, C, H, W],
        ["i0", "i3", f"i1*{stride[0]}+i2-{padding[0]}", "i4", "i5"],
    ).reshape(N * d, kD * C, H, W)
    weight = weight.transpose(0, 2, 1, 3, 4).reshape(out, kD * C, kH, kW)
    y = jt.nn.conv2d(x, weight, None, stride[1:], padding[1:])
    return y.reshape(N, d, out, *y.shape[2:]).transpose(0, 2, 1, 3, 4)


class Conv3d(jt.nn.Module):
    """3-D convolution layer; weight [out, in, kD, kH, kW], Kaiming uniform as PyTorch starts it."""

    def __init__(self, c_in, c_out, kernel_size, stride=1, padding=0, bias=True):
        kernel = numbers(kernel_size, 3)
        self.stride, self.padding = numbers(stride, 3), numbers(padding, 3)
        bound = 1 / math.sqrt(c_in * math.prod(kernel))
        self.weight = jt.init.uniform([c_out, c_in, *kernel], "float32", -bound, bound)
        self.bias = jt.init.uniform([c_out], "float32", -bound, bound) if bias else None

    def execute(self, x):
        return conv3d(x, self.weight, self.bias, self.stride, self.padding)


class Conv1d(jt.nn.Module):
    """1-D convolution over [N, C, L]; weight [out, in, k], as in PyTorch."""

    def __init__(self, c_in, c_out, kernel_size, stride=1, padding=0, bias=True):
        self.stride, self.padding = stride, padding
        bound = 1 / math.sqrt(c_in * kernel_size)
        self.weight = jt.init.uniform([c_out, c_in, kernel_size], "float32", -bound, bound)
        self.bias = jt.init.uniform([c_out], "float32", -bound, bound) if bias else None

    def execute(self, x):
        c_out, c_in, K = self.weight.shape
        if K == 1 and self.stride == 1 and self.padding == 0:
            y = jt.matmul(self.weight.squeeze(2), x)
        else:
            # Gather what each output sees, then one product: Jittor's 2-D convolution reorders
            # input, weight and result at every call, which takes longer than the numbers do.
            seen = unfold(x, K, self.stride, self.padding)  # [N, c_in * K, L]
            weight = self.weight.reshape(c_out, c_in * K)
            if x.shape[0] == 1:
                y = jt.matmul(weight, seen.squeeze(0)).unsqueeze(0)
            else:
                y = jt.matmul(weight, seen)
        return _with_bias(y, self.bias)


def unfold(x, K: int, stride: int, padding: int) -> jt.Var:
    """What each output of a 1-D convolution sees: [N, C, n] -> [N, C*K, L], 0 beyond the ends."""
    if not jt.flags.use_cuda:
        return Unfold.apply(x, K, stride, padding)
    N, C, n = x.shape
    L = (n + 2 * padding - K) // stride + 1
    seen = x.reindex([N, C, K, L], ["i0", "i1", f"i3*{stride}+i2-{padding}"])
    return seen.reshape(N, C * K, L)


def _with_bias(y, bias) -> jt.Var:
    """Add one number a channel to y [N, C, ...]; over three axes, since fewer axes loop faster."""
    if bias is None:
        return y
    return (y.reshape(*y.shape[:2], -1) + bias.reshape(1, -1, 1)).reshape(y.shape)


class Conv2d(jt.nn.Conv2d):
    """Jittor's 2-D convolution, with 1 x 1 kernels as one product over all places of all samples.

    Jittor's own reorders input, weight and result at each call, and is slow in the gradient of the
    weight; its names and first weights are kept.
    """

    def execute(self, x):
        if x.shape[1] == 1 and self.weight.shape[1] == 1 and not jt.flags.use_cuda:
            bias = jt.zeros(self.weight.shape[0]) if self.bias is None else self.bias
            return OneChannelConv.apply(x, self.weight, bias, self.stride, self.padding)
        if tuple(self.weight.shape[2:]) != (1, 1) or self.stride != (1, 1) or any(self.padding):
            y = jt.nn.conv2d(x, self.weight, None, self.stride, self.padding)
        else:
            y = self.one_by_one(x)
        return _with_bias(y, self.bias)

    def one_by_one(self, x):
        N, C, H, W = x.shape
        places = x.reshape(N, C, H * W).transpose(1, 0, 2).reshape(C, -1)  # [C, N*H*W]
        y = jt.matmul(self.weight.reshape(-1, C), places)  # [out, N*H*W]
        return y.reshape(-1, N, H * W).transpose(1, 0, 2).reshape(N, -1, H, W)


def kaiming_normal_fan_out(weight: jt.Var) -> None:
    """Fill a weight in place as PyTorch's `kaiming_normal_(mode="fan_out")` does, gain sqrt 2."""
    fan_out = weight.shape[0] * math.prod(weight.shape[2:])
    weight.assign(jt.randn(weight.shape) * math.sqrt(2 / fan_out))


# ---------------------------------------------------------------------------------------------
# Batch normalisation
# ---------------------------------------------------------------------------------------------

# Each channel's two sums over samples and positions, N x C x L in memory. Partial sums of a row in
# float32 (vectorised), rows in double: exact enough where E[x^2] - E[x]^2 is not.
_MOMENTS = r"""
    const long N = in0_shape0, C = in0_shape1, L = in0_shape2;
    #pragma omp parallel for
    for (long c = 0; c < C; c++) {
        double total = 0;
        for (long n = 0; n < N; n++) {
            const float* x = in0_p + (n * C + c) * L;
            float row = 0;
            #pragma omp simd reduction(+:row)
            for (long i = 0; i < L; i++) row += x[i];
            total += row;
        }
        const float mean = total / (N * L);
        double squares = 0, rest = 0;
        for (long n = 0; n < N; n++) {
            const float* x = in0_p + (n * C + c) * L;
            float row = 0, offset = 0;
            #pragma omp simd reduction(+:row,offset)
            for (long i = 0; i < L; i++) { float z = x[i] - mean; row += z * z; offset += z; }
            squares += row;
            rest += offset;
        }
        // `rest` is what rounding left out of the mean.
        const double shift = rest / (N * L);
        out0_p[c] = mean + shift;
        out1_p[c] = squares / (N * L) - shift * shift;
    }
"""
_GRADIENT_SUMS = r"""
    const long N = in0_shape0, C = in0_shape1, L = in0_shape2;
    #pragma omp parallel for
    for (long c = 0; c < C; c++) {
        const float mean = in2_p[c];
        double sum = 0, product = 0;
        for (long n = 0; n < N; n++) {
            const float* dy = in0_p + (n * C + c) * L;
            const float* x = in1_p + (n * C + c) * L;
            float s = 0, p = 0;
            #pragma omp simd reduction(+:s,p)
            for (long i = 0; i < L; i++) { s += dy[i]; p += dy[i] * (x[i] - mean); }
            sum += s;
            product += p;
        }
        out0_p[c] = sum;
        out1_p[c] = product;
    }
"""
# The same where a sample has one value a channel: rows of C numbers in memory. Each thread takes
# its share of the rows; 32 rows at a time in float32, the rest in double.
_ROWS = r"""
#include <omp.h>
#include <algorithm>
#include <vector>
namespace jack {
// Calls add(row, a, b) for every row and gives the sums over rows of a[C] and b[C].
template <class Add>
static void sum_rows(long N, long C, std::vector<double>& a, std::vector<double>& b, Add add) {
    const long parts = std::max(1l, std::min((long)omp_get_max_threads(), N / 64));
    std::vector<double> sums(parts * 2 * C);
    #pragma omp parallel for num_threads(parts)
    for (long part = 0; part < parts; part++) {
        double* sum = sums.data() + part * 2 * C;
        std::vector<float> block(2 * C);
        const long end = N * (part + 1) / parts;
        for (long n = N * part / parts; n < end; n += 32) {
            std::fill(block.begin(), block.end(), 0.f);
            for (long i = n; i < std::min(end, n + 32); i++) add(i, block.data(), &block[C]);
            for (long c = 0; c < 2 * C; c++) sum[c] += block[c];
        }
    }
    a.assign(C, 0);
    b.assign(C, 0);
    for (long part = 0; part < parts; part++)
        for (long c = 0; c < C; c++) {
            a[c] += sums[part * 2 * C + c];
            b[c] += sums[(part * 2 + 1) * C + c];
        }
}
}
"""
_MOMENTS_OF_ROWS = r"""
    const long N = in0_shape0, C = in0_shape1;
    const float* x = in0_p;
    std::vector<double> total, rest, squares;
    jack::sum_rows(N, C, total, rest, [&](long n, float* a, float* b) {
        for (long c = 0; c < C; c++) a[c] += x[n * C + c];
    });
    std::vector<float> mean(C);
    for (long c = 0; c < C; c++) mean[c] = total[c] / N;
    jack::sum_rows(N, C, squares, rest, [&](long n, float* a, float* b) {
        #pragma omp simd
        for (long c = 0; c < C; c++) {
            const float z = x[n * C + c] - mean[c];
            a[c] += z * z;
            b[c] += z;
        }
    });
    for (long c = 0; c < C; c++) {
        const double shift = rest[c] / N;
        out0_p[c] = mean[c] + shift;
        out1_p[c] = squares[c] / N - shift * shift;
    }
"""
_GRADIENT_SUMS_OF_ROWS = r"""
    const long N = in0_shape0, C = in0_shape1;
    const float *dy = in0_p, *x = in1_p, *mean = in2_p;
    std::vector<double> sum, product;
    jack::sum_rows(N, C, sum, product, [&](long n, float* a, float* b) {
        #pragma omp simd
        for (long c = 0; c < C; c++) {
            const float d = dy[n * C + c];
            a[c] += d;
            b[c] += d * (x[n * C + c] - mean[c]);
        }
    });
    for (long c = 0; c < C; c++) { out0_p[c] = sum[c]; out1_p[c] = product[c]; }
"""


def _sums(source: str, source_of_rows: str, C: int, inputs: list[jt.Var]) -> list[jt.Var]:
    """Two numbers a channel from maps [N, C, L], on the CPU."""
    if inputs[0].shape[2] == 1:
        return jt.code(
            [[C], [C]], ["float32"] * 2, inputs, cpu_header=_ROWS, cpu_src=source_of_rows
        )
    return jt.code([[C], [C]], ["float32"] * 2, inputs, cpu_src=source)


def _moments(x: jt.Var) -> tuple[jt.Var, jt.Var]:
    """Mean and biased variance of each channel of x [N, C, L]."""
    C = x.shape[1]
    if not jt.flags.use_cuda:
        mean, var = _sums(_MOMENTS, _MOMENTS_OF_ROWS, C, [x])
        return mean, var
    mean = x.mean((0, 2))
    return mean, (x - mean.reshape(1, C, 1)).sqr().mean((0, 2))


def _gradient_sums(dy: jt.Var, x: jt.Var, mean: jt.Var) -> tuple[jt.Var, jt.Var]:
    """Each channel's sum of dy and of dy * (x - mean)."""
    C = x.shape[1]
    if not jt.flags.use_cuda:
        first, second = _sums(_GRADIENT_SUMS, _GRADIENT_SUMS_OF_ROWS, C, [dy, x, mean])
        return first, second
    return dy.sum((0, 2)), (dy * (x - mean.reshape(1, C, 1))).sum((0, 2))


class _NormalizeBatch(jt.Function):
    """x [N, C, L] -> (x - mean) / sqrt(var + eps) * weight + bias, with the batch's own moments.

    count: how many values a channel has in all processes; None where this one has the whole batch.
    """

    def execute(self, x, weight, bias, eps, mean, var, count):
        self.x, self.weight, self.mean, self.count = x, weight, mean, count
        self.inverse = 1 / (var + eps).sqrt()  # [C]
        return _scale(x, mean, self.inverse * weight, bias)

    def grad(self, dy):
        x, C = self.x, self.x.shape[1]
        count = x.shape[0] * x.shape[2]
        sum_dy, product = _gradient_sums(dy, x, self.mean)
        if self.input_mask[0] < 0:  # the input wants no gradient
            return None, product * self.inverse, sum_dy, None, None, None, None
        gradients = product * self.inverse, sum_dy  # of weight and bias: this process's own part
        if self.count is not None:
            count = self.count
            sums = jt.concat([sum_dy, product]).mpi_all_reduce("add")
            sum_dy, product = sums[:C], sums[C:]
        slope = (product * self.inverse * self.inverse / count).reshape(1, C, 1)
        centred = dy - (sum_dy / count).reshape(1, C, 1) - (x - self.mean.reshape(1, C, 1)) * slope
        dx = centred * (self.inverse * self.weight).reshape(1, C, 1)
        return dx, *gradients, None, None, None, None


def _moments_of_all(x: jt.Var) -> tuple[jt.Var, jt.Var, jt.Var]:
    """Mean and biased variance of each channel over all processes, and the number of values [1]."""
    mean, var = _moments(x)
    own = float(x.shape[0] * x.shape[2])
    sums = jt.concat([mean * own, jt.array([own])]).mpi_all_reduce("add")
    count = sums[-1:]
    mean_of_all = sums[:-1] / count
    # Chan, Golub and LeVeque's rule for joining variances: no difference of large squares.
    squares = own * (var + (mean - mean_of_all).sqr())
    return mean_of_all, squares.mpi_all_reduce("add") / count, count


def _scale(x: jt.Var, mean: jt.Var, slope: jt.Var, bias: jt.Var) -> jt.Var:
    C = x.shape[1]
    return (x - mean.reshape(1, C, 1)) * slope.reshape(1, C, 1) + bias.reshape(1, C, 1)


class BatchNorm(jt.nn.Module):
    """Batch normalisation of [N, C] or [N, C, ...] (PyTorch's BatchNorm1d, 2d and 3d alike).

    `running_var` collects the unbiased variance, which Jittor's own layer does not. Running
    statistics are state, not parameters: they take no gradient. With `synchronised` (see
    `parallel.synchronise_batch_norm`) the moments are those of all processes' samples.

    Raises ValueError in training mode where a channel has a single value.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = jt.ones(num_features)
        self.bias = jt.zeros(num_features)
        self.running_mean = jt.zeros(num_features).stop_grad()
        self.running_var = jt.ones(num_features).stop_grad()
        self.is_train, self.synchronised = True, False

    def execute(self, x):
        if len(x.shape) < 2 or x.shape[1] != self.num_features:
            raise ValueError(
                f"x: found shape {list(x.shape)}, wanted [N, {self.num_features}, ...]."
            )
        shape = x.shape
        x = x.reshape(shape[0], shape[1], -1)  # [N, C, L]
        if not self.is_train:
            slope = self.weight / (self.running_var + self.eps).sqrt()
            return _scale(x, self.running_mean, slope, self.bias).reshape(shape)
        count = x.shape[0] * x.shape[2]
        if count < 2 and not self.synchronised:
            raise ValueError(
                f"x: found shape {list(shape)}, one value a channel, wanted two or more in "
                "training mode. Use a larger batch, or drop a last batch of one."
            )
        with jt.no_grad():
            if self.synchronised:
                mean, var, count = _moments_of_all(x)
            else:
                mean, var = _moments(x)
            new_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            unbiased = var * (count / (count - 1))
            new_var = self.running_var + self.momentum * (unbiased - self.running_var)
        self.running_mean.update(new_mean)
        self.running_var.update(new_var)
        y = _NormalizeBatch.apply(x, self.weight, self.bias, self.eps, mean, var,
            count if self.synchronised else None)  # fmt: skip
        return y.reshape(shape)


# ---------------------------------------------------------------------------------------------
# Activation
# ---------------------------------------------------------------------------------------------


class _ReLU(jt.Function):
    def execute(self, x):
        self.y = jt.maximum(x, 0.0)
        return self.y

    def grad(self, dy):
        return dy * (self.y > 0)


def relu(x) -> jt.Var:
    """max(x, 0), with slope 0 at 0, in a third of the time that Jittor's own takes on the CPU.

    Its own chooses each element by a condition and loops over all axes; this multiplies, and loops
    over [N, C, L].
    """
    return _ReLU.apply(x.reshape(*x.shape[:2], -1)).reshape(x.shape)


class ReLU(jt.nn.Module):
    """`relu` as a layer."""

    def execute(self, x):
        return relu(x)


# ---------------------------------------------------------------------------------------------
# Pooling
# ---------------------------------------------------------------------------------------------

_MAX_POOL = r"""
    const long D = in0_shape1, H = in0_shape2, W = in0_shape3;
    const long d = out0_shape1, h = out0_shape2, w = out0_shape3;
    const long k0 = data["k0"], k1 = data["k1"], k2 = data["k2"];
    const long s0 = data["s0"], s1 = data["s1"], s2 = data["s2"];
    const long p0 = data["p0"], p1 = data["p1"], p2 = data["p2"];
    #pragma omp parallel for
    for (long n = 0; n < in0_shape0; n++) {
        const float* x = in0_p + n * D * H * W;
        for (long i = 0; i < d; i++)
        for (long j = 0; j < h; j++) {
            // A whole row of results at once, one tap of the window after the other.
            float* best = out0_p + ((n * d + i) * h + j) * w;
            int* where = out1_p + ((n * d + i) * h + j) * w;
            for (long k = 0; k < w; k++) { best[k] = -INFINITY; where[k] = -1; }
            for (long a = std::max(0l, i * s0 - p0); a < std::min(D, i * s0 - p0 + k0); a++)
            for (long b = std::max(0l, j * s1 - p1); b < std::min(H, j * s1 - p1 + k1); b++)
            for (long c = 0; c < k2; c++) {
                const long first = (a * H + b) * W + c - p2;  // this tap of result 0
                const long begin = c < p2 ? (p2 - c + s2 - 1) / s2 : 0;
                const long end = std::min(w, (W - 1 + p2 - c + s2) / s2);
                #pragma omp simd
                for (long k = begin; k < end; k++) {
                    const float value = x[first + k * s2];
                    // The first of equal values gets the gradient, as in PyTorch. A NaN may get
                    // lost: Jittor compiles with fast math. Training looks at the gradients.
                    const bool take = (where[k] < 0) | (value > best[k]);
                    best[k] = take ? value : best[k];
                    where[k] = take ? int(first + k * s2) : where[k];
                }
            }
        }
    }
"""
_MAX_POOL_GRADIENT = r"""
    const long inside = out0_shape1, results = in0_shape1;
    #pragma omp parallel for
    for (long n = 0; n < out0_shape0; n++) {
        float* dx = out0_p + n * inside;
        std::fill(dx, dx + inside, 0.0f);
        for (long i = 0; i < results; i++) dx[in1_p[n * results + i]] += in0_p[n * results + i];
    }
"""
_POOL_HEADER = "#include <algorithm>\n#include <cmath>\n#include <vector>\n"


# The same where windows touch and do not overlap: the largest of every column first, whole rows at
# a time, then the largest of the columns. Of equal values the first of the window is taken.
_MAX_POOL_APART = r"""
    const long H = in0_shape1, W = in0_shape2, h = out0_shape1, w = out0_shape2;
    constexpr int k0 = @K0, k1 = @K1;  // known when compiled, for loops without counters
    #pragma omp parallel
    {
        std::vector<float> columns(w * k1);
        std::vector<int> rows(w * k1);
        float* __restrict__ column = columns.data();
        int* __restrict__ row = rows.data();
        #pragma omp for
        for (long n = 0; n < in0_shape0; n++)
        for (long j = 0; j < h; j++) {
            const float* x = in0_p + (n * H + j * k0) * W;
            for (long c = 0; c < w * k1; c++) { column[c] = x[c]; row[c] = 0; }
            for (long a = 1; a < k0; a++) {
                #pragma omp simd
                for (long c = 0; c < w * k1; c++) {
                    const bool take = x[a * W + c] > column[c];
                    column[c] = take ? x[a * W + c] : column[c];
                    row[c] = take ? int(a) : row[c];
                }
            }
            for (long k = 0; k < w; k++) {
                // Without a branch: which column wins cannot be foreseen.
                int best = k * k1, low = row[best];
                float top = column[best];
                for (int c = k * k1 + 1; c < (k + 1) * k1; c++) {
                    const bool take = (column[c] > top) | ((column[c] == top) & (row[c] < low));
                    top = take ? column[c] : top;
                    low = take ? row[c] : low;
                    best = take ? c : best;
                }
                out0_p[(n * h + j) * w + k] = top;
                out1_p[(n * h + j) * w + k] = (j * k0 + low) * W + best;
            }
        }
    }
"""


class _MaxPool(jt.Function):
    """x [N*C, D, H, W] -> the largest of each window."""

    def execute(self, x, kernel, stride, padding):
        self.shape = x.shape
        size = _pooled_size(x.shape[1:], kernel, stride, padding)
        result = [x.shape[0], *size]
        if kernel[0] == 1 and kernel == stride and not any(padding):
            x = x.reshape(-1, *x.shape[2:])  # [N*C*D, H, W]
            shape, data = [x.shape[0], *size[1:]], {}
            source = _MAX_POOL_APART.replace("@K0", str(kernel[1])).replace("@K1", str(kernel[2]))
        else:
            shape, source = result, _MAX_POOL
            data = {
                f"{letter}{i}": values[i]
                for letter, values in (("k", kernel), ("s", stride), ("p", padding))
                for i in range(3)
            }
        self.rows = shape[0]
        y, self.where = jt.code(
            [shape, shape], ["float32", "int32"], [x],
            cpu_header=_POOL_HEADER, cpu_src=source, data=data,
        )  # fmt: skip
        return y.reshape(result)

    def grad(self, dy):
        flat = [dy.reshape(self.rows, -1), self.where.reshape(self.rows, -1)]
        dx = jt.code(
            [self.rows, math.prod(self.shape) // self.rows], "float32", flat,
            cpu_header=_POOL_HEADER, cpu_src=_MAX_POOL_GRADIENT,
        )  # fmt: skip
        return dx.reshape(self.shape), None, None, None


class _MaxPoolOfOperators(jt.Function):
    """`_MaxPool` for a GPU, of Jittor's own operators: x [N, C, D, H, W].

    The gradient of Jittor's `max` goes to every one of equal values in full. After a ReLU many are
    equal; PyTorch and `_MaxPool` give it to the first of the window.
    """

    def execute(self, x, kernel, stride, padding):
        size = _pooled_size(x.shape[2:], kernel, stride, padding)
        self.shape, self.places = x.shape, _places(stride, padding)
        y = _windows(x, size, kernel, stride, padding, -3.4e38).max((5, 6, 7))
        self.number = jt.arange(math.prod(kernel)).reshape(1, 1, 1, 1, 1, *kernel)
        windows = _windows(x, size, kernel, stride, padding, -3.4e38)
        is_largest = windows == _per_window(y)
        self.first = jt.ternary(is_largest, self.number, math.prod(kernel)).min((5, 6, 7))
        return y

    def grad(self, dy):
        each = jt.ternary(self.number == _per_window(self.first), _per_window(dy), 0.0)
        return each.reindex_reduce("add", self.shape, self.places), None, None, None


def _per_window(y: jt.Var) -> jt.Var:
    return y.reshape(*y.shape, 1, 1, 1)


def _pooled_size(size, kernel, stride, padding) -> list[int]:
    if any(2 * p > k for k, p in zip(kernel, padding, strict=True)):
        raise ValueError(
            f"padding: found {list(padding)}, wanted at most half the kernel {list(kernel)}."
        )
    pooled = [
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True)
    ]
    if min(pooled) < 1:
        raise ValueError(
            f"x: found a map of {list(size)}, wanted at least the kernel {list(kernel)}."
        )
    return pooled


def max_pool3d(x, kernel_size, stride=None, padding=0) -> jt.Var:
    """Largest value of each window of x [N, C, D, H, W]; the kernel may be the whole map."""
    kernel = numbers(kernel_size, 3)
    stride = kernel if stride is None else numbers(stride, 3)
    padding = numbers(padding, 3)
    if jt.flags.use_cuda:
        return _MaxPoolOfOperators.apply(x, kernel, stride, padding)
    y = _MaxPool.apply(x.reshape(-1, *x.shape[2:]), kernel, stride, padding)
    return y.reshape(*x.shape[:2], *y.shape[1:])


def max_pool2d(x, kernel_size, stride=None, padding=0) -> jt.Var:
    """Largest value of each window of x [N, C, H, W]; the kernel may be the whole map."""
    kernel = (1, *numbers(kernel_size, 2))
    stride = kernel if stride is None else (1, *numbers(stride, 2))
    padding = (0, *numbers(padding, 2))
    return max_pool3d(x.unsqueeze(2), kernel, stride, padding).squeeze(2)


def _windows(x, size, kernel, stride, padding, outside) -> jt.Var:
    """[N, C, D, H, W] -> [N, C, d, h, w, kD, kH, kW], never stored: Jittor fuses what follows."""
    places = _places(stride, padding)
    return x.reindex([*x.shape[:2], *size, *kernel], places, overflow_value=outside)


def _places(stride, padding) -> list[str]:
    """Where in x each number of each window lies."""
    return ["i0", "i1", *(f"i{2 + a}*{stride[a]}+i{5 + a}-{padding[a]}" for a in range(3))]


def avg_pool3d(x, kernel_size, stride=None) -> jt.Var:
    """Mean of each window of x [N, C, D, H, W], no padding; the kernel may be the whole map."""
    kernel = numbers(kernel_size, 3)
    stride = kernel if stride is None else numbers(stride, 3)
    size = _pooled_size(x.shape[2:], kernel, stride, (0, 0, 0))
    return _windows(x, size, kernel, stride, (0, 0, 0), 0.0).mean((5, 6, 7))


def avg_pool2d(x, kernel_size, stride=None) -> jt.Var:
    """Mean of each window of x [N, C, H, W], no padding; the kernel may be the whole map."""
    kernel = (1, *numbers(kernel_size, 2))
    stride = kernel if stride is None else (1, *numbers(stride, 2))
    return avg_pool3d(x.unsqueeze(2), kernel, stride).squeeze(2)


class MaxPool3d(jt.nn.Module):
    """`max_pool3d` as a layer."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def execute(self, x):
        return max_pool3d(x, self.kernel_size, self.stride, self.padding)


class MaxPool2d(jt.nn.Module):
    """`max_pool2d` as a layer."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def execute(self, x):
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(jt.nn.Module):
    """`avg_pool2d` as a layer."""

    def __init__(self, kernel_size, stride=None):
        self.kernel_size, self.stride = kernel_size, stride

    def execute(self, x):
        return avg_pool2d(x, self.kernel_size, self.stride)


def adaptive_avg_pool(x, output_size: int | Sequence[int]) -> jt.Var:
    """Mean over windows that split each axis into `output_size` parts, overlapping where needed.

    x: [N, C, L], [N, C, H, W] or [N, C, D, H, W]; output_size: one number for all axes or one each.
    Part i of an axis of n covers floor(i*n/k) to ceil((i+1)*n/k), as in PyTorch.
    """
    axes = len(x.shape) - 2
    for axis, parts in enumerate(numbers(output_size, axes), start=2):
        n = x.shape[axis]
        averaging = np.zeros((n, parts), np.float32)
        for i in range(parts):
            begin, end = i * n // parts, -(-(i + 1) * n // parts)
            averaging[begin:end, i] = 1 / (end - begin)
        order = [a for a in range(len(x.shape)) if a != axis] + [axis]
        back = sorted(range(len(order)), key=order.__getitem__)
        x = jt.matmul(x.transpose(order), jt.array(averaging)).transpose(back)
    return x


# ---------------------------------------------------------------------------------------------
# Losses and reductions
# ---------------------------------------------------------------------------------------------

SMALLEST = 1.2e-38  # float32's smallest normal number; Jittor's kernels take less for zero


def logsumexp(x, dim: int, keepdim: bool = False) -> jt.Var:
    """log(sum(exp(x))) along `dim`, safe for large values."""
    top = x.max(dim, keepdims=True).stop_grad()
    y = (x - top).exp().sum(dim, keepdims=True).log() + top
    return y if keepdim else y.squeeze(dim)


def log_softmax(x, dim: int) -> jt.Var:
    """x - logsumexp(x) along `dim`."""
    return x - logsumexp(x, dim, keepdim=True)


def reduce(each: jt.Var, reduction: str) -> jt.Var:
    """`each` as it is ("none"), its mean ("mean") or its sum ("sum")."""
    if reduction == "none":
        return each
    if reduction == "mean":
        return each.mean()
    if reduction == "sum":
        return each.sum()
    raise ValueError(f"reduction: found {reduction!r}, wanted 'none', 'mean' or 'sum'.")


def nll_loss(log_probabilities, target, reduction: str = "mean") -> jt.Var:
    """Minus the log probability of the target class: [N, C, ...] and [N, ...] -> [N, ...]."""
    shape = log_probabilities.shape
    if list(target.shape) != [shape[0], *shape[2:]]:
        raise ValueError(
            f"target: found shape {list(target.shape)}, wanted {[shape[0], *shape[2:]]}."
        )
    classes = jt.index(shape, dim=1)
    chosen = (classes == target.unsqueeze(1)).float32()
    return reduce(-(log_probabilities * chosen).sum(1), reduction)


def cross_entropy(logits, target, reduction: str = "mean") -> jt.Var:
    """Cross entropy of logits [N, C, ...] with class numbers [N, ...], per sample if asked."""
    return nll_loss(log_softmax(logits, 1), target, reduction)


class _BinaryCrossEntropy(jt.Function):
    """Logarithms end at -100 and the slope at 1e12, as in PyTorch."""

    def execute(self, p, target):
        self.p, self.target = p, target
        floor = jt.full_like(p, -100.0)
        log_p = jt.ternary(p > 0, jt.maximum(p, SMALLEST).log(), floor)
        log_q = jt.ternary(p < 1, jt.maximum(1 - p, SMALLEST).log(), floor)
        return -(target * log_p + (1 - target) * log_q)

    def grad(self, dy):
        p = self.p
        return dy * (p - self.target) / jt.maximum(p * (1 - p), 1e-12), None


def binary_cross_entropy(probability, target, reduction: str = "mean") -> jt.Var:
    """-(t log p + (1-t) log(1-p)) element by element; the logarithm is never below -100."""
    return reduce(_BinaryCrossEntropy.apply(probability, target), reduction)


def kl_div(log_probability, target, reduction: str = "mean") -> jt.Var:
    """t * (log t - log p) with 0 where t is 0; "batchmean" divides the sum by the batch size."""
    log_target = jt.maximum(target, SMALLEST).log()
    each = target * (log_target - log_probability)
    if reduction == "batchmean":
        return each.sum() / each.shape[0]
    return reduce(each, reduction)


def interpolate_linear(x, scale_factor: int, align_corners: bool = False) -> jt.Var:
    """Stretch x [N, C, L] to [N, C, L * scale_factor] with straight lines between the points."""
    length = x.shape[2]
    places = np.arange(length * scale_factor, dtype=np.float64)
    if align_corners:
        places *= (length - 1) / max(1, len(places) - 1)
    else:
        places = np.clip((places + 0.5) / scale_factor - 0.5, 0, None)
    left = np.minimum(places.astype(np.int64), length - 1)
    right = np.minimum(left + 1, length - 1)
    share = (places - left).astype(np.float32)
    stretch = np.zeros((length, len(places)), np.float32)
    np.add.at(stretch, (left, np.arange(len(places))), 1 - share)
    np.add.at(stretch, (right, np.arange(len(places))), share)
    return jt.matmul(x, jt.array(stretch))


# ---------------------------------------------------------------------------------------------
# Optimizers
# ---------------------------------------------------------------------------------------------


def clip_grad_norm(gradients: Sequence[jt.Var | None], max_norm: float):
    """Scale the gradients together so that their common 2-norm is at most max_norm.

    Returns (new gradients, the norm before).
    """
    present = [g for g in gradients if g is not None]
    total = sum((g.float64().sqr().sum() for g in present), jt.zeros(1, "float64")).sqrt()
    factor = jt.minimum(max_norm / (total + 1e-6), 1.0).float32()
    return [None if g is None else g * factor for g in gradients], total


class Optimizer:
    """Gradients of a loss, added up over `backward` calls until `step` uses and clears them.

    params: Vars, or groups like {"params": [...], "lr": 0.01}. Vars that take no gradient are left
    out. A Var that the loss does not depend on is left alone, weight decay included, as in PyTorch;
    only one of a single number counts as having the gradient 0.

    Raises ValueError where nothing is left to train.
    """

    moments: tuple[str, ...] = ()  # what `update` keeps of each Var in its state

    def __init__(self, params: Iterable, **defaults):
        params = list(params)
        groups = params if params and isinstance(params[0], dict) else [{"params": params}]
        self.groups = []
        for group in groups:
            kept = [p for p in group["params"] if not p.is_stop_grad()]
            self.groups.append({**defaults, **group, "params": kept})
        self.params = [p for group in self.groups for p in group["params"]]
        if not self.params:
            raise ValueError(
                "params: found no Var that takes a gradient, wanted one or more. Jittor's "
                "net.eval() stops all gradients: call net.train() first."
            )
        self.gradients: list[jt.Var | None] = [None] * len(self.params)
        self.n_steps = [0] * len(self.params)
        self.state: list[dict[str, jt.Var]] = [{} for _ in self.params]

    def backward(self, loss: jt.Var) -> None:
        """Add the gradients of a scalar loss to what `step` will use."""
        for i, gradient in enumerate(jt.grad(loss, self.params)):
            if _is_absent(gradient):
                continue
            # Without stop_grad, a step would hang on the batch's whole graph, and the graph on
            # the inputs: where those live on, every step's activations would too.
            gradient = gradient.stop_grad()
            have = self.gradients[i]
            self.gradients[i] = gradient if have is None else (have + gradient).stop_grad()

    def sync(self) -> None:
        """Compute the gradients gathered so far, so that the graphs behind them may go."""
        jt.sync([gradient for gradient in self.gradients if gradient is not None])

    def zero_grad(self) -> None:
        """Forget the gradients gathered so far."""
        self.gradients = [None] * len(self.params)

    def clip_grad_norm(self, max_norm: float) -> jt.Var:
        """Clip the gathered gradients together; returns their norm before (call before `step`)."""
        self.gradients, norm = clip_grad_norm(self.gradients, max_norm)
        return norm

    def gradient_sum(self) -> jt.Var:
        """The sum of all gradients gathered so far: not finite where any of them is not."""
        return sum((g.sum() for g in self.gradients if g is not None), jt.zeros(1))

    def step(self, loss: jt.Var | None = None) -> None:
        """Move every Var that has a gradient, then clear the gradients."""
        if loss is not None:
            self.backward(loss)
        i = 0
        for group in self.groups:
            for p in group["params"]:
                if self.gradients[i] is not None:
                    self.n_steps[i] += 1
                    self.update(p, self.gradients[i], self.state[i], self.n_steps[i], group)
                i += 1
        self.zero_grad()

    def update(self, p, gradient, state, n, group) -> None:
        """Move one Var by its gradient; `n` counts its steps from 1."""
        raise NotImplementedError

    def state_dict(self) -> dict:
        """Everything that a resumed run needs, as NumPy arrays and numbers."""
        options = [{k: v for k, v in g.items() if k != "params"} for g in self.groups]
        state = [{k: v.numpy() for k, v in s.items()} for s in self.state]
        return {"n_steps": list(self.n_steps), "groups": options, "state": state}

    def load_state_dict(self, saved: dict) -> None:
        """Take over what `state_dict` gave. Raises DataError, before anything is taken over, where
        it was another optimizer's or the parameters differ."""
        try:
            steps, groups, states = saved["n_steps"], saved["groups"], saved["state"]
            if not len(steps) == len(states) == len(self.params) or len(groups) != len(self.groups):
                raise ValueError(f"{len(states)} parameters in {len(groups)} groups")
            for n, state, p in zip(steps, states, self.params, strict=True):
                if type(n) is not int or not 0 <= n < 2**40:
                    raise ValueError(f"{shown(n)} steps")
                if tuple(state) not in ((), self.moments):
                    raise ValueError(f"{shown(state)} of a parameter")
                for name, array in state.items():
                    if array.shape != tuple(p.shape) or not _all_finite(array):
                        raise ValueError(
                            f"{name} of shape {shown(list(array.shape))}, or no numbers"
                        )
            options = [
                _like(group, given) for group, given in zip(self.groups, groups, strict=True)
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                "optimizer state", found=f"another or a damaged one ({error})",
                wanted=f"the state of {type(self).__name__} for the {len(self.params)} parameters "
                "of this network",
                cure="Resume with the options that the checkpoint was trained with.",
            ) from None  # fmt: skip
        self.n_steps = list(steps)
        self.state = [{k: jt.array(v).stop_grad() for k, v in s.items()} for s in states]
        for group, given in zip(self.groups, options, strict=True):
            group.update(given)


def _all_finite(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and bool(np.isfinite(array).all())


def _like(group: dict, given: dict) -> dict:
    """A group's options as a file gives them, if they are such as the group has."""
    options = {}
    for name, own in group.items():
        if name == "params":
            continue
        value = given[name]
        parts = value if isinstance(own, tuple) else [value]
        if len(parts) != (len(own) if isinstance(own, tuple) else 1) or not all(
            isinstance(part, int | float) and 0 <= part < 1e9 for part in parts
        ):
            raise ValueError(f"{name} {shown(value)}")
        if name == "betas" and max(parts) >= 1:
            raise ValueError(f"{name} {shown(value)}")
        options[name] = tuple(parts) if isinstance(own, tuple) else value
    return options


def _is_absent(gradient: jt.Var) -> bool:
    """Whether this is the zero that Jittor gives where the loss does not depend on the Var.

    Such a zero is a constant spread over the Var's shape; PyTorch would say None. Of a single
    number it cannot be told: there the constant has no input, and to ask for one ends Python.
    """
    if list(gradient.shape) == [1]:
        return False
    try:
        source = gradient._input(0)
    except Exception:
        return False
    return list(source.shape) == [1] and source.item() == 0


class Adam(Optimizer):
    """Adam as PyTorch computes it: one bias correction a `step`, epsilon after the root.

    Jittor's own counts `backward` calls, so accumulated gradients change its step size.
    """

    moments = ("mean", "square")

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)

    def update(self, p, gradient, state, n, group):
        beta1, beta2 = group["betas"]
        if group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * p
        if not state:
            state["mean"] = jt.zeros(p.shape).stop_grad()
            state["square"] = jt.zeros(p.shape).stop_grad()
        mean, square = state["mean"], state["square"]
        mean.update(beta1 * mean + (1 - beta1) * gradient)
        square.update(beta2 * square + (1 - beta2) * gradient * gradient)
        root = square.sqrt() / math.sqrt(1 - beta2**n) + group["eps"]
        p.update(p - group["lr"] / (1 - beta1**n) * mean / root)


class SGD(Optimizer):
    """Gradient descent with momentum, PyTorch's form: the first step's momentum is the gradient."""

    moments = ("momentum",)

    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(
            params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov
        )

    def update(self, p, gradient, state, n, group):
        momentum = group["momentum"]
        if group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * p
        if momentum:
            if not state:
                state["momentum"] = gradient.copy()
            else:
                state["momentum"].update(momentum * state["momentum"] + gradient)
            gradient = (
                gradient + momentum * state["momentum"] if group["nesterov"] else state["momentum"]
            )
        p.update(p - group["lr"] * gradient)
