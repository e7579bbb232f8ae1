/* Body of quantize_row: RFA_QUANTIZE_ROW is the kernel's name. */
#include <string.h>

#include "kernels.h"
#include "quantize_line.h"

VEC16_INLINE void take_magnitudes(vec16 max[4], const float *x, size_t n)
{
    vec16 v[4];
    load_line(v, x, n);
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++)
        max[j] = vec16_magnitude(max[j], v[j]);
}

static uint32_t row_magnitude(const float *x, size_t n)
{
    vec16 max[4] = {vec16_zero(), vec16_zero(), vec16_zero(), vec16_zero()};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        take_magnitudes(max, x + i, 64);
    if (i < n)
        take_magnitudes(max, x + i, n - i);
    max[0] = vec16_magnitude(max[0], max[1]);
    max[2] = vec16_magnitude(max[2], max[3]);
    return vec16_largest_magnitude(vec16_magnitude(max[0], max[2]));
}

/* The products are at most 127 (1 + 2^-23) in magnitude: the multiplier comes from the same row, so nothing needs a
 * clamp. */
VEC16_INLINE void quantize_line(uint8_t *q, const float *x, size_t n, vec16 multiplier, uint8_t a_xor)
{
    vec16 v[4];
    load_line(v, x, n);
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++)
        v[j] = vec16_mul(v[j], multiplier);
    line_store(q, line_round(v), a_xor);
}

float RFA_QUANTIZE_ROW(int8_t *q, const float *x, size_t n, uint8_t a_xor)
{
    uint8_t *bytes = (uint8_t *)q;
    float multiplier;
    float scale = rfa_quant_scale(row_magnitude(x, n), &multiplier);
    if (multiplier == 0.0f) { /* zeros, also from infinities and NaN */
        memset(q, a_xor, rfa_row_bytes(n));
        return scale;
    }
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        quantize_line(bytes + i, x + i, 64, vec16_set1(multiplier), a_xor);
    if (i < n)
        quantize_line(bytes + i, x + i, n - i, vec16_set1(multiplier), a_xor);
    return scale;
}
