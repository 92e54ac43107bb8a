/// MAX_POOL
    const long D = in0_shape1, H = in0_shape2, W = in0_shape3;
    const long d = out0_shape1, h = out0_shape2, w = out0_shape3;
    const long k0 = data["k0"], k1 = data["k1"], k2 = data["k2"];
    const long s0 = data["s0"], s1 = data["s1"], s2 = data["s2"];
    const long p0 = data["p0"], p1 = data["p1"], p2 = data["p2"];
    #pragma omp parallel for
    for (long n = 0; n < in0_shape0; n++) {
        const float* x = in0_p + n * D * H * W;
        for (long i = 0; i < d; i++)
        for (long j = 0; j < h; j++) {
            // A whole row of results at once, one tap of the window after the other.
            float* best = out0_p + ((n * d + i) * h + j) * w;
            int* where = out1_p + ((n * d + i) * h + j) * w;
            for (long k = 0; k < w; k++) { best[k] = -INFINITY; where[k] = -1; }
            for (long a = std::max(0l, i * s0 - p0); a < std::min(D, i * s0 - p0 + k0); a++)
            for (long b = std::max(0l, j * s1 - p1); b < std::min(H, j * s1 - p1 + k1); b++)
            for (long c = 0; c < k2; c++) {
                const long first = (a * H + b) * W + c - p2;  // this tap of result 0
                const long begin = c < p2 ? (p2 - c + s2 - 1) / s2 : 0;
                const long end = std::min(w, (W - 1 + p2 - c + s2) / s2);
                #pragma omp simd
                for (long k = begin; k < end; k++) {
                    const float value = x[first + k * s2];
                    // The first of equal values gets the gradient, as in PyTorch. A NaN may get
                    // lost: Jittor compiles with fast math. Training looks at the gradients.
                    const bool take = (where[k] < 0) | (value > best[k]);
                    best[k] = take ? value : best[k];
                    where[k] = take ? int(first + k * s2) : where[k];
                }
            }
        }
    }

/// MAX_POOL_GRADIENT
    const long inside = out0_shape1, results = in0_shape1;
    #pragma omp parallel for
    for (long n = 0; n < out0_shape0; n++) {
        float* dx = out0_p + n * inside;
        std::fill(dx, dx + inside, 0.0f);
        for (long i = 0; i < results; i++) dx[in1_p[n * results + i]] += in0_p[n * results + i];
    }

/// MAX_POOL_APART
/// The same where windows touch and do not overlap: the largest of every column first, whole rows at
/// a time, then the largest of the columns. Of equal values the first of the window is taken.
    const long H = in0_shape1, W = in0_shape2, h = out0_shape1, w = out0_shape2;
    constexpr int k0 = @K0, k1 = @K1;  // known when compiled, for loops without counters
    #pragma omp parallel
    {
        std::vector<float> columns(w * k1);
        std::vector<int> rows(w * k1);
        float* __restrict__ column = columns.data();
        int* __restrict__ row = rows.data();
        #pragma omp for
        for (long n = 0; n < in0_shape0; n++)
        for (long j = 0; j < h; j++) {
            const float* x = in0_p + (n * H + j * k0) * W;
            for (long c = 0; c < w * k1; c++) { column[c] = x[c]; row[c] = 0; }
            for (long a = 1; a < k0; a++) {
                #pragma omp simd
                for (long c = 0; c < w * k1; c++) {
                    const bool take = x[a * W + c] > column[c];
                    column[c] = take ? x[a * W + c] : column[c];
                    row[c] = take ? int(a) : row[c];
                }
            }
            for (long k = 0; k < w; k++) {
                // Without a branch: which column wins cannot be foreseen.
                int best = k * k1, low = row[best];
                float top = column[best];
                for (int c = k * k1 + 1; c < (k + 1) * k1; c++) {
                    const bool take = (column[c] > top) | ((column[c] == top) & (row[c] < low));
                    top = take ? column[c] : top;
                    low = take ? row[c] : low;
                    best = take ? c : best;
                }
                out0_p[(n * h + j) * w + k] = top;
                out1_p[(n * h + j) * w + k] = (j * k0 + low) * W + best;
            }
        }
    }
