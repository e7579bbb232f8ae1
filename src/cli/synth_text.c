#include "synth_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NLTK's English stop list of 2025, sorted bytewise. */
static const char stop_words[] =
    "a about above after again against ain all am an and any are aren aren't as at be because been before being below "
    "between both but by can couldn couldn't d did didn didn't do does doesn doesn't doing don don't down during each "
    "few for from further had hadn hadn't has hasn hasn't have haven haven't having he he'd he'll he's her here hers "
    "herself him himself his how i i'd i'll i'm i've if in into is isn isn't it it'd it'll it's its itself just ll m "
    "ma me mightn mightn't more most mustn mustn't my myself needn needn't no nor not now o of off on once only or "
    "other our ours ourselves out over own re s same shan shan't she she'd she'll she's should should've shouldn "
    "shouldn't so some such t than that that'll the their theirs them themselves then there these they they'd they'll "
    "they're they've this those through to too under until up ve very was wasn wasn't we we'd we'll we're we've were "
    "weren weren't what when where which while who whom why will with won won't wouldn wouldn't y you you'd you'll "
    "you're you've your yours yourself yourselves";

enum { STOP_WORDS = 198, MAX_LABELS = 4096, TOKEN_BYTES = 32 };

static struct rfa_str view(const char *text)
{
    return (struct rfa_str){text, strlen(text)};
}

/* A whole number of the configuration; `otherwise` where it is missing or out of range, which the reader of the
 * configuration says. */
static uint64_t number(const struct rfa_metadata *m, const char *key, uint64_t most, uint64_t otherwise)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct rfa_gguf_value *v = &m->value[i];
        if (v->key.len == strlen(key) && memcmp(v->key.data, key, v->key.len) == 0)
            return v->kind == RFA_GGUF_UINT && v->as.u <= most ? v->as.u : otherwise;
    }
    return otherwise;
}

/* ------------------------------------------------------------------ preprocessing */

static void add_string(struct rfa_metadata *m, const char *key, const char *value)
{
    if (!rfa_metadata_has(m, view(key)))
        rfa_metadata_string(m, view(key), view(value));
}

static void add_bool(struct rfa_metadata *m, const char *key, bool value)
{
    if (!rfa_metadata_has(m, view(key)))
        rfa_metadata_bool(m, view(key), value);
}

static void add_channels(struct rfa_metadata *m, const char *key, float value)
{
    if (!rfa_metadata_has(m, view(key)))
        rfa_metadata_floats(m, view(key), (const float[]){value, value, value}, 3);
}

static void add_profile(struct rfa_metadata *m)
{
    add_string(m, "refatom.variant", "refatomnet++");
    add_string(m, "refatom.sampling", "spread");
    add_string(m, "refatom.channel_order", "bgr");
    add_bool(m, "refatom.negative", false);
    add_bool(m, "refatom.fp16_pixels", true);
    add_string(m, "refatom.prompt", "Predict the fine-grained action of ");
    add_string(m, "refatom.frame.filter", "bicubic");
    add_string(m, "refatom.frame.resize", "tensor");
    add_channels(m, "refatom.frame.mean", 0.45f);
    add_channels(m, "refatom.frame.std", 0.25f);
    add_string(m, "refatom.key.filter", "bicubic");
    add_string(m, "refatom.key.resize", "pillow");
    add_channels(m, "refatom.key.mean", 0.45f);
    add_channels(m, "refatom.key.std", 0.25f);
}

/* ------------------------------------------------------------------ words */

static void add_stop_words(struct rfa_metadata *m)
{
    struct rfa_str word[STOP_WORDS];
    const char *p = stop_words;
    for (int i = 0; i < STOP_WORDS; i++) {
        word[i] = (struct rfa_str){p, strcspn(p, " ")};
        p += word[i].len + 1;
    }
    if (!rfa_metadata_has(m, RFA_STR("refatom.stop_words")))
        rfa_metadata_strings(m, RFA_STR("refatom.stop_words"), word, STOP_WORDS);
}

/* An array of `count` strings, each printed by `print`. */
static void add_names(struct rfa_metadata *m, struct rfa_str key, size_t count,
                      void (*print)(const void *user, char *out, size_t i), const void *user)
{
    char *text = malloc(count * TOKEN_BYTES);
    struct rfa_str *name = malloc(count * sizeof *name);
    for (size_t i = 0; text && name && i < count; i++) {
        print(user, text + i * TOKEN_BYTES, i);
        name[i] = view(text + i * TOKEN_BYTES);
    }
    if (text && name)
        rfa_metadata_strings(m, key, name, count);
    else if (m->status == RFA_OK)
        m->status = rfa_fail(m->log, RFA_ERR_NOMEM, "%s: no memory for its vocabulary; close other programs", m->name);
    free(text);
    free(name);
}

static void print_label(const void *user, char *out, size_t i)
{
    (void)user;
    snprintf(out, TOKEN_BYTES, "action %zu", i + 1);
}

static void add_labels(struct rfa_metadata *m)
{
    size_t count = (size_t)number(m, "refatom.actions", MAX_LABELS, 0);
    if (count > 0 && !rfa_metadata_has(m, RFA_STR("refatom.labels")))
        add_names(m, RFA_STR("refatom.labels"), count, print_label, NULL);
}

/* ------------------------------------------------------------------ vocabulary */

struct vocabulary {
    uint64_t size, cls, sep, unk; /* ids; token `size` is [DEC] */
};

static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char punctuation[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/* [CLS] and [SEP] win over the others where the configuration puts them there. */
static const char *special(const struct vocabulary *v, uint64_t id)
{
    return id == v->size  ? "[DEC]"
           : id == v->sep ? "[SEP]"
           : id == v->cls ? "[CLS]"
           : id == v->unk ? "[UNK]"
           : id == 0      ? "[PAD]"
           : id == 103    ? "[MASK]"
                          : NULL;
}

/* How many ids below `id` have a special token. */
static size_t specials_below(const struct vocabulary *v, uint64_t id)
{
    const uint64_t taken[] = {0, v->unk, 103, v->cls, v->sep};
    size_t count = 0;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++)
            first = first && taken[j] != taken[i];
        count += first && taken[i] < id;
    }
    return count;
}

/* Letters, punctuation and word continuations take the ids that no special token has. */
static void print_token(const void *user, char *out, size_t i)
{
    const struct vocabulary *v = user;
    const size_t whole = sizeof letters - 1, signs = sizeof punctuation - 1, piece = i - specials_below(v, i);
    if (special(v, i))
        snprintf(out, TOKEN_BYTES, "%s", special(v, i));
    else if (piece < whole + signs)
        snprintf(out, TOKEN_BYTES, "%c", piece < whole ? letters[piece] : punctuation[piece - whole]);
    else if (piece < 2 * whole + signs)
        snprintf(out, TOKEN_BYTES, "##%c", letters[piece - whole - signs]);
    else
        snprintf(out, TOKEN_BYTES, "[unused%zu]", i);
}

static void add_vocabulary(struct rfa_metadata *m)
{
    const uint64_t most = 1000000;
    struct vocabulary v = {.size = number(m, "refatom.vocab", most, 0), .unk = 100};
    v.cls = number(m, "refatom.cls_id", most, 101);
    v.sep = number(m, "refatom.sep_id", most, 102);
    if (v.size <= v.unk) /* too small for BERT's ids; every tokenizer needs [UNK] */
        for (v.unk = 1; v.unk == v.cls || v.unk == v.sep;)
            v.unk++;
    if (v.size > 0)
        add_names(m, RFA_STR("tokenizer.ggml.tokens"), (size_t)v.size + 1, print_token, &v);
}

void rfa_synth_defaults(struct rfa_metadata *m)
{
    add_string(m, "general.name", "random weights");
    add_profile(m);
    add_stop_words(m);
    add_labels(m);
    add_string(m, "tokenizer.ggml.model", "bert");
    add_vocabulary(m);
}
