/* SPDX-License-Identifier: MIT */
#include "os/file.h"
#include "os/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 4096

static oxq_err fail(const char *verb, const char *path, struct oxq_error *err)
{
    int error = errno;
    oxq_err code = error == ENOENT                                       ? OXQ_ERR_NOT_FOUND
                   : error == EACCES || error == EPERM || error == EROFS ? OXQ_ERR_PERMISSION
                                                                         : OXQ_ERR_IO;
    return err_set(err, code, "cannot %s %s: %s", verb, path, strerror(error));
}

static oxq_err read_all(int fd, const char *path, struct buf *out, struct oxq_error *err)
{
    for (;;) {
        oxq_err e = buf_reserve(out, READ_BYTES);
        if (e)
            return err_set(err, e, "%s is longer than the %zu bytes it may have", path, out->limit_bytes - READ_BYTES);
        ssize_t got = read(fd, out->at + out->len, READ_BYTES);
        if (got == 0) return OXQ_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail("read", path, err);
        out->len += (size_t)got;
    }
}

oxq_err file_read(const char *path, struct buf *out, struct oxq_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail("open", path, err);
    oxq_err e = read_all(fd, path, out, err);
    close(fd);
    return e;
}

bool file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* A power cut must not take the name of a folder that holds what was acknowledged. A parent that may not be read cannot be synced. */
static oxq_err sync_name(const char *path, struct oxq_error *err)
{
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof(parent), "%s/..", path) >= PATH_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "the folder's path is longer than %d bytes", PATH_MAX - 4);
    oxq_err e = disk_sync_folder(parent, err);
    return e == OXQ_ERR_PERMISSION ? OXQ_OK : e;
}

static oxq_err make_parents(char *path, struct oxq_error *err)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool is_made = mkdir(path, 0755) == 0;
        /* A parent that is there but may not be written says so with EROFS or EACCES, not with EEXIST. */
        if (!is_made && !file_exists(path)) return fail("create the folder", path, err);
        oxq_err e = is_made ? sync_name(path, err) : OXQ_OK;
        if (e) return e;
        *slash = '/';
    }
    return OXQ_OK;
}

oxq_err file_make_folder(const char *path, struct oxq_error *err)
{
    char copy[PATH_MAX];
    if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
        return err_set(err, OXQ_ERR_LIMIT, "the folder's path is longer than %d bytes", PATH_MAX - 1);
    for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--) copy[len - 1] = '\0';
    struct stat st;
    if (stat(copy, &st) != 0) {
        if (errno != ENOENT) return fail("open the folder", path, err);
        oxq_err e = make_parents(copy, err);
        if (e) return e;
        if (mkdir(copy, 0700) == 0) return sync_name(copy, err);
        /* Another process made it meanwhile, or something that is no folder. */
        if (errno != EEXIST || stat(copy, &st) != 0) return fail("create the folder", path, err);
    }
    if (!S_ISDIR(st.st_mode)) return err_set(err, OXQ_ERR_EXISTS, "%s is not a folder", path);
    if (access(copy, R_OK | W_OK | X_OK) != 0) return fail("use the folder", path, err);
    return OXQ_OK;
}
