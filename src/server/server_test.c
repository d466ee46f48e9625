/* SPDX-License-Identifier: MIT */
/* The server with the engine behind it. Sockets are real; turns are taken one by one and the clock is moved by hand. */
#include "server/state.h"

#include "base/mem.h"
#include "engine/persist.h"
#include "net/dial.h"
#include "os/clock.h"
#include "os/disk.h"
#include "os/testfolder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000

/* ---------------------------------------------------------------- a server to talk to */

static struct server *server;
static struct engine *engine;
static struct config config;
static struct clock_manual manual;
static char folder[TESTFOLDER_PATH_MAX];

static void start(void)
{
    testfolder_make(folder);
    char path[128];
    snprintf(path, sizeof(path), "%s/s", folder);
    config_init(&config);
    cr_assert_eq(config_set(&config, SLICE_LIT("port"), SLICE_LIT("0"), CONFIG_FLAG, NULL), OXQ_OK);
    cr_assert_eq(config_set(&config, SLICE_LIT("unix"), slice_from_text(path), CONFIG_FLAG, NULL), OXQ_OK);
    clock_manual_init(&manual, 1000000);
    struct oxq_error err = {0};
    cr_assert_eq(server_new(&(struct server_opts){.config = &config, .clock = &manual.clock}, &server, &err), OXQ_OK,
                 "%s", err.text);
    cr_assert_eq(server_listen(server, NULL, &err), OXQ_OK, "%s", err.text);
    struct engine_opts opts = {
        .clock = &manual.clock, .seed = 1, .config = &config, .host = server_host(server), .run_id = "0123456789"};
    cr_assert_eq(engine_new(&opts, &engine, &err), OXQ_OK, "%s", err.text);
    server->engine = engine;
}

static void stop(void)
{
    server_end_sending(server);
    while (server->conns_count > 0) conn_free(LINK_OWNER(server->conns.next, struct server_conn, link));
    engine_free(engine);
    server_free(server);
    config_deinit(&config);
    testfolder_remove(folder);
}

TestSuite(server, .init = start, .fini = stop);

static struct net_stream *connect_only(void)
{
    char path[128];
    struct net_stream *s;
    struct oxq_error err = {0};
    snprintf(path, sizeof(path), "%s/s", folder);
    struct net_dial_opts opts = {.unix_path = path, .timeout_ms = TIMEOUT_MS};
    cr_assert_eq(net_dial(&opts, &s, &err), OXQ_OK, "%s", err.text);
    return s;
}

static struct net_stream *dial(void)
{
    struct net_stream *s = connect_only();
    server_turn(server);
    return s;
}

static void set(const char *name, const char *value)
{
    cr_assert_eq(config_set(&config, slice_from_text(name), slice_from_text(value), CONFIG_RUNTIME, NULL), OXQ_OK);
}

/* Moves the clock and lets the cron visit everybody. */
static void pass_ms(int64_t ms)
{
    manual.us += ms * 1000;
    struct net_stream *bell = dial();
    server_turn(server);
    net_stream_free(bell);
    server_turn(server);
}

static void put(struct net_stream *s, struct slice bytes)
{
    while (bytes.len) {
        size_t n = 0;
        cr_assert_eq(net_stream_write(s, bytes, &n, NULL), OXQ_OK);
        bytes = slice_from(bytes, n);
        if (n == 0) server_turn(server);
    }
}

/* The next `len` bytes that the client gets, with as many turns as it takes. */
static char *get(struct net_stream *s, size_t len)
{
    char *text = mem_alloc(len + 1);
    size_t got = 0;
    while (got < len) {
        size_t n = 0;
        oxq_err e = net_stream_read(s, text + got, len - got, &n, NULL);
        cr_assert(e == OXQ_OK || e == OXQ_ERR_AGAIN, "closed after %zu of %zu bytes", got, len);
        got += n;
        if (e) server_turn(server);
    }
    text[len] = '\0';
    return text;
}

static void expect(struct net_stream *s, const char *want)
{
    char *got = get(s, strlen(want));
    cr_assert_str_eq(got, want);
    mem_free(got);
}

static void expect_nothing(struct net_stream *s)
{
    char c;
    size_t n;
    cr_assert_eq(net_stream_read(s, &c, 1, &n, NULL), OXQ_ERR_AGAIN);
}

static void expect_closed(struct net_stream *s)
{
    char c;
    size_t n;
    oxq_err e;
    while ((e = net_stream_read(s, &c, 1, &n, NULL)) == OXQ_ERR_AGAIN) server_turn(server);
    cr_assert_eq(e, OXQ_ERR_CLOSED);
}

/* Makes GET big reply with so many bytes. */
static void make_big(struct net_stream *s, size_t bytes)
{
    char text[64], want[32];
    int len = snprintf(text, sizeof(text), "SETRANGE big %zu x\r\n", bytes - 1);
    put(s, slice_of(text, (size_t)len));
    snprintf(want, sizeof(want), ":%zu\r\n", bytes);
    expect(s, want);
}

static struct server_conn *last_conn(void)
{
    return LINK_OWNER(server->conns.prev, struct server_conn, link);
}

static uint64_t executed(void)
{
    return last_conn()->client.commands_count;
}

/* ---------------------------------------------------------------- requests */

Test(server, answers_pipelined_and_inline_requests_in_order)
{
    struct net_stream *s = dial();
    put(s, SLICE_LIT("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\nPING\r\n\r\n*0\r\nECHO \"x y\"\r\n"));
    expect(s, "+PONG\r\n$3\r\nabc\r\n+PONG\r\n$3\r\nx y\r\n");
    cr_assert_eq(executed(), 4);
    net_stream_free(s);
}

Test(server, puts_requests_together_that_come_in_pieces)
{
    struct net_stream *s = dial();
    struct slice text = SLICE_LIT("*2\r\n$4\r\nECHO\r\n$12\r\nhello\r\nworld\r\n");
    for (size_t i = 0; i < text.len; i++) {
        put(s, slice_of(text.at + i, 1));
        server_turn(server);
        if (i + 1 < text.len) expect_nothing(s);
    }
    expect(s, "$12\r\nhello\r\nworld\r\n");
    net_stream_free(s);
}

static char *make_set(size_t len, size_t *out_len)
{
    char *request = mem_alloc(len + 64);
    size_t head = (size_t)sprintf(request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", len);
    for (size_t i = 0; i < len; i++) request[head + i] = (char)('a' + i % 26);
    memcpy(request + head + len, "\r\n", 2);
    *out_len = head + len + 2;
    return request;
}

Test(server, takes_arguments_of_all_sizes_and_gives_their_room_back)
{
    static const size_t sizes[] = {1, 4000, 16000, 65000, 65536, 65537, 70000, 200000, 5000000};
    struct net_stream *s = dial();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len;
        char want[32], *request = make_set(sizes[i], &len);
        put(s, slice_of(request, len));
        put(s, SLICE_LIT("STRLEN k\r\n"));
        snprintf(want, sizeof(want), "+OK\r\n:%zu\r\n", sizes[i]);
        expect(s, want);
        cr_assert_leq(last_conn()->input.cap, SERVER_BUFFER_KEPT_BYTES, "after %zu", sizes[i]);
        mem_free(request);
    }
    net_stream_free(s);
}

Test(server, believes_a_claim_of_length_only_as_far_as_bytes_arrive)
{
    struct net_stream *s = dial();
    put(s, SLICE_LIT("*2\r\n$4\r\nECHO\r\n$536870912\r\nabc"));
    server_turn(server);
    cr_assert_leq(last_conn()->input.cap, 2 * SERVER_SCRATCH_BYTES);
    put(s, SLICE_LIT("def"));
    server_turn(server);
    cr_assert_leq(last_conn()->input.cap, 2 * SERVER_SCRATCH_BYTES);
    net_stream_free(s);
    server_turn(server);
    cr_assert_eq(server->conns_count, 0);
}

Test(server, gives_each_connection_its_share_of_a_turn)
{
    enum { REQUESTS = 3 * SERVER_TURN_REQUESTS_MAX };
    struct net_stream *greedy = dial(), *modest = dial();
    char *pings = mem_alloc(6 * REQUESTS);
    for (int i = 0; i < REQUESTS; i++) memcpy(pings + 6 * i, "PING\r\n", 6);
    put(greedy, slice_of(pings, 6 * REQUESTS));
    mem_free(pings);
    put(modest, SLICE_LIT("PING\r\n"));
    server_turn(server);
    struct server_conn *first = LINK_OWNER(server->conns.next, struct server_conn, link);
    cr_assert_eq(first->client.commands_count, SERVER_TURN_REQUESTS_MAX);
    cr_assert_eq(executed(), 1);
    expect(modest, "+PONG\r\n");
    char *got = get(greedy, 7 * REQUESTS);
    cr_assert_eq(first->client.commands_count, REQUESTS);
    mem_free(got);
    net_stream_free(greedy);
    net_stream_free(modest);
}

Test(server, a_share_of_a_turn_is_also_one_of_reply_bytes)
{
    enum { BYTES = SERVER_TURN_REPLY_BYTES / 2, REQUESTS = 10 };
    struct net_stream *greedy = dial(), *modest = dial();
    make_big(greedy, BYTES);
    struct server_conn *first = LINK_OWNER(server->conns.next, struct server_conn, link);
    uint64_t before = first->client.commands_count;
    for (int i = 0; i < REQUESTS; i++) put(greedy, SLICE_LIT("GET big\r\n"));
    put(modest, SLICE_LIT("PING\r\n"));
    server_turn(server);
    cr_assert_eq(first->client.commands_count - before, 2);
    cr_assert_eq(executed(), 1);
    expect(modest, "+PONG\r\n");
    for (int i = 0; i < REQUESTS; i++) mem_free(get(greedy, BYTES + strlen("$524288\r\n\r\n")));
    net_stream_free(greedy);
    net_stream_free(modest);
}

Test(server, answers_broken_requests_and_closes)
{
    struct net_stream *s = dial();
    put(s, SLICE_LIT("PING\r\n*1\r\n$x\r\nPING\r\nPING\r\n"));
    expect(s, "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
    expect_closed(s);
    cr_assert_eq(server->conns_count, 0);
    net_stream_free(s);
}

Test(server, takes_no_argument_that_a_start_would_not_take_from_the_disk)
{
    set("proto-max-bulk-len", "1gb");
    struct net_stream *s = dial();
    put(s, SLICE_LIT("*2\r\n$4\r\nECHO\r\n$536870913\r\n"));
    expect(s, "-ERR Protocol error: invalid bulk length\r\n");
    expect_closed(s);
    net_stream_free(s);
}

Test(server, drops_what_speaks_http)
{
    struct net_stream *s = dial();
    put(s, SLICE_LIT("POST / HTTP/1.1\r\nHost: a\r\n\r\n"));
    expect_closed(s);
    net_stream_free(s);
}

Test(server, keeps_clients_without_the_password_short)
{
    set("requirepass", "secret");
    struct net_stream *s = dial();
    put(s, SLICE_LIT("*1\r\n$16385\r\n"));
    expect(s, "-ERR Protocol error: unauthenticated bulk length\r\n");
    expect_closed(s);
    net_stream_free(s);
}

Test(server, closes_who_sends_too_much_without_end)
{
    struct net_stream *s = dial();
    config.query_buffer_bytes = 100000;
    put(s, SLICE_LIT("*2\r\n$4\r\nECHO\r\n$5000000\r\n"));
    char *part = mem_alloc(200000);
    memset(part, 'x', 200000);
    size_t n;
    for (int i = 0; i < 100 && server->conns_count > 0; i++) {
        if (net_stream_write(s, slice_of(part, 200000), &n, NULL) != OXQ_OK) break;
        server_turn(server);
    }
    cr_assert_eq(server->conns_count, 0);
    mem_free(part);
    net_stream_free(s);
}

/* ---------------------------------------------------------------- replies */

Test(server, sends_long_replies_to_slow_readers_without_holding_up_others)
{
    struct net_stream *slow = dial(), *other = dial();
    make_big(slow, 5000000);
    put(slow, SLICE_LIT("GET big\r\nPING\r\n"));
    server_turn(server);
    put(other, SLICE_LIT("PING\r\n"));
    expect(other, "+PONG\r\n");
    char *got = get(slow, strlen("$5000000\r\n\r\n+PONG\r\n") + 5000000);
    cr_assert_eq(memcmp(got, "$5000000\r\n\0\0\0", 13), 0);
    cr_assert_str_eq(got + 5000009, "x\r\n+PONG\r\n");
    mem_free(got);
    struct server_conn *c = LINK_OWNER(server->conns.next, struct server_conn, link);
    cr_assert_leq(c->client.out.cap, SERVER_BUFFER_KEPT_BYTES);
    net_stream_free(slow);
    net_stream_free(other);
}

/*
 * A crowd whose replies depart, where there is a sender: more than SENDER_ITEMS_MIN, no more than the loop tells of in one turn, and
 * beside one who keeps the server busy.
 */
enum { CROWD = 24, BUSY_REQUESTS = SERVER_TURN_REQUESTS_MAX + 1 };

struct throng {
    struct net_stream *all[CROWD];
    struct net_stream *busy;
};

static void dial_crowd(struct throng *c)
{
    for (int i = 0; i < CROWD; i++) c->all[i] = dial();
    c->busy = dial();
}

static void leave_crowd(struct throng *c)
{
    for (int i = 0; i < CROWD; i++) net_stream_free(c->all[i]);
    net_stream_free(c->busy);
}

/* Each asks the same. */
static void ask(struct throng *c, const char *request)
{
    for (int i = 0; i < CROWD; i++) put(c->all[i], slice_from_text(request));
}

/* A turn in which all who asked are answered, and after which there is more to do. */
static void take_busy_turn(struct throng *c)
{
    char pings[6 * BUSY_REQUESTS];
    for (int i = 0; i < BUSY_REQUESTS; i++) memcpy(pings + 6 * i, "PING\r\n", 6);
    put(c->busy, slice_of(pings, sizeof(pings)));
    server_turn(server);
}

static void expect_departures(void)
{
    cr_assert(!server->sender || sender_has_batch(server->sender));
}

static void calm_down(struct throng *c)
{
    mem_free(get(c->busy, (size_t)7 * BUSY_REQUESTS));
}

Test(server, gives_each_of_many_its_own_replies_in_order)
{
    struct throng crowd;
    char text[64];
    dial_crowd(&crowd);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < CROWD; i++) {
            int len = snprintf(text, sizeof(text), "ECHO %02d:%02d\r\nECHO a\r\n", round, i);
            put(crowd.all[i], slice_of(text, (size_t)len));
        }
        take_busy_turn(&crowd);
        expect_departures();
        /* The second while the first may still be on its way. */
        ask(&crowd, "ECHO b\r\n");
        for (int i = 0; i < CROWD; i++) {
            snprintf(text, sizeof(text), "$5\r\n%02d:%02d\r\n$1\r\na\r\n$1\r\nb\r\n", round, i);
            expect(crowd.all[i], text);
        }
        calm_down(&crowd);
    }
    leave_crowd(&crowd);
}

Test(server, goes_on_with_departed_replies_that_a_socket_took_in_part)
{
    /* More than a socket holds of whom nobody reads from. */
    enum { BYTES = 12000, TIMES = 40 };
    struct throng crowd;
    dial_crowd(&crowd);
    make_big(crowd.all[0], BYTES);
    for (int round = 0; round < TIMES; round++) {
        ask(&crowd, "GET big\r\nPING\r\n");
        take_busy_turn(&crowd);
        if (round == 0) expect_departures();
        calm_down(&crowd);
    }
    const struct server_conn *first = LINK_OWNER(server->conns.next, struct server_conn, link);
    cr_assert_gt(first->client.out.len, 0, "the sockets have taken all");
    for (int round = 0; round < TIMES; round++) {
        for (int i = 0; i < CROWD; i++) {
            char *got = get(crowd.all[i], strlen("$12000\r\n\r\n+PONG\r\n") + BYTES);
            cr_assert_eq(memcmp(got, "$12000\r\n\0\0\0", 11), 0);
            cr_assert_str_eq(got + BYTES + 7, "x\r\n+PONG\r\n");
            mem_free(got);
        }
    }
    leave_crowd(&crowd);
}

Test(server, closes_who_has_replies_on_their_way_after_those)
{
    struct throng crowd;
    dial_crowd(&crowd);
    ask(&crowd, "PING\r\nQUIT\r\n");
    take_busy_turn(&crowd);
    expect_departures();
    for (int i = 0; i < CROWD; i++) {
        expect(crowd.all[i], "+PONG\r\n+OK\r\n");
        expect_closed(crowd.all[i]);
    }
    cr_assert_eq(server->conns_count, 1);
    calm_down(&crowd);
    leave_crowd(&crowd);
}

Test(server, frees_who_is_gone_while_replies_are_on_their_way)
{
    struct throng crowd;
    for (int round = 0; round < 20; round++) {
        dial_crowd(&crowd);
        ask(&crowd, "PING\r\n");
        take_busy_turn(&crowd);
        expect_departures();
        leave_crowd(&crowd);
        while (server->conns_count > 0) server_turn(server);
    }
}

Test(server, sends_what_departs_before_it_ends)
{
    struct throng crowd;
    dial_crowd(&crowd);
    ask(&crowd, "PING\r\n");
    take_busy_turn(&crowd);
    expect_departures();
    server_stop(server);
    server_run(server, engine);
    cr_assert_eq(server->conns_count, 0);
    for (int i = 0; i < CROWD; i++) {
        expect(crowd.all[i], "+PONG\r\n");
        expect_closed(crowd.all[i]);
    }
    leave_crowd(&crowd);
}

Test(server, closes_who_leaves_too_much_unread)
{
    struct net_stream *s = dial();
    set("client-output-buffer-limit", "normal 1000000 0 0");
    make_big(s, 5000000);
    put(s, SLICE_LIT("GET big\r\n"));
    for (int i = 0; i < 5 && server->conns_count > 0; i++) server_turn(server);
    cr_assert_eq(server->conns_count, 0);
    net_stream_free(s);
}

Test(server, closes_who_is_sent_more_within_a_turn_than_it_may_leave_unread)
{
    struct net_stream *slow = dial(), *busy = dial();
    set("client-output-buffer-limit", "pubsub 1mb 0 0");
    put(slow, SLICE_LIT("SUBSCRIBE c\r\n"));
    server_turn(server);
    put(busy, SLICE_LIT("EVAL \"for i = 1, 1000 do redis.call('publish', 'c', string.rep('x', 10000)) end\" 0\r\n"));
    expect(busy, "$-1\r\n");
    cr_assert_eq(server->conns_count, 1);
    cr_assert_eq(engine_host_stats(engine)->output_limit, 1);
    net_stream_free(slow);
    net_stream_free(busy);
}

Test(server, closes_who_leaves_much_unread_for_too_long)
{
    struct net_stream *s = dial();
    set("client-output-buffer-limit", "normal 0 1000000 10");
    make_big(s, 5000000);
    put(s, SLICE_LIT("GET big\r\n"));
    server_turn(server);
    pass_ms(9000);
    cr_assert_eq(server->conns_count, 1);
    pass_ms(2000);
    cr_assert_eq(server->conns_count, 0);
    net_stream_free(s);
}

/* ---------------------------------------------------------------- blocking, polling, closing */

Test(server, keeps_requests_of_a_blocked_client_until_it_is_woken)
{
    struct net_stream *waiting = dial(), *other = dial();
    put(waiting, SLICE_LIT("BLPOP q 0\r\nECHO a\r\n"));
    server_turn(server);
    put(waiting, SLICE_LIT("ECHO b\r\n"));
    server_turn(server);
    expect_nothing(waiting);
    put(other, SLICE_LIT("RPUSH q job\r\n"));
    expect(waiting, "*2\r\n$1\r\nq\r\n$3\r\njob\r\n$1\r\na\r\n$1\r\nb\r\n");
    expect(other, ":1\r\n");
    net_stream_free(waiting);
    net_stream_free(other);
}

Test(server, forgets_a_blocked_client_that_is_gone_before_others_run)
{
    struct net_stream *waiting = dial(), *other = dial();
    put(waiting, SLICE_LIT("BLPOP q 0\r\n"));
    server_turn(server);
    net_stream_free(waiting);
    put(other, SLICE_LIT("RPUSH q job\r\nLLEN q\r\n"));
    expect(other, ":1\r\n:1\r\n");
    net_stream_free(other);
}

/* As inside a script that runs past its time: its client is in the middle of a request. */
static void poll_for(struct server_conn *c)
{
    c->client.flags |= ENGINE_CLIENT_RUNNING;
    server->host.poll(&server->host);
    c->client.flags &= ~(uint32_t)ENGINE_CLIENT_RUNNING;
}

Test(server, serves_others_while_a_long_request_polls)
{
    struct net_stream *script = dial(), *other = dial();
    struct server_conn *c = LINK_OWNER(server->conns.next, struct server_conn, link);
    put(script, SLICE_LIT("PING\r\n"));
    put(other, SLICE_LIT("PING\r\n"));
    struct reply_mark mark = reply_begin(&c->client.writer.reply, REPLY_ARRAY);
    reply_ok(&c->client.writer.reply);
    for (int i = 0; i < 3; i++) poll_for(c);
    cr_assert_eq(c->client.commands_count, 0);
    struct net_stream *late = connect_only();
    put(late, SLICE_LIT("PING\r\n"));
    for (int i = 0; i < 3; i++) poll_for(c);
    char got[8];
    size_t n;
    cr_assert_eq(net_stream_read(other, got, 7, &n, NULL), OXQ_OK);
    cr_assert_eq(net_stream_read(late, got, 7, &n, NULL), OXQ_OK);
    expect_nothing(script);
    reply_end(&c->client.writer.reply, mark, REPLY_ARRAY, 1);
    expect(script, "*1\r\n+OK\r\n+PONG\r\n");
    net_stream_free(script);
    net_stream_free(other);
    net_stream_free(late);
}

Test(server, goes_on_with_what_a_client_sent_before_its_long_request)
{
    enum { REQUESTS = SERVER_TURN_REQUESTS_MAX + 5 };
    struct net_stream *s = dial();
    char *pings = mem_alloc(6 * REQUESTS);
    for (int i = 0; i < REQUESTS; i++) memcpy(pings + 6 * i, "PING\r\n", 6);
    put(s, slice_of(pings, 6 * REQUESTS));
    server_turn(server);
    cr_assert_eq(executed(), SERVER_TURN_REQUESTS_MAX);
    poll_for(last_conn());
    cr_assert_eq(executed(), SERVER_TURN_REQUESTS_MAX);
    server_turn(server);
    cr_assert_eq(executed(), REQUESTS);
    mem_free(pings);
    net_stream_free(s);
}

Test(server, frees_nobody_while_a_long_request_polls)
{
    struct net_stream *script = dial(), *gone = dial(), *quits = dial();
    struct server_conn *c = LINK_OWNER(server->conns.next, struct server_conn, link);
    net_stream_free(gone);
    net_stream_free(script);
    put(quits, SLICE_LIT("PING\r\nQUIT\r\n"));
    for (int i = 0; i < 3; i++) poll_for(c);
    cr_assert_eq(server->conns_count, 3);
    for (int i = 0; i < 5 && server->conns_count > 0; i++) server_turn(server);
    cr_assert_eq(server->conns_count, 0);
    expect(quits, "+PONG\r\n+OK\r\n");
    net_stream_free(quits);
}

Test(server, sends_the_last_reply_before_it_closes)
{
    struct net_stream *s = dial();
    make_big(s, 3000000);
    put(s, SLICE_LIT("GET big\r\nQUIT\r\nPING\r\n"));
    char *got = get(s, strlen("$3000000\r\n\r\n+OK\r\n") + 3000000);
    cr_assert_str_eq(got + 3000009, "x\r\n+OK\r\n");
    expect_closed(s);
    mem_free(got);
    net_stream_free(s);
}

Test(server, does_not_wait_for_ever_for_the_last_reply_to_be_read)
{
    struct net_stream *s = dial();
    make_big(s, 5000000);
    put(s, SLICE_LIT("GET big\r\nQUIT\r\n"));
    server_turn(server);
    server_turn(server);
    pass_ms(SERVER_LINGER_US / 1000 - 1000);
    cr_assert_eq(server->conns_count, 1);
    pass_ms(2000);
    cr_assert_eq(server->conns_count, 0);
    net_stream_free(s);
}

Test(server, drops_at_once_when_told_to)
{
    struct net_stream *s = dial();
    struct net_stream *killer = dial();
    put(s, SLICE_LIT("BLPOP q 0\r\n"));
    server_turn(server);
    put(killer, SLICE_LIT("CLIENT KILL TYPE normal\r\nPING\r\n"));
    expect(killer, ":1\r\n+PONG\r\n");
    expect_closed(s);
    net_stream_free(s);
    net_stream_free(killer);
}

/* ---------------------------------------------------------------- many and idle ones */

Test(server, refuses_connections_beyond_maxclients)
{
    set("maxclients", "2");
    struct net_stream *a = dial(), *b = dial(), *c = dial();
    expect(c, "-ERR max number of clients reached\r\n");
    expect_closed(c);
    net_stream_free(c);
    net_stream_free(b);
    server_turn(server);
    c = dial();
    put(c, SLICE_LIT("PING\r\n"));
    expect(c, "+PONG\r\n");
    net_stream_free(a);
    net_stream_free(c);
}

Test(server, closes_idle_clients_but_not_those_that_wait)
{
    set("timeout", "10");
    struct net_stream *idle = dial(), *waiting = dial();
    put(waiting, SLICE_LIT("BLPOP q 0\r\n"));
    put(idle, SLICE_LIT("PING\r\n"));
    expect(idle, "+PONG\r\n");
    pass_ms(9000);
    cr_assert_eq(server->conns_count, 2);
    pass_ms(2000);
    expect_closed(idle);
    cr_assert_eq(server->conns_count, 1);
    net_stream_free(idle);
    net_stream_free(waiting);
}

/* The engine keeps what it does in a data folder from now on. */
static void open_data(void)
{
    struct oxq_error err = {0};
    cr_assert_eq(config_set(&config, SLICE_LIT("dir"), slice_from_text(folder), CONFIG_FLAG, NULL), OXQ_OK);
    cr_assert_eq(engine_open_data(engine, &err), OXQ_OK, "%s", err.text);
    while (engine_is_loading(engine)) {
        manual.us += 1000;
        engine_run_timers(engine);
    }
}

Test(server, closes_nobody_whose_reply_waits_for_the_disk)
{
    open_data();
    set("timeout", "10");
    struct net_stream *waiting = dial();
    put(waiting, SLICE_LIT("BLPOP q 0\r\n"));
    server_turn(server);
    pass_ms(11000);
    struct net_stream *busy = dial();
    disk_hold(DISK_CALL_SYNC, true);
    put(busy, SLICE_LIT("RPUSH q a\r\n"));
    server_turn(server);
    disk_wait_for_held();
    pass_ms(11000);
    disk_hold(DISK_CALL_SYNC, false);
    expect(waiting, "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    expect(busy, ":1\r\n");
    net_stream_free(waiting);
    net_stream_free(busy);
    engine_stop(engine);
}

Test(server, a_long_turn_does_not_keep_the_disk_idle)
{
    enum { CLIENTS = 100, BEFORE_A_COMMIT = 64, POLLS_TO_SEE_ALL = 3 };
    struct net_stream *clients[CLIENTS];
    open_data();
    for (int i = 0; i < CLIENTS; i++) clients[i] = dial();
    /* A poll sees twice as many as one before that saw as many as it could. */
    for (int polls = 0; polls < POLLS_TO_SEE_ALL; polls++) {
        for (int i = 0; i < CLIENTS; i++) put(clients[i], SLICE_LIT("PING\r\n"));
        for (int i = 0; i < CLIENTS; i++) expect(clients[i], "+PONG\r\n");
    }
    uint64_t began_seq = engine_last_seq(engine);
    disk_hold(DISK_CALL_SYNC, true);
    for (int i = 0; i < CLIENTS; i++) put(clients[i], SLICE_LIT("INCR n\r\n"));
    server_turn(server);
    disk_wait_for_held();
    uint64_t last_seq = engine_last_seq(engine), submitted_seq = engine->persist->submitted_seq;
    server_turn(server);
    size_t early_bytes = 0;
    for (int i = 0; i < CLIENTS; i++) {
        char bytes[16];
        size_t n = 0;
        oxq_err e = net_stream_read(clients[i], bytes, sizeof(bytes), &n, NULL);
        early_bytes += e == OXQ_ERR_AGAIN ? 0 : n + 1;
    }
    disk_hold(DISK_CALL_SYNC, false);
    cr_assert_eq(early_bytes, 0, "a reply before its sync");
    cr_assert_eq(last_seq, began_seq + CLIENTS);
    cr_assert_eq(submitted_seq, began_seq + BEFORE_A_COMMIT);
    for (int i = 0; i < CLIENTS; i++) {
        char want[16];
        snprintf(want, sizeof(want), ":%d\r\n", i + 1);
        expect(clients[i], want);
        net_stream_free(clients[i]);
    }
    engine_stop(engine);
}

Test(server, holds_no_buffers_for_idle_connections)
{
    struct net_stream *s = dial();
    struct server_conn *c = last_conn();
    make_big(s, 1000);
    put(s, SLICE_LIT("GET big\r\n*1\r\n"));
    mem_free(get(s, strlen("$1000\r\n\r\n") + 1000));
    put(s, SLICE_LIT("$4\r\nPING\r\n"));
    expect(s, "+PONG\r\n");
    cr_assert_gt(c->client.out.cap, 0);
    pass_ms(3000);
    cr_assert_eq(c->client.out.cap, 0);
    cr_assert_eq(c->input.cap, 0);
    net_stream_free(s);
}

Test(server, sends_what_is_released_before_it_ends)
{
    struct net_stream *s = dial(), *idle = dial();
    make_big(s, 100000);
    put(s, SLICE_LIT("GET big\r\n"));
    server_turn(server);
    server_stop(server);
    server_run(server, engine);
    cr_assert_eq(server->conns_count, 0);
    expect_closed(idle);
    mem_free(get(s, strlen("$100000\r\n\r\n") + 100000));
    expect_closed(s);
    net_stream_free(s);
    net_stream_free(idle);
}

Test(server, answers_what_waits_for_others_to_share_a_sync_before_it_ends)
{
    open_data();
    struct net_stream *first = dial(), *second = dial();
    engine->persist->company.skips = 0;
    disk_hold(DISK_CALL_SYNC, true);
    put(first, SLICE_LIT("SET k v\r\n"));
    server_turn(server);
    disk_wait_for_held();
    put(second, SLICE_LIT("SET l v\r\n"));
    server_turn(server);
    disk_hold(DISK_CALL_SYNC, false);
    expect(first, "+OK\r\n");
    cr_assert(engine->persist->company.is_awaited);
    /* The time that the end may take passes, not that of the wait. */
    server->clock = os_clock();
    server->now_us = clock_mono_us(server->clock);
    server_stop(server);
    server_run(server, engine);
    expect(second, "+OK\r\n");
    net_stream_free(first);
    net_stream_free(second);
    engine_stop(engine);
}

static oxq_err try_to_listen(struct config *c, struct oxq_error *err)
{
    struct server *other;
    cr_assert_eq(server_new(&(struct server_opts){.config = c, .clock = &manual.clock}, &other, err), OXQ_OK);
    oxq_err e = server_listen(other, NULL, err);
    server_free(other);
    return e;
}

Test(server, says_what_it_cannot_listen_on)
{
    struct oxq_error err = {0};
    cr_assert_eq(try_to_listen(&config, &err), OXQ_ERR_ADDRESS_IN_USE);
    cr_assert_not_null(strstr(err.text, "/s is in use"), "%s", err.text);
    struct config none;
    config_init(&none);
    none.port = 0;
    cr_assert_eq(try_to_listen(&none, &err), OXQ_ERR_CONFIG);
    none.port = 7700;
    cr_assert_eq(config_set(&none, SLICE_LIT("tls-cert"), SLICE_LIT("/none.crt"), CONFIG_FLAG, NULL), OXQ_OK);
    cr_assert_eq(try_to_listen(&none, &err), OXQ_ERR_TLS);
    config_deinit(&none);
}
