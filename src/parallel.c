/* Plain `parallel` regions and a counter of our own: worksharing constructs allocate in some runtimes (LLVM's of Debian
 * 12 among them). */
#include "parallel.h"

#include <stdatomic.h>
#include <stdint.h>

#include "cpu.h"

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

static void work(atomic_size_t *next, size_t tasks, rfa_task_fn *fn, void *context, int thread)
{
    for (;;) {
        size_t task = atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
        if (task >= tasks)
            return;
        fn(context, task, thread);
    }
}

#ifdef _OPENMP
/* The team size never changes: a smaller or larger one would make the runtime allocate. */
static void run_team(int threads, size_t tasks, rfa_task_fn *fn, void *context)
{
    atomic_size_t next = 0;
#pragma omp parallel num_threads(threads)
    {
        fp_mode mode = mode_enter();
        work(&next, tasks, fn, context, omp_get_thread_num());
        mode_leave(mode);
    }
}
#endif

/* One thread needs no region, for which libgomp would allocate a team every time. */
static void run_alone(size_t tasks, rfa_task_fn *fn, void *context)
{
    atomic_size_t next = 0;
    fp_mode mode = mode_enter();
    work(&next, tasks, fn, context, 0);
    mode_leave(mode);
}

void rfa_parallel_for(const struct rfa_team *team, size_t tasks, rfa_task_fn *fn, void *context)
{
#ifdef _OPENMP
    if (team->threads > 1 && tasks > 1 && !team->alone) {
        run_team(team->threads, tasks, fn, context);
        return;
    }
#else
    (void)team;
#endif
    run_alone(tasks, fn, context);
}

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
