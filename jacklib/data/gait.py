"""Gaits for BPM-GCN: Emotion-Gait's files, the frames the network sees, and four arrays a split.

Emotion-Gait is a folder of HDF5 files, features.h5 (342 gaits of 27 to 75 frames) and
features_ELMD.h5 (1,835 gaits of 240 frames). Each holds one array [T, 48] a gait: x, y, z of 16
joints (`jacklib.data.poses`). labels.h5 and labels_ELMD.h5 hold one number per gait, under the same
names. `jacklib.data.prepare_gait` turns such a folder into

    SPLIT_joint.npy      float32 [N, 3, 48, 16, 1]   x, y, z
    SPLIT_movement.npy   float32 [N, 8, 48, 16, 1]   velocity and acceleration
    SPLIT_affective.npy  float32 [N, 1488]           31 angles, distances and areas of 48 frames
    SPLIT_label.npy      int64 [N]                   0 happy, 1 sad, 2 angry, 3 neutral

with SPLIT train or test. The names follow the released BPM-GCN's configuration; its script that
made the arrays was not released, so what it leaves open is decided here.
"""

import contextlib
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jacklib.data import poses
from jacklib.data.bvh import Recording, read_bvh
from jacklib.data.poses import EMOTIONS, MOST_FRAMES, N_JOINTS
from jacklib.errors import DataError, plain, refuse, refuse_as, shown
from jacklib.files import check_file, open_array, read_table, read_text, reading, write_bytes

FRAMES = 48  # that the network sees
LONGEST_LINE = 100_000  # characters of a CSV file's
FPS = 30  # of the recordings that are resampled
N_AFFECTIVE = 31
SPLITS = ("train", "test")
PARTS = ("joint", "movement", "affective", "label")
SETTINGS = "gait.json"  # what was prepared, and the names
PREPARE = "Make it with `bash script/run.sh prepare gait SOURCE TARGET`."


class Gait(NamedTuple):
    """One gait as a file has it."""

    name: str
    pose: np.ndarray  # float64 [T, 16, 3]
    label: int


class GaitArrays(NamedTuple):
    """What the network takes, of N gaits; shapes at the top of this file."""

    joint: np.ndarray
    movement: np.ndarray
    affective: np.ndarray
    label: np.ndarray


# --- Emotion-Gait's files -------------------------------------------------------------------------

# Of an HDF5 file. A few bytes of it can say that a gait has 40 million frames of one number, or
# unpack to gigabytes: sizes are looked at before anything is read.
MOST_GAITS = 10_000
MOST_NUMBERS = 100_000_000  # of all gaits, unpacked
PART = 200  # numbers that are read in the time of one of the parts into which a gait is divided
_GZIP, _FILTERS = 1, (2, 1, 3)  # shuffle, gzip, checksum, in the order in which h5py packs
_H5_WANTED = "an HDF5 file with one plain array per gait"
_H5_CURE = "Download or copy it again."


@contextmanager
def _open_h5(path: Path) -> Iterator[Any]:
    import h5py

    check_file(path, "an HDF5 file of Emotion-Gait",
               "Check the folder; features.h5 and labels.h5 belong together, and so do "
               "features_ELMD.h5 and labels_ELMD.h5.")  # fmt: skip
    with reading(path, _H5_WANTED, _H5_CURE, "no HDF5 file"):
        file = h5py.File(path, "r")
    try:
        yield file
    finally:
        with contextlib.suppress(Exception):  # of a damaged file, that may fail too
            file.close()


def read_gaits(
    features: str | Path, labels: str | Path, *, order: Sequence[str] = EMOTIONS,
    bad: list[tuple[str, DataError]] | None = None,
) -> list[Gait]:  # fmt: skip
    """The gaits of one pair of files, in the order of their names.

    order: what the labels 0 to 3 of the file mean. BPM-GCN prints its results as happy, sad, angry,
        neutral; STEP's code, by those who collected the gaits, lists angry, neutral, happy, sad.
    bad: gaits that are not sound are put here, and left out; without it they are errors.

    Raises DataError naming the file, the gait's name and index, and the cure.
    """
    features, labels = Path(features), Path(labels)
    refuse_as("order", sorted(order) != sorted(EMOTIONS), "order of labels", order=", ".join(order))
    gaits, room = [], [MOST_NUMBERS]
    with _open_h5(features) as walks, _open_h5(labels) as numbers:
        with reading(features, _H5_WANTED, _H5_CURE, "no list of gaits"):
            names = list(walks) if len(walks) <= MOST_GAITS else None
        refuse_as("no gaits", not names, str(features),
                  found="no gait" if names == [] else f"more than {MOST_GAITS} gaits")  # fmt: skip
        for index, name in enumerate(names):
            where, named = f"{features}, {shown(name)}", f"{labels}, {shown(name)}"
            try:
                pose = _value(walks, name, where, room, of_pose=True)
                pose = poses.check_pose(pose, where, index)
                label = _value(numbers, name, named, room)
                refuse_as("gait without label", label is None, str(labels), name=shown(name),
                          index=index, file=features.name)  # fmt: skip
                label = EMOTIONS.index(order[poses.check_label(label, named, index)])
                gaits.append(Gait(name, pose, label))
            except DataError as error:
                if bad is None:
                    raise
                # Its traceback would keep this gait's numbers in memory.
                error.__cause__ = error.__context__ = None
                bad.append((str(name), error.with_traceback(None)))
    return gaits


def _value(file, name, where: str, room: list[int], of_pose=False) -> np.ndarray | str | None:
    """What a dataset of an HDF5 file holds; words where that is no numbers, None where there is no
    dataset. Nothing is opened but the file itself, and nothing read before its size is known.

    room: how many numbers may still be unpacked; what this one takes goes off, also where the gait
        is then left out.
    """
    import h5py

    cure = "Leave the gait out (`prepare gait --skip_bad`), or copy the file again, uncompressed."
    _check_room(room, where)
    with reading(where, _H5_WANTED, cure):
        if not isinstance(name, str) or "/" in name or name == ".":
            raise ValueError("a name that is no plain text in UTF-8")
        if not file.id.links.exists(name.encode()):
            return None
        if file.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            raise ValueError("a link to another place")
        entry = file[name]
        if not isinstance(entry, h5py.Dataset):
            return f"a {type(entry).__name__}"
        made = entry.id.get_create_plist()
        if made.get_layout() == h5py.h5d.VIRTUAL or made.get_external_count():
            raise ValueError("numbers that lie in other files")
        # Numbers of a make of their own are converted slowly.
        plain_type = entry.dtype.kind in "fiu" and h5py.h5t.py_create(entry.dtype)
        if entry.shape is None or not plain_type or not entry.id.get_type().equal(plain_type):
            return f"values of type {entry.dtype}"
        if of_pose:
            poses.check_shape(entry.shape, where)
        elif math.prod(entry.shape) != 1:
            return f"an array of shape {shown(list(entry.shape))}"
        part, n_parts = math.prod(entry.chunks or entry.shape), 1
        if entry.chunks:
            sides = zip(entry.shape, entry.chunks, strict=True)
            n_parts = math.prod(-(-whole // side) for whole, side in sides)
        if max(math.prod(entry.shape), part) > MOST_FRAMES * 3 * N_JOINTS or n_parts > MOST_FRAMES:
            raise ValueError(f"a shape of {shown(list(entry.shape))}, or parts that are larger")
        room[0] -= n_parts * max(part, PART) if entry.chunks else part
        _check_room(room, where)
        filters = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
        most = part * entry.dtype.itemsize
        # Packing hardly ever adds.
        packed_too_large = entry.id.get_storage_size() > n_parts * (most + 4096)
        if filters != [f for f in _FILTERS if f in filters] or filters and packed_too_large:
            raise ValueError("compressed in a way, or of a size, that is not read")
        if _GZIP in filters:
            _check_packed(entry.id, 1 << filters.index(_GZIP), most)
        return entry[()]


def _check_room(room: list[int], where: str) -> None:
    refuse_as("too many numbers", room[0] < 0, where, most=MOST_NUMBERS)


def _check_packed(dataset, gzip: int, most: int) -> None:
    """Raise ValueError if a part unpacks to more than `most` bytes, which HDF5 would unpack all
    the same, or is no gzip. gzip: the bit that says that a part was left as it was."""
    parts: list[Any] = []
    dataset.chunk_iter(parts.append)
    for part in parts:
        skipped, packed = dataset.read_direct_chunk(part.chunk_offset)
        if not skipped & gzip and len(zlib.decompressobj().decompress(packed, most + 1)) > most:
            raise ValueError("a part that unpacks to more than it may")


def write_gaits(folder: Path, gaits: Sequence[Gait]) -> None:
    """Write features.h5 and labels.h5 as Emotion-Gait has them: [T, 48] and a number per gait."""
    import h5py

    features = {gait.name: gait.pose.reshape(len(gait.pose), -1) for gait in gaits}
    labels = {gait.name: gait.label for gait in gaits}
    for name, content in (("features.h5", features), ("labels.h5", labels)):
        # In memory: where the disk is full, HDF5 may end the process with a segmentation fault.
        with h5py.File(name, "w", driver="core", backing_store=False) as file:
            for gait, data in content.items():
                # Without the time of day, so that the same gaits give the same file.
                file.create_dataset(gait, data=data, track_times=False)
            file.flush()
            write_bytes(folder / name, file.id.get_file_image())


def split_indices(n_gaits: int, seed: int = 0, test_share: float = 0.1):
    """Which gaits are for training and which for the test: two sorted int arrays.

    As in the released code, int((1 - test_share) * N) gaits are drawn for training, whatever their
    labels (not stratified) and whoever walks; the rest is the test.
    """
    refuse_as("test share", not 0 < test_share < 1, "test_share", test_share=test_share)
    # 0.9 * 10 is 9.0, but (1 - 0.1) * 10 a little less on some ways to it.
    n_train = int(round((1 - test_share) * n_gaits, 6))
    refuse_as("too few gaits", not 0 < n_train < n_gaits, "gaits", n=n_gaits)
    drawn = np.random.RandomState(seed).permutation(n_gaits)
    return np.sort(drawn[:n_train]), np.sort(drawn[n_train:])


# --- What the network sees ------------------------------------------------------------------------


def sample_frames(pose: np.ndarray) -> np.ndarray:
    """The 48 frames of a gait [T, 16, 3]: float64 [48, 16, 3].

    Every fifth of exactly 240 frames, else the first 48; zeros follow where there are fewer.
    """
    chosen = pose[::5] if len(pose) == 240 else pose[:FRAMES]
    frames = np.zeros((FRAMES, N_JOINTS, 3))
    frames[: len(chosen)] = chosen
    return frames


def resample(recording: Recording, fps: float = FPS) -> np.ndarray:
    """The poses at `fps` frames per second, between frames on a straight line: [T, 16, 3]; left as
    they are where the recording does not say its rate."""
    pose = recording.pose
    if recording.fps is None:
        return pose
    poses.check_rate(recording.fps, "recording")
    times = np.arange(int((len(pose) - 1) / recording.fps * fps + 1e-6) + 1) * recording.fps / fps
    refuse_as("short recording", len(times) < 2, "recording", n=len(pose),
              seconds=len(pose) / recording.fps, fps=fps)  # fmt: skip
    left = np.minimum(times.astype(int), len(pose) - 2)
    share = (times - left)[:, None, None]
    return pose[left] * (1 - share) + pose[left + 1] * share


def gait_arrays(poses: Sequence[np.ndarray], labels: Sequence[int]) -> GaitArrays:
    """The four arrays of gaits [T, 16, 3].

    Movement and affective features are computed from the sampled frames, and only from those in
    which somebody walks (across the border to the zeros, everybody would seem to run away); zeros
    follow, as in `joint`. Affective features are 31 curves of 48 frames, one after another.
    """
    from jacklib.data.gait_features import affective_features, movement

    n = len(poses)
    arrays = GaitArrays(
        np.zeros((n, 3, FRAMES, N_JOINTS, 1), np.float32),
        np.zeros((n, 8, FRAMES, N_JOINTS, 1), np.float32),
        np.zeros((n, N_AFFECTIVE, FRAMES), np.float32),
        np.asarray(labels, dtype=np.int64).reshape(n),
    )
    for k, pose in enumerate(poses):
        frames = sample_frames(pose)
        T = int(np.flatnonzero(np.abs(frames).sum((1, 2)) > 0)[-1]) + 1
        arrays.joint[k, ..., 0] = frames.transpose(2, 0, 1)
        arrays.movement[k, :, :T, :, 0] = movement(frames[:T])
        arrays.affective[k, :, :T] = affective_features(frames[:T]).T
    return arrays._replace(affective=arrays.affective.reshape(n, N_AFFECTIVE * FRAMES))


# --- Augmentation ---------------------------------------------------------------------------------

# From these, two values each are drawn: for the first and for the last frame.
ANGLES = (-10.0, -5.0, 0.0, 5.0, 10.0)  # degrees
SCALES = (0.9, 1.0, 1.1)
SHIFTS = (-0.2, -0.1, 0.0, 0.1, 0.2)


class MoveDraw(NamedTuple):
    """A random move of a gait, each as (at the first frame, at the last frame)."""

    angle: tuple[float, float]  # degrees, from x towards y
    scale: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]


def draw_move(rng: np.random.Generator) -> MoveDraw:
    """Draw a move as the released loader does."""
    choices = (ANGLES, SCALES, SHIFTS, SHIFTS)
    return MoveDraw(*(tuple(rng.choice(values, 2).tolist()) for values in choices))


def move(array: np.ndarray, draw: MoveDraw) -> np.ndarray:
    """Turn, scale and shift the first two channels of [C, T, ...]; linear in time.

    As in the released code, what the channels mean makes no difference: of the movement array,
    velocities are shifted too, and so are frames of zeros at a gait's end.
    """
    moved = np.array(array)
    T = array.shape[1]
    shape = (T,) + (1,) * (array.ndim - 2)
    angle, scale, x, y = (np.linspace(*ends, T).reshape(shape) for ends in draw)
    angle = np.deg2rad(angle)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    moved[0] = cos * array[0] - sin * array[1] + x
    moved[1] = sin * array[0] + cos * array[1] + y
    return moved


# --- The data set ---------------------------------------------------------------------------------


class GaitSample(NamedTuple):
    """One gait, or with a leading axis several."""

    posture: np.ndarray  # float32 [3, 48, 16, 1]
    movement: np.ndarray  # float32 [8, 48, 16, 1]
    affective: np.ndarray  # float32 [1488]
    label: int | np.ndarray


class Gaits:
    """The gaits of one split.

    folder: with the four arrays of `split` in it.
    train: each gait is turned, scaled and shifted, posture and movement each in its own way, new in
        each epoch; a draw depends on (seed, epoch, index) alone. Affective features stay as they
        are, as in the released loader.

    .arrays, .names, .class_names, .labels. Raises DataError naming the file that does not fit.
    """

    class_names = EMOTIONS

    def __init__(self, folder: str | Path, split: str, *, train: bool = False, seed: int = 0):
        refuse_as("split of gaits", split not in SPLITS, "split", split=repr(split))
        self.arrays = read_arrays(Path(folder), split)
        self.names = read_names(Path(folder), split, len(self))
        self.train, self.seed = train, seed

    @property
    def labels(self) -> np.ndarray:
        """int64 [N]."""
        return self.arrays.label

    def __len__(self) -> int:
        return len(self.labels)

    def draws(self, index: int, epoch: int) -> tuple[MoveDraw, MoveDraw]:
        """How posture and movement of gait `index` are moved in an epoch of training."""
        rng = np.random.default_rng([self.seed, epoch, index])
        return draw_move(rng), draw_move(rng)

    def load(self, index: int, epoch: int = 0) -> GaitSample:
        """Gait `index` as epoch `epoch` sees it; the arrays are copies."""
        joint, movement, affective, label = (part[index] for part in self.arrays)
        if self.train:
            posture_move, movement_move = self.draws(index, epoch)
            joint, movement = move(joint, posture_move), move(movement, movement_move)
        return GaitSample(joint.copy(), movement.copy(), affective.copy(), int(label))

    def batch(self, indices: Sequence[int], epoch: int = 0) -> GaitSample:
        """Several gaits, stacked along a new first axis; label int64 [n]."""
        samples = (self.load(int(index), epoch) for index in indices)
        posture, movement, affective, label = map(np.stack, zip(*samples, strict=True))
        return GaitSample(posture, movement, affective, label.astype(np.int64))


def read_arrays(folder: Path, split: str) -> GaitArrays:
    """The four arrays of a split, checked. Raises DataError naming the file and the gait."""
    posture, movement = (3, FRAMES, N_JOINTS, 1), (8, FRAMES, N_JOINTS, 1)
    shapes = posture, movement, (FRAMES * N_AFFECTIVE,), ()
    arrays, n = [], None
    for part, shape in zip(PARTS, shapes, strict=True):
        path = folder / f"{split}_{part}.npy"
        array = open_array(path, "a .npy file of numbers", PREPARE)
        wanted = ", ".join(map(str, ("N" if n is None else n, *shape)))
        fits = array.ndim == 1 + len(shape) and array.shape[1:] == shape
        refuse_as("shape of prepared gaits", not fits or len(array) != (n or len(array)), str(path),
                  shape=shown(list(array.shape)), wanted=wanted, cure=PREPARE)  # fmt: skip
        n = len(array)
        refuse(not n, str(path), found="no gait", wanted="one or more", cure=PREPARE)
        if part == "label":
            labels = [poses.check_label(label, str(path), i) for i, label in enumerate(array)]
            arrays.append(np.array(labels, np.int64))
        else:
            bad = ~np.isfinite(array.reshape(n, -1)).all(1)
            refuse_as("prepared gap", bad.any(), f"{path}, gait {bad.argmax()}", cure=PREPARE)
            arrays.append(np.array(array, np.float32))
    empty = ~arrays[0].reshape(n, -1).any(1)
    refuse_as("zeros", empty.any(), f"{folder / f'{split}_joint.npy'}, gait {empty.argmax()}")
    return GaitArrays(*arrays)


def read_names(folder: Path, split: str, count: int) -> list[str]:
    """The names from gait.json, or "gait 0" and so on. Raises DataError if it tells of others."""
    path = folder / SETTINGS
    names = read_table(path).get(split) if path.is_file() else [f"gait {i}" for i in range(count)]
    if not isinstance(names, list) or len(names) != count:
        found = f"{len(names)} names of {split}" if isinstance(names, list) else f"no {split}"
        raise DataError(str(path), found=found, wanted=f"{count} names, as arrays", cure=PREPARE)
    return [plain(name, 200) for name in names]


# --- One recording --------------------------------------------------------------------------------


def read_pose(path: str | Path) -> Recording:
    """One recording: .bvh, or .npy or .csv of [T, 16, 3] or [T, 48].

    A CSV file may have a first line of names. A BVH recording is scaled to metres and turned
    forward (`face_forward`); the others are left as they are. Raises DataError naming the file.
    """
    path = Path(path)
    check_file(path, "a recording", "Check the path.")
    kind = path.suffix.lower()
    refuse_as("ending of poses", kind not in (".bvh", ".npy", ".csv"), str(path), kind=kind)
    if kind == ".bvh":
        recording = read_bvh(path)
        return recording._replace(pose=poses.face_forward(recording.pose))
    cure = "Save it again with numpy.save, not as a pickle."
    pose = _read_csv(path) if kind == ".csv" else open_array(path, "a .npy file of numbers", cure)
    return Recording(poses.check_pose(pose, str(path)), None)


def _read_csv(path: Path) -> np.ndarray:
    rows = []
    wanted, cure = "rows of 48 numbers with commas", "Save the poses again."
    text = read_text(path, wanted, cure, replace=True)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        place, too_long = f"{path}, line {number}", len(line) > LONGEST_LINE
        refuse_as("line of poses", too_long or len(rows) > MOST_FRAMES, place,
                  found=f"{len(line)} characters" if too_long else "one frame more")  # fmt: skip
        try:
            rows.append([float(cell) if cell.strip() else np.nan for cell in line.split(",")])
        except ValueError:
            refuse_as("no 48 numbers", number > 1, place, line=shown(line))
            continue  # names
        refuse_as("rows", len(rows[-1]) != len(rows[0]), place, n=len(rows[-1]), first=len(rows[0]))
    return np.array(rows, dtype=float).reshape(len(rows), -1 if rows else 3 * N_JOINTS)


def recording_frames(recording: Recording, start: float = 0.0) -> np.ndarray:
    """The 48 frames of a recording that the network sees: float64 [48, 16, 3].

    A recording that says its rate is resampled to 30 per second, and read from `start` seconds on;
    others follow the rule of `sample_frames`.
    """
    pose = resample(recording)
    first = round(start * FPS)
    if recording.fps is None:
        refuse_as("start without rate", start, "start", start=start)
        return sample_frames(pose)
    refuse_as("start beyond the end", not 0 <= first <= len(pose) - 2, "start", start=start,
              last=(len(pose) - 2) / FPS)  # fmt: skip
    return sample_frames(pose[first : first + FRAMES])
