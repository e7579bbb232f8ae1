/* binary16 to and from float32 in integer arithmetic; F16C and NEON have instructions for it. */
#ifndef RFA_HALF_H
#define RFA_HALF_H

#include <stdint.h>

#include "../quant/inline.h"
#include "poly.h"

RFA_INLINE float rfa_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t magnitude = half & 0x7fffu;
    if (magnitude >= 0x7c00u) /* infinity, NaN */
        return rfa_bits_float(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    if (magnitude >= 0x400u)
        return rfa_bits_float(sign | ((magnitude << 13) + ((127 - 15) << 23)));
    float value = (float)magnitude * 0x1p-24f;
    return sign ? -value : value;
}

/* Nearest, ties to even; overflow to infinity. */
RFA_INLINE uint16_t rfa_float_to_half(float x)
{
    uint32_t bits = rfa_float_bits(x);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return sign | 0x7e00u;
    if (magnitude >= 0x477ff000u) /* 65520, halfway from the largest half to 2^16 */
        return sign | 0x7c00u;
    if (magnitude >= 0x38800000u) /* 2^-14: the dropped 13 bits round, ties to even */
        return sign | (uint16_t)((magnitude - ((127 - 15) << 23) + 0xfffu + (magnitude >> 13 & 1)) >> 13);
    /* Adding 1/2 puts the unit 2^-24 of a subnormal half at the last place of the float, which rounds. */
    return sign | (uint16_t)(rfa_float_bits(rfa_bits_float(magnitude) + 0.5f) - rfa_float_bits(0.5f));
}

#endif
