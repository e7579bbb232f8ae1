/* Steps: what each op takes, gives and expects of its shapes. Those that only heads have are in graph_head.c. */
#include "graph.h"

#include "build.h"
#include "quant.h"

/* Rows from which a product quantises its own result: below, splitting rows over threads would starve them. */
enum { FUSE_ROWS = 64 };

/* Keys from which attention works on int8 products: below, quantising costs more than it saves. */
enum { INT8_KEYS = 32 };

/* ------------------------------------------------------------------ quantised companions */

static bool quantizes_itself(const struct rfa_step *s, struct rfa_shape shape)
{
    if (s->out[1] != RFA_NONE)
        return false;
    if (s->op == RFA_OP_NORM || s->op == RFA_OP_PATCHES)
        return true;
    return s->op == RFA_OP_LINEAR && s->w.type == RFA_TYPE_I8 &&
           (shape.var == RFA_VAR_FRAMES || (shape.var == RFA_VAR_ONE && shape.rows >= FUSE_ROWS));
}

/* Whether x is what GELU or ReLU gives: hardly ever, in a map never, below 0. */
static bool is_one_sided(const struct rfa_graph *g, int x)
{
    if (g->tensor[x].producer == RFA_NONE)
        return false;
    const struct rfa_step *s = &g->step[g->tensor[x].producer];
    if (s->op == RFA_OP_MAX_POOL)
        return is_one_sided(g, s->in[0]);
    if (s->op == RFA_OP_CONV)
        return s->p.conv.relu;
    enum rfa_act act = s->op == RFA_OP_LINEAR && s->in[1] == RFA_NONE ? s->p.linear.act
                       : s->op == RFA_OP_ACT                          ? s->p.act
                                                                      : RFA_ACT_NONE;
    return act == RFA_ACT_RELU || act == RFA_ACT_GELU;
}

/* The Q8 form of x, made once: by the step that makes x where its op can, by a step of its own otherwise. */
static int quantized(struct rfa_build *b, int x, enum rfa_tensor_type type)
{
    if (b->status != RFA_OK || b->graph->tensor[x].quantized != RFA_NONE)
        return b->status == RFA_OK ? b->graph->tensor[x].quantized : 0;
    struct rfa_shape shape = b->graph->tensor[x].shape;
    int producer = b->graph->tensor[x].producer;
    int q = rfa_build_add_tensor(b, type, shape);
    if (b->status != RFA_OK)
        return 0;
    b->graph->tensor[x].quantized = q;
    b->graph->tensor[q].zero = is_one_sided(b->graph, x) ? RFA_ZERO_ONE_SIDED : 0;
    if (type == RFA_TENSOR_Q8 && producer != RFA_NONE && quantizes_itself(&b->graph->step[producer], shape)) {
        b->graph->step[producer].out[1] = q;
        b->graph->tensor[q].producer = producer;
        return q;
    }
    rfa_build_use(b, x);
    struct rfa_step *s = rfa_build_add_step(b, RFA_OP_QUANTIZE, "quantize");
    if (s) {
        s->in[0] = x;
        s->out[0] = q;
    }
    return q;
}

/* ------------------------------------------------------------------ vision and text inputs */

int rfa_step_patches(struct rfa_build *b, int frames, uint32_t image, uint32_t patch, bool fp16, struct rfa_shape shape)
{
    int out;
    size_t side = image / patch;
    rfa_build_expect(
        b, shape.rows == side * side && shape.cols == (size_t)3 * patch * patch && shape.var == RFA_VAR_FRAMES,
        "patches");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_PATCHES, "patches", frames, RFA_NONE, shape);
    if (s) {
        s->p.patches.image = image;
        s->p.patches.patch = patch;
        s->p.patches.fp16 = fp16;
    }
    return out;
}

int rfa_step_tokens(struct rfa_build *b, int patches, struct rfa_shape shape)
{
    int out;
    struct rfa_shape in = rfa_build_shape(b, patches);
    rfa_build_expect(b, shape.rows == in.rows + 1 && shape.cols == in.cols && shape.var == in.var, "tokens");
    struct rfa_weight cls = rfa_build_table(b, "cls", 1, shape.cols),
                      pos = rfa_build_table(b, "pos", shape.rows, shape.cols);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_TOKENS, "tokens", patches, RFA_NONE, shape);
    if (s) {
        s->w = cls;
        s->w2 = pos;
    }
    return out;
}

int rfa_step_constant(struct rfa_build *b, struct rfa_weight w, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, w.n == shape.rows && w.k == shape.cols, "constant");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_CONSTANT, "constant", RFA_NONE, RFA_NONE, shape);
    if (s)
        s->w = w;
    return out;
}

int rfa_step_zero(struct rfa_build *b, struct rfa_shape shape)
{
    int out;
    rfa_build_append(b, &out, RFA_OP_ZERO, "zero", RFA_NONE, RFA_NONE, shape);
    return out;
}

int rfa_step_embed(struct rfa_build *b, int ids, struct rfa_weight token, struct rfa_weight position,
                   struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, token.k == shape.cols && position.k == shape.cols && shape.rows == 1, "embedding");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_EMBED, "embed", ids, RFA_NONE, shape);
    if (s) {
        s->w = token;
        s->w2 = position;
    }
    return out;
}

/* ------------------------------------------------------------------ rows */

int rfa_step_norm(struct rfa_build *b, int x, const char *name, float eps, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, rfa_same_shape(rfa_build_shape(b, x), shape), "layer norm");
    const float *gamma = rfa_build_vector(b, name, ".weight", shape.cols);
    const float *beta = rfa_build_vector(b, name, ".bias", shape.cols);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_NORM, name, x, RFA_NONE, shape);
    if (s) {
        s->w = (struct rfa_weight){.type = RFA_TYPE_F32, .n = 1, .k = shape.cols, .data = gamma, .bias = beta};
        s->p.norm.eps = eps;
    }
    return out;
}

int rfa_step_product(struct rfa_build *b, int x, const char *name, struct rfa_weight w, size_t first, enum rfa_act act,
                     int residual, struct rfa_shape shape)
{
    int out;
    struct rfa_shape in = rfa_build_shape(b, x);
    rfa_build_expect(b, in.rows == shape.rows && in.var == shape.var && w.n == shape.cols && first + w.k <= in.cols,
                     "matrix product");
    rfa_build_expect(b, residual == RFA_NONE || rfa_same_shape(rfa_build_shape(b, residual), shape), "residual");
    bool int8 = w.type == RFA_TYPE_I8;
    rfa_build_expect(b, !int8 || (first == 0 && w.k == in.cols), "int8 input");
    if (int8)
        x = quantized(b, x, RFA_TENSOR_Q8);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_LINEAR, name, x, residual, shape);
    if (s) {
        s->w = w;
        s->p.linear.act = act;
        s->p.linear.first = first;
    }
    return out;
}

int rfa_step_linear(struct rfa_build *b, int x, const char *name, enum rfa_act act, struct rfa_shape shape)
{
    struct rfa_weight w = rfa_build_matrix(b, name, shape.cols, rfa_build_shape(b, x).cols, true);
    return rfa_step_product(b, x, name, w, 0, act, RFA_NONE, shape);
}

int rfa_step_linear_add(struct rfa_build *b, int x, const char *name, int residual, struct rfa_shape shape)
{
    struct rfa_weight w = rfa_build_matrix(b, name, shape.cols, rfa_build_shape(b, x).cols, true);
    return rfa_step_product(b, x, name, w, 0, RFA_ACT_NONE, residual, shape);
}

int rfa_step_add(struct rfa_build *b, int x, int y, struct rfa_shape shape)
{
    int out;
    struct rfa_shape sx = rfa_build_shape(b, x), sy = rfa_build_shape(b, y);
    bool row = sy.rows == 1 && sy.cols == shape.cols && sy.var == RFA_VAR_ONE;
    rfa_build_expect(b, rfa_same_shape(sx, shape) && (rfa_same_shape(sy, shape) || row), "sum");
    rfa_build_append(b, &out, RFA_OP_ADD, "add", x, y, shape);
    return out;
}

int rfa_step_add_table(struct rfa_build *b, int x, struct rfa_weight table, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b,
                     rfa_same_shape(rfa_build_shape(b, x), shape) && table.n == shape.rows && table.k == shape.cols &&
                         shape.var == RFA_VAR_ONE,
                     "table to add");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_ADD, "add", x, RFA_NONE, shape);
    if (s)
        s->w = table;
    return out;
}

int rfa_step_act(struct rfa_build *b, int x, enum rfa_act act, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, rfa_same_shape(rfa_build_shape(b, x), shape), "activation");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_ACT, "act", x, RFA_NONE, shape);
    if (s)
        s->p.act = act;
    return out;
}

int rfa_step_mean(struct rfa_build *b, int x, size_t count, enum rfa_var var, size_t step, size_t base,
                  struct rfa_shape shape)
{
    int out;
    struct rfa_shape in = rfa_build_shape(b, x);
    rfa_build_expect(
        b, in.cols == shape.cols && in.var == var && shape.var == RFA_VAR_ONE && count * shape.rows == in.rows, "mean");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_MEAN, "mean", x, RFA_NONE, shape);
    if (s) {
        s->p.mean.count = count;
        s->p.mean.var = var;
        s->p.mean.step = step;
        s->p.mean.base = base;
    }
    return out;
}

/* ------------------------------------------------------------------ attention */

static bool int8_attention(const struct rfa_build *b, const struct rfa_attend *a)
{
    const struct rfa_tensor *k = &b->graph->tensor[a->k];
    return k->producer != RFA_NONE && b->graph->step[k->producer].w.type == RFA_TYPE_I8 && k->shape.rows >= INT8_KEYS &&
           !a->causal;
}

int rfa_step_attention(struct rfa_build *b, struct rfa_attend a, struct rfa_shape shape)
{
    int out;
    struct rfa_shape q = rfa_build_shape(b, a.q), k = rfa_build_shape(b, a.k), v = rfa_build_shape(b, a.v);
    rfa_build_expect(b, a.heads > 0 && shape.cols % a.heads == 0, "number of heads");
    rfa_build_expect(b, q.rows == shape.rows && q.var == shape.var && k.rows == v.rows && k.var == v.var,
                     "attention rows");
    rfa_build_expect(b, k.var == q.var || q.var == RFA_VAR_ONE || k.var == RFA_VAR_ONE, "attention sequences");
    rfa_build_expect(
        b, a.q_first + shape.cols <= q.cols && a.k_first + shape.cols <= k.cols && a.v_first + shape.cols <= v.cols,
        "attention columns");
    rfa_build_use(b, a.k);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_ATTENTION, "attention", a.q, a.v, shape);
    if (s) {
        s->in[2] = a.k;
        s->p.attention.heads = a.heads;
        s->p.attention.dim = shape.cols / a.heads;
        s->p.attention.q_first = a.q_first;
        s->p.attention.k_first = a.k_first;
        s->p.attention.v_first = a.v_first;
        s->p.attention.causal = a.causal;
        s->p.attention.int8 = int8_attention(b, &a);
    }
    return out;
}

/* A panel of the projection belongs to one of queries, keys and values, and there are rows enough to multiply a few
 * heads' weights for one sequence alone. */
static bool projects_itself(const struct rfa_weight *w, struct rfa_shape shape)
{
    return w->type == RFA_TYPE_I8 && shape.cols % RFA_PANEL_N == 0 && shape.rows >= FUSE_ROWS;
}

int rfa_step_self_attention(struct rfa_build *b, int x, const char *name, size_t heads, struct rfa_shape shape)
{
    struct rfa_shape in = rfa_build_shape(b, x), wide = rfa_shape(shape.rows, 3 * shape.cols, shape.var);
    struct rfa_weight w = rfa_build_matrix(b, name, wide.cols, in.cols, true);
    if (!projects_itself(&w, shape)) {
        int y = rfa_step_product(b, x, name, w, 0, RFA_ACT_NONE, RFA_NONE, wide);
        struct rfa_attend self = {
            .q = y, .k = y, .v = y, .k_first = shape.cols, .v_first = 2 * shape.cols, .heads = heads};
        return rfa_step_attention(b, self, shape);
    }
    int out;
    rfa_build_expect(b, heads > 0 && shape.cols % heads == 0, "number of heads");
    rfa_build_expect(b, in.rows == shape.rows && in.var == shape.var, "attention rows");
    x = quantized(b, x, RFA_TENSOR_Q8);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_SELF_ATTENTION, "attention", x, RFA_NONE, shape);
    if (s) {
        s->w = w;
        s->p.attention.heads = heads;
        s->p.attention.dim = shape.cols / heads;
        s->p.attention.k_first = shape.cols;
        s->p.attention.v_first = 2 * shape.cols;
        s->p.attention.int8 = true;
    }
    return out;
}

/* ------------------------------------------------------------------ maps */

int rfa_step_channels_last(struct rfa_build *b, int pixels, size_t channels, size_t height, size_t width)
{
    int out;
    struct rfa_shape in = rfa_build_shape(b, pixels);
    rfa_build_expect(b, in.rows == channels * height && in.cols == width, "planar image");
    rfa_build_append(b, &out, RFA_OP_CHANNELS_LAST, "pixels", pixels, RFA_NONE,
                     rfa_shape(height * width, channels, RFA_VAR_ONE));
    return out;
}

struct rfa_map rfa_step_conv(struct rfa_build *b, struct rfa_map x, const char *name, size_t out, size_t kernel,
                             size_t stride, bool relu, int residual)
{
    size_t pad = kernel / 2;
    struct rfa_map y = {0, (x.height + 2 * pad - kernel) / stride + 1, (x.width + 2 * pad - kernel) / stride + 1, out};
    struct rfa_shape shape = rfa_shape(y.height * y.width, out, RFA_VAR_ONE);
    struct rfa_weight w = rfa_build_matrix(b, name, out, kernel * kernel * x.channels, true);
    rfa_build_expect(b, residual == RFA_NONE || rfa_same_shape(rfa_build_shape(b, residual), shape),
                     "convolution's residual");
    int in = w.type == RFA_TYPE_I8 ? quantized(b, x.tensor, RFA_TENSOR_Q8_MAP) : x.tensor;
    struct rfa_step *s = rfa_build_append(b, &y.tensor, RFA_OP_CONV, name, in, residual, shape);
    if (s) {
        s->w = w;
        s->p.conv.height = x.height;
        s->p.conv.width = x.width;
        s->p.conv.channels = x.channels;
        s->p.conv.kernel = kernel;
        s->p.conv.stride = stride;
        s->p.conv.pad = pad;
        s->p.conv.out_height = y.height;
        s->p.conv.out_width = y.width;
        s->p.conv.relu = relu;
    }
    return y;
}

struct rfa_map rfa_step_max_pool(struct rfa_build *b, struct rfa_map x)
{
    struct rfa_map y = {0, (x.height - 1) / 2 + 1, (x.width - 1) / 2 + 1, x.channels};
    struct rfa_step *s = rfa_build_append(b, &y.tensor, RFA_OP_MAX_POOL, "max_pool", x.tensor, RFA_NONE,
                                          rfa_shape(y.height * y.width, x.channels, RFA_VAR_ONE));
    if (s) {
        s->p.conv.height = x.height;
        s->p.conv.width = x.width;
        s->p.conv.channels = x.channels;
        s->p.conv.out_height = y.height;
        s->p.conv.out_width = y.width;
    }
    return y;
}
