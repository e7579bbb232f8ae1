/* Captions to token ids: BERT WordPiece (bert-base-uncased rules), the stop words. Nothing here allocates; less than 2
 * KiB of stack. */
#ifndef RFA_TEXT_H
#define RFA_TEXT_H

#include "error.h"

/* The vocabulary: a hash table over views into the model file. Lives in memory given by the caller, immutable
 * afterwards. */
struct rfa_vocab;

/* SIZE_MAX when token_count is beyond the 16,777,216 that a vocabulary may have. */
size_t rfa_vocab_bytes(size_t token_count);

/* Builds the vocabulary in `memory`, aligned to a pointer.
 *
 * tokens  [token_count]: tokens[i] is the UTF-8 piece of id i, continuations begin with "##". The views are copied; the
 *         bytes that they show must outlive the vocabulary. Of duplicates the last one wins, as in a Python dict.
 *
 * Ids of [UNK], [CLS], [SEP] are found by name; a missing one is RFA_ERR_FORMAT. [DEC], which BLIP-2 adds behind the
 * vocabulary, has id token_count unless it is listed. */
enum rfa_status rfa_vocab_init(struct rfa_vocab **out, void *memory, size_t bytes, const struct rfa_str *tokens,
                               size_t token_count, const struct rfa_log *log);

/* WordPiece ids of `text`, wrapped in [CLS] ... [SEP].
 *
 * ids       [capacity] i32, at least 2
 * truncate  true: pieces beyond capacity - 2 are dropped before [SEP]
 *           false: too many are RFA_ERR_ARG, and the message says how many there are and the limit
 * text      UTF-8; an invalid byte sequence is RFA_ERR_ARG with its offset
 *
 * Literal special tokens ([CLS], [SEP], [PAD], [MASK], [UNK], [DEC]) in the text become their ids. Rules: model
 * specification 2.6, as Hugging Face's BertTokenizer (the Python one) carries them out. On failure *count and ids are
 * unspecified. */
enum rfa_status rfa_wordpiece(int32_t *ids, size_t *count, size_t capacity, bool truncate,
                              const struct rfa_vocab *vocab, struct rfa_str text, const struct rfa_log *log);

/* The keyword string: split on Unicode whitespace, drop words whose lower-case form is in `stop` (exact match,
 * punctuation attached), join with single spaces. Writes at most `capacity` bytes to out, text.len always suffice, and
 * returns the length of the whole string. `stop` is sorted bytewise. Words are copied as they are, invalid UTF-8
 * included: rfa_wordpiece refuses it. */
size_t rfa_keyword_text(char *out, size_t capacity, struct rfa_str text, const struct rfa_str *stop, size_t stop_count);

#endif
