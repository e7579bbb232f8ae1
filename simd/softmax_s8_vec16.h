/* Body of softmax_s8: RFA_SOFTMAX_S8 is the kernel's name. */
#include <string.h>

#include "kernels.h"
#include "softmax_max.h"

/* rint for |x| < 2^22: beyond 2^23 a float holds whole numbers only. */
VEC16_INLINE vec16 nearest(vec16 x)
{
    const vec16 magic = vec16_set1(0x1.8p23f);
    return vec16_sub(vec16_add(x, magic), magic);
}

/* Numerators of the 16 values x as whole numbers in [0, 16256], or NaN. Exponents below -20 all round to 0; stopping
 * there keeps denormals, which cost a hundred cycles each, out of the arithmetic. */
VEC16_INLINE vec16 numerators(vec16 x, vec16 max, vec16 scale)
{
    vec16 exponent = vec16_max(vec16_mul(scale, vec16_sub(x, max)), vec16_set1(-20.0f)); /* NaN stays NaN */
    return nearest(vec16_mul(vec16_exp_within(exponent), vec16_set1(16256.0f)));
}

/* The n <= 64 values at x, then zeros, as lines of high and low parts. Adds the numerators to *total. */
VEC16_INLINE void softmax_line(line *high, line *low, const float *x, size_t n, vec16 max, vec16 scale, vec16 *total)
{
    vec16 h[4], l[4];
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++) {
        vec16 p = vec16_zero();
        if (n >= 16 * (j + 1))
            p = numerators(vec16_load(x + 16 * j), max, scale);
        else if (n > 16 * j)
            p = numerators(vec16_load_least(x + 16 * j, n - 16 * j), max, scale); /* numerators of -infinity are 0 */
        *total = vec16_add(*total, p);
        h[j] = nearest(vec16_mul(p, vec16_set1(0x1p-7f)));
        l[j] = vec16_fma(h[j], vec16_set1(-128.0f), p);
    }
    *high = line_round(h);
    *low = line_round(l);
}

float RFA_SOFTMAX_S8(int8_t *high, int8_t *low, const float *x, size_t n, float scale, uint8_t a_xor)
{
    const float row_maximum = row_max(x, n);
    /* A scale of 0 becomes the least float: the same numerators, but no NaN from masked values, which are -infinity. */
    const vec16 max = vec16_set1(row_maximum), factor = vec16_set1(scale == 0.0f ? 0x1p-149f : scale);
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
