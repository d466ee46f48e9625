/* SPDX-License-Identifier: MIT */
/*
 * LCS: the longest common subsequence by the textbook table of (length of a + 1) * (length of b + 1) lengths.
 *
 * Where several answers exist, the walk back through the table decides: it takes a match where it can, steps back in a
 * only when that keeps a longer rest, and in b otherwise.
 */
#include "base/mem.h"
#include "cmd/cmd_string.h"
#include "keyspace/string.h"

/* The table may not be larger than the longest string. */
#define LCS_TABLE_MAX_BYTES STRING_MAX_BYTES

struct lcs {
    struct slice a, b;
    uint32_t *table; /* owned; row i of a, column j of b */
    bool has_len, has_idx, has_match_len;
    int64_t min_match_len;
};

static uint32_t *cell(const struct lcs *l, size_t i, size_t j)
{
    return &l->table[i * (l->b.len + 1) + j];
}

static uint32_t larger(uint32_t x, uint32_t y)
{
    return x > y ? x : y;
}

static bool is_match(const struct lcs *l, size_t i, size_t j)
{
    return l->a.at[i - 1] == l->b.at[j - 1];
}

static void fill_table(struct lcs *l)
{
    for (size_t j = 0; j <= l->b.len; j++) *cell(l, 0, j) = 0;
    for (size_t i = 1; i <= l->a.len; i++) {
        *cell(l, i, 0) = 0;
        for (size_t j = 1; j <= l->b.len; j++)
            *cell(l, i, j) =
                is_match(l, i, j) ? *cell(l, i - 1, j - 1) + 1 : larger(*cell(l, i - 1, j), *cell(l, i, j - 1));
    }
}

/* One step back from (i, j) that is no match. */
static void step_back(const struct lcs *l, size_t *i, size_t *j)
{
    if (*cell(l, *i - 1, *j) > *cell(l, *i, *j - 1))
        --*i;
    else
        --*j;
}

static void reply_text(struct cmd_ctx *ctx, const struct lcs *l)
{
    size_t len = *cell(l, l->a.len, l->b.len);
    char *text = arena_alloc(ctx->scratch, len + 1);
    size_t at = len;
    for (size_t i = l->a.len, j = l->b.len; i > 0 && j > 0;) {
        if (is_match(l, i, j)) {
            text[--at] = l->a.at[i - 1];
            i--;
            j--;
        } else {
            step_back(l, &i, &j);
        }
    }
    reply_bulk(ctx->reply, slice_of(text, len));
}

static void reply_range(struct reply *r, size_t first, size_t count)
{
    reply_array(r, 2);
    reply_integer(r, (int64_t)first);
    reply_integer(r, (int64_t)(first + count - 1));
}

/* The runs of matches, the last one first. */
static size_t reply_matches(struct cmd_ctx *ctx, const struct lcs *l)
{
    size_t matches_count = 0;
    for (size_t i = l->a.len, j = l->b.len; i > 0 && j > 0;) {
        size_t run = 0;
        for (; i > 0 && j > 0 && is_match(l, i, j); i--, j--) run++;
        if (run > 0 && (int64_t)run >= l->min_match_len) {
            reply_array(ctx->reply, l->has_match_len ? 3 : 2);
            reply_range(ctx->reply, i, run);
            reply_range(ctx->reply, j, run);
            if (l->has_match_len) reply_integer(ctx->reply, (int64_t)run);
            matches_count++;
        }
        if (run == 0) step_back(l, &i, &j);
    }
    return matches_count;
}

static void reply_idx(struct cmd_ctx *ctx, const struct lcs *l)
{
    reply_map(ctx->reply, 2);
    reply_bulk(ctx->reply, SLICE_LIT("matches"));
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    size_t matches_count = reply_matches(ctx, l);
    reply_end(ctx->reply, mark, REPLY_ARRAY, matches_count);
    reply_bulk(ctx->reply, SLICE_LIT("len"));
    reply_integer(ctx->reply, *cell(l, l->a.len, l->b.len));
}

/* The strings of both keys, empty where absent. False: the error was replied. */
static bool find_strings(struct cmd_ctx *ctx, struct lcs *l, char digits[2][NUM_INT_MAX_CHARS])
{
    struct slice *texts[2] = {&l->a, &l->b};
    for (int i = 0; i < 2; i++) {
        const struct entry *e = db_find(ctx->db, ctx->argv[1 + i]);
        if (e && e->value.type != VALUE_STRING) {
            reply_error(ctx->reply, SLICE_LIT("ERR The specified keys must contain string values"));
            return false;
        }
        if (e) *texts[i] = string_borrow(&e->value, digits[i]);
    }
    return true;
}

static bool read_options(struct cmd_ctx *ctx, struct lcs *l)
{
    for (int i = 3; i < ctx->argc; i++) {
        if (cmd_is(ctx, i, "idx")) {
            l->has_idx = true;
        } else if (cmd_is(ctx, i, "len")) {
            l->has_len = true;
        } else if (cmd_is(ctx, i, "withmatchlen")) {
            l->has_match_len = true;
        } else if (cmd_is(ctx, i, "minmatchlen") && i + 1 < ctx->argc) {
            if (!cmd_int(ctx, ++i, &l->min_match_len)) return false;
        } else {
            cmd_reply_syntax(ctx);
            return false;
        }
    }
    if (!l->has_idx || !l->has_len) return true;
    reply_error(ctx->reply, SLICE_LIT("ERR If you want both the length and indexes, please just use IDX."));
    return false;
}

/* Makes the table. False: the error was replied. */
static bool make_table(struct cmd_ctx *ctx, struct lcs *l)
{
    size_t cells, bytes;
    bool is_huge = __builtin_mul_overflow(l->a.len + 1, l->b.len + 1, &cells) ||
                   __builtin_mul_overflow(cells, sizeof(*l->table), &bytes);
    if (is_huge || bytes > LCS_TABLE_MAX_BYTES) {
        reply_error(ctx->reply,
                    SLICE_LIT("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"));
        return false;
    }
    l->table = mem_try_resize(NULL, bytes);
    if (!l->table)
        reply_error(ctx->reply, SLICE_LIT("ERR Insufficient memory, failed allocating transient memory for LCS"));
    return l->table != NULL;
}

void cmd_string_lcs(struct cmd_ctx *ctx)
{
    struct lcs l = {0};
    char digits[2][NUM_INT_MAX_CHARS];
    if (!find_strings(ctx, &l, digits) || !read_options(ctx, &l) || !make_table(ctx, &l)) return;
    fill_table(&l);
    if (l.has_idx)
        reply_idx(ctx, &l);
    else if (l.has_len)
        reply_integer(ctx->reply, *cell(&l, l.a.len, l.b.len));
    else
        reply_text(ctx, &l);
    mem_free(l.table);
}
