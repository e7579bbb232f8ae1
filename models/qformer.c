/* BLIP-2's Q-Former, stage 1: a BERT-base whose layers serve two paths. Learned queries read the image by
 * cross-attention in every `cross_every`-th layer; the caption passes through the same self-attention with feed-forward
 * weights of its own. Post-norm, LayerNorm eps 1e-12, exact GELU.
 *
 * Source   Li et al., BLIP-2 (arXiv:2301.12597); LAVIS Qformer.py
 * Input    image tokens [F*tokens, vit_dim], or [L] ids of the caption with its prompt, [CLS] and [SEP]
 * Output   N visual tokens a frame, or the states of the L tokens; the pipeline averages these
 */
#include "models.h"

static const float eps = 1e-12f;

/* x = norm1(x + out(attention(x))) */
static int self_attention(struct rfa_build *b, const struct rfa_config *c, int x)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    int y = rfa_step_linear(b, x, "qkv", RFA_ACT_NONE, rfa_shape(shape.rows, 3 * shape.cols, shape.var));
    struct rfa_attend self = {
        .q = y, .k = y, .v = y, .k_first = shape.cols, .v_first = 2 * shape.cols, .heads = c->qformer_heads};
    y = rfa_step_attention(b, self, shape);
    y = rfa_step_linear_add(b, y, "out", x, shape);
    return rfa_step_norm(b, y, "norm1", eps, shape);
}

/* x = cross.norm(x + cross.out(attention(x, image))) */
static int cross_attention(struct rfa_build *b, const struct rfa_config *c, int x, int image)
{
    struct rfa_shape shape = rfa_build_shape(b, x), keys = rfa_build_shape(b, image);
    int q = rfa_step_linear(b, x, "cross.q", RFA_ACT_NONE, shape);
    int kv = rfa_step_linear(b, image, "cross.kv", RFA_ACT_NONE, rfa_shape(keys.rows, 2 * shape.cols, keys.var));
    struct rfa_attend cross = {.q = q, .k = kv, .v = kv, .v_first = shape.cols, .heads = c->qformer_heads};
    int y = rfa_step_attention(b, cross, shape);
    y = rfa_step_linear_add(b, y, "cross.out", x, shape);
    return rfa_step_norm(b, y, "cross.norm", eps, shape);
}

/* x = norm2(x + fc2(gelu(fc1(x)))) with the weights of one path, "img" or "txt". */
static int feed_forward(struct rfa_build *b, const struct rfa_config *c, int x, uint32_t layer, const char *path)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    rfa_build_prefix(b, "qf.blk.%u.%s", layer, path);
    int y = rfa_step_linear(b, x, "fc1", RFA_ACT_GELU, rfa_shape(shape.rows, c->qformer_mlp, shape.var));
    y = rfa_step_linear_add(b, y, "fc2", x, shape);
    return rfa_step_norm(b, y, "norm2", eps, shape);
}

int rfa_model_qformer_image(struct rfa_build *b, const struct rfa_config *c, int image)
{
    struct rfa_shape shape = rfa_shape(c->visual_tokens, c->qformer_dim, RFA_VAR_FRAMES);
    rfa_build_prefix(b, "qf");
    int x = rfa_step_constant(b, rfa_build_table(b, "query", shape.rows, shape.cols), shape);
    x = rfa_step_norm(b, x, "norm", eps, shape);
    for (uint32_t i = 0; i < c->qformer_layers; i++) {
        rfa_build_prefix(b, "qf.blk.%u", i);
        x = self_attention(b, c, x);
        if (i % c->cross_every == 0)
            x = cross_attention(b, c, x, image);
        x = feed_forward(b, c, x, i, "img");
    }
    return x;
}

int rfa_model_qformer_text(struct rfa_build *b, const struct rfa_config *c, int ids)
{
    struct rfa_shape shape = rfa_shape(1, c->qformer_dim, RFA_VAR_SENTENCE);
    rfa_build_prefix(b, "qf");
    struct rfa_weight token = rfa_build_table(b, "tok", (size_t)c->vocab + 1, shape.cols);
    struct rfa_weight position = rfa_build_table(b, "pos", c->text_positions, shape.cols);
    int x = rfa_step_embed(b, ids, token, position, shape);
    x = rfa_step_norm(b, x, "norm", eps, shape);
    for (uint32_t i = 0; i < c->qformer_layers; i++) {
        rfa_build_prefix(b, "qf.blk.%u", i);
        x = self_attention(b, c, x);
        x = feed_forward(b, c, x, i, "txt");
    }
    return x;
}
