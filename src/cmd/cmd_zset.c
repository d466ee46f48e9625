/* SPDX-License-Identifier: MIT */
/* Sorted sets member by member, and the rows of all sorted-set commands; see cmd_zset.h for the other files. */
#include "cmd/cmd_zset.h"

#include "base/num.h"

/* ---- ZADD and ZINCRBY ---- */

struct add_options {
    unsigned flags; /* enum zset_add_flag */
    bool is_changed_counted;
    int first; /* argv: score member ... */
    int pairs_count;
};

static bool read_add_option(struct cmd_ctx *ctx, int i, struct add_options *o)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {
        {"nx", ZSET_ADD_NX}, {"xx", ZSET_ADD_XX}, {"gt", ZSET_ADD_GT}, {"lt", ZSET_ADD_LT}, {"incr", ZSET_ADD_INCR}};
    /* Nearly always it is a score already, and those begin with a digit or a sign. */
    if (ctx->argv[i].len == 0 || ctx->argv[i].at[0] < 'A') return false;
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        if (!cmd_is(ctx, i, words[w].word)) continue;
        o->flags |= words[w].flag;
        return true;
    }
    if (!cmd_is(ctx, i, "ch")) return false;
    o->is_changed_counted = true;
    return true;
}

static const char *find_conflict(const struct add_options *o)
{
    bool nx = o->flags & ZSET_ADD_NX, gt = o->flags & ZSET_ADD_GT, lt = o->flags & ZSET_ADD_LT;
    if (nx && (o->flags & ZSET_ADD_XX)) return "XX and NX options at the same time are not compatible";
    if ((nx && (gt || lt)) || (gt && lt)) return "GT, LT, and/or NX options at the same time are not compatible";
    if ((o->flags & ZSET_ADD_INCR) && o->pairs_count > 1) return "INCR option supports a single increment-element pair";
    return NULL;
}

/* False: the error was replied. */
static bool read_add_options(struct cmd_ctx *ctx, struct add_options *o)
{
    o->first = 2;
    while (o->first < ctx->argc && read_add_option(ctx, o->first, o)) o->first++;
    int rest = ctx->argc - o->first;
    if (rest == 0 || rest % 2 != 0) {
        cmd_reply_syntax(ctx);
        return false;
    }
    o->pairs_count = rest / 2;
    const char *conflict = find_conflict(o);
    if (conflict) reply_errorf(ctx->reply, "ERR %s", conflict);
    return !conflict;
}

static void reply_incremented(struct cmd_ctx *ctx, enum zset_added added, double score)
{
    if (added == ZSET_ADDED_NOTHING)
        reply_null(ctx->reply);
    else
        reply_double(ctx->reply, score);
}

/* Adds the pairs, whose scores are read already, and replies. */
static void add_pairs(struct cmd_ctx *ctx, const struct add_options *o, const double *scores)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    if (!e && !(o->flags & ZSET_ADD_XX)) e = db_create(ctx->db, ctx->argv[1], VALUE_ZSET);
    int64_t new_count = 0, moved_count = 0;
    enum zset_added added = ZSET_ADDED_NOTHING;
    double score = 0;
    for (int i = 0; e && i < o->pairs_count; i++) {
        added = edit_zset_add(ctx->db, e, ctx->argv[o->first + 2 * i + 1], scores[i], o->flags, &score);
        if (added == ZSET_ADDED_NAN) {
            reply_error(ctx->reply, SLICE_LIT("ERR resulting score is not a number (NaN)"));
            return;
        }
        new_count += added == ZSET_ADDED_NEW;
        moved_count += added == ZSET_ADDED_MOVED;
    }
    if (o->flags & ZSET_ADD_INCR)
        reply_incremented(ctx, added, score);
    else
        reply_integer(ctx->reply, o->is_changed_counted ? new_count + moved_count : new_count);
}

static void run_add(struct cmd_ctx *ctx, unsigned flags)
{
    struct add_options o = {.flags = flags};
    if (!read_add_options(ctx, &o)) return;
    double one;
    double *scores = o.pairs_count == 1 ? &one : ARENA_ARRAY(ctx->scratch, double, (size_t)o.pairs_count);
    for (int i = 0; i < o.pairs_count; i++)
        if (!cmd_double(ctx, o.first + 2 * i, scores + i)) return;
    add_pairs(ctx, &o, scores);
}

static void run_zadd(struct cmd_ctx *ctx)
{
    run_add(ctx, 0);
}

static void run_zincrby(struct cmd_ctx *ctx)
{
    run_add(ctx, ZSET_ADD_INCR);
}

/* ---- removing and asking ---- */

static void run_zrem(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    int64_t removed = 0;
    for (int i = 2; e && i < ctx->argc; i++) removed += edit_zset_remove(ctx->db, e, ctx->argv[i]);
    if (e) db_delete_if_empty(ctx->db, e);
    reply_integer(ctx->reply, removed);
}

static void run_zcard(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)zset_count(&e->value) : 0);
}

static void reply_score(struct cmd_ctx *ctx, const struct entry *e, struct slice member)
{
    double score;
    if (e && zset_score(&e->value, member, &score))
        reply_double(ctx->reply, score);
    else
        reply_null(ctx->reply);
}

static void run_zscore(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) reply_score(ctx, e, ctx->argv[2]);
}

static void run_zmscore(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    reply_array(ctx->reply, (size_t)ctx->argc - 2);
    for (int i = 2; i < ctx->argc; i++) reply_score(ctx, e, ctx->argv[i]);
}

static void run_rank(struct cmd_ctx *ctx, bool is_reverse)
{
    bool with_score = ctx->argc == 4;
    if (ctx->argc > 4) {
        cmd_reply_arity(ctx);
        return;
    }
    if (with_score && !cmd_is(ctx, 3, "withscore")) {
        cmd_reply_syntax(ctx);
        return;
    }
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_ZSET, &e)) return;
    size_t rank;
    double score;
    if (!e || !zset_rank(&e->value, ctx->argv[2], &rank, &score)) {
        if (with_score)
            reply_null_array(ctx->reply);
        else
            reply_null(ctx->reply);
        return;
    }
    if (is_reverse) rank = zset_count(&e->value) - 1 - rank;
    if (with_score) reply_array(ctx->reply, 2);
    reply_integer(ctx->reply, (int64_t)rank);
    if (with_score) reply_double(ctx->reply, score);
}

static void run_zrank(struct cmd_ctx *ctx)
{
    run_rank(ctx, false);
}

static void run_zrevrank(struct cmd_ctx *ctx)
{
    run_rank(ctx, true);
}

/* ---- rows ---- */

/* A destination at argv[1] where numkeys does not stand there itself, then numkeys and that many keys. */
static int find_numbered_keys(const struct slice *argv, int argc, int numkeys_at, bool has_destination, int *indexes,
                              int max)
{
    int64_t numkeys;
    if (numkeys_at >= argc || !num_parse_int(argv[numkeys_at], &numkeys)) return -1;
    if (numkeys < 1 || numkeys > argc - numkeys_at - 1) return -1;
    int count = 0;
    if (has_destination && count < max) indexes[count] = 1;
    if (has_destination) count++;
    for (int i = 0; i < (int)numkeys; i++, count++)
        if (count < max) indexes[count] = numkeys_at + 1 + i;
    return count;
}

static int find_keys(const struct slice *argv, int argc, int *indexes, int max)
{
    return find_numbered_keys(argv, argc, 1, false, indexes, max);
}

static int find_keys_after_timeout(const struct slice *argv, int argc, int *indexes, int max)
{
    return find_numbered_keys(argv, argc, 2, false, indexes, max);
}

static int find_keys_and_destination(const struct slice *argv, int argc, int *indexes, int max)
{
    return find_numbered_keys(argv, argc, 2, true, indexes, max);
}

#define READ CMD_READONLY
#define READ_FAST (CMD_READONLY | CMD_FAST)
#define WRITE_FAST (CMD_WRITE | CMD_FAST)
#define ADD_FAST (CMD_WRITE | CMD_DENYOOM | CMD_FAST)
#define BLOCK_FAST (CMD_WRITE | CMD_NOSCRIPT | CMD_BLOCKING | CMD_FAST)
#define STORE (CMD_WRITE | CMD_DENYOOM)

#define ROW_KEYS(name_, run_, arity_, flags_, first_, last_, find_keys_, since_, complexity_, args_, summary_)         \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = {first_, last_, (first_) != 0},          \
        .find_keys = find_keys_, .group = "sorted-set", .since = since_, .complexity = complexity_, .args = args_,     \
        .summary = summary_                                                                                            \
    }
/* The key comes first. */
#define ROW(name_, run_, arity_, flags_, since_, complexity_, args_, summary_)                                         \
    ROW_KEYS(name_, run_, arity_, flags_, 1, 1, NULL, since_, complexity_, args_, summary_)
/* numkeys key ... */
#define ROW_NUMBERED(name_, run_, arity_, flags_, since_, complexity_, args_, summary_)                                \
    ROW_KEYS(name_, run_, arity_, (flags_) | CMD_MOVABLE_KEYS, 0, 0, find_keys, since_, complexity_, args_, summary_)
/* destination numkeys key ... */
#define ROW_STORE(name_, run_, since_, complexity_, args_, summary_)                                                   \
    ROW_KEYS(name_, run_, -4, STORE | CMD_MOVABLE_KEYS, 1, 1, find_keys_and_destination, since_, complexity_, args_,   \
             summary_)

#define O_LOG "O(log N)"
#define O_RANGE "O(log N + M), M the elements given"
#define O_REMOVE "O(log N + M), M the elements removed"
#define O_POP "O(log N + M), M the elements taken"
#define O_UNION "O(N + M log M), N the elements of all sets, M those of the result"
#define O_INTER "O(N*K + M log M), N the smallest set's elements, K the sets, M the result's elements"
#define O_DIFF "O(N*K + M log M), N the first set's elements, K the sets, M the result's elements"
#define WEIGHTS "[WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]"

const struct command cmd_zset_rows[] = {
    ROW_KEYS("bzmpop", cmd_bzmpop, -5, CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS, 0, 0, find_keys_after_timeout,
             "7.0.0", O_POP, "timeout numkeys key [key ...] MIN | MAX [COUNT count]",
             "Takes elements from one end of the first set that has any, and waits when there is none."),
    ROW_KEYS("bzpopmax", cmd_bzpopmax, -3, BLOCK_FAST, 1, -2, NULL, "5.0.0", O_LOG, "key [key ...] timeout",
             "Takes the element with the highest score from the first set that has any, and waits when there is none."),
    ROW_KEYS("bzpopmin", cmd_bzpopmin, -3, BLOCK_FAST, 1, -2, NULL, "5.0.0", O_LOG, "key [key ...] timeout",
             "Takes the element with the lowest score from the first set that has any, and waits when there is none."),
    ROW("zadd", run_zadd, -4, ADD_FAST, "1.2.0", O_LOG " for each member",
        "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
        "Gives members their scores, adding those that are absent."),
    ROW("zcard", run_zcard, 2, READ_FAST, "1.2.0", "O(1)", "key", "The number of members."),
    ROW("zcount", cmd_zcount, 4, READ_FAST, "2.0.0", O_LOG, "key min max",
        "The number of members in a range of scores."),
    ROW_NUMBERED("zdiff", cmd_zdiff, -3, READ, "6.2.0", O_DIFF, "numkeys key [key ...] [WITHSCORES]",
                 "The members of the first set that no other one has."),
    ROW_STORE("zdiffstore", cmd_zdiffstore, "6.2.0", O_DIFF, "destination numkeys key [key ...]",
              "Stores the members of the first set that no other one has."),
    ROW("zincrby", run_zincrby, 4, ADD_FAST, "1.2.0", O_LOG, "key increment member",
        "Adds to a member's score; an absent one counts as 0."),
    ROW_NUMBERED("zinter", cmd_zinter, -3, READ, "6.2.0", O_INTER, "numkeys key [key ...] " WEIGHTS " [WITHSCORES]",
                 "The members that all sets have."),
    ROW_NUMBERED("zintercard", cmd_zintercard, -3, READ, "7.0.0", "O(N*K), N the smallest set's elements, K the sets",
                 "numkeys key [key ...] [LIMIT limit]", "The number of members that all sets have."),
    ROW_STORE("zinterstore", cmd_zinterstore, "2.0.0", O_INTER, "destination numkeys key [key ...] " WEIGHTS,
              "Stores the members that all sets have."),
    ROW("zlexcount", cmd_zlexcount, 4, READ_FAST, "2.8.9", O_LOG, "key min max",
        "The number of members between two texts, for sets whose scores are all equal."),
    ROW_NUMBERED("zmpop", cmd_zmpop, -4, CMD_WRITE, "7.0.0", O_POP, "numkeys key [key ...] MIN | MAX [COUNT count]",
                 "Takes elements from one end of the first set that has any."),
    ROW("zmscore", run_zmscore, -3, READ_FAST, "6.2.0", "O(N), N the members asked for", "key member [member ...]",
        "The scores of several members, null for those that are absent."),
    ROW("zpopmax", cmd_zpopmax, -2, WRITE_FAST, "5.0.0", O_POP, "key [count]",
        "Takes the elements with the highest scores."),
    ROW("zpopmin", cmd_zpopmin, -2, WRITE_FAST, "5.0.0", O_POP, "key [count]",
        "Takes the elements with the lowest scores."),
    ROW("zrandmember", cmd_zrandmember, -2, READ, "6.2.0", "O(M log N), M the members given",
        "key [count [WITHSCORES]]", "Random members: different ones, or with a negative count any."),
    ROW("zrange", cmd_zrange, -4, READ, "1.2.0", O_RANGE,
        "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        "The members in a range of ranks, scores or texts."),
    ROW("zrangebylex", cmd_zrangebylex, -4, READ, "2.8.9", O_RANGE, "key min max [LIMIT offset count]",
        "The members between two texts, for sets whose scores are all equal."),
    ROW("zrangebyscore", cmd_zrangebyscore, -4, READ, "1.0.5", O_RANGE, "key min max [WITHSCORES] [LIMIT offset count]",
        "The members in a range of scores."),
    ROW_KEYS("zrangestore", cmd_zrangestore, -5, STORE, 1, 2, NULL, "6.2.0", O_RANGE,
             "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]", "Stores what ZRANGE would give."),
    ROW("zrank", run_zrank, -3, READ_FAST, "2.0.0", O_LOG, "key member [WITHSCORE]",
        "How many members come before one, by ascending score."),
    ROW("zrem", run_zrem, -3, WRITE_FAST, "1.2.0", O_LOG " for each member", "key member [member ...]",
        "Removes members, and the key with the last of them."),
    ROW("zremrangebylex", cmd_zremrangebylex, 4, CMD_WRITE, "2.8.9", O_REMOVE, "key min max",
        "Removes the members between two texts, for sets whose scores are all equal."),
    ROW("zremrangebyrank", cmd_zremrangebyrank, 4, CMD_WRITE, "2.0.0", O_REMOVE, "key start stop",
        "Removes the members in a range of ranks."),
    ROW("zremrangebyscore", cmd_zremrangebyscore, 4, CMD_WRITE, "1.2.0", O_REMOVE, "key min max",
        "Removes the members in a range of scores."),
    ROW("zrevrange", cmd_zrevrange, -4, READ, "1.2.0", O_RANGE, "key start stop [WITHSCORES]",
        "The members in a range of ranks counted from the highest score."),
    ROW("zrevrangebylex", cmd_zrevrangebylex, -4, READ, "2.8.9", O_RANGE, "key max min [LIMIT offset count]",
        "The members between two texts backwards, for sets whose scores are all equal."),
    ROW("zrevrangebyscore", cmd_zrevrangebyscore, -4, READ, "2.2.0", O_RANGE,
        "key max min [WITHSCORES] [LIMIT offset count]", "The members in a range of scores, the highest first."),
    ROW("zrevrank", run_zrevrank, -3, READ_FAST, "2.0.0", O_LOG, "key member [WITHSCORE]",
        "How many members come before one, by descending score."),
    ROW("zscan", cmd_zscan, -3, READ, "2.8.0", "O(1) for each call, O(N) for all",
        "key cursor [MATCH pattern] [COUNT count]",
        "Members and scores piece by piece, while others may change the set."),
    ROW("zscore", run_zscore, 3, READ_FAST, "1.2.0", "O(1)", "key member", "The score of a member."),
    ROW_NUMBERED("zunion", cmd_zunion, -3, READ, "6.2.0", O_UNION, "numkeys key [key ...] " WEIGHTS " [WITHSCORES]",
                 "The members that any of the sets has."),
    ROW_STORE("zunionstore", cmd_zunionstore, "2.0.0", O_UNION, "destination numkeys key [key ...] " WEIGHTS,
              "Stores the members that any of the sets has."),
    {0},
};
