"""Every operator of `jacklib.ops` against numbers that PyTorch computed (tests/torch_numbers)."""

import json

import jittor as jt
import numpy as np
import pytest
from support import TORCH_NUMBERS

from jacklib import ops
from jacklib.ops.cpu import onednn
from jacklib.ops.pool import _MaxPoolOfOperators


def cases(*families):
    found = []
    for family in families:
        data = dict(np.load(TORCH_NUMBERS / f"{family}.npz"))
        for case in json.loads(str(data.pop("index"))):
            prefix = case["case"] + "/"
            arrays = {k[len(prefix) :]: v for k, v in data.items() if k.startswith(prefix)}
            found.append(pytest.param(case, arrays, id=f"{family}-{case['case']}"))
    assert found
    return found


def close(got, wanted, case, what):
    """Equal up to float32 rounding: a few times what PyTorch itself loses against float64."""
    got = got.numpy() if isinstance(got, jt.Var) else np.asarray(got)
    assert got.shape == wanted.shape, what
    scale = np.abs(wanted).max() or 1.0
    error = np.abs(got.astype(np.float64) - wanted).max() / scale
    limit = max(2e-6, 4 * case["rounding"])
    assert error <= limit, f"{what}: {error:.1e} away, allowed {limit:.1e}"


def triple(value):
    return ops.numbers(value, 3)


FUNCTIONS = {
    "conv3d": ops.conv3d,
    "max_pool2d": ops.max_pool2d,
    "max_pool3d": ops.max_pool3d,
    "avg_pool2d": lambda x, kernel_size, stride, padding: ops.avg_pool2d(x, kernel_size, stride),
    "avg_pool3d": lambda x, kernel_size, stride, padding: ops.avg_pool3d(x, kernel_size, stride),
    "adaptive_avg_pool1d": ops.adaptive_avg_pool,
    "adaptive_avg_pool2d": ops.adaptive_avg_pool,
    "adaptive_avg_pool3d": ops.adaptive_avg_pool,
    "cross_entropy": ops.cross_entropy,
    "nll_loss": ops.nll_loss,
    "binary_cross_entropy": ops.binary_cross_entropy,
    "kl_div": ops.kl_div,
    "logsumexp": ops.logsumexp,
    "interpolate": lambda x, scale_factor, mode, align_corners: ops.interpolate_linear(
        x, scale_factor, align_corners
    ),
}


@pytest.mark.parametrize(
    "case, data", cases("conv3d", "pool", "adaptive_pool", "losses", "logsumexp", "interpolate")
)
def test_function(case, data):
    inputs = {role: jt.array(data[role]) for role in case["inputs"]}
    out = FUNCTIONS[case["op"]](*inputs.values(), **case["kwargs"])
    close(out, data["out"].reshape(out.shape), case, "out")  # Jittor has no 0-d: [1] for a scalar
    loss = (out * jt.array(data["w"])).sum()
    for role, gradient in zip(
        case["grads"], jt.grad(loss, [inputs[r] for r in case["grads"]]), strict=True
    ):
        close(gradient, data[f"grad_{role}"], case, f"gradient of {role}")


@pytest.mark.parametrize("case, data", cases("conv3d"))
def test_folded_convolution(case, data, monkeypatch):
    # What runs where oneDNN's own 3-D convolution is not to be had.
    monkeypatch.setattr(onednn, "available", lambda: False)
    test_function(case, data)


def test_onednn_is_used_here():
    # On x86-64 Linux its absence would make every network slow without a word.
    assert onednn.available()


@pytest.mark.parametrize("case, data", cases("batch_norm"))
def test_batch_norm(case, data):
    kwargs = dict(case["kwargs"])
    layer = ops.BatchNorm(kwargs.pop("num_features"), **kwargs)
    for name in ("weight", "bias"):
        setattr(layer, name, jt.array(data[name]))
    layer.running_mean.assign(jt.array(data["running_mean_start"]))
    layer.running_var.assign(jt.array(data["running_var_start"]))
    for step in [*range(case["batches"]), "eval"]:
        layer.is_train = step != "eval"
        x = jt.array(data[f"x_{step}"])
        out = layer(x)
        close(out, data[f"out_{step}"], case, f"out {step}")
        loss = (out * jt.array(data[f"w_{step}"])).sum()
        targets = {"x": x, "weight": layer.weight, "bias": layer.bias}
        for role, gradient in zip(targets, jt.grad(loss, list(targets.values())), strict=True):
            close(gradient, data[f"grad_{role}_{step}"], case, f"gradient of {role} {step}")
        if step != "eval":
            close(layer.running_mean, data[f"running_mean_{step}"], case, f"mean {step}")
            close(layer.running_var, data[f"running_var_{step}"], case, f"variance {step}")


def test_batch_norm_refuses_a_single_value():
    with pytest.raises(ValueError, match="one value per channel"):
        ops.BatchNorm(3)(jt.ones((1, 3)))


@pytest.mark.parametrize("case, data", cases("clip_grad"))
def test_clip_grad_norm(case, data):
    n = range(case["n_params"])
    before = [jt.array(data[f"grad_before_{j}"]) for j in n]
    after, norm = ops.clip_grad_norm(before, **case["kwargs"])
    for j in n:
        close(after[j], data[f"grad_after_{j}"], case, f"gradient {j}")
    assert norm.item() == pytest.approx(float(data["total_norm"]), rel=1e-6)


@pytest.mark.parametrize("case, data", cases("optim"))
def test_optimizer(case, data):
    n_params = sum(len(group["params"]) for group in case["groups"])
    params = [jt.array(data[f"p_{j}_start"]) for j in range(n_params)]
    used = [j for j in range(n_params) if j not in case["unused"]]
    groups = [{**g, "params": [params[j] for j in g["params"]]} for g in case["groups"]]
    optimizer = getattr(ops, case["op"])(groups, **case["kwargs"])
    for s in range(case["steps"]):
        for a in range(case["accumulate"]):
            loss = sum(
                0.5
                * (
                    jt.array(data[f"c_{j}"][s, a])
                    * (params[j] - jt.array(data[f"t_{j}"][s, a])).sqr()
                ).sum()
                for j in used
            )
            optimizer.backward(loss)
        optimizer.step()
        for j in range(n_params):
            close(params[j], data[f"p_{j}_after"][s], case, f"parameter {j} after step {s + 1}")


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}])
def test_optimizer_state_travels(options):
    def run(steps, saved=None):
        p = jt.array(np.float32([1.0, -2.0, 3.0]) if saved is None else saved[0])
        optimizer = ops.SGD([p], lr=0.01, **options) if options else ops.Adam([p], lr=0.1)
        if saved is not None:
            optimizer.load_state_dict(saved[1])
        for _ in range(steps):
            optimizer.step((p * p * p).sum())
        return p.numpy().copy(), optimizer.state_dict()

    np.testing.assert_array_equal(run(5)[0], run(3, run(2))[0])


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (2, 3)])
def test_a_parameter_that_the_loss_does_not_depend_on(shape):
    used, unused = jt.ones(3), jt.ones(shape)
    ops.SGD([used, unused], lr=0.1).step(used.sum())
    assert np.allclose(used.numpy(), 0.9) and np.all(unused.numpy() == 1)
    ops.SGD([used, unused], lr=0.1, weight_decay=1.0).step(used.sum())
    # Of a single number Jittor's zero cannot be told from a gradient that is 0.
    assert np.allclose(unused.numpy(), 0.9 if shape == (1,) else 1.0)


def test_optimizer_refuses_another_networks_state():
    saved = ops.Adam([jt.ones(3)]).state_dict()
    with pytest.raises(ValueError, match="optimizer state"):
        ops.Adam([jt.ones(3), jt.ones(2)]).load_state_dict(saved)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((1, 4, 4), (1, 4, 4), (0, 0, 0)),
        ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
        ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
    ],
)
def test_max_pool_for_a_gpu_is_that_of_the_cpu_where_values_are_equal(kernel, stride, padding):
    # What runs on a GPU, run here: Jittor's operators are the same on both.
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 8, 9)).astype(np.float32)
    x = np.maximum(np.round(x), 0)  # windows of zeros, and of equal largest values
    x[0, 0] = 0
    results = []
    for pool in (
        lambda v: ops.max_pool3d(v, kernel, stride, padding),
        lambda v: _MaxPoolOfOperators.apply(v, kernel, stride, padding),
    ):
        v = jt.array(x)
        y = pool(v)
        weight = jt.array(np.cos(np.arange(y.numel(), dtype=np.float32)).reshape(y.shape))
        results.append((y.numpy(), jt.grad((y * weight).sum(), v).numpy()))
    (y, dx), (other_y, other_dx) = results
    np.testing.assert_array_equal(other_y, y)
    np.testing.assert_allclose(other_dx, dx, rtol=1e-5, atol=1e-6)
