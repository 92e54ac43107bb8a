"""CTEN against the authors' PyTorch code (golden numbers) and the twin (small networks)."""

import json
from dataclasses import replace

import jittor as jt
import numpy as np
import pytest
from support.golden_inputs import error
from support.training_numbers import (
    TORCH_NUMBERS,
    check_buffers,
    check_parameters,
    check_small,
    small_cases,
    three_steps,
)

from jacklib.core.erasing import kept_segments
from jacklib.errors import DataError
from jacklib.measure.golden_numbers import Golden, weight
from jacklib.networks import CTEN, CTENConfig, CTENVisual
from jacklib.networks.cten import NonLocalBlock
from jacklib.ops import Adam, cross_entropy
from jacklib.training.features import KeptFeatures
from jacklib.weights.checkpoint import load_weights

SMALL, SMALL_CASES = small_cases("cten")
# What the twin gives in float64: where float32 itself, the golden numbers' too, ends.
EXACT = json.loads((TORCH_NUMBERS / "cten_float64.json").read_text())
NETWORKS = {"cten_ve8": CTEN, "cten_visual_ve8": CTENVisual}


@pytest.fixture(scope="module", params=NETWORKS)
def golden(request):
    return request.param, Golden(request.param), NETWORKS[request.param]


def test_names_and_shapes_are_the_originals(golden):
    _, numbers, kind = golden
    own = {key: list(value.shape) for key, value in kind().state_dict().items()}
    wanted = {k: v for k, v in numbers.keys.items() if not k.endswith("num_batches_tracked")}
    assert own == wanted


def test_released_network(golden):
    """Evaluation outputs and kept segments to 1e-4, training to 1e-3, as the golden numbers ask."""
    name, numbers, kind = golden
    net = kind(CTENConfig(**numbers.facts["config"], dropout=0.0))
    assert load_weights(net, numbers.state()).complete
    inputs = [numbers.input(n) for n in ("visual", "audio") if numbers.facts[n]]
    target = jt.array(np.array(numbers.facts["target"]))
    net.eval()
    with jt.no_grad():
        out = net(*inputs)
    for key in ("logits", "gamma"):
        found = error(getattr(out, key).numpy(), numbers.arrays[f"eval_{key}"])
        assert found < 1e-4, f"{key}: {found:.1e}"
    kept = kept_segments(out.gamma)
    np.testing.assert_array_equal(kept.low, numbers.arrays["eval_keep_low"])
    np.testing.assert_array_equal(kept.high, numbers.arrays["eval_keep_high"])
    loss = cross_entropy(out.logits, target).item()
    assert loss == pytest.approx(float(numbers.arrays["eval_loss"]), rel=1e-4)

    losses, norms, buffers = three_steps(
        net, lambda: cross_entropy(net(*inputs).logits, target), weight_decay=5e-4
    )
    wanted, exact = numbers.arrays["train_losses"], np.array(EXACT[name]["losses"])
    assert losses[0] == pytest.approx(wanted[0], rel=1e-4)
    # Adam's first steps magnify rounding. In cten_ve8 the golden third loss is itself 2.0e-3 away
    # from what the same network gives in float64; ours is 1e-4 away from that. Hence: within 1e-3
    # of the golden loss, or of the exact one.
    nearest = np.minimum(np.abs(losses / wanted - 1), np.abs(losses / exact - 1))
    assert nearest.max() < 1e-3, (losses, wanted, exact)

    wanted, exact = numbers.facts["grad_norm_step1"], EXACT[name]["grad_norm_step1"]
    assert set(norms) == set(wanted)
    assert error([norms[k] for k in wanted], list(wanted.values())) < 1e-3
    # Each parameter by itself. Two biases before a batch norm have no gradient but rounding, and
    # alpha's is one sum of 65 536 products that nearly cancel.
    for key, value in wanted.items():
        if key.split(".", 1)[-1] not in ("0.g.bias", "0.out.bias"):
            rounding = abs(exact[key] - value)
            limit = (3e-2 if key.endswith("alpha") else 5e-3) * value + 2 * rounding
            assert abs(norms[key] - value) < limit, key
    check_buffers(numbers, buffers)
    check_parameters(numbers, net)


@pytest.mark.parametrize("case", SMALL_CASES, ids=lambda case: case["case"])
def test_other_shapes(case):
    def stored(role):
        return SMALL[f"{case['case']}/{role}"]

    config, batch = case["config"], case["batch"]
    sound = "audio_n_segments" in config
    net = (CTEN if sound else CTENVisual)(CTENConfig(**config))
    load_weights(net, {k: weight(k, v.shape) for k, v in net.state_dict().items()})
    rng = np.random.default_rng(case["seed"])
    size = config["sample_size"]
    shape = (batch, config["seq_len"], 3, config["snippet_duration"], size, size)
    inputs = [rng.integers(0, 256, shape).astype(np.float32)]
    outputs = ["logits", "gamma", "visual_attention"]
    if sound:
        shape = (batch, config["audio_n_segments"] * config["audio_time"], 128)
        inputs.append((rng.standard_normal(shape) * 20).astype(np.float32))
        outputs += ["audio_attention", "v2a_attention", "a2v_attention"]
        outputs += ["audio_gamma"] * config.get("erase_sound", False)
    target = rng.integers(0, config["n_classes"], batch)
    np.testing.assert_array_equal(target, stored("target"))
    target = jt.array(target)
    check_small(
        stored, net, [jt.array(x) for x in inputs], outputs,
        lambda: cross_entropy(net(*inputs).logits, target), weight_decay=5e-4,
    )  # fmt: skip


# --- Behaviour ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def classroom():
    jt.set_global_seed(0)
    config = CTENConfig.classroom()
    rng = np.random.default_rng(0)
    visual = rng.integers(0, 256, (2, 8, 3, 8, 64, 64)).astype(np.float32)
    audio = rng.standard_normal((2, config.audio_frames, 128)).astype(np.float32)
    return CTEN(config), visual, audio


def test_rows_of_every_attention_sum_to_one(classroom):
    net, visual, audio = classroom
    net.eval()
    out = net(visual, audio)
    for name in ("visual_attention", "audio_attention", "v2a_attention", "a2v_attention"):
        np.testing.assert_allclose(getattr(out, name).numpy().sum(-1), 1, rtol=1e-5)
    assert (out.gamma.numpy() >= 0).all()


def test_a_video_does_not_depend_on_its_batch(classroom):
    net, visual, audio = classroom
    net.eval()
    both = net(visual, audio).logits.numpy()
    alone = net(visual[1:], audio[1:]).logits.numpy()
    np.testing.assert_allclose(alone, both[1:], rtol=1e-4, atol=1e-5)


def test_dropout_drops_in_training_only(classroom):
    net, visual, audio = classroom
    net.eval()
    assert np.array_equal(net(visual, audio).logits.numpy(), net(visual, audio).logits.numpy())
    net.train()
    with jt.no_grad():
        assert not np.array_equal(
            net(visual, audio).logits.numpy(), net(visual, audio).logits.numpy()
        )


@pytest.mark.parametrize(
    "visual_shape, audio_shape, message",
    [
        ((2, 7, 3, 8, 64, 64), (2, 320, 128), r"visual: found shape \[2, 7,.*wanted \[2, 8,"),
        ((2, 8, 3, 8, 64, 64), (2, 319, 128), r"audio: found shape \[2, 319, 128\], wanted"),
        ((2, 8, 3, 8, 64, 64), (2, 320, 32), "audio: found shape"),
    ],
)
def test_wrong_shapes_are_named(classroom, visual_shape, audio_shape, message):
    with pytest.raises(ValueError, match=message):
        classroom[0](np.zeros(visual_shape, np.float32), np.zeros(audio_shape, np.float32))


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"audio_embed_size": 64}, "audio_embed_size: found 64, wanted 256"),
        ({"audio_n_segments": 4}, "audio_n_segments: found 4, wanted 8, as many as seq_len"),
        ({"n_heads": 3}, "n_heads: found 3, wanted a divisor of the width 256"),
        ({"snippet_duration": 16}, "snippet_duration: found 16, wanted 1 to 8"),
    ],
)
def test_sizes_that_do_not_fit_are_named(changed, message):
    with pytest.raises(ValueError, match=message):
        CTEN(replace(CTENConfig.classroom(), **changed))


# --- The paper's ways -----------------------------------------------------------------------------


def test_the_papers_non_local_block_is_x_plus_w_z_z():
    d, inner = 12, 5
    rng = np.random.default_rng(0)
    learned, paper = NonLocalBlock(d, inner, 3.0), NonLocalBlock(d, inner, 3.0, "paper")
    assert set(learned.state_dict()) - set(paper.state_dict()) == {"alpha"}
    values = {k: weight(k, v.shape) for k, v in paper.state_dict().items()}
    load_weights(paper, values)
    load_weights(learned, values | {"alpha": np.float32([3])})
    paper.eval()
    learned.eval()
    x = rng.standard_normal((2, 4, d)).astype(np.float32)
    found, attention = (value.numpy() for value in paper(jt.array(x)))

    def linear(name, x):
        return x @ values[f"{name}.weight"].T + values[f"{name}.bias"]

    q, k, v = (linear(name, x.astype(np.float64)) for name in ("theta", "phi", "g"))
    scores = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(inner))
    scores /= scores.sum(2, keepdims=True)
    np.testing.assert_allclose(attention, scores, rtol=1e-5)
    scale = values["bn.weight"] / np.sqrt(values["bn.running_var"] + 1e-5)
    w_z_z = (linear("out", scores @ v) - values["bn.running_mean"]) * scale + values["bn.bias"]
    np.testing.assert_allclose(found, x + w_z_z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(learned(jt.array(x))[0].numpy(), found + 2 * x, rtol=1e-4, atol=1e-5)


def test_each_modality_is_weighted_by_an_attention_of_its_own(classroom):
    _, visual, audio = classroom
    jt.set_global_seed(0)
    net = CTEN(CTENConfig.classroom(erase_sound=True))
    net.eval()
    d, out = net.config.channels, net(visual, audio)
    assert out.audio_gamma.shape == out.gamma.shape == (2, 8)
    for head, gone in (("ta_net", slice(0, d)), ("ta_net_a", slice(d, None))):
        # Of a modality without attention nothing reaches the classifier.
        state = {k: v.numpy().copy() for k, v in net.state_dict().items()}
        net.load_state_dict(state | {f"{head}.fc.bias": np.full(8, -1e3, np.float32)})
        off = net(visual, audio)
        assert (getattr(off, "gamma" if head == "ta_net" else "audio_gamma").numpy() == 0).all()
        before = off.logits.numpy()
        assert error(before, out.logits.numpy()) > 1e-3
        weights = net.fc.weight.numpy().copy()
        weights[:, gone] = 0
        net.fc.weight.assign(jt.array(weights))
        np.testing.assert_array_equal(net(visual, audio).logits.numpy(), before)
        net.load_state_dict(state)


def test_every_parameter_of_the_papers_ways_gets_a_gradient(classroom):
    _, visual, audio = classroom
    net = CTEN(CTENConfig.classroom(erase_sound=True, shortcut="paper", dropout=0.0))
    net.train()
    adam = Adam(net.parameters(), lr=1e-3)
    adam.gather([cross_entropy(net(visual, audio).logits, jt.array([0, 1]))])
    names = {id(value): name for name, value in net.state_dict().items()}
    for parameter, gradient in zip(adam.params, adam.gradients, strict=True):
        assert gradient is not None and np.isfinite(gradient.numpy()).all(), names[id(parameter)]
    trained = {names[id(parameter)] for parameter in adam.params}
    assert "ta_net_a.fc.weight" in trained and not any("alpha" in name for name in trained)


def test_ways_that_are_none_are_named():
    with pytest.raises(DataError, match="shortcut: found 'none', wanted one of learned, paper"):
        CTENConfig(shortcut="none")
    with pytest.raises(DataError, match="erase_sound: found the visual stream, wanted a network"):
        CTENConfig(erase_sound=True, visual_only=True)


def small_frozen(**changed):
    config = replace(CTENConfig.classroom(), freeze_backbone=True, sample_size=32)
    return CTEN(replace(config, **changed))


def test_a_frozen_backbone_keeps_its_weights_and_if_told_its_statistics():
    rng = np.random.default_rng(0)
    visual = rng.integers(0, 256, (2, 8, 3, 8, 32, 32)).astype(np.float32)
    audio = rng.standard_normal((2, 320, 128)).astype(np.float32)
    for stored in (False, True):
        net = small_frozen(stored_statistics=stored)
        before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
        net.train()
        optimizer = Adam(net.parameters(), lr=1e-2)
        optimizer.step(cross_entropy(net(visual, audio).logits, jt.array([0, 1])))
        changed = {k for k, v in net.state_dict().items() if not np.array_equal(v, before[k])}
        statistics = {k for k in before if k.startswith("resnet.") and "running" in k}
        assert {k for k in changed if k.startswith("resnet.")} == (set() if stored else statistics)
        assert "fc.weight" in changed and "nl_a.0.alpha" in changed


def test_kept_features_are_those_computed_again():
    net = small_frozen()
    net.eval()
    rng = np.random.default_rng(0)
    visual = rng.integers(0, 256, (2, 8, 3, 8, 32, 32)).astype(np.float32)
    audio = jt.array(rng.standard_normal((2, 320, 128)).astype(np.float32))
    features = KeptFeatures(net)
    plain = net(visual, audio)
    for _ in range(2):
        kept = net.fuse(features(visual), audio)
        assert error(kept.logits.numpy(), plain.logits.numpy()) < 1e-5
        assert error(kept.gamma.numpy(), plain.gamma.numpy()) < 1e-5
    assert (features.computed, features.found) == (16, 16)
    # Other snippets are other features; one seen before is known in any place of any clip.
    turned = visual[:, ::-1].copy()
    turned[0, 0, 0, 0, 0, 0] += 1
    again = net.fuse(features(turned), audio)
    assert (features.computed, features.found) == (17, 31)
    assert error(again.logits.numpy(), net(turned, audio).logits.numpy()) < 1e-5


def test_features_are_kept_only_up_to_the_limit():
    net = small_frozen()
    net.eval()
    features = KeptFeatures(net, megabytes=0)
    visual = np.zeros((1, 8, 3, 8, 32, 32), np.float32)
    visual += np.arange(8, dtype=np.float32)[:, None, None, None, None]
    np.testing.assert_array_equal(features(visual), features(visual))
    assert (features.computed, features.found, features.used) == (16, 0, 0)


def test_features_of_a_backbone_that_changes_are_refused():
    with pytest.raises(DataError, match="found a backbone that is trained"):
        KeptFeatures(small_frozen(freeze_backbone=False))
    net = small_frozen()
    features = KeptFeatures(net)
    net.train()
    with pytest.raises(DataError, match="wanted evaluation mode, or stored_statistics"):
        features(np.zeros((1, 8, 3, 8, 32, 32), np.float32))
