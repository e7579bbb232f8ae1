#include "page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "media.h"
#include "metrics.h"
#include "output.h"
#include "plot.h"
#include "svg.h"

enum { SHOWN = 12, TOP = 5, PICTURE_WIDTH = 480, JPEG_QUALITY = 80 };

struct graded {
    const struct rfa_sample *sample;
    double grade, iou, precision;
};

struct page {
    FILE *out;
    const char *path, *videos; /* path: of the temporary file, so that nothing else has its name with .jpg added */
    const struct rfa_score *score;
    const struct rfa_results_run *run;
    const struct rfa_samples *samples;
};

/* ------------------------------------------------------------------ which samples */

/* Average precision of the sample's own ranking of the classes: 1 where its actions have the highest scores. */
static double own_precision(const struct rfa_sample *sample, uint32_t classes, struct rfa_ranked *ranked)
{
    for (uint32_t i = 0; i < classes; i++)
        ranked[i] = (struct rfa_ranked){sample->logits[i], rfa_sample_has(sample, i)};
    rfa_rank(ranked, classes);
    double precision = rfa_average_precision(ranked, classes);
    return isnan(precision) ? 0 : precision;
}

static int better_first(const void *a, const void *b)
{
    double x = ((const struct graded *)a)->grade, y = ((const struct graded *)b)->grade;
    return (x < y) - (x > y);
}

/* The answered samples, graded by the mean of overlap and own precision. */
static size_t grade(const struct page *p, struct graded *graded, struct rfa_ranked *ranked)
{
    size_t n = 0;
    for (size_t i = 0; i < p->samples->count; i++) {
        const struct rfa_sample *s = &p->samples->item[i];
        if (!s->logits)
            continue;
        double iou = rfa_box_iou(s->box, s->predicted), precision = own_precision(s, p->run->classes, ranked);
        graded[n++] = (struct graded){s, (iou + precision) / 2, iou, precision};
    }
    qsort(graded, n, sizeof *graded, better_first);
    return n;
}

/* ------------------------------------------------------------------ key frame */

/* Averages blocks of factor x factor pixels. */
static bool shrink(struct rfa_picture *out, const struct rfa_image *in)
{
    int factor = (in->width + PICTURE_WIDTH - 1) / PICTURE_WIDTH;
    out->width = in->width / factor;
    out->height = in->height / factor > 0 ? in->height / factor : 1;
    out->rgb = malloc((size_t)out->width * (size_t)out->height * 3);
    for (int y = 0; out->rgb && y < out->height; y++)
        for (int x = 0; x < out->width * 3; x++) {
            int sum = 0, count = 0;
            for (int dy = 0; dy < factor && y * factor + dy < in->height; dy++)
                for (int dx = 0; dx < factor; dx++, count++)
                    sum += in->rgb[(y * factor + dy) * in->stride + (x / 3 * factor + dx) * 3 + x % 3];
            out->rgb[y * out->width * 3 + x] = (uint8_t)((sum + count / 2) / count);
        }
    return out->rgb;
}

static void put_base64(FILE *out, FILE *in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char b[3];
    for (size_t n; (n = fread(b, 1, 3, in)) > 0;) {
        unsigned v = (unsigned)b[0] << 16 | (n > 1 ? (unsigned)b[1] << 8 : 0) | (n > 2 ? b[2] : 0);
        fputc(digits[v >> 18], out);
        fputc(digits[v >> 12 & 63], out);
        fputc(n > 1 ? digits[v >> 6 & 63] : '=', out);
        fputc(n > 2 ? digits[v & 63] : '=', out);
    }
}

/* A browser makes the pixels square. */
static enum rfa_status put_image(FILE *out, const char *path, const struct rfa_image *image, double pixel_aspect,
                                 const struct rfa_log *log)
{
    RFA_TRY(rfa_media_write_jpeg(path, image, JPEG_QUALITY, log));
    FILE *jpeg = fopen(path, "rb");
    if (!jpeg)
        return rfa_fail(log, RFA_ERR_IO, "%s: cannot be read again: %s; is the folder still there?", path,
                        strerror(errno));
    fprintf(out,
            "<img width=\"%d\" height=\"%d\" style=\"aspect-ratio:%.6g\" alt=\"key frame\" "
            "src=\"data:image/jpeg;base64,",
            image->width, image->height, image->width * pixel_aspect / image->height);
    put_base64(out, jpeg);
    fputs("\">", out);
    fclose(jpeg);
    return RFA_OK;
}

/* By way of a file that is never completed: it goes away whatever happens. */
static enum rfa_status put_jpeg(const struct page *p, const struct rfa_image *key, double pixel_aspect)
{
    struct rfa_output file = {.log = p->samples->log};
    struct rfa_picture small;
    size_t bytes = strlen(p->path) + 5;
    char *path = malloc(bytes);
    if (!path || !shrink(&small, key)) {
        free(path);
        return rfa_fail(p->samples->log, RFA_ERR_NOMEM, "no memory for a picture; close other programs");
    }
    snprintf(path, bytes, "%s.jpg", p->path);
    struct rfa_image image = rfa_picture_image(&small);
    enum rfa_status status = rfa_output_begin(&file, path, p->samples->log);
    if (status == RFA_OK) {
        const struct rfa_log named = rfa_output_log(&file);
        status = put_image(p->out, rfa_output_name(&file), &image, pixel_aspect, &named);
        (void)rfa_output_end(&file, RFA_ERR_IO);
    }
    rfa_picture_free(&small);
    free(path);
    return status;
}

static enum rfa_status put_key_frame(const struct page *p, const struct rfa_sample *sample)
{
    bool still = strcmp(p->run->sampling, "still") == 0;
    struct rfa_clip_request request = {
        .frames = 1, .sampling = still ? RFA_SAMPLING_STILL : RFA_SAMPLING_SPREAD, .at_seconds = sample->at};
    struct rfa_clip *clip = NULL;
    char *path = rfa_find_video(p->videos, sample->video);
    if (!path)
        return rfa_fail(p->samples->log, RFA_ERR_NOMEM, "no memory for a file name; close other programs");
    enum rfa_status status = rfa_media_sample(&clip, path, &request, p->samples->log);
    if (status == RFA_OK)
        status = put_jpeg(p, &clip->key, clip->pixel_aspect);
    rfa_clip_free(&clip);
    free(path);
    return status;
}

static void put_box(FILE *out, const double box[4], const char *class)
{
    double x = fmin(box[0], box[2]), y = fmin(box[1], box[3]);
    fprintf(out, "<rect class=\"%s\" x=\"%.4f\" y=\"%.4f\" width=\"%.4f\" height=\"%.4f\"/>", class, x, y,
            fabs(box[2] - box[0]), fabs(box[3] - box[1]));
}

/* A picture that cannot be made leaves an empty frame; the message has been printed. */
static void put_picture(const struct page *p, const struct rfa_sample *sample)
{
    fputs("<div class=\"picture\">", p->out);
    if (!p->videos || put_key_frame(p, sample) != RFA_OK)
        fputs("<div class=\"none\">no picture</div>", p->out);
    fputs("<svg viewBox=\"0 0 1 1\" preserveAspectRatio=\"none\">", p->out);
    put_box(p->out, sample->box, "true");
    put_box(p->out, sample->predicted, "predicted");
    fputs("</svg></div>\n", p->out);
}

/* ------------------------------------------------------------------ one sample */

static void put_actions(const struct page *p, const struct rfa_sample *sample)
{
    uint32_t top[TOP], count = rfa_top_actions(top, TOP, sample->logits, p->run->classes);
    fputs("<table class=\"actions\">", p->out);
    for (uint32_t i = 0; i < count; i++) {
        double percent = 100 / (1 + exp(-(double)sample->logits[top[i]]));
        bool right = rfa_sample_has(sample, top[i]);
        fprintf(p->out, "<tr%s><td>", right ? " class=\"right\"" : "");
        rfa_svg_escape(p->out, p->run->labels[top[i]]);
        fprintf(p->out, "%s</td><td class=\"bar\"><i style=\"width:%.1f%%\"></i></td><td>%.1f&nbsp;%%</td></tr>",
                right ? " &#10003;" : "", percent, percent);
    }
    fputs("</table>\n<p class=\"small\">true: ", p->out);
    for (uint32_t i = 0; i < sample->action_count; i++) {
        fputs(i ? "; " : "", p->out);
        rfa_svg_escape(p->out, p->run->labels[sample->actions[i]]);
    }
    fputs("</p>\n", p->out);
}

static void put_sample(const struct page *p, const struct graded *g)
{
    fputs("<article>", p->out);
    put_picture(p, g->sample);
    fputs("<p class=\"caption\">", p->out);
    rfa_svg_escape(p->out, g->sample->caption);
    fputs("</p>\n", p->out);
    put_actions(p, g->sample);
    fprintf(p->out, "<p class=\"small\">IoU %.3f, precision of its ranking %.3f<br>", g->iou, g->precision);
    rfa_svg_escape(p->out, g->sample->video);
    if (!isnan(g->sample->at))
        fprintf(p->out, " at %.2f s", g->sample->at);
    if (g->sample->clip.cut_short)
        fputs(", cut short", p->out);
    else if (g->sample->clip.damaged)
        fputs(", damaged", p->out);
    fputs("</p></article>\n", p->out);
}

static void put_samples(const struct page *p, const char *title, const struct graded *g, size_t n)
{
    fprintf(p->out, "<h2>%s</h2>\n<div class=\"cards\">\n", title);
    for (size_t i = 0; i < n; i++)
        put_sample(p, &g[i]);
    fputs("</div>\n", p->out);
}

/* ------------------------------------------------------------------ the page */

static const char STYLE[] =
    "body{font:15px/1.4 sans-serif;color:#1f2933;background:#f4f6f8;margin:2em auto;max-width:1120px;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em}.small{color:#616e7c;font-size:.85em;margin:.4em 0}"
    ".figures{display:flex;flex-wrap:wrap;gap:1em;padding:0}.figures "
    "div{background:#fff;border-radius:6px;padding:.7em 1.1em}"
    ".figures b{display:block;font-size:1.4em}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:1em}"
    "article{background:#fff;border-radius:6px;padding:.8em}.picture{position:relative;line-height:0}"
    ".picture img{width:100%;height:auto;border-radius:4px}.picture "
    "svg{position:absolute;inset:0;width:100%;height:100%}"
    ".none{height:120px;line-height:120px;background:#e4e7eb;color:#616e7c;text-align:center}"
    "rect.true,rect.predicted{fill:none;stroke-width:3;vector-effect:non-scaling-stroke}"
    "rect.true{stroke:#38a169}rect.predicted{stroke:#ed8936;stroke-dasharray:7 4}"
    ".caption{font-weight:bold;margin:.6em 0}.actions{width:100%;border-spacing:0;font-size:.88em}.actions "
    "td{padding:1px 4px 1px 0}"
    ".actions .bar{width:35%;background:linear-gradient(#e4e7eb,#e4e7eb) no-repeat left center/100% 7px}"
    ".actions i{display:block;height:7px;background:#2b6cb0}.actions .right{color:#276749;font-weight:bold}.right "
    "i{background:#38a169}"
    ".actions td:last-child{text-align:right;white-space:nowrap;padding-left:.6em}"
    ".key span{padding:0 .4em;border:3px solid #38a169;margin-right:1em}.key span+span{border:3px dashed #ed8936}"
    ".plots{background:#fff;border-radius:6px;overflow-x:auto}";

static void put_figure(FILE *out, const char *name, double value)
{
    fprintf(out, "<div>%s<b>", name);
    if (isnan(value))
        fputs("&ndash;", out);
    else
        fprintf(out, "%.4f", value);
    fputs("</b></div>", out);
}

static void put_head(const struct page *p)
{
    const struct rfa_score *s = p->score;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width\"><title>",
          p->out);
    rfa_svg_escape(p->out, p->run->model);
    fprintf(p->out, "</title><style>%s</style></head>\n<body><h1>", STYLE);
    rfa_svg_escape(p->out, p->run->model);
    fprintf(p->out,
            "</h1>\n<p>%zu samples answered, %zu without answer; %zu clips, %zu cut short, %zu damaged; "
            "%s weights; frames: %s</p>\n<div class=\"figures\">",
            s->answered, s->failed, s->clips, s->cut_short, s->damaged, p->run->weights, p->run->sampling);
    put_figure(p->out, "mAP", s->map);
    put_figure(p->out, "AUROC", s->auroc);
    put_figure(p->out, "mIoU", s->miou);
    put_figure(p->out, "IoU &gt; 0.5", s->over_half);
    put_figure(p->out, "top-1", s->top1);
    fputs("</div>\n<p class=\"key small\"><span>true box</span><span>predicted box</span> The samples are graded by "
          "the mean of the box's overlap "
          "and of the average precision of the sample's own ranking of the actions.</p>\n",
          p->out);
}

static enum rfa_status put_page(const struct page *p, struct graded *graded, struct rfa_ranked *ranked)
{
    size_t n = grade(p, graded, ranked), best = n / 2 < SHOWN ? n - n / 2 : SHOWN,
           worst = n - best < SHOWN ? n - best : SHOWN;
    put_head(p);
    put_samples(p, "Best", graded, best);
    for (size_t i = 0; i < worst / 2; i++) { /* the worst first */
        struct graded swap = graded[n - worst + i];
        graded[n - worst + i] = graded[n - 1 - i];
        graded[n - 1 - i] = swap;
    }
    put_samples(p, "Worst", graded + n - worst, worst);
    fputs("<h2>Classes</h2>\n<div class=\"plots\">", p->out);
    RFA_TRY(rfa_plot_svg(p->out, p->score, p->run, p->samples));
    fputs("</div></body></html>\n", p->out);
    return RFA_OK;
}

enum rfa_status rfa_page_write(const char *path, const struct rfa_score *score, const struct rfa_results_run *run,
                               const struct rfa_samples *samples, const char *videos)
{
    struct rfa_output output;
    struct page p = {.videos = videos, .score = score, .run = run, .samples = samples};
    struct graded *graded = malloc((samples->count + 1) * sizeof *graded);
    struct rfa_ranked *ranked = malloc(run->classes * sizeof *ranked);
    enum rfa_status status = RFA_ERR_NOMEM;
    if (!graded || !ranked)
        status = rfa_fail(samples->log, RFA_ERR_NOMEM, "no memory for the page; close other programs");
    else if (!(p.out = rfa_output_open(&output, path, samples->log)))
        status = RFA_ERR_IO;
    else {
        p.path = rfa_output_name(&output);
        status = rfa_output_close(&output, p.out, put_page(&p, graded, ranked));
    }
    free(graded);
    free(ranked);
    return status;
}
