/* Which detections are persons, and which of these decisions two runs take differently. */
#ifndef RFA_CLI_PERSONS_H
#define RFA_CLI_PERSONS_H

#include <stdbool.h>
#include <stddef.h>

struct rfa_person_change {
    size_t detection;
    bool person[2];   /* on the left and on the right */
    double margin[2]; /* score of the class 'person' minus the best other one */
};

/* The decisions on [detections][classes] scores that differ, into out[detections]; returns how many. */
size_t rfa_persons_compare(struct rfa_person_change *out, const float *left, const float *right, size_t detections,
                           size_t classes, size_t person);

#endif
