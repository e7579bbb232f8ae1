#ifndef __ARM_NEON
#error "scan_f32_neon.c needs a compiler for AArch64 with Advanced SIMD"
#endif
#include "vec16_neon.h"

/* The update by one time step where every power of 2 is a normal number: adding to the exponent of what belongs to the
 * fraction gives it exactly.
 *
 *   x = -1/2 + dt * rate    n = floor(x)    r = x - n
 *   p = ((((C5 r + C4) r + C3) r + C2) r + C1) r + C0    power = p + n * 2^23, FCVTZS makes the integer
 *   h = power * h + dtu * b    y += c * h
 *
 * In assembler for the order: each operation goes four times, through the registers of 16 channels, and what it reads
 * is four instructions old at least, so that cores that keep the order (Cortex-A53, A55) seldom wait; the next state's
 * products with dt are made at the end, where this one's chain is short of work. All but one of the 32 registers are in
 * use: compilers spilled or copied some in every such order. FMLA overwrites its addend, so each constant is loaded
 * each time: loads cost the arithmetic pipes nothing, where a copy of a register takes the place of a product.
 *
 *   v0-v3  y    v4-v7  rate, r    v8-v11, v12-v15  x, n; p and coefficient in turn    v16-v19  n * 2^23, h
 *   v20-v23  dt    v24-v27  dtu    v29  C5    v30  b    v31  c */

/* clang-format off */
#define FOUR(f, a0, b0, a1, b1, a2, b2, a3, b3) f(a0, b0) f(a1, b1) f(a2, b2) f(a3, b3)

#define FLOOR(to, x)         "frintm\tv" #to ".4s, v" #x ".4s\n\t"
#define EXPONENT(to, x)      "fcvtzs\tv" #to ".4s, v" #x ".4s, #23\n\t"
#define MINUS(to, x, y)      "fsub\tv" #to ".4s, v" #x ".4s, v" #y ".4s\n\t"
#define PLUS_EXPONENT(x, y)  "add\tv" #x ".4s, v" #x ".4s, v" #y ".4s\n\t"
#define TIMES_B(to, x)       "fmul\tv" #to ".4s, v" #x ".4s, v30.s[0]\n\t"
#define PLUS_TIMES_C(to, x)  "fmla\tv" #to ".4s, v" #x ".4s, v31.s[0]\n\t"
#define LOAD(to, from, at)   "ldr\tq" #to ", [%[" #from "], #" #at "]\n\t"
#define STORE(x, to, at)     "str\tq" #x ", [%[" #to "], #" #at "]\n\t"
#define FMLA(to, x, y)       "fmla\tv" #to ".4s, v" #x ".4s, v" #y ".4s\n\t"

#define LOAD_16(from, q0, q1, q2, q3) LOAD(q0, from, 0) LOAD(q1, from, 16) LOAD(q2, from, 32) LOAD(q3, from, 48)
#define STORE_16(to, q0, q1, q2, q3)  STORE(q0, to, 0) STORE(q1, to, 16) STORE(q2, to, 32) STORE(q3, to, 48)
#define ALIKE(x)                      {x, x, x, x}

/* A constant into v8-v11 or v12-v15, and the product there with what is in the other four. */
#define CONSTANT_8(at)    FOUR(CONSTANT, 8, at, 9, at, 10, at, 11, at)
#define CONSTANT_12(at)   FOUR(CONSTANT, 12, at, 13, at, 14, at, 15, at)
#define CONSTANT(to, at)  LOAD(to, constants, at)
#define TIMES_DT             FMLA(8, 20, 4) FMLA(9, 21, 5) FMLA(10, 22, 6) FMLA(11, 23, 7)
#define STEP_8               FMLA(8, 12, 4) FMLA(9, 13, 5) FMLA(10, 14, 6) FMLA(11, 15, 7)
#define STEP_12              FMLA(12, 8, 4) FMLA(13, 9, 5) FMLA(14, 10, 6) FMLA(15, 11, 7)

static void update_normal(const float *rate, float *h, const float *b, const float *c, const float *dt,
                          const float *dtu, float *y, size_t states)
{
    static const float constants[][4] = {
        ALIKE(RFA_DECAY_C4), ALIKE(RFA_DECAY_C3), ALIKE(RFA_DECAY_C2), ALIKE(RFA_DECAY_C1), ALIKE(RFA_DECAY_C0),
        ALIKE(-0.5f),        ALIKE(RFA_DECAY_C5)};
    int64_t at = -(int64_t)(states * sizeof *b);
    __asm__ volatile(
        LOAD(29, constants, 96)
        LOAD_16(dt, 20, 21, 22, 23)
        LOAD_16(rate, 4, 5, 6, 7)
        LOAD_16(dtu, 24, 25, 26, 27)
        LOAD_16(y, 0, 1, 2, 3)
        "add\t%[rate], %[rate], #64\n\t"
        CONSTANT_8(80)
        TIMES_DT
        "\n.Lstate%=:\n\t"
        FOUR(FLOOR, 12, 8, 13, 9, 14, 10, 15, 11)
        "ldr\ts31, [%[c], %[at]]\n\t"
        MINUS(4, 8, 12) MINUS(5, 9, 13) MINUS(6, 10, 14) MINUS(7, 11, 15)
        CONSTANT_8(0)
        FOUR(EXPONENT, 16, 12, 17, 13, 18, 14, 19, 15)
        FMLA(8, 29, 4) FMLA(9, 29, 5) FMLA(10, 29, 6) FMLA(11, 29, 7)
        CONSTANT_12(16)
        "ldr\ts30, [%[b], %[at]]\n\t"
        STEP_12
        CONSTANT_8(32)
        STEP_8
        CONSTANT_12(48)
        STEP_12
        CONSTANT_8(64)
        "adds\t%[at], %[at], #4\n\t"
        STEP_8
        LOAD_16(rate, 4, 5, 6, 7) /* after the last one the scratch goes on */
        FOUR(PLUS_EXPONENT, 8, 16, 9, 17, 10, 18, 11, 19)
        LOAD_16(h, 12, 13, 14, 15)
        FOUR(TIMES_B, 16, 24, 17, 25, 18, 26, 19, 27)
        FMLA(16, 8, 12) FMLA(17, 9, 13) FMLA(18, 10, 14) FMLA(19, 11, 15)
        CONSTANT_8(80)
        TIMES_DT
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
          "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v29", "v30", "v31", "cc",
          "memory");
}
/* clang-format on */

#define RFA_SCAN_F32       rfa_scan_f32_neon
#define SCAN_STEPS         1 /* two would not fit into the 32 registers of 4 floats */
#define SCAN_DECAY_NORMAL  true
#define SCAN_PREFETCH_DST  true
#define SCAN_UPDATE_NORMAL update_normal
#include "scan_f32_vec16.h"
