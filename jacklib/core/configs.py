"""The options of the networks, the same for both frameworks; imports neither.

    VAANet()                                        # the paper's
    VAANet(VAANetConfig.classroom(n_classes=6))     # small

`net.config` is what a network was built with. A checkpoint's options are its `dataclasses.asdict`.
Each raises DataError if a field is of another kind or beyond every use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from jacklib.core import shapes
from jacklib.errors import check_choice, refuse, refuse_as


class Config:
    """What the options of all networks share: two settings."""

    SMALL: ClassVar[dict[str, Any]]  # what `classroom` changes

    @classmethod
    def paper(cls, **options: Any) -> Any:
        """The published network; VAANet and CTEN with a frozen Kinetics backbone."""
        return cls(**options)

    @classmethod
    def classroom(cls, **options: Any) -> Any:
        """The same network small enough to train from nothing in minutes on two CPU cores."""
        return cls(**cls.SMALL | options)


class _ClipConfig(Config):
    """What the options of VAANet and CTEN share; the published ones are the defaults.

    freeze_backbone: no gradient through the 3D ResNet; in training mode its batch norm still uses
    and updates batch statistics, as in the released code, unless CTEN has stored_statistics set.
    Raises DataError if snippet_duration is longer than the backbone can fold into depth 1, too.
    """

    def __post_init__(self):
        shapes.check_fields(self)
        shapes.check_depth(self.snippet_duration, self.sample_size, len(self.blocks))

    @property
    def channels(self) -> int:
        """Channels of the 3D ResNet's map."""
        return shapes.backbone_channels(self.blocks, self.width)


@dataclass(frozen=True)
class VAANetConfig(_ClipConfig):
    """Every option of `VAANet`. The defaults are the paper's, for VE8."""

    n_classes: int = 8  # emotions
    seq_len: int = 12  # segments S per video
    snippet_duration: int = 16  # frames of one snippet
    sample_size: int = 112  # its pixels per side
    audio_embed_size: int = 256  # e
    audio_n_segments: int = 16  # n
    blocks: tuple[int, ...] = (3, 4, 23, 3)  # of the 3D ResNet, per stage
    width: int = 64  # channels of its first stage
    audio_width: int = 64  # channels of the audio ResNet-18's first stage
    embed_size: int = 512  # k
    freeze_backbone: bool = True

    SMALL = dict(
        seq_len=8, snippet_duration=8, sample_size=64, audio_embed_size=64, audio_n_segments=4,
        blocks=(1, 1, 1), width=16, audio_width=8, embed_size=128, freeze_backbone=False,
    )  # fmt: skip

    @property
    def audio_frames(self) -> int:
        """MFCC frames that one video's audio is tiled to."""
        return shapes.AUDIO_FRAMES * self.audio_n_segments


@dataclass(frozen=True)
class CTENConfig(_ClipConfig):
    """Every option of `CTEN` and of `CTENVisual`, which has no use for those of the audio.

    The defaults are the released ones, for VE8. start_switched_on: the temporal attention starts
    with every segment switched on, as VAANet's does; the released code leaves PyTorch's start, with
    which about half of them are off.

    As the paper has it, and not the released code: shortcut="paper", see NonLocalBlock;
    erase_sound, one attention to the image and one to the audio (equation 7) in place of one to
    both, by which both are erased (`erasing.both_reach`). The paper does not say what is classified
    then: here, as in VAANet, from which it has the attention, each weights its own features.
    """

    n_classes: int = 8  # emotions
    seq_len: int = 16  # segments S per video
    snippet_duration: int = 16  # frames of one snippet
    sample_size: int = 112  # its pixels per side
    audio_embed_size: int = 2048  # width of the audio features: the backbone's
    audio_n_segments: int = 16  # segments of the audio: as many as of the video
    audio_time: int = 100  # filter-bank frames in one of them
    blocks: tuple[int, ...] = (3, 4, 23, 3)  # of the 3D ResNet, per stage
    width: int = 64  # channels of its first stage
    audio_width: int = 64  # channels of the audio ResNet-18's first stage
    inner_size: int = 256  # width inside the non-local blocks
    n_heads: int = 8  # h
    dropout: float = 0.2  # before the classifier
    freeze_backbone: bool = True
    stored_statistics: bool = False
    start_switched_on: bool = False
    start_shortcut: float = 0.0  # where alpha of the non-local blocks starts
    visual_only: bool = False  # CTENVisual is meant
    shortcut: str = "learned"  # of the non-local blocks: alpha; "paper": 1
    erase_sound: bool = False

    SMALL = dict(
        seq_len=8, snippet_duration=8, sample_size=64, audio_embed_size=256, audio_n_segments=8,
        audio_time=40, blocks=(1, 1, 1), width=16, audio_width=8, inner_size=32, n_heads=4,
        freeze_backbone=False, start_switched_on=True, start_shortcut=3.0,
    )  # fmt: skip

    def __post_init__(self):
        super().__post_init__()
        check_choice("shortcut", self.shortcut, ("learned", "paper"))
        refuse_as("erasing without audio", self.erase_sound and self.visual_only, "erase_sound")

    @property
    def audio_frames(self) -> int:
        """Filter-bank frames that one video's audio is tiled or cut to."""
        return self.audio_n_segments * self.audio_time

    def check_audio(self) -> None:
        """Raise DataError if the audio does not fit the video, which only `CTEN` needs."""
        d = self.channels
        refuse_as("width of audio", self.audio_embed_size != d, "audio_embed_size",
                  width=self.audio_embed_size, d=d)  # fmt: skip
        refuse_as("segments of audio", self.audio_n_segments != self.seq_len, "audio_n_segments",
                  n=self.audio_n_segments, seq_len=self.seq_len)  # fmt: skip
        refuse_as("heads and backbone", d % self.n_heads, "n_heads", heads=self.n_heads, d=d)


@dataclass(frozen=True)
class TSLNetConfig(Config):
    """Every option of `TSLNet`. The defaults are the released ones. modality: "all", or "rgb" or
    "logmfcc" alone; the released weights are for "all", and what is missing has no weights here.
    video_score: from the class scores as they are ("released"), or times 1 - background ("paper",
    equation 2)."""

    len_feature: int = 1024  # width of both modalities together (2d)
    num_classes: int = 2  # C
    r_act: int = 8  # a video's score is the mean over its best T // r_act clips
    rgb_size: int = 1024  # width of the visual features
    neck_size: int = 2048  # n
    dropout: float = 0.7  # before the classifiers
    modality: str = "all"
    video_score: str = "released"

    SMALL = dict(len_feature=128, neck_size=256)

    def __post_init__(self):
        shapes.check_fields(self)
        shapes.check_modality(self.modality)
        shapes.check_way("video_score", self.video_score)
        refuse_as("feature length", self.len_feature % 16, "len_feature", n=self.len_feature)


@dataclass(frozen=True)
class BPMGCNConfig(Config):
    """Every option of `BPMGCN`. The defaults are the released ones.

    streams: "both", or "posture" or "movement" alone, which the ablation of the paper compares:
    without fusion, and the affective branch is the posture stream's.
    graph: "adaptive", or "fixed" as in section IV-A of the paper: the bones alone, nothing learned.
    fusion: attention to frames weights the features ("released"), or the one to joints, too
    ("paper", equations 8 and 9). pool: before the classifier, "mean", or "max" as in IV-A.
    """

    n_classes: int = 4  # happy, sad, angry, neutral
    n_features: int = 31  # affective features per frame
    frames: int = 48  # T; the attention to times has one weight for each pair of them
    widths: tuple[int, int, int] = (64, 128, 256)  # channels of the three stages
    embed: int = 4  # a unit's attention has its width divided by this many channels
    streams: str = "both"
    graph: str = "adaptive"
    fusion: str = "released"
    pool: str = "mean"

    SMALL = dict(widths=(16, 32, 64))

    def __post_init__(self):
        shapes.check_fields(self)
        refuse(len(self.widths) != 3 or any(w < self.embed or w % self.embed for w in self.widths),
               "widths", found=list(self.widths), wanted=f"three multiples of embed ({self.embed})",
               cure="The released network has 64, 128 and 256.")  # fmt: skip
        check_choice("streams", self.streams, shapes.STREAMS,
                     "'both' is the paper's network, the others are for its ablation."
        )  # fmt: skip
        for name, ways in shapes.GAIT_WAYS.items():
            shapes.check_way(name, getattr(self, name), ways)
