/* SPDX-License-Identifier: MIT */
/* The engine with a store in a folder of its own: what survives, what waits for the disk, what is refused. */
#include "engine/persist.h"

#include "base/mem.h"
#include "engine/testkit.h"
#include "keyspace/digest.h"
#include "os/clock.h"
#include "os/disk.h"
#include "os/testfolder.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define CLIENTS 3

struct world {
    struct engine_host host; /* first */
    struct config config;
    struct engine *engine;
    struct engine_client clients[CLIENTS];
    bool is_loaded, has_load_error;
    bool commits_in_poll; /* a turn within a late script, as the server's */
    bool fails_in_poll;   /* the syncs that are held fail while a late script runs */
    int polls_count, loads_told_count;
    struct oxq_error load_error;
};

/* Waits for news of the store's threads; false: none in 100 s. */
static bool wait_for_store(struct engine *e)
{
    struct pollfd p = {.fd = engine_wake_fd(e), .events = POLLIN};
    int found;
    do found = poll(&p, 1, 100000);
    while (found < 0 && errno == EINTR);
    engine_woken(e);
    return found == 1;
}

static void see_failure(struct world *w)
{
    w->fails_in_poll = false;
    disk_hold(DISK_CALL_SYNC, false);
    while (!engine_has_failed(w->engine)) {
        cr_assert(wait_for_store(w->engine), "the store's threads are silent");
        engine_commit(w->engine);
    }
}

static void on_poll(struct engine_host *host)
{
    struct world *w = (struct world *)host;
    w->polls_count++;
    if (w->fails_in_poll) see_failure(w);
    if (w->commits_in_poll) engine_commit(w->engine);
}

static void on_loaded(struct engine_host *host, const struct oxq_error *err)
{
    struct world *w = (struct world *)host;
    w->loads_told_count++;
    w->is_loaded = !err;
    w->has_load_error = err;
    if (err) w->load_error = *err;
}

static char folder[TESTFOLDER_PATH_MAX];

static void make_folder(void)
{
    testfolder_make(folder);
}

static void remove_folder(void)
{
    testfolder_remove(folder);
}

TestSuite(persist, .init = make_folder, .fini = remove_folder);

static void set(struct world *w, const char *name, const char *value)
{
    cr_assert_eq(config_set(&w->config, slice_from_text(name), slice_from_text(value), CONFIG_FLAG, NULL), OXQ_OK);
}

/* Of every world that a test opens from here on. */
static const char *checkpoint_size = "256mb";

static void begin(struct world *w, const char *durability, struct clock *clock)
{
    *w = (struct world){.host = testkit_host()};
    w->host.poll = on_poll;
    w->host.loaded = on_loaded;
    config_init(&w->config);
    set(w, "dir", folder);
    set(w, "durability", durability);
    set(w, "journal-segment-size", "64kb");
    set(w, "checkpoint-journal-size", checkpoint_size);
    struct engine_opts opts = {.clock = clock, .seed = 1, .config = &w->config, .host = &w->host, .run_id = "0"};
    cr_assert_eq(engine_new(&opts, &w->engine, NULL), OXQ_OK);
    testkit_open_clients(w->engine, w->clients, CLIENTS);
}

static void load(struct world *w)
{
    struct oxq_error err;
    cr_assert_eq(engine_open_data(w->engine, &err), OXQ_OK, "%s", err.text);
    while (!w->is_loaded && !w->has_load_error) engine_run_timers(w->engine);
    /* Only the test of it has groups that stay for others. */
    if (w->is_loaded && w->engine->persist) w->engine->persist->company.skips = UINT32_MAX;
}

static void open_at(struct world *w, const char *durability, struct clock *clock)
{
    begin(w, durability, clock);
    load(w);
    cr_assert(w->is_loaded, "%s", w->load_error.text);
}

static void world_open(struct world *w, const char *durability)
{
    open_at(w, durability, os_clock());
}

static void world_close(struct world *w)
{
    engine_stop(w->engine);
    testkit_close_clients(w->clients, CLIENTS);
    engine_free(w->engine);
    config_deinit(&w->config);
}

static void send(struct world *w, int client, const char *line)
{
    testkit_send(&w->clients[client], line);
}

/* Turns until nothing waits for the disk. */
static void settle(struct world *w)
{
    struct engine *e = w->engine;
    engine_commit(e);
    while (!link_is_empty(&e->held)) {
        cr_assert(wait_for_store(e), "the store's threads are silent");
        engine_commit(e);
    }
}

/* Turns until no checkpoint runs. */
static void finish_save(struct world *w)
{
    struct engine *e = w->engine;
    while (e->persist->save.state != SAVE_IDLE) {
        engine_run_timers(e);
        engine_commit(e);
        if (e->persist->save.state != SAVE_WRITING) continue;
        cr_assert(wait_for_store(e), "the checkpoint's thread is silent");
    }
}

/* What was released to a client since it was asked last. */
static const char *got(struct world *w, int client)
{
    struct engine_client *c = &w->clients[client];
    const char *text = testkit_take(c, c->released_bytes);
    c->released_bytes = 0;
    return text;
}

/* Nobody reads what a client got so far. */
static void drop(struct world *w, int client)
{
    settle(w);
    buf_consume(&w->clients[client].out, w->clients[client].released_bytes);
    w->clients[client].released_bytes = 0;
}

static void expect(struct world *w, int client, const char *line, const char *reply)
{
    send(w, client, line);
    settle(w);
    cr_assert_str_eq(got(w, client), reply, "%s", line);
}

static uint64_t digest(struct world *w)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) sum = sum * 31 + digest_db(&w->engine->keyspace.dbs[i]);
    return sum;
}

static void reopen(struct world *w, const char *durability)
{
    uint64_t before = digest(w);
    world_close(w);
    world_open(w, durability);
    cr_assert_eq(digest(w), before);
}

/* ---- the gate ---- */

/* Nothing is synced until release_syncs. */
static void hold_syncs(struct world *w)
{
    (void)w;
    disk_hold(DISK_CALL_SYNC, true);
}

static void release_syncs(struct world *w)
{
    disk_hold(DISK_CALL_SYNC, false);
    settle(w);
}

Test(persist, a_reply_to_a_write_waits_for_the_disk)
{
    struct world w;
    world_open(&w, "always");
    hold_syncs(&w);
    send(&w, 0, "SET k v");
    bool awaits_before = engine_awaits_disk(w.engine);
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 0), "");
    bool awaits = engine_awaits_disk(w.engine);
    release_syncs(&w);
    cr_assert_str_eq(got(&w, 0), "+OK\r\n");
    cr_assert_not(awaits_before);
    cr_assert(awaits);
    cr_assert_not(engine_awaits_disk(w.engine));
    world_close(&w);
}

Test(persist, a_read_of_what_is_not_durable_waits_and_replies_keep_their_order)
{
    struct world w;
    world_open(&w, "always");
    hold_syncs(&w);
    send(&w, 0, "SET k v");
    send(&w, 1, "GET k");
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 1), "");
    send(&w, 0, "SET k w");
    send(&w, 0, "PING");
    send(&w, 1, "GET k");
    engine_commit(w.engine);
    release_syncs(&w);
    cr_assert_str_eq(got(&w, 0), "+OK\r\n+OK\r\n+PONG\r\n");
    cr_assert_str_eq(got(&w, 1), "$1\r\nv\r\n$1\r\nw\r\n");
    world_close(&w);
}

Test(persist, without_durability_nothing_waits)
{
    struct world w;
    world_open(&w, "off");
    send(&w, 0, "SET k v");
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 0), "+OK\r\n");
    reopen(&w, "off");
    world_close(&w);
}

Test(persist, no_reply_shows_what_is_not_synced)
{
    static const char *const writes[] = {"SET k new",          "SET  new",   "HSET h f new",
                                         "RENAME old renamed", "COPY old k", "SWAPDB 0 1"};
    static const char *const reads[][4] = {{"GET k", "MGET a k", "DBSIZE", "EVAL return{redis.call('get','k')} 0"},
                                           {"GET ", "EXISTS ", "KEYS *", "RANDOMKEY"},
                                           {"HGET h f", "HLEN h", "TYPE h", "SCAN 0"},
                                           {"GET renamed", "EXISTS old", "TTL old", "STRLEN renamed"},
                                           {"GET k", "OBJECT ENCODING k", "GETRANGE k 0 -1", "TOUCH k"},
                                           {"GET old", "EXISTS old", "DBSIZE", "TYPE old"}};
    struct world w;
    world_open(&w, "always");
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        send(&w, 0, "FLUSHALL");
        send(&w, 0, "SET old text");
        drop(&w, 0);
        hold_syncs(&w);
        send(&w, 0, writes[i]);
        engine_commit(w.engine);
        disk_wait_for_held();
        for (int turn = 0; turn < 2; turn++) {
            for (int k = 0; k < 4; k++) {
                send(&w, 1, reads[i][k]);
                engine_commit(w.engine);
                cr_assert_str_eq(got(&w, 1), "", "%s before %s is durable", reads[i][k], writes[i]);
            }
            /* Another key's reader does not wait. */
            send(&w, 2, "GET elsewhere");
            engine_commit(w.engine);
            if (i < 5) cr_assert_str_eq(got(&w, 2), "$-1\r\n");
            /* The second turn's write is gathered behind the first. */
            send(&w, 0, "SET another key");
        }
        cr_assert_str_eq(got(&w, 0), "");
        release_syncs(&w);
        cr_assert_str_neq(got(&w, 0), "");
        cr_assert_str_neq(got(&w, 1), "");
        drop(&w, 2);
    }
    world_close(&w);
}

/* One client's group is on disk, and it is not told yet. */
static void let_one_write(struct world *w)
{
    send(w, 0, "SET k v");
    engine_commit(w->engine);
    cr_assert(wait_for_store(w->engine), "the store's threads are silent");
}

Test(persist, a_small_group_stays_for_who_was_just_answered)
{
    struct world w;
    struct clock_manual clock;
    clock_manual_init(&clock, 1000000);
    open_at(&w, "always", &clock.clock);
    struct engine *e = w.engine;
    e->persist->company.skips = 0;
    let_one_write(&w);
    send(&w, 1, "SET l v");
    engine_commit(e);
    cr_assert_str_eq(got(&w, 0), "+OK\r\n");
    cr_assert_eq(engine_next_timer_us(e), clock.us + COMPANY_US, "the loop has to come back");
    cr_assert_eq(engine_take_commit_us(e), clock.us + COMPANY_US);
    cr_assert_eq(engine_take_commit_us(e), INT64_MAX, "one is enough");
    cr_assert_gt(engine_next_timer_us(e), clock.us + COMPANY_US);
    send(&w, 0, "SET k w");
    engine_commit(e);
    cr_assert_not(e->persist->company.is_awaited);
    settle(&w);
    cr_assert_str_eq(got(&w, 0), "+OK\r\n");
    cr_assert_str_eq(got(&w, 1), "+OK\r\n");
    clock.us += COMPANY_US;
    let_one_write(&w);
    send(&w, 1, "SET l w");
    engine_commit(e);
    cr_assert(e->persist->company.is_awaited);
    clock.us += COMPANY_US;
    settle(&w);
    cr_assert_str_eq(got(&w, 1), "+OK\r\n", "alone");
    world_close(&w);
}

Test(persist, whoever_asks_why_all_wait_does_not)
{
    struct world w;
    world_open(&w, "always");
    hold_syncs(&w);
    send(&w, 0, "SET k v");
    send(&w, 1, "INFO persistence");
    send(&w, 2, "DBSIZE");
    engine_commit(w.engine);
    disk_wait_for_held();
    cr_assert(strstr(got(&w, 1), "journal_durable_seq:0"));
    cr_assert_str_eq(got(&w, 2), "", "it tells of keys");
    release_syncs(&w);
    cr_assert_str_eq(got(&w, 2), ":1\r\n");
    world_close(&w);
}

Test(persist, less_durability_lets_held_replies_go)
{
    struct world w;
    world_open(&w, "always");
    hold_syncs(&w);
    send(&w, 0, "SET k v");
    engine_commit(w.engine);
    disk_wait_for_held();
    cr_assert_str_eq(got(&w, 0), "");
    send(&w, 1, "CONFIG SET durability off");
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 0), "+OK\r\n");
    release_syncs(&w);
    world_close(&w);
}

Test(persist, more_durability_waits_for_what_was_only_written)
{
    struct world w;
    world_open(&w, "interval:60000");
    expect(&w, 0, "SET a 1", "+OK\r\n");
    expect(&w, 0, "SET b 1", "+OK\r\n");
    expect(&w, 0, "SET c 1", "+OK\r\n");
    hold_syncs(&w);
    send(&w, 1, "CONFIG SET durability always");
    engine_commit(w.engine);
    disk_wait_for_held();
    cr_assert_str_eq(got(&w, 1), "");
    send(&w, 0, "GET a");
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 0), "", "it is on no disk yet");
    for (int i = 0; i < 5; i++) {
        send(&w, 2, "INCR n");
        send(&w, 2, "GET b");
        engine_commit(w.engine);
    }
    cr_assert_str_eq(got(&w, 2), "");
    release_syncs(&w);
    cr_assert_str_eq(got(&w, 0), "$1\r\n1\r\n");
    cr_assert_str_eq(got(&w, 1), "+OK\r\n");
    cr_assert_str_eq(got(&w, 2),
                     ":1\r\n$1\r\n1\r\n:2\r\n$1\r\n1\r\n:3\r\n$1\r\n1\r\n:4\r\n$1\r\n1\r\n:5\r\n$1\r\n1\r\n");
    world_close(&w);
}

/* It calls a command now and then, since the thread sanitizer gives no signal to code that calls nothing. */
#define LATE_SCRIPT(result)                                                                                            \
    "EVAL local\tn=0\tfor\ti=1,3000\tdo\tredis.call('time')\tfor\tk=1,1e4\tdo\tn=n+k%7\tend\tend\treturn\t" result " 0"

Test(persist, a_late_script_in_a_transaction_shows_nothing_before_its_end)
{
    struct world w;
    world_open(&w, "always");
    set(&w, "busy-reply-threshold", "1");
    engine_configure(w.engine);
    w.commits_in_poll = true;
    hold_syncs(&w);
    send(&w, 0, "PING");
    send(&w, 0, "MULTI");
    send(&w, 0, "INCR n");
    send(&w, 0, LATE_SCRIPT("redis.call('incr','n')"));
    send(&w, 0, "EXEC");
    cr_assert_gt(w.polls_count, 0);
    engine_commit(w.engine);
    disk_wait_for_held();
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 0), "");
    release_syncs(&w);
    cr_assert_str_eq(got(&w, 0), "+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n");
    world_close(&w);
}

/* ---- restarts ---- */

static void fill(struct world *w)
{
    expect(w, 0, "SET s text", "+OK\r\n");
    expect(w, 0, "HSET h a 1 b 2", ":2\r\n");
    expect(w, 0, "RPUSH l a b c", ":3\r\n");
    expect(w, 0, "LPOP l", "$1\r\na\r\n");
    expect(w, 0, "SADD set 1 2 x", ":3\r\n");
    expect(w, 0, "ZADD z 1.5 a -2 b", ":2\r\n");
    expect(w, 0, "XADD x 1-1 f v", "$3\r\n1-1\r\n");
    expect(w, 0, "XGROUP CREATE x g 0", "+OK\r\n");
    expect(w, 0, "SET t v PXAT 99999999999999", "+OK\r\n");
    expect(w, 1, "SELECT 3", "+OK\r\n");
    expect(w, 1, "SET other db", "+OK\r\n");
}

Test(persist, a_restart_brings_everything_back)
{
    struct world w;
    world_open(&w, "always");
    fill(&w);
    reopen(&w, "always");
    expect(&w, 0, "HGET h b", "$1\r\n2\r\n");
    expect(&w, 0, "PEXPIRETIME t", ":99999999999999\r\n");
    world_close(&w);
}

Test(persist, the_journal_alone_brings_everything_back)
{
    struct world w;
    world_open(&w, "always");
    fill(&w);
    w.engine->is_last_save_skipped = true;
    uint64_t before = digest(&w);
    world_close(&w);
    world_open(&w, "always");
    cr_assert_eq(digest(&w), before);
    world_close(&w);
}

Test(persist, changes_after_the_cut_come_from_the_journal)
{
    struct world w;
    world_open(&w, "always");
    fill(&w);
    cr_assert(persist_start_save(w.engine));
    expect(&w, 0, "HSET h a changed", ":0\r\n");
    expect(&w, 0, "DEL s", ":1\r\n");
    expect(&w, 0, "RENAME l renamed", "+OK\r\n");
    expect(&w, 0, "RPUSH new 1", ":1\r\n");
    finish_save(&w);
    cr_assert_gt(w.engine->persist->save.seq, 0);
    expect(&w, 0, "SWAPDB 0 3", "+OK\r\n");
    w.engine->is_last_save_skipped = true;
    reopen(&w, "always");
    expect(&w, 0, "GET other", "$2\r\ndb\r\n");
    expect(&w, 0, "SELECT 3", "+OK\r\n");
    expect(&w, 0, "LRANGE renamed 0 -1", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
    world_close(&w);
}

/* As after SIGKILL: no last checkpoint. */
static void restart(struct world *w)
{
    w->engine->is_last_save_skipped = true;
    reopen(w, "always");
    engine_run_timers(w->engine);
}

static uint64_t checkpoint_seq(struct world *w)
{
    struct checkpoint_summary summary;
    finish_save(w);
    checkpoint_summary(w->engine->persist->checkpoint, &summary);
    return summary.seq;
}

Test(persist, what_took_long_to_replay_is_in_a_checkpoint_then)
{
    struct world w;
    char line[600] = "RPUSH l ";
    memset(line + 8, 'x', 500);
    world_open(&w, "always");
    for (int i = 0; i < 10; i++) send(&w, 0, "INCR n");
    drop(&w, 0);
    restart(&w);
    cr_assert_eq(checkpoint_seq(&w), 0, "little was replayed");
    checkpoint_size = "64kb"; /* 8 kB in one replay are much */
    for (int i = 0; i < 20; i++) send(&w, 0, line);
    drop(&w, 0);
    restart(&w);
    cr_assert_eq(checkpoint_seq(&w), 30);
    send(&w, 0, line);
    drop(&w, 0);
    restart(&w);
    cr_assert_eq(checkpoint_seq(&w), 30, "the others were not replayed again");
    world_close(&w);
}

Test(persist, many_starts_bring_a_checkpoint_however_little_each_wrote)
{
    struct world w;
    world_open(&w, "always");
    for (int i = 0; i < 8; i++) {
        send(&w, 0, "INCR n");
        drop(&w, 0);
        restart(&w);
        cr_assert_eq(checkpoint_seq(&w), 0);
    }
    send(&w, 0, "INCR n");
    drop(&w, 0);
    restart(&w);
    cr_assert_eq(checkpoint_seq(&w), 9);
    expect(&w, 0, "GET n", "$1\r\n9\r\n");
    world_close(&w);
}

/* A process that was killed leaves bytes that only the system's memory has; the next segment must not begin behind them. */
Test(persist, a_start_builds_on_nothing_that_a_power_cut_could_take)
{
    struct world w;
    world_open(&w, "off");
    fill(&w);
    w.engine->is_last_save_skipped = true;
    world_close(&w);
    disk_fail(DISK_CALL_SYNC, 1, EIO, true);
    begin(&w, "off", os_clock());
    load(&w);
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    cr_assert(w.has_load_error);
    cr_assert(strstr(w.load_error.text, "cannot sync"), "%s", w.load_error.text);
    world_close(&w);
    world_open(&w, "off");
    expect(&w, 0, "GET s", "$4\r\ntext\r\n");
    world_close(&w);
}

Test(persist, large_values_survive_with_what_is_done_to_them)
{
    struct world w;
    world_open(&w, "off");
    char line[64];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3000; i++) {
            snprintf(line, sizeof(line), "RPUSH l %d", i + round * 10000);
            send(&w, 0, line);
            snprintf(line, sizeof(line), "ZADD z %d m%d", i, i + round * 1000);
            send(&w, 0, line);
            snprintf(line, sizeof(line), "HSET h f%d %d", i, round);
            send(&w, 0, line);
            snprintf(line, sizeof(line), "XADD x * i %d", i);
            send(&w, 0, line);
        }
        send(&w, 0, "LREM l 1 1500");
        send(&w, 0, "LPOP l");
        send(&w, 0, "ZPOPMIN z 20");
        send(&w, 0, "XTRIM x MAXLEN 2500");
        cr_assert(persist_start_save(w.engine));
        send(&w, 0, "LPUSH l after");
        send(&w, 0, "HDEL h f7");
        finish_save(&w);
        reopen(&w, "off");
    }
    world_close(&w);
}

/* "HSET h f0 0 f1 1 ..." as one request. */
static void set_fields(struct world *w, const char *key, int count)
{
    char(*texts)[16] = mem_alloc((size_t)count * sizeof(*texts));
    struct slice *argv = mem_alloc(2 * ((size_t)count + 1) * sizeof(*argv));
    argv[0] = SLICE_LIT("HSET");
    argv[1] = slice_from_text(key);
    for (int i = 0; i < count; i++) {
        size_t len = (size_t)snprintf(texts[i], sizeof(texts[i]), "f%d", i);
        argv[2 * i + 2] = slice_of(texts[i], len);
        argv[2 * i + 3] = slice_of(texts[i] + 1, len - 1);
    }
    engine_execute(&w->clients[0], argv, 2 * count + 2);
    mem_free(texts);
    mem_free(argv);
}

Test(persist, a_value_of_two_million_elements_is_changed_while_it_is_saved, .timeout = 300)
{
    struct world w;
    world_open(&w, "off");
    set(&w, "journal-segment-size", "16mb");
    set_fields(&w, "h", 2000000);
    set_fields(&w, "gone", 20000);
    send(&w, 0, "COPY gone copy");
    cr_assert(persist_start_save(w.engine));
    send(&w, 0, "HSET h f1 changed");
    send(&w, 0, "RENAME copy renamed");
    send(&w, 0, "DEL gone");
    finish_save(&w);
    cr_assert_not(w.engine->persist->save.has_failed);
    send(&w, 0, "HDEL renamed f2");
    cr_assert(persist_start_save(w.engine));
    send(&w, 0, "HDEL h f3");
    finish_save(&w);
    w.engine->is_last_save_skipped = true;
    drop(&w, 0);
    reopen(&w, "off");
    expect(&w, 0, "HMGET h f1 f2 f3 f1999999", "*4\r\n$7\r\nchanged\r\n$1\r\n2\r\n$-1\r\n$7\r\n1999999\r\n");
    expect(&w, 0, "HLEN renamed", ":19999\r\n");
    world_close(&w);
}

Test(persist, a_checkpoint_never_cuts_a_transaction)
{
    struct world w;
    world_open(&w, "always");
    expect(&w, 0, "RPUSH l a", ":1\r\n");
    send(&w, 0, "MULTI");
    send(&w, 0, "RPUSH l b");
    send(&w, 0, "BGSAVE");
    send(&w, 0, "RPUSH l c");
    expect(&w, 0, "EXEC", "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:2\r\n+Background saving started\r\n:3\r\n");
    engine_run_timers(w.engine);
    finish_save(&w);
    cr_assert_eq(w.engine->persist->save.seq, 2);
    w.engine->is_last_save_skipped = true;
    reopen(&w, "always");
    expect(&w, 0, "LRANGE l 0 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    world_close(&w);
}

Test(persist, save_answers_when_it_is_on_disk)
{
    struct world w;
    world_open(&w, "always");
    fill(&w);
    send(&w, 0, "SAVE");
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 0), "");
    expect(&w, 1, "PING", "+PONG\r\n");
    finish_save(&w);
    settle(&w);
    cr_assert_str_eq(got(&w, 0), "+OK\r\n");
    world_close(&w);
}

Test(persist, a_save_that_waits_for_the_next_checkpoint_is_told_that_there_is_none_when_the_journal_fails)
{
    struct world w;
    world_open(&w, "always");
    fill(&w);
    send(&w, 0, "SAVE");
    send(&w, 1, "SAVE");
    disk_fail(DISK_CALL_SYNC, 1, EIO, true);
    send(&w, 2, "SET a b");
    engine_commit(w.engine);
    see_failure(&w);
    finish_save(&w);
    engine_run_timers(w.engine);
    settle(&w);
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    cr_assert_str_eq(got(&w, 0), "-ERR the checkpoint failed: the log says why, the journal has everything\r\n");
    cr_assert_str_eq(got(&w, 1), "-ERR the checkpoint failed: the log says why, the journal has everything\r\n");
    cr_assert_eq(w.engine->blocked_count, 0);
    world_close(&w);
}

Test(persist, clients_are_told_that_it_is_loading)
{
    struct world w;
    world_open(&w, "always");
    fill(&w);
    world_close(&w);
    begin(&w, "always", os_clock());
    cr_assert_eq(engine_open_data(w.engine, NULL), OXQ_OK);
    send(&w, 0, "GET s");
    engine_commit(w.engine);
    cr_assert_str_eq(got(&w, 0), "-LOADING Redis is loading the dataset in memory\r\n");
    send(&w, 0, "INFO persistence");
    engine_commit(w.engine);
    cr_assert(strstr(got(&w, 0), "loading:1\r\n"));
    while (!w.is_loaded) engine_run_timers(w.engine);
    expect(&w, 0, "GET s", "$4\r\ntext\r\n");
    world_close(&w);
}

Test(persist, damage_is_told_once_though_turns_go_on)
{
    struct world w;
    world_open(&w, "always");
    fill(&w);
    w.engine->is_last_save_skipped = true;
    world_close(&w);
    char path[TESTFOLDER_PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/journal/00000000000000000001.log", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert(fd >= 0);
    /* In the first of the records, which the others say was durable. */
    cr_assert_eq(pwrite(fd, "xxxx", 4, 4096 + 20), 4);
    close(fd);
    begin(&w, "always", os_clock());
    load(&w);
    cr_assert(w.has_load_error);
    for (int i = 0; i < 3; i++) engine_run_timers(w.engine);
    cr_assert_eq(w.loads_told_count, 1);
    world_close(&w);
}

Test(persist, a_folder_has_one_owner)
{
    struct world w, second;
    struct oxq_error err;
    world_open(&w, "always");
    begin(&second, "always", os_clock());
    cr_assert_eq(engine_open_data(second.engine, &err), OXQ_ERR_EXISTS);
    char pid[32];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    cr_assert(strstr(err.text, pid), "%s", err.text);
    testkit_close_clients(second.clients, CLIENTS);
    engine_free(second.engine);
    config_deinit(&second.config);
    world_close(&w);
}

/* ---- faults ---- */

Test(persist, a_failed_sync_makes_held_replies_errors_and_refuses_writes)
{
    struct world w;
    world_open(&w, "always");
    expect(&w, 0, "SET k old", "+OK\r\n");
    disk_fail(DISK_CALL_SYNC, 1, EIO, true);
    send(&w, 0, "SET k new");
    send(&w, 0, "INCR n");
    send(&w, 1, "SET other v");
    settle(&w);
    const char *replies = got(&w, 0);
    cr_assert_eq(strncmp(replies, "-MISCONF the journal failed", 27), 0, "%s", replies);
    cr_assert(strstr(replies + 1, "\r\n-MISCONF"), "%s", replies);
    cr_assert_eq(strncmp(got(&w, 1), "-MISCONF", 8), 0);
    send(&w, 0, "SET k again");
    settle(&w);
    cr_assert_eq(strncmp(got(&w, 0), "-MISCONF", 8), 0);
    send(&w, 0, "EVAL return{redis.pcall('set','k','v').err,redis.call('get','k')} 0");
    settle(&w);
    cr_assert(strstr(got(&w, 0), "MISCONF"));
    expect(&w, 0, "PING", "+PONG\r\n");
    cr_assert(engine_has_failed(w.engine));
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    world_close(&w);
    world_open(&w, "always");
    send(&w, 0, "GET k");
    settle(&w);
    cr_assert_not_null(strstr("$3\r\nold\r\n$3\r\nnew\r\n", got(&w, 0)));
    expect(&w, 0, "SET k v", "+OK\r\n");
    world_close(&w);
}

Test(persist, a_failure_during_a_late_script_is_the_answer_to_it)
{
    struct world w;
    world_open(&w, "always");
    set(&w, "busy-reply-threshold", "1");
    engine_configure(w.engine);
    w.commits_in_poll = true;
    w.fails_in_poll = true;
    send(&w, 1, "SET k v");
    /* Not before the script is late: the thread may be quicker than this one, and EXEC would be refused. */
    hold_syncs(&w);
    disk_fail(DISK_CALL_SYNC, 1, EIO, true);
    send(&w, 0, "SET a 1");
    send(&w, 0, "MULTI");
    send(&w, 0, "INCR n");
    send(&w, 0, LATE_SCRIPT("7"));
    engine_commit(w.engine);
    send(&w, 0, "EXEC");
    cr_assert_gt(w.polls_count, 0);
    cr_assert(engine_has_failed(w.engine), "while the script ran");
    settle(&w);
    const char *replies = got(&w, 0);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(strncmp(replies, "-MISCONF the journal failed", 27), 0, "reply %d: %s", i, replies);
        replies = strstr(replies, "\r\n") + 2;
    }
    cr_assert_str_eq(replies, "");
    expect(&w, 0, "PING", "+PONG\r\n");
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    world_close(&w);
}

Test(persist, a_failure_gives_no_reply_to_who_wants_none)
{
    struct world w;
    world_open(&w, "always");
    send(&w, 0, "CLIENT REPLY OFF");
    send(&w, 0, "BLPOP l 0");
    disk_fail(DISK_CALL_SYNC, 1, EIO, true);
    send(&w, 1, "RPUSH l a");
    settle(&w);
    cr_assert_eq(strncmp(got(&w, 1), "-MISCONF", 8), 0);
    cr_assert_str_eq(got(&w, 0), "");
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    world_close(&w);
}

/* ---- memory ---- */

Test(persist, cold_values_leave_memory_and_come_back)
{
    struct world w;
    world_open(&w, "off");
    char line[700];
    for (int i = 0; i < 2000; i++) {
        int len = snprintf(line, sizeof(line), "HSET job:%d data ", i);
        memset(line + len, 'x', 600);
        line[len + 600] = '\0';
        send(&w, 0, line);
    }
    drop(&w, 0);
    uint64_t before = digest(&w);
    cr_assert(persist_start_save(w.engine));
    finish_save(&w);
    set(&w, "memory-target", "1");
    size_t used = engine_memory_used(w.engine);
    /* How many leave in one slice depends on the machine. */
    for (int i = 0; i < 1000 && tracker_cold_count(w.engine->persist->tracker) < 2000; i++) {
        w.engine->persist->cool_at_us = 0;
        engine_run_timers(w.engine);
    }
    cr_assert_eq(tracker_cold_count(w.engine->persist->tracker), 2000);
    cr_assert_lt(engine_memory_used(w.engine) + 1000000, used);
    expect(&w, 0, "HSTRLEN job:7 data", ":600\r\n");
    /* Those whose values are cold are keys like others. */
    expect(&w, 0, "DBSIZE", ":2000\r\n");
    expect(&w, 0, "KEYS job:199[9]", "*1\r\n$8\r\njob:1999\r\n");
    expect(&w, 0, "EXISTS job:8 job:1998 job:2000", ":2\r\n");
    expect(&w, 0, "TYPE job:9", "+hash\r\n");
    expect(&w, 0, "SCAN 0 COUNT 5000 MATCH job:1234", "*2\r\n$1\r\n0\r\n*1\r\n$8\r\njob:1234\r\n");
    expect(&w, 0, "SCAN 0 COUNT 5000 TYPE list", "*2\r\n$1\r\n0\r\n*0\r\n");
    set(&w, "memory-target", "0");
    cr_assert_eq(digest(&w), before);
    world_close(&w);
}

Test(persist, a_start_with_a_memory_target_leaves_the_keys_dormant)
{
    struct world w;
    char line[64];
    world_open(&w, "off");
    for (int i = 0; i < 300; i++) {
        snprintf(line, sizeof(line), "HSET job:%d data %d", i, i);
        send(&w, 0, line);
    }
    send(&w, 0, "SET expires text PX 100000000");
    drop(&w, 0);
    uint64_t before = digest(&w);
    cr_assert(persist_start_save(w.engine));
    finish_save(&w);
    world_close(&w);
    begin(&w, "off", os_clock());
    set(&w, "memory-target", "1gb");
    load(&w);
    const struct db *db = &w.engine->keyspace.dbs[0];
    cr_assert_eq(db->dormant.count, 300);
    cr_assert_eq(db_count(db), 301);
    expect(&w, 0, "DEL job:1", ":1\r\n");
    expect(&w, 0, "HSET job:1 data 1", ":1\r\n");
    expect(&w, 0, "HGET job:2 data", "$1\r\n2\r\n");
    cr_assert_eq(db->dormant.count, 298);
    cr_assert_eq(digest(&w), before);
    world_close(&w);
}
