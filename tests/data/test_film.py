"""One clock for a film: rough files, and what all three networks see and hear of them."""

import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
from support.videos import write_video

from jacklib.data.audio import log_mel, read_channels
from jacklib.data.prepare import prepare_one_video, read_frames
from jacklib.data.tsl300 import same_length
from jacklib.data.tsl_features import (
    frames_between,
    picture_features,
    read_clips,
    small_picture,
    video_facts,
)
from jacklib.data.tsl_features import read_frames as tsl_frames
from jacklib.errors import DataError

VARIABLE = [*(k * 1000 // 30 for k in range(30)), *(1000 + k * 4000 // 30 for k in range(31))]


def levels(pictures):
    """The grey of pictures, below their white band."""
    return np.array([picture[-20:].mean() for picture in pictures])


def seconds(path):
    channels, sr = read_channels(path)
    return channels.shape[1] / sr


def loud(path):
    """When sound begins and ends, in seconds."""
    channels, sr = read_channels(path)
    heard = np.flatnonzero(np.abs(channels[0]) > 0.1) / sr
    return heard[0], heard[-1]


def both_agree(path):
    """Picture and sound make as many clips for TSL-Net."""
    rgb, heard = picture_features(path), log_mel(path, video_facts(path).fps)
    T = len(heard) // 32
    return len(same_length(rgb, heard[: 32 * T].reshape(T, 32, 60), path, path)[0])


# --- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [90, -90, 180])
def test_all_networks_see_the_same_upright_film(tmp_path, turn):
    path = write_video(tmp_path / "phone.mp4", [40] * 40, rotation=turn)
    first, second = next(read_frames(path, 30, 48)), next(iter(tsl_frames(path)))
    strip = frames_between(path, 30, 0, 1, 3, height=len(second))[0]
    assert first.shape == second.shape == strip.shape
    assert (first.shape[0] > first.shape[1]) == (turn != 180)
    for picture in (second, strip):
        assert np.abs(picture.astype(int) - first).max() < 30
    bright = {90: np.s_[:, :12], -90: np.s_[:, -12:], 180: np.s_[-12:]}[turn]
    assert first[bright].mean() > 240


def test_a_rate_that_varies_is_read_at_thirty(tmp_path, caplog):
    path = write_video(tmp_path / "vfr.mkv", [2 * k for k in range(61)], times=VARIABLE, tone=5)
    facts = video_facts(path)
    assert facts.fps == 30 and abs(facts.seconds - 5) < 0.1
    assert "vfr.mkv: its frame rate varies: read at 30" in caplog.text
    seen = levels(tsl_frames(path))
    assert len(seen) == facts.n_frames and abs(seen[-1] - 120) < 4
    # 1 s at 30, then 4 s at 7.5: at 3 s the 45th picture is on the screen.
    assert abs(seen[90] - 90) < 4 and abs(levels(frames_between(path, 30, 3, 3.03, 1))[0] - 90) < 4
    np.testing.assert_array_equal(seen, levels(read_frames(path, 30, 48)))
    assert both_agree(path) == 9


@pytest.mark.parametrize("fps", [24, Fraction(30000, 1001), 25, 50])
def test_a_constant_rate_is_read_as_it_was_stored(tmp_path, fps):
    for ending in ("mp4", "mkv", "mov"):
        path = write_video(tmp_path / f"a.{ending}", [3 * k for k in range(70)], fps=fps)
        assert video_facts(path).fps == pytest.approx(float(fps), rel=0.01)
        assert np.abs(levels(tsl_frames(path)) - 3 * np.arange(70)).max() < 5


def test_a_film_whose_clock_begins_later_shows_the_same(tmp_path):
    grey = [2 * k for k in range(90)]
    strips = [
        frames_between(write_video(tmp_path / f"{begin}.mkv", grey, begin=begin), 30, 0, 3, 6)
        for begin in (0, 5)
    ]
    assert np.abs(strips[0].astype(int) - strips[1]).max() < 8
    assert np.ptp(levels(strips[1])) > 100


def test_clocks_that_jump_or_begin_anew_are_closed(tmp_path, caplog):
    times = [33 * k for k in range(60)] + [95_443_000 + 33 * k for k in range(60)]
    jump = write_video(tmp_path / "jump.mkv", [2 * k for k in range(120)], times=times)
    once = write_video(tmp_path / "once.ts", [50] * 60, tone=2)
    twice = tmp_path / "twice.ts"
    twice.write_bytes(2 * once.read_bytes())
    for path, said in ((jump, "26.5 hours"), (twice, "-2.0 s")):
        facts = video_facts(path)
        assert facts.n_frames == 120 and abs(facts.seconds - 4) < 0.1
        assert len(list(read_frames(path, 30, 48))) == pytest.approx(120, abs=1)
        assert len(list(read_clips(path, small_picture))) == 7
        assert f"its clock jumps by {said}: closed" in caplog.text
    strip = levels(frames_between(jump, 30, 0, 4, 4))
    assert np.abs(strip - [30, 90, 150, 210]).max() < 6
    assert seconds(twice) == pytest.approx(4, abs=0.2)


def test_damaged_pictures_do_not_move_the_rest(tmp_path):
    path = write_video(tmp_path / "a.mp4", [k // 2 for k in range(300)])
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    content = bytearray(path.read_bytes())
    content[places[100] : places[120]] = bytes(places[120] - places[100])
    path.write_bytes(content)
    for seen in (levels(tsl_frames(path)), levels(read_frames(path, 30, 48))):
        assert len(seen) == pytest.approx(300, abs=2)
        assert abs(seen[-1] - 149) < 8


def test_a_cover_is_no_film(tmp_path):
    cover = write_video(tmp_path / "cover.mp4", [90])
    song = tmp_path / "song.m4a"
    with av.open(str(cover)) as source, av.open(str(song), "w", format="mp4") as target:
        picture = target.add_stream("mjpeg", rate=1)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        sound = target.add_stream("aac", rate=44100, layout="mono")
        target.mux(picture.encode(next(source.decode(video=0)).reformat(format="yuvj420p")))
        for _ in range(40):
            frame = av.AudioFrame.from_ndarray(
                np.full((1, 1024), 0.3, np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate = 44100
            target.mux(sound.encode(frame))
        target.mux(picture.encode(None))
        target.mux(sound.encode(None))
    assert 0.8 < seconds(song) < 1.1
    with pytest.raises(DataError, match="song.m4a: found no video in it"):
        video_facts(song)


# --- sound ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "tone", "heard", "said"),
    [
        ({"sound_begin": 1}, 2, (1, 3), "silence where it has no sound: 1.0 s"),
        ({"begin": 1}, 5, (0, 3), "sound before the first picture left out: 1.0 s"),
        ({}, 20, (0, 3), "sound after the last picture left out"),
        ({}, 1, (0, 1), "silence where it has no sound: 2.0 s"),
    ],
)
def test_sound_is_laid_beside_the_pictures(tmp_path, caplog, about, tone, heard, said):
    path = write_video(tmp_path / "a.mkv", [60] * 90, tone=tone, **about)
    assert seconds(path) == pytest.approx(3, abs=0.16)
    assert np.abs(np.subtract(loud(path), heard)).max() < 0.16
    assert both_agree(path) == 5
    prepare_one_video(path, tmp_path / "frames", tmp_path / "a.mp3", short_side=48)
    assert np.abs(np.subtract(loud(tmp_path / "a.mp3"), heard)).max() < 0.2
    assert caplog.text.count(said) == 1  # in all of these


def test_an_ordinary_film_is_left_as_it_is(tmp_path, caplog):
    path = write_video(tmp_path / "a.mp4", [60] * 90, tone=3)
    with av.open(str(path)) as container:
        stored = sum(frame.samples for frame in container.decode(audio=0))
    assert read_channels(path)[0].shape[1] == stored
    assert not caplog.text


def test_damaged_sound_is_silence_of_its_length(tmp_path):
    path = write_video(tmp_path / "a.mkv", [60] * 150, tone=5)
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(audio=0) if packet.pos]
    content = bytearray(path.read_bytes())
    for place in places[60:100]:
        content[place + 12 : place + 60] = bytes(48)
    path.write_bytes(content)
    assert loud(path)[1] == pytest.approx(5, abs=0.1) and both_agree(path) == 9


def test_films_with_other_endings(tmp_path):
    film = write_video(tmp_path / "a.mp4", [60] * 30)
    for ending in (".m4v", ".FLV", ".wmv", ".mpg", ".3gp", ".ts"):
        copy = shutil.copy(film, tmp_path / f"b{ending}")
        assert video_facts(copy).n_frames == 30
