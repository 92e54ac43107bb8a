"""What the networks give, the same for both frameworks: an array is a Jittor Var in
`jacklib.networks`, a PyTorch Tensor in `jacklib.reference`. Letters: see each network's file."""

from typing import Any, NamedTuple

Array = Any


class VAANetOutput(NamedTuple):
    """What VAANet gives: class scores and the three attentions behind the visual half of them."""

    logits: Array  # [B, C]
    alpha: Array  # [S, B, m], spatial; each row sums to m
    beta: Array  # [S, B, k], channel; each row sums to k
    gamma: Array  # [B, S], temporal; zero or more
    audio_gamma: Array  # [B, n], the same over the audio segments


class CTENOutput(NamedTuple):
    """CTEN's class scores and all its attention maps.

    Rows are queries, columns keys; each row sums to 1.
    """

    logits: Array  # [B, C]
    gamma: Array  # [B, S], temporal; zero or more (with erase_sound: of the image)
    visual_attention: Array  # [B, S, S], between visual segments
    audio_attention: Array  # [B, S, S], between audio segments
    v2a_attention: Array  # [B, h, S, S], audio queries, visual keys
    a2v_attention: Array  # [B, h, S, S], visual queries, audio keys
    audio_gamma: Array | None = None  # [B, S], with erase_sound


class CTENVisualOutput(NamedTuple):
    """The output of the visual stream; see CTENOutput."""

    logits: Array  # [B, C]
    gamma: Array  # [B, S]
    visual_attention: Array  # [B, S, S]


class TSLNetOutput(NamedTuple):
    """TSL-Net's output; the last three only if video labels were given."""

    video_score: Array  # [B, C], 0 to 1
    scores: Array  # [B, T, C+1], fused: class and not background; last, background; 0 to 1
    features: Array  # [B, T, n]
    distribution: Array | None = None  # [B, T, C+1], each clip's sum to 1
    video_distribution: Array | None = None  # [B, C], sum to 1
    # Mean log-softmax of the matching cosine, <= 0; [1], in PyTorch a scalar.
    reverse_mapping: Array | None = None


class BPMGCNOutput(NamedTuple):
    """What BPM-GCN gives; of a network with one stream, None for the other's."""

    posture_logits: Array | None  # [N, n_classes]
    affective: Array | None  # [N, n_features * frames]
    movement_logits: Array | None  # [N, n_classes]

    @property
    def logits(self) -> Array:
        """The prediction: the mean of the streams' logits, [N, n_classes]."""
        of_streams = [x for x in (self.posture_logits, self.movement_logits) if x is not None]
        return sum(of_streams) / len(of_streams)


class BPMGCNInspection(NamedTuple):
    """What BPM-GCN learned and looked at, for display; empty lists for what it has not."""

    posture_graphs: list[Array]  # ten units' attention, [N, k, V, V]: [from, to]; columns sum to 1
    movement_graphs: list[Array]
    posture_learned: list[Array]  # ten units' PA, [k, V, V]
    movement_learned: list[Array]
    posture_joints: list[Array]  # three fusions' attention to joints, [N, V], 0 to 1
    movement_joints: list[Array]
    posture_times: list[Array]  # three fusions' attention to times, [N, T], [N, T/2] and [N, T/4]
    movement_times: list[Array]
    output: BPMGCNOutput
