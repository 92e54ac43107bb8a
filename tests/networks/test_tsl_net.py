"""TSL-Net and its loss: the authors' PyTorch code (golden numbers), the twin (small networks)."""

import jittor as jt
import numpy as np
import pytest
from support.golden_inputs import error, tsl_inputs
from support.training_numbers import (
    check_buffers,
    check_parameters,
    check_small,
    small_cases,
    three_steps,
)

from jacklib.core.metrics import localize
from jacklib.core.pseudo_labels import seed_labels
from jacklib.errors import DataError
from jacklib.measure.golden_numbers import Golden, point_labels, weight
from jacklib.networks import TSLNet, TSLNetConfig
from jacklib.networks.losses import TSLLoss
from jacklib.networks.tsl_net import clip_positions
from jacklib.ops import Adam
from jacklib.weights.checkpoint import load_weights

SMALL, SMALL_CASES = small_cases("tsl")
TERMS = ("distribution", "frame", "background", "action", "reverse_mapping", "total")
# As the released code calls them.
RELEASED = {
    "distribution": "loss_vid_ldl",
    "frame": "loss_frame",
    "background": "loss_frame_bkg",
    "action": "loss_frame_pact",
    "reverse_mapping": "loss_recover_cpc",
    "total": "loss_total",
}


@pytest.fixture(scope="module")
def released_weights():
    return Golden("tsl_t64").state()


@pytest.mark.parametrize("name", ["tsl_t64", "tsl_t650"])  # 650 clips are two chunks
def test_released_network(name, released_weights):
    """Names, evaluation outputs and loss to 1e-4, training to 1e-3, as the golden numbers ask."""
    numbers = Golden(name)
    facts, arrays = numbers.facts, numbers.arrays
    net = TSLNet(TSLNetConfig(**facts["config"], dropout=0.0))
    own = {key: list(value.shape) for key, value in net.state_dict().items()}
    assert own == {k: v for k, v in numbers.keys.items() if not k.endswith("num_batches_tracked")}
    assert load_weights(net, released_weights).complete

    rgb, logmel = numbers.input("rgb"), numbers.input("logmel")
    net.eval()
    with jt.no_grad():
        out = net(rgb, logmel)
    assert out.distribution is None and out.reverse_mapping is None
    assert error(out.video_score.numpy(), arrays["eval_vid_score"]) < 1e-4
    assert error(out.scores.numpy(), arrays["eval_cas"]) < 1e-4
    norms = np.linalg.norm(out.features.numpy(), axis=2)
    assert error(norms, arrays["eval_feat_norm"]) < 1e-4

    labels, shares = np.float32(facts["label"]), np.float32(facts["label_distribution"])
    points = point_labels(facts["T"], 2, facts["points"])[None]
    criterion, first = TSLLoss(facts["lambdas"]), []

    def loss():
        out = net(rgb, logmel, labels)
        terms = criterion(out, labels, shares, points)
        first.extend([] if first else [out, terms])
        return terms["total"]

    losses, norms, buffers = three_steps(
        net, loss, weight_decay=5e-4, groups=net.parameter_groups(1e-5)
    )
    out, terms = first
    assert error(out.scores.numpy(), arrays["train_cas"]) < 1e-4
    assert error(out.video_distribution.numpy(), arrays["train_vid_ldl"]) < 1e-4
    wanted = facts["loss_terms_step1"]
    for own_name, name in RELEASED.items():
        assert terms[own_name].item() == pytest.approx(wanted[name], rel=1e-4), name
    assert (terms["action_clips"], terms["background_clips"]) == (
        wanted["pos_num"],
        wanted["neg_num"],
    )
    assert losses[0] == pytest.approx(arrays["train_losses"][0], rel=1e-4)
    np.testing.assert_allclose(losses, arrays["train_losses"], rtol=1e-3)
    wanted = facts["grad_norm_step1"]
    assert set(norms) == set(wanted)
    assert error([norms[k] for k in wanted], list(wanted.values())) < 1e-3
    for key, value in wanted.items():
        assert norms[key] == pytest.approx(value, rel=1e-3), key
    check_buffers(numbers, buffers)
    check_parameters(numbers, net)


@pytest.mark.parametrize("case", SMALL_CASES, ids=lambda case: case["case"])
def test_other_shapes(case):
    def stored(role):
        return SMALL[f"{case['case']}/{role}"]

    net = TSLNet(TSLNetConfig(**case["network"]))
    load_weights(net, {k: weight(k, v.shape) for k, v in net.state_dict().items()})
    given = tsl_inputs(case["seed"], case)
    inputs = given["rgb"], given["logmel"]
    about = given["labels"], given["label_distribution"], given["points"]
    criterion = TSLLoss(**case["loss"])

    net.eval()
    labelled = net(*inputs, given["labels"])
    for name in ("video_score", "distribution", "video_distribution", "reverse_mapping"):
        wanted = stored(f"labelled_{name}")
        assert error(getattr(labelled, name).numpy().reshape(wanted.shape), wanted) < 1e-4, name
    terms = criterion(labelled, *about)
    found = [terms[name].item() for name in TERMS]
    found += [terms["action_clips"], terms["background_clips"]]
    np.testing.assert_allclose(found, stored("terms"), rtol=1e-4, atol=1e-7)
    check_small(
        stored, net, inputs, ["video_score", "scores", "features"],
        lambda: criterion(net(*inputs, given["labels"]), *about)["total"],
        weight_decay=5e-4, groups=net.parameter_groups(1e-4),
    )  # fmt: skip


# --- Behaviour ------------------------------------------------------------------------------------

TINY = {"len_feature": 32, "neck_size": 24, "rgb_size": 20}
T = 20


@pytest.fixture(scope="module")
def tiny():
    """A network, and what one video gives to it and to the loss."""
    jt.set_global_seed(0)
    case = {"videos": 1, "clips": T, "points": 3, "network": {"num_classes": 2, **TINY}}
    return TSLNet(TSLNetConfig(**TINY)), tsl_inputs(0, case)


def terms_of(net, given, **options):
    out = net(given["rgb"], given["logmel"], given["labels"])
    return TSLLoss(**options)(out, given["labels"], given["label_distribution"], given["points"])


def test_what_the_lambdas_and_the_sign_do(tiny):
    net, given = tiny
    net.eval()
    for lambdas in ((2, 1, 0.5, 1), (0.3, 0.7, 0.2, 0.1)):
        w, f, m, r = lambdas
        for sign, name in ((1, "released"), (-1, "paper")):
            terms = terms_of(net, given, lambdas=lambdas, reverse_sign=name)
            value = {k: terms[k].item() for k in TERMS}
            one_clip = (1 - m) * value["frame"] + m * (value["background"] + value["action"])
            total = w * value["distribution"] + f * one_clip + sign * r * value["reverse_mapping"]
            assert value["total"] == pytest.approx(total, rel=1e-5)
            assert value["reverse_mapping"] < 0
    with pytest.raises(
        DataError, match="reverse_sign: found 'minus', wanted one of released, paper"
    ):
        TSLLoss(reverse_sign="minus")


def test_the_axis_of_videos_may_be_left_out_of_the_loss(tiny):
    net, given = tiny
    net.eval()
    whole = terms_of(net, given)["total"].item()
    given = given | {k: given[k][0] for k in ("points", "label_distribution")}
    assert terms_of(net, given)["total"].item() == whole
    for name, value in (("points", given["points"][1:]), ("label_distribution", np.ones(3))):
        with pytest.raises(ValueError, match=f"{name}: found shape"):
            terms_of(net, given | {name: value})


def test_a_video_of_annotated_clips_only_has_a_finite_loss(tiny):
    net, given = tiny
    net.eval()
    points = point_labels(T, 2, [(t, t % 2) for t in range(T)])
    terms = terms_of(net, given | {"points": points})
    assert terms["background"].item() == 0 and terms["background_clips"] == 0
    assert np.isfinite(terms["total"].item())


def test_nothing_to_see_nor_to_hear_gives_finite_gradients():
    """Clips whose features are all 0 have no direction; the released code gives NaN there."""
    net = TSLNet(TSLNetConfig(**TINY))
    for key, value in net.state_dict().items():
        if key.endswith("bias") and "rev_" in key or "v_align" in key:
            value.assign(jt.zeros(value.shape))
    given = {
        "rgb": np.zeros((1, T, 20), np.float32), "logmel": np.zeros((1, T, 32, 60), np.float32),
        "labels": np.ones((1, 2), np.float32), "label_distribution": np.float32([[0.5, 0.5]]),
        "points": point_labels(T, 2, [(3, 0), (9, 1)]),
    }  # fmt: skip
    net.train()
    optimizer = Adam(net.parameter_groups())
    optimizer.backward(terms_of(net, given)["total"])
    assert all(np.isfinite(g.numpy()).all() for g in optimizer.gradients if g is not None)


def test_vars_do_as_well_as_arrays(tiny):
    net, given = tiny
    net.eval()
    out = net(given["rgb"], given["logmel"])
    scores, video, points = out.scores[0], out.video_score[0], given["points"][0]
    arrays = scores.numpy(), video.numpy()
    assert localize(scores, video, 25) == localize(*arrays, 25)
    of_vars, of_arrays = seed_labels(scores, jt.array(points)), seed_labels(arrays[0], points)
    for a, b in zip(of_vars, of_arrays, strict=True):
        np.testing.assert_array_equal(a, b)
    as_vars = {k: jt.array(v) for k, v in given.items()}
    assert terms_of(net, as_vars)["total"].item() == terms_of(net, given)["total"].item()


def test_absent_classes_are_scored_by_their_mean(tiny):
    net, given = tiny
    net.eval()
    plain = net(given["rgb"], given["logmel"])
    scores = plain.scores.numpy()[0]
    classes = scores[:, :2] / (1 - scores[:, 2:])
    best = np.sort(classes, axis=0)[::-1][: T // 8].mean(0)
    np.testing.assert_allclose(plain.video_score.numpy()[0], best, rtol=1e-5)
    out = net(given["rgb"], given["logmel"], np.float32([[1, 0]]))
    wanted = [best[0], classes[:, 1].mean()]
    np.testing.assert_allclose(out.video_score.numpy()[0], wanted, rtol=1e-5)
    np.testing.assert_array_equal(out.scores.numpy(), plain.scores.numpy())
    np.testing.assert_allclose(out.distribution.numpy().sum(2), 1, rtol=1e-5)


def test_the_papers_video_score_is_of_the_fused_scores(tiny):
    """The mean of the T // r_act best, or of all for an absent class, by NumPy; all else stays."""
    net, given = tiny
    net.eval()
    paper = TSLNet(TSLNetConfig(**TINY, video_score="paper"))
    load_weights(paper, net.state_dict())
    paper.eval()
    inputs, labels = (given["rgb"], given["logmel"]), np.float32([[1, 0]])
    for about in ((), (labels,)):
        released, found = net(*inputs, *about), paper(*inputs, *about)
        fused = released.scores.numpy()[0, :, :2]
        wanted = np.sort(fused, axis=0)[::-1][: T // 8].mean(0)
        if about:
            wanted[1] = fused[:, 1].mean()
        np.testing.assert_allclose(found.video_score.numpy()[0], wanted, rtol=1e-5)
        assert (found.video_score.numpy() < released.video_score.numpy()).all()
        for name, value in released._asdict().items():
            if name != "video_score" and value is not None:
                np.testing.assert_array_equal(getattr(found, name).numpy(), value.numpy(), name)


def test_the_audio_extractor_learns_ten_times_as_fast():
    jt.set_global_seed(0)
    net = TSLNet(TSLNetConfig(**TINY, dropout=0.0))
    case = {"videos": 1, "clips": T, "points": 3, "network": {"num_classes": 2, **TINY}}
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    net.train()
    optimizer = Adam(net.parameter_groups(1e-4), lr=1e-4)
    optimizer.step(terms_of(net, tsl_inputs(0, case))["total"])
    after = {k: v.numpy() for k, v in net.state_dict().items() if "running" not in k}
    moved = {k: np.abs(v - before[k]).max() for k, v in after.items()}
    for key, distance in moved.items():  # Adam's first step is as long as the rate
        rate = 1e-3 if ".a_extractor." in key else 1e-4
        assert distance == pytest.approx(rate, rel=0.05), key


def test_dropout_drops_in_training_only(tiny):
    net, given = tiny
    inputs = given["rgb"], given["logmel"]
    net.eval()
    assert np.array_equal(net(*inputs).scores.numpy(), net(*inputs).scores.numpy())
    net.train()
    with jt.no_grad():
        assert not np.array_equal(net(*inputs).scores.numpy(), net(*inputs).scores.numpy())


def test_five_thousand_clips(tiny):
    """The released table of positions ends at 4,000."""
    net, _ = tiny
    net.eval()
    rng = np.random.default_rng(0)
    rgb = rng.random((1, 5000, 20), np.float32)
    with jt.no_grad():
        out = net(rgb, rng.random((1, 5000, 32, 60), np.float32))
    assert out.scores.shape == [1, 5000, 3]
    assert np.isfinite(out.scores.numpy()).all()
    np.testing.assert_allclose(clip_positions(5000, 60)[4990:], SMALL["positions"], atol=1e-6)


@pytest.mark.parametrize("modality, wanted", [("rgb", "rgb"), ("logmfcc", "logmel")])
def test_one_modality_needs_no_other(modality, wanted, tiny):
    _, given = tiny
    net = TSLNet(TSLNetConfig(**TINY, modality=modality))
    net.eval()
    alone = {"rgb": None, "logmel": None} | {wanted: given[wanted]}
    assert net(**alone, labels=given["labels"]).scores.shape == [1, T, 3]
    used = "v_align" if modality == "rgb" else "a_extractor"
    other = "a_extractor" if modality == "rgb" else "v_align"
    keys = list(net.state_dict())
    assert any(used in k for k in keys) and not any(other in k for k in keys)


@pytest.mark.parametrize(
    "rgb, logmel, labels, message",
    [
        ((1, T, 21), (1, T, 32, 60), None, r"rgb: found shape \[1, 20, 21\], wanted \[B, T, 20\]"),
        ((T, 20), (1, T, 32, 60), None, r"rgb: found shape \[20, 20\], wanted \[B, T, 20\]"),
        ((1, T, 20), (1, T - 1, 32, 60), None, r"logmel: found.*19.*wanted \[1, 20, 32, 60\]"),
        ((1, T, 20), (1, T, 60, 32), None, r"logmel: found.*wanted \[1, 20, 32, 60\]"),
        ((1, T, 20), (1, T * 32, 60), None, r"logmel: found shape \[1, 640, 60\]"),
        ((1, 7, 20), (1, 7, 32, 60), None, "rgb: found 7 clips, wanted 8 or more"),
        ((1, T, 20), (1, T, 32, 60), (1, 3), r"labels: found shape \[1, 3\], wanted \[1, 2\]"),
    ],
)
def test_wrong_shapes_are_named(tiny, rgb, logmel, labels, message):
    labels = None if labels is None else np.ones(labels, np.float32)
    with pytest.raises(ValueError, match=message):
        tiny[0](np.zeros(rgb, np.float32), np.zeros(logmel, np.float32), labels)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"modality": "audio"}, "modality: found 'audio', wanted one of"),
        ({"len_feature": 100}, "len_feature: found 100, wanted a multiple of 16"),
        ({"video_score": "fused"}, "video_score: found .fused., wanted one of released, paper"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message):
    with pytest.raises(DataError, match=message):
        TSLNet(TSLNetConfig(**options))


def test_the_two_settings():
    assert TSLNetConfig.paper() == TSLNetConfig()
    small = TSLNet(TSLNetConfig.classroom())
    released = set(Golden("tsl_t64").keys)
    assert set(small.state_dict()) <= released
    assert sum(p.numel() for p in small.parameters()) < 3e6
