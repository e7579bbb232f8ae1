/* The configuration's JSON and the file's digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "digest.h"
#include "json.h"

static char message[1024];

static void remember(void *user, enum rfa_status status, const char *text)
{
    (void)user, (void)status;
    strncpy(message, text, sizeof message - 1);
}

static const struct rfa_log log_to_test = {remember, NULL};

static struct rfa_metadata list;

static enum rfa_status read_text(const char *text)
{
    rfa_metadata_free(&list);
    rfa_metadata_start(&list, "config.json", &log_to_test);
    message[0] = 0;
    return rfa_json_read(&list, "p.", text, strlen(text));
}

static const struct rfa_gguf_value *find(const char *key)
{
    struct rfa_gguf view = rfa_metadata_view(&list);
    const struct rfa_gguf_value *v = rfa_gguf_find_value(&view, (struct rfa_str){key, strlen(key)});
    assert_non_null(v);
    return v;
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        read_text(" { \"b\" : 12, \"a\":-3 ,\n\"c\":1.5e1,\"d\":true,\"e\":false,\"f\":\"x\\\"\\u00e9\\ud83d\\ude00\","
                  "\"g\":[1,2 , 4294967295],\"h\":[1,2.5],\"i\":[\"x\",\"\"]}\n"),
        RFA_OK);
    assert_int_equal(list.count, 9);
    assert_int_equal(find("p.b")->kind, RFA_GGUF_UINT);
    assert_int_equal(find("p.b")->as.u, 12);
    assert_int_equal(find("p.a")->kind, RFA_GGUF_INT);
    assert_int_equal(find("p.a")->as.i, -3);
    assert_int_equal(find("p.c")->kind, RFA_GGUF_FLOAT);
    assert_true(find("p.c")->as.f == 15.0);
    assert_true(find("p.d")->as.b && !find("p.e")->as.b);
    struct rfa_str s = find("p.f")->as.s;
    assert_int_equal(s.len, 8);
    assert_memory_equal(s.data, "x\"\xc3\xa9\xf0\x9f\x98\x80", 8);
    assert_int_equal(find("p.g")->as.array.kind, RFA_GGUF_UINT);
    assert_true(rfa_gguf_array_number(find("p.g"), 2) == 4294967295.0);
    assert_int_equal(find("p.h")->as.array.kind, RFA_GGUF_FLOAT);
    assert_true(rfa_gguf_array_number(find("p.h"), 0) == 1.0 && rfa_gguf_array_number(find("p.h"), 1) == 2.5);
    const uint8_t *cursor = find("p.i")->as.array.data;
    assert_int_equal(find("p.i")->as.array.count, 2);
    assert_int_equal(rfa_gguf_next_string(&cursor).len, 1);
    assert_int_equal(rfa_gguf_next_string(&cursor).len, 0);
    assert_int_equal(read_text("{}"), RFA_OK);
    rfa_metadata_free(&list);
}

static void everything_else_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1}x",
        "{a:1}",
        "{\"a\":null}",
        "{\"a\":{}}",
        "{\"a\":[]}",
        "{\"a\":[1,\"x\"]}",
        "{\"a\":[\"x\",1]}",
        "{\"a\":[[1]]}",
        "{\"a\":[-1]}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":1e999}",
        "{\"a\":99999999999999999999}",
        "{\"a\":0x10}",
        "{\"a\":nan}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":tru}",
        "{\"a\":\"x}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":[4294967296]}",
        "{\"a\":1111111111111111111111111111111111111111111111111111111111111111111111111111}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (read_text(bad[i]) != RFA_ERR_FORMAT)
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(strstr(message, "config.json"));
    }
    assert_int_equal(read_text("{\n\"a\": 1,\n\"b\": ?}"), RFA_ERR_FORMAT);
    assert_non_null(strstr(message, "line 3"));
    rfa_metadata_free(&list);
}

/* ------------------------------------------------------------------ digest */

/* BLAKE2b with 32 bytes, as `b2sum -l 256` prints it. */
static void digests_are_blake2b(void **state)
{
    static const struct {
        const char *data, *digest;
    } known[] = {
        {"", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
        {"abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rfa_digest d;
        char text[RFA_DIGEST_CHARS];
        rfa_digest_start(&d);
        rfa_digest_add(&d, known[i].data, strlen(known[i].data));
        rfa_digest_finish(&d, text);
        assert_memory_equal(text, known[i].digest, sizeof text);
    }
}

static void pieces_do_not_matter(void **state)
{
    uint8_t data[1000];
    char whole[RFA_DIGEST_CHARS], pieces[RFA_DIGEST_CHARS];
    struct rfa_digest d;
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t length = 0; length <= sizeof data; length += length < 300 ? 1 : 50) {
        rfa_digest_start(&d);
        rfa_digest_add(&d, data, length);
        rfa_digest_finish(&d, whole);
        rfa_digest_start(&d);
        for (size_t i = 0, n = 1; i < length; i += n, n = n * 5 % 131) {
            n = n < length - i ? n : length - i;
            rfa_digest_add(&d, data + i, n);
        }
        rfa_digest_finish(&d, pieces);
        assert_memory_equal(whole, pieces, sizeof whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(digests_are_blake2b),
        cmocka_unit_test(pieces_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
