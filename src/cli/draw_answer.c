#define _POSIX_C_SOURCE 200809L
#include "draw_answer.h"

#include <string.h>
#include <strings.h>
#include <stdio.h>

#include "cli.h"
#include "error.h"
#include "output.h"

enum { JPEG_QUALITY = 92 };

bool rfa_annotate_is_picture(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

bool rfa_annotate_check(const char *path, bool picture)
{
    if (!path || (picture && rfa_annotate_is_picture(path)))
        return true;
    if (!RFA_WITH_FFMPEG)
        return rfa_media_writer_check(path, &rfa_cli_log) == RFA_OK;
    if (rfa_media_writer_check(path, NULL) == RFA_OK)
        return true;
    fprintf(stderr,
            "refatom: --annotate: no video format for frames of any size has the ending of '%s'; use .mp4, .mkv or "
            ".avi%s\n",
            path, picture ? ", or .jpg for the key frame alone" : "");
    return false;
}

enum rfa_status rfa_annotate_picture(const char *path, const struct rfa_image *key, const struct rfa_annotation *answer,
                                     const struct rfa_log *log)
{
    struct rfa_picture picture;
    struct rfa_output output = {.log = log};
    RFA_TRY(rfa_media_annotate(&picture, key, answer, log));
    struct rfa_image image = rfa_picture_image(&picture);
    enum rfa_status status = rfa_output_begin(&output, path, log);
    const struct rfa_log named = rfa_output_log(&output);
    if (status == RFA_OK)
        status = rfa_media_write_jpeg(rfa_output_name(&output), &image, JPEG_QUALITY, &named);
    rfa_picture_free(&picture);
    return rfa_output_end(&output, status);
}

struct copy {
    struct rfa_media_stream *stream;
    struct rfa_media_writer *writer;
    struct rfa_stream_info info;
};

/* Annotates one frame and appends it; the first one opens the file, since only then is the size known. */
static enum rfa_status append(struct copy *c, const char *path, const struct rfa_image *frame, double seconds,
                              const struct rfa_annotation *answer, const struct rfa_log *log)
{
    struct rfa_picture picture;
    RFA_TRY(rfa_media_annotate(&picture, frame, answer, log));
    struct rfa_image image = rfa_picture_image(&picture);
    enum rfa_status status = RFA_OK;
    if (!c->writer)
        status = rfa_media_writer_open(&c->writer, path, image.width, image.height,
                                       c->info.frames_per_second > 0 ? c->info.frames_per_second : 30, log);
    if (status == RFA_OK)
        status = rfa_media_writer_add(c->writer, &image, seconds);
    rfa_picture_free(&picture);
    return status;
}

static enum rfa_status copy_frames(struct copy *c, const char *path, double end, const struct rfa_annotation *answer,
                                   const struct rfa_log *log)
{
    for (;;) {
        struct rfa_image frame;
        double seconds;
        RFA_TRY(rfa_media_stream_next(c->stream, &frame, &seconds));
        if (!frame.rgb || (end > 0 && seconds > end))
            return RFA_OK;
        RFA_TRY(append(c, path, &frame, seconds, answer, log));
    }
}

/* What is to be noticed about the video was said when its frames were chosen. */
static void pass_failures(void *user, enum rfa_status status, const char *message)
{
    const struct rfa_log *log = user;
    if (status != RFA_OK)
        log->write(log->user, status, message);
}

enum rfa_status rfa_annotate_video(const char *path, const char *video, double start, double seconds,
                                   const struct rfa_annotation *answer, const struct rfa_log *log)
{
    struct copy c = {.writer = NULL};
    struct rfa_stream_options options = {.start_seconds = start};
    struct rfa_log failures = {pass_failures, &(struct rfa_log){log->write, log->user}};
    struct rfa_output output;
    RFA_TRY(rfa_output_begin(&output, path, log));
    const struct rfa_log named = rfa_output_log(&output);
    enum rfa_status status = rfa_media_stream_open(&c.stream, video, &options, &failures);
    if (status == RFA_OK) {
        rfa_media_stream_describe(c.stream, &c.info);
        status = copy_frames(&c, rfa_output_name(&output), seconds > 0 ? start + seconds : 0, answer, &named);
    }
    enum rfa_status closed = rfa_media_writer_close(&c.writer);
    rfa_media_stream_close(&c.stream);
    return rfa_output_end(&output, status != RFA_OK ? status : closed);
}
