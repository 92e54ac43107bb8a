"""Layers, losses and optimizers where Jittor 1.3.11 lacks one or differs from PyTorch.

Each equals PyTorch in value and gradient; tests/ops/test_ops.py compares them with numbers that
PyTorch computed. Arrays are Jittor Vars in the usual order: [N, C, ...], float32. Layers that
Jittor has right (Linear, Dropout) are not repeated here.
"""

from jacklib.ops.activation import ReLU, relu
from jacklib.ops.conv import Conv1d, Conv2d, Conv3d, conv3d, folded_conv3d, unfold
from jacklib.ops.functional import (
    binary_cross_entropy,
    cross_entropy,
    interpolate_linear,
    kl_div,
    log_softmax,
    logsumexp,
    nll_loss,
    reduce,
)
from jacklib.ops.init import kaiming_normal_fan_out
from jacklib.ops.inputs import as_floats, as_var, numbers
from jacklib.ops.norm import BatchNorm
from jacklib.ops.optim import SGD, Adam, Optimizer, clip_grad_norm
from jacklib.ops.pool import (
    AvgPool2d,
    MaxPool2d,
    MaxPool3d,
    adaptive_avg_pool,
    avg_pool2d,
    avg_pool3d,
    max_pool2d,
    max_pool3d,
)

__all__ = [
    "Adam", "AvgPool2d", "BatchNorm", "Conv1d", "Conv2d", "Conv3d", "MaxPool2d", "MaxPool3d",
    "Optimizer", "ReLU", "SGD", "adaptive_avg_pool", "as_floats", "as_var", "avg_pool2d",
    "avg_pool3d", "binary_cross_entropy", "clip_grad_norm", "conv3d", "cross_entropy",
    "folded_conv3d", "interpolate_linear", "kaiming_normal_fan_out", "kl_div", "log_softmax",
    "logsumexp", "max_pool2d", "max_pool3d", "nll_loss", "numbers", "reduce", "relu", "unfold",
]  # fmt: skip
