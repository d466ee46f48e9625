/* SPDX-License-Identifier: MIT */
/* Taking elements from either end of sorted sets; the blocking forms wait while all their keys are absent. */
#include "base/num.h"
#include "cmd/cmd_zset.h"

/* How the answer looks. */
enum pop_shape {
    POP_FLAT,      /* member, score, ... */
    POP_PAIRS,     /* [member, score], ... */
    POP_KEY_FLAT,  /* key, member, score */
    POP_KEY_PAIRS, /* key, [[member, score], ...] */
};

struct pop {
    const struct slice *keys;
    size_t keys_count;
    bool is_max;
    int64_t count;
    enum pop_shape shape;
};

static void reply_pop_header(struct cmd_ctx *ctx, enum pop_shape shape, struct slice key, size_t count)
{
    bool has_key = shape == POP_KEY_FLAT || shape == POP_KEY_PAIRS;
    bool is_flat = shape == POP_FLAT || shape == POP_KEY_FLAT;
    if (shape == POP_KEY_PAIRS) reply_array(ctx->reply, 2);
    if (shape == POP_KEY_FLAT) reply_array(ctx->reply, 1 + 2 * count);
    if (has_key) reply_bulk(ctx->reply, key);
    if (shape != POP_KEY_FLAT) reply_array(ctx->reply, is_flat ? 2 * count : count);
}

static void pop_from(struct cmd_ctx *ctx, struct entry *e, const struct pop *pop)
{
    size_t total = zset_count(&e->value);
    size_t count = (uint64_t)pop->count < total ? (size_t)pop->count : total;
    struct zset_window window = {pop->is_max ? total - count : 0, count};
    struct zset_walk walk;
    struct zset_element element;
    reply_pop_header(ctx, pop->shape, entry_key(e), count);
    zset_walk_window(&walk, &e->value, window, pop->is_max);
    while (zset_walk_next(&walk, &element)) {
        if (pop->shape == POP_PAIRS || pop->shape == POP_KEY_PAIRS) reply_array(ctx->reply, 2);
        reply_bulk(ctx->reply, element.member);
        reply_double(ctx->reply, element.score);
    }
    edit_zset_remove_ranks(ctx->db, e, window.first, window.count);
    db_delete_if_empty(ctx->db, e);
}

/* Pops from the first key that is there. False: none is, and nothing was replied. */
static bool pop_first(struct cmd_ctx *ctx, const struct pop *pop)
{
    struct entry *e = NULL;
    for (size_t i = 0; i < pop->keys_count && !e; i++)
        if (!cmd_find(ctx, pop->keys[i], VALUE_ZSET, &e)) return true;
    if (e) pop_from(ctx, e, pop);
    return e != NULL;
}

bool cmd_zset_int(struct cmd_ctx *ctx, int i, int64_t min, int64_t max, struct slice text, int64_t *out)
{
    int64_t n;
    if (num_parse_int(ctx->argv[i], &n) && n >= min && n <= max) {
        *out = n;
        return true;
    }
    reply_error(ctx->reply, text);
    return false;
}

/* ---- ZPOPMIN and ZPOPMAX ---- */

static void run_pop(struct cmd_ctx *ctx, bool is_max)
{
    struct pop pop = {ctx->argv + 1, 1, is_max, 1, POP_FLAT};
    if (ctx->argc > 3) {
        cmd_reply_syntax(ctx);
        return;
    }
    if (ctx->argc == 3) {
        struct slice text = SLICE_LIT("ERR value is out of range, must be positive");
        if (!cmd_zset_int(ctx, 2, 0, INT64_MAX, text, &pop.count)) return;
        if (ctx->reply->resp > 2) pop.shape = POP_PAIRS;
    }
    if (!pop_first(ctx, &pop)) reply_array(ctx->reply, 0);
}

void cmd_zpopmin(struct cmd_ctx *ctx)
{
    run_pop(ctx, false);
}

void cmd_zpopmax(struct cmd_ctx *ctx)
{
    run_pop(ctx, true);
}

/* ---- ZMPOP ---- */

/* numkeys key [key ...] MIN|MAX [COUNT count] from argv[at] on. False: the error was replied. */
static bool read_mpop(struct cmd_ctx *ctx, int at, struct pop *out)
{
    int64_t keys_count;
    struct slice keys_text = SLICE_LIT("ERR numkeys should be greater than 0");
    if (!cmd_zset_int(ctx, at, 1, INT64_MAX, keys_text, &keys_count)) return false;
    bool is_short = keys_count >= ctx->argc - at - 1;
    int where = is_short ? 0 : at + 1 + (int)keys_count;
    if (is_short || (!cmd_is(ctx, where, "min") && !cmd_is(ctx, where, "max"))) {
        cmd_reply_syntax(ctx);
        return false;
    }
    *out = (struct pop){ctx->argv + at + 1, (size_t)keys_count, cmd_is(ctx, where, "max"), 1, POP_KEY_PAIRS};
    int rest = ctx->argc - where - 1;
    if (rest == 0) return true;
    if (rest < 2 || !cmd_is(ctx, where + 1, "count")) {
        cmd_reply_syntax(ctx);
        return false;
    }
    struct slice count_text = SLICE_LIT("ERR count should be greater than 0");
    if (!cmd_zset_int(ctx, where + 2, 1, INT64_MAX, count_text, &out->count)) return false;
    if (rest == 2) return true;
    cmd_reply_syntax(ctx);
    return false;
}

void cmd_zmpop(struct cmd_ctx *ctx)
{
    struct pop pop;
    if (read_mpop(ctx, 1, &pop) && !pop_first(ctx, &pop)) reply_null_array(ctx->reply);
}

/* ---- blocking ---- */

static void pop_or_block(struct cmd_ctx *ctx, int timeout_at, const struct pop *pop)
{
    int64_t timeout_ms;
    if (!cmd_timeout(ctx, timeout_at, &timeout_ms)) return;
    if (pop_first(ctx, pop)) return;
    cmd_block(ctx, (struct cmd_block){
                       .keys = pop->keys,
                       .keys_count = pop->keys_count,
                       .timeout_ms = timeout_ms,
                       .type = VALUE_ZSET,
                       .on_timeout = CMD_TIMEOUT_NULL_ARRAY,
                   });
}

static void run_blocking_pop(struct cmd_ctx *ctx, bool is_max)
{
    struct pop pop = {ctx->argv + 1, (size_t)ctx->argc - 2, is_max, 1, POP_KEY_FLAT};
    pop_or_block(ctx, ctx->argc - 1, &pop);
}

void cmd_bzpopmin(struct cmd_ctx *ctx)
{
    run_blocking_pop(ctx, false);
}

void cmd_bzpopmax(struct cmd_ctx *ctx)
{
    run_blocking_pop(ctx, true);
}

void cmd_bzmpop(struct cmd_ctx *ctx)
{
    struct pop pop;
    if (read_mpop(ctx, 2, &pop)) pop_or_block(ctx, 1, &pop);
}
