/* SPDX-License-Identifier: MIT */
/* Streams: XINFO. */
#include "cmd/cmd_stream.h"

#define FULL_COUNT 10 /* how much of each list XINFO STREAM FULL shows */

static void reply_key_integer(struct reply *r, struct slice key, int64_t n)
{
    reply_bulk(r, key);
    reply_integer(r, n);
}

static void reply_key_id(struct reply *r, struct slice key, struct stream_id id)
{
    reply_bulk(r, key);
    cmd_stream_reply_id(r, id);
}

static void reply_key_text(struct reply *r, struct slice key, struct slice text)
{
    reply_bulk(r, key);
    reply_bulk(r, text);
}

/* ---- the radix tree that Redis would have ---- */

#define ID_BYTES 16

/* How many of their bytes, the high ones first, two different ids have in common. */
static int common_bytes(struct stream_id a, struct stream_id b)
{
    uint64_t ms = a.ms ^ b.ms;
    return ms ? __builtin_clzll(ms) / 8 : 8 + __builtin_clzll(a.seq ^ b.seq) / 8;
}

/*
 * The nodes of a radix tree of the blocks' first ids: one where each id ends, one where ids part, and one for each run of
 * bytes between those (the byte at which ids part is in the parting node). The ids are in order: `open` are the depths at
 * which those so far part from what may follow; -1 stands for the root.
 */
static int64_t count_radix_nodes(const struct stream_dir *blocks)
{
    int open[ID_BYTES], open_count = 0, before = -1;
    int64_t nodes = 0;
    for (uint32_t i = 0; i < blocks->count; i++) {
        struct stream_id id = stream_dir_at(blocks, i)->first;
        int common = i + 1 < blocks->count ? common_bytes(id, stream_dir_at(blocks, i + 1)->first) : -1;
        nodes += 1 + (ID_BYTES - (before > common ? before : common) > 1);
        while (open_count > 0 && open[open_count - 1] > common) {
            int depth = open[--open_count];
            bool is_inside = open_count > 0 && open[open_count - 1] > common;
            nodes += 1 + (depth - (is_inside ? open[open_count - 1] : common) > 1);
        }
        if (common >= 0 && (open_count == 0 || open[open_count - 1] < common)) open[open_count++] = common;
        before = common;
    }
    return nodes ? nodes : 1;
}

/* ---- XINFO STREAM ---- */

static void reply_edge(struct cmd_ctx *ctx, const struct value *v, bool is_newest)
{
    struct stream_iter it;
    struct stream_entry entry;
    stream_iter_begin(&it, v, STREAM_ID_MIN, STREAM_ID_MAX, is_newest);
    if (stream_iter_next(&it, &entry))
        cmd_stream_reply_entry(ctx->reply, entry);
    else
        reply_null(ctx->reply);
}

/* A group's pending entries, with their consumer's name, or a consumer's; `count` at most unless it is 0. */
static void reply_pending(struct reply *r, const struct stream_group *g, const struct stream_pel *pel, uint64_t count)
{
    bool is_of_group = pel == &g->pending;
    size_t given = count && count < pel->count ? (size_t)count : pel->count;
    struct stream_pel_iter it;
    stream_pel_iter_begin(&it, pel, STREAM_ID_MIN);
    reply_array(r, given);
    for (; given > 0; given--) {
        const struct stream_id *id = stream_pel_iter_next(&it);
        const struct stream_pending *p = stream_pending_find(g, *id);
        reply_array(r, is_of_group ? 4 : 3);
        cmd_stream_reply_id(r, *id);
        if (is_of_group) reply_bulk(r, stream_name_text(&p->consumer->name));
        reply_integer(r, p->delivered_ms);
        reply_integer(r, p->delivery_count);
    }
}

/* "entries-read" and "lag", null where they are not known. */
static void reply_progress(struct reply *r, const struct value *v, const struct stream_group *g)
{
    int64_t lag;
    reply_bulk(r, SLICE_LIT("entries-read"));
    if (g->entries_read == STREAM_READ_UNKNOWN)
        reply_null(r);
    else
        reply_integer(r, g->entries_read);
    reply_bulk(r, SLICE_LIT("lag"));
    if (stream_group_lag(v, g, &lag))
        reply_integer(r, lag);
    else
        reply_null(r);
}

static void reply_group_in_full(struct reply *r, const struct value *v, const struct stream_group *g, uint64_t count)
{
    reply_map(r, 7);
    reply_key_text(r, SLICE_LIT("name"), stream_name_text(&g->name));
    reply_key_id(r, SLICE_LIT("last-delivered-id"), g->last_id);
    reply_progress(r, v, g);
    reply_key_integer(r, SLICE_LIT("pel-count"), (int64_t)g->pending.count);
    reply_bulk(r, SLICE_LIT("pending"));
    reply_pending(r, g, &g->pending, count);
    reply_bulk(r, SLICE_LIT("consumers"));
    reply_array(r, g->consumers.count);
    for (uint32_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        reply_map(r, 4);
        reply_key_text(r, SLICE_LIT("name"), stream_name_text(&c->name));
        reply_key_integer(r, SLICE_LIT("seen-time"), c->seen_ms);
        reply_key_integer(r, SLICE_LIT("pel-count"), (int64_t)c->pending.count);
        reply_bulk(r, SLICE_LIT("pending"));
        reply_pending(r, g, &c->pending, count);
    }
}

/* Reads [FULL [COUNT n]] from argv[3] on. False: the error was replied. */
static bool parse_full(struct cmd_ctx *ctx, bool *out_is_full, int64_t *out_count)
{
    *out_is_full = ctx->argc > 3;
    *out_count = FULL_COUNT;
    bool is_right = ctx->argc == 3 || (ctx->argc == 4 && cmd_is(ctx, 3, "full")) ||
                    (ctx->argc == 6 && cmd_is(ctx, 3, "full") && cmd_is(ctx, 4, "count"));
    if (!is_right) {
        cmd_stream_reply_bad_subcommand(ctx);
        return false;
    }
    if (ctx->argc == 6 && !cmd_int(ctx, 5, out_count)) return false;
    if (*out_count < 0) *out_count = FULL_COUNT;
    return true;
}

/* Finds the stream argv[2]. False: an error was replied. */
static bool find_stream(struct cmd_ctx *ctx, struct entry **out)
{
    if (!cmd_find(ctx, ctx->argv[2], VALUE_STREAM, out)) return false;
    if (!*out) reply_error(ctx->reply, CMD_ERR_NO_KEY);
    return *out != NULL;
}

static void run_stream(struct cmd_ctx *ctx)
{
    struct reply *r = ctx->reply;
    struct entry *e;
    bool is_full;
    int64_t count;
    if (!find_stream(ctx, &e) || !parse_full(ctx, &is_full, &count)) return;
    const struct value *v = &e->value;
    const struct stream *s = stream_borrow(v);
    reply_map(r, is_full ? 9 : 10);
    reply_key_integer(r, SLICE_LIT("length"), (int64_t)s->count);
    reply_key_integer(r, SLICE_LIT("radix-tree-keys"), s->blocks.count);
    reply_key_integer(r, SLICE_LIT("radix-tree-nodes"), count_radix_nodes(&s->blocks));
    reply_key_id(r, SLICE_LIT("last-generated-id"), s->last_id);
    reply_key_id(r, SLICE_LIT("max-deleted-entry-id"), s->max_deleted_id);
    reply_key_integer(r, SLICE_LIT("entries-added"), (int64_t)s->entries_added);
    reply_key_id(r, SLICE_LIT("recorded-first-entry-id"), stream_first_id(v));
    if (!is_full) {
        reply_key_integer(r, SLICE_LIT("groups"), s->groups.count);
        reply_bulk(r, SLICE_LIT("first-entry"));
        reply_edge(ctx, v, false);
        reply_bulk(r, SLICE_LIT("last-entry"));
        reply_edge(ctx, v, true);
        return;
    }
    struct stream_iter it;
    stream_iter_begin(&it, v, STREAM_ID_MIN, STREAM_ID_MAX, false);
    reply_bulk(r, SLICE_LIT("entries"));
    cmd_stream_reply_range(r, &it, (uint64_t)count);
    reply_bulk(r, SLICE_LIT("groups"));
    reply_array(r, s->groups.count);
    for (uint32_t i = 0; i < s->groups.count; i++) reply_group_in_full(r, v, stream_group_at(v, i), (uint64_t)count);
}

/* ---- XINFO GROUPS, XINFO CONSUMERS ---- */

static void run_groups(struct cmd_ctx *ctx)
{
    struct reply *r = ctx->reply;
    struct entry *e;
    if (!find_stream(ctx, &e)) return;
    uint32_t count = stream_borrow(&e->value)->groups.count;
    reply_array(r, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct stream_group *g = stream_group_at(&e->value, i);
        reply_map(r, 6);
        reply_key_text(r, SLICE_LIT("name"), stream_name_text(&g->name));
        reply_key_integer(r, SLICE_LIT("consumers"), g->consumers.count);
        reply_key_integer(r, SLICE_LIT("pending"), (int64_t)g->pending.count);
        reply_key_id(r, SLICE_LIT("last-delivered-id"), g->last_id);
        reply_progress(r, &e->value, g);
    }
}

static void run_consumers(struct cmd_ctx *ctx)
{
    struct reply *r = ctx->reply;
    struct entry *e;
    if (!find_stream(ctx, &e)) return;
    const struct stream_group *g = stream_group_find(&e->value, ctx->argv[3]);
    if (!g) {
        reply_errorf(r, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", CMD_STREAM_TEXT(ctx->argv[3]),
                     CMD_STREAM_TEXT(ctx->argv[2]));
        return;
    }
    reply_array(r, g->consumers.count);
    for (uint32_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        int64_t idle_ms = cmd_now_ms(ctx) - c->seen_ms;
        reply_map(r, 3);
        reply_key_text(r, SLICE_LIT("name"), stream_name_text(&c->name));
        reply_key_integer(r, SLICE_LIT("pending"), (int64_t)c->pending.count);
        reply_key_integer(r, SLICE_LIT("idle"), idle_ms > 0 ? idle_ms : 0);
    }
}

#define ROW(name_, run_, arity_, flags_, keys_, complexity_, args_, summary_)                                          \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = {keys_, keys_, keys_ / 2},               \
        .group = "stream", .since = "5.0.0", .complexity = complexity_, .args = args_, .summary = summary_             \
    }

const struct command cmd_xinfo_rows[] = {
    ROW("consumers", run_consumers, 4, CMD_READONLY, 2, "O(N), N the consumers", "key group",
        "The consumers of a group, how much is pending for each, and since when it has been idle."),
    ROW("groups", run_groups, 3, CMD_READONLY, 2, "O(N), N the groups", "key",
        "The groups of a stream and how far each has read."),
    ROW("help", cmd_help, 2, CMD_LOADING | CMD_STALE, 0, "O(1)", NULL, "Lists the subcommands."),
    ROW("stream", run_stream, -3, CMD_READONLY, 2, "O(N), N the entries and groups shown", "key [FULL [COUNT count]]",
        "A stream's counters, its first and last entry, or all of it."),
    {0},
};
