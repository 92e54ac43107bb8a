"""What is asked of every network alike: names, parity, shapes, gradients, files, and steps.

What only one network has is in its own file. A new network needs a row in `core/networks.py`, a
tiny config in `support/tiny.py`, golden numbers, and a row here.
"""

from typing import Any, NamedTuple

import jittor as jt
import numpy as np
import pytest
from support.golden_inputs import error
from support.tiny import TINY

from jacklib import networks
from jacklib.backend import runtime
from jacklib.core.networks import NETWORKS, Network
from jacklib.measure.golden_numbers import Golden
from jacklib.networks import losses
from jacklib.ops import SGD, Adam
from jacklib.weights.checkpoint import load_weights, save_weights


class Original(NamedTuple):
    """The authors' network: its golden numbers, what goes in, and what comes out by our names."""

    numbers: str
    inputs: tuple[str, str]
    outputs: dict[str, str]


ORIGINALS = {
    "vaanet": Original("vaanet_ve8", ("visual", "audio"), {
        "logits": "logits", "alpha": "alpha", "beta": "beta", "gamma": "gamma"}),
    "cten": Original("cten_ve8", ("visual", "audio"), {"logits": "logits", "gamma": "gamma"}),
    "tsl": Original("tsl_t64", ("rgb", "logmel"), {"vid_score": "video_score", "cas": "scores"}),
    "gait": Original("bpm_gcn", ("posture", "movement"), {
        "posture": "posture_logits", "movement": "movement_logits"}),
}  # fmt: skip
BATCH, CLIPS = 3, 24  # of a tiny network's inputs; a TSL-Net video is a batch of one
# (field, axes but the first) of a tiny network's output.
SHAPES = {
    "vaanet": {"logits": (8,), "gamma": (2,), "audio_gamma": (1,)},
    "cten": {"logits": (8,), "gamma": (4,)},
    "tsl": {"video_score": (2,), "scores": (CLIPS, 3)},
    "gait": {"posture_logits": (4,), "movement_logits": (4,), "affective": (31 * 12,)},
}


@pytest.fixture(params=NETWORKS, ids=lambda network: network.key)
def table(request) -> Network:
    return request.param


def build(table: Network, seed: int = 0, **changes: Any):
    """A tiny network, and its passes of one step."""
    config = table.config(**TINY[table.key] | changes)
    runtime.seed(seed)
    net = getattr(networks, table.kind)(config)
    jt.sync_all()
    return net, table.passes(config, BATCH, seed, CLIPS)


def outputs(net, passes) -> list[np.ndarray]:
    """Every array of every pass, in evaluation mode."""
    net.eval()
    with jt.no_grad():
        found = [value for inputs, _ in passes for value in net(*inputs)]
    return [value.numpy() for value in found if isinstance(value, jt.Var)]


def optimizer(table: Network, net):
    """As the table says, but fast enough to see it learn in a few steps."""
    if table.momentum:
        return SGD(net.parameters(), 1e-3, table.momentum, table.weight_decay, nesterov=True)
    return Adam(net.parameters(), lr=1e-3, weight_decay=table.weight_decay)


def step_losses(table: Network, net, passes):
    """The loss of each pass of one step."""
    loss = getattr(losses, f"{table.key}_loss")
    for inputs, targets in passes:
        yield loss(net(*inputs), *map(jt.array, targets)) / len(passes)


def test_names_shapes_and_values_are_the_original_s(table):
    """The paper's network, with the authors' weights: to 1e-4, in evaluation mode."""
    original = ORIGINALS[table.key]
    golden = Golden(original.numbers)
    net = getattr(networks, table.kind)()
    own = {key: list(value.shape) for key, value in net.state_dict().items()}
    assert own == {k: v for k, v in golden.keys.items() if not k.endswith("num_batches_tracked")}
    assert load_weights(net, golden.state()).complete
    net.eval()
    with jt.no_grad():
        found = net(*map(golden.input, original.inputs))
    for theirs, ours in original.outputs.items():
        assert error(getattr(found, ours).numpy(), golden.arrays[f"eval_{theirs}"]) < 1e-4, ours


def test_shapes_and_repetition(table):
    net, passes = build(table)
    net.eval()
    inputs = passes[0].inputs
    found = net(*inputs)
    for field, rest in SHAPES[table.key].items():
        assert tuple(getattr(found, field).shape) == (len(inputs[0]), *rest), field
    for first, again in zip(outputs(net, passes), outputs(net, passes), strict=True):
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, again)


def test_every_parameter_gets_a_gradient(table):
    net, passes = build(table)
    net.train()
    adam = optimizer(table, net)
    value = adam.gather(step_losses(table, net, passes))
    assert np.isfinite(value) and adam.params
    names = {id(parameter): name for name, parameter in net.state_dict().items()}
    for parameter, gradient in zip(adam.params, adam.gradients, strict=True):
        name = names[id(parameter)]
        assert gradient is not None, name
        assert gradient.shape == parameter.shape and np.isfinite(gradient.numpy()).all(), name


def test_saved_weights_give_the_same(table, tmp_path):
    net, passes = build(table)
    wanted = outputs(net, passes)
    path = save_weights(net, tmp_path / "net.pth", {"network": table.command})
    other, _ = build(table, seed=1)
    assert not all(map(np.array_equal, outputs(other, passes), wanted))
    assert load_weights(other, path).complete
    for found, value in zip(outputs(other, passes), wanted, strict=True):
        np.testing.assert_array_equal(found, value)


def test_steps_lower_the_loss_and_repeat(table):
    def train() -> list[float]:
        net, passes = build(table, **{} if table.key in ("vaanet", "gait") else {"dropout": 0.0})
        net.train()
        adam, found = optimizer(table, net), []
        for _ in range(6):
            found.append(adam.gather(step_losses(table, net, passes)))
            adam.step()
        return found

    first = train()
    assert np.isfinite(first).all() and first[-1] < first[0] - 0.01 * abs(first[0]), first
    assert train() == first
