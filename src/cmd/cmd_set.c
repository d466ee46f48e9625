/* SPDX-License-Identifier: MIT */
#include "cmd/cmd_set.h"

#include "cmd/scan.h"
#include "cmd/table.h"
#include "keyspace/edit_set.h"

/* ---- members ---- */

static void cmd_sadd(struct cmd_ctx *ctx)
{
    struct entry *e;
    int64_t added = 0;
    if (!cmd_find_or_create(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    for (int i = 2; i < ctx->argc; i++) added += edit_set_add(ctx->db, e, ctx->argv[i]);
    reply_integer(ctx->reply, added);
}

static void cmd_srem(struct cmd_ctx *ctx)
{
    struct entry *e;
    int64_t removed = 0;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    if (e) {
        for (int i = 2; i < ctx->argc; i++) removed += edit_set_remove(ctx->db, e, ctx->argv[i]);
        db_delete_if_empty(ctx->db, e);
    }
    reply_integer(ctx->reply, removed);
}

static void cmd_scard(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)set_count(&e->value) : 0);
}

static void cmd_sismember(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    reply_integer(ctx->reply, e && set_has(&e->value, ctx->argv[2]));
}

static void cmd_smismember(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    reply_array(ctx->reply, (size_t)(ctx->argc - 2));
    for (int i = 2; i < ctx->argc; i++) reply_integer(ctx->reply, e && set_has(&e->value, ctx->argv[i]));
}

static void reply_members(struct cmd_ctx *ctx, const struct value *v)
{
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, v);
    while (set_iter_next(&it, &member)) reply_bulk(ctx->reply, member);
    set_iter_end(&it);
}

static void cmd_smembers(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    reply_set(ctx->reply, e ? set_count(&e->value) : 0);
    if (e) reply_members(ctx, &e->value);
}

static void cmd_smove(struct cmd_ctx *ctx)
{
    struct entry *source = db_find(ctx->db, ctx->argv[1]), *target = db_find(ctx->db, ctx->argv[2]);
    struct slice member = ctx->argv[3];
    bool is_moved = false;
    if (source && (source->value.type != VALUE_SET || (target && target->value.type != VALUE_SET))) {
        reply_error(ctx->reply, CMD_ERR_WRONG_TYPE);
        return;
    }
    if (source == target) {
        is_moved = source && set_has(&source->value, member);
    } else if (source && edit_set_remove(ctx->db, source, member)) {
        is_moved = true;
        db_delete_if_empty(ctx->db, source);
        if (!target) target = db_create(ctx->db, ctx->argv[2], VALUE_SET);
        edit_set_add(ctx->db, target, member);
    }
    reply_integer(ctx->reply, is_moved);
}

/* ---- by chance ---- */

/* Replies with a random member and removes it. */
static void pop_random(struct cmd_ctx *ctx, struct entry *e)
{
    char text[NUM_INT_MAX_CHARS];
    struct slice member = set_random(&e->value, ctx->keyspace->rng, text);
    reply_bulk(ctx->reply, member);
    edit_set_remove(ctx->db, e, arena_copy(ctx->scratch, member));
}

static void pop_some(struct cmd_ctx *ctx, struct entry *e, size_t count)
{
    size_t there = set_count(&e->value);
    if (count >= there) {
        reply_set(ctx->reply, there);
        reply_members(ctx, &e->value);
        db_delete(ctx->db, e);
        return;
    }
    reply_set(ctx->reply, count);
    while (count-- > 0) pop_random(ctx, e);
}

static void cmd_spop(struct cmd_ctx *ctx)
{
    struct entry *e;
    int64_t count = 1;
    bool has_count = ctx->argc == 3;
    if (ctx->argc > 3) {
        cmd_reply_syntax(ctx);
        return;
    }
    if (has_count && !cmd_int_in(ctx, 2, 0, INT64_MAX, &count)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    if (!e && has_count) {
        reply_set(ctx->reply, 0);
    } else if (!e) {
        reply_null(ctx->reply);
    } else if (has_count) {
        pop_some(ctx, e, (size_t)count);
    } else {
        pop_random(ctx, e);
        db_delete_if_empty(ctx->db, e);
    }
}

static void reply_random_with_repeats(struct cmd_ctx *ctx, const struct value *v, size_t count)
{
    char text[NUM_INT_MAX_CHARS];
    reply_array(ctx->reply, count);
    while (count-- > 0) reply_bulk(ctx->reply, set_random(v, ctx->keyspace->rng, text));
}

/* Walks the set once and takes each member with the chance that is left for it. */
static void reply_random_by_walking(struct cmd_ctx *ctx, const struct value *v, size_t count)
{
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, v);
    for (size_t left = set_count(v); count > 0 && set_iter_next(&it, &member); left--) {
        if (rng_below(ctx->keyspace->rng, left) >= count) continue;
        reply_bulk(ctx->reply, member);
        count--;
    }
    set_iter_end(&it);
}

/* Draws until `count` different members, far fewer than there are, have come. */
static void reply_random_by_drawing(struct cmd_ctx *ctx, const struct value *v, size_t count)
{
    char text[NUM_INT_MAX_CHARS];
    struct value drawn = {.type = VALUE_SET};
    set_init(&drawn);
    while (set_count(&drawn) < count) {
        struct slice member = set_random(v, ctx->keyspace->rng, text);
        if (set_add(&drawn, member)) reply_bulk(ctx->reply, member);
    }
    set_deinit(&drawn);
}

static void reply_random(struct cmd_ctx *ctx, const struct value *v, int64_t wanted)
{
    size_t there = set_count(v), count = (uint64_t)wanted < there ? (size_t)wanted : there;
    reply_array(ctx->reply, count);
    if (count == there)
        reply_members(ctx, v);
    else if (count < there / 4)
        reply_random_by_drawing(ctx, v, count);
    else
        reply_random_by_walking(ctx, v, count);
}

static void reply_random_member(struct cmd_ctx *ctx, const struct value *v)
{
    char text[NUM_INT_MAX_CHARS];
    reply_bulk(ctx->reply, set_random(v, ctx->keyspace->rng, text));
}

static void cmd_srandmember(struct cmd_ctx *ctx)
{
    struct entry *e;
    int64_t count = 0;
    bool has_count = ctx->argc == 3;
    if (ctx->argc > 3) {
        cmd_reply_syntax(ctx);
        return;
    }
    if (has_count && !cmd_int_in(ctx, 2, -INT64_MAX, INT64_MAX, &count)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    if (!e && has_count)
        reply_array(ctx->reply, 0);
    else if (!e)
        reply_null(ctx->reply);
    else if (!has_count)
        reply_random_member(ctx, &e->value);
    else if (count < 0 && cmd_may_repeat(ctx, &e->value, (uint64_t)-count))
        reply_random_with_repeats(ctx, &e->value, (size_t)-count);
    else if (count >= 0)
        reply_random(ctx, &e->value, count);
}

/* ---- SSCAN ---- */

static void add_scanned(void *ctx, struct slice member)
{
    struct cmd_scan *scan = ctx;
    if (cmd_scan_matches(scan, member)) cmd_scan_add(scan, arena_copy(scan->scratch, member));
}

static uint64_t scan_whole(const struct value *v, struct cmd_scan *scan)
{
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, v);
    while (set_iter_next(&it, &member)) add_scanned(scan, member);
    set_iter_end(&it);
    return 0;
}

static void cmd_sscan(struct cmd_ctx *ctx)
{
    struct cmd_scan scan;
    struct entry *e;
    if (!cmd_cursor(ctx, 2, &scan.cursor)) return;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_SET, &e)) return;
    if (!e) {
        cmd_scan_reply_empty(ctx);
        return;
    }
    if (!cmd_scan_options(ctx, 3, false, &scan)) return;
    if (scan.cursor == 0 && set_is_block_in_redis(&e->value)) {
        scan.cursor = scan_whole(&e->value, &scan);
    } else {
        if (set_count(&e->value) > scan.count) set_make_pageable(&e->value);
        do scan.cursor = set_scan(&e->value, scan.cursor, add_scanned, &scan);
        while (cmd_scan_wants_more(&scan));
    }
    cmd_scan_reply(ctx, &scan);
}

/* ---- table ---- */

#define READ CMD_READONLY
#define GROW (CMD_WRITE | CMD_DENYOOM)

const struct command cmd_set_rows[] = {
    {.name = "sadd",
     .run = cmd_sadd,
     .arity = -3,
     .flags = GROW | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for N members",
     .summary = "Adds members to a set; creates it.",
     .args = "key member [member ...]"},
    {.name = "scard",
     .run = cmd_scard,
     .arity = 2,
     .flags = READ | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Returns how many members a set has.",
     .args = "key"},
    {.name = "sdiff",
     .run = cmd_sdiff,
     .arity = -2,
     .flags = READ,
     .keys = {1, -1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for the N members of all sets",
     .summary = "Returns the members of the first set that are in none of the others.",
     .args = "key [key ...]"},
    {.name = "sdiffstore",
     .run = cmd_sdiffstore,
     .arity = -3,
     .flags = GROW,
     .keys = {1, -1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for the N members of all sets",
     .summary = "Stores the members of the first set that are in none of the others.",
     .args = "destination key [key ...]"},
    {.name = "sinter",
     .run = cmd_sinter,
     .arity = -2,
     .flags = READ,
     .keys = {1, -1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N*M) for the N members of the smallest of M sets",
     .summary = "Returns the members that all sets have.",
     .args = "key [key ...]"},
    {.name = "sintercard",
     .run = cmd_sintercard,
     .arity = -3,
     .flags = READ | CMD_MOVABLE_KEYS,
     .find_keys = cmd_sintercard_keys,
     .group = "set",
     .since = "7.0.0",
     .complexity = "O(N*M) for the N members of the smallest of M sets",
     .summary = "Returns how many members all sets have, counting up to a limit.",
     .args = "numkeys key [key ...] [LIMIT limit]"},
    {.name = "sinterstore",
     .run = cmd_sinterstore,
     .arity = -3,
     .flags = GROW,
     .keys = {1, -1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N*M) for the N members of the smallest of M sets",
     .summary = "Stores the members that all sets have.",
     .args = "destination key [key ...]"},
    {.name = "sismember",
     .run = cmd_sismember,
     .arity = 3,
     .flags = READ | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Tells whether a set has a member.",
     .args = "key member"},
    {.name = "smembers",
     .run = cmd_smembers,
     .arity = 2,
     .flags = READ,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for N members",
     .summary = "Returns all members of a set.",
     .args = "key"},
    {.name = "smismember",
     .run = cmd_smismember,
     .arity = -3,
     .flags = READ | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "6.2.0",
     .complexity = "O(N) for N members asked for",
     .summary = "Tells which of the members a set has.",
     .args = "key member [member ...]"},
    {.name = "smove",
     .run = cmd_smove,
     .arity = 4,
     .flags = CMD_WRITE | CMD_FAST,
     .keys = {1, 2, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Moves a member from one set to another.",
     .args = "source destination member"},
    {.name = "spop",
     .run = cmd_spop,
     .arity = -2,
     .flags = CMD_WRITE | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for N members returned",
     .summary = "Takes random members out of a set.",
     .args = "key [count]"},
    {.name = "srandmember",
     .run = cmd_srandmember,
     .arity = -2,
     .flags = READ,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for N members returned",
     .summary = "Returns random members: different ones, or with repeats for a negative count.",
     .args = "key [count]"},
    {.name = "srem",
     .run = cmd_srem,
     .arity = -3,
     .flags = CMD_WRITE | CMD_FAST,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for N members",
     .summary = "Removes members from a set.",
     .args = "key member [member ...]"},
    {.name = "sscan",
     .run = cmd_sscan,
     .arity = -3,
     .flags = READ,
     .keys = {1, 1, 1},
     .group = "set",
     .since = "2.8.0",
     .complexity = "O(1) for each call, O(N) for a whole scan",
     .summary = "Goes through the members of a set in steps.",
     .args = "key cursor [MATCH pattern] [COUNT count]"},
    {.name = "sunion",
     .run = cmd_sunion,
     .arity = -2,
     .flags = READ,
     .keys = {1, -1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for the N members of all sets",
     .summary = "Returns the members that any of the sets has.",
     .args = "key [key ...]"},
    {.name = "sunionstore",
     .run = cmd_sunionstore,
     .arity = -3,
     .flags = GROW,
     .keys = {1, -1, 1},
     .group = "set",
     .since = "1.0.0",
     .complexity = "O(N) for the N members of all sets",
     .summary = "Stores the members that any of the sets has.",
     .args = "destination key [key ...]"},
    {0},
};
