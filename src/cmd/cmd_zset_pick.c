/* SPDX-License-Identifier: MIT */
/* Some elements of a sorted set: ZRANDMEMBER and ZSCAN. */
#include "base/num.h"
#include "cmd/cmd_zset.h"
#include "cmd/scan.h"

/* ---- ZRANDMEMBER ---- */

static void reply_rank(struct cmd_ctx *ctx, const struct value *v, size_t rank, bool with_scores)
{
    struct zset_cursor c = zset_seek_rank(v, rank);
    struct zset_element e;
    if (zset_next(&c, &e)) cmd_zset_reply_element(ctx->reply, &e, with_scores);
}

static void reply_any(struct cmd_ctx *ctx, const struct value *v, uint64_t count, bool with_scores)
{
    if (!cmd_may_repeat(ctx, v, count)) return;
    cmd_zset_reply_array(ctx->reply, count, with_scores);
    for (uint64_t i = 0; i < count && !ctx->reply->is_full; i++) {
        struct zset_element e = zset_random(v, ctx->keyspace->rng);
        cmd_zset_reply_element(ctx->reply, &e, with_scores);
    }
}

/* A large share of all: each element is taken with the probability that is still needed. */
static void reply_share(struct cmd_ctx *ctx, const struct value *v, size_t count, bool with_scores)
{
    struct zset_cursor c = zset_seek_rank(v, 0);
    struct zset_element e;
    for (size_t left = zset_count(v); count > 0 && zset_next(&c, &e); left--) {
        if (rng_below(ctx->keyspace->rng, left) >= count) continue;
        cmd_zset_reply_element(ctx->reply, &e, with_scores);
        count--;
    }
}

/* A small share: ranks drawn until enough are different, remembered in a table that stays half empty. */
static void reply_few(struct cmd_ctx *ctx, const struct value *v, size_t count, bool with_scores)
{
    size_t slots = 4, total = zset_count(v);
    while (slots < 2 * count) slots *= 2;
    size_t *table = ARENA_ARRAY(ctx->scratch, size_t, slots);
    memset(table, 0, slots * sizeof *table);
    while (count > 0) {
        size_t rank = rng_below(ctx->keyspace->rng, total);
        size_t at = rank * 11400714819323198485u & (slots - 1); /* 2^64 / golden ratio spreads neighbours */
        while (table[at] != 0 && table[at] != rank + 1) at = (at + 1) & (slots - 1);
        if (table[at] != 0) continue;
        table[at] = rank + 1;
        reply_rank(ctx, v, rank, with_scores);
        count--;
    }
}

static void reply_different(struct cmd_ctx *ctx, const struct value *v, uint64_t count, bool with_scores)
{
    size_t total = zset_count(v);
    if (count > total) count = total;
    cmd_zset_reply_array(ctx->reply, count, with_scores);
    if (count > total / 3)
        reply_share(ctx, v, count, with_scores);
    else
        reply_few(ctx, v, count, with_scores);
}

static void pick_several(struct cmd_ctx *ctx)
{
    int64_t count;
    if (!cmd_int_in(ctx, 2, -INT64_MAX, INT64_MAX, &count)) return;
    bool with_scores = ctx->argc == 4 && cmd_is(ctx, 3, "withscores");
    if (ctx->argc > 3 && !with_scores) {
        cmd_reply_syntax(ctx);
        return;
    }
    if (with_scores && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        reply_error(ctx->reply, CMD_ERR_OUT_OF_RANGE);
        return;
    }
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    if (!e)
        reply_array(ctx->reply, 0);
    else if (count < 0)
        reply_any(ctx, &e->value, (uint64_t)-count, with_scores);
    else
        reply_different(ctx, &e->value, (uint64_t)count, with_scores);
}

void cmd_zrandmember(struct cmd_ctx *ctx)
{
    if (ctx->argc > 2) {
        pick_several(ctx);
        return;
    }
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    if (e)
        reply_bulk(ctx->reply, zset_random(&e->value, ctx->keyspace->rng).member);
    else
        reply_null(ctx->reply);
}

/* ---- ZSCAN ---- */

static void add_element(void *ctx, const struct zset_element *e)
{
    struct cmd_scan *scan = ctx;
    if (!cmd_scan_matches(scan, e->member)) return;
    char digits[NUM_DOUBLE_MAX_CHARS];
    cmd_scan_add(scan, e->member);
    cmd_scan_add(scan, arena_copy(scan->scratch, slice_of(digits, num_format_double(digits, e->score))));
}

void cmd_zscan(struct cmd_ctx *ctx)
{
    struct cmd_scan scan;
    struct entry *e;
    if (!cmd_cursor(ctx, 2, &scan.cursor) || !cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    if (!e) {
        cmd_scan_reply_empty(ctx);
        return;
    }
    if (!cmd_scan_options(ctx, 3, false, &scan)) return;
    do scan.cursor = zset_scan(&e->value, scan.cursor, add_element, &scan);
    while (cmd_scan_wants_more(&scan));
    cmd_scan_reply(ctx, &scan);
}
