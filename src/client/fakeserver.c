/* SPDX-License-Identifier: MIT */
#include "client/fakeserver.h"

#include "base/mem.h"
#include "net/listener.h"
#include "net/stream.h"
#include "os/thread.h"
#include "resp/parser.h"

#include <stdio.h>
#include <unistd.h>

#define CONNECTIONS_MAX 128
#define LOG_BYTES_MAX ((size_t)1 << 20)

struct conn {
    struct net_stream *stream; /* owned; NULL: free */
    struct buf input;
    struct resp_parser parser;
};

struct fakeserver {
    struct thread thread;
    struct lock lock; /* of what follows, down to the loop */
    const struct fakeserver_step *step;
    struct buf log;
    int commands_count, connections_count;
    bool is_stopping, wants_absence, is_absent;
    int waker;

    struct net_loop *loop; /* the thread's, from here on */
    struct net_watch *watch;
    struct net_listener *listener;
    struct conn conns[CONNECTIONS_MAX];
    int port;
    const char *unix_path; /* borrowed; NULL: the port */
};

static void ignore_ready(void *ctx, uint32_t ready)
{
    (void)ctx, (void)ready;
}

static void close_conn(struct conn *c)
{
    net_stream_free(c->stream);
    buf_deinit(&c->input);
    resp_parser_deinit(&c->parser);
    *c = (struct conn){.input.limit_bytes = SIZE_MAX};
}

/* Like a server that is full, it reads nothing while it cannot write. */
static void say(struct conn *c, struct slice rest)
{
    while (rest.len > 0) {
        size_t sent = 0;
        if (net_stream_write(c->stream, rest, &sent, NULL) != OXQ_OK) return;
        rest = slice_from(rest, sent);
    }
}

static void say_bulk(struct conn *c, struct slice text)
{
    char head[32];
    say(c, slice_of(head, (size_t)snprintf(head, sizeof(head), "$%zu\r\n", text.len)));
    say(c, text);
    say(c, SLICE_LIT("\r\n"));
}

/* The command as one line of text. */
static void describe(const struct conn *c, char *out, size_t cap)
{
    size_t len = 0;
    for (int i = 0; i < c->parser.argc && len < cap - 1; i++) {
        int n =
            snprintf(out + len, cap - len, "%s%.*s", i ? " " : "", (int)c->parser.argv[i].len, c->parser.argv[i].at);
        len = len + (size_t)n < cap ? len + (size_t)n : cap - 1;
    }
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* What a login is answered when no step wants it; NULL: it is no login. */
static const char *answer_login(const char *command)
{
    if (starts_with(command, "INFO")) return "$23\r\nredis_version:7.0.15\r\nx\r\n";
    bool is_login =
        starts_with(command, "CLIENT SETNAME") || starts_with(command, "AUTH") || starts_with(command, "SELECT");
    return is_login ? "+OK\r\n" : NULL;
}

static void answer(struct fakeserver *t, struct conn *c)
{
    char command[512] = "";
    describe(c, command, sizeof(command));
    lock_enter(&t->lock);
    const struct fakeserver_step *step = t->step;
    bool is_over = step->want && !step->want[0];
    bool fits = !is_over && (!step->want || starts_with(command, step->want));
    const char *reply = fits && step->want ? step->reply : answer_login(command);
    bool is_login = reply && !(fits && step->want);
    if (!is_login) {
        if (!reply) reply = fits ? step->reply : "-ERR this is not what the script wants\r\n";
        if (fits && strcmp(reply, FAKESERVER_ECHO) != 0) t->step++;
        CHECK(buf_append(&t->log, slice_from_text(command)) == OXQ_OK);
        CHECK(buf_append(&t->log, SLICE_LIT("\n")) == OXQ_OK);
        t->commands_count++;
        lock_notify(&t->lock);
    }
    lock_leave(&t->lock);
    if (strcmp(reply, FAKESERVER_CLOSE) == 0)
        close_conn(c);
    else if (strcmp(reply, FAKESERVER_ECHO) == 0)
        say_bulk(c, c->parser.argv[c->parser.argc - 1]);
    else if (strcmp(reply, FAKESERVER_SILENCE) != 0)
        say(c, slice_from_text(reply));
}

static void read_conn(struct fakeserver *t, struct conn *c)
{
    struct resp_limits limits = {.bulk_bytes = 1 << 26, .is_authenticated = true};
    size_t got = 0;
    CHECK(buf_reserve(&c->input, 1 << 16) == OXQ_OK);
    oxq_err e = net_stream_read(c->stream, c->input.at + c->input.len, c->input.cap - c->input.len, &got, NULL);
    if (e && e != OXQ_ERR_AGAIN) close_conn(c);
    c->input.len += e ? 0 : got;
    while (c->stream && c->input.len > 0) {
        if (resp_parser_next(&c->parser, c->input.at, c->input.len, &limits) != RESP_REQUEST) break;
        size_t used = c->parser.used_bytes;
        answer(t, c);
        if (c->stream) buf_consume(&c->input, used);
    }
}

static void accept_all(struct fakeserver *t)
{
    struct net_peer peer;
    while (t->listener && t->listener->is_ready && net_accept(t->listener, &peer, NULL) == OXQ_OK) {
        int i = 0;
        while (t->conns[i].stream) i++;
        struct net_stream_opts opts = {.loop = t->loop, .fn = ignore_ready};
        CHECK(net_stream_new(peer.fd, &opts, &t->conns[i].stream, NULL) == OXQ_OK);
        lock_enter(&t->lock);
        t->connections_count++;
        lock_leave(&t->lock);
    }
}

static void listen_again(struct fakeserver *t)
{
    if (t->unix_path) {
        CHECK(net_listen_unix(t->loop, t->unix_path, 0600, 64, &t->listener, NULL) == OXQ_OK);
        return;
    }
    CHECK(net_listen_tcp(t->loop, "127.0.0.1", t->port, 64, &t->listener, NULL) == OXQ_OK);
    t->port = t->listener->port;
}

static void come_and_go(struct fakeserver *t)
{
    lock_enter(&t->lock);
    bool is_change = t->wants_absence != t->is_absent;
    if (is_change && t->wants_absence) {
        net_listeners_free(t->listener);
        t->listener = NULL;
        for (int i = 0; i < CONNECTIONS_MAX; i++) close_conn(&t->conns[i]);
    } else if (is_change) {
        listen_again(t);
    }
    t->is_absent = t->wants_absence;
    if (is_change) lock_notify(&t->lock);
    lock_leave(&t->lock);
}

static void run(void *ctx)
{
    struct fakeserver *t = ctx;
    for (bool is_stopping = false; !is_stopping;) {
        net_loop_poll(t->loop, 0, 100000);
        waker_clear(t->waker);
        come_and_go(t);
        accept_all(t);
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            if (t->conns[i].stream) read_conn(t, &t->conns[i]);
        }
        lock_enter(&t->lock);
        is_stopping = t->is_stopping;
        lock_leave(&t->lock);
    }
}

struct fakeserver *fakeserver_start(const struct fakeserver_step *steps)
{
    return fakeserver_start_at(NULL, steps);
}

struct fakeserver *fakeserver_start_at(const char *unix_path, const struct fakeserver_step *steps)
{
    struct fakeserver *t = mem_alloc_zero(sizeof(*t));
    t->unix_path = unix_path;
    t->step = steps;
    t->log.limit_bytes = LOG_BYTES_MAX;
    for (int i = 0; i < CONNECTIONS_MAX; i++) t->conns[i].input.limit_bytes = SIZE_MAX;
    lock_init(&t->lock);
    CHECK(net_loop_new(&t->loop, NULL) == OXQ_OK && waker_open(&t->waker, NULL) == OXQ_OK);
    t->watch = net_watch_new(t->loop, t->waker, ignore_ready, NULL);
    listen_again(t);
    CHECK(thread_start(&t->thread, "fakeserver", run, t, NULL) == OXQ_OK);
    return t;
}

void fakeserver_play(struct fakeserver *t, const struct fakeserver_step *steps)
{
    lock_enter(&t->lock);
    t->step = steps;
    lock_leave(&t->lock);
}

void fakeserver_stop(struct fakeserver *t)
{
    lock_enter(&t->lock);
    t->is_stopping = true;
    lock_leave(&t->lock);
    waker_wake(t->waker);
    thread_join(&t->thread);
    for (int i = 0; i < CONNECTIONS_MAX; i++) close_conn(&t->conns[i]);
    net_listeners_free(t->listener);
    net_watch_free(t->watch);
    net_loop_free(t->loop);
    close(t->waker);
    buf_deinit(&t->log);
    lock_deinit(&t->lock);
    mem_free(t);
}

int fakeserver_port(const struct fakeserver *t)
{
    return t->port;
}

const char *fakeserver_url(const struct fakeserver *t, const char *suffix)
{
    static char text[128];
    snprintf(text, sizeof(text), "redis://127.0.0.1:%d%s", t->port, suffix);
    return text;
}

void fakeserver_log(struct fakeserver *t, char *out, size_t cap)
{
    lock_enter(&t->lock);
    snprintf(out, cap, "%.*s", (int)t->log.len, t->log.len ? t->log.at : "");
    lock_leave(&t->lock);
}

int fakeserver_connections(struct fakeserver *t)
{
    lock_enter(&t->lock);
    int count = t->connections_count;
    lock_leave(&t->lock);
    return count;
}

static void set_absence(struct fakeserver *t, bool is_absent)
{
    lock_enter(&t->lock);
    t->wants_absence = is_absent;
    waker_wake(t->waker);
    while (t->is_absent != is_absent) lock_wait(&t->lock, INT64_MAX);
    lock_leave(&t->lock);
}

void fakeserver_leave(struct fakeserver *t)
{
    set_absence(t, true);
}

void fakeserver_return(struct fakeserver *t)
{
    set_absence(t, false);
}

void fakeserver_await(struct fakeserver *t, int count)
{
    lock_enter(&t->lock);
    while (t->commands_count < count) lock_wait(&t->lock, INT64_MAX);
    lock_leave(&t->lock);
}
