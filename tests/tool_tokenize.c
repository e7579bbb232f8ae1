/* Tokenizes strings for tests/compare_tokenizer.py.
 *
 *     tool_tokenize VOCAB.txt < strings            token ids, one line a string
 *     tool_tokenize --keywords STOP.txt < strings  the keyword string, each ended by a byte 0xFF
 *     tool_tokenize --unicode                      the version of Unicode in the tables
 *
 * The strings on standard input are each ended by a byte 0xFF, which UTF-8 never contains, so that any text can be
 * sent. Both files hold one entry a line; stop words are sorted bytewise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "unicode.h"

static void fatal(const char *message)
{
    fprintf(stderr, "tool_tokenize: %s\n", message);
    exit(1);
}

static void print_message(void *user, enum rfa_status status, const char *message)
{
    (void)user;
    fprintf(stderr, "%s: %s\n", rfa_status_str(status), message);
}

static struct rfa_str read_all(FILE *file)
{
    size_t capacity = 1 << 16, len = 0;
    char *data = malloc(capacity);
    while (data) {
        len += fread(data + len, 1, capacity - len, file);
        if (len < capacity)
            return (struct rfa_str){data, len};
        data = realloc(data, capacity *= 2);
    }
    fatal("out of memory");
    return (struct rfa_str){NULL, 0};
}

/* The part of `text` before the next `end` byte (or all of it), which is then removed from `text` with the byte. */
static struct rfa_str take(struct rfa_str *text, int end)
{
    const char *found = memchr(text->data, end, text->len);
    struct rfa_str item = {text->data, found ? (size_t)(found - text->data) : text->len};
    size_t used = found ? item.len + 1 : item.len;
    *text = (struct rfa_str){text->data + used, text->len - used};
    return item;
}

struct lines {
    struct rfa_str text, *line;
    size_t count;
};

static struct lines read_lines(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fatal("cannot open the list");
    struct rfa_str text = read_all(file);
    struct lines lines = {text, malloc((text.len + 1) * sizeof *lines.line), 0};
    fclose(file);
    if (!lines.line)
        fatal("out of memory");
    while (text.len > 0)
        lines.line[lines.count++] = take(&text, '\n');
    return lines;
}

static void print_ids(struct rfa_str input, const struct lines *tokens)
{
    static const struct rfa_log log = {print_message, NULL};
    size_t bytes = rfa_vocab_bytes(tokens->count), capacity = 4 * input.len + 2;
    void *memory = malloc(bytes);
    int32_t *ids = malloc(capacity * sizeof *ids);
    struct rfa_vocab *vocab;
    if (!memory || !ids || rfa_vocab_init(&vocab, memory, bytes, tokens->line, tokens->count, &log))
        fatal("no vocabulary");
    while (input.len > 0) {
        size_t count;
        if (rfa_wordpiece(ids, &count, capacity, false, vocab, take(&input, 0xFF), &log))
            fatal("a string failed");
        for (size_t i = 0; i < count; i++)
            printf("%s%d", i ? " " : "", (int)ids[i]);
        printf("\n");
    }
    free(ids);
    free(memory);
}

static void print_keywords(struct rfa_str input, const struct lines *stop)
{
    char *out = malloc(input.len + 1);
    if (!out)
        fatal("out of memory");
    while (input.len > 0) {
        struct rfa_str text = take(&input, 0xFF);
        size_t len = rfa_keyword_text(out, text.len, text, stop->line, stop->count);
        fwrite(out, 1, len, stdout);
        putchar(0xFF);
    }
    free(out);
}

int main(int argc, char **argv)
{
    bool keywords = argc == 3 && strcmp(argv[1], "--keywords") == 0;
    if (argc == 2 && strcmp(argv[1], "--unicode") == 0) {
        puts(rfa_unicode_version);
        return 0;
    }
    if (argc != 2 && !keywords) {
        fputs("usage: tool_tokenize VOCAB.txt | --keywords STOP.txt | --unicode\n", stderr);
        return 2;
    }
    struct lines lines = read_lines(argv[argc - 1]);
    struct rfa_str input = read_all(stdin);
    (keywords ? print_keywords : print_ids)(input, &lines);
    free(lines.line);
    free((void *)lines.text.data);
    free((void *)input.data);
    return 0;
}
