/* A session: one block of the caller's memory, laid out once. After rfa_session_init nothing is allocated. */
#include "session.h"

#include <string.h>

#include "alloc.h"
#include "arena_guard.h"
#include "backend.h"
#include "backend_blas.h"
#include "image.h"
#include "ops.h"
#include "quant.h"

enum { ALIGN = 64 };

/* ------------------------------------------------------------------ options */

void rfa_options_default(struct rfa_options *options)
{
    *options = (struct rfa_options){.sizeof_options = sizeof *options,
                                    .threads = 1,
                                    .cpu_mask = UINT32_MAX,
                                    .frame_group = 2,
                                    .max_image_side = 4096,
                                    .max_caption = 4096};
}

static enum rfa_status check_options(const struct rfa_model *model, const struct rfa_options *o)
{
    if (!model || !o || o->sizeof_options != sizeof *o)
        return rfa_fail(
            o && o->sizeof_options == sizeof *o ? &o->log : NULL, RFA_ERR_ARG,
            "the model is NULL or the options do not come from rfa_options_default of this version; fix the call");
    if (o->threads < 1 || o->threads > RFA_MAX_THREADS)
        return rfa_fail(&o->log, RFA_ERR_ARG, "options.threads is %d; use 1 to %d", o->threads, RFA_MAX_THREADS);
    if (o->frame_group < 1)
        return rfa_fail(&o->log, RFA_ERR_ARG, "options.frame_group is 0; use 1 to %u, the model's frames",
                        model->config.frames);
    if (o->max_image_side < 1 || o->max_image_side > 65536)
        return rfa_fail(&o->log, RFA_ERR_ARG, "options.max_image_side is %d; use 1 to 65536", o->max_image_side);
    if (o->blas && !rfa_blas_available())
        return rfa_fail(&o->log, RFA_ERR_UNSUPPORTED,
                        "options.blas: this build has no OpenBLAS; build with RFA_OPENBLAS=ON or leave it off");
    if (o->max_caption < 1 || o->max_caption > (1u << 20))
        return rfa_fail(&o->log, RFA_ERR_ARG, "options.max_caption is %zu; use 1 to %u bytes", o->max_caption,
                        1u << 20);
    return rfa_backend_check(o);
}

/* ------------------------------------------------------------------ layout */

/* Hands out consecutive aligned ranges; with base NULL it only measures. */
struct carve {
    unsigned char *base;
    size_t used;
};

static void *carve(struct carve *c, size_t bytes)
{
    void *memory = c->base ? c->base + c->used : NULL;
    c->used += rfa_round_up(bytes, ALIGN);
    return memory;
}

static size_t row_bytes(const struct rfa_tensor *t)
{
    if (t->type == RFA_TENSOR_Q8)
        return rfa_row_bytes(t->shape.cols);
    if (t->type == RFA_TENSOR_Q8_MAP)
        return rfa_map_row_bytes(t->shape.cols);
    return t->shape.cols * sizeof(float);
}

/* A map that is quantised with one scale and comes from an op that finds its largest magnitude on the way. */
static bool has_magnitude(const struct rfa_graph *g, int id)
{
    const struct rfa_tensor *t = &g->tensor[id];
    if (t->quantized == RFA_NONE || g->tensor[t->quantized].type != RFA_TENSOR_Q8_MAP || t->producer == RFA_NONE)
        return false;
    enum rfa_op op = g->step[t->producer].op;
    return op == RFA_OP_CONV || op == RFA_OP_MAX_POOL;
}

static size_t tensor_bytes(const struct rfa_session *s, int id)
{
    const struct rfa_tensor *t = rfa_tensor(s, id);
    size_t rows = rfa_max_rows(s, id);
    size_t scales = t->type == RFA_TENSOR_Q8                                              ? rows
                    : t->type == RFA_TENSOR_Q8_MAP || has_magnitude(&s->model->graph, id) ? 1
                                                                                          : 0;
    return rfa_round_up(rows * row_bytes(t), ALIGN) + rfa_round_up(scales * sizeof(float), ALIGN);
}

float *rfa_scales(const struct rfa_session *s, int id)
{
    size_t rows = rfa_max_rows(s, id) * row_bytes(rfa_tensor(s, id));
    return (float *)(void *)((unsigned char *)rfa_data(s, id) + rfa_round_up(rows, ALIGN));
}

uint32_t *rfa_map_magnitude(const struct rfa_session *s, int id)
{
    return has_magnitude(&s->model->graph, id) ? (uint32_t *)(void *)rfa_scales(s, id) : NULL;
}

static const struct rfa_block *block_of(const struct rfa_session *s, const struct rfa_step *step)
{
    return &s->block[s->model->graph.tensor_count + (step - s->model->graph.step)];
}

size_t rfa_scratch_step(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t bytes = block_of(s, step)->bytes;
    return bytes ? (bytes - RFA_RED_ZONE) / (size_t)s->options.threads : 0;
}

void *rfa_scratch(const struct rfa_session *s, const struct rfa_step *step, int thread)
{
    return s->arena + block_of(s, step)->offset + rfa_scratch_step(s, step) * (size_t)thread;
}

static bool is_result(const struct rfa_graph *g, int id)
{
    int producer = g->tensor[id].producer;
    if (producer == RFA_NONE)
        return true;
    return g->step[producer].out[0] == id || g->step[producer].out[1] == id;
}

/* First step of the stage that reads an input: inputs are written just before it. */
static int stage_start(const struct rfa_graph *g, int step)
{
    return g->stage_begin[g->step[step].stage];
}

static void tensor_block(const struct rfa_session *s, int id, struct rfa_block *b)
{
    const struct rfa_graph *g = &s->model->graph;
    const struct rfa_tensor *t = &g->tensor[id];
    bool kept = t->kept;
    *b = (struct rfa_block){.bytes = is_result(g, id) ? tensor_bytes(s, id) : 0,
                            .first = kept                      ? 0
                                     : t->producer == RFA_NONE ? stage_start(g, t->last_use)
                                                               : t->producer,
                            .last = kept ? g->step_count - 1 : t->last_use};
}

/* Tensors in one place are alive as one block, that of the first. */
static void share_block(const struct rfa_session *s, int id)
{
    struct rfa_block *own = &s->block[id], *home = &s->block[rfa_tensor(s, id)->home];
    if (own == home)
        return;
    home->bytes = own->bytes > home->bytes ? own->bytes : home->bytes;
    home->last = own->last;
    own->bytes = 0;
}

/* Image preparation runs before the first step of its stage, in that step's scratch; its result is alive by then. */
static size_t input_scratch(const struct rfa_session *s, int step)
{
    const struct rfa_config *c = &s->model->config;
    int side = s->options.max_image_side;
    if (step == s->model->graph.stage_begin[RFA_STAGE_VISION])
        return rfa_image_scratch_bytes(side, c->image_size, c->image_size);
    if (step == s->model->graph.stage_begin[RFA_STAGE_SCENE])
        return rfa_image_scratch_bytes(side, c->key_frame_size[0], c->key_frame_size[1]);
    return 0;
}

static void scratch_block(const struct rfa_session *s, int i, struct rfa_block *b)
{
    const struct rfa_step *step = &s->model->graph.step[i];
    size_t bytes = rfa_ops[step->op].scratch ? rfa_ops[step->op].scratch(s, step) : 0;
    size_t input = input_scratch(s, i);
    bytes = rfa_round_up(bytes > input ? bytes : input, ALIGN);
    size_t threads = (size_t)s->options.threads, most = SIZE_MAX / ALIGN * ALIGN; /* no memory has so much */
    *b = (struct rfa_block){.bytes = bytes > most / threads ? most : bytes * threads, .first = i, .last = i};
}

static void place(struct rfa_session *s)
{
    const struct rfa_graph *g = &s->model->graph;
    for (int i = 0; i < g->tensor_count; i++)
        tensor_block(s, i, &s->block[i]);
    for (int i = 0; i < g->tensor_count; i++)
        share_block(s, i);
    for (int i = 0; i < g->step_count; i++)
        scratch_block(s, i, &s->block[g->tensor_count + i]);
    for (int i = 0; i < s->block_count; i++)
        s->block[i].bytes += s->block[i].bytes && s->block[i].bytes < SIZE_MAX - RFA_RED_ZONE ? RFA_RED_ZONE : 0;
    s->arena_bytes = rfa_plan_place(s->block, s->order, s->block_count);
    for (int i = 0; i < g->tensor_count; i++)
        s->block[i].offset = s->block[rfa_tensor(s, i)->home].offset;
}

/* Everything but the arena. */
static void carve_fixed(struct carve *c, struct rfa_session *s)
{
    const struct rfa_graph *g = &s->model->graph;
    s->block_count = g->tensor_count + g->step_count;
    carve(c, sizeof *s);
    s->block = carve(c, (size_t)s->block_count * sizeof *s->block);
    s->order = carve(c, (size_t)s->block_count * sizeof *s->order);
    s->seconds = carve(c, (size_t)g->step_count * sizeof *s->seconds);
    s->work = s->options.count_tasks ? carve(c, (size_t)s->options.threads * sizeof *s->work) : NULL;
    s->keywords = carve(c, s->options.max_caption);
    s->sentence = carve(c, s->model->config.prompt.len + s->options.max_caption);
    s->ids = carve(c, s->model->config.text_positions * sizeof *s->ids);
}

static struct rfa_session describe(const struct rfa_model *model, const struct rfa_options *options)
{
    const struct rfa_config *c = &model->config;
    struct rfa_session s = {.model = model, .options = *options, .team = {.threads = options->threads}};
    if (s.options.frame_group > c->frames)
        s.options.frame_group = c->frames;
    s.max_rows[RFA_VAR_ONE] = 1;
    s.max_rows[RFA_VAR_FRAMES] = s.options.frame_group;
    s.max_rows[RFA_VAR_SENTENCE] = c->text_positions;
    s.max_rows[RFA_VAR_KEYWORD] = c->variant == RFA_VARIANT_REFATOMNET_PP ? c->keyword_limit : 1;
    memcpy(s.rows, s.max_rows, sizeof s.rows);
    rfa_kernels_init(&s.kernels, rfa_cpu_detect() & options->cpu_mask);
    return s;
}

enum rfa_status rfa_session_bytes(size_t *bytes, const rfa_model *model, const struct rfa_options *options)
{
    RFA_TRY(check_options(model, options));
    if (!bytes)
        return rfa_fail(&options->log, RFA_ERR_ARG, "rfa_session_bytes: bytes is NULL; pass the address of a size_t");
    struct rfa_session s = describe(model, options);
    struct carve measure = {NULL, 0};
    carve_fixed(&measure, &s);
    s.block = rfa_alloc((size_t)s.block_count * sizeof *s.block);
    s.order = rfa_alloc((size_t)s.block_count * sizeof *s.order);
    enum rfa_status status = RFA_OK;
    if (s.block && s.order)
        place(&s);
    if (!s.block || !s.order)
        status =
            rfa_fail(&options->log, RFA_ERR_NOMEM, "no memory to plan %d blocks; close other programs", s.block_count);
    else if (s.arena_bytes > SIZE_MAX - measure.used)
        status = rfa_fail(&options->log, RFA_ERR_NOMEM,
                          "a session of this model is larger than a %zu-bit system's memory; use fewer threads or a "
                          "smaller frame_group",
                          8 * sizeof(size_t));
    else
        *bytes = measure.used + s.arena_bytes;
    rfa_free(s.block);
    rfa_free(s.order);
    return status;
}

/* The last part of a session that may fail, so that nothing else is to be undone. */
static enum rfa_status open_device(struct rfa_session *s)
{
    s->backend = rfa_backend_of(s->options.device);
    enum rfa_status status = s->backend ? s->backend->open(&s->device, s) : RFA_OK;
    if (status != RFA_OK)
        rfa_guard_end(s);
    return status;
}

enum rfa_status rfa_session_init(rfa_session **out, const rfa_model *model, const struct rfa_options *options,
                                 void *memory, size_t bytes)
{
    if (out)
        *out = NULL;
    RFA_TRY(check_options(model, options));
    if (!out || !memory || (uintptr_t)memory % ALIGN != 0)
        return rfa_fail(
            &options->log, RFA_ERR_ARG,
            "rfa_session_init: out or memory is NULL, or memory is not aligned to %d bytes; pass both, aligned", ALIGN);
    struct rfa_session s = describe(model, options);
    struct carve c = {memory, 0};
    struct carve measure = {NULL, 0};
    carve_fixed(&measure, &s);
    if (bytes >= measure.used) {
        carve_fixed(&c, &s);
        place(&s);
    }
    if (bytes < measure.used || bytes - measure.used < s.arena_bytes) {
        size_t need = 0;
        RFA_TRY(rfa_session_bytes(&need, model, options));
        return rfa_fail(&options->log, RFA_ERR_NOMEM,
                        "the session needs %zu bytes, %zu were given; ask rfa_session_bytes", need, bytes);
    }
    s.arena = (unsigned char *)memory + c.used;
    s.total_bytes = c.used + s.arena_bytes;
    memset(s.seconds, 0, (size_t)model->graph.step_count * sizeof *s.seconds);
    for (int i = 0; s.work && i < options->threads; i++)
        s.work[i] = (struct rfa_thread_work){.core = -1};
    memset(s.arena, 0, s.arena_bytes);
    *(struct rfa_session *)memory = s;
    rfa_guard_start(memory);
    RFA_TRY(open_device(memory));
    *out = memory;
    return rfa_session_attach(*out);
}

enum rfa_status rfa_session_create(rfa_session **out, const rfa_model *model, const struct rfa_options *options)
{
    size_t bytes;
    if (out)
        *out = NULL;
    RFA_TRY(rfa_session_bytes(&bytes, model, options));
    if (!out)
        return rfa_fail(&options->log, RFA_ERR_ARG, "rfa_session_create: out is NULL; pass the address of a pointer");
    void *memory = rfa_alloc(bytes);
    if (!memory)
        return rfa_fail(&options->log, RFA_ERR_NOMEM,
                        "no %zu bytes for a session; use a smaller frame_group or fewer threads", bytes);
    enum rfa_status status = rfa_session_init(out, model, options, memory, bytes);
    if (status == RFA_OK)
        (*out)->owned = memory;
    else
        rfa_free(memory);
    return status;
}

enum rfa_status rfa_session_attach(rfa_session *session)
{
    RFA_TRY(rfa_check_session(session));
    int granted = rfa_team_start(&session->team, session->options.threads);
    session->team.work = session->work;
    if (session->options.blas)
        rfa_blas_start(session->options.threads);
    if (granted < session->options.threads)
        rfa_fail(&session->options.log, RFA_OK, "%d threads were asked for, %d are available", session->options.threads,
                 granted);
    return RFA_OK;
}

void rfa_session_end(rfa_session **session)
{
    if (!session || !*session)
        return;
    if ((*session)->backend)
        (*session)->backend->close((*session)->device);
    rfa_guard_end(*session);
    rfa_free((*session)->owned);
    *session = NULL;
}
