/* The emulated device. What it checks, each with a message and an abort:
 *
 *   memory    every piece of device memory lies between guard pages and is filled with a pattern that as a float is NaN
 *   shared    filled anew for every block, a guard page behind it; at most 48 KiB
 *   barriers  all threads of a block must come to the same one; a thread may not leave while others wait
 *   order     of blocks, warps and lanes changes, so that what depends on it has changing results
 *   warps     exchanges and products need all 32 lanes
 *   copies    an asynchronous copy's bytes appear only when its own thread has waited for its group, so a kernel that
 *             forgets to wait reads the pattern
 *   launches  grids and blocks within the limits of the hardware; no kernel for the first time during a capture; on the
 *             current device of the thread
 *   streams   their work is done when they are waited for, so that what does not wait finds old contents; copies from and
 *             to memory that is not pinned are done as the runtime does them: the former are taken at once, the latter wait
 *   errors    the last one stays until it is fetched, as the runtime's does
 */
#include "cuda_runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <set>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

enum { STACK_BYTES = 64 * 1024, SHARED_BYTES = 48 * 1024, LANES = 32, PATTERN = 0xff };

[[noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "emulated device: %s (block %u %u %u, thread %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z,
            threadIdx.x);
    abort();
}

/* ------------------------------------------------------------------ memory */

struct piece {
    unsigned char *map;
    size_t map_bytes, bytes;
};

static std::map<void *, piece> pieces;
static struct shim_counts counts;
static cudaError_t last_error = cudaSuccess;
static bool gone, break_capture, no_pinning;
static int current_device;
static size_t memory_limit = SIZE_MAX;

/* Memory whose end, rounded up to 16, is the end of a page before a guard page; a guard page lies before it as well. */
static piece guarded(size_t bytes, unsigned char **memory)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (bytes + 255) / 256 * 256,
           pages = (used + page - 1) / page * page;
    unsigned char *map = static_cast<unsigned char *>(
        mmap(NULL, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (map == MAP_FAILED || mprotect(map + page, pages, PROT_READ | PROT_WRITE) != 0)
        fail("no memory");
    *memory = map + page + pages - used;
    memset(*memory, PATTERN, used);
    return {map, pages + 2 * page, bytes};
}

extern "C" cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    if (bytes > memory_limit)
        return last_error = cudaErrorMemoryAllocation;
    unsigned char *address;
    piece p = guarded(bytes, &address);
    pieces[*memory = address] = p;
    counts.allocations++;
    return cudaSuccess;
}

static void finish_streams(void);

extern "C" cudaError_t cudaFree(void *memory)
{
    finish_streams();
    if (!memory)
        return cudaSuccess;
    auto found = pieces.find(memory);
    if (found == pieces.end())
        fail("cudaFree of memory that is not allocated");
    munmap(found->second.map, found->second.map_bytes);
    pieces.erase(found);
    return cudaSuccess;
}

static void check_range(const void *memory, size_t bytes)
{
    const unsigned char *begin = static_cast<const unsigned char *>(memory);
    for (const auto &p : pieces) {
        const unsigned char *first = static_cast<const unsigned char *>(p.first);
        if (begin >= first && begin + bytes <= first + p.second.bytes)
            return;
    }
    fail("a copy outside of device memory");
}

static std::map<const unsigned char *, size_t> pinned;

/* Whether memory of the host is pinned; a copy must not cross the edge of what is. */
static bool is_pinned(const void *memory, size_t bytes)
{
    const unsigned char *begin = static_cast<const unsigned char *>(memory);
    for (const auto &p : pinned) {
        if (begin >= p.first && begin + bytes <= p.first + p.second)
            return true;
        if (begin < p.first + p.second && p.first < begin + bytes)
            fail("a copy across the edge of pinned memory");
    }
    return false;
}

extern "C" cudaError_t cudaHostRegister(void *memory, size_t bytes, unsigned)
{
    if (no_pinning)
        return last_error = cudaErrorInvalidValue;
    if (is_pinned(memory, bytes))
        fail("memory is pinned twice");
    if ((uintptr_t)memory % 4096 || bytes % 4096)
        fail("pages are pinned that may hold other memory too");
    pinned[static_cast<unsigned char *>(memory)] = bytes;
    counts.pinned++;
    return cudaSuccess;
}

extern "C" cudaError_t cudaHostUnregister(void *memory)
{
    if (!pinned.erase(static_cast<unsigned char *>(memory)))
        fail("cudaHostUnregister of memory that is not pinned");
    counts.pinned--;
    return cudaSuccess;
}

extern "C" unsigned char *shim_largest(size_t *bytes)
{
    void *largest = NULL;
    *bytes = 0;
    for (const auto &p : pieces)
        if (p.second.bytes > *bytes) {
            *bytes = p.second.bytes;
            largest = p.first;
        }
    return static_cast<unsigned char *>(largest);
}

/* ------------------------------------------------------------------ fibers */

struct fiber {
    void *stack_pointer;
    unsigned char *stack;
    ucontext_t context;
    unsigned thread;
    enum { READY, AT_BARRIER, IN_WARP, DONE } state;
    int line;
    uint64_t phase; /* exchanges of its warp that it has taken part in */
    struct copy {
        unsigned char *dst;
        uint4 value;
    };
    std::vector<copy> open;
    std::deque<std::vector<copy>> groups;
};

struct warp {
    uint32_t value[2][LANES][6];
    unsigned arrived;
};

static std::vector<fiber> fibers;
static std::vector<warp> warps;
static fiber *current;
static const std::function<void()> *body;
static unsigned char *shared_memory, *shared_begin;

/* Saves the running side's registers, goes on with the other's. ucontext's own switch asks the kernel every time. */
#if defined(__x86_64__)
static void *scheduler;
extern "C" void shim_switch(void **save, void *load);
__asm__(".text\n.globl shim_switch\nshim_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n");

static void to_scheduler(void)
{
    shim_switch(&current->stack_pointer, scheduler);
}
static void to_fiber(fiber *f)
{
    shim_switch(&scheduler, f->stack_pointer);
}
static void fiber_main(void);
static void prepare_fiber(fiber *f)
{
    void **top = reinterpret_cast<void **>(f->stack + STACK_BYTES - 16);
    *--top = NULL; /* a return address that nobody uses; the stack is then as the calling convention wants it */
    *--top = reinterpret_cast<void *>(&fiber_main);
    f->stack_pointer = top - 6;
}
#else
static ucontext_t scheduler;
static void to_scheduler(void)
{
    swapcontext(&current->context, &scheduler);
}
static void to_fiber(fiber *f)
{
    swapcontext(&scheduler, &f->context);
}
static void fiber_main(void);
static void prepare_fiber(fiber *f)
{
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    f->context.uc_link = NULL;
    makecontext(&f->context, fiber_main, 0);
}
#endif

static void fiber_main(void)
{
    for (;;) {
        (*body)();
        if (!current->open.empty() )
            fail("a thread ends with copies that belong to no group");
        current->state = fiber::DONE;
        to_scheduler();
    }
}

static void wait_here(void)
{
    to_scheduler();
    threadIdx.x = current->thread;
}

void shim_barrier(int line)
{
    current->state = fiber::AT_BARRIER;
    current->line = line;
    wait_here();
}

/* All lanes put their words down; returns which of the two sets holds them. */
static unsigned meet(const uint32_t *words, unsigned count)
{
    warp &w = warps[current->thread / LANES];
    unsigned set = current->phase % 2;
    memcpy(w.value[set][current->thread % LANES], words, count * sizeof *words);
    current->phase++;
    w.arrived++;
    current->state = fiber::IN_WARP;
    wait_here();
    return set;
}

uint32_t shim_exchange(uint32_t mask, uint32_t value, unsigned from)
{
    if (mask != 0xffffffffu)
        fail("an exchange that leaves lanes out");
    fiber *self = current;
    unsigned set = meet(&value, 1);
    return warps[self->thread / LANES].value[set][from][0];
}

/* m16n8k32: lane (g, t) holds rows g and g+8 of a, column g of b, bytes 4 t ... of both halves of k. */
void shim_mma(int d[4], const uint32_t a[4], const uint32_t b[2])
{
    const uint32_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    unsigned lane = current->thread % LANES, warp_index = current->thread / LANES, set = meet(words, 6);
    counts.products += lane == 0;
    const uint32_t(*value)[6] = warps[warp_index].value[set];
    for (unsigned i = 0; i < 4; i++) {
        unsigned row = lane / 4, col = lane % 4 * 2 + i % 2;
        for (unsigned t = 0; t < 4; t++)
            for (unsigned half = 0; half < 2; half++) {
                int8_t x[4], y[4];
                memcpy(x, &value[row * 4 + t][half * 2 + i / 2], 4);
                memcpy(y, &value[col * 4 + t][4 + half], 4);
                for (int j = 0; j < 4; j++)
                    d[i] += x[j] * y[j];
            }
    }
}

void copy16(void *shared, const void *global, bool valid)
{
    uint4 value = {0, 0, 0, 0};
    if (reinterpret_cast<uintptr_t>(shared) % 16 || reinterpret_cast<uintptr_t>(global) % 16)
        fail("an asynchronous copy that is not aligned to 16 bytes");
    if (valid)
        memcpy(&value, global, sizeof value);
    current->open.push_back({static_cast<unsigned char *>(shared), value});
}

void copies_commit()
{
    current->groups.push_back(current->open);
    current->open.clear();
}

void shim_wait(int pending)
{
    while (current->groups.size() > (size_t)pending) {
        for (const fiber::copy &c : current->groups.front())
            memcpy(c.dst, &c.value, sizeof c.value);
        current->groups.pop_front();
    }
}

/* ------------------------------------------------------------------ blocks */

static void release_barrier(unsigned threads)
{
    unsigned waiting = 0, done = 0;
    for (unsigned i = 0; i < threads; i++) {
        waiting += fibers[i].state == fiber::AT_BARRIER && fibers[i].line == fibers[0].line;
        done += fibers[i].state == fiber::DONE;
    }
    if (done == threads)
        return;
    if (waiting != threads)
        fail("threads of a block do not meet at one barrier, or lanes of a warp not in one exchange");
    for (unsigned i = 0; i < threads; i++)
        fibers[i].state = fiber::READY;
}

/* Between two barriers the hardware may run warps in any order, so it is another one for every block: from any warp on, up
 * or down, and the lanes likewise; every warp to its next exchange in turn, or each to the barrier before the next one
 * starts. What depends on the order then has another result in some blocks. */
struct block_order {
    unsigned warp, lane;
    bool down, far;
    unsigned place(unsigned i, unsigned from, unsigned count) const
    {
        return (from + (down ? count - i : i)) % count;
    }
};

static block_order next_order(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
    return {(unsigned)(state >> 33) % LANES, (unsigned)(state >> 40) % LANES, (state >> 62 & 1) != 0,
            (state >> 61 & 1) != 0};
}

static bool run_lanes(unsigned first, const block_order &order)
{
    bool ran = false;
    for (unsigned k = 0; k < LANES; k++) {
        unsigned i = first + order.place(k, order.lane, LANES);
        if (fibers[i].state == fiber::READY) {
            current = &fibers[i];
            threadIdx = dim3(i, 0, 0);
            to_fiber(current);
            ran = true;
        }
    }
    return ran;
}

/* A warp to its next exchange; true if any of it ran. */
static bool run_warp(unsigned w, const block_order &order)
{
    bool ran = run_lanes(w * LANES, order);
    if (warps[w].arrived == LANES) {
        warps[w].arrived = 0;
        for (unsigned i = w * LANES; i < (w + 1) * LANES; i++)
            fibers[i].state = fiber::READY;
        ran = true;
    }
    return ran;
}

/* Runs what can run; true if anything did. */
static bool run_ready(unsigned threads, const block_order &order)
{
    bool ran = false;
    for (unsigned k = 0; k < threads / LANES; k++)
        while (run_warp(order.place(k, order.warp, threads / LANES), order)) {
            ran = true;
            if (!order.far)
                break;
        }
    return ran;
}

static void run_block(unsigned threads, size_t shared)
{
    memset(shared_memory, PATTERN, SHARED_BYTES);
    shared_begin = shared_memory + SHARED_BYTES - (shared + 15) / 16 * 16;
    for (unsigned i = 0; i < threads; i++) {
        fibers[i].state = fiber::READY;
        fibers[i].phase = 0;
        fibers[i].groups.clear();
    }
    for (warp &w : warps)
        w.arrived = 0;
    block_order order = next_order();
    for (bool done = false; !done;) {
        while (run_ready(threads, order))
            ;
        release_barrier(threads);
        done = fibers[0].state == fiber::DONE;
    }
}

static void make_fibers(unsigned threads)
{
    if (!shared_memory)
        guarded(SHARED_BYTES, &shared_memory);
    if (fibers.size() >= threads)
        return;
    fibers.clear();
    fibers.resize(threads);
    warps.resize((threads + LANES - 1) / LANES);
    for (unsigned i = 0; i < threads; i++) {
        fibers[i].stack = static_cast<unsigned char *>(malloc(STACK_BYTES)); /* kept to the end, as the fibers are */
        fibers[i].thread = i;
        prepare_fiber(&fibers[i]);
    }
}

static void run_grid(dim3 grid, dim3 block, size_t shared, const std::function<void()> &thread)
{
    body = &thread;
    blockDim = block;
    gridDim = grid;
    size_t blocks = (size_t)grid.x * grid.y * grid.z;
    bool down = counts.launches % 2; /* nor is there an order of blocks */
    for (size_t k = 0; k < blocks; k++) {
        size_t i = down ? blocks - 1 - k : k;
        blockIdx = dim3((unsigned)(i % grid.x), (unsigned)(i / grid.x % grid.y), (unsigned)(i / grid.x / grid.y));
        run_block(block.x, shared);
        counts.blocks++;
    }
}

void *shim_shared(void)
{
    return shared_begin;
}

/* ------------------------------------------------------------------ streams and graphs */

typedef std::vector<std::function<void()>> work_list;

struct shim_graph {
    work_list work;
};

struct shim_stream {
    int device;
    bool capturing, broken; /* broken: its capture fails at the end */
    work_list captured, waiting;
};

static std::set<cudaStream_t> streams;

static cudaError_t enqueue(cudaStream_t stream, const std::function<void()> &work)
{
    (stream->capturing ? stream->captured : stream->waiting).push_back(work);
    return cudaSuccess;
}

static void finish(cudaStream_t stream)
{
    work_list work;
    work.swap(stream->waiting);
    for (const auto &w : work)
        w();
}

static void finish_streams(void)
{
    for (cudaStream_t stream : streams)
        finish(stream);
}

static void check_device(cudaStream_t stream)
{
    if (stream->device != current_device)
        fail("work for a stream of a device that is not current");
}

static std::set<const void *> loaded; /* kernels that have been started outside of a capture */

void shim_launch(const void *kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream, const std::function<void()> &thread)
{
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 || block.x == 0 ||
        block.x > 1024 || block.y != 1 || block.z != 1 || block.x % LANES || shared > SHARED_BYTES)
        fail("a launch beyond the limits of the hardware");
    check_device(stream);
    if (stream->capturing && break_capture) {
        last_error = cudaErrorInvalidValue;
        stream->broken = true;
        break_capture = false;
        return;
    }
    if (!stream->capturing)
        loaded.insert(kernel);
    else if (!loaded.count(kernel))
        fail("a kernel is started for the first time while a graph is captured");
    make_fibers(1024);
    counts.launches++;
    enqueue(stream, [=] { run_grid(grid, block, shared, thread); });
}

extern "C" {

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
    if (kind != cudaMemcpyHostToDevice)
        check_range(src, bytes);
    if (kind != cudaMemcpyDeviceToHost)
        check_range(dst, bytes);
    const unsigned char *d = static_cast<unsigned char *>(dst), *s = static_cast<const unsigned char *>(src);
    if (d < s + bytes && s < d + bytes)
        fail("a copy onto itself");
    if (kind == cudaMemcpyHostToDevice && !is_pinned(src, bytes)) {
        std::vector<unsigned char> taken(s, s + bytes);
        return enqueue(stream, [=] { memcpy(dst, taken.data(), bytes); });
    }
    enqueue(stream, [=] { memcpy(dst, src, bytes); });
    if (kind == cudaMemcpyDeviceToHost && !is_pinned(dst, bytes))
        finish(stream);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream)
{
    check_range(memory, bytes);
    return enqueue(stream, [=] { memset(memory, value, bytes); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    *stream = new shim_stream();
    (*stream)->device = current_device;
    streams.insert(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    finish(stream);
    streams.erase(stream);
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    if (stream->capturing)
        fail("a wait while a graph is captured");
    finish(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode)
{
    stream->capturing = true;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    stream->capturing = false;
    if (stream->broken) {
        stream->broken = false;
        stream->captured.clear();
        return last_error = cudaErrorInvalidValue;
    }
    *graph = new shim_graph{stream->captured};
    stream->captured.clear();
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    *exec = new shim_graph(*graph);
    return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    check_device(stream);
    counts.graph_launches++;
    for (const auto &work : exec->work)
        enqueue(stream, work);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

/* ------------------------------------------------------------------ events */

struct shim_event {
    double ms;
    bool recorded;
};

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    *event = new shim_event();
    counts.events++;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    check_device(stream);
    return enqueue(stream, [=] {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        event->ms = (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
        event->recorded = true;
    });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    finish_streams();
    return event->recorded ? cudaSuccess : last_error = cudaErrorInvalidValue;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t begin, cudaEvent_t end)
{
    *ms = (float)(end->ms - begin->ms);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    counts.events--;
    delete event;
    return cudaSuccess;
}

/* ------------------------------------------------------------------ the device */

const char *cudaGetErrorString(cudaError_t error)
{
    return error == cudaErrorNoDevice           ? "no CUDA-capable device is detected"
           : error == cudaErrorMemoryAllocation ? "out of memory"
                                                : "an error";
}

cudaError_t cudaGetLastError(void)
{
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = gone ? 0 : 2;
    return gone ? last_error = cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaGetDevice(int *device)
{
    *device = current_device;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    current_device = device;
    return cudaSuccess;
}

void shim_break_capture(void)
{
    break_capture = true;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
    *properties = {"emulated device", 9, 0};
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int)
{
    if (attribute == cudaDevAttrMemoryClockRate) /* as devices that do not tell */
        return last_error = cudaErrorInvalidValue;
    *value = 1;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *address, int bytes, int)
{
    snprintf(address, (size_t)bytes, "0000:17:00.0");
    return cudaSuccess;
}

void shim_no_device(int value)
{
    gone = value != 0;
}

void shim_no_pinning(int value)
{
    no_pinning = value != 0;
}

void shim_memory_limit(size_t bytes)
{
    memory_limit = bytes;
}
}

extern "C" struct shim_counts shim_count(void)
{
    return counts;
}

extern "C" void shim_forget(void)
{
    shim_counts kept = counts;
    counts = {};
    counts.events = kept.events;
    counts.pinned = kept.pinned;
}
