"""Sound files to waveforms, and waveforms to the MFCC that VAANet hears."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
import librosa
import numpy as np
import soundfile

from jacklib.errors import DataError

SAMPLE_RATE = 44100


def read_audio(path: str | Path, sr: int = SAMPLE_RATE) -> np.ndarray:
    """The sound of a file, all channels averaged: float32 [samples] at `sr` samples a second.

    mp3, wav, flac and ogg are read as `librosa.load` reads them; whatever the sound library does
    not know (the sound of an mp4, an old library without mp3) is read with PyAV. A video file
    without any sound gives silence of the video's length.

    Raises DataError, naming the file, when it is missing, holds no samples or cannot be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            str(path),
            found="no such file" if not path.exists() else "a folder",
            wanted="a sound file",
            cure="Make it with `bash script/run.sh prepare SOURCE TARGET`.",
        )
    try:
        # An open SoundFile keeps librosa from its slow fallback for files it does not know.
        with soundfile.SoundFile(str(path)) as file:
            waveform, _ = librosa.load(file, sr=sr, mono=True)
    except (soundfile.SoundFileError, RuntimeError):
        waveform = _read_with_pyav(path, sr)
    if waveform.size == 0:
        raise _undecodable(path, "no sound samples in it")
    if not np.isfinite(waveform).all():
        raise _undecodable(path, "samples that are not numbers")
    return np.ascontiguousarray(waveform, dtype=np.float32)


def _undecodable(path: Path, found: str) -> DataError:
    return DataError(
        str(path),
        found=found,
        wanted="a sound file that can be decoded",
        cure="The file is damaged or no sound file: delete it and prepare the video again.",
    )


def _read_with_pyav(path: Path, sr: int) -> np.ndarray:
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                if not container.streams.video or not container.duration:
                    raise _undecodable(path, "no sound and no video in it")
                return np.zeros(round(container.duration / av.time_base * sr), np.float32)
            resampler = av.AudioResampler(format="fltp")
            pieces, rate = [], sr
            for frame in container.decode(audio=0):
                rate = frame.sample_rate
                pieces += [part.to_ndarray().mean(axis=0) for part in resampler.resample(frame)]
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise _undecodable(path, f"data that cannot be decoded ({error})") from error
    if not pieces:
        raise _undecodable(path, "no sound samples in it")
    return librosa.resample(np.concatenate(pieces), orig_sr=rate, target_sr=sr)


def mfcc(waveform: np.ndarray, sr: int = SAMPLE_RATE, n_mfcc: int = 32) -> np.ndarray:
    """Mel-frequency cepstral coefficients: float32 [frames, n_mfcc], librosa's default settings.

    A frame every 512 samples (86 a second at 44.1 kHz). Silence gives finite numbers, since the
    logarithm has a floor.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or waveform.size == 0:
        raise DataError(
            "waveform",
            found=f"shape {list(waveform.shape)}",
            wanted="one channel, [samples], not empty",
            cure="use read_audio, or average the channels.",
        )
    with warnings.catch_warnings():
        # A sound shorter than one window is padded with zeros, which is what is wanted here.
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        coefficients = librosa.feature.mfcc(
            y=waveform.astype(np.float32, copy=False), sr=sr, n_mfcc=n_mfcc
        )
    return np.ascontiguousarray(coefficients.T, dtype=np.float32)


def tile_frames(features: np.ndarray, n_frames: int) -> np.ndarray:
    """Repeat features [frames, ...] from the beginning, or cut them, to [n_frames, ...].

    Always a new array.
    """
    features = np.asarray(features)
    if len(features) == 0:
        raise DataError(
            "features", found="no frames", wanted="at least one", cure="give a longer sound."
        )
    return features[np.arange(n_frames) % len(features)]
