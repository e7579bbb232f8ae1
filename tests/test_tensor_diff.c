/* How `refatom compare` measures: hand-computed differences, pieces, NaN. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor_diff.h"

static void equal_values(void **state)
{
    (void)state;
    const float a[] = {1.0f, -2.0f, NAN};
    struct rfa_tensor_diff d = {0};
    rfa_tensor_diff_add(&d, RFA_ELEMENT_F32, a, a, 3, 0);
    assert_int_equal(d.values, 3);
    assert_int_equal(d.different, 0);
    assert_true(rfa_tensor_diff_relative(&d) == 0);
}

static void different_values_in_pieces(void **state)
{
    (void)state;
    const float left[] = {3, 4, 0, 0}, right[] = {3, 4, 0, 5};
    struct rfa_tensor_diff d = {0};
    rfa_tensor_diff_add(&d, RFA_ELEMENT_F32, left, right, 2, 0);
    rfa_tensor_diff_add(&d, RFA_ELEMENT_F32, left + 2, right + 2, 2, 2);
    assert_int_equal(d.values, 4);
    assert_int_equal(d.different, 1);
    assert_int_equal(d.first, 3);
    assert_true(d.largest == 5 && d.largest_share == 1);
    assert_true(rfa_tensor_diff_relative(&d) == 1); /* sqrt(25 / 25) */
    assert_true(fabs(rfa_tensor_diff_cosine(&d) - 25 / sqrt(25.0 * 50.0)) < 1e-15);
}

static void signs_of_zero_and_nan(void **state)
{
    (void)state;
    const float left[] = {0.0f, 1.0f}, right[] = {-0.0f, NAN};
    struct rfa_tensor_diff d = {0};
    rfa_tensor_diff_add(&d, RFA_ELEMENT_F32, left, right, 1, 0);
    assert_int_equal(d.different, 1); /* other bits */
    assert_true(d.largest == 0);
    rfa_tensor_diff_add(&d, RFA_ELEMENT_F32, left + 1, right + 1, 1, 1);
    assert_int_equal(d.different, 2);
    assert_true(isinf(d.largest) && isinf(rfa_tensor_diff_relative(&d)));
}

static void whole_numbers(void **state)
{
    (void)state;
    const int32_t left[] = {1 << 30, 7}, right[] = {1 << 30, 9};
    struct rfa_tensor_diff d = {0};
    rfa_tensor_diff_add(&d, RFA_ELEMENT_I32, left, right, 2, 10);
    assert_int_equal(d.different, 1);
    assert_int_equal(d.first, 11);
    assert_true(d.largest == 2);
}

static void int8_rows_with_masks(void **state)
{
    (void)state;
    const uint8_t left[] = {0, 100, 0xff, 0x80}, right[] = {0x80, 228, 0x7f, 0x81}; /* the first three are equal */
    struct rfa_tensor_diff d = {0};
    rfa_tensor_diff_add_s8(&d, left, 0, right, 0x80, 4, 8);
    assert_int_equal(d.values, 4);
    assert_int_equal(d.different, 1); /* -128 and 1 */
    assert_int_equal(d.first, 11);
    assert_true(d.largest == 129);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values),
        cmocka_unit_test(different_values_in_pieces),
        cmocka_unit_test(signs_of_zero_and_nan),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(int8_rows_with_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
