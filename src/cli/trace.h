/* Collects a session's named tensors and writes them as one GGUF file. */
#ifndef RFA_CLI_TRACE_H
#define RFA_CLI_TRACE_H

#include "refatom.h"

struct rfa_trace_file;

/* NULL without memory. */
struct rfa_trace_file *rfa_trace_file_new(void);
void rfa_trace_file_free(struct rfa_trace_file *file);

/* rfa_options.trace with the file as user: keeps a copy, the last one of each name. */
void rfa_trace_file_add(void *file, const struct rfa_trace *tensor);

/* Writes what was collected. */
RFA_CHECKED enum rfa_status rfa_trace_file_write(const struct rfa_trace_file *file, const char *path,
                                                 const struct rfa_log *log);

#endif
