"""CTEN's sound: channels of a file, Kaldi's filter bank, and the choice of frames."""

import json

import av
import numpy as np
import pytest
import soundfile
from support import ROOT
from torch_numbers.make_filter_bank import CASES, PATH, sound

from jacklib.data import audio
from jacklib.errors import DataError
from jacklib.samples import film_clips

FILM = ROOT / "data_samples" / "film"
SILENCE = float(np.log(np.finfo(np.float32).eps))


# --- The filter bank ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_torchaudio_agrees(name):
    _, sr, _, _, _, n_mels = CASES[name]
    got = audio.filter_bank(sound(name)[0], sr, n_mels)
    assert got.dtype == np.float32
    with np.load(PATH) as stored:
        out, exact = stored[f"{name}/out"], stored[f"{name}/exact"]
        rounding = json.loads(str(stored["index"]))[name]["rounding"]
    assert got.shape == out.shape == exact.shape
    scale = np.abs(exact).max()
    assert np.abs(got - exact).max() <= 1e-6 * scale
    # torchaudio in float32 is itself up to 7e-6 away from float64 for noise and 2e-5 for tones. A
    # chirp leaves hardly any energy in most filters, where the logarithm magnifies rounding: 5e-4.
    assert np.abs(got - out).max() <= (1e-6 + 1.1 * rounding) * scale
    assert rounding < (6e-4 if CASES[name][0] == "chirp" else 3e-5)


def test_a_frame_every_10_ms():
    for sr in (16000, 22050, 44100, 48000):
        assert audio.filter_bank(np.zeros(2 * sr), sr).shape == (198, 128)


def test_long_sound_is_the_same_as_its_parts():
    wave = np.random.default_rng(3).uniform(-1, 1, 16000 * 7).astype(np.float32)
    whole = audio.filter_bank(wave, 16000)
    assert len(whole) == 698  # more than are computed at a time
    part = audio.filter_bank(wave[250 * 160 :], 16000)
    assert np.allclose(whole[250:], part, atol=1e-5)


def test_the_mean_of_the_sound_does_not_matter():
    wave = sound("noise_44100")[0].astype(np.float64)
    assert np.allclose(audio.filter_bank(wave, 44100), audio.filter_bank(wave + 0.25, 44100))


def test_sound_in_steps_of_memory_is_read_as_it_is():
    stereo = np.ascontiguousarray(sound("stereo_44100").T)  # [samples, channels]
    assert not stereo[:, 0].flags.c_contiguous
    expected = audio.filter_bank(stereo[:, 0].copy(), 44100)
    assert np.array_equal(audio.filter_bank(stereo[:, 0], 44100), expected)


def test_short_and_silent_sounds():
    short = np.random.default_rng(4).uniform(-1, 1, 300)
    padded = np.concatenate([short, np.zeros(1102 - 300)])
    features = audio.filter_bank(short, 44100)
    assert features.shape == (1, 128)
    assert np.array_equal(features, audio.filter_bank(padded, 44100))
    assert np.isfinite(audio.filter_bank(np.ones(1), 44100)).all()
    assert np.allclose(audio.filter_bank(np.zeros(5000), 44100), SILENCE)


def test_wrong_sound_is_named():
    for wrong in (np.zeros((2, 5000)), np.zeros(0), np.float32(1)):
        with pytest.raises(DataError, match="waveform.*one channel"):
            audio.filter_bank(wrong, 44100)
    with pytest.raises(DataError, match="sr: found 44"):
        audio.filter_bank(np.zeros(5000), 44)


# --- Files ----------------------------------------------------------------------------------------


def test_channels_at_the_files_own_rate(tmp_path):
    wave = np.random.default_rng(5).uniform(-1, 1, (2000, 2)).astype(np.float32)
    path = tmp_path / "two.wav"
    soundfile.write(path, wave, 22050, subtype="FLOAT")
    channels, sr = audio.read_channels(path)
    assert sr == 22050 and channels.dtype == np.float32 and np.array_equal(channels, wave.T)
    assert np.allclose(audio.read_audio(path, 22050), wave.mean(axis=1), atol=1e-7)
    assert len(audio.read_audio(path, 44100)) == 4000


def test_channels_of_a_video():
    path = FILM / "video" / "Sadness" / "bbb_0324.mp4"
    channels, sr = audio.read_channels(path)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (len(channels), sr) == (stream.channels, stream.rate)
    assert channels.dtype == np.float32 and channels.any()
    assert np.allclose(audio.read_audio(path, sr), channels.mean(axis=0), atol=1e-7)


def test_damaged_files_are_named(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.full(500, np.nan), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    (tmp_path / "text.wav").write_bytes(b"no sound at all " * 99)
    for name, found in {
        "nan.wav": "samples that are not numbers",
        "empty.wav": "no sound samples",
        "text.wav": "cannot be decoded",
        "gone.wav": "no such file",
    }.items():
        for read in (audio.read_channels, audio.read_audio, audio.cten_features):
            with pytest.raises(DataError, match=f"{name}.*{found}"):
                read(tmp_path / name)


def test_cten_hears_the_first_channel_normalised(tmp_path):
    path = tmp_path / "two.wav"
    soundfile.write(path, sound("stereo_44100").T, 44100, subtype="FLOAT")
    features = audio.cten_features(path)
    with np.load(PATH) as stored:
        expected = (stored["stereo_44100/exact"] + 6.6268077) / (2 * 5.358466)
    assert features.dtype == np.float32 and np.allclose(features, expected, atol=1e-5)


def test_cten_features_of_a_clip():
    film_clips(progress=False)  # unpacked if need be
    path = FILM / "mp3" / "Sadness" / "bbb_0324.mp3"
    channels, sr = audio.read_channels(path)
    features = audio.cten_features(path)
    assert features.shape == (1 + (channels.shape[1] - sr * 25 // 1000) // (sr // 100), 128)
    assert np.isfinite(features).all() and -1 < features.mean() < 1


# --- The choice of frames -------------------------------------------------------------------------


def numbered(n_frames):
    """Features whose first column is the frame's number."""
    return np.stack([np.arange(n_frames), np.arange(n_frames) + 0.5], axis=1).astype(np.float32)


def chosen(n_frames, **options):
    blocks = audio.filter_bank_blocks(numbered(n_frames), **options)
    assert blocks.dtype == np.float32 and np.array_equal(blocks[:, 1], blocks[:, 0] + 0.5)
    return blocks[:, 0].astype(int).tolist()


def test_short_sound_is_repeated_from_its_beginning():
    small = {"n_segments": 2, "frames": 3}
    assert chosen(4, **small) == [0, 1, 2, 3, 0, 1]
    assert chosen(1, **small) == [0] * 6
    assert chosen(6, **small, rng=np.random.default_rng(0)) == [0, 1, 2, 3, 4, 5]
    features = numbered(6)
    assert not np.shares_memory(audio.filter_bank_blocks(features, 2, 3), features)


def test_long_sound_gives_the_middle_of_every_block():
    small = {"n_segments": 2, "frames": 3}
    assert chosen(7, **small) == [0, 1, 2, 3, 4, 5]  # blocks of 3; frame 6 is never used
    assert chosen(10, **small) == [1, 2, 3, 6, 7, 8]  # blocks of 5, from int(0.5 * 2)
    assert chosen(13, **small) == [1, 2, 3, 7, 8, 9]  # blocks of 6, from int(0.5 * 3)


def test_random_blocks_stay_in_their_block_and_repeat():
    first = chosen(4000, rng=np.random.default_rng(7))
    assert first == chosen(4000, rng=np.random.default_rng(7))
    assert first != chosen(4000, rng=np.random.default_rng(8)) and first != chosen(4000)
    rows = np.array(first).reshape(16, 100)
    assert (np.diff(rows, axis=1) == 1).all()
    offsets = rows[:, 0] - 250 * np.arange(16)
    assert offsets.min() >= 0 and offsets.max() < 150 and len(set(offsets)) > 5


def test_default_size_is_ctens():
    for n_frames in (1, 999, 1600, 1601, 5000):
        for rng in (None, np.random.default_rng(1)):
            assert audio.filter_bank_blocks(np.zeros((n_frames, 128)), rng=rng).shape == (1600, 128)


def test_no_features_are_named():
    with pytest.raises(DataError, match="no frames"):
        audio.filter_bank_blocks(np.zeros((0, 128)))
