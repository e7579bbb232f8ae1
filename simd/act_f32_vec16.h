/* Body of act_f32: RFA_ACT_F32 is the kernel's name. */
#include "kernels.h"

/* Expanded once for each activation, so that the choice stands outside the loop. */
VEC16_INLINE void apply(float *x, size_t n, enum rfa_act act)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        vec16_store(x + i, vec16_act(vec16_load(x + i), act));
    if (i < n)
        vec16_store_n(x + i, vec16_act(vec16_load_n(x + i, n - i), act), n - i);
}

void RFA_ACT_F32(float *x, size_t n, enum rfa_act act)
{
    switch (act) {
    case RFA_ACT_RELU:
        apply(x, n, RFA_ACT_RELU);
        break;
    case RFA_ACT_GELU:
        apply(x, n, RFA_ACT_GELU);
        break;
    case RFA_ACT_SILU:
        apply(x, n, RFA_ACT_SILU);
        break;
    case RFA_ACT_SIGMOID:
        apply(x, n, RFA_ACT_SIGMOID);
        break;
    case RFA_ACT_SOFTPLUS:
        apply(x, n, RFA_ACT_SOFTPLUS);
        break;
    case RFA_ACT_NONE:
    case RFA_ACT_COUNT:
        break;
    }
}
