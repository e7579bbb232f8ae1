/* Boxes, text and the annotated picture. Everything is anti-aliased from exact distances; coordinates are pixels,
 * fractions welcome, (0, 0) is the upper left corner of the upper left pixel. Whatever lies outside the canvas is left
 * out. */
#ifndef RFA_DRAW_H
#define RFA_DRAW_H

#include "media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels to draw on: 8-bit R, G, B, in the caller's memory. */
struct rfa_canvas {
    uint8_t *rgb;
    int width, height;
    ptrdiff_t stride; /* bytes */
};

struct rfa_color {
    uint8_t r, g, b, a; /* a: 255 covers, 0 does nothing */
};

struct rfa_rect {
    double x, y, width, height;
};

/* A filled rectangle with round corners. */
void rfa_draw_panel(const struct rfa_canvas *canvas, struct rfa_rect rect, double radius, struct rfa_color color);

/* Its outline; the line lies half inside and half outside. */
void rfa_draw_outline(const struct rfa_canvas *canvas, struct rfa_rect rect, double radius, double thickness,
                      struct rfa_color color);

/* A typeface of even strokes drawn for this program: printable ASCII; accented Latin-1 letters lose their accents,
 * typographic quotes and dashes become plain, anything else is shown as a box. */
struct rfa_font {
    double size;   /* height of the capitals */
    double weight; /* width of a stroke, as a part of size; about 0.13 is regular, 0.19 bold */
};

/* How far the first `length` bytes of UTF-8 text reach. */
double rfa_text_width(struct rfa_font font, const char *text, size_t length);

/* Writes them with the lower left corner of the first capital at (x, y). Returns the width. */
double rfa_draw_text(const struct rfa_canvas *canvas, double x, double y, struct rfa_font font, struct rfa_color color,
                     const char *text, size_t length);

/* ------------------------------------------------------------------ the answer on the picture */

struct rfa_annotation {
    const float *box;           /* [4] x0 y0 x1 y1, parts of width and height; NULL: no box */
    const char *caption;        /* UTF-8; NULL: none */
    const char *const *labels;  /* [count], the most probable first */
    const float *probabilities; /* [count], 0 ... 1 */
    int count;                  /* 0 ... 10 */
    const char *note;           /* small print, such as file and time; NULL: none */
    double pixel_aspect;        /* of the frame: width of its pixels / height; outside 1/4 ... 4: they are square */
};

/* A new picture: the frame with the box, the first label on it, and under it a panel with caption, labels and bars. Its
 * pixels are square: a frame whose pixels are not is stretched, wide ones in width, high ones in height. Frames less
 * than 640 pixels wide are then enlarged by a whole number; those that would not fit into 16384 x 16384 pixels with the
 * panel are made smaller. The size depends on the frame's size and shape of pixels, on the caption and count, not on
 * the probabilities, so that a video's frames come out equal. Width and height are even. Free with rfa_picture_free. */
RFA_CHECKED enum rfa_status rfa_media_annotate(struct rfa_picture *out, const struct rfa_image *frame,
                                               const struct rfa_annotation *annotation, const struct rfa_log *log);

#ifdef __cplusplus
}
#endif

#endif
