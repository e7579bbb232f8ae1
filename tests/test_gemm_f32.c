#define KERNEL_SLOT gemm_f32
#include "guard.h"
#include "kernel_rows.h"

struct shape {
    size_t m, n, k, gap; /* gap: floats between rows, which nothing may touch or depend on */
    bool bias, residual, in_place;
    enum rfa_act act;
    uint32_t specials;
};

enum { A, W, BIAS, RESIDUAL, GOT, WANT, BUFFERS };

static size_t floats(size_t rows, size_t columns, size_t gap)
{
    return rows ? rows * columns + (rows - 1) * gap : 0;
}

static void compare(rfa_gemm_f32_t *kernel, const struct shape *s)
{
    rows_cases++;
    struct guard g[BUFFERS];
    const size_t count[BUFFERS] = {floats(s->m, s->k, s->gap), floats(s->n, s->k, s->gap), s->n,
                                   floats(s->m, s->n, s->gap), floats(s->m, s->n, s->gap), floats(s->m, s->n, s->gap)};
    float *p[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        p[i] = guard_place(&g[i], count[i] * sizeof(float));
        if (i < GOT)
            fill_any(p[i], count[i], 2.0f);
        if (i < GOT && s->specials)
            sprinkle_specials(p[i], count[i], s->specials);
    }
    if (s->in_place) {
        memcpy(p[GOT], p[RESIDUAL], count[RESIDUAL] * sizeof(float));
        memcpy(p[WANT], p[RESIDUAL], count[RESIDUAL] * sizeof(float));
    }
    struct rfa_gemm_f32_args args = {.dst = p[GOT],
                                     .dst_stride = s->n + s->gap,
                                     .a = p[A],
                                     .a_stride = s->k + s->gap,
                                     .w = p[W],
                                     .w_stride = s->k + s->gap,
                                     .bias = s->bias ? p[BIAS] : NULL,
                                     .residual = s->in_place   ? p[GOT]
                                                 : s->residual ? p[RESIDUAL]
                                                               : NULL,
                                     .residual_stride = s->n + s->gap,
                                     .m = s->m,
                                     .n = s->n,
                                     .k = s->k,
                                     .act = s->act};
    kernel(&args);
    args.dst = p[WANT];
    args.residual = s->in_place ? p[WANT] : args.residual;
    rfa_gemm_f32_c(&args);
    assert_same_f32(p[GOT], p[WANT], count[GOT], "gemm");
    for (int i = 0; i < BUFFERS; i++) {
        assert_true(guard_intact(&g[i]));
        guard_free(&g[i]);
    }
}

/* Products too small for a float: their sums are -0, to which the zeros that fill the last 16 add up to +0. */
static void check_underflow(rfa_gemm_f32_t *kernel, size_t k)
{
    float a[48], w[48], got = 1.0f, want = 1.0f;
    assert_in_range(k, 1, 48);
    for (size_t i = 0; i < k; i++) {
        a[i] = -1e-30f;
        w[i] = 1e-30f;
    }
    struct rfa_gemm_f32_args args = {
        .dst = &got, .dst_stride = 1, .a = a, .a_stride = k, .w = w, .w_stride = k, .m = 1, .n = 1, .k = k};
    kernel(&args);
    args.dst = &want;
    rfa_gemm_f32_c(&args);
    assert_same_f32(&got, &want, 1, "underflow");
}

static void check(rfa_gemm_f32_t *kernel)
{
    for (size_t k = 1; k <= 48; k++)
        check_underflow(kernel, k);
    static const size_t ms[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13}, ks[] = {1, 7, 8, 9, 15, 16, 17, 31, 40, 64, 89};
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        for (size_t j = 0; j < sizeof ms / sizeof *ms; j++)
            for (size_t l = 0; l < sizeof ks / sizeof *ks; l++) {
                uint32_t r = random_u32();
                compare(kernel, &(struct shape){.m = ms[i],
                                                .n = ms[j],
                                                .k = ks[l],
                                                .gap = r >> 1 & 1 ? 3 : 0,
                                                .bias = r >> 2 & 1,
                                                .residual = r >> 3 & 1,
                                                .in_place = r >> 4 & 1,
                                                .act = (enum rfa_act)((r >> 5) % RFA_ACT_COUNT),
                                                .specials = r & 1 ? 50 : 0});
            }
    compare(kernel, &(struct shape){.m = 5, .n = 61, .k = 1409, .bias = true}); /* more than one block of weights */
    compare(kernel, &(struct shape){.m = 67, .n = 13, .k = 833, .gap = 1});     /* chunks of k, the last one shorter */
    compare(kernel, &(struct shape){.m = 33, .n = 7, .k = 1669, .residual = true, .act = RFA_ACT_GELU});
    compare(kernel, &(struct shape){.m = 81, .n = 20, .k = 832, .bias = true}); /* more than one block of rows */
    compare(kernel, &(struct shape){.m = 2, .n = 5, .k = 70001, .residual = true});
    for (int i = 0; i < 200; i++) {
        uint32_t r = random_u32();
        compare(kernel, &(struct shape){.m = random_size(20),
                                        .n = random_size(30),
                                        .k = 1 + random_size(100),
                                        .gap = random_size(3),
                                        .bias = r & 1,
                                        .residual = r & 2,
                                        .in_place = r & 4,
                                        .act = (enum rfa_act)((r >> 3) % RFA_ACT_COUNT),
                                        .specials = r & 8 ? 50 : 0});
    }
}

int main(void)
{
    return run_rows();
}
