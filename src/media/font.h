/* The built-in typeface as strokes. Private to src/media. */
#ifndef RFA_FONT_H
#define RFA_FONT_H

#include <stddef.h>
#include <stdint.h>

/* Units of the drawing grid: capitals stand on FONT_BASELINE and are FONT_CAPITAL high; one glyph follows the other at
 * its width plus FONT_GAP. */
enum { RFA_FONT_BASELINE = 6, RFA_FONT_CAPITAL = 18, RFA_FONT_GAP = 5, RFA_FONT_POINTS = 256 };

/* A glyph's strokes as short straight lines. */
struct rfa_font_line {
    float x0, y0, x1, y1; /* grid units, y upwards */
};

struct rfa_font_outline {
    struct rfa_font_line line[RFA_FONT_POINTS];
    int count;
    int width;
};

/* Fills in the glyph of a code point; what the typeface lacks is shown by its closest letter or a box. */
void rfa_font_outline(struct rfa_font_outline *outline, uint32_t code_point);

/* The width alone, in grid units. */
int rfa_font_width(uint32_t code_point);

/* Decodes one UTF-8 character from text[*at] on and moves *at past it (at least one byte) and the combining accents
 * behind it; 0xFFFD where it is damaged. */
uint32_t rfa_utf8_next(const char *text, size_t length, size_t *at);

#endif
