/* SPDX-License-Identifier: MIT */
/*
 * An intrusive hash table that never stops to rehash.
 *
 * Nodes are embedded in what they index and chained per bucket. When the table grows or shrinks, a second table is
 * made and every operation moves a few buckets, so that no single call pays for the whole. Keys are byte strings
 * hashed with siphash_bytes. Map owns the bucket arrays, never the nodes.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/rng.h"
#include "base/slice.h"

struct map_node {
    struct map_node *next;
    uint32_t hash;
    uint32_t aux; /* free for the owner of the node: fills what would be padding */
};

/* The key of a node. */
typedef struct slice map_key_fn(const struct map_node *node);
typedef void map_visit_fn(void *ctx, struct map_node *node);

struct map_table {
    struct map_node **buckets; /* owned */
    size_t count;              /* nodes in it */
    uint8_t bits;              /* it has 2^bits buckets when buckets is not NULL */
};

/* `struct map m = {.key_of = fn};` is an empty map. */
struct map {
    struct map_table table[2]; /* [1] exists only while moving from [0] */
    size_t move_at;            /* the next bucket of [0] to move */
    uint32_t iterators;        /* while > 0 nothing is moved */
    uint8_t expected_bits;     /* of the table that it grows to, if that is larger than the next */
    map_key_fn *key_of;
};

static inline size_t map_count(const struct map *m)
{
    return m->table[0].count + m->table[1].count;
}

/* NULL when absent. Moves a few buckets if a resize is under way. */
struct map_node *map_find(struct map *m, struct slice key);
struct map_node *map_find_hashed(struct map *m, struct slice key, uint32_t hash);
/* The 32 bits that map_*_hashed want. */
uint32_t map_hash(struct slice key);
/* The key must be absent. Sets node->next and node->hash, keeps aux. */
void map_insert(struct map *m, struct map_node *node);
void map_insert_hashed(struct map *m, struct map_node *node, uint32_t hash);
/* About so many nodes are expected: when the map has to grow, it grows for them at once. 0: as ever. */
void map_expect(struct map *m, size_t count);
/*
 * For who will look up or insert many keys soon: ask for the buckets of all, then for the nodes in them, then do it. What memory
 * takes then is paid once for all of them together. Neither changes anything.
 */
void map_prefetch(const struct map *m, uint32_t hash);
void map_prefetch_nodes(const struct map *m, uint32_t hash);
/* Unlinks and returns the node, NULL when absent. */
struct map_node *map_remove(struct map *m, struct slice key);
/* Unlinks a node that is in the map. */
void map_unlink(struct map *m, struct map_node *node);
/* Puts `with` in the place of `node` (equal keys; e.g. after a realloc moved the node). `node` may be freed memory only compared by address. */
void map_replace(struct map *m, const struct map_node *node, struct map_node *with);
/* Visits every node once and gives it to fn (which may free it), then frees the tables: an empty map again. fn may be NULL. */
void map_deinit(struct map *m, map_visit_fn *fn, void *ctx);
/* The same in parts: at most *steps nodes and buckets, counted down (fn may take from it too). True when done; until then nothing
 * else may be done with the map. */
bool map_drain(struct map *m, map_visit_fn *fn, void *ctx, size_t *steps);
/* A random node; NULL when empty. Near uniform. */
struct map_node *map_random(struct map *m, struct rng *r);
/*
 * One step of a scan: gives the nodes of a bucket to fn, returns the next cursor; starts and ends with 0. Every node
 * present from start to end is seen at least once even if the table is resized meanwhile (cursor counts with its bits
 * reversed, after Pieter Noordhuis). fn must not insert or remove.
 */
uint64_t map_scan(struct map *m, uint64_t cursor, map_visit_fn *fn, void *ctx);
/*
 * The parts of a scan, for who scans other tables along with this one: gives the nodes whose hash has the bits of `cursor` where
 * `mask` has ones (2^n - 1, at least the map's own mask), and the cursor after that. The masks may be others at each step.
 */
void map_scan_part(const struct map *m, uint64_t cursor, uint64_t mask, map_visit_fn *fn, void *ctx);
uint64_t map_scan_next(uint64_t cursor, uint64_t mask);
uint64_t map_mask(const struct map *m);

/* Iteration over all nodes; the node given last may be removed (map_unlink) and freed, nothing may be inserted. */
struct map_iter {
    struct map *map;
    struct map_node *next;
    size_t bucket;
    int table;
};
void map_iter_begin(struct map_iter *it, struct map *m);
/* NULL at the end. */
struct map_node *map_iter_next(struct map_iter *it);
/* Must be called, also after the end: lets resizing go on. */
void map_iter_end(struct map_iter *it);

/* The containing struct of an embedded node. */
#define MAP_OWNER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#endif
