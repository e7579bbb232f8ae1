#include <math.h>

#include "kernels.h"
#include "poly.h"

/* Input of channel c at place i of the sequence that begins with the taps-1 values of the state. */
static float input_at(const struct rfa_conv1d_args *args, size_t i, size_t c)
{
    size_t history = args->taps - 1;
    if (i >= history)
        return args->x[(i - history) * args->x_stride + c];
    return args->state ? args->state[i * args->channels + c] : 0.0f;
}

void rfa_conv1d_silu_f32_c(const struct rfa_conv1d_args *args)
{
    for (size_t c = 0; c < args->channels; c++) {
        const float *w = args->w + c / 16 * args->taps * 16 + c % 16;
        for (size_t t = 0; t < args->length; t++) {
            float sum = args->bias[c];
            for (size_t i = 0; i < args->taps; i++)
                sum = fmaf(w[i * 16], input_at(args, t + i, c), sum);
            args->dst[t * args->dst_stride + c] = rfa_silu(sum);
        }
        if (args->state)
            for (size_t i = 0; i + 1 < args->taps; i++)
                args->state[i * args->channels + c] = input_at(args, args->length + i, c);
    }
}
