"""Pseudo labels against the authors' (golden seeds) and against a search clip by clip."""

import numpy as np
import pytest

from jacklib.core.pseudo_labels import seed_labels
from jacklib.errors import DataError
from jacklib.measure.golden_numbers import Golden, point_labels


def clip_by_clip(scores, points, threshold=0.95):
    """The search of TSL-Net's section 3.4 and released code, one clip at a time."""
    T, background = len(scores), scores[:, -1]
    marks = [t for t in range(T) if points[t].max() > 0]
    bkg_seed = np.zeros(T, np.float32)
    act_seed = np.pad(points, ((0, 0), (0, 1)))

    def walk(places):
        for t in places:
            if background[t] > scores[t, :-1].max() or bkg_seed[t] >= 1:
                break
            act_seed[t] = scores[t]

    for before, after in zip([-1, *marks], [*marks, T], strict=True):
        gap = list(range(before + 1, after))
        if not gap:
            continue
        top = max(background[t] for t in gap)
        sure = [t for t in gap if background[t] >= np.float32(threshold)]
        highest = next(t for t in gap if background[t] == top)
        if before == -1:
            chosen = range(gap[0], (sure[-1] if sure else highest) + 1)
        elif after == T:
            chosen = range(sure[0] if sure else highest, T)
        elif float(top) * len(sure) >= 2:
            chosen = range(sure[0], sure[-1] + 1)
        else:
            chosen = sure or [highest]
        for t in chosen:
            bkg_seed[t] = top
        if before >= 0:
            walk(gap)
        if after < T:
            walk(reversed(gap))
    return act_seed, bkg_seed


def check(scores, points):
    for found, wanted in zip(
        seed_labels(scores, points), clip_by_clip(scores, points), strict=True
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["tsl_t64", "tsl_t650"])
def test_the_authors_seeds(name):
    golden = Golden(name)
    points = point_labels(golden.facts["T"], 2, golden.facts["points"])
    act_seed, bkg_seed = seed_labels(golden.arrays["eval_cas"][0], points)
    np.testing.assert_array_equal(act_seed, golden.arrays["eval_act_seed"][0])
    np.testing.assert_array_equal(bkg_seed, golden.arrays["eval_bkg_seed"][0])
    counts = golden.facts["loss_terms_step1"]  # those of the scores in training mode
    act_seed, bkg_seed = seed_labels(golden.arrays["train_cas"][0], points)
    assert (act_seed.max(1) > 0).sum() == counts["pos_num"]
    assert (bkg_seed > 0).sum() == counts["neg_num"]


@pytest.mark.parametrize("seed", range(40))
def test_random_videos(seed):
    """Half of the scores wander slowly and reach both ends, exactly 1 and ties included."""
    rng = np.random.default_rng(seed)
    for _ in range(25):
        T = int(rng.choice([8, 9, 20, 77, 300, 1210], p=[0.3, 0.2, 0.2, 0.15, 0.1, 0.05]))
        C = int(rng.choice([2, 2, 3]))
        z = rng.standard_normal((T, C + 1))
        if rng.random() < 0.5:
            z = np.cumsum(z, axis=0) - np.cumsum(z, axis=0).mean(0)
        s = 1 / (1 + np.exp(-np.clip(z * rng.choice([0.3, 1, 4, 20]), -500, 500)))
        s[:, :-1] *= 1 - s[:, -1:]
        if rng.random() < 0.3:
            s = np.round(s, 1)
        n = int(rng.choice([1, 2, 3, min(T, 15), T])) if rng.random() < 0.9 else 1
        clips = rng.choice(T, n, replace=False)
        if rng.random() < 0.3:  # at the ends
            clips = np.unique([*clips, 0, T - 1])
        if rng.random() < 0.3:  # side by side
            clips = np.unique(np.clip([*clips, *(clips + 1)], 0, T - 1))
        points = point_labels(T, C, [(t, rng.integers(C)) for t in clips])
        check(s.astype(np.float32), points)


def test_a_video_of_annotated_clips_only_has_no_background():
    points = point_labels(8, 2, [(t, t % 2) for t in range(8)])
    act_seed, bkg_seed = seed_labels(np.full((8, 3), 0.5, np.float32), points)
    np.testing.assert_array_equal(act_seed[:, :2], points)
    assert not act_seed[:, 2].any() and not bkg_seed.any()


def test_by_hand():
    scores = np.zeros((9, 3), np.float32)
    scores[:, 2] = [0.1, 0.2, 0.1, 0.0, 0.1, 0.9, 0.97, 0.96, 0.1]
    scores[:, 0] = [0.0, 0.1, 0.3, 0.0, 0.3, 0.3, 0.0, 0.0, 0.3]
    act_seed, bkg_seed = seed_labels(scores, point_labels(9, 2, [(3, 1)]))
    # Left: clip 1 has the most background. Right: everything from the first sure clip on.
    np.testing.assert_array_equal(bkg_seed, np.float32([0.2, 0.2, 0, 0, 0, 0, 0.97, 0.97, 0.97]))
    # Action on both sides of the point until background is above the classes.
    np.testing.assert_array_equal(np.flatnonzero(act_seed.max(1)), [2, 3, 4])
    np.testing.assert_array_equal(act_seed[[2, 4]], scores[[2, 4]])
    np.testing.assert_array_equal(act_seed[3], np.float32([0.1, 0.9, 0]))


@pytest.mark.parametrize(
    "scores, points, message",
    [
        ((8, 3), (8, 3), r"scores and points: found \[8, 3\] and \[8, 3\], wanted \[T, C\+1\]"),
        ((8, 3), (7, 2), "scores and points"),
        ((1, 8, 3), (1, 8, 2), "scores and points"),
        ((8, 3), (8, 2), "points: found no annotated clip"),
    ],
)
def test_what_does_not_fit_is_named(scores, points, message):
    with pytest.raises(DataError, match=message):
        seed_labels(np.zeros(scores), np.zeros(points))
