"""Layers, losses and optimizers where Jittor 1.3.11 lacks one, differs from PyTorch, or is slow.

Each equals PyTorch in value and gradient; tests/ops/test_ops.py compares them with numbers that
PyTorch computed. Arrays are Jittor Vars in the usual order: [N, C, ...], float32. Layers that
Jittor has right (Linear, Dropout) are not repeated here.
"""
# ruff: noqa: F401

from jacklib.ops.conv import Conv1d, Conv2d, Conv3d, conv3d, folded_conv3d, kaiming_normal_fan_out
from jacklib.ops.functional import (
    ReLU,
    binary_cross_entropy,
    cross_entropy,
    interpolate_linear,
    kl_div,
    log_softmax,
    logsumexp,
    nll_loss,
    relu,
)
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
from jacklib.ops.reduce import mean, total, variance
