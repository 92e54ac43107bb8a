"""3-D convolution on the CPU through oneDNN, which Jittor has and uses for 2-D only.

Three Jittor code operators (result, gradient of the input, gradient of the weight) on one short
C++ header. oneDNN chooses its own memory layout for each array; arrays that lie differently are
reordered on the way in and out, as PyTorch does it.
"""

from functools import cache

import jittor as jt

from jacklib.backend import folders
from jacklib.ops.cpu import cpp
from jacklib.ops.inputs import kernel_steps, numbered

KERNELS = cpp("onednn")


@cache
def available() -> bool:
    """Whether Jittor runs on the CPU with a oneDNN whose headers and library are in its cache."""
    folder = folders.onednn_folder()
    return (folder / "include" / "dnnl.hpp").is_file() and (folder / "lib/libmkldnn.so").is_file()


class Conv3dFunction(jt.Function):
    """Convolution without bias: x [N, C, D, H, W], weight [O, C, kD, kH, kW] -> [N, O, d, h, w]."""

    shapes, result = KERNELS.SHAPES, KERNELS.FORWARD
    input_gradient, weight_gradient = KERNELS.GRAD_INPUT, KERNELS.GRAD_WEIGHT

    def execute(self, x, weight, stride, padding):
        size = kernel_steps(x.shape[2:], weight.shape[2:], stride, padding)
        shape = [x.shape[0], weight.shape[0], *size]
        return self.convolve(x, weight, shape, numbered(s=stride, p=padding))

    def convolve(self, x, weight, shape, numbers):
        self.x, self.weight, self.numbers = x, weight, numbers
        return self.run(self.result, "in0_", "in1_", "out0_", shape, [x, weight], numbers)

    def grad(self, dy):
        x, w, numbers = self.x, self.weight, self.numbers
        dx = dw = None
        if self.input_mask[0] >= 0:  # Jittor's mark for an input that wants a gradient
            source = self.input_gradient
            dx = self.run(source, "out0_", "in1_", "in0_", x.shape, [dy, w], numbers)
        if self.input_mask[1] >= 0:
            if numbers.get("s0", 1) > 1 and numbers["p0"] > 0:
                # oneDNN 2.2 writes nonsense here (D = 3, kernel 3, stride 2, padding 1, among
                # others); with the padding laid out in x it is right.
                N, C, D, H, W = x.shape
                pad = numbers["p0"]
                x = x.reindex([N, C, D + 2 * pad, H, W], ["i0", "i1", f"i2-{pad}", "i3", "i4"])
                numbers = numbers | {"p0": 0}
            source = self.weight_gradient
            dw = self.run(source, "in0_", "out0_", "in1_", w.shape, [x, dy], numbers)
        return dx, dw

    def run(self, source, x, w, y, shape, inputs, numbers) -> jt.Var:
        """x, w and y: which of the operator's arrays they are."""
        source = self.shapes.replace("X_", x).replace("W_", w).replace("Y_", y) + source
        y = jt.code(
            shape, "float32", inputs, cpu_header=KERNELS.HEADER, cpu_src=source, data=numbers
        )
        folder = folders.onednn_folder()
        flags = f'FLAGS: -I"{folder}/include" -L"{folder}/lib" -lmkldnn -Wl,-rpath,"{folder}/lib" '
        y.compile_options = {flags: 1}
        return y


# --- over time, with channels last ----------------------------------------------------------------


def _channels_last(source: str, choose: bool = False) -> str:
    """The same operator on arrays that lie with their channels last.

    choose: let oneDNN compute in a layout of its own, which costs two copies.
    """
    for name in ("x", "y"):
        source = source.replace(f"plain(s.{name})", f"last(s.{name})")
        if not choose:
            source = source.replace(f"any(s.{name})", f"last(s.{name})")
    return source if choose else source.replace("jack::forward(s)", "jack::forward_last(s)")


class TimeConvFunction(Conv3dFunction):
    """Convolution over time: x [N, T, V, C], weight [O, C, K, 1] -> [N, ceil(T / stride), V, O].

    K is odd; the ends are padded with K // 2 zeros each.
    """

    shapes = KERNELS.TIME_SHAPES
    result, input_gradient = map(_channels_last, (KERNELS.FORWARD, KERNELS.GRAD_INPUT))
    weight_gradient = _channels_last(KERNELS.GRAD_WEIGHT, choose=True)  # here its own is faster

    def execute(self, x, weight, stride):
        N, T, V, _ = x.shape
        shape = [N, (T + stride - 1) // stride, V, weight.shape[0]]
        return self.convolve(x, weight, shape, {"stride": stride})
