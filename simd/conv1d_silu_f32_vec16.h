/* Body of conv1d_silu_f32: RFA_CONV1D_SILU_F32 is the kernel's name. Lanes are channels. */
#include "kernels.h"

/* Input of the n channels from c on, at place i of the sequence that begins with the taps-1 values of the state. */
VEC16_INLINE vec16 input_at(const struct rfa_conv1d_args *args, size_t i, size_t c, size_t n)
{
    size_t history = args->taps - 1;
    if (i >= history)
        return vec16_load_n(args->x + (i - history) * args->x_stride + c, n);
    return args->state ? vec16_load_n(args->state + i * args->channels + c, n) : vec16_zero();
}

/* Steps t ... t+steps-1 (a constant) of channels c ... c+n-1, n <= 16: steps at once, as SiLU is one long chain. */
VEC16_INLINE void convolve_block(const struct rfa_conv1d_args *args, size_t t, size_t steps, size_t c, size_t n)
{
    vec16 sum[4], bias = vec16_load_n(args->bias + c, n);
    VEC16_UNROLL
    for (size_t s = 0; s < steps; s++)
        sum[s] = bias;
    for (size_t i = 0; i < args->taps; i++) {
        vec16 w = vec16_load(args->w + c * args->taps + i * 16);
        VEC16_UNROLL
        for (size_t s = 0; s < steps; s++)
            sum[s] = vec16_fma(w, input_at(args, t + s + i, c, n), sum[s]);
    }
    VEC16_UNROLL
    for (size_t s = 0; s < steps; s++)
        vec16_store_n(args->dst + (t + s) * args->dst_stride + c, vec16_silu(sum[s]), n);
}

VEC16_INLINE void convolve_panel(const struct rfa_conv1d_args *args, size_t c, size_t n)
{
    size_t t = 0;
    for (; t + 4 <= args->length; t += 4)
        convolve_block(args, t, 4, c, n);
    for (; t < args->length; t++)
        convolve_block(args, t, 1, c, n);
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
