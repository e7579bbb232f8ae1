/* What the host side asks of the kernels: one launcher an op, C on both sides. Pointers are the device's, shapes those
 * of ops.h. Every launcher starts its kernels for the largest sizes; a kernel reads the current ones from `call`, so
 * that a captured graph serves every call. */
#ifndef RFA_CUDA_LAUNCH_H
#define RFA_CUDA_LAUNCH_H

#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What fills the 48 KiB of shared memory: the scores of float attention, with heads of 256 columns, and a normalised
 * row. */
enum { RFA_CUDA_VARS = 4, RFA_CUDA_KEYS = 2815, RFA_CUDA_NORM_COLUMNS = 12272 };

/* The current call, in the device's memory. */
struct rfa_cuda_call {
    uint32_t rows[RFA_CUDA_VARS]; /* by enum rfa_var */
    uint32_t slot;
};

/* unit * call->rows[var] rows in the current call, at most `most`. */
struct rfa_cuda_rows {
    uint32_t unit, var, most;
};

struct rfa_cuda_run {
    cudaStream_t stream;
    const struct rfa_cuda_call *call;
};

/* A table of the file, binary16 or float. */
struct rfa_cuda_table {
    const void *data;
    int half;
};

/* Quantised rows, `zero` standing for 0; q NULL: none are wanted. */
struct rfa_cuda_q8 {
    int8_t *q;
    float *scale;
    int zero;
};

/* Weights of an int8 product as the tensor cores' operand: [ceil(n/16)*2][chunks][32 lanes][16 bytes], a chunk is 64
 * inputs. */
static inline size_t rfa_cuda_chunks(size_t k)
{
    return (k + 63) / 64;
}
static inline size_t rfa_cuda_tile_bytes(size_t n, size_t k)
{
    return (n + 15) / 16 * 2 * rfa_cuda_chunks(k) * 512;
}
void rfa_cuda_retile(cudaStream_t stream, void *tiles, const void *panels, size_t n, size_t k);

struct rfa_cuda_gemm_s8_args {
    float *dst;
    const int8_t *a;
    size_t a_stride;
    const float *a_scale;
    uint32_t a_scale_step;
    int32_t a_zero;
    const void *w;
    const int32_t *w_sum;
    const float *w_scale, *bias, *residual; /* bias, residual NULL: none */
    uint32_t n, chunks;
    struct rfa_cuda_rows rows;
    enum rfa_act act;
    int relu_last;       /* after the residual */
    int few;             /* rows are usually far fewer than their maximum */
    uint32_t *magnitude; /* grows to the largest rfa_magnitude of the results; NULL: nobody asks */
};
void rfa_cuda_gemm_s8(const struct rfa_cuda_run *run, const struct rfa_cuda_gemm_s8_args *args);

struct rfa_cuda_gemm_f32_args {
    float *dst;
    size_t dst_stride;
    const float *a;
    size_t a_stride;
    struct rfa_cuda_table w;
    size_t w_stride;
    const float *bias, *residual; /* residual as dst; NULL: none */
    uint32_t k;
    struct rfa_cuda_rows rows, outputs;
    float scale; /* after the sum, where `scaled` */
    int scaled, relu_last;
    enum rfa_act act;
};
void rfa_cuda_gemm_f32(const struct rfa_cuda_run *run, const struct rfa_cuda_gemm_f32_args *args);

/* ------------------------------------------------------------------ rows */

struct rfa_cuda_norm_args {
    float *dst; /* NULL: only q */
    struct rfa_cuda_q8 q;
    const float *x, *gamma, *beta;
    float eps;
    uint32_t n;
    struct rfa_cuda_rows rows;
};
void rfa_cuda_norm(const struct rfa_cuda_run *run, const struct rfa_cuda_norm_args *args);
void rfa_cuda_quantize(const struct rfa_cuda_run *run, struct rfa_cuda_q8 q, const float *x, uint32_t n,
                       struct rfa_cuda_rows rows);
/* *magnitude grows to the largest rfa_magnitude of a whole map, from which its one scale is made. */
void rfa_cuda_magnitude(const struct rfa_cuda_run *run, uint32_t *magnitude, const float *x, size_t count);
void rfa_cuda_quantize_map(const struct rfa_cuda_run *run, struct rfa_cuda_q8 q, const float *x, uint32_t pixels,
                           uint32_t channels, const uint32_t *magnitude);
void rfa_cuda_unit(const struct rfa_cuda_run *run, float *dst, const float *x, uint32_t n, struct rfa_cuda_rows rows);
void rfa_cuda_softmax(const struct rfa_cuda_run *run, float *dst, const float *x, uint32_t n,
                      struct rfa_cuda_rows rows);

/* ------------------------------------------------------------------ elements */

void rfa_cuda_patches(const struct rfa_cuda_run *run, float *dst, const float *pixels, uint32_t image, uint32_t patch,
                      int fp16, struct rfa_cuda_rows rows);
void rfa_cuda_tokens(const struct rfa_cuda_run *run, float *dst, const float *patches, struct rfa_cuda_table first,
                     struct rfa_cuda_table position, uint32_t tokens, uint32_t d, struct rfa_cuda_rows rows);
void rfa_cuda_constant(const struct rfa_cuda_run *run, float *dst, struct rfa_cuda_table table, uint32_t n, uint32_t d,
                       struct rfa_cuda_rows rows);
void rfa_cuda_embed(const struct rfa_cuda_run *run, float *dst, const int32_t *ids, struct rfa_cuda_table token,
                    struct rfa_cuda_table position, uint32_t d, struct rfa_cuda_rows rows);
/* y NULL: the table; one_row: y's only row is added to all. */
void rfa_cuda_add(const struct rfa_cuda_run *run, float *dst, const float *x, const float *y,
                  struct rfa_cuda_table table, int one_row, uint32_t d, struct rfa_cuda_rows rows);
void rfa_cuda_channels_last(const struct rfa_cuda_run *run, float *dst, const float *planes, uint32_t pixels,
                            uint32_t channels);
void rfa_cuda_store(const struct rfa_cuda_run *run, float *ring, const float *x, uint32_t frame,
                    struct rfa_cuda_rows frames);
void rfa_cuda_gather(const struct rfa_cuda_run *run, float *dst, const int32_t *index, const float *x, uint32_t tokens,
                     uint32_t frames, uint32_t d, struct rfa_cuda_rows rows);
struct rfa_cuda_mean_args {
    float *dst;
    const float *x;
    struct rfa_cuda_rows rows, count;
    uint32_t step, base, d;
};
void rfa_cuda_mean(const struct rfa_cuda_run *run, const struct rfa_cuda_mean_args *args);
void rfa_cuda_mix(const struct rfa_cuda_run *run, float *dst, const float *a, const float *b, float divisor, uint32_t d,
                  struct rfa_cuda_rows rows);
void rfa_cuda_act(const struct rfa_cuda_run *run, float *dst, const float *x, enum rfa_act act, uint32_t d,
                  struct rfa_cuda_rows rows);
void rfa_cuda_agents(const struct rfa_cuda_run *run, float *dst, const float *x, const float *gate, uint32_t d,
                     struct rfa_cuda_rows rows);
/* dst[i][c] = chain over j of weight[i][j] * x[j][c], from bias[i] (NULL: 0); `inner` rows of x */
struct rfa_cuda_blend_args {
    float *dst;
    const float *weight, *bias, *x;
    size_t x_stride;
    uint32_t d;
    struct rfa_cuda_rows rows, inner;
};
void rfa_cuda_blend(const struct rfa_cuda_run *run, const struct rfa_cuda_blend_args *args);

/* ------------------------------------------------------------------ maps */

struct rfa_cuda_window {
    void *dst; /* [out_height*out_width][row_bytes] */
    const void *map;
    size_t row_bytes, pixel_bytes; /* of a gathered row, padded with zeros; from pixel to pixel of the map */
    uint32_t height, width, channel_bytes, kernel, stride, pad, out_height, out_width;
    uint32_t zero; /* four bytes that stand for zeros */
};
void rfa_cuda_windows(const struct rfa_cuda_run *run, const struct rfa_cuda_window *args);
void rfa_cuda_max_pool(const struct rfa_cuda_run *run, float *dst, const float *x, uint32_t height, uint32_t width,
                       uint32_t channels, uint32_t out_height, uint32_t out_width);

/* ------------------------------------------------------------------ attention */

struct rfa_cuda_operand {
    const float *data; /* first column of the first head */
    size_t stride;
    int per_sequence; /* otherwise it serves every sequence */
};
struct rfa_cuda_attention {
    float *dst;
    size_t dst_stride;
    struct rfa_cuda_operand q, k, v;
    struct rfa_cuda_rows sequences, rows, keys; /* rows and keys of one sequence */
    uint32_t heads, d;
    float scale;
    int causal;
    void *scratch; /* int8 only: rfa_cuda_attention_scratch */
};
void rfa_cuda_attention_f32(const struct rfa_cuda_run *run, const struct rfa_cuda_attention *args);
void rfa_cuda_attention_s8(const struct rfa_cuda_run *run, const struct rfa_cuda_attention *args);
size_t rfa_cuda_attention_scratch(size_t sequences, size_t heads, size_t keys, size_t d);

/* ------------------------------------------------------------------ head */

struct rfa_cuda_detections_args {
    float *dst;
    const float *logits, *boxes, *w, *bias;
    uint32_t classes, person, d;
    struct rfa_cuda_rows rows;
};
void rfa_cuda_detections(const struct rfa_cuda_run *run, const struct rfa_cuda_detections_args *args);

struct rfa_cuda_retrieve_args {
    int32_t *index;
    float *margin;
    const float *query, *token;
    uint32_t n, k, frames;
    struct rfa_cuda_rows rows;
};
void rfa_cuda_retrieve(const struct rfa_cuda_run *run, const struct rfa_cuda_retrieve_args *args);

void rfa_cuda_conv1d(const struct rfa_cuda_run *run, float *dst, const float *x, size_t x_stride, const float *w,
                     const float *bias, uint32_t channels, uint32_t taps, struct rfa_cuda_rows length);

struct rfa_cuda_scan_args {
    float *dst;
    const float *delta, *u, *z, *b, *c, *a, *d;
    size_t z_stride, bc_stride; /* of the others: channels */
    uint32_t channels, states;
    struct rfa_cuda_rows length;
};
void rfa_cuda_scan(const struct rfa_cuda_run *run, const struct rfa_cuda_scan_args *args);

/* ------------------------------------------------------------------ rates */

enum { RFA_CUDA_READ_BYTES = 65536 };

struct rfa_cuda_rate {
    cudaStream_t stream;
    unsigned blocks; /* of the loops in registers */
    uint32_t repeats;
    const void *memory; /* zeros */
    size_t bytes;       /* a multiple of RFA_CUDA_READ_BYTES */
    uint32_t *sink;     /* written where memory is not zero */
};
/* int8 products and float multiply-adds in registers, with the instructions of the ops; all of memory, read. Each
 * starts `repeats` times its smallest piece and returns the work: multiply-accumulates, or bytes. */
double rfa_cuda_rate_int8(const struct rfa_cuda_rate *rate);
double rfa_cuda_rate_float(const struct rfa_cuda_rate *rate);
double rfa_cuda_rate_read(const struct rfa_cuda_rate *rate);

#ifdef __cplusplus
}
#endif

#endif
