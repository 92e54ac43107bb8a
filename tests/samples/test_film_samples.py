"""The film samples are whole, and their annotations and files agree."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from support import ROOT

from jacklib import samples

FILM = ROOT / "data_samples" / "film"
VE8 = ["Anger", "Anticipation", "Disgust", "Fear", "Joy", "Sadness", "Surprise", "Trust"]
ANNOTATION = json.loads((FILM / "film_01.json").read_text(encoding="utf-8"))
DATABASE = ANNOTATION["database"]


def clip_path(clip_id):
    return FILM / "video" / DATABASE[clip_id]["annotations"]["label"] / f"{clip_id}.mp4"


def test_checksums_match_and_cover_every_file():
    lines = (FILM / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    shipped = [*FILM.glob("video/*/*.mp4"), FILM / "film_01.json"]
    assert sorted(sums) == sorted(path.relative_to(FILM).as_posix() for path in shipped)
    for name, digest in sums.items():
        assert hashlib.sha256((FILM / name).read_bytes()).hexdigest() == digest, name


def test_each_annotation_has_a_file_and_each_file_an_annotation():
    assert sorted(FILM.glob("video/*/*")) == sorted(clip_path(clip_id) for clip_id in DATABASE)


def test_labels_are_ve8s_in_order():
    assert ANNOTATION["labels"] == VE8
    for clip_id, entry in DATABASE.items():
        assert entry["annotations"]["label"] in VE8, clip_id
        assert entry["annotations"]["description"].strip(), clip_id


def test_every_class_that_occurs_is_in_both_subsets():
    subsets = {}
    for entry in DATABASE.values():
        subsets.setdefault(entry["annotations"]["label"], set()).add(entry["subset"])
    assert len(subsets) >= 7
    for label, found in subsets.items():
        assert found == {"training", "validation"}, label


def test_clips_do_not_overlap():
    spans = sorted((e["annotations"]["start"], e["annotations"]["end"]) for e in DATABASE.values())
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        assert end <= start


@pytest.fixture
def own_film(tmp_path, monkeypatch):
    """A copy of the sample with two clips, not yet unpacked."""
    film = tmp_path / "film"
    few = {clip_id: DATABASE[clip_id] for clip_id in ("bbb_0120", "bbb_0345")}
    for clip_id in few:
        target = film / clip_path(clip_id).relative_to(FILM)
        target.parent.mkdir(parents=True)
        shutil.copy(clip_path(clip_id), target)
    (film / "film_01.json").write_text(json.dumps(ANNOTATION | {"database": few}))
    monkeypatch.setattr(samples, "samples_folder", lambda: tmp_path)
    return film


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.jpg")}


def test_four_at_once_unpack_the_film_once_and_whole(own_film):
    code = (
        "import sys; from pathlib import Path; from jacklib import samples\n"
        "samples.samples_folder = lambda: Path(sys.argv[1])\nprint(samples.film_clips(False)[0])"
    )
    repository = ROOT
    environment = {**os.environ, "JACKLIB_NO_JITTOR": "1", "PYTHONPATH": str(repository)}
    four = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(own_film.parent)], env=environment,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in four:
        assert process.communicate()[0] and process.returncode == 0
    folders = list(own_film.glob("img/*/bbb*"))
    assert len(folders) == len(list(own_film.glob("mp3/*/*.mp3"))) == 2
    for folder in folders:
        assert len(list(folder.glob("*.jpg"))) == int((folder / "n_frames").read_text()) > 100
    assert not list(own_film.rglob("*.part"))


def test_a_hole_is_fixed_and_a_whole_film_not_touched(own_film):
    samples.film_clips(False)
    whole = content(own_film)
    (own_film / ".jack.lock").unlink()
    samples.film_clips(False)
    assert not (own_film / ".jack.lock").exists()  # where nothing can be written it is used too
    folder = own_film / "img" / "Joy" / "bbb_0120"
    (folder / "000100.jpg").unlink()
    samples.film_clips(False)
    assert content(own_film) == whole


def test_total_size_is_under_10_mb():
    made_at_first_use = ("img", "mp3", ".jack.lock")
    shipped = [p for p in FILM.rglob("*") if p.relative_to(FILM).parts[0] not in made_at_first_use]
    assert sum(path.stat().st_size for path in shipped if path.is_file()) < 10e6


@pytest.mark.parametrize("clip_id", sorted(DATABASE))
def test_clip_opens_and_has_picture_and_sound(clip_id):
    path, annotation = clip_path(clip_id), DATABASE[clip_id]["annotations"]
    capture = cv2.VideoCapture(str(path))
    assert capture.isOpened()
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = 0
    while True:
        fine, picture = capture.read()
        if not fine:
            break
        assert picture.shape == (180, 320, 3)
        frames += 1
    capture.release()
    assert 4 <= frames / fps <= 6
    assert frames == round((annotation["end"] - annotation["start"]) * 24)

    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
        rate = container.streams.audio[0].rate
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert rate == 44100
    # AAC's last frame is padded to 1024 samples.
    assert abs(sound.shape[1] / rate - frames / fps) < 0.03
    # The quietest clip lies near -54 dB; a silent track would lie far below -70 dB.
    assert np.sqrt(np.mean(np.square(sound))) > 10 ** (-70 / 20)
