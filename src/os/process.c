/* SPDX-License-Identifier: MIT */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool set_files(struct rlimit *limit, rlim_t want)
{
    struct rlimit raised = {.rlim_cur = want, .rlim_max = limit->rlim_max > want ? limit->rlim_max : want};
    if (setrlimit(RLIMIT_NOFILE, &raised) != 0) return false;
    *limit = raised;
    return true;
}

size_t process_raise_files(size_t want)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return want;
    if (limit.rlim_cur >= want) return limit.rlim_cur;
    /* Beyond the hard limit only root comes, and not everywhere. */
    if (!set_files(&limit, want) && limit.rlim_max > limit.rlim_cur) (void)set_files(&limit, limit.rlim_max);
    return limit.rlim_cur;
}

void process_take_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return; /* NOLINT: it stays open on purpose */
    }
}

int process_move_off_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), error = errno;
    close(fd);
    errno = error;
    return moved;
}

size_t process_cpus(void)
{
    cpu_set_t set;
    /* More processors than the set has room for. */
    if (sched_getaffinity(0, sizeof(set), &set) != 0) return CPU_SETSIZE;
    return (size_t)CPU_COUNT(&set);
}

oxq_err process_notify(const char *state, struct oxq_error *err)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !path[0]) return OXQ_OK;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return err_set(err, OXQ_ERR_ARGUMENT, "NOTIFY_SOCKET is neither a path nor an abstract name");
    memcpy(address.sun_path, path, len);
    /* An abstract name is written with @ for its leading zero byte. */
    if (path[0] == '@') address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return err_set(err, OXQ_ERR_IO, "notify socket: %s", strerror(errno));
    socklen_t address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, address_bytes);
    int error = errno;
    close(fd);
    if (sent < 0) return err_set(err, OXQ_ERR_IO, "notify %s: %s", path, strerror(error));
    return OXQ_OK;
}
