/* Body of softmax_s8: RFA_SOFTMAX_S8 is the kernel's name. */
#include <string.h>

#include "kernels.h"
#include "softmax_max.h"

/* What the lines of a row share. */
struct row {
    vec16 max, factor, total;
};

/* Numerators of the 16 values x as whole numbers in [0, 16256], or NaN, plus RFA_ROUND. */
VEC16_INLINE vec16 numerators(vec16 x, struct row *r)
{
    vec16 p = vec16_numerator(vec16_mul(r->factor, vec16_sub(x, r->max)));
    r->total = vec16_add(r->total, vec16_sub(p, vec16_set1(RFA_ROUND)));
    return p;
}

/* The n <= 64 values at x, then zeros, as lines of high and low parts. From RFA_ROUND on a float holds whole numbers
 * only, in its lowest bits: p / 128 + RFA_ROUND is rounded by its addition, and nothing needs a conversion. */
VEC16_INLINE void softmax_line(line *high, line *low, const float *x, size_t n, struct row *r)
{
    const vec16 part = vec16_set1(0x1p-7f), round = vec16_set1(RFA_ROUND - 0x1p-7f * RFA_ROUND);
    vec16 p[4], h[4];
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++) {
        if (n >= 16 * (j + 1))
            p[j] = numerators(vec16_load(x + 16 * j), r);
        else if (n > 16 * j) /* numerators of -infinity are 0 */
            p[j] = numerators(vec16_load_least(x + 16 * j, n - 16 * j), r);
        else
            p[j] = vec16_set1(RFA_ROUND);
        h[j] = vec16_fma(p[j], part, round);
    }
    *high = line_low_bytes(h);
    *low = line_minus_128(line_low_bytes(p), *high);
}

float RFA_SOFTMAX_S8(int8_t *high, int8_t *low, const float *x, size_t n, float scale, uint8_t a_xor)
{
    const float row_maximum = row_max(x, n);
    struct row r = {vec16_set1(row_maximum), vec16_set1(rfa_numerator_scale(scale)), vec16_zero()};
    line h, l;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        softmax_line(&h, &l, x + i, 64, &r);
        line_store((uint8_t *)high + i, h, a_xor);
        line_store((uint8_t *)low + i, l, a_xor);
    }
    if (i < n) {
        softmax_line(&h, &l, x + i, n - i, &r);
        line_store((uint8_t *)high + i, h, a_xor);
        line_store((uint8_t *)low + i, l, a_xor);
    }
    float sum = vec16_sum(r.total);
    if (isfinite(row_maximum) && !isnan(sum))
        return sum;
    memset(high, a_xor, rfa_row_bytes(n));
    memset(low, a_xor, rfa_row_bytes(n));
    return 0.0f;
}
