/* The op table: how each op is computed on the CPU, and the scratch it needs. */
#ifndef RFA_OPS_H
#define RFA_OPS_H

#include "session.h"
#include "sizes.h"
#include "split.h"

struct rfa_op_entry {
    const char *name;
    /* Bytes of scratch a thread needs at the largest size; NULL: none. */
    size_t (*scratch)(const struct rfa_session *s, const struct rfa_step *step);
    void (*run)(const struct rfa_session *s, const struct rfa_step *step);
    /* Multiply-accumulates at the current sizes, for reports; NULL: not counted. */
    double (*macs)(const struct rfa_session *s, const struct rfa_step *step);
};

extern const struct rfa_op_entry rfa_ops[RFA_OP_COUNT];

/* ops_linear.c */
size_t rfa_linear_scratch(const struct rfa_session *s, const struct rfa_step *step);
void rfa_linear_run(const struct rfa_session *s, const struct rfa_step *step);
size_t rfa_row_block_bytes(const struct rfa_options *options);
/* Whether rows that are quantised at once are cut into fewer blocks than threads can share, so that the product comes
 * apart from it and its outputs are cut as well. */
bool rfa_few_rows_for_all(const struct rfa_session *s, size_t rows);
double rfa_linear_macs(const struct rfa_session *s, const struct rfa_step *step);

/* Of a product of the step's first input, Q8, with its int8 weight: both operands, from this row and this output (a
 * multiple of 16) on. The rest is the caller's. */
struct rfa_gemm_s8_args rfa_int8_operands(const struct rfa_session *s, const struct rfa_step *step, size_t row,
                                          size_t output);

/* A float product with any float weight type: rows of dst = act(a w^T + bias) + residual; F16 weights pass through
 * `scratch` of rfa_float_product_scratch bytes. */
size_t rfa_float_product_scratch(const struct rfa_weight *w);
void rfa_float_product(const struct rfa_kernels *k, const struct rfa_weight *w, struct rfa_gemm_f32_args args,
                       void *scratch);

/* ops_conv.c */
size_t rfa_conv_scratch(const struct rfa_session *s, const struct rfa_step *step);
void rfa_conv_run(const struct rfa_session *s, const struct rfa_step *step);
/* The same of the output pixels of an int8 convolution and the gathering of their windows. */
bool rfa_few_pixels_for_all(const struct rfa_session *s, size_t pixels);
double rfa_conv_macs(const struct rfa_session *s, const struct rfa_step *step);
/* Of n more values of a map into this thread's magnitude; the largest of all threads'. */
static inline void rfa_note_magnitude(const struct rfa_kernels *k, uint32_t *magnitude, const float *x, size_t n)
{
    uint32_t a = k->absmax_f32(x, n);
    if (a > *magnitude)
        *magnitude = a;
}
static inline uint32_t rfa_largest_magnitude(const struct rfa_session *s, const uint32_t *magnitude)
{
    uint32_t largest = 0;
    for (int i = 0; i < s->team.threads; i++)
        largest = magnitude[i] > largest ? magnitude[i] : largest;
    return largest;
}
void rfa_max_pool_run(const struct rfa_session *s, const struct rfa_step *step);

/* ops_attention.c, ops_attention_s8.c */
size_t rfa_attention_step_scratch(const struct rfa_session *s, const struct rfa_step *step);
void rfa_attention_run(const struct rfa_session *s, const struct rfa_step *step);
size_t rfa_self_attention_scratch(const struct rfa_session *s, const struct rfa_step *step);
void rfa_self_attention_run(const struct rfa_session *s, const struct rfa_step *step);
double rfa_attention_macs(const struct rfa_session *s, const struct rfa_step *step);

/* ops_agent.c */
void rfa_reshape_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_scores_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_softmax_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_blend_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_agents_run(const struct rfa_session *s, const struct rfa_step *step);

/* ops_head.c */
void rfa_detections_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_store_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_unit_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_retrieve_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_gather_run(const struct rfa_session *s, const struct rfa_step *step);
void rfa_conv1d_run(const struct rfa_session *s, const struct rfa_step *step);
size_t rfa_scan_step_scratch(const struct rfa_session *s, const struct rfa_step *step);
void rfa_scan_run(const struct rfa_session *s, const struct rfa_step *step);

#endif
