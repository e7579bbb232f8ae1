/* What the products on YMM registers share that multiply unsigned by signed bytes: activations come offset by 128. */
#ifndef RFA_GEMM_S8_OFFSET_YMM_H
#define RFA_GEMM_S8_OFFSET_YMM_H

#include <immintrin.h>

#include "../quant/quant.h"
#include "gemm_s8_tile.h"

enum { OFFSET = 128 };

/* Where the sums of panel n / 16 begin, [16] on a 32-byte boundary, so that OFFSET + a_zero counts as 0. */
INLINE void start_sums(int32_t *start, const struct rfa_gemm_s8_args *g, size_t n)
{
    const __m256i offset = _mm256_set1_epi32(-(OFFSET + g->a_zero));
    for (size_t j = 0; j < RFA_PANEL_N; j += 8) {
        const __m256i w_sum = _mm256_loadu_si256((const __m256i *)(const void *)(g->w_sum + n + j));
        _mm256_store_si256((__m256i *)(void *)(start + j), _mm256_mullo_epi32(w_sum, offset));
    }
}

#endif
