"""Cut untrimmed pieces out of Big Buck Bunny, in the file layout of TSL-300.

    python data_samples/untrimmed_film/make_untrimmed_film.py SOURCE [--out FOLDER]

SOURCE is the film, as for `../film/make_film.py`: `bbb.mp4` or the source archive of moviepy 2.2.1.

Two tables beside this script are written by hand: `pieces.csv` (id, start and end in seconds of the
film, subset) and `segments.csv` (id, start and end in seconds of the piece, label n or p,
description). From them the script writes, under FOLDER (default: its own folder),

    video/{train,test}/ID.mp4    192x108, 24 frames per second, H.264; mono AAC at 44.1 kHz
    videosenti_gt.json           the segments of all pieces
    gt.json                      the same without the training pieces' segments
    split_train.txt, split_test.txt, fps_dict.json, time.json
    point_gaussian/train/point_anno_{0,1,2}.txt, point_gaussian/point_labels.csv
    SHA256SUMS                   for `sha256sum -c`

The points stand in for three annotators and are drawn at random around the segments' middles.

Needs only PyAV and NumPy. The same PyAV version gives the same bytes, on any processor: x264 is
told not to use instructions that change its decisions.
"""

import argparse
import csv
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent

_spec = importlib.util.spec_from_file_location("make_film", HERE.parent / "film" / "make_film.py")
make_film = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_film)
FPS, stop, write_text = make_film.FPS, make_film.stop, make_film.write_text

LABELS = ["n", "p"]  # negative, positive; a label's place is its class index
SUBSETS = ["train", "test"]
PIECE_FIELDS = ["id", "start", "end", "subset"]
SEGMENT_FIELDS = ["id", "start", "end", "label", "description"]

WIDTH, HEIGHT = 192, 108
CRF = "25"
PEAK_BITS = "100k"
AUDIO_BITS = 32_000
# Without it, x264 gives other bytes with AVX-512 than with AVX2, and other ones from run to run.
X264_PARAMS = "cpu-independent=1"

ANNOTATORS = 3
SEED = 300
SIGMA = 0.15  # of a segment's length
MIDDLE = 0.9  # of a segment's length: no point lies outside
REACH = (1, 4)  # frames on each side of a point in its start_frame..stop_frame


def read_rows(path: Path, fields: list[str]) -> list[dict]:
    """Read a table; `start` and `end` become numbers on a grid of half seconds.

    Exits with a message on other columns, a time off the grid or an end that is not after the
    start.
    """
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        if reader.fieldnames != fields:
            stop(f"{path.name}: columns", found=reader.fieldnames, wanted=fields, cure="fix it")
    for row in rows:
        row["start"], row["end"] = float(row["start"]), float(row["end"])
        check(path, row, row["start"] * 2 % 1 == row["end"] * 2 % 1 == 0, "times in half seconds")
        check(path, row, 0 <= row["start"] < row["end"], "0 <= start < end")
    return rows


def check(path: Path, row: dict, fine: bool, wanted: object) -> None:
    """Exit with a message that names the row where it is not fine."""
    if not fine:
        stop(f"{path.name}: {row['id']}", found=row, wanted=wanted, cure="fix the row")


def read_tables(pieces_path: Path, segments_path: Path) -> list[dict]:
    """Read both tables; each piece gets its list `segments`. Both come in order of time.

    Exits with a message on an id that is not the piece's start in the film (bbb_MMSS), an unknown
    subset, label or id, overlapping pieces or segments, pieces outside 36 to 56 s, segments outside
    4 to 15 s or beyond their piece.
    """
    pieces = read_rows(pieces_path, PIECE_FIELDS)
    pieces.sort(key=lambda piece: piece["start"])
    end = 0.0
    for piece in pieces:
        clock = f"bbb_{int(piece['start']) // 60:02d}{int(piece['start']) % 60:02d}"
        length = piece["end"] - piece["start"]
        check(pieces_path, piece, piece["id"] == clock, f"id {clock}")
        check(pieces_path, piece, piece["subset"] in SUBSETS, f"subset in {SUBSETS}")
        check(pieces_path, piece, 36 <= length <= 56, "36 to 56 s")
        check(pieces_path, piece, piece["start"] >= end, f"a start from {end} s on: no overlap")
        end = piece["end"]
        piece["segments"] = []

    by_id = {piece["id"]: piece for piece in pieces}
    for segment in sorted(
        read_rows(segments_path, SEGMENT_FIELDS), key=lambda segment: segment["start"]
    ):
        check(segments_path, segment, segment["id"] in by_id, f"an id of {pieces_path.name}")
        piece = by_id[segment["id"]]
        earlier = piece["segments"][-1]["end"] if piece["segments"] else 0.0
        length = piece["end"] - piece["start"]
        check(segments_path, segment, segment["label"] in LABELS, f"label in {LABELS}")
        check(segments_path, segment, segment["description"].strip() != "", "a description")
        check(segments_path, segment, 4 <= segment["end"] - segment["start"] <= 15, "4 to 15 s")
        check(segments_path, segment, segment["end"] <= length, f"an end up to {length} s")
        check(segments_path, segment, segment["start"] >= earlier, f"a start from {earlier} s on")
        piece["segments"].append(segment)
    for piece in pieces:
        check(segments_path, piece, bool(piece["segments"]), "one segment or more")
    return pieces


def ground_truth(pieces: list[dict], subsets: list[str]) -> dict:
    """TSL-300's table of segments, in seconds as text; empty for pieces outside `subsets`."""
    database = {}
    for piece in pieces:
        annotations = [
            {"segment": [f"{s['start']:g}", f"{s['end']:g}"], "label": s["label"]}
            for s in piece["segments"]
            if piece["subset"] in subsets
        ]
        database[piece["id"]] = {"subset": piece["subset"], "annotations": annotations}
    return {"database": database}


def draw_points(pieces: list[dict], annotator: int) -> str:
    """One invented annotator's point file: one point for each segment of the training pieces.

    A point is drawn from a Gaussian around the segment's middle and kept within its middle 90 %.
    Frames count from 0 at the start of the piece.
    """
    rng = np.random.RandomState(SEED + annotator)  # a generator that NumPy keeps as it is
    lines = ["class,class_index,start_frame,stop_frame,video_id,point"]
    for piece in pieces:
        if piece["subset"] != "train":
            continue
        for segment in piece["segments"]:
            length = segment["end"] - segment["start"]
            off = np.clip(rng.normal(0, SIGMA), -MIDDLE / 2, MIDDLE / 2) * length
            point = round(((segment["start"] + segment["end"]) / 2 + off) * FPS)
            reach = rng.randint(REACH[0], REACH[1] + 1)
            label, first, last = segment["label"], point - reach, point + reach
            lines.append(f"{label},{LABELS.index(label)},{first},{last},{piece['id']},{point}")
    return "\n".join(lines) + "\n"


def text_files(pieces: list[dict]) -> dict[str, str]:
    """What goes into every text file, by its path under the folder."""
    lengths = {piece["id"]: piece["end"] - piece["start"] for piece in pieces}
    tables = {
        "gt.json": ground_truth(pieces, ["test"]),
        "videosenti_gt.json": ground_truth(pieces, SUBSETS),
        "fps_dict.json": {name: float(FPS) for name in lengths},
        "time.json": lengths,
    }
    # As jacklib writes fps_dict.json and time.json, so that it leaves these bytes as they are.
    files = {name: json.dumps(table, indent=1) + "\n" for name, table in tables.items()}
    for subset in SUBSETS:
        ids = [piece["id"] for piece in pieces if piece["subset"] == subset]
        files[f"split_{subset}.txt"] = "\n".join(ids) + "\n"
    for annotator in range(ANNOTATORS):
        points = draw_points(pieces, annotator)
        files[f"point_gaussian/train/point_anno_{annotator}.txt"] = points
        if annotator == 0:
            files["point_gaussian/point_labels.csv"] = points
    return files


def main() -> None:
    """Make every piece, the text files and the checksums."""
    parser = argparse.ArgumentParser(description="Cut untrimmed pieces out of Big Buck Bunny.")
    parser.add_argument("source", type=Path, help="bbb.mp4 or moviepy-2.2.1.tar.gz")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    options = parser.parse_args()

    pieces = read_tables(HERE / "pieces.csv", HERE / "segments.csv")
    out, videos = options.out, []
    with tempfile.TemporaryDirectory() as scratch:
        film = make_film.find_film(options.source, Path(scratch))
        if make_film.sha256(film) != make_film.FILM_SHA256:
            print("warning: not the film file the shipped pieces were cut from", file=sys.stderr)
        for piece in pieces:
            path = out / "video" / piece["subset"] / f"{piece['id']}.mp4"
            start, end = piece["start"], piece["end"]
            make_film.write_clip(
                path,
                make_film.read_pictures(film, start, end, WIDTH, HEIGHT),
                make_film.read_sound(film, start, end),
                crf=CRF,
                peak_bits=PEAK_BITS,
                audio_bits=AUDIO_BITS,
                x264_params=X264_PARAMS,
            )
            videos.append(path)
            print(f"{path.relative_to(out)}  {path.stat().st_size / 1000:.0f} KB", flush=True)

    made = list(videos)
    for name, text in text_files(pieces).items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
        made.append(path)
    names = sorted(path.relative_to(out).as_posix() for path in made)
    lines = [f"{make_film.sha256(out / name)}  {name}" for name in names]
    write_text(out / "SHA256SUMS", "\n".join(lines) + "\n")

    total = sum(path.stat().st_size for path in videos)
    print(f"{len(videos)} pieces, {total / 1e6:.2f} MB")
    for path in sorted(set(out.glob("video/*/*.mp4")) - set(videos)):
        print(f"warning: {path} is in no row of pieces.csv", file=sys.stderr)


if __name__ == "__main__":
    main()
