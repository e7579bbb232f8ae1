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

static const double MIN_RATE = 1, MAX_RATE = 240; /* frames a second */
static const double MAX_HELD = 600;               /* seconds that one frame is repeated for */

struct rfa_media_writer {
    const struct rfa_log *log;
    char *url;         /* what FFmpeg is to open; NULL: memory, to try the format */
    const char *path;  /* the end of it, as the caller gives it */
    int width, height; /* likewise */
    AVFormatContext *container;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *scaler;
    int64_t next;        /* the first tick, of 1 / rate, that no frame has yet */
    double rate, origin; /* the file's frames a second; time of tick 0 */
    double latest;       /* a frame that would come this many ticks too late is left out */
    bool constant;       /* every tick has a frame: they carry no times, or the codec has none between its ticks */
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

static int open_codec(struct rfa_media_writer *w, const AVCodec *codec)
{
    AVRational rate = av_d2q(w->rate, 60000);
    w->codec = avcodec_alloc_context3(codec);
    if (!w->codec)
        return AVERROR(ENOMEM);
    w->codec->width = w->width & ~1; /* 4:2:0 has half a chroma sample for an odd one */
    w->codec->height = w->height & ~1;
    w->codec->pix_fmt = codec->id == AV_CODEC_ID_MJPEG ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    w->codec->sample_aspect_ratio = (AVRational){1, 1};
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
    av_opt_set(w->codec->priv_data, "x265-params", "log-level=none", 0); /* prints by itself otherwise */
    return avcodec_open2(w->codec, codec, NULL);
}

static int open_file(struct rfa_media_writer *w)
{
    int error = avcodec_parameters_from_context(w->stream->codecpar, w->codec);
    if (error < 0)
        return error;
    w->stream->time_base = w->codec->time_base;
    w->stream->sample_aspect_ratio = w->codec->sample_aspect_ratio;
    w->stream->avg_frame_rate = w->codec->framerate;
    return w->url ? avio_open(&w->container->pb, w->url, AVIO_FLAG_WRITE) : avio_open_dyn_buf(&w->container->pb);
}

static int open_conversion(struct rfa_media_writer *w)
{
    w->packet = av_packet_alloc();
    w->frame = av_frame_alloc();
    if (!w->packet || !w->frame)
        return AVERROR(ENOMEM);
    w->frame->format = w->codec->pix_fmt;
    w->frame->width = w->codec->width;
    w->frame->height = w->codec->height;
    return av_frame_get_buffer(w->frame, 0);
}

/* The container and an encoder that works. */
static enum rfa_status open_format(struct rfa_media_writer *w)
{
    const AVOutputFormat *format = av_guess_format(NULL, w->path, NULL);
    if (!format || (format->flags & AVFMT_NOFILE)) /* numbered pictures are no file */
        return rfa_fail(w->log, RFA_ERR_UNSUPPORTED, "%s: no video format has this ending; use .mp4, .mkv or .avi",
                        w->path);
    int error = avformat_alloc_output_context2(&w->container, format, NULL, w->path);
    if (error < 0)
        return rfa_libav_fail(w->log, error, w->path, "cannot be written as a video", "use the ending .mp4");
    const AVCodec *codec = choose_encoder(format);
    if (!codec)
        return rfa_fail(w->log, RFA_ERR_UNSUPPORTED,
                        "%s: FFmpeg here has no encoder for format %s; use the ending .mp4 or .avi", w->path,
                        format->name);
    w->stream = avformat_new_stream(w->container, NULL);
    error = w->stream ? open_codec(w, codec) : AVERROR(ENOMEM);
    if (error < 0)
        return rfa_libav_fail(w->log, error, w->path, "its encoder cannot start",
                              "use another size or the ending .avi");
    return RFA_OK;
}

static enum rfa_status open_writer(struct rfa_media_writer *w)
{
    int error;
    rfa_libav_begin();
    RFA_TRY(open_format(w));
    if ((error = open_conversion(w)) < 0)
        return rfa_libav_fail(w->log, error, w->path, "no memory for a frame", "free some memory");
    if ((error = open_file(w)) < 0)
        return rfa_libav_fail(w->log, error, w->path, "cannot be written", "check the folder and its permissions");
    if ((error = avformat_write_header(w->container, NULL)) < 0)
        return rfa_libav_fail(w->log, error, w->path, "cannot be begun as a video",
                              "use another size or the ending .avi, or check the space on the disk");
    return RFA_OK;
}

static void close_file(const struct rfa_media_writer *w)
{
    uint8_t *memory = NULL;
    if (w->url) {
        avio_closep(&w->container->pb);
        return;
    }
    avio_close_dyn_buf(w->container->pb, &memory);
    w->container->pb = NULL;
    av_free(memory);
}

static void close_writer(struct rfa_media_writer *w)
{
    if (w->container && w->container->pb)
        close_file(w);
    avformat_free_context(w->container);
    avcodec_free_context(&w->codec);
    av_packet_free(&w->packet);
    av_frame_free(&w->frame);
    sws_freeContext(w->scaler);
    free(w->url);
}

static void free_writer(struct rfa_media_writer **writer)
{
    close_writer(*writer);
    free(*writer);
    *writer = NULL;
}

/* Named as a file, so that a colon in the name is not taken for a protocol. */
static bool set_path(struct rfa_media_writer *w, const char *path)
{
    const char *protocol = strstr(path, "://") ? "" : "file:";
    size_t size = strlen(protocol) + strlen(path) + 1;
    w->url = malloc(size);
    if (!w->url)
        return false;
    snprintf(w->url, size, "%s%s", protocol, path);
    w->path = w->url + strlen(protocol);
    return true;
}

/* Whether encoder and container take pictures of this size at this rate: starts a file in memory. */
static enum rfa_status try_format(const char *path, int width, int height, double rate, const struct rfa_log *log)
{
    struct rfa_media_writer probe = {.log = log, .path = path, .width = width, .height = height, .rate = rate};
    enum rfa_status status = open_writer(&probe);
    close_writer(&probe);
    return status;
}

enum rfa_status rfa_media_writer_check(const char *path, const struct rfa_log *log)
{
    if (!path)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_writer_check: the path is NULL; pass the name of the video");
    return try_format(path, 66, 50, 30, log); /* no multiples of 16: an annotated frame seldom has such */
}

/* The wanted rate, or, where encoder or container refuse it, the next faster one of broadcasting: formats with a list
 * of rates have some of these. Where all are slower, the fastest. */
static double choose_rate(const struct rfa_media_writer *w, double wanted)
{
    static const double rates[] = {24000.0 / 1001, 24, 25, 30000.0 / 1001, 30, 50, 60000.0 / 1001, 60};
    const double rounding = 1e-4; /* of rates that files state */
    const int count = sizeof rates / sizeof *rates;
    if (try_format(w->path, w->width, w->height, wanted, NULL) == RFA_OK)
        return wanted;
    for (int i = 0; i < count; i++)
        if (rates[i] >= wanted * (1 - rounding) && try_format(w->path, w->width, w->height, rates[i], NULL) == RFA_OK)
            return rates[i];
    for (int i = count - 1; i >= 0; i--)
        if (try_format(w->path, w->width, w->height, rates[i], NULL) == RFA_OK)
            return rates[i];
    return wanted; /* the rate is not to blame: opening will say what is */
}

/* MPEG-1 and MPEG-2 state the distance of their pictures, and decoders go by it. */
static bool has_constant_rate(const struct rfa_media_writer *w)
{
    return (w->container->oformat->flags & AVFMT_NOTIMESTAMPS) || w->codec->codec_id == AV_CODEC_ID_MPEG1VIDEO ||
           w->codec->codec_id == AV_CODEC_ID_MPEG2VIDEO;
}

static enum rfa_status open_at_rate(struct rfa_media_writer *w, double wanted)
{
    w->rate = choose_rate(w, fmin(fmax(wanted, MIN_RATE), MAX_RATE));
    RFA_TRY(open_writer(w));
    w->constant = has_constant_rate(w);
    w->latest = w->rate < 0.999 * wanted ? 0.5 : w->rate / 2;
    return RFA_OK;
}

enum rfa_status rfa_media_writer_open(struct rfa_media_writer **out, const char *path, int width, int height,
                                      double frames_per_second, const struct rfa_log *log)
{
    if (!out)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_writer_open: no place for the writer; pass the address of one");
    *out = NULL;
    if (!path || !*path || width < 16 || height < 16 || width > 16384 || height > 16384 ||
        !(frames_per_second > 0 && frames_per_second < INFINITY))
        return rfa_fail(log, RFA_ERR_ARG,
                        "rfa_media_writer_open: %d x %d pixels, %g frames a second; needs a path, sides of 16 to 16384 "
                        "and a rate above 0",
                        width, height, frames_per_second);
    struct rfa_media_writer *w = calloc(1, sizeof *w);
    if (!w || !set_path(w, path)) {
        free(w);
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to write it; free some", path);
    }
    w->log = log;
    w->width = width;
    w->height = height;
    enum rfa_status status = open_at_rate(w, frames_per_second);
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

/* An odd last column or row of the size that was opened is not read; any other size is scaled. */
static int convert(struct rfa_media_writer *w, const struct rfa_image *image)
{
    const AVCodecContext *codec = w->codec;
    bool same = image->width == w->width && image->height == w->height;
    int width = same ? codec->width : image->width, height = same ? codec->height : image->height;
    const uint8_t *planes[4] = {image->rgb};
    const int strides[4] = {(int)image->stride};
    w->scaler = sws_getCachedContext(w->scaler, width, height, AV_PIX_FMT_RGB24, codec->width, codec->height,
                                     codec->pix_fmt, SWS_BICUBIC, NULL, NULL, NULL);
    if (!w->scaler)
        return AVERROR(ENOMEM);
    return sws_scale(w->scaler, planes, strides, 0, height, w->frame->data, w->frame->linesize);
}

/* The tick for a frame at `seconds`; -1: none. Two frames never share one. */
static int64_t choose_tick(struct rfa_media_writer *w, double seconds)
{
    if (w->next == 0)
        w->origin = seconds;
    double wanted = (seconds - w->origin) * w->rate;
    if (!(wanted > (double)w->next)) /* NaN as well */
        return (double)w->next - wanted >= w->latest ? -1 : w->next;
    if (w->constant && wanted - (double)w->next > MAX_HELD * w->rate) {
        w->origin = seconds - (double)w->next / w->rate; /* a clock that was set anew is no reason to fill a disk */
        return w->next;
    }
    return wanted < 1e15 ? llround(wanted) : w->next;
}

/* Shows the last frame until `tick`. */
static int hold_last(struct rfa_media_writer *w, int64_t tick)
{
    int error = 0;
    for (; w->next > 0 && w->next < tick && error >= 0; w->next++) {
        w->frame->pts = w->next;
        error = encode(w, w->frame);
    }
    return error;
}

enum rfa_status rfa_media_writer_add(struct rfa_media_writer *w, const struct rfa_image *image, double seconds)
{
    if (!image || !image->rgb || image->width < 1 || image->height < 1)
        return rfa_fail(w->log, RFA_ERR_ARG, "%s: a frame without pixels cannot be appended", w->path);
    int64_t tick = choose_tick(w, seconds);
    if (tick < 0)
        return RFA_OK;
    int error = w->constant ? hold_last(w, tick) : 0;
    if (error >= 0)
        error = av_frame_make_writable(w->frame);
    if (error >= 0)
        error = convert(w, image);
    if (error >= 0) {
        w->frame->pts = tick;
        w->next = tick + 1;
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
enum rfa_status rfa_media_writer_add(struct rfa_media_writer *writer, const struct rfa_image *image, double seconds)
{
    (void)writer;
    (void)image;
    (void)seconds;
    return RFA_ERR_UNSUPPORTED;
}

enum rfa_status rfa_media_writer_close(struct rfa_media_writer **writer)
{
    (void)writer;
    return RFA_OK;
}

#endif
