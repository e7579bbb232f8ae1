/* What the two forms of attention share: the rows of a sequence, and where a head's operands lie. */
#ifndef RFA_OPS_ATTENTION_H
#define RFA_OPS_ATTENTION_H

#include "ops.h"

struct rfa_attention {
    const struct rfa_session *s;
    const struct rfa_step *step;
    size_t sequences, rows, keys; /* rows and keys of one sequence */
    size_t heads, dim;
    float scale; /* of the scores */
};

/* Columns of a head: row i begins at data + i * stride. */
struct rfa_operand {
    const float *data;
    size_t stride;
};

/* Queries in tensor `q`, keys in tensor `k`. values: units of each variable, such as s->rows. Frames are independent
 * sequences; everything else is one. */
struct rfa_attention rfa_attention_describe(const struct rfa_session *s, const struct rfa_step *step, int q, int k,
                                            const size_t *values);

/* Head `head` of sequence `sequence` in tensor `id`, whose columns of all heads begin at `first`; a tensor that is not
 * per frame serves every sequence. */
struct rfa_operand rfa_attention_operand(const struct rfa_attention *a, int id, size_t sequence, size_t rows,
                                         size_t first, size_t head);

/* Where the result of a head begins. */
float *rfa_attention_result(const struct rfa_attention *a, size_t sequence, size_t head);

/* The int8 form of RFA_OP_ATTENTION, ops_attention_s8.c. */
size_t rfa_attention_s8_scratch(const struct rfa_attention *a);
void rfa_attention_s8_run(struct rfa_attention *a);

#endif
