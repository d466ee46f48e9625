/* SPDX-License-Identifier: MIT */
#include "net/dial.h"

#include "net/unix_address.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or an errno. */
static int finish_connect(int fd, const struct net_dial_opts *o)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLOUT}, {.fd = o->cancel_fd, .events = POLLIN}};
    int n = poll(p, o->cancel_fd ? 2 : 1, o->timeout_ms > INT32_MAX ? INT32_MAX : (int)o->timeout_ms);
    if (n == 0) return ETIMEDOUT;
    if (n > 0 && p[0].revents == 0) return ECANCELED;
    int error = 0;
    socklen_t len = sizeof(error);
    if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) return errno;
    return error;
}

/* A connected socket, or -1 with errno. */
static int connect_to(const struct sockaddr *sa, socklen_t len, const struct net_dial_opts *o)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int error = connect(fd, sa, len) == 0 ? 0 : errno;
    if (error == EINPROGRESS) error = finish_connect(fd, o);
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

static oxq_err dial_unix(const struct net_dial_opts *o, int *out_fd, struct oxq_error *err)
{
    struct net_unix_address address;
    oxq_err e = net_unix_address_init(&address, o->unix_path, err);
    if (e) return e;
    int fd = connect_to((const struct sockaddr *)&address.sa, sizeof(address.sa), o);
    int error = errno;
    net_unix_address_deinit(&address);
    if (fd < 0) return fail(error, o->unix_path, err);
    *out_fd = fd;
    return OXQ_OK;
}

static oxq_err dial_tcp(const struct net_dial_opts *o, int *out_fd, struct oxq_error *err)
{
    char address[300], service[16];
    snprintf(address, sizeof(address), strchr(o->host, ':') ? "[%s]:%d" : "%s:%d", o->host, o->port);
    snprintf(service, sizeof(service), "%d", o->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int rc = getaddrinfo(o->host, service, &hints, &found);
    if (rc != 0) return err_set(err, OXQ_ERR_NOT_FOUND, "cannot find %s: %s", o->host, gai_strerror(rc));
    int fd = -1, error = 0;
    for (const struct addrinfo *a = found; a && fd < 0 && error != ECANCELED; a = a->ai_next) {
        fd = connect_to(a->ai_addr, a->ai_addrlen, o);
        error = errno;
    }
    freeaddrinfo(found);
    if (fd < 0) return fail(error, address, err);
    *out_fd = fd;
    return OXQ_OK;
}

oxq_err net_dial(const struct net_dial_opts *opts, struct net_stream **out, struct oxq_error *err)
{
    int fd = -1;
    oxq_err e = opts->unix_path ? dial_unix(opts, &fd, err) : dial_tcp(opts, &fd, err);
    if (e) return e;
    struct net_stream_opts stream = {
        .tls = opts->tls, .host = opts->tls ? opts->host : NULL, .is_shared = opts->is_shared};
    return net_stream_new(fd, &stream, out, err);
}
