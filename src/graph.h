/* The model as data: tensors, a flat list of steps in four stages, and the builder that appends them.
 *
 * Built once when a model is opened, immutable afterwards and shared by all sessions. A step holds no behaviour (that
 * is the op table's, ops.h) and no address but those of weights in the mapped file. The builders of models/ are the
 * only code that knows a network.
 */
#ifndef RFA_GRAPH_H
#define RFA_GRAPH_H

#include <stdbool.h>

#include "config.h"
#include "kernels.h"

enum rfa_stage { RFA_STAGE_VISION, RFA_STAGE_SCENE, RFA_STAGE_TEXT, RFA_STAGE_ANSWER, RFA_STAGE_COUNT };

/* What a tensor's number of rows is proportional to. Its value is known per call, its maximum at plan time. */
enum rfa_var {
    RFA_VAR_ONE,      /* 1 */
    RFA_VAR_FRAMES,   /* frames encoded together: 1 ... options.frame_group */
    RFA_VAR_SENTENCE, /* tokens of the sentence: 2 ... text_positions */
    RFA_VAR_KEYWORD,  /* tokens of the keyword string: 2 ... keyword_limit */
    RFA_VAR_COUNT
};

enum rfa_tensor_type {
    RFA_TENSOR_F32,
    RFA_TENSOR_I32,
    RFA_TENSOR_Q8,    /* rows of int8 padded to 64 bytes, then one float scale a row */
    RFA_TENSOR_Q8_MAP /* the same rows, then one scale for all */
};

struct rfa_shape {
    size_t rows; /* per unit of var */
    size_t cols;
    enum rfa_var var;
};

struct rfa_tensor {
    struct rfa_shape shape;
    enum rfa_tensor_type type;
    bool kept;     /* lives from the first step to the last: inputs and stage outputs */
    bool wanted;   /* the float form is read by somebody (or traced) */
    int quantized; /* id of its Q8 companion, or RFA_NONE */
    int zero;      /* Q8, Q8_MAP: what stands for 0 */
    int producer;  /* step that writes it, or RFA_NONE for inputs */
    int last_use;  /* last step that reads it */
    int home;      /* the tensor in whose memory it lies: itself, or the residual that it replaces */
};

enum { RFA_NONE = -1, RFA_STEP_INPUTS = 4, RFA_STEP_OUTPUTS = 2, RFA_NAME_BYTES = 40, RFA_TRACE_DIMS = 3 };

/* A weight in the mapped file. Matrices: [n,k] row-major F32/F16, or I8 panels with scale and sum. Tables and vectors:
 * F32/F16. */
struct rfa_weight {
    enum rfa_type type;
    size_t n, k;
    const void *data;   /* NULL: absent */
    const float *scale; /* I8 only, [ceil(n/16)*16] */
    const int32_t *sum; /* I8 only, likewise */
    const float *bias;  /* [n] (I8: padded to 16), or NULL */
};

/* Bytes of `data`; 0 for an absent weight. */
size_t rfa_weight_bytes(const struct rfa_weight *w);

enum rfa_op {
    RFA_OP_PATCHES,        /* planar pixels -> rows of patches, window row, column, channel */
    RFA_OP_TOKENS,         /* class token and patches plus positions */
    RFA_OP_CONSTANT,       /* rows of a weight, repeated for every frame */
    RFA_OP_ZERO,           /* zeros */
    RFA_OP_EMBED,          /* token and position tables by id */
    RFA_OP_QUANTIZE,       /* float rows -> Q8 or Q8_MAP */
    RFA_OP_NORM,           /* layer normalisation */
    RFA_OP_LINEAR,         /* matrix product, bias, activation, residual */
    RFA_OP_ATTENTION,      /* softmax attention */
    RFA_OP_SELF_ATTENTION, /* projection to queries, keys and values and softmax attention, in int8 */
    RFA_OP_ADD,            /* sum of two tensors, or of a tensor and a weight; one row may be added to all */
    RFA_OP_CHANNELS_LAST,  /* planar pixels -> map [h*w][c] */
    RFA_OP_CONV,           /* convolution, bias, activation or residual then ReLU */
    RFA_OP_MAX_POOL,       /* 3x3, stride 2, padding 1 */
    RFA_OP_DETECTIONS,     /* class scores and boxes -> person tokens */
    RFA_OP_STORE,          /* rows of the encoded frames into the clip's ring, at the current slot */
    RFA_OP_UNIT,           /* rows divided by their length */
    RFA_OP_RETRIEVE,       /* nearest token of every frame */
    RFA_OP_GATHER,         /* rows by index */
    RFA_OP_CONV1D,         /* causal depthwise convolution and SiLU */
    RFA_OP_SCAN,           /* selective scan */
    RFA_OP_MEAN,           /* mean over groups of rows */
    RFA_OP_MIX,            /* (a + b) / divisor */
    RFA_OP_ACT,            /* activation of a copy */
    RFA_OP_RESHAPE,        /* the same values in another shape */
    RFA_OP_SCORES,         /* product of two tensors, rows by rows */
    RFA_OP_SOFTMAX,        /* softmax of every row */
    RFA_OP_BLEND,          /* weighted sums of rows */
    RFA_OP_AGENTS,         /* (x * gate + 2 x) / 3 */
    RFA_OP_COUNT
};

struct rfa_step {
    enum rfa_op op;
    enum rfa_stage stage;
    char name[2 * RFA_NAME_BYTES]; /* of its weights, for plans and benchmarks */
    int in[RFA_STEP_INPUTS];       /* tensor ids or RFA_NONE */
    int out[RFA_STEP_OUTPUTS]; /* float (or i32) result, RFA_NONE if only the Q8 form is read; [1] is the second result
                                  or the Q8 form */
    struct rfa_weight w, w2;
    union {
        struct {
            uint32_t image, patch;
            bool fp16;
        } patches;
        struct {
            float eps;
        } norm;
        struct {
            enum rfa_act act;
            size_t first; /* first input column read (float inputs only) */
        } linear;
        struct {
            size_t heads, dim;                /* dim of one head */
            size_t q_first, k_first, v_first; /* first columns */
            bool causal, int8;
        } attention;
        struct {
            size_t height, width, channels; /* of the input map */
            size_t kernel, stride, pad;
            size_t out_height, out_width;
            bool relu;
        } conv;
        struct {
            uint32_t person, classes;
        } detections;
        struct {
            size_t tokens, frames; /* tokens of a frame, frames of the clip */
        } clip;
        struct {
            size_t taps, states, rank; /* Mamba; u and z are column ranges of the input projection's result */
        } mamba;
        struct {
            size_t count; /* rows averaged per unit of `var` */
            enum rfa_var var;
            size_t step, base; /* out row r averages rows r*base + i*step */
        } mean;
        struct {
            float divisor;
        } mix;
        struct {
            size_t a_first, b_first; /* first columns */
            float scale;
        } scores;
        struct {
            size_t first; /* first column of the rows */
        } blend;
        enum rfa_act act;
    } p;
};

/* A named intermediate under the oracle's name. dim[0] counts units of var. */
struct rfa_trace_point {
    const char *name;
    int tensor;
    uint32_t rank;
    size_t dim[RFA_TRACE_DIMS];
    enum rfa_var var;
    int step; /* complete after this step */
};

/* Tensors by role, filled by the pipeline builder, RFA_NONE where the model has none. */
struct rfa_ports {
    int frames, key_frame, sentence_ids, keyword_ids;         /* inputs */
    int logits, probabilities, box;                           /* outputs */
    int keyword_index, keyword_margin, box_index, box_margin; /* the chosen tokens */
    int detr_logits, detr_boxes, visual, visual_unit;         /* kept for the caller */
};

struct rfa_graph {
    struct rfa_tensor *tensor;
    int tensor_count;
    struct rfa_step *step;
    int step_count;
    int stage_begin[RFA_STAGE_COUNT + 1]; /* steps of stage s: stage_begin[s] ... stage_begin[s+1]-1 */
    struct rfa_trace_point *trace;
    int trace_count;
    struct rfa_ports port;
};

/* ------------------------------------------------------------------ builder */

/* One tensor that a builder asks for, as a float model stores it. */
enum rfa_demand_kind {
    RFA_DEMAND_MATRIX,      /* dim {n, k}: the weight of a product; I8 panels may stand for it */
    RFA_DEMAND_MATRIX_BIAS, /* dim {n}, after its matrix */
    RFA_DEMAND_TABLE,       /* dim {n, k}, or {k} for one row */
    RFA_DEMAND_PANELS,      /* dim {ceil(channels/16), rows, 16}, zero-padded */
    RFA_DEMAND_VECTOR       /* dim {n} */
};

struct rfa_demand {
    enum rfa_demand_kind kind;
    const char *name; /* in full; valid during the call */
    uint32_t rank;
    uint64_t dim[RFA_MAX_DIMS];
    size_t channels; /* of RFA_DEMAND_PANELS */
};

/* Keeps the first error, so that model code needs no error handling: after a failure every call does nothing and
 * returns 0. */
struct rfa_build {
    struct rfa_graph *graph;
    int tensor_capacity, step_capacity, trace_capacity; /* 0: only count */
    const struct rfa_gguf *gguf;
    /* Set: no tensor is looked up; each one asked for is reported here (some twice) and weights come without data. gguf
     * may be NULL then, unless the variant's configuration leaves sizes to the file (RefAtomNet). NULL: weights come
     * from gguf. */
    void (*demand)(void *user, const struct rfa_demand *demand);
    void *demand_user;
    const char *file; /* for messages */
    const struct rfa_log *log;
    enum rfa_status status;
    enum rfa_stage stage;
    char prefix[RFA_NAME_BYTES];
};

/* The whole model of this configuration; models/pipeline.c. */
void rfa_build_pipeline(struct rfa_build *b, const struct rfa_config *config);

/* Resolves what the steps left open: Q8 companions (made by the producing step where its op can, by a QUANTIZE step
 * otherwise is appended while building), last uses. Called once after rfa_build_pipeline. */
void rfa_build_finish(struct rfa_build *b);

void rfa_build_stage(struct rfa_build *b, enum rfa_stage stage);

/* Sets the name prefix of the following weights, printf style: rfa_build_prefix(b, "vit.blk.%d", i). */
void rfa_build_prefix(struct rfa_build *b, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

static inline struct rfa_shape rfa_shape(size_t rows, size_t cols, enum rfa_var var)
{
    return (struct rfa_shape){rows, cols, var};
}

struct rfa_shape rfa_build_shape(const struct rfa_build *b, int tensor);

/* Weights of the file under the prefix ("" name: the prefix itself), checked against the expected shape.
 * matrix: NAME.weight [n,k], with NAME.bias if `bias`; a missing or misshapen tensor is an error that names it. */
struct rfa_weight rfa_build_matrix(struct rfa_build *b, const char *name, size_t n, size_t k, bool bias);
/* The same, refused as I8 panels: for products with a part of the matrix (rfa_weight_rows) or of the input's columns;
 * and refused as F16 too. */
struct rfa_weight rfa_build_float_matrix(struct rfa_build *b, const char *name, size_t n, size_t k, bool bias);
struct rfa_weight rfa_build_f32_matrix(struct rfa_build *b, const char *name, size_t n, size_t k, bool bias);
/* NAME [n,k], or [k] where n is 1: F32 or F16. */
struct rfa_weight rfa_build_table(struct rfa_build *b, const char *name, size_t n, size_t k);
/* NAME kind, such as "conv" ".weight", [ceil(channels/16),rows,16]: F32. */
struct rfa_weight rfa_build_panels(struct rfa_build *b, const char *name, const char *kind, size_t channels,
                                   size_t rows);
/* Rows of the matrix NAME.weight in the file, for sizes that have no key; 0 after a failure, more than RFA_MAX_MLP
 * being one. */
size_t rfa_build_matrix_rows(struct rfa_build *b, const char *name);
/* Rows first ... first+n-1 of a float matrix. */
struct rfa_weight rfa_weight_rows(struct rfa_weight w, size_t first, size_t n);

int rfa_build_input(struct rfa_build *b, enum rfa_tensor_type type, struct rfa_shape shape);
void rfa_build_keep(struct rfa_build *b, int tensor);
void rfa_build_trace(struct rfa_build *b, int tensor, const char *name, uint32_t rank, const size_t dim[RFA_TRACE_DIMS],
                     enum rfa_var var);

/* Steps. Each returns its result's tensor id; the shape given is what the model says it must be and is compared with
 * inference. */
int rfa_step_patches(struct rfa_build *b, int frames, uint32_t image, uint32_t patch, bool fp16,
                     struct rfa_shape shape);
int rfa_step_tokens(struct rfa_build *b, int patches, struct rfa_shape shape);
int rfa_step_constant(struct rfa_build *b, struct rfa_weight w, struct rfa_shape shape);
int rfa_step_zero(struct rfa_build *b, struct rfa_shape shape);
int rfa_step_embed(struct rfa_build *b, int ids, struct rfa_weight token, struct rfa_weight position,
                   struct rfa_shape shape);
int rfa_step_norm(struct rfa_build *b, int x, const char *name, float eps, struct rfa_shape shape);
int rfa_step_linear(struct rfa_build *b, int x, const char *name, enum rfa_act act, struct rfa_shape shape);
int rfa_step_linear_add(struct rfa_build *b, int x, const char *name, int residual, struct rfa_shape shape);
/* The general form: any weight, first input column (float weights only). residual RFA_NONE: none. */
int rfa_step_product(struct rfa_build *b, int x, const char *name, struct rfa_weight w, size_t first, enum rfa_act act,
                     int residual, struct rfa_shape shape);

struct rfa_attend {
    int q, k, v;
    size_t q_first, k_first, v_first;
    size_t heads;
    bool causal;
};
int rfa_step_attention(struct rfa_build *b, struct rfa_attend a, struct rfa_shape shape);
/* Attention of x with itself, by one matrix `name` to queries, keys and values, [3 * shape.cols, columns of x]. Where
 * both can work in int8 they are one step, and queries, keys and values no tensor. */
int rfa_step_self_attention(struct rfa_build *b, int x, const char *name, size_t heads, struct rfa_shape shape);
int rfa_step_add(struct rfa_build *b, int x, int y, struct rfa_shape shape);
int rfa_step_add_table(struct rfa_build *b, int x, struct rfa_weight table, struct rfa_shape shape);
int rfa_step_channels_last(struct rfa_build *b, int pixels, size_t channels, size_t height, size_t width);

struct rfa_map {
    int tensor;
    size_t height, width, channels;
};
struct rfa_map rfa_step_conv(struct rfa_build *b, struct rfa_map x, const char *name, size_t out, size_t kernel,
                             size_t stride, bool relu, int residual);
struct rfa_map rfa_step_max_pool(struct rfa_build *b, struct rfa_map x);
int rfa_step_detections(struct rfa_build *b, int logits, int boxes, uint32_t person, struct rfa_shape shape);
void rfa_step_store(struct rfa_build *b, int x, int clip, size_t tokens, size_t frames);
int rfa_step_unit(struct rfa_build *b, int x, struct rfa_shape shape);
/* Returns the index tensor; *margin gets the margins. */
int rfa_step_retrieve(struct rfa_build *b, int *margin, int query, int tokens, size_t per_frame, size_t frames,
                      struct rfa_shape shape);
int rfa_step_gather(struct rfa_build *b, int index, int rows, size_t per_frame, size_t frames, struct rfa_shape shape);
int rfa_step_conv1d(struct rfa_build *b, int x, const char *name, size_t taps, struct rfa_shape shape);
/* delta before softplus, u after the convolution, dbc rows [rank + 2 states], xz whose second half is z. */
int rfa_step_scan(struct rfa_build *b, int delta, int u, int dbc, int xz, size_t rank, size_t states,
                  struct rfa_shape shape);
int rfa_step_mean(struct rfa_build *b, int x, size_t count, enum rfa_var var, size_t step, size_t base,
                  struct rfa_shape shape);
int rfa_step_mix(struct rfa_build *b, int x, int y, float divisor, struct rfa_shape shape);
int rfa_step_act(struct rfa_build *b, int x, enum rfa_act act, struct rfa_shape shape);
int rfa_step_reshape(struct rfa_build *b, int x, struct rfa_shape shape);

/* What RefAtomNet's agent attention is made of; every tensor has rows of its own (RFA_VAR_ONE). */
/* out[i][j] = scale * sum over c of a[i][a_first + c] * b[j][b_first + c], c < width */
int rfa_step_scores(struct rfa_build *b, int x, size_t x_first, int y, size_t y_first, size_t width, float scale,
                    struct rfa_shape shape);
int rfa_step_softmax(struct rfa_build *b, int x, struct rfa_shape shape);
/* out[i] = sum over j of weight[i][j] * x[j][first ...], by a tensor of weights or by a float matrix of the file with
 * its bias per row. */
int rfa_step_blend(struct rfa_build *b, int weight, int x, size_t first, struct rfa_shape shape);
int rfa_step_blend_table(struct rfa_build *b, const char *name, int x, struct rfa_shape shape);
int rfa_step_agents(struct rfa_build *b, int x, int gate, struct rfa_shape shape);

#endif
