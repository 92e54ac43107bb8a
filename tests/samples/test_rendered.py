"""Rendered clips: the label shows in the event and nowhere else; building survives a kill."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time

import av
import cv2
import numpy as np
import pytest
from support import ROOT

from jacklib.errors import DataError
from jacklib.samples import rendered
from jacklib.samples.rendered import LABELS, build_rendered, render_clip, segment_truth

CHECKSUMS = ROOT / "data_samples" / "rendered" / "CHECKSUMS"
SMALL = (36, 48)


def outside(clip):
    """Boolean [n_frames]: the frames that are not in the event."""
    frame = np.arange(len(clip.frames))
    return (frame < clip.event[0]) | (frame >= clip.event[1])


# -- one clip ---------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS)
def test_clip_has_the_promised_form(label):
    clip = render_clip(label, 5)
    assert clip.frames.shape == (96, 96, 128, 3) and clip.frames.dtype == np.uint8
    assert clip.sound.shape == (96 * 1470,) and clip.sound.dtype == np.float32
    assert np.abs(clip.sound).max() <= 1
    start, end = clip.event
    assert start % 12 == 0 and end - start == 36 and 0 <= start and end <= 96
    loud = np.sqrt(np.mean(clip.sound.reshape(96, 1470).astype(float) ** 2, axis=1))
    assert np.median(loud[start:end]) > 1.5 * np.median(loud[outside(clip)])
    # Something moves in the event: no two successive pictures are the same.
    step = np.abs(np.diff(clip.frames[start:end].astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert (step > 0).all()


@pytest.mark.parametrize("label", LABELS)
def test_other_sizes_lengths_and_events(label):
    for size, n_frames, event in (((40, 20), 3, (0, 1)), ((17, 60), 36, None)):
        clip = render_clip(label, 1, size=size, n_frames=n_frames, event=event)
        assert clip.frames.shape == (n_frames, *size, 3)
        assert clip.event == (event or (0, 36))
        assert np.isfinite(clip.sound).all()


def test_same_seed_same_bytes_other_seed_other_bytes():
    first, again, other = (render_clip("Joy", seed, size=SMALL) for seed in (3, 3, 4))
    assert clip_checksum(first) == clip_checksum(again)
    assert clip_checksum(first) != clip_checksum(other)


def clip_checksum(clip):
    """SHA-256 (hex) of the frames' bytes followed by the sound as little-endian 16-bit."""
    digest = hashlib.sha256(np.ascontiguousarray(clip.frames).tobytes())
    digest.update(np.rint(clip.sound.astype(np.float64) * 32767).astype("<i2").tobytes())
    return digest.hexdigest()


def stored_checksums():
    lines = CHECKSUMS.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


@pytest.mark.parametrize("label", LABELS)
def test_checksum_is_the_stored_one_even_where_sines_end_in_other_bits(label, monkeypatch):
    bits = np.random.RandomState(0)

    def with_wrong_last_bits(function):
        def wrong(*arguments):
            exact = np.asarray(function(*arguments))
            return exact + np.spacing(exact) * bits.randint(-2, 3, exact.shape)

        return wrong

    assert len(stored_checksums()) == len(LABELS)
    for name in ("sin", "cos", "arctan2", "exp", "tanh"):
        monkeypatch.setattr(np, name, with_wrong_last_bits(getattr(np, name)))
    clip = render_clip(label, 2020)
    assert clip_checksum(clip) == stored_checksums()[f"{label}_seed2020"]


def test_bad_arguments_are_named():
    with pytest.raises(DataError, match="'joy'.*Anger, Anticipation"):
        render_clip("joy", 0)
    with pytest.raises(DataError, match=r"\(90, 100\).*96 frames"):
        render_clip("Joy", 0, event=(90, 100))
    with pytest.raises(DataError, match="n_frames=35"):
        render_clip("Joy", 0, n_frames=35)
    with pytest.raises(DataError, match="seq_len"):
        segment_truth((0, 36), 96, 0)


# -- the label shows in the event and nowhere else --------------------------------------------


def test_same_seed_gives_the_same_bytes_outside_the_event_for_every_label():
    clips = [render_clip(label, 11, size=SMALL) for label in LABELS]
    quiet = outside(clips[0])
    samples = np.repeat(quiet, 1470)
    for clip in clips[1:]:
        assert clip.event == clips[0].event
        assert np.array_equal(clip.frames[quiet], clips[0].frames[quiet])
        assert np.array_equal(clip.sound[samples], clips[0].sound[samples])
        assert not np.array_equal(clip.frames[~quiet], clips[0].frames[~quiet])
        assert not np.array_equal(clip.sound[~samples], clips[0].sound[~samples])


def nearest_mean_accuracy(train, test):
    """Accuracy of the nearest class mean; train and test [classes, clips, features]."""
    means = train.mean(axis=1)
    spread = train.std(axis=(0, 1)) + 1e-9
    distance = (((test[:, :, None] - means) / spread) ** 2).sum(axis=-1)
    return np.mean(distance.argmin(axis=-1) == np.arange(len(train))[:, None])


def picture_features(frames):
    """Mean and spread of each colour, and the mean step from frame to frame: [9]."""
    values = frames.reshape(-1, 3).astype(float)
    step = np.abs(np.diff(frames.astype(float), axis=0)).mean(axis=(0, 1, 2))
    return np.concatenate([values.mean(axis=0), values.std(axis=0), step])


def sound_features(sound):
    """Level in seven bands of frequency, in decibels."""
    power = np.abs(np.fft.rfft(sound.astype(float))) ** 2
    bands = np.array([0, 150, 300, 600, 1200, 2400, 4800, 22050]) * len(sound) / 44100
    return np.array(
        [
            10 * np.log10(power[int(low) : int(high)].mean() + 1e-9)
            for low, high in zip(bands[:-1], bands[1:], strict=True)
        ]
    )


@pytest.fixture(scope="module")
def features():
    """{(what, where): [8 classes, 20 clips, features]}, each clip from a seed of its own."""
    found = {(what, where): [] for what in ("picture", "sound") for where in ("event", "neutral")}
    for class_index, label in enumerate(LABELS):
        rows = {key: [] for key in found}
        for k in range(20):
            clip = render_clip(label, 1000 * class_index + k, size=SMALL, event=(24, 60))
            rows["picture", "event"].append(picture_features(clip.frames[24:60]))
            rows["picture", "neutral"].append(picture_features(clip.frames[60:]))
            rows["sound", "event"].append(sound_features(clip.sound[24 * 1470 : 60 * 1470]))
            rows["sound", "neutral"].append(sound_features(clip.sound[60 * 1470 :]))
        for key in found:
            found[key].append(rows[key])
    return {key: np.array(value) for key, value in found.items()}


@pytest.mark.parametrize("what", ["picture", "sound"])
def test_a_simple_classifier_reads_the_event_but_not_the_rest(features, what):
    accuracy = {
        where: nearest_mean_accuracy(features[what, where][:, :12], features[what, where][:, 12:])
        for where in ("event", "neutral")
    }
    # 64 test clips, chance 12.5 % with a standard deviation of 4.1 points.
    assert accuracy["neutral"] < 0.25
    assert accuracy["event"] > 0.7


def test_segment_truth():
    assert segment_truth((24, 60), 96, 8).tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert segment_truth((12, 48), 96, 12).tolist() == [0, 0.5, 1, 1, 1, 1] + [0] * 6
    assert segment_truth((0, 96), 96, 5).tolist() == [1] * 5
    for seq_len in (1, 7, 13, 96, 100):
        truth = segment_truth((36, 72), 96, seq_len)
        assert truth.shape == (seq_len,)
        assert truth.sum() * 96 / seq_len == pytest.approx(36)


# -- the folder -------------------------------------------------------------------------------


def assert_whole(root, n_train, n_val):
    """The folder holds what VE8's layout asks for, and nothing is left over."""
    there = sorted(path.name for path in root.iterdir() if path.name != ".jack.lock")
    assert there == ["img", "made_with.json", "mp3", "rendered_01.json"]
    content = json.loads((root / "rendered_01.json").read_text(encoding="utf-8"))
    assert content["labels"] == LABELS
    database = content["database"]
    assert len(database) == 8 * (n_train + n_val)
    assert len(list(root.glob("img/*/*"))) == len(list(root.glob("mp3/*/*"))) == len(database)
    for clip_id, entry in database.items():
        label = entry["annotations"]["label"]
        folder = root / "img" / label / clip_id
        assert (folder / "n_frames").read_text() == "96"
        assert sorted(p.name for p in folder.glob("*.jpg")) == [
            f"{i:06d}.jpg" for i in range(1, 97)
        ]
        assert (root / "mp3" / label / f"{clip_id}.mp3").stat().st_size > 10_000
    return database


def test_build_writes_ve8s_layout_and_the_files_are_the_clips(tmp_path):
    root = build_rendered(tmp_path / "rendered", n_train=1, n_val=1, seed=7, progress=False)
    database = assert_whole(root, 1, 1)
    assert {entry["subset"] for entry in database.values()} == {"training", "validation"}
    for clip_id in ("fear_t001", "joy_v001"):
        annotation = database[clip_id]["annotations"]
        start, end = annotation["event_start"], annotation["event_end"]
        label = annotation["label"]
        folder = root / "img" / label / clip_id
        pictures = np.stack([cv2.imread(str(folder / f"{i:06d}.jpg")) for i in range(1, 97)])
        # The event's first and last frames are where the annotation says: there the picture jumps.
        step = np.abs(np.diff(pictures.astype(int), axis=0)).mean(axis=(1, 2, 3))
        quiet = np.delete(step, np.arange(max(start - 1, 0), min(end, 95)))
        for border in (start - 1, end - 1):
            if 0 <= border < 95:
                assert step[border] > 4 * quiet.max()
        if label == "Joy":  # yellow, in OpenCV's order: were red and blue swapped, it would be blue
            blue, _, red = pictures[start:end].mean(axis=(0, 1, 2))
            assert red > blue + 50
        with av.open(str(root / "mp3" / label / f"{clip_id}.mp3")) as container:
            stream = container.streams.audio[0]
            assert (stream.rate, stream.channels, stream.bit_rate) == (44100, 1, 64000)
            sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
        assert abs(len(sound) - 96 * 1470) < 2 * 1152  # MP3 frames hold 1152 samples
        loud = np.sqrt(np.mean(sound[: 95 * 1470].reshape(95, 1470) ** 2, axis=1))
        inside = np.arange(95)[start + 2 : end - 2]
        quiet = [i for i in range(95) if not start - 2 <= i < end + 2]
        assert np.median(loud[inside]) > 1.5 * np.median(loud[quiet])


def test_event_times_are_the_same_for_every_class(tmp_path, monkeypatch):
    monkeypatch.setattr(rendered, "_write_clip", lambda *job: None)
    database = rendered._write_clips(tmp_path, 16, 8, 2020, progress=False)
    for subset, count in (("training", 16), ("validation", 8)):
        starts = {label: [] for label in LABELS}
        for entry in database.values():
            if entry["subset"] == subset:
                annotation = entry["annotations"]
                starts[annotation["label"]].append(annotation["event_start"])
        times = starts["Anger"]
        assert len(times) == count and all(other == times for other in starts.values())
        uses = [times.count(start) for start in range(0, 61, 12)]
        assert max(uses) - min(uses) <= 1


def test_clips_of_a_build_all_have_seeds_of_their_own(tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setattr(rendered, "_write_clip", lambda *job: seeds.append(job[3]))
    rendered._write_clips(tmp_path, 16, 8, 2020, progress=False)
    rendered._write_clips(tmp_path, 16, 8, 2021, progress=False)
    assert len(seeds) == len(set(seeds)) == 2 * 192


class Counted:
    """Stands in for `_write_clip`: writes tiny clips at once, and counts them."""

    def __init__(self):
        self.made = 0
        self.stop_after = None

    def __call__(self, folder, clip_id, label, seed, event):
        if self.stop_after is not None and self.made >= self.stop_after:
            raise KeyboardInterrupt
        self.made += 1
        pictures, sounds = folder / "img" / label / clip_id, folder / "mp3" / label
        pictures.mkdir(parents=True)
        sounds.mkdir(parents=True, exist_ok=True)
        for number in range(1, 97):
            (pictures / f"{number:06d}.jpg").write_bytes(b"")
        (pictures / "n_frames").write_text("96")
        (sounds / f"{clip_id}.mp3").write_bytes(bytes(10_001))


@pytest.fixture
def counted(monkeypatch):
    writer = Counted()
    monkeypatch.setattr(rendered, "_write_clip", writer)
    return writer


def test_complete_clips_are_kept_and_other_arguments_build_anew(tmp_path, counted):
    def build(n_train, seed=1):
        build_rendered(tmp_path, n_train=n_train, n_val=0, seed=seed, progress=False)
        assert_whole(tmp_path, n_train, 0)
        return counted.made

    assert build(1) == 8
    assert build(1) == 8
    assert build(2) == 24
    assert build(2, seed=2) == 40
    (tmp_path / "mp3" / "Joy" / "joy_t002.mp3").unlink()
    assert build(2, seed=2) == 56
    (tmp_path / "img" / "Joy" / "joy_t001" / "000096.jpg").unlink()  # the last picture of one clip
    assert build(2, seed=2) == 72
    assert build(2, seed=2) == 72


def test_complete_clips_are_used_where_nothing_can_be_written(tmp_path, counted):
    build_rendered(tmp_path, n_train=1, n_val=0, progress=False)
    (tmp_path / ".jack.lock").unlink()
    assert build_rendered(tmp_path, n_train=1, n_val=0, progress=False) == tmp_path
    assert not (tmp_path / ".jack.lock").exists() and counted.made == 8


def test_interrupted_while_rendering(tmp_path, counted):
    counted.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        build_rendered(tmp_path, n_train=1, n_val=0, progress=False)
    assert not (tmp_path / "rendered_01.json").exists()
    counted.stop_after = None
    build_rendered(tmp_path, n_train=1, n_val=0, progress=False)
    assert_whole(tmp_path, 1, 0)


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("earlier", [False, True], ids=["first", "again"])
def test_stopped_at_any_rename(tmp_path, counted, monkeypatch, nth, earlier):
    """Stopped while img, mp3 and the annotation get their places, with old clips or without."""
    if earlier:
        build_rendered(tmp_path, n_train=1, n_val=1, progress=False)
    calls = []

    def stop(source, target):
        calls.append(target)
        if len(calls) == nth:
            raise KeyboardInterrupt
        return rename(source, target)

    rename = os.rename
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", stop)
        with pytest.raises(KeyboardInterrupt):
            build_rendered(tmp_path, n_train=1, n_val=0, progress=False)
    made = counted.made
    build_rendered(tmp_path, n_train=1, n_val=0, progress=False)
    assert counted.made == made + 8  # what the stopped call has left does not count as finished
    assert_whole(tmp_path, 1, 0)


def test_killed_process(tmp_path, counted):
    """A real kill in the middle of rendering, with real clips."""
    code = (
        "import sys, pathlib; from jacklib.samples.rendered import build_rendered\n"
        "build_rendered(pathlib.Path(sys.argv[1]), n_train=100, n_val=0, progress=False)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "JACKLIB_NO_JITTOR": "1", "PYTHONPATH": str(ROOT)},
    )
    try:
        while not list(tmp_path.glob(".jack-*.part/new/mp3/*/*.mp3")):
            assert child.poll() is None
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait()
    assert not (tmp_path / "rendered_01.json").exists()
    build_rendered(tmp_path, n_train=1, n_val=0, progress=False)
    assert_whole(tmp_path, 1, 0)


@pytest.mark.skipif(os.name == "nt", reason="the lock needs flock")
def test_two_at_once_build_once(tmp_path, counted):
    threads = [
        threading.Thread(
            target=build_rendered, args=(tmp_path,), kwargs=dict(n_train=2, n_val=0, progress=False)
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.made == 16
    assert_whole(tmp_path, 2, 0)


def test_folders_of_others_are_left_alone(tmp_path, counted):
    precious = tmp_path / "img" / "Joy" / "mine.jpg"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"mine")
    with pytest.raises(DataError, match="did not make"):
        build_rendered(tmp_path, n_train=1, n_val=0, progress=False)
    assert precious.read_bytes() == b"mine" and counted.made == 0


def test_progress_bar_only_when_asked(tmp_path, counted, capsys):
    build_rendered(tmp_path / "a", n_train=1, n_val=0, progress=False)
    assert capsys.readouterr().err == ""
    build_rendered(tmp_path / "b", n_train=1, n_val=0)
    assert "rendered clips" in capsys.readouterr().err
