"""The attention head that VAANet and CTEN share."""

from jittor import nn

from jacklib.ops import BatchNorm, Conv1d, kaiming_normal_fan_out


class Attention(nn.Module):
    """One attention head: a 1x1 convolution to one channel, then a square linear layer.

    [N, c_in, size] -> [N, size]. "softmax" distributes a fixed sum (positions, channels); "relu"
    may switch all on or all off (time). kaiming: start the convolution as PyTorch's
    `kaiming_normal_` with fan_out does. switched_on: start "relu" with everything on. VAANet's
    heads have both, CTEN's keep PyTorch's default start.
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
        self.conv = nn.Sequential(Conv1d(c_in, 1, 1, bias=False), BatchNorm(1), nn.Tanh())
        self.activation, self.size = activation, size
        self.fc = nn.Linear(size, size, bias=activation == "relu")
        if kaiming:
            kaiming_normal_fan_out(self.conv[0].weight)
        if switched_on and activation == "relu":
            nn.init.constant_(self.fc.bias, 1)

    def execute(self, x):
        h = self.fc(self.conv(x).squeeze(1))  # [N, size]
        return nn.relu(h) if self.activation == "relu" else h.softmax(dim=1) * self.size
