#include "rgb.h"

#if RFA_WITH_FFMPEG

#include "libav.h"

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include <stdlib.h>

void rfa_rgb_free(struct rfa_rgb *rgb)
{
    sws_freeContext(rgb->scaler);
    av_frame_free(&rgb->upright);
    av_frame_free(&rgb->rgb);
    *rgb = (struct rfa_rgb){0};
}

struct rfa_orientation rfa_matrix_orientation(const int32_t matrix[9])
{
    /* Pixel (x, y) goes to (a x + c y, b x + d y) with a, b in the first row and c, d in the second. */
    int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    if (llabs(b) + llabs(c) > llabs(a) + llabs(d))
        return (struct rfa_orientation){.swap = true, .mirror_x = c < 0, .mirror_y = b < 0};
    return (struct rfa_orientation){.swap = false, .mirror_x = a < 0, .mirror_y = d < 0};
}

/* ffmpeg turns frames before it converts them. The order matters where chroma is interpolated, so the same is done here
 * wherever a plane is an array of equal elements: sizes[plane] are the bytes of an element, 0 for no plane. */
static bool plane_elements(size_t sizes[4], const AVPixFmtDescriptor *format, bool swap)
{
    const uint64_t other = AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_PAL;
    if ((format->flags & other) || (swap && format->log2_chroma_w != format->log2_chroma_h))
        return false;
    for (int plane = 0; plane < 4; plane++)
        sizes[plane] = 0;
    for (int i = 0; i < format->nb_components; i++) {
        size_t *size = &sizes[format->comp[i].plane];
        if (*size && *size != (size_t)format->comp[i].step)
            return false; /* such as YUYV, where luma comes twice as often */
        *size = (size_t)format->comp[i].step;
    }
    return true;
}

static int turn_planes(AVFrame *dst, const AVFrame *src, const AVPixFmtDescriptor *format, const size_t sizes[4],
                       struct rfa_orientation o)
{
    av_frame_unref(dst);
    dst->format = src->format;
    dst->width = o.swap ? src->height : src->width;
    dst->height = o.swap ? src->width : src->height;
    int error = av_frame_get_buffer(dst, 0);
    if (error < 0)
        return error;
    dst->colorspace = src->colorspace;
    dst->color_range = src->color_range;
    for (int plane = 0; plane < 4 && sizes[plane]; plane++) {
        bool chroma = plane == 1 || plane == 2;
        int width = chroma ? AV_CEIL_RSHIFT(src->width, format->log2_chroma_w) : src->width;
        int height = chroma ? AV_CEIL_RSHIFT(src->height, format->log2_chroma_h) : src->height;
        rfa_orient_plane(dst->data[plane], dst->linesize[plane], src->data[plane], src->linesize[plane], width, height,
                         sizes[plane], o);
    }
    return 0;
}

/* The scaler that libavfilter's `scale` would set up between frame and rgb24 of the same size. */
static int open_scaler(struct rfa_rgb *rgb, const AVFrame *frame)
{
    sws_freeContext(rgb->scaler);
    rgb->scaler = sws_alloc_context();
    if (!rgb->scaler)
        return AVERROR(ENOMEM);
    struct SwsContext *s = rgb->scaler;
    av_opt_set_int(s, "srcw", frame->width, 0);
    av_opt_set_int(s, "srch", frame->height, 0);
    av_opt_set_int(s, "src_format", frame->format, 0);
    av_opt_set_int(s, "dstw", frame->width, 0);
    av_opt_set_int(s, "dsth", frame->height, 0);
    av_opt_set_int(s, "dst_format", AV_PIX_FMT_RGB24, 0);
    av_opt_set_int(s, "sws_flags", SWS_BICUBIC, 0);
    if (frame->color_range != AVCOL_RANGE_UNSPECIFIED)
        av_opt_set_int(s, "src_range", frame->color_range == AVCOL_RANGE_JPEG, 0);
    if (frame->format == AV_PIX_FMT_YUV420P)
        av_opt_set_int(s, "src_v_chr_pos", 128, 0);
    int error = sws_init_context(s, NULL, NULL);
    if (error < 0)
        return error;
    int *table_src, *table_dst, range_src, range_dst, brightness, contrast, saturation;
    if (sws_getColorspaceDetails(s, &table_src, &range_src, &table_dst, &range_dst, &brightness, &contrast,
                                 &saturation) >= 0) {
        const int *matrix = sws_getCoefficients(frame->colorspace);
        if (frame->color_range != AVCOL_RANGE_UNSPECIFIED)
            range_src = frame->color_range == AVCOL_RANGE_JPEG;
        sws_setColorspaceDetails(s, matrix, range_src, matrix, range_dst, brightness, contrast, saturation);
    }
    rgb->width = frame->width;
    rgb->height = frame->height;
    rgb->format = frame->format;
    rgb->colorspace = frame->colorspace;
    rgb->range = frame->color_range;
    return 0;
}

static bool scaler_fits(const struct rfa_rgb *rgb, const AVFrame *frame)
{
    return rgb->scaler && rgb->width == frame->width && rgb->height == frame->height && rgb->format == frame->format &&
           rgb->colorspace == (int)frame->colorspace && rgb->range == (int)frame->color_range;
}

/* Into rgb->rgb, whose rows are aligned and padded: swscale computes other pixels at the end of rows that are not. */
static int convert(struct rfa_rgb *rgb, const AVFrame *frame)
{
    int error = scaler_fits(rgb, frame) ? 0 : open_scaler(rgb, frame);
    if (error < 0) {
        sws_freeContext(rgb->scaler);
        rgb->scaler = NULL;
        return error;
    }
    AVFrame *dst = rgb->rgb;
    if (!dst->data[0] || dst->width != frame->width || dst->height != frame->height) {
        av_frame_unref(dst);
        dst->format = AV_PIX_FMT_RGB24;
        dst->width = frame->width;
        dst->height = frame->height;
        if ((error = av_frame_get_buffer(dst, 0)) < 0)
            return error;
    }
    error = sws_scale(rgb->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, dst->data,
                      dst->linesize);
    return error < 0 ? error : 0;
}

enum rfa_status rfa_rgb_convert(struct rfa_rgb *rgb, struct rfa_picture *out, const AVFrame *frame,
                                struct rfa_orientation o, const char *path, const struct rfa_log *log)
{
    *out = (struct rfa_picture){0};
    if ((!rgb->upright && !(rgb->upright = av_frame_alloc())) || (!rgb->rgb && !(rgb->rgb = av_frame_alloc())))
        return rfa_libav_fail(log, AVERROR(ENOMEM), path, "no memory for a frame", "free some");
    int width = o.swap ? frame->height : frame->width, height = o.swap ? frame->width : frame->height;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    size_t sizes[4];
    int error = 0;
    if (format && !rfa_orientation_is_upright(o) && plane_elements(sizes, format, o.swap)) {
        error = turn_planes(rgb->upright, frame, format, sizes, o);
        frame = rgb->upright;
        o = (struct rfa_orientation){0};
    }
    if (error >= 0)
        error = convert(rgb, frame);
    if (error < 0)
        return rfa_libav_fail(log, error, path, "a frame cannot be converted to RGB",
                              "convert the video with the ffmpeg program first");
    RFA_TRY(rfa_picture_alloc(out, width, height, path, log));
    rfa_orient_plane(out->rgb, (ptrdiff_t)width * 3, rgb->rgb->data[0], rgb->rgb->linesize[0], frame->width,
                     frame->height, 3, o);
    return RFA_OK;
}

#endif
