/* SPDX-License-Identifier: MIT */
/*
 * Transactions: MULTI queues, EXEC runs the queue as one step, WATCH makes it conditional.
 *
 *   watched[db]: map of watch_key --> watches --> client: DIRTY_CAS as soon as the key changes
 *
 * A watch belongs to its client and to its key. Keys change only through effects, so nothing can slip by.
 */
#include "engine/state.h"

#include "base/mem.h"

/* What EXEC does because a command of its queue does it. */
#define MULTI_INHERITED_FLAGS (CMD_WRITE | CMD_MAY_REPLICATE | CMD_DENYOOM)

static void cmd_exec(struct cmd_ctx *ctx);

/* A command that waits for EXEC, its arguments behind it in the same allocation. */
struct multi_command {
    struct cmd_slot *slot;
    int argc;
    struct slice argv[];
};

struct watch_key {
    struct map_node node; /* aux: length of the key */
    uint32_t db;
    struct link watches; /* of watch.key_link */
    char key[];
};

struct watch {
    struct link key_link;
    struct link client_link; /* in engine_multi.watches */
    struct watch_key *key;
    struct engine_client *client;
    bool did_exist; /* when WATCH ran: emptying the database changes only keys that exist */
};

struct engine_multi {
    struct multi_command **queue; /* owned, each owned */
    size_t count, cap;
    uint32_t queued_flags; /* enum cmd_flag of all that is queued */
    struct link watches;   /* of watch.client_link */
    size_t watches_count;
};

static struct slice key_of_watch(const struct map_node *node)
{
    return slice_of(((const struct watch_key *)node)->key, node->aux);
}

static struct engine_multi *multi_of(struct engine_client *c)
{
    if (c->multi) return c->multi;
    c->multi = mem_alloc_zero(sizeof(*c->multi));
    link_init(&c->multi->watches);
    return c->multi;
}

size_t multi_queued_count(const struct engine_client *c)
{
    return c->multi ? c->multi->count : 0;
}

uint32_t multi_flags_of(const struct engine_client *c, const struct command *row)
{
    bool is_exec = row->run == cmd_exec && c->multi;
    return row->flags | (is_exec ? c->multi->queued_flags & MULTI_INHERITED_FLAGS : 0);
}

size_t multi_watched_count(const struct engine_client *c)
{
    return c->multi ? c->multi->watches_count : 0;
}

/* ---- the queue ---- */

void multi_queue(struct engine_client *c, struct cmd_slot *slot, const struct slice *argv, int argc)
{
    struct engine_multi *m = multi_of(c);
    size_t bytes = 0;
    for (int i = 0; i < argc; i++) bytes += argv[i].len;
    struct multi_command *q = mem_alloc(sizeof(*q) + (size_t)argc * sizeof(*q->argv) + bytes);
    q->slot = slot;
    q->argc = argc;
    char *at = (char *)(q->argv + argc);
    for (int i = 0; i < argc; i++) {
        if (argv[i].len) memcpy(at, argv[i].at, argv[i].len);
        q->argv[i] = slice_of(at, argv[i].len);
        at += argv[i].len;
    }
    if (m->count == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 8;
        m->queue = mem_resize(m->queue, m->cap * sizeof(struct multi_command *));
    }
    m->queue[m->count++] = q;
    m->queued_flags |= slot->row->flags;
}

static void drop_queue(struct engine_multi *m)
{
    for (size_t i = 0; i < m->count; i++) mem_free(m->queue[i]);
    mem_free(m->queue);
    m->queue = NULL;
    m->count = 0;
    m->cap = 0;
}

/* ---- watches ---- */

static void watch(struct engine_client *c, struct slice key)
{
    struct engine *e = c->engine;
    struct engine_multi *m = multi_of(c);
    struct map *keys = &e->watched[c->db_index];
    keys->key_of = key_of_watch;
    struct watch_key *k = (struct watch_key *)map_find(keys, key);
    if (!k) {
        k = mem_alloc_zero(sizeof(*k) + key.len);
        k->db = c->db_index;
        k->node.aux = (uint32_t)key.len;
        if (key.len) memcpy(k->key, key.at, key.len);
        link_init(&k->watches);
        map_insert(keys, &k->node);
    }
    struct watch *w = mem_alloc_zero(sizeof(*w));
    w->key = k;
    w->client = c;
    w->did_exist = db_peek(&e->keyspace.dbs[c->db_index], key) != NULL;
    link_push_tail(&k->watches, &w->key_link);
    link_push_tail(&m->watches, &w->client_link);
    m->watches_count++;
}

static void unwatch_all(struct engine_client *c)
{
    struct engine_multi *m = c->multi;
    c->flags &= ~(uint32_t)ENGINE_CLIENT_DIRTY_CAS;
    if (!m) return;
    while (!link_is_empty(&m->watches)) {
        struct watch *w = LINK_OWNER(m->watches.next, struct watch, client_link);
        struct watch_key *k = w->key;
        link_remove(&w->client_link);
        link_remove(&w->key_link);
        mem_free(w);
        if (!link_is_empty(&k->watches)) continue;
        map_unlink(&c->engine->watched[k->db], &k->node);
        mem_free(k);
    }
    m->watches_count = 0;
}

enum watched { WATCHED_ANY, WATCHED_EXISTING, WATCHED_MISSING };

/* Of those who watch the key: all, or who found it there, or who found nothing. */
static void dirty_watchers(struct watch_key *k, enum watched which)
{
    for (struct link *link = k->watches.next; link != &k->watches; link = link->next) {
        struct watch *w = LINK_OWNER(link, struct watch, key_link);
        if (which == WATCHED_ANY || w->did_exist == (which == WATCHED_EXISTING))
            w->client->flags |= ENGINE_CLIENT_DIRTY_CAS;
    }
}

void multi_note_key(struct engine *e, uint32_t db, struct slice key, bool is_beside)
{
    struct watch_key *k = (struct watch_key *)map_find(&e->watched[db], key);
    if (k) dirty_watchers(k, is_beside ? WATCHED_MISSING : WATCHED_ANY);
}

void multi_note_db(struct engine *e, uint32_t db)
{
    struct map_iter it;
    map_iter_begin(&it, &e->watched[db]);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct watch_key *k = (struct watch_key *)node;
        bool exists = db_peek(&e->keyspace.dbs[db], key_of_watch(node)) != NULL;
        dirty_watchers(k, exists ? WATCHED_ANY : WATCHED_EXISTING);
    }
    map_iter_end(&it);
}

/* Looking at each watched key removes those whose time has come, which is a change like any other. */
static void expire_watched(struct engine_client *c)
{
    struct engine_multi *m = c->multi;
    if (!m) return;
    for (struct link *link = m->watches.next; link != &m->watches; link = link->next) {
        const struct watch_key *k = LINK_OWNER(link, struct watch, client_link)->key;
        db_peek(&c->engine->keyspace.dbs[k->db], key_of_watch(&k->node));
    }
}

void multi_discard(struct engine_client *c)
{
    unwatch_all(c);
    c->flags &= ~(uint32_t)(ENGINE_CLIENT_MULTI | ENGINE_CLIENT_DIRTY_EXEC);
    if (!c->multi) return;
    drop_queue(c->multi);
    mem_free(c->multi);
    c->multi = NULL;
}

/* ---- commands ---- */

static void cmd_multi(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (c->flags & ENGINE_CLIENT_MULTI) {
        reply_error(ctx->reply, SLICE_LIT("ERR MULTI calls can not be nested"));
        return;
    }
    c->flags |= ENGINE_CLIENT_MULTI;
    reply_ok(ctx->reply);
}

static void cmd_discard(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (!(c->flags & ENGINE_CLIENT_MULTI)) {
        reply_error(ctx->reply, SLICE_LIT("ERR DISCARD without MULTI"));
        return;
    }
    multi_discard(c);
    reply_ok(ctx->reply);
}

static void cmd_watch(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (c->flags & ENGINE_CLIENT_MULTI) {
        reply_error(ctx->reply, SLICE_LIT("ERR WATCH inside MULTI is not allowed"));
        return;
    }
    /* Once dirty, EXEC fails whatever else is watched. */
    for (int i = 1; i < ctx->argc && !(c->flags & ENGINE_CLIENT_DIRTY_CAS); i++) watch(c, ctx->argv[i]);
    reply_ok(ctx->reply);
}

static void cmd_unwatch(struct cmd_ctx *ctx)
{
    unwatch_all(client_of(ctx));
    reply_ok(ctx->reply);
}

static void run_queue(struct cmd_ctx *ctx, struct engine_client *c, struct engine_multi *m)
{
    struct engine *e = c->engine;
    int64_t now_ms = e->keyspace.now_ms;
    reply_array(ctx->reply, m->count);
    for (size_t i = 0; i < m->count; i++) {
        struct multi_command *q = m->queue[i];
        struct cmd_ctx sub = {
            .keyspace = &e->keyspace,
            .db = &e->keyspace.dbs[c->db_index],
            .reply = engine_reply_of(c),
            .argv = q->argv,
            .argc = q->argc,
            .command = q->slot->row,
            .container = q->slot->container,
            .name = q->slot->name,
            .scratch = &e->scratch,
            .flags = CMD_CTX_MULTI | CMD_CTX_NO_BLOCK,
            .client = c,
            .host = e,
            .script_host = e->scripts,
        };
        engine_call(c, q->slot, &sub);
        /* No key expires in the middle: all of it happens at one instant, as all of a script does. */
        e->keyspace.now_ms = now_ms;
    }
}

static void cmd_exec(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (!(c->flags & ENGINE_CLIENT_MULTI)) {
        reply_error(ctx->reply, SLICE_LIT("ERR EXEC without MULTI"));
        return;
    }
    expire_watched(c);
    uint32_t flags = c->flags;
    struct engine_multi *m = multi_of(c);
    /* The watches go before the queue runs: its own changes are no reason to fail. */
    unwatch_all(c);
    c->multi = NULL;
    c->flags &= ~(uint32_t)(ENGINE_CLIENT_MULTI | ENGINE_CLIENT_DIRTY_EXEC);

    if (flags & ENGINE_CLIENT_DIRTY_EXEC)
        reply_error(ctx->reply, SLICE_LIT("EXECABORT Transaction discarded because of previous errors."));
    else if (flags & ENGINE_CLIENT_DIRTY_CAS)
        reply_null_array(ctx->reply);
    else
        run_queue(ctx, c, m);
    drop_queue(m);
    mem_free(m);
}

const struct command engine_multi_rows[] = {
    {.name = "multi",
     .run = cmd_multi,
     .arity = 1,
     .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "transactions",
     .since = "1.2.0",
     .summary = "Starts queueing commands for EXEC.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "exec",
     .run = cmd_exec,
     .arity = 1,
     .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SKIP_SLOWLOG,
     .group = "transactions",
     .since = "1.2.0",
     .summary = "Runs the queued commands as one step.",
     .complexity = "That of the queued commands",
     .args = ""},
    {.name = "discard",
     .run = cmd_discard,
     .arity = 1,
     .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "transactions",
     .since = "2.0.0",
     .summary = "Forgets the queued commands and the watched keys.",
     .complexity = "O(N) with N the queued commands",
     .args = ""},
    {.name = "watch",
     .run = cmd_watch,
     .arity = -2,
     .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
     .keys = {1, -1, 1},
     .group = "transactions",
     .since = "2.2.0",
     .summary = "Makes the next EXEC fail if one of the keys changes before it.",
     .complexity = "O(1) for each key",
     .args = "key [key ...]"},
    {.name = "unwatch",
     .run = cmd_unwatch,
     .arity = 1,
     .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "transactions",
     .since = "2.2.0",
     .summary = "Forgets the watched keys.",
     .complexity = "O(1)",
     .args = ""},
    {0},
};
