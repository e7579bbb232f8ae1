/* gemm_s8_avxvnni.c with AVX2 in place of its one instruction, as a further row of test_gemm_s8.c. */
#include <immintrin.h>

/* VPDPBUSD: in each 32-bit lane the four products of an unsigned byte of x and a signed byte of w are added to sum.
 * Bytes 0 and 2 of a lane are widened in place, then 1 and 3; a pair of products fits into 32 bits, nothing saturates.
 */
static inline __m256i dpbusd(__m256i sum, __m256i x, __m256i w)
{
    const __m256i even =
        _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

#define DPBUSD              dpbusd
#define rfa_gemm_s8_avxvnni rfa_gemm_s8_avxvnni_emulated
#include "../simd/gemm_s8_avxvnni.c"
