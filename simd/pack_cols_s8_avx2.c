#ifndef __AVX2__
#error "pack_cols_s8_avx2.c needs the avx2 flags of CMakeLists.txt"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 8 };

typedef __m256i vint;
typedef __m256 vfloat;

static vint vzero(void)
{
    return _mm256_setzero_si256();
}

static vfloat vset(const float *x)
{
    return _mm256_loadu_ps(x);
}

static vfloat load_lanes(const float *x, size_t n)
{
    const vint index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return n == LANES ? _mm256_loadu_ps(x)
                      : _mm256_maskload_ps(x, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), index));
}

static vint vmagnitude(vfloat v)
{
    return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}

static vint vmax(vint a, vint b)
{
    return _mm256_max_epu32(a, b);
}

static vint vadd(vint a, vint b)
{
    return _mm256_add_epi32(a, b);
}

static vint vquantize(vfloat v, vfloat m)
{
    vfloat y = _mm256_mul_ps(v, m);
    return _mm256_and_si256(_mm256_cvtps_epi32(y), _mm256_castps_si256(_mm256_cmp_ps(y, y, _CMP_ORD_Q)));
}

static vint vjoin(vint a, vint b, vint c, vint d)
{
    const vint byte = _mm256_set1_epi32(0xff);
    vint low = _mm256_or_si256(_mm256_and_si256(a, byte), _mm256_slli_epi32(_mm256_and_si256(b, byte), 8));
    return _mm256_or_si256(low,
                           _mm256_or_si256(_mm256_slli_epi32(_mm256_and_si256(c, byte), 16), _mm256_slli_epi32(d, 24)));
}

static void vget_u32(uint32_t *out, vint v)
{
    _mm256_storeu_si256((vint *)(void *)out, v);
}

static void vget_i32(int32_t *out, vint v)
{
    _mm256_storeu_si256((vint *)(void *)out, v);
}

static void vput(int8_t *w, vint v)
{
    _mm256_storeu_si256((vint *)(void *)w, v);
}

#define PACK_COLS rfa_pack_cols_s8_avx2
#include "pack_cols_s8_x86.h"
