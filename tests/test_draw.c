/* Boxes, text and the annotated picture. */
#include "temp_folder.h"
#include "media_clip.h"
#include "draw.h"
#include "font.h"

#include <math.h>

enum { WIDTH = 200, HEIGHT = 100, STRIDE = WIDTH * 3 + 7, MARGIN = 4096 };

static uint8_t memory[MARGIN + HEIGHT * STRIDE + MARGIN];
static uint8_t *const pixels = memory + MARGIN;
static const struct rfa_canvas canvas = {memory + MARGIN, WIDTH, HEIGHT, STRIDE};
static const struct rfa_color white = {255, 255, 255, 255};

static int clear(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    return 0;
}

/* Nothing before, after or between the rows was written. */
static int check_margins(void **state)
{
    (void)state;
    for (int i = 0; i < MARGIN; i++)
        if (memory[i] || memory[sizeof memory - 1 - (size_t)i])
            return -1;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = WIDTH * 3; x < STRIDE; x++)
            if (pixels[y * STRIDE + x])
                return -1;
    return 0;
}

static int at(int x, int y)
{
    return pixels[y * STRIDE + 3 * x];
}

static double ink(void)
{
    double sum = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            sum += at(x, y) / 255.0;
    return sum;
}

static void a_panel_covers_its_area(void **state)
{
    (void)state;
    rfa_draw_panel(&canvas, (struct rfa_rect){10, 20, 30, 40}, 0, white);
    assert_int_equal(at(10, 20), 255);
    assert_int_equal(at(39, 59), 255);
    assert_int_equal(at(9, 20), 0);
    assert_int_equal(at(40, 59), 0);
    assert_true(fabs(ink() - 30 * 40) < 0.01);
    rfa_draw_panel(&canvas, (struct rfa_rect){60.5, 20, 10, 10}, 0, white);
    assert_in_range(at(60, 25), 126, 129); /* half covered */
    assert_in_range(at(70, 25), 126, 129);
}

static void round_corners_take_area_away(void **state)
{
    (void)state;
    rfa_draw_panel(&canvas, (struct rfa_rect){10, 10, 60, 60}, 30, white); /* a circle */
    assert_true(fabs(ink() - 3.14159265 * 900) < 12);
    assert_int_equal(at(10, 10), 0);
    assert_int_equal(at(40, 40), 255);
}

static void colors_are_blended(void **state)
{
    (void)state;
    rfa_draw_panel(&canvas, (struct rfa_rect){0, 0, 50, 50}, 0, (struct rfa_color){200, 100, 50, 255});
    rfa_draw_panel(&canvas, (struct rfa_rect){0, 0, 50, 50}, 0, (struct rfa_color){0, 200, 250, 128});
    assert_in_range(pixels[0], 99, 101);
    assert_in_range(pixels[1], 149, 151);
    assert_in_range(pixels[2], 149, 151);
    rfa_draw_panel(&canvas, (struct rfa_rect){0, 0, 50, 50}, 0, (struct rfa_color){9, 9, 9, 0});
    assert_in_range(pixels[0], 99, 101);
}

static void an_outline_leaves_the_inside(void **state)
{
    (void)state;
    rfa_draw_outline(&canvas, (struct rfa_rect){20, 20, 50, 30}, 0, 4, white);
    assert_int_equal(at(18, 30), 255);
    assert_int_equal(at(21, 30), 255);
    assert_int_equal(at(22, 30), 0);
    assert_int_equal(at(45, 35), 0);
    assert_true(fabs(ink() - (54 * 34 - 46 * 26)) < 6); /* the outer corners are round */
}

static void nothing_is_drawn_outside_the_canvas(void **state)
{
    (void)state;
    const double far[] = {-1e12, -150, -3, 150, 1e12};
    for (int i = 0; i < 25; i++) {
        struct rfa_rect rect = {far[i / 5], far[i % 5], 120, 120};
        rfa_draw_panel(&canvas, rect, 5, white);
        rfa_draw_outline(&canvas, rect, 5, 9, white);
        rfa_draw_text(&canvas, rect.x, rect.y, (struct rfa_font){40, 0.2}, white, "Wgq@", 4);
    }
    rfa_draw_panel(&canvas, (struct rfa_rect){NAN, NAN, NAN, NAN}, 5, white);
    rfa_draw_panel(&canvas, (struct rfa_rect){-1e6, -1e6, 2e6, 2e6}, 0, white);
    assert_true(fabs(ink() - WIDTH * HEIGHT) < 0.01);
}

/* ------------------------------------------------------------------ text */

static void every_letter_has_ink_inside_its_cell(void **state)
{
    (void)state;
    const struct rfa_font font = {30, 0.13};
    for (int c = '!'; c <= '~'; c++) {
        const char text = (char)c;
        double width = rfa_text_width(font, &text, 1);
        clear(NULL);
        assert_true(fabs(rfa_draw_text(&canvas, 50, 60, font, white, &text, 1) - width) < 1e-9);
        assert_true(ink() > 8);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                if (x < 49 || x > 51 + width || y < 60 - 30 - 7 || y > 60 + 10 + 3)
                    assert_int_equal(at(x, y), 0);
    }
}

static void letters_differ(void **state)
{
    (void)state;
    static struct rfa_font_outline a, b;
    for (uint32_t i = ' '; i <= '~'; i++)
        for (uint32_t j = ' '; j < i; j++) {
            rfa_font_outline(&a, i);
            rfa_font_outline(&b, j);
            assert_true(a.count < RFA_FONT_POINTS && (i == ' ' || a.count > 0));
            assert_true(a.count != b.count || memcmp(a.line, b.line, sizeof *a.line * (size_t)a.count) != 0);
        }
}

static void text_is_utf8(void **state)
{
    (void)state;
    const struct rfa_font font = {20, 0.13};
    assert_true(rfa_text_width(font, "caf\xC3\xA9", 5) == rfa_text_width(font, "cafe", 4));
    assert_true(rfa_text_width(font, "cafe\xCC\x81\xCD\xA2", 8) == rfa_text_width(font, "cafe", 4));
    assert_true(rfa_text_width(font, "\xE2\x80\x9C\xE2\x80\x93", 6) == rfa_text_width(font, "\"-", 2));
    assert_true(rfa_text_width(font, "\xE4\xB8\xAD\xF0\x9F\x98\x80", 7) == 2 * rfa_text_width(font, "\x7F", 1));
    size_t position = 0;
    assert_int_equal(rfa_utf8_next("\xF0\x9F\x98\x80", 4, &position), 0x1F600);
    assert_int_equal(position, 4);
    /* Cut off, stray and impossible bytes: each is one damaged character, and none is read past the end. */
    const char *const damaged[] = {"\xE4\xB8", "\x80", "\xFF", "\xC3", "\xF8\x80"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        position = 0;
        assert_int_equal(rfa_utf8_next(damaged[i], strlen(damaged[i]), &position), 0xFFFD);
        assert_in_range(position, 1, strlen(damaged[i]));
    }
}

/* ------------------------------------------------------------------ the annotated picture */

static const char *const labels[] = {"walk", "talk to (e.g., self, a person, a group)",
                                     "an action whose name is longer than any picture is wide, and more of it"};

static void annotate(struct rfa_picture *out, int width, int height, const struct rfa_annotation *annotation)
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    assert_non_null(rgb);
    memset(rgb, 77, (size_t)width * (size_t)height * 3);
    struct rfa_image frame = {rgb, width, height, (ptrdiff_t)width * 3};
    assert_int_equal(rfa_media_annotate(out, &frame, annotation, NULL), RFA_OK);
    assert_int_equal(out->width % 2, 0);
    assert_int_equal(out->height % 2, 0);
    free(rgb);
}

static const uint8_t *pixel_of(const struct rfa_picture *picture, int x, int y)
{
    return picture->rgb + ((ptrdiff_t)y * picture->width + x) * 3;
}

static void the_box_is_where_it_belongs(void **state)
{
    (void)state;
    struct rfa_picture picture;
    const float box[] = {0.25f, 0.5f, 0.75f, 0.9f};
    annotate(&picture, 800, 600, &(struct rfa_annotation){.box = box});
    assert_int_equal(picture.width, 800);
    assert_int_equal(picture.height, 600);
    const int corners[][2] = {{200, 420}, {600, 420}, {400, 300}, {400, 540}};
    for (int i = 0; i < 4; i++) {
        const uint8_t *p = pixel_of(&picture, corners[i][0], corners[i][1]);
        assert_true(p[0] > 200 && p[2] < 100); /* amber */
    }
    assert_int_equal(pixel_of(&picture, 400, 420)[0], 77);
    assert_int_equal(pixel_of(&picture, 190, 420)[0], 77);
    rfa_picture_free(&picture);
}

static void small_and_odd_frames_are_enlarged(void **state)
{
    (void)state;
    struct rfa_picture picture;
    annotate(&picture, 161, 121, &(struct rfa_annotation){0});
    assert_int_equal(picture.width, 4 * 161);
    assert_int_equal(picture.height, 4 * 121);
    rfa_picture_free(&picture);
    annotate(&picture, 801, 601, &(struct rfa_annotation){0});
    assert_int_equal(picture.width, 802);
    assert_int_equal(picture.height, 602);
    rfa_picture_free(&picture);
}

static void pixels_become_square(void **state)
{
    (void)state;
    static const struct {
        int width, height;
        double aspect;
        int width_out, height_out;
    } cases[] = {{720, 576, 16.0 / 15, 768, 576}, {720, 576, 64.0 / 45, 1024, 576}, {720, 480, 8.0 / 9, 720, 540},
                 {1920, 1080, 0.5, 1920, 2160},   {100, 100, 2, 800, 400},          {720, 576, 5, 720, 576},
                 {720, 576, NAN, 720, 576},       {720, 576, -1, 720, 576},         {720, 576, 0.2, 720, 576}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rfa_picture picture;
        const float box[] = {0.25f, 0.25f, 0.75f, 0.75f};
        annotate(&picture, cases[i].width, cases[i].height,
                 &(struct rfa_annotation){.box = box, .pixel_aspect = cases[i].aspect});
        assert_int_equal(picture.width, cases[i].width_out);
        assert_int_equal(picture.height, cases[i].height_out);
        const uint8_t *left = pixel_of(&picture, picture.width / 4, picture.height / 2),
                      *below = pixel_of(&picture, picture.width / 2, picture.height * 3 / 4);
        assert_true(left[0] > 200 && left[2] < 100 && below[0] > 200 && below[2] < 100); /* the box is stretched too */
        rfa_picture_free(&picture);
    }
}

static void the_largest_frames_fit(void **state)
{
    (void)state;
    static const int sizes[][2] = {{64, 16384}, {16384, 64}, {5000, 5000}};
    const float probabilities[3] = {0};
    const struct rfa_annotation a = {
        .caption = "who", .labels = labels, .probabilities = probabilities, .count = 3, .note = "a", .pixel_aspect = 4};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rfa_picture picture;
        annotate(&picture, sizes[i][0], sizes[i][1], &a);
        assert_in_range(picture.width, 640, 16384);
        assert_in_range(picture.height, 16, 16384);
        assert_true(picture.width > 14000 || picture.height > 14000);
        assert_int_equal(pixel_of(&picture, 0, 0)[0], 77);
        rfa_picture_free(&picture);
    }
}

/* Left half dark, right half bright, upper half red: stretched in place. */
static void a_stretched_frame_stays_the_same_picture(void **state)
{
    (void)state;
    static uint8_t rgb[64][800][3];
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 800; x++)
            memcpy(rgb[y][x], (uint8_t[]){y < 32 ? 200 : 0, x < 400 ? 10 : 240, 0}, 3);
    for (int i = 0; i < 2; i++) {
        const struct rfa_annotation a = {.pixel_aspect = i ? 2 : 0.5};
        struct rfa_picture picture;
        assert_int_equal(rfa_media_annotate(&picture, &(struct rfa_image){rgb[0][0], 800, 64, 2400}, &a, NULL), RFA_OK);
        assert_int_equal(picture.width, i ? 1600 : 800);
        assert_int_equal(picture.height, i ? 64 : 128);
        for (int q = 0; q < 4; q++) {
            const int x = picture.width / 2 + (q % 2 ? 3 : -4), y = picture.height / 2 + (q / 2 ? 3 : -4);
            const uint8_t *p = pixel_of(&picture, x, y);
            assert_int_equal(p[0], q / 2 ? 0 : 200);
            assert_int_equal(p[1], q % 2 ? 240 : 10);
        }
        rfa_picture_free(&picture);
    }
}

static void bars_follow_the_probabilities_and_the_size_does_not(void **state)
{
    (void)state;
    int height = 0;
    double last = -1;
    for (int i = 0; i <= 4; i++) {
        float probabilities[3] = {0.25f * (float)i, 0.1f, NAN};
        struct rfa_annotation a = {
            .caption = "who", .labels = labels, .probabilities = probabilities, .count = 3, .note = "a note"};
        struct rfa_picture picture;
        annotate(&picture, 700, 300, &a);
        assert_true(i == 0 || picture.height == height);
        height = picture.height;
        double amber = 0;
        for (int y = 300; y < picture.height; y++)
            for (int x = 0; x < picture.width; x++)
                amber += pixel_of(&picture, x, y)[0] > 250 && pixel_of(&picture, x, y)[2] < 70;
        assert_true(amber > last);
        last = amber;
        rfa_picture_free(&picture);
    }
}

static void long_captions_are_wrapped(void **state)
{
    (void)state;
    char caption[400];
    struct rfa_picture one, four, endless;
    annotate(&one, 700, 300, &(struct rfa_annotation){.caption = "short"});
    memset(caption, 'x', sizeof caption - 1);
    caption[sizeof caption - 1] = '\0';
    annotate(&endless, 700, 300, &(struct rfa_annotation){.caption = caption}); /* one word, longer than any line */
    for (size_t i = 7; i < sizeof caption - 1; i += 8)
        caption[i] = ' ';
    annotate(&four, 700, 300, &(struct rfa_annotation){.caption = caption});
    assert_true(four.height > one.height);
    assert_int_equal(four.height, endless.height);
    rfa_picture_free(&one);
    rfa_picture_free(&four);
    rfa_picture_free(&endless);
}

static void any_box_and_any_frame_will_do(void **state)
{
    (void)state;
    static const float boxes[][4] = {
        {0, 0, 1, 1}, {-5, -5, 9, 9}, {0.5f, 0.5f, 0.5f, 0.5f}, {0.9f, 0.9f, 0.1f, 0.1f}, {NAN, NAN, INFINITY, 0}};
    static const int sizes[][2] = {{1, 1}, {1, 300}, {640, 1}, {333, 222}};
    const float probabilities[] = {0.5f, 2, -1};
    for (int i = 0; i < 20; i++) {
        struct rfa_picture picture;
        struct rfa_annotation a = {boxes[i / 4], "caption", labels, probabilities, 3, "note", sizes[i % 4][0]};
        annotate(&picture, sizes[i % 4][0], sizes[i % 4][1], &a);
        assert_true(picture.width >= 640);
        rfa_picture_free(&picture);
    }
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    struct heard heard = {0};
    const struct rfa_log log = {hear, &heard};
    struct rfa_picture picture;
    uint8_t rgb[3] = {0};
    struct rfa_image frame = {rgb, 1, 1, 3};
    assert_int_equal(rfa_media_annotate(&picture, NULL, &(struct rfa_annotation){0}, &log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_annotate(&picture, &frame, &(struct rfa_annotation){.count = 3}, &log), RFA_ERR_ARG);
    assert_int_equal(rfa_media_annotate(&picture, &frame, &(struct rfa_annotation){.count = 11}, &log), RFA_ERR_ARG);
    assert_int_equal(heard.count, 3);
    assert_null(picture.rgb);
}

#define ON_CANVAS(test) cmocka_unit_test_setup_teardown(test, clear, check_margins)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_CANVAS(a_panel_covers_its_area),
        ON_CANVAS(round_corners_take_area_away),
        ON_CANVAS(colors_are_blended),
        ON_CANVAS(an_outline_leaves_the_inside),
        ON_CANVAS(nothing_is_drawn_outside_the_canvas),
        ON_CANVAS(every_letter_has_ink_inside_its_cell),
        cmocka_unit_test(letters_differ),
        cmocka_unit_test(text_is_utf8),
        cmocka_unit_test(the_box_is_where_it_belongs),
        cmocka_unit_test(small_and_odd_frames_are_enlarged),
        cmocka_unit_test(pixels_become_square),
        cmocka_unit_test(the_largest_frames_fit),
        cmocka_unit_test(a_stretched_frame_stays_the_same_picture),
        cmocka_unit_test(bars_follow_the_probabilities_and_the_size_does_not),
        cmocka_unit_test(long_captions_are_wrapped),
        cmocka_unit_test(any_box_and_any_frame_will_do),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
