#include <math.h>

#include "../quant/quant.h"
#include "kernels.h"
#include "poly.h"

int32_t rfa_softmax_s8_c(int8_t *q, const float *x, size_t n, float scale, uint8_t a_xor)
{
    float max = -INFINITY;
    bool usable = true; /* neither NaN nor +infinity */
    for (size_t i = 0; i < n; i++) {
        max = rfa_max(max, x[i]);
        usable = usable && x[i] < INFINITY;
    }
    usable = usable && max > -INFINITY;
    uint8_t *bytes = (uint8_t *)q;
    int32_t sum = 0;
    for (size_t i = 0; i < rfa_row_bytes(n); i++) {
        int8_t value = usable && i < n ? rfa_quant_value(rfa_exp(scale * (x[i] - max)), 127.0f) : 0;
        sum += value;
        bytes[i] = (uint8_t)value ^ a_xor;
    }
    return sum;
}
