"""The published networks in Jittor, one file each."""

from .cten import CTEN, CTENConfig, CTENOutput, CTENVisual, CTENVisualOutput
from .vaanet import VAANet, VAANetConfig, VAANetOutput

__all__ = [
    "CTEN",
    "CTENConfig",
    "CTENOutput",
    "CTENVisual",
    "CTENVisualOutput",
    "VAANet",
    "VAANetConfig",
    "VAANetOutput",
]
