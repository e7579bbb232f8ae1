/* Plain `parallel` regions and a counter of our own: worksharing constructs allocate in some runtimes (LLVM's of Debian
 * 12 among them). */
#define _GNU_SOURCE /* sched_getcpu */
#include "parallel.h"

#include <stdatomic.h>
#include <stdint.h>

#include "clock.h"
#include "cpu.h"

#ifdef __linux__
#include <sched.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

#if RFA_ARCH_X86_64
#include <xmmintrin.h>
typedef uint32_t fp_mode;
static fp_mode mode_enter(void)
{
    uint32_t mode = _mm_getcsr();
    _mm_setcsr(0x1f80); /* all exceptions masked, nearest, no flush to zero, no denormals as zeros */
    return mode;
}
static void mode_leave(fp_mode mode)
{
    _mm_setcsr(mode);
}
#elif RFA_ARCH_AARCH64
typedef uint64_t fp_mode;
static fp_mode mode_enter(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return mode;
}
static void mode_leave(fp_mode mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else
typedef int fp_mode;
static fp_mode mode_enter(void)
{
    return 0; /* no portable way; the default mode is the one wanted */
}
static void mode_leave(fp_mode mode)
{
    (void)mode;
}
#endif

/* ------------------------------------------------------------------ one call of rfa_parallel_for */

struct round {
    atomic_size_t next;
    size_t tasks;
    rfa_task_fn *fn;
    void *context;
    struct rfa_thread_work *work;
};

/* Returns how many tasks came to this thread: the one counter gives a thread its next when it is done with its last,
 * so that a fast core does more of them than a slow one. */
static size_t work(struct round *r, int thread)
{
    for (size_t done = 0;; done++) {
        size_t task = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);
        if (task >= r->tasks)
            return done;
        r->fn(r->context, task, thread);
    }
}

static int current_core(void)
{
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

static void work_counted(struct round *r, int thread)
{
    struct rfa_thread_work *w = &r->work[thread];
    double start = rfa_now();
    size_t tasks = work(r, thread);
    if (tasks == 0)
        return;
    w->seconds += rfa_now() - start;
    w->tasks += tasks;
    int core = current_core();
    w->moves += w->core >= 0 && core != w->core;
    w->core = core;
}

static void take_part(struct round *r, int thread)
{
    fp_mode mode = mode_enter();
    if (r->work)
        work_counted(r, thread);
    else
        work(r, thread);
    mode_leave(mode);
}

#ifdef _OPENMP
/* The team size never changes: a smaller or larger one would make the runtime allocate. */
static void run_team(int threads, struct round *r)
{
#pragma omp parallel num_threads(threads)
    take_part(r, omp_get_thread_num());
}
#endif

void rfa_parallel_for(const struct rfa_team *team, size_t tasks, rfa_task_fn *fn, void *context)
{
    struct round r = {.tasks = tasks, .fn = fn, .context = context, .work = team->work};
#ifdef _OPENMP
    if (team->threads > 1 && tasks > 1 && !team->alone) {
        run_team(team->threads, &r);
        return;
    }
#endif
    take_part(&r, 0); /* one thread needs no region, for which libgomp would allocate a team every time */
}

/* ------------------------------------------------------------------ the team */

static void nothing(void *context, size_t task, int thread)
{
    (void)context;
    (void)task;
    (void)thread;
}

int rfa_team_start(struct rfa_team *team, int threads)
{
    *team = (struct rfa_team){.threads = threads};
#ifdef _OPENMP
    int granted = 1;
    omp_set_dynamic(0);
#pragma omp parallel num_threads(threads)
    {
#pragma omp master
        granted = omp_get_num_threads();
    }
    team->threads = granted;
#else
    team->threads = 1;
#endif
    rfa_parallel_for(team, (size_t)team->threads, nothing, NULL);
    return team->threads;
}

int rfa_team_processors(int *processor, int most)
{
    int count = 0;
#ifdef _OPENMP
    int places = omp_get_proc_bind() == omp_proc_bind_false ? 0 : omp_get_num_places();
    for (int i = 0; i < places && omp_get_place_num_procs(i) <= most - count; i++) {
        omp_get_place_proc_ids(i, processor + count);
        count += omp_get_place_num_procs(i);
    }
#else
    (void)processor, (void)most;
#endif
    return count;
}
