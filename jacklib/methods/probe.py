"""A linear probe on frozen vectors, tested on groups that it was not trained on: notebook 08."""

from collections.abc import Callable

import jittor as jt
import numpy as np

from jacklib.backend import runtime
from jacklib.ops import Adam, cross_entropy

DECAYS = (1e-4, 1e-3, 1e-2)  # how strongly the layer's weights are held small


def train_probe(x: np.ndarray, y: np.ndarray, decay: float, steps: int = 100) -> jt.nn.Linear:
    """A linear layer trained on vectors [N, H] and class numbers [N]; rare classes weigh more, so
    that none is neglected."""
    runtime.seed(0)
    probe = jt.nn.Linear(x.shape[1], int(y.max()) + 1)
    adam = Adam(probe.parameters(), lr=0.1, weight_decay=decay)
    counts = np.bincount(y)
    weight = jt.array((len(y) / (len(counts) * np.maximum(counts, 1)))[y].astype(np.float32))
    x, y = jt.array(x), jt.array(y)
    for _ in range(steps):
        adam.step((weight * cross_entropy(probe(x), y, reduction="none")).mean())
    return probe


def leave_one_out(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, decay: float | Callable
) -> np.ndarray:
    """Probabilities [N, classes]; each group's are of a probe trained on the others. decay: a
    number, or a function of a training set (x, y, groups) that gives one, such as best_decay."""
    found = np.zeros((len(y), int(y.max()) + 1))
    for group in np.unique(groups):
        train, test = groups != group, groups == group
        strength = decay(x[train], y[train], groups[train]) if callable(decay) else decay
        probe = train_probe(x[train], y[train], strength)
        found[test] = jt.nn.softmax(probe(jt.array(x[test])), dim=1).numpy()
    return found


def best_decay(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> float:
    """The one of DECAYS that does best when each of these groups in turn is left out."""
    right = [(leave_one_out(x, y, groups, decay).argmax(1) == y).mean() for decay in DECAYS]
    return DECAYS[int(np.argmax(right))]
