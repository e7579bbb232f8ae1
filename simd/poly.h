/* exp2, exp, log1p and what the networks build on them, in scalar C: the specification that every vector variant
 * repeats step by step (poly_avx2.h, poly_avx512.h, poly_neon.h), so that all give the same bits. No libm function but
 * fmaf.
 *
 * Largest error in units in the last place of the result, denormal results in steps of 2^-149 (tests/test_poly.c
 * measures them against long double):
 *
 *   exp2       1
 *   exp        1.25
 *   decay      2.25 for its argument as rounded; with that rounding 2.75 in [-1, 0] and 1.5 in [-1/16, 0]
 *   log1p      1.25
 *   softplus   2
 *   sigmoid    2.5
 *   silu       3.5; below -87, where its sigmoid is denormal, 2^-142 absolute
 *   gelu       2; below zero, where the function itself fades to zero, 4e-8 absolute if that is more
 *
 * NaN gives NaN (payloads are nobody's promise). Infinities give the limits, but silu(-inf), which is NaN as in
 * PyTorch.
 *
 * The coefficients are weighted minimax fits (Lawson's iteration in 160 bits), rounded to float one by one from the
 * lowest power up with the rest fitted again each time. */
#ifndef RFA_POLY_H
#define RFA_POLY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../quant/inline.h"
#include "kernels.h"

/* ------------------------------------------------------------------ constants, shared with the vector variants */

#define RFA_ROUND 0x1.8p+23f /* x + this - this is x rounded to an integer, half to even, for |x| < 2^22 */

/* 2^r on [-1/2, 1/2]; relative error 0.05 * 2^-24. */
#define RFA_EXP2_C1 0x1.62e430p-1f
#define RFA_EXP2_C2 0x1.ebfbdcp-3f
#define RFA_EXP2_C3 0x1.c6af78p-5f
#define RFA_EXP2_C4 0x1.3b2dccp-7f
#define RFA_EXP2_C5 0x1.5f0a68p-10f
#define RFA_EXP2_C6 0x1.41817ap-13f

/* 2^(r + 1/2) on [0, 1]; relative error 1.1e-7. Exactly 2 at 1/2, so that the decay of 0 is 1, and at 1 exactly twice
 * what it is at 0, so that a step to the next integer may be taken or not. */
#define RFA_DECAY_C0 0x1.6a09e4p+0f
#define RFA_DECAY_C1 0x1.f5e542p-1f
#define RFA_DECAY_C2 0x1.5bcc26p-2f
#define RFA_DECAY_C3 0x1.4324dep-4f
#define RFA_DECAY_C4 0x1.a30070p-7f
#define RFA_DECAY_C5 0x1.57d580p-9f

/* 16256 * 2^r on [-1/2, 1/2], for softmax numerators of 14 bits; relative error 2.8e-6, a twentieth of a unit. */
#define RFA_NUMERATOR_C0  16256.0f
#define RFA_NUMERATOR_C1  0x1.601b6ap+13f
#define RFA_NUMERATOR_C2  0x1.e82b6ep+11f
#define RFA_NUMERATOR_C3  0x1.c66864p+9f
#define RFA_NUMERATOR_C4  0x1.378f6cp+7f
#define RFA_NUMERATOR_MIN -20.0f /* here and below the numerator rounds to 0 */

/* Beyond these the result is 0 or infinity, whatever the distance. */
#define RFA_EXP2_MIN -152.0f
#define RFA_EXP2_MAX 128.0f
#define RFA_EXP_MIN  -105.0f
#define RFA_EXP_MAX  89.0f

/* log2(e) as the sum of two floats, ln(2). */
#define RFA_LOG2E_HI 0x1.715476p+0f
#define RFA_LOG2E_LO 0x1.4ae0c0p-26f
#define RFA_LN2      0x1.62e430p-1f

/* log(1 + f) = f + f^2 (C0 + C1 f + ...) on [-1/4, 1/2]; relative error 0.47 * 2^-24. */
#define RFA_LOG1P_C0 -0x1.000014p-1f
#define RFA_LOG1P_C1 0x1.5555e6p-2f
#define RFA_LOG1P_C2 -0x1.ffdde0p-3f
#define RFA_LOG1P_C3 0x1.992190p-3f
#define RFA_LOG1P_C4 -0x1.588490p-3f
#define RFA_LOG1P_C5 0x1.32da9ep-3f
#define RFA_LOG1P_C6 -0x1.ee5edap-4f
#define RFA_LOG1P_C7 0x1.bbbc74p-5f

/* log2(erfc(a / sqrt(2))) = a (C0 + C1 a + ...) on [0, 14.5], where erfc fades below the least denormal. Weighted so
 * that a * erfc(a / sqrt(2)) / 2 has relative error 0.6 * 2^-24, or absolute error 1e-8 where that is more, and at most
 * 4 % at the far end. */
#define RFA_GELU_MAX 14.5f
#define RFA_GELU_C0  -0x1.26aee2p+0f
#define RFA_GELU_C1  -0x1.d63920p-2f
#define RFA_GELU_C2  -0x1.ae2038p-5f
#define RFA_GELU_C3  0x1.ce4e58p-8f
#define RFA_GELU_C4  -0x1.9ed158p-14f
#define RFA_GELU_C5  -0x1.dabe92p-13f
#define RFA_GELU_C6  0x1.f3c146p-15f
#define RFA_GELU_C7  -0x1.0ba352p-17f
#define RFA_GELU_C8  0x1.45bcd0p-21f
#define RFA_GELU_C9  -0x1.a743e8p-26f
#define RFA_GELU_C10 0x1.c64bb6p-32f

/* ------------------------------------------------------------------ building blocks */

/* The larger of the maximum so far and x. NaN never wins and of two zeros the first stays: x86's MAXPS(x, max). */
RFA_INLINE float rfa_max(float max, float x)
{
    return x > max ? x : max;
}

/* NaN stays, in contrast to fminf and fmaxf. */
RFA_INLINE float rfa_clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

RFA_INLINE uint32_t rfa_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

RFA_INLINE float rfa_bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^r for |r| <= 1/2, by Horner's rule. */
RFA_INLINE float rfa_exp2_reduced(float r)
{
    float p = RFA_EXP2_C6;
    p = fmaf(p, r, RFA_EXP2_C5);
    p = fmaf(p, r, RFA_EXP2_C4);
    p = fmaf(p, r, RFA_EXP2_C3);
    p = fmaf(p, r, RFA_EXP2_C2);
    p = fmaf(p, r, RFA_EXP2_C1);
    return fmaf(p, r, 1.0f);
}

/* p * 2^n rounded once, also into the denormals (x86's VSCALEFPS), for p in [1/2, 3], -152 <= n <= 128. n comes as the
 * float n + RFA_ROUND. The power is two factors: the first product is exact. A NaN's n is garbage and p is NaN then. */
RFA_INLINE float rfa_exp2_scale(float p, float n_rounded)
{
    uint32_t n256 = rfa_float_bits(n_rounded) - (rfa_float_bits(RFA_ROUND) - 256); /* n + 256 */
    uint32_t half = n256 >> 1;
    return p * rfa_bits_float((half - 1) << 23) * rfa_bits_float((n256 - half - 1) << 23);
}

/* 2^(r + 1/2) for 0 <= r <= 1, by Horner's rule. */
RFA_INLINE float rfa_decay_reduced(float r)
{
    float p = RFA_DECAY_C5;
    p = fmaf(p, r, RFA_DECAY_C4);
    p = fmaf(p, r, RFA_DECAY_C3);
    p = fmaf(p, r, RFA_DECAY_C2);
    p = fmaf(p, r, RFA_DECAY_C1);
    return fmaf(p, r, RFA_DECAY_C0);
}

/* ------------------------------------------------------------------ functions */

/* 2^x. */
RFA_INLINE float rfa_exp2(float x)
{
    x = rfa_clamp(x, RFA_EXP2_MIN, RFA_EXP2_MAX);
    float rounded = x + RFA_ROUND;
    return rfa_exp2_scale(rfa_exp2_reduced(x - (rounded - RFA_ROUND)), rounded);
}

/* 2^(dt * rate), the factor of a state of the scan: fewer steps than exp2 for a little of its accuracy.
 *
 * The argument goes down by 1/2 and is cut into an integer below and a fraction. Where dt * rate <= 0, which is meant,
 * it is -1/2 or less and the fraction is exact, however it is come by; between -1/2 and 0 the fraction may have bits
 * below 2^-24, and they are cut off, as VREDUCEPS does. */
RFA_INLINE float rfa_decay(float dt, float rate)
{
    float x = rfa_clamp(fmaf(dt, rate, -0.5f), RFA_EXP2_MIN, RFA_EXP2_MAX);
    float n = x + RFA_ROUND - RFA_ROUND;
    n = n > x ? n - 1.0f : n;
    float r = x - n;
    r = r + n > x ? rfa_bits_float(rfa_float_bits(r) - 1) : r;
    return rfa_exp2_scale(rfa_decay_reduced(r), n + RFA_ROUND);
}

/* e^x as 2^(x log2 e), the product to more than float precision. */
RFA_INLINE float rfa_exp(float x)
{
    x = rfa_clamp(x, RFA_EXP_MIN, RFA_EXP_MAX);
    float rounded = fmaf(x, RFA_LOG2E_HI, RFA_ROUND);
    float r = fmaf(x, RFA_LOG2E_LO, fmaf(x, RFA_LOG2E_HI, -(rounded - RFA_ROUND)));
    return rfa_exp2_scale(rfa_exp2_reduced(r), rounded);
}

/* 16256 * 2^y for y <= 0 or NaN, to be rounded to a whole number. */
RFA_INLINE float rfa_numerator(float y)
{
    y = y < RFA_NUMERATOR_MIN ? RFA_NUMERATOR_MIN : y;
    float rounded = y + RFA_ROUND, r = y - (rounded - RFA_ROUND), p = RFA_NUMERATOR_C4;
    p = fmaf(p, r, RFA_NUMERATOR_C3);
    p = fmaf(p, r, RFA_NUMERATOR_C2);
    p = fmaf(p, r, RFA_NUMERATOR_C1);
    p = fmaf(p, r, RFA_NUMERATOR_C0);
    return p * rfa_bits_float((rfa_float_bits(rounded) - (rfa_float_bits(RFA_ROUND) - 127)) << 23);
}

/* log2(e) * scale, by which softmax_s8 multiplies differences of scores. 0 becomes the least float: the same
 * numerators, but no NaN from masked values, which are -infinity. */
RFA_INLINE float rfa_numerator_scale(float scale)
{
    float factor = scale * RFA_LOG2E_HI;
    return factor == 0.0f ? 0x1p-149f : factor;
}

/* log(1 + z) for 0 <= z <= 1. From 1/2 on as ln 2 + log((1 + z) / 2), whose f = (z - 1) / 2 is exact. */
RFA_INLINE float rfa_log1p(float z)
{
    float f = z >= 0.5f ? fmaf(z, 0.5f, -0.5f) : z;
    float q = RFA_LOG1P_C7;
    q = fmaf(q, f, RFA_LOG1P_C6);
    q = fmaf(q, f, RFA_LOG1P_C5);
    q = fmaf(q, f, RFA_LOG1P_C4);
    q = fmaf(q, f, RFA_LOG1P_C3);
    q = fmaf(q, f, RFA_LOG1P_C2);
    q = fmaf(q, f, RFA_LOG1P_C1);
    q = fmaf(q, f, RFA_LOG1P_C0);
    float log = fmaf(f * f, q, f);
    return z >= 0.5f ? log + RFA_LN2 : log;
}

/* max(x, 0), NaN stays. */
RFA_INLINE float rfa_relu(float x)
{
    return 0.0f > x ? 0.0f : x;
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
RFA_INLINE float rfa_softplus(float x)
{
    return rfa_relu(x) + rfa_log1p(rfa_exp(-fabsf(x)));
}

/* 1 / (1 + e^-x), by e^-|x| on both sides so that nothing overflows. */
RFA_INLINE float rfa_sigmoid(float x)
{
    float z = rfa_exp(-fabsf(x));
    return (x < 0.0f ? z : 1.0f) / (1.0f + z);
}

RFA_INLINE float rfa_silu(float x)
{
    return x * rfa_sigmoid(x);
}

/* x/2 (1 + erf(x / sqrt 2)) = max(x, 0) - a/2 erfc(a / sqrt 2) with a = |x|; erfc is 2 to the power of a polynomial. */
RFA_INLINE float rfa_gelu(float x)
{
    float a = fabsf(x);
    a = a > RFA_GELU_MAX ? RFA_GELU_MAX : a;
    float p = RFA_GELU_C10;
    p = fmaf(p, a, RFA_GELU_C9);
    p = fmaf(p, a, RFA_GELU_C8);
    p = fmaf(p, a, RFA_GELU_C7);
    p = fmaf(p, a, RFA_GELU_C6);
    p = fmaf(p, a, RFA_GELU_C5);
    p = fmaf(p, a, RFA_GELU_C4);
    p = fmaf(p, a, RFA_GELU_C3);
    p = fmaf(p, a, RFA_GELU_C2);
    p = fmaf(p, a, RFA_GELU_C1);
    p = fmaf(p, a, RFA_GELU_C0);
    return fmaf(-0.5f * a, rfa_exp2(p * a), rfa_relu(x));
}

RFA_INLINE float rfa_act_value(float x, enum rfa_act act)
{
    switch (act) {
    case RFA_ACT_RELU:
        return rfa_relu(x);
    case RFA_ACT_GELU:
        return rfa_gelu(x);
    case RFA_ACT_SILU:
        return rfa_silu(x);
    case RFA_ACT_SIGMOID:
        return rfa_sigmoid(x);
    case RFA_ACT_SOFTPLUS:
        return rfa_softplus(x);
    case RFA_ACT_NONE:
    case RFA_ACT_COUNT:
        break;
    }
    return x;
}

#endif
