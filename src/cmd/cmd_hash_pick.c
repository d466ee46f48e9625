/* SPDX-License-Identifier: MIT */
/* Some fields of a hash: HSCAN and HRANDFIELD. */
#include "cmd/cmd_hash.h"
#include "cmd/scan.h"
#include "keyspace/hash.h"

static void add_pair(void *ctx, struct slice field, struct slice value)
{
    struct cmd_scan *scan = ctx;
    if (!cmd_scan_matches(scan, field)) return;
    cmd_scan_add(scan, field);
    cmd_scan_add(scan, value);
}

void cmd_hash_hscan(struct cmd_ctx *ctx)
{
    struct cmd_scan scan;
    struct entry *e;
    if (!cmd_cursor(ctx, 2, &scan.cursor) || !cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    if (!e) {
        cmd_scan_reply_empty(ctx);
        return;
    }
    if (!cmd_scan_options(ctx, 3, false, &scan)) return;
    if (hash_count(&e->value) > scan.count) hash_make_pageable(&e->value);
    do scan.cursor = hash_scan(&e->value, scan.cursor, add_pair, &scan);
    while (cmd_scan_wants_more(&scan));
    cmd_scan_reply(ctx, &scan);
}

struct pick {
    struct reply *reply;
    bool has_values;
};

static bool reply_pick(void *ctx, struct slice field, struct slice value)
{
    const struct pick *p = ctx;
    if (p->has_values && p->reply->resp > 2) reply_array(p->reply, 2);
    reply_bulk(p->reply, field);
    if (p->has_values) reply_bulk(p->reply, value);
    return !p->reply->is_full;
}

static void reply_picks(struct cmd_ctx *ctx, const struct value *v, int64_t count, bool has_values)
{
    bool is_distinct = count >= 0;
    uint64_t picks = is_distinct ? (uint64_t)count : (uint64_t)-count;
    if (is_distinct && picks > hash_count(v)) picks = hash_count(v);
    if (!is_distinct && !cmd_may_repeat(ctx, v, picks)) return;
    struct pick pick = {.reply = ctx->reply, .has_values = has_values};
    reply_array(ctx->reply, has_values && ctx->reply->resp == 2 ? 2 * picks : picks);
    if (is_distinct)
        hash_pick_distinct(v, ctx->keyspace->rng, picks, reply_pick, &pick);
    else
        hash_pick(v, ctx->keyspace->rng, picks, reply_pick, &pick);
}

/* With a count: argv[2], and WITHVALUES perhaps. */
static void pick_several(struct cmd_ctx *ctx)
{
    int64_t count;
    struct entry *e;
    if (!cmd_int_in(ctx, 2, -INT64_MAX, INT64_MAX, &count)) return;
    bool has_values = ctx->argc == 4 && cmd_is(ctx, 3, "withvalues");
    if (ctx->argc > 3 && !has_values) {
        cmd_reply_syntax(ctx);
        return;
    }
    if (has_values && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        reply_error(ctx->reply, CMD_ERR_OUT_OF_RANGE);
        return;
    }
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    if (e)
        reply_picks(ctx, &e->value, count, has_values);
    else
        reply_array(ctx->reply, 0);
}

void cmd_hash_hrandfield(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (ctx->argc > 2) {
        pick_several(ctx);
        return;
    }
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    struct pick pick = {.reply = ctx->reply};
    if (e)
        hash_pick(&e->value, ctx->keyspace->rng, 1, reply_pick, &pick);
    else
        reply_null(ctx->reply);
}
