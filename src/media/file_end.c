#include "file_end.h"

#if RFA_WITH_FFMPEG

#include <libavutil/mem.h>

#include <string.h>

/* ------------------------------------------------------------------ GIF */

static void skip_sub_blocks(AVIOContext *in)
{
    for (int bytes; (bytes = avio_r8(in)) > 0;)
        avio_skip(in, bytes);
}

static void skip_colours(AVIOContext *in, int flags)
{
    if (flags & 0x80)
        avio_skip(in, 3 << ((flags & 7) + 1));
}

/* Block after block to the trailer; of unknown blocks, and of what stands behind the trailer, nothing is said. */
static bool gif_is_cut(AVIOContext *in)
{
    avio_skip(in, 10); /* signature, width, height */
    int flags = avio_r8(in);
    avio_skip(in, 2);
    skip_colours(in, flags);
    for (;;) {
        int block = avio_r8(in);
        if (avio_feof(in))
            return true;
        if (block == 0x21) { /* an extension: its label */
            avio_skip(in, 1);
        } else if (block == 0x2C) { /* an image: place and size, colours, the codes' width */
            avio_skip(in, 8);
            skip_colours(in, avio_r8(in));
            avio_skip(in, 1);
        } else {
            return false; /* 0x3B: the trailer */
        }
        skip_sub_blocks(in);
    }
}

/* ------------------------------------------------------------------ Ogg */

enum { OGG_HEADER = 27, OGG_MAX_PAGE = OGG_HEADER + 255 + 255 * 255 };

/* Whether a page that begins here has more bytes than these: its header ends with the sizes of its segments. */
static bool ogg_page_is_cut(const uint8_t *page, int bytes)
{
    if (bytes < OGG_HEADER || bytes < OGG_HEADER + page[OGG_HEADER - 1])
        return true;
    int whole = OGG_HEADER + page[OGG_HEADER - 1];
    for (int i = 0; i < page[OGG_HEADER - 1]; i++)
        whole += page[OGG_HEADER + i];
    return bytes < whole;
}

/* Looks at the last page; what stands behind it does not matter. */
static bool ogg_is_cut(AVIOContext *in)
{
    int64_t size = avio_size(in);
    uint8_t *tail = av_malloc(OGG_MAX_PAGE);
    bool cut = false;
    if (tail && avio_seek(in, size > OGG_MAX_PAGE ? size - OGG_MAX_PAGE : 0, SEEK_SET) >= 0) {
        int bytes = avio_read(in, tail, OGG_MAX_PAGE), at = bytes - 4;
        while (at >= 0 && memcmp(tail + at, "OggS", 4) != 0)
            at--;
        cut = at >= 0 && ogg_page_is_cut(tail + at, bytes - at);
    }
    av_free(tail);
    return cut;
}

/* ------------------------------------------------------------------ any format */

/* Formats whose demuxers end at an incomplete packet as if nothing were there. */
static const struct {
    const char *name;
    bool (*is_cut)(AVIOContext *in);
} formats[] = {{"gif", gif_is_cut}, {"ogg", ogg_is_cut}};

static bool file_is_cut(const AVFormatContext *container)
{
    const AVIOContext *in = container->pb;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        AVIOContext *again;
        if (strcmp(container->iformat->name, formats[i].name) != 0 || !in || !(in->seekable & AVIO_SEEKABLE_NORMAL) ||
            avio_open(&again, container->url, AVIO_FLAG_READ) < 0)
            continue;
        bool cut = formats[i].is_cut(again);
        avio_closep(&again);
        return cut;
    }
    return false;
}

/* Formats that hold nothing but packets: they end where the last one does. */
static bool is_all_packets(const AVFormatContext *container)
{
    static const char *const names[] = {"yuv4mpegpipe", "obu", "dv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(container->iformat->name, names[i]) == 0)
            return true;
    return false;
}

/* FFmpeg places RoQ's sound packets behind their headers and counts the headers into their sizes. */
static bool is_roq_sound(const AVFormatContext *container, int64_t last_end)
{
    enum { HEADER = 8 };
    return strcmp(container->iformat->name, "roq") == 0 && avio_tell(container->pb) + HEADER == last_end;
}

bool rfa_file_end_is_early(const AVFormatContext *container, int error, int64_t last_end)
{
    AVIOContext *in = container->pb;
    bool at_end = in && in->error == 0 && avio_feof(in), known = at_end && last_end >= 0;
    bool behind_last = known && (avio_tell(in) == last_end || is_roq_sound(container, last_end));
    if (error == AVERROR_EOF)
        return (known && !behind_last && is_all_packets(container)) || file_is_cut(container);
    /* Some demuxers end with an error: GXF's always, RoQ's and DV's behind the last packet. */
    return !behind_last && !(at_end && strcmp(container->iformat->name, "gxf") == 0);
}

#endif
