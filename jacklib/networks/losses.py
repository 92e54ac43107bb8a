"""Losses of the published networks."""

from collections.abc import Iterable, Sequence

import jittor as jt
import numpy as np

from jacklib.core.pseudo_labels import seed_labels
from jacklib.core.shapes import check_labels, check_polarity, check_shape, check_way
from jacklib.ops import as_var, binary_cross_entropy, cross_entropy, kl_div, mean, total

# VE8's positive emotions: Anticipation, Joy, Surprise, Trust. The other four are negative.
VE8_POSITIVE = frozenset({1, 4, 6, 7})


def pcce(logits, target, positive: Iterable[int] = VE8_POSITIVE, weight: float = 0.5) -> jt.Var:
    """Polarity-consistent cross entropy: the loss of VAANet (Zhao et al., AAAI 2020).

    A video whose predicted class has the other polarity than its true class counts (1 + weight)
    times. The factor belongs to each video's own loss, before the mean over the batch.

    logits: [B, C], target: [B] class numbers, positive: the classes of positive polarity.
    Returns a scalar. Raises ValueError if the shapes do not fit, or if `positive` names a
    class that the logits do not have (Ekman-6 has other positive classes than VE8).
    """
    logits, target = as_var(logits), as_var(target)
    positive = sorted(positive)
    check_polarity(logits, target, positive)
    is_positive = jt.array([float(c in positive) for c in range(logits.shape[1])])
    each = cross_entropy(logits, target, "none")  # [B]
    with jt.no_grad():  # a weight, not something to learn from
        predicted = logits.argmax(1)[0]  # Jittor's argmax gives (index, value)
        opposite = (is_positive[target] != is_positive[predicted]).float32()  # [B]
    return mean(each * (1 + weight * opposite))


class TSLLoss:
    """The loss of TSL-Net (Zhang and Yang, MM 2022), as the released code computes it.

    lambdas (w, f, m, r): total = w * distribution + f * ((1 - m) * frame + m * (background +
    action)) + r * reverse_mapping. The released code adds the last term, so that it gets smaller;
    equation (1) of the paper subtracts it, so that it gets larger: reverse_sign="paper".
    """

    def __init__(self, lambdas: Sequence[float] = (2, 1, 0.5, 1), reverse_sign: str = "released"):
        check_way("reverse_sign", reverse_sign)
        self.lambdas = tuple(lambdas)
        self.sign = 1 if reverse_sign == "released" else -1

    def __call__(self, outputs, labels, label_distribution, points) -> dict:
        """Every term of the loss, and "total", for what TSLNet gives with labels.

        labels [B, C]: the classes that occur (the network has used them; no term does).
        label_distribution [B, C]: fraction of the annotated points per class. points [B, T, C]: at
        annotated clips 0.9 for the class and 0.1 for the others, elsewhere 0. The axis B may be
        left out. Raises ValueError if shapes do not fit or no clip is annotated.

        Terms: "distribution", the video's against label_distribution; "frame", at the annotated
        clips; "background" and "action", at the pseudo labels' clips; "reverse_mapping". Besides,
        as numbers, "action_clips" and "background_clips": how many clips those two terms cover.
        """
        scores = outputs.scores  # [B, T, C+1]
        B, T, C = scores.shape[0], scores.shape[1], scores.shape[2] - 1
        wanted = as_var(label_distribution).float32()
        wanted = wanted.unsqueeze(0) if len(wanted.shape) == 1 else wanted
        check_shape("label_distribution", wanted, (B, C))
        points = np.asarray(points.numpy() if isinstance(points, jt.Var) else points, np.float32)
        points = points[None] if points.ndim == 2 else points
        check_shape("points", points, (B, T, C))

        seeds = [seed_labels(s, p) for s, p in zip(scores.numpy(), points, strict=True)]
        action = np.stack([a for a, _ in seeds])  # [B, T, C+1]
        background = np.stack([b for _, b in seeds])[:, :, None]  # [B, T, 1]
        points = np.pad(points, ((0, 0), (0, 0), (0, 1)))  # [B, T, C+1]
        only_background = np.zeros_like(points)
        only_background[:, :, -1] = 1

        annotated = points.max(2, keepdims=True)  # [B, T, 1]
        terms = {
            "distribution": kl_div(outputs.video_distribution.log(), wanted),
            "frame": _focal(scores, points, points, 1 - points, annotated),
            "background": _focal(
                scores, only_background, only_background, 1 - only_background, background
            ),
            "action": 0.5 * _focal(scores, action, action > 0.5, action < 0.5, action),
            "reverse_mapping": outputs.reverse_mapping,
        }
        w, f, m, r = self.lambdas
        terms["total"] = (
            w * terms["distribution"]
            + f * ((1 - m) * terms["frame"] + m * (terms["background"] + terms["action"]))
            + self.sign * r * terms["reverse_mapping"]
        )
        terms["action_clips"] = int((action.max(2) > 0).sum())
        terms["background_clips"] = int((background > 0).sum())
        return terms


def _focal(scores, target, high, low, weight) -> jt.Var:
    """Binary cross entropy of scores [B, T, C+1] where weight is not 0, hard elements first.

    An element counts with the square of how far its score is from 1 (where high is 1) and from 0
    (where low is 1), times weight [B, T, C+1 or 1]; each video's sum is divided by the sum over its
    clips' largest weights.
    """
    target, high, low = (jt.array(np.asarray(a, np.float32)) for a in (target, high, low))
    whole = np.maximum(weight.max(2).sum(1), 1e-12)  # [B]; 0 where no clip counts: then so is each
    weight = jt.array((weight / whole[:, None, None]).astype(np.float32))
    distance = (1 - scores) * high + scores * low
    each = distance.sqr() * binary_cross_entropy(scores, target, "none") * weight
    return total(each) / scores.shape[0]


def bpm_gcn_loss(
    outputs, labels, affective_target, *, weight: float = 1.0, affective_weight: float = 1.0
) -> dict[str, jt.Var]:
    """The loss of BPM-GCN (Zhai et al., TAC 2024): every term and "total".

    outputs: what BPMGCN gives. labels [N]: class numbers. affective_target [N, n_features *
    frames], see `jacklib.data.gait_features`. Terms: "posture" and "movement", each stream's cross
    entropy; "affective", the mean squared distance from the target; those of the streams that the
    network has. total = weight * (posture + movement) + affective_weight * affective; in the paper
    and the released code both weights are 1.
    Raises ValueError if shapes do not fit or a label names no class.
    """
    N, n_classes = outputs.logits.shape
    check_labels(labels.numpy() if isinstance(labels, jt.Var) else np.asarray(labels), N, n_classes)
    labels, terms = as_var(labels), {}
    if outputs.posture_logits is not None:
        target = as_var(affective_target).float32()
        check_shape("affective_target", target, outputs.affective.shape)
        terms["posture"] = cross_entropy(outputs.posture_logits, labels)
        terms["affective"] = mean((outputs.affective - target).sqr())
    if outputs.movement_logits is not None:
        terms["movement"] = cross_entropy(outputs.movement_logits, labels)
    scales = {"posture": weight, "movement": weight, "affective": affective_weight}
    terms["total"] = sum(scales[name] * term for name, term in terms.items())
    return terms


# --- of a network's output and targets, as it is trained -----------------------------------------


def vaanet_loss(output, target, positive) -> jt.Var:
    return pcce(output.logits, target, positive.numpy().tolist())


def cten_loss(output, target) -> jt.Var:
    return cross_entropy(output.logits, target)


def tsl_loss(output, labels, label_distribution, points) -> jt.Var:
    return TSLLoss()(output, labels, label_distribution, points)["total"]


def gait_loss(output, target, affective) -> jt.Var:
    return bpm_gcn_loss(output, target, affective)["total"]
