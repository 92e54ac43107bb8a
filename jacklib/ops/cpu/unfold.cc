/// ROWS
/// Row c*K + k of the wide array is row c of the narrow one from k - padding on, in steps of stride;
/// begin to end are the results for which tap k lies inside the narrow row.
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

/// UNFOLD
            std::fill(wide, wide + begin, 0.f);
            if (stride == 1) std::copy(narrow + start + begin, narrow + start + end, wide + begin);
            else for (long i = begin; i < end; i++) wide[i] = narrow[start + i * stride];
            std::fill(wide + end, wide + L, 0.f);

/// FOLD
            if (stride == 1) for (long i = begin; i < end; i++) narrow[start + i] += wide[i];
            else for (long i = begin; i < end; i++) narrow[start + i * stride] += wide[i];
