/* SPDX-License-Identifier: MIT */
/* Parts of strings (APPEND, GETRANGE, SETRANGE, STRLEN) and strings that are numbers (INCR and its kin). */
#include "cmd/cmd_string.h"
#include "keyspace/edit_string.h"

#include <math.h>

/* ---- parts ---- */

/* Writes at an offset and replies the new length. */
static void write_at(struct cmd_ctx *ctx, struct entry *e, size_t offset, struct slice bytes)
{
    oxq_err error = edit_string_write(ctx->db, ctx->argv[1], e, offset, bytes);
    if (error == OXQ_ERR_LIMIT) {
        reply_error(ctx->reply, SLICE_LIT("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
        return;
    }
    if (error) {
        reply_errorf(ctx->reply, "ERR %s", oxq_err_text(error));
        return;
    }
    size_t end = offset + bytes.len;
    size_t len = e ? string_len(&e->value) : end;
    reply_integer(ctx->reply, (int64_t)len);
}

void cmd_string_append(struct cmd_ctx *ctx)
{
    struct slice text = ctx->argv[2];
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, &e)) return;
    if (e) {
        write_at(ctx, e, string_len(&e->value), text);
        return;
    }
    edit_string_set(ctx->db, ctx->argv[1], NULL, text, 0);
    reply_integer(ctx->reply, (int64_t)text.len);
}

void cmd_string_setrange(struct cmd_ctx *ctx)
{
    int64_t offset;
    if (!cmd_int(ctx, 2, &offset)) return;
    if (offset < 0) {
        reply_error(ctx->reply, SLICE_LIT("ERR offset is out of range"));
        return;
    }
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, &e)) return;
    if (ctx->argv[3].len == 0)
        reply_integer(ctx->reply, e ? (int64_t)string_len(&e->value) : 0);
    else
        write_at(ctx, e, (size_t)offset, ctx->argv[3]);
}

void cmd_string_strlen(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)string_len(&e->value) : 0);
}

/* The bytes from `first` to `last`, both included, negative ones counted from the end. */
static struct slice cut(struct slice text, int64_t first, int64_t last)
{
    int64_t len = (int64_t)text.len;
    if (first < 0 && last < 0 && first > last) return slice_of(NULL, 0);
    if (first < 0) first = first < -len ? 0 : first + len;
    if (last < 0) last = last < -len ? 0 : last + len;
    if (last >= len) last = len - 1;
    if (first > last || len == 0) return slice_of(NULL, 0);
    return slice_of(text.at + first, (size_t)(last - first + 1));
}

void cmd_string_getrange(struct cmd_ctx *ctx)
{
    int64_t first, last;
    struct entry *e;
    if (!cmd_int(ctx, 2, &first) || !cmd_int(ctx, 3, &last)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, &e)) return;
    char digits[NUM_INT_MAX_CHARS];
    reply_bulk(ctx->reply, e ? cut(string_borrow(&e->value, digits), first, last) : slice_of(NULL, 0));
}

/* ---- numbers ---- */

static void add(struct cmd_ctx *ctx, int64_t by)
{
    struct entry *e;
    int64_t n = 0;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, &e)) return;
    if (e && !string_integer(&e->value, &n)) {
        reply_error(ctx->reply, CMD_ERR_NOT_INTEGER);
        return;
    }
    if (__builtin_add_overflow(n, by, &n)) {
        reply_error(ctx->reply, SLICE_LIT("ERR increment or decrement would overflow"));
        return;
    }
    edit_string_set_integer(ctx->db, ctx->argv[1], e, n);
    reply_integer(ctx->reply, n);
}

void cmd_string_incr(struct cmd_ctx *ctx)
{
    add(ctx, 1);
}

void cmd_string_decr(struct cmd_ctx *ctx)
{
    add(ctx, -1);
}

void cmd_string_incrby(struct cmd_ctx *ctx)
{
    int64_t by;
    if (cmd_int(ctx, 2, &by)) add(ctx, by);
}

void cmd_string_decrby(struct cmd_ctx *ctx)
{
    int64_t by;
    if (!cmd_int(ctx, 2, &by)) return;
    if (by == INT64_MIN)
        reply_error(ctx->reply, SLICE_LIT("ERR decrement would overflow"));
    else
        add(ctx, -by);
}

static bool read_long_double(struct cmd_ctx *ctx, struct slice text, long double *out)
{
    if (num_parse_long_double(text, out)) return true;
    reply_error(ctx->reply, CMD_ERR_NOT_FLOAT);
    return false;
}

void cmd_string_incrbyfloat(struct cmd_ctx *ctx)
{
    char digits[NUM_LONG_DOUBLE_MAX_CHARS];
    long double old = 0, by;
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, &e)) return;
    if (e && !read_long_double(ctx, string_borrow(&e->value, digits), &old)) return;
    if (!read_long_double(ctx, ctx->argv[2], &by)) return;
    long double sum = old + by;
    if (isnan(sum) || isinf(sum)) {
        reply_error(ctx->reply, SLICE_LIT("ERR increment would produce NaN or Infinity"));
        return;
    }
    struct slice text = slice_of(digits, num_format_long_double(digits, sum));
    edit_string_set_text(ctx->db, ctx->argv[1], e, text);
    reply_bulk(ctx->reply, text);
}
