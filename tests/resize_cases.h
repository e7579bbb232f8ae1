/* What the tests of the two horizontal resize kernels share: sizes, and taps inside and outside of the row. */
#ifndef RFA_TESTS_RESIZE_CASES_H
#define RFA_TESTS_RESIZE_CASES_H

/* Tap positions of `out` outputs over `width` pixels: ascending, at most `taps` each; with `outside` up to two pixels
 * beyond. */
static void fill_taps(int32_t *first, int32_t *count, size_t out, size_t width, size_t taps, bool outside)
{
    for (size_t i = 0; i < out; i++) {
        int32_t limit = (int32_t)(taps < width || outside ? taps : width);
        count[i] = 1 + (int32_t)(random_u32() % (uint32_t)limit);
        int32_t space = (int32_t)width - count[i];
        first[i] = space > 0 ? (int32_t)(random_u32() % (uint32_t)(space + 1)) : 0;
        if (i == 0)
            first[i] = outside ? -2 : 0;
        if (i + 1 == out)
            first[i] = space + (outside ? 2 : 0);
    }
}

static const size_t resize_cases[][3] = {/* width, out, taps */ {1, 1, 1},
                                         {1, 5, 4},
                                         {2, 3, 2},
                                         {5, 7, 5},
                                         {6, 1, 6},
                                         {16, 16, 5},
                                         {17, 9, 10},
                                         {33, 5, 11},
                                         {64, 20, 16},
                                         {100, 64, 17},
                                         {299, 31, 40}};

#endif
