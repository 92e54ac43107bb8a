"""The attention head that VAANet and CTEN share, in PyTorch."""

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """One attention head: a 1x1 convolution to one channel, then a square linear layer.

    [N, c_in, size] -> [N, size]. `jacklib.networks.attention` says what the options are for.
    """

    def __init__(
        self,
        c_in: int,
        size: int,
        activation: str,
        *,
        kaiming: bool = True,
        switched_on: bool = True,
    ):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(c_in, 1, 1, bias=False), nn.BatchNorm1d(1), nn.Tanh())
        self.activation, self.size = activation, size
        self.fc = nn.Linear(size, size, bias=activation == "relu")
        if kaiming:
            nn.init.kaiming_normal_(self.conv[0].weight, mode="fan_out")
        if switched_on and activation == "relu":
            nn.init.constant_(self.fc.bias, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc(self.conv(x).squeeze(1))  # [N, size]
        return torch.relu(h) if self.activation == "relu" else h.softmax(dim=1) * self.size
