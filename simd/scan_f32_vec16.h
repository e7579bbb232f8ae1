/* Body of scan_f32: RFA_SCAN_F32 is the kernel's name, SCAN_STEPS the time steps that share a pass over the states.
 *
 * Lanes are the 16 channels of a panel. Several panels go together, so that what is read of a row is long enough for
 * the hardware to fetch ahead and few pages are in use at a time. Time goes in chunks of RFA_SCAN_CHUNK steps, each
 * panel through three passes:
 *
 *   prepare   softplus, dt * u, d * u           steps do not depend on each other, so their long chains overlap
 *   update    each state, kept in a register, through SCAN_STEPS steps at once, whose sums y are registers too
 *   finish    the gates, again step by step independent
 *
 * With the passes in one loop the processor would wait for softplus and the gate: they were a third of the time. What
 * passes from one to the next lies in the scratch, with the states and the rates a * log2(e): all of it stays in L1.
 *
 * With SCAN_DECAY_NORMAL, a chunk whose arguments of the decay all lie in [-SCAN_NORMAL, 0] takes vec16_decay_normal:
 * the same bits in fewer steps, for instruction sets without VSCALEFPS. SCAN_UPDATE_NORMAL, if defined, is the function
 * that does such an update, of a single step. SCAN_PREFETCH_DST asks ahead for the rows that are written, too: a loss
 * where the stores of a chunk can wait for their lines. */
#include "kernels.h"

#define SCAN_NORMAL 125.0f

/* One panel and its part of the scratch. */
struct panel {
    size_t channel, lanes; /* the first of its channels, their number <= 16 */
    float *rate, *h;       /* [states][16] */
    float *bound;          /* [16] largest magnitude of the rates, NaN if one is */
    bool falls;            /* no rate is above 0 */
    float *dt, *dtu, *y;   /* [RFA_SCAN_CHUNK][16], shared by the panels */
};

/* Panel number i of those that begin with channel c. */
static struct panel panel_of(const struct rfa_scan_args *args, size_t c, size_t i)
{
    size_t channel = c + i * 16, left = args->channels - channel, all = args->states * 16;
    float *dt = args->scratch, *dtu = dt + RFA_SCAN_CHUNK * 16, *y = dtu + RFA_SCAN_CHUNK * 16;
    float *rate = y + RFA_SCAN_CHUNK * 16 + i * (2 * all + 16), *h = rate + all, *bound = h + all;
    return (struct panel){channel, left < 16 ? left : 16, rate, h, bound, false, dt, dtu, y};
}

/* Sets rate[n] = a[n] * log2(e), h[n] and what is known of the rates. */
static void load_panel(const struct rfa_scan_args *args, struct panel *panel)
{
    const vec16 log2e = vec16_set1(RFA_LOG2E_HI);
    const size_t first = panel->channel * args->states;
    vec16 bound = vec16_zero(), highest = vec16_zero();
    for (size_t n = 0; n < args->states; n++) {
        vec16 rate = vec16_mul(vec16_load(args->a + first + n * 16), log2e);
        vec16 start = args->state ? vec16_load_n(args->state + first + n * 16, panel->lanes) : vec16_zero();
        vec16_store(panel->rate + n * 16, rate);
        vec16_store(panel->h + n * 16, start);
        bound = vec16_max_magnitude(bound, rate);
        highest = vec16_max(highest, rate);
    }
    vec16_store(panel->bound, bound);
    panel->falls = vec16_all_within(highest, 0.0f);
}

/* Asks for the rows of steps t ... t+SCAN_STEPS-1: their distance is too large for the hardware to foresee them. */
VEC16_INLINE void prefetch_rows(const struct rfa_scan_args *args, size_t t, size_t c)
{
    for (size_t s = t; s < t + SCAN_STEPS && s < args->length; s++) {
        VEC16_PREFETCH(args->delta + s * args->delta_stride + c);
        VEC16_PREFETCH(args->u + s * args->u_stride + c);
        if (args->z)
            VEC16_PREFETCH(args->z + s * args->z_stride + c);
        if (SCAN_PREFETCH_DST)
            VEC16_PREFETCH(args->dst + s * args->dst_stride + c);
    }
}

/* Steps t ... t+steps-1. True: all arguments of the decay are in [-SCAN_NORMAL, 0]. */
VEC16_INLINE bool prepare(const struct rfa_scan_args *args, const struct panel *panel, size_t t, size_t steps,
                          size_t lanes)
{
    const size_t c = panel->channel;
    const vec16 d = vec16_load_n(args->d + c, lanes);
    const float *delta = args->delta + t * args->delta_stride + c, *from = args->u + t * args->u_stride + c;
    vec16 longest = vec16_zero();
    for (size_t s = 0; s < steps; s++) {
        vec16 dt = vec16_softplus(vec16_load_n(delta + s * args->delta_stride, lanes));
        vec16 u = vec16_load_n(from + s * args->u_stride, lanes);
        vec16_store(panel->dt + s * 16, dt);
        vec16_store(panel->dtu + s * 16, vec16_mul(dt, u));
        vec16_store(panel->y + s * 16, vec16_mul(d, u));
        if (SCAN_DECAY_NORMAL)
            longest = vec16_max_magnitude(longest, dt);
    }
    return SCAN_DECAY_NORMAL && panel->falls &&
           vec16_all_within(vec16_mul(longest, vec16_load(panel->bound)), SCAN_NORMAL);
}

/* Takes every state through steps t ... t+steps-1 (a constant), s and following of the chunk. */
VEC16_INLINE void update(const struct rfa_scan_args *args, const struct panel *panel, size_t t, size_t s, size_t steps,
                         bool normal)
{
    const size_t bc_stride = args->bc_stride, states = args->states;
    const float *b = args->b + t * bc_stride, *cmat = args->cmat + t * bc_stride;
#ifdef SCAN_UPDATE_NORMAL
    if (normal) {
        SCAN_UPDATE_NORMAL(panel->rate, panel->h, b, cmat, panel->dt + s * 16, panel->dtu + s * 16, panel->y + s * 16,
                           states);
        return;
    }
#endif
    vec16 dt[SCAN_STEPS], dtu[SCAN_STEPS], y[SCAN_STEPS];
    VEC16_UNROLL
    for (size_t i = 0; i < steps; i++) {
        dt[i] = vec16_load(panel->dt + (s + i) * 16);
        dtu[i] = vec16_load(panel->dtu + (s + i) * 16);
        y[i] = vec16_load(panel->y + (s + i) * 16);
    }
    for (size_t n = 0; n < states; n++) {
        vec16 state = vec16_load(panel->h + n * 16);
        VEC16_UNROLL
        for (size_t i = 0; i < steps; i++) {
            vec16 rate = vec16_load(panel->rate + n * 16);
            vec16 decay = normal ? vec16_decay_normal(dt[i], rate) : vec16_decay(dt[i], rate);
            state = vec16_fma(decay, state, vec16_mul(dtu[i], vec16_set1(b[i * bc_stride + n])));
            y[i] = vec16_fma(vec16_set1(cmat[i * bc_stride + n]), state, y[i]);
        }
        vec16_store(panel->h + n * 16, state);
    }
    VEC16_UNROLL
    for (size_t i = 0; i < steps; i++)
        vec16_store(panel->y + (s + i) * 16, y[i]);
}

VEC16_INLINE void update_chunk(const struct rfa_scan_args *args, const struct panel *panel, size_t t, size_t steps,
                               bool normal)
{
    size_t s = 0;
    for (; s + SCAN_STEPS <= steps; s += SCAN_STEPS) {
        prefetch_rows(args, t + s + RFA_SCAN_CHUNK, panel->channel);
        update(args, panel, t + s, s, SCAN_STEPS, normal);
    }
    for (; s < steps; s++)
        update(args, panel, t + s, s, 1, normal);
}

/* Functions of their own, so that the constants of softplus and gate leave the registers to those of the decay: in one
 * function with them a step takes 5 % longer. */
static VEC16_NOINLINE void update_chunk_normal(const struct rfa_scan_args *args, const struct panel *panel, size_t t,
                                               size_t steps)
{
    update_chunk(args, panel, t, steps, true);
}

static VEC16_NOINLINE void update_chunk_any(const struct rfa_scan_args *args, const struct panel *panel, size_t t,
                                            size_t steps)
{
    update_chunk(args, panel, t, steps, false);
}

VEC16_INLINE void finish(const struct rfa_scan_args *args, const struct panel *panel, size_t t, size_t steps,
                         size_t lanes)
{
    const size_t c = panel->channel;
    float *dst = args->dst + t * args->dst_stride + c;
    for (size_t s = 0; s < steps; s++) {
        vec16 y = vec16_load(panel->y + s * 16);
        if (args->z)
            y = vec16_mul(y, vec16_silu(vec16_load_n(args->z + (t + s) * args->z_stride + c, lanes)));
        vec16_store_n(dst + s * args->dst_stride, y, lanes);
    }
}

/* Steps t ... t+steps-1 of a panel; `lanes` is a constant where it is 16. */
VEC16_INLINE void scan_chunk(const struct rfa_scan_args *args, const struct panel *panel, size_t t, size_t steps,
                             size_t lanes)
{
    if (prepare(args, panel, t, steps, lanes))
        update_chunk_normal(args, panel, t, steps);
    else
        update_chunk_any(args, panel, t, steps);
    finish(args, panel, t, steps, lanes);
}

static void store_panel(const struct rfa_scan_args *args, const struct panel *panel)
{
    for (size_t n = 0; n < args->states; n++)
        vec16_store_n(args->state + panel->channel * args->states + n * 16, vec16_load(panel->h + n * 16),
                      panel->lanes);
}

/* All time steps of `count` panels from channel c on. */
static void scan_panels(const struct rfa_scan_args *args, size_t c, size_t count)
{
    struct panel panel[RFA_SCAN_PANELS];
    for (size_t i = 0; i < count; i++) {
        panel[i] = panel_of(args, c, i);
        load_panel(args, &panel[i]);
    }
    for (size_t t = 0; t < args->length; t += RFA_SCAN_CHUNK) {
        size_t steps = args->length - t < RFA_SCAN_CHUNK ? args->length - t : RFA_SCAN_CHUNK;
        for (size_t i = 0; i < count; i++)
            if (panel[i].lanes == 16)
                scan_chunk(args, &panel[i], t, steps, 16);
            else
                scan_chunk(args, &panel[i], t, steps, panel[i].lanes);
    }
    if (args->state)
        for (size_t i = 0; i < count; i++)
            store_panel(args, &panel[i]);
}

void RFA_SCAN_F32(const struct rfa_scan_args *args)
{
    size_t panels = (args->channels + 15) / 16, most = rfa_scan_panels(args->states);
    for (size_t i = 0; i < panels; i += most)
        scan_panels(args, i * 16, panels - i < most ? panels - i : most);
}
