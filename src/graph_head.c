/* Steps that only the heads have: person tokens, retrieval, Mamba, agents. */
#include "graph.h"

#include "build.h"

int rfa_step_detections(struct rfa_build *b, int logits, int boxes, uint32_t person, struct rfa_shape shape)
{
    int out;
    struct rfa_shape l = rfa_build_shape(b, logits), x = rfa_build_shape(b, boxes);
    rfa_build_expect(b, l.rows == shape.rows && x.rows == shape.rows && x.cols == 4 && person < l.cols, "detections");
    struct rfa_weight w = rfa_build_f32_matrix(b, "proj", shape.cols, 4, true);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_DETECTIONS, "proj", logits, boxes, shape);
    if (s) {
        s->w = w;
        s->p.detections.person = person;
        s->p.detections.classes = (uint32_t)l.cols;
    }
    return out;
}

void rfa_step_store(struct rfa_build *b, int x, int clip, size_t tokens, size_t frames)
{
    struct rfa_shape in = rfa_build_shape(b, x), ring = rfa_build_shape(b, clip);
    rfa_build_expect(
        b, in.rows == tokens && in.var == RFA_VAR_FRAMES && ring.rows == tokens * frames && ring.cols == in.cols,
        "clip");
    rfa_build_use(b, x);
    struct rfa_step *s = rfa_build_add_step(b, RFA_OP_STORE, "store");
    if (s) {
        s->in[0] = x;
        s->out[0] = clip;
        s->p.clip.tokens = tokens;
        s->p.clip.frames = frames;
    }
}

int rfa_step_unit(struct rfa_build *b, int x, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, rfa_same_shape(rfa_build_shape(b, x), shape), "unit rows");
    rfa_build_append(b, &out, RFA_OP_UNIT, "unit", x, RFA_NONE, shape);
    return out;
}

int rfa_step_retrieve(struct rfa_build *b, int *margin, int query, int tokens, size_t per_frame, size_t frames,
                      struct rfa_shape shape)
{
    struct rfa_shape q = rfa_build_shape(b, query), t = rfa_build_shape(b, tokens);
    rfa_build_expect(b,
                     q.rows == shape.rows && q.var == shape.var && shape.cols == frames &&
                         t.rows == per_frame * frames && t.cols == q.cols,
                     "retrieval");
    int index = rfa_build_add_tensor(b, RFA_TENSOR_I32, shape);
    struct rfa_step *s = rfa_build_append(b, margin, RFA_OP_RETRIEVE, "retrieve", query, tokens, shape);
    if (s) {
        s->out[0] = index;
        s->out[1] = *margin;
        s->p.clip.tokens = per_frame;
        s->p.clip.frames = frames;
        rfa_build_use(b, index);
        rfa_build_use(b, *margin);
    }
    return index;
}

int rfa_step_gather(struct rfa_build *b, int index, int rows, size_t per_frame, size_t frames, struct rfa_shape shape)
{
    int out;
    struct rfa_shape i = rfa_build_shape(b, index), r = rfa_build_shape(b, rows);
    rfa_build_expect(b,
                     i.cols == frames && shape.rows == i.rows * frames && shape.var == i.var &&
                         r.rows == per_frame * frames && r.cols == shape.cols,
                     "gathered rows");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_GATHER, "gather", index, rows, shape);
    if (s) {
        s->p.clip.tokens = per_frame;
        s->p.clip.frames = frames;
    }
    return out;
}

int rfa_step_conv1d(struct rfa_build *b, int x, const char *name, size_t taps, struct rfa_shape shape)
{
    int out;
    struct rfa_shape in = rfa_build_shape(b, x);
    rfa_build_expect(b, in.rows == shape.rows && in.var == shape.var && in.cols >= shape.cols, "causal convolution");
    struct rfa_weight w = rfa_build_panels(b, name, ".weight", shape.cols, taps);
    w.bias = rfa_build_vector(b, name, ".bias", shape.cols);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_CONV1D, name, x, RFA_NONE, shape);
    if (s) {
        s->w = w;
        s->p.mamba.taps = taps;
    }
    return out;
}

int rfa_step_scan(struct rfa_build *b, int delta, int u, int dbc, int xz, size_t rank, size_t states,
                  struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b,
                     rfa_same_shape(rfa_build_shape(b, delta), shape) && rfa_same_shape(rfa_build_shape(b, u), shape),
                     "scan's inputs");
    rfa_build_expect(b,
                     rfa_build_shape(b, dbc).cols == rank + 2 * states && rfa_build_shape(b, xz).cols == 2 * shape.cols,
                     "scan's projections");
    struct rfa_weight a = rfa_build_panels(b, "a", "", shape.cols, states);
    const float *d = rfa_build_vector(b, "d", "", shape.cols);
    rfa_build_use(b, dbc);
    rfa_build_use(b, xz);
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_SCAN, "scan", delta, u, shape);
    if (s) {
        s->in[2] = dbc;
        s->in[3] = xz;
        s->w = a;
        s->w.bias = d;
        s->p.mamba.rank = rank;
        s->p.mamba.states = states;
    }
    return out;
}

int rfa_step_mix(struct rfa_build *b, int x, int y, float divisor, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, rfa_same_shape(rfa_build_shape(b, x), shape) && rfa_same_shape(rfa_build_shape(b, y), shape),
                     "mix");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_MIX, "mix", x, y, shape);
    if (s)
        s->p.mix.divisor = divisor;
    return out;
}

/* ------------------------------------------------------------------ agents */

int rfa_step_reshape(struct rfa_build *b, int x, struct rfa_shape shape)
{
    int out;
    struct rfa_shape in = rfa_build_shape(b, x);
    rfa_build_expect(b, in.rows * in.cols == shape.rows * shape.cols && in.var == shape.var, "reshaped tensor");
    rfa_build_append(b, &out, RFA_OP_RESHAPE, "reshape", x, RFA_NONE, shape);
    return out;
}

int rfa_step_scores(struct rfa_build *b, int x, size_t x_first, int y, size_t y_first, size_t width, float scale,
                    struct rfa_shape shape)
{
    int out;
    struct rfa_shape sx = rfa_build_shape(b, x), sy = rfa_build_shape(b, y);
    rfa_build_expect(
        b, sx.rows == shape.rows && sy.rows == shape.cols && x_first + width <= sx.cols && y_first + width <= sy.cols,
        "scores");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_SCORES, "scores", x, y, shape);
    if (s) {
        s->p.scores.a_first = x_first;
        s->p.scores.b_first = y_first;
        s->p.scores.scale = scale;
        s->w.k = width;
    }
    return out;
}

int rfa_step_softmax(struct rfa_build *b, int x, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, rfa_same_shape(rfa_build_shape(b, x), shape), "softmax");
    rfa_build_append(b, &out, RFA_OP_SOFTMAX, "softmax", x, RFA_NONE, shape);
    return out;
}

int rfa_step_blend(struct rfa_build *b, int weight, int x, size_t first, struct rfa_shape shape)
{
    int out;
    struct rfa_shape w = rfa_build_shape(b, weight), in = rfa_build_shape(b, x);
    rfa_build_expect(b, w.rows == shape.rows && w.cols == in.rows && first + shape.cols <= in.cols, "blended rows");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_BLEND, "blend", x, weight, shape);
    if (s)
        s->p.blend.first = first;
    return out;
}

int rfa_step_blend_table(struct rfa_build *b, const char *name, int x, struct rfa_shape shape)
{
    int out;
    struct rfa_shape in = rfa_build_shape(b, x);
    struct rfa_weight w = rfa_build_f32_matrix(b, name, shape.rows, in.rows, true);
    rfa_build_expect(b, in.cols == shape.cols, "blended rows");
    struct rfa_step *s = rfa_build_append(b, &out, RFA_OP_BLEND, name, x, RFA_NONE, shape);
    if (s)
        s->w = w;
    return out;
}

int rfa_step_agents(struct rfa_build *b, int x, int gate, struct rfa_shape shape)
{
    int out;
    rfa_build_expect(b, rfa_same_shape(rfa_build_shape(b, x), shape) && rfa_same_shape(rfa_build_shape(b, gate), shape),
                     "gate");
    rfa_build_append(b, &out, RFA_OP_AGENTS, "agents", x, gate, shape);
    return out;
}
