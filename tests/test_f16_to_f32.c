#define KERNEL_SLOT f16_to_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_f16_to_f32_t *kernel, size_t n)
{
    rows_cases++;
    struct guard gs, gd, gw;
    uint16_t *src = guard_place(&gs, n * sizeof *src);
    float *got = guard_place(&gd, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    for (size_t i = 0; i < n; i++)
        src[i] = (uint16_t)random_u32();
    kernel(got, src, n);
    rfa_f16_to_f32_c(want, src, n);
    assert_same_f32(got, want, n, "f16 to f32");
    assert_true(guard_intact(&gd));
    guard_free(&gs);
    guard_free(&gd);
    guard_free(&gw);
}

/* All values: sign * 2^(e - 15) * (1 + f / 1024), in double arithmetic. */
static void compare_all(rfa_f16_to_f32_t *kernel)
{
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        uint16_t half = (uint16_t)bits;
        float got;
        kernel(&got, &half, 1);
        int e = (int)(bits >> 10 & 31), f = (int)(bits & 1023);
        double want = e == 31 ? (f ? NAN : INFINITY) : e ? ldexp(1024 + f, e - 25) : ldexp(f, -24);
        assert_true(same_f32(got, (float)(bits & 0x8000 ? -want : want)));
    }
}

static void check(rfa_f16_to_f32_t *kernel)
{
    for (size_t n = 0; n < 70; n++)
        compare(kernel, n);
    compare(kernel, 1409);
    compare_all(kernel);
}

int main(void)
{
    return run_rows();
}
