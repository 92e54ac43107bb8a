"""The official splits that ship: their counts, their classes, and that commands take them."""

import hashlib
import json
from argparse import Namespace
from collections import Counter

import pytest
from support import ROOT

from jacklib.data.tsl300 import ScoredVideos
from jacklib.data.video import DATASETS, read_annotation
from jacklib.errors import DataError
from jacklib.methods.clips import paths_of

FOLDER = ROOT / "data_samples" / "splits"


@pytest.mark.parametrize(
    ("name", "dataset", "counts", "largest"),
    [
        ("ve8_01", "ve8", (731, 367), ("Surprise", 70)),
        ("ve8_04", "ve8", (863, 219), ("Surprise", 48)),
        ("ek6_01", "ekman6", (819, 818), ("surprise", 180)),
    ],
)
def test_counts_and_classes(name, dataset, counts, largest):
    annotation = read_annotation(FOLDER / f"{name}.json")
    assert annotation["labels"] == DATASETS[dataset].labels
    clips = annotation["database"].values()
    subsets = Counter(clip["subset"] for clip in clips)
    assert (subsets["training"], subsets["validation"]) == counts
    classes = Counter(c["annotations"]["label"] for c in clips if c["subset"] == "validation")
    assert classes.most_common(1) == [largest]
    page = (FOLDER / "README.md").read_text()
    assert f"| {counts[0]} | {counts[1]} | {largest[0]}, {largest[1]} of {counts[1]}" in page


def test_tsl_300():
    folder = FOLDER / "tsl300"
    names = [(folder / f"split_{s}.txt").read_text().split() for s in ("train", "test")]
    assert list(map(len, names)) == [200, 100] and not set(names[0]) & set(names[1])
    videos = ScoredVideos(folder, "test")
    assert len(videos) == 100 and sum(len(item.truth) for item in videos.items) == 584


def test_checksums():
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    there = {p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file()}
    assert set(sums) == there - {"README.md", "README_CN.md", "SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_commands_take_them(tmp_path):
    args = Namespace(dataset="ve8", video_path=["img"], audio_path="mp3", annotation_path=None)
    assert paths_of(args).annotation_path == FOLDER / "ve8_01.json"
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"labels": ["a"], "database": {}}))
    args.annotation_path = str(own)
    assert paths_of(args).annotation_path == own
    with pytest.raises(DataError, match="found no --annotation_path"):
        args.dataset, args.annotation_path = "iemocap", None
        paths_of(args)
