"""VAANet against the authors' PyTorch code (golden numbers) and the twin (small networks)."""

from dataclasses import replace

import jittor as jt
import numpy as np
import pytest
from support.golden_inputs import error
from support.training_numbers import (
    check_buffers,
    check_parameters,
    check_small,
    small_cases,
    three_steps,
)

from jacklib.measure.golden_numbers import Golden, weight
from jacklib.networks import VAANet, VAANetConfig
from jacklib.networks.losses import pcce
from jacklib.ops import Adam
from jacklib.weights.checkpoint import load_weights

SMALL, SMALL_CASES = small_cases("vaanet")


@pytest.fixture(scope="module")
def golden():
    return Golden("vaanet_ve8")


@pytest.fixture(scope="module")
def paper_net(golden):
    net = VAANet(VAANetConfig(**golden.facts["config"]))
    report = load_weights(net, golden.state())
    assert report.complete
    return net


def test_names_and_shapes_are_the_originals(golden):
    own = {key: list(value.shape) for key, value in VAANet().state_dict().items()}
    wanted = {k: v for k, v in golden.keys.items() if not k.endswith("num_batches_tracked")}
    assert own == wanted


def test_paper_network(golden, paper_net):
    """Evaluation outputs to 1e-4, training to 1e-3, as the golden numbers ask."""
    net, visual, audio = paper_net, golden.input("visual"), golden.input("audio")
    target = np.array(golden.facts["target"])
    net.eval()
    with jt.no_grad():
        out = net(visual, audio)
    for name in ("logits", "alpha", "beta", "gamma"):
        found = error(getattr(out, name).numpy(), golden.arrays[f"eval_{name}"])
        assert found < 1e-4, f"{name}: {found:.1e}"
    loss = pcce(out.logits, target).item()
    assert loss == pytest.approx(float(golden.arrays["eval_loss"]), rel=1e-4)

    losses, norms, buffers = three_steps(
        net, lambda: pcce(net(visual, audio).logits, target, {1, 4, 6, 7})
    )
    assert losses[0] == pytest.approx(golden.arrays["train_losses"][0], rel=1e-4)
    np.testing.assert_allclose(losses, golden.arrays["train_losses"], rtol=1e-3)

    wanted = golden.facts["grad_norm_step1"]
    used = {k: v for k, v in wanted.items() if not k.startswith("fc.")}  # fc is never used
    assert set(norms) == set(used)
    assert error([norms[k] for k in used], [used[k] for k in used]) < 1e-3
    # Each parameter by itself too. Biases before a batch norm have no gradient but rounding. Two
    # parameters' norms are differences of large numbers: in float64, PyTorch itself is 2.0e-3
    # away from its own float32 numbers there, hence 5e-3.
    largest = max(used.values())
    for key, value in used.items():
        if value > 1e-6 * largest:
            assert norms[key] == pytest.approx(value, rel=5e-3), key

    check_buffers(golden, buffers)
    check_parameters(golden, net)


@pytest.mark.parametrize("case", SMALL_CASES, ids=lambda case: case["case"])
def test_other_shapes(case):
    def stored(role):
        return SMALL[f"{case['case']}/{role}"]

    config, batch = case["config"], case["batch"]
    net = VAANet(VAANetConfig(**config))
    load_weights(net, {k: weight(k, v.shape) for k, v in net.state_dict().items()})
    rng = np.random.default_rng(case["seed"])
    size = config["sample_size"]
    shape = (batch, config["seq_len"], 3, config["snippet_duration"], size, size)
    visual = rng.integers(0, 256, shape).astype(np.float32)
    audio = rng.standard_normal((batch, 256 * config["audio_n_segments"], 32)) * 20
    audio = audio.astype(np.float32)
    target = rng.integers(0, config["n_classes"], batch)
    np.testing.assert_array_equal(target, stored("target"))

    positive = {c for c in (1, 4, 6, 7) if c < config["n_classes"]}
    inputs = jt.array(visual), jt.array(audio)  # Vars do as well as NumPy arrays
    check_small(
        stored, net, inputs, ("logits", "alpha", "beta", "gamma"),
        lambda: pcce(net(visual, audio).logits, target, positive),
    )  # fmt: skip


# --- Behaviour ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def classroom():
    jt.set_global_seed(0)
    config = VAANetConfig.classroom()
    rng = np.random.default_rng(0)
    visual = rng.integers(0, 256, (2, config.seq_len, 3, config.snippet_duration, 64, 64)).astype(
        np.float32
    )
    audio = rng.standard_normal((2, config.audio_frames, 32)).astype(np.float32)
    return VAANet(config), visual, audio


def test_attentions_share_out_what_they_say(classroom):
    net, visual, audio = classroom
    net.eval()
    out = net(visual, audio)
    assert out._fields == ("logits", "alpha", "beta", "gamma", "audio_gamma")
    np.testing.assert_allclose(out.alpha.numpy().sum(2), out.alpha.shape[2], rtol=1e-4)
    np.testing.assert_allclose(out.beta.numpy().sum(2), out.beta.shape[2], rtol=1e-4)
    assert (out.gamma.numpy() >= 0).all()


def test_a_video_does_not_depend_on_its_batch(classroom):
    net, visual, audio = classroom
    net.eval()
    both = net(visual, audio).logits.numpy()
    alone = net(visual[1:], audio[1:]).logits.numpy()
    np.testing.assert_allclose(alone, both[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "visual_shape, audio_shape, message",
    [
        ((2, 7, 3, 8, 64, 64), (2, 1024, 32), r"visual: found shape \[2, 7,.*wanted \[2, 8,"),
        ((2, 8, 3, 8, 64, 32), (2, 1024, 32), "visual: found shape"),
        ((8, 3, 8, 64, 64), (2, 1024, 32), "visual: found shape"),
        ((2, 8, 3, 8, 64, 64), (2, 1000, 32), r"audio: found shape \[2, 1000, 32\], wanted"),
        ((2, 8, 3, 8, 64, 64), (1, 1024, 32), "audio: found shape"),
    ],
)
def test_wrong_shapes_are_named(classroom, visual_shape, audio_shape, message):
    with pytest.raises(ValueError, match=message):
        classroom[0](np.zeros(visual_shape, np.float32), np.zeros(audio_shape, np.float32))


def test_snippets_too_long_for_the_backbone():
    with pytest.raises(ValueError, match="snippet_duration: found 16, wanted 1 to 8"):
        VAANet(replace(VAANetConfig.classroom(), snippet_duration=16))


def test_frozen_backbone_keeps_its_weights_and_updates_its_statistics():
    config = replace(VAANetConfig.classroom(), freeze_backbone=True, sample_size=32)
    net = VAANet(config)
    visual = np.random.default_rng(0).integers(0, 256, (2, 8, 3, 8, 32, 32)).astype(np.float32)
    audio = np.zeros((2, 1024, 32), np.float32)
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    net.eval()
    net.train()  # Jittor's eval() stops all gradients; what was frozen must stay so after train()
    optimizer = Adam(net.parameters(), lr=1e-2)
    optimizer.step(pcce(net(visual, audio).logits, np.array([0, 1])))
    changed = {k for k, v in net.state_dict().items() if not np.array_equal(v.numpy(), before[k])}
    assert {k for k in changed if k.startswith("resnet.")} == {
        k for k in before if k.startswith("resnet.") and "running" in k
    }
    assert "fc.weight" not in changed and "av_fc.weight" in changed


@pytest.mark.parametrize("right, wrong_polarity", [(0, 1), (1, 0), (3, 4), (7, 5)])
def test_pcce_weighs_each_video_by_itself(right, wrong_polarity):
    # Two videos: one predicted with the wrong polarity, one rightly. The factor is the first's.
    logits = np.zeros((2, 8), np.float32)
    logits[0, wrong_polarity], logits[1, right] = 2.0, 2.0
    each = np.log(np.exp(2.0) + 7) - np.array([0.0, 2.0])
    wanted = (1.5 * each[0] + each[1]) / 2
    assert pcce(logits, np.array([right, right])).item() == pytest.approx(wanted, rel=1e-5)


def test_pcce_refuses_another_data_sets_polarity():
    with pytest.raises(ValueError, match="positive: found classes"):
        pcce(np.zeros((2, 6), np.float32), np.array([0, 1]))
    with pytest.raises(ValueError, match="wanted .B, C. and .B."):
        pcce(np.zeros((2, 8), np.float32), np.array([0, 1, 2]))
