#define KERNEL_SLOT softmax_s8
#include "guard.h"
#include "kernel_rows.h"

#include "../quant/quant.h"

enum special {
    SPECIAL_NONE,
    SPECIAL_MASK,
    SPECIAL_ALL_MASKED,
    SPECIAL_NAN,
    SPECIAL_INFINITY,
    SPECIAL_HUGE,
    SPECIAL_COUNT
};

static void spoil(float *x, size_t n, enum special special)
{
    for (size_t i = 0; i < n; i++) {
        if (special == SPECIAL_ALL_MASKED || (special == SPECIAL_MASK && random_u32() % 2))
            x[i] = -INFINITY;
        if (special == SPECIAL_HUGE)
            x[i] *= 3e38f;
    }
    if (n && special == SPECIAL_NAN)
        x[random_u32() % n] = NAN;
    if (n && special == SPECIAL_INFINITY)
        x[random_u32() % n] = INFINITY;
}

static void compare(rfa_softmax_s8_t *kernel, size_t n, float scale, enum special special, uint8_t a_xor)
{
    rows_cases++;
    struct guard gx, guards[4];
    int8_t *row[4]; /* high and low of the kernel, high and low of plain C */
    size_t bytes = rfa_row_bytes(n);
    float *x = guard_place(&gx, n * sizeof *x);
    for (int i = 0; i < 4; i++)
        row[i] = guard_place(&guards[i], bytes);
    fill_random(x, n, special == SPECIAL_HUGE ? 1.0f : 20.0f);
    spoil(x, n, special);
    float got = kernel(row[0], row[1], x, n, scale, a_xor), want = rfa_softmax_s8_c(row[2], row[3], x, n, scale, a_xor);
    assert_memory_equal(row[0], row[2], bytes);
    assert_memory_equal(row[1], row[3], bytes);
    assert_true(got == want);
    int32_t sum = 0;
    for (size_t i = 0; i < bytes; i++) {
        int high = (int8_t)((uint8_t)row[0][i] ^ a_xor), low = (int8_t)((uint8_t)row[1][i] ^ a_xor);
        assert_in_range(high, 0, 127);
        assert_in_range(low + 64, 0, 128);
        sum += 128 * high + low;
    }
    assert_true((float)sum == got);
    if (n && special == SPECIAL_NONE)
        assert_true(sum >= 16256);
    if (special == SPECIAL_ALL_MASKED || special == SPECIAL_NAN || special == SPECIAL_INFINITY)
        assert_int_equal(sum, 0);
    guard_free(&gx);
    for (int i = 0; i < 4; i++)
        guard_free(&guards[i]);
}

static void check(rfa_softmax_s8_t *kernel)
{
    static const float scales[] = {0.0f, 0x1p-149f, 0.05f, 0.125f, 4.0f};
    for (size_t n = 0; n < 270; n = n < 70 ? n + 1 : n + 11)
        for (size_t j = 0; j < sizeof scales / sizeof *scales; j++)
            for (int special = 0; special < SPECIAL_COUNT; special++)
                compare(kernel, n, scales[j], (enum special)special, n & 1 ? 0x80 : 0);
}

int main(void)
{
    return run_rows();
}
