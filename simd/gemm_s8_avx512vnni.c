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
    FEW = 30,    /* rows up to which a product waits for its weights */
    PIECE = 640, /* lines: with few rows, those of four panels and as many fetched meanwhile fit into a 1 MiB L2 */
    AHEAD = 1024 /* bytes from a line to the one fetched into L1: without it the loop waits for L2 */
};

/* Where a tile reads: rows of activations, and the panels with the sums of their weights. */
struct source {
    const int8_t *a;
    size_t a_stride;
    const int8_t *w[PANELS];
    const int32_t *w_sum[PANELS];
    size_t lines;
    const int8_t *next; /* weights to fetch into L2 meanwhile, a line with each of the first lines */
    size_t next_lines;
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

/* Four ZMM side by side: one row of the tile, or one line of its panels. */
struct quad {
    __m512i p0, p1, p2, p3;
};

INLINE struct quad load_lines(const struct source *s, size_t line)
{
    const size_t at = line * RFA_LINE;
    prefetch(s->w[0] + at);
    prefetch(s->w[1] + at);
    prefetch(s->w[2] + at);
    prefetch(s->w[3] + at);
    return (struct quad){_mm512_load_si512(s->w[0] + at), _mm512_load_si512(s->w[1] + at),
                         _mm512_load_si512(s->w[2] + at), _mm512_load_si512(s->w[3] + at)};
}

INLINE __m512i start(const int32_t *w_sum)
{
    return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(_mm512_loadu_si512(w_sum), 7));
}

INLINE void multiply(struct quad *acc, const int8_t *a, const struct quad *w)
{
    __m512i x = broadcast4(a);
    acc->p0 = _mm512_dpbusd_epi32(acc->p0, x, w->p0);
    acc->p1 = _mm512_dpbusd_epi32(acc->p1, x, w->p1);
    acc->p2 = _mm512_dpbusd_epi32(acc->p2, x, w->p2);
    acc->p3 = _mm512_dpbusd_epi32(acc->p3, x, w->p3);
}

INLINE void store(int32_t *sum, const struct quad *acc)
{
    _mm512_store_si512(sum, acc->p0);
    _mm512_store_si512(sum + RFA_PANEL_N, acc->p1);
    _mm512_store_si512(sum + 2 * RFA_PANEL_N, acc->p2);
    _mm512_store_si512(sum + 3 * RFA_PANEL_N, acc->p3);
}

#define MULTIPLY(i, row) multiply(&row, a + (i)*s->a_stride, &w)
#define STORE(i, row)    store(sum + (i)*COLS, &row)

/* One line of the panels with all rows. */
#define LINE()                                                                                                         \
    do {                                                                                                               \
        const struct quad w = load_lines(s, line);                                                                     \
        const int8_t *a = s->a + line * RFA_PANEL_K;                                                                   \
        EACH_ROW(MULTIPLY);                                                                                            \
    } while (0)

/* sum[rows][COLS] of the tile. */
INLINE void product(int32_t *sum, const struct source *s, const size_t rows)
{
    struct quad r0 = {start(s->w_sum[0]), start(s->w_sum[1]), start(s->w_sum[2]), start(s->w_sum[3])};
    struct quad r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0;
    size_t line = 0;
    for (; line < s->next_lines; line++) {
        LINE();
        _mm_prefetch((const char *)s->next + line * RFA_LINE, _MM_HINT_T1);
    }
    for (; line < s->lines; line++)
        LINE();
    EACH_ROW(STORE);
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

/* The share of tile `tile` of `tiles` in fetching the four panels after output n's, at most one of them. */
static void take_next(struct source *s, const struct rfa_gemm_s8_args *g, size_t n, size_t tile, size_t tiles)
{
    size_t share = (PANELS * s->lines + tiles - 1) / tiles;
    share = share < s->lines ? share : s->lines;
    s->next = s->w[0] + (PANELS * s->lines + tile * share) * RFA_LINE;
    s->next_lines = n + 2 * COLS <= g->n ? share : 0;
}

/* Panel `tile` of the piece that follows: the same panels' next lines, or the next panels' first. */
static void take_next_piece(struct source *s, const struct rfa_gemm_s8_args *g, size_t n, size_t left, size_t tile)
{
    size_t lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K, panel = n / RFA_PANEL_N + PANELS + tile;
    bool same = left > s->lines, more = same || n + 2 * COLS <= g->n;
    s->next_lines = tile < PANELS && more ? s->lines : 0;
    s->next = same ? s->w[tile % PANELS] + s->lines * RFA_LINE : g->w + panel * lines * RFA_LINE;
}

static void add_sums(int32_t *sum, const int32_t *part, size_t rows)
{
    for (size_t i = 0; i < rows * COLS; i += RFA_PANEL_N)
        _mm512_store_si512(sum + i, _mm512_add_epi32(_mm512_load_si512(sum + i), _mm512_load_si512(part + i)));
}

/* All rows with the lines of one piece of four panels; `left` lines of these panels are not done yet. */
static void run_piece(const struct rfa_gemm_s8_args *g, struct source *s, struct tile *t, size_t left)
{
    size_t lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K, first = lines - left, tile = 0;
    int32_t *part = g->scratch, *sums = part + ROWS * COLS;
    for (t->m = 0; t->m < g->m; t->m += t->rows, tile++) {
        int32_t *sum = sums + t->m * COLS;
        t->rows = even_rows(g->m, t->m, ROWS);
        take_next_piece(s, g, t->n, left, tile);
        s->a = g->a + t->m * g->a_stride + first * RFA_PANEL_K;
        products[t->rows](first == 0 ? sum : part, s);
        if (first > 0)
            add_sums(sum, part, t->rows);
        t->sum = sum;
        if (left == s->lines)
            finish_tile(g, t);
    }
}

/* Weights stream through L2 piece by piece; the sums of all rows wait in scratch. */
static void run_few(const struct rfa_gemm_s8_args *g)
{
    static const int32_t zeros[RFA_PANEL_N];
    struct tile t = {.stride = COLS};
    for (t.n = 0; t.n < g->n; t.n += COLS) {
        struct source s = {.a_stride = g->a_stride, .lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K};
        t.cols = g->n - t.n < COLS ? g->n - t.n : COLS;
        take_panels(&s, g, t.n);
        for (size_t left = s.lines; left > 0; left -= s.lines) {
            s.lines = left < PIECE ? left : PIECE;
            run_piece(g, &s, &t, left);
            for (size_t j = 0; j < PANELS; j++) {
                s.w[j] += s.lines * RFA_LINE;
                s.w_sum[j] = zeros;
            }
        }
    }
}

/* Fetches the residual that finish_tile() will add, while the product is computed. */
static void fetch_residual(const struct rfa_gemm_s8_args *g, const struct tile *t)
{
    for (size_t i = t->m; i < t->m + t->rows; i++)
        for (size_t j = t->n; j < t->n + t->cols; j += RFA_LINE / sizeof(float))
            _mm_prefetch((const char *)(g->residual + i * g->residual_stride + j), _MM_HINT_T0);
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    if (g->m <= FEW) {
        run_few(g);
        return;
    }
    struct source s = {.a_stride = g->a_stride, .lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K};
    struct tile t = {.sum = g->scratch, .stride = COLS};
    for (t.n = 0; t.n < g->n; t.n += COLS) {
        t.cols = g->n - t.n < COLS ? g->n - t.n : COLS;
        take_panels(&s, g, t.n);
        for (t.m = 0; t.m < g->m; t.m += t.rows) {
            t.rows = even_rows(g->m, t.m, ROWS);
            take_next(&s, g, t.n, t.m / ROWS, (g->m + ROWS - 1) / ROWS);
            s.a = g->a + t.m * g->a_stride;
            if (g->residual)
                fetch_residual(g, &t);
            products[t.rows](g->scratch, &s);
            finish_tile(g, &t);
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return (ROWS + FEW) * COLS * sizeof(int32_t);
}

rfa_gemm_s8_t rfa_gemm_s8_avx512vnni = {
    .a_xor = 0x80, .mr = ROWS, .mc = 256, .scratch_bytes = scratch_bytes, .run = run};
