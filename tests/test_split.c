/* How steps are cut into tasks: every row and output once, and, for the shapes of the full-size model, how long the
 * busiest of 1 to 8 equally fast threads works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops.h"

enum { MAX_THREADS = 8, MAX_ROWS = 300, MAX_OUTPUTS = 400, PIXELS = 96, BLOCK_BYTES = 1 << 20 };

/* ------------------------------------------------------------------ every row and output once */

static void assert_each_once(const struct rfa_split *s, const struct rfa_split_rule *rule)
{
    static unsigned char done[MAX_ROWS][MAX_OUTPUTS];
    memset(done, 0, sizeof done);
    for (size_t task = 0; task < rfa_split_tasks(s); task++) {
        struct rfa_part rows = rfa_task_rows(s, task), outputs = rfa_task_outputs(s, task);
        assert_true(rows.count > 0 && rows.count <= rule->most_rows && outputs.count > 0);
        assert_int_equal(outputs.first % rule->least_unit, 0);
        assert_true(rows.first + rows.count <= s->rows && outputs.first + outputs.count <= s->outputs);
        for (size_t i = 0; i < rows.count; i++)
            for (size_t j = 0; j < outputs.count; j++)
                done[rows.first + i][outputs.first + j]++;
    }
    for (size_t i = 0; i < s->rows; i++)
        for (size_t j = 0; j < s->outputs; j++)
            assert_int_equal(done[i][j], 1);
}

static uint64_t state = 20261126;

static size_t below(size_t n)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (size_t)(state >> 33) % n;
}

static void tasks_are_a_partition(void **unused)
{
    (void)unused;
    static const size_t tiles[] = {1, 4, 6, 8, 32};
    for (int i = 0; i < 2000; i++) {
        size_t tile = tiles[below(5)], most = tile + below(MAX_ROWS);
        struct rfa_split_rule rule = {.threads = 1 + below(256),
                                      .tile = tile,
                                      .most_rows = most,
                                      .least_rows = tile + below(64),
                                      .unit = 64,
                                      .least_unit = below(2) ? 64 : 32,
                                      .tasks = 1 + below(4)};
        struct rfa_split s = rfa_split_product(1 + below(MAX_ROWS), 1 + below(MAX_OUTPUTS), &rule);
        assert_each_once(&s, &rule);
        s = rfa_split_rows(1 + below(MAX_ROWS), tile, most, rule.tasks, rule.threads);
        assert_each_once(&s, &rule);
    }
}

static void nothing_is_no_work(void **unused)
{
    (void)unused;
    const struct rfa_split_rule rule = {3, 6, 60, 30, 64, 32, 4};
    struct rfa_split s = rfa_split_product(0, 100, &rule);
    assert_int_equal(rfa_task_rows(&s, 0).count, 0);
    s = rfa_split_rows(0, 6, 60, 4, 3);
    assert_int_equal(rfa_task_rows(&s, 0).count, 0);
    s = rfa_split_product(100, 0, &rule);
    assert_int_equal(rfa_task_outputs(&s, 0).count, 0);
}

/* ------------------------------------------------------------------ the full-size model */

/* Products with `k` inputs: any, with quantised results, convolutions. */
enum kind { ANY, FUSED, CONV };

static const struct shape {
    enum rfa_stage stage;
    enum kind kind;
    size_t rows, outputs, k, count;
} shapes[] = {
    /* the ViT and the Q-Former, two frames */
    {RFA_STAGE_VISION, ANY, 514, 1408, 1408, 39},
    {RFA_STAGE_VISION, FUSED, 514, 6144, 1408, 39},
    {RFA_STAGE_VISION, ANY, 514, 1408, 6144, 39},
    {RFA_STAGE_VISION, ANY, 514, 1536, 1408, 6},
    {RFA_STAGE_VISION, ANY, 64, 768, 768, 24},
    {RFA_STAGE_VISION, FUSED, 64, 3072, 768, 12},
    {RFA_STAGE_VISION, ANY, 64, 768, 3072, 12},
    /* ResNet-50 */
    {RFA_STAGE_SCENE, CONV, 39610, 64, 147, 1},
    {RFA_STAGE_SCENE, CONV, 9945, 64, 576, 3},
    {RFA_STAGE_SCENE, CONV, 9945, 256, 64, 4},
    {RFA_STAGE_SCENE, CONV, 9945, 64, 256, 2},
    {RFA_STAGE_SCENE, CONV, 2537, 128, 1152, 4},
    {RFA_STAGE_SCENE, CONV, 2537, 512, 128, 4},
    {RFA_STAGE_SCENE, CONV, 2537, 128, 512, 3},
    {RFA_STAGE_SCENE, CONV, 660, 256, 2304, 6},
    {RFA_STAGE_SCENE, CONV, 660, 1024, 256, 6},
    {RFA_STAGE_SCENE, CONV, 660, 256, 1024, 5},
    {RFA_STAGE_SCENE, CONV, 165, 512, 4608, 3},
    {RFA_STAGE_SCENE, CONV, 165, 2048, 512, 3},
    {RFA_STAGE_SCENE, CONV, 165, 2048, 1024, 1},
    {RFA_STAGE_SCENE, CONV, 165, 512, 2048, 2},
    /* DETR's encoder and decoder */
    {RFA_STAGE_SCENE, ANY, 165, 256, 2048, 7},
    {RFA_STAGE_SCENE, ANY, 165, 512, 256, 6},
    {RFA_STAGE_SCENE, ANY, 165, 256, 256, 24},
    {RFA_STAGE_SCENE, FUSED, 165, 2048, 256, 6},
    {RFA_STAGE_SCENE, ANY, 100, 512, 256, 6},
    {RFA_STAGE_SCENE, ANY, 100, 256, 256, 24},
    {RFA_STAGE_SCENE, FUSED, 100, 2048, 256, 6},
    {RFA_STAGE_SCENE, ANY, 100, 256, 2048, 6},
    /* OPT and the Q-Former, twenty tokens */
    {RFA_STAGE_TEXT, ANY, 20, 7680, 2560, 32},
    {RFA_STAGE_TEXT, ANY, 20, 2560, 2560, 32},
    {RFA_STAGE_TEXT, ANY, 20, 10240, 2560, 32},
    {RFA_STAGE_TEXT, ANY, 20, 2560, 10240, 32},
    {RFA_STAGE_TEXT, ANY, 20, 2304, 768, 12},
    {RFA_STAGE_TEXT, ANY, 20, 768, 768, 12},
    {RFA_STAGE_TEXT, ANY, 20, 3072, 768, 12},
    {RFA_STAGE_TEXT, ANY, 20, 768, 3072, 12},
};

static struct rfa_split split_of(const struct rfa_session *s, const struct shape *x)
{
    const struct rfa_gemm_s8 *gemm = s->kernels.gemm_s8;
    size_t threads = (size_t)s->options.threads, fitting = BLOCK_BYTES / x->k;
    if (x->kind == FUSED && !rfa_few_rows_for_all(s, x->rows))
        return rfa_split_rows(x->rows, gemm->mr, gemm->mc, 1, threads);
    if (x->kind == CONV && !rfa_few_pixels_for_all(s, x->rows))
        return rfa_split_rows(x->rows, gemm->mr, PIXELS, 1, threads);
    return rfa_split_int8(x->rows, x->outputs, s->kernels.gemm_s8->mr, x->kind == CONV ? PIXELS : fitting,
                          (size_t)s->options.threads);
}

/* Time of the busiest thread when each takes the next task as soon as it is free, as a part of the whole. */
static double busiest(const struct rfa_split *s, const struct shape *x, int threads)
{
    double load[MAX_THREADS] = {0}, most = 0;
    for (size_t task = 0; task < rfa_split_tasks(s); task++) {
        int free = 0;
        for (int i = 1; i < threads; i++)
            free = load[i] < load[free] ? i : free;
        size_t outputs = s->outputs == 1 ? x->outputs : rfa_task_outputs(s, task).count;
        load[free] += (double)rfa_task_rows(s, task).count * (double)outputs;
        most = load[free] > most ? load[free] : most;
    }
    return most / ((double)x->rows * (double)x->outputs);
}

static void check_stage(const struct rfa_session *s, enum rfa_stage stage)
{
    static const char *const names[] = {"VISION", "SCENE", "TEXT"};
    double whole = 0, time = 0, worst = 1;
    int threads = s->options.threads;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct shape *x = &shapes[i];
        if (x->stage != stage)
            continue;
        struct rfa_split split = split_of(s, x);
        double work = (double)x->rows * (double)x->outputs * (double)x->k * (double)x->count;
        double share = busiest(&split, x, threads) * threads;
        whole += work;
        time += work * share;
        worst = share > worst ? share : worst;
        if (share > 1.15)
            print_message("%zu x %zu: %zu tasks, busiest %.2f\n", x->rows, x->outputs, rfa_split_tasks(&split), share);
    }
    print_message(
        "%-6s tiles of %2zu rows, %d threads: %5.1f %%, the busiest thread has at most %.2f shares of a step\n",
        names[stage], s->kernels.gemm_s8->mr, threads, 100 * whole / time, worst);
    assert_true(whole / time >= 0.92);
    assert_true(worst <= (threads == 5 || threads == 7 ? 1.35 : 1.15)); /* 256 outputs are 4 or 8 units */
}

static void threads_are_busy(void **unused)
{
    (void)unused;
    static const struct rfa_gemm_s8 kernels[] = {
        {.mr = 4, .mc = 64}, {.mr = 6, .mc = 128}, {.mr = 8, .mc = 80}, {.mr = 32, .mc = 256}};
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        for (int threads = 1; threads <= MAX_THREADS; threads++) {
            const struct rfa_session s = {.options = {.threads = threads}, .kernels = {.gemm_s8 = &kernels[i]}};
            check_stage(&s, RFA_STAGE_VISION);
            check_stage(&s, RFA_STAGE_SCENE);
            check_stage(&s, RFA_STAGE_TEXT);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_a_partition),
        cmocka_unit_test(nothing_is_no_work),
        cmocka_unit_test(threads_are_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
