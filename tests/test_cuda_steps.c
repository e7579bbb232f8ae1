/* The CUDA backend on the emulated device, step by step: a step writes its own results and nothing else, reads nothing
 * that is dead, and what fails says so. (test_cuda.sh compares the values.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend.h"
#include "cuda/launch.h"
#include "cuda_runtime_api.h"
#include "model_case.h"
#include "session.h"

enum { CALL_BYTES = 256, POISON = 0xff }; /* the arena begins behind the call's numbers of rows */

struct watch {
    const struct rfa_session *session;
    unsigned char *arena, *before;
    int ran, wrong; /* steps; the first one that wrote where it must not, or -1 */
};

static void allow(struct watch *w, int tensor)
{
    if (tensor == RFA_NONE)
        return;
    const struct rfa_block *b = &w->session->block[rfa_tensor(w->session, tensor)->home];
    memcpy(w->before + b->offset, w->arena + b->offset, b->bytes);
}

/* After every step: nothing but its results has changed (before a stage, its inputs, and the ring that moved); what it
 * read for the last time becomes NaN. */
static void after_step(void *user, const struct rfa_session *s, int step)
{
    struct watch *w = user;
    const struct rfa_graph *g = &s->model->graph;
    const struct rfa_ports *p = &g->port;
    const int inputs[] = {p->frames, p->key_frame, p->sentence_ids, p->keyword_ids, p->visual, p->visual_unit};
    for (int i = 0; i < 6 && step == g->stage_begin[g->step[step].stage]; i++)
        allow(w, inputs[i]);
    allow(w, g->step[step].out[0]);
    allow(w, g->step[step].out[1]);
    if (w->wrong < 0 && memcmp(w->before, w->arena, s->arena_bytes) != 0)
        w->wrong = step;
    for (int i = 0; i < s->block_count; i++)
        if (s->block[i].last == step && s->block[i].bytes && (i >= g->tensor_count || !g->tensor[i].kept))
            memset(w->arena + s->block[i].offset, POISON, s->block[i].bytes);
    memcpy(w->before, w->arena, s->arena_bytes);
    w->ran++;
}

static void start_watch(struct watch *w, rfa_session *session)
{
    size_t bytes;
    *w = (struct watch){.session = session, .arena = shim_largest(&bytes) + CALL_BYTES, .wrong = -1};
    assert_true(bytes > session->arena_bytes);
    w->before = malloc(session->arena_bytes);
    assert_non_null(w->before);
    memset(w->arena, POISON, session->arena_bytes); /* an arena that nobody has written yet */
    memcpy(w->before, w->arena, session->arena_bytes);
    session->observe = after_step;
    session->observe_user = w;
}

/* Random pixels and words, a frame pushed on top, the answer; the same for the same model. */
static void feed(struct answer *a, rfa_session *session, const struct rfa_model_info *info)
{
    static const int32_t ids[] = {5, 9, 2, 7, 30, 11};
    static uint8_t rgb[3 * 48 * 40];
    size_t frame = (size_t)3 * info->image_size * info->image_size,
           key = (size_t)3 * info->key_height * info->key_width, count = frame * info->frames + key;
    float *pixels = malloc(count * sizeof *pixels);
    uint64_t state = 1;
    assert_non_null(pixels);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (float)(int32_t)case_random(&state) * 0x1p-30f;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)case_random(&state);
    const struct rfa_image image = {rgb, 48, 40, 3 * 48};
    assert_int_equal(rfa_encode_frame_pixels(session, 0, pixels, info->frames), RFA_OK);
    assert_int_equal(rfa_encode_scene_pixels(session, pixels + frame * info->frames), RFA_OK);
    assert_int_equal(rfa_push_frame(session, &image), RFA_OK);
    assert_int_equal(rfa_encode_ids(session, ids, 6, ids, 4), RFA_OK);
    assert_int_equal(case_answer(a, session), RFA_OK);
    free(pixels);
}

static void open_on(rfa_session **session, const rfa_model *model, enum rfa_device device, bool step_times)
{
    struct rfa_options options;
    rfa_options_default(&options);
    options.device = device;
    options.step_times = step_times;
    assert_int_equal(rfa_session_create(session, model, &options), RFA_OK);
}

static void one_model(const char *path)
{
    rfa_model *model;
    rfa_session *cpu, *steps, *stages;
    struct rfa_model_info info;
    struct rfa_device_info device;
    struct answer on_cpu, by_steps, by_stages;
    struct watch w;
    assert_int_equal(rfa_model_open(&model, path, NULL), RFA_OK);
    rfa_model_get_info(&info, model);
    open_on(&cpu, model, RFA_DEVICE_CPU, false);
    feed(&on_cpu, cpu, &info);
    open_on(&steps, model, RFA_DEVICE_CUDA, true);
    start_watch(&w, steps);
    size_t allocations = shim_count().allocations;
    feed(&by_steps, steps, &info);
    assert_int_equal(w.wrong, -1);
    assert_true(w.ran > steps->model->graph.step_count);
    rfa_session_end(&steps);
    free(w.before);
    assert_int_equal(shim_count().graph_launches, 0);
    assert_int_equal(shim_count().allocations, allocations);
    open_on(&stages, model, RFA_DEVICE_CUDA, false);
    feed(&by_stages, stages, &info);
    rfa_session_device(&device, stages);
    assert_string_equal(device.pci, "0000:17:00.0");
    assert_true(shim_count().graph_launches > 0);
    shim_forget();
    assert_memory_equal(&on_cpu, &by_steps, sizeof on_cpu);
    assert_memory_equal(&on_cpu, &by_stages, sizeof on_cpu);
    rfa_session_end(&stages);
    rfa_session_end(&cpu);
    rfa_model_close(&model);
}

static void float_model(void **state)
{
    (void)state;
    one_model("data/nano2.gguf");
}

static void first_model(void **state)
{
    (void)state;
    one_model("data/first4.gguf");
}

static void int8_model(void **state)
{
    (void)state;
    one_model("../models/tiny/refatom-tiny.gguf");
}

/* ------------------------------------------------------------------ failures */

static char message[1024];

static void keep(void *user, enum rfa_status status, const char *text)
{
    (void)user, (void)status;
    snprintf(message, sizeof message, "%s", text);
}

static void refused(const char *word)
{
    rfa_model *model;
    rfa_session *session;
    struct rfa_options options;
    size_t bytes;
    rfa_options_default(&options);
    options.device = RFA_DEVICE_CUDA;
    options.log.write = keep;
    assert_int_equal(rfa_model_open(&model, "data/nano2.gguf", NULL), RFA_OK);
    assert_int_equal(rfa_session_create(&session, model, &options), RFA_ERR_DEVICE);
    assert_null(session);
    assert_non_null(strstr(message, word));
    assert_non_null(strstr(message, "device cuda"));
    assert_null(shim_largest(&bytes)); /* nothing is kept */
    rfa_model_close(&model);
}

/* What failed before is not told again. */
static void works_again(void)
{
    rfa_model *model;
    rfa_session *session;
    assert_int_equal(rfa_model_open(&model, "data/nano2.gguf", NULL), RFA_OK);
    open_on(&session, model, RFA_DEVICE_CUDA, false);
    rfa_session_end(&session);
    rfa_model_close(&model);
}

static void no_device(void **state)
{
    (void)state;
    shim_no_device(1);
    refused("no device answers");
    shim_no_device(0);
    works_again();
}

static void no_memory(void **state)
{
    (void)state;
    shim_memory_limit(100000);
    refused("bytes of memory on emulated device: out of memory");
    shim_memory_limit(SIZE_MAX);
    works_again();
}

/* ------------------------------------------------------------------ rates */

/* Each does the work it states, and reads all of memory: one word that is not zero, anywhere, gets into the sink. */
static void rates(void **state)
{
    (void)state;
    enum { BLOCKS = 3, BYTES = 2 * RFA_CUDA_READ_BYTES, WORDS = BYTES / sizeof(uint32_t) };
    static const size_t place[] = {0, 1, 1023, WORDS / 2 - 1, WORDS / 2, WORDS - 2, WORDS - 1};
    uint32_t *memory, *sink; /* the emulated device's is the host's */
    struct rfa_cuda_rate r = {.blocks = BLOCKS, .repeats = 2, .bytes = BYTES};
    assert_int_equal(cudaMalloc((void **)&memory, BYTES), cudaSuccess);
    assert_int_equal(cudaMalloc((void **)&sink, sizeof *sink), cudaSuccess);
    assert_int_equal(cudaStreamCreateWithFlags(&r.stream, cudaStreamNonBlocking), cudaSuccess);
    memset(memory, 0, BYTES);
    r.memory = memory;
    r.sink = sink;
    *sink = 0;
    shim_forget();
    double work = rfa_cuda_rate_int8(&r);
    assert_int_equal(cudaStreamSynchronize(r.stream), cudaSuccess);
    assert_true(work > 0 && work == (double)shim_count().products * (16 * 8 * 32));
    assert_true(rfa_cuda_rate_float(&r) == BLOCKS * 256.0 * 2 * 64);
    assert_true(rfa_cuda_rate_read(&r) == 2.0 * BYTES);
    assert_int_equal(cudaStreamSynchronize(r.stream), cudaSuccess);
    assert_int_equal(*sink, 0);
    for (size_t i = 0; i < sizeof place / sizeof place[0]; i++) {
        memory[place[i]] = 4;
        rfa_cuda_rate_read(&r);
        assert_int_equal(cudaStreamSynchronize(r.stream), cudaSuccess);
        assert_int_equal(*sink, 4);
        memory[place[i]] = *sink = 0;
    }
    assert_int_equal(cudaStreamDestroy(r.stream), cudaSuccess);
    assert_int_equal(cudaFree(sink), cudaSuccess);
    assert_int_equal(cudaFree(memory), cudaSuccess);
}

/* Memory and events are given back, also where there is no memory; the session goes on with the same answer. */
static void measured(void **state)
{
    (void)state;
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_info info;
    struct rfa_device_rates got;
    struct answer before, after;
    size_t bytes, left;
    assert_int_equal(rfa_model_open(&model, "data/nano2.gguf", NULL), RFA_OK);
    rfa_model_get_info(&info, model);
    open_on(&session, model, RFA_DEVICE_CUDA, false);
    session->options.log.write = keep;
    feed(&before, session, &info);
    void *arena = shim_largest(&bytes);
    shim_forget();
    assert_int_equal(rfa_backend_measure(&got, session), RFA_OK);
    assert_true(got.int8_macs > 0 && got.float_macs > 0 && got.bytes_per_second > 0);
    shim_memory_limit(1 << 20); /* less than is wanted */
    assert_int_equal(rfa_backend_measure(&got, session), RFA_OK);
    assert_true(got.bytes_per_second > 0);
    shim_memory_limit(100000);
    assert_int_equal(rfa_backend_measure(&got, session), RFA_ERR_DEVICE);
    shim_memory_limit(SIZE_MAX);
    assert_non_null(strstr(message, "memory to measure reads: out of memory"));
    assert_int_equal(shim_count().events, 0);
    assert_ptr_equal(shim_largest(&left), arena);
    assert_int_equal(left, bytes);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    feed(&after, session, &info);
    assert_memory_equal(&before, &after, sizeof before);
    rfa_session_end(&session);
    open_on(&session, model, RFA_DEVICE_CPU, false);
    assert_int_equal(rfa_backend_measure(&got, session), RFA_OK);
    assert_true(got.int8_macs == 0 && got.bytes_per_second == 0);
    rfa_session_end(&session);
    rfa_model_close(&model);
}

/* Nothing stays pinned; where nothing can be, all goes on. (The arenas begin and end within pages.) */
static void pinning(void **state)
{
    (void)state;
    rfa_model *model;
    rfa_session *session[2];
    struct rfa_model_info info;
    struct answer with, without;
    assert_int_equal(rfa_model_open(&model, "../models/tiny/refatom-tiny.gguf", NULL), RFA_OK);
    rfa_model_get_info(&info, model);
    size_t before = shim_count().pinned;
    open_on(&session[0], model, RFA_DEVICE_CUDA, false);
    assert_int_equal(shim_count().pinned, before + 1);
    shim_no_pinning(1);
    open_on(&session[1], model, RFA_DEVICE_CUDA, false);
    shim_no_pinning(0);
    assert_int_equal(shim_count().pinned, before + 1);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    feed(&with, session[0], &info);
    feed(&without, session[1], &info);
    assert_memory_equal(&with, &without, sizeof with);
    rfa_session_end(&session[0]);
    rfa_session_end(&session[1]);
    assert_int_equal(shim_count().pinned, before);
    rfa_model_close(&model);
}

/* A failure in the middle of a capture. */
static void no_capture(void **state)
{
    (void)state;
    shim_break_capture();
    refused("an error");
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    works_again();
}

/* A session on a device that is no longer the thread's current one; the thread's choice stands. */
static void another_device(void **state)
{
    (void)state;
    rfa_model *model;
    rfa_session *cpu, *steps, *stages;
    struct rfa_model_info info;
    struct rfa_device_rates rates;
    struct answer on_cpu, by_steps, by_stages;
    int device;
    assert_int_equal(rfa_model_open(&model, "data/nano2.gguf", NULL), RFA_OK);
    rfa_model_get_info(&info, model);
    assert_int_equal(cudaSetDevice(1), cudaSuccess);
    open_on(&cpu, model, RFA_DEVICE_CPU, false);
    open_on(&steps, model, RFA_DEVICE_CUDA, true);
    open_on(&stages, model, RFA_DEVICE_CUDA, false);
    assert_int_equal(cudaSetDevice(0), cudaSuccess);
    feed(&on_cpu, cpu, &info);
    feed(&by_steps, steps, &info);
    feed(&by_stages, stages, &info);
    assert_int_equal(rfa_backend_measure(&rates, stages), RFA_OK);
    assert_memory_equal(&on_cpu, &by_steps, sizeof on_cpu);
    assert_memory_equal(&on_cpu, &by_stages, sizeof on_cpu);
    rfa_session_end(&stages);
    rfa_session_end(&steps);
    rfa_session_end(&cpu);
    assert_int_equal(cudaGetDevice(&device), cudaSuccess);
    assert_int_equal(device, 0);
    rfa_model_close(&model);
}

static void cpu_options(void **state)
{
    (void)state;
    rfa_model *model;
    struct rfa_options options;
    size_t bytes;
    assert_int_equal(rfa_model_open(&model, "data/nano2.gguf", NULL), RFA_OK);
    rfa_options_default(&options);
    options.device = RFA_DEVICE_CUDA;
    options.low_memory = true;
    assert_int_equal(rfa_session_bytes(&bytes, model, &options), RFA_ERR_ARG);
    rfa_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_model), cmocka_unit_test(first_model),    cmocka_unit_test(int8_model),
        cmocka_unit_test(no_device),   cmocka_unit_test(no_memory),      cmocka_unit_test(cpu_options),
        cmocka_unit_test(no_capture),  cmocka_unit_test(another_device), cmocka_unit_test(rates),
        cmocka_unit_test(measured),    cmocka_unit_test(pinning),
    };
    return cmocka_run_group_tests_name("cuda_steps", tests, NULL, NULL);
}
