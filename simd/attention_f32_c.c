#include <math.h>

#include "kernels.h"
#include "poly.h"
#include "sum16.h"

/* One query row; e [keys] holds its scores, then its numerators. */
static void attend(const struct rfa_attention_args *args, size_t m, size_t keys, float *e)
{
    float max = -INFINITY;
    for (size_t j = 0; j < keys; j++) {
        e[j] = rfa_sum16_dot(args->q + m * args->q_stride, args->k + j * args->k_stride, args->d) * args->scale;
        max = rfa_max(max, e[j]);
    }
    float p[16] = {0.0f};
    for (size_t j = 0; j < keys; j++) {
        e[j] = rfa_exp(e[j] - max);
        p[j % 16] = fmaf(e[j], 1.0f, p[j % 16]);
    }
    float sum = rfa_sum16_tree(p);
    for (size_t c = 0; c < args->d; c++) {
        float chain = 0.0f;
        for (size_t j = 0; j < keys; j++)
            chain = fmaf(e[j], args->v[j * args->v_stride + c], chain);
        args->dst[m * args->dst_stride + c] = chain / sum;
    }
}

void rfa_attention_f32_c(const struct rfa_attention_args *args)
{
    for (size_t m = 0; m < args->m; m++) {
        size_t limit = args->first + m + 1;
        attend(args, m, args->causal && limit < args->keys ? limit : args->keys, args->scratch);
    }
}
