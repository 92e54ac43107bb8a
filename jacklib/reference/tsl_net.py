"""TSL-Net in PyTorch, to be read from top to bottom.

Zhang and Yang, "Temporal Sentiment Localization: Listen and Look in Untrimmed Videos", MM 2022.
State-dict names are those of the authors' released weights.

Letters in the comments: B videos (1, as videos differ in length), T clips of 16 frames per video, C
classes, d width of one modality, n width of the neck, k = T // r_act. With the released settings
C = 2 (n, p), d = 512, n = 2048, r_act = 8. Class C, the last, is background.
"""

import numpy as np
import torch
from torch import Tensor, nn

from jacklib.core.configs import TSLNetConfig
from jacklib.core.outputs import TSLNetOutput
from jacklib.core.shapes import LOGMEL_BINS, LOGMEL_FRAMES, check_clips, check_shape

CHUNK = 600  # clips that go through the audio extractor at a time, to bound memory


# --- Audio ----------------------------------------------------------------------------------------


def clip_positions(T: int, size: int) -> np.ndarray:
    """Sines and cosines that encode a clip's position: [T, size], float32.

    The released code has a table of 4,000 clips; this one is as long as the video.
    """
    rate = np.exp(np.arange(0, size, 2) * (-np.log(10000.0) / size)).astype(np.float32)
    angle = np.arange(T, dtype=np.float32)[:, None] * rate
    return np.stack([np.sin(angle), np.cos(angle)], 2).reshape(T, size)


def audio_extractor(d: int) -> nn.Sequential:
    """Audio of a clip and its two neighbours to one vector: [N, 1, 96, 60] -> [N, d, 1, 1]."""
    return nn.Sequential(
        nn.Conv2d(1, d // 8, (7, 7), stride=(3, 2), padding=(3, 3)),  # [N, d/8, 32, 30]
        nn.ReLU(),
        nn.BatchNorm2d(d // 8),
        nn.MaxPool2d((4, 4)),  # [N, d/8, 8, 7]
        nn.Conv2d(d // 8, d // 2, (3, 3), padding=(1, 1)),
        nn.ReLU(),
        nn.Conv2d(d // 2, d // 2, (1, 1)),
        nn.ReLU(),
        nn.BatchNorm2d(d // 2),
        nn.MaxPool2d((2, 2)),  # [N, d/2, 4, 3]
        nn.Conv2d(d // 2, d, (3, 3), padding=(1, 1)),
        nn.ReLU(),
        nn.Conv2d(d, d, (1, 1)),
        nn.ReLU(),
        nn.BatchNorm2d(d),
        nn.AvgPool2d((4, 3)),  # [N, d, 1, 1]
    )


def with_neighbours(a: Tensor) -> Tensor:
    """The clip before, the clip and the clip after, in a circle: [B, t, 32, 60] -> [B, t, 96, 60].

    The circle closes within the chunk, as in the released code.
    """
    return torch.cat([a.roll(1, dims=1), a, a.roll(-1, dims=1)], dim=2)


# --- Reverse mapping ------------------------------------------------------------------------------


def unit(x: Tensor) -> Tensor:
    """Each row of x [N, d] at length 1; a row of zeros stays one."""
    return x / (x * x).sum(dim=1, keepdim=True).clamp(1e-24).sqrt()


class ReverseMapping(nn.Module):
    """From the fused features back to one modality's, and how well they match.

    fused [B, n, T], own [B, T, d] -> scalar. Section 4.2 of the paper: the cosine with the clip's
    own features, minus the logsumexp of the cosines of that clip with all clips; the mean over
    clips.
    """

    def __init__(self, d: int, n: int):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(n, n, 3, padding=1), nn.ReLU(),
            nn.Conv1d(n, n, 3, padding=1), nn.ReLU(),
            nn.Conv1d(n, n, 3, padding=1), nn.ReLU(),
            nn.Conv1d(n, d, 3, padding=1), nn.ReLU(),
        )  # fmt: skip

    def forward(self, fused: Tensor, own: Tensor) -> Tensor:
        back = unit(self.net(fused).transpose(1, 2).flatten(0, 1))  # [B*T, d]
        own = unit(own.flatten(0, 1))  # [B*T, d]
        same = (own * back).sum(dim=1)  # [B*T]
        return (same - torch.logsumexp(own @ back.transpose(0, 1), dim=1)).mean()


# --- The network ----------------------------------------------------------------------------------


class ClipNet(nn.Module):
    """All weights of the network: from both modalities to features and logits of every clip."""

    def __init__(self, config: TSLNetConfig):
        super().__init__()
        self.config = c = config
        d, n = c.len_feature // 2, c.neck_size
        audio, image = c.modality != "rgb", c.modality != "logmfcc"

        # Each modality by itself
        if audio:
            self.a_extractor = audio_extractor(d)
        if image:
            self.v_align = nn.Sequential(nn.Conv1d(c.rgb_size, d, 3, padding=1), nn.ReLU())

        # Both, and back to each
        self.neck = nn.Sequential(nn.Conv1d(d * (audio + image), n, 3, padding=1), nn.ReLU())
        if audio:
            self.rev_fa = ReverseMapping(d, n)
        if image:
            self.rev_fv = ReverseMapping(d, n)

        # Logits
        self.classifier = nn.Sequential(nn.Conv1d(n, c.num_classes + 1, 1, bias=False))
        self.distribution = nn.Sequential(nn.Conv1d(n, c.num_classes + 1, 1, bias=False))
        self.drop_out = nn.Dropout(c.dropout)

    def listen(self, logmel: Tensor) -> Tensor:
        """Audio features: [B, T, 32, 60] -> [B, T, d]."""
        B, T = logmel.shape[:2]
        place = torch.from_numpy(clip_positions(T, LOGMEL_BINS)).to(logmel)
        logmel = logmel + place.view(1, T, 1, LOGMEL_BINS)
        parts = []
        for a in logmel.split(CHUNK, dim=1):
            t = a.shape[1]
            a = with_neighbours(a).reshape(B * t, 1, 3 * LOGMEL_FRAMES, LOGMEL_BINS)
            parts.append(self.a_extractor(a).view(B, t, -1))  # [B, t, d]
        return torch.cat(parts, dim=1)

    def forward(self, rgb: Tensor | None, logmel: Tensor | None, training: bool):
        """Features [B, n, T], class and distribution logits [B, T, C+1], reverse mapping."""
        modalities = []  # in the order in which the neck takes them
        if self.config.modality != "logmfcc":
            v = self.v_align(rgb.transpose(1, 2)).transpose(1, 2)  # [B, T, d]
            modalities.append(v)
        if self.config.modality != "rgb":
            a = self.listen(logmel)  # [B, T, d]
            modalities.append(a)
        fused = torch.cat(modalities, dim=2).transpose(1, 2)  # [B, 2d, T]
        fused = self.neck(fused)  # [B, n, T]

        reverse = None
        if training:
            found = []
            if self.config.modality != "rgb":
                found.append(self.rev_fa(fused, a))
            if self.config.modality != "logmfcc":
                found.append(self.rev_fv(fused, v))
            reverse = sum(found[1:], found[0])

        dropped = self.drop_out(fused)
        logits = self.classifier(dropped).transpose(1, 2)  # [B, T, C+1]
        distribution = self.distribution(dropped).transpose(1, 2)  # [B, T, C+1]
        return fused, logits, distribution, reverse


def top_mean(x: Tensor, k: int) -> Tensor:
    """Mean of the k largest over time: [B, T, C] -> [B, C]."""
    return x.topk(k, dim=1)[0].mean(dim=1)


class TSLNet(nn.Module):
    """Temporal sentiment localisation network. `TSLNet()` is the released one."""

    def __init__(self, config: TSLNetConfig = TSLNetConfig()):
        super().__init__()
        self.config = config
        self.cls_module = ClipNet(config)

    def forward(
        self, rgb: Tensor | None, logmel: Tensor | None, labels: Tensor | None = None
    ) -> TSLNetOutput:
        """Score the clips of videos of one length.

        rgb: [B, T, rgb_size]. logmel: [B, T, 32, 60], (x + 50) / 80 of the log-mel spectrum. With
        one modality alone, the other is not looked at and may be None. labels: [B, C], 1 for the
        classes that occur; given in training, where absent classes are scored by their mean over
        time. Raises ValueError naming the argument whose shape is wrong.
        """
        B, T = check_clips(self.config, rgb, logmel)
        if labels is not None:
            check_shape("labels", labels, (B, self.config.num_classes))
        fused, logits, distribution, reverse = self.cls_module(rgb, logmel, labels is not None)
        features = fused.transpose(1, 2)  # [B, T, n]

        k = T // self.config.r_act
        each = logits.sigmoid()  # [B, T, C+1]
        classes, background = each[:, :, :-1], each[:, :, -1:]
        scores = torch.cat([classes * (1 - background), background], dim=2)  # [B, T, C+1]
        # Equation (2) of the paper means the fused scores; the released code takes the others.
        rated = classes if self.config.video_score == "released" else scores[:, :, :-1]
        video_score = top_mean(rated, k)  # [B, C]
        if labels is None:
            return TSLNetOutput(video_score, scores, features)

        video_score = video_score * labels + rated.mean(dim=1) * (1 - labels)
        video_distribution = top_mean(distribution[:, :, :-1], k).softmax(dim=1)
        return TSLNetOutput(
            video_score, scores, features,
            distribution.softmax(dim=2), video_distribution, reverse,
        )  # fmt: skip

    def parameter_groups(self, lr: float = 1e-5, audio_factor: float = 10.0) -> list[dict]:
        """Groups for an optimizer: the audio extractor learns at audio_factor times the rate."""
        audio = []
        if self.config.modality != "rgb":
            audio = list(self.cls_module.a_extractor.parameters())
        known = {id(p) for p in audio}
        others = [p for p in self.parameters() if id(p) not in known]
        groups = [{"params": others, "lr": lr}]
        return groups + [{"params": audio, "lr": lr * audio_factor}] if audio else groups
