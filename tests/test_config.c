/* The configuration: a model file's keys, one changed at a time. */
#include "guard.h"

#include "../src/config.h"
#include "gguf_bytes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ------------------------------------------------------------------ a model file's keys */

/* The integers of the published RefAtomNet++, but for a small vocabulary. */
static const struct {
    const char *key;
    uint32_t value;
} full[] = {
    {"frames", 8},          {"actions", 80},      {"image_size", 224},   {"patch", 14},
    {"vit_dim", 1408},      {"vit_heads", 16},    {"vit_mlp", 6144},     {"vit_layers", 39},
    {"visual_tokens", 32},  {"qformer_dim", 768}, {"qformer_heads", 12}, {"qformer_mlp", 3072},
    {"qformer_layers", 12}, {"cross_every", 2},   {"vocab", 120},        {"text_positions", 512},
    {"cls_id", 101},        {"sep_id", 102},      {"opt_dim", 2560},     {"opt_heads", 32},
    {"opt_mlp", 10240},     {"opt_layers", 32},   {"opt_vocab", 121},    {"opt_positions", 30},
    {"keyword_limit", 30},  {"resnet_width", 64}, {"detr_dim", 256},     {"detr_heads", 8},
    {"detr_mlp", 2048},     {"detr_encoder", 6},  {"detr_decoder", 6},   {"detr_queries", 100},
    {"detr_classes", 92},   {"person_class", 1},  {"fusion_dim", 256},   {"fusion_heads", 8},
    {"mamba_state", 16},    {"mamba_conv", 4},    {"mamba_expand", 2},
};

enum { FULL = sizeof full / sizeof full[0] };

/* One deviation from the good file. `replace` writes the value of `key` (type and all); with a NULL `replace` an
 * integer key takes `value`, or is left out when `leave_out` is set. A `key` that the good file lacks is added. */
struct deviation {
    const char *key;
    bool leave_out;
    uint32_t value;
    void (*replace)(struct gguf_bytes *b);
};

struct keys {
    struct gguf_bytes *b;
    const struct deviation *d;
    bool v1; /* leave out what the 2024 model lacks */
    uint64_t count;
    bool deviated;
};

/* True when the good value of `key` is to be written by the caller; the key stands there already. */
static bool begin(struct keys *k, const char *key)
{
    if (k->d && strcmp(k->d->key, key) == 0) {
        k->deviated = true;
        if (k->d->leave_out)
            return false;
        if (k->d->replace) {
            bytes_string(k->b, key);
            k->d->replace(k->b);
            k->count++;
            return false;
        }
    }
    bytes_string(k->b, key);
    k->count++;
    return true;
}

static void put_integers(struct keys *k)
{
    static const char *const plus_plus[] = {"opt_", "keyword_", "fusion_", "mamba_"};
    char key[64];
    for (size_t i = 0; i < FULL; i++) {
        bool skip = false;
        for (size_t j = 0; j < 4; j++)
            skip = skip || (k->v1 && strncmp(full[i].key, plus_plus[j], strlen(plus_plus[j])) == 0);
        snprintf(key, sizeof key, "refatom.%s", full[i].key);
        if (!skip && begin(k, key)) {
            bool changed = k->d && strcmp(k->d->key, key) == 0;
            bytes_u32(k->b, RFA_GGUF_TYPE_U32);
            bytes_u32(k->b, changed ? k->d->value : full[i].value);
        }
    }
}

static void put_string(struct gguf_bytes *b, const char *s)
{
    bytes_u32(b, RFA_GGUF_TYPE_STRING);
    bytes_string(b, s);
}

static void put_strings(struct gguf_bytes *b, uint64_t count)
{
    bytes_u32(b, RFA_GGUF_TYPE_ARRAY);
    bytes_u32(b, RFA_GGUF_TYPE_STRING);
    bytes_u64(b, count);
    for (uint64_t i = 0; i < count; i++)
        bytes_string(b, "x");
}

static void put_tokens(struct gguf_bytes *b, const char *cls, const char *sep)
{
    bytes_u32(b, RFA_GGUF_TYPE_ARRAY);
    bytes_u32(b, RFA_GGUF_TYPE_STRING);
    bytes_u64(b, 121);
    for (int i = 0; i < 121; i++)
        bytes_string(b, i == 101 ? cls : i == 102 ? sep : "x");
}

static void put_sizes(struct gguf_bytes *b, uint32_t type, uint64_t count, const uint32_t *sizes)
{
    bytes_u32(b, RFA_GGUF_TYPE_ARRAY);
    bytes_u32(b, type);
    bytes_u64(b, count);
    bytes_put(b, sizes, count * sizeof *sizes);
}

static void put_others(struct keys *k)
{
    if (begin(k, "general.architecture"))
        put_string(k->b, "refatomnet");
    if (begin(k, "refatom.variant"))
        put_string(k->b, k->v1 ? "refatomnet" : "refatomnet++");
    if (begin(k, "refatom.key_frame_size"))
        put_sizes(k->b, RFA_GGUF_TYPE_U32, 2, (const uint32_t[]){340, 465});
    if (begin(k, "refatom.resnet_blocks"))
        put_sizes(k->b, RFA_GGUF_TYPE_I32, 4, (const uint32_t[]){3, 4, 6, 3});
    if (begin(k, "refatom.stop_words"))
        put_strings(k->b, 5);
    if (begin(k, "refatom.labels"))
        put_strings(k->b, 80);
    if (begin(k, "tokenizer.ggml.tokens"))
        put_tokens(k->b, "[CLS]", "[SEP]");
}

struct model {
    struct gguf_bytes file;
    struct guard table;
    struct rfa_gguf gguf;
    struct rfa_config config;
    struct log_memory log;
    enum rfa_status status;
};

static void write_model(struct gguf_bytes *b, bool v1, const struct deviation *d)
{
    struct keys k = {b, d, v1, 0, false};
    bytes_header(b, "GGUF", 3, 0, 0);
    put_integers(&k);
    put_others(&k);
    if (d && !k.deviated) {
        bytes_string(b, d->key);
        d->replace(b);
        k.count++;
    }
    memcpy(b->data + 16, &k.count, sizeof k.count);
}

static void read_model(struct model *m, bool v1, const struct deviation *d)
{
    size_t bytes;
    memset(m, 0, sizeof *m);
    struct rfa_log log = {log_remember, &m->log};
    write_model(&m->file, v1, d);
    assert_int_equal(rfa_gguf_table_bytes(&bytes, m->file.data, m->file.count, "m.gguf", &log), RFA_OK);
    void *table = guard_end(&m->table, bytes);
    assert_int_equal(rfa_gguf_parse(&m->gguf, table, bytes, m->file.data, m->file.count, "m.gguf", &log), RFA_OK);
    m->status = rfa_config_read(&m->config, &m->gguf, "m.gguf", &log);
}

static void release(struct model *m)
{
    guard_free(&m->table);
    free(m->file.data);
}

/* ------------------------------------------------------------------ good files */

static void reads_every_size(void **state)
{
    (void)state;
    struct model m;
    read_model(&m, false, NULL);
    const struct rfa_config *c = &m.config;
    assert_int_equal(m.status, RFA_OK);
    assert_int_equal(m.log.count, 0);
    /* In the order of `full`, so that no field is read under another's key. */
    const uint32_t got[] = {
        c->frames,         c->actions,      c->image_size,    c->patch,          c->vit_dim,       c->vit_heads,
        c->vit_mlp,        c->vit_layers,   c->visual_tokens, c->qformer_dim,    c->qformer_heads, c->qformer_mlp,
        c->qformer_layers, c->cross_every,  c->vocab,         c->text_positions, c->cls_id,        c->sep_id,
        c->opt_dim,        c->opt_heads,    c->opt_mlp,       c->opt_layers,     c->opt_vocab,     c->opt_positions,
        c->keyword_limit,  c->resnet_width, c->detr_dim,      c->detr_heads,     c->detr_mlp,      c->detr_encoder,
        c->detr_decoder,   c->detr_queries, c->detr_classes,  c->person_class,   c->fusion_dim,    c->fusion_heads,
        c->mamba_state,    c->mamba_conv,   c->mamba_expand,
    };
    assert_int_equal(sizeof got / sizeof got[0], FULL);
    for (size_t i = 0; i < FULL; i++)
        assert_int_equal(got[i], full[i].value);
    const uint32_t blocks[4] = {3, 4, 6, 3}, size[2] = {340, 465};
    assert_memory_equal(c->resnet_blocks, blocks, sizeof blocks);
    assert_memory_equal(c->key_frame_size, size, sizeof size);
    assert_int_equal(c->labels->as.array.count, 80);
    assert_int_equal(c->tokens->as.array.count, 121);
    assert_int_equal(c->stop_words->as.array.count, 5);
    release(&m);
}

static void defaults_to_the_loader(void **state)
{
    (void)state;
    struct model m;
    read_model(&m, false, NULL);
    const struct rfa_config *c = &m.config;
    assert_int_equal(c->variant, RFA_VARIANT_REFATOMNET_PP);
    assert_true(c->box_sigmoid && c->both_branches && c->fp16_pixels && c->bgr && !c->negative);
    assert_int_equal(c->logit_divisor, 2);
    assert_int_equal(c->mamba_depth, 1);
    assert_int_equal(c->sampling, RFA_SAMPLING_SPREAD);
    assert_int_equal(c->frame.filter, RFA_FILTER_BICUBIC);
    assert_int_equal(c->frame.resize, RFA_RESIZE_TENSOR);
    assert_int_equal(c->key.filter, RFA_FILTER_BICUBIC);
    assert_int_equal(c->key.resize, RFA_RESIZE_PILLOW);
    for (int i = 0; i < 3; i++) {
        assert_true(c->frame.mean[i] == 0.45f && c->key.mean[i] == 0.45f);
        assert_true(c->frame.std[i] == 0.25f && c->key.std[i] == 0.25f);
    }
    assert_int_equal(c->prompt.len, 35);
    assert_memory_equal(c->prompt.data, "Predict the fine-grained action of ", 35);
    assert_memory_equal(c->name.data, "unnamed", c->name.len);
    release(&m);
}

static void takes_the_2024_model(void **state)
{
    (void)state;
    struct model m;
    read_model(&m, true, NULL);
    assert_int_equal(m.status, RFA_OK);
    assert_int_equal(m.config.variant, RFA_VARIANT_REFATOMNET);
    assert_int_equal(m.config.opt_dim, 0);
    assert_int_equal(m.config.fusion_dim, 0);
    assert_false(m.config.box_sigmoid);
    release(&m);
}

/* Values for struct deviation. */
static void u8_7(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_U8);
    bytes_u8(b, 7);
}

static void i64_7(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_I64);
    bytes_u64(b, 7);
}

static void i32_minus_1(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_I32);
    bytes_u32(b, UINT32_MAX);
}

static void u64_huge(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_U64);
    bytes_u64(b, (1ull << 32) + 8); /* 8 if it were cut to 32 bits */
}

static void f32_8(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_F32);
    bytes_u32(b, 0x41000000);
}

static void bool_false(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_BOOL);
    bytes_u8(b, 0);
}

static void u32_0(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_U32);
    bytes_u32(b, 0);
}

static void u32_3(struct gguf_bytes *b)
{
    bytes_u32(b, RFA_GGUF_TYPE_U32);
    bytes_u32(b, 3);
}

static void takes_integers_of_any_type(void **state)
{
    (void)state;
    void (*const types[])(struct gguf_bytes *) = {u8_7, i64_7};
    for (size_t i = 0; i < 2; i++) {
        struct deviation d = {.key = "refatom.frames", .replace = types[i]};
        struct model m;
        read_model(&m, false, &d);
        assert_int_equal(m.status, RFA_OK);
        assert_int_equal(m.config.frames, 7);
        release(&m);
    }
}

/* ------------------------------------------------------------------ choices */

static void s_rgb(struct gguf_bytes *b)
{
    put_string(b, "rgb");
}

static void s_2(struct gguf_bytes *b)
{
    put_string(b, "2");
}

static void s_still(struct gguf_bytes *b)
{
    put_string(b, "still");
}

static void s_bilinear(struct gguf_bytes *b)
{
    put_string(b, "bilinear");
}

static void s_no_antialias(struct gguf_bytes *b)
{
    put_string(b, "tensor-no-antialias");
}

static void s_empty(struct gguf_bytes *b)
{
    put_string(b, "");
}

static void channels(struct gguf_bytes *b)
{
    const float mean[3] = {0.1f, 0.2f, 0.3f};
    uint32_t bits[3];
    memcpy(bits, mean, sizeof bits);
    put_sizes(b, RFA_GGUF_TYPE_F32, 3, bits);
}

static void takes_what_the_file_says(void **state)
{
    (void)state;
    struct model m;
#define CHECK(deviation_key, writer, condition)                                                                        \
    do {                                                                                                               \
        read_model(&m, false, &(const struct deviation){.key = deviation_key, .replace = writer});                     \
        assert_int_equal(m.status, RFA_OK);                                                                            \
        assert_true(condition);                                                                                        \
        release(&m);                                                                                                   \
    } while (0)
    CHECK("refatom.box_sigmoid", bool_false, !m.config.box_sigmoid);
    CHECK("refatom.branches", s_2, !m.config.both_branches);
    CHECK("refatom.logit_divisor", u32_3, m.config.logit_divisor == 3);
    CHECK("refatom.fp16_pixels", bool_false, !m.config.fp16_pixels);
    CHECK("refatom.channel_order", s_rgb, !m.config.bgr);
    CHECK("refatom.sampling", s_still, m.config.sampling == RFA_SAMPLING_STILL);
    CHECK("refatom.frame.filter", s_bilinear, m.config.frame.filter == RFA_FILTER_BILINEAR);
    CHECK("refatom.frame.resize", s_no_antialias, m.config.frame.resize == RFA_RESIZE_TENSOR_NO_AA);
    CHECK("refatom.key.filter", s_bilinear, m.config.key.filter == RFA_FILTER_BILINEAR);
    CHECK("refatom.key.mean", channels, m.config.key.mean[2] == 0.3f && m.config.frame.mean[2] == 0.45f);
    CHECK("refatom.frame.std", channels, m.config.frame.std[0] == 0.1f && m.config.key.std[0] == 0.25f);
    CHECK("refatom.prompt", s_empty, m.config.prompt.len == 0);
    CHECK("general.name", s_2, m.config.name.len == 1);
    CHECK("refatom.name", s_rgb, m.config.name.len == 3);
#undef CHECK
}

/* ------------------------------------------------------------------ bad files */

static void missing_keys_are_named(void **state)
{
    (void)state;
    static const char *const others[] = {"general.architecture",  "refatom.variant",    "refatom.key_frame_size",
                                         "refatom.resnet_blocks", "refatom.stop_words", "refatom.labels",
                                         "tokenizer.ggml.tokens"};
    for (size_t i = 0; i < FULL + sizeof others / sizeof others[0]; i++) {
        char key[64], message[128];
        snprintf(key, sizeof key, "%s%s", i < FULL ? "refatom." : "", i < FULL ? full[i].key : others[i - FULL]);
        snprintf(message, sizeof message, "m.gguf: key %s is missing;", key);
        struct deviation d = {.key = key, .leave_out = true};
        struct model m;
        read_model(&m, false, &d);
        assert_int_equal(m.status, RFA_ERR_FORMAT);
        assert_non_null(strstr(m.log.message, message));
        assert_int_equal(m.config.frames, 0); /* nothing half-read remains */
        release(&m);
    }
}

static void s_llama(struct gguf_bytes *b)
{
    put_string(b, "llama\033[2J");
}

static void labels_79(struct gguf_bytes *b)
{
    put_strings(b, 79);
}

static void tokens_few(struct gguf_bytes *b)
{
    put_strings(b, 119);
}

static void tokens_many(struct gguf_bytes *b)
{
    put_strings(b, 122);
}

static void tokens_turned(struct gguf_bytes *b)
{
    put_tokens(b, "[SEP]", "[CLS]");
}

static void tokens_without_sep(struct gguf_bytes *b)
{
    put_tokens(b, "[CLS]", "[SEP]s");
}

static void sizes_3(struct gguf_bytes *b)
{
    put_sizes(b, RFA_GGUF_TYPE_U32, 3, (const uint32_t[]){340, 465, 3});
}

static void sizes_0(struct gguf_bytes *b)
{
    put_sizes(b, RFA_GGUF_TYPE_U32, 2, (const uint32_t[]){340, 0});
}

static void sizes_float(struct gguf_bytes *b)
{
    put_sizes(b, RFA_GGUF_TYPE_F32, 2, (const uint32_t[]){0x43aa0000, 0x43aa0000});
}

static void sizes_large(struct gguf_bytes *b)
{
    put_sizes(b, RFA_GGUF_TYPE_U32, 2, (const uint32_t[]){4096, 4097});
}

static void channels_2(struct gguf_bytes *b)
{
    put_sizes(b, RFA_GGUF_TYPE_F32, 2, (const uint32_t[]){0x3f000000, 0x3f000000});
}

static void channels_nan(struct gguf_bytes *b)
{
    put_sizes(b, RFA_GGUF_TYPE_F32, 3, (const uint32_t[]){0x3f000000, 0x7fc00000, 0x3f000000});
}

static void channels_0(struct gguf_bytes *b)
{
    put_sizes(b, RFA_GGUF_TYPE_F32, 3, (const uint32_t[]){0x3f000000, 0x3f000000, 0});
}

static const struct {
    struct deviation d;
    enum rfa_status status;
    const char *message;
} bad[] = {
    {{.key = "general.architecture", .replace = s_llama}, RFA_ERR_UNSUPPORTED, "architecture \"llama?[2J\""},
    {{.key = "general.architecture", .replace = u32_0}, RFA_ERR_FORMAT, "general.architecture is not a string"},
    {{.key = "refatom.variant", .replace = s_2},
     RFA_ERR_FORMAT,
     "is \"2\"; one of these is wanted: refatomnet++ refatomnet"},
    {{.key = "refatom.variant", .replace = s_empty}, RFA_ERR_FORMAT, "refatom.variant is \"\""},
    {{.key = "refatom.frames", .replace = i32_minus_1}, RFA_ERR_FORMAT, "refatom.frames is -1; 1 to 64"},
    {{.key = "refatom.frames", .replace = u64_huge}, RFA_ERR_FORMAT, "refatom.frames is 4294967304; 1 to 64"},
    {{.key = "refatom.frames", .replace = f32_8}, RFA_ERR_FORMAT, "refatom.frames is not an integer"},
    {{.key = "refatom.frames", .value = 0}, RFA_ERR_FORMAT, "refatom.frames is 0"},
    {{.key = "refatom.actions", .value = 4097}, RFA_ERR_FORMAT, "refatom.actions is 4097"},
    {{.key = "refatom.vit_heads", .value = 0}, RFA_ERR_FORMAT, "refatom.vit_heads is 0"},
    {{.key = "refatom.mamba_expand", .value = 9}, RFA_ERR_FORMAT, "refatom.mamba_expand is 9; 1 to 8"},
    {{.key = "refatom.cross_every", .value = 0}, RFA_ERR_FORMAT, "refatom.cross_every is 0"},
    {{.key = "refatom.patch", .value = 15}, RFA_ERR_FORMAT, "image_size (224) is not a multiple of refatom.patch (15)"},
    {{.key = "refatom.vit_heads", .value = 17}, RFA_ERR_FORMAT, "refatom.vit_dim (1408) is not a multiple"},
    {{.key = "refatom.qformer_heads", .value = 7}, RFA_ERR_FORMAT, "refatom.qformer_dim (768) is not a multiple"},
    {{.key = "refatom.opt_heads", .value = 3}, RFA_ERR_FORMAT, "refatom.opt_dim (2560) is not a multiple"},
    {{.key = "refatom.detr_heads", .value = 3}, RFA_ERR_FORMAT, "refatom.detr_dim (256) is not a multiple"},
    {{.key = "refatom.fusion_heads", .value = 3}, RFA_ERR_FORMAT, "refatom.fusion_dim (256) is not a multiple"},
    {{.key = "refatom.cls_id", .value = 120}, RFA_ERR_FORMAT, "refatom.cls_id (120) is too large for refatom.vocab"},
    {{.key = "refatom.sep_id", .value = 4000}, RFA_ERR_FORMAT, "refatom.sep_id (4000) is too large"},
    {{.key = "refatom.person_class", .value = 92}, RFA_ERR_FORMAT, "refatom.person_class (92) is too large"},
    {{.key = "refatom.keyword_limit", .value = 31},
     RFA_ERR_FORMAT,
     "refatom.keyword_limit (31) is too large for refatom.opt_positions"},
    {{.key = "refatom.keyword_limit", .value = 1025}, RFA_ERR_FORMAT, "refatom.keyword_limit is 1025; 2 to 1024"},
    {{.key = "refatom.opt_vocab", .value = 100},
     RFA_ERR_FORMAT,
     "refatom.vocab (120) is too large for refatom.opt_vocab"},
    {{.key = "refatom.vit_mlp", .value = 65536}, RFA_OK, ""}, /* large alone */
    {{.key = "refatom.patch", .value = 1}, RFA_ERR_FORMAT, "make the frames larger than 2^29"},
    {{.key = "refatom.key_frame_size", .replace = sizes_3},
     RFA_ERR_FORMAT,
     "refatom.key_frame_size has 3 entries; 2 are"},
    {{.key = "refatom.key_frame_size", .replace = sizes_0}, RFA_ERR_FORMAT, "refatom.key_frame_size is 0; 1 to 4096"},
    {{.key = "refatom.key_frame_size", .replace = sizes_large}, RFA_ERR_FORMAT, "refatom.key_frame_size is 4097"},
    {{.key = "refatom.key_frame_size", .replace = sizes_float}, RFA_ERR_FORMAT, "size is not an array of integers"},
    {{.key = "refatom.resnet_blocks", .replace = u32_3}, RFA_ERR_FORMAT, "blocks is not an array of integers"},
    {{.key = "refatom.logit_divisor", .replace = u32_0}, RFA_ERR_FORMAT, "refatom.logit_divisor is 0; 2 to 3"},
    {{.key = "refatom.mamba_depth", .replace = u32_3}, RFA_ERR_FORMAT, "refatom.mamba_depth is 3; 1 to 2"},
    {{.key = "refatom.box_sigmoid", .replace = u32_3}, RFA_ERR_FORMAT, "refatom.box_sigmoid is not a truth value"},
    {{.key = "refatom.branches", .replace = s_rgb},
     RFA_ERR_FORMAT,
     "refatom.branches is \"rgb\"; one of these is wanted: both 2"},
    {{.key = "refatom.frame.resize", .replace = s_bilinear}, RFA_ERR_FORMAT, "tensor tensor-no-antialias pillow"},
    {{.key = "refatom.sampling", .replace = bool_false}, RFA_ERR_FORMAT, "refatom.sampling is not a string"},
    {{.key = "refatom.frame.mean", .replace = channels_2}, RFA_ERR_FORMAT, "refatom.frame.mean is not an array of 3"},
    {{.key = "refatom.frame.mean", .replace = channels_nan}, RFA_ERR_FORMAT, "refatom.frame.mean has the entry"},
    {{.key = "refatom.key.std", .replace = channels_0}, RFA_ERR_FORMAT, "refatom.key.std has the entry 0"},
    {{.key = "refatom.prompt", .replace = u32_0}, RFA_ERR_FORMAT, "refatom.prompt is not a string"},
    {{.key = "refatom.stop_words", .replace = sizes_3},
     RFA_ERR_FORMAT,
     "refatom.stop_words is not an array of strings"},
    {{.key = "refatom.labels", .replace = labels_79},
     RFA_ERR_FORMAT,
     "refatom.labels has 79 entries; the model has 80"},
    {{.key = "tokenizer.ggml.tokens", .replace = tokens_few}, RFA_ERR_FORMAT, "tokens has 119 entries"},
    {{.key = "tokenizer.ggml.tokens", .replace = tokens_many}, RFA_ERR_FORMAT, "tokens has 122 entries"},
    {{.key = "tokenizer.ggml.tokens", .replace = tokens_turned},
     RFA_ERR_FORMAT,
     "token 101 of tokenizer.ggml.tokens is '[SEP]', by key refatom.cls_id it is [CLS]"},
    {{.key = "tokenizer.ggml.tokens", .replace = tokens_without_sep},
     RFA_ERR_FORMAT,
     "token 102 of tokenizer.ggml.tokens is '[SEP]s', by key refatom.sep_id it is [SEP]"},
    {{.key = "refatom.cls_id", .value = 0}, RFA_ERR_FORMAT, "token 0 of tokenizer.ggml.tokens is 'x'"},
};

static void refuses_each_with_its_message(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct model m;
        read_model(&m, false, &bad[i].d);
        bool remedy = m.status == RFA_OK || strstr(m.log.message, "convert");
        if (m.status != bad[i].status || m.log.count != (m.status != RFA_OK) || !remedy ||
            !strstr(m.log.message, bad[i].message)) {
            print_error("%zu %s: status %d, \"%s\"\n", i, bad[i].d.key, (int)m.status, m.log.message);
            wrong++;
        }
        release(&m);
    }
    assert_int_equal(wrong, 0);
}

/* Each key inside its range, its products outside theirs. */
static void refuses_sizes_that_multiply_too_far(void **state)
{
    (void)state;
    static const struct deviation large[] = {
        {.key = "refatom.vit_dim", .value = 16384},
        {.key = "refatom.qformer_dim", .value = 16380}, /* 12 heads divide it */
        {.key = "refatom.opt_dim", .value = 16384},
        {.key = "refatom.detr_dim", .value = 16384},
        {.key = "refatom.fusion_dim", .value = 16384},
    };
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        struct model m;
        read_model(&m, false, &large[i]);
        assert_int_equal(m.status, RFA_ERR_FORMAT);
        assert_non_null(strstr(m.log.message, "larger than 2^29 values"));
        release(&m);
    }
}

/* Writes the models of this test to FOLDER: seeds for fuzz_gguf. */
static int write_corpus(const char *folder)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0] + 2; i++) {
        struct gguf_bytes b = {0};
        char name[32];
        write_model(&b, i == 1, i < 2 ? NULL : &bad[i - 2].d);
        snprintf(name, sizeof name, "config-%02d.gguf", (int)i);
        if (!bytes_save(&b, folder, name))
            return 1;
        free(b.data);
    }
    return 0;
}

/* Without arguments: the tests. With --corpus FOLDER: writes the files that they use. */
int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--corpus") == 0)
        return write_corpus(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_size),
        cmocka_unit_test(defaults_to_the_loader),
        cmocka_unit_test(takes_the_2024_model),
        cmocka_unit_test(takes_integers_of_any_type),
        cmocka_unit_test(takes_what_the_file_says),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(refuses_each_with_its_message),
        cmocka_unit_test(refuses_sizes_that_multiply_too_far),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
