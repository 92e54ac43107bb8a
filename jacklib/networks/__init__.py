"""The published networks in Jittor, one file each."""

from .vaanet import VAANet, VAANetConfig, VAANetOutput

__all__ = ["VAANet", "VAANetConfig", "VAANetOutput"]
