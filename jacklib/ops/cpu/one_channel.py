"""2-D convolution of maps with one channel on the CPU: the first layer of networks that see sound.

oneDNN 2.2 cuts channels into blocks of 8 or 16; with one channel most of each block is padding,
and the gradient of a 7 x 7 kernel takes several times as long as PyTorch's. Here a register holds
places of a row: the input is laid out once so that the places which one tap of the kernel sees lie
side by side (`split`), whatever the stride.
"""

import jittor as jt

from jacklib.ops.cpu import cpp
from jacklib.ops.inputs import kernel_steps

KERNELS = cpp("one_channel")


class OneChannelConv(jt.Function):
    """x [N, 1, H, W], weight [O, 1, kH, kW], bias [O] -> [N, O, h, w]."""

    def execute(self, x, weight, bias, stride, padding):
        self.x, self.weight, self.stride, self.padding = x, weight, stride, padding
        N, _, H, W = x.shape
        outs, _, kH, kW = weight.shape
        y = [N, outs, *kernel_steps((H, W), (kH, kW), stride, padding)]
        return self.run(
            KERNELS.FORWARD, [y], x.reshape(N, H, W), weight.reshape(outs, kH * kW), bias
        )[0]

    def grad(self, dy):
        outs, _, kH, kW = self.weight.shape
        N, _, H, W = self.x.shape
        shapes = [outs, kH * kW], [outs]
        dw, dbias = self.run(KERNELS.WEIGHT_GRADIENT, shapes, self.x.reshape(N, H, W), dy)
        # Jittor's mark for an input that wants a gradient; a first layer's is data.
        dx = self.input_gradient(dy) if self.input_mask[0] >= 0 else None
        return dx, dw.reshape(self.weight.shape), dbias, None, None

    def input_gradient(self, dy):
        (sH, sW), (pH, pW) = self.stride, self.padding
        N, outs, h, w = dy.shape
        _, _, kH, kW = self.weight.shape
        shape = [N, outs, h, w, kH, kW]
        dy = dy.reshape(N, outs, h, w, 1, 1).broadcast(shape)
        weight = self.weight.reshape(1, outs, 1, 1, kH, kW).broadcast(shape)
        places = ["i0", "0", f"i2*{sH}+i4-{pH}", f"i3*{sW}+i5-{pW}"]
        return (dy * weight).reindex_reduce("add", list(self.x.shape), places)

    def run(self, source, shapes, *inputs):
        numbers = (*self.weight.shape[2:], *self.stride, *self.padding)
        for name, number in zip(("KH", "KW", "SH", "SW", "PH", "PW"), numbers, strict=True):
            source = source.replace(f"@{name}", str(number))
        types = ["float32"] * len(shapes)
        return jt.code(list(shapes), types, list(inputs), cpu_header=KERNELS.HEADER, cpu_src=source)
