/* Body of resize_v_f32: RFA_RESIZE_V_F32 is the kernel's name. */
#include "kernels.h"

void RFA_RESIZE_V_F32(float *acc, const float *row, float weight, size_t n)
{
    vec16 w = vec16_set1(weight);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        vec16_store(acc + i, vec16_fma(w, vec16_load(row + i), vec16_load(acc + i)));
    if (i < n)
        vec16_store_n(acc + i, vec16_fma(w, vec16_load_n(row + i, n - i), vec16_load_n(acc + i, n - i)), n - i);
}
