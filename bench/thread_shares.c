#include "thread_shares.h"

enum rfa_status rfa_thread_shares_begin(struct rfa_thread_shares *shares, const rfa_session *session, int threads)
{
    enum rfa_status status = RFA_OK;
    shares->threads = threads;
    for (int i = 0; i < threads && status == RFA_OK; i++)
        status = rfa_session_thread(&shares->thread[i], session, i);
    return status;
}

enum rfa_status rfa_thread_shares_end(struct rfa_thread_shares *shares, const rfa_session *session, size_t clips,
                                      double seconds)
{
    enum rfa_status status = RFA_OK;
    shares->clips = clips;
    shares->seconds = seconds;
    for (int i = 0; i < shares->threads && status == RFA_OK; i++) {
        struct rfa_thread_info now, *t = &shares->thread[i];
        status = rfa_session_thread(&now, session, i);
        *t = (struct rfa_thread_info){.tasks = now.tasks - t->tasks,
                                      .seconds = now.seconds - t->seconds,
                                      .core = now.core,
                                      .moves = now.moves - t->moves};
    }
    return status;
}

/* What the system says of a processor's speed: its capacity, or kHz; 0: nothing. */
static uint32_t speed_of(const struct rfa_cores *cores, int cpu)
{
    for (int i = 0; i < cores->count; i++)
        if (cores->cpu[i] == cpu)
            return cores->speed[i];
    return 0;
}

static void print_text(FILE *out, const struct rfa_thread_shares *s, const struct rfa_cores *cores,
                       const struct rfa_thread_info *sum)
{
    double clips = (double)s->clips;
    fprintf(out, "\nthread core moves %9s %12s %8s %12s %8s %9s   (a clip, mean of %zu)\n",
            cores->capacity ? "capacity" : "GHz", "tasks", "share", "busy ms", "share", "of time", s->clips);
    for (int i = 0; i < s->threads; i++) {
        const struct rfa_thread_info *t = &s->thread[i];
        char core[16] = "-", speed[16] = "-";
        uint32_t known = speed_of(cores, t->core);
        if (t->core >= 0)
            snprintf(core, sizeof core, "%d", t->core);
        if (known)
            snprintf(speed, sizeof speed, "%.*f", cores->capacity ? 0 : 2, known * (cores->capacity ? 1.0 : 1e-6));
        fprintf(out, "%6d %4s %5zu %9s %12.0f %7.1f%% %12.3f %7.1f%% %8.1f%%\n", i, core, t->moves, speed,
                (double)t->tasks / clips, 100 * (double)t->tasks / (double)sum->tasks, t->seconds / clips * 1e3,
                100 * t->seconds / sum->seconds, 100 * t->seconds / s->seconds);
    }
}

static void print_json(FILE *out, const struct rfa_thread_shares *s, const struct rfa_cores *cores,
                       const struct rfa_thread_info *sum)
{
    for (int i = 0; i < s->threads; i++) {
        const struct rfa_thread_info *t = &s->thread[i];
        fprintf(out,
                "{\"thread\": %d, \"core\": %d, \"moves\": %zu, \"%s\": %u, \"clips\": %zu, \"tasks\": %zu, "
                "\"task_share\": %.4f, \"busy_ns\": %.0f, \"busy_share\": %.4f, \"time_share\": %.4f}\n",
                i, t->core, t->moves, cores->capacity ? "capacity" : "max_khz", speed_of(cores, t->core), s->clips,
                t->tasks, (double)t->tasks / (double)sum->tasks, t->seconds * 1e9, t->seconds / sum->seconds,
                t->seconds / s->seconds);
    }
}

void rfa_thread_shares_print(FILE *out, const struct rfa_thread_shares *s, bool json)
{
    static struct rfa_cores cores;
    struct rfa_thread_info sum = {.tasks = 0};
    rfa_cores_allowed(&cores);
    rfa_cores_read_speeds(&cores, "");
    for (int i = 0; i < s->threads; i++) {
        sum.tasks += s->thread[i].tasks;
        sum.seconds += s->thread[i].seconds;
    }
    (json ? print_json : print_text)(out, s, &cores, &sum);
}
