/* Pixel buffers and the eight ways to turn them. Private to src/media. */
#ifndef RFA_PICTURE_H
#define RFA_PICTURE_H

#include "media.h"

enum { RFA_MEDIA_MAX_SIDE = 16384 };

/* How stored pixels become displayed ones: exchange rows and columns first, then mirror the result. */
struct rfa_orientation {
    bool swap, mirror_x, mirror_y;
};

static inline bool rfa_orientation_is_upright(struct rfa_orientation o)
{
    return !o.swap && !o.mirror_x && !o.mirror_y;
}

/* A zeroed picture. RFA_ERR_FORMAT where a side is outside 1 ... RFA_MEDIA_MAX_SIDE; `name` is for the message. */
enum rfa_status rfa_picture_alloc(struct rfa_picture *out, int width, int height, const char *name,
                                  const struct rfa_log *log);

/* Copies a plane of width x height elements of `size` bytes, turned. dst holds height x width elements if o.swap, else
 * the same shape. Strides in bytes; the buffers do not overlap. */
void rfa_orient_plane(uint8_t *dst, ptrdiff_t stride_dst, const uint8_t *src, ptrdiff_t stride_src, int width,
                      int height, size_t size, struct rfa_orientation o);

/* Turns the picture in place (a new buffer is made). */
enum rfa_status rfa_picture_orient(struct rfa_picture *picture, struct rfa_orientation o, const char *name,
                                   const struct rfa_log *log);

#endif
