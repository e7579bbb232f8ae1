/* RefAtomNet's head, the 2024 model: three streams pass through agent attention blocks, and the video block is steered
 * by the other two.
 *
 * Source   KPeng9510/RAVAR at 7f230c5, modules/our_best_model.py; Han et al., Agent Attention (arXiv:2312.08874)
 * Symbols  N visual tokens, D their width, G agents (rows of the box stream's pool2 / D)
 * Output   logits [A], box [4] without sigmoid
 */
#include <math.h>

#include "models.h"

static const float eps = 1e-5f;

struct agents {
    int attention; /* [G, N] softmax of agents against keys, before any fusion */
    int agents;    /* [G, D] */
};

/* G agents: pool(q) averaged over the rows and read as [G, D]; their attention over the keys. qk holds q and k in its
 * first 2 D columns. */
static struct agents pool_agents(struct rfa_build *b, int qk, size_t count, size_t d)
{
    size_t n = rfa_build_shape(b, qk).rows, hidden = rfa_build_matrix_rows(b, "pool1"), wide = count * d;
    struct rfa_weight first = rfa_build_float_matrix(b, "pool1", hidden, d, true),
                      second = rfa_build_matrix(b, "pool2", wide, hidden, true);
    int x = rfa_step_product(b, qk, "pool1", first, 0, RFA_ACT_GELU, RFA_NONE, rfa_shape(n, hidden, RFA_VAR_ONE));
    x = rfa_step_product(b, x, "pool2", second, 0, RFA_ACT_NONE, RFA_NONE, rfa_shape(n, wide, RFA_VAR_ONE));
    x = rfa_step_mean(b, x, n, RFA_VAR_ONE, 1, 0, rfa_shape(1, wide, RFA_VAR_ONE));
    struct agents a;
    a.agents = rfa_step_reshape(b, x, rfa_shape(count, d, RFA_VAR_ONE));
    struct rfa_shape scores = rfa_shape(count, n, RFA_VAR_ONE);
    a.attention = rfa_step_scores(b, a.agents, 0, qk, d, d, 1.0f / sqrtf((float)d), scores);
    a.attention = rfa_step_softmax(b, a.attention, scores);
    return a;
}

/* p = (p * softmax(extra) + 2 p) / 3 */
static int fuse(struct rfa_build *b, int p, int extra)
{
    struct rfa_shape shape = rfa_build_shape(b, p);
    return extra == RFA_NONE ? p : rfa_step_agents(b, p, rfa_step_softmax(b, extra, shape), shape);
}

/* Agent block: x += out(softmax(q a^T) (P v));  x += fc2(gelu(fc1(norm2(x)))). *own gets its agents before the fusion.
 */
static int agent_block(struct rfa_build *b, const char *stream, int x, size_t count, struct agents extra,
                       struct agents *own)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    size_t d = shape.cols;
    rfa_build_prefix(b, "head.agent.%s", stream);
    int y = rfa_step_norm(b, x, "norm1", eps, shape);
    struct rfa_weight w = rfa_build_matrix(b, "qkv", 3 * d, d, false);
    int qkv = rfa_step_product(b, y, "qkv", w, 0, RFA_ACT_NONE, RFA_NONE, rfa_shape(shape.rows, 3 * d, RFA_VAR_ONE));
    *own = pool_agents(b, qkv, count, d);
    int pooled =
        rfa_step_blend(b, fuse(b, own->attention, extra.attention), qkv, 2 * d, rfa_shape(count, d, RFA_VAR_ONE));
    struct rfa_shape scores = rfa_shape(shape.rows, count, RFA_VAR_ONE);
    y = rfa_step_scores(b, qkv, 0, fuse(b, own->agents, extra.agents), 0, d, 1.0f / sqrtf((float)d), scores);
    y = rfa_step_blend(b, rfa_step_softmax(b, y, scores), pooled, 0, shape);
    x = rfa_step_linear_add(b, y, "out", x, shape);
    y = rfa_step_norm(b, x, "norm2", eps, shape);
    size_t hidden = rfa_build_matrix_rows(b, "fc1");
    y = rfa_step_linear(b, y, "fc1", RFA_ACT_GELU, rfa_shape(shape.rows, hidden, RFA_VAR_ONE));
    return rfa_step_linear_add(b, y, "fc2", x, shape);
}

/* The box stream gives only its agents. */
static struct agents box_agents(struct rfa_build *b, int x, size_t count)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    rfa_build_prefix(b, "head.agent.box");
    int y = rfa_step_norm(b, x, "norm1", eps, shape);
    struct rfa_weight w = rfa_build_matrix(b, "qk", 2 * shape.cols, shape.cols, false);
    int qk =
        rfa_step_product(b, y, "qk", w, 0, RFA_ACT_NONE, RFA_NONE, rfa_shape(shape.rows, 2 * shape.cols, RFA_VAR_ONE));
    return pool_agents(b, qk, count, shape.cols);
}

static int add(struct rfa_build *b, int x, int y)
{
    return rfa_step_add(b, x, y, rfa_build_shape(b, x));
}

static int mean_rows(struct rfa_build *b, int x)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    return rfa_step_mean(b, x, shape.rows, RFA_VAR_ONE, 1, 0, rfa_shape(1, shape.cols, RFA_VAR_ONE));
}

/* Three layers with ReLU between; the hidden widths come from the file. */
static int mlp(struct rfa_build *b, const char *name, int x, size_t outputs)
{
    rfa_build_prefix(b, "head.%s", name);
    x = rfa_step_linear(b, x, "fc1", RFA_ACT_RELU, rfa_shape(1, rfa_build_matrix_rows(b, "fc1"), RFA_VAR_ONE));
    x = rfa_step_linear(b, x, "fc2", RFA_ACT_RELU, rfa_shape(1, rfa_build_matrix_rows(b, "fc2"), RFA_VAR_ONE));
    return rfa_step_linear(b, x, "fc3", RFA_ACT_NONE, rfa_shape(1, outputs, RFA_VAR_ONE));
}

void rfa_model_head_v1(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in)
{
    struct rfa_shape shape = rfa_shape(c->visual_tokens, c->qformer_dim, RFA_VAR_ONE);
    const struct agents none = {RFA_NONE, RFA_NONE};
    struct agents sentence, video;
    rfa_build_prefix(b, "head.agent.box");
    size_t agents = rfa_build_matrix_rows(b, "pool2") / shape.cols; /* a rest is refused where the matrix is read */
    rfa_build_prefix(b, "head.box");
    struct agents box = box_agents(b, rfa_step_blend_table(b, "mix", in->persons, shape), agents);
    rfa_build_prefix(b, "head.sent");
    int text = agent_block(b, "sent", rfa_step_blend_table(b, "mix", in->sentence, shape), agents, none, &sentence);
    int frames = rfa_step_mean(b, in->visual, c->frames, RFA_VAR_ONE, shape.rows, 1, shape);
    struct agents both = {add(b, sentence.attention, box.attention), add(b, sentence.agents, box.agents)};
    int image = agent_block(b, "img", frames, agents, both, &video);
    int fused = add(b, add(b, mean_rows(b, in->persons), mean_rows(b, text)), mean_rows(b, image));
    b->graph->port.logits = mlp(b, "class", fused, c->actions);
    b->graph->port.box = mlp(b, "bbox", fused, 4);
}
