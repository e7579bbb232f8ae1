#include "comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "ops.h"

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && strcmp(name + n - m, with) == 0;
}

static size_t values(const struct rfa_compared *t)
{
    size_t n = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

/* The tensor of this name, a new one where there is none; NULL when the table is full. */
static struct rfa_compared *find(struct rfa_comparison *c, const struct rfa_result_view *v)
{
    for (size_t i = 0; i < c->tensors; i++)
        if (strcmp(c->tensor[i].name, v->name) == 0)
            return &c->tensor[i];
    if (c->tensors == RFA_COMPARED_TENSORS)
        return NULL;
    struct rfa_compared *t = &c->tensor[c->tensors++];
    *t = (struct rfa_compared){.index = ends(v->name, "_index"), .rank = v->rank};
    snprintf(t->name, sizeof t->name, "%s", v->name);
    memcpy(t->dim, v->dim, sizeof t->dim);
    for (int i = 0; i < 2 && (t->index || ends(v->name, "_margin")); i++)
        t->kept[i] = calloc(values(t), 4);
    return t;
}

static void add_tensor(struct rfa_comparison *c, const struct rfa_result_view *left,
                       const struct rfa_result_view *right)
{
    struct rfa_compared *t = find(c, left);
    if (!t || (t->index && (!t->kept[0] || !t->kept[1]))) {
        c->no_memory = true;
        return;
    }
    rfa_tensor_diff_add(&t->diff, left->element, left->data, right->data, left->count, left->first);
    for (int i = 0; i < 2; i++)
        if (t->kept[i])
            memcpy((unsigned char *)t->kept[i] + left->first * 4, (i ? right : left)->data, left->count * 4);
}

static const char *stage_name(enum rfa_stage stage)
{
    static const char *const name[] = {"vision", "scene", "text", "answer"};
    return name[stage];
}

static void add_step(struct rfa_comparison *c, const struct rfa_result_view *left, const struct rfa_result_view *right,
                     const struct rfa_step *step)
{
    struct rfa_compared_step found = {.stage = stage_name(step->stage), .op = rfa_ops[step->op].name};
    rfa_tensor_diff_add(&found.diff, left->element, left->data, right->data, left->count, left->first);
    c->steps++;
    if (found.diff.different == 0)
        return;
    snprintf(found.name, sizeof found.name, "%s", step->name);
    if (c->steps_different < RFA_COMPARED_STEPS)
        c->step[c->steps_different] = found;
    c->steps_different++;
}

void rfa_comparison_add(struct rfa_comparison *c, const struct rfa_result_view *left,
                        const struct rfa_result_view *right, const struct rfa_graph *graph)
{
    if (left->step < 0)
        add_tensor(c, left, right);
    else
        add_step(c, left, right, &graph->step[left->step]);
}

void rfa_comparison_free(struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->tensors; i++)
        for (int side = 0; side < 2; side++)
            free(c->tensor[i].kept[side]);
}

bool rfa_comparison_equal(const struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->tensors; i++)
        if (c->tensor[i].diff.different)
            return false;
    return c->steps_different == 0;
}

/* ------------------------------------------------------------------ indices */

/* The margins beside an index tensor: NAME_margin for NAME_index, of as many values; NULL if there are none. */
static const struct rfa_compared *margins(const struct rfa_comparison *c, const struct rfa_compared *index)
{
    size_t stem = strlen(index->name) - strlen("_index");
    for (size_t i = 0; i < c->tensors; i++) {
        const struct rfa_compared *t = &c->tensor[i];
        if (strncmp(t->name, index->name, stem) == 0 && strcmp(t->name + stem, "_margin") == 0 && t->kept[0] &&
            t->kept[1] && values(t) == values(index))
            return t;
    }
    return NULL;
}

struct changed_index {
    const char *tensor;
    size_t row, frame;
    int32_t index[2];
    double margin[2]; /* best minus second best cosine; NaN where it is not known */
};

/* The next changed index of tensor t from *at on; false when there is no more. */
static bool next_change(struct changed_index *out, const struct rfa_comparison *c, const struct rfa_compared *t,
                        size_t *at)
{
    const int32_t *left = t->kept[0], *right = t->kept[1];
    size_t frames = t->rank > 1 ? t->dim[t->rank - 1] : 1, count = values(t);
    while (*at < count && left[*at] == right[*at])
        ++*at;
    if (*at == count)
        return false;
    const struct rfa_compared *m = margins(c, t);
    *out = (struct changed_index){t->name, *at / frames, *at % frames, {left[*at], right[*at]}, {NAN, NAN}};
    for (int i = 0; i < 2 && m; i++)
        out->margin[i] = (double)((const float *)m->kept[i])[*at];
    ++*at;
    return true;
}

static bool changes_within(const struct rfa_comparison *c, const struct rfa_compared *t)
{
    struct changed_index change;
    for (size_t at = 0; next_change(&change, c, t, &at);)
        if (!(change.margin[0] <= c->tolerance && change.margin[1] <= c->tolerance))
            return false;
    return true;
}

bool rfa_comparison_within(const struct rfa_comparison *c)
{
    if (c->tolerance < 0)
        return true;
    if (c->tolerance == 0)
        return rfa_comparison_equal(c);
    for (size_t i = 0; i < c->tensors; i++) {
        const struct rfa_compared *t = &c->tensor[i];
        if (t->index ? !changes_within(c, t) : rfa_tensor_diff_relative(&t->diff) > c->tolerance)
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------ text */

static const char *shape(char out[64], const struct rfa_compared *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->rank; i++)
        n += (size_t)snprintf(out + n, 64 - n, "%s%zu", i ? "x" : "", t->dim[i]);
    return out;
}

static void print_diff(const struct rfa_tensor_diff *d)
{
    if (d->different == 0) {
        printf("equal\n");
        return;
    }
    printf("%9zu of %-9zu  %9.2e  %9.2e  %10.7f  %zu\n", d->different, d->values, d->largest,
           rfa_tensor_diff_relative(d), rfa_tensor_diff_cosine(d), d->first);
}

/* A detection that only one side takes for a person: its index and margin are 0 by rule on the other. */
static bool person_changed(const struct changed_index *c)
{
    return strcmp(c->tensor, "box_index") == 0 && (c->margin[0] == 0) != (c->margin[1] == 0);
}

static void print_change(const struct changed_index *change, size_t *person_row)
{
    if (!person_changed(change)) {
        printf("%-20s row %4zu, frame %2zu: %4d | %-4d  %.2e | %.2e\n", change->tensor, change->row, change->frame,
               change->index[0], change->index[1], change->margin[0], change->margin[1]);
    } else if (*person_row != change->row + 1) {
        *person_row = change->row + 1;
        printf("%-20s row %4zu: a person on the %s alone\n", change->tensor, change->row,
               change->margin[0] == 0 ? "right" : "left");
    }
}

static void print_changes(const struct rfa_comparison *c)
{
    struct changed_index change;
    size_t count = 0, person_row = 0;
    for (size_t i = 0; i < c->tensors; i++)
        for (size_t at = 0; c->tensor[i].index && next_change(&change, c, &c->tensor[i], &at); count++) {
            if (count == 0)
                printf("\nnearest tokens that changed                    margins (best minus second best cosine)\n");
            print_change(&change, &person_row);
        }
}

static void print_steps(const struct rfa_comparison *c)
{
    if (c->steps_different == 0)
        return;
    printf("\n%-7s %-14s %-34s      different values  largest    relative   cosine      first\n", "stage", "op",
           "step");
    for (size_t i = 0; i < c->steps_different && i < RFA_COMPARED_STEPS; i++) {
        printf("%-7s %-14s %-34s ", c->step[i].stage, c->step[i].op, c->step[i].name);
        print_diff(&c->step[i].diff);
    }
    if (c->steps_different > RFA_COMPARED_STEPS)
        printf("and %zu more\n", c->steps_different - RFA_COMPARED_STEPS);
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
    printf("\n");
}

void rfa_comparison_print(const struct rfa_comparison *c)
{
    char text[64];
    printf("left     %s\nright    %s\n\n", c->title[0], c->title[1]);
    printf("%-20s %-16s      different values  largest    relative   cosine      first\n", "tensor", "shape");
    for (size_t i = 0; i < c->tensors; i++) {
        printf("%-20s %-16s ", c->tensor[i].name, shape(text, &c->tensor[i]));
        print_diff(&c->tensor[i].diff);
    }
    print_steps(c);
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

static void json_diff(const struct rfa_tensor_diff *d)
{
    printf(", \"values\": %zu, \"different\": %zu", d->values, d->different);
    if (d->different)
        printf(", \"first\": %zu", d->first);
    json_number("largest", d->largest);
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
        json_diff(&t->diff);
        printf("}");
    }
}

static void json_steps(const struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->steps_different && i < RFA_COMPARED_STEPS; i++) {
        printf("%s{\"stage\": \"%s\", \"op\": \"%s\", \"step\": \"%s\"", i ? ", " : "", c->step[i].stage, c->step[i].op,
               c->step[i].name);
        json_diff(&c->step[i].diff);
        printf("}");
    }
}

static void json_changes(const struct rfa_comparison *c)
{
    struct changed_index change;
    size_t count = 0;
    for (size_t i = 0; i < c->tensors; i++)
        for (size_t at = 0; c->tensor[i].index && next_change(&change, c, &c->tensor[i], &at); count++) {
            printf("%s{\"tensor\": \"%s\", \"row\": %zu, \"frame\": %zu, \"left\": %d, \"right\": %d",
                   count ? ", " : "", change.tensor, change.row, change.frame, change.index[0], change.index[1]);
            json_number("left_margin", change.margin[0]);
            json_number("right_margin", change.margin[1]);
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
    printf("], \"equal\": %s, \"within\": %s}\n", rfa_comparison_equal(c) ? "true" : "false",
           rfa_comparison_within(c) ? "true" : "false");
}
