#include "config.h"

#include "checked.h"

#include <math.h>
#include <string.h>

/* Where keys are looked up and what messages name. */
struct source {
    const struct rfa_gguf *gguf;
    const char *name;
    const struct rfa_log *log;
};

static struct rfa_str str(const char *s)
{
    return (struct rfa_str){s, strlen(s)};
}

static bool equal(struct rfa_str a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.data, b, a.len) == 0;
}

/* A configuration comes from a checkpoint, by the converter, or from the user, by refatom synth. */
static const char remedy[] = "convert the model again, or change the configuration";

/* The beginning of a string from the file, for a message: no control characters reach a terminal. */
struct shown {
    char text[65];
};

static struct shown show(struct rfa_str s)
{
    struct shown shown = {""};
    for (size_t i = 0; i < s.len && i < sizeof shown.text - 1; i++)
        shown.text[i] = s.data[i] < ' ' || s.data[i] > '~' ? '?' : s.data[i];
    return shown;
}

static enum rfa_status missing(const struct source *s, const char *key)
{
    return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: key %s is missing; %s", s->name, key, remedy);
}

static enum rfa_status wrong_kind(const struct source *s, const char *key, const char *wanted)
{
    return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: key %s is not %s; %s", s->name, key, wanted, remedy);
}

/* ------------------------------------------------------------------ sizes */

/* The limits keep the sizes that are computed later far from overflow and refuse only what no CPU could run.
 * check_sizes() bounds the products. */
enum {
    MAX_DIM = 16384,
    MAX_HEADS = 1024,
    MAX_LAYERS = 256,
    MAX_VOCAB = 1000000,
    MAX_POSITIONS = 4096,
};

struct field {
    const char *key;
    size_t offset; /* of the uint32_t in rfa_config */
    uint32_t least, most;
};

#define FIELD(name, least, most)                                                                                       \
    {                                                                                                                  \
        "refatom." #name, offsetof(struct rfa_config, name), least, most                                               \
    }

static const struct field common_fields[] = {
    FIELD(frames, 1, 64),
    FIELD(actions, 1, 4096),
    FIELD(image_size, 1, 1024),
    FIELD(patch, 1, 1024),
    FIELD(vit_dim, 1, MAX_DIM),
    FIELD(vit_heads, 1, MAX_HEADS),
    FIELD(vit_mlp, 1, RFA_MAX_MLP),
    FIELD(vit_layers, 1, MAX_LAYERS),
    FIELD(visual_tokens, 1, 1024),
    FIELD(qformer_dim, 2, MAX_DIM),
    FIELD(qformer_heads, 1, MAX_HEADS),
    FIELD(qformer_mlp, 1, RFA_MAX_MLP),
    FIELD(qformer_layers, 1, MAX_LAYERS),
    FIELD(cross_every, 1, MAX_LAYERS),
    FIELD(vocab, 3, MAX_VOCAB), /* [UNK], [CLS] and [SEP] at least */
    FIELD(text_positions, 2, MAX_POSITIONS),
    FIELD(cls_id, 0, MAX_VOCAB),
    FIELD(sep_id, 0, MAX_VOCAB),
    FIELD(resnet_width, 1, MAX_DIM / 32), /* the last maps have 32 times as many channels */
    FIELD(detr_dim, 1, MAX_DIM),
    FIELD(detr_heads, 1, MAX_HEADS),
    FIELD(detr_mlp, 1, RFA_MAX_MLP),
    FIELD(detr_encoder, 1, MAX_LAYERS),
    FIELD(detr_decoder, 1, MAX_LAYERS),
    FIELD(detr_queries, 1, 1024),
    FIELD(detr_classes, 2, 4096),
    FIELD(person_class, 0, 4095),
};

/* The 2024 model has none of these: absent or 0 there. */
static const struct field plus_plus_fields[] = {
    FIELD(opt_dim, 1, MAX_DIM),
    FIELD(opt_heads, 1, MAX_HEADS),
    FIELD(opt_mlp, 1, RFA_MAX_MLP),
    FIELD(opt_layers, 1, MAX_LAYERS),
    FIELD(opt_vocab, 1, MAX_VOCAB + 1),
    FIELD(opt_positions, 2, MAX_POSITIONS),
    FIELD(keyword_limit, 2, RFA_MAX_KEYWORDS),
    FIELD(fusion_dim, 2, MAX_DIM),
    FIELD(fusion_heads, 1, MAX_HEADS),
    FIELD(mamba_state, 1, 256),
    FIELD(mamba_conv, 1, 16),
    FIELD(mamba_expand, 1, 8),
};

enum {
    COMMON_FIELDS = sizeof common_fields / sizeof common_fields[0],
    PLUS_PLUS_FIELDS = sizeof plus_plus_fields / sizeof plus_plus_fields[0]
};

static enum rfa_status check_range(const struct source *s, const char *key, double value, uint32_t least, uint32_t most)
{
    if (value < least || value > most)
        return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: key %s is %.0f; %lu to %lu are allowed: %s", s->name, key, value,
                        (unsigned long)least, (unsigned long)most, remedy);
    return RFA_OK;
}

/* An integer of any stored type. *out keeps its value where the key is absent and `required` is false. */
static enum rfa_status read_size(const struct source *s, uint32_t *out, const char *key, uint32_t least, uint32_t most,
                                 bool required)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(s->gguf, str(key));
    if (!v)
        return required ? missing(s, key) : RFA_OK;
    if (v->kind != RFA_GGUF_UINT && v->kind != RFA_GGUF_INT)
        return wrong_kind(s, key, "an integer");
    double value = v->kind == RFA_GGUF_UINT ? (double)v->as.u : (double)v->as.i; /* exact wherever it is in range */
    RFA_TRY(check_range(s, key, value, least, most));
    *out = (uint32_t)value;
    return RFA_OK;
}

static enum rfa_status read_fields(const struct source *s, struct rfa_config *c, const struct field *field,
                                   size_t count, bool required)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t *out = (uint32_t *)(void *)((char *)c + field[i].offset);
        RFA_TRY(read_size(s, out, field[i].key, required ? field[i].least : 0, field[i].most, required));
    }
    return RFA_OK;
}

static enum rfa_status read_sizes(const struct source *s, uint32_t *out, size_t count, const char *key, uint32_t least,
                                  uint32_t most)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(s->gguf, str(key));
    if (!v)
        return missing(s, key);
    if (v->kind != RFA_GGUF_ARRAY || (v->as.array.kind != RFA_GGUF_UINT && v->as.array.kind != RFA_GGUF_INT))
        return wrong_kind(s, key, "an array of integers");
    if (v->as.array.count != count)
        return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: key %s has %llu entries; %zu are wanted: %s", s->name, key,
                        (unsigned long long)v->as.array.count, count, remedy);
    for (size_t i = 0; i < count; i++) {
        double value = rfa_gguf_array_number(v, i);
        RFA_TRY(check_range(s, key, value, least, most));
        out[i] = (uint32_t)value;
    }
    return RFA_OK;
}

/* ------------------------------------------------------------------ flags, choices, strings: all with defaults */

static enum rfa_status read_bool(const struct source *s, bool *out, const char *key, bool otherwise)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(s->gguf, str(key));
    *out = otherwise;
    if (!v)
        return RFA_OK;
    if (v->kind != RFA_GGUF_BOOL)
        return wrong_kind(s, key, "a truth value");
    *out = v->as.b;
    return RFA_OK;
}

static enum rfa_status read_string(const struct source *s, struct rfa_str *out, const char *key,
                                   struct rfa_str otherwise)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(s->gguf, str(key));
    *out = otherwise;
    if (!v)
        return RFA_OK;
    if (v->kind != RFA_GGUF_STRING)
        return wrong_kind(s, key, "a string");
    *out = v->as.s;
    return RFA_OK;
}

/* `choices` are separated by single spaces; *out becomes the index of the one that the key names. */
static enum rfa_status read_choice(const struct source *s, unsigned *out, const char *key, const char *choices,
                                   unsigned otherwise)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(s->gguf, str(key));
    *out = otherwise;
    if (!v)
        return RFA_OK;
    if (v->kind != RFA_GGUF_STRING)
        return wrong_kind(s, key, "a string");
    const char *choice = choices;
    for (*out = 0; *choice; ++*out) {
        size_t len = strcspn(choice, " ");
        if (v->as.s.len == len && memcmp(v->as.s.data, choice, len) == 0)
            return RFA_OK;
        choice += len + strspn(choice + len, " ");
    }
    return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: key %s is \"%s\"; one of these is wanted: %s; %s", s->name, key,
                    show(v->as.s).text, choices, remedy);
}

static enum rfa_status read_strings(const struct source *s, const struct rfa_gguf_value **out, const char *key)
{
    *out = rfa_gguf_find_value(s->gguf, str(key));
    if (!*out)
        return missing(s, key);
    if ((*out)->kind != RFA_GGUF_ARRAY || (*out)->as.array.kind != RFA_GGUF_STRING)
        return wrong_kind(s, key, "an array of strings");
    return RFA_OK;
}

/* ------------------------------------------------------------------ preprocessing */

static enum rfa_status read_channels(const struct source *s, float out[3], const char *key, float otherwise,
                                     bool positive)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(s->gguf, str(key));
    for (int i = 0; i < 3; i++)
        out[i] = otherwise;
    if (!v)
        return RFA_OK;
    if (v->kind != RFA_GGUF_ARRAY || v->as.array.kind != RFA_GGUF_FLOAT || v->as.array.count != 3)
        return wrong_kind(s, key, "an array of 3 numbers with a fraction");
    for (uint64_t i = 0; i < 3; i++) {
        out[i] = (float)rfa_gguf_array_number(v, i);
        if (!isfinite(out[i]) || fabsf(out[i]) > 1e6f || (positive && out[i] < 1e-6f))
            return rfa_fail(s->log, RFA_ERR_FORMAT,
                            "%s: key %s has the entry %g; a number from %s to 1e6 is wanted: %s", s->name, key,
                            (double)out[i], positive ? "1e-6" : "-1e6", remedy);
    }
    return RFA_OK;
}

struct preprocess_keys {
    const char *filter, *resize, *mean, *std;
};

static enum rfa_status read_preprocess(const struct source *s, struct rfa_preprocess *p,
                                       const struct preprocess_keys *key, enum rfa_resize_method resize)
{
    unsigned choice;
    RFA_TRY(read_choice(s, &choice, key->filter, "bilinear bicubic", RFA_FILTER_BICUBIC));
    p->filter = (enum rfa_filter)choice;
    RFA_TRY(read_choice(s, &choice, key->resize, "tensor tensor-no-antialias pillow", resize));
    p->resize = (enum rfa_resize_method)choice;
    RFA_TRY(read_channels(s, p->mean, key->mean, 0.45f, false));
    return read_channels(s, p->std, key->std, 0.25f, true);
}

/* The defaults are RefAtomNet++'s evaluation loader, as it was meant. */
static enum rfa_status read_profile(const struct source *s, struct rfa_config *c)
{
    static const struct preprocess_keys frame = {"refatom.frame.filter", "refatom.frame.resize", "refatom.frame.mean",
                                                 "refatom.frame.std"};
    static const struct preprocess_keys key = {"refatom.key.filter", "refatom.key.resize", "refatom.key.mean",
                                               "refatom.key.std"};
    unsigned choice;
    RFA_TRY(read_choice(s, &choice, "refatom.channel_order", "bgr rgb", 0));
    c->bgr = choice == 0;
    RFA_TRY(read_choice(s, &choice, "refatom.sampling", "spread first demo still", RFA_SAMPLING_SPREAD));
    c->sampling = (enum rfa_sampling)choice;
    RFA_TRY(read_bool(s, &c->fp16_pixels, "refatom.fp16_pixels", true));
    RFA_TRY(read_bool(s, &c->negative, "refatom.negative", false));
    RFA_TRY(read_preprocess(s, &c->frame, &frame, RFA_RESIZE_TENSOR));
    return read_preprocess(s, &c->key, &key, RFA_RESIZE_PILLOW);
}

/* ------------------------------------------------------------------ text */

/* Sentences are wrapped in the tokens that have these names: another row there means another model's vocabulary. */
static enum rfa_status check_token(const struct source *s, const struct rfa_config *c, const char *key, uint32_t id,
                                   struct rfa_str name)
{
    const uint8_t *cursor = c->tokens->as.array.data;
    struct rfa_str token = {NULL, 0};
    for (uint64_t i = 0; i <= id; i++)
        token = rfa_gguf_next_string(&cursor);
    if (rfa_str_order(token, name) == 0)
        return RFA_OK;
    return rfa_fail(s->log, RFA_ERR_FORMAT,
                    "%s: token %lu of tokenizer.ggml.tokens is '%.*s', by key %s it is %s: convert it again with the "
                    "checkpoint's own vocabulary",
                    s->name, (unsigned long)id, (int)(token.len < 40 ? token.len : 40), token.data, key, name.data);
}

static enum rfa_status read_text(const struct source *s, struct rfa_config *c)
{
    RFA_TRY(read_string(s, &c->prompt, "refatom.prompt", RFA_STR("Predict the fine-grained action of ")));
    RFA_TRY(read_strings(s, &c->stop_words, "refatom.stop_words"));
    RFA_TRY(read_strings(s, &c->labels, "refatom.labels"));
    RFA_TRY(read_strings(s, &c->tokens, "tokenizer.ggml.tokens"));
    if (c->labels->as.array.count != c->actions)
        return rfa_fail(s->log, RFA_ERR_FORMAT,
                        "%s: key refatom.labels has %llu entries; the model has %lu actions: %s", s->name,
                        (unsigned long long)c->labels->as.array.count, (unsigned long)c->actions, remedy);
    if (c->tokens->as.array.count < c->vocab || c->tokens->as.array.count > (uint64_t)c->vocab + 1)
        return rfa_fail(s->log, RFA_ERR_FORMAT,
                        "%s: key tokenizer.ggml.tokens has %llu entries; the model has rows for %lu tokens and [DEC]: "
                        "convert it again with the checkpoint's own vocabulary",
                        s->name, (unsigned long long)c->tokens->as.array.count, (unsigned long)c->vocab);
    RFA_TRY(check_token(s, c, "refatom.cls_id", c->cls_id, RFA_STR("[CLS]")));
    return check_token(s, c, "refatom.sep_id", c->sep_id, RFA_STR("[SEP]"));
}

/* ------------------------------------------------------------------ consistency */

static enum rfa_status check_divides(const struct source *s, const char *part_key, uint32_t part, const char *whole_key,
                                     uint32_t whole)
{
    if (whole % part != 0)
        return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: key %s (%lu) is not a multiple of %s (%lu); %s", s->name,
                        whole_key, (unsigned long)whole, part_key, (unsigned long)part, remedy);
    return RFA_OK;
}

static enum rfa_status check_at_most(const struct source *s, const char *key, uint32_t value, const char *limit_key,
                                     uint64_t limit)
{
    if (value > limit)
        return rfa_fail(s->log, RFA_ERR_FORMAT, "%s: key %s (%lu) is too large for %s; at most %llu fits: %s", s->name,
                        key, (unsigned long)value, limit_key, (unsigned long long)limit, remedy);
    return RFA_OK;
}

#define TRY_DIVIDES(s, c, part, whole)                                                                                 \
    RFA_TRY(check_divides(s, "refatom." #part, (c)->part, "refatom." #whole, (c)->whole))
#define TRY_BELOW(s, c, index, count)                                                                                  \
    RFA_TRY(check_at_most(s, "refatom." #index, (c)->index, "refatom." #count, (uint64_t)(c)->count - 1))

static enum rfa_status check_consistent(const struct source *s, const struct rfa_config *c)
{
    TRY_DIVIDES(s, c, patch, image_size);
    TRY_DIVIDES(s, c, vit_heads, vit_dim);
    TRY_DIVIDES(s, c, qformer_heads, qformer_dim);
    TRY_DIVIDES(s, c, detr_heads, detr_dim);
    TRY_BELOW(s, c, cls_id, vocab);
    TRY_BELOW(s, c, sep_id, vocab);
    TRY_BELOW(s, c, person_class, detr_classes);
    if (c->variant != RFA_VARIANT_REFATOMNET_PP)
        return RFA_OK;
    TRY_DIVIDES(s, c, opt_heads, opt_dim);
    TRY_DIVIDES(s, c, fusion_heads, fusion_dim);
    RFA_TRY(check_at_most(s, "refatom.keyword_limit", c->keyword_limit, "refatom.opt_positions", c->opt_positions));
    return check_at_most(s, "refatom.vocab", c->vocab, "refatom.opt_vocab", c->opt_vocab);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

struct product {
    const char *what;
    uint64_t a, b, c;
};

/* No array that the networks make or hold may pass 2^29 elements: 2 GiB as float32, which a 32-bit size_t still counts.
 * The largest of each kind are listed; the others are parts of these. Factors are below 2^32 and mostly below 2^20. */
static enum rfa_status check_sizes(const struct source *s, const struct rfa_config *c)
{
    const uint64_t side = c->image_size / c->patch, tokens = side * side + 1;
    const uint64_t quarter = (uint64_t)(c->key_frame_size[0] / 4 + 1) * (c->key_frame_size[1] / 4 + 1);
    const uint64_t cells = (uint64_t)(c->key_frame_size[0] / 32 + 1) * (c->key_frame_size[1] / 32 + 1);
    const uint64_t rows = larger(larger(c->detr_queries, c->visual_tokens), c->keyword_limit);
    const uint64_t width = larger(c->fusion_dim, c->qformer_dim);
    const struct product product[] = {
        {"frames", c->frames, tokens, larger(3 * (uint64_t)c->vit_dim, c->vit_mlp)},
        {"image attention", c->vit_heads, tokens, tokens},
        {"image weights", larger(3 * (uint64_t)c->vit_dim, c->vit_mlp), c->vit_dim, 1},
        {"visual tokens", c->frames, larger(c->visual_tokens, tokens),
         larger(3 * (uint64_t)c->qformer_dim, c->qformer_mlp)},
        {"visual attention", c->qformer_heads * (uint64_t)c->frames, c->visual_tokens,
         larger(tokens, c->visual_tokens)},
        {"text", c->text_positions, larger(3 * (uint64_t)c->qformer_dim, c->qformer_mlp), 1},
        {"text attention", c->qformer_heads, c->text_positions, c->text_positions},
        {"text weights", larger(3 * (uint64_t)c->qformer_dim, c->qformer_mlp), larger(c->qformer_dim, c->vit_dim), 1},
        {"token table", (uint64_t)c->vocab + 1, c->qformer_dim, 1},
        {"keywords", c->keyword_limit, larger(3 * (uint64_t)c->opt_dim, c->opt_mlp), 1},
        {"keyword attention", c->opt_heads, c->keyword_limit, c->keyword_limit},
        {"keyword weights", larger(3 * (uint64_t)c->opt_dim, c->opt_mlp), larger(c->opt_dim, c->qformer_dim), 1},
        {"keyword table", larger(c->opt_vocab, c->opt_positions), c->opt_dim, 1},
        {"key frame", quarter, larger(9 * (uint64_t)c->resnet_width, 4 * 147),
         1}, /* windows of 3 x 3; 4 x 7 x 7 x 3 of the stem */
        {"key frame weights", 9 * 8 * (uint64_t)c->resnet_width, larger(8 * (uint64_t)c->resnet_width, c->detr_dim), 1},
        {"detection", larger(cells, c->detr_queries), larger(3 * (uint64_t)c->detr_dim, c->detr_mlp), 1},
        {"detection attention", c->detr_heads, larger(cells, c->detr_queries), larger(cells, c->detr_queries)},
        {"detection weights", larger(3 * (uint64_t)c->detr_dim, c->detr_mlp), c->detr_dim, 1},
        {"trajectories", c->frames * rows, 2 * larger(c->mamba_expand, 2), width},
        {"head weights", 2 * larger(c->mamba_expand, 2) * width, width, 1},
    };
    for (size_t i = 0; i < sizeof product / sizeof product[0]; i++) {
        uint64_t n;
        if (!rfa_mul_add(&n, product[i].a, product[i].b, 0) || !rfa_mul_add(&n, n, product[i].c, 0) || n > (1u << 29))
            return rfa_fail(s->log, RFA_ERR_FORMAT,
                            "%s: the sizes under refatom.* make the %s larger than 2^29 values; the file is damaged, "
                            "or no model: %s",
                            s->name, product[i].what, remedy);
    }
    return RFA_OK;
}

/* ------------------------------------------------------------------ all */

static enum rfa_status read_variant(const struct source *s, struct rfa_config *c)
{
    const struct rfa_gguf_value *v = rfa_gguf_find_value(s->gguf, RFA_STR("general.architecture"));
    if (!v)
        return missing(s, "general.architecture");
    if (v->kind != RFA_GGUF_STRING)
        return wrong_kind(s, "general.architecture", "a string");
    if (!equal(v->as.s, "refatomnet"))
        return rfa_fail(s->log, RFA_ERR_UNSUPPORTED,
                        "%s: a model of the architecture \"%s\"; only \"refatomnet\" is run: give a model made by "
                        "convert.py",
                        s->name, show(v->as.s).text);
    unsigned choice;
    if (!rfa_gguf_find_value(s->gguf, RFA_STR("refatom.variant")))
        return missing(s, "refatom.variant");
    RFA_TRY(read_choice(s, &choice, "refatom.variant", "refatomnet++ refatomnet", 0));
    c->variant = (enum rfa_variant)choice;
    return RFA_OK;
}

static enum rfa_status read_flags(const struct source *s, struct rfa_config *c)
{
    unsigned choice;
    RFA_TRY(read_bool(s, &c->box_sigmoid, "refatom.box_sigmoid", c->variant == RFA_VARIANT_REFATOMNET_PP));
    RFA_TRY(read_choice(s, &choice, "refatom.branches", "both 2", 0));
    c->both_branches = choice == 0;
    c->logit_divisor = 2;
    RFA_TRY(read_size(s, &c->logit_divisor, "refatom.logit_divisor", 2, 3, false));
    c->mamba_depth = 1;
    return read_size(s, &c->mamba_depth, "refatom.mamba_depth", 1, 2, false);
}

static enum rfa_status read_all(const struct source *s, struct rfa_config *c)
{
    RFA_TRY(read_variant(s, c));
    RFA_TRY(read_string(s, &c->name, "general.name", RFA_STR("unnamed")));
    RFA_TRY(read_string(s, &c->name, "refatom.name", c->name));
    RFA_TRY(read_fields(s, c, common_fields, COMMON_FIELDS, true));
    RFA_TRY(read_fields(s, c, plus_plus_fields, PLUS_PLUS_FIELDS, c->variant == RFA_VARIANT_REFATOMNET_PP));
    RFA_TRY(read_sizes(s, c->key_frame_size, 2, "refatom.key_frame_size", 1, 4096));
    RFA_TRY(read_sizes(s, c->resnet_blocks, 4, "refatom.resnet_blocks", 1, MAX_LAYERS));
    RFA_TRY(read_flags(s, c));
    RFA_TRY(check_consistent(s, c));
    RFA_TRY(check_sizes(s, c));
    RFA_TRY(read_profile(s, c));
    return read_text(s, c);
}

enum rfa_status rfa_config_read(struct rfa_config *config, const struct rfa_gguf *gguf, const char *name,
                                const struct rfa_log *log)
{
    struct source s = {gguf, name, log};
    *config = (struct rfa_config){0};
    enum rfa_status status = read_all(&s, config);
    if (status != RFA_OK)
        *config = (struct rfa_config){0};
    return status;
}
