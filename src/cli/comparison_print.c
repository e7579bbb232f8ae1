#include "comparison.h"

#include <math.h>
#include <string.h>

#include "cli.h"

/* ------------------------------------------------------------------ text */

static const char *shape(char out[64], const struct rfa_compared *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->rank; i++)
        n += (size_t)snprintf(out + n, 64 - n, "%s%zu", i ? "x" : "", t->dim[i]);
    return out;
}

/* The place of value `at` in the tensor, slowest dimension first. */
static void place(size_t out[4], size_t at, uint32_t rank, const size_t *dim)
{
    for (uint32_t i = rank; i-- > 0; at /= dim[i])
        out[i] = at % dim[i];
}

static const char heading[] = "     different values  largest    of value   relative   cosine      first at";

static void print_diff(const struct rfa_tensor_diff *d, uint32_t rank, const size_t *dim)
{
    size_t at[4];
    if (d->different == 0) {
        printf("equal\n");
        return;
    }
    printf("%9zu of %-9zu  %9.2e  %9.2e  %9.2e  %10.7f  ", d->different, d->values, d->largest, d->largest_share,
           rfa_tensor_diff_relative(d), rfa_tensor_diff_cosine(d));
    place(at, d->first, rank, dim);
    for (uint32_t i = 0; i < rank; i++)
        printf("%s%zu", i ? "," : "", at[i]);
    printf("\n");
}

static void print_persons(const struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->persons; i++) {
        const struct rfa_person_change *p = &c->person[i];
        if (i == 0)
            printf("\ndetections that only one side takes for a person    margins (score of 'person' minus the best "
                   "other)\n");
        printf("%-20s row %4zu: on the %-5s %16s %9.2e | %.2e\n", "detr_logits", p->detection,
               p->person[0] ? "left" : "right", "", p->margin[0], p->margin[1]);
    }
}

/* Whether the index changed because its detection is a person on one side alone: it is 0 by rule on the other. */
static bool person_changed(const struct rfa_comparison *c, const struct rfa_changed_index *change)
{
    bool found = false;
    for (size_t i = 0; i < c->persons && strcmp(change->tensor, "box_index") == 0; i++)
        found = found || c->person[i].detection == change->row;
    return found;
}

static void print_changes(const struct rfa_comparison *c)
{
    struct rfa_changed_index change;
    size_t count = 0;
    for (size_t i = 0; i < c->tensors; i++)
        for (size_t at = 0; c->tensor[i].index && rfa_comparison_next_change(&change, c, &c->tensor[i], &at);) {
            if (person_changed(c, &change))
                continue;
            if (count++ == 0)
                printf("\nnearest tokens that changed                       margins (best minus second best cosine)\n");
            printf("%-20s row %4zu, frame %2zu: %4d | %-4d     %9.2e | %.2e\n", change.tensor, change.row, change.frame,
                   change.index[0], change.index[1], change.margin[0], change.margin[1]);
        }
}

static void print_steps(const struct rfa_comparison *c)
{
    if (c->steps_different == 0)
        return;
    printf("\n%-7s %-14s %-34s %s\n", "stage", "op", "step", heading);
    for (size_t i = 0; i < c->steps_different && i < RFA_COMPARED_STEPS; i++) {
        printf("%-7s %-14s %-34s ", c->step[i].stage, c->step[i].op, c->step[i].name);
        print_diff(&c->step[i].diff, c->step[i].rank, c->step[i].dim);
    }
    if (c->steps_different > RFA_COMPARED_STEPS)
        printf("and %zu more\n", c->steps_different - RFA_COMPARED_STEPS);
}

/* NULL: all are equal. */
static const char *first_tensor(const struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->tensors; i++)
        if (c->tensor[i].diff.different)
            return c->tensor[i].name;
    return NULL;
}

static void print_verdict(const struct rfa_comparison *c)
{
    size_t different = 0;
    for (size_t i = 0; i < c->tensors; i++)
        different += c->tensor[i].diff.different != 0;
    printf("\n%zu of %zu tensors", c->tensors - different, c->tensors);
    if (c->steps)
        printf(" and %zu of %zu results of steps", c->steps - c->steps_different, c->steps);
    printf(" have equal bits");
    if (c->tolerance > 0)
        printf("; %s the tolerance of %g", rfa_comparison_within(c) ? "all within" : "not all within", c->tolerance);
    if (first_tensor(c))
        printf("; the first tensor that differs: %s", first_tensor(c));
    if (c->steps_different)
        printf("; the first step: %s (%s, %s)", c->step[0].name, c->step[0].op, c->step[0].stage);
    printf("\n");
}

void rfa_comparison_print(const struct rfa_comparison *c)
{
    char text[64];
    printf("left     %s\nright    %s\n\n", c->title[0], c->title[1]);
    printf("%-20s %-16s %s\n", "tensor", "shape", heading);
    for (size_t i = 0; i < c->tensors; i++) {
        printf("%-20s %-16s ", c->tensor[i].name, shape(text, &c->tensor[i]));
        print_diff(&c->tensor[i].diff, c->tensor[i].rank, c->tensor[i].dim);
    }
    print_steps(c);
    print_persons(c);
    print_changes(c);
    print_verdict(c);
}

/* ------------------------------------------------------------------ JSON */

/* JSON has no infinity. */
static void json_number(const char *name, double x)
{
    if (isfinite(x))
        printf(", \"%s\": %.9g", name, x);
    else
        printf(", \"%s\": null", name);
}

static void json_diff(const struct rfa_tensor_diff *d, uint32_t rank, const size_t *dim)
{
    size_t at[4];

    printf(", \"values\": %zu, \"different\": %zu", d->values, d->different);
    if (d->different) {
        printf(", \"first\": %zu, \"first_at\": [", d->first);
        place(at, d->first, rank, dim);
        for (uint32_t i = 0; i < rank; i++)
            printf("%s%zu", i ? ", " : "", at[i]);
        printf("]");
    }
    json_number("largest", d->largest);
    json_number("of_value", d->largest_share);
    json_number("relative", rfa_tensor_diff_relative(d));
    json_number("cosine", rfa_tensor_diff_cosine(d));
}

static void json_tensors(const struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->tensors; i++) {
        const struct rfa_compared *t = &c->tensor[i];
        printf("%s{\"name\": \"%s\", \"shape\": [", i ? ", " : "", t->name);
        for (uint32_t k = 0; k < t->rank; k++)
            printf("%s%zu", k ? ", " : "", t->dim[k]);
        printf("]");
        json_diff(&t->diff, t->rank, t->dim);
        printf("}");
    }
}

static void json_steps(const struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->steps_different && i < RFA_COMPARED_STEPS; i++) {
        printf("%s{\"stage\": \"%s\", \"op\": \"%s\", \"step\": \"%s\"", i ? ", " : "", c->step[i].stage, c->step[i].op,
               c->step[i].name);
        json_diff(&c->step[i].diff, c->step[i].rank, c->step[i].dim);
        printf("}");
    }
}

static void json_changes(const struct rfa_comparison *c)
{
    struct rfa_changed_index change;
    size_t count = 0;
    for (size_t i = 0; i < c->tensors; i++)
        for (size_t at = 0; c->tensor[i].index && rfa_comparison_next_change(&change, c, &c->tensor[i], &at); count++) {
            printf("%s{\"tensor\": \"%s\", \"row\": %zu, \"frame\": %zu, \"left\": %d, \"right\": %d",
                   count ? ", " : "", change.tensor, change.row, change.frame, change.index[0], change.index[1]);
            json_number("left_margin", change.margin[0]);
            json_number("right_margin", change.margin[1]);
            printf("}");
        }
}

static void json_persons(const struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->persons; i++) {
        const struct rfa_person_change *p = &c->person[i];
        printf("%s{\"detection\": %zu, \"left\": %s, \"right\": %s", i ? ", " : "", p->detection,
               p->person[0] ? "true" : "false", p->person[1] ? "true" : "false");
        json_number("left_margin", p->margin[0]);
        json_number("right_margin", p->margin[1]);
        printf("}");
    }
}

void rfa_comparison_print_json(const struct rfa_comparison *c)
{
    printf("{\"left\": ");
    rfa_cli_json_string(stdout, c->title[0], strlen(c->title[0]));
    printf(", \"right\": ");
    rfa_cli_json_string(stdout, c->title[1], strlen(c->title[1]));
    printf(", \"tensors\": [");
    json_tensors(c);
    printf("], \"steps\": %zu, \"steps_different\": %zu, \"first_steps\": [", c->steps, c->steps_different);
    json_steps(c);
    printf("], \"changed_indices\": [");
    json_changes(c);
    printf("], \"changed_persons\": [");
    json_persons(c);
    printf("], \"first_tensor\": ");
    const char *first = first_tensor(c);
    if (first)
        rfa_cli_json_string(stdout, first, strlen(first));
    else
        printf("null");
    printf(", \"equal\": %s, \"within\": %s}\n", rfa_comparison_equal(c) ? "true" : "false",
           rfa_comparison_within(c) ? "true" : "false");
}
