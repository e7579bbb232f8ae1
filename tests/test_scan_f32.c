#define KERNEL_SLOT scan_f32
#include "guard.h"
#include "kernel_rows.h"

enum alias { OWN, OVER_DELTA, OVER_U, OVER_Z, ALIASES };

struct shape {
    size_t length, channels, states;
    bool z, state, specials, quiet; /* quiet: no input, so that the states show the decay alone */
    enum alias alias;
};

enum { DELTA, U, Z, DST, B, CMAT, A, D, STATE, SCRATCH, BUFFERS };

/* Two runs on equal inputs: buffers of the kernel under test against guard pages, then of the C kernel. */
struct run {
    struct guard guard[BUFFERS];
    float *x[BUFFERS];
};

static void sizes(size_t n[BUFFERS], const struct shape *s)
{
    size_t stride = s->channels + 3, rows = s->length ? (s->length - 1) * stride + s->channels : 0;
    size_t bc = s->length ? (s->length - 1) * (s->states + 2) + s->states : 0;
    size_t panels = (s->channels + 15) / 16 * 16 * s->states;
    n[DELTA] = n[U] = n[Z] = n[DST] = rows;
    n[B] = n[CMAT] = bc;
    n[A] = n[STATE] = panels;
    n[D] = s->channels;
    n[SCRATCH] = rfa_scan_scratch(s->states) / sizeof(float);
}

static void fill_inputs(struct run *r, const size_t n[BUFFERS], const struct shape *s)
{
    static const float scales[BUFFERS] = {[DELTA] = 6.0f, [U] = 2.0f,  [Z] = 4.0f, [DST] = 1.0f,   [B] = 1.0f,
                                          [CMAT] = 1.0f,  [A] = 30.0f, [D] = 1.0f, [STATE] = 1.0f, [SCRATCH] = 1.0f};
    for (size_t i = 0; i < BUFFERS; i++) {
        fill_any(r->x[i], n[i], scales[i]);
        if (s->specials && i != A && i != SCRATCH)
            sprinkle_specials(r->x[i], n[i], 400);
    }
    for (size_t i = 0; s->quiet && i < n[U]; i++)
        r->x[U][i] = 0.0f;
    for (size_t i = 0; i < n[A]; i++) {
        r->x[A][i] = s->specials ? r->x[A][i] * 3.0f : -fabsf(r->x[A][i]);
        bool padding = i / (s->states * 16) * 16 + i % 16 >= s->channels;
        if (padding)
            r->x[A][i] = r->x[STATE][i] = 0.0f;
    }
}

static void scan(rfa_scan_f32_t *kernel, struct run *r, const struct shape *s)
{
    static const int targets[ALIASES] = {[OWN] = DST, [OVER_DELTA] = DELTA, [OVER_U] = U, [OVER_Z] = Z};
    size_t stride = s->channels + 3;
    struct rfa_scan_args args = {.dst = r->x[targets[s->alias]],
                                 .dst_stride = stride,
                                 .delta = r->x[DELTA],
                                 .u = r->x[U],
                                 .z = s->z ? r->x[Z] : NULL,
                                 .delta_stride = stride,
                                 .u_stride = stride,
                                 .z_stride = stride,
                                 .b = r->x[B],
                                 .cmat = r->x[CMAT],
                                 .bc_stride = s->states + 2,
                                 .a = r->x[A],
                                 .d = r->x[D],
                                 .state = s->state ? r->x[STATE] : NULL,
                                 .length = s->length,
                                 .channels = s->channels,
                                 .states = s->states,
                                 .scratch = r->x[SCRATCH]};
    kernel(&args);
}

static void compare(rfa_scan_f32_t *kernel, const struct shape *s)
{
    rows_cases++;
    struct run got, want;
    size_t n[BUFFERS];
    sizes(n, s);
    for (size_t i = 0; i < BUFFERS; i++) {
        got.x[i] = guard_place(&got.guard[i], n[i] * sizeof(float));
        want.x[i] = guard_place(&want.guard[i], n[i] * sizeof(float));
    }
    fill_inputs(&got, n, s);
    for (size_t i = 0; i < BUFFERS; i++)
        memcpy(want.x[i], got.x[i], n[i] * sizeof(float));
    scan(kernel, &got, s);
    scan(rfa_scan_f32_c, &want, s);
    for (size_t i = 0; i < BUFFERS; i++) {
        if (i != SCRATCH)
            assert_same_f32(got.x[i], want.x[i], n[i], "buffer");
        assert_true(guard_intact(&got.guard[i]));
        guard_free(&got.guard[i]);
        guard_free(&want.guard[i]);
    }
}

/* Moves the rows of the arguments on by `steps`. */
static void advance(struct rfa_scan_args *args, size_t steps)
{
    args->delta += steps * args->delta_stride;
    args->u += steps * args->u_stride;
    args->z += steps * args->z_stride;
    args->dst += steps * args->dst_stride;
    args->b += steps * args->bc_stride;
    args->cmat += steps * args->bc_stride;
}

/* One call over all steps, and calls over random parts of them (single steps too) that hand the state on. */
static void compare_parts(rfa_scan_f32_t *kernel, size_t length, size_t channels, size_t states)
{
    rows_cases++;
    enum { STEPS = 100, CHANNELS = 48, STATES = 20 };
    static float delta[STEPS * CHANNELS], u[STEPS * CHANNELS], z[STEPS * CHANNELS], dst[2][STEPS * CHANNELS];
    static float b[STEPS * STATES], cmat[STEPS * STATES], a[CHANNELS * STATES], d[CHANNELS];
    static float state[2][CHANNELS * STATES];
    static _Alignas(64) float scratch[320 * 16];
    assert_true(length <= STEPS && channels <= CHANNELS && states <= STATES &&
                rfa_scan_scratch(STATES) <= sizeof scratch);
    fill_random(delta, length * channels, 6.0f);
    fill_random(u, length * channels, 2.0f);
    fill_random(z, length * channels, 4.0f);
    fill_random(b, length * states, 1.0f);
    fill_random(cmat, length * states, 1.0f);
    fill_random(d, channels, 1.0f);
    fill_random(state[0], CHANNELS * STATES, 1.0f);
    memcpy(state[1], state[0], sizeof state[0]);
    for (size_t i = 0; i < CHANNELS * STATES; i++)
        a[i] = -8.0f * fabsf(random_f32());
    struct rfa_scan_args args = {.dst = dst[0],
                                 .dst_stride = channels,
                                 .delta = delta,
                                 .u = u,
                                 .z = z,
                                 .delta_stride = channels,
                                 .u_stride = channels,
                                 .z_stride = channels,
                                 .b = b,
                                 .cmat = cmat,
                                 .bc_stride = states,
                                 .a = a,
                                 .d = d,
                                 .state = state[0],
                                 .length = length,
                                 .channels = channels,
                                 .states = states,
                                 .scratch = scratch};
    kernel(&args);
    args.dst = dst[1];
    args.state = state[1];
    for (size_t left = length; left > 0; left -= args.length) {
        args.length = random_u32() % 2 ? 1 : 1 + random_size(left - 1);
        kernel(&args);
        advance(&args, args.length);
    }
    assert_same_f32(dst[1], dst[0], length * channels, "result in parts");
    assert_same_f32(state[1], state[0], (channels + 15) / 16 * 16 * states, "state in parts");
}

/* One step without input, whose decay is 2^x ... 2^(x + 0.15) in the 16 channels: about where it becomes denormal,
 * vanishes or overflows, kernels take other ways. */
static void compare_decay(rfa_scan_f32_t *kernel, float x)
{
    rows_cases++;
    float delta[16], u[16] = {0}, a[16], d[16] = {0}, state[2][16], dst[2][16];
    _Alignas(64) float scratch[320 * 16];
    const float one = 1.0f, dt = 30.0f; /* softplus(30) is 30 */
    for (int c = 0; c < 16; c++) {
        delta[c] = dt;
        a[c] = (x + 0.01f * (float)c) / (dt * 1.442695f);
        state[0][c] = state[1][c] = 1.0f;
    }
    for (int i = 0; i < 2; i++) {
        struct rfa_scan_args args = {.dst = dst[i],
                                     .dst_stride = 16,
                                     .delta = delta,
                                     .u = u,
                                     .delta_stride = 16,
                                     .u_stride = 16,
                                     .b = &one,
                                     .cmat = &one,
                                     .bc_stride = 1,
                                     .a = a,
                                     .d = d,
                                     .state = state[i],
                                     .length = 1,
                                     .channels = 16,
                                     .states = 1,
                                     .scratch = scratch};
        (i ? rfa_scan_f32_c : kernel)(&args);
    }
    assert_same_f32(state[0], state[1], 16, "decayed state");
    assert_same_f32(dst[0], dst[1], 16, "decayed sum");
}

static void check(rfa_scan_f32_t *kernel)
{
    static const size_t lengths[] = {0, 1, 2, 13, 33}, channels[] = {1, 15, 16, 17, 33, 64, 131},
                        states[] = {1, 2, 15, 16, 17, 64};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t j = 0; j < sizeof channels / sizeof *channels; j++)
            for (size_t k = 0; k < sizeof states / sizeof *states; k++)
                for (unsigned mode = 0; mode < 8; mode++)
                    compare(kernel, &(struct shape){lengths[i], channels[j], states[k], mode & 1, mode & 2, mode & 4,
                                                    mode % 4 == 2, OWN});
    for (int i = 0; i < 100; i++) {
        uint32_t r = random_u32();
        compare(kernel, &(struct shape){random_size(80), 1 + random_size(150), 1 + random_size(20), r & 1, r & 2, r & 4,
                                        r & 8, (enum alias)(r & 1 ? (r >> 4) % ALIASES : OWN)});
        compare_parts(kernel, 1 + random_size(99), 1 + random_size(47), 1 + random_size(19));
    }
    for (float x = 118.0f; x < 160.0f; x += 0.25f) {
        compare_decay(kernel, x);
        compare_decay(kernel, -x);
    }
    for (int alias = OWN; alias < ALIASES; alias++)
        for (unsigned specials = 0; specials < 2; specials++)
            compare(kernel, &(struct shape){37, 48, 16, true, true, specials, false, (enum alias)alias});
}

int main(void)
{
    return run_rows();
}
