"""The file and the weights of notebook 10: what was chosen or uploaded, and what was trained."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from PIL import Image

from jacklib import files
from jacklib.backend.folders import ROOT
from jacklib.data import media
from jacklib.data.audio import SAMPLE_RATE, read_audio
from jacklib.data.tsl_features import DESCRIPTOR, frames_between, video_facts
from jacklib.errors import DataError, plain, refuse, refuse_as
from jacklib.methods.answer import TEXT, Model
from jacklib.methods.checkpoints import shipped_weights
from jacklib.methods.front import CLASSROOM_DATA, METHODS, load, network_key
from jacklib.weights.torch_files import read_torch_file
from jacklib.widgets.drawing import check_language

VIDEOS = media.VIDEO_ENDINGS
POSES = (".bvh", ".npy", ".csv")


def check_file(path: str | Path, kinds: Sequence[str] = VIDEOS) -> Path:
    """The file, if it is there, not empty and of a known kind; else raises DataError."""
    wanted = f"a file: {', '.join(kinds)}"
    path = files.check_file(files.typed(path), wanted, "Correct the path.")
    refuse(path.suffix.lower() not in kinds, str(path), wanted=wanted,
           found=f"a name that ends in {path.suffix or 'nothing'}",
           cure="Choose such a file, or convert it.")  # fmt: skip
    refuse_as("empty upload", path.stat().st_size == 0, str(path))
    return path


def uploaded(value: Sequence[Mapping[str, Any]], folder: str | Path) -> Path | None:
    """Write what an ipywidgets.FileUpload holds into `folder`; None where it holds nothing.

    Only the last part of the file's name counts, and where that may be no name of a file, it is
    "upload" with its ending. A link of that name is replaced, not followed. The file stays on this
    machine. Raises DiskError if the system refuses.
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
    sound: bool  # without, the networks are given silence


def look(video: Path) -> Look:
    """The video's length and whether it has sound, before anything slow begins.

    Raises DataError if the file is no video, cannot be decoded or has no image stream.
    """
    facts = video_facts(video)
    with media.opened(video) as container:
        return Look(facts.seconds, media.sound_stream(video, container) is not None)


def found_weights(network: str) -> Path:
    """The newest weights of the classroom network that a notebook or a command left, else those
    that ship."""
    key = network_key(network)
    left = ROOT / "notebooks" / "results" / key
    # Notebook 07 trains several and keeps each in a folder; "both" is the whole network.
    places = [(left / "both" if key == "gait" else left) / "last.pth"]
    places += [ROOT / "results" / METHODS[key].NAME / "best.pth"]
    there = [place for place in places if place.is_file() and not _goes_on(place)]
    shipped = shipped_weights(METHODS[key].NAME)
    return max(there, key=lambda place: place.stat().st_mtime, default=shipped)


def load_newest(network: str) -> Model:
    """`jacklib.load` of `found_weights`. What notebooks 04 to 07 train does not say on what: it is
    the sample data of the classroom, of which TSL-Net knows JACK's own features."""
    key = network_key(network)
    model = load(found_weights(key), network=key, settings="classroom")
    if not Path(model.file.path).is_relative_to(ROOT / "notebooks"):
        return model
    known = {"trained_on": CLASSROOM_DATA[key], "features": DESCRIPTOR}
    options = known | model.file.options
    return replace(model, file=replace(model.file, content={"options": options}))


def about(model: Model, lang: str = "en") -> str:
    """Where a model's weights come from, what they were trained on and how well, in one line."""
    check_language(lang)
    words, score = TEXT[lang], ""
    if model.score:
        score = words["score"].format(what=words[model.score[0]], number=model.score[1])
    data = words["trained_on"].get(model.trained_on) or model.trained_on or words["unnamed"]
    about = words["about"].format(network=model.network, weights=model.weights, data=data)
    return plain(about + score)


def _goes_on(weights: Path) -> bool:
    """Whether this is the last.pth of a training that is not at its end, or was stopped."""
    if weights.name != "last.pth":
        return False
    try:
        progress = read_torch_file(weights)["progress"]
        return progress["epoch"] < progress.get("n_epochs", 0)
    except (DataError, LookupError, TypeError):
        return False  # what is damaged is told of where it is read


def arrays(video: Path) -> tuple[np.ndarray, np.ndarray]:
    """The first 20 seconds of a video, to be changed: frames [T, 144, W, 3], uint8, 30 per second,
    and sound [N], 44,100 numbers per second; zeros without sound."""
    facts = video_facts(video)
    seconds = min(facts.seconds, 20.0)
    frames = frames_between(video, facts.fps, 0, seconds, round(30 * seconds), height=144)
    sound = np.zeros(round(SAMPLE_RATE * seconds), np.float32)
    heard = read_audio(video)[: len(sound)] if look(video).sound else sound
    sound[: len(heard)] = heard
    return frames, sound


def as_film(frames: np.ndarray, sound: np.ndarray, folder: str | Path) -> Path:
    """Frames and sound as a folder that networks take for a film; an earlier one is replaced.
    Raises DataError if the folder holds something else."""
    with files.whole_folder(folder, {"made_by": "own_video.as_film"}) as place:
        for number, frame in enumerate(np.asarray(frames, np.uint8), start=1):
            Image.fromarray(frame).save(place / f"{number:05}.jpg", quality=95)
        soundfile.write(place / "sound.wav", np.asarray(sound, np.float32), SAMPLE_RATE)
    return Path(folder)
