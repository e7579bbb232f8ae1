/* What a session promises: stages may be repeated alone, and nothing but the inputs decides the bits of an answer: not
 * the frame group, not the threads, not the instruction set, not the memory it runs in. */
#include "guard.h"
#include "model_case.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "backend.h"
#include "gguf_bytes.h"

static struct model_case micro, nano, first;

/* ------------------------------------------------------------------ runs and what they gave */

/* A sum over all values of all traced tensors, each mixed with its tensor's name and its place: equal for equal
 * tensors, in whatever parts and order they arrive. */
struct digest {
    uint64_t sum;
    size_t values;
};

static uint64_t hash_name(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return h;
}

static void digest_tensor(void *user, const struct rfa_trace *t)
{
    struct digest *d = user;
    uint64_t name = hash_name(t->name);
    const uint32_t *bits = t->data;
    size_t row = 1;
    for (uint32_t i = 1; i < t->rank; i++)
        row *= t->dim[i];
    for (size_t i = 0; i < t->count * row; i++) {
        uint64_t place = name ^ ((t->first * row + i) << 32) ^ bits[i];
        d->sum += case_random(&place);
    }
    d->values += t->count * row;
}

struct outcome {
    struct digest digest;
    struct answer answer;
};

static void run_case(struct outcome *o, const struct model_case *c, struct rfa_options options)
{
    rfa_session *session;
    memset(o, 0, sizeof *o);
    options.trace = digest_tensor;
    options.trace_user = &o->digest;
    assert_int_equal(rfa_session_create(&session, c->model, &options), RFA_OK);
    assert_int_equal(case_encode(session, c), RFA_OK);
    assert_int_equal(case_answer(&o->answer, session), RFA_OK);
    rfa_session_end(&session);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_memory_equal(&a->answer, &b->answer, sizeof a->answer);
    assert_int_equal(a->digest.values, b->digest.values);
    assert_true(a->digest.sum == b->digest.sum);
}

static struct rfa_options defaults(void)
{
    struct rfa_options options;
    rfa_options_default(&options);
    return options;
}

static rfa_session *create(const struct model_case *c, const struct rfa_options *options)
{
    rfa_session *session;
    assert_int_equal(rfa_session_create(&session, c->model, options), RFA_OK);
    return session;
}

/* ------------------------------------------------------------------ pictures */

enum { PICTURES = 11, MAX_SIDE = 128 };

static uint8_t pixels[PICTURES][3 * MAX_SIDE * MAX_SIDE];

/* Picture i: its own size, noise over a gradient. */
static struct rfa_image picture(int i)
{
    uint64_t state = (uint64_t)i + 1;
    struct rfa_image image = {pixels[i], 60 + 7 * i % 50, 48 + 11 * i % 60, 0};
    image.stride = 3 * image.width + i;
    for (int y = 0; y < image.height; y++)
        for (int x = 0; x < 3 * image.width; x++)
            pixels[i][y * image.stride + x] = (uint8_t)(x + 2 * y + 20 * i + (int)(case_random(&state) % 64));
    return image;
}

static const char caption_a[] = "man in red", caption_b[] = "the tall woman";

/* Pictures first ... first + frames - 1, the scene and the caption, everything anew. */
static void full_run(struct answer *a, const int *frames, int scene, const char *caption)
{
    struct rfa_options options = defaults();
    rfa_session *session = create(&micro, &options);
    struct rfa_image clip[8], key = picture(scene);
    for (int i = 0; i < 8; i++)
        clip[i] = picture(frames[i]);
    assert_int_equal(rfa_encode_frames(session, 0, clip, 8), RFA_OK);
    assert_int_equal(rfa_encode_scene(session, &key), RFA_OK);
    assert_int_equal(rfa_encode_caption(session, caption, strlen(caption)), RFA_OK);
    assert_int_equal(case_answer(a, session), RFA_OK);
    rfa_session_end(&session);
}

/* ------------------------------------------------------------------ stages alone */

static void stages_may_be_repeated_alone(void **state)
{
    (void)state;
    struct rfa_options options = defaults();
    rfa_session *session = create(&micro, &options);
    struct rfa_image clip[8], key = picture(8), other = picture(9);
    struct answer fresh, got;
    int frames[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int i = 0; i < 8; i++)
        clip[i] = picture(i);
    assert_int_equal(rfa_encode_caption(session, caption_a, strlen(caption_a)),
                     RFA_OK); /* the order of stages is free */
    assert_int_equal(rfa_encode_scene(session, &key), RFA_OK);
    assert_int_equal(rfa_encode_frames(session, 0, clip, 8), RFA_OK);
    full_run(&fresh, frames, 8, caption_a);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(case_answer(&got, session), RFA_OK);
        assert_memory_equal(&got, &fresh, sizeof got);
    }
    struct answer before = got;
    assert_int_equal(rfa_encode_caption(session, caption_b, strlen(caption_b)), RFA_OK);
    full_run(&fresh, frames, 8, caption_b);
    assert_int_equal(case_answer(&got, session), RFA_OK);
    assert_memory_equal(&got, &fresh, sizeof got);
    assert_memory_not_equal(got.logits, before.logits, sizeof got.logits);

    assert_int_equal(rfa_encode_frames(session, 3, &other, 1), RFA_OK);
    frames[3] = 9;
    before = got;
    full_run(&fresh, frames, 8, caption_b);
    assert_int_equal(case_answer(&got, session), RFA_OK);
    assert_memory_equal(&got, &fresh, sizeof got);
    assert_memory_not_equal(got.logits, before.logits, sizeof got.logits);

    assert_int_equal(rfa_encode_scene(session, &other), RFA_OK);
    full_run(&fresh, frames, 9, caption_b);
    assert_int_equal(case_answer(&got, session), RFA_OK);
    assert_memory_equal(&got, &fresh, sizeof got);
    rfa_session_end(&session);
}

static void push_frame_is_a_shift(void **state)
{
    (void)state;
    struct rfa_options options = defaults();
    rfa_session *session = create(&micro, &options);
    struct rfa_image key = picture(10);
    struct rfa_result result;
    struct answer fresh, got;
    const int after_8[8] = {0, 1, 2, 3, 4, 5, 6, 7}, after_10[8] = {2, 3, 4, 5, 6, 7, 8, 9};
    assert_int_equal(rfa_encode_scene(session, &key), RFA_OK);
    assert_int_equal(rfa_encode_caption(session, caption_a, strlen(caption_a)), RFA_OK);
    for (int i = 0; i < 10; i++) {
        struct rfa_image image = picture(i);
        assert_int_equal(rfa_push_frame(session, &image), RFA_OK);
        assert_int_equal(rfa_answer(session, &result), i < 7 ? RFA_ERR_ARG : RFA_OK); /* the ring fills from its end */
        if (i == 7) {
            full_run(&fresh, after_8, 10, caption_a);
            assert_int_equal(case_answer(&got, session), RFA_OK);
            assert_memory_equal(&got, &fresh, sizeof got);
        }
    }
    full_run(&fresh, after_10, 10, caption_a);
    assert_int_equal(case_answer(&got, session), RFA_OK);
    assert_memory_equal(&got, &fresh, sizeof got);
    rfa_session_end(&session);
}

/* A missing frame is a picture of zeros in the network's raw pixels. */
static void missing_frame_is_black(void **state)
{
    (void)state;
    static const uint8_t black[3 * 8 * 8];
    struct rfa_options options = defaults();
    rfa_session *session = create(&micro, &options);
    const struct rfa_image images[2] = {{black, 8, 8, 24}, {.rgb = NULL}};
    struct answer answer[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(case_encode(session, &micro), RFA_OK);
        assert_int_equal(rfa_encode_frames(session, 5, &images[i], 1), RFA_OK);
        assert_int_equal(case_answer(&answer[i], session), RFA_OK);
    }
    assert_memory_equal(&answer[0], &answer[1], sizeof answer[0]);
    rfa_session_end(&session);
}

/* A device that takes everything and then fails in the middle of a stage. */
static enum rfa_status take_tensor(void *state, const struct rfa_session *s, int tensor)
{
    (void)state, (void)s, (void)tensor;
    return RFA_OK;
}

static enum rfa_status fail_steps(void *state, const struct rfa_session *s, int begin, int end)
{
    (void)state, (void)s, (void)begin, (void)end;
    return RFA_ERR_DEVICE;
}

static enum rfa_status fail_shift(void *state, const struct rfa_session *s, int tensor, size_t bytes, size_t count)
{
    (void)state, (void)s, (void)tensor, (void)bytes, (void)count;
    return RFA_ERR_DEVICE;
}

/* What failed half-way is encoded no more: the answer names it until it is encoded again. */
static void failed_stage_is_missing(void **state)
{
    (void)state;
    const struct rfa_backend failing = {.put = take_tensor, .get = take_tensor, .run = fail_steps, .shift = fail_shift};
    const char *const words[] = {"frames", "frames", "key frame", "caption"};
    struct log_memory log = {.count = 0};
    struct rfa_options options = defaults();
    options.log = (struct rfa_log){log_remember, &log};
    rfa_session *session = create(&nano, &options);
    const struct rfa_image none = {.rgb = NULL};
    struct answer want, got;
    assert_int_equal(case_encode(session, &nano), RFA_OK);
    assert_int_equal(case_answer(&want, session), RFA_OK);
    for (int i = 0; i < 4; i++) {
        session->backend = &failing;
        enum rfa_status status = i == 0   ? rfa_encode_frames(session, nano.info.frames - 1, &none, 1)
                                 : i == 1 ? rfa_push_frame(session, &none)
                                 : i == 2 ? case_scene(session, &nano)
                                          : case_text(session, &nano);
        session->backend = NULL;
        assert_int_equal(status, RFA_ERR_DEVICE);
        assert_int_equal(case_answer(&got, session), RFA_ERR_ARG);
        assert_non_null(strstr(log.message, words[i]));
        assert_int_equal(case_encode(session, &nano), RFA_OK);
        assert_int_equal(case_answer(&got, session), RFA_OK);
        assert_memory_equal(&got, &want, sizeof got);
    }
    rfa_session_end(&session);
}

/* ------------------------------------------------------------------ captions */

struct ids {
    int32_t sentence[64], keywords[64];
    size_t sentence_count, keyword_count;
};

static void keep_ids(void *user, const struct rfa_trace *t)
{
    struct ids *ids = user;
    assert_true(t->count <= 64 || t->element != RFA_ELEMENT_I32);
    if (strcmp(t->name, "sentence_ids") == 0) {
        memcpy(ids->sentence, t->data, t->count * sizeof *ids->sentence);
        ids->sentence_count = t->count;
    } else if (strcmp(t->name, "keyword_ids") == 0) {
        memcpy(ids->keywords, t->data, t->count * sizeof *ids->keywords);
        ids->keyword_count = t->count;
    }
}

static void caption_is_its_tokens(void **state)
{
    (void)state;
    struct ids ids = {.sentence_count = 0};
    struct rfa_options options = defaults();
    options.trace = keep_ids;
    options.trace_user = &ids;
    rfa_session *session = create(&micro, &options);
    struct answer by_caption, by_ids;
    assert_int_equal(case_encode(session, &micro), RFA_OK);
    assert_int_equal(rfa_encode_caption(session, caption_a, strlen(caption_a)), RFA_OK);
    assert_int_equal(case_answer(&by_caption, session), RFA_OK);
    struct ids kept = ids;
    assert_in_range(kept.sentence_count, 3, 64);
    assert_in_range(kept.keyword_count, 3, 64);
    assert_int_equal(case_text(session, &micro), RFA_OK);
    assert_int_equal(rfa_encode_ids(session, kept.sentence, kept.sentence_count, kept.keywords, kept.keyword_count),
                     RFA_OK);
    assert_int_equal(case_answer(&by_ids, session), RFA_OK);
    assert_memory_equal(&by_caption, &by_ids, sizeof by_ids);
    rfa_session_end(&session);
}

/* ------------------------------------------------------------------ the same bits */

static void frame_groups_give_the_same_bits(void **state)
{
    (void)state;
    static const uint32_t groups[] = {2, 3, 8, 9, UINT32_MAX}; /* a group is at most the clip */
    struct outcome one, other;
    struct rfa_options options = defaults();
    options.frame_group = 1;
    run_case(&one, &micro, options);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        options.frame_group = groups[i];
        run_case(&other, &micro, options);
        assert_same(&one, &other);
    }
}

static void threads_give_the_same_bits(void **state)
{
    (void)state;
    const struct model_case *const cases[] = {&micro, &nano, &first};
    static const int threads[] = {2, 7};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome one, other;
        struct rfa_options options = defaults();
        run_case(&one, cases[i], options);
        for (size_t j = 0; j < sizeof threads / sizeof threads[0]; j++) {
            options.threads = threads[j];
            run_case(&other, cases[i], options);
            assert_same(&one, &other);
        }
    }
}

static void tiers_give_the_same_bits(void **state)
{
    (void)state;
    static const char *const tiers[] = {
#define TIER(isa, bits, own, what) #isa,
#include "tiers.def"
#undef TIER
        "auto"};
    const struct model_case *const cases[] = {&micro, &nano, &first};
    struct outcome plain[3], other;
    struct rfa_options options = defaults();
    assert_int_equal(rfa_cpu_mask(&options.cpu_mask, "c"), RFA_OK);
    for (size_t i = 0; i < 3; i++)
        run_case(&plain[i], cases[i], options);
    for (size_t t = 0; t < sizeof tiers / sizeof tiers[0]; t++) {
        assert_int_equal(rfa_cpu_mask(&options.cpu_mask, tiers[t]), RFA_OK);
        const char *runs = rfa_cpu_tier(options.cpu_mask);
        bool here = strcmp(runs, tiers[t]) == 0 || strcmp(tiers[t], "auto") == 0;
        print_message("%s: %s\n", tiers[t], here ? runs : "not on this machine or in this build");
        for (size_t i = 0; here && i < 3; i++) {
            run_case(&other, cases[i], options);
            assert_same(&plain[i], &other);
        }
    }
}

/* The trained model of models/tiny, int8, on pictures and words. */
static void run_int8(struct outcome *o, rfa_model *model, struct rfa_options options)
{
    rfa_session *session;
    struct rfa_image clip[8], key = picture(8);
    memset(o, 0, sizeof *o);
    for (int i = 0; i < 8; i++)
        clip[i] = picture(i);
    options.trace = digest_tensor;
    options.trace_user = &o->digest;
    assert_int_equal(rfa_session_create(&session, model, &options), RFA_OK);
    assert_int_equal(rfa_encode_frames(session, 0, clip, 8), RFA_OK);
    assert_int_equal(rfa_encode_scene(session, &key), RFA_OK);
    assert_int_equal(rfa_encode_caption(session, caption_b, strlen(caption_b)), RFA_OK);
    assert_int_equal(case_answer(&o->answer, session), RFA_OK);
    rfa_session_end(&session);
}

static void int8_gives_the_same_bits(void **state)
{
    (void)state;
    static const struct {
        const char *tier;
        int threads;
        uint32_t group;
    } runs[] = {
#define TIER(isa, bits, own, what) {#isa, 1, 2},
#include "tiers.def"
#undef TIER
        {"auto", 2, 2},
        {"auto", 7, 2},
        {"auto", 1, 1},
        {"auto", 2, 8},
    };
    struct outcome plain, other;
    struct rfa_options options = defaults();
    rfa_model *model;
    struct rfa_model_info info;
    assert_int_equal(rfa_model_open(&model, "../models/tiny/refatom-tiny.gguf", NULL), RFA_OK);
    rfa_model_get_info(&info, model);
    assert_string_equal(info.weights, "int8");
    assert_int_equal(rfa_cpu_mask(&options.cpu_mask, "c"), RFA_OK);
    run_int8(&plain, model, options);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        assert_int_equal(rfa_cpu_mask(&options.cpu_mask, runs[i].tier), RFA_OK);
        options.threads = runs[i].threads;
        options.frame_group = runs[i].group;
        run_int8(&other, model, options);
        assert_same(&plain, &other);
    }
    rfa_model_close(&model);
}

/* ------------------------------------------------------------------ memory and threads */

static void runs_in_exactly_its_bytes(void **state)
{
    (void)state;
    const struct model_case *const cases[] = {&micro, &nano, &first};
    for (int i = 0; i < 6; i++) {
        const struct model_case *c = cases[i / 2];
        struct rfa_options options = defaults();
        struct outcome want;
        struct answer got;
        struct guard guard;
        size_t bytes;
        rfa_session *session;
        options.threads = 1 + i % 2;
        options.frame_group = 1 + (uint32_t)i % 3;
        run_case(&want, c, options);
        assert_int_equal(rfa_session_bytes(&bytes, c->model, &options), RFA_OK);
        assert_int_equal(bytes % 64, 0);
        void *memory = i % 2 ? guard_start(&guard, bytes) : guard_end(&guard, bytes);
        assert_int_equal(rfa_session_init(&session, c->model, &options, memory, bytes), RFA_OK);
        assert_int_equal(case_encode(session, c), RFA_OK);
        assert_int_equal(case_answer(&got, session), RFA_OK);
        assert_memory_equal(&got, &want.answer, sizeof got);
        rfa_session_end(&session);
        assert_true(guard_intact(&guard));
        guard_free(&guard);
    }
}

static void refuses_a_byte_less(void **state)
{
    (void)state;
    struct log_memory log = {.count = 0};
    struct rfa_options options = defaults();
    struct guard guard;
    size_t bytes;
    rfa_session *session = NULL;
    char number[32];
    options.log = (struct rfa_log){log_remember, &log};
    assert_int_equal(rfa_session_bytes(&bytes, micro.model, &options), RFA_OK);
    snprintf(number, sizeof number, "%zu", bytes);
    const size_t given[] = {bytes - 1, bytes / 2, 64, 0};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        log.count = 0;
        uint8_t *memory = guard_start(&guard, given[i] ? given[i] : 64);
        assert_int_equal(rfa_session_init(&session, micro.model, &options, memory, given[i]), RFA_ERR_NOMEM);
        assert_null(session);
        assert_int_equal(log.count, 1);
        assert_non_null(strstr(log.message, number));
        guard_free(&guard);
    }
}

struct elsewhere {
    rfa_session *session;
    const struct model_case *c;
    struct answer answer;
    enum rfa_status status;
};

static void *answer_elsewhere(void *argument)
{
    struct elsewhere *e = argument;
    e->status = rfa_session_attach(e->session);
    if (e->status == RFA_OK)
        e->status = case_encode(e->session, e->c);
    if (e->status == RFA_OK)
        e->status = case_answer(&e->answer, e->session);
    return NULL;
}

static void moves_to_another_thread_and_back(void **state)
{
    (void)state;
    struct rfa_options options = defaults();
    options.threads = 2;
    struct elsewhere e = {.session = create(&nano, &options), .c = &nano};
    struct answer here;
    pthread_t thread;
    assert_int_equal(case_encode(e.session, &nano), RFA_OK);
    assert_int_equal(case_answer(&here, e.session), RFA_OK);
    assert_int_equal(pthread_create(&thread, NULL, answer_elsewhere, &e), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(e.status, RFA_OK);
    assert_memory_equal(&here, &e.answer, sizeof here);
    assert_int_equal(rfa_session_attach(e.session), RFA_OK);
    assert_int_equal(case_answer(&e.answer, e.session), RFA_OK);
    assert_memory_equal(&here, &e.answer, sizeof here);
    rfa_session_end(&e.session);
}

static void *repeat_elsewhere(void *argument)
{
    struct elsewhere *e = argument;
    struct answer again;
    answer_elsewhere(e);
    for (int i = 0; i < 3 && e->status == RFA_OK; i++) {
        e->status = case_encode(e->session, e->c);
        if (e->status == RFA_OK)
            e->status = case_answer(&again, e->session);
        if (e->status == RFA_OK && memcmp(&again, &e->answer, sizeof again) != 0)
            e->status = RFA_ERR_INTERNAL;
    }
    return NULL;
}

static void sessions_share_a_model(void **state)
{
    (void)state;
    struct elsewhere e[3];
    pthread_t thread[3];
    struct rfa_options options = defaults();
    struct outcome want;
    run_case(&want, &nano, options);
    for (int i = 0; i < 3; i++) {
        options.threads = 1 + i % 2;
        options.frame_group = 1 + (uint32_t)i;
        e[i] = (struct elsewhere){.session = create(&nano, &options), .c = &nano};
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, repeat_elsewhere, &e[i]), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(e[i].status, RFA_OK);
        assert_memory_equal(&e[i].answer, &want.answer, sizeof want.answer);
        rfa_session_end(&e[i].session);
    }
}

/* ------------------------------------------------------------------ counts */

static struct rfa_thread_info sum_of_threads(const rfa_session *session, int threads)
{
    struct rfa_thread_info sum = {.core = -1}, one;
    for (int i = 0; i < threads; i++) {
        assert_int_equal(rfa_session_thread(&one, session, i), RFA_OK);
        sum.tasks += one.tasks;
        sum.seconds += one.seconds;
        sum.core = one.core > sum.core ? one.core : sum.core;
    }
    return sum;
}

/* Nothing before the first stage, the same again with every run, in 64 bytes a thread, and the same bits. */
static void counts_what_threads_do(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        struct rfa_options options = defaults();
        struct outcome want;
        struct answer got;
        size_t plain, counting;
        options.threads = threads;
        run_case(&want, &micro, options);
        assert_int_equal(rfa_session_bytes(&plain, micro.model, &options), RFA_OK);
        options.count_tasks = true;
        assert_int_equal(rfa_session_bytes(&counting, micro.model, &options), RFA_OK);
        assert_int_equal(counting - plain, 64 * threads);
        rfa_session *session = create(&micro, &options);
        struct rfa_thread_info sum = sum_of_threads(session, threads);
        assert_true(sum.tasks == 0 && sum.seconds == 0 && sum.core == -1);
        size_t once = 0;
        for (size_t run = 1; run <= 3; run++) {
            assert_int_equal(case_encode(session, &micro), RFA_OK);
            assert_int_equal(case_answer(&got, session), RFA_OK);
            assert_memory_equal(&got, &want.answer, sizeof got);
            sum = sum_of_threads(session, threads);
            once = run == 1 ? sum.tasks : once;
            assert_true(once > 0 && sum.seconds > 0);
            assert_int_equal(sum.tasks, run * once);
        }
        assert_int_equal(rfa_session_attach(session), RFA_OK); /* goes on counting */
        assert_int_equal(case_answer(&got, session), RFA_OK);
        assert_in_range(sum_of_threads(session, threads).tasks, 3 * once + 1, 4 * once);
        rfa_session_end(&session);
    }
}

static int open_all(void **state)
{
    (void)state;
    case_open(&micro, "micro1");
    case_open(&nano, "nano3");
    case_open(&first, "first4");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    case_close(&micro);
    case_close(&nano);
    case_close(&first);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_may_be_repeated_alone), cmocka_unit_test(push_frame_is_a_shift),
        cmocka_unit_test(missing_frame_is_black),       cmocka_unit_test(failed_stage_is_missing),
        cmocka_unit_test(caption_is_its_tokens),        cmocka_unit_test(frame_groups_give_the_same_bits),
        cmocka_unit_test(threads_give_the_same_bits),   cmocka_unit_test(tiers_give_the_same_bits),
        cmocka_unit_test(int8_gives_the_same_bits),     cmocka_unit_test(runs_in_exactly_its_bytes),
        cmocka_unit_test(refuses_a_byte_less),          cmocka_unit_test(moves_to_another_thread_and_back),
        cmocka_unit_test(sessions_share_a_model),       cmocka_unit_test(counts_what_threads_do),
    };
    return cmocka_run_group_tests_name("session", tests, open_all, close_all);
}
