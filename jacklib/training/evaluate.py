"""Runs a classifier over a data set and reports its predictions."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

from jacklib.core.metrics import confusion_matrix, per_class
from jacklib.core.shapes import check_finite
from jacklib.data.video import Batch
from jacklib.errors import refuse_as
from jacklib.files import filled, write_bytes, write_text


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for N clips. Raises DataError naming the clips that have NaN."""

    probabilities: np.ndarray  # [N, C]
    labels: np.ndarray  # [N] class numbers
    ids: list[str]
    class_names: list[str]
    gamma: np.ndarray  # [N, S] temporal attention
    noun: str = "clips"  # what the table calls them

    def __post_init__(self):
        rows = zip(self.ids, self.probabilities, strict=False)
        wrong = [clip for clip, row in rows if not np.isfinite(row).all()]
        check_finite(f"{self.noun} {', '.join(wrong[:4])}", self.probabilities)

    @property
    def predicted(self) -> np.ndarray:
        """[N] class numbers."""
        return self.probabilities.argmax(1)

    @property
    def accuracy(self) -> float:
        """Share of clips whose likeliest class is the true one."""
        return float((self.predicted == self.labels).mean())

    @property
    def most_frequent(self) -> float:
        """The accuracy of always answering the class that most of these labels have."""
        return float(np.bincount(self.labels).max() / len(self.labels))

    @property
    def confusion(self) -> np.ndarray:
        """Counts [true, predicted]."""
        return confusion_matrix(self.labels, self.predicted, len(self.class_names))

    def without(self, ids: Sequence[str]) -> Predictions:
        """Those of the other clips. Raises DataError if there are none."""
        others = set(self.ids) - set(ids)
        kept = [row for row, clip in enumerate(self.ids) if clip in others]
        refuse_as("no clips left", not kept, self.noun)
        return replace(
            self, probabilities=self.probabilities[kept], labels=self.labels[kept],
            ids=[self.ids[row] for row in kept], gamma=self.gamma[kept],
        )  # fmt: skip

    def summary(self) -> dict[str, Any]:
        """Everything, as plain values for a json file."""
        confusion, names = self.confusion, self.class_names
        rows = zip(self.ids, self.labels, self.predicted, self.probabilities, strict=True)
        predictions = {
            clip: {"label": names[label], "predicted": names[best],
                   "probabilities": [round(float(p), 6) for p in row]}
            for clip, label, best, row in rows
        }  # fmt: skip
        return {
            "accuracy": self.accuracy, "chance": 1 / len(names),
            "most_frequent": self.most_frequent, self.noun: len(self.labels),
            "per_class": dict(zip(names, per_class(confusion), strict=True)),
            "confusion": confusion.tolist(), "class_names": list(names), "predictions": predictions,
        }  # fmt: skip

    def table(self) -> str:
        """The per-class table as text."""
        return filled(
            Path(__file__).with_name("evaluation.txt"), found=self,
            rows=[*zip(self.class_names, per_class(self.confusion), strict=True)],
            width=max(map(len, [*self.class_names, "class"])),
            share=lambda share: "    -" if share is None else f"{share:5.2f}",
        )  # fmt: skip

    def write(self, folder: str | os.PathLike, more: Mapping[str, Any] | None = None) -> list[Path]:
        """Write evaluation.json and confusion.png into `folder`; returns both paths. more: plain
        values that evaluation.json is to hold too."""
        folder, picture = Path(folder), io.BytesIO()
        draw_confusion(self.confusion, self.class_names).savefig(picture, format="png", dpi=110)
        text = json.dumps({**self.summary(), **(more or {})}, indent=1, ensure_ascii=False)
        return [
            write_text(folder / "evaluation.json", text),
            write_bytes(folder / "confusion.png", picture.getvalue()),
        ]


def predict_passes(
    net: jt.nn.Module, forward: Callable[[Batch], Sequence[Any]], batches: Iterable[Batch],
    class_names: list[str],
) -> list[Predictions]:  # fmt: skip
    """Run `forward` over `batches` in evaluation mode. It looks at a batch once or several times
    and gives .logits and .gamma of each; returns the predictions of each."""
    net.eval()
    labels, ids, passes = [], [], []
    with jt.no_grad():
        for batch in batches:
            passes.append(
                [(jt.nn.softmax(o.logits, dim=1).numpy(), o.gamma.numpy()) for o in forward(batch)]
            )
            labels.append(batch.label)
            ids += batch.ids
    truth = np.concatenate(labels)
    found = []
    for one in zip(*passes, strict=True):
        probabilities, gamma = (np.concatenate(part) for part in zip(*one, strict=True))
        found.append(Predictions(probabilities, truth, ids, list(class_names), gamma))
    return found


def draw_confusion(confusion: np.ndarray, class_names: list[str]):
    """The confusion matrix as a Matplotlib figure: rows true, columns predicted, counts inside."""
    from matplotlib.figure import Figure

    n = len(class_names)
    # A figure for 300 classes would take gigabytes; from 40 on, its letters shrink instead.
    size = min(n, 40)
    small = {"fontsize": 10 * size / n} if size < n else {}
    figure = Figure(figsize=(2.2 + 0.55 * size, 1.6 + 0.5 * size), layout="constrained")
    axes = figure.subplots()
    clips = confusion.sum(1, keepdims=True)
    share = confusion / np.maximum(clips, 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i in range(n):
        for j in range(n):
            if confusion[i, j]:
                colour = "white" if share[i, j] > 0.55 else "black"
                count = str(confusion[i, j])
                axes.text(j, i, count, ha="center", va="center", color=colour, **small)
    # A name with a $ is no formula.
    axes.set_xticks(range(n), class_names, rotation=40, ha="right", parse_math=False, **small)
    axes.set_yticks(range(n), class_names, parse_math=False, **small)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    right = int(np.trace(confusion))
    axes.set_title(f"{right} of {int(confusion.sum())} clips right, chance {1 / n:.3f}")
    figure.colorbar(image, ax=axes, label="fraction of the true class", shrink=0.8)
    return figure
