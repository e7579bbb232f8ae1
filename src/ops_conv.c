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
    size_t pixels, block;         /* output pixels, and those of a task */
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

static void conv_task(void *context, size_t task, int thread)
{
    const struct conv *c = context;
    const struct rfa_step *step = c->step;
    const struct rfa_weight *w = &step->w;
    const struct rfa_kernels *k = &c->s->kernels;
    size_t first = task * c->block, count = c->pixels - first < c->block ? c->pixels - first : c->block;
    unsigned char *scratch = rfa_scratch(c->s, step, thread);
    unsigned char *rest = c->direct ? scratch : scratch + rfa_round_up(PIXELS * c->row_stride, 64);
    const void *a = gather(c, first, count, scratch);
    float *dst = (float *)rfa_data(c->s, step->out[0]) + first * w->n;
    const float *residual = rfa_data(c->s, step->in[1]);
    residual = residual ? residual + first * w->n : NULL;
    enum rfa_act act = step->p.conv.relu && !residual ? RFA_ACT_RELU : RFA_ACT_NONE;
    if (w->type == RFA_TYPE_I8) {
        struct rfa_gemm_s8_args args = {.dst = dst,
                                        .dst_stride = w->n,
                                        .a = a,
                                        .a_stride = c->row_stride,
                                        .a_scale = rfa_scales(c->s, step->in[0]),
                                        .a_scale_step = 0,
                                        .a_zero = rfa_tensor(c->s, step->in[0])->zero,
                                        .w = w->data,
                                        .w_scale = w->scale,
                                        .w_sum = w->sum,
                                        .bias = w->bias,
                                        .residual = residual,
                                        .residual_stride = w->n,
                                        .m = count,
                                        .n = w->n,
                                        .k = w->k,
                                        .act = act,
                                        .relu_last = step->p.conv.relu && residual,
                                        .scratch = rest};
        k->gemm_s8->run(&args);
    } else {
        struct rfa_gemm_f32_args args = {.dst = dst,
                                         .dst_stride = w->n,
                                         .a = a,
                                         .a_stride = c->row_stride / sizeof(float),
                                         .w = w->data,
                                         .bias = w->bias,
                                         .residual = residual,
                                         .residual_stride = w->n,
                                         .m = count,
                                         .n = w->n,
                                         .k = w->k,
                                         .act = act};
        rfa_float_product(k, w, args, rest);
        if (step->p.conv.relu && residual)
            k->act_f32(dst, count * w->n, RFA_ACT_RELU);
    }
    if (c->magnitude) /* while the block is in cache */
        rfa_note_magnitude(k, &c->magnitude[thread], dst, count * w->n);
}

/* As many tasks for each thread, of the same size. */
static size_t even_block(const struct rfa_session *s, size_t pixels)
{
    size_t threads = (size_t)s->options.threads, tasks = rfa_round_up((pixels + PIXELS - 1) / PIXELS, threads);
    size_t block = rfa_round_up((pixels + tasks - 1) / tasks, s->kernels.gemm_s8->mr);
    return block < PIXELS ? block : PIXELS;
}

static struct conv describe(const struct rfa_session *s, const struct rfa_step *step)
{
    bool int8 = step->w.type == RFA_TYPE_I8;
    size_t element = int8 ? 1 : sizeof(float), channels = step->p.conv.channels;
    struct conv c = {.s = s, .step = step, .element = element};
    c.pixels = step->p.conv.out_height * step->p.conv.out_width;
    c.block = even_block(s, c.pixels);
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
    size_t rows = c.direct ? 0 : rfa_round_up(PIXELS * c.row_stride, 64);
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
    run_tasks(&c, (c.pixels + c.block - 1) / c.block, conv_task);
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
