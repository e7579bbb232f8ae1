/* Body of add_f32: RFA_ADD_F32 is the kernel's name. */
#include "kernels.h"

void RFA_ADD_F32(float *dst, const float *a, const float *b, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        vec16_store(dst + i, vec16_add(vec16_load(a + i), vec16_load(b + i)));
    if (i < n)
        vec16_store_n(dst + i, vec16_add(vec16_load_n(a + i, n - i), vec16_load_n(b + i, n - i)), n - i);
}
