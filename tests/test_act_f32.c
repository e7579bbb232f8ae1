#define KERNEL_SLOT act_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_act_f32_t *kernel, size_t n, enum rfa_act act, float scale, bool specials)
{
    rows_cases++;
    struct guard gg, gw;
    float *got = guard_place(&gg, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_any(want, n, scale);
    if (specials)
        sprinkle_specials(want, n, 5);
    memcpy(got, want, n * sizeof *got);
    rfa_act_f32_c(want, n, act);
    kernel(got, n, act);
    assert_same_f32(got, want, n, "act");
    assert_true(guard_intact(&gg));
    guard_free(&gg);
    guard_free(&gw);
}

static void check(rfa_act_f32_t *kernel)
{
    static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 97, 1409};
    static const float scales[] = {0x1p-120f, 1.0f, 10.0f, 200.0f};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof scales / sizeof *scales; j++)
            for (int act = 0; act <= RFA_ACT_COUNT; act++)
                for (int specials = 0; specials < 2; specials++)
                    compare(kernel, sizes[i], (enum rfa_act)act, scales[j], specials);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), (enum rfa_act)(random_u32() % RFA_ACT_COUNT), 20.0f, random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
