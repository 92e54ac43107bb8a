"""One gait, what a network saw in it, and which of its graphs is shown.

`Choice` picks the weights out of a `GaitState`. The graphs' three parts and the notation are
explained in `gait`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jacklib.core.skeleton import EDGES, JOINTS, Graph
from jacklib.data.poses import EMOTIONS, check_pose
from jacklib.widgets import drawing
from jacklib.widgets.drawing import array

GRAPHS = ("attention", "learned", "skeleton", "sum")
PARTS = ("all", "self", "inward", "outward")  # "all": the mean of the three
STREAMS = ("posture", "movement")
UNITS, V = 10, len(JOINTS)
SKELETON = Graph().A  # [3, V, V]
PAIRS = 6  # arcs on the stage


# [from, to] of the three parts of ten units' graphs.
GRAPH = "10 3 16 16"


@dataclass(frozen=True, eq=False)
class GaitGraphs:
    """What a network learned and looked at for one gait; None for what it has not.

    *_attention: columns sum to 1. *_learned: PA. *_joints: three fusions' attention to joints.
    *_times: three arrays [T], [T/2], [T/4] (rounded up), their attention to times, 0..1.
    """

    posture_attention: np.ndarray | None = array(GRAPH, "weights", default=None)
    movement_attention: np.ndarray | None = array(GRAPH, "weights", default=None)
    posture_learned: np.ndarray | None = array(GRAPH, "finite", default=None)
    movement_learned: np.ndarray | None = array(GRAPH, "finite", default=None)
    posture_joints: np.ndarray | None = array("3 16", "fractions", default=None)
    movement_joints: np.ndarray | None = array("3 16", "fractions", default=None)
    posture_times: tuple[np.ndarray, ...] | None = None
    movement_times: tuple[np.ndarray, ...] | None = None

    def __post_init__(self):
        drawing.settle(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class GaitState:
    """One gait. Plain NumPy, independent of the network; see `drawing.settle`."""

    title: str
    pose: np.ndarray  # [T, 16, 3], metres; frames of zeros after the last one are not drawn
    affective: np.ndarray = array("T 31", "finite")  # see `gait_features.FEATURES`
    fps: float = 30.0  # frames per second
    label: str | None = None  # the true class, one of class_names
    class_names: tuple[str, ...] = EMOTIONS
    probabilities: np.ndarray = array("C", "sums")
    affective_predicted: np.ndarray | None = array("T 31", "finite", default=None)  # the network's
    graphs: GaitGraphs  # its graphs and attention

    def __post_init__(self):
        object.__setattr__(self, "pose", check_pose(self.pose, "GaitState.pose"))
        drawing.settle(self)

    @property
    def frames(self) -> int:
        """How many frames the gait has without the zeros after it."""
        return int(np.flatnonzero(np.abs(self.pose).sum((1, 2)) > 0)[-1]) + 1

    def known(self, stream: str, kind: str):
        """A field of `graphs`: kind is attention, learned, joints or times; None if not known."""
        return getattr(self.graphs, f"{stream}_{kind}")


@dataclass(frozen=True)
class Choice:
    """Which graph is shown."""

    graph: str  # one of GRAPHS
    stream: str  # one of STREAMS
    part: str = "all"  # one of PARTS
    unit: int = UNITS  # 1 to 10

    @classmethod
    def first(cls, states: Sequence[GaitState]) -> "Choice":
        """The attention where all the gaits have it, else the skeleton; posture where known."""
        stream = streams_of(states)[0]
        return cls(graphs_of(states, stream)[0], stream)

    @property
    def fusion(self) -> int:
        """The fusion that the unit's maps next come to, 0 to 2."""
        return sum(self.unit > last for last in (4, 7))

    def matrix(self, state: GaitState) -> np.ndarray:
        """Weights [V, V], [from, to]."""
        total = np.zeros((3, V, V))
        if self.graph in ("skeleton", "sum"):
            total += SKELETON
        for kind in ("learned", "attention"):
            if self.graph in (kind, "sum"):
                total += state.known(self.stream, kind)[self.unit - 1]
        return total.mean(0) if self.part == "all" else total[PARTS.index(self.part) - 1]

    def importance(self, state: GaitState) -> tuple[np.ndarray | None, str]:
        """Each joint's importance [V], and where it is from: "fusion", "mean" or "" (not known)."""
        if (joints := state.known(self.stream, "joints")) is not None:
            return joints[self.fusion], "fusion"
        if (attention := state.known(self.stream, "attention")) is not None:
            # What others give to a joint: columns sum to 1, rows need not.
            return attention[self.unit - 1].mean((0, 2)), "mean"
        return None, ""

    def words(self, text: dict) -> str:
        """What is shown, as titles and sentences name it."""
        key = "shown_skeleton" if self.graph == "skeleton" else "shown"
        names = {name: text[getattr(self, name)] for name in ("graph", "stream", "part")}
        return text[key].format(**names, unit=self.unit)


def graphs_of(states: Sequence[GaitState], stream: str) -> list[str]:
    """Which of GRAPHS can be shown for all these gaits, in the order of GRAPHS."""
    has = {
        kind: all(state.known(stream, kind) is not None for state in states)
        for kind in ("attention", "learned")
    }
    has |= {"skeleton": True, "sum": all(has.values())}
    return [graph for graph in GRAPHS if has[graph]]


def streams_of(states: Sequence[GaitState]) -> list[str]:
    """The streams of which more than the skeleton can be shown; posture if there is none."""
    return [
        s
        for s in STREAMS
        if len(graphs_of(states, s)) > 1 or all(g.known(s, "joints") is not None for g in states)
    ] or ["posture"]


def strongest_pairs(matrix: np.ndarray, count: int = PAIRS) -> list[tuple[int, int, float]]:
    """(from, to, weight) of the joint pairs that are no bone, strongest (either sign) first.

    matrix: [V, V], [from, to]. Of the two directions of a pair the stronger one counts; weights of
    0 are no edges.
    """
    # EDGES has (child, parent), children behind their parents.
    pairs = [stronger(matrix, a, b) for a in range(V) for b in range(a) if (a, b) not in EDGES]
    return sorted((row for row in pairs if row[2] != 0), key=lambda row: -abs(row[2]))[:count]


def stronger(matrix: np.ndarray, a: int, b: int) -> tuple[int, int, float]:
    """(from, to, weight) of the stronger of the two directions between joints a and b."""
    start, end = (a, b) if abs(matrix[a, b]) >= abs(matrix[b, a]) else (b, a)
    return start, end, float(matrix[start, end])
