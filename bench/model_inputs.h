/* Random pixels and words for a model, and the pieces of work that benchmarks time. Time does not depend on the values,
 * so nothing is lost by their being random. */
#ifndef RFA_BENCH_MODEL_INPUTS_H
#define RFA_BENCH_MODEL_INPUTS_H

#include <stdbool.h>

#include "refatom.h"

enum { RFA_BENCH_WORDS = 20, RFA_BENCH_CAMERA_WIDTH = 1280, RFA_BENCH_CAMERA_HEIGHT = 720 };

struct rfa_model_inputs {
    struct rfa_model_info info;
    uint32_t group;        /* frames encoded together */
    float *pixels, *key;   /* [frames][3][side][side], [3][key_height][key_width] */
    unsigned char *camera; /* a picture to be resized */
    int32_t ids[RFA_BENCH_WORDS];
    size_t sentence, keywords;
};

/* `group`: at most a clip's frames are taken. False without memory. Close it in either case. */
bool rfa_model_inputs_open(struct rfa_model_inputs *in, const rfa_model *model, uint32_t group);
void rfa_model_inputs_close(struct rfa_model_inputs *in);
size_t rfa_model_inputs_bytes(const struct rfa_model_inputs *in);

/* All frames of a clip; its key frame; a sentence and its keywords; the answer. */
RFA_CHECKED enum rfa_status rfa_bench_vision(const struct rfa_model_inputs *in, rfa_session *s);
RFA_CHECKED enum rfa_status rfa_bench_scene(const struct rfa_model_inputs *in, rfa_session *s);
RFA_CHECKED enum rfa_status rfa_bench_text(const struct rfa_model_inputs *in, rfa_session *s);
RFA_CHECKED enum rfa_status rfa_bench_answer(const struct rfa_model_inputs *in, rfa_session *s);

/* All four; words and answer; one more frame from a camera, with its resize, and the answer. */
RFA_CHECKED enum rfa_status rfa_bench_clip(const struct rfa_model_inputs *in, rfa_session *s);
RFA_CHECKED enum rfa_status rfa_bench_caption(const struct rfa_model_inputs *in, rfa_session *s);
RFA_CHECKED enum rfa_status rfa_bench_frame(const struct rfa_model_inputs *in, rfa_session *s);

#endif
