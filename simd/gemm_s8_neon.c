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
#include <string.h>

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

/* The two sums of each output together begin where `start` says. */
INLINE struct quarter begin(const struct source *s, size_t i)
{
    const int32x4_t zero = vdupq_n_s32(0);
    return (struct quarter){vzip1q_s32(start(s, i), zero), vzip2q_s32(start(s, i), zero)};
}

/* The halves of a and b are alike. */
INLINE void add(struct quarter *sum, int8x16_t a, int8x16_t b, int8x16_t wa, int8x16_t wb)
{
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(wa)), high = vmull_high_s8(a, wa);
    low = vmlal_s8(low, vget_low_s8(b), vget_low_s8(wb));
    high = vmlal_high_s8(high, b, wb);
    sum->low = vpadalq_s16(sum->low, low);
    sum->high = vpadalq_s16(sum->high, high);
}

/* Four inputs of a row, four times. */
INLINE int8x16_t four_times(const int8_t *k)
{
    int32_t four;
    memcpy(&four, k, sizeof four);
    return vreinterpretq_s8_s32(vld1q_dup_s32(&four));
}

/* Inputs k0-3 with line wa, k4-7 with line wb. */
INLINE void multiply(struct row *sum, const int8_t *k, const struct line *wa, const struct line *wb)
{
    int8x16_t a = four_times(k), b = four_times(k + RFA_PANEL_K);
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
    struct row r0 = {begin(s, 0), begin(s, 1), begin(s, 2), begin(s, 3)}, r1 = r0;
    const int8_t *a = s->a, *w = s->w;
    for (size_t i = 0; i < s->lines / 2; i++) {
        const struct line wa = load_line(w), wb = load_line(w + RFA_LINE);
        multiply(&r0, a, &wa, &wb);
        if (rows > 1)
            multiply(&r1, a + s->a_stride, &wa, &wb);
        a += 2 * RFA_PANEL_K;
        w += 2 * RFA_LINE;
    }
    if (s->lines % 2) { /* rows are padded */
        const struct line wa = load_line(w), wb = {vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0)};
        multiply(&r0, a, &wa, &wb);
        if (rows > 1)
            multiply(&r1, a + s->a_stride, &wa, &wb);
    }
    store(sum, &r0);
    if (rows > 1)
        store(sum + RFA_PANEL_N, &r1);
}

rfa_gemm_s8_t rfa_gemm_s8_neon = {.a_xor = 0, .mr = ROWS, .mc = 64, .scratch_bytes = scratch_bytes, .run = run};
