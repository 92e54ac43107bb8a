"""A data set looked at before a day of training: `bash script/run.sh verify METHOD`.

The loaders tell what training would leave out. What they do not see is measured here; verify.yaml
has the rules by which a measurement is a fault, and what helps. NumPy only: no Jittor, no GPU.
"""

import argparse
import hashlib
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import yaml
from tqdm.contrib.concurrent import thread_map

from jacklib.backend.folders import ROOT
from jacklib.core.options import add_options
from jacklib.data import gait, poses, tsl300, video
from jacklib.data.audio import read_channels
from jacklib.data.prepare_gait import PAIRS
from jacklib.errors import DataError, check_word, plain, refuse_as
from jacklib.files import Names, csv_rows, filled, read_table, read_text, write_json
from jacklib.samples import GAITS, SAMPLES, UNTRIMMED, SamplePaths

METHODS = ("VAANet", "CTEN", "TSL", "Gait")
TABLE = yaml.safe_load(Path(__file__).with_name("verify.yaml").read_text("utf-8"))
SPLITS = ROOT / "data_samples" / "splits"
SUBSETS = ("training", "validation")
_condition = cache(jinja2.Environment().compile_expression)


class Problem(NamedTuple):
    """Something wrong with one file, or with one entry of it."""

    kind: str
    file: str
    found: str
    wanted: str
    cure: str


@dataclass
class Report:
    """What was found in a data set, and how it was looked at."""

    method: str
    quick: bool = False
    threads: int = 1
    progress: bool = False
    places: list[str] = field(default_factory=list)  # what was looked at
    items: Counter = field(default_factory=Counter)  # found, by (split, class)
    official: dict = field(default_factory=dict)  # likewise; empty where it is not known
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True  # False after Ctrl-C
    contents: dict = field(default_factory=lambda: defaultdict(list), repr=False)

    @property
    def ok(self) -> bool:
        """Everything was looked at, and nothing found but what is not used."""
        return self.complete and all(problem.kind == "unused" for problem in self.problems)

    @property
    def counts(self) -> list[tuple[str, str, int, int | None]]:
        """(split, class, found, official), the last None where the data set is not known."""
        keys = dict.fromkeys([*self.items, *self.official])
        return [(*key, self.items[key], self.official.get(key)) for key in keys]

    def table(self) -> str:
        """Counts, and the problems by kind: the first ten of each."""
        return filled(Path(__file__).with_name("verify_table.txt"), report=self)

    def write(self, path: str | Path) -> Path:
        """Everything as JSON; returns the file's path."""
        about = {n: getattr(self, n) for n in ("method", "places", "ok", "complete", "counts")}
        return write_json(path, about | {"problems": [one._asdict() for one in self.problems]})

    def judge(self, rules: str, **facts: Any) -> None:
        """Add the faults that these facts are, by the rules of that name in verify.yaml."""
        for rule in TABLE["rules"][rules]:
            if _condition(rule["when"])(**facts):
                words = (rule[part].format(**facts) for part in Problem._fields)
                self.problems.append(Problem(*map(plain, words)))

    def refused(self, kind: str, errors: Iterable[Exception]) -> None:
        """Add what a loader has refused."""
        for e in errors:
            if isinstance(e, DataError):
                self.problems.append(Problem(kind, e.what, e.found, e.wanted, e.cure))
            else:  # an OSError, or the DiskError made of one, whose sentence begins with the place
                place = getattr(e, "filename", None) or str(e).partition(": ")[0]
                self.judge("disk", file=place, reason=getattr(e, "strerror", e))

    @contextmanager
    def tried(self, kind: str = "unreadable") -> Iterator[None]:
        """What a loader refuses within the block is added, and the block ends."""
        try:
            yield
        except (DataError, OSError) as error:
            self.refused(kind, [error])

    def each(self, files: Any, look: Callable[[Any], None]) -> None:
        """Look at every item of a loader, in threads, with a bar that tells the rest of the time;
        what the loader has left out is added."""
        self.refused("unreadable", files.errors)
        about = {"desc": files.subset, "unit": files.kind, "disable": not self.progress}
        thread_map(look, files.items, max_workers=self.threads, **about)

    def count(self, entries: Iterable[tuple[str, str]], splits, labels, file: Path) -> None:
        """Count items by (split, class), and judge classes without any."""
        self.items.update(dict.fromkeys(product(splits, labels), 0))  # in this order
        self.items.update(entries)
        for split, label in product(splits, labels):
            count = self.items[split, label]
            of_all = sum(n for (_, name), n in self.items.items() if name == label)
            self.judge("class", file=file, split=split, label=label, count=count, of_all=of_all)

    def holds(self, content: bytes, split: str, name: str, file: object) -> None:
        """Take down what an item holds, for `compare`."""
        self.contents[hashlib.sha1(content).digest()].append((split, name, str(file)))

    def compare(self, listed: Iterable[tuple[str, str]], file: object) -> None:
        """Judge names that are there twice, or alike to some disk, and items that hold the same.
        listed: (name, split)."""
        splits: dict[str, list[str]] = defaultdict(list)
        for name, split in listed:
            splits[name].append(split)
        for name, found in splits.items():
            self.judge("name", file=file, name=name, splits=found, distinct=len({*found}))
        for alike in Names(splits).spellings.values():
            self.judge("alike", file=file, names=sorted(alike))
        for (split, name, place), *others in map(sorted, self.contents.values()):
            for other, other_name, file in others:
                self.judge("content", file=file, place=place, same=name == other_name,
                           leak=split != other)  # fmt: skip

    def hold_against(self, file: object, entries: dict, official: dict, known: str) -> None:
        """Judge entries {ID: (split, class)} by the official ones, if half of these are there:
        names such as 1, 2, 3 are everybody's."""
        common = [n for n, (_, c) in official.items() if entries.get(n, ("", ""))[1] == c]
        if 2 * len(common) > len(official):
            self.places.append(f"official split {known}")
            self.official |= Counter(official.values())
            for name in {**official, **entries}:
                here, there = (" ".join(t.get(name, ("not listed",))) for t in (entries, official))
                self.judge("official", file=file, name=name, here=here, there=there)


# --- Clips ----------------------------------------------------------------------------------------


def entries_of(path: Path) -> dict[str, tuple[str, str]]:
    """{ID: (subset, class)} of an annotation."""
    rows = video.read_annotation(path)["database"].items()
    return {name: (entry["subset"], entry["annotations"]["label"]) for name, entry in rows}


def look_at_clips(report: Report, paths: SamplePaths) -> None:
    """Clips in VE8's layout (see `jacklib.data.video`)."""
    file = paths.annotation_path
    entries = entries_of(file)
    report.count(entries.values(), SUBSETS, video.read_annotation(file)["labels"], file)
    for split in SPLITS.glob("*.json"):
        report.hold_against(file, entries, entries_of(split), split.name)
    for root in (*paths.video_path, paths.audio_path):
        for path in sorted(root.glob("[!.]*/[!.]*")):
            name = path.name if root in paths.video_path else path.stem
            wanted = entries.get(name, ("", ""))[1]
            report.judge("stray", file=path, where=path.parent.name, wanted=wanted)
    for subset in SUBSETS:
        with report.tried("table"):
            report.each(video.VideoClips(paths, subset), partial(_look_at_clip, report, subset))
    report.compare(video.listed(file), file)


def _look_at_clip(report: Report, subset: str, clip: video.ClipItem) -> None:
    folder, n_frames, sound = clip.frame_folder, clip.n_frames, clip.audio_file
    files = {int(path.stem): path for path in folder.glob("*.jpg") if path.stem.isdecimal()}
    holes = [number for number in range(1, n_frames + 1) if number not in files]
    chosen = sorted(files)[:: max(1, (len(files) - 1) // 2) if report.quick else 1]
    content, sizes, first, moved, brightest = hashlib.sha1(), defaultdict(list), None, 0.0, 0
    for file in map(files.get, chosen):
        with report.tried():
            image = video.read_frame(file)
            sizes["{1} x {0}".format(*image.shape)].append(file.name)
            small = image[::8, ::8].astype(np.int16)  # enough to see by
            content.update(small)
            first = small if first is None or small.shape != first.shape else first
            moved = max(moved, float(np.abs(small - first).mean()))
            brightest = max(brightest, int(image.max()))
    report.judge("clip", file=folder, n_frames=n_frames, images=len(files), holes=holes,
                 sizes=sorted(sizes.items(), key=lambda size: len(size[1])), moved=moved,
                 brightest=brightest)  # fmt: skip
    if brightest:
        report.holds(content.digest(), subset, clip.id, folder)
    with report.tried():
        channels, rate = read_channels(sound) if sound and not report.quick else (None, 1)
        if channels is not None:
            loudest, seen = float(np.abs(channels).max()), n_frames / video.FRAMES_PER_SECOND
            heard = channels.shape[1] / rate
            report.judge("sound", file=sound, heard=heard, seen=seen, loudest=loudest)
            if loudest:
                report.holds(sound.read_bytes(), subset, clip.id, sound)


# --- Untrimmed videos -----------------------------------------------------------------------------


def look_at_videos(report: Report, root: Path) -> None:
    """Untrimmed videos in TSL-300's layout (see `jacklib.data.tsl300`)."""
    ids, official, seconds = {}, {}, {}
    for split in tsl300.SUBSETS:
        shipped = tsl300.read_split(SPLITS / f"tsl300/split_{split}.txt")
        official |= dict.fromkeys(shipped, (split, "videos"))
        with report.tried("table"):
            ids[split] = tsl300.read_split(root / f"split_{split}.txt")
    listed = [(name, split) for split in ids for name in ids[split]]
    entries = {name: (split, "videos") for name, split in listed}
    report.items.update((split, "videos") for _, split in listed)
    report.hold_against(root / "split_*.txt", entries, official, "TSL-300")
    report.official |= {tuple(key): n for key, n in TABLE["tsl300"] if report.official}
    with report.tried("table"):
        seconds = tsl300.named(read_table(root / "time.json"), entries)
    points = root / "point_gaussian"
    for file in [*sorted(points.glob("train/*.txt")), *points.glob("point_labels.csv")]:
        with report.tried("table"):
            _look_at_points(report, file)
    for split in ids:
        for path in sorted((root / "features" / split).glob("*/[!.]*.npy")):
            report.judge("stray", file=path, where=split, wanted=entries.get(path.stem, [""])[0])
        with report.tried("table"):
            videos = tsl300.UntrimmedVideos(root, split)
            report.each(videos, partial(_look_at_video, report, videos, seconds))
    report.compare(listed, root / "split_*.txt")


def _look_at_points(report: Report, file: Path) -> None:
    tsl300.read_points(file)  # raises what is wrong in the cells that training reads
    text, fields = read_text(file, "points", tsl300.LAYOUT), tsl300.POINT_FIELDS.split(",")
    for line, row in csv_rows(text, fields, lambda row: row["class"] in tsl300.CLASSES)[1]:
        at = [row.get(name, "") for name in ("start_frame", "point", "stop_frame")]
        if all(map(str.isdecimal, at)):
            start, frame, stop = map(int, at)
            report.judge("point", file=file, line=line, start=start, frame=frame, stop=stop)


def _look_at_video(report: Report, videos: Any, seconds: dict, item: tsl300.UntrimmedItem) -> None:
    length, split = videos.lengths[item.id] * tsl300.CLIP_FRAMES / item.fps, videos.subset
    told = seconds.get(item.id, length)
    told = float(told) if type(told) in (int, float) else 0.0
    end = max((segment.end for segment in item.truth), default=0)
    report.judge("video", root=videos.root, name=item.id, length=length, told=told, end=end,
                 untold=split == "test" and not item.truth)  # fmt: skip
    segments = [(split, f"segments {segment.label}") for segment in item.truth]
    report.items.update(segments if split == "test" else [])
    for file, read in ((item.rgb_file, tsl300.read_rgb), (item.logmel_file, tsl300.read_logmel)):
        with report.tried():
            features = read(file)
            rows = features.reshape(-1, features.shape[-1])
            spread = float(np.ptp(rows, axis=0).max())
            report.judge("features", file=file, rows=len(rows), spread=spread)
            if spread:
                report.holds(features.tobytes(), split, item.id, file)


# --- Gaits ----------------------------------------------------------------------------------------


def look_at_gaits(report: Report, root: Path) -> None:
    """Emotion-Gait's files, or else the arrays that `prepare gait` makes of them."""
    pairs = [pair for pair in PAIRS if any((root / name).exists() for name in pair)]
    if pairs and pairs[-1] == PAIRS[-1]:  # only Emotion-Gait has files of that name
        pairs, report.official = [*PAIRS], {(n, "gaits"): k for n, k in TABLE["gaits"].items()}
    for features, labels in pairs:
        bad: list[tuple[str, DataError]] = []
        with report.tried("table"):
            walks = gait.read_gaits(root / features, root / labels, bad=bad)
            report.refused("unreadable", (error for _, error in bad))
            report.items[features, "gaits"] = here = len(walks) + len(bad)
            there = report.official.get((features, "gaits"), here)
            report.judge("official", file=root / features, name="gaits", here=here, there=there)
            _look_at_gaits(report, root / features, features, walks)
    listed: list[tuple[str, str]] = []
    for split in gait.SPLITS if not pairs else ():
        with report.tried("table"):
            arrays = gait.read_arrays(root, split)
            names = gait.read_names(root, split, len(arrays.label))
            listed += [(name, split) for name in names] * (root / gait.SETTINGS).is_file()
            bodies = arrays.joint[..., 0].transpose(0, 2, 3, 1).astype(float)
            walks = [*map(gait.Gait, names, bodies, arrays.label.tolist())]
            _look_at_gaits(report, root / f"{split}_joint.npy", split, walks)
    report.compare(listed, root / gait.SETTINGS)


def _look_at_gaits(report: Report, file: Path, split: str, walks: Sequence[gait.Gait]) -> None:
    labels = ((split, poses.EMOTIONS[walk.label]) for walk in walks)
    report.count(labels, [split], poses.EMOTIONS, file)
    fallen: list[Exception] = []
    for name, pose, _ in walks:
        frames, place = pose[np.abs(pose).sum((1, 2)) > 0], f"{file}, {plain(name)}"
        moved = float(np.ptp(frames, axis=0).max() / max(poses.body_length(frames), 1e-9))
        report.judge("gait", file=place, frames=len(frames), moved=moved)
        report.holds(frames.tobytes(), split, name, place)
        try:
            poses.check_standing(frames, place)
        except DataError as error:
            fallen.append(error)
    # Where most have fallen, the file has other axes, which is one fault.
    report.judge("gaits", file=file, fallen=len(fallen), gaits=len(walks))
    report.refused("upright", fallen if 2 * len(fallen) <= len(walks) else ())


# --- The command ----------------------------------------------------------------------------------


def verify(
    method: str, data_path: str | Path | None = None, *, dataset: str | None = None,
    video_path: str | Path | Sequence[str | Path] | None = None,
    audio_path: str | Path | None = None, annotation_path: str | Path | None = None,
    quick: bool = False, threads: int | None = None, progress: bool = False,
) -> Report:  # fmt: skip
    """Look at the data set that `method` would train on; nothing is changed.

    method: "VAANet", "CTEN", "TSL" or "Gait". data_path: its folder, in which the usual names are
        looked for. dataset: "ve8" and so on, or a sample, which needs no path.
    video_path, audio_path, annotation_path: of clips, as in training, in place of what data_path
        has. Without any annotation it is the data set's official split.
    quick: of each clip three images, and no sound. threads: all cores by default.

    Raises DataError if a path is missing. Ctrl-C ends it: the report has what was found.
    """
    check_word("method", method, METHODS)
    report = Report(method, quick, threads or os.cpu_count() or 1, progress)
    samples = {"TSL": UNTRIMMED, "Gait": GAITS}.get(method, SAMPLES)
    look = {"TSL": look_at_videos, "Gait": look_at_gaits}.get(method, look_at_clips)
    place: Any = Path(data_path) if data_path else None
    given: Sequence = (video_path, audio_path, annotation_path)
    if not data_path and not any(given):
        check_word("dataset", dataset or "", samples, "Or give --data_path.")
        place = given = samples[dataset](progress)
    if look is look_at_clips:
        check_word("dataset", dataset or "ve8", [*samples, *video.DATASETS])
        place = _clip_paths(Path(data_path) if data_path else None, dataset, [*given])
    report.places += map(str, [*place[0], *place[1:]] if look is look_at_clips else [place])
    logging.disable(logging.WARNING)  # the loaders' words about what is reported here
    try:
        with report.tried("table"):
            look(report, place)
    except KeyboardInterrupt:
        report.complete = False
    finally:
        logging.disable(logging.NOTSET)
    report.problems = sorted(set(report.problems))
    return report


def _clip_paths(root: Path | None, dataset: str | None, given: list) -> SamplePaths:
    """The paths of clips that are given, else those that have the usual names in `root`."""
    for i, (name, patterns) in enumerate(TABLE["places"].items()):
        for pattern in patterns if root else ():
            given[i] = given[i] or next(iter(sorted(root.glob(pattern))), None)
        if name == "annotation_path" and dataset in video.DATASETS:
            given[i] = given[i] or SPLITS / video.DATASETS[dataset].annotation
        refuse_as("no paths", not given[i], f"--{name}", root=root)
    videos = [given[0]] if isinstance(given[0], str | Path) else given[0]
    return SamplePaths([*map(Path, videos)], Path(given[1]), Path(given[2]))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_options(parser, Path(__file__).with_name("options.yaml"), "verify", methods=METHODS)


def main(args: argparse.Namespace) -> int:
    """Print what was found; returns the exit code."""
    options = vars(args)
    json = options.pop("json")
    report = verify(**options, progress=True)
    print(report.table())
    if json:
        print(f"written: {report.write(json)}")
    return 130 if not report.complete else int(not report.ok)
