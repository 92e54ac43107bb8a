"""Untrimmed videos with single annotated moments, in the layout of TSL-300.

    root/split_train.txt, split_test.txt     IDs, one per line
    root/gt.json                             {"database": {ID: {"subset": "test", "annotations":
                                             [{"segment": ["18.44", "31.2"], "label": "p"}]}}}, in
                                             seconds; TSL-300 leaves the training videos' empty
    root/fps_dict.json, time.json            {ID: frames per second}, {ID: seconds}
    root/features/{train,test}/rgb/ID.npy      [T, 1024], I3D's numbers for every 16 frames
    root/features/{train,test}/logmfcc/ID.npy  [32 T or so, 60], log-mel frames
    root/point_gaussian/train/*.txt          one file an annotator: class,class_index,start_frame,
                                             stop_frame,video_id,point (frames)
    root/point_gaussian/point_labels.csv     one choice among them, in the same form

Everything here is NumPy.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jacklib import files
from jacklib.core.metrics import MOST_SEGMENTS, times
from jacklib.core.shapes import LOGMEL_BINS, LOGMEL_FRAMES, check_modality
from jacklib.data.media import LONGEST, VIDEO_ENDINGS, natural_order
from jacklib.data.tsl_features import CLIP_FRAMES, RGB_SIZE, check_fps
from jacklib.data.unreadable import Files, nothing_left
from jacklib.errors import DataError, check_word, error_of, logger, refuse, refuse_as, shown

log = logger(__name__)

CLASSES = ("n", "p")  # negative, positive
SUBSETS = ("train", "test")
POINT_FIELDS = "class,class_index,start_frame,stop_frame,video_id,point"
CLASS_SCORE, OTHER_SCORE = 0.9, 0.1  # of an annotated clip: its class, and the others
MOST_VIDEOS, MOST_POINTS = 100_000, 1_000_000
LAYOUT = "docs/en/dataset.md has TSL-300's layout."


class Point(NamedTuple):
    """One moment that an annotator has marked."""

    label: str
    frame: int


class Segment(NamedTuple):
    """One stretch of a video, in seconds."""

    label: str
    start: float
    end: float


class UntrimmedItem(NamedTuple):
    """One video, as the files describe it."""

    id: str
    rgb_file: Path | None
    logmel_file: Path | None
    fps: float
    points: tuple[Point, ...]  # empty for test videos
    truth: tuple[Segment, ...]  # empty for TSL-300's training videos


class UntrimmedSample(NamedTuple):
    """One video of T clips, loaded; what a modality does not use is None."""

    id: str
    rgb: np.ndarray | None  # float32 [T, 1024]
    logmel: np.ndarray | None  # float32 [T, 32, 60], (x + 50) / 80
    labels: np.ndarray  # float32 [C], 1 for the classes that occur
    label_distribution: np.ndarray  # float32 [C], fraction of the points per class; 0 without any
    points: np.ndarray  # float32 [T, C], 0.9 and 0.1 at annotated clips, elsewhere 0
    fps: float

    @property
    def n_clips(self) -> int:
        return len(self.points)

    @property
    def seconds(self) -> float:
        """How much of the video its clips cover."""
        return self.n_clips * CLIP_FRAMES / self.fps


class UntrimmedVideos(Files):
    """The videos of one subset.

    root: the folder. subset: "train" or "test". modality: "all", "rgb" or "logmfcc".
    points: "mixed": each training video's points are those of one annotator, drawn at random, as
        the released code does. With the annotators' files in the order point_anno_1, _0, _2 and
        seed 123 it is TSL-300's own point_labels.csv, line by line. "file": point_labels.csv.
    seed: of that draw.

    .items, .class_names, .lengths (clips of each video, by ID), .unreadable. Tables are checked now
    and refused with a DataError that names the file and the field. Features are looked for, and
    their shapes and the points on them checked: a video of which these are wrong is left out.
    Whether features are numbers is seen when they are loaded.
    """

    kind = "video"

    def __init__(
        self, root: str | Path, subset: str, *, modality: str = "all", points: str = "mixed",
        seed: int = 0,
    ):  # fmt: skip
        super().__init__()
        check_modality(modality)
        check_word("subset", subset, SUBSETS)
        check_word("points", points, ("mixed", "file"))
        self.root, self.subset, self.modality = Path(root), subset, modality
        self.class_names = CLASSES
        refuse_as("no TSL-300", not self.root.is_dir(), root, layout=LAYOUT)
        ids = read_split(self.root / f"split_{subset}.txt")
        self.truth_file, fps_file = self.root / "gt.json", self.root / "fps_dict.json"
        truth = read_ground_truth(self.truth_file)
        fps = files.read_table(fps_file, needed=True, cure=LAYOUT)
        names = files.Names(fps)  # as `TSL features` took them from the videos
        ids = list(dict.fromkeys(names.find(i, VIDEO_ENDINGS) or i for i in ids))
        truth, fps = named(truth, ids), named(fps, ids)
        marks = self._points(points, seed, ids) if subset == "train" else {}
        rates = {i: check_fps(fps_file, fps.get(i), i) for i in ids}
        segments = {i: segments_of(self.truth_file, truth, i) for i in ids}
        self.lengths: dict[str, int] = {}
        self._cache: dict[str, UntrimmedSample] = {}
        for i in ids:
            try:
                rgb = None if modality == "logmfcc" else self._feature("rgb", i)
                logmel = None if modality == "rgb" else self._feature("logmfcc", i)
                item = UntrimmedItem(i, rgb, logmel, rates[i], marks.get(i, ()), segments[i])
                self.lengths[i] = self._length(item)
                self.items.append(item)
            except DataError as error:
                self._unreadable[i] = error
        if not self.items:
            raise nothing_left(self.errors[0])
        for error in self.errors:
            log.warning("left out: %s", error)

    def _feature(self, kind: str, video: str) -> Path:
        path = self.root / "features" / self.subset / kind / f"{video}.npy"
        refuse_as("no features of a video", not path.is_file(), path, kind=kind, video=video,
                  subset=self.subset)  # fmt: skip
        return path

    def _points(self, points: str, seed: int, ids: Sequence[str]) -> dict[str, tuple[Point, ...]]:
        if points == "file":
            file = self.root / "point_gaussian" / "point_labels.csv"
            marks = read_points(file)
        else:
            file = self.root / "point_gaussian" / "train"
            marks = mix_annotators(sorted(file.glob("*.txt")), seed, file)
        marks = named(marks, ids)
        missing = [video for video in ids if video not in marks]
        if missing:
            raise error_of("no points", file, video=shown(missing[0]))
        return marks

    def _length(self, item: UntrimmedItem) -> int:
        """A video's clips, from the heads of its files; its points are checked against them."""
        clips = []
        for kind, file in (("rgb", item.rgb_file), ("logmfcc", item.logmel_file)):
            if file is not None:
                clips.append(_clips_of(file, files.open_array(file, NUMBERS, ANEW), kind))
        if len(clips) == 2:
            check_lengths(*clips, str(item.rgb_file), str(item.logmel_file))
        T = min(clips)
        outside = [frame for _, frame in item.points if not 0 <= frame // CLIP_FRAMES < T]
        if outside:
            raise error_of("late point", f"{self.root / 'point_gaussian'}, video {shown(item.id)}",
                           frame=shown(outside[0]), last=T * CLIP_FRAMES - 1, clips=T)  # fmt: skip
        return T

    def load(self, index: int, epoch: int = 0) -> UntrimmedSample:
        """The features and labels of video `index`; every epoch sees the same. Raises DataError
        naming the file if features are no numbers."""
        item = self.items[index]
        if item.id in self._cache:
            return self._cache[item.id]
        rgb = None if item.rgb_file is None else read_rgb(item.rgb_file)
        logmel = None if item.logmel_file is None else read_logmel(item.logmel_file)
        rgb, logmel = same_length(rgb, logmel, str(item.rgb_file), str(item.logmel_file))
        T = len(logmel if rgb is None else rgb)
        points, count = np.zeros((T, len(CLASSES)), np.float32), np.zeros(len(CLASSES), np.float32)
        for label, frame in item.points:
            c = CLASSES.index(label)
            points[frame // CLIP_FRAMES] = OTHER_SCORE
            points[frame // CLIP_FRAMES, c] = CLASS_SCORE
            count[c] += 1
        occurs = {mark.label for mark in item.points or item.truth}
        labels = np.array([label in occurs for label in CLASSES], np.float32)
        shares = count / max(count.sum(), 1)
        sample = UntrimmedSample(item.id, rgb, logmel, labels, shares, points, item.fps)
        self._cache[item.id] = sample
        return sample

    def ground_truth(self) -> dict:
        """The segments of this subset, {ID: segments}, for `metrics.detection_metrics`."""
        return {item.id: item.truth for item in self.items}


class ScoredVideos(UntrimmedVideos):
    """The test videos without their features, for scores that are stored."""

    def _feature(self, kind: str, video: str) -> None:
        return None

    def _length(self, item: UntrimmedItem) -> int:
        return 0


# --- Features -------------------------------------------------------------------------------------


def read_rgb(path: str | Path) -> np.ndarray:
    """Image features: float32 [T, 1024]. Raises DataError naming the file."""
    features = files.open_array(path, NUMBERS, ANEW)
    _clips_of(path, features, "rgb")
    return _finite(path, features)


def read_logmel(path: str | Path) -> np.ndarray:
    """Sound features: float32 [T, 32, 60], see `scaled`. Raises DataError naming the file."""
    features = files.open_array(path, NUMBERS, ANEW)
    _clips_of(path, features, "logmfcc")
    return scaled(_finite(path, features))


def scaled(frames: np.ndarray) -> np.ndarray:
    """Log-mel frames as the released code scales them: [T, 32, 60]. Those that do not fill a clip
    are left off."""
    T = len(frames) // LOGMEL_FRAMES
    return (frames[: T * LOGMEL_FRAMES].reshape(T, LOGMEL_FRAMES, LOGMEL_BINS) + 50) / 80


def _clips_of(path: str | Path, features: np.ndarray, kind: str) -> int:
    """How many clips features are of. Raises DataError naming the file if they are not `kind`."""
    width, rows = (RGB_SIZE, 1) if kind == "rgb" else (LOGMEL_BINS, LOGMEL_FRAMES)
    shape = features.shape
    refuse_as("shape of features", len(shape) != 2 or shape[1] != width or shape[0] < rows, path,
              shape=list(shape), width=width, rows=rows, frames=CLIP_FRAMES, kind=kind)  # fmt: skip
    return shape[0] // rows


def check_lengths(rgb: int, logmel: int, rgb_name: str, logmel_name: str) -> None:
    """Raise DataError if numbers of clips differ by more than 4 and more than one in twenty."""
    refuse_as("picture and sound apart", abs(rgb - logmel) > max(4, 0.05 * max(rgb, logmel)),
              f"{rgb_name} and {logmel_name}", rgb=rgb, logmel=logmel)  # fmt: skip


def same_length(
    rgb: np.ndarray | None, logmel: np.ndarray | None, rgb_name: str, logmel_name: str
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Both with the clips that both have: the longer is cut, as in the released code; one that is
    None stays so. Raises DataError as `check_lengths`."""
    if rgb is None or logmel is None:
        return rgb, logmel
    check_lengths(len(rgb), len(logmel), rgb_name, logmel_name)
    short = min(len(rgb), len(logmel))
    return rgb[:short], logmel[:short]


NUMBERS = "a .npy file of numbers"
ANEW = "Make it anew with `bash script/run.sh TSL features`."


def _finite(path: str | Path, array: np.ndarray) -> np.ndarray:
    """float32 in memory."""
    with np.errstate(over="ignore"):
        features = np.array(array, dtype=np.float32)
    wrong = ~np.isfinite(features)
    if wrong.any():
        place = np.argwhere(wrong)[0].tolist()
        raise error_of("infinite features", path, n=wrong.sum(), place=place, cure=ANEW)
    return features


# --- Tables ---------------------------------------------------------------------------------------


def read_split(path: Path) -> list[str]:
    """The IDs of a split file, each of which may be a file's name. Raises DataError, naming the
    line, if there are none, or one is there twice."""
    text = files.read_text(path, "video IDs, one per line", LAYOUT)
    ids: dict[str, None] = {}
    for number, video in enumerate(map(str.strip, text.splitlines()), start=1):
        if video:
            where = f"{path}, line {number}"
            refuse_as("ids", files.file_name(video, where) in ids or len(ids) >= MOST_VIDEOS, where,
                      found=f"{shown(video)} twice" if video in ids else "one more ID")  # fmt: skip
            ids[video] = None
    refuse(not ids, path, found="no ID", wanted="video IDs, one per line", cure="Correct the file.")
    return list(ids)


def read_ground_truth(path: Path) -> dict[str, dict]:
    """What "database" of an ActivityNet file holds. Raises DataError naming the file."""
    content = files.read_table(path, needed=True, cure=LAYOUT)
    refuse_as("no database", not isinstance(content.get("database"), dict), path, layout=LAYOUT)
    return content["database"]


def named(table: dict[str, Any], ids: Sequence[str]) -> dict[str, Any]:
    """A table's entries by ID, which may be spelled otherwise there, or end as a video does."""
    names = files.Names(set(ids).difference(table))
    return {names.find(name, VIDEO_ENDINGS) or name: entry for name, entry in table.items()}


def segments_of(path: Path, database: dict, video: str) -> tuple[Segment, ...]:
    """One video's segments in what `read_ground_truth` gives. Raises DataError naming the video."""
    where = f"{path}, {shown(video)}"
    refuse_as("video not in table", video not in database, path, video=shown(video))
    entry = database[video]
    annotations = entry.get("annotations") if isinstance(entry, dict) else None
    if not isinstance(annotations, list) or len(annotations) > MOST_SEGMENTS:
        raise error_of("no segments", where, entry=shown(entry), most=MOST_SEGMENTS)
    found = []
    for annotation in annotations:
        with files.reading(
            where, '{"segment": [start, end], "label": "n" or "p"}, 0 <= start < end <= 86400 (s)',
            "Correct the entry.", shown(annotation),
        ):  # fmt: skip
            label, (start, end) = annotation["label"], times(annotation["segment"])
            if label not in CLASSES or not 0 <= start < end <= LONGEST:
                raise ValueError("a label or times that cannot be")
            found.append(Segment(label, start, end))
    return tuple(found)


def read_points(path: Path) -> dict[str, tuple[Point, ...]]:
    """Points by video, in the file's order. Raises DataError naming file and line."""
    text = files.read_text(path, POINT_FIELDS, LAYOUT)
    marks: dict[str, list[Point]] = {}
    with files.reading(path, POINT_FIELDS, "Correct the file.", "no table"):
        fields = POINT_FIELDS.split(",")
        for number, row in files.csv_rows(text, fields, lambda row: row.get("class") in CLASSES)[1]:
            where = f"{path}, line {number}"
            refuse_as("too many points", number > MOST_POINTS, where, most_points=MOST_POINTS)
            with files.reading(
                where, f"{POINT_FIELDS}, with class n (0) or p (1)", "Correct the line.",
                repr(",".join(str(value)[:80] for value in list(row.values())[:10])),
            ):  # fmt: skip
                point = Point(row["class"], int(row["point"]))
                if CLASSES.index(point.label) != int(row["class_index"]):
                    raise ValueError("class and class_index differ")
                marks.setdefault(files.file_name(row["video_id"], where), []).append(point)
    return {video: tuple(points) for video, points in marks.items()}


def read_annotators(root: str | Path) -> dict[str, dict[str, list[tuple[str, float]]]]:
    """Every annotator's points of a folder in this layout: {ID: {annotator: [(label, seconds)]}}.

    An annotator is known by the name of the file in point_gaussian/train, and has an empty list for
    a video without points of theirs. Raises DataError naming the file."""
    folder, rates = Path(root) / "point_gaussian" / "train", Path(root) / "fps_dict.json"
    tables = {file.stem: read_points(file) for file in sorted(folder.glob("*.txt"))}
    refuse_as("no annotators", not tables, folder, layout=LAYOUT)
    fps = files.read_table(rates, needed=True, cure=LAYOUT)
    found = {}
    for video in sorted(set().union(*tables.values()), key=natural_order):
        rate = check_fps(rates, fps.get(video), video)
        found[video] = {
            name: [(point.label, point.frame / rate) for point in marks.get(video, ())]
            for name, marks in tables.items()
        }
    return found


def mix_annotators(
    tables: Sequence[Path], seed: int, folder: str | Path = "annotators' files"
) -> dict[str, tuple[Point, ...]]:
    """Each video's points from one of the annotators' files, drawn as the released code draws.

    That is Python's own generator, seeded with `seed`, over the videos in natural order (2 before
    10), with two draws for each of which the second is always 0. Raises DataError if there are
    no files, or the drawn one does not have the video.
    """
    annotators = [read_points(file) for file in tables]
    refuse_as("no annotators", not annotators, folder, layout=LAYOUT)
    rng, mixed = random.Random(seed), {}
    for video in sorted(set().union(*annotators), key=natural_order):
        chosen = rng.randint(0, len(annotators) - 1)
        rng.randint(0, 0)
        if video not in annotators[chosen]:
            raise error_of("video without points", tables[chosen], video=shown(video))
        mixed[video] = annotators[chosen][video]
    return mixed


def write_results(path: Path, results: dict[str, list], details: str) -> Path:
    """Segments of videos as an ActivityNet file, whole or not at all; returns its path. results:
    {ID: what `metrics.localize` gives}. details: what the features are."""
    rows = {
        video: [{"label": label, "score": s, "segment": times} for label, s, *times in found]
        for video, found in results.items()
    }
    external = {"used": True, "details": details}
    content = {"version": "VERSION 1.3", "results": rows, "external_data": external}
    return files.write_json(path, content)
