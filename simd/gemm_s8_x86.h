/* The int8 product without a dot-product instruction, for two vector widths.
 *
 * Parameters  GEMM_LANES  8: AVX2, 16: AVX-512 BW (int32 values of a vector)
 *
 * VPMADDWD multiplies pairs of 16-bit values and adds each pair into 32 bits, exactly. (VPMADDUBSW on bytes would need
 * the signs moved from one factor to the other for every pair of vectors: as many instructions, on fewer ports.) Bytes
 * are widened into scratch as half lines: of the 4 values k of a 32-bit lane, the first half holds k 0 and 2, the
 * second k 1 and 3.
 *
 *   for blocks of MC rows, NC outputs, KC inputs:     a16 [MC][KC/4][half][2]       stays in L2
 *     for groups of 2 vectors of outputs:             w16 [KC/4][half][COLS][2]     stays in L1
 *       for tiles of ROWS rows:                       sum [MC][NC] += 2 * ROWS accumulators
 */
#ifndef RFA_GEMM_S8_X86_H
#define RFA_GEMM_S8_X86_H

#include <assert.h>
#include <string.h>

#include "../quant/quant.h"
#include "../src/sizes.h"
#include "gemm_s8_finish_x86.h"

#if GEMM_LANES == 16
typedef __m512i vi;
#define VI_SET1        _mm512_set1_epi32
#define VI_ADD         _mm512_add_epi32
#define VI_MUL         _mm512_mullo_epi32
#define VI_MADD        _mm512_madd_epi16
#define VI_LOAD(p)     _mm512_load_si512(p)
#define VI_LOADU(p)    _mm512_loadu_si512(p)
#define VI_STORE(p, x) _mm512_store_si512(p, x)
#define VI_WIDEN(p)    _mm512_cvtepi8_epi16(_mm256_load_si256((const __m256i *)(p)))
#define VI_SWAP(x)     _mm512_shufflehi_epi16(_mm512_shufflelo_epi16(x, 0xd8), 0xd8)
#define VI_SLL16       _mm512_slli_epi16
#define VI_SRA16       _mm512_srai_epi16
#else
typedef __m256i vi;
#define VI_SET1        _mm256_set1_epi32
#define VI_ADD         _mm256_add_epi32
#define VI_MUL         _mm256_mullo_epi32
#define VI_MADD        _mm256_madd_epi16
#define VI_LOAD(p)     _mm256_load_si256((const __m256i *)(p))
#define VI_LOADU(p)    _mm256_loadu_si256((const __m256i *)(p))
#define VI_STORE(p, x) _mm256_store_si256((__m256i *)(p), x)
#define VI_WIDEN(p)    _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(p)))
#define VI_SWAP(x)     _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(x, 0xd8), 0xd8)
#define VI_SLL16       _mm256_slli_epi16
#define VI_SRA16       _mm256_srai_epi16
#endif

enum {
    ROWS = 6,
    COLS = 2 * GEMM_LANES, /* outputs of a tile: one or two panels */
    MC = 20 * ROWS,
    NC = 256,
    KC = 512,
    LINES = KC / RFA_PANEL_K,
    V_BYTES = 4 * GEMM_LANES
};

struct scratch {
    int32_t sum[MC * NC];
    int16_t a16[MC * KC];
    int16_t w16[COLS * KC];
    int32_t start[COLS]; /* of the sums: -a_zero times those of the weights */
};

/* One block of the product: rows [m, m + rows), outputs [n, n + cols), lines [line, line + lines). */
struct block {
    size_t m, n, line, rows, cols, lines;
};

/* Padding up to the next 64 inputs is widened as well; it is zero and no line reads it. */
static void widen_rows(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b)
{
    const size_t bytes = rfa_row_bytes(b->lines * RFA_PANEL_K);
    for (size_t i = 0; i < b->rows; i++) {
        const int8_t *a = g->a + (b->m + i) * g->a_stride + b->line * RFA_PANEL_K;
        int16_t *a16 = x->a16 + i * KC;
        for (size_t j = 0; j < bytes; j += V_BYTES / 2)
            VI_STORE(a16 + j, VI_SWAP(VI_WIDEN(a + j))); /* k 0 2 1 3 */
    }
}

/* Lines of the COLS outputs from n on. Where the matrix ends with half a tile, its last panel is taken twice. */
static void widen_panels(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b, size_t n)
{
    const size_t panel_lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K;
    const size_t last = (g->n - 1) / RFA_PANEL_N;
    for (size_t j = 0; j < COLS; j += GEMM_LANES) {
        size_t panel = (n + j) / RFA_PANEL_N < last ? (n + j) / RFA_PANEL_N : last;
        const size_t lane = (n + j) % RFA_PANEL_N;
        const int8_t *w = g->w + (panel * panel_lines + b->line) * RFA_LINE + lane * RFA_PANEL_K;
        const vi w_sum = VI_LOADU(g->w_sum + panel * RFA_PANEL_N + lane);
        VI_STORE(x->start + j, VI_MUL(w_sum, VI_SET1(-g->a_zero)));
        for (size_t line = 0; line < b->lines; line++) {
            vi four = VI_LOAD(w + line * RFA_LINE);
            VI_STORE(x->w16 + line * 4 * COLS + j * 2, VI_SRA16(VI_SLL16(four, 8), 8));
            VI_STORE(x->w16 + line * 4 * COLS + (j + COLS) * 2, VI_SRA16(four, 8));
        }
    }
}

struct pair {
    vi p0, p1;
};

INLINE struct pair load_pair(const void *p)
{
    return (struct pair){VI_LOAD(p), VI_LOAD((const char *)p + V_BYTES)};
}

INLINE void multiply(struct pair *acc, const int16_t *a, const struct pair *w)
{
    int32_t two;
    memcpy(&two, a, sizeof two);
    vi x = VI_SET1(two);
    acc->p0 = VI_ADD(acc->p0, VI_MADD(x, w->p0));
    acc->p1 = VI_ADD(acc->p1, VI_MADD(x, w->p1));
}

INLINE void store_pair(int32_t *sum, const struct pair *acc)
{
    VI_STORE(sum, acc->p0);
    VI_STORE(sum + GEMM_LANES, acc->p1);
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
        widen_panels(x, g, b, b->n + j);
        for (size_t i = 0, rows; i < b->rows; i += rows) {
            rows = even_rows(b->rows, i, ROWS);
            products[rows](x->sum + i * NC + j, b->line == 0 ? x->start : NULL, x->a16 + i * KC, x->w16, b->lines);
        }
    }
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    struct scratch *x = g->scratch;
    const size_t lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K;
    struct block b = {0};
    for (b.m = 0; b.m < g->m; b.m += b.rows) {
        b.rows = even_rows(g->m, b.m, MC);
        for (b.n = 0; b.n < g->n; b.n += NC) {
            b.cols = rfa_smaller(NC, g->n - b.n);
            for (b.line = 0; b.line < lines; b.line += LINES) {
                b.lines = rfa_smaller(LINES, lines - b.line);
                add_block(x, g, &b);
            }
            finish_tile(g, &(struct tile){x->sum, NC, b.m, b.n, b.rows, b.cols});
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return sizeof(struct scratch);
}

#endif
