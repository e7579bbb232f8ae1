/* Every tensor of the bundled cases against the reference, computed in float64 (tests/make_cases.sh): largest
 * difference over the RMS of the reference's tensor, and every index equal. */
#include "model_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const double tolerance = 1e-4;

enum { MAX_TENSORS = 64 };

/* A tensor that the session computed, in the order of computation. */
struct seen {
    const char *name;
    size_t values, different; /* of an index tensor: entries unlike the reference's */
    double largest;           /* difference */
    double margin;            /* smallest margin of the reference among the different entries */
    bool misshapen;
};

struct comparison {
    const struct model_case *c;
    struct seen seen[MAX_TENSORS];
    size_t count;
};

static struct seen *seen_entry(struct comparison *k, const char *name)
{
    size_t i = 0;
    while (i < k->count && strcmp(k->seen[i].name, name) != 0)
        i++;
    assert_true(i < MAX_TENSORS);
    if (i == k->count)
        k->seen[k->count++] = (struct seen){.name = name, .margin = INFINITY};
    return &k->seen[i];
}

static bool same_shape(const struct rfa_trace *t, const struct rfa_gguf_tensor *want)
{
    bool same = want->rank == t->rank && want->type == (t->element == RFA_ELEMENT_I32 ? RFA_TYPE_I32 : RFA_TYPE_F32);
    for (uint32_t i = 0; same && i < t->rank; i++)
        same = want->dim[i] == t->dim[i];
    return same;
}

static void compare_floats(struct seen *e, const float *got, const float *want, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)got[i] - (double)want[i]);
        if (!(difference <= e->largest)) /* NaN is a difference */
            e->largest = difference;
    }
}

static void compare_indices(struct seen *e, const int32_t *got, const int32_t *want, const float *margin, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (got[i] == want[i])
            continue;
        e->different++;
        if (margin && (double)margin[i] < e->margin)
            e->margin = (double)margin[i];
    }
}

/* KEYWORD_index has KEYWORD_margin beside it. */
static const float *margin_of(const struct model_case *c, const char *name)
{
    char margin[64];
    const char *end = strstr(name, "_index");
    if (!end)
        return NULL;
    snprintf(margin, sizeof margin, "%.*s_margin", (int)(end - name), name);
    return case_data(c, margin);
}

static void compare(void *user, const struct rfa_trace *t)
{
    struct comparison *k = user;
    struct seen *e = seen_entry(k, t->name);
    const struct rfa_gguf_tensor *want = case_find(k->c, t->name);
    if (!want || !same_shape(t, want)) {
        e->misshapen = true;
        return;
    }
    size_t row = 1;
    for (uint32_t i = 1; i < t->rank; i++)
        row *= t->dim[i];
    const float *margin = margin_of(k->c, t->name);
    for (size_t i = 0; i < t->repeat; i++) {
        size_t first = (t->first + i * t->count) * row, count = t->count * row;
        if (t->element == RFA_ELEMENT_F32)
            compare_floats(e, t->data, (const float *)want->data + first, count);
        else
            compare_indices(e, t->data, (const int32_t *)want->data + first, margin ? margin + first : NULL, count);
        e->values += count;
    }
}

static double rms(const struct rfa_gguf_tensor *t)
{
    const float *x = t->data;
    double sum = 0;
    size_t count = t->bytes / sizeof *x;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * (double)x[i];
    return fmax(sqrt(sum / (double)count), 1e-12);
}

/* One line a tensor; returns whether it passes. */
static bool report(const struct comparison *k, const struct seen *e)
{
    const struct rfa_gguf_tensor *want = case_find(k->c, e->name);
    if (!want || e->misshapen) {
        print_message("  %-18s has another shape or type than the reference's, or no such tensor is there\n", e->name);
        return false;
    }
    if (e->values != want->bytes / 4) {
        print_message("  %-18s %zu values of %zu were computed\n", e->name, e->values, want->bytes / 4);
        return false;
    }
    if (want->type == RFA_TYPE_I32) {
        print_message("  %-18s %zu of %zu differ", e->name, e->different, e->values);
        print_message(e->different ? ", smallest margin there %.1e\n" : "\n", e->margin);
        return e->different == 0;
    }
    double error = e->largest / rms(want);
    print_message("  %-18s %.1e\n", e->name, error);
    return error <= tolerance;
}

/* The first tensor of the reference that the session did not give. */
static const struct rfa_gguf_tensor *missing(const struct comparison *k)
{
    for (size_t i = 0; i < k->c->gguf.tensor_count; i++) {
        struct rfa_str name = k->c->gguf.tensor[i].name;
        size_t j = 0;
        while (j < k->count &&
               (strlen(k->seen[j].name) != name.len || memcmp(k->seen[j].name, name.data, name.len) != 0))
            j++;
        if (j == k->count)
            return &k->c->gguf.tensor[i];
    }
    return NULL;
}

static void check_case(const char *name, uint32_t group)
{
    struct model_case c;
    case_open(&c, name);
    struct comparison k = {.c = &c};
    struct rfa_options options;
    rfa_session *session;
    struct answer answer;
    rfa_options_default(&options);
    options.frame_group = group;
    options.trace = compare;
    options.trace_user = &k;
    assert_int_equal(rfa_session_create(&session, c.model, &options), RFA_OK);
    assert_int_equal(case_encode(session, &c), RFA_OK);
    assert_int_equal(case_answer(&answer, session), RFA_OK);
    print_message("%s, frame group %u\n", name, group);
    const char *first = NULL;
    for (size_t i = 0; i < k.count; i++)
        if (!report(&k, &k.seen[i]) && !first)
            first = k.seen[i].name;
    if (first)
        fail_msg("%s: '%s' is the first tensor that differs", name, first);
    const struct rfa_gguf_tensor *absent = missing(&k);
    if (absent)
        fail_msg("%s: '%.*s' was not computed", name, (int)absent->name.len, absent->name.data);
    rfa_session_end(&session);
    case_close(&c);
}

static void smallest_configuration(void **state)
{
    (void)state;
    check_case("micro1", 2);
}

static void no_sigmoid_and_second_branch(void **state)
{
    (void)state;
    check_case("nano2", 3);
}

static void divisor_3_and_two_mambas(void **state)
{
    (void)state;
    check_case("nano3", 5);
}

static void first_model(void **state)
{
    (void)state;
    check_case("first4", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_configuration),
        cmocka_unit_test(no_sigmoid_and_second_branch),
        cmocka_unit_test(divisor_3_and_two_mambas),
        cmocka_unit_test(first_model),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
