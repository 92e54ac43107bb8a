"""Video files to frames and sound in VE8's layout (see `jacklib.data.video`).

    source/CLASS/ID.mp4   ->   target/img/CLASS/ID/000001.jpg ... and n_frames
                               target/mp3/CLASS/ID.mp3
                               target/annotations.json   (unless an annotation JSON is given)

A clip counts as finished when its frame folder holds `n_frames` and its mp3 is there. Both are
made under a temporary name and renamed when whole, so that a run may be killed at any moment:
the next one continues where it stopped. Needs PyAV and Pillow only, no ffmpeg program.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import math
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from jacklib.data.video import MINIMUM_FRAMES, read_annotation
from jacklib.errors import DataError
from jacklib.files import write_json

log = logging.getLogger(__name__)

VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
JPG_QUALITY = 90
MP3_BIT_RATE = 128_000
# The sampling rates that mp3 knows; a sound at any other is resampled to 44.1 kHz.
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
SETTINGS_FILE = "prepared.json"


# ---------------------------------------------------------------------------------------------
# Reading one video
# ---------------------------------------------------------------------------------------------


def _unreadable(path: Path, found: str) -> DataError:
    return DataError(
        str(path),
        found=found,
        wanted="a video file that can be decoded",
        cure="Try whether it plays; download or convert it again.",
    )


def _open(path: Path):
    if not path.is_file():
        raise DataError(
            str(path), found="no such file", wanted="a video file", cure="Check the path."
        )
    try:
        return av.open(str(path))
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(path, f"no video file ({error})") from error


def _decode(path: Path, container, stream) -> Iterator:
    """Decoded frames of a stream. Damaged packets are left out with a warning, as ffmpeg does."""
    damaged, decoded = 0, 0
    stream.thread_type = "AUTO"
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                decoded += 1
                yield frame
    except av.error.FFmpegError as error:
        raise _unreadable(path, f"data that cannot be decoded ({error})") from error
    if damaged and decoded:
        log.warning("%s: %d damaged pieces of %s left out", path, damaged, stream.type)
    if damaged and not decoded:
        raise _unreadable(path, f"{stream.type} of which nothing can be decoded")


def scaled_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) with the short side at `short_side`, larger or smaller than before."""
    short = min(width, height)
    # Half up, as ffmpeg's scale=-1:240 rounds.
    return tuple((2 * side * short_side + short) // (2 * short) for side in (width, height))


def read_frames(path: str | Path, fps: int = 30, short_side: int = 240) -> Iterator[np.ndarray]:
    """Pictures of a video at `fps` a second: uint8 [H, W, 3], RGB, one after another.

    Picture n is the one that is on the screen n / fps seconds after the first: pictures are
    repeated or left out, never mixed. A picture turned by a phone's orientation mark is upright.
    The released tool sets the height to 240; here it is the short side, so that upright videos
    keep as much detail as wide ones.

    Raises DataError, naming the file, when there is no picture to decode.
    """
    path = Path(path)
    with _open(path) as container:
        if not container.streams.video:
            raise _unreadable(path, "no video in it")
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate or Fraction(fps)
        previous = first = time = None
        given = 0
        for number, frame in enumerate(_decode(path, container, stream)):
            if frame.pts is None:
                moment = Fraction(number) / rate
            else:
                moment = frame.pts * Fraction(frame.time_base)
            if first is None:
                first = moment
            time = moment - first
            # The previous picture stays until this one appears.
            while previous is not None and given < math.ceil(time * fps):
                yield previous
                given += 1
            previous = _to_picture(frame, short_side)
            duration = 1 / rate
            if getattr(frame, "duration", None) and frame.time_base:
                duration = frame.duration * Fraction(frame.time_base)
        if previous is None:
            raise _unreadable(path, "no picture that can be decoded")
        for _ in range(given, max(given + (given == 0), math.ceil((time + duration) * fps))):
            yield previous


def _to_picture(frame, short_side: int) -> np.ndarray:
    width, height = scaled_size(frame.width, frame.height, short_side)
    picture = frame.reformat(width, height, "rgb24", interpolation="BICUBIC").to_ndarray()
    # PyAV before 14 does not tell the orientation; its pictures stay as they are stored.
    return np.ascontiguousarray(np.rot90(picture, round(getattr(frame, "rotation", 0) / 90)))


def read_video(
    path: str | Path, fps: int = 30, short_side: int = 240
) -> tuple[Iterator[np.ndarray], np.ndarray]:
    """A video for use at once, without files: (pictures as `read_frames`, waveform).

    The pictures come one by one, so that a long video needs little memory; `list()` them for
    all. The waveform is float32 [samples], mono, 44.1 kHz, silence where the video has no sound.
    """
    from jacklib.data.audio import read_audio  # librosa is slow to load and only needed here

    with _open(Path(path)) as container:
        if not container.streams.video:
            raise _unreadable(Path(path), "no video in it")
    return read_frames(path, fps, short_side), read_audio(path)


# ---------------------------------------------------------------------------------------------
# One video to files
# ---------------------------------------------------------------------------------------------


def _write_mp3(path: Path, temporary: Path, seconds: float) -> None:
    """The sound of a video as mp3; silence of `seconds` where it has none."""
    with _open(path) as source, av.open(str(temporary), "w", format="mp3") as target:
        stream = source.streams.audio[0] if source.streams.audio else None
        rate = stream.rate if stream and stream.rate in MP3_RATES else 44100
        layout = "stereo" if stream and stream.channels > 1 else "mono"
        out = target.add_stream("libmp3lame", rate=rate)
        out.layout, out.bit_rate, out.format = layout, MP3_BIT_RATE, "s16p"
        resampler = av.AudioResampler(format="s16p", layout=layout, rate=rate, frame_size=1152)
        written = 0

        def write(frame) -> None:
            nonlocal written
            for piece in resampler.resample(frame):
                piece.pts = None if frame is None and piece.samples == 0 else written
                written += piece.samples
                target.mux(out.encode(piece))

        if stream:
            for frame in _decode(path, source, stream):
                frame.pts = None  # the encoder counts samples; marks with gaps would confuse it
                write(frame)
        if written == 0:
            missing = max(1, round(seconds * rate))
            zeros = np.zeros((2 if layout == "stereo" else 1, missing), np.int16)
            silence = av.AudioFrame.from_ndarray(zeros, format="s16p", layout=layout)
            silence.sample_rate = rate
            write(silence)
        write(None)
        target.mux(out.encode(None))


def prepare_one_video(
    path: str | Path,
    frame_folder: str | Path,
    audio_file: str | Path,
    *,
    fps: int = 30,
    short_side: int = 240,
) -> int:
    """Write a video's frames and sound; returns the number of frames.

    `frame_folder` and `audio_file` appear only when whole; whatever had these names is replaced.
    Videos shorter than 16 frames get an `n_frames` of 0, as the released tool writes, and 0 is
    returned. Raises DataError, naming the file, when the video cannot be read; nothing is left
    behind then.
    """
    path, frame_folder, audio_file = Path(path), Path(frame_folder), Path(audio_file)
    part_folder = frame_folder.with_name(f".{frame_folder.name}.part")
    part_audio = audio_file.with_name(f".{audio_file.name}.part")
    shutil.rmtree(part_folder, ignore_errors=True)
    part_folder.mkdir(parents=True)
    part_audio.parent.mkdir(parents=True, exist_ok=True)
    try:
        count = 0
        for count, picture in enumerate(read_frames(path, fps, short_side), start=1):  # noqa: B007
            Image.fromarray(picture).save(part_folder / f"{count:06d}.jpg", quality=JPG_QUALITY)
        _write_mp3(path, part_audio, count / fps)
        n_frames = count if count >= MINIMUM_FRAMES else 0
        (part_folder / "n_frames").write_text(str(n_frames), encoding="utf-8")
        # The folder comes last: with it the clip counts as finished.
        os.replace(part_audio, audio_file)
        if frame_folder.exists():
            shutil.rmtree(frame_folder)
        os.replace(part_folder, frame_folder)
    except BaseException:
        shutil.rmtree(part_folder, ignore_errors=True)
        part_audio.unlink(missing_ok=True)
        raise
    return n_frames


def is_finished(frame_folder: Path, audio_file: Path) -> bool:
    """Whether an earlier run prepared this clip wholly."""
    return (frame_folder / "n_frames").is_file() and audio_file.is_file()


# ---------------------------------------------------------------------------------------------
# Many videos
# ---------------------------------------------------------------------------------------------


@dataclass
class PrepareReport:
    """What `prepare_videos` did. Clips are named CLASS/ID."""

    prepared: list[str] = field(default_factory=list)
    already_there: list[str] = field(default_factory=list)
    too_short: list[str] = field(default_factory=list)  # prepared, but with n_frames 0
    failed: list[tuple[str, str]] = field(default_factory=list)  # clip, reason
    frame_path: Path | None = None
    audio_path: Path | None = None
    annotation_path: Path | None = None

    def __str__(self) -> str:
        lines = [
            f"{len(self.prepared)} prepared, {len(self.already_there)} were already there, "
            f"{len(self.failed)} failed"
        ]
        if self.too_short:
            lines.append(
                f"left out by the loaders, under {MINIMUM_FRAMES} frames: "
                + ", ".join(self.too_short)
            )
        lines += [f"failed: {clip}: {reason}" for clip, reason in self.failed]
        lines.append(f"frames {self.frame_path}, sound {self.audio_path}")
        lines.append(f"annotations {self.annotation_path}")
        return "\n".join(lines)


class _Clip:
    """A video that is wanted: its class, ID and file (None: looked for and not found)."""

    def __init__(self, label: str, clip_id: str, path: Path | None):
        self.label, self.id, self.path = label, clip_id, path
        self.name = f"{label}/{clip_id}"


def prepare_videos(
    source: str | Path,
    target: str | Path,
    *,
    annotations: str | Path | None = None,
    fps: int = 30,
    short_side: int = 240,
    validation_share: float = 0.33,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> PrepareReport:
    """Prepare a folder of labelled videos for VAANet and CTEN.

    source: source/CLASS/ID.mp4 (or avi, mov, mkv, webm). With `annotations` also source/ID.mp4.
    target: img/ and mp3/ are made in it.
    annotations: a JSON file in VE8's layout, used as it is, or a CSV file with the columns id,
        label and, if wanted, subset ("training" or "validation"). Only clips listed there are
        prepared. Without it the folders' names are the classes.
    fps, short_side: of the frames. The released networks expect 30 and 240.
    validation_share: of each class, drawn from `seed`; a class with two clips or more is in
        both subsets. Written to target/annotations.json together with the classes, unless
        `annotations` is a JSON file. An annotations.json that is already there is added to:
        what it says of a clip stays (with `overwrite`: it is written anew).
    overwrite: prepare finished clips again.
    progress: show a bar.

    A video that cannot be read is reported in `.failed` and left out of annotations.json; the
    others go on. Errors of the disk (full, no permission) end the run.
    """
    source, target = Path(source), Path(target)
    if not source.is_dir():
        raise DataError(
            str(source),
            found="no such folder" if not source.exists() else "a file",
            wanted="a folder of videos, one folder in it for each class",
            cure="Give SOURCE with the layout SOURCE/CLASS/VIDEO.mp4.",
        )
    if target.exists() and not target.is_dir():
        raise DataError(str(target), found="a file", wanted="a folder", cure="Choose another.")
    for name, value, low, high in (
        ("fps", fps, 1, 240),
        ("short_side", short_side, 16, 4320),
        ("validation_share", validation_share, 0, 1),
    ):
        if not low <= value <= high:
            raise DataError(
                name, found=str(value), wanted=f"{low} to {high}", cure="Leave it out: default."
            )
    annotation, clips, subsets = _wanted_clips(source, annotations)
    report = PrepareReport(frame_path=target / "img", audio_path=target / "mp3")
    _check_settings(report.frame_path, {"fps": fps, "short_side": short_side}, overwrite)

    finished: list[_Clip] = []
    bar = tqdm(clips, desc="preparing videos", unit="video", disable=not progress)
    for clip in bar:
        if clip.path is None:
            report.failed.append((clip.name, f"no video {clip.id}.* in {source}"))
            continue
        frame_folder = report.frame_path / clip.label / clip.id
        audio_file = report.audio_path / clip.label / f"{clip.id}.mp3"
        if not overwrite and is_finished(frame_folder, audio_file):
            report.already_there.append(clip.name)
            finished.append(clip)
            continue
        try:
            n_frames = prepare_one_video(
                clip.path, frame_folder, audio_file, fps=fps, short_side=short_side
            )
        except DataError as error:
            report.failed.append((clip.name, str(error)))
            continue
        report.prepared.append(clip.name)
        finished.append(clip)
        if n_frames == 0:
            report.too_short.append(clip.name)

    if annotation is not None:
        report.annotation_path = Path(annotations)
    elif finished:
        report.annotation_path = target / "annotations.json"
        _write_annotation(
            report.annotation_path, finished, subsets, validation_share, seed, overwrite
        )
    return report


def _check_settings(frame_path: Path, settings: dict, overwrite: bool) -> None:
    """Keep clips of different frame rates or sizes from being mixed in one folder."""
    path = frame_path / SETTINGS_FILE
    if path.is_file() and not overwrite:
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            earlier = None
        if earlier != settings:
            raise DataError(
                str(path),
                found=f"clips prepared with {earlier}",
                wanted=f"{settings}",
                cure="Use another TARGET, the same settings, or --overwrite for all anew.",
            )
    frame_path.mkdir(parents=True, exist_ok=True)
    write_json(path, settings)


def _videos_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in VIDEO_ENDINGS and not path.name.startswith(".")
    )


def _wanted_clips(
    source: Path, annotations: str | Path | None
) -> tuple[dict | None, list[_Clip], dict[str, str]]:
    """(annotation of a JSON file or None, clips in order, subset by ID where a file gives it)."""
    if annotations is None:
        return None, _clips_in_folders(source), {}
    if Path(annotations).suffix.lower() == ".csv":
        labels, subsets = _read_csv(Path(annotations))
        annotation = None
    else:
        annotation = read_annotation(annotations)
        labels = {i: e["annotations"]["label"] for i, e in annotation["database"].items()}
        subsets = {}
    if not labels:
        raise DataError(
            str(annotations), found="no clips", wanted="at least one", cure="List some."
        )
    return (
        annotation,
        [_Clip(lb, i, _find_video(source, lb, i)) for i, lb in labels.items()],
        subsets,
    )


def _find_video(source: Path, label: str, clip_id: str) -> Path | None:
    for folder in (source / label, source):
        for ending in VIDEO_ENDINGS:
            # A plain lookup, since an ID may hold characters that a pattern would interpret.
            for name in (clip_id + ending, clip_id + ending.upper()):
                if (folder / name).is_file():
                    return folder / name
    return None


def _clips_in_folders(source: Path) -> list[_Clip]:
    found: dict[str, Path] = {}
    clips = []
    for folder in sorted(source.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        videos = _videos_in(folder)
        if not videos:
            log.warning("%s holds no video and is no class", folder)
        for path in videos:
            if path.stem in found:
                raise DataError(
                    str(path),
                    found=f"the name of another video, {found[path.stem]}",
                    wanted="names that occur once, since annotations go by name",
                    cure="Rename one of the two.",
                )
            found[path.stem] = path
            clips.append(_Clip(folder.name, path.stem, path))
    if not clips:
        raise DataError(
            str(source),
            found="no videos in folders",
            wanted=f"SOURCE/CLASS/VIDEO with an ending of {', '.join(VIDEO_ENDINGS)}",
            cure="Make one folder for each class and put its videos in it.",
        )
    return clips


def _read_csv(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Label by ID, and subset by ID where the table has that column."""
    if not path.is_file():
        raise DataError(
            str(path), found="no such file", wanted="a table of clips", cure="Check the path."
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or []), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            str(path), found=f"no CSV ({error})", wanted="UTF-8 CSV", cure="Save it as CSV UTF-8."
        ) from error
    if "id" not in columns or "label" not in columns:
        raise DataError(
            str(path),
            found=f"columns {', '.join(columns) or 'none'}",
            wanted="id and label, and subset if wanted",
            cure="Name them in the first line: id,label,subset",
        )
    labels, subsets = {}, {}
    for line, row in enumerate(rows, start=2):
        clip_id, label = (row["id"] or "").strip(), (row["label"] or "").strip()
        subset = (row.get("subset") or "").strip()
        problem = (
            "an empty id or label"
            if not clip_id or not label
            else f"a second row for {clip_id!r}"
            if clip_id in labels
            else f"subset {subset!r}"
            if subset not in ("", "training", "validation")
            else None
        )
        if problem:
            raise DataError(
                f"{path}, line {line}",
                found=problem,
                wanted="one row for each clip; subset empty, training or validation",
                cure="Correct the row.",
            )
        labels[clip_id] = label
        if subset:
            subsets[clip_id] = subset
    return labels, subsets


def split_subsets(
    ids: list[str], known: dict[str, str], validation_share: float, rng: np.random.Generator
) -> dict[str, str]:
    """Subset of each of one class's IDs; what is `known` stays as it is.

    The share is rounded; with two clips or more, each subset gets at least one.
    """
    wanted = round(validation_share * len(ids))
    if len(ids) >= 2:
        wanted = min(max(wanted, 1), len(ids) - 1)
    else:
        wanted = 0
    undecided = [clip_id for clip_id in sorted(ids) if clip_id not in known]
    wanted -= sum(known.get(clip_id) == "validation" for clip_id in ids)
    drawn = {undecided[n] for n in rng.permutation(len(undecided))[: max(0, wanted)]}
    return {
        clip_id: known.get(clip_id, "validation" if clip_id in drawn else "training")
        for clip_id in ids
    }


def _write_annotation(
    path: Path,
    clips: list[_Clip],
    subsets: dict[str, str],
    validation_share: float,
    seed: int,
    overwrite: bool,
) -> None:
    annotation = {"labels": [], "database": {}}
    if path.is_file() and not overwrite:
        annotation = read_annotation(path)
    labels, database = annotation["labels"], annotation["database"]
    labels += sorted({clip.label for clip in clips} - set(labels))
    known = {clip_id: entry["subset"] for clip_id, entry in database.items()} | subsets
    for number, label in enumerate(labels):
        here = {clip.id for clip in clips if clip.label == label}
        here |= {i for i, entry in database.items() if entry["annotations"]["label"] == label}
        chosen = split_subsets(
            sorted(here), known, validation_share, np.random.default_rng([seed, number])
        )
        for clip_id, subset in chosen.items():
            entry = database.setdefault(clip_id, {"annotations": {}})
            entry["subset"] = subset
            entry["annotations"]["label"] = label
    write_json(path, annotation)


# ---------------------------------------------------------------------------------------------
# The command line: python -m jacklib prepare SOURCE TARGET
# ---------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `prepare` to a parser."""
    parser.add_argument("source", help="folder of videos: SOURCE/CLASS/VIDEO.mp4")
    parser.add_argument("target", help="folder for img/, mp3/ and annotations.json")
    parser.add_argument("--fps", type=int, default=30, help="frames a second (default 30)")
    parser.add_argument("--short_side", type=int, default=240, help="pixels (default 240)")
    parser.add_argument("--annotations", help="JSON in VE8's layout, or CSV: id,label,subset")
    parser.add_argument("--validation_share", type=float, default=0.33)
    parser.add_argument("--seed", type=int, default=0, help="of the training/validation split")
    parser.add_argument("--overwrite", action="store_true", help="prepare finished clips again")


def main(args: argparse.Namespace) -> int:
    """Run `prepare`; 0 when every video is prepared, else 1."""
    try:
        report = prepare_videos(
            args.source,
            args.target,
            annotations=args.annotations,
            fps=args.fps,
            short_side=args.short_side,
            validation_share=args.validation_share,
            seed=args.seed,
            overwrite=args.overwrite,
        )
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{args.target}: {error}. Finished videos are kept; run it again.", file=sys.stderr)
        return 1
    print(report)
    return 1 if report.failed else 0
