"""BPM-GCN and its loss: the authors' PyTorch code (golden numbers), the twin (small networks)."""

from dataclasses import replace

import jittor as jt
import numpy as np
import pytest
from support.golden_inputs import bpm_gcn_inputs, error
from support.training_numbers import (
    check_buffers,
    check_parameters,
    check_small,
    gradient_norms,
    small_cases,
)

from jacklib.core.shapes import GAIT_WAYS
from jacklib.core.skeleton import Graph
from jacklib.errors import DataError
from jacklib.measure.golden_numbers import Golden, weight
from jacklib.networks import BPMGCN, BPMGCNConfig
from jacklib.networks.bpm_gcn import Fusion
from jacklib.networks.losses import bpm_gcn_loss
from jacklib.ops import SGD
from jacklib.ops.cpu import onednn
from jacklib.ops.graph import conv_time, joint_products, mix_joints
from jacklib.weights.checkpoint import load_weights

SMALL, SMALL_CASES = small_cases("bpm_gcn")
TERMS = ("posture", "movement", "affective", "total")
TINY = {"frames": 12, "widths": (8, 12, 16)}


def test_released_network():
    """Names, evaluation outputs and loss to 1e-4, training to 1e-3, as the golden numbers ask."""
    numbers = Golden("bpm_gcn")
    facts, arrays = numbers.facts, numbers.arrays
    net = BPMGCN()
    own = {key: list(value.shape) for key, value in net.state_dict().items()}
    assert own == {k: v for k, v in numbers.keys.items() if not k.endswith("num_batches_tracked")}
    assert load_weights(net, numbers.state()).complete

    posture, movement = numbers.input("posture"), numbers.input("movement")
    net.eval()
    with jt.no_grad():
        out = net(posture, movement)
    assert error(out.posture_logits.numpy(), arrays["eval_posture"]) < 1e-4
    assert error(out.affective.numpy()[:, :64], arrays["eval_affective"]) < 1e-4
    assert error(out.movement_logits.numpy(), arrays["eval_movement"]) < 1e-4

    net.train()
    options = {"lr": 0.075, "momentum": 0.9, "nesterov": True, "weight_decay": 0.001}
    optimizer = SGD(net.parameters(), **options)
    start = {k: v for k, v in numbers.state().items() if k.endswith("PA")}
    target, losses = numbers.input("affective"), []
    for step in range(facts["steps"]):
        terms = bpm_gcn_loss(net(posture, movement), facts["target"], target)
        optimizer.backward(terms["total"])
        losses.append(terms["total"].item())
        if step == 0:
            norms = gradient_norms(net, optimizer)
            buffers = {k: v.numpy().copy() for k, v in net.state_dict().items() if "running" in k}
            wanted = facts["loss_terms_step1"]
            assert terms["posture"].item() == pytest.approx(wanted["ce_posture"], rel=1e-4)
            assert terms["movement"].item() == pytest.approx(wanted["ce_movement"], rel=1e-4)
            assert terms["affective"].item() == pytest.approx(wanted["mse_affective"], rel=1e-4)
        optimizer.step()
    assert losses[0] == pytest.approx(arrays["train_losses"][0], rel=1e-4)
    np.testing.assert_allclose(losses, arrays["train_losses"], rtol=1e-3)
    wanted = facts["grad_norm_step1"]
    assert set(norms) == set(wanted)
    assert error([norms[k] for k in wanted], list(wanted.values())) < 1e-3
    # Small ones, too, but not below what float32 can say: the golden numbers are up to 6e-6 of the
    # largest away from float64 (and 1.2e-3 of its own size for one), ours 4e-6.
    largest = max(wanted.values())
    for key, value in wanted.items():
        assert norms[key] == pytest.approx(value, rel=1e-3, abs=1e-5 * largest), key
    check_buffers(numbers, buffers)
    # These steps diverge and magnify rounding: in PyTorch, inputs that differ by 1e-7 of themselves
    # end up to 9e-4 (float64) and 1.6e-3 (float32) of a norm apart, which 1e-3 would forbid.
    check_parameters(numbers, net, tolerance=4e-3)

    # The skeleton is where it was, in every unit; what is learned on top of it is not.
    assert not any(p.shape == [3, 16, 16] and (p.numpy() == Graph().A).all()
                   for p in net.parameters())  # fmt: skip
    for i in range(1, 11):
        for stream in "pm":
            unit = getattr(net, f"l{i}_{stream}").gcn1
            np.testing.assert_array_equal(unit._A.numpy(), arrays["graph_A"])
            before = start[f"l{i}_{stream}.gcn1.PA"]
            assert np.abs(unit.PA.numpy() - before).max() > 1e-4


@pytest.mark.parametrize("case", SMALL_CASES, ids=lambda case: case["case"])
def test_other_shapes(case):
    def stored(role):
        return SMALL[f"{case['case']}/{role}"]

    net = BPMGCN(BPMGCNConfig(**case["network"]))
    load_weights(net, {k: weight(k, v.shape) for k, v in net.state_dict().items()})
    given = bpm_gcn_inputs(case["seed"], case)
    inputs = given["posture"], given["movement"]
    about = given["labels"], given["affective_target"]

    net.eval()
    seen = net.inspect(*inputs)
    for kind in ("graphs", "joints", "times"):
        both = getattr(seen, f"posture_{kind}") + getattr(seen, f"movement_{kind}")
        found = np.concatenate([v.numpy().ravel() for v in both])[::37]
        assert error(found, stored(kind)) < 1e-4, kind
    terms = bpm_gcn_loss(seen.output, *about, **case["loss"])
    np.testing.assert_allclose([terms[n].item() for n in TERMS], stored("terms"), rtol=1e-4)
    check_small(
        stored, net, inputs, ["posture_logits", "affective", "movement_logits"],
        lambda: bpm_gcn_loss(net(*inputs), *about, **case["loss"])["total"], weight_decay=1e-3,
    )  # fmt: skip


# --- Behaviour ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny():
    """A network, and what three gaits give to it and to the loss."""
    jt.set_global_seed(0)
    case = {"gaits": 3, "network": {"n_classes": 4, "n_features": 31, **TINY}}
    return BPMGCN(BPMGCNConfig(**TINY)), bpm_gcn_inputs(0, case)


def test_what_inspect_shows(tiny):
    net, given = tiny
    net.eval()
    inputs = given["posture"], given["movement"]
    seen = net.inspect(*inputs)
    for mine, plain in zip(seen.output, net(*inputs), strict=True):
        np.testing.assert_allclose(mine.numpy(), plain.numpy(), rtol=1e-5, atol=1e-6)
    for stream in ("posture", "movement"):
        graphs = getattr(seen, f"{stream}_graphs")
        assert [g.shape for g in graphs] == [[3, 3, 16, 16]] * 10
        for each in graphs:
            np.testing.assert_allclose(each.numpy().sum(2), 1, rtol=1e-5)
        assert [p.shape for p in getattr(seen, f"{stream}_learned")] == [[3, 16, 16]] * 10
        assert [a.shape for a in getattr(seen, f"{stream}_joints")] == [[3, 16]] * 3
        assert [a.shape for a in getattr(seen, f"{stream}_times")] == [[3, 12], [3, 6], [3, 3]]
    seen.posture_learned[0].update(jt.zeros((3, 16, 16)))  # a copy
    assert net.l1_p.gcn1.PA.numpy().min() > 0


def test_it_starts_as_the_authors_do():
    state = {k: v.numpy() for k, v in BPMGCN(BPMGCNConfig(**TINY)).state_dict().items()}
    for key, value in state.items():
        if key.endswith("PA"):
            np.testing.assert_array_equal(value, np.float32(1e-6))  # every entry, not 1e-6 * A
        elif ".gcn1.bn.weight" in key:
            np.testing.assert_array_equal(value, np.float32(1e-6))
        elif key.endswith("bias") and not key.startswith("fc"):
            assert not value.any()
    wide = BPMGCN(BPMGCNConfig(widths=(64, 64, 64), frames=2)).state_dict()
    for key, std in (
        ("l5_p.tcn1.conv.weight", np.sqrt(2 / (64 * 9))),
        ("l5_p.residual.conv.weight", np.sqrt(2 / 64)),
        ("l2_m.gcn1.conv_d.1.weight", np.sqrt(2 / (64 * 64 * 3))),
        ("fc2_aff.weight", np.sqrt(2 / 62)),
    ):
        assert wide[key].numpy().std() == pytest.approx(std, rel=0.05), key


def test_the_streams_exchange_what_they_see(tiny):
    """Each stream's output depends on the other's input."""
    net, given = tiny
    net.eval()
    posture, movement = given["posture"], given["movement"]
    plain = net(posture, movement)
    for changed, names in (
        (net(posture, movement[::-1].copy()), ("posture_logits", "affective")),
        (net(posture[::-1].copy(), movement), ("movement_logits",)),
    ):
        for name in names:
            assert error(getattr(changed, name).numpy(), getattr(plain, name).numpy()) > 1e-4


def test_what_the_weights_of_the_loss_do(tiny):
    net, given = tiny
    net.eval()
    out = net(given["posture"], given["movement"])
    about = given["labels"], given["affective_target"]
    for a, b in ((1, 1), (0.5, 3), (1, 0)):
        terms = bpm_gcn_loss(out, *about, weight=a, affective_weight=b)
        value = {k: terms[k].item() for k in TERMS}
        total = a * (value["posture"] + value["movement"]) + b * value["affective"]
        assert value["total"] == pytest.approx(total, rel=1e-6)
    as_vars = bpm_gcn_loss(out, *(jt.array(v) for v in about))
    assert as_vars["total"].item() == bpm_gcn_loss(out, *about)["total"].item()


@pytest.mark.parametrize(
    "labels, target, message",
    [
        ([0, 1, 4], (3, 372), r"labels\[2\]: found 4, wanted 0 to 3"),
        ([0, -1, 1], (3, 372), r"labels\[1\]: found -1"),
        ([0, 1], (3, 372), r"labels: found shape \[2\], wanted \[3\]"),
        ([0, 1, 2], (3, 31), r"affective_target: found shape \[3, 31\], wanted \[3, 372\]"),
    ],
)
def test_wrong_targets_are_named(tiny, labels, target, message):
    net, given = tiny
    net.eval()
    out = net(given["posture"], given["movement"])
    with pytest.raises(ValueError, match=message):
        bpm_gcn_loss(out, np.array(labels), np.zeros(target, np.float32))


@pytest.mark.parametrize(
    "posture, movement, message",
    [
        ((2, 3, 12, 15, 1), (2, 8, 12, 16, 1), r"posture: found.*wanted \[N, 3, 12, 16, 1\]"),
        ((2, 3, 48, 16, 1), (2, 8, 48, 16, 1), r"posture: found shape \[2, 3, 48.*frames="),
        ((2, 3, 12, 16), (2, 8, 12, 16, 1), r"posture: found shape \[2, 3, 12, 16\]"),
        ((2, 3, 12, 16, 1), (2, 3, 12, 16, 1), r"movement: found.*wanted \[2, 8, 12, 16, 1\]"),
        ((2, 3, 12, 16, 1), (3, 8, 12, 16, 1), r"movement: found.*wanted \[2, 8, 12, 16, 1\]"),
        ((2, 3, 12, 16, 2), (2, 8, 12, 16, 2), r"posture: found shape \[2, 3, 12, 16, 2\]"),
    ],
)
def test_wrong_shapes_are_named(tiny, posture, movement, message):
    with pytest.raises(ValueError, match=message):
        tiny[0](np.zeros(posture, np.float32), np.zeros(movement, np.float32))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"widths": (64, 128)}, r"widths: found \[64, 128\], wanted three multiples of embed"),
        ({"widths": (64, 130, 256)}, "widths: found .*wanted three multiples of embed"),
        ({"frames": 1}, "frames: found 1, wanted a whole number from 2 to"),
        ({"graph": "free"}, "graph: found .free., wanted one of adaptive, fixed"),
        ({"fusion": "none"}, "fusion: found .none., wanted one of released, paper"),
        ({"pool": "sum"}, "pool: found .sum., wanted one of mean, max"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message):
    with pytest.raises(DataError, match=message):
        BPMGCN(BPMGCNConfig(**options))


def test_the_two_settings():
    assert BPMGCNConfig.paper() == BPMGCNConfig()
    small = BPMGCN(BPMGCNConfig.classroom())
    assert {k for k in Golden("bpm_gcn").keys if "num_batches" not in k} == set(small.state_dict())
    assert sum(p.numel() for p in small.parameters()) < 6e5


# --- The paper's ways -----------------------------------------------------------------------------


def other_way(net, **options):
    """The same network another way, with the weights that both have, in evaluation mode."""
    other = BPMGCN(replace(net.config, **options))
    load_weights(other, net.state_dict(), strict=False)
    net.eval()
    other.eval()
    return other


def test_the_fixed_graph_is_the_skeleton_alone(tiny):
    """One unit by NumPy: the sum of x A W over the parts, and nothing learned between joints."""
    net, given = tiny
    inputs = given["posture"], given["movement"]
    fixed = other_way(net, graph="fixed")
    released = set(net.state_dict())
    learned = {k for k in released if any(n in k for n in (".PA", ".conv_a.", ".conv_b."))}
    assert len(learned) == 2 * 10 * (1 + 2 * 3 * 2)
    assert set(fixed.state_dict()) == released - learned

    unit, x = fixed.l5_m.gcn1, rng_array(4, 2, 6, 16, 8)
    unit.bn.weight.assign(jt.ones(unit.bn.weight.shape))  # it starts next to 0
    y = sum(
        np.einsum("ntvc,vw,oc->ntwo", x, part, conv.weight.numpy()[:, :, 0, 0]) + conv.bias.numpy()
        for part, conv in zip(Graph().A, unit.conv_d, strict=True)
    )
    y = y / np.sqrt(1 + unit.bn.eps)  # its running statistics are 0 and 1
    y = y + unit.down(jt.array(x)).numpy()
    found, attention = unit(jt.array(x))
    assert attention is None
    np.testing.assert_allclose(found.numpy(), np.maximum(y, 0), rtol=1e-4, atol=1e-5)

    seen = fixed.inspect(*inputs)
    for stream in ("posture", "movement"):
        assert getattr(seen, f"{stream}_graphs") == getattr(seen, f"{stream}_learned") == []
        assert len(getattr(seen, f"{stream}_joints")) == 3


def gate(g, mean):
    """`Gate` in NumPy."""
    hidden = np.maximum(mean @ g.fc1.weight.numpy()[:, :, 0, 0].T, 0)
    return 1 / (1 + np.exp(-hidden @ g.fc2.weight.numpy()[:, :, 0, 0].T))


def test_the_papers_fusion_is_equations_8_and_9():
    jt.set_global_seed(0)
    fusion = Fusion(6, 16, released=False)
    x_p, x_m = (rng_array(seed, 2, 6, 16, 4) for seed in (1, 2))
    times, joints, wanted = [], [], []
    for x, of_times, of_joints in (
        (x_p, fusion.att_T_p, fusion.att_N_p), (x_m, fusion.att_T_m, fusion.att_N_m)
    ):  # fmt: skip
        times.append(gate(of_times, x.mean((2, 3))))
        joints.append(gate(of_joints, x.mean((1, 3))))
        wanted.append(x * times[-1][:, :, None, None] * joints[-1][:, None, :, None])
    *found, gates = fusion(jt.array(x_p), jt.array(x_m))
    np.testing.assert_allclose(found[0].numpy(), x_p + wanted[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1].numpy(), x_m + wanted[0], rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(gates, [*joints, *times], strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5)


def test_the_largest_value_before_the_classifier(tiny):
    net, given = tiny
    highest, maps = other_way(net, pool="max"), []
    fuse = highest.fusions[10]
    highest.fusions[10] = lambda *streams: maps.append(fuse(*streams)) or maps[-1]
    out = highest(given["posture"], given["movement"])
    for x, classifier, found in (
        (maps[0][0], highest.fc1_classifier_p, out.posture_logits),
        (maps[0][0], highest.fc2_aff, out.affective),
        (maps[0][1], highest.fc1_classifier_m, out.movement_logits),
    ):
        wanted = x.numpy().max((1, 2)) @ classifier.weight.numpy().T + classifier.bias.numpy()
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "way"), [(n, ways[1]) for n, ways in GAIT_WAYS.items()])
def test_every_way_makes_another_network_that_learns(tiny, name, way):
    """Its outputs are others, and one step moves all that it has."""
    jt.set_global_seed(1)
    net, given = BPMGCN(BPMGCNConfig(**TINY)), tiny[1]
    for key, value in net.state_dict().items():
        if key.endswith("gcn1.bn.weight"):
            value.assign(jt.ones(value.shape))
    other, inputs = other_way(net, **{name: way}), (given["posture"], given["movement"])
    for ours, theirs in zip(other(*inputs), net(*inputs), strict=True):
        assert error(ours.numpy(), theirs.numpy()) > 1e-3
    other.train()
    sgd = SGD(other.parameters(), 0.05)
    before = {k: v.numpy().copy() for k, v in other.state_dict().items()}
    sgd.step(bpm_gcn_loss(other(*inputs), given["labels"], given["affective_target"])["total"])
    still = {k for k, v in other.state_dict().items() if (v.numpy() == before[k]).all()}
    # A bias before a batch norm has no gradient but rounding, and a gate's ReLU may be shut.
    assert all(k.endswith("bias") or "att_" in k for k in still), still


# --- Products and convolutions, channels last -----------------------------------------------------


def rng_array(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check_gradients(out, inputs, wanted_out, wanted) -> None:
    """out and its gradients, for weights drawn from its shape, against NumPy's in float64."""
    assert error(out.numpy(), wanted_out) < 1e-5
    w = rng_array(9, *out.shape)
    found = jt.grad((out * jt.array(w)).sum(), inputs)
    for gradient, other in zip(found, wanted(w.astype(np.float64)), strict=True):
        assert error(gradient.numpy(), other) < 1e-5


@pytest.mark.parametrize("V, C, k", [(16, 64, 3), (16, 3, 3), (16, 100, 3), (7, 24, 1), (5, 17, 2)])
def test_mix_joints(V, C, k):
    x, graph = rng_array(0, 2, 6, V, C), rng_array(1, 2, k, V, V)
    a, b = x.astype(np.float64), graph.astype(np.float64)
    inputs = [jt.array(x), jt.array(graph)]
    check_gradients(
        mix_joints(*inputs), inputs, np.einsum("ntvc,nkvw->ntwkc", a, b),
        lambda w: (np.einsum("ntwkc,nkvw->ntvc", w, b), np.einsum("ntwkc,ntvc->nkvw", w, a)),
    )  # fmt: skip


@pytest.mark.parametrize("V, k, e", [(16, 3, 16), (16, 3, 64), (16, 3, 2), (7, 1, 20), (5, 2, 9)])
def test_joint_products(V, k, e):
    ab = rng_array(0, 2, 6, V, 2, k, e)
    a, b = ab[:, :, :, 0].astype(np.float64), ab[:, :, :, 1].astype(np.float64)
    inputs = [jt.array(ab)]
    check_gradients(
        joint_products(*inputs), inputs, np.einsum("ntvke,ntwke->nkvw", a, b),
        lambda w: [np.stack([np.einsum("nkvw,ntwke->ntvke", w, b),
                             np.einsum("nkvw,ntvke->ntwke", w, a)], axis=3)],
    )  # fmt: skip


@pytest.mark.parametrize("with_onednn", [True, False], ids=["oneDNN", "Jittor"])
@pytest.mark.parametrize(
    "C, outs, K, stride, T",
    [(64, 64, 9, 1, 12), (64, 128, 9, 2, 12), (16, 32, 9, 2, 7), (3, 5, 9, 1, 4), (8, 6, 3, 2, 5),
     (20, 20, 9, 2, 1), (8, 16, 1, 2, 7), (8, 16, 1, 1, 7)],
)  # fmt: skip
def test_conv_time(C, outs, K, stride, T, with_onednn, monkeypatch):
    if not with_onednn:
        monkeypatch.setattr(onednn, "available", lambda: False)
    x, weight = rng_array(0, 2, T, 16, C), rng_array(1, outs, C, K, 1)
    t = -(-T // stride)
    take = np.arange(t)[:, None] * stride + np.arange(K)  # in x padded: [t, K]
    padded = np.pad(x.astype(np.float64), ((0, 0), (K // 2, K // 2), (0, 0), (0, 0)))
    w64 = weight[..., 0].astype(np.float64)

    def gradients(w):
        dx = np.zeros_like(padded)
        for i in range(t):
            for j in range(K):
                dx[:, i * stride + j] += w[:, i] @ w64[:, :, j]
        dw = np.einsum("ntvo,ntkvc->ock", w, padded[:, take])[..., None]
        return dx[:, K // 2 : K // 2 + T], dw

    inputs = [jt.array(x), jt.array(weight)]
    check_gradients(
        conv_time(*inputs, stride), inputs,
        np.einsum("ntkvc,ock->ntvo", padded[:, take], w64), gradients,
    )  # fmt: skip


def test_conv_time_names_wrong_channels():
    with pytest.raises(ValueError, match=r"x: found shape \[1, 2, 3, 4\], wanted \[N, T, V, 5\]"):
        conv_time(jt.zeros((1, 2, 3, 4)), jt.zeros((6, 5, 9, 1)))
