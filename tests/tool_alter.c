/* tool_alter IN.gguf TENSOR BYTE OUT.gguf: a copy of a model with bit 4 of one byte of a tensor flipped, for
 * test_compare.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file_map.h"
#include "gguf.h"

static int alter(const char *in, const char *name, size_t byte, const char *out)
{
    struct rfa_file_map map = {.data = NULL};
    struct rfa_gguf gguf;
    size_t bytes;
    if (rfa_file_map_open(&map, in, 1, NULL) != RFA_OK ||
        rfa_gguf_table_bytes(&bytes, map.data, map.bytes, in, NULL) != RFA_OK)
        return 1;
    void *table = malloc(bytes);
    char *copy = malloc(map.bytes);
    FILE *file = fopen(out, "wb");
    int status = 1;
    if (table && copy && file && rfa_gguf_parse(&gguf, table, bytes, map.data, map.bytes, in, NULL) == RFA_OK) {
        const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(&gguf, (struct rfa_str){name, strlen(name)});
        memcpy(copy, map.data, map.bytes);
        if (t && byte < t->bytes) {
            copy[(const char *)t->data - (const char *)map.data + (ptrdiff_t)byte] ^= 16;
            status = fwrite(copy, 1, map.bytes, file) == map.bytes ? 0 : 1;
        }
    }
    status = file && fclose(file) != 0 ? 1 : status;
    free(copy);
    free(table);
    rfa_file_map_close(&map);
    return status;
}

int main(int argc, char **argv)
{
    int status = argc == 5 ? alter(argv[1], argv[2], strtoul(argv[3], NULL, 10), argv[4]) : 2;
    if (status != 0)
        fprintf(stderr, "tool_alter: cannot; usage: tool_alter IN.gguf TENSOR BYTE OUT.gguf\n");
    return status;
}
