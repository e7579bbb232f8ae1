/* Metrics against scikit-learn's figures for random tables (data/metrics.txt, made by compare_metrics.py) and against
 * counting. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../src/metrics.h"

enum { MAX_SAMPLES = 64, MAX_CLASSES = 16 };

static const double TOLERANCE = 1e-9;

struct table {
    int samples, classes;
    double map, auroc, ap[MAX_CLASSES], class_auroc[MAX_CLASSES];
    struct rfa_ranked item[MAX_CLASSES][MAX_SAMPLES];
};

static void read_table(struct table *t, FILE *file)
{
    assert_int_equal(fscanf(file, "%d %d %lf %lf", &t->samples, &t->classes, &t->map, &t->auroc), 4);
    assert_in_range(t->samples, 1, MAX_SAMPLES);
    assert_in_range(t->classes, 1, MAX_CLASSES);
    for (int c = 0; c < t->classes; c++)
        assert_int_equal(fscanf(file, "%lf %lf", &t->ap[c], &t->class_auroc[c]), 2);
    for (int i = 0; i < t->samples; i++)
        for (int c = 0; c < t->classes; c++)
            assert_int_equal(fscanf(file, "%f %u", &t->item[c][i].score, &t->item[c][i].positive), 2);
}

static void expect(double value, double wanted)
{
    assert_true(isnan(wanted) ? isnan(value) : fabs(value - wanted) <= TOLERANCE);
}

static void check_table(struct table *t)
{
    double ap[MAX_CLASSES], auroc[MAX_CLASSES];
    size_t support[MAX_CLASSES] = {0}, n = (size_t)t->samples;
    for (int c = 0; c < t->classes; c++) {
        for (size_t i = 0; i < n; i++)
            support[c] += t->item[c][i].positive;
        rfa_rank(t->item[c], n);
        expect(ap[c] = rfa_average_precision(t->item[c], n), t->ap[c]);
        expect(auroc[c] = rfa_roc_auc(t->item[c], n), t->class_auroc[c]);
    }
    expect(rfa_weighted_mean(ap, support, (size_t)t->classes), t->map);
    expect(rfa_weighted_mean(auroc, support, (size_t)t->classes), t->auroc);
}

static void test_against_scikit_learn(void **state)
{
    (void)state;
    int tables, defined = 0;
    FILE *file = fopen("data/metrics.txt", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &tables), 1);
    assert_true(tables >= 50);
    for (int i = 0; i < tables; i++) {
        static struct table t;
        read_table(&t, file);
        check_table(&t);
        defined += !isnan(t.map) && !isnan(t.auroc);
    }
    fclose(file);
    assert_true(defined >= 40);
}

/* The definition itself: every pair of a positive and a negative. */
static void test_auroc_counts_pairs(void **state)
{
    (void)state;
    enum { N = 200 };
    struct rfa_ranked item[N];
    unsigned seed = 1;
    double pairs = 0, wins = 0;
    for (int i = 0; i < N; i++) {
        seed = seed * 1103515245u + 12345u;
        item[i] = (struct rfa_ranked){(float)(seed >> 16 & 31), seed >> 24 & 1};
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            if (item[i].positive && !item[j].positive) {
                pairs++;
                wins += item[i].score > item[j].score ? 1 : item[i].score == item[j].score ? 0.5 : 0;
            }
    rfa_rank(item, N);
    assert_true(pairs > 0);
    expect(rfa_roc_auc(item, N), wins / pairs);
}

static void test_nothing_to_rank(void **state)
{
    (void)state;
    struct rfa_ranked one = {0.5f, 1};
    const double none[2] = {NAN, NAN};
    const size_t weight[2] = {3, 0};
    assert_true(isnan(rfa_average_precision(&one, 0)) && isnan(rfa_roc_auc(&one, 0)));
    assert_true(rfa_average_precision(&one, 1) == 1);
    assert_true(isnan(rfa_roc_auc(&one, 1)));
    assert_true(isnan(rfa_weighted_mean(none, weight, 2)));
}

static void test_iou(void **state)
{
    (void)state;
    static const struct {
        double a[4], b[4], iou;
    } cases[] = {
        {{0, 0, 1, 1}, {0, 0, 1, 1}, 1},        {{0, 0, 2, 1}, {1, 0, 3, 1}, 1.0 / 3},
        {{0, 0, 1, 1}, {1, 0, 2, 1}, 0},        /* they touch */
        {{0, 0, 1, 1}, {2, 2, 3, 3}, 0},        /* apart in both directions */
        {{0, 0, 4, 4}, {1, 1, 2, 2}, 1.0 / 16}, /* one inside the other */
        {{0, 0, 1, 1}, {1, 1, 0, 0}, 0},        /* inverted: no area */
        {{0, 0, 1, 1}, {0.5, 0, 0.5, 1}, 0},    /* flat */
        {{1, 1, 0, 0}, {1, 1, 0, 0}, 0},        /* both inverted */
        {{0, 0, 1, 1}, {0, NAN, 1, 1}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(rfa_box_iou(cases[i].a, cases[i].b), cases[i].iou);
        expect(rfa_box_iou(cases[i].b, cases[i].a), cases[i].iou);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_scikit_learn),
        cmocka_unit_test(test_auroc_counts_pairs),
        cmocka_unit_test(test_nothing_to_rank),
        cmocka_unit_test(test_iou),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
