/// HEADER
/// Vectors as wide as the machine's registers and of four; y = L x for a small L; sums of products
/// of rows.
#include <algorithm>
namespace jack {
#ifdef __AVX512F__
constexpr int W = 16;
#else
constexpr int W = 8;
#endif
typedef float vec __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
static inline vec& at(float* p) { return *(vec*)p; }
static inline const vec& at(const float* p) { return *(const vec*)p; }
static inline quad& four(float* p) { return *(quad*)p; }
static inline const quad& four(const float* p) { return *(const quad*)p; }

// y[m, :] = sum over j of L[m * lm + j * lj] * x[j, :]; rows of C floats, xs and ys apart.
static void multiply(const float* L, long lm, long lj, long M, long J, const float* x, long xs,
                     float* y, long ys, long C) {
    long c = 0;
    for (; c + 4 * W <= C; c += 4 * W)
        for (long m = 0; m < M; m++) {
            vec a = {0}, b = {0}, d = {0}, e = {0};
            for (long j = 0; j < J; j++) {
                const float l = L[m * lm + j * lj];
                const float* p = x + j * xs + c;
                a += l * at(p); b += l * at(p + W); d += l * at(p + 2 * W); e += l * at(p + 3 * W);
            }
            float* q = y + m * ys + c;
            at(q) = a; at(q + W) = b; at(q + 2 * W) = d; at(q + 3 * W) = e;
        }
    for (; c + W <= C; c += W)
        for (long m = 0; m < M; m++) {
            vec a = {0};
            for (long j = 0; j < J; j++) a += L[m * lm + j * lj] * at(x + j * xs + c);
            at(y + m * ys + c) = a;
        }
    for (; c + 4 <= C; c += 4)
        for (long m = 0; m < M; m++) {
            quad a = {0}, b = {0};  // two, so that one need not wait for the other
            for (long j = 0; j + 1 < J; j += 2) {
                a += L[m * lm + j * lj] * four(x + j * xs + c);
                b += L[m * lm + (j + 1) * lj] * four(x + (j + 1) * xs + c);
            }
            if (J % 2) a += L[m * lm + (J - 1) * lj] * four(x + (J - 1) * xs + c);
            four(y + m * ys + c) = a + b;
        }
    for (; c < C; c++)
        for (long m = 0; m < M; m++) {
            float a = 0;
            for (long j = 0; j < J; j++) a += L[m * lm + j * lj] * x[j * xs + c];
            y[m * ys + c] = a;
        }
}

static inline float total(const vec& v, const quad& q) {
    float sum = q[0] + q[1] + q[2] + q[3];
    for (int i = 0; i < W; i++) sum += v[i];
    return sum;
}

// S[m * sm + j * sj] = sum over t and c of x[t, m, c] * y[t, j, c], for m < A and j < B.
template <int A, int B>
static void dots(const float* x, long xt, long xs, const float* y, long yt, long ys, long T, long C,
                 float* S, long sm, long sj) {
    vec acc[A][B] = {};
    quad some[A][B] = {};
    float rest[A][B] = {};
    for (long t = 0; t < T; t++, x += xt, y += yt) {
        long c = 0;
        for (; c + W <= C; c += W) {
            vec p[A];
            for (int m = 0; m < A; m++) p[m] = at(x + m * xs + c);
            for (int j = 0; j < B; j++) {
                const vec q = at(y + j * ys + c);
                for (int m = 0; m < A; m++) acc[m][j] += p[m] * q;
            }
        }
        for (; c + 4 <= C; c += 4)
            for (int m = 0; m < A; m++)
                for (int j = 0; j < B; j++)
                    some[m][j] += four(x + m * xs + c) * four(y + j * ys + c);
        for (; c < C; c++)
            for (int m = 0; m < A; m++)
                for (int j = 0; j < B; j++) rest[m][j] += x[m * xs + c] * y[j * ys + c];
    }
    for (int m = 0; m < A; m++)
        for (int j = 0; j < B; j++)
            S[m * sm + j * sj] = total(acc[m][j], some[m][j]) + rest[m][j];
}

// The same for four m (or fewer, at the end) and all j.
static void dots_row(const float* x, long xt, long xs, const float* y, long yt, long ys, long T,
                     long C, float* S, long sm, long sj, long M, long J) {
    long j = 0;
    if (M == 4)
        for (; j + 2 <= J; j += 2)
            dots<4, 2>(x, xt, xs, y + j * ys, yt, ys, T, C, S + j * sj, sm, sj);
    for (; j < J; j++)
        for (long m = 0; m < M; m++)
            dots<1, 1>(x + m * xs, xt, xs, y + j * ys, yt, ys, T, C, S + m * sm + j * sj, sm, sj);
}
}

/// LEFT
/// x [N, T, J, C], L [N, M, J] -> [N, T, M, C]
    const long N = in0_shape0, T = in0_shape1, J = in0_shape2, C = in0_shape3, M = in1_shape1;
    #pragma omp parallel for
    for (long i = 0; i < N * T; i++)
        jack::multiply(in1_p + i / T * M * J, J, 1, M, J, in0_p + i * J * C, C,
                       out0_p + i * M * C, C, C);

/// PAIRS
/// x [N, T, M, C], y [N, T, J, C] -> [N, M, J]
    const long N = in0_shape0, T = in0_shape1, M = in0_shape2, C = in0_shape3, J = in1_shape2;
    const long blocks = (M + 3) / 4;
    #pragma omp parallel for
    for (long i = 0; i < N * blocks; i++) {
        const long n = i / blocks, m = i % blocks * 4;
        jack::dots_row(in0_p + (n * T * M + m) * C, M * C, C, in1_p + n * T * J * C, J * C, C, T, C,
                       out0_p + (n * M + m) * J, J, 1, std::min(4l, M - m), J);
    }

/// PRODUCTS
/// ab [N, T, V, 2, k, e] -> [N, k, V, V]
    const long N = in0_shape0, T = in0_shape1, V = in0_shape2, K = in0_shape4, E = in0_shape5;
    const long row = 2 * K * E, blocks = (V + 3) / 4;
    #pragma omp parallel for
    for (long i = 0; i < N * K * blocks; i++) {
        const long n = i / (K * blocks), k = i / blocks % K, v = i % blocks * 4;
        const float* x = in0_p + n * T * V * row + k * E;
        jack::dots_row(x + v * row, V * row, row, x + K * E, V * row, row, T, E,
                       out0_p + ((n * K + k) * V + v) * V, V, 1, std::min(4l, V - v), V);
    }

/// PRODUCTS_GRADIENT
/// d [N, k, V, V], ab -> gradient of ab
    const long N = in1_shape0, T = in1_shape1, V = in1_shape2, K = in1_shape4, E = in1_shape5;
    const long row = 2 * K * E;
    #pragma omp parallel for
    for (long i = 0; i < N * T; i++)
        for (long k = 0; k < K; k++) {
            const float* d = in0_p + (i / T * K + k) * V * V;
            const float* x = in1_p + i * V * row + k * E;
            float* y = out0_p + i * V * row + k * E;
            jack::multiply(d, V, 1, V, V, x + K * E, row, y, row, E);
            jack::multiply(d, 1, V, V, V, x, row, y + K * E, row, E);
        }
