/* GGUF v3 files, written in one pass: metadata and tensor shapes first, then the data in the order of the declarations,
 * in pieces of any size. The file grows under a temporary name beside its target and takes the target's place when it
 * is complete, so a reader never sees half a file and a failure leaves the old one alone.
 *
 *     rfa_gguf_writer_open    -> writer
 *     rfa_gguf_put_*          metadata, any number
 *     rfa_gguf_declare        tensors, any number, before the first rfa_gguf_write
 *     rfa_gguf_write          data: all bytes of all tensors, in order; the padding is the writer's
 *     rfa_gguf_writer_finish  renames and frees;  rfa_gguf_writer_discard removes and frees
 *
 * put and declare have no result: the first failure is logged where it happens and kept, and every later call, finish
 * included, returns it. The limits are the reader's (gguf.h), so what was written can be read.
 */
#ifndef RFA_GGUF_WRITER_H
#define RFA_GGUF_WRITER_H

#include "gguf.h"

struct rfa_gguf_writer;

enum { RFA_GGUF_WRITER_ALIGNMENT = 64 }; /* of every tensor; written as general.alignment */

/* Creates the temporary file. `path` is copied; `log` must outlive the writer. The writer owns what it opens; free it
 * with finish or discard. RFA_ERR_IO: the target is something else than a file, or the folder cannot be written; then
 * *out is NULL. */
enum rfa_status rfa_gguf_writer_open(struct rfa_gguf_writer **out, const char *path, const struct rfa_log *log);

/* Metadata. Strings are copied. A key may be given once; general.alignment is the writer's. */
void rfa_gguf_put_u32(struct rfa_gguf_writer *w, const char *key, uint32_t value);
void rfa_gguf_put_u64(struct rfa_gguf_writer *w, const char *key, uint64_t value);
void rfa_gguf_put_i32(struct rfa_gguf_writer *w, const char *key, int32_t value);
void rfa_gguf_put_i64(struct rfa_gguf_writer *w, const char *key, int64_t value);
void rfa_gguf_put_f32(struct rfa_gguf_writer *w, const char *key, float value);
void rfa_gguf_put_f64(struct rfa_gguf_writer *w, const char *key, double value);
void rfa_gguf_put_bool(struct rfa_gguf_writer *w, const char *key, bool value);
void rfa_gguf_put_string(struct rfa_gguf_writer *w, const char *key, struct rfa_str value);

/* A value as a file's table has it, copied: arrays byte for byte, numbers in 32 bits where those hold them, else in 64.
 * general.alignment is skipped. */
void rfa_gguf_put_value(struct rfa_gguf_writer *w, const struct rfa_gguf_value *value);

/* Asks for refatom.digest (digest.h), which finish fills in. Once; any time before the first data. */
void rfa_gguf_put_digest(struct rfa_gguf_writer *w);

/* Declares the next tensor: 1 to RFA_MAX_DIMS dimensions in the order of C, none 0. */
void rfa_gguf_declare(struct rfa_gguf_writer *w, struct rfa_str name, enum rfa_type type, uint32_t rank,
                      const uint64_t *dim);

/* The next bytes of the data; a piece may end inside a tensor or run on into the next. The first call writes the head
 * of the file. RFA_ERR_IO: the disk refused. RFA_ERR_ARG: more bytes than were declared. */
enum rfa_status rfa_gguf_write(struct rfa_gguf_writer *w, const void *data, size_t bytes);

/* Completes the file and renames it onto its target. Frees *w and sets it to NULL in every case. Any failure, also an
 * earlier one or missing data (RFA_ERR_ARG), removes the temporary file and is returned. */
enum rfa_status rfa_gguf_writer_finish(struct rfa_gguf_writer **w);

/* Removes the temporary file, frees *w and sets it to NULL. *w may be NULL: then nothing happens. */
void rfa_gguf_writer_discard(struct rfa_gguf_writer **w);

#endif
