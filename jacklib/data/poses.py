"""Skeletons of 16 joints as Emotion-Gait has them, and what a sequence of poses must be.

A pose sequence is [T, 16, 3]: x, y, z of each joint in each frame. Here y points up and lengths are
metres; a walker who looks along +z has the left side at +x.

Emotion-Gait's readme puts the left arm at 4-6 and the left leg at 10-12, and so does all that JACK
makes; the comments of BPM-GCN's and STEP's code call the same columns right. To the network both
are one, as long as training and test agree; a file of the other kind is turned by `swap_sides`.
"""

import numpy as np

from jacklib.core.skeleton import EDGES, JOINTS
from jacklib.errors import error_of, refuse_as, shown

# The joint that each joint hangs on; the root hangs on none.
PARENTS = (-1, *(parent for _, parent in EDGES))
EMOTIONS = ("happy", "sad", "angry", "neutral")  # labels 0 to 3
N_JOINTS = len(JOINTS)
MOST_FRAMES = 100_000  # of one recording: almost an hour at 30 per second
# What lies beyond is no walk: coordinates in millimetres of somebody a kilometre away, and places
# that many bodies away.
FARTHEST, FARTHEST_BODIES = 1e6, 1000
SLOWEST, FASTEST = 5, 1000  # frames per second; more slowly, steps are lost
_LIMBS = (3, 5, 6, 8, 9, 11, 12, 14, 15)  # ends of bones that nobody lacks
_SWAPPED = (0, 1, 2, 3, 7, 8, 9, 4, 5, 6, 13, 14, 15, 10, 11, 12)


def check_shape(shape: tuple[int, ...], where: str) -> None:
    """Raise DataError unless poses may have this shape; before memory is taken for them."""
    flat = len(shape) == 2 and shape[1] == 3 * N_JOINTS
    if not flat and (len(shape) != 3 or tuple(shape[1:]) != (N_JOINTS, 3)):
        joints = f"shape {shown(list(shape))}"
        if len(shape) == 2 and shape[1] % 3 == 0:
            joints += f", so {shape[1] // 3} joints"
        raise error_of("no 16 joints", where, joints=joints, names=", ".join(JOINTS))
    refuse_as("too many frames", shape[0] > MOST_FRAMES, where, n=shape[0], most=MOST_FRAMES)


def check_pose(pose, what: str, index: int | None = None) -> np.ndarray:
    """The poses, [T, 16, 3] or [T, 48] (x, y, z of each joint in turn), as float64 [T, 16, 3].

    what: the file or argument, for the message; index: the gait's place in it.

    Raises DataError if there are not 16 joints or fewer than 2 frames, if a number is missing,
    infinite or too large for any unit, or if a frame is zero before the last one that is not.
    """
    where = what if index is None else f"{what}, gait {index}"
    if isinstance(pose, np.ndarray) and pose.ndim > 1:
        check_shape(pose.shape, where)
    try:
        array = np.asarray(pose, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise error_of("no table of poses", where) from error
    check_shape(array.shape, where)
    array = array.reshape(-1, N_JOINTS, 3)
    refuse_as("too few frames", len(array) < 2, where, n=len(array))
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        frame, joint, _ = bad[0]
        raise error_of("gap in a gait", f"{where}, frame {frame}, {JOINTS[joint]}")
    seen = np.abs(array).sum((1, 2)) > 0
    last, gap = np.flatnonzero(seen)[-1] if seen.any() else -1, seen.argmin()
    refuse_as("frames of zeros", last < 0 or gap < last and not seen[gap], where,
              found="zeros only" if last < 0 else f"frame {gap} of zeros only")  # fmt: skip
    refuse_as("one frame alone", last < 1, where)
    far = np.abs(array)
    with np.errstate(over="ignore"):
        body = body_length(array[: last + 1])
    if far.max() > FARTHEST or 0 < body * FARTHEST_BODIES < far.max():
        frame, joint, _ = np.unravel_index(far.argmax(), far.shape)
        raise error_of("far", f"{where}, frame {frame}, {JOINTS[joint]}", n=far.max(), body=body)
    return array


def body_length(pose: np.ndarray) -> float:
    """From the feet along the bones to the head, median over frames, mean of both legs."""
    joints = np.array([10, 11, 13, 14, 0, 1, 2])  # each bone goes from one of these to the next
    bones = np.linalg.norm(pose[:, joints] - pose[:, joints + 1], axis=-1)
    thigh, shin, thigh_2, shin_2, back, chest, neck = np.median(bones, axis=0).tolist()
    return ((thigh + shin) + (thigh_2 + shin_2)) / 2 + back + chest + neck


def check_standing(pose: np.ndarray, what: str, sides: bool = False) -> None:
    """Raise DataError, naming the file or argument, if poses cannot be those of somebody who stands
    or walks with y up. sides: left and right are certain, so that knees tell a mirrored body."""
    pose = pose[np.abs(pose).sum((1, 2)) > 0]  # zeros may follow
    pose = pose / max(body_length(pose), 1e-12)
    bones = np.median(np.linalg.norm(pose - pose[:, PARENTS], axis=-1), axis=0)
    odd = [JOINTS[end] for end in _LIMBS if not 0.02 < bones[end] < 0.75]
    rise, way = pose[:, 3, 1] - pose[:, [12, 15], 1].mean(1), np.abs(pose[-1, 0] - pose[0, 0])
    left, knees = pose[:, [10]] - pose[:, [13]], pose[:, [11, 14]]
    bent = np.cross(left, [0, 1, 0]) * (2 * knees - pose[:, [10, 13]] - pose[:, [12, 15]])
    for bad, found in (
        (odd, f"no bone, or one as long as a body, before {', '.join(odd)}"),
        (rise.max() < 0.75, f"a head {rise.max():.2f} body lengths above the feet at most"),
        (way[1] > max(1, np.hypot(*way[::2])), f"a way of {way[1]:.1f} body lengths upwards"),
        (sides and bent.sum(-1).mean() < -0.04 * np.linalg.norm(left, axis=-1).mean(),
         "knees that bend backwards, so left and right are exchanged"),
    ):  # fmt: skip
        refuse_as("nobody upright", bad, what, found=found)


def check_rate(fps: float, what: str) -> None:
    """Raise DataError, naming the file or option, if people cannot be recorded at this rate."""
    refuse_as("rate", not SLOWEST <= fps <= FASTEST, what, fps=fps, least=SLOWEST, most=FASTEST)


def check_label(label, what: str, index: int) -> int:
    """The label as 0 to 3. Raises DataError naming the file and the gait."""
    array = np.asarray(label)
    number = array.reshape(-1)[0] if array.size == 1 else None
    if number is None or array.dtype.kind not in "iuf" or number not in range(len(EMOTIONS)):
        names = ", ".join(f"{n} {name}" for n, name in enumerate(EMOTIONS))
        raise error_of("label of a gait", f"{what}, gait {index}", label=shown(label), names=names)
    return int(number)


def swap_sides(pose: np.ndarray) -> np.ndarray:
    """[..., 16, 3] with the columns of left and right exchanged, places in space as they were."""
    return np.asarray(pose)[..., _SWAPPED, :]


def face_forward(pose: np.ndarray) -> np.ndarray:
    """[T, 16, 3] moved and turned as a whole about the vertical: the root starts above the origin,
    and its way from the first to the last frame goes along +z. Where that is less than 10 cm, the
    hips tell which way the body looks."""
    pose = pose - pose[:1, :1] * [1, 0, 1]
    way = pose[-1, 0]
    if np.hypot(way[0], way[2]) < 0.1:
        left = (pose[:, 10] - pose[:, 13]).mean(0)
        way = np.array([-left[2], 0, left[0]])  # a quarter turn: the left side is at +x
    return turn_about_y(pose, -np.arctan2(way[0], way[2]))


def turn_about_y(points: np.ndarray, angle) -> np.ndarray:
    """Points [T, n, 3] turned about the vertical by `angle` radians (a number, or one per frame),
    from +z towards +x."""
    cos, sin = (f(np.asarray(angle, dtype=float)).reshape(-1, 1) for f in (np.cos, np.sin))
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
