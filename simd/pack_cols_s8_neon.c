#ifndef __ARM_NEON
#error "pack_cols_s8_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "pack_s8_neon.h"

/* Scales of 16 columns, n of them real; returns their multipliers. */
static vec16 column_scales(float *scale, const float *x, size_t stride, size_t n, size_t k)
{
    vec16 largest = vec16_zero();
    float lanes[16], multiplier[16];
    for (size_t j = 0; j < k; j++)
        largest = vec16_magnitude(largest, vec16_load_n(x + j * stride, n));
    vec16_store(lanes, largest);
    for (size_t i = 0; i < 16; i++)
        scale[i] = rfa_quant_scale(rfa_magnitude(lanes[i]), &multiplier[i]);
    return vec16_load(multiplier);
}

/* Adds the 16 columns of four rows to the sums. */
VEC16_INLINE void add_rows(int32x4_t sum[4], int8x16x4_t rows)
{
    int16x8_t low = vaddl_s8(vget_low_s8(rows.val[0]), vget_low_s8(rows.val[1]));
    int16x8_t high = vaddl_high_s8(rows.val[0], rows.val[1]);
    low = vaddq_s16(low, vaddl_s8(vget_low_s8(rows.val[2]), vget_low_s8(rows.val[3])));
    high = vaddq_s16(high, vaddl_high_s8(rows.val[2], rows.val[3]));
    sum[0] = vaddw_s16(sum[0], vget_low_s16(low));
    sum[1] = vaddw_high_s16(sum[1], low);
    sum[2] = vaddw_s16(sum[2], vget_low_s16(high));
    sum[3] = vaddw_high_s16(sum[3], high);
}

/* A panel of 16 columns, n of them real. ST4 interleaves four rows to a line. */
static void pack_panel(int8_t *w, float *scale, int32_t *sum, const float *x, size_t stride, size_t n, size_t k)
{
    vec16 multiplier = column_scales(scale, x, stride, n, k);
    int32x4_t total[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (size_t j = 0; j < k; j += RFA_PANEL_K, w += RFA_LINE) {
        int8x16x4_t rows;
        for (size_t i = 0; i < RFA_PANEL_K; i++)
            rows.val[i] = j + i < k ? quantize16(vec16_load_n(x + (j + i) * stride, n), multiplier) : vdupq_n_s8(0);
        add_rows(total, rows);
        vst4q_s8(w, rows);
    }
    for (int i = 0; i < 4; i++)
        vst1q_s32(sum + 4 * i, total[i]);
}

void rfa_pack_cols_s8_neon(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n, size_t k)
{
    size_t panel = (k + 3) / 4 * RFA_LINE;
    for (size_t i = 0; i < n; i += 16)
        pack_panel(w + i / 16 * panel, w_scale + i, w_sum + i, x + i, stride, n - i < 16 ? n - i : 16, k);
}
