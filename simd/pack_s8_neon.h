/* What the two kernels that quantise matrices into panels share on NEON. */
#ifndef RFA_PACK_S8_NEON_H
#define RFA_PACK_S8_NEON_H

#include "vec16_row_neon.h"

/* rint(x * multiplier) of 16 values; NaN, also of an infinity times 0, becomes 0. */
VEC16_INLINE int8x16_t quantize16(vec16 x, vec16 multiplier)
{
    vec16 y = vec16_mul(x, multiplier);
    int16x8_t low = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(y.q[0])), vqmovn_s32(vcvtnq_s32_f32(y.q[1])));
    int16x8_t high = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(y.q[2])), vqmovn_s32(vcvtnq_s32_f32(y.q[3])));
    return vcombine_s8(vqmovn_s16(low), vqmovn_s16(high));
}

#endif
