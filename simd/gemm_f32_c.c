#include "kernels.h"
#include "poly.h"
#include "sum16.h"

void rfa_gemm_f32_c(const struct rfa_gemm_f32_args *g)
{
    for (size_t m = 0; m < g->m; m++) {
        for (size_t n = 0; n < g->n; n++) {
            float y = rfa_sum16_dot(g->a + m * g->a_stride, g->w + n * g->w_stride, g->k);
            if (g->bias)
                y += g->bias[n];
            y = rfa_act_value(y, g->act);
            if (g->residual)
                y += g->residual[m * g->residual_stride + n];
            g->dst[m * g->dst_stride + n] = y;
        }
    }
}
