#define _DEFAULT_SOURCE /* madvise: glibc's posix_madvise does nothing for DONTNEED */
#define _FILE_OFFSET_BITS                                                                                              \
    64 /* a model may pass 2 GiB on a 32-bit system; it is refused by size, not by a failing open */

#include "file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rfa_status check_file(const struct stat *s, const char *path, size_t least_bytes, const struct rfa_log *log)
{
    if (S_ISDIR(s->st_mode))
        return rfa_fail(log, RFA_ERR_IO, "%s: is a folder; give a model file", path);
    if (!S_ISREG(s->st_mode))
        return rfa_fail(log, RFA_ERR_IO, "%s: is not a regular file, so it cannot be mapped; copy it to one", path);
    if (s->st_size == 0)
        return rfa_fail(log, RFA_ERR_FORMAT, "%s: is empty; fetch or convert it again", path);
    if ((uintmax_t)s->st_size < least_bytes)
        return rfa_fail(log, RFA_ERR_FORMAT,
                        "%s: has %lld bytes, too short to be a model (at least %zu); fetch or convert it again", path,
                        (long long)s->st_size, least_bytes);
    if ((uintmax_t)s->st_size > SIZE_MAX / 2)
        return rfa_fail(log, RFA_ERR_UNSUPPORTED,
                        "%s: has %lld bytes, more than a %zu-bit program can map; use a 64-bit system", path,
                        (long long)s->st_size, 8 * sizeof(size_t));
    return RFA_OK;
}

static enum rfa_status map_fd(struct rfa_file_map *map, int fd, const char *path, size_t least_bytes,
                              const struct rfa_log *log)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return rfa_fail(log, RFA_ERR_IO, "%s: cannot be examined: %s; check the disk", path, strerror(errno));
    RFA_TRY(check_file(&s, path, least_bytes, log));
    void *data = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return rfa_fail(
            log, RFA_ERR_IO,
            "%s: cannot be mapped into memory: %s; copy it to a disk of this machine, or raise the limit (ulimit -v)",
            path, strerror(errno));
    *map = (struct rfa_file_map){data, (size_t)s.st_size};
    return RFA_OK;
}

enum rfa_status rfa_file_map_open(struct rfa_file_map *map, const char *path, size_t least_bytes,
                                  const struct rfa_log *log)
{
    *map = (struct rfa_file_map){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not blocking: a FIFO is to be refused, not waited for */
    if (fd < 0)
        return rfa_fail(log, RFA_ERR_IO, "%s: cannot be opened: %s; check the name and the permissions", path,
                        strerror(errno));
    enum rfa_status status = map_fd(map, fd, path, least_bytes, log);
    close(fd); /* the mapping keeps the file */
    return status;
}

void rfa_file_map_close(struct rfa_file_map *map)
{
    if (map->data)
        munmap((void *)map->data, map->bytes);
    *map = (struct rfa_file_map){NULL, 0};
}

/* ------------------------------------------------------------------ ranges */

/* The calls want whole pages. Empty ranges have bytes 0. */
struct pages {
    void *begin;
    size_t bytes;
};

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static struct pages pages_around(const void *begin, size_t bytes)
{
    size_t before = (uintptr_t)begin % page_bytes();
    return (struct pages){(char *)begin - before, bytes > 0 ? bytes + before : 0};
}

static struct pages pages_inside(const void *begin, size_t bytes)
{
    size_t page = page_bytes();
    size_t skip = (page - (uintptr_t)begin % page) % page;
    return (struct pages){(char *)begin + skip, bytes > skip ? (bytes - skip) / page * page : 0};
}

void rfa_file_advise(const void *begin, size_t bytes, enum rfa_file_advice advice)
{
    bool need = advice == RFA_FILE_WILL_NEED;
    struct pages p = need ? pages_around(begin, bytes) : pages_inside(begin, bytes);
    if (p.bytes > 0)
        (void)madvise(p.begin, p.bytes, need ? MADV_WILLNEED : MADV_DONTNEED);
}

enum rfa_status rfa_file_lock(const void *begin, size_t bytes, const char *name, const struct rfa_log *log)
{
    struct pages p = pages_around(begin, bytes);
    if (p.bytes > 0 && mlock(p.begin, p.bytes) != 0) {
        int error = errno;
        munlock(p.begin, p.bytes); /* a failing mlock may leave a part locked */
        return rfa_fail(log, RFA_ERR_NOMEM,
                        "%s: cannot lock %zu bytes in memory: %s; raise the limit (ulimit -l) or run without locking",
                        name, p.bytes, strerror(error));
    }
    return RFA_OK;
}
