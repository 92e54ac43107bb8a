/// MOMENTS
/// Each channel's two sums over samples and positions, N x C x L in memory. Partial sums of a row in
/// float32 (vectorised), rows in double: exact enough where E[x^2] - E[x]^2 is not.
    const long N = in0_shape0, C = in0_shape1, L = in0_shape2;
    #pragma omp parallel for
    for (long c = 0; c < C; c++) {
        double total = 0;
        for (long n = 0; n < N; n++) {
            const float* x = in0_p + (n * C + c) * L;
            float row = 0;
            #pragma omp simd reduction(+:row)
            for (long i = 0; i < L; i++) row += x[i];
            total += row;
        }
        const float mean = total / (N * L);
        double squares = 0, rest = 0;
        for (long n = 0; n < N; n++) {
            const float* x = in0_p + (n * C + c) * L;
            float row = 0, offset = 0;
            #pragma omp simd reduction(+:row,offset)
            for (long i = 0; i < L; i++) { float z = x[i] - mean; row += z * z; offset += z; }
            squares += row;
            rest += offset;
        }
        // `rest` is what rounding left out of the mean.
        const double shift = rest / (N * L);
        out0_p[c] = mean + shift;
        out1_p[c] = squares / (N * L) - shift * shift;
    }

/// GRADIENT_SUMS
    const long N = in0_shape0, C = in0_shape1, L = in0_shape2;
    #pragma omp parallel for
    for (long c = 0; c < C; c++) {
        const float mean = in2_p[c];
        double sum = 0, product = 0;
        for (long n = 0; n < N; n++) {
            const float* dy = in0_p + (n * C + c) * L;
            const float* x = in1_p + (n * C + c) * L;
            float s = 0, p = 0;
            #pragma omp simd reduction(+:s,p)
            for (long i = 0; i < L; i++) { s += dy[i]; p += dy[i] * (x[i] - mean); }
            sum += s;
            product += p;
        }
        out0_p[c] = sum;
        out1_p[c] = product;
    }

/// ROWS
/// The same where a sample has one value per channel: rows of C numbers in memory. Each thread takes
/// its share of the rows; 32 rows at a time in float32, the rest in double.
#include <omp.h>
#include <algorithm>
#include <vector>
namespace jack {
// Calls add(row, a, b) for every row and gives the sums over rows of a[C] and b[C].
template <class Add>
static void sum_rows(long N, long C, std::vector<double>& a, std::vector<double>& b, Add add) {
    const long parts = std::max(1l, std::min((long)omp_get_max_threads(), N / 64));
    std::vector<double> sums(parts * 2 * C);
    #pragma omp parallel for num_threads(parts)
    for (long part = 0; part < parts; part++) {
        double* sum = sums.data() + part * 2 * C;
        std::vector<float> block(2 * C);
        const long end = N * (part + 1) / parts;
        for (long n = N * part / parts; n < end; n += 32) {
            std::fill(block.begin(), block.end(), 0.f);
            for (long i = n; i < std::min(end, n + 32); i++) add(i, block.data(), &block[C]);
            for (long c = 0; c < 2 * C; c++) sum[c] += block[c];
        }
    }
    a.assign(C, 0);
    b.assign(C, 0);
    for (long part = 0; part < parts; part++)
        for (long c = 0; c < C; c++) {
            a[c] += sums[part * 2 * C + c];
            b[c] += sums[(part * 2 + 1) * C + c];
        }
}
}

/// MOMENTS_OF_ROWS
    const long N = in0_shape0, C = in0_shape1;
    const float* x = in0_p;
    std::vector<double> total, rest, squares;
    jack::sum_rows(N, C, total, rest, [&](long n, float* a, float* b) {
        for (long c = 0; c < C; c++) a[c] += x[n * C + c];
    });
    std::vector<float> mean(C);
    for (long c = 0; c < C; c++) mean[c] = total[c] / N;
    jack::sum_rows(N, C, squares, rest, [&](long n, float* a, float* b) {
        #pragma omp simd
        for (long c = 0; c < C; c++) {
            const float z = x[n * C + c] - mean[c];
            a[c] += z * z;
            b[c] += z;
        }
    });
    for (long c = 0; c < C; c++) {
        const double shift = rest[c] / N;
        out0_p[c] = mean[c] + shift;
        out1_p[c] = squares[c] / N - shift * shift;
    }

/// GRADIENT_SUMS_OF_ROWS
    const long N = in0_shape0, C = in0_shape1;
    const float *dy = in0_p, *x = in1_p, *mean = in2_p;
    std::vector<double> sum, product;
    jack::sum_rows(N, C, sum, product, [&](long n, float* a, float* b) {
        #pragma omp simd
        for (long c = 0; c < C; c++) {
            const float d = dy[n * C + c];
            a[c] += d;
            b[c] += d * (x[n * C + c] - mean[c]);
        }
    });
    for (long c = 0; c < C; c++) { out0_p[c] = sum[c]; out1_p[c] = product[c]; }
