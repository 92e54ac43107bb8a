"""Pooling."""

import math
from collections.abc import Sequence

import jittor as jt
import numpy as np

from jacklib.errors import refuse_as
from jacklib.ops.cpu import cpp
from jacklib.ops.inputs import kernel_steps, numbered, numbers

KERNELS = cpp("max_pool")
HEADER = "#include <algorithm>\n#include <cmath>\n#include <vector>\n"


class _MaxPool(jt.Function):
    """x [N*C, D, H, W] -> the largest of each window."""

    def execute(self, x, kernel, stride, padding):
        self.shape = x.shape
        size = _pooled_size(x.shape[1:], kernel, stride, padding)
        result = [x.shape[0], *size]
        if kernel[0] == 1 and kernel == stride and not any(padding):
            x = x.reshape(-1, *x.shape[2:])  # [N*C*D, H, W]
            shape, data = [x.shape[0], *size[1:]], {}
            source = KERNELS.MAX_POOL_APART.replace("@K0", str(kernel[1])).replace(
                "@K1", str(kernel[2])
            )
        else:
            shape, source = result, KERNELS.MAX_POOL
            data = numbered(k=kernel, s=stride, p=padding)
        self.rows = shape[0]
        y, self.where = jt.code([shape, shape], ["float32", "int32"], [x], data=data,
                                cpu_header=HEADER, cpu_src=source)  # fmt: skip
        return y.reshape(result)

    def grad(self, dy):
        flat = [dy.reshape(self.rows, -1), self.where.reshape(self.rows, -1)]
        shape = [self.rows, math.prod(self.shape) // self.rows]
        dx = jt.code(shape, "float32", flat, cpu_header=HEADER, cpu_src=KERNELS.MAX_POOL_GRADIENT)
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
    wide = any(2 * p > k for k, p in zip(kernel, padding, strict=True))
    refuse_as("wide padding", wide, "padding", padding=list(padding), kernel=list(kernel))
    pooled = kernel_steps(size, kernel, stride, padding)
    refuse_as("small map", min(pooled) < 1, "x", size=list(size), kernel=list(kernel))
    return pooled


def max_pool3d(x, kernel_size, stride=None, padding=0) -> jt.Var:
    """Largest value of each window of x [N, C, D, H, W]. Faster than Jittor's on the CPU, and the
    kernel may be the whole map, which Jittor's refuses."""
    kernel = numbers(kernel_size, 3)
    stride = kernel if stride is None else numbers(stride, 3)
    padding = numbers(padding, 3)
    if jt.flags.use_cuda:
        return _MaxPoolOfOperators.apply(x, kernel, stride, padding)
    y = _MaxPool.apply(x.reshape(-1, *x.shape[2:]), kernel, stride, padding)
    return y.reshape(*x.shape[:2], *y.shape[1:])


def max_pool2d(x, kernel_size, stride=None, padding=0) -> jt.Var:
    """`max_pool3d` of x [N, C, H, W], for the same reasons."""
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
    """Mean of each window of x [N, C, D, H, W], no padding. The kernel may be the whole map, which
    Jittor's refuses."""
    kernel = numbers(kernel_size, 3)
    stride = kernel if stride is None else numbers(stride, 3)
    size = _pooled_size(x.shape[2:], kernel, stride, (0, 0, 0))
    return _windows(x, size, kernel, stride, (0, 0, 0), 0.0).mean((5, 6, 7))


def avg_pool2d(x, kernel_size, stride=None) -> jt.Var:
    """`avg_pool3d` of x [N, C, H, W], for the same reason."""
    kernel = (1, *numbers(kernel_size, 2))
    stride = kernel if stride is None else (1, *numbers(stride, 2))
    return avg_pool3d(x.unsqueeze(2), kernel, stride).squeeze(2)


class MaxPool3d(jt.nn.Module):
    """`max_pool3d` as a layer."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def execute(self, x):
        return max_pool3d(x, self.kernel_size, self.stride, self.padding)


class MaxPool2d(MaxPool3d):
    """`max_pool2d` as a layer."""

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
    Part i of an axis of n covers floor(i*n/k) to ceil((i+1)*n/k); Jittor's parts never overlap.
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
