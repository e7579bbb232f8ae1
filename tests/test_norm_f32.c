#define KERNEL_SLOT norm_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_norm_f32_t *kernel, size_t n, float scale, float offset, bool specials, bool in_place)
{
    rows_cases++;
    struct guard gx, gg, gb, gd, gw;
    float *x = guard_place(&gx, n * sizeof *x), *gamma = guard_place(&gg, n * sizeof *x);
    float *beta = guard_place(&gb, n * sizeof *x);
    float *got = guard_place(&gd, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_any(x, n, scale);
    for (size_t i = 0; i < n; i++)
        x[i] += offset;
    fill_any(gamma, n, 2.0f);
    fill_any(beta, n, 2.0f);
    if (specials)
        sprinkle_specials(x, n, 30);
    rfa_norm_f32_c(want, x, gamma, beta, 1e-5f, n);
    if (in_place)
        memcpy(got, x, n * sizeof *x);
    kernel(got, in_place ? got : x, gamma, beta, 1e-5f, n);
    assert_same_f32(got, want, n, "norm");
    assert_true(guard_intact(&gd));
    guard_free(&gx);
    guard_free(&gg);
    guard_free(&gb);
    guard_free(&gd);
    guard_free(&gw);
}

static void check(rfa_norm_f32_t *kernel)
{
    static const size_t sizes[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 97, 768, 1408, 1409};
    static const float scales[] = {0.0f, 1e-30f, 1.0f, 1e15f};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof scales / sizeof *scales; j++)
            for (int mode = 0; mode < 8; mode++)
                compare(kernel, sizes[i], scales[j], mode & 4 ? 3.0f : 0.0f, mode & 1, mode & 2);
    for (int i = 0; i < 100; i++)
        compare(kernel, 1 + random_size(300), 5.0f, random_f32() * 10.0f, random_u32() % 2, random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
