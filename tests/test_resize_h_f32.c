#define KERNEL_SLOT resize_h_f32
#include "guard.h"
#include "kernel_rows.h"

#include "resize_cases.h"

static void compare(rfa_resize_h_f32_t *kernel, size_t width, size_t out, size_t taps, bool outside)
{
    rows_cases++;
    struct guard gs, gw, gd, gp;
    int32_t first[64], count[64];
    float want[64 * 3];
    uint8_t *src = guard_place(&gs, width * 3);
    float *weight = guard_place(&gw, out * taps * sizeof *weight), *got = guard_place(&gd, out * 3 * sizeof *got);
    float *scratch = guard_place(&gp, width * 4 * sizeof *scratch);
    for (size_t i = 0; i < width * 3; i++)
        src[i] = (uint8_t)(i < 256 ? i : random_u32());
    fill_random(weight, out * taps, 1.5f);
    fill_taps(first, count, out, width, taps, outside);
    struct rfa_resize_h_args args = {.dst = got,
                                     .src = src,
                                     .width = width,
                                     .out = out,
                                     .first = first,
                                     .count = count,
                                     .weight = weight,
                                     .stride = taps,
                                     .scratch = scratch};
    kernel(&args);
    args.dst = want;
    rfa_resize_h_f32_c(&args);
    assert_same_f32(got, want, out * 3, "row");
    assert_true(guard_intact(&gd) && guard_intact(&gp));
    guard_free(&gs);
    guard_free(&gw);
    guard_free(&gd);
    guard_free(&gp);
}

static void check(rfa_resize_h_f32_t *kernel)
{
    for (size_t i = 0; i < sizeof resize_cases / sizeof *resize_cases; i++)
        for (int outside = 0; outside < 2; outside++)
            compare(kernel, resize_cases[i][0], resize_cases[i][1], resize_cases[i][2], outside);
}

int main(void)
{
    return run_rows();
}
