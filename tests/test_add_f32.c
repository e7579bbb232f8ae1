#define KERNEL_SLOT add_f32
#include "guard.h"
#include "kernel_rows.h"

enum alias { ALIAS_NONE, ALIAS_A, ALIAS_B, ALIAS_COUNT };

static void compare(rfa_add_f32_t *kernel, size_t n, enum alias alias)
{
    rows_cases++;
    struct guard ga, gb, gd, gw;
    float *a = guard_place(&ga, n * sizeof *a), *b = guard_place(&gb, n * sizeof *b);
    float *got = guard_place(&gd, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_any(a, n, 10.0f);
    fill_any(b, n, 10.0f);
    sprinkle_specials(a, n, 6);
    sprinkle_specials(b, n, 6);
    rfa_add_f32_c(want, a, b, n);
    if (alias != ALIAS_NONE)
        memcpy(got, alias == ALIAS_A ? a : b, n * sizeof *got);
    kernel(got, alias == ALIAS_A ? got : a, alias == ALIAS_B ? got : b, n);
    assert_same_f32(got, want, n, "add");
    assert_true(guard_intact(&gd));
    guard_free(&ga);
    guard_free(&gb);
    guard_free(&gd);
    guard_free(&gw);
}

static void check(rfa_add_f32_t *kernel)
{
    static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 97, 1409};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int alias = 0; alias < ALIAS_COUNT; alias++)
            compare(kernel, sizes[i], (enum alias)alias);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), (enum alias)(random_u32() % ALIAS_COUNT));
}

int main(void)
{
    return run_rows();
}
