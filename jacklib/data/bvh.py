"""Motion capture in BVH files: the text is read, the skeleton is put together, and 16 joints of it
are chosen by name (`NAMINGS`). Colons, dots, underscores and the case do not matter."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from jacklib.data.poses import JOINTS, MOST_FRAMES, body_length, check_pose, check_rate
from jacklib.errors import DataError, refuse, shown
from jacklib.files import read_text, reading

# From the feet over knees and hips, spine and neck up to the head: where a BVH file's units are
# not known, this length is taken for one of an adult.
NOMINAL_HEIGHT = 1.5  # metres
LARGEST = 256 * 2**20  # bytes of a file
MOST_JOINTS, LONGEST_NAME = 1000, 200  # motion capture has some 100 joints
MOST_PLACES = 10_000_000  # joints times frames, each of 100 bytes while they are computed


# The names of the 16 joints, in the order of JOINTS. The first naming of which most joints are
# there is taken.
_TABLE = yaml.safe_load(Path(__file__).with_name("bvh.yaml").read_text("utf-8"))
NAMINGS = {naming: names.split() for naming, names in _TABLE.items()}


class Bvh(NamedTuple):
    """A BVH file's content. J joints, ends of chains included; C channels."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root; a parent always comes before its children
    offsets: np.ndarray  # float64 [J, 3]
    channels: tuple[tuple[str, ...], ...]  # of each joint, such as ("Zrotation", "Xrotation")
    frames: np.ndarray  # float64 [T, C]
    seconds: float  # from one frame to the next


class Recording(NamedTuple):
    """Poses [T, 16, 3] and how many per second (None where a file does not say)."""

    pose: np.ndarray
    fps: float | None


CHANNELS = tuple(axis + kind for kind in ("position", "rotation") for axis in "XYZ")
WANTED, CURE = "a BVH file", "Check the path, or export the recording as BVH again."


class _Words:
    """A BVH file's words, taken one after the other."""

    def __init__(self, path: Path):
        self.path, self.at = path, 0
        self.words = read_text(path, WANTED, CURE, LARGEST, replace=True).split()

    def wrong(self, found: str, wanted: str = WANTED) -> DataError:
        cure = "Export the recording as BVH again."
        return DataError(str(self.path), found=found, wanted=wanted, cure=cure)

    def take(self, wanted: str | None = None) -> str:
        """The next word. Raises DataError if there is none, or it is not the wanted one."""
        if self.at >= len(self.words):
            part = "MOTION" if "MOTION" in map(str.upper, self.words) else "HIERARCHY"
            raise self.wrong(f"the file's end within its {part}", wanted or "the rest")
        word = self.words[self.at]
        if wanted is not None and word.upper() != wanted:
            raise self.wrong(f"{shown(word)} as word {self.at + 1}", wanted)
        self.at += 1
        return word

    def number(self, kind: Any = float) -> Any:
        word = self.take()
        try:
            return kind(word)
        except ValueError:
            raise self.wrong(f"{shown(word)} as word {self.at}", "a number") from None


def parse_bvh(path: str | Path) -> Bvh:
    """Read a BVH file. Raises DataError naming the file and what is wrong in it."""
    words = _Words(Path(path))
    names, parents, offsets, channels = _skeleton(words)
    frames, seconds = _motion(words, len(names), sum(map(len, channels)))
    return Bvh(tuple(names), tuple(parents), np.array(offsets), tuple(channels), frames, seconds)


def _skeleton(words: _Words) -> tuple[list, list, list, list]:
    """Names, parents, offsets and channels of the joints: all up to MOTION."""
    take, number, wrong = words.take, words.number, words.wrong
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
            name = _joint_name(words)
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
            channels[open_joints[-1]] = _channels(words)
        elif word == "}" and open_joints:
            open_joints.pop()
        elif word == "MOTION" and names and not open_joints:
            return names, parents, offsets, channels
        else:
            raise wrong(f"{shown(word)} as word {words.at}", "HIERARCHY of joints, then MOTION")


def _joint_name(words: _Words) -> str:
    name = ""
    while (part := words.take()) != "{":  # names may hold spaces
        name = f"{name} {part}".strip()
        if len(name) > LONGEST_NAME:
            raise words.wrong(f"a joint called {shown(name)}", "a shorter name, then {")
    return name


def _channels(words: _Words) -> tuple[str, ...]:
    count = words.number(int)
    if not 0 <= count <= len(CHANNELS):
        raise words.wrong(f"a joint of {shown(count)} channels", f"0 to {len(CHANNELS)}")
    chosen = tuple(words.take() for _ in range(count))
    for channel in chosen:
        if channel not in CHANNELS:
            raise words.wrong(f"channel {shown(channel)}", f"one of {', '.join(CHANNELS)}")
    return chosen


def _motion(words: _Words, n_joints: int, n_channels: int) -> tuple[np.ndarray, float]:
    """The frames [T, C], and the seconds from one to the next: all after MOTION."""
    words.take("FRAMES:")
    n_frames = words.number(int)
    words.take("FRAME"), words.take("TIME:")
    seconds = words.number()
    if not seconds > 0:
        raise words.wrong(f"a frame time of {seconds}", "seconds above 0")
    check_rate(1 / seconds, f"{words.path}, its frame time")
    found = len(words.words) - words.at
    if n_frames < 1 or not n_channels or found != n_frames * n_channels:
        wanted = f"{shown(n_frames)} frames of {n_channels} channels, one number each"
        raise words.wrong(f"{found} numbers of motion", wanted)
    most = min(MOST_FRAMES, MOST_PLACES // n_joints)
    if n_frames > most:
        raise words.wrong(f"{n_frames} frames of {n_joints} joints", f"{most} frames at most")
    with reading(words.path, WANTED, CURE, "motion that is not numbers"):
        frames = np.array(words.words[words.at :], dtype=np.float64).reshape(n_frames, n_channels)
        if not np.isfinite(frames).all():
            raise ValueError("one is missing or infinite")
    return frames, seconds


def _turn(axis: str, degrees: np.ndarray) -> np.ndarray:
    """Rotations about one axis: [T] -> [T, 3, 3]."""
    angle = np.deg2rad(degrees)
    a, b = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    matrix = np.tile(np.eye(3), (len(angle), 1, 1))
    matrix[:, a, a] = matrix[:, b, b] = np.cos(angle)
    matrix[:, b, a] = np.sin(angle)
    matrix[:, a, b] = -matrix[:, b, a]
    return matrix


def forward_kinematics(bvh: Bvh) -> np.ndarray:
    """Where the joints are: float64 [T, J, 3], in the file's units and axes.

    A joint's rotation is the product of its channels' rotations in the file's order; it turns all
    that hangs on the joint. Position channels stand in for the offset.
    """
    places, turns, columns = [], [], iter(bvh.frames.T)
    for joint, parent in enumerate(bvh.parents):
        place = np.tile(bvh.offsets[joint], (len(bvh.frames), 1))
        turn = np.tile(np.eye(3), (len(place), 1, 1))
        for channel in bvh.channels[joint]:
            values = next(columns)
            if channel.endswith("position"):
                place[:, "XYZ".index(channel[0])] = values
            else:
                turn = turn @ _turn(channel[0], values)
        if parent >= 0:
            place = places[parent] + np.einsum("tij,tj->ti", turns[parent], place)
            turn = turns[parent] @ turn
        places.append(place)
        turns.append(turn)
    return np.stack(places, axis=1)


def _plain(name: str) -> str:
    """'mixamorig:LeftUpLeg', 'Left_UpLeg' and 'leftupleg' are one name."""
    name = name.rsplit(":", 1)[-1].lower()
    return "".join(filter(str.isalnum, name)).removeprefix("mixamorig")


def choose_joints(names: tuple[str, ...], what: str) -> list[int]:
    """The indices of the 16 joints among a file's names, in the order of JOINTS.

    Raises DataError that lists what is missing of the naming that fits best.
    """
    place = {}
    for number, name in enumerate(names):
        place.setdefault(_plain(name), number)
    best = max(NAMINGS, key=lambda naming: sum(name in place for name in NAMINGS[naming]))
    if best == "CMU" and "neck" in place:  # with one bone in the neck, some exports call it so
        place.setdefault("neck1", place["neck"])
    wanted = zip(JOINTS, NAMINGS[best], strict=True)
    missing = [f"{joint} ({name!r})" for joint, name in wanted if name not in place]
    refuse(missing, what, found=f"no {', no '.join(missing)}",
           wanted=f"16 joints by the names of {', '.join(NAMINGS)}; {best} fits best",
           cure=f"Rename the joints in the file. It has: {', '.join(names)}.")  # fmt: skip
    return [place[name] for name in NAMINGS[best]]


def upright(pose: np.ndarray) -> np.ndarray:
    """[T, 16, 3] with y up: turned where z is the axis from the feet to the head."""
    feet = pose[:, [12, 15]].mean(1)
    rise = np.abs(np.median(pose[:, 3] - feet, axis=0))
    if rise[2] > max(rise[0], rise[1]):
        return np.stack([pose[..., 0], pose[..., 2], -pose[..., 1]], axis=-1)
    return pose


def read_bvh(path: str | Path) -> Recording:
    """The 16 joints of a BVH file: [T, 16, 3] with y up, in metres (scaled to NOMINAL_HEIGHT), and
    frames per second. Raises DataError naming the file, and the joints that are missing."""
    bvh = parse_bvh(path)
    chosen = choose_joints(bvh.names, str(path))
    pose = upright(check_pose(forward_kinematics(bvh)[:, chosen], str(path)))
    size = body_length(pose)
    refuse(size < 1e-6, str(path), found="bones without length", wanted="a skeleton",
           cure="Export the recording with its OFFSETs.")  # fmt: skip
    return Recording(pose * (NOMINAL_HEIGHT / size), 1 / bvh.seconds)
