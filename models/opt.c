/* OPT-2.7B decoder: the states of the keywords. It is fed BERT WordPiece ids, as the reference does (model
 * specification 5.3); only the ids and positions that can occur are in the file. Pre-norm, LayerNorm eps 1e-5, ReLU,
 * causal, final norm.
 *
 * Source   Zhang et al., OPT (arXiv:2205.01068); LAVIS modeling_opt.py
 * Input    [S] token ids with [CLS] and [SEP], without padding
 * Output   [S, D] states after the final norm
 */
#include "models.h"

/* x += out(attention(norm1(x)));  x += fc2(relu(fc1(norm2(x)))) */
static int block(struct rfa_build *b, const struct rfa_config *c, int x, uint32_t i)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    rfa_build_prefix(b, "opt.blk.%u", i);
    int y = rfa_step_norm(b, x, "norm1", 1e-5f, shape);
    y = rfa_step_linear(b, y, "qkv", RFA_ACT_NONE, rfa_shape(shape.rows, 3 * shape.cols, shape.var));
    struct rfa_attend self = {.q = y,
                              .k = y,
                              .v = y,
                              .k_first = shape.cols,
                              .v_first = 2 * shape.cols,
                              .heads = c->opt_heads,
                              .causal = true};
    y = rfa_step_attention(b, self, shape);
    x = rfa_step_linear_add(b, y, "out", x, shape);
    y = rfa_step_norm(b, x, "norm2", 1e-5f, shape);
    y = rfa_step_linear(b, y, "fc1", RFA_ACT_RELU, rfa_shape(shape.rows, c->opt_mlp, shape.var));
    return rfa_step_linear_add(b, y, "fc2", x, shape);
}

int rfa_model_opt(struct rfa_build *b, const struct rfa_config *c, int ids)
{
    struct rfa_shape shape = rfa_shape(1, c->opt_dim, RFA_VAR_KEYWORD);
    rfa_build_prefix(b, "opt");
    struct rfa_weight token = rfa_build_table(b, "tok", c->opt_vocab, shape.cols);
    struct rfa_weight position = rfa_build_table(b, "pos", c->keyword_limit, shape.cols);
    int x = rfa_step_embed(b, ids, token, position, shape);
    for (uint32_t i = 0; i < c->opt_layers; i++)
        x = block(b, c, x, i);
    rfa_build_prefix(b, "opt");
    return rfa_step_norm(b, x, "norm", 1e-5f, shape);
}
