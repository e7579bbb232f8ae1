#ifndef __ARM_NEON
#error "ceiling_neon.c is for AArch64"
#endif
#include <arm_neon.h>

#include "ceiling_arm.h"

LOOP_ARM(multiply_add, "fmla v\\i\\().4s, v30.4s, v31.4s\n\t")

/* gemm_s8_neon's own: two widening products into 16 bits, then pairs into 32. */
LOOP_ARM(widening, "smull v24.8h, v30.8b, v31.8b\n\t"
                   "smlal2 v24.8h, v28.16b, v29.16b\n\t"
                   "sadalp v\\i\\().4s, v24.8h\n\t")

static void read_all(const void *data, size_t bytes)
{
    const uint8_t *x = data;
    uint8x16_t sum[4] = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};
    for (size_t i = 0; i < bytes; i += 64)
        for (size_t j = 0; j < 4; j++)
            sum[j] = veorq_u8(sum[j], vld1q_u8(x + i + j * 16));
    sum[0] = veorq_u8(veorq_u8(sum[0], sum[1]), veorq_u8(sum[2], sum[3]));
    __asm__ volatile("" : : "w"(sum[0]));
}

const struct rfa_loop rfa_loop_fma_neon = {"FMLA 4S", 16 * 4, multiply_add, NULL};
const struct rfa_loop rfa_loop_int8_neon = {"SMULL+SMLAL2+SADALP", 16 * 16, widening, NULL};
const struct rfa_loop rfa_loop_read_neon = {"LDR Q", 1, NULL, read_all};
