/* A folder, a glob or one picture file as a sorted list of paths. Private to src/media. */
#ifndef RFA_FILELIST_H
#define RFA_FILELIST_H

#include "refatom.h"

struct rfa_filelist {
    char **path;
    size_t count;
};

/* Lists the pictures of a folder (not hidden, ending as pictures do), the matches of a glob where no file has that very
 * name, or a picture file itself. *is_list is false, and nothing is listed, where path is something else: a video, a
 * URL, or missing. Failure: RFA_ERR_IO, and RFA_ERR_FORMAT where a folder or glob holds no picture; the list is then
 * empty. */
enum rfa_status rfa_filelist_open(struct rfa_filelist *list, bool *is_list, const char *path,
                                  const struct rfa_log *log);

void rfa_filelist_close(struct rfa_filelist *list);

/* Orders strings so that runs of digits count as numbers: "f2" < "f10". Total: equal numbers are ordered byte by byte.
 */
int rfa_natural_compare(const char *a, const char *b);

#endif
