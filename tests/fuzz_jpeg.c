/* Fuzz target of the picture reader: any bytes as a JPEG with an EXIF block.
 *
 *     clang -DRFA_LIBFUZZER -fsanitize=fuzzer,address,undefined ...   a libFuzzer program
 *     cc ...                                                          a program that changes bytes of a good picture,
 * the same ones every time, or replays the files it is given
 *
 * Beyond what sanitizers see, a picture that is taken has all its pixels, and a refusal has a message; else the program
 * ends. */
#include "jpeg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool kept, const char *what)
{
    if (!kept) {
        fprintf(stderr, "fuzz_jpeg: broken promise: %s\n", what);
        abort();
    }
}

static void count_message(void *user, enum rfa_status status, const char *message)
{
    promise(message[0] != '\0' && status <= RFA_OK, "messages say something");
    ++*(int *)user;
}

/* A header may announce a picture that would take the fuzzer seconds to fill. */
static bool is_small(const uint8_t *data, size_t size)
{
    int width = 0, height = 0, subsampling, space;
    tjhandle codec = tjInitDecompress();
    bool known = tjDecompressHeader3(codec, data, (unsigned long)size, &width, &height, &subsampling, &space) == 0;
    tjDestroy(codec);
    return !known || (int64_t)width * height <= 1 << 20;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size + !size); /* so that a byte too far is seen */
    int messages = 0;
    const struct rfa_log log = {count_message, &messages};
    const struct rfa_bytes bytes = {exact, size};
    struct rfa_picture picture;
    promise(exact != NULL, "memory");
    if (size)
        memcpy(exact, data, size);
    (void)rfa_exif_orientation(&bytes);
    if (is_small(exact, size)) {
        enum rfa_status status = rfa_jpeg_decode(&picture, &bytes, "fuzz", &log);
        promise((status == RFA_OK) == (picture.rgb != NULL), "a picture or a refusal");
        promise(status == RFA_OK || messages == 1, "a refusal has one message");
        unsigned sum = 0;
        for (size_t i = 0; picture.rgb && i < (size_t)picture.width * (size_t)picture.height * 3; i++)
            sum += picture.rgb[i];
        promise(sum <= 255u * 3 << 20, "bytes are bytes");
        rfa_picture_free(&picture);
    }
    free(exact);
    return 0;
}

#ifndef RFA_LIBFUZZER

static uint32_t random_number(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

static void change_bytes(const struct rfa_bytes *good)
{
    uint32_t seed = 1;
    uint8_t *data = malloc(good->size);
    promise(data != NULL, "memory");
    for (int i = 0; i < 2000; i++) {
        size_t size = i % 4 ? good->size : random_number(&seed) % good->size;
        memcpy(data, good->data, good->size);
        for (uint32_t changes = random_number(&seed) % 8; size && changes > 0; changes--)
            data[random_number(&seed) % size] = (uint8_t)random_number(&seed);
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
}

static struct rfa_bytes good_picture(const char *path)
{
    static uint8_t rgb[40][56][3];
    const struct rfa_image image = {&rgb[0][0][0], 56, 40, sizeof rgb[0]};
    struct rfa_bytes bytes;
    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof rgb; i++)
        (&rgb[0][0][0])[i] = (uint8_t)(i / 11 + random_number(&seed) % 32);
    promise(rfa_media_write_jpeg(path, &image, 80, NULL) == RFA_OK, "a picture can be written");
    promise(rfa_bytes_read(&bytes, path, NULL) == RFA_OK, "and read");
    remove(path);
    return bytes;
}

int main(int argc, char **argv)
{
    struct rfa_bytes bytes;
    if (argc < 2) {
        bytes = good_picture("fuzz_jpeg.jpg");
        change_bytes(&bytes);
        free(bytes.data);
    }
    for (int i = 1; i < argc; i++) {
        promise(rfa_bytes_read(&bytes, argv[i], NULL) == RFA_OK, "the file can be read");
        LLVMFuzzerTestOneInput(bytes.data, bytes.size);
        free(bytes.data);
    }
    return 0;
}

#endif
