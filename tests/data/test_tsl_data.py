"""TSL-300's layout, untrimmed rendered videos and the features of TSL-Net. NumPy only."""

import hashlib
import itertools
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import librosa
import numpy as np
import pytest
from support import ROOT
from support.untrimmed import write_root

from jacklib.core.metrics import temporal_map
from jacklib.data.audio import log_mel, log_mel_rate, read_audio
from jacklib.data.tsl300 import (
    UntrimmedVideos,
    mix_annotators,
    natural_order,
    read_points,
    same_length,
    write_results,
)
from jacklib.data.tsl_features import (
    DESCRIPTOR,
    describe_clip,
    extract_features,
    features_kind,
    frames_between,
    i3d_picture,
    picture_features,
    read_clips,
    small_picture,
    video_facts,
)
from jacklib.data.unreadable import load_or_leave
from jacklib.errors import DataError
from jacklib.samples import untrimmed
from jacklib.samples.rendered import SAMPLE_RATE, SAMPLES_PER_FRAME, render_clip, write_mp3
from jacklib.samples.untrimmed import (
    build_untrimmed_rendered,
    draw_points,
    render_untrimmed,
    write_mp4,
)

FILM = ROOT / "data_samples" / "film" / "video" / "Joy" / "bbb_0120.mp4"


# --- A small folder in TSL-300's layout, features invented ----------------------------------------


@pytest.fixture
def root(tmp_path):
    return write_root(tmp_path)


def test_a_video_is_loaded_as_the_released_loader_does(root):
    videos = UntrimmedVideos(root, "train", seed=1)
    assert [item.id for item in videos.items] == ["2_a", "10_b"]
    sample = videos.load(0)
    assert sample.rgb.shape == (10, 1024) and sample.logmel.shape == (10, 32, 60)
    raw = np.load(root / "features" / "train" / "logmfcc" / "2_a.npy")
    np.testing.assert_array_equal(sample.logmel[3], (raw[96:128] + 50) / 80)
    np.testing.assert_array_equal(sample.labels, [1, 1])
    np.testing.assert_allclose(sample.label_distribution, [1 / 3, 2 / 3], rtol=1e-6)
    wanted = np.zeros((10, 2), np.float32)
    wanted[2], wanted[5], wanted[6] = (0.9, 0.1), (0.1, 0.9), (0.1, 0.9)
    np.testing.assert_array_equal(sample.points, wanted)
    assert sample.fps == 25 and sample.seconds == pytest.approx(6.4)
    assert videos.load(0) is sample  # kept
    assert UntrimmedVideos(root, "train").load(1).n_clips == 12


def test_a_test_video_has_its_labels_from_the_ground_truth(root):
    videos = UntrimmedVideos(root, "test")
    sample = videos.load(0)
    np.testing.assert_array_equal(sample.labels, [0, 1])
    assert not sample.points.any() and not sample.label_distribution.any()
    truth = videos.ground_truth()
    found = {"3_c": [{"label": "p", "score": 1.0, "segment": [1.5, 3.0]}]}
    assert temporal_map(truth, found, [0.5])["mAP@0.50"] == 1


@pytest.mark.parametrize("modality,missing", [("rgb", "logmfcc"), ("logmfcc", "rgb")])
def test_one_modality_needs_no_files_of_the_other(root, modality, missing):
    shutil.rmtree(root / "features" / "train" / missing)
    sample = UntrimmedVideos(root, "train", modality=modality).load(0)
    assert (sample.rgb is None) == (missing == "rgb")
    assert (sample.logmel is None) == (missing == "logmfcc")
    with pytest.raises(DataError, match=f"{missing}.*no such file, and no other that can be read"):
        UntrimmedVideos(root, "train")


def test_annotators_are_mixed_as_the_released_code_mixes_them(root):
    files = sorted((root / "point_gaussian" / "train").glob("*.txt"))
    rng = random.Random(123)  # the released code: two draws a video, in natural order
    wanted = {}
    for video in ("2_a", "10_b"):
        number = (rng.randint(0, 2) + rng.randint(0, 0)) % 3
        wanted[video] = read_points(files[number])[video]
    assert mix_annotators(files, 123) == wanted
    assert len({str(mix_annotators(files, seed)) for seed in range(20)}) > 3
    assert UntrimmedVideos(root, "train", seed=123).items[0].points == wanted["2_a"]
    assert sorted(["10_b", "2_a", "1_x", "b"], key=natural_order) == ["1_x", "2_a", "10_b", "b"]


def test_points_from_the_file(root):
    videos = UntrimmedVideos(root, "train", points="file")
    assert videos.items[0].points == (("n", 32),)
    assert videos.load(1).points[11].tolist() == pytest.approx([0.1, 0.9])  # the last frame, 191


def test_tables_as_people_write_them(root):
    """Endings, capitals and composed letters in IDs, blanks, no line of names, an index, UTF-16."""
    names = {"2_a": "my vid\u00e9o", "10_b": "10_B"}
    for kind, (old, new) in itertools.product(("rgb", "logmfcc"), names.items()):
        folder = root / "features" / "train" / kind
        (folder / f"{old}.npy").rename(folder / f"{new}.npy")
    change = {"fps_dict.json": names, "gt.json": {"2_a": "My vide\u0301o.mp4"}}
    for name, spellings in change.items():
        text = (root / name).read_text()
        for old, new in spellings.items():
            text = text.replace(f'"{old}"', json.dumps(new))
        (root / name).write_text(text)
    (root / "split_train.txt").write_text("my vide\u0301o.MP4\n\n10_b \n", "utf-16")
    points = root / "point_gaussian" / "point_labels.csv"
    points.write_text("0,n,0,30,34,My vid\u00e9o,32\n1,p,1,0,4,10_b.mp4,191\n", "utf-8")
    videos = UntrimmedVideos(root, "train", points="file")
    assert [item.id for item in videos.items] == ["my vid\u00e9o", "10_B"]
    assert [item.points[0] for item in videos.items] == [("n", 32), ("p", 191)]
    assert np.isfinite(videos.load(0).rgb).all()


def test_results_survive_their_file(tmp_path):
    results = {"a": [("p", 0.5, 1.0, 2.5), ("n", 0.25, 0.0, 1.0)], "b": []}
    path = write_results(tmp_path / "found.json", results, "which features")
    content = json.loads(path.read_text())
    assert content["external_data"]["details"] == "which features"
    assert content["results"]["a"][0] == {"label": "p", "score": 0.5, "segment": [1.0, 2.5]}


GOOD = {"label": "p", "score": 0.5, "segment": [1.0, 2.5]}


@pytest.mark.parametrize(
    "results",
    [
        3, {"a": 3}, {"a": "x"}, {"a": {"label": "p"}}, {"a": [GOOD, 3]}, {"a": [[[]]]},
        {"a": [GOOD | {"score": float("nan")}]}, {"a": [GOOD | {"score": "x"}]},
        {"a": [GOOD | {"segment": [0, float("nan")]}]}, {"a": [GOOD | {"segment": [0, 1e999]}]},
        {"a": [GOOD | {"segment": [2, 1]}]}, {"a": [GOOD | {"segment": [1, 2, 3]}]},
        {"a": [GOOD | {"segment": [True, 2]}]}, {"a": [GOOD | {"label": ["p"]}]},
        {"a": [{"label": "p"}]}, {"a": [GOOD] * 10_001},
    ],
)  # fmt: skip
def test_results_that_cannot_be(results):
    truth = {"a": {"annotations": [{"label": "p", "segment": [0, 10]}]}}
    with pytest.raises(DataError, match="results"):
        temporal_map(truth, results, [0.5])


# --- Bad input ------------------------------------------------------------------------------------


def spoil_features(kind, change):
    def spoil(root):
        path = root / "features" / "train" / kind / "2_a.npy"
        np.save(path, change(np.load(path)))

    return spoil


def spoil_text(name, change):
    def spoil(root):
        path = root / name
        path.write_text(change(path.read_text()))

    return spoil


def npy_header(rows):
    """A .npy file of that many rows of features, and a few kB behind the header."""
    words = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 1024), }}"
    return b"\x93NUMPY\1\0\x76\0" + words.ljust(117).encode() + b"\n" + bytes(23_040)


def with_nan(features):
    features[3, 7] = np.nan
    return features


ANNOTATORS = "point_gaussian/point_labels.csv"
# Files that the whole data set hangs on, and ones of one video.
BAD = {
    "no points": (spoil_text(ANNOTATORS, lambda t: t.replace("2_a", "9_z")),
                  "point_labels.csv: found no point for '2_a'"),
    "class": (spoil_text(ANNOTATORS, lambda t: t.replace("n,0", "n,1")),
              "point_labels.csv, line 2: found 'n,1,30,34,2_a,32'"),
    "no number": (spoil_text(ANNOTATORS, lambda t: t.replace(",191", ",x")),
                  "point_labels.csv, line 3: found"),
    "not in gt.json": (spoil_text("gt.json", lambda t: t.replace("10_b", "11_b")),
                       "gt.json: found no entry '10_b'"),
    "not in fps_dict.json": (spoil_text("fps_dict.json", lambda t: t.replace("10_b", "11_b")),
                             "fps_dict.json: found no entry '10_b', wanted its frames per second"),
    "fps 0": (spoil_text("fps_dict.json", lambda t: t.replace("30.0", "0")),
              "fps_dict.json: found 0 for '10_b'"),
    "ID twice": (spoil_text("split_train.txt", lambda t: t + "2_a\n"),
                 "split_train.txt, line 3: found '2_a' twice"),
    "no JSON": (spoil_text("gt.json", lambda t: t[:-3]), "gt.json: found no valid JSON"),
    "ID that leaves the folder": (spoil_text("split_train.txt", lambda t: t + "\n../../10_b\n"),
                                  r"split_train.txt, line 4: found '../../10_b', .*separator"),
    "video_id that leaves it": (spoil_text(ANNOTATORS, lambda t: t + "n,0,1,1,/etc/x,1\n"),
                                r"point_labels.csv, line 4: found '/etc/x', .*separator"),
    "one huge field": (spoil_text(ANNOTATORS, lambda t: t + "n" * 140_000 + "\n"),
                       r"point_labels.csv: found no table \(Error: field larger"),
    "points with 5,000 digits": (spoil_text(ANNOTATORS, lambda t: t.replace("191", "1" * 5000)),
                                 r"point_labels.csv, line 3: found .*ValueError"),
    "table not in UTF-8": (lambda root: (root / ANNOTATORS).write_bytes(b"class\n\xff\n"),
                           "point_labels.csv: found no text in UTF-8"),
    "nested": (lambda root: (root / "fps_dict.json").write_text("[" * 100_000),
               r"fps_dict.json: found no valid JSON \("),
    "no split": (lambda root: (root / "split_train.txt").unlink(), "split_train.txt: found no"),
}  # fmt: skip
BAD_VIDEO = {
    "other length": (spoil_features("rgb", lambda x: x[:4]),
                     "2_a.npy.*found 4 clips of picture and 10 of sound, wanted about as many"),
    "other width": (spoil_features("rgb", lambda x: x[:, :512]),
                    r"rgb.2_a.npy: found shape \[10, 512\], wanted \[rows, 1024\]"),
    "sound's width": (spoil_features("logmfcc", lambda x: x[:, :40]),
                      r"logmfcc.2_a.npy: found shape \[321, 40\], wanted \[rows, 60\]"),
    "NaN": (spoil_features("logmfcc", with_nan),
            r"logmfcc.2_a.npy: found 1 NaN or infinite numbers, the first at \[3, 7\]"),
    "text in it": (spoil_features("rgb", lambda x: x.astype(str)[:, :3]), "rgb.2_a.npy: found "),
    "beyond the end": (spoil_text(ANNOTATORS, lambda t: t.replace("2_a,32", "2_a,170")),
                       "video '2_a': found a point at frame 170, wanted 0 to 159"),
    "before the start": (spoil_text(ANNOTATORS, lambda t: t.replace("2_a,32", "2_a,-5")),
                         "video '2_a': found a point at frame -5"),
    "no features": (lambda root: (root / "features/train/rgb/2_a.npy").unlink(),
                    "2_a.npy: found no such file"),
    "features by the million million": (
        lambda root: (root / "features/train/rgb/2_a.npy").write_bytes(npy_header(10**12)),
        "rgb.2_a.npy: found no array"),
    "features in a zip": (
        lambda root: (root / "features/train/rgb/2_a.npy").write_bytes(b"PK\3\4" + bytes(500)),
        "rgb.2_a.npy: found no array"),
    "header that is no Python": (
        lambda root: (root / "features/train/rgb/2_a.npy").write_bytes(
            npy_header(60).replace(b"1024)", b"1024 ")),
        "rgb.2_a.npy: found no array"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_with_file_and_field(root, case):
    spoil, message = BAD[case]
    spoil(root)
    with pytest.raises(DataError, match=message):
        UntrimmedVideos(root, "train", points="file")


@pytest.mark.parametrize("case", BAD_VIDEO)
def test_a_bad_video_is_told_with_file_and_field_and_left_out(root, case, caplog):
    spoil, message = BAD_VIDEO[case]
    spoil(root)
    for _ in range(2):
        videos = UntrimmedVideos(root, "train", points="file")
        samples = [load_or_leave(videos, i).sample for i in range(len(videos))]
        assert [sample.id for sample in samples if sample] == ["10_b"]
        replaced = [load_or_leave(videos, i, replace=True) for i in range(len(videos))]
        assert {one.sample.id for one in replaced} == {"10_b"}
        assert list(videos.unreadable) == ["2_a"]
        assert re.search(message, videos.unreadable["2_a"])
        assert [re.search(message, said) is not None for said in caplog.messages] == [True]
        caplog.clear()
    (root / "split_train.txt").write_text("2_a\n")
    with pytest.raises(DataError, match="2_a.* and no other that can be read"):
        videos = UntrimmedVideos(root, "train", points="file")
        load_or_leave(videos, 0, replace=True)


@pytest.mark.parametrize(
    "annotation",
    [
        {"segment": ["3.0", "1.5"], "label": "p"},
        {"segment": ["1.5"], "label": "p"},
        {"segment": ["a", "b"], "label": "p"},
        {"segment": "13", "label": "p"},
        {"segment": [1, float("inf")], "label": "p"},
        {"segment": [1, 10**400], "label": "p"},
        {"segment": [1, 10**6], "label": "p"},
        {"segment": [[1], [2]], "label": "p"},
        {"segment": [1, 2], "label": ["p"]},
        {"segment": ["1.5", "3.0"], "label": "positive"},
        {"label": "p"},
        "p",
    ],
)
def test_segments_that_cannot_be(root, annotation):
    content = json.loads((root / "gt.json").read_text())
    content["database"]["3_c"]["annotations"] = [annotation]
    (root / "gt.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="gt.json, '3_c': found"):
        UntrimmedVideos(root, "test")


def test_arguments_and_folders_that_are_not_there(root, tmp_path):
    for arguments, message in (
        ((root / "nowhere", "train"), "nowhere: found no such folder"),
        ((root, "validation"), "subset: found 'validation'"),
    ):
        with pytest.raises(DataError, match=message):
            UntrimmedVideos(*arguments)
    with pytest.raises(DataError, match="modality"):
        UntrimmedVideos(root, "train", modality="flow")
    shutil.rmtree(root / "point_gaussian" / "train")
    with pytest.raises(DataError, match="train: found no .txt file"):
        UntrimmedVideos(root, "train")


def test_a_few_clips_more_or_less_are_cut():
    rgb, logmel = np.zeros((100, 1024)), np.zeros((97, 32, 60))
    short, cut = same_length(rgb, logmel, "rgb", "logmel")
    assert len(short) == len(cut) == 97
    assert same_length(rgb, None, "rgb", "logmel")[0] is rgb


# --- Features -------------------------------------------------------------------------------------


def test_log_mel_rates_are_the_released_script_s():
    """Its formula's values for rates that TSL-300 has, worked out apart."""
    wanted = {19.916666666666668: 40812, 24: 49179, 25: 51228, 29.97002997002997: 61413, 30: 61474}
    assert {fps: log_mel_rate(fps) for fps in wanted} == wanted
    for fps in (0, -1, float("nan"), 1000):
        with pytest.raises(DataError, match="fps"):
            log_mel_rate(fps)


def test_log_mel_is_librosa_s_and_32_frames_fall_on_a_clip(tmp_path):
    t = np.arange(SAMPLE_RATE * 8) / SAMPLE_RATE
    sound = (0.4 * np.sin(2 * np.pi * (200 + 300 * t) * t)).astype(np.float32)
    write_mp3(tmp_path / "a.mp3", sound)
    found = log_mel(tmp_path / "a.mp3", 25)
    waveform = read_audio(tmp_path / "a.mp3", 51228)
    power = librosa.feature.melspectrogram(
        y=waveform, sr=51228, n_fft=2048, hop_length=1024, n_mels=60
    )
    np.testing.assert_allclose(found, librosa.power_to_db(power).T, atol=1e-4)
    assert found.dtype == np.float32 and found.shape[1] == 60
    # 8 s at 25 frames per second are 12.5 clips; mp3 adds a fraction of a second.
    assert 12.5 * 32 <= len(found) < 12.7 * 32


def test_film_facts_clips_and_frames():
    facts = video_facts(FILM)
    assert facts == (24.0, 102, 4.25)
    clips = list(read_clips(FILM, small_picture))
    assert len(clips) == 6 and clips[0].shape == (16, 64, 96, 3)
    everything = frames_between(FILM, 24, 0, 4.25, 102, height=180)
    assert everything.shape == (102, 180, 320, 3)
    some = frames_between(FILM, 24, 2, 3, 3, height=180)
    np.testing.assert_array_equal(some, everything[[52, 60, 68]])
    beyond = frames_between(FILM, 24, 4.2, 6, 2, height=180)
    np.testing.assert_array_equal(beyond[1], everything[-1])


def test_the_descriptor_tells_colour_edges_and_motion_by_cell():
    clip = np.zeros((16, 64, 96, 3), np.uint8)
    still = describe_clip(clip)
    assert still.shape == (1024,) and still.dtype == np.float32 and 0 <= still.min() <= 1
    red = clip.copy()
    red[:, :16, :24] = (255, 0, 0)  # the first of 16 cells
    moved = describe_clip(red)
    cells = (moved != still).reshape(16, 64).any(1)
    assert cells[0] and not cells[[2, 3, 8, 12, 15]].any()  # edges may reach the next cells
    first = moved.reshape(16, 64)[0]
    assert first[0] == pytest.approx(1) and not first[1:12].any()  # all of it in the red bin
    pattern = cv2.resize(np.eye(8, dtype=np.uint8)[..., None].repeat(3, 2) * 255, (96, 64))
    shifted = np.stack([np.roll(pattern, 2 * i, axis=1) for i in range(16)])
    assert describe_clip(shifted).reshape(16, 64)[:, 34:42].sum() > 1  # directions of motion
    assert not still.reshape(16, 64)[:, 34:44].any()


def test_i3d_s_picture_is_the_middle_at_240_high():
    picture = np.zeros((180, 320, 3), np.uint8)
    picture[:, 160:] = 200
    found = i3d_picture(picture)
    assert found.shape == (224, 224, 3) and found[:, :108].max() < 10 and found[:, 116:].min() > 190
    assert i3d_picture(np.zeros((500, 100, 3), np.uint8)).shape == (224, 224, 3)  # narrow


@pytest.fixture
def two_videos(tmp_path):
    for split, name in (("train", "a"), ("test", "b")):
        path = tmp_path / "video" / split / f"{name}.mp4"
        path.parent.mkdir(parents=True)
        shutil.copy(FILM, path)
    return tmp_path


def test_features_are_made_once_and_kinds_are_not_mixed(two_videos):
    root = two_videos
    assert extract_features(root, progress=False) == (2, 2, ())
    rgb = root / "features" / "train" / "rgb" / "a.npy"
    np.testing.assert_array_equal(np.load(rgb), picture_features(FILM))
    sound = np.load(root / "features" / "test" / "logmfcc" / "b.npy")
    assert sound.shape[1] == 60 and len(sound) // 32 in (6, 7)
    assert list(json.loads((root / "fps_dict.json").read_text()).items()) == [("a", 24), ("b", 24)]
    assert json.loads((root / "time.json").read_text()) == {"a": 4.25, "b": 4.25}
    assert features_kind(root) == DESCRIPTOR
    stamp = rgb.stat().st_mtime_ns
    (root / ".jack.lock").unlink()
    assert extract_features(root, progress=False) == (0, 2, ())
    assert rgb.stat().st_mtime_ns == stamp
    assert not (root / ".jack.lock").exists()  # a folder that cannot be written does as well
    whole = rgb.read_bytes()
    for half in (b"", whole[:-4], b"PK\3\4" + whole):
        rgb.write_bytes(half)
        assert extract_features(root, progress=False) == (1, 2, ())
        assert rgb.read_bytes() == whole
    with pytest.raises(DataError, match="made_with.json: found features of descriptor"):
        extract_features(root, net=object(), progress=False)
    with pytest.raises(DataError, match="video: found no video"):
        extract_features(root / "features", progress=False)


def bad_videos(folder):
    """Files that PyAV raises something else over, each: their names and what is said of them."""
    film = FILM.read_bytes()
    with av.open(str(FILM)) as source, av.open(str(folder / "codec.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    codec = (folder / "codec.mkv").read_bytes()
    assert codec.count(b"V_MPEG4/ISO/AVC") == 1
    (folder / "codec.mkv").write_bytes(codec.replace(b"V_MPEG4/ISO/AVC", b"V_NEWEST9999999"))
    options = {"movflags": "frag_keyframe+empty_moov"}
    write_small(folder / "cut.mp4", 30, 60, options=options)
    cut = (folder / "cut.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(cut[: cut.index(b"moof") + 100])
    write_small(folder / "slow.mp4", Fraction(1, 2), 20)
    write_small(folder / "short.mp4", 30, 15)
    (folder / "none.mp4").write_bytes(b"no video")
    (folder / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/hostname\n")
    (folder / "flat.avi").write_bytes(film[: len(film) // 2])
    (folder / os.fsdecode(b"\xd7\xd6.mp4")).write_bytes(film)
    shutil.copy(FILM, folder / "b.mp4")  # as the one in test
    return {
        "codec.mkv": "not known", "cut.mp4": "", "slow.mp4": "0.5 frames per second",
        "short.mp4": "fewer than 16 frames", "none.mp4": "", "list.mp4": "", "flat.avi": "",
        "udcd7": "UTF-8", "b.mp4": "2 videos of that name",
    }  # fmt: skip


def write_small(path, rate, count, options=None):
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(count):
            picture = np.full((48, 64, 3), 4 * k % 250, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_features_are_not_written_through_a_link_that_leads_out(two_videos, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (two_videos / "features").mkdir()
    (two_videos / "features" / "train").symlink_to(elsewhere)
    with pytest.raises(DataError, match="a symbolic link to .*elsewhere"):
        extract_features(two_videos, progress=False)
    assert not list(elsewhere.iterdir())


def test_bad_videos_are_reported_and_the_others_described(two_videos, caplog):
    bad = bad_videos(two_videos / "video" / "train")
    (two_videos / "video" / "train" / "notes.txt").write_text("no video")
    report = extract_features(two_videos, progress=False)
    assert "left out: 1 file (.txt)" in caplog.text
    assert report.done == 1 and report.there == 2 + len(bad)
    assert len(report.failed) == len(bad) + 1  # both videos called b
    for name, words in bad.items():
        assert any(name in line and words in line for line in report.failed), (name, report.failed)
    names = {path.stem for path in two_videos.glob("features/*/*/*.npy")}
    assert names == {"a"}
    again = extract_features(two_videos, progress=False)
    assert again == report._replace(done=0)
    for name in ("codec.mkv", "cut.mp4", "none.mp4", "list.mp4"):
        with pytest.raises(DataError, match=name):
            frames_between(two_videos / "video" / "train" / name, 30, 0, 1, 3)


def test_two_at_once_describe_each_video_once(two_videos):
    code = (
        "import sys; from jacklib.data.tsl_features import extract_features\n"
        "print(*extract_features(sys.argv[1], progress=False)[:2])"
    )
    environment = {**os.environ, "JACKLIB_NO_JITTOR": "1", "PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(two_videos)], env=environment, text=True,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert sorted(process.communicate()[0] for process in both) == ["0 2\n", "2 2\n"]
    sound = np.load(two_videos / "features" / "train" / "logmfcc" / "a.npy")
    np.testing.assert_array_equal(sound, log_mel(FILM, 24.0))
    assert not list(two_videos.rglob("*.part"))


# --- Rendered videos ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def video():
    return render_untrimmed(7, 25)


def test_a_video_holds_events_at_its_own_rate(video):
    n = len(video.frames)
    assert video.frames.shape == (n, 72, 96, 3)
    assert abs(len(video.sound) / SAMPLE_RATE - n / 25) < 0.05
    assert len(video.events) == len(video.emotions) == 4
    ends = [0.0] + [t for event in video.events for t in event[1:]] + [n / 25]
    assert ends == sorted(ends)
    assert all(2.4 <= end - start <= 5 for _, start, end in video.events)


def test_seeds_decide_everything(video):
    again, other = render_untrimmed(7, 25), render_untrimmed(8, 25)
    np.testing.assert_array_equal(again.frames, video.frames)
    np.testing.assert_array_equal(again.sound, video.sound)
    assert again.events == video.events != other.events


def test_decoys_only_look_or_only_sound(monkeypatch):
    """Shot by shot against what was rendered: 4 events, a decoy of either kind, 2 neutral shots."""
    rendered = []

    def recorded(*args, **options):
        rendered.append((options["event"], render_clip(*args, **options)))
        return rendered[-1][1]

    monkeypatch.setattr(untrimmed, "render_clip", recorded)
    video = render_untrimmed(3, 30)
    kinds, at = [], 0
    while rendered:
        (start, end), clip = rendered.pop(0)
        neutral = end - start == 1  # its event is beyond the end
        n = len(clip.frames) - neutral
        looked = video.frames[at : at + n]
        heard = video.sound[at * SAMPLES_PER_FRAME : (at + n) * SAMPLES_PER_FRAME]
        looks = (looked == clip.frames[:n]).all()
        sounds = (heard == clip.sound[: len(heard)]).all()
        if neutral:
            assert looks and sounds
            looks = sounds = False
        elif rendered and rendered[0][0] == (n, n + 1):
            _, without = rendered.pop(0)
            assert looks or (looked == without.frames[:n]).all()
            assert sounds or (heard == without.sound[: len(heard)]).all()
        kinds.append((bool(looks), bool(sounds)))
        times = {(round(event.start * 30), round(event.end * 30)) for event in video.events}
        assert ((at + start, at + end) in times) == (looks and sounds)
        at += n
    assert at == len(video.frames)
    assert (
        sorted(kinds) == [(False, False)] * 2 + [(False, True), (True, False)] + [(True, True)] * 4
    )


def test_decoys_are_known_to_the_renderer(tmp_path):
    """From the plan alone, at the times at which the untrimmed video holds them."""
    root = build_untrimmed_rendered(tmp_path / "r", n_train=1, n_test=1, progress=False)
    decoys, truth = (
        untrimmed.read_decoys(root),
        json.loads((root / "videosenti_gt.json").read_text()),
    )
    assert list(decoys) == ["1_rendered_train", "2_rendered_test"]
    for name, found in decoys.items():
        assert sorted(kind for kind, _, _ in found) == ["looks", "sounds"]
        length = json.loads((root / "time.json").read_text())[name]
        for _, start, end in found:
            assert 0 <= start < end <= length and 2.5 <= end - start <= 5
            for row in truth["database"][name]["annotations"]:
                begin, stop = map(float, row["segment"])
                assert end <= begin or stop <= start
    at, places = 0, {}
    for kind, _, _, shot, (start, end) in untrimmed.plan_untrimmed(339 * 2 * 1000):
        places[kind], at = ((at + start) / 30, (at + end) / 30), at + shot
    assert {kind: (start, end) for kind, start, end in decoys["1_rendered_train"]} == {
        kind: places[kind] for kind in ("looks", "sounds")
    }


def test_annotators_mark_inside_the_events(video):
    for seed in range(20):
        marks = draw_points(video.events, 25, np.random.RandomState(seed))
        for (label, first, last, point), (wanted, start, end) in zip(
            marks, video.events, strict=True
        ):
            assert label == wanted and first <= point <= last
            assert start <= point / 25 <= end


def test_the_folder_is_in_the_layout_and_made_once(tmp_path):
    root = build_untrimmed_rendered(tmp_path / "r", n_train=2, n_test=1, progress=False)
    names = ["1_rendered_train", "2_rendered_train", "3_rendered_test"]
    assert [p.stem for p in sorted(root.glob("video/*/*.mp4"), key=lambda p: p.stem)] == names
    assert video_facts(root / "video" / "train" / f"{names[1]}.mp4").fps == 25
    released = json.loads((root / "gt.json").read_text())["database"]
    complete = json.loads((root / "videosenti_gt.json").read_text())["database"]
    assert released[names[0]]["annotations"] == [] != complete[names[0]]["annotations"]
    assert released[names[2]] == complete[names[2]]
    for number in range(3):
        points = read_points(root / "point_gaussian" / "train" / f"point_anno_{number}.txt")
        assert {name: len(p) for name, p in points.items()} == dict.fromkeys(names[:2], 4)
    extract_features(root, progress=False)
    for subset in ("train", "test"):
        videos = UntrimmedVideos(root, subset)
        for i, item in enumerate(videos.items):
            seconds = json.loads((root / "time.json").read_text())[item.id]
            assert videos.load(i).seconds == pytest.approx(seconds, abs=1)
    stamp = (root / "video" / "train" / f"{names[0]}.mp4").stat().st_mtime_ns
    build_untrimmed_rendered(root, n_train=2, n_test=1, progress=False)
    assert (root / "video" / "train" / f"{names[0]}.mp4").stat().st_mtime_ns == stamp


def test_folders_of_others_are_left_alone(tmp_path):
    (tmp_path / "video").mkdir()
    with pytest.raises(DataError, match="did not make"):
        build_untrimmed_rendered(tmp_path, n_train=1, n_test=1)


def checksums():
    """{file: SHA-256} of the videos that ship with JACK, and what they were made with."""
    lines = (ROOT / "data_samples" / "untrimmed_rendered" / "CHECKSUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines[1:])}, lines[0]


def test_a_video_has_the_stored_checksum_each_time(tmp_path):
    stored, made_with = checksums()
    assert len([name for name in stored if name.endswith(".mp4")]) == 30
    here = f"# {platform.machine()}, PyAV {av.__version__}"
    for name, (seed, fps) in {
        "video/train/2_rendered_train.mp4": (678001, 25),
        "video/test/21_rendered_test.mp4": (679000, 24),
    }.items():
        video = render_untrimmed(seed, fps)
        found = set()
        for _ in range(2):
            write_mp4(tmp_path / "v.mp4", video.frames, video.sound, fps)
            found.add(hashlib.sha256((tmp_path / "v.mp4").read_bytes()).hexdigest())
        assert len(found) == 1
        if here == made_with:  # another x264 writes other bytes
            assert found == {stored[name]}


def test_a_written_video_is_the_same_again(tmp_path, video):
    write_mp4(tmp_path / "v.mp4", video.frames[:50], video.sound[: 2 * SAMPLE_RATE], 25)
    assert video_facts(tmp_path / "v.mp4") == (25.0, 50, 2.0)
    back = frames_between(tmp_path / "v.mp4", 25, 0, 2, 50, height=72)
    assert np.abs(back.astype(int) - video.frames[:50]).mean() < 8
    assert abs(len(read_audio(tmp_path / "v.mp4")) / SAMPLE_RATE - 2) < 0.06
