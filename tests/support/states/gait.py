"""A state of the gait pictures: a shipped walk, and graphs by chance."""

import numpy as np

from jacklib.data.gait_features import affective_features
from jacklib.samples.gait_samples import read_walks
from jacklib.samples.gait_style import STYLES, walk_in_style
from jacklib.widgets.gait_state import GaitGraphs, GaitState
from support import ROOT

WALKS = read_walks(ROOT / "data_samples" / "gait")


T = 24


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def make_graphs(seed=0, frames=T, **changes):
    """All that a network of two streams gives, by chance."""
    rng = np.random.default_rng(seed)
    fields = {}
    for stream in ("posture", "movement"):
        fields[f"{stream}_attention"] = softmax(0.5 * rng.standard_normal((10, 3, 16, 16)), 2)
        fields[f"{stream}_learned"] = 0.1 * rng.standard_normal((10, 3, 16, 16))
        fields[f"{stream}_joints"] = rng.random((3, 16))
        lengths = (frames, -(-frames // 2), -(-frames // 4))
        fields[f"{stream}_times"] = tuple(rng.random(length) for length in lengths)
    return GaitGraphs(**{**fields, **changes})


def make_state(emotion="happy", seed=0, walked=T, frames=T, **changes):
    """A shipped walk in a style; after `walked` of its `frames` it is filled up with zeros."""
    pose, affective = np.zeros((frames, 16, 3)), np.zeros((frames, 31), np.float32)
    pose[:walked] = walk_in_style(WALKS[seed % len(WALKS)], STYLES[emotion], walked)
    affective[:walked] = affective_features(pose[:walked])
    rng = np.random.default_rng(seed)
    fields = dict(
        title=f"walk {seed}",
        pose=pose,
        affective=affective,
        label=emotion,
        probabilities=softmax(2 * rng.standard_normal(4), 0),
        affective_predicted=affective * (1 + 0.05 * rng.standard_normal(affective.shape)),
        graphs=make_graphs(seed, frames),
    )
    return GaitState(**{**fields, **changes})
