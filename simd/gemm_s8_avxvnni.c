/* VPDPBUSD on YMM registers, for processors that have it without AVX-512. It multiplies unsigned by signed bytes, so
 * activations come offset by 128, and every sum starts at -(128 + a_zero) times the sum of its weights. int32 addition
 * wraps, hence the result is exact although the terms on the way may not fit.
 *
 *              one panel
 *   row m+0  [ 8 sums | 8 sums ]     one line of it (4 k): two YMM
 *     ...                            4 bytes of a row, broadcast, times both
 *   row m+5  [ 8 sums | 8 sums ]     12 accumulators, 2 registers of weights, 1 of activations
 *
 *   for blocks of MC rows:
 *     for panels:                    sum [MC][16] in scratch
 *       for pieces of a panel:       up to PIECE lines (12 KiB) stay in L1, and the piece that follows is fetched
 *         for tiles of ROWS rows:    sum[tile] += piece
 *
 * A matrix's pieces follow each other in memory: with few rows its weights are one stream that is read once.
 */
#include <assert.h>
#include <string.h>

#include "../quant/quant.h"
#include "../src/sizes.h"
#define GEMM_LANES 8
#include "gemm_s8_finish_x86.h"
#include "gemm_s8_start_ymm.h"

/* The one instruction of this tier. gemm_s8_avxvnni_emulated.c of the tests has AVX2 do the same. */
#ifndef DPBUSD
#ifndef __AVXVNNI__
#error "gemm_s8_avxvnni.c needs the flags of rfa_simd(avxvnni) in CMakeLists.txt"
#endif
#define DPBUSD _mm256_dpbusd_avx_epi32
#endif

enum {
    OFFSET = 128, /* of the activations */
    ROWS = 6,
    MC = 24 * ROWS,
    UNROLLED = 4,       /* lines between two advances of the addresses */
    PIECE = 192,        /* lines: this piece, the next one and 6 rows fit into 32 KiB of L1 */
    TILES_TO_SHARE = 4, /* from so many tiles on, one line of the next piece with every UNROLLED lines is enough */
    V_INTS = 8
};

/* Two YMM side by side: one row of the tile, or one line of the panel. */
struct pair {
    __m256i p0, p1;
};

/* Where a tile reads and adds. */
struct source {
    int32_t *sum;         /* [rows][16] */
    const int32_t *start; /* [16] what the sums begin as; NULL: what they are */
    const int8_t *a;
    size_t a_stride;
    const int8_t *w;
    size_t lines;
    uintptr_t next; /* weights to fetch meanwhile */
};

/* Where the product loop stands in the panel, in rows 0 and 3 of the tile and in the weights to fetch. */
struct cursor {
    const int8_t *w, *a0, *a3;
    uintptr_t next;
};

INLINE struct pair load_sums(const int32_t *p)
{
    return (struct pair){_mm256_load_si256((const __m256i *)p), _mm256_load_si256((const __m256i *)(p + V_INTS))};
}

INLINE void store_sums(int32_t *p, const struct pair *x)
{
    _mm256_store_si256((__m256i *)p, x->p0);
    _mm256_store_si256((__m256i *)(p + V_INTS), x->p1);
}

INLINE struct pair load_line(const int8_t *w)
{
    return (struct pair){_mm256_load_si256((const __m256i *)w),
                         _mm256_load_si256((const __m256i *)(w + V_INTS * RFA_PANEL_K))};
}

INLINE void multiply(struct pair *acc, const int8_t *a, const struct pair *w)
{
    int32_t four;
    memcpy(&four, a, sizeof four);
    const __m256i x = _mm256_set1_epi32(four);
    acc->p0 = DPBUSD(acc->p0, x, w->p0);
    acc->p1 = DPBUSD(acc->p1, x, w->p1);
}

/* Past the end of the matrix this is harmless: a prefetch never faults. */
INLINE void prefetch(uintptr_t line)
{
    _mm_prefetch((const char *)line, _MM_HINT_T0);
}

#define LOAD(i, row)     row = load_sums(s->sum + (i)*RFA_PANEL_N)
#define MULTIPLY(i, row) multiply(&row, ((i) < 3 ? c.a0 : c.a3) + (i) % 3 * s->a_stride + line * RFA_PANEL_K, &w)
#define STORE(i, row)    store_sums(s->sum + (i)*RFA_PANEL_N, &row)

/* Line `n` after the cursor with all rows. */
#define LINE(n)                                                                                                        \
    do {                                                                                                               \
        const size_t line = (n);                                                                                       \
        const struct pair w = load_line(c.w + line * RFA_LINE);                                                        \
        EACH_ROW(MULTIPLY);                                                                                            \
    } while (0)

/* The compiler must not know the new addresses: it would keep one for each row and add to each. */
INLINE void advance(struct cursor *c, const size_t lines, const size_t fetched)
{
    c->w += lines * RFA_LINE;
    c->a0 += lines * RFA_PANEL_K;
    c->a3 += lines * RFA_PANEL_K;
    c->next += fetched * RFA_LINE;
    __asm__("" : "+r"(c->w), "+r"(c->a0), "+r"(c->a3), "+r"(c->next));
}

/* sum[rows][16] += lines times rows. With UNROLLED lines come `fetched` lines of the next weights: 1 or UNROLLED. */
INLINE void product(const struct source *s, const size_t rows, const size_t fetched)
{
    struct pair r0 = load_sums(s->start ? s->start : s->sum);
    struct pair r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0;
    if (!s->start)
        EACH_ROW(LOAD);
    struct cursor c = {s->w, s->a, s->a + (rows > 3 ? 3 * s->a_stride : 0), s->next};
    for (size_t left = s->lines / UNROLLED; left > 0; left--) {
        LINE(0);
        prefetch(c.next);
        LINE(1);
        if (fetched > 1)
            prefetch(c.next + RFA_LINE);
        LINE(2);
        if (fetched > 2)
            prefetch(c.next + 2 * RFA_LINE);
        LINE(3);
        if (fetched > 3)
            prefetch(c.next + 3 * RFA_LINE);
        advance(&c, UNROLLED, fetched);
    }
    for (size_t left = s->lines % UNROLLED; left > 0; left--) {
        LINE(0);
        advance(&c, 1, 0);
    }
    EACH_ROW(STORE);
}

typedef void product_t(const struct source *s);

#define PRODUCT(rows)                                                                                                  \
    static void product_##rows(const struct source *s)                                                                 \
    {                                                                                                                  \
        product(s, rows, 1);                                                                                           \
    }                                                                                                                  \
    static void product_##rows##_alone(const struct source *s)                                                         \
    {                                                                                                                  \
        product(s, rows, UNROLLED);                                                                                    \
    }
PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)

/* By rows, and whether the tile is one of too few to share the next weights. */
static product_t *const products[ROWS + 1][2] = {{NULL, NULL},
                                                 {product_1, product_1_alone},
                                                 {product_2, product_2_alone},
                                                 {product_3, product_3_alone},
                                                 {product_4, product_4_alone},
                                                 {product_5, product_5_alone},
                                                 {product_6, product_6_alone}};

/* All rows of the block with the piece of a panel at s->w, whose first line is `first` of the panel. */
static void add_piece(struct source *s, const struct rfa_gemm_s8_args *g, const struct tile *block, size_t first,
                      int32_t *sum)
{
    const size_t tiles = rfa_divide_up(block->rows, ROWS), share = rfa_divide_up(s->lines, tiles);
    const bool alone = tiles < TILES_TO_SHARE;
    s->next = (uintptr_t)s->w + s->lines * RFA_LINE;
    for (size_t i = 0, rows; i < block->rows; i += rows) {
        rows = even_rows(block->rows, i, ROWS);
        s->sum = sum + i * RFA_PANEL_N;
        s->a = g->a + (block->m + i) * g->a_stride + first * RFA_PANEL_K;
        products[rows][alone](s);
        s->next += share * RFA_LINE;
    }
}

/* The sums of a block of rows and one panel, and from them dst. */
static void run_panel(const struct rfa_gemm_s8_args *g, const struct tile *block, int32_t *start, int32_t *sum)
{
    const size_t lines = rfa_divide_up(g->k, RFA_PANEL_K), pieces = rfa_divide_up(lines, PIECE);
    const size_t piece = rfa_round_up(rfa_divide_up(lines, pieces), UNROLLED);
    const int8_t *w = g->w + block->n * lines * RFA_PANEL_K;
    struct source s = {.a_stride = g->a_stride, .start = start};
    start_sums(start, g, block->n, -(OFFSET + g->a_zero));
    for (size_t first = 0; first < lines; first += piece) {
        s.w = w + first * RFA_LINE;
        s.lines = rfa_smaller(piece, lines - first);
        add_piece(&s, g, block, first, sum);
        s.start = NULL;
    }
    finish_tile(g, block);
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    int32_t *start = g->scratch, *sum = start + RFA_PANEL_N;
    struct tile block = {.sum = sum, .stride = RFA_PANEL_N};
    for (; block.m < g->m; block.m += block.rows) {
        block.rows = even_rows(g->m, block.m, MC);
        for (block.n = 0; block.n < g->n; block.n += RFA_PANEL_N) {
            block.cols = rfa_smaller(RFA_PANEL_N, g->n - block.n);
            run_panel(g, &block, start, sum);
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return (1 + MC) * RFA_PANEL_N * sizeof(int32_t);
}

rfa_gemm_s8_t rfa_gemm_s8_avxvnni = {.a_xor = OFFSET, .mr = ROWS, .mc = MC, .scratch_bytes = scratch_bytes, .run = run};
