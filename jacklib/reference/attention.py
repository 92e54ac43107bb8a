"""The attention head that VAANet and CTEN share, in PyTorch."""

from __future__ import annotations

from torch import nn


def attention(
    c_in: int, size: int, activation: str, *, kaiming: bool = True, switched_on: bool = True
) -> nn.ModuleDict:
    """One attention head's parts: a 1x1 convolution to one channel, then a square linear layer.

    "softmax" shares out a fixed sum (positions, channels); "relu" may switch all on or all off
    (time). kaiming: start the convolution with Kaiming normal, fan_out. switched_on: start "relu"
    with everything on. VAANet's heads have both, CTEN's keep PyTorch's default start.
    """
    parts: dict[str, nn.Module] = {
        "conv": nn.Sequential(nn.Conv1d(c_in, 1, 1, bias=False), nn.BatchNorm1d(1), nn.Tanh())
    }
    if activation == "softmax":
        parts["fc"] = nn.Linear(size, size, bias=False)
        parts["softmax"] = nn.Softmax(dim=1)
    else:
        parts["fc"] = nn.Linear(size, size)
        parts["relu"] = nn.ReLU()
    if kaiming:
        nn.init.kaiming_normal_(parts["conv"][0].weight, mode="fan_out")
    if switched_on and activation == "relu":
        nn.init.ones_(parts["fc"].bias)
    return nn.ModuleDict(parts)
