/* SPDX-License-Identifier: MIT */
#include "net/unix_address.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* `len` bytes of path: "/", "a/b/" or nothing. */
static int open_folder(const char *path, size_t len)
{
    char *folder = mem_alloc(len + 2);
    memcpy(folder, path, len);
    memcpy(folder + len, ".", 2);
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    mem_free(folder);
    return fd;
}

oxq_err net_unix_address_init(struct net_unix_address *a, const char *path, struct oxq_error *err)
{
    *a = (struct net_unix_address){.sa.sun_family = AF_UNIX, .folder_fd = -1};
    size_t len = strlen(path);
    if (len < sizeof(a->sa.sun_path)) {
        memcpy(a->sa.sun_path, path, len + 1);
        return OXQ_OK;
    }
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    a->folder_fd = open_folder(path, (size_t)(name - path));
    if (a->folder_fd < 0)
        return err_set(err, errno == EACCES ? OXQ_ERR_PERMISSION : OXQ_ERR_NOT_FOUND, "the folder of %s: %s", path,
                       strerror(errno));
    if (access("/proc/self/fd", X_OK) != 0) {
        net_unix_address_deinit(a);
        return err_set(err, OXQ_ERR_LIMIT, "without /proc a unix socket's path has %zu bytes at most: %s",
                       sizeof(a->sa.sun_path) - 1, path);
    }
    int bytes = snprintf(a->sa.sun_path, sizeof(a->sa.sun_path), "/proc/self/fd/%d/%s", a->folder_fd, name);
    if ((size_t)bytes < sizeof(a->sa.sun_path)) return OXQ_OK;
    net_unix_address_deinit(a);
    return err_set(err, OXQ_ERR_LIMIT, "the name of the unix socket %s is too long", path);
}

void net_unix_address_deinit(struct net_unix_address *a)
{
    if (a->folder_fd >= 0) close(a->folder_fd);
    a->folder_fd = -1;
}
