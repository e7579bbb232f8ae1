#define KERNEL_SLOT mean_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_mean_f32_t *kernel, size_t m, size_t n, bool specials)
{
    rows_cases++;
    struct guard gx, gd, gw;
    size_t stride = n + 3, total = m ? (m - 1) * stride + n : 0;
    float *x = guard_place(&gx, total * sizeof *x);
    float *got = guard_place(&gd, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_any(x, total, 10.0f);
    if (specials)
        sprinkle_specials(x, total, 20);
    kernel(got, x, stride, m, n);
    rfa_mean_f32_c(want, x, stride, m, n);
    assert_same_f32(got, want, n, "mean");
    assert_true(guard_intact(&gd));
    guard_free(&gx);
    guard_free(&gd);
    guard_free(&gw);
}

static void check(rfa_mean_f32_t *kernel)
{
    static const size_t rows[] = {1, 2, 7, 100}, columns[] = {0, 1, 15, 16, 17, 31, 63, 64, 65, 127, 256, 769};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof columns / sizeof *columns; j++)
            for (int specials = 0; specials < 2; specials++)
                compare(kernel, rows[i], columns[j], specials);
    for (int i = 0; i < 100; i++)
        compare(kernel, 1 + random_size(40), random_size(300), random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
