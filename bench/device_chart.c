#include "device_chart.h"

#include <math.h>

#include "svg.h"

enum { WIDTH = 900, LEFT = 150, RIGHT = 130, BAR = 16, GAP = 14, HEAD = 56, LEGEND = 22 };

static const struct rfa_svg_font TITLE = {16, "start", RFA_SVG_INK}, HEADING = {13, "start", RFA_SVG_INK},
                                 NAME = {12, "end", RFA_SVG_INK}, VALUE = {11, "start", RFA_SVG_INK},
                                 DECADE = {10, "middle", RFA_SVG_PALE};

_Static_assert((int)RFA_BENCH_DEVICES <= (int)RFA_SVG_COLORS, "every device has a colour of its own");

static void bar(FILE *out, double y, double width, int device, const char *label)
{
    fprintf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", LEFT, y, width, BAR - 3,
            rfa_svg_color[device]);
    rfa_svg_text(out, LEFT + width + 6, y + BAR - 5, VALUE, "%s", label);
}

/* Position of a time between the decades that hold all of them. */
struct axis {
    double first, last; /* log10 of seconds */
};

static double place(const struct axis *a, double seconds)
{
    return (log10(seconds) - a->first) / (a->last - a->first) * (WIDTH - LEFT - RIGHT);
}

static struct axis times_axis(const struct rfa_device_run *device, int count)
{
    struct axis a = {9, -9};
    for (int i = 0; i < count; i++)
        for (int part = 0; part < RFA_PARTS; part++) {
            double x = log10(device[i].median[part] > 1e-9 ? device[i].median[part] : 1e-9);
            a.first = floor(x) < a.first ? floor(x) : a.first;
            a.last = ceil(x) > a.last ? ceil(x) : a.last;
        }
    a.last += a.last == a.first;
    return a;
}

static void draw_decades(FILE *out, const struct axis *a, double top, double bottom)
{
    for (int decade = (int)a->first; decade <= (int)a->last; decade++) {
        double x = LEFT + place(a, pow(10, decade));
        int shift = decade < -3 ? 6 : decade < 0 ? 3 : 0;
        rfa_svg_line(out, x, top, x, bottom);
        rfa_svg_text(out, x, bottom + 14, DECADE, "%g %s", pow(10, decade + shift),
                     shift == 6 ? "us"
                     : shift    ? "ms"
                                : "s");
    }
}

static double clips_a_second(const struct rfa_together *t)
{
    return t->clips.per_second;
}

static double captions_a_second(const struct rfa_together *t)
{
    return t->captions.per_second;
}

static double draw_times(FILE *out, const struct rfa_device_run *device, int count, double y)
{
    struct axis a = times_axis(device, count);
    double height = RFA_PARTS * (count * BAR + GAP);
    rfa_svg_text(out, LEFT, y, HEADING, "Time, median (logarithmic; shorter is better)");
    y += 14;
    draw_decades(out, &a, y, y + height);
    for (int part = 0; part < RFA_PARTS; part++) {
        rfa_svg_text(out, LEFT - 8, y + GAP / 2.0 + count * BAR / 2.0 + 4, NAME, "%s", rfa_part_name[part]);
        for (int i = 0; i < count; i++) {
            char label[48];
            double ms = device[i].median[part] * 1e3,
                   share = rfa_op_share(device[i].macs[part], device[i].median[part], device[i].ceiling);
            int used = snprintf(label, sizeof label, ms < 999.5 ? "%.3g ms" : "%.2f s", ms < 999.5 ? ms : ms / 1e3);
            if (share > 0.0005)
                snprintf(label + used, sizeof label - (size_t)used, ", %.1f %%", 100 * share);
            bar(out, y + GAP / 2.0 + i * BAR, place(&a, device[i].median[part]), i, label);
        }
        y += count * BAR + GAP;
    }
    return y + 44;
}

static double draw_together(FILE *out, const struct rfa_device_run *device, int count, double y, const char *title,
                            double (*rate_of)(const struct rfa_together *))
{
    double most = 0;
    rfa_svg_text(out, LEFT, y, HEADING, "%s", title);
    y += 14;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < device[i].together_count; k++)
            most = fmax(most, rate_of(&device[i].together[k]));
    for (int k = 0; k < device[0].together_count; k++) {
        rfa_svg_text(out, LEFT - 8, y + GAP / 2.0 + count * BAR / 2.0 + 4, NAME, "%d", device[0].together[k].sessions);
        for (int i = 0; i < count; i++) {
            char label[32];
            double rate = rate_of(&device[i].together[k]);
            snprintf(label, sizeof label, "%.3g", rate);
            bar(out, y + GAP / 2.0 + i * BAR, rate / most * (WIDTH - LEFT - RIGHT), i, label);
        }
        y += count * BAR + GAP;
    }
    return y + 36;
}

void rfa_device_chart(FILE *out, const struct rfa_device_run *device, int count)
{
    int groups = RFA_PARTS + 2 * device[0].together_count;
    int height = HEAD + count * LEGEND + groups * (count * BAR + GAP) + (device[0].together_count ? 160 : 60);
    rfa_svg_begin(out, WIDTH, height);
    rfa_svg_text(out, LEFT, 30, TITLE, "refatom: one model on several devices");
    double y = HEAD;
    for (int i = 0; i < count; i++, y += LEGEND)
        rfa_svg_legend(out, LEFT, y, rfa_svg_color[i], device[i].title);
    y = draw_times(out, device, count, y + 12);
    if (device[0].together_count) {
        y = draw_together(out, device, count, y, "Clips a second, several sessions at once (longer is better)",
                          clips_a_second);
        draw_together(out, device, count, y, "Second captions a second, several sessions at once (longer is better)",
                      captions_a_second);
    }
    fputs("</svg>\n", out);
}
