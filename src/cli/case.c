#include "case.h"

#include <stdlib.h>
#include <string.h>

#include "file_map.h"
#include "gguf.h"

struct rfa_case {
    struct rfa_file_map map;
    void *table;
    struct rfa_gguf gguf;
};

static enum rfa_status open_case(struct rfa_case *c, const char *path, const struct rfa_log *log)
{
    size_t bytes;
    RFA_TRY(rfa_file_map_open(&c->map, path, 1, log));
    RFA_TRY(rfa_gguf_table_bytes(&bytes, c->map.data, c->map.bytes, path, log));
    c->table = malloc(bytes ? bytes : 1);
    if (!c->table)
        return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory for its table of %zu bytes; close other programs", path,
                        bytes);
    return rfa_gguf_parse(&c->gguf, c->table, bytes, c->map.data, c->map.bytes, path, log);
}

static void close_case(struct rfa_case *c)
{
    free(c->table);
    rfa_file_map_close(&c->map);
}

/* A tensor of the case with the shape the model wants (0: any length). */
static enum rfa_status find(const struct rfa_gguf_tensor **out, const struct rfa_case *c, const char *path,
                            const char *name, enum rfa_type type, uint32_t rank, const uint64_t *dim,
                            const struct rfa_log *log)
{
    const struct rfa_gguf_tensor *t = rfa_gguf_find_tensor(&c->gguf, (struct rfa_str){name, strlen(name)});
    if (!t)
        return rfa_fail(log, RFA_ERR_SHAPE,
                        "%s: tensor '%s' is missing; a case holds frames, key_frame, sentence_ids, keyword_ids", path,
                        name);
    bool fits = t->type == type && t->rank == rank;
    for (uint32_t i = 0; fits && i < rank; i++)
        fits = dim[i] == 0 || t->dim[i] == dim[i];
    if (!fits)
        return rfa_fail(log, RFA_ERR_SHAPE,
                        "%s: tensor '%s' does not have the shape or type of this model's input; use a case of the same "
                        "configuration",
                        path, name);
    *out = t;
    return RFA_OK;
}

static enum rfa_status encode(rfa_session *s, const struct rfa_case *c, const rfa_model *model, const char *path,
                              const struct rfa_log *log)
{
    struct rfa_model_info info;
    const struct rfa_gguf_tensor *frames = NULL, *key = NULL, *sentence = NULL, *keywords = NULL;
    rfa_model_get_info(&info, model);
    const uint64_t frame_dim[] = {info.frames, 3, info.image_size, info.image_size},
                   key_dim[] = {3, info.key_height, info.key_width};
    const uint64_t any[] = {0};
    RFA_TRY(find(&frames, c, path, "frames", RFA_TYPE_F32, 4, frame_dim, log));
    RFA_TRY(find(&key, c, path, "key_frame", RFA_TYPE_F32, 3, key_dim, log));
    RFA_TRY(find(&sentence, c, path, "sentence_ids", RFA_TYPE_I32, 1, any, log));
    if (info.keyword_limit)
        RFA_TRY(find(&keywords, c, path, "keyword_ids", RFA_TYPE_I32, 1, any, log));
    RFA_TRY(rfa_encode_frame_pixels(s, 0, frames->data, info.frames));
    RFA_TRY(rfa_encode_scene_pixels(s, key->data));
    return rfa_encode_ids(s, sentence->data, sentence->dim[0], keywords ? keywords->data : NULL,
                          keywords ? keywords->dim[0] : 0);
}

enum rfa_status rfa_case_encode(rfa_session *session, const rfa_model *model, const char *path,
                                const struct rfa_log *log)
{
    struct rfa_case c = {.table = NULL};
    enum rfa_status status = open_case(&c, path, log);
    if (status == RFA_OK)
        status = encode(session, &c, model, path, log);
    close_case(&c);
    return status;
}
