#include <math.h>

#include "kernels.h"
#include "poly.h"
#include "sum16.h"

void rfa_softmax_f32_c(float *x, size_t n)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++)
        max = rfa_max(max, x[i]);
    float p[16] = {0.0f};
    for (size_t i = 0; i < n; i++) {
        x[i] = rfa_exp(x[i] - max);
        p[i % 16] = fmaf(x[i], 1.0f, p[i % 16]);
    }
    float sum = rfa_sum16_tree(p);
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}
