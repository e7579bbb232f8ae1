#include "draw.h"
#include "error.h"
#include "picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ACTIONS = 10, MAX_LINES = 4, READABLE_WIDTH = 640, MAX_ENLARGED_HEIGHT = 4096 };

static const struct rfa_color ACCENT = {255, 190, 60, 255}, INK = {24, 22, 16, 255}, SHADE = {0, 0, 0, 150},
                              PAPER = {23, 25, 31, 255}, WHITE = {245, 246, 248, 255}, GREY = {150, 156, 168, 255},
                              TRACK = {52, 56, 66, 255}, OTHER = {112, 146, 190, 255};

/* Measures of the picture to be made; all in its pixels. */
struct layout {
    int width, height; /* of the frame, its pixels made square, enlarged */
    int total_width, total_height;
    double size, pad, row; /* capitals, margin, from one line of text to the next */
    struct rfa_font regular, bold, small;
    struct rfa_str line[MAX_LINES]; /* the caption, wrapped */
    int lines;
};

/* ------------------------------------------------------------------ layout */

/* The longest part of text that fits, broken at a space if there is one. At least one character, so that this ends. */
static size_t fitting_length(struct rfa_font font, const char *text, double width)
{
    size_t length = strlen(text), fits = 0, space = 0;
    if (rfa_text_width(font, text, length) <= width)
        return length;
    for (size_t i = 1; i <= length && rfa_text_width(font, text, i) <= width; i++) {
        bool boundary = (text[i] & 0xC0) != 0x80; /* not inside a UTF-8 character */
        fits = boundary ? i : fits;
        if (text[i] == ' ')
            space = i;
    }
    return space ? space : fits ? fits : 1;
}

static void wrap_caption(struct layout *l, const char *caption)
{
    double width = l->total_width - 2 * l->pad;
    while (caption && *caption && l->lines < MAX_LINES) {
        size_t length = fitting_length(l->bold, caption, width);
        l->line[l->lines++] = (struct rfa_str){caption, length};
        caption += length;
        caption += strspn(caption, " ");
    }
}

/* One pixel or more of a side. */
static int scaled(int side, double factor)
{
    return (int)fmax(1, round(side * factor));
}

static void measure_at(struct layout *l, const struct rfa_image *frame, const struct rfa_annotation *a, double shrink)
{
    double aspect = a->pixel_aspect >= 0.25 && a->pixel_aspect <= 4 ? a->pixel_aspect : 1;
    int width = scaled(frame->width, fmax(aspect, 1) * shrink),
        height = scaled(frame->height, shrink / fmin(aspect, 1));
    /* Enlarged to a readable width; slender frames get a wider canvas rather than an endless height. */
    int wanted = (READABLE_WIDTH + width - 1) / width, possible = MAX_ENLARGED_HEIGHT / height;
    int scale = wanted < possible ? wanted : possible > 1 ? possible : 1;
    *l = (struct layout){.width = width * scale, .height = height * scale};
    l->total_width = l->width > READABLE_WIDTH ? l->width + l->width % 2 : READABLE_WIDTH;
    l->size = fmax(11, l->total_width * 0.0165);
    l->pad = 1.4 * l->size;
    l->row = 2 * l->size;
    l->regular = (struct rfa_font){l->size, 0.13};
    l->bold = (struct rfa_font){l->size * 1.1, 0.17};
    l->small = (struct rfa_font){l->size * 0.8, 0.125};
    wrap_caption(l, a->caption);
    double panel = 0;
    if (l->lines || a->count || a->note)
        panel = 2 * l->pad + l->row * (l->lines + a->count) + (l->lines && a->count ? 0.5 * l->size : 0) +
                (a->note ? l->row : 0) - (l->row - l->size);
    l->total_height = l->height + (int)ceil(panel);
    l->total_height += l->total_height % 2;
}

/* A frame that would not fit with what stands under it is made smaller. */
static void measure(struct layout *l, const struct rfa_image *frame, const struct rfa_annotation *a)
{
    double shrink = 1;
    do {
        measure_at(l, frame, a, shrink);
        shrink *= 0.9;
    } while (l->total_width > RFA_MEDIA_MAX_SIDE || l->total_height > RFA_MEDIA_MAX_SIDE);
}

/* ------------------------------------------------------------------ the frame */

/* One channel of the frame at (x, y), which may lie between pixels or outside: bilinear, edges repeated. */
static uint8_t sample(const struct rfa_image *frame, double x, double y, int channel)
{
    x = fmin(fmax(x, 0), frame->width - 1);
    y = fmin(fmax(y, 0), frame->height - 1);
    int x0 = (int)x, y0 = (int)y, x1 = x0 + 1 < frame->width ? x0 + 1 : x0, y1 = y0 + 1 < frame->height ? y0 + 1 : y0;
    const uint8_t *upper = frame->rgb + y0 * frame->stride + channel,
                  *lower = frame->rgb + y1 * frame->stride + channel;
    double fx = x - x0, fy = y - y0;
    double top = upper[3 * x0] * (1 - fx) + upper[3 * x1] * fx, bottom = lower[3 * x0] * (1 - fx) + lower[3 * x1] * fx;
    return (uint8_t)(top * (1 - fy) + bottom * fy + 0.5);
}

static void copy_frame(const struct rfa_canvas *canvas, const struct layout *l, const struct rfa_image *frame)
{
    const double scale_x = (double)l->width / frame->width, scale_y = (double)l->height / frame->height;
    for (int y = 0; y < l->height; y++) {
        uint8_t *row = canvas->rgb + y * canvas->stride;
        if (l->width == frame->width && l->height == frame->height) {
            memcpy(row, frame->rgb + y * frame->stride, (size_t)frame->width * 3);
            continue;
        }
        for (int x = 0; x < l->width; x++)
            for (int channel = 0; channel < 3; channel++)
                row[3 * x + channel] = sample(frame, (x + 0.5) / scale_x - 0.5, (y + 0.5) / scale_y - 0.5, channel);
    }
}

/* The first label on a tag: above the box, or inside where there is no room. */
static void draw_tag(const struct rfa_canvas *canvas, const struct layout *l, struct rfa_rect box, double line,
                     const char *label)
{
    double inset = 0.55 * l->size;
    size_t length = strlen(label);
    struct rfa_rect tag = {box.x - line / 2, box.y - line / 2 - l->size - 2 * inset,
                           rfa_text_width(l->bold, label, length) + 2 * inset, l->size * 1.1 + 2 * inset};
    if (tag.y < 0)
        tag.y = fmax(box.y + line, line);
    tag.x = fmax(fmin(tag.x, l->width - tag.width), 0);
    rfa_draw_panel(canvas, tag, 0.3 * l->size, ACCENT);
    rfa_draw_text(canvas, tag.x + inset, tag.y + tag.height - inset, l->bold, INK, label, length);
}

static double unit_interval(float value)
{
    return value > 0 ? value < 1 ? (double)value : 1 : 0; /* NaN: 0 */
}

static void draw_box(const struct rfa_canvas *canvas, const struct layout *l, const struct rfa_annotation *a)
{
    double x0 = unit_interval(a->box[0]) * l->width, y0 = unit_interval(a->box[1]) * l->height;
    double x1 = unit_interval(a->box[2]) * l->width, y1 = unit_interval(a->box[3]) * l->height;
    double line = fmax(2, 0.26 * l->size), radius = 0.5 * l->size;
    /* The line stays on the picture also where the box touches its edge. */
    double inset = line / 2;
    x0 = fmin(fmax(x0, inset), l->width - inset);
    x1 = fmin(fmax(x1, inset), l->width - inset);
    y0 = fmin(fmax(y0, inset), l->height - inset);
    y1 = fmin(fmax(y1, inset), l->height - inset);
    struct rfa_rect box = {fmin(x0, x1), fmin(y0, y1), fmax(fabs(x1 - x0), 1), fmax(fabs(y1 - y0), 1)};
    rfa_draw_outline(canvas, box, radius, line + fmax(2, 0.16 * l->size), SHADE);
    rfa_draw_outline(canvas, box, radius, line, ACCENT);
    if (a->count > 0)
        draw_tag(canvas, l, box, line, a->labels[0]);
}

/* ------------------------------------------------------------------ the panel */

static double label_column(const struct layout *l, const struct rfa_annotation *a)
{
    double widest = 0;
    for (int i = 0; i < a->count; i++)
        widest = fmax(widest, rfa_text_width(l->regular, a->labels[i], strlen(a->labels[i])));
    return fmin(widest, 0.55 * l->total_width);
}

static void draw_action(const struct rfa_canvas *canvas, const struct layout *l, const struct rfa_annotation *a, int i,
                        double y, double column)
{
    char percent[16];
    double value = unit_interval(a->probabilities[i]);
    snprintf(percent, sizeof percent, "%.1f %%", 100 * value);
    double number = rfa_text_width(l->regular, "100.0 %", 7), left = l->pad + column + l->size;
    struct rfa_rect track = {left, y - 0.9 * l->size, l->total_width - l->pad - number - l->size - left, 0.8 * l->size};
    struct rfa_rect bar = {track.x, track.y, fmax(track.width * value, track.height), track.height};
    size_t fits = fitting_length(l->regular, a->labels[i], column + 1);
    rfa_draw_text(canvas, l->pad, y, l->regular, i == 0 ? WHITE : GREY, a->labels[i], fits);
    rfa_draw_panel(canvas, track, track.height / 2, TRACK);
    rfa_draw_panel(canvas, bar, bar.height / 2, i == 0 ? ACCENT : OTHER);
    double width = rfa_text_width(l->regular, percent, strlen(percent));
    rfa_draw_text(canvas, l->total_width - l->pad - width, y, l->regular, i == 0 ? WHITE : GREY, percent,
                  strlen(percent));
}

static void draw_info(const struct rfa_canvas *canvas, const struct layout *l, const struct rfa_annotation *a)
{
    double y = l->height + l->pad + l->size, column = label_column(l, a);
    rfa_draw_panel(canvas, (struct rfa_rect){-4, l->height, l->total_width + 8, l->total_height - l->height + 4}, 0,
                   PAPER);
    for (int i = 0; i < l->lines; i++, y += l->row)
        rfa_draw_text(canvas, l->pad, y, l->bold, WHITE, l->line[i].data, l->line[i].len);
    if (l->lines && a->count)
        y += 0.5 * l->size;
    for (int i = 0; i < a->count; i++, y += l->row)
        draw_action(canvas, l, a, i, y, column);
    if (a->note)
        rfa_draw_text(canvas, l->pad, y, l->small, GREY, a->note, strlen(a->note));
}

enum rfa_status rfa_media_annotate(struct rfa_picture *out, const struct rfa_image *frame,
                                   const struct rfa_annotation *annotation, const struct rfa_log *log)
{
    if (!out)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_annotate: no place for the picture; pass the address of one");
    *out = (struct rfa_picture){0};
    if (!frame || !frame->rgb || frame->width < 1 || frame->height < 1 || !annotation || annotation->count < 0 ||
        annotation->count > MAX_ACTIONS ||
        (annotation->count > 0 && (!annotation->labels || !annotation->probabilities)))
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_annotate: needs a frame and an annotation of 0 to %d labels",
                        (int)MAX_ACTIONS);
    struct layout l;
    measure(&l, frame, annotation);
    RFA_TRY(rfa_picture_alloc(out, l.total_width, l.total_height, "annotated picture", log));
    struct rfa_canvas canvas = {out->rgb, out->width, out->height, (ptrdiff_t)out->width * 3};
    copy_frame(&canvas, &l, frame);
    if (annotation->box)
        draw_box(&canvas, &l, annotation);
    draw_info(&canvas, &l, annotation);
    return RFA_OK;
}
