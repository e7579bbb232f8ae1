/* A folder for a test's files, below the working directory, and what tests ask about files. Include before any other
 * header. */
#ifndef RFA_TESTS_TEMP_FOLDER_H
#define RFA_TESTS_TEMP_FOLDER_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* mkdtemp */
#endif
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct temp_folder {
    char path[256];
};

static inline void temp_folder_make(struct temp_folder *t)
{
    const char *parent = getenv("TMPDIR");
    snprintf(t->path, sizeof t->path, "%s/refatom-test-XXXXXX", parent && strlen(parent) < 200 ? parent : "/tmp");
    if (!mkdtemp(t->path)) {
        perror("temp_folder.h");
        abort();
    }
}

/* FOLDER/name; valid until eight others were asked for. */
static inline const char *temp_path(const struct temp_folder *t, const char *name)
{
    static char paths[8][576];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", t->path, name);
    return path;
}

/* How many files and folders it holds. */
static inline int temp_folder_count(const struct temp_folder *t)
{
    int count = 0;
    DIR *folder = opendir(t->path);
    for (struct dirent *e; folder && (e = readdir(folder)) != NULL;)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (folder)
        closedir(folder);
    return count;
}

static inline void temp_write(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0) {
        perror(path);
        abort();
    }
}

/* Empties and removes it; folders in it must be empty. */
static inline void temp_folder_remove(const struct temp_folder *t)
{
    DIR *folder = opendir(t->path);
    for (struct dirent *e; folder && (e = readdir(folder)) != NULL;) {
        const char *path = temp_path(t, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(path) != 0)
            rmdir(path);
    }
    if (folder)
        closedir(folder);
    rmdir(t->path);
}

#endif
