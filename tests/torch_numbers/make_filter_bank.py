"""Write filter_bank.npz: torchaudio's Kaldi filter bank for sounds that follow from seeds.

The settings are those of CTEN's released code. Run it with a Python that has PyTorch and
torchaudio (the numbers here: PyTorch 2.13.0, torchaudio 2.9.1):

    python tests/torch_numbers/make_filter_bank.py          # writes the file beside it
    python tests/torch_numbers/make_filter_bank.py --check  # compares it with a fresh run

Only torchaudio's file compliance/kaldi.py is loaded, which is Python alone, so the two need not
have been built for each other. Without PyTorch this module still gives CASES and `sound`, from
which the test rebuilds the inputs.

The file holds, by case, CASE/out, float32 [frames, n_mels], and CASE/exact, the same computed in
float64 throughout (and stored in float32). "index" is a JSON object, by case, of "rounding": how
far out is from exact, relative to exact's largest absolute value. No test against out can ask for
less than that.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np

PATH = Path(__file__).with_name("filter_bank.npz")

# kind of sound, samples per second, samples, loudness, channels, filters
CASES = {
    "noise_44100": ("noise", 44100, 6000, 0.1, 1, 128),
    "noise_48000": ("noise", 48000, 6000, 0.1, 1, 128),
    "noise_22050": ("noise", 22050, 3000, 0.1, 1, 128),
    "noise_16000": ("noise", 16000, 2000, 0.1, 1, 128),
    "tones_44100": ("tones", 44100, 6000, 0.5, 1, 128),
    "tones_48000": ("tones", 48000, 6000, 0.5, 1, 128),
    "tones_16000": ("tones", 16000, 2000, 0.5, 1, 128),
    "chirp_44100": ("chirp", 44100, 12000, 0.5, 1, 128),
    "chirp_22050": ("chirp", 22050, 6000, 0.5, 1, 128),
    "loud_44100": ("noise", 44100, 3000, 1.0, 1, 128),
    "quiet_44100": ("noise", 44100, 3000, 1e-4, 1, 128),
    "offset_44100": ("offset", 44100, 3000, 0.1, 1, 128),
    "silence_44100": ("silence", 44100, 2000, 0.0, 1, 128),
    "stereo_44100": ("noise", 44100, 3000, 0.1, 2, 128),
    "one_window_44100": ("noise", 44100, 1102, 0.1, 1, 128),
    "last_sample_short_16000": ("noise", 16000, 400 + 5 * 160 - 1, 0.1, 1, 128),
    "last_sample_there_16000": ("noise", 16000, 400 + 5 * 160, 0.1, 1, 128),
    "forty_filters_16000": ("noise", 16000, 2000, 0.1, 1, 40),
    "odd_rate_11025": ("chirp", 11025, 2500, 0.5, 1, 64),
}


def sound(name: str) -> np.ndarray:
    """The case's input: float32 [channels, samples]."""
    kind, sr, length, loudness, channels, _ = CASES[name]
    # random() draws the same numbers in every version of NumPy.
    noise = np.random.default_rng(zlib.crc32(name.encode())).random((channels, length)) * 2 - 1
    t = np.arange(length) / sr
    if kind == "noise":
        wave = noise
    elif kind == "tones":
        wave = sum(np.sin(2 * np.pi * hertz * t) for hertz in (110, 440, 1234.5, 6000)) / 4
        wave = wave + 0.01 * noise
    elif kind == "chirp":  # from 50 Hz to nearly half the rate
        rise = (0.45 * sr - 50) / t[-1]
        wave = np.sin(2 * np.pi * (50 * t + rise * t**2 / 2)) + 0.01 * noise
    elif kind == "offset":  # far from zero on average
        wave = noise + 5
    else:
        wave = np.zeros((channels, length))
    return (loudness * wave).astype(np.float32).reshape(channels, length)


def load_kaldi() -> ModuleType:
    """torchaudio's compliance/kaldi.py, without the rest of torchaudio."""
    [folder] = importlib.util.find_spec("torchaudio").submodule_search_locations
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))  # used for its MFCC alone
    spec = importlib.util.spec_from_file_location("kaldi", Path(folder, "compliance", "kaldi.py"))
    kaldi = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kaldi)
    return kaldi


def numbers(kaldi: ModuleType, name: str, dtype: str) -> np.ndarray:
    """torchaudio's filter bank of a case, computed in that precision."""
    import torch

    torch.set_default_dtype(getattr(torch, dtype))  # the filters' weights are made in it
    waveform = torch.from_numpy(sound(name)).to(getattr(torch, dtype))
    _, sr, _, _, _, n_mels = CASES[name]
    return kaldi.fbank(
        waveform - waveform.mean(),
        htk_compat=True,
        sample_frequency=sr,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=n_mels,
        dither=0.0,
        frame_shift=10,
    ).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description="Store torchaudio's filter bank for the tests.")
    parser.add_argument("--check", action="store_true", help="compare with the stored file only")
    check = parser.parse_args().check
    import torch

    torch.set_num_threads(1)
    kaldi = load_kaldi()
    index, arrays = {}, {}
    for name in CASES:
        out, exact = numbers(kaldi, name, "float32"), numbers(kaldi, name, "float64")
        rounding = np.abs(out - exact).max() / np.abs(exact).max()
        index[name] = {"rounding": float(f"{rounding:.1e}")}
        arrays[f"{name}/out"], arrays[f"{name}/exact"] = out, exact.astype(np.float32)
        print(f"{name}: {list(out.shape)}, rounding {rounding:.1e}")
    if check:
        with np.load(PATH) as stored:
            worst = max(float(np.abs(stored[key] - arrays[key]).max()) for key in arrays)
        print(f"stored numbers differ by {worst:.1e}")
        if worst > 1e-3:
            raise SystemExit(f"{PATH.name}: torchaudio now answers something else")
        return
    part = PATH.with_suffix(".part")
    with open(part, "wb") as file:
        np.savez_compressed(file, index=np.array(json.dumps(index)), **arrays)
    os.replace(part, PATH)
    print(f"{PATH.name}: {len(CASES)} cases, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
