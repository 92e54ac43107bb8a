"""Batch normalisation."""

from collections.abc import Sequence

import jittor as jt

from jacklib.errors import refuse_as
from jacklib.ops.cpu import cpp

KERNELS = cpp("batch_norm")


def _sums(source: str, source_of_rows: str, *inputs: jt.Var) -> list[jt.Var]:
    """Two values per channel from maps [N, C, L], on the CPU."""
    C, L = inputs[0].shape[1:]
    header, source = (KERNELS.ROWS, source_of_rows) if L == 1 else ("", source)
    return jt.code([[C], [C]], ["float32"] * 2, list(inputs), cpu_header=header, cpu_src=source)


def _moments(x: jt.Var) -> Sequence[jt.Var]:
    """Mean and biased variance of each channel of x [N, C, L]."""
    if not jt.flags.use_cuda:
        return _sums(KERNELS.MOMENTS, KERNELS.MOMENTS_OF_ROWS, x)
    mean = x.mean((0, 2))
    return mean, (x - _per_channel(mean)).sqr().mean((0, 2))


def _per_channel(values: jt.Var) -> jt.Var:
    return values.reshape(1, -1, 1)


def _scale(x: jt.Var, mean: jt.Var, slope: jt.Var, bias: jt.Var) -> jt.Var:
    return (x - _per_channel(mean)) * _per_channel(slope) + _per_channel(bias)


class _NormalizeBatch(jt.Function):
    """x [N, C, L] -> (x - mean) / sqrt(var + eps) * weight + bias, with the batch's own moments.

    count: how many values a channel has in all processes; None where this one has the whole batch.
    """

    def execute(self, x, weight, bias, eps, mean, var, count):
        self.x, self.weight, self.mean, self.count = x, weight, mean, count
        self.inverse = 1 / (var + eps).sqrt()  # [C]
        return _scale(x, mean, self.inverse * weight, bias)

    def grad(self, dy):
        x = self.x
        N, C, L = x.shape
        if jt.flags.use_cuda:
            sum_dy, product = dy.sum((0, 2)), (dy * (x - _per_channel(self.mean))).sum((0, 2))
        else:
            sources = KERNELS.GRADIENT_SUMS, KERNELS.GRADIENT_SUMS_OF_ROWS
            sum_dy, product = _sums(*sources, dy, x, self.mean)
        if self.input_mask[0] < 0:  # the input wants no gradient
            return None, product * self.inverse, sum_dy, None, None, None, None
        gradients = product * self.inverse, sum_dy  # of weight and bias: this process's own part
        count = N * L if self.count is None else self.count
        if self.count is not None:
            sums = jt.concat([sum_dy, product]).mpi_all_reduce("add")
            sum_dy, product = sums[:C], sums[C:]
        slope = _per_channel(product * self.inverse * self.inverse / count)
        centred = dy - _per_channel(sum_dy / count) - (x - _per_channel(self.mean)) * slope
        dx = centred * _per_channel(self.inverse * self.weight)
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


class BatchNorm(jt.nn.Module):
    """Batch normalisation of [N, C] or [N, C, ...] (PyTorch's BatchNorm1d, 2d and 3d alike).

    Jittor's differs: its `running_var` collects the biased variance. Running statistics are state,
    not parameters: they take no gradient. With `synchronised` (see
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
        shape, channels = list(x.shape), self.num_features
        refuse_as("other channels", shape[1:2] != [channels], "x", shape=shape, channels=channels)
        x = x.reshape(shape[0], shape[1], -1)  # [N, C, L]
        if not self.is_train:
            slope = self.weight / (self.running_var + self.eps).sqrt()
            return _scale(x, self.running_mean, slope, self.bias).reshape(shape)
        count = x.shape[0] * x.shape[2]
        refuse_as("one value per channel", count < 2 and not self.synchronised, "x", shape=shape)
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
