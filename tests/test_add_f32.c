#define KERNEL_SLOT add_f32
#include "guard.h"
#include "kernel_rows.h"

enum alias { ALIAS_NONE, ALIAS_A, ALIAS_B, ALIAS_COUNT };

static void compare(rfa_add_f32_t *kernel, size_t n, enum alias alias)
{
    struct guard ga, gb, gd, gw;
    float *a = guard_end(&ga, n * sizeof *a), *b = guard_end(&gb, n * sizeof *b);
    float *got = guard_end(&gd, n * sizeof *got), *want = guard_end(&gw, n * sizeof *want);
    fill_random(a, n, 10.0f);
    fill_random(b, n, 10.0f);
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
}

int main(void)
{
    return run_rows();
}
