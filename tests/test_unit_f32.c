#define KERNEL_SLOT unit_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_unit_f32_t *kernel, size_t n, float scale, bool specials, bool in_place)
{
    rows_cases++;
    struct guard gx, gd, gw;
    float *x = guard_place(&gx, n * sizeof *x);
    float *got = guard_place(&gd, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_any(x, n, scale);
    if (specials)
        sprinkle_specials(x, n, 30);
    rfa_unit_f32_c(want, x, n);
    if (in_place)
        memcpy(got, x, n * sizeof *x);
    kernel(got, in_place ? got : x, n);
    assert_same_f32(got, want, n, "unit");
    assert_true(guard_intact(&gd));
    guard_free(&gx);
    guard_free(&gd);
    guard_free(&gw);
}

static void check(rfa_unit_f32_t *kernel)
{
    static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 31, 33, 97, 256, 768, 1409};
    static const float scales[] = {0.0f, 1e-30f, 1e-13f, 1.0f, 1e25f};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof scales / sizeof *scales; j++)
            for (int mode = 0; mode < 4; mode++)
                compare(kernel, sizes[i], scales[j], mode & 1, mode & 2);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), 2.0f, random_u32() % 2, random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
