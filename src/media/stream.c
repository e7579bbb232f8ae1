#include "damage.h"
#include "decoder.h"
#include "error.h"
#include "filelist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pictures in a folder follow each other at the dataset's rate. */
static const double FOLDER_RATE = 30;

struct rfa_media_stream {
    const struct rfa_log *log;
    char *path;
    struct rfa_stream_options options;
    struct rfa_decoder *decoder; /* NULL: a folder */
    struct rfa_filelist list;
    size_t position; /* of the next file */
    bool fresh;      /* the decoder's current frame was not looked at yet */
    bool reported;   /* its damage was */
    double due;      /* the next frame to deliver is on display at this time or later */
    struct rfa_picture picture;
};

static enum rfa_status open_source(struct rfa_media_stream *s)
{
    bool is_list;
    RFA_TRY(rfa_filelist_open(&s->list, &is_list, s->path, s->log));
    if (is_list)
        return RFA_OK;
    RFA_TRY(rfa_decoder_open(&s->decoder, s->path, s->options.threads, s->log));
    double start = s->options.start_seconds;
    if (start > 2 &&
        (!rfa_decoder_seek(s->decoder, start - 1) || !(rfa_decoder_seconds(s->decoder, RFA_FRAME_CURRENT) <= start)))
        return rfa_decoder_rewind(s->decoder);
    return RFA_OK;
}

enum rfa_status rfa_media_stream_open(struct rfa_media_stream **out, const char *path,
                                      const struct rfa_stream_options *options, const struct rfa_log *log)
{
    if (!out)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_stream_open: no place for the stream; pass the address of one");
    *out = NULL;
    if (!path || !*path)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_stream_open: needs a path");
    const struct rfa_stream_options defaults = {0}, *o = options ? options : &defaults;
    if (!(o->frames_per_second >= 0 && o->frames_per_second <= 1e6) ||
        !(o->start_seconds >= 0 && o->start_seconds <= 1e9))
        return rfa_fail(log, RFA_ERR_ARG,
                        "%s: %g frames a second from %g s on are not possible; give numbers of 0 and above", path,
                        o->frames_per_second, o->start_seconds);
    struct rfa_media_stream *s = calloc(1, sizeof *s);
    char *copy = malloc(strlen(path) + 1);
    if (!s || !copy) {
        free(s);
        free(copy);
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to open it; free some", path);
    }
    strcpy(copy, path);
    *s = (struct rfa_media_stream){.log = log, .path = copy, .options = *o, .fresh = true, .due = o->start_seconds};
    enum rfa_status status = open_source(s);
    if (status != RFA_OK)
        rfa_media_stream_close(&s);
    *out = s;
    return status;
}

void rfa_media_stream_close(struct rfa_media_stream **stream)
{
    struct rfa_media_stream *s = stream ? *stream : NULL;
    if (!s)
        return;
    rfa_decoder_close(&s->decoder);
    rfa_filelist_close(&s->list);
    rfa_picture_free(&s->picture);
    free(s->path);
    free(s);
    *stream = NULL;
}

void rfa_media_stream_describe(const struct rfa_media_stream *s, struct rfa_stream_info *info)
{
    *info = (struct rfa_stream_info){
        .pixel_aspect = 1, .frames_per_second = FOLDER_RATE, .seconds = (double)s->list.count / FOLDER_RATE};
    if (s->decoder) {
        struct rfa_decoder_info d;
        rfa_decoder_describe(s->decoder, &d);
        *info = (struct rfa_stream_info){.width = d.width,
                                         .height = d.height,
                                         .pixel_aspect = rfa_decoder_pixel_aspect(s->decoder, RFA_FRAME_CURRENT),
                                         .frames_per_second = d.frames_per_second,
                                         .seconds = d.seconds,
                                         .live = d.live};
    }
    double limit = s->options.frames_per_second;
    if (limit > 0 && (info->frames_per_second == 0 || limit < info->frames_per_second))
        info->frames_per_second = limit;
}

/* Whether the frame at `seconds` is delivered; if so the next one is due a period later. A due time that was missed
 * does not make up for itself, but a small jitter of timestamps does not cost every other frame either. */
static bool is_due(struct rfa_media_stream *s, double seconds)
{
    const double slack = 0.001;
    if (seconds + slack < s->due)
        return false;
    double period = s->options.frames_per_second > 0 ? 1 / s->options.frames_per_second : 0;
    s->due = seconds > s->due + period ? seconds + period : s->due + period;
    return true;
}

static enum rfa_status next_file(struct rfa_media_stream *s, double *seconds)
{
    for (; s->position < s->list.count; s->position++) {
        *seconds = (double)s->position / FOLDER_RATE;
        if (is_due(s, *seconds))
            return rfa_media_read(&s->picture, s->list.path[s->position++], s->log);
    }
    return RFA_OK;
}

/* Once: a caller may ask for frames again after the end. */
static void report_damage(struct rfa_media_stream *s)
{
    struct rfa_decoder_info info;
    rfa_decoder_describe(s->decoder, &info);
    if (!s->reported)
        rfa_damage_report(&info, s->path, s->log);
    s->reported = true;
}

static enum rfa_status next_decoded(struct rfa_media_stream *s, double *seconds)
{
    for (;;) {
        bool end = false;
        if (!s->fresh)
            RFA_TRY(rfa_decoder_next(s->decoder, &end));
        s->fresh = false;
        if (end) {
            report_damage(s);
            return RFA_OK;
        }
        *seconds = rfa_decoder_seconds(s->decoder, RFA_FRAME_CURRENT);
        if (is_due(s, *seconds))
            return rfa_decoder_picture(s->decoder, RFA_FRAME_CURRENT, &s->picture);
    }
}

enum rfa_status rfa_media_stream_next(struct rfa_media_stream *s, struct rfa_image *image, double *seconds)
{
    double time = NAN;
    *image = (struct rfa_image){0};
    rfa_picture_free(&s->picture);
    RFA_TRY(s->decoder ? next_decoded(s, &time) : next_file(s, &time));
    if (s->picture.rgb)
        *image = rfa_picture_image(&s->picture);
    if (seconds)
        *seconds = time;
    return RFA_OK;
}
