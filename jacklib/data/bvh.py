"""Motion capture in BVH files: the text is brought to one spelling and read, the skeleton is put
together, 16 joints of it are chosen by name and place, and the body is set upright. How tools write
and how rigs call their joints is listed in bvh.yaml."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from jacklib.data import poses
from jacklib.data.poses import JOINTS, MOST_FRAMES, body_length, check_pose
from jacklib.errors import DataError, refuse_as, shown
from jacklib.files import read_text, reading

# From the feet over knees and hips, spine and neck up to the head: where a BVH file's units are
# not known, this length is taken for one of an adult.
NOMINAL_HEIGHT = 1.5  # metres
LARGEST, LONGEST_HEAD = 256 * 2**20, 2**20  # bytes of a file, characters of its skeleton
MOST_JOINTS, LONGEST_NAME = 1000, 200  # motion capture has some 100 joints
MOST_PLACES = 10_000_000  # joints times frames, each of 128 bytes while they are computed
_TABLE = yaml.safe_load(Path(__file__).with_name("bvh.yaml").read_text("utf-8"))
NAMINGS = {rig: names.split() for rig, names in _TABLE["rigs"].items()}
_PARTS = " ".join(_TABLE["parts"].values())


def _spelled(text: str, kind: str) -> str:
    """The text as the rules of bvh.yaml under `kind` have it."""
    for written, ours in _TABLE[kind]:
        text = re.sub(written, ours, text)
    return text


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
    """A BVH file's words in one spelling, taken one after the other."""

    def __init__(self, path: Path):
        self.path, self.at = path, 0
        text = read_text(path, WANTED, CURE, LARGEST, replace=True)
        head, time, rows = _spelled(text, "text").partition("FRAMETIME:")
        self.refuse(len(head) > LONGEST_HEAD, f"{len(head):,} characters before its motion", WANTED)
        self.words = [*_spelled(head, "head").split(), *time.split(), *rows.split()]

    def wrong(self, found: str, wanted: str = WANTED) -> DataError:
        cure = "Export the recording as BVH again."
        return DataError(str(self.path), found=found, wanted=wanted, cure=cure)

    def refuse(self, bad: bool, found: str, wanted: str) -> None:
        if bad:
            raise self.wrong(found, wanted)

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
    take, number = words.take, words.number
    names, parents, offsets, channels = [], [], [], []
    open_joints: list[int] = []
    take("HIERARCHY")
    while True:
        word = take().upper()
        if word in ("ROOT", "JOINT", "END"):
            parent = open_joints[-1] if open_joints else -1
            words.refuse(word == "ROOT" and bool(names), "a second ROOT", "one person a file")
            words.refuse((parent < 0) != (word == "ROOT"), f"{word} outside braces", "ROOT first")
            name = " ".join(iter(take, "{"))  # names may hold spaces
            too_long, too_many = len(name) > LONGEST_NAME, len(names) == MOST_JOINTS
            words.refuse(too_long, f"a joint called {shown(name)}", "a shorter name, then {")
            words.refuse(too_many, f"more than {MOST_JOINTS} joints", "one person a file")
            names.append(name if word != "END" else f"{names[parent]} end"[-LONGEST_NAME:])
            parents.append(parent)
            offsets.append((0.0, 0.0, 0.0))
            channels.append(())
            open_joints.append(len(names) - 1)
        elif word == "OFFSET" and open_joints:
            offsets[open_joints[-1]] = (number(), number(), number())
        elif word == "CHANNELS" and open_joints:
            odd = not 0 <= (count := number(int)) <= len(CHANNELS)
            words.refuse(odd, f"a joint of {shown(count)} channels", f"0 to {len(CHANNELS)}")
            channels[open_joints[-1]] = chosen = tuple(take().capitalize() for _ in range(count))
            others = [channel for channel in chosen if channel not in CHANNELS]
            words.refuse(bool(others), f"channels {shown(others)}", f"{', '.join(CHANNELS)} only")
        elif word == "}" and open_joints:
            open_joints.pop()
        elif word == "MOTION" and names and not open_joints:
            return names, parents, offsets, channels
        else:
            odd = f"{shown(word)} as word {words.at}"
            raise words.wrong(odd, "HIERARCHY of joints, then MOTION")


def _motion(words: _Words, n_joints: int, n_channels: int) -> tuple[np.ndarray, float]:
    """The frames [T, C], and the seconds from one to the next: all after MOTION."""
    words.take("FRAMES:")
    n_frames = words.number(int)
    words.take("FRAMETIME:")
    seconds = words.number()
    words.refuse(not seconds > 0, f"a frame time of {seconds}", "seconds above 0")
    poses.check_rate(1 / seconds, f"{words.path}, its frame time")
    found = len(words.words) - words.at
    fits = min(n_frames, n_channels) > 0 and found == n_frames * n_channels
    words.refuse(not fits, f"{found} numbers of motion",
                 f"{shown(n_frames)} frames of {n_channels} channels, one number each")  # fmt: skip
    most, many = min(MOST_FRAMES, MOST_PLACES // n_joints), f"{n_frames} frames"
    words.refuse(n_frames > most, f"{many} of {n_joints} joints", f"{most} frames at most")
    with reading(words.path, WANTED, CURE, "motion that is not numbers"):
        frames = np.array(words.words[words.at :], dtype=np.float64).reshape(n_frames, n_channels)
        if not np.isfinite(frames).all():
            raise ValueError("one is missing or infinite")
    return frames, seconds


def _turn(axis: int, degrees: np.ndarray) -> np.ndarray:
    """Rotations about x, y or z: [T] -> [T, 3, 3]."""
    angle, along = np.deg2rad(degrees)[:, None, None], np.eye(3)[axis]
    fixed = np.outer(along, along)
    across = np.cos(angle) * (np.eye(3) - fixed) + np.sin(angle) * np.cross(np.eye(3), along)
    return fixed + across


def forward_kinematics(bvh: Bvh) -> np.ndarray:
    """Where the joints are: float64 [T, J, 3], in the file's units and axes.

    A joint's rotation is the product of its channels' rotations in the file's order; it turns all
    that hangs on the joint. Position channels stand in for the offset.
    """
    moves, columns = [], iter(bvh.frames.T)  # of each joint [T, 4, 4]: turn, and place beside it
    for offset, parent, channels in zip(bvh.offsets, bvh.parents, bvh.channels, strict=True):
        move = np.tile(np.eye(4), (len(bvh.frames), 1, 1))
        move[:, :3, 3] = offset
        for channel in channels:
            axis, values = "XYZ".index(channel[0]), next(columns)
            if channel.endswith("position"):
                move[:, axis, 3] = values
            else:
                move[:, :3, :3] = move[:, :3, :3] @ _turn(axis, values)
        moves.append(moves[parent] @ move if parent >= 0 else move)
    return np.stack([move[:, :3, 3] for move in moves], axis=1)


def choose_joints(names: tuple[str, ...], what: str, parents: tuple[int, ...] = ()) -> list[int]:
    """The indices of the 16 joints among a file's names, in the order of JOINTS: head and limbs by
    name; of the trunk, which each rig divides in its own way, the root is where legs and head meet,
    the neck what the head hangs on, the spine the middle joint between.

    Raises DataError that lists what is missing of the naming that fits best.
    """
    words = [_spelled(name, "names").lower().split() for name in names]
    shared = Counter(word for one in words for word in {*one})
    place, found = {}, dict[str, int]()  # such as "leftupleg", and of JOINTS
    for index, one in enumerate(words):
        one = [w for w in one if w in _PARTS or shared[w] <= len(names) / 2]  # Bip01 says nothing
        place.setdefault("".join(one), index)
    for joint in JOINTS[:2:-1]:  # from the feet: where a knee is found, "leg" is the hip
        side, part = ["", *joint.split()][-2:]
        indices = [place.get(side + name) for name in _TABLE["parts"][part].split()]
        free = [index for index in indices if index not in (None, *found.values())]
        found.update(zip([joint], free, strict=False))
    up: dict[int, list[int]] = {-1: []}  # from each joint to the file's root
    for index, parent in enumerate(parents):
        up[index] = [index, *up[parent]]
    head, *hips = (up.get(found.get(j, -1), []) for j in ("head", "left hip", "right hip"))
    trunk = [index for index in head if not all(index in hip for hip in hips)]
    if 2 < len(trunk) < len(head):
        found |= {"root": head[len(trunk)], "spine": trunk[1 + len(trunk) // 2], "neck": trunk[1]}
    best = max(NAMINGS, key=lambda rig: sum(name.rstrip("1") in place for name in NAMINGS[rig]))
    wanted = zip(JOINTS, NAMINGS[best], strict=True)
    missing = [f"{joint} ({name!r})" for joint, name in wanted if joint not in found]
    refuse_as("joints missing", missing, what, missing=", no ".join(missing),
              rigs=", ".join(NAMINGS), best=best, names=", ".join(names))  # fmt: skip
    return [found[joint] for joint in JOINTS]


def upright(pose: np.ndarray) -> np.ndarray:
    """[T, 16, 3] turned so that the axis nearest to the way from the feet to the head becomes y."""
    rise = np.median(pose[:, 3] - pose[:, [12, 15]].mean(1), axis=0)
    axis = int(np.abs(rise).argmax())
    up, right = np.eye(3)[axis] * np.sign(rise[axis]), np.eye(3)[int(axis == 0)]
    return pose @ np.array([right, up, np.cross(right, up)]).T


def read_bvh(path: str | Path) -> Recording:
    """The 16 joints of a BVH file: [T, 16, 3] with y up, in metres (scaled to NOMINAL_HEIGHT), and
    frames per second. Raises DataError naming the file, and what is missing or cannot stand."""
    bvh = parse_bvh(path)
    chosen = choose_joints(bvh.names, str(path), bvh.parents)
    pose = upright(check_pose(forward_kinematics(bvh)[:, chosen], str(path)))
    poses.check_standing(pose, str(path), sides=True)
    return Recording(pose * (NOMINAL_HEIGHT / body_length(pose)), 1 / bvh.seconds)
