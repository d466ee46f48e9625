/* SPDX-License-Identifier: MIT */
#include "cmd/cmd_list.h"

#include "base/num.h"
#include "cmd/table.h"
#include "keyspace/edit_list.h"

/* False: the error was replied. */
static bool is_element_small_enough(struct cmd_ctx *ctx, int i)
{
    if (ctx->argv[i].len <= LIST_ELEMENT_MAX_BYTES) return true;
    reply_error(ctx->reply, SLICE_LIT("ERR Element too large"));
    return false;
}

/* An index that counts from the end when negative, as an index from the start; negative when before the start. */
static int64_t index_from_start(int64_t index, size_t count)
{
    return index < 0 ? index + (int64_t)count : index;
}

/* ---- pushing ---- */

static void push(struct cmd_ctx *ctx, enum list_end end, bool creates)
{
    for (int i = 2; i < ctx->argc; i++) {
        if (!is_element_small_enough(ctx, i)) return;
    }
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    if (!e && !creates) {
        reply_integer(ctx->reply, 0);
        return;
    }
    if (!e) e = db_create(ctx->db, ctx->argv[1], VALUE_LIST);
    for (int i = 2; i < ctx->argc; i++) edit_list_push(ctx->db, e, end, ctx->argv[i]);
    reply_integer(ctx->reply, (int64_t)list_count(&e->value));
}

static void cmd_lpush(struct cmd_ctx *ctx)
{
    push(ctx, LIST_HEAD, true);
}

static void cmd_rpush(struct cmd_ctx *ctx)
{
    push(ctx, LIST_TAIL, true);
}

static void cmd_lpushx(struct cmd_ctx *ctx)
{
    push(ctx, LIST_HEAD, false);
}

static void cmd_rpushx(struct cmd_ctx *ctx)
{
    push(ctx, LIST_TAIL, false);
}

/* ---- reading ---- */

static void cmd_llen(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)list_count(&e->value) : 0);
}

static void cmd_lindex(struct cmd_ctx *ctx)
{
    struct entry *e;
    int64_t index;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    if (!e) {
        reply_null(ctx->reply);
        return;
    }
    if (!cmd_int(ctx, 2, &index)) return;
    size_t count = list_count(&e->value);
    index = index_from_start(index, count);
    if (index < 0 || (size_t)index >= count) {
        reply_null(ctx->reply);
        return;
    }
    struct list_cursor c = list_seek(&e->value, (size_t)index);
    reply_bulk(ctx->reply, list_get(&c));
}

/* The range of indexes argv[2] .. argv[3], both included, cut to what there is: *out_first and how many. */
struct range {
    size_t first, count;
};

static struct range cut_range(int64_t first, int64_t last, size_t count)
{
    first = index_from_start(first, count);
    last = index_from_start(last, count);
    if (first < 0) first = 0;
    if (last >= (int64_t)count) last = (int64_t)count - 1;
    if (first > last) return (struct range){0, 0};
    return (struct range){(size_t)first, (size_t)(last - first) + 1};
}

static void cmd_lrange(struct cmd_ctx *ctx)
{
    int64_t first, last;
    struct entry *e;
    if (!cmd_int(ctx, 2, &first) || !cmd_int(ctx, 3, &last)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    struct range range = cut_range(first, last, e ? list_count(&e->value) : 0);
    reply_array(ctx->reply, range.count);
    if (range.count == 0) return;
    struct list_cursor c = list_seek(&e->value, range.first);
    for (size_t i = 0; i < range.count; i++, list_step(&c, LIST_TAIL)) reply_bulk(ctx->reply, list_get(&c));
}

/* ---- LPOS ---- */

struct lpos_opts {
    int64_t rank;   /* the first match wanted: 1 the first, -1 the last, ... */
    int64_t count;  /* 0: all of them */
    int64_t maxlen; /* elements to compare; 0: all of them */
    bool has_count;
};

/* A number that is not negative, for an option. False: the error was replied. */
static bool parse_size(struct cmd_ctx *ctx, int i, const char *option, int64_t *out)
{
    if (num_parse_int(ctx->argv[i], out) && *out >= 0) return true;
    reply_errorf(ctx->reply, "ERR %s can't be negative", option);
    return false;
}

static bool parse_rank(struct cmd_ctx *ctx, int i, int64_t *out)
{
    if (!cmd_int_in(ctx, i, -INT64_MAX, INT64_MAX, out)) return false;
    if (*out != 0) return true;
    reply_error(ctx->reply,
                SLICE_LIT("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
                          "or use negative to start from the end of the list"));
    return false;
}

static bool parse_lpos(struct cmd_ctx *ctx, struct lpos_opts *out)
{
    *out = (struct lpos_opts){.rank = 1, .count = 1};
    for (int i = 3; i < ctx->argc; i += 2) {
        bool is_valid;
        bool has_value = i + 1 < ctx->argc;
        if (has_value && cmd_is(ctx, i, "rank")) {
            is_valid = parse_rank(ctx, i + 1, &out->rank);
        } else if (has_value && cmd_is(ctx, i, "count")) {
            is_valid = parse_size(ctx, i + 1, "COUNT", &out->count);
            out->has_count = true;
        } else if (has_value && cmd_is(ctx, i, "maxlen")) {
            is_valid = parse_size(ctx, i + 1, "MAXLEN", &out->maxlen);
        } else {
            cmd_reply_syntax(ctx);
            is_valid = false;
        }
        if (!is_valid) return false;
    }
    return true;
}

/* Replies with the indexes of matches as integers; returns how many. */
static size_t reply_positions(struct cmd_ctx *ctx, const struct value *v, const struct lpos_opts *opts)
{
    bool is_backward = opts->rank < 0;
    int64_t skip = (is_backward ? -opts->rank : opts->rank) - 1;
    size_t count = list_count(v), wanted = opts->count > 0 ? (size_t)opts->count : SIZE_MAX;
    size_t most = opts->maxlen > 0 && (size_t)opts->maxlen < count ? (size_t)opts->maxlen : count;
    enum list_end towards = is_backward ? LIST_HEAD : LIST_TAIL;
    size_t found = 0, at = 0; /* at: counted from where the search starts */
    struct list_cursor c = list_from(v, is_backward ? LIST_TAIL : LIST_HEAD);
    for (; found < wanted && list_find(&c, towards, ctx->argv[2], most, &at) && at < most;
         list_step(&c, towards), at++) {
        if (skip > 0) {
            skip--;
            continue;
        }
        reply_integer(ctx->reply, (int64_t)(is_backward ? count - 1 - at : at));
        found++;
    }
    return found;
}

static void cmd_lpos(struct cmd_ctx *ctx)
{
    static const struct value empty = {.type = VALUE_LIST};
    struct lpos_opts opts;
    struct entry *e;
    if (!parse_lpos(ctx, &opts) || !cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    const struct value *v = e ? &e->value : &empty;
    if (opts.has_count) {
        struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
        reply_end(ctx->reply, mark, REPLY_ARRAY, reply_positions(ctx, v, &opts));
    } else if (reply_positions(ctx, v, &opts) == 0) {
        reply_null(ctx->reply);
    }
}

/* ---- changing the middle ---- */

static void cmd_lset(struct cmd_ctx *ctx)
{
    struct entry *e;
    int64_t index;
    if (!is_element_small_enough(ctx, 3) || !cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    if (!e) {
        reply_error(ctx->reply, CMD_ERR_NO_KEY);
        return;
    }
    if (!cmd_int(ctx, 2, &index)) return;
    size_t count = list_count(&e->value);
    index = index_from_start(index, count);
    if (index < 0 || (size_t)index >= count) {
        reply_error(ctx->reply, SLICE_LIT("ERR index out of range"));
        return;
    }
    struct list_cursor c = list_seek(&e->value, (size_t)index);
    edit_list_set(ctx->db, e, &c, (size_t)index, ctx->argv[3]);
    reply_ok(ctx->reply);
}

static void cmd_linsert(struct cmd_ctx *ctx)
{
    bool is_after = cmd_is(ctx, 2, "after");
    if (!is_after && !cmd_is(ctx, 2, "before")) {
        cmd_reply_syntax(ctx);
        return;
    }
    struct entry *e;
    if (!is_element_small_enough(ctx, 4) || !cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    if (!e) {
        reply_integer(ctx->reply, 0);
        return;
    }
    size_t index = 0;
    struct list_cursor c = list_from(&e->value, LIST_HEAD);
    if (!list_find(&c, LIST_TAIL, ctx->argv[3], SIZE_MAX, &index)) {
        reply_integer(ctx->reply, -1);
        return;
    }
    if (is_after) {
        list_step(&c, LIST_TAIL);
        index++;
    }
    edit_list_insert(ctx->db, e, &c, index, ctx->argv[4]);
    reply_integer(ctx->reply, (int64_t)list_count(&e->value));
}

static void cmd_lrem(struct cmd_ctx *ctx)
{
    int64_t count;
    struct entry *e;
    if (!cmd_int(ctx, 2, &count) || !cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    size_t removed = 0;
    uint64_t limit = count < 0 ? -(uint64_t)count : (uint64_t)count;
    if (e) removed = edit_list_remove(ctx->db, e, count < 0 ? LIST_TAIL : LIST_HEAD, ctx->argv[3], limit);
    reply_integer(ctx->reply, (int64_t)removed);
}

static void cmd_ltrim(struct cmd_ctx *ctx)
{
    int64_t first, last;
    struct entry *e;
    if (!cmd_int(ctx, 2, &first) || !cmd_int(ctx, 3, &last)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    if (e) {
        size_t count = list_count(&e->value);
        struct range range = cut_range(first, last, count);
        size_t after = count - range.first - range.count;
        bool is_gone = after > 0 && edit_list_pop(ctx->db, e, LIST_TAIL, after);
        if (!is_gone && range.first > 0) edit_list_pop(ctx->db, e, LIST_HEAD, range.first);
    }
    reply_ok(ctx->reply);
}

/* ---- table ---- */

#define READ CMD_READONLY
#define GROW (CMD_WRITE | CMD_DENYOOM)

const struct command cmd_list_rows[] = {
    {.name = "blmove",
     .run = cmd_blmove,
     .arity = 6,
     .flags = GROW | CMD_NOSCRIPT | CMD_BLOCKING,
     .keys = {1, 2, 1},
     .group = "list",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Moves an element from one list to another and returns it; waits while the source is empty.",
     .args = "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout"},
    {.name = "blmpop",
     .run = cmd_blmpop,
     .arity = -5,
     .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS,
     .find_keys = cmd_blmpop_keys,
     .group = "list",
     .since = "7.0.0",
     .complexity = "O(N+M) for N keys and M elements returned",
     .summary = "Takes elements from the first list that has any; waits while all are empty.",
     .args = "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]"},
    {.name = "blpop",
     .run = cmd_blpop,
     .arity = -3,
     .flags = CMD_WRITE | CMD_NOSCRIPT | CMD_BLOCKING,
     .keys = {1, -2, 1},
     .group = "list",
     .since = "2.0.0",
     .complexity = "O(N) for N keys",
     .summary = "Takes the first element of the first list that has any; waits while all are empty.",
     .args = "key [key ...] timeout"},
    {.name = "brpop",
     .run = cmd_brpop,
     .arity = -3,
     .flags = CMD_WRITE | CMD_NOSCRIPT | CMD_BLOCKING,
     .keys = {1, -2, 1},
     .group = "list",
     .since = "2.0.0",
     .complexity = "O(N) for N keys",
     .summary = "Takes the last element of the first list that has any; waits while all are empty.",
     .args = "key [key ...] timeout"},
    {.name = "brpoplpush",
     .run = cmd_brpoplpush,
     .arity = 4,
     .flags = GROW | CMD_NOSCRIPT | CMD_BLOCKING,
     .keys = {1, 2, 1},
     .group = "list",
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary =
         "Moves the last element of a list to the head of another and returns it; waits while the source is empty.",
     .args = "source destination timeout"},
    {.name = "lindex",
     .run = cmd_lindex,
     .arity = 3,
     .flags = READ,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N/C) for the N elements to the nearer end, C of them a chunk; O(1) at the ends",
     .summary = "Returns the element at an index.",
     .args = "key index"},
    {.name = "linsert",
     .run = cmd_linsert,
     .arity = 5,
     .flags = GROW,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "2.2.0",
     .complexity = "O(N) for the N elements before the pivot",
     .summary = "Inserts an element before or after the first one that is equal to the pivot.",
     .args = "key <BEFORE | AFTER> pivot element"},
    {.name = "llen",
     .run = cmd_llen,
     .arity = 2,
     .flags = READ | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Returns how many elements a list has.",
     .args = "key"},
    {.name = "lmove",
     .run = cmd_lmove,
     .arity = 5,
     .flags = GROW,
     .keys = {1, 2, 1},
     .group = "list",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Moves an element from one list to another and returns it.",
     .args = "source destination <LEFT | RIGHT> <LEFT | RIGHT>"},
    {.name = "lmpop",
     .run = cmd_lmpop,
     .arity = -4,
     .flags = CMD_WRITE | CMD_MOVABLE_KEYS,
     .find_keys = cmd_lmpop_keys,
     .group = "list",
     .since = "7.0.0",
     .complexity = "O(N+M) for N keys and M elements returned",
     .summary = "Takes elements from the first list that has any.",
     .args = "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]"},
    {.name = "lpop",
     .run = cmd_lpop,
     .arity = -2,
     .flags = CMD_WRITE | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) for N elements returned",
     .summary = "Takes the first elements of a list.",
     .args = "key [count]"},
    {.name = "lpos",
     .run = cmd_lpos,
     .arity = -3,
     .flags = READ,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "6.0.6",
     .complexity = "O(N) for the N elements compared",
     .summary = "Returns where an element stands in a list.",
     .args = "key element [RANK rank] [COUNT num-matches] [MAXLEN len]"},
    {.name = "lpush",
     .run = cmd_lpush,
     .arity = -3,
     .flags = GROW | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) for N elements",
     .summary = "Adds elements at the head of a list; creates it.",
     .args = "key element [element ...]"},
    {.name = "lpushx",
     .run = cmd_lpushx,
     .arity = -3,
     .flags = GROW | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "2.2.0",
     .complexity = "O(N) for N elements",
     .summary = "Adds elements at the head of a list that exists.",
     .args = "key element [element ...]"},
    {.name = "lrange",
     .run = cmd_lrange,
     .arity = 4,
     .flags = READ,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(S/C+N) for S elements from the nearer end to the start, C of them a chunk, and N returned",
     .summary = "Returns the elements between two indexes.",
     .args = "key start stop"},
    {.name = "lrem",
     .run = cmd_lrem,
     .arity = 4,
     .flags = CMD_WRITE,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) for the N elements compared",
     .summary = "Removes elements equal to the one given: the first ones, the last ones (count < 0) or all (0).",
     .args = "key count element"},
    {.name = "lset",
     .run = cmd_lset,
     .arity = 4,
     .flags = GROW,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N/C) for the N elements to the nearer end, C of them a chunk; O(1) at the ends",
     .summary = "Replaces the element at an index.",
     .args = "key index element"},
    {.name = "ltrim",
     .run = cmd_ltrim,
     .arity = 4,
     .flags = CMD_WRITE,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) for N elements removed",
     .summary = "Keeps only the elements between two indexes.",
     .args = "key start stop"},
    {.name = "rpop",
     .run = cmd_rpop,
     .arity = -2,
     .flags = CMD_WRITE | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) for N elements returned",
     .summary = "Takes the last elements of a list.",
     .args = "key [count]"},
    {.name = "rpoplpush",
     .run = cmd_rpoplpush,
     .arity = 3,
     .flags = GROW,
     .keys = {1, 2, 1},
     .group = "list",
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Moves the last element of a list to the head of another and returns it.",
     .args = "source destination"},
    {.name = "rpush",
     .run = cmd_rpush,
     .arity = -3,
     .flags = GROW | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "1.0.0",
     .complexity = "O(N) for N elements",
     .summary = "Adds elements at the tail of a list; creates it.",
     .args = "key element [element ...]"},
    {.name = "rpushx",
     .run = cmd_rpushx,
     .arity = -3,
     .flags = GROW | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "list",
     .since = "2.2.0",
     .complexity = "O(N) for N elements",
     .summary = "Adds elements at the tail of a list that exists.",
     .args = "key element [element ...]"},
    {0},
};
