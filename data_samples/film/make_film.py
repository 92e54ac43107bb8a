"""Cut the film samples out of Big Buck Bunny.

    python data_samples/film/make_film.py SOURCE [--out FOLDER]

SOURCE is the film itself (`bbb.mp4`) or the source archive of moviepy 2.2.1 from PyPI
(`moviepy-2.2.1.tar.gz`), which holds the film in a zip in its documentation:

    pip download --no-deps --no-binary moviepy moviepy==2.2.1

The table of clips is `clips.csv` beside this script: id, start and end in seconds of the film,
label, subset, description. The script writes, under FOLDER (default: its own folder),

    video/LABEL/ID.mp4   320x180, 24 frames per second, H.264; mono AAC at 44.1 kHz
    film_01.json         annotations in VE8's layout
    SHA256SUMS           for `sha256sum -c`

Needs only PyAV and NumPy; no ffmpeg program. All encoder settings are fixed and single-threaded,
so that the same PyAV version gives the same bytes. Another version may give other bytes for the
same pictures and sound.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

HERE = Path(__file__).resolve().parent
LABELS = ["Anger", "Anticipation", "Disgust", "Fear", "Joy", "Sadness", "Surprise", "Trust"]
FIELDS = ["id", "start", "end", "label", "subset", "description"]

FILM_SHA256 = "475fbbf34c4c367998f80c29ea03b15a743941179b12da3373fc6706e68621d0"
INNER_ZIP = "docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip"
INNER_FILM = "resources/bbb.mp4"

FPS = 24
RATE = 44100
WIDTH, HEIGHT = 320, 180
CRF = "19"
PEAK_BITS = "300k"  # a cap, so that grass and spikes do not cost several times an open sky
AUDIO_BITS = 64_000


def stop(what: str, *, found: object, wanted: object, cure: str) -> None:
    """End the script with one message that says what is wrong and what to do."""
    script = Path(sys.argv[0]).stem
    sys.exit(f"{script}: {what}\n  found:  {found}\n  wanted: {wanted}\n  cure:   {cure}")


def find_film(source: Path, scratch: Path) -> Path:
    """Return the path of bbb.mp4: `source` itself, or unpacked from moviepy's tar.gz to `scratch`.

    Exits with a message when `source` is missing or an archive without the film.
    """
    cure = "pass bbb.mp4 or moviepy-2.2.1.tar.gz (see the top of this script)"
    if not source.is_file():
        stop("the source is not a file", found=source, wanted="bbb.mp4 or a tar.gz", cure=cure)
    if not tarfile.is_tarfile(source):
        return source
    with tarfile.open(source) as archive:
        inner = [m for m in archive.getmembers() if m.name.endswith("/" + INNER_ZIP)]
        if len(inner) != 1:
            stop("no film in this archive", found=source, wanted=f"*/{INNER_ZIP}", cure=cure)
        packed = io.BytesIO(archive.extractfile(inner[0]).read())
    with zipfile.ZipFile(packed) as archive:
        names = [n for n in archive.namelist() if n.endswith(INNER_FILM)]
        if len(names) != 1:
            stop("no film in the inner zip", found=INNER_ZIP, wanted=INNER_FILM, cure=cure)
        film = scratch / "bbb.mp4"
        with archive.open(names[0]) as packed_film, open(film, "wb") as out:
            shutil.copyfileobj(packed_film, out)
    return film


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_table(path: Path) -> list[dict]:
    """Read the clip table; `start` and `end` become seconds on the film's frame grid (1/24 s).

    Exits with a message on an unknown column, label or subset, a repeated id, an id that is not
    the clip's start (bbb_MMSS), or a length outside 4 to 6 s.
    """
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        if reader.fieldnames != FIELDS:
            stop(f"{path.name}: columns", found=reader.fieldnames, wanted=FIELDS, cure="fix it")
    seen = set()
    for row in rows:
        start = round(float(row["start"]) * FPS) / FPS
        end = round(float(row["end"]) * FPS) / FPS
        row["start"], row["end"] = start, end
        clock = f"bbb_{int(start) // 60:02d}{int(start) % 60:02d}"
        checks = [
            (row["id"], row["id"] == clock and row["id"] not in seen, f"{clock}, once"),
            (row["label"], row["label"] in LABELS, LABELS),
            (row["subset"], row["subset"] in ("training", "validation"), "training or validation"),
            (end - start, 4 <= end - start <= 6, "4 to 6 s"),
        ]
        for found, fine, wanted in checks:
            if not fine:
                stop(f"{path.name}: {row['id']}", found=found, wanted=wanted, cure="fix the row")
        seen.add(row["id"])
    return rows


def read_pictures(
    film: Path, start: float, end: float, width: int = WIDTH, height: int = HEIGHT
) -> list[np.ndarray]:
    """Return the frames with start <= t < end, each [height, width, 3] uint8 RGB."""
    first, last = round(start * FPS), round(end * FPS)
    pictures = []
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        container.seek(int(max(start - 1, 0) * av.time_base))  # lands on a key frame before
        for frame in container.decode(stream):
            index = round(frame.time * FPS)
            if index >= last:
                break
            if index >= first:
                # Area averaging: several source pixels a side become one without aliasing.
                small = frame.reformat(width, height, "rgb24", interpolation=Interpolation.AREA)
                pictures.append(small.to_ndarray())
    if len(pictures) != last - first:
        stop(
            f"frames between {start:.3f} and {end:.3f} s",
            found=len(pictures),
            wanted=last - first,
            cure="use the 24 fps film from moviepy 2.2.1",
        )
    return pictures


def read_sound(film: Path, start: float, end: float) -> np.ndarray:
    """Return the sound from start to end in mono, [samples] float32 at 44.1 kHz."""
    first, last = round(start * RATE), round(end * RATE)
    sound = np.zeros(last - first, np.float32)
    filled = 0
    with av.open(str(film)) as container:
        stream = container.streams.audio[0]
        if stream.rate != RATE:
            stop("sound rate", found=stream.rate, wanted=RATE, cure="use moviepy 2.2.1's film")
        container.seek(int(max(start - 1, 0) * av.time_base))
        for frame in container.decode(stream):
            at = round(frame.time * RATE)  # film time of the frame's first sample
            if at >= last:
                break
            low, high = max(at, first), min(at + frame.samples, last)
            if low < high:
                # Planar float; the mean over channels is the mono mix.
                sound[low - first : high - first] = frame.to_ndarray()[
                    :, low - at : high - at
                ].mean(0)
                filled += high - low
    if filled != last - first:
        stop(
            f"sound samples between {start:.3f} and {end:.3f} s",
            found=filled,
            wanted=last - first,
            cure="use the film from moviepy 2.2.1",
        )
    return sound


def write_clip(
    path: Path,
    pictures: list[np.ndarray],
    sound: np.ndarray,
    *,
    crf: str = CRF,
    peak_bits: str = PEAK_BITS,
    audio_bits: int = AUDIO_BITS,
    x264_params: str | None = None,
) -> None:
    """Encode pictures and sound into an MP4 file at `path`, whole or not at all.

    Pictures are [height, width, 3] uint8 RGB, all of one size; sound is [samples] float32 in mono.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part.mp4")
    try:
        # bitexact leaves dates and library versions out of the file.
        with av.open(str(temporary), "w", options={"fflags": "+bitexact"}) as container:
            video = container.add_stream("libx264", rate=FPS)
            height, width = pictures[0].shape[:2]
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            video.codec_context.colorspace = 5  # BT.601, what PyAV writes from RGB by default
            video.codec_context.color_range = 1  # 16 to 235
            video.options = {
                "crf": crf,
                "maxrate": peak_bits,
                "bufsize": peak_bits,
                "preset": "slow",
                "threads": "1",
                "flags": "+bitexact",
            }
            if x264_params is not None:
                video.options = {**video.options, "x264-params": x264_params}
            audio = container.add_stream("aac", rate=RATE, layout="mono")
            audio.bit_rate = audio_bits
            audio.options = {"threads": "1", "flags": "+bitexact"}

            packets = []
            for number, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                packets += video.encode(frame)
            packets += video.encode(None)
            for at in range(0, len(sound), 1024):  # 1024 samples make one AAC frame
                block = np.ascontiguousarray(sound[None, at : at + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
                packets += audio.encode(frame)
            packets += audio.encode(None)

            # In the order of time, so that a player needs no long jumps in the file.
            packets.sort(key=lambda packet: packet.dts * packet.time_base)
            for packet in packets:
                container.mux(packet)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def annotations(rows: list[dict]) -> dict:
    """Return the rows in VE8's annotation layout, with start, end and description as extra keys."""
    database = {}
    for row in sorted(rows, key=lambda row: row["id"]):
        database[row["id"]] = {
            "subset": row["subset"],
            "annotations": {
                "label": row["label"],
                "start": round(row["start"], 3),
                "end": round(row["end"], 3),
                "description": row["description"],
            },
        }
    return {"labels": LABELS, "database": database}


def main() -> None:
    """Make every clip, the annotation file and the checksums."""
    parser = argparse.ArgumentParser(description="Cut the film samples out of Big Buck Bunny.")
    parser.add_argument("source", type=Path, help="bbb.mp4 or moviepy-2.2.1.tar.gz")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    options = parser.parse_args()

    rows = read_table(HERE / "clips.csv")
    out = options.out
    with tempfile.TemporaryDirectory() as scratch:
        film = find_film(options.source, Path(scratch))
        if sha256(film) != FILM_SHA256:
            print("warning: not the film file the shipped clips were cut from", file=sys.stderr)
        made = []
        for row in rows:
            path = out / "video" / row["label"] / f"{row['id']}.mp4"
            pictures = read_pictures(film, row["start"], row["end"])
            write_clip(path, pictures, read_sound(film, row["start"], row["end"]))
            made.append(path)
            print(f"{path.relative_to(out)}  {path.stat().st_size / 1000:.0f} KB", flush=True)

    table = out / "film_01.json"
    write_text(table, json.dumps(annotations(rows), indent=1, ensure_ascii=False) + "\n")
    lines = [f"{sha256(path)}  {path.relative_to(out).as_posix()}" for path in [*made, table]]
    lines.sort(key=lambda line: line.split("  ", 1)[1])
    write_text(out / "SHA256SUMS", "\n".join(lines) + "\n")

    total = sum(path.stat().st_size for path in made)
    print(f"{len(made)} clips, {total / 1e6:.2f} MB")
    for path in sorted(set(out.glob("video/*/*.mp4")) - set(made)):
        print(f"warning: {path} is in no row of clips.csv", file=sys.stderr)


if __name__ == "__main__":
    main()
