#include "media.h"
#include "error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if RFA_WITH_FFMPEG

#include "libav.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

struct rfa_media_writer {
    const struct rfa_log *log;
    char *path;
    int width, height; /* as the caller gives them */
    AVFormatContext *container;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *scaler;
    int64_t frames;
};

/* The first encoder of these that FFmpeg has and the container takes: the best compression first, then what is always
 * there. */
static const AVCodec *choose_encoder(const AVOutputFormat *format)
{
    static const char *const names[] = {"libx264", "libopenh264", "h264_v4l2m2m", "libvpx-vp9",
                                        "libvpx",  "mpeg4",       "mjpeg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const AVCodec *codec = avcodec_find_encoder_by_name(names[i]);
        if (codec && avformat_query_codec(format, codec->id, FF_COMPLIANCE_NORMAL) == 1)
            return codec;
    }
    return format->video_codec == AV_CODEC_ID_NONE ? NULL : avcodec_find_encoder(format->video_codec);
}

static int open_codec(struct rfa_media_writer *w, const AVCodec *codec, AVRational rate)
{
    w->codec = avcodec_alloc_context3(codec);
    if (!w->codec)
        return AVERROR(ENOMEM);
    w->codec->width = w->width & ~1; /* 4:2:0 has half a chroma sample for an odd one */
    w->codec->height = w->height & ~1;
    w->codec->pix_fmt = codec->id == AV_CODEC_ID_MJPEG ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    w->codec->time_base = av_inv_q(rate);
    w->codec->framerate = rate;
    w->codec->gop_size = 50;
    /* Quality instead of a bit rate: near transparent, as annotation has fine lines. */
    w->codec->flags |= AV_CODEC_FLAG_QSCALE;
    w->codec->global_quality = 3 * FF_QP2LAMBDA;
    if (w->container->oformat->flags & AVFMT_GLOBALHEADER)
        w->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_opt_set(w->codec->priv_data, "crf", "20", 0); /* of x264 and VP9; others have no such option */
    av_opt_set(w->codec->priv_data, "preset", "fast", 0);
    return avcodec_open2(w->codec, codec, NULL);
}

static int open_file(struct rfa_media_writer *w)
{
    int error = avcodec_parameters_from_context(w->stream->codecpar, w->codec);
    if (error < 0)
        return error;
    w->stream->time_base = w->codec->time_base;
    w->stream->avg_frame_rate = w->codec->framerate;
    if (!(w->container->oformat->flags & AVFMT_NOFILE) &&
        (error = avio_open(&w->container->pb, w->path, AVIO_FLAG_WRITE)) < 0)
        return error;
    return avformat_write_header(w->container, NULL);
}

static int open_conversion(struct rfa_media_writer *w)
{
    w->packet = av_packet_alloc();
    w->frame = av_frame_alloc();
    w->scaler = sws_getContext(w->codec->width, w->codec->height, AV_PIX_FMT_RGB24, w->codec->width, w->codec->height,
                               w->codec->pix_fmt, SWS_BICUBIC, NULL, NULL, NULL);
    if (!w->packet || !w->frame || !w->scaler)
        return AVERROR(ENOMEM);
    w->frame->format = w->codec->pix_fmt;
    w->frame->width = w->codec->width;
    w->frame->height = w->codec->height;
    return av_frame_get_buffer(w->frame, 0);
}

enum rfa_status rfa_media_writer_check(const char *path, const struct rfa_log *log)
{
    rfa_libav_begin();
    if (av_guess_format(NULL, path, NULL))
        return RFA_OK;
    return rfa_fail(log, RFA_ERR_UNSUPPORTED, "%s: no video format has this ending; use .mp4, .mkv or .avi", path);
}

static enum rfa_status open_writer(struct rfa_media_writer *w, AVRational rate)
{
    RFA_TRY(rfa_media_writer_check(w->path, w->log));
    int error = avformat_alloc_output_context2(&w->container, NULL, NULL, w->path);
    if (error < 0)
        return rfa_libav_fail(w->log, error, w->path, "cannot be written as a video", "use the ending .mp4");
    const AVCodec *codec = choose_encoder(w->container->oformat);
    if (!codec)
        return rfa_fail(w->log, RFA_ERR_UNSUPPORTED,
                        "%s: FFmpeg here has no encoder for format %s; use the ending .mp4 or .avi", w->path,
                        w->container->oformat->name);
    w->stream = avformat_new_stream(w->container, NULL);
    error = w->stream ? open_codec(w, codec, rate) : AVERROR(ENOMEM);
    if (error < 0)
        return rfa_libav_fail(w->log, error, w->path, "its encoder cannot start",
                              "use another size or the ending .avi");
    if ((error = open_conversion(w)) < 0)
        return rfa_libav_fail(w->log, error, w->path, "no conversion from RGB", "free some memory");
    if ((error = open_file(w)) < 0)
        return rfa_libav_fail(w->log, error, w->path, "cannot be written", "check the folder and its permissions");
    return RFA_OK;
}

static void free_writer(struct rfa_media_writer **writer)
{
    struct rfa_media_writer *w = *writer;
    if (w->container && w->container->pb && !(w->container->oformat->flags & AVFMT_NOFILE))
        avio_closep(&w->container->pb);
    avformat_free_context(w->container);
    avcodec_free_context(&w->codec);
    av_packet_free(&w->packet);
    av_frame_free(&w->frame);
    sws_freeContext(w->scaler);
    free(w->path);
    free(w);
    *writer = NULL;
}

enum rfa_status rfa_media_writer_open(struct rfa_media_writer **out, const char *path, int width, int height,
                                      double frames_per_second, const struct rfa_log *log)
{
    if (!out)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_writer_open: no place for the writer; pass the address of one");
    *out = NULL;
    if (!path || !*path || width < 16 || height < 16 || width > 16384 || height > 16384 ||
        !(frames_per_second >= 1 && frames_per_second <= 240))
        return rfa_fail(log, RFA_ERR_ARG,
                        "rfa_media_writer_open: %d x %d pixels, %g frames a second; needs a path, sides of 16 to 16384 "
                        "and a rate of 1 to 240",
                        width, height, frames_per_second);
    struct rfa_media_writer *w = calloc(1, sizeof *w);
    char *copy = malloc(strlen(path) + 1);
    if (!w || !copy) {
        free(w);
        free(copy);
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to write it; free some", path);
    }
    strcpy(copy, path);
    *w = (struct rfa_media_writer){.log = log, .path = copy, .width = width, .height = height};
    enum rfa_status status = open_writer(w, av_d2q(frames_per_second, 60000));
    if (status != RFA_OK)
        free_writer(&w);
    *out = w;
    return status;
}

/* Encodes one frame, NULL at the end, and writes what the encoder has ready. */
static int encode(struct rfa_media_writer *w, const AVFrame *frame)
{
    int error = avcodec_send_frame(w->codec, frame);
    while (error >= 0) {
        error = avcodec_receive_packet(w->codec, w->packet);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF)
            return 0;
        if (error < 0)
            break;
        av_packet_rescale_ts(w->packet, w->codec->time_base, w->stream->time_base);
        w->packet->stream_index = w->stream->index;
        error = av_interleaved_write_frame(w->container, w->packet);
    }
    return error;
}

enum rfa_status rfa_media_writer_add(struct rfa_media_writer *w, const struct rfa_image *image)
{
    if (!image || !image->rgb || image->width != w->width || image->height != w->height)
        return rfa_fail(w->log, RFA_ERR_ARG, "%s: a frame of another size than the %d x %d pixels it was opened with",
                        w->path, w->width, w->height);
    int error = av_frame_make_writable(w->frame);
    if (error >= 0) {
        const uint8_t *planes[4] = {image->rgb};
        const int strides[4] = {(int)image->stride};
        error = sws_scale(w->scaler, planes, strides, 0, w->codec->height, w->frame->data, w->frame->linesize);
    }
    if (error >= 0) {
        w->frame->pts = w->frames++;
        w->frame->quality = w->codec->global_quality;
        error = encode(w, w->frame);
    }
    return error < 0
               ? rfa_libav_fail(w->log, error, w->path, "a frame cannot be written", "check the space on the disk")
               : RFA_OK;
}

enum rfa_status rfa_media_writer_close(struct rfa_media_writer **writer)
{
    struct rfa_media_writer *w = writer ? *writer : NULL;
    if (!w)
        return RFA_OK;
    int error = encode(w, NULL);
    int trailer = av_write_trailer(w->container);
    if (error >= 0)
        error = trailer;
    if (error >= 0 && w->container->pb)
        error = w->container->pb->error;
    enum rfa_status status = RFA_OK;
    if (error < 0)
        status = rfa_libav_fail(w->log, error, w->path, "cannot be finished", "check the space on the disk");
    free_writer(writer);
    return status;
}

#else

enum rfa_status rfa_media_writer_check(const char *path, const struct rfa_log *log)
{
    return rfa_fail(log, RFA_ERR_UNSUPPORTED,
                    "%s: writing video needs FFmpeg, which this build lacks; build with -DRFA_FFMPEG=ON", path);
}

enum rfa_status rfa_media_writer_open(struct rfa_media_writer **out, const char *path, int width, int height,
                                      double frames_per_second, const struct rfa_log *log)
{
    (void)width;
    (void)height;
    (void)frames_per_second;
    *out = NULL;
    return rfa_media_writer_check(path, log);
}

/* No writer exists in this build. */
enum rfa_status rfa_media_writer_add(struct rfa_media_writer *writer, const struct rfa_image *image)
{
    (void)writer;
    (void)image;
    return RFA_ERR_UNSUPPORTED;
}

enum rfa_status rfa_media_writer_close(struct rfa_media_writer **writer)
{
    (void)writer;
    return RFA_OK;
}

#endif
