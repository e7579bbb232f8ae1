/* Ops of RefAtomNet's agent attention. Its tensors are a few dozen rows: one thread is enough. */
#include "ops.h"

#include <string.h>

void rfa_reshape_run(const struct rfa_session *s, const struct rfa_step *step)
{
    memcpy(rfa_data(s, step->out[0]), rfa_data(s, step->in[0]),
           rfa_rows(s, step->in[0]) * rfa_cols(s, step->in[0]) * sizeof(float));
}

void rfa_scores_run(const struct rfa_session *s, const struct rfa_step *step)
{
    float *dst = rfa_data(s, step->out[0]);
    struct rfa_gemm_f32_args args = {.dst = dst,
                                     .dst_stride = rfa_cols(s, step->out[0]),
                                     .a = (const float *)rfa_data(s, step->in[0]) + step->p.scores.a_first,
                                     .a_stride = rfa_cols(s, step->in[0]),
                                     .w = (const float *)rfa_data(s, step->in[1]) + step->p.scores.b_first,
                                     .w_stride = rfa_cols(s, step->in[1]),
                                     .m = rfa_rows(s, step->in[0]),
                                     .n = rfa_rows(s, step->in[1]),
                                     .k = step->w.k};
    s->kernels.gemm_f32(&args);
    for (size_t i = 0; i < args.m * args.n; i++)
        dst[i] *= step->p.scores.scale;
}

void rfa_softmax_run(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t rows = rfa_rows(s, step->in[0]), cols = rfa_cols(s, step->in[0]);
    float *dst = rfa_data(s, step->out[0]);
    memcpy(dst, rfa_data(s, step->in[0]), rows * cols * sizeof *dst);
    for (size_t i = 0; i < rows; i++)
        s->kernels.softmax_f32(dst + i * cols, cols);
}

/* Every result is one chain over the rows in ascending order, starting from the bias. */
void rfa_blend_run(const struct rfa_session *s, const struct rfa_step *step)
{
    size_t rows = rfa_rows(s, step->in[0]), stride = rfa_cols(s, step->in[0]), cols = rfa_cols(s, step->out[0]);
    const float *x = (const float *)rfa_data(s, step->in[0]) + step->p.blend.first;
    const float *weight = step->w.data ? step->w.data : rfa_data(s, step->in[1]);
    for (size_t i = 0; i < rfa_rows(s, step->out[0]); i++) {
        float *dst = (float *)rfa_data(s, step->out[0]) + i * cols;
        for (size_t c = 0; c < cols; c++)
            dst[c] = step->w.bias ? step->w.bias[i] : 0.0f;
        for (size_t j = 0; j < rows; j++)
            s->kernels.resize_v_f32(dst, x + j * stride, weight[i * rows + j], cols);
    }
}

void rfa_agents_run(const struct rfa_session *s, const struct rfa_step *step)
{
    const float *x = rfa_data(s, step->in[0]), *gate = rfa_data(s, step->in[1]);
    float *dst = rfa_data(s, step->out[0]);
    for (size_t i = 0; i < rfa_rows(s, step->out[0]) * rfa_cols(s, step->out[0]); i++)
        dst[i] = (x[i] * gate[i] + 2.0f * x[i]) / 3.0f;
}
