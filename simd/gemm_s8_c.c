#include <assert.h>
#include <math.h>

#include "../quant/quant.h"
#include "kernels.h"
#include "poly.h"

static int32_t dot(int32_t sum, const int8_t *a, const int8_t *w, size_t n, size_t k)
{
    for (size_t i = 0; i < k; i++)
        sum += a[i] * w[rfa_panel_index(n, i, k)];
    return sum;
}

static void run(const struct rfa_gemm_s8_args *g)
{
    assert(g->k >= 1 && g->k <= RFA_MAX_K);
    assert((uintptr_t)g->a % RFA_LINE == 0 && (uintptr_t)g->w % RFA_LINE == 0 && g->a_stride % RFA_LINE == 0);
    for (size_t m = 0; m < g->m; m++) {
        for (size_t n = 0; n < g->n; n++) {
            float scale = g->a_scale[m * g->a_scale_step] * g->w_scale[n];
            float acc = (float)dot(-g->a_zero * g->w_sum[n], g->a + m * g->a_stride, g->w, n, g->k);
            float y = rfa_act_value(fmaf(acc, scale, g->bias ? g->bias[n] : 0.0f), g->act);
            if (g->residual)
                y = rfa_act_value(y + g->residual[m * g->residual_stride + n],
                                  g->relu_last ? RFA_ACT_RELU : RFA_ACT_NONE);
            g->dst[m * g->dst_stride + n] = y;
        }
    }
}

static size_t scratch_bytes(size_t m, size_t n, size_t k)
{
    (void)m, (void)n, (void)k;
    return 0;
}

rfa_gemm_s8_t rfa_gemm_s8_c = {.a_xor = 0, .mr = 1, .mc = 64, .scratch_bytes = scratch_bytes, .run = run};
