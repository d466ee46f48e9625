/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include "client/fakeserver.h"
#include "os/clock.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>

static struct fakeserver *server;
static struct client *client;
static struct client_reply reply;
static struct oxq_error err;

static void start_with(const struct fakeserver_step *steps, struct client_opts opts)
{
    server = fakeserver_start(steps);
    opts.url = fakeserver_url(server, opts.url ? opts.url : "");
    if (!opts.backoff_ms) opts.backoff_ms = opts.backoff_max_ms = 1;
    opts.seed = 1;
    if (!opts.timeout_ms) opts.timeout_ms = 30000;
    cr_assert_eq(client_new(&opts, &client, &err), OXQ_OK, "%s", err.text);
}

static void start(const struct fakeserver_step *steps)
{
    start_with(steps, (struct client_opts){0});
}

static void stop(void)
{
    client_reply_deinit(&reply);
    client_free(client);
    fakeserver_stop(server);
}

/* A command of words separated by spaces. */
struct words {
    struct slice argv[8];
    struct client_command command;
};

static struct client_command *words(struct words *w, const char *text)
{
    size_t argc = 0;
    while (*text && argc < 8) {
        size_t len = strcspn(text, " ");
        w->argv[argc++] = slice_of(text, len);
        text += len + (text[len] == ' ');
    }
    w->command = (struct client_command){.argv = w->argv, .argc = argc};
    return &w->command;
}

static oxq_err call(const char *text)
{
    struct words w;
    err = (struct oxq_error){0};
    return client_call(client, words(&w, text), 0, &reply, &err);
}

static oxq_err call_idempotent(const char *text)
{
    struct words w;
    err = (struct oxq_error){0};
    words(&w, text)->is_idempotent = true;
    return client_call(client, &w.command, 0, &reply, &err);
}

static void expect_text(const struct resp_value *v, const char *text)
{
    cr_assert_not_null(v);
    cr_assert(slice_equal(v->text, slice_from_text(text)), "%.*s is not %s", (int)v->text.len, v->text.at, text);
}

static void expect_log(const char *want)
{
    static char log[1 << 16];
    fakeserver_log(server, log, sizeof(log));
    cr_assert_str_eq(log, want);
}

/* ---------------------------------------------------------------- calls */

Test(client_call, a_text_that_no_server_takes_is_not_sent, .fini = stop)
{
    const struct fakeserver_step steps[] = {{"", NULL}};
    struct words w;
    start(steps);
    words(&w, "SET k v");
    w.argv[2].len = ((size_t)512 << 20) + 1;
    cr_assert_eq(client_call(client, &w.command, 0, &reply, &err), OXQ_ERR_LIMIT);
    cr_assert(strstr(err.text, "512 MiB"), "%s", err.text);
    cr_assert_eq(fakeserver_connections(server), 0);
}

Test(client_call, takes_one_reply_after_the_other)
{
    static const struct fakeserver_step steps[] = {{"GET a", "$1\r\nx\r\n"},
                                                   {"LRANGE", "*2\r\n:1\r\n*1\r\n$3\r\nabc\r\n"},
                                                   {"NOPE", "-ERR unknown command\r\n"},
                                                   {"", NULL}};
    start(steps);
    cr_assert_eq(call("GET a"), OXQ_OK, "%s", err.text);
    expect_text(&reply.value, "x");
    cr_assert_eq(call("LRANGE l 0 -1"), OXQ_OK);
    cr_assert_eq(reply.value.count, 2);
    expect_text(&reply.value.items[1].items[0], "abc");
    cr_assert_eq(call("NOPE"), OXQ_OK, "an error of the server is a value");
    cr_assert_eq(reply.value.kind, RESP_ERROR);
    cr_assert_eq(client_reply_check(&reply.value, &err), OXQ_ERR_SERVER);
    cr_assert_str_eq(err.text, "the server answers: ERR unknown command");
    cr_assert_eq(fakeserver_connections(server), 1);
    stop();
}

Test(client_call, takes_long_replies)
{
    enum { BYTES = 300000 };
    static char bulk[BYTES + 32];
    int head = snprintf(bulk, sizeof(bulk), "$%d\r\n", BYTES);
    memset(bulk + head, 'z', BYTES);
    memcpy(bulk + head + BYTES, "\r\n", 3);
    const struct fakeserver_step steps[] = {{"GET", bulk}, {"GET", "$1\r\nx\r\n"}, {"GET", bulk}, {"", NULL}};
    start(steps);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(call("GET a"), OXQ_OK, "%s", err.text);
        cr_assert_eq(reply.value.text.len, i == 1 ? 1 : BYTES);
        cr_assert_eq(reply.value.text.at[reply.value.text.len - 1], i == 1 ? 'x' : 'z');
    }
    stop();
}

/* ---------------------------------------------------------------- logging in */

Test(client_login, gives_what_the_url_says)
{
    static const struct fakeserver_step steps[] = {{"AUTH mail se@cret", "+OK\r\n"},
                                                   {"SELECT 3", "+OK\r\n"},
                                                   {"CLIENT SETNAME worker", "+OK\r\n"},
                                                   {"PING", "+PONG\r\n"},
                                                   {"", NULL}};
    server = fakeserver_start(steps);
    char url[128];
    snprintf(url, sizeof(url), "redis://mail:se%%40cret@127.0.0.1:%d/3?name=worker", fakeserver_port(server));
    cr_assert_eq(client_new(&(struct client_opts){.url = url}, &client, &err), OXQ_OK);
    cr_assert_eq(call("PING"), OXQ_OK, "%s", err.text);
    stop();
}

static void expect_refusal(const struct fakeserver_step *steps, struct client_opts opts, oxq_err code, const char *text)
{
    start_with(steps, opts);
    cr_assert_eq(call("PING"), code, "%s: %s", oxq_err_name(err.code), err.text);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
    cr_assert_null(strstr(err.text, "sesame"), "%s", err.text);
    stop();
}

Test(client_login, says_why_it_was_refused_and_what_would_help)
{
    static const struct fakeserver_step wrong[] = {
        {"AUTH default sesame", "-WRONGPASS invalid username-password pair\r\n"}, {"", NULL}};
    expect_refusal(wrong, (struct client_opts){.password = "sesame"}, OXQ_ERR_PERMISSION,
                   "refuses this user and password");
    static const struct fakeserver_step none[] = {{"CLIENT", "-NOAUTH Authentication required.\r\n"}, {"", NULL}};
    expect_refusal(none, (struct client_opts){0}, OXQ_ERR_PERMISSION, "wants a password");
    static const struct fakeserver_step db[] = {{"SELECT 99", "-ERR DB index is out of range\r\n"}, {"", NULL}};
    expect_refusal(db, (struct client_opts){.url = "/99"}, OXQ_ERR_ARGUMENT, "has no database 99");
    static const struct fakeserver_step old[] = {
        {"CLIENT", "+OK\r\n"}, {"INFO", "$22\r\nredis_version:6.0.16\r\n\r\n"}, {"", NULL}};
    expect_refusal(old, (struct client_opts){0}, OXQ_ERR_CONFIG, "is Redis 6.0.16, and jobs need 6.2");
    static const struct fakeserver_step other[] = {{"CLIENT", "HTTP/1.1 400 Bad Request\r\n"}, {"", NULL}};
    expect_refusal(other, (struct client_opts){0}, OXQ_ERR_FORMAT, "does not speak the Redis protocol");
    static const struct fakeserver_step shut[] = {{"CLIENT", "-DENIED Redis is running in protected mode\r\n"},
                                                  {"", NULL}};
    expect_refusal(shut, (struct client_opts){0}, OXQ_ERR_PERMISSION, "protected mode");
    static const struct fakeserver_step member[] = {{"PING", "-MOVED 1 127.0.0.1:7001\r\n"}, {"", NULL}};
    expect_refusal(member, (struct client_opts){0}, OXQ_ERR_CONFIG, "redis+cluster://");
    static const struct fakeserver_step tls[] = {{"CLIENT", FAKESERVER_CLOSE}, {"", NULL}};
    expect_refusal(tls, (struct client_opts){.attempts = 1}, OXQ_ERR_UNREACHABLE, "if it wants TLS: rediss");
}

/* It says so instead of an answer to whatever comes first, and closes the connection: nothing was done, and soon there may be room. */
Test(client_login, a_server_without_room_for_a_connection_is_not_there_yet)
{
    static const struct fakeserver_step name[] = {{"CLIENT", "-ERR max number of clients reached\r\n"},
                                                  {"CLIENT", "-ERR max number of clients reached\r\n"},
                                                  {"CLIENT", "+OK\r\n"},
                                                  {"PING", "+PONG\r\n"},
                                                  {"", NULL}};
    start(name);
    cr_assert_eq(call("PING"), OXQ_OK, "%s", err.text);
    expect_text(&reply.value, "PONG");
    stop();
    static const struct fakeserver_step login[] = {
        {"AUTH", "-ERR max number of clients reached\r\n"}, {"AUTH", "+OK\r\n"}, {"PING", "+PONG\r\n"}, {"", NULL}};
    start_with(login, (struct client_opts){.password = "sesame"});
    cr_assert_eq(call("PING"), OXQ_OK, "%s", err.text);
    stop();
    static const struct fakeserver_step db[] = {
        {"SELECT", "-ERR max number of clients reached\r\n"}, {"SELECT", "+OK\r\n"}, {"PING", "+PONG\r\n"}, {"", NULL}};
    start_with(db, (struct client_opts){.url = "/3"});
    cr_assert_eq(call("PING"), OXQ_OK, "%s", err.text);
    stop();
}

static char warning[512];
static int warnings;

static void note_warning(void *ctx, const char *text)
{
    (void)ctx;
    warnings++;
    snprintf(warning, sizeof(warning), "%s", text);
}

Test(client_login, warns_once_of_a_server_that_evicts)
{
    static const struct fakeserver_step steps[] = {
        {"CLIENT", "+OK\r\n"},
        {"INFO", "$52\r\nredis_version:7.2.4\r\nmaxmemory_policy:volatile-lru\r\n\r\n"},
        {"PING", FAKESERVER_CLOSE},
        {"PING", "+PONG\r\n"},
        {"", NULL}};
    start_with(steps, (struct client_opts){.on_warning = note_warning});
    cr_assert_eq(call_idempotent("PING"), OXQ_OK, "%s", err.text);
    cr_assert_eq(warnings, 1);
    cr_assert_not_null(strstr(warning, "volatile-lru"), "%s", warning);
    stop();
}

/* ---------------------------------------------------------------- a server that goes */

Test(client_lost, a_lost_reply_is_uncertain_unless_doing_it_twice_does_no_harm)
{
    static const struct fakeserver_step steps[] = {
        {"INCR a", FAKESERVER_CLOSE}, {"GET a", FAKESERVER_CLOSE}, {"GET a", "$1\r\n1\r\n"}, {"", NULL}};
    start(steps);
    cr_assert_eq(call("INCR a"), OXQ_ERR_UNCERTAIN);
    cr_assert_not_null(strstr(err.text, "not known whether"), "%s", err.text);
    cr_assert_eq(call_idempotent("GET a"), OXQ_OK, "%s", err.text);
    expect_text(&reply.value, "1");
    expect_log("INCR a\nGET a\nGET a\n");
    stop();
}

Test(client_lost, what_the_system_did_not_take_was_not_done_and_is_sent_again)
{
    static const struct fakeserver_step steps[] = {{"PING", "+PONG\r\n"}, {"INCR a", ":1\r\n"}, {"", NULL}};
    char folder[TESTFOLDER_PATH_MAX], path[PATH_MAX], url[PATH_MAX + sizeof("unix:")];
    testfolder_make(folder);
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(url, sizeof(url), "unix:%s", path);
    server = fakeserver_start_at(path, steps);
    const struct client_opts opts = {.url = url, .backoff_ms = 1, .backoff_max_ms = 1, .timeout_ms = 30000, .seed = 1};
    cr_assert_eq(client_new(&opts, &client, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(call("PING"), OXQ_OK, "%s", err.text);
    fakeserver_leave(server);
    fakeserver_return(server);
    cr_assert_eq(call("INCR a"), OXQ_OK, "%s", err.text);
    expect_log("PING\nINCR a\n");
    stop();
    testfolder_remove(folder);
}

Test(client_lost, who_fails_fast_hears_soon_that_nobody_is_there)
{
    static const struct fakeserver_step steps[] = {{"PING", "+PONG\r\n"}, {"", NULL}};
    start_with(steps, (struct client_opts){.on_warning = note_warning});
    fakeserver_leave(server);
    cr_assert_eq(call("PING"), OXQ_ERR_UNREACHABLE);
    cr_assert_not_null(strstr(err.text, "is not there: cannot connect to 127.0.0.1:"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "Connection refused"), "%s", err.text);
    cr_assert_eq(warnings, 1);
    fakeserver_return(server);
    while (call("PING") == OXQ_ERR_UNREACHABLE) {
    }
    cr_assert_eq(err.code, OXQ_OK, "%s", err.text);
    cr_assert_eq(warnings, 2);
    cr_assert_not_null(strstr(warning, "is back"), "%s", warning);
    stop();
}

Test(client_lost, a_reply_that_is_too_long_or_no_reply_is_told_as_what_it_is)
{
    static const struct fakeserver_step steps[] = {
        {"GET a", "*1000000000\r\n"}, {"GET b", "$900000000\r\nx"}, {"GET c", "HTTP/1.1 400 no\r\n"}, {"", NULL}};
    start(steps);
    cr_assert_eq(call("GET a"), OXQ_ERR_UNCERTAIN);
    cr_assert_not_null(strstr(err.text, "it is too long"), "%s", err.text);
    cr_assert_eq(call("GET b"), OXQ_ERR_UNCERTAIN);
    cr_assert_not_null(strstr(err.text, "it is too long"), "%s", err.text);
    cr_assert_eq(call("GET c"), OXQ_ERR_UNCERTAIN);
    cr_assert_not_null(strstr(err.text, "not the Redis protocol"), "%s", err.text);
    stop();
}

static void return_later(void *ctx)
{
    (void)ctx;
    int64_t until = clock_mono_us(os_clock()) + 20000;
    struct notice nobody = {0};
    notice_wait(&nobody, NULL, until);
    fakeserver_return(server);
}

Test(client_lost, who_is_patient_waits_until_it_is_back)
{
    static const struct fakeserver_step steps[] = {{"INCR", ":1\r\n"}, {"", NULL}};
    struct thread t = {0};
    start_with(steps, (struct client_opts){.patience = CLIENT_PATIENT});
    fakeserver_leave(server);
    cr_assert_eq(thread_start(&t, "return", return_later, NULL, NULL), OXQ_OK);
    cr_assert_eq(call("INCR a"), OXQ_OK, "%s", err.text);
    expect_log("INCR a\n");
    thread_join(&t);
    stop();
}

Test(client_lost, patience_ends_with_the_time_out)
{
    static const struct fakeserver_step steps[] = {{"", NULL}};
    start_with(steps, (struct client_opts){.patience = CLIENT_PATIENT, .timeout_ms = 30});
    fakeserver_leave(server);
    cr_assert_eq(call("PING"), OXQ_ERR_UNREACHABLE);
    stop();
}

/* The time-out is for the server's answer alone: the connection is there before. */
static oxq_err call_hastily(const char *text, bool is_idempotent)
{
    struct words w;
    words(&w, text)->is_idempotent = is_idempotent;
    return client_call(client, &w.command, 20, &reply, &err);
}

Test(client_lost, a_silent_server_is_waited_for_as_long_as_the_time_out_says)
{
    static const struct fakeserver_step steps[] = {
        {"PING", "+PONG\r\n"}, {"INCR", FAKESERVER_SILENCE}, {"GET", FAKESERVER_SILENCE}, {"", NULL}};
    start(steps);
    cr_assert_eq(call("PING"), OXQ_OK, "%s", err.text);
    cr_assert_eq(call_hastily("INCR a", false), OXQ_ERR_UNCERTAIN);
    cr_assert_not_null(strstr(err.text, "does not answer in time"), "%s", err.text);
    cr_assert_eq(call_hastily("GET a", true), OXQ_ERR_TIMEOUT);
    stop();
}

Test(client_lost, the_reply_to_a_call_that_gave_up_is_nobodys)
{
    static const struct fakeserver_step steps[] = {
        {"PING", "+PONG\r\n"}, {"INCR", FAKESERVER_SILENCE}, {"GET", ":1\r\n$4\r\nmine\r\n"}, {"", NULL}};
    start(steps);
    cr_assert_eq(call("PING"), OXQ_OK, "%s", err.text);
    cr_assert_eq(call_hastily("INCR a", false), OXQ_ERR_UNCERTAIN);
    cr_assert_eq(call("GET a"), OXQ_OK, "%s", err.text);
    expect_text(&reply.value, "mine");
    stop();
}

/* Its socket is open, and nobody is behind it: by now another may be in its place, or there is another way to it. */
Test(client_lost, a_server_that_owes_an_answer_for_long_is_connected_to_anew)
{
    static const struct fakeserver_step steps[] = {{"GET", FAKESERVER_SILENCE}, {NULL, FAKESERVER_ECHO}, {"", NULL}};
    start_with(steps, (struct client_opts){.silence_ms = 100});
    cr_assert_eq(call_idempotent("GET a"), OXQ_OK, "%s", err.text);
    expect_text(&reply.value, "a");
    cr_assert_geq(fakeserver_connections(server), 2);
    stop();
}

Test(client_lost, a_call_that_a_silent_server_owes_an_answer_is_uncertain)
{
    static const struct fakeserver_step steps[] = {{"INCR", FAKESERVER_SILENCE}, {NULL, FAKESERVER_ECHO}, {"", NULL}};
    start_with(steps, (struct client_opts){.silence_ms = 100});
    cr_assert_eq(call("INCR a"), OXQ_ERR_UNCERTAIN);
    cr_assert_not_null(strstr(err.text, "has said nothing for 100 ms"), "%s", err.text);
    cr_assert_eq(call_idempotent("GET b"), OXQ_OK, "%s", err.text);
    expect_text(&reply.value, "b");
    stop();
}

static void cancel_later(void *ctx)
{
    fakeserver_await(server, 1);
    client_cancel(ctx);
}

Test(client_lost, cancelling_ends_a_call_that_waits_and_all_later_ones)
{
    static const struct fakeserver_step steps[] = {{"GET", FAKESERVER_SILENCE}, {"", NULL}};
    struct thread t = {0};
    struct words w;
    start(steps);
    cr_assert_eq(thread_start(&t, "cancel", cancel_later, client, NULL), OXQ_OK);
    cr_assert_eq(client_call(client, words(&w, "GET a"), CLIENT_FOREVER, &reply, &err), OXQ_ERR_CANCELLED, "%s",
                 err.text);
    cr_assert_eq(call("GET a"), OXQ_ERR_CANCELLED);
    thread_join(&t);
    stop();
}

static void cancel_soon(void *ctx)
{
    int64_t until = clock_mono_us(os_clock()) + 5000;
    struct notice nobody = {0};
    notice_wait(&nobody, NULL, until);
    client_cancel(ctx);
}

Test(client_lost, cancelling_ends_patience)
{
    static const struct fakeserver_step steps[] = {{"", NULL}};
    struct thread t = {0};
    struct words w;
    start_with(steps, (struct client_opts){.patience = CLIENT_PATIENT});
    fakeserver_leave(server);
    cr_assert_eq(thread_start(&t, "cancel", cancel_soon, client, NULL), OXQ_OK);
    cr_assert_eq(client_call(client, words(&w, "GET a"), CLIENT_FOREVER, &reply, &err), OXQ_ERR_CANCELLED);
    thread_join(&t);
    stop();
}

/* ---------------------------------------------------------------- refusals that pass */

Test(client_refused, tries_again_what_the_server_did_not_do)
{
    static const struct fakeserver_step steps[] = {
        {"INCR", "-LOADING Redis is loading the dataset in memory\r\n"},
        {"INCR", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n"},
        {"INCR", "-MASTERDOWN Link with MASTER is down\r\n"},
        {"INCR", "-CLUSTERDOWN The cluster is down\r\n"},
        {"INCR", ":7\r\n"},
        {"", NULL}};
    start(steps);
    cr_assert_eq(call("INCR a"), OXQ_OK, "%s", err.text);
    cr_assert_eq(reply.value.integer, 7);
    cr_assert_eq(fakeserver_connections(server), 1);
    stop();
}

Test(client_refused, looks_for_the_master_again_when_it_is_none_any_more)
{
    static const struct fakeserver_step steps[] = {
        {"INCR", "-READONLY You can't write against a read only replica.\r\n"}, {"INCR", ":7\r\n"}, {"", NULL}};
    start(steps);
    cr_assert_eq(call("INCR a"), OXQ_OK, "%s", err.text);
    cr_assert_eq(fakeserver_connections(server), 2);
    stop();
}

Test(client_refused, shows_the_refusal_when_no_other_try_fits_into_the_time)
{
    static const struct fakeserver_step steps[] = {{"INCR", "-LOADING Redis is loading the dataset in memory\r\n"},
                                                   {"", NULL}};
    /* The next one would come days later. */
    start_with(steps, (struct client_opts){.backoff_ms = INT32_MAX, .backoff_max_ms = INT32_MAX});
    cr_assert_eq(call("INCR a"), OXQ_OK, "%s", err.text);
    cr_assert_eq(reply.value.kind, RESP_ERROR);
    stop();
}

/* ---------------------------------------------------------------- batches */

static void add(struct client_batch *b, const char *text)
{
    struct words w;
    client_batch_add(b, words(&w, text));
}

Test(client_batch, goes_out_in_order_and_comes_back_in_order)
{
    static const struct fakeserver_step steps[] = {
        {"SET a", "+OK\r\n"}, {"GET a", "$1\r\n1\r\n"}, {"NOPE", "-ERR no\r\n"}, {"LLEN", ":3\r\n"}, {"", NULL}};
    struct client_batch b = {0};
    start(steps);
    add(&b, "SET a 1");
    add(&b, "GET a");
    add(&b, "NOPE");
    add(&b, "LLEN l");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    expect_text(client_batch_reply(&b, 0), "OK");
    expect_text(client_batch_reply(&b, 1), "1");
    expect_text(client_batch_reply(&b, 2), "ERR no");
    cr_assert_eq(client_batch_reply(&b, 3)->integer, 3);
    client_batch_reset(&b);
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "nothing is done at once");
    client_batch_deinit(&b);
    stop();
}

Test(client_batch, sends_again_only_what_was_not_done)
{
    static const struct fakeserver_step steps[] = {
        {"INCR a", ":1\r\n"}, {"INCR b", "-LOADING soon\r\n"}, {"INCR c", ":3\r\n"}, {"INCR b", ":2\r\n"}, {"", NULL}};
    struct client_batch b = {0};
    start(steps);
    add(&b, "INCR a");
    add(&b, "INCR b");
    add(&b, "INCR c");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    for (int i = 0; i < 3; i++) cr_assert_eq(client_batch_reply(&b, (size_t)i)->integer, i + 1);
    expect_log("INCR a\nINCR b\nINCR c\nINCR b\n");
    client_batch_deinit(&b);
    stop();
}

Test(client_batch, keeps_the_replies_that_came_before_the_connection_broke)
{
    static const struct fakeserver_step steps[] = {{"INCR a", ":1\r\n"}, {"INCR b", FAKESERVER_CLOSE}, {"", NULL}};
    struct client_batch b = {0};
    start(steps);
    add(&b, "INCR a");
    add(&b, "INCR b");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_ERR_UNCERTAIN);
    /* The server closes with a request unread or not: either way no reply after the first can be there. */
    cr_assert_null(client_batch_reply(&b, 1));
    client_batch_deinit(&b);
    stop();
}

Test(client_batch, as_a_transaction_is_one_unit)
{
    static const struct fakeserver_step steps[] = {{"MULTI", "+OK\r\n"},
                                                   {"INCR a", "+QUEUED\r\n"},
                                                   {"NOPE", "+QUEUED\r\n"},
                                                   {"EXEC", "*2\r\n:1\r\n-ERR no\r\n"},
                                                   {"", NULL}};
    struct client_batch b = {.is_atomic = true};
    start(steps);
    add(&b, "INCR a");
    add(&b, "NOPE");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(client_batch_reply(&b, 0)->integer, 1);
    expect_text(client_batch_reply(&b, 1), "ERR no");
    client_batch_deinit(&b);
    stop();
}

Test(client_batch, a_transaction_that_is_refused_gives_the_reason_to_each_command)
{
    static const struct fakeserver_step steps[] = {
        {"MULTI", "+OK\r\n"},
        {"INCR a", "+QUEUED\r\n"},
        {"NOPE", "-ERR unknown command 'NOPE'\r\n"},
        {"EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
        {"", NULL}};
    struct client_batch b = {.is_atomic = true};
    start(steps);
    add(&b, "INCR a");
    add(&b, "NOPE");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    for (size_t i = 0; i < 2; i++) expect_text(client_batch_reply(&b, i), "ERR unknown command 'NOPE'");
    client_batch_deinit(&b);
    stop();
}

Test(client_batch, a_transaction_is_tried_again_as_a_whole)
{
    static const struct fakeserver_step steps[] = {
        {"MULTI", "+OK\r\n"},
        {"INCR a", "-LOADING soon\r\n"},
        {"EXEC", "-EXECABORT Transaction discarded because of: LOADING soon\r\n"},
        {"MULTI", "+OK\r\n"},
        {"INCR a", "+QUEUED\r\n"},
        {"EXEC", "*1\r\n:1\r\n"},
        {"", NULL}};
    struct client_batch b = {.is_atomic = true};
    start(steps);
    add(&b, "INCR a");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(client_batch_reply(&b, 0)->integer, 1);
    client_batch_deinit(&b);
    stop();
}

Test(client_batch, a_look_is_taken_one_by_one_where_no_transaction_has_room)
{
    static const char full[] = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    static const struct fakeserver_step steps[] = {
        {"MULTI", "+OK\r\n"},
        {"LLEN a", full},
        {"LLEN b", full},
        {"EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
        {"LLEN a", ":1\r\n"},
        {"LLEN b", ":2\r\n"},
        {"", NULL}};
    struct client_batch b = {.is_look = true};
    start(steps);
    add(&b, "LLEN a");
    add(&b, "LLEN b");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    for (size_t i = 0; i < 2; i++) cr_assert_eq(client_batch_reply(&b, i)->integer, (int64_t)i + 1);
    client_batch_deinit(&b);
    stop();
}

/* ---------------------------------------------------------------- scripts */

#define SHA "0123456789012345678901234567890123456789"
static const struct client_script script = {.text = SLICE_INIT("return 1"), .sha = SHA};

static void add_script(struct client_batch *b, const char *text)
{
    struct words w;
    words(&w, text)->script = &script;
    w.command.keys_count = 1;
    client_batch_add(b, &w.command);
}

Test(client_script, gets_its_text_once_per_connection)
{
    static const struct fakeserver_step steps[] = {{"SCRIPT LOAD return 1", "$1\r\nx\r\n"},
                                                   {"EVALSHA " SHA " 1 k a", ":1\r\n"},
                                                   {"EVALSHA " SHA " 1 k b", ":2\r\n"},
                                                   {"EVALSHA " SHA " 1 k b", FAKESERVER_CLOSE},
                                                   {"SCRIPT LOAD", "$1\r\nx\r\n"},
                                                   {"EVALSHA " SHA " 1 k b", ":3\r\n"},
                                                   {"", NULL}};
    struct client_batch b = {0};
    start(steps);
    add_script(&b, "k a");
    add_script(&b, "k b");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(client_batch_reply(&b, 0)->integer, 1);
    cr_assert_eq(client_batch_reply(&b, 1)->integer, 2);
    struct words w;
    words(&w, "k b")->script = &script;
    w.command.keys_count = 1;
    w.command.is_idempotent = true;
    cr_assert_eq(client_call(client, &w.command, 0, &reply, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(reply.value.integer, 3);
    client_batch_deinit(&b);
    stop();
}

Test(client_script, comes_back_after_the_server_forgot_it_and_keeps_its_order)
{
    static const struct fakeserver_step steps[] = {
        {"SCRIPT LOAD", "$1\r\nx\r\n"},
        {"EVALSHA " SHA " 1 k a", "-NOSCRIPT No matching script. Please use EVAL.\r\n"},
        {"EVALSHA " SHA " 1 k b", "-NOSCRIPT No matching script. Please use EVAL.\r\n"},
        {"SCRIPT LOAD", "$1\r\nx\r\n"},
        {"EVALSHA " SHA " 1 k a", ":1\r\n"},
        {"EVALSHA " SHA " 1 k b", ":2\r\n"},
        {"", NULL}};
    struct client_batch b = {0};
    start(steps);
    add_script(&b, "k a");
    add_script(&b, "k b");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(client_batch_reply(&b, 0)->integer, 1);
    cr_assert_eq(client_batch_reply(&b, 1)->integer, 2);
    client_batch_deinit(&b);
    stop();
}

Test(client_script, that_cannot_be_compiled_is_told)
{
    static const struct fakeserver_step steps[] = {
        {"SCRIPT LOAD", "-ERR Error compiling script (new function): user_script:1\r\n"},
        {"EVALSHA", "-NOSCRIPT No matching script. Please use EVAL.\r\n"},
        {"", NULL}};
    struct client_batch b = {0};
    start(steps);
    add_script(&b, "k a");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_ERR_SERVER);
    cr_assert_not_null(strstr(err.text, "Error compiling script"), "%s", err.text);
    client_batch_deinit(&b);
    stop();
}

static const struct client_script other_script = {.text = SLICE_INIT("return 2"),
                                                  .sha = "9876543210987654321098765432109876543210"};

/* Whenever somebody flushes the scripts, all of it is done or none. */
Test(client_script, inside_a_transaction_comes_with_its_text)
{
    static const struct fakeserver_step steps[] = {{"SCRIPT LOAD", "$1\r\nx\r\n"},
                                                   {"EVALSHA " SHA " 1 k a", ":1\r\n"},
                                                   {"MULTI", "+OK\r\n"},
                                                   {"EVAL return 1 1 k a", "+QUEUED\r\n"},
                                                   {"GET k", "+QUEUED\r\n"},
                                                   {"EVAL return 2 1 k b", "+QUEUED\r\n"},
                                                   {"EVALSHA " SHA " 1 k c", "+QUEUED\r\n"},
                                                   {"EXEC", "*4\r\n:4\r\n:5\r\n:6\r\n:7\r\n"},
                                                   {"", NULL}};
    struct client_batch b = {0};
    struct words w;
    start(steps);
    add_script(&b, "k a");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    client_batch_reset(&b);
    b.is_atomic = true;
    add_script(&b, "k a");
    add(&b, "GET k");
    words(&w, "k b")->script = &other_script;
    w.command.keys_count = 1;
    client_batch_add(&b, &w.command);
    add_script(&b, "k c");
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    for (size_t i = 0; i < 4; i++) cr_assert_eq(client_batch_reply(&b, i)->integer, (int64_t)i + 4);
    client_batch_deinit(&b);
    stop();
}

/* ---------------------------------------------------------------- many threads */

enum { CALLERS = 12, CALLS = 60, BIG_BYTES = 100000, BIG_COMMANDS = 150 };

struct caller {
    struct thread thread;
    int number, wrong;
};

static oxq_err echo(struct client_reply *to, struct slice text, int64_t timeout_ms)
{
    struct slice argv[] = {SLICE_LIT("ECHO"), text};
    return client_call(client, &(struct client_command){.argv = argv, .argc = 2}, timeout_ms, to, NULL);
}

/* Each call's reply must be its own; some calls have no patience, and leave replies behind that are nobody's. */
static void call_often(void *ctx)
{
    struct caller *c = ctx;
    struct client_reply to = {0};
    for (int i = 0; i < CALLS; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%d:%d", c->number, i);
        bool is_hasty = i % 7 == 6;
        oxq_err e = echo(&to, slice_of(text, (size_t)len), is_hasty ? 1 : 0);
        bool is_own = !e && slice_equal(to.value.text, slice_of(text, (size_t)len));
        if (!is_own && !(is_hasty && e == OXQ_ERR_UNCERTAIN)) c->wrong++;
    }
    client_reply_deinit(&to);
}

Test(client_threads, get_their_own_replies_over_one_connection)
{
    static const struct fakeserver_step steps[] = {{"ECHO", FAKESERVER_ECHO}, {"", NULL}};
    static struct caller callers[CALLERS];
    start(steps);
    for (int i = 0; i < CALLERS; i++) {
        callers[i].number = i;
        cr_assert_eq(thread_start(&callers[i].thread, "caller", call_often, &callers[i], NULL), OXQ_OK);
    }
    for (int i = 0; i < CALLERS; i++) {
        thread_join(&callers[i].thread);
        cr_assert_eq(callers[i].wrong, 0);
    }
    cr_assert_eq(fakeserver_connections(server), 1);
    stop();
}

static void call_until_cancelled(void *ctx)
{
    struct caller *c = ctx;
    struct client_reply to = {0};
    oxq_err e;
    while ((e = echo(&to, SLICE_LIT("x"), 0)) == OXQ_OK || e == OXQ_ERR_UNCERTAIN) {
    }
    c->wrong = e != OXQ_ERR_CANCELLED;
    client_reply_deinit(&to);
}

Test(client_threads, all_survive_connections_that_break_and_end_when_cancelled)
{
    static const struct fakeserver_step steps[] = {{"ECHO", FAKESERVER_ECHO}, {"", NULL}};
    static struct caller callers[CALLERS];
    start_with(steps, (struct client_opts){.patience = CLIENT_PATIENT});
    for (int i = 0; i < CALLERS; i++)
        cr_assert_eq(thread_start(&callers[i].thread, "caller", call_until_cancelled, &callers[i], NULL), OXQ_OK);
    for (int round = 1; round <= 5; round++) {
        fakeserver_await(server, 20 * round);
        fakeserver_leave(server);
        fakeserver_return(server);
    }
    fakeserver_await(server, 300);
    client_cancel(client);
    for (int i = 0; i < CALLERS; i++) {
        thread_join(&callers[i].thread);
        cr_assert_eq(callers[i].wrong, 0);
    }
    stop();
}

Test(client_threads, read_while_a_server_that_waits_for_that_takes_nothing)
{
    static const struct fakeserver_step steps[] = {{"ECHO", FAKESERVER_ECHO}, {"", NULL}};
    static char big[BIG_BYTES];
    struct client_batch b = {0};
    struct slice argv[] = {SLICE_LIT("ECHO"), slice_of(big, sizeof(big))};
    start(steps);
    for (int i = 0; i < BIG_COMMANDS; i++) client_batch_add(&b, &(struct client_command){.argv = argv, .argc = 2});
    cr_assert_eq(client_batch_run(client, &b, 0, &err), OXQ_OK, "%s", err.text);
    for (size_t i = 0; i < BIG_COMMANDS; i++) cr_assert_eq(client_batch_reply(&b, i)->text.len, BIG_BYTES);
    client_batch_deinit(&b);
    stop();
}

/* ---------------------------------------------------------------- lines */

Test(client_line, calls_and_connects_again_after_a_break)
{
    static const struct fakeserver_step steps[] = {{"BZPOPMIN m 5", "*-1\r\n"},
                                                   {"BZPOPMIN m 5", FAKESERVER_CLOSE},
                                                   {"BZPOPMIN m 5", "*1\r\n$1\r\nx\r\n"},
                                                   {"", NULL}};
    struct words w;
    struct resp_value v;
    start(steps);
    struct client_line *l = client_line_new(client, SLICE_LIT("m"));
    words(&w, "BZPOPMIN m 5");
    cr_assert_eq(client_line_call(l, &w.command, 6000, &v, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(v.kind, RESP_NULL);
    cr_assert_eq(client_line_call(l, &w.command, 6000, &v, &err), OXQ_ERR_UNCERTAIN);
    cr_assert_eq(client_line_call(l, &w.command, 6000, &v, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(v.count, 1);
    cr_assert_eq(client_line_connects(l), 2);
    client_line_free(l);
    stop();
}

static void cancel_line_later(void *ctx)
{
    fakeserver_await(server, 1);
    client_line_cancel(ctx);
}

Test(client_line, is_cancelled_while_it_waits)
{
    static const struct fakeserver_step steps[] = {{"BZPOPMIN", FAKESERVER_SILENCE}, {"PING", "+PONG\r\n"}, {"", NULL}};
    struct thread t = {0};
    struct words w;
    struct resp_value v;
    start(steps);
    struct client_line *l = client_line_new(client, SLICE_LIT(""));
    cr_assert_eq(thread_start(&t, "cancel", cancel_line_later, l, NULL), OXQ_OK);
    words(&w, "BZPOPMIN m 0");
    cr_assert_eq(client_line_call(l, &w.command, CLIENT_FOREVER, &v, &err), OXQ_ERR_CANCELLED);
    cr_assert_eq(client_line_call(l, &w.command, CLIENT_FOREVER, &v, &err), OXQ_ERR_CANCELLED);
    thread_join(&t);
    client_line_free(l);
    cr_assert_eq(call("PING"), OXQ_OK, "the client goes on: %s", err.text);
    stop();
}

Test(client_line, takes_messages_that_come_unasked)
{
    static const struct fakeserver_step steps[] = {
        {"SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"},
        {"", NULL}};
    struct words w;
    struct resp_value v;
    start(steps);
    struct client_line *l = client_line_new(client, SLICE_LIT(""));
    cr_assert_eq(client_line_queue(l, words(&w, "SUBSCRIBE c"), &err), OXQ_OK, "%s", err.text);
    cr_assert_gt(client_line_queued_bytes(l), 10);
    cr_assert_eq(client_line_next(l, 0, &v, &err), OXQ_OK, "%s", err.text);
    expect_text(&v.items[0], "subscribe");
    cr_assert_eq(client_line_next(l, 0, &v, &err), OXQ_OK);
    expect_text(&v.items[2], "hi");
    cr_assert_eq(client_line_next(l, 1, &v, &err), OXQ_ERR_TIMEOUT);
    cr_assert_eq(client_line_connects(l), 1);
    client_line_free(l);
    stop();
}
