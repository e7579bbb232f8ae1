#include "plot.h"

#include <math.h>
#include <stdlib.h>

#include "metrics.h"
#include "svg.h"

enum {
    COLUMNS = 6,
    CELL_W = 170,
    CELL_H = 150,
    PLOT = 110,
    MARGIN = 24,
    HEAD = 64,
    MATRIX_CLASSES = 20,
    SQUARE = 26,
    NAMES = 210
};

static const struct rfa_svg_font TITLE = {18, "start", RFA_SVG_INK}, FIGURES = {12, "start", RFA_SVG_PALE},
                                 HEADING = {14, "start", RFA_SVG_INK}, CLASS = {11, "start", RFA_SVG_INK},
                                 PRECISION = {10, "start", RFA_SVG_PALE}, ROW = {11, "end", RFA_SVG_INK};

struct plot {
    FILE *out;
    const struct rfa_score *score;
    const struct rfa_results_run *run;
    const struct rfa_samples *samples;
    uint32_t *order; /* classes with positives, the most frequent first */
    uint32_t count;
    struct rfa_ranked *ranked;
};

/* At most `most` characters of a label, in a buffer that lives until the next call; UTF-8 characters are not cut. */
static const char *shorten(const char *label, int most)
{
    static char text[256];
    int n = 0, characters = 0;
    for (; label[n] && n < (int)sizeof text - 8; n++) {
        characters += ((unsigned char)label[n] & 0xc0) != 0x80;
        if (characters > most)
            break;
        text[n] = label[n];
    }
    snprintf(text + n, sizeof text - (size_t)n, "%s", label[n] ? "\xe2\x80\xa6" : "");
    return text;
}

/* ------------------------------------------------------------------ precision over recall */

static size_t rank_class(const struct plot *p, uint32_t action)
{
    size_t n = 0;
    for (size_t i = 0; i < p->samples->count; i++)
        if (p->samples->item[i].logits)
            p->ranked[n++] =
                (struct rfa_ranked){p->samples->item[i].logits[action], rfa_sample_has(&p->samples->item[i], action)};
    rfa_rank(p->ranked, n);
    return n;
}

/* The steps whose area is the average precision; steps narrower than half a pixel are joined to the next. */
static void put_curve(const struct plot *p, uint32_t action, double x, double y)
{
    size_t n = rank_class(p, action), found = 0, support = p->score->classes[action].support;
    double drawn = 0;
    fprintf(p->out, "<path fill=\"%s\" fill-opacity=\"0.15\" stroke=\"%s\" stroke-width=\"1.5\" d=\"M%.1f %.1f",
            rfa_svg_color[0], rfa_svg_color[0], x, y + PLOT);
    for (size_t i = 0, end; i < n; i = end) {
        end = rfa_rank_tie_end(p->ranked, n, i);
        for (size_t k = i; k < end; k++)
            found += p->ranked[k].positive;
        double recall = PLOT * (double)found / (double)support;
        if (recall - drawn < 0.5 && found < support)
            continue;
        if (recall > drawn)
            fprintf(p->out, "V%.1fH%.1f", y + PLOT * (1 - (double)found / (double)end), x + recall);
        drawn = recall;
    }
    fprintf(p->out, "V%.1fZ\"/>\n", y + PLOT);
}

static void put_cell(const struct plot *p, uint32_t action, double x, double y)
{
    const struct rfa_class_score *c = &p->score->classes[action];
    rfa_svg_text(p->out, x, y - 18, CLASS, "%s", shorten(p->run->labels[action], 25));
    rfa_svg_text(p->out, x, y - 5, PRECISION, "AP %.3f, %zu positive", c->ap, c->support);
    fprintf(p->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"#fff\" stroke=\"%s\"/>\n", x, y,
            PLOT, PLOT, RFA_SVG_LINE);
    rfa_svg_line(p->out, x, y + PLOT / 2.0, x + PLOT, y + PLOT / 2.0);
    rfa_svg_line(p->out, x + PLOT / 2.0, y, x + PLOT / 2.0, y + PLOT);
    put_curve(p, action, x, y);
}

static double put_grid(const struct plot *p, double top)
{
    rfa_svg_text(p->out, MARGIN, top, HEADING,
                 "Precision (up) over recall (right), 0 to 1, of every class with positives");
    for (uint32_t i = 0; i < p->count; i++)
        put_cell(p, p->order[i], MARGIN + (double)(i % COLUMNS) * CELL_W, top + 52 + (double)(i / COLUMNS) * CELL_H);
    return top + 52 + (double)((p->count + COLUMNS - 1) / COLUMNS) * CELL_H;
}

/* ------------------------------------------------------------------ what is taken for what */

/* share[i][j]: of the samples with true action i, those whose most probable action is j; the last column: any other. */
static void count_confusions(const struct plot *p, double share[MATRIX_CLASSES][MATRIX_CLASSES + 1], uint32_t n)
{
    for (size_t s = 0; s < p->samples->count; s++) {
        const struct rfa_sample *sample = &p->samples->item[s];
        if (!sample->logits)
            continue;
        uint32_t top = rfa_sample_top(sample, p->run->classes), column = 0;
        while (column < n && p->order[column] != top)
            column++;
        for (uint32_t i = 0; i < n; i++)
            if (rfa_sample_has(sample, p->order[i]))
                share[i][column] += 1.0 / (double)p->score->classes[p->order[i]].support;
    }
}

static void put_square(FILE *out, double x, double y, double share, bool right)
{
    fprintf(
        out,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"%s\" fill-opacity=\"%.3f\" stroke=\"%s\"/>\n", x,
        y, SQUARE, SQUARE, rfa_svg_color[right ? 2 : 0], share, RFA_SVG_LINE);
    if (share >= 0.005)
        rfa_svg_text(out, x + SQUARE / 2.0, y + SQUARE / 2.0 + 3.5,
                     (struct rfa_svg_font){10, "middle", share > 0.55 ? "#fff" : RFA_SVG_INK}, "%.0f", 100 * share);
}

static void put_column_name(const struct plot *p, double x, double y, uint32_t column, uint32_t n)
{
    fprintf(p->out, "<text transform=\"translate(%.1f %.1f) rotate(-50)\" font-size=\"11\" fill=\"%s\">", x, y,
            RFA_SVG_INK);
    rfa_svg_escape(p->out, column < n ? shorten(p->run->labels[p->order[column]], 25) : "any other");
    fputs("</text>\n", p->out);
}

static void put_matrix(const struct plot *p, double top)
{
    double share[MATRIX_CLASSES][MATRIX_CLASSES + 1] = {{0}};
    uint32_t n = p->count < MATRIX_CLASSES ? p->count : MATRIX_CLASSES;
    double left = MARGIN + NAMES, first = top + 150;
    count_confusions(p, share, n);
    rfa_svg_text(p->out, MARGIN, top, HEADING,
                 "Of 100 samples with the action of a row, the most probable action is that of the column%s",
                 n < p->count ? " (the 20 most frequent)" : "");
    for (uint32_t j = 0; j <= n; j++)
        put_column_name(p, left + j * SQUARE + SQUARE / 2.0, first - 6, j, n);
    for (uint32_t i = 0; i < n; i++) {
        rfa_svg_text(p->out, left - 8, first + i * SQUARE + SQUARE / 2.0 + 4, ROW, "%s",
                     shorten(p->run->labels[p->order[i]], 32));
        for (uint32_t j = 0; j <= n; j++)
            put_square(p->out, left + j * SQUARE, first + i * SQUARE, share[i][j], i == j);
    }
}

/* ------------------------------------------------------------------ the whole picture */

static void order_classes(struct plot *p)
{
    for (uint32_t i = 0; i < p->run->classes; i++) {
        size_t support = p->score->classes[i].support;
        uint32_t at = p->count;
        if (support == 0)
            continue;
        for (; at > 0 && p->score->classes[p->order[at - 1]].support < support; at--)
            p->order[at] = p->order[at - 1];
        p->order[at] = i;
        p->count++;
    }
}

static void put_head(const struct plot *p)
{
    const struct rfa_score *s = p->score;
    rfa_svg_text(p->out, MARGIN, 34, TITLE, "%s", shorten(p->run->model, 100));
    rfa_svg_text(p->out, MARGIN, 54, FIGURES, "%zu samples, mAP %.4f, AUROC %.4f, mIoU %.4f, IoU>0.5 %.4f, top-1 %.4f",
                 s->answered, s->map, s->auroc, s->miou, s->over_half, s->top1);
}

static void put_picture(struct plot *p)
{
    uint32_t rows = (p->count + COLUMNS - 1) / COLUMNS, n = p->count < MATRIX_CLASSES ? p->count : MATRIX_CLASSES;
    int width = 2 * MARGIN + COLUMNS * CELL_W, matrix_width = 2 * MARGIN + NAMES + (int)(n + 1) * SQUARE + 110;
    int height = HEAD + 30 + 52 + (int)rows * CELL_H + 40 + 150 + (int)n * SQUARE + MARGIN;
    width = matrix_width > width ? matrix_width : width;
    rfa_svg_begin(p->out, width, height);
    put_head(p);
    double bottom = put_grid(p, HEAD + 30);
    put_matrix(p, bottom + 20);
    fputs("</svg>\n", p->out);
}

enum rfa_status rfa_plot_svg(FILE *out, const struct rfa_score *score, const struct rfa_results_run *run,
                             const struct rfa_samples *samples)
{
    struct plot p = {.out = out, .score = score, .run = run, .samples = samples};
    p.order = malloc(run->classes * sizeof *p.order);
    p.ranked = malloc((samples->count + 1) * sizeof *p.ranked);
    enum rfa_status status = RFA_OK;
    if (!p.order || !p.ranked) {
        status = rfa_fail(samples->log, RFA_ERR_NOMEM, "no memory for the plots; close other programs");
    } else {
        order_classes(&p);
        put_picture(&p);
    }
    free(p.order);
    free(p.ranked);
    return status;
}
