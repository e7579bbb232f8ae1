/* Misuse of every public function: the right status, exactly one message that names the thing, and a session that still
 * works. */
#include "model_case.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "gguf_bytes.h"

static struct model_case nano;
static struct log_memory messages;
static struct rfa_options options;
static rfa_session *session;

/* One failure, one message with `word` in it. */
#define ASSERT_REFUSED(call, wanted, word)                                                                             \
    do {                                                                                                               \
        messages.count = 0;                                                                                            \
        assert_int_equal(call, wanted);                                                                                \
        assert_int_equal(messages.count, 1);                                                                           \
        assert_int_equal(messages.status, wanted);                                                                     \
        if (!strstr(messages.message, word))                                                                           \
            fail_msg("'%s' is not in: %s", word, messages.message);                                                    \
    } while (0)

/* Nothing to log to. */
#define ASSERT_SILENT(call, wanted)                                                                                    \
    do {                                                                                                               \
        messages.count = 0;                                                                                            \
        assert_int_equal(call, wanted);                                                                                \
        assert_int_equal(messages.count, 0);                                                                           \
    } while (0)

static void reset_options(void)
{
    rfa_options_default(&options);
    options.log = (struct rfa_log){log_remember, &messages};
}

static int open_session(void **state)
{
    (void)state;
    reset_options();
    assert_int_equal(rfa_session_create(&session, nano.model, &options), RFA_OK);
    return 0;
}

static int end_session(void **state)
{
    (void)state;
    rfa_session_end(&session);
    return 0;
}

static void models(void **state)
{
    (void)state;
    rfa_model *model = nano.model;
    _Alignas(64) static const uint8_t nothing[128];
    struct rfa_log log = {log_remember, &messages};
    ASSERT_REFUSED(rfa_model_open(NULL, "data/nano3.gguf", &log), RFA_ERR_ARG, "out");
    ASSERT_REFUSED(rfa_model_open(&model, NULL, &log), RFA_ERR_ARG, "path");
    ASSERT_REFUSED(rfa_model_open(&model, "data/no such model.gguf", &log), RFA_ERR_IO, "no such model");
    assert_null(model);
    ASSERT_REFUSED(rfa_model_open(&model, "data", &log), RFA_ERR_IO, "data");
    ASSERT_REFUSED(rfa_model_open(&model, "data/nano.json", &log), RFA_ERR_FORMAT, "nano.json");
    ASSERT_REFUSED(rfa_model_open(&model, "data/nano3.case.gguf", &log), RFA_ERR_UNSUPPORTED, "nano3.case.gguf");
    ASSERT_REFUSED(rfa_model_open_memory(NULL, nothing, 128, &log), RFA_ERR_ARG, "out");
    ASSERT_REFUSED(rfa_model_open_memory(&model, NULL, 128, &log), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_model_open_memory(&model, nothing + 8, 64, &log), RFA_ERR_ARG, "aligned");
    ASSERT_REFUSED(rfa_model_open_memory(&model, nothing, 128, &log), RFA_ERR_FORMAT, "memory");
    ASSERT_REFUSED(rfa_model_open_memory(&model, nothing, 0, &log), RFA_ERR_FORMAT, "memory");
    assert_null(model);
    ASSERT_SILENT(rfa_model_open(&model, "data/no such model.gguf", NULL), RFA_ERR_IO);
    rfa_model_close(NULL);
    rfa_model_close(&model);
    assert_null(model);
}

/* Hints and locks leave a model as it is, one in memory too. */
static void models_in_memory(void **state)
{
    (void)state;
    struct rfa_log log = {log_remember, &messages};
    rfa_model_prefetch(NULL);
    rfa_model_prefetch(nano.model);
    ASSERT_REFUSED(rfa_model_lock(NULL, &log), RFA_ERR_ARG, "model");
    messages.count = 0;
    enum rfa_status status = rfa_model_lock(nano.model, &log);
    assert_true(status == RFA_OK || (status == RFA_ERR_NOMEM && strstr(messages.message, "ulimit")));
    assert_int_equal(messages.count, status != RFA_OK);
    struct rfa_file_map map;
    struct rfa_model_info info;
    rfa_model *model;
    assert_int_equal(rfa_file_map_open(&map, "data/nano3.gguf", 1, NULL), RFA_OK);
    assert_int_equal(rfa_model_open_memory(&model, map.data, map.bytes, &log), RFA_OK);
    rfa_model_prefetch(model);
    assert_int_equal(rfa_model_lock(model, &log), RFA_OK);
    rfa_model_get_info(&info, model);
    assert_true(info.file_bytes == nano.info.file_bytes && info.parameters == nano.info.parameters);
    rfa_model_close(&model);
    rfa_file_map_close(&map);
}

static void labels(void **state)
{
    (void)state;
    size_t length = 99;
    assert_non_null(rfa_model_label(&length, nano.model, 16));
    assert_int_equal(length, strlen("action 17"));
    assert_null(rfa_model_label(&length, nano.model, 17));
    assert_int_equal(length, 0);
    assert_null(rfa_model_label(&length, nano.model, UINT32_MAX));
}

static void words(void **state)
{
    (void)state;
    uint32_t mask;
    for (int s = 1; s >= -9; s--)
        assert_non_null(rfa_status_str((enum rfa_status)s));
    assert_int_equal(rfa_cpu_mask(&mask, "sse9"), RFA_ERR_ARG);
    assert_int_equal(rfa_cpu_mask(&mask, ""), RFA_ERR_ARG);
    assert_int_equal(rfa_cpu_mask(&mask, NULL), RFA_ERR_ARG);
    assert_int_equal(rfa_cpu_mask(NULL, "c"), RFA_ERR_ARG);
    assert_string_equal(rfa_cpu_tier(0), "c");
    enum rfa_device device;
    assert_int_equal(rfa_device_by_name(&device, "cuda"), RFA_OK);
    assert_int_equal(device, RFA_DEVICE_CUDA);
    assert_int_equal(rfa_device_by_name(&device, "cpu"), RFA_OK);
    assert_int_equal(device, RFA_DEVICE_CPU);
    assert_int_equal(rfa_device_by_name(&device, "gpu"), RFA_ERR_ARG);
    assert_int_equal(rfa_device_by_name(&device, NULL), RFA_ERR_ARG);
    assert_int_equal(rfa_device_by_name(NULL, "cpu"), RFA_ERR_ARG);
    assert_string_equal(rfa_stage_name(0), "vision");
    assert_null(rfa_stage_name(-1));
    assert_null(rfa_stage_name(4));
}

static void one_bad_option(const char *word)
{
    size_t bytes;
    rfa_session *none = session;
    _Alignas(64) static uint8_t memory[64];
    ASSERT_REFUSED(rfa_session_bytes(&bytes, nano.model, &options), RFA_ERR_ARG, word);
    ASSERT_REFUSED(rfa_session_init(&none, nano.model, &options, memory, sizeof memory), RFA_ERR_ARG, word);
    assert_null(none);
    none = session;
    ASSERT_REFUSED(rfa_session_create(&none, nano.model, &options), RFA_ERR_ARG, word);
    assert_null(none);
    reset_options();
}

static void bad_options(void **state)
{
    (void)state;
    options.threads = 0;
    one_bad_option("threads");
    options.threads = 257;
    one_bad_option("threads");
    options.frame_group = 0;
    one_bad_option("frame_group");
    options.max_image_side = 0;
    one_bad_option("max_image_side");
    options.max_image_side = INT_MAX;
    one_bad_option("max_image_side");
    options.max_caption = 0;
    one_bad_option("max_caption");
    options.max_caption = SIZE_MAX;
    one_bad_option("max_caption");
    options.device = (enum rfa_device)7;
    one_bad_option("device");
}

/* A build without the backend refuses to measure as well as to run; one with it is not asked for a device here. */
static void missing_device(void **state)
{
    (void)state;
    size_t bytes;
    rfa_session *none = session;
    options.device = RFA_DEVICE_CUDA;
    if (rfa_session_bytes(&bytes, nano.model, &options) != RFA_OK) {
        ASSERT_REFUSED(rfa_session_create(&none, nano.model, &options), RFA_ERR_UNSUPPORTED, "RFA_CUDA");
        assert_null(none);
    }
    reset_options();
}

static void session_device(void **state)
{
    (void)state;
    struct rfa_device_info info;
    rfa_session_device(&info, session);
    assert_string_equal(info.device, "cpu");
    assert_string_equal(info.name, rfa_cpu_tier(options.cpu_mask));
    assert_null(info.pci);
    assert_int_equal(info.bytes, 0);
}

static void session_arguments(void **state)
{
    (void)state;
    size_t bytes;
    rfa_session *none;
    _Alignas(64) static uint8_t memory[128];
    ASSERT_REFUSED(rfa_session_bytes(NULL, nano.model, &options), RFA_ERR_ARG, "bytes");
    ASSERT_REFUSED(rfa_session_bytes(&bytes, NULL, &options), RFA_ERR_ARG, "model");
    ASSERT_SILENT(rfa_session_bytes(&bytes, nano.model, NULL), RFA_ERR_ARG);
    ASSERT_REFUSED(rfa_session_init(NULL, nano.model, &options, memory, 128), RFA_ERR_ARG, "out");
    ASSERT_REFUSED(rfa_session_init(&none, nano.model, &options, NULL, 128), RFA_ERR_ARG, "memory");
    ASSERT_REFUSED(rfa_session_init(&none, nano.model, &options, memory + 1, 100), RFA_ERR_ARG, "aligned");
    ASSERT_REFUSED(rfa_session_create(NULL, nano.model, &options), RFA_ERR_ARG, "out");
    ASSERT_REFUSED(rfa_session_create(&none, NULL, &options), RFA_ERR_ARG, "model");
    options.sizeof_options--;
    ASSERT_SILENT(rfa_session_bytes(&bytes, nano.model, &options), RFA_ERR_ARG);
    rfa_session_end(NULL);
    none = NULL;
    rfa_session_end(&none);
}

static void no_session(void **state)
{
    (void)state;
    static const float pixels[1];
    static const int32_t ids[1];
    const struct rfa_image image = {.rgb = NULL};
    struct rfa_result result;
    struct rfa_plan_info plan;
    struct rfa_step_info step;
    struct rfa_block_info block;
    struct rfa_thread_info thread;
    ASSERT_SILENT(rfa_session_attach(NULL), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_encode_frames(NULL, 0, &image, 1), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_push_frame(NULL, &image), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_encode_scene(NULL, &image), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_encode_caption(NULL, "a", 1), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_encode_frame_pixels(NULL, 0, pixels, 1), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_encode_scene_pixels(NULL, pixels), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_encode_ids(NULL, ids, 1, ids, 1), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_answer(NULL, &result), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_session_plan(&plan, NULL), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_session_step(&step, NULL, 0), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_session_block(&block, NULL, 0), RFA_ERR_ARG);
    ASSERT_SILENT(rfa_session_thread(&thread, NULL, 0), RFA_ERR_ARG);
}

static void pictures(void **state)
{
    (void)state;
    static const uint8_t rgb[3 * 16];
    const struct rfa_image good = {rgb, 4, 4, 12};
    const struct {
        struct rfa_image image;
        const char *word;
    } bad[] = {
        {{rgb, 0, 4, 12}, "0 x 4"},      {{rgb, 4, 0, 12}, "4 x 0"},           {{rgb, -1, 4, 12}, "-1 x 4"},
        {{rgb, 4097, 4, 12291}, "4097"}, {{rgb, 4, INT_MAX, 12}, "max_image"}, {{rgb, 4, 4, 11}, "stride"},
        {{rgb, 4, 4, 0}, "stride"},      {{rgb, 4, 4, -12}, "stride"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ASSERT_REFUSED(rfa_encode_frames(session, 0, &bad[i].image, 1), RFA_ERR_ARG, bad[i].word);
        ASSERT_REFUSED(rfa_push_frame(session, &bad[i].image), RFA_ERR_ARG, bad[i].word);
        ASSERT_REFUSED(rfa_encode_scene(session, &bad[i].image), RFA_ERR_ARG, bad[i].word);
    }
    ASSERT_REFUSED(rfa_encode_frames(session, 0, NULL, 1), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_push_frame(session, NULL), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_encode_scene(session, NULL), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_encode_frames(session, 0, &good, 0), RFA_ERR_ARG, "slots");
    ASSERT_REFUSED(rfa_encode_frames(session, nano.info.frames, &good, 1), RFA_ERR_ARG, "slots");
    ASSERT_REFUSED(rfa_encode_frames(session, 1, &good, nano.info.frames), RFA_ERR_ARG, "slots");
    ASSERT_REFUSED(rfa_encode_frames(session, UINT32_MAX, &good, 2), RFA_ERR_ARG, "slots");
    ASSERT_REFUSED(rfa_encode_frames(session, 2, &good, UINT32_MAX), RFA_ERR_ARG, "slots");
}

static void prepared_inputs(void **state)
{
    (void)state;
    static const float pixels[1];
    int32_t ids[64] = {101, 104, 102};
    ASSERT_REFUSED(rfa_encode_frame_pixels(session, 0, NULL, 1), RFA_ERR_ARG, "pixels");
    ASSERT_REFUSED(rfa_encode_frame_pixels(session, nano.info.frames, pixels, 1), RFA_ERR_ARG, "slots");
    ASSERT_REFUSED(rfa_encode_frame_pixels(session, 0, pixels, 0), RFA_ERR_ARG, "slots");
    ASSERT_REFUSED(rfa_encode_scene_pixels(session, NULL), RFA_ERR_ARG, "pixels");
    ASSERT_REFUSED(rfa_encode_ids(session, NULL, 3, ids, 3), RFA_ERR_ARG, "sentence");
    ASSERT_REFUSED(rfa_encode_ids(session, ids, 3, NULL, 3), RFA_ERR_ARG, "keyword");
    ASSERT_REFUSED(rfa_encode_ids(session, ids, 0, ids, 3), RFA_ERR_ARG, "0 token ids");
    ASSERT_REFUSED(rfa_encode_ids(session, ids, 3, ids, 0), RFA_ERR_ARG, "0 token ids");
    ASSERT_REFUSED(rfa_encode_ids(session, ids, nano.info.sentence_limit + 1, ids, 3), RFA_ERR_ARG, "sentence");
    ASSERT_REFUSED(rfa_encode_ids(session, ids, 3, ids, nano.info.keyword_limit + 1), RFA_ERR_ARG, "keyword");
    ids[1] = -1;
    ASSERT_REFUSED(rfa_encode_ids(session, ids, 3, ids, 3), RFA_ERR_ARG, "vocabulary");
    ids[1] = INT32_MAX;
    ASSERT_REFUSED(rfa_encode_ids(session, ids, 3, ids, 3), RFA_ERR_ARG, "vocabulary");
    ids[1] = 256 + 1; /* one past [DEC], the last of nano.json's vocabulary */
    ASSERT_REFUSED(rfa_encode_ids(session, ids, 3, ids, 3), RFA_ERR_ARG, "257");
}

static void captions(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'a', sizeof text);
    ASSERT_REFUSED(rfa_encode_caption(session, NULL, 0), RFA_ERR_ARG, "caption");
    ASSERT_REFUSED(rfa_encode_caption(session, text, 4097), RFA_ERR_ARG, "max_caption");
    for (size_t i = 1; i < 4096; i += 2)
        text[i] = ' ';
    ASSERT_REFUSED(rfa_encode_caption(session, text, 4096), RFA_ERR_ARG, "token"); /* more than the sentence may have */
}

/* The stage that is missing is named, and nothing that was refused counts as done. */
static void answers_need_their_stages(void **state)
{
    (void)state;
    struct rfa_result result;
    struct answer answer;
    ASSERT_REFUSED(rfa_answer(session, NULL), RFA_ERR_ARG, "result");
    ASSERT_REFUSED(rfa_answer(session, &result), RFA_ERR_ARG, "frames");
    assert_int_equal(rfa_encode_frame_pixels(session, 1, case_data(&nano, "frames"), nano.info.frames - 1), RFA_OK);
    ASSERT_REFUSED(rfa_answer(session, &result), RFA_ERR_ARG, "frames");
    assert_int_equal(case_frames(session, &nano), RFA_OK);
    ASSERT_REFUSED(rfa_answer(session, &result), RFA_ERR_ARG, "key frame");
    assert_int_equal(case_scene(session, &nano), RFA_OK);
    ASSERT_REFUSED(rfa_encode_caption(session, NULL, 3), RFA_ERR_ARG, "caption");
    ASSERT_REFUSED(rfa_answer(session, &result), RFA_ERR_ARG, "caption");
    assert_int_equal(case_text(session, &nano), RFA_OK);
    messages.count = 0;
    assert_int_equal(case_answer(&answer, session), RFA_OK);
    assert_int_equal(messages.count, 0);
    assert_int_equal(answer.actions, nano.info.actions);
}

static void plans(void **state)
{
    (void)state;
    struct rfa_plan_info plan;
    struct rfa_step_info step;
    struct rfa_block_info block;
    assert_int_equal(rfa_session_plan(&plan, session), RFA_OK);
    ASSERT_REFUSED(rfa_session_plan(NULL, session), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_session_step(NULL, session, 0), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_session_block(NULL, session, 0), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_session_step(&step, session, -1), RFA_ERR_ARG, "step -1");
    ASSERT_REFUSED(rfa_session_step(&step, session, plan.steps), RFA_ERR_ARG, "step");
    ASSERT_REFUSED(rfa_session_block(&block, session, -1), RFA_ERR_ARG, "block -1");
    ASSERT_REFUSED(rfa_session_block(&block, session, plan.blocks), RFA_ERR_ARG, "block");
    for (int i = 0; i < plan.steps; i++) {
        assert_int_equal(rfa_session_step(&step, session, i), RFA_OK);
        assert_true(step.op && step.name && step.rows && step.cols && step.seconds == 0);
    }
}

static void thread_counts(void **state)
{
    (void)state;
    struct rfa_thread_info thread;
    rfa_session *counting;
    ASSERT_REFUSED(rfa_session_thread(&thread, session, 0), RFA_ERR_ARG, "count_tasks");
    options.count_tasks = true;
    assert_int_equal(rfa_session_create(&counting, nano.model, &options), RFA_OK);
    ASSERT_REFUSED(rfa_session_thread(NULL, counting, 0), RFA_ERR_ARG, "NULL");
    ASSERT_REFUSED(rfa_session_thread(&thread, counting, -1), RFA_ERR_ARG, "thread -1");
    ASSERT_REFUSED(rfa_session_thread(&thread, counting, 1), RFA_ERR_ARG, "thread 1");
    assert_int_equal(rfa_session_thread(&thread, counting, 0), RFA_OK);
    rfa_session_end(&counting);
    reset_options();
}

static int open_nano(void **state)
{
    (void)state;
    case_open(&nano, "nano3");
    return 0;
}

static int close_nano(void **state)
{
    (void)state;
    case_close(&nano);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models),
        cmocka_unit_test(models_in_memory),
        cmocka_unit_test(labels),
        cmocka_unit_test(words),
        cmocka_unit_test_setup_teardown(bad_options, open_session, end_session),
        cmocka_unit_test_setup_teardown(missing_device, open_session, end_session),
        cmocka_unit_test_setup_teardown(session_device, open_session, end_session),
        cmocka_unit_test_setup_teardown(session_arguments, open_session, end_session),
        cmocka_unit_test(no_session),
        cmocka_unit_test_setup_teardown(pictures, open_session, end_session),
        cmocka_unit_test_setup_teardown(prepared_inputs, open_session, end_session),
        cmocka_unit_test_setup_teardown(captions, open_session, end_session),
        cmocka_unit_test_setup_teardown(answers_need_their_stages, open_session, end_session),
        cmocka_unit_test_setup_teardown(plans, open_session, end_session),
        cmocka_unit_test_setup_teardown(thread_counts, open_session, end_session),
    };
    return cmocka_run_group_tests_name("api", tests, open_nano, close_nano);
}
