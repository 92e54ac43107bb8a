"""What each output of a 1-D convolution sees, side by side, on the CPU.

A convolution is then one matrix product. Jittor's `reindex` does the same, and its gradient the
reverse, number by number with a question at each; here whole rows are copied and added.
"""

import jittor as jt

from jacklib.ops.cpu import cpp

KERNELS = cpp("unfold")


class Unfold(jt.Function):
    """x [N, C, n] -> [N, C*K, L], 0 beyond the ends of x."""

    def execute(self, x, K, stride, padding):
        self.shape = N, C, n = x.shape
        self.numbers = {"K": K, "stride": stride, "padding": padding}
        L = (n + 2 * padding - K) // stride + 1
        return self.run([N, C * K, L], x, narrow="in0", wide="out0", first="", each=KERNELS.UNFOLD)

    def grad(self, dy):
        first = "std::fill(narrow, narrow + n, 0.f);"
        dx = self.run(self.shape, dy, narrow="out0", wide="in0", first=first, each=KERNELS.FOLD)
        return dx, None, None, None

    def run(self, shape, array, narrow, wide, first, each):
        source = KERNELS.ROWS.replace("@FIRST", first).replace("@EACH", each)
        source = source.replace("@NARROW", narrow).replace("@WIDE", wide)
        return jt.code(shape, "float32", [array], cpu_header="#include <algorithm>",
                       cpu_src=source, data=self.numbers)  # fmt: skip
