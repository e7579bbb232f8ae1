#ifndef __ARM_NEON
#error "scan_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

/* The update by one time step where every power of 2 is a normal number: adding to the exponent of 2^r gives it
 * exactly.
 *
 *   x = dt * rate    rounded = x + ROUND    r = x - (rounded - ROUND)
 *   p = ((((((C6 r + C5) r + C4) r + C3) r + C2) r + C1) r + 1     power = p + (rounded << 23)
 *   h = power * h + dtu * b    y += c * h
 *
 * In assembler for the order: each operation goes four times, through the registers of 16 channels, and what it reads
 * is four instructions old at least, so that cores that keep the order (Cortex-A53, A55) seldom wait; the next state's
 * rates are loaded and multiplied at the end, where this one's chain is short of work. All 32 registers are in use:
 * compilers spilled or copied some in every such order. FMLA overwrites its addend, so each coefficient is loaded each
 * time: loads cost the arithmetic pipes nothing, where a copy of a register takes the place of a product.
 *
 *   v0-v3  y    v4-v7  x, r    v8-v11, v12-v15  p and coefficient in turn    v16-v19  rounded << 23, h
 *   v20-v23  dt    v24-v27  dtu    v28  ROUND    v29  C6    v30  b    v31  c */

/* clang-format off */
#define FOUR(f, a0, b0, a1, b1, a2, b2, a3, b3) f(a0, b0) f(a1, b1) f(a2, b2) f(a3, b3)

#define ROUND(to, x)         "fadd\tv" #to ".4s, v" #x ".4s, v28.4s\n\t"
#define MINUS_ROUND(to, x)   "fsub\tv" #to ".4s, v" #x ".4s, v28.4s\n\t"
#define MINUS(x, y)          "fsub\tv" #x ".4s, v" #x ".4s, v" #y ".4s\n\t"
#define TIMES(x, y)          "fmul\tv" #x ".4s, v" #x ".4s, v" #y ".4s\n\t"
#define EXPONENT(to, x)      "shl\tv" #to ".4s, v" #x ".4s, #23\n\t"
#define PLUS_EXPONENT(x, y)  "add\tv" #x ".4s, v" #x ".4s, v" #y ".4s\n\t"
#define TIMES_B(to, x)       "fmul\tv" #to ".4s, v" #x ".4s, v30.s[0]\n\t"
#define PLUS_TIMES_C(to, x)  "fmla\tv" #to ".4s, v" #x ".4s, v31.s[0]\n\t"
#define LOAD(to, from, at)   "ldr\tq" #to ", [%[" #from "], #" #at "]\n\t"
#define STORE(x, to, at)     "str\tq" #x ", [%[" #to "], #" #at "]\n\t"
#define FMLA(to, x, y)       "fmla\tv" #to ".4s, v" #x ".4s, v" #y ".4s\n\t"

#define LOAD_16(from, q0, q1, q2, q3) LOAD(q0, from, 0) LOAD(q1, from, 16) LOAD(q2, from, 32) LOAD(q3, from, 48)
#define STORE_16(to, q0, q1, q2, q3)  STORE(q0, to, 0) STORE(q1, to, 16) STORE(q2, to, 32) STORE(q3, to, 48)
#define ALIKE(x)                      {x, x, x, x}

/* A coefficient into v8-v11 or v12-v15, and the product there with what is in the other four. */
#define COEFFICIENT_8(at)    FOUR(COEFFICIENT, 8, at, 9, at, 10, at, 11, at)
#define COEFFICIENT_12(at)   FOUR(COEFFICIENT, 12, at, 13, at, 14, at, 15, at)
#define COEFFICIENT(to, at)  LOAD(to, constants, at)
#define STEP_8               FMLA(8, 12, 4) FMLA(9, 13, 5) FMLA(10, 14, 6) FMLA(11, 15, 7)
#define STEP_12              FMLA(12, 8, 4) FMLA(13, 9, 5) FMLA(14, 10, 6) FMLA(15, 11, 7)

static void update_normal(const float *rate, float *h, const float *b, const float *c, const float *dt,
                          const float *dtu, float *y, size_t states)
{
    static const float constants[][4] = {
        ALIKE(RFA_EXP2_C5), ALIKE(RFA_EXP2_C4), ALIKE(RFA_EXP2_C3), ALIKE(RFA_EXP2_C2), ALIKE(RFA_EXP2_C1),
        ALIKE(1.0f),        ALIKE(RFA_EXP2_C6), ALIKE(RFA_ROUND)};
    int64_t at = -(int64_t)(states * sizeof *b);
    __asm__ volatile(
        LOAD(29, constants, 96)
        LOAD(28, constants, 112)
        LOAD_16(dt, 20, 21, 22, 23)
        LOAD_16(rate, 4, 5, 6, 7)
        LOAD_16(dtu, 24, 25, 26, 27)
        LOAD_16(y, 0, 1, 2, 3)
        "add\t%[rate], %[rate], #64\n\t"
        FOUR(TIMES, 4, 20, 5, 21, 6, 22, 7, 23)
        "\n.Lstate%=:\n\t"
        FOUR(ROUND, 8, 4, 9, 5, 10, 6, 11, 7)
        FOUR(MINUS_ROUND, 12, 8, 13, 9, 14, 10, 15, 11)
        "ldr\ts31, [%[c], %[at]]\n\t"
        FOUR(MINUS, 4, 12, 5, 13, 6, 14, 7, 15)
        COEFFICIENT_12(0)
        FMLA(12, 29, 4) FMLA(13, 29, 5) FMLA(14, 29, 6) FMLA(15, 29, 7)
        FOUR(EXPONENT, 16, 8, 17, 9, 18, 10, 19, 11)
        COEFFICIENT_8(16)
        "ldr\ts30, [%[b], %[at]]\n\t"
        STEP_8
        COEFFICIENT_12(32)
        STEP_12
        COEFFICIENT_8(48)
        STEP_8
        COEFFICIENT_12(64)
        STEP_12
        COEFFICIENT_8(80)
        "adds\t%[at], %[at], #4\n\t"
        STEP_8
        LOAD_16(rate, 4, 5, 6, 7) /* after the last one the scratch goes on */
        FOUR(PLUS_EXPONENT, 8, 16, 9, 17, 10, 18, 11, 19)
        LOAD_16(h, 12, 13, 14, 15)
        FOUR(TIMES_B, 16, 24, 17, 25, 18, 26, 19, 27)
        FOUR(TIMES, 4, 20, 5, 21, 6, 22, 7, 23)
        FMLA(16, 8, 12) FMLA(17, 9, 13) FMLA(18, 10, 14) FMLA(19, 11, 15)
        "add\t%[rate], %[rate], #64\n\t"
        FOUR(PLUS_TIMES_C, 0, 16, 1, 17, 2, 18, 3, 19)
        STORE_16(h, 16, 17, 18, 19)
        "add\t%[h], %[h], #64\n\t"
        "b.ne\t.Lstate%=\n\t"
        STORE_16(y, 0, 1, 2, 3)
        : [rate] "+&r"(rate), [h] "+&r"(h), [at] "+&r"(at)
        : [b] "r"(b + states), [c] "r"(c + states), [dt] "r"(dt), [dtu] "r"(dtu), [y] "r"(y),
          [constants] "r"(constants)
        : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
          "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc",
          "memory");
}
/* clang-format on */

#define RFA_SCAN_F32       rfa_scan_f32_neon
#define SCAN_STEPS         1 /* two would not fit into the 32 registers of 4 floats */
#define SCAN_EXP2_NORMAL   true
#define SCAN_UPDATE_NORMAL update_normal
#include "scan_f32_vec16.h"
