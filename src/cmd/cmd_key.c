/* SPDX-License-Identifier: MIT */
/*
 * Keys of any type: being there, names and places; and the table of the family.
 *
 * Read next: cmd_key_expiry.c, cmd_key_scan.c (all keys), cmd_key_db.c (databases), cmd_key_inspect.c (OBJECT, MEMORY).
 */
#include "cmd/cmd_key.h"

#include "cmd/table.h"

/* ---- being there ---- */

static void run_del(struct cmd_ctx *ctx)
{
    int64_t count = 0;
    for (int i = 1; i < ctx->argc; i++) {
        struct entry *e = db_peek(ctx->db, ctx->argv[i]);
        if (!e) continue;
        db_delete(ctx->db, e);
        count++;
    }
    reply_integer(ctx->reply, count);
}

/* EXISTS and TOUCH: a key named twice counts twice. */
static void run_exists(struct cmd_ctx *ctx)
{
    int64_t count = 0;
    for (int i = 1; i < ctx->argc; i++) count += db_peek(ctx->db, ctx->argv[i]) != NULL;
    reply_integer(ctx->reply, count);
}

static void run_type(struct cmd_ctx *ctx)
{
    const struct entry *e = db_peek(ctx->db, ctx->argv[1]);
    const char *name = e ? value_type_name((enum value_type)e->value.type) : "none";
    reply_status(ctx->reply, slice_from_text(name));
}

/* ---- names ---- */

static void run_rename(struct cmd_ctx *ctx)
{
    struct entry *e = db_find(ctx->db, ctx->argv[1]);
    if (!e) {
        reply_error(ctx->reply, CMD_ERR_NO_KEY);
        return;
    }
    if (!slice_equal(ctx->argv[1], ctx->argv[2])) db_rename(ctx->db, e, ctx->argv[2]);
    reply_ok(ctx->reply);
}

static void run_renamenx(struct cmd_ctx *ctx)
{
    struct entry *e = db_find(ctx->db, ctx->argv[1]);
    if (!e) {
        reply_error(ctx->reply, CMD_ERR_NO_KEY);
        return;
    }
    bool is_free = !db_peek(ctx->db, ctx->argv[2]);
    if (is_free) db_rename(ctx->db, e, ctx->argv[2]);
    reply_integer(ctx->reply, is_free);
}

/* ---- places ---- */

/* The database that argv[i] names. False: the error was replied. */
static bool read_db(struct cmd_ctx *ctx, int i, struct db **out)
{
    int64_t n;
    if (!cmd_int_in(ctx, i, INT32_MIN, INT32_MAX, &n)) return false;
    if (n < 0 || n >= KEYSPACE_DBS_COUNT) {
        reply_error(ctx->reply, SLICE_LIT("ERR DB index is out of range"));
        return false;
    }
    *out = &ctx->keyspace->dbs[n];
    return true;
}

static void reply_same_object(struct cmd_ctx *ctx)
{
    reply_error(ctx->reply, SLICE_LIT("ERR source and destination objects are the same"));
}

static void run_move(struct cmd_ctx *ctx)
{
    struct db *to;
    if (!read_db(ctx, 2, &to)) return;
    if (to == ctx->db) {
        reply_same_object(ctx);
        return;
    }
    struct entry *e = db_find(ctx->db, ctx->argv[1]);
    bool can_move = e && !db_peek(to, ctx->argv[1]);
    if (can_move) db_move(ctx->db, e, to);
    reply_integer(ctx->reply, can_move);
}

/* False: the error was replied. */
static bool read_copy_options(struct cmd_ctx *ctx, struct db **to, bool *is_replacing)
{
    for (int i = 3; i < ctx->argc; i++) {
        if (cmd_is(ctx, i, "replace")) {
            *is_replacing = true;
        } else if (cmd_is(ctx, i, "db") && i + 1 < ctx->argc) {
            if (!read_db(ctx, ++i, to)) return false;
        } else {
            cmd_reply_syntax(ctx);
            return false;
        }
    }
    return true;
}

static void run_copy(struct cmd_ctx *ctx)
{
    struct db *to = ctx->db;
    bool is_replacing = false;
    if (!read_copy_options(ctx, &to, &is_replacing)) return;
    if (to == ctx->db && slice_equal(ctx->argv[1], ctx->argv[2])) {
        reply_same_object(ctx);
        return;
    }
    struct entry *e = db_find(ctx->db, ctx->argv[1]);
    bool can_copy = e && (is_replacing || !db_peek(to, ctx->argv[2]));
    if (can_copy) db_copy(ctx->db, e, to, ctx->argv[2]);
    reply_integer(ctx->reply, can_copy);
}

/* ---- the table ---- */

#define WRITE_FAST (CMD_WRITE | CMD_FAST)
#define READ_FAST (CMD_READONLY | CMD_FAST)
#define HELP (CMD_LOADING | CMD_STALE)
#define NO_KEYS                                                                                                        \
    {                                                                                                                  \
        0, 0, 0                                                                                                        \
    }
#define ONE_KEY                                                                                                        \
    {                                                                                                                  \
        1, 1, 1                                                                                                        \
    }
#define TWO_KEYS                                                                                                       \
    {                                                                                                                  \
        1, 2, 1                                                                                                        \
    }
#define ALL_KEYS                                                                                                       \
    {                                                                                                                  \
        1, -1, 1                                                                                                       \
    }
#define SUB_KEY                                                                                                        \
    {                                                                                                                  \
        2, 2, 1                                                                                                        \
    }

#define ROW(group_, name_, run_, arity_, flags_, keys_, since_, complexity_, args_, summary_)                          \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = keys_, .group = group_, .since = since_, \
        .complexity = complexity_, .args = args_, .summary = summary_                                                  \
    }

static const struct command object_subs[] = {
    ROW("generic", "encoding", cmd_key_object_encoding, 3, CMD_READONLY, SUB_KEY, "2.2.3", "O(1)", "key",
        "Redis's name for the form that a value has."),
    ROW("generic", "freq", cmd_key_object_freq, 3, CMD_READONLY, SUB_KEY, "4.0.0", "O(1)", "key",
        "How often a key is used; an error, since it is not counted."),
    ROW("generic", "help", cmd_key_object_help, 2, HELP, NO_KEYS, "6.2.0", "O(1)", "", "What OBJECT can tell."),
    ROW("generic", "idletime", cmd_key_object_idletime, 3, CMD_READONLY, SUB_KEY, "2.2.3", "O(1)", "key",
        "Seconds since a key was used; 0, since it is not kept."),
    ROW("generic", "refcount", cmd_key_object_refcount, 3, CMD_READONLY, SUB_KEY, "2.2.3", "O(1)", "key",
        "How often Redis would share a value."),
    {0},
};

static const struct command memory_subs[] = {
    ROW("server", "help", cmd_key_memory_help, 2, HELP, NO_KEYS, "4.0.0", "O(1)", "", "What MEMORY can tell."),
    ROW("server", "usage", cmd_key_memory_usage, -3, CMD_READONLY, SUB_KEY, "4.0.0", "O(N), N the samples",
        "key [SAMPLES count]", "Bytes of memory that a key and its value take."),
    {0},
};

const struct command cmd_key_rows[] = {
    ROW("generic", "copy", run_copy, -3, CMD_WRITE | CMD_DENYOOM, TWO_KEYS, "6.2.0", "O(N), N the elements",
        "source destination [DB destination-db] [REPLACE]", "Copies a value and its expiry to another key."),
    ROW("generic", "del", run_del, -2, CMD_WRITE, ALL_KEYS, "1.0.0", "O(N), N the keys and their elements",
        "key [key ...]", "Deletes keys."),
    ROW("generic", "exists", run_exists, -2, READ_FAST, ALL_KEYS, "1.0.0", "O(N), N the keys", "key [key ...]",
        "How many of the keys exist."),
    ROW("generic", "expire", cmd_key_expire, -3, WRITE_FAST, ONE_KEY, "1.0.0", "O(log N), N the keys that expire",
        "key seconds [NX | XX | GT | LT]", "Lets a key expire after some seconds."),
    ROW("generic", "expireat", cmd_key_expireat, -3, WRITE_FAST, ONE_KEY, "1.2.0", "O(log N), N the keys that expire",
        "key unix-seconds [NX | XX | GT | LT]", "Lets a key expire at a time in seconds."),
    ROW("generic", "expiretime", cmd_key_expiretime, 2, READ_FAST, ONE_KEY, "7.0.0", "O(1)", "key",
        "When a key expires, in seconds since 1970."),
    ROW("generic", "keys", cmd_key_keys, 2, CMD_READONLY, NO_KEYS, "1.0.0", "O(N), N all keys", "pattern",
        "All keys that match a pattern."),
    ROW("generic", "move", run_move, 3, WRITE_FAST, ONE_KEY, "1.0.0", "O(1)", "key db",
        "Moves a key to another database."),
    {
        .name = "object",
        .arity = -2,
        .flags = CMD_SUB,
        .group = "generic",
        .since = "2.2.3",
        .complexity = "Depends on the subcommand.",
        .args = "subcommand",
        .summary = "Tells how a value is kept.",
        .subs = object_subs,
    },
    ROW("generic", "persist", cmd_key_persist, 2, WRITE_FAST, ONE_KEY, "2.2.0", "O(log N), N the keys that expire",
        "key", "Takes the expiry from a key."),
    ROW("generic", "pexpire", cmd_key_pexpire, -3, WRITE_FAST, ONE_KEY, "2.6.0", "O(log N), N the keys that expire",
        "key milliseconds [NX | XX | GT | LT]", "Lets a key expire after some milliseconds."),
    ROW("generic", "pexpireat", cmd_key_pexpireat, -3, WRITE_FAST, ONE_KEY, "2.6.0", "O(log N), N the keys that expire",
        "key unix-milliseconds [NX | XX | GT | LT]", "Lets a key expire at a time in milliseconds."),
    ROW("generic", "pexpiretime", cmd_key_pexpiretime, 2, READ_FAST, ONE_KEY, "7.0.0", "O(1)", "key",
        "When a key expires, in milliseconds since 1970."),
    ROW("generic", "pttl", cmd_key_pttl, 2, READ_FAST, ONE_KEY, "2.6.0", "O(1)", "key",
        "How long a key has left, in milliseconds; -1 for ever, -2 for no key."),
    ROW("generic", "randomkey", cmd_key_randomkey, 1, CMD_READONLY, NO_KEYS, "1.0.0", "O(1)", "", "One key by chance."),
    ROW("generic", "rename", run_rename, 3, CMD_WRITE, TWO_KEYS, "1.0.0", "O(1)", "key newkey",
        "Gives a key another name, replacing what has it."),
    ROW("generic", "renamenx", run_renamenx, 3, WRITE_FAST, TWO_KEYS, "1.0.0", "O(1)", "key newkey",
        "Gives a key another name if no key has it."),
    ROW("generic", "scan", cmd_key_scan, -2, CMD_READONLY, NO_KEYS, "2.8.0", "O(1) a call, O(N) for all",
        "cursor [MATCH pattern] [COUNT count] [TYPE type]", "All keys, some at each call."),
    ROW("generic", "touch", run_exists, -2, READ_FAST, ALL_KEYS, "3.2.1", "O(N), N the keys", "key [key ...]",
        "How many of the keys exist."),
    ROW("generic", "ttl", cmd_key_ttl, 2, READ_FAST, ONE_KEY, "1.0.0", "O(1)", "key",
        "How long a key has left, in seconds; -1 for ever, -2 for no key."),
    ROW("generic", "type", run_type, 2, READ_FAST, ONE_KEY, "1.0.0", "O(1)", "key", "The type of a key's value."),
    ROW("generic", "unlink", run_del, -2, WRITE_FAST, ALL_KEYS, "4.0.0", "O(N), N the keys and their elements",
        "key [key ...]", "Deletes keys."),

    ROW("server", "dbsize", cmd_key_dbsize, 1, READ_FAST, NO_KEYS, "1.0.0", "O(1)", "",
        "How many keys the selected database has."),
    ROW("server", "flushall", cmd_key_flushall, -1, CMD_WRITE, NO_KEYS, "1.0.0", "O(N), N all keys", "[ASYNC | SYNC]",
        "Empties all databases."),
    ROW("server", "flushdb", cmd_key_flushdb, -1, CMD_WRITE, NO_KEYS, "1.0.0", "O(N), N its keys", "[ASYNC | SYNC]",
        "Empties the selected database."),
    {
        .name = "memory",
        .arity = -2,
        .flags = CMD_SUB,
        .group = "server",
        .since = "4.0.0",
        .complexity = "Depends on the subcommand.",
        .args = "subcommand",
        .summary = "Tells what takes memory.",
        .subs = memory_subs,
    },
    ROW("server", "swapdb", cmd_key_swapdb, 3, WRITE_FAST, NO_KEYS, "4.0.0", "O(1)", "index1 index2",
        "Exchanges the contents of two databases."),
    {0},
};
