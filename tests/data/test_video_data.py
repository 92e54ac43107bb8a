"""Labelled clips: which frames, which pictures, which sound, in which batches, and bad input."""

import json
import logging
import re
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import av
import librosa
import numpy as np
import pytest
from PIL import Image
from support.clips import CLIPS, FILM, LABELS, open_clips

from jacklib.data import audio, transforms, video
from jacklib.data.transforms import TransformDraw, apply_transform, draw_transform, tsn_indices
from jacklib.data.video import batches, number_of_batches
from jacklib.errors import DataError


@pytest.fixture
def own_film(film, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(film, tmp_path / "film"))


def frames_of(folder, label="Sadness", clip_id="bbb_0324"):
    return folder / "img" / label / clip_id


def loading_threads():
    return [t for t in threading.enumerate() if t.name.startswith("jacklib-load")]


# --- Which frames ---------------------------------------------------------------------------------


def by_lists(n_frames, seq_len, duration, start):
    """The sampling once more, written with lists; start(length of a part) -> first frame."""
    frames = list(range(n_frames))
    while len(frames) < seq_len * duration:
        frames += list(range(n_frames))
    if n_frames < seq_len * duration:
        frames = frames[: seq_len * duration]
    part = len(frames) // seq_len
    parts = [frames[part * i : part * (i + 1)] for i in range(seq_len)]
    return [p[start(part) : start(part) + duration] for p in parts]


@pytest.mark.parametrize("n_frames", [1, 16, 100, 191, 192, 193, 400, 3211])
def test_centred_sampling(n_frames):
    expected = by_lists(n_frames, 12, 16, lambda part: part // 2 - 8)
    indices = tsn_indices(n_frames)
    assert indices.shape == (12, 16)
    assert indices.tolist() == expected


def test_random_sampling_stays_in_its_part_and_reaches_every_start_but_the_last():
    rng = np.random.default_rng(0)
    starts = set()
    for _ in range(300):
        indices = tsn_indices(100, seq_len=4, snippet_duration=16, rng=rng)
        first = indices[:, 0] - 25 * np.arange(4)
        assert (np.diff(indices, axis=1) == 1).all()
        starts |= set(first.tolist())
    # A part has 25 frames; 16 consecutive ones could start at 0..9, the released code stops at 8.
    assert starts == set(range(9))


def test_random_sampling_of_short_clip_wraps_round():
    indices = tsn_indices(20, seq_len=12, snippet_duration=16, rng=np.random.default_rng(1))
    assert indices.reshape(-1).tolist() == [n % 20 for n in range(192)]


@pytest.mark.parametrize("arguments", [(0,), (10, 0), (10, 1, 0)])
def test_sampling_refuses_nothing(arguments):
    with pytest.raises(DataError, match="1 or more"):
        tsn_indices(*arguments)


# --- What is done to a picture --------------------------------------------------------------------


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (2, 40, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "crop, top, left",
    [
        ("centre", 0, 12),
        ("top_left", 0, 0),
        ("top_right", 0, 24),
        ("bottom_left", 0, 0),
        ("bottom_right", 0, 24),
    ],
)
def test_crops_of_the_short_side(noise, crop, top, left):
    for resize_first in (False, True):
        result = apply_transform(noise, TransformDraw(crop, resize_first), 40)
        assert np.array_equal(result, noise[:, top : top + 40, left : left + 40])


def test_bottom_crop_of_an_upright_picture(noise):
    upright = noise.transpose(0, 2, 1, 3)
    result = apply_transform(upright, TransformDraw("bottom_right", False), 40)
    assert np.array_equal(result, upright[:, 24:, :])


def test_halving_weighs_neighbours_1_3_3_1(noise):
    result = apply_transform(noise, TransformDraw("top_left", False), 20).astype(float)
    square = noise[:, :40, :40].astype(float)

    def halve(x, axis):
        x = np.moveaxis(x, axis, 0)
        rows = [(x[2 * i - 1] + 3 * x[2 * i] + 3 * x[2 * i + 1] + x[2 * i + 2]) / 8
                for i in range(1, 19)]  # fmt: skip
        return np.moveaxis(np.array(rows), 0, axis)

    expected = halve(halve(square, 1), 2)
    assert np.abs(result[:, 1:19, 1:19] - expected).max() <= 1.01  # two roundings to whole numbers


def test_flip_brightness_and_rotation(noise):
    plain = apply_transform(noise, TransformDraw("top_left", False), 40).astype(float)

    flipped = apply_transform(noise, TransformDraw("top_left", False, "flip"), 40)
    assert np.array_equal(flipped, plain[:, :, ::-1])

    darker = apply_transform(noise, TransformDraw("top_left", False, "brightness", 0.6), 40)
    assert np.abs(darker - 0.6 * plain).max() <= 1
    assert darker.mean() < 0.62 * plain.mean()

    dot = np.zeros((1, 101, 101, 3), np.uint8)
    dot[0, 49:52, 79:82] = 255  # 30 pixels to the right of the centre
    turned = apply_transform(dot, TransformDraw("top_left", False, "rotation", 20.0), 101)
    y, x = np.indices((101, 101))
    weight = turned[0, :, :, 0] / turned[0, :, :, 0].sum()
    place = (x * weight).sum() - 50, (y * weight).sum() - 50
    expected = 30 * np.cos(np.radians(20)), -30 * np.sin(np.radians(20))  # up: counter-clockwise
    assert np.allclose(place, expected, atol=0.5)


def test_draws_have_the_papers_chances():
    rng = np.random.default_rng(0)
    draws = [draw_transform(rng, augment=True) for _ in range(4000)]
    crops = [sum(d.crop == crop for d in draws) / 4000 for crop in transforms.CROPS]
    effects = [sum(d.effect == e for d in draws) / 4000 for e in transforms.EFFECTS]
    assert np.allclose(crops, 0.2, atol=0.03)
    assert np.allclose(effects, 0.1, atol=0.02)
    angles = [d.amount for d in draws if d.effect == "rotation"]
    factors = [d.amount for d in draws if d.effect == "brightness"]
    assert -20 <= min(angles) < -18 and 18 < max(angles) <= 20
    assert 0.5 <= min(factors) < 0.52 and 0.98 < max(factors) <= 1
    assert all(d.effect is None for d in (draw_transform(rng) for _ in range(100)))
    assert draw_transform() == TransformDraw("centre", True, None, 0.0)


def test_transform_refuses_what_it_does_not_know(noise):
    with pytest.raises(DataError, match=r"uint8 \[N, H, W, 3\]"):
        apply_transform(noise.astype(float), TransformDraw())
    with pytest.raises(DataError, match="crop 'middle'"):
        apply_transform(noise, TransformDraw("middle"))


# --- Sound ----------------------------------------------------------------------------------------


def test_audio_is_what_librosa_reads(film):
    path = film / "mp3" / "Sadness" / "bbb_0324.mp3"
    expected, rate = librosa.load(path, sr=44100)
    waveform = audio.read_audio(path)
    assert waveform.dtype == np.float32 and np.array_equal(waveform, expected)
    features = audio.mfcc(waveform)
    assert features.shape == (1 + len(waveform) // 512, 32)
    assert np.allclose(features, librosa.feature.mfcc(y=expected, sr=rate, n_mfcc=32).T)


def test_mp3_and_the_video_it_came_from_sound_alike(film):
    mp3 = audio.read_audio(film / "mp3" / "Sadness" / "bbb_0324.mp3")
    original = audio.read_audio(FILM / "video" / "Sadness" / "bbb_0324.mp4")
    length = min(len(mp3), len(original))
    assert abs(len(mp3) - len(original)) < 2400
    assert np.corrcoef(mp3[:length], original[:length])[0, 1] > 0.99


def test_silence_gives_finite_numbers():
    features = audio.mfcc(np.zeros(44100, np.float32))
    assert features.shape == (87, 32) and np.isfinite(features).all()
    assert np.isfinite(audio.mfcc(np.zeros(100, np.float32))).all()


def test_tile_frames_repeats_and_cuts():
    features = np.arange(6).reshape(3, 2)
    assert audio.tile_frames(features, 7)[:, 0].tolist() == [0, 2, 4, 0, 2, 4, 0]
    cut = audio.tile_frames(features, 2)
    assert cut.tolist() == [[0, 1], [2, 3]] and not np.shares_memory(cut, features)
    with pytest.raises(DataError, match="no frames"):
        audio.tile_frames(features[:0], 2)


@pytest.mark.parametrize("content", [b"", b"no sound at all " * 200, bytes(5000)])
def test_damaged_audio_is_named(tmp_path, content):
    path = tmp_path / "broken.mp3"
    path.write_bytes(content)
    with pytest.raises(DataError, match="broken.mp3"):
        audio.read_audio(path)


def test_missing_audio_and_wrong_waveform_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.mp3.*no such file.*run\.sh prepare"):
        audio.read_audio(tmp_path / "gone.mp3")
    with pytest.raises(DataError, match="one channel"):
        audio.mfcc(np.zeros((2, 100)))


def test_video_without_sound_is_silence_of_its_length(tmp_path):
    path = tmp_path / "mute.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 99, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    waveform = audio.read_audio(path)
    assert not waveform.any() and abs(len(waveform) - 2 * 44100) < 4410


# --- Clips ----------------------------------------------------------------------------------------


def test_data_sets_agree_with_the_papers():
    ve8, ekman6 = video.DATASETS["ve8"], video.DATASETS["ekman6"]
    assert ve8.positive == ["Anticipation", "Joy", "Surprise", "Trust"]
    assert ekman6.positive == ["joy", "surprise"]
    for info in video.DATASETS.values():
        numbers = sorted(video.positive_classes(info.labels))
        assert [info.labels[n] for n in numbers] == info.positive
    assert video.positive_classes(["JOY", "fear", "trust"]) == {0, 2}


def test_items_follow_the_annotation(film):
    clips = open_clips(film)
    assert clips.class_names == LABELS and clips.positive == {1, 4, 6, 7}
    assert [item.id for item in clips.items] == CLIPS[:4]
    assert [item.label_name for item in clips.items] == ["Sadness", "Sadness", "Joy", "Joy"]
    assert [item.label for item in clips.items] == [5, 5, 4, 4]
    assert clips.items[0].n_frames == len(list(clips.items[0].frame_folder.glob("*.jpg")))
    assert clips.items[0].annotation["description"] and "label" not in clips.items[0].annotation
    assert len(open_clips(film, subset="validation")) == 1
    assert not clips.skipped


def test_centred_sample_is_the_files_in_order(film):
    clips = open_clips(film)
    sample = clips.load(0)
    assert sample.visual.shape == (3, 3, 4, 32, 32) and sample.visual.dtype == np.float32
    assert sample.audio.shape == (600, 32) and sample.audio.dtype == np.float32
    assert (sample.label, sample.id) == (5, "bbb_0324")
    n_frames = clips.items[0].n_frames
    assert sample.frame_indices.tolist() == by_lists(n_frames, 3, 4, lambda part: part // 2 - 2)
    for s, d in ((0, 0), (1, 2), (2, 3)):
        name = f"{sample.frame_indices[s, d] + 1:06d}.jpg"
        with Image.open(clips.items[0].frame_folder / name) as picture:
            small = picture.resize((int(32 * 160 / 90), 32), Image.Resampling.BILINEAR)
        left = round(small.width / 2) - 16
        expected = np.asarray(small)[:, left : left + 32].transpose(2, 0, 1)
        assert np.array_equal(sample.visual[s, :, d], expected)
    whole = audio.mfcc(audio.read_audio(clips.items[0].audio_file))
    assert np.array_equal(sample.audio, np.concatenate([whole, whole])[:600])
    again = clips.load(0, epoch=7)
    assert np.array_equal(again.visual, sample.visual)


def test_training_sample_depends_on_seed_epoch_and_index_only(film):
    clips = open_clips(film, train=True)
    later = clips.load(1, epoch=3)
    clips.load(0)
    fresh = open_clips(film, train=True)
    assert np.array_equal(fresh.load(1, epoch=3).visual, later.visual)
    assert fresh.load(1, epoch=3).draw == later.draw
    assert np.array_equal(fresh.load(-3, epoch=3).visual, later.visual)
    seen = {str((clips.load(1, epoch).draw, clips.load(1, epoch).frame_indices.tolist()))
            for epoch in range(8)}  # fmt: skip
    assert len(seen) == 8
    draws = [[clips.load(index, epoch).draw for epoch in range(8)] for index in (0, 1)]
    assert draws[0] != draws[1]
    other = open_clips(film, train=True, seed=1).load(1, epoch=3)
    assert not np.array_equal(other.frame_indices, later.frame_indices)


def test_one_draw_for_all_frames(film):
    clips = open_clips(film, train=True)
    epoch = next(e for e in range(100) if clips.load(0, e).draw.effect == "rotation")
    sample = clips.load(0, epoch)
    for s in range(3):
        for d in range(4):
            path = video.frame_file(clips.items[0].frame_folder, int(sample.frame_indices[s, d]))
            alone = apply_transform(np.asarray(Image.open(path))[None], sample.draw, 32)[0]
            assert np.array_equal(sample.visual[s, :, d], alone.transpose(2, 0, 1))


def test_released_evaluation_is_random_but_not_augmented(film):
    clips = open_clips(film, evaluation="released")
    samples = [clips.load(0, epoch) for epoch in range(12)]
    assert len({sample.draw.crop for sample in samples}) > 1
    assert all(s.draw.effect is None and not s.draw.resize_first for s in samples)
    assert len({sample.frame_indices.tobytes() for sample in samples}) > 1


def test_lower_fps_takes_every_other_frame(film):
    indices = open_clips(film, fps=15).load(0).frame_indices
    assert (np.diff(indices, axis=1) == 2).all()


def test_without_audio(film):
    clips = open_clips(film, audio_path=None)
    assert clips.load(0).audio is None
    assert next(batches(clips, batch_size=2)).audio is None


def test_silent_clip_loads(own_film, tmp_path):
    with av.open(str(tmp_path / "silent.mp3"), "w") as container:
        stream = container.add_stream("libmp3lame", rate=44100, layout="mono")
        for _ in range(40):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1152), np.int16), format="s16p", layout="mono"
            )
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    shutil.copy(tmp_path / "silent.mp3", own_film / "mp3" / "Sadness" / "bbb_0324.mp3")
    features = open_clips(own_film).load(0).audio
    assert features.shape == (600, 32) and np.isfinite(features).all()


def test_cache_changes_nothing_and_spares_the_disk(own_film, monkeypatch):
    plain, cached = open_clips(own_film), open_clips(own_film, cache=True)
    monkeypatch.setattr(video, "CACHED", 0)
    nothing_fits = open_clips(own_film, cache=True)
    expected = plain.load(0)
    first = cached.load(0)
    first.visual[:], first.audio[:] = 0, 0  # the caller's own copy
    for clips in (cached, nothing_fits):
        again = clips.load(0)
        assert np.array_equal(again.visual, expected.visual)
        assert np.array_equal(again.audio, expected.audio)
    shutil.rmtree(frames_of(own_film))
    (own_film / "mp3" / "Sadness" / "bbb_0324.mp3").unlink()
    assert np.array_equal(cached.load(0).visual, expected.visual)
    with pytest.raises(DataError):
        nothing_fits.load(0)


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, message",
    [
        ("no json", "no valid JSON"),
        ("[]", "no key 'labels'"),
        ('{"labels": ["a"]}', "no key 'database'"),
        ('{"labels": "a", "database": {}}', "'labels' that is no list"),
        ('{"labels": ["a"], "database": []}', "'database' that is no table"),
        ('{"labels": ["a", "a"], "database": {}}', "a name twice"),
        ('{"labels": [], "database": {}}', "not a list of names"),
        (json.dumps({"labels": [f"l{n}" for n in range(1001)], "database": {}}), "1001 labels"),
        ('{"labels": ["a"], "database": {"x": {}}}', "no 'subset' for 'x'"),
        ('{"labels": ["a"], "database": {"x": {"subset": "training"}}}', "'label' for 'x'"),
        (
            '{"labels": ["a"], "database": {"x": {"subset": "training",'
            ' "annotations": {"label": "b"}}}}',
            "class 'b' for 'x'",
        ),
        (
            '{"labels": ["a"], "database": {"x": {"subset": "validation",'
            ' "annotations": {"label": "a"}}}}',
            "no clip of subset 'training'",
        ),
    ],
)
def test_bad_annotation_is_named(own_film, content, message):
    path = own_film / "annotations.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        open_clips(own_film)
    assert str(path) in str(error.value)


def annotation_of(*clips, labels=("Sadness",), **about):
    entries = {
        clip_id: {"subset": "training", "annotations": {"label": labels[0]} | about}
        for clip_id in clips
    }
    return json.dumps({"labels": labels, "database": entries})


def test_ids_and_classes_are_names_never_paths(own_film, caplog):
    path = own_film / "annotations.json"
    bad = [
        "../../img/Sadness/bbb_0324",
        str(frames_of(own_film)),
        "a\\b",
        "..",
        "\x1b[2J",
        "a" * 400,
    ]
    path.write_text(annotation_of(*bad, "bbb_0349"))
    clips = open_clips(own_film)
    assert [item.id for item in clips.items] == ["bbb_0349"]
    assert [clip_id for clip_id, _ in clips.skipped] == bad
    assert all(str(path) in reason and "\x1b" not in reason for _, reason in clips.skipped)
    assert "\x1b" not in caplog.text
    path.write_text(annotation_of("../img/Sadness/bbb_0324"))
    with pytest.raises(DataError, match="all 1 clips"):
        open_clips(own_film)
    for label in ("..", "../img/Sadness", str(own_film / "img" / "Sadness"), "a\0", "\udc80" * 300):
        path.write_text(annotation_of("bbb_0349", labels=(label,)))
        with pytest.raises(DataError, match="annotations.json"):
            open_clips(own_film)


@pytest.mark.parametrize("event", [
    (-1, 5), (5, 5), (0, 10**30), ("0", "5"), (True, 3), (float("nan"), 5), (0, [1] * 10**5),
    (None, None),
])  # fmt: skip
def test_events_are_frames_in_order(own_film, event):
    path = own_film / "annotations.json"
    path.write_text(annotation_of("bbb_0349", event_start=event[0], event_end=event[1]))
    with pytest.raises(DataError, match="annotations.json: found an event .*'bbb_0349'") as error:
        open_clips(own_film)
    assert len(str(error.value)) < 1500
    path.write_text(annotation_of("bbb_0349", event_start=3))
    with pytest.raises(DataError, match="found an event"):
        open_clips(own_film)
    path.write_text(annotation_of("bbb_0349", event_start=3, event_end=9))
    assert open_clips(own_film).items[0].annotation == {"event_start": 3, "event_end": 9}


@pytest.mark.parametrize("content", [
    "[" * 100_000, '{"labels": [' + "9" * 5000 + '], "database": {}}',
    '{"labels": ["a"], "database": {"x": {"subset": [[1]], "annotations": {"label": "a"}}}}',
    '{"labels": ["a"], "database": {"x": {"subset": "training", "annotations": {"label": ["a"]}}}}',
])  # fmt: skip
def test_odd_json_is_named(own_film, content):
    path = own_film / "annotations.json"
    path.write_text(content)
    with pytest.raises(DataError, match="annotations.json"):
        open_clips(own_film)


@pytest.mark.parametrize("name", ["video_path", "audio_path", "annotation_path"])
def test_missing_paths_are_named(film, name):
    with pytest.raises(DataError, match="elsewhere.*run.sh prepare"):
        open_clips(film, **{name: film / "elsewhere"})


@pytest.mark.parametrize(
    "options",
    [{"fps": 0}, {"fps": 60}, {"evaluation": "center"}, {"seq_len": 0}, {"sample_size": 0}],
)
def test_bad_options_are_named(film, options):
    with pytest.raises(DataError, match=next(iter(options))):
        open_clips(film, **options)


def test_missing_folder_frame_and_sound_are_named_and_left_out(own_film, caplog):
    def opened(words, left, **options):
        caplog.clear()
        clips = open_clips(own_film, **options)
        assert [item.id for item in clips.items] == [i for i in CLIPS[:4] if i != left]
        assert list(clips.unreadable) == [left] and not clips.skipped
        assert re.search(words, clips.unreadable[left])
        assert caplog.messages == [f"left out: {clips.unreadable[left]}"]

    sound = own_film / "mp3" / "Joy" / "bbb_0803.mp3"
    sound.rename(own_film / "kept.mp3")
    opened(r"bbb_0803\.mp3.*no such file.*run\.sh prepare", "bbb_0803")
    assert len(open_clips(own_film, audio_path=None)) == 4
    (own_film / "kept.mp3").rename(sound)

    (frames_of(own_film) / "n_frames").write_text("9999")
    opened(r"009999\.jpg", "bbb_0324")

    shutil.rmtree(frames_of(own_film))
    opened(r"Sadness.bbb_0324.*no such folder.*run\.sh prepare", "bbb_0324")


def test_a_set_of_which_nothing_is_there_is_one_error(own_film, caplog):
    shutil.rmtree(own_film / "mp3")
    (own_film / "mp3").mkdir()
    with pytest.raises(DataError, match=r"all 4 clips .* missing.*bbb_0324\.mp3.*no such file"):
        open_clips(own_film)
    assert not caplog.messages


def test_damaged_frames_and_sound_are_named(own_film):
    clips = open_clips(own_film)
    frame = video.frame_file(frames_of(own_film), int(clips.load(0).frame_indices[1, 1]))
    whole = frame.read_bytes()
    for content in (whole[: len(whole) // 2], b"not a picture", b""):
        frame.write_bytes(content)
        with pytest.raises(DataError, match=frame.name):
            clips.load(0)
    frame.unlink()
    with pytest.raises(DataError, match=f"{frame.name}.*no such file"):
        clips.load(0)
    frame.write_bytes(whole)
    clips.items[0].audio_file.write_bytes(b"not a sound" * 100)
    with pytest.raises(DataError, match=r"bbb_0324\.mp3"):
        clips.load(0)


def test_n_frames_may_be_missing_but_not_garbage(own_film):
    path = frames_of(own_film) / "n_frames"
    counted = int(path.read_text())
    path.unlink()
    assert open_clips(own_film).items[0].n_frames == counted
    path.write_text(f"{counted}.0\n")
    assert open_clips(own_film).items[0].n_frames == counted
    path.write_text("many")
    assert re.search("n_frames.*'many'", open_clips(own_film).unreadable["bbb_0324"])


def test_short_clips_are_left_out_and_logged(own_film, caplog):
    (frames_of(own_film) / "n_frames").write_text("0")
    (frames_of(own_film, "Joy", "bbb_0151") / "n_frames").write_text("15")
    with caplog.at_level(logging.WARNING, logger="jacklib.data.video"):
        clips = open_clips(own_film)
    assert [item.id for item in clips.items] == ["bbb_0349", "bbb_0803"]
    assert [clip_id for clip_id, _ in clips.skipped] == ["bbb_0324", "bbb_0151"]
    assert "15 frames" in clips.skipped[1][1]
    assert "bbb_0324" in caplog.text and "bbb_0151" in caplog.text
    for label, clip_id in (("Sadness", "bbb_0349"), ("Joy", "bbb_0803")):
        (frames_of(own_film, label, clip_id) / "n_frames").write_text("0")
    with pytest.raises(DataError, match="all 4 clips"):
        open_clips(own_film)


# --- Batches --------------------------------------------------------------------------------------


def same(one, other):
    return (
        np.array_equal(one.visual, other.visual)
        and np.array_equal(one.audio, other.audio)
        and np.array_equal(one.label, other.label)
        and one.ids == other.ids
        and np.array_equal(one.indices, other.indices)
    )


def test_any_number_of_threads_gives_the_same_batches(film):
    clips = open_clips(film, train=True)
    options = dict(batch_size=3, shuffle=True, seed=5, epoch=2)
    runs = [list(batches(clips, threads=threads, **options)) for threads in (0, 1, 4)]
    for run in runs[1:]:
        assert len(run) == 2 and all(same(a, b) for a, b in zip(run, runs[0], strict=True))
    batch = runs[0][0]
    assert batch.visual.shape == (3, 3, 3, 4, 32, 32) and batch.label.dtype == np.int32
    assert batch.ids == [clips.items[n].id for n in batch.indices]
    assert batch.label.tolist() == [clips.items[n].label for n in batch.indices]
    assert sorted(n for b in runs[0] for n in b.indices) == [0, 1, 2, 3]
    assert not loading_threads()


class Numbers:
    """A data set of plain numbers that remembers what was loaded."""

    def __init__(self, count, broken=None):
        self.count, self.broken, self.loaded, self.not_loaded = count, broken or {}, [], []

    def not_read(self, index, error):
        self.not_loaded.append(index)

    def __len__(self):
        return self.count

    def load(self, index, epoch=0):
        self.loaded.append(index)
        if index in self.broken:
            raise self.broken[index]
        number = np.full((1,), index + 1000 * epoch)
        return SimpleNamespace(
            visual=number, audio=number, label=index, id=str(index), pictures=None
        )


def test_order_changes_with_the_epoch_and_is_repeatable():
    def order(**options):
        run = batches(Numbers(50), batch_size=8, **options)
        return [n for batch in run for n in batch.indices.tolist()]

    assert order() == list(range(50))
    first, second = order(shuffle=True, seed=1), order(shuffle=True, seed=1, epoch=1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second and first == order(shuffle=True, seed=1)
    assert first != order(shuffle=True, seed=2)


def test_start_leaves_out_batches_without_loading_them():
    options = dict(batch_size=4, shuffle=True, seed=3, epoch=1)
    whole = list(batches(Numbers(18), **options))
    data = Numbers(18)
    rest = list(batches(data, start=2, **options))
    assert len(rest) == 3 and all(same(a, b) for a, b in zip(rest, whole[2:], strict=True))
    assert sorted(data.loaded) == sorted(n for batch in rest for n in batch.indices)
    assert list(batches(Numbers(18), start=5, **options)) == []
    with pytest.raises(DataError, match="start.*6.*0 to 5"):
        batches(Numbers(18), start=6, **options)


def test_number_of_batches():
    for count, expected in ((8, 2), (9, 3), (3, 1)):
        assert number_of_batches(Numbers(count), 4) == expected
        assert len(list(batches(Numbers(count), batch_size=4))) == expected


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 1, "threads": -1}])
def test_bad_batch_options_are_named_at_once(options):
    with pytest.raises(DataError, match="at least"):
        batches(Numbers(3), **options)


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_error_while_loading_reaches_the_caller_when_its_batch_is_due(threads):
    seen = []
    with pytest.raises(KeyError, match="a mistake"):
        data = Numbers(100, broken={7: KeyError("a mistake")})
        for batch in batches(data, batch_size=3, threads=threads):
            seen += batch.ids
    assert seen == ["0", "1", "2", "3", "4", "5"]
    assert not loading_threads()


def damage(*numbers):
    error = {"found": "damage", "wanted": "none", "cure": "Repair it."}
    return {number: DataError(f"clip {number}", **error) for number in numbers}


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_clips_that_cannot_be_read_are_left_out_or_replaced(threads):
    def run(data, **options):
        found = batches(data, batch_size=3, threads=threads, **options)
        return [batch.indices.tolist() for batch in found]

    bad = damage(1, 3, 4, 5, 9)
    data = Numbers(10, bad)
    assert run(data) == [[0, 2], [6, 7, 8]]
    assert sorted(data.not_loaded) == sorted(bad)
    data = Numbers(10, bad)
    replaced = [[0, 2, 2], [6, 6, 6], [6, 7, 8], [0]]
    assert run(data, replace=True) == replaced
    assert set(data.not_loaded) == set(bad)
    # What stands in for a clip depends neither on what was loaded before nor on the process.
    assert run(Numbers(10, bad), replace=True, start=1) == replaced[1:]
    halves = [
        run(Numbers(9, bad), replace=True, part=lambda g, k=k: np.array_split(g, 2)[k])
        for k in (0, 1)
    ]
    assert [a + b for a, b in zip(*halves, strict=True)] == replaced[:3]
    for replace in (False, True):
        data = Numbers(10, damage(*range(10)))
        with pytest.raises(DataError, match="clip 0: found damage, and no other that .*Repair it"):
            run(data, replace=replace)
    assert not loading_threads()


def test_a_damaged_file_is_named_once_and_the_epoch_goes_on(own_film, caplog):
    clips = open_clips(own_film, train=True)
    whole = list(batches(clips, batch_size=2))
    clips.items[2].audio_file.write_bytes(b"")
    for _ in range(2):
        first, second = batches(clips, batch_size=2)
        assert same(first, whole[0])
        assert second.ids == ["bbb_0803"] and np.array_equal(second.visual, whole[1].visual[1:])
        first, second = batches(clips, batch_size=2, replace=True)
        assert same(first, whole[0])
        assert second.indices.tolist() == [3, 3] and second.label.tolist() == [4, 4]
        assert np.array_equal(second.visual, whole[1].visual[[1, 1]])
    assert list(clips.unreadable) == ["bbb_0151"]
    assert caplog.messages == [f"a clip that cannot be read: {clips.unreadable['bbb_0151']}"]
    assert re.search(r"bbb_0151\.mp3: found ", caplog.messages[0])
    assert not loading_threads()


def test_early_stop_ends_the_threads_and_loads_no_more():
    data = Numbers(1000)
    run = batches(data, batch_size=2, threads=3)
    next(run)
    assert loading_threads()
    run.close()
    assert not loading_threads()
    assert len(data.loaded) <= 2 + 5  # one batch, and threads + 2 ahead


def test_looks_ahead_only_so_far():
    data = Numbers(1000)
    run = batches(data, batch_size=10, threads=2)
    for taken in range(1, 4):
        next(run)
        assert len(data.loaded) <= 10 * taken + 10
    run.close()
