"""The linear probe of notebook 08: no group is judged by a probe that was trained on it."""

import numpy as np

from jacklib.methods.probe import DECAYS, best_decay, leave_one_out


def lines(n=60):
    """Vectors of three classes that one axis each tells apart, in four groups."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = np.eye(8)[y] + rng.normal(0, 0.1, (n, 8))
    return x.astype(np.float32), y, np.repeat(["a", "b", "c", "d"], n // 4)


def test_a_probe_finds_what_is_linear():
    x, y, groups = lines()
    found = leave_one_out(x, y, groups, best_decay)
    assert found.shape == (60, 3) and np.allclose(found.sum(1), 1, atol=1e-5)
    assert (found.argmax(1) == y).all()


def test_a_group_is_not_trained_on():
    """A group with other labels for the same vectors is judged wrong, and does not notice."""
    x, y, groups = lines()
    other = np.where(groups == "d", (y + 1) % 3, y)
    found = leave_one_out(x, other, groups, 1e-3).argmax(1)
    assert (found[groups == "d"] == y[groups == "d"]).all()


def test_the_decay_is_chosen_within_the_training_set():
    x, y, groups = lines()
    seen = []

    def decay(x, y, groups):
        seen.append(set(groups))
        return DECAYS[0]

    leave_one_out(x, y, groups, decay)
    assert seen == [{*"abcd"} - {g} for g in "abcd"]
