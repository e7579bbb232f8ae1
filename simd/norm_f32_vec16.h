/* Body of norm_f32: RFA_NORM_F32 is the kernel's name. The sums are one chain of additions each, 16 wide: that latency,
 * not the ports, bounds the speed. */
#include <math.h>

#include "kernels.h"

/* x + p is fma(x, 1, p). Meanwhile the values after these come nearer: mostly the next row. */
static float sum(const float *x, size_t n)
{
    vec16 p = vec16_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        VEC16_PREFETCH((const char *)((uintptr_t)(x + i) + n * sizeof *x));
        p = vec16_add(vec16_load(x + i), p);
    }
    if (i < n)
        p = vec16_add(vec16_load_n(x + i, n - i), p);
    return vec16_sum(p);
}

static float sum_squares(const float *x, float mean, size_t n)
{
    const vec16 center = vec16_set1(mean);
    vec16 p = vec16_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vec16 d = vec16_sub(vec16_load(x + i), center);
        p = vec16_fma(d, d, p);
    }
    if (i < n) { /* the lanes beyond n are zeros again */
        float lanes[16] = {0.0f};
        vec16_store_n(lanes, vec16_sub(vec16_load_n(x + i, n - i), center), n - i);
        p = vec16_fma(vec16_load(lanes), vec16_load(lanes), p);
    }
    return vec16_sum(p);
}

VEC16_INLINE vec16 normalize(vec16 x, vec16 mean, vec16 rstd, vec16 gamma, vec16 beta)
{
    return vec16_fma(vec16_mul(vec16_sub(x, mean), rstd), gamma, beta);
}

void RFA_NORM_F32(float *dst, const float *x, const float *gamma, const float *beta, float eps, size_t n)
{
    float mean = sum(x, n) / (float)n;
    float rstd = 1.0f / sqrtf(sum_squares(x, mean, n) / (float)n + eps);
    const vec16 center = vec16_set1(mean), scale = vec16_set1(rstd);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        vec16_store(dst + i, normalize(vec16_load(x + i), center, scale, vec16_load(gamma + i), vec16_load(beta + i)));
    if (i < n) {
        size_t rest = n - i;
        vec16_store_n(dst + i,
                      normalize(vec16_load_n(x + i, rest), center, scale, vec16_load_n(gamma + i, rest),
                                vec16_load_n(beta + i, rest)),
                      rest);
    }
}
