#ifndef RFA_VEC16_ROW_NEON_H
#define RFA_VEC16_ROW_NEON_H

#include "vec16_neon.h"
#include "vec16_row.h"

VEC16_INLINE vec16 vec16_exp(vec16 x)
{
    return (vec16){{rfa_vexp_neon(x.q[0]), rfa_vexp_neon(x.q[1]), rfa_vexp_neon(x.q[2]), rfa_vexp_neon(x.q[3])}};
}

VEC16_INLINE vec16 vec16_numerator(vec16 y)
{
    const vec16 round = vec16_set1(RFA_ROUND);
    const int32x4_t offset = vsubq_s32(vreinterpretq_s32_f32(vdupq_n_f32(RFA_ROUND)), vdupq_n_s32(127));
    y = vec16_max(y, vec16_set1(RFA_NUMERATOR_MIN)); /* NaN stays */
    vec16 rounded = vec16_add(y, round), r = vec16_sub(y, vec16_sub(rounded, round));
    vec16 p = vec16_set1(RFA_NUMERATOR_C4);
    p = vec16_fma(p, r, vec16_set1(RFA_NUMERATOR_C3));
    p = vec16_fma(p, r, vec16_set1(RFA_NUMERATOR_C2));
    p = vec16_fma(p, r, vec16_set1(RFA_NUMERATOR_C1));
    p = vec16_fma(p, r, vec16_set1(RFA_NUMERATOR_C0));
    for (int i = 0; i < 4; i++) {
        int32x4_t power = vshlq_n_s32(vsubq_s32(vreinterpretq_s32_f32(rounded.q[i]), offset), 23);
        p.q[i] = vfmaq_f32(round.q[i], p.q[i], vreinterpretq_f32_s32(power));
    }
    return p;
}

VEC16_INLINE vec16 vec16_load_least(const float *p, size_t n)
{
    float lanes[16];
    for (size_t j = 0; j < 16; j++)
        lanes[j] = j < n ? p[j] : -INFINITY;
    return vec16_load(lanes);
}

VEC16_INLINE vec16 vec16_act(vec16 x, enum rfa_act act)
{
    for (int i = 0; i < 4; i++)
        x.q[i] = rfa_vact_neon(x.q[i], act);
    return x;
}

VEC16_INLINE vec16 vec16_magnitude(vec16 max, vec16 x)
{
    for (int i = 0; i < 4; i++) {
        uint32x4_t magnitude = vreinterpretq_u32_f32(vabsq_f32(x.q[i]));
        max.q[i] = vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(max.q[i]), magnitude));
    }
    return max;
}

VEC16_INLINE uint32_t vec16_largest_magnitude(vec16 max)
{
    uint32x4_t low = vmaxq_u32(vreinterpretq_u32_f32(max.q[0]), vreinterpretq_u32_f32(max.q[1]));
    uint32x4_t high = vmaxq_u32(vreinterpretq_u32_f32(max.q[2]), vreinterpretq_u32_f32(max.q[3]));
    return vmaxvq_u32(vmaxq_u32(low, high));
}

VEC16_INLINE vec16 vec16_max_signed(vec16 a, vec16 b)
{
    for (int i = 0; i < 4; i++)
        a.q[i] = vreinterpretq_f32_s32(vmaxq_s32(vreinterpretq_s32_f32(a.q[i]), vreinterpretq_s32_f32(b.q[i])));
    return a;
}

VEC16_INLINE vec16 vec16_max_unsigned(vec16 a, vec16 b)
{
    for (int i = 0; i < 4; i++)
        a.q[i] = vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(a.q[i]), vreinterpretq_u32_f32(b.q[i])));
    return a;
}

VEC16_INLINE float vec16_largest(vec16 v)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.q[0], v.q[1]), vmaxq_f32(v.q[2], v.q[3])));
}

VEC16_INLINE vec16 vec16_within(vec16 x, float limit)
{
    for (int i = 0; i < 4; i++) {
        uint32x4_t within = vcaleq_f32(x.q[i], vdupq_n_f32(limit));
        x.q[i] = vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x.q[i]), within));
    }
    return x;
}

typedef struct {
    int8x16_t q[4];
} line;

VEC16_INLINE line line_round(const vec16 x[4])
{
    line l;
    for (int i = 0; i < 4; i++) {
        int16x8_t low = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(x[i].q[0])), vqmovn_s32(vcvtnq_s32_f32(x[i].q[1])));
        int16x8_t high = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(x[i].q[2])), vqmovn_s32(vcvtnq_s32_f32(x[i].q[3])));
        l.q[i] = vcombine_s8(vqmovn_s16(low), vqmovn_s16(high));
    }
    return l;
}

/* The lowest byte of each lane. */
VEC16_INLINE line line_low_bytes(const vec16 x[4])
{
    line l;
    for (int i = 0; i < 4; i++) {
        uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_f32(x[i].q[0]), vreinterpretq_u16_f32(x[i].q[1]));
        uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_f32(x[i].q[2]), vreinterpretq_u16_f32(x[i].q[3]));
        l.q[i] = vreinterpretq_s8_u8(vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)));
    }
    return l;
}

/* An odd number of 128s turns the highest bit. */
VEC16_INLINE line line_minus_128(line a, line b)
{
    for (int i = 0; i < 4; i++)
        a.q[i] = veorq_s8(a.q[i], vshlq_n_s8(b.q[i], 7));
    return a;
}

VEC16_INLINE void line_store(uint8_t *q, line l, uint8_t a_xor)
{
    for (int i = 0; i < 4; i++)
        vst1q_u8(q + 16 * i, veorq_u8(vreinterpretq_u8_s8(l.q[i]), vdupq_n_u8(a_xor)));
}

#endif
