/* Body of conv1d_silu_f32: RFA_CONV1D_SILU_F32 is the kernel's name. Lanes are channels; vec16_silu comes from the
 * including file. */
#include "kernels.h"

/* Input of the n channels from c on, at place i of the sequence that begins with the taps-1 values of the state. */
VEC16_INLINE vec16 input_at(const struct rfa_conv1d_args *args, size_t i, size_t c, size_t n)
{
    size_t history = args->taps - 1;
    if (i >= history)
        return vec16_load_n(args->x + (i - history) * args->x_stride + c, n);
    return args->state ? vec16_load_n(args->state + i * args->channels + c, n) : vec16_zero();
}

/* Channels c ... c+n-1, n <= 16: one panel. */
VEC16_INLINE void convolve_panel(const struct rfa_conv1d_args *args, size_t c, size_t n)
{
    const float *w = args->w + c * args->taps;
    const vec16 bias = vec16_load_n(args->bias + c, n);
    for (size_t t = 0; t < args->length; t++) {
        vec16 sum = bias;
        for (size_t i = 0; i < args->taps; i++)
            sum = vec16_fma(vec16_load(w + i * 16), input_at(args, t + i, c, n), sum);
        vec16_store_n(args->dst + t * args->dst_stride + c, vec16_silu(sum), n);
    }
    if (args->state)
        for (size_t i = 0; i + 1 < args->taps; i++)
            vec16_store_n(args->state + i * args->channels + c, input_at(args, args->length + i, c, n), n);
}

void RFA_CONV1D_SILU_F32(const struct rfa_conv1d_args *args)
{
    size_t c = 0;
    for (; c + 16 <= args->channels; c += 16)
        convolve_panel(args, c, 16);
    if (c < args->channels)
        convolve_panel(args, c, args->channels - c);
}
