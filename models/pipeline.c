/* The whole model: four stages, each a contiguous run of steps, from pixels and token ids to the answer.
 *
 *     VISION  frames -> ViT, Q-Former image path -> the clip's ring of visual tokens, plain and as unit rows
 *     SCENE   key frame -> DETR -> person tokens
 *     TEXT    sentence ids -> Q-Former text path -> mean;  keyword ids -> OPT -> projected keywords
 *     ANSWER  the head
 *
 * What one stage leaves for another is kept for the session's life, so that any of the first three may be repeated
 * alone.
 */
#include "models.h"

static void vision(struct rfa_build *b, const struct rfa_config *c, struct rfa_head_inputs *in)
{
    size_t n = c->visual_tokens, d = c->qformer_dim, t = c->frames, side = c->image_size / c->patch;
    rfa_build_stage(b, RFA_STAGE_VISION);
    int frames =
        rfa_build_input(b, RFA_TENSOR_F32, rfa_shape((size_t)3 * c->image_size, c->image_size, RFA_VAR_FRAMES));
    b->graph->port.frames = frames;
    in->visual = rfa_build_input(b, RFA_TENSOR_F32, rfa_shape(t * n, d, RFA_VAR_ONE));
    rfa_build_keep(b, in->visual);
    b->graph->port.visual = in->visual;
    int image = rfa_model_vit(b, c, frames);
    rfa_build_trace(b, image, "vision", 3, (size_t[]){1, 1 + side * side, c->vit_dim}, RFA_VAR_FRAMES);
    int visual = rfa_model_qformer_image(b, c, image);
    rfa_build_trace(b, visual, "visual", 3, (size_t[]){1, n, d}, RFA_VAR_FRAMES);
    rfa_build_prefix(b, "clip");
    rfa_step_store(b, visual, in->visual, n, t);
    if (c->variant == RFA_VARIANT_REFATOMNET_PP) {
        in->visual_unit = rfa_build_input(b, RFA_TENSOR_F32, rfa_shape(t * n, d, RFA_VAR_ONE));
        rfa_build_keep(b, in->visual_unit);
        b->graph->port.visual_unit = in->visual_unit;
        rfa_step_store(b, rfa_step_unit(b, visual, rfa_shape(n, d, RFA_VAR_FRAMES)), in->visual_unit, n, t);
    }
}

static void scene(struct rfa_build *b, const struct rfa_config *c, struct rfa_head_inputs *in)
{
    struct rfa_shape shape = rfa_shape(c->detr_queries, c->qformer_dim, RFA_VAR_ONE);
    struct rfa_ports *port = &b->graph->port;
    rfa_build_stage(b, RFA_STAGE_SCENE);
    port->key_frame = rfa_build_input(b, RFA_TENSOR_F32,
                                      rfa_shape((size_t)3 * c->key_frame_size[0], c->key_frame_size[1], RFA_VAR_ONE));
    port->detr_logits = rfa_model_detr(b, c, port->key_frame, &port->detr_boxes);
    rfa_build_keep(b, port->detr_logits);
    rfa_build_keep(b, port->detr_boxes);
    rfa_build_trace(b, port->detr_logits, "detr_logits", 2, (size_t[]){c->detr_queries, c->detr_classes, 0},
                    RFA_VAR_ONE);
    rfa_build_trace(b, port->detr_boxes, "detr_boxes", 2, (size_t[]){c->detr_queries, 4, 0}, RFA_VAR_ONE);
    rfa_build_prefix(b, "head.box");
    in->persons = rfa_step_detections(b, port->detr_logits, port->detr_boxes, c->person_class, shape);
    rfa_build_trace(b, in->persons, "box_tokens", 2, (size_t[]){shape.rows, shape.cols, 0}, RFA_VAR_ONE);
    if (c->variant == RFA_VARIANT_REFATOMNET_PP) {
        in->persons_unit = rfa_step_unit(b, in->persons, shape);
        rfa_build_keep(b, in->persons_unit);
    } else {
        rfa_build_keep(b, in->persons);
    }
}

static void keywords(struct rfa_build *b, const struct rfa_config *c, struct rfa_head_inputs *in)
{
    struct rfa_shape shape = rfa_shape(1, c->qformer_dim, RFA_VAR_KEYWORD);
    b->graph->port.keyword_ids = rfa_build_input(b, RFA_TENSOR_I32, rfa_shape(1, 1, RFA_VAR_KEYWORD));
    int states = rfa_model_opt(b, c, b->graph->port.keyword_ids);
    rfa_build_trace(b, states, "keyword_states", 2, (size_t[]){1, c->opt_dim, 0}, RFA_VAR_KEYWORD);
    rfa_build_prefix(b, "head.key");
    in->keywords = rfa_step_unit(b, rfa_step_linear(b, states, "proj", RFA_ACT_NONE, shape), shape);
    rfa_build_keep(b, in->keywords);
}

static void text(struct rfa_build *b, const struct rfa_config *c, struct rfa_head_inputs *in)
{
    size_t d = c->qformer_dim;
    rfa_build_stage(b, RFA_STAGE_TEXT);
    b->graph->port.sentence_ids = rfa_build_input(b, RFA_TENSOR_I32, rfa_shape(1, 1, RFA_VAR_SENTENCE));
    int states = rfa_model_qformer_text(b, c, b->graph->port.sentence_ids);
    rfa_build_trace(b, states, "sentence_states", 2, (size_t[]){1, d, 0}, RFA_VAR_SENTENCE);
    in->sentence = rfa_step_mean(b, states, 1, RFA_VAR_SENTENCE, 1, 0, rfa_shape(1, d, RFA_VAR_ONE));
    rfa_build_keep(b, in->sentence);
    if (c->variant == RFA_VARIANT_REFATOMNET_PP)
        keywords(b, c, in);
}

static void answer(struct rfa_build *b, const struct rfa_config *c, const struct rfa_head_inputs *in)
{
    struct rfa_ports *port = &b->graph->port;
    rfa_build_stage(b, RFA_STAGE_ANSWER);
    if (c->variant == RFA_VARIANT_REFATOMNET_PP)
        rfa_model_head(b, c, in);
    else
        rfa_model_head_v1(b, c, in);
    rfa_build_prefix(b, "head");
    port->probabilities = rfa_step_act(b, port->logits, RFA_ACT_SIGMOID, rfa_shape(1, c->actions, RFA_VAR_ONE));
    rfa_build_keep(b, port->logits);
    rfa_build_keep(b, port->box);
    rfa_build_keep(b, port->probabilities);
    rfa_build_trace(b, port->logits, "logits", 1, (size_t[]){c->actions, 0, 0}, RFA_VAR_ONE);
    rfa_build_trace(b, port->box, "box", 1, (size_t[]){4, 0, 0}, RFA_VAR_ONE);
    rfa_build_trace(b, port->probabilities, "probabilities", 1, (size_t[]){c->actions, 0, 0}, RFA_VAR_ONE);
}

void rfa_build_pipeline(struct rfa_build *b, const struct rfa_config *c)
{
    struct rfa_ports *port = &b->graph->port;
    *port = (struct rfa_ports){.keyword_ids = RFA_NONE,
                               .keyword_index = RFA_NONE,
                               .keyword_margin = RFA_NONE,
                               .box_index = RFA_NONE,
                               .box_margin = RFA_NONE,
                               .visual_unit = RFA_NONE};
    struct rfa_head_inputs in = {RFA_NONE, RFA_NONE, RFA_NONE, RFA_NONE, RFA_NONE, RFA_NONE};
    vision(b, c, &in);
    scene(b, c, &in);
    text(b, c, &in);
    answer(b, c, &in);
}
