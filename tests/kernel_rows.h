/* Tests of one kernel against its C row: every row of kernels.def for the slot becomes a CMocka test named slot/isa,
 * skipped where the CPU lacks the bits. Before including, include guard.h and define
 *
 *   KERNEL_SLOT                                  the slot
 *
 * and then write
 *
 *   static void check(rfa_<slot>_t *kernel)      compares with the C row, each time counting one in rows_cases
 *   int main(void) { return run_rows(); } */
#ifndef RFA_TESTS_KERNEL_ROWS_H
#define RFA_TESTS_KERNEL_ROWS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../simd/kernels.h"
#include "guard.h"

#define ROWS_PASTE_(a, b, c) a##b##c
#define ROWS_PASTE(a, b, c)  ROWS_PASTE_(a, b, c)
#define ROWS_TEXT_(a)        #a
#define ROWS_TEXT(a)         ROWS_TEXT_(a)
#define KERNEL_TYPE          ROWS_PASTE(rfa_, KERNEL_SLOT, _t)
#define KERNEL_C             ROWS_PASTE(rfa_, KERNEL_SLOT, _c)

struct kernel_row {
    const char *slot, *isa, *name;
    uint32_t bits;
    KERNEL_TYPE *kernel; /* NULL in rows of another type, so of another slot */
};

static struct kernel_row kernel_rows[] = {
#define KERNEL(slot, isa, bits)                                                                                        \
    {#slot, #isa, #slot "/" #isa, (uint32_t)(bits),                                                                    \
     _Generic(&rfa_##slot##_##isa, KERNEL_TYPE *                                                                       \
              : &rfa_##slot##_##isa, default                                                                           \
              : NULL)},
#include "../simd/kernels.def"
#undef KERNEL
};

static void check(KERNEL_TYPE *kernel);

/* ------------------------------------------------------------------ inputs */

static uint32_t rows_seed, rows_state;
static unsigned rows_cases; /* comparisons with the C row so far */

/* xorshift32. */
static inline uint32_t random_u32(void)
{
    rows_state ^= rows_state << 13;
    rows_state ^= rows_state >> 17;
    rows_state ^= rows_state << 5;
    return rows_state;
}

/* Uniform in [-1, 1). */
static inline float random_f32(void)
{
    return (float)(int32_t)random_u32() * 0x1p-31f;
}

static inline void fill_random(float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = random_f32() * scale;
}

static inline size_t random_size(size_t most)
{
    return random_u32() % (most + 1);
}

/* Any finite bit pattern: all exponents alike, so products overflow and fade away. */
static inline float random_finite_f32(void)
{
    uint32_t bits = random_u32();
    float x;
    if ((bits & 0x7f800000u) == 0x7f800000u)
        bits ^= 0x40000000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Every other time uniform in [-scale, scale); else all least, all largest, the two in turn, all denormal, zeros of
 * both signs, or any finite number. */
static inline void fill_any(float *x, size_t n, float scale)
{
    uint32_t kind = random_u32() % 12;
    for (size_t i = 0; i < n; i++) {
        switch (kind) {
        case 0:
            x[i] = -scale;
            break;
        case 1:
            x[i] = scale;
            break;
        case 2:
            x[i] = i % 2 ? scale : -scale;
            break;
        case 3:
            x[i] = random_f32() * 0x1p-127f;
            break;
        case 4:
            x[i] = i % 3 ? -0.0f : 0.0f;
            break;
        case 5:
            x[i] = random_finite_f32();
            break;
        default:
            x[i] = random_f32() * scale;
        }
    }
}

/* Overwrites about one value in `every` with something that breaks arithmetic. */
static inline void sprinkle_specials(float *x, size_t n, uint32_t every)
{
    static const float specials[] = {INFINITY, -INFINITY, NAN,    0.0f,  -0.0f,   0x1p-140f, -0x1p-149f,
                                     3e38f,    -3e38f,    1e-30f, 88.7f, -103.9f, 20.0f,     1e-12f};
    for (size_t i = 0; i < n; i++)
        if (random_u32() % every == 0)
            x[i] = specials[random_u32() % (sizeof specials / sizeof *specials)];
}

/* ------------------------------------------------------------------ comparison */

/* The same bits, or both NaN. */
static inline bool same_f32(float a, float b)
{
    uint32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y || (isnan(a) && isnan(b));
}

static inline void assert_same_f32(const float *got, const float *want, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!same_f32(got[i], want[i]))
            fail_msg("%s[%zu] is %a, C gives %a (of %zu; seed %u)", what, i, (double)got[i], (double)want[i], n,
                     (unsigned)rows_seed);
}

/* ------------------------------------------------------------------ the group */

enum { ROWS_LEAST_CASES = 3000 };

/* The checks, again and again with other random numbers, in turn with buffers that end and that start at an
 * inaccessible page. */
static void run_row(void **state)
{
    const struct kernel_row *row = *state;
    if ((rfa_cpu_detect() & row->bits) != row->bits)
        skip();
    rows_state = rows_seed;
    rows_cases = 0;
    for (int round = 0; round < 2 || rows_cases < ROWS_LEAST_CASES; round++) {
        guard_at_start = round % 2;
        check(row->kernel);
        assert_true(rows_cases > 0);
    }
    printf("%s: %u cases, inaccessible pages before and after the buffers\n", row->name, rows_cases);
}

static int run_rows(void)
{
    enum { ROWS = sizeof kernel_rows / sizeof *kernel_rows };
    struct CMUnitTest tests[ROWS];
    size_t count = 0;
    const char *seed = getenv("RFA_TEST_SEED");
    rows_seed = seed ? (uint32_t)strtoul(seed, NULL, 10) | 1 : 20240607;
    printf("seed %u (RFA_TEST_SEED sets it)\n", (unsigned)rows_seed);
    for (size_t i = 0; i < ROWS; i++)
        if (kernel_rows[i].kernel && strcmp(kernel_rows[i].slot, ROWS_TEXT(KERNEL_SLOT)) == 0)
            tests[count++] = (struct CMUnitTest){kernel_rows[i].name, run_row, NULL, NULL, &kernel_rows[i]};
    return _cmocka_run_group_tests(ROWS_TEXT(KERNEL_SLOT), tests, count, NULL, NULL);
}

#endif
