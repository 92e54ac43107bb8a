"""Write PyTorch's own answers for the operators of `jacklib.ops`, one .npz a family.

Run it with a PyTorch that jacklib need not know of (the tests only read the files):

    python tests/torch_numbers/make_torch_numbers.py          # writes the .npz files beside it
    python tests/torch_numbers/make_torch_numbers.py --check  # compares them with a fresh run

Reading a file:

    data = np.load("conv3d.npz")
    for case in json.loads(str(data["index"])):     # a list of objects, one a case
        name = case["case"]                         # "stem_7x7x7"
        x = data[f"{name}/x"]                       # every array's key is CASE/ROLE
        y = my_conv3d(x, ..., **case["kwargs"])     # kwargs: as torch.nn.functional names them
        # compare with data[f"{name}/out"]

Every case has "case", "op" (PyTorch's name), "kwargs", "inputs" (roles that go in) and "rounding":
how far these float32 numbers are from the same computation in float64, the worst array of the case,
relative to that array's largest absolute value. No test can ask for less than that.

Roles, by family:

  conv3d, pool, adaptive_pool, logsumexp, losses, interpolate
      the names in case["inputs"] (x, weight, bias, target), then out, then w, the fixed weights of
      the scalar sum(out * w), and grad_NAME, its gradient, for each NAME in case["grads"].
  batch_norm
      weight, bias, running_mean_start, running_var_start; for each training batch i of
      case["batches"]: x_i, w_i, out_i, grad_x_i, grad_weight_i, grad_bias_i and, after that batch,
      running_mean_i, running_var_i; then, in evaluation mode with the last statistics, the same
      with i = eval (no running_*). weight and bias never change; gradients are each batch's own.
  clip_grad
      p_j and grad_before_j for j in range(case["n_params"]); grad_after_j and total_norm (which is
      the norm before clipping). The loss sum_j(sum(p_j * grad_before_j)) has these gradients.
  optim
      p_j_start; c_j and t_j, both [steps, accumulate, *p_j's shape]; p_j_after, [steps, *shape].
      Micro-batch (s, a) has the loss sum_j(0.5 * sum(c_j[s, a] * (p_j - t_j[s, a])**2)); gradients
      of a step's micro-batches are added up (not averaged) before the one step().
      case["groups"] gives each parameter group's parameters and its own options over
      case["kwargs"]. Parameters in case["unused"] take no part in the loss (no c, no t): their
      gradient is None in PyTorch, and not even weight decay may move them.

Floats are float32, class numbers int32. Inputs come from each case's own seed (the CRC of its
name), so adding a case changes no other.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# PyTorch 2.13 too gets a weight gradient wrong by 37 % through oneDNN's AVX2 kernels (case
# 7x7x7_stride2_bias); its own kernels agree with float64.
torch.backends.mkldnn.set_flags(False)

FOLDER = Path(__file__).resolve().parent
Arrays = dict[str, np.ndarray]
Case = tuple[dict[str, Any], Arrays]  # the index entry, and role -> array


def rng_of(name: str) -> np.random.Generator:
    """The case's own random numbers."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal float32 numbers of that shape."""
    return rng.standard_normal(shape).astype(np.float32)


def tensor(array: np.ndarray, dtype: torch.dtype, grad: bool = False) -> Tensor:
    """A fresh tensor: floats in `dtype`, class numbers as PyTorch wants them."""
    if not np.issubdtype(array.dtype, np.floating):
        return torch.from_numpy(array.astype(np.int64))
    return torch.from_numpy(array.copy()).to(dtype).requires_grad_(grad)


def make(entry: dict[str, Any], inputs: Arrays, run: Callable[[torch.dtype], Arrays]) -> Case:
    """A case from its inputs and a computation that can be done in float32 and in float64."""
    results, exact = run(torch.float32), run(torch.float64)
    rounding = 0.0
    for role, value in results.items():
        scale = np.abs(exact[role]).max()
        if scale > 0:
            rounding = max(rounding, float(np.abs(value - exact[role]).max() / scale))
    assert rounding < 1e-4, f"{entry['case']}: float32 is {rounding:.1e} away from float64"
    entry["rounding"] = float(f"{rounding:.1e}")
    floats = {role: value.astype(np.float32) for role, value in results.items()}
    return entry, inputs | floats


def function_case(
    name: str,
    op: str,
    function: Callable[..., Tensor],
    inputs: Arrays,
    *,
    grads: Sequence[str] = ("x",),
    **kwargs: Any,
) -> Case:
    """A case of one function: its value, and the gradient of sum(out * w) for each of `grads`."""
    with torch.no_grad():
        shape = function(*(tensor(a, torch.float32) for a in inputs.values()), **kwargs).shape
    w = normal(rng_of(name + "/w"), *shape)

    def run(dtype: torch.dtype) -> Arrays:
        tensors = {role: tensor(a, dtype, role in grads) for role, a in inputs.items()}
        out = function(*tensors.values(), **kwargs)
        (out * tensor(w, dtype)).sum().backward()
        result = {"out": out.detach().numpy()}
        return result | {f"grad_{role}": tensors[role].grad.numpy() for role in grads}

    entry = {"case": name, "op": op, "kwargs": kwargs, "inputs": list(inputs), "grads": list(grads)}
    return make(entry, inputs | {"w": w}, run)


def conv3d() -> list[Case]:
    """Convolutions of the 3D ResNet and of I3D, and sizes that do not divide by the stride."""
    cases = []
    # name, x [N, C, D, H, W], output channels, kernel, stride, padding, bias
    for name, x_shape, c_out, kernel, stride, padding, bias in [
        ("pointwise", (2, 3, 3, 5, 4), 4, (1, 1, 1), 1, 0, False),
        ("pointwise_bias", (2, 3, 2, 3, 4), 4, (1, 1, 1), 1, 0, True),
        ("pointwise_stride2_odd", (2, 3, 3, 5, 7), 4, (1, 1, 1), 2, 0, False),
        ("3x3x3", (2, 3, 4, 5, 4), 4, (3, 3, 3), 1, 1, False),
        ("3x3x3_bias", (2, 2, 3, 4, 5), 3, (3, 3, 3), 1, 1, True),
        ("3x3x3_no_padding", (1, 2, 4, 5, 6), 3, (3, 3, 3), 1, 0, True),
        ("3x3x3_stride2_even", (1, 2, 4, 6, 8), 3, (3, 3, 3), 2, 1, False),
        ("3x3x3_stride2_odd", (2, 2, 5, 7, 9), 3, (3, 3, 3), 2, 1, False),
        ("3x3x3_stride122", (2, 2, 3, 7, 6), 3, (3, 3, 3), (1, 2, 2), 1, True),
        ("3x3x3_depth1", (2, 2, 1, 4, 4), 3, (3, 3, 3), 1, 1, False),
        ("3x3x3_padding012", (1, 2, 5, 4, 3), 3, (3, 3, 3), 1, (0, 1, 2), False),
        ("3x1x1", (2, 2, 5, 3, 4), 3, (3, 1, 1), 1, (1, 0, 0), True),
        ("3x7x7_stride122", (1, 2, 4, 9, 11), 3, (3, 7, 7), (1, 2, 2), (1, 3, 3), True),
        ("stem_7x7x7", (1, 3, 5, 11, 10), 2, (7, 7, 7), (1, 2, 2), 3, False),
        ("7x7x7_stride2_bias", (1, 2, 7, 9, 10), 2, (7, 7, 7), 2, 3, True),
        # Channels in eights take oneDNN's compiled kernels, whose weight gradient goes astray in
        # oneDNN 2.2 for a strided, padded depth of 3.
        ("16_channels_stride2_depth3", (2, 16, 3, 5, 5), 16, (3, 3, 3), 2, 1, False),
        ("16_channels_stride2_depth4", (1, 16, 4, 4, 4), 8, (3, 3, 3), 2, 1, False),
        ("16_channels_stride3_depth4", (1, 16, 4, 3, 3), 8, (3, 3, 3), 3, 1, False),
        ("to_16_channels_stride2_depth3", (1, 3, 3, 5, 5), 16, (3, 3, 3), 2, 1, False),
    ]:
        rng = rng_of("conv3d/" + name)
        c_in = x_shape[1]
        inputs = {
            "x": normal(rng, *x_shape),
            "weight": normal(rng, c_out, c_in, *kernel) / np.float32(np.sqrt(c_in * 9)),
        }
        if bias:
            inputs["bias"] = normal(rng, c_out)
        cases.append(
            function_case(
                name, "conv3d", F.conv3d, inputs, grads=list(inputs), stride=stride, padding=padding
            )
        )
    return cases


def pool() -> list[Case]:
    """Fixed-kernel pooling, above all with a kernel as large as the map."""
    cases = []
    for name, op, x_shape, kwargs in [
        ("max3d_stem_even", "max_pool3d", (2, 2, 4, 6, 8), (3, 2, 1)),
        ("max3d_stem_odd", "max_pool3d", (1, 2, 5, 7, 9), (3, 2, 1)),
        ("max3d_stem_depth1", "max_pool3d", (1, 2, 1, 5, 6), (3, 2, 1)),
        ("max2d_stem_even", "max_pool2d", (2, 3, 6, 8), (3, 2, 1)),
        ("max2d_stem_odd", "max_pool2d", (2, 3, 7, 9), (3, 2, 1)),
        ("max2d_plain", "max_pool2d", (2, 2, 9, 10), (4, 4, 0)),
        ("max2d_whole_map", "max_pool2d", (2, 3, 4, 4), (4, 4, 0)),
        ("max2d_whole_map_oblong", "max_pool2d", (2, 3, 4, 3), ((4, 3), (4, 3), 0)),
        ("max2d_whole_map_padded", "max_pool2d", (2, 3, 3, 3), (3, 2, 1)),
        ("avg2d_plain", "avg_pool2d", (2, 3, 7, 8), (2, 2, 0)),
        ("avg2d_whole_map_vaanet", "avg_pool2d", (3, 4, 8, 2), ((8, 2), (8, 2), 0)),
        ("avg2d_whole_map_cten", "avg_pool2d", (3, 4, 4, 8), ((4, 8), (4, 8), 0)),
        ("avg2d_whole_map_tsl", "avg_pool2d", (3, 4, 4, 3), ((4, 3), (4, 3), 0)),
        ("avg3d_plain", "avg_pool3d", (2, 2, 4, 6, 5), (2, 2, 0)),
        ("avg3d_whole_map", "avg_pool3d", (2, 3, 1, 4, 4), ((1, 4, 4), 1, 0)),
        ("avg3d_whole_map_i3d", "avg_pool3d", (1, 2, 2, 7, 7), ((2, 7, 7), 1, 0)),
    ]:
        inputs = {"x": normal(rng_of("pool/" + name), *x_shape)}
        options = dict(zip(("kernel_size", "stride", "padding"), kwargs, strict=True))
        cases.append(function_case(name, op, getattr(F, op), inputs, **options))
    return cases


def adaptive_pool() -> list[Case]:
    """Adaptive average pooling where sizes do not divide, to 1, and to more than there is."""
    cases = []
    for name, x_shape, size in [
        ("1d_5_to_3", (2, 3, 5), 3),
        ("1d_7_to_4", (2, 3, 7), 4),
        ("1d_6_to_3", (2, 3, 6), 3),
        ("1d_3_to_5", (2, 3, 3), 5),
        ("1d_7_to_1", (2, 3, 7), 1),
        ("2d_5x5_to_3x3", (2, 3, 5, 5), (3, 3)),
        ("2d_5x7_to_3x4", (2, 3, 5, 7), (3, 4)),
        ("2d_7x6_to_1x1", (2, 3, 7, 6), (1, 1)),
        ("2d_4x5_to_4x1", (2, 3, 4, 5), (4, 1)),
        ("3d_5x4x7_to_3x2x4", (2, 3, 5, 4, 7), (3, 2, 4)),
        ("3d_2x4x5_to_1x1x1", (2, 3, 2, 4, 5), (1, 1, 1)),
        ("3d_3x5x5_to_1x3x3", (1, 3, 3, 5, 5), (1, 3, 3)),
    ]:
        op = f"adaptive_avg_pool{len(x_shape) - 2}d"
        inputs = {"x": normal(rng_of("adaptive_pool/" + name), *x_shape)}
        cases.append(function_case(name, op, getattr(F, op), inputs, output_size=size))
    return cases


def batch_norm() -> list[Case]:
    """Three training batches and one evaluation, with the running statistics after each."""
    cases = []
    plain = {"momentum": 0.1, "eps": 1e-5}
    # name, dimensions, x [N, C, ...], options, mean of x, start from trained statistics
    for name, dims, x_shape, kwargs, mean, warm in [
        ("1d_nc", 1, (4, 3), plain, 0.5, False),
        ("1d_nc_three_rows", 1, (3, 5), plain, 0.5, False),
        ("1d_ncl", 1, (2, 3, 5), plain, 0.5, True),
        ("1d_ncl_one_channel", 1, (6, 1, 4), plain, 0.5, False),
        ("1d_ncl_one_sample", 1, (1, 3, 4), plain, 0.5, False),
        ("2d", 2, (2, 3, 3, 4), plain, 0.5, True),
        # In float32, E[x^2] - E[x]^2 misses the first variance here by 6e-4 of itself.
        ("2d_offset_100", 2, (2, 3, 3, 4), plain, 100.0, False),
        ("3d", 3, (2, 2, 2, 3, 4), plain, 0.5, False),
        ("3d_i3d", 3, (2, 2, 2, 3, 4), {"momentum": 0.01, "eps": 1e-3}, 0.5, True),
    ]:
        rng = rng_of("batch_norm/" + name)
        c, n_batches = x_shape[1], 3
        steps = [*range(n_batches), "eval"]
        inputs = {
            "weight": 1 + np.float32(0.2) * normal(rng, c),
            "bias": np.float32(0.2) * normal(rng, c),
            "running_mean_start": normal(rng, c) if warm else np.zeros(c, np.float32),
            "running_var_start": 1 + normal(rng, c) ** 2 if warm else np.ones(c, np.float32),
        }
        for step in steps:
            spread = np.float32(1 + rng.random())
            inputs[f"x_{step}"] = np.float32(mean) + spread * normal(rng, *x_shape)
            inputs[f"w_{step}"] = normal(rng, *x_shape)

        def run(
            dtype: torch.dtype, inputs=inputs, dims=dims, c=c, kwargs=kwargs, steps=steps
        ) -> Arrays:
            layer = getattr(torch.nn, f"BatchNorm{dims}d")(c, **kwargs).to(dtype)
            with torch.no_grad():
                layer.weight.copy_(tensor(inputs["weight"], dtype))
                layer.bias.copy_(tensor(inputs["bias"], dtype))
                layer.running_mean.copy_(tensor(inputs["running_mean_start"], dtype))
                layer.running_var.copy_(tensor(inputs["running_var_start"], dtype))
            result = {}
            for step in steps:
                layer.train(step != "eval")
                layer.zero_grad()
                x = tensor(inputs[f"x_{step}"], dtype, grad=True)
                out = layer(x)
                (out * tensor(inputs[f"w_{step}"], dtype)).sum().backward()
                result[f"out_{step}"] = out.detach().numpy()
                result[f"grad_x_{step}"] = x.grad.numpy()
                result[f"grad_weight_{step}"] = layer.weight.grad.numpy().copy()
                result[f"grad_bias_{step}"] = layer.bias.grad.numpy().copy()
                if step != "eval":
                    result[f"running_mean_{step}"] = layer.running_mean.numpy().copy()
                    result[f"running_var_{step}"] = layer.running_var.numpy().copy()
            return result

        entry = {
            "case": name,
            "op": f"BatchNorm{dims}d",
            "kwargs": {"num_features": c, **kwargs},
            "inputs": list(inputs),
            "batches": n_batches,
        }
        cases.append(make(entry, inputs, run))
    return cases


def losses() -> list[Case]:
    """Losses whose reductions or edges differ between the frameworks."""
    cases = []

    def add(name: str, op: str, inputs: Arrays, **kwargs: Any) -> None:
        cases.append(function_case(name, op, getattr(F, op), inputs, **kwargs))

    def classes(rng: np.random.Generator, n: int, *shape: int) -> np.ndarray:
        return rng.integers(0, n, shape).astype(np.int32)

    rng = rng_of("losses/cross_entropy")
    x, target = normal(rng, 6, 8), classes(rng, 8, 6)
    for reduction in ("none", "mean", "sum"):
        add(
            f"cross_entropy_{reduction}",
            "cross_entropy",
            {"x": x, "target": target},
            reduction=reduction,
        )
    ncl = {"x": normal(rng, 2, 4, 5), "target": classes(rng, 4, 2, 5)}
    add("cross_entropy_ncl_none", "cross_entropy", ncl, reduction="none")
    large = {"x": 300 * x, "target": target}
    add("cross_entropy_large_none", "cross_entropy", large, reduction="none")

    rng = rng_of("losses/nll")
    log_p = torch.log_softmax(torch.from_numpy(normal(rng, 6, 4)), dim=1).numpy()
    for reduction in ("none", "mean"):
        inputs = {"x": log_p, "target": classes(rng, 4, 6)}
        add(f"nll_{reduction}", "nll_loss", inputs, reduction=reduction)

    rng = rng_of("losses/binary_cross_entropy")
    p = (1 / (1 + np.exp(-2 * normal(rng, 4, 3)))).astype(np.float32)
    hard, soft = (rng.random((4, 3)) < 0.5).astype(np.float32), rng.random((4, 3), np.float32)
    for reduction in ("none", "mean"):
        inputs = {"x": p, "target": hard}
        add(f"bce_hard_{reduction}", "binary_cross_entropy", inputs, reduction=reduction)
    add("bce_soft_none", "binary_cross_entropy", {"x": p, "target": soft}, reduction="none")
    # Right to the last digit, the loss is 0 (also where p = t = 0 or 1).
    exact = np.array([0, 1, 0, 1], np.float32)
    inputs = {"x": exact, "target": exact}
    add("bce_exact_right", "binary_cross_entropy", inputs, reduction="none")
    # Wholly wrong: the logarithm is clamped at -100, the gradient is +-1e12 (times w). Values
    # and gradients of this case are to be compared relatively, entry by entry.
    inputs = {
        "x": np.array([0, 1, 0, 1], np.float32),
        "target": np.array([1, 0, 0.25, 0.25], np.float32),
    }
    add("bce_exact_wrong", "binary_cross_entropy", inputs, reduction="none")

    rng = rng_of("losses/kl_div")
    log_q = torch.log_softmax(torch.from_numpy(normal(rng, 4, 3)), dim=1).numpy()
    share = np.array([[0.5, 0.5, 0], [1, 0, 0], [0, 0, 1], [0.2, 0.3, 0.5]], np.float32)
    for reduction in ("none", "mean", "batchmean", "sum"):
        inputs = {"x": log_q, "target": share}
        add(f"kl_div_zero_targets_{reduction}", "kl_div", inputs, reduction=reduction)
    return cases


def logsumexp() -> list[Case]:
    """log(sum(exp)) over one dimension, with values whose exponential overflows or vanishes."""
    cases = []
    for name, shape, scale, shift, kwargs in [
        ("dim0", (4, 5), 1, 0, {"dim": 0}),
        ("dim1", (4, 5), 1, 0, {"dim": 1}),
        ("last_keepdim", (2, 3, 4), 1, 0, {"dim": -1, "keepdim": True}),
        ("middle", (2, 3, 4), 1, 0, {"dim": 1}),
        ("large_positive", (3, 6), 10, 1000, {"dim": 1}),
        ("large_negative", (3, 6), 10, -1000, {"dim": 1}),
        ("large_mixed", (3, 6), 500, 0, {"dim": 1}),
        ("all_equal_large", (2, 4), 0, 500, {"dim": 1}),
    ]:
        noise = normal(rng_of("logsumexp/" + name), *shape)
        inputs = {"x": np.float32(scale) * noise + np.float32(shift)}
        cases.append(function_case(name, "logsumexp", torch.logsumexp, inputs, **kwargs))
    return cases


def interpolate() -> list[Case]:
    """Linear interpolation in one dimension; x is [N, C, T]."""
    cases = []
    for name, shape, factor, corners in [
        ("x24", (1, 3, 6), 24, False),
        ("x24_align_corners", (1, 3, 6), 24, True),
        ("x24_one_point", (2, 3, 1), 24, False),
        ("x2", (2, 3, 5), 2, False),
    ]:
        inputs = {"x": normal(rng_of("interpolate/" + name), *shape)}
        cases.append(
            function_case(
                name,
                "interpolate",
                F.interpolate,
                inputs,
                scale_factor=factor,
                mode="linear",
                align_corners=corners,
            )
        )
    return cases


def clip_grad() -> list[Case]:
    """Clipping three parameters' gradients to a common norm."""
    cases = []
    shapes = [(3, 4), (5,), (2, 3, 2)]
    for name, max_norm, scale in [("active", 1.0, 3), ("inactive", 1000.0, 3), ("tiny", 1.0, 1e-4)]:
        rng = rng_of("clip_grad/" + name)
        inputs = {}
        for j, shape in enumerate(shapes):
            inputs[f"p_{j}"] = normal(rng, *shape)
            inputs[f"grad_before_{j}"] = np.float32(scale) * normal(rng, *shape)

        def run(dtype: torch.dtype, inputs=inputs, max_norm=max_norm) -> Arrays:
            params = [tensor(inputs[f"p_{j}"], dtype, grad=True) for j in range(len(shapes))]
            for j, p in enumerate(params):
                p.grad = tensor(inputs[f"grad_before_{j}"], dtype)
            total = torch.nn.utils.clip_grad_norm_(params, max_norm)
            result = {f"grad_after_{j}": p.grad.numpy() for j, p in enumerate(params)}
            return result | {"total_norm": total.numpy()}

        entry = {
            "case": name,
            "op": "clip_grad_norm_",
            "kwargs": {"max_norm": max_norm},
            "inputs": list(inputs),
            "n_params": len(shapes),
        }
        cases.append(make(entry, inputs, run))
    return cases


def optim() -> list[Case]:
    """Optimizers over several steps, with and without gradient accumulation."""
    cases = []
    both = [{"params": [0, 1]}]
    two_rates = [{"params": [0], "lr": 0.01}, {"params": [1], "lr": 0.1}]
    decay = {"lr": 0.01, "weight_decay": 0.1}
    sgd = {"lr": 0.075, "momentum": 0.9, "weight_decay": 0.001, "nesterov": True}
    # name, optimizer, options, groups, steps, accumulate, parameters without gradient
    for name, op, kwargs, groups, steps, accumulate, unused in [
        ("adam", "Adam", {"lr": 0.01}, both, 5, 1, []),
        ("adam_weight_decay", "Adam", decay, both, 5, 1, []),
        ("adam_accumulate4_weight_decay", "Adam", decay, both, 5, 4, []),
        ("adam_two_groups", "Adam", {"lr": 0.001, "weight_decay": 0.01}, two_rates, 5, 1, []),
        ("adam_unused_weight_decay", "Adam", decay, both, 3, 1, [1]),
        ("sgd_nesterov_weight_decay", "SGD", sgd, both, 4, 1, []),
        ("sgd_momentum", "SGD", {"lr": 0.05, "momentum": 0.9}, both, 4, 1, []),
        ("sgd_unused_weight_decay", "SGD", sgd, both, 4, 1, [1]),
    ]:
        rng = rng_of("optim/" + name)
        inputs = {}
        shapes = [(3, 4), (5,)]
        for j, shape in enumerate(shapes):
            inputs[f"p_{j}_start"] = normal(rng, *shape)
            if j not in unused:
                micro = (steps, accumulate, *shape)
                inputs[f"c_{j}"] = (0.5 + rng.random(micro)).astype(np.float32)
                inputs[f"t_{j}"] = normal(rng, *micro)

        def run(
            dtype: torch.dtype,
            inputs=inputs,
            op=op,
            kwargs=kwargs,
            groups=groups,
            steps=steps,
            accumulate=accumulate,
            unused=unused,
        ) -> Arrays:
            params = [tensor(inputs[f"p_{j}_start"], dtype, grad=True) for j in (0, 1)]
            own = [g | {"params": [params[j] for j in g["params"]]} for g in groups]
            optimizer = getattr(torch.optim, op)(own, **kwargs)
            after: list[list[np.ndarray]] = [[], []]
            for s in range(steps):
                optimizer.zero_grad()
                for a in range(accumulate):
                    loss = sum(
                        0.5
                        * (
                            tensor(inputs[f"c_{j}"][s, a], dtype)
                            * (p - tensor(inputs[f"t_{j}"][s, a], dtype)) ** 2
                        ).sum()
                        for j, p in enumerate(params)
                        if j not in unused
                    )
                    loss.backward()
                optimizer.step()
                for j, p in enumerate(params):
                    after[j].append(p.detach().numpy().copy())
            return {f"p_{j}_after": np.stack(after[j]) for j in (0, 1)}

        entry = {
            "case": name,
            "op": op,
            "kwargs": kwargs,
            "inputs": list(inputs),
            "groups": groups,
            "steps": steps,
            "accumulate": accumulate,
            "unused": unused,
        }
        cases.append(make(entry, inputs, run))
    return cases


FAMILIES: list[Callable[[], list[Case]]] = [
    conv3d,
    pool,
    adaptive_pool,
    batch_norm,
    losses,
    logsumexp,
    interpolate,
    clip_grad,
    optim,
]


def pack(cases: list[Case]) -> Arrays:
    """One family's arrays under their keys, with the index."""
    names = [entry["case"] for entry, _ in cases]
    assert len(set(names)) == len(names), "two cases share a name"
    arrays = {"index": np.array(json.dumps([entry for entry, _ in cases]))}
    for entry, values in cases:
        for role, value in values.items():
            assert value.dtype in (np.float32, np.int32), (entry["case"], role, value.dtype)
            assert np.isfinite(value).all(), (entry["case"], role)
            arrays[f"{entry['case']}/{role}"] = value
    return arrays


def save(path: Path, arrays: Arrays) -> None:
    """Write an .npz, whole or not at all."""
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(part, path)


def worst_difference(path: Path, arrays: Arrays) -> float:
    """How far a stored family is from fresh numbers, relative to each array's largest value."""
    worst = 0.0
    with np.load(path) as stored:
        if set(stored.files) != set(arrays):
            raise SystemExit(f"{path.name}: its arrays are not this script's; run without --check")
        for key in set(arrays) - {"index"}:
            scale = max(float(np.abs(arrays[key]).max()), 1e-30)
            worst = max(worst, float(np.abs(stored[key] - arrays[key]).max()) / scale)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description="Store PyTorch's numbers for the operator tests.")
    parser.add_argument("--check", action="store_true", help="compare with the stored files only")
    check = parser.parse_args().check
    warnings.filterwarnings("ignore", message="reduction: 'mean' divides")  # kl_div: on purpose
    torch.set_num_threads(1)  # one order of summation, whatever the machine
    print(f"PyTorch {torch.__version__}")
    made = [(FOLDER / f"{family.__name__}.npz", family()) for family in FAMILIES]
    total = 0
    for path, cases in made:
        arrays = pack(cases)
        rounding = max(entry["rounding"] for entry, _ in cases)
        line = f"{path.name}: {len(cases)} cases, rounding up to {rounding:.1e}, "
        if check:
            worst = worst_difference(path, arrays)
            print(line + f"stored numbers differ by {worst:.1e}")
            if worst > 1e-4:
                raise SystemExit(f"{path.name}: PyTorch now answers something else")
        else:
            save(path, arrays)
            print(line + f"{path.stat().st_size} bytes")
        total += path.stat().st_size
    print(f"{total} bytes in all")


if __name__ == "__main__":
    main()
