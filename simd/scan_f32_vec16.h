/* Body of scan_f32: RFA_SCAN_F32 is the kernel's name, SCAN_STEPS the time steps that share a pass over the states.
 *
 * Lanes are the 16 channels of a panel. The states h and the decay rates a * log2(e) of a panel live in the scratch,
 * which stays in L1. Time goes in blocks: softplus for all steps of the block, then each state once through all of them
 * with h in a register, then the gates. So the long chains of softplus and the gates overlap, and the sums y stay in
 * registers.
 *
 * With SCAN_EXP2_NORMAL, a block whose arguments of exp2 all lie within SCAN_NORMAL takes vec16_exp2_normal: the same
 * bits in fewer steps, for instruction sets without VSCALEFPS. */
#include "kernels.h"

#define SCAN_NORMAL 125.0f

/* The scratch for one panel. */
struct panel {
    float *rate, *h; /* [states][16] */
    float *bound;    /* [16] largest magnitude of the rates, NaN if one is */
};

static struct panel panel_of(const struct rfa_scan_args *args)
{
    float *scratch = args->scratch;
    return (struct panel){scratch, scratch + args->states * 16, scratch + 2 * args->states * 16};
}

/* Sets rate[n] = a[n] * log2(e) and h[n] for the `lanes` channels from c on. */
static void load_panel(const struct rfa_scan_args *args, size_t c, size_t lanes, const struct panel *panel)
{
    const vec16 log2e = vec16_set1(RFA_LOG2E_HI);
    vec16 bound = vec16_zero();
    for (size_t n = 0; n < args->states; n++) {
        vec16 rate = vec16_mul(vec16_load(args->a + c * args->states + n * 16), log2e);
        vec16 start = args->state ? vec16_load_n(args->state + c * args->states + n * 16, lanes) : vec16_zero();
        vec16_store(panel->rate + n * 16, rate);
        vec16_store(panel->h + n * 16, start);
        bound = vec16_max_magnitude(bound, rate);
    }
    vec16_store(panel->bound, bound);
}

/* Asks for the rows of steps t ... t+SCAN_STEPS-1: their distance is too large for the hardware to foresee them. */
VEC16_INLINE void prefetch_block(const struct rfa_scan_args *args, size_t t, size_t c)
{
    for (size_t s = t; s < t + SCAN_STEPS && s < args->length; s++) {
        VEC16_PREFETCH(args->delta + s * args->delta_stride + c);
        VEC16_PREFETCH(args->u + s * args->u_stride + c);
        if (args->z)
            VEC16_PREFETCH(args->z + s * args->z_stride + c);
        VEC16_PREFETCH(args->dst + s * args->dst_stride + c);
    }
}

/* One block in registers. */
struct block {
    vec16 dt[SCAN_STEPS], dtu[SCAN_STEPS], y[SCAN_STEPS];
};

/* Takes every state through steps t ... t+steps-1 (a constant). */
VEC16_INLINE void update_states(const struct rfa_scan_args *args, const struct panel *panel, struct block *k, size_t t,
                                size_t steps, bool normal)
{
    const float *b = args->b + t * args->bc_stride, *cmat = args->cmat + t * args->bc_stride;
    const size_t bc_stride = args->bc_stride, states = args->states;
    float *h = panel->h;
    for (size_t n = 0; n < states; n++) {
        vec16 state = vec16_load(h + n * 16);
        VEC16_UNROLL
        for (size_t s = 0; s < steps; s++) {
            vec16 x = vec16_mul(k->dt[s], vec16_load(panel->rate + n * 16));
            vec16 decay = normal ? vec16_exp2_normal(x) : vec16_exp2(x);
            state = vec16_fma(decay, state, vec16_mul(k->dtu[s], vec16_set1(b[s * bc_stride + n])));
            k->y[s] = vec16_fma(vec16_set1(cmat[s * bc_stride + n]), state, k->y[s]);
        }
        vec16_store(h + n * 16, state);
    }
}

/* Steps t ... t+steps-1 (a constant, at most SCAN_STEPS) of `lanes` channels from c on. */
VEC16_INLINE void scan_block(const struct rfa_scan_args *args, const struct panel *panel, size_t t, size_t steps,
                             size_t c, size_t lanes)
{
    const vec16 d = vec16_load_n(args->d + c, lanes);
    struct block k;
    bool normal = SCAN_EXP2_NORMAL;
    VEC16_UNROLL
    for (size_t s = 0; s < steps; s++) {
        vec16 u = vec16_load_n(args->u + (t + s) * args->u_stride + c, lanes);
        k.dt[s] = vec16_softplus(vec16_load_n(args->delta + (t + s) * args->delta_stride + c, lanes));
        k.dtu[s] = vec16_mul(k.dt[s], u);
        k.y[s] = vec16_mul(d, u);
        if (SCAN_EXP2_NORMAL)
            normal &= vec16_all_within(vec16_mul(k.dt[s], vec16_load(panel->bound)), SCAN_NORMAL);
    }
    if (normal)
        update_states(args, panel, &k, t, steps, true);
    else
        update_states(args, panel, &k, t, steps, false);
    VEC16_UNROLL
    for (size_t s = 0; s < steps; s++) {
        vec16 y = k.y[s];
        if (args->z)
            y = vec16_mul(y, vec16_silu(vec16_load_n(args->z + (t + s) * args->z_stride + c, lanes)));
        vec16_store_n(args->dst + (t + s) * args->dst_stride + c, y, lanes);
    }
}

/* All time steps of `lanes` <= 16 channels from c on. */
VEC16_INLINE void scan_panel(const struct rfa_scan_args *args, size_t c, size_t lanes)
{
    const struct panel panel = panel_of(args);
    load_panel(args, c, lanes, &panel);
    size_t t = 0;
    for (; t + SCAN_STEPS <= args->length; t += SCAN_STEPS) {
        prefetch_block(args, t + SCAN_STEPS, c);
        scan_block(args, &panel, t, SCAN_STEPS, c, lanes);
    }
    for (; t < args->length; t++)
        scan_block(args, &panel, t, 1, c, lanes);
    if (args->state)
        for (size_t n = 0; n < args->states; n++)
            vec16_store_n(args->state + (c * args->states + n * 16), vec16_load(panel.h + n * 16), lanes);
}

void RFA_SCAN_F32(const struct rfa_scan_args *args)
{
    size_t c = 0;
    for (; c + 16 <= args->channels; c += 16)
        scan_panel(args, c, 16);
    if (c < args->channels)
        scan_panel(args, c, args->channels - c);
}
