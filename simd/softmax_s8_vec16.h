/* Body of softmax_s8: RFA_SOFTMAX_S8 is the kernel's name. */
#include <string.h>

#include "kernels.h"
#include "softmax_max.h"

/* Numerators of the 16 values x, times 127 and not yet rounded. With a finite maximum they lie in [0, 127], or are NaN. Exponents below
 * -20 all round to 0; stopping there keeps denormals, which cost a hundred cycles each, out of the arithmetic. */
VEC16_INLINE vec16 numerators(vec16 x, vec16 max, vec16 scale)
{
    vec16 exponent = vec16_max(vec16_mul(scale, vec16_sub(x, max)), vec16_set1(-20.0f)); /* NaN stays NaN */
    return vec16_mul(vec16_exp(exponent), vec16_set1(127.0f));
}

/* The n <= 64 values at x, then zeros. Adds the numerators to *total, so that a NaN among them shows. */
VEC16_INLINE line softmax_line(const float *x, size_t n, vec16 max, vec16 scale, vec16 *total)
{
    vec16 v[4];
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++) {
        v[j] = vec16_zero();
        if (n >= 16 * (j + 1)) {
            v[j] = numerators(vec16_load(x + 16 * j), max, scale);
        } else if (n > 16 * j) {
            float lanes[16] = {0.0f};
            size_t rest = n - 16 * j;
            vec16_store_n(lanes, numerators(vec16_load_n(x + 16 * j, rest), max, scale), rest);
            v[j] = vec16_load(lanes);
        }
        *total = vec16_add(*total, v[j]);
    }
    return line_round(v);
}

int32_t RFA_SOFTMAX_S8(int8_t *q, const float *x, size_t n, float scale, uint8_t a_xor)
{
    const float row_maximum = row_max(x, n);
    /* A scale of 0 becomes the least float: the same numerators, but no NaN from masked values, which are -infinity. */
    const vec16 max = vec16_set1(row_maximum), factor = vec16_set1(scale == 0.0f ? 0x1p-149f : scale);
    vec16 total = vec16_zero();
    line_sums sum = line_sum_zero();
    uint8_t *bytes = (uint8_t *)q;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        line l = softmax_line(x + i, 64, max, factor, &total);
        line_store(bytes + i, l, a_xor);
        sum = line_sum(sum, l);
    }
    if (i < n) {
        line l = softmax_line(x + i, n - i, max, factor, &total);
        line_store(bytes + i, l, a_xor);
        sum = line_sum(sum, l);
    }
    if (isfinite(row_maximum) && !isnan(vec16_sum(total)))
        return line_total(sum);
    memset(q, a_xor, rfa_row_bytes(n));
    return 0;
}
