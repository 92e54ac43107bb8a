"""Segments from TSL-Net's scores: the authors' (golden) and a search moment by moment."""

import json

import numpy as np
import pytest

from jacklib.core.metrics import (
    FOREGROUND_LEVELS,
    SCORE_LEVELS,
    detection_metrics,
    localize,
    temporal_map,
)
from jacklib.errors import DataError
from jacklib.measure.golden_numbers import FOLDER

FACTS = json.loads((FOLDER / "tsl_eval.json").read_text())
TRUTH = json.loads((FOLDER / "tsl_eval_gt.json").read_text())
TIOUS = (0.1, 0.15, 0.2, 0.25, 0.3)


def smooth(x, sigma=4):
    """SciPy's gaussian_filter1d(x, sigma, axis=0): reflected at the ends, cut at 4 sigma."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(x, ((radius, radius), (0, 0)), mode="symmetric")
    return np.stack([np.convolve(c, kernel / kernel.sum(), "valid") for c in padded.T], axis=1)


def invented(seed, T, strength=6):
    """Scores as the golden numbers invent them: fused [T, 3] and the video's [2]."""
    z = smooth(np.random.default_rng(seed).standard_normal((T, 3))) * strength
    s = (1 / (1 + np.exp(-z))).astype(np.float32)
    fused = np.stack([s[:, 0] * (1 - s[:, 2]), s[:, 1] * (1 - s[:, 2]), s[:, 2]], axis=1)
    return fused, np.sort(s[:, :2], axis=0)[::-1][: max(1, T // 8)].mean(0)


@pytest.fixture(scope="module")
def found():
    return {
        name: localize(*invented(FACTS["seed"] + i, T), FACTS["fps"][name])
        for i, (name, T) in enumerate(FACTS["lengths"].items())
    }


def test_the_authors_proposals(found):
    assert {name: len(rows) for name, rows in found.items()} == FACTS["n_proposals"]
    for name, rows in found.items():
        wanted = FACTS["results"][name]
        assert [row[0] for row in rows] == [w["label"] for w in wanted]
        np.testing.assert_allclose([r[1] for r in rows], [w["score"] for w in wanted], atol=1e-6)
        np.testing.assert_allclose([r[2:] for r in rows], [w["segment"] for w in wanted], atol=1e-4)


def test_the_authors_metrics(found):
    results = {
        name: [{"label": a, "score": b, "segment": [c, d]} for a, b, c, d in rows]
        for name, rows in found.items()
    }
    report = temporal_map(TRUTH, results, TIOUS)
    truth = {
        name: tuple((row["label"], *row["segment"]) for row in entry["annotations"])
        for name, entry in TRUTH["database"].items()
    }
    assert detection_metrics(truth, found).report() == report  # what `localize` gives, as it is
    wanted = dict(FACTS["metrics"])
    del wanted["step"]
    # The released evaluator calls the ground truth's first label n; here that is p.
    nap, pap = (wanted.pop(f"average_{name}[0.1:0.3]") for name in ("nAP", "pAP"))
    wanted |= {"average_pAP[0.1:0.3]": nap, "average_nAP[0.1:0.3]": pap}
    for name, value in wanted.items():
        assert report[name] == pytest.approx(value, abs=1e-6), name


def moment_by_moment(scores, video_score, fps, scale=24):
    """The released search written out: one class, level and moment after the other."""
    T = len(scores)
    places = np.arange(T * scale) * (1 / scale)

    def stretch(y):
        values = []
        for x in places:
            left = min(max(int(np.ceil(x)) - 1, 0), T - 2)
            values.append(float(y[left + 1] - y[left]) * (x - left) + float(y[left]))
        return np.array(values)

    chosen = [c for c in range(len(video_score)) if video_score[c] >= 0.5]
    rows = []
    for c in chosen or [int(np.argmax(video_score))]:
        score, foreground = stretch(scores[:, c]), stretch(1 - scores[:, -1])
        judged = []
        for kind, levels in ((score, SCORE_LEVELS), (foreground, FOREGROUND_LEVELS)):
            for level in levels:
                places_above = [i for i, v in enumerate(kind) if v >= level and v > 0]
                if not any(places_above):
                    continue
                mask = np.where(score < level, 0, score) if kind is score else score
                groups = np.split(places_above, np.flatnonzero(np.diff(places_above) != 1) + 1)
                for group in groups:
                    first, last, n = group[0], group[-1], len(group)
                    low = max(0, int(first - 0.03 * n))
                    high = min(len(mask) - 1, int(last + 0.03 * n))
                    outside = [*range(low, first), *range(last + 1, high + 1)]
                    worth = mask[group].mean() - (mask[outside].mean() if outside else 0)
                    worth += 0.3 * float(video_score[c])
                    judged.append(
                        (worth, first * 16 / (scale * fps), (last + 1) * 16 / (scale * fps))
                    )
        judged.sort(key=lambda row: -row[0])
        while judged:
            best = judged.pop(0)
            rows.append(("np"[c], *best))
            judged = [row for row in judged if overlap(best, row) < 0.5]
    return rows


def overlap(a, b):
    common = max(0, min(a[2], b[2]) - max(a[1], b[1]) + 1)
    return common / (a[2] - a[1] + 1 + b[2] - b[1] + 1 - common)


# Scores that reach 0 or 1 exactly give proposals of the same worth, in any order: none here.
@pytest.mark.parametrize("seed, T, fps, strength", [
    (0, 8, 25, 6), (1, 8, 30, 20), (2, 31, 24, 2), (3, 90, 29.97, 6), (4, 40, 12, 20),
    (5, 2, 25, 9),
])  # fmt: skip
def test_other_scores_and_lengths(seed, T, fps, strength):
    scores, video_score = invented(seed, T, strength)
    found, wanted = localize(scores, video_score, fps), moment_by_moment(scores, video_score, fps)
    assert [row[0] for row in found] == [row[0] for row in wanted]
    np.testing.assert_allclose([r[1:] for r in found], [r[1:] for r in wanted], atol=1e-9)


def test_classes_are_looked_for_by_their_video_score():
    scores, _ = invented(7, 60)
    labels = [
        {row[0] for row in localize(scores, v, 25)} for v in ([0.7, 0.2], [0.5, 0.5], [0.1, 0.3])
    ]
    assert labels == [{"n"}, {"n", "p"}, {"p"}]  # nothing reaches the threshold: the best one


def test_one_clear_event():
    scores = np.tile(np.float32([0.0, 0.0, 1.0]), (40, 1))
    scores[10:20] = [0.9, 0.0, 0.05]
    (label, score, start, end), *rest = localize(scores, [0.9, 0.1], 16)  # one clip a second
    assert label == "n" and not rest and score > 0.8
    assert start == pytest.approx(9, abs=1) and end == pytest.approx(20, abs=1)


def test_silence_gives_nothing_and_a_flat_video_itself():
    assert localize(np.tile([0.0, 0.0, 1.0], (20, 1)), [0.6, 0.6], 25) == []
    rows = localize(np.tile([0.4, 0.4, 0.1], (20, 1)), [0.6, 0.6], 16)
    assert [(label, start, end) for label, _, start, end in rows] == [("n", 0, 20), ("p", 0, 20)]


@pytest.mark.parametrize(
    "shape, video_score, fps, message",
    [
        ((8, 2), [0.5, 0.5], 25, r"scores: found shape \[8, 2\], wanted \[T, 3\]"),
        ((1, 3), [0.5, 0.5], 25, "scores: found shape"),
        ((8, 3), [0.5], 25, r"video_score: found shape \[1\], wanted \[2\]"),
        ((8, 3), [0.5, 0.5], 0, "fps: found 0, wanted more than 0"),
        ((8, 3), [0.5, 0.5], np.nan, "fps: found nan"),
        ((8, 3), [0.5, 0.5], np.inf, "fps: found inf"),
    ],
)
def test_what_does_not_fit_is_named(shape, video_score, fps, message):
    with pytest.raises(DataError, match=message):
        localize(np.zeros(shape), video_score, fps)


@pytest.mark.parametrize("place", ["scores", "video_score"])
def test_a_network_that_has_diverged_finds_nothing(place):
    scores, video_score = invented(0, 12)
    (scores if place == "scores" else video_score)[0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        localize(scores, video_score, 25)


def test_truth_and_detections_are_finite():
    nan = float("nan")
    truth = {"a": {"annotations": [{"label": "p", "segment": [0, 10]}]}}
    for score, segment in ((0.9, [0, nan]), (nan, [50, 60]), (0.9, [0, float("inf")])):
        found = {"a": [{"label": "p", "score": score, "segment": segment}]}
        with pytest.raises(DataError, match="results, 'a'"):
            temporal_map(truth, found, [0.5])
    truth["a"]["annotations"][0]["segment"] = [0, nan]
    with pytest.raises(DataError, match="ground_truth, 'a'"):
        temporal_map(truth, {"a": []}, [0.5])


def one(label="p", video="a"):
    return {video: [{"label": label, "score": 0.9, "segment": [0, 10]}]}


def test_ids_and_labels_that_the_truth_does_not_know_are_said(caplog):
    truth = {name: {"annotations": [{"label": "p", "segment": [0, 10]}]} for name in "ab"}
    truth["empty"] = {"annotations": []}
    assert temporal_map(truth, one() | one(video="empty"), [0.5])["Rc@0.50"] > 0
    assert not caplog.messages
    strange = {f"{n}\x1b": one()["a"] for n in range(7)}
    temporal_map({"database": truth}, {"results": one() | strange | one("Joy", "b")}, [0.5])
    ids, labels = caplog.messages
    assert ids.startswith(r"results: 7 of 9 IDs are not in the ground truth: ['0\x1b', '1\x1b', ")
    assert ids.endswith("...]; their detections are wrong")
    assert "results: 1 of 2 labels are not in the ground truth: ['Joy']; their" in labels
    with pytest.raises(DataError, match=r"results: found IDs \['a.mp4'\], wanted .* 'a'"):
        temporal_map(truth, one(video="a.mp4"), [0.5])
    assert temporal_map(truth, {}, [0.5])["mAP@0.50"] == 0


@pytest.mark.parametrize("tiou", [np.nan, 0, -0.1, 1.5, np.inf])
def test_an_overlap_is_a_fraction(tiou):
    truth = {"a": {"annotations": [{"label": "p", "segment": [0, 10]}]}}
    with pytest.raises(DataError, match="tious: found"):
        temporal_map(truth, one(), [0.5, tiou])
