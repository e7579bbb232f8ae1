/* SDOT adds four products of bytes to each 32-bit lane. Its second factor is a lane of 4 bytes, so 16 bytes of a row
 * serve four lines; a line is four registers.
 *
 *              panel: one line of 16 outputs x 4 k
 *   row m+0    [ 4 sums | 4 sums | 4 sums | 4 sums ]
 *     ...
 *   row m+3    [ 4 sums | 4 sums | 4 sums | 4 sums ]      16 accumulators; with more rows gcc spills some
 *
 * Cores that keep the order (Cortex-A55) wait wherever a register is not there yet. So a quarter of the next line is
 * loaded as soon as all rows are through with this line's, twelve products before it is needed.
 */
#ifndef __ARM_FEATURE_DOTPROD
#error "gemm_s8_dotprod.c needs the flags of rfa_simd(dotprod) in CMakeLists.txt"
#endif
#define ROWS 4
#include "gemm_s8_arm.h"

struct row {
    int32x4_t q0, q1, q2, q3;
};

#define LOAD(i, row) a##i = vld1q_s8(a + (i)*s->a_stride)
#define LOAD_LINE()                                                                                                    \
    (w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16), w2 = vld1q_s8(w + 32), w3 = vld1q_s8(w + 48), w += RFA_LINE)

/* Lane `lane`, a constant, of the row's 16 bytes with a quarter of a line. */
#define ADD_QUARTER(i, row, nth) row.q##nth = vdotq_laneq_s32(row.q##nth, w##nth, a##i, lane)
#define ADD_0(i, row)            ADD_QUARTER(i, row, 0)
#define ADD_1(i, row)            ADD_QUARTER(i, row, 1)
#define ADD_2(i, row)            ADD_QUARTER(i, row, 2)
#define ADD_3(i, row)            ADD_QUARTER(i, row, 3)

/* The last product with these 16 bytes of the row; the next take their register. */
#define ADD_3_AND_LOAD(i, row) (ADD_3(i, row), LOAD(i, row))

/* A line with lane l. */
#define ADD_LINE(l)                                                                                                    \
    do {                                                                                                               \
        enum { lane = l };                                                                                             \
        EACH_ROW(ADD_0);                                                                                               \
        EACH_ROW(ADD_1);                                                                                               \
        EACH_ROW(ADD_2);                                                                                               \
        EACH_ROW(ADD_3);                                                                                               \
    } while (0)

#define ADD_AND_LOAD_QUARTER(nth, add)                                                                                 \
    do {                                                                                                               \
        EACH_ROW(add);                                                                                                 \
        w##nth = vld1q_s8(w + 16 * (nth));                                                                             \
        KEEP_ORDER("w", w##nth);                                                                                       \
    } while (0)

/* The same; the line at w takes its registers. */
#define ADD_AND_LOAD_LINE(l, add_3)                                                                                    \
    do {                                                                                                               \
        enum { lane = l };                                                                                             \
        ADD_AND_LOAD_QUARTER(0, ADD_0);                                                                                \
        ADD_AND_LOAD_QUARTER(1, ADD_1);                                                                                \
        ADD_AND_LOAD_QUARTER(2, ADD_2);                                                                                \
        ADD_AND_LOAD_QUARTER(3, add_3);                                                                                \
        w += RFA_LINE;                                                                                                 \
    } while (0)

#define STORE(i, row)                                                                                                  \
    (vst1q_s32(sum + (i)*RFA_PANEL_N, row.q0), vst1q_s32(sum + (i)*RFA_PANEL_N + 4, row.q1),                           \
     vst1q_s32(sum + (i)*RFA_PANEL_N + 8, row.q2), vst1q_s32(sum + (i)*RFA_PANEL_N + 12, row.q3))

INLINE void product(int32_t *sum, const struct source *s, const size_t rows)
{
    struct row r0 = {start(s, 0), start(s, 1), start(s, 2), start(s, 3)}, r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0;
    int8x16_t a0 = vdupq_n_s8(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0; /* the last two stay unused */
    const int8_t *w = s->w, *a = s->a;
    const size_t passes = (s->lines - 1) / 4, rest = (s->lines - 1) % 4; /* and one line, for the last pass to load */
    int8x16_t w0, w1, w2, w3;
    LOAD_LINE();
    EACH_ROW(LOAD); /* rows are padded */
    for (size_t i = 0; i < passes; i++) {
        ADD_AND_LOAD_LINE(0, ADD_3);
        a += 4 * RFA_PANEL_K;
        KEEP_ORDER("r", a);
        ADD_AND_LOAD_LINE(1, ADD_3);
        ADD_AND_LOAD_LINE(2, ADD_3);
        ADD_AND_LOAD_LINE(3, ADD_3_AND_LOAD);
    }
    ADD_LINE(0);
    if (rest > 0) {
        LOAD_LINE();
        ADD_LINE(1);
    }
    if (rest > 1) {
        LOAD_LINE();
        ADD_LINE(2);
    }
    if (rest > 2) {
        LOAD_LINE();
        ADD_LINE(3);
    }
    EACH_ROW(STORE);
}

rfa_gemm_s8_t rfa_gemm_s8_dotprod = {.a_xor = 0, .mr = ROWS, .mc = 96, .scratch_bytes = scratch_bytes, .run = run};
