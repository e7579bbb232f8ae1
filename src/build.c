/* The builder's foundation: growing lists, prefixes, and what is left to do when all steps are there. The steps
 * themselves are in graph.c and graph_head.c, their weights in build_weights.c. */
#include "build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

void rfa_build_fail(struct rfa_build *b, enum rfa_status status, const char *format, ...)
{
    if (b->status != RFA_OK)
        return;
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    b->status = rfa_fail(b->log, status, "%s: %s", b->file, message);
}

/* Makes room for one more element; the old list is freed only after the copy. */
static bool grow(struct rfa_build *b, void **list, int count, int *capacity, size_t element_bytes)
{
    if (count < *capacity)
        return true;
    int bigger = *capacity ? *capacity * 2 : 256;
    void *memory = rfa_alloc((size_t)bigger * element_bytes);
    if (!memory) {
        rfa_build_fail(b, RFA_ERR_NOMEM, "no memory for the list of steps; close other programs");
        return false;
    }
    if (count > 0)
        memcpy(memory, *list, (size_t)count * element_bytes);
    rfa_free(*list);
    *list = memory;
    *capacity = bigger;
    return true;
}

int rfa_build_add_tensor(struct rfa_build *b, enum rfa_tensor_type type, struct rfa_shape shape)
{
    struct rfa_graph *g = b->graph;
    void *list = g->tensor;
    if (b->status != RFA_OK || !grow(b, &list, g->tensor_count, &b->tensor_capacity, sizeof *g->tensor))
        return 0;
    g->tensor = list;
    if (shape.rows == 0 || shape.cols == 0) {
        rfa_build_fail(b, RFA_ERR_SHAPE,
                       "'%s' has an empty result; the configuration does not fit together: convert the model again",
                       b->prefix);
        return 0;
    }
    g->tensor[g->tensor_count] = (struct rfa_tensor){
        .shape = shape, .type = type, .quantized = RFA_NONE, .producer = g->step_count, .last_use = RFA_NONE};
    return g->tensor_count++;
}

struct rfa_step *rfa_build_add_step(struct rfa_build *b, enum rfa_op op, const char *name)
{
    struct rfa_graph *g = b->graph;
    void *list = g->step;
    if (b->status != RFA_OK || !grow(b, &list, g->step_count, &b->step_capacity, sizeof *g->step))
        return NULL;
    g->step = list;
    struct rfa_step *s = &g->step[g->step_count++];
    *s = (struct rfa_step){.op = op, .stage = b->stage};
    for (int i = 0; i < RFA_STEP_INPUTS; i++)
        s->in[i] = RFA_NONE;
    for (int i = 0; i < RFA_STEP_OUTPUTS; i++)
        s->out[i] = RFA_NONE;
    if (name[0])
        snprintf(s->name, sizeof s->name, "%s.%s", b->prefix, name);
    else
        snprintf(s->name, sizeof s->name, "%s", b->prefix);
    return s;
}

void rfa_build_stage(struct rfa_build *b, enum rfa_stage stage)
{
    b->stage = stage;
    for (int s = (int)stage; s <= RFA_STAGE_COUNT; s++)
        b->graph->stage_begin[s] = b->graph->step_count;
}

void rfa_build_prefix(struct rfa_build *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(b->prefix, sizeof b->prefix, format, args);
    va_end(args);
}

struct rfa_shape rfa_build_shape(const struct rfa_build *b, int tensor)
{
    return b->status == RFA_OK ? b->graph->tensor[tensor].shape : (struct rfa_shape){1, 1, RFA_VAR_ONE};
}

int rfa_build_input(struct rfa_build *b, enum rfa_tensor_type type, struct rfa_shape shape)
{
    int id = rfa_build_add_tensor(b, type, shape);
    if (b->status == RFA_OK) {
        b->graph->tensor[id].producer = RFA_NONE;
        b->graph->tensor[id].wanted = true;
    }
    return id;
}

void rfa_build_keep(struct rfa_build *b, int tensor)
{
    if (b->status != RFA_OK)
        return;
    b->graph->tensor[tensor].kept = true;
    b->graph->tensor[tensor].wanted = true;
}

void rfa_build_trace(struct rfa_build *b, int tensor, const char *name, uint32_t rank, const size_t dim[RFA_TRACE_DIMS],
                     enum rfa_var var)
{
    struct rfa_graph *g = b->graph;
    void *list = g->trace;
    if (b->status != RFA_OK || !grow(b, &list, g->trace_count, &b->trace_capacity, sizeof *g->trace))
        return;
    g->trace = list;
    g->tensor[tensor].wanted = true;
    g->trace[g->trace_count++] = (struct rfa_trace_point){.name = name,
                                                          .tensor = tensor,
                                                          .rank = rank,
                                                          .dim = {dim[0], dim[1], dim[2]},
                                                          .var = var,
                                                          .step = g->step_count - 1};
}

/* ------------------------------------------------------------------ steps */

bool rfa_same_shape(struct rfa_shape a, struct rfa_shape b)
{
    return a.rows == b.rows && a.cols == b.cols && a.var == b.var;
}

void rfa_build_expect(struct rfa_build *b, bool ok, const char *what)
{
    if (!ok)
        rfa_build_fail(b, RFA_ERR_INTERNAL, "step at '%s': %s does not fit; this is a bug in the model's builder",
                       b->prefix, what);
}

void rfa_build_use(struct rfa_build *b, int x)
{
    if (b->status == RFA_OK && x != RFA_NONE)
        b->graph->tensor[x].wanted = true;
}

struct rfa_step *rfa_build_append(struct rfa_build *b, int *out, enum rfa_op op, const char *name, int x, int y,
                                  struct rfa_shape shape)
{
    rfa_build_use(b, x);
    rfa_build_use(b, y);
    *out = rfa_build_add_tensor(b, RFA_TENSOR_F32, shape);
    struct rfa_step *s = rfa_build_add_step(b, op, name);
    if (!s)
        return NULL;
    s->in[0] = x;
    s->in[1] = y;
    s->out[0] = *out;
    return s;
}

/* ------------------------------------------------------------------ finish */

/* A float result that only int8 products read is not written at all. */
static void drop_unwanted(struct rfa_graph *g)
{
    for (int i = 0; i < g->step_count; i++) {
        struct rfa_step *s = &g->step[i];
        if (s->out[1] != RFA_NONE && s->out[0] != RFA_NONE && !g->tensor[s->out[0]].wanted)
            s->out[0] = RFA_NONE;
    }
}

static void find_last_uses(struct rfa_graph *g)
{
    for (int i = 0; i < g->step_count; i++)
        for (int j = 0; j < RFA_STEP_INPUTS; j++)
            if (g->step[i].in[j] != RFA_NONE)
                g->tensor[g->step[i].in[j]].last_use = i;
    for (int i = 0; i < g->trace_count; i++)
        if (g->tensor[g->trace[i].tensor].last_use < g->trace[i].step)
            g->tensor[g->trace[i].tensor].last_use = g->trace[i].step;
}

/* A convolution's sum with a residual that nobody reads later is made in place. */
static bool replaces_residual(const struct rfa_graph *g, int id)
{
    int producer = g->tensor[id].producer;
    if (producer == RFA_NONE || g->step[producer].op != RFA_OP_CONV || g->step[producer].in[1] == RFA_NONE)
        return false;
    const struct rfa_step *s = &g->step[producer];
    const struct rfa_tensor *residual = &g->tensor[s->in[1]];
    return residual->last_use == producer && residual->producer != RFA_NONE && !residual->kept && !g->tensor[id].kept &&
           s->in[0] != s->in[1];
}

static void find_homes(struct rfa_graph *g)
{
    for (int i = 0; i < g->tensor_count; i++)
        g->tensor[i].home = replaces_residual(g, i) ? g->tensor[g->step[g->tensor[i].producer].in[1]].home : i;
}

void rfa_build_finish(struct rfa_build *b)
{
    if (b->status != RFA_OK)
        return;
    b->graph->stage_begin[RFA_STAGE_COUNT] = b->graph->step_count;
    drop_unwanted(b->graph);
    find_last_uses(b->graph);
    for (int i = 0; i < b->graph->tensor_count; i++)
        if (b->graph->tensor[i].last_use == RFA_NONE)
            b->graph->tensor[i].last_use = b->graph->tensor[i].producer == RFA_NONE ? 0 : b->graph->tensor[i].producer;
    find_homes(b->graph);
}
