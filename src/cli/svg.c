#include "svg.h"

#include <stdarg.h>

const char *const rfa_svg_color[RFA_SVG_COLORS] = {"#2b6cb0", "#c05621", "#2f855a", "#6b46c1",
                                                   "#b83280", "#718096", "#975a16", "#2c7a7b"};

void rfa_svg_begin(FILE *out, int width, int height)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, height, width, height);
}

void rfa_svg_text(FILE *out, double x, double y, struct rfa_svg_font font, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" text-anchor=\"%s\" fill=\"%s\">", x, y, font.size,
            font.anchor, font.color);
    rfa_svg_escape(out, text);
    fputs("</text>\n", out);
}

void rfa_svg_line(FILE *out, double x1, double y1, double x2, double y2)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2,
            RFA_SVG_LINE);
}

void rfa_svg_legend(FILE *out, double x, double y, const char *color, const char *text)
{
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x, y - 10, color);
    rfa_svg_text(out, x + 20, y, (struct rfa_svg_font){12, "start", RFA_SVG_INK}, "%s", text);
}

void rfa_svg_escape(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
}
