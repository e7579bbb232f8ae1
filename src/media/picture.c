#include "picture.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

void rfa_picture_free(struct rfa_picture *picture)
{
    if (!picture)
        return;
    free(picture->rgb);
    *picture = (struct rfa_picture){0};
}

enum rfa_status rfa_picture_alloc(struct rfa_picture *out, int width, int height, const char *name,
                                  const struct rfa_log *log)
{
    *out = (struct rfa_picture){0};
    if (width < 1 || height < 1 || width > RFA_MEDIA_MAX_SIDE || height > RFA_MEDIA_MAX_SIDE)
        return rfa_fail(log, RFA_ERR_FORMAT,
                        "%s: the picture is %d x %d; sides of 1 to %d pixels are supported, scale it first", name,
                        width, height, (int)RFA_MEDIA_MAX_SIDE);
    uint8_t *rgb = calloc((size_t)height, (size_t)width * 3);
    if (!rgb)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory for a picture of %d x %d; scale it first or free some", name,
                        width, height);
    *out = (struct rfa_picture){rgb, width, height};
    return RFA_OK;
}

void rfa_orient_plane(uint8_t *dst, ptrdiff_t stride_dst, const uint8_t *src, ptrdiff_t stride_src, int width,
                      int height, size_t size, struct rfa_orientation o)
{
    int width_dst = o.swap ? height : width, height_dst = o.swap ? width : height;
    /* Steps in the source for one step to the right and one down in the destination. */
    ptrdiff_t right = o.swap ? stride_src : (ptrdiff_t)size, down = o.swap ? (ptrdiff_t)size : stride_src;
    if (o.mirror_x) {
        src += right * (width_dst - 1);
        right = -right;
    }
    if (o.mirror_y) {
        src += down * (height_dst - 1);
        down = -down;
    }
    for (int y = 0; y < height_dst; y++) {
        if (right == (ptrdiff_t)size) {
            memcpy(dst + y * stride_dst, src + y * down, size * (size_t)width_dst);
            continue;
        }
        for (int x = 0; x < width_dst; x++)
            memcpy(dst + y * stride_dst + (ptrdiff_t)size * x, src + y * down + x * right, size);
    }
}

enum rfa_status rfa_picture_orient(struct rfa_picture *picture, struct rfa_orientation o, const char *name,
                                   const struct rfa_log *log)
{
    if (rfa_orientation_is_upright(o))
        return RFA_OK;
    int width = o.swap ? picture->height : picture->width, height = o.swap ? picture->width : picture->height;
    struct rfa_picture turned;
    RFA_TRY(rfa_picture_alloc(&turned, width, height, name, log));
    rfa_orient_plane(turned.rgb, (ptrdiff_t)width * 3, picture->rgb, (ptrdiff_t)picture->width * 3, picture->width,
                     picture->height, 3, o);
    rfa_picture_free(picture);
    *picture = turned;
    return RFA_OK;
}
