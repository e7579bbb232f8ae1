/* EVA-CLIP ViT-g/14 as LAVIS builds it for BLIP-2, 39 blocks, and BLIP-2's ln_vision.
 *
 * Source   Fang et al., EVA (arXiv:2211.07636); Li et al., BLIP-2 (arXiv:2301.12597); LAVIS eva_vit.py
 * Input    [3, image, image] a frame, normalised, rounded to binary16 where the profile says so
 * Output   1 + (image/patch)^2 tokens a frame; the original's last block, final norm and head are not part of the model
 */
#include "models.h"

/* Pre-norm block:  x += out(attention(norm1(x)));  x += fc2(gelu(fc1(norm2(x)))). q, k, v are columns of one product.
 */
static int block(struct rfa_build *b, const struct rfa_config *c, int x, uint32_t i)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    rfa_build_prefix(b, "vit.blk.%u", i);
    int y = rfa_step_norm(b, x, "norm1", 1e-6f, shape);
    y = rfa_step_self_attention(b, y, "qkv", c->vit_heads, shape);
    x = rfa_step_linear_add(b, y, "out", x, shape);
    y = rfa_step_norm(b, x, "norm2", 1e-6f, shape);
    y = rfa_step_linear(b, y, "fc1", RFA_ACT_GELU, rfa_shape(shape.rows, c->vit_mlp, shape.var));
    return rfa_step_linear_add(b, y, "fc2", x, shape);
}

int rfa_model_vit(struct rfa_build *b, const struct rfa_config *c, int frames)
{
    size_t side = c->image_size / c->patch, patches = side * side, pixels = (size_t)3 * c->patch * c->patch;
    rfa_build_prefix(b, "vit");
    int x = rfa_step_patches(b, frames, c->image_size, c->patch, c->fp16_pixels,
                             rfa_shape(patches, pixels, RFA_VAR_FRAMES));
    x = rfa_step_linear(b, x, "patch", RFA_ACT_NONE, rfa_shape(patches, c->vit_dim, RFA_VAR_FRAMES));
    struct rfa_shape shape = rfa_shape(1 + patches, c->vit_dim, RFA_VAR_FRAMES);
    x = rfa_step_tokens(b, x, shape);
    for (uint32_t i = 0; i < c->vit_layers; i++)
        x = block(b, c, x, i);
    rfa_build_prefix(b, "vit");
    return rfa_step_norm(b, x, "norm", 1e-5f, shape);
}
