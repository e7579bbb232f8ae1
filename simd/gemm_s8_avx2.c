/* Products of bytes, exact, added up in 16 bits as long as these hold them.
 *
 * VPMADDUBSW multiplies unsigned by signed bytes and adds each pair of products into 16 bits, where it saturates.
 * Whether it can is known beforehand: an activation is given by its distance from the lowest of the block's rows in the
 * same input, and few pairs of weights are too large for that range. Most often 16 bits hold three lines together as
 * well. So the lines of a panel are sorted (gemm_s8_chains_avx2.h):
 *
 *   chains of 3   3 VPMADDUBSW, VPSUBW, 2 VPADDW, VPMADDWD with ones, VPADDD    8 instructions for 96 products
 *   alone         VPMADDUBSW, VPMADDWD, VPADDD                                  3 for 32
 *   wide          VPSIGNB, then the same with magnitudes of weights             4 for 32
 *
 * All give the same integers, so only speed depends on the values. Additions of 16 bits wrap on the way; a chain counts
 * from what its sum would be if all activations were the middle of the block's, and what comes out then fits.
 *
 *   for blocks of MC rows, NC outputs, KC inputs:     above [MC][KC]              stays in L2
 *     for panels:                                     its lines, sorted           stay in L1
 *       for tiles of ROWS rows:                       sum [MC][NC] += 2 * ROWS accumulators
 */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "gemm_s8_avx2.c needs the flags of rfa_simd(avx2) in CMakeLists.txt"
#endif
#include "../quant/quant.h"
#include "../src/sizes.h"
#define GEMM_LANES 8
#include "gemm_s8_finish_x86.h"
#include "gemm_s8_start_ymm.h"

enum {
    ROWS = 4,
    MC = 17 * ROWS, /* 257 rows are four blocks */
    NC = 512,
    KC = 768,
    LINES = KC / RFA_PANEL_K
};

#include "gemm_s8_chains_avx2.h"

struct scratch {
    int32_t sum[MC * NC];
    uint8_t above[MC * KC];
    int32_t start[RFA_PANEL_N]; /* of the sums */
    struct ranges ranges;
    struct lines lines;
};

#include "gemm_s8_blocks.h"

/* ------------------------------------------------------------------ a tile */

/* Sums of a row with a panel, or a line of its weights. */
struct row {
    __m256i p0, p1;
};

INLINE struct row load_row(const void *p)
{
    return (struct row){load(p), load((const char *)p + 32)};
}

INLINE struct row add_rows(struct row a, struct row b)
{
    return (struct row){_mm256_add_epi32(a.p0, b.p0), _mm256_add_epi32(a.p1, b.p1)};
}

INLINE void store_row(int32_t *sum, struct row r)
{
    store(sum, r.p0);
    store(sum + 8, r.p1);
}

/* Weights of three lines and what they meet: of the first row's activations, and what the 16-bit sums count from. Those
 * of line 1's second half and of line 2 stay in memory, so that the loop has registers enough. */
struct three {
    struct row w0;
    __m256i w10;
    const int8_t *w;
    const uint8_t *a;
    const int16_t *middle;
};

#define FOUR_BYTES(p) "m"(*(const int32_t *)(const void *)(p))
#define VECTOR(p)     "m"(*(const __m256i *)(const void *)(p))

/* In assembler, because compilers would keep more than four results at once, and then the accumulators do not fit. */
INLINE void add_three(struct row *acc, const struct three *t, size_t row, __m256i ones)
{
    __m256i a, p0, p1, q;
    __asm__("vpbroadcastd %[a0], %[a]\n\t"
            "vpmaddubsw %[w00], %[a], %[p0]\n\t"
            "vpmaddubsw %[w01], %[a], %[p1]\n\t"
            "vpsubw %[middle0], %[p0], %[p0]\n\t"
            "vpsubw %[middle1], %[p1], %[p1]\n\t"
            "vpbroadcastd %[a1], %[a]\n\t"
            "vpmaddubsw %[w10], %[a], %[q]\n\t"
            "vpmaddubsw %[w11], %[a], %[a]\n\t"
            "vpaddw %[q], %[p0], %[p0]\n\t"
            "vpaddw %[a], %[p1], %[p1]\n\t"
            "vpbroadcastd %[a2], %[a]\n\t"
            "vpmaddubsw %[w20], %[a], %[q]\n\t"
            "vpmaddubsw %[w21], %[a], %[a]\n\t"
            "vpaddw %[q], %[p0], %[p0]\n\t"
            "vpaddw %[a], %[p1], %[p1]\n\t"
            "vpmaddwd %[ones], %[p0], %[p0]\n\t"
            "vpmaddwd %[ones], %[p1], %[p1]\n\t"
            "vpaddd %[p0], %[acc0], %[acc0]\n\t"
            "vpaddd %[p1], %[acc1], %[acc1]"
            : [acc0] "+x"(acc->p0), [acc1] "+x"(acc->p1), [a] "=&x"(a), [p0] "=&x"(p0), [p1] "=&x"(p1), [q] "=&x"(q)
            : [a0] FOUR_BYTES(t->a + row), [a1] FOUR_BYTES(t->a + row + 4), [a2] FOUR_BYTES(t->a + row + 8),
              [w00] "x"(t->w0.p0), [w01] "x"(t->w0.p1), [w10] "x"(t->w10), [w11] VECTOR(t->w + RFA_LINE + 32),
              [w20] VECTOR(t->w + 2 * RFA_LINE), [w21] VECTOR(t->w + 2 * RFA_LINE + 32), [middle0] VECTOR(t->middle),
              [middle1] VECTOR(t->middle + RFA_PANEL_N), [ones] "x"(ones));
}

INLINE void add_alone(struct row *acc, const uint8_t *a, const struct row *w, __m256i ones)
{
    const __m256i x = broadcast(a);
    acc->p0 = _mm256_add_epi32(acc->p0, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w->p0), ones));
    acc->p1 = _mm256_add_epi32(acc->p1, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w->p1), ones));
}

/* Activations never are -128, which has no opposite. */
INLINE void add_wide(struct row *acc, const int8_t *a, const struct row *w, const struct row *magnitude, __m256i ones)
{
    const __m256i x = broadcast(a), x0 = _mm256_sign_epi8(x, w->p0), x1 = _mm256_sign_epi8(x, w->p1);
    acc->p0 = _mm256_add_epi32(acc->p0, _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude->p0, x0), ones));
    acc->p1 = _mm256_add_epi32(acc->p1, _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude->p1, x1), ones));
}

/* Where a tile reads and adds. */
struct tile_source {
    int32_t *sum;         /* [rows][RFA_PANEL_N], stride NC */
    const int32_t *start; /* of the sums, or NULL: they go on from where they are */
    const uint8_t *above; /* [rows], stride KC */
    const int8_t *a;      /* the activations themselves */
    size_t a_stride;
};

#define LOAD(i, row)  row = add_rows(load_row(t->start ? t->start : t->sum + (i)*NC), adjust)
#define THREE(i, row) add_three(&row, &three, (i)*KC, ones)
#define ALONE(i, row) add_alone(&row, a + (i)*KC, &w, ones)
#define WIDE(i, row)  add_wide(&row, a + (i)*stride, &w, &w_magnitude, ones)
#define STORE(i, row) store_row(t->sum + (i)*NC, row)

INLINE void product(const struct tile_source *t, const struct lines *l, const size_t rows)
{
    const __m256i ones = _mm256_set1_epi16(1);
    const struct row adjust = load_row(l->adjust);
    const size_t stride = t->a_stride;
    struct row r0, r1, r2, r3, r4, r5;
    EACH_ROW(LOAD);
    for (size_t i = 0; i < l->chains; i++) {
        const int8_t *w = l->w + l->chain[i] * 3 * RFA_LINE;
        const struct three three = {load_row(w), load(w + RFA_LINE), w, t->above + l->chain[i] * 3 * RFA_PANEL_K,
                                    l->chain_middle[i]};
        EACH_ROW(THREE);
    }
    for (size_t i = 0; i < l->alones; i++) {
        const uint8_t *a = t->above + l->alone[i] * RFA_PANEL_K;
        const struct row w = load_row(l->w + l->alone[i] * RFA_LINE);
        EACH_ROW(ALONE);
    }
    for (size_t i = 0; i < l->wides; i++) {
        const int8_t *a = t->a + l->wide[i] * RFA_PANEL_K;
        const struct row w = load_row(l->w + l->wide[i] * RFA_LINE);
        const struct row w_magnitude = {_mm256_abs_epi8(w.p0), _mm256_abs_epi8(w.p1)};
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

static product_t *const products[ROWS + 1] = {NULL, product_1, product_2, product_3, product_4};

/* ------------------------------------------------------------------ a block */

/* Panels come from memory or the third-level cache. Past the last panel it is harmless: a prefetch never faults. */
INLINE void fetch_ahead(uintptr_t w, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        _mm_prefetch((const char *)(w + i * RFA_LINE), _MM_HINT_T0);
}

/* All rows of the block times one panel, whose outputs begin at column j of the block. */
static void add_panel(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b, size_t j)
{
    const size_t panel_bytes = rfa_panel_bytes(RFA_PANEL_N, g->k), share = rfa_divide_up(b->lines, b->rows / ROWS + 1);
    const int8_t *w = g->w + (b->n + j) / RFA_PANEL_N * panel_bytes + b->line * RFA_LINE;
    sort_lines(&x->lines, &x->ranges, w, b->lines);
    start_sums(x->start, g, b->n + j, x->ranges.middle - g->a_zero);
    uintptr_t next = (uintptr_t)w + panel_bytes;
    for (size_t i = 0, rows; i < b->rows; i += rows, next += share * RFA_LINE) {
        rows = even_rows(b->rows, i, ROWS);
        fetch_ahead(next, share);
        const struct tile_source t = {.sum = x->sum + i * NC + j,
                                      .start = b->line == 0 ? x->start : NULL,
                                      .above = x->above + i * KC,
                                      .a = g->a + (b->m + i) * g->a_stride + b->line * RFA_PANEL_K,
                                      .a_stride = g->a_stride};
        products[rows](&t, &x->lines);
    }
}

static void add_block(struct scratch *x, const struct rfa_gemm_s8_args *g, const struct block *b)
{
    const size_t bytes = rfa_row_bytes(b->lines * RFA_PANEL_K);
    const int8_t *a = g->a + b->m * g->a_stride + b->line * RFA_PANEL_K;
    find_ranges(&x->ranges, a, g->a_stride, b->rows, bytes, b->line != 0);
    subtract_low(x->above, &x->ranges, a, g->a_stride, b->rows, bytes);
    for (size_t j = 0; j < b->cols; j += RFA_PANEL_N)
        add_panel(x, g, b, j);
}

rfa_gemm_s8_t rfa_gemm_s8_avx2 = {.a_xor = 0, .mr = ROWS, .mc = MC, .scratch_bytes = scratch_bytes, .run = run};
