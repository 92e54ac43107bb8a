"""ResNet-18 for audio: the audio backbone of VAANet and CTEN, in PyTorch.

Architecture: He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), 18 layers. The
first convolution is (7, 1) with stride (2, 1): it mixes neighbouring audio frames and leaves the
coefficients alone. The pool's kernel covers the whole last map.
"""

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions plus the shortcut: [N, c_in, H, W] -> [N, c_out, H/stride, W/stride]."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(y + shortcut)


def audio_resnet18(pool: tuple[int, int], width: int = 64) -> nn.Sequential:
    """The backbone: [N, 1, frames, coefficients] -> [N, 8*width, 1, 1].

    pool is the size of the last map: (frames/32, coefficients/16), each rounded up. Slots as the
    released weights name them: 0 convolution, 1 batch norm, 2 ReLU, 3 pool, 4 to 7 stages, 8 pool.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(1, width, (7, 1), stride=(2, 1), padding=(3, 0), bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    c_in = width
    for stage in range(4):
        c_out = width * 2**stage
        first = BasicBlock(c_in, c_out, stride=1 if stage == 0 else 2)
        layers.append(nn.Sequential(first, BasicBlock(c_out, c_out)))
        c_in = c_out
    layers.append(nn.AvgPool2d(pool))
    net = nn.Sequential(*layers)
    for module in net.modules():  # BatchNorm already starts at weight 1, bias 0
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net
