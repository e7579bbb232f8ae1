#define KERNEL_SLOT normalise_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_normalise_f32_t *kernel, size_t n, bool fixed, bool specials)
{
    struct guard gg, gw;
    float *got = guard_place(&gg, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    float mean = random_f32(), std = random_f32();
    rows_cases++;
    fill_any(want, n, 2.0f);
    if (fixed)
        for (size_t i = 0; i < n; i++) {
            uint32_t sum = random_u32() >> random_u32() % 4; /* pixels inside and beyond both ends */
            memcpy(&want[i], &sum, sizeof sum);
        }
    else if (specials)
        sprinkle_specials(want, n, 5);
    memcpy(got, want, n * sizeof *got);
    rfa_normalise_f32_c(want, n, fixed, mean, std);
    kernel(got, n, fixed, mean, std);
    assert_same_f32(got, want, n, "normalised");
    assert_true(guard_intact(&gg));
    guard_free(&gg);
    guard_free(&gw);
}

/* Values known beforehand: half a pixel and its neighbours, both ends. */
static void check_known(rfa_normalise_f32_t *kernel)
{
    static const int32_t sums[] = {0, (1 << 22) - 1, 1 << 22, 255 << 22, INT32_MAX, -1, INT32_MIN};
    static const float want[] = {-0.5f, -0.5f, 1.0f / 255.0f - 0.5f, 0.5f, 0.5f, -0.5f, -0.5f};
    float x[sizeof sums / sizeof *sums];
    memcpy(x, sums, sizeof x);
    kernel(x, sizeof x / sizeof *x, true, 0.5f, 1.0f);
    assert_same_f32(x, want, sizeof x / sizeof *x, "known pixel");
}

static void check(rfa_normalise_f32_t *kernel)
{
    check_known(kernel);
    for (size_t n = 0; n < 70; n++)
        for (int mode = 0; mode < 3; mode++)
            compare(kernel, n, mode == 1, mode == 2);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), random_u32() % 2, random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
