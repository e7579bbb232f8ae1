/* Untrusted bytes, taken from front to back: what gguf_parse.c reads a file with. */
#ifndef RFA_GGUF_READER_H
#define RFA_GGUF_READER_H

#include "gguf.h"

/* Where reading stands, and what a message has to say about it. */
struct rfa_gguf_reader {
    const uint8_t *base;
    size_t at, end;      /* end: bytes in the file */
    const char *section; /* NULL: the file as a whole */
    size_t index;        /* of the entry within the section */
    const char *name;
    const struct rfa_log *log;
};

/* "NAME: SECTION INDEX: reason; remedy". The remedy follows from the status, which is returned. */
enum rfa_status rfa_gguf_refuse(const struct rfa_gguf_reader *r, enum rfa_status status, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* The next bytes of the file, which has to have them; `what` names them in the message. */
enum rfa_status rfa_gguf_take(struct rfa_gguf_reader *r, const uint8_t **out, uint64_t bytes, const char *what);
enum rfa_status rfa_gguf_take_u32(struct rfa_gguf_reader *r, uint32_t *out, const char *what);
enum rfa_status rfa_gguf_take_u64(struct rfa_gguf_reader *r, uint64_t *out, const char *what);

/* A string of at most `limit` bytes; longer ones are refused with `status`. */
enum rfa_status rfa_gguf_take_string(struct rfa_gguf_reader *r, struct rfa_str *out, uint64_t limit,
                                     enum rfa_status status, const char *what);

/* The same for keys and tensor names: printable ASCII without spaces, so that they can be shown and compared bytewise.
 */
enum rfa_status rfa_gguf_take_identifier(struct rfa_gguf_reader *r, struct rfa_str *out, uint64_t limit,
                                         enum rfa_status status, const char *what);

#endif
