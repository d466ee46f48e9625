/* SPDX-License-Identifier: MIT */
#include "os/signals.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
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

/* What the handler needs is there before. */
static char bus_line[PATH_MAX + 256];
static size_t bus_line_len;

static void on_bus(int number)
{
    ssize_t written = write(STDERR_FILENO, bus_line, bus_line_len);
    (void)written;
    /* It comes when this returns, and nobody handles it any more. */
    raise(number);
}

void signals_tell_bus(const char *line)
{
    const struct sigaction action = {.sa_handler = on_bus, .sa_flags = (int)SA_RESETHAND};
    int len = snprintf(bus_line, sizeof(bus_line), "%s\n", line);
    bus_line_len = (size_t)len < sizeof(bus_line) ? (size_t)len : sizeof(bus_line) - 1;
    sigaction(SIGBUS, &action, NULL);
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
