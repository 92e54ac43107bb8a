"""The untrimmed film samples are whole, and their tables and files agree."""

import csv
import hashlib
import json

import av
import cv2
import numpy as np
import pytest
from support import ROOT

FILM = ROOT / "data_samples" / "untrimmed_film"
CLASSES = ["n", "p"]
HAND_WRITTEN = {"README.md", "README_CN.md", "make_untrimmed_film.py", "SHA256SUMS"} | {
    "pieces.csv",
    "segments.csv",
}


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_json(name):
    return json.loads((FILM / name).read_text(encoding="utf-8"))


PIECES = {row["id"]: row for row in read_csv(FILM / "pieces.csv")}
LENGTHS = {name: float(row["end"]) - float(row["start"]) for name, row in PIECES.items()}
SEGMENTS = {name: [] for name in PIECES}  # each (label, start, end)
for _row in read_csv(FILM / "segments.csv"):
    SEGMENTS[_row["id"]].append((_row["label"], float(_row["start"]), float(_row["end"])))
POINT_FILES = [f"point_gaussian/train/point_anno_{number}.txt" for number in range(3)]


def subset(name):
    return [piece for piece, row in PIECES.items() if row["subset"] == name]


def shipped():
    files = (path.relative_to(FILM) for path in FILM.rglob("*") if path.is_file())
    # Features are made at first use.
    return [
        path for path in files if path.parts[0] not in ("features", "__pycache__", ".jack.lock")
    ]


def test_checksums_match_and_cover_every_made_file():
    lines = (FILM / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    assert sorted(sums) == sorted({path.as_posix() for path in shipped()} - HAND_WRITTEN)
    for name, digest in sums.items():
        assert hashlib.sha256((FILM / name).read_bytes()).hexdigest() == digest, name


def test_each_piece_has_a_video_and_each_video_a_piece():
    expected = [FILM / "video" / row["subset"] / f"{name}.mp4" for name, row in PIECES.items()]
    assert sorted(FILM.glob("video/*/*")) == sorted(expected)


def test_ids_are_starts_and_pieces_do_not_overlap():
    spans = sorted((float(row["start"]), float(row["end"]), name) for name, row in PIECES.items())
    for start, end, name in spans:
        assert name == f"bbb_{int(start) // 60:02d}{int(start) % 60:02d}"
        assert 36 <= end - start <= 56, name
    for (_, end, _), (start, _, _) in zip(spans, spans[1:], strict=False):
        assert end <= start


def test_segments_lie_in_order_inside_their_piece_and_leave_neutral_time():
    for row in read_csv(FILM / "segments.csv"):
        assert row["label"] in CLASSES and row["description"].strip(), row
    for name, segments in SEGMENTS.items():
        at = 0.0
        for _, start, end in segments:
            assert at <= start and 4 <= end - start <= 15, (name, start)
            at = end
        assert at <= LENGTHS[name], name
        share = sum(end - start for _, start, end in segments) / LENGTHS[name]
        assert 0.2 <= share <= 0.45, name


def test_both_classes_are_in_both_subsets_and_in_most_pieces():
    labels = {name: {label for label, _, _ in segments} for name, segments in SEGMENTS.items()}
    for name in ("train", "test"):
        assert set().union(*(labels[piece] for piece in subset(name))) == set(CLASSES)
    assert sum(found == set(CLASSES) for found in labels.values()) > len(PIECES) / 2


@pytest.mark.parametrize("name", ["gt.json", "videosenti_gt.json"])
def test_ground_truth_holds_the_segments(name):
    database = read_json(name)["database"]
    assert set(database) == set(PIECES)
    for piece, entry in database.items():
        assert entry["subset"] == PIECES[piece]["subset"]
        found = []
        for annotation in entry["annotations"]:
            assert all(isinstance(time, str) for time in annotation["segment"])
            found.append((annotation["label"], *map(float, annotation["segment"])))
        hidden = name == "gt.json" and entry["subset"] == "train"
        assert found == ([] if hidden else SEGMENTS[piece]), piece


def test_splits_rates_and_lengths_are_the_pieces():
    for name in ("train", "test"):
        lines = (FILM / f"split_{name}.txt").read_text(encoding="utf-8").splitlines()
        assert sorted(lines) == sorted(subset(name))
    assert read_json("fps_dict.json") == dict.fromkeys(PIECES, 24.0)
    assert read_json("time.json") == LENGTHS


@pytest.mark.parametrize("name", POINT_FILES)
def test_one_point_lies_in_each_training_segment(name):
    assert (FILM / name).read_text(encoding="utf-8").splitlines()[0] == (
        "class,class_index,start_frame,stop_frame,video_id,point"
    )
    rows = read_csv(FILM / name)
    expected = [(piece, *segment) for piece in subset("train") for segment in SEGMENTS[piece]]
    assert len(rows) == len(expected)
    for row, (piece, label, start, end) in zip(rows, expected, strict=True):
        first, last, point = (int(row[key]) for key in ("start_frame", "stop_frame", "point"))
        assert (row["video_id"], row["class"]) == (piece, label)
        assert int(row["class_index"]) == CLASSES.index(label)
        assert first <= point <= last and point == (first + last) // 2 and last - first <= 10
        assert start * 24 <= first and last < end * 24, row
        # Features have one row for every 16 whole frames.
        assert 0 <= point // 16 < int(LENGTHS[piece] * 24) // 16, row


def test_annotators_differ_and_point_labels_are_the_first():
    texts = [(FILM / name).read_text(encoding="utf-8") for name in POINT_FILES]
    assert len(set(texts)) == 3
    assert (FILM / "point_gaussian/point_labels.csv").read_text(encoding="utf-8") == texts[0]


def test_total_size_is_under_the_limit():
    videos = sum(path.stat().st_size for path in FILM.glob("video/*/*.mp4"))
    everything = sum((FILM / path).stat().st_size for path in shipped())
    assert videos <= 5.5e6
    assert everything - videos < 1e5


@pytest.mark.parametrize("name", sorted(PIECES))
def test_video_opens_and_has_picture_and_sound(name):
    path = FILM / "video" / PIECES[name]["subset"] / f"{name}.mp4"
    capture = cv2.VideoCapture(str(path))
    assert capture.isOpened()
    assert capture.get(cv2.CAP_PROP_FPS) == 24
    frames = 0
    while True:
        fine, picture = capture.read()
        if not fine:
            break
        assert picture.shape == (108, 192, 3)
        frames += 1
    capture.release()
    assert frames == LENGTHS[name] * 24

    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels) == (44100, 1)
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    # AAC's last frame is padded to 1024 samples.
    assert abs(sound.shape[1] / 44100 - LENGTHS[name]) < 0.03
    # A silent track would lie far below -70 dB.
    assert np.sqrt(np.mean(np.square(sound))) > 10 ** (-70 / 20)
