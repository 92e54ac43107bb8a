"""Agreement of annotators: published examples, by hand, and TSL-300's three annotators."""

import json
import math
from itertools import permutations

import numpy as np
import pytest
from support import ROOT

from jacklib.core.agreement import (
    agreement_of_points,
    alpha,
    in_windows,
    kappa,
    majority,
    matched_by_chance,
)
from jacklib.data.tsl300 import read_annotators
from jacklib.errors import DataError

TSL300 = ROOT / "data_samples" / "splits" / "tsl300"


def test_kappa_of_the_published_example():
    """Cohen, Weighted kappa (Psychological Bulletin 70, 1968), table 1: 200 cases, three diagnoses;
    kappa without weights is .492."""
    counts = [[88, 10, 2], [14, 40, 6], [18, 10, 12]]
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(counts[i][j])]
    assert len(pairs) == 200
    assert kappa(*zip(*pairs, strict=True)) == pytest.approx(0.492, abs=5e-4)


def test_kappa_by_hand():
    # Seen 3 of 4; by chance (2 * 3 + 2 * 1) / 16 = 1/2; so (3/4 - 1/2) / (1/2).
    assert kappa("nnpp", "nnnp") == pytest.approx(0.5)
    assert kappa("npnp", "npnp") == 1 and kappa("np", "pn") == -1
    assert math.isnan(kappa("nnn", "nnn"))
    with pytest.raises(DataError, match="a and b: found 3 and 2 labels"):
        kappa("nnn", "nn")
    with pytest.raises(DataError, match="found 0 and 0"):
        kappa([], [])


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (["0100000010", "1110010000"], 0.095),
        (["aabbdcccedda", "babbbccceddd"], 0.692),
        (["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743),
    ],
)
def test_alpha_of_the_published_examples(rows, wanted):
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), examples A, B and C; a dot
    is a missing label."""
    for missing in (None, math.nan):
        ratings = [[missing if x == "." else x for x in row] for row in rows]
        assert alpha(ratings) == pytest.approx(wanted, abs=5e-4)


def test_alpha_by_hand():
    # n n, n p, p p: disagreement seen 1/3; drawn from 3 n and 3 p without putting back 3/5.
    assert alpha(["nnp", "npp"]) == pytest.approx(1 - (1 / 3) / (3 / 5))
    # A label alone on its item counts neither way.
    assert alpha([[*"nnp", "p"], [*"npp", None]]) == pytest.approx(alpha(["nnp", "npp"]))
    assert alpha(["np", "np"]) == 1
    assert math.isnan(alpha(["nn", "nn"])) and math.isnan(alpha(["np"])) and math.isnan(alpha([]))
    with pytest.raises(DataError, match=r"ratings: found \[3, 2\] items"):
        alpha(["nnn", "nn"])


def test_majority():
    # n n p: yes; n p of two: no; n alone: yes; nobody: does not count.
    assert majority([["n", "n", "n", None], ["n", "p", None, None], ["p", None, None, None]]) == (
        pytest.approx(2 / 3)
    )
    assert math.isnan(majority([[None]]))


def test_points_that_match():
    found = agreement_of_points(
        {"ann": [("p", 20.0), ("n", 4.0)], "ben": [("n", 5.5), ("n", 19.0)], "cem": []}, 2.0
    )
    assert found.points["ann"] == [("n", 4.0), ("p", 20.0)]  # by time
    assert [(m.first, m.second, m.seconds) for m in found.matches] == [
        (("ann", 0), ("ben", 0), 1.5)
    ]
    assert found.share("ann", "ben") == found.share("ben", "ann") == 0.5
    assert found.share("ann", "cem") == 0 and found.distance == 1.5
    assert found.matched == pytest.approx(2 / 8)  # four points, each against two others
    either = agreement_of_points(found.points, 2.0, same_class=False)
    assert [m.seconds for m in either.matches] == [1.5, 1.0]
    alone = agreement_of_points({"ann": [("n", 1.0)]})
    assert math.isnan(alone.matched) and math.isnan(alone.distance)
    for wrong, words in ((-1, "tolerance: found -1"), (math.nan, "tolerance: found nan")):
        with pytest.raises(DataError, match=words):
            agreement_of_points({}, wrong)
    with pytest.raises(DataError, match="annotations: found NaN"):
        agreement_of_points({"ann": [("n", math.nan)]})


def test_as_many_points_as_possible_match_and_the_nearest_of_these_ways():
    # The nearest first (10 with 11) would leave 8 and 13 alone.
    found = agreement_of_points({"a": [("n", 8), ("n", 11)], "b": [("n", 10), ("n", 13)]}, 2)
    assert [(m.first[1], m.second[1]) for m in found.matches] == [(0, 0), (1, 1)]
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = (np.sort(rng.uniform(0, 12, 4)) for _ in range(2))
        best = max(
            (len(near), -sum(near))
            for order in permutations(b)
            for near in [[d for d in abs(a - order) if d <= 2]]
        )
        marks = {name: [("p", t) for t in times] for name, times in (("a", a), ("b", b))}
        matches = agreement_of_points(marks, 2).matches
        assert len(matches) == best[0]
        assert -sum(m.seconds for m in matches) == pytest.approx(best[1])


def test_points_in_windows_and_at_random_times():
    marks = {"a": [("n", 0.0), ("p", 9.9), ("p", 25.0)], "b": []}
    assert in_windows(marks, 25.0) == [["n+p", "", "p"], ["", "", ""]]
    one = {"a": [("n", 1.0)], "b": [("n", 2.0)]}
    # Two random times in 10 s are at most 2 s apart with chance 1 - 0.8 ** 2.
    assert matched_by_chance(one, 10.0, 2.0, draws=2000) == pytest.approx(0.36, abs=0.03)


def test_the_three_annotators_of_tsl300():
    """What notebooks say of them: hardly where, but what."""
    videos = read_annotators(TSL300)
    assert len(videos) == 200
    names = next(iter(videos.values()))
    counts = {name: sum(len(of[name]) for of in videos.values()) for name in names}
    assert counts == {"point_anno_0": 1438, "point_anno_1": 1254, "point_anno_2": 840}
    found = [agreement_of_points(of, 3.0) for of in videos.values()]
    matched = sum(len(one.matches) for one in found)
    assert matched == 998 and matched / sum(counts.values()) == pytest.approx(0.283, abs=5e-4)
    either = [agreement_of_points(of, 3.0, same_class=False) for of in videos.values()]
    labels = [
        [one.points[who][i][0] for who, i in match[:2]] for one in either for match in one.matches
    ]
    assert kappa(*zip(*labels, strict=True)) == pytest.approx(0.816, abs=5e-4)


def test_annotators_files_that_are_wrong(tmp_path):
    with pytest.raises(DataError, match="point_gaussian"):
        read_annotators(tmp_path)
    folder = tmp_path / "point_gaussian" / "train"
    folder.mkdir(parents=True)
    (folder / "ann.txt").write_text("n,0,1,3,film,2\n")
    with pytest.raises(DataError, match="fps_dict.json"):
        read_annotators(tmp_path)
    (tmp_path / "fps_dict.json").write_text(json.dumps({"film": 4}))
    assert read_annotators(tmp_path) == {"film": {"ann": [("n", 0.5)]}}
