"""Sum, mean and variance of all elements of an array, exact for large ones."""

import jittor as jt

from jacklib.ops.cpu import cpp

KERNELS = cpp("reduce")


class _Total(jt.Function):
    """x, minus `shift`, to the power of `power` (1 or 2): its sum, float32 [1]."""

    def execute(self, x, shift, power):
        self.x, self.shift, self.power = x, shift, power
        if jt.flags.use_cuda:
            return self.of_operators()
        shift = jt.zeros(1) if shift is None else shift
        source = KERNELS.TOTAL.replace("@POWER", str(power))
        header = "#include <algorithm>\n#include <vector>"
        return jt.code([1], "float32", [x, shift], cpu_header=header, cpu_src=source)

    def of_operators(self):
        """On a GPU: short sums of short sums."""
        each = self.x if self.shift is None else self.x - self.shift
        each = (each * each if self.power == 2 else each).reshape(-1)
        while each.numel() > 1:
            width = min(1024, each.numel())
            rows = -(-each.numel() // width)
            each = each.reindex([rows, width], [f"i0*{width}+i1"]).sum(1)
            each.stop_fuse()  # or Jittor makes one long sum of them
        return each

    def grad(self, dy):
        dy = dy.broadcast(self.x.shape)
        if self.power == 1:
            return dy, None, None
        return 2 * dy * (self.x if self.shift is None else self.x - self.shift), None, None


def total(x) -> jt.Var:
    """The sum of all elements of x, [1]: float32, or int64 of whole numbers, as in PyTorch.

    Jittor's adds float32 numbers one after another (small ones get lost beside a large sum) and
    whole numbers in their own type, which wraps.
    """
    if "float" in str(x.dtype):
        return _Total.apply(x.float32().reshape(-1), None, 1)
    return x.int64().sum()


def mean(x) -> jt.Var:
    """The mean of all elements of x, [1]. Jittor's is 0.4 % off for a picture's ones: it adds x / n
    in float32 (https://github.com/Jittor/jittor/issues/342)."""
    return total(x.float32()) / x.numel()


def variance(x, unbiased: bool = True) -> jt.Var:
    """The mean square distance of x's elements from their mean, [1]; unbiased: over n - 1, which is
    PyTorch's default. Jittor's E[x^2] - E[x]^2 loses everything where the mean is large."""
    x = x.float32().reshape(-1)
    return _Total.apply(x, mean(x).detach(), 2) / (x.numel() - bool(unbiased))
