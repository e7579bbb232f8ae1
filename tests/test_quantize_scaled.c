#define KERNEL_SLOT quantize_scaled
#include "guard.h"
#include "kernel_rows.h"

#include "../quant/quant.h"

static void compare(rfa_quantize_scaled_t *kernel, size_t n, float scale, float multiplier, bool specials, int zero,
                    uint8_t a_xor)
{
    rows_cases++;
    struct guard gx, gq, gw;
    float *x = guard_place(&gx, n * sizeof *x);
    int8_t *got = guard_place(&gq, rfa_row_bytes(n)), *want = guard_place(&gw, rfa_row_bytes(n));
    fill_random(x, n, scale);
    if (specials)
        sprinkle_specials(x, n, 5);
    kernel(got, x, n, multiplier, zero, a_xor);
    rfa_quantize_scaled_c(want, x, n, multiplier, zero, a_xor);
    assert_memory_equal(got, want, rfa_row_bytes(n));
    for (size_t i = n; i < rfa_row_bytes(n); i++)
        assert_int_equal((uint8_t)got[i], (uint8_t)zero ^ a_xor);
    guard_free(&gx);
    guard_free(&gq);
    guard_free(&gw);
}

/* Every half integer around the range, and its neighbours. */
static void compare_edges(rfa_quantize_scaled_t *kernel, int zero)
{
    rows_cases++;
    enum { N = 3 * 540 };
    float x[N];
    int8_t got[N + 64], want[N + 64];
    for (int i = 0; i < N; i += 3) {
        x[i] = 0.5f * (float)(i / 3) - 135.0f - (float)zero;
        x[i + 1] = nextafterf(x[i], 1e9f);
        x[i + 2] = nextafterf(x[i], -1e9f);
    }
    kernel(got, x, N, 1.0f, zero, 0);
    rfa_quantize_scaled_c(want, x, N, 1.0f, zero, 0);
    assert_memory_equal(got, want, N);
}

static void check(rfa_quantize_scaled_t *kernel)
{
    static const float multipliers[] = {0.0f, 1.0f, 127.0f, 128.5f, 1e30f};
    for (size_t n = 0; n < 200; n = n < 70 ? n + 1 : n + 13)
        for (size_t j = 0; j < sizeof multipliers / sizeof *multipliers; j++)
            for (int specials = 0; specials < 2; specials++)
                for (int zero = 0; zero >= RFA_ZERO_ONE_SIDED; zero += RFA_ZERO_ONE_SIDED)
                    compare(kernel, n, 1.0f, multipliers[j], specials, zero, n & 1 ? 0x80 : 0);
    compare_edges(kernel, 0);
    compare_edges(kernel, RFA_ZERO_ONE_SIDED);
}

int main(void)
{
    return run_rows();
}
