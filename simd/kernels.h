/* The kernels: contracts, types, and the table a session chooses once.
 *
 * Naming    rfa_<kernel>_<isa>, isa one of those in tiers.def (the list is closed; the
 * same words are file suffixes, rows of kernels.def, values of --cpu and labels of the benchmark). Result    every
 * variant gives the bits of rfa_<kernel>_c on every input, NaN payloads excepted (any NaN equals any NaN). Memory
 * kernels allocate nothing, keep no state, start no thread and touch exactly the shapes stated. Order     "sum16(x)":
 * 16 partial sums, element i into sum i mod 16 in ascending order, products by fmaf onto +0, then the tree +8 +4 +2 +1;
 * tails pass through the same arithmetic as zeros. "chain": one accumulator, ascending index, fmaf. Rounding  nearest
 * even, denormals kept (callers set the mode; see src/parallel.c). exp, erf, ... are those of poly.h. Strides   in
 * elements unless the name says bytes.
 */
#ifndef RFA_KERNELS_H
#define RFA_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"

/* Activation at the end of a product, applied before the residual is added. GELU is the erf form. */
enum rfa_act {
    RFA_ACT_NONE,
    RFA_ACT_RELU,
    RFA_ACT_GELU,
    RFA_ACT_SILU,
    RFA_ACT_SIGMOID,
    RFA_ACT_SOFTPLUS,
    RFA_ACT_COUNT
};

/* ------------------------------------------------------------------ matrix products */

/* Matrix product, int8 in, float out.
 *
 * Computes  y = fma(float(sum_k (a[m][k] - a_zero) * w[n][k]), a_scale[m] * w_scale[n], bias[n])  (bias NULL: +0)
 *           dst[m][n] = act(y) + residual[m][n], of that ReLU if relu_last                   (residual NULL: neither)
 * Shapes    a        [m][a_stride]         s8   k values, then any up to the next multiple of 64; stored XOR a_xor of
 * the record (0: signed; 0x80: unsigned, offset by 128, also in the padding) a_scale  [m] f32, or one value for all
 * rows when a_scale_step is 0 w        [ceil(n/16)][ceil(k/4)][16][4]  s8   zero-padded panels (quant/quant.h) w_scale
 * [ceil(n/16)*16] f32, w_sum [same] i32 (sum over k of w), bias [same] f32 dst      [m][dst_stride] f32; columns n and
 * above are not written residual [m][residual_stride] f32; may be dst itself Range     a, a_zero, w in [-127, 127]; 1
 * <= k <= RFA_MAX_K; m, n >= 0 Needs     a and w 64-byte aligned, a_stride a multiple of 64; dst overlaps nothing but
 * residual (exactly); scratch of scratch_bytes(m, n, k), 64-byte aligned Reads     exactly the shapes above, the
 * padding included Source    quant/README.md section 3
 */
struct rfa_gemm_s8_args {
    float *dst;
    size_t dst_stride;
    const int8_t *a;
    size_t a_stride;
    const float *a_scale;
    size_t a_scale_step; /* 1: one scale a row; 0: one for all */
    int32_t a_zero;      /* what stands for 0 in a */
    const int8_t *w;
    const float *w_scale;
    const int32_t *w_sum;
    const float *bias;
    const float *residual;
    size_t residual_stride;
    size_t m, n, k;
    enum rfa_act act;
    bool relu_last; /* after the residual */
    void *scratch;
};

struct rfa_gemm_s8 {
    uint8_t a_xor; /* 0 or 0x80: what quantize_rows writes for this kernel */
    size_t mr;     /* rows per register tile: callers split m at multiples of it where they can */
    size_t mc; /* rows that one call should get when there are that many: fewer would reread the weights too often */
    size_t (*scratch_bytes)(size_t m, size_t n, size_t k);
    void (*run)(const struct rfa_gemm_s8_args *);
};
typedef const struct rfa_gemm_s8 rfa_gemm_s8_t;

/* Matrix product, float32, both operands row-major along k.
 *
 * Computes  y = sum16_k(a[m][k] * w[n][k]) + bias[n]          (bias NULL: nothing is added)
 *           dst[m][n] = act(y) + residual[m][n]                (residual NULL: not added)
 * Shapes    a [m][a_stride], w [n][w_stride], bias [n], dst [m][dst_stride], residual [m][residual_stride]
 * Range     k >= 1
 * Needs     dst overlaps nothing but residual (exactly)
 */
struct rfa_gemm_f32_args {
    float *dst;
    size_t dst_stride;
    const float *a;
    size_t a_stride;
    const float *w;
    size_t w_stride;
    const float *bias;
    const float *residual;
    size_t residual_stride;
    size_t m, n, k;
    enum rfa_act act;
};
typedef void rfa_gemm_f32_t(const struct rfa_gemm_f32_args *);

/* ------------------------------------------------------------------ quantisation and conversion */

/* One row: q[i] = rint(fma(x[i], multiplier, zero)), multiplier = (127 - zero) / a, a = the magnitude that sets the
 * scale (rfa_quant_reach; with zero = 0 the largest); returns the scale. q gets n bytes and `zero` up to the next
 * multiple of 64, all XOR the record's byte a_xor. zero in (-127, 0]. */
typedef float rfa_quantize_row_t(int8_t *q, const float *x, size_t n, int zero, uint8_t a_xor);

/* The same with a given multiplier (one scale for a whole feature map). */
typedef void rfa_quantize_scaled_t(int8_t *q, const float *x, size_t n, float multiplier, int zero, uint8_t a_xor);

/* Largest rfa_magnitude of n values, 0 for n = 0. */
typedef uint32_t rfa_absmax_f32_t(const float *x, size_t n);

/* binary16 to float32, exact. */
typedef void rfa_f16_to_f32_t(float *dst, const uint16_t *src, size_t n);

/* Rounds each value to the nearest binary16 (ties to even, overflow to infinity, subnormals kept) and back. dst may be
 * src. */
typedef void rfa_round_f16_t(float *dst, const float *src, size_t n);

/* Float matrices that serve as the second operand of gemm_s8, quantised into panels on the spot (attention's keys and
 * values).
 *
 * pack_rows  x [n][stride], k columns: output i of the product is row i; scale and quantised values of a row as
 * quantize_row pack_cols  x [k][stride], n columns: output i is column i; its scale from the largest magnitude of the
 * column Shapes     w [ceil(n/16)][ceil(k/4)][16][4], w_scale [ceil(n/16)*16] f32, w_sum [same] i32; padding zero Needs
 * w 64-byte aligned */
typedef void rfa_pack_rows_s8_t(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n,
                                size_t k);
typedef void rfa_pack_cols_s8_t(int8_t *w, float *w_scale, int32_t *w_sum, const float *x, size_t stride, size_t n,
                                size_t k);

/* ------------------------------------------------------------------ rows and elements */

/* x[i] = act(x[i]) in place. Error bounds: poly.h. */
typedef void rfa_act_f32_t(float *x, size_t n, enum rfa_act act);

/* dst[i] = a[i] + b[i]; dst may be a or b. */
typedef void rfa_add_f32_t(float *dst, const float *a, const float *b, size_t n);

/* Layer normalisation of one row: mean = sum16(x)/n, var = sum16((x-mean)^2)/n, rstd = 1/sqrt(var + eps),
 * dst[i] = fma((x[i] - mean) * rstd, gamma[i], beta[i]). dst may be x. The sum of x is sum16 of products with 1. */
typedef void rfa_norm_f32_t(float *dst, const float *x, const float *gamma, const float *beta, float eps, size_t n);

/* Softmax of one row in place: m = max x (maximum by rfa_max below, starting from -inf), e = exp(x - m), s = sum16(e),
 * x = e / s. */
typedef void rfa_softmax_f32_t(float *x, size_t n);

/* Softmax numerators of one row as two rows of int8, 14 bits in all: m as above, p[i] = rint(rfa_numerator(f * (x[i] -
 * m))), f = rfa_numerator_scale(scale) (poly.h: 16256 * e^(scale * (x[i] - m))), high[i] = rint(p[i] / 128) (half to
 * even), low[i] = p[i] - 128 * high[i]; zeros up to the next multiple of 64, all XOR a_xor. Returns sum16(p), an exact
 * integer up to n = 1032 (at least 16256 where a maximum exists). A row that holds NaN or +infinity: all zero, sum 0.
 * scale >= 0, and 0 counts as the least positive float, so that masked values (-infinity) stay out. high in [0, 127],
 * low in [-64, 64]. */
typedef float rfa_softmax_s8_t(int8_t *high, int8_t *low, const float *x, size_t n, float scale, uint8_t a_xor);

/* Mean over rows: dst[c] = chain over m of x[m][c] (plain adds, ascending), divided by m. x [m][stride]. dst overlaps
 * nothing. */
typedef void rfa_mean_f32_t(float *dst, const float *x, size_t stride, size_t m, size_t n);

/* ------------------------------------------------------------------ attention */

/* Softmax attention of one head over a block of query rows.
 *
 * Computes  s[j] = sum16_c(q[m][c] * k[j][c]) * scale, j < limit(m);  p = softmax numerators e = exp(s - max s), l =
 * sum16(e); dst[m][c] = (chain over j of e[j] * v[j][c]) / l limit(m) = keys, or with causal: min(keys, first + m + 1)
 * Shapes    q [m][q_stride], k [keys][k_stride], v [keys][v_stride], dst [m][dst_stride]; d columns each
 * Range     1 <= d <= 256, keys >= 1
 * Needs     scratch of attention scratch: rfa_attention_scratch(keys) bytes, 64-byte aligned; dst overlaps nothing
 */
struct rfa_attention_args {
    float *dst;
    size_t dst_stride;
    const float *q;
    size_t q_stride;
    const float *k, *v;
    size_t k_stride, v_stride;
    size_t m, keys, d;
    float scale;
    bool causal;
    size_t first; /* index of query row 0 among the keys, for causal */
    void *scratch;
};
typedef void rfa_attention_f32_t(const struct rfa_attention_args *);

enum { RFA_ATTENTION_ROWS = 8 }; /* most query rows whose scores are held at once */

static inline size_t rfa_attention_scratch(size_t keys)
{
    return RFA_ATTENTION_ROWS * ((keys + 15) / 16 * 16) * sizeof(float);
}

/* ------------------------------------------------------------------ head */

/* Unit rows for the cosine: dst = x / max(sqrt(sum16(x*x)), 1e-12), elementwise division. dst may be x. A row with a
 * NaN becomes NaN. */
typedef void rfa_unit_f32_t(float *dst, const float *x, size_t n);

/* Nearest token by cosine.
 *
 * Computes  c[m][i] = sum16_k(query[m][k] * token[i][k]);  index[m] = the i of the largest c, the lowest i on ties;
 *           margin[m] = largest - second largest (of the other entries; 0 on ties; +inf when n is 1)
 *           A NaN never wins; if every c is NaN the index is 0 and the margin NaN.
 * Shapes    query [m][query_stride] and token [n][token_stride], unit rows of k; index [m][out_stride] i32, margin
 * likewise f32
 */
struct rfa_retrieve_args {
    int32_t *index;
    float *margin;
    size_t out_stride;
    const float *query, *token;
    size_t query_stride, token_stride;
    size_t m, n, k;
};
typedef void rfa_retrieve_f32_t(const struct rfa_retrieve_args *);

/* Causal depthwise convolution and SiLU over time, one panel of 16 channels after another.
 *
 * Computes  dst[t][c] = silu(chain over taps i = 0 ... taps-1, starting from bias[c], of w[c][i] * x[t - (taps-1) +
 * i][c]) x at negative t comes from state (oldest first), which is updated to the last taps-1 inputs; NULL: zeros, not
 * saved Shapes    x [length][x_stride], dst [length][dst_stride], w [ceil(channels/16)][taps][16] zero-padded, bias
 * [channels], state [taps-1][channels]
 */
struct rfa_conv1d_args {
    float *dst;
    size_t dst_stride;
    const float *x;
    size_t x_stride;
    const float *w, *bias;
    float *state;
    size_t length, channels, taps;
};
typedef void rfa_conv1d_silu_f32_t(const struct rfa_conv1d_args *);

/* Mamba-1 selective scan, fused (arXiv:2312.00752, algorithm 2; mamba_ssm selective_scan_ref).
 *
 * Computes  for every channel c, with h[n] from state or 0, in ascending t:
 *             dt   = softplus(delta[t][c])                                          (poly.h)
 *             dtu  = dt * u[t][c]
 *             h[n] = fma(decay(dt, a[c][n] * log2e), h[n], dtu * b[t][n])           (decay: 2^(dt * rate) by poly.h;
 *                                                                                    a * log2e rounded once to float)
 *             y    = chain over n ascending of cmat[t][n] * h[n], starting from d[c] * u[t][c]
 *             dst[t][c] = y * silu(z[t][c])                                         (z NULL: y)
 * Shapes    delta, u, z, dst [length][their stride], channels columns; b, cmat [length][bc_stride], states columns
 *           a [ceil(channels/16)][states][16] zero-padded panels (negative values), d [channels]
 *           state [ceil(channels/16)][states][16] f32, read and updated; NULL: zeros, not saved
 * Range     states 1 ... 256
 * Needs     dst may be delta, u or z (exactly), else overlaps nothing; scratch of rfa_scan_scratch(states), 64-byte
 * aligned Threads   split channels at multiples of 16, never the sequence
 */
struct rfa_scan_args {
    float *dst;
    size_t dst_stride;
    const float *delta, *u, *z;
    size_t delta_stride, u_stride, z_stride;
    const float *b, *cmat;
    size_t bc_stride;
    const float *a, *d;
    float *state;
    size_t length, channels, states;
    void *scratch;
};
typedef void rfa_scan_f32_t(const struct rfa_scan_args *);

enum {
    RFA_SCAN_CHUNK = 8,  /* time steps that are prepared and finished together */
    RFA_SCAN_PANELS = 8, /* most panels of 16 channels that are taken through time together */
};

/* Panels that are taken through time together: their states are to stay in a first-level cache of 32 KiB. */
static inline size_t rfa_scan_panels(size_t states)
{
    const size_t most = RFA_SCAN_PANELS, held = most * 16;
    return states <= 16 ? most : states < held ? held / states : 1;
}

static inline size_t rfa_scan_scratch(size_t states)
{
    return (rfa_scan_panels(states) * (2 * states + 1) + 3 * RFA_SCAN_CHUNK) * 16 * sizeof(float);
}

/* ------------------------------------------------------------------ images */

/* 3x3 maximum, stride 2, padding 1 with -inf, channel last: one output row.
 * dst [out_width][c] from rows r0, r1, r2 (each [width][c], NULL where outside the map); out_width = (width - 1)/2 + 1.
 * Maximum by rfa_max in the order r0 r1 r2, left to right. */
typedef void rfa_max_pool_f32_t(float *dst, const float *r0, const float *r1, const float *r2, size_t width, size_t c);

/* Resize passes. A resize is horizontal first, then vertical; the coefficient tables come from src/image.c.
 * Horizontal, one row of interleaved pixels of 3 channels: for output i the taps are pixels first[i] ...
 * first[i]+count[i]-1 (clamped to 0 ... width-1 by the kernel: without antialiasing a tap may lie outside), weights
 * weight[i * stride + j]. f32: dst[i*3+c] = chain over j, starting from +0, of weight * (src[pixel*3+c] * (1/255 as
 * float division: src / 255.0f)) u8:  dst[i*3+c] = clamp((2^21 + sum weight * src) >> 22) with int32 weights of 22
 * fraction bits (Pillow) */
struct rfa_resize_h_args {
    void *dst;          /* f32 or u8 [out][3] */
    const uint8_t *src; /* [width][3] */
    size_t width, out;
    const int32_t *first, *count;
    const void *weight; /* f32 or i32 [out][stride] */
    size_t stride;
    float *scratch; /* [width][4], 16-byte aligned: the row in float; f32 only */
};
typedef void rfa_resize_h_f32_t(const struct rfa_resize_h_args *);
typedef void rfa_resize_h_u8_t(const struct rfa_resize_h_args *);

/* Vertical: adds one source row into one accumulator row, acc[i] = fma(weight, row[i], acc[i]) or acc[i] += weight *
 * row[i]. */
typedef void rfa_resize_v_f32_t(float *acc, const float *row, float weight, size_t n);
typedef void rfa_resize_v_u8_t(int32_t *acc, const uint8_t *row, int32_t weight, size_t n);

/* The end of a resize, one plane in place: x[i] = (p - mean) / std, where p is x[i] or, with `fixed`, the int32 sum of
 * 22 fraction bits that x[i] holds, as a pixel: float(clamp(sum >> 22, 0, 255)) / 255. */
typedef void rfa_normalise_f32_t(float *x, size_t n, bool fixed, float mean, float std);

/* ------------------------------------------------------------------ the table */

#define KERNEL(slot, isa, bits) extern rfa_##slot##_t rfa_##slot##_##isa;
#include "kernels.def"
#undef KERNEL

/* One pointer per slot, in the order of the first rows of kernels.def. */
struct rfa_kernels {
    rfa_gemm_s8_t *gemm_s8;
    rfa_gemm_f32_t *gemm_f32;
    rfa_quantize_row_t *quantize_row;
    rfa_quantize_scaled_t *quantize_scaled;
    rfa_absmax_f32_t *absmax_f32;
    rfa_pack_rows_s8_t *pack_rows_s8;
    rfa_pack_cols_s8_t *pack_cols_s8;
    rfa_f16_to_f32_t *f16_to_f32;
    rfa_round_f16_t *round_f16;
    rfa_act_f32_t *act_f32;
    rfa_add_f32_t *add_f32;
    rfa_norm_f32_t *norm_f32;
    rfa_softmax_f32_t *softmax_f32;
    rfa_softmax_s8_t *softmax_s8;
    rfa_mean_f32_t *mean_f32;
    rfa_attention_f32_t *attention_f32;
    rfa_unit_f32_t *unit_f32;
    rfa_retrieve_f32_t *retrieve_f32;
    rfa_conv1d_silu_f32_t *conv1d_silu_f32;
    rfa_scan_f32_t *scan_f32;
    rfa_max_pool_f32_t *max_pool_f32;
    rfa_resize_h_f32_t *resize_h_f32;
    rfa_resize_h_u8_t *resize_h_u8;
    rfa_resize_v_f32_t *resize_v_f32;
    rfa_resize_v_u8_t *resize_v_u8;
    rfa_normalise_f32_t *normalise_f32;
};

/* Fills the table for these CPU bits (rfa_cpu_detect() & mask): the last row of kernels.def whose bits are all present
 * wins. */
void rfa_kernels_init(struct rfa_kernels *kernels, uint32_t cpu);

#endif
