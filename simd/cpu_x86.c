/* CPU bundles of x86-64: CPUID says what the processor has, XGETBV what the operating system saves on a context switch;
 * both must agree. Bit positions: Intel SDM volume 2A, CPUID, and volume 1, chapters 13 and 18. */
#define _DEFAULT_SOURCE
#include "cpu.h"

#if RFA_ARCH_X86_64

#include <cpuid.h>
#include <stdbool.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum {
    XCR0_YMM = 3 << 1,   /* SSE and AVX state */
    XCR0_ZMM = 7 << 5,   /* opmask, upper halves of ZMM0-15, ZMM16-31 */
    XCR0_TILES = 3 << 17 /* tile configuration and tile data */
};

struct leaf {
    uint32_t eax, ebx, ecx, edx;
};

static bool has(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

static uint64_t enabled_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Tile data is 8 KiB a thread, so Linux (5.16 and later) enables it only for processes that ask. */
static bool tiles_granted(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}

/* Each word of CPUID that a bundle needs; zero where the processor does not answer. */
static void ask_cpu(struct leaf *one, struct leaf *seven)
{
    *one = *seven = (struct leaf){0};
    if (__get_cpuid(1, &one->eax, &one->ebx, &one->ecx, &one->edx))
        __get_cpuid_count(7, 0, &seven->eax, &seven->ebx, &seven->ecx, &seven->edx);
}

static uint32_t bundles(const struct leaf *one, const struct leaf *seven)
{
    const uint32_t fma = 1u << 12, avx = 1u << 28, f16c = 1u << 29;                           /* leaf 1 ECX */
    const uint32_t avx2 = 1u << 5, f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31; /* leaf 7 EBX */
    const uint32_t vnni = 1u << 11;                                                           /* leaf 7 ECX */
    const uint32_t tile = 1u << 24, int8 = 1u << 25;                                          /* leaf 7 EDX */
    if (!has(one->ecx, fma | avx | f16c) || !has(seven->ebx, avx2))
        return 0;
    if (!has(seven->ebx, f | dq | bw | vl))
        return RFA_CPU_AVX2;
    return RFA_CPU_AVX2 | RFA_CPU_AVX512 | (has(seven->ecx, vnni) ? RFA_CPU_VNNI : 0u) |
           (has(seven->edx, tile | int8) ? RFA_CPU_AMX : 0u);
}

uint32_t rfa_cpu_present(void)
{
    struct leaf one, seven;
    ask_cpu(&one, &seven);
    return bundles(&one, &seven);
}

uint32_t rfa_cpu_detect(void)
{
    const uint32_t osxsave = 1u << 27; /* leaf 1 ECX */
    struct leaf one, seven;
    ask_cpu(&one, &seven);
    uint32_t cpu = bundles(&one, &seven);
    uint64_t state = has(one.ecx, osxsave) ? enabled_state() : 0;
    if ((state & XCR0_YMM) != XCR0_YMM)
        return 0;
    if ((state & XCR0_ZMM) != XCR0_ZMM)
        return cpu & RFA_CPU_AVX2;
    if (cpu & RFA_CPU_AMX && ((state & XCR0_TILES) != XCR0_TILES || !tiles_granted()))
        cpu &= ~(uint32_t)RFA_CPU_AMX;
    return cpu;
}

#endif
