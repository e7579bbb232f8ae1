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
static bool ogg_is_cut(const uint8_t *tail, int bytes)
{
    int at = bytes - 4;
    while (at >= 0 && memcmp(tail + at, "OggS", 4) != 0)
        at--;
    return at >= 0 && ogg_page_is_cut(tail + at, bytes - at);
}

/* ------------------------------------------------------------------ MPEG transport stream */

enum { TS_PACKETS = 8, TS_MAX_PACKET = 204, TS_TAIL = TS_PACKETS * TS_MAX_PACKET };

/* Whether a packet begins at `at` and others at this distance before it. */
static bool is_ts_grid(const uint8_t *tail, int at, int distance)
{
    int packets = 0;
    for (; at >= 0; at -= distance, packets++)
        if (tail[at] != 0x47)
            return false;
    return packets >= TS_PACKETS / 2;
}

/* Only an incomplete packet tells: recordings of broadcasts end behind any packet. What is no packet says nothing. */
static bool ts_is_cut(const uint8_t *tail, int bytes)
{
    static const struct {
        int distance, from_sync;
    } packets[] = {{188, 188}, {192, 188}, {192, 192}, {204, TS_MAX_PACKET}}; /* 192: a time stamp before, or behind */
    const size_t kinds = sizeof packets / sizeof *packets;
    for (size_t i = 0; i < kinds; i++)
        if (is_ts_grid(tail, bytes - packets[i].from_sync, packets[i].distance))
            return false;
    for (size_t i = 0; i < kinds; i++)
        for (int at = bytes - packets[i].distance; at < bytes; at++)
            if (is_ts_grid(tail, at, packets[i].distance))
                return true;
    return false;
}

/* ------------------------------------------------------------------ MPEG program stream */

enum { PS_END = 0xB9, PS_PACK = 0xBA, PS_PACK_BYTES = 14, PS_TAIL = 1 << 20 };

static bool is_start_code(const uint8_t *p, int bytes)
{
    return bytes >= 4 && p[0] == 0 && p[1] == 0 && p[2] == 1;
}

/* Bytes of what begins here with a start code, more than `bytes` where it is cut; 0: not known. */
static int ps_unit_bytes(const uint8_t *p, int bytes)
{
    if (p[3] == PS_END)
        return 4;
    if (p[3] < PS_END)
        return 0;
    if (p[3] != PS_PACK) /* a packet or the system header: its length stands in it */
        return bytes < 6 ? 6 : p[4] == 0 && p[5] == 0 ? 0 : 6 + (p[4] << 8 | p[5]);
    if (bytes < PS_PACK_BYTES)
        return PS_PACK_BYTES;
    if ((p[4] & 0xC0) == 0x40)
        return PS_PACK_BYTES + (p[PS_PACK_BYTES - 1] & 7);
    return (p[4] & 0xF0) == 0x20 ? 12 : 0; /* MPEG-1's */
}

/* From a pack on unit by unit; of what is no unit, as padding, nothing is said. */
static bool ps_is_cut(const uint8_t *tail, int bytes)
{
    int at = 0;
    while (at < bytes && !(is_start_code(tail + at, bytes - at) && tail[at + 3] == PS_PACK))
        at++;
    while (is_start_code(tail + at, bytes - at)) {
        int unit = ps_unit_bytes(tail + at, bytes - at);
        if (unit == 0 || unit > bytes - at)
            return unit > 0;
        at += unit;
    }
    return false;
}

/* ------------------------------------------------------------------ JPEG after JPEG */

enum { JPEG_TAIL = 4 << 20, PARTS_TAIL = 256, JPEG_START = 0xD8, JPEG_END = 0xD9 };

/* Cut where the last picture has begun and not ended, and the one before has: some cameras leave out all ends. */
static bool mjpeg_is_cut(const uint8_t *tail, int bytes)
{
    int at = bytes - 2;
    while (at >= 0 && !(tail[at] == 0xFF && (tail[at + 1] == JPEG_START || tail[at + 1] == JPEG_END)))
        at--;
    if (at < 0 || tail[at + 1] == JPEG_END)
        return false;
    while (at > 0 && tail[at - 1] == 0)
        at--;
    return at >= 2 && tail[at - 2] == 0xFF && tail[at - 1] == JPEG_END;
}

/* A part that has not ended: the last line neither ends a picture nor is a boundary. */
static bool mpjpeg_is_cut(const uint8_t *tail, int bytes)
{
    int line;
    while (bytes > 0 && (tail[bytes - 1] == '\r' || tail[bytes - 1] == '\n'))
        bytes--;
    for (line = bytes; line > 0 && tail[line - 1] != '\n';)
        line--;
    bool is_end = bytes >= 2 && tail[bytes - 2] == 0xFF && tail[bytes - 1] == JPEG_END;
    return !is_end && !(bytes - line >= 2 && tail[line] == '-' && tail[line + 1] == '-');
}

/* ------------------------------------------------------------------ any format */

/* Formats whose demuxers end at an incomplete packet as if nothing were there. */
static const struct format {
    const char *name;
    bool (*is_cut)(AVIOContext *in);
    bool (*tail_is_cut)(const uint8_t *tail, int bytes); /* instead: the file's last tail_bytes tell */
    int tail_bytes;
} formats[] = {
    {"gif", gif_is_cut, NULL, 0},
    {"ogg", NULL, ogg_is_cut, OGG_MAX_PAGE},
    {"mpegts", NULL, ts_is_cut, TS_TAIL},
    {"mpeg", NULL, ps_is_cut, PS_TAIL},
    {"mjpeg", NULL, mjpeg_is_cut, JPEG_TAIL},
    {"jpeg_pipe", NULL, mjpeg_is_cut, JPEG_TAIL},
    {"mpjpeg", NULL, mpjpeg_is_cut, PARTS_TAIL},
};

static bool tail_is_cut(const struct format *format, AVIOContext *in)
{
    int64_t size = avio_size(in), most = format->tail_bytes;
    uint8_t *tail = av_malloc((size_t)most);
    bool cut = false;
    if (tail && size > 0 && avio_seek(in, size > most ? size - most : 0, SEEK_SET) >= 0) {
        int bytes = avio_read(in, tail, (int)most);
        cut = bytes > 0 && format->tail_is_cut(tail, bytes);
    }
    av_free(tail);
    return cut;
}

static bool file_is_cut(const AVFormatContext *container)
{
    const AVIOContext *in = container->pb;
    for (const struct format *f = formats; f < formats + sizeof formats / sizeof *formats; f++) {
        AVIOContext *again;
        if (strcmp(container->iformat->name, f->name) != 0 || !in || !(in->seekable & AVIO_SEEKABLE_NORMAL) ||
            avio_open(&again, container->url, AVIO_FLAG_READ) < 0)
            continue;
        bool cut = f->is_cut ? f->is_cut(again) : tail_is_cut(f, again);
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

bool rfa_file_end_is_early(const AVFormatContext *container, int error, int64_t last_end, bool incomplete)
{
    AVIOContext *in = container->pb;
    bool at_end = in && in->error == 0 && avio_feof(in), known = at_end && last_end >= 0;
    bool behind_last = known && (avio_tell(in) == last_end || is_roq_sound(container, last_end));
    /* FFmpeg ends JPEG parts with an error behind the last boundary, and takes parts that do not state their length for
     * incomplete there. */
    if (at_end && strcmp(container->iformat->name, "mpjpeg") == 0)
        return file_is_cut(container);
    if (incomplete)
        return true;
    if (error == AVERROR_EOF)
        return (known && !behind_last && is_all_packets(container)) || file_is_cut(container);
    /* Some demuxers end with an error: GXF's always, RoQ's and DV's behind the last packet. */
    return !behind_last && !(at_end && strcmp(container->iformat->name, "gxf") == 0);
}

#endif
