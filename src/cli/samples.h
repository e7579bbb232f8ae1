/* Questions with their true answers, and what a model said: the annotations that `eval` reads, the results that it
 * writes and `score` reads. Both are JSON Lines; a line of results is a line of annotations with "predicted" and
 * "logits", or with "error", and where its video could be read with "complete" and "damaged_packets". */
#ifndef RFA_CLI_SAMPLES_H
#define RFA_CLI_SAMPLES_H

#include <stdint.h>

#include "json_tree.h"

/* How its video was read. */
struct rfa_sample_clip {
    bool known; /* false: it could not be read, or the results are of a version that did not say */
    bool cut_short;
    int64_t damaged; /* packets that did not decode */
};

struct rfa_sample {
    const char *key; /* no other sample of the file has it */
    const char *video, *caption;
    double at;               /* seconds from the first frame to the middle of the window; NaN: the whole video */
    double box[4];           /* the true one: x1 y1 x2 y2 as shares of width and height */
    const uint16_t *actions; /* [action_count], the true ones: from 0, ascending */
    uint32_t action_count;
    const char *error;   /* why there is no answer, or NULL */
    const float *logits; /* [classes], NULL without an answer */
    double predicted[4]; /* box */
    struct rfa_sample_clip clip;
    size_t place; /* in the order of reading */
};

struct rfa_samples {
    struct rfa_sample *item;
    size_t count, capacity;
    uint32_t classes;
    struct rfa_pool_chunk *pool; /* strings and arrays of the items */
    const struct rfa_log *log;
};

void rfa_samples_free(struct rfa_samples *samples);

/* Memory that lives as long as the samples, or NULL. */
void *rfa_samples_alloc(struct rfa_samples *samples, size_t bytes);
const char *rfa_samples_string(struct rfa_samples *samples, struct rfa_str text);

/* Appends the sample of one line. NULL, or what is wrong with it. `first_second` is the value of "second" at the first
 * frame. */
const char *rfa_samples_add(struct rfa_samples *samples, const struct rfa_json_tree *tree, double first_second);

/* Appends the samples of an annotation file and makes their keys differ: the second sample with a key gets "#2" behind
 * it. samples->classes and ->log must be set. A line has
 *
 *     "caption"   string
 *     "box"       [x1, y1, x2, y2]
 *     "labels"    AVA ids, from 1
 *     "video"     file or folder name; or only "key", VIDEO___SECOND___PERSON
 *     "at"        seconds from the first frame to the key frame; or "second", the label's time in AVA's counting;
 *                 neither: the whole video
 *     "person"    number or string, for a key that is not given
 *
 * and what else it likes. */
RFA_CHECKED enum rfa_status rfa_samples_read(struct rfa_samples *samples, const char *path, double first_second);

/* Sorts by key, equal keys in the order of reading. */
void rfa_samples_sort(struct rfa_samples *samples);

/* Finds a key among sorted samples, or NULL. */
const struct rfa_sample *rfa_samples_find(const struct rfa_samples *samples, const char *key);

/* The path FOLDER/VIDEO, with the ending of a video file where there is none of that very name. malloc'ed; NULL without
 * memory. */
char *rfa_find_video(const char *folder, const char *video);

#endif
