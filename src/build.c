/* The builder's foundation: growing lists, prefixes, weights looked up and checked. The steps themselves are in
 * graph.c. */
#include "build.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "quant.h"
#include "sizes.h"

enum { NAME_MAX_BYTES = 64 };

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
        rfa_build_fail(b, RFA_ERR_SHAPE, "'%s' has an empty result; the configuration does not fit together",
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

/* ------------------------------------------------------------------ weights */

static void full_name(const struct rfa_build *b, char out[NAME_MAX_BYTES + 1], const char *name, const char *kind)
{
    const char *dot = b->prefix[0] && name[0] ? "." : "";
    snprintf(out, NAME_MAX_BYTES + 1, "%s%s%s%s", b->prefix, dot, name, kind);
}

/* True where demands are listed instead of being met. */
static bool list(struct rfa_build *b, enum rfa_demand_kind kind, const char *name, const char *suffix,
                 struct rfa_demand demand)
{
    char full[NAME_MAX_BYTES + 1];
    if (!b->demand)
        return false;
    full_name(b, full, name, suffix);
    demand.kind = kind;
    demand.name = full;
    b->demand(b->demand_user, &demand);
    return true;
}

static const struct rfa_gguf_tensor *find(struct rfa_build *b, const char *name, const char *kind)
{
    char full[NAME_MAX_BYTES + 1];
    full_name(b, full, name, kind);
    const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(b->gguf, (struct rfa_str){full, strlen(full)});
    if (!t)
        rfa_build_fail(b, RFA_ERR_SHAPE, "tensor '%s' is missing; convert the checkpoint again", full);
    return t;
}

static void wrong(struct rfa_build *b, const struct rfa_gguf_tensor *t, const char *type, uint32_t rank,
                  const uint64_t *dim)
{
    char want[96], have[96];
    int n = 0, m = 0;
    want[0] = have[0] = 0;
    for (uint32_t i = 0; i < rank; i++)
        n += snprintf(want + n, sizeof want - (size_t)n, "%s%llu", i ? "," : "", (unsigned long long)dim[i]);
    for (uint32_t i = 0; i < t->rank; i++)
        m += snprintf(have + m, sizeof have - (size_t)m, "%s%llu", i ? "," : "", (unsigned long long)t->dim[i]);
    rfa_build_fail(b, RFA_ERR_SHAPE,
                   "tensor '%.*s' is %s [%s], the configuration demands %s [%s]; convert the checkpoint again",
                   (int)t->name.len, t->name.data, rfa_type_name(t->type), have, type, want);
}

static bool same_shape(const struct rfa_gguf_tensor *t, uint32_t rank, const uint64_t *dim)
{
    if (t->rank != rank)
        return false;
    for (uint32_t i = 0; i < rank; i++)
        if (t->dim[i] != dim[i])
            return false;
    return true;
}

static const float *vector(struct rfa_build *b, const char *name, const char *kind, size_t n)
{
    const struct rfa_gguf_tensor *t = find(b, name, kind);
    if (!t)
        return NULL;
    const uint64_t dim[] = {n};
    if (t->type != RFA_TYPE_F32 || !same_shape(t, 1, dim)) {
        wrong(b, t, "F32", 1, dim);
        return NULL;
    }
    return t->data;
}

static void check_scales(struct rfa_build *b, const char *name, const float *scale, size_t n)
{
    for (size_t i = 0; scale && i < n; i++)
        if (!isfinite(scale[i]) || scale[i] < 0) {
            rfa_build_fail(b, RFA_ERR_FORMAT,
                           "tensor '%s.%s.scale' holds %g at %zu; scales are finite and not negative", b->prefix, name,
                           (double)scale[i], i);
            return;
        }
}

static void int8_parts(struct rfa_build *b, struct rfa_weight *w, const struct rfa_gguf_tensor *t, const char *name)
{
    const uint64_t dim[] = {(w->n + 15) / 16, (w->k + 3) / 4, 16, 4};
    if (!same_shape(t, 4, dim)) {
        wrong(b, t, "I8 panels", 4, dim);
        return;
    }
    if ((uintptr_t)t->data % RFA_LINE != 0 || w->k > RFA_MAX_K) {
        rfa_build_fail(b, RFA_ERR_FORMAT,
                       "int8 tensor '%.*s' is not aligned to 64 bytes or its K is over %d; quantize the model again",
                       (int)t->name.len, t->name.data, RFA_MAX_K);
        return;
    }
    size_t padded = rfa_round_up(w->n, RFA_PANEL_N);
    w->scale = vector(b, name, ".scale", padded);
    check_scales(b, name, w->scale, padded);
    const struct rfa_gguf_tensor *sum = find(b, name, ".sum");
    const uint64_t sum_dim[] = {padded};
    if (sum && (sum->type != RFA_TYPE_I32 || !same_shape(sum, 1, sum_dim)))
        wrong(b, sum, "I32", 1, sum_dim);
    else if (sum)
        w->sum = sum->data;
}

/* What a matrix may be stored as. */
enum { F32_ONLY = 1 << RFA_TYPE_F32, FLOAT = F32_ONLY | 1 << RFA_TYPE_F16, ANY = FLOAT | 1 << RFA_TYPE_I8 };

static struct rfa_weight matrix(struct rfa_build *b, const char *name, size_t n, size_t k, bool bias, unsigned types)
{
    struct rfa_weight w = {.n = n, .k = k};
    if (b->status != RFA_OK)
        return w;
    if (list(b, RFA_DEMAND_MATRIX, name, ".weight", (struct rfa_demand){.rank = 2, .dim = {n, k}})) {
        if (bias)
            list(b, RFA_DEMAND_MATRIX_BIAS, name, ".bias", (struct rfa_demand){.rank = 1, .dim = {n}});
        return w;
    }
    const struct rfa_gguf_tensor *t = find(b, name, ".weight");
    if (!t)
        return w;
    w.type = t->type;
    w.data = t->data;
    const uint64_t dim[] = {n, k};
    if (t->type == RFA_TYPE_I8 && types == ANY)
        int8_parts(b, &w, t, name);
    else if (!(types & 1u << t->type) || !same_shape(t, 2, dim))
        wrong(b, t, types == F32_ONLY ? "F32" : "F32 or F16", 2, dim);
    if (bias && b->status == RFA_OK)
        w.bias = vector(b, name, ".bias", t->type == RFA_TYPE_I8 ? rfa_round_up(n, RFA_PANEL_N) : n);
    return w;
}

struct rfa_weight rfa_build_matrix(struct rfa_build *b, const char *name, size_t n, size_t k, bool bias)
{
    return matrix(b, name, n, k, bias, ANY);
}

struct rfa_weight rfa_build_float_matrix(struct rfa_build *b, const char *name, size_t n, size_t k, bool bias)
{
    return matrix(b, name, n, k, bias, FLOAT);
}

struct rfa_weight rfa_build_f32_matrix(struct rfa_build *b, const char *name, size_t n, size_t k, bool bias)
{
    return matrix(b, name, n, k, bias, F32_ONLY);
}

struct rfa_weight rfa_build_table(struct rfa_build *b, const char *name, size_t n, size_t k)
{
    struct rfa_weight w = {.n = n, .k = k};
    const struct rfa_demand demand =
        n == 1 ? (struct rfa_demand){.rank = 1, .dim = {k}} : (struct rfa_demand){.rank = 2, .dim = {n, k}};
    if (b->status != RFA_OK || list(b, RFA_DEMAND_TABLE, name, "", demand))
        return w;
    const struct rfa_gguf_tensor *t = find(b, name, "");
    if (!t)
        return w;
    const uint64_t matrix[] = {n, k}, row[] = {k};
    bool fits = same_shape(t, 2, matrix) || (n == 1 && same_shape(t, 1, row));
    if ((t->type != RFA_TYPE_F32 && t->type != RFA_TYPE_F16) || !fits)
        wrong(b, t, "F32 or F16", 2, matrix);
    w.type = t->type;
    w.data = t->data;
    return w;
}

struct rfa_weight rfa_build_panels(struct rfa_build *b, const char *name, size_t channels, size_t rows, bool bias)
{
    const uint64_t panels = (channels + RFA_PANEL_N - 1) / RFA_PANEL_N;
    const struct rfa_demand demand = {.rank = 3, .dim = {panels, rows, RFA_PANEL_N}, .channels = channels};
    struct rfa_weight w = {.n = (size_t)panels, .k = rows * RFA_PANEL_N};
    const char *kind = bias ? ".weight" : "";
    if (b->status != RFA_OK || list(b, RFA_DEMAND_PANELS, name, kind, demand))
        return w;
    const struct rfa_gguf_tensor *t = find(b, name, kind);
    if (!t)
        return w;
    if (t->type != RFA_TYPE_F32 || !same_shape(t, demand.rank, demand.dim))
        wrong(b, t, "F32", demand.rank, demand.dim);
    w.data = t->data;
    return w;
}

const float *rfa_build_vector(struct rfa_build *b, const char *name, const char *kind, size_t n)
{
    if (b->status != RFA_OK || list(b, RFA_DEMAND_VECTOR, name, kind, (struct rfa_demand){.rank = 1, .dim = {n}}))
        return NULL;
    return vector(b, name, kind, n);
}

size_t rfa_build_matrix_rows(struct rfa_build *b, const char *name)
{
    if (!b->gguf)
        rfa_build_fail(b, RFA_ERR_UNSUPPORTED,
                       "the width of '%s.%s' stands in no configuration; only a model file of this variant has it",
                       b->prefix, name);
    const struct rfa_gguf_tensor *t = b->status == RFA_OK ? find(b, name, ".weight") : NULL;
    if (t && t->dim[0] > RFA_MAX_MLP)
        rfa_build_fail(b, RFA_ERR_SHAPE,
                       "tensor '%.*s' has %llu rows; at most %d are run: convert the checkpoint again",
                       (int)t->name.len, t->name.data, (unsigned long long)t->dim[0], (int)RFA_MAX_MLP);
    return b->status == RFA_OK ? (size_t)t->dim[0] : 0;
}

size_t rfa_weight_bytes(const struct rfa_weight *w)
{
    if (!w->data)
        return 0;
    return w->type == RFA_TYPE_I8 ? rfa_panel_bytes(w->n, w->k) : w->n * w->k * rfa_type_bytes(w->type);
}

struct rfa_weight rfa_weight_rows(struct rfa_weight w, size_t first, size_t n)
{
    size_t offset = first * w.k * rfa_type_bytes(w.type);
    if (w.data)
        w.data = (const char *)w.data + offset;
    if (w.bias)
        w.bias += first;
    w.n = n;
    return w;
}
