#define _POSIX_C_SOURCE 200809L
#include "decoder.h"
#include "error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#if RFA_WITH_FFMPEG

#include "file_end.h"
#include "libav.h"
#include "rgb.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#if RFA_WITH_AVDEVICE
#include <libavdevice/avdevice.h>
#endif

struct rfa_decoder {
    const char *path;
    const struct rfa_log *log;
    int threads;
    AVFormatContext *container;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame[2]; /* by enum rfa_which_frame */
    double seconds[2];
    double origin;        /* time of the first frame as the file counts; NaN: frames carry no time */
    double step;          /* nominal seconds between frames */
    bool origin_known;    /* `origin` is set: after the first frame */
    bool draining, ended; /* all was read; and every frame is out, which threads may delay by as many frames */
    bool device;
    bool incomplete;  /* the last packet read is shorter than the container says */
    bool early_end;   /* reading ended before the file's end should come */
    int64_t last_end; /* where in the file the furthest packet so far ended; -1: unknown */
    int64_t damaged, flawed;
    int last_error;
    struct rfa_rgb rgb;
};

/* ------------------------------------------------------------------ opening */

static bool is_device(const char *path)
{
    return strncmp(path, "/dev/video", 10) == 0;
}

static enum rfa_status find_device(const AVInputFormat **format, const char *path, const struct rfa_log *log)
{
#if RFA_WITH_AVDEVICE
    avdevice_register_all();
    *format = av_find_input_format("v4l2");
    if (*format)
        return RFA_OK;
    return rfa_fail(log, RFA_ERR_UNSUPPORTED,
                    "%s: FFmpeg here cannot read cameras (no v4l2); use a build of it that can", path);
#else
    (void)format;
    return rfa_fail(log, RFA_ERR_UNSUPPORTED,
                    "%s: cameras need libavdevice, which this build lacks; build with -DRFA_AVDEVICE=ON", path);
#endif
}

/* What FFmpeg is to open. A file that exists is named as a file, so that a colon in its name is not taken for a
 * protocol. */
static char *url_of(const char *path)
{
    struct stat info;
    bool file = stat(path, &info) == 0 && S_ISREG(info.st_mode);
    const char *name = strcmp(path, "-") == 0 ? "pipe:0" : path;
    size_t size = strlen(name) + sizeof "file:";
    char *url = malloc(size);
    if (url)
        snprintf(url, size, "%s%s", file ? "file:" : "", name);
    return url;
}

static enum rfa_status open_container(AVFormatContext **out, const char *path, const struct rfa_log *log)
{
    const AVInputFormat *format = NULL;
    *out = NULL;
    if (is_device(path))
        RFA_TRY(find_device(&format, path, log));
    char *url = url_of(path);
    if (!url)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to open it; free some", path);
    int error = avformat_open_input(out, url, format, NULL);
    free(url);
    if (error >= 0)
        return RFA_OK;
    const char *remedy = error == AVERROR_INVALIDDATA || error == AVERROR_EOF || error == AVERROR(EINVAL)
                             ? "give a complete video file of a format that FFmpeg reads"
                             : "check the name and the permissions";
    return rfa_libav_fail(log, error, path, "cannot be opened as a video", remedy);
}

/* The video stream, with all others discarded. A cover picture of a song is no video. */
static int find_video(AVFormatContext *container)
{
    int found = av_find_best_stream(container, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (found >= 0 && (container->streams[found]->disposition & AV_DISPOSITION_ATTACHED_PIC))
        found = AVERROR_STREAM_NOT_FOUND;
    for (unsigned i = 0; i < container->nb_streams; i++)
        container->streams[i]->discard = (int)i == found ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    return found;
}

static enum rfa_status open_codec(struct rfa_decoder *d)
{
    const AVCodecParameters *parameters = d->stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec)
        return rfa_libav_fail(d->log, AVERROR_DECODER_NOT_FOUND, d->path, avcodec_get_name(parameters->codec_id),
                              "convert the video to H.264 with the ffmpeg program first");
    d->codec = avcodec_alloc_context3(codec);
    int error = d->codec ? avcodec_parameters_to_context(d->codec, parameters) : AVERROR(ENOMEM);
    if (error >= 0) {
        d->codec->pkt_timebase = d->stream->time_base;
        d->codec->thread_count = d->threads;
        error = avcodec_open2(d->codec, codec, NULL);
    }
    if (error < 0)
        return rfa_libav_fail(d->log, error, d->path, "its decoder cannot start",
                              "convert the video with the ffmpeg program first");
    return RFA_OK;
}

static enum rfa_status open_stream(struct rfa_decoder *d)
{
    rfa_libav_begin();
    RFA_TRY(open_container(&d->container, d->path, d->log));
    d->device = is_device(d->path);
    int error = avformat_find_stream_info(d->container, NULL);
    if (error < 0)
        return rfa_libav_fail(d->log, error, d->path, "cannot be read as a video", "give a complete video file");
    int index = find_video(d->container);
    if (index < 0)
        return rfa_fail(d->log, RFA_ERR_FORMAT,
                        "%s: holds no video stream (format %s, %u other streams); give a file with pictures in it",
                        d->path, d->container->iformat->name, d->container->nb_streams);
    d->stream = d->container->streams[index];
    AVRational rate = av_guess_frame_rate(d->container, d->stream, NULL);
    d->step = rate.num > 0 && rate.den > 0 ? 1 / av_q2d(rate) : 1.0 / 25;
    return open_codec(d);
}

/* Reading begins anew, somewhere in the file. */
static void forget_end(struct rfa_decoder *d)
{
    d->draining = d->ended = d->incomplete = d->early_end = false;
    d->last_end = -1;
}

static void close_stream(struct rfa_decoder *d)
{
    for (int i = 0; i < 2; i++)
        av_frame_unref(d->frame[i]);
    avcodec_free_context(&d->codec);
    avformat_close_input(&d->container);
    d->stream = NULL;
    forget_end(d);
}

/* ------------------------------------------------------------------ decoding */

static void wait_for_camera(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* Not that of the last packet: a DV frame's sound comes after its picture and stands before the picture's end. */
static void note_end(struct rfa_decoder *d)
{
    if (d->packet->pos >= 0 && d->packet->pos + d->packet->size > d->last_end)
        d->last_end = d->packet->pos + d->packet->size;
}

/* Gives the decoder one more packet, or tells it that there are no more. False: memory is exhausted. */
static bool feed(struct rfa_decoder *d)
{
    int error = av_read_frame(d->container, d->packet);
    if (error == AVERROR(EAGAIN)) {
        wait_for_camera();
        return true;
    }
    if (error < 0) {
        d->early_end = rfa_file_end_is_early(d->container, error, d->last_end, d->incomplete);
        if (error != AVERROR_EOF)
            d->last_error = error;
        d->draining = true;
        error = avcodec_send_packet(d->codec, NULL);
    } else {
        note_end(d);
        /* An empty packet would mean the end to the decoder; in AVI it means "the same picture again". */
        bool ours = d->packet->stream_index == d->stream->index && d->packet->size > 0;
        if (ours)
            d->incomplete = (d->packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
        error = ours ? avcodec_send_packet(d->codec, d->packet) : 0;
        av_packet_unref(d->packet);
    }
    if (error < 0 && error != AVERROR_EOF) {
        d->damaged++;
        d->last_error = error;
    }
    return error != AVERROR(ENOMEM);
}

/* The next decoded frame into `frame`. Damaged packets are counted and passed over, as the ffmpeg program does. */
static enum rfa_status decode(struct rfa_decoder *d, AVFrame *frame, bool *end)
{
    enum { MAX_ERRORS_DRAINING = 256 }; /* a decoder's delay is shorter than this */
    *end = false;
    for (int errors = 0;;) {
        int error = avcodec_receive_frame(d->codec, frame);
        if (error >= 0) {
            d->flawed += frame->decode_error_flags != 0;
            return RFA_OK;
        }
        if (error == AVERROR_EOF || errors > MAX_ERRORS_DRAINING) {
            *end = d->ended = true;
            return RFA_OK;
        }
        if (error != AVERROR(EAGAIN)) {
            d->damaged++;
            d->last_error = error;
            errors += d->draining;
        }
        if (error == AVERROR(ENOMEM) || (!d->draining && error == AVERROR(EAGAIN) && !feed(d)))
            return rfa_fail(d->log, RFA_ERR_NOMEM, "%s: no memory to decode it; free some, or scale the video down",
                            d->path);
    }
}

/* Sets seconds[CURRENT] from the frame's timestamp, or one step after `before` (NaN: no frame before). */
static void set_time(struct rfa_decoder *d, double before)
{
    int64_t stamp = d->frame[RFA_FRAME_CURRENT]->best_effort_timestamp;
    double time = stamp == AV_NOPTS_VALUE ? NAN : (double)stamp * av_q2d(d->stream->time_base);
    if (!d->origin_known) {
        d->origin = time;
        d->origin_known = true;
    }
    double seconds = time - d->origin;
    if (isnan(d->origin) || isnan(time))
        seconds = before + d->step;
    d->seconds[RFA_FRAME_CURRENT] = seconds < before ? before : seconds;
}

enum rfa_status rfa_decoder_next(struct rfa_decoder *d, bool *end)
{
    /* The older of the two frames gives way; at the end it is lost, and nobody may ask for it. */
    AVFrame *frame = d->frame[RFA_FRAME_PREVIOUS];
    av_frame_unref(frame);
    RFA_TRY(decode(d, frame, end));
    if (*end)
        return RFA_OK;
    d->frame[RFA_FRAME_PREVIOUS] = d->frame[RFA_FRAME_CURRENT];
    d->frame[RFA_FRAME_CURRENT] = frame;
    d->seconds[RFA_FRAME_PREVIOUS] = d->seconds[RFA_FRAME_CURRENT];
    set_time(d, d->seconds[RFA_FRAME_PREVIOUS]);
    return RFA_OK;
}

static enum rfa_status decode_first(struct rfa_decoder *d)
{
    bool end;
    RFA_TRY(decode(d, d->frame[RFA_FRAME_CURRENT], &end));
    if (end)
        return d->last_error ? rfa_libav_fail(d->log, d->last_error, d->path, "no frame can be decoded",
                                              "give a complete file, or convert it with the ffmpeg program first")
                             : rfa_fail(d->log, RFA_ERR_FORMAT,
                                        "%s: the video stream holds no frame; give a complete video file", d->path);
    set_time(d, -d->step); /* frame 0 is at 0, with a timestamp or without */
    return RFA_OK;
}

double rfa_decoder_seconds(const struct rfa_decoder *d, enum rfa_which_frame which)
{
    return d->seconds[which];
}

/* ------------------------------------------------------------------ open, seek, rewind, close */

enum rfa_status rfa_decoder_open(struct rfa_decoder **out, const char *path, int threads, const struct rfa_log *log)
{
    *out = NULL;
    struct rfa_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to open it; free some", path);
    *d = (struct rfa_decoder){.path = path, .log = log, .threads = threads, .last_end = -1};
    d->packet = av_packet_alloc();
    d->frame[0] = av_frame_alloc();
    d->frame[1] = av_frame_alloc();
    enum rfa_status status;
    if (!d->packet || !d->frame[0] || !d->frame[1])
        status = rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to open it; free some", path);
    else
        status = open_stream(d);
    if (status == RFA_OK)
        status = decode_first(d);
    if (status != RFA_OK)
        rfa_decoder_close(&d);
    *out = d;
    return status;
}

void rfa_decoder_close(struct rfa_decoder **decoder)
{
    struct rfa_decoder *d = decoder ? *decoder : NULL;
    if (!d)
        return;
    avcodec_free_context(&d->codec);
    avformat_close_input(&d->container);
    av_packet_free(&d->packet);
    for (int i = 0; i < 2; i++)
        av_frame_free(&d->frame[i]);
    rfa_rgb_free(&d->rgb);
    free(d);
    *decoder = NULL;
}

bool rfa_decoder_seek(struct rfa_decoder *d, double seconds)
{
    if (isnan(d->origin) || (d->container->iformat->flags & AVFMT_NOTIMESTAMPS))
        return false;
    int64_t stamp = (int64_t)floor((seconds + d->origin) / av_q2d(d->stream->time_base));
    if (avformat_seek_file(d->container, d->stream->index, INT64_MIN, stamp, stamp, 0) < 0)
        return false;
    avcodec_flush_buffers(d->codec);
    forget_end(d);
    for (int i = 0; i < 2; i++)
        av_frame_unref(d->frame[i]);
    bool end;
    if (decode(d, d->frame[RFA_FRAME_CURRENT], &end) != RFA_OK || end)
        return false;
    set_time(d, NAN);
    return true;
}

enum rfa_status rfa_decoder_rewind(struct rfa_decoder *d)
{
    close_stream(d);
    d->origin_known = false;
    d->damaged = d->flawed = 0;
    d->last_error = 0;
    RFA_TRY(open_stream(d));
    return decode_first(d);
}

/* ------------------------------------------------------------------ pictures and facts */

/* What a frame says about its orientation goes before what the stream says. */
static struct rfa_orientation orientation_of(const struct rfa_decoder *d, const AVFrame *frame)
{
    const AVFrameSideData *own = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    const uint8_t *matrix = own && own->size >= 9 * sizeof(int32_t) ? own->data : NULL;
    if (!matrix) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
        const AVCodecParameters *parameters = d->stream->codecpar;
        const AVPacketSideData *side = av_packet_side_data_get(
            parameters->coded_side_data, parameters->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
        if (side && side->size >= 9 * sizeof(int32_t))
            matrix = side->data;
#else
        size_t size = 0;
        const uint8_t *side = av_stream_get_side_data(d->stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
        if (side && size >= 9 * sizeof(int32_t))
            matrix = side;
#endif
    }
    int32_t values[9];
    if (!matrix)
        return (struct rfa_orientation){0};
    memcpy(values, matrix, sizeof values);
    return rfa_matrix_orientation(values);
}

enum rfa_status rfa_decoder_picture(struct rfa_decoder *d, enum rfa_which_frame which, struct rfa_picture *out)
{
    const AVFrame *frame = d->frame[which];
    return rfa_rgb_convert(&d->rgb, out, frame, orientation_of(d, frame), d->path, d->log);
}

double rfa_decoder_pixel_aspect(const struct rfa_decoder *d, enum rfa_which_frame which)
{
    AVFrame *frame = d->frame[which];
    AVRational ratio = av_guess_sample_aspect_ratio(d->container, d->stream, frame);
    if (ratio.num <= 0 || ratio.den <= 0)
        return 1;
    return orientation_of(d, frame).swap ? 1 / av_q2d(ratio) : av_q2d(ratio);
}

/* Matroska's duration of a stream, "00:00:03.033000000"; 0 without one. */
static double tagged_seconds(const AVStream *stream)
{
    const AVDictionaryEntry *tag = av_dict_get(stream->metadata, "DURATION", NULL, 0);
    unsigned hours, minutes;
    double seconds;
    return tag && sscanf(tag->value, "%u:%u:%lf", &hours, &minutes, &seconds) == 3
               ? hours * 3600.0 + minutes * 60.0 + seconds
               : 0;
}

/* Where the video ends by what the file says. What was estimated from a bit rate says nothing, nor does the length of
 * a file with other streams, one of which may be longer (in ASF a stream's length is the file's). A file's length and
 * Matroska's tag count from time 0, with whatever lies before the first frame. */
static double claimed_end(const struct rfa_decoder *d)
{
    const AVStream *stream = d->stream;
    const double base = av_q2d(stream->time_base), tagged = tagged_seconds(stream);
    const bool own_length = stream->duration > 0 && strcmp(d->container->iformat->name, "asf") != 0;
    if (isnan(d->origin) || d->container->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
        return 0;
    double end = 0;
    if (own_length)
        end = (double)(stream->duration + (stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time)) * base;
    else if (tagged > 0)
        end = tagged;
    else if (d->container->nb_streams == 1 && d->container->duration > 0)
        end = (double)d->container->duration / AV_TIME_BASE;
    return fmax(end - d->origin, 0);
}

static double frame_seconds(const struct rfa_decoder *d, const AVFrame *frame)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    int64_t duration = frame->duration;
#else
    int64_t duration = frame->pkt_duration;
#endif
    return fmax(d->step, (double)duration * av_q2d(d->stream->time_base));
}

void rfa_decoder_describe(const struct rfa_decoder *d, struct rfa_decoder_info *info)
{
    const AVFrame *frame = d->frame[RFA_FRAME_CURRENT];
    bool swap = orientation_of(d, frame).swap;
    AVRational rate = av_guess_frame_rate(d->container, d->stream, NULL);
    double length = 0;
    if (d->stream->duration > 0)
        length = (double)d->stream->duration * av_q2d(d->stream->time_base);
    else if (d->container->duration > 0)
        length = (double)d->container->duration / AV_TIME_BASE;
    bool seekable = d->container->pb ? (d->container->pb->seekable & AVIO_SEEKABLE_NORMAL) != 0 : !d->device;
    *info = (struct rfa_decoder_info){
        .width = swap ? frame->height : frame->width,
        .height = swap ? frame->width : frame->height,
        .frames_per_second = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0,
        .seconds = length,
        .video_end = claimed_end(d),
        .decoded_end = d->seconds[RFA_FRAME_CURRENT] + frame_seconds(d, frame),
        .damaged = d->damaged,
        .flawed = d->flawed,
        .ended = d->ended,
        .broken_end = d->ended && d->early_end,
        .seekable = seekable,
        .live = d->device || (!seekable && length <= 0),
    };
}

int64_t rfa_decoder_expected_frames(const struct rfa_decoder *d)
{
    if (d->stream->nb_frames > 0)
        return d->stream->nb_frames;
    AVFormatContext *container;
    if (open_container(&container, d->path, NULL) != RFA_OK)
        return 0;
    int64_t packets = 0;
    int index = avformat_find_stream_info(container, NULL) >= 0 ? find_video(container) : -1;
    while (index >= 0 && av_read_frame(container, d->packet) >= 0) {
        if (d->packet->stream_index == index && d->packet->size > 0 && !(d->packet->flags & AV_PKT_FLAG_DISCARD))
            packets++;
        av_packet_unref(d->packet);
    }
    avformat_close_input(&container);
    return packets;
}

#else

static enum rfa_status missing(const char *path, const struct rfa_log *log)
{
    return rfa_fail(log, RFA_ERR_UNSUPPORTED,
                    "%s: reading it needs FFmpeg, which this build lacks; build with -DRFA_FFMPEG=ON%s", path,
                    RFA_WITH_TURBOJPEG ? ", or give a folder of JPEG frames" : "");
}

enum rfa_status rfa_decoder_open(struct rfa_decoder **out, const char *path, int threads, const struct rfa_log *log)
{
    (void)threads;
    *out = NULL;
    return missing(path, log);
}

/* No decoder exists in this build, so none of these is ever reached with one. */
void rfa_decoder_close(struct rfa_decoder **decoder)
{
    (void)decoder;
}

enum rfa_status rfa_decoder_next(struct rfa_decoder *decoder, bool *end)
{
    (void)decoder;
    *end = true;
    return RFA_ERR_UNSUPPORTED;
}

double rfa_decoder_seconds(const struct rfa_decoder *decoder, enum rfa_which_frame which)
{
    (void)decoder;
    (void)which;
    return 0;
}

enum rfa_status rfa_decoder_picture(struct rfa_decoder *decoder, enum rfa_which_frame which, struct rfa_picture *out)
{
    (void)decoder;
    (void)which;
    *out = (struct rfa_picture){0};
    return RFA_ERR_UNSUPPORTED;
}

double rfa_decoder_pixel_aspect(const struct rfa_decoder *decoder, enum rfa_which_frame which)
{
    (void)decoder;
    (void)which;
    return 1;
}

bool rfa_decoder_seek(struct rfa_decoder *decoder, double seconds)
{
    (void)decoder;
    (void)seconds;
    return false;
}

enum rfa_status rfa_decoder_rewind(struct rfa_decoder *decoder)
{
    (void)decoder;
    return RFA_ERR_UNSUPPORTED;
}

void rfa_decoder_describe(const struct rfa_decoder *decoder, struct rfa_decoder_info *info)
{
    (void)decoder;
    *info = (struct rfa_decoder_info){0};
}

int64_t rfa_decoder_expected_frames(const struct rfa_decoder *decoder)
{
    (void)decoder;
    return 0;
}

#endif
