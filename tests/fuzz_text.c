/* libFuzzer target of the tokenizer: any bytes as a caption, on both paths. The first byte chooses capacity and
 * truncation. The flag is -fsanitize=fuzzer,address,undefined; sources: this file, text.c, unicode.c, unicode_tables.c,
 * status.c. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define ITEM(literal)                                                                                                  \
    {                                                                                                                  \
        "" literal, sizeof(literal) - 1                                                                                \
    }

static const struct rfa_str tokens[] = {
    ITEM("[PAD]"), ITEM("[UNK]"), ITEM("[CLS]"),        ITEM("[SEP]"),    ITEM("[MASK]"), ITEM("a"),
    ITEM("##a"),   ITEM("the"),   ITEM("##\xCF\x83"),   ITEM("\xE4\xBA"), ITEM("."),      ITEM("##"),
    ITEM("ab"),    ITEM("##ba"),  ITEM("\xE1\x84\x80"), ITEM(""),         ITEM("[DEC]"),  ITEM("the"),
};
enum { TOKEN_COUNT = sizeof tokens / sizeof *tokens };

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rfa_str stop[] = {ITEM("a"), ITEM("\xCF\x83\xCF\x82")};
    static struct rfa_vocab *vocab;
    static void *memory;
    if (!vocab) {
        size_t bytes = rfa_vocab_bytes(TOKEN_COUNT);
        memory = malloc(bytes);
        require(memory && rfa_vocab_init(&vocab, memory, bytes, tokens, TOKEN_COUNT, NULL) == RFA_OK);
    }
    if (size == 0)
        return 0;
    size_t capacity = 2 + data[0] % 64, count;
    char *text = malloc(size - 1), *out = malloc(size - 1); /* exact, so that a byte too far is seen */
    int32_t *ids = malloc(capacity * sizeof *ids);
    require(ids && (size == 1 || (text && out)));
    if (size > 1)
        memcpy(text, data + 1, size - 1);
    struct rfa_str view = {text, size - 1};
    if (rfa_wordpiece(ids, &count, capacity, data[0] & 64, vocab, view, NULL) == RFA_OK) {
        require(count >= 2 && count <= capacity && ids[0] == 2 && ids[count - 1] == 3);
        for (size_t i = 0; i < count; i++)
            require(ids[i] >= 0 && ids[i] < TOKEN_COUNT);
    }
    size_t len = rfa_keyword_text(out, size - 1, view, stop, 2);
    require(len < size);
    require(rfa_keyword_text(text, size - 1, (struct rfa_str){out, len}, stop, 2) == len); /* nothing more to drop */
    free(text);
    free(out);
    free(ids);
    return 0;
}
