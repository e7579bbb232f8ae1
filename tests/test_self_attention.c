/* Int8 self-attention in one step has the bits of its projection and its attention in two, on every tier, for heads of
 * any width, more query rows than a block holds, and any threads; and it writes nothing beyond its scratch, which ends
 * at a guard page. */
#include "guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../quant/quant.h"
#include "../src/arena_guard.h"
#include "../src/ops.h"

enum { X, QKV, TWO_STEPS, ONE_STEP, TENSORS };
enum { PROJECT, ATTEND, PROJECT_AND_ATTEND, STEPS };
enum { FRAME_GROUP = 4, FILL = 0x5a };

struct layer {
    size_t tokens, heads, dim, inputs, frames;
};

static const struct layer layers[] = {
    {64, 1, 16, 4, 1},   /* the least of all */
    {65, 4, 20, 33, 3},  /* four heads make whole panels */
    {67, 16, 1, 17, 2},  /* sixteen do */
    {130, 32, 3, 64, 4}, /* sixteen of thirty-two */
    {257, 4, 88, 60, 2}, /* the ViT's, fewer of them */
    {320, 2, 8, 24, 1},  /* one full block of query rows */
    {321, 1, 48, 20, 2}, /* a second one, of one row */
    {777, 2, 24, 36, 1}, /* a third one */
};

/* A session of three steps, by hand. */
struct rig {
    struct rfa_model model;
    struct rfa_session s;
    struct rfa_tensor tensor[TENSORS];
    struct rfa_step step[STEPS];
    struct rfa_block block[TENSORS + STEPS];
    struct guard arena;
};

static uint32_t state = 1;

/* -1 to 1; xorshift32. */
static float random_value(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (float)(int32_t)state * 0x1p-31f;
}

static void *memory(size_t bytes)
{
    void *memory = aligned_alloc(64, rfa_round_up(bytes, 64));
    assert_non_null(memory);
    memset(memory, 0, rfa_round_up(bytes, 64));
    return memory;
}

/* ------------------------------------------------------------------ the layer */

struct weights {
    int8_t *data;
    float *scale, *bias;
    int32_t *sum;
};

static void make_weights(struct weights *w, const struct layer *l)
{
    size_t n = 3 * l->heads * l->dim;
    *w = (struct weights){memory(rfa_panel_bytes(n, l->inputs)), memory(n * sizeof(float)), memory(n * sizeof(float)),
                          memory(n * sizeof(int32_t))};
    for (size_t i = 0; i < n; i++) {
        w->scale[i] = 0.02f + 0.01f * random_value();
        w->bias[i] = random_value();
        for (size_t j = 0; j < l->inputs; j++) {
            int8_t value = (int8_t)(127.0f * random_value());
            w->data[rfa_panel_index(i, j, l->inputs)] = value;
            w->sum[i] += value;
        }
    }
}

static void free_weights(struct weights *w)
{
    free(w->data);
    free(w->scale);
    free(w->bias);
    free(w->sum);
}

static struct rfa_step step_of(enum rfa_op op, int x, int y, int z, int out)
{
    return (struct rfa_step){.op = op, .in = {x, y, z, RFA_NONE}, .out = {out, RFA_NONE}};
}

static void describe(struct rig *r, const struct layer *l, const struct weights *w)
{
    size_t cols = l->heads * l->dim;
    const size_t width[TENSORS] = {l->inputs, 3 * cols, cols, cols};
    for (int i = 0; i < TENSORS; i++)
        r->tensor[i] = (struct rfa_tensor){.shape = {l->tokens, width[i], RFA_VAR_FRAMES},
                                           .type = i == X ? RFA_TENSOR_Q8 : RFA_TENSOR_F32};
    r->step[PROJECT] = step_of(RFA_OP_LINEAR, X, RFA_NONE, RFA_NONE, QKV);
    r->step[ATTEND] = step_of(RFA_OP_ATTENTION, QKV, QKV, QKV, TWO_STEPS);
    r->step[PROJECT_AND_ATTEND] = step_of(RFA_OP_SELF_ATTENTION, X, RFA_NONE, RFA_NONE, ONE_STEP);
    for (int i = ATTEND; i < STEPS; i++) {
        r->step[i].p.attention.heads = l->heads;
        r->step[i].p.attention.dim = l->dim;
        r->step[i].p.attention.k_first = cols;
        r->step[i].p.attention.v_first = 2 * cols;
        r->step[i].p.attention.int8 = true;
    }
    r->step[PROJECT].w = r->step[PROJECT_AND_ATTEND].w = (struct rfa_weight){.type = RFA_TYPE_I8,
                                                                             .n = 3 * cols,
                                                                             .k = l->inputs,
                                                                             .data = w->data,
                                                                             .scale = w->scale,
                                                                             .sum = w->sum,
                                                                             .bias = w->bias};
}

/* ------------------------------------------------------------------ the session */

static size_t tensor_bytes(const struct rfa_session *s, int id)
{
    size_t rows = rfa_max_rows(s, id);
    return id == X ? rfa_round_up(rows * rfa_row_bytes(rfa_cols(s, id)), 64) + rows * sizeof(float)
                   : rows * rfa_cols(s, id) * sizeof(float);
}

/* Blocks one after another, the scratch of the last step at the end. */
static void place(struct rig *r)
{
    struct rfa_session *s = &r->s;
    size_t at = 0;
    for (int i = 0; i < TENSORS + STEPS; i++) {
        struct rfa_block *b = &r->block[i];
        if (i < TENSORS) {
            b->bytes = tensor_bytes(s, i);
        } else {
            const struct rfa_step *step = &r->step[i - TENSORS];
            b->bytes = rfa_round_up(rfa_ops[step->op].scratch(s, step), 64) * (size_t)s->options.threads;
            b->bytes += RFA_RED_ZONE;
        }
        b->offset = at;
        at += rfa_round_up(b->bytes, 64);
    }
    s->arena = guard_end(&r->arena, at);
}

static void start(struct rig *r, const struct layer *l, const struct weights *w, uint32_t cpu_mask, int threads)
{
    *r = (struct rig){.s = {.model = &r->model, .block = r->block, .options = {.threads = threads}}};
    r->model.graph =
        (struct rfa_graph){.tensor = r->tensor, .tensor_count = TENSORS, .step = r->step, .step_count = STEPS};
    r->s.max_rows[RFA_VAR_ONE] = r->s.rows[RFA_VAR_ONE] = 1;
    r->s.max_rows[RFA_VAR_FRAMES] = FRAME_GROUP;
    r->s.rows[RFA_VAR_FRAMES] = l->frames;
    rfa_kernels_init(&r->s.kernels, rfa_cpu_detect() & cpu_mask);
    rfa_team_start(&r->s.team, threads);
    describe(r, l, w);
    place(r);
}

static void run(struct rig *r, int step)
{
    rfa_ops[r->step[step].op].run(&r->s, &r->step[step]);
}

static void quantize(struct rig *r, const float *x)
{
    const struct rfa_kernels *k = &r->s.kernels;
    size_t cols = rfa_cols(&r->s, X);
    for (size_t i = 0; i < rfa_rows(&r->s, X); i++)
        rfa_scales(&r->s, X)[i] = k->quantize_row((int8_t *)rfa_data(&r->s, X) + i * rfa_row_bytes(cols), x + i * cols,
                                                  cols, 0, k->gemm_s8->a_xor);
}

/* ------------------------------------------------------------------ the test */

static bool untouched(const unsigned char *at, const unsigned char *end)
{
    while (at < end && *at == FILL)
        at++;
    return at == end;
}

/* One step against `want`, what two steps gave on the C tier. Nothing but the rows of the call is written, and scratch.
 */
static void check(const struct layer *l, const struct weights *w, const float *x, const float *want, uint32_t cpu_mask,
                  int threads)
{
    struct rig r;
    start(&r, l, w, cpu_mask, threads);
    quantize(&r, x);
    unsigned char *begin = rfa_data(&r.s, QKV), *got = rfa_data(&r.s, ONE_STEP);
    unsigned char *end = r.s.arena + r.block[TENSORS + PROJECT_AND_ATTEND].offset;
    size_t bytes = rfa_rows(&r.s, ONE_STEP) * rfa_cols(&r.s, ONE_STEP) * sizeof(float);
    memset(begin, FILL, (size_t)(end - begin));
    run(&r, PROJECT_AND_ATTEND);
    assert_memory_equal(got, want, bytes);
    assert_true(untouched(begin, got));
    assert_true(untouched(got + bytes, end));
    run(&r, PROJECT);
    run(&r, ATTEND);
    assert_memory_equal(rfa_data(&r.s, TWO_STEPS), want, bytes);
    guard_free(&r.arena);
}

static void check_layer(const struct layer *l)
{
    static const uint32_t tier[] = {0, RFA_CPU_AVX2 | RFA_CPU_NEON,
                                    RFA_CPU_AVX2 | RFA_CPU_AVX512 | RFA_CPU_NEON | RFA_CPU_DOTPROD, ~RFA_CPU_AMX,
                                    UINT32_MAX};
    static const int threads[] = {1, 2, 7};
    struct weights w;
    struct rig plain;
    make_weights(&w, l);
    size_t values = l->frames * l->tokens * l->inputs;
    float *x = memory(values * sizeof *x);
    for (size_t i = 0; i < values; i++)
        x[i] = random_value();
    start(&plain, l, &w, 0, 1);
    quantize(&plain, x);
    run(&plain, PROJECT);
    run(&plain, ATTEND);
    for (size_t i = 0; i < sizeof tier / sizeof *tier; i++)
        for (size_t j = 0; j < sizeof threads / sizeof *threads; j++)
            check(l, &w, x, rfa_data(&plain.s, TWO_STEPS), tier[i], threads[j]);
    guard_free(&plain.arena);
    free_weights(&w);
    free(x);
}

static void one_step_has_the_bits_of_two(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        check_layer(&layers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_step_has_the_bits_of_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
