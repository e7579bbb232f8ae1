/* VPDPBUSD multiplies unsigned by signed bytes, so activations come offset by 128 and every sum starts at -128 times
 * the sum of its weights. int32 addition wraps, hence the result is exact although the terms on the way may not fit.
 *
 *              panel p     panel p+1   panel p+2   panel p+3        one line (4 k) of each: four ZMM, 64 outputs
 *   row m+0  [ 16 sums   | 16 sums   | 16 sums   | 16 sums ]
 *     ...                                                           4 bytes of a row, broadcast, times four lines
 *   row m+5  [ 16 sums   | 16 sums   | 16 sums   | 16 sums ]        24 accumulators
 */
#if !defined(__AVX512VNNI__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "gemm_s8_avx512vnni.c needs the flags of rfa_simd(avx512vnni) in CMakeLists.txt"
#endif
#include <assert.h>
#include <string.h>

#include "../quant/quant.h"
#define GEMM_LANES 16
#include "gemm_s8_finish_x86.h"

enum {
    ROWS = 6,
    PANELS = 4,
    COLS = PANELS * RFA_PANEL_N,
    AHEAD =
        1024 /* bytes between a line and the one fetched into L1 for later: hides L2, which streams do not without it */
};

/* Where a tile reads: rows of activations, and the panels with the sums of their weights. */
struct source {
    const int8_t *a;
    size_t a_stride;
    const int8_t *w[PANELS];
    const int32_t *w_sum[PANELS];
    size_t lines;
};

INLINE __m512i broadcast4(const int8_t *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return _mm512_set1_epi32(x);
}

/* Fetching past the end of a panel is harmless: a prefetch never faults. */
INLINE void prefetch(const int8_t *line)
{
    _mm_prefetch((const char *)((uintptr_t)line + AHEAD), _MM_HINT_T0);
}

/* sum[rows][COLS] of the tile. `rows` is a constant in every caller and the loops over it unroll, so acc lives in
 * registers. */
INLINE void product(int32_t *sum, const struct source *s, const size_t rows)
{
    __m512i acc[ROWS][PANELS];
#pragma GCC unroll 4
    for (size_t j = 0; j < PANELS; j++) {
        __m512i start = _mm512_slli_epi32(_mm512_loadu_si512(s->w_sum[j]), 7);
#pragma GCC unroll 6
        for (size_t i = 0; i < rows; i++)
            acc[i][j] = _mm512_sub_epi32(_mm512_setzero_si512(), start);
    }
    for (size_t line = 0; line < s->lines; line++) {
        __m512i w[PANELS];
#pragma GCC unroll 4
        for (size_t j = 0; j < PANELS; j++) {
            w[j] = _mm512_load_si512(s->w[j] + line * RFA_LINE);
            prefetch(s->w[j] + line * RFA_LINE);
        }
#pragma GCC unroll 6
        for (size_t i = 0; i < rows; i++) {
            __m512i a = broadcast4(s->a + i * s->a_stride + line * RFA_PANEL_K);
#pragma GCC unroll 4
            for (size_t j = 0; j < PANELS; j++)
                acc[i][j] = _mm512_dpbusd_epi32(acc[i][j], a, w[j]);
        }
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t j = 0; j < PANELS; j++)
            _mm512_store_si512(sum + i * COLS + j * RFA_PANEL_N, acc[i][j]);
}

typedef void product_t(int32_t *sum, const struct source *s);

#define PRODUCT(rows)                                                                                                  \
    static void product_##rows(int32_t *sum, const struct source *s)                                                   \
    {                                                                                                                  \
        product(sum, s, rows);                                                                                         \
    }
PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)

static product_t *const products[ROWS + 1] = {NULL, product_1, product_2, product_3, product_4, product_5, product_6};

/* The four panels from output n on. Where the matrix has fewer, the last one is read again and its sums are not stored.
 */
static void take_panels(struct source *s, const struct rfa_gemm_s8_args *g, size_t n)
{
    size_t panels = (g->n + RFA_PANEL_N - 1) / RFA_PANEL_N;
    for (size_t j = 0; j < PANELS; j++) {
        size_t panel = n / RFA_PANEL_N + j;
        panel = panel < panels ? panel : panels - 1;
        s->w[j] = g->w + panel * s->lines * RFA_LINE;
        s->w_sum[j] = g->w_sum + panel * RFA_PANEL_N;
    }
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    struct source s = {.a_stride = g->a_stride, .lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K};
    struct tile t = {.sum = g->scratch, .stride = COLS};
    for (t.n = 0; t.n < g->n; t.n += COLS) {
        t.cols = g->n - t.n < COLS ? g->n - t.n : COLS;
        take_panels(&s, g, t.n);
        for (t.m = 0; t.m < g->m; t.m += t.rows) {
            t.rows = even_rows(g->m, t.m, ROWS);
            s.a = g->a + t.m * g->a_stride;
            products[t.rows](g->scratch, &s);
            finish_tile(g, &t);
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return ROWS * COLS * sizeof(int32_t);
}

rfa_gemm_s8_t rfa_gemm_s8_avx512vnni = {
    .a_xor = 0x80, .mr = ROWS, .mc = 256, .scratch_bytes = scratch_bytes, .run = run};
