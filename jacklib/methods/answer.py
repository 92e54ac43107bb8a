"""What a network says of one file, and how that is shown, printed and kept."""

import contextlib
import csv
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np

from jacklib.backend.folders import ROOT
from jacklib.core.shapes import check_finite
from jacklib.errors import DataError, plain, refuse_as
from jacklib.files import csv_rows, read_text, typed, write_bytes, write_json
from jacklib.methods import doubt
from jacklib.methods.doubt import LIMIT, Unlike
from jacklib.methods.page import write_page
from jacklib.weights.checkpoint import Checkpoint
from jacklib.widgets.drawing import as_html, check_language, class_label
from jacklib.widgets.words import texts

TEXT = texts("answer")


@dataclass(frozen=True, eq=False)
class View:
    """The figures of an answer; each function takes a language, "en" or "zh"."""

    widget: Callable[[str], Any]  # to move through
    png: Callable[[str], bytes]  # the same, still
    describe: Callable[[str], str]  # the same in words


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """A network's prediction for one file, or for arrays."""

    network: str  # its title
    file: str  # the input
    weights: str  # where its weights come from
    label: str  # the most probable class
    # By class (TSL-Net: the two scores of the whole video, which need not sum to 1).
    probabilities: dict[str, float]
    # (start, end, label, score), seconds, best first, if the network localizes.
    segments: list[tuple[float, float, str, float]]
    # [S]: the weight of each of S equal parts of the video, if the network has one (TSL-Net: how
    # much each snippet is foreground).
    attention: np.ndarray | None
    seconds: float  # the length of the input
    trained_on: str | None = None  # the sample data that the weights were trained on, if known
    state: Any = None  # what the widget shows, as plain arrays
    score: tuple[str, float] | None = None  # ("accuracy" or "mAP", of the training's validation)
    view: View | None = None
    # With what `methods.doubt` fitted beside the weights: the probabilities, calibrated, and how
    # unlike the training data the input is.
    calibrated: dict[str, float] | None = None
    unlike: Unlike | None = None

    @property
    def doubt(self) -> str | None:
        """Why this answer is worth little, in one sentence; None if nothing says so."""
        return self.doubt_in("en")

    def doubt_in(self, lang: str) -> str | None:
        """`doubt` in another language."""
        check_language(lang)
        text, said = TEXT[lang], []
        if what := text["trained_on"].get(self.trained_on):
            said = [text["doubt"].format(what=what)]
        if self.unlike and (said or self.unlike.share >= LIMIT):
            facts = self.unlike._asdict() | {"label": class_label(self.label, lang)}
            key = "unlike" if self.unlike.share >= LIMIT else "like"
            said.append(text[key].format(**facts, p=self.calibrated[self.label]))
        return text["space"].join(said) or None

    def __str__(self) -> str:
        likeliest = f"{self.label} {self.probabilities[self.label]:.2f}"
        words = f"{plain(self.file)}: {likeliest} ({self.network}, weights {plain(self.weights)})"
        return f"{words}. {self.doubt}" if self.doubt else words

    __repr__ = __str__

    def show(self, lang: str = "en") -> Any:
        """The widget to move through. Raises DataError for an answer about bare arrays."""
        explorer, doubt = self._seen().widget(lang), self.doubt_in(lang)
        if doubt:
            explorer.widget.children = (*explorer.widget.children, ipywidgets.HTML(as_html(doubt)))
        return explorer

    def png(self, lang: str = "en") -> bytes:
        """The picture. Raises DataError for an answer about bare arrays."""
        return self._seen().png(lang)

    def words(self, lang: str = "en") -> str:
        """The picture in words."""
        return self._seen().describe(lang)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON."""
        attention = None if self.attention is None else np.asarray(self.attention).tolist()
        return {
            "file": self.file, "network": self.network, "weights": self.weights,
            "trained_on": self.trained_on, "score": dict([self.score] if self.score else []),
            "doubt": self.doubt, "seconds": self.seconds,
            "label": self.label, "probabilities": self.probabilities,
            "calibrated": self.calibrated,
            "unlike": self.unlike._asdict() if self.unlike else None,
            "segments": [list(segment) for segment in self.segments], "attention": attention,
        }  # fmt: skip

    def save(self, path: str | os.PathLike, lang: str = "en") -> Path:
        """Write it as .html (a page that needs nothing else), .png or .json; returns the path."""
        kind = Path(path).suffix.lower()
        refuse_as("unknown ending", kind not in (".html", ".png", ".json"), str(path),
                  kind=kind or "nothing")  # fmt: skip
        if kind == ".png":
            return write_bytes(path, self.png(lang))
        if kind == ".json":
            return write_json(path, self.to_dict())
        return write_page([self], path, self.file, lang)

    def _seen(self) -> View:
        refuse_as("bare arrays", self.view is None, self.file)
        return self.view

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": str(self)}
        return bundle if self.view is None else {"image/png": self.png(), **bundle}


def pair_of(
    source: Sequence, needed: Sequence[bool] = (True, True), names: str = "visual and audio"
) -> list[np.ndarray | None]:
    """Two arrays, float32; None for one that the network does not need. Raises DataError if
    there are not two, or a needed one is None; the networks check the shapes."""
    found = ", ".join("None" if part is None else "an array" for part in source)
    absent = any(part is None and wanted for part, wanted in zip(source, needed, strict=False))
    refuse_as("no pair of arrays", absent or len(source) != 2, "source", found=found, names=names)
    return [
        np.asarray(part.numpy() if hasattr(part, "numpy") else part, np.float32) if wanted else None
        for part, wanted in zip(source, needed, strict=True)
    ]


def by_class(names: Sequence[str], probabilities: np.ndarray) -> dict[str, float]:
    """{class: probability}, the likeliest first. Raises DataError if one is no number."""
    check_finite("probabilities", probabilities)
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    return {names[i]: float(probabilities[i]) for i in order}


def name_of(source: str | os.PathLike) -> str:
    """The name of a file or folder, "." and "..", too, as pages and messages show it."""
    return os.path.basename(os.path.abspath(source))


def measured(checkpoint: str | os.PathLike) -> tuple[str, float] | None:
    """What the training that left a checkpoint measured: ("accuracy" or "mAP", number).

    On its own validation data; best.pth's is the best epoch's, chosen on those same data. None
    where no log.csv lies beside the file, or one that cannot be read.
    """
    log = Path(checkpoint).with_name("log.csv")
    with contextlib.suppress(DataError, ValueError, TypeError, csv.Error):
        columns, rows = csv_rows(read_text(log, "a training's log", "Train again."))
        name, column = ("accuracy", "val_accuracy")
        if "average_map" in columns:
            name, column = ("mAP", "average_map")
        numbers = [float(row[column]) for _, row in rows if row.get(column)]
        if numbers and all(0 <= number <= 1 for number in numbers):
            return name, numbers[-1] if Path(checkpoint).name == "last.pth" else max(numbers)
    return None


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its weights, in evaluation mode."""

    network: str  # "vaanet", "cten", "tsl" or "gait"
    net: Any = field(repr=False)  # the Jittor module
    config: Any
    class_names: list[str]  # in the order of its outputs
    file: Checkpoint = field(repr=False)  # that its weights come from
    answer: Callable[..., Answer] = field(repr=False)  # what `predict` calls

    def __post_init__(self):
        self.net.eval()

    @property
    def weights(self) -> str:
        """Where the weights come from; a path in the checkout begins there."""
        path = Path(self.file.path).absolute()
        return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else self.file.path

    @property
    def trained_on(self) -> str | None:
        """The sample data that the weights were trained on; None if the file does not say so."""
        return self.file.options.get("trained_on")

    @property
    def score(self) -> tuple[str, float] | None:
        """("accuracy" or "mAP", number) on the training's validation data; None if unknown."""
        if "score" in self.file.options:
            return "mAP" if self.network == "tsl" else "accuracy", self.file.options["score"]
        return measured(self.file.path)

    @functools.cached_property
    def known(self) -> doubt.Known | None:
        """What was fitted for these weights (`methods.doubt`); None if nothing lies beside them."""
        return doubt.read(self.file.path, self.net, self.network)

    def predict(self, source: Any, **how: Any) -> Answer:
        """The network's answer about one film, folder of frames, pose file, or arrays.

        VAANet and CTEN take a film (anything PyAV decodes), a folder of frames (in the order of
        their names, 30 per second, with the sound file in it, beside it, or named by sound=), or
        a pair of arrays (visual [S, 3, D, H, W], audio) as their networks do. TSL-Net takes the
        same, its arrays being (rgb [T, 1024], logmel [T, 32, 60]). BPM-GCN takes a .bvh, .npy or
        .csv of poses, or an array [T, 16, 3].

        how: options of the network's `answer`, such as theta=, fps=, start=. Raises DataError
        naming the file.
        """
        if self.known is None:
            return self.answer(self, typed(source), **how)
        with doubt.seeing(self.net, self.network) as seen:
            answer = self.answer(self, typed(source), **how)
        # Of several passes the first one's: it is of the whole file.
        features = np.concatenate([layer[0] for layer in seen], 1)
        several = self.network == "tsl"
        unlike, calibrated = self.known.judged(features, answer.probabilities, several)
        return replace(answer, unlike=unlike, calibrated=calibrated)
