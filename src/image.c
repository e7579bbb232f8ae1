/* Separable resize, streamed: every source row is resized horizontally once and added at once to all output rows whose
 * vertical window holds it, in ascending order. That gives the bits of the two-pass definition without the image
 * between the passes. */
#include "image.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "resize.h"
#include "sizes.h"

/* Coefficients along one axis: output i is the sum over j < count[i] of weight[i * stride + j] * input[first[i] + j],
 * inputs clamped to the image. Weights are float, or int32 with RFA_RESIZE_BITS fraction bits in the Pillow method. */
struct axis {
    size_t in, out, stride;
    int32_t *first, *count;
    void *weight;
};

struct resize {
    float *dst; /* [3][y.out][x.out]; holds int32 sums in the Pillow method until finish() */
    struct axis x, y;
    bool pillow, bgr, negative;
    const struct rfa_image *src;
    const struct rfa_kernels *kernels;
    uint8_t *negated; /* [x.in][3] */
    float *pixels;    /* [x.in][4]: for the horizontal pass */
    void *row;        /* [x.out][3] f32 or u8: a source row after the horizontal pass */
    void *planes;     /* [3][x.out]: the same, planar, in the network's channel order */
};

/* ------------------------------------------------------------------ scratch */

/* Most weights of one axis. A window has at most 2 ceil(2 max(in/out, 1)) + 1 taps, so out windows have at most 4 in +
 * 3 out when shrinking and 5 out when growing. */
static size_t axis_weights(size_t in, size_t out)
{
    return 4 * in + 5 * out;
}

/* Takes the next `bytes` of scratch; without a base it only counts. */
static void *carve(unsigned char *base, size_t *used, size_t bytes)
{
    unsigned char *at = base ? base + *used : NULL;
    *used += rfa_round_up(bytes, 64);
    return at;
}

/* Lays the scratch out for this source size; returns its bytes. Monotone in both sides of the source. */
static size_t layout(struct resize *r, unsigned char *base)
{
    size_t used = 0;
    struct axis *axes[2] = {&r->x, &r->y};
    for (size_t i = 0; i < 2; i++) {
        axes[i]->first = carve(base, &used, axes[i]->out * sizeof(int32_t));
        axes[i]->count = carve(base, &used, axes[i]->out * sizeof(int32_t));
        axes[i]->weight = carve(base, &used, axis_weights(axes[i]->in, axes[i]->out) * sizeof(float));
    }
    r->negated = carve(base, &used, r->x.in * 3);
    r->pixels = carve(base, &used, r->x.in * 4 * sizeof(float));
    r->row = carve(base, &used, r->x.out * 3 * sizeof(float));
    r->planes = carve(base, &used, r->x.out * 3 * sizeof(float));
    return used;
}

size_t rfa_image_scratch_bytes(int max_side, uint32_t out_h, uint32_t out_w)
{
    struct resize r = {.x = {.in = (size_t)max_side, .out = out_w}, .y = {.in = (size_t)max_side, .out = out_h}};
    return layout(&r, NULL);
}

/* ------------------------------------------------------------------ coefficients */

/* Half the width of the filter at scale 1. */
static int filter_radius(enum rfa_filter filter)
{
    return filter == RFA_FILTER_BICUBIC ? 2 : 1;
}

/* The triangle, or Keys' cubic with a = -0.5, in Pillow's arithmetic. */
static double filter_f64(enum rfa_filter filter, double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (filter == RFA_FILTER_BILINEAR)
        return x < 1.0 ? 1.0 - x : 0.0;
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

/* The same in float, fused where torch's x86-64 and Arm builds fuse: their weights to the last bit. */
static float filter_tensor(enum rfa_filter filter, float x)
{
    const float a = -0.5f;
    x = fabsf(x);
    if (filter == RFA_FILTER_BILINEAR)
        return x < 1.0f ? 1.0f - x : 0.0f;
    if (x < 1.0f)
        return fmaf(fmaf(a + 2.0f, x, -(a + 3.0f)) * x, x, 1.0f);
    return x < 2.0f ? fmaf(fmaf(fmaf(a, x, -5.0f * a), x, 8.0f * a), x, -4.0f * a) : 0.0f;
}

/* torch without antialiasing: a = -0.75, nothing fused. 0 <= x <= 2. */
static float filter_tensor_no_aa(enum rfa_filter filter, float x)
{
    const float a = -0.75f;
    if (filter == RFA_FILTER_BILINEAR)
        return 1.0f - x;
    if (x <= 1.0f)
        return ((a + 2.0f) * x - (a + 3.0f)) * x * x + 1.0f;
    return ((a * x - 5.0f * a) * x + 8.0f * a) * x - 4.0f * a;
}

/* Stores the window [low, high) of output i, cut to the image. */
static void set_window(struct axis *axis, size_t i, double low, double high)
{
    int32_t first = low > 0.0 ? (int32_t)low : 0;
    int32_t last = high < (double)axis->in ? (int32_t)high : (int32_t)axis->in;
    int32_t count = last - first;
    axis->first[i] = first;
    axis->count[i] = count < (int32_t)axis->stride ? count : (int32_t)axis->stride;
}

/* Pillow: geometry and weights in double, then rounded half away from zero to fixed point. */
static void fill_pillow(struct axis *axis, enum rfa_filter filter)
{
    int32_t *weight = axis->weight;
    double scale = (double)axis->in / (double)axis->out;
    double stretch = scale < 1.0 ? 1.0 : scale, inverse = 1.0 / stretch;
    double support = filter_radius(filter) * stretch;
    axis->stride = (size_t)ceil(support) * 2 + 1;
    for (size_t i = 0; i < axis->out; i++, weight += axis->stride) {
        double centre = ((double)i + 0.5) * scale, total = 0.0;
        set_window(axis, i, centre - support + 0.5, centre + support + 0.5);
        for (int32_t j = 0; j < axis->count[i]; j++)
            total += filter_f64(filter, (j + axis->first[i] - centre + 0.5) * inverse);
        for (int32_t j = 0; j < axis->count[i]; j++) {
            double w = filter_f64(filter, (j + axis->first[i] - centre + 0.5) * inverse) / total;
            weight[j] = (int32_t)(w * (1 << RFA_RESIZE_BITS) + (w < 0.0 ? -0.5 : 0.5));
        }
    }
}

/* torch with antialiasing: everything rounded to float where torch does. */
static void fill_tensor(struct axis *axis, enum rfa_filter filter)
{
    float *weight = axis->weight;
    float scale = (float)axis->in / (float)axis->out;
    float stretch = scale < 1.0f ? 1.0f : scale, inverse = 1.0f / stretch;
    float support = (float)filter_radius(filter) * stretch;
    axis->stride = (size_t)ceilf(support) * 2 + 1;
    for (size_t i = 0; i < axis->out; i++, weight += axis->stride) {
        float centre = (float)(scale * ((double)i + 0.5)), total = 0.0f;
        set_window(axis, i, centre - support + 0.5, centre + support + 0.5);
        float offset = (float)axis->first[i] - centre;
        for (int32_t j = 0; j < axis->count[i]; j++) {
            weight[j] = filter_tensor(filter, (float)(((float)j + offset + 0.5) * inverse));
            total += weight[j];
        }
        for (int32_t j = 0; j < axis->count[i]; j++)
            weight[j] /= total;
    }
}

/* torch without antialiasing: 2 or 4 taps around the source position; taps outside are clamped by the passes. The
 * position is fused for the cubic. For the triangle torch has two compiled paths, one of them fused, and chooses by
 * size and thread count; the plain one, which serves large outputs, is taken here, and the other differs by the
 * rounding of the position. */
static void fill_tensor_no_aa(struct axis *axis, enum rfa_filter filter)
{
    float *weight = axis->weight;
    float scale = (float)axis->in / (float)axis->out;
    int32_t taps = 2 * filter_radius(filter), before = taps / 2 - 1;
    axis->stride = (size_t)taps;
    for (size_t i = 0; i < axis->out; i++, weight += taps) {
        float centre = (float)i + 0.5f;
        float at = filter == RFA_FILTER_BICUBIC ? fmaf(scale, centre, -0.5f) : fmaxf(scale * centre - 0.5f, 0.0f);
        float base = fminf(floorf(at), (float)axis->in - 1.0f);
        float fraction = fminf(fmaxf(at - base, 0.0f), 1.0f);
        axis->first[i] = (int32_t)base - before;
        axis->count[i] = taps;
        for (int32_t j = 0; j < taps; j++) {
            float distance = j <= before ? fraction + (float)(before - j) : 1.0f - fraction + (float)(j - before - 1);
            weight[j] = filter_tensor_no_aa(filter, distance);
        }
    }
}

static void fill_axis(struct axis *axis, const struct rfa_preprocess *p)
{
    if (p->resize == RFA_RESIZE_PILLOW)
        fill_pillow(axis, p->filter);
    else if (p->resize == RFA_RESIZE_TENSOR)
        fill_tensor(axis, p->filter);
    else
        fill_tensor_no_aa(axis, p->filter);
}

/* ------------------------------------------------------------------ passes */

/* All sums start from zero, or from one half in fixed point. */
static void clear_sums(const struct resize *r)
{
    size_t n = 3 * r->y.out * r->x.out;
    int32_t start = 1 << (RFA_RESIZE_BITS - 1);
    if (!r->pillow) {
        memset(r->dst, 0, n * sizeof *r->dst);
        return;
    }
    int32_t *sums = (int32_t *)(void *)r->dst;
    for (size_t i = 0; i < n; i++)
        sums[i] = start;
}

static const uint8_t *source_row(const struct resize *r, size_t y)
{
    const uint8_t *row = r->src->rgb + (ptrdiff_t)y * r->src->stride;
    if (!r->negative)
        return row;
    for (size_t i = 0; i < r->x.in * 3; i++)
        r->negated[i] = (uint8_t)(256 - row[i]);
    return r->negated;
}

/* Horizontal pass of source row y into r->planes. */
static void resize_row(const struct resize *r, size_t y)
{
    const struct rfa_resize_h_args args = {
        .dst = r->row,
        .src = source_row(r, y),
        .width = r->x.in,
        .out = r->x.out,
        .first = r->x.first,
        .count = r->x.count,
        .weight = r->x.weight,
        .stride = r->x.stride,
        .scratch = r->pixels,
    };
    if (r->pillow)
        r->kernels->resize_h_u8(&args);
    else
        r->kernels->resize_h_f32(&args);
    for (size_t c = 0; c < 3; c++) {
        size_t from = r->bgr ? 2 - c : c;
        if (r->pillow) {
            const uint8_t *row = (const uint8_t *)r->row + from;
            uint8_t *plane = (uint8_t *)r->planes + c * r->x.out;
            for (size_t x = 0; x < r->x.out; x++)
                plane[x] = row[x * 3];
        } else {
            const float *row = (const float *)r->row + from;
            float *plane = (float *)r->planes + c * r->x.out;
            for (size_t x = 0; x < r->x.out; x++)
                plane[x] = row[x * 3];
        }
    }
}

/* Adds r->planes, times weight `tap` of output row i, to that row. */
static void add_row(const struct resize *r, size_t i, size_t tap)
{
    size_t w = r->x.out;
    for (size_t c = 0; c < 3; c++) {
        float *sums = r->dst + (c * r->y.out + i) * w;
        if (r->pillow) {
            int32_t weight = ((const int32_t *)r->y.weight)[i * r->y.stride + tap];
            r->kernels->resize_v_u8((int32_t *)(void *)sums, (const uint8_t *)r->planes + c * w, weight, w);
        } else {
            float weight = ((const float *)r->y.weight)[i * r->y.stride + tap];
            r->kernels->resize_v_f32(sums, (const float *)r->planes + c * w, weight, w);
        }
    }
}

/* Source row of a tap of output row i. */
static size_t tap_row(const struct axis *axis, size_t i, int32_t tap)
{
    return rfa_resize_clamp(axis->first[i] + tap, axis->in);
}

/* Streams the source rows. Output rows [top, ...) are the unfinished ones; windows start and end in ascending order. */
static void run_passes(const struct resize *r)
{
    const struct axis *axis = &r->y;
    size_t top = 0;
    for (size_t y = 0; y < axis->in && top < axis->out; y++) {
        bool resized = false;
        for (size_t i = top; i < axis->out && tap_row(axis, i, 0) <= y; i++) {
            for (int32_t tap = 0; tap < axis->count[i]; tap++) {
                if (tap_row(axis, i, tap) != y)
                    continue;
                if (!resized)
                    resize_row(r, y);
                resized = true;
                add_row(r, i, (size_t)tap);
            }
        }
        while (top < axis->out && tap_row(axis, top, axis->count[top] - 1) <= y)
            top++;
    }
}

/* Sums to pixels where they are fixed point, then (x - mean) / std. */
static void finish(const struct resize *r, const struct rfa_preprocess *p)
{
    size_t plane = r->y.out * r->x.out;
    for (size_t c = 0; c < 3; c++)
        r->kernels->normalise_f32(r->dst + c * plane, plane, r->pillow, p->mean[c], p->std[c]);
}

static void fill_zero_image(float *dst, size_t plane, const struct rfa_preprocess *p)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < plane; i++)
            dst[c * plane + i] = (0.0f - p->mean[c]) / p->std[c];
}

void rfa_image_prepare(float *dst, const struct rfa_image *src, uint32_t h, uint32_t w, const struct rfa_preprocess *p,
                       bool bgr, bool negative, const struct rfa_kernels *kernels, void *scratch)
{
    if (!src) {
        fill_zero_image(dst, (size_t)h * w, p);
        return;
    }
    struct resize r = {.dst = dst,
                       .x = {.in = (size_t)src->width, .out = w},
                       .y = {.in = (size_t)src->height, .out = h},
                       .pillow = p->resize == RFA_RESIZE_PILLOW,
                       .bgr = bgr,
                       .negative = negative,
                       .src = src,
                       .kernels = kernels};
    layout(&r, scratch);
    fill_axis(&r.x, p);
    fill_axis(&r.y, p);
    clear_sums(&r);
    run_passes(&r);
    finish(&r, p);
}
