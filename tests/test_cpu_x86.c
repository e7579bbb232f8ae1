/* From words of CPUID and XCR0 to bundles: processors of each kind, and systems that do not save all registers. */
#include "../simd/cpu_x86.c" /* for its static functions */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels.h"

enum {
    ALL_YMM = RFA_CPU_AVX2 | RFA_CPU_AVXVNNI,
    ALL = ALL_YMM | RFA_CPU_AVX512 | RFA_CPU_VNNI | RFA_CPU_AMX,
    YMM_STATE = 0x7,
    ZMM_STATE = 0xe7,
    TILE_STATE = 0x600e7
};

/* Intel SDM volume 2A, CPUID, by bit numbers. */
static const struct leaf one = {.ecx = 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29}; /* FMA, OSXSAVE, AVX, F16C */
static const uint32_t avx2 = 1u << 5, avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;

static void names_what_the_processor_has(void **state)
{
    (void)state;
    const struct cpuid nehalem = {.seven = {.ebx = 1u << 9}};
    const struct cpuid haswell = {.one = one, .seven = {.ebx = avx2}};
    const struct cpuid alder_lake = {.one = one, .seven = {.eax = 2, .ebx = avx2}, .seven_one = {.eax = 1u << 4}};
    const struct cpuid skylake = {.one = one, .seven = {.ebx = avx2 | avx512}};
    const struct cpuid ice_lake = {.one = one, .seven = {.ebx = avx2 | avx512, .ecx = 1u << 11}};
    struct cpuid sapphire = ice_lake;
    sapphire.seven.edx = 1u << 24 | 1u << 25;
    sapphire.seven_one.eax = 1u << 4;
    assert_int_equal(bundles(&nehalem), 0);
    assert_int_equal(bundles(&haswell), RFA_CPU_AVX2);
    assert_int_equal(bundles(&alder_lake), ALL_YMM);
    assert_int_equal(bundles(&skylake), RFA_CPU_AVX2 | RFA_CPU_AVX512);
    assert_int_equal(bundles(&ice_lake), RFA_CPU_AVX2 | RFA_CPU_AVX512 | RFA_CPU_VNNI);
    assert_int_equal(bundles(&sapphire), ALL);
}

static void leaves_what_the_system_saves(void **state)
{
    (void)state;
    assert_int_equal(saved(ALL, 0), 0);
    assert_int_equal(saved(ALL, YMM_STATE), ALL_YMM);
    assert_int_equal(saved(ALL, ZMM_STATE), ALL & ~RFA_CPU_AMX);
    assert_int_equal(saved(ALL, TILE_STATE), ALL);
}

/* Of the int8 products the one with most multiply-accumulates a cycle; all else of avxvnni is avx2's. */
static void products_go_to_the_fastest(void **state)
{
    static const struct {
        uint32_t cpu;
        rfa_gemm_s8_t *gemm_s8;
    } cases[] = {
        {0, &rfa_gemm_s8_c},
        {RFA_CPU_AVX2, &rfa_gemm_s8_avx2},
        {RFA_CPU_AVX2 | RFA_CPU_AVX512, &rfa_gemm_s8_avx512},
#ifndef RFA_NO_AVXVNNI
        {ALL_YMM, &rfa_gemm_s8_avxvnni},
        {ALL_YMM | RFA_CPU_AVX512, &rfa_gemm_s8_avxvnni},
#endif
        {ALL & ~RFA_CPU_AMX, &rfa_gemm_s8_avx512vnni},
#ifndef RFA_NO_AMX
        {ALL, &rfa_gemm_s8_amx},
#endif
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rfa_kernels k;
        rfa_kernels_init(&k, cases[i].cpu);
        assert_ptr_equal(k.gemm_s8, cases[i].gemm_s8);
        rfa_kernels_init(&k, cases[i].cpu & ALL_YMM);
        assert_ptr_equal(k.norm_f32, cases[i].cpu ? &rfa_norm_f32_avx2 : &rfa_norm_f32_c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_what_the_processor_has),
                                       cmocka_unit_test(leaves_what_the_system_saves),
                                       cmocka_unit_test(products_go_to_the_fastest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
