/* The end of the int8 product on x86: a tile of int32 sums becomes rows of dst.
 *
 * Parameter  GEMM_LANES  8 (AVX2) or 16 (AVX-512): floats of a vector
 * The sums lie in scratch, row-major, so the product loops need no masks and no float code; a tile stays in L1 in
 * between. */
#ifndef RFA_GEMM_S8_FINISH_X86_H
#define RFA_GEMM_S8_FINISH_X86_H

#include <immintrin.h>

#include "gemm_s8_tile.h"

#if GEMM_LANES == 16
#include "poly_avx512.h"
typedef __m512 vf;
typedef __mmask16 vmask;
#define VF_SET1            _mm512_set1_ps
#define VF_MUL             _mm512_mul_ps
#define VF_ADD             _mm512_add_ps
#define VF_FMA             _mm512_fmadd_ps
#define VF_LOAD            _mm512_loadu_ps
#define VF_STORE           _mm512_storeu_ps
#define VF_FROM_I32(p)     _mm512_cvtepi32_ps(_mm512_load_si512(p))
#define VF_MASK(n)         ((vmask)((1u << (n)) - 1))
#define VF_LOADM(p, m)     _mm512_maskz_loadu_ps(m, p)
#define VF_STOREM(p, m, x) _mm512_mask_storeu_ps(p, m, x)
#define VF_ACT             rfa_vact_avx512
#elif GEMM_LANES == 8
#include "poly_avx2.h"
typedef __m256 vf;
typedef __m256i vmask;
#define VF_SET1            _mm256_set1_ps
#define VF_MUL             _mm256_mul_ps
#define VF_ADD             _mm256_add_ps
#define VF_FMA             _mm256_fmadd_ps
#define VF_LOAD            _mm256_loadu_ps
#define VF_STORE           _mm256_storeu_ps
#define VF_FROM_I32(p)     _mm256_cvtepi32_ps(_mm256_load_si256((const __m256i *)(p)))
#define VF_MASK(n)         _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define VF_LOADM(p, m)     _mm256_maskload_ps(p, m)
#define VF_STOREM(p, m, x) _mm256_maskstore_ps(p, m, x)
#define VF_ACT             rfa_vact_avx2
#else
#error "gemm_s8_finish_x86.h: GEMM_LANES must be 8 or 16"
#endif

/* y before activation, of GEMM_LANES columns from column j of the tile. */
INLINE vf scaled(const struct rfa_gemm_s8_args *g, const int32_t *sum, vf a_scale, size_t n)
{
    vf bias = g->bias ? VF_LOAD(g->bias + n) : VF_SET1(0.0f);
    return VF_FMA(VF_FROM_I32(sum), VF_MUL(a_scale, VF_LOAD(g->w_scale + n)), bias);
}

/* y with the residual, of that ReLU where it is asked for. */
INLINE vf with_residual(const struct rfa_gemm_s8_args *g, vf y, vf residual)
{
    y = VF_ADD(y, residual);
    return g->relu_last ? VF_ACT(y, RFA_ACT_RELU) : y;
}

INLINE void finish_row(const struct rfa_gemm_s8_args *g, const struct tile *t, size_t i, enum rfa_act act)
{
    const int32_t *sum = t->sum + i * t->stride;
    float *dst = g->dst + (t->m + i) * g->dst_stride + t->n;
    const float *residual = g->residual ? g->residual + (t->m + i) * g->residual_stride + t->n : NULL;
    vf a_scale = VF_SET1(g->a_scale[(t->m + i) * g->a_scale_step]);
    size_t j = 0;
    for (; j + GEMM_LANES <= t->cols; j += GEMM_LANES) {
        vf y = VF_ACT(scaled(g, sum + j, a_scale, t->n + j), act);
        VF_STORE(dst + j, residual ? with_residual(g, y, VF_LOAD(residual + j)) : y);
    }
    if (j < t->cols) {
        vmask mask = VF_MASK(t->cols - j);
        vf y = VF_ACT(scaled(g, sum + j, a_scale, t->n + j), act);
        VF_STOREM(dst + j, mask, residual ? with_residual(g, y, VF_LOADM(residual + j, mask)) : y);
    }
}

#endif
