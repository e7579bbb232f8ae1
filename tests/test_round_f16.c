#define KERNEL_SLOT round_f16
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_round_f16_t *kernel, size_t n, float scale, bool in_place)
{
    rows_cases++;
    struct guard gs, gd, gw;
    float *src = guard_place(&gs, n * sizeof *src);
    float *got = guard_place(&gd, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_random(src, n, scale);
    sprinkle_specials(src, n, 7);
    rfa_round_f16_c(want, src, n);
    if (in_place)
        memcpy(got, src, n * sizeof *src);
    kernel(got, in_place ? got : src, n);
    assert_same_f32(got, want, n, "rounded to f16");
    assert_true(guard_intact(&gd));
    guard_free(&gs);
    guard_free(&gd);
    guard_free(&gw);
}

/* Random bit patterns in the range of binary16 and at its edges: halfway points and their neighbours. */
static void compare_edges(rfa_round_f16_t *kernel)
{
    enum { N = 64 };
    float x[N], got[N], want[N];
    for (int round = 0; round < 4000; round++) {
        for (int i = 0; i < N; i++) {
            uint32_t bits =
                (random_u32() & 0x8fffe000u) + 0x32000000u + (random_u32() % 5 - 2) + (random_u32() & 0x1000u);
            memcpy(&x[i], &bits, sizeof bits);
        }
        kernel(got, x, N);
        rfa_round_f16_c(want, x, N);
        assert_same_f32(got, want, N, "edge");
    }
}

static void check_known(rfa_round_f16_t *kernel)
{
    static const float x[] = {65504.0f, 65519.996f,      65520.0f,   -65520.0f,
                              0x1p-25f, 0x1.000002p-25f, 0x1.8p-24f, 1.00048828125f};
    static const float want[] = {65504.0f, 65504.0f, INFINITY, -INFINITY, 0.0f, 0x1p-24f, 0x1p-23f, 1.0f};
    float got[sizeof x / sizeof *x];
    kernel(got, x, sizeof x / sizeof *x);
    assert_same_f32(got, want, sizeof x / sizeof *x, "known value");
}

static void check(rfa_round_f16_t *kernel)
{
    static const float scales[] = {1e-8f, 1e-5f, 1.0f, 1e5f};
    for (size_t n = 0; n < 40; n++)
        for (size_t j = 0; j < 4; j++)
            compare(kernel, n, scales[j], n & 1);
    compare_edges(kernel);
    check_known(kernel);
}

int main(void)
{
    return run_rows();
}
