#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "pack_cols_s8_avx512.c needs the avx512 flags of CMakeLists.txt"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 16 };

typedef __m512i vint;
typedef __m512 vfloat;

static vint vzero(void)
{
    return _mm512_setzero_si512();
}

static vfloat vset(const float *x)
{
    return _mm512_loadu_ps(x);
}

static vfloat load_lanes(const float *x, size_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
}

static vint vmagnitude(vfloat v)
{
    return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}

static vint vmax(vint a, vint b)
{
    return _mm512_max_epu32(a, b);
}

static vint vadd(vint a, vint b)
{
    return _mm512_add_epi32(a, b);
}

static vint vquantize(vfloat v, vfloat m)
{
    vfloat y = _mm512_mul_ps(v, m);
    return _mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(y, y, _CMP_ORD_Q), y);
}

static vint vjoin(vint a, vint b, vint c, vint d)
{
    const vint byte = _mm512_set1_epi32(0xff);
    vint low = _mm512_or_si512(_mm512_and_si512(a, byte), _mm512_slli_epi32(_mm512_and_si512(b, byte), 8));
    return _mm512_or_si512(low,
                           _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(c, byte), 16), _mm512_slli_epi32(d, 24)));
}

static void vget_u32(uint32_t *out, vint v)
{
    _mm512_storeu_si512(out, v);
}

static void vget_i32(int32_t *out, vint v)
{
    _mm512_storeu_si512(out, v);
}

static void vput(int8_t *w, vint v)
{
    _mm512_storeu_si512(w, v);
}

#define PACK_COLS rfa_pack_cols_s8_avx512
#include "pack_cols_s8_x86.h"
