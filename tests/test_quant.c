/* quant/: rounding, scales, the panel index, the checks of a panel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calibrate.h"
#include "kernels.h"
#include "panel.h"

static uint32_t magnitude_of_row(const float *x, size_t n)
{
    uint32_t a = 0;
    for (size_t i = 0; i < n; i++)
        a = rfa_magnitude(x[i]) > a ? rfa_magnitude(x[i]) : a;
    return a;
}

static void ordinary_rows_use_the_whole_range(void **state)
{
    const float x[] = {0.5f, -2.0f, 1.0f, 0.0f, -0.0f};
    const int8_t want[] = {32, -127, 64, 0, 0}; /* 31.75 and 63.5: half to even */
    float multiplier, scale = rfa_quant_scale(magnitude_of_row(x, 5), &multiplier);
    (void)state;
    assert_true(scale == 2.0f / 127.0f);
    assert_true(multiplier == 63.5f);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rfa_quant_value(x[i], multiplier), want[i]);
}

static void halves_round_to_even(void **state)
{
    (void)state;
    for (int i = -127; i < 127; i++)
        assert_int_equal(rfa_quant_value((float)i + 0.5f, 1.0f), i % 2 == 0 ? i : i + 1);
}

/* No row, however extreme, gives -128 or anything out of range. */
static void the_range_is_never_left(void **state)
{
    uint32_t seed = 1;
    (void)state;
    for (uint32_t i = 0; i < 2000000; i++) {
        float a, multiplier;
        seed = seed * 1664525u + 1013904223u;
        uint32_t bits = seed & 0x7fffffffu;
        memcpy(&a, &bits, sizeof a);
        rfa_quant_scale(bits, &multiplier);
        int q = rfa_quant_value(a, multiplier), minus = rfa_quant_value(-a, multiplier);
        assert_int_equal(q, -minus);
        assert_int_equal(q, multiplier > 0 ? 127 : 0);
    }
}

static void zero_and_tiny_rows_become_zeros(void **state)
{
    float multiplier;
    (void)state;
    assert_true(rfa_quant_scale(0, &multiplier) == 0.0f);
    assert_true(multiplier == 0.0f);
    assert_true(rfa_quant_scale(rfa_magnitude(0x1p-149f), &multiplier) == 0.0f);
    assert_true(multiplier == 0.0f);
    assert_true(rfa_quant_scale(rfa_magnitude(3.74e-37f), &multiplier) > 0.0f);
    assert_true(isfinite(multiplier) && multiplier > 3e38f);
}

static void infinite_and_nan_rows_poison_their_products(void **state)
{
    const float bad[] = {INFINITY, -INFINITY, NAN};
    (void)state;
    for (int i = 0; i < 3; i++) {
        float multiplier, scale = rfa_quant_scale(rfa_magnitude(bad[i]), &multiplier);
        assert_true(isnan(scale));
        assert_int_equal(rfa_quant_value(bad[i], multiplier), 0);
        assert_int_equal(rfa_quant_value(1.0f, multiplier), 0);
    }
}

/* The picture of quant/README.md, written out as four loops. */
static void the_panel_index_walks_the_file_in_order(void **state)
{
    static const size_t sizes[][2] = {{1, 1}, {16, 4}, {17, 5}, {33, 64}, {40, 147}};
    (void)state;
    for (size_t s = 0; s < 5; s++) {
        size_t n = sizes[s][0], k = sizes[s][1], at = 0;
        for (size_t panel = 0; panel < (n + 15) / 16; panel++)
            for (size_t line = 0; line < (k + 3) / 4; line++)
                for (size_t output = 0; output < 16; output++)
                    for (size_t input = 0; input < 4; input++)
                        assert_int_equal(rfa_panel_index(panel * 16 + output, line * 4 + input, k), at++);
        assert_int_equal(rfa_panel_bytes(n, k), at);
    }
}

static void the_largest_k_cannot_overflow(void **state)
{
    (void)state;
    assert_true((int64_t)RFA_MAX_K * 254 * 127 <= INT32_MAX);
    assert_true(((int64_t)RFA_MAX_K + 1) * 254 * 127 > INT32_MAX);
}

/* ------------------------------------------------------------------ panels */

enum { N = 21, K = 7, PANELS = 2, LINES = 2, PANEL = LINES * RFA_LINE };

struct matrix {
    _Alignas(64) int8_t lines[PANELS * PANEL];
    float rows[N * K], scale[PANELS * 16], bias[PANELS * 16];
    int32_t sum[PANELS * 16];
};

static void make(struct matrix *m)
{
    *m = (struct matrix){.bias = {1, 2, 3}};
    for (int i = 0; i < N * K; i++)
        m->rows[i] = (float)((i * 37) % 101 - 50) * 0.01f;
    rfa_pack_rows_s8_c(m->lines, m->scale, m->sum, m->rows, K, N, K);
}

static enum rfa_panel_fault check(const struct matrix *m, size_t *output)
{
    enum rfa_panel_fault fault = RFA_PANEL_GOOD;
    for (size_t i = 0; i < PANELS && fault == RFA_PANEL_GOOD; i++)
        fault = rfa_panel_check(output, m->lines + i * PANEL, m->scale + 16 * i, m->sum + 16 * i, m->bias + 16 * i, i,
                                N, K);
    return fault;
}

static void every_fault_of_a_panel_is_found(void **state)
{
    struct matrix m;
    size_t output;
    (void)state;
    make(&m);
    assert_int_equal(check(&m, &output), RFA_PANEL_GOOD);
    m.lines[rfa_panel_index(20, 6, K)] = -128;
    assert_int_equal(check(&m, &output), RFA_PANEL_RANGE);
    assert_int_equal(output, 20);
    make(&m);
    m.lines[rfa_panel_index(3, 2, K)] ^= 1;
    assert_int_equal(check(&m, &output), RFA_PANEL_SUM);
    assert_int_equal(output, 3);
    make(&m);
    m.lines[rfa_panel_index(5, 7, K)] = 1; /* beyond K */
    assert_int_equal(check(&m, &output), RFA_PANEL_PADDING);
    assert_int_equal(output, 5);
    make(&m);
    m.lines[rfa_panel_index(N, 0, K)] = 1; /* beyond N */
    assert_int_equal(check(&m, &output), RFA_PANEL_PADDING);
    assert_int_equal(output, N);
    make(&m);
    m.scale[N] = 1.0f;
    assert_int_equal(check(&m, &output), RFA_PANEL_PADDING);
    make(&m);
    m.bias[31] = 1.0f;
    assert_int_equal(check(&m, &output), RFA_PANEL_PADDING);
    make(&m);
    m.scale[0] = NAN;
    assert_int_equal(check(&m, &output), RFA_PANEL_SCALE);
    m.scale[0] = -1.0f;
    assert_int_equal(check(&m, &output), RFA_PANEL_SCALE);
}

static void the_error_of_a_panel_is_what_rounding_lost(void **state)
{
    struct matrix m;
    struct rfa_error whole = {0, 0}, by_hand = {0, 0};
    (void)state;
    make(&m);
    rfa_panel_error(&whole, m.lines, m.scale, m.rows, K, 16, K);
    rfa_panel_error(&whole, m.lines + PANEL, m.scale + 16, m.rows + 16 * K, K, N - 16, K);
    for (size_t n = 0; n < N; n++)
        for (size_t k = 0; k < K; k++) {
            float x = m.rows[n * K + k], d = x - (float)m.lines[rfa_panel_index(n, k, K)] * m.scale[n];
            by_hand.square += (double)d * (double)d;
            by_hand.reference += (double)x * (double)x;
        }
    assert_true(fabs(rfa_error_rms(&whole) / rfa_error_rms(&by_hand) - 1) < 1e-12);
    assert_true(rfa_error_rms(&whole) > 1e-4 && rfa_error_rms(&whole) < 0.01);
}

static void the_error_of_nothing_is_none(void **state)
{
    (void)state;
    assert_true(rfa_error_rms(&(struct rfa_error){0, 0}) == 0);
    assert_true(rfa_error_rms(&(struct rfa_error){1, 0}) == (double)INFINITY);
}

/* ------------------------------------------------------------------ calibration */

enum { ROWS = 8, OUTPUTS = 12, INPUTS = 96, OUTLIER = 40 };

struct product {
    float x[ROWS * INPUTS], w[OUTPUTS * INPUTS], x_max[INPUTS], w_max[INPUTS], factor[INPUTS];
    float work[(ROWS + INPUTS) + ((ROWS + 1) * INPUTS + 3) / 4];
    struct rfa_product as;
};

/* One input channel is a hundred times larger than the others, and its weights smaller, as trained transformers have
 * them. */
static void make_product(struct product *p)
{
    uint32_t seed = 5;
    *p = (struct product){.as = {.rows = ROWS, .n = OUTPUTS, .k = INPUTS}};
    p->as.x = p->x;
    p->as.w = p->w;
    for (size_t i = 0; i < (ROWS + OUTPUTS) * INPUTS; i++) {
        seed = seed * 1664525u + 1013904223u;
        float value = (float)(int32_t)seed * 0x1p-31f, large = i % INPUTS == OUTLIER ? 100.0f : 1.0f;
        if (i < ROWS * INPUTS)
            p->x[i] = value * large;
        else
            p->w[i - ROWS * INPUTS] = value / large;
    }
    rfa_column_max(p->x_max, p->x, ROWS, INPUTS);
    rfa_column_max(p->w_max, p->w, OUTPUTS, INPUTS);
}

static double error_with(struct product *p, const float *factor)
{
    struct rfa_error e = {0, 0};
    assert_true(rfa_product_work(ROWS, INPUTS) <= sizeof p->work);
    rfa_product_error(&e, &p->as, factor, p->work);
    return rfa_error_rms(&e);
}

static void factors_save_a_product_with_an_outlier(void **state)
{
    struct product p;
    (void)state;
    make_product(&p);
    double before = error_with(&p, NULL);
    rfa_smooth_factors(p.factor, p.x_max, p.w_max, INPUTS, 0.5f);
    double after = error_with(&p, p.factor);
    assert_true(before > 0.05 && before < 2);
    assert_true(after < 0.02 && after > 1e-4);
    assert_true(p.factor[OUTLIER] > 20 * p.factor[OUTLIER + 1]);
}

static void factors_of_one_change_nothing(void **state)
{
    struct product p;
    (void)state;
    make_product(&p);
    for (size_t j = 0; j < INPUTS; j++)
        p.factor[j] = 1.0f;
    assert_true(error_with(&p, p.factor) == error_with(&p, NULL));
}

/* What the formula says, but for the common divisor. */
static void factors_follow_their_formula(void **state)
{
    const float x_max[] = {4, 1, 16}, w_max[] = {1, 4, 0.25f};
    float factor[3];
    (void)state;
    rfa_smooth_factors(factor, x_max, w_max, 3, 0.5f);
    assert_true(fabsf(factor[0] / factor[1] - 4.0f) < 1e-5f);
    assert_true(fabsf(factor[2] / factor[0] - 4.0f) < 1e-5f);
    assert_true(fabsf(factor[0] * factor[1] * factor[2] - 1.0f) < 1e-5f);
    rfa_smooth_factors(factor, x_max, w_max, 3, 1.0f);
    assert_true(fabsf(factor[0] / factor[1] - 4.0f) < 1e-5f);
    rfa_smooth_factors(factor, x_max, w_max, 3, 0.0f);
    assert_true(fabsf(factor[0] / factor[1] - 4.0f) < 1e-5f);
}

static void unusable_channels_keep_the_factor_one(void **state)
{
    const float x_max[] = {0, 1, INFINITY, 2, 1e30f}, w_max[] = {1, 0, 1, 3, 1e-30f};
    float factor[5], x[] = {NAN, 1, -2, 0.5f}, largest[] = {0, 0};
    (void)state;
    rfa_smooth_factors(factor, x_max, w_max, 5, 0.5f);
    assert_true(factor[0] == 1.0f && factor[1] == 1.0f && factor[2] == 1.0f);
    assert_true(factor[3] >= 1.0f / 1025 && factor[4] <= 1025.0f);
    rfa_column_max(largest, x, 2, 2);
    assert_true(largest[0] == INFINITY && largest[1] == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_rows_use_the_whole_range),
        cmocka_unit_test(halves_round_to_even),
        cmocka_unit_test(the_range_is_never_left),
        cmocka_unit_test(zero_and_tiny_rows_become_zeros),
        cmocka_unit_test(infinite_and_nan_rows_poison_their_products),
        cmocka_unit_test(the_panel_index_walks_the_file_in_order),
        cmocka_unit_test(the_largest_k_cannot_overflow),
        cmocka_unit_test(every_fault_of_a_panel_is_found),
        cmocka_unit_test(the_error_of_a_panel_is_what_rounding_lost),
        cmocka_unit_test(the_error_of_nothing_is_none),
        cmocka_unit_test(factors_save_a_product_with_an_outlier),
        cmocka_unit_test(factors_of_one_change_nothing),
        cmocka_unit_test(factors_follow_their_formula),
        cmocka_unit_test(unusable_channels_keep_the_factor_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
