/* SPDX-License-Identifier: MIT */
/*
 * Lists: commands that take elements out. The blocking ones try like their plain forms and wait when there is nothing;
 * the engine runs them again when one of their keys has changed. What became of another type while they wait is passed
 * over then (CMD_CTX_RETRY), as Redis does: only the first try answers with the type error.
 */
#include "base/num.h"
#include "cmd/cmd_list.h"
#include "keyspace/edit_list.h"

#include <limits.h>

/* LEFT or RIGHT. False: the error was replied. */
static bool parse_end(struct cmd_ctx *ctx, int i, enum list_end *out)
{
    if (cmd_is(ctx, i, "left")) {
        *out = LIST_HEAD;
    } else if (cmd_is(ctx, i, "right")) {
        *out = LIST_TAIL;
    } else {
        cmd_reply_syntax(ctx);
        return false;
    }
    return true;
}

/* Replies with up to `count` elements from an end and drops them; the list may be gone afterwards. */
static void take_elements(struct cmd_ctx *ctx, struct entry *e, enum list_end end, int64_t count)
{
    size_t there = list_count(&e->value);
    size_t taken = (uint64_t)count < there ? (size_t)count : there;
    reply_array(ctx->reply, taken);
    struct list_cursor c = list_from(&e->value, end);
    for (size_t i = 0; i < taken; i++) {
        reply_bulk(ctx->reply, list_get(&c));
        list_step(&c, end == LIST_HEAD ? LIST_TAIL : LIST_HEAD);
    }
    if (taken > 0) edit_list_pop(ctx->db, e, end, taken);
}

static void take_element(struct cmd_ctx *ctx, struct entry *e, enum list_end end)
{
    struct list_cursor c = list_from(&e->value, end);
    reply_bulk(ctx->reply, list_get(&c));
    edit_list_pop(ctx->db, e, end, 1);
}

/* ---- LPOP, RPOP ---- */

static void pop(struct cmd_ctx *ctx, enum list_end end)
{
    bool has_count = ctx->argc == 3;
    int64_t count = 1;
    if (ctx->argc > 3) {
        cmd_reply_arity(ctx);
        return;
    }
    if (has_count && !cmd_int_in(ctx, 2, 0, INT64_MAX, &count)) return;
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_LIST, &e)) return;
    if (!e && has_count)
        reply_null_array(ctx->reply);
    else if (!e)
        reply_null(ctx->reply);
    else if (has_count)
        take_elements(ctx, e, end, count);
    else
        take_element(ctx, e, end);
}

void cmd_lpop(struct cmd_ctx *ctx)
{
    pop(ctx, LIST_HEAD);
}

void cmd_rpop(struct cmd_ctx *ctx)
{
    pop(ctx, LIST_TAIL);
}

/* ---- LMPOP ---- */

/* [B]LMPOP's arguments from numkeys on. */
struct mpop {
    int first_key;
    int keys_count;
    enum list_end end;
    int64_t count;
};

/* `i` is numkeys' index. False: the error was replied. */
static bool parse_mpop(struct cmd_ctx *ctx, int i, struct mpop *out)
{
    int64_t keys_count;
    if (!num_parse_int(ctx->argv[i], &keys_count) || keys_count <= 0) {
        reply_error(ctx->reply, SLICE_LIT("ERR numkeys should be greater than 0"));
        return false;
    }
    if (keys_count >= ctx->argc - i - 1) {
        cmd_reply_syntax(ctx);
        return false;
    }
    *out = (struct mpop){.first_key = i + 1, .keys_count = (int)keys_count, .count = 1};
    i += 1 + (int)keys_count;
    if (!parse_end(ctx, i, &out->end)) return false;
    if (i + 1 == ctx->argc) return true;
    if (i + 3 > ctx->argc || !cmd_is(ctx, i + 1, "count")) {
        cmd_reply_syntax(ctx);
        return false;
    }
    bool is_valid = num_parse_int(ctx->argv[i + 2], &out->count) && out->count > 0;
    if (is_valid && i + 3 == ctx->argc) return true;
    reply_error(ctx->reply, is_valid ? CMD_ERR_SYNTAX : SLICE_LIT("ERR count should be greater than 0"));
    return false;
}

/* The first of the keys that is a list. False: an error was replied. True: *out is NULL when there is none. */
static bool find_first(struct cmd_ctx *ctx, int first_key, int keys_count, struct entry **out)
{
    *out = NULL;
    for (int i = first_key; i < first_key + keys_count && !*out; i++) {
        struct entry *e = db_find(ctx->db, ctx->argv[i]);
        if (!e) continue;
        if (e->value.type == VALUE_LIST) {
            *out = e;
        } else if (!(ctx->flags & CMD_CTX_RETRY)) {
            reply_error(ctx->reply, CMD_ERR_WRONG_TYPE);
            return false;
        }
    }
    return true;
}

/* False: no key holds a list, nothing was replied. */
static bool take_from_first(struct cmd_ctx *ctx, const struct mpop *args)
{
    struct entry *e;
    if (!find_first(ctx, args->first_key, args->keys_count, &e)) return true;
    if (!e) return false;
    reply_array(ctx->reply, 2);
    reply_bulk(ctx->reply, entry_key(e));
    take_elements(ctx, e, args->end, args->count);
    return true;
}

void cmd_lmpop(struct cmd_ctx *ctx)
{
    struct mpop args;
    if (!parse_mpop(ctx, 1, &args)) return;
    if (!take_from_first(ctx, &args)) reply_null_array(ctx->reply);
}

static int find_counted_keys(const struct slice *argv, int argc, int at, int *indexes, int max)
{
    int64_t count;
    if (at >= argc || !num_parse_int(argv[at], &count) || count <= 0 || count >= argc - at) return -1;
    for (int i = 0; i < count && i < max; i++) indexes[i] = at + 1 + i;
    return (int)count;
}

int cmd_lmpop_keys(const struct slice *argv, int argc, int *indexes, int max)
{
    return find_counted_keys(argv, argc, 1, indexes, max);
}

int cmd_blmpop_keys(const struct slice *argv, int argc, int *indexes, int max)
{
    return find_counted_keys(argv, argc, 2, indexes, max);
}

/* ---- LMOVE, RPOPLPUSH ---- */

/* Moves an element from the list argv[1] to the list argv[2]. False: there is no source, nothing was replied. */
static bool move_element(struct cmd_ctx *ctx, enum list_end from, enum list_end to)
{
    struct entry *source, *target;
    if (!find_first(ctx, 1, 1, &source)) return true;
    if (!source) return false;
    if (!cmd_find(ctx, ctx->argv[2], VALUE_LIST, &target)) return true;
    struct list_cursor c = list_from(&source->value, from);
    struct slice element = list_get(&c);
    reply_bulk(ctx->reply, element);
    if (!target) target = db_create(ctx->db, ctx->argv[2], VALUE_LIST);
    if (target == source) element = arena_copy(ctx->scratch, element);
    /* Pushed first: the source, which may be the target, keeps the element alive until then. */
    edit_list_push(ctx->db, target, to, element);
    edit_list_pop(ctx->db, source, from, 1);
    return true;
}

void cmd_rpoplpush(struct cmd_ctx *ctx)
{
    if (!move_element(ctx, LIST_TAIL, LIST_HEAD)) reply_null(ctx->reply);
}

void cmd_lmove(struct cmd_ctx *ctx)
{
    enum list_end from, to;
    if (!parse_end(ctx, 3, &from) || !parse_end(ctx, 4, &to)) return;
    if (!move_element(ctx, from, to)) reply_null(ctx->reply);
}

/* ---- waiting ---- */

static void wait_for_keys(struct cmd_ctx *ctx, int first_key, int keys_count, int64_t timeout_ms)
{
    cmd_block(ctx, (struct cmd_block){.keys = &ctx->argv[first_key],
                                      .keys_count = (size_t)keys_count,
                                      .timeout_ms = timeout_ms,
                                      .type = VALUE_LIST,
                                      .on_timeout = CMD_TIMEOUT_NULL_ARRAY});
}

static void pop_or_wait(struct cmd_ctx *ctx, enum list_end end)
{
    int keys_count = ctx->argc - 2;
    int64_t timeout_ms;
    if (!cmd_timeout(ctx, ctx->argc - 1, &timeout_ms)) return;
    struct entry *e;
    if (!find_first(ctx, 1, keys_count, &e)) return;
    if (!e) {
        wait_for_keys(ctx, 1, keys_count, timeout_ms);
        return;
    }
    reply_array(ctx->reply, 2);
    reply_bulk(ctx->reply, entry_key(e));
    take_element(ctx, e, end);
}

void cmd_blpop(struct cmd_ctx *ctx)
{
    pop_or_wait(ctx, LIST_HEAD);
}

void cmd_brpop(struct cmd_ctx *ctx)
{
    pop_or_wait(ctx, LIST_TAIL);
}

void cmd_blmpop(struct cmd_ctx *ctx)
{
    struct mpop args;
    int64_t timeout_ms;
    if (!parse_mpop(ctx, 2, &args) || !cmd_timeout(ctx, 1, &timeout_ms)) return;
    if (!take_from_first(ctx, &args)) wait_for_keys(ctx, args.first_key, args.keys_count, timeout_ms);
}

/* Where it may not wait this answers with a null, but after waiting in vain with a null array: so does Redis. */
static void move_or_wait(struct cmd_ctx *ctx, enum list_end from, enum list_end to, int64_t timeout_ms)
{
    if (move_element(ctx, from, to)) return;
    if (ctx->flags & CMD_CTX_NO_BLOCK)
        reply_null(ctx->reply);
    else
        wait_for_keys(ctx, 1, 1, timeout_ms);
}

void cmd_blmove(struct cmd_ctx *ctx)
{
    enum list_end from, to;
    int64_t timeout_ms;
    if (!parse_end(ctx, 3, &from) || !parse_end(ctx, 4, &to) || !cmd_timeout(ctx, 5, &timeout_ms)) return;
    move_or_wait(ctx, from, to, timeout_ms);
}

void cmd_brpoplpush(struct cmd_ctx *ctx)
{
    int64_t timeout_ms;
    if (!cmd_timeout(ctx, 3, &timeout_ms)) return;
    move_or_wait(ctx, LIST_TAIL, LIST_HEAD, timeout_ms);
}
