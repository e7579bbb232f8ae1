/* Decoded frames to RGB pictures. Private to src/media. */
#ifndef RFA_RGB_H
#define RFA_RGB_H

#include "picture.h"

#if RFA_WITH_FFMPEG

#include <libavutil/frame.h>

struct SwsContext;

/* The conversion in use, kept while size, format and colour description stay the same. All zero to begin with. */
struct rfa_rgb {
    struct SwsContext *scaler;
    AVFrame *upright, *rgb; /* scratch */
    int width, height, format, colorspace, range;
};

/* Turns the frame and converts it: the pixels of `ffmpeg -pix_fmt rgb24` (swscale's defaults, MPEG-2 chroma siting of
 * 4:2:0, matrix and range as the frame says). path: for messages. */
enum rfa_status rfa_rgb_convert(struct rfa_rgb *rgb, struct rfa_picture *out, const AVFrame *frame,
                                struct rfa_orientation o, const char *path, const struct rfa_log *log);

void rfa_rgb_free(struct rfa_rgb *rgb);

/* A display matrix of 3 x 3 fixed-point numbers as the nearest of the eight orientations. */
struct rfa_orientation rfa_matrix_orientation(const int32_t matrix[9]);

#endif
#endif
