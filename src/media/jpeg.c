#include "jpeg.h"
#include "error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if RFA_WITH_TURBOJPEG
#include <turbojpeg.h>
#endif

static enum rfa_status read_stream(struct rfa_bytes *out, FILE *file, const char *path, const struct rfa_log *log)
{
    const size_t limit = (size_t)1 << 30;
    for (size_t capacity = 1 << 18; !feof(file); capacity *= 2) {
        if (capacity > limit)
            return rfa_fail(log, RFA_ERR_FORMAT, "%s: larger than 1 GiB, this is no picture; give a picture file",
                            path);
        uint8_t *data = realloc(out->data, capacity);
        if (!data)
            return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to read it; free some", path);
        out->data = data;
        out->size += fread(data + out->size, 1, capacity - out->size, file);
        if (ferror(file))
            return rfa_fail(log, RFA_ERR_IO, "%s: reading failed: %s; check the disk", path, strerror(errno));
    }
    return out->size ? RFA_OK : rfa_fail(log, RFA_ERR_FORMAT, "%s: the file is empty; copy it again", path);
}

enum rfa_status rfa_bytes_read(struct rfa_bytes *out, const char *path, const struct rfa_log *log)
{
    *out = (struct rfa_bytes){0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return rfa_fail(log, RFA_ERR_IO, "%s: cannot be opened: %s; check the name and the permissions", path,
                        strerror(errno));
    enum rfa_status status = read_stream(out, file, path, log);
    fclose(file);
    if (status != RFA_OK) {
        free(out->data);
        *out = (struct rfa_bytes){0};
    }
    return status;
}

bool rfa_jpeg_is(const struct rfa_bytes *bytes)
{
    return bytes->size >= 3 && bytes->data[0] == 0xFF && bytes->data[1] == 0xD8 && bytes->data[2] == 0xFF;
}

#if RFA_WITH_TURBOJPEG

/* A device or pipe is not ours to remove. */
static void remove_file(const char *path)
{
    struct stat s;
    if (stat(path, &s) == 0 && S_ISREG(s.st_mode))
        remove(path);
}

static enum rfa_status write_file(const char *path, const uint8_t *data, size_t size, const struct rfa_log *log)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return rfa_fail(log, RFA_ERR_IO, "%s: cannot be written: %s; check the folder and its permissions", path,
                        strerror(errno));
    bool written = fwrite(data, 1, size, file) == size;
    int reason = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written)
        return RFA_OK;
    remove_file(path);
    return rfa_fail(log, RFA_ERR_IO, "%s: writing failed: %s; check the space on the disk", path, strerror(reason));
}

/* Four-colour JPEGs of printing: Adobe stores C, M, Y and K inverted, so that a channel is a product. */
static enum rfa_status decode_cmyk(tjhandle codec, struct rfa_picture *out, const struct rfa_bytes *bytes, int flags,
                                   bool *decoded)
{
    size_t pixels = (size_t)out->width * (size_t)out->height;
    uint8_t *cmyk = malloc(pixels * 4);
    if (!cmyk)
        return RFA_ERR_NOMEM;
    *decoded = tjDecompress2(codec, bytes->data, (unsigned long)bytes->size, cmyk, out->width, 0, out->height,
                             TJPF_CMYK, flags) == 0;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            out->rgb[3 * i + c] = (uint8_t)((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
    free(cmyk);
    return RFA_OK;
}

static enum rfa_status decode(tjhandle codec, struct rfa_picture *out, const struct rfa_bytes *bytes, const char *name,
                              const struct rfa_log *log)
{
    /* The limit on scans refuses files that would take minutes to decode. */
    const int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;
    const unsigned long size = (unsigned long)bytes->size;
    int width = 0, height = 0, subsampling = 0, space = 0;
    if (tjDecompressHeader3(codec, bytes->data, size, &width, &height, &subsampling, &space) != 0)
        return rfa_fail(log, RFA_ERR_FORMAT, "%s: no usable JPEG: %s; copy it again", name, tjGetErrorStr2(codec));
    RFA_TRY(rfa_picture_alloc(out, width, height, name, log));
    bool decoded = false;
    if (space != TJCS_CMYK && space != TJCS_YCCK)
        decoded = tjDecompress2(codec, bytes->data, size, out->rgb, width, 0, height, TJPF_RGB, flags) == 0;
    else if (decode_cmyk(codec, out, bytes, flags, &decoded) != RFA_OK)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory to decode it; free some", name);
    if (!decoded && tjGetErrorCode(codec) == TJERR_FATAL)
        return rfa_fail(log, RFA_ERR_FORMAT, "%s: the JPEG cannot be decoded: %s; copy it again", name,
                        tjGetErrorStr2(codec));
    if (!decoded)
        (void)rfa_fail(log, RFA_OK, "%s: the JPEG is damaged: %s; what could be decoded is used", name,
                       tjGetErrorStr2(codec));
    return rfa_picture_orient(out, rfa_exif_orientation(bytes), name, log);
}

enum rfa_status rfa_jpeg_decode(struct rfa_picture *out, const struct rfa_bytes *bytes, const char *name,
                                const struct rfa_log *log)
{
    *out = (struct rfa_picture){0};
    tjhandle codec = tjInitDecompress();
    if (!codec)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: TurboJPEG cannot start: %s; free some memory", name,
                        tjGetErrorStr2(NULL));
    enum rfa_status status = decode(codec, out, bytes, name, log);
    tjDestroy(codec);
    if (status != RFA_OK)
        rfa_picture_free(out);
    return status;
}

static enum rfa_status encode(tjhandle codec, const char *path, const struct rfa_image *image, int quality,
                              const struct rfa_log *log)
{
    /* Full-resolution chroma: thin coloured lines and letters stay clean. */
    unsigned char *data = NULL;
    unsigned long size = 0;
    enum rfa_status status;
    if (tjCompress2(codec, image->rgb, image->width, (int)image->stride, image->height, TJPF_RGB, &data, &size,
                    TJSAMP_444, quality, TJFLAG_ACCURATEDCT) != 0)
        status = rfa_fail(log, RFA_ERR_ARG, "%s: %d x %d pixels cannot be written as JPEG: %s", path, image->width,
                          image->height, tjGetErrorStr2(codec));
    else
        status = write_file(path, data, size, log);
    tjFree(data);
    return status;
}

enum rfa_status rfa_media_write_jpeg(const char *path, const struct rfa_image *image, int quality,
                                     const struct rfa_log *log)
{
    if (!path || !image || !image->rgb || image->width < 1 || image->height < 1 ||
        image->stride < (ptrdiff_t)image->width * 3 || image->stride > INT_MAX || quality < 1 || quality > 100)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_media_write_jpeg: needs a path, an image and a quality of 1 to 100");
    tjhandle codec = tjInitCompress();
    if (!codec)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: TurboJPEG cannot start: %s; free some memory", path,
                        tjGetErrorStr2(NULL));
    enum rfa_status status = encode(codec, path, image, quality, log);
    tjDestroy(codec);
    return status;
}

#else

static enum rfa_status missing(const char *name, const struct rfa_log *log)
{
    return rfa_fail(log, RFA_ERR_UNSUPPORTED,
                    "%s: JPEG needs TurboJPEG, which this build lacks; build with -DRFA_TURBOJPEG=ON", name);
}

enum rfa_status rfa_jpeg_decode(struct rfa_picture *out, const struct rfa_bytes *bytes, const char *name,
                                const struct rfa_log *log)
{
    (void)bytes;
    *out = (struct rfa_picture){0};
    return missing(name, log);
}

enum rfa_status rfa_media_write_jpeg(const char *path, const struct rfa_image *image, int quality,
                                     const struct rfa_log *log)
{
    (void)image;
    (void)quality;
    return missing(path, log);
}

#endif
