/* SPDX-License-Identifier: MIT */
/* Streams: ids and entries in arguments and replies, which the whole family shares; XRANGE and XREVRANGE. */
#include "cmd/cmd_stream.h"

/* ---- arguments ---- */

bool cmd_stream_id(struct cmd_ctx *ctx, int i, struct stream_id *out)
{
    if (stream_id_parse(ctx->argv[i], 0, out, NULL)) return true;
    reply_error(ctx->reply, CMD_STREAM_ERR_ID);
    return false;
}

struct stream_id *cmd_stream_ids(struct cmd_ctx *ctx, int first, int last)
{
    struct stream_id *ids = ARENA_ARRAY(ctx->scratch, struct stream_id, (size_t)(last - first));
    for (int i = first; i < last; i++) {
        if (!cmd_stream_id(ctx, i, &ids[i - first])) return NULL;
    }
    return ids;
}

bool cmd_stream_bound(struct cmd_ctx *ctx, int i, enum cmd_stream_bound bound, struct stream_id *out)
{
    struct slice text = ctx->argv[i];
    bool is_start = bound == CMD_STREAM_START, is_open = text.len > 1 && text.at[0] == '(';
    if (slice_equal(text, SLICE_LIT("-"))) {
        *out = STREAM_ID_MIN;
        return true;
    }
    if (slice_equal(text, SLICE_LIT("+"))) {
        *out = STREAM_ID_MAX;
        return true;
    }
    if (!stream_id_parse(slice_from(text, is_open), is_start ? 0 : UINT64_MAX, out, NULL)) {
        reply_error(ctx->reply, CMD_STREAM_ERR_ID);
        return false;
    }
    if (!is_open || (is_start ? stream_id_step_up(out) : stream_id_step_down(out))) return true;
    reply_errorf(ctx->reply, "ERR invalid %s ID for the interval", is_start ? "start" : "end");
    return false;
}

bool cmd_stream_group(struct cmd_ctx *ctx, struct entry **out_entry, struct stream_group **out_group)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return false;
    struct stream_group *g = e ? stream_group_find(&e->value, ctx->argv[2]) : NULL;
    if (!g) {
        reply_errorf(ctx->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s'", CMD_STREAM_TEXT(ctx->argv[1]),
                     CMD_STREAM_TEXT(ctx->argv[2]));
        return false;
    }
    *out_entry = e;
    *out_group = g;
    return true;
}

/* ---- replies ---- */

void cmd_stream_reply_id(struct reply *r, struct stream_id id)
{
    char text[STREAM_ID_MAX_CHARS];
    reply_bulk(r, slice_of(text, stream_id_format(text, id)));
}

void cmd_stream_reply_entry(struct reply *r, struct stream_entry entry)
{
    reply_array(r, 2);
    cmd_stream_reply_id(r, entry.id);
    reply_array(r, 2 * (size_t)entry.fields_left);
    while (entry.fields_left > 0) {
        struct slice field, value;
        stream_entry_next(&entry, &field, &value);
        reply_bulk(r, field);
        reply_bulk(r, value);
    }
}

bool cmd_stream_reply_one(struct reply *r, const struct value *v, struct stream_id id)
{
    struct stream_iter it;
    struct stream_entry entry;
    stream_iter_begin(&it, v, id, id, false);
    if (!stream_iter_next(&it, &entry)) return false;
    cmd_stream_reply_entry(r, entry);
    return true;
}

void cmd_stream_reply_range(struct reply *r, struct stream_iter *it, uint64_t count)
{
    struct stream_entry entry;
    size_t given = 0;
    struct reply_mark mark = reply_begin(r, REPLY_ARRAY);
    while ((count == 0 || given < count) && stream_iter_next(it, &entry)) {
        cmd_stream_reply_entry(r, entry);
        given++;
    }
    reply_end(r, mark, REPLY_ARRAY, given);
}

/* The text stands in argv[1] as it was sent; the container's name is the table's. */
void cmd_stream_reply_bad_subcommand(struct cmd_ctx *ctx)
{
    const char *container = ctx->container->name[1] == 'g' ? "XGROUP" : "XINFO";
    reply_errorf(ctx->reply, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
                 CMD_STREAM_TEXT(ctx->argv[1]), container);
}

/* ---- XRANGE, XREVRANGE ---- */

/* [COUNT n]..., from argv[i] on; *out stays when there is none. False: the error was replied. */
static bool parse_count(struct cmd_ctx *ctx, int i, int64_t *out)
{
    for (; i < ctx->argc; i += 2) {
        if (!cmd_is(ctx, i, "count") || i + 1 == ctx->argc) {
            cmd_reply_syntax(ctx);
            return false;
        }
        if (!cmd_int(ctx, i + 1, out)) return false;
        if (*out < 0) *out = 0;
    }
    return true;
}

static void reply_range(struct cmd_ctx *ctx, bool is_reverse)
{
    struct stream_id first, last;
    struct entry *e;
    int64_t count = -1;
    if (!cmd_stream_bound(ctx, is_reverse ? 3 : 2, CMD_STREAM_START, &first)) return;
    if (!cmd_stream_bound(ctx, is_reverse ? 2 : 3, CMD_STREAM_END, &last)) return;
    if (!parse_count(ctx, 4, &count) || !cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return;
    if (!e) {
        reply_array(ctx->reply, 0);
    } else if (count == 0) {
        reply_null_array(ctx->reply);
    } else {
        struct stream_iter it;
        stream_iter_begin(&it, &e->value, first, last, is_reverse);
        cmd_stream_reply_range(ctx->reply, &it, count < 0 ? 0 : (uint64_t)count);
    }
}

void cmd_xrange(struct cmd_ctx *ctx)
{
    reply_range(ctx, false);
}

void cmd_xrevrange(struct cmd_ctx *ctx)
{
    reply_range(ctx, true);
}
