"""Where proposals and scores lie: on events, on decoys, elsewhere (notebook 06b)."""

from types import SimpleNamespace

import numpy as np
import yaml

from jacklib.methods import tsl
from jacklib.teaching.show import moments

TRUTH = {"a": [("n", 0, 4), ("p", 10, 14)], "b": []}
DECOYS = {"a": [("looks", 20, 24)], "b": [("sounds", 2, 6)]}


def test_proposals_are_counted_by_where_they_lie():
    results = {
        "a": [("n", 0.9, 0, 4), ("n", 0.8, 10, 15), ("p", 0.7, 20, 24), ("p", 0.1, 10, 14)],
        "b": [("p", 0.6, 3, 6), ("n", 0.5, 30, 40)],
    }
    assert tsl.where_proposals_lie(results, TRUTH, DECOYS, 5) == {
        "right": 1, "other class": 1, "looks": 1, "sounds": 1, "elsewhere": 1,
    }  # fmt: skip
    every = tsl.where_proposals_lie(results, TRUTH, DECOYS, 100)
    assert every["right"] == 2 and sum(every.values()) == 6


def test_an_event_counts_before_a_decoy_beside_it():
    results = {"a": [("p", 1.0, 0, 8)]}
    near = {"a": [("looks", 4, 8)]}
    assert tsl.where_proposals_lie(results, TRUTH, near, 1)["other class"] == 1
    assert tsl.where_proposals_lie(results, {"a": []}, {"a": []}, 1)["elsewhere"] == 1


def test_levels_are_means_over_clips_of_a_kind():
    # 16 frames per second: a clip is a second. The larger class score is t / 100.
    scores = {name: tsl.Scores(np.stack([np.arange(30) / 100, np.zeros(30), np.ones(30)], 1),
                               np.ones(2)) for name in "ab"}  # fmt: skip
    videos = SimpleNamespace(items=[SimpleNamespace(id=name, fps=16) for name in "ab"])
    found = tsl.levels(SimpleNamespace(scores=scores), videos, TRUTH, DECOYS)
    assert found["event"] == np.mean([0, 1, 2, 3, 10, 11, 12, 13]) / 100
    assert np.isclose(found["looks"], 0.215) and np.isclose(found["sounds"], 0.035)
    rest = [t for t in range(30) if not (t < 4 or 10 <= t < 14 or 20 <= t < 24)]
    rest += [t for t in range(30) if not 2 <= t < 6]
    assert np.isclose(found["elsewhere"], np.mean(rest) / 100)


def test_both_languages_have_the_same_words():
    path = moments.__file__.replace(".py", ".yaml")
    with open(path, encoding="utf-8") as file:
        words = yaml.safe_load(file)
    assert words["en"].keys() == words["zh"].keys()
