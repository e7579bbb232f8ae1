#define KERNEL_SLOT resize_v_u8
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_resize_v_u8_t *kernel, size_t n, int32_t weight)
{
    rows_cases++;
    struct guard ga, gr, gw;
    int32_t *acc = guard_place(&ga, n * sizeof *acc), *want = guard_place(&gw, n * sizeof *want);
    uint8_t *row = guard_place(&gr, n);
    for (size_t i = 0; i < n; i++) {
        acc[i] = want[i] = (int32_t)random_u32() / 4;
        row[i] = (uint8_t)(i % 3 ? random_u32() : 255);
    }
    kernel(acc, row, weight, n);
    rfa_resize_v_u8_c(want, row, weight, n);
    assert_memory_equal(acc, want, n * sizeof *acc);
    assert_true(guard_intact(&ga));
    guard_free(&ga);
    guard_free(&gr);
    guard_free(&gw);
}

static void check(rfa_resize_v_u8_t *kernel)
{
    static const int32_t weights[] = {0, 1, -1, 1 << 22, -(1 << 22), 5000000, -700001};
    for (size_t n = 0; n < 70; n++)
        for (size_t w = 0; w < sizeof weights / sizeof *weights; w++)
            compare(kernel, n, weights[w]);
    compare(kernel, 465, 123457);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), (int32_t)random_u32() >> 9);
}

int main(void)
{
    return run_rows();
}
