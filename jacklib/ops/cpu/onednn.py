"""3-D convolution on the CPU through oneDNN, which Jittor has and uses for 2-D only.

Three Jittor code operators (result, gradient of the input, gradient of the weight) on one short
C++ header. oneDNN chooses its own memory layout for each array; arrays that lie differently are
reordered on the way in and out, as PyTorch does it.
"""

from functools import cache

import jittor as jt

from jacklib.backend import folders
from jacklib.ops.inputs import kernel_steps, numbered

_HEADER = r"""
#include <dnnl.hpp>
namespace jack {
using dnnl::memory;
using Convolution = dnnl::convolution_forward;

static dnnl::engine& engine() { static dnnl::engine e(dnnl::engine::kind::cpu, 0); return e; }
static dnnl::stream& stream() { static dnnl::stream s(engine()); return s; }

static memory::desc plain(const memory::dims& dims) {  // row-major, as Jittor stores it
    auto tag = memory::format_tag::abcde;
    return memory::desc(dims, memory::data_type::f32, tag);
}
static memory::desc any(const memory::dims& dims) {  // oneDNN chooses
    return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
}
static memory::desc last(const memory::dims& dims) {  // channels last
    return memory::desc(dims, memory::data_type::f32, memory::format_tag::acdeb);
}
static memory input(const memory::desc& stored, const float* data, const memory::desc& wanted) {
    memory from(stored, engine(), (void*)data);
    if (wanted == from.get_desc()) return from;
    memory to(wanted, engine());
    dnnl::reorder(from, to).execute(stream(), from, to);
    return to;
}
static memory output(const memory::desc& stored, float* data, const memory::desc& chosen) {
    return chosen == stored ? memory(chosen, engine(), data) : memory(chosen, engine());
}
static void deliver(const memory::desc& stored, float* data, memory& made) {
    if (made.get_data_handle() != (void*)data) {
        memory to(stored, engine(), data);
        dnnl::reorder(made, to).execute(stream(), made, to);
    }
    stream().wait();
}
struct Shapes { memory::dims x, w, y, stride, pad, pad_end; };
static Convolution::primitive_desc forward(const Shapes& s) {
    return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
             any(s.x), any(s.w), any(s.y), s.stride, s.pad, s.pad_end}, engine()};
}
static Convolution::primitive_desc forward_last(const Shapes& s) {
    return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
             last(s.x), any(s.w), last(s.y), s.stride, s.pad, s.pad_end}, engine()};
}
}
"""

# x, w and y are the shapes' operands; the two sets of three numbers travel as `data`, so that one
# compiled operator serves every stride and padding.
_SHAPES = r"""
    jack::Shapes s;
    s.x = {X_shape0, X_shape1, X_shape2, X_shape3, X_shape4};
    s.w = {W_shape0, W_shape1, W_shape2, W_shape3, W_shape4};
    s.y = {Y_shape0, Y_shape1, Y_shape2, Y_shape3, Y_shape4};
    s.stride = {(long)data["s0"], (long)data["s1"], (long)data["s2"]};
    s.pad = {(long)data["p0"], (long)data["p1"], (long)data["p2"]};
    // What the last window really reaches, which may be less than what was asked for.
    s.pad_end.resize(3);
    for (int i = 0; i < 3; i++)
        s.pad_end[i] = (s.y[i+2] - 1) * s.stride[i] + s.w[i+2] - s.x[i+2] - s.pad[i];
"""

_FORWARD = r"""
    auto pd = jack::forward(s);
    auto x = jack::input(jack::plain(s.x), in0_p, pd.src_desc());
    auto w = jack::input(jack::plain(s.w), in1_p, pd.weights_desc());
    auto y = jack::output(jack::plain(s.y), out0_p, pd.dst_desc());
    dnnl::convolution_forward(pd).execute(jack::stream(),
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
    jack::deliver(jack::plain(s.y), out0_p, y);
"""

_GRAD_INPUT = r"""
    dnnl::convolution_backward_data::primitive_desc pd({dnnl::algorithm::convolution_direct,
        jack::any(s.x), jack::any(s.w), jack::any(s.y), s.stride, s.pad, s.pad_end},
        jack::engine(), jack::forward(s));
    auto dy = jack::input(jack::plain(s.y), in0_p, pd.diff_dst_desc());
    auto w = jack::input(jack::plain(s.w), in1_p, pd.weights_desc());
    auto dx = jack::output(jack::plain(s.x), out0_p, pd.diff_src_desc());
    dnnl::convolution_backward_data(pd).execute(jack::stream(),
        {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_SRC, dx}});
    jack::deliver(jack::plain(s.x), out0_p, dx);
"""

_GRAD_WEIGHT = r"""
    dnnl::convolution_backward_weights::primitive_desc pd({dnnl::algorithm::convolution_direct,
        jack::any(s.x), jack::any(s.w), jack::any(s.y), s.stride, s.pad, s.pad_end},
        jack::engine(), jack::forward(s));
    auto x = jack::input(jack::plain(s.x), in0_p, pd.src_desc());
    auto dy = jack::input(jack::plain(s.y), in1_p, pd.diff_dst_desc());
    auto dw = jack::output(jack::plain(s.w), out0_p, pd.diff_weights_desc());
    dnnl::convolution_backward_weights(pd).execute(jack::stream(),
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_WEIGHTS, dw}});
    jack::deliver(jack::plain(s.w), out0_p, dw);
"""


@cache
def available() -> bool:
    """Whether Jittor runs on the CPU with a oneDNN whose headers and library are in its cache."""
    folder = folders.onednn_folder()
    return (folder / "include" / "dnnl.hpp").is_file() and (folder / "lib/libmkldnn.so").is_file()


class Conv3dFunction(jt.Function):
    """Convolution without bias: x [N, C, D, H, W], weight [O, C, kD, kH, kW] -> [N, O, d, h, w]."""

    shapes = _SHAPES
    result, input_gradient, weight_gradient = _FORWARD, _GRAD_INPUT, _GRAD_WEIGHT

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
        y = jt.code(shape, "float32", inputs, cpu_header=_HEADER, cpu_src=source, data=numbers)
        folder = folders.onednn_folder()
        flags = f'FLAGS: -I"{folder}/include" -L"{folder}/lib" -lmkldnn -Wl,-rpath,"{folder}/lib" '
        y.compile_options = {flags: 1}
        return y


# --- over time, with channels last ----------------------------------------------------------------

# Arrays [N, T, V, C] and weights [O, C, K, 1], to oneDNN [N, C, 1, T, V] and [O, C, 1, K, 1].
_TIME_SHAPES = r"""
    jack::Shapes s;
    s.x = {X_shape0, X_shape3, 1, X_shape1, X_shape2};
    s.w = {W_shape0, W_shape1, 1, W_shape2, 1};
    s.y = {Y_shape0, Y_shape3, 1, Y_shape1, Y_shape2};
    s.stride = {1, (long)data["stride"], 1};
    s.pad = {0, (long)W_shape2 / 2, 0};
    s.pad_end = {0, (s.y[3] - 1) * s.stride[1] + s.w[3] - s.x[3] - s.pad[1], 0};
"""


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

    shapes = _TIME_SHAPES
    result, input_gradient = map(_channels_last, (_FORWARD, _GRAD_INPUT))
    weight_gradient = _channels_last(_GRAD_WEIGHT, choose=True)  # here its own is faster

    def execute(self, x, weight, stride):
        N, T, V, _ = x.shape
        shape = [N, (T + stride - 1) // stride, V, weight.shape[0]]
        return self.convolve(x, weight, shape, {"stride": stride})
