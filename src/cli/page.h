/* A report of a score as one self-contained HTML page. */
#ifndef RFA_CLI_PAGE_H
#define RFA_CLI_PAGE_H

#include "score.h"

/* Writes figures, plots, and the best and the worst samples with their key frames. videos may be NULL: then there are
 * no pictures. A JPEG beside `path` is made and removed on the way. */
RFA_CHECKED enum rfa_status rfa_page_write(const char *path, const struct rfa_score *score,
                                           const struct rfa_results_run *run, const struct rfa_samples *samples,
                                           const char *videos);

#endif
