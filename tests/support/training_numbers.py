"""A network in Jittor put through what its stored PyTorch numbers record."""

import json

import numpy as np
import pytest

from jacklib.ops import Adam
from support import TORCH_NUMBERS
from support.golden_inputs import error


def small_cases(network: str) -> tuple[dict, list[dict]]:
    """Arrays and cases of NETWORK_small.npz, see make_network_numbers.py."""
    arrays = dict(np.load(TORCH_NUMBERS / f"{network}_small.npz"))
    return arrays, json.loads(str(arrays.pop("index")))


def gradient_norms(net, optimizer) -> dict[str, float]:
    """2-norm of each gathered gradient by state-dict name."""
    names = {id(value): key for key, value in net.state_dict().items()}
    return {
        names[id(p)]: float(np.linalg.norm(g.numpy().astype(np.float64)))
        for p, g in zip(optimizer.params, optimizer.gradients, strict=True)
        if g is not None
    }


def three_steps(net, loss_of, weight_decay=0.0, groups=None):
    """Losses of three Adam steps; gradient norms and buffers of the first.

    groups: parameters with their learning rates, instead of all with 2e-4.
    """
    net.train()
    optimizer = Adam(groups or net.parameters(), lr=2e-4, weight_decay=weight_decay)
    losses, norms, buffers = [], None, None
    for _ in range(3):
        losses.append(optimizer.gather([loss_of()]))
        if norms is None:
            norms = gradient_norms(net, optimizer)
            buffers = {k: v.numpy().copy() for k, v in net.state_dict().items() if "running" in k}
        optimizer.step()
    return losses, norms, buffers


def check_buffers(golden, buffers) -> None:
    """The batch norms' buffers after the first step, to 1e-3."""
    sums = golden.facts["buffer_sum_after_step1"]
    assert set(buffers) == {k for k in sums if "running" in k}
    for key, value in buffers.items():
        scale = np.abs(value.astype(np.float64))
        if key.endswith("running_mean"):  # a mean near 0 is exact to its channel's spread only
            scale = np.maximum(scale, np.sqrt(buffers[key.replace("mean", "var")]))
        assert abs(float(value.astype(np.float64).sum()) - sums[key]) < 1e-3 * scale.sum(), key


def check_parameters(golden, net, tolerance: float = 1e-3) -> None:
    """The trained parameters' norms after the last step, to a tolerance of 1e-3."""
    state = net.state_dict()
    for key, value in golden.facts["param_norm_after"].items():
        if key in state and not key.startswith("resnet."):
            found = np.linalg.norm(state[key].numpy().astype(np.float64))
            assert found == pytest.approx(value, rel=tolerance, abs=tolerance), key


def check_small(stored, net, inputs, outputs, loss_of, weight_decay=0.0, groups=None) -> None:
    """Evaluation outputs to 1e-4 and three steps to 1e-3 of a small network's stored numbers."""
    net.eval()
    out = net(*inputs)
    for name in outputs:
        found = error(getattr(out, name).numpy(), stored(f"eval_{name}"))
        assert found < 1e-4, f"{name}: {found:.1e}"
    losses, norms, buffers = three_steps(net, loss_of, weight_decay, groups)
    loss_rounding, norm_rounding = stored("rounding")  # PyTorch's own, against float64
    assert losses[0] == pytest.approx(stored("losses")[0], rel=1e-4)
    np.testing.assert_allclose(losses, stored("losses"), rtol=max(1e-3, 4 * loss_rounding))
    keys = json.loads(str(stored("keys")))
    assert set(norms) == set(keys)
    assert error([norms[k] for k in keys], stored("norms")) < max(1e-3, 4 * norm_rounding)
    sums = [float(v.astype(np.float64).sum()) for v in buffers.values()]
    np.testing.assert_allclose(sums, stored("buffers"), rtol=1e-3, atol=1e-3)
