/* SPDX-License-Identifier: MIT */
/*
 * Streams: XCLAIM and XAUTOCLAIM, which make pending entries another consumer's.
 *
 * Both forget what is pending but was deleted from the stream, and create the consumer when the first entry is claimed.
 */
#include "base/num.h"
#include "cmd/cmd_stream.h"

#define ATTEMPTS_PER_COUNT 10 /* entries that XAUTOCLAIM looks at for each that it may give */
#define AUTO_COUNT 100        /* how many it gives where no COUNT says otherwise */

struct claim {
    struct entry *e;
    struct stream_group *g;
    struct stream_consumer *consumer; /* NULL until something was claimed */
    int64_t min_idle_ms;
    int64_t delivered_ms;   /* what the delivery time becomes; -1: now */
    int64_t delivery_count; /* -1: one more, or the same with JUSTID */
    bool is_forced, has_just_id;
    struct stream_id last_id;
};

/* Reads argv[i] with an error of its own. */
static bool parse_option(struct cmd_ctx *ctx, int i, const char *what, int64_t *out)
{
    if (num_parse_int(ctx->argv[i], out)) return true;
    reply_errorf(ctx->reply, "ERR Invalid %s", what);
    return false;
}

static bool is_idle_enough(const struct cmd_ctx *ctx, const struct claim *c, const struct stream_pending *p)
{
    return c->min_idle_ms == 0 || cmd_now_ms(ctx) - p->delivered_ms >= c->min_idle_ms;
}

/* p is a copy of the pending entry, or a new one. */
static void claim_entry(struct cmd_ctx *ctx, struct claim *c, struct stream_pending p)
{
    if (!c->consumer) c->consumer = edit_stream_see_consumer(ctx->db, c->e, c->g, ctx->argv[3], cmd_now_ms(ctx));
    p.consumer = c->consumer;
    p.delivered_ms = c->delivered_ms;
    if (c->delivery_count >= 0)
        p.delivery_count = c->delivery_count;
    else if (!c->has_just_id)
        p.delivery_count++;
    edit_stream_set_pending(ctx->db, c->e, c->g, p);
}

static void reply_claimed(struct cmd_ctx *ctx, const struct claim *c, struct stream_id id)
{
    if (c->has_just_id)
        cmd_stream_reply_id(ctx->reply, id);
    else
        CHECK(cmd_stream_reply_one(ctx->reply, &c->e->value, id));
}

/* ---- XCLAIM ---- */

/* Reads the option at argv[*i] and leaves *i at its last argument. */
static bool parse_claim_option(struct cmd_ctx *ctx, int *i, struct claim *c)
{
    bool has_more = *i + 1 < ctx->argc;
    if (cmd_is(ctx, *i, "force")) {
        c->is_forced = true;
    } else if (cmd_is(ctx, *i, "justid")) {
        c->has_just_id = true;
    } else if (has_more && cmd_is(ctx, *i, "idle")) {
        int64_t idle_ms;
        if (!parse_option(ctx, ++*i, "IDLE option argument for XCLAIM", &idle_ms)) return false;
        if (__builtin_sub_overflow(cmd_now_ms(ctx), idle_ms, &c->delivered_ms)) c->delivered_ms = -1;
    } else if (has_more && cmd_is(ctx, *i, "time")) {
        return parse_option(ctx, ++*i, "TIME option argument for XCLAIM", &c->delivered_ms);
    } else if (has_more && cmd_is(ctx, *i, "retrycount")) {
        return parse_option(ctx, ++*i, "RETRYCOUNT option argument for XCLAIM", &c->delivery_count);
    } else if (has_more && cmd_is(ctx, *i, "lastid")) {
        return cmd_stream_id(ctx, ++*i, &c->last_id);
    } else {
        reply_errorf(ctx->reply, "ERR Unrecognized XCLAIM option '%.*s'", CMD_STREAM_TEXT(ctx->argv[*i]));
        return false;
    }
    return true;
}

/* Reads the ids from argv[5] on and the options after them; returns the ids, NULL: the error was replied. */
static struct stream_id *parse_claim(struct cmd_ctx *ctx, struct claim *c, int *out_ids_count)
{
    struct stream_id *ids = ARENA_ARRAY(ctx->scratch, struct stream_id, (size_t)ctx->argc);
    int i = 5;
    if (!parse_option(ctx, 4, "min-idle-time argument for XCLAIM", &c->min_idle_ms)) return NULL;
    while (i < ctx->argc && stream_id_parse(ctx->argv[i], 0, &ids[i - 5], NULL)) i++;
    *out_ids_count = i - 5;
    for (; i < ctx->argc; i++) {
        if (!parse_claim_option(ctx, &i, c)) return NULL;
    }
    if (c->min_idle_ms < 0) c->min_idle_ms = 0;
    /* Clients reckon with their own clocks: a time that cannot be is now. */
    if (c->delivered_ms < 0 || c->delivered_ms > cmd_now_ms(ctx)) c->delivered_ms = cmd_now_ms(ctx);
    return ids;
}

/* True when the entry was claimed. */
static bool claim_by_id(struct cmd_ctx *ctx, struct claim *c, struct stream_id id)
{
    const struct stream_pending *p = stream_pending_find(c->g, id);
    if (!stream_has(&c->e->value, id)) {
        if (p) edit_stream_delete_pending(ctx->db, c->e, c->g, id);
        return false;
    }
    if (!p && !c->is_forced) return false;
    if (p && !is_idle_enough(ctx, c, p)) return false;
    /* A forced one counts as delivered once before it is claimed. */
    claim_entry(ctx, c, p ? *p : (struct stream_pending){.id = id, .delivery_count = 1});
    return true;
}

void cmd_xclaim(struct cmd_ctx *ctx)
{
    struct claim c = {.delivered_ms = -1, .delivery_count = -1};
    int ids_count, claimed = 0;
    if (!cmd_stream_group(ctx, &c.e, &c.g)) return;
    const struct stream_id *ids = parse_claim(ctx, &c, &ids_count);
    if (!ids) return;
    if (stream_id_less(c.g->last_id, c.last_id))
        edit_stream_set_group(ctx->db, c.e, ctx->argv[2], c.last_id, c.g->entries_read);
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    for (int i = 0; i < ids_count; i++) {
        if (!claim_by_id(ctx, &c, ids[i])) continue;
        reply_claimed(ctx, &c, ids[i]);
        claimed++;
    }
    reply_end(ctx->reply, mark, REPLY_ARRAY, (size_t)claimed);
}

/* ---- XAUTOCLAIM ---- */

struct auto_claim {
    struct claim claim;
    struct stream_id next; /* where to look on; in the end the cursor */
    int64_t count;
    struct stream_id *claimed, *deleted;
    size_t claimed_count, deleted_count;
};

/* Everything but the group. False: the error was replied. */
static bool parse_auto_claim(struct cmd_ctx *ctx, struct auto_claim *a)
{
    struct claim *c = &a->claim;
    if (!parse_option(ctx, 4, "min-idle-time argument for XAUTOCLAIM", &c->min_idle_ms)) return false;
    if (c->min_idle_ms < 0) c->min_idle_ms = 0;
    if (!cmd_stream_bound(ctx, 5, CMD_STREAM_START, &a->next)) return false;
    for (int i = 6; i < ctx->argc; i++) {
        if (i + 1 < ctx->argc && cmd_is(ctx, i, "count")) {
            /* The most that Redis takes is what an array of ids can have. */
            if (num_parse_int(ctx->argv[++i], &a->count) && a->count >= 1 &&
                a->count <= INT64_MAX / (int64_t)sizeof(struct stream_id))
                continue;
            reply_error(ctx->reply, SLICE_LIT("ERR COUNT must be > 0"));
            return false;
        }
        if (!cmd_is(ctx, i, "justid")) {
            cmd_reply_syntax(ctx);
            return false;
        }
        c->has_just_id = true;
    }
    return true;
}

/* Looks at the first pending entry from a->next on, and moves a->next behind it. False: there is none. */
static bool look_at_next(struct cmd_ctx *ctx, struct auto_claim *a)
{
    struct claim *c = &a->claim;
    struct stream_pel_iter it;
    stream_pel_iter_begin(&it, &c->g->pending, a->next);
    const struct stream_pending *p = stream_pel_iter_next(&it);
    if (!p) return false;
    a->next = p->id;
    if (!stream_has(&c->e->value, p->id)) {
        a->deleted[a->deleted_count++] = p->id;
        edit_stream_delete_pending(ctx->db, c->e, c->g, p->id);
    } else if (is_idle_enough(ctx, c, p)) {
        a->claimed[a->claimed_count++] = p->id;
        claim_entry(ctx, c, *p);
    }
    return stream_id_step_up(&a->next);
}

/* The cursor: the next pending entry, 0-0 at the end. */
static struct stream_id find_cursor(const struct auto_claim *a)
{
    struct stream_pel_iter it;
    stream_pel_iter_begin(&it, &a->claim.g->pending, a->next);
    const struct stream_pending *p = stream_pel_iter_next(&it);
    return p ? p->id : STREAM_ID_MIN;
}

void cmd_xautoclaim(struct cmd_ctx *ctx)
{
    struct auto_claim a = {.claim = {.delivered_ms = cmd_now_ms(ctx), .delivery_count = -1}, .count = AUTO_COUNT};
    struct claim *c = &a.claim;
    if (!parse_auto_claim(ctx, &a) || !cmd_stream_group(ctx, &c->e, &c->g)) return;
    size_t most = (uint64_t)a.count < c->g->pending.count ? (size_t)a.count : c->g->pending.count;
    a.claimed = ARENA_ARRAY(ctx->scratch, struct stream_id, most + 1);
    a.deleted = ARENA_ARRAY(ctx->scratch, struct stream_id, most + 1);
    bool has_next = true;
    for (int64_t attempts = 0; has_next && attempts / ATTEMPTS_PER_COUNT < a.count; attempts++) {
        if (a.claimed_count + a.deleted_count == (size_t)a.count) break;
        has_next = look_at_next(ctx, &a);
    }

    reply_array(ctx->reply, 3);
    cmd_stream_reply_id(ctx->reply, has_next ? find_cursor(&a) : STREAM_ID_MIN);
    reply_array(ctx->reply, a.claimed_count);
    for (size_t i = 0; i < a.claimed_count; i++) reply_claimed(ctx, c, a.claimed[i]);
    reply_array(ctx->reply, a.deleted_count);
    for (size_t i = 0; i < a.deleted_count; i++) cmd_stream_reply_id(ctx->reply, a.deleted[i]);
}
