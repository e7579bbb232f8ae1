/* What is said in a build without FFmpeg and without TurboJPEG: this test compiles the library so. */
#include "temp_folder.h"
#include "media_clip.h"

static struct heard heard;
static const struct rfa_log the_log = {hear, &heard};

static void expect_missing(enum rfa_status status, const char *library)
{
    assert_int_equal(status, RFA_ERR_UNSUPPORTED);
    assert_int_equal(heard.status, RFA_ERR_UNSUPPORTED);
    assert_non_null(strstr(heard.message, library));
    assert_non_null(strstr(heard.message, "build with -D"));
}

static void every_entry_names_what_is_missing(void **state)
{
    (void)state;
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF, 0xE0}, pixel[3] = {0};
    const struct rfa_image image = {pixel, 1, 1, 3};
    const struct rfa_clip_request request = {.frames = 8, .at_seconds = -1};
    struct temp_folder folder;
    struct rfa_clip *clip;
    struct rfa_picture picture;
    struct rfa_media_stream *stream;
    struct rfa_media_writer *writer;
    temp_folder_make(&folder);
    temp_write(temp_path(&folder, "a.jpg"), jpeg, sizeof jpeg);
    temp_write(temp_path(&folder, "b.png"), "\x89PNG", 4);
    expect_missing(rfa_media_sample(&clip, "a.mp4", &request, &the_log), "FFmpeg");
    assert_null(strstr(heard.message, "JPEG")); /* no remedy where TurboJPEG is missing too */
    assert_null(clip);
    expect_missing(rfa_media_sample(&clip, folder.path, &request, &the_log), "TurboJPEG");
    assert_null(clip);
    expect_missing(rfa_media_read(&picture, temp_path(&folder, "b.png"), &the_log), "FFmpeg");
    expect_missing(rfa_media_stream_open(&stream, "/dev/video0", NULL, &the_log), "FFmpeg");
    assert_null(stream);
    expect_missing(rfa_media_write_jpeg("a.jpg", &image, 90, &the_log), "TurboJPEG");
    expect_missing(rfa_media_writer_open(&writer, "a.mp4", 64, 64, 30, &the_log), "FFmpeg");
    assert_null(writer);
    temp_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_entry_names_what_is_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
