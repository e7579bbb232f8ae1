/* What the variants of the resize kernels share. */
#ifndef RFA_RESIZE_H
#define RFA_RESIZE_H

#include <stddef.h>
#include <stdint.h>

enum { RFA_RESIZE_BITS = 22 }; /* fraction bits of Pillow's 8-bit weights */

/* The nearest pixel inside the image: without antialiasing a tap may lie one or two outside. */
static inline size_t rfa_resize_clamp(int32_t pixel, size_t width)
{
    if (pixel < 0)
        return 0;
    return (size_t)pixel < width ? (size_t)pixel : width - 1;
}

/* A sum of weight * pixel that started from one half, to a pixel. */
static inline uint8_t rfa_resize_round(int32_t sum)
{
    int32_t value = sum >> RFA_RESIZE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

#endif
