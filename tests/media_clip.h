/* Clips whose frames carry their number, and the messages of the calls under test. Include temp_folder.h before. */
#ifndef RFA_TESTS_MEDIA_CLIP_H
#define RFA_TESTS_MEDIA_CLIP_H

#include "media.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

enum { MARK_BITS = 10, MARK_WIDTH = 16 * MARK_BITS, MARK_HEIGHT = 48 };

/* Ten fields of 16 x 48 pixels, white where the number has a bit; survives every codec. The left field is bit 0. */
static inline void mark_draw(uint8_t rgb[MARK_HEIGHT][MARK_WIDTH][3], int number)
{
    for (int y = 0; y < MARK_HEIGHT; y++)
        for (int x = 0; x < MARK_WIDTH; x++)
            memset(rgb[y][x], number >> (x / 16) & 1 ? 230 : 25, 3);
}

static inline int mark_read(const struct rfa_image *image)
{
    int number = 0;
    assert_int_equal(image->width, MARK_WIDTH);
    assert_int_equal(image->height, MARK_HEIGHT);
    for (int bit = 0; bit < MARK_BITS; bit++)
        number |= (image->rgb[image->stride * (MARK_HEIGHT / 2) + 3 * (16 * bit + 8)] > 127) << bit;
    return number;
}

/* Writes frames first ... first + count - 1 as a video. */
static inline void mark_video(const char *path, int first, int count, double rate)
{
    static uint8_t rgb[MARK_HEIGHT][MARK_WIDTH][3];
    struct rfa_image image = {&rgb[0][0][0], MARK_WIDTH, MARK_HEIGHT, sizeof rgb[0]};
    struct rfa_media_writer *writer;
    assert_int_equal(rfa_media_writer_open(&writer, path, MARK_WIDTH, MARK_HEIGHT, rate, NULL), RFA_OK);
    for (int i = 0; i < count; i++) {
        mark_draw(rgb, first + i);
        assert_int_equal(rfa_media_writer_add(writer, &image, NAN), RFA_OK);
    }
    assert_int_equal(rfa_media_writer_close(&writer), RFA_OK);
    assert_null(writer);
}

/* ------------------------------------------------------------------ messages */

struct heard {
    enum rfa_status status;
    int count;
    char message[1024];
};

static inline void hear(void *user, enum rfa_status status, const char *message)
{
    struct heard *h = user;
    h->status = status;
    h->count++;
    snprintf(h->message, sizeof h->message, "%s", message);
}

#endif
