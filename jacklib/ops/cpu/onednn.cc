/// HEADER
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

/// SHAPES
/// x, w and y are the shapes' operands; the two sets of three numbers travel as `data`, so that one
/// compiled operator serves every stride and padding.
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

/// FORWARD
    auto pd = jack::forward(s);
    auto x = jack::input(jack::plain(s.x), in0_p, pd.src_desc());
    auto w = jack::input(jack::plain(s.w), in1_p, pd.weights_desc());
    auto y = jack::output(jack::plain(s.y), out0_p, pd.dst_desc());
    dnnl::convolution_forward(pd).execute(jack::stream(),
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
    jack::deliver(jack::plain(s.y), out0_p, y);

/// GRAD_INPUT
    dnnl::convolution_backward_data::primitive_desc pd({dnnl::algorithm::convolution_direct,
        jack::any(s.x), jack::any(s.w), jack::any(s.y), s.stride, s.pad, s.pad_end},
        jack::engine(), jack::forward(s));
    auto dy = jack::input(jack::plain(s.y), in0_p, pd.diff_dst_desc());
    auto w = jack::input(jack::plain(s.w), in1_p, pd.weights_desc());
    auto dx = jack::output(jack::plain(s.x), out0_p, pd.diff_src_desc());
    dnnl::convolution_backward_data(pd).execute(jack::stream(),
        {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_SRC, dx}});
    jack::deliver(jack::plain(s.x), out0_p, dx);

/// GRAD_WEIGHT
    dnnl::convolution_backward_weights::primitive_desc pd({dnnl::algorithm::convolution_direct,
        jack::any(s.x), jack::any(s.w), jack::any(s.y), s.stride, s.pad, s.pad_end},
        jack::engine(), jack::forward(s));
    auto x = jack::input(jack::plain(s.x), in0_p, pd.src_desc());
    auto dy = jack::input(jack::plain(s.y), in1_p, pd.diff_dst_desc());
    auto dw = jack::output(jack::plain(s.w), out0_p, pd.diff_weights_desc());
    dnnl::convolution_backward_weights(pd).execute(jack::stream(),
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_WEIGHTS, dw}});
    jack::deliver(jack::plain(s.w), out0_p, dw);

/// TIME_SHAPES
/// Arrays [N, T, V, C] and weights [O, C, K, 1], to oneDNN [N, C, 1, T, V] and [O, C, 1, K, 1].
    jack::Shapes s;
    s.x = {X_shape0, X_shape3, 1, X_shape1, X_shape2};
    s.w = {W_shape0, W_shape1, 1, W_shape2, 1};
    s.y = {Y_shape0, Y_shape3, 1, Y_shape1, Y_shape2};
    s.stride = {1, (long)data["stride"], 1};
    s.pad = {0, (long)W_shape2 / 2, 0};
    s.pad_end = {0, (s.y[3] - 1) * s.stride[1] + s.w[3] - s.x[3] - s.pad[1], 0};
