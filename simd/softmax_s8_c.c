#include <math.h>

#include "../quant/quant.h"
#include "kernels.h"
#include "poly.h"

/* The maximum, or +infinity for a row without a usable one: NaN or +infinity in it, or nothing above -infinity. */
static float usable_maximum(const float *x, size_t n)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] < INFINITY))
            return INFINITY;
        max = rfa_max(max, x[i]);
    }
    return max > -INFINITY ? max : INFINITY;
}

float rfa_softmax_s8_c(int8_t *high, int8_t *low, const float *x, size_t n, float scale, uint8_t a_xor)
{
    float max = usable_maximum(x, n), factor = rfa_numerator_scale(scale), sum[16] = {0.0f};
    uint8_t *high_bytes = (uint8_t *)high, *low_bytes = (uint8_t *)low;
    for (size_t i = 0; i < rfa_row_bytes(n); i++) {
        float p = i < n && max < INFINITY ? rintf(rfa_numerator(factor * (x[i] - max))) : 0.0f;
        float h = rintf(p * 0x1p-7f);
        sum[i % 16] += p;
        high_bytes[i] = (uint8_t)(int8_t)h ^ a_xor;
        low_bytes[i] = (uint8_t)(int8_t)fmaf(h, -128.0f, p) ^ a_xor;
    }
    for (size_t width = 8; width > 0; width /= 2)
        for (size_t j = 0; j < width; j++)
            sum[j] += sum[j + width];
    return sum[0];
}
