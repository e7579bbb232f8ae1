/* The thread team: every task once, the counts of every thread, and nothing counted where nobody asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "parallel.h"

enum { TASKS = 200, MAX_THREADS = 2 };

/* Each task notes itself, and the thread that did it: what the team's counts are held against. */
struct notes {
    atomic_int done[TASKS];
    size_t by[MAX_THREADS];
    double seconds; /* a task takes at least these */
    bool together;  /* the first two tasks wait for each other: no thread does everything */
    atomic_int begun;
};

static void note(void *context, size_t task, int thread)
{
    struct notes *n = context;
    double end = rfa_now() + n->seconds;
    atomic_fetch_add(&n->done[task], 1);
    n->by[thread]++;
    if (n->together && atomic_fetch_add(&n->begun, 1) < 2)
        while (atomic_load(&n->begun) < 2)
            ;
    while (rfa_now() < end)
        ;
}

static void assert_each_once(struct notes *n)
{
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(atomic_load(&n->done[i]), 1);
}

static void assert_counts(const struct rfa_thread_work *work, const struct notes *n, int threads)
{
    for (int i = 0; i < threads; i++) {
        assert_int_equal(work[i].tasks, n->by[i]);
        assert_true(work[i].seconds >= 0.9 * (double)n->by[i] * n->seconds); /* the clock counts quarters of a us */
#ifdef __linux__
        assert_true(work[i].tasks == 0 ? work[i].core == -1 : work[i].core >= 0);
#endif
    }
}

static struct rfa_thread_work work[MAX_THREADS];

static void reset_work(void)
{
    for (int i = 0; i < MAX_THREADS; i++)
        work[i] = (struct rfa_thread_work){.core = -1};
}

static void one_thread_has_it_all(void **state)
{
    (void)state;
    static struct notes n;
    struct rfa_team team;
    memset(&n, 0, sizeof n);
    n.seconds = 20e-6;
    reset_work();
    assert_int_equal(rfa_team_start(&team, 1), 1);
    team.work = work;
    double start = rfa_now();
    rfa_parallel_for(&team, TASKS, note, &n);
    assert_true(work[0].seconds <= rfa_now() - start);
    assert_each_once(&n);
    assert_int_equal(work[0].tasks, TASKS);
    assert_counts(work, &n, 1);
}

static void two_threads_share(void **state)
{
    (void)state;
    static struct notes n;
    struct rfa_team team;
    memset(&n, 0, sizeof n);
    n.seconds = 20e-6;
    n.together = true;
    reset_work();
    if (rfa_team_start(&team, 2) < 2)
        skip(); /* a build without OpenMP */
    team.work = work;
    rfa_parallel_for(&team, TASKS, note, &n);
    assert_each_once(&n);
    assert_counts(work, &n, 2);
    assert_int_equal(work[0].tasks + work[1].tasks, TASKS);
    assert_true(work[0].tasks > 0 && work[1].tasks > 0);

    /* The next call is added; where the team is not wanted, to the calling thread. */
    size_t before = work[0].tasks, other = work[1].tasks;
    n.together = false;
    team.alone = true;
    rfa_parallel_for(&team, TASKS, note, &n);
    assert_int_equal(work[0].tasks, before + TASKS);
    assert_int_equal(work[1].tasks, other);
    assert_counts(work, &n, 2);
}

/* A thread that is held up by its task leaves the rest to the other. */
static void hold_first(void *context, size_t task, int thread)
{
    atomic_int *left = context;
    (void)thread;
    if (task == 0)
        while (atomic_load(left) > 0)
            ;
    else
        atomic_fetch_sub(left, 1);
}

static void a_slow_thread_does_less(void **state)
{
    (void)state;
    atomic_int left = TASKS - 1;
    struct rfa_team team;
    reset_work();
    if (rfa_team_start(&team, 2) < 2)
        skip();
    team.work = work;
    rfa_parallel_for(&team, TASKS, hold_first, &left);
    assert_int_equal(work[0].tasks + work[1].tasks, TASKS);
    assert_true(work[0].tasks == 1 || work[1].tasks == 1);
    assert_true(work[0].seconds > 0 && work[1].seconds > 0);
}

static void nothing_is_counted_unasked(void **state)
{
    (void)state;
    static struct notes n;
    struct rfa_team team = {.threads = 0, .work = work};
    memset(&n, 0, sizeof n);
    reset_work();
    assert_in_range(rfa_team_start(&team, 2), 1, 2);
    assert_null(team.work);
    rfa_parallel_for(&team, TASKS, note, &n);
    rfa_parallel_for(&team, 0, note, &n);
    assert_each_once(&n);
    assert_int_equal(work[0].tasks + work[1].tasks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_has_it_all),
        cmocka_unit_test(two_threads_share),
        cmocka_unit_test(a_slow_thread_does_less),
        cmocka_unit_test(nothing_is_counted_unasked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
