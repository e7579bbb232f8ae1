/* The frames that we sample are, byte for byte, those that the ffmpeg program extracts. Skipped where that program is
 * missing. */
#include "folder_fixture.h"
#include "media_clip.h"
#include "jpeg.h"

#include <math.h>
#include <sys/stat.h>

/* A film from the program's generator of test pictures, then what makes it special. */
struct film {
    const char *name;
    const char *source; /* of the filter testsrc2 */
    const char *options;
};

#define X264  "-c:v libx264 -preset ultrafast "
#define SOUND "-f lavfi -i sine=duration=3 "

static const struct film films[] = {
    {"b_frames.mp4", "size=96x64:rate=30:duration=2", "-c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p"},
    {"open_gop.ts", "size=96x64:rate=30:duration=2",
     "-c:v libx264 -bf 3 -x264-params open-gop=1:keyint=12 -pix_fmt yuv420p"},
    {"no_count.mkv", "size=96x64:rate=25:duration=2", X264 "-pix_fmt yuv420p"},
    {"packed.avi", "size=96x64:rate=25:duration=2", "-c:v mpeg4 -bf 2"},
    {"stream.mpg", "size=96x64:rate=25:duration=2", "-c:v mpeg2video -bf 2"},
    {"stream_and_sound.vob", "size=96x64:rate=25:duration=2", SOUND "-c:v mpeg2video -c:a mp2"},
    {"old_stream.mpeg", "size=96x64:rate=25:duration=2", "-c:v mpeg1video"},
    {"sound.ts", "size=96x64:rate=25:duration=2", SOUND "-c:v mpeg2video -c:a mp2"},
    {"blu_ray.m2ts", "size=96x64:rate=25:duration=2", X264 "-pix_fmt yuv420p -mpegts_m2ts_mode 1"},
    {"bare.mjpeg", "size=96x64:rate=10:duration=4", "-c:v mjpeg"},
    {"parts.mpjpeg", "size=96x64:rate=10:duration=4", "-f mpjpeg"},
    {"elementary.h264", "size=96x64:rate=25:duration=2", X264 "-pix_fmt yuv420p"},
    {"web.webm", "size=96x64:rate=25:duration=1", "-c:v libvpx -deadline realtime"},
    {"palette.gif", "size=96x64:rate=10:duration=1", ""},
    {"motion_jpeg.avi", "size=96x64:rate=25:duration=1", "-c:v mjpeg -pix_fmt yuvj422p"},
    {"ten_bits.mkv", "size=96x64:rate=10:duration=1", "-c:v ffv1 -pix_fmt yuv420p10le"},
    {"odd.mkv", "size=96x64:rate=10:duration=1", "-vf scale=97:63 -c:v ffv1 -pix_fmt yuv420p"},
    {"grey.mkv", "size=96x64:rate=10:duration=1", "-c:v ffv1 -pix_fmt gray"},
    {"full_range.mp4", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv420p -colorspace bt709 -color_range pc"},
    {"hd_matrix.mp4", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv444p -colorspace bt709"},
    {"wide_pixels.mp4", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv420p -vf setsar=2"},
    {"long_sound.mp4", "size=96x64:rate=10:duration=1", SOUND X264 "-pix_fmt yuv420p -c:a aac"},
    {"long_sound.mkv", "size=96x64:rate=10:duration=1", SOUND X264 "-pix_fmt yuv420p -c:a aac"},
    {"long_sound.flv", "size=96x64:rate=10:duration=1", SOUND X264 "-pix_fmt yuv420p -c:a aac"},
    {"long_sound.wmv", "size=96x64:rate=10:duration=1", SOUND "-c:v wmv2 -c:a wmav2"},
    {"plain.y4m", "size=96x64:rate=10:duration=1", "-pix_fmt yuv444p"},
    {"one_frame.gif", "size=96x64:rate=10:duration=0.1", ""},
    {"whole_frames.gif", "size=96x64:rate=10:duration=1", "-gifflags -transdiff-offsetting -loop -1"},
    {"own_palette.gif", "size=96x64:rate=10:duration=1",
     "-vf 'split[a][b];[b]palettegen=max_colors=16[p];[a][p]paletteuse'"},
    {"pages.ogv", "size=96x64:rate=10:duration=1", "-c:v libtheora"},
    {"long_sound.ogg", "size=96x64:rate=10:duration=1", SOUND "-c:v libtheora -c:a libvorbis"},
    {"units.obu", "size=96x64:rate=10:duration=1", "-c:v libaom-av1 -cpu-used 8"},
    {"counted.ivf", "size=96x64:rate=10:duration=1", "-c:v libvpx -deadline realtime"},
    {"tape.dv", "size=720x576:rate=25:duration=0.2", "-pix_fmt yuv420p"},
    {"tape_with_sound.dv", "size=720x576:rate=25:duration=0.2",
     "-f lavfi -i sine=sample_rate=48000:duration=0.2 -ac 2 -pix_fmt yuv420p"},
    {"studio.gxf", "size=720x576:rate=25:duration=0.2", "-c:v mpeg2video"},
    {"studio.mxf", "size=96x64:rate=25:duration=1", "-c:v mpeg2video"},
    {"game.roq", "size=128x64:rate=30:duration=0.5", ""},
    {"game_with_sound.roq", "size=128x64:rate=30:duration=0.5",
     "-f lavfi -i sine=sample_rate=22050:duration=0.5 -ac 1 -c:a roq_dpcm"},
    {"fragments.mp4", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv420p -movflags frag_keyframe+empty_moov"},
    {"flash.swf", "size=96x64:rate=10:duration=1", "-c:v flv"},
    {"index.nut", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv420p"},
    {"late.mkv", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv420p -output_ts_offset 5"},
    {"held.mp4", "size=96x64:rate=30:duration=4", X264 "-pix_fmt yuv420p -vf select='lt(n\\,9)+eq(n\\,99)' -vsync vfr"},
    {"variable.mp4", "size=96x64:rate=30:duration=4",
     X264 "-pix_fmt yuv420p -vf select='gt(n\\,60)+not(mod(n\\,3))' -vsync vfr"},
};

static struct heard heard;
static const struct rfa_log the_log = {hear, &heard};

static bool run(const char *command)
{
    char line[4096];
    snprintf(line, sizeof line, "{ %s; } </dev/null >/dev/null 2>&1", command);
    return system(line) == 0;
}

static void need_ffmpeg(void)
{
    if (!run("ffmpeg -version"))
        skip();
}

/* False: this build of the program lacks the encoder. */
static bool make_film(const struct film *film, const char *path)
{
    char command[1024];
    snprintf(command, sizeof command, "ffmpeg -y -f lavfi -i testsrc2=%s %s '%s'", film->source, film->options, path);
    return run(command);
}

/* All frames as the program extracts them. */
static struct rfa_bytes extract(const char *path)
{
    char command[1024];
    struct rfa_bytes bytes;
    const char *raw = temp_path(&folder, "frames.raw");
    snprintf(command, sizeof command, "ffmpeg -y -i '%s' -vsync 0 -f rawvideo -pix_fmt rgb24 '%s'", path, raw);
    assert_true(run(command));
    assert_int_equal(rfa_bytes_read(&bytes, raw, NULL), RFA_OK);
    return bytes;
}

static void compare_image(const struct rfa_image *image, const struct rfa_bytes *all, int64_t index)
{
    size_t size = (size_t)image->height * (size_t)image->width * 3;
    assert_true(index >= 0 && ((size_t)index + 1) * size <= all->size);
    assert_memory_equal(image->rgb, all->data + (size_t)index * size, size);
}

static void compare_whole(const char *path, enum rfa_sampling sampling)
{
    struct rfa_bytes all = extract(path);
    struct rfa_clip *clip;
    const struct rfa_clip_request request = {.frames = 8, .sampling = sampling, .at_seconds = -1};
    assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_OK);
    if (heard.count > 0 || clip->cut_short || clip->damaged)
        fail_msg("%s: complete, but: %s", path, heard.message);
    assert_int_equal((size_t)clip->total * (size_t)clip->width * (size_t)clip->height * 3, all.size);
    for (int i = 0; i < clip->frames; i++)
        compare_image(&clip->images[i], &all, clip->shown[i].index);
    compare_image(&clip->key, &all, clip->key_shown.index);
    rfa_clip_free(&clip);
    free(all.data);
}

static void every_kind_of_film_equals_ffmpeg(void **state)
{
    (void)state;
    int compared = 0;
    need_ffmpeg();
    for (size_t i = 0; i < sizeof films / sizeof *films; i++) {
        const char *path = temp_path(&folder, films[i].name);
        if (!make_film(&films[i], path)) {
            print_message("%s: cannot be made by this ffmpeg\n", films[i].name);
            continue;
        }
        compare_whole(path, i % 2 ? RFA_SAMPLING_DEMO : RFA_SAMPLING_SPREAD);
        compared++;
    }
    assert_true(compared > 8);
}

static void rotated_films_equal_ffmpeg(void **state)
{
    (void)state;
    static const struct film even = {"e.mp4", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv420p"};
    static const struct film ten = {"t.mp4", "size=96x64:rate=10:duration=1", X264 "-pix_fmt yuv420p10le"};
    need_ffmpeg();
    for (int i = 0; i < 6; i++) {
        const struct film *film = i % 2 ? &ten : &even;
        const char *path = temp_path(&folder, film->name), *turned = temp_path(&folder, "turned.mp4");
        char command[1024];
        int degrees = 90 * (1 + i / 2);
        if (!make_film(film, path))
            continue;
        snprintf(command, sizeof command,
                 "ffmpeg -y -display_rotation %d -i '%s' -c copy '%s' || ffmpeg -y -i '%s' -c copy -metadata:s:v "
                 "rotate=%d '%s'",
                 degrees, path, turned, path, degrees, turned);
        assert_true(run(command));
        struct rfa_picture first;
        assert_int_equal(rfa_media_read(&first, turned, &the_log), RFA_OK);
        assert_int_equal(first.width, degrees == 180 ? 96 : 64);
        rfa_picture_free(&first);
        compare_whole(turned, RFA_SAMPLING_SPREAD);
    }
}

static double pixel_aspect(const char *path)
{
    struct rfa_clip *clip;
    struct rfa_media_stream *stream;
    struct rfa_stream_info info;
    const struct rfa_clip_request request = {.frames = 2, .at_seconds = -1};
    assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_OK);
    assert_int_equal(rfa_media_stream_open(&stream, path, NULL, &the_log), RFA_OK);
    rfa_media_stream_describe(stream, &info);
    const double aspect = clip->pixel_aspect;
    assert_true(aspect == info.pixel_aspect && clip->width == info.width);
    rfa_media_stream_close(&stream);
    rfa_clip_free(&clip);
    return aspect;
}

static void the_shape_of_pixels_is_told(void **state)
{
    (void)state;
    static const struct film wide = {"w.mp4", "size=96x64:rate=10:duration=1",
                                     X264 "-pix_fmt yuv420p -vf setsar=64/45"},
                             plain = {"p.avi", "size=96x64:rate=10:duration=1", "-c:v mjpeg -pix_fmt yuvj420p"};
    const char *path = temp_path(&folder, plain.name), *turned = temp_path(&folder, "turned.mp4");
    char command[1024];
    need_ffmpeg();
    assert_true(make_film(&plain, path));
    assert_true(pixel_aspect(path) == 1);
    path = temp_path(&folder, wide.name);
    if (!make_film(&wide, path))
        skip();
    assert_true(fabs(pixel_aspect(path) - 64.0 / 45) < 1e-9);
    snprintf(command, sizeof command,
             "ffmpeg -y -display_rotation 90 -i '%s' -c copy '%s' || ffmpeg -y -i '%s' -c copy -metadata:s:v rotate=90 "
             "'%s'",
             path, turned, path, turned);
    assert_true(run(command));
    assert_true(fabs(pixel_aspect(turned) - 45.0 / 64) < 1e-9); /* what was wide is high now */
}

/* A broadcast of 4.4 s that changes from wide pixels to square ones after 2 s, before its middle. */
static void the_shape_of_pixels_is_that_of_the_key_frame(void **state)
{
    (void)state;
    static const struct film wide = {"a.ts", "size=96x64:rate=25:duration=2", X264 "-pix_fmt yuv420p -vf setsar=2"},
                             square = {"b.ts", "size=96x64:rate=25:duration=2.4", X264 "-pix_fmt yuv420p -vf setsar=1"};
    struct rfa_bytes first, second;
    struct rfa_clip *clip;
    need_ffmpeg();
    const char *a = temp_path(&folder, wide.name), *b = temp_path(&folder, square.name);
    if (!make_film(&wide, a) || !make_film(&square, b))
        skip();
    assert_int_equal(rfa_bytes_read(&first, a, NULL), RFA_OK);
    assert_int_equal(rfa_bytes_read(&second, b, NULL), RFA_OK);
    uint8_t *both = malloc(first.size + second.size);
    assert_non_null(both);
    memcpy(both, first.data, first.size);
    memcpy(both + first.size, second.data, second.size);
    temp_write(a, both, first.size + second.size);
    for (int square_key = 0; square_key < 2; square_key++) {
        const struct rfa_clip_request request = {
            .frames = 2, .sampling = square_key ? RFA_SAMPLING_SPREAD : RFA_SAMPLING_STILL, .at_seconds = -1};
        assert_int_equal(rfa_media_sample(&clip, a, &request, &the_log), RFA_OK);
        assert_true(clip->pixel_aspect == (square_key ? 1 : 2));
        rfa_clip_free(&clip);
    }
    free(both);
    free(first.data);
    free(second.data);
}

/* Constant rate: frame k of the window is frame rate (at - 1.5) + k rate/30, rounded down and clamped. */
static void windows_equal_ffmpeg(void **state)
{
    (void)state;
    static const struct {
        struct film film;
        int rate;
    } cases[] = {
        {{"w.mp4", "size=96x64:rate=30:duration=20", X264 "-bf 2 -pix_fmt yuv420p"}, 30},
        {{"w.mkv", "size=96x64:rate=30:duration=20", X264 "-bf 2 -g 40 -pix_fmt yuv420p"}, 30},
        {{"w.ts", "size=96x64:rate=10:duration=20",
          "-c:v libx264 -bf 2 -x264-params open-gop=1:keyint=12 -pix_fmt yuv420p"},
         10},
        {{"w.avi", "size=96x64:rate=10:duration=20", "-c:v mpeg4 -bf 2"}, 10},
        {{"w.h264", "size=96x64:rate=30:duration=10", X264 "-pix_fmt yuv420p"}, 30},
    };
    need_ffmpeg();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const char *path = temp_path(&folder, cases[c].film.name);
        if (!make_film(&cases[c].film, path))
            continue;
        struct rfa_bytes all = extract(path);
        const int64_t frames = (int64_t)(all.size / (96 * 64 * 3));
        for (int at = 0; at <= 9; at += 3) {
            struct rfa_clip *clip;
            const struct rfa_clip_request request = {.frames = 8, .sampling = RFA_SAMPLING_SPREAD, .at_seconds = at};
            assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_OK);
            for (int i = 0; i < 8; i++) {
                int64_t index =
                    ((30 * at - 45 + i * 89 / 7) * cases[c].rate + 30000) / 30 - 1000; /* rounds down below 0 too */
                compare_image(&clip->images[i], &all, index < 0 ? 0 : index < frames ? index : frames - 1);
            }
            rfa_clip_free(&clip);
        }
        free(all.data);
    }
}

static void a_variable_rate_is_read_from_the_timestamps(void **state)
{
    (void)state;
    /* Of 30 frames a second every third one up to 60, then all: frame 3 i is number i, frame 61 + i number 21 + i. */
    const struct film *film = &films[sizeof films / sizeof *films - 1];
    const char *path = temp_path(&folder, film->name);
    need_ffmpeg();
    if (!make_film(film, path))
        skip();
    struct rfa_bytes all = extract(path);
    struct rfa_clip *clip;
    const struct rfa_clip_request request = {.frames = 8, .sampling = RFA_SAMPLING_SPREAD, .at_seconds = 2};
    assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_OK);
    for (int i = 0; i < 8; i++) {
        int slot = 15 + i * 89 / 7;
        compare_image(&clip->images[i], &all, slot <= 60 ? slot / 3 : slot - 40);
    }
    compare_image(&clip->key, &all, 20);
    rfa_clip_free(&clip);
    free(all.data);
}

/* 0: refused; else whether a notice says that the first `size` bytes are cut short. */
static int told_cut(const char *path, const struct rfa_bytes *whole, size_t size)
{
    struct rfa_clip *clip;
    const struct rfa_clip_request request = {.frames = 4, .sampling = RFA_SAMPLING_SPREAD, .at_seconds = -1};
    temp_write(path, whole->data, size);
    heard = (struct heard){0};
    if (rfa_media_sample(&clip, path, &request, &the_log) != RFA_OK)
        return 0;
    bool cut = clip->cut_short;
    assert_int_equal(cut, strstr(heard.message, "is cut short") != NULL);
    rfa_clip_free(&clip);
    return cut ? 1 : -1;
}

static void formats_without_a_length_tell_when_they_are_cut(void **state)
{
    (void)state;
    static const char *const names[] = {"palette.gif",        "own_palette.gif",      "one_frame.gif",   "plain.y4m",
                                        "pages.ogv",          "long_sound.ogg",       "units.obu",       "tape.dv",
                                        "tape_with_sound.dv", "open_gop.ts",          "sound.ts",        "blu_ray.m2ts",
                                        "stream.mpg",         "stream_and_sound.vob", "old_stream.mpeg", "bare.mjpeg"};
    need_ffmpeg();
    for (size_t i = 0; i < sizeof films / sizeof *films; i++)
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            const char *path = temp_path(&folder, films[i].name);
            struct rfa_bytes whole;
            if (strcmp(films[i].name, names[j]) != 0 || !make_film(&films[i], path))
                continue;
            assert_int_equal(rfa_bytes_read(&whole, path, NULL), RFA_OK);
            if (told_cut(path, &whole, whole.size - 1) != 1)
                fail_msg("%s: the last byte is not missed", films[i].name);
            for (size_t part = 1; part < 16; part++) /* never unnoticed; no part ends where a frame or a packet does */
                if (told_cut(path, &whole, whole.size * part / 16 + 9) < 0)
                    fail_msg("%s: %zu sixteenths pass for the whole", films[i].name, part);
            free(whole.data);
        }
}

/* Behind the end of a GIF, the last page of an Ogg stream or the last packet of an MPEG one may stand what it likes. */
static void what_stands_behind_the_end_does_not_matter(void **state)
{
    (void)state;
    static const struct film with_end[] = {
        {"a.gif", "size=96x64:rate=10:duration=1", ""},
        {"a.ogv", "size=96x64:rate=10:duration=1", "-c:v libtheora"},
        {"a.ts", "size=96x64:rate=25:duration=1", "-c:v mpeg2video"},
        {"a.m2ts", "size=96x64:rate=25:duration=1", "-c:v mpeg2video -mpegts_m2ts_mode 1"},
        {"a.mpg", "size=96x64:rate=25:duration=1", "-c:v mpeg1video"},
        {"a.mjpeg", "size=96x64:rate=10:duration=1", "-c:v mjpeg"}};
    need_ffmpeg();
    for (size_t i = 0; i < sizeof with_end / sizeof *with_end; i++) {
        const char *path = temp_path(&folder, with_end[i].name);
        struct rfa_bytes whole;
        if (!make_film(&with_end[i], path))
            continue;
        assert_int_equal(rfa_bytes_read(&whole, path, NULL), RFA_OK);
        uint8_t *longer = calloc(whole.size + 1000, 1);
        assert_non_null(longer);
        memcpy(longer, whole.data, whole.size);
        assert_int_equal(told_cut(path, &(struct rfa_bytes){longer, whole.size + 1000}, whole.size + 1000), -1);
        free(longer);
        free(whole.data);
    }
}

/* Takes the lines "Content-length: ..." out. */
static void forget_lengths(struct rfa_bytes *parts)
{
    static const char line[] = "Content-length: ";
    size_t kept = 0, skip = 0;
    for (size_t i = 0; i < parts->size; i++) {
        if (parts->size - i > sizeof line && memcmp(parts->data + i, line, sizeof line - 1) == 0)
            for (skip = 1; parts->data[i + skip - 1] != '\n';)
                skip++;
        if (skip > 0)
            skip--;
        else
            parts->data[kept++] = parts->data[i];
    }
    parts->size = kept;
}

/* The last boundary ends a file of parts, with or without its line break and the mark of the very end. */
static void parts_end_with_a_boundary(void **state)
{
    (void)state;
    const struct film film = {"parts.mpjpeg", "size=96x64:rate=10:duration=1", "-f mpjpeg"};
    const char *path = temp_path(&folder, film.name), *boundary = "\r\n--ffmpeg\r\n";
    struct rfa_bytes parts;
    need_ffmpeg();
    if (!make_film(&film, path))
        skip();
    assert_int_equal(rfa_bytes_read(&parts, path, NULL), RFA_OK);
    for (int stated = 1; stated >= 0; stated--) {
        const size_t end = strlen(boundary), size = parts.size;
        assert_memory_equal(parts.data + size - end, boundary, end);
        assert_int_equal(told_cut(path, &parts, size), -1);
        assert_int_equal(told_cut(path, &parts, size - 2), -1);
        assert_int_equal(told_cut(path, &parts, size - end), -1);
        for (size_t less = end + 1; less < 600; less += 97)
            assert_int_equal(told_cut(path, &parts, size - less), 1);
        memcpy(parts.data + size - 2, "--", 2);
        assert_int_equal(told_cut(path, &parts, size), -1);
        memcpy(parts.data + size - 2, "\r\n", 2);
        forget_lengths(&parts);
    }
    size_t header = parts.size - 1;
    while (memcmp(parts.data + header, "Content-type", 12) != 0)
        header--;
    assert_int_equal(told_cut(path, &parts, header + 5), 1);
    free(parts.data);
}

static void a_folder_of_png_files_equals_ffmpeg(void **state)
{
    (void)state;
    struct rfa_clip *clip;
    const struct film film = {"%02d.png", "size=96x64:rate=10:duration=2", ""};
    const struct rfa_clip_request request = {.frames = 4, .sampling = RFA_SAMPLING_SPREAD, .at_seconds = -1};
    need_ffmpeg();
    assert_true(make_film(&film, temp_path(&folder, film.name)));
    assert_int_equal(rfa_media_sample(&clip, folder.path, &request, &the_log), RFA_OK);
    assert_int_equal(clip->total, 20);
    struct rfa_bytes all = extract(temp_path(&folder, film.name));
    for (int i = 0; i < 4; i++)
        compare_image(&clip->images[i], &all, clip->shown[i].index);
    rfa_clip_free(&clip);
    free(all.data);
}

static void the_pedestrian_zone_equals_ffmpeg(void **state)
{
    (void)state;
    const char *path = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"; /* of Debian's package opencv-doc */
    need_ffmpeg();
    if (access(path, R_OK) != 0)
        skip();
    char command[1024];
    const char *raw = temp_path(&folder, "frames.raw");
    snprintf(command, sizeof command,
             "ffmpeg -y -i '%s' -vf "
             "select='eq(n\\,0)+eq(n\\,113)+eq(n\\,226)+eq(n\\,340)+eq(n\\,453)+eq(n\\,567)+eq(n\\,680)+eq(n\\,794)' "
             "-vsync 0 -f rawvideo -pix_fmt rgb24 '%s'",
             path, raw);
    assert_true(run(command));
    struct rfa_bytes all;
    struct rfa_clip *clip;
    const struct rfa_clip_request request = {.frames = 8, .sampling = RFA_SAMPLING_SPREAD, .at_seconds = -1};
    assert_int_equal(rfa_bytes_read(&all, raw, NULL), RFA_OK);
    assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_OK);
    assert_int_equal(clip->total, 795);
    for (int i = 0; i < 8; i++)
        compare_image(&clip->images[i], &all, i);
    rfa_clip_free(&clip);
    free(all.data);
}

static void sound_with_a_cover_picture_is_no_video(void **state)
{
    (void)state;
    struct rfa_clip *clip;
    char command[1024];
    const char *path = temp_path(&folder, "song.m4a");
    const struct rfa_clip_request request = {.frames = 4, .at_seconds = -1};
    need_ffmpeg();
    snprintf(
        command, sizeof command,
        "ffmpeg -y -f lavfi -i sine=d=1 -f lavfi -i testsrc2=d=0.1:r=10 -map 0 -map 1 -c:a aac -c:v png -frames:v 1 "
        "-disposition:v attached_pic '%s'",
        path);
    assert_true(run(command));
    assert_int_equal(rfa_media_sample(&clip, path, &request, &the_log), RFA_ERR_FORMAT);
    assert_non_null(strstr(heard.message, "no video stream"));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_kind_of_film_equals_ffmpeg),
        IN_FOLDER(rotated_films_equal_ffmpeg),
        IN_FOLDER(the_shape_of_pixels_is_told),
        IN_FOLDER(the_shape_of_pixels_is_that_of_the_key_frame),
        IN_FOLDER(windows_equal_ffmpeg),
        IN_FOLDER(a_variable_rate_is_read_from_the_timestamps),
        IN_FOLDER(formats_without_a_length_tell_when_they_are_cut),
        IN_FOLDER(what_stands_behind_the_end_does_not_matter),
        IN_FOLDER(parts_end_with_a_boundary),
        IN_FOLDER(a_folder_of_png_files_equals_ffmpeg),
        IN_FOLDER(the_pedestrian_zone_equals_ffmpeg),
        IN_FOLDER(sound_with_a_cover_picture_is_no_video),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
