/* NEON of ARMv8.0: SMULL and SMLAL multiply bytes into 16 bits, and two products of values in [-127, 127] fit; SADALP
 * then adds neighbours into 32 bits. So K goes two lines at a time, and an output has two sums, joined at the end.
 *
 *   16 bytes of a line:   o0 k0-3 | o1 k0-3 || o2 k0-3 | o3 k0-3     low half | high half, times k0-3 of the row, twice
 *   the line after it:    o0 k4-7 | o1 k4-7 || o2 k4-7 | o3 k4-7
 *   sums:                 o0 o0 | o1 o1     || o2 o2 | o3 o3
 */
#ifndef __ARM_NEON
#error "gemm_s8_neon.c needs a compiler for AArch64"
#endif
#define ROWS 2
#include "gemm_s8_arm.h"

/* Sums of four outputs. */
struct quarter {
    int32x4_t low, high;
};

/* Sums of a row with a panel. */
struct row {
    struct quarter q0, q1, q2, q3;
};

/* A line of a panel. */
struct line {
    int8x16_t q0, q1, q2, q3;
};

INLINE struct line load_line(const int8_t *w)
{
    return (struct line){vld1q_s8(w), vld1q_s8(w + 16), vld1q_s8(w + 32), vld1q_s8(w + 48)};
}

INLINE void add(struct quarter *sum, int8x8_t a, int8x8_t b, int8x16_t wa, int8x16_t wb)
{
    int16x8_t low = vmlal_s8(vmull_s8(a, vget_low_s8(wa)), b, vget_low_s8(wb));
    int16x8_t high = vmlal_s8(vmull_s8(a, vget_high_s8(wa)), b, vget_high_s8(wb));
    sum->low = vpadalq_s16(sum->low, low);
    sum->high = vpadalq_s16(sum->high, high);
}

/* Inputs k0-3 with line wa, k4-7 with line wb. */
INLINE void multiply(struct row *sum, const int8_t *k, const struct line *wa, const struct line *wb)
{
    int32x2_t eight = vreinterpret_s32_s8(vld1_s8(k));
    int8x8_t a = vreinterpret_s8_s32(vdup_lane_s32(eight, 0)), b = vreinterpret_s8_s32(vdup_lane_s32(eight, 1));
    add(&sum->q0, a, b, wa->q0, wb->q0);
    add(&sum->q1, a, b, wa->q1, wb->q1);
    add(&sum->q2, a, b, wa->q2, wb->q2);
    add(&sum->q3, a, b, wa->q3, wb->q3);
}

INLINE void store(int32_t *sum, const struct row *r)
{
    vst1q_s32(sum, vpaddq_s32(r->q0.low, r->q0.high));
    vst1q_s32(sum + 4, vpaddq_s32(r->q1.low, r->q1.high));
    vst1q_s32(sum + 8, vpaddq_s32(r->q2.low, r->q2.high));
    vst1q_s32(sum + 12, vpaddq_s32(r->q3.low, r->q3.high));
}

INLINE void product(int32_t *sum, const struct source *s, const size_t rows)
{
    const struct quarter zero = {vdupq_n_s32(0), vdupq_n_s32(0)};
    struct row r0 = {zero, zero, zero, zero}, r1 = r0;
    for (size_t i = 0; i < s->lines; i += 2) {
        const int8_t *a = s->a + i * RFA_PANEL_K;
        const struct line wa = load_line(s->w + i * RFA_LINE);
        struct line wb = {vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0)};
        if (i + 1 < s->lines)
            wb = load_line(s->w + (i + 1) * RFA_LINE);
        multiply(&r0, a, &wa, &wb);
        if (rows > 1)
            multiply(&r1, a + s->a_stride, &wa, &wb);
    }
    store(sum, &r0);
    if (rows > 1)
        store(sum + RFA_PANEL_N, &r1);
}

rfa_gemm_s8_t rfa_gemm_s8_neon = {.a_xor = 0, .mr = ROWS, .mc = 64, .scratch_bytes = scratch_bytes, .run = run};
