/* CPU bundles of AArch64. Advanced SIMD belongs to the base architecture; the rest is asked of the operating system. */
#include "cpu.h"

#if RFA_ARCH_AARCH64

#ifdef __linux__
#include <sys/auxv.h>
#endif

uint32_t rfa_cpu_detect(void)
{
    uint32_t cpu = RFA_CPU_NEON;
#ifdef __linux__
    /* arch/arm64/include/uapi/asm/hwcap.h; spelled out because older C libraries lack the names. */
    const unsigned long hwcap_asimddp = 1ul << 20, hwcap2_i8mm = 1ul << 13;
    if (getauxval(AT_HWCAP) & hwcap_asimddp)
        cpu |= RFA_CPU_DOTPROD;
    if (getauxval(AT_HWCAP2) & hwcap2_i8mm)
        cpu |= RFA_CPU_I8MM;
#endif
    return cpu;
}

/* The system names what it supports and nothing else. */
uint32_t rfa_cpu_present(void)
{
    return rfa_cpu_detect();
}

#endif
