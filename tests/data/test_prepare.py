"""Videos to frames and sound: right pictures at right times, and nothing half-written."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from support import ROOT
from support.videos import write_video

from jacklib.data import prepare
from jacklib.data.film import scaled_size
from jacklib.data.prepare import prepare_one_video, prepare_videos, read_frames, split_subsets
from jacklib.data.video import SamplePaths, VideoClips
from jacklib.errors import DataError, DiskError
from jacklib.files import LOCK, csv_rows

FILM = ROOT / "data_samples" / "film"


def levels_of(pictures):
    return [float(picture[picture.shape[0] // 2 :].mean()) for picture in pictures]


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LOCK
    }


def leftovers(folder):
    return [path.name for path in folder.rglob("*.part*")]


def quiet(source, target, **options):
    return prepare_videos(source, target, **{"short_side": 48, "progress": False, **options})


# --- Pictures at their times ----------------------------------------------------------------------


@pytest.mark.parametrize("fps, expected", [
    (12, [n * 12 // 30 for n in range(50)]),
    (30, list(range(20))),
    (60, list(range(0, 20, 2))),
])  # fmt: skip
def test_pictures_are_those_on_the_screen(tmp_path, fps, expected):
    path = write_video(tmp_path / "a.mp4", [10 + 12 * k for k in range(20)], fps=fps)
    found = levels_of(read_frames(path, 30, 48))
    assert np.allclose(found, [10 + 12 * k for k in expected], atol=4)


def test_uneven_times(tmp_path):
    levels, times = [20, 80, 140, 200], [0, 110, 500, 610]
    path = write_video(tmp_path / "a.mkv", levels, times=times)
    found = levels_of(read_frames(path, 10, 48))
    # Moments 0, 0.1, ... s; the last picture stays at least until it has been shown once.
    assert np.allclose(found[:7], [20, 20, 80, 80, 80, 140, 140], atol=4)
    assert np.allclose(found[7:], 200, atol=4)


def test_film_clip_has_its_length_in_pictures():
    pictures = list(read_frames(FILM / "video" / "Joy" / "bbb_0058.mp4", 30, 90))
    assert len(pictures) == 159  # 127 frames at 24 per second are 5.29 s
    assert pictures[0].shape == (90, 160, 3) and pictures[0].dtype == np.uint8
    same = [n for n in range(1, 159) if np.array_equal(pictures[n], pictures[n - 1])]
    assert len(same) >= 159 - 127  # 24 to 30 repeats every fourth picture, and mixes none


@pytest.mark.parametrize("size, expected", [
    ((320, 180), (427, 240)), ((180, 320), (240, 427)), ((1280, 720), (427, 240)),
    ((240, 240), (240, 240)), ((63, 48), (315, 240)),
])  # fmt: skip
def test_short_side_is_scaled_both_ways(size, expected):
    assert scaled_size(*size, 240) == expected


@pytest.mark.skipif(
    not (hasattr(av.VideoStream, "set_display_rotation") and hasattr(av.VideoFrame, "rotation")),
    reason="this PyAV does not know orientation marks",
)
@pytest.mark.parametrize("rotation, side", [(-90, "right"), (90, "left"), (180, "bottom")])
def test_phone_video_comes_out_upright(tmp_path, rotation, side):
    path = write_video(tmp_path / "phone.mp4", [0] * 3, rotation=rotation)
    picture = next(read_frames(path, 30, 48))
    assert picture.shape == ((48, 64, 3) if side == "bottom" else (64, 48, 3))
    bands = {"left": picture[:, :6], "right": picture[:, -6:], "bottom": picture[-6:]}
    assert bands[side].mean() > 240 and picture.mean() < 100


# --- One video to files ---------------------------------------------------------------------------


def test_film_clip_to_files(tmp_path):
    folder, mp3 = tmp_path / "img" / "x", tmp_path / "mp3" / "x.mp3"
    source = FILM / "video" / "Joy" / "bbb_0058.mp4"
    assert prepare_one_video(source, folder, mp3, short_side=90) == 159
    assert (folder / "n_frames").read_text() == "159"
    assert sorted(p.name for p in folder.glob("*.jpg")) == [f"{n:06d}.jpg" for n in range(1, 160)]
    pictures = list(read_frames(source, 30, 90))
    for number in (1, 80, 159):
        stored = np.asarray(Image.open(folder / f"{number:06d}.jpg")).astype(float)
        assert np.abs(stored - pictures[number - 1]).mean() < 4
    with av.open(str(mp3)) as container:
        assert container.streams.audio[0].codec_context.name.startswith("mp3")
        assert container.streams.audio[0].rate == 44100
    from jacklib.data.audio import read_audio

    waveform = read_audio(mp3)
    assert abs(len(waveform) / 44100 - 5.29) < 0.06
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("rate, channels, expected", [(22050, 1, 22050), (96000, 2, 44100)])
def test_sound_of_any_rate(tmp_path, rate, channels, expected):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=30)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        layout = "mono" if channels == 1 else "stereo"
        sound = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        for _ in range(30):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        wave = (9000 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)).astype(np.int16)
        block = np.repeat(wave, channels)[None]
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    prepare_one_video(path, tmp_path / "x", tmp_path / "x.mp3", short_side=48)
    with av.open(str(tmp_path / "x.mp3")) as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels) == (expected, channels)
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(stream)])
    assert abs(len(heard) / expected - 1) < 0.1
    strongest = np.argmax(np.abs(np.fft.rfft(heard))) * expected / len(heard)
    assert abs(strongest - 1000) < 5


def test_video_without_sound_gets_silence_of_its_length(tmp_path):
    path = write_video(tmp_path / "a.mp4", [50] * 45)
    assert prepare_one_video(path, tmp_path / "x", tmp_path / "x.mp3", short_side=48) == 45
    from jacklib.data.audio import mfcc, read_audio

    waveform = read_audio(tmp_path / "x.mp3")
    assert np.abs(waveform).max() < 1e-4 and abs(len(waveform) / 44100 - 1.5) < 0.06
    assert np.isfinite(mfcc(waveform)).all()


def test_short_video_is_marked_as_the_released_tool_does(tmp_path):
    path = write_video(tmp_path / "a.mp4", [50] * 15, tone=0.5)
    assert prepare_one_video(path, tmp_path / "x", tmp_path / "x.mp3", short_side=48) == 0
    assert (tmp_path / "x" / "n_frames").read_text() == "0"
    assert len(list((tmp_path / "x").glob("*.jpg"))) == 15


def bad_videos(folder):
    """Files that are no usable video, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("not a video\n" * 50)
    whole = (FILM / "video" / "Joy" / "bbb_0058.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    with av.open(str(folder / "sound.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=44100, layout="mono")
        for _ in range(20):
            block = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate = 44100
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return ["cut", "empty", "sound", "text"]


@pytest.mark.parametrize("name", ["cut", "empty", "sound", "text", "gone"])
def test_unreadable_video_is_named_and_leaves_nothing(tmp_path, name):
    bad_videos(tmp_path / "videos")
    path, out = tmp_path / "videos" / f"{name}.mp4", tmp_path / "out"
    with pytest.raises(DataError, match=f"{name}.mp4"):
        prepare_one_video(path, out / "x", out / "x.mp3")
    assert not tree(out) and not leftovers(tmp_path)
    with pytest.raises(DataError, match=f"{name}.mp4"):
        list(read_frames(path))


def test_damage_inside_a_video_costs_some_pictures_only(tmp_path, caplog):
    content = bytearray((FILM / "video" / "Joy" / "bbb_0058.mp4").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(range(250)) * 12
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    n_frames = prepare_one_video(path, tmp_path / "x", tmp_path / "x.mp3", short_side=48)
    assert 100 < n_frames <= 160
    assert len(list((tmp_path / "x").glob("*.jpg"))) == n_frames


def test_error_while_writing_leaves_nothing(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", [50] * 20, tone=0.5)

    def full(_, temporary, __):
        temporary.write_bytes(b"half an mp3")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prepare, "_write_mp3", full)
    with pytest.raises(DiskError, match="the disk is full"):
        prepare_one_video(path, tmp_path / "out" / "x", tmp_path / "out" / "x.mp3")
    assert not tree(tmp_path / "out") and not leftovers(tmp_path)


# --- Many videos ----------------------------------------------------------------------------------


@pytest.fixture
def own_videos(tmp_path):
    """Videos of every accepted kind in class folders."""
    source = tmp_path / "videos"
    write_video(source / "Joy" / "a.mp4", [40] * 20, tone=0.6)
    write_video(source / "Joy" / "b one, [x].AVI", [50] * 20)
    write_video(source / "Joy" / "c.mov", [60] * 20, tone=0.6)
    write_video(source / "Fear" / "d.mkv", [70] * 20)
    write_video(source / "Fear" / "e.webm", [80] * 20)
    (source / "Joy" / "notes.txt").write_text("no video")
    (source / "Nothing").mkdir()
    return source


def test_own_videos_load_as_clips(own_videos, tmp_path):
    target = tmp_path / "target"
    report = quiet(own_videos, target)
    assert report.prepared == ["Fear/d", "Fear/e", "Joy/a", "Joy/b one, [x]", "Joy/c"]
    assert not report.failed and report.annotation_path == target / "annotations.json"
    annotation = json.loads(report.annotation_path.read_text(encoding="utf-8"))
    assert annotation["labels"] == ["Fear", "Joy"]
    for subset in ("training", "validation"):
        clips = VideoClips(
            SamplePaths(report.frame_path, report.audio_path, report.annotation_path),
            subset,
            seq_len=2,
            snippet_duration=4,
            sample_size=24,
        )
        assert {item.label_name for item in clips.items} == {"Fear", "Joy"}
        for index, item in enumerate(clips.items):
            level = {"a": 40, "b": 50, "c": 60, "d": 70, "e": 80}[item.id[0]]
            sample = clips.load(index)
            assert abs(np.median(sample.visual) - level) < 5
            assert np.isfinite(sample.audio).all()


def test_second_run_does_nothing_and_overwrite_does_all(own_videos, tmp_path):
    target = tmp_path / "target"
    first = quiet(own_videos, target)
    mark = target / "img" / "Joy" / "a" / "n_frames"
    before, moment = tree(target), mark.stat().st_mtime_ns
    second = quiet(own_videos, target)
    assert second.already_there == first.prepared and not second.prepared
    assert mark.stat().st_mtime_ns == moment and tree(target) == before
    again = quiet(own_videos, target, overwrite=True)
    assert again.prepared == first.prepared and mark.stat().st_mtime_ns > moment
    assert tree(target) == before


def test_clip_without_its_mp3_is_made_again(own_videos, tmp_path):
    target = tmp_path / "target"
    quiet(own_videos, target)
    before = tree(target)
    (target / "mp3" / "Joy" / "a.mp3").unlink()
    assert quiet(own_videos, target).prepared == ["Joy/a"]
    assert tree(target) == before


def test_other_settings_are_refused_unless_overwritten(own_videos, tmp_path):
    target = tmp_path / "target"
    quiet(own_videos, target)
    with pytest.raises(DataError, match="'short_side': 48.*'short_side': 32.*--overwrite"):
        quiet(own_videos, target, short_side=32)
    quiet(own_videos, target, short_side=32, overwrite=True)
    with Image.open(target / "img" / "Joy" / "a" / "000001.jpg") as picture:
        assert min(picture.size) == 32


def test_bad_videos_are_reported_and_the_others_go_on(own_videos, tmp_path):
    names = bad_videos(own_videos / "Joy")
    write_video(own_videos / "Fear" / "short.mp4", [90] * 10)
    target = tmp_path / "target"
    report = quiet(own_videos, target)
    assert [clip for clip, _ in report.failed] == [f"Joy/{name}" for name in names]
    assert all(f"{name}.mp4" in reason for name, (_, reason) in zip(names, report.failed))  # noqa: B905
    assert report.too_short == ["Fear/short"] and len(report.prepared) == 6
    database = json.loads(report.annotation_path.read_text(encoding="utf-8"))["database"]
    assert sorted(database) == ["a", "b one, [x]", "c", "d", "e", "short"]
    assert not leftovers(target)
    assert "4 failed" in str(report) and "Joy/cut" in str(report) and "Fear/short" in str(report)


def test_json_annotation_is_used_as_it_is(tmp_path):
    listed = {"bbb_0324": "Sadness", "bbb_0115": "Trust", "not_there": "Joy"}
    annotation = tmp_path / "own.json"
    content = json.dumps({
        "labels": ["Trust", "Sadness", "Joy"],
        "database": {i: {"subset": "training", "annotations": {"label": label}}
                     for i, label in listed.items()},
    })  # fmt: skip
    annotation.write_text(content, encoding="utf-8")
    target = tmp_path / "target"
    report = quiet(FILM / "video", target, annotations=annotation)
    assert report.prepared == ["Sadness/bbb_0324", "Trust/bbb_0115"]
    assert report.failed[0][0] == "Joy/not_there" and "no video" in report.failed[0][1]
    assert report.annotation_path == annotation and annotation.read_text() == content
    assert not (target / "annotations.json").exists()


def test_table_of_clips_and_flat_folder(own_videos, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in own_videos.glob("*/*.*"):
        shutil.copy(path, flat)
    table = tmp_path / "clips.csv"
    table.write_text("id,label,subset\na,Joy,validation\nd,Fear,training\nc,Joy,\n")
    report = quiet(flat, tmp_path / "target", annotations=table)
    assert report.prepared == ["Joy/a", "Fear/d", "Joy/c"]
    annotation = json.loads(report.annotation_path.read_text(encoding="utf-8"))
    assert annotation["labels"] == ["Fear", "Joy"]
    subsets = {i: entry["subset"] for i, entry in annotation["database"].items()}
    assert subsets == {"a": "validation", "d": "training", "c": "training"}


@pytest.mark.parametrize("content, message", [
    ("name,label\na,Joy\n", "columns name, label"),
    ("", "columns none"),
    ("id,label\n", "no clips"),
])  # fmt: skip
def test_bad_tables_are_named(own_videos, tmp_path, content, message):
    table = tmp_path / "clips.csv"
    table.write_text(content)
    with pytest.raises(DataError, match=message) as error:
        quiet(own_videos, tmp_path / "target", annotations=table)
    assert "clips.csv" in str(error.value)


def test_more_clips_than_any_data_set_has(own_videos, tmp_path, monkeypatch):
    monkeypatch.setattr("jacklib.data.prepare.MOST_CLIPS", 2)
    table = tmp_path / "clips.csv"
    table.write_text("id,label\na,Joy\nb,Joy\nd,Fear\n")
    with pytest.raises(DataError, match="clips.csv: found 3 clips, wanted 1 to 2"):
        quiet(own_videos, tmp_path / "target", annotations=table)
    assert not (tmp_path / "target").exists()


def test_bad_folders_are_named(own_videos, tmp_path):
    with pytest.raises(DataError, match="elsewhere.*no such folder"):
        quiet(tmp_path / "elsewhere", tmp_path / "target")
    with pytest.raises(DataError, match="no videos in folders"):
        quiet(own_videos / "Joy", tmp_path / "target")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file: found a file"):
        quiet(own_videos, tmp_path / "file")
    with pytest.raises(DataError, match="fps: found 0"):
        quiet(own_videos, tmp_path / "target", fps=0)


def test_annotation_grows_and_keeps_what_was_changed_by_hand(own_videos, tmp_path):
    target = tmp_path / "target"
    path = quiet(own_videos, target).annotation_path
    annotation = json.loads(path.read_text(encoding="utf-8"))
    for entry in annotation["database"].values():
        entry["subset"] = "training" if entry["subset"] == "validation" else "validation"
    annotation["database"]["a"]["annotations"]["note"] = "by hand"
    path.write_text(json.dumps(annotation), encoding="utf-8")
    write_video(own_videos / "Anger" / "f.mp4", [90] * 20)
    quiet(own_videos, target)
    grown = json.loads(path.read_text(encoding="utf-8"))
    assert grown["labels"] == ["Fear", "Joy", "Anger"]  # numbers of known classes stay
    assert grown["database"]["f"] == {"subset": "training", "annotations": {"label": "Anger"}}
    del grown["database"]["f"]
    assert grown["database"] == annotation["database"]


@pytest.mark.parametrize("count, share, validation", [
    (1, 0.33, 0), (2, 0.33, 1), (3, 0.33, 1), (10, 0.33, 3), (100, 0.33, 33),
    (5, 0.0, 1), (5, 1.0, 4),
])  # fmt: skip
def test_split_sizes(count, share, validation):
    ids = [str(n) for n in range(count)]
    split = split_subsets(ids, {}, share, np.random.default_rng(0))
    assert list(split) == ids
    assert list(split.values()).count("validation") == validation
    assert split == split_subsets(ids, {}, share, np.random.default_rng(0))
    if count == 100:
        assert split != split_subsets(ids, {}, share, np.random.default_rng(1))
        known = {"3": "validation", "4": "training"}
        later = split_subsets(ids, known, share, np.random.default_rng(2))
        assert later["3"] == "validation" and later["4"] == "training"
        assert list(later.values()).count("validation") == 33


# --- Names and tables as they come ----------------------------------------------------------------


@pytest.mark.parametrize("row, problem", [
    ("a,Joy,", "a second row for 'a'"), ("a.mp4,joy,", "a second row for 'a'"), (",Joy,", "'' as"),
    ("c,Joy,test", "subset 'test'"), ("c", "'' as a name"), ("nobody,Joy,", "no video nobody"),
    ("c/c,Joy,", "separator"),
])  # fmt: skip
def test_a_bad_row_is_named_and_the_others_go_on(own_videos, tmp_path, row, problem):
    table = tmp_path / "clips.csv"
    table.write_text(f"id,label,subset\na,Joy,\n{row}\nd,Fear,\n")
    report = quiet(own_videos, tmp_path / "target", annotations=table)
    assert report.prepared == ["Joy/a", "Fear/d"] and len(report.failed) == 1
    assert problem in report.failed[0][1]
    assert "nobody" in row or "clips.csv, line 3" in report.failed[0][1]


def test_a_name_that_occurs_twice_costs_only_itself(own_videos, tmp_path):
    shutil.copy(own_videos / "Joy" / "a.mp4", own_videos / "Fear" / "a.mp4")
    shutil.copy(own_videos / "Joy" / "c.mov", own_videos / "Joy" / "c.mp4")
    report = quiet(own_videos, tmp_path / "target")
    assert report.prepared == ["Fear/d", "Fear/e", "Joy/b one, [x]"]
    assert [clip for clip, _ in report.failed] == ["Fear/a", "Joy/a", "Joy/c", "Joy/c"]
    assert "c.mp4: found 2 videos of that name" in report.failed[3][1]


def test_what_is_no_video_is_counted_with_its_ending(own_videos, tmp_path):
    (own_videos / "Joy" / "b.XYZ").write_text("")
    (own_videos / "Fear" / "readme").write_text("")
    (own_videos / "Fear" / ".DS_Store").write_text("")
    (own_videos / "Fear" / "more").mkdir()
    write_video(own_videos / "top.mp4", [50] * 20)
    report = str(quiet(own_videos, tmp_path / "target"))
    assert "left out: 5 files (.mp4, .txt, .xyz, folder, no ending)" in report.splitlines()


TABLES = [
    "ID , Label\nb.mp4,Joy\n",  # capitals and blanks, an ending
    "id,label\nB,joy\n",
    "id,label\nB.MP4, JOY \n",
    ",id,label\n0,b,Joy\n",  # an index column, as pandas writes it
    "Unnamed: 0,label,id\n0,Joy,b\n",
    "b,Joy\n",  # no line of names
    "\n0,b.mp4,joy\n",
    "id;label\nb;Joy\n",
    "id\tlabel\r\nb\tJoy\r\n",
    "b\tjoy\n",
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("flat", [False, True])
def test_tables_as_people_write_them(tmp_path, table, flat):
    folder = tmp_path / "videos"
    write_video(folder / ("b.mp4" if flat else "Joy/b.mp4"), [50] * 20)
    (tmp_path / "t.csv").write_text(table, newline="")
    report = quiet(folder, tmp_path / "out", annotations=tmp_path / "t.csv")
    assert not report.failed and len(report.prepared) == 1
    (label, stem) = report.prepared[0].split("/")
    assert stem == "b" and label.lower() == "joy" and (flat or label == "Joy")
    written = json.loads(report.annotation_path.read_text("utf-8"))
    assert list(written["database"]) == ["b"] and written["labels"] == [label]


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gbk"])
def test_tables_in_other_codes(tmp_path, code):
    write_video(tmp_path / "videos" / "快乐" / "影片 一.mp4", [50] * 20)
    (tmp_path / "t.csv").write_bytes("id,label\n影片 一,快乐\n".encode(code))
    report = quiet(tmp_path / "videos", tmp_path / "out", annotations=tmp_path / "t.csv")
    assert report.prepared == ["快乐/影片 一"]


def test_an_id_finds_its_video_however_letters_are_composed(tmp_path):
    source = tmp_path / "videos"
    for name in ("Cafe\u0301", os.fsdecode(b"\xd6\xd0\xce\xc4"), "Up", "up", "c.d"):
        write_video(source / "Fre\u0301d" / f"{name}.mp4", [50] * 20)
    shutil.copy(source / "Fre\u0301d" / "c.d.mp4", source / "Fre\u0301d" / "c.d.mp4.avi")
    rows = ["Caf\u00e9", "中文", "Up", "UP", "c.d.mp4", "c.d"]
    (tmp_path / "t.csv").write_text("id,label\n" + "".join(f"{i},Fr\u00e9d\n" for i in rows))
    report = quiet(source, tmp_path / "out", annotations=tmp_path / "t.csv")
    assert [clip for clip, _ in report.failed] == ["Fre\u0301d/UP"]  # which of the two is meant?
    ids = ["Cafe\u0301", os.fsdecode(b"\xd6\xd0\xce\xc4"), "Up", "c.d.mp4", "c.d"]
    assert report.prepared == [f"Fre\u0301d/{i}" for i in ids]
    entry = {"subset": "training", "annotations": {"label": "Fr\u00e9d"}}
    content = {"labels": ["fr\u00e9d"], "database": {"caf\u00e9.mp4": entry}}
    (tmp_path / "t.json").write_text(json.dumps(content))
    report = quiet(source, tmp_path / "json", annotations=tmp_path / "t.json")
    assert report.prepared == ["fr\u00e9d/caf\u00e9.mp4"]  # used as it is


ODD = (
    "-dash", "a:b", "it's \"it\"", " blank ", "x" * 251, "情" * 83, "a\\b", "new\nline", "100 %",
    os.fsdecode(b"\xd6\xd0\xce\xc4"), "e\u0301", "\u00e9",
)  # fmt: skip


def test_films_of_any_name_are_prepared_or_named_and_load_as_clips(tmp_path):
    film = write_video(tmp_path / "film.mp4", [50] * 20, tone=0.6)
    (tmp_path / "videos" / "Joy").mkdir(parents=True)
    for name in ODD:
        shutil.copy(film, tmp_path / "videos" / "Joy" / f"{name}.mp4")
    report = quiet(tmp_path / "videos", tmp_path / "out", validation_share=1)
    bad = ["a\\b", "new\nline"]  # which would be a path, or a second line, elsewhere
    assert [clip for clip, _ in report.failed] == [f"Joy/{name}" for name in bad]
    assert len(report.prepared) == len(ODD) - 2
    assert len(quiet(tmp_path / "videos", tmp_path / "out").already_there) == len(ODD) - 2
    paths = SamplePaths(report.frame_path, report.audio_path, report.annotation_path)
    clips = VideoClips(paths, "validation", seq_len=2, snippet_duration=4, sample_size=24)
    assert len(clips.items) == len(ODD) - 3 and not clips.unreadable  # one is in the other subset
    assert all(np.isfinite(clips.load(k).audio).all() for k in range(len(clips.items)))


def test_a_name_that_only_this_disk_refuses_costs_only_itself(tmp_path, monkeypatch):
    film = write_video(tmp_path / "videos" / "Joy" / "a.mp4", [50] * 20)
    for name in ("b" * 252 + ".ts", "c:d.mp4", "e.mp4"):
        shutil.copy(film, film.with_name(name))
    replace = os.replace

    def picky(old, new):  # as FAT and NTFS are
        if ":" in os.fspath(new):
            raise OSError(22, "Invalid argument", os.fspath(old), None, os.fspath(new))
        replace(old, new)

    monkeypatch.setattr(os, "replace", picky)
    report = quiet(tmp_path / "videos", tmp_path / "out")
    assert report.prepared == ["Joy/a", "Joy/e"] and not leftovers(tmp_path)
    assert "at most 251 bytes" in report.failed[0][1]
    assert "a name that this disk does not take (Invalid argument)" in report.failed[1][1]


def test_paths_as_they_are_pasted(own_videos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_text("id,label\na,Joy\n")
    report = quiet(f"'{own_videos}' ", "~/my out", annotations=f"file://{tmp_path}/t.csv")
    assert report.prepared == ["Joy/a"] and report.frame_path == tmp_path / "my out" / "img"
    with pytest.raises(DataError, match=r"C:.Films: found no such folder.*/mnt/c"):
        quiet("C:\\Films", tmp_path / "out")


# --- What a file says never leaves TARGET, and nothing of the user's is removed -------------------


@pytest.mark.parametrize("label", ["../victim", "/victim", "a/b", "a\\b", "..", ".hidden", "a\0b"])
@pytest.mark.parametrize("kind", ["csv label", "csv id", "json label", "json id"])
def test_no_path_is_made_from_what_a_table_says(tmp_path, label, kind):
    source, target = tmp_path / "src", tmp_path / "work" / "target"
    write_video(source / "clip.mp4", [50] * 20)
    write_video(source / "good.mp4", [50] * 20)
    label = f"{tmp_path}/victim" if label == "/victim" else label
    for folder in (tmp_path / "work" / "victim" / "clip", tmp_path / "victim" / "clip"):
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text("precious")
    shutil.copy(source / "clip.mp4", tmp_path / "work" / "victim.mp4")
    shutil.copy(source / "clip.mp4", tmp_path / "victim.mp4")
    before = tree(tmp_path)
    clip_id, bad = (label, "Joy") if kind.endswith("id") else ("clip", label)
    table = tmp_path / f"table.{kind[: kind.index(' ')]}"
    if kind.startswith("csv"):
        table.write_text(f"id,label\n{clip_id},{bad}\ngood,Joy\n")
    else:
        entries = {clip_id: bad, "good": "Joy"}
        table.write_text(json.dumps({
            "labels": sorted({bad, "Joy"}),
            "database": {i: {"subset": "training", "annotations": {"label": lb}}
                         for i, lb in entries.items()},
        }))  # fmt: skip
    if kind == "json label":
        with pytest.raises(DataError, match="table.json"):
            quiet(source, target, annotations=table)
        assert not target.exists()
    elif kind.startswith("csv") and "\0" in label:  # some Pythons refuse the table, some the row
        try:
            assert quiet(source, target, annotations=table).prepared == ["Joy/good"]
        except DataError as error:
            assert "table.csv" in str(error)
    else:
        report = quiet(source, target, annotations=table)
        assert report.prepared == ["Joy/good"] and len(report.failed) == 1
        place = "line 2" if kind.startswith("csv") else "ID "
        assert place in report.failed[0][1] and "\0" not in str(report)
    after = tree(tmp_path)
    assert {name: after[name] for name in before} == before
    assert all("target/" in name for name in set(after) - set(before) - {table.name})


def test_links_out_of_the_target_are_not_followed(own_videos, tmp_path):
    target, outside = tmp_path / "target", tmp_path / "outside"
    outside.mkdir()
    (target / "img").mkdir(parents=True)
    (target / "img" / "Joy").symlink_to(outside)
    report = quiet(own_videos, target)
    assert report.prepared == ["Fear/d", "Fear/e"] and len(report.failed) == 3
    assert all("symbolic link" in reason for _, reason in report.failed)
    assert not list(outside.iterdir())


def test_a_folder_that_is_not_ours_is_never_replaced(own_videos, tmp_path):
    target = tmp_path / "target"
    folder = target / "img" / "Joy" / "a"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("precious")
    (folder / "n_frames").write_text("20")
    for overwrite in (False, True):
        report = quiet(own_videos, target, overwrite=overwrite)
        assert [clip for clip, _ in report.failed] == ["Joy/a"]
        assert "Move it away" in report.failed[0][1] and str(folder) in report.failed[0][1]
        assert (folder / "thesis.txt").read_text() == "precious"
        assert len(report.prepared) == 4
        assert not (target / "mp3" / "Joy" / "a.mp3").exists()


def test_finished_means_counted(own_videos, tmp_path):
    target = tmp_path / "target"
    quiet(own_videos, target)
    before = tree(target)
    (target / "img" / "Joy" / "a" / "000007.jpg").unlink()
    (target / "img" / "Fear" / "d" / "n_frames").write_text("7")
    (target / "mp3" / "Joy" / "c.mp3").write_bytes(b"")
    (target / "img" / "Fear" / "e" / "n_frames").unlink()
    assert quiet(own_videos, target).prepared == ["Fear/d", "Fear/e", "Joy/a", "Joy/c"]
    assert tree(target) == before
    write_video(own_videos / "Joy" / "a.mp4", [200] * 30)  # another film of the same name
    assert quiet(own_videos, target).prepared == ["Joy/a"]
    assert (target / "img" / "Joy" / "a" / "n_frames").read_text() == "30"


def test_interrupted_overwrite_is_finished_and_never_mixed(own_videos, tmp_path, monkeypatch):
    target, whole = tmp_path / "target", tmp_path / "whole"
    quiet(own_videos, target)
    real, calls = prepare.prepare_one_video, []

    def third_is_interrupted(*words, **options):
        calls.append(words)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*words, **options)

    monkeypatch.setattr(prepare, "prepare_one_video", third_is_interrupted)
    with pytest.raises(KeyboardInterrupt):
        quiet(own_videos, target, short_side=32, overwrite=True)
    monkeypatch.setattr(prepare, "prepare_one_video", real)
    with pytest.raises(DataError, match="'short_side': 32.*'short_side': 48"):
        quiet(own_videos, target)
    report = quiet(own_videos, target, short_side=32)
    assert len(report.already_there) == 2 and len(report.prepared) == 3
    quiet(own_videos, whole, short_side=32)
    assert tree(target) == tree(whole)


@pytest.mark.parametrize("stop", range(1, 9))
def test_a_stop_between_any_two_moves_is_finished_by_the_next_run(tmp_path, stop):
    """The process ends at its `stop`-th rename: as a kill there would leave it."""
    source = tmp_path / "videos"
    write_video(source / "Joy" / "a.mp4", [40] * 20, tone=0.6)
    write_video(source / "Fear" / "b.mp4", [60] * 20)
    target, whole = tmp_path / "target", tmp_path / "whole"
    quiet(source, target)
    code = (
        "import os, sys; from jacklib.data.prepare import prepare_videos\n"
        "count = 0\n"
        "def stopped(move):\n"
        "    def call(*words):\n"
        "        global count; count += 1\n"
        f"        if count == {stop}: os._exit(9)\n"
        "        move(*words)\n"
        "    return call\n"
        "os.replace, os.rename = stopped(os.replace), stopped(os.rename)\n"
        "prepare_videos(sys.argv[1], sys.argv[2], short_side=32, overwrite=True, progress=False)"
    )
    environment = dict(os.environ, JACKLIB_NO_JITTOR="1", PYTHONPATH=str(ROOT))
    run = subprocess.run([sys.executable, "-c", code, source, target], env=environment)
    assert run.returncode == 9
    settings = json.loads((target / "img" / "prepared.json").read_text())
    if settings["short_side"] == 48:  # stopped before anything was written
        assert not quiet(source, target).prepared
        quiet(source, target, short_side=32, overwrite=True)
    report = quiet(source, target, short_side=32)
    assert not report.failed
    quiet(source, whole, short_side=32)
    assert tree(target) == tree(whole) and not leftovers(target)


def test_two_runs_at_once_leave_whole_clips(own_videos, tmp_path):
    code = (
        "from jacklib.data.prepare import prepare_videos; import sys\n"
        "r = prepare_videos(sys.argv[1], sys.argv[2], short_side=48, progress=False)\n"
        "print(len(r.prepared), len(r.already_there), len(r.failed))"
    )
    environment = dict(os.environ, JACKLIB_NO_JITTOR="1", PYTHONPATH=str(ROOT))
    target, whole = tmp_path / "target", tmp_path / "whole"
    runs = [
        subprocess.Popen([sys.executable, "-c", code, own_videos, target], env=environment,
                         stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]  # fmt: skip
    found = [run.communicate(timeout=120)[0].split() for run in runs]
    assert all(run.returncode == 0 for run in runs)
    assert sorted(found) == [["0", "5", "0"], ["0", "5", "0"], ["5", "0", "0"]]
    quiet(own_videos, whole)
    assert tree(target) == tree(whole) and not leftovers(target)


def test_what_is_finished_is_only_read(own_videos, tmp_path, monkeypatch):
    """As root may write anywhere, every way to write is taken away instead of permissions."""
    target = tmp_path / "target"
    quiet(own_videos, target)
    (target / LOCK).unlink()

    def refused(*words, **options):
        raise OSError(30, "Read-only file system")

    for name in ("locked", "whole_file", "whole_folder", "write_json"):
        monkeypatch.setattr(prepare.files, name, refused)
    report = quiet(own_videos, target)
    assert len(report.already_there) == 5 and not report.failed
    assert not (target / LOCK).exists()


def test_a_full_disk_ends_the_run_and_a_bad_video_does_not(own_videos, tmp_path, monkeypatch):
    bad_videos(own_videos / "Joy")
    real, count = Image.Image.save, 0

    def full(self, path, *words, **options):
        nonlocal count
        count += 1
        if count > 50:
            raise OSError(28, "No space left on device")
        return real(self, path, *words, **options)

    monkeypatch.setattr(Image.Image, "save", full)
    target = tmp_path / "target"
    with pytest.raises(DiskError, match="the disk is full. Make room"):
        quiet(own_videos, target)
    monkeypatch.setattr(Image.Image, "save", real)
    report = quiet(own_videos, target)
    assert len(report.already_there) == 2 and len(report.prepared) == 3
    assert len(report.failed) == 4 and not leftovers(target)


# --- Killed in the middle, and the command line ---------------------------------------------------


def test_killed_run_is_finished_by_the_next_one(tmp_path):
    source = tmp_path / "videos"
    shutil.copytree(FILM / "video" / "Sadness", source / "Sadness")
    shutil.copytree(FILM / "video" / "Trust", source / "Trust")
    target, whole = tmp_path / "target", tmp_path / "whole"
    code = (
        "from jacklib.data.prepare import prepare_videos; import sys;"
        "prepare_videos(sys.argv[1], sys.argv[2], short_side=120, progress=False)"
    )
    environment = dict(os.environ, JACKLIB_NO_JITTOR="1", PYTHONPATH=str(ROOT))
    run = subprocess.Popen([sys.executable, "-c", code, source, target], env=environment)
    patience = time.monotonic() + 60
    try:
        # Killed while a clip after the second of five is being written. Held still before it is
        # looked at: a busy machine may be past that clip when the look is over.
        while True:
            assert run.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < patience, "nothing was written for a minute"
            run.send_signal(signal.SIGSTOP)
            if (
                len(list(target.glob("img/*/.*.part/*.jpg"))) >= 10
                and (target / "img" / "Sadness" / "bbb_0349").exists()
            ):
                break
            run.send_signal(signal.SIGCONT)
            time.sleep(0.005)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()

    assert leftovers(target), "the kill came between two clips"
    visible = sorted(path for path in target.glob("img/*/*") if not path.name.startswith("."))
    clips = [path for path in visible if path.is_dir()]
    assert 2 <= len(clips) < 5
    for folder in clips:  # whatever is visible is whole
        assert int((folder / "n_frames").read_text()) == len(list(folder.glob("*.jpg")))

    report = prepare_videos(source, target, short_side=120, progress=False)
    assert len(report.already_there) == len(clips)
    assert len(report.prepared) == 5 - len(clips) and not report.failed
    prepare_videos(source, whole, short_side=120, progress=False)
    assert tree(target) == tree(whole)
    assert not leftovers(target)


def test_command_line(own_videos, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    prepare.add_arguments(parser)
    target = tmp_path / "target"
    given = [str(own_videos), str(target), "--short_side", "48", "--seed", "3"]
    assert prepare.main(parser.parse_args(given)) == 0
    printed = capsys.readouterr().out
    assert "5 prepared" in printed and str(target / "annotations.json") in printed

    bad_videos(own_videos / "Joy")
    assert prepare.main(parser.parse_args(given)) == 1
    assert "Joy/text" in capsys.readouterr().out

    with pytest.raises(DataError, match="no such folder"):
        prepare.main(parser.parse_args([str(tmp_path / "gone"), str(target)]))


def test_a_table_of_short_rows_holds_their_cells_alone(tmp_path):
    columns, rows = csv_rows("a,b,c\n1\n\n1,2,3,4\n")
    found = list(rows)
    assert columns == ["a", "b", "c"]
    assert found == [(2, {"a": "1"}), (4, {"a": "1", "b": "2", "c": "3", None: ["4"]})]
    # With every cell that is lacking, 2,000 million.
    table = tmp_path / "table.csv"
    names = ",".join(f"column {n}" for n in range(20_000))
    lines = "".join(f"clip{n},Joy\n" for n in range(100_000))
    table.write_text(f"id,label,{names}\n{lines}clip0,Joy\n", encoding="utf-8")
    with pytest.raises(DataError, match="table.csv: found 100001 clips"):
        prepare_videos(tmp_path, tmp_path / "out", annotations=table, progress=False)
    table.write_text(
        f"id,label,{names}\n{lines[: -len('clip99999,Joy+')]}clip0,Joy\n", encoding="utf-8"
    )
    report = prepare_videos(tmp_path, tmp_path / "out", annotations=table, progress=False)
    assert len(report.failed) == 100_000
    assert "table.csv, line 100001: found a second row for 'clip0'" in report.failed[-1][1]


def test_a_clip_that_changes_its_class_is_in_the_new_one(tmp_path):
    def videos(label: str) -> Path:
        folder = tmp_path / label / label
        folder.mkdir(parents=True)
        write_video(folder / "clip.mp4", [80] * 20)
        return folder.parent

    target = tmp_path / "out"
    for labels in (["Joy"], ["Anger"], ["Joy"]):
        shutil.rmtree(tmp_path / labels[0], ignore_errors=True)
        prepare_videos(videos(labels[0]), target, progress=False)
        written = json.loads((target / "annotations.json").read_text("utf-8"))
        assert written["database"]["clip"]["annotations"]["label"] == labels[0]


def test_videos_that_are_listed_but_not_there_cost_no_question_to_the_disk(tmp_path, monkeypatch):
    write_video(tmp_path / "in" / "Joy" / "clip.a.MP4", [80] * 20)
    table, asked, isfile = tmp_path / "clips.csv", [], os.path.isfile
    table.write_text("id,label\nclip.a,Joy\n" + "".join(f"no{n},Joy\n" for n in range(50)), "utf-8")
    monkeypatch.setattr(os.path, "isfile", lambda path: asked.append(path) or isfile(path))
    report = prepare_videos(tmp_path / "in", tmp_path / "out", annotations=table, progress=False)
    assert report.prepared == ["Joy/clip.a"] and len(report.failed) == 50
    assert not any("no1" in str(path) for path in asked)
