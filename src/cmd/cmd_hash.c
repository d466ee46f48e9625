/* SPDX-License-Identifier: MIT */
/* The hash commands. Read next: cmd_hash_pick.c (HSCAN, HRANDFIELD). */
#include "cmd/cmd_hash.h"

#include "base/num.h"
#include "cmd/table.h"
#include "keyspace/edit_hash.h"

#include <math.h>

/* ---- reading ---- */

/* Finds argv[2] in the hash at argv[1]. False: the error was replied. */
static bool find_field(struct cmd_ctx *ctx, bool *out_is_there, struct slice *out_value)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return false;
    *out_is_there = e && hash_get(&e->value, ctx->argv[2], out_value);
    return true;
}

static void run_hget(struct cmd_ctx *ctx)
{
    bool is_there;
    struct slice value;
    if (!find_field(ctx, &is_there, &value)) return;
    if (is_there)
        reply_bulk(ctx->reply, value);
    else
        reply_null(ctx->reply);
}

static void run_hexists(struct cmd_ctx *ctx)
{
    bool is_there;
    struct slice value;
    if (find_field(ctx, &is_there, &value)) reply_integer(ctx->reply, is_there);
}

static void run_hstrlen(struct cmd_ctx *ctx)
{
    bool is_there;
    struct slice value;
    if (find_field(ctx, &is_there, &value)) reply_integer(ctx->reply, is_there ? (int64_t)value.len : 0);
}

static void run_hlen(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)hash_count(&e->value) : 0);
}

static void reply_values(struct reply *reply, const struct slice *values, int count)
{
    for (int i = 0; i < count; i++) {
        if (values[i].at)
            reply_bulk(reply, values[i]);
        else
            reply_null(reply);
    }
}

static void run_hmget(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    reply_array(ctx->reply, (size_t)ctx->argc - 2);
    struct slice values[HASH_GET_MAX] = {0};
    for (int i = 2; i < ctx->argc; i += HASH_GET_MAX) {
        int count = ctx->argc - i < HASH_GET_MAX ? ctx->argc - i : HASH_GET_MAX;
        if (e) hash_get_many(&e->value, ctx->argv + i, (size_t)count, values);
        reply_values(ctx->reply, values, count);
    }
}

/* Fields, values or both of e, in the order of iteration. */
static void reply_all(struct cmd_ctx *ctx, const struct entry *e, bool has_fields, bool has_values)
{
    struct slice field, value;
    struct hash_iter it;
    hash_iter_begin(&it, &e->value);
    while (hash_iter_next(&it, &field, &value)) {
        if (has_fields) reply_bulk(ctx->reply, field);
        if (has_values) reply_bulk(ctx->reply, value);
    }
    hash_iter_end(&it);
}

static void run_hgetall(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    reply_map(ctx->reply, e ? hash_count(&e->value) : 0);
    if (e) reply_all(ctx, e, true, true);
}

static void run_hkeys(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    reply_array(ctx->reply, e ? hash_count(&e->value) : 0);
    if (e) reply_all(ctx, e, true, false);
}

static void run_hvals(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    reply_array(ctx->reply, e ? hash_count(&e->value) : 0);
    if (e) reply_all(ctx, e, false, true);
}

/* ---- setting ---- */

/* Sets the pairs of argv. False: the error was replied. */
static bool set_pairs(struct cmd_ctx *ctx, size_t *out_added)
{
    if (ctx->argc % 2 == 1) {
        cmd_reply_arity(ctx);
        return false;
    }
    struct entry *e;
    if (!cmd_find_or_create(ctx, ctx->argv[1], VALUE_HASH, &e)) return false;
    *out_added = edit_hash_set_many(ctx->db, e, ctx->argv + 2, (size_t)ctx->argc - 2);
    return true;
}

static void run_hset(struct cmd_ctx *ctx)
{
    size_t added;
    if (set_pairs(ctx, &added)) reply_integer(ctx->reply, (int64_t)added);
}

static void run_hmset(struct cmd_ctx *ctx)
{
    size_t added;
    if (set_pairs(ctx, &added)) reply_ok(ctx->reply);
}

static void run_hsetnx(struct cmd_ctx *ctx)
{
    struct entry *e;
    struct hash_place place;
    struct slice old;
    if (!cmd_find_or_create(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    bool is_there = hash_find(&e->value, ctx->argv[2], &place, &old);
    if (!is_there) edit_hash_put(ctx->db, e, &place, ctx->argv[2], ctx->argv[3]);
    reply_integer(ctx->reply, !is_there);
}

static void run_hdel(struct cmd_ctx *ctx)
{
    struct entry *e;
    int64_t count = 0;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    for (int i = 2; e && i < ctx->argc; i++) count += edit_hash_delete(ctx->db, e, ctx->argv[i]);
    if (e) db_delete_if_empty(ctx->db, e);
    reply_integer(ctx->reply, count);
}

/* ---- numbers ---- */

static void run_hincrby(struct cmd_ctx *ctx)
{
    int64_t by, n = 0;
    struct entry *e;
    struct hash_place place;
    struct slice old;
    if (!cmd_int(ctx, 3, &by)) return;
    /* A new key cannot fail below, so that no empty hash is left behind. */
    if (!cmd_find_or_create(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    if (hash_find(&e->value, ctx->argv[2], &place, &old) && !num_parse_int(old, &n)) {
        reply_error(ctx->reply, SLICE_LIT("ERR hash value is not an integer"));
        return;
    }
    if (__builtin_add_overflow(n, by, &n)) {
        reply_error(ctx->reply, SLICE_LIT("ERR increment or decrement would overflow"));
        return;
    }
    char digits[NUM_INT_MAX_CHARS];
    edit_hash_put(ctx->db, e, &place, ctx->argv[2], slice_of(digits, num_format_int(digits, n)));
    reply_integer(ctx->reply, n);
}

/* The increment of HINCRBYFLOAT. False: the error was replied. */
static bool read_float(struct cmd_ctx *ctx, int i, long double *out)
{
    if (!num_parse_long_double(ctx->argv[i], out)) {
        reply_error(ctx->reply, CMD_ERR_NOT_FLOAT);
        return false;
    }
    if (isnan(*out) || isinf(*out)) {
        reply_error(ctx->reply, SLICE_LIT("ERR value is NaN or Infinity"));
        return false;
    }
    return true;
}

static void run_hincrbyfloat(struct cmd_ctx *ctx)
{
    long double by, n = 0;
    struct entry *e;
    struct hash_place place;
    struct slice old;
    if (!read_float(ctx, 3, &by)) return;
    if (!cmd_find_or_create(ctx, ctx->argv[1], VALUE_HASH, &e)) return;
    if (hash_find(&e->value, ctx->argv[2], &place, &old) && !num_parse_long_double(old, &n)) {
        reply_error(ctx->reply, SLICE_LIT("ERR hash value is not a float"));
        return;
    }
    n += by;
    if (isnan(n) || isinf(n)) {
        reply_error(ctx->reply, SLICE_LIT("ERR increment would produce NaN or Infinity"));
        return;
    }
    char digits[NUM_LONG_DOUBLE_MAX_CHARS];
    struct slice text = slice_of(digits, num_format_long_double(digits, n));
    edit_hash_put(ctx->db, e, &place, ctx->argv[2], text);
    reply_bulk(ctx->reply, text);
}

/* ---- the table ---- */

#define WRITE_FAST (CMD_WRITE | CMD_DENYOOM | CMD_FAST)
#define READ_FAST (CMD_READONLY | CMD_FAST)

#define ROW(name_, run_, arity_, flags_, since_, complexity_, args_, summary_)                                         \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = {1, 1, 1}, .group = "hash",              \
        .since = since_, .complexity = complexity_, .args = args_, .summary = summary_                                 \
    }

const struct command cmd_hash_rows[] = {
    ROW("hdel", run_hdel, -3, CMD_WRITE | CMD_FAST, "2.0.0", "O(N), N the fields given", "key field [field ...]",
        "Deletes fields; a hash without fields is gone."),
    ROW("hexists", run_hexists, 3, READ_FAST, "2.0.0", "O(1)", "key field", "Whether a field exists."),
    ROW("hget", run_hget, 3, READ_FAST, "2.0.0", "O(1)", "key field", "The value of a field."),
    ROW("hgetall", run_hgetall, 2, CMD_READONLY, "2.0.0", "O(N), N the fields", "key", "All fields with their values."),
    ROW("hincrby", run_hincrby, 4, WRITE_FAST, "2.0.0", "O(1)", "key field increment",
        "Adds a number to an integer field; absent counts as 0."),
    ROW("hincrbyfloat", run_hincrbyfloat, 4, WRITE_FAST, "2.6.0", "O(1)", "key field increment",
        "Adds a number to a floating-point field; absent counts as 0."),
    ROW("hkeys", run_hkeys, 2, CMD_READONLY, "2.0.0", "O(N), N the fields", "key", "All fields."),
    ROW("hlen", run_hlen, 2, READ_FAST, "2.0.0", "O(1)", "key", "How many fields a hash has."),
    ROW("hmget", run_hmget, -3, READ_FAST, "2.0.0", "O(N), N the fields given", "key field [field ...]",
        "The values of several fields, null for what is none."),
    ROW("hmset", run_hmset, -4, WRITE_FAST, "2.0.0", "O(N), N the fields given", "key field value [field value ...]",
        "Sets fields; the old form of HSET, which answers OK."),
    ROW("hrandfield", cmd_hash_hrandfield, -2, CMD_READONLY, "6.2.0", "O(N), N the fields returned",
        "key [count [WITHVALUES]]", "Fields by chance: different ones, or with repetition for a negative count."),
    ROW("hscan", cmd_hash_hscan, -3, CMD_READONLY, "2.8.0", "O(1) a call, O(N) for all",
        "key cursor [MATCH pattern] [COUNT count]", "All fields with their values, some at each call."),
    ROW("hset", run_hset, -4, WRITE_FAST, "2.0.0", "O(N), N the fields given", "key field value [field value ...]",
        "Sets fields and tells how many are new."),
    ROW("hsetnx", run_hsetnx, 4, WRITE_FAST, "2.0.0", "O(1)", "key field value", "Sets a field if it does not exist."),
    ROW("hstrlen", run_hstrlen, 3, READ_FAST, "3.2.0", "O(1)", "key field", "The length of a field's value in bytes."),
    ROW("hvals", run_hvals, 2, CMD_READONLY, "2.0.0", "O(N), N the fields", "key", "All values."),
    {0},
};
