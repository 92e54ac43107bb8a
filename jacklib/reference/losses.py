"""Losses of the reference networks, in PyTorch."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jacklib.core.pseudo_labels import seed_labels
from jacklib.core.shapes import check_labels, check_polarity, check_shape, check_way

# VE8's positive emotions: Anticipation, Joy, Surprise, Trust. The other four are negative.
VE8_POSITIVE = frozenset({1, 4, 6, 7})


def pcce(
    logits: Tensor, target: Tensor, positive: Iterable[int] = VE8_POSITIVE, weight: float = 0.5
) -> Tensor:
    """Polarity-consistent cross entropy: the loss of VAANet (Zhao et al., AAAI 2020).

    logits: [B, C], target: [B] class numbers, positive: the classes of positive polarity.
    `jacklib.networks.losses.pcce` says more.
    """
    positive = sorted(positive)
    check_polarity(logits, target, positive)
    is_positive = torch.zeros(logits.shape[1], dtype=torch.bool, device=logits.device)
    is_positive[positive] = True
    each = F.cross_entropy(logits, target, reduction="none")  # [B]
    opposite = is_positive[target] != is_positive[logits.argmax(dim=1)]  # [B]
    return (each * (1 + weight * opposite.to(each.dtype))).mean()


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

    def __call__(self, outputs, labels, label_distribution: Tensor, points: Tensor) -> dict:
        """Every term of the loss, and "total", for what TSLNet gives with labels.

        labels [B, C], label_distribution [B, C], points [B, T, C]: see
        `jacklib.networks.losses.TSLLoss`, which has the same terms.
        """
        scores = outputs.scores  # [B, T, C+1]
        B, T, C = scores.shape[0], scores.shape[1], scores.shape[2] - 1
        wanted = label_distribution
        wanted = wanted.unsqueeze(0) if wanted.dim() == 1 else wanted
        check_shape("label_distribution", wanted, (B, C))
        points = points.unsqueeze(0) if points.dim() == 2 else points
        check_shape("points", points, (B, T, C))

        seeds = [
            seed_labels(s, p)
            for s, p in zip(scores.detach().cpu().numpy(), points.cpu().numpy(), strict=True)
        ]
        action = torch.from_numpy(np.stack([a for a, _ in seeds])).to(scores)  # [B, T, C+1]
        background = torch.from_numpy(np.stack([b for _, b in seeds])).to(scores)  # [B, T]
        background = background.unsqueeze(2)  # [B, T, 1]
        points = F.pad(points.to(scores), (0, 1))  # [B, T, C+1]
        only_background = torch.zeros_like(points)
        only_background[:, :, -1] = 1

        annotated = points.amax(dim=2, keepdim=True)  # [B, T, 1]
        terms = {
            "distribution": F.kl_div(
                outputs.video_distribution.log(), wanted, reduction="none"
            ).mean(),
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
        terms["action_clips"] = int((action.amax(dim=2) > 0).sum())
        terms["background_clips"] = int((background > 0).sum())
        return terms


def _focal(scores: Tensor, target: Tensor, high: Tensor, low: Tensor, weight: Tensor) -> Tensor:
    """Binary cross entropy of scores [B, T, C+1] where weight is not 0, hard elements first.

    An element counts with the square of how far its score is from 1 (where high is 1) and from 0
    (where low is 1), times weight [B, T, C+1 or 1]; each video's sum is divided by the sum over its
    clips' largest weights.
    """
    total = weight.amax(dim=2).sum(dim=1).clamp(min=1e-12)  # [B]; 0 where no clip counts
    distance = (1 - scores) * high + scores * low
    each = F.binary_cross_entropy(scores, target, reduction="none") * weight
    return ((distance.square() * each).sum(dim=(1, 2)) / total).mean()


def bpm_gcn_loss(
    outputs,
    labels: Tensor,
    affective_target: Tensor,
    *,
    weight: float = 1.0,
    affective_weight: float = 1.0,
) -> dict[str, Tensor]:
    """The loss of BPM-GCN (Zhai et al., TAC 2024): every term and "total".

    labels [N]: class numbers. affective_target [N, n_features * frames]. The terms are those of
    `jacklib.networks.losses.bpm_gcn_loss`.
    """
    N, n_classes = outputs.logits.shape
    check_labels(labels.cpu().numpy(), N, n_classes)
    terms = {}
    if outputs.posture_logits is not None:
        check_shape("affective_target", affective_target, outputs.affective.shape)
        terms["posture"] = F.cross_entropy(outputs.posture_logits, labels)
        terms["affective"] = F.mse_loss(outputs.affective, affective_target)
    if outputs.movement_logits is not None:
        terms["movement"] = F.cross_entropy(outputs.movement_logits, labels)
    scales = {"posture": weight, "movement": weight, "affective": affective_weight}
    terms["total"] = sum(scales[name] * term for name, term in terms.items())
    return terms


# --- of a network's output and targets, as it is trained -----------------------------------------


def vaanet_loss(output, target: Tensor, positive: Tensor) -> Tensor:
    return pcce(output.logits, target, positive.tolist())


def cten_loss(output, target: Tensor) -> Tensor:
    return F.cross_entropy(output.logits, target)


def tsl_loss(output, labels: Tensor, label_distribution: Tensor, points: Tensor) -> Tensor:
    return TSLLoss()(output, labels, label_distribution, points)["total"]


def gait_loss(output, target: Tensor, affective: Tensor) -> Tensor:
    return bpm_gcn_loss(output, target, affective)["total"]
