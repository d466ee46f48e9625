/* SPDX-License-Identifier: MIT */
#include "net/dial.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"

#include "base/mem.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
#define TIMEOUT_US ((int64_t)TIMEOUT_MS * 1000)

static char folder[TESTFOLDER_PATH_MAX];
static struct net_loop *loop;

static void poll_for(int64_t wait_us)
{
    net_loop_poll(loop, 1, 1 + wait_us);
}

static void set_up(void)
{
    testfolder_make(folder);
    cr_assert_eq(net_loop_new(&loop, NULL), OXQ_OK);
}

static void tear_down(void)
{
    net_loop_free(loop);
    testfolder_remove(folder);
}

static const char *path_in(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

TestSuite(net_loop, .init = set_up, .fini = tear_down);
TestSuite(net_listener, .init = set_up, .fini = tear_down);
TestSuite(net_stream, .init = set_up, .fini = tear_down);
TestSuite(net_tls, .init = set_up, .fini = tear_down);

static void note_ready(void *ctx, uint32_t ready)
{
    *(uint32_t *)ctx |= ready;
}

/* ---------------------------------------------------------------- loop */

Test(net_loop, is_an_error_where_there_are_too_few_descriptors)
{
    struct net_loop *other;
    struct oxq_error err;
    struct rlimit limit;
    int first_free = dup(STDERR_FILENO);
    close(first_free);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int count = 0; count < 3; count++) {
        struct rlimit low = {(rlim_t)(first_free + count), limit.rlim_max};
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
        cr_assert_eq(net_loop_new(&other, &err), OXQ_ERR_IO);
        cr_assert_str_eq(err.text, "cannot make an eventfd: Too many open files");
    }
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(net_loop_new(&other, &err), OXQ_OK);
    net_loop_free(other);
}

Test(net_loop, tells_what_is_ready_as_long_as_it_is)
{
    int fds[2];
    uint32_t ready = 0;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct net_watch *w = net_watch_new(loop, fds[0], note_ready, &ready);
    poll_for(0);
    cr_assert_eq(ready, 0);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    for (int i = 0; i < 2; i++) {
        ready = 0;
        poll_for(TIMEOUT_US);
        cr_assert_eq(ready, NET_READABLE);
    }
    net_watch_want(w, NET_WRITABLE);
    ready = 0;
    poll_for(TIMEOUT_US);
    cr_assert_eq(ready, NET_WRITABLE);
    net_watch_want(w, 0);
    ready = 0;
    poll_for(0);
    cr_assert_eq(ready, 0);
    net_watch_free(w);
    close(fds[0]);
    close(fds[1]);
}

/* The system takes no regular file, which a pipe then comes in place of. */
Test(net_loop, watches_later_what_the_system_refuses_at_first)
{
    int fds[2];
    uint32_t ready = 0;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    struct net_watch *w = net_watch_new(loop, fd, note_ready, &ready);
    struct net_watch *gone = net_watch_new(loop, fd, note_ready, &ready);
    poll_for(0);
    cr_assert_eq(ready, 0);
    net_watch_free(gone);
    cr_assert_eq(dup2(fds[0], fd), fd);
    poll_for(0);
    cr_assert_eq(ready, 0, "not at once again");
    net_loop_poll(loop, 2000000, 2000000);
    cr_assert_eq(ready, NET_READABLE);
    net_watch_free(w);
    for (int i = 0; i < 2; i++) close(fds[i]);
    close(fd);
}

Test(net_loop, waits_no_longer_than_asked)
{
    poll_for(1000);
    poll_for(1000);
    poll_for(1);
    poll_for(-5);
}

/* ---------------------------------------------------------------- a connected pair */

struct pair {
    struct net_listener *listeners;
    struct net_stream *server, *client;
    struct net_peer peer;
    struct net_tls *server_tls, *client_tls;
    uint32_t ready;
};

static void accept_one(struct pair *p)
{
    struct oxq_error err;
    while (!p->listeners->is_ready) poll_for(TIMEOUT_US);
    cr_assert_eq(net_accept(p->listeners, &p->peer, &err), OXQ_OK);
    struct net_stream_opts opts = {.loop = loop, .fn = note_ready, .ctx = &p->ready, .tls = p->server_tls};
    cr_assert_eq(net_stream_new(p->peer.fd, &opts, &p->server, &err), OXQ_OK);
}

static void connect_pair(struct pair *p)
{
    struct oxq_error err = {0};
    cr_assert_eq(net_listen_tcp(loop, "127.0.0.1", 0, 16, &p->listeners, &err), OXQ_OK, "%s", err.text);
    struct net_dial_opts dial = {
        .host = "127.0.0.1", .port = p->listeners->port, .tls = p->client_tls, .timeout_ms = TIMEOUT_MS};
    cr_assert_eq(net_dial(&dial, &p->client, &err), OXQ_OK, "%s", err.text);
    accept_one(p);
}

static void close_pair(struct pair *p)
{
    net_stream_free(p->client);
    net_stream_free(p->server);
    net_listeners_free(p->listeners);
    net_tls_free(p->server_tls);
    net_tls_free(p->client_tls);
}

/* Writes `total` bytes at one end and reads them at the other, both as far as they go in turn. */
static oxq_err pass_bytes(struct net_stream *from, struct net_stream *to, size_t total, struct oxq_error *err)
{
    static char bytes[1 << 20], got[1 << 16];
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (char)(i * 7 % 251);
    size_t sent = 0, received = 0;
    while (received < total) {
        size_t n = 0;
        oxq_err e = net_stream_write(from, slice_of(bytes + sent, total - sent), &n, err);
        if (e) return e;
        sent += n;
        e = net_stream_read(to, got, sizeof(got), &n, err);
        if (e == OXQ_ERR_AGAIN) {
            /* A handshake goes back and forth: let the sender look at what it was told. */
            char none[1];
            size_t ignored;
            if (sent == 0 && net_stream_read(from, none, 1, &ignored, err) == OXQ_ERR_TLS) return OXQ_ERR_TLS;
            poll_for(1000);
            continue;
        }
        if (e) return e;
        cr_assert_eq(memcmp(got, bytes + received, n), 0);
        received += n;
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- listeners */

Test(net_listener, accepts_and_knows_both_addresses)
{
    struct pair p = {0};
    connect_pair(&p);
    char want[64];
    snprintf(want, sizeof(want), "127.0.0.1:%d", p.listeners->port);
    cr_assert_str_eq(p.peer.laddr, want);
    cr_assert_eq(strncmp(p.peer.addr, "127.0.0.1:", 10), 0);
    struct net_peer none;
    cr_assert_eq(net_accept(p.listeners, &none, NULL), OXQ_ERR_AGAIN);
    cr_assert_not(p.listeners->is_ready);
    close_pair(&p);
}

Test(net_listener, says_that_a_port_is_in_use)
{
    struct net_listener *list = NULL;
    struct oxq_error err = {0};
    cr_assert_eq(net_listen_tcp(loop, "127.0.0.1", 0, 16, &list, &err), OXQ_OK);
    int port = list->port;
    cr_assert_eq(net_listen_tcp(loop, "127.0.0.1", port, 16, &list, &err), OXQ_ERR_ADDRESS_IN_USE);
    char want[64];
    snprintf(want, sizeof(want), "127.0.0.1:%d is in use", port);
    cr_assert_str_eq(err.text, want);
    net_listeners_free(list);
}

Test(net_listener, refuses_addresses_that_are_not_ours)
{
    struct net_listener *list = NULL;
    struct oxq_error err = {0};
    cr_assert_eq(net_listen_tcp(loop, "192.0.2.1", 0, 16, &list, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_str_eq(err.text, "192.0.2.1:0 is not an address of this machine");
    cr_assert_null(list);
}

Test(net_listener, lets_those_wait_who_connect_while_it_is_paused)
{
    struct pair p = {0};
    cr_assert_eq(net_listen_tcp(loop, "127.0.0.1", 0, 16, &p.listeners, NULL), OXQ_OK);
    net_listener_pause(p.listeners, true);
    struct net_dial_opts dial = {.host = "127.0.0.1", .port = p.listeners->port, .timeout_ms = TIMEOUT_MS};
    cr_assert_eq(net_dial(&dial, &p.client, NULL), OXQ_OK);
    poll_for(0);
    cr_assert_not(p.listeners->is_ready);
    net_listener_pause(p.listeners, false);
    accept_one(&p);
    close_pair(&p);
}

Test(net_listener, serves_a_unix_socket_of_its_mode_and_takes_it_away_again)
{
    struct pair p = {0};
    struct oxq_error err = {0};
    struct stat st;
    const char *path = path_in("s");
    cr_assert_eq(net_listen_unix(loop, path, 0660, 16, &p.listeners, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0660);
    struct net_dial_opts dial = {.unix_path = path, .timeout_ms = TIMEOUT_MS};
    cr_assert_eq(net_dial(&dial, &p.client, &err), OXQ_OK, "%s", err.text);
    accept_one(&p);
    char want[NET_ADDRESS_MAX];
    snprintf(want, sizeof(want), "%s:0", path);
    cr_assert_str_eq(p.peer.addr, want);
    cr_assert_eq(pass_bytes(p.client, p.server, 1 << 20, &err), OXQ_OK);
    cr_assert_eq(net_listen_unix(loop, path, 0660, 16, &p.listeners, &err), OXQ_ERR_ADDRESS_IN_USE);
    close_pair(&p);
    cr_assert_neq(stat(path, &st), 0);
}

Test(net_listener, replaces_a_unix_socket_that_nobody_answers_on_but_no_other_file)
{
    struct net_listener *dead = NULL, *list = NULL;
    struct oxq_error err = {0};
    const char *path = path_in("s");
    cr_assert_eq(net_listen_unix(loop, path, 0600, 16, &dead, &err), OXQ_OK);
    /* As a killed process leaves it: the path stays, the socket is gone. */
    dead->socket.inode++;
    net_listeners_free(dead);
    cr_assert_eq(net_listen_unix(loop, path, 0600, 16, &list, &err), OXQ_OK, "%s", err.text);
    net_listeners_free(list);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fclose(f);
    list = NULL;
    cr_assert_eq(net_listen_unix(loop, path, 0600, 16, &list, &err), OXQ_ERR_EXISTS);
    char too_long[200];
    memset(too_long, 'x', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = '\0';
    cr_assert_eq(net_listen_unix(loop, too_long, 0600, 16, &list, &err), OXQ_ERR_LIMIT);
}

Test(net_listener, makes_a_unix_socket_anew_that_was_removed_but_in_no_other_folder)
{
    struct net_listener *list = NULL;
    struct oxq_error err = {0};
    char inner[128], path[160], moved[160];
    snprintf(inner, sizeof(inner), "%s", path_in("inner"));
    snprintf(path, sizeof(path), "%s/s", inner);
    cr_assert_eq(mkdir(inner, 0700), 0);
    cr_assert_eq(net_listen_unix(loop, path, 0640, 16, &list, &err), OXQ_OK, "%s", err.text);
    cr_assert_not(net_listener_mend(list));
    cr_assert_eq(unlink(path), 0);
    cr_assert(net_listener_mend(list));
    struct stat st;
    cr_assert(stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0640);
    struct net_stream *client = NULL;
    struct net_dial_opts dial = {.unix_path = path, .timeout_ms = TIMEOUT_MS};
    cr_assert_eq(net_dial(&dial, &client, &err), OXQ_OK, "%s", err.text);
    poll_for(TIMEOUT_US);
    cr_assert(list->is_ready);
    net_stream_free(client);
    snprintf(moved, sizeof(moved), "%s", path_in("moved"));
    cr_assert_eq(rename(inner, moved), 0);
    cr_assert_not(net_listener_mend(list));
    cr_assert_eq(mkdir(inner, 0700), 0);
    cr_assert_not(net_listener_mend(list));
    net_listeners_free(list);
}

/* A program that became a daemon has closed them meanwhile. */
Test(net_listener, a_unix_socket_that_is_made_anew_is_not_where_others_print)
{
    struct net_listener *list = NULL;
    struct oxq_error err = {0};
    const char *path = path_in("s");
    cr_assert_eq(net_listen_unix(loop, path, 0600, 16, &list, &err), OXQ_OK, "%s", err.text);
    close(STDIN_FILENO);
    cr_assert(unlink(path) == 0 && net_listener_mend(list));
    cr_assert_gt(list->fd, STDERR_FILENO);
    cr_assert_eq(fcntl(list->fd, F_GETFD), FD_CLOEXEC);
    net_listeners_free(list);
}

/* ---------------------------------------------------------------- plain streams */

Test(net_stream, passes_bytes_both_ways_and_tells_of_the_end)
{
    struct pair p = {0};
    struct oxq_error err = {0};
    connect_pair(&p);
    cr_assert_eq(pass_bytes(p.client, p.server, 1 << 20, &err), OXQ_OK);
    cr_assert_eq(pass_bytes(p.server, p.client, 1 << 20, &err), OXQ_OK);
    char c;
    size_t n;
    cr_assert_eq(net_stream_read(p.server, &c, 1, &n, &err), OXQ_ERR_AGAIN);
    net_stream_free(p.client);
    p.client = NULL;
    p.ready = 0;
    poll_for(TIMEOUT_US);
    cr_assert(p.ready & NET_READABLE);
    cr_assert_eq(net_stream_read(p.server, &c, 1, &n, &err), OXQ_ERR_CLOSED);
    cr_assert_str_eq(err.text, "the other side closed it");
    close_pair(&p);
}

Test(net_stream, tells_when_there_is_room_again)
{
    static char bytes[1 << 16];
    struct pair p = {0};
    size_t n = sizeof(bytes), total = 0;
    connect_pair(&p);
    while (n == sizeof(bytes)) {
        cr_assert_eq(net_stream_write(p.server, slice_of(bytes, sizeof(bytes)), &n, NULL), OXQ_OK);
        total += n;
    }
    p.ready = 0;
    poll_for(0);
    cr_assert_eq(p.ready & NET_WRITABLE, 0);
    while (total > 0) {
        cr_assert_eq(net_stream_wait(p.client, NET_READABLE, TIMEOUT_MS), OXQ_OK);
        cr_assert_eq(net_stream_read(p.client, bytes, sizeof(bytes), &n, NULL), OXQ_OK);
        total -= n;
    }
    poll_for(TIMEOUT_US);
    cr_assert(p.ready & NET_WRITABLE);
    cr_assert_eq(net_stream_write(p.server, SLICE_LIT("x"), &n, NULL), OXQ_OK);
    p.ready = 0;
    poll_for(0);
    cr_assert_eq(p.ready, 0);
    close_pair(&p);
}

Test(net_stream, is_silent_about_input_once_reading_stopped)
{
    struct pair p = {0};
    size_t n;
    connect_pair(&p);
    net_stream_stop_reading(p.server);
    cr_assert_eq(net_stream_write(p.client, SLICE_LIT("x"), &n, NULL), OXQ_OK);
    poll_for(1000);
    cr_assert_eq(p.ready, 0);
    close_pair(&p);
}

Test(net_stream, waits_no_longer_than_its_time_out)
{
    struct pair p = {0};
    connect_pair(&p);
    cr_assert_eq(net_stream_wait(p.client, NET_READABLE, 1), OXQ_ERR_TIMEOUT);
    close_pair(&p);
}

Test(net_stream, receives_in_one_call_and_is_interrupted_by_another_thread)
{
    struct pair p = {0};
    struct oxq_error err = {0};
    char got[8];
    size_t n = 0;
    connect_pair(&p);
    cr_assert_eq(net_stream_receive(p.client, 1, got, sizeof(got), &n, &err), OXQ_ERR_AGAIN);
    cr_assert_eq(net_stream_write(p.server, SLICE_LIT("ab"), &n, NULL), OXQ_OK);
    cr_assert_eq(net_stream_receive(p.client, TIMEOUT_MS, got, sizeof(got), &n, &err), OXQ_OK);
    cr_assert(slice_equal(slice_of(got, n), SLICE_LIT("ab")));
    cr_assert_eq(net_stream_read(p.client, got, sizeof(got), &n, &err), OXQ_ERR_AGAIN, "a read never waits");
    net_stream_interrupt(p.client);
    cr_assert_eq(net_stream_receive(p.client, TIMEOUT_MS, got, sizeof(got), &n, &err), OXQ_ERR_CLOSED);
    close_pair(&p);
}

Test(net_stream, says_that_nobody_listens)
{
    struct net_listener *list = NULL;
    struct net_stream *s;
    struct oxq_error err = {0};
    cr_assert_eq(net_listen_tcp(loop, "127.0.0.1", 0, 16, &list, NULL), OXQ_OK);
    struct net_dial_opts dial = {.host = "127.0.0.1", .port = list->port, .timeout_ms = TIMEOUT_MS};
    net_listeners_free(list);
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_CLOSED);
    cr_assert_not_null(strstr(err.text, "Connection refused"), "%s", err.text);
    dial = (struct net_dial_opts){.unix_path = path_in("none"), .timeout_ms = TIMEOUT_MS};
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_CLOSED);
}

/* ---------------------------------------------------------------- hosts */

/* A socket that listens and takes nobody: its queue of one is full, and whoever connects hears nothing. */
struct full {
    int fd, guests[2];
};

/* At *sa, whose port is filled in where it is 0. */
static struct full fill_up(struct sockaddr *sa, socklen_t len)
{
    struct full f = {.fd = socket(sa->sa_family, SOCK_STREAM, 0)};
    int yes = 1;
    cr_assert_eq(setsockopt(f.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    cr_assert_eq(bind(f.fd, sa, len), 0);
    cr_assert_eq(listen(f.fd, 0), 0);
    cr_assert_eq(getsockname(f.fd, sa, &(socklen_t){len}), 0);
    for (int i = 0; i < 2; i++) {
        f.guests[i] = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(f.guests[i], sa, len);
    }
    return f;
}

static void empty(struct full *f)
{
    close(f->guests[0]);
    close(f->guests[1]);
    close(f->fd);
}

static struct sockaddr_in at_port(const char *address, int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    cr_assert_eq(inet_pton(AF_INET, address, &sa.sin_addr), 1);
    return sa;
}

/* "two" has the addresses 127.0.0.2 and 127.0.0.1, in this order; all else is for the system. */
static int find_two(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    if (strcmp(host, "two") != 0) return getaddrinfo(host, service, hints, out);
    if (hints->ai_flags & AI_NUMERICHOST) return EAI_NONAME;
    struct addrinfo *second;
    cr_assert_eq(getaddrinfo("127.0.0.2", service, hints, out), 0);
    cr_assert_eq(getaddrinfo("127.0.0.1", service, hints, &second), 0);
    (*out)->ai_next = second;
    return 0;
}

Test(net_listener, is_reached_by_the_next_address_when_the_first_is_silent)
{
    struct net_listener *list = NULL;
    struct net_stream *s;
    struct oxq_error err = {0};
    cr_assert_eq(net_listen_tcp(loop, "127.0.0.1", 0, 16, &list, NULL), OXQ_OK);
    struct sockaddr_in silent = at_port("127.0.0.2", list->port);
    struct full f = fill_up((struct sockaddr *)&silent, sizeof(silent));
    struct net_dial_opts dial = {.host = "two", .port = list->port, .timeout_ms = 2000, .lookup = find_two};
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_OK, "%s", err.text);
    net_stream_free(s);
    dial.host = "127.0.0.2";
    dial.timeout_ms = 50;
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_TIMEOUT, "%s", err.text);
    empty(&f);
    net_listeners_free(list);
}

static void ignore_signal(int number)
{
    (void)number;
}

/* As under a profiler. */
Test(net_listener, is_waited_for_through_signals)
{
    struct net_stream *s;
    struct oxq_error err = {0};
    struct sockaddr_in silent = at_port("127.0.0.1", 0);
    struct full f = fill_up((struct sockaddr *)&silent, sizeof(silent));
    struct sigaction action = {.sa_handler = ignore_signal};
    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    struct net_dial_opts dial = {.host = "127.0.0.1", .port = ntohs(silent.sin_port), .timeout_ms = 60};
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_TIMEOUT, "%s", err.text);
    cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    empty(&f);
}

Test(net_listener, on_a_unix_socket_is_waited_for_while_its_queue_is_full)
{
    struct net_stream *s;
    struct oxq_error err = {0};
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path_in("full"));
    struct full f = fill_up((struct sockaddr *)&sa, sizeof(sa));
    struct net_dial_opts dial = {.unix_path = sa.sun_path, .timeout_ms = 30};
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_TIMEOUT, "%s", err.text);
    empty(&f);
}

static struct notice is_asked;
static int may_answer_fd;

/* A name server that is silent until it is told. */
static int find_slowly(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    (void)service, (void)out;
    if (hints->ai_flags & AI_NUMERICHOST) return EAI_NONAME;
    if (strcmp(host, "none") == 0) return EAI_AGAIN;
    if (notice_put(&is_asked, 1)) notice_wake(&is_asked);
    struct pollfd p = {.fd = may_answer_fd, .events = POLLIN};
    while (poll(&p, 1, -1) < 0) {
    }
    return EAI_AGAIN;
}

static void wake(void *ctx)
{
    notice_wait(&is_asked, NULL, INT64_MAX);
    waker_wake(*(int *)ctx);
}

Test(net_listener, of_a_name_that_nobody_tells_of_is_not_waited_for_longer_than_asked)
{
    struct net_stream *s;
    struct oxq_error err = {0};
    struct thread t = {0};
    int cancel_fd;
    struct net_dial_opts dial = {.host = "slow", .port = 1, .timeout_ms = 20, .lookup = find_slowly};
    cr_assert_eq(waker_open(&may_answer_fd, NULL), OXQ_OK);
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_TIMEOUT, "%s", err.text);
    cr_assert_not_null(strstr(err.text, "slow"), "%s", err.text);
    cr_assert_eq(waker_open(&cancel_fd, NULL), OXQ_OK);
    cr_assert_eq(thread_start(&t, "wake", wake, &cancel_fd, NULL), OXQ_OK);
    dial.cancel_fd = cancel_fd;
    dial.timeout_ms = INT64_MAX;
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_CANCELLED, "%s", err.text);
    thread_join(&t);
    dial.host = "none";
    dial.cancel_fd = 0;
    cr_assert_eq(net_dial(&dial, &s, &err), OXQ_ERR_NOT_FOUND, "%s", err.text);
    close(cancel_fd);
    waker_wake(may_answer_fd);
}

/* ---------------------------------------------------------------- TLS */

static EVP_PKEY *make_key(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *f = fopen(path, "w");
    cr_assert(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
    return key;
}

static void add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    cr_assert_not_null(extension);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
}

/* A certificate that signs itself, for 127.0.0.1 and "localhost", and its key: <name>.crt and <name>.key. */
static void make_certificate(const char *name)
{
    char file[32];
    snprintf(file, sizeof(file), "%s.key", name);
    EVP_PKEY *key = make_key(path_in(file));
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    cr_assert_gt(X509_sign(x, key, EVP_sha256()), 0);
    snprintf(file, sizeof(file), "%s.crt", name);
    FILE *f = fopen(path_in(file), "w");
    cr_assert(f && PEM_write_X509(f, x) == 1);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static struct net_tls *make_tls(bool is_server, const char *own, const char *ca)
{
    char cert[160] = "", key[160] = "", authority[160] = "";
    struct oxq_error err = {0};
    struct net_tls *t;
    if (own) snprintf(cert, sizeof(cert), "%s/%s.crt", folder, own);
    if (own) snprintf(key, sizeof(key), "%s/%s.key", folder, own);
    if (ca) snprintf(authority, sizeof(authority), "%s/%s.crt", folder, ca);
    struct net_tls_opts opts = {.cert = cert, .key = key, .ca = authority};
    oxq_err e = is_server ? net_tls_new_server(&opts, &t, &err) : net_tls_new_client(&opts, &t, &err);
    cr_assert_eq(e, OXQ_OK, "%s", err.text);
    return t;
}

Test(net_tls, passes_bytes_both_ways)
{
    make_certificate("server");
    struct pair p = {.server_tls = make_tls(true, "server", NULL), .client_tls = make_tls(false, NULL, "server")};
    struct oxq_error err = {0};
    connect_pair(&p);
    cr_assert_eq(pass_bytes(p.client, p.server, 1 << 20, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(pass_bytes(p.server, p.client, 1 << 20, &err), OXQ_OK, "%s", err.text);
    close_pair(&p);
}

Test(net_tls, is_refused_by_a_client_that_does_not_trust_the_server)
{
    make_certificate("server");
    make_certificate("other");
    struct pair p = {.server_tls = make_tls(true, "server", NULL), .client_tls = make_tls(false, NULL, "other")};
    struct oxq_error err = {0};
    connect_pair(&p);
    cr_assert_eq(pass_bytes(p.client, p.server, 100, &err), OXQ_ERR_TLS);
    cr_assert_not_null(strstr(err.text, "certificate"), "%s", err.text);
    close_pair(&p);
}

Test(net_tls, wants_a_certificate_of_clients_when_it_has_an_authority_for_them)
{
    make_certificate("server");
    make_certificate("client");
    struct oxq_error err = {0};
    struct pair with = {.server_tls = make_tls(true, "server", "client"),
                        .client_tls = make_tls(false, "client", "server")};
    connect_pair(&with);
    cr_assert_eq(pass_bytes(with.client, with.server, 100, &err), OXQ_OK, "%s", err.text);
    close_pair(&with);
    struct pair without = {.server_tls = make_tls(true, "server", "client"),
                           .client_tls = make_tls(false, NULL, "server")};
    connect_pair(&without);
    cr_assert_eq(pass_bytes(without.client, without.server, 100, &err), OXQ_ERR_TLS);
    close_pair(&without);
}

Test(net_tls, lets_clients_without_a_certificate_in_when_they_may_or_are_not_asked)
{
    make_certificate("server");
    static const enum net_tls_peers lenient[] = {NET_TLS_PEERS_MAY, NET_TLS_PEERS_UNASKED};
    for (size_t i = 0; i < 2; i++) {
        struct oxq_error err = {0};
        struct net_tls_opts opts = {.cert = path_in("server.crt"),
                                    .key = path_in("server.key"),
                                    .ca = path_in("server.crt"),
                                    .peers = lenient[i]};
        struct pair p = {.client_tls = make_tls(false, NULL, "server")};
        cr_assert_eq(net_tls_new_server(&opts, &p.server_tls, &err), OXQ_OK, "%s", err.text);
        connect_pair(&p);
        cr_assert_eq(pass_bytes(p.client, p.server, 100, &err), OXQ_OK, "%s", err.text);
        close_pair(&p);
    }
}

/* With SIGPIPE as a program finds it, which would end this test. */
Test(net_tls, a_write_to_a_peer_that_has_gone_is_an_error_and_no_signal)
{
    make_certificate("server");
    struct pair p = {.server_tls = make_tls(true, "server", NULL), .client_tls = make_tls(false, NULL, "server")};
    struct oxq_error err = {0};
    size_t n;
    signal(SIGPIPE, SIG_DFL);
    connect_pair(&p);
    cr_assert_eq(pass_bytes(p.client, p.server, 100, &err), OXQ_OK, "%s", err.text);
    net_stream_free(p.server);
    p.server = NULL;
    oxq_err e;
    while ((e = net_stream_write(p.client, SLICE_LIT("x"), &n, &err)) == OXQ_OK)
        (void)!net_stream_wait(p.client, NET_READABLE, 1);
    cr_assert_eq(e, OXQ_ERR_CLOSED);
    close_pair(&p);
}

Test(net_tls, an_end_that_came_with_the_last_bytes_is_told_though_the_socket_stays_open)
{
    make_certificate("server");
    struct pair p = {.server_tls = make_tls(true, "server", NULL), .client_tls = make_tls(false, NULL, "server")};
    struct oxq_error err = {0};
    char got[16];
    size_t n = 0;
    connect_pair(&p);
    cr_assert_eq(pass_bytes(p.client, p.server, 100, &err), OXQ_OK, "%s", err.text);
    int held_fd = dup(p.peer.fd);
    cr_assert_eq(net_stream_write(p.server, SLICE_LIT("x"), &n, &err), OXQ_OK);
    net_stream_free(p.server);
    p.server = NULL;
    while (net_stream_read(p.client, got, sizeof(got), &n, &err) == OXQ_ERR_AGAIN)
        cr_assert_eq(net_stream_wait(p.client, NET_READABLE, TIMEOUT_MS), OXQ_OK);
    cr_assert_eq(n, 1);
    if (!net_stream_has_more(p.client)) cr_assert_eq(net_stream_wait(p.client, NET_READABLE, TIMEOUT_MS), OXQ_OK);
    cr_assert_eq(net_stream_read(p.client, got, sizeof(got), &n, &err), OXQ_ERR_CLOSED);
    close(held_fd);
    close_pair(&p);
}

Test(net_tls, tells_of_plain_bytes_on_a_tls_port)
{
    make_certificate("server");
    struct pair p = {.server_tls = make_tls(true, "server", NULL)};
    struct oxq_error err = {0};
    size_t n;
    char c;
    connect_pair(&p);
    cr_assert_eq(net_stream_write(p.client, SLICE_LIT("*1\r\n$4\r\nPING\r\n"), &n, &err), OXQ_OK);
    poll_for(TIMEOUT_US);
    cr_assert_eq(net_stream_read(p.server, &c, 1, &n, &err), OXQ_ERR_TLS, "%s", err.text);
    close_pair(&p);
}

Test(net_tls, names_the_file_that_it_cannot_use)
{
    make_certificate("server");
    make_certificate("other");
    struct oxq_error err = {0};
    struct net_tls *t;
    struct net_tls_opts none = {.cert = path_in("none.crt"), .key = path_in("server.key")};
    cr_assert_eq(net_tls_new_server(&none, &t, &err), OXQ_ERR_TLS);
    cr_assert_not_null(strstr(err.text, "/none.crt: "), "%s", err.text);
    struct net_tls_opts other = {.cert = path_in("server.crt"), .key = path_in("other.key")};
    cr_assert_eq(net_tls_new_server(&other, &t, &err), OXQ_ERR_TLS);
    cr_assert_not_null(strstr(err.text, "/other.key: "), "%s", err.text);
    struct net_tls_opts half = {.cert = path_in("server.crt")};
    cr_assert_eq(net_tls_new_server(&half, &t, &err), OXQ_ERR_TLS);
}
