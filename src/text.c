/* BERT's tokenizer and the keyword filter, one pass over the text each.
 *
 * The reference (BertTokenizer in Python) makes a string per rule: lower-case every character, split out the special
 * tokens, clean, space out ideographs, NFC, split, lower-case, NFD, drop marks, split punctuation, WordPiece. Here the
 * same rules run character by character into one word, which holds the 100 characters that WordPiece accepts; longer
 * words are [UNK] whatever they contain. Lower-casing is per character, without the final-sigma rule, because the
 * reference's first step sees one character at a time. */
#include "text.h"

#include <stdalign.h>
#include <string.h>

#include "unicode.h"

enum { MAX_TOKENS = 1 << 24, MAX_WORD = 100, MAX_WORD_BYTES = 4 * MAX_WORD, NOT_FOUND = -1 };

/* Slots that a token may lie behind its own: some tens in any language's vocabulary. One that was made for it would
 * take hours to read. */
enum { MOST_PROBES = 1024 };

static struct rfa_str from(struct rfa_str text, size_t at)
{
    return (struct rfa_str){text.data + at, text.len - at};
}

/* ------------------------------------------------------------------ vocabulary */

enum special { UNK, CLS, SEP, PAD, MASK, DEC, SPECIAL_COUNT };

static const struct rfa_str special_name[SPECIAL_COUNT] = {
    [UNK] = {"[UNK]", 5}, [CLS] = {"[CLS]", 5},   [SEP] = {"[SEP]", 5},
    [PAD] = {"[PAD]", 5}, [MASK] = {"[MASK]", 6}, [DEC] = {"[DEC]", 5},
};

struct rfa_vocab {
    const int32_t *slot;            /* open addressing behind token[]: id, or NOT_FOUND for a free slot */
    size_t longest;                 /* bytes of the longest token */
    uint32_t mask;                  /* slots - 1; slots is a power of two, at least twice the tokens */
    int32_t special[SPECIAL_COUNT]; /* ids, NOT_FOUND where the vocabulary lacks one */
    struct rfa_str token[];
};

static size_t slot_count(size_t token_count)
{
    size_t slots = 16;
    while (slots < 2 * token_count)
        slots *= 2;
    return slots;
}

size_t rfa_vocab_bytes(size_t token_count)
{
    if (token_count > MAX_TOKENS)
        return SIZE_MAX;
    return sizeof(struct rfa_vocab) + token_count * sizeof(struct rfa_str) + slot_count(token_count) * sizeof(int32_t);
}

/* FNV-1a, continued: a hash of "##" and then of characters is the hash of the whole piece. */
static uint32_t hash_bytes(uint32_t hash, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)data[i]) * 16777619u;
    return hash;
}

static const uint32_t empty_hash = 2166136261u;

/* A vocabulary entry in the making: "##" when it continues a word, then bytes of the word. */
struct piece {
    struct rfa_str prefix, body;
};

static bool is_token(struct rfa_str token, struct piece piece)
{
    return token.len == piece.prefix.len + piece.body.len &&
           memcmp(token.data, piece.prefix.data, piece.prefix.len) == 0 &&
           memcmp(token.data + piece.prefix.len, piece.body.data, piece.body.len) == 0;
}

/* The slot that holds `piece`, or the free one where it would go. */
static size_t find_slot(const struct rfa_vocab *vocab, uint32_t hash, struct piece piece)
{
    size_t at = hash & vocab->mask;
    while (vocab->slot[at] != NOT_FOUND && !is_token(vocab->token[vocab->slot[at]], piece))
        at = (at + 1) & vocab->mask;
    return at;
}

static size_t find_whole(const struct rfa_vocab *vocab, struct rfa_str token)
{
    return find_slot(vocab, hash_bytes(empty_hash, token.data, token.len), (struct piece){RFA_STR(""), token});
}

enum rfa_status rfa_vocab_init(struct rfa_vocab **out, void *memory, size_t bytes, const struct rfa_str *tokens,
                               size_t token_count, const struct rfa_log *log)
{
    if (token_count > MAX_TOKENS)
        return rfa_fail(log, RFA_ERR_FORMAT, "vocabulary: %zu tokens; at most %d are supported", token_count,
                        MAX_TOKENS);
    if (bytes < rfa_vocab_bytes(token_count) || (uintptr_t)memory % alignof(struct rfa_vocab) != 0)
        return rfa_fail(log, RFA_ERR_NOMEM, "vocabulary: %zu bytes given at %p; %zu are needed, aligned to %zu", bytes,
                        memory, rfa_vocab_bytes(token_count), alignof(struct rfa_vocab));
    struct rfa_vocab *vocab = memory;
    int32_t *slot = (int32_t *)(vocab->token + token_count);
    *vocab = (struct rfa_vocab){.slot = slot, .mask = (uint32_t)slot_count(token_count) - 1};
    for (size_t i = 0; i <= vocab->mask; i++)
        slot[i] = NOT_FOUND;
    for (size_t i = 0; i < token_count; i++) {
        size_t at = find_whole(vocab, tokens[i]);
        if (((at - hash_bytes(empty_hash, tokens[i].data, tokens[i].len)) & vocab->mask) > MOST_PROBES)
            return rfa_fail(log, RFA_ERR_FORMAT,
                            "vocabulary: over %d tokens before number %zu have one hash, which no language gives; use "
                            "the vocabulary of a BERT model",
                            (int)MOST_PROBES, i);
        vocab->token[i] = tokens[i];
        slot[at] = (int32_t)i;
        vocab->longest = tokens[i].len > vocab->longest ? tokens[i].len : vocab->longest;
    }
    for (int i = 0; i < SPECIAL_COUNT; i++)
        vocab->special[i] = vocab->slot[find_whole(vocab, special_name[i])];
    for (int i = UNK; i <= SEP; i++)
        if (vocab->special[i] == NOT_FOUND)
            return rfa_fail(log, RFA_ERR_FORMAT,
                            "vocabulary: no %s among %zu tokens; use the vocabulary of a BERT model",
                            special_name[i].data, token_count);
    if (vocab->special[DEC] == NOT_FOUND)
        vocab->special[DEC] = (int32_t)token_count;
    *out = vocab;
    return RFA_OK;
}

/* ------------------------------------------------------------------ words */

/* The ids found so far; those beyond `room` are only counted. */
struct output {
    int32_t *ids;
    size_t count, room;
};

static void put_id(struct output *out, int32_t id)
{
    if (out->count < out->room)
        out->ids[out->count] = id;
    out->count++;
}

/* The word being read, after folding. */
struct word {
    size_t count;   /* characters so far; code[] holds the first MAX_WORD */
    size_t movable; /* index behind the last character of combining class 0 */
    uint32_t code[MAX_WORD];
};

/* Appends a character that is not a mark, in canonical order: behind those of its own or a smaller combining class. */
static void word_append(struct word *word, uint32_t code)
{
    if (word->count >= MAX_WORD) {
        word->count = MAX_WORD + 1;
        return;
    }
    size_t at = word->count++;
    uint32_t combining = rfa_unicode_combining(code);
    if (combining == 0)
        word->movable = word->count;
    else
        for (; at > word->movable && rfa_unicode_combining(word->code[at - 1]) > combining; at--)
            word->code[at] = word->code[at - 1];
    word->code[at] = code;
}

/* A word in UTF-8. */
struct spelling {
    size_t count;
    uint16_t end[MAX_WORD]; /* of each character, in bytes */
    char bytes[MAX_WORD_BYTES];
};

static void spell(struct spelling *spelling, const struct word *word)
{
    size_t len = 0;
    spelling->count = word->count;
    for (size_t i = 0; i < word->count; i++) {
        len += rfa_utf8_encode(spelling->bytes + len, word->code[i]);
        spelling->end[i] = (uint16_t)len;
    }
}

/* The longest vocabulary entry that the word continues with from character *next on; moves *next behind it. NOT_FOUND:
 * none. */
static int32_t longest_piece(const struct rfa_vocab *vocab, const struct spelling *word, size_t *next)
{
    size_t start = *next ? word->end[*next - 1] : 0, from = start;
    struct piece piece = {*next ? RFA_STR("##") : RFA_STR(""), {word->bytes + start, 0}};
    uint32_t hash = hash_bytes(empty_hash, piece.prefix.data, piece.prefix.len);
    int32_t best = NOT_FOUND;
    for (size_t i = *next; i < word->count; i++) {
        hash = hash_bytes(hash, word->bytes + from, word->end[i] - from);
        from = word->end[i];
        piece.body.len = from - start;
        if (piece.prefix.len + piece.body.len > vocab->longest)
            break;
        int32_t id = vocab->slot[find_slot(vocab, hash, piece)];
        if (id != NOT_FOUND) {
            best = id;
            *next = i + 1;
        }
    }
    return best;
}

/* Greedy longest-match-first WordPiece of the finished word; starts a new one. */
static void word_finish(struct output *out, struct word *word, const struct rfa_vocab *vocab)
{
    struct spelling spelling;
    size_t next = 0, before = out->count;
    bool known = word->count <= MAX_WORD;
    if (known)
        spell(&spelling, word);
    while (known && next < word->count) {
        int32_t id = longest_piece(vocab, &spelling, &next);
        known = id != NOT_FOUND;
        put_id(out, id);
    }
    if (!known) {
        out->count = before;
        put_id(out, vocab->special[UNK]);
    }
    word->count = word->movable = 0;
}

/* Adds one character of the text to the word, or ends the word. */
static void read_character(struct output *out, struct word *word, const struct rfa_vocab *vocab, uint32_t code)
{
    uint32_t flags = rfa_unicode_flags(code);
    if (flags & RFA_UNICODE_DROP)
        return;
    if (flags & (RFA_UNICODE_SPACE | RFA_UNICODE_CJK))
        word_finish(out, word, vocab);
    if (flags & RFA_UNICODE_SPACE)
        return;
    if (flags & RFA_UNICODE_STARTER_MARK)
        word->movable = word->count;
    uint32_t folded[RFA_FOLD_MAX];
    size_t count = rfa_unicode_fold(folded, code);
    for (size_t i = 0; i < count; i++) {
        bool alone = rfa_unicode_flags(folded[i]) & RFA_UNICODE_PUNCTUATION;
        if (alone)
            word_finish(out, word, vocab);
        word_append(word, folded[i]);
        if (alone)
            word_finish(out, word, vocab);
    }
    if (flags & RFA_UNICODE_CJK)
        word_finish(out, word, vocab);
}

/* ------------------------------------------------------------------ sentences */

/* Bytes of the special token that `rest` begins with (0: none) and its id. */
static size_t match_special(int32_t *id, const struct rfa_vocab *vocab, struct rfa_str rest)
{
    for (int i = 0; i < SPECIAL_COUNT; i++) {
        struct rfa_str name = special_name[i];
        if (vocab->special[i] != NOT_FOUND && rest.len >= name.len && memcmp(rest.data, name.data, name.len) == 0) {
            *id = vocab->special[i];
            return name.len;
        }
    }
    return 0;
}

/* Reads the whole text; false with the offset of the first invalid byte sequence. */
static bool read_text(struct output *out, size_t *offset, const struct rfa_vocab *vocab, struct rfa_str text)
{
    struct word word = {.count = 0};
    for (size_t at = 0; at < text.len;) {
        struct rfa_str rest = from(text, at);
        int32_t id;
        size_t bytes = match_special(&id, vocab, rest);
        if (bytes) {
            word_finish(out, &word, vocab);
            put_id(out, id);
        } else {
            uint32_t code;
            *offset = at;
            bytes = rfa_utf8_decode(&code, rest.data, rest.len);
            if (bytes == 0)
                return false;
            read_character(out, &word, vocab, code);
        }
        at += bytes;
    }
    word_finish(out, &word, vocab);
    return true;
}

enum rfa_status rfa_wordpiece(int32_t *ids, size_t *count, size_t capacity, bool truncate,
                              const struct rfa_vocab *vocab, struct rfa_str text, const struct rfa_log *log)
{
    if (capacity < 2)
        return rfa_fail(log, RFA_ERR_ARG, "caption: room for %zu ids; at least [CLS] and [SEP] must fit", capacity);
    struct output out = {ids, 0, capacity - 1};
    size_t offset;
    put_id(&out, vocab->special[CLS]);
    if (!read_text(&out, &offset, vocab, text))
        return rfa_fail(log, RFA_ERR_ARG, "caption: byte %zu (0x%02x) is not valid UTF-8; pass the text in UTF-8",
                        offset, (unsigned char)text.data[offset]);
    if (out.count > out.room) {
        if (!truncate)
            return rfa_fail(log, RFA_ERR_ARG,
                            "caption: %zu tokens with [CLS] and [SEP]; the model takes at most %zu: shorten it",
                            out.count + 1, capacity);
        out.count = out.room;
    }
    ids[out.count] = vocab->special[SEP];
    *count = out.count + 1;
    return RFA_OK;
}

/* ------------------------------------------------------------------ keywords */

/* The characters of a word in lower case, as Python's str.lower() gives them: with the final-sigma rule and the two of
 * U+0130. */
struct lower_reader {
    struct rfa_str rest;
    bool after_cased;   /* a cased character stands before, with nothing but case-ignorable ones between */
    uint32_t pending;   /* second half of U+0130, or 0 */
    char bytes[4];      /* the present character in UTF-8 */
    size_t count, next; /* bytes in it, bytes read */
};

enum { CAPITAL_SIGMA = 0x3A3, SMALL_SIGMA = 0x3C3, FINAL_SIGMA = 0x3C2, CAPITAL_I_DOT = 0x130, DOT_ABOVE = 0x307 };

static bool cased_follows(struct rfa_str rest)
{
    uint32_t code;
    for (size_t at = 0, bytes; at < rest.len; at += bytes) {
        bytes = rfa_utf8_decode(&code, rest.data + at, rest.len - at);
        uint32_t flags = bytes ? rfa_unicode_flags(code) : 0;
        if (!(flags & RFA_UNICODE_IGNORABLE))
            return flags & RFA_UNICODE_CASED;
    }
    return false;
}

static uint32_t lower_in_context(struct lower_reader *reader, uint32_t code)
{
    uint32_t flags = rfa_unicode_flags(code), lower = rfa_unicode_lower(code);
    if (code == CAPITAL_SIGMA)
        lower = reader->after_cased && !cased_follows(reader->rest) ? FINAL_SIGMA : SMALL_SIGMA;
    if (code == CAPITAL_I_DOT)
        reader->pending = DOT_ABOVE;
    if (!(flags & RFA_UNICODE_IGNORABLE))
        reader->after_cased = flags & RFA_UNICODE_CASED;
    return lower;
}

/* The next byte of the word in lower case, or -1 at its end. A byte that is not UTF-8 stays itself. */
static int lower_next(struct lower_reader *reader)
{
    if (reader->next == reader->count) {
        uint32_t code = reader->pending;
        reader->next = 0;
        if (code) {
            reader->pending = 0;
            reader->count = rfa_utf8_encode(reader->bytes, code);
        } else if (reader->rest.len == 0) {
            reader->count = 0;
            return -1;
        } else {
            size_t bytes = rfa_utf8_decode(&code, reader->rest.data, reader->rest.len);
            size_t step = bytes ? bytes : 1;
            reader->bytes[0] = reader->rest.data[0];
            reader->rest = from(reader->rest, step);
            reader->count = bytes ? rfa_utf8_encode(reader->bytes, lower_in_context(reader, code)) : 1;
        }
    }
    return (unsigned char)reader->bytes[reader->next++];
}

/* Negative, zero or positive as the word's lower case sorts before, equals or sorts after `stop`. */
static int compare_lower(struct rfa_str word, struct rfa_str stop)
{
    struct lower_reader reader = {.rest = word};
    for (size_t i = 0; i < stop.len; i++) {
        int difference = lower_next(&reader) - (unsigned char)stop.data[i];
        if (difference)
            return difference;
    }
    return lower_next(&reader) >= 0;
}

static bool is_stop_word(struct rfa_str word, const struct rfa_str *stop, size_t stop_count)
{
    size_t low = 0, high = stop_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_lower(word, stop[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Bytes from the start of `text` up to the first character that is (or is not) whitespace of str.split(). */
static size_t span(struct rfa_str text, bool whitespace)
{
    size_t at = 0;
    while (at < text.len) {
        uint32_t code;
        size_t bytes = rfa_utf8_decode(&code, text.data + at, text.len - at);
        bool is_space = bytes && rfa_unicode_flags(code) & RFA_UNICODE_SPLIT;
        if (is_space != whitespace)
            break;
        at += bytes ? bytes : 1;
    }
    return at;
}

static size_t append(char *out, size_t capacity, size_t len, struct rfa_str piece)
{
    if (len < capacity && piece.len > 0)
        memcpy(out + len, piece.data, piece.len < capacity - len ? piece.len : capacity - len);
    return len + piece.len;
}

size_t rfa_keyword_text(char *out, size_t capacity, struct rfa_str text, const struct rfa_str *stop, size_t stop_count)
{
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        at += span(from(text, at), true);
        struct rfa_str word = from(text, at);
        word.len = span(word, false);
        at += word.len;
        if (word.len == 0 || is_stop_word(word, stop, stop_count))
            continue;
        if (len > 0)
            len = append(out, capacity, len, RFA_STR(" "));
        len = append(out, capacity, len, word);
    }
    return len;
}
