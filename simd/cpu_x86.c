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

/* The words of CPUID that bundles need; zero where the processor does not answer. */
struct cpuid {
    struct leaf one, seven, seven_one; /* leaf 7: subleaves 0 and 1 */
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

static void ask_leaf(struct leaf *leaf, uint32_t number, uint32_t subleaf)
{
    __get_cpuid_count(number, subleaf, &leaf->eax, &leaf->ebx, &leaf->ecx, &leaf->edx);
}

static struct cpuid ask_cpu(void)
{
    struct cpuid c = {0};
    ask_leaf(&c.one, 1, 0);
    ask_leaf(&c.seven, 7, 0);
    if (c.seven.eax >= 1) /* the last subleaf */
        ask_leaf(&c.seven_one, 7, 1);
    return c;
}

static uint32_t bundles(const struct cpuid *c)
{
    const uint32_t fma = 1u << 12, avx = 1u << 28, f16c = 1u << 29;                           /* leaf 1 ECX */
    const uint32_t avx2 = 1u << 5, f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31; /* leaf 7 EBX */
    const uint32_t vnni = 1u << 11;                                                           /* leaf 7 ECX */
    const uint32_t tile = 1u << 24, int8 = 1u << 25;                                          /* leaf 7 EDX */
    const uint32_t avx_vnni = 1u << 4;                                                        /* leaf 7.1 EAX */
    if (!has(c->one.ecx, fma | avx | f16c) || !has(c->seven.ebx, avx2))
        return 0;
    const uint32_t ymm = RFA_CPU_AVX2 | (has(c->seven_one.eax, avx_vnni) ? RFA_CPU_AVXVNNI : 0u);
    if (!has(c->seven.ebx, f | dq | bw | vl))
        return ymm;
    return ymm | RFA_CPU_AVX512 | (has(c->seven.ecx, vnni) ? RFA_CPU_VNNI : 0u) |
           (has(c->seven.edx, tile | int8) ? RFA_CPU_AMX : 0u);
}

uint32_t rfa_cpu_present(void)
{
    const struct cpuid c = ask_cpu();
    return bundles(&c);
}

/* Those of the bundles whose registers the system saves on a context switch. */
static uint32_t saved(uint32_t cpu, uint64_t state)
{
    if ((state & XCR0_YMM) != XCR0_YMM)
        return 0;
    if ((state & XCR0_ZMM) != XCR0_ZMM)
        return cpu & (RFA_CPU_AVX2 | RFA_CPU_AVXVNNI);
    return (state & XCR0_TILES) == XCR0_TILES ? cpu : cpu & ~(uint32_t)RFA_CPU_AMX;
}

uint32_t rfa_cpu_detect(void)
{
    const uint32_t osxsave = 1u << 27; /* leaf 1 ECX */
    const struct cpuid c = ask_cpu();
    uint32_t cpu = saved(bundles(&c), has(c.one.ecx, osxsave) ? enabled_state() : 0);
    if (cpu & RFA_CPU_AMX && !tiles_granted())
        cpu &= ~(uint32_t)RFA_CPU_AMX;
    return cpu;
}

#endif
