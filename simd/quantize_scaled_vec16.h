/* Body of quantize_scaled: RFA_QUANTIZE_SCALED is the kernel's name. */
#include "kernels.h"
#include "quantize_line.h"

VEC16_INLINE void quantize_line(uint8_t *q, const float *x, size_t n, float multiplier, int zero, uint8_t a_xor)
{
    vec16 v[4];
    load_line(v, x, n);
    VEC16_UNROLL
    for (size_t j = 0; j < 4; j++) {
        v[j] = vec16_within(vec16_fma(v[j], vec16_set1(multiplier), vec16_set1((float)zero)), 128.0f);
        v[j] = vec16_max(vec16_set1(-127.0f), v[j]);
    }
    line_store(q, line_round(v), a_xor);
}

void RFA_QUANTIZE_SCALED(int8_t *q, const float *x, size_t n, float multiplier, int zero, uint8_t a_xor)
{
    uint8_t *bytes = (uint8_t *)q;
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        quantize_line(bytes + i, x + i, 64, multiplier, zero, a_xor);
    if (i < n)
        quantize_line(bytes + i, x + i, n - i, multiplier, zero, a_xor);
}
