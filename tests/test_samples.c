/* JSON trees, annotation lines and results: what is read, what is refused, and that results come back bit by bit. */
#include "temp_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../src/cli/results.h"

enum { CLASSES = 80 };

static const char *parse(struct rfa_json_tree *tree, const char *text)
{
    return rfa_json_parse(tree, text, strlen(text));
}

/* ------------------------------------------------------------------ JSON */

static void test_json_values(void **state)
{
    (void)state;
    struct rfa_json_tree t = {.node = NULL};
    double numbers[3];
    assert_null(parse(&t, " {\"a\": [1, -2.5e-3, 0], \"b\": {\"c\": null, \"a\": true}, \"s\": "
                          "\"x\\u00e9\\ud83d\\ude00\\n\", \"a2\": false} \n"));
    assert_int_equal(t.node->kind, RFA_JSON_OBJECT);
    assert_int_equal(t.node->items, 4);
    assert_true(rfa_json_numbers(&t, rfa_json_member(&t, t.node, "a"), numbers, 3));
    assert_true(numbers[0] == 1 && numbers[1] == -2.5e-3 && numbers[2] == 0);
    assert_false(rfa_json_numbers(&t, rfa_json_member(&t, t.node, "a"), numbers, 2));
    assert_string_equal(rfa_json_member(&t, t.node, "s")->string.data, "x\xc3\xa9\xf0\x9f\x98\x80\n");
    const struct rfa_json *b = rfa_json_member_of(&t, t.node, "b", RFA_JSON_OBJECT);
    assert_non_null(b);
    assert_int_equal(rfa_json_member(&t, b, "a")->kind, RFA_JSON_TRUE);
    assert_int_equal(rfa_json_member(&t, b, "c")->kind, RFA_JSON_NULL);
    assert_null(rfa_json_member(&t, b, "s"));
    rfa_json_tree_free(&t);
}

static void test_json_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        " ",         "{",           "[1,]",        "[1 2]",       "{\"a\"}", "{\"a\":}", "{a: 1}", "01",
        "-",       "1.",        "1e",          "1e999",       ".5",          "+1",      "NaN",      "nul",    "\"",
        "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\u0000\"", "\"\t\"",  "[1] x",    "]"};
    struct rfa_json_tree t = {.node = NULL};
    char deep[200];
    memset(deep, '[', sizeof deep);
    assert_non_null(rfa_json_parse(&t, deep, sizeof deep));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!parse(&t, bad[i]))
            fail_msg("accepted: %s", bad[i]);
    const char *good = "[{\"a\": \"b\", \"c\": [1.5, null]}, -0.25e2]";
    for (size_t length = 0; length < strlen(good); length++)
        assert_non_null(rfa_json_parse(&t, good, length));
    assert_null(parse(&t, good));
    rfa_json_tree_free(&t);
}

/* ------------------------------------------------------------------ annotations */

static struct rfa_samples read_text(const struct temp_folder *folder, const char *text, enum rfa_status expected)
{
    struct rfa_samples s = {.classes = CLASSES};
    const char *path = temp_path(folder, "annotations.jsonl");
    temp_write(path, text, strlen(text));
    if (rfa_samples_read(&s, path, 900) != expected)
        fail_msg("other than %s: %s", rfa_status_str(expected), text);
    return s;
}

static void test_annotations(void **state)
{
    struct rfa_samples s = read_text(
        *state,
        "{\"key\": \"-5K_Q___0902___1\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [80, 12]}\n"
        "\n"
        "{\"video\": \"v.mp4\", \"at\": 1.5, \"person\": 2, \"caption\": \"c\", \"box\": [0, 0, 1, 1], "
        "\"labels\": []}\r\n"
        "{\"video\": \"v.mp4\", \"at\": 1.5, \"person\": 2, \"caption\": \"d\", \"box\": [0, 0, 1, 1], "
        "\"labels\": [1]}\n"
        "{\"video\": \"v.mp4\", \"second\": 902, \"person\": \"p\", \"caption\": \"d\", \"box\": [0, 0, 1, "
        "1], \"labels\": [1]}\n"
        "{\"video\": \"w\", \"caption\": \"d\", \"box\": [0, 0, 1, 1], \"labels\": [1], \"complete\": \"yes\", "
        "\"damaged_packets\": [1]}",
        RFA_OK);
    assert_int_equal(s.count, 5);
    assert_string_equal(s.item[0].video, "-5K_Q");
    assert_true(fabs(s.item[0].at - (2 - 1.0 / 30)) < 1e-12); /* its window begins with file 15, which is frame 14 */
    assert_true(fabs((s.item[0].at - 1.5) * 30 - 14) < 1e-9);
    assert_int_equal(s.item[0].action_count, 2);
    assert_true(s.item[0].actions[0] == 11 && s.item[0].actions[1] == 79);
    assert_string_equal(s.item[1].key, "v.mp4___1.5___2");
    assert_string_equal(s.item[2].key, "v.mp4___1.5___2#2");
    assert_string_equal(s.item[3].key, "v.mp4___902___p");
    assert_true(isnan(s.item[4].at) && !s.item[4].clip.known);
    rfa_samples_free(&s);
}

static void test_annotations_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"caption\": \"c\"}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1], \"labels\": [1]}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, \"1\"], \"labels\": [1]}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [0]}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [81]}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [1.5]}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [2, 2]}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": 1}",
        "{\"key\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [1]}",
        /* the separator in VIDEO: no second behind the first one */
        "{\"key\": \"-5K___Q___0902___1\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [1]}",
        "{\"video\": \"v\", \"at\": \"1.5\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [1]}",
        "{\"key\": \"v___x___1\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [1]}",
        "{\"video\": \"v\", \"second\": 3, \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [1]}",
        "{\"video\": \"v\", \"caption\": \"c\", \"box\": [0, 0, 1, 1], \"labels\": [1]} x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rfa_samples s = read_text(*state, bad[i], RFA_ERR_FORMAT);
        rfa_samples_free(&s);
    }
}

/* ------------------------------------------------------------------ results */

static void test_results_come_back(void **state)
{
    static const char *const labels[3] = {"a \"b\"", "\xc3\xa9", ""};
    static const uint16_t actions[2] = {0, 2};
    const float logits[3] = {0.1f, -1e-30f, 3.4028234e38f};
    struct rfa_results_run run = {.model = "m.gguf",
                                  .weights = "int8",
                                  .sampling = "still",
                                  .shard = "2/3",
                                  .file_bytes = 4e9,
                                  .classes = 3,
                                  .labels = labels};
    struct rfa_sample good = {.key = "k___1___2",
                              .video = "v",
                              .caption = "c\n\"",
                              .at = 0.1,
                              .box = {0.1, 1.0 / 3, 1e-17, 1},
                              .actions = actions,
                              .action_count = 2,
                              .logits = logits,
                              .clip = {true, true, 7},
                              .predicted = {-0.5, 0.25, 2, (double)0.7f}};
    struct rfa_sample bad = {.key = "z", .video = "v", .caption = "", .at = NAN, .error = "gone"};
    const char *path = temp_path(*state, "results.jsonl");
    struct rfa_samples s = {.classes = 0}, none = {.classes = 3};
    struct rfa_results_run back;
    FILE *out;
    bool empty;
    assert_int_equal(rfa_results_continue(&out, &empty, &none, &run, path), RFA_OK);
    assert_true(empty);
    assert_int_equal(rfa_results_write_run(out, &run, path, NULL), RFA_OK);
    assert_int_equal(rfa_results_write(out, &good, 3, path, NULL), RFA_OK);
    assert_int_equal(rfa_results_write(out, &bad, 3, path, NULL), RFA_OK);
    fclose(out);
    assert_int_equal(rfa_results_read(&s, &back, path), RFA_OK);
    assert_int_equal(s.count, 2);
    assert_int_equal(back.classes, 3);
    assert_string_equal(back.labels[0], labels[0]);
    assert_string_equal(back.labels[1], labels[1]);
    assert_true(back.file_bytes == 4e9);
    assert_string_equal(back.shard, "2/3");
    assert_memory_equal(s.item[0].logits, logits, sizeof logits);
    assert_memory_equal(s.item[0].box, good.box, sizeof good.box);
    assert_memory_equal(s.item[0].predicted, good.predicted, sizeof good.predicted);
    assert_true(s.item[0].at == 0.1 && s.item[0].action_count == 2 && s.item[0].actions[1] == 2);
    assert_string_equal(s.item[0].caption, good.caption);
    assert_string_equal(s.item[1].error, "gone");
    assert_true(s.item[0].clip.known && s.item[0].clip.cut_short && s.item[0].clip.damaged == 7);
    assert_false(s.item[1].clip.known);
    assert_true(isnan(s.item[1].at) && !s.item[1].logits);
    run.file_bytes = 5; /* another model's */
    assert_int_equal(rfa_results_read(&s, &run, path), RFA_ERR_FORMAT);
    rfa_samples_free(&s);
    rfa_samples_free(&none);
}

static int make_folder(void **state)
{
    static struct temp_folder folder;
    temp_folder_make(&folder);
    *state = &folder;
    return 0;
}

static int remove_folder(void **state)
{
    temp_folder_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_values),       cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_annotations),       cmocka_unit_test(test_annotations_refused),
        cmocka_unit_test(test_results_come_back),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
