/* SPDX-License-Identifier: MIT */
/*
 * Sorted sets by ranges: of ranks, of scores ("(1" excludes 1), of members ("[a", "(a", "-", "+").
 *
 * All commands that give a range are one function whose spec says what the command's name has fixed already; ZRANGE and
 * ZRANGESTORE read the rest from their options.
 */
#include "base/num.h"
#include "cmd/cmd_zset.h"

#include <math.h>
#include <stdlib.h>

#define ERR_SCORE_RANGE SLICE_LIT("ERR min or max is not a float")
#define ERR_MEMBER_RANGE SLICE_LIT("ERR min or max not valid string range item")

enum range_by { RANGE_BY_ANY, RANGE_BY_RANK, RANGE_BY_SCORE, RANGE_BY_MEMBER };
enum range_order { RANGE_ANY_ORDER, RANGE_FORWARD, RANGE_REVERSE };

/* ---- bounds from text ---- */

/* As Redis reads bounds: what strtod reads of the text up to its end or a zero byte. Blanks in front and an empty text are fine. */
static bool parse_bound_score(struct arena *scratch, struct slice text, double *out)
{
    if (num_parse_double(text, out)) return true;
    char *copy = arena_alloc(scratch, text.len + 1);
    if (text.len > 0) memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    char *end;
    double d = strtod(copy, &end);
    if (*end != '\0' || isnan(d)) return false;
    *out = d;
    return true;
}

static bool parse_score(struct arena *scratch, struct slice text, bool is_max, struct zset_bound *out)
{
    bool is_excluded = text.len > 0 && text.at[0] == '(';
    *out = (struct zset_bound){.kind = ZSET_BOUND_SCORE, .is_after = is_max != is_excluded};
    return parse_bound_score(scratch, is_excluded ? slice_from(text, 1) : text, &out->score);
}

static bool parse_member(struct slice text, bool is_max, struct zset_bound *out)
{
    char first = text.len > 0 ? text.at[0] : '\0';
    if (first == '-' || first == '+') {
        *out = (struct zset_bound){.kind = first == '-' ? ZSET_BOUND_START : ZSET_BOUND_END};
        return text.len == 1 || text.at[1] == '\0';
    }
    if (first != '[' && first != '(') return false;
    *out = (struct zset_bound){
        .kind = ZSET_BOUND_MEMBER, .is_after = is_max != (first == '('), .member = slice_from(text, 1)};
    return true;
}

/* min and max from argv[min_at] and argv[max_at]. False: the error was replied. */
static bool read_score_range(struct cmd_ctx *ctx, int min_at, int max_at, struct zset_range *out)
{
    if (parse_score(ctx->scratch, ctx->argv[min_at], false, &out->min) &&
        parse_score(ctx->scratch, ctx->argv[max_at], true, &out->max))
        return true;
    reply_error(ctx->reply, ERR_SCORE_RANGE);
    return false;
}

static bool read_member_range(struct cmd_ctx *ctx, int min_at, int max_at, struct zset_range *out)
{
    if (parse_member(ctx->argv[min_at], false, &out->min) && parse_member(ctx->argv[max_at], true, &out->max))
        return true;
    reply_error(ctx->reply, ERR_MEMBER_RANGE);
    return false;
}

/* First and last rank, negative ones counted from the end; is_reverse: ranks of the reversed order. */
static struct zset_window window_of_ranks(int64_t start, int64_t stop, size_t elements_count, bool is_reverse)
{
    int64_t count = (int64_t)elements_count;
    if (start < 0) start = start + count < 0 ? 0 : start + count;
    if (stop < 0) stop += count;
    if (stop >= count) stop = count - 1;
    if (start > stop) return (struct zset_window){0, 0};
    size_t length = (size_t)(stop - start) + 1;
    return (struct zset_window){(size_t)(is_reverse ? count - 1 - stop : start), length};
}

/* ---- counting and removing ---- */

typedef bool read_range_fn(struct cmd_ctx *ctx, int min_at, int max_at, struct zset_range *out);

static void count_range(struct cmd_ctx *ctx, read_range_fn *read_range)
{
    struct zset_range range;
    struct entry *e;
    if (!read_range(ctx, 2, 3, &range)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)zset_range_window(&e->value, &range).count : 0);
}

void cmd_zcount(struct cmd_ctx *ctx)
{
    count_range(ctx, read_score_range);
}

void cmd_zlexcount(struct cmd_ctx *ctx)
{
    count_range(ctx, read_member_range);
}

static void remove_window(struct cmd_ctx *ctx, struct entry *e, struct zset_window window)
{
    edit_zset_remove_ranks(ctx->db, e, window.first, window.count);
    db_delete_if_empty(ctx->db, e);
    reply_integer(ctx->reply, (int64_t)window.count);
}

static void remove_range(struct cmd_ctx *ctx, read_range_fn *read_range)
{
    struct zset_range range;
    struct entry *e;
    if (!read_range(ctx, 2, 3, &range)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    if (e)
        remove_window(ctx, e, zset_range_window(&e->value, &range));
    else
        reply_integer(ctx->reply, 0);
}

void cmd_zremrangebyscore(struct cmd_ctx *ctx)
{
    remove_range(ctx, read_score_range);
}

void cmd_zremrangebylex(struct cmd_ctx *ctx)
{
    remove_range(ctx, read_member_range);
}

void cmd_zremrangebyrank(struct cmd_ctx *ctx)
{
    int64_t start, stop;
    struct entry *e;
    if (!cmd_int(ctx, 2, &start) || !cmd_int(ctx, 3, &stop)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    if (e)
        remove_window(ctx, e, window_of_ranks(start, stop, zset_count(&e->value), false));
    else
        reply_integer(ctx->reply, 0);
}

/* ---- giving ranges ---- */

/* What a command's name and its options ask for. */
struct range_query {
    int key_at; /* argv: key, min (or start), max (or stop), options */
    bool is_store;
    enum range_by by;
    enum range_order order;
    bool with_scores;
    int64_t offset, limit; /* limit -1: all */
    int64_t start, stop;   /* RANGE_BY_RANK */
    struct zset_range range;
};

static bool read_options(struct cmd_ctx *ctx, struct range_query *q)
{
    bool is_by_fixed = q->by != RANGE_BY_ANY, is_order_fixed = q->order != RANGE_ANY_ORDER;
    for (int i = q->key_at + 3; i < ctx->argc; i++) {
        if (!q->is_store && cmd_is(ctx, i, "withscores")) {
            q->with_scores = true;
        } else if (cmd_is(ctx, i, "limit") && i + 2 < ctx->argc) {
            if (!cmd_int(ctx, i + 1, &q->offset) || !cmd_int(ctx, i + 2, &q->limit)) return false;
            i += 2;
        } else if (!is_order_fixed && q->order == RANGE_ANY_ORDER && cmd_is(ctx, i, "rev")) {
            q->order = RANGE_REVERSE;
        } else if (!is_by_fixed && q->by == RANGE_BY_ANY && cmd_is(ctx, i, "bylex")) {
            q->by = RANGE_BY_MEMBER;
        } else if (!is_by_fixed && q->by == RANGE_BY_ANY && cmd_is(ctx, i, "byscore")) {
            q->by = RANGE_BY_SCORE;
        } else {
            cmd_reply_syntax(ctx);
            return false;
        }
    }
    if (q->by == RANGE_BY_ANY) q->by = RANGE_BY_RANK;
    return true;
}

static bool check_options(struct cmd_ctx *ctx, const struct range_query *q)
{
    if (q->limit != -1 && q->by == RANGE_BY_RANK) {
        reply_error(ctx->reply, SLICE_LIT("ERR syntax error, LIMIT is only supported in combination with either "
                                          "BYSCORE or BYLEX"));
        return false;
    }
    if (q->with_scores && q->by == RANGE_BY_MEMBER) {
        reply_error(ctx->reply, SLICE_LIT("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        return false;
    }
    return true;
}

static bool read_bounds(struct cmd_ctx *ctx, struct range_query *q)
{
    int first = q->key_at + 1, second = q->key_at + 2;
    if (q->by == RANGE_BY_RANK) return cmd_int(ctx, first, &q->start) && cmd_int(ctx, second, &q->stop);
    /* A reversed range by score or member is written from its end: max, then min. */
    int min_at = q->order == RANGE_REVERSE ? second : first;
    int max_at = q->order == RANGE_REVERSE ? first : second;
    if (q->by == RANGE_BY_SCORE) return read_score_range(ctx, min_at, max_at, &q->range);
    return read_member_range(ctx, min_at, max_at, &q->range);
}

/* Prepares the walk over what was asked for; returns how many elements it has, -1 when only walking tells. */
static int64_t begin_walk(const struct range_query *q, const struct value *v, struct zset_walk *walk)
{
    bool is_reverse = q->order == RANGE_REVERSE;
    if (q->by == RANGE_BY_RANK) {
        struct zset_window window = window_of_ranks(q->start, q->stop, zset_count(v), is_reverse);
        zset_walk_window(walk, v, window, is_reverse);
        return (int64_t)window.count;
    }
    /* A negative offset is past every end, a negative limit none at all. */
    size_t offset = q->offset < 0 ? SIZE_MAX : (size_t)q->offset;
    size_t limit = q->limit < 0 ? SIZE_MAX : (size_t)q->limit;
    zset_walk_range(walk, v, &q->range, is_reverse, offset, limit);
    return -1;
}

static void reply_range(struct cmd_ctx *ctx, const struct range_query *q, const struct value *v)
{
    struct zset_walk walk;
    struct zset_element e;
    int64_t known = begin_walk(q, v, &walk);
    if (known >= 0) {
        cmd_zset_reply_array(ctx->reply, (size_t)known, q->with_scores);
        while (zset_walk_next(&walk, &e)) cmd_zset_reply_element(ctx->reply, &e, q->with_scores);
        return;
    }
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    size_t count = 0;
    for (; zset_walk_next(&walk, &e); count++) cmd_zset_reply_element(ctx->reply, &e, q->with_scores);
    reply_end(ctx->reply, mark, REPLY_ARRAY, q->with_scores && ctx->reply->resp == 2 ? 2 * count : count);
}

static void store_range(struct cmd_ctx *ctx, const struct range_query *q, const struct value *v)
{
    struct value result = {.type = VALUE_ZSET};
    zset_init(&result);
    if (v) {
        struct zset_walk walk;
        struct zset_element e;
        begin_walk(q, v, &walk);
        while (zset_walk_next(&walk, &e)) zset_add(&result, e.member, e.score, 0, NULL);
    }
    int64_t count = (int64_t)zset_count(&result);
    edit_zset_replace(ctx->db, ctx->argv[1], &result);
    reply_integer(ctx->reply, count);
}

static void run_range(struct cmd_ctx *ctx, struct range_query q)
{
    struct entry *e;
    q.limit = -1;
    if (!read_options(ctx, &q) || !check_options(ctx, &q) || !read_bounds(ctx, &q)) return;
    if (!cmd_find(ctx, ctx->argv[q.key_at], VALUE_ZSET, &e)) return;
    if (q.is_store)
        store_range(ctx, &q, e ? &e->value : NULL);
    else if (e)
        reply_range(ctx, &q, &e->value);
    else
        reply_array(ctx->reply, 0);
}

void cmd_zrange(struct cmd_ctx *ctx)
{
    run_range(ctx, (struct range_query){.key_at = 1});
}

void cmd_zrangestore(struct cmd_ctx *ctx)
{
    run_range(ctx, (struct range_query){.key_at = 2, .is_store = true});
}

void cmd_zrevrange(struct cmd_ctx *ctx)
{
    run_range(ctx, (struct range_query){.key_at = 1, .by = RANGE_BY_RANK, .order = RANGE_REVERSE});
}

void cmd_zrangebyscore(struct cmd_ctx *ctx)
{
    run_range(ctx, (struct range_query){.key_at = 1, .by = RANGE_BY_SCORE, .order = RANGE_FORWARD});
}

void cmd_zrevrangebyscore(struct cmd_ctx *ctx)
{
    run_range(ctx, (struct range_query){.key_at = 1, .by = RANGE_BY_SCORE, .order = RANGE_REVERSE});
}

void cmd_zrangebylex(struct cmd_ctx *ctx)
{
    run_range(ctx, (struct range_query){.key_at = 1, .by = RANGE_BY_MEMBER, .order = RANGE_FORWARD});
}

void cmd_zrevrangebylex(struct cmd_ctx *ctx)
{
    run_range(ctx, (struct range_query){.key_at = 1, .by = RANGE_BY_MEMBER, .order = RANGE_REVERSE});
}
