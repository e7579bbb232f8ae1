/* A device other than the CPU: what a session asks of it. The CPU is not behind this struct; it runs the op table of
 * ops.h directly.
 *
 * A backend keeps a copy of the session's arena, with the same offsets, in the device's memory, and the weights. Inputs
 * are written into the host's arena and put; results are got back into it, at their own offsets, before the caller or
 * the trace reads them. All calls come from the session's thread, in order; nothing is allocated after open.
 */
#ifndef RFA_BACKEND_H
#define RFA_BACKEND_H

#include "session.h"

struct rfa_backend {
    const char *name;
    /* Finds the device, takes its memory, uploads the weights and prepares every step of the session, which is planned.
     * A step that the device cannot run is an error that names it: nothing runs elsewhere in silence. On failure
     * nothing is kept and *state is NULL. */
    enum rfa_status (*open)(void **state, const struct rfa_session *s);
    /* NULL is fine. */
    void (*close)(void *state);
    /* The rows of the current call, to the device and back; `get` waits until they are there. */
    enum rfa_status (*put)(void *state, const struct rfa_session *s, int tensor);
    enum rfa_status (*get)(void *state, const struct rfa_session *s, int tensor);
    /* Starts steps first ... end-1 with the session's current rows and slot: a whole stage, or a single step. */
    enum rfa_status (*run)(void *state, const struct rfa_session *s, int first, int end);
    /* Moves pieces 1 ... count-1 of `bytes` each one place down at the beginning of a tensor: the clip's ring. */
    enum rfa_status (*shift)(void *state, const struct rfa_session *s, int tensor, size_t bytes, size_t count);
    /* Waits until everything started is done; reports what failed meanwhile. */
    enum rfa_status (*sync)(void *state, const struct rfa_session *s);
    void (*describe)(const void *state, struct rfa_device_info *info);
    /* Measures in some tens of milliseconds, for benchmarks; may take memory of the device until it returns. Optional.
     */
    enum rfa_status (*measure)(void *state, const struct rfa_session *s, struct rfa_device_rates *rates);
};

/* The backend of a device; NULL for the CPU and for what this build does not have. */
const struct rfa_backend *rfa_backend_of(enum rfa_device device);

/* Whether this build and these options fit together; the device itself is asked in open. */
enum rfa_status rfa_backend_check(const struct rfa_options *options);

/* Measured rates of the session's device; zeros on the CPU, and where its backend does not measure. */
enum rfa_status rfa_backend_measure(struct rfa_device_rates *rates, const struct rfa_session *s);

/* rfa_run_stage of a session with a backend. */
enum rfa_status rfa_backend_run_stage(struct rfa_session *s, enum rfa_stage stage);

#endif
