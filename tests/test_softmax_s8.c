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
    struct guard gx, gq, gw;
    float *x = guard_end(&gx, n * sizeof *x);
    int8_t *got = guard_end(&gq, rfa_row_bytes(n)), *want = guard_end(&gw, rfa_row_bytes(n));
    fill_random(x, n, special == SPECIAL_HUGE ? 1.0f : 20.0f);
    spoil(x, n, special);
    int32_t sum_got = kernel(got, x, n, scale, a_xor), sum_want = rfa_softmax_s8_c(want, x, n, scale, a_xor);
    assert_memory_equal(got, want, rfa_row_bytes(n));
    assert_int_equal(sum_got, sum_want);
    int32_t sum = 0;
    for (size_t i = 0; i < rfa_row_bytes(n); i++)
        sum += (int8_t)((uint8_t)got[i] ^ a_xor);
    assert_int_equal(sum, sum_got);
    if (n && special == SPECIAL_NONE)
        assert_true(sum >= 127);
    if (special == SPECIAL_ALL_MASKED || special == SPECIAL_NAN || special == SPECIAL_INFINITY)
        assert_int_equal(sum, 0);
    guard_free(&gx);
    guard_free(&gq);
    guard_free(&gw);
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
