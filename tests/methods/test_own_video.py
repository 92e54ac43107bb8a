"""Notebook 10's parts: files checked, uploads kept, the newest weights found."""

import shutil

import numpy as np
import pytest
from support import ROOT
from support.videos import write_video

from jacklib.data.audio import read_audio
from jacklib.data.tsl_features import frames_between, video_facts
from jacklib.errors import DataError
from jacklib.methods.clips import one_clip
from jacklib.methods.clips import open_clips as clips_of
from jacklib.networks import VAANetConfig
from jacklib.samples import samples_folder
from jacklib.teaching import own_video
from jacklib.weights.checkpoint import read_weights
from jacklib.weights.torch_files import write_torch_file

CLIP = ROOT / "data_samples" / "film" / "video" / "Joy" / "bbb_0120.mp4"
FILM = ROOT / "data_samples" / "untrimmed_film" / "video" / "test" / "bbb_0733.mp4"
WALK = ROOT / "data_samples" / "gait" / "walks" / "deepmimic_walk.csv"


def test_files_that_cannot_be_used(tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    cases = {tmp_path / "gone.mp4": "no such file", WALK: r"ends in \.csv", empty: "0 bytes"}
    for path, said in cases.items():
        with pytest.raises(DataError, match=f"{path.name}: found .*{said}"):
            own_video.check_file(path)
    assert own_video.check_file(str(CLIP)) == CLIP
    assert own_video.check_file(WALK, own_video.POSES) == WALK


def test_a_look_at_the_file(tmp_path):
    facts = own_video.look(CLIP)
    assert facts.sound and facts.seconds == pytest.approx(4, abs=0.5)
    silent = tmp_path / "silent.mp4"
    write_video(silent, [90] * 30)
    facts = own_video.look(silent)
    assert not facts.sound and facts.seconds == pytest.approx(1, abs=0.1)
    with pytest.raises(DataError, match=r"not\.mp4: found .*decoded"):
        own_video.look(shutil.copy(WALK, tmp_path / "not.mp4"))


def test_uploads(tmp_path):
    assert own_video.uploaded((), tmp_path) is None
    value = ({"name": "..\\..\\evil/../my film.mp4", "content": memoryview(b"12345")},)
    path = own_video.uploaded(value, tmp_path / "uploads")
    assert path == tmp_path / "uploads" / "my film.mp4" and path.read_bytes() == b"12345"


@pytest.mark.parametrize("name, kept", [
    ("..", "upload"), ("", "upload"), ("/", "upload"), (".bashrc", "upload"),
    ("a\0.mp4", "upload.mp4"), ("x" * 300 + ".MKV", "upload.mkv"), ("a\n.bvh", "upload.bvh"),
    ("<img src=x>.mp4", "<img src=x>.mp4"), ("/etc/passwd", "passwd"),
])  # fmt: skip
def test_an_upload_stays_in_its_folder(tmp_path, name, kept):
    folder, victim = tmp_path / "uploads", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("precious")
    (folder / kept).symlink_to(victim)
    path = own_video.uploaded(({"name": name, "content": memoryview(b"12345")},), folder)
    assert path == folder / kept and not path.is_symlink() and path.read_bytes() == b"12345"
    assert victim.read_text() == "precious" and len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("stem", ["my film", "<b>", "...", "a\\b"])
def test_one_clip_makes_no_path_of_a_name(tmp_path, stem):
    video = write_video(tmp_path / f"{stem}.mp4", [90] * 20)
    opened = []

    def open_clips(paths):
        opened.append(paths.video_path)
        return clips_of(VAANetConfig.classroom(n_classes=2), paths, "validation")

    clips = one_clip(video, open_clips)
    assert clips.items[0].id == stem and clips.class_names == ["clip"]
    assert clips.items[0].frame_folder == opened[0] / "clip" / "clip"
    assert clips.items[0].audio_file.name == "clip.mp3"
    assert opened[0].exists()
    del clips
    assert not opened[0].parent.exists()  # gone with it


def test_weights_are_the_newest_that_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(own_video, "ROOT", tmp_path)
    shipped = samples_folder() / "weights"
    assert own_video.found_weights("TSL") == shipped / "tsl.safetensors"
    for place in ("results/TSL/best.pth", "notebooks/results/tsl/last.pth"):
        path = tmp_path / place
        path.parent.mkdir(parents=True)
        path.touch()
        assert own_video.found_weights("TSL") == own_video.found_weights("tsl") == path
    assert own_video.found_weights("gait") == shipped / "gait.safetensors"
    path = tmp_path / "notebooks" / "results" / "gait" / "both" / "last.pth"  # as 07 leaves it
    path.parent.mkdir(parents=True)
    path.touch()
    assert own_video.found_weights("gait") == path
    with pytest.raises(DataError, match="'TSM'"):
        own_video.found_weights("TSM")


def test_weights_of_a_training_that_goes_on_are_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(own_video, "ROOT", tmp_path)
    last = tmp_path / "notebooks" / "results" / "vaanet" / "last.pth"
    last.parent.mkdir(parents=True)
    for epoch, found in ((3, samples_folder() / "weights" / "vaanet.safetensors"), (12, last)):
        write_torch_file(last, {"progress": {"epoch": epoch, "n_epochs": 12}})
        assert own_video.found_weights("vaanet") == found


def test_what_the_notebooks_trained_is_the_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(own_video, "ROOT", tmp_path)
    model = own_video.load_newest("TSL")
    assert own_video.about(model) == (
        "tsl     data_samples/weights/tsl.safetensors, trained on rendered videos; "
        "mAP 0.87 on validation data of the same kind"
    )
    assert "训练数据：渲染的长视频；在同类验证数据上的 mAP 为 0.87" in own_video.about(model, "zh")
    last = tmp_path / "notebooks" / "results" / "tsl" / "last.pth"  # as 06 leaves it: bare weights
    last.parent.mkdir(parents=True)
    content = {"state_dict": read_weights(model.file), "progress": {"epoch": 9, "n_epochs": 9}}
    write_torch_file(last, content)
    model = own_video.load_newest("tsl")
    assert (model.file.path, model.trained_on) == (str(last), "untrimmed_rendered")
    assert model.predict(FILM).doubt and model.score is None
    own = tmp_path / "results" / "TSL" / "best.pth"
    own.parent.mkdir(parents=True)
    last.rename(own)  # of which nobody knows what it was trained on
    model = own_video.load_newest("tsl")
    assert model.trained_on is None and "data that the file does not name" in own_video.about(model)


def test_a_film_that_is_changed(tmp_path):
    """Frames and sound come as arrays, and what is written of them is a film again."""
    frames, sound = own_video.arrays(CLIP)
    seconds = own_video.look(CLIP).seconds
    assert frames.dtype == np.uint8 and frames.shape[0] == round(30 * min(seconds, 20))
    assert frames.shape[1] == 144 and frames.shape[3] == 3
    assert len(sound) == round(44100 * min(seconds, 20)) and np.abs(sound).max() > 0.01

    folder = own_video.as_film(frames[::-1], 0 * sound, tmp_path / "film")
    assert video_facts(folder).n_frames == len(frames)
    again, silent = (
        frames_between(folder, 30, 0, 1 / 30, 1, 144)[0],
        read_audio(folder / "sound.wav"),
    )
    assert np.abs(again.astype(int) - frames[-1]).mean() < 4 and not silent.any()
    own_video.as_film(frames[:5], sound, folder)  # what was there before is gone
    assert video_facts(folder).n_frames == 5
