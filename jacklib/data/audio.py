"""Sound files to waveforms, and waveforms to the features that networks hear: VAANet's MFCC, CTEN's
log mel filter bank and TSL-Net's log-mel spectrum."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import av
import librosa
import numpy as np
import soundfile

from jacklib.core.shapes import LOGMEL_BINS
from jacklib.data import media
from jacklib.data.film import Film
from jacklib.errors import DataError, refuse_as
from jacklib.files import check_file

SAMPLE_RATE = 44100
SOUND_FILES = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC", "OGG", "MP3")  # libsndfile's names

# Mean and standard deviation of the filter bank in CTEN's released code, which divides by two of
# the latter.
CTEN_MEAN, CTEN_STD = -6.6268077, 5.358466

# TSL-Net's sound has a frame every 1,024 samples, and the rate follows the video's, so that 32
# frames fall on 16 frames of the picture. The released script writes the rate as fps / LEAST *
# 44100 times four numbers, where LEAST is the lowest rate in TSL-300. In all it is 2,049.15 samples
# for a frame of the picture, where 2,048 would be exact: after 1,780 clips the sound is one clip
# behind.
LOGMEL_HOP = 1024
LONG = 2**16  # frames of a spectrum that are in memory at once: 0.8 GB
TSL300_LEAST_FPS = 19.916666666666668


def read_channels(path: str | Path, *, silent_sr: int = SAMPLE_RATE) -> tuple[np.ndarray, int]:
    """The sound of a file as it is: float32 [channels, samples], and its samples per second.

    mp3, wav, flac and ogg are read with libsndfile; whatever that does not know (the sound of an
    mp4, an old library without mp3) with PyAV. A video file without any sound gives one channel of
    silence of the video's length, `silent_sr` samples per second. Raises DataError, naming the
    file, if it is missing, holds no samples, cannot be decoded, or says of itself what cannot be.
    """
    return _read(Path(path), silent_sr, lambda channels: channels)


def read_audio(path: str | Path, sr: int = SAMPLE_RATE) -> np.ndarray:
    """The sound of a file, all channels averaged: float32 [samples] at `sr` samples per second. The
    numbers are `librosa.load`'s. Files and errors are those of `read_channels`."""
    # Averaged piece by piece, so that only one channel is held.
    mono, own_sr = _read(Path(path), sr, lambda x: x.mean(axis=0) if len(x) > 1 else x[0])
    media.check_sound(path, own_sr, 1, round(len(mono) / own_sr * sr))
    waveform = librosa.resample(mono, orig_sr=own_sr, target_sr=sr)
    _check_numbers(path, waveform)  # samples may be near the largest number there is
    return np.ascontiguousarray(waveform, dtype=np.float32)


def _check_numbers(path: str | Path, sound: np.ndarray) -> None:
    found = "samples that are not numbers"
    refuse_as("no sound in it", not np.isfinite(sound).all(), path, found=found)


def _read(path: Path, silent_sr: int, mix: Callable[[np.ndarray], np.ndarray]):
    """(sound, samples per second); mix: what is kept of a piece [channels, samples]."""
    path = Path(os.path.realpath(path))  # of a link, messages name the file
    check_file(path, "a sound file", "Make it with `bash script/run.sh prepare SOURCE TARGET`.")
    sound = None
    try:
        with soundfile.SoundFile(os.path.abspath(path)) as file:
            if file.format in SOUND_FILES:
                media.check_sound(path, file.samplerate, file.channels)
                # A stream's header does not know the length, a damaged one tells any.
                if file.frames * file.channels <= media.most_samples(path):
                    sound, sr = mix(file.read(dtype="float32", always_2d=True).T), file.samplerate
    except DataError:
        raise
    except Exception:  # whatever it does not know or cannot bear, FFmpeg tries
        sound = None
    if sound is None:
        sound, sr = _read_with_pyav(path, silent_sr, mix)
    refuse_as("no sound in it", sound.size == 0, path, found="no sound samples in it")
    _check_numbers(path, sound)
    return sound, sr


def _read_with_pyav(path: Path, silent_sr: int, mix: Callable[[np.ndarray], np.ndarray]):
    with media.opened(path) as container:
        stream = media.sound_stream(path, container)
        film = Film.of(path) if media.moving_pictures(container) else None
        if stream is None:
            refuse_as("no sound in it", film is None, path, found="no sound and no video in it")
            samples = round(film.seconds * silent_sr)
            media.check_sound(path, silent_sr, 1, samples)
            return mix(np.zeros((1, samples), np.float32)), silent_sr
        if film:
            frames = film.sound(container, stream)
        else:
            said = [float((s.duration or 0) * (s.time_base or 0)) for s in container.streams]
            media.check_length(path, max((container.duration or 0) / av.time_base, *said))
            frames = media.decoded(path, container, stream)
        pieces, sr, held = [], silent_sr, 0
        for frame in media.resampled(path, frames, format="fltp"):
            sr = frame.sample_rate
            pieces.append(mix(frame.to_ndarray()))
            held += pieces[-1].size
            media.check_sound(path, sr, 1, held)
    refuse_as("no sound in it", not pieces, path, found="no sound samples in it")
    return np.concatenate(pieces, axis=-1), sr


def _one_channel(waveform: np.ndarray) -> np.ndarray:
    waveform = np.asarray(waveform)
    refuse_as("no single channel", waveform.ndim != 1 or waveform.size == 0, "waveform",
              waveform=list(waveform.shape))  # fmt: skip
    return waveform


def _mel_power(waveform: np.ndarray, sr: int, hop: int, n_mels: int) -> np.ndarray:
    """librosa's mel spectrogram, [n_mels, frames]; of a long sound in pieces, since the spectrum of
    an hour, which a file of 1 MB can hold, takes 4 GB."""

    def of(sound: np.ndarray, center: bool) -> np.ndarray:
        return librosa.feature.melspectrogram(
            y=sound, sr=sr, n_fft=2048, hop_length=hop, n_mels=n_mels, center=center
        )

    frames = 1 + len(waveform) // hop
    if frames <= LONG:
        return of(waveform, True)
    pieces = []
    for first in range(0, frames, LONG):  # each frame's middle is at a multiple of hop
        begin, end = first * hop - 1024, (min(first + LONG, frames) - 1) * hop + 1024
        sound = waveform[max(begin, 0) : end]
        zeros = max(-begin, 0), max(end - len(waveform), 0)
        pieces.append(of(np.pad(sound, zeros), False))
    return np.concatenate(pieces, axis=1)


def mfcc(waveform: np.ndarray, sr: int = SAMPLE_RATE, n_mfcc: int = 32) -> np.ndarray:
    """Mel-frequency cepstral coefficients: float32 [frames, n_mfcc], librosa's default settings: a
    frame every 512 samples (86 per second at 44.1 kHz). Silence gives finite numbers."""
    waveform = _one_channel(waveform)
    with warnings.catch_warnings():
        # A sound shorter than one window is padded with zeros, which is what is wanted here.
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        power = _mel_power(waveform.astype(np.float32, copy=False), sr, 512, 128)
    coefficients = librosa.feature.mfcc(S=librosa.power_to_db(power), n_mfcc=n_mfcc)
    return np.ascontiguousarray(coefficients.T, dtype=np.float32)


def filter_bank(waveform: np.ndarray, sr: int, n_mels: int = 128) -> np.ndarray:
    """Logarithms of mel filter bank energies as Kaldi computes them: float32 [frames, n_mels].

    `waveform` is one channel, [samples] within -1 and 1, `sr` its samples per second. A frame is
    a window of 25 ms, and one starts every 10 ms (100 per second); samples after the last whole
    window are not used. Each window loses its mean, is pre-emphasised (x[t] - 0.97 x[t-1]),
    multiplied with a Hann window and padded with zeros to a power of two; its power spectrum is
    summed under `n_mels` triangles, equally wide on the mel scale between 20 Hz and sr / 2. Sums
    have a floor, so silence gives finite numbers (-15.9). This is `compute-fbank-feats` of Kaldi
    without dither and with window type `hanning`, and torchaudio's `compliance.kaldi.fbank`.

    At low rates a filter can be narrower than the spectrum's lines are apart and hold none (of 128,
    one at 16 kHz): it stays at the floor, in Kaldi too. A sound shorter than one window is padded
    with zeros to one; Kaldi would give no frame. Raises DataError for anything but one channel of
    samples, and for `sr` below 100.
    """
    waveform = _one_channel(waveform)
    refuse_as("low sampling rate", sr < 100, "sr", sr=str(sr))
    length, hop = int(sr * 25 // 1000), int(sr * 10 // 1000)
    if waveform.size < length:
        waveform = np.pad(waveform, (0, length - waveform.size))
    n_fft = 1 << (length - 1).bit_length()
    window = np.hanning(length)
    # The weights of the spectrum's lines in each filter, float64 [n_fft / 2 + 1, n_mels]. Unlike
    # `librosa.filters.mel`'s, Kaldi's triangles have straight sides over mel, not over hertz.
    lines = librosa.hz_to_mel(np.fft.rfftfreq(n_fft, 1 / sr), htk=True)
    edges = np.linspace(*librosa.hz_to_mel([20, sr / 2], htk=True), n_mels + 2)
    away = np.abs(lines[:, None] - edges[1:-1]) / (edges[1] - edges[0])
    filters = np.maximum(0, 1 - away)
    windows = np.lib.stride_tricks.sliding_window_view(waveform, length)[::hop]
    result = np.empty((len(windows), n_mels), np.float32)
    for start in range(0, len(windows), 256):  # 256 windows at a time: memory stays small
        x = windows[start : start + 256].astype(np.float64)
        x -= x.mean(axis=1, keepdims=True)
        x[:, 1:] -= 0.97 * x[:, :-1]
        x[:, 0] -= 0.97 * x[:, 0]  # nothing comes before it, so Kaldi takes itself
        spectrum = np.fft.rfft(x * window, n_fft)
        energies = (spectrum.real**2 + spectrum.imag**2) @ filters
        result[start : start + 256] = np.log(np.maximum(energies, np.finfo(np.float32).eps))
    return result


def cten_features(path: str | Path) -> np.ndarray:
    """CTEN's features of a sound file, before any choice of frames: float32 [frames, 128].

    The filter bank (100 frames per second) of the first channel at the file's own rate, as in the
    released code of CTEN (Zhang et al., CVPR 2023), normalised with that code's constants. That
    code takes the sound's mean off first; here it is left out, for every window loses its mean.
    """
    channels, sr = read_channels(path)
    return (filter_bank(channels[0], sr) - np.float32(CTEN_MEAN)) / np.float32(2 * CTEN_STD)


def log_mel_rate(fps: float) -> int:
    """Samples per second at which TSL-Net's released script reads the audio of a video of `fps`."""
    refuse_as("odd frame rate", not 1 <= fps <= 240, "fps", fps=fps)
    return int(fps / TSL300_LEAST_FPS * 44100 / 4.323882352941176 * 4 / 1.9992360580595874 * 2)


def log_mel(path: str | Path, fps: float) -> np.ndarray:
    """What TSL-Net hears of a video's sound: float32 [frames, 60], in decibels.

    60 mel bands of a power spectrum over 2,048 samples, a frame every 1,024, at `log_mel_rate(fps)`
    samples per second: 32 frames for 16 video frames. Nothing is subtracted; the loader scales
    with (x + 50) / 80. As the released script of TSL-Net (Zhang and Yang, MM 2022) makes it.
    """
    rate = log_mel_rate(fps)
    power = _mel_power(read_audio(path, rate), rate, LOGMEL_HOP, LOGMEL_BINS)
    return np.ascontiguousarray(librosa.power_to_db(power).T, dtype=np.float32)


def tile_frames(features: np.ndarray, n_frames: int) -> np.ndarray:
    """Repeat features [frames, ...] from the beginning, or cut them, to a new [n_frames, ...]."""
    features = np.asarray(features)
    refuse_as("no frames to tile", len(features) == 0, "features")
    return features[np.arange(n_frames) % len(features)]


def filter_bank_blocks(
    features: np.ndarray, n_segments: int = 16, frames: int = 100,
    rng: np.random.Generator | None = None,
) -> np.ndarray:  # fmt: skip
    """CTEN's choice from features [any number of frames, n_mels]: [n_segments * frames, n_mels].

    A short sound is repeated from its beginning. A sound of more than n_segments * frames is cut
    into n_segments equal blocks, and `frames` consecutive frames are taken from each: from a random
    place in every block with `rng`, from the middle without it, which can be repeated. Always a new
    array. Raises DataError if there are no features.
    """
    features = np.asarray(features)
    if len(features) <= n_segments * frames:
        return tile_frames(features, n_segments * frames)
    block = len(features) // n_segments
    place = np.full(n_segments, 0.5) if rng is None else rng.random(n_segments)
    starts = np.arange(n_segments) * block + (place * (block - frames)).astype(int)
    return features[starts[:, None] + np.arange(frames)].reshape(-1, *features.shape[1:])
