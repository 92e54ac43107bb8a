"""Convolution of maps with one channel against float64 sums in NumPy: values and gradients."""

import jittor as jt
import numpy as np
import pytest

from jacklib.ops import Conv2d

CASES = {  # N, outs, H, W, kernel, stride, padding
    "TSL-Net's first layer": (3, 8, 96, 60, (7, 7), (3, 2), (3, 3)),
    "ResNet's": (2, 16, 40, 32, (7, 1), (2, 1), (3, 0)),
    "one sample, odd channels": (1, 17, 20, 33, (3, 4), (1, 3), (1, 0)),
    "as large as the map": (2, 9, 5, 6, (5, 6), (1, 1), (0, 0)),
    "wide rows": (1, 3, 3, 200, (1, 2), (1, 5), (0, 1)),
}


def windows(x, kernel, stride, padding):
    """[N, H, W] -> [N, h, w, kH, kW], float64."""
    x = np.pad(x.astype(np.float64), [(0, 0), *[(p, p) for p in padding]])
    all_of_them = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))
    return all_of_them[:, :: stride[0], :: stride[1]]


def close(ours, exact):
    np.testing.assert_allclose(ours, exact, atol=3e-6 * np.abs(exact).max(), rtol=0)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients(case, bias):
    N, outs, H, W, kernel, stride, padding = CASES[case]
    rng = np.random.default_rng(len(case))
    x = rng.standard_normal((N, 1, H, W)).astype(np.float32)
    layer = Conv2d(1, outs, kernel, stride=stride, padding=padding, bias=bias)
    weight = layer.weight.numpy().astype(np.float64)[:, 0]
    seen = windows(x[:, 0], kernel, stride, padding)
    exact = np.einsum("nhwab,oab->nohw", seen, weight)
    if bias:
        exact += layer.bias.numpy().reshape(1, outs, 1, 1)
    x = jt.array(x)
    y = layer(x)
    close(y.numpy(), exact)

    slope = rng.standard_normal(exact.shape).astype(np.float32)
    of = [layer.weight, x, *([layer.bias] if bias else [])]
    dw, dx, *dbias = jt.grad((y * jt.array(slope)).sum(), of)
    for gradient in dbias:
        close(gradient.numpy(), slope.astype(np.float64).sum((0, 2, 3)))
    close(dw.numpy()[:, 0], np.einsum("nhwab,nohw->oab", seen, slope.astype(np.float64)))
    exact_dx = np.zeros((N, H + 2 * padding[0], W + 2 * padding[1]))
    parts = np.einsum("oab,nohw->nhwab", weight, slope.astype(np.float64))
    for i, j in np.ndindex(exact.shape[2:]):
        top, left = i * stride[0], j * stride[1]
        exact_dx[:, top : top + kernel[0], left : left + kernel[1]] += parts[:, i, j]
    inside = exact_dx[:, padding[0] : padding[0] + H, padding[1] : padding[1] + W]
    close(dx.numpy()[:, 0], inside)


def test_it_is_the_one_that_runs(monkeypatch):
    from jacklib.ops import conv

    monkeypatch.setattr(conv.OneChannelConv, "apply", lambda *_: pytest.fail("called"))
    with pytest.raises(pytest.fail.Exception):
        Conv2d(1, 4, (3, 3))(jt.zeros((1, 1, 5, 5)))
    Conv2d(2, 4, (3, 3))(jt.zeros((1, 2, 5, 5))).sync()
