"""Initial weights."""

from __future__ import annotations

import math

import jittor as jt


def kaiming_normal_fan_out(weight: jt.Var) -> None:
    """Fill a weight in place as PyTorch's `kaiming_normal_(mode="fan_out")` does, gain sqrt 2."""
    fan_out = weight.shape[0] * math.prod(weight.shape[2:])
    weight.assign(jt.randn(weight.shape) * math.sqrt(2 / fan_out))
