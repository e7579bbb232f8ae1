/* Image preparation: against resizes by Pillow and torch (data/resize.bin, written by compare_resize.py --goldens), and
 * the rules around the resize. */
#include "guard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../src/image.h"

static struct rfa_kernels kernels;

/* ------------------------------------------------------------------ inputs */

struct picture {
    int32_t method, filter, width, height, out_width, out_height; /* as in the file */
};

/* The bytes that compare_resize.py makes: the top bytes of a linear congruential sequence. */
static void fill_pixels(uint8_t *rgb, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        rgb[i] = (uint8_t)(seed >> 24);
    }
}

static uint32_t seed_of(const struct picture *p)
{
    return (uint32_t)(p->width * 1000 + p->height);
}

static struct rfa_preprocess preprocess_of(const struct picture *p)
{
    return (struct rfa_preprocess){
        .filter = (enum rfa_filter)p->filter, .resize = (enum rfa_resize_method)p->method, .std = {1.0f, 1.0f, 1.0f}};
}

static size_t values_of(const struct picture *p)
{
    return 3 * (size_t)p->out_width * (size_t)p->out_height;
}

static int longest(const struct picture *p)
{
    return p->width > p->height ? p->width : p->height;
}

/* Everything one call needs; dst and scratch end at guard pages and the scratch has exactly the promised size. */
struct call {
    struct guard guard_dst, guard_scratch;
    uint8_t *rgb;
    float *dst;
    void *scratch;
    struct rfa_image image;
    struct rfa_preprocess preprocess;
};

static void open_call(struct call *c, const struct picture *p, size_t padding)
{
    size_t stride = 3 * (size_t)p->width + padding;
    c->rgb = malloc(stride * (size_t)p->height);
    uint8_t *packed = malloc(3 * (size_t)p->width * (size_t)p->height);
    assert_true(c->rgb && packed);
    fill_pixels(packed, 3 * (size_t)p->width * (size_t)p->height, seed_of(p));
    memset(c->rgb, 77, stride * (size_t)p->height);
    for (size_t y = 0; y < (size_t)p->height; y++)
        memcpy(c->rgb + y * stride, packed + y * 3 * (size_t)p->width, 3 * (size_t)p->width);
    free(packed);
    c->image = (struct rfa_image){c->rgb, p->width, p->height, (ptrdiff_t)stride};
    c->preprocess = preprocess_of(p);
    c->dst = guard_end(&c->guard_dst, values_of(p) * sizeof *c->dst);
    size_t bytes = rfa_image_scratch_bytes(longest(p), (uint32_t)p->out_height, (uint32_t)p->out_width);
    c->scratch = guard_end(&c->guard_scratch, bytes);
}

static void prepare(struct call *c, const struct picture *p, bool bgr, bool negative, const struct rfa_kernels *table)
{
    rfa_image_prepare(c->dst, &c->image, (uint32_t)p->out_height, (uint32_t)p->out_width, &c->preprocess, bgr, negative,
                      table, c->scratch);
}

static void close_call(struct call *c)
{
    assert_true(guard_intact(&c->guard_dst) && guard_intact(&c->guard_scratch));
    guard_free(&c->guard_dst);
    guard_free(&c->guard_scratch);
    free(c->rgb);
}

/* ------------------------------------------------------------------ tests */

/* Bilinear without antialiasing: torch has two compiled paths whose source positions differ by their rounding. */
static float tolerance(const struct picture *p)
{
    if (p->method == RFA_RESIZE_PILLOW)
        return 0.0f;
    if (p->method == RFA_RESIZE_TENSOR_NO_AA && p->filter == RFA_FILTER_BILINEAR)
        return fmaxf(1e-6f, (float)longest(p) * 0x1p-23f);
    return 1e-6f;
}

static void compare_with_golden(const struct picture *p, const float *golden)
{
    struct call c;
    open_call(&c, p, 0);
    prepare(&c, p, false, false, &kernels);
    for (size_t i = 0; i < values_of(p); i++)
        if (!(fabsf(c.dst[i] - golden[i]) <= tolerance(p)))
            fail_msg("method %d filter %d %dx%d -> %dx%d: value %zu is %.9g, expected %.9g", p->method, p->filter,
                     p->width, p->height, p->out_width, p->out_height, i, (double)c.dst[i], (double)golden[i]);
    close_call(&c);
}

static void resizes_as_pillow_and_torch_do(void **state)
{
    (void)state;
    FILE *file = fopen("data/resize.bin", "rb");
    if (!file)
        fail_msg("data/resize.bin: cannot open; run this test from the folder tests");
    struct picture p;
    size_t count = 0;
    for (; fread(&p, sizeof p, 1, file) == 1; count++) {
        float *golden = malloc(values_of(&p) * sizeof *golden);
        assert_non_null(golden);
        assert_int_equal(fread(golden, sizeof *golden, values_of(&p), file), values_of(&p));
        compare_with_golden(&p, golden);
        free(golden);
    }
    assert_int_equal(count, 42);
    assert_true(feof(file));
    fclose(file);
}

static const struct picture methods[] = {
    {RFA_RESIZE_PILLOW, RFA_FILTER_BICUBIC, 31, 23, 13, 17},
    {RFA_RESIZE_TENSOR, RFA_FILTER_BICUBIC, 31, 23, 13, 37},
    {RFA_RESIZE_TENSOR_NO_AA, RFA_FILTER_BILINEAR, 11, 23, 13, 17},
};

enum { METHODS = sizeof methods / sizeof *methods };

static void normalises_each_channel(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        struct call plain, normal;
        open_call(&plain, &methods[m], 0);
        open_call(&normal, &methods[m], 0);
        prepare(&plain, &methods[m], false, false, &kernels);
        normal.preprocess.mean[0] = 0.45f;
        normal.preprocess.mean[2] = 0.25f;
        normal.preprocess.std[1] = 0.225f;
        prepare(&normal, &methods[m], false, false, &kernels);
        size_t plane = values_of(&methods[m]) / 3;
        for (size_t i = 0; i < 3 * plane; i++) {
            float mean = normal.preprocess.mean[i / plane], std = normal.preprocess.std[i / plane];
            assert_true(normal.dst[i] == (plain.dst[i] - mean) / std);
        }
        close_call(&plain);
        close_call(&normal);
    }
}

static void bgr_swaps_the_outer_channels(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        struct call rgb, bgr;
        open_call(&rgb, &methods[m], 0);
        open_call(&bgr, &methods[m], 0);
        prepare(&rgb, &methods[m], false, false, &kernels);
        prepare(&bgr, &methods[m], true, false, &kernels);
        size_t plane = values_of(&methods[m]) / 3;
        for (size_t channel = 0; channel < 3; channel++)
            assert_memory_equal(rgb.dst + channel * plane, bgr.dst + (2 - channel) * plane, plane * sizeof(float));
        close_call(&rgb);
        close_call(&bgr);
    }
}

static void negative_comes_before_everything(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        struct call negative, reference;
        open_call(&negative, &methods[m], 0);
        open_call(&reference, &methods[m], 0);
        prepare(&negative, &methods[m], false, true, &kernels);
        for (size_t i = 0; i < 3 * (size_t)(methods[m].width * methods[m].height); i++)
            reference.rgb[i] = (uint8_t)((256 - reference.rgb[i]) % 256);
        prepare(&reference, &methods[m], false, false, &kernels);
        assert_memory_equal(negative.dst, reference.dst, values_of(&methods[m]) * sizeof(float));
        close_call(&negative);
        close_call(&reference);
    }
}

static void no_image_is_an_image_of_zeros(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        struct call none, zeros;
        open_call(&none, &methods[m], 0);
        open_call(&zeros, &methods[m], 0);
        memset(zeros.rgb, 0, 3 * (size_t)(methods[m].width * methods[m].height));
        none.preprocess.mean[0] = zeros.preprocess.mean[0] = 0.45f;
        prepare(&zeros, &methods[m], false, true, &kernels);
        rfa_image_prepare(none.dst, NULL, (uint32_t)methods[m].out_height, (uint32_t)methods[m].out_width,
                          &none.preprocess, false, true, &kernels, NULL);
        for (size_t i = 0; i < values_of(&methods[m]); i++)
            assert_true(none.dst[i] == zeros.dst[i]);
        close_call(&none);
        close_call(&zeros);
    }
}

static void rows_may_be_padded(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        struct call packed, padded;
        open_call(&packed, &methods[m], 0);
        open_call(&padded, &methods[m], 13);
        prepare(&packed, &methods[m], false, false, &kernels);
        prepare(&padded, &methods[m], false, false, &kernels);
        assert_memory_equal(packed.dst, padded.dst, values_of(&methods[m]) * sizeof(float));
        close_call(&packed);
        close_call(&padded);
    }
}

/* Every combination of sizes, with scratch for the longest side only: guard pages catch one byte too many. */
static void all_tables_give_the_same_bits(void **state)
{
    (void)state;
    static const int32_t sides[] = {1, 2, 3, 7, 16, 50, 131};
    enum { SIDES = sizeof sides / sizeof *sides };
    struct rfa_kernels plain = {0};
    rfa_kernels_init(&plain, 0);
    for (size_t i = 0; i < SIDES * SIDES * SIDES; i++) {
        struct picture p = {(int32_t)(i % 3),         (int32_t)(i / 3 % 2),     sides[i % SIDES],
                            sides[i / SIDES % SIDES], sides[i / SIDES / SIDES], sides[(i * 5 + 3) % SIDES]};
        struct call a, b;
        open_call(&a, &p, 0);
        open_call(&b, &p, 0);
        prepare(&a, &p, false, false, &plain);
        for (uint32_t mask = 0; mask < 3; mask++) {
            static const uint32_t masks[] = {RFA_CPU_AVX2 | RFA_CPU_NEON, RFA_CPU_AVX2 | RFA_CPU_AVX512, UINT32_MAX};
            struct rfa_kernels table = {0};
            rfa_kernels_init(&table, rfa_cpu_detect() & masks[mask]);
            prepare(&b, &p, false, false, &table);
            assert_memory_equal(a.dst, b.dst, values_of(&p) * sizeof(float));
        }
        close_call(&a);
        close_call(&b);
    }
}

static void scratch_does_not_grow_with_the_area(void **state)
{
    (void)state;
    size_t small = rfa_image_scratch_bytes(1000, 224, 224), large = rfa_image_scratch_bytes(2000, 224, 224);
    assert_true(large < 2 * small + 1024);
    assert_true(large < 150000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizes_as_pillow_and_torch_do), cmocka_unit_test(normalises_each_channel),
        cmocka_unit_test(bgr_swaps_the_outer_channels),   cmocka_unit_test(negative_comes_before_everything),
        cmocka_unit_test(no_image_is_an_image_of_zeros),  cmocka_unit_test(rows_may_be_padded),
        cmocka_unit_test(all_tables_give_the_same_bits),  cmocka_unit_test(scratch_does_not_grow_with_the_area),
    };
    rfa_kernels_init(&kernels, rfa_cpu_detect());
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
