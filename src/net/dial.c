/* SPDX-License-Identifier: MIT */
#include "net/dial.h"

#include "net/unix_address.h"
#include "os/clock.h"
#include "os/process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A unix socket whose queue is full is asked again this often: nothing tells when there is room. */
#define QUEUE_TICK_MS 10

/* 0, or an errno. A signal does not end the waiting. */
static int finish_connect(int fd, int64_t until_us, int cancel_fd)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLOUT}, {.fd = cancel_fd, .events = POLLIN}};
    int n = -1;
    while (n < 0) {
        n = poll(p, cancel_fd ? 2 : 1, os_wait_ms(until_us));
        if (n < 0 && errno != EINTR) return errno;
    }
    if (n == 0) return ETIMEDOUT;
    if (p[0].revents == 0) return ECANCELED;
    int error = 0;
    socklen_t len = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* 0, ETIMEDOUT or ECANCELED. */
static int wait_for_queue(int64_t until_us, int cancel_fd)
{
    struct pollfd p = {.fd = cancel_fd, .events = POLLIN};
    int left_ms = os_wait_ms(until_us);
    if (left_ms == 0) return ETIMEDOUT;
    if (left_ms < 0 || left_ms > QUEUE_TICK_MS) left_ms = QUEUE_TICK_MS;
    return poll(&p, cancel_fd ? 1 : 0, left_ms) > 0 ? ECANCELED : 0;
}

/* A connected socket, or -1 with errno. */
static int connect_to(const struct sockaddr *sa, socklen_t len, int64_t until_us, int cancel_fd)
{
    int fd = process_move_off_standard(socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0) return -1;
    int error = EAGAIN;
    while (error == EAGAIN) {
        error = connect(fd, sa, len) == 0 ? 0 : errno;
        if (error != EAGAIN || sa->sa_family != AF_UNIX) break;
        int stop = wait_for_queue(until_us, cancel_fd);
        if (stop) error = stop;
    }
    if (error == EINPROGRESS) error = finish_connect(fd, until_us, cancel_fd);
    if (error == 0) return fd;
    close(fd);
    errno = error;
    return -1;
}

static oxq_err fail(int error, const char *address, struct oxq_error *err)
{
    if (error == ECANCELED) return err_set(err, OXQ_ERR_CANCELLED, "connecting to %s was cancelled", address);
    oxq_err code = error == ETIMEDOUT ? OXQ_ERR_TIMEOUT : OXQ_ERR_CLOSED;
    return err_set(err, code, "cannot connect to %s: %s", address, strerror(error));
}

static oxq_err dial_unix(const struct net_dial_opts *o, int64_t until_us, int *out_fd, struct oxq_error *err)
{
    struct net_unix_address address;
    oxq_err e = net_unix_address_init(&address, o->unix_path, err);
    if (e) return e;
    int fd = connect_to((const struct sockaddr *)&address.sa, sizeof(address.sa), until_us, o->cancel_fd);
    int error = errno;
    net_unix_address_deinit(&address);
    if (fd < 0) return fail(error, o->unix_path, err);
    *out_fd = fd;
    return OXQ_OK;
}

/* One of several addresses after the other: one that is silent takes its share of the time, not that of the others. */
static int connect_to_one(const struct addrinfo *list, int64_t until_us, int cancel_fd)
{
    int fd = -1, left = 0;
    for (const struct addrinfo *a = list; a; a = a->ai_next) left++;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        int64_t now_us = clock_mono_us(os_clock());
        int64_t share_us = until_us > now_us ? (until_us - now_us) / left-- : 0;
        fd = connect_to(a->ai_addr, a->ai_addrlen, now_us + share_us, cancel_fd);
        if (fd < 0 && errno == ECANCELED) break;
    }
    return fd;
}

static oxq_err dial_tcp(const struct net_dial_opts *o, int64_t until_us, int *out_fd, struct oxq_error *err)
{
    char address[300];
    snprintf(address, sizeof(address), strchr(o->host, ':') ? "[%s]:%d" : "%s:%d", o->host, o->port);
    struct addrinfo *found;
    struct net_lookup_opts lookup = {
        .host = o->host, .port = o->port, .until_us = until_us, .cancel_fd = o->cancel_fd, .fn = o->lookup};
    oxq_err e = net_lookup(&lookup, &found, err);
    if (e) return e;
    int fd = connect_to_one(found, until_us, o->cancel_fd);
    int error = errno;
    freeaddrinfo(found);
    if (fd < 0) return fail(error, address, err);
    *out_fd = fd;
    return OXQ_OK;
}

oxq_err net_dial(const struct net_dial_opts *opts, struct net_stream **out, struct oxq_error *err)
{
    int fd = -1;
    int64_t now_us = clock_mono_us(os_clock());
    int64_t until_us = opts->timeout_ms < (INT64_MAX - now_us) / 1000 ? now_us + opts->timeout_ms * 1000 : INT64_MAX;
    oxq_err e = opts->unix_path ? dial_unix(opts, until_us, &fd, err) : dial_tcp(opts, until_us, &fd, err);
    if (e) return e;
    struct net_stream_opts stream = {
        .tls = opts->tls, .host = opts->tls ? opts->host : NULL, .is_shared = opts->is_shared};
    return net_stream_new(fd, &stream, out, err);
}
