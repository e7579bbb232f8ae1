/* CPU bundles of every other architecture: none, the plain C kernels run. */
#include "cpu.h"

#if !RFA_ARCH_X86_64 && !RFA_ARCH_AARCH64

uint32_t rfa_cpu_detect(void)
{
    return 0;
}

uint32_t rfa_cpu_present(void)
{
    return 0;
}

#endif
