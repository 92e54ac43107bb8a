"""Sum, mean and variance beside float64, for arrays where Jittor's own are far off."""

import jittor as jt
import numpy as np
import pytest

from jacklib import ops
from jacklib.ops.reduce import _Total


def relative(got, wanted):
    return abs(got.item() / float(wanted) - 1)


def test_a_hundred_million_numbers():
    x = np.random.default_rng(0).random(100_000_000, np.float32) * 3 + 100
    v = jt.array(x)
    parts = x.reshape(100, -1)
    true = sum(part.sum(dtype=np.float64) for part in parts)
    square = sum((part - true / x.size).__pow__(2).sum() for part in parts)
    assert relative(ops.total(v), true) < 1e-6
    assert relative(ops.mean(v), true / x.size) < 1e-6
    assert relative(ops.variance(v), square / (x.size - 1)) < 1e-6
    assert relative(ops.variance(v, unbiased=False), square / x.size) < 1e-6
    on_a_gpu = _Total()
    on_a_gpu.x, on_a_gpu.shift, on_a_gpu.power = v, None, 1
    assert relative(on_a_gpu.of_operators(), true) < 1e-6


def test_losses_of_many_elements():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.99, 400_000).astype(np.float32)
    y = (rng.random(400_000) > 0.5).astype(np.float32)
    each = -(y * np.log(p.astype(float)) + (1 - y) * np.log1p(-p.astype(float)))
    p, y = jt.array(p), jt.array(y)
    assert relative(ops.binary_cross_entropy(p, y), each.mean()) < 1e-6
    assert relative(ops.binary_cross_entropy(p, y, reduction="sum"), each.sum()) < 1e-6
    assert ops.mean(jt.ones((1, 3, 321, 481))).item() == 1


@pytest.mark.parametrize(
    ("values", "wanted"),
    [(np.ones(300, np.uint8), 300), (np.full(3000, 10**6, np.int32), 3 * 10**9), ([True] * 5, 5)],
)
def test_whole_numbers_do_not_wrap(values, wanted):
    assert ops.total(jt.array(values)).item() == wanted
    assert ops.mean(jt.array(values)).item() == pytest.approx(wanted / len(values))


def test_gradients():
    x = np.random.default_rng(1).standard_normal((3, 4, 5)).astype(np.float32)
    v = jt.array(x)
    for function, wanted in (
        (ops.total, np.ones_like(x)), (ops.mean, np.full_like(x, 1 / 60)),
        (ops.variance, 2 * (x - x.mean()) / 59),
    ):  # fmt: skip
        np.testing.assert_allclose(jt.grad(3 * function(v), v).numpy(), 3 * wanted, atol=1e-6)
