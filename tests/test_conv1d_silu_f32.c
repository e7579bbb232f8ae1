#define KERNEL_SLOT conv1d_silu_f32
#include "guard.h"
#include "kernel_rows.h"

struct shape {
    size_t length, channels, taps;
    bool state, specials;
};

static void compare(rfa_conv1d_silu_f32_t *kernel, const struct shape *s)
{
    rows_cases++;
    struct guard gx, gd, gw, gb, gs;
    size_t stride = s->channels + 4, rows = s->length * stride - (s->length ? 4 : 0);
    size_t weights = (s->channels + 15) / 16 * 16 * s->taps, history = (s->taps - 1) * s->channels;
    float *x = guard_place(&gx, rows * sizeof *x), *got = guard_place(&gd, rows * sizeof *got);
    float *w = guard_place(&gw, weights * sizeof *w), *bias = guard_place(&gb, s->channels * sizeof *bias);
    float *state = guard_place(&gs, history * sizeof *state);
    float *want = malloc(rows * sizeof *want + 1), *want_state = malloc(history * sizeof *want_state + 1);
    assert_true(want && want_state);
    fill_any(x, rows, 4.0f);
    fill_any(w, weights, 1.0f);
    fill_any(bias, s->channels, 1.0f);
    fill_any(state, history, 4.0f);
    if (s->specials) {
        sprinkle_specials(x, rows, 30);
        sprinkle_specials(state, history, 30);
    }
    memcpy(want, got, rows * sizeof *want);
    memcpy(want_state, state, history * sizeof *want_state);
    struct rfa_conv1d_args args = {.dst = got,
                                   .dst_stride = stride,
                                   .x = x,
                                   .x_stride = stride,
                                   .w = w,
                                   .bias = bias,
                                   .state = s->state ? state : NULL,
                                   .length = s->length,
                                   .channels = s->channels,
                                   .taps = s->taps};
    kernel(&args);
    args.dst = want;
    args.state = s->state ? want_state : NULL;
    rfa_conv1d_silu_f32_c(&args);
    assert_same_f32(got, want, rows, "dst");
    assert_same_f32(state, want_state, history, "state");
    assert_true(guard_intact(&gd) && guard_intact(&gs));
    guard_free(&gx);
    guard_free(&gd);
    guard_free(&gw);
    guard_free(&gb);
    guard_free(&gs);
    free(want);
    free(want_state);
}

/* One call over all steps, and calls over random parts of them that hand the state on: the same bits. */
static void compare_parts(rfa_conv1d_silu_f32_t *kernel, size_t length, size_t channels, size_t taps)
{
    rows_cases++;
    enum { MOST_VALUES = 64 * 64 };
    static float x[MOST_VALUES], whole[MOST_VALUES], parts[MOST_VALUES], w[64 * 8], bias[64];
    float state[2][8 * 64];
    fill_random(x, length * channels, 4.0f);
    fill_random(w, sizeof w / sizeof *w, 1.0f);
    fill_random(bias, channels, 1.0f);
    fill_random(state[0], (taps - 1) * channels, 4.0f);
    memcpy(state[1], state[0], sizeof state[0]);
    struct rfa_conv1d_args args = {.dst = whole,
                                   .dst_stride = channels,
                                   .x = x,
                                   .x_stride = channels,
                                   .w = w,
                                   .bias = bias,
                                   .state = state[0],
                                   .length = length,
                                   .channels = channels,
                                   .taps = taps};
    kernel(&args);
    args.state = state[1];
    for (size_t t = 0; t < length; t += args.length) {
        args.length = 1 + random_size(length - t - 1);
        args.x = x + t * channels;
        args.dst = parts + t * channels;
        kernel(&args);
    }
    assert_same_f32(parts, whole, length * channels, "result in parts");
    assert_same_f32(state[1], state[0], (taps - 1) * channels, "state in parts");
}

static void check(rfa_conv1d_silu_f32_t *kernel)
{
    static const size_t lengths[] = {0, 1, 2, 3, 4, 11}, channels[] = {1, 15, 16, 17, 32, 47, 96},
                        taps[] = {1, 2, 4, 5};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof channels / sizeof *channels; j++)
            for (size_t k = 0; k < sizeof taps / sizeof *taps; k++)
                for (int mode = 0; mode < 4; mode++)
                    compare(kernel, &(struct shape){lengths[i], channels[j], taps[k], mode & 1, mode & 2});
    for (int i = 0; i < 100; i++)
        compare_parts(kernel, 1 + random_size(63), 1 + random_size(63), 1 + random_size(7));
}

int main(void)
{
    return run_rows();
}
