#define KERNEL_SLOT quantize_row
#include "guard.h"
#include "kernel_rows.h"

#include "../quant/quant.h"

static void compare(rfa_quantize_row_t *kernel, size_t n, float scale, uint32_t specials, int zero, uint8_t a_xor)
{
    rows_cases++;
    struct guard gx, gq, gw;
    float *x = guard_place(&gx, n * sizeof *x);
    int8_t *got = guard_place(&gq, rfa_row_bytes(n)), *want = guard_place(&gw, rfa_row_bytes(n));
    fill_random(x, n, scale);
    if (specials)
        sprinkle_specials(x, n, specials);
    float scale_got = kernel(got, x, n, zero, a_xor), scale_want = rfa_quantize_row_c(want, x, n, zero, a_xor);
    if (!same_f32(scale_got, scale_want))
        fail_msg("scale of %zu: %a, C gives %a (seed %u)", n, (double)scale_got, (double)scale_want,
                 (unsigned)rows_seed);
    assert_memory_equal(got, want, rfa_row_bytes(n));
    for (size_t i = n; i < rfa_row_bytes(n); i++)
        assert_int_equal((uint8_t)got[i], (uint8_t)zero ^ a_xor);
    guard_free(&gx);
    guard_free(&gq);
    guard_free(&gw);
}

/* Values whose products are exactly halfway between integers: half to even. */
static void compare_ties(rfa_quantize_row_t *kernel)
{
    rows_cases++;
    float x[256];
    int8_t q[256];
    for (int i = 0; i < 255; i++)
        x[i] = ((float)i - 127.0f) + (i < 254 ? 0.5f : 0.0f);
    x[255] = 127.0f;
    kernel(q, x, 256, 0, 0);
    for (int i = 0; i < 254; i++)
        assert_int_equal(q[i], (i - 127) % 2 ? i - 126 : i - 127);
}

/* What a one-sided row stores is within half a step of the value, its ends take 238 steps above or 16 below, and 0 is
 * exact. */
static void compare_one_sided(rfa_quantize_row_t *kernel, float least, float most)
{
    rows_cases++;
    float x[128];
    int8_t q[128];
    for (int i = 0; i < 128; i++)
        x[i] = least + (most - least) * (float)i / 127.0f;
    x[64] = 0.0f;
    float scale = kernel(q, x, 128, RFA_ZERO_ONE_SIDED, 0);
    assert_float_equal(scale, fmaxf(most / 238.0f, -least / 16.0f), 1e-6f * scale);
    for (int i = 0; i < 128; i++)
        assert_float_equal((float)(q[i] - RFA_ZERO_ONE_SIDED) * scale, x[i], 0.5001f * scale);
    assert_int_equal(q[64], RFA_ZERO_ONE_SIDED);
}

static void check(rfa_quantize_row_t *kernel)
{
    static const float scales[] = {0.0f, 0x1p-149f, 1e-37f, 0x1p-120f, 1.0f, 3.4e38f};
    for (size_t n = 0; n < 200; n = n < 70 ? n + 1 : n + 13)
        for (size_t j = 0; j < sizeof scales / sizeof *scales; j++)
            for (int specials = 0; specials < 2; specials++)
                for (int zero = 0; zero >= RFA_ZERO_ONE_SIDED; zero += RFA_ZERO_ONE_SIDED)
                    compare(kernel, n, scales[j], specials ? 50 : 0, zero, n & 1 ? 0x80 : 0);
    compare(kernel, 1409, 20.0f, 0, 0, 0x80);
    compare(kernel, 1409, 20.0f, 0, RFA_ZERO_ONE_SIDED, 0x80);
    compare_ties(kernel);
    compare_one_sided(kernel, -0.17f, 4.0f);
    compare_one_sided(kernel, -0.17f, 0.3f);
    compare_one_sided(kernel, 0.0f, 1e4f);
    compare_one_sided(kernel, -3.0f, 0.0f);
}

int main(void)
{
    return run_rows();
}
