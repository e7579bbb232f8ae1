#define KERNEL_SLOT softmax_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_softmax_f32_t *kernel, size_t n, float scale, uint32_t specials)
{
    rows_cases++;
    struct guard gg, gw;
    float *got = guard_place(&gg, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_any(want, n, scale);
    if (specials)
        sprinkle_specials(want, n, specials);
    memcpy(got, want, n * sizeof *got);
    rfa_softmax_f32_c(want, n);
    kernel(got, n);
    assert_same_f32(got, want, n, "softmax");
    assert_true(guard_intact(&gg));
    guard_free(&gg);
    guard_free(&gw);
}

/* A mask: most of the row is -infinity, or all of it. */
static void compare_masked(rfa_softmax_f32_t *kernel, size_t n, size_t kept)
{
    float got[300], want[300];
    for (size_t i = 0; i < n; i++)
        want[i] = i < kept ? random_f32() * 5.0f : -INFINITY;
    memcpy(got, want, n * sizeof *got);
    rfa_softmax_f32_c(want, n);
    kernel(got, n);
    assert_same_f32(got, want, n, "masked softmax");
    for (size_t i = kept; kept && i < n; i++)
        assert_true(got[i] == 0.0f);
}

static void check(rfa_softmax_f32_t *kernel)
{
    static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 49, 97, 257, 801};
    static const float scales[] = {0.0f, 1.0f, 30.0f, 1e10f};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof scales / sizeof *scales; j++) {
            compare(kernel, sizes[i], scales[j], 0);
            compare(kernel, sizes[i], scales[j], 3);
            compare(kernel, sizes[i], scales[j], 60);
        }
    for (size_t n = 1; n < 60; n++)
        for (size_t kept = 0; kept <= n; kept++)
            compare_masked(kernel, n, kept);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), 20.0f, random_u32() % 2 * 40);
}

int main(void)
{
    return run_rows();
}
