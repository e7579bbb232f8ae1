/* CMocka's set-up and tear-down of tests that have a folder to themselves. Include before any other header. */
#ifndef RFA_TESTS_FOLDER_FIXTURE_H
#define RFA_TESTS_FOLDER_FIXTURE_H

#include "temp_folder.h"

static struct temp_folder folder;

static inline int make_folder(void **state)
{
    (void)state;
    temp_folder_make(&folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    return 0;
}

#endif
