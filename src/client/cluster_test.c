/* SPDX-License-Identifier: MIT */
/* Two servers that play a cluster, or a Sentinel and its master. */
#include "client/cluster.h"

#include "client/fakeserver.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Slots: a 15495, b 3300, c 7365. */
#define LOW_LAST 8191

static struct fakeserver *low, *high;
static struct client *client;
static struct client_batch batch;
static struct oxq_error err;
static char slots[256];

static const struct fakeserver_step nothing[] = {{"", NULL}};

static void start(void)
{
    low = fakeserver_start(nothing);
    high = fakeserver_start(nothing);
    snprintf(
        slots, sizeof(slots),
        "*2\r\n*3\r\n:0\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n*3\r\n:%d\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
        LOW_LAST, fakeserver_port(low), LOW_LAST + 1, fakeserver_port(high));
}

static void connect_to(const char *before, int port, const char *behind)
{
    char url[256];
    snprintf(url, sizeof(url), "%s127.0.0.1:%d%s", before, port, behind);
    struct client_opts opts = {.url = url, .backoff_ms = 1, .backoff_max_ms = 2, .seed = 1, .timeout_ms = 30000};
    cr_assert_eq(client_new(&opts, &client, &err), OXQ_OK, "%s", err.text);
}

static void connect_patiently(int port)
{
    char url[128];
    snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%d", port);
    struct client_opts opts = {
        .url = url, .backoff_ms = 1, .backoff_max_ms = 2, .timeout_ms = 30000, .patience = CLIENT_PATIENT};
    cr_assert_eq(client_new(&opts, &client, &err), OXQ_OK);
}

static void stop(void)
{
    client_batch_deinit(&batch);
    client_free(client);
    fakeserver_stop(low);
    fakeserver_stop(high);
}

static void add(const char *name, const char *key)
{
    struct slice argv[] = {slice_from_text(name), slice_from_text(key)};
    client_batch_add(&batch, &(struct client_command){.argv = argv, .argc = 2});
}

static void expect_numbers(size_t count)
{
    cr_assert_eq(client_batch_run(client, &batch, 0, &err), OXQ_OK, "%s", err.text);
    for (size_t i = 0; i < count; i++) {
        const struct resp_value *v = client_batch_reply(&batch, i);
        cr_assert_not_null(v);
        cr_assert_eq(v->integer, (int64_t)i + 1, "reply %zu: %.*s", i, (int)v->text.len, v->text.at);
    }
}

Test(client_cluster, splits_a_batch_by_node_and_puts_the_replies_in_order)
{
    start();
    const struct fakeserver_step on_low[] = {
        {"CLUSTER SLOTS", slots}, {"INCR b", ":2\r\n"}, {"INCR c", ":3\r\n"}, {"", NULL}};
    const struct fakeserver_step on_high[] = {{"INCR a", ":1\r\n"}, {"INCR {a}2", ":4\r\n"}, {"", NULL}};
    fakeserver_play(low, on_low);
    fakeserver_play(high, on_high);
    connect_to("redis+cluster://", fakeserver_port(low), "");
    add("INCR", "a");
    add("INCR", "b");
    add("INCR", "c");
    add("INCR", "{a}2");
    expect_numbers(4);
    stop();
}

Test(client_cluster, follows_slots_that_moved_and_remembers_them)
{
    char moved[64];
    start();
    snprintf(moved, sizeof(moved), "-MOVED 15495 127.0.0.1:%d\r\n", fakeserver_port(low));
    const struct fakeserver_step on_low[] = {
        {"CLUSTER SLOTS", slots}, {"INCR a", ":1\r\n"}, {"INCR a", ":1\r\n"}, {"", NULL}};
    const struct fakeserver_step on_high[] = {{"INCR a", moved}, {"", NULL}};
    fakeserver_play(low, on_low);
    fakeserver_play(high, on_high);
    connect_to("redis+cluster://", fakeserver_port(low), "");
    for (int i = 0; i < 2; i++) {
        client_batch_reset(&batch);
        add("INCR", "a");
        expect_numbers(1);
    }
    stop();
}

Test(client_cluster, asks_another_node_this_once)
{
    char ask[64];
    start();
    snprintf(ask, sizeof(ask), "-ASK 15495 127.0.0.1:%d\r\n", fakeserver_port(low));
    const struct fakeserver_step on_low[] = {
        {"CLUSTER SLOTS", slots}, {"ASKING", "+OK\r\n"}, {"INCR a", ":1\r\n"}, {"", NULL}};
    const struct fakeserver_step on_high[] = {
        {"INCR a", ask}, {"INCR {a}2", ":2\r\n"}, {"INCR a", ":1\r\n"}, {"", NULL}};
    fakeserver_play(low, on_low);
    fakeserver_play(high, on_high);
    connect_to("redis+cluster://", fakeserver_port(low), "");
    add("INCR", "a");
    add("INCR", "{a}2");
    expect_numbers(2);
    client_batch_reset(&batch);
    add("INCR", "a");
    expect_numbers(1);
    stop();
}

Test(client_cluster, asks_again_when_a_node_is_gone)
{
    static char later[256];
    start();
    snprintf(later, sizeof(later), "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:%d\r\n", fakeserver_port(low));
    const struct fakeserver_step on_low[] = {
        {"CLUSTER SLOTS", slots}, {"CLUSTER SLOTS", later}, {"INCR a", ":1\r\n"}, {"", NULL}};
    fakeserver_play(low, on_low);
    fakeserver_leave(high);
    connect_patiently(fakeserver_port(low));
    add("INCR", "a");
    expect_numbers(1);
    stop();
}

Test(client_cluster, says_what_is_no_cluster)
{
    start();
    const struct fakeserver_step on_low[] = {{"CLUSTER SLOTS", "-ERR This instance has cluster support disabled\r\n"},
                                             {"", NULL}};
    fakeserver_play(low, on_low);
    connect_to("redis+cluster://", fakeserver_port(low), "");
    add("INCR", "a");
    cr_assert_eq(client_batch_run(client, &batch, 0, &err), OXQ_ERR_CONFIG);
    cr_assert_not_null(strstr(err.text, "its URL is redis://"), "%s", err.text);
    stop();
}

Test(client_cluster, a_node_that_is_busy_is_asked_later)
{
    start();
    const struct fakeserver_step on_low[] = {{"CLUSTER SLOTS", "-BUSY Redis is busy running a script.\r\n"},
                                             {"CLUSTER SLOTS", "-LOADING Redis is loading the dataset in memory\r\n"},
                                             {"CLUSTER SLOTS", slots},
                                             {"INCR b", ":1\r\n"},
                                             {"", NULL}};
    fakeserver_play(low, on_low);
    connect_patiently(fakeserver_port(low));
    add("INCR", "b");
    expect_numbers(1);
    stop();
}

Test(client_cluster, says_who_may_not_ask_for_slots)
{
    start();
    const struct fakeserver_step on_low[] = {
        {"CLUSTER SLOTS", "-NOPERM this user has no permissions to run the 'cluster|slots' command\r\n"}, {"", NULL}};
    fakeserver_play(low, on_low);
    connect_to("redis+cluster://", fakeserver_port(low), "");
    add("INCR", "b");
    cr_assert_eq(client_batch_run(client, &batch, 0, &err), OXQ_ERR_PERMISSION, "%s", err.text);
    cr_assert_not_null(strstr(err.text, "NOPERM"), "%s", err.text);
    stop();
}

Test(client_cluster, a_line_goes_where_its_key_lives)
{
    char moved[64];
    struct resp_value v;
    start();
    snprintf(moved, sizeof(moved), "-MOVED 15495 127.0.0.1:%d\r\n", fakeserver_port(low));
    const struct fakeserver_step on_low[] = {{"CLUSTER SLOTS", slots}, {"BZPOPMIN a 1", "*-1\r\n"}, {"", NULL}};
    const struct fakeserver_step on_high[] = {{"BZPOPMIN a 1", moved}, {"", NULL}};
    fakeserver_play(low, on_low);
    fakeserver_play(high, on_high);
    connect_to("redis+cluster://", fakeserver_port(low), "");
    struct slice argv[] = {SLICE_LIT("BZPOPMIN"), SLICE_LIT("a"), SLICE_LIT("1")};
    struct client_line *line = client_line_new(client, SLICE_LIT("a"));
    cr_assert_eq(client_line_call(line, &(struct client_command){.argv = argv, .argc = 3}, 5000, &v, &err), OXQ_OK,
                 "%s", err.text);
    cr_assert_eq(v.kind, RESP_NULL);
    client_line_free(line);
    stop();
}

Test(client_cluster, reads_ranges_and_refuses_what_is_none)
{
    struct client_address asked = {.host = "10.0.0.1", .port = 1}, out;
    int first, last;
    struct resp_value node[] = {{.kind = RESP_BULK, .text = SLICE_LIT("?")}, {.kind = RESP_INTEGER, .integer = 7000}};
    struct resp_value entry[] = {{.kind = RESP_INTEGER, .integer = 5},
                                 {.kind = RESP_INTEGER, .integer = 9},
                                 {.kind = RESP_ARRAY, .items = node, .count = 2}};
    struct resp_value v = {.kind = RESP_ARRAY, .items = entry, .count = 3};
    cr_assert(client_cluster_read_entry(&v, &asked, &first, &last, &out));
    cr_assert_str_eq(out.host, "10.0.0.1");
    cr_assert_eq(out.port, 7000);
    cr_assert_eq(first, 5);
    cr_assert_eq(last, 9);
    entry[1].integer = 16384;
    cr_assert_not(client_cluster_read_entry(&v, &asked, &first, &last, &out));
    entry[1].integer = 4;
    cr_assert_not(client_cluster_read_entry(&v, &asked, &first, &last, &out));
    entry[1].integer = 9;
    node[1].integer = 0;
    cr_assert_not(client_cluster_read_entry(&v, &asked, &first, &last, &out));
    v.count = 2;
    cr_assert_not(client_cluster_read_entry(&v, &asked, &first, &last, &out));
}

/* ---------------------------------------------------------------- Sentinel */

/* `low` is the Sentinel, `high` the master. */
static void name_master(char out[128])
{
    char port[8];
    snprintf(port, sizeof(port), "%d", fakeserver_port(high));
    snprintf(out, 128, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
}

#define ROLE_MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define ROLE_SLAVE "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"

Test(client_sentinel, connects_to_the_master_that_it_names_once_that_is_one)
{
    char master[128];
    start();
    name_master(master);
    const struct fakeserver_step on_low[] = {{"AUTH watcher pw", "+OK\r\n"},
                                             {"SENTINEL GET-MASTER-ADDR-BY-NAME m", master},
                                             {"SENTINEL", master},
                                             {"", NULL}};
    const struct fakeserver_step on_high[] = {
        {"ROLE", ROLE_SLAVE}, {"ROLE", ROLE_MASTER}, {"INCR a", ":1\r\n"}, {"", NULL}};
    fakeserver_play(low, on_low);
    fakeserver_play(high, on_high);
    connect_to("redis+sentinel://", fakeserver_port(low), "/m?sentinel_user=watcher&sentinel_password=pw");
    add("INCR", "a");
    expect_numbers(1);
    stop();
}

Test(client_sentinel, asks_the_next_one_when_the_first_is_gone)
{
    char master[128], url[128];
    start();
    name_master(master);
    struct fakeserver *gone = fakeserver_start(nothing);
    fakeserver_leave(gone);
    const struct fakeserver_step on_low[] = {{"SENTINEL", master}, {"", NULL}};
    const struct fakeserver_step on_high[] = {{"ROLE", ROLE_MASTER}, {"INCR a", ":1\r\n"}, {"", NULL}};
    fakeserver_play(low, on_low);
    fakeserver_play(high, on_high);
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d,", fakeserver_port(gone));
    connect_to(url, fakeserver_port(low), "/m");
    add("INCR", "a");
    expect_numbers(1);
    fakeserver_stop(gone);
    stop();
}

Test(client_sentinel, says_that_it_knows_no_such_master)
{
    start();
    const struct fakeserver_step on_low[] = {
        {"SENTINEL", "*-1\r\n"}, {"SENTINEL", "*-1\r\n"}, {"SENTINEL", "*-1\r\n"}, {"", NULL}};
    fakeserver_play(low, on_low);
    connect_to("redis+sentinel://", fakeserver_port(low), "/m");
    add("INCR", "a");
    cr_assert_eq(client_batch_run(client, &batch, 0, &err), OXQ_ERR_UNREACHABLE);
    cr_assert_not_null(strstr(err.text, "knows no master called 'm'"), "%s", err.text);
    stop();
}
