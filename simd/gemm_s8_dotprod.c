/* SDOT adds four products of bytes to each 32-bit lane. Its second factor is a lane of 4 bytes, so 16 bytes of a row
 * serve four lines; a line is four registers.
 *
 *              panel: one line of 16 outputs x 4 k
 *   row m+0    [ 4 sums | 4 sums | 4 sums | 4 sums ]
 *     ...
 *   row m+3    [ 4 sums | 4 sums | 4 sums | 4 sums ]      16 accumulators; with more rows gcc spills some
 */
#ifndef __ARM_FEATURE_DOTPROD
#error "gemm_s8_dotprod.c needs the flags of rfa_simd(dotprod) in CMakeLists.txt"
#endif
#define ROWS 4
#include "gemm_s8_arm.h"

struct row {
    int32x4_t q0, q1, q2, q3;
};

/* Lane `lane` of the row's 16 bytes with a line of the panel. A macro because the lane must be a constant. */
#define ADD_LINE(row, a, lane)                                                                                         \
    (row.q0 = vdotq_laneq_s32(row.q0, w0, a, lane), row.q1 = vdotq_laneq_s32(row.q1, w1, a, lane),                     \
     row.q2 = vdotq_laneq_s32(row.q2, w2, a, lane), row.q3 = vdotq_laneq_s32(row.q3, w3, a, lane))
#define ADD_LINE_0(i, row) ADD_LINE(row, a##i, 0)
#define ADD_LINE_1(i, row) ADD_LINE(row, a##i, 1)
#define ADD_LINE_2(i, row) ADD_LINE(row, a##i, 2)
#define ADD_LINE_3(i, row) ADD_LINE(row, a##i, 3)

#define LINE(lane)                                                                                                     \
    do {                                                                                                               \
        const int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16), w2 = vld1q_s8(w + 32), w3 = vld1q_s8(w + 48);         \
        EACH_ROW(ADD_LINE_##lane);                                                                                     \
        w += RFA_LINE;                                                                                                 \
    } while (0)

#define LOAD(i, row) a##i = vld1q_s8(a + (i)*s->a_stride)
#define STORE(i, row)                                                                                                  \
    (vst1q_s32(sum + (i)*RFA_PANEL_N, row.q0), vst1q_s32(sum + (i)*RFA_PANEL_N + 4, row.q1),                           \
     vst1q_s32(sum + (i)*RFA_PANEL_N + 8, row.q2), vst1q_s32(sum + (i)*RFA_PANEL_N + 12, row.q3))

INLINE void product(int32_t *sum, const struct source *s, const size_t rows)
{
    struct row r0 = {start(s, 0), start(s, 1), start(s, 2), start(s, 3)}, r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0;
    int8x16_t a0 = vdupq_n_s8(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0; /* the last two stay unused */
    const int8_t *w = s->w, *a = s->a;
    for (size_t i = 0; i < s->lines / 4; i++) {
        EACH_ROW(LOAD);
        a += 4 * RFA_PANEL_K;
        LINE(0);
        LINE(1);
        LINE(2);
        LINE(3);
    }
    if (s->lines % 4 > 0) {
        EACH_ROW(LOAD); /* rows are padded */
        LINE(0);
        if (s->lines % 4 > 1)
            LINE(1);
        if (s->lines % 4 > 2)
            LINE(2);
    }
    EACH_ROW(STORE);
}

rfa_gemm_s8_t rfa_gemm_s8_dotprod = {.a_xor = 0, .mr = ROWS, .mc = 96, .scratch_bytes = scratch_bytes, .run = run};
