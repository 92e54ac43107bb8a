"""Movement and 31 affective features of every frame of a walk, in NumPy.

Source: Zhai et al., "Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement
Graph Convolutional Networks", TAC 2024, table I and section III-B. Their code reads both from
files. What the paper leaves open (radians, what is up, the first frames) follows Bhattacharya et
al., "STEP", AAAI 2020, by the makers of Emotion-Gait, where the 31 features come from.

Poses are [T, 16, 3] as in `jacklib.data.poses`. Lengths keep their unit; time is counted in frames.
"""

from pathlib import Path

import numpy as np
import yaml

from jacklib.core.skeleton import JOINTS

UP = "up"  # any point vertically above the root
# {"angle": [[one side, vertex, other side], ...], "distance": [[from, to], ...], "area": ...}
CORNERS = yaml.safe_load(Path(__file__).with_name("gait_features.yaml").read_text("utf-8"))
# 31 names, in the order of `affective_features`
FEATURES = tuple(f"{kind} {', '.join(row)}" for kind, rows in CORNERS.items() for row in rows)
MOVEMENTS = ("vx", "vy", "vz", "|v|", "ax", "ay", "az", "|a|")


def movement(poses: np.ndarray) -> np.ndarray:
    """Velocity and acceleration of every joint: [T, 16, 3] -> [8, T, 16], float32, see MOVEMENTS.

    The velocity at frame t is the position at t minus that at t - 1, the acceleration the velocity
    at t minus that at t - 1. Before the recording everything stands still, as in STEP's code: frame
    0 has neither, and the acceleration of frame 1 is its velocity.
    """
    parts, change = [], np.asarray(poses, np.float64)
    for _ in ("velocity", "acceleration"):
        change = np.diff(change, axis=0, prepend=change[:1])  # [T, V, 3]
        parts += [change, np.linalg.norm(change, axis=2, keepdims=True)]
    return np.concatenate(parts, axis=2).transpose(2, 0, 1).astype(np.float32)


def angles(a: np.ndarray, vertex: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle at each vertex between the ways to a and to b, in radians, 0 to pi: [..., 3] -> [...];
    0 where a way has no length."""
    p, q = a - vertex, b - vertex
    # Of sine and cosine, so that small angles are as exact as others.
    return np.arctan2(np.linalg.norm(np.cross(p, q), axis=-1), (p * q).sum(-1))


def areas(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Area of each triangle: [..., 3] -> [...]."""
    return np.linalg.norm(np.cross(a - b, c - b), axis=-1) / 2


def affective_features(poses: np.ndarray) -> np.ndarray:
    """The 31 features of every frame: [T, 16, 3] -> [T, 31], float32, see FEATURES: 14 angles
    (radians), 9 distances (the poses' unit) and 8 areas (its square)."""
    poses = np.asarray(poses, np.float64)
    points = {name: poses[:, i] for i, name in enumerate(JOINTS)}  # name: [T, 3]
    points[UP] = points["root"] + [0, 1, 0]

    def corners(kind: str) -> list[np.ndarray]:
        """For each place in the rows' names one array [T, rows, 3]."""
        columns = zip(*CORNERS[kind], strict=True)
        return [np.stack([points[name] for name in column], axis=1) for column in columns]

    one, other = corners("distance")
    distances = np.linalg.norm(one - other, axis=2)
    parts = angles(*corners("angle")), distances, areas(*corners("area"))  # [T, 14], [T, 9], [T, 8]
    return np.concatenate(parts, axis=1).astype(np.float32)
