"""One gait, what a network saw in it, and which of its graphs is shown.

`GaitState` and `GaitGraphs` check what is to be drawn; `Choice` picks the weights out of it. The
graphs' three parts and the notation are explained in `gait`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from jacklib.core.skeleton import EDGES, JOINTS, Graph
from jacklib.data.gait_features import FEATURES
from jacklib.data.poses import EMOTIONS, check_pose
from jacklib.widgets import drawing

GRAPHS = ("attention", "learned", "skeleton", "sum")
PARTS = ("all", "self", "inward", "outward")  # "all": the mean of the three
STREAMS = ("posture", "movement")
UNITS, V = 10, len(JOINTS)
SKELETON = Graph().A  # [3, V, V]
PAIRS = 6  # arcs on the stage
FIELDS, GRAPH_FIELDS = drawing.Fields("GaitState"), drawing.Fields("GaitGraphs")


@dataclass(frozen=True, eq=False)
class GaitGraphs:
    """What a network learned and looked at for one gait; None for what it has not.

    *_attention: [10, 3, V, V] of ten units, [from, to], columns sum to 1. *_learned: [10, 3, V, V],
    PA. *_joints: [3, V], three fusions' attention to joints, 0..1. *_times: three arrays [T],
    [T/2], [T/4] (rounded up), their attention to times, 0..1.

    Raises DataError naming the field whose shape or values are wrong.
    """

    posture_attention: np.ndarray | None = None
    movement_attention: np.ndarray | None = None
    posture_learned: np.ndarray | None = None
    movement_learned: np.ndarray | None = None
    posture_joints: np.ndarray | None = None
    movement_joints: np.ndarray | None = None
    posture_times: tuple[np.ndarray, ...] | None = None
    movement_times: tuple[np.ndarray, ...] | None = None

    def __post_init__(self):
        for name in (field.name for field in fields(self)):
            if (value := getattr(self, name)) is None:
                continue
            kind = name.rpartition("_")[2]
            value = tuple(map(np.asarray, value)) if kind == "times" else np.asarray(value)
            object.__setattr__(self, name, value)
            if kind == "attention":
                GRAPH_FIELDS.shape(name, value, (UNITS, 3, V, V))
                columns = value.swapaxes(2, 3).reshape(-1, V)
                GRAPH_FIELDS.probabilities(name, columns, columns.shape)
            elif kind == "learned":
                wrong = value.shape != (UNITS, 3, V, V) or not np.isfinite(value).all()
                found = f"shape {list(value.shape)}, or a number that is missing or infinite"
                wanted = f"finite numbers of shape {[UNITS, 3, V, V]}"
                GRAPH_FIELDS.refuse(wrong, name, found, wanted)
            elif kind == "joints":
                GRAPH_FIELDS.fractions(name, value, (3, V))
            else:
                wrong = len(value) != 3 or value[0].ndim != 1
                GRAPH_FIELDS.refuse(wrong, name, f"{len(value)} arrays", "[T], [T/2] and [T/4]")
                for halved, row in enumerate(value):
                    GRAPH_FIELDS.fractions(name, row, (-(-len(value[0]) // 2**halved),))


@dataclass(frozen=True, eq=False)
class GaitState:
    """One gait. Plain NumPy, independent of the network.

    Raises DataError naming the field whose shape or values are wrong.
    """

    title: str
    pose: np.ndarray  # [T, V, 3], metres; frames of zeros after the last one are not drawn
    affective: np.ndarray  # [T, 31], see `gait_features.FEATURES`
    fps: float = 30.0  # frames per second
    label: str | None = None  # the true class, one of class_names
    class_names: tuple[str, ...] = EMOTIONS
    probabilities: np.ndarray | None = None  # one per class
    affective_predicted: np.ndarray | None = None  # [T, 31], the network's own
    graphs: GaitGraphs | None = None  # its graphs and attention

    def __post_init__(self):
        object.__setattr__(self, "pose", check_pose(self.pose, "GaitState.pose"))
        drawing.settle(self)
        T = len(self.pose)
        for name in ("affective", "affective_predicted"):
            if (value := getattr(self, name)) is not None:
                FIELDS.shape(name, value, (T, len(FEATURES)))
                FIELDS.finite(name, value, f"finite, of shape {list(value.shape)}")
        FIELDS.positive("fps", self.fps)
        if self.probabilities is not None:
            FIELDS.probabilities("probabilities", self.probabilities, (len(self.class_names),))
        FIELDS.label(self.label, self.class_names)
        for stream in STREAMS:
            if (times := self.known(stream, "times")) is not None:
                found = f"{stream}_times of {len(times[0])} frames"
                wanted = f"{T} frames, as many as the pose has"
                FIELDS.refuse(len(times[0]) != T, "graphs", found, wanted)

    @property
    def frames(self) -> int:
        """How many frames the gait has without the zeros after it."""
        return int(np.flatnonzero(np.abs(self.pose).sum((1, 2)) > 0)[-1]) + 1

    def known(self, stream: str, kind: str):
        """A field of `graphs`: kind is attention, learned, joints or times; None if not known."""
        return None if self.graphs is None else getattr(self.graphs, f"{stream}_{kind}")


@dataclass(frozen=True)
class Choice:
    """Which graph is shown."""

    graph: str
    part: str
    unit: int
    stream: str

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
