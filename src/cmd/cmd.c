/* SPDX-License-Identifier: MIT */
/* What commands share: finding keys, reading arguments, waiting. The error texts are those of Redis. */
#include "cmd/cmd.h"

#include "base/num.h"
#include "cmd/table.h"
#include "keyspace/value_codec.h"

#include <math.h>
#include <stdio.h>

void cmd_reply_arity(struct cmd_ctx *ctx)
{
    reply_errorf(ctx->reply, "ERR wrong number of arguments for '%s' command", ctx->name);
}

bool cmd_find(struct cmd_ctx *ctx, struct slice key, enum value_type type, struct entry **out)
{
    struct entry *e = db_find(ctx->db, key);
    if (ctx->command->flags & CMD_READONLY) *(e ? &ctx->keyspace->hits_count : &ctx->keyspace->misses_count) += 1;
    if (e && e->value.type != type) {
        reply_error(ctx->reply, CMD_ERR_WRONG_TYPE);
        return false;
    }
    *out = e;
    return true;
}

bool cmd_find_or_create(struct cmd_ctx *ctx, struct slice key, enum value_type type, struct entry **out)
{
    bool is_new;
    struct entry *e = db_find_or_create(ctx->db, key, type, &is_new);
    if (e->value.type != type) {
        reply_error(ctx->reply, CMD_ERR_WRONG_TYPE);
        return false;
    }
    *out = e;
    return true;
}

bool cmd_int(struct cmd_ctx *ctx, int i, int64_t *out)
{
    if (num_parse_int(ctx->argv[i], out)) return true;
    reply_error(ctx->reply, CMD_ERR_NOT_INTEGER);
    return false;
}

bool cmd_int_in(struct cmd_ctx *ctx, int i, int64_t min, int64_t max, int64_t *out)
{
    int64_t n;
    bool is_int = num_parse_int(ctx->argv[i], &n);
    if (is_int && n >= min && n <= max) {
        *out = n;
        return true;
    }
    if (min == 0 && max == INT64_MAX)
        reply_error(ctx->reply, SLICE_LIT("ERR value is out of range, must be positive"));
    else if (!is_int)
        reply_error(ctx->reply, CMD_ERR_NOT_INTEGER);
    else
        reply_errorf(ctx->reply, "ERR value is out of range, value must between %lld and %lld", (long long)min,
                     (long long)max);
    return false;
}

bool cmd_double(struct cmd_ctx *ctx, int i, double *out)
{
    if (num_parse_double(ctx->argv[i], out)) return true;
    reply_error(ctx->reply, CMD_ERR_NOT_FLOAT);
    return false;
}

bool cmd_timeout(struct cmd_ctx *ctx, int i, int64_t *out_ms)
{
    long double seconds;
    if (!num_parse_long_double(ctx->argv[i], &seconds)) {
        reply_error(ctx->reply, SLICE_LIT("ERR timeout is not a float or out of range"));
        return false;
    }
    long double ms = seconds * 1000;
    if (ms > (long double)(INT64_MAX / 2)) {
        reply_error(ctx->reply, SLICE_LIT("ERR timeout is out of range"));
        return false;
    }
    if (ms < 0) {
        reply_error(ctx->reply, SLICE_LIT("ERR timeout is negative"));
        return false;
    }
    /* Rounded up: a tiny time-out must not become 0, which is for ever. */
    *out_ms = (int64_t)ceill(ms);
    return true;
}

void cmd_reply_timeout(struct reply *reply, enum cmd_timeout_reply kind)
{
    if (kind == CMD_TIMEOUT_NULL_ARRAY)
        reply_null_array(reply);
    else if (kind == CMD_TIMEOUT_ZERO)
        reply_integer(reply, 0);
    else
        reply_null(reply);
}

void cmd_block(struct cmd_ctx *ctx, struct cmd_block block)
{
    if (ctx->flags & CMD_CTX_NO_BLOCK) {
        cmd_reply_timeout(ctx->reply, block.on_timeout);
        return;
    }
    ctx->outcome = CMD_BLOCKED;
    ctx->block = block;
}

/* As strtoul reads it: a sign is allowed, nothing at all is 0, a minus counts from the end of the range. */
bool cmd_cursor(struct cmd_ctx *ctx, int i, uint64_t *out)
{
    struct slice text = ctx->argv[i];
    bool is_negative = text.len > 0 && text.at[0] == '-';
    if (is_negative || (text.len > 0 && text.at[0] == '+')) text = slice_from(text, 1);
    bool is_signed = text.len < ctx->argv[i].len;
    while (text.len > 1 && text.at[0] == '0') text = slice_from(text, 1);

    uint64_t cursor = 0;
    bool is_empty = text.len == 0 && !is_signed;
    if (!is_empty && !num_parse_uint(text, &cursor)) {
        reply_error(ctx->reply, SLICE_LIT("ERR invalid cursor"));
        return false;
    }
    *out = is_negative ? 0 - cursor : cursor;
    return true;
}

static void reply_status_text(struct cmd_ctx *ctx, const char *indent, const char *a, const char *b)
{
    size_t len = strlen(indent) + strlen(a) + 1 + strlen(b);
    char *line = arena_alloc(ctx->scratch, len + 1);
    snprintf(line, len + 1, "%s%s%s%s", indent, a, b[0] ? " " : "", b);
    reply_status(ctx->reply, slice_from_text(line));
}

static const char *upper_copy(struct cmd_ctx *ctx, const char *name)
{
    size_t len = strlen(name);
    char *copy = arena_alloc(ctx->scratch, len + 1);
    for (size_t i = 0; i <= len; i++)
        copy[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    return copy;
}

void cmd_help(struct cmd_ctx *ctx)
{
    size_t count = 0;
    const struct command *subs = ctx->container->subs;
    while (subs[count].name) count++;
    reply_array(ctx->reply, 1 + 2 * count);
    reply_status_text(ctx, "", upper_copy(ctx, ctx->container->name), "<subcommand> [<arg> ...]. Subcommands are:");
    for (size_t i = 0; i < count; i++) {
        reply_status_text(ctx, "", upper_copy(ctx, subs[i].name), subs[i].args ? subs[i].args : "");
        reply_status_text(ctx, "    ", subs[i].summary, "");
    }
}

/* ---- chance ---- */

#define REPEATS_MAX_BYTES ((size_t)512 << 20)
#define REPEATS_SAMPLES 16

bool cmd_may_repeat(struct cmd_ctx *ctx, const struct value *v, uint64_t count)
{
    if (count <= CMD_REPEATS_MAX && value_bytes(v, REPEATS_SAMPLES) / value_count(v) * count <= REPEATS_MAX_BYTES)
        return true;
    reply_error(ctx->reply, CMD_ERR_OUT_OF_RANGE);
    return false;
}
