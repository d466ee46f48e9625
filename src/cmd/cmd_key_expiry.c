/* SPDX-License-Identifier: MIT */
/* When keys expire: EXPIRE and its kin, TTL and its kin, PERSIST. */
#include "cmd/cmd_key.h"

/* ---- EXPIRE ---- */

enum { ONLY_NX = 1 << 0, ONLY_XX = 1 << 1, ONLY_GT = 1 << 2, ONLY_LT = 1 << 3 };

static unsigned read_condition(const struct cmd_ctx *ctx, int i)
{
    if (cmd_is(ctx, i, "nx")) return ONLY_NX;
    if (cmd_is(ctx, i, "xx")) return ONLY_XX;
    if (cmd_is(ctx, i, "gt")) return ONLY_GT;
    if (cmd_is(ctx, i, "lt")) return ONLY_LT;
    return 0;
}

/* False: the error was replied. */
static bool read_conditions(struct cmd_ctx *ctx, unsigned *out)
{
    unsigned conditions = 0;
    for (int i = 3; i < ctx->argc; i++) {
        unsigned condition = read_condition(ctx, i);
        if (!condition) {
            reply_errorf(ctx->reply, "ERR Unsupported option %.*s", (int)ctx->argv[i].len, ctx->argv[i].at);
            return false;
        }
        conditions |= condition;
    }
    if ((conditions & ONLY_NX) && conditions != ONLY_NX) {
        reply_error(ctx->reply, SLICE_LIT("ERR NX and XX, GT or LT options at the same time are not compatible"));
        return false;
    }
    if ((conditions & ONLY_GT) && (conditions & ONLY_LT)) {
        reply_error(ctx->reply, SLICE_LIT("ERR GT and LT options at the same time are not compatible"));
        return false;
    }
    *out = conditions;
    return true;
}

/* May an expiry of `old_ms` (-1: none, which counts as never) become at_ms? */
static bool is_allowed(unsigned conditions, int64_t old_ms, int64_t at_ms)
{
    bool has_expiry = old_ms >= 0;
    if ((conditions & ONLY_NX) && has_expiry) return false;
    if ((conditions & ONLY_XX) && !has_expiry) return false;
    if ((conditions & ONLY_GT) && (!has_expiry || at_ms <= old_ms)) return false;
    if ((conditions & ONLY_LT) && has_expiry && at_ms >= old_ms) return false;
    return true;
}

/* The instant that argv[2] names, in units of unit_ms after base_ms. False: the error was replied. */
static bool read_instant(struct cmd_ctx *ctx, int64_t unit_ms, int64_t base_ms, int64_t *out_at_ms)
{
    int64_t n;
    if (!cmd_int(ctx, 2, &n)) return false;
    if (!__builtin_mul_overflow(n, unit_ms, &n) && !__builtin_add_overflow(n, base_ms, out_at_ms)) return true;
    reply_errorf(ctx->reply, "ERR invalid expire time in '%s' command", ctx->command->name);
    return false;
}

static void expire(struct cmd_ctx *ctx, int64_t unit_ms, int64_t base_ms)
{
    unsigned conditions;
    int64_t at_ms;
    if (!read_conditions(ctx, &conditions) || !read_instant(ctx, unit_ms, base_ms, &at_ms)) return;
    struct entry *e = db_peek(ctx->db, ctx->argv[1]);
    bool is_done = e && is_allowed(conditions, db_expiry_ms(ctx->db, e), at_ms);
    if (is_done) {
        if (at_ms <= cmd_now_ms(ctx))
            db_delete(ctx->db, e);
        else
            db_set_expiry(ctx->db, e, at_ms);
    }
    reply_integer(ctx->reply, is_done);
}

void cmd_key_expire(struct cmd_ctx *ctx)
{
    expire(ctx, 1000, cmd_now_ms(ctx));
}

void cmd_key_pexpire(struct cmd_ctx *ctx)
{
    expire(ctx, 1, cmd_now_ms(ctx));
}

void cmd_key_expireat(struct cmd_ctx *ctx)
{
    expire(ctx, 1000, 0);
}

void cmd_key_pexpireat(struct cmd_ctx *ctx)
{
    expire(ctx, 1, 0);
}

/* ---- TTL ---- */

/* The expiry less base_ms in units of unit_ms, rounded; -1: never, -2: no such key. */
static void reply_expiry(struct cmd_ctx *ctx, int64_t unit_ms, int64_t base_ms)
{
    struct entry *e = db_peek(ctx->db, ctx->argv[1]);
    int64_t at_ms = e ? db_expiry_ms(ctx->db, e) : -2;
    if (at_ms < 0) {
        reply_integer(ctx->reply, at_ms);
        return;
    }
    int64_t ms = at_ms > base_ms ? at_ms - base_ms : 0;
    /* Parts, so that the farthest instant does not overflow. */
    reply_integer(ctx->reply, ms / unit_ms + (ms % unit_ms + unit_ms / 2) / unit_ms);
}

void cmd_key_ttl(struct cmd_ctx *ctx)
{
    reply_expiry(ctx, 1000, cmd_now_ms(ctx));
}

void cmd_key_pttl(struct cmd_ctx *ctx)
{
    reply_expiry(ctx, 1, cmd_now_ms(ctx));
}

void cmd_key_expiretime(struct cmd_ctx *ctx)
{
    reply_expiry(ctx, 1000, 0);
}

void cmd_key_pexpiretime(struct cmd_ctx *ctx)
{
    reply_expiry(ctx, 1, 0);
}

void cmd_key_persist(struct cmd_ctx *ctx)
{
    struct entry *e = db_peek(ctx->db, ctx->argv[1]);
    bool has_expiry = e && db_expiry_ms(ctx->db, e) >= 0;
    if (has_expiry) db_set_expiry(ctx->db, e, 0);
    reply_integer(ctx->reply, has_expiry);
}
