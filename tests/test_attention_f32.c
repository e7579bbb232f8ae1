#define KERNEL_SLOT attention_f32
#include "guard.h"
#include "kernel_rows.h"

struct shape {
    size_t m, keys, d, gap, first;
    bool causal;
    float scale;
    uint32_t specials;
};

enum { Q, K, V, GOT, WANT, BUFFERS };

static void compare(rfa_attention_f32_t *kernel, const struct shape *s)
{
    rows_cases++;
    struct guard g[BUFFERS], gs;
    const size_t rows[BUFFERS] = {s->m, s->keys, s->keys, s->m, s->m};
    float *p[BUFFERS], *scratch = guard_place(&gs, rfa_attention_scratch(s->keys));
    for (int i = 0; i < BUFFERS; i++) {
        size_t count = rows[i] * (s->d + s->gap) - s->gap;
        p[i] = guard_place(&g[i], count * sizeof(float));
        if (i < GOT)
            fill_any(p[i], count, 3.0f);
        if (i < GOT && s->specials)
            sprinkle_specials(p[i], count, s->specials);
    }
    const size_t stride = s->d + s->gap;
    struct rfa_attention_args args = {.dst = p[GOT],
                                      .dst_stride = stride,
                                      .q = p[Q],
                                      .q_stride = stride,
                                      .k = p[K],
                                      .v = p[V],
                                      .k_stride = stride,
                                      .v_stride = stride,
                                      .m = s->m,
                                      .keys = s->keys,
                                      .d = s->d,
                                      .scale = s->scale,
                                      .causal = s->causal,
                                      .first = s->first,
                                      .scratch = scratch};
    kernel(&args);
    args.dst = p[WANT];
    rfa_attention_f32_c(&args);
    assert_same_f32(p[GOT], p[WANT], s->m * stride - s->gap, "attention");
    assert_true(guard_intact(&gs));
    guard_free(&gs);
    for (int i = 0; i < BUFFERS; i++) {
        assert_true(guard_intact(&g[i]));
        guard_free(&g[i]);
    }
}

static void check(rfa_attention_f32_t *kernel)
{
    static const size_t ms[] = {1, 2, 3, 4, 5, 7, 8, 9, 17}, keys[] = {1, 2, 3, 5, 16, 17, 40},
                        ds[] = {1, 5, 15, 16, 17, 22, 40, 64, 88, 97, 128};
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        for (size_t j = 0; j < sizeof keys / sizeof *keys; j++)
            for (size_t l = 0; l < sizeof ds / sizeof *ds; l++) {
                uint32_t r = random_u32();
                compare(kernel, &(struct shape){.m = ms[i],
                                                .keys = keys[j],
                                                .d = ds[l],
                                                .gap = r & 2 ? 5 : 0,
                                                .first = r & 4 ? 0 : keys[j] / 2,
                                                .causal = r & 8,
                                                .scale = r & 16 ? 0.125f : 3.0f,
                                                .specials = r & 1 ? 70 : 0});
            }
    compare(kernel, &(struct shape){.m = 19, .keys = 19, .d = 256, .causal = true, .scale = 0.0625f});
    compare(kernel, &(struct shape){.m = 9, .keys = 257, .d = 88, .scale = 0.1f});
    for (int i = 0; i < 200; i++) {
        uint32_t r = random_u32();
        compare(kernel, &(struct shape){.m = 1 + random_size(20),
                                        .keys = 1 + random_size(60),
                                        .d = 1 + random_size(128),
                                        .gap = random_size(3),
                                        .first = random_size(20),
                                        .causal = r & 1,
                                        .scale = r & 2 ? 0.125f : 3.0f,
                                        .specials = r & 4 ? 70 : 0});
    }
}

int main(void)
{
    return run_rows();
}
