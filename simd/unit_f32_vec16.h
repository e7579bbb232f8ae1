/* Body of unit_f32: RFA_UNIT_F32 is the kernel's name. */
#include <math.h>

#include "kernels.h"

static float norm(const float *x, size_t n)
{
    vec16 sum = vec16_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        sum = vec16_fma(vec16_load(x + i), vec16_load(x + i), sum);
    if (i < n) {
        vec16 tail = vec16_load_n(x + i, n - i);
        sum = vec16_fma(tail, tail, sum);
    }
    return sqrtf(vec16_sum(sum));
}

void RFA_UNIT_F32(float *dst, const float *x, size_t n)
{
    float length = norm(x, n);
    vec16 divisor = vec16_set1(length < 1e-12f ? 1e-12f : length);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        vec16_store(dst + i, vec16_div(vec16_load(x + i), divisor));
    if (i < n)
        vec16_store_n(dst + i, vec16_div(vec16_load_n(x + i, n - i), divisor), n - i);
}
