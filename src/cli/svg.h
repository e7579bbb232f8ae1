/* What the program's SVG pictures share: colours, text, legend, lines. Positions are pixels from the upper left. */
#ifndef RFA_CLI_SVG_H
#define RFA_CLI_SVG_H

#include <stdio.h>

#define RFA_SVG_INK  "#1f2933"
#define RFA_SVG_PALE "#7b8794"
#define RFA_SVG_LINE "#d5dbe1"

enum { RFA_SVG_COLORS = 8 };

/* Of things to be told apart, in this order. */
extern const char *const rfa_svg_color[RFA_SVG_COLORS];

struct rfa_svg_font {
    int size;
    const char *anchor; /* which end of the text lies at its position: start, middle, end */
    const char *color;
};

/* An <svg> element of this size with a white ground, up to its end tag "</svg>". */
void rfa_svg_begin(FILE *out, int width, int height);

/* Text of at most 511 bytes. */
#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 5, 6)))
#endif
void rfa_svg_text(FILE *out, double x, double y, struct rfa_svg_font font, const char *format, ...);

/* A line of the grid. */
void rfa_svg_line(FILE *out, double x1, double y1, double x2, double y2);

/* A square in a colour and what it stands for; y is the text's. */
void rfa_svg_legend(FILE *out, double x, double y, const char *color, const char *text);

/* Text with what XML reserves written as entities, and control characters, which it does not allow, as spaces. */
void rfa_svg_escape(FILE *out, const char *text);

#endif
