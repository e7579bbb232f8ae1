/* Quantising in lines of 64 values, for quantize_row and quantize_scaled. */
#ifndef RFA_QUANTIZE_LINE_H
#define RFA_QUANTIZE_LINE_H

/* The n <= 64 values at x, then zeros. */
VEC16_INLINE void load_line(vec16 v[4], const float *x, size_t n)
{
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++)
        v[j] = n >= 16 * (j + 1) ? vec16_load(x + 16 * j)
               : n > 16 * j      ? vec16_load_n(x + 16 * j, n - 16 * j)
                                 : vec16_zero();
}

#endif
