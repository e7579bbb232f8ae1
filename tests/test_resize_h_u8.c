#define KERNEL_SLOT resize_h_u8
#include "guard.h"
#include "kernel_rows.h"

#include "resize_cases.h"

static void compare(rfa_resize_h_u8_t *kernel, size_t width, size_t out, size_t taps, bool outside)
{
    rows_cases++;
    struct guard gs, gw, gd;
    int32_t first[64], count[64];
    uint8_t want[64 * 3];
    uint8_t *src = guard_place(&gs, width * 3), *got = guard_place(&gd, out * 3);
    int32_t *weight = guard_place(&gw, out * taps * sizeof *weight);
    for (size_t i = 0; i < width * 3; i++)
        src[i] = (uint8_t)(random_u32() % 4 ? random_u32() : 255);
    for (size_t i = 0; i < out * taps; i++) /* sums of up to 40 taps leave [0, 255] both ways and stay inside 32 bits */
        weight[i] = (int32_t)(random_f32() * (float)(1 << 22) * (taps > 6 ? 0.04f : 0.3f)) + 50000;
    fill_taps(first, count, out, width, taps, outside);
    struct rfa_resize_h_args args = {.dst = got,
                                     .src = src,
                                     .width = width,
                                     .out = out,
                                     .first = first,
                                     .count = count,
                                     .weight = weight,
                                     .stride = taps};
    kernel(&args);
    args.dst = want;
    rfa_resize_h_u8_c(&args);
    assert_memory_equal(got, want, out * 3);
    assert_true(guard_intact(&gd));
    guard_free(&gs);
    guard_free(&gw);
    guard_free(&gd);
}

static void check(rfa_resize_h_u8_t *kernel)
{
    for (size_t i = 0; i < sizeof resize_cases / sizeof *resize_cases; i++)
        for (int outside = 0; outside < 2; outside++)
            for (int repeat = 0; repeat < 10; repeat++)
                compare(kernel, resize_cases[i][0], resize_cases[i][1], resize_cases[i][2], outside);
}

int main(void)
{
    return run_rows();
}
