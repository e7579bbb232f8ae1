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

static void measure(struct rfa_tensor_diff *d, const struct rfa_result_view *left, const struct rfa_result_view *right)
{
    if (left->int8)
        rfa_tensor_diff_add_s8(d, left->data, left->mask, right->data, right->mask, left->count, left->first);
    else
        rfa_tensor_diff_add(d, left->element, left->data, right->data, left->count, left->first);
}

static void add_tensor(struct rfa_comparison *c, const struct rfa_result_view *left,
                       const struct rfa_result_view *right)
{
    struct rfa_compared *t = find(c, left);
    if (!t || (t->index && (!t->kept[0] || !t->kept[1]))) {
        c->no_memory = true;
        return;
    }
    measure(&t->diff, left, right);
    for (int i = 0; i < 2; i++)
        if (t->kept[i])
            memcpy((unsigned char *)t->kept[i] + left->first * 4, (i ? right : left)->data, left->count * 4);
}

static void add_step(struct rfa_comparison *c, const struct rfa_result_view *left, const struct rfa_result_view *right,
                     const struct rfa_step *step)
{
    struct rfa_compared_step found = {
        .stage = rfa_stage_name((int)step->stage), .op = rfa_ops[step->op].name, .rank = left->rank};
    measure(&found.diff, left, right);
    memcpy(found.dim, left->dim, sizeof found.dim);
    c->steps++;
    if (found.diff.different == 0)
        return;
    snprintf(found.name, sizeof found.name, "%s", step->name);
    if (c->steps_different < RFA_COMPARED_STEPS)
        c->step[c->steps_different] = found;
    c->steps_different++;
}

/* The step that decides, NULL where the model has none. */
static const struct rfa_step *deciding_step(const struct rfa_graph *graph)
{
    for (int i = 0; i < graph->step_count; i++)
        if (graph->step[i].op == RFA_OP_DETECTIONS)
            return &graph->step[i];
    return NULL;
}

static void add_persons(struct rfa_comparison *c, const struct rfa_result_view *left,
                        const struct rfa_result_view *right, const struct rfa_graph *graph)
{
    const struct rfa_step *step = deciding_step(graph);
    if (!step || strcmp(left->name, "detr_logits") != 0)
        return;
    c->person = calloc(left->dim[0], sizeof *c->person);
    c->no_memory = c->no_memory || !c->person;
    if (c->person)
        c->persons = rfa_persons_compare(c->person, left->data, right->data, left->dim[0], left->dim[1],
                                         step->p.detections.person);
}

void rfa_comparison_add(struct rfa_comparison *c, const struct rfa_result_view *left,
                        const struct rfa_result_view *right, const struct rfa_graph *graph)
{
    if (left->step < 0) {
        add_tensor(c, left, right);
        add_persons(c, left, right, graph);
    } else
        add_step(c, left, right, &graph->step[left->step]);
}

void rfa_comparison_free(struct rfa_comparison *c)
{
    for (size_t i = 0; i < c->tensors; i++)
        for (int side = 0; side < 2; side++)
            free(c->tensor[i].kept[side]);
    free(c->person);
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

bool rfa_comparison_next_change(struct rfa_changed_index *out, const struct rfa_comparison *c,
                                const struct rfa_compared *t, size_t *at)
{
    const int32_t *left = t->kept[0], *right = t->kept[1];
    size_t frames = t->rank > 1 ? t->dim[t->rank - 1] : 1, count = values(t);
    while (*at < count && left[*at] == right[*at])
        ++*at;
    if (*at == count)
        return false;
    const struct rfa_compared *m = margins(c, t);
    *out = (struct rfa_changed_index){t->name, *at / frames, *at % frames, {left[*at], right[*at]}, {NAN, NAN}};
    for (int i = 0; i < 2 && m; i++)
        out->margin[i] = (double)((const float *)m->kept[i])[*at];
    ++*at;
    return true;
}

static bool changes_within(const struct rfa_comparison *c, const struct rfa_compared *t)
{
    struct rfa_changed_index change;
    for (size_t at = 0; rfa_comparison_next_change(&change, c, t, &at);)
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
