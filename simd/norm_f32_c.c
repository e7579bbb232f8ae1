#include <math.h>

#include "kernels.h"
#include "sum16.h"

static float sum_squares(const float *x, float mean, size_t n)
{
    float p[16] = {0.0f};
    for (size_t i = 0; i < (n + 15) / 16 * 16; i++) {
        float d = i < n ? x[i] - mean : 0.0f;
        p[i % 16] = fmaf(d, d, p[i % 16]);
    }
    return rfa_sum16_tree(p);
}

static float sum(const float *x, size_t n)
{
    float p[16] = {0.0f};
    for (size_t i = 0; i < (n + 15) / 16 * 16; i++)
        p[i % 16] = fmaf(i < n ? x[i] : 0.0f, 1.0f, p[i % 16]);
    return rfa_sum16_tree(p);
}

void rfa_norm_f32_c(float *dst, const float *x, const float *gamma, const float *beta, float eps, size_t n)
{
    float mean = sum(x, n) / (float)n;
    float rstd = 1.0f / sqrtf(sum_squares(x, mean, n) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        dst[i] = fmaf((x[i] - mean) * rstd, gamma[i], beta[i]);
}
