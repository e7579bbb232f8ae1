/* What the variants of the resize kernels share. */
#ifndef RFA_RESIZE_H
#define RFA_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

enum { RFA_RESIZE_BITS = 22 }; /* fraction bits of Pillow's 8-bit weights */

/* The nearest pixel inside the image: without antialiasing a tap may lie one or two outside. */
static inline size_t rfa_resize_clamp(int32_t pixel, size_t width)
{
    if (pixel < 0)
        return 0;
    return (size_t)pixel < width ? (size_t)pixel : width - 1;
}

/* Whether every tap of output i lies inside the image. */
static inline bool rfa_resize_inside(const struct rfa_resize_h_args *args, size_t i)
{
    int32_t first = args->first[i];
    return first >= 0 && (size_t)first + (size_t)args->count[i] <= args->width;
}

/* A sum of weight * pixel that started from one half, to a pixel. */
static inline uint8_t rfa_resize_round(int32_t sum)
{
    int32_t value = sum >> RFA_RESIZE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

#endif
