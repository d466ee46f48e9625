/* SPDX-License-Identifier: MIT */
/* The engine with a host that only remembers what it was asked, and a clock that stands still. */
#include "engine/state.h"

#include "base/mem.h"
#include "base/num.h"
#include "engine/testkit.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define CLIENTS 4

struct world {
    struct engine_host host; /* first */
    struct clock_manual clock;
    struct config config;
    struct engine *engine;
    struct engine_client clients[CLIENTS];
    int resumed, closed;
    bool was_shut_down;
};

static void on_resume(struct engine_host *host, struct engine_client *c)
{
    (void)c;
    ((struct world *)host)->resumed++;
}

static void on_close(struct engine_host *host, struct engine_client *c, bool is_at_once)
{
    (void)c;
    (void)is_at_once;
    ((struct world *)host)->closed++;
}

static void on_shut_down(struct engine_host *host)
{
    ((struct world *)host)->was_shut_down = true;
}

static void world_open(struct world *w)
{
    *w = (struct world){.host = testkit_host()};
    w->host.resume = on_resume;
    w->host.close = on_close;
    w->host.shut_down = on_shut_down;
    clock_manual_init(&w->clock, 1700000000000000);
    config_init(&w->config);
    struct engine_opts opts = {
        .clock = &w->clock.clock, .seed = 1, .config = &w->config, .host = &w->host, .run_id = "0"};
    cr_assert_eq(engine_new(&opts, &w->engine, NULL), OXQ_OK);
    testkit_open_clients(w->engine, w->clients, CLIENTS);
}

static void world_close(struct world *w)
{
    testkit_close_clients(w->clients, CLIENTS);
    engine_free(w->engine);
    config_deinit(&w->config);
}

static void send(struct world *w, int client, const char *line)
{
    testkit_send(&w->clients[client], line);
}

/* What the client has got since it was asked last. */
static const char *got(struct world *w, int client)
{
    return testkit_take(&w->clients[client], w->clients[client].out.len);
}

static void expect(struct world *w, int client, const char *line, const char *reply)
{
    send(w, client, line);
    cr_assert_str_eq(got(w, client), reply);
}

static void pass_ms(struct world *w, int64_t ms)
{
    w->clock.us += ms * 1000;
    engine_run_timers(w->engine);
}

Test(engine, serves_blocked_clients_in_the_order_they_came)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "BLPOP a b 0", "");
    expect(&w, 1, "BLPOP b a 0", "");
    cr_assert_eq(w.clients[0].state, ENGINE_CLIENT_BLOCKED);
    expect(&w, 2, "RPUSH a 1 2 3", ":3\r\n");
    cr_assert_str_eq(got(&w, 0), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    cr_assert_str_eq(got(&w, 1), "*2\r\n$1\r\na\r\n$1\r\n2\r\n");
    cr_assert_eq(w.clients[0].state, ENGINE_CLIENT_READY);
    cr_assert_eq(w.resumed, 2);
    expect(&w, 2, "LRANGE a 0 -1", "*1\r\n$1\r\n3\r\n");
    cr_assert_eq(map_count(&w.engine->waits[0]), 0);
    world_close(&w);
}

Test(engine, a_client_may_wait_at_a_key_that_it_names_twice)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "BLPOP a a b a 0", "");
    expect(&w, 2, "RPUSH a 1 2", ":2\r\n");
    cr_assert_str_eq(got(&w, 0), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    expect(&w, 2, "RPUSH b 1", ":1\r\n");
    cr_assert_str_eq(got(&w, 0), "");
    expect(&w, 2, "LLEN a", ":1\r\n");
    world_close(&w);
}

Test(engine, a_blocked_client_that_finds_nothing_keeps_its_place)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "BLPOP a 0");
    send(&w, 1, "BLPOP a 0");
    expect(&w, 2, "MULTI", "+OK\r\n");
    expect(&w, 2, "RPUSH a 1", "+QUEUED\r\n");
    expect(&w, 2, "LPOP a", "+QUEUED\r\n");
    expect(&w, 2, "EXEC", "*2\r\n:1\r\n$1\r\n1\r\n");
    cr_assert_str_eq(got(&w, 0), "");
    expect(&w, 2, "ZADD a 1 x", ":1\r\n");
    cr_assert_str_eq(got(&w, 0), "");
    send(&w, 2, "DEL a");
    send(&w, 2, "RPUSH a z");
    cr_assert_str_eq(got(&w, 0), "*2\r\n$1\r\na\r\n$1\r\nz\r\n");
    cr_assert_str_eq(got(&w, 1), "");
    world_close(&w);
}

Test(engine, a_chain_of_blocked_moves_is_served_at_once)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "BLMOVE b c LEFT RIGHT 0");
    send(&w, 1, "BLMOVE a b LEFT RIGHT 0");
    send(&w, 2, "RPUSH a x");
    cr_assert_str_eq(got(&w, 1), "$1\r\nx\r\n");
    cr_assert_str_eq(got(&w, 0), "$1\r\nx\r\n");
    got(&w, 2);
    expect(&w, 2, "LRANGE c 0 -1", "*1\r\n$1\r\nx\r\n");
    world_close(&w);
}

Test(engine, a_block_ends_with_null_when_its_time_is_over)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "BLPOP a 0.5");
    send(&w, 1, "BZPOPMIN z 1");
    pass_ms(&w, 499);
    cr_assert_str_eq(got(&w, 0), "");
    pass_ms(&w, 1);
    cr_assert_str_eq(got(&w, 0), "*-1\r\n");
    cr_assert_str_eq(got(&w, 1), "");
    pass_ms(&w, 500);
    cr_assert_str_eq(got(&w, 1), "*-1\r\n");
    cr_assert_eq(engine_next_timer_us(w.engine), w.clock.us + 100000);
    world_close(&w);
}

Test(engine, a_block_whose_end_cannot_be_counted_in_microseconds_is_for_ever)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "BLPOP q 9e14");
    send(&w, 1, "WAIT 1 9223372036854775807");
    w.clock.us += INT64_C(1) << 52;
    engine_run_timers(w.engine);
    expect(&w, 2, "RPUSH q a", ":1\r\n");
    cr_assert_str_eq(got(&w, 0), "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    cr_assert_eq(w.clients[1].state, ENGINE_CLIENT_BLOCKED);
    world_close(&w);
}

Test(engine, client_unblock_ends_a_wait_as_asked)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "BLPOP a 0");
    expect(&w, 1, "CLIENT UNBLOCK 1 ERROR", ":1\r\n");
    cr_assert_str_eq(got(&w, 0), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    send(&w, 0, "BLPOP a 0");
    expect(&w, 1, "CLIENT UNBLOCK 1", ":1\r\n");
    cr_assert_str_eq(got(&w, 0), "*-1\r\n");
    expect(&w, 1, "CLIENT UNBLOCK 1", ":0\r\n");
    world_close(&w);
}

Test(engine, watch_fails_exec_when_the_key_changed_and_only_then)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "SET k 1");
    send(&w, 0, "WATCH k gone");
    send(&w, 0, "MULTI");
    got(&w, 0);
    send(&w, 1, "SET other 1");
    send(&w, 1, "DEL gone");
    expect(&w, 0, "INCR k", "+QUEUED\r\n");
    expect(&w, 0, "EXEC", "*1\r\n:2\r\n");
    send(&w, 0, "WATCH k");
    send(&w, 1, "SET k 5");
    send(&w, 0, "MULTI");
    send(&w, 0, "INCR k");
    got(&w, 0);
    expect(&w, 0, "EXEC", "*-1\r\n");
    expect(&w, 0, "GET k", "$1\r\n5\r\n");
    cr_assert_eq(map_count(&w.engine->watched[0]), 0);
    world_close(&w);
}

Test(engine, watch_sees_expiry_and_flush_but_not_the_flush_of_a_key_that_never_was)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "SET k 1 PX 100");
    send(&w, 0, "WATCH k");
    send(&w, 0, "MULTI");
    got(&w, 0);
    w.clock.us += 200000;
    engine_commit(w.engine);
    expect(&w, 0, "EXEC", "*-1\r\n");
    send(&w, 0, "SET k 1");
    send(&w, 0, "WATCH k");
    send(&w, 1, "FLUSHALL");
    send(&w, 0, "MULTI");
    got(&w, 0);
    expect(&w, 0, "EXEC", "*-1\r\n");
    send(&w, 0, "WATCH never");
    send(&w, 1, "FLUSHDB");
    send(&w, 0, "MULTI");
    got(&w, 0);
    expect(&w, 0, "EXEC", "*0\r\n");
    world_close(&w);
}

/* A second goes by whenever somebody looks. */
static int64_t hurried_us(struct clock *c)
{
    return ((struct clock_manual *)c)->us += 1000000;
}

Test(engine, time_stands_still_within_a_transaction)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "MULTI");
    send(&w, 0, "SET k v PX 1");
    send(&w, 0, "PING");
    send(&w, 0, "GET k");
    got(&w, 0);
    w.clock.clock.mono_us = hurried_us;
    expect(&w, 0, "EXEC", "*3\r\n+OK\r\n+PONG\r\n$1\r\nv\r\n");
    expect(&w, 0, "GET k", "$-1\r\n");
    world_close(&w);
}

Test(engine, a_faulty_exec_ends_the_transaction)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "MULTI", "+OK\r\n");
    expect(&w, 0, "SET k 1", "+QUEUED\r\n");
    expect(&w, 0, "EXEC now",
           "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n");
    expect(&w, 0, "EXEC", "-ERR EXEC without MULTI\r\n");
    expect(&w, 0, "GET k", "$-1\r\n");
    world_close(&w);
}

Test(engine, a_faulty_command_in_multi_aborts_exec)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "EXEC", "-ERR EXEC without MULTI\r\n");
    expect(&w, 0, "DISCARD", "-ERR DISCARD without MULTI\r\n");
    send(&w, 0, "MULTI");
    got(&w, 0);
    expect(&w, 0, "MULTI", "-ERR MULTI calls can not be nested\r\n");
    expect(&w, 0, "NOSUCH x", "-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n");
    expect(&w, 0, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    send(&w, 0, "MULTI");
    send(&w, 0, "SET k v");
    send(&w, 0, "LPUSH k x");
    got(&w, 0);
    expect(&w, 0, "EXEC", "*2\r\n+OK\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    world_close(&w);
}

Test(engine, blocking_commands_in_exec_answer_at_once)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "MULTI");
    send(&w, 0, "BLPOP a 0");
    send(&w, 0, "XREAD BLOCK 0 STREAMS s $");
    send(&w, 0, "WAIT 1 0");
    got(&w, 0);
    expect(&w, 0, "EXEC", "*3\r\n*-1\r\n*-1\r\n:0\r\n");
    world_close(&w);
}

Test(engine, messages_reach_subscribers_of_channels_and_patterns)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    expect(&w, 0, "PSUBSCRIBE n*", "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:2\r\n");
    expect(
        &w, 0, "GET k",
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n");
    expect(&w, 1, "PUBLISH news hi", ":2\r\n");
    cr_assert_str_eq(got(&w, 0), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
                                 "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
    expect(&w, 1, "PUBSUB NUMSUB news", "*2\r\n$4\r\nnews\r\n:1\r\n");
    expect(&w, 0, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    expect(&w, 0, "PUNSUBSCRIBE x", "*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:1\r\n");
    expect(&w, 0, "RESET", "+RESET\r\n");
    expect(&w, 1, "PUBLISH news hi", ":0\r\n");
    expect(&w, 1, "PUBSUB NUMPAT", ":0\r\n");
    world_close(&w);
}

Test(engine, messages_of_one_turn_become_no_longer_than_who_does_not_read_may_leave_unread)
{
    static char bytes[100000];
    struct world w;
    world_open(&w);
    cr_assert_eq(config_set(&w.config, SLICE_LIT("client-output-buffer-limit"), SLICE_LIT("pubsub 2mb 0 0"),
                            CONFIG_RUNTIME, NULL),
                 OXQ_OK);
    send(&w, 0, "SUBSCRIBE c");
    for (int i = 0; i < 100; i++) {
        struct slice argv[] = {SLICE_LIT("PUBLISH"), SLICE_LIT("c"), slice_of(bytes, sizeof(bytes))};
        engine_execute(&w.clients[1], argv, 3);
    }
    cr_assert_geq(w.clients[0].out.len, 2 << 20);
    cr_assert_leq(w.clients[0].out.cap, 5 << 20);
    engine_commit(w.engine);
    cr_assert_eq(w.closed, 1);
    world_close(&w);
}

Test(engine, a_pause_keeps_writes_back_until_it_ends)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "CLIENT PAUSE 100 WRITE", "+OK\r\n");
    expect(&w, 1, "SET k v", "");
    cr_assert_eq(w.clients[1].state, ENGINE_CLIENT_PAUSED);
    expect(&w, 2, "GET k", "$-1\r\n");
    pass_ms(&w, 100);
    cr_assert_str_eq(got(&w, 1), "+OK\r\n");
    cr_assert_eq(w.clients[1].state, ENGINE_CLIENT_READY);
    expect(&w, 0, "CLIENT PAUSE 100", "+OK\r\n");
    expect(&w, 1, "GET k", "");
    expect(&w, 0, "CLIENT UNPAUSE", "+OK\r\n");
    cr_assert_str_eq(got(&w, 1), "$1\r\nv\r\n");
    world_close(&w);
}

Test(engine, a_pause_of_writes_keeps_back_an_exec_that_writes)
{
    struct world w;
    world_open(&w);
    for (int i = 1; i <= 2; i++) {
        send(&w, i, "MULTI");
        send(&w, i, i == 1 ? "SET k v" : "GET k");
        got(&w, i);
    }
    expect(&w, 0, "CLIENT PAUSE 100 WRITE", "+OK\r\n");
    expect(&w, 1, "EXEC", "");
    expect(&w, 2, "EXEC", "*1\r\n$-1\r\n");
    pass_ms(&w, 100);
    cr_assert_str_eq(got(&w, 1), "*1\r\n+OK\r\n");
    world_close(&w);
}

Test(engine, a_transaction_takes_no_memory_when_there_is_none)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "MULTI");
    send(&w, 0, "SET k v");
    send(&w, 1, "MULTI");
    send(&w, 1, "GET k");
    got(&w, 0);
    got(&w, 1);
    w.config.max_memory_bytes = 1;
    expect(&w, 0, "EXEC",
           "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n");
    expect(&w, 0, "EXEC", "-ERR EXEC without MULTI\r\n");
    expect(&w, 1, "EXEC", "*1\r\n$-1\r\n");
    expect(&w, 0, "MULTI", "+OK\r\n");
    expect(&w, 0, "GET k", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    expect(&w, 0, "DISCARD", "+OK\r\n");
    world_close(&w);
}

Test(engine, a_client_that_leaves_while_it_waits_leaves_nothing_behind)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "SUBSCRIBE a");
    send(&w, 1, "WATCH a b");
    send(&w, 2, "BLPOP a b 10");
    send(&w, 3, "CLIENT PAUSE 1000");
    for (int i = 0; i < CLIENTS; i++) engine_client_close(&w.clients[i]);
    cr_assert_eq(map_count(&w.engine->waits[0]), 0);
    cr_assert_eq(map_count(&w.engine->watched[0]), 0);
    cr_assert_eq(map_count(&w.engine->channels), 0);
    cr_assert_eq(w.engine->deadlines.count, 0);
    memset(w.clients, 0, sizeof(w.clients));
    for (int i = 0; i < CLIENTS; i++) engine_client_open(w.engine, &w.clients[i]);
    world_close(&w);
}

Test(engine, asks_for_the_password_before_anything_else)
{
    struct world w;
    world_open(&w);
    cr_assert_eq(config_set(&w.config, SLICE_LIT("requirepass"), SLICE_LIT("secret"), CONFIG_RUNTIME, NULL), OXQ_OK);
    struct engine_client c = {.fd = -1};
    engine_client_close(&w.clients[0]);
    w.clients[0] = c;
    engine_client_open(w.engine, &w.clients[0]);
    expect(&w, 0, "GET k", "-NOAUTH Authentication required.\r\n");
    expect(&w, 0, "AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    expect(&w, 0, "AUTH default secret", "+OK\r\n");
    expect(&w, 0, "GET k", "$-1\r\n");
    world_close(&w);
}

Test(engine, who_is_trusted_needs_no_password_after_a_reset_either)
{
    struct world w;
    world_open(&w);
    cr_assert_eq(config_set(&w.config, SLICE_LIT("requirepass"), SLICE_LIT("secret"), CONFIG_RUNTIME, NULL), OXQ_OK);
    w.clients[0].flags |= ENGINE_CLIENT_TRUSTED;
    expect(&w, 0, "RESET", "+RESET\r\n");
    expect(&w, 0, "GET k", "$-1\r\n");
    world_close(&w);
}

Test(engine, client_reply_off_and_skip_silence_what_they_say)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "CLIENT REPLY SKIP", "");
    expect(&w, 0, "PING", "");
    expect(&w, 0, "PING", "+PONG\r\n");
    expect(&w, 0, "CLIENT REPLY OFF", "");
    expect(&w, 0, "PING", "");
    expect(&w, 0, "CLIENT REPLY ON", "+OK\r\n");
    expect(&w, 0, "PING", "+PONG\r\n");
    world_close(&w);
}

Test(engine, client_reply_skip_holds_until_the_command_is_over)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "CLIENT REPLY SKIP", "");
    expect(&w, 0, "BLPOP l 0", "");
    expect(&w, 1, "RPUSH l a", ":1\r\n");
    cr_assert_str_eq(got(&w, 0), "");
    expect(&w, 0, "PING", "+PONG\r\n");
    expect(&w, 1, "CLIENT PAUSE 100", "+OK\r\n");
    expect(&w, 0, "CLIENT REPLY SKIP", "");
    expect(&w, 0, "SET k v", "");
    expect(&w, 1, "CLIENT UNPAUSE", "+OK\r\n");
    cr_assert_str_eq(got(&w, 0), "");
    expect(&w, 0, "GET k", "$1\r\nv\r\n");
    world_close(&w);
}

Test(engine, monitor_shows_commands_of_others)
{
    struct world w;
    world_open(&w);
    expect(&w, 0, "MONITOR", "+OK\r\n");
    send(&w, 1, "SET k v");
    cr_assert_str_eq(got(&w, 0), "+1700000000.000000 [0 ] \"SET\" \"k\" \"v\"\r\n");
    world_close(&w);
}

Test(engine, passwords_are_shown_neither_to_monitors_nor_in_the_slowlog)
{
    struct world w;
    world_open(&w);
    w.config.slowlog_us = 0;
    expect(&w, 0, "MONITOR", "+OK\r\n");
    expect(&w, 1, "AUTH default secret", "+OK\r\n");
    send(&w, 1, "HELLO 2 AUTH default secret");
    got(&w, 1);
    expect(&w, 1, "CONFIG SET requirepass secret", "+OK\r\n");
    send(&w, 1, "CONFIG SET requirepass secret maxmemory none");
    send(&w, 1, "AUTH secret");
    const char *shown = got(&w, 0);
    cr_assert_not_null(strstr(shown, "\"AUTH\" \"(redacted)\" \"(redacted)\"\r\n"), "%s", shown);
    cr_assert_not_null(strstr(shown, "\"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n"), "%s", shown);
    cr_assert_null(strstr(shown, "secret"), "%s", shown);
    got(&w, 1);
    send(&w, 1, "SLOWLOG GET -1");
    shown = got(&w, 1);
    cr_assert_not_null(strstr(shown, "$11\r\nrequirepass\r\n$10\r\n(redacted)\r\n"), "%s", shown);
    cr_assert_null(strstr(shown, "secret"), "%s", shown);
    world_close(&w);
}

Test(engine, keys_are_removed_in_the_background_when_their_time_comes)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "SET k v PX 50");
    cr_assert_eq(engine_next_timer_us(w.engine), w.clock.us + 51000);
    pass_ms(&w, 50);
    cr_assert_eq(db_count(&w.engine->keyspace.dbs[0]), 1);
    pass_ms(&w, 1);
    cr_assert_eq(db_count(&w.engine->keyspace.dbs[0]), 0);
    world_close(&w);
}

static void fill_set(struct world *w)
{
    for (int i = 0; i < 10000; i++) {
        char line[32];
        snprintf(line, sizeof(line), "SADD big m%d", i);
        send(w, 0, line);
        w->clients[0].out.len = 0;
    }
}

Test(engine, a_big_value_is_freed_in_turns_that_come_at_once)
{
    struct world w;
    world_open(&w);
    fill_set(&w);
    struct graveyard *dead = &w.engine->keyspace.graveyard;
    expect(&w, 0, "DEL big", ":1\r\n");
    expect(&w, 0, "EXISTS big", ":0\r\n");
    int turns = 0;
    for (; !graveyard_is_empty(dead); turns++) {
        cr_assert_leq(engine_next_timer_us(w.engine), w.clock.us);
        engine_run_timers(w.engine);
    }
    cr_assert_geq(turns, 2);
    cr_assert_gt(engine_next_timer_us(w.engine), w.clock.us);
    world_close(&w);
}

Test(engine, memory_that_waits_to_be_freed_refuses_no_write)
{
    struct world w;
    world_open(&w);
    fill_set(&w);
    w.config.max_memory_bytes = (int64_t)mem_used() - 100000;
    expect(&w, 0, "SET k v", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    expect(&w, 0, "FLUSHALL", "+OK\r\n");
    expect(&w, 0, "SET k v", "+OK\r\n");
    world_close(&w);
}

Test(engine, a_script_stores_no_text_that_a_start_would_not_take_from_the_disk)
{
    struct world w;
    world_open(&w);
    struct engine_client *c = &w.clients[0];
    /* Nobody looks at the text itself. */
    struct slice argv[] = {SLICE_LIT("sadd"), SLICE_LIT("key"), slice_of("x", ENGINE_ARGUMENT_MAX_BYTES + 1)};
    struct cmd_ctx call = {.keyspace = &w.engine->keyspace,
                           .db = &w.engine->keyspace.dbs[0],
                           .reply = &c->writer.reply,
                           .argv = argv,
                           .argc = 3,
                           .command = cmd_table_find(&w.engine->table, argv[0])->row};
    cr_assert(!w.engine->script_ops.before_call(&w.engine->script_ops, &call));
    cr_assert_str_eq(got(&w, 0), "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
    argv[2].len--;
    cr_assert(w.engine->script_ops.before_call(&w.engine->script_ops, &call));
    world_close(&w);
}

Test(engine, a_config_set_that_fails_takes_the_first_password_back)
{
    struct world w;
    world_open(&w);
    cr_assert_eq(config_set(&w.config, SLICE_LIT("bind"), SLICE_LIT("*"), CONFIG_FLAG, NULL), OXQ_OK);
    w.config.port = 0; /* else it would not have begun without one */
    send(&w, 0, "CONFIG SET requirepass secret maxmemory none");
    cr_assert_eq(*got(&w, 0), '-');
    cr_assert_str_eq(w.config.password, "");
    world_close(&w);
}

Test(engine, refuses_writes_over_maxmemory_and_never_evicts)
{
    struct world w;
    world_open(&w);
    send(&w, 0, "SET k v");
    got(&w, 0);
    w.config.max_memory_bytes = 1;
    expect(&w, 0, "SET k2 v", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    expect(&w, 0, "GET k", "$1\r\nv\r\n");
    expect(&w, 0, "DEL k", ":1\r\n");
    world_close(&w);
}
