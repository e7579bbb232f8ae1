/* The tokenizer against the recorded answers of BertTokenizer (tests/data, made by compare_tokenizer.py), its limits
 * and its errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"
#include "unicode.h"

#ifndef RFA_TEST_DATA
#define RFA_TEST_DATA "data" /* the tests run in their folder */
#endif

/* ------------------------------------------------------------------ helpers */

struct message {
    enum rfa_status status;
    char text[1024];
};

static void keep_message(void *user, enum rfa_status status, const char *text)
{
    struct message *message = user;
    message->status = status;
    snprintf(message->text, sizeof message->text, "%s", text);
}

static struct rfa_str str(const char *text)
{
    return (struct rfa_str){text, strlen(text)};
}

/* A whole file, ended by a zero byte. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    data[size] = 0;
    fclose(file);
    return data;
}

/* The next line of *text, without its end; moves *text behind it. */
static char *next_line(char **text)
{
    char *line = *text, *end = strchr(line, '\n');
    assert_non_null(end);
    *end = 0;
    *text = end + 1;
    return line;
}

struct fixture {
    char *file;
    struct rfa_str *tokens;
    size_t count;
    void *memory;
    struct rfa_vocab *vocab; /* shows into `file` */
};

static struct rfa_vocab *make_vocab(void **memory, const struct rfa_str *tokens, size_t count)
{
    size_t bytes = rfa_vocab_bytes(count);
    struct rfa_vocab *vocab;
    struct rfa_str *copy = malloc(count * sizeof *copy); /* freed at once: the vocabulary keeps its own */
    *memory = malloc(bytes);
    assert_non_null(*memory);
    assert_non_null(copy);
    memcpy(copy, tokens, count * sizeof *copy);
    assert_int_equal(rfa_vocab_init(&vocab, *memory, bytes, copy, count, NULL), RFA_OK);
    free(copy);
    return vocab;
}

static int open_vocab(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->file = read_file(RFA_TEST_DATA "/wordpiece_vocab.txt");
    f->tokens = calloc(strlen(f->file), sizeof *f->tokens);
    for (char *text = f->file; *text; f->count++)
        f->tokens[f->count] = str(next_line(&text));
    f->vocab = make_vocab(&f->memory, f->tokens, f->count);
    *state = f;
    return 0;
}

static int close_vocab(void **state)
{
    struct fixture *f = *state;
    free(f->memory);
    free(f->tokens);
    free(f->file);
    free(f);
    return 0;
}

static int32_t id_of(const struct fixture *f, const char *token)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->tokens[i].len == strlen(token) && memcmp(f->tokens[i].data, token, f->tokens[i].len) == 0)
            return (int32_t)i;
    fail_msg("no %s in the vocabulary", token);
    return -1;
}

/* ------------------------------------------------------------------ goldens */

/* Replaces each \xHH by its byte, in place; returns the new length. */
static size_t unescape(char *text)
{
    size_t len = 0;
    for (const char *in = text; *in; len++) {
        char digits[3] = {0};
        if (*in == '\\') {
            memcpy(digits, in + 2, 2);
            text[len] = (char)strtol(digits, NULL, 16);
            in += 4;
        } else {
            text[len] = *in++;
        }
    }
    return len;
}

/* Line: ids separated by spaces, a tab, the text. */
static void check_case(const struct fixture *f, char *line)
{
    char *tab = strchr(line, '\t'), *expected = line;
    assert_non_null(tab);
    struct rfa_str text = {tab + 1, unescape(tab + 1)};
    size_t capacity = 2 + 4 * text.len, count;
    int32_t *ids = malloc(capacity * sizeof *ids);
    assert_int_equal(rfa_wordpiece(ids, &count, capacity, false, f->vocab, text, NULL), RFA_OK);
    for (size_t i = 0; i < count; i++) {
        if (expected >= tab || strtol(expected, &expected, 10) != ids[i])
            fail_msg("id %zu is %d, wrong, of: %.*s", i, (int)ids[i], (int)text.len, text.data);
    }
    if (expected != tab)
        fail_msg("only %zu ids of: %.*s", count, (int)text.len, text.data);
    free(ids);
}

static void equals_bert_tokenizer(void **state)
{
    char *file = read_file(RFA_TEST_DATA "/wordpiece_cases.txt");
    size_t cases = 0;
    for (char *text = file; *text; cases++)
        check_case(*state, next_line(&text));
    assert_true(cases > 300);
    free(file);
}

/* ------------------------------------------------------------------ lengths */

static void truncates_before_sep(void **state)
{
    const struct fixture *f = *state;
    int32_t ids[8], all[8];
    size_t count;
    assert_int_equal(rfa_wordpiece(all, &count, 8, false, f->vocab, str("the man in the red"), NULL), RFA_OK);
    assert_int_equal(count, 7);
    for (size_t capacity = 2; capacity <= 8; capacity++) {
        memset(ids, 0x55, sizeof ids);
        assert_int_equal(rfa_wordpiece(ids, &count, capacity, true, f->vocab, str("the man in the red"), NULL), RFA_OK);
        assert_int_equal(count, capacity < 7 ? capacity : 7);
        assert_memory_equal(ids, all, (count - 1) * sizeof *ids);
        assert_int_equal(ids[count - 1], id_of(f, "[SEP]"));
        if (count < 8)
            assert_int_equal(ids[count], 0x55555555);
    }
}

static void refuses_what_does_not_fit(void **state)
{
    const struct fixture *f = *state;
    struct message message;
    struct rfa_log log = {keep_message, &message};
    int32_t ids[7];
    size_t count;
    assert_int_equal(rfa_wordpiece(ids, &count, 7, false, f->vocab, str("the man in the red"), &log), RFA_OK);
    assert_int_equal(rfa_wordpiece(ids, &count, 6, false, f->vocab, str("the man in the red"), &log), RFA_ERR_ARG);
    assert_non_null(strstr(message.text, "7 tokens"));
    assert_non_null(strstr(message.text, "at most 6"));
    assert_int_equal(rfa_wordpiece(ids, &count, 1, true, f->vocab, str(""), &log), RFA_ERR_ARG);
    assert_int_equal(message.status, RFA_ERR_ARG);
}

/* Repeats `unit` to a megabyte and returns how many ids come, with the third of them in *third. */
static size_t ids_of_repeated(const struct fixture *f, const char *unit, int32_t *third)
{
    size_t len = strlen(unit), times = (1 << 20) / len, count;
    char *text = malloc(times * len);
    int32_t *ids = malloc((2 + (1 << 20)) * sizeof *ids);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, unit, len);
    struct rfa_str view = {text, times * len};
    assert_int_equal(rfa_wordpiece(ids, &count, 2 + (1 << 20), false, f->vocab, view, NULL), RFA_OK);
    *third = ids[2];
    free(ids);
    free(text);
    return count;
}

static void reads_texts_of_any_length(void **state)
{
    int32_t third;
    assert_int_equal(ids_of_repeated(*state, "a", &third), 3);                /* one word: [UNK] */
    assert_int_equal(ids_of_repeated(*state, "\xCC\x81", &third), 2);         /* nothing but marks */
    assert_int_equal(ids_of_repeated(*state, "\xF0\x9D\x85\xA5", &third), 3); /* a mark that stays and is reordered */
    assert_int_equal(ids_of_repeated(*state, "a ", &third), (1 << 19) + 2);
    assert_int_equal(third, id_of(*state, "a"));
    assert_int_equal(ids_of_repeated(*state, ".", &third), (1 << 20) + 2);
    assert_int_equal(third, id_of(*state, "."));
}

/* ------------------------------------------------------------------ bad input */

static void names_the_first_invalid_byte(void **state)
{
    static const struct {
        const char *text;
        const char *offset;
    } cases[] = {
        {"abc\x80", "byte 3 (0x80)"},              /* continuation without a lead */
        {"\xC3", "byte 0 (0xc3)"},                 /* cut short at the end */
        {"a\xC3(b", "byte 1 (0xc3)"},              /* cut short by another character */
        {"\xC0\x80", "byte 0 (0xc0)"},             /* overlong */
        {"ab \xE0\x9F\xBF", "byte 3 (0xe0)"},      /* overlong */
        {"\xED\xA0\x80", "byte 0 (0xed)"},         /* surrogate */
        {"x\xF4\x90\x80\x80", "byte 1 (0xf4)"},    /* above U+10FFFF */
        {"\xF8\x88\x80\x80\x80", "byte 0 (0xf8)"}, /* five bytes */
        {"\xC3\xA9\xFF", "byte 2 (0xff)"},
    };
    const struct fixture *f = *state;
    struct message message;
    struct rfa_log log = {keep_message, &message};
    int32_t ids[32];
    size_t count;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rfa_wordpiece(ids, &count, 32, true, f->vocab, str(cases[i].text), &log), RFA_ERR_ARG);
        if (!strstr(message.text, cases[i].offset))
            fail_msg("case %zu: \"%s\" lacks \"%s\"", i, message.text, cases[i].offset);
    }
}

static uint32_t random_next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void survives_random_bytes(void **state)
{
    const struct fixture *f = *state;
    static const char *const snippets[] = {"[CLS]",
                                           "[MASK",
                                           "\xCE\xA3",
                                           "\xC4\xB0",
                                           "\xF0\x9D\x85\xA5",
                                           "\xEA\xB0\x81",
                                           "the",
                                           " ",
                                           "\xE2\x80\xA8",
                                           "\xCC\x81",
                                           "\xE3\x80\xAE",
                                           "\xE4\xBA\xBA",
                                           "\xC3",
                                           "\xFF",
                                           "a",
                                           "'s"};
    uint32_t seed = 20251201;
    size_t accepted = 0;
    for (int round = 0; round < 20000; round++) {
        char text[128], keywords[128];
        size_t len = 0, count;
        int32_t ids[40];
        while (len < 100 && random_next(&seed) % 24 != 0) {
            const char *snippet = snippets[random_next(&seed) % (random_next(&seed) % 8 ? 12 : 16)];
            memcpy(text + len, snippet, strlen(snippet));
            len += strlen(snippet);
        }
        struct rfa_str view = {text, len};
        enum rfa_status status = rfa_wordpiece(ids, &count, 40, true, f->vocab, view, NULL);
        assert_true(status == RFA_OK || status == RFA_ERR_ARG);
        if (status == RFA_OK) {
            accepted++;
            assert_in_range(count, 2, 40);
            assert_int_equal(ids[0], id_of(f, "[CLS]"));
            assert_int_equal(ids[count - 1], id_of(f, "[SEP]"));
            for (size_t i = 0; i < count; i++)
                assert_in_range(ids[i], 0, f->count);
        }
        struct rfa_str stop[] = {str("a"), str("the")};
        assert_true(rfa_keyword_text(keywords, len, view, stop, 2) <= len);
    }
    assert_in_range(accepted, 5000, 19999);
}

/* ------------------------------------------------------------------ vocabulary */

static void vocabulary_needs_its_special_tokens(void **state)
{
    (void)state;
    struct rfa_str tokens[] = {str("[UNK]"), str("[CLS]"), str("[SEP]"), str("a"), str("a"), str("[DEC]")};
    struct message message;
    struct rfa_log log = {keep_message, &message};
    struct rfa_vocab *vocab;
    size_t bytes = rfa_vocab_bytes(6);
    char *memory = malloc(bytes + 1);
    assert_int_equal(rfa_vocab_init(&vocab, memory, bytes - 1, tokens, 6, &log), RFA_ERR_NOMEM);
    assert_int_equal(rfa_vocab_init(&vocab, memory + 1, bytes, tokens, 6, &log), RFA_ERR_NOMEM);
    assert_int_equal(rfa_vocab_init(&vocab, memory, bytes, tokens, 2, &log), RFA_ERR_FORMAT);
    assert_non_null(strstr(message.text, "no [SEP]"));
    assert_int_equal(rfa_vocab_init(&vocab, memory, bytes, tokens, 0, &log), RFA_ERR_FORMAT);
    assert_int_equal(rfa_vocab_init(&vocab, memory, bytes, tokens, SIZE_MAX / 2, &log), RFA_ERR_FORMAT);
    assert_int_equal(rfa_vocab_bytes(SIZE_MAX / 2), SIZE_MAX);
    free(memory);
}

/* Tokens that all hash to the first slot of their table, as nobody's language has them. */
static void refuses_a_vocabulary_of_equal_hashes(void **state)
{
    (void)state;
    enum { TOKENS = 2000, SLOTS = 4096 };
    static char text[TOKENS][16];
    static struct rfa_str tokens[TOKENS];
    struct message message = {RFA_OK, ""};
    struct rfa_log log = {keep_message, &message};
    size_t bytes = rfa_vocab_bytes(TOKENS);
    struct rfa_vocab *vocab;
    void *memory = malloc(bytes);
    assert_non_null(memory);
    for (unsigned count = 0, i = 0; count < TOKENS; i++) {
        uint32_t hash = 2166136261u; /* FNV-1a */
        snprintf(text[count], sizeof text[count], "%x", i);
        for (const char *c = text[count]; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 16777619u;
        tokens[count] = str(text[count]);
        count += hash % SLOTS == 0;
    }
    assert_int_equal(rfa_vocab_init(&vocab, memory, bytes, tokens, TOKENS, &log), RFA_ERR_FORMAT);
    assert_non_null(strstr(message.text, "one hash"));
    free(memory);
}

static void last_duplicate_wins_and_dec_follows(void **state)
{
    (void)state;
    struct rfa_str tokens[] = {str("[UNK]"), str("[CLS]"), str("[SEP]"), str("a"), str("a"), str("[DEC]")};
    int32_t ids[4];
    size_t count;
    for (size_t token_count = 5; token_count <= 6; token_count++) {
        void *memory;
        struct rfa_vocab *vocab = make_vocab(&memory, tokens, token_count);
        assert_int_equal(rfa_wordpiece(ids, &count, 4, false, vocab, str("a[DEC]"), NULL), RFA_OK);
        assert_memory_equal(ids, ((int32_t[]){1, 4, 5, 2}), sizeof ids); /* [DEC] is 5 both unlisted and listed */
        free(memory);
    }
}

/* U+1B44 (combining class 9) belongs before U+302E (224), whichever is written first. Neither is a dropped mark. U+0301
 * between them is dropped and in nobody's way; U+0941 is dropped too, but has class 0, and nothing is reordered across
 * it. */
static void orders_characters_canonically(void **state)
{
    (void)state;
    struct rfa_str tokens[] = {str("[UNK]"), str("[CLS]"), str("[SEP]"), str("a\xE1\xAD\x84\xE3\x80\xAE"),
                               str("a\xE3\x80\xAE\xE1\xAD\x84")};
    static const char *const words[] = {"a\xE1\xAD\x84\xE3\x80\xAE", "a\xE3\x80\xAE\xE1\xAD\x84",
                                        "a\xE3\x80\xAE\xCC\x81\xE1\xAD\x84", "a\xE3\x80\xAE\xE0\xA5\x81\xE1\xAD\x84"};
    static const int32_t expected[] = {3, 3, 3, 4};
    void *memory;
    struct rfa_vocab *vocab = make_vocab(&memory, tokens, 5);
    for (size_t i = 0; i < 4; i++) {
        int32_t ids[4];
        size_t count;
        assert_int_equal(rfa_wordpiece(ids, &count, 4, false, vocab, str(words[i]), NULL), RFA_OK);
        assert_int_equal(count, 3);
        assert_int_equal(ids[1], expected[i]);
    }
    free(memory);
}

/* ------------------------------------------------------------------ keywords */

static void check_keywords(const char *text, const char *expected)
{
    static const char *const words[] = {"in",
                                        "is",
                                        "i\xCC\x87",
                                        "of",
                                        "on",
                                        "the",
                                        "what's",
                                        "\xCE\xBF\xCF\x83.\xCF\x82",
                                        "\xCE\xBF\xCF\x83\xCF\x82",
                                        "\xCF\x83\xCE\xBF"};
    struct rfa_str stop[10];
    for (size_t i = 0; i < 10; i++)
        stop[i] = str(words[i]);
    size_t len = strlen(text);
    char *out = malloc(len + 1); /* one byte more than may be written */
    out[len] = 0x55;
    size_t got = rfa_keyword_text(out, len, str(text), stop, 10);
    if (got != strlen(expected) || memcmp(out, expected, got) != 0)
        fail_msg("\"%s\" gives \"%.*s\", not \"%s\"", text, (int)got, out, expected);
    assert_int_equal(out[len], 0x55);
    free(out);
}

static void drops_stop_words(void **state)
{
    (void)state;
    check_keywords("the man in THE Red shirt", "man Red shirt");
    check_keywords("  What is, the person\ton the\r\nleft ? ",
                   "What is, person left ?"); /* punctuation stays attached */
    check_keywords("What's what's' on", "what's'");
    check_keywords("the", "");
    check_keywords(" \t ", "");
    check_keywords("", "");
    check_keywords("theo then tha", "theo then tha");
    check_keywords("man\xE3\x80\x80the\xC2\xA0man\xE2\x80\xA8on\x1Cman",
                   "man man man");                                     /* U+3000, U+00A0, U+2028, U+001C */
    check_keywords("man\xE2\x80\x8Bon", "man\xE2\x80\x8Bon");          /* U+200B is no whitespace */
    check_keywords("on \xFFthe \x80 the\xC3", "\xFFthe \x80 the\xC3"); /* not UTF-8: kept */
}

static void lowers_as_python_does(void **state)
{
    (void)state;
    check_keywords("\xC4\xB0 I", "I");                 /* U+0130 becomes i and U+0307 */
    check_keywords("\xCE\x9F\xCE\xA3\xCE\xA3 x", "x"); /* a sigma inside, one at the end */
    check_keywords("\xCE\x9F\xCE\xA3.\xCE\xA3", "");   /* case-ignorable point: the first sigma is inside */
    check_keywords("\xCE\x9F\xCF\x82\xCE\xA3",
                   "\xCE\x9F\xCF\x82\xCE\xA3");             /* a written final sigma is not an ordinary one */
    check_keywords("\xCE\xA3\xCE\x9F", "");                 /* a sigma at the start is not final */
    check_keywords("\xCF\x82\xCE\xBF", "\xCF\x82\xCE\xBF"); /* a written final sigma stays */
}

static void keywords_stop_at_capacity(void **state)
{
    (void)state;
    char out[8] = "-------";
    assert_int_equal(rfa_keyword_text(out, 5, str("red green"), NULL, 0), 9);
    assert_string_equal(out, "red g--");
    assert_int_equal(rfa_keyword_text(NULL, 0, str("red green"), NULL, 0), 9);
    assert_int_equal(rfa_keyword_text(NULL, 0, (struct rfa_str){NULL, 0}, NULL, 0), 0);
}

/* ------------------------------------------------------------------ Unicode */

static void utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        uint32_t back = 0;
        size_t len = rfa_utf8_encode(bytes, code);
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        assert_int_equal(rfa_utf8_decode(&back, bytes, len), surrogate ? 0 : len);
        assert_int_equal(back, surrogate ? 0 : code);
        assert_int_equal(rfa_utf8_decode(&back, bytes, len - 1), 0);
    }
}

/* What the tokenizer relies on: folding is finished after one step, and only marks disappear. */
static void folding_is_idempotent(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        uint32_t once[RFA_FOLD_MAX], twice[RFA_FOLD_MAX];
        size_t count = rfa_unicode_fold(once, code);
        assert_int_equal(count == 0, (rfa_unicode_flags(code) & RFA_UNICODE_MARK) != 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(rfa_unicode_fold(twice, once[i]), 1);
            assert_int_equal(twice[0], once[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_bert_tokenizer),
        cmocka_unit_test(truncates_before_sep),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(reads_texts_of_any_length),
        cmocka_unit_test(names_the_first_invalid_byte),
        cmocka_unit_test(survives_random_bytes),
        cmocka_unit_test(vocabulary_needs_its_special_tokens),
        cmocka_unit_test(refuses_a_vocabulary_of_equal_hashes),
        cmocka_unit_test(last_duplicate_wins_and_dec_follows),
        cmocka_unit_test(orders_characters_canonically),
        cmocka_unit_test(drops_stop_words),
        cmocka_unit_test(lowers_as_python_does),
        cmocka_unit_test(keywords_stop_at_capacity),
        cmocka_unit_test(utf8_round_trip),
        cmocka_unit_test(folding_is_idempotent),
    };
    return cmocka_run_group_tests_name("text", tests, open_vocab, close_vocab);
}
