/* VPMADDWD multiplies pairs of 16-bit values and adds each pair into 32 bits, exactly. Bytes are widened into scratch
 * as half lines: of the 4 values k of a 32-bit lane, the first half holds k 0 and 2, the second k 1 and 3.
 *
 *   for blocks of MC rows, NC outputs, KC inputs:     a16 [MC][KC/4][half][2]       stays in L2
 *     for groups of 2 panels:                         w16 [KC/4][half][COLS][2]     stays in L1
 *       for tiles of ROWS rows:                       sum [MC][NC] += 2 * ROWS accumulators
 */
#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "gemm_s8_avx512.c needs the flags of rfa_simd(avx512) in CMakeLists.txt"
#endif
#include <string.h>

#include "../quant/quant.h"
#include "../src/sizes.h"
#define GEMM_LANES 16
#include "gemm_s8_finish_x86.h"

enum {
    ROWS = 6,
    COLS = 2 * RFA_PANEL_N, /* outputs of a tile: two panels, each of a vector */
    MC = 20 * ROWS,
    NC = 256,
    KC = 512,
    LINES = KC / RFA_PANEL_K
};

struct scratch {
    int32_t sum[MC * NC];
    int16_t a16[MC * KC];
    int16_t w16[COLS * KC];
    int32_t start[COLS]; /* of the sums: -a_zero times those of the weights */
};

#include "gemm_s8_blocks.h"

/* Padding up to the next 64 inputs is widened as well; it is zero and no line reads it. */
static void widen_rows(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b)
{
    const size_t bytes = rfa_row_bytes(b->lines * RFA_PANEL_K);
    for (size_t i = 0; i < b->rows; i++) {
        const int8_t *a = g->a + (b->m + i) * g->a_stride + b->line * RFA_PANEL_K;
        int16_t *a16 = x->a16 + i * KC;
        for (size_t j = 0; j < bytes; j += 32) {
            __m512i v = _mm512_cvtepi8_epi16(_mm256_load_si256((const __m256i *)(const void *)(a + j)));
            _mm512_store_si512(a16 + j, _mm512_shufflehi_epi16(_mm512_shufflelo_epi16(v, 0xd8), 0xd8)); /* k 0 2 1 3 */
        }
    }
}

/* Lines of the two panels from `panel` on. Where the matrix ends with half a tile, its last panel is taken twice. */
static void widen_panels(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b, size_t panel)
{
    const size_t panel_lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K, last = (g->n - 1) / RFA_PANEL_N;
    for (size_t j = 0; j < COLS; j += RFA_PANEL_N, panel += panel < last) {
        const int8_t *w = g->w + (panel * panel_lines + b->line) * RFA_LINE;
        const __m512i w_sum = _mm512_loadu_si512(g->w_sum + panel * RFA_PANEL_N);
        _mm512_store_si512(x->start + j, _mm512_mullo_epi32(w_sum, _mm512_set1_epi32(-g->a_zero)));
        for (size_t line = 0; line < b->lines; line++) {
            __m512i four = _mm512_load_si512(w + line * RFA_LINE);
            int16_t *half = x->w16 + line * 4 * COLS + j * 2;
            _mm512_store_si512(half, _mm512_srai_epi16(_mm512_slli_epi16(four, 8), 8));
            _mm512_store_si512(half + 2 * COLS, _mm512_srai_epi16(four, 8));
        }
    }
}

struct pair {
    __m512i p0, p1;
};

INLINE struct pair load_pair(const void *p)
{
    return (struct pair){_mm512_load_si512(p), _mm512_load_si512((const char *)p + RFA_LINE)};
}

INLINE void multiply(struct pair *acc, const int16_t *a, const struct pair *w)
{
    int32_t two;
    memcpy(&two, a, sizeof two);
    __m512i x = _mm512_set1_epi32(two);
    acc->p0 = _mm512_add_epi32(acc->p0, _mm512_madd_epi16(x, w->p0));
    acc->p1 = _mm512_add_epi32(acc->p1, _mm512_madd_epi16(x, w->p1));
}

INLINE void store_pair(int32_t *sum, const struct pair *acc)
{
    _mm512_store_si512(sum, acc->p0);
    _mm512_store_si512(sum + RFA_PANEL_N, acc->p1);
}

#define LOAD(i, row)     row = load_pair(sum + (i)*NC)
#define MULTIPLY(i, row) multiply(&row, a + (i)*KC, &w)
#define STORE(i, row)    store_pair(sum + (i)*NC, &row)

/* sum[rows][COLS] (stride NC), which begins as `start` or, where that is NULL, goes on from where it is, += products of
 * `lines` lines. */
INLINE void product(int32_t *sum, const int32_t *start, const int16_t *a16, const int16_t *w16, size_t lines,
                    const size_t rows)
{
    struct pair r0 = load_pair(start ? start : sum);
    struct pair r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0;
    if (!start)
        EACH_ROW(LOAD);
    for (size_t half = 0; half < 2 * lines; half++) {
        const int16_t *a = a16 + half * 2;
        const struct pair w = load_pair(w16 + half * 2 * COLS);
        EACH_ROW(MULTIPLY);
    }
    EACH_ROW(STORE);
}

typedef void product_t(int32_t *sum, const int32_t *start, const int16_t *a16, const int16_t *w16, size_t lines);

#define PRODUCT(rows)                                                                                                  \
    static void product_##rows(int32_t *sum, const int32_t *start, const int16_t *a16, const int16_t *w16,             \
                               size_t lines)                                                                           \
    {                                                                                                                  \
        product(sum, start, a16, w16, lines, rows);                                                                    \
    }
PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)

static product_t *const products[ROWS + 1] = {NULL, product_1, product_2, product_3, product_4, product_5, product_6};

static void add_block(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b)
{
    widen_rows(x, g, b);
    for (size_t j = 0; j < b->cols; j += COLS) {
        widen_panels(x, g, b, (b->n + j) / RFA_PANEL_N);
        for (size_t i = 0, rows; i < b->rows; i += rows) {
            rows = even_rows(b->rows, i, ROWS);
            products[rows](x->sum + i * NC + j, b->line == 0 ? x->start : NULL, x->a16 + i * KC, x->w16, b->lines);
        }
    }
}

rfa_gemm_s8_t rfa_gemm_s8_avx512 = {.a_xor = 0, .mr = ROWS, .mc = MC, .scratch_bytes = scratch_bytes, .run = run};
