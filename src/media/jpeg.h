/* JPEG in memory, by TurboJPEG. Private to src/media. */
#ifndef RFA_JPEG_H
#define RFA_JPEG_H

#include "picture.h"

/* A file in memory, at most 1 GiB. Free bytes with free(). Failure: RFA_ERR_IO, RFA_ERR_FORMAT (empty, too big),
 * RFA_ERR_NOMEM. */
struct rfa_bytes {
    uint8_t *data;
    size_t size;
};
enum rfa_status rfa_bytes_read(struct rfa_bytes *out, const char *path, const struct rfa_log *log);

bool rfa_jpeg_is(const struct rfa_bytes *bytes); /* begins as every JPEG does */

/* Decodes to RGB and applies the EXIF orientation. Damage that leaves a picture is a notice. name: for messages. */
enum rfa_status rfa_jpeg_decode(struct rfa_picture *out, const struct rfa_bytes *bytes, const char *name,
                                const struct rfa_log *log);

/* The EXIF orientation of a JPEG; upright where there is none or it is damaged. Reads only inside bytes. */
struct rfa_orientation rfa_exif_orientation(const struct rfa_bytes *bytes);

#endif
