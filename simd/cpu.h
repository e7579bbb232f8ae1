/* Which instruction sets this CPU and operating system offer, as bundles: a bundle is exactly the flags its files are
 * built with. */
#ifndef RFA_CPU_H
#define RFA_CPU_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#define RFA_ARCH_X86_64 1
#else
#define RFA_ARCH_X86_64 0
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
#define RFA_ARCH_AARCH64 1
#else
#define RFA_ARCH_AARCH64 0
#endif

enum rfa_cpu_bits {
    RFA_CPU_AVX2 = 1 << 0,    /* AVX2, FMA, F16C; YMM state enabled by the OS */
    RFA_CPU_AVX512 = 1 << 1,  /* AVX512 F, BW, VL, DQ beside AVX2; opmask and ZMM state enabled by the OS */
    RFA_CPU_VNNI = 1 << 2,    /* AVX512_VNNI */
    RFA_CPU_AMX = 1 << 3,     /* AMX-TILE and AMX-INT8; tile state enabled by the OS and granted to this process */
    RFA_CPU_AVXVNNI = 1 << 4, /* AVX_VNNI (VPDPBUSD in the VEX encoding) beside AVX2 */
    RFA_CPU_NEON = 1 << 8,    /* Advanced SIMD of ARMv8.0-A */
    RFA_CPU_DOTPROD = 1 << 9, /* SDOT */
    RFA_CPU_I8MM = 1 << 10    /* SMMLA */
};

/* The bundles of this machine. On Linux with AMX this asks the kernel for permission to use tiles (arch_prctl), which
 * holds for all threads of the process. */
uint32_t rfa_cpu_detect(void);

/* The bundles of the processor alone, whether or not the system lets programs use them: to explain, not to choose. */
uint32_t rfa_cpu_present(void);

#endif
