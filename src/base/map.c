/* SPDX-License-Identifier: MIT */
/*
 * Two tables while resizing: [0] is emptied bucket by bucket into [1] from index move_at on; insertions go to [1].
 *
 * Invariants:
 *  1. table[1].buckets != NULL only while moving; buckets of [0] below move_at are then empty.
 *  2. each table's count is the number of its nodes.
 *  3. a node stands in bucket hash & (2^bits - 1) of its table.
 *
 * A bucket array is zeroed memory: big ones come from the kernel already zero and untouched, so making one is cheap.
 */
#include "base/map.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/siphash.h"

#define MAP_FIRST_BITS 2
#define MAP_BITS_MAX 32
#define MAP_MOVE_NODES 2        /* buckets with nodes moved per operation */
#define MAP_MOVE_EMPTY_LOOKS 20 /* empty buckets skipped per operation at most */
#define MAP_PREFETCH_BUCKETS 4  /* about what an operation moves, ... */
#define MAP_PREFETCH_AHEAD 12   /* ... a few operations ahead */
#define MAP_HUGE_BITS 19        /* a table of 4 MiB or more wishes for huge pages */
#define MAP_SHRINK_FACTOR 8     /* shrink when 8 buckets per node stand there */

static size_t bucket_count(const struct map_table *t)
{
    return t->buckets ? (size_t)1 << t->bits : 0;
}

static struct map_node **bucket_of(const struct map_table *t, uint32_t hash)
{
    return &t->buckets[hash & (((size_t)1 << t->bits) - 1)];
}

uint32_t map_hash(struct slice key)
{
    uint64_t h = siphash_bytes(key);
    return (uint32_t)(h ^ (h >> 32));
}

static bool is_moving(const struct map *m)
{
    return m->table[1].buckets != NULL;
}

/* While moving: is the hash's bucket of [0] empty by now? */
static bool is_moved(const struct map *m, uint32_t hash)
{
    return (hash & (((size_t)1 << m->table[0].bits) - 1)) < m->move_at;
}

static void table_make(struct map_table *t, uint8_t bits)
{
    t->bits = bits;
    t->count = 0;
    t->buckets = mem_alloc_zero(sizeof(*t->buckets) << bits);
    if (bits >= MAP_HUGE_BITS) mem_wish_huge(t->buckets, true);
}

static void table_free(struct map_table *t)
{
    if (t->buckets && t->bits >= MAP_HUGE_BITS) mem_wish_huge(t->buckets, false);
    mem_free(t->buckets);
}

static void finish_move(struct map *m)
{
    table_free(&m->table[0]);
    m->table[0] = m->table[1];
    m->table[1] = (struct map_table){0};
    m->move_at = 0;
}

static void move_bucket(struct map *m, struct map_node **bucket)
{
    struct map_node *node = *bucket;
    *bucket = NULL;
    while (node) {
        struct map_node *next = node->next;
        struct map_node **to = bucket_of(&m->table[1], node->hash);
        node->next = *to;
        *to = node;
        m->table[0].count--;
        m->table[1].count++;
        node = next;
    }
}

/* Asks for the first nodes of buckets that will be moved soon: they are anywhere in memory. */
static void prefetch_moves(const struct map *m, size_t end)
{
    size_t from = m->move_at + MAP_PREFETCH_AHEAD, until = from + MAP_PREFETCH_BUCKETS;
    for (size_t i = from; i < until && i < end; i++) __builtin_prefetch(m->table[0].buckets[i], 1);
}

/* The price that each operation pays towards a resize under way. */
static void move_some(struct map *m)
{
    if (!is_moving(m) || m->iterators) return;
    size_t end = bucket_count(&m->table[0]);
    int nodes = MAP_MOVE_NODES, looks = MAP_MOVE_EMPTY_LOOKS;
    while (m->move_at < end && nodes > 0 && looks > 0) {
        struct map_node **bucket = &m->table[0].buckets[m->move_at++];
        looks--;
        if (!*bucket) continue;
        move_bucket(m, bucket);
        nodes--;
    }
    if (m->move_at == end)
        finish_move(m);
    else
        prefetch_moves(m, end);
}

static void start_move(struct map *m, uint8_t bits)
{
    table_make(&m->table[1], bits);
    m->move_at = 0;
}

static void grow_if_full(struct map *m)
{
    struct map_table *t = &m->table[0];
    uint8_t expected = m->expected_bits;
    if (!t->buckets) {
        table_make(t, expected > MAP_FIRST_BITS ? expected : MAP_FIRST_BITS);
    } else if (!is_moving(m) && !m->iterators && t->count >= bucket_count(t) && t->bits < MAP_BITS_MAX) {
        start_move(m, expected > t->bits ? expected : t->bits + 1);
    }
}

static void shrink_if_sparse(struct map *m)
{
    struct map_table *t = &m->table[0];
    if (is_moving(m) || m->iterators || t->bits <= MAP_FIRST_BITS) return;
    if (t->count * MAP_SHRINK_FACTOR > bucket_count(t)) return;
    uint8_t bits = MAP_FIRST_BITS;
    while (((size_t)1 << bits) < t->count * 2) bits++;
    start_move(m, bits);
}

static struct map_node *find_in(const struct map *m, const struct map_table *t, struct slice key, uint32_t hash)
{
    if (!t->buckets) return NULL;
    for (struct map_node *node = *bucket_of(t, hash); node; node = node->next) {
        if (node->hash == hash && slice_equal(m->key_of(node), key)) return node;
    }
    return NULL;
}

struct map_node *map_find_hashed(struct map *m, struct slice key, uint32_t hash)
{
    if (!is_moving(m)) return find_in(m, &m->table[0], key, hash);
    move_some(m);
    /* A bucket that is known to be empty need not be fetched. */
    struct map_node *node = is_moved(m, hash) ? NULL : find_in(m, &m->table[0], key, hash);
    return node ? node : find_in(m, &m->table[1], key, hash);
}

struct map_node *map_find(struct map *m, struct slice key)
{
    if (map_count(m) == 0) return NULL;
    return map_find_hashed(m, key, map_hash(key));
}

void map_expect(struct map *m, size_t count)
{
    m->expected_bits = 0;
    while (((size_t)1 << m->expected_bits) < count && m->expected_bits < MAP_BITS_MAX) m->expected_bits++;
}

void map_prefetch(const struct map *m, uint32_t hash)
{
    if (m->table[0].buckets) __builtin_prefetch(bucket_of(&m->table[0], hash), 1);
    if (m->table[1].buckets) __builtin_prefetch(bucket_of(&m->table[1], hash), 1);
}

void map_prefetch_nodes(const struct map *m, uint32_t hash)
{
    for (int i = 0; i < 2; i++) {
        if (m->table[i].buckets) __builtin_prefetch(*bucket_of(&m->table[i], hash));
    }
}

void map_insert_hashed(struct map *m, struct map_node *node, uint32_t hash)
{
    grow_if_full(m);
    move_some(m);
    struct map_table *t = is_moving(m) ? &m->table[1] : &m->table[0];
    struct map_node **bucket = bucket_of(t, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    t->count++;
}

void map_insert(struct map *m, struct map_node *node)
{
    map_insert_hashed(m, node, map_hash(m->key_of(node)));
}

/* The link that points at the node, in whichever table; *out_table gets that table. The node is compared by address only. */
static struct map_node **find_link(struct map *m, const struct map_node *node, uint32_t hash,
                                   struct map_table **out_table)
{
    for (int i = 0; i < 2; i++) {
        struct map_table *t = &m->table[i];
        if (!t->buckets) continue;
        for (struct map_node **link = bucket_of(t, hash); *link; link = &(*link)->next) {
            if (*link == node) {
                *out_table = t;
                return link;
            }
        }
    }
    return NULL;
}

void map_unlink(struct map *m, struct map_node *node)
{
    struct map_table *t;
    struct map_node **link = find_link(m, node, node->hash, &t);
    CHECK(link != NULL);
    *link = node->next;
    node->next = NULL;
    t->count--;
    move_some(m);
    shrink_if_sparse(m);
}

struct map_node *map_remove(struct map *m, struct slice key)
{
    struct map_node *node = map_find(m, key);
    if (node) map_unlink(m, node);
    return node;
}

void map_replace(struct map *m, const struct map_node *node, struct map_node *with)
{
    struct map_table *t;
    struct map_node **link = find_link(m, node, with->hash, &t);
    CHECK(link != NULL);
    *link = with;
}

/* The table at the front loses its nodes from bucket move_at on; below it there are none, also while the map was resized. */
bool map_drain(struct map *m, map_visit_fn *fn, void *ctx, size_t *steps)
{
    struct map_table *t = &m->table[0];
    while (t->buckets) {
        while (fn && t->count > 0) {
            if (*steps == 0) return false;
            --*steps;
            struct map_node *node = t->buckets[m->move_at];
            if (!node) {
                m->move_at++;
                continue;
            }
            t->buckets[m->move_at] = node->next;
            t->count--;
            fn(ctx, node);
        }
        finish_move(m);
    }
    return true;
}

void map_deinit(struct map *m, map_visit_fn *fn, void *ctx)
{
    size_t steps = SIZE_MAX;
    map_drain(m, fn, ctx, &steps);
}

/* A random bucket that is not empty, of both tables by their sizes. */
static struct map_node *random_bucket(struct map *m, struct rng *r)
{
    size_t sizes[2] = {bucket_count(&m->table[0]), bucket_count(&m->table[1])};
    size_t skip = is_moving(m) ? m->move_at : 0;
    for (;;) {
        size_t at = skip + (size_t)rng_below(r, sizes[0] + sizes[1] - skip);
        CHECK(m->table[at < sizes[0] ? 0 : 1].buckets != NULL);
        struct map_node *first = at < sizes[0] ? m->table[0].buckets[at] : m->table[1].buckets[at - sizes[0]];
        if (first) return first;
    }
}

struct map_node *map_random(struct map *m, struct rng *r)
{
    if (map_count(m) == 0) return NULL;
    move_some(m);
    struct map_node *first = random_bucket(m, r);
    size_t len = 0;
    for (struct map_node *node = first; node; node = node->next) len++;
    for (size_t pick = (size_t)rng_below(r, len); pick > 0; pick--) {
        CHECK(first != NULL);
        first = first->next;
    }
    return first;
}

static void visit_bucket(const struct map_table *t, uint64_t cursor, map_visit_fn *fn, void *ctx)
{
    struct map_node *node = t->buckets[cursor & (((uint64_t)1 << t->bits) - 1)];
    while (node) {
        struct map_node *next = node->next;
        fn(ctx, node);
        node = next;
    }
}

static uint64_t reverse_bits(uint64_t v)
{
    v = ((v >> 1) & 0x5555555555555555u) | ((v & 0x5555555555555555u) << 1);
    v = ((v >> 2) & 0x3333333333333333u) | ((v & 0x3333333333333333u) << 2);
    v = ((v >> 4) & 0x0f0f0f0f0f0f0f0fu) | ((v & 0x0f0f0f0f0f0f0f0fu) << 4);
    return __builtin_bswap64(v);
}

/* The cursor after this one when the highest of `mask`'s bits counts least. */
uint64_t map_scan_next(uint64_t cursor, uint64_t mask)
{
    return reverse_bits(reverse_bits(cursor | ~mask) + 1);
}

uint64_t map_scan(struct map *m, uint64_t cursor, map_visit_fn *fn, void *ctx)
{
    if (map_count(m) == 0) return 0;
    if (!is_moving(m)) {
        visit_bucket(&m->table[0], cursor, fn, ctx);
        return map_scan_next(cursor, bucket_count(&m->table[0]) - 1);
    }
    /* The smaller table's bucket, then all buckets of the larger one that it splits into. */
    bool is_first_smaller = m->table[0].bits < m->table[1].bits;
    const struct map_table *small = &m->table[is_first_smaller ? 0 : 1];
    const struct map_table *large = &m->table[is_first_smaller ? 1 : 0];
    uint64_t small_mask = bucket_count(small) - 1, large_mask = bucket_count(large) - 1;
    visit_bucket(small, cursor, fn, ctx);
    do {
        visit_bucket(large, cursor, fn, ctx);
        cursor = map_scan_next(cursor, large_mask);
    } while (cursor & (small_mask ^ large_mask));
    return cursor;
}

uint64_t map_mask(const struct map *m)
{
    size_t counts[2] = {bucket_count(&m->table[0]), bucket_count(&m->table[1])};
    size_t most = counts[0] > counts[1] ? counts[0] : counts[1];
    return most ? most - 1 : 0;
}

void map_scan_part(const struct map *m, uint64_t cursor, uint64_t mask, map_visit_fn *fn, void *ctx)
{
    SLOW_CHECK(mask >= map_mask(m));
    for (int i = 0; i < 2; i++) {
        const struct map_table *t = &m->table[i];
        if (!t->buckets) continue;
        struct map_node *node = *bucket_of(t, (uint32_t)cursor);
        while (node) {
            struct map_node *next = node->next;
            if ((node->hash & mask) == (cursor & mask)) fn(ctx, node);
            node = next;
        }
    }
}

static void settle_next(struct map_iter *it)
{
    while (!it->next && it->table < 2) {
        const struct map_table *t = &it->map->table[it->table];
        if (it->bucket < bucket_count(t)) {
            it->next = t->buckets[it->bucket++];
        } else {
            it->table++;
            it->bucket = 0;
        }
    }
}

void map_iter_begin(struct map_iter *it, struct map *m)
{
    *it = (struct map_iter){.map = m};
    m->iterators++;
    settle_next(it);
}

struct map_node *map_iter_next(struct map_iter *it)
{
    struct map_node *node = it->next;
    if (!node) return NULL;
    it->next = node->next;
    settle_next(it);
    return node;
}

void map_iter_end(struct map_iter *it)
{
    SLOW_CHECK(it->map->iterators > 0);
    it->map->iterators--;
}
