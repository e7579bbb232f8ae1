/* Bytes where they suffice, 16 bits where they do not.
 *
 * VPMADDUBSW multiplies unsigned by signed bytes and adds each pair of products into 16 bits, where it saturates.
 * Activations come offset by 128, so a pair of weights that add up to at most 128 in magnitude cannot reach the limit
 * whatever the activations are: 255 * 128 < 2^15. Few pairs of a trained or random matrix exceed that: weights are
 * scaled to 127 at the largest, and most are far smaller. So the lines of a panel are sorted:
 *
 *   narrow   every pair fits: VPMADDUBSW, VPMADDWD with ones, VPADDD      3 instructions for 32 products
 *   wide     some pair does not: widened, VPMADDWD, VPADDD                4
 *
 * Both give the same integers, so only speed depends on the weights. Every sum starts at -(128 + a_zero) times the sum
 * of its weights, as for VPDPBUSD (gemm_s8_avx512vnni.c). A wide line is kept as two halves: of the 4 values k of a
 * 32-bit lane, the first holds k 0 and 2, the second k 1 and 3.
 *
 *   for blocks of MC rows, NC outputs, KC inputs:     a16 [MC][KC/4][half][2]       stays in L2
 *     for panels:                                     its lines, sorted             stay in L1
 *       for tiles of ROWS rows:                       sum [MC][NC] += 2 * ROWS accumulators
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "gemm_s8_avx2.c needs the flags of rfa_simd(avx2) in CMakeLists.txt"
#endif
#include <stdbool.h>
#include <string.h>

#include "../quant/quant.h"
#include "../src/sizes.h"
#define GEMM_LANES 8
#include "gemm_s8_finish_x86.h"
#include "gemm_s8_offset_ymm.h"

enum {
    ROWS = 6,
    MC = 22 * ROWS, /* 257 rows are two blocks */
    NC = 256,
    KC = 512,
    LINES = KC / RFA_PANEL_K,
    MOST_PAIR = 128 /* what two weights may add up to, in magnitude, on a narrow line */
};

/* The lines of a panel, sorted. */
struct lines {
    int16_t w16[2 * LINES][RFA_PANEL_N][2]; /* halves of the wide lines */
    uint32_t wide_half[2 * LINES];          /* where each half's inputs are in a row of a16 */
    uint32_t narrow_line[LINES];
    size_t narrow, wide; /* how many */
    const int8_t *w;     /* the panel's first line */
};

struct scratch {
    int32_t sum[MC * NC];
    int16_t a16[MC * KC];
    int32_t start[RFA_PANEL_N]; /* of the sums */
    struct lines lines;
};

#include "gemm_s8_blocks.h"

INLINE __m256i load(const void *p)
{
    return _mm256_load_si256(p);
}

INLINE void store(void *p, __m256i x)
{
    _mm256_store_si256(p, x);
}

/* Padding up to the next 64 inputs is widened as well; no line reads it. */
static void widen_rows(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b)
{
    const size_t bytes = rfa_row_bytes(b->lines * RFA_PANEL_K);
    for (size_t i = 0; i < b->rows; i++) {
        const int8_t *a = g->a + (b->m + i) * g->a_stride + b->line * RFA_PANEL_K;
        int16_t *a16 = x->a16 + i * KC;
        for (size_t j = 0; j < bytes; j += 16) {
            __m256i v = _mm256_cvtepu8_epi16(_mm_load_si128((const __m128i *)(const void *)(a + j)));
            store(a16 + j, _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(v, 0xd8), 0xd8)); /* k 0 2 1 3 */
        }
    }
}

/* Both halves of eight outputs. */
INLINE void widen_line(int16_t (*w16)[RFA_PANEL_N][2], size_t output, __m256i w)
{
    store(w16[0][output], _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    store(w16[1][output], _mm256_srai_epi16(w, 8));
}

INLINE bool is_wide(__m256i w0, __m256i w1)
{
    const __m256i ones = _mm256_set1_epi8(1);
    __m256i p0 = _mm256_abs_epi16(_mm256_maddubs_epi16(ones, w0)),
            p1 = _mm256_abs_epi16(_mm256_maddubs_epi16(ones, w1));
    return _mm256_movemask_epi8(_mm256_cmpgt_epi16(_mm256_max_epi16(p0, p1), _mm256_set1_epi16(MOST_PAIR))) != 0;
}

/* A line is written to both lists and only the one that it belongs to moves on: branches would be guessed wrong. */
static void sort_lines(struct lines *l, const int8_t *w, size_t lines)
{
    size_t narrow = 0, wide = 0;
    l->w = w;
    for (uint32_t i = 0; i < lines; i++, w += RFA_LINE) {
        const __m256i w0 = load(w), w1 = load(w + RFA_LINE / 2);
        const bool to_wide = is_wide(w0, w1);
        l->narrow_line[narrow] = i;
        l->wide_half[2 * wide] = i * RFA_PANEL_K;
        l->wide_half[2 * wide + 1] = i * RFA_PANEL_K + 2;
        widen_line(l->w16 + 2 * wide, 0, w0);
        widen_line(l->w16 + 2 * wide, 8, w1);
        narrow += !to_wide;
        wide += to_wide;
    }
    l->narrow = narrow;
    l->wide = wide;
}

/* Sums of a row with a panel. */
struct row {
    __m256i p0, p1;
};

/* x times the weights at w, pairs added. In assembler, because compilers would load w once for all rows, and then the
 * accumulators do not fit the registers. */
INLINE __m256i multiply_pairs(__m256i x, const int8_t *w)
{
    __m256i y;
    __asm__("vpmaddubsw %2, %1, %0" : "=x"(y) : "x"(x), "m"(*(const __m256i *)(const void *)w));
    return y;
}

INLINE int32_t four_bytes(const void *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

INLINE void multiply_narrow(struct row *acc, const int8_t *a, const int8_t *w, __m256i ones)
{
    __m256i x = _mm256_set1_epi32(four_bytes(a));
    acc->p0 = _mm256_add_epi32(acc->p0, _mm256_madd_epi16(multiply_pairs(x, w), ones));
    acc->p1 = _mm256_add_epi32(acc->p1, _mm256_madd_epi16(multiply_pairs(x, w + 32), ones));
}

INLINE void multiply_wide(struct row *acc, const int16_t *a, const struct row *w)
{
    __m256i x = _mm256_set1_epi32(four_bytes(a));
    acc->p0 = _mm256_add_epi32(acc->p0, _mm256_madd_epi16(x, w->p0));
    acc->p1 = _mm256_add_epi32(acc->p1, _mm256_madd_epi16(x, w->p1));
}

INLINE struct row load_row(const int32_t *sum)
{
    return (struct row){load(sum), load(sum + 8)};
}

INLINE void store_row(int32_t *sum, const struct row *acc)
{
    store(sum, acc->p0);
    store(sum + 8, acc->p1);
}

/* Where a tile reads and adds. */
struct tile_source {
    int32_t *sum;         /* [rows][RFA_PANEL_N], stride NC */
    const int32_t *start; /* of the sums, or NULL: they go on from where they are */
    const int8_t *a;
    size_t a_stride;
    const int16_t *a16; /* stride KC */
};

#define LOAD(i, row)   row = load_row(t->sum + (i)*NC)
#define NARROW(i, row) multiply_narrow(&row, a + (i)*stride, w, ones)
#define WIDE(i, row)   multiply_wide(&row, a16 + (i)*KC, &w16)
#define STORE(i, row)  store_row(t->sum + (i)*NC, &row)

INLINE void product(const struct tile_source *t, const struct lines *l, const size_t rows)
{
    struct row r0 = load_row(t->start ? t->start : t->sum);
    struct row r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0;
    if (!t->start)
        EACH_ROW(LOAD);
    const __m256i ones = _mm256_set1_epi16(1);
    const size_t stride = t->a_stride;
    for (size_t i = 0; i < l->narrow; i++) {
        const size_t line = l->narrow_line[i];
        const int8_t *a = t->a + line * RFA_PANEL_K, *w = l->w + line * RFA_LINE;
        EACH_ROW(NARROW);
    }
    for (size_t i = 0; i < 2 * l->wide; i++) {
        const int16_t *a16 = t->a16 + l->wide_half[i];
        const struct row w16 = {load(l->w16[i][0]), load(l->w16[i][8])};
        EACH_ROW(WIDE);
    }
    EACH_ROW(STORE);
}

typedef void product_t(const struct tile_source *t, const struct lines *l);

#define PRODUCT(rows)                                                                                                  \
    static void product_##rows(const struct tile_source *t, const struct lines *l)                                     \
    {                                                                                                                  \
        product(t, l, rows);                                                                                           \
    }
PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)

static product_t *const products[ROWS + 1] = {NULL, product_1, product_2, product_3, product_4, product_5, product_6};

/* Panels come from memory or the third-level cache. Each of `tiles` tiles asks for its share of the next panel's lines.
 * Past the last panel it is harmless: a prefetch never faults. */
INLINE void fetch_ahead(uintptr_t w, size_t lines, size_t tile, size_t tiles)
{
    for (size_t i = tile * lines / tiles; i < (tile + 1) * lines / tiles; i++)
        _mm_prefetch((const char *)(w + i * RFA_LINE), _MM_HINT_T0);
}

/* All rows of the block times one panel, whose outputs begin at column j of the block. */
static void add_panel(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b, size_t j)
{
    const size_t panel_bytes = rfa_panel_bytes(RFA_PANEL_N, g->k), tiles = rfa_divide_up(b->rows, ROWS);
    const int8_t *w = g->w + (b->n + j) / RFA_PANEL_N * panel_bytes + b->line * RFA_LINE;
    struct tile_source t = {.start = b->line == 0 ? x->start : NULL, .a_stride = g->a_stride};
    sort_lines(&x->lines, w, b->lines);
    start_sums(x->start, g, b->n + j);
    for (size_t i = 0, tile = 0, rows; i < b->rows; i += rows, tile++) {
        rows = even_rows(b->rows, i, ROWS);
        t.sum = x->sum + i * NC + j;
        t.a = g->a + (b->m + i) * g->a_stride + b->line * RFA_PANEL_K;
        t.a16 = x->a16 + i * KC;
        fetch_ahead((uintptr_t)w + panel_bytes, b->lines, tile, tiles);
        products[rows](&t, &x->lines);
    }
}

static void add_block(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b)
{
    widen_rows(x, g, b);
    for (size_t j = 0; j < b->cols; j += RFA_PANEL_N)
        add_panel(x, g, b, j);
}

rfa_gemm_s8_t rfa_gemm_s8_avx2 = {.a_xor = OFFSET, .mr = ROWS, .mc = MC, .scratch_bytes = scratch_bytes, .run = run};
