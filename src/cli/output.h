/* A file that is being made. It gets its name when it is complete: until then, and after a failure, Ctrl-C, a
 * termination or the end of who reads our standard output, whatever stood under that name stays as it was. */
#ifndef RFA_CLI_OUTPUT_H
#define RFA_CLI_OUTPUT_H

#include <stdio.h>

#include "refatom.h"

struct rfa_output {
    const struct rfa_log *log;
    char *path;      /* the file that is meant, symbolic links followed */
    char *temporary; /* beside it and with the same ending; NULL for a device or pipe, which is written to directly */
};

/* Makes an empty temporary file. On failure nothing is left to end. */
RFA_CHECKED enum rfa_status rfa_output_begin(struct rfa_output *output, const char *path, const struct rfa_log *log);

/* Where to write until the end. */
const char *rfa_output_name(const struct rfa_output *output);

/* For what writes there: passes messages on, with the name that is meant in place of the temporary one. Valid until the
 * end, while `output` stays where it is. */
struct rfa_log rfa_output_log(struct rfa_output *output);

/* After writing that ended with `status`: gives the file its name, or removes it. Returns the first failure. An output
 * that was not begun (all zero) is fine. */
enum rfa_status rfa_output_end(struct rfa_output *output, enum rfa_status status);

/* Sets a signal's handler, with the flags of sigaction: one that whoever started us has switched off stays off. May be
 * called by a handler. */
void rfa_output_handle(int number, void (*handler)(int), int flags);

/* From now on the signal ends the program, unless it is ignored, and outputs that are not complete are removed. May be
 * called by a handler. */
void rfa_output_end_by(int number);

/* The same for text by stdio: NULL after a message; and the end of it, where a file that could not take everything is a
 * failure, with a message. */
FILE *rfa_output_open(struct rfa_output *output, const char *path, const struct rfa_log *log);
RFA_CHECKED enum rfa_status rfa_output_close(struct rfa_output *output, FILE *file, enum rfa_status status);

/* False after a message where `path` (NULL: none) is one of the files that are read (NULL: none). */
bool rfa_output_is_no_input(const char *path, const char *const *input, size_t count);

#endif
