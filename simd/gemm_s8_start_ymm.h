/* Where the sums of the int8 products on YMM registers start, whose activations count from another value than a_zero.
 */
#ifndef RFA_GEMM_S8_START_YMM_H
#define RFA_GEMM_S8_START_YMM_H

#include <immintrin.h>

#include "../quant/quant.h"
#include "gemm_s8_tile.h"

/* The sums of panel n / 16, [16] on a 32-byte boundary, start at `shift` times those of their weights. */
INLINE void start_sums(int32_t *start, const struct rfa_gemm_s8_args *g, size_t n, int32_t shift)
{
    for (size_t j = 0; j < RFA_PANEL_N; j += 8) {
        const __m256i w_sum = _mm256_loadu_si256((const __m256i *)(const void *)(g->w_sum + n + j));
        _mm256_store_si256((__m256i *)(void *)(start + j), _mm256_mullo_epi32(w_sum, _mm256_set1_epi32(shift)));
    }
}

#endif
