#include "kernels.h"
#include "quant.h"

static float scale_of_row(const float *x, size_t k, float *multiplier)
{
    uint32_t a = 0;
    for (size_t i = 0; i < k; i++)
        a = rfa_magnitude(x[i]) > a ? rfa_magnitude(x[i]) : a;
    return rfa_quant_scale(a, multiplier);
}

void rfa_pack_rows_s8_c(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n, size_t k)
{
    memset(w, 0, rfa_panel_bytes(n, k));
    for (size_t i = 0; i < (n + 15) / 16 * 16; i++) {
        float multiplier = 0.0f;
        int32_t sum = 0;
        w_scale[i] = i < n ? scale_of_row(x + i * stride, k, &multiplier) : 0.0f;
        for (size_t j = 0; i < n && j < k; j++) {
            int8_t q = rfa_quant_value(x[i * stride + j], multiplier);
            w[rfa_panel_index(i, j, k)] = q;
            sum += q;
        }
        w_sum[i] = sum;
    }
}
