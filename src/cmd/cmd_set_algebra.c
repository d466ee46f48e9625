/* SPDX-License-Identifier: MIT */
/*
 * Sets: intersections, unions and differences.
 *
 * Costs, with sets of n1 <= n2 <= ... members: an intersection looks each of the n1 members up in the others; a union
 * adds all to a new set; a difference does whichever is less work, looking the first set's members up in all
 * others or taking all others' members out of a copy of it.
 */
#include "base/num.h"
#include "cmd/cmd_set.h"
#include "keyspace/edit_set.h"

#include <stdlib.h>

/* The operands, in the order of their keys; NULL for a missing one. */
struct operands {
    const struct value **sets; /* in scratch */
    size_t count;
};

/* False: a key holds something else, and the error was replied. */
static bool find_operands(struct cmd_ctx *ctx, int first_key, int keys_count, struct operands *out)
{
    out->sets = ARENA_ARRAY(ctx->scratch, const struct value *, (size_t)keys_count);
    out->count = (size_t)keys_count;
    for (int i = 0; i < keys_count; i++) {
        struct entry *e;
        if (!cmd_find(ctx, ctx->argv[first_key + i], VALUE_SET, &e)) return false;
        out->sets[i] = e ? &e->value : NULL;
    }
    return true;
}

/* Where the members of a result go: to the reply, into a set, or nowhere but into the count. */
struct output {
    struct reply *reply;
    struct value *set;
    size_t count;
    size_t limit; /* enough */
};

static void emit(struct output *out, struct slice member)
{
    if (out->reply) reply_bulk(out->reply, member);
    if (out->set) set_add(out->set, member);
    out->count++;
}

static void emit_all(struct output *out, const struct value *set)
{
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, set);
    while (set_iter_next(&it, &member)) emit(out, member);
    set_iter_end(&it);
}

/* ---- intersection ---- */

static int compare_counts(const void *a, const void *b)
{
    size_t x = set_count(*(const struct value *const *)a), y = set_count(*(const struct value *const *)b);
    return x < y ? -1 : x > y;
}

static bool is_in_all(struct slice member, const struct value *const *sets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!set_has(sets[i], member)) return false;
    }
    return true;
}

static void intersect(struct operands *in, struct output *out)
{
    for (size_t i = 0; i < in->count; i++) {
        if (!in->sets[i]) return;
    }
    qsort(in->sets, in->count, sizeof(in->sets[0]), compare_counts);
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, in->sets[0]);
    while (out->count < out->limit && set_iter_next(&it, &member)) {
        if (is_in_all(member, in->sets + 1, in->count - 1)) emit(out, member);
    }
    set_iter_end(&it);
}

/* ---- union ---- */

static void unite(struct operands *in, struct output *out)
{
    for (size_t i = 0; i < in->count; i++) {
        if (in->sets[i]) emit_all(out, in->sets[i]);
    }
}

/* ---- difference ---- */

static bool is_in_any(struct slice member, const struct value *const *sets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sets[i] && set_has(sets[i], member)) return true;
    }
    return false;
}

static void subtract_by_looking(const struct operands *in, struct output *out)
{
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, in->sets[0]);
    while (set_iter_next(&it, &member)) {
        if (!is_in_any(member, in->sets + 1, in->count - 1)) emit(out, member);
    }
    set_iter_end(&it);
}

static void take_out(struct value *rest, const struct value *set)
{
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, set);
    while (set_iter_next(&it, &member)) set_remove(rest, member);
    set_iter_end(&it);
}

static void subtract_by_removing(const struct operands *in, struct output *out)
{
    struct value rest = {.type = VALUE_SET};
    set_copy(in->sets[0], &rest);
    for (size_t i = 1; i < in->count && set_count(&rest) > 0; i++) {
        if (in->sets[i]) take_out(&rest, in->sets[i]);
    }
    emit_all(out, &rest);
    set_deinit(&rest);
}

static void subtract(struct operands *in, struct output *out)
{
    if (!in->sets[0]) return;
    size_t looks = set_count(in->sets[0]) * in->count, removals = 0;
    for (size_t i = 0; i < in->count; i++) removals += in->sets[i] ? set_count(in->sets[i]) : 0;
    /* A removal costs about two looks: the copy's nodes are made and freed. */
    if (looks / 2 <= removals)
        subtract_by_looking(in, out);
    else
        subtract_by_removing(in, out);
}

/* ---- commands ---- */

typedef void combine_fn(struct operands *in, struct output *out);

/* The reply is written while the result is made. */
static void reply_combined(struct cmd_ctx *ctx, combine_fn *combine)
{
    struct operands in;
    if (!find_operands(ctx, 1, ctx->argc - 1, &in)) return;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_SET);
    struct output out = {.reply = ctx->reply, .limit = SIZE_MAX};
    combine(&in, &out);
    reply_end(ctx->reply, mark, REPLY_SET, out.count);
}

static bool combine_into(struct cmd_ctx *ctx, int first_key, combine_fn *combine, struct value *result)
{
    struct operands in;
    if (!find_operands(ctx, first_key, ctx->argc - first_key, &in)) return false;
    set_init(result);
    combine(&in, &(struct output){.set = result, .limit = SIZE_MAX});
    return true;
}

static void store_combined(struct cmd_ctx *ctx, combine_fn *combine)
{
    struct value result = {.type = VALUE_SET};
    if (!combine_into(ctx, 2, combine, &result)) return;
    reply_integer(ctx->reply, (int64_t)set_count(&result));
    edit_set_store(ctx->db, ctx->argv[1], &result);
}

void cmd_sinter(struct cmd_ctx *ctx)
{
    reply_combined(ctx, intersect);
}

void cmd_sinterstore(struct cmd_ctx *ctx)
{
    store_combined(ctx, intersect);
}

void cmd_sdiff(struct cmd_ctx *ctx)
{
    reply_combined(ctx, subtract);
}

void cmd_sdiffstore(struct cmd_ctx *ctx)
{
    store_combined(ctx, subtract);
}

/* A union must be whole before it is told: only then is it known which members came twice. */
void cmd_sunion(struct cmd_ctx *ctx)
{
    struct value result = {.type = VALUE_SET};
    if (!combine_into(ctx, 1, unite, &result)) return;
    reply_set(ctx->reply, set_count(&result));
    emit_all(&(struct output){.reply = ctx->reply}, &result);
    set_deinit(&result);
}

void cmd_sunionstore(struct cmd_ctx *ctx)
{
    store_combined(ctx, unite);
}

static bool parse_limit(struct cmd_ctx *ctx, int i, size_t *out)
{
    for (; i < ctx->argc; i += 2) {
        int64_t limit;
        if (!cmd_is(ctx, i, "limit") || i + 1 == ctx->argc) {
            cmd_reply_syntax(ctx);
            return false;
        }
        if (!num_parse_int(ctx->argv[i + 1], &limit) || limit < 0) {
            reply_error(ctx->reply, SLICE_LIT("ERR LIMIT can't be negative"));
            return false;
        }
        *out = limit > 0 ? (size_t)limit : SIZE_MAX;
    }
    return true;
}

void cmd_sintercard(struct cmd_ctx *ctx)
{
    int64_t keys_count;
    struct output out = {.limit = SIZE_MAX};
    struct operands in;
    if (!num_parse_int(ctx->argv[1], &keys_count) || keys_count <= 0) {
        reply_error(ctx->reply, SLICE_LIT("ERR numkeys should be greater than 0"));
        return;
    }
    if (keys_count > ctx->argc - 2) {
        reply_error(ctx->reply, SLICE_LIT("ERR Number of keys can't be greater than number of args"));
        return;
    }
    if (!parse_limit(ctx, 2 + (int)keys_count, &out.limit)) return;
    if (!find_operands(ctx, 2, (int)keys_count, &in)) return;
    intersect(&in, &out);
    reply_integer(ctx->reply, (int64_t)out.count);
}

int cmd_sintercard_keys(const struct slice *argv, int argc, int *indexes, int max)
{
    int64_t count;
    if (argc < 2 || !num_parse_int(argv[1], &count) || count <= 0 || count > argc - 2) return -1;
    for (int i = 0; i < count && i < max; i++) indexes[i] = 2 + i;
    return (int)count;
}
