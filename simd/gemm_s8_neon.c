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

/* Sums of a row with a panel; two_rows knows the layout. */
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

/* Adds 2 * passes lines to a row. */
static void one_row(struct row *r, const struct source *s, size_t passes)
{
    const int8_t *a = s->a, *w = s->w;
    struct row sum = *r;
    for (size_t i = 0; i < passes; i++) {
        const struct line wa = load_line(w), wb = load_line(w + RFA_LINE);
        multiply(&sum, a, &wa, &wb);
        a += 2 * RFA_PANEL_K;
        w += 2 * RFA_LINE;
    }
    *r = sum;
}

/* Two rows take eight steps through two lines, a pair of outputs each. A step is
 *
 *   load      the first line's bytes of the next pair, the second line's of this one
 *   SADALP    the pair two steps before
 *   SMULL     this pair with the first line
 *   SMLAL     the pair one step before with the second line
 *
 * so that on cores that keep the order (Cortex-A53, A55) no instruction waits for one just before it. Loads are of 8
 * bytes: there a load of 16 holds everything up for two cycles, and the A55 does one of 8 beside a product. In
 * assembler, because 30 registers in use leave compilers no room: they copied or spilled some, each time a wait.
 *
 *   v16-v23  sums of the first row    v0, v2   its products, even and odd pairs    v4  its k0-3, twice    v6  its k4-7
 *   v24-v31          of the second    v1, v3                                       v5                     v7
 *   v8, v9   next bytes of the rows   v10, v11 first line, even and odd pairs      v13, v12  second line, the same
 */
/* clang-format off */
#define ROW(sum, now, before, a, b, wa, wb)              \
    "sadalp\tv" #sum ".4s, v" #now ".8h\n\t"             \
    "smull\tv" #now ".8h, v" #a ".8b, v" #wa ".8b\n\t"   \
    "smlal\tv" #before ".8h, v" #b ".8b, v" #wb ".8b\n\t"

#define LOAD(to, at) "ldr\td" #to ", [%[w], #" #at "]\n\t"

#define EVEN(sum0, sum1, at_a, at_b)                     \
    LOAD(11, at_a)                                       \
    LOAD(12, at_b)                                       \
    ROW(sum0, 0, 2, 4, 6, 10, 13)                        \
    ROW(sum1, 1, 3, 5, 7, 10, 13)

#define ODD(sum0, sum1, at_a, at_b)                      \
    LOAD(10, at_a)                                       \
    LOAD(13, at_b)                                       \
    ROW(sum0, 2, 0, 4, 6, 11, 12)                        \
    ROW(sum1, 3, 1, 5, 7, 11, 12)

/* op: "ldp" or "stp" */
#define SUMS(op)                                                                   \
    op "\tq16, q17, [%[r0]]\n\t"      op "\tq18, q19, [%[r0], #32]\n\t"            \
    op "\tq20, q21, [%[r0], #64]\n\t" op "\tq22, q23, [%[r0], #96]\n\t"            \
    op "\tq24, q25, [%[r1]]\n\t"      op "\tq26, q27, [%[r1], #32]\n\t"            \
    op "\tq28, q29, [%[r1], #64]\n\t" op "\tq30, q31, [%[r1], #96]\n\t"

/* Adds 2 * passes lines to two rows. There is at least one pass, and a line after the last. */
static void two_rows(struct row *r0, struct row *r1, const struct source *s, size_t passes)
{
    const int8_t *w = s->w, *a0 = s->a + 2 * RFA_PANEL_K * passes, *a1 = a0 + s->a_stride;
    int64_t at = -2 * RFA_PANEL_K * (int64_t)passes;
    __asm__ volatile(
        SUMS("ldp")
        "ldr\td8, [%[a0], %[at]]\n\t"
        "ldr\td9, [%[a1], %[at]]\n\t"
        "ldr\td10, [%[w]]\n\t"
        "movi\tv0.2d, #0\n\t" /* the pairs before the first are zeros */
        "movi\tv1.2d, #0\n\t"
        "movi\tv2.2d, #0\n\t"
        "movi\tv3.2d, #0\n\t"
        "movi\tv6.2d, #0\n\t"
        "movi\tv7.2d, #0\n\t"
        "movi\tv13.2d, #0\n\t"
        "dup\tv4.2s, v8.s[0]\n\t"
        "dup\tv5.2s, v9.s[0]\n"
        ".Ltwo_rows%=:\n\t"
        EVEN(22, 30, 8, 64)
        "dup\tv6.2s, v8.s[1]\n\t"
        "dup\tv7.2s, v9.s[1]\n\t"
        ODD(23, 31, 16, 72)
        EVEN(16, 24, 24, 80)
        ODD(17, 25, 32, 88)
        "adds\t%[at], %[at], #8\n\t"
        EVEN(18, 26, 40, 96)
        "ldr\td8, [%[a0], %[at]]\n\t"
        "ldr\td9, [%[a1], %[at]]\n\t"
        ODD(19, 27, 48, 104)
        EVEN(20, 28, 56, 112)
        ODD(21, 29, 128, 120)
        "add\t%[w], %[w], #128\n\t"
        "dup\tv4.2s, v8.s[0]\n\t"
        "dup\tv5.2s, v9.s[0]\n\t"
        "b.ne\t.Ltwo_rows%=\n\t"
        "smlal\tv2.8h, v6.8b, v13.8b\n\t"
        "smlal\tv3.8h, v7.8b, v13.8b\n\t"
        "sadalp\tv22.4s, v0.8h\n\t"
        "sadalp\tv30.4s, v1.8h\n\t"
        "sadalp\tv23.4s, v2.8h\n\t"
        "sadalp\tv31.4s, v3.8h\n\t"
        SUMS("stp")
        : [at] "+&r"(at), [w] "+&r"(w)
        : [a0] "r"(a0), [a1] "r"(a1), [r0] "r"(r0), [r1] "r"(r1)
        : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v16", "v17", "v18",
          "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory");
}
/* clang-format on */

INLINE void product(int32_t *sum, const struct source *s, const size_t rows)
{
    struct row r0 = {begin(s, 0), begin(s, 1), begin(s, 2), begin(s, 3)}, r1 = r0;
    const struct line none = {vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0)};
    const size_t passes = (s->lines - 1) / 2;
    const int8_t *a = s->a + 2 * RFA_PANEL_K * passes, *w = s->w + 2 * RFA_LINE * passes;
    if (rows == 1)
        one_row(&r0, s, passes);
    else if (passes > 0)
        two_rows(&r0, &r1, s, passes);
    const struct line wa = load_line(w), wb = s->lines % 2 ? none : load_line(w + RFA_LINE);
    multiply(&r0, a, &wa, &wb); /* rows are padded */
    store(sum, &r0);
    if (rows > 1) {
        multiply(&r1, a + s->a_stride, &wa, &wb);
        store(sum + RFA_PANEL_N, &r1);
    }
}

rfa_gemm_s8_t rfa_gemm_s8_neon = {.a_xor = 0, .mr = ROWS, .mc = 64, .scratch_bytes = scratch_bytes, .run = run};
