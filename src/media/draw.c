#include "draw.h"
#include "font.h"

#include <math.h>

/* ------------------------------------------------------------------ pixels */

static void blend(uint8_t *pixel, struct rfa_color color, double coverage)
{
    int alpha = (int)(coverage * color.a + 0.5);
    pixel[0] = (uint8_t)((pixel[0] * (255 - alpha) + color.r * alpha + 127) / 255);
    pixel[1] = (uint8_t)((pixel[1] * (255 - alpha) + color.g * alpha + 127) / 255);
    pixel[2] = (uint8_t)((pixel[2] * (255 - alpha) + color.b * alpha + 127) / 255);
}

struct span {
    int x0, y0, x1, y1; /* pixels; x1 and y1 are not in it */
};

static int clamp_int(double value, int high)
{
    return value > 0 ? value < high ? (int)value : high : 0;
}

static struct span span_of(const struct rfa_canvas *canvas, double x0, double y0, double x1, double y1)
{
    return (struct span){clamp_int(floor(x0), canvas->width), clamp_int(floor(y0), canvas->height),
                         clamp_int(ceil(x1), canvas->width), clamp_int(ceil(y1), canvas->height)};
}

/* How much of a pixel lies in a shape whose edge is `distance` away from its centre, outside being positive. */
static double coverage_of(double distance)
{
    return fmin(fmax(0.5 - distance, 0), 1);
}

/* ------------------------------------------------------------------ rectangles */

/* Distance of a point to a rectangle with round corners; negative inside. */
static double rect_distance(double x, double y, struct rfa_rect r, double radius)
{
    double dx = fabs(x - r.x - r.width / 2) - r.width / 2 + radius,
           dy = fabs(y - r.y - r.height / 2) - r.height / 2 + radius;
    return hypot(fmax(dx, 0), fmax(dy, 0)) + fmin(fmax(dx, dy), 0) - radius;
}

/* half < 0: filled; else a line of twice that width. */
static void draw_rect(const struct rfa_canvas *canvas, struct rfa_rect rect, double radius, double half,
                      struct rfa_color color)
{
    double reach = fmax(half, 0) + 1;
    if (!(rect.width > 0 && rect.height > 0))
        return;
    radius = fmin(radius, fmin(rect.width, rect.height) / 2);
    struct span s =
        span_of(canvas, rect.x - reach, rect.y - reach, rect.x + rect.width + reach, rect.y + rect.height + reach);
    for (int y = s.y0; y < s.y1; y++)
        for (int x = s.x0; x < s.x1; x++) {
            double distance = rect_distance(x + 0.5, y + 0.5, rect, radius);
            double coverage = coverage_of(half < 0 ? distance : fabs(distance) - half);
            if (coverage > 0)
                blend(canvas->rgb + y * canvas->stride + (ptrdiff_t)x * 3, color, coverage);
        }
}

void rfa_draw_panel(const struct rfa_canvas *canvas, struct rfa_rect rect, double radius, struct rfa_color color)
{
    draw_rect(canvas, rect, radius, -1, color);
}

void rfa_draw_outline(const struct rfa_canvas *canvas, struct rfa_rect rect, double radius, double thickness,
                      struct rfa_color color)
{
    draw_rect(canvas, rect, radius, thickness / 2, color);
}

/* ------------------------------------------------------------------ text */

static double line_distance(double x, double y, const struct rfa_font_line *l)
{
    double dx = l->x1 - l->x0, dy = l->y1 - l->y0, px = x - l->x0, py = y - l->y0;
    double square = dx * dx + dy * dy;
    double t = square > 0 ? fmin(fmax((px * dx + py * dy) / square, 0), 1) : 0;
    return hypot(px - t * dx, py - t * dy);
}

static void draw_glyph(const struct rfa_canvas *canvas, double x, double y, struct rfa_font font,
                       struct rfa_color color, const struct rfa_font_outline *outline)
{
    const double unit = font.size / RFA_FONT_CAPITAL, half = font.size * font.weight / 2, reach = half + 1;
    const double below = RFA_FONT_BASELINE * unit, above = font.size + 3 * unit; /* the tallest bracket */
    struct span s = span_of(canvas, x - reach, y - above - reach, x + outline->width * unit + reach, y + below + reach);
    for (int row = s.y0; row < s.y1; row++)
        for (int column = s.x0; column < s.x1; column++) {
            double gx = (column + 0.5 - x) / unit, gy = (y - row - 0.5) / unit + RFA_FONT_BASELINE, nearest = INFINITY;
            for (int i = 0; i < outline->count; i++)
                nearest = fmin(nearest, line_distance(gx, gy, &outline->line[i]));
            double coverage = coverage_of(nearest * unit - half);
            if (coverage > 0)
                blend(canvas->rgb + row * canvas->stride + (ptrdiff_t)column * 3, color, coverage);
        }
}

static double advance_of(struct rfa_font font, int width)
{
    return (width + RFA_FONT_GAP + RFA_FONT_CAPITAL * (font.weight - 0.13)) * font.size / RFA_FONT_CAPITAL;
}

double rfa_text_width(struct rfa_font font, const char *text, size_t length)
{
    double width = 0;
    for (size_t at = 0; at < length;)
        width += advance_of(font, rfa_font_width(rfa_utf8_next(text, length, &at)));
    return width;
}

double rfa_draw_text(const struct rfa_canvas *canvas, double x, double y, struct rfa_font font, struct rfa_color color,
                     const char *text, size_t length)
{
    struct rfa_font_outline outline;
    double start = x;
    for (size_t at = 0; at < length;) {
        rfa_font_outline(&outline, rfa_utf8_next(text, length, &at));
        draw_glyph(canvas, x + advance_of(font, 0) / 2, y, font, color, &outline);
        x += advance_of(font, outline.width);
    }
    return x - start;
}
