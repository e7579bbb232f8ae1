/* The CUDA backend: one device, one stream, one piece of its memory.
 *
 *     memory    call | arena: the session's plan, offset by offset | scratch: the largest step's | magnitudes | weights
 *     stage     a graph captured at open. It serves every call, because kernels read the call's numbers of rows from
 *               device memory and are started for the largest; single steps are started directly, by the same code. */
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "backend.h"
#include "cuda_error.h"
#include "measure_cuda.h"
#include "ops_cuda.h"
#include "quant.h"
#include "sizes.h"

enum { ALIGN = 256, LEAST_CAPABILITY = 75, PAGE = 65536 /* the largest that systems have, or more */ };

struct state {
    struct rfa_cuda_device d;
    const struct rfa_log *log;
    unsigned char *memory;
    size_t bytes;
    unsigned char *pinned; /* of the session's arena; NULL: the system refused */
    size_t pinned_bytes;
    struct rfa_cuda_call *call; /* on the device */
    struct rfa_cuda_call next;  /* on its way there: a copy may read it until the stream is waited for */
    struct rfa_cuda_step *step;
    cudaGraphExec_t graph[RFA_STAGE_COUNT];
    struct rfa_device_info info;
    char name[256], pci[32];
    int device; /* the thread's current one at open */
};

static const char restart[] = "end the session, and use the CPU if it happens again";

/* ------------------------------------------------------------------ the device */

/* 0 where the device does not tell. */
static int attribute(const struct state *st, enum cudaDeviceAttr name)
{
    int value = 0;
    if (cudaDeviceGetAttribute(&value, name, st->device) == cudaSuccess)
        return value;
    cudaGetLastError(); /* no failure: cleared */
    return 0;
}

/* Data-sheet rate of int8 products of a multiprocessor and clock; 0: not known. */
static double int8_macs(int capability)
{
    switch (capability) {
    case 80:
    case 87:
        return 2048;
    case 90:
        return 4096;
    default:
        return capability < 90 || capability >= 120 ? 1024 : 0;
    }
}

static void find_ceilings(struct state *st, int capability)
{
    struct rfa_device_rates *sheet = &st->info.data_sheet;
    double clocks = 1e3 * attribute(st, cudaDevAttrClockRate) * attribute(st, cudaDevAttrMultiProcessorCount);
    double bus = attribute(st, cudaDevAttrGlobalMemoryBusWidth) / 8.0;
    sheet->int8_macs = clocks * int8_macs(capability);
    sheet->float_macs = clocks * (capability >= 86 ? 128 : 64);
    sheet->bytes_per_second = 2e3 * attribute(st, cudaDevAttrMemoryClockRate) * bus;
}

/* Empty where the device does not tell. */
static void find_pci(struct state *st)
{
    if (cudaDeviceGetPCIBusId(st->pci, sizeof st->pci, st->device) == cudaSuccess)
        return;
    cudaGetLastError(); /* no failure: cleared */
    st->pci[0] = 0;
}

static enum rfa_status find_device(struct state *st)
{
    static const char remedy[] = "check the driver (nvidia-smi), or use the CPU";
    int count = 0;
    CUDA_TRY(st->log, "no device answers", remedy, cudaGetDeviceCount(&count));
    if (count < 1)
        return rfa_fail(st->log, RFA_ERR_DEVICE, "device cuda: this machine has no device; use the CPU");
    struct cudaDeviceProp properties;
    CUDA_TRY(st->log, "no device is current", remedy, cudaGetDevice(&st->device));
    CUDA_TRY(st->log, "the device does not describe itself", remedy, cudaGetDeviceProperties(&properties, st->device));
    snprintf(st->name, sizeof st->name, "%s", properties.name);
    int capability = properties.major * 10 + properties.minor;
    if (capability < LEAST_CAPABILITY)
        return rfa_fail(st->log, RFA_ERR_UNSUPPORTED,
                        "device cuda: %s has compute capability %d.%d, 7.5 is the least; use the CPU", st->name,
                        properties.major, properties.minor);
    find_ceilings(st, capability);
    find_pci(st);
    CUDA_TRY(st->log, "a stream", remedy, cudaStreamCreateWithFlags(&st->d.run.stream, cudaStreamNonBlocking));
    return RFA_OK;
}

static enum rfa_status check_steps(const struct state *st, const struct rfa_session *s)
{
    const struct rfa_graph *g = &s->model->graph;
    for (int i = 0; i < g->step_count; i++) {
        const struct rfa_cuda_op *op = &rfa_cuda_ops[g->step[i].op];
        const char *reason = op->refuses ? op->refuses(s, &g->step[i]) : NULL;
        if (reason)
            return rfa_fail(st->log, RFA_ERR_UNSUPPORTED, "device cuda: step '%s' has %s; use the CPU", g->step[i].name,
                            reason);
    }
    return RFA_OK;
}

/* ------------------------------------------------------------------ memory and weights */

/* Hands out consecutive ranges of the device's memory; with base NULL it only measures. */
struct carve {
    unsigned char *base;
    size_t used;
};

static void *carve(struct carve *c, size_t bytes)
{
    void *memory = c->base ? c->base + c->used : NULL;
    c->used += rfa_round_up(bytes, ALIGN);
    return memory;
}

static size_t weight_bytes(const struct rfa_weight *w)
{
    return w->data && w->type == RFA_TYPE_I8 ? rfa_cuda_tile_bytes(w->n, w->k) : rfa_weight_bytes(w);
}

/* Values behind w.bias, whose length is the op's matter. */
static size_t bias_count(const struct rfa_session *s, const struct rfa_step *step)
{
    if (step->op == RFA_OP_NORM)
        return step->w.k;
    if (step->op == RFA_OP_CONV1D || step->op == RFA_OP_SCAN)
        return rfa_cols(s, step->out[0]);
    return step->w.type == RFA_TYPE_I8 ? rfa_round_up(step->w.n, RFA_PANEL_N) : step->w.n;
}

static size_t largest_scratch(const struct rfa_session *s)
{
    const struct rfa_graph *g = &s->model->graph;
    size_t largest = 0;
    for (int i = 0; i < g->step_count; i++) {
        const struct rfa_cuda_op *op = &rfa_cuda_ops[g->step[i].op];
        size_t bytes = op->scratch ? op->scratch(s, &g->step[i]) : 0;
        largest = bytes > largest ? bytes : largest;
    }
    return largest;
}

static void lay_out(struct state *st, const struct rfa_session *s, struct carve *c)
{
    const struct rfa_graph *g = &s->model->graph;
    st->call = carve(c, sizeof *st->call);
    st->d.arena = carve(c, s->arena_bytes);
    st->d.scratch = carve(c, largest_scratch(s));
    st->d.magnitude = carve(c, (size_t)g->step_count * sizeof *st->d.magnitude);
    for (int i = 0; i < g->step_count; i++) {
        const struct rfa_step *step = &g->step[i];
        struct rfa_cuda_step *on = &st->step[i];
        size_t padded = rfa_round_up(step->w.n, RFA_PANEL_N) * sizeof(float);
        on->w.data = step->w.data ? carve(c, weight_bytes(&step->w)) : NULL;
        on->w.scale = step->w.scale ? carve(c, padded) : NULL;
        on->w.sum = step->w.sum ? carve(c, padded) : NULL;
        on->w.bias = step->w.bias ? carve(c, bias_count(s, step) * sizeof(float)) : NULL;
        on->w2.data = step->w2.data ? carve(c, weight_bytes(&step->w2)) : NULL;
    }
}

static cudaError_t upload(struct state *st, const void *dst, const void *src, size_t bytes)
{
    /* The device's copy is constant for everyone else. */
    return src ? cudaMemcpyAsync((void *)(uintptr_t)dst, src, bytes, cudaMemcpyHostToDevice, st->d.run.stream)
               : cudaSuccess;
}

static cudaError_t upload_matrix(struct state *st, const void *dst, const struct rfa_weight *w, void *staging)
{
    if (!w->data || w->type != RFA_TYPE_I8)
        return upload(st, dst, w->data, rfa_weight_bytes(w));
    cudaError_t error = upload(st, staging, w->data, rfa_weight_bytes(w));
    if (error == cudaSuccess)
        rfa_cuda_retile(st->d.run.stream, (void *)(uintptr_t)dst, staging, w->n, w->k);
    return error == cudaSuccess ? cudaGetLastError() : error;
}

static enum rfa_status upload_step(struct state *st, const struct rfa_session *s, int i, void *staging)
{
    const struct rfa_step *step = &s->model->graph.step[i];
    const struct rfa_cuda_step *on = &st->step[i];
    size_t padded = rfa_round_up(step->w.n, RFA_PANEL_N) * sizeof(float);
    CUDA_TRY(st->log, step->name, restart, upload_matrix(st, on->w.data, &step->w, staging));
    CUDA_TRY(st->log, step->name, restart, upload(st, on->w.scale, step->w.scale, padded));
    CUDA_TRY(st->log, step->name, restart, upload(st, on->w.sum, step->w.sum, padded));
    CUDA_TRY(st->log, step->name, restart, upload(st, on->w.bias, step->w.bias, bias_count(s, step) * sizeof(float)));
    CUDA_TRY(st->log, step->name, restart, upload_matrix(st, on->w2.data, &step->w2, staging));
    return RFA_OK;
}

static size_t largest_panels(const struct rfa_graph *g)
{
    size_t largest = ALIGN;
    for (int i = 0; i < g->step_count; i++)
        if (g->step[i].w.data && g->step[i].w.type == RFA_TYPE_I8 && rfa_weight_bytes(&g->step[i].w) > largest)
            largest = rfa_weight_bytes(&g->step[i].w);
    return largest;
}

static enum rfa_status upload_weights(struct state *st, const struct rfa_session *s)
{
    const struct rfa_graph *g = &s->model->graph;
    void *staging = NULL;
    enum rfa_status status = RFA_OK;
    CUDA_TRY(st->log, "memory for panels on their way", "close other programs on the device",
             cudaMalloc(&staging, largest_panels(g)));
    for (int i = 0; i < g->step_count && status == RFA_OK; i++)
        status = upload_step(st, s, i, staging);
    cudaError_t error = cudaStreamSynchronize(st->d.run.stream);
    cudaFree(staging);
    if (status == RFA_OK)
        CUDA_TRY(st->log, "uploading the weights", restart, error);
    return status;
}

static enum rfa_status clear_arena(const struct state *st, const struct rfa_session *s)
{
    CUDA_TRY(st->log, "clearing the arena", restart, cudaMemsetAsync(st->d.arena, 0, s->arena_bytes, st->d.run.stream));
    return RFA_OK;
}

static enum rfa_status take_memory(struct state *st, const struct rfa_session *s)
{
    char what[96];
    struct carve c = {NULL, 0};
    st->step = rfa_alloc((size_t)s->model->graph.step_count * sizeof *st->step);
    if (!st->step)
        return rfa_fail(st->log, RFA_ERR_NOMEM, "no memory for the list of weights; close other programs");
    lay_out(st, s, &c);
    st->bytes = c.used;
    snprintf(what, sizeof what, "%zu bytes of memory on %.40s", st->bytes, st->name);
    CUDA_TRY(st->log, what, "close other programs on it, or use a smaller frame_group",
             cudaMalloc((void **)&st->memory, st->bytes));
    c = (struct carve){st->memory, 0};
    lay_out(st, s, &c);
    st->d.run.call = st->call;
    st->d.step = st->step;
    return clear_arena(st, s);
}

/* From pinned memory inputs are copied by the device itself, several times as fast; where the system refuses to pin,
 * the runtime copies them twice. Only pages that are the arena's alone: in others there may be memory of another
 * session, and a page is pinned once. */
static void pin_arena(struct state *st, const struct rfa_session *s)
{
    size_t before = (PAGE - (uintptr_t)s->arena % PAGE) % PAGE;
    if (s->arena_bytes < before + PAGE)
        return;
    unsigned char *begin = s->arena + before;
    size_t bytes = (s->arena_bytes - before) / PAGE * PAGE;
    if (cudaHostRegister(begin, bytes, cudaHostRegisterDefault) == cudaSuccess) {
        st->pinned = begin;
        st->pinned_bytes = bytes;
    } else {
        cudaGetLastError(); /* no failure: cleared */
    }
}

/* Of so many bytes of the host's memory, those before the next edge of what is pinned. */
static size_t before_edge(const struct state *st, const unsigned char *host, size_t bytes)
{
    const unsigned char *begin = st->pinned, *end = begin ? begin + st->pinned_bytes : NULL;
    const unsigned char *edge = host < begin ? begin : end;
    return begin && host < edge && (size_t)(edge - host) < bytes ? (size_t)(edge - host) : bytes;
}

/* A tensor's bytes, in pieces: a copy must not cross the edge of pinned memory. */
static cudaError_t copy(const struct state *st, const struct rfa_session *s, int tensor, size_t bytes,
                        enum cudaMemcpyKind kind)
{
    unsigned char *host = rfa_data(s, tensor), *device = st->d.arena + s->block[tensor].offset;
    bool up = kind == cudaMemcpyHostToDevice;
    cudaError_t error = cudaSuccess;
    for (size_t done = 0, piece; done < bytes && error == cudaSuccess; done += piece) {
        piece = before_edge(st, host + done, bytes - done);
        error =
            cudaMemcpyAsync((up ? device : host) + done, (up ? host : device) + done, piece, kind, st->d.run.stream);
    }
    return error;
}

/* ------------------------------------------------------------------ running */

static enum rfa_status launch(const struct state *st, const struct rfa_session *s, int first, int end)
{
    const struct rfa_graph *g = &s->model->graph;
    if (first < end && first == g->stage_begin[g->step[first].stage])
        CUDA_TRY(
            st->log, "clearing magnitudes", restart,
            cudaMemsetAsync(st->d.magnitude, 0, (size_t)g->step_count * sizeof *st->d.magnitude, st->d.run.stream));
    for (int i = first; i < end; i++) {
        rfa_cuda_ops[g->step[i].op].run(&st->d, s, &g->step[i]);
        CUDA_TRY(st->log, g->step[i].name, restart, cudaGetLastError());
    }
    return RFA_OK;
}

/* Every kernel once, without rows. The runtime loads a kernel, and finds memory for its stack, when it is first
 * started; that must not happen while a stage is captured, nor later. What the device refuses to start is told by its
 * step. */
static enum rfa_status load_kernels(const struct state *st, const struct rfa_session *s)
{
    CUDA_TRY(st->log, "clearing the numbers of rows", restart,
             cudaMemsetAsync(st->call, 0, sizeof *st->call, st->d.run.stream));
    RFA_TRY(launch(st, s, 0, s->model->graph.step_count));
    CUDA_TRY(st->log, "starting the kernels", restart, cudaStreamSynchronize(st->d.run.stream));
    return clear_arena(st, s);
}

static enum rfa_status capture(struct state *st, const struct rfa_session *s, enum rfa_stage stage)
{
    static const char what[] = "capturing a stage";
    const int *begin = &s->model->graph.stage_begin[stage];
    cudaGraph_t graph = NULL;
    CUDA_TRY(st->log, what, restart, cudaStreamBeginCapture(st->d.run.stream, cudaStreamCaptureModeThreadLocal));
    enum rfa_status status = launch(st, s, begin[0], begin[1]);
    cudaError_t error = cudaStreamEndCapture(st->d.run.stream, &graph);
    if (status == RFA_OK && error == cudaSuccess)
        error = cudaGraphInstantiateWithFlags(&st->graph[stage], graph, 0);
    if (graph)
        cudaGraphDestroy(graph);
    RFA_TRY(status);
    CUDA_TRY(st->log, what, restart, error);
    CUDA_TRY(st->log, what, restart, cudaGraphUpload(st->graph[stage], st->d.run.stream));
    return RFA_OK;
}

static enum rfa_status run_here(struct state *st, const struct rfa_session *s, int first, int end)
{
    const struct rfa_graph *g = &s->model->graph;
    enum rfa_stage stage = g->step[first].stage;
    st->next.slot = (uint32_t)s->slot;
    for (int i = 0; i < RFA_VAR_COUNT; i++)
        st->next.rows[i] = (uint32_t)s->rows[i];
    CUDA_TRY(st->log, "the numbers of rows", restart,
             cudaMemcpyAsync(st->call, &st->next, sizeof st->next, cudaMemcpyHostToDevice, st->d.run.stream));
    if (first != g->stage_begin[stage] || end != g->stage_begin[stage + 1])
        return launch(st, s, first, end);
    CUDA_TRY(st->log, rfa_stage_name((int)stage), restart, cudaGraphLaunch(st->graph[stage], st->d.run.stream));
    return RFA_OK;
}

/* Kernels and events want the stream's device to be the thread's current one, and the session may have moved to another
 * thread, or the application have chosen another device since. Copies and waits do not care. */
static enum rfa_status enter(const struct state *st, int *before)
{
    CUDA_TRY(st->log, "no device is current", restart, cudaGetDevice(before));
    if (*before != st->device)
        CUDA_TRY(st->log, "its device", restart, cudaSetDevice(st->device));
    return RFA_OK;
}

static enum rfa_status leave(const struct state *st, int before, enum rfa_status status)
{
    if (before != st->device)
        cudaSetDevice(before); /* it was current a moment ago */
    return status;
}

static enum rfa_status run(void *state, const struct rfa_session *s, int first, int end)
{
    struct state *st = state;
    int before;
    RFA_TRY(enter(st, &before));
    return leave(st, before, run_here(st, s, first, end));
}

static enum rfa_status sync(void *state, const struct rfa_session *s)
{
    struct state *st = state;
    (void)s;
    CUDA_TRY(st->log, "running", restart, cudaStreamSynchronize(st->d.run.stream));
    return RFA_OK;
}

/* Of the rows of the current call; of int8 rows to the end of their scales, which lie behind the largest number of
 * rows. */
static size_t current_bytes(const struct rfa_session *s, int tensor)
{
    enum rfa_tensor_type type = rfa_tensor(s, tensor)->type;
    size_t scales = type == RFA_TENSOR_Q8 ? rfa_rows(s, tensor) : type == RFA_TENSOR_Q8_MAP ? 1 : 0;
    if (scales)
        return (size_t)((unsigned char *)(rfa_scales(s, tensor) + scales) - (unsigned char *)rfa_data(s, tensor));
    return rfa_rows(s, tensor) * rfa_cols(s, tensor) * sizeof(float); /* I32 alike */
}

static enum rfa_status put(void *state, const struct rfa_session *s, int tensor)
{
    struct state *st = state;
    CUDA_TRY(st->log, "an input", restart, copy(st, s, tensor, current_bytes(s, tensor), cudaMemcpyHostToDevice));
    return RFA_OK;
}

static enum rfa_status get(void *state, const struct rfa_session *s, int tensor)
{
    struct state *st = state;
    CUDA_TRY(st->log, "a result", restart, copy(st, s, tensor, current_bytes(s, tensor), cudaMemcpyDeviceToHost));
    return sync(state, s);
}

static enum rfa_status shift(void *state, const struct rfa_session *s, int tensor, size_t bytes, size_t count)
{
    struct state *st = state;
    unsigned char *ring = st->d.arena + s->block[tensor].offset;
    for (size_t i = 1; i < count; i++) /* one by one: a copy must not overlap itself */
        CUDA_TRY(st->log, "moving the clip's frames", restart,
                 cudaMemcpyAsync(ring + (i - 1) * bytes, ring + i * bytes, bytes, cudaMemcpyDeviceToDevice,
                                 st->d.run.stream));
    return RFA_OK;
}

/* ------------------------------------------------------------------ open and close */

static void close(void *state)
{
    struct state *st = state;
    if (!st)
        return;
    if (st->d.run.stream) /* after a failure there may be copies from memory that its owner takes back now */
        cudaStreamSynchronize(st->d.run.stream);
    for (int i = 0; i < RFA_STAGE_COUNT; i++)
        if (st->graph[i])
            cudaGraphExecDestroy(st->graph[i]);
    if (st->pinned)
        cudaHostUnregister(st->pinned);
    cudaFree(st->memory);
    if (st->d.run.stream)
        cudaStreamDestroy(st->d.run.stream);
    cudaGetLastError(); /* what came after a failure: not the next session's */
    rfa_free(st->step);
    rfa_free(st);
}

static enum rfa_status prepare(struct state *st, const struct rfa_session *s)
{
    RFA_TRY(find_device(st));
    RFA_TRY(check_steps(st, s));
    RFA_TRY(take_memory(st, s));
    pin_arena(st, s);
    RFA_TRY(upload_weights(st, s));
    RFA_TRY(load_kernels(st, s));
    for (int i = 0; i < RFA_STAGE_COUNT; i++)
        RFA_TRY(capture(st, s, (enum rfa_stage)i));
    st->info.device = "cuda";
    st->info.name = st->name;
    st->info.pci = st->pci[0] ? st->pci : NULL;
    st->info.bytes = st->bytes;
    return sync(st, s);
}

static enum rfa_status open(void **state, const struct rfa_session *s)
{
    struct state *st = rfa_alloc(sizeof *st);
    *state = NULL;
    if (!st)
        return rfa_fail(&s->options.log, RFA_ERR_NOMEM, "no memory for the device's state; close other programs");
    st->log = &s->options.log;
    enum rfa_status status = prepare(st, s);
    if (status == RFA_OK)
        *state = st;
    else
        close(st);
    return status;
}

static void describe(const void *state, struct rfa_device_info *info)
{
    *info = ((const struct state *)state)->info;
}

static enum rfa_status measure(void *state, const struct rfa_session *s, struct rfa_device_rates *rates)
{
    struct state *st = state;
    struct rfa_cuda_size size = {attribute(st, cudaDevAttrMultiProcessorCount), attribute(st, cudaDevAttrL2CacheSize)};
    int before;
    (void)s;
    RFA_TRY(enter(st, &before));
    return leave(st, before, rfa_cuda_measure(rates, st->log, st->d.run.stream, &size));
}

const struct rfa_backend rfa_backend_cuda = {.name = "cuda",
                                             .open = open,
                                             .close = close,
                                             .put = put,
                                             .get = get,
                                             .run = run,
                                             .shift = shift,
                                             .sync = sync,
                                             .describe = describe,
                                             .measure = measure};
