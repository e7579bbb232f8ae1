#define KERNEL_SLOT resize_v_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_resize_v_f32_t *kernel, size_t n, bool specials)
{
    rows_cases++;
    struct guard ga, gr, gw;
    float *acc = guard_place(&ga, n * sizeof *acc), *want = guard_place(&gw, n * sizeof *want);
    float *row = guard_place(&gr, n * sizeof *row);
    fill_any(acc, n, 1.0f);
    fill_any(row, n, 1.0f);
    if (specials)
        sprinkle_specials(row, n, 5);
    memcpy(want, acc, n * sizeof *acc);
    float weight = random_f32();
    kernel(acc, row, weight, n);
    rfa_resize_v_f32_c(want, row, weight, n);
    assert_same_f32(acc, want, n, "acc");
    assert_true(guard_intact(&ga));
    guard_free(&ga);
    guard_free(&gr);
    guard_free(&gw);
}

static void check(rfa_resize_v_f32_t *kernel)
{
    for (size_t n = 0; n < 70; n++)
        for (int specials = 0; specials < 2; specials++)
            compare(kernel, n, specials);
    compare(kernel, 465, false);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
