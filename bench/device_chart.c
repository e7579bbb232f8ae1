#include "device_chart.h"

#include <math.h>

#include "plot.h"

enum { WIDTH = 900, LEFT = 150, RIGHT = 130, BAR = 16, GAP = 14, HEAD = 56, LEGEND = 22 };

static const char INK[] = "#1f2933", PALE[] = "#7b8794", LINE[] = "#d5dbe1";
static const char *const COLOR[RFA_BENCH_DEVICES] = {"#2b6cb0", "#c05621", "#2f855a", "#6b46c1",
                                                     "#b83280", "#718096", "#975a16", "#2c7a7b"};

static void text(FILE *out, double x, double y, int size, const char *anchor, const char *color, const char *what)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" text-anchor=\"%s\" fill=\"%s\">", x, y, size, anchor,
            color);
    rfa_plot_text(out, what);
    fputs("</text>\n", out);
}

static void bar(FILE *out, double y, double width, int device, const char *label)
{
    fprintf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", LEFT, y, width, BAR - 3,
            COLOR[device]);
    text(out, LEFT + width + 6, y + BAR - 5, 11, "start", INK, label);
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
        char label[32];
        double seconds = pow(10, decade), x = LEFT + place(a, seconds);
        snprintf(label, sizeof label,
                 seconds < 1e-3 ? "%g us"
                 : seconds < 1  ? "%g ms"
                                : "%g s",
                 seconds < 1e-3 ? seconds * 1e6
                 : seconds < 1  ? seconds * 1e3
                                : seconds);
        fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x, top, x, bottom,
                LINE);
        text(out, x, bottom + 14, 10, "middle", PALE, label);
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
    text(out, LEFT, y, 13, "start", INK, "Time, median (logarithmic; shorter is better)");
    y += 14;
    draw_decades(out, &a, y, y + height);
    for (int part = 0; part < RFA_PARTS; part++) {
        text(out, LEFT - 8, y + GAP / 2.0 + count * BAR / 2.0 + 4, 12, "end", INK, rfa_part_name[part]);
        for (int i = 0; i < count; i++) {
            char label[48];
            double ms = device[i].median[part] * 1e3, share = 0;
            if (device[i].ceiling > 0)
                share = device[i].macs[part] / device[i].median[part] / device[i].ceiling;
            snprintf(label, sizeof label, share > 0.0005 ? "%.3g ms, %.1f %%" : "%.3g ms", ms, 100 * share);
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
    text(out, LEFT, y, 13, "start", INK, title);
    y += 14;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < device[i].together_count; k++)
            most = fmax(most, rate_of(&device[i].together[k]));
    for (int k = 0; k < device[0].together_count; k++) {
        char label[32];
        snprintf(label, sizeof label, "%d", device[0].together[k].sessions);
        text(out, LEFT - 8, y + GAP / 2.0 + count * BAR / 2.0 + 4, 12, "end", INK, label);
        for (int i = 0; i < count; i++) {
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
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            WIDTH, height, WIDTH, height);
    text(out, LEFT, 30, 16, "start", INK, "refatom: one model on several devices");
    double y = HEAD;
    for (int i = 0; i < count; i++, y += LEGEND) {
        fprintf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", LEFT, y - 10, COLOR[i]);
        text(out, LEFT + 20, y, 12, "start", INK, device[i].title);
    }
    y = draw_times(out, device, count, y + 12);
    if (device[0].together_count) {
        y = draw_together(out, device, count, y, "Clips a second, several sessions at once (longer is better)",
                          clips_a_second);
        draw_together(out, device, count, y, "Second captions a second, several sessions at once (longer is better)",
                      captions_a_second);
    }
    fputs("</svg>\n", out);
}
