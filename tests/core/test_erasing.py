"""Which segments are erased, which frames are left, and where attention says an event is."""

import json

import numpy as np
import pytest

from jacklib.core.erasing import both_reach, frame_pool, kept_segments, threshold
from jacklib.core.metrics import (
    attention_on_truth,
    attention_proposals,
    confusion_matrix,
    detection_metrics,
    temporal_iou,
    temporal_map,
)
from jacklib.core.pseudo_labels import seed_labels
from jacklib.errors import DataError


def test_threshold_and_kept_segments_by_hand():
    gamma = np.array([[0.0, 1.0, 0.5, 0.9], [2.0, 0.0, 0.0, 1.4]], np.float32)
    np.testing.assert_allclose(threshold(gamma), [[0.7], [1.4]], rtol=1e-6)
    kept = kept_segments(gamma)
    assert kept.low.tolist() == [[True, False, True, False], [False, True, True, False]]
    assert kept.high[0].tolist() == [False, True, False, True]
    assert kept_segments(gamma[0], theta=0.95).high.tolist() == [False, True, False, False]
    assert kept_segments(gamma[0], theta=0).low.tolist() == [False] * 4


def test_constant_attention_erases_nothing():
    kept = kept_segments(np.full((2, 5), 0.3, np.float32))
    assert not kept.low.any() and not kept.high.any()
    # Neither pass has a segment left: both see the whole video.
    for rows in (kept.low, kept.high):
        np.testing.assert_array_equal(frame_pool(rows[0], 33), np.arange(33))


def test_both_attentions_by_hand():
    image = np.array([[0.0, 1.0, 0.5, 0.9], [3.0, 1.0, 1.0, 2.5]], np.float32)
    audio = np.array([[2.0, 4.0, 6.0, 5.6], [0.0, 0.0, 8.0, 8.0]], np.float32)
    reach = both_reach(image, audio)
    assert reach.dtype == np.float32
    np.testing.assert_allclose(reach, [[0, 0.5, 0.5, 0.9], [0, 0, 0, 0.75]], rtol=1e-6)
    kept = kept_segments(reach, 0.7, both=True)
    assert kept.high.tolist() == [[False, False, False, True]] * 2
    assert (kept.low == ~kept.high).all()
    # The threshold is theta itself, however low the largest is, and reaching it is enough.
    assert kept_segments(reach[0], 0.5, both=True).high.tolist() == [False, True, True, True]
    assert not kept_segments(reach[1], 0.8, both=True).high.any()
    assert kept_segments(both_reach(image[0], audio[0]), 0, both=True).high.all()


def test_segments_where_both_attentions_reach_theta_as_the_equations_say():
    rng = np.random.default_rng(0)
    image, audio = rng.random((2, 50, 8)).astype(np.float32)
    for theta in (0.3, 0.5, 0.7, 1.0):
        stretched = [
            (a - a.min(1, keepdims=True)) / (a.max(1, keepdims=True) - a.min(1, keepdims=True))
            for a in (image, audio)
        ]
        erased = (stretched[0] >= np.float32(theta)) & (stretched[1] >= np.float32(theta))
        found = kept_segments(both_reach(image, audio), theta, both=True)
        np.testing.assert_array_equal(found.high, erased)
        np.testing.assert_array_equal(found.low, ~erased)


def test_one_constant_attention_erases_nothing():
    reach = both_reach(np.float32([0, 1, 2]), np.float32([5, 5, 5]))
    kept = kept_segments(reach, both=True)
    assert kept.low.all() and not kept.high.any()


@pytest.mark.parametrize(
    "gamma, theta, message",
    [
        ([np.nan, 1.0], 0.7, "gamma: found NaN or infinite numbers"),
        ([[[1.0]]], 0.7, r"gamma: found shape \[1, 1, 1\]"),
        ([0.0, 1.0], 1.5, "theta: found 1.5, wanted 0 to 1"),
    ],
)
def test_bad_attention_is_named(gamma, theta, message):
    with pytest.raises(ValueError, match=message):
        kept_segments(np.array(gamma, np.float32), theta)


def test_frame_pool_is_the_frames_of_whole_segments():
    # 4 segments of 25 // 4 = 6 frames; frame 24 belongs to none.
    assert frame_pool([False, True, False, True], 25).tolist() == [*range(6, 12), *range(18, 24)]
    assert frame_pool([True] * 4, 25).tolist() == list(range(24))
    # Fewer frames than segments: no segment has any, so the whole video is taken.
    assert frame_pool([True, False, False, True], 3).tolist() == [0, 1, 2]


# --- Detection ------------------------------------------------------------------------------------


def test_overlaps_by_hand():
    overlaps = temporal_iou((2, 6), [(2, 6), (4, 8), (6, 9), (0, 8), (3, 3)])
    np.testing.assert_allclose(overlaps, [1, 2 / 6, 0, 4 / 8, 0])


def truth_of(**videos):
    return {
        name: {"annotations": [{"label": label, "segment": list(times)} for label, *times in rows]}
        for name, rows in videos.items()
    }


def found_of(**videos):
    return {
        name: [{"label": label, "score": s, "segment": [a, b]} for label, s, a, b in rows]
        for name, rows in videos.items()
    }


def test_average_precision_by_hand():
    truth = truth_of(v=[("joy", 0, 10), ("joy", 20, 30)], w=[("fear", 0, 4)])
    found = found_of(
        v=[("joy", 0.9, 0, 10), ("joy", 0.8, 1, 9), ("joy", 0.7, 22, 30)], w=[("joy", 0.6, 0, 4)]
    )
    report = temporal_map(truth, found, [0.5, 0.9])
    # At 0.5: hit, a second one for an event already found, hit, no joy in w. Precision 1, 1/2, 2/3,
    # 2/4; the interpolated area is 0.5 * 1 + 0.5 * 2/3. Fear is never found.
    assert report["average_joyAP[0.5:0.9]"] == pytest.approx((0.5 + 1 / 3 + 0.5) / 2)
    assert report["mAP@0.50"] == pytest.approx((0.5 + 1 / 3) / 2)
    assert report["mAP@0.90"] == pytest.approx(0.5 / 2)
    assert report["Rc@0.50"] == pytest.approx((0.5 + 0.5 + 1 + 1) / 4 / 2)
    assert report["Pr@0.50"] == pytest.approx((1 + 1 / 2 + 2 / 3 + 1 / 2) / 4 / 2)
    p, r = report["Pr@0.50"], report["Rc@0.50"]
    assert report["F2@0.50"] == pytest.approx(5 * p * r / (4 * p + r))
    assert report["average_fearAP[0.5:0.9]"] == 0


def test_right_by_time_alone(caplog):
    """Section 4.5 of CTEN's paper: whatever the class, one list over all videos."""
    truth = truth_of(v=[("joy", 0, 10)], w=[("fear", 0, 4)])
    found = found_of(v=[("fear", 0.9, 0, 10)], w=[("fear", 0.5, 0, 1), ("sadness", 0.4, 0, 4)])
    named = detection_metrics(truth, found, (0.5,))
    assert named.ap_by_class == {"joy": (0,), "fear": (0,)} and "sadness" in caplog.text
    caplog.clear()
    by_time = detection_metrics(truth, found, (0.2, 0.5), classes=False)
    # Ranked: right in v, in w too short at 0.5, and there at last right. Precision 1, 1/2, 2/3.
    assert by_time.map == pytest.approx((1, 0.5 + 0.5 * 2 / 3))
    assert by_time.ap_by_class == {"any": by_time.map} and not caplog.text
    # Where every label is right and there is one class, it is the same.
    same = found_of(v=[("joy", 0.9, 1, 9)], w=[("joy", 0.8, 0, 3)])
    truth = truth_of(v=[("joy", 0, 10)], w=[("joy", 0, 4)])
    one, other = (detection_metrics(truth, same, (0.5, 0.9), c) for c in (True, False))
    assert one.map == other.map


def test_activitynet_files_are_read_as_they_are():
    truth = json.loads(json.dumps({"database": truth_of(v=[("n", "1.5", "3.5")])}))
    report = temporal_map(truth, {"results": found_of(v=[("n", 1, 1.5, 3.5)])}, [0.1, 0.3])
    assert report["average_mAP[0.1:0.3]"] == 1 and report["average_nAP[0.1:0.3]"] == 1


def test_entries_without_a_field_are_named():
    with pytest.raises(DataError, match="results, 'v'.*wanted .*score"):
        temporal_map(truth_of(v=[("n", 0, 1)]), {"v": [{"label": "n", "segment": [0, 1]}]}, [0.5])
    with pytest.raises(DataError, match="ground_truth: found no annotation"):
        temporal_map({}, {}, [0.5])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_attention_that_is_no_number_is_refused(wrong):
    gamma = [[0.5, wrong, 0.5]]
    for call in (
        lambda: attention_proposals(gamma[0], 3),
        lambda: attention_on_truth(gamma, [[1, 0, 0]]),
        lambda: attention_on_truth([[1, 0, 0]], gamma),
        lambda: seed_labels(np.array([*gamma, [0.1, 0.2, 0.7]]), [[0.9, 0.1], [0, 0]]),
    ):
        with pytest.raises(DataError, match="found NaN or infinite numbers, wanted finite numbers"):
            call()


@pytest.mark.parametrize("number", [-1, 3, 0.5, np.nan])
def test_a_class_without_a_name_is_not_counted(number):
    assert confusion_matrix([0, 2], [1, 2.0], 3).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]
    for labels, predictions in (([0, number], [0, 1]), ([0, 1], [0, number])):
        with pytest.raises(DataError, match="wanted whole numbers from 0 to 2"):
            confusion_matrix(labels, predictions, 3)


def test_proposals_find_a_plateau():
    gamma = [0, 0.1, 0.9, 1.0, 0.95, 0.1, 0, 0]
    start, end, score = attention_proposals(gamma, seconds=3.2)[0]
    assert (start, end) == pytest.approx((0.8, 2.0))
    assert score == pytest.approx((0.9 + 1 + 0.95) / 3 - 0.1)
    # Overlapping proposals are gone: what is left overlaps by half at most.
    proposals = attention_proposals(np.random.default_rng(0).random(16), seconds=16)
    for i, one in enumerate(proposals):
        for other in proposals[i + 1 :]:
            assert temporal_iou(one, [other[:2]])[0] <= 0.5 and one[2] >= other[2]


def test_even_attention_proposes_everything_with_score_0():
    assert attention_proposals(np.zeros(8), 3.2) == [(0.0, 3.2, 0.0)]
