#ifndef __ARM_NEON
#error "pack_rows_s8_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "pack_s8_neon.h"

static float row_scale(const float *x, size_t k, float *multiplier)
{
    vec16 largest = vec16_zero();
    for (size_t i = 0; i < k; i += 16)
        largest = vec16_magnitude(largest, vec16_load_n(x + i, k - i < 16 ? k - i : 16));
    return rfa_quant_scale(vec16_largest_magnitude(largest), multiplier);
}

/* Row i of a panel: its 4-byte groups lie one line apart. */
static int32_t place_row(int8_t *group, const float *x, size_t k, float multiplier)
{
    const vec16 m = vec16_set1(multiplier);
    int32_t sum = 0;
    for (size_t i = 0; i < k; i += 16) {
        int8_t q[16];
        size_t n = k - i < 16 ? k - i : 16;
        int8x16_t values = quantize16(vec16_load_n(x + i, n), m);
        sum += vaddlvq_s8(values);
        vst1q_s8(q, values);
        for (size_t g = 0; g < (n + 3) / 4; g++, group += RFA_LINE)
            memcpy(group, q + g * RFA_PANEL_K, RFA_PANEL_K);
    }
    return sum;
}

void rfa_pack_rows_s8_neon(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n, size_t k)
{
    size_t panel = (k + 3) / 4 * RFA_LINE, padded = (n + 15) / 16 * 16;
    if (padded != n)
        memset(w + n / 16 * panel, 0, panel);
    for (size_t i = 0; i < padded; i++) {
        float multiplier = 0.0f;
        w_scale[i] = i < n ? row_scale(x + i * stride, k, &multiplier) : 0.0f;
        w_sum[i] = i < n ? place_row(w + i / 16 * panel + i % 16 * RFA_PANEL_K, x + i * stride, k, multiplier) : 0;
    }
}
