"""What each output of a 1-D convolution sees, side by side, on the CPU.

A convolution is then one matrix product. Jittor's `reindex` does the same, and its gradient the
reverse, number by number with a question at each; here whole rows are copied and added.
"""

import jittor as jt

# Row c*K + k of the wide array is row c of the narrow one from k - padding on, in steps of stride;
# begin to end are the results for which tap k lies inside the narrow row.
_ROWS = r"""
    const long K = data["K"], stride = data["stride"], padding = data["padding"];
    const long rows = @NARROW_shape0 * @NARROW_shape1, n = @NARROW_shape2, L = @WIDE_shape2;
    #pragma omp parallel for if (rows * K * L > 200000)  // below, waking a thread takes longer
    for (long row = 0; row < rows; row++) {
        @NARROW_type* narrow = @NARROW_p + row * n;
        @FIRST
        for (long k = 0; k < K; k++) {
            @WIDE_type* wide = @WIDE_p + (row * K + k) * L;
            const long start = k - padding, room = n - start;
            const long end = room <= 0 ? 0 : std::min(L, (room - 1) / stride + 1);
            const long begin = start >= 0 ? 0 : std::min(end, (-start + stride - 1) / stride);
            @EACH
        }
    }
"""
_UNFOLD = """
            std::fill(wide, wide + begin, 0.f);
            if (stride == 1) std::copy(narrow + start + begin, narrow + start + end, wide + begin);
            else for (long i = begin; i < end; i++) wide[i] = narrow[start + i * stride];
            std::fill(wide + end, wide + L, 0.f);
"""
_FOLD = """
            if (stride == 1) for (long i = begin; i < end; i++) narrow[start + i] += wide[i];
            else for (long i = begin; i < end; i++) narrow[start + i * stride] += wide[i];
"""


class Unfold(jt.Function):
    """x [N, C, n] -> [N, C*K, L], 0 beyond the ends of x."""

    def execute(self, x, K, stride, padding):
        self.shape = N, C, n = x.shape
        self.numbers = {"K": K, "stride": stride, "padding": padding}
        L = (n + 2 * padding - K) // stride + 1
        return self.run([N, C * K, L], x, narrow="in0", wide="out0", first="", each=_UNFOLD)

    def grad(self, dy):
        first = "std::fill(narrow, narrow + n, 0.f);"
        dx = self.run(self.shape, dy, narrow="out0", wide="in0", first=first, each=_FOLD)
        return dx, None, None, None

    def run(self, shape, array, narrow, wide, first, each):
        source = _ROWS.replace("@FIRST", first).replace("@EACH", each)
        source = source.replace("@NARROW", narrow).replace("@WIDE", wide)
        return jt.code(shape, "float32", [array], cpu_header="#include <algorithm>",
                       cpu_src=source, data=self.numbers)  # fmt: skip
