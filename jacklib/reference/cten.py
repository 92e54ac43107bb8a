"""CTEN in PyTorch, to be read from top to bottom.

Zhang, Wang and Yang, "Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal
Temporal Erasing Network", CVPR 2023. State-dict names are those of the authors' released weights.

Letters in the comments: B videos, S segments per video (visual and audio), nc channels of the
backbone's map, d width of both modalities (d = nc), h attention heads, C classes. With the released
settings S = 16, d = 2048, h = 8, C = 8. The paper uses 10 segments and an audio ResNet-50; the
released code, which these files follow, 16 segments and an audio ResNet-18.
"""

import torch
from torch import Tensor, nn

from jacklib.core.configs import CTENConfig
from jacklib.core.outputs import CTENOutput, CTENVisualOutput
from jacklib.core.shapes import MEL_BINS, audio_map, check_shape
from jacklib.reference.attention import Attention
from jacklib.reference.resnet import audio_resnet18
from jacklib.reference.resnet3d import resnet3d

# --- Attention within and between modalities ------------------------------------------------------


def attend(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: [N, S, d], [N, T, d], [N, T, e] -> [N, S, e], [N, S, T]."""
    scores = query @ key.transpose(1, 2) * query.shape[-1] ** -0.5
    attention = scores.softmax(dim=2)  # [N, S, T]
    return attention @ value, attention


class NonLocalBlock(nn.Module):
    """Self-attention over the segments of one modality: [B, S, d] -> [B, S, d], [B, S, S].

    Section 3.2 of the paper. The residual (skip) connection is weighted by alpha, which is learned
    and starts at 0 in the released code (start_shortcut). With shortcut="paper" it is 1, as in
    equation (4), F + W_z Z. The batch norm, which is not in the equation, stays part of W_z.
    """

    def __init__(self, d: int, inner: int, start_shortcut: float, shortcut: str = "learned"):
        super().__init__()
        self.alpha = nn.Parameter(torch.full([1], start_shortcut)) if shortcut == "learned" else 1.0
        self.theta = nn.Linear(d, inner)
        self.phi = nn.Linear(d, inner)
        self.g = nn.Linear(d, inner)
        self.out = nn.Linear(inner, d)
        self.bn = nn.BatchNorm1d(d)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        B, S, d = x.shape
        y, attention = attend(self.theta(x), self.phi(x), self.g(x))  # [B, S, inner], [B, S, S]
        y = self.bn(self.out(y).reshape(B * S, d)).reshape(B, S, d)
        return y + self.alpha * x, attention


class MultiHeadAttention(nn.Module):
    """Cross-modal multi-head attention: [B, S, d], [B, T, d] -> [B, S, d], [B, h, S, T].

    Section 3.2 of the paper. Unlike the usual one, it has a ReLU after each of its four linear
    layers.
    """

    def __init__(self, d: int = 2048, n_heads: int = 8):
        super().__init__()
        self.n_heads = n_heads
        self.linear_q = nn.Linear(d, d)
        self.linear_k = nn.Linear(d, d)
        self.linear_v = nn.Linear(d, d)
        self.linear_o = nn.Linear(d, d)

    def forward(self, query: Tensor, key_value: Tensor) -> tuple[Tensor, Tensor]:
        B, S, d = query.shape
        T, h = key_value.shape[1], self.n_heads

        def heads(x: Tensor) -> Tensor:  # [B, L, d] -> [B*h, L, d/h]
            return x.reshape(B, -1, h, d // h).transpose(1, 2).reshape(B * h, -1, d // h)

        q = heads(torch.relu(self.linear_q(query)))
        k = heads(torch.relu(self.linear_k(key_value)))
        v = heads(torch.relu(self.linear_v(key_value)))
        y, attention = attend(q, k, v)  # [B*h, S, d/h], [B*h, S, T]
        y = y.reshape(B, h, S, d // h).transpose(1, 2).reshape(B, S, d)
        return torch.relu(self.linear_o(y)), attention.reshape(B, h, S, T)


# --- Shared by both networks: the visual backbone and the classifier ------------------------------


class Network(nn.Module):
    """Shared by both networks: the visual backbone and the classifier."""

    def snippet_features(self, visual: Tensor) -> Tensor:
        """Each snippet through the 3D ResNet by itself: [B, S, 3, D, H, W] -> [B, S, nc]."""
        c, B = self.config, visual.shape[0]
        S, size = c.seq_len, c.sample_size
        check_shape("visual", visual, (B, S, 3, c.snippet_duration, size, size))
        if c.stored_statistics:
            self.resnet.eval()
        x = visual.flatten(0, 1).float() / 255 - 100 / 255
        if c.freeze_backbone:
            with torch.no_grad():
                x = self.resnet(x)
        else:
            x = self.resnet(x)  # [B*S, nc, 1, side, side]
        return x.flatten(2).mean(dim=2).view(B, S, -1)  # [B, S, nc]

    def temporal_attention(self, width: int) -> Attention:
        """A head that weights the segments: [B, width, S] -> [B, S]."""
        c = self.config
        return Attention(width, c.seq_len, "relu", kaiming=False, switched_on=c.start_switched_on)

    def weighted(self, attention: Attention, x: Tensor) -> tuple[Tensor, Tensor]:
        """Segments weighted by a temporal attention: [B, S, d] -> their mean [B, d], gamma."""
        x = x.transpose(1, 2)  # [B, d, S]
        gamma = attention(x)  # [B, S]
        return (x * gamma.unsqueeze(1)).mean(dim=2), gamma


class CTENVisual(Network):
    """The visual stream alone. `CTENVisual()` is the released one, for VE8; see `CTEN`."""

    def __init__(self, config: CTENConfig = CTENConfig()):
        super().__init__()
        self.config = c = config
        d = c.channels

        self.resnet = resnet3d(c.blocks, c.width, frozen=c.freeze_backbone)
        self.nl = nn.Sequential(NonLocalBlock(d, c.inner_size, c.start_shortcut, c.shortcut))
        self.ta_net = self.temporal_attention(d)
        self.fc = nn.Linear(d, c.n_classes)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, visual: Tensor) -> CTENVisualOutput:
        """Score videos: visual as CTEN's."""
        return self.fuse(self.snippet_features(visual))

    def fuse(self, features: Tensor) -> CTENVisualOutput:
        """Everything after the backbone, from its features [B, S, d]."""
        x, attention = self.nl[0](features)  # [B, S, d]
        x, gamma = self.weighted(self.ta_net, x)  # [B, d]
        return CTENVisualOutput(self.fc(self.drop(x)), gamma, attention)


class CTEN(Network):
    """Cross-modal temporal erasing network. `CTEN()` is the released one, for VE8.

    Raises DataError if the sizes of audio and video do not fit together.
    """

    def __init__(self, config: CTENConfig = CTENConfig()):
        super().__init__()
        config.check_audio()
        self.config = c = config
        d = c.channels

        # Each modality by itself
        self.resnet = resnet3d(c.blocks, c.width, frozen=c.freeze_backbone)
        self.a_resnet = audio_resnet18(pool=audio_map(c.audio_time, MEL_BINS), width=c.audio_width)
        self.a_fc = nn.Sequential(nn.Linear(8 * c.audio_width, d), nn.BatchNorm1d(d), nn.Tanh())
        self.nl = nn.Sequential(NonLocalBlock(d, c.inner_size, c.start_shortcut, c.shortcut))
        self.nl_a = nn.Sequential(NonLocalBlock(d, c.inner_size, c.start_shortcut, c.shortcut))

        # Between them
        self.v2a_attn = MultiHeadAttention(d, c.n_heads)
        self.a2v_attn = MultiHeadAttention(d, c.n_heads)

        self.ta_net = self.temporal_attention(d if c.erase_sound else 2 * d)
        if c.erase_sound:
            self.ta_net_a = self.temporal_attention(d)
        self.fc = nn.Linear(2 * d, c.n_classes)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, visual: Tensor, audio: Tensor) -> CTENOutput:
        """Score videos.

        visual: [B, S, 3, snippet_duration, sample_size, sample_size], RGB 0..255 as floats.
        audio: [B, S * audio_time, 128], log-mel filter bank. Raises ValueError naming the argument
        whose shape differs.
        """
        return self.fuse(self.snippet_features(visual), audio)

    def fuse(self, features: Tensor, audio: Tensor) -> CTENOutput:
        """Everything after the visual backbone, from its features [B, S, d]."""
        v = features
        B, S, d = v.shape
        time = self.config.audio_time
        check_shape("audio", audio, (B, S * time, MEL_BINS))

        # Visual: self-attention over the segments
        v, visual_attention = self.nl[0](v)  # [B, S, d]

        # Audio: each segment through the ResNet, then self-attention over the segments
        a = audio.reshape(B * S, 1, time, MEL_BINS).float()
        a = self.a_resnet(a).flatten(1)  # [B*S, 8*audio_width]
        a = self.a_fc(a).view(B, S, d)  # [B, S, d]
        a, audio_attention = self.nl_a[0](a)  # [B, S, d]

        # Cross-modal attention: audio queries attend to visual keys; the result is added to the
        # visual stream, and the other way round
        v2a, v2a_attention = self.v2a_attn(a, v)  # [B, S, d]
        a2v, a2v_attention = self.a2v_attn(v, a)  # [B, S, d]
        v, a = v + v2a, a + a2v

        if self.config.erase_sound:  # each weighted by an attention of its own
            v, gamma = self.weighted(self.ta_net, v)  # [B, d]
            a, audio_gamma = self.weighted(self.ta_net_a, a)  # [B, d]
            both = torch.cat([v, a], dim=1)  # [B, 2d]
        else:
            both, gamma = self.weighted(self.ta_net, torch.cat([v, a], dim=2))  # [B, 2d]
            audio_gamma = None
        return CTENOutput(
            self.fc(self.drop(both)), gamma, visual_attention, audio_attention,
            v2a_attention, a2v_attention, audio_gamma,
        )  # fmt: skip
