/* Body of quantize_row: RFA_QUANTIZE_ROW is the kernel's name. */
#include <string.h>

#include "kernels.h"
#include "quantize_line.h"

/* Bit patterns compared as signed numbers put values above 0 on top, as unsigned numbers those below 0. */
struct extent {
    vec16 above[2], below[2];
};

VEC16_INLINE void take_extent(struct extent *e, const float *x, size_t n)
{
    vec16 v[4];
    load_line(v, x, n);
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++) {
        e->above[j % 2] = vec16_max_signed(e->above[j % 2], v[j]);
        e->below[j % 2] = vec16_max_unsigned(e->below[j % 2], v[j]);
    }
}

static uint32_t reach(const float *x, size_t n, int zero)
{
    struct extent e = {{vec16_zero(), vec16_zero()}, {vec16_zero(), vec16_zero()}};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        take_extent(&e, x + i, 64);
    if (i < n)
        take_extent(&e, x + i, n - i);
    uint32_t above = vec16_largest_magnitude(vec16_max_signed(e.above[0], e.above[1]));
    uint32_t below = vec16_largest_magnitude(vec16_max_unsigned(e.below[0], e.below[1]));
    return rfa_quant_reach(above, below >> 31 ? below & 0x7fffffffu : 0, zero);
}

/* The values are at most 127 (1 + 2^-23) in magnitude: the multiplier comes from the same row, so nothing needs a
 * clamp. */
VEC16_INLINE void quantize_line(uint8_t *q, const float *x, size_t n, vec16 multiplier, vec16 zero, uint8_t a_xor)
{
    vec16 v[4];
    load_line(v, x, n);
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++)
        v[j] = vec16_fma(v[j], multiplier, zero);
    line_store(q, line_round(v), a_xor);
}

float RFA_QUANTIZE_ROW(int8_t *q, const float *x, size_t n, int zero, uint8_t a_xor)
{
    uint8_t *bytes = (uint8_t *)q;
    float multiplier;
    float scale = rfa_quant_steps(reach(x, n, zero), (float)(RFA_QMAX - zero), &multiplier);
    if (multiplier == 0.0f) { /* zeros, also from infinities and NaN */
        memset(q, (uint8_t)zero ^ a_xor, rfa_row_bytes(n));
        return scale;
    }
    const vec16 m = vec16_set1(multiplier), z = vec16_set1((float)zero);
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        quantize_line(bytes + i, x + i, 64, m, z, a_xor);
    if (i < n)
        quantize_line(bytes + i, x + i, n - i, m, z, a_xor);
    return scale;
}
