/* Weights under the builder's prefix: looked up in the file and checked against the shape that a builder expects, or
 * listed as demands. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "quant.h"
#include "sizes.h"

static void full_name(const struct rfa_build *b, char out[RFA_GGUF_MAX_NAME + 1], const char *name, const char *kind)
{
    const char *dot = b->prefix[0] && name[0] ? "." : "";
    snprintf(out, RFA_GGUF_MAX_NAME + 1, "%s%s%s%s", b->prefix, dot, name, kind);
}

/* True where demands are listed instead of being met. */
static bool list(struct rfa_build *b, enum rfa_demand_kind kind, const char *name, const char *suffix,
                 struct rfa_demand demand)
{
    char full[RFA_GGUF_MAX_NAME + 1];
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
    char full[RFA_GGUF_MAX_NAME + 1];
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
            rfa_build_fail(
                b, RFA_ERR_FORMAT,
                "tensor '%s.%s.scale' holds %g at %zu, not a finite number from 0 on; quantize the model again",
                b->prefix, name, (double)scale[i], i);
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

struct rfa_weight rfa_build_panels(struct rfa_build *b, const char *name, const char *kind, size_t channels,
                                   size_t rows)
{
    const uint64_t panels = (channels + RFA_PANEL_N - 1) / RFA_PANEL_N;
    const struct rfa_demand demand = {.rank = 3, .dim = {panels, rows, RFA_PANEL_N}, .channels = channels};
    struct rfa_weight w = {.n = (size_t)panels, .k = rows * RFA_PANEL_N};
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
