"""Motion capture in BVH files: the text is read, the skeleton is put together, and 16 joints of it
are chosen by name.

Joint names of the CMU collection, of Mixamo, of "Hips, Chest, LeftElbow" skeletons and of
DeepMimic are known (`NAMINGS`). Colons, dots, underscores and the case do not matter.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jacklib.data.poses import JOINTS, MOST_FRAMES, body_length, check_pose, check_rate
from jacklib.errors import DataError, shown
from jacklib.files import check_file, reading

# From the feet over knees and hips, spine and neck up to the head: where a BVH file's units are
# not known, this length is taken for one of an adult.
NOMINAL_HEIGHT = 1.5  # metres

LARGEST = 256 * 2**20  # bytes of a file
MOST_JOINTS, LONGEST_NAME = 1000, 200  # motion capture has some 100 joints
MOST_PLACES = 10_000_000  # joints times frames, each of 100 bytes while they are computed

_LIMBS = "arm forearm hand upleg leg foot".split()
_JOINT_LIMBS = "shoulder elbow wrist hip knee ankle".split()


def _naming(trunk: str, limbs: list[str]) -> tuple[str, ...]:
    arm, leg = limbs[:3], limbs[3:]
    sides = [side + name for part in (arm, leg) for side in ("left", "right") for name in part]
    return (*trunk.split(), *sides)


# The names of the 16 joints, in the order of JOINTS. The first naming of which most joints are
# there is taken. "end" is the end of a chain, which has no name in the file.
NAMINGS = {
    "CMU": _naming("hips spine neck1 head", _LIMBS),
    "Mixamo": _naming("hips spine1 neck head", _LIMBS),
    "Chest and elbows": _naming("hips chest neck head", _JOINT_LIMBS),
    "DeepMimic": _naming("root chest neck neckend", _JOINT_LIMBS),
}


class Bvh(NamedTuple):
    """A BVH file's content. J joints, ends of chains included; C channels."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root; a parent always comes before its children
    offsets: np.ndarray  # float64 [J, 3]
    channels: tuple[tuple[str, ...], ...]  # of each joint, such as ("Zrotation", "Xrotation")
    frames: np.ndarray  # float64 [T, C]
    seconds: float  # from one frame to the next


class Recording(NamedTuple):
    """Poses [T, 16, 3] and how many of them a second has (None where a file does not say)."""

    pose: np.ndarray
    fps: float | None


CHANNELS = tuple(axis + kind for kind in ("position", "rotation") for axis in "XYZ")


def parse_bvh(path: str | Path) -> Bvh:
    """Read a BVH file. Raises DataError naming the file and what is wrong in it."""
    path = Path(path)

    def wrong(found: str, wanted: str = "a BVH file") -> DataError:
        return DataError(
            str(path), found=found, wanted=wanted, cure="Export the recording as BVH again."
        )

    wanted, cure = "a BVH file", "Check the path, or export the recording as BVH again."
    check_file(path, wanted, cure, LARGEST)
    with reading(path, wanted, cure):
        words = path.read_text(encoding="utf-8", errors="replace").split()
    at = 0

    def take(wanted: str | None = None) -> str:
        nonlocal at
        if at >= len(words):
            part = "MOTION" if "MOTION" in map(str.upper, words) else "HIERARCHY"
            raise wrong(f"the file's end within its {part}", wanted or "the rest")
        word = words[at]
        if wanted is not None and word.upper() != wanted:
            raise wrong(f"{shown(word)} as word {at + 1}", wanted)
        at += 1
        return word

    def number(kind=float):
        word = take()
        try:
            return kind(word)
        except ValueError:
            raise wrong(f"{shown(word)} as word {at}", "a number") from None

    names, parents, offsets, channels = [], [], [], []
    open_joints: list[int] = []
    take("HIERARCHY")
    while True:
        word = take().upper()
        if word in ("ROOT", "JOINT", "END"):
            parent = open_joints[-1] if open_joints else -1
            if word == "ROOT" and names:
                raise wrong("a second ROOT", "one person a file")
            if (parent < 0) != (word == "ROOT"):
                raise wrong(f"{word} outside of a ROOT's braces", "ROOT first")
            name = ""
            while (part := take()) != "{":  # names may hold spaces
                name = f"{name} {part}".strip()
                if len(name) > LONGEST_NAME:
                    raise wrong(f"a joint called {shown(name)}", "a shorter name, then {")
            if len(names) == MOST_JOINTS:
                raise wrong(f"more than {MOST_JOINTS} joints", "one person a file")
            names.append(name if word != "END" else f"{names[parent]} end"[-LONGEST_NAME:])
            parents.append(parent)
            offsets.append((0.0, 0.0, 0.0))
            channels.append(())
            open_joints.append(len(names) - 1)
        elif word == "OFFSET" and open_joints:
            offsets[open_joints[-1]] = (number(), number(), number())
        elif word == "CHANNELS" and open_joints:
            count = number(int)
            if not 0 <= count <= len(CHANNELS):
                raise wrong(f"a joint of {shown(count)} channels", f"0 to {len(CHANNELS)}")
            chosen = tuple(take() for _ in range(count))
            for channel in chosen:
                if channel not in CHANNELS:
                    raise wrong(f"channel {shown(channel)}", f"one of {', '.join(CHANNELS)}")
            channels[open_joints[-1]] = chosen
        elif word == "}" and open_joints:
            open_joints.pop()
        elif word == "MOTION" and names and not open_joints:
            break
        else:
            raise wrong(f"{shown(word)} as word {at}", "HIERARCHY of joints, then MOTION")
    take("FRAMES:")
    n_frames = number(int)
    take("FRAME"), take("TIME:")
    seconds = number()
    if not seconds > 0:
        raise wrong(f"a frame time of {seconds}", "seconds above 0")
    check_rate(1 / seconds, f"{path}, its frame time")
    n_channels = sum(map(len, channels))
    found = len(words) - at
    if n_frames < 1 or not n_channels or found != n_frames * n_channels:
        raise wrong(
            f"{found} numbers of motion",
            f"{shown(n_frames)} frames of {n_channels} channels, one number each",
        )
    most = min(MOST_FRAMES, MOST_PLACES // len(names))
    if n_frames > most:
        raise wrong(f"{n_frames} frames of {len(names)} joints", f"{most} frames at most")
    with reading(path, wanted, cure, "motion that is not numbers"):
        frames = np.array(words[at:], dtype=np.float64).reshape(n_frames, n_channels)
        if not np.isfinite(frames).all():
            raise ValueError("one is missing or infinite")
    return Bvh(tuple(names), tuple(parents), np.array(offsets), tuple(channels), frames, seconds)


def _turn(axis: str, degrees: np.ndarray) -> np.ndarray:
    """Rotations about one axis: [T] -> [T, 3, 3]."""
    angle = np.deg2rad(degrees)
    a, b = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    matrix = np.zeros((len(angle), 3, 3))
    matrix[:] = np.eye(3)
    matrix[:, a, a] = matrix[:, b, b] = np.cos(angle)
    matrix[:, b, a] = np.sin(angle)
    matrix[:, a, b] = -matrix[:, b, a]
    return matrix


def forward_kinematics(bvh: Bvh) -> np.ndarray:
    """Where the joints are: float64 [T, J, 3], in the file's units and axes.

    A joint's rotation is the product of its channels' rotations in the file's order; it turns all
    that hangs on the joint. Position channels stand in for the offset.
    """
    T, J = len(bvh.frames), len(bvh.names)
    places = np.zeros((T, J, 3))
    turns = np.zeros((T, J, 3, 3))
    column = 0
    for joint in range(J):
        offset = np.tile(bvh.offsets[joint], (T, 1))
        turn = np.tile(np.eye(3), (T, 1, 1))
        for channel in bvh.channels[joint]:
            values = bvh.frames[:, column]
            column += 1
            if channel.endswith("position"):
                offset[:, "XYZ".index(channel[0])] = values
            else:
                turn = turn @ _turn(channel[0], values)
        parent = bvh.parents[joint]
        if parent < 0:
            places[:, joint], turns[:, joint] = offset, turn
        else:
            places[:, joint] = places[:, parent] + np.einsum("tij,tj->ti", turns[:, parent], offset)
            turns[:, joint] = turns[:, parent] @ turn
    return places


def _plain(name: str) -> str:
    """'mixamorig:LeftUpLeg', 'Left_UpLeg' and 'leftupleg' are one name."""
    name = name.rsplit(":", 1)[-1].lower()
    return "".join(filter(str.isalnum, name)).removeprefix("mixamorig")


def choose_joints(names: tuple[str, ...], what: str) -> list[int]:
    """The places of the 16 joints among a file's names, in the order of JOINTS.

    Raises DataError that lists what is missing of the naming that fits best.
    """
    place = {}
    for number, name in enumerate(names):
        place.setdefault(_plain(name), number)
    best = max(NAMINGS, key=lambda naming: sum(name in place for name in NAMINGS[naming]))
    if best == "CMU":  # with one bone in the neck, some exports call it so
        place.setdefault("neck1", place.get("neck", -1))
        place = {name: number for name, number in place.items() if number >= 0}
    missing = [
        f"{joint} ({name!r})"
        for joint, name in zip(JOINTS, NAMINGS[best], strict=True)
        if name not in place
    ]
    if missing:
        raise DataError(
            what, found=f"no {', no '.join(missing)}",
            wanted=f"16 joints by the names of {', '.join(NAMINGS)}; {best} fits best",
            cure=f"Rename the joints in the file. It has: {', '.join(names)}.",
        )  # fmt: skip
    return [place[name] for name in NAMINGS[best]]


def upright(pose: np.ndarray) -> np.ndarray:
    """[T, 16, 3] with y up: turned where z is the axis from the feet to the head."""
    feet = pose[:, [12, 15]].mean(1)
    rise = np.abs(np.median(pose[:, 3] - feet, axis=0))
    if rise[2] > max(rise[0], rise[1]):
        return np.stack([pose[..., 0], pose[..., 2], -pose[..., 1]], axis=-1)
    return pose


def read_bvh(path: str | Path) -> Recording:
    """The 16 joints of a BVH file: [T, 16, 3] with y up, in metres, and frames a second.

    A BVH file does not say its units: the body is scaled to NOMINAL_HEIGHT. Raises DataError naming
    the file, and the joints that are missing.
    """
    bvh = parse_bvh(path)
    chosen = choose_joints(bvh.names, str(path))
    pose = upright(check_pose(forward_kinematics(bvh)[:, chosen], str(path)))
    size = body_length(pose)
    if size < 1e-6:
        raise DataError(
            str(path), found="bones without length", wanted="a skeleton",
            cure="Export the recording with its OFFSETs.",
        )  # fmt: skip
    return Recording(pose * (NOMINAL_HEIGHT / size), 1 / bvh.seconds)
