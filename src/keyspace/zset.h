/* SPDX-License-Identifier: MIT */
/*
 * Sorted sets: members with a score, ordered by score and then by the bytes of the member.
 *
 * Pure functions on a struct value of type VALUE_ZSET. Scores are never NaN. Small sets are one packed allocation; past
 * 128 members, or with a member above 64 bytes, a set becomes a hash table and a counted tree (keyspace/zset_tree.h),
 * and stays that. Everything below works on both: look-up O(1), the rest O(log n) plus what it visits.
 *
 * Places in the order are named by bounds, which lie between elements: "before the first with score 10", "after every
 * member up to b". A range is what lies from one bound to another, a cursor is a gap that moves over elements.
 */
#ifndef KEYSPACE_ZSET_H
#define KEYSPACE_ZSET_H

#include "base/rng.h"
#include "keyspace/value.h"

/* Redis's defaults of zset-max-listpack-entries and -value, which OBJECT ENCODING shows. */
#define ZSET_PACKED_MAX_COUNT 128
#define ZSET_PACKED_MAX_MEMBER_BYTES 64

/* The member is borrowed until the next change of the set. */
struct zset_element {
    struct slice member;
    double score;
};

/* ---- as a value ---- */

/* Like every value: *v is uninitialised before, its aux is left alone. */
void zset_init(struct value *v);
void zset_deinit(struct value *v);
bool zset_drain(struct value *v, size_t *steps);
void zset_copy(const struct value *v, struct value *out);
/* "listpack" or "skiplist". */
const char *zset_encoding_name(const struct value *v);
/* Bytes that v owns; those of members are extrapolated from the first `samples` ones when samples > 0. */
size_t zset_bytes(const struct value *v, size_t samples);
size_t zset_count(const struct value *v);
/* See keyspace/digest.h. */
uint64_t zset_digest(const struct value *v);
/* The numbered invariants of zset.c and zset_tree.c, each a CHECK. O(n log n). */
void zset_check(const struct value *v);

/* ---- single members ---- */

/* False when absent. out_score may be NULL. */
bool zset_score(const struct value *v, struct slice member, double *out_score);
/* The number of elements before it; false when absent. The out parameters may be NULL. */
bool zset_rank(const struct value *v, struct slice member, size_t *out_rank, double *out_score);

/* ZADD's conditions. */
enum zset_add_flag {
    ZSET_ADD_NX = 1 << 0,   /* only if absent */
    ZSET_ADD_XX = 1 << 1,   /* only if present */
    ZSET_ADD_GT = 1 << 2,   /* a present one only to a greater score */
    ZSET_ADD_LT = 1 << 3,   /* a present one only to a lesser score */
    ZSET_ADD_INCR = 1 << 4, /* `score` is added to the present one */
};

enum zset_added {
    ZSET_ADDED_NAN,     /* the sum is not a number: nothing changed */
    ZSET_ADDED_NOTHING, /* a condition forbade it */
    ZSET_ADDED_SAME,    /* it had that score already */
    ZSET_ADDED_MOVED,   /* it has a new score */
    ZSET_ADDED_NEW,
};

/* `member` must not lie inside v. *out_score (may be NULL) is the member's score afterwards, for SAME, MOVED and NEW. */
enum zset_added zset_add(struct value *v, struct slice member, double score, unsigned flags, double *out_score);
/* False when absent. `member` must not lie inside v. */
bool zset_remove(struct value *v, struct slice member);
/* Removes the `count` elements from rank `first` on (first + count <= zset_count). */
void zset_remove_ranks(struct value *v, size_t first, size_t count);

/* ---- bounds and ranges ---- */

enum zset_bound_kind {
    ZSET_BOUND_SCORE,  /* before the elements of that score (after them: is_after) */
    ZSET_BOUND_PAIR,   /* by score and member */
    ZSET_BOUND_MEMBER, /* by the member alone, for sets whose scores are all equal */
    ZSET_BOUND_START,  /* before everything */
    ZSET_BOUND_END     /* after everything */
};

struct zset_bound {
    enum zset_bound_kind kind;
    bool is_after;
    double score;
    struct slice member;
};

/* What lies between two bounds; empty when max is before min. */
struct zset_range {
    struct zset_bound min, max;
};

/* The same in ranks. */
struct zset_window {
    size_t first, count;
};

/* Does the element come before the bound? */
bool zset_is_before(const struct zset_element *e, const struct zset_bound *b);
/* Elements before the bound. */
size_t zset_bound_rank(const struct value *v, const struct zset_bound *b);
struct zset_window zset_range_window(const struct value *v, const struct zset_range *r);

/* ---- walking ---- */

/* A gap between elements, or at either end. Valid until the next change of the set. */
struct zset_cursor {
    const void *block; /* link: packed block or leaf; NULL in a set that never had an element */
    uint32_t at;       /* of the element after the gap */
    bool is_packed;
};

struct zset_cursor zset_seek(const struct value *v, const struct zset_bound *b);
/* The gap before the element of that rank (rank <= count). */
struct zset_cursor zset_seek_rank(const struct value *v, size_t rank);
/* Gives the element after (before) the gap and moves over it; false at the end. */
bool zset_next(struct zset_cursor *c, struct zset_element *out);
bool zset_prev(struct zset_cursor *c, struct zset_element *out);
/* Moves over n elements, or to the end where there are fewer; O(n / 60). */
void zset_skip(struct zset_cursor *c, size_t n);
void zset_skip_back(struct zset_cursor *c, size_t n);

/* A range forwards or backwards, with ZRANGE's LIMIT. */
struct zset_walk {
    struct zset_cursor cursor;
    struct zset_bound stop;
    size_t left;
    bool is_reverse;
};

/* Skips `offset` elements of the range; gives at most `limit`. */
void zset_walk_range(struct zset_walk *w, const struct value *v, const struct zset_range *r, bool is_reverse,
                     size_t offset, size_t limit);
/* The ranks of a window; is_reverse gives its elements from the last to the first. */
void zset_walk_window(struct zset_walk *w, const struct value *v, struct zset_window window, bool is_reverse);
bool zset_walk_next(struct zset_walk *w, struct zset_element *out);

/* A random element of a set that is not empty. */
struct zset_element zset_random(const struct value *v, struct rng *r);

typedef void zset_visit_fn(void *ctx, const struct zset_element *e);
/* One step of a scan, see map_scan: starts and ends with cursor 0. Small sets are given whole. fn must not change the set. */
uint64_t zset_scan(const struct value *v, uint64_t cursor, zset_visit_fn *fn, void *ctx);

#endif
