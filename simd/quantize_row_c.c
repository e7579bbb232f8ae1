#include "../quant/quant.h"
#include "kernels.h"

static uint32_t reach(const float *x, size_t n, int zero)
{
    uint32_t largest[2] = {0, 0}; /* above and below 0 */
    for (size_t i = 0; i < n; i++) {
        uint32_t *side = &largest[x[i] < 0.0f], magnitude = rfa_magnitude(x[i]);
        *side = magnitude > *side ? magnitude : *side;
    }
    return rfa_quant_reach(largest[0], largest[1], zero);
}

float rfa_quantize_row_c(int8_t *q, const float *x, size_t n, int zero, uint8_t a_xor)
{
    float multiplier;
    float scale = rfa_quant_steps(reach(x, n, zero), (float)(RFA_QMAX - zero), &multiplier);
    uint8_t *bytes = (uint8_t *)q;
    for (size_t i = 0; i < rfa_row_bytes(n); i++) {
        bool zeros = i >= n || multiplier == 0.0f; /* also from infinities and NaN */
        bytes[i] = (uint8_t)(zeros ? zero : rfa_quant_value_from(x[i], multiplier, zero)) ^ a_xor;
    }
    return scale;
}
