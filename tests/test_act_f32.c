#define KERNEL_SLOT act_f32
#include "guard.h"
#include "kernel_rows.h"

static void compare(rfa_act_f32_t *kernel, size_t n, enum rfa_act act, float scale, bool specials)
{
    rows_cases++;
    struct guard gg, gw;
    float *got = guard_place(&gg, n * sizeof *got), *want = guard_place(&gw, n * sizeof *want);
    fill_any(want, n, scale);
    if (specials)
        sprinkle_specials(want, n, 5);
    memcpy(got, want, n * sizeof *got);
    rfa_act_f32_c(want, n, act);
    kernel(got, n, act);
    assert_same_f32(got, want, n, "act");
    assert_true(guard_intact(&gg));
    guard_free(&gg);
    guard_free(&gw);
}

enum { SWEEP = 4096 };

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Compares SWEEP values, `distance` bit patterns apart. */
static void compare_sweep(rfa_act_f32_t *kernel, uint32_t start, uint32_t distance)
{
    float x[SWEEP], got[SWEEP], want[SWEEP];
    for (uint32_t i = 0; i < SWEEP; i++)
        x[i] = from_bits(start + i * distance);
    for (int act = 0; act < RFA_ACT_COUNT; act++) {
        memcpy(got, x, sizeof x);
        memcpy(want, x, sizeof x);
        kernel(got, SWEEP, (enum rfa_act)act);
        rfa_act_f32_c(want, SWEEP, (enum rfa_act)act);
        assert_same_f32(got, want, SWEEP, "sweep");
    }
}

/* Floats of all magnitudes and both signs, NaN too, and every float near the points where the functions change. */
static void compare_everywhere(rfa_act_f32_t *kernel)
{
    static const float turns[] = {0.0f,    0x1p-126f, 0.34657359f, 0.5f,   0.69314718f, 1.0f,
                                  1.0986f, 14.5f,     87.336544f,  88.72f, 103.97208f,  105.0f};
    const uint32_t distance = 8191; /* a prime: all low bits occur */
    for (uint64_t bits = 0; bits < UINT32_MAX; bits += (uint64_t)SWEEP * distance)
        compare_sweep(kernel, (uint32_t)bits, distance);
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
        for (int sign = 0; sign < 2; sign++) {
            uint32_t bits;
            float x = sign ? -turns[i] : turns[i];
            memcpy(&bits, &x, sizeof bits);
            compare_sweep(kernel, bits - SWEEP / 2, 1);
        }
}

static void check(rfa_act_f32_t *kernel)
{
    if (rows_cases == 0)
        compare_everywhere(kernel);
    static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 97, 1409};
    static const float scales[] = {0x1p-120f, 1.0f, 10.0f, 200.0f};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof scales / sizeof *scales; j++)
            for (int act = 0; act <= RFA_ACT_COUNT; act++)
                for (int specials = 0; specials < 2; specials++)
                    compare(kernel, sizes[i], (enum rfa_act)act, scales[j], specials);
    for (int i = 0; i < 100; i++)
        compare(kernel, random_size(300), (enum rfa_act)(random_u32() % RFA_ACT_COUNT), 20.0f, random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
