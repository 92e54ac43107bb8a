/// HEADER
/// Registers of 16 or 8 numbers. OB output channels share each piece of input that is loaded.
#include <algorithm>
#include <vector>
namespace jack {
#ifdef __AVX512F__
constexpr int VEC = 16;
#else
constexpr int VEC = 8;
#endif
typedef float wide __attribute__((vector_size(VEC * 4), aligned(4), may_alias));
static inline wide load(const float* p) { return *(const wide*)p; }

// One map [H, W] with zeros around it, its columns sorted by their number modulo SW:
// xs[row][column % SW][column / SW], R columns each.
template <int SW>
static void split(const float* x, long H, long W, long PH, long PW, long R, float* xs) {
    for (long i = 0; i < H; i++)
        for (long j = 0; j < W; j++)
            xs[((i + PH) * SW + (j + PW) % SW) * R + (j + PW) / SW] = x[i * W + j];
}

// y[o, i, j] = bias[o] + sum over a, b of w[o, a, b] * x[i * SH + a, j * SW + b], OB channels.
template <int OB, int KH, int KW, int SH, int SW>
static void forward(const float* xs, long R, const float* w, const float* bias, long h, long width,
                    float* y) {
    for (long i = 0; i < h; i++)
        for (long j = 0; j < width; j += VEC) {
            wide sum[OB];
            for (int o = 0; o < OB; o++) sum[o] = wide{} + bias[o];
            for (int a = 0; a < KH; a++)
                for (int b = 0; b < KW; b++) {
                    const wide x = load(xs + ((i * SH + a) * SW + b % SW) * R + b / SW + j);
                    for (int o = 0; o < OB; o++) sum[o] += w[(o * KH + a) * KW + b] * x;
                }
            const long n = std::min<long>(VEC, width - j);
            for (int o = 0; o < OB; o++)
                for (long k = 0; k < n; k++) y[(o * h + i) * width + j + k] = sum[o][k];
        }
}

// dw[o, a, b] = sum over i, j of dy[o, i, j] * x[i * SH + a, j * SW + b], and dbias[o] the sum of
// dy[o]; dy's rows are Q long, zero from `width` on.
template <int OB, int KH, int KW, int SH, int SW>
static void weight_gradient(const float* xs, long R, const float* dy, long h, long width, long Q,
                            float* dw, float* dbias) {
    for (int o = 0; o < OB; o++) {
        wide sum = {};
        for (long i = 0; i < h * Q; i += VEC) sum += load(dy + o * h * Q + i);
        dbias[o] = 0;
        for (int k = 0; k < VEC; k++) dbias[o] += sum[k];
    }
    for (int a = 0; a < KH; a++) {
        wide sum[OB][KW] = {};
        for (long i = 0; i < h; i++)
            for (long j = 0; j < width; j += VEC) {
                wide d[OB];
                for (int o = 0; o < OB; o++) d[o] = load(dy + (o * h + i) * Q + j);
                for (int b = 0; b < KW; b++) {
                    const wide x = load(xs + ((i * SH + a) * SW + b % SW) * R + b / SW + j);
                    for (int o = 0; o < OB; o++) sum[o][b] += d[o] * x;
                }
            }
        for (int o = 0; o < OB; o++)
            for (int b = 0; b < KW; b++) {
                float total = 0;
                for (int k = 0; k < VEC; k++) total += sum[o][b][k];
                dw[(o * KH + a) * KW + b] = total;
            }
    }
}
}

/// FORWARD
/// in0 [N, H, W], in1 [O, KH*KW], in2 [O] -> [N, O, h, w]
    const long N = in0_shape0, H = in0_shape1, W = in0_shape2, O = in1_shape0;
    const long h = out0_shape2, width = out0_shape3;
    constexpr int KH = @KH, KW = @KW, SH = @SH, SW = @SW, PH = @PH, PW = @PW;
    const long R = (W + 2 * PW + SW - 1) / SW + jack::VEC + KW;
    #pragma omp parallel
    {
        std::vector<float> xs((H + 2 * PH) * SW * R, 0.f);
        #pragma omp for
        for (long n = 0; n < N; n++) {
            jack::split<SW>(in0_p + n * H * W, H, W, PH, PW, R, xs.data());
            long o = 0;
            for (; o + 8 <= O; o += 8)
                jack::forward<8, KH, KW, SH, SW>(xs.data(), R, in1_p + o * KH * KW, in2_p + o, h,
                                                 width, out0_p + (n * O + o) * h * width);
            for (; o < O; o++)
                jack::forward<1, KH, KW, SH, SW>(xs.data(), R, in1_p + o * KH * KW, in2_p + o, h,
                                                 width, out0_p + (n * O + o) * h * width);
        }
    }

/// WEIGHT_GRADIENT
/// in0 [N, H, W], in1 dy [N, O, h, w] -> [O, KH*KW], [O]; samples are added in their order, so that
/// the number of threads changes nothing.
    const long N = in0_shape0, H = in0_shape1, W = in0_shape2, O = in1_shape1;
    const long h = in1_shape2, width = in1_shape3;
    constexpr int KH = @KH, KW = @KW, SH = @SH, SW = @SW, PH = @PH, PW = @PW;
    const long R = (W + 2 * PW + SW - 1) / SW + jack::VEC + KW;
    const long Q = (width + jack::VEC - 1) / jack::VEC * jack::VEC;
    std::vector<float> each(N * O * KH * KW), each_bias(N * O);
    #pragma omp parallel
    {
        std::vector<float> xs((H + 2 * PH) * SW * R, 0.f), dy(O * h * Q, 0.f);
        #pragma omp for
        for (long n = 0; n < N; n++) {
            jack::split<SW>(in0_p + n * H * W, H, W, PH, PW, R, xs.data());
            for (long i = 0; i < O * h; i++)
                std::copy_n(in1_p + (n * O * h + i) * width, width, dy.data() + i * Q);
            float* dw = each.data() + n * O * KH * KW;
            long o = 0;
            for (; o + 2 <= O; o += 2)
                jack::weight_gradient<2, KH, KW, SH, SW>(xs.data(), R, dy.data() + o * h * Q, h,
                                                         width, Q, dw + o * KH * KW,
                                                         each_bias.data() + n * O + o);
            for (; o < O; o++)
                jack::weight_gradient<1, KH, KW, SH, SW>(xs.data(), R, dy.data() + o * h * Q, h,
                                                         width, Q, dw + o * KH * KW,
                                                         each_bias.data() + n * O + o);
        }
        #pragma omp for
        for (long k = 0; k < O * KH * KW; k++) {
            double total = 0;
            for (long n = 0; n < N; n++) total += each[n * O * KH * KW + k];
            out0_p[k] = total;
        }
        #pragma omp for
        for (long o = 0; o < O; o++) {
            double total = 0;
            for (long n = 0; n < N; n++) total += each_bias[n * O + o];
            out1_p[o] = total;
        }
    }
