/* A file of results: JSON Lines, first a line about the run, then one a sample. Lines are appended whole and flushed,
 * so that a run can be killed at any time and continued; what a kill leaves is at most a last line without its end. */
#ifndef RFA_CLI_RESULTS_H
#define RFA_CLI_RESULTS_H

#include <stdio.h>

#include "samples.h"

/* The first line. Strings are views of what the caller or the samples own. */
struct rfa_results_run {
    const char *model;    /* file name without folders */
    const char *weights;  /* float32, float16, int8 */
    const char *sampling; /* spread, first, demo, still */
    const char *shard;    /* I/N */
    double file_bytes;    /* of the model */
    uint32_t classes;
    const char *const *labels; /* [classes] */
};

/* Appends the samples of a file. Where samples->classes is 0 it and *run are set from the file; else the file must be
 * of the same model and sampling. A last line that was cut off is not read. */
RFA_CHECKED enum rfa_status rfa_results_read(struct rfa_samples *samples, struct rfa_results_run *run,
                                             const char *path);

/* Opens the file (or makes it) for this process alone, reads it as above, removes a last line that was cut off, and
 * leaves *out at the end to write more. *empty: not even the first line was there. On failure *out is NULL. Close with
 * fclose. */
RFA_CHECKED enum rfa_status rfa_results_continue(FILE **out, bool *empty, struct rfa_samples *samples,
                                                 struct rfa_results_run *run, const char *path);

RFA_CHECKED enum rfa_status rfa_results_write_run(FILE *out, const struct rfa_results_run *run, const char *path,
                                                  const struct rfa_log *log);
RFA_CHECKED enum rfa_status rfa_results_write(FILE *out, const struct rfa_sample *sample, uint32_t classes,
                                              const char *path, const struct rfa_log *log);

#endif
