/* Which frames are taken, from which files, and what is said about files that cannot be used. */
#include "folder_fixture.h"
#include "media_clip.h"
#include "damage.h"
#include "filelist.h"
#include "jpeg.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct heard heard;
static const struct rfa_log the_log = {hear, &heard};

static int set_up(void **state)
{
    heard = (struct heard){0};
    return make_folder(state);
}

static struct rfa_clip *sample(const char *path, int frames, enum rfa_sampling sampling, double at)
{
    struct rfa_clip *clip;
    const struct rfa_clip_request request = {.frames = frames, .sampling = sampling, .at_seconds = at};
    enum rfa_status status = rfa_media_sample(&clip, path, &request, &the_log);
    if (status != RFA_OK)
        print_message("%s\n", heard.message);
    assert_int_equal(status, RFA_OK);
    assert_int_equal(clip->frames, frames);
    return clip;
}

/* Compares the numbers on a clip's frames and key frame, -1 being black, and frees it. */
static void expect_marks(struct rfa_clip *clip, const int *marks, int key)
{
    for (int i = 0; i < clip->frames; i++) {
        if (marks[i] >= 0)
            assert_int_equal(mark_read(&clip->images[i]), marks[i]);
        else
            for (int j = 0; j < clip->images[i].height * (int)clip->images[i].stride; j++)
                assert_int_equal(clip->images[i].rgb[j], 0);
    }
    assert_int_equal(mark_read(&clip->key), key);
    rfa_clip_free(&clip);
    assert_null(clip);
}

/* ------------------------------------------------------------------ sampling */

static void expect_indices(enum rfa_sampling sampling, int frames, int64_t n, const int64_t *expected,
                           int64_t expected_key)
{
    int64_t index[16], key;
    rfa_sample_indices(index, &key, frames, n, sampling);
    for (int i = 0; i < frames; i++)
        assert_int_equal(index[i], expected[i]);
    assert_int_equal(key, expected_key);
}

static void sampling_follows_the_specification(void **state)
{
    (void)state;
    expect_indices(RFA_SAMPLING_SPREAD, 8, 90, (int64_t[]){0, 12, 25, 38, 50, 63, 76, 89}, 45);
    expect_indices(RFA_SAMPLING_FIRST, 8, 90, (int64_t[]){0, 1, 2, 3, 4, 5, 6, 7}, 45);
    expect_indices(RFA_SAMPLING_DEMO, 8, 90, (int64_t[]){0, 11, 22, 33, 45, 56, 67, 78}, 45);
    expect_indices(RFA_SAMPLING_STILL, 8, 90, (int64_t[]){0, 0, 0, 0, 0, 0, 0, 0}, 0);
    expect_indices(RFA_SAMPLING_SPREAD, 8, 795, (int64_t[]){0, 113, 226, 340, 453, 567, 680, 794}, 397);
    expect_indices(RFA_SAMPLING_SPREAD, 8, 8, (int64_t[]){0, 1, 2, 3, 4, 5, 6, 7}, 4);
    expect_indices(RFA_SAMPLING_DEMO, 8, 8, (int64_t[]){0, 1, 2, 3, 4, 5, 6, 7}, 4);
}

static void sampling_copes_with_few_frames(void **state)
{
    (void)state;
    expect_indices(RFA_SAMPLING_SPREAD, 4, 1, (int64_t[]){0, 0, 0, 0}, 0);
    expect_indices(RFA_SAMPLING_SPREAD, 1, 5, (int64_t[]){0}, 2);
    expect_indices(RFA_SAMPLING_SPREAD, 8, 3, (int64_t[]){0, 0, 0, 0, 1, 1, 1, 2}, 1);
    expect_indices(RFA_SAMPLING_DEMO, 8, 3, (int64_t[]){0, 0, 0, 1, 1, 1, 2, 2}, 1);
    expect_indices(RFA_SAMPLING_FIRST, 5, 3, (int64_t[]){0, 1, 2, -1, -1}, 1);
    int64_t index[8], key; /* a billion frames: no overflow */
    rfa_sample_indices(index, &key, 8, 1000000000000, RFA_SAMPLING_SPREAD);
    assert_int_equal(index[7], 999999999999);
    assert_int_equal(index[1], 142857142857);
}

/* ------------------------------------------------------------------ pictures in folders */

static void names_are_ordered_naturally(void **state)
{
    (void)state;
    const char *const ordered[] = {"a",
                                   "a1",
                                   "a2",
                                   "a10",
                                   "a10b",
                                   "a010c",
                                   "b",
                                   "img_000009.jpg",
                                   "img_000010.jpg",
                                   "img_99999999999999999999998.jpg",
                                   "img_99999999999999999999999.jpg",
                                   "img_100000000000000000000000.jpg"};
    const int count = sizeof ordered / sizeof *ordered;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            int order = rfa_natural_compare(ordered[i], ordered[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    assert_int_not_equal(rfa_natural_compare("f01", "f1"), 0); /* different files, so never equal */
}

static void write_mark_jpeg(const char *path, int number)
{
    static uint8_t rgb[MARK_HEIGHT][MARK_WIDTH][3];
    struct rfa_image image = {&rgb[0][0][0], MARK_WIDTH, MARK_HEIGHT, sizeof rgb[0]};
    mark_draw(rgb, number);
    assert_int_equal(rfa_media_write_jpeg(path, &image, 90, NULL), RFA_OK);
}

/* f1.jpg ... f120.JPG and what a folder holds besides pictures. */
static void write_frames(void)
{
    for (int i = 0; i < 120; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%d.%s", i + 1, i % 2 ? "JPG" : "jpeg");
        write_mark_jpeg(temp_path(&folder, name), i);
    }
    temp_write(temp_path(&folder, "readme.txt"), "no picture", 10);
    temp_write(temp_path(&folder, ".f0.jpg"), "hidden", 6);
}

static void folders_and_globs_are_sampled(void **state)
{
    (void)state;
    write_frames();
    struct rfa_clip *clip = sample(folder.path, 8, RFA_SAMPLING_SPREAD, -1);
    assert_int_equal(clip->total, 120);
    expect_marks(clip, (int[]){0, 17, 34, 51, 68, 85, 102, 119}, 60);
    expect_marks(sample(temp_path(&folder, "f?.*"), 2, RFA_SAMPLING_SPREAD, NAN), (int[]){0, 8}, 4);
    expect_marks(sample(temp_path(&folder, "f7.jpeg"), 3, RFA_SAMPLING_SPREAD, -1), (int[]){6, 6, 6}, 6);
    expect_marks(sample(temp_path(&folder, "f7.jpeg"), 3, RFA_SAMPLING_FIRST, -1), (int[]){6, -1, -1}, 6);
}

static void a_window_on_a_folder_counts_thirty_a_second(void **state)
{
    (void)state;
    write_frames();
    /* The dataset: frame numbers 30 at - 45 ... 30 at + 44. */
    expect_marks(sample(folder.path, 8, RFA_SAMPLING_SPREAD, 2), (int[]){15, 27, 40, 53, 65, 78, 91, 104}, 60);
    expect_marks(sample(folder.path, 8, RFA_SAMPLING_FIRST, 2), (int[]){15, 16, 17, 18, 19, 20, 21, 22}, 60);
    expect_marks(sample(folder.path, 3, RFA_SAMPLING_STILL, 2), (int[]){15, 15, 15}, 15);
    /* Both ends are repeated. */
    expect_marks(sample(folder.path, 8, RFA_SAMPLING_SPREAD, 0), (int[]){0, 0, 0, 0, 5, 18, 31, 44}, 0);
    struct rfa_clip *clip = sample(folder.path, 8, RFA_SAMPLING_SPREAD, 4);
    assert_ptr_equal(clip->images[6].rgb, clip->images[7].rgb);
    assert_int_equal(clip->total, 90);
    expect_marks(clip, (int[]){75, 87, 100, 113, 119, 119, 119, 119}, 119);
    const struct rfa_clip_request late = {.frames = 8, .at_seconds = 6};
    assert_int_equal(rfa_media_sample(&clip, folder.path, &late, &the_log), RFA_ERR_ARG);
    assert_non_null(strstr(heard.message, "behind the end"));
}

/* ------------------------------------------------------------------ JPEG */

/* The JPEG at `path` with an EXIF block that holds the orientation alone, in either byte order. */
static void insert_orientation(const char *path, int orientation, bool big_endian)
{
    static const uint8_t little[] = {0xFF, 0xE1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0,
                                     1,    0,    0x12, 1,  3,   0,   1,   0,   0, 0, 0,   0,   0,  0, 0, 0, 0, 0};
    static const uint8_t big[] = {0xFF, 0xE1, 0, 34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                                  0,    1,    1, 0x12, 0,   3,   0,   0,   0, 1, 0,   0,   0, 0,  0, 0, 0, 0};
    struct rfa_bytes jpeg;
    assert_int_equal(rfa_bytes_read(&jpeg, path, NULL), RFA_OK);
    uint8_t *changed = malloc(jpeg.size + sizeof little);
    assert_non_null(changed);
    memcpy(changed, jpeg.data, 2);
    memcpy(changed + 2, big_endian ? big : little, sizeof little);
    changed[2 + (big_endian ? 29 : 28)] = (uint8_t)orientation;
    memcpy(changed + 2 + sizeof little, jpeg.data + 2, jpeg.size - 2);
    temp_write(path, changed, jpeg.size + sizeof little);
    free(changed);
    free(jpeg.data);
}

/* The quadrants of a picture as letters, row by row: r, g, b, or w. */
static void quadrants(char letters[5], const struct rfa_picture *picture)
{
    for (int i = 0; i < 4; i++) {
        int x = picture->width * (1 + 2 * (i % 2)) / 4, y = picture->height * (1 + 2 * (i / 2)) / 4;
        const uint8_t *p = picture->rgb + ((ptrdiff_t)y * picture->width + x) * 3;
        letters[i] = p[0] > 127 && p[1] > 127 ? 'w' : p[0] > 127 ? 'r' : p[1] > 127 ? 'g' : 'b';
    }
    letters[4] = '\0';
}

static void exif_orientation_is_applied(void **state)
{
    (void)state;
    /* Stored:  r g   Orientation 6: the stored top is displayed on the right, and so on (EXIF 2.3, tag 274). */
    /*          b w */
    static const char *const displayed[9] = {"rgbw", "rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"};
    static uint8_t rgb[32][64][3];
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 64; x++) {
            bool right = x >= 32, bottom = y >= 16;
            memcpy(rgb[y][x], (uint8_t[]){right == bottom ? 255 : 0, right ? 255 : 0, bottom ? 255 : 0}, 3);
        }
    for (int i = 0; i < 18; i++) {
        const int orientation = i % 9; /* 0 is no orientation at all */
        const char *path = temp_path(&folder, "orientation.jpg");
        struct rfa_image image = {&rgb[0][0][0], 64, 32, sizeof rgb[0]};
        struct rfa_picture picture;
        char letters[5];
        assert_int_equal(rfa_media_write_jpeg(path, &image, 95, NULL), RFA_OK);
        insert_orientation(path, orientation, i >= 9);
        assert_int_equal(rfa_media_read(&picture, path, &the_log), RFA_OK);
        assert_int_equal(picture.width, orientation >= 5 ? 32 : 64);
        quadrants(letters, &picture);
        assert_string_equal(letters, displayed[orientation]);
        rfa_picture_free(&picture);
    }
}

static void damaged_exif_is_upright(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "exif.jpg");
    write_mark_jpeg(path, 5);
    insert_orientation(path, 6, true);
    struct rfa_bytes jpeg;
    assert_int_equal(rfa_bytes_read(&jpeg, path, NULL), RFA_OK);
    for (size_t size = 0; size < 60; size++) { /* a copy of that exact size: a read past it is found by the sanitizer */
        uint8_t *copy = malloc(size + !size);
        assert_non_null(copy);
        memcpy(copy, jpeg.data, size);
        struct rfa_orientation o = rfa_exif_orientation(&(struct rfa_bytes){copy, size});
        assert_int_equal(o.swap, size >= 38);
        free(copy);
    }
    for (size_t i = 2; i < 38; i++) /* every byte of the block damaged in turn */
        for (int value = 0; value < 256; value += 51) {
            uint8_t old = jpeg.data[i];
            jpeg.data[i] = (uint8_t)value;
            (void)rfa_exif_orientation(&jpeg);
            jpeg.data[i] = old;
        }
    free(jpeg.data);
}

static void truncated_jpeg_is_a_notice(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "truncated.jpg");
    struct rfa_bytes jpeg;
    struct rfa_picture picture;
    write_mark_jpeg(path, 3);
    assert_int_equal(rfa_bytes_read(&jpeg, path, NULL), RFA_OK);
    temp_write(path, jpeg.data, jpeg.size - 40);
    heard = (struct heard){0};
    assert_int_equal(rfa_media_read(&picture, path, &the_log), RFA_OK);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.status, RFA_OK);
    assert_non_null(strstr(heard.message, "damaged"));
    rfa_picture_free(&picture);
    write_mark_jpeg(temp_path(&folder, "whole.jpg"), 4);
    struct rfa_clip *clip = sample(folder.path, 2, RFA_SAMPLING_SPREAD, -1);
    assert_int_equal(clip->damaged, 1);
    assert_int_equal(heard.count, 2);
    assert_false(clip->cut_short);
    rfa_clip_free(&clip);
    temp_write(path, jpeg.data, 100); /* not even the size is there */
    assert_int_equal(rfa_media_read(&picture, path, &the_log), RFA_ERR_FORMAT);
    assert_non_null(strstr(heard.message, path));
    assert_null(picture.rgb);
    free(jpeg.data);
}

static void jpeg_cannot_be_written_everywhere(void **state)
{
    (void)state;
    uint8_t pixel[3] = {1, 2, 3};
    struct rfa_image image = {pixel, 1, 1, 3};
    assert_int_equal(rfa_media_write_jpeg("no/such/folder/a.jpg", &image, 90, &the_log), RFA_ERR_IO);
    assert_non_null(strstr(heard.message, "no/such/folder/a.jpg"));
    assert_int_equal(rfa_media_write_jpeg("a.jpg", &image, 0, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_write_jpeg("a.jpg", &(struct rfa_image){0}, 90, &the_log), RFA_ERR_ARG);
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(rfa_media_write_jpeg("/dev/full", &image, 90, &the_log), RFA_ERR_IO);
        assert_int_equal(access("/dev/full", W_OK), 0); /* a device is not removed */
    }
}

/* ------------------------------------------------------------------ video */

static void video_is_sampled(void **state)
{
    (void)state;
    const char *const names[] = {"a.mp4", "a.mkv", "a.avi", "a:b.mov"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = temp_path(&folder, names[i]);
        mark_video(path, 100, 200, 30);
        struct rfa_clip *clip = sample(path, 8, RFA_SAMPLING_SPREAD, -1);
        assert_int_equal(clip->total, 200);
        assert_int_equal(clip->width, MARK_WIDTH);
        assert_int_equal(clip->picture_count, 9);
        assert_true(fabs(clip->shown[7].seconds - 199.0 / 30) < 0.001);
        expect_marks(clip, (int[]){100, 128, 156, 185, 213, 242, 270, 299}, 200);
        expect_marks(sample(path, 3, RFA_SAMPLING_FIRST, -1), (int[]){100, 101, 102}, 200);
        expect_marks(sample(path, 4, RFA_SAMPLING_DEMO, -1), (int[]){100, 150, 200, 250}, 200);
        clip = sample(path, 4, RFA_SAMPLING_STILL, -1);
        assert_ptr_equal(clip->images[0].rgb, clip->key.rgb);
        expect_marks(clip, (int[]){100, 100, 100, 100}, 100);
    }
}

static void video_is_sampled_in_a_window(void **state)
{
    (void)state;
    const char *const names[] = {"a.mp4", "a.mkv", "a.avi"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = temp_path(&folder, names[i]);
        mark_video(path, 0, 600, 30);
        expect_marks(sample(path, 8, RFA_SAMPLING_SPREAD, 10), (int[]){255, 267, 280, 293, 305, 318, 331, 344}, 300);
        expect_marks(sample(path, 8, RFA_SAMPLING_FIRST, 10), (int[]){255, 256, 257, 258, 259, 260, 261, 262}, 300);
        expect_marks(sample(path, 2, RFA_SAMPLING_STILL, 10), (int[]){255, 255}, 255);
        expect_marks(sample(path, 8, RFA_SAMPLING_SPREAD, 0), (int[]){0, 0, 0, 0, 5, 18, 31, 44}, 0);
        struct rfa_clip *clip = sample(path, 8, RFA_SAMPLING_SPREAD, 20);
        assert_ptr_equal(clip->images[5].rgb, clip->images[7].rgb);
        expect_marks(clip, (int[]){555, 567, 580, 593, 599, 599, 599, 599}, 599);
        const struct rfa_clip_request late = {.frames = 8, .at_seconds = 25};
        assert_int_equal(rfa_media_sample(&clip, path, &late, &the_log), RFA_ERR_ARG);
        assert_null(clip);
        assert_non_null(strstr(heard.message, "behind the end at 20.0 s"));
    }
}

static void a_slower_video_repeats_frames_in_the_window(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "slow.mp4");
    mark_video(path, 0, 100, 10);
    /* At 5 s the window begins at 3.5 s; its frame k shows floor(10 (3.5 + k/30)). */
    struct rfa_clip *clip = sample(path, 8, RFA_SAMPLING_FIRST, 5);
    assert_ptr_equal(clip->images[0].rgb, clip->images[2].rgb);
    assert_int_equal(clip->shown[2].index, 2);
    assert_true(fabs(clip->shown[2].seconds - 3.5) < 1e-6);
    expect_marks(clip, (int[]){35, 35, 35, 36, 36, 36, 37, 37}, 50);
    const struct rfa_clip_request request = {.frames = 2, .at_seconds = 5, .window_seconds = 2, .window_frames = 21};
    assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_OK);
    expect_marks(clip, (int[]){40, 59}, 49); /* frame 20 is at 5.905 s, the key frame 10 at 4.952 s */
}

/* Gives a file through a named pipe to whoever opens that; the child ends with the file or with its reader. */
static pid_t feed_pipe(const char *pipe_path, const char *path)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    struct rfa_bytes bytes;
    FILE *pipe_end = rfa_bytes_read(&bytes, path, NULL) == RFA_OK ? fopen(pipe_path, "wb") : NULL;
    if (pipe_end && fwrite(bytes.data, 1, bytes.size, pipe_end) == bytes.size)
        fclose(pipe_end);
    _exit(0);
}

static void a_pipe_can_be_read_once(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "a.mkv"), *pipe_path = temp_path(&folder, "pipe");
    mark_video(path, 0, 300, 30);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    pid_t child = feed_pipe(pipe_path, path);
    expect_marks(sample(pipe_path, 8, RFA_SAMPLING_SPREAD, 6), (int[]){135, 147, 160, 173, 185, 198, 211, 224}, 180);
    assert_int_equal(waitpid(child, NULL, 0), child);
    child = feed_pipe(pipe_path, path);
    struct rfa_clip *clip;
    const struct rfa_clip_request whole = {.frames = 8, .at_seconds = -1};
    assert_int_equal(rfa_media_sample(&clip, pipe_path, &whole, &the_log), RFA_ERR_UNSUPPORTED);
    assert_non_null(strstr(heard.message, "save a part to a file"));
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void streams_deliver_every_frame(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "stream.mkv");
    struct rfa_media_stream *stream;
    struct rfa_stream_info info;
    struct rfa_image image;
    double seconds;
    mark_video(path, 0, 300, 30);
    assert_int_equal(rfa_media_stream_open(&stream, path, NULL, &the_log), RFA_OK);
    rfa_media_stream_describe(stream, &info);
    assert_int_equal(info.width, MARK_WIDTH);
    assert_true(fabs(info.frames_per_second - 30) < 0.01 && fabs(info.seconds - 10) < 0.1 && !info.live);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(rfa_media_stream_next(stream, &image, &seconds), RFA_OK);
        assert_int_equal(mark_read(&image), i);
        assert_true(fabs(seconds - i / 30.0) < 0.001);
    }
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        assert_int_equal(rfa_media_stream_next(stream, &image, NULL), RFA_OK);
        assert_null(image.rgb);
    }
    rfa_media_stream_close(&stream);
    assert_null(stream);
}

static void streams_are_thinned_out(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "thin.mp4");
    const struct rfa_stream_options options = {.frames_per_second = 4, .start_seconds = 5};
    struct rfa_media_stream *stream;
    struct rfa_image image;
    mark_video(path, 0, 240, 30);
    assert_int_equal(rfa_media_stream_open(&stream, path, &options, &the_log), RFA_OK);
    const int expected[] = {150, 158, 165, 173, 180, 188, 195, 203, 210, 218, 225, 233};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(rfa_media_stream_next(stream, &image, NULL), RFA_OK);
        assert_int_equal(mark_read(&image), expected[i]);
    }
    assert_int_equal(rfa_media_stream_next(stream, &image, NULL), RFA_OK);
    assert_null(image.rgb);
    rfa_media_stream_close(&stream);
}

/* ------------------------------------------------------------------ files that cannot be used */

/* A sound file: half a second of silence. */
static void write_wav(const char *path)
{
    static uint8_t wav[44 + 8000] = "RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\x80\x3e\0\0\1\0\x8\0"
                                    "data\x40\x1f\0";
    memset(wav + 44, 128, 8000);
    temp_write(path, wav, sizeof wav);
}

static void expect_refusal(const char *path, enum rfa_status expected, const char *part)
{
    struct rfa_clip *clip = (struct rfa_clip *)&heard;
    const struct rfa_clip_request request = {.frames = 8, .at_seconds = -1};
    heard = (struct heard){0};
    enum rfa_status status = rfa_media_sample(&clip, path, &request, &the_log);
    if (status != expected || !strstr(heard.message, part))
        print_message("%s: %d %s\n", path, status, heard.message);
    assert_int_equal(status, expected);
    assert_int_equal(heard.status, expected);
    assert_null(clip);
    assert_non_null(strstr(heard.message, path)); /* names the file, */
    assert_non_null(strstr(heard.message, part)); /* the reason */
    assert_non_null(strstr(heard.message, "; ")); /* and the remedy */
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const uint8_t noise[5000] = {0, 0, 1, 0xB3, 9, 9, 9};
    const char *path = temp_path(&folder, "x.mp4");
    expect_refusal(path, RFA_ERR_IO, "No such file");
    temp_write(path, "", 0);
    expect_refusal(path, RFA_ERR_FORMAT, "opened");
    temp_write(path, "This is a text, not a video.\n", 29);
    expect_refusal(path, RFA_ERR_FORMAT, "Invalid data");
    temp_write(path, noise, sizeof noise);
    expect_refusal(path, RFA_ERR_FORMAT, "; ");
    write_wav(path);
    expect_refusal(path, RFA_ERR_FORMAT, "no video stream");
    remove(path);
    temp_write(temp_path(&folder, "notes.txt"), "no picture", 10);
    expect_refusal(folder.path, RFA_ERR_FORMAT, "holds no picture");
    expect_refusal(temp_path(&folder, "*.jpg"), RFA_ERR_FORMAT, "no such file");
    expect_refusal(temp_path(&folder, "clip [dQw4w9WgXcQ].mp4"), RFA_ERR_FORMAT, "no such file");
    temp_write(temp_path(&folder, "a.jpg"), "", 0);
    expect_refusal(temp_path(&folder, "a.jpg"), RFA_ERR_FORMAT, "empty");
    temp_write(temp_path(&folder, "a.png"), "\x89PNG\r\n\x1a\n", 8);
    expect_refusal(temp_path(&folder, "a.png"), RFA_ERR_FORMAT, "; ");
}

/* Every length: a refusal that names the file, or a clip from what there is; never a crash. */
static void truncated_videos_are_survived(void **state)
{
    (void)state;
    const char *const names[] = {"t.mp4", "t.mkv", "t.avi"};
    int sampled = 0, refused = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = temp_path(&folder, names[i]);
        struct rfa_bytes whole;
        mark_video(path, 0, 150, 30);
        assert_int_equal(rfa_bytes_read(&whole, path, NULL), RFA_OK);
        for (size_t part = 1; part < 16; part++) {
            struct rfa_clip *clip;
            const struct rfa_clip_request request = {.frames = 4, .at_seconds = part % 2 ? 1.0 : -1.0, .threads = 1};
            temp_write(path, whole.data, whole.size * part / 16);
            heard = (struct heard){0};
            enum rfa_status status = rfa_media_sample(&clip, path, &request, &the_log);
            assert_int_equal(status == RFA_OK, clip != NULL);
            assert_true(status == RFA_OK || strstr(heard.message, path) != NULL);
            *(status == RFA_OK ? &sampled : &refused) += 1;
            rfa_clip_free(&clip);
        }
        free(whole.data);
    }
    print_message("%d parts were sampled, %d refused\n", sampled, refused);
    assert_true(sampled > 10 && refused > 10);
}

/* Writes the first part of a video of 150 frames, 5 s; returns the frames that decode. */
static int64_t write_cut_video(const char *path, int sixteenths)
{
    struct rfa_bytes whole;
    mark_video(path, 0, 150, 30);
    assert_int_equal(rfa_bytes_read(&whole, path, NULL), RFA_OK);
    temp_write(path, whole.data, whole.size * (size_t)sixteenths / 16);
    free(whole.data);
    heard = (struct heard){0};
    struct rfa_clip *clip = sample(path, 4, RFA_SAMPLING_SPREAD, -1);
    int64_t frames = clip->total;
    assert_int_equal(clip->cut_short, sixteenths < 16);
    assert_int_equal(clip->cut_short, frames < 150);
    assert_int_equal(clip->damaged, 0);
    rfa_clip_free(&clip);
    return frames;
}

static void expect_cut_notice(const char *path)
{
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.status, RFA_OK);
    assert_non_null(strstr(heard.message, path));
    assert_non_null(strstr(heard.message, "cut short"));
    heard = (struct heard){0};
}

static void a_video_that_is_cut_short_is_a_notice(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "t.mkv");
    assert_int_equal(write_cut_video(path, 16), 150);
    assert_int_equal(heard.count, 0);
    double end = (double)write_cut_video(path, 12) / 30;
    expect_cut_notice(path);

    /* A window before the cut, one across it, one behind it. */
    assert_true(end > 2 && end < 4);
    struct rfa_clip *clip = sample(path, 4, RFA_SAMPLING_SPREAD, end - 1.8);
    assert_false(clip->cut_short);
    assert_int_equal(heard.count, 0);
    rfa_clip_free(&clip);
    clip = sample(path, 4, RFA_SAMPLING_SPREAD, end);
    assert_true(clip->cut_short);
    expect_cut_notice(path);
    rfa_clip_free(&clip);
    const struct rfa_clip_request behind = {.frames = 4, .at_seconds = end + 1.6};
    assert_int_equal(rfa_media_sample(&clip, path, &behind, &the_log), RFA_ERR_FORMAT);
    assert_non_null(strstr(heard.message, "cut short"));
}

/* Many threads read the file to its end while the window's last frame is still far from there. */
static void a_window_before_the_end_is_not_cut_short(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "t.mkv");
    const struct rfa_clip_request request = {.frames = 4, .at_seconds = 2.8, .threads = 32};
    struct rfa_clip *clip;
    mark_video(path, 0, 150, 30);
    heard = (struct heard){0};
    assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_OK);
    assert_false(clip->cut_short);
    assert_int_equal(heard.count, 0);
    rfa_clip_free(&clip);
}

static void a_stream_that_is_cut_short_is_a_notice(void **state)
{
    (void)state;
    const char *path = temp_path(&folder, "t.mkv");
    struct rfa_media_stream *stream;
    struct rfa_image image = {0};
    (void)write_cut_video(path, 8);
    heard = (struct heard){0};
    assert_int_equal(rfa_media_stream_open(&stream, path, NULL, &the_log), RFA_OK);
    do
        assert_int_equal(rfa_media_stream_next(stream, &image, NULL), RFA_OK);
    while (image.rgb);
    assert_int_equal(rfa_media_stream_next(stream, &image, NULL), RFA_OK);
    expect_cut_notice(path);
    rfa_media_stream_close(&stream);
}

/* What a file says of its length is right in all of these, or says nothing of the video. */
static void damage_is_told_from_what_the_file_says(void **state)
{
    (void)state;
    struct rfa_decoder_info info = {.video_end = 10, .decoded_end = 9.6, .ended = true};
    assert_false(rfa_damage_cut_short(&info));
    info.decoded_end = 9.4;
    assert_true(rfa_damage_cut_short(&info));
    info.ended = false;
    assert_false(rfa_damage_cut_short(&info));
    info = (struct rfa_decoder_info){.decoded_end = 9.4, .ended = true};
    assert_false(rfa_damage_cut_short(&info));
    info.broken_end = true;
    assert_true(rfa_damage_cut_short(&info));
    heard = (struct heard){0};
    info.damaged = 1; /* the packet that was cut: one notice tells it */
    rfa_damage_report(&info, "x", &the_log);
    expect_cut_notice("x");
    info.flawed = 3;
    rfa_damage_report(&info, "x", &the_log);
    assert_int_equal(heard.count, 2);
    assert_non_null(strstr(heard.message, "3 frames"));
}

/* ------------------------------------------------------------------ videos out */

/* Writes frames 0, 1, ... at these times and compares what is read. */
static void expect_times(double rate, const double *given, int count, const double *expected, int expected_count)
{
    static uint8_t rgb[2 * MARK_HEIGHT][2 * MARK_WIDTH][3];
    const char *path = temp_path(&folder, "times.mkv");
    struct rfa_image image = {&rgb[0][0][0], 2 * MARK_WIDTH, 2 * MARK_HEIGHT, sizeof rgb[0]};
    struct rfa_media_writer *writer;
    struct rfa_media_stream *stream;
    /* The frames are twice as large as the video. */
    assert_int_equal(rfa_media_writer_open(&writer, path, MARK_WIDTH, MARK_HEIGHT, rate, &the_log), RFA_OK);
    for (int i = 0; i < count; i++) {
        memset(rgb, 25 + 20 * i, sizeof rgb);
        assert_int_equal(rfa_media_writer_add(writer, &image, given[i]), RFA_OK);
    }
    assert_int_equal(rfa_media_writer_close(&writer), RFA_OK);
    assert_int_equal(rfa_media_stream_open(&stream, path, NULL, &the_log), RFA_OK);
    for (int i = 0; i <= expected_count; i++) {
        double seconds;
        assert_int_equal(rfa_media_stream_next(stream, &image, &seconds), RFA_OK);
        assert_int_equal(image.rgb != NULL, i < expected_count);
        if (!image.rgb)
            break;
        assert_int_equal(image.width, MARK_WIDTH);
        assert_int_equal(image.height, MARK_HEIGHT);
        assert_true(fabs(seconds - expected[i]) < 0.006);
    }
    rfa_media_stream_close(&stream);
}

static void written_frames_keep_their_times(void **state)
{
    (void)state;
    /* What a browser records has 1000 frames a second by what its file says; a time lapse has less than one. */
    expect_times(1000, (const double[]){5, 5.5, 7}, 3, (const double[]){0, 0.5, 2}, 3);
    expect_times(0.2, (const double[]){0, 5, 10}, 3, (const double[]){0, 5, 10}, 3);
    expect_times(25, (const double[]){NAN, NAN, NAN}, 3, (const double[]){0, 0.04, 0.08}, 3);
    expect_times(10, (const double[]){0, 0, 0.01, 1}, 4, (const double[]){0, 0.1, 0.2, 1}, 4);
    expect_times(1, (const double[]){0, 0, 0.1, 1}, 4, (const double[]){0, 1}, 2); /* two would come too late */
}

/* Writes frames 0, 1, ... of one shade each, 1 / rate apart; frame k of what is read must be shown[k] of them. */
static void expect_shown(const char *name, double rate, int count, const int *shown, int shown_count)
{
    static uint8_t rgb[MARK_HEIGHT][MARK_WIDTH][3];
    const char *path = temp_path(&folder, name);
    struct rfa_image image = {&rgb[0][0][0], MARK_WIDTH, MARK_HEIGHT, sizeof rgb[0]};
    struct rfa_media_writer *writer;
    struct rfa_media_stream *stream;
    assert_int_equal(rfa_media_writer_open(&writer, path, MARK_WIDTH, MARK_HEIGHT, rate, &the_log), RFA_OK);
    for (int i = 0; i < count; i++) {
        memset(rgb, 25 + 20 * i, sizeof rgb);
        assert_int_equal(rfa_media_writer_add(writer, &image, 3 + i / rate), RFA_OK);
    }
    assert_int_equal(rfa_media_writer_close(&writer), RFA_OK);
    assert_int_equal(rfa_media_stream_open(&stream, path, NULL, &the_log), RFA_OK);
    for (int i = 0; i <= shown_count; i++) {
        assert_int_equal(rfa_media_stream_next(stream, &image, NULL), RFA_OK);
        if ((image.rgb != NULL) != (i < shown_count) || (image.rgb && abs(image.rgb[0] - (25 + 20 * shown[i])) > 6))
            fail_msg("%s at %g: frame %d is %s", name, rate, i, image.rgb ? "not the one due" : "missing");
    }
    rfa_media_stream_close(&stream);
}

/* At 10 frames a second those of MPEG-1 and MXF are 24000/1001 a second: each is shown two or three times. */
static void formats_with_few_rates_keep_the_time(void **state)
{
    (void)state;
    static const char *const endings[] = {"a.mpg", "a.mpeg", "a.m1v", "a.mxf"};
    const int ten[] = {0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4}, twice_sixty[] = {0, 2, 4, 6}, twenty_five[] = {0, 1, 2, 3};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (rfa_media_writer_check(endings[i], NULL) != RFA_OK)
            continue;
        expect_shown(endings[i], 10, 5, ten, 11);
        expect_shown(endings[i], 25, 4, twenty_five, 4);
        if (i < 3) /* some MXF have 120 frames a second */
            expect_shown(endings[i], 120, 8, twice_sixty, 4);
    }
}

static void endings_that_no_video_has_are_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {"a.png", "a.jpg", "a.gif", "a.wav", "a.mp3", "a.text", "a.gxf", "a", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_not_equal(rfa_media_writer_check(wrong[i], &the_log), RFA_OK);
    assert_int_equal(rfa_media_writer_check("a.mp4", &the_log), RFA_OK);
    assert_int_equal(rfa_media_writer_check("no folder/a.mkv", &the_log), RFA_OK);
    assert_int_equal(rfa_media_writer_check(NULL, &the_log), RFA_ERR_ARG);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    struct rfa_clip *clip;
    struct rfa_media_stream *stream;
    struct rfa_media_writer *writer;
    struct rfa_clip_request request = {.frames = 0};
    assert_int_equal(rfa_media_sample(NULL, "a", &request, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_sample(&clip, NULL, &request, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_sample(&clip, "", &request, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_sample(&clip, "a", NULL, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_sample(&clip, "a", &request, &the_log), RFA_ERR_ARG);
    request = (struct rfa_clip_request){.frames = 8, .sampling = (enum rfa_sampling)9};
    assert_int_equal(rfa_media_sample(&clip, "a", &request, &the_log), RFA_ERR_ARG);
    request = (struct rfa_clip_request){.frames = 8, .window_seconds = NAN};
    assert_int_equal(rfa_media_sample(&clip, "a", &request, &the_log), RFA_ERR_ARG);
    request = (struct rfa_clip_request){.frames = 8, .at_seconds = INFINITY};
    assert_int_equal(rfa_media_sample(&clip, "a", &request, &the_log), RFA_ERR_ARG);
    const struct rfa_stream_options options = {.frames_per_second = -1};
    assert_int_equal(rfa_media_stream_open(&stream, "a", &options, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_stream_open(&stream, "no-such.mp4", NULL, &the_log), RFA_ERR_IO);
    assert_null(stream);
    assert_int_equal(rfa_media_writer_open(&writer, "a.mp4", 8, 8, 30, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_writer_open(&writer, "a.mp4", 64, 64, NAN, &the_log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_writer_open(&writer, "a.unheard-of", 64, 64, 30, &the_log), RFA_ERR_UNSUPPORTED);
    assert_int_equal(rfa_media_writer_open(&writer, "no/such/folder/a.mp4", 64, 64, 30, &the_log), RFA_ERR_IO);
    assert_null(writer);
    rfa_clip_free(NULL);
    rfa_media_stream_close(NULL);
    assert_int_equal(rfa_media_writer_close(NULL), RFA_OK);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampling_follows_the_specification),
        cmocka_unit_test(sampling_copes_with_few_frames),
        cmocka_unit_test(names_are_ordered_naturally),
        IN_FOLDER(folders_and_globs_are_sampled),
        IN_FOLDER(a_window_on_a_folder_counts_thirty_a_second),
        IN_FOLDER(exif_orientation_is_applied),
        IN_FOLDER(damaged_exif_is_upright),
        IN_FOLDER(truncated_jpeg_is_a_notice),
        cmocka_unit_test(jpeg_cannot_be_written_everywhere),
        IN_FOLDER(video_is_sampled),
        IN_FOLDER(video_is_sampled_in_a_window),
        IN_FOLDER(a_slower_video_repeats_frames_in_the_window),
        IN_FOLDER(a_pipe_can_be_read_once),
        IN_FOLDER(streams_deliver_every_frame),
        IN_FOLDER(streams_are_thinned_out),
        IN_FOLDER(bad_files_are_refused),
        IN_FOLDER(truncated_videos_are_survived),
        IN_FOLDER(a_video_that_is_cut_short_is_a_notice),
        IN_FOLDER(a_window_before_the_end_is_not_cut_short),
        IN_FOLDER(a_stream_that_is_cut_short_is_a_notice),
        cmocka_unit_test(damage_is_told_from_what_the_file_says),
        IN_FOLDER(written_frames_keep_their_times),
        IN_FOLDER(formats_with_few_rates_keep_the_time),
        cmocka_unit_test(endings_that_no_video_has_are_refused),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
