/* SPDX-License-Identifier: MIT */
/* All keys of a database: KEYS, SCAN, RANDOMKEY. Expired keys that nobody has removed yet are passed over. */
#include "cmd/cmd_key.h"
#include "cmd/scan.h"
#include "keyspace/keys.h"

struct key_list {
    struct cmd_ctx *ctx;
    struct slice pattern;
    bool is_all;
    size_t count;
};

static void list_key(void *ctx, const struct keys_key *key)
{
    struct key_list *l = ctx;
    if (!l->is_all && !slice_glob(l->pattern, key->name, false)) return;
    if (key->entry && db_is_expired(l->ctx->db, key->entry)) return;
    reply_bulk(l->ctx->reply, key->name);
    l->count++;
}

void cmd_key_keys(struct cmd_ctx *ctx)
{
    struct key_list l = {ctx, ctx->argv[1], slice_equal(ctx->argv[1], SLICE_LIT("*")), 0};
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    keys_visit(ctx->db, list_key, &l);
    reply_end(ctx->reply, mark, REPLY_ARRAY, l.count);
}

struct key_scan {
    struct cmd_scan scan;
    const struct db *db;
};

static bool is_wanted(struct key_scan *s, const struct keys_key *key)
{
    struct cmd_scan *scan = &s->scan;
    if (!cmd_scan_matches(scan, key->name) || (key->entry && db_is_expired(s->db, key->entry))) return false;
    return !scan->type_name.at || slice_is(scan->type_name, value_type_name(key->type));
}

static void add_key(void *ctx, const struct keys_key *key)
{
    struct key_scan *s = ctx;
    if (!is_wanted(s, key)) return;
    cmd_scan_add(&s->scan, key->entry ? key->name : arena_copy(s->scan.scratch, key->name));
}

void cmd_key_scan(struct cmd_ctx *ctx)
{
    struct key_scan s = {.db = ctx->db};
    if (!cmd_cursor(ctx, 1, &s.scan.cursor) || !cmd_scan_options(ctx, 2, true, &s.scan)) return;
    do s.scan.cursor = keys_scan(ctx->db, s.scan.cursor, add_key, &s);
    while (cmd_scan_wants_more(&s.scan));
    cmd_scan_reply(ctx, &s.scan);
}

void cmd_key_randomkey(struct cmd_ctx *ctx)
{
    struct db *db = ctx->db;
    struct keys_key key;
    char room[DORMANT_KEY_MAX];
    while (keys_random(db, ctx->keyspace->rng, room, &key)) {
        if (!key.entry || !db_is_expired(db, key.entry)) {
            reply_bulk(ctx->reply, key.name);
            return;
        }
        /* Removes it, so that this ends. */
        (void)db_peek(db, key.name);
    }
    reply_null(ctx->reply);
}
