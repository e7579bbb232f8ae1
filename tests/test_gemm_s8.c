/* The int8 matrix product: every row of kernels.def against the plain C kernel, bit for bit, with all buffers against
 * guard pages. */
#include "guard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../quant/quant.h"
#include "../simd/kernels.h"

struct row {
    const char *name;
    uint32_t bits;
    const struct rfa_gemm_s8 *kernel; /* NULL: a row of another slot */
};

/* <name>.c beside this file */
extern rfa_gemm_s8_t rfa_gemm_s8_amx_emulated, rfa_gemm_s8_avxvnni_emulated;

/* Only rows of this slot have this type, so only they are referred to. */
#define KERNEL(slot, isa, bits)                                                                                        \
    {#slot "/" #isa, bits, _Generic(&rfa_##slot##_##isa, rfa_gemm_s8_t * : &rfa_##slot##_##isa, default : NULL)},
static const struct row rows[] = {
#include "../simd/kernels.def"
#ifdef RFA_TEST_AMX_EMULATED
    {"gemm_s8/amx, emulated tiles", RFA_CPU_AVX512, &rfa_gemm_s8_amx_emulated},
#endif
#ifdef RFA_TEST_AVXVNNI_EMULATED
    {"gemm_s8/avxvnni, emulated VPDPBUSD", RFA_CPU_AVX2, &rfa_gemm_s8_avxvnni_emulated},
#endif
};
#undef KERNEL

enum { ROWS = sizeof rows / sizeof rows[0] };

/* ------------------------------------------------------------------ inputs */

enum fill {
    FILL_RANDOM,
    FILL_MAX,
    FILL_MIN,
    FILL_OPPOSITE,
    FILL_ALTERNATING,
    FILL_SMALL,
    FILL_NORMAL,
    FILL_PAIR_LIMIT,
    FILL_CHAIN_LIMIT,
    FILL_ONE_SIDED,
    FILL_COUNT
};

struct shape {
    size_t m, n, k;
    enum fill fill;
    enum rfa_act act;
    size_t a_scale_step;
    int32_t a_zero;
    bool bias, residual, relu_last, in_place, at_start;
};

static uint64_t seed = 20240917;

static uint32_t random32(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
    return (uint32_t)(seed >> 33);
}

static float random_float(float scale)
{
    return scale * ((float)(random32() & 0xffff) / 32768.0f - 1.0f);
}

/* Nearly normal, as trained values are. */
static int8_t normal_value(void)
{
    int sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (int)(random32() % 255);
    return (int8_t)(sum / 4 - 127);
}

/* The largest activations, and weights of one sign for a while, of which `most` are just small enough for sums of
 * products to fit 16 bits, and a few are not. */
static int8_t limit_value(size_t i, bool weight, int8_t most)
{
    if (!weight)
        return random32() & 7 ? 127 : -127;
    int8_t magnitude = random32() % 64 ? most : (int8_t)(most + 1);
    return i / 24 & 1 ? magnitude : (int8_t)-magnitude;
}

/* Activations as GELU leaves them: most near the lower end of the range, a few far above. */
static int8_t one_sided_value(void)
{
    return (int8_t)(random32() % 50 ? -127 + (int)(random32() % 60) : 127);
}

static int8_t value(enum fill fill, size_t i, bool weight)
{
    switch (fill) {
    case FILL_MAX:
        return 127;
    case FILL_MIN:
        return -127;
    case FILL_OPPOSITE:
        return weight ? -127 : 127;
    case FILL_ALTERNATING:
        return (i & 1) ? -127 : 127;
    case FILL_SMALL:
        return (int8_t)((int)(random32() % 3) - 1);
    case FILL_NORMAL:
        return normal_value();
    case FILL_PAIR_LIMIT: /* 254 * (64 + 65) < 2^15 */
        return limit_value(i, weight, random32() & 1 ? 64 : 65);
    case FILL_CHAIN_LIMIT: /* 127 * 6 * 43 < 2^15 */
        return limit_value(i, weight, 43);
    case FILL_ONE_SIDED:
        return weight ? normal_value() : one_sided_value();
    default:
        return (int8_t)((int)(random32() % 255) - 127);
    }
}

/* Every buffer of one product, each in pages of its own. */
struct buffers {
    struct guard a, a_scale, w, w_scale, w_sum, bias, residual, dst, scratch;
    struct rfa_gemm_s8_args args;
};

static void *reserve(struct guard *g, size_t bytes, bool at_start)
{
    return at_start ? guard_start(g, bytes) : guard_end(g, bytes);
}

static void fill_weights(struct buffers *b, const struct shape *s)
{
    size_t panels = (s->n + 15) / 16;
    int8_t *w = reserve(&b->w, rfa_panel_bytes(s->n, s->k), s->at_start);
    int32_t *w_sum = reserve(&b->w_sum, panels * 16 * sizeof *w_sum, s->at_start);
    float *w_scale = reserve(&b->w_scale, panels * 16 * sizeof *w_scale, s->at_start);
    float *bias = reserve(&b->bias, panels * 16 * sizeof *bias, s->at_start);
    memset(w, 0, rfa_panel_bytes(s->n, s->k));
    for (size_t n = 0; n < panels * 16; n++) {
        w_sum[n] = 0;
        w_scale[n] = n < s->n ? random_float(0.01f) : 0.0f;
        bias[n] = n < s->n ? random_float(2.0f) : 0.0f;
        for (size_t k = 0; k < s->k && n < s->n; k++) {
            int8_t x = value(s->fill, n + k, true);
            w[rfa_panel_index(n, k, s->k)] = x;
            w_sum[n] += x;
        }
    }
    b->args.w = w;
    b->args.w_sum = w_sum;
    b->args.w_scale = w_scale;
    b->args.bias = s->bias ? bias : NULL;
}

static void fill_rows(struct buffers *b, const struct shape *s)
{
    size_t scales = s->a_scale_step ? s->m : 1;
    float *a_scale = reserve(&b->a_scale, scales * sizeof *a_scale, s->at_start);
    for (size_t m = 0; m < scales; m++)
        a_scale[m] = m == 3 ? NAN : m == 5 ? 0.0f : m == 7 ? 1e36f : random_float(0.05f);
    b->args.a_stride = rfa_row_bytes(s->k) + (s->in_place ? 64 : 0);
    int8_t *a = reserve(&b->a, s->m * b->args.a_stride, s->at_start);
    memset(a, 0, s->m * b->args.a_stride);
    for (size_t m = 0; m < s->m; m++)
        for (size_t k = 0; k < s->k; k++)
            a[m * b->args.a_stride + k] = value(s->fill, m + k, false);
    b->args.a = a;
    b->args.a_scale = a_scale;
    b->args.a_scale_step = s->a_scale_step;
    b->args.a_zero = s->a_zero;
}

/* The last row of a strided matrix ends with its last column: nothing beyond may be touched. */
static size_t matrix_bytes(size_t m, size_t n, size_t stride)
{
    return m && n ? ((m - 1) * stride + n) * sizeof(float) : 0;
}

static void fill_outputs(struct buffers *b, const struct shape *s)
{
    b->args.dst_stride = s->n + (s->in_place ? 3 : 0);
    b->args.residual_stride = s->in_place ? b->args.dst_stride : s->n + 1;
    b->args.dst = reserve(&b->dst, matrix_bytes(s->m, s->n, b->args.dst_stride), s->at_start);
    float *residual = reserve(&b->residual, matrix_bytes(s->m, s->n, b->args.residual_stride), s->at_start);
    for (size_t i = 0; i < matrix_bytes(s->m, s->n, b->args.residual_stride) / sizeof *residual; i++)
        residual[i] = random_float(3.0f);
    if (s->in_place)
        memcpy(b->args.dst, residual, matrix_bytes(s->m, s->n, b->args.dst_stride));
    b->args.residual = !s->residual ? NULL : s->in_place ? b->args.dst : residual;
}

static void open_buffers(struct buffers *b, const struct shape *s)
{
    fill_weights(b, s);
    fill_rows(b, s);
    fill_outputs(b, s);
    b->args.m = s->m;
    b->args.n = s->n;
    b->args.k = s->k;
    b->args.act = s->act;
    b->args.relu_last = s->relu_last;
}

static void close_buffers(struct buffers *b)
{
    struct guard *all[] = {&b->a, &b->a_scale, &b->w, &b->w_scale, &b->w_sum, &b->bias, &b->residual, &b->dst};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_true(guard_intact(all[i]));
        guard_free(all[i]);
    }
}

/* ------------------------------------------------------------------ the comparison */

static void offset(struct buffers *b, uint8_t a_xor)
{
    uint8_t *a = b->a.data;
    for (size_t i = 0; i < b->a.bytes; i++)
        a[i] ^= a_xor;
}

static bool same(float x, float y)
{
    return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
}

static void expect(const struct shape *s, const struct row *row, const float *got, const float *want, size_t stride)
{
    for (size_t m = 0; m < s->m; m++) {
        for (size_t n = 0; n < stride && m * stride + n < matrix_bytes(s->m, s->n, stride) / sizeof *got; n++) {
            size_t i = m * stride + n;
            if (!same(got[i], want[i]))
                fail_msg("%s m %zu n %zu k %zu fill %d act %d bias %d residual %d relu %d: [%zu][%zu] is %a, plain C "
                         "gives %a",
                         row->name, s->m, s->n, s->k, s->fill, s->act, s->bias, s->residual, s->relu_last, m, n,
                         (double)got[i], (double)want[i]);
        }
    }
}

static void compare(const struct row *row, const struct shape *s)
{
    struct buffers b = {0};
    open_buffers(&b, s);
    size_t bytes = b.dst.bytes;
    float *before = malloc(bytes + 1), *want = malloc(bytes + 1);
    assert_true(before && want);
    memcpy(before, b.args.dst, bytes);
    rfa_gemm_s8_c.run(&b.args);
    memcpy(want, b.args.dst, bytes);
    memcpy(b.args.dst, before, bytes);

    size_t scratch = (row->kernel->scratch_bytes(s->m, s->n, s->k) + 63) / 64 * 64;
    b.args.scratch = guard_end(&b.scratch, scratch);
    offset(&b, row->kernel->a_xor);
    row->kernel->run(&b.args);
    expect(s, row, b.args.dst, want, b.args.dst_stride);
    assert_true(guard_intact(&b.scratch));
    guard_free(&b.scratch);
    close_buffers(&b);
    free(before);
    free(want);
}

/* ------------------------------------------------------------------ cases */

static void try_shape(const struct row *row, size_t m, size_t n, size_t k)
{
    static unsigned turn; /* walks through the other parameters while the sizes change */
    turn++;
    struct shape s = {.m = m, .n = n, .k = k};
    s.fill = (enum fill)(turn % FILL_COUNT);
    s.act = (enum rfa_act)(turn / 2 % RFA_ACT_COUNT);
    s.a_scale_step = turn / 3 % 2;
    s.a_zero = turn / 4 % 3 == 0 ? 0 : turn / 4 % 3 == 1 ? -111 : (int32_t)(random32() % 255) - 127;
    s.bias = turn % 3 != 0;
    s.residual = turn % 5 < 3;
    s.relu_last = turn / 5 % 2;
    s.in_place = turn % 5 == 1;
    s.at_start = turn % 2;
    compare(row, &s);
}

static void sizes(const struct row *row)
{
    const size_t mr = row->kernel->mr;
    const size_t m[] = {0, 1, mr - 1, mr, mr + 1, 2 * mr + 1, 7, 13, 33};
    const size_t n[] = {0, 1, 15, 16, 17, 31, 33, 48, 63, 64, 65, 97, 129};
    const size_t k[] = {1, 2, 3, 4, 5, 7, 17, 63, 64, 65, 67, 127, 131, 257};
    for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
        for (size_t j = 0; j < sizeof n / sizeof n[0]; j++)
            for (size_t l = 0; l < sizeof k / sizeof k[0]; l++)
                try_shape(row, m[i], n[j], k[l]);
    for (int i = 0; i < 1500; i++)
        try_shape(row, random32() % 20, random32() % 80, 1 + random32() % 100);
}

static void fills(const struct row *row)
{
    for (int fill = 0; fill < FILL_COUNT; fill++)
        for (int act = 0; act < RFA_ACT_COUNT; act++) {
            struct shape s = {.m = 2 * row->kernel->mr + 3, .n = 83, .k = 150, .a_scale_step = 1, .bias = true};
            s.fill = (enum fill)fill;
            s.act = (enum rfa_act)act;
            compare(row, &s);
        }
}

/* Long sums: the largest K with the largest products and zero points, and K where blocks of every kernel end. */
static void long_sums(const struct row *row)
{
    const size_t k[] = {1024, 1408, 2047, 4100, RFA_MAX_K};
    for (size_t i = 0; i < sizeof k / sizeof k[0]; i++)
        for (int fill = 0; fill < FILL_COUNT; fill++)
            for (int zero = -127; zero <= 127; zero += 127) {
                struct shape s = {.m = 3, .n = 20, .k = k[i], .fill = (enum fill)fill, .a_zero = zero};
                compare(row, &s);
            }
}

/* Few rows of long sums, whose weights a kernel may take in pieces: one piece, two and a little, several panels. */
static void few_rows(const struct row *row)
{
    const size_t m[] = {1, 6, 7, 19, 30, 31}, k[] = {2560, 2564, 5131};
    for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
        for (size_t j = 0; j < sizeof k / sizeof k[0]; j++) {
            struct shape s = {.m = m[i], .n = 150, .k = k[j], .a_scale_step = 1, .bias = true, .residual = true};
            s.a_zero = j == 1 ? RFA_ZERO_ONE_SIDED : 0;
            s.fill = (enum fill)((i + j) % FILL_COUNT);
            compare(row, &s);
        }
}

/* Many rows: every height that the split into tiles can produce, for few outputs and for so many that a kernel may copy
 * the rows. */
static void many_rows(const struct row *row)
{
    const size_t n[] = {35, 550};
    for (size_t m = 34; m < 100; m += 3) {
        struct shape s = {.m = m, .n = n[m % 2], .k = 70, .a_scale_step = 1, .a_zero = RFA_ZERO_ONE_SIDED};
        s.residual = true;
        s.relu_last = m % 4 < 2;
        compare(row, &s);
    }
    const size_t most[] = {row->kernel->mc, 301}; /* a whole block of rows, and three of even height */
    for (size_t i = 0; i < 2; i++) {
        struct shape s = {.m = most[i], .n = 67, .k = 131, .a_scale_step = 1, .bias = true};
        compare(row, &s);
    }
    struct shape wide = {
        .m = 100, .n = 516, .k = 8200, .a_scale_step = 1, .bias = true}; /* more rows than a cache takes */
    compare(row, &wide);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    if ((rfa_cpu_detect() & row->bits) != row->bits)
        skip();
    sizes(row);
    fills(row);
    long_sums(row);
    few_rows(row);
    many_rows(row);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0);
    struct CMUnitTest tests[ROWS];
    size_t count = 0, able = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!rows[i].kernel)
            continue;
        able += (rfa_cpu_detect() & rows[i].bits) == rows[i].bits;
        tests[count++] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    }
    printf("seed %llu; this CPU runs %zu of %zu rows of gemm_s8\n", (unsigned long long)seed, able, count);
    return _cmocka_run_group_tests("gemm_s8", tests, count, NULL, NULL);
}
