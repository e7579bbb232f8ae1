#include "media.h"

#include <assert.h>

static int64_t sample_index(int i, int frames, int64_t n, enum rfa_sampling sampling)
{
    switch (sampling) {
    case RFA_SAMPLING_SPREAD:
        return frames == 1 ? 0 : i * (n - 1) / (frames - 1);
    case RFA_SAMPLING_FIRST:
        return i < n ? i : -1;
    case RFA_SAMPLING_DEMO:
        return i * n / frames;
    case RFA_SAMPLING_STILL:
        return 0;
    }
    assert(!"unknown sampling");
    return 0;
}

void rfa_sample_indices(int64_t *index, int64_t *key, int frames, int64_t n, enum rfa_sampling sampling)
{
    assert(frames >= 1 && n >= 1 && n < (int64_t)1 << 40);
    for (int i = 0; i < frames; i++)
        index[i] = sample_index(i, frames, n, sampling);
    *key = sampling == RFA_SAMPLING_STILL ? 0 : n / 2;
}
