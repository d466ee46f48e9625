/* SPDX-License-Identifier: MIT */
/* Streams: XGROUP, XACK and XPENDING. */
#include "cmd/cmd_stream.h"

/* ---- XGROUP ---- */

struct group_args {
    bool makes_stream;
    int64_t entries_read;
};

/* XGROUP CREATE's and SETID's options, from argv[5] on. False: the error was replied. */
static bool parse_group_args(struct cmd_ctx *ctx, bool is_create, struct group_args *out)
{
    *out = (struct group_args){.entries_read = STREAM_READ_UNKNOWN};
    for (int i = 5; i < ctx->argc; i++) {
        if (is_create && cmd_is(ctx, i, "mkstream")) {
            out->makes_stream = true;
        } else if (i + 1 < ctx->argc && cmd_is(ctx, i, "entriesread")) {
            if (!cmd_int(ctx, ++i, &out->entries_read)) return false;
            if (out->entries_read >= STREAM_READ_UNKNOWN) continue;
            reply_error(ctx->reply, SLICE_LIT("ERR value for ENTRIESREAD must be positive or -1"));
            return false;
        } else {
            cmd_stream_reply_bad_subcommand(ctx);
            return false;
        }
    }
    return true;
}

/* Finds the stream argv[2]. False: an error was replied, also where it is absent and must not be. */
static bool find_stream(struct cmd_ctx *ctx, bool may_be_absent, struct entry **out)
{
    if (!cmd_find(ctx, ctx->argv[2], VALUE_STREAM, out)) return false;
    if (*out || may_be_absent) return true;
    reply_error(ctx->reply,
                SLICE_LIT("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may "
                          "want to use the MKSTREAM option to create an empty stream automatically."));
    return false;
}

/* Finds the stream argv[2] and its group argv[3]. False: an error was replied. */
static bool find_group(struct cmd_ctx *ctx, struct entry **out_entry, struct stream_group **out_group)
{
    if (!find_stream(ctx, false, out_entry)) return false;
    *out_group = stream_group_find(&(*out_entry)->value, ctx->argv[3]);
    if (*out_group) return true;
    reply_errorf(ctx->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", CMD_STREAM_TEXT(ctx->argv[3]),
                 CMD_STREAM_TEXT(ctx->argv[2]));
    return false;
}

/* argv[4]: an id, or "$" for the stream's last one. */
static bool parse_last_id(struct cmd_ctx *ctx, const struct entry *e, struct stream_id *out)
{
    if (!slice_equal(ctx->argv[4], SLICE_LIT("$"))) return cmd_stream_id(ctx, 4, out);
    *out = e ? stream_borrow(&e->value)->last_id : STREAM_ID_MIN;
    return true;
}

static void run_create(struct cmd_ctx *ctx)
{
    struct group_args args;
    struct entry *e;
    struct stream_id last_id;
    if (!parse_group_args(ctx, true, &args) || !find_stream(ctx, args.makes_stream, &e)) return;
    if (ctx->argc > 8) {
        cmd_stream_reply_bad_subcommand(ctx);
        return;
    }
    if (!parse_last_id(ctx, e, &last_id)) return;
    if (e && stream_group_find(&e->value, ctx->argv[3])) {
        reply_error(ctx->reply, SLICE_LIT("BUSYGROUP Consumer Group name already exists"));
        return;
    }
    if (!e) e = db_create(ctx->db, ctx->argv[2], VALUE_STREAM);
    edit_stream_set_group(ctx->db, e, ctx->argv[3], last_id, args.entries_read);
    reply_ok(ctx->reply);
}

static void run_setid(struct cmd_ctx *ctx)
{
    struct group_args args;
    struct entry *e;
    struct stream_group *g;
    struct stream_id last_id;
    if (!parse_group_args(ctx, false, &args) || !find_group(ctx, &e, &g)) return;
    if (ctx->argc > 7) {
        cmd_stream_reply_bad_subcommand(ctx);
        return;
    }
    /* Here, unlike anywhere else, "-" and "+" are ids. */
    bool is_edge = slice_equal(ctx->argv[4], SLICE_LIT("-")) || slice_equal(ctx->argv[4], SLICE_LIT("+"));
    if (is_edge)
        last_id = ctx->argv[4].at[0] == '-' ? STREAM_ID_MIN : STREAM_ID_MAX;
    else if (!parse_last_id(ctx, e, &last_id))
        return;
    edit_stream_set_group(ctx->db, e, ctx->argv[3], last_id, args.entries_read);
    reply_ok(ctx->reply);
}

static void run_destroy(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (find_stream(ctx, false, &e)) reply_integer(ctx->reply, edit_stream_delete_group(ctx->db, e, ctx->argv[3]));
}

static void run_createconsumer(struct cmd_ctx *ctx)
{
    struct entry *e;
    struct stream_group *g;
    if (!find_group(ctx, &e, &g)) return;
    bool is_new = !stream_consumer_find(g, ctx->argv[4]);
    if (is_new) edit_stream_see_consumer(ctx->db, e, g, ctx->argv[4], cmd_now_ms(ctx));
    reply_integer(ctx->reply, is_new);
}

static void run_delconsumer(struct cmd_ctx *ctx)
{
    struct entry *e;
    struct stream_group *g;
    if (!find_group(ctx, &e, &g)) return;
    const struct stream_consumer *c = stream_consumer_find(g, ctx->argv[4]);
    int64_t pending_count = c ? (int64_t)c->pending.count : 0;
    edit_stream_delete_consumer(ctx->db, e, g, ctx->argv[4]);
    reply_integer(ctx->reply, pending_count);
}

#define ROW(name_, run_, arity_, flags_, since_, complexity_, args_, summary_)                                         \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = {2, 2, 1}, .group = "stream",            \
        .since = since_, .complexity = complexity_, .args = args_, .summary = summary_                                 \
    }

const struct command cmd_xgroup_rows[] = {
    ROW("create", run_create, -5, CMD_WRITE | CMD_DENYOOM, "5.0.0", "O(1)",
        "key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]", "Creates a group that reads on from an id."),
    ROW("createconsumer", run_createconsumer, 5, CMD_WRITE | CMD_DENYOOM, "6.2.0", "O(1)", "key group consumer",
        "Creates a consumer in a group, which reading does by itself."),
    ROW("delconsumer", run_delconsumer, 5, CMD_WRITE, "5.0.0", "O(N), N the consumer's pending entries",
        "key group consumer", "Deletes a consumer and forgets what is pending for it."),
    ROW("destroy", run_destroy, 4, CMD_WRITE, "5.0.0", "O(N), N the group's pending entries", "key group",
        "Deletes a group."),
    {.name = "help",
     .run = cmd_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = "stream",
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    ROW("setid", run_setid, -5, CMD_WRITE, "5.0.0", "O(1)", "key group id | $ [ENTRIESREAD entries-read]",
        "Sets the id that a group reads on from."),
    {0},
};

/* ---- XACK ---- */

void cmd_xack(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return;
    struct stream_group *g = e ? stream_group_find(&e->value, ctx->argv[2]) : NULL;
    if (!g) {
        reply_integer(ctx->reply, 0);
        return;
    }
    const struct stream_id *ids = cmd_stream_ids(ctx, 3, ctx->argc);
    if (!ids) return;
    int64_t acknowledged = 0;
    for (int i = 3; i < ctx->argc; i++) acknowledged += edit_stream_delete_pending(ctx->db, e, g, ids[i - 3]);
    reply_integer(ctx->reply, acknowledged);
}

/* ---- XPENDING ---- */

/* How many, the first and the last, and how many of each consumer. */
static void reply_summary(struct cmd_ctx *ctx, const struct stream_group *g)
{
    struct reply *r = ctx->reply;
    reply_array(r, 4);
    reply_integer(r, (int64_t)g->pending.count);
    if (g->pending.count == 0) {
        reply_null(r);
        reply_null(r);
        reply_null_array(r);
        return;
    }
    cmd_stream_reply_id(r, ((const struct stream_pending *)stream_pel_first(&g->pending))->id);
    cmd_stream_reply_id(r, ((const struct stream_pending *)stream_pel_last(&g->pending))->id);
    size_t busy = 0;
    struct reply_mark mark = reply_begin(r, REPLY_ARRAY);
    for (uint32_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        if (c->pending.count == 0) continue;
        busy++;
        reply_array(r, 2);
        reply_bulk(r, stream_name_text(&c->name));
        reply_bulk_integer(r, (int64_t)c->pending.count);
    }
    reply_end(r, mark, REPLY_ARRAY, busy);
}

struct pending_args {
    int64_t min_idle_ms;
    struct stream_id first, last;
    int64_t count;
    int consumer_at; /* argv's index; 0: of any consumer */
};

/* False: the error was replied. */
static bool parse_pending(struct cmd_ctx *ctx, struct pending_args *out)
{
    int i = 3;
    *out = (struct pending_args){0};
    if (cmd_is(ctx, 3, "idle")) {
        if (!cmd_int(ctx, 4, &out->min_idle_ms)) return false;
        if (ctx->argc < 8) {
            cmd_reply_syntax(ctx);
            return false;
        }
        i = 5;
    }
    if (!cmd_int(ctx, i + 2, &out->count) || !cmd_stream_bound(ctx, i, CMD_STREAM_START, &out->first)) return false;
    if (!cmd_stream_bound(ctx, i + 1, CMD_STREAM_END, &out->last)) return false;
    if (i + 3 < ctx->argc) out->consumer_at = i + 3;
    return true;
}

static void reply_pending(struct cmd_ctx *ctx, const struct stream_pending *p)
{
    int64_t idle_ms = cmd_now_ms(ctx) - p->delivered_ms;
    reply_array(ctx->reply, 4);
    cmd_stream_reply_id(ctx->reply, p->id);
    reply_bulk(ctx->reply, stream_name_text(&p->consumer->name));
    reply_integer(ctx->reply, idle_ms > 0 ? idle_ms : 0);
    reply_integer(ctx->reply, p->delivery_count);
}

static void reply_details(struct cmd_ctx *ctx, const struct stream_group *g, const struct pending_args *args)
{
    const struct stream_pel *pel = &g->pending;
    if (args->consumer_at) {
        const struct stream_consumer *c = stream_consumer_find(g, ctx->argv[args->consumer_at]);
        if (!c) {
            reply_array(ctx->reply, 0);
            return;
        }
        pel = &c->pending;
    }
    int64_t given = 0;
    struct stream_pel_iter it;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    stream_pel_iter_begin(&it, pel, args->first);
    /* Elements of both lists start with the id. */
    for (const struct stream_id *id = stream_pel_iter_next(&it); id && given < args->count;
         id = stream_pel_iter_next(&it)) {
        if (stream_id_less(args->last, *id)) break;
        const struct stream_pending *p = stream_pending_find(g, *id);
        if (args->min_idle_ms && cmd_now_ms(ctx) - p->delivered_ms < args->min_idle_ms) continue;
        reply_pending(ctx, p);
        given++;
    }
    reply_end(ctx->reply, mark, REPLY_ARRAY, (size_t)given);
}

void cmd_xpending(struct cmd_ctx *ctx)
{
    struct pending_args args;
    struct entry *e;
    struct stream_group *g;
    bool is_summary = ctx->argc == 3;
    if (!is_summary && (ctx->argc < 6 || ctx->argc > 9)) {
        cmd_reply_syntax(ctx);
        return;
    }
    if (!is_summary && !parse_pending(ctx, &args)) return;
    if (!cmd_stream_group(ctx, &e, &g)) return;
    if (is_summary)
        reply_summary(ctx, g);
    else
        reply_details(ctx, g, &args);
}
