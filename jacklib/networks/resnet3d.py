"""3D ResNet with bottlenecks: the visual backbone of VAANet and CTEN.

Architecture: Hara, Kataoka and Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs
and ImageNet?" (CVPR 2018), ResNet-101 with projection shortcuts (type B), cut before its average
pool. `blocks` and `width` shrink it for a classroom; the paper's are (3, 4, 23, 3) and 64.
"""

from collections.abc import Sequence

from jittor import nn

from jacklib.core.shapes import EXPANSION
from jacklib.ops import BatchNorm, Conv3d, MaxPool3d, ReLU, kaiming_normal_fan_out


class Bottleneck(nn.Module):
    """1x1x1 down, 3x3x3, 1x1x1 up, plus the shortcut: [N, c_in, D, H, W] -> [N, 4*planes, ...]."""

    def __init__(self, c_in: int, planes: int, stride: int = 1):
        c_out = planes * EXPANSION
        self.conv1 = Conv3d(c_in, planes, 1, bias=False)
        self.bn1 = BatchNorm(planes)
        self.conv2 = Conv3d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = BatchNorm(planes)
        self.conv3 = Conv3d(planes, c_out, 1, bias=False)
        self.bn3 = BatchNorm(c_out)
        self.relu = ReLU()
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                Conv3d(c_in, c_out, 1, stride=stride, bias=False), BatchNorm(c_out)
            )

    def execute(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(y + shortcut)


def resnet3d(
    blocks: Sequence[int] = (3, 4, 23, 3), width: int = 64, frozen: bool = False
) -> nn.Sequential:
    """The backbone: [N, 3, D, H, W] -> [N, backbone_channels(blocks, width), d, h, w].

    Slot 0 convolution, 1 batch norm, 2 ReLU, 3 pool, 4 onwards one slot a stage, because those
    numbers are the state-dict names of the released weights. `shapes.backbone_map` gives d, h, w.
    frozen: without gradients.
    """
    layers = [
        Conv3d(3, width, 7, stride=(1, 2, 2), padding=3, bias=False),
        BatchNorm(width),
        ReLU(),
        MaxPool3d(3, stride=2, padding=1),
    ]
    c_in = width
    for stage, n_blocks in enumerate(blocks):
        planes = width * 2**stage
        units = []
        for unit in range(n_blocks):
            units.append(Bottleneck(c_in, planes, stride=2 if stage > 0 and unit == 0 else 1))
            c_in = planes * EXPANSION
        layers.append(nn.Sequential(*units))
    net = nn.Sequential(*layers)
    for module in net.modules():  # BatchNorm already starts at weight 1, bias 0
        if isinstance(module, Conv3d):
            kaiming_normal_fan_out(module.weight)
    if frozen:  # what takes no gradient is left out by the optimizer, as PyTorch's leaves out None
        for parameter in net.parameters():
            parameter.stop_grad()
    return net
