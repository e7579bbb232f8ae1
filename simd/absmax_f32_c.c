#include "../quant/quant.h"
#include "kernels.h"

uint32_t rfa_absmax_f32_c(const float *x, size_t n)
{
    uint32_t max = 0;
    for (size_t i = 0; i < n; i++)
        max = rfa_magnitude(x[i]) > max ? rfa_magnitude(x[i]) : max;
    return max;
}
