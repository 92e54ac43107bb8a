"""Movement and 31 affective features of every frame of a walk, in NumPy.

Source: Zhai et al., "Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement
Graph Convolutional Networks", TAC 2024, table I and section III-B. Their code reads both from
files. What the paper leaves open (radians, what is up, the first frames) follows Bhattacharya et
al., "STEP", AAAI 2020, by the makers of Emotion-Gait, where the 31 features come from.

Poses are [T, 16, 3] as in `jacklib.data.poses`. Lengths keep their unit; time is counted in frames.
"""

from collections.abc import Sequence

import numpy as np

from jacklib.core.shapes import GAIT_JOINTS
from jacklib.data.poses import JOINTS, swap_sides
from jacklib.errors import refuse

UP = "up"  # any point vertically above the root
# (one side, vertex, other side)
ANGLES = (
    ("left shoulder", "neck", "right shoulder"), ("neck", "right shoulder", "left shoulder"),
    ("right shoulder", "left shoulder", "neck"), ("neck", "right shoulder", "right elbow"),
    ("neck", "left shoulder", "left elbow"), ("right shoulder", "right elbow", "right hand"),
    ("left shoulder", "left elbow", "left hand"), ("neck", "spine", "root"),
    ("head", "neck", "spine"), ("root", "right hip", "right knee"),
    ("root", "left hip", "left knee"), ("right hip", "right knee", "right foot"),
    ("left hip", "left knee", "left foot"), ("head", "root", UP),
)  # fmt: skip
DISTANCES = (
    ("right hand", "root"), ("left hand", "root"), ("right hand", "right shoulder"),
    ("left hand", "left shoulder"), ("right elbow", "root"), ("left elbow", "root"),
    ("right foot", "root"), ("left foot", "root"), ("right foot", "left foot"),
)  # fmt: skip
AREAS = (
    ("left hand", "neck", "right hand"), ("left shoulder", "neck", "right shoulder"),
    ("left hand", "root", "right hand"), ("left elbow", "neck", "right elbow"),
    ("left foot", "neck", "right foot"), ("left hip", "neck", "right hip"),
    ("left foot", "root", "right foot"), ("left knee", "neck", "right knee"),
)  # fmt: skip
FEATURES = (
    *("angle " + ", ".join(a) for a in ANGLES),
    *("distance " + ", ".join(d) for d in DISTANCES),
    *("area " + ", ".join(a) for a in AREAS),
)  # 31 names, in the order of `affective_features`
MOVEMENTS = ("vx", "vy", "vz", "|v|", "ax", "ay", "az", "|a|")


def check_poses(poses: np.ndarray) -> np.ndarray:
    """poses as float64 [T, 16, 3]. Raises DataError for another shape, or what is not a number."""
    poses = np.asarray(poses, np.float64)
    refuse(poses.shape[1:] != (GAIT_JOINTS, 3) or len(poses) == 0, "poses",
           found=f"shape {list(poses.shape)}", wanted=f"[T, {GAIT_JOINTS}, 3]",
           cure="Give x y z of 16 joints per frame.")  # fmt: skip
    wrong = ~np.isfinite(poses).all((1, 2))
    refuse(wrong.any(), "poses",
           found=f"a coordinate that is not a number in frame {wrong.argmax()}",
           wanted="finite numbers", cure="Leave the frame out, or fill it from its neighbours."
    )  # fmt: skip
    return poses


def movement(poses: np.ndarray) -> np.ndarray:
    """Velocity and acceleration of every joint: [T, 16, 3] -> [8, T, 16], float32, see MOVEMENTS.

    The velocity at frame t is the position at t minus that at t - 1, the acceleration the velocity
    at t minus that at t - 1. Before the recording everything stands still, as in STEP's code: frame
    0 has neither, and the acceleration of frame 1 is its velocity.
    """
    parts, change = [], check_poses(poses)
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


def affective_features(
    poses: np.ndarray, up: Sequence[float] = (0.0, 1.0, 0.0), right_first: bool = False
) -> np.ndarray:
    """The 31 features of every frame: [T, 16, 3] -> [T, 31], float32, see FEATURES.

    14 angles (radians), 9 distances (the poses' unit) and 8 areas (its square). up: the direction
    that is up in the recording. right_first: joints 4 to 6 and 10 to 12 are the right side's, see
    `jacklib.data.poses`. Raises DataError if the arguments are not of these shapes and finite.
    """
    poses = check_poses(poses)
    up = np.asarray(up, np.float64)
    refuse(up.shape != (3,) or not np.isfinite(up).all() or not up.any(), "up",
           found=str(up.tolist()), wanted="three numbers, not all 0",
           cure="For Emotion-Gait, STEP's code takes (0, 1, 0).")  # fmt: skip
    if right_first:
        poses = swap_sides(poses)
    points = {name: poses[:, i] for i, name in enumerate(JOINTS)}  # name: [T, 3]
    points[UP] = points["root"] + up

    def corners(rows) -> list[np.ndarray]:
        """For each place in the rows' names one array [T, rows, 3]."""
        columns = zip(*rows, strict=True)
        return [np.stack([points[name] for name in column], axis=1) for column in columns]

    one, other = corners(DISTANCES)
    distances = np.linalg.norm(one - other, axis=2)
    parts = angles(*corners(ANGLES)), distances, areas(*corners(AREAS))  # [T, 14], [T, 9], [T, 8]
    return np.concatenate(parts, axis=1).astype(np.float32)


def affective_target(features: np.ndarray) -> np.ndarray:
    """What the affective branch shall give: features [T, 31] -> [31 * T], one curve after another.
    (The order of the authors' own files is not published.)"""
    return np.asarray(features, np.float32).T.reshape(-1)
