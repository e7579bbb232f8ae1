#include "kernels.h"
#include "retrieve.h"
#include "sum16.h"

void rfa_retrieve_f32_c(const struct rfa_retrieve_args *args)
{
    for (size_t m = 0; m < args->m; m++) {
        struct rfa_retrieve_best best = RFA_RETRIEVE_START;
        for (size_t i = 0; i < args->n; i++) {
            const float *token = args->token + i * args->token_stride;
            rfa_retrieve_offer(&best, rfa_sum16_dot(args->query + m * args->query_stride, token, args->k), i);
        }
        args->index[m * args->out_stride] = best.index;
        args->margin[m * args->out_stride] = rfa_retrieve_margin(&best);
    }
}
