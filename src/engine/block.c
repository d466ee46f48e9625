/* SPDX-License-Identifier: MIT */
/*
 * Waiting: blocking commands and CLIENT PAUSE.
 *
 *   waits[db]: map of wait_key --> waiters in order of arrival (wait_link) --> engine_waiter: a copy of the command
 *
 * An effect on a key that somebody waits for puts its wait_key on `ready`. After the command that caused it, block_serve
 * runs the waiters' commands again, in order of arrival, each exactly as it was sent: a command that still finds
 * nothing says so by blocking again and keeps its place.
 *
 * A client's states here:  READY --block_client--> BLOCKED --end_wait--> READY
 *                          READY --block_pause--> PAUSED --block_end_pause--> READY
 */
#include "engine/state.h"

#include "base/mem.h"

/* A key that is waited for. Lives as long as somebody waits. */
struct wait_key {
    struct map_node node; /* aux: length of the key */
    uint32_t db;
    struct link waiters;    /* of wait_link.link */
    struct link ready_link; /* in engine->ready while it is to be served */
    char key[];
};

/* One client at one key. */
struct wait_link {
    struct link link;
    struct wait_key *key;
    struct engine_waiter *waiter;
};

/* A command that waits, with a copy of its arguments behind it in the same allocation. */
struct engine_waiter {
    struct engine_client *client;
    struct cmd_slot *slot;
    struct cmd_block block; /* block.keys points into argv's copy */
    struct slice *argv;
    int argc;
    uint32_t deadline_index; /* in engine->deadlines, or HEAP_NONE */
    struct wait_link *links; /* one for each key; without a key: named before */
    size_t links_count;
    struct link pause_link;
    bool is_running; /* its command runs just now: the wait must not be freed under it */
};

#define HEAP_NONE UINT32_MAX

static struct slice key_of_wait(const struct map_node *node)
{
    const struct wait_key *k = (const struct wait_key *)node;
    return slice_of(k->key, node->aux);
}

static void deadline_moved(void *item, uint32_t index)
{
    ((struct engine_waiter *)item)->deadline_index = index;
}

void block_init(struct engine *e)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) e->waits[i].key_of = key_of_wait;
    e->deadlines.moved = deadline_moved;
    link_init(&e->ready);
    link_init(&e->paused);
}

void block_deinit(struct engine *e)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) map_deinit(&e->waits[i], NULL, NULL);
    heap_deinit(&e->deadlines);
}

/* ---- waiters ---- */

static struct engine_waiter *waiter_new(struct engine_client *c, const struct slice *argv, int argc, size_t links_count)
{
    size_t bytes = 0;
    for (int i = 0; i < argc; i++) bytes += argv[i].len;
    struct engine_waiter *w =
        mem_alloc_zero(sizeof(*w) + links_count * sizeof(*w->links) + (size_t)argc * sizeof(*w->argv) + bytes);
    w->client = c;
    w->deadline_index = HEAP_NONE;
    w->links = (struct wait_link *)(w + 1);
    w->links_count = links_count;
    w->argv = (struct slice *)(w->links + links_count);
    w->argc = argc;
    char *at = (char *)(w->argv + argc);
    for (int i = 0; i < argc; i++) {
        if (argv[i].len) memcpy(at, argv[i].at, argv[i].len);
        w->argv[i] = slice_of(at, argv[i].len);
        at += argv[i].len;
    }
    return w;
}

static struct wait_key *find_or_make_key(struct engine *e, uint32_t db, struct slice key)
{
    struct wait_key *k = (struct wait_key *)map_find(&e->waits[db], key);
    if (k) return k;
    k = mem_alloc_zero(sizeof(*k) + key.len);
    k->db = db;
    k->node.aux = (uint32_t)key.len;
    if (key.len) memcpy(k->key, key.at, key.len);
    link_init(&k->waiters);
    map_insert(&e->waits[db], &k->node);
    return k;
}

static void leave_key(struct engine *e, struct wait_link *link)
{
    struct wait_key *k = link->key;
    if (!k) return;
    link->key = NULL;
    link_remove(&link->link);
    if (!link_is_empty(&k->waiters)) return;
    link_remove(&k->ready_link);
    map_unlink(&e->waits[k->db], &k->node);
    mem_free(k);
}

/* A key may be named twice; the last link is then the waiter's own. */
static bool is_waiting_at(const struct wait_key *k, const struct engine_waiter *w)
{
    return !link_is_empty(&k->waiters) && LINK_OWNER(k->waiters.prev, struct wait_link, link)->waiter == w;
}

void block_client(struct engine_client *c, const struct cmd_ctx *ctx, struct cmd_slot *slot)
{
    struct engine *e = c->engine;
    struct engine_waiter *w = waiter_new(c, ctx->argv, ctx->argc, ctx->block.keys_count);
    w->slot = slot;
    w->block = ctx->block;
    if (w->links_count) w->block.keys = w->argv + (ctx->block.keys - ctx->argv);
    for (size_t i = 0; i < w->links_count; i++) {
        struct wait_key *k = find_or_make_key(e, c->db_index, w->block.keys[i]);
        if (is_waiting_at(k, w)) continue;
        w->links[i] = (struct wait_link){.key = k, .waiter = w};
        link_push_tail(&k->waiters, &w->links[i].link);
    }
    /* An end that cannot be counted in microseconds never comes. */
    if (w->block.timeout_ms > 0 && w->block.timeout_ms <= (INT64_MAX - e->mono_us) / 1000)
        heap_push(&e->deadlines, e->mono_us + w->block.timeout_ms * 1000, w);
    c->waiter = w;
    c->state = ENGINE_CLIENT_BLOCKED;
    e->blocked_count++;
}

/* Forgets the wait, without a reply. */
static void end_wait(struct engine_client *c)
{
    struct engine *e = c->engine;
    struct engine_waiter *w = c->waiter;
    if (c->state == ENGINE_CLIENT_BLOCKED) e->blocked_count--;
    for (size_t i = 0; i < w->links_count; i++) leave_key(e, &w->links[i]);
    if (w->deadline_index != HEAP_NONE) heap_remove(&e->deadlines, w->deadline_index);
    w->deadline_index = HEAP_NONE;
    link_remove(&w->pause_link);
    c->waiter = NULL;
    c->state = ENGINE_CLIENT_READY;
    if (!w->is_running) mem_free(w);
}

void block_cancel(struct engine_client *c)
{
    end_wait(c);
}

void block_release(struct engine_client *c)
{
    struct engine *e = c->engine;
    end_wait(c);
    c->fresh_replies += engine_reply_of(c) == &c->writer.reply;
    engine_step_reply_skip(c);
    engine_mark_dirty(c, engine_last_seq(e));
    e->host->resume(e->host, c);
}

bool block_unblock(struct engine_client *c, bool with_error)
{
    if (c->state != ENGINE_CLIENT_BLOCKED) return false;
    if (with_error)
        reply_error(engine_reply_of(c), SLICE_LIT("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    else
        cmd_reply_timeout(engine_reply_of(c), c->waiter->block.on_timeout);
    block_release(c);
    return true;
}

/* ---- serving ---- */

void block_note_key(struct engine *e, uint32_t db, struct slice key)
{
    struct wait_key *k = (struct wait_key *)map_find(&e->waits[db], key);
    if (k && !link_is_linked(&k->ready_link)) link_push_tail(&e->ready, &k->ready_link);
}

void block_note_db(struct engine *e, uint32_t db)
{
    struct map_iter it;
    map_iter_begin(&it, &e->waits[db]);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct wait_key *k = (struct wait_key *)node;
        if (!link_is_linked(&k->ready_link)) link_push_tail(&e->ready, &k->ready_link);
    }
    map_iter_end(&it);
}

/* Runs the waiter's command again. True: it is done, false: it waits on. */
static bool run_again(struct engine_waiter *w)
{
    struct engine_client *c = w->client;
    struct engine *e = c->engine;
    struct cmd_ctx ctx = {
        .keyspace = &e->keyspace,
        .db = &e->keyspace.dbs[c->db_index],
        .reply = engine_reply_of(c),
        .argv = w->argv,
        .argc = w->argc,
        .command = w->slot->row,
        .container = w->slot->container,
        .name = w->slot->name,
        .scratch = &e->scratch,
        .flags = CMD_CTX_RETRY,
        .client = c,
        .host = e,
        .script_host = e->scripts,
    };
    engine_call(c, w->slot, &ctx);
    return ctx.outcome != CMD_BLOCKED;
}

/* What a waiter may find at this key now. */
static bool is_worth_running(struct engine *e, const struct wait_key *k, const struct engine_waiter *w)
{
    if (w->block.wakes_on_any_change) return true;
    struct entry *entry = db_find(&e->keyspace.dbs[k->db], slice_of(k->key, k->node.aux));
    return entry && entry->value.type == w->block.type;
}

static void serve_key(struct engine *e, struct wait_key *k)
{
    struct link *link = k->waiters.next;
    size_t left = 0;
    for (struct link *at = link; at != &k->waiters; at = at->next) left++;
    while (left > 0) {
        left--;
        struct engine_waiter *w = LINK_OWNER(link, struct wait_link, link)->waiter;
        link = link->next;
        if (!is_worth_running(e, k, w)) continue;
        if (block_is_paused_for(e, w->client, w->slot->row)) continue;
        /* The last waiter to leave takes the wait_key along. */
        bool is_last = left == 0 && k->waiters.next == k->waiters.prev;
        if (run_again(w)) block_release(w->client);
        if (is_last) return;
    }
}

void block_serve(struct engine *e)
{
    while (!link_is_empty(&e->ready)) {
        struct wait_key *k = LINK_OWNER(e->ready.next, struct wait_key, ready_link);
        link_remove(&k->ready_link);
        serve_key(e, k);
    }
}

/* ---- pauses ---- */

bool block_is_paused_for(const struct engine *e, const struct engine_client *c, const struct command *row)
{
    if (e->pause_end_us == 0 || row->flags & CMD_ALLOW_BUSY) return false;
    bool may_write = multi_flags_of(c, row) & (CMD_WRITE | CMD_MAY_REPLICATE);
    return e->is_pause_for_writes_only ? may_write : strcmp(row->group, "connection") != 0;
}

void block_pause(struct engine_client *c, const struct slice *argv, int argc)
{
    struct engine_waiter *w = waiter_new(c, argv, argc, 0);
    c->waiter = w;
    c->state = ENGINE_CLIENT_PAUSED;
    link_push_tail(&c->engine->paused, &w->pause_link);
}

void block_start_pause(struct engine *e, int64_t end_us, bool is_for_writes_only)
{
    /* A pause under way only grows: longer, and wider. */
    bool was_paused = e->pause_end_us != 0;
    if (end_us > e->pause_end_us) e->pause_end_us = end_us;
    e->is_pause_for_writes_only = is_for_writes_only && (!was_paused || e->is_pause_for_writes_only);
}

void block_end_pause(struct engine *e)
{
    e->pause_end_us = 0;
    e->is_pause_for_writes_only = false;
    while (!link_is_empty(&e->paused) && e->pause_end_us == 0) {
        struct engine_waiter *w = LINK_OWNER(e->paused.next, struct engine_waiter, pause_link);
        struct engine_client *c = w->client;
        w->is_running = true;
        end_wait(c);
        engine_execute(c, w->argv, w->argc);
        mem_free(w);
        if (c->state == ENGINE_CLIENT_READY) e->host->resume(e->host, c);
    }
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) block_note_db(e, i);
    block_serve(e);
}

/* ---- timers ---- */

int64_t block_next_us(const struct engine *e)
{
    int64_t next = e->deadlines.count > 0 ? e->deadlines.slots[0].key : ENGINE_NEVER_US;
    if (e->pause_end_us != 0 && e->pause_end_us < next) next = e->pause_end_us;
    return next;
}

void block_run_timers(struct engine *e)
{
    while (e->deadlines.count > 0 && e->deadlines.slots[0].key <= e->mono_us) {
        struct engine_waiter *w = e->deadlines.slots[0].item;
        cmd_reply_timeout(engine_reply_of(w->client), w->block.on_timeout);
        block_release(w->client);
    }
    if (e->pause_end_us != 0 && e->pause_end_us <= e->mono_us) block_end_pause(e);
}
