/* SPDX-License-Identifier: MIT */
/*
 * Names of keys that are not in memory otherwise: a key and the type of its value in some eleven bytes, where an entry of a database
 * takes 36, the key, and its place in the map. See dormant.c.
 */
#ifndef KEYSPACE_DORMANT_H
#define KEYSPACE_DORMANT_H

#include "base/rng.h"
#include "keyspace/value.h"

/* A length is one byte. Longer keys stay entries. */
#define DORMANT_KEY_MAX 255

struct dormant_bucket;

/* All zero is empty. */
struct dormant {
    struct dormant_bucket ***chunks; /* owned: of DORMANT_CHUNK buckets each; a bucket may be NULL */
    uint32_t buckets_count, chunks_cap;
    uint32_t *lengths; /* owned: of each length of keys, how many there are; NULL before the first */
    size_t count;      /* of keys */
};

/* Given at a visit: key is borrowed until fn returns. fn changes nothing in d. */
typedef void dormant_visit_fn(void *ctx, struct slice key, enum value_type type);

/* The key is absent and has at most DORMANT_KEY_MAX bytes. hash: its map_hash, here and below. */
void dormant_add(struct dormant *d, struct slice key, uint32_t hash, enum value_type type);
/* Removes a key and tells its type; false when absent. The key must not be one given at a visit. */
bool dormant_take(struct dormant *d, struct slice key, uint32_t hash, enum value_type *out_type);
bool dormant_has(const struct dormant *d, struct slice key, uint32_t hash);
/* All keys. */
void dormant_visit(const struct dormant *d, dormant_visit_fn *fn, void *ctx);
/* Those whose hash has the bits of `hash` where `mask` has ones; mask is 2^n - 1 and at least dormant_mask. One bucket is looked at. */
void dormant_visit_some(const struct dormant *d, uint64_t hash, uint64_t mask, dormant_visit_fn *fn, void *ctx);
uint64_t dormant_mask(const struct dormant *d);
/* A random key, near uniform, drawn in `room`, and its type. d is not empty. */
struct slice dormant_random(const struct dormant *d, struct rng *rng, char room[DORMANT_KEY_MAX],
                            enum value_type *out_type);
/* Frees it, at most *steps allocations, counted down. True when it is empty; until then nothing else may be done with it. */
bool dormant_drain(struct dormant *d, size_t *steps);
/* For who will ask for the key soon: that memory should be fetched. */
void dormant_prefetch(const struct dormant *d, struct slice key, uint32_t hash);
/* The invariants of dormant.c. */
void dormant_check(const struct dormant *d);

#endif
