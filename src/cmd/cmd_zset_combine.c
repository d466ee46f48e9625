/* SPDX-License-Identifier: MIT */
/*
 * Union, intersection and difference of sorted sets and plain sets (whose members count with score 1).
 *
 * The result is gathered in the command's arena as an array of elements whose members are borrowed from the sources,
 * then sorted once: it is replied in that order, or put into a new set whose tree is filled by appending. Sums of
 * doubles depend on their order: sources are taken from the smallest to the largest, as Redis does.
 */
#include "cmd/cmd_zset.h"

#include "base/num.h"
#include "keyspace/set.h"

#include <math.h>
#include <stdlib.h>

enum combine { COMBINE_UNION, COMBINE_INTER, COMBINE_DIFF };
enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX };

struct source {
    const struct value *v; /* set or sorted set; NULL: the key is absent */
    double weight;
    size_t count;
};

struct combination {
    enum combine combine;
    bool is_store;      /* argv[1] is the destination */
    bool is_count_only; /* ZINTERCARD */
    enum aggregate aggregate;
    bool with_scores;
    int64_t limit; /* ZINTERCARD; 0: none */
    struct source *sources;
    size_t sources_count;
    struct arena *scratch;
    struct zset_element *elements; /* the result, in scratch */
    size_t count, cap;
};

/* ---- options ---- */

static bool read_weights(struct cmd_ctx *ctx, struct combination *c, int at)
{
    struct slice text = SLICE_LIT("ERR weight value is not a float");
    for (size_t i = 0; i < c->sources_count; i++) {
        if (num_parse_double(ctx->argv[at + (int)i], &c->sources[i].weight)) continue;
        reply_error(ctx->reply, text);
        return false;
    }
    return true;
}

static bool read_aggregate(struct cmd_ctx *ctx, struct combination *c, int at)
{
    if (cmd_is(ctx, at, "sum"))
        c->aggregate = AGGREGATE_SUM;
    else if (cmd_is(ctx, at, "min"))
        c->aggregate = AGGREGATE_MIN;
    else if (cmd_is(ctx, at, "max"))
        c->aggregate = AGGREGATE_MAX;
    else {
        cmd_reply_syntax(ctx);
        return false;
    }
    return true;
}

/* The options from argv[i] on. False: the error was replied. */
static bool read_combine_options(struct cmd_ctx *ctx, struct combination *c, int i)
{
    bool has_weights = c->combine != COMBINE_DIFF && !c->is_count_only;
    while (i < ctx->argc) {
        int behind = ctx->argc - i - 1;
        if (has_weights && behind >= (int)c->sources_count && cmd_is(ctx, i, "weights")) {
            if (!read_weights(ctx, c, i + 1)) return false;
            i += 1 + (int)c->sources_count;
        } else if (has_weights && behind >= 1 && cmd_is(ctx, i, "aggregate")) {
            if (!read_aggregate(ctx, c, i + 1)) return false;
            i += 2;
        } else if (!c->is_store && !c->is_count_only && cmd_is(ctx, i, "withscores")) {
            c->with_scores = true;
            i++;
        } else if (c->is_count_only && behind >= 1 && cmd_is(ctx, i, "limit")) {
            if (!cmd_zset_int(ctx, i + 1, 0, INT64_MAX, SLICE_LIT("ERR LIMIT can't be negative"), &c->limit))
                return false;
            i += 2;
        } else {
            cmd_reply_syntax(ctx);
            return false;
        }
    }
    return true;
}

/* The keys from argv[first] on. False: the error was replied. */
static bool find_sources(struct cmd_ctx *ctx, struct combination *c, int first)
{
    c->sources = ARENA_ARRAY(ctx->scratch, struct source, c->sources_count);
    for (size_t i = 0; i < c->sources_count; i++) {
        const struct entry *e = db_find(ctx->db, ctx->argv[first + (int)i]);
        c->sources[i] = (struct source){.weight = 1};
        if (!e) continue;
        bool is_zset = e->value.type == VALUE_ZSET;
        if (!is_zset && e->value.type != VALUE_SET) {
            reply_error(ctx->reply, CMD_ERR_WRONG_TYPE);
            return false;
        }
        c->sources[i].v = &e->value;
        c->sources[i].count = is_zset ? zset_count(&e->value) : set_count(&e->value);
    }
    return true;
}

static bool read_combination(struct cmd_ctx *ctx, struct combination *c)
{
    int numkeys_at = c->is_store ? 2 : 1;
    int64_t numkeys;
    if (!cmd_int(ctx, numkeys_at, &numkeys)) return false;
    if (numkeys < 1) {
        reply_errorf(ctx->reply, "ERR at least 1 input key is needed for '%s' command", ctx->name);
        return false;
    }
    if (numkeys > ctx->argc - numkeys_at - 1) {
        cmd_reply_syntax(ctx);
        return false;
    }
    c->sources_count = (size_t)numkeys;
    c->scratch = ctx->scratch;
    return find_sources(ctx, c, numkeys_at + 1) && read_combine_options(ctx, c, numkeys_at + 1 + (int)numkeys);
}

/* ---- sources ---- */

/* Walks over a source in whatever order it has. */
struct source_walk {
    const struct source *source;
    struct arena *scratch;
    struct zset_cursor zset;
    struct set_iter set;
};

static void walk_begin(struct source_walk *w, const struct source *s, struct arena *scratch)
{
    w->source = s;
    w->scratch = scratch;
    if (s->count == 0) return;
    if (s->v->type == VALUE_ZSET)
        w->zset = zset_seek_rank(s->v, 0);
    else
        set_iter_begin(&w->set, s->v);
}

static bool walk_next(struct source_walk *w, struct zset_element *out)
{
    if (w->source->count == 0) return false;
    if (w->source->v->type == VALUE_ZSET) return zset_next(&w->zset, out);
    struct slice member;
    if (!set_iter_next(&w->set, &member)) return false;
    /* A set of integers writes them one after the other into the same place. */
    *out = (struct zset_element){arena_copy(w->scratch, member), 1};
    return true;
}

static void walk_end(struct source_walk *w)
{
    if (w->source->count > 0 && w->source->v->type == VALUE_SET) set_iter_end(&w->set);
}

static bool source_score(const struct source *s, struct slice member, double *out)
{
    if (s->count == 0) return false;
    if (s->v->type == VALUE_ZSET) return zset_score(s->v, member, out);
    *out = 1;
    return set_has(s->v, member);
}

/* infinity times 0 counts as 0, and so does a sum of infinities. */
static double number_or_zero(double d)
{
    return isnan(d) ? 0 : d;
}

/* `more` may be NaN (as in Redis, an intersection weighs it without a look): it does not win a comparison. */
static double aggregate(enum aggregate how, double so_far, double more)
{
    if (how == AGGREGATE_SUM) return number_or_zero(so_far + more);
    if (how == AGGREGATE_MIN) return more < so_far ? more : so_far;
    return more > so_far ? more : so_far;
}

static int compare_counts(const void *a, const void *b)
{
    size_t left = ((const struct source *)a)->count, right = ((const struct source *)b)->count;
    return (left > right) - (left < right);
}

/* ---- the three ---- */

static void add_element(struct combination *c, const struct zset_element *e)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        struct zset_element *grown = ARENA_ARRAY(c->scratch, struct zset_element, cap);
        if (c->count > 0) memcpy(grown, c->elements, c->count * sizeof *grown);
        c->elements = grown;
        c->cap = cap;
    }
    c->elements[c->count++] = *e;
}

/* Is the element of sources[0] in all others too? Then its score becomes the aggregate. */
static bool meet(const struct combination *c, struct zset_element *e)
{
    e->score = number_or_zero(e->score * c->sources[0].weight);
    for (size_t i = 1; i < c->sources_count; i++) {
        double score;
        if (!source_score(c->sources + i, e->member, &score)) return false;
        e->score = aggregate(c->aggregate, e->score, score * c->sources[i].weight);
    }
    return true;
}

static void intersect(struct combination *c)
{
    struct source_walk w;
    struct zset_element e;
    walk_begin(&w, c->sources, c->scratch);
    while (walk_next(&w, &e)) {
        if (!meet(c, &e)) continue;
        add_element(c, &e);
        if (c->limit > 0 && c->count == (uint64_t)c->limit) break;
    }
    walk_end(&w);
}

static void subtract(struct combination *c)
{
    struct source_walk w;
    struct zset_element e;
    walk_begin(&w, c->sources, c->scratch);
    while (walk_next(&w, &e)) {
        double ignored;
        size_t i = 1;
        while (i < c->sources_count && !source_score(c->sources + i, e.member, &ignored)) i++;
        if (i == c->sources_count) add_element(c, &e);
    }
    walk_end(&w);
}

/* A member of a union while it is gathered. */
struct gathered {
    struct map_node node; /* first */
    struct zset_element element;
};

static struct slice gathered_key(const struct map_node *node)
{
    return ((const struct gathered *)node)->element.member;
}

static void gather(struct combination *c, struct map *found, const struct source *s)
{
    struct source_walk w;
    struct zset_element e;
    walk_begin(&w, s, c->scratch);
    while (walk_next(&w, &e)) {
        uint32_t hash = map_hash(e.member);
        struct gathered *g = (struct gathered *)map_find_hashed(found, e.member, hash);
        e.score = number_or_zero(e.score * s->weight);
        if (g) {
            g->element.score = aggregate(c->aggregate, g->element.score, e.score);
            continue;
        }
        g = arena_alloc(c->scratch, sizeof *g);
        g->element = e;
        map_insert_hashed(found, &g->node, hash);
    }
    walk_end(&w);
}

static void take_gathered(void *ctx, struct map_node *node)
{
    add_element(ctx, &((struct gathered *)node)->element);
}

static void unite(struct combination *c)
{
    struct map found = {.key_of = gathered_key};
    for (size_t i = 0; i < c->sources_count; i++) gather(c, &found, c->sources + i);
    map_deinit(&found, take_gathered, c);
}

static int compare_elements(const void *a, const void *b)
{
    const struct zset_element *left = a, *right = b;
    if (left->score != right->score) return left->score < right->score ? -1 : 1;
    return slice_compare(left->member, right->member);
}

static void combine(struct combination *c)
{
    if (c->combine != COMBINE_DIFF) qsort(c->sources, c->sources_count, sizeof *c->sources, compare_counts);
    if (c->combine == COMBINE_UNION)
        unite(c);
    else if (c->combine == COMBINE_INTER)
        intersect(c);
    else
        subtract(c);
    if (c->count > 1 && !c->is_count_only) qsort(c->elements, c->count, sizeof *c->elements, compare_elements);
}

/* ---- commands ---- */

/* Even a large result grows from a small set, which keeps no -0 (zset.c); Redis keeps it there. */
static void store(struct cmd_ctx *ctx, const struct combination *c)
{
    struct value result = {.type = VALUE_ZSET};
    zset_init(&result);
    for (size_t i = 0; i < c->count; i++) zset_add(&result, c->elements[i].member, c->elements[i].score, 0, NULL);
    edit_zset_replace(ctx->db, ctx->argv[1], &result);
    reply_integer(ctx->reply, (int64_t)c->count);
}

static void run_combination(struct cmd_ctx *ctx, struct combination c)
{
    if (!read_combination(ctx, &c)) return;
    combine(&c);
    if (c.is_store) {
        store(ctx, &c);
    } else if (c.is_count_only) {
        reply_integer(ctx->reply, (int64_t)c.count);
    } else {
        cmd_zset_reply_array(ctx->reply, c.count, c.with_scores);
        for (size_t i = 0; i < c.count; i++) cmd_zset_reply_element(ctx->reply, c.elements + i, c.with_scores);
    }
}

void cmd_zunion(struct cmd_ctx *ctx)
{
    run_combination(ctx, (struct combination){.combine = COMBINE_UNION});
}

void cmd_zinter(struct cmd_ctx *ctx)
{
    run_combination(ctx, (struct combination){.combine = COMBINE_INTER});
}

void cmd_zdiff(struct cmd_ctx *ctx)
{
    run_combination(ctx, (struct combination){.combine = COMBINE_DIFF});
}

void cmd_zunionstore(struct cmd_ctx *ctx)
{
    run_combination(ctx, (struct combination){.combine = COMBINE_UNION, .is_store = true});
}

void cmd_zinterstore(struct cmd_ctx *ctx)
{
    run_combination(ctx, (struct combination){.combine = COMBINE_INTER, .is_store = true});
}

void cmd_zdiffstore(struct cmd_ctx *ctx)
{
    run_combination(ctx, (struct combination){.combine = COMBINE_DIFF, .is_store = true});
}

void cmd_zintercard(struct cmd_ctx *ctx)
{
    run_combination(ctx, (struct combination){.combine = COMBINE_INTER, .is_count_only = true});
}
