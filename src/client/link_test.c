/* SPDX-License-Identifier: MIT */
/* A child process plays the server: it takes one connection, reads what is asked and says what it was told to say. */
#include "client/link.h"

#include "base/mem.h"
#include "net/listener.h"
#include "net/stream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 5000

static struct net_loop *loop;
static struct net_listener *listener;
static pid_t child;
static char url_text[64];

/* Answers each request that comes with the next of `replies`, in pieces of a few bytes, and leaves after the last one. */
static void play_server(const char *const *replies, bool stays)
{
    char request[4096];
    struct net_peer peer;
    struct net_stream *s;
    while (net_accept(listener, &peer, NULL) != OXQ_OK) net_loop_poll(loop, 0, 1000);
    if (net_stream_new(peer.fd, &(struct net_stream_opts){0}, &s, NULL) != OXQ_OK) _exit(1);
    for (size_t n = 0; *replies; replies++) {
        while (net_stream_read(s, request, sizeof(request), &n, NULL) == OXQ_ERR_AGAIN)
            (void)!net_stream_wait(s, NET_READABLE, TIMEOUT_MS);
        for (const char *at = *replies; *at; at += n) {
            size_t len = strlen(at) < 3 ? strlen(at) : 3;
            if (net_stream_write(s, slice_of(at, len), &n, NULL) != OXQ_OK) _exit(1);
        }
    }
    if (stays) pause();
    net_stream_free(s);
    _exit(0);
}

static void start(const char *const *replies, bool stays)
{
    cr_assert_eq(net_loop_new(&loop, NULL), OXQ_OK);
    cr_assert_eq(net_listen_tcp(loop, "127.0.0.1", 0, 4, &listener, NULL), OXQ_OK);
    snprintf(url_text, sizeof(url_text), "redis://127.0.0.1:%d", listener->port);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) play_server(replies, stays);
}

static void stop(void)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    net_listeners_free(listener);
    net_loop_free(loop);
}

static oxq_err open_link(const char *suffix, const char *password, struct client_link **out, struct oxq_error *err)
{
    struct client_url url;
    char text[96];
    snprintf(text, sizeof(text), "%s%s", url_text, suffix);
    cr_assert_eq(client_url_parse(text, &url, err), OXQ_OK, "%s", err->text);
    return client_link_open(&(struct client_link_opts){.url = &url, .password = password, .timeout_ms = TIMEOUT_MS},
                            out, err);
}

static oxq_err ping(struct client_link *l, struct resp_value *out, struct oxq_error *err)
{
    struct slice argv[] = {SLICE_LIT("PING")};
    return client_link_call(l, argv, 1, out, err);
}

Test(client_link, logs_in_selects_and_calls)
{
    static const char *const replies[] = {"+OK\r\n",     "+OK\r\n", "+PONG\r\n", "*2\r\n$1\r\na\r\n:5\r\n",
                                          "-ERR no\r\n", NULL};
    struct client_link *l;
    struct resp_value v;
    struct oxq_error err = {0};
    start(replies, false);
    cr_assert_eq(open_link("/3", "secret", &l, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(ping(l, &v, &err), OXQ_OK, "%s", err.text);
    cr_assert(slice_is(v.text, "pong"));
    cr_assert_eq(ping(l, &v, &err), OXQ_OK);
    cr_assert_eq(v.count, 2);
    cr_assert_eq(v.items[1].integer, 5);
    cr_assert_eq(ping(l, &v, &err), OXQ_OK);
    cr_assert_eq(v.kind, RESP_ERROR);
    cr_assert_eq(ping(l, &v, &err), OXQ_ERR_CLOSED);
    client_link_close(l);
    stop();
}

Test(client_link, takes_the_replies_of_many_commands_in_order)
{
    static const char *const replies[] = {"+one\r\n$3\r\ntwo\r\n*1\r\n:3\r\n-ERR four\r\n", "+five\r\n", NULL};
    static const enum resp_kind kinds[] = {RESP_STATUS, RESP_BULK, RESP_ARRAY, RESP_ERROR};
    struct client_link *l;
    struct resp_value v;
    struct oxq_error err = {0};
    struct slice argv[] = {SLICE_LIT("PING")};
    start(replies, false);
    cr_assert_eq(open_link("", NULL, &l, &err), OXQ_OK, "%s", err.text);
    for (int i = 0; i < 4; i++) cr_assert_eq(client_link_queue(l, argv, 1), OXQ_OK);
    cr_assert_eq(client_link_queued_bytes(l), 4 * strlen("*1\r\n$4\r\nPING\r\n"));
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(client_link_next(l, &v, &err), OXQ_OK, "%s", err.text);
        cr_assert_eq(v.kind, kinds[i]);
    }
    cr_assert(slice_equal(v.text, SLICE_LIT("ERR four")));
    cr_assert_eq(client_link_queued_bytes(l), 0);
    cr_assert_eq(ping(l, &v, &err), OXQ_OK, "%s", err.text);
    cr_assert(slice_equal(v.text, SLICE_LIT("five")));
    client_link_close(l);
    stop();
}

Test(client_link, passes_on_why_it_was_refused)
{
    static const char *const replies[] = {"-WRONGPASS invalid\r\n", NULL};
    struct client_link *l;
    struct oxq_error err = {0};
    start(replies, false);
    cr_assert_eq(open_link("", "secret", &l, &err), OXQ_ERR_SERVER);
    cr_assert_str_eq(err.text, "WRONGPASS invalid");
    stop();
}

Test(client_link, knows_what_does_not_speak_its_protocol)
{
    static const char *const replies[] = {"HTTP/1.1 400 Bad Request\r\n", NULL};
    struct client_link *l;
    struct resp_value v;
    struct oxq_error err = {0};
    start(replies, false);
    cr_assert_eq(open_link("", NULL, &l, &err), OXQ_OK);
    cr_assert_eq(ping(l, &v, &err), OXQ_ERR_FORMAT);
    client_link_close(l);
    stop();
}

Test(client_link, waits_no_longer_than_its_time_out)
{
    static const char *const replies[] = {"+PO", NULL};
    struct client_url url;
    struct client_link *l;
    struct resp_value v;
    struct oxq_error err = {0};
    start(replies, true);
    cr_assert_eq(client_url_parse(url_text, &url, &err), OXQ_OK);
    cr_assert_eq(client_link_open(&(struct client_link_opts){.url = &url, .timeout_ms = 20}, &l, &err), OXQ_OK);
    cr_assert_eq(ping(l, &v, &err), OXQ_ERR_TIMEOUT);
    cr_assert_str_eq(err.text, "the server does not answer within 20 ms");
    client_link_close(l);
    stop();
}
