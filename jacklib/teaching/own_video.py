"""One video (and one walk) put to all four networks, for notebook 10: answers side by side.

Weights come from an earlier training, or from a short one on the samples (`weights`). What such a
network says of a film is an exercise, not a finding: it knows rendered clips.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jacklib import files
from jacklib.backend import processes
from jacklib.backend.folders import ROOT
from jacklib.data import media
from jacklib.data.samples import SamplePaths
from jacklib.data.tsl_features import video_facts
from jacklib.errors import DataError
from jacklib.files import csv_rows, read_text
from jacklib.methods import clips as common
from jacklib.methods import cten, gait, tsl, vaanet
from jacklib.networks import CTENConfig
from jacklib.weights.torch_files import read_torch_file
from jacklib.widgets import attention, erasing, timeline
from jacklib.widgets import gait as walking

NETWORKS = ("VAANet", "CTEN", "TSL", "Gait")
# A training that is short enough to wait for: under five minutes on two busy cores together.
SHORT = {
    "VAANet": ["--n_epochs", "4"],
    "CTEN": ["--n_epochs", "3"],
    "TSL": [],
    "Gait": ["--n_epochs", "4"],
}
VIDEOS = media.VIDEO_ENDINGS
POSES = (".bvh", ".npy", ".csv")


class Answer(NamedTuple):
    """What one network says of a file."""

    network: str
    widget: Callable[[], Any]  # makes the picture to move through
    png: bytes  # the same picture, still
    words: str  # the same in words
    probabilities: dict[str, float]  # by class; TSL-Net's: its two video scores, in `lang`'s words
    weights: Path


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def check_file(path: str | Path, kinds: Sequence[str] = VIDEOS) -> Path:
    """The file, if it is there, not empty and of a known kind; else raises DataError."""
    path = Path(path)
    wanted = f"a file: {', '.join(kinds)}"
    files.check_file(path, wanted, "Correct the path.")
    if path.suffix.lower() not in kinds:
        raise DataError(
            str(path), found=f"a name that ends in {path.suffix or 'nothing'}", wanted=wanted,
            cure="Choose such a file, or convert it.",
        )  # fmt: skip
    if path.stat().st_size == 0:
        raise DataError(
            str(path), found="0 bytes", wanted="a whole file", cure="Copy or upload it again."
        )
    return path


def uploaded(value: Sequence[Mapping[str, Any]], folder: str | Path) -> Path | None:
    """Write what an ipywidgets.FileUpload holds into `folder`; None where it holds nothing.

    Only the last part of the file's name counts, and where that may be no name of a file, it is
    "upload" with its ending. A link of that name is replaced, not followed. The file stays on this
    machine. Raises DiskError where the system refuses.
    """
    if not value:
        return None
    name = str(value[0]["name"]).replace("\\", "/").rpartition("/")[2]
    try:
        files.file_name(name, "the uploaded file's name")
    except DataError:
        ending = os.path.splitext(name)[1].lower()
        name = "upload" + (ending if ending in VIDEOS + POSES else "")
    return files.write_bytes(Path(folder) / name, bytes(value[0]["content"]))


class Look(NamedTuple):
    """What a video file holds."""

    seconds: float
    fps: float
    sound: bool  # without, the networks are given silence


def look(video: Path) -> Look:
    """The video's length and whether it has sound, before anything slow begins.

    Raises DataError where the file is no video, cannot be decoded or has no picture.
    """
    facts = video_facts(video)
    with media.opened(video) as container:
        sound = media.sound_stream(video, container)
        return Look(facts.seconds, facts.fps, sound is not None)


# ---------------------------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------------------------


def found_weights(network: str) -> Path | None:
    """The newest weights of the classroom network that a notebook or a command left."""
    left = ROOT / "notebooks" / "results" / network.lower()
    # Notebook 07 trains several and keeps each in a folder; "both" is the whole network.
    places = [(left / "both" if network == "Gait" else left) / "last.pth"]
    places += [ROOT / "results" / network / "best.pth"]
    places += [_short_folder(network) / "best.pth"]
    there = [place for place in places if place.is_file() and not _goes_on(place)]
    return max(there, key=lambda place: place.stat().st_mtime, default=None)


def _goes_on(weights: Path) -> bool:
    """Whether this is the last.pth of a training that is not at its end, or was stopped."""
    if weights.name != "last.pth":
        return False
    try:
        progress = read_torch_file(weights)["progress"]
        return progress["epoch"] < progress.get("n_epochs", 0)
    except (DataError, LookupError, TypeError):
        return False  # what is damaged is told of where it is read


def _short_folder(network: str) -> Path:
    return ROOT / "notebooks" / "results" / "own_video" / network


def weights(network: str) -> Path:
    """Weights for a network: found, or from a short training on the samples, which is kept.

    Raises RuntimeError with the training's last lines where it fails.
    """
    if network not in NETWORKS:
        raise ValueError(f"network: found {network!r}, wanted one of {NETWORKS}.")
    path, folder = found_weights(network), _short_folder(network)
    if path is None:
        # Of several kernels that come here at once, one trains, and the others find its weights.
        with files.locked(folder.parent, f"training {network}"):
            files.sweep(folder.parent, depth=0)
            path = found_weights(network)
            if path is None:
                with files.whole_folder(folder, {"network": network}) as unfinished:
                    _train(network, unfinished)
                path = folder / "best.pth"
    return path


def _train(network: str, folder: Path) -> None:
    words = [network, "main", *SHORT[network], "--result_path", str(folder)]
    # In a process of its own: its curves are not this notebook's, and its memory goes with it.
    result = processes.run_child(
        ["-m", "jacklib", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode != 0:
        lines = result.stdout.replace("\r", "\n").splitlines()
        raise RuntimeError(f"{network} main failed:\n" + "\n".join(lines[-12:]))


def measured(checkpoint: Path) -> tuple[str, float] | None:
    """What the training that left a checkpoint measured: ("accuracy" or "mAP", number).

    On its own validation data; best.pth's is the best epoch's, chosen on those same data. None
    where no log.csv lies beside the file, or one that cannot be read.
    """
    log = Path(checkpoint).with_name("log.csv")
    try:
        text = read_text(log, "a training's log", "Train again.")
        found: dict[str, list[float]] = {"average_mAP": [], "val_accuracy": []}
        for _, row in csv_rows(text)[1]:
            for column, numbers in found.items():
                if row.get(column):
                    numbers.append(float(row[column]))
        for (_, numbers), name in zip(found.items(), ("mAP", "accuracy"), strict=True):
            if numbers and all(0 <= number <= 1 for number in numbers):
                return name, numbers[-1] if Path(checkpoint).name == "last.pth" else max(numbers)
    except (DataError, ValueError, TypeError, csv.Error):
        pass
    return None


# ---------------------------------------------------------------------------------------------
# Answers
# ---------------------------------------------------------------------------------------------


def _options(method, phase: str, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    method.add_arguments(parser, phase)
    return parser.parse_args(words)


def _by_class(names: Sequence[str], probabilities: np.ndarray) -> dict[str, float]:
    return {name: float(p) for name, p in zip(names, probabilities, strict=True)}


def ask_vaanet(video: Path, checkpoint: Path, lang: str = "en") -> Answer:
    """VAANet's emotion, and where it looks and listens. Raises DataError naming the file."""
    words = ("--video_path", str(video), "--checkpoint_path", str(checkpoint))
    args = _options(vaanet, "test_singlevideo", *words)
    net, config, saved = common.load(vaanet.METHOD, args, None)
    names = common.class_names_of(saved, config.n_classes)
    state = vaanet.attention_state(net, vaanet.single_clip(video, config), names)
    return Answer(
        "VAANet", lambda: attention.attention_widget([state], lang), attention.png(state, lang),
        attention.describe(state, lang), _by_class(names, state.probabilities), checkpoint,
    )  # fmt: skip


@contextlib.contextmanager
def open_cten(video: Path, checkpoint: Path, lang: str = "en") -> Iterator[Answer]:
    """CTEN's emotion, and what is left of the video when its keyframes are erased.

    A context manager: the widget's slider looks at the frames again, which are there until it ends.
    Raises DataError naming the file.
    """
    words = ("--video_path", str(video), "--checkpoint_path", str(checkpoint))
    args = _options(cten, "test_singlevideo", *words)
    net, config, saved = common.load(cten.METHOD, args, None)
    names = common.class_names_of(saved, config.n_classes)
    theta = saved.get("theta", erasing.THETA)

    def opened(paths: SamplePaths):
        clips = cten.open_clips(CTENConfig(**config.options()), paths, "validation")
        clips.class_names = names
        return clips

    with common.one_clip(video, opened) as clips:

        def state_of(_clip: int, theta: float):
            return replace(cten.erasing_state(net, clips, 0, theta), label=None)

        state = state_of(0, theta)
        yield Answer(
            "CTEN", lambda: erasing.erasing_widget([video.stem], state_of, lang, theta),
            erasing.png(state, lang), erasing.describe(state, lang),
            _by_class(names, state.mean_probabilities), checkpoint,
        )  # fmt: skip


def ask_tsl(video: Path, checkpoint: Path, lang: str = "en") -> Answer:
    """TSL-Net's segments of negative and positive mood. Raises DataError naming the file."""
    words = ("--video_path", str(video), "--checkpoint_path", str(checkpoint))
    net, config, saved = tsl.load(_options(tsl, "main_inference", *words))
    sample, fps = tsl.describe_file(video, config, saved)
    n_clips = len(sample.logmel if sample.rgb is None else sample.rgb)
    if n_clips < config.r_act:
        raise DataError(
            str(video),
            found=f"{n_clips} pieces of 16 frames",
            wanted=f"at least {config.r_act}, as TSL-Net judges a video by its best ones",
            cure=f"Use a video of {16 * config.r_act / fps:.1f} seconds or more.",
        )
    found = tsl.predict(net, sample)
    shown = tsl.timeline_of(video.stem, fps, sample, found, video)
    names = timeline.TEXT[lang]["class_names"]
    return Answer(
        "TSL-Net", lambda: timeline.timeline_widget([shown], lang), timeline.png(shown, lang=lang),
        timeline.describe(shown, lang=lang),
        _by_class([names[c] for c in tsl.CLASSES], found.video_score), checkpoint,
    )  # fmt: skip


def ask_gait(poses: Path, checkpoint: Path, lang: str = "en", **options: Any) -> Answer:
    """BPM-GCN's emotion of a walk (.bvh, .npy or .csv), and its graphs.

    options: of `gait.recording_state`, such as start and fps. Raises DataError naming the file.
    """
    state = gait.recording_state(gait.load(checkpoint), poses, **options)
    return Answer(
        "BPM-GCN", lambda: walking.gait_widget([state], lang), walking.png([state], lang=lang),
        walking.describe([state], lang=lang),
        _by_class(state.class_names, state.probabilities), checkpoint,
    )  # fmt: skip
