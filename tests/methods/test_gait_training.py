"""BPM-GCN's training and evaluation on a handful of styled gaits."""

import jittor as jt
import numpy as np
import pytest

from jacklib.backend import runtime
from jacklib.data.gait import Gaits
from jacklib.methods import gait
from jacklib.networks import BPMGCN, BPMGCNConfig
from jacklib.ops import SGD
from jacklib.samples import styled_gaits

SCHEDULE = gait.Schedule(8, 3, 0.02, (1, 2))


@pytest.fixture(scope="module")
def splits():
    """The first 20 gaits to train, every eighth to test."""
    found = []
    for split, chosen in (("train", slice(0, 20)), ("test", slice(0, None, 8))):
        gaits = Gaits(styled_gaits(progress=False), split, train=split == "train", seed=1)
        gaits.arrays = type(gaits.arrays)(*(part[chosen] for part in gaits.arrays))
        found.append(gaits)
    return found


def network():
    runtime.seed(2)
    net = BPMGCN(BPMGCNConfig(widths=(8, 8, 16)))
    jt.sync_all()
    return net


def run(splits, folder, affective_weight=1.0, **how):
    net, how = network(), gait.Run(folder, seed=1, show=False, **how)
    history = gait.train(
        net, *splits, schedule=SCHEDULE, run=how, affective_weight=affective_weight
    )
    return history, {k: v.numpy().copy() for k, v in net.state_dict().items()}


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def test_training_learns_repeats_and_goes_on_exactly(splits, tmp_path, monkeypatch):
    whole, weights = run(splits, tmp_path / "a")
    assert whole[-1]["train_loss"] < whole[0]["train_loss"]

    class Stopped(Exception):
        pass

    real, count = gait.steps, []

    def stopping(*args):
        for step in real(*args):
            count.append(step)
            if len(count) == 5:  # the second step of the second epoch
                raise Stopped
            yield step

    monkeypatch.setattr(gait, "steps", stopping)
    with pytest.raises(Stopped):
        run(splits, tmp_path / "b", save_every=1)
    monkeypatch.setattr(gait, "steps", real)
    rest, again = run(splits, tmp_path / "b", resume=tmp_path / "b" / "last.pth")
    assert without_time(rest) == without_time(whole)
    for name, value in weights.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


def test_the_rate_falls_to_a_tenth(splits, tmp_path, monkeypatch):
    seen, real = [], SGD.step

    def step(self, loss=None):
        seen.append(self.groups[0]["lr"])
        return real(self, loss)

    monkeypatch.setattr(SGD, "step", step)
    run(splits, tmp_path)
    assert seen == pytest.approx([0.02] * 3 + [0.002] * 3 + [0.0002] * 3)
    released = gait.SCHEDULES["paper"]
    assert released.rate(24) == 0.075 and released.rate(25) == pytest.approx(0.0075)


def test_the_affective_weight_matters(splits, tmp_path):
    _, with_it = run(splits, tmp_path / "a")
    _, without = run(splits, tmp_path / "b", affective_weight=0.0)
    assert any((with_it[name] != without[name]).any() for name in with_it)


def test_predictions_are_the_mean_of_both_streams(splits):
    net, gaits = network(), splits[1]
    found = gait.test(net, gaits, batch_size=5)
    assert len(found.labels) == len(gaits) == 24
    sample = gaits.batch(range(len(gaits)))
    net.eval()
    output = net(sample.posture, sample.movement)
    mean = (output.posture_logits.numpy() + output.movement_logits.numpy()) / 2
    share = np.exp(mean - mean.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, share, atol=1e-5)
    assert found.accuracy == (mean.argmax(1) == gaits.labels).mean()
