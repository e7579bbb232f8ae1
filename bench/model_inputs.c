#include "model_inputs.h"

#include <stdlib.h>

#include "error.h"

static float *random_floats(size_t count)
{
    uint32_t state = 521288629u;
    float *x = malloc(count * sizeof *x);
    for (size_t i = 0; x && i < count; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        x[i] = 1.8f * (float)(int32_t)state * 0x1p-31f;
    }
    return x;
}

static size_t frame_floats(const struct rfa_model_inputs *in)
{
    return 3 * (size_t)in->info.image_size * in->info.image_size;
}

static size_t key_floats(const struct rfa_model_inputs *in)
{
    return 3 * (size_t)in->info.key_height * in->info.key_width;
}

static const size_t camera_bytes = 3 * (size_t)RFA_BENCH_CAMERA_WIDTH * RFA_BENCH_CAMERA_HEIGHT;

bool rfa_model_inputs_open(struct rfa_model_inputs *in, const rfa_model *model, uint32_t group)
{
    *in = (struct rfa_model_inputs){.keywords = 0};
    rfa_model_get_info(&in->info, model);
    in->group = group < in->info.frames ? group : in->info.frames;
    in->sentence = in->info.sentence_limit < RFA_BENCH_WORDS ? in->info.sentence_limit : RFA_BENCH_WORDS;
    in->keywords = in->info.keyword_limit < RFA_BENCH_WORDS ? in->info.keyword_limit : RFA_BENCH_WORDS;
    for (int i = 0; i < RFA_BENCH_WORDS; i++)
        in->ids[i] = 1 + i;
    in->pixels = random_floats(in->info.frames * frame_floats(in));
    in->key = random_floats(key_floats(in));
    in->camera = malloc(camera_bytes);
    for (size_t i = 0; in->camera && i < camera_bytes; i++)
        in->camera[i] = (unsigned char)(i * 2654435761u >> 24);
    return in->pixels && in->key && in->camera;
}

void rfa_model_inputs_close(struct rfa_model_inputs *in)
{
    free(in->pixels);
    free(in->key);
    free(in->camera);
}

size_t rfa_model_inputs_bytes(const struct rfa_model_inputs *in)
{
    return (in->info.frames * frame_floats(in) + key_floats(in)) * sizeof(float) + camera_bytes;
}

/* ------------------------------------------------------------------ work */

enum rfa_status rfa_bench_vision(const struct rfa_model_inputs *in, rfa_session *s)
{
    for (uint32_t i = 0; i < in->info.frames; i += in->group) {
        uint32_t count = in->info.frames - i < in->group ? in->info.frames - i : in->group;
        RFA_TRY(rfa_encode_frame_pixels(s, i, in->pixels + i * frame_floats(in), count));
    }
    return RFA_OK;
}

enum rfa_status rfa_bench_scene(const struct rfa_model_inputs *in, rfa_session *s)
{
    return rfa_encode_scene_pixels(s, in->key);
}

enum rfa_status rfa_bench_text(const struct rfa_model_inputs *in, rfa_session *s)
{
    return rfa_encode_ids(s, in->ids, in->sentence, in->ids, in->keywords);
}

enum rfa_status rfa_bench_answer(const struct rfa_model_inputs *in, rfa_session *s)
{
    struct rfa_result result;
    (void)in;
    return rfa_answer(s, &result);
}

enum rfa_status rfa_bench_clip(const struct rfa_model_inputs *in, rfa_session *s)
{
    RFA_TRY(rfa_bench_vision(in, s));
    RFA_TRY(rfa_bench_scene(in, s));
    return rfa_bench_caption(in, s);
}

enum rfa_status rfa_bench_caption(const struct rfa_model_inputs *in, rfa_session *s)
{
    RFA_TRY(rfa_bench_text(in, s));
    return rfa_bench_answer(in, s);
}

enum rfa_status rfa_bench_frame(const struct rfa_model_inputs *in, rfa_session *s)
{
    struct rfa_image image = {in->camera, RFA_BENCH_CAMERA_WIDTH, RFA_BENCH_CAMERA_HEIGHT, 3 * RFA_BENCH_CAMERA_WIDTH};
    RFA_TRY(rfa_push_frame(s, &image));
    return rfa_bench_answer(in, s);
}
