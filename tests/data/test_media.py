"""A stranger's video, sound and pictures: nothing but DataError comes out, and nothing else is
opened."""

import os
import random
import shutil
import socket
import struct
import threading
import zlib
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from support import ROOT
from support.videos import write_video

from jacklib.data import audio, media
from jacklib.data.prepare import prepare_one_video, read_frames
from jacklib.data.video import count_frames, read_frame
from jacklib.errors import DataError

FILM = ROOT / "data_samples" / "film"


@pytest.fixture
def film(tmp_path):
    return write_video(tmp_path / "film.mp4", [40] * 20, tone=0.6)


# --- Only the file itself is opened ---------------------------------------------------------------


def pointers(folder, port):
    """Files that point at `film.mp4` or at a server."""
    web, near = f"http://127.0.0.1:{port}/a.ts", folder / "film.mp4"
    return {
        "concat": f"ffconcat version 1.0\nfile '{near}'\n",
        "hls_file": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{near}\n#EXT-X-ENDLIST\n",
        "hls_web": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{web}\n#EXT-X-ENDLIST\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><BaseURL>{web}</BaseURL>'
        "</Period></MPD>",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "pls": f"[playlist]\nFile1={web}\nNumberOfEntries=1\n",
        "metadata": ";FFMETADATA1\ntitle=x\n",
    }


def test_playlists_and_other_pointers_are_refused(tmp_path, film):
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    for name, content in pointers(tmp_path, server.getsockname()[1]).items():
        for ending in (".mp4", ".m3u8", ".mpd", ".sdp", ".txt"):
            path = tmp_path / (name + ending)
            path.write_text(content)
            with pytest.raises(DataError, match=f"{name}{ending}"), media.opened(path):
                pass
            with pytest.raises(DataError):
                audio.read_channels(path)
    with pytest.raises(TimeoutError):
        server.accept()  # nobody has called
    server.close()


@pytest.mark.parametrize("name", ["concat:film.mp4|b", "-", "pipe:0", "data:x", "a%03d.mp4"])
def test_a_name_is_only_a_name(tmp_path, film, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no such file"), media.opened(name):
        pass
    shutil.copy(film, tmp_path / name)
    with media.opened(name) as container:
        assert len(container.streams) == 2
    assert len(list(read_frames(name, 30, 48))) == 20
    soundfile.write(tmp_path / "s.wav", np.ones(500), 8000)
    os.replace("s.wav", name)
    assert audio.read_channels(name)[0].shape == (1, 500)


def test_pipes_and_folders_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, found in {
        "pipe.mp4": "no plain file",
        "": "a folder",
        "gone": "no such file",
    }.items():
        for read in (lambda p: list(read_frames(p)), audio.read_audio):
            with pytest.raises(DataError, match=found):
                read(tmp_path / name)


def test_every_common_container_is_read(tmp_path):
    for ending in ("mp4", "mov", "mkv", "avi", "ts", "wmv", "webm"):
        path = write_video(tmp_path / f"a.{ending}", [50] * 20)
        with media.opened(path) as container:
            stream = media.picture_stream(path, container)
            assert media.frame_rate(stream) == 30
            assert sum(1 for _ in media.decoded(path, container, stream)) == 20


# --- Limits ---------------------------------------------------------------------------------------


def test_a_slide_that_is_held_stays(tmp_path):
    held = write_video(
        tmp_path / "held.webm", [50] * 60, times=[*range(0, 1900, 33), 52_000, 52_033]
    )  # a slide
    assert 100 < len(list(read_frames(held, 2, 48))) < 110


def test_a_rate_that_cannot_be_and_a_last_picture_without_end_are_refused(tmp_path, film):
    content = film.read_bytes()
    # stts: one entry, 20 samples, each of 512 units of 1/15360 s
    whole = struct.pack(">4sIIII", b"stts", 0, 1, 20, 512)
    assert content.count(whole) == 1
    slow = tmp_path / "slow.mp4"
    slow.write_bytes(content.replace(whole, struct.pack(">4sIIII", b"stts", 0, 1, 20, 2**31 - 1)))
    last = tmp_path / "last.mp4"
    two = struct.pack(">4sIIIIII", b"stts", 0, 2, 19, 512, 1, 2**31 - 1)
    at = content.index(whole)
    last.write_bytes(content[:at] + two + content[at + len(two) :])  # over the box that follows
    for path in (slow, last):
        with pytest.raises(DataError, match=path.name):
            for number, _ in enumerate(read_frames(path, 30, 48)):
                assert number < 5000


def test_sizes_are_checked_before_memory_is_taken(tmp_path):
    path = tmp_path / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W60000 H60000 F30:1 C420jpeg\nFRAME\n" + bytes(1000))
    with pytest.raises(DataError, match="a.y4m"):
        list(read_frames(path, 30, 48))
    thin = av.VideoFrame(16, 2**16, "yuv420p")
    with pytest.raises(DataError, match="thin.mp4.*proportions"):
        media.as_picture("thin.mp4", thin, 240, 983_040)


@pytest.mark.parametrize("header, found", [
    ({"rate": 1}, "1 samples per second"),
    ({"rate": 4_000_000_000}, "4000000000 samples|cannot be decoded"),
    ({"channels": 0}, "no sound|can(not)? be decoded|0 channels"),
    ({"channels": 1000}, "1000 channels|cannot be decoded"),
])  # fmt: skip
def test_wav_headers_that_cannot_be_are_refused(tmp_path, header, found):
    wanted = {"rate": 8000, "channels": 1} | header
    n, rate = wanted["channels"], wanted["rate"]
    about = struct.pack("<HHIIHH", 1, n, rate, min(rate * 2 * n, 2**32 - 1), 2 * n % 2**16, 16)
    content = b"WAVEfmt " + struct.pack("<I", 16) + about + b"data" + struct.pack("<I", 4000)
    content += bytes(4000)
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    for read in (audio.read_channels, audio.read_audio, audio.cten_features):
        with pytest.raises(DataError, match=f"a.wav.*({found})"):
            read(path)


def test_a_sound_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((20_000, 2)), 8000)
    monkeypatch.setattr(media.MOST, "samples", 30_000)
    with pytest.raises(DataError, match="a.flac: found .* samples of sound"):
        audio.read_channels(path)
    film = write_video(tmp_path / "a.mp4", [50] * 30, tone=1)
    with pytest.raises(DataError, match="a.mp4: found .* samples"):
        audio.read_audio(film)
    silent = write_video(tmp_path / "b.mp4", [50] * 30)
    with pytest.raises(DataError, match="b.mp4: found 44100 samples"):
        audio.read_audio(silent)


def test_long_sound_in_a_small_file_is_refused(tmp_path, monkeypatch):
    path, rng = tmp_path / "a.flac", np.random.default_rng(0)
    monkeypatch.setattr(media.MOST, "few_samples", 100_000)
    soundfile.write(path, np.zeros(200_000), 8000)
    with pytest.raises(DataError, match="a.flac: found .* samples of sound, wanted at most 100000"):
        audio.read_channels(path)
    for wave in (np.zeros(100_000), rng.uniform(-1, 1, 200_000)):  # short; long and not thin
        soundfile.write(path, wave, 8000)
        assert audio.read_channels(path)[0].shape == (1, len(wave))


def test_a_length_in_the_header_that_is_unknown_or_cannot_be(tmp_path):
    path, wave = tmp_path / "a.flac", np.sin(np.arange(20_000) / 9) / 2
    soundfile.write(path, wave, 8000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # a stream's: not known
    content[22:26] = bytes(4)
    path.write_bytes(content)
    channels, sr = audio.read_channels(path)
    assert sr == 8000 and np.allclose(channels, wave[None], atol=1e-4)
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(DataError, match="a.flac: found a length of 2386 hours"):
        audio.read_channels(path)


def png(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (width // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [13_000, 30_000])
def test_pictures_of_hundreds_of_megapixels_are_refused(tmp_path, side):
    path = tmp_path / "000001.jpg"
    path.write_bytes(png(side, side))
    assert path.stat().st_size < 300_000
    with pytest.raises(DataError, match=f"000001.jpg.*({side} x {side}|decompression bomb)"):
        read_frame(path)


def test_a_picture_that_is_drawn_thousands_of_times_is_refused(tmp_path):
    path = tmp_path / "000001.jpg"
    Image.new("L", (64, 48)).save(path, progressive=True)
    assert read_frame(path).shape == (48, 64, 3)
    content = path.read_bytes()
    last = content[content.rindex(b"\xff\xda") : -2]
    path.write_bytes(content[:-2] + 1000 * last + content[-2:])
    with pytest.raises(DataError, match="000001.jpg.*more than 64 scans"):
        read_frame(path)


def test_a_films_picture_that_is_drawn_thousands_of_times_is_left_out(tmp_path):
    path, picture = tmp_path / "clip.avi", tmp_path / "one.jpg"
    Image.new("RGB", (64, 48)).save(picture, progressive=True)
    content = picture.read_bytes()
    last = content[content.rindex(b"\xff\xda") : -2]
    bomb = content[:-2] + 1000 * last + content[-2:]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, data in enumerate([content] * 5 + [bomb]):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, 30)
            container.mux(packet)
    assert len(list(read_frames(path))) == 5


def test_spectra_of_long_sounds_are_made_in_pieces(monkeypatch):
    sound = np.random.default_rng(0).standard_normal(100_001).astype(np.float32)
    whole, sizes = audio.mfcc(sound), []
    of = audio.librosa.feature.melspectrogram

    def counted(**given):
        sizes.append(len(given["y"]))
        return of(**given)

    monkeypatch.setattr(audio.librosa.feature, "melspectrogram", counted)
    for long in (1, 50, 195):  # of 196 frames
        monkeypatch.setattr(audio, "LONG", long)
        np.testing.assert_allclose(audio.mfcc(sound), whole, rtol=0, atol=1e-3)
        assert max(sizes) == (long - 1) * 512 + 2048
        sizes.clear()


def test_damaged_pictures_are_named(tmp_path):
    whole = tmp_path / "whole.jpg"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(whole, quality=90)
    content, chance = whole.read_bytes(), random.Random(0)
    assert read_frame(whole).shape == (48, 64, 3)
    path, refused = tmp_path / "damaged.jpg", 0
    for _ in range(150):
        path.write_bytes(damaged(content, chance))
        try:
            read_frame(path)
        except DataError as error:
            assert "damaged.jpg" in str(error)
            refused += 1
    assert refused > 20
    with pytest.raises(DataError, match="no such file"):
        read_frame(tmp_path / "gone.jpg")


@pytest.mark.parametrize("text", ["9" * 5000, "-3", "1e300", "nan", "inf", "\x1b[2J", "", "7" * 20])
def test_n_frames_that_is_no_number_of_frames_is_refused(tmp_path, text):
    (tmp_path / "n_frames").write_text(text)
    with pytest.raises(DataError, match="n_frames") as error:
        count_frames(tmp_path)
    assert len(str(error.value)) < 1000 and "\x1b" not in str(error.value)


# --- Damage ---------------------------------------------------------------------------------------


def damaged(content, chance):
    """A copy of a file with a few bytes changed, cut out, doubled or cut off."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 2, 5))):
        at = chance.randrange(min(len(content), chance.choice((300, 10**9))))
        way = chance.randrange(5)
        if way == 0:
            content[at] = chance.randrange(256)
        elif way == 1:
            content[at : at + 4] = chance.choice((0, 1, 2**31, 2**32 - 1)).to_bytes(4, "big")
        elif way == 2:
            del content[at : at + chance.randrange(1, 60)]
        elif way == 3:
            content[at:at] = content[at : at + chance.randrange(1, 300)]
        else:
            content = content[: max(at, 40)]
    return bytes(content)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_damaged_films_give_data_errors_only(tmp_path, ending):
    content = write_video(tmp_path / f"a.{ending}", [40] * 20, tone=0.3).read_bytes()
    chance, path = random.Random(0), tmp_path / f"damaged.{ending}"
    good = 0
    for number in range(25):
        path.write_bytes(damaged(content, chance))
        for read in (
            lambda: prepare_one_video(path, tmp_path / "x", tmp_path / "x.mp3", short_side=48),
            lambda: audio.read_audio(path, 8000),
        ):
            try:
                read()
                good += 1
            except DataError as error:
                assert f"damaged.{ending}" in str(error), number
    assert good


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_damaged_sounds_give_data_errors_only(tmp_path, ending):
    noise = np.random.default_rng(0).normal(0, 0.1, (3000, 2))
    soundfile.write(tmp_path / f"a.{ending}", noise, 16000)
    content = (tmp_path / f"a.{ending}").read_bytes()
    chance, path = random.Random(0), tmp_path / f"damaged.{ending}"
    for _ in range(40):
        path.write_bytes(damaged(content, chance))
        try:
            audio.read_channels(path)
        except DataError as error:
            assert f"damaged.{ending}" in str(error)


def test_formats_that_are_not_known_here_are_named(tmp_path):
    path = write_video(tmp_path / "a.mkv", [50] * 20, tone=0.5)
    content = path.read_bytes()
    (tmp_path / "sound.mkv").write_bytes(content.replace(b"A_AAC", b"A_NEW", 1))
    codec = b"V_MPEG4/ISO/ASP"
    assert codec in content and b"A_AAC" in content
    (tmp_path / "picture.mkv").write_bytes(content.replace(codec, b"V_NEWEST9999999", 1))
    for name, read in (
        ("sound", audio.read_audio),
        ("sound", lambda p: prepare_one_video(p, tmp_path / "x", tmp_path / "x.mp3")),
        ("picture", lambda p: list(read_frames(p, 30, 48))),
    ):
        with pytest.raises(DataError, match=f"{name}.mkv.*not known here"):
            read(tmp_path / f"{name}.mkv")


def test_sound_whose_layout_changes_is_read_to_its_end(tmp_path):
    """As broadcasts have it, where an advertisement follows a film."""
    pieces = []
    for channels in (1, 2):
        piece = tmp_path / f"{channels}.aac"
        with av.open(str(piece), "w", format="adts") as container:
            layout = "mono" if channels == 1 else "stereo"
            stream = container.add_stream("aac", rate=44100, layout=layout)
            for _ in range(20):
                frame = av.AudioFrame.from_ndarray(
                    np.full((channels, 1024), 0.2, np.float32), format="fltp", layout=layout
                )
                frame.sample_rate = 44100
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        pieces.append(piece.read_bytes())
    path = tmp_path / "both.aac"
    path.write_bytes(b"".join(pieces))
    channels, sr = audio.read_channels(path)
    assert sr == 44100 and len(channels) == 1 and channels.shape[1] > 38 * 1024


def test_film_without_length_or_sound_gets_silence_of_its_length(tmp_path):
    """As a browser records a screen."""
    path = tmp_path / "screen.webm"
    with av.open(str(path), "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with media.opened(path) as container:
        assert not container.duration
    silence, sr = audio.read_channels(path, silent_sr=8000)
    assert sr == 8000 and not silence.any() and abs(silence.shape[1] / sr - 2) < 0.1
    assert prepare_one_video(path, tmp_path / "x", tmp_path / "x.mp3", short_side=48) == 60


def test_reading_in_threads_gives_the_same(film):
    expected = [p.sum() for p in read_frames(film, 30, 48)]
    results = [None] * 4

    def work(n):
        results[n] = [p.sum() for p in read_frames(film, 30, 48)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in results)
