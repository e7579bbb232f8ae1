/* What every file that calls FFmpeg shares: its messages and its error codes. Private to src/media. */
#ifndef RFA_LIBAV_H
#define RFA_LIBAV_H

#include "error.h"

/* Takes FFmpeg's messages away from the terminal, once a process; forgets those of this thread so far. Before any other
 * call. */
void rfa_libav_begin(void);

/* rfa_fail with "<path>: <what>: <FFmpeg's reason> (<its last message on this thread>); <remedy>". The status follows
 * from `error`, an AVERROR. */
enum rfa_status rfa_libav_fail(const struct rfa_log *log, int error, const char *path, const char *what,
                               const char *remedy);

#endif
