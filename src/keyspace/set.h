/* SPDX-License-Identifier: MIT */
/* Sets: pure functions on a struct value of type VALUE_SET. A member given to a change must not lie inside the set. */
#ifndef KEYSPACE_SET_H
#define KEYSPACE_SET_H

#include "base/map.h"
#include "base/num.h"
#include "base/rng.h"
#include "keyspace/value.h"

/* The longest member: what one request can carry. */
#define SET_MEMBER_MAX_BYTES ((size_t)512 << 20)

void set_init(struct value *v);
void set_deinit(struct value *v);
bool set_drain(struct value *v, size_t *steps);
void set_copy(const struct value *v, struct value *out);
const char *set_encoding_name(const struct value *v);
size_t set_bytes(const struct value *v, size_t samples);
uint64_t set_digest(const struct value *v);
size_t set_count(const struct value *v);
/* The invariants of set.c. */
void set_check(const struct value *v);

bool set_has(const struct value *v, struct slice member);
/* False: it was there. */
bool set_add(struct value *v, struct slice member);
/* False: it was not there. */
bool set_remove(struct value *v, struct slice member);

/* A random member of a set that is not empty, nearly uniform. Borrowed until the next change, or from `text`. */
struct slice set_random(const struct value *v, struct rng *r, char text[NUM_INT_MAX_CHARS]);

/*
 * Iteration over all members: small sets of integers ascending, others in no order. Nothing may be changed meanwhile.
 */
struct set_iter {
    const struct value *set;
    size_t at;
    struct map_iter map;
    char text[NUM_INT_MAX_CHARS];
};
void set_iter_begin(struct set_iter *it, const struct value *v);
/* False at the end. The member is borrowed until the next call. */
bool set_iter_next(struct set_iter *it, struct slice *out);
/* Must be called, also after the end. */
void set_iter_end(struct set_iter *it);

/* Borrowed for the call only. */
typedef void set_visit_fn(void *ctx, struct slice member);
/* Would Redis 7.2 keep the set as one block? Then SSCAN gives it whole, whatever COUNT says. */
bool set_is_block_in_redis(const struct value *v);
/* Makes a packed set a map, so that SSCAN gives it in pages. */
void set_make_pageable(struct value *v);
/* One step of a scan; starts and ends with cursor 0. Sets that are no map are given whole. See map_scan. */
uint64_t set_scan(const struct value *v, uint64_t cursor, set_visit_fn *fn, void *ctx);

#endif
