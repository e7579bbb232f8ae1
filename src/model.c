/* Opening a model: map, parse, configure, build the graph, index the vocabulary. The only part of the library that
 * allocates. */
#include "alloc.h"
#include "file_map.h"
#include "session.h"
#include "sort.h"

/* The strings of an array value as views; free with rfa_free. */
static struct rfa_str *string_views(const struct rfa_gguf_value *value)
{
    struct rfa_str *list = rfa_alloc((size_t)value->as.array.count * sizeof *list);
    const uint8_t *cursor = value->as.array.data;
    for (uint64_t i = 0; list && i < value->as.array.count; i++)
        list[i] = rfa_gguf_next_string(&cursor);
    return list;
}

static enum rfa_status load_text(struct rfa_model *m, const struct rfa_log *log)
{
    const struct rfa_config *c = &m->config;
    size_t tokens = (size_t)c->tokens->as.array.count;
    m->stop_count = c->stop_words ? (size_t)c->stop_words->as.array.count : 0;
    m->stop = m->stop_count ? string_views(c->stop_words) : NULL;
    struct rfa_str *token = string_views(c->tokens);
    m->vocab_memory = rfa_alloc(rfa_vocab_bytes(tokens));
    enum rfa_status status = RFA_OK;
    if (!token || !m->vocab_memory || (m->stop_count && !m->stop))
        status = rfa_fail(log, RFA_ERR_NOMEM, "no memory for a vocabulary of %zu tokens; close other programs", tokens);
    else
        status = rfa_vocab_init(&m->vocab, m->vocab_memory, rfa_vocab_bytes(tokens), token, tokens, log);
    if (m->stop)
        rfa_sort(m->stop, m->stop_count, sizeof *m->stop, rfa_str_compare);
    rfa_free(token);
    return status;
}

static enum rfa_status build(struct rfa_model *m, const char *name, const struct rfa_log *log)
{
    struct rfa_build b = {.graph = &m->graph, .gguf = &m->gguf, .file = name, .log = log, .status = RFA_OK};
    rfa_build_pipeline(&b, &m->config);
    rfa_build_finish(&b);
    return b.status;
}

static void describe(struct rfa_model *m)
{
    const struct rfa_config *c = &m->config;
    size_t bytes[4] = {0, 0, 0, 0};
    struct rfa_model_info *info = &m->info;
    *info = (struct rfa_model_info){.variant = c->variant == RFA_VARIANT_REFATOMNET_PP ? "refatomnet++" : "refatomnet",
                                    .frames = c->frames,
                                    .actions = c->actions,
                                    .image_size = c->image_size,
                                    .key_height = c->key_frame_size[0],
                                    .key_width = c->key_frame_size[1],
                                    .queries = c->detr_queries,
                                    .visual_tokens = c->visual_tokens,
                                    .sentence_limit = c->text_positions,
                                    .keyword_limit = c->variant == RFA_VARIANT_REFATOMNET_PP ? c->keyword_limit : 0,
                                    .tensors = m->gguf.tensor_count,
                                    .file_bytes = m->gguf.file_bytes,
                                    .sampling = (int)c->sampling};
    for (size_t i = 0; i < m->gguf.tensor_count; i++) {
        const struct rfa_gguf_tensor *t = &m->gguf.tensor[i];
        bytes[t->type] += t->bytes;
        info->weight_bytes += t->bytes;
        if (t->type != RFA_TYPE_I32)
            info->parameters += t->bytes / rfa_type_bytes(t->type);
    }
    info->weights = bytes[RFA_TYPE_I8] > bytes[RFA_TYPE_F16] && bytes[RFA_TYPE_I8] > bytes[RFA_TYPE_F32] / 4 ? "int8"
                    : bytes[RFA_TYPE_F16] > bytes[RFA_TYPE_F32] / 2                                          ? "float16"
                                                                    : "float32";
}

static enum rfa_status load(struct rfa_model *m, const void *file, size_t bytes, const char *name,
                            const struct rfa_log *log)
{
    size_t table_bytes;
    RFA_TRY(rfa_gguf_table_bytes(&table_bytes, file, bytes, name, log));
    m->table = rfa_alloc(table_bytes);
    if (!m->table)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory for its table of %zu bytes; close other programs", name,
                        table_bytes);
    RFA_TRY(rfa_gguf_parse(&m->gguf, m->table, table_bytes, file, bytes, name, log));
    RFA_TRY(rfa_config_read(&m->config, &m->gguf, name, log));
    RFA_TRY(build(m, name, log));
    RFA_TRY(load_text(m, log));
    describe(m);
    return RFA_OK;
}

enum rfa_status rfa_model_open_memory(rfa_model **out, const void *file, size_t bytes, const struct rfa_log *log)
{
    if (!out)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_model_open_memory: out is NULL; pass the address of a pointer");
    *out = NULL;
    if (!file || (uintptr_t)file % 64 != 0)
        return rfa_fail(log, RFA_ERR_ARG,
                        "rfa_model_open_memory: the file is NULL or not aligned to 64 bytes; move it");
    rfa_model *m = rfa_alloc(sizeof *m);
    if (!m)
        return rfa_fail(log, RFA_ERR_NOMEM, "no memory for a model; close other programs");
    enum rfa_status status = load(m, file, bytes, "model in memory", log);
    if (status == RFA_OK)
        *out = m;
    else
        rfa_model_close(&m);
    return status;
}

enum rfa_status rfa_model_open(rfa_model **out, const char *path, const struct rfa_log *log)
{
    if (!out || !path)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_model_open: out or path is NULL; pass both");
    *out = NULL;
    rfa_model *m = rfa_alloc(sizeof *m);
    if (!m)
        return rfa_fail(log, RFA_ERR_NOMEM, "no memory for a model; close other programs");
    struct rfa_file_map map;
    enum rfa_status status = rfa_file_map_open(&map, path, 1, log);
    m->map = map.data;
    m->map_bytes = map.bytes;
    if (status == RFA_OK)
        status = load(m, map.data, map.bytes, path, log);
    if (status == RFA_OK)
        *out = m;
    else
        rfa_model_close(&m);
    return status;
}

void rfa_model_prefetch(const rfa_model *model)
{
    if (model && model->map)
        rfa_file_advise(model->map, model->map_bytes, RFA_FILE_WILL_NEED);
}

enum rfa_status rfa_model_lock(const rfa_model *model, const struct rfa_log *log)
{
    if (!model)
        return rfa_fail(log, RFA_ERR_ARG, "rfa_model_lock: the model is NULL; open one first");
    return model->map ? rfa_file_lock(model->map, model->map_bytes, "the model", log) : RFA_OK;
}

void rfa_model_close(rfa_model **model)
{
    if (!model || !*model)
        return;
    rfa_model *m = *model;
    struct rfa_file_map map = {m->map, m->map_bytes};
    rfa_file_map_close(&map);
    rfa_free(m->graph.tensor);
    rfa_free(m->graph.step);
    rfa_free(m->graph.trace);
    rfa_free(m->stop);
    rfa_free(m->vocab_memory);
    rfa_free(m->table);
    rfa_free(m);
    *model = NULL;
}

void rfa_model_get_info(struct rfa_model_info *info, const rfa_model *model)
{
    *info = model->info;
}

const char *rfa_model_label(size_t *length, const rfa_model *model, uint32_t i)
{
    const struct rfa_gguf_value *labels = model->config.labels;
    *length = 0;
    if (!labels || i >= labels->as.array.count)
        return NULL;
    const uint8_t *cursor = labels->as.array.data;
    struct rfa_str label = {NULL, 0};
    for (uint32_t j = 0; j <= i; j++)
        label = rfa_gguf_next_string(&cursor);
    *length = label.len;
    return label.data;
}
