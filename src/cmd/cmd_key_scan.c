/* SPDX-License-Identifier: MIT */
/* All keys of a database: KEYS, SCAN, RANDOMKEY. Expired keys that nobody has removed yet are passed over. */
#include "cmd/cmd_key.h"
#include "cmd/scan.h"

void cmd_key_keys(struct cmd_ctx *ctx)
{
    bool is_all = slice_equal(ctx->argv[1], SLICE_LIT("*"));
    size_t count = 0;
    struct map_iter it;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    map_iter_begin(&it, &ctx->db->keys);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        const struct entry *e = (const struct entry *)node;
        if (!is_all && !slice_glob(ctx->argv[1], entry_key(e), false)) continue;
        if (db_is_expired(ctx->db, e)) continue;
        reply_bulk(ctx->reply, entry_key(e));
        count++;
    }
    map_iter_end(&it);
    reply_end(ctx->reply, mark, REPLY_ARRAY, count);
}

struct key_scan {
    struct cmd_scan scan;
    const struct db *db;
};

static bool is_wanted(struct key_scan *s, const struct entry *e)
{
    struct cmd_scan *scan = &s->scan;
    if (!cmd_scan_matches(scan, entry_key(e)) || db_is_expired(s->db, e)) return false;
    const char *type = value_type_name((enum value_type)e->value.type);
    return !scan->type_name.at || slice_is(scan->type_name, type);
}

static void add_key(void *ctx, struct map_node *node)
{
    struct key_scan *s = ctx;
    const struct entry *e = (const struct entry *)node;
    if (is_wanted(s, e)) cmd_scan_add(&s->scan, entry_key(e));
}

void cmd_key_scan(struct cmd_ctx *ctx)
{
    struct key_scan s = {.db = ctx->db};
    if (!cmd_cursor(ctx, 1, &s.scan.cursor) || !cmd_scan_options(ctx, 2, true, &s.scan)) return;
    do s.scan.cursor = map_scan(&ctx->db->keys, s.scan.cursor, add_key, &s);
    while (cmd_scan_wants_more(&s.scan));
    cmd_scan_reply(ctx, &s.scan);
}

void cmd_key_randomkey(struct cmd_ctx *ctx)
{
    struct db *db = ctx->db;
    for (;;) {
        const struct entry *e = (const struct entry *)map_random(&db->keys, ctx->keyspace->rng);
        if (!e) {
            reply_null(ctx->reply);
            return;
        }
        struct slice key = entry_key(e);
        if (!db_is_expired(db, e)) {
            reply_bulk(ctx->reply, key);
            return;
        }
        /* Removes it, so that this ends. */
        (void)db_peek(db, key);
    }
}
