#define KERNEL_SLOT max_pool_f32
#include "guard.h"
#include "kernel_rows.h"

/* absent: bit r says that row r is outside the map. */
static void compare(rfa_max_pool_f32_t *kernel, size_t width, size_t c, unsigned absent, bool specials)
{
    rows_cases++;
    struct guard gr[3], gd, gw;
    float *rows[3];
    size_t n = width * c, outs = ((width - 1) / 2 + 1) * c;
    for (size_t r = 0; r < 3; r++) {
        rows[r] = guard_place(&gr[r], n * sizeof(float));
        fill_any(rows[r], n, 5.0f);
        if (specials)
            sprinkle_specials(rows[r], n, 6);
    }
    float *got = guard_place(&gd, outs * sizeof *got), *want = guard_place(&gw, outs * sizeof *want);
    const float *r0 = absent & 1 ? NULL : rows[0], *r1 = absent & 2 ? NULL : rows[1], *r2 = absent & 4 ? NULL : rows[2];
    kernel(got, r0, r1, r2, width, c);
    rfa_max_pool_f32_c(want, r0, r1, r2, width, c);
    assert_same_f32(got, want, outs, "max");
    assert_true(guard_intact(&gd));
    for (size_t r = 0; r < 3; r++)
        guard_free(&gr[r]);
    guard_free(&gd);
    guard_free(&gw);
}

static void check(rfa_max_pool_f32_t *kernel)
{
    static const size_t widths[] = {1, 2, 3, 4, 7, 20}, channels[] = {1, 3, 15, 16, 17, 31, 64, 65};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (size_t j = 0; j < sizeof channels / sizeof *channels; j++)
            for (unsigned absent = 0; absent < 8; absent++)
                for (int specials = 0; specials < 2; specials++)
                    compare(kernel, widths[i], channels[j], absent, specials);
    for (int i = 0; i < 100; i++)
        compare(kernel, 1 + random_size(30), 1 + random_size(80), random_u32() % 8, random_u32() % 2);
}

int main(void)
{
    return run_rows();
}
