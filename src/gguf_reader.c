#include "gguf_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum rfa_status rfa_gguf_refuse(const struct rfa_gguf_reader *r, enum rfa_status status, const char *format, ...)
{
    const char *remedy = status == RFA_ERR_FORMAT ? "the file is cut short or damaged: fetch or convert it again"
                                                  : "give a file made by convert.py or refatom of this version";
    char reason[640];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (!r->section)
        return rfa_fail(r->log, status, "%s: %s; %s", r->name, reason, remedy);
    return rfa_fail(r->log, status, "%s: %s %zu: %s; %s", r->name, r->section, r->index, reason, remedy);
}

enum rfa_status rfa_gguf_take(struct rfa_gguf_reader *r, const uint8_t **out, uint64_t bytes, const char *what)
{
    if (bytes > r->end - r->at) {
        rfa_gguf_refuse(r, RFA_ERR_FORMAT, "the file ends inside the %s (%llu bytes wanted at byte %zu of %zu)", what,
                        (unsigned long long)bytes, r->at, r->end);
        return RFA_ERR_FORMAT; /* a constant, so that a compiler sees that *out is set whenever it is used */
    }
    *out = r->base + r->at;
    r->at += (size_t)bytes;
    return RFA_OK;
}

enum rfa_status rfa_gguf_take_u32(struct rfa_gguf_reader *r, uint32_t *out, const char *what)
{
    const uint8_t *p;
    RFA_TRY(rfa_gguf_take(r, &p, sizeof *out, what));
    memcpy(out, p, sizeof *out);
    return RFA_OK;
}

enum rfa_status rfa_gguf_take_u64(struct rfa_gguf_reader *r, uint64_t *out, const char *what)
{
    const uint8_t *p;
    RFA_TRY(rfa_gguf_take(r, &p, sizeof *out, what));
    memcpy(out, p, sizeof *out);
    return RFA_OK;
}

enum rfa_status rfa_gguf_take_string(struct rfa_gguf_reader *r, struct rfa_str *out, uint64_t limit,
                                     enum rfa_status status, const char *what)
{
    uint64_t len;
    const uint8_t *p;
    RFA_TRY(rfa_gguf_take_u64(r, &len, what));
    if (len > limit)
        return rfa_gguf_refuse(r, status, "its %s has %llu bytes, more than the %llu allowed", what,
                               (unsigned long long)len, (unsigned long long)limit);
    RFA_TRY(rfa_gguf_take(r, &p, len, what));
    *out = (struct rfa_str){(const char *)p, (size_t)len};
    return RFA_OK;
}

enum rfa_status rfa_gguf_take_identifier(struct rfa_gguf_reader *r, struct rfa_str *out, uint64_t limit,
                                         enum rfa_status status, const char *what)
{
    RFA_TRY(rfa_gguf_take_string(r, out, limit, status, what));
    if (out->len == 0)
        return rfa_gguf_refuse(r, RFA_ERR_FORMAT, "its %s is empty", what);
    for (size_t i = 0; i < out->len; i++) {
        if (out->data[i] <= ' ' || out->data[i] > '~')
            return rfa_gguf_refuse(r, RFA_ERR_FORMAT,
                                   "its %s has the byte 0x%02x at %zu, where only printable ASCII without spaces is "
                                   "allowed",
                                   what, (unsigned)(uint8_t)out->data[i], i);
    }
    return RFA_OK;
}
