#include "persons.h"

/* As the model decides: the first of the largest scores. */
static bool decide(double *margin, const float *score, size_t classes, size_t person)
{
    size_t best = 0, other = person == 0 ? 1 : 0;
    for (size_t i = 1; i < classes; i++) {
        if (score[i] > score[best])
            best = i;
        if (i != person && score[i] > score[other])
            other = i;
    }
    *margin = (double)score[person] - (double)score[other < classes ? other : person];
    return best == person;
}

size_t rfa_persons_compare(struct rfa_person_change *out, const float *left, const float *right, size_t detections,
                           size_t classes, size_t person)
{
    size_t changes = 0;
    for (size_t i = 0; i < detections; i++) {
        struct rfa_person_change c = {.detection = i};
        c.person[0] = decide(&c.margin[0], left + i * classes, classes, person);
        c.person[1] = decide(&c.margin[1], right + i * classes, classes, person);
        if (c.person[0] != c.person[1])
            out[changes++] = c;
    }
    return changes;
}
