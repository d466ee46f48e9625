/* SPDX-License-Identifier: MIT */
/*
 * Plain streams are recv and send. TLS streams give OpenSSL the descriptor; it may want to read for a write (handshake)
 * and to write for a read, so `wants` is kept from what the last operations said:
 *
 *   a read said WANT_WRITE   -> is_read_blocked: watch for room too, and tell of it as of something to read
 *   a write went in part     -> is_write_blocked: watch for room
 *
 * A plain stream without a loop lets its descriptor block, for at most RECEIVE_TICK_MS: net_stream_receive then waits and reads in
 * one call, and all others say MSG_DONTWAIT. OpenSSL knows no two threads in one session: `guard` lets in one at a time,
 * and nobody waits inside.
 */
#include "net/stream.h"

#include "base/mem.h"
#include "net/tls_ssl.h"
#include "os/spin.h"
#include "os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Probes that must fail before a peer counts as dead. */
#define KEEP_ALIVE_PROBES 3
/* As long as a receive may be late in noticing that its time is over; a shorter wait asks poll instead. */
#define RECEIVE_TICK_MS 500

struct net_stream {
    int fd;                  /* owned */
    SSL *ssl;                /* owned, NULL: plain */
    struct net_watch *watch; /* owned, NULL: no loop */
    bool is_reading;
    bool is_read_blocked;
    bool is_write_blocked;
    bool is_over;      /* the last TLS read met the end behind the bytes that it gave */
    bool is_blocking;  /* recv without MSG_DONTWAIT waits for a tick */
    struct spin spin;  /* for something to receive */
    bool is_shared;    /* and so the guard is there, for TLS */
    struct lock guard; /* of ssl and the two is_..._blocked */
};

/* A descriptor on which recv waits; where the system does not want that, we poll. */
static bool let_block(int fd)
{
    struct timeval tick = {.tv_sec = RECEIVE_TICK_MS / 1000, .tv_usec = RECEIVE_TICK_MS % 1000 * 1000};
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)) == 0 &&
           fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

oxq_err net_stream_new(int fd, const struct net_stream_opts *opts, struct net_stream **out, struct oxq_error *err)
{
    SSL *ssl = NULL;
    if (opts->tls) {
        ssl = net_tls_session(opts->tls, fd, opts->host);
        if (!ssl) {
            close(fd);
            return err_set(err, OXQ_ERR_TLS, "cannot start a TLS session: %s", net_tls_reason());
        }
    }
    int yes = 1;
    /* Fails on a unix socket, where there is nothing to delay. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    struct net_stream *s = mem_alloc_zero(sizeof(*s));
    s->fd = fd;
    s->ssl = ssl;
    s->is_reading = true;
    s->is_blocking = !opts->loop && !ssl && let_block(fd);
    s->is_shared = opts->is_shared;
    if (s->is_shared) lock_init(&s->guard);
    if (opts->loop) s->watch = net_watch_new(opts->loop, fd, opts->fn, opts->ctx);
    *out = s;
    return OXQ_OK;
}

void net_stream_free(struct net_stream *s)
{
    if (!s) return;
    if (s->ssl) {
        /* Says goodbye if the socket takes it; nobody waits for an answer. */
        ERR_clear_error();
        if (SSL_is_init_finished(s->ssl)) SSL_shutdown(s->ssl);
        SSL_free(s->ssl);
        ERR_clear_error();
    }
    net_watch_free(s->watch);
    close(s->fd);
    if (s->is_shared) lock_deinit(&s->guard);
    mem_free(s);
}

static void update_watch(struct net_stream *s)
{
    if (!s->watch) return;
    uint32_t want = s->is_reading ? NET_READABLE : 0;
    if (s->is_write_blocked || (s->is_reading && s->is_read_blocked)) want |= NET_WRITABLE;
    net_watch_want(s->watch, want);
}

void net_stream_stop_reading(struct net_stream *s)
{
    s->is_reading = false;
    update_watch(s);
}

static oxq_err socket_error(int error, struct oxq_error *err)
{
    if (error == EAGAIN || error == EINTR) return OXQ_ERR_AGAIN;
    return err_set(err, OXQ_ERR_CLOSED, "%s", strerror(error));
}

/* What went wrong in an SSL_ call that returned rc; says in *is_blocked whether it wants the other direction. */
static oxq_err ssl_error(struct net_stream *s, int rc, int other_direction, bool *is_blocked, struct oxq_error *err)
{
    int error = errno;
    int code = SSL_get_error(s->ssl, rc);
    *is_blocked = code == other_direction;
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return OXQ_ERR_AGAIN;
    if (code == SSL_ERROR_ZERO_RETURN) return err_set(err, OXQ_ERR_CLOSED, "the other side closed it");
    if (code == SSL_ERROR_SYSCALL)
        return err_set(err, OXQ_ERR_CLOSED, "%s", error ? strerror(error) : "the other side closed it");
    long verified = SSL_get_verify_result(s->ssl);
    if (verified != X509_V_OK)
        return err_set(err, OXQ_ERR_TLS, "the other side's certificate: %s", X509_verify_cert_error_string(verified));
    return err_set(err, OXQ_ERR_TLS, "%s", net_tls_reason());
}

static oxq_err read_plain(struct net_stream *s, int flags, char *to, size_t cap, size_t *out_bytes,
                          struct oxq_error *err)
{
    ssize_t got = recv(s->fd, to, cap, flags);
    if (got < 0) return socket_error(errno, err);
    if (got == 0) return err_set(err, OXQ_ERR_CLOSED, "the other side closed it");
    *out_bytes = (size_t)got;
    return OXQ_OK;
}

/* Record by record until cap is reached or nothing more is there: the loop would not tell of what OpenSSL holds. */
static oxq_err read_tls(struct net_stream *s, char *to, size_t cap, size_t *out_bytes, struct oxq_error *err)
{
    size_t total = 0;
    oxq_err e = OXQ_OK;
    while (total < cap && !e) {
        size_t got = 0;
        ERR_clear_error();
        errno = 0;
        int rc = SSL_read_ex(s->ssl, to + total, cap - total, &got);
        bool is_blocked = false;
        if (rc != 1) e = ssl_error(s, rc, SSL_ERROR_WANT_WRITE, &is_blocked, err);
        s->is_read_blocked = is_blocked;
        total += got;
    }
    update_watch(s);
    s->is_over = total > 0 && e && e != OXQ_ERR_AGAIN;
    if (total == 0) return e;
    *out_bytes = total;
    return OXQ_OK;
}

oxq_err net_stream_read(struct net_stream *s, char *to, size_t cap, size_t *out_bytes, struct oxq_error *err)
{
    if (!s->ssl) return read_plain(s, MSG_DONTWAIT, to, cap, out_bytes, err);
    if (s->is_shared) lock_enter(&s->guard);
    oxq_err e = read_tls(s, to, cap, out_bytes, err);
    if (s->is_shared) lock_leave(&s->guard);
    return e;
}

bool net_stream_has_more(const struct net_stream *s)
{
    return s->ssl && (s->is_over || SSL_has_pending(s->ssl));
}

static oxq_err write_tls(struct net_stream *s, struct slice bytes, size_t *out_bytes, struct oxq_error *err)
{
    size_t total = 0;
    while (total < bytes.len) {
        size_t sent = 0;
        ERR_clear_error();
        errno = 0;
        int rc = SSL_write_ex(s->ssl, bytes.at + total, bytes.len - total, &sent);
        bool is_waiting_for_input = false;
        oxq_err e = rc == 1 ? OXQ_OK : ssl_error(s, rc, SSL_ERROR_WANT_READ, &is_waiting_for_input, err);
        total += sent;
        /* Input is watched for anyway, and the owner writes again after each sign of life. */
        s->is_write_blocked = e == OXQ_ERR_AGAIN && !is_waiting_for_input;
        if (e == OXQ_ERR_AGAIN) break;
        if (e) return e;
    }
    *out_bytes = total;
    return OXQ_OK;
}

static oxq_err write_plain(struct net_stream *s, struct slice bytes, size_t *out_bytes, struct oxq_error *err)
{
    ssize_t sent = send(s->fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    oxq_err e = sent < 0 ? socket_error(errno, err) : OXQ_OK;
    if (e && e != OXQ_ERR_AGAIN) return e;
    *out_bytes = sent < 0 ? 0 : (size_t)sent;
    s->is_write_blocked = *out_bytes < bytes.len;
    return OXQ_OK;
}

bool net_stream_may_send_and_fail(const struct net_stream *s)
{
    return s->ssl != NULL;
}

bool net_stream_can_send(const struct net_stream *s)
{
    return !s->ssl && !s->is_write_blocked;
}

size_t net_stream_send(const struct net_stream *s, struct slice bytes)
{
    ssize_t sent = send(s->fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : (size_t)sent;
}

oxq_err net_stream_write(struct net_stream *s, struct slice bytes, size_t *out_bytes, struct oxq_error *err)
{
    if (s->is_shared && s->ssl) lock_enter(&s->guard);
    oxq_err e = s->ssl ? write_tls(s, bytes, out_bytes, err) : write_plain(s, bytes, out_bytes, err);
    if (s->is_shared && s->ssl) lock_leave(&s->guard);
    if (!e) update_watch(s);
    return e;
}

/* What poll must look for, so that the reading or writing (or both) that stopped can go on. */
static short events_for(struct net_stream *s, uint32_t ready)
{
    short events = 0;
    if (!s->ssl) return (short)((ready & NET_READABLE ? POLLIN : 0) | (ready & NET_WRITABLE ? POLLOUT : 0));
    if (s->is_shared) lock_enter(&s->guard);
    if (ready & NET_READABLE) events |= s->is_read_blocked ? POLLOUT : POLLIN;
    if (ready & NET_WRITABLE) events |= s->is_write_blocked ? POLLOUT : POLLIN;
    if (s->is_shared) lock_leave(&s->guard);
    return events;
}

oxq_err net_stream_wait(struct net_stream *s, uint32_t ready, int64_t timeout_ms)
{
    struct pollfd p = {.fd = s->fd, .events = events_for(s, ready)};
    int n = poll(&p, 1, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
    return n == 0 ? OXQ_ERR_TIMEOUT : OXQ_OK;
}

static oxq_err wait_and_read(struct net_stream *s, int64_t timeout_ms, char *to, size_t cap, size_t *out_bytes,
                             struct oxq_error *err)
{
    if (s->is_blocking && timeout_ms >= RECEIVE_TICK_MS) return read_plain(s, 0, to, cap, out_bytes, err);
    oxq_err e = net_stream_read(s, to, cap, out_bytes, err);
    if (e != OXQ_ERR_AGAIN) return e;
    if (net_stream_wait(s, NET_READABLE, timeout_ms) != OXQ_OK) return OXQ_ERR_AGAIN;
    return net_stream_read(s, to, cap, out_bytes, err);
}

oxq_err net_stream_receive(struct net_stream *s, int64_t timeout_ms, char *to, size_t cap, size_t *out_bytes,
                           struct oxq_error *err)
{
    if (timeout_ms == 0) return wait_and_read(s, 0, to, cap, out_bytes, err);
    struct spin_wait wait;
    oxq_err e = OXQ_ERR_AGAIN;
    spin_begin(&wait, &s->spin);
    while (e == OXQ_ERR_AGAIN && spin_again(&wait)) e = net_stream_read(s, to, cap, out_bytes, err);
    if (e == OXQ_ERR_AGAIN) e = wait_and_read(s, timeout_ms, to, cap, out_bytes, err);
    spin_end(&wait);
    return e;
}

void net_stream_interrupt(struct net_stream *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
}

void net_stream_keep_alive(struct net_stream *s, int64_t idle_s)
{
    if (idle_s <= 0) return;
    int yes = 1, idle = (int)idle_s, interval = idle / KEEP_ALIVE_PROBES > 0 ? idle / KEEP_ALIVE_PROBES : 1;
    int probes = KEEP_ALIVE_PROBES;
    (void)setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void net_stream_limit_silence(struct net_stream *s, int64_t silence_ms)
{
    unsigned ms = silence_ms > 0 && silence_ms < INT32_MAX ? (unsigned)silence_ms : 0;
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}
