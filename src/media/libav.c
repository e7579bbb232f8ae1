#define _POSIX_C_SOURCE 200809L
#include "libav.h"

#if RFA_WITH_FFMPEG

#include <libavutil/error.h>
#include <libavutil/log.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* FFmpeg has one log callback a process. Messages of its worker threads land in their own copy and vanish with them. */
static _Thread_local char last_message[256];

static void keep_message(void *object, int level, const char *format, va_list args)
{
    (void)object;
    if (level < 0 || level > AV_LOG_ERROR)
        return;
    char line[sizeof last_message];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0])
        memcpy(last_message, line, sizeof line);
}

static void install(void)
{
    av_log_set_callback(keep_message);
}

void rfa_libav_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    last_message[0] = '\0';
}

static enum rfa_status status_of(int error)
{
    switch (error) {
    case AVERROR(ENOMEM):
        return RFA_ERR_NOMEM;
    case AVERROR_INVALIDDATA:
    case AVERROR_EOF:
    case AVERROR_STREAM_NOT_FOUND:
        return RFA_ERR_FORMAT;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(ENOSYS):
        return RFA_ERR_UNSUPPORTED;
    default:
        return RFA_ERR_IO;
    }
}

enum rfa_status rfa_libav_fail(const struct rfa_log *log, int error, const char *path, const char *what,
                               const char *remedy)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, reason, sizeof reason);
    if (last_message[0])
        return rfa_fail(log, status_of(error), "%s: %s: %s (%s); %s", path, what, reason, last_message, remedy);
    return rfa_fail(log, status_of(error), "%s: %s: %s; %s", path, what, reason, remedy);
}

#endif
