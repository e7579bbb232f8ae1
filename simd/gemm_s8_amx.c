/* Intel AMX: a tile register holds 16 rows of 64 bytes, and TDPBSSD multiplies a tile of activations [16 rows][64 k] by
 * a tile of weights [16 lines][16 outputs][4 k]. Sixteen lines of a panel are such a tile as they lie in the file, so
 * weights are loaded in place; only the last lines of a panel, where fewer than sixteen are left, go through a
 * zero-filled copy.
 *
 *               panel p   panel p+1
 *   rows 0-15   C0        C1          four sums, two tiles of activations and two of weights: all eight registers,
 *   rows 16-31  C2        C3          four products for four loads
 *
 * The tile unit works beside the vector units, so while one block of 32 x 32 is multiplied, the previous one is scaled
 * and stored, some rows after each step of 64 k.
 *
 * What limits it is the way from L2: a block asks for 64 bytes a clock. Therefore activations are copied into the order
 * of reading (where they are read often enough), as many rows as fit L2 beside the panels, and pass L1 by
 * (TILELOADDT1); each block walks K in the direction opposite to the one before, so that it begins with the lines that
 * L1 still holds; and the next panels are fetched into L2 meanwhile. Splitting K, so that the panels fit L1, costs more
 * in sums than it saves.
 *
 * One block alone reads its weights once, and memory is the limit: they are walked in the order of the file and fetched
 * into L1 a few steps ahead, at a time when both panels are being read: that keeps the most requests under way.
 */
#if !(defined(__AMX_INT8__) || defined(__AMXINT8__)) || !defined(__AVX512BW__) || !defined(__AVX512DQ__)
#error "gemm_s8_amx.c needs the flags of rfa_simd(amx) in CMakeLists.txt"
#endif
#include <assert.h>
#include <string.h>

#include "../quant/quant.h"
#define GEMM_LANES 16
#include "gemm_s8_finish_x86.h"

enum {
    TILE_ROWS = 16,
    ROWS = 2 * TILE_ROWS,
    COLS = 2 * RFA_PANEL_N,
    TILE_BYTES = TILE_ROWS * RFA_LINE,
    STEP_K = 64,
    STEP_LINES = STEP_K / RFA_PANEL_K,
    /* Rows packed at once take a quarter of a core's L2; for ENOUGH_ROWS, which share the weights, up to a half. */
    PACKED_BYTES = 1 << 19,
    MOST_PACKED = 1 << 20,
    ENOUGH_ROWS = 160,
    FEW_COLS = 512, /* outputs up to which rows are read too seldom for packing to pay */
    MOST_AHEAD = 8, /* lines of the next panels fetched in a step; where more were needed, memory is the limit */
    NEAR_STEPS = 4  /* from a step to the one fetched with it, where weights are read once: 8 KiB */
};

/* Tile registers. gcc pastes the number into the instruction, so these cannot be enumeration constants. */
#define C0 0
#define C1 1
#define C2 2
#define C3 3
#define A0 4
#define A1 5
#define W0 6
#define W1 7

/* Operand of LDTILECFG, Intel SDM volume 1, section 18.2. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

struct scratch {
    int32_t sum[ROWS * COLS];   /* of a block; the one before is finished when they are stored */
    int8_t tail[2][TILE_BYTES]; /* the last lines of both panels */
    int32_t start[COLS];        /* of their sums: -a_zero times those of the weights */
    struct tile_config config;
    int8_t a[]; /* blocks of rows, each [k / STEP_K][its rows][STEP_K] */
};

/* What the product loop reads. */
struct source {
    const int8_t *a;         /* rows of this block: those of the upper tile, then those of the lower one, or none */
    size_t a_stride, a_step; /* bytes from row to row, and from step to step */
    size_t upper, lower;
    const int8_t *w0, *w1;
    const int32_t *start; /* NULL: zeros */
    const int8_t *tail;   /* zero-filled copies of the last lines */
    size_t whole, steps;  /* without and with the tail */
    bool once;            /* there is one block: weights are not read again */
    bool backwards;
    const int8_t *next; /* what to fetch into L2, and how many lines in a step */
    size_t next_lines;
    const float *dst; /* rows of results to fetch, NULL with a residual: reading it gives their stores time */
};

/* A block whose sums wait in scratch. */
struct pending {
    struct tile t;
    size_t done; /* rows */
    /* Of row `done`, and for all rows. Columns at t.n. */
    float *dst;
    const float *residual, *a_scale;
    const float *w_scale, *bias;
};

static const float no_bias[COLS];

/* The tile intrinsics of gcc do not tell it which memory they read. */
INLINE void settle_stores(void)
{
    __asm__ volatile("" ::: "memory");
}

static void configure(struct scratch *x, size_t upper, size_t lower)
{
    x->config = (struct tile_config){.palette = 1};
    for (size_t i = 0; i < 8; i++) {
        x->config.row_bytes[i] = RFA_LINE;
        x->config.rows[i] = TILE_ROWS;
    }
    x->config.rows[C0] = x->config.rows[C1] = x->config.rows[A0] = (uint8_t)upper;
    if (lower)
        x->config.rows[C2] = x->config.rows[C3] = x->config.rows[A1] = (uint8_t)lower;
    settle_stores();
    _tile_loadconfig(&x->config);
}

/* Rows of sums `sum` with all their columns: finish_row with what does not change kept in registers. */
INLINE void finish_whole_rows(const struct rfa_gemm_s8_args *g, struct pending *p, size_t rows, enum rfa_act act)
{
    const vf w0 = VF_LOAD(p->w_scale), w1 = VF_LOAD(p->w_scale + GEMM_LANES);
    const vf b0 = VF_LOAD(p->bias), b1 = VF_LOAD(p->bias + GEMM_LANES);
    const int32_t *sum = p->t.sum + p->done * COLS;
    p->done += rows;
    for (; rows > 0; rows--, sum += COLS) {
        const vf a = VF_SET1(*p->a_scale);
        vf y0 = VF_ACT(VF_FMA(VF_FROM_I32(sum), VF_MUL(a, w0), b0), act);
        vf y1 = VF_ACT(VF_FMA(VF_FROM_I32(sum + GEMM_LANES), VF_MUL(a, w1), b1), act);
        if (p->residual) {
            y0 = with_residual(g, y0, VF_LOAD(p->residual));
            y1 = with_residual(g, y1, VF_LOAD(p->residual + GEMM_LANES));
            p->residual += g->residual_stride;
        }
        VF_STORE(p->dst, y0);
        VF_STORE(p->dst + GEMM_LANES, y1);
        p->dst += g->dst_stride;
        p->a_scale += g->a_scale_step;
    }
}

INLINE void finish_some(const struct rfa_gemm_s8_args *g, struct pending *p, size_t rows, enum rfa_act act)
{
    rows = rows < p->t.rows - p->done ? rows : p->t.rows - p->done;
    if (p->t.cols == COLS) {
        finish_whole_rows(g, p, rows, act);
        return;
    }
    for (; rows > 0; rows--)
        finish_row(g, &p->t, p->done++, act);
}

INLINE void step(const struct source *s, size_t i, const bool lower)
{
    const int8_t *a = s->a + i * s->a_step;
    const int8_t *w0 = i < s->whole ? s->w0 + i * TILE_BYTES : s->tail;
    const int8_t *w1 = i < s->whole ? s->w1 + i * TILE_BYTES : s->tail + TILE_BYTES;
    _tile_loadd(W0, w0, RFA_LINE);
    _tile_stream_loadd(A0, a, s->a_stride);
    _tile_loadd(W1, w1, RFA_LINE);
    _tile_dpbssd(C0, A0, W0);
    _tile_dpbssd(C1, A0, W1);
    if (lower) {
        _tile_stream_loadd(A1, a + s->upper * s->a_stride, s->a_stride);
        _tile_dpbssd(C2, A1, W0);
        _tile_dpbssd(C3, A1, W1);
    }
}

INLINE void fetch_next(struct source *s)
{
    for (size_t i = 0; i < s->next_lines; i++, s->next += RFA_LINE)
        _mm_prefetch((const char *)s->next, _MM_HINT_T1);
}

/* Fetches the lines of both panels NEAR_STEPS after step i: in the last steps, the first lines of the two panels that
 * follow. Past the end of the matrix it is harmless: a prefetch never faults. */
INLINE void fetch_near(const struct source *s, size_t i)
{
    const uintptr_t panel = (uintptr_t)(s->w1 - s->w0), at = (i + NEAR_STEPS) * TILE_BYTES;
    const uintptr_t first = (uintptr_t)s->w0 + at + (at < panel ? 0 : panel);
    for (uintptr_t line = first; line < first + TILE_BYTES; line += RFA_LINE)
        _mm_prefetch((const char *)line, _MM_HINT_T0);
    for (uintptr_t line = first + panel; line < first + panel + TILE_BYTES; line += RFA_LINE)
        _mm_prefetch((const char *)line, _MM_HINT_T0);
}

/* Fetches where the results of the rows from `first` on go, which are stored while the next block is multiplied: a
 * store that waits for its line holds up those that follow. */
INLINE void fetch_results(const struct source *s, const struct rfa_gemm_s8_args *g, size_t first, size_t rows)
{
    const size_t all = s->upper + s->lower;
    for (size_t i = first; s->dst && i < first + rows && i < all; i++) {
        const char *row = (const char *)(s->dst + i * g->dst_stride);
        _mm_prefetch(row, _MM_HINT_T0);
        _mm_prefetch(row + RFA_LINE, _MM_HINT_T0);
    }
}

/* A stride of 0 gives every row the same start. */
INLINE void begin_sums(const struct source *s, const bool lower)
{
    if (!s->start) {
        _tile_zero(C0);
        _tile_zero(C1);
        if (lower) {
            _tile_zero(C2);
            _tile_zero(C3);
        }
        return;
    }
    _tile_loadd(C0, s->start, 0);
    _tile_loadd(C1, s->start + RFA_PANEL_N, 0);
    if (lower) {
        _tile_loadd(C2, s->start, 0);
        _tile_loadd(C3, s->start + RFA_PANEL_N, 0);
    }
}

/* sum[rows][COLS] of one block, and the end of the previous one. */
INLINE void product(int32_t *sum, struct source *s, const struct rfa_gemm_s8_args *g, struct pending *p,
                    const bool lower, const enum rfa_act act)
{
    const size_t share = (p->t.rows + s->steps - 1) / s->steps;
    const size_t fetched = (s->upper + s->lower + s->steps - 1) / s->steps;
    begin_sums(s, lower);
    for (size_t i = 0; i < s->steps; i++) {
        step(s, s->backwards ? s->steps - 1 - i : i, lower);
        if (s->once)
            fetch_near(s, i);
        else
            fetch_next(s);
        fetch_results(s, g, i * fetched, fetched);
        finish_some(g, p, share, act);
    }
    _tile_stored(C0, sum, COLS * sizeof *sum);
    _tile_stored(C1, sum + RFA_PANEL_N, COLS * sizeof *sum);
    if (lower) {
        _tile_stored(C2, sum + s->upper * COLS, COLS * sizeof *sum);
        _tile_stored(C3, sum + s->upper * COLS + RFA_PANEL_N, COLS * sizeof *sum);
    }
}

typedef void product_t(int32_t *sum, struct source *s, const struct rfa_gemm_s8_args *g, struct pending *p);

#define PRODUCT(name, act)                                                                                             \
    static void product_##name(int32_t *sum, struct source *s, const struct rfa_gemm_s8_args *g, struct pending *p)    \
    {                                                                                                                  \
        if (s->lower)                                                                                                  \
            product(sum, s, g, p, true, act);                                                                          \
        else                                                                                                           \
            product(sum, s, g, p, false, act);                                                                         \
    }
PRODUCT(none, RFA_ACT_NONE)
PRODUCT(relu, RFA_ACT_RELU)
PRODUCT(gelu, RFA_ACT_GELU)
PRODUCT(silu, RFA_ACT_SILU)
PRODUCT(sigmoid, RFA_ACT_SIGMOID)
PRODUCT(softplus, RFA_ACT_SOFTPLUS)

static product_t *const products[RFA_ACT_COUNT] = {
    [RFA_ACT_NONE] = product_none, [RFA_ACT_RELU] = product_relu,       [RFA_ACT_GELU] = product_gelu,
    [RFA_ACT_SILU] = product_silu, [RFA_ACT_SIGMOID] = product_sigmoid, [RFA_ACT_SOFTPLUS] = product_softplus,
};

/* Rows that are packed at once. */
static size_t packed_rows(size_t k)
{
    size_t rows = PACKED_BYTES / rfa_row_bytes(k);
    if (rows < ENOUGH_ROWS) {
        const size_t most = MOST_PACKED / rfa_row_bytes(k);
        rows = most < ENOUGH_ROWS ? most : ENOUGH_ROWS;
    }
    return rows < ROWS ? ROWS : rows / ROWS * ROWS;
}

/* The split of rows into blocks: all of one height, because setting up the tile registers anew costs hundreds of
 * clocks. So the last block may begin with rows of the one before; they are computed twice and stored once. */
struct split {
    size_t rows, blocks, height;
};

static struct split split_rows(size_t rows)
{
    const size_t blocks = (rows + ROWS - 1) / ROWS;
    return (struct split){rows, blocks, (rows + blocks - 1) / blocks};
}

/* First row of a block. */
static size_t block_start(const struct split *r, size_t block)
{
    return block * r->height < r->rows - r->height ? block * r->height : r->rows - r->height;
}

/* Copies the rows from m on block by block into the order of struct scratch. */
static void pack_rows(struct scratch *x, const struct rfa_gemm_s8_args *g, size_t m, const struct split *r)
{
    const size_t steps = rfa_row_bytes(g->k) / STEP_K;
    for (size_t block = 0; block < r->blocks; block++) {
        int8_t *packed = x->a + block * r->height * steps * STEP_K;
        for (size_t i = 0; i < r->height; i++) {
            const int8_t *a = g->a + (m + block_start(r, block) + i) * g->a_stride;
            for (size_t j = 0; j < steps; j++)
                _mm512_store_si512(packed + (j * r->height + i) * STEP_K, _mm512_load_si512(a + j * STEP_K));
        }
    }
    settle_stores();
}

static void start_sums(struct source *s, struct scratch *x, const struct rfa_gemm_s8_args *g, size_t n)
{
    const int32_t *first = g->w_sum + n, *second = n + RFA_PANEL_N < g->n ? first + RFA_PANEL_N : first;
    const __m512i factor = _mm512_set1_epi32(-g->a_zero);
    _mm512_store_si512(x->start, _mm512_mullo_epi32(_mm512_loadu_si512(first), factor));
    _mm512_store_si512(x->start + RFA_PANEL_N, _mm512_mullo_epi32(_mm512_loadu_si512(second), factor));
    s->start = g->a_zero ? x->start : NULL;
}

/* The two panels from output n on; where the matrix has only one left, it is taken twice. */
static void take_panels(struct source *s, struct scratch *x, const struct rfa_gemm_s8_args *g, size_t n)
{
    const size_t lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K, rest = lines % STEP_LINES;
    s->w0 = g->w + n / RFA_PANEL_N * lines * RFA_LINE;
    s->w1 = n + RFA_PANEL_N < g->n ? s->w0 + lines * RFA_LINE : s->w0;
    s->whole = lines / STEP_LINES;
    s->steps = s->whole + (rest > 0);
    s->tail = x->tail[0];
    memcpy(x->tail[0], s->w0 + s->whole * TILE_BYTES, rest * RFA_LINE);
    memcpy(x->tail[1], s->w1 + s->whole * TILE_BYTES, rest * RFA_LINE);
    start_sums(s, x, g, n);
    settle_stores();
}

/* Spreads the fetching of the two panels after output n's over the steps of `blocks` blocks. */
static void take_next(struct source *s, const struct rfa_gemm_s8_args *g, size_t n, size_t blocks)
{
    const size_t lines = 2 * ((g->k + RFA_PANEL_K - 1) / RFA_PANEL_K);
    s->next = s->w0 + lines * RFA_LINE;
    s->next_lines = n + 2 * COLS <= g->n ? (lines + blocks * s->steps - 1) / (blocks * s->steps) : 0;
    if (s->next_lines > MOST_AHEAD)
        s->next_lines = 0;
}

/* State of the walk over all blocks. */
struct walk {
    struct source s;
    struct pending p;
    size_t turn;
    bool packed;
};

static struct pending to_finish(const struct rfa_gemm_s8_args *g, struct tile t)
{
    return (struct pending){
        .t = t,
        .dst = g->dst + t.m * g->dst_stride + t.n,
        .residual = g->residual ? g->residual + t.m * g->residual_stride + t.n : NULL,
        .a_scale = g->a_scale + t.m * g->a_scale_step,
        .w_scale = g->w_scale + t.n,
        .bias = g->bias ? g->bias + t.n : no_bias,
    };
}

/* Rows from m on with the panels of s. */
static void multiply_panels(const struct rfa_gemm_s8_args *g, struct scratch *x, struct walk *v, size_t m, size_t n,
                            const struct split *r)
{
    for (size_t block = 0; block < r->blocks; block++, v->turn++) {
        v->s.a = v->packed ? x->a + block * r->height * v->s.steps * STEP_K
                           : g->a + (m + block_start(r, block)) * g->a_stride;
        v->s.backwards = !v->s.once && (v->turn & 1);
        v->s.dst = g->residual ? NULL : g->dst + (m + block_start(r, block)) * g->dst_stride + n;
        products[g->act](x->sum, &v->s, g, &v->p);
        const size_t start = block_start(r, block), again = block * r->height - start;
        const size_t cols = g->n - n < COLS ? g->n - n : COLS;
        v->p = to_finish(g, (struct tile){x->sum + again * COLS, COLS, m + start + again, n, r->height - again, cols});
    }
}

/* `rows` rows of the product from m on. */
static void multiply_rows(const struct rfa_gemm_s8_args *g, struct scratch *x, struct walk *v, size_t m, size_t rows)
{
    const struct split r = split_rows(rows);
    v->s.lower = r.height > TILE_ROWS ? r.height / 2 : 0;
    v->s.upper = r.height - v->s.lower;
    configure(x, v->s.upper, v->s.lower);
    v->s.once = r.blocks == 1;
    v->packed = g->n > FEW_COLS;
    v->s.a_stride = v->packed ? STEP_K : g->a_stride;
    v->s.a_step = v->packed ? r.height * STEP_K : STEP_K;
    if (v->packed)
        pack_rows(x, g, m, &r);
    for (size_t n = 0; n < g->n; n += COLS) {
        take_panels(&v->s, x, g, n);
        take_next(&v->s, g, n, r.blocks);
        multiply_panels(g, x, v, m, n, &r);
    }
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    if (g->m == 0 || g->n == 0)
        return;
    struct scratch *x = g->scratch;
    struct walk v = {0};
    memset(x->tail, 0, sizeof x->tail);
    for (size_t m = 0, rows; m < g->m; m += rows) {
        rows = even_rows(g->m, m, packed_rows(g->k));
        multiply_rows(g, x, &v, m, rows);
    }
    finish_tile(g, &v.p.t);
    _tile_release();
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)n;
    const size_t rows = (m + ROWS - 1) / ROWS * ROWS, most = packed_rows(k);
    return sizeof(struct scratch) + (rows < most ? rows : most) * rfa_row_bytes(k);
}

rfa_gemm_s8_t rfa_gemm_s8_amx = {.a_xor = 0, .mr = ROWS, .mc = 256, .scratch_bytes = scratch_bytes, .run = run};
