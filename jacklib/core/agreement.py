"""How far annotators agree: on the label of each item, and on single moments of a video.

The measures of labels are those of the literature (Cohen 1960; Krippendorff 2011). How two people's
moments are matched is ours: a moment has no borders that could overlap.
"""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from jacklib.core.shapes import check_finite
from jacklib.errors import check_at_least, refuse_as, shown

TOLERANCE = 3.0  # seconds
Moments = Sequence[tuple[str, float]]  # (label, seconds), in any order


def kappa(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Cohen's kappa of two annotators: a and b are their labels [N] of the same items.

    The agreement above what their own class shares give by chance, over the most that this can be.
    NaN where chance alone gives all (both used one and the same label only). Raises DataError
    unless both have labels of equally many items."""
    refuse_as("two annotators", len(a) != len(b) or not len(a), "a and b", a=len(a), b=len(b))
    n, first, second = len(a), Counter(a), Counter(b)
    seen = sum(x == y for x, y in zip(a, b, strict=True)) / n
    chance = sum(first[label] * second[label] for label in first) / n**2
    return (seen - chance) / (1 - chance) if chance < 1 else math.nan


def alpha(ratings: Sequence[Sequence[Hashable]]) -> float:
    """Krippendorff's alpha for nominal labels: ratings [annotators][items], None or NaN where an
    annotator gave none.

    1 - (observed disagreement) / (disagreement if labels were dealt out at random). Items with
    fewer than two labels do not count. NaN where nothing can be said: no such item, or one label
    only. Raises DataError if annotators have different numbers of items."""
    together: Counter = Counter()  # pairs of labels of one item, each item weighted alike
    for labels in _items(ratings):
        if len(labels) > 1:
            counts = Counter(labels)
            for x, n_x in counts.items():
                for y, n_y in counts.items():
                    together[x, y] += n_x * (n_y - (x == y)) / (len(labels) - 1)
    total, of_label = sum(together.values()), Counter()
    for (x, _), weight in together.items():
        of_label[x] += weight
    by_chance = total**2 - sum(weight**2 for weight in of_label.values())
    if not by_chance:
        return math.nan
    differ = sum(weight for (x, y), weight in together.items() if x != y)
    return 1 - (total - 1) * differ / by_chance


def majority(ratings: Sequence[Sequence[Hashable]]) -> float:
    """The share of items for which more than half of those who labelled it gave one label: ratings
    as for `alpha`. TSL-300's paper gives this number (section 3.2). NaN without any label."""
    items = [labels for labels in _items(ratings) if labels]
    agreed = sum(max(Counter(labels).values()) > len(labels) / 2 for labels in items)
    return agreed / len(items) if items else math.nan


def _items(ratings: Sequence[Sequence[Hashable]]) -> list[list[Hashable]]:
    """The labels that each item has, of all annotators."""
    sizes = [len(row) for row in ratings]
    refuse_as("rows of ratings", len(set(sizes)) > 1, "ratings", sizes=shown(sizes))
    # NaN is the only value that differs from itself.
    return [[x for x in item if x is not None and x == x] for item in zip(*ratings, strict=True)]


# --- moments --------------------------------------------------------------------------------------


class Match(NamedTuple):
    """Two annotators' points that mean one moment: their places in `PointAgreement.points`."""

    first: tuple[str, int]  # annotator, index
    second: tuple[str, int]
    seconds: float  # between them


class PointAgreement(NamedTuple):
    """Which points of several annotators match; what `agreement_of_points` gives."""

    points: dict[str, list[tuple[str, float]]]  # (label, seconds) of each annotator, by time
    matches: list[Match]  # of every pair of annotators
    tolerance: float  # seconds

    def between(self, a: str, b: str) -> list[Match]:
        """The matches of two annotators."""
        return [match for match in self.matches if {match.first[0], match.second[0]} == {a, b}]

    def share(self, a: str, b: str) -> float:
        """The share of two annotators' points, together, that have a partner; NaN without points.
        It is the F1 of one measured by the other, whichever way round."""
        count = len(self.points[a]) + len(self.points[b])
        return 2 * len(self.between(a, b)) / count if count else math.nan

    @property
    def matched(self) -> float:
        """The same over all pairs of annotators. NaN without points or with one annotator."""
        count = sum(map(len, self.points.values())) * (len(self.points) - 1)
        return 2 * len(self.matches) / count if count else math.nan

    @property
    def distance(self) -> float:
        """The median seconds between matched points; NaN without any."""
        return float(np.median([m.seconds for m in self.matches])) if self.matches else math.nan


def agreement_of_points(
    annotations: Mapping[str, Moments], tolerance: float = TOLERANCE, *, same_class: bool = True
) -> PointAgreement:
    """Match the points of every pair of annotators of one video.

    annotations: {annotator: [(label, seconds), ...]}. Two points match if they are at most
    `tolerance` seconds apart and, with same_class, of one label; a point has one partner at most.
    As many as possible are matched, and of those ways the one with the smallest distances is taken.
    Raises DataError if the tolerance is negative or a time is no number."""
    check_at_least("tolerance", tolerance, 0, "It is in seconds.")
    points = {name: sorted(marks, key=lambda mark: mark[1]) for name, marks in annotations.items()}
    check_finite("annotations", [t for marks in points.values() for _, t in marks], "Correct it.")
    matches = []
    for a, b in combinations(points, 2):
        labels = sorted({label for name in (a, b) for label, _ in points[name]})
        for chosen in [[label] for label in labels] if same_class else [labels]:
            left, right = ([i for i, mark in enumerate(points[name]) if mark[0] in chosen]
                           for name in (a, b))  # fmt: skip
            times = [points[a][i][1] for i in left], [points[b][j][1] for j in right]
            matches += [
                Match((a, left[i]), (b, right[j]), abs(times[0][i] - times[1][j]))
                for i, j in _matched(*times, tolerance)
            ]
    return PointAgreement(points, matches, tolerance)


def _matched(a: Sequence[float], b: Sequence[float], tolerance: float) -> list[tuple[int, int]]:
    """Pairs (i, j) of two sorted lists of times. On a line the best way never crosses, so that the
    best of the first i and j times follows from the best of fewer."""
    best = [[(0, 0.0)] * (len(b) + 1) for _ in range(len(a) + 1)]  # pairs, minus their distances
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            ways = [best[i][j + 1], best[i + 1][j]]
            if abs(x - y) <= tolerance:
                count, nearness = best[i][j]
                ways.append((count + 1, nearness - abs(x - y)))
            best[i + 1][j + 1] = max(ways)
    pairs, i, j = [], len(a), len(b)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def matched_by_chance(
    annotations: Mapping[str, Moments], seconds: float, tolerance: float = TOLERANCE, *,
    draws: int = 100, seed: int = 0,
) -> float:  # fmt: skip
    """`PointAgreement.matched`, were every point at a random time of a video of `seconds`: the mean
    over `draws`. Labels and numbers of points stay."""
    rng, shares = np.random.default_rng(seed), []
    for _ in range(draws):
        drawn = {
            name: [(label, float(rng.uniform(0, seconds))) for label, _ in marks]
            for name, marks in annotations.items()
        }
        shares.append(agreement_of_points(drawn, tolerance).matched)
    return float(np.mean(shares))


def in_windows(
    annotations: Mapping[str, Moments], seconds: float, width: float = 10.0
) -> list[list[str]]:
    """Labels of equal stretches of time, for `kappa` and `alpha`: [annotators][windows] of `width`
    seconds. A window's label is that of its points, both as "n+p", and "" where there is none."""
    count = max(1, math.ceil(seconds / width))
    rows = []
    for marks in annotations.values():
        found: list[set[str]] = [set() for _ in range(count)]
        for label, t in marks:
            found[min(int(t // width), count - 1)].add(label)
        rows.append(["+".join(sorted(labels)) for labels in found])
    return rows
