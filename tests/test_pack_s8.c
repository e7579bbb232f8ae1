/* pack_rows_s8 and pack_cols_s8: every row of kernels.def against plain C, all buffers against guard pages. */
#include "guard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "kernels.h"
#include "quant.h"

typedef void pack_t(int8_t *, float *, int32_t *, const float *, size_t, size_t, size_t);

struct row {
    const char *name;
    uint32_t bits;
    pack_t *kernel; /* NULL: a row of another type */
};

#define KERNEL(slot, isa, bits)                                                                                        \
    {#slot "/" #isa, bits, _Generic(&rfa_##slot##_##isa, pack_t * : &rfa_##slot##_##isa, default : NULL)},
static const struct row rows[] = {
#include "kernels.def"
};
#undef KERNEL

enum { ROWS = sizeof rows / sizeof rows[0] };

static uint64_t seed = 99;

static float random_value(int fill, size_t i)
{
    static const uint32_t special[] = {0x7f800000, 0xff800000, 0x7fc00000, 0x00000001,
                                       0x80000000, 0x7f7fffff, 0x00800000, 0};
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint32_t r = (uint32_t)(seed >> 32);
    float x = ldexpf((float)(int32_t)r, -31 + (int)(r % 40) - 20);
    if (fill == 1 && r % 50 == 0)
        memcpy(&x, &special[i % 8], sizeof x);
    return fill == 2 ? 0.0f : fill == 3 ? ldexpf((float)(int32_t)r, -150 - 20) : x;
}

struct packed {
    struct guard w, scale, sum;
    size_t w_bytes, padded;
};

static void pack(struct packed *p, pack_t *kernel, const float *x, size_t stride, size_t n, size_t k)
{
    p->w_bytes = rfa_panel_bytes(n, k);
    p->padded = (n + 15) / 16 * 16;
    int8_t *w = guard_place(&p->w, p->w_bytes);
    float *scale = guard_place(&p->scale, p->padded * sizeof *scale);
    int32_t *sum = guard_place(&p->sum, p->padded * sizeof *sum);
    kernel(w, scale, sum, x, stride, n, k);
    assert_true(guard_intact(&p->w) && guard_intact(&p->scale) && guard_intact(&p->sum));
}

static void release(struct packed *p)
{
    guard_free(&p->w);
    guard_free(&p->scale);
    guard_free(&p->sum);
}

static bool same_scales(const struct packed *a, const struct packed *b)
{
    const float *x = (const void *)a->scale.data, *y = (const void *)b->scale.data;
    for (size_t i = 0; i < a->padded; i++)
        if (memcmp(&x[i], &y[i], sizeof *x) != 0 && !(isnan(x[i]) && isnan(y[i])))
            return false;
    return true;
}

/* `lead` rows of `wide` values each. */
static void compare(pack_t *kernel, pack_t *reference, size_t lead, size_t wide, size_t n, size_t k, int fill)
{
    struct guard source;
    struct packed got, want;
    size_t stride = wide + (n % 3), values = (lead - 1) * stride + wide;
    float *x = guard_place(&source, values * sizeof *x);
    for (size_t i = 0; i < values; i++)
        x[i] = random_value(fill, i);
    pack(&got, kernel, x, stride, n, k);
    pack(&want, reference, x, stride, n, k);
    assert_memory_equal(got.w.data, want.w.data, got.w_bytes);
    assert_memory_equal(got.sum.data, want.sum.data, got.padded * sizeof(int32_t));
    assert_true(same_scales(&got, &want));
    release(&got);
    release(&want);
    guard_free(&source);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    static const size_t sizes[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, 88, 257};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    bool of_rows = strncmp(row->name, "pack_rows", 9) == 0;
    if ((rfa_cpu_detect() & row->bits) != row->bits)
        skip();
    for (int round = 0; round < 4; round++) {
        guard_at_start = round % 2; /* buffers that end and that start at a guard page */
        for (size_t i = 0; i < SIZES * SIZES * 4; i++) {
            size_t n = sizes[i / 4 / SIZES], k = sizes[i / 4 % SIZES];
            compare(row->kernel, of_rows ? rfa_pack_rows_s8_c : rfa_pack_cols_s8_c, of_rows ? n : k, of_rows ? k : n, n,
                    k, (int)(i % 4));
        }
    }
}

/* The plain kernels against the definition: an entry, its scale, the padding. */
static void test_definition(void **state)
{
    enum { N = 17, K = 6 };
    float x[N * K];
    _Alignas(64) int8_t w[32 * 8];
    float scale[32];
    int32_t sum[32];
    (void)state;
    for (int i = 0; i < N * K; i++)
        x[i] = (float)(i % 13) - 6.0f;
    rfa_pack_rows_s8_c(w, scale, sum, x, K, N, K);
    for (size_t n = 0; n < N; n++) {
        float a = 0;
        int32_t total = 0;
        for (size_t k = 0; k < K; k++)
            a = fmaxf(a, fabsf(x[n * K + k]));
        for (size_t k = 0; k < K; k++) {
            int8_t q = (int8_t)rintf(x[n * K + k] * (127.0f / a));
            assert_int_equal(w[((n / 16 * 2 + k / 4) * 16 + n % 16) * 4 + k % 4], q);
            total += q;
        }
        assert_true(scale[n] == a / 127.0f);
        assert_int_equal(sum[n], total);
    }
    assert_true(scale[17] == 0.0f && sum[31] == 0 && w[(2 * 16 + 1) * 4] == 0);
}

int main(void)
{
    struct CMUnitTest tests[ROWS + 1] = {cmocka_unit_test(test_definition)};
    size_t count = 1;
    const char *wanted = getenv("RFA_TEST_SEED");
    seed = wanted ? strtoull(wanted, NULL, 10) : seed;
    printf("seed %llu (RFA_TEST_SEED sets it)\n", (unsigned long long)seed);
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kernel)
            tests[count++] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return _cmocka_run_group_tests("pack_s8", tests, count, NULL, NULL);
}
