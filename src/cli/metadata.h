/* A list of metadata in memory, for files that are made and not converted: filled by code and by a JSON file, read as
 * if it stood in a model file, written with rfa_gguf_put_value. */
#ifndef RFA_CLI_METADATA_H
#define RFA_CLI_METADATA_H

#include "gguf.h"

enum { RFA_METADATA_MAX = 256 };

struct rfa_metadata {
    struct rfa_gguf_value value[RFA_METADATA_MAX];
    const struct rfa_gguf_value *by_key[RFA_METADATA_MAX];
    void *memory[2 * RFA_METADATA_MAX]; /* keys and contents */
    size_t count, memory_count;
    enum rfa_status status; /* the first failure; later calls do nothing */
    const char *name;       /* a path, for messages */
    const struct rfa_log *log;
};

/* The list holds pointers into itself: it must stay where it is. */
void rfa_metadata_start(struct rfa_metadata *m, const char *name, const struct rfa_log *log);
void rfa_metadata_free(struct rfa_metadata *m);

bool rfa_metadata_has(const struct rfa_metadata *m, struct rfa_str key);

/* Everything given is copied. A key that is there already: RFA_ERR_FORMAT. */
void rfa_metadata_uint(struct rfa_metadata *m, struct rfa_str key, uint64_t value);
void rfa_metadata_int(struct rfa_metadata *m, struct rfa_str key, int64_t value);
void rfa_metadata_float(struct rfa_metadata *m, struct rfa_str key, double value);
void rfa_metadata_bool(struct rfa_metadata *m, struct rfa_str key, bool value);
void rfa_metadata_string(struct rfa_metadata *m, struct rfa_str key, struct rfa_str value);
void rfa_metadata_uints(struct rfa_metadata *m, struct rfa_str key, const uint32_t *value, size_t count);
void rfa_metadata_floats(struct rfa_metadata *m, struct rfa_str key, const float *value, size_t count);
void rfa_metadata_strings(struct rfa_metadata *m, struct rfa_str key, const struct rfa_str *value, size_t count);

/* The list as a file without tensors. Valid until the list changes. */
struct rfa_gguf rfa_metadata_view(struct rfa_metadata *m);

#endif
