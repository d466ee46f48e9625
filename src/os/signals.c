/* SPDX-License-Identifier: MIT */
#include "os/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

oxq_err signals_open(int *out_fd, struct oxq_error *err)
{
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGINT);
    sigprocmask(SIG_BLOCK, &held, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    int fd = signalfd(-1, &held, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) return err_set(err, OXQ_ERR_IO, "signalfd: %s", strerror(errno));
    *out_fd = fd;
    return OXQ_OK;
}

int signals_take(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

const char *signals_name(int number)
{
    return number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "a signal";
}
