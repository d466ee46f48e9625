/* SPDX-License-Identifier: MIT */
/* Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB. */
#include "base/num.h"
#include "cmd/cmd_key.h"

void cmd_key_dbsize(struct cmd_ctx *ctx)
{
    reply_integer(ctx->reply, (int64_t)db_count(ctx->db));
}

/* ASYNC or SYNC or nothing: one thread owns the keyspace, so they are the same. False: the error was replied. */
static bool read_flush_mode(struct cmd_ctx *ctx)
{
    if (ctx->argc == 1) return true;
    if (ctx->argc == 2 && (cmd_is(ctx, 1, "async") || cmd_is(ctx, 1, "sync"))) return true;
    cmd_reply_syntax(ctx);
    return false;
}

static void flush(struct db *db)
{
    if (db_count(db) > 0) db_flush(db);
}

void cmd_key_flushdb(struct cmd_ctx *ctx)
{
    if (!read_flush_mode(ctx)) return;
    flush(ctx->db);
    reply_ok(ctx->reply);
}

void cmd_key_flushall(struct cmd_ctx *ctx)
{
    if (!read_flush_mode(ctx)) return;
    for (int i = 0; i < KEYSPACE_DBS_COUNT; i++) flush(&ctx->keyspace->dbs[i]);
    reply_ok(ctx->reply);
}

static bool read_index(struct cmd_ctx *ctx, int i, const char *which, int64_t *out)
{
    if (num_parse_int(ctx->argv[i], out) && *out >= INT32_MIN && *out <= INT32_MAX) return true;
    reply_errorf(ctx->reply, "ERR invalid %s DB index", which);
    return false;
}

static bool is_index(int64_t n)
{
    return n >= 0 && n < KEYSPACE_DBS_COUNT;
}

void cmd_key_swapdb(struct cmd_ctx *ctx)
{
    int64_t a, b;
    if (!read_index(ctx, 1, "first", &a) || !read_index(ctx, 2, "second", &b)) return;
    if (!is_index(a) || !is_index(b)) {
        reply_error(ctx->reply, SLICE_LIT("ERR DB index is out of range"));
        return;
    }
    if (a != b) db_swap(&ctx->keyspace->dbs[a], &ctx->keyspace->dbs[b]);
    reply_ok(ctx->reply);
}
