/* After init a session maps no memory, moves no break, starts no thread and opens no file: the kernel kills a child that tries, for every
 * public call, with 1, 2 and 7 threads, on a float and an int8 model. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

#if defined(__linux__) && !defined(SANITIZED)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "refatom.h"

/* System calls that a session must not make after init. */
static const long forbidden[] = {
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_brk, SYS_clone, SYS_openat,
#ifdef SYS_clone3
    SYS_clone3,
#endif
#ifdef SYS_open
    SYS_open, SYS_fork, SYS_vfork,
#endif
};

enum { FORBIDDEN = sizeof forbidden / sizeof forbidden[0], CHILD_FAILED = 3, CHILD_NO_FILTER = 77 };

/* Installs the filter for all threads of the process; false where the system has none. */
static bool forbid(void)
{
    struct sock_filter code[FORBIDDEN + 3];
    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < FORBIDDEN; i++)
        code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)forbidden[i], (uint8_t)(FORBIDDEN - i), 0);
    code[FORBIDDEN + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[FORBIDDEN + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {.len = FORBIDDEN + 3, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

/* Every public call between init and end, twice. */
static bool use(rfa_session *s, const struct rfa_model_info *info)
{
    static uint8_t pixels[48 * 64 * 3];
    static const char caption[] = "a person in red on the left";
    struct rfa_image image[64];
    struct rfa_result result;
    struct rfa_plan_info plan;
    struct rfa_step_info step;
    struct rfa_block_info block;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 31 + i / 97);
    for (uint32_t i = 0; i < info->frames; i++)
        image[i] = (struct rfa_image){pixels, 64, 48, 192};
    bool ok = true;
    for (int round = 0; round < 2; round++) {
        ok = ok && rfa_encode_frames(s, 0, image, info->frames) == RFA_OK && rfa_push_frame(s, image) == RFA_OK;
        ok = ok && rfa_encode_scene(s, image) == RFA_OK && rfa_encode_caption(s, caption, sizeof caption - 1) == RFA_OK;
        ok = ok && rfa_answer(s, &result) == RFA_OK;
        ok = ok && rfa_session_plan(&plan, s) == RFA_OK && rfa_session_step(&step, s, 0) == RFA_OK &&
             rfa_session_block(&block, s, 0) == RFA_OK;
    }
    return ok;
}

static int child(const char *path, int threads)
{
    rfa_model *model;
    rfa_session *session;
    struct rfa_model_info info;
    struct rfa_options options;
    rfa_options_default(&options);
    options.threads = threads;
    options.count_tasks = threads > 1;
    if (rfa_model_open(&model, path, NULL) != RFA_OK || rfa_session_create(&session, model, &options) != RFA_OK)
        return CHILD_FAILED;
    rfa_model_get_info(&info, model);
    if (!forbid())
        return CHILD_NO_FILTER;
    return use(session, &info) ? 0 : CHILD_FAILED;
}

static void check(const char *path, int threads)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child(path, threads));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NO_FILTER)
        skip();
    assert_false(WIFSIGNALED(status)); /* a forbidden call */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_float(void **state)
{
    static const int threads[] = {1, 2, 7};
    (void)state;
    for (int i = 0; i < 3; i++)
        check("data/micro1.gguf", threads[i]);
}

static void test_int8(void **state)
{
    static const int threads[] = {1, 2, 7};
    (void)state;
    for (int i = 0; i < 3; i++)
        check("../models/tiny/refatom-tiny.gguf", threads[i]);
}

/* The filter itself works: a child that maps memory dies. */
static void test_filter(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!forbid())
            _exit(CHILD_NO_FILTER);
        syscall(SYS_brk, 0);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NO_FILTER)
        skip();
    assert_true(WIFSIGNALED(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filter), cmocka_unit_test(test_float), cmocka_unit_test(test_int8)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    return 77; /* another system, or AddressSanitizer, which maps memory of its own */
}
#endif
