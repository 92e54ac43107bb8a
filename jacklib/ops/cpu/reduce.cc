/// TOTAL
/// Sum of (in0 - in1)^@POWER. In pieces, in double, which are added in their order,
/// so that the number of threads changes nothing.
    const long n = in0_shape0, piece = 1024, pieces = (n + piece - 1) / piece;
    const float shift = in1_p[0];
    std::vector<double> sums(pieces);
    #pragma omp parallel for if (pieces > 64)
    for (long k = 0; k < pieces; k++) {
        const float* x = in0_p + k * piece;
        const long count = std::min(piece, n - k * piece);
        double sum = 0;
        #pragma omp simd reduction(+:sum)
        for (long i = 0; i < count; i++) {
            const double z = double(x[i]) - shift;
            sum += @POWER == 2 ? z * z : z;
        }
        sums[k] = sum;
    }
    double sum = 0;
    for (long k = 0; k < pieces; k++) sum += sums[k];
    out0_p[0] = sum;
