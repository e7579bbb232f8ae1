#include "step_times.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "timing.h"

static enum rfa_status run_once(const struct rfa_model_inputs *in, rfa_session *session)
{
    RFA_TRY(rfa_encode_frame_pixels(session, 0, in->pixels, in->group));
    RFA_TRY(rfa_bench_scene(in, session));
    return rfa_bench_caption(in, session);
}

enum rfa_status rfa_step_times_measure(struct rfa_step_times *times, const struct rfa_model_inputs *in,
                                       rfa_session *session)
{
    struct rfa_plan_info plan;
    struct rfa_step_info s;
    *times = (struct rfa_step_times){.session = session};
    RFA_TRY(rfa_session_plan(&plan, session));
    times->seconds = calloc((size_t)plan.steps * RFA_STEP_RUNS, sizeof *times->seconds);
    if (!times->seconds)
        return RFA_ERR_NOMEM;
    times->steps = plan.steps;
    for (int run = 0; run < RFA_STEP_RUNS; run++) {
        RFA_TRY(run_once(in, session));
        for (int i = 0; i < plan.steps; i++) {
            RFA_TRY(rfa_session_step(&s, session, i));
            times->seconds[i * RFA_STEP_RUNS + run] = s.seconds;
        }
    }
    for (int i = 0; i < plan.steps; i++)
        rfa_bench_sort(times->seconds + i * RFA_STEP_RUNS, RFA_STEP_RUNS);
    return RFA_OK;
}

void rfa_step_times_close(struct rfa_step_times *times)
{
    free(times->seconds);
}

bool rfa_step_times_get(struct rfa_step_info *s, const struct rfa_step_times *times, int i)
{
    if (i >= times->steps || rfa_session_step(s, times->session, i) != RFA_OK)
        return false;
    s->seconds = rfa_bench_quantile(times->seconds + i * RFA_STEP_RUNS, RFA_STEP_RUNS, 0.5);
    return true;
}

/* Adds a step to the sum of this name, which is made where there is none yet. */
static void add_to(struct rfa_op_sums *sums, const char *op, size_t length, const struct rfa_step_info *s)
{
    int i = 0;
    while (i < sums->count && !(strcmp(sums->sum[i].stage, s->stage) == 0 &&
                                strncmp(sums->sum[i].op, op, length) == 0 && sums->sum[i].op[length] == 0))
        i++;
    if (i == RFA_MAX_OP_SUMS || length >= sizeof sums->sum[i].op)
        return;
    struct rfa_op_sum *sum = &sums->sum[i];
    if (i == sums->count) {
        sums->count++;
        *sum = (struct rfa_op_sum){.stage = s->stage};
        memcpy(sum->op, op, length);
    }
    sum->steps++;
    sum->seconds += s->seconds;
    sum->macs += s->macs;
    sum->weight_bytes += (double)s->weight_bytes;
}

void rfa_step_times_sum(struct rfa_op_sums *sums, const struct rfa_step_times *times)
{
    struct rfa_step_info s;
    sums->count = 0;
    for (int i = 0; rfa_step_times_get(&s, times, i); i++) {
        char network[16];
        int length = snprintf(network, sizeof network, "%.*s.*", (int)strcspn(s.name, "."), s.name);
        add_to(sums, "total", strlen("total"), &s);
        add_to(sums, network, (size_t)length, &s);
        add_to(sums, s.op, strlen(s.op), &s);
    }
}

/* ------------------------------------------------------------------ output */

double rfa_op_share(double macs, double seconds, double ceiling)
{
    return ceiling > 0 && seconds > 0 ? macs / seconds / ceiling : 0;
}

void rfa_op_print_times(FILE *out, double macs, double seconds, double ceiling)
{
    fprintf(out, " %10.3f %12.3f %10.1f", seconds * 1e3, macs * 1e-9, seconds > 0 ? macs / seconds * 1e-9 : 0.0);
    if (ceiling > 0)
        fprintf(out, " %7.1f%%", 100 * rfa_op_share(macs, seconds, ceiling));
    else
        fprintf(out, " %8s", "-");
}

/* A step's name follows its row. */
static void print_row(FILE *out, const struct rfa_op_sum *s, double ceiling, const char *keys, const char *name)
{
    if (keys) {
        fprintf(out,
                "{%s\"stage\": \"%s\", \"op\": \"%s\", \"steps\": %d, \"ns\": %.0f, \"work\": %.0f, \"unit\": \"MAC\", "
                "\"weight_bytes\": %.0f, \"share\": %.4f}\n",
                keys, s->stage, s->op, s->steps, s->seconds * 1e9, s->macs, s->weight_bytes,
                rfa_op_share(s->macs, s->seconds, ceiling));
        return;
    }
    fprintf(out, "%-8s %-14s %5d", s->stage, s->op, s->steps);
    rfa_op_print_times(out, s->macs, s->seconds, ceiling);
    fprintf(out, " %8.1f%s%s\n", s->seconds > 0 ? s->weight_bytes / s->seconds * 1e-9 : 0.0, name[0] ? "  " : "", name);
}

void rfa_op_print_sums(FILE *out, const struct rfa_op_sums *sums, double ceiling, const char *keys)
{
    if (!keys)
        fprintf(out, "%-8s %-14s steps" RFA_OP_TIMES_HEAD "     GB/s   (vision: one group of frames)\n", "stage", "op");
    for (int i = 0; i < sums->count; i++)
        print_row(out, &sums->sum[i], ceiling, keys, "");
}

void rfa_op_print_steps(FILE *out, const struct rfa_step_times *times, double ceiling, bool json)
{
    struct rfa_step_info s;
    for (int i = 0; rfa_step_times_get(&s, times, i); i++) {
        char keys[128];
        struct rfa_op_sum row = {s.stage, "", s.seconds, s.macs, (double)s.weight_bytes, 1};
        snprintf(row.op, sizeof row.op, "%s", s.op);
        snprintf(keys, sizeof keys, "\"step\": \"%s\", ", s.name);
        print_row(out, &row, ceiling, json ? keys : NULL, s.name);
    }
}
