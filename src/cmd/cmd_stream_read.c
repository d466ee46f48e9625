/* SPDX-License-Identifier: MIT */
/*
 * Streams: XREAD and XREADGROUP.
 *
 * Arguments are read, then each stream's id is resolved, then each stream is tried; when none has anything, the command
 * waits if it may. "$" means the last id of this moment, so it is replaced in the arguments before waiting. Run again, a
 * command finds its keys changed in any way: XREAD passes over what is no stream any more, XREADGROUP answers that its key
 * or its group is gone.
 */
#include "base/num.h"
#include "cmd/cmd_stream.h"
#include "keyspace/tracker.h"

/* Entries of a stream that one wake-up gives where no COUNT was asked for. */
#define COUNT_AFTER_WAITING 1000u

struct read_args {
    bool is_group; /* XREADGROUP */
    bool has_group, has_noack;
    struct slice group, consumer;
    uint64_t count;     /* 0: all */
    int64_t timeout_ms; /* -1: does not wait */
    int keys_at;        /* argv's index of the first key; ids follow the keys */
    int streams_count;
};

/* One of the streams. */
struct source {
    struct entry *e;        /* NULL: there is none */
    struct stream_group *g; /* XREADGROUP's */
    struct stream_id after; /* give what is above; STREAM_ID_MAX for a group: what is new to it */
};

/* ---- arguments ---- */

static bool fail(struct cmd_ctx *ctx, struct slice error)
{
    reply_error(ctx->reply, error);
    return false;
}

static bool parse_block(struct cmd_ctx *ctx, int i, struct read_args *args)
{
    if (ctx->flags & CMD_CTX_SCRIPT) {
        reply_errorf(ctx->reply, "ERR %.*s command is not allowed with BLOCK option from scripts",
                     CMD_STREAM_TEXT(ctx->argv[0]));
        return false;
    }
    if (!num_parse_int(ctx->argv[i], &args->timeout_ms))
        return fail(ctx, SLICE_LIT("ERR timeout is not an integer or out of range"));
    if (args->timeout_ms < 0) return fail(ctx, SLICE_LIT("ERR timeout is negative"));
    return true;
}

static bool parse_count(struct cmd_ctx *ctx, int i, struct read_args *args)
{
    int64_t count;
    if (!cmd_int(ctx, i, &count)) return false;
    args->count = count > 0 ? (uint64_t)count : 0;
    return true;
}

static bool parse_streams(struct cmd_ctx *ctx, int i, struct read_args *args)
{
    if ((ctx->argc - i) % 2 != 0)
        return fail(ctx, SLICE_LIT("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "
                                   "specified."));
    args->keys_at = i;
    args->streams_count = (ctx->argc - i) / 2;
    return true;
}

/* Reads the option at argv[*i] and leaves *i at its last argument. */
static bool parse_option(struct cmd_ctx *ctx, int *i, struct read_args *args)
{
    int left = ctx->argc - *i - 1;
    if (left >= 1 && cmd_is(ctx, *i, "block")) return parse_block(ctx, ++*i, args);
    if (left >= 1 && cmd_is(ctx, *i, "count")) return parse_count(ctx, ++*i, args);
    if (left >= 1 && cmd_is(ctx, *i, "streams")) return parse_streams(ctx, *i + 1, args);
    bool is_group = left >= 2 && cmd_is(ctx, *i, "group");
    if (!is_group && !cmd_is(ctx, *i, "noack")) return fail(ctx, CMD_ERR_SYNTAX);
    if (!args->is_group) {
        reply_errorf(ctx->reply, "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.",
                     is_group ? "GROUP" : "NOACK");
        return false;
    }
    if (is_group) {
        args->has_group = true;
        args->group = ctx->argv[*i + 1];
        args->consumer = ctx->argv[*i + 2];
        *i += 2;
    } else {
        args->has_noack = true;
    }
    return true;
}

static bool parse_args(struct cmd_ctx *ctx, struct read_args *args)
{
    for (int i = 1; i < ctx->argc && args->keys_at == 0; i++) {
        if (!parse_option(ctx, &i, args)) return false;
    }
    if (args->keys_at == 0) return fail(ctx, CMD_ERR_SYNTAX);
    if (args->is_group && !args->has_group) return fail(ctx, SLICE_LIT("ERR Missing GROUP option for XREADGROUP"));
    return true;
}

/* Finds the stream's key, and its group. False: the error was replied. */
static bool find_source(struct cmd_ctx *ctx, const struct read_args *args, struct slice key, struct source *out)
{
    bool is_retry = ctx->flags & CMD_CTX_RETRY;
    struct entry *e;
    if (is_retry) {
        e = db_find(ctx->db, key);
        if (e && e->value.type != VALUE_STREAM) e = NULL;
    } else if (!cmd_find(ctx, key, VALUE_STREAM, &e)) {
        return false;
    }
    *out = (struct source){.e = e};
    if (!args->is_group) return true;
    if (!e && is_retry) return fail(ctx, SLICE_LIT("UNBLOCKED the stream key no longer exists"));
    if (e) out->g = stream_group_find(&e->value, args->group);
    if (out->g) return true;
    if (is_retry) return fail(ctx, SLICE_LIT("NOGROUP the consumer group this client was blocked on no longer exists"));
    reply_errorf(ctx->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP option",
                 CMD_STREAM_TEXT(key), CMD_STREAM_TEXT(args->group));
    return false;
}

/* Reads the stream's id: argv[i]. False: the error was replied. */
static bool resolve_id(struct cmd_ctx *ctx, const struct read_args *args, int i, struct source *source)
{
    if (slice_equal(ctx->argv[i], SLICE_LIT("$"))) {
        if (args->is_group)
            return fail(ctx, SLICE_LIT("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
                                       "history of this consumer by specifying a proper ID, or use the > ID to get new "
                                       "messages. The $ ID would just return an empty result set."));
        source->after = source->e ? stream_borrow(&source->e->value)->last_id : STREAM_ID_MIN;
        return true;
    }
    if (slice_equal(ctx->argv[i], SLICE_LIT(">"))) {
        if (!args->is_group)
            return fail(ctx, SLICE_LIT("ERR The > ID can be specified only when calling XREADGROUP using the GROUP "
                                       "<group> <consumer> option."));
        source->after = STREAM_ID_MAX;
        return true;
    }
    return cmd_stream_id(ctx, i, &source->after);
}

/* NULL: an error was replied. */
static struct source *resolve_sources(struct cmd_ctx *ctx, const struct read_args *args)
{
    struct source *sources = ARENA_ARRAY(ctx->scratch, struct source, (size_t)args->streams_count);
    for (int i = 0; i < args->streams_count; i++) {
        int key_at = args->keys_at + i;
        if (!find_source(ctx, args, ctx->argv[key_at], &sources[i])) return NULL;
        if (!resolve_id(ctx, args, key_at + args->streams_count, &sources[i])) return NULL;
    }
    return sources;
}

/* ---- giving ---- */

static bool is_for_new(const struct source *source)
{
    return source->g && stream_id_equal(source->after, STREAM_ID_MAX);
}

static bool has_something(const struct source *source)
{
    if (!source->e) return false;
    if (source->g && !is_for_new(source)) return true;
    return stream_id_less(source->g ? source->g->last_id : source->after, stream_newest_id(&source->e->value));
}

static void begin_above(struct stream_iter *it, const struct value *v, struct stream_id after)
{
    stream_id_step_up(&after);
    stream_iter_begin(it, v, after, STREAM_ID_MAX, false);
}

/* Entries new to the group: they become pending for the consumer, and the group moves on. */
static void deliver_new(struct cmd_ctx *ctx, const struct read_args *args, const struct source *source,
                        struct stream_consumer *consumer)
{
    struct stream_group *g = source->g;
    struct stream_iter it;
    struct stream_entry entry;
    size_t given = 0;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    /* The group moves with each entry, and is set as a whole in the end. */
    db_touch(ctx->db, source->e);
    begin_above(&it, &source->e->value, g->last_id);
    while ((args->count == 0 || given < args->count) && stream_iter_next(&it, &entry)) {
        g->entries_read = stream_group_read_after(&source->e->value, g, entry.id);
        g->last_id = entry.id;
        cmd_stream_reply_entry(ctx->reply, entry);
        struct stream_pending pending = {entry.id, cmd_now_ms(ctx), 1, consumer};
        if (!args->has_noack) edit_stream_set_pending(ctx->db, source->e, g, pending);
        given++;
    }
    reply_end(ctx->reply, mark, REPLY_ARRAY, given);
    edit_stream_set_group(ctx->db, source->e, args->group, g->last_id, g->entries_read);
}

/* What is pending for the consumer: it counts as delivered once more, unless it was deleted from the stream. */
static void deliver_again(struct cmd_ctx *ctx, const struct read_args *args, const struct source *source,
                          struct stream_consumer *consumer)
{
    struct stream_pel_iter it;
    struct stream_id from = source->after;
    size_t given = 0;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    stream_id_step_up(&from);
    stream_pel_iter_begin(&it, &consumer->pending, from);
    for (const struct stream_id *id = stream_pel_iter_next(&it); id; id = stream_pel_iter_next(&it)) {
        if (args->count && given == args->count) break;
        given++;
        if (cmd_stream_reply_one(ctx->reply, &source->e->value, *id)) {
            struct stream_pending pending = *stream_pending_find(source->g, *id);
            pending.delivered_ms = cmd_now_ms(ctx);
            pending.delivery_count++;
            edit_stream_set_pending(ctx->db, source->e, source->g, pending);
        } else {
            reply_array(ctx->reply, 2);
            cmd_stream_reply_id(ctx->reply, *id);
            reply_null_array(ctx->reply);
        }
    }
    reply_end(ctx->reply, mark, REPLY_ARRAY, given);
}

static void give(struct cmd_ctx *ctx, const struct read_args *args, const struct source *source)
{
    if (!source->g) {
        struct stream_iter it;
        begin_above(&it, &source->e->value, source->after);
        cmd_stream_reply_range(ctx->reply, &it, args->count);
        return;
    }
    struct stream_consumer *consumer =
        edit_stream_see_consumer(ctx->db, source->e, source->g, args->consumer, cmd_now_ms(ctx));
    if (is_for_new(source))
        deliver_new(ctx, args, source, consumer);
    else
        deliver_again(ctx, args, source, consumer);
}

/* False: no stream has anything, nothing was replied. */
static bool give_all(struct cmd_ctx *ctx, const struct read_args *args, const struct source *sources)
{
    enum reply_aggregate kind = ctx->reply->resp == 2 ? REPLY_ARRAY : REPLY_MAP;
    struct reply_mark mark = {0};
    size_t given = 0;
    for (int i = 0; i < args->streams_count; i++) {
        if (!has_something(&sources[i])) continue;
        if (given++ == 0) mark = reply_begin(ctx->reply, kind);
        if (kind == REPLY_ARRAY) reply_array(ctx->reply, 2);
        reply_bulk(ctx->reply, ctx->argv[args->keys_at + i]);
        give(ctx, args, &sources[i]);
    }
    if (given > 0) reply_end(ctx->reply, mark, kind, given);
    return given > 0;
}

static void wait_for_entries(struct cmd_ctx *ctx, const struct read_args *args, const struct source *sources)
{
    int ids_at = args->keys_at + args->streams_count;
    for (int i = 0; i < args->streams_count; i++) {
        if (!slice_equal(ctx->argv[ids_at + i], SLICE_LIT("$"))) continue;
        char *text = arena_alloc(ctx->scratch, STREAM_ID_MAX_CHARS);
        ctx->argv[ids_at + i] = slice_of(text, stream_id_format(text, sources[i].after));
    }
    cmd_block(ctx, (struct cmd_block){.keys = &ctx->argv[args->keys_at],
                                      .keys_count = (size_t)args->streams_count,
                                      .timeout_ms = args->timeout_ms,
                                      .type = VALUE_STREAM,
                                      .wakes_on_any_change = args->is_group,
                                      .on_timeout = CMD_TIMEOUT_NULL_ARRAY});
}

static void read_streams(struct cmd_ctx *ctx, bool is_group)
{
    struct read_args args = {.is_group = is_group, .timeout_ms = -1};
    if (!parse_args(ctx, &args)) return;
    if (ctx->flags & CMD_CTX_RETRY && args.count == 0) args.count = COUNT_AFTER_WAITING;
    const struct source *sources = resolve_sources(ctx, &args);
    if (!sources || give_all(ctx, &args, sources)) return;
    if (args.timeout_ms >= 0)
        wait_for_entries(ctx, &args, sources);
    else
        reply_null_array(ctx->reply);
}

void cmd_xread(struct cmd_ctx *ctx)
{
    read_streams(ctx, false);
}

void cmd_xreadgroup(struct cmd_ctx *ctx)
{
    read_streams(ctx, true);
}

/* The first half of what follows STREAMS. */
int cmd_xread_keys(const struct slice *argv, int argc, int *indexes, int max)
{
    int at = 1;
    while (at < argc && !slice_is(argv[at], "streams")) at++;
    int count = (argc - at - 1) / 2;
    if (at >= argc || (argc - at - 1) % 2 != 0) return -1;
    for (int i = 0; i < count && i < max; i++) indexes[i] = at + 1 + i;
    return count;
}
