/* Intel AMX: a tile register holds 16 rows of 64 bytes, and TDPBSSD multiplies a tile of activations [16 rows][64 k] by
 * a tile of weights [16 lines][16 outputs][4 k]. Sixteen lines of a panel are such a tile as they lie in the file, so
 * both are loaded in place; only the last lines of a panel, where fewer than sixteen are left, go through a zero-filled
 * copy.
 *
 *               panel p    panel p+1
 *   rows 0-15   C0         C1          four sums, two tiles of activations and two of weights: all eight tile
 * registers, rows 16-31  C2         C3          four products for four loads
 *
 * The unit works beside the vector units, so while one block is multiplied, the previous one is scaled and stored, some
 * rows after each step of 64 k.
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
    STEP_LINES = STEP_K / RFA_PANEL_K
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
    int32_t sum[2][ROWS * COLS]; /* this block and the previous one */
    int8_t tail[2][TILE_BYTES];  /* the last lines of both panels */
    struct tile_config config;
};

/* What the product loop reads. */
struct source {
    const int8_t *a0, *a1; /* rows of the upper and the lower tile; a1 NULL: there is only the upper one */
    size_t a_stride;
    const int8_t *w0, *w1;
    const int8_t *tail; /* zero-filled copies, NULL where K is a multiple of STEP_K */
    size_t steps;       /* with the tail */
};

/* A block whose sums wait in scratch. */
struct pending {
    struct tile t;
    size_t done; /* rows */
};

/* The tile intrinsics of gcc do not tell it which memory they read. */
INLINE void settle_stores(void)
{
    __asm__ volatile("" ::: "memory");
}

static void configure(struct scratch *x, size_t upper, size_t lower)
{
    x->config = (struct tile_config){.palette = 1};
    for (size_t i = C0; i <= W1; i++) {
        x->config.row_bytes[i] = RFA_LINE;
        x->config.rows[i] = TILE_ROWS;
    }
    x->config.rows[C0] = x->config.rows[C1] = x->config.rows[A0] = (uint8_t)upper;
    if (lower)
        x->config.rows[C2] = x->config.rows[C3] = x->config.rows[A1] = (uint8_t)lower;
    settle_stores();
    _tile_loadconfig(&x->config);
}

INLINE void finish_some(const struct rfa_gemm_s8_args *g, struct pending *p, size_t rows, enum rfa_act act)
{
    for (size_t end = p->done + rows; p->done < end && p->done < p->t.rows; p->done++)
        finish_row(g, &p->t, p->done, act);
}

INLINE void step(const struct source *s, size_t i, const int8_t *w0, const int8_t *w1, const bool lower)
{
    _tile_loadd(W0, w0, RFA_LINE);
    _tile_loadd(A0, s->a0 + i * STEP_K, s->a_stride);
    _tile_loadd(W1, w1, RFA_LINE);
    _tile_dpbssd(C0, A0, W0);
    _tile_dpbssd(C1, A0, W1);
    if (lower) {
        _tile_loadd(A1, s->a1 + i * STEP_K, s->a_stride);
        _tile_dpbssd(C2, A1, W0);
        _tile_dpbssd(C3, A1, W1);
    }
}

/* sum[rows][COLS] of one block, and the end of the previous one. */
INLINE void product(int32_t *sum, size_t upper, const struct source *s, const struct rfa_gemm_s8_args *g,
                    struct pending *p, const bool lower, const enum rfa_act act)
{
    const size_t share = (p->t.rows + s->steps - 1) / s->steps;
    const size_t whole = s->tail ? s->steps - 1 : s->steps;
    _tile_zero(C0);
    _tile_zero(C1);
    if (lower) {
        _tile_zero(C2);
        _tile_zero(C3);
    }
    for (size_t i = 0; i < whole; i++) {
        step(s, i, s->w0 + i * TILE_BYTES, s->w1 + i * TILE_BYTES, lower);
        finish_some(g, p, share, act);
    }
    if (s->tail)
        step(s, whole, s->tail, s->tail + TILE_BYTES, lower);
    finish_some(g, p, ROWS, act);
    _tile_stored(C0, sum, COLS * sizeof *sum);
    _tile_stored(C1, sum + RFA_PANEL_N, COLS * sizeof *sum);
    if (lower) {
        _tile_stored(C2, sum + upper * COLS, COLS * sizeof *sum);
        _tile_stored(C3, sum + upper * COLS + RFA_PANEL_N, COLS * sizeof *sum);
    }
}

typedef void product_t(int32_t *sum, size_t upper, const struct source *s, const struct rfa_gemm_s8_args *g,
                       struct pending *p);

#define PRODUCT(name, act)                                                                                             \
    static void product_##name(int32_t *sum, size_t upper, const struct source *s, const struct rfa_gemm_s8_args *g,   \
                               struct pending *p)                                                                      \
    {                                                                                                                  \
        if (s->a1)                                                                                                     \
            product(sum, upper, s, g, p, true, act);                                                                   \
        else                                                                                                           \
            product(sum, upper, s, g, p, false, act);                                                                  \
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

/* The two panels from output n on; where the matrix has only one left, it is taken twice. */
static void take_panels(struct source *s, struct scratch *x, const struct rfa_gemm_s8_args *g, size_t n)
{
    const size_t lines = (g->k + RFA_PANEL_K - 1) / RFA_PANEL_K;
    const size_t whole = lines / STEP_LINES, rest = lines % STEP_LINES;
    s->w0 = g->w + n / RFA_PANEL_N * lines * RFA_LINE;
    s->w1 = n + RFA_PANEL_N < g->n ? s->w0 + lines * RFA_LINE : s->w0;
    s->steps = whole + (rest > 0);
    if (rest) {
        memcpy(x->tail[0], s->w0 + whole * TILE_BYTES, rest * RFA_LINE);
        memcpy(x->tail[1], s->w1 + whole * TILE_BYTES, rest * RFA_LINE);
        s->tail = x->tail[0];
        settle_stores();
    }
}

static void multiply(const struct rfa_gemm_s8_args *g, struct scratch *x)
{
    struct source s = {.a_stride = g->a_stride};
    struct pending p = {0};
    struct tile t = {.stride = COLS};
    size_t configured = 0, buffer = 0;
    for (t.n = 0; t.n < g->n; t.n += COLS) {
        t.cols = g->n - t.n < COLS ? g->n - t.n : COLS;
        take_panels(&s, x, g, t.n);
        for (t.m = 0; t.m < g->m; t.m += t.rows) {
            t.rows = even_rows(g->m, t.m, ROWS);
            size_t lower = t.rows > TILE_ROWS ? t.rows / 2 : 0, upper = t.rows - lower;
            if (t.rows != configured)
                configure(x, upper, lower);
            configured = t.rows;
            s.a0 = g->a + t.m * g->a_stride;
            s.a1 = lower ? s.a0 + upper * g->a_stride : NULL;
            products[g->act](x->sum[buffer], upper, &s, g, &p);
            p = (struct pending){.t = t};
            p.t.sum = x->sum[buffer];
            buffer ^= 1;
        }
    }
    finish_tile(g, &p.t);
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    assert((uintptr_t)g->scratch % RFA_LINE == 0);
    struct scratch *x = g->scratch;
    if (g->m == 0 || g->n == 0)
        return;
    memset(x->tail, 0, sizeof x->tail);
    multiply(g, x);
    _tile_release();
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return sizeof(struct scratch);
}

rfa_gemm_s8_t rfa_gemm_s8_amx = {.a_xor = 0, .mr = ROWS, .mc = 512, .scratch_bytes = scratch_bytes, .run = run};
