/* SPDX-License-Identifier: MIT */
#include "os/zonefile.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "os/file.h"

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-';
}

/* Words between slashes. None has a dot, so none leads upwards and none is hidden. */
static bool is_name(struct slice name)
{
    if (name.len == 0 || name.len > ZONEFILE_NAME_MAX_BYTES) return false;
    char before = '/';
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!is_name_char(c) && (c != '/' || before == '/')) return false;
        before = c;
    }
    return before != '/';
}

static bool is_regular_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

oxq_err zonefile_read(struct slice name, struct buf *out, struct oxq_error *err)
{
    if (!is_name(name))
        return err_set(err, OXQ_ERR_ARGUMENT, "not the name of a time zone; write one such as Europe/Berlin or UTC");
    const char *folder = getenv("TZDIR");
    if (!folder || !*folder) folder = ZONEFILE_FOLDER;
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s/%.*s", folder, (int)name.len, name.at) >= sizeof(path))
        return err_set(err, OXQ_ERR_LIMIT, "TZDIR is longer than a path may be");
    if (is_regular_file(path)) return file_read(path, out, err);
    if (!file_exists(folder))
        return err_set(err, OXQ_ERR_NOT_FOUND, "no time zones in %s: install tzdata, or say in TZDIR where they are",
                       folder);
    return err_set(err, OXQ_ERR_NOT_FOUND, "no time zone %.*s in %s; write a name such as Europe/Berlin", (int)name.len,
                   name.at, folder);
}
