#include "kernels.h"

void rfa_kernels_init(struct rfa_kernels *kernels, uint32_t cpu)
{
#define KERNEL(slot, isa, bits)                                                                                        \
    if ((cpu & (uint32_t)(bits)) == (uint32_t)(bits))                                                                  \
        kernels->slot = &rfa_##slot##_##isa;
#include "kernels.def"
#undef KERNEL
}
