/* SPDX-License-Identifier: MIT */
/* For unit tests: a folder of the test's own below TMPDIR, which goes with all that is in it. */
#ifndef OS_TESTFOLDER_H
#define OS_TESTFOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

/* A unix socket's path may have 107 bytes. */
#define TESTFOLDER_PATH_MAX 80
#define TESTFOLDER_FILES_MAX 16

/* Makes a folder below the one that an environment variable names and writes its path to folder. */
static inline void testfolder_make_in(const char *variable, char folder[static TESTFOLDER_PATH_MAX])
{
    const char *parent = getenv(variable);
    int len = snprintf(folder, TESTFOLDER_PATH_MAX, "%s/oxq-XXXXXX", parent && *parent ? parent : "/tmp");
    CHECK(len < TESTFOLDER_PATH_MAX);
    CHECK(mkdtemp(folder));
}

static inline void testfolder_make(char folder[static TESTFOLDER_PATH_MAX])
{
    testfolder_make_in("TMPDIR", folder);
}

/* The same in memory, where thousands of syncs cost nothing (scripts/with-tmpdir). */
static inline void testfolder_make_in_memory(char folder[static TESTFOLDER_PATH_MAX])
{
    testfolder_make_in(getenv("TMPDIR_MEMORY") ? "TMPDIR_MEMORY" : "TMPDIR", folder);
}

static inline int testfolder_remove_one(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    (void)stat;
    (void)type;
    (void)place;
    return remove(path);
}

/* Removes it. Nothing happens for "" and for a folder that is gone. */
static inline void testfolder_remove(const char *folder)
{
    if (*folder) nftw(folder, testfolder_remove_one, TESTFOLDER_FILES_MAX, FTW_DEPTH | FTW_PHYS);
}

#endif
