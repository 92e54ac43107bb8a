"""Video files to frames and sound in VE8's layout (see `jacklib.data.video`).

    source/CLASS/ID.mp4   ->   target/img/CLASS/ID/000001.jpg ... and n_frames
                               target/mp3/CLASS/ID.mp3
                               target/annotations.json   (unless an annotation JSON is given)

A clip counts as finished when its mp3 is there and its frame folder carries our mark (see
`jacklib.files`) with the settings and the video that are wanted, and as many frames as it says.
Sound and frames appear when whole, so that a run may be killed at any moment: the next one
continues where it stopped. One run at a time works in a target. Needs PyAV and Pillow only, no
ffmpeg program.
"""

import argparse
import io
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from jacklib import files
from jacklib.core.options import add_options
from jacklib.data import media
from jacklib.data.film import Film
from jacklib.data.video import DATASETS, MINIMUM_FRAMES, count_frames, read_annotation, trainlist_at
from jacklib.errors import DataError, error_of, logger, plain, refuse_as, shown

log = logger(__name__)

JPG_QUALITY = 90
MOST_CLIPS = 100_000  # of a table
MP3_BIT_RATE = 128_000
# The sampling rates that mp3 knows; a sound at any other is resampled to 44.1 kHz.
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
SETTINGS_FILE = "prepared.json"
TABLES = (".csv", ".tsv", ".txt")  # endings of --annotations; any other is JSON
COLUMNS = ("id", "label", "subset")  # of these
CLASSES = {label for info in DATASETS.values() for label in info.labels}


def read_frames(path: str | Path, fps: int = 30, short_side: int = 240) -> Iterator[np.ndarray]:
    """Frames of a video at `fps` per second, uint8 [H, W, 3], as `Film.pictures` gives them. The
    released tool sets the height to 240; here it is the short side, so that upright videos keep as
    much detail as wide ones."""
    return Film.of(path).pictures(fps, short_side)


# --- one video to files ---------------------------------------------------------------------------


def _write_mp3(path: Path, temporary: Path, seconds: float) -> None:
    """The sound of a video as mp3; silence of `seconds` where it has none."""
    # In memory, 16 kB per second: on a full disk FFmpeg would print a traceback of its own.
    sound = io.BytesIO()
    film = Film.of(path)
    with media.opened(path) as source, av.open(sound, "w", format="mp3") as target:
        stream = media.sound_stream(path, source)
        rate = stream.rate if stream and stream.rate in MP3_RATES else 44100
        layout = "stereo" if stream and stream.channels > 1 else "mono"
        out = target.add_stream("libmp3lame", rate=rate)
        out.layout, out.bit_rate, out.format = layout, MP3_BIT_RATE, "s16p"
        wanted = {"format": "s16p", "layout": layout, "rate": rate, "frame_size": 1152}
        written = 0

        def write(frames: Iterator[av.AudioFrame]) -> None:
            nonlocal written
            for piece in media.resampled(path, frames, **wanted):
                piece.pts = written
                written += piece.samples
                target.mux(out.encode(piece))

        if stream:
            write(film.sound(source, stream))
        if written == 0:
            missing = max(1, round(seconds * rate))
            zeros = np.zeros((2 if layout == "stereo" else 1, missing), np.int16)
            silence = av.AudioFrame.from_ndarray(zeros, format="s16p", layout=layout)
            silence.sample_rate = rate
            write(iter([silence]))
        target.mux(out.encode(None))
    temporary.write_bytes(sound.getbuffer())


def _mark(path: Path, fps: int, short_side: int) -> dict:
    """What a frame folder's mark says of how it was made, besides the number of frames."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    return {"fps": fps, "short_side": short_side, "source": path.name, "bytes": size}


def prepare_one_video(
    path: str | Path, frame_folder: str | Path, audio_file: str | Path, *,
    fps: int = 30, short_side: int = 240,
) -> int:  # fmt: skip
    """Write a video's frames and sound; returns the number of frames.

    `frame_folder` and `audio_file` appear only when whole. A folder of frames that is there is
    replaced if it carries our mark. Videos shorter than 16 frames get an `n_frames` of 0, as the
    released tool writes, and 0 is returned. Raises DataError, naming the file, if the video cannot
    be read or the folder is not ours, and DiskError when the system refuses to write; nothing is
    left behind then.
    """
    path, mark = Path(path), _mark(Path(path), fps, short_side)
    # The folder appears last: with it the clip counts as finished.
    with files.whole_folder(frame_folder, mark) as folder:
        count = 0
        for count, picture in enumerate(read_frames(path, fps, short_side), start=1):  # noqa: B007
            Image.fromarray(picture).save(folder / f"{count:06d}.jpg", quality=JPG_QUALITY)
        with files.whole_file(audio_file) as part:
            _write_mp3(path, part, count / fps)
        n_frames = count if count >= MINIMUM_FRAMES else 0
        (folder / "n_frames").write_text(str(n_frames), encoding="utf-8")
        mark["frames"] = count
    return n_frames


def prepare_frames(
    source: str | Path, frame_folder: Path, audio_file: Path, sound: str | Path | None = None
) -> int:
    """Lay out a folder of frames, 30 per second, and its sound as `prepare_one_video` does, by
    links; returns the number of frames. sound: its file; default: see `sound_beside`. Without any
    it is silence."""
    found = media.image_files(source)
    frame_folder.mkdir(parents=True)
    for number, path in enumerate(found, start=1):
        os.symlink(path.resolve(), frame_folder / f"{number:06d}.jpg")
    (frame_folder / "n_frames").write_text(str(len(found)), encoding="utf-8")
    sound = sound or media.sound_beside(source)
    audio_file.parent.mkdir(parents=True)
    if sound:
        files.check_file(sound, "a sound file", "Correct the path.")
        os.symlink(Path(sound).resolve(), audio_file)
    else:
        media.write_silence(audio_file, len(found) / 30)
    return len(found)


def is_finished(frame_folder: Path, audio_file: Path, mark: dict) -> bool:
    """Whether a run prepared this clip wholly, with what `mark` says; frames are counted."""
    try:
        if not (frame_folder / "n_frames").is_file() or audio_file.stat().st_size == 0:
            return False
        found = sum(1 for name in os.listdir(frame_folder) if re.fullmatch(r"\d{6,}\.jpg", name))
        listed = count_frames(frame_folder)
    except (OSError, DataError):
        return False
    made_with = files.read_mark(frame_folder)
    same = mark.items() <= made_with.items() and found == made_with.get("frames")
    return same and listed == (found >= MINIMUM_FRAMES) * found


# --- many videos ----------------------------------------------------------------------------------


@dataclass
class PrepareReport:
    """What `prepare_videos` did. Clips are named CLASS/ID."""

    prepared: list[str] = field(default_factory=list)
    already_there: list[str] = field(default_factory=list)
    too_short: list[str] = field(default_factory=list)  # prepared, but with n_frames 0
    failed: list[tuple[str, str]] = field(default_factory=list)  # clip, reason
    left_out: str = ""  # what is no video in the folders of classes
    frame_path: Path | None = None
    audio_path: Path | None = None
    annotation_path: Path | None = None

    def __str__(self) -> str:
        template = Path(__file__).with_name("prepare_report.txt")
        return files.filled(template, least=MINIMUM_FRAMES, **vars(self))


@dataclass
class _Clip:
    """A video that is wanted: its class, ID and file, and `where` class and ID were read. problem:
    why it cannot be prepared; path is None then."""

    label: str
    id: str
    where: str | Path
    path: Path | None = None
    problem: str | None = None

    def __post_init__(self):
        self.name = f"{self.label}/{self.id}"
        try:
            files.file_name(self.label, self.where), files.file_name(self.id, self.where)
        except DataError as error:
            self.problem = str(error)
        self.path = None if self.problem else self.path

    def places(self, target: Path) -> tuple[Path, Path]:
        """Its folder of frames and its sound file in `target`; DataError where a link leaves it."""
        frames, sound = ("img", self.label, self.id), ("mp3", self.label, f"{self.id}.mp3")
        return tuple(files.inside(target, *names, where=self.where) for names in (frames, sound))


def prepare_videos(
    source: str | Path, target: str | Path, *, annotations: str | Path | None = None, fps: int = 30,
    short_side: int = 240, validation_share: float = 0.33, seed: int = 0, overwrite: bool = False,
    progress: bool = True,
) -> PrepareReport:  # fmt: skip
    """Prepare a folder of labelled videos for VAANet and CTEN.

    source: source/CLASS/ID.mp4 (or avi, mov, mkv, webm). With `annotations` also source/ID.mp4.
    target: img/ and mp3/ are made in it.
    annotations: a JSON file in VE8's layout, used as it is, or a table (.csv, .tsv, .txt) with the
        columns id, label and, if wanted, subset ("training" or "validation"). Only clips listed
        there are prepared. Without it the folders' names are the classes.
    fps, short_side: of the frames. The released networks expect 30 and 240.
    validation_share: of each class, drawn from `seed`; a class with two clips or more is in
        both subsets. Written to target/annotations.json together with the classes, unless
        `annotations` is a JSON file. An annotations.json that is already there is added to:
        what it says of a clip stays (with `overwrite`: it is written anew).
    overwrite: prepare finished clips again.
    progress: show a bar.

    A video that cannot be read is reported in `.failed` and left out of annotations.json; the
    others go on. Errors of the disk (full, no permission) end the run: DiskError. Where everything
    is finished, nothing is written; else one run at a time works in a target, others wait.
    """
    source, target = Path(files.typed(source)), Path(files.typed(target))
    annotations = files.typed(annotations)
    refuse_as("no folder of videos", not source.is_dir(), source,
              found="a file" if source.exists() else "no such folder")  # fmt: skip
    refuse_as("target is a file", target.exists() and not target.is_dir(), target)
    for name, value, low, high in (
        ("fps", fps, 1, 240), ("short_side", short_side, 16, 4320),
        ("validation_share", validation_share, 0, 1),
    ):  # fmt: skip
        refuse_as("size of clips", not low <= value <= high, name, value=value, low=low, high=high)
    annotation, subsets, left_out = None, {}, ""
    if annotations is None:
        clips, left_out = _clips_in_folders(source)
    else:
        annotation, clips, subsets = _listed_clips(source, Path(annotations))
    frame_path, audio_path = (files.inside(target, n, where=target) for n in ("img", "mp3"))
    report = PrepareReport(left_out=left_out, frame_path=frame_path, audio_path=audio_path)
    settings, own = {"fps": fps, "short_side": short_side}, target / "annotations.json"

    def finished(clip: _Clip) -> bool:
        with suppress(DataError):  # said when it is prepared
            there = clip.path is not None and not overwrite
            return there and is_finished(*clip.places(target), _mark(clip.path, **settings))
        return False

    def wanted_annotation(clips: list[_Clip]) -> dict:
        return _annotation(own, clips, subsets, validation_share, seed, overwrite)

    files.sweep(target)
    # Without the lock first: a target where everything is there may be one that cannot be written.
    if not overwrite:
        _check_settings(frame_path, settings)
    found = [clip for clip in clips if clip.path is not None]
    done = {clip.name for clip in found if finished(clip)}
    whole = len(done) == len(found)
    if whole and annotation is None and found:
        whole = own.is_file() and read_annotation(own) == wanted_annotation(found)
    with nullcontext() if whole else files.locked(target, "preparing videos"):
        if not whole:
            if not overwrite:
                _check_settings(frame_path, settings)
            files.write_json(frame_path / SETTINGS_FILE, settings)
        kept = []
        for clip in tqdm(clips, desc="preparing videos", unit="video", disable=not progress):
            if _prepared(clip, target, settings, report, clip.name in done or finished(clip)):
                kept.append(clip)
        if annotation is not None:
            report.annotation_path = Path(annotations)
        elif kept:
            report.annotation_path = own
            if not whole:
                files.write_json(own, wanted_annotation(kept))
    return report


def _prepared(
    clip: _Clip, target: Path, settings: dict, report: PrepareReport, finished: bool
) -> bool:
    """Prepare one clip unless it is finished, and report it; whether it is there then."""
    if clip.path is None:
        report.failed.append((clip.name, clip.problem))
        return False
    if finished:
        report.already_there.append(clip.name)
        return True
    try:
        n_frames = prepare_one_video(clip.path, *clip.places(target), **settings)
    except DataError as error:
        report.failed.append((clip.name, str(error)))
        return False
    report.prepared.append(clip.name)
    if n_frames == 0:
        report.too_short.append(clip.name)
    return True


def _check_settings(frame_path: Path, settings: dict) -> None:
    """Raise DataError if clips of other rates or sizes are there."""
    path = frame_path / SETTINGS_FILE
    about = files.read_table(path)
    earlier = {name: about.get(name) for name in settings}
    refuse_as("other settings there", about and earlier != settings, path, earlier=shown(earlier),
              settings=settings)  # fmt: skip


def _listed_clips(source: Path, path: Path) -> tuple[dict | None, list[_Clip], dict[str, str]]:
    """What a file lists: (annotation of a JSON file or None, clips in order, subset by ID where a
    table gives it). Classes and IDs of a table become those of the folders and files there."""
    folders = files.Names(p.name for p in source.iterdir() if p.is_dir())
    annotation, subsets, clips, labels, seen = None, {}, [], {}, {}
    if path.suffix.lower() in TABLES and not trainlist_at(path):
        rows = _read_csv(path, files.Names([*folders.known, *CLASSES]))
    else:
        annotation = read_annotation(path)
        rows = [(i, entry["annotations"]["label"], "", f"{path}, ID {shown(i)}")
                for i, entry in annotation["database"].items()]  # fmt: skip
    refuse_as("clips", not 0 < len(rows) <= MOST_CLIPS, path, n=len(rows) or "no", most=MOST_CLIPS)
    for clip_id, label, subset, where in rows:
        clip = _Clip(label, clip_id, where)
        if clip.problem is None:
            folder = folders.find(label) or labels.setdefault(files.alike(label), label)
            video, problem = _find_video(source, folder, clip_id, seen)
            if annotation is None:
                label, clip_id, subset = folder, video.stem if video else clip_id, subset.lower()
                if clip_id in subsets or subset not in ("", "training", "validation"):
                    twice = f"a second row for {shown(clip_id)}"
                    found = twice if clip_id in subsets else f"subset {shown(subset)}"
                    problem = str(error_of("row of a clip", where, found=found))
                subsets.setdefault(clip_id, "" if problem else subset)
            clip = _Clip(label, clip_id, where, video, problem)
        clips.append(clip)
    return annotation, clips, {i: subset for i, subset in subsets.items() if subset}


def _find_video(
    source: Path, label: str, clip_id: str, seen: dict[Path, tuple]
) -> tuple[Path | None, str | None]:
    """A clip's video, or why there is none; class and ID are names, see `file_name`. seen: what is
    in folders, which are looked into once (else it were 20 questions to the disk a clip)."""
    problem = f"no video {plain(clip_id)}.* in {source}"
    for folder in (source / label, source):
        if folder not in seen:
            inside = [path.name for path in folder.glob("[!.]*")]
            films = [n for n in inside if n.lower().endswith(media.VIDEO_ENDINGS)]
            others = {files.alike(os.path.splitext(n)[0]): n for n in {*inside}.difference(films)}
            seen[folder] = files.Names(films), others
        films, others = seen[folder]
        for way in (*(clip_id + ending for ending in media.VIDEO_ENDINGS), clip_id):
            name = films.find(way)
            if name and os.path.isfile(folder / name):
                return folder / name, None
        if other := others.get(files.alike(clip_id)):
            problem = f"no video {plain(clip_id)}.* in {source}, but {plain(folder / other)}"
    return None, problem


def _clips_in_folders(source: Path) -> tuple[list[_Clip], str]:
    """The videos in folders of classes, and what else lies there."""
    folders, paths = sorted(p for p in source.glob("[!.]*") if p.is_dir()), []
    for folder in folders:
        videos = media.with_ending(folder.iterdir(), media.VIDEO_ENDINGS)
        if not videos:
            log.warning("%s holds no video and is no class", folder)
        paths += videos
    refuse_as("no classes of videos", not paths, source, endings=", ".join(media.VIDEO_ENDINGS))
    count = Counter(path.stem for path in paths)
    clips = [_Clip(path.parent.name, path.stem, path, path) for path in paths]
    for clip in clips:
        if count[clip.id] > 1:
            twice = error_of("clips of one name", clip.where, n=count[clip.id])
            clip.path, clip.problem = None, str(twice)
    return clips, media.left_out([source, *folders], paths)


def _read_csv(path: Path, classes: files.Names) -> list[tuple[str, str, str, str]]:
    """(ID, label, subset, where in the file) of each row. Without a line of names, the second
    column's first cell is one of the classes."""
    wanted, cure = "a table of clips: id,label,subset", "Save it as CSV UTF-8."
    text = files.read_text(path, wanted, cure)
    with files.reading(path, wanted, cure, "no CSV"):
        columns, rows = files.csv_rows(
            text, COLUMNS, lambda row: classes.find(row.get("label", ""))
        )
        refuse_as("columns of clips", not {"id", "label"} <= set(columns), path,
                  columns=", ".join(columns[:20]) or "none")  # fmt: skip
        return [(*(row.get(name, "") for name in COLUMNS), f"{path}, line {line}")
                for line, row in itertools.islice(rows, MOST_CLIPS + 1)]  # fmt: skip


def split_subsets(
    ids: list[str], known: dict[str, str], validation_share: float, rng: np.random.Generator
) -> dict[str, str]:
    """Subset of each of one class's IDs; what is `known` stays as it is. The share is rounded; with
    two clips or more, each subset gets at least one."""
    wanted = min(max(round(validation_share * len(ids)), 1), len(ids) - 1)
    undecided = [i for i in sorted(ids) if i not in known]
    wanted -= sum(known.get(i) == "validation" for i in ids)
    drawn = {undecided[n] for n in rng.permutation(len(undecided))[: max(0, wanted)]}
    return {i: known.get(i, "validation" if i in drawn else "training") for i in ids}


def _annotation(
    path: Path, clips: list[_Clip], subsets: dict[str, str], validation_share: float, seed: int,
    overwrite: bool,
) -> dict:  # fmt: skip
    """What annotations.json is to say; what is in it stays, unless it is overwritten."""
    annotation = {"labels": [], "database": {}}
    if path.is_file() and not overwrite:
        annotation = read_annotation(path)
    labels, database = annotation["labels"], annotation["database"]
    labels += sorted({clip.label for clip in clips} - set(labels))
    known = {clip_id: entry["subset"] for clip_id, entry in database.items()} | subsets
    here: dict[str, set[str]] = {label: set() for label in labels}
    for clip in clips:
        here[clip.label].add(clip.id)
    number_of = {label: number for number, label in enumerate(labels)}
    moved = {clip.id: number_of[clip.label] for clip in clips}
    for clip_id, entry in database.items():
        label = entry["annotations"]["label"]
        if number_of[label] <= moved.get(clip_id, len(labels)):  # else it has gone before its turn
            here[label].add(clip_id)
    for number, label in enumerate(labels):
        chosen = split_subsets(
            sorted(here[label]), known, validation_share, np.random.default_rng([seed, number])
        )
        for clip_id, subset in chosen.items():
            entry = database.setdefault(clip_id, {"annotations": {}})
            entry["subset"] = subset
            entry["annotations"]["label"] = label
    return annotation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_options(parser, Path(__file__).with_name("options.yaml"), "prepare")


def main(args: argparse.Namespace) -> int:
    """Run `prepare`; 0 when every video is prepared, else 1."""
    report = prepare_videos(**vars(args))
    print(report)
    return 1 if report.failed else 0
