"""Marked moments of films, kept in a folder as TSL-300 keeps its annotators' points.

    folder/point_gaussian/train/NAME.txt   one file an annotator, in the order of marking
    folder/fps_dict.json                   {ID: frames per second}; an ID is a film's name

So `jacklib.data.tsl300.read_annotators(folder)` reads them, and the file is the export. Every mark
is written at once and whole: what ends the kernel loses none, and a later session goes on.
"""

import csv
import io
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from jacklib import files
from jacklib.core.shapes import CLIP_FRAMES
from jacklib.data.tsl300 import CLASSES, POINT_FIELDS, Point, UntrimmedVideos, read_points
from jacklib.data.tsl_features import check_fps, video_facts
from jacklib.errors import check_word, refuse_as

Points = Mapping[str, Sequence[Point]]


def add_mark(
    folder: str | Path, film: str | Path, annotator: str, label: str, seconds: float
) -> list[tuple[str, float]]:
    """Write down one moment of a film file, "n" or "p"; returns `marks_of` that film. Raises
    DataError if the annotator's name is none for a file, or the time is not within the film."""
    check_word("label", label, CLASSES)
    name = files.file_name(Path(film).stem, film)
    with files.locked(folder, "marking moments"):
        rates = files.read_table(Path(folder) / "fps_dict.json")
        facts = video_facts(film)
        outside = not 0 <= seconds <= facts.seconds + 1  # a browser's end is a little later
        refuse_as("time of a mark", outside, film, seconds=seconds, length=facts.seconds)
        if rates.get(name) != facts.fps:
            files.write_json(Path(folder) / "fps_dict.json", rates | {name: facts.fps})
        points = _read(folder, annotator)
        frame = min(int(seconds * facts.fps), facts.n_frames - 1)
        _write(folder, annotator, points | {name: [*points.get(name, ()), Point(label, frame)]})
    return marks_of(folder, film, annotator)


def undo_mark(
    folder: str | Path, film: str | Path, annotator: str, number: int = -1
) -> list[tuple[str, float]]:
    """Take back a mark, the last one or that of a place in `marks_of`; returns what is left."""
    name = Path(film).stem
    with files.locked(folder, "marking moments"):
        points = _read(folder, annotator)
        left = [*points.get(name, ())]
        if -len(left) <= number < len(left):
            del left[number]
            _write(folder, annotator, points | {name: left})
    return marks_of(folder, film, annotator)


def marks_of(folder: str | Path, film: str | Path, annotator: str) -> list[tuple[str, float]]:
    """One annotator's marks of a film, (label, seconds), in the order of marking."""
    name, rates = Path(film).stem, Path(folder) / "fps_dict.json"
    points = _read(folder, annotator).get(name, ())
    fps = check_fps(rates, files.read_table(rates).get(name), name) if points else 1
    return [(point.label, point.frame / fps) for point in points]


def write_marks(
    folder: str | Path, fps: Mapping[str, float],
    marks: Mapping[str, Mapping[str, Sequence[tuple[str, float]]]],
) -> None:  # fmt: skip
    """Write whole lists of marks, {annotator: {ID: [(label, seconds), ...]}}, in place of what
    those annotators have there. fps: frames per second of every video."""
    files.write_json(Path(folder) / "fps_dict.json", dict(fps))
    for annotator, videos in marks.items():
        points = {v: [Point(c, int(t * fps[v])) for c, t in of] for v, of in videos.items()}
        _write(folder, annotator, points)


def _file(folder: str | Path, annotator: str) -> Path:
    files.file_name(annotator, "annotator")
    return files.inside(folder, "point_gaussian", "train", f"{annotator}.txt", where="annotator")


def _read(folder: str | Path, annotator: str) -> Points:
    file = _file(folder, annotator)
    return read_points(file) if file.exists() else {}


def _write(folder: str | Path, annotator: str, points: Points) -> None:
    files.write_text(_file(folder, annotator), points_text(points))


def points_text(points: Points) -> str:
    """A points file of TSL-300's. Its frames before and after a point, which no loader reads, are
    the point itself."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(POINT_FIELDS.split(","))
    for video, marks in points.items():
        for label, frame in marks:
            rows.writerow([label, CLASSES.index(label), frame, frame, video, frame])
    return text.getvalue()


def make_root(folder: str | Path, source: str | Path, out: str | Path, *, seed: int = 0) -> Path:
    """A folder in TSL-300's layout to train on what was marked; returns `out`.

    The videos, features, tests and truth are those of `source`, which is in that layout; training
    videos are those of it that have a mark in `folder`. point_labels.csv takes for each of them the
    points of one annotator who marked it, drawn with `seed` (`UntrimmedVideos(out, "train",
    points="file")`). Points behind a video's last clip are moved onto it. Raises DataError if no
    training video has a mark, or `out` is a folder that we did not make."""
    source, lengths = Path(source).resolve(), UntrimmedVideos(source, "train").lengths
    place = Path(folder) / "point_gaussian" / "train"
    tables = {file.name: read_points(file) for file in sorted(place.glob("*.txt"))}
    kept = {
        name: {
            video: [Point(p.label, min(p.frame, n * CLIP_FRAMES - 1)) for p in points[video]]
            for video, n in lengths.items() if points.get(video)
        }
        for name, points in tables.items()
    }  # fmt: skip
    by_video = {v: [points[v] for points in kept.values() if v in points] for v in lengths}
    rng, marked = random.Random(seed), [video for video in lengths if by_video[video]]
    refuse_as("nothing marked", not marked, place, source=source)
    with files.whole_folder(out) as part:
        for name in ("split_test.txt", "gt.json", "videosenti_gt.json", "fps_dict.json"):
            if (source / name).exists():
                shutil.copy(source / name, part / name)
        for name in ("features", "video"):  # a link to no videos does no harm
            os.symlink(source / name, part / name)
        files.write_text(part / "split_train.txt", "\n".join(marked) + "\n")
        for name, points in kept.items():
            files.write_text(part / "point_gaussian" / "train" / name, points_text(points))
        drawn = {video: rng.choice(by_video[video]) for video in marked}
        files.write_text(part / "point_gaussian" / "point_labels.csv", points_text(drawn))
    return Path(out)
