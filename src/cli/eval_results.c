#include "eval_results.h"

#include "error.h"
#include "output.h"

/* Every line of the results must be of one of the annotations. */
static enum rfa_status check_done(const struct rfa_eval_results *r, const struct rfa_clip_groups *clips)
{
    size_t found = 0;
    for (size_t i = 0; i < clips->count; i++)
        found += clips->group[i].count - rfa_clip_group_left(clips, &clips->group[i], &r->done);
    if (found == r->done.count)
        return RFA_OK;
    return rfa_fail(r->done.log, RFA_ERR_FORMAT,
                    "%s: holds %zu samples, of which %zu are in this part of %s; give another file for other "
                    "annotations or another shard",
                    r->path, r->done.count, found, r->annotations);
}

static enum rfa_status write_answered(struct rfa_eval_results *r, FILE *out)
{
    size_t kept = 0;
    RFA_TRY(rfa_results_write_run(out, &r->run, r->path, r->done.log));
    for (size_t i = 0; i < r->done.count; i++) {
        if (r->done.item[i].error)
            continue;
        RFA_TRY(rfa_results_write(out, &r->done.item[i], r->run.classes, r->path, r->done.log));
        r->done.item[kept++] = r->done.item[i];
    }
    r->done.count = kept;
    return RFA_OK;
}

/* Writes the results anew without those that had no answer: beside the file, then in its place. */
static enum rfa_status drop_failures(struct rfa_eval_results *r)
{
    struct rfa_output output;
    struct rfa_results_run run;
    FILE *out = NULL;
    bool empty;
    RFA_TRY(rfa_output_begin(&output, r->path, r->done.log));
    const struct rfa_log named = rfa_output_log(&output);
    struct rfa_samples none = {.log = &named};
    enum rfa_status status = rfa_results_continue(&out, &empty, &none, &run, rfa_output_name(&output));
    if (status == RFA_OK)
        status = write_answered(r, out);
    status = rfa_output_end(&output, status);
    FILE *unused = status == RFA_OK ? r->out : out;
    if (status == RFA_OK)
        r->out = out;
    if (unused)
        fclose(unused);
    return status;
}

enum rfa_status rfa_eval_results_open(struct rfa_eval_results *r, const struct rfa_clip_groups *clips, bool retry)
{
    bool empty;
    RFA_TRY(rfa_results_continue(&r->out, &empty, &r->done, &r->run, r->path));
    if (retry && !empty)
        RFA_TRY(drop_failures(r));
    rfa_samples_sort(&r->done);
    RFA_TRY(check_done(r, clips));
    return empty ? rfa_results_write_run(r->out, &r->run, r->path, r->done.log) : RFA_OK;
}
