/* The numeric contract's building blocks on plain values: rounding, the panel index, the size bounds. README.md beside
 * this file is the contract; this header is its only implementation in scalar C. */
#ifndef RFA_QUANT_H
#define RFA_QUANT_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "inline.h"

enum {
    RFA_PANEL_N = 16,  /* outputs of a panel */
    RFA_PANEL_K = 4,   /* neighbouring inputs of one output in a line */
    RFA_LINE = 64,     /* bytes of a panel line; activation rows are padded to a multiple of it */
    RFA_MAX_K = 66572, /* largest K whose int32 sum of products [-254, 254] x [-127, 127] cannot overflow */
    RFA_QMAX = 127,
    RFA_ZERO_ONE_SIDED = -111 /* what stands for 0 in one-sided rows: 16 steps below it, 238 above */
};

/* Index of weight (n, k) in panels [ceil(N/16)][ceil(K/4)][16][4]. */
RFA_INLINE size_t rfa_panel_index(size_t n, size_t k, size_t k_total)
{
    size_t lines = (k_total + RFA_PANEL_K - 1) / RFA_PANEL_K;
    return ((n / RFA_PANEL_N * lines + k / RFA_PANEL_K) * RFA_PANEL_N + n % RFA_PANEL_N) * RFA_PANEL_K +
           k % RFA_PANEL_K;
}

/* Bytes of an int8 matrix [N,K] in panels. */
RFA_INLINE size_t rfa_panel_bytes(size_t n, size_t k)
{
    return (n + 15) / 16 * 16 * ((k + 3) / 4 * 4);
}

/* Bytes between activation rows of K int8 values: zero-padded to whole 64-byte lines. */
RFA_INLINE size_t rfa_row_bytes(size_t k)
{
    return (k + 63) / 64 * 64;
}

/* Bytes between the pixels of an int8 feature map: padded like rows, so that a 1x1 convolution reads them in place;
 * images of up to 4 channels, which only larger windows read, are packed. */
RFA_INLINE size_t rfa_map_row_bytes(size_t channels)
{
    return channels <= 4 ? channels : rfa_row_bytes(channels);
}

/* Magnitude of x as its bit pattern: orders like |x|, with infinity and then NaN on top, so a maximum needs no float
 * comparison and is the same in any order. */
RFA_INLINE uint32_t rfa_magnitude(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}

/* From the magnitude that sets a row's scale to its scale and its multiplier, with `steps` steps for it.
 *   a finite, steps/a finite and a > 0:  multiplier = steps/a, scale = a/steps
 *   a = 0 or steps/a overflows:          multiplier = 0,       scale = 0           the row becomes zeros
 *   a infinite or NaN:                   multiplier = 0,       scale = NaN         the row becomes zeros, and every
 *                                                              (0x7fc00000)        product with it NaN */
RFA_INLINE float rfa_quant_steps(uint32_t magnitude, float steps, float *multiplier)
{
    float a, scale;
    memcpy(&a, &magnitude, sizeof a);
    *multiplier = 0.0f;
    if (magnitude >= 0x7f800000u) {
        const uint32_t nan = 0x7fc00000u;
        memcpy(&scale, &nan, sizeof scale);
        return scale;
    }
    float m = steps / a; /* a = 0 gives infinity */
    if (m > 3.402823466e+38f)
        return 0.0f;
    *multiplier = m;
    return a / steps;
}

/* The same for values in [-127, 127] around 0. */
RFA_INLINE float rfa_quant_scale(uint32_t magnitude, float *multiplier)
{
    return rfa_quant_steps(magnitude, 127.0f, multiplier);
}

/* The magnitude that sets the scale of a row in which `zero` stands for 0: that of its largest value, or of its least
 * one times the steps above zero over those below. above, below: rfa_magnitude of the largest value above 0 and of the
 * least below, 0 where there is none. */
RFA_INLINE uint32_t rfa_quant_reach(uint32_t above, uint32_t below, int zero)
{
    float x;
    if (below < 0x7f800000u) {
        memcpy(&x, &below, sizeof x);
        x *= (float)(RFA_QMAX - zero) / (float)(RFA_QMAX + zero);
        memcpy(&below, &x, sizeof below);
    }
    return above > below ? above : below;
}

/* rint half to even, clamped to [-127, 127], of values around `zero`. x * multiplier + zero is at most 127 (1 + 2^-23)
 * in magnitude, so the clamp is only for multiplier = 0 with x infinite or NaN, where the result is 0. */
RFA_INLINE int8_t rfa_quant_value_from(float x, float multiplier, int zero)
{
    float y = fmaf(x, multiplier, (float)zero);
    if (!(fabsf(y) <= 128.0f))
        return 0;
    y = rintf(y);
    return (int8_t)(y > 127.0f ? 127.0f : y < -127.0f ? -127.0f : y);
}

/* The same around 0. */
RFA_INLINE int8_t rfa_quant_value(float x, float multiplier)
{
    return rfa_quant_value_from(x, multiplier, 0);
}

#endif
