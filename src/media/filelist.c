#define _POSIX_C_SOURCE 200809L
#include "filelist.h"
#include "error.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares the numbers that a and b start with, of any length; moves both past them. */
static int compare_numbers(const char **a, const char **b)
{
    size_t digits_a = 0, digits_b = 0;
    while (**a == '0')
        ++*a;
    while (**b == '0')
        ++*b;
    while (is_digit((*a)[digits_a]))
        digits_a++;
    while (is_digit((*b)[digits_b]))
        digits_b++;
    int order = digits_a != digits_b ? (digits_a < digits_b ? -1 : 1) : memcmp(*a, *b, digits_a);
    *a += digits_a;
    *b += digits_b;
    return order;
}

int rfa_natural_compare(const char *a, const char *b)
{
    const char *whole_a = a, *whole_b = b;
    while (*a && *b) {
        int order;
        if (is_digit(*a) && is_digit(*b)) {
            order = compare_numbers(&a, &b);
        } else {
            order = (unsigned char)*a - (unsigned char)*b;
            a++;
            b++;
        }
        if (order)
            return order;
    }
    if (*a || *b)
        return *a ? 1 : -1;
    return strcmp(whole_a, whole_b);
}

static int compare_entries(const void *a, const void *b)
{
    return rfa_natural_compare(*(char *const *)a, *(char *const *)b);
}

static bool ends_as_picture(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
}

/* Appends folder/name (folder may be NULL). False: no memory. */
static bool append(struct rfa_filelist *list, const char *folder, const char *name)
{
    if ((list->count & (list->count - 1)) == 0) { /* full at powers of two */
        char **path = realloc(list->path, (list->count ? 2 * list->count : 1) * sizeof *path);
        if (!path)
            return false;
        list->path = path;
    }
    size_t folder_len = folder ? strlen(folder) : 0, name_len = strlen(name);
    bool slash = folder_len && folder[folder_len - 1] != '/';
    char *path = malloc(folder_len + slash + name_len + 1);
    if (!path)
        return false;
    if (folder_len)
        memcpy(path, folder, folder_len);
    if (slash)
        path[folder_len] = '/';
    memcpy(path + folder_len + slash, name, name_len + 1);
    list->path[list->count++] = path;
    return true;
}

static enum rfa_status no_memory(const char *path, const struct rfa_log *log)
{
    return rfa_fail(log, RFA_ERR_NOMEM, "%s: no memory for the list of files; free some", path);
}

static enum rfa_status list_folder(struct rfa_filelist *list, const char *path, const struct rfa_log *log)
{
    DIR *folder = opendir(path);
    if (!folder)
        return rfa_fail(log, RFA_ERR_IO, "%s: the folder cannot be read: %s; check its permissions", path,
                        strerror(errno));
    enum rfa_status status = RFA_OK;
    for (struct dirent *entry; status == RFA_OK && (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && ends_as_picture(entry->d_name) && !append(list, path, entry->d_name))
            status = no_memory(path, log);
    closedir(folder);
    return status;
}

static enum rfa_status list_glob(struct rfa_filelist *list, const char *pattern, const struct rfa_log *log)
{
    glob_t found;
    int result = glob(pattern, 0, NULL, &found);
    if (result == GLOB_NOSPACE)
        return no_memory(pattern, log);
    enum rfa_status status = RFA_OK;
    for (size_t i = 0; result == 0 && status == RFA_OK && i < found.gl_pathc; i++)
        if (ends_as_picture(found.gl_pathv[i]) && !append(list, NULL, found.gl_pathv[i]))
            status = no_memory(pattern, log);
    globfree(&found);
    return status;
}

enum rfa_status rfa_filelist_open(struct rfa_filelist *list, bool *is_list, const char *path, const struct rfa_log *log)
{
    struct stat info;
    enum rfa_status status = RFA_OK;
    bool exists = stat(path, &info) == 0, is_url = strstr(path, "://") != NULL;
    *list = (struct rfa_filelist){0};
    *is_list = true;
    if (exists && S_ISDIR(info.st_mode))
        status = list_folder(list, path, log);
    else if (exists && S_ISREG(info.st_mode) && ends_as_picture(path))
        status = append(list, NULL, path) ? RFA_OK : no_memory(path, log);
    else if (!exists && !is_url && strpbrk(path, "*?["))
        status = list_glob(list, path, log);
    else
        *is_list = false;
    if (status == RFA_OK && *is_list && list->count == 0 && !exists)
        status =
            rfa_fail(log, RFA_ERR_FORMAT,
                     "%s: there is no such file, and no picture whose name fits it as a pattern; check the name", path);
    else if (status == RFA_OK && *is_list && list->count == 0)
        status = rfa_fail(
            log, RFA_ERR_FORMAT,
            "%s: holds no picture; give a video file, or frames ending in .jpg, .jpeg, .png, .bmp, .webp or .ppm",
            path);
    if (status != RFA_OK)
        rfa_filelist_close(list);
    else if (list->count)
        qsort(list->path, list->count, sizeof *list->path, compare_entries);
    return status;
}

void rfa_filelist_close(struct rfa_filelist *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct rfa_filelist){0};
}
