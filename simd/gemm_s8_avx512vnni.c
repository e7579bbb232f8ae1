/* VPDPBUSD multiplies unsigned by signed bytes, so activations come offset by 128, and every sum starts at
 * -(128 + a_zero) times the sum of its weights. int32 addition wraps, hence the result is exact although the terms on
 * the way may not fit.
 *
 *              panel p     panel p+1   panel p+2        one line (4 k) of each: three ZMM, 48 outputs
 *   row m+0  [ 16 sums   | 16 sums   | 16 sums ]
 *     ...                                               4 bytes of a row, broadcast, times three lines
 *   row m+8  [ 16 sums   | 16 sums   | 16 sums ]        27 accumulators
 *
 * Tall tiles, because lines come from L2 and rows mostly from L1: this one asks L2 for a quarter less than 6 rows by 4
 * panels. Panels that do not make threes are split evenly into tiles of fewer: 88 are 28 times 3 and twice 2. The wide
 * tile of 6 by 4 serves few rows, whose weights come from memory, and few outputs that are whole wide tiles.
 */
#if !defined(__AVX512VNNI__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "gemm_s8_avx512vnni.c needs the flags of rfa_simd(avx512vnni) in CMakeLists.txt"
#endif
#include <assert.h>
#include <string.h>

#include "../quant/quant.h"
#include "../src/sizes.h"
#define GEMM_LANES 16
#include "gemm_s8_finish_x86.h"

enum {
    ROWS = 9,      /* of a tall tile, 3 panels wide */
    WIDE_ROWS = 6, /* of one 4 panels wide */
    TALL_PANELS = 3,
    PANELS = 4,
    COLS = PANELS * RFA_PANEL_N, /* of the sums in scratch */
    WIDE_UP_TO = 256, /* outputs: where they are whole wide tiles, tall ones would leave much to narrow ones */
    FEW = 30,         /* rows up to which a product waits for its weights */
    UNROLLED = 4,     /* lines between two advances of the addresses, whose additions take turns from the products */
    PIECE = 96,       /* lines: with few rows, those of four panels (24 KiB) stay in L1 for all tiles */
    AHEAD = 1024      /* bytes from a line to the one fetched into L1: without it the loop waits for L2 */
};

/* Where a tile reads: rows of activations, and the panels with the sums of their weights. */
struct source {
    const int8_t *a;
    size_t a_stride;
    const int8_t *w[PANELS];
    const int32_t *w_sum[PANELS];
    int32_t offset; /* what is added to an activation */
    size_t lines;
    const int8_t *next; /* weights to fetch into L2 meanwhile */
    size_t next_lines;
    const float *target; /* rows to fetch into L1 meanwhile: what the next tile is added to, else where it goes */
    size_t target_stride;
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

/* Where the product loop stands in four panels and in rows 0, 3 and 6 of the tile. */
struct cursor {
    const int8_t *w0, *w1, *w2, *w3, *a0, *a3, *a6;
};

/* EACH_ROW with three rows more. */
#define EACH_OF_9(f)                                                                                                   \
    do {                                                                                                               \
        EACH_ROW(f);                                                                                                   \
        if (rows > 6)                                                                                                  \
            f(6, r6);                                                                                                  \
        if (rows > 7)                                                                                                  \
            f(7, r7);                                                                                                  \
        if (rows > 8)                                                                                                  \
            f(8, r8);                                                                                                  \
    } while (0)

/* Only the first `panels` of a quad are computed and stored. */
INLINE struct quad load_lines(const struct cursor *c, size_t line, const size_t panels)
{
    const size_t at = line * RFA_LINE;
    struct quad w = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
#define LOAD(j)                                                                                                        \
    if (panels > (j)) {                                                                                                \
        prefetch(c->w##j + at);                                                                                        \
        w.p##j = _mm512_load_si512(c->w##j + at);                                                                      \
    }
    LOAD(0)
    LOAD(1)
    LOAD(2)
    LOAD(3)
#undef LOAD
    return w;
}

INLINE __m512i start(const struct source *s, size_t panel)
{
    return _mm512_mullo_epi32(_mm512_loadu_si512(s->w_sum[panel]), _mm512_set1_epi32(-s->offset));
}

INLINE void multiply(struct quad *acc, const int8_t *a, const struct quad *w, const size_t panels)
{
    __m512i x = broadcast4(a);
    acc->p0 = _mm512_dpbusd_epi32(acc->p0, x, w->p0);
    if (panels > 1)
        acc->p1 = _mm512_dpbusd_epi32(acc->p1, x, w->p1);
    if (panels > 2)
        acc->p2 = _mm512_dpbusd_epi32(acc->p2, x, w->p2);
    if (panels > 3)
        acc->p3 = _mm512_dpbusd_epi32(acc->p3, x, w->p3);
}

INLINE void store(int32_t *sum, const struct quad *acc, const size_t panels)
{
    _mm512_store_si512(sum, acc->p0);
    if (panels > 1)
        _mm512_store_si512(sum + RFA_PANEL_N, acc->p1);
    if (panels > 2)
        _mm512_store_si512(sum + 2 * RFA_PANEL_N, acc->p2);
    if (panels > 3)
        _mm512_store_si512(sum + 3 * RFA_PANEL_N, acc->p3);
}

#define MULTIPLY(i, row)                                                                                               \
    multiply(&row, ((i) < 3 ? c.a0 : (i) < 6 ? c.a3 : c.a6) + (i) % 3 * stride + line * RFA_PANEL_K, &w, panels)
#define STORE(i, row) store(sum + (i)*COLS, &row, panels)

/* Line `n` after the cursor with all rows. */
#define LINE(n)                                                                                                        \
    do {                                                                                                               \
        const size_t line = (n);                                                                                       \
        const struct quad w = load_lines(&c, line, panels);                                                            \
        EACH_OF_9(MULTIPLY);                                                                                           \
    } while (0)

/* The compiler must not know the new addresses: it would keep more of them, one for each row and panel, and add to
 * each. With 0 lines it keeps a line's fetches where they stand: gathered into a burst they hold up the loads. */
INLINE void advance(struct cursor *c, const size_t lines, const size_t panels)
{
    c->w0 += lines * RFA_LINE;
    c->w1 += lines * RFA_LINE;
    c->w2 += lines * RFA_LINE;
    c->a0 += lines * RFA_PANEL_K;
    c->a3 += lines * RFA_PANEL_K;
    c->a6 += lines * RFA_PANEL_K;
    __asm__("" : "+r"(c->w0), "+r"(c->w1), "+r"(c->w2), "+r"(c->a0), "+r"(c->a3), "+r"(c->a6));
    if (panels < PANELS)
        return;
    c->w3 += lines * RFA_LINE;
    __asm__("" : "+r"(c->w3));
}

INLINE void prefetch_next(const struct source *s, size_t line)
{
    _mm_prefetch((const char *)((uintptr_t)s->next + line * RFA_LINE), _MM_HINT_T1);
}

/* Line i of the target, row by row; where there are no more, one that is in L1, which takes less than a branch. */
INLINE void prefetch_target(const struct source *s, const struct cursor *c, size_t i, size_t lines, const size_t panels)
{
    size_t at = i / panels * s->target_stride + i % panels * RFA_PANEL_N;
    const uintptr_t line = (uintptr_t)s->target + at * sizeof *s->target, here = (uintptr_t)c->w0;
    _mm_prefetch((const char *)(i < lines ? line : here), _MM_HINT_T0);
}

/* One line of the next weights, likewise. */
INLINE void prefetch_one(const struct source *s, const struct cursor *c, size_t i, size_t lines)
{
    const uintptr_t line = (uintptr_t)s->next + i * RFA_LINE, here = (uintptr_t)c->w0;
    _mm_prefetch((const char *)(i < lines ? line : here), _MM_HINT_T1);
}

/* sum[rows][COLS] of the tile: the columns of its panels.
 *
 * With a step of UNROLLED lines come one line of the target and one or two of the next weights: requests that come
 * faster than memory answers fill the buffers through which L1 gets its lines. Only where that is too slow, because few
 * tiles share the next weights, come UNROLLED of them. */
INLINE void product(int32_t *sum, const struct source *s, const size_t rows, const size_t panels)
{
    struct quad r0 = {start(s, 0), start(s, 1), start(s, 2), start(s, 3)};
    struct quad r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0, r6 = r0, r7 = r0, r8 = r0;
    const size_t stride = s->a_stride;
    struct cursor c = {s->w[0],
                       s->w[1],
                       s->w[2],
                       s->w[3],
                       s->a,
                       s->a + (rows > 3 ? 3 * stride : 0),
                       s->a + (rows > 6 ? 6 * stride : 0)};
    const size_t steps = s->lines / UNROLLED, targets = rows * panels;
    const size_t dense = s->next_lines > 2 * steps ? rfa_smaller(rfa_divide_up(s->next_lines, UNROLLED), steps) : 0;
    const size_t next_lines = dense ? 0 : s->next_lines;
    size_t i = 0;
    for (; i < dense; i++) {
        LINE(0);
        prefetch_next(s, i * UNROLLED);
        advance(&c, 0, panels);
        LINE(1);
        prefetch_next(s, i * UNROLLED + 1);
        advance(&c, 0, panels);
        LINE(2);
        prefetch_next(s, i * UNROLLED + 2);
        advance(&c, 0, panels);
        LINE(3);
        prefetch_next(s, i * UNROLLED + 3);
        prefetch_target(s, &c, i, targets, panels);
        advance(&c, UNROLLED, panels);
    }
    for (; i < steps; i++) {
        LINE(0);
        advance(&c, 0, panels);
        LINE(1);
        prefetch_one(s, &c, i, next_lines);
        advance(&c, 0, panels);
        LINE(2);
        prefetch_one(s, &c, steps + i, next_lines);
        advance(&c, 0, panels);
        LINE(3);
        prefetch_target(s, &c, i, targets, panels);
        advance(&c, UNROLLED, panels);
    }
    for (size_t left = s->lines % UNROLLED; left > 0; left--) {
        LINE(0);
        advance(&c, 1, panels);
    }
    EACH_OF_9(STORE);
}

typedef void product_t(int32_t *sum, const struct source *s);

#define PRODUCT(rows, panels)                                                                                          \
    static void product_##rows##x##panels(int32_t *sum, const struct source *s)                                        \
    {                                                                                                                  \
        product(sum, s, rows, panels);                                                                                 \
    }
#define PRODUCTS(rows) PRODUCT(rows, 1) PRODUCT(rows, 2) PRODUCT(rows, 3)
PRODUCTS(1)
PRODUCTS(2)
PRODUCTS(3)
PRODUCTS(4)
PRODUCTS(5)
PRODUCTS(6)
PRODUCTS(7)
PRODUCTS(8)
PRODUCTS(9)
PRODUCT(1, 4)
PRODUCT(2, 4)
PRODUCT(3, 4)
PRODUCT(4, 4)
PRODUCT(5, 4)
PRODUCT(6, 4)

#define EACH_WIDTH(rows, widest)                                                                                       \
    {                                                                                                                  \
        product_##rows##x1, product_##rows##x2, product_##rows##x3, widest                                             \
    }
static product_t *const products[ROWS][PANELS] = {
    EACH_WIDTH(1, product_1x4), EACH_WIDTH(2, product_2x4), EACH_WIDTH(3, product_3x4),
    EACH_WIDTH(4, product_4x4), EACH_WIDTH(5, product_5x4), EACH_WIDTH(6, product_6x4),
    EACH_WIDTH(7, NULL),        EACH_WIDTH(8, NULL),        EACH_WIDTH(9, NULL)};

static struct source open_source(const struct rfa_gemm_s8_args *g)
{
    return (struct source){.a_stride = g->a_stride,
                           .offset = 128 + g->a_zero,
                           .lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K,
                           .target = g->dst};
}

/* The panels from output n on, at most `most`; returns how many. Beyond them the last one stands in and is not used. */
static size_t take_panels(struct source *s, const struct rfa_gemm_s8_args *g, size_t n, size_t most)
{
    size_t all = (g->n + RFA_PANEL_N - 1) / RFA_PANEL_N, first = n / RFA_PANEL_N;
    size_t panels = even_rows(all, first, most);
    for (size_t j = 0; j < PANELS; j++) {
        size_t panel = first + (j < panels ? j : panels - 1);
        s->w[j] = g->w + panel * s->lines * RFA_LINE;
        s->w_sum[j] = g->w_sum + panel * RFA_PANEL_N;
    }
    return panels;
}

static size_t columns(const struct rfa_gemm_s8_args *g, size_t n, size_t panels)
{
    return g->n - n < panels * RFA_PANEL_N ? g->n - n : panels * RFA_PANEL_N;
}

/* The share of tile `tile` of `tiles` in fetching the panels after these, which begin at output n: as many lines as one
 * panel has at most. */
static void take_next(struct source *s, const struct rfa_gemm_s8_args *g, size_t n, size_t most, size_t tile,
                      size_t tiles)
{
    size_t panels = rfa_smaller(rfa_divide_up(g->n - n, RFA_PANEL_N), most), first = n / RFA_PANEL_N;
    size_t share = rfa_smaller(rfa_divide_up(panels * s->lines, tiles), s->lines);
    s->next = g->w + (first * s->lines + tile * share) * RFA_LINE;
    s->next_lines = share;
}

/* Panel `tile` of the piece that follows: the same panels' next lines, or the next panels' first. */
static void take_next_piece(struct source *s, const struct rfa_gemm_s8_args *g, const struct tile *t, size_t left,
                            size_t tile)
{
    size_t lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K, panel = (t->n + t->cols) / RFA_PANEL_N + tile;
    bool same = left > s->lines, more = same || t->n + t->cols + COLS <= g->n;
    s->next_lines = tile < PANELS && more ? s->lines : 0;
    s->next = same ? s->w[tile % PANELS] + s->lines * RFA_LINE : more ? g->w + panel * lines * RFA_LINE : s->w[0];
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
    int32_t *part = g->scratch, *sums = part + WIDE_ROWS * COLS;
    for (t->m = 0; t->m < g->m; t->m += t->rows, tile++) {
        int32_t *sum = sums + t->m * COLS;
        t->rows = even_rows(g->m, t->m, WIDE_ROWS);
        take_next_piece(s, g, t, left, tile);
        s->a = g->a + t->m * g->a_stride + first * RFA_PANEL_K;
        products[t->rows - 1][(t->cols - 1) / RFA_PANEL_N](first == 0 ? sum : part, s);
        if (first > 0)
            add_sums(sum, part, t->rows);
        t->sum = sum;
        if (left == s->lines)
            finish_tile(g, t);
    }
}

/* Weights pass through L1 piece by piece; the sums of all rows wait in scratch. */
static void run_few(const struct rfa_gemm_s8_args *g)
{
    static const int32_t zeros[RFA_PANEL_N];
    struct tile t = {.stride = COLS};
    for (size_t panels; t.n < g->n; t.n += panels * RFA_PANEL_N) {
        struct source s = open_source(g);
        panels = take_panels(&s, g, t.n, PANELS);
        t.cols = columns(g, t.n, panels);
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

/* The tile after this one: in the same columns or at the top of the next; after the last, that itself. */
static void take_target(struct source *s, const struct rfa_gemm_s8_args *g, const struct tile *t)
{
    bool same = t->m + t->rows < g->m, last = t->n + t->cols == g->n;
    size_t m = same ? t->m + t->rows : 0, n = same || last ? t->n : t->n + t->cols;
    s->target_stride = g->residual ? g->residual_stride : g->dst_stride;
    s->target = (g->residual ? g->residual : g->dst) + m * s->target_stride + n;
}

/* finish_rows() of whole panels, whose scales and biases stay in registers. */
INLINE void finish_panels(const struct rfa_gemm_s8_args *g, const struct tile *t, const size_t panels,
                          const enum rfa_act act)
{
    const int32_t *sum = t->sum;
    float *dst = g->dst + t->m * g->dst_stride + t->n;
    const float *a_scale = g->a_scale + t->m * g->a_scale_step;
    const float *residual = g->residual ? g->residual + t->m * g->residual_stride + t->n : NULL;
    const struct rfa_gemm_s8_args step = *g; /* a copy that no store to dst can change */
    vf scale[PANELS], bias[PANELS];
    for (size_t j = 0; j < panels; j++) {
        scale[j] = VF_LOAD(g->w_scale + t->n + j * RFA_PANEL_N);
        bias[j] = g->bias ? VF_LOAD(g->bias + t->n + j * RFA_PANEL_N) : VF_SET1(0.0f);
    }
    for (size_t rows = t->rows; rows > 0; rows--) {
        const vf a = VF_SET1(*a_scale);
        for (size_t j = 0; j < panels; j++) {
            const size_t at = j * RFA_PANEL_N;
            vf y = VF_ACT(VF_FMA(VF_FROM_I32(sum + at), VF_MUL(a, scale[j]), bias[j]), act);
            VF_STORE(dst + at, residual ? with_residual(&step, y, VF_LOAD(residual + at)) : y);
        }
        sum += COLS;
        dst += step.dst_stride;
        a_scale += step.a_scale_step;
        residual = residual ? residual + step.residual_stride : NULL;
    }
}

/* finish_tile(), faster for the activations of large products. */
static void finish(const struct rfa_gemm_s8_args *g, const struct tile *t)
{
    const bool tall = t->cols == TALL_PANELS * RFA_PANEL_N, wide = t->cols == COLS;
    if (tall && g->act == RFA_ACT_NONE)
        finish_panels(g, t, TALL_PANELS, RFA_ACT_NONE);
    else if (tall && g->act == RFA_ACT_GELU)
        finish_panels(g, t, TALL_PANELS, RFA_ACT_GELU);
    else if (wide && g->act == RFA_ACT_NONE)
        finish_panels(g, t, PANELS, RFA_ACT_NONE);
    else if (wide && g->act == RFA_ACT_GELU)
        finish_panels(g, t, PANELS, RFA_ACT_GELU);
    else
        finish_tile(g, t);
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
    const bool wide = g->n % COLS == 0 && g->n <= WIDE_UP_TO;
    const size_t most_rows = wide ? WIDE_ROWS : ROWS, most_panels = wide ? PANELS : TALL_PANELS;
    const size_t tiles = rfa_divide_up(g->m, most_rows); /* in a column of them */
    struct source s = open_source(g);
    struct tile t = {.sum = g->scratch, .stride = COLS};
    for (size_t panels; t.n < g->n; t.n += panels * RFA_PANEL_N) {
        panels = take_panels(&s, g, t.n, most_panels);
        t.cols = columns(g, t.n, panels);
        size_t tile = 0;
        for (t.m = 0; t.m < g->m; t.m += t.rows, tile++) {
            t.rows = even_rows(g->m, t.m, most_rows);
            take_next(&s, g, t.n + t.cols, most_panels, tile, tiles);
            s.a = g->a + t.m * g->a_stride;
            take_target(&s, g, &t);
            products[t.rows - 1][panels - 1](g->scratch, &s);
            finish(g, &t);
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return (ROWS + FEW) * COLS * sizeof(int32_t);
}

rfa_gemm_s8_t rfa_gemm_s8_avx512vnni = {
    .a_xor = 0x80, .mr = ROWS, .mc = 144, .scratch_bytes = scratch_bytes, .run = run};
