"""Losses of the published networks."""

from __future__ import annotations

from collections.abc import Iterable

import jittor as jt

from .ops import as_var, cross_entropy

# VE8's positive emotions: Anticipation, Joy, Surprise, Trust. The other four are negative.
VE8_POSITIVE = frozenset({1, 4, 6, 7})


def pcce(logits, target, positive: Iterable[int] = VE8_POSITIVE, weight: float = 0.5) -> jt.Var:
    """Polarity-consistent cross entropy: the loss of VAANet (Zhao et al., AAAI 2020).

    A video whose predicted class has the other polarity than its true class counts (1 + weight)
    times. The factor belongs to each video's own loss, before the mean over the batch.

    logits: [B, C], target: [B] class numbers, positive: the classes of positive polarity.
    Returns a scalar. Raises ValueError where the shapes do not fit, or where `positive` names a
    class that the logits do not have (Ekman-6 has other positive classes than VE8).
    """
    logits, target = as_var(logits), as_var(target)
    if len(logits.shape) != 2 or list(target.shape) != [logits.shape[0]]:
        raise ValueError(
            f"logits and target: found {list(logits.shape)} and {list(target.shape)}, "
            "wanted [B, C] and [B]. Give one class number for each row of logits."
        )
    positive, n_classes = sorted(positive), logits.shape[1]
    if positive and not 0 <= positive[0] <= positive[-1] < n_classes:
        raise ValueError(
            f"positive: found classes {positive}, wanted numbers from 0 to {n_classes - 1}. "
            "Name the positive classes of this dataset."
        )
    is_positive = jt.array([float(c in positive) for c in range(n_classes)])
    each = cross_entropy(logits, target, "none")  # [B]
    with jt.no_grad():  # a weight, not something to learn from
        predicted = logits.argmax(1)[0]  # Jittor's argmax gives (index, value)
        opposite = (is_positive[target] != is_positive[predicted]).float32()  # [B]
    return (each * (1 + weight * opposite)).mean()
