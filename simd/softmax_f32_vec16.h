/* Body of softmax_f32: RFA_SOFTMAX_F32 is the kernel's name. */
#include "kernels.h"
#include "softmax_max.h"

/* x = e^(x - max); returns sum16 of it. */
static float exponentials(float *x, size_t n, vec16 max)
{
    vec16 sum = vec16_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vec16 e = vec16_exp(vec16_sub(vec16_load(x + i), max));
        vec16_store(x + i, e);
        sum = vec16_add(e, sum);
    }
    if (i < n) { /* the second load has zeros beyond n */
        vec16_store_n(x + i, vec16_exp(vec16_sub(vec16_load_n(x + i, n - i), max)), n - i);
        sum = vec16_add(vec16_load_n(x + i, n - i), sum);
    }
    return vec16_sum(sum);
}

void RFA_SOFTMAX_F32(float *x, size_t n)
{
    const vec16 sum = vec16_set1(exponentials(x, n, vec16_set1(row_max(x, n))));
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        vec16_store(x + i, vec16_div(vec16_load(x + i), sum));
    if (i < n)
        vec16_store_n(x + i, vec16_div(vec16_load_n(x + i, n - i), sum), n - i);
}
