/* SPDX-License-Identifier: MIT */
/*
 * The hash type: fields to values.
 *
 * All functions take a value of type VALUE_HASH. Slices that they give are borrowed until the next change of v; slices
 * given to them may not lie inside v.
 */
#ifndef KEYSPACE_HASH_H
#define KEYSPACE_HASH_H

#include "base/map.h"
#include "keyspace/value.h"

/* A packed hash stays within these; see hash.c for how they were chosen. */
#define HASH_PACKED_MAX_FIELDS 128u
#define HASH_PACKED_MAX_BYTES (16u << 10)

void hash_init(struct value *v);
void hash_deinit(struct value *v);
bool hash_drain(struct value *v, size_t *steps);
void hash_copy(const struct value *v, struct value *out);
/* "listpack", or "hashtable" once it had more than 512 fields or one field or value above 64 bytes (Redis's rule). */
const char *hash_encoding_name(const struct value *v);
size_t hash_bytes(const struct value *v, size_t samples);
size_t hash_count(const struct value *v);
uint64_t hash_digest(const struct value *v);
void hash_check(const struct value *v);

/* Where a field is, or would go; valid until the next change of v. */
struct hash_place {
    void *node;    /* large: the field's node, or NULL */
    uint32_t hash; /* large: of the field */
    uint32_t at;   /* small: position of the field, or PACKED_NONE */
};

/* True when the field is there: *out_value is its value. *place is for hash_put in both cases. */
bool hash_find(const struct value *v, struct slice field, struct hash_place *place, struct slice *out_value);
bool hash_get(const struct value *v, struct slice field, struct slice *out_value);
/* The values of up to HASH_GET_MAX fields; at is NULL where there is none. */
#define HASH_GET_MAX 16
void hash_get_many(const struct value *v, const struct slice *fields, size_t count, struct slice *out_values);
/* Sets the field that hash_find has just looked for. */
void hash_put(struct value *v, const struct hash_place *place, struct slice field, struct slice value);
/* True when the field is new. */
bool hash_set(struct value *v, struct slice field, struct slice value);
/* Sets items_count / 2 fields from field, value, ...; a field given twice gets its last value. An empty hash is built in
 * one go, in one allocation when it is small. Returns how many fields are new. */
size_t hash_set_many(struct value *v, const struct slice *items, size_t items_count);
/* False when the field is absent. */
bool hash_delete(struct value *v, struct slice field);

typedef void hash_visit_fn(void *ctx, struct slice field, struct slice value);

/* Iteration in no promised order (a small hash: as the fields came). Nothing may be changed until hash_iter_end. */
struct hash_iter {
    const struct value *v;
    struct map_iter nodes; /* large */
    uint32_t at;           /* small: the next field */
};
void hash_iter_begin(struct hash_iter *it, const struct value *v);
/* False at the end. */
bool hash_iter_next(struct hash_iter *it, struct slice *out_field, struct slice *out_value);
/* Must be called, also after the end. */
void hash_iter_end(struct hash_iter *it);

/* Makes a hash that Redis would keep as a table one here too, so that HSCAN gives it in pages: clients count on that. */
void hash_make_pageable(struct value *v);
/* One step of HSCAN (see map_scan); a small hash is given whole. fn must not change v. */
uint64_t hash_scan(const struct value *v, uint64_t cursor, hash_visit_fn *fn, void *ctx);

/* `count` random fields to fn, each independent of the others; v is not empty. Stops early when fn returns false. */
typedef bool hash_pick_fn(void *ctx, struct slice field, struct slice value);
void hash_pick(const struct value *v, struct rng *rng, uint64_t count, hash_pick_fn *fn, void *ctx);
/* `count` different random fields; all of them when count >= hash_count. */
void hash_pick_distinct(const struct value *v, struct rng *rng, uint64_t count, hash_pick_fn *fn, void *ctx);

#endif
