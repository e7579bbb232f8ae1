/* The calls that feed a session: images, captions and prepared inputs, and the answer. What a stage computes counts as
 * missing while it runs, because a device that fails leaves it half written. */
#include <assert.h>
#include <string.h>

#include "backend.h"
#include "image.h"
#include "unicode.h"

static enum rfa_status check_image(const struct rfa_session *s, const struct rfa_image *image)
{
    const struct rfa_log *log = &s->options.log;
    if (!image)
        return rfa_fail(log, RFA_ERR_ARG, "the image is NULL; pass one (its rgb may be NULL for a missing frame)");
    if (!image->rgb)
        return RFA_OK;
    int side = s->options.max_image_side;
    if (image->width < 1 || image->height < 1 || image->width > side || image->height > side)
        return rfa_fail(log, RFA_ERR_ARG,
                        "the image is %d x %d pixels; sides from 1 to %d are allowed (options.max_image_side)",
                        image->width, image->height, side);
    if (image->stride < (ptrdiff_t)3 * image->width)
        return rfa_fail(log, RFA_ERR_ARG, "the image's stride is %td bytes, its rows have %d; use a larger stride",
                        image->stride, 3 * image->width);
    return RFA_OK;
}

static enum rfa_status check_slots(const struct rfa_session *s, uint32_t first, uint32_t count)
{
    uint32_t frames = s->model->config.frames;
    if (count < 1 || first >= frames || count > frames - first)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "%u frames from slot %u on do not fit the clip's %u slots; use at least one frame and slots 0 "
                        "to %u",
                        count, first, frames, frames - 1);
    return RFA_OK;
}

/* Their bits in slots_done; count >= 1. */
static uint64_t slot_bits(uint32_t first, uint32_t count)
{
    return UINT64_MAX >> (64 - count) << first;
}

/* An input or its part, as the caller gave it, for the trace. */
static void trace_input(const struct rfa_session *s, struct rfa_trace t)
{
    t.repeat = 1;
    if (s->options.trace)
        s->options.trace(s->options.trace_user, &t);
}

/* ------------------------------------------------------------------ VISION */

struct prepare {
    const struct rfa_session *s;
    const struct rfa_step *step; /* whose scratch serves */
    const struct rfa_image *image;
    const struct rfa_preprocess *profile;
    float *dst;
    uint32_t height, width;
};

static void prepare_task(void *context, size_t i, int thread)
{
    const struct prepare *p = context;
    const struct rfa_config *c = &p->s->model->config;
    const struct rfa_image *image = p->image[i].rgb ? &p->image[i] : NULL;
    rfa_image_prepare(p->dst + i * 3 * p->height * p->width, image, p->height, p->width, p->profile, c->bgr,
                      c->negative, &p->s->kernels, rfa_scratch(p->s, p->step, thread));
}

static void prepare(const struct rfa_session *s, enum rfa_stage stage, const struct rfa_image *image, size_t count)
{
    const struct rfa_graph *g = &s->model->graph;
    const struct rfa_config *c = &s->model->config;
    bool vision = stage == RFA_STAGE_VISION;
    struct prepare p = {.s = s,
                        .step = &g->step[g->stage_begin[stage]],
                        .image = image,
                        .profile = vision ? &c->frame : &c->key,
                        .dst = rfa_data(s, vision ? g->port.frames : g->port.key_frame),
                        .height = vision ? c->image_size : c->key_frame_size[0],
                        .width = vision ? c->image_size : c->key_frame_size[1]};
    rfa_parallel_for(&s->team, count, prepare_task, &p);
}

/* Runs VISION on the frames that stand in the input tensor. */
static enum rfa_status run_vision(struct rfa_session *s, uint32_t first, uint32_t count)
{
    const struct rfa_config *c = &s->model->config;
    s->slot = first;
    s->rows[RFA_VAR_FRAMES] = count;
    trace_input(s, (struct rfa_trace){.name = "frames",
                                      .rank = 4,
                                      .dim = {c->frames, 3, c->image_size, c->image_size},
                                      .first = first,
                                      .count = count,
                                      .data = rfa_data(s, s->model->graph.port.frames)});
    s->slots_done &= ~slot_bits(first, count);
    RFA_TRY(rfa_run_stage(s, RFA_STAGE_VISION));
    s->slots_done |= slot_bits(first, count);
    return RFA_OK;
}

static uint32_t group_size(const struct rfa_session *s, uint32_t left)
{
    return left < s->options.frame_group ? left : s->options.frame_group;
}

enum rfa_status rfa_encode_frames(rfa_session *s, uint32_t first, const struct rfa_image *image, uint32_t count)
{
    RFA_TRY(rfa_check_session(s));
    RFA_TRY(check_slots(s, first, count));
    for (uint32_t i = 0; i < count; i++)
        RFA_TRY(check_image(s, image ? &image[i] : NULL));
    for (uint32_t done = 0, n; done < count; done += n) {
        n = group_size(s, count - done);
        rfa_begin_stage(s, RFA_STAGE_VISION);
        prepare(s, RFA_STAGE_VISION, image + done, n);
        RFA_TRY(run_vision(s, first + done, n));
    }
    return RFA_OK;
}

enum rfa_status rfa_encode_frame_pixels(rfa_session *s, uint32_t first, const float *pixels, uint32_t count)
{
    RFA_TRY(rfa_check_session(s));
    RFA_TRY(check_slots(s, first, count));
    if (!pixels)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "the pixels are NULL; pass [count][3][image_size][image_size] floats");
    size_t frame = (size_t)3 * s->model->config.image_size * s->model->config.image_size;
    for (uint32_t done = 0, n; done < count; done += n) {
        n = group_size(s, count - done);
        rfa_begin_stage(s, RFA_STAGE_VISION);
        memcpy(rfa_data(s, s->model->graph.port.frames), pixels + done * frame, n * frame * sizeof *pixels);
        RFA_TRY(run_vision(s, first + done, n));
    }
    return RFA_OK;
}

enum rfa_status rfa_push_frame(rfa_session *s, const struct rfa_image *image)
{
    RFA_TRY(rfa_check_session(s));
    RFA_TRY(check_image(s, image));
    const struct rfa_config *c = &s->model->config;
    const struct rfa_graph *g = &s->model->graph;
    size_t frame = (size_t)c->visual_tokens * c->qformer_dim;
    const int ring[] = {g->port.visual, g->port.visual_unit};
    uint64_t done = s->slots_done;
    s->slots_done = 0;
    for (int i = 0; i < 2; i++) {
        float *rows = rfa_data(s, ring[i]);
        if (rows && s->backend)
            RFA_TRY(s->backend->shift(s->device, s, ring[i], frame * sizeof *rows, c->frames));
        else if (rows)
            memmove(rows, rows + frame, (c->frames - 1) * frame * sizeof *rows);
    }
    s->slots_done = done >> 1;
    return rfa_encode_frames(s, c->frames - 1, image, 1);
}

/* ------------------------------------------------------------------ SCENE */

static enum rfa_status run_scene(struct rfa_session *s)
{
    const struct rfa_config *c = &s->model->config;
    trace_input(s, (struct rfa_trace){.name = "key_frame",
                                      .rank = 3,
                                      .dim = {3, c->key_frame_size[0], c->key_frame_size[1]},
                                      .count = 3,
                                      .data = rfa_data(s, s->model->graph.port.key_frame)});
    s->scene_done = false;
    RFA_TRY(rfa_run_stage(s, RFA_STAGE_SCENE));
    s->scene_done = true;
    return RFA_OK;
}

enum rfa_status rfa_encode_scene(rfa_session *s, const struct rfa_image *image)
{
    RFA_TRY(rfa_check_session(s));
    RFA_TRY(check_image(s, image));
    rfa_begin_stage(s, RFA_STAGE_SCENE);
    prepare(s, RFA_STAGE_SCENE, image, 1);
    return run_scene(s);
}

enum rfa_status rfa_encode_scene_pixels(rfa_session *s, const float *pixels)
{
    RFA_TRY(rfa_check_session(s));
    if (!pixels)
        return rfa_fail(&s->options.log, RFA_ERR_ARG, "the pixels are NULL; pass [3][key_height][key_width] floats");
    const struct rfa_config *c = &s->model->config;
    rfa_begin_stage(s, RFA_STAGE_SCENE);
    memcpy(rfa_data(s, s->model->graph.port.key_frame), pixels,
           (size_t)3 * c->key_frame_size[0] * c->key_frame_size[1] * sizeof *pixels);
    return run_scene(s);
}

/* ------------------------------------------------------------------ TEXT */

static enum rfa_status check_ids(const struct rfa_session *s, const char *what, const int32_t *ids, size_t count,
                                 size_t limit, size_t rows)
{
    if (!ids)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "the token ids of the %s are NULL; pass them with their [CLS] and [SEP]", what);
    if (count < 1 || count > limit)
        return rfa_fail(&s->options.log, RFA_ERR_ARG, "the %s has %zu token ids; pass 1 to %zu", what, count, limit);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= rows)
            return rfa_fail(&s->options.log, RFA_ERR_ARG,
                            "token id %d of the %s is outside the vocabulary of %zu; use the model's own tokens",
                            ids[i], what, rows);
    return RFA_OK;
}

static void trace_ids(const struct rfa_session *s, const char *name, const int32_t *ids, size_t count)
{
    trace_input(s,
                (struct rfa_trace){
                    .name = name, .element = RFA_ELEMENT_I32, .rank = 1, .dim = {count}, .count = count, .data = ids});
}

enum rfa_status rfa_encode_ids(rfa_session *s, const int32_t *sentence, size_t sentence_count, const int32_t *keywords,
                               size_t keyword_count)
{
    RFA_TRY(rfa_check_session(s));
    const struct rfa_config *c = &s->model->config;
    const struct rfa_ports *port = &s->model->graph.port;
    bool with_keywords = c->variant == RFA_VARIANT_REFATOMNET_PP;
    RFA_TRY(check_ids(s, "sentence", sentence, sentence_count, c->text_positions, (size_t)c->vocab + 1));
    if (with_keywords)
        RFA_TRY(check_ids(s, "keyword string", keywords, keyword_count, c->keyword_limit, c->opt_vocab));
    rfa_begin_stage(s, RFA_STAGE_TEXT);
    s->rows[RFA_VAR_SENTENCE] = sentence_count;
    memcpy(rfa_data(s, port->sentence_ids), sentence, sentence_count * sizeof *sentence);
    trace_ids(s, "sentence_ids", sentence, sentence_count);
    if (with_keywords) {
        s->rows[RFA_VAR_KEYWORD] = keyword_count;
        memcpy(rfa_data(s, port->keyword_ids), keywords, keyword_count * sizeof *keywords);
        trace_ids(s, "keyword_ids", keywords, keyword_count);
    }
    s->text_done = false;
    RFA_TRY(rfa_run_stage(s, RFA_STAGE_TEXT));
    s->text_done = true;
    return RFA_OK;
}

/* rfa_wordpiece would count its byte from the beginning of the prompt. */
static enum rfa_status check_utf8(const char *caption, size_t length, const struct rfa_log *log)
{
    uint32_t code;
    for (size_t at = 0, bytes; at < length; at += bytes) {
        bytes = rfa_utf8_decode(&code, caption + at, length - at);
        if (bytes == 0)
            return rfa_fail(log, RFA_ERR_ARG, "caption: byte %zu (0x%02x) is not valid UTF-8; pass the text in UTF-8",
                            at, (unsigned char)caption[at]);
    }
    return RFA_OK;
}

enum rfa_status rfa_encode_caption(rfa_session *s, const char *caption, size_t length)
{
    RFA_TRY(rfa_check_session(s));
    const struct rfa_config *c = &s->model->config;
    const struct rfa_log *log = &s->options.log;
    if (!caption)
        return rfa_fail(log, RFA_ERR_ARG, "the caption is NULL; pass UTF-8 text (it may be empty)");
    if (length > s->options.max_caption)
        return rfa_fail(log, RFA_ERR_ARG,
                        "the caption has %zu bytes; at most %zu are allowed (options.max_caption); shorten it", length,
                        s->options.max_caption);
    RFA_TRY(check_utf8(caption, length, log));
    memcpy(s->sentence, c->prompt.data, c->prompt.len);
    memcpy(s->sentence + c->prompt.len, caption, length);
    size_t sentence_count, keyword_count = 0;
    RFA_TRY(rfa_wordpiece(s->ids, &sentence_count, c->text_positions, false, s->model->vocab,
                          (struct rfa_str){s->sentence, c->prompt.len + length}, log));
    int32_t keywords[RFA_MAX_KEYWORDS];
    if (c->variant == RFA_VARIANT_REFATOMNET_PP) {
        assert(c->keyword_limit <= RFA_MAX_KEYWORDS); /* rfa_config_read */
        size_t bytes = rfa_keyword_text(s->keywords, s->options.max_caption, (struct rfa_str){caption, length},
                                        s->model->stop, s->model->stop_count);
        RFA_TRY(rfa_wordpiece(keywords, &keyword_count, c->keyword_limit, true, s->model->vocab,
                              (struct rfa_str){s->keywords, bytes}, log));
    }
    return rfa_encode_ids(s, s->ids, sentence_count, keywords, keyword_count);
}

/* ------------------------------------------------------------------ ANSWER */

static enum rfa_status check_ready(const struct rfa_session *s)
{
    uint32_t frames = s->model->config.frames;
    if (s->slots_done != slot_bits(0, frames))
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "not all %u frames of the clip are encoded; call rfa_encode_frames first", frames);
    if (!s->scene_done)
        return rfa_fail(&s->options.log, RFA_ERR_ARG, "no key frame is encoded; call rfa_encode_scene first");
    if (!s->text_done)
        return rfa_fail(&s->options.log, RFA_ERR_ARG, "no caption is encoded; call rfa_encode_caption first");
    return RFA_OK;
}

enum rfa_status rfa_answer(rfa_session *s, struct rfa_result *result)
{
    RFA_TRY(rfa_check_session(s));
    const struct rfa_ports *port = &s->model->graph.port;
    if (!result)
        return rfa_fail(&s->options.log, RFA_ERR_ARG,
                        "rfa_answer: result is NULL; pass the address of a struct rfa_result");
    RFA_TRY(check_ready(s));
    rfa_begin_stage(s, RFA_STAGE_ANSWER);
    RFA_TRY(rfa_run_stage(s, RFA_STAGE_ANSWER));
    *result = (struct rfa_result){.actions = s->model->config.actions,
                                  .logits = rfa_data(s, port->logits),
                                  .probabilities = rfa_data(s, port->probabilities),
                                  .frames = s->model->config.frames};
    memcpy(result->box, rfa_data(s, port->box), sizeof result->box);
    if (port->keyword_index != RFA_NONE) {
        result->keywords = (uint32_t)s->rows[RFA_VAR_KEYWORD];
        result->detections = s->model->config.detr_queries;
        result->keyword_index = rfa_data(s, port->keyword_index);
        result->keyword_margin = rfa_data(s, port->keyword_margin);
        result->box_index = rfa_data(s, port->box_index);
        result->box_margin = rfa_data(s, port->box_margin);
    }
    return RFA_OK;
}
