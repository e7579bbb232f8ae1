/* refatom: what is this person doing, and where?
 *
 * Runs the RefAtomNet++ model (and its predecessor RefAtomNet) on a CPU from one model file. One clip of video frames
 * and one caption that singles out a person go in; 80 action scores and one box come out.
 *
 *     rfa_model_open       maps a model file; the model is immutable and may be shared by any number of threads
 *     rfa_session_bytes    how much memory a session needs, to the byte
 *     rfa_session_init     binds a session to that memory; after this nothing is allocated, opened or created
 *     rfa_encode_frames    VISION  8 RGB frames -> visual tokens
 *     rfa_encode_scene     SCENE   key frame -> person tokens
 *     rfa_encode_caption   TEXT    caption -> sentence and keywords
 *     rfa_answer           ANSWER  -> logits, probabilities, box
 *
 * The three stages before the answer come in any order, and each may be repeated alone: a second caption on the same
 * clip needs only rfa_encode_caption, a new live frame only rfa_push_frame.
 *
 * Errors: every function that can fail returns enum rfa_status and, through rfa_options.log, one message that names the
 * thing, the reason and the remedy (a NULL session, in which the log is, has none). The library never prints, never
 * exits and reads no environment variable. Where nothing else is said, a call that fails changes nothing, and pointers
 * must not be NULL.
 *
 * Threads: a session belongs to the thread that initialised it (rfa_session_attach moves it). Different sessions on one
 * model may run at the same time on different threads. Everything else may be called from any thread.
 *
 * Ownership: what is passed in is read during the call only, but for what rfa_model_open_memory and rfa_session_init
 * say.
 */
#ifndef REFATOM_H
#define REFATOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RFA_VERSION_MAJOR 0
#define RFA_VERSION_MINOR 1
#define RFA_VERSION_PATCH 0

#if defined(__GNUC__) || defined(__clang__)
#define RFA_API     __attribute__((visibility("default")))
#define RFA_CHECKED __attribute__((warn_unused_result))
#else
#define RFA_API
#define RFA_CHECKED
#endif

/* ------------------------------------------------------------------ status and messages */

enum rfa_status {
    RFA_OK = 0,
    RFA_ERR_ARG = -1,         /* an argument is wrong: the caller's mistake */
    RFA_ERR_NOMEM = -2,       /* memory given or available is too small */
    RFA_ERR_FORMAT = -3,      /* the file is damaged or not of the expected format */
    RFA_ERR_SHAPE = -4,       /* a tensor is missing or its shape or type differs from what the configuration demands */
    RFA_ERR_UNSUPPORTED = -5, /* valid, but not in this build or on this machine */
    RFA_ERR_IO = -6,          /* the operating system refused to open, read or map */
    RFA_ERR_DEVICE = -7,      /* an optional backend failed */
    RFA_ERR_INTERNAL = -8     /* a bug in refatom */
};

/* The status in a few words, never NULL. Static storage. */
RFA_API const char *rfa_status_str(enum rfa_status status);

/* Receives one message, without a newline, at the moment of a failure (status < 0) or of a notice (status == RFA_OK).
 * Called on the thread that called the library. `message` is valid during the call only. write NULL: nobody listens. */
struct rfa_log {
    void (*write)(void *user, enum rfa_status status, const char *message);
    void *user;
};

/* ------------------------------------------------------------------ data in */

/* An image in the caller's memory: 8-bit interleaved R, G, B, top row first; row r starts at rgb + r * stride bytes.
 * The library applies the channel order, resize and normalisation that the model file asks for. */
struct rfa_image {
    const uint8_t *rgb;
    int width, height; /* pixels, at least 1, at most rfa_options.max_image_side */
    ptrdiff_t stride;  /* bytes between rows, at least 3 * width */
};

/* ------------------------------------------------------------------ options */

/* Where a session computes. Devices other than the CPU are in builds that ask for them. */
enum rfa_device { RFA_DEVICE_CPU, RFA_DEVICE_CUDA };

enum rfa_element { RFA_ELEMENT_F32, RFA_ELEMENT_I32 };

/* One intermediate tensor, or the part of it that one call computed: rows first ... first+count-1 along dimension 0 of
 * dim. `data` holds count * dim[1] * ... values of 4 bytes, row-major; with repeat > 1 (count is then 1) the whole
 * tensor is `repeat` times these rows. */
struct rfa_trace {
    const char *name;
    enum rfa_element element;
    uint32_t rank; /* 1 ... 4 */
    size_t dim[4];
    size_t first, count, repeat;
    const void *data; /* valid during the call */
};

/* Plain data; start from rfa_options_default(). The same options must be given to rfa_session_bytes and
 * rfa_session_init, which copies them: log.user and trace_user must stay valid as long as the session. How idle threads
 * of the team wait is up to the OpenMP runtime and its environment, read before main; GNU's waits well with
 * OMP_WAIT_POLICY=passive and GOMP_SPINCOUNT=1000, which the program sets for itself. */
struct rfa_options {
    size_t sizeof_options; /* sizeof(struct rfa_options): set by rfa_options_default, checked by every call */
    int threads;           /* team size, 1 ... 256; default 1 */
    uint32_t cpu_mask;     /* which CPU bundles may be used; default all. rfa_cpu_mask() makes it from a tier's name */
    uint32_t frame_group;  /* frames that pass through VISION together: more is faster and needs more memory; more than
                              the model's frames count as these; default 2 */
    size_t cache_bytes; /* of the second-level cache, what one core has for itself: tasks of int8 products take as many
                           rows as fit; no result and no memory depends on it; default 0: not known */
    int max_image_side; /* largest width or height of an rfa_image; default 4096 */
    size_t max_caption; /* longest caption in bytes; default 4096 */
    bool low_memory; /* give the weights of every step back to the system when it is done: the model may be larger than
                        the memory, at the price of reading it again; default false */
    bool blas; /* float models only: large products by OpenBLAS, outside the bit-exactness promise; default false */
    enum rfa_device device; /* default RFA_DEVICE_CPU. Another one is opened by rfa_session_init, which takes the
                               device's memory and uploads the weights: RFA_ERR_UNSUPPORTED where this build has no such
                               backend, RFA_ERR_DEVICE where the device does not answer or refuses. Nothing falls back
                               to the CPU by itself */
    bool step_times;  /* devices: run step by step, so that every step has a time of its own, not the stage as a whole;
                         slower; default false */
    bool count_tasks; /* CPU: count what every thread of the team does, for rfa_session_thread; two readings of a clock
                         a step and thread, 64 bytes of the session a thread; default false */
    struct rfa_log log; /* default: none */
    /* Called for every named intermediate on the session's thread, while the stage runs: it may not call the session.
     * Default NULL. */
    void (*trace)(void *user, const struct rfa_trace *tensor);
    void *trace_user;
};

RFA_API void rfa_options_default(struct rfa_options *options);

/* The cpu_mask that allows a tier and what it builds on: "c", "avx2", "avx512", "avxvnni" (no AVX-512), "avx512vnni",
 * "amx", "neon", "dotprod", "i8mm", "auto". RFA_ERR_ARG for any other word. */
RFA_API RFA_CHECKED enum rfa_status rfa_cpu_mask(uint32_t *mask, const char *tier);

/* The fastest tier this machine offers under the mask, as one of the words above. Static storage. */
RFA_API const char *rfa_cpu_tier(uint32_t mask);

/* "cpu", "cuda"; RFA_ERR_ARG for any other word. A name is known whether or not this build has the backend. */
RFA_API RFA_CHECKED enum rfa_status rfa_device_by_name(enum rfa_device *device, const char *name);

/* ------------------------------------------------------------------ model */

typedef struct rfa_model rfa_model;
typedef struct rfa_session rfa_session;

/* Sizes a caller needs. Strings have static storage. */
struct rfa_model_info {
    const char *variant; /* "refatomnet++" or "refatomnet" */
    const char *weights; /* "float32", "float16" or "int8": the type of most matrix values */
    uint32_t frames;     /* frames of a clip */
    uint32_t actions;    /* classes */
    uint32_t image_size; /* frames become [3, image_size, image_size] */
    uint32_t key_height, key_width;
    uint32_t queries;                       /* detections */
    uint32_t visual_tokens;                 /* a frame */
    uint32_t sentence_limit, keyword_limit; /* tokens */
    size_t tensors, parameters;             /* parameters: values of all tensors but int32 ones */
    size_t weight_bytes, file_bytes;        /* of all tensors, of the whole file */
    int sampling;                           /* enum rfa_sampling of the profile: 0 spread, 1 first, 2 demo, 3 still */
};

/* Maps `path` read-only, checks its structure and builds the graph; weights are read when they are first used. On
 * success *out owns the mapping; close with rfa_model_close. On failure *out is NULL. The file must stay as it is while
 * the model is open: replace it by renaming another onto it.
 *
 * RFA_ERR_IO           cannot be opened or mapped
 * RFA_ERR_FORMAT       not a model, damaged, a key missing or out of its range
 * RFA_ERR_SHAPE        a tensor missing or misshapen
 * RFA_ERR_UNSUPPORTED  another GGUF version or architecture, or too large for this machine's addresses
 * RFA_ERR_NOMEM        no memory for the tables
 * RFA_ERR_ARG          a NULL argument */
RFA_API RFA_CHECKED enum rfa_status rfa_model_open(rfa_model **out, const char *path, const struct rfa_log *log);

/* The same for a file already in memory, which must be aligned to 64 bytes, stay unchanged and outlive the model; the
 * caller keeps owning it. */
RFA_API RFA_CHECKED enum rfa_status rfa_model_open_memory(rfa_model **out, const void *file, size_t bytes,
                                                          const struct rfa_log *log);

/* Starts to read all weights from the disk and returns at once: a hint, without effect on a model in memory. */
RFA_API void rfa_model_prefetch(const rfa_model *model);

/* Reads all weights and keeps them in memory until the model is closed. RFA_ERR_NOMEM: over the limit of locked memory
 * (ulimit -l) or more than the machine has. */
RFA_API RFA_CHECKED enum rfa_status rfa_model_lock(const rfa_model *model, const struct rfa_log *log);

/* Frees the model and sets *model to NULL. No session may be using it. NULL and pointer to NULL are fine. */
RFA_API void rfa_model_close(rfa_model **model);

RFA_API void rfa_model_get_info(struct rfa_model_info *info, const rfa_model *model);

/* Name of class i, not terminated by a zero byte: *length gets its length. NULL when i is out of range. Lives as long
 * as the model. */
RFA_API const char *rfa_model_label(size_t *length, const rfa_model *model, uint32_t i);

/* ------------------------------------------------------------------ session */

/* *bytes: the exact number that rfa_session_init needs for these options. RFA_ERR_ARG: an option out of its range;
 * RFA_ERR_UNSUPPORTED: one that this build has not; RFA_ERR_NOMEM: more than this machine can address. */
RFA_API RFA_CHECKED enum rfa_status rfa_session_bytes(size_t *bytes, const rfa_model *model,
                                                      const struct rfa_options *options);

/* Binds a session to `memory` (aligned to 64 bytes, at least rfa_session_bytes; the caller keeps owning it and frees it
 * after rfa_session_end) and creates the thread team. The model must outlive the session. On failure *out is NULL and
 * the memory's content is undefined. Errors are those of rfa_session_bytes, and RFA_ERR_NOMEM for one byte less, with
 * the number needed in the message; RFA_ERR_DEVICE: the device does not answer or refuses. */
RFA_API RFA_CHECKED enum rfa_status rfa_session_init(rfa_session **out, const rfa_model *model,
                                                     const struct rfa_options *options, void *memory, size_t bytes);

/* rfa_session_init on memory of its own, freed by rfa_session_end. RFA_ERR_NOMEM: the system has not so much. */
RFA_API RFA_CHECKED enum rfa_status rfa_session_create(rfa_session **out, const rfa_model *model,
                                                       const struct rfa_options *options);

/* Moves the session to the calling thread: the one call after init that may allocate (the team's threads). */
RFA_API RFA_CHECKED enum rfa_status rfa_session_attach(rfa_session *session);

/* Ends the session and sets *session to NULL. NULL and pointer to NULL are fine. */
RFA_API void rfa_session_end(rfa_session **session);

/* What a device can do at most, a second. */
struct rfa_device_rates {
    double int8_macs, float_macs, bytes_per_second;
};

/* What a session runs on. */
struct rfa_device_info {
    const char *device; /* "cpu" or "cuda" */
    const char *name;   /* the CPU's tier, or what the device calls itself; lives as long as the session */
    const char *pci;    /* PCI address, "0000:17:00.0"; lives as long; NULL: the CPU, or not known */
    size_t bytes;       /* taken on the device: arena, scratch and weights; 0 on the CPU */
    struct rfa_device_rates data_sheet; /* from the device's clock and units; 0: not known */
};

RFA_API void rfa_session_device(struct rfa_device_info *info, const rfa_session *session);

/* Of the calls below: a NULL session and every argument out of its range are RFA_ERR_ARG, and then nothing is changed.
 * On the CPU they fail for nothing else. A device that fails is RFA_ERR_DEVICE; the stage then counts as not encoded
 * until it is encoded again.
 *
 * VISION for `count` frames into slots first ... first+count-1 of the clip's ring; slot order is time order. image[i]
 * with rgb NULL is a missing frame (all-zero pixels). */
RFA_API RFA_CHECKED enum rfa_status rfa_encode_frames(rfa_session *session, uint32_t first,
                                                      const struct rfa_image *image, uint32_t count);

/* Live streams: drops the oldest frame, moves the others one slot down and encodes `image` into the last slot. */
RFA_API RFA_CHECKED enum rfa_status rfa_push_frame(rfa_session *session, const struct rfa_image *image);

/* SCENE: detects the persons of the key frame. */
RFA_API RFA_CHECKED enum rfa_status rfa_encode_scene(rfa_session *session, const struct rfa_image *image);

/* TEXT: caption in UTF-8, `length` bytes, no zero byte needed. RFA_ERR_ARG: longer than options.max_caption, not UTF-8,
 * or of more tokens than the model's sentence_limit. Keywords beyond keyword_limit are dropped, as the reference does.
 */
RFA_API RFA_CHECKED enum rfa_status rfa_encode_caption(rfa_session *session, const char *caption, size_t length);

/* The same three from prepared inputs: normalised planar float pixels [count][3][image_size][image_size] and
 * [3][key_height][key_width] in the model's channel order; token ids with [CLS] and [SEP]. RefAtomNet has no keywords:
 * NULL and 0. */
RFA_API RFA_CHECKED enum rfa_status rfa_encode_frame_pixels(rfa_session *session, uint32_t first, const float *pixels,
                                                            uint32_t count);
RFA_API RFA_CHECKED enum rfa_status rfa_encode_scene_pixels(rfa_session *session, const float *pixels);
RFA_API RFA_CHECKED enum rfa_status rfa_encode_ids(rfa_session *session, const int32_t *sentence, size_t sentence_count,
                                                   const int32_t *keywords, size_t keyword_count);

/* The answer; pointers into the session, valid until its next call. */
struct rfa_result {
    uint32_t actions;
    const float *logits;        /* [actions] */
    const float *probabilities; /* [actions], sigmoid of the logits: several actions may hold at once */
    float box[4];               /* x1, y1, x2, y2 as shares of width and height, as the model gives them */
    /* Which visual token each keyword and each detection chose in each frame, and by how much; NULL where the variant
     * has none. */
    uint32_t keywords, detections, frames;
    const int32_t *keyword_index, *box_index; /* [keywords][frames], [detections][frames] */
    const float *keyword_margin, *box_margin; /* cosine of the best minus the second best */
};

/* ANSWER. RFA_ERR_ARG names the stage that has not been encoded yet. */
RFA_API RFA_CHECKED enum rfa_status rfa_answer(rfa_session *session, struct rfa_result *result);

/* ------------------------------------------------------------------ plan and times */

/* One step of the model as it will run, or as it ran. Strings live as long as the model. */
struct rfa_step_info {
    const char *stage, *op, *name;
    size_t rows, cols; /* of the result, at its largest */
    double macs;       /* multiply-accumulates of the last run; at the largest size before */
    size_t weight_bytes;
    size_t arena_bytes; /* live during the step: results, inputs, scratch */
    double seconds;     /* of the last run; 0 before */
};

/* One block of the arena. */
struct rfa_block_info {
    const char *stage, *name; /* of the step that makes it */
    size_t offset, bytes;
    int first_step, last_step;
    bool kept, scratch;
};

struct rfa_plan_info {
    size_t session_bytes;   /* all of it: what rfa_session_bytes says */
    size_t arena_bytes;     /* tensors and scratch */
    size_t lower_bound;     /* largest sum of blocks alive at one step */
    size_t unshared_bytes;  /* the sum of all blocks, without overlay */
    size_t row_block_bytes; /* of rows a task of an int8 product takes: follows options.cache_bytes */
    size_t stage_peak[4];   /* most bytes alive at one step of vision, scene, text, answer */
    int steps, blocks;
};

/* Fill *plan, *step and *block; steps and blocks are numbered from 0. RFA_ERR_ARG: a NULL argument, or no such number.
 */
RFA_API RFA_CHECKED enum rfa_status rfa_session_plan(struct rfa_plan_info *plan, const rfa_session *session);
RFA_API RFA_CHECKED enum rfa_status rfa_session_step(struct rfa_step_info *step, const rfa_session *session, int i);
RFA_API RFA_CHECKED enum rfa_status rfa_session_block(struct rfa_block_info *block, const rfa_session *session, int i);

/* What thread i of the team has done since the session began. A step's work is cut into tasks, and a thread that has
 * done one takes the next: on a machine whose cores differ, or are busy with other work, shares follow their speed. */
struct rfa_thread_info {
    size_t tasks;
    double seconds; /* in which it had tasks; the rest it waited for the others, or there was nothing for a team */
    int core;       /* the processor it was on at last; -1: it had no task yet, or the system does not tell */
    size_t moves;   /* times that it was found on another processor than before */
};

/* RFA_ERR_ARG without options.count_tasks, and for other i than 0 ... options.threads - 1. */
RFA_API RFA_CHECKED enum rfa_status rfa_session_thread(struct rfa_thread_info *thread, const rfa_session *session,
                                                       int i);

/* ------------------------------------------------------------------ the selective scan by itself */

/* Mamba-1's selective scan with its softplus and gate, one thread, no allocation (Gu and Dao, arXiv:2312.00752,
 * algorithm 2):
 *
 *     dt      = softplus(delta[t][c])
 *     h[c][n] = exp(dt * a[c][n]) * h[c][n] + dt * b[t][n] * u[t][c]
 *     y[t][c] = (sum over n of c[t][n] * h[c][n] + d[c] * u[t][c]) * silu(z[t][c])
 *
 * exp(dt * a) is 2^(dt * (a log2 e)), to 3 units in the last place beside the rounding of that exponent
 * (quant/README.md, section 4).
 *
 * Rows are plain and contiguous: delta, u, z, y [length][channels]; b, c [length][states]; d [channels]. z NULL: no
 * gate. y may be delta, u or z. `a` and `state` are in panels of 16 channels, [ceil(channels/16)][states][16], so that
 * a panel's states stay in registers: rfa_scan_pack makes them from [channels][states]. state NULL: starts from zero
 * and is not kept; otherwise it is read and updated, and a sequence cut in two gives the same bits as in one piece. The
 * result has the same bits on every CPU. Any number of threads may call it at once with scratch, y and state of their
 * own. */
struct rfa_selective_scan {
    size_t length, channels, states; /* states 1 ... 256 */
    const float *delta, *u, *z, *a, *b, *c, *d;
    float *y, *state;
    void *scratch; /* rfa_selective_scan_scratch(states) bytes, aligned to 64 */
    uint32_t cpu;  /* rfa_cpu_bits(), asked once; 0: plain C */
};

/* RFA_ERR_ARG, without a message: a pointer is NULL that may not be, scratch is not aligned, or states is out of range.
 */
RFA_API RFA_CHECKED enum rfa_status rfa_selective_scan(const struct rfa_selective_scan *scan);
RFA_API size_t rfa_selective_scan_scratch(size_t states);

/* Floats of `a` or `state` in panels; and the packing of rows [channels][states], padding zero. */
RFA_API size_t rfa_scan_panel_floats(size_t channels, size_t states);
RFA_API void rfa_scan_pack(float *panels, const float *rows, size_t channels, size_t states);

/* The instruction sets of this machine, for rfa_selective_scan.cpu. Asks the CPU and the operating system: keep the
 * answer. */
RFA_API uint32_t rfa_cpu_bits(void);

/* ------------------------------------------------------------------ names */

/* The words "vision", "scene", "text", "answer"; NULL for any other number. */
RFA_API const char *rfa_stage_name(int stage);

#ifdef __cplusplus
}
#endif

#endif
