/* The scalar specification of poly.h against long double: the bounds stated there, over the whole range of floats.
 *
 *   test_poly [STRIDE]    looks at every STRIDE-th bit pattern, default 8191; `make ulp` at all of them */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../simd/poly.h"

/* Long double must be wider than double for the references to be better than the bounds by far: x87 or quad. */
_Static_assert(sizeof(long double) > sizeof(double), "references need a wide long double");

/* The unit in the last place of a float of this magnitude. */
static long double unit(long double reference)
{
    int exponent;
    if (fabsl(reference) < 0x1p-126L)
        return 0x1p-149L;
    frexpl(reference, &exponent);
    return ldexpl(1.0L, exponent - 24);
}

struct function {
    const char *name;
    float (*value)(float);
    long double (*reference)(long double);
    float low, high;      /* domain of the check */
    long double units;    /* largest error in units, or ... */
    long double absolute; /* ... absolute for x below absolute_below, if that is more */
    float absolute_below;
};

static long double reference_softplus(long double x)
{
    return fmaxl(x, 0.0L) + log1pl(expl(-fabsl(x)));
}

static long double reference_sigmoid(long double x)
{
    return x < 0.0L ? expl(x) / (1.0L + expl(x)) : 1.0L / (1.0L + expl(-x));
}

static long double reference_silu(long double x)
{
    return x * reference_sigmoid(x);
}

static long double reference_gelu(long double x)
{
    return x / 2.0L * erfcl(-x / sqrtl(2.0L));
}

/* For a rate of 1; tests/test_scan_f32.c has the others. */
static float decay(float dt)
{
    return rfa_decay(dt, 1.0f);
}

/* Of the argument as it was rounded: far from 0 that rounding is worth more than all that follows. */
static long double reference_decay(long double dt)
{
    return exp2l((long double)fmaf((float)dt, 1.0f, -0.5f) + 0.5L);
}

static const struct function functions[] = {
    {"exp2", rfa_exp2, exp2l, -160.0f, 0x1.fffffep+6f, 1.0L, 0.0L, 0.0f},
    {"exp", rfa_exp, expl, -110.0f, 0x1.62e42ep+6f, 1.25L, 0.0L, 0.0f},
    {"decay", decay, reference_decay, -160.0f, 0x1.fffffcp+6f, 2.25L, 0.0L, 0.0f},
    {"slow decay", decay, exp2l, -1.0f, 0.0f, 2.75L, 0.0L, 0.0f},
    {"slowest decay", decay, exp2l, -0x1p-4f, 0.0f, 1.5L, 0.0L, 0.0f},
    {"log1p", rfa_log1p, log1pl, 0.0f, 1.0f, 1.25L, 0.0L, 0.0f},
    {"softplus", rfa_softplus, reference_softplus, -110.0f, 110.0f, 2.0L, 0.0L, 0.0f},
    {"sigmoid", rfa_sigmoid, reference_sigmoid, -110.0f, 110.0f, 2.5L, 0.0L, 0.0f},
    {"silu", rfa_silu, reference_silu, -110.0f, 110.0f, 3.5L, 0x1p-142L, -87.0f},
    {"gelu", rfa_gelu, reference_gelu, -40.0f, 40.0f, 2.0L, 4e-8L, 0.0f},
};

enum { FUNCTIONS = sizeof functions / sizeof *functions };

struct worst {
    long double units;
    float at;
};

static void measure(const struct function *f, float x, struct worst *worst)
{
    if (!(x >= f->low && x <= f->high))
        return;
    long double reference = f->reference(x), error = fabsl((long double)f->value(x) - reference);
    if (x < f->absolute_below && error <= f->absolute)
        return;
    if (error / unit(reference) > worst->units)
        *worst = (struct worst){error / unit(reference), x};
}

static uint64_t stride = 8191; /* a prime: all low bits occur */

/* Floats of all magnitudes, and evenly spaced ones across the domain. */
static void test_bound(void **state)
{
    const struct function *f = *state;
    struct worst worst = {0.0L, 0.0f};
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += stride)
        measure(f, rfa_bits_float((uint32_t)bits), &worst);
    for (int i = 0; i <= 600011; i++)
        measure(f, (float)(f->low + ((double)f->high - f->low) * i / 600011), &worst);
    printf("%s: largest error %.3Lf units, at %a\n", f->name, worst.units, (double)worst.at);
    if (worst.units > f->units)
        fail_msg("%s: error of %.3Lf units at %a; stated are %.2Lf", f->name, worst.units, (double)worst.at, f->units);
}

static void test_saturation(void **state)
{
    static const float far[] = {128.0f, 128.4f, 129.0f, 1000.0f, 3e38f, INFINITY};
    (void)state;
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        assert_true(rfa_exp2(far[i]) == INFINITY && rfa_exp(far[i]) == INFINITY);
        assert_true(rfa_exp2(-far[i] - 22.0f) == 0.0f && rfa_exp(-far[i]) == 0.0f);
        assert_true(decay(far[i]) == INFINITY && decay(-far[i] - 22.0f) == 0.0f);
        assert_true(rfa_sigmoid(far[i]) == 1.0f && rfa_sigmoid(-far[i]) == 0.0f);
        assert_true(rfa_softplus(far[i]) == far[i] && rfa_softplus(-far[i]) == 0.0f);
        assert_true(rfa_gelu(far[i]) == far[i] && rfa_gelu(-far[i]) == 0.0f);
        assert_true(rfa_silu(far[i]) == far[i]);
    }
    assert_true(isnan(rfa_silu(-INFINITY)));
    assert_true(rfa_silu(-3e38f) == 0.0f);
}

/* Exact values: powers of two down to the last denormal, zeros with their sign. */
static void test_exact(void **state)
{
    (void)state;
    for (int n = -149; n <= 127; n++)
        assert_true(rfa_exp2((float)n) == ldexpf(1.0f, n) && decay((float)n) == ldexpf(1.0f, n));
    assert_true(rfa_decay_reduced(1.0f) == 2.0f * rfa_decay_reduced(0.0f)); /* vector variants rest on it */
    assert_true(rfa_exp2(-150.0f) == 0.0f && rfa_exp2(-149.9f) == 0x1p-149f);
    assert_true(rfa_exp(0.0f) == 1.0f && rfa_exp(-0.0f) == 1.0f);
    assert_true(rfa_sigmoid(0.0f) == 0.5f && rfa_sigmoid(-0.0f) == 0.5f);
    assert_true(rfa_log1p(0.0f) == 0.0f && rfa_log1p(0x1p-149f) == 0x1p-149f);
    float (*const odd_at_zero[])(float) = {rfa_gelu, rfa_silu, rfa_relu};
    for (size_t i = 0; i < sizeof odd_at_zero / sizeof *odd_at_zero; i++) {
        assert_int_equal(rfa_float_bits(odd_at_zero[i](0.0f)), 0);
        assert_int_equal(rfa_float_bits(odd_at_zero[i](-0.0f)), 0x80000000u);
    }
}

/* States that hardly fade collect the errors of 800 decays: with one dt throughout, whose error is the same each time,
 * and with changing ones. */
static void test_slow_decays(void **state)
{
    float largest[2] = {0.0f};
    (void)state;
    for (int i = 0; i < 4000; i++) {
        const float rate = -1e-6f * powf(1e5f, (float)i / 4000.0f);
        for (int vary = 0; vary < 2; vary++) {
            float h = 1.0f;
            double reference = 1.0;
            for (int t = 0; t < 800; t++) {
                float dt = vary ? 0.5f + (float)(t * 617 % 1009) / 1009.0f : 0.5f + (float)(i * 617 % 1009) / 1009.0f;
                h = fmaf(rfa_decay(dt, rate), h, 0.01f);
                reference = exp2((double)dt * (double)rate) * reference + (double)0.01f;
            }
            largest[vary] = fmaxf(largest[vary], (float)fabs((double)h / reference - 1.0));
        }
    }
    printf("800 slow decays: largest relative error %.3g, of changing ones %.3g\n", (double)largest[0],
           (double)largest[1]);
    assert_true(largest[0] < 3e-5f && largest[1] < 5e-6f);
}

static void test_nan(void **state)
{
    (void)state;
    for (size_t i = 0; i < FUNCTIONS; i++)
        assert_true(isnan(functions[i].value(NAN)) && isnan(functions[i].value(-NAN)));
    for (int act = 0; act < RFA_ACT_COUNT; act++)
        assert_true(isnan(rfa_act_value(NAN, (enum rfa_act)act)));
}

/* NaN never wins, of two zeros the first stays. */
static void test_max(void **state)
{
    (void)state;
    assert_true(rfa_max(1.0f, 2.0f) == 2.0f && rfa_max(2.0f, 1.0f) == 2.0f);
    assert_true(rfa_max(1.0f, NAN) == 1.0f && rfa_max(-INFINITY, NAN) == -INFINITY);
    assert_int_equal(rfa_float_bits(rfa_max(-0.0f, 0.0f)), 0x80000000u);
    assert_int_equal(rfa_float_bits(rfa_max(0.0f, -0.0f)), 0);
}

static void test_choice(void **state)
{
    (void)state;
    assert_true(rfa_act_value(-3.0f, RFA_ACT_NONE) == -3.0f && rfa_act_value(-3.0f, RFA_ACT_RELU) == 0.0f);
    assert_true(rfa_act_value(-3.0f, RFA_ACT_GELU) == rfa_gelu(-3.0f));
    assert_true(rfa_act_value(-3.0f, RFA_ACT_SILU) == rfa_silu(-3.0f));
    assert_true(rfa_act_value(-3.0f, RFA_ACT_SIGMOID) == rfa_sigmoid(-3.0f));
    assert_true(rfa_act_value(-3.0f, RFA_ACT_SOFTPLUS) == rfa_softplus(-3.0f));
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[FUNCTIONS + 6];
    if (argc > 1)
        stride = strtoull(argv[1], NULL, 10);
    if (stride == 0) {
        fprintf(stderr, "test_poly: the stride is a number above 0\n");
        return 2;
    }
    size_t count = 0;
    for (; count < FUNCTIONS; count++)
        tests[count] =
            (struct CMUnitTest){functions[count].name, test_bound, NULL, NULL, (void *)(uintptr_t)&functions[count]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_saturation);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_exact);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_slow_decays);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_nan);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_max);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_choice);
    return _cmocka_run_group_tests("poly", tests, count, NULL, NULL);
}
