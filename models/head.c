/* RefAtomNet++'s head: nearest-token retrieval, Mamba over the trajectories, cross-attention fusion, two branches.
 *
 * Source   KPeng9510/refAVA2 at a007200, modules/major_pami.py (= pami_try6); Gu and Dao, Mamba (arXiv:2312.00752)
 * Symbols  T frames, N visual tokens a frame, D their width, E fusion width, S keywords, Q detections
 * Output   logits [A], of which the pipeline makes probabilities; box [4] = x1, y1, x2, y2 as shares of the image
 */
#include "models.h"

static const float eps = 1e-5f;

/* Everything of a Mamba block but its input projection: xz [L, 2I] -> [L, d]. No residual, no norm. */
static int mamba_inner(struct rfa_build *b, const struct rfa_config *c, int xz, size_t d)
{
    struct rfa_shape wide = rfa_build_shape(b, xz);
    size_t inner = (size_t)c->mamba_expand * d, rank = (d + 15) / 16, states = c->mamba_state;
    struct rfa_shape shape = rfa_shape(wide.rows, inner, wide.var);
    int u = rfa_step_conv1d(b, xz, "conv", c->mamba_conv, shape);
    struct rfa_weight to_dbc = rfa_build_matrix(b, "dbc", rank + 2 * states, inner, false);
    int dbc = rfa_step_product(b, u, "dbc", to_dbc, 0, RFA_ACT_NONE, RFA_NONE,
                               rfa_shape(shape.rows, rank + 2 * states, shape.var));
    struct rfa_weight to_dt = rfa_build_float_matrix(b, "dt", inner, rank, true);
    int delta = rfa_step_product(b, dbc, "dt", to_dt, 0, RFA_ACT_NONE, RFA_NONE, shape);
    int y = rfa_step_scan(b, delta, u, dbc, xz, rank, states, shape);
    struct rfa_weight out = rfa_build_matrix(b, "out", d, inner, false);
    return rfa_step_product(b, y, "out", out, 0, RFA_ACT_NONE, RFA_NONE, rfa_shape(shape.rows, d, shape.var));
}

static int mamba_in(struct rfa_build *b, const struct rfa_config *c, int x)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    size_t wide = 2 * (size_t)c->mamba_expand * shape.cols;
    struct rfa_weight w = rfa_build_matrix(b, "in", wide, shape.cols, false);
    return rfa_step_product(b, x, "in", w, 0, RFA_ACT_NONE, RFA_NONE, rfa_shape(shape.rows, wide, shape.var));
}

static int mamba(struct rfa_build *b, const struct rfa_config *c, int x, const char *place)
{
    size_t d = rfa_build_shape(b, x).cols;
    rfa_build_prefix(b, "%s", place);
    return mamba_inner(b, c, mamba_in(b, c, x), d);
}

static int down(struct rfa_build *b, const struct rfa_config *c, int x, const char *place)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    rfa_build_prefix(b, "%s", place);
    return rfa_step_linear(b, x, "down", RFA_ACT_NONE, rfa_shape(shape.rows, c->fusion_dim, shape.var));
}

/* Keyword trajectories: every keyword's nearest token in every frame, scanned keyword after keyword, averaged over the
 * keywords, then scanned over time. -> [T, E] */
static int keyword_context(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in)
{
    size_t t = c->frames, n = c->visual_tokens, d = c->qformer_dim;
    struct rfa_ports *port = &b->graph->port;
    rfa_build_prefix(b, "head.key");
    int index = rfa_step_retrieve(b, &port->keyword_margin, in->keywords, in->visual_unit, n, t,
                                  rfa_shape(1, t, RFA_VAR_KEYWORD));
    port->keyword_index = index;
    rfa_build_keep(b, index);
    rfa_build_keep(b, port->keyword_margin);
    rfa_build_trace(b, index, "keyword_index", 2, (size_t[]){1, t, 0}, RFA_VAR_KEYWORD);
    rfa_build_trace(b, port->keyword_margin, "keyword_margin", 2, (size_t[]){1, t, 0}, RFA_VAR_KEYWORD);
    int x = rfa_step_gather(b, index, in->visual, n, t, rfa_shape(t, d, RFA_VAR_KEYWORD));
    x = mamba(b, c, x, "head.key.scan");
    x = rfa_step_mean(b, x, 1, RFA_VAR_KEYWORD, t, 1, rfa_shape(t, d, RFA_VAR_ONE));
    rfa_build_trace(b, x, "keyword_scan", 2, (size_t[]){t, d, 0}, RFA_VAR_ONE);
    x = mamba(b, c, down(b, c, x, "head.key"), "head.key.time");
    if (c->mamba_depth == 2)
        x = mamba(b, c, x, "head.key.time2");
    rfa_build_trace(b, x, "keyword_context", 2, (size_t[]){t, c->fusion_dim, 0}, RFA_VAR_ONE);
    return x;
}

/* Detection trajectories. Every element of a trajectory is one of the T*N visual tokens, so the projections before the
 * scan are made once per token and gathered afterwards: the same bits as the long way, Q/N times less work. -> [T, E]
 */
static int box_context(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in)
{
    size_t t = c->frames, n = c->visual_tokens, q = c->detr_queries, e = c->fusion_dim;
    struct rfa_ports *port = &b->graph->port;
    rfa_build_prefix(b, "head.box");
    int index =
        rfa_step_retrieve(b, &port->box_margin, in->persons_unit, in->visual_unit, n, t, rfa_shape(q, t, RFA_VAR_ONE));
    port->box_index = index;
    rfa_build_keep(b, index);
    rfa_build_keep(b, port->box_margin);
    rfa_build_trace(b, index, "box_index", 2, (size_t[]){q, t, 0}, RFA_VAR_ONE);
    rfa_build_trace(b, port->box_margin, "box_margin", 2, (size_t[]){q, t, 0}, RFA_VAR_ONE);
    int tokens = down(b, c, in->visual, "head.box");
    rfa_build_prefix(b, "head.box.scan");
    int xz = mamba_in(b, c, tokens);
    xz = rfa_step_gather(b, index, xz, n, t, rfa_shape(q * t, rfa_build_shape(b, xz).cols, RFA_VAR_ONE));
    int x = mamba_inner(b, c, xz, e);
    if (c->mamba_depth == 2)
        x = mamba(b, c, x, "head.box.scan2");
    x = rfa_step_mean(b, x, q, RFA_VAR_ONE, t, 1, rfa_shape(t, e, RFA_VAR_ONE));
    rfa_build_trace(b, x, "box_context", 2, (size_t[]){t, e, 0}, RFA_VAR_ONE);
    return x;
}

/* Image tokens, frame after frame, scanned and then read as [N, T, E]: a reinterpretation, not a transpose, as the
 * reference does.
 * -> spatial queries [N, E], mean over the second index, and *temporal queries [T, E], mean over the first. */
static int image_queries(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in,
                         int *temporal)
{
    size_t t = c->frames, n = c->visual_tokens, e = c->fusion_dim;
    int x = mamba(b, c, down(b, c, in->visual, "head.img"), "head.img.scan");
    if (c->mamba_depth == 2)
        x = mamba(b, c, x, "head.img.scan2");
    int spatial = rfa_step_mean(b, x, t, RFA_VAR_ONE, 1, t, rfa_shape(n, e, RFA_VAR_ONE));
    *temporal = rfa_step_mean(b, x, n, RFA_VAR_ONE, t, 1, rfa_shape(t, e, RFA_VAR_ONE));
    rfa_build_trace(b, spatial, "image_spatial", 2, (size_t[]){n, e, 0}, RFA_VAR_ONE);
    rfa_build_trace(b, *temporal, "image_temporal", 2, (size_t[]){t, e, 0}, RFA_VAR_ONE);
    return spatial;
}

/* Attention over the context. The sentence's context rows are all alike (`identical`), so every query's result is the
 * projected value. */
static int attend(struct rfa_build *b, const struct rfa_config *c, int context, int query, bool identical)
{
    struct rfa_shape shape = rfa_build_shape(b, query), keys = rfa_build_shape(b, context);
    size_t e = shape.cols;
    struct rfa_weight w = rfa_build_float_matrix(b, "kv", 2 * e, e, true);
    if (identical) {
        int v = rfa_step_product(b, context, "kv", rfa_weight_rows(w, e, e), 0, RFA_ACT_NONE, RFA_NONE, keys);
        return rfa_step_add(b, query, rfa_step_linear(b, v, "out", RFA_ACT_NONE, keys), shape);
    }
    int q = rfa_step_linear(b, query, "q", RFA_ACT_NONE, shape);
    int kv = rfa_step_product(b, context, "kv", w, 0, RFA_ACT_NONE, RFA_NONE, rfa_shape(keys.rows, 2 * e, keys.var));
    int y = rfa_step_attention(b, (struct rfa_attend){.q = q, .k = kv, .v = kv, .v_first = e, .heads = c->fusion_heads},
                               shape);
    return rfa_step_linear_add(b, y, "out", query, shape);
}

/* Post-norm block with the image summaries as queries and the trajectories as keys and values; mean over the queries ->
 * [1, E] */
static int cross_block(struct rfa_build *b, const struct rfa_config *c, int branch, const char *kind, int context,
                       int query, bool identical)
{
    struct rfa_shape shape = rfa_build_shape(b, query);
    rfa_build_prefix(b, "head.br.%d.%s", branch, kind);
    int x = rfa_step_norm(b, attend(b, c, context, query, identical), "norm1", eps, shape);
    int y = rfa_step_linear(b, x, "fc1", RFA_ACT_GELU, rfa_shape(shape.rows, 4 * shape.cols, shape.var));
    y = rfa_step_norm(b, rfa_step_linear_add(b, y, "fc2", x, shape), "norm2", eps, shape);
    return rfa_step_mean(b, y, shape.rows, RFA_VAR_ONE, 1, 0, rfa_shape(1, shape.cols, RFA_VAR_ONE));
}

struct contexts {
    int box, key, sentence;
};

struct answer {
    int logits, box;
};

static struct answer branch(struct rfa_build *b, const struct rfa_config *c, int i, const struct contexts *k, int query)
{
    static const char *const fused_name[] = {"fused1", "fused2"}, *const logits_name[] = {"logits1", "logits2"},
                             *const box_name[] = {"box1", "box2"};
    struct rfa_shape row = rfa_shape(1, c->fusion_dim, RFA_VAR_ONE),
                     half = rfa_shape(1, c->fusion_dim / 2, RFA_VAR_ONE);
    int box = cross_block(b, c, i, "box", k->box, query, false);
    int key = cross_block(b, c, i, "key", k->key, query, false);
    int sentence = cross_block(b, c, i, "sent", k->sentence, query, true);
    int fused = rfa_step_add(b, rfa_step_add(b, box, key, row), sentence, row);
    rfa_build_trace(b, fused, fused_name[i - 1], 1, (size_t[]){c->fusion_dim, 0, 0}, RFA_VAR_ONE);
    rfa_build_prefix(b, "head.br.%d", i);
    struct answer a;
    int x = rfa_step_linear(b, fused, "class.fc1", RFA_ACT_RELU, half);
    a.logits = rfa_step_linear(b, x, "class.fc2", RFA_ACT_NONE, rfa_shape(1, c->actions, RFA_VAR_ONE));
    x = rfa_step_linear(b, fused, "bbox.fc1", RFA_ACT_RELU, half);
    a.box = rfa_step_linear(b, x, "bbox.fc2", c->box_sigmoid ? RFA_ACT_SIGMOID : RFA_ACT_NONE,
                            rfa_shape(1, 4, RFA_VAR_ONE));
    rfa_build_trace(b, a.logits, logits_name[i - 1], 1, (size_t[]){c->actions, 0, 0}, RFA_VAR_ONE);
    rfa_build_trace(b, a.box, box_name[i - 1], 1, (size_t[]){4, 0, 0}, RFA_VAR_ONE);
    return a;
}

void rfa_model_head(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in)
{
    struct contexts k;
    int temporal;
    k.key = keyword_context(b, c, in);
    int spatial = image_queries(b, c, in, &temporal);
    k.box = box_context(b, c, in);
    k.sentence = down(b, c, in->sentence, "head.sent");
    rfa_build_trace(b, k.sentence, "sentence_context", 2, (size_t[]){c->frames, c->fusion_dim, 0}, RFA_VAR_ONE);
    struct answer first = branch(b, c, 1, &k, spatial), second = branch(b, c, 2, &k, temporal);
    rfa_build_prefix(b, "head");
    struct answer both = second;
    if (c->both_branches) {
        both.logits =
            rfa_step_mix(b, first.logits, second.logits, (float)c->logit_divisor, rfa_build_shape(b, first.logits));
        both.box = rfa_step_mix(b, first.box, second.box, 2.0f, rfa_build_shape(b, first.box));
    }
    b->graph->port.logits = both.logits;
    b->graph->port.box = both.box;
}
