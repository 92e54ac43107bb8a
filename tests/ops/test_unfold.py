"""What each output of a 1-D convolution sees, and the convolution: float64 sums in NumPy."""

import jittor as jt
import numpy as np
import pytest

from jacklib.ops import Conv1d
from jacklib.ops.cpu.unfold import Unfold

CASES = {  # N, C, n, K, stride, padding
    "TSL-Net's": (1, 5, 90, 3, 1, 1),
    "in several threads": (2, 96, 400, 3, 1, 1),
    "steps of two": (3, 4, 11, 3, 2, 1),
    "steps longer than the kernel": (2, 3, 10, 2, 4, 0),
    "no padding": (2, 3, 7, 4, 1, 0),
    "taps that see padding alone": (1, 2, 2, 5, 1, 4),
    "the same in steps": (2, 2, 3, 6, 3, 5),
    "one number": (2, 3, 1, 1, 2, 0),
}


def taps(x, K, stride, padding):
    """[N, C, n] -> [N, C, K, L]."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(x, K, axis=2)[:, :, ::stride]
    return windows.swapaxes(2, 3)


def parts_added(parts, n, stride, padding):
    """The reverse of `taps`: every number back to where it came from, and added."""
    N, C, K, L = parts.shape
    x = np.zeros((N, C, n + 2 * padding))
    for k in range(K):
        x[:, :, k : k + stride * L : stride][:, :, :L] += parts[:, :, k]
    return x[:, :, padding : padding + n]


@pytest.mark.parametrize("case", CASES)
def test_rows(case):
    N, C, n, K, stride, padding = CASES[case]
    rng = np.random.default_rng(0)
    values = rng.standard_normal((N, C, n)).astype(np.float32)
    x = jt.array(values)
    wide = Unfold.apply(x, K, stride, padding)
    exact = taps(values, K, stride, padding)
    np.testing.assert_array_equal(wide.numpy(), exact.reshape(N, C * K, -1))

    slope = rng.standard_normal(exact.shape).astype(np.float32)
    dx = jt.grad((wide * jt.array(slope.reshape(wide.shape))).sum(), x)
    exact_dx = parts_added(slope, n, stride, padding)
    np.testing.assert_allclose(dx.numpy(), exact_dx, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", [True, False])
def test_convolution(case, bias):
    N, C, n, K, stride, padding = CASES[case]
    rng = np.random.default_rng(1)
    values = rng.standard_normal((N, C, n)).astype(np.float32)
    layer, x = Conv1d(C, 4, K, stride=stride, padding=padding, bias=bias), jt.array(values)
    y = layer(x)
    weight = layer.weight.numpy().astype(np.float64)
    seen = taps(values.astype(np.float64), K, stride, padding)
    exact = np.einsum("nckl,ock->nol", seen, weight)
    if bias:
        exact += layer.bias.numpy()[:, None]
    np.testing.assert_allclose(y.numpy(), exact, atol=3e-6 * np.abs(exact).max(), rtol=0)

    slope = rng.standard_normal(exact.shape).astype(np.float32)
    wanted = {"weight": np.einsum("nckl,nol->ock", seen, slope)}
    wanted["x"] = parts_added(np.einsum("ock,nol->nckl", weight, slope), n, stride, padding)
    of = [layer.weight, x]
    if bias:
        wanted["bias"] = slope.astype(np.float64).sum((0, 2))
        of.append(layer.bias)
    found = jt.grad((y * jt.array(slope)).sum(), of)
    for (name, exact), gradient in zip(wanted.items(), found, strict=True):
        limit = 3e-6 * np.abs(exact).max()
        np.testing.assert_allclose(gradient.numpy(), exact, atol=limit, rtol=0, err_msg=name)
