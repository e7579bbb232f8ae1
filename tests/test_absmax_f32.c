#define KERNEL_SLOT absmax_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_absmax_f32_t *kernel, size_t n, int mode)
{
    rows_cases++;
    struct guard gx;
    float *x = guard_place(&gx, n * sizeof *x);
    if (mode == 2)
        fill_random(x, n, 3.0f);
    else
        fill_any(x, n, 3.0f);
    if (mode == 1)
        sprinkle_specials(x, n, 40);
    if (mode == 2) /* one value stands out */
        x[random_u32() % n] = -7.0f;
    uint32_t got = kernel(x, n), want = rfa_absmax_f32_c(x, n);
    if (got != want)
        fail_msg("absmax of %zu: %08x, C gives %08x (seed %u)", n, got, want, (unsigned)rows_seed);
    if (mode == 2)
        assert_int_equal(got, 0x40e00000);
    guard_free(&gx);
}

static void check(rfa_absmax_f32_t *kernel)
{
    assert_int_equal(kernel(NULL, 0), 0);
    for (size_t n = 1; n < 200; n++)
        for (int mode = 0; mode < 3; mode++)
            compare(kernel, n, mode);
    compare(kernel, 1409, 2);
}

int main(void)
{
    return run_rows();
}
