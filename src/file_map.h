/* A file in memory, read-only and shared with every other process that maps it. */
#ifndef RFA_FILE_MAP_H
#define RFA_FILE_MAP_H

#include "error.h"

struct rfa_file_map {
    const void *data; /* begins at a page; NULL when nothing is mapped */
    size_t bytes;
};

/* Maps all of `path`. The file must stay as it is while it is mapped: where it was cut short, an access raises SIGBUS
 * (replace a model by renaming another onto it, as refatom does). Refuses what is not a regular file and files below
 * `least_bytes` (at least 1); then *map is empty.
 *
 * RFA_ERR_IO           cannot be opened or mapped, or is not a regular file
 * RFA_ERR_FORMAT       empty or shorter than least_bytes
 * RFA_ERR_UNSUPPORTED  larger than this machine's addresses */
enum rfa_status rfa_file_map_open(struct rfa_file_map *map, const char *path, size_t least_bytes,
                                  const struct rfa_log *log);

/* Unmaps and empties *map. An empty one is fine. */
void rfa_file_map_close(struct rfa_file_map *map);

/* What follows acts on the range of `bytes` bytes at `begin`, which lies in a mapping; 0 bytes are fine. */

enum rfa_file_advice {
    RFA_FILE_WILL_NEED, /* start to read the range from the disk; returns at once */
    RFA_FILE_DONT_NEED  /* the range may leave this process's memory; the next access reads it again */
};

/* A hint: its failure costs time only, so there is no result. Pages that belong to the range in part are included for
 * WILL_NEED and left alone for DONT_NEED. */
void rfa_file_advise(const void *begin, size_t bytes, enum rfa_file_advice advice);

/* Reads the range from the disk and keeps it in memory until it is unmapped. RFA_ERR_NOMEM: over the limit
 * of locked memory (ulimit -l) or more than the machine has; then the range is not locked. `name` (a path) appears in
 * the message. */
enum rfa_status rfa_file_lock(const void *begin, size_t bytes, const char *name, const struct rfa_log *log);

#endif
