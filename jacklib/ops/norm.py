"""Batch normalisation."""

from __future__ import annotations

import jittor as jt

from jacklib.ops.cpu.batch_norm import (
    GRADIENT_SUMS,
    GRADIENT_SUMS_OF_ROWS,
    MOMENTS,
    MOMENTS_OF_ROWS,
    ROWS,
)


def _sums(source: str, source_of_rows: str, C: int, inputs: list[jt.Var]) -> list[jt.Var]:
    """Two values per channel from maps [N, C, L], on the CPU."""
    if inputs[0].shape[2] == 1:
        return jt.code([[C], [C]], ["float32"] * 2, inputs, cpu_header=ROWS, cpu_src=source_of_rows)
    return jt.code([[C], [C]], ["float32"] * 2, inputs, cpu_src=source)


def _moments(x: jt.Var) -> tuple[jt.Var, jt.Var]:
    """Mean and biased variance of each channel of x [N, C, L]."""
    C = x.shape[1]
    if not jt.flags.use_cuda:
        mean, var = _sums(MOMENTS, MOMENTS_OF_ROWS, C, [x])
        return mean, var
    mean = x.mean((0, 2))
    return mean, (x - mean.reshape(1, C, 1)).sqr().mean((0, 2))


def _gradient_sums(dy: jt.Var, x: jt.Var, mean: jt.Var) -> tuple[jt.Var, jt.Var]:
    """Each channel's sum of dy and of dy * (x - mean)."""
    C = x.shape[1]
    if not jt.flags.use_cuda:
        first, second = _sums(GRADIENT_SUMS, GRADIENT_SUMS_OF_ROWS, C, [dy, x, mean])
        return first, second
    return dy.sum((0, 2)), (dy * (x - mean.reshape(1, C, 1))).sum((0, 2))


class _NormalizeBatch(jt.Function):
    """x [N, C, L] -> (x - mean) / sqrt(var + eps) * weight + bias, with the batch's own moments.

    count: how many values a channel has in all processes; None where this one has the whole batch.
    """

    def execute(self, x, weight, bias, eps, mean, var, count):
        self.x, self.weight, self.mean, self.count = x, weight, mean, count
        self.inverse = 1 / (var + eps).sqrt()  # [C]
        return _scale(x, mean, self.inverse * weight, bias)

    def grad(self, dy):
        x, C = self.x, self.x.shape[1]
        count = x.shape[0] * x.shape[2]
        sum_dy, product = _gradient_sums(dy, x, self.mean)
        if self.input_mask[0] < 0:  # the input wants no gradient
            return None, product * self.inverse, sum_dy, None, None, None, None
        gradients = product * self.inverse, sum_dy  # of weight and bias: this process's own part
        if self.count is not None:
            count = self.count
            sums = jt.concat([sum_dy, product]).mpi_all_reduce("add")
            sum_dy, product = sums[:C], sums[C:]
        slope = (product * self.inverse * self.inverse / count).reshape(1, C, 1)
        centred = dy - (sum_dy / count).reshape(1, C, 1) - (x - self.mean.reshape(1, C, 1)) * slope
        dx = centred * (self.inverse * self.weight).reshape(1, C, 1)
        return dx, *gradients, None, None, None, None


def _moments_of_all(x: jt.Var) -> tuple[jt.Var, jt.Var, jt.Var]:
    """Mean and biased variance of each channel over all processes, and the number of values [1]."""
    mean, var = _moments(x)
    own = float(x.shape[0] * x.shape[2])
    sums = jt.concat([mean * own, jt.array([own])]).mpi_all_reduce("add")
    count = sums[-1:]
    mean_of_all = sums[:-1] / count
    # Chan, Golub and LeVeque's rule for joining variances: no difference of large squares.
    squares = own * (var + (mean - mean_of_all).sqr())
    return mean_of_all, squares.mpi_all_reduce("add") / count, count


def _scale(x: jt.Var, mean: jt.Var, slope: jt.Var, bias: jt.Var) -> jt.Var:
    C = x.shape[1]
    return (x - mean.reshape(1, C, 1)) * slope.reshape(1, C, 1) + bias.reshape(1, C, 1)


class BatchNorm(jt.nn.Module):
    """Batch normalisation of [N, C] or [N, C, ...] (PyTorch's BatchNorm1d, 2d and 3d alike).

    `running_var` collects the unbiased variance, which Jittor's own layer does not. Running
    statistics are state, not parameters: they take no gradient. With `synchronised` (see
    `parallel.synchronise_batch_norm`) the moments are those of all processes' samples.

    Raises ValueError in training mode if a channel has a single value.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = jt.ones(num_features)
        self.bias = jt.zeros(num_features)
        self.running_mean = jt.zeros(num_features).stop_grad()
        self.running_var = jt.ones(num_features).stop_grad()
        self.is_train, self.synchronised = True, False

    def execute(self, x):
        if len(x.shape) < 2 or x.shape[1] != self.num_features:
            raise ValueError(
                f"x: found shape {list(x.shape)}, wanted [N, {self.num_features}, ...]."
            )
        shape = x.shape
        x = x.reshape(shape[0], shape[1], -1)  # [N, C, L]
        if not self.is_train:
            slope = self.weight / (self.running_var + self.eps).sqrt()
            return _scale(x, self.running_mean, slope, self.bias).reshape(shape)
        count = x.shape[0] * x.shape[2]
        if count < 2 and not self.synchronised:
            raise ValueError(
                f"x: found shape {list(shape)}, one value per channel, wanted two or more in "
                "training mode. Use a larger batch, or drop a last batch of one."
            )
        with jt.no_grad():
            if self.synchronised:
                mean, var, count = _moments_of_all(x)
            else:
                mean, var = _moments(x)
            new_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            unbiased = var * (count / (count - 1))
            new_var = self.running_var + self.momentum * (unbiased - self.running_var)
        self.running_mean.update(new_mean)
        self.running_var.update(new_var)
        y = _NormalizeBatch.apply(x, self.weight, self.bias, self.eps, mean, var,
            count if self.synchronised else None)  # fmt: skip
        return y.reshape(shape)
