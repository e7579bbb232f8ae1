/* Body of softmax_s8: RFA_SOFTMAX_S8 is the kernel's name. */
#include <string.h>

#include "kernels.h"
#include "softmax_max.h"

/* rint(a * b) for |a * b| < 2^22: beyond 2^23 a float holds whole numbers only. */
VEC16_INLINE vec16 nearest(vec16 a, float b)
{
    const vec16 magic = vec16_set1(RFA_ROUND);
    return vec16_sub(vec16_fma(a, vec16_set1(b), magic), magic);
}

/* Numerators of the 16 values x as whole numbers in [0, 16256], or NaN. */
VEC16_INLINE vec16 numerators(vec16 x, vec16 max, vec16 factor)
{
    return nearest(vec16_numerator(vec16_mul(factor, vec16_sub(x, max))), 1.0f);
}

/* The n <= 64 values at x, then zeros, as lines of high and low parts. Adds the numerators to *total. */
VEC16_INLINE void softmax_line(line *high, line *low, const float *x, size_t n, vec16 max, vec16 factor, vec16 *total)
{
    vec16 h[4], l[4];
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++) {
        vec16 p = vec16_zero();
        if (n >= 16 * (j + 1))
            p = numerators(vec16_load(x + 16 * j), max, factor);
        else if (n > 16 * j)
            p = numerators(vec16_load_least(x + 16 * j, n - 16 * j), max, factor); /* numerators of -infinity are 0 */
        *total = vec16_add(*total, p);
        h[j] = nearest(p, 0x1p-7f);
        l[j] = vec16_fma(h[j], vec16_set1(-128.0f), p);
    }
    *high = line_round(h);
    *low = line_round(l);
}

float RFA_SOFTMAX_S8(int8_t *high, int8_t *low, const float *x, size_t n, float scale, uint8_t a_xor)
{
    const float row_maximum = row_max(x, n);
    const vec16 max = vec16_set1(row_maximum), factor = vec16_set1(rfa_numerator_scale(scale));
    vec16 total = vec16_zero();
    line h, l;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        softmax_line(&h, &l, x + i, 64, max, factor, &total);
        line_store((uint8_t *)high + i, h, a_xor);
        line_store((uint8_t *)low + i, l, a_xor);
    }
    if (i < n) {
        softmax_line(&h, &l, x + i, n - i, max, factor, &total);
        line_store((uint8_t *)high + i, h, a_xor);
        line_store((uint8_t *)low + i, l, a_xor);
    }
    float sum = vec16_sum(total);
    if (isfinite(row_maximum) && !isnan(sum))
        return sum;
    memset(high, a_xor, rfa_row_bytes(n));
    memset(low, a_xor, rfa_row_bytes(n));
    return 0.0f;
}
