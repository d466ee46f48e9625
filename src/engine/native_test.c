/* SPDX-License-Identifier: MIT */
/*
 * The twins of our transitions are held to their originals. Two engines, one with twins and one without, get the same calls, made by chance
 * from a seed: transitions, and between them commands that leave a queue in states that no client would. After each call
 * both must have said the same, to the byte, and hold the same.
 *
 * TWINS_SEED=7 TWINS_COUNT=1000 in the environment: other seeds, and more of them.
 */
#include "engine/state.h"

#include "base/arena.h"
#include "base/num.h"
#include "codec/mpack.h"
#include "engine/testkit.h"
#include "keyspace/digest.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"

#include <criterion/criterion.h>
#include <jobs/transitions_lua.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS_COUNT 12
#define STEPS_PER_SEED 1000
#define CLIENTS 3 /* one that calls, one that waits at markers, one that watches keys */
#define ARGS_MAX 2400
#define JOBS_MAX 256
#define NAME_BYTES_MAX 200 /* of a key, behind its queue's prefix */

enum call {
    CALL_ADD_PLAIN,
    CALL_ADD,
    CALL_FETCH,
    CALL_FINISH,
    CALL_LEAVE,
    CALL_PAUSE,
    CALL_RESUME,
    CALL_LIMITS,
    CALL_STALLED,
    CALL_EXTEND_LOCKS,
    CALL_PROMOTE,
    CALLS_COUNT
};

struct script_text {
    const char *text, *sha;
};
static const struct script_text scripts[CALLS_COUNT] = {
    [CALL_ADD_PLAIN] = {LUA_ADD_PLAIN_TEXT, LUA_ADD_PLAIN_SHA1},
    [CALL_ADD] = {LUA_ADD_TEXT, LUA_ADD_SHA1},
    [CALL_FETCH] = {LUA_FETCH_TEXT, LUA_FETCH_SHA1},
    [CALL_FINISH] = {LUA_FINISH_TEXT, LUA_FINISH_SHA1},
    [CALL_LEAVE] = {LUA_LEAVE_TEXT, LUA_LEAVE_SHA1},
    [CALL_PAUSE] = {LUA_PAUSE_TEXT, LUA_PAUSE_SHA1},
    [CALL_RESUME] = {LUA_RESUME_TEXT, LUA_RESUME_SHA1},
    [CALL_LIMITS] = {LUA_LIMITS_TEXT, LUA_LIMITS_SHA1},
    [CALL_STALLED] = {LUA_STALLED_TEXT, LUA_STALLED_SHA1},
    [CALL_EXTEND_LOCKS] = {LUA_EXTEND_LOCKS_TEXT, LUA_EXTEND_LOCKS_SHA1},
    [CALL_PROMOTE] = {LUA_PROMOTE_TEXT, LUA_PROMOTE_SHA1},
};

struct side {
    struct engine_host host;
    struct clock_manual clock;
    struct config config;
    struct engine *engine;
    struct engine_client clients[CLIENTS];
};

struct rig {
    struct side with, without;
    struct rng rng;
    uint64_t seed;
    int step;
    unsigned oddness; /* percent of steps that make something unusual */
    struct arena arena;
    struct slice argv[ARGS_MAX];
    int argc;
    const char *queue;                                         /* the prefix of the queue of this step */
    uint64_t calls_count[CALLS_COUNT], twin_runs[CALLS_COUNT]; /* outside of MULTI */
};

/* ---- two engines ---- */

static void side_open(struct side *s, const char *native_scripts)
{
    s->host = testkit_host();
    clock_manual_init(&s->clock, 1700000000000000);
    config_init(&s->config);
    cr_assert_eq(
        config_set(&s->config, SLICE_LIT("native-scripts"), slice_from_text(native_scripts), CONFIG_FLAG, NULL),
        OXQ_OK);
    struct engine_opts opts = {
        .clock = &s->clock.clock, .seed = 1, .config = &s->config, .host = &s->host, .run_id = "0"};
    cr_assert_eq(engine_new(&opts, &s->engine, NULL), OXQ_OK);
    testkit_open_clients(s->engine, s->clients, CLIENTS);
}

static void side_close(struct side *s)
{
    testkit_close_clients(s->clients, CLIENTS);
    engine_free(s->engine);
    config_deinit(&s->config);
}

static void execute(struct side *s, int client, const struct rig *r)
{
    struct slice argv[ARGS_MAX];
    memcpy(argv, r->argv, sizeof(argv[0]) * (size_t)r->argc);
    engine_execute(&s->clients[client], argv, r->argc);
    /* A twin may meet a key that is past its time where the script does not look, or the other way round. */
    keyspace_expire(&s->engine->keyspace, SIZE_MAX);
    engine_commit(s->engine);
}

/* ---- what differs ---- */

static void print_text(const char *title, struct slice text)
{
    fprintf(stderr, "%s", title);
    for (size_t i = 0; i < text.len && i < 3000; i++) {
        if (text.at[i] == '\n' || (text.at[i] >= ' ' && text.at[i] <= '~'))
            fputc(text.at[i], stderr);
        else if (text.at[i] != '\r')
            fprintf(stderr, "\\x%02x", (unsigned char)text.at[i]);
    }
    fprintf(stderr, "\n");
}

static void fail(const struct rig *r, const char *what)
{
    fprintf(stderr, "seed %llu, step %d: %s\n", (unsigned long long)r->seed, r->step, what);
    for (int i = 0; i < r->argc && i < 40; i++) print_text(i == 0 ? "  " : "    ", r->argv[i]);
    cr_assert_fail("seed %llu, step %d: %s", (unsigned long long)r->seed, r->step, what);
}

/* Of the lines, whatever their order. */
static uint64_t digest_lines(struct slice text)
{
    uint64_t sum = 0;
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) + 1 : text.len;
        sum += digest_chain(0, slice_of(text.at, len));
        text = slice_of(text.at + len, text.len - len);
    }
    return sum;
}

/* The fields of a large hash come in any order, which may be another after other look-ups. */
static bool is_same_reply(struct slice a, struct slice b)
{
    if (slice_equal(a, b)) return true;
    return a.len > HASH_PACKED_MAX_BYTES && digest_lines(a) == digest_lines(b);
}

static void compare_replies(struct rig *r, int client)
{
    struct buf *a = &r->with.clients[client].out, *b = &r->without.clients[client].out;
    if (!is_same_reply(buf_borrow(a), buf_borrow(b))) {
        print_text("with the twin:\n", buf_borrow(a));
        print_text("without:\n", buf_borrow(b));
        fail(r, "the replies differ");
    }
    buf_consume(a, a->len);
    buf_consume(b, b->len);
}

static struct db *db_of(const struct side *s, uint32_t index)
{
    return &s->engine->keyspace.dbs[index];
}

static void tell_key(struct db *a, struct db *b, struct slice key)
{
    struct entry *x = db_find(a, key), *y = db_find(b, key);
    bool is_same = x && y && x->value.type == y->value.type && value_digest(&x->value) == value_digest(&y->value) &&
                   db_expiry_ms(a, x) == db_expiry_ms(b, y);
    if (!is_same) print_text(!x ? "only without twins: " : !y ? "only with twins: " : "differs: ", key);
}

/* Which keys are not the same. */
static void tell_keys(struct db *a, struct db *b)
{
    struct map_iter it;
    struct db *dbs[] = {a, b};
    for (int i = 0; i < 2; i++) {
        map_iter_begin(&it, &dbs[i]->keys);
        for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it))
            tell_key(a, b, entry_key((const struct entry *)node));
        map_iter_end(&it);
    }
}

static void compare_keys(struct rig *r)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        struct db *a = db_of(&r->with, i), *b = db_of(&r->without, i);
        if (db_count(a) == 0 && db_count(b) == 0) continue;
        if (digest_db(a) == digest_db(b)) continue;
        tell_keys(a, b);
        fail(r, "the keyspaces differ");
    }
}

/* What r->argv says, by one of the clients. */
static void run(struct rig *r, int client)
{
    execute(&r->with, client, r);
    execute(&r->without, client, r);
    for (int i = 0; i < CLIENTS; i++) compare_replies(r, i);
    compare_keys(r);
}

/* ---- chance ---- */

static uint64_t below(struct rig *r, uint64_t bound)
{
    return rng_below(&r->rng, bound);
}

static bool chance(struct rig *r, unsigned percent)
{
    return below(r, 100) < percent;
}

#define PICK(r, texts) texts[below(r, sizeof(texts) / sizeof(texts[0]))]

static const char *odd_number(struct rig *r)
{
    static const char *const texts[] = {"0",
                                        "1",
                                        "2",
                                        "3",
                                        "10",
                                        "100",
                                        "-1",
                                        "1.5",
                                        "abc",
                                        "",
                                        "1e3",
                                        "0x10",
                                        " 5",
                                        "nan",
                                        "inf",
                                        "1e300",
                                        "-0",
                                        "007",
                                        "5.0",
                                        "+3",
                                        "-inf",
                                        "9007199254740990",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "9223372036854775807",
                                        "-9007199254740993",
                                        "18446744073709551615",
                                        "99999999999999",
                                        "4294967296"};
    return PICK(r, texts);
}

static int64_t now_ms(const struct rig *r)
{
    return r->with.clock.us / 1000;
}

/* ---- arguments ---- */

static void begin(struct rig *r)
{
    r->argc = 0;
    arena_reset(&r->arena);
}

static void put(struct rig *r, struct slice text)
{
    CHECK(r->argc < ARGS_MAX);
    r->argv[r->argc++] = text;
}

static void put_text(struct rig *r, const char *text)
{
    put(r, arena_copy(&r->arena, slice_from_text(text)));
}

static void put_int(struct rig *r, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    put(r, arena_copy(&r->arena, slice_of(digits, num_format_int(digits, n))));
}

/* A number; rarely, where things are odd, something else. */
static void put_number(struct rig *r, int64_t n)
{
    if (r->oddness > 10 && chance(r, 2))
        put_text(r, odd_number(r));
    else
        put_int(r, n);
}

/* ---- ids of jobs ---- */

static struct slice queue_key(struct rig *r, const char *suffix)
{
    struct slice queue = slice_from_text(r->queue), end = slice_from_text(suffix);
    char *text = arena_alloc(&r->arena, queue.len + end.len + 1);
    memcpy(text, queue.at, queue.len);
    memcpy(text + queue.len, end.at, end.len);
    return slice_of(text, queue.len + end.len);
}

/* Any element of a list of the queue, or a small number. */
static struct slice any_id(struct rig *r, const char *list)
{
    struct entry *e = db_find(db_of(&r->without, r->without.clients[0].db_index), queue_key(r, list));
    if (e && e->value.type == VALUE_LIST && !chance(r, r->oddness)) {
        struct list_cursor c = list_seek(&e->value, below(r, list_count(&e->value)));
        return arena_copy(&r->arena, list_get(&c));
    }
    char digits[NUM_INT_MAX_CHARS];
    return arena_copy(&r->arena, slice_of(digits, num_format_int(digits, 1 + (int64_t)below(r, 60))));
}

static void put_id(struct rig *r)
{
    static const char *const lists[] = {"wait", "active", "active"};
    put(r, any_id(r, PICK(r, lists)));
}

/* The ids in `active` from one of its ends on, up to so many. */
static size_t active_ids(struct rig *r, struct slice *ids, size_t max)
{
    struct entry *e = db_find(db_of(&r->without, r->without.clients[0].db_index), queue_key(r, "active"));
    if (!e || e->value.type != VALUE_LIST) return 0;
    size_t count = 0;
    enum list_end from = chance(r, 50) ? LIST_HEAD : LIST_TAIL;
    struct list_cursor c = list_from(&e->value, from);
    for (; count < max && list_is_inside(&c); list_step(&c, from == LIST_HEAD ? LIST_TAIL : LIST_HEAD))
        ids[count++] = arena_copy(&r->arena, list_get(&c));
    return count;
}

/* ---- transitions ---- */

static void begin_call(struct rig *r, enum call call)
{
    begin(r);
    if (chance(r, 1)) {
        put_text(r, "EVAL");
        put_text(r, scripts[call].text);
    } else {
        put_text(r, chance(r, 1) ? "EVALSHA_RO" : "EVALSHA");
        put_text(r, scripts[call].sha);
    }
    put_text(r, r->oddness > 10 && chance(r, 1) ? "2" : "1");
    put_text(r, r->queue);
}

static void put_job_texts(struct rig *r)
{
    static const char *const names[] = {"mail", "mail", "pdf", "", "a longer name of a job \xff\r\n", "1"};
    static const char *const options[] = {"{\"attempts\":0}", "{\"attempts\":3,\"backoff\":5}",
                                          "{\"de\":{\"id\":\"d1\"}}", "{}"};
    put_text(r, PICK(r, names));
    if (chance(r, 3)) {
        size_t len = 1 + below(r, 20000);
        char *data = arena_alloc(&r->arena, len);
        memset(data, 'x', len);
        put(r, slice_of(data, len));
    } else {
        put_text(r, chance(r, 50) ? "{}" : "{\"to\":\"a@b.c\",\"n\":12345}");
    }
    put_text(r, PICK(r, options));
}

static size_t count_jobs(struct rig *r)
{
    return chance(r, 60) ? 1 : chance(r, 95) ? 1 + below(r, 6) : 1 + below(r, JOBS_MAX);
}

static void make_add_plain(struct rig *r)
{
    put_number(r, now_ms(r));
    for (size_t i = count_jobs(r); i > 0; i--) put_job_texts(r);
    if (r->oddness > 10 && chance(r, 2)) r->argc -= 1 + (int)below(r, 3);
}

/* Packs what an added job has beside its texts: see add.lua. */
static void pack_more(struct rig *r, struct buf *out, unsigned kind)
{
    oxq_err e = mpack_put_map(out, 1);
    static const char *const names[] = {"delay", "priority", "lifo", "children", "de", "parent"};
    if (!e) e = mpack_put_text(out, slice_from_text(names[kind]));
    if (!e && kind < 2) {
        e = mpack_put_integer(out, 1 + (int64_t)below(r, 30));
    } else if (!e && kind < 4) {
        e = mpack_put_bool(out, true);
    } else if (!e && kind == 4) {
        e = mpack_put_map(out, 1);
        if (!e) e = mpack_put_text(out, SLICE_LIT("id"));
        if (!e) e = mpack_put_text(out, SLICE_LIT("d1"));
    } else if (!e) {
        struct slice parent = any_id(r, "wait");
        struct slice json = SLICE_LIT("{\"fpof\":true}");
        e = mpack_put_array(out, 3);
        if (!e) e = mpack_put_text(out, slice_from_text(r->queue));
        if (!e) e = mpack_put_text(out, parent);
        if (!e) e = mpack_put_text(out, json);
    }
    cr_assert_eq(e, OXQ_OK);
}

static void make_add(struct rig *r)
{
    put_int(r, now_ms(r));
    put_int(r, 0);
    for (size_t i = 1 + below(r, 3); i > 0; i--) {
        put_text(r, chance(r, 80) ? "" : chance(r, 50) ? "j1" : "7");
        put_job_texts(r);
        OWNED(buf_deinit) struct buf more = {.limit_bytes = 1000};
        if (chance(r, 60)) pack_more(r, &more, (unsigned)below(r, 6));
        put(r, arena_copy(&r->arena, buf_borrow(&more)));
    }
}

static const char *token(struct rig *r)
{
    return chance(r, 100 - r->oddness) ? "t1" : chance(r, 50) ? "0" : "t2";
}

static void put_fetch(struct rig *r, size_t count)
{
    put_number(r, now_ms(r));
    put_number(r, (int64_t)count);
    put_text(r, token(r));
    put_number(r, chance(r, 96) ? 30000 : 1 + (int64_t)below(r, 20));
    put_text(r, chance(r, 50) ? "" : "worker 1");
    bool is_limited = chance(r, r->oddness);
    put_text(r, is_limited ? "3" : "");
    put_text(r, is_limited ? "20" : "");
}

static void put_finished(struct rig *r, struct slice id)
{
    static const char *const counts[] = {"-1", "-1", "-1", "0", "0", "3", "100"};
    static const char *const ages[] = {"1", "0", "3600"};
    bool has_failed = chance(r, 30);
    put(r, id);
    put_text(r, token(r));
    put_text(r, has_failed ? "failed" : "completed");
    put_text(r, has_failed ? "it broke" : chance(r, 50) ? "null" : "{\"ok\":true}");
    put_text(r, r->oddness > 10 && chance(r, 2) ? odd_number(r) : PICK(r, counts));
    put_text(r, chance(r, 90) ? "" : PICK(r, ages));
    put_number(r, chance(r, 80) ? 1000 : 1 + (int64_t)below(r, 3));
    put_number(r, (int64_t)below(r, 3));
    put_text(r, has_failed && chance(r, 70) ? "[\"at line 1\"]" : "");
}

static void make_fetch(struct rig *r)
{
    put_fetch(r, count_jobs(r));
}

static void make_finish(struct rig *r)
{
    struct slice ids[JOBS_MAX];
    size_t count = active_ids(r, ids, count_jobs(r));
    put_fetch(r, chance(r, 10) ? 0 : chance(r, 50) ? 1 : count_jobs(r));
    put_text(r, chance(r, 80) ? "" : chance(r, 90) ? "10" : "1200");
    if (count == 0 && chance(r, 99)) ids[count++] = any_id(r, "active");
    for (size_t i = 0; i < count; i++)
        put_finished(r, chance(r, 97) ? ids[i] : chance(r, 50) ? ids[0] : any_id(r, chance(r, 50) ? "active" : "wait"));
    if (r->oddness > 10 && chance(r, 2)) r->argc -= 1 + (int)below(r, 9);
}

static void make_leave(struct rig *r)
{
    static const char *const where[] = {"wait", "delayed", "front", "children"};
    put_fetch(r, below(r, 3));
    for (size_t i = 1 + below(r, 2); i > 0; i--) {
        size_t to = below(r, 4);
        put_id(r);
        put_text(r, token(r));
        put_text(r, where[to]);
        put_text(r, to == 0 ? chance(r, 50) ? "LPUSH" : "RPUSH" : to == 1 ? "15" : "");
        put_text(r, chance(r, 50) ? "1" : "0");
        put_text(r, chance(r, 50) ? "" : "it broke");
        put_text(r, chance(r, 50) ? "" : "[\"at line 1\"]");
    }
}

static void make_other(struct rig *r, enum call call)
{
    if (call == CALL_LIMITS) {
        put_text(r, chance(r, 50) ? "" : "3");
    } else if (call == CALL_STALLED) {
        put_int(r, now_ms(r));
        put_text(r, "5");
        put_text(r, "1");
        put_text(r, "100");
        put_text(r, "-1");
    } else if (call == CALL_EXTEND_LOCKS) {
        put_text(r, "30000");
        put_id(r);
        put_text(r, token(r));
    } else if (call == CALL_PROMOTE) {
        put_id(r);
    }
}

static bool is_empty(struct rig *r, const char *list)
{
    return !db_find(db_of(&r->without, r->without.clients[0].db_index), queue_key(r, list));
}

static enum call pick_call(struct rig *r)
{
    uint64_t n = below(r, 100);
    /* Mostly there should be something to do. */
    if (n >= 45 && is_empty(r, "active") && chance(r, 80)) n = 25;
    if (n >= 25 && is_empty(r, "wait") && chance(r, 50)) n = 0;
    if (n < 25) return CALL_ADD_PLAIN;
    if (n < 45) return CALL_FETCH;
    if (n < 90) return CALL_FINISH;
    if (r->oddness > 0) return (enum call)below(r, CALLS_COUNT);
    return chance(r, 50) ? CALL_EXTEND_LOCKS : CALL_LIMITS;
}

static void make_call(struct rig *r, enum call call)
{
    begin_call(r, call);
    if (call == CALL_ADD_PLAIN)
        make_add_plain(r);
    else if (call == CALL_ADD)
        make_add(r);
    else if (call == CALL_FETCH)
        make_fetch(r);
    else if (call == CALL_FINISH)
        make_finish(r);
    else if (call == CALL_LEAVE)
        make_leave(r);
    else
        make_other(r, call);
}

static void run_call(struct rig *r)
{
    enum call call = pick_call(r);
    make_call(r, call);
    uint64_t before = script_host_twin_runs(r->with.engine->scripts);
    run(r, 0);
    r->calls_count[call]++;
    r->twin_runs[call] += script_host_twin_runs(r->with.engine->scripts) - before;
}

/* ---- unusual states ---- */

/* One of the queue's keys, or of a job's. */
static struct slice any_key(struct rig *r)
{
    static const char *const names[] = {"meta",
                                        "id",
                                        "wait",
                                        "active",
                                        "events",
                                        "marker",
                                        "completed",
                                        "failed",
                                        "stalled",
                                        "delayed",
                                        "limiter",
                                        "pc",
                                        "prioritized",
                                        "paused",
                                        "de:d1",
                                        "dn:d1",
                                        "waiting-children",
                                        "metrics:completed",
                                        "metrics:completed:data"};
    static const char *const kinds[] = {
        "", "", "", ":lock", ":lock", ":dependencies", ":unsuccessful", ":logs", ":processed", ":failed"};
    if (chance(r, 50)) return queue_key(r, PICK(r, names));
    struct slice id = any_id(r, chance(r, 25) ? "wait" : "active");
    char name[NAME_BYTES_MAX];
    snprintf(name, sizeof(name), "%.*s%s", (int)id.len, id.at, PICK(r, kinds));
    return queue_key(r, name);
}

/* Words: @... a key of the queue, k any key, i a job's id, j... a job's key, n a number, t a time as `delayed` has it; others are themselves. */
static void put_word(struct rig *r, struct slice word)
{
    if (word.len > 1 && word.at[0] == '@') {
        put(r, queue_key(r, arena_copy_text(&r->arena, slice_of(word.at + 1, word.len - 1))));
        return;
    }
    char letter = word.len == 1 || word.at[1] == ':' ? word.at[0] : '-';
    if (letter == 'k') {
        put(r, any_key(r));
    } else if (letter == 'i') {
        put_id(r);
    } else if (letter == 'j') {
        struct slice id = any_id(r, chance(r, 25) ? "wait" : "active");
        char name[NAME_BYTES_MAX];
        snprintf(name, sizeof(name), "%.*s%.*s", (int)id.len, id.at, (int)word.len - 1, word.at + 1);
        put(r, queue_key(r, name));
    } else if (letter == 'n') {
        put_text(r, odd_number(r));
    } else if (letter == 't') {
        put_int(r, (now_ms(r) + (int64_t)below(r, 20) - 5) * 4096);
    } else {
        put(r, word);
    }
}

static void make_line(struct rig *r, const char *line)
{
    begin(r);
    while (line) {
        const char *space = strchr(line, ' ');
        put_word(r, slice_of(line, space ? (size_t)(space - line) : strlen(line)));
        line = space ? space + 1 : NULL;
    }
}

/* What clients and operators do, ... */
static const char *const mild_lines[] = {
    "HSET @meta opts.maxLenEvents 5",
    "HDEL @meta opts.maxLenEvents",
    "HSET @meta concurrency 2",
    "HSET @meta concurrency 0",
    "HDEL @meta concurrency",
    "HDEL @meta concurrency",
    "HSET @meta paused 1",
    "HDEL @meta paused",
    "HDEL @meta paused",
    "HSET @meta version bullmq:5.1 paused 1",
    "HSET @meta max 2 duration 20",
    "HDEL @meta max duration",
    "HDEL @meta max duration",
    "HSET @meta oxq.deadQueue dead",
    "HDEL @meta oxq.deadQueue",
    "RPOPLPUSH @active @wait",
    "RPOPLPUSH @active @wait",
    "LREM @active 0 i",
    "HSET j defa broken",
    "HSET j defa broken",
    "HSET j defa broken",
    "HSET j atm 7",
    "HSET j ats 7",
    "RPUSH j:logs x",
    "HSET j:processed a b",
    "HSET j:failed a b",
    "SADD j:dependencies x",
    "DEL j:dependencies",
    "DEL j:lock",
    "SET j:lock t1",
    "SADD @stalled i",
    "SADD @stalled i",
    "ZADD @delayed t i",
    "ZADD @delayed 9000000000000000 i",
    "DEL @delayed",
    "DEL @delayed",
    "SET @pc 7",
    "SET @limiter 3 PX 20",
    "SET @limiter 9007199254740991 PX 20",
    "DEL @limiter",
    "DEL @prioritized",
    "XTRIM @events MAXLEN 0",
    "DEL @metrics:completed @metrics:failed",
};
/* ... and what nobody should. */
static const char *const wild_lines[] = {
    "DEL k",
    "DEL k",
    "SET k n",
    "HSET k f n",
    "RPUSH k i",
    "SADD k i",
    "ZADD k n i",
    "XADD k * a b",
    "PEXPIRE k 5",
    "RENAME k k",
    "HSET @meta opts.maxLenEvents n",
    "HSET @meta concurrency n",
    "HSET @meta max n duration n",
    "SET @id n",
    "LPUSH @wait i",
    "RPUSH @wait i",
    "RPUSH @wait none",
    "RPUSH @wait meta",
    "LPUSH @active i",
    "RPUSH @active meta",
    "HSET j parentKey no:1",
    "HSET j parentKey j parent {}",
    "HSET j deid d1",
    "HSET j atm n",
    "HSET j ats n",
    "HSET j priority 2",
    "HSET j timestamp n",
    "HDEL j timestamp",
    "HSET j pb other finishedOn 1 returnvalue x failedReason y",
    "SADD j:dependencies x",
    "ZADD @delayed n i",
    "ZADD @prioritized n i",
    "SET @limiter n PX 20",
    "XADD @events 9223372036854775806-3 a b",
    "XADD @events 18446744073709551615-18446744073709551614 a b",
    "XADD @events 18446744073709551615-18446744073709551615 a b",
    "XGROUP CREATE @events g 0 MKSTREAM",
    "ZADD @completed n i",
    "ZADD @failed n i",
    "ZADD @completed t x",
    "HSET @metrics:completed count n",
    "HSET @metrics:completed prevTS n prevCount n",
    "SET @stalled x",
    "SET @marker x",
    "SET @events x",
    "SET @completed x",
    "SET @active x",
    "SET @wait x",
    "SET @delayed x",
    "SET @prioritized x",
    "SET j x",
    "COPY j j",
};

static void run_odd(struct rig *r)
{
    bool is_wild = r->oddness > 10 && chance(r, 25);
    make_line(r, is_wild ? PICK(r, wild_lines) : PICK(r, mild_lines));
    run(r, 0);
}

static void run_line(struct rig *r, int client, const char *line)
{
    if (r->with.clients[client].state != ENGINE_CLIENT_READY) return;
    make_line(r, line);
    run(r, client);
}

/* Others wait for what a call does, or watch it. */
static void run_other_clients(struct rig *r)
{
    switch (below(r, 4)) {
    case 0: run_line(r, 1, chance(r, 50) ? "BZPOPMIN @marker 0" : "XREAD BLOCK 0 STREAMS @events $"); break;
    case 1: run_line(r, 1, "SELECT 3"); break;
    case 2: run_line(r, 2, "WATCH k k k"); break;
    default:
        run_line(r, 2, "MULTI");
        run_line(r, 2, "PING");
        run_line(r, 2, "EXEC");
    }
}

static void run_in_multi(struct rig *r)
{
    run_line(r, 0, "MULTI");
    for (size_t i = 1 + below(r, 3); i > 0; i--) {
        make_call(r, pick_call(r));
        run(r, 0);
    }
    run_line(r, 0, "EXEC");
}

/* ---- many steps ---- */

static void pass_time(struct rig *r)
{
    int64_t us = (int64_t)below(r, chance(r, 80) ? 1500 : chance(r, 97) ? 20000 : 90000000);
    r->with.clock.us += us;
    r->without.clock.us += us;
}

static void begin_era(struct rig *r)
{
    static const unsigned oddness[] = {0, 10, 20};
    static const char *const dbs[] = {"SELECT 0", "SELECT 0", "SELECT 3"};
    r->oddness = PICK(r, oddness);
    run_line(r, 0, chance(r, 50) ? "FLUSHALL" : "FLUSHDB");
    run_line(r, 0, PICK(r, dbs));
    run_line(r, 0, chance(r, 50) ? "HELLO 2" : "HELLO 3");
    run_line(r, 0, chance(r, 50) ? "CONFIG SET stream-node-max-entries 3" : "CONFIG SET stream-node-max-entries 100");
    if (chance(r, 50)) run_line(r, 0, "HSET bull:a:meta opts.maxLenEvents 7");
}

static void run_step(struct rig *r)
{
    static const char *const queues[] = {"bull:a:", "bull:a:", "bull:a:", "bull:b:", "{q}:"};
    r->queue = PICK(r, queues);
    pass_time(r);
    if (below(r, 80) == 0)
        begin_era(r);
    else if (chance(r, r->oddness))
        run_odd(r);
    else if (chance(r, 3))
        run_other_clients(r);
    else if (chance(r, 2))
        run_in_multi(r);
    else
        run_call(r);
}

static void load_scripts(struct rig *r)
{
    for (int i = 0; i < CALLS_COUNT; i++) {
        begin(r);
        put_text(r, "SCRIPT");
        put_text(r, "LOAD");
        put_text(r, scripts[i].text);
        run(r, 0);
    }
}

static void run_seed(struct rig *r, uint64_t seed)
{
    r->seed = seed;
    r->oddness = 0;
    r->queue = "bull:a:";
    rng_init(&r->rng, seed);
    side_open(&r->with, "yes");
    side_open(&r->without, "no");
    load_scripts(r);
    for (r->step = 0; r->step < STEPS_PER_SEED; r->step++) run_step(r);
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) db_check(db_of(&r->with, i));
    side_close(&r->with);
    side_close(&r->without);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

Test(native, twins_do_what_their_scripts_do, .timeout = 600)
{
    static struct rig r;
    uint64_t first = number_from("TWINS_SEED", 1), count = number_from("TWINS_COUNT", SEEDS_COUNT);
    for (uint64_t i = 0; i < count; i++) run_seed(&r, first + i);
    arena_deinit(&r.arena);

    /* What it shows is worth as much as the twins ran. */
    static const struct {
        enum call call;
        unsigned percent;
    } known[] = {{CALL_ADD_PLAIN, 60}, {CALL_FETCH, 25}, {CALL_FINISH, 25}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint64_t calls = r.calls_count[known[i].call], runs = r.twin_runs[known[i].call];
        cr_assert_geq(runs * 100, calls * known[i].percent, "a twin ran %llu of %llu times", (unsigned long long)runs,
                      (unsigned long long)calls);
    }
}
