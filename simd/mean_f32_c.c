#include "kernels.h"

void rfa_mean_f32_c(float *dst, const float *x, size_t stride, size_t m, size_t n)
{
    for (size_t c = 0; c < n; c++) {
        float sum = 0.0f;
        for (size_t i = 0; i < m; i++)
            sum += x[i * stride + c];
        dst[c] = sum / (float)m;
    }
}
