#include "score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clip_groups.h"
#include "metrics.h"

uint32_t rfa_top_actions(uint32_t *top, uint32_t most, const float *score, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = count < most ? count++ : most;
        for (; at > 0 && score[i] > score[top[at - 1]]; at--)
            if (at < most)
                top[at] = top[at - 1];
        if (at < most)
            top[at] = i;
    }
    return count;
}

uint32_t rfa_sample_top(const struct rfa_sample *sample, uint32_t classes)
{
    uint32_t top = 0;
    for (uint32_t i = 1; i < classes; i++)
        if (sample->logits[i] > sample->logits[top])
            top = i;
    return top;
}

bool rfa_sample_has(const struct rfa_sample *sample, uint32_t action)
{
    for (uint32_t i = 0; i < sample->action_count; i++)
        if (sample->actions[i] == action)
            return true;
    return false;
}

/* Among samples with one key the first answer counts, or else the first failure. */
static void drop_repeated(struct rfa_score *score, struct rfa_samples *s)
{
    size_t kept = 0;
    rfa_samples_sort(s);
    for (size_t i = 0; i < s->count; i++) {
        bool repeats = kept > 0 && strcmp(s->item[kept - 1].key, s->item[i].key) == 0;
        score->repeated += repeats;
        if (!repeats)
            s->item[kept++] = s->item[i];
        else if (!s->item[kept - 1].logits && s->item[i].logits)
            s->item[kept - 1] = s->item[i];
    }
    s->count = kept;
}

static void score_class(struct rfa_class_score *out, struct rfa_ranked *ranked, const struct rfa_samples *s,
                        uint32_t action)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!s->item[i].logits)
            continue;
        ranked[n] = (struct rfa_ranked){s->item[i].logits[action], rfa_sample_has(&s->item[i], action)};
        out->support += ranked[n++].positive;
    }
    rfa_rank(ranked, n);
    out->ap = rfa_average_precision(ranked, n);
    out->auroc = rfa_roc_auc(ranked, n);
}

static enum rfa_status score_classes(struct rfa_score *score, const struct rfa_samples *s)
{
    struct rfa_ranked *ranked = malloc((s->count + 1) * sizeof *ranked);
    double *value = malloc(2 * s->classes * sizeof *value);
    size_t *weight = malloc(s->classes * sizeof *weight);
    score->classes = calloc(s->classes, sizeof *score->classes);
    bool fits = ranked && value && weight && score->classes;
    for (uint32_t i = 0; fits && i < s->classes; i++) {
        struct rfa_class_score *c = &score->classes[i];
        score_class(c, ranked, s, i);
        value[i] = c->ap;
        value[s->classes + i] = c->auroc;
        weight[i] = c->support;
        score->map_classes += !isnan(c->ap);
        score->auroc_classes += !isnan(c->auroc);
    }
    if (fits) {
        score->map = rfa_weighted_mean(value, weight, s->classes);
        score->auroc = rfa_weighted_mean(value + s->classes, weight, s->classes);
    }
    free(ranked);
    free(value);
    free(weight);
    return fits ? RFA_OK : rfa_fail(s->log, RFA_ERR_NOMEM, "no memory for the scores; close other programs");
}

static void score_samples(struct rfa_score *score, const struct rfa_samples *s)
{
    size_t labelled = 0, hits = 0, over = 0;
    double sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct rfa_sample *sample = &s->item[i];
        score->failed += !sample->logits;
        if (!sample->logits)
            continue;
        score->answered++;
        double iou = rfa_box_iou(sample->box, sample->predicted);
        sum += iou;
        over += iou > 0.5;
        labelled += sample->action_count > 0;
        hits += rfa_sample_has(sample, rfa_sample_top(sample, s->classes));
    }
    score->miou = sum / (double)score->answered; /* NaN without samples, as the others */
    score->over_half = (double)over / (double)score->answered;
    score->top1 = (double)hits / (double)labelled;
}

/* Counts a clip once for all its answers. */
static enum rfa_status count_clips(struct rfa_score *score, const struct rfa_samples *s)
{
    struct rfa_clip_groups groups;
    enum rfa_status status = rfa_clip_groups_make(&groups, s, 1, 1);
    for (size_t i = 0; status == RFA_OK && i < groups.count; i++) {
        const struct rfa_sample_clip *about = NULL;
        for (size_t j = 0; j < groups.group[i].count; j++) {
            const struct rfa_sample *sample = groups.order[groups.group[i].first + j];
            if (sample->logits && (!about || !about->known))
                about = &sample->clip;
        }
        score->clips += about != NULL;
        score->unknown += about && !about->known;
        score->cut_short += about && about->cut_short;
        score->damaged += about && !about->cut_short && about->damaged > 0;
    }
    rfa_clip_groups_free(&groups);
    return status;
}

enum rfa_status rfa_score_compute(struct rfa_score *score, struct rfa_samples *samples)
{
    *score = (struct rfa_score){.map = NAN, .auroc = NAN};
    drop_repeated(score, samples);
    score_samples(score, samples);
    RFA_TRY(count_clips(score, samples));
    return score_classes(score, samples);
}

void rfa_score_free(struct rfa_score *score)
{
    free(score->classes);
    score->classes = NULL;
}

/* ------------------------------------------------------------------ output */

/* A figure in the table, a dash where it is not defined. */
static void print_cell(FILE *out, double value)
{
    if (isnan(value))
        fputs("        -", out);
    else
        fprintf(out, "   %.4f", value);
}

static void print_figure(FILE *out, const char *name, double value, const char *meaning)
{
    fprintf(out, "%-9s", name);
    print_cell(out, value);
    fprintf(out, "   %s\n", meaning);
}

void rfa_score_print(const struct rfa_score *score, const struct rfa_results_run *run, FILE *out)
{
    char text[96];
    fprintf(out, "samples  %9zu   answered by %s (%s, frames: %s)", score->answered, run->model, run->weights,
            run->sampling);
    if (score->failed)
        fprintf(out, "; %zu without answer are left out", score->failed);
    if (score->repeated)
        fprintf(out, "; %zu repeated ones count once", score->repeated);
    fprintf(out, "\nclips    %9zu   %zu cut short, %zu damaged", score->clips, score->cut_short, score->damaged);
    if (score->unknown)
        fprintf(out, ", %zu of results that do not say", score->unknown);
    fputs("\n", out);
    snprintf(text, sizeof text, "average precision, weighted by support over %u classes", score->map_classes);
    print_figure(out, "mAP", score->map, text);
    snprintf(text, sizeof text, "area under the ROC curve, weighted by support over %u classes", score->auroc_classes);
    print_figure(out, "AUROC", score->auroc, text);
    print_figure(out, "mIoU", score->miou, "mean overlap of the box with the true one");
    print_figure(out, "IoU>0.5", score->over_half, "share of boxes");
    print_figure(out, "top-1", score->top1, "share whose most probable action is one of the true ones");
    fprintf(out, "\n id  %-40s support       AP    AUROC\n", "action");
    for (uint32_t i = 0; i < run->classes; i++) {
        const struct rfa_class_score *c = &score->classes[i];
        if (c->support == 0)
            continue;
        fprintf(out, "%3u  %-40s %7zu", i + 1, run->labels[i], c->support);
        print_cell(out, c->ap);
        print_cell(out, c->auroc);
        fputs("\n", out);
    }
}

static void json_number(FILE *out, const char *name, double value)
{
    if (isnan(value))
        fprintf(out, ", \"%s\": null", name);
    else
        fprintf(out, ", \"%s\": %.17g", name, value);
}

void rfa_score_print_json(const struct rfa_score *score, const struct rfa_results_run *run, FILE *out)
{
    fprintf(out, "{\"answered\": %zu, \"failed\": %zu, \"repeated\": %zu", score->answered, score->failed,
            score->repeated);
    fprintf(out, ", \"clips\": %zu, \"clips_cut_short\": %zu, \"clips_damaged\": %zu, \"clips_unknown\": %zu",
            score->clips, score->cut_short, score->damaged, score->unknown);
    json_number(out, "map", score->map);
    json_number(out, "auroc", score->auroc);
    json_number(out, "miou", score->miou);
    json_number(out, "iou_over_half", score->over_half);
    json_number(out, "top1", score->top1);
    fprintf(out, ", \"map_classes\": %u, \"auroc_classes\": %u, \"classes\": [", score->map_classes,
            score->auroc_classes);
    for (uint32_t i = 0; i < run->classes; i++) {
        const struct rfa_class_score *c = &score->classes[i];
        fprintf(out, "%s{\"id\": %u, \"label\": ", i ? ", " : "", i + 1);
        rfa_cli_json_string(out, run->labels[i], strlen(run->labels[i]));
        fprintf(out, ", \"support\": %zu", c->support);
        json_number(out, "ap", c->ap);
        json_number(out, "auroc", c->auroc);
        fputs("}", out);
    }
    fputs("]}\n", out);
}
