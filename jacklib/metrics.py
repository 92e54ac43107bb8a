"""Numbers that say how good predictions are."""

from __future__ import annotations

import numpy as np


def confusion_matrix(labels, predictions, n_classes: int) -> np.ndarray:
    """Counts [true class, predicted class] of class numbers labels [N] and predictions [N]."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (np.asarray(labels), np.asarray(predictions)), 1)
    return counts


def per_class(confusion: np.ndarray) -> list[dict]:
    """For each class its number of clips, precision, recall and F1; None where 0/0."""
    rows = []
    for c in range(len(confusion)):
        right = confusion[c, c]
        clips, predicted = confusion[c].sum(), confusion[:, c].sum()
        precision = float(right / predicted) if predicted else None
        recall = float(right / clips) if clips else None
        f1 = float(2 * right / (clips + predicted)) if clips + predicted else None
        rows.append({"clips": int(clips), "precision": precision, "recall": recall, "f1": f1})
    return rows


def attention_on_truth(gamma, truth) -> float:
    """How much more temporal attention lies on the true segments than if it were spread evenly.

    gamma [N, S], zero or more; truth [N, S], each segment's share of the event. 1 is what uniform
    attention gets. A clip without any attention counts as uniform.
    """
    gamma, truth = np.asarray(gamma, np.float64), np.asarray(truth, np.float64)
    total = gamma.sum(1, keepdims=True)
    share = np.where(total > 0, gamma / np.where(total > 0, total, 1), 1 / gamma.shape[1])
    uniform = truth.mean(1)
    return float(((share * truth).sum(1) / uniform).mean())
