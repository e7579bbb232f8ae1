#define KERNEL_SLOT retrieve_f32
#include "guard.h"
#include "kernel_rows.h"

enum inputs { PLAIN, TIES, SPECIALS, ALL_NAN, INPUTS };

/* Fills unit-like rows; TIES repeats rows, so that equal cosines meet. */
static void fill(float *x, size_t rows, size_t stride, size_t k, enum inputs inputs)
{
    fill_any(x, rows ? (rows - 1) * stride + k : 0, 1.0f);
    for (size_t r = 0; r < rows; r++) {
        if (inputs == TIES && r > 0)
            memcpy(x + r * stride, x + random_u32() % r * stride, k * sizeof *x);
        if (inputs == SPECIALS)
            sprinkle_specials(x + r * stride, k, 3 * (uint32_t)k);
        if (inputs == ALL_NAN)
            x[r * stride] = NAN;
    }
}

static void compare(rfa_retrieve_f32_t *kernel, size_t m, size_t n, size_t k, size_t out_stride, enum inputs inputs)
{
    rows_cases++;
    struct guard gq, gt, gi, gm;
    size_t stride = k + 5, outs = m ? (m - 1) * out_stride + 1 : 0;
    float *query = guard_place(&gq, (m ? (m - 1) * stride + k : 0) * sizeof *query);
    float *token = guard_place(&gt, ((n - 1) * stride + k) * sizeof *token);
    int32_t *index = guard_place(&gi, outs * sizeof *index), *want_index = malloc((outs + 1) * sizeof *want_index);
    float *margin = guard_place(&gm, outs * sizeof *margin), *want_margin = malloc((outs + 1) * sizeof *want_margin);
    assert_true(want_index && want_margin);
    fill(query, m, stride, k, inputs);
    fill(token, n, stride, k, inputs);
    memcpy(want_index, index, outs * sizeof *index);
    memcpy(want_margin, margin, outs * sizeof *margin);
    struct rfa_retrieve_args args = {.index = index,
                                     .margin = margin,
                                     .out_stride = out_stride,
                                     .query = query,
                                     .token = token,
                                     .query_stride = stride,
                                     .token_stride = stride,
                                     .m = m,
                                     .n = n,
                                     .k = k};
    kernel(&args);
    args.index = want_index;
    args.margin = want_margin;
    rfa_retrieve_f32_c(&args);
    assert_memory_equal(index, want_index, outs * sizeof *index);
    assert_same_f32(margin, want_margin, outs, "margin");
    assert_true(guard_intact(&gi) && guard_intact(&gm));
    guard_free(&gq);
    guard_free(&gt);
    guard_free(&gi);
    guard_free(&gm);
    free(want_index);
    free(want_margin);
}

/* Answers known beforehand: a tie, a zero vector, a NaN on either side, a single token. */
static void check_known(rfa_retrieve_f32_t *kernel)
{
    enum { K = 16, TOKENS = 5, QUERIES = 4 };
    static const int32_t want_index[QUERIES] = {1, 3, 0, 0};
    static const float want_margin[QUERIES] = {0.0f, 0.75f, 0.0f, NAN};
    float token[TOKENS][K] = {{0}}, query[QUERIES][K] = {{0}}, margin[QUERIES];
    int32_t index[QUERIES];
    token[1][5] = token[2][5] = 1.0f; /* token 0 is a zero vector, 1 and 2 are equal */
    token[3][9] = 1.0f;
    token[4][9] = NAN;
    query[0][5] = 1.0f;
    query[1][9] = 0.75f; /* query 2 is a zero vector: every cosine is 0, the lowest index wins */
    query[3][0] = NAN;
    struct rfa_retrieve_args args = {.index = index,
                                     .margin = margin,
                                     .out_stride = 1,
                                     .query = query[0],
                                     .token = token[0],
                                     .query_stride = K,
                                     .token_stride = K,
                                     .m = QUERIES,
                                     .n = TOKENS,
                                     .k = K};
    kernel(&args);
    assert_memory_equal(index, want_index, sizeof index);
    assert_same_f32(margin, want_margin, QUERIES, "known margin");
    args.n = 1;
    args.m = 1;
    kernel(&args);
    assert_true(index[0] == 0 && margin[0] == INFINITY);
}

static void check(rfa_retrieve_f32_t *kernel)
{
    check_known(kernel);
    static const size_t shapes[][3] = {{0, 3, 5},   {1, 1, 1},     {1, 2, 16},   {2, 3, 17},  {3, 4, 15},
                                       {4, 5, 31},  {5, 7, 32},    {7, 32, 33},  {8, 33, 48}, {13, 1, 97},
                                       {9, 16, 64}, {23, 11, 101}, {20, 32, 768}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int inputs = 0; inputs < INPUTS; inputs++)
            compare(kernel, shapes[i][0], shapes[i][1], shapes[i][2], 1 + i % 3 * 4, (enum inputs)inputs);
    for (int i = 0; i < 200; i++)
        compare(kernel, random_size(12), 1 + random_size(40), 1 + random_size(100), 1 + random_size(4),
                (enum inputs)(random_u32() % INPUTS));
}

int main(void)
{
    return run_rows();
}
