"""VAANet in PyTorch, to be read from top to bottom.

Zhao et al., "An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated
Videos", AAAI 2020. State-dict names are those of the authors' released weights.

Letters in the comments: B videos, S segments per video, m = side * side positions of the backbone's
map, nc channels of that map, k = embed_size, n audio segments, e = audio_embed_size, C classes.
With the paper's settings S = 12, m = 16, nc = 2048, k = 512, n = 16, e = 256, C = 8.
"""

import torch
from torch import Tensor, nn

from jacklib.core.configs import VAANetConfig
from jacklib.core.outputs import VAANetOutput
from jacklib.core.shapes import (
    AUDIO_COEFFICIENTS,
    AUDIO_FRAMES,
    audio_map,
    check_depth,
    check_shape,
)
from jacklib.reference.attention import Attention
from jacklib.reference.resnet import audio_resnet18
from jacklib.reference.resnet3d import resnet3d


class VAANet(nn.Module):
    """Visual-audio attention network. `VAANet()` is the paper's, for VE8."""

    def __init__(self, config: VAANetConfig = VAANetConfig()):
        super().__init__()
        self.config = c = config
        side = check_depth(c.snippet_duration, c.sample_size, len(c.blocks))
        self.m, self.k = side * side, c.embed_size

        # Visual half
        self.resnet = resnet3d(c.blocks, c.width, frozen=c.freeze_backbone)
        self.conv0 = nn.Sequential(
            nn.Conv1d(c.channels, self.k, 1), nn.BatchNorm1d(self.k), nn.ReLU()
        )  # the paper's F
        nn.init.kaiming_normal_(self.conv0[0].weight, mode="fan_out")
        self.sa_net = Attention(self.k, self.m, "softmax")  # spatial
        self.ta_net = Attention(self.k, c.seq_len, "relu")  # temporal
        self.cwa_net = Attention(self.m, self.k, "softmax")  # channel-wise
        # The visual-only network's classifier: in the released weights, never used by VAANet.
        self.fc = nn.Linear(self.k, c.n_classes)

        # Audio half. A segment of 256 x 32 leaves the ResNet's last stage as 8 x 2.
        self.a_resnet = audio_resnet18(
            pool=audio_map(AUDIO_FRAMES, AUDIO_COEFFICIENTS), width=c.audio_width
        )
        self.a_fc = nn.Sequential(
            nn.Linear(8 * c.audio_width, c.audio_embed_size),
            nn.BatchNorm1d(c.audio_embed_size),
            nn.Tanh(),
        )
        self.aa_net = Attention(c.audio_embed_size, c.audio_n_segments, "relu")

        self.av_fc = nn.Linear(c.audio_embed_size + self.k, c.n_classes)

    def forward(self, visual: Tensor, audio: Tensor) -> VAANetOutput:
        """Score videos.

        visual: [B, S, 3, snippet_duration, sample_size, sample_size], RGB 0..255 as floats.
        audio: [B, 256 * n, 32], MFCC. Raises ValueError naming the argument whose shape differs.
        """
        c, B = self.config, visual.shape[0]
        S, n, size = c.seq_len, c.audio_n_segments, c.sample_size
        check_shape("visual", visual, (B, S, 3, c.snippet_duration, size, size))
        check_shape("audio", audio, (B, AUDIO_FRAMES * n, AUDIO_COEFFICIENTS))

        # Backbone. Segments first: the rows of every [S*B, ...] below are segment 0 of all videos,
        # then segment 1, ...
        x = visual.transpose(0, 1).flatten(0, 1)  # [S*B, 3, D, H, W]
        x = x.float() / 255 - 100 / 255
        if c.freeze_backbone:
            with torch.no_grad():
                x = self.resnet(x)
        else:
            x = self.resnet(x)  # [S*B, nc, 1, side, side]
        x = x.flatten(2)  # [S*B, nc, m]
        x = self.conv0(x)  # [S*B, k, m]

        # Spatial attention: which of the m positions
        alpha = self.sa_net(x)  # [S*B, m]
        x = x * alpha.unsqueeze(1)  # [S*B, k, m]

        # Channel attention: which of the k channels
        beta = self.cwa_net(x.transpose(1, 2))  # [S*B, k]
        x = (x * beta.unsqueeze(2)).mean(dim=2)  # [S*B, k]

        # Temporal attention: which of the S segments
        x = x.view(S, B, self.k).permute(1, 2, 0)  # [B, k, S]
        gamma = self.ta_net(x)  # [B, S]
        seen = (x * gamma.unsqueeze(1)).mean(dim=2)  # [B, k]

        # Audio: n segments through the ResNet, then temporal attention over them
        a = audio.view(B, n, AUDIO_FRAMES, AUDIO_COEFFICIENTS).transpose(0, 1)  # [n, B, 256, 32]
        a = a.flatten(0, 1).unsqueeze(1).float()  # [n*B, 1, 256, 32]
        a = self.a_resnet(a).flatten(1)  # [n*B, 8*audio_width]
        a = self.a_fc(a)  # [n*B, e]
        a = a.view(n, B, c.audio_embed_size).permute(1, 2, 0)  # [B, e, n]
        audio_gamma = self.aa_net(a)  # [B, n]
        heard = (a * audio_gamma.unsqueeze(1)).mean(dim=2)  # [B, e]

        logits = self.av_fc(torch.cat([seen, heard], dim=1))  # [B, C]
        alpha, beta = alpha.view(S, B, self.m), beta.view(S, B, self.k)
        return VAANetOutput(logits, alpha, beta, gamma, audio_gamma)
