/* DETR with a ResNet-50: person boxes of the key frame. Batch norms are folded into the convolutions, the position
 * table comes with the file, a stride sits on the 3x3 convolution of a bottleneck. Post-norm, LayerNorm eps 1e-5, ReLU.
 *
 * Source   Carion et al., DETR (arXiv:2005.12872); He et al., ResNet (arXiv:1512.03385)
 * Input    [3, h, w] key frame, normalised like the frames, not with ImageNet's mean and deviation
 * Output   scores [Q, classes] (last class: no object), boxes [Q, 4] as cx, cy, w, h in [0, 1]
 */
#include "models.h"

static const float eps = 1e-5f;

/* relu(conv3(relu(conv2(relu(conv1(x))))) + shortcut), shortcut = x or down(x) */
static struct rfa_map bottleneck(struct rfa_build *b, struct rfa_map x, uint32_t stage, uint32_t i, size_t width)
{
    size_t stride = stage > 1 && i == 0 ? 2 : 1;
    rfa_build_prefix(b, "detr.res.%u.%u", stage, i);
    struct rfa_map shortcut = i == 0 ? rfa_step_conv(b, x, "down", 4 * width, 1, stride, false, RFA_NONE) : x;
    struct rfa_map y = rfa_step_conv(b, x, "conv1", width, 1, 1, true, RFA_NONE);
    y = rfa_step_conv(b, y, "conv2", width, 3, stride, true, RFA_NONE);
    return rfa_step_conv(b, y, "conv3", 4 * width, 1, 1, true, shortcut.tensor);
}

static struct rfa_map resnet(struct rfa_build *b, const struct rfa_config *c, int pixels)
{
    size_t h = c->key_frame_size[0], w = c->key_frame_size[1];
    rfa_build_prefix(b, "detr");
    struct rfa_map x = {rfa_step_channels_last(b, pixels, 3, h, w), h, w, 3};
    x = rfa_step_conv(b, x, "stem", c->resnet_width, 7, 2, true, RFA_NONE);
    x = rfa_step_max_pool(b, x);
    for (uint32_t stage = 1; stage <= 4; stage++)
        for (uint32_t i = 0; i < c->resnet_blocks[stage - 1]; i++)
            x = bottleneck(b, x, stage, i, (size_t)c->resnet_width << (stage - 1));
    return x;
}

/* Self-attention whose queries and keys carry positions and whose values do not; then the post-norm. */
static int self_attention(struct rfa_build *b, const struct rfa_config *c, int x, struct rfa_weight position)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    int placed = rfa_step_add_table(b, x, position, shape);
    int qk = rfa_step_linear(b, placed, "qk", RFA_ACT_NONE, rfa_shape(shape.rows, 2 * shape.cols, shape.var));
    int v = rfa_step_linear(b, x, "v", RFA_ACT_NONE, shape);
    struct rfa_attend self = {.q = qk, .k = qk, .v = v, .k_first = shape.cols, .heads = c->detr_heads};
    int y = rfa_step_attention(b, self, shape);
    y = rfa_step_linear_add(b, y, "out", x, shape);
    return rfa_step_norm(b, y, "norm1", eps, shape);
}

static int cross_attention(struct rfa_build *b, const struct rfa_config *c, int x, struct rfa_weight query, int memory,
                           int placed_memory)
{
    struct rfa_shape shape = rfa_build_shape(b, x), keys = rfa_build_shape(b, memory);
    int q = rfa_step_linear(b, rfa_step_add_table(b, x, query, shape), "cross.q", RFA_ACT_NONE, shape);
    int k = rfa_step_linear(b, placed_memory, "cross.k", RFA_ACT_NONE, keys);
    int v = rfa_step_linear(b, memory, "cross.v", RFA_ACT_NONE, keys);
    int y = rfa_step_attention(b, (struct rfa_attend){.q = q, .k = k, .v = v, .heads = c->detr_heads}, shape);
    y = rfa_step_linear_add(b, y, "cross.out", x, shape);
    return rfa_step_norm(b, y, "cross.norm", eps, shape);
}

/* x = norm2(x + fc2(relu(fc1(x)))) */
static int feed_forward(struct rfa_build *b, const struct rfa_config *c, int x)
{
    struct rfa_shape shape = rfa_build_shape(b, x);
    int y = rfa_step_linear(b, x, "fc1", RFA_ACT_RELU, rfa_shape(shape.rows, c->detr_mlp, shape.var));
    y = rfa_step_linear_add(b, y, "fc2", x, shape);
    return rfa_step_norm(b, y, "norm2", eps, shape);
}

static int decoder(struct rfa_build *b, const struct rfa_config *c, int memory, struct rfa_weight position)
{
    struct rfa_shape shape = rfa_shape(c->detr_queries, c->detr_dim, RFA_VAR_ONE);
    struct rfa_weight query = rfa_build_table(b, "query", shape.rows, shape.cols);
    int placed_memory = rfa_step_add_table(b, memory, position, rfa_build_shape(b, memory));
    int x = rfa_step_zero(b, shape);
    for (uint32_t i = 0; i < c->detr_decoder; i++) {
        rfa_build_prefix(b, "detr.dec.%u", i);
        x = self_attention(b, c, x, query);
        x = cross_attention(b, c, x, query, memory, placed_memory);
        x = feed_forward(b, c, x);
    }
    rfa_build_prefix(b, "detr");
    return rfa_step_norm(b, x, "norm", eps, shape);
}

int rfa_model_detr(struct rfa_build *b, const struct rfa_config *c, int pixels, int *boxes)
{
    struct rfa_map map = resnet(b, c, pixels);
    struct rfa_shape tokens = rfa_shape(map.height * map.width, c->detr_dim, RFA_VAR_ONE);
    rfa_build_prefix(b, "detr");
    int x = rfa_step_linear(b, map.tensor, "proj", RFA_ACT_NONE, tokens);
    struct rfa_weight position = rfa_build_table(b, "pos", tokens.rows, tokens.cols);
    for (uint32_t i = 0; i < c->detr_encoder; i++) {
        rfa_build_prefix(b, "detr.enc.%u", i);
        x = self_attention(b, c, x, position);
        x = feed_forward(b, c, x);
    }
    rfa_build_prefix(b, "detr");
    x = decoder(b, c, x, position);
    struct rfa_shape shape = rfa_build_shape(b, x);
    int y = rfa_step_linear(b, x, "bbox.fc1", RFA_ACT_RELU, shape);
    y = rfa_step_linear(b, y, "bbox.fc2", RFA_ACT_RELU, shape);
    *boxes = rfa_step_linear(b, y, "bbox.fc3", RFA_ACT_SIGMOID, rfa_shape(shape.rows, 4, shape.var));
    return rfa_step_linear(b, x, "class", RFA_ACT_NONE, rfa_shape(shape.rows, c->detr_classes, shape.var));
}
