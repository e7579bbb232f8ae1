/* Fuzz target of the model reader: any bytes as a model file, then as a configuration, then as a model that answers.
 *
 *     clang -DRFA_LIBFUZZER -fsanitize=fuzzer,address,undefined ...    a libFuzzer program; seeds: the models of data/,
 *                                                                      and what test_gguf and test_config write
 *     cc ...                                                           a program that replays the files and folders
 *                                                                      named on its command line
 *
 * Beyond what sanitizers see, a file that is taken must keep the promises of gguf.h; a broken one ends the program. */
#include "../src/alloc.h"
#include "../src/config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool kept, const char *what)
{
    if (!kept) {
        fprintf(stderr, "fuzz_gguf: broken promise: %s\n", what);
        abort();
    }
}

static void count_message(void *user, enum rfa_status status, const char *message)
{
    promise(status != RFA_OK && message[0] != '\0' && strlen(message) < 1024, "a failure has one message");
    ++*(int *)user;
}

static void check_tensors(const struct rfa_gguf *g, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < g->tensor_count; i++) {
        const struct rfa_gguf_tensor *t = &g->tensor[i];
        size_t offset = (size_t)((const uint8_t *)t->data - data);
        promise(offset >= g->data_offset && offset <= size && t->bytes <= size - offset && t->bytes > 0,
                "tensors lie in the file");
        promise(offset % g->alignment == 0, "tensors are aligned");
        promise(t->rank >= 1 && t->rank <= RFA_MAX_DIMS, "ranks are 1 to 4");
        uint64_t bytes = rfa_type_bytes(t->type);
        for (int d = 0; d < RFA_MAX_DIMS; d++)
            bytes *= t->dim[d];
        promise(bytes == t->bytes, "sizes follow from shapes");
        promise(rfa_gguf_find_tensor(g, t->name) == t, "tensors are found by name");
    }
}

static void check_array(const struct rfa_gguf_value *v, const uint8_t *end)
{
    const uint8_t *cursor = v->as.array.data;
    if (v->as.array.kind == RFA_GGUF_STRING) {
        for (uint64_t i = 0; i < v->as.array.count; i++) {
            struct rfa_str s = rfa_gguf_next_string(&cursor);
            promise((const uint8_t *)s.data + s.len <= end, "strings lie in the file");
        }
    } else if (v->as.array.count > 0) { /* reads, for the sanitizers */
        (void)rfa_gguf_array_number(v, 0);
        (void)rfa_gguf_array_number(v, v->as.array.count - 1);
    }
}

static void check_values(const struct rfa_gguf *g, const uint8_t *end)
{
    for (size_t i = 0; i < g->value_count; i++) {
        promise(rfa_gguf_find_value(g, g->value[i].key) == &g->value[i], "values are found by key");
        if (g->value[i].kind == RFA_GGUF_ARRAY)
            check_array(&g->value[i], end);
    }
}

static void check_config(const struct rfa_config *c)
{
    promise(c->vit_dim % c->vit_heads == 0 && c->image_size % c->patch == 0, "divisors divide");
    promise(c->labels->as.array.count == c->actions, "every action has its label");
    promise(c->tokens->as.array.count >= c->vocab, "every token has its text");
    uint64_t side = c->image_size / c->patch;
    promise(c->frames * (side * side + 1) * c->vit_mlp <= 1u << 29, "sizes are bounded");
}

enum { LARGEST_SESSION = 64 << 20 };

/* Black frames, a black key frame and a caption, in what memory a small model takes. */
static void answer(const rfa_model *model)
{
    const struct rfa_image none = {.rgb = NULL};
    struct rfa_model_info info;
    struct rfa_options options;
    struct rfa_result result;
    rfa_session *session = NULL;
    size_t bytes;
    rfa_options_default(&options);
    rfa_model_get_info(&info, model);
    options.frame_group = 1;
    options.max_image_side = 64;
    promise(rfa_session_bytes(&bytes, model, &options) == RFA_OK, "a model that opens can be planned");
    if (bytes > LARGEST_SESSION)
        return;
    promise(rfa_session_create(&session, model, &options) == RFA_OK, "a session fits its memory");
    for (uint32_t i = 0; i < info.frames; i++)
        promise(rfa_encode_frames(session, i, &none, 1) == RFA_OK, "frames are encoded");
    promise(rfa_encode_scene(session, &none) == RFA_OK, "the key frame is encoded");
    if (rfa_encode_caption(session, "man in red", 10) == RFA_OK) /* a prompt may be too long */
        promise(rfa_answer(session, &result) == RFA_OK, "the answer cannot fail");
    rfa_session_end(&session);
}

/* The same bytes where a model in memory may lie. */
static void open_model(const uint8_t *data, size_t size)
{
    int messages = 0;
    struct rfa_log log = {count_message, &messages};
    rfa_model *model;
    uint8_t *copy = rfa_alloc(size);
    promise(copy != NULL, "there is memory");
    memcpy(copy, data, size);
    enum rfa_status status = rfa_model_open_memory(&model, copy, size, &log);
    promise(messages == (status != RFA_OK), "a failure has one message");
    promise(status != RFA_ERR_INTERNAL && status != RFA_ERR_ARG, "a file is no bug of the library or its caller");
    if (status == RFA_OK)
        answer(model);
    rfa_model_close(&model);
    rfa_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int messages = 0;
    struct rfa_log log = {count_message, &messages};
    struct rfa_gguf gguf;
    struct rfa_config config;
    size_t bytes;
    enum rfa_status status = rfa_gguf_table_bytes(&bytes, data, size, "fuzz", &log);
    if (status == RFA_OK) {
        promise(bytes <= 48 + 8 * size, "the table is in proportion to the file");
        void *table = rfa_alloc(bytes);
        promise(table != NULL, "there is memory");
        status = rfa_gguf_parse(&gguf, table, bytes, data, size, "fuzz", &log);
        if (status == RFA_OK) {
            check_tensors(&gguf, data, size);
            check_values(&gguf, data + size);
            status = rfa_config_read(&config, &gguf, "fuzz", &log);
            if (status == RFA_OK)
                check_config(&config);
        }
        rfa_free(table);
    }
    promise(messages == (status != RFA_OK), "a failure has one message");
    if (status == RFA_OK)
        open_model(data, size);
    return 0;
}

#ifndef RFA_LIBFUZZER

/* All of the file; NULL with a message. */
static uint8_t *load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long end = -1;
    if (f && fseek(f, 0, SEEK_END) == 0 && (end = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0)
        data = malloc((size_t)end + (end == 0));
    if (data && fread(data, 1, (size_t)end, f) != (size_t)end) {
        free(data);
        data = NULL;
    }
    if (!data)
        perror(path);
    if (f)
        fclose(f);
    *size = (size_t)end;
    return data;
}

static int replay(const char *path)
{
    size_t size;
    uint8_t *data = load(path, &size);
    if (!data)
        exit(1);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

/* All files of the folder, or the one file; returns how many. */
static int replay_all(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return replay(path);
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            count += replay(file);
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay_all(argv[i]);
    printf("fuzz_gguf: %d files replayed\n", count);
    return count > 0 ? 0 : 1;
}

#endif
