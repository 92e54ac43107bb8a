"""CTEN in PyTorch, to be read from top to bottom.

Zhang, Wang and Yang, "Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal
Temporal Erasing Network", CVPR 2023. State-dict names are those of the authors' released weights.

Letters in the comments: B videos, S segments a video (of picture and of sound), nc channels of the
backbone's map, d width of both modalities (d = nc), h attention heads, C classes. With the released
settings S = 16, d = 2048, h = 8, C = 8. The paper uses 10 segments and an audio ResNet-50; the
released code, which these files follow, 16 segments and an audio ResNet-18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from jacklib.core.shapes import MEL_BINS, audio_map, backbone_channels, check_depth, check_shape
from jacklib.errors import DataError
from jacklib.reference.attention import attention
from jacklib.reference.resnet import audio_resnet18
from jacklib.reference.resnet3d import resnet3d


class CTENOutput(NamedTuple):
    """What CTEN gives: class scores, and every attention behind them.

    Rows are what asks, columns what is looked at; each row sums to 1.
    """

    logits: Tensor  # [B, C]
    gamma: Tensor  # [B, S], temporal; zero or more
    visual_attention: Tensor  # [B, S, S], between segments of the picture
    audio_attention: Tensor  # [B, S, S], between segments of the sound
    v2a_attention: Tensor  # [B, h, S, S], the sound asks the picture
    a2v_attention: Tensor  # [B, h, S, S], the picture asks the sound


class CTENVisualOutput(NamedTuple):
    """What the visual stream gives; see CTENOutput."""

    logits: Tensor  # [B, C]
    gamma: Tensor  # [B, S]
    visual_attention: Tensor  # [B, S, S]


# ---------------------------------------------------------------------------------------------
# Attention within and between modalities
# ---------------------------------------------------------------------------------------------


def attend(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: [N, S, d], [N, T, d], [N, T, e] -> [N, S, e], [N, S, T]."""
    scores = torch.bmm(query, key.transpose(1, 2)) * query.shape[-1] ** -0.5
    attention = torch.softmax(scores, dim=2)  # [N, S, T]
    return torch.bmm(attention, value), attention


class NonLocalBlock(nn.Module):
    """Every segment looks at every other of its modality: [B, S, d] -> [B, S, d], [B, S, S].

    Section 3.2 of the paper. The shortcut is weighed by alpha, which starts at 0 in
    the released code (start_shortcut).
    """

    def __init__(self, d: int = 2048, inner: int = 256, start_shortcut: float = 0.0):
        super().__init__()
        self.alpha = nn.Parameter(torch.full([1], start_shortcut))
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
    """One modality looks at the other with several heads: [B, S, d] -> [B, S, d], [B, h, S, T].

    Section 3.2 of the paper. Unlike the usual one, it has a ReLU after each of its four linear
    layers.
    """

    def __init__(self, d: int = 2048, n_heads: int = 8):
        super().__init__()
        if d % n_heads:
            raise DataError(
                "n_heads",
                found=str(n_heads),
                wanted=f"a divisor of the width {d}",
                cure="The released network has 8.",
            )
        self.n_heads = n_heads
        self.linear_q = nn.Linear(d, d)
        self.linear_k = nn.Linear(d, d)
        self.linear_v = nn.Linear(d, d)
        self.linear_o = nn.Linear(d, d)

    def forward(self, query: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        B, S, d = query.shape
        T, h = source.shape[1], self.n_heads

        def heads(x: Tensor) -> Tensor:  # [B, L, d] -> [B*h, L, d/h]
            return x.reshape(B, -1, h, d // h).transpose(1, 2).reshape(B * h, -1, d // h)

        q = heads(torch.relu(self.linear_q(query)))
        k = heads(torch.relu(self.linear_k(source)))
        v = heads(torch.relu(self.linear_v(source)))
        y, attention = attend(q, k, v)  # [B*h, S, d/h], [B*h, S, T]
        y = y.reshape(B, h, S, d // h).transpose(1, 2).reshape(B, S, d)
        return torch.relu(self.linear_o(y)), attention.reshape(B, h, S, T)


# ---------------------------------------------------------------------------------------------
# What both networks do with the picture, and at the end
# ---------------------------------------------------------------------------------------------


def snippet_features(net: nn.Module, visual: Tensor) -> Tensor:
    """Each snippet through the 3D ResNet by itself: [B, S, 3, D, H, W] -> [B, S, nc]."""
    B, S, size = visual.shape[0], net.seq_len, net.sample_size
    check_shape("visual", visual, (B, S, 3, net.snippet_duration, size, size))
    if net.stored_statistics:
        net.resnet.eval()
    x = visual.flatten(0, 1) / 255 - 100 / 255
    with torch.set_grad_enabled(torch.is_grad_enabled() and not net.freeze_backbone):
        x = net.resnet(x)  # [B*S, nc, 1, side, side]
    return x.flatten(2).mean(dim=2).view(B, S, -1)  # [B, S, nc]


def classify(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Temporal attention and the classifier: [B, S, d] -> logits [B, C], gamma [B, S]."""
    x = x.transpose(1, 2)  # [B, d, S]
    h = net.ta_net["conv"](x).squeeze(1)  # [B, S]
    gamma = net.ta_net["relu"](net.ta_net["fc"](h))  # [B, S]
    x = (x * gamma.unsqueeze(1)).mean(dim=2)  # [B, d]
    return net.fc(net.drop(x)), gamma


class CTENVisual(nn.Module):
    """The visual stream alone. The defaults are the released ones, for VE8; see `CTEN`."""

    def __init__(
        self,
        *,
        n_classes: int = 8,
        seq_len: int = 16,
        snippet_duration: int = 16,
        sample_size: int = 112,
        blocks: Sequence[int] = (3, 4, 23, 3),
        width: int = 64,
        inner_size: int = 256,
        dropout: float = 0.2,
        freeze_backbone: bool = True,
        stored_statistics: bool = False,
        start_switched_on: bool = False,
        start_shortcut: float = 0.0,
    ):
        super().__init__()
        check_depth(snippet_duration, sample_size, len(blocks))
        self.n_classes, self.seq_len = n_classes, seq_len
        self.snippet_duration, self.sample_size = snippet_duration, sample_size
        self.freeze_backbone, self.stored_statistics = freeze_backbone, stored_statistics
        d = backbone_channels(blocks, width)

        self.resnet = resnet3d(blocks, width).requires_grad_(not freeze_backbone)
        self.nl = nn.Sequential(NonLocalBlock(d, inner_size, start_shortcut))
        self.ta_net = attention(d, seq_len, "relu", kaiming=False, switched_on=start_switched_on)
        self.fc = nn.Linear(d, n_classes)
        self.drop = nn.Dropout(dropout)

    def forward(self, visual: Tensor) -> CTENVisualOutput:
        """Score videos: visual as CTEN's."""
        return self.fuse(snippet_features(self, visual))

    def fuse(self, features: Tensor) -> CTENVisualOutput:
        """Everything after the backbone, from its features [B, S, d]."""
        x, attention = self.nl[0](features)  # [B, S, d]
        logits, gamma = classify(self, x)
        return CTENVisualOutput(logits, gamma, attention)


class CTEN(nn.Module):
    """Cross-modal temporal erasing network. The defaults are the released ones, for VE8.

    n_classes: emotions. seq_len: segments S a video. snippet_duration, sample_size: frames and
    pixels a side of one snippet. audio_embed_size: width of the sound, which must be the
    backbone's. audio_n_segments: segments of the sound, as many as of the picture. audio_time:
    filter-bank frames in one of them. blocks, width: the 3D ResNet's. audio_width: channels of the
    audio ResNet-18's first stage. inner_size: width inside the non-local blocks. n_heads: h.
    freeze_backbone: no gradient through the 3D ResNet; in training mode its batch norm still uses
    and updates batch statistics, as in the released code, unless stored_statistics is set.
    start_switched_on: the temporal attention starts with every segment switched on, as VAANet's
    does; the released code leaves PyTorch's start, with which about half of them are off.
    start_shortcut: where alpha of the non-local blocks starts.

    Raises ValueError where sizes do not fit together.
    """

    def __init__(
        self,
        *,
        n_classes: int = 8,
        seq_len: int = 16,
        snippet_duration: int = 16,
        sample_size: int = 112,
        audio_embed_size: int = 2048,
        audio_n_segments: int = 16,
        audio_time: int = 100,
        blocks: Sequence[int] = (3, 4, 23, 3),
        width: int = 64,
        audio_width: int = 64,
        inner_size: int = 256,
        n_heads: int = 8,
        dropout: float = 0.2,
        freeze_backbone: bool = True,
        stored_statistics: bool = False,
        start_switched_on: bool = False,
        start_shortcut: float = 0.0,
    ):
        super().__init__()
        check_depth(snippet_duration, sample_size, len(blocks))
        d = backbone_channels(blocks, width)
        if audio_embed_size != d:
            raise DataError(
                "audio_embed_size",
                found=str(audio_embed_size),
                wanted=f"{d}, the width of the visual backbone",
                cure="Leave it out: the two modalities are added to each other.",
            )
        if audio_n_segments != seq_len:
            raise DataError(
                "audio_n_segments",
                found=str(audio_n_segments),
                wanted=f"{seq_len}, as many as seq_len",
                cure="Give one of the two; the other follows.",
            )
        self.n_classes, self.seq_len = n_classes, seq_len
        self.snippet_duration, self.sample_size = snippet_duration, sample_size
        self.audio_n_segments, self.audio_time = audio_n_segments, audio_time
        self.freeze_backbone, self.stored_statistics = freeze_backbone, stored_statistics

        # Each modality by itself
        self.resnet = resnet3d(blocks, width).requires_grad_(not freeze_backbone)
        self.a_resnet = audio_resnet18(pool=audio_map(audio_time, MEL_BINS), width=audio_width)
        self.a_fc = nn.Sequential(nn.Linear(8 * audio_width, d), nn.BatchNorm1d(d), nn.Tanh())
        self.nl = nn.Sequential(NonLocalBlock(d, inner_size, start_shortcut))
        self.nl_a = nn.Sequential(NonLocalBlock(d, inner_size, start_shortcut))

        # Between them
        self.v2a_attn = MultiHeadAttention(d, n_heads)
        self.a2v_attn = MultiHeadAttention(d, n_heads)

        self.ta_net = attention(
            2 * d, seq_len, "relu", kaiming=False, switched_on=start_switched_on
        )
        self.fc = nn.Linear(2 * d, n_classes)
        self.drop = nn.Dropout(dropout)

    def forward(self, visual: Tensor, audio: Tensor) -> CTENOutput:
        """Score videos.

        visual: [B, S, 3, snippet_duration, sample_size, sample_size], RGB 0..255 as floats.
        audio: [B, S * audio_time, 128], log-mel filter bank. Raises ValueError naming the argument
        whose shape differs.
        """
        return self.fuse(snippet_features(self, visual), audio)

    def fuse(self, features: Tensor, audio: Tensor) -> CTENOutput:
        """Everything after the visual backbone, from its features [B, S, d]."""
        v = features
        B, S, d = v.shape
        check_shape("audio", audio, (B, S * self.audio_time, MEL_BINS))

        # Picture: segments look at each other
        v, visual_attention = self.nl[0](v)  # [B, S, d]

        # Sound: each segment through the ResNet, then they look at each other
        a = audio.reshape(B * S, 1, self.audio_time, MEL_BINS)
        a = self.a_resnet(a).flatten(1)  # [B*S, 8*audio_width]
        a = self.a_fc(a).view(B, S, d)  # [B, S, d]
        a, audio_attention = self.nl_a[0](a)  # [B, S, d]

        # Each modality asks the other; the answer to the sound's question is added to the picture
        v2a, v2a_attention = self.v2a_attn(a, v)  # [B, S, d]
        a2v, a2v_attention = self.a2v_attn(v, a)  # [B, S, d]
        both = torch.cat([v + v2a, a + a2v], dim=2)  # [B, S, 2d]

        logits, gamma = classify(self, both)
        return CTENOutput(
            logits, gamma, visual_attention, audio_attention, v2a_attention, a2v_attention
        )
