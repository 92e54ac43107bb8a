"""Convolutions, which Jittor computes slowly on the CPU."""

import math

import jittor as jt

from jacklib.ops.cpu import onednn
from jacklib.ops.cpu.one_channel import OneChannelConv
from jacklib.ops.cpu.unfold import Unfold
from jacklib.ops.inputs import numbers


def kaiming_normal_fan_out(weight: jt.Var) -> None:
    """Fill a weight in place as PyTorch's `kaiming_normal_(mode="fan_out")` does, gain sqrt 2."""
    fan_out = weight.shape[0] * math.prod(weight.shape[2:])
    weight.assign(jt.randn(weight.shape) * math.sqrt(2 / fan_out))


def _start(layer: jt.nn.Module, shape: list[int], bias: bool) -> None:
    """Give a layer weight [out, in, ...] and bias, Kaiming uniform as PyTorch starts them."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    layer.weight = jt.init.uniform(shape, "float32", -bound, bound)
    layer.bias = jt.init.uniform(shape[:1], "float32", -bound, bound) if bias else None


def conv3d(x, weight, bias=None, stride=1, padding=0) -> jt.Var:
    """Convolve x [N, C, D, H, W] with weight [O, C, kD, kH, kW] -> [N, O, d, h, w].

    On a GPU cuDNN does it; on the CPU oneDNN, since Jittor's loops take 15 to 60 times PyTorch's
    time; without oneDNN's files, 2-D convolutions. Raises ValueError if the channels differ.
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
        [N, d, kD, C, H, W], ["i0", "i3", f"i1*{stride[0]}+i2-{padding[0]}", "i4", "i5"]
    ).reshape(N * d, kD * C, H, W)
    weight = weight.transpose(0, 2, 1, 3, 4).reshape(out, kD * C, kH, kW)
    y = jt.nn.conv2d(x, weight, None, stride[1:], padding[1:])
    return y.reshape(N, d, out, *y.shape[2:]).transpose(0, 2, 1, 3, 4)


class Conv3d(jt.nn.Module):
    """`conv3d` as a layer; weight [out, in, kD, kH, kW]."""

    def __init__(self, c_in, c_out, kernel_size, stride=1, padding=0, bias=True):
        self.stride, self.padding = numbers(stride, 3), numbers(padding, 3)
        _start(self, [c_out, c_in, *numbers(kernel_size, 3)], bias)

    def execute(self, x):
        return conv3d(x, self.weight, self.bias, self.stride, self.padding)


class Conv1d(jt.nn.Module):
    """1-D convolution over [N, C, L], weight [out, in, k]; one matrix product, which is faster than
    Jittor's 2-D convolution: that reorders input, weight and result at every call."""

    def __init__(self, c_in, c_out, kernel_size, stride=1, padding=0, bias=True):
        self.stride, self.padding = stride, padding
        _start(self, [c_out, c_in, kernel_size], bias)

    def execute(self, x):
        c_out, c_in, K = self.weight.shape
        if K == 1 and self.stride == 1 and self.padding == 0:
            y = jt.matmul(self.weight.squeeze(2), x)
        else:
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
    """Add one value per channel to y [N, C, ...]; over three axes, since fewer axes loop faster."""
    if bias is None:
        return y
    return (y.reshape(*y.shape[:2], -1) + bias.reshape(1, -1, 1)).reshape(y.shape)


class Conv2d(jt.nn.Conv2d):
    """Jittor's 2-D convolution with its names and first weights; faster on the CPU for one channel
    (1.1 ms instead of 3.9 ms for a video's sound) and for 1 x 1 kernels.

    A 1 x 1 kernel is one product over all places of all samples: Jittor's own reorders input,
    weight and result at each call, and is slow in the gradient of the weight.
    """

    def execute(self, x):
        if x.shape[1] == 1 and self.weight.shape[1] == 1 and not jt.flags.use_cuda:
            bias = jt.zeros(self.weight.shape[0]) if self.bias is None else self.bias
            return OneChannelConv.apply(x, self.weight, bias, self.stride, self.padding)
        if tuple(self.weight.shape[2:]) != (1, 1) or self.stride != (1, 1) or any(self.padding):
            y = jt.nn.conv2d(x, self.weight, None, self.stride, self.padding)
        else:
            N, C, H, W = x.shape
            places = x.reshape(N, C, H * W).transpose(1, 0, 2).reshape(C, -1)  # [C, N*H*W]
            y = jt.matmul(self.weight.reshape(-1, C), places)  # [out, N*H*W]
            y = y.reshape(-1, N, H * W).transpose(1, 0, 2).reshape(N, -1, H, W)
        return _with_bias(y, self.bias)
