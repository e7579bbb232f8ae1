#include "jpeg.h"

#include <string.h>

/* A window on untrusted bytes; reads outside it give 0. */
struct view {
    const uint8_t *data;
    size_t size;
    bool big_endian;
};

static uint32_t read_u16(const struct view *v, size_t at)
{
    if (v->size < 2 || at > v->size - 2)
        return 0;
    const uint8_t *p = v->data + at;
    return v->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t read_u32(const struct view *v, size_t at)
{
    uint32_t first = read_u16(v, at), second = read_u16(v, at + 2);
    return v->big_endian ? first << 16 | second : second << 16 | first;
}

/* The value of tag 0x0112 in the first directory of a TIFF block, or 1 (upright). */
static uint32_t tiff_orientation(struct view tiff)
{
    enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };
    if (tiff.size < 8)
        return 1;
    tiff.big_endian = tiff.data[0] == 'M';
    if (read_u16(&tiff, 2) != 42)
        return 1;
    size_t directory = read_u32(&tiff, 4);
    uint32_t entries = read_u16(&tiff, directory);
    for (uint32_t i = 0; i < entries; i++) {
        size_t entry = directory + 2 + (size_t)i * ENTRY_BYTES;
        if (read_u16(&tiff, entry) == TAG_ORIENTATION && read_u16(&tiff, entry + 2) == TYPE_SHORT)
            return read_u16(&tiff, entry + 8);
    }
    return 1;
}

/* Walks the JPEG's segments up to the picture data, looking for APP1 "Exif". */
static uint32_t jpeg_orientation(const struct rfa_bytes *bytes)
{
    enum { MARKER_APP1 = 0xE1, MARKER_SCAN = 0xDA };
    struct view jpeg = {bytes->data, bytes->size, true};
    for (size_t at = 2; at + 4 <= jpeg.size && jpeg.data[at] == 0xFF && jpeg.data[at + 1] != MARKER_SCAN;) {
        size_t length = read_u16(&jpeg, at + 2);
        if (length < 2 || length > jpeg.size - at - 2)
            return 1;
        const uint8_t *body = jpeg.data + at + 4;
        if (jpeg.data[at + 1] == MARKER_APP1 && length >= 8 && !memcmp(body, "Exif\0", 6))
            return tiff_orientation((struct view){body + 6, length - 8, false});
        at += 2 + length;
    }
    return 1;
}

struct rfa_orientation rfa_exif_orientation(const struct rfa_bytes *bytes)
{
    /* EXIF 2.3, tag 0x0112: where row 0 and column 0 of the stored picture are displayed. */
    static const struct rfa_orientation orientations[9] = {
        [2] = {.mirror_x = true},
        [3] = {.mirror_x = true, .mirror_y = true},
        [4] = {.mirror_y = true},
        [5] = {.swap = true},
        [6] = {.swap = true, .mirror_x = true},
        [7] = {.swap = true, .mirror_x = true, .mirror_y = true},
        [8] = {.swap = true, .mirror_y = true},
    };
    uint32_t value = jpeg_orientation(bytes);
    return orientations[value <= 8 ? value : 0];
}
