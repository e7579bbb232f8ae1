/* After rfa_session_init nothing is allocated, mapped or started: the process's allocator and mmap are replaced by
 * counting ones, for the thread runtime too. Skipped where a sanitizer or another C library owns the allocator. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "model_case.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define CAN_COUNT 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define CAN_COUNT 0
#else
#define CAN_COUNT 1
#endif
#else
#define CAN_COUNT 1
#endif

static atomic_bool counting;
static atomic_int calls;

#if CAN_COUNT

/* glibc's own names of its allocator. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static void count_call(void)
{
    if (atomic_load(&counting))
        atomic_fetch_add(&calls, 1);
}

void *malloc(size_t bytes)
{
    count_call();
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    count_call();
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    count_call();
    return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t bytes);
void *memalign(size_t alignment, size_t bytes)
{
    count_call();
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    count_call();
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    count_call();
    *memory = __libc_memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
    if (memory)
        count_call();
    __libc_free(memory);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    count_call();
    return (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

int munmap(void *address, size_t bytes)
{
    count_call();
    return (int)syscall(SYS_munmap, address, bytes);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    count_call();
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attributes, run, argument);
}

#endif

static struct model_case micro;
static rfa_model *tiny; /* int8, and with a vocabulary of words */

static void the_counter_counts(void **state)
{
    (void)state;
    if (!CAN_COUNT)
        skip();
    void *volatile memory;
    atomic_store(&calls, 0);
    atomic_store(&counting, true);
    memory = malloc(100);
    free(memory);
    memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory, 4096);
    memory = aligned_alloc(64, 64);
    atomic_store(&counting, false);
    free(memory);
    assert_int_equal(atomic_load(&calls), 5);
}

static void count_tensors(void *user, const struct rfa_trace *t)
{
    *(size_t *)user += t->count;
}

/* Every call between init and end, two clips long, failing ones too. Statuses are collected: cmocka's asserts may
 * allocate. */
static int use_session(rfa_session *session)
{
    static uint8_t rgb[3 * 90 * 70];
    static const int32_t ids[] = {101, 104, 102};
    const struct rfa_image image = {rgb, 90, 70, 270}, wrong = {rgb, 90, 70, 1}, missing = {.rgb = NULL};
    struct rfa_result result;
    struct rfa_plan_info plan;
    struct rfa_step_info step;
    struct rfa_block_info block;
    int bad = 0;
    for (int clip = 0; clip < 2; clip++) {
        bad += case_encode(session, &micro) != RFA_OK;
        bad += rfa_answer(session, &result) != RFA_OK;
        bad += rfa_encode_frames(session, 2, (struct rfa_image[]){image, missing, image}, 3) != RFA_OK;
        bad += rfa_push_frame(session, &image) != RFA_OK;
        bad += rfa_encode_scene(session, &image) != RFA_OK;
        bad += rfa_encode_caption(session, "man in red", 10) != RFA_OK;
        bad += rfa_encode_ids(session, ids, 3, ids, 3) != RFA_OK;
        bad += rfa_answer(session, &result) != RFA_OK;
        bad += rfa_encode_scene(session, &wrong) != RFA_ERR_ARG;
        bad += rfa_encode_ids(session, ids, 0, ids, 3) != RFA_ERR_ARG;
        bad += rfa_session_plan(&plan, session) != RFA_OK;
        bad += rfa_session_step(&step, session, 0) != RFA_OK;
        bad += rfa_session_block(&block, session, 0) != RFA_OK;
    }
    return bad;
}

/* The same without prepared inputs, on a model of other sizes. */
static int use_tiny(rfa_session *session)
{
    static uint8_t rgb[3 * 90 * 70];
    const struct rfa_image image = {rgb, 90, 70, 270},
                           clip[8] = {image, image, image, image, image, image, image, image};
    struct rfa_result result;
    int bad = 0;
    for (int i = 0; i < 2; i++) {
        bad += rfa_encode_frames(session, 0, clip, 8) != RFA_OK;
        bad += rfa_encode_scene(session, &image) != RFA_OK;
        bad += rfa_encode_caption(session, "the person in the white jacket", 30) != RFA_OK;
        bad += rfa_answer(session, &result) != RFA_OK;
        bad += rfa_push_frame(session, &image) != RFA_OK;
        bad += rfa_encode_caption(session, "\xff", 1) != RFA_ERR_ARG;
        bad += rfa_encode_caption(session, "", 0) != RFA_OK;
        bad += rfa_answer(session, &result) != RFA_OK;
    }
    return bad;
}

static void check(const rfa_model *model, int (*use)(rfa_session *), int threads, bool extras)
{
    static size_t traced;
    struct rfa_options options;
    rfa_session *session;
    size_t bytes;
    rfa_options_default(&options);
    options.threads = threads;
    options.low_memory = options.count_tasks = extras;
    options.trace = count_tensors;
    options.trace_user = &traced;
    assert_int_equal(rfa_session_bytes(&bytes, model, &options), RFA_OK);
    void *memory = aligned_alloc(64, bytes);
    assert_non_null(memory);
    assert_int_equal(rfa_session_init(&session, model, &options, memory, bytes), RFA_OK);
    atomic_store(&calls, 0);
    atomic_store(&counting, true);
    int bad = use(session);
    rfa_session_end(&session);
    atomic_store(&counting, false);
    free(memory);
    assert_int_equal(bad, 0);
    assert_int_equal(atomic_load(&calls), 0);
}

static void one_thread(void **state)
{
    (void)state;
    check(micro.model, use_session, 1, false);
}

static void two_threads(void **state)
{
    (void)state;
    check(micro.model, use_session, 2, false);
}

static void seven_threads(void **state)
{
    (void)state;
    check(micro.model, use_session, 7, false);
}

static void int8_one_thread(void **state)
{
    (void)state;
    check(tiny, use_tiny, 1, false);
}

static void int8_seven_threads(void **state)
{
    (void)state;
    check(tiny, use_tiny, 7, false);
}

static void int8_low_memory_and_tasks_counted(void **state)
{
    (void)state;
    check(tiny, use_tiny, 2, true);
}

static int open_models(void **state)
{
    static const char path[] = "../models/tiny/refatom-tiny.gguf";
    (void)state;
    case_open(&micro, "micro1");
    if (rfa_model_open(&tiny, path, NULL) != RFA_OK)
        case_broken(path);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    rfa_model_close(&tiny);
    case_close(&micro);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counter_counts),
        cmocka_unit_test(one_thread),
        cmocka_unit_test(two_threads),
        cmocka_unit_test(seven_threads),
        cmocka_unit_test(int8_one_thread),
        cmocka_unit_test(int8_seven_threads),
        cmocka_unit_test(int8_low_memory_and_tasks_counted),
    };
    return cmocka_run_group_tests_name("no_alloc", tests, open_models, close_models);
}
