/* SPDX-License-Identifier: MIT */
/*
 * Strings as whole values: SET and GET in all their forms, and the table of the family. Read next: cmd_string_edit.c
 * (parts and numbers), cmd_string_lcs.c.
 */
#include "cmd/cmd_string.h"

#include "cmd/table.h"
#include "keyspace/edit_string.h"

/* ---- options of SET and GETEX ---- */

enum expiry_kind { EXPIRY_NONE, EXPIRY_EX, EXPIRY_PX, EXPIRY_EXAT, EXPIRY_PXAT, EXPIRY_KEEP, EXPIRY_PERSIST };

struct set_options {
    bool is_nx, is_xx, has_get;
    enum expiry_kind expiry;
    int expiry_at; /* index of the number in argv */
};

static bool is_absolute(enum expiry_kind kind)
{
    return kind == EXPIRY_EXAT || kind == EXPIRY_PXAT;
}

static enum expiry_kind timed_kind(const struct cmd_ctx *ctx, int i)
{
    if (cmd_is(ctx, i, "ex")) return EXPIRY_EX;
    if (cmd_is(ctx, i, "px")) return EXPIRY_PX;
    if (cmd_is(ctx, i, "exat")) return EXPIRY_EXAT;
    if (cmd_is(ctx, i, "pxat")) return EXPIRY_PXAT;
    return EXPIRY_NONE;
}

/* Reads an option about expiry at argv[*i], moving *i to its last word; `plain` is the one that takes no number. */
static bool read_expiry(const struct cmd_ctx *ctx, int *i, const char *plain, enum expiry_kind plain_kind,
                        struct set_options *o)
{
    enum expiry_kind kind = timed_kind(ctx, *i);
    bool has_number = kind != EXPIRY_NONE;
    if (cmd_is(ctx, *i, plain)) kind = plain_kind;
    /* The same option may come again, the last one holds; two different ones exclude each other. */
    if (kind == EXPIRY_NONE || (o->expiry != EXPIRY_NONE && o->expiry != kind)) return false;
    if (has_number && ++*i == ctx->argc) return false;
    o->expiry = kind;
    o->expiry_at = *i;
    return true;
}

static bool read_set_option(const struct cmd_ctx *ctx, int *i, struct set_options *o)
{
    if (cmd_is(ctx, *i, "nx") && !o->is_xx)
        o->is_nx = true;
    else if (cmd_is(ctx, *i, "xx") && !o->is_nx)
        o->is_xx = true;
    else if (cmd_is(ctx, *i, "get"))
        o->has_get = true;
    else
        return read_expiry(ctx, i, "keepttl", EXPIRY_KEEP, o);
    return true;
}

static bool reply_bad_expiry(struct cmd_ctx *ctx)
{
    reply_errorf(ctx->reply, "ERR invalid expire time in '%s' command", ctx->command->name);
    return false;
}

/* The instant that the number at argv[i] means. False: the error was replied. */
static bool read_instant(struct cmd_ctx *ctx, int i, enum expiry_kind kind, int64_t *out_at_ms)
{
    int64_t n;
    if (!cmd_int(ctx, i, &n)) return false;
    if (n <= 0) return reply_bad_expiry(ctx);
    if (kind == EXPIRY_EX || kind == EXPIRY_EXAT) {
        if (n > INT64_MAX / 1000) return reply_bad_expiry(ctx);
        n *= 1000;
    }
    if (!is_absolute(kind)) {
        if (n > INT64_MAX - cmd_now_ms(ctx)) return reply_bad_expiry(ctx);
        n += cmd_now_ms(ctx);
    }
    *out_at_ms = n;
    return true;
}

/* ---- GET and its kin ---- */

static void reply_string(struct cmd_ctx *ctx, const struct entry *e)
{
    char digits[NUM_INT_MAX_CHARS];
    if (e)
        reply_bulk(ctx->reply, string_borrow(&e->value, digits));
    else
        reply_null(ctx->reply);
}

/* Replies the key's string or null. False: WRONGTYPE was replied. */
static bool reply_value_of(struct cmd_ctx *ctx, struct entry **out)
{
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, out)) return false;
    reply_string(ctx, *out);
    return true;
}

static void run_get(struct cmd_ctx *ctx)
{
    struct entry *e;
    (void)reply_value_of(ctx, &e);
}

static void run_getdel(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (reply_value_of(ctx, &e) && e) db_delete(ctx->db, e);
}

static void run_getset(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (reply_value_of(ctx, &e)) edit_string_set(ctx->db, ctx->argv[1], e, ctx->argv[2], 0);
}

static void run_getex(struct cmd_ctx *ctx)
{
    struct set_options o = {0};
    for (int i = 2; i < ctx->argc; i++) {
        if (!read_expiry(ctx, &i, "persist", EXPIRY_PERSIST, &o)) {
            cmd_reply_syntax(ctx);
            return;
        }
    }
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STRING, &e)) return;
    int64_t at_ms = 0;
    bool is_timed = o.expiry != EXPIRY_NONE && o.expiry != EXPIRY_PERSIST;
    if (e && is_timed && !read_instant(ctx, o.expiry_at, o.expiry, &at_ms)) return;
    reply_string(ctx, e);
    if (!e) return;
    if (is_timed && at_ms <= cmd_now_ms(ctx))
        db_delete(ctx->db, e);
    else if (is_timed || (o.expiry == EXPIRY_PERSIST && db_expiry_ms(ctx->db, e) >= 0))
        db_set_expiry(ctx->db, e, at_ms);
}

static void run_mget(struct cmd_ctx *ctx)
{
    reply_array(ctx->reply, (size_t)ctx->argc - 1);
    for (int i = 1; i < ctx->argc; i++) {
        const struct entry *e = db_find(ctx->db, ctx->argv[i]);
        reply_string(ctx, e && e->value.type == VALUE_STRING ? e : NULL);
    }
}

/* ---- SET and its kin ---- */

/* Sets without looking at what was there. */
static void set_plain(struct cmd_ctx *ctx, struct slice key, struct slice text, int64_t at_ms)
{
    bool is_new;
    struct entry *e = db_find_or_create(ctx->db, key, VALUE_STRING, &is_new);
    edit_string_set(ctx->db, key, e, text, at_ms);
}

static void set_with(struct cmd_ctx *ctx, const struct set_options *o, int64_t at_ms)
{
    struct entry *e = db_find(ctx->db, ctx->argv[1]);
    if (o->has_get) {
        if (e && e->value.type != VALUE_STRING) {
            reply_error(ctx->reply, CMD_ERR_WRONG_TYPE);
            return;
        }
        reply_string(ctx, e);
    }
    if (e ? o->is_nx : o->is_xx) {
        if (!o->has_get) reply_null(ctx->reply);
        return;
    }
    if (o->expiry == EXPIRY_KEEP && e && db_expiry_ms(ctx->db, e) > 0) at_ms = db_expiry_ms(ctx->db, e);
    edit_string_set(ctx->db, ctx->argv[1], e, ctx->argv[2], at_ms);
    if (!o->has_get) reply_ok(ctx->reply);
}

static void run_set(struct cmd_ctx *ctx)
{
    struct set_options o = {0};
    for (int i = 3; i < ctx->argc; i++) {
        if (!read_set_option(ctx, &i, &o)) {
            cmd_reply_syntax(ctx);
            return;
        }
    }
    int64_t at_ms = 0;
    bool is_timed = o.expiry != EXPIRY_NONE && o.expiry != EXPIRY_KEEP;
    if (is_timed && !read_instant(ctx, o.expiry_at, o.expiry, &at_ms)) return;
    if (o.is_nx || o.is_xx || o.has_get || o.expiry == EXPIRY_KEEP) {
        set_with(ctx, &o, at_ms);
        return;
    }
    set_plain(ctx, ctx->argv[1], ctx->argv[2], at_ms);
    reply_ok(ctx->reply);
}

/* SETEX and PSETEX: key, time, value. */
static void set_for(struct cmd_ctx *ctx, enum expiry_kind kind)
{
    int64_t at_ms;
    if (!read_instant(ctx, 2, kind, &at_ms)) return;
    set_plain(ctx, ctx->argv[1], ctx->argv[3], at_ms);
    reply_ok(ctx->reply);
}

static void run_setex(struct cmd_ctx *ctx)
{
    set_for(ctx, EXPIRY_EX);
}

static void run_psetex(struct cmd_ctx *ctx)
{
    set_for(ctx, EXPIRY_PX);
}

static void run_setnx(struct cmd_ctx *ctx)
{
    bool is_there = db_find(ctx->db, ctx->argv[1]) != NULL;
    if (!is_there) edit_string_set(ctx->db, ctx->argv[1], NULL, ctx->argv[2], 0);
    reply_integer(ctx->reply, !is_there);
}

static void set_pairs(struct cmd_ctx *ctx)
{
    for (int i = 1; i < ctx->argc; i += 2) set_plain(ctx, ctx->argv[i], ctx->argv[i + 1], 0);
}

static void run_mset(struct cmd_ctx *ctx)
{
    if (ctx->argc % 2 == 0) {
        cmd_reply_arity(ctx);
        return;
    }
    set_pairs(ctx);
    reply_ok(ctx->reply);
}

static void run_msetnx(struct cmd_ctx *ctx)
{
    if (ctx->argc % 2 == 0) {
        cmd_reply_arity(ctx);
        return;
    }
    for (int i = 1; i < ctx->argc; i += 2) {
        if (!db_find(ctx->db, ctx->argv[i])) continue;
        reply_integer(ctx->reply, 0);
        return;
    }
    set_pairs(ctx);
    reply_integer(ctx->reply, 1);
}

/* ---- the table ---- */

#define WRITE (CMD_WRITE | CMD_DENYOOM)
#define WRITE_FAST (CMD_WRITE | CMD_DENYOOM | CMD_FAST)
#define READ_FAST (CMD_READONLY | CMD_FAST)

/* One row: every command of the family has its key first. */
#define ROW(name_, run_, arity_, flags_, since_, complexity_, args_, summary_)                                         \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = {1, 1, 1}, .group = "string",            \
        .since = since_, .complexity = complexity_, .args = args_, .summary = summary_                                 \
    }
#define ROW_KEYS(name_, run_, arity_, flags_, last_, step_, since_, complexity_, args_, summary_)                      \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = {1, last_, step_}, .group = "string",    \
        .since = since_, .complexity = complexity_, .args = args_, .summary = summary_                                 \
    }

#define SET_TIMES "EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds"

const struct command cmd_string_rows[] = {
    ROW("append", cmd_string_append, 3, WRITE_FAST, "2.0.0", "O(1) amortised", "key value",
        "Adds text to the end of a string, creating it when absent."),
    ROW("decr", cmd_string_decr, 2, WRITE_FAST, "1.0.0", "O(1)", "key",
        "Takes one from an integer; absent counts as 0."),
    ROW("decrby", cmd_string_decrby, 3, WRITE_FAST, "1.0.0", "O(1)", "key decrement",
        "Takes a number from an integer; absent counts as 0."),
    ROW("get", run_get, 2, READ_FAST, "1.0.0", "O(1)", "key", "The string of a key."),
    ROW("getdel", run_getdel, 2, CMD_WRITE | CMD_FAST, "6.2.0", "O(1)", "key",
        "The string of a key, which is deleted."),
    ROW("getex", run_getex, -2, CMD_WRITE | CMD_FAST, "6.2.0", "O(1)", "key [" SET_TIMES " | PERSIST]",
        "The string of a key, whose expiry is set or removed."),
    ROW("getrange", cmd_string_getrange, 4, CMD_READONLY, "2.4.0", "O(N), N the bytes returned", "key start end",
        "Part of a string, from one offset to another, both included; negative ones count from the end."),
    ROW("getset", run_getset, 3, WRITE_FAST, "1.0.0", "O(1)", "key value", "Sets a string and returns what it was."),
    ROW("incr", cmd_string_incr, 2, WRITE_FAST, "1.0.0", "O(1)", "key", "Adds one to an integer; absent counts as 0."),
    ROW("incrby", cmd_string_incrby, 3, WRITE_FAST, "1.0.0", "O(1)", "key increment",
        "Adds a number to an integer; absent counts as 0."),
    ROW("incrbyfloat", cmd_string_incrbyfloat, 3, WRITE_FAST, "2.6.0", "O(1)", "key increment",
        "Adds a number to a floating-point number; absent counts as 0."),
    ROW_KEYS("lcs", cmd_string_lcs, -3, CMD_READONLY, 2, 1, "7.0.0", "O(N*M), the lengths of both strings",
             "key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]",
             "The longest common subsequence of two strings."),
    ROW_KEYS("mget", run_mget, -2, READ_FAST, -1, 1, "1.0.0", "O(N), N the keys", "key [key ...]",
             "The strings of several keys, null for what is none."),
    ROW_KEYS("mset", run_mset, -3, WRITE, -1, 2, "1.0.1", "O(N), N the keys", "key value [key value ...]",
             "Sets several strings at once."),
    ROW_KEYS("msetnx", run_msetnx, -3, WRITE, -1, 2, "1.0.1", "O(N), N the keys", "key value [key value ...]",
             "Sets several strings at once, if none of the keys exists."),
    ROW("psetex", run_psetex, 4, WRITE, "2.6.0", "O(1)", "key milliseconds value",
        "Sets a string that expires after some milliseconds."),
    ROW("set", run_set, -3, WRITE, "1.0.0", "O(1)", "key value [NX | XX] [GET] [" SET_TIMES " | KEEPTTL]",
        "Sets a string, whatever the key held, and its expiry."),
    ROW("setex", run_setex, 4, WRITE, "2.0.0", "O(1)", "key seconds value",
        "Sets a string that expires after some seconds."),
    ROW("setnx", run_setnx, 3, WRITE_FAST, "1.0.0", "O(1)", "key value", "Sets a string if the key does not exist."),
    ROW("setrange", cmd_string_setrange, 4, WRITE, "2.2.0", "O(N), N the bytes written", "key offset value",
        "Writes over a string from an offset on, filling up with zero bytes before it."),
    ROW("strlen", cmd_string_strlen, 2, READ_FAST, "2.2.0", "O(1)", "key", "The length of a string in bytes."),
    ROW("substr", cmd_string_getrange, 4, CMD_READONLY, "1.0.0", "O(N), N the bytes returned", "key start end",
        "The old name of GETRANGE."),
    {0},
};
