/* Inside a session: what ops may use. The public functions are in session.c, encode.c and report.c. */
#ifndef RFA_SESSION_H
#define RFA_SESSION_H

#include "graph.h"
#include "parallel.h"
#include "plan.h"
#include "text.h"

struct rfa_model {
    struct rfa_config config;
    struct rfa_graph graph;
    struct rfa_gguf gguf;
    struct rfa_vocab *vocab;
    struct rfa_str *stop; /* sorted */
    size_t stop_count;
    struct rfa_model_info info;
    const void *map; /* what rfa_model_close unmaps; NULL for a file given in memory */
    size_t map_bytes;
    void *table, *vocab_memory;
};

struct rfa_backend;

enum { RFA_MAX_THREADS = 256 };

struct rfa_session {
    const struct rfa_model *model;
    struct rfa_options options;
    struct rfa_kernels kernels;
    struct rfa_team team;
    size_t max_rows[RFA_VAR_COUNT]; /* largest value of every variable */
    size_t rows[RFA_VAR_COUNT];     /* its value in the current call */
    size_t slot;                    /* first slot of the frames being encoded */
    uint64_t slots_done;            /* bit per slot that holds a frame */
    bool scene_done, text_done;
    /* Block t is tensor t; block tensor_count + s is the scratch of step s. */
    struct rfa_block *block;
    int *order;
    int block_count;
    /* [threads], what each has done; NULL: not counted */
    struct rfa_thread_work *work;
    double *seconds; /* of the last run of each step */
    char *keywords;  /* [max_caption] */
    int32_t *ids;    /* [text_positions] */
    char *sentence;  /* [prompt + max_caption] */
    unsigned char *arena;
    size_t arena_bytes, total_bytes;
    void *owned;                       /* memory of rfa_session_create */
    const struct rfa_backend *backend; /* NULL: the CPU */
    void *device;                      /* the backend's state */
    /* Called after every step, while what it read and wrote is alive; NULL: nobody listens. Set after init, for
     * calibration. */
    void (*observe)(void *user, const struct rfa_session *s, int step);
    void *observe_user;
};

static inline const struct rfa_tensor *rfa_tensor(const struct rfa_session *s, int id)
{
    return &s->model->graph.tensor[id];
}

/* Address of a tensor's first row, NULL for RFA_NONE. */
static inline void *rfa_data(const struct rfa_session *s, int id)
{
    return id == RFA_NONE ? NULL : s->arena + s->block[id].offset;
}

/* Rows in the current call, and at most. */
static inline size_t rfa_rows(const struct rfa_session *s, int id)
{
    const struct rfa_shape *shape = &rfa_tensor(s, id)->shape;
    return shape->rows * s->rows[shape->var];
}

static inline size_t rfa_max_rows(const struct rfa_session *s, int id)
{
    const struct rfa_shape *shape = &rfa_tensor(s, id)->shape;
    return shape->rows * s->max_rows[shape->var];
}

static inline size_t rfa_cols(const struct rfa_session *s, int id)
{
    return rfa_tensor(s, id)->shape.cols;
}

/* A NULL session: there is no log to write to. */
static inline enum rfa_status rfa_check_session(const struct rfa_session *s)
{
    return s ? RFA_OK : RFA_ERR_ARG;
}

/* The scales behind the rows of a Q8 or Q8_MAP tensor. */
float *rfa_scales(const struct rfa_session *s, int id);

/* Where the step that makes the map `id` leaves its largest rfa_magnitude, for the step that quantises it; NULL for
 * tensors whose op does not. */
uint32_t *rfa_map_magnitude(const struct rfa_session *s, int id);

/* Scratch of the step for this thread, 64-byte aligned. All threads' lie in one piece; the other gives the bytes of
 * one. */
void *rfa_scratch(const struct rfa_session *s, const struct rfa_step *step, int thread);
size_t rfa_scratch_step(const struct rfa_session *s, const struct rfa_step *step);

/* To be called before the inputs of a stage are written. */
void rfa_begin_stage(const struct rfa_session *s, enum rfa_stage stage);

/* Runs the steps of one stage with the current values of the variables. Only a device can fail. */
enum rfa_status rfa_run_stage(struct rfa_session *s, enum rfa_stage stage);

/* Hands the tensors that are complete after this step to options.trace. */
void rfa_emit_after(const struct rfa_session *s, int step);

#endif
