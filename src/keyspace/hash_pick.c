/* SPDX-License-Identifier: MIT */
/*
 * The scan of HSCAN and the random choice of HRANDFIELD.
 *
 * Different fields are chosen in one of two ways. When a good part of a hash is wanted, one walk takes each element with
 * the probability (still wanted / still to come), which gives every set of `count` fields the same chance (selection
 * sampling, Knuth 3.4.2 S). When few of many are wanted, nodes are drawn until enough of them were new.
 */
#include "base/err.h"
#include "base/mem.h"
#include "keyspace/hash.h"
#include "keyspace/hash_big.h"
#include "keyspace/packed.h"

/* Drawing beats walking when less than a third is wanted: at most every third draw then is a repetition. */
#define DRAW_MIN_RATIO 3

/* ---- scan ---- */

struct scan {
    hash_visit_fn *fn;
    void *ctx;
};

static void visit_node(void *ctx, struct map_node *node)
{
    const struct scan *s = ctx;
    const struct hash_node *n = (const struct hash_node *)node;
    s->fn(s->ctx, hash_node_field(n), hash_node_value(n));
}

uint64_t hash_scan(const struct value *v, uint64_t cursor, hash_visit_fn *fn, void *ctx)
{
    if (v->encoding == HASH_BIG) return map_scan(v->ptr, cursor, visit_node, &(struct scan){fn, ctx});
    struct slice field, value;
    struct hash_iter it;
    hash_iter_begin(&it, v);
    while (hash_iter_next(&it, &field, &value)) fn(ctx, field, value);
    hash_iter_end(&it);
    return 0;
}

/* ---- random choice ---- */

static bool give_packed(const struct packed *p, uint32_t at, hash_pick_fn *fn, void *ctx)
{
    return fn(ctx, packed_get(p, at), packed_get(p, packed_next(p, at)));
}

static bool give_node(const struct map_node *node, hash_pick_fn *fn, void *ctx)
{
    const struct hash_node *n = (const struct hash_node *)node;
    return fn(ctx, hash_node_field(n), hash_node_value(n));
}

/* Many draws from a packed hash: its fields' positions are listed once. */
static void pick_packed(const struct packed *p, struct rng *rng, uint64_t count, hash_pick_fn *fn, void *ctx)
{
    uint32_t positions[HASH_PACKED_MAX_FIELDS];
    uint32_t fields_count = 0;
    for (uint32_t at = packed_first(p); at != PACKED_NONE; at = packed_next(p, packed_next(p, at))) {
        positions[fields_count++] = at;
    }
    while (count-- > 0 && give_packed(p, positions[rng_below(rng, fields_count)], fn, ctx)) continue;
}

void hash_pick(const struct value *v, struct rng *rng, uint64_t count, hash_pick_fn *fn, void *ctx)
{
    CHECK(hash_count(v) > 0);
    if (v->encoding == HASH_BIG) {
        while (count-- > 0 && give_node(map_random(v->ptr, rng), fn, ctx)) continue;
    } else if (count == 1) {
        const struct packed *p = v->ptr;
        give_packed(p, packed_at(p, 2 * (uint32_t)rng_below(rng, p->count / 2)), fn, ctx);
    } else {
        pick_packed(v->ptr, rng, count, fn, ctx);
    }
}

static void pick_walking(const struct value *v, struct rng *rng, uint64_t count, hash_pick_fn *fn, void *ctx)
{
    uint64_t left = hash_count(v);
    struct slice field, value;
    struct hash_iter it;
    hash_iter_begin(&it, v);
    while (count > 0 && hash_iter_next(&it, &field, &value)) {
        if (rng_below(rng, left--) >= count) continue;
        count--;
        if (!fn(ctx, field, value)) break;
    }
    hash_iter_end(&it);
}

/* Adds the node to a set of pointers (open addressing, more slots than nodes ever come); false when it is in it. */
static bool add_pointer(const struct map_node **slots, size_t mask, const struct map_node *node)
{
    size_t at = (size_t)(((uintptr_t)node >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
    for (; slots[at]; at = (at + 1) & mask) {
        if (slots[at] == node) return false;
    }
    slots[at] = node;
    return true;
}

static void pick_drawing(struct map *m, struct rng *rng, uint64_t count, hash_pick_fn *fn, void *ctx)
{
    size_t slots_count = 4;
    while (slots_count < 2 * count) slots_count *= 2;
    const struct map_node **drawn = mem_alloc_zero(slots_count * sizeof(struct map_node *));
    while (count > 0) {
        const struct map_node *node = map_random(m, rng);
        if (!add_pointer(drawn, slots_count - 1, node)) continue;
        count--;
        if (!give_node(node, fn, ctx)) break;
    }
    mem_free(drawn);
}

void hash_pick_distinct(const struct value *v, struct rng *rng, uint64_t count, hash_pick_fn *fn, void *ctx)
{
    if (v->encoding == HASH_BIG && count < hash_count(v) / DRAW_MIN_RATIO)
        pick_drawing(v->ptr, rng, count, fn, ctx);
    else
        pick_walking(v, rng, count, fn, ctx);
}
