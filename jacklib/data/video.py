"""Labelled video clips with sound, in the layout of VideoEmotion-8 (VE8), and batches of them.

    video_path/CLASS/ID/000001.jpg ...   frames at 30 per second
    video_path/CLASS/ID/n_frames         their number as text; 0 means: do not use this clip
    audio_path/CLASS/ID.mp3
    annotation_path                      {"labels": [CLASS, ...], "database": {ID: {"subset":
                                          "training", "annotations": {"label": CLASS}}}}

Ekman-6, ERATO, Aff-Wild2, IEMOCAP and your own videos use the same layout;
`bash script/run.sh prepare SOURCE TARGET` makes it from video files.
Everything here is NumPy: networks and frameworks come later.
"""

import contextlib
import itertools
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from jacklib.core.erasing import frame_pool
from jacklib.data.audio import cten_features, filter_bank_blocks, mfcc, read_audio, tile_frames
from jacklib.data.media import VIDEO_ENDINGS
from jacklib.data.media import open_image as read_frame
from jacklib.data.transforms import TransformDraw, apply_transform, draw_transform, tsn_indices
from jacklib.data.unreadable import Files, Loaded, load_or_leave, nothing_left
from jacklib.errors import DataError, DiskError, check_word, error_of, logger, refuse_as, shown
from jacklib.files import Names, file_name, read_json, read_text, reading

log = logger(__name__)

FRAMES_PER_SECOND = 30  # of the frames on disk
MOST_FRAMES = 24 * 3600 * 240  # of one clip: a day at the highest rate that `prepare` writes
MOST_CLASSES = 1000  # as a checkpoint may list
CACHED = 2**30  # bytes of decoded frames and sound features
MINIMUM_FRAMES = 16  # shorter clips are left out, as the released tools do
PREPARE = "Make it with `bash script/run.sh prepare SOURCE TARGET`."


# --- The data sets --------------------------------------------------------------------------------


class DatasetInfo(NamedTuple):
    """What is known of a data set before its files are read. The annotation file always wins: its
    "labels", in their order, number the classes."""

    labels: list[str]
    positive: list[str]  # the classes that PCCE counts as positive emotions
    annotation: str  # the usual name of the annotation file


_TABLE = yaml.safe_load(Path(__file__).with_name("datasets.yaml").read_text("utf-8"))
DATASETS = {name: DatasetInfo(**about) for name, about in _TABLE.items()}
POSITIVE_NAMES = {name.lower() for info in DATASETS.values() for name in info.positive}


def positive_classes(class_names: list[str] | tuple[str, ...]) -> frozenset[int]:
    """Numbers of the positive classes, found by name whatever their order or capitals."""
    return frozenset(n for n, name in enumerate(class_names) if name.lower() in POSITIVE_NAMES)


# --- The annotation file --------------------------------------------------------------------------


def trainlist_at(path: Path) -> Path | None:
    """The list trainlist01.txt that `path` is, or has in it; None for other annotations."""
    found = sorted(path.glob("trainlist*.txt")) if path.is_dir() else [path]
    return found[0] if found and re.fullmatch(r"trainlist\d*\.txt", found[0].name) else None


def read_lists(trainlist: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    """The classes, and each line's (subset, class, ID), of an annotation in UCF-101's form, which
    the released tools make: trainlist01.txt, and beside it testlist01.txt and classInd.txt. IDs may
    have blanks; where all end as videos do (.avi), that is no part of them. Raises DataError naming
    the line."""
    wanted = "CLASS/ID NUMBER; in classInd.txt NUMBER CLASS, counted from 1"
    texts, rows = [], []
    for name in ("classInd.txt", trainlist.name, trainlist.name.replace("train", "test")):
        file = trainlist.with_name(name)
        text = read_text(file, wanted, "docs/en/dataset.md has all three lists.").splitlines()
        lines = ((f"{file}, line {n}", line.strip()) for n, line in enumerate(text, start=1))
        texts.append([row for row in lines if row[1]])
    labels = [line.partition(" ")[2].strip() for _, line in texts[0]]
    numbers = {label: f" {n}" for n, label in enumerate(labels, start=1)}
    bad = [row for n, row in enumerate(texts[0], start=1) if not row[1].startswith(f"{n} ")]
    for subset, lines in zip(("training", "validation"), texts[1:], strict=True):
        found = [re.fullmatch(r"([^/]+)/([^/]+?)( \d+)?", line) for _, line in lines]
        numbered = all(match and match[3] == numbers.get(match[1]) for match in found)
        for row, match in zip(lines, found, strict=True):
            label, clip, number = match.groups("") if match else ("", "", "")
            right = number == numbers.get(label) or label in numbers and subset == "validation"
            bad += [] if right else [row]
            rows.append((subset, label, clip if numbered else clip + number))
    for where, line in bad:
        raise DataError(where, found=shown(line), wanted=wanted, cure="Correct the line.")
    if all(Path(clip).suffix.lower() in VIDEO_ENDINGS for _, _, clip in rows):
        rows = [(subset, label, Path(clip).stem) for subset, label, clip in rows]
    return labels, rows


def listed(path: str | Path) -> list[tuple[str, str]]:
    """(ID, subset) of each entry of what `read_annotation` reads, also of those whose ID a later
    entry has again."""
    if lists := trainlist_at(Path(path)):
        return [(clip, subset) for subset, _, clip in read_lists(lists)[1]]
    text = read_text(path, "an annotation file", PREPARE)
    with reading(path, "entries with a subset", "Correct the file."):
        table = dict(json.loads(text, object_pairs_hook=list))
        return [(clip, dict(entry)["subset"]) for clip, entry in table["database"]]


def read_annotation(path: str | Path) -> dict:
    """Read and check an annotation file in VE8's layout, or `read_lists`; DataError names what is
    wrong in it. Of two entries with the same ID the last counts, as in the released tools."""
    path = Path(path)
    cure = "The layout is at the top of jacklib/data/video.py."
    wanted = '{"labels": [...], "database": {ID: {"subset": ..., "annotations": {"label": ...}}}}'
    refuse_as("no annotation file", not path.exists(), path, cure=PREPARE)

    def wrong(found: str) -> DataError:
        return DataError(path, found=found, wanted=wanted, cure=cure)

    if lists := trainlist_at(path):
        labels, rows = read_lists(lists)
        about = {i: {"subset": s, "annotations": {"label": label}} for s, label, i in rows}
        annotation = {"labels": labels, "database": about}
    else:
        annotation = read_json(path, wanted, cure)
    for key, kind in (("labels", list), ("database", dict)):
        if not isinstance(annotation, dict) or key not in annotation:
            raise wrong(f"no key {key!r}")
        if not isinstance(annotation[key], kind):
            raise wrong(f"{key!r} that is no {'list' if kind is list else 'table'}")
    labels = annotation["labels"]
    if not labels or not all(isinstance(label, str) for label in labels):
        raise wrong(f"labels {shown(labels)}, not a list of names")
    if len(labels) > MOST_CLASSES:
        raise wrong(f"{len(labels)} labels, more than {MOST_CLASSES}")
    for label in labels:
        file_name(label, path)  # the folders of the classes
    if len(set(labels)) != len(labels):
        raise wrong(f"labels with a name twice: {shown(labels)}")
    known = Names(labels)
    for clip_id, entry in annotation["database"].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("subset"), str):
            raise wrong(f"no 'subset' for {shown(clip_id)}")
        if not isinstance(entry.get("annotations"), dict) or "label" not in entry["annotations"]:
            raise wrong(f"no 'annotations' with a 'label' for {shown(clip_id)}")
        about = entry["annotations"]
        label = about["label"]
        about["label"] = known.find(label) if isinstance(label, str) else None
        if about["label"] is None:
            raise error_of("unlisted class", path, label=shown(label), clip=shown(clip_id),
                           labels=", ".join(labels))  # fmt: skip
        # The planted event of a rendered clip.
        event = [about[name] for name in ("event_start", "event_end") if name in about]
        frames = [number for number in event if type(number) in (int, float)]
        if event and not (len(frames) == 2 and 0 <= frames[0] < frames[1] <= MOST_FRAMES):
            raise error_of("event of a clip", path, event=shown(event), clip=shown(clip_id))
    return annotation


# --- Clips ----------------------------------------------------------------------------------------


class ClipItem(NamedTuple):
    """One labelled clip, as found on disk."""

    id: str
    label: int
    label_name: str
    frame_folder: Path
    n_frames: int
    audio_file: Path | None
    annotation: dict  # everything the annotation file says of it besides the label


Pictures = dict[int, np.ndarray]  # decoded frames, uint8 [H, W, 3], by their number from 0


class Sample(NamedTuple):
    """One clip, loaded."""

    visual: np.ndarray  # float32 [S, 3, D, H, W], RGB, 0..255
    audio: np.ndarray | None  # float32 [audio_frames, coefficients]; None without audio_path
    label: int
    id: str
    frame_indices: np.ndarray  # int64 [S, D], from 0
    draw: TransformDraw  # what was done to every frame
    pictures: Pictures | None = None  # the decoded frames by number, with keep_pictures


def frame_file(folder: Path, index: int) -> Path:
    """The file of frame `index` (from 0; the files are numbered from 1)."""
    return folder / f"{index + 1:06d}.jpg"


class SamplePaths(NamedTuple):
    """Where clips lie: see the top of this file. video_path may be several folders: a clip's frames
    are taken from the first that has them. audio_path=None reads no sound, for networks that only
    look."""

    video_path: str | Path | Sequence[str | Path]
    audio_path: str | Path | None
    annotation_path: str | Path


@dataclass(frozen=True)
class Cut:
    """What is taken from a clip as a network's visual and audio input.

    seq_len, snippet_duration: segments of a clip, and frames taken from each.
    sample_size: side of the square frames.
    fps: frames used per second; of the 30 stored, every (30 // fps)th.
    sound: "mfcc", VAANet's: `audio_frames` frames of `n_mfcc` coefficients, repeated or cut to
        that length; "filter_bank", CTEN's: `audio_segments` blocks, `audio_frames` in all, of 128
        log mel energies, taken at random places when frames are (see `filter_bank_blocks`).

    Raises DataError if a number is out of its range.
    """

    seq_len: int = 12
    snippet_duration: int = 16
    sample_size: int = 112
    fps: int = 30
    sound: str = "mfcc"
    audio_frames: int = 4096
    n_mfcc: int = 32
    audio_segments: int = 16

    def __post_init__(self):
        for name, value in vars(self).items():
            low = name not in ("fps", "sound") and value < 1
            refuse_as("too low", low, name, value=value, least=1)
        refuse_as("frames per second", not 1 <= self.fps <= FRAMES_PER_SECOND, "fps", fps=self.fps)
        cure = "VAANet hears 'mfcc', CTEN 'filter_bank'."
        check_word("sound", self.sound, ("mfcc", "filter_bank"), cure)


class VideoClips(Files):
    """The clips of one subset, "training" or "validation".

    cut, sizes: what is taken of a clip; sizes are fields of `Cut` by name, such as sample_size=64.
    train: random frames, crops and augmentation, new in each epoch.
    evaluation: without `train`, "centre" (no chance at all) or "released" (random frames and
        crops, as the released test scripts, whose numbers therefore change from run to run).
    seed: of every random choice. A choice depends on (seed, epoch, index) alone, never on the
        order of loading or the number of threads.
    cache: keep decoded frames and sound features in memory, up to CACHED bytes. The result is the
        same; only later epochs are faster.
    keep_pictures: samples carry their decoded frames, so that `resample` need not read them again.

    .class_names, .items, .positive (class numbers), .skipped (id, reason) for clips that are too
    short or badly named, .unreadable. Clips are left out where their folder, first or last frame or
    sound is missing; what the files hold is seen when they are loaded (see `batches`).
    """

    def __init__(
        self, paths: SamplePaths, subset: str, cut: Cut = Cut(), *, train: bool = False,
        evaluation: str = "centre", seed: int = 0, cache: bool = False, keep_pictures: bool = False,
        **sizes: Any,
    ):  # fmt: skip
        super().__init__()
        self.cut = replace(cut, **sizes)
        check_word("evaluation", evaluation, ("centre", "released"), "'centre' is repeatable.")
        self.keep_pictures, self.subset = keep_pictures, subset
        self.train, self.evaluation, self.seed = train, evaluation, seed

        video_path, audio_path, annotation_path = paths
        annotation = read_annotation(annotation_path)
        self.class_names: list[str] = list(annotation["labels"])
        self.positive = positive_classes(self.class_names)
        self._skipped: dict[str, DataError] = {}
        single = isinstance(video_path, (str, Path))
        folders = [Path(folder) for folder in ([video_path] if single else video_path)]
        self._find_items(annotation, folders, audio_path, Path(annotation_path))
        self._cache = _Cache(CACHED if cache else 0)

    @property
    def skipped(self) -> list[tuple[str, str]]:
        return [(name, str(error)) for name, error in self._skipped.items()]

    @property
    def errors(self) -> list[Exception]:
        return [*self._skipped.values(), *super().errors]

    def _find_items(
        self, annotation: dict, video_paths: list[Path], audio_path, annotation_path
    ) -> None:
        database = annotation["database"]
        chosen = {i: entry for i, entry in database.items() if entry["subset"] == self.subset}
        if not chosen:
            subsets = sorted({entry["subset"] for entry in database.values()})[:10]
            raise error_of("no clip of subset", annotation_path, subset=self.subset,
                           subsets=", ".join(subsets) or "none, it lists no clip")  # fmt: skip
        for path, kind in [(path, "frame") for path in video_paths] + [(audio_path, "sound")]:
            missing = path is not None and not Path(path).is_dir()
            refuse_as("no clips' folder", missing, path, kind=kind, cure=PREPARE)
        sounds = None if audio_path is None else Path(audio_path)
        for clip_id, entry in chosen.items():
            label_name = entry["annotations"]["label"]
            try:
                file_name(clip_id, annotation_path)
            except DataError as error:
                self._skipped[clip_id] = error
                continue
            places = [path / label_name / clip_id for path in video_paths]
            audio_file = sounds and sounds / label_name / f"{clip_id}.mp3"
            try:
                folder = next(filter(Path.is_dir, places), places[0])
                n_frames = count_frames(folder)
                if n_frames < MINIMUM_FRAMES:
                    self._skipped[clip_id] = error_of("short clip", folder, n=n_frames)
                    continue
                for file in (audio_file, frame_file(folder, 0), frame_file(folder, n_frames - 1)):
                    refuse_as("no file of a clip", file and not file.is_file(), file, cure=PREPARE)
            except (DataError, OSError) as error:
                own = DiskError(error) if isinstance(error, OSError) else error
                self._unreadable[clip_id] = own
                continue
            extra = {k: v for k, v in entry["annotations"].items() if k != "label"}
            label = self.class_names.index(label_name)
            item = ClipItem(clip_id, label, label_name, folder, n_frames, audio_file, extra)
            self.items.append(item)
        if not self.items:
            raise error_of("no usable clip", ", ".join(map(str, video_paths)), n=len(chosen),
                           subset=self.subset, prepare=PREPARE, error=self.errors[0])  # fmt: skip
        for error in self.errors:
            log.warning("left out: %s", error)

    def load(self, index: int, epoch: int = 0) -> Sample:
        """Load clip `index` as epoch `epoch` sees it; see Sample for shapes. Raises DataError
        naming the file if a frame or the sound is missing or damaged."""
        pictures: Pictures | None = {} if self.keep_pictures else None
        return self._seen(index, None, self._random(index, epoch), self.train, pictures, True)

    def resample(
        self, index: int, kept: np.ndarray, *, number: int, epoch: int = 0,
        pictures: Pictures | None = None, sound: bool = False,
    ) -> Sample:  # fmt: skip
        """Clip `index` again, with frames of its kept segments only: a later pass of CTEN.

        kept: bool [S], see `jacklib.core.erasing`. number: which pass, for its own random draws. In
        training, and with evaluation="released", those have a crop and, as the released code has it
        in both, an augmentation of their own. pictures: decoded frames of the clip, which are not
        read again; new ones are added. sound: whether it is loaded, too, of the kept segments only
        (section 3.3: those that are left form a new video); else it stays what it was.
        """
        return self._seen(index, kept, self._random(index, epoch, number), True, pictures, sound)

    def _seen(self, index: int, kept: np.ndarray | None, rng, augment, pictures, sound) -> Sample:
        """A clip, or its kept segments alone, as a generator's draws have it."""
        item, step = self.items[index], FRAMES_PER_SECOND // self.cut.fps
        used = len(range(0, item.n_frames, step))
        pool = np.arange(used) if kept is None else frame_pool(kept, used)
        taken = tsn_indices(len(pool), self.cut.seq_len, self.cut.snippet_duration, rng)
        indices, draw = step * pool[taken], draw_transform(rng, augment=augment)
        visual = self.load_frames(index, indices, draw, pictures)
        audio = self.load_audio(index, rng, kept) if sound else None
        return Sample(visual, audio, item.label, item.id, indices, draw, pictures)

    def _random(self, index: int, epoch: int, *rest: int) -> np.random.Generator | None:
        """The generator of a clip's draws in one epoch, or None where nothing is left to chance."""
        if not (self.train or self.evaluation == "released"):
            return None
        index = range(len(self.items))[index]  # -1 is the last clip, and draws as it does
        return np.random.default_rng([self.seed, epoch, index, *rest])

    def load_frames(
        self, index: int, indices: np.ndarray, draw: TransformDraw, pictures: Pictures | None = None
    ) -> np.ndarray:
        """Frames `indices` [S, D] (from 0) of clip `index`, transformed: float32 [S, 3, D, H, W].
        pictures: decoded frames of the clip that are at hand; those read now are added to it."""
        indices = np.asarray(indices)
        size = self.cut.sample_size
        # A short clip shows the same frame several times: read and transform it once.
        needed, places = np.unique(indices, return_inverse=True)
        folder = self.items[index].frame_folder
        squares = np.empty((len(needed), size, size, 3), np.uint8)
        for place, frame in enumerate(needed.tolist()):
            picture = None if pictures is None else pictures.get(frame)
            if picture is None:
                picture = self._cache.get(frame_file(folder, frame), read_frame)
                if pictures is not None:
                    pictures[frame] = picture
            squares[place] = apply_transform(picture[None], draw, size)[0]
        snippets = squares[places.reshape(indices.shape)]  # [S, D, H, W, 3]
        return np.ascontiguousarray(snippets.transpose(0, 4, 1, 2, 3), dtype=np.float32)

    def load_audio(
        self, index: int, rng: np.random.Generator | None = None, kept: np.ndarray | None = None
    ) -> np.ndarray | None:
        """What is heard of clip `index`: float32 [audio_frames, n_mfcc or 128], or None without
        audio_path. rng: where CTEN's blocks are taken, from the middle without it. kept: bool [S],
        the only segments heard. How, the paper leaves open: here joined, a sound of their own."""
        path, cut = self.items[index].audio_file, self.cut
        if path is None:
            return None
        if cut.sound == "mfcc":
            features = self._cache.get(path, lambda file: mfcc(read_audio(file), n_mfcc=cut.n_mfcc))
            return tile_frames(features, cut.audio_frames)
        features = self._cache.get(path, cten_features)
        time = cut.audio_frames // cut.audio_segments
        if kept is not None:
            if len(features) < cut.audio_frames:  # repeated, as pass 1 hears it
                features = tile_frames(features, cut.audio_frames)
            features = features[frame_pool(kept, len(features))]
        return filter_bank_blocks(features, cut.audio_segments, time, rng)


def count_frames(folder: Path) -> int:
    """The number in the folder's `n_frames`, or the number of its jpg files without one."""
    refuse_as("no frames of a clip", not folder.is_dir(), folder, prepare=PREPARE)
    path = folder / "n_frames"
    if not path.is_file():
        return len([name for name in folder.glob("*.jpg") if not name.name.startswith(".")])
    wanted = "the number of frames"
    cure = "Delete it (the frames are counted then) or prepare the video again."
    text = read_text(path, wanted, cure, largest=1000).strip()
    try:
        count = int(float(text))
    except (ValueError, OverflowError):
        count = -1
    refuse_as("frames told", not 0 <= count <= MOST_FRAMES, path, found=shown(text), wanted=wanted,
              cure=cure)  # fmt: skip
    return count


class _Cache:
    """Arrays by file, until they fill `limit` bytes; threads may share it."""

    def __init__(self, limit: int):
        self.limit, self.used = limit, 0
        self.arrays: dict[Path, np.ndarray] = {}
        self.lock = threading.Lock()

    def get(self, path: Path, read: Callable[[Path], np.ndarray]) -> np.ndarray:
        """What `read` makes of the file, now or earlier."""
        array = self.arrays.get(path)
        if array is None:
            array = read(path)
            with self.lock:
                if path not in self.arrays and self.used + array.nbytes <= self.limit:
                    self.arrays[path] = array
                    self.used += array.nbytes
        return array


# --- Batches --------------------------------------------------------------------------------------


class Batch(NamedTuple):
    """Samples stacked along a first axis B."""

    visual: np.ndarray  # float32 [B, S, 3, D, H, W]
    audio: np.ndarray | None  # float32 [B, audio_frames, coefficients]
    label: np.ndarray  # int32 [B]
    ids: list[str]
    indices: np.ndarray  # int64 [B], places in the data set
    epoch: int = 0
    pictures: list[Pictures] | None = None  # the samples' decoded frames, with keep_pictures


def number_of_batches(dataset, batch_size: int) -> int:
    """How many batches an epoch has."""
    return -(-len(dataset) // batch_size)


def batches(
    dataset, *, batch_size: int, shuffle: bool = False, seed: int = 0, epoch: int = 0,
    threads: int = 2, start: int = 0,
    part: Callable[[np.ndarray], np.ndarray] | None = None, replace: bool = False,
) -> Iterator[Batch]:  # fmt: skip
    """One epoch in batches, loaded ahead by `threads` threads (0: in the caller's own).

    dataset: VideoClips, or what has its `__len__`, `load(index, epoch) -> Sample` and `not_read`.
    start: number of batches to leave out at the beginning, without loading them: the rest of an
        interrupted epoch is exactly what it would have been.
    part: which of a batch's indices to load, where other processes load the others.
    replace: what becomes of a clip that cannot be read. For training the next in the data set's
        order that can takes its place: batches keep their size, and which clips they hold depends
        on the files alone, so that a resumed run has the same. Without it the clip is left out.

    The order comes from (seed, epoch); content and order do not depend on `threads`. At most
    max(threads + 2, batch_size) samples wait beside the batch being put together. An exception
    while loading, and a DataError where not one clip can be read, is raised here, when the batch is
    due. When the caller stops early, loading stops and the threads end.
    """
    for name, value, lowest in (("batch_size", batch_size, 1), ("threads", threads, 0)):
        refuse_as("too low", value < lowest, name, value=value, least=lowest)
    count = number_of_batches(dataset, batch_size)
    refuse_as("start", not 0 <= start <= count, "start", start=start, count=count, size=batch_size)
    order = np.arange(len(dataset))
    if shuffle:
        order = np.random.default_rng([seed, epoch]).permutation(order)
    groups = [order[b * batch_size : (b + 1) * batch_size] for b in range(start, count)]
    if part is not None:
        groups = [part(group) for group in groups]
    load = partial(load_or_leave, dataset, epoch=epoch, replace=replace)
    return _load_groups(load, groups, epoch, threads, max(threads + 2, batch_size))


def _load_groups(load, groups, epoch: int, threads: int, ahead: int) -> Iterator[Batch]:
    upcoming = [int(index) for group in groups for index in group]
    given, failed = False, None
    with contextlib.closing(_in_order(load, upcoming, threads, ahead)) as results:
        for group in groups:
            loaded = [next(results) for _ in group]
            failed = failed or next((one.error for one in loaded if one.error), None)
            batch = _collate([one for one in loaded if not one.error], epoch)
            loaded.clear()  # the caller may keep the batch for long; its parts need not stay too
            if batch is not None:
                given = True
                yield batch
            del batch
    if failed and not given:
        raise nothing_left(failed)


def _in_order(load, indices: list[int], threads: int, ahead: int) -> Iterator[Loaded]:
    if threads == 0:
        yield from map(load, indices)
        return
    upcoming = iter(indices)
    waiting: deque[Future] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="jacklib-load")

    def fill() -> None:
        more = itertools.islice(upcoming, ahead - len(waiting))
        waiting.extend(pool.submit(load, index) for index in more)

    try:
        fill()
        while waiting:
            result = [waiting.popleft().result()]
            fill()
            yield result.pop()  # nothing of it stays here
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collate(loaded: Sequence[Loaded], epoch: int) -> Batch | None:
    if not loaded:
        return None
    samples = [one.sample for one in loaded]
    audio, pictures = [s.audio for s in samples], [s.pictures for s in samples]
    return Batch(
        np.stack([s.visual for s in samples]), None if audio[0] is None else np.stack(audio),
        np.array([s.label for s in samples], np.int32), [s.id for s in samples],
        np.array([one.index for one in loaded]), epoch, None if pictures[0] is None else pictures,
    )  # fmt: skip
