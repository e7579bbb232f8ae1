/* Convolutions as matrix products: a block of output pixels gathers its windows into rows (implicit im2col, one block
 * at a time) and multiplies them with [out, kh*kw*in] weights. Maps are [h*w][channels]. */
#include "ops.h"

#include <string.h>

#include "quant.h"

/* Output pixels of a task at most: their windows and results stay in a core's second-level cache. */
enum { PIXELS = 96 };

struct conv {
    const struct rfa_session *s;
    const struct rfa_step *step;
    size_t pixels; /* of the output */
    struct rfa_split split;
    size_t element;               /* bytes of an input value: 1 or 4 */
    size_t in_stride, row_stride; /* bytes from pixel to pixel of the input map, and between gathered rows */
    unsigned char pad;            /* byte that stands for zero */
    bool direct;                  /* 1x1 with stride 1: the map's rows are the operand */
    uint32_t *magnitude;          /* of the result, one a thread; NULL: nobody asks */
};

/* Pieces of 16 to 32 bytes (the first convolution's) as two of a size that the compiler knows. */
static inline void copy_piece(unsigned char *dst, const unsigned char *src, size_t bytes)
{
    enum { HALF = 16 };
    if (bytes >= HALF && bytes <= 2 * HALF) {
        memcpy(dst, src, HALF);
        memcpy(dst + bytes - HALF, src + bytes - HALF, HALF);
    } else {
        memcpy(dst, src, bytes);
    }
}

/* Windows that lie inside the map and pixels without padding between them: a row of the window is one piece. */
static bool gather_inside(const struct conv *c, unsigned char *dst, size_t top, size_t left)
{
    const struct rfa_step *step = c->step;
    size_t kernel = step->p.conv.kernel, pad = step->p.conv.pad, width = step->p.conv.width,
           run = kernel * c->in_stride;
    bool inside =
        top >= pad && left >= pad && top - pad + kernel <= step->p.conv.height && left - pad + kernel <= width;
    if (!inside || c->in_stride != step->p.conv.channels * c->element)
        return false;
    const unsigned char *src =
        (const unsigned char *)rfa_data(c->s, step->in[0]) + ((top - pad) * width + left - pad) * c->in_stride;
    for (size_t i = 0; i < kernel; i++)
        copy_piece(dst + i * run, src + i * width * c->in_stride, run);
    return true;
}

/* The window of output pixel `pixel`, rows and columns of the window first, channel last. */
static void gather_window(const struct conv *c, unsigned char *dst, size_t pixel)
{
    const struct rfa_step *step = c->step;
    size_t run = step->p.conv.channels * c->element, width = step->p.conv.width;
    size_t top = pixel / step->p.conv.out_width * step->p.conv.stride,
           left = pixel % step->p.conv.out_width * step->p.conv.stride;
    const unsigned char *map = rfa_data(c->s, step->in[0]);
    if (gather_inside(c, dst, top, left))
        return;
    for (size_t i = 0; i < step->p.conv.kernel; i++)
        for (size_t j = 0; j < step->p.conv.kernel; j++, dst += run) {
            size_t y = top + i - step->p.conv.pad, x = left + j - step->p.conv.pad; /* wraps to huge left of 0 */
            if (y < step->p.conv.height && x < width)
                memcpy(dst, map + (y * width + x) * c->in_stride, run);
            else
                memset(dst, c->pad, run);
        }
}

static const void *gather(const struct conv *c, size_t first, size_t count, unsigned char *rows)
{
    if (c->direct)
        return (const unsigned char *)rfa_data(c->s, c->step->in[0]) + first * c->in_stride;
    size_t used = c->step->w.k * c->element;
    for (size_t i = 0; i < count; i++) {
        gather_window(c, rows + i * c->row_stride, first + i);
        memset(rows + i * c->row_stride + used, c->pad, c->row_stride - used);
    }
    return rows;
}

/* Bytes of the gathered rows of a task. */
static size_t gathered_bytes(const struct conv *c)
{
    return c->direct ? 0 : rfa_round_up(PIXELS * c->row_stride, 64);
}

/* The product of these pixels, whose windows are the rows of `a`, with these outputs. */
static void product_s8(const struct conv *c, const void *a, struct rfa_part pixels, struct rfa_part outputs,
                       void *scratch)
{
    const struct rfa_step *step = c->step;
    const struct rfa_weight *w = &step->w;
    const float *residual = rfa_data(c->s, step->in[1]);
    size_t at = pixels.first * w->n + outputs.first;
    struct rfa_gemm_s8_args args = rfa_int8_operands(c->s, step, 0, outputs.first);
    args.dst = (float *)rfa_data(c->s, step->out[0]) + at;
    args.dst_stride = w->n;
    args.a = a;
    args.a_scale_step = 0; /* a map has one scale */
    args.residual = residual ? residual + at : NULL;
    args.residual_stride = w->n;
    args.m = pixels.count;
    args.n = outputs.count;
    args.act = step->p.conv.relu && !residual ? RFA_ACT_RELU : RFA_ACT_NONE;
    args.relu_last = step->p.conv.relu && residual;
    args.scratch = scratch;
    c->s->kernels.gemm_s8->run(&args);
}

static void product_f32(const struct conv *c, const void *a, struct rfa_part pixels, void *scratch)
{
    const struct rfa_step *step = c->step;
    const struct rfa_weight *w = &step->w;
    const float *residual = rfa_data(c->s, step->in[1]);
    struct rfa_gemm_f32_args args = {.dst = (float *)rfa_data(c->s, step->out[0]) + pixels.first * w->n,
                                     .dst_stride = w->n,
                                     .a = a,
                                     .a_stride = c->row_stride / sizeof(float),
                                     .w = w->data,
                                     .bias = w->bias,
                                     .residual = residual ? residual + pixels.first * w->n : NULL,
                                     .residual_stride = w->n,
                                     .m = pixels.count,
                                     .n = w->n,
                                     .k = w->k,
                                     .act = step->p.conv.relu && !residual ? RFA_ACT_RELU : RFA_ACT_NONE};
    rfa_float_product(&c->s->kernels, w, args, scratch);
    if (step->p.conv.relu && residual)
        c->s->kernels.act_f32(args.dst, args.m * w->n, RFA_ACT_RELU);
}

static void conv_task(void *context, size_t task, int thread)
{
    const struct conv *c = context;
    size_t n = c->step->w.n;
    struct rfa_part pixels = rfa_task_rows(&c->split, task);
    unsigned char *scratch = rfa_scratch(c->s, c->step, thread), *rest = scratch + gathered_bytes(c);
    const void *a = gather(c, pixels.first, pixels.count, scratch);
    if (c->step->w.type == RFA_TYPE_I8)
        product_s8(c, a, pixels, (struct rfa_part){0, n}, rest);
    else
        product_f32(c, a, pixels, rest);
    if (c->magnitude) /* while the block is in cache */
        rfa_note_magnitude(&c->s->kernels, &c->magnitude[thread],
                           (const float *)rfa_data(c->s, c->step->out[0]) + pixels.first * n, pixels.count * n);
}

/* ------------------------------------------------------------------ few pixels for many threads */

/* All windows lie in all threads' scratch, which is one piece, before what the kernels need. */
static unsigned char *windows(const struct conv *c)
{
    return rfa_scratch(c->s, c->step, 0);
}

static void gather_task(void *context, size_t task, int thread)
{
    const struct conv *c = context;
    struct rfa_part pixels = rfa_task_rows(&c->split, task);
    (void)thread;
    gather(c, pixels.first, pixels.count, windows(c) + pixels.first * c->row_stride);
}

static void part_task(void *context, size_t task, int thread)
{
    const struct conv *c = context;
    struct rfa_part pixels = rfa_task_rows(&c->split, task), outputs = rfa_task_outputs(&c->split, task);
    size_t threads = (size_t)c->s->options.threads, n = c->step->w.n;
    size_t kernel_bytes = rfa_scratch_step(c->s, c->step) - gathered_bytes(c);
    const unsigned char *rows = c->direct ? rfa_data(c->s, c->step->in[0]) : windows(c);
    product_s8(c, rows + pixels.first * c->row_stride, pixels, outputs,
               windows(c) + threads * gathered_bytes(c) + (size_t)thread * kernel_bytes);
    const float *dst = (const float *)rfa_data(c->s, c->step->out[0]) + pixels.first * n + outputs.first;
    for (size_t i = 0; c->magnitude && i < pixels.count; i++)
        rfa_note_magnitude(&c->s->kernels, &c->magnitude[thread], dst + i * n, outputs.count);
}

static struct rfa_split pixel_split(const struct rfa_session *s, size_t pixels)
{
    return rfa_split_rows(pixels, s->kernels.gemm_s8->mr, PIXELS, 1, (size_t)s->options.threads);
}

/* Fewer pixels than half a block for each thread: every task would read all weights for a few rows. And pixels alone
 * may not come out for all threads. */
bool rfa_few_pixels_for_all(const struct rfa_session *s, size_t pixels)
{
    size_t threads = (size_t)s->options.threads;
    struct rfa_split split = pixel_split(s, pixels);
    return threads > 1 && (2 * pixels < threads * PIXELS || rfa_split_leaves_waiting(&split, threads));
}

static struct conv describe(const struct rfa_session *s, const struct rfa_step *step)
{
    bool int8 = step->w.type == RFA_TYPE_I8;
    size_t element = int8 ? 1 : sizeof(float), channels = step->p.conv.channels;
    struct conv c = {.s = s, .step = step, .element = element};
    c.pixels = step->p.conv.out_height * step->p.conv.out_width;
    c.in_stride = int8 ? rfa_map_row_bytes(channels) : channels * element;
    c.row_stride = int8 ? rfa_row_bytes(step->w.k) : step->w.k * element;
    c.pad = int8 ? (uint8_t)rfa_tensor(s, step->in[0])->zero ^ s->kernels.gemm_s8->a_xor : 0;
    c.direct = step->p.conv.kernel == 1 && step->p.conv.stride == 1 &&
               c.in_stride == c.row_stride; /* not where pixels are packed */
    return c;
}

size_t rfa_conv_scratch(const struct rfa_session *s, const struct rfa_step *step)
{
    struct conv c = describe(s, step);
    size_t rows = gathered_bytes(&c);
    if (step->w.type == RFA_TYPE_I8)
        return rows + s->kernels.gemm_s8->scratch_bytes(PIXELS, step->w.n, step->w.k);
    return rows + rfa_float_product_scratch(&step->w);
}

/* The tasks of a step that makes a map, and the map's largest magnitude where the next step wants it. */
static void run_tasks(struct conv *c, size_t tasks, rfa_task_fn *fn)
{
    uint32_t magnitude[RFA_MAX_THREADS] = {0}, *wanted = rfa_map_magnitude(c->s, c->step->out[0]);
    c->magnitude = wanted ? magnitude : NULL;
    rfa_parallel_for(&c->s->team, tasks, fn, c);
    if (wanted)
        *wanted = rfa_largest_magnitude(c->s, magnitude);
}

void rfa_conv_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct conv c = describe(s, step);
    if (step->w.type != RFA_TYPE_I8 || !rfa_few_pixels_for_all(s, c.pixels)) {
        c.split = pixel_split(s, c.pixels);
        run_tasks(&c, rfa_split_tasks(&c.split), conv_task);
        return;
    }
    if (!c.direct) {
        c.split = rfa_split_rows(c.pixels, 1, PIXELS, 1, (size_t)s->options.threads);
        rfa_parallel_for(&s->team, rfa_split_tasks(&c.split), gather_task, &c);
    }
    c.split = rfa_split_int8(c.pixels, step->w.n, s->kernels.gemm_s8->mr, PIXELS, (size_t)s->options.threads);
    run_tasks(&c, rfa_split_tasks(&c.split), part_task);
}

double rfa_conv_macs(const struct rfa_session *s, const struct rfa_step *step)
{
    (void)s;
    return (double)(step->p.conv.out_height * step->p.conv.out_width) * (double)step->w.n * (double)step->w.k;
}

static void max_pool_task(void *context, size_t task, int thread)
{
    const struct conv *c = context;
    const struct rfa_step *step = c->step;
    size_t row = step->p.conv.width * step->p.conv.channels, height = step->p.conv.height;
    const float *map = rfa_data(c->s, step->in[0]);
    const float *middle = map + 2 * task * row;
    const float *above = task > 0 ? middle - row : NULL, *below = 2 * task + 1 < height ? middle + row : NULL;
    float *dst = (float *)rfa_data(c->s, step->out[0]) + task * step->p.conv.out_width * step->p.conv.channels;
    c->s->kernels.max_pool_f32(dst, above, middle, below, step->p.conv.width, step->p.conv.channels);
    if (c->magnitude)
        rfa_note_magnitude(&c->s->kernels, &c->magnitude[thread], dst, step->p.conv.out_width * step->p.conv.channels);
}

void rfa_max_pool_run(const struct rfa_session *s, const struct rfa_step *step)
{
    struct conv c = {.s = s, .step = step};
    run_tasks(&c, step->p.conv.out_height, max_pool_task);
}
