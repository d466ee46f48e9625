/* SPDX-License-Identifier: MIT */
/*
 * A packed sequence of byte strings in one allocation: the compact form of small hashes, sets, sorted sets and the
 * chunks of lists.
 *
 *   struct packed | gap ... | len bytes len' | word | len bytes len' ... gap
 *                           ^start                                    ^end
 *
 * An element is its length as varint, its bytes, and its length of (varint + bytes) again in a form that can be read
 * backwards, so that it can be walked from both ends. One that is a word (word.h) is a single byte. There may be free
 * room before start and after end: pushing at either end moves nothing.
 *
 * Positions are byte offsets from the block's address and stay valid until the next change.
 */
#ifndef KEYSPACE_PACKED_H
#define KEYSPACE_PACKED_H

#include "base/slice.h"

struct packed {
    uint32_t cap;   /* bytes of the whole allocation */
    uint32_t start; /* offset of the first element */
    uint32_t end;   /* offset after the last element */
    uint32_t count; /* elements */
    /* bytes follow */
};

#define PACKED_NONE 0u
/* What an element takes with these bytes. */
size_t packed_element_bytes(struct slice bytes);

/* An empty sequence with room for `room` bytes of elements. Owns: caller, mem_free. */
struct packed *packed_new(size_t room);
/* A sequence of items that take `bytes` together (packed_element_bytes), and no more room. Owns: caller, mem_free. */
struct packed *packed_new_of(const struct slice *items, size_t items_count, size_t bytes);
/* What an element takes beside its bytes, at most; less when it is a word. */
#define PACKED_AROUND_MAX 10u
#define PACKED_SHORT_BYTES 1024u
/* A sequence of items that with PACKED_AROUND_MAX for each take at most PACKED_SHORT_BYTES, and no more room: each is looked at once
 * instead of once for its size. Owns: caller, mem_free. */
struct packed *packed_new_short(const struct slice *items, size_t items_count);
struct packed *packed_copy(const struct packed *p);
static inline size_t packed_bytes(const struct packed *p)
{
    return p->end - p->start;
}

/* Positions: the first, last, next, previous element; PACKED_NONE where there is none. */
static inline uint32_t packed_first(const struct packed *p)
{
    return p->count ? p->start : PACKED_NONE;
}
uint32_t packed_last(const struct packed *p);
/* The position after an element, PACKED_NONE after the last. */
uint32_t packed_next(const struct packed *p, uint32_t at);
uint32_t packed_prev(const struct packed *p, uint32_t at);
/* The index-th element from the start (index < count): walks from the nearer end. */
uint32_t packed_at(const struct packed *p, uint32_t index);
/* Borrowed until the next change; not to be written to. */
struct slice packed_get(const struct packed *p, uint32_t at);
/* The element at *at, which moves on to the next one or PACKED_NONE: get and next in one. */
struct slice packed_step(const struct packed *p, uint32_t *at);
/* The first element equal to bytes among the 1st, the (1 + stride)th, ...; PACKED_NONE when absent. stride 2 finds a field of
 * field, value, ...; the count is a multiple of it. */
uint32_t packed_find(const struct packed *p, struct slice bytes, unsigned stride);
/* Finds many of the 1st, 3rd, ... elements, which differ from each other, in one walk: out_at[i] as packed_find with stride 2 gives it. */
#define PACKED_FIND_MAX 16
void packed_find_many(const struct packed *p, const struct slice *wanted, size_t count, uint32_t *out_at);
/* The nearest element equal to bytes, from the element at `from` (that included) towards the tail or the head; PACKED_NONE
 * when there is none. *passed grows by the number of elements that were looked at and are not equal. */
uint32_t packed_find_next(const struct packed *p, uint32_t from, struct slice bytes, size_t *passed);
uint32_t packed_find_prev(const struct packed *p, uint32_t from, struct slice bytes, size_t *passed);

/*
 * Changes may move the block: they take a pointer to the owner's pointer. Bytes given must not lie inside the block.
 * Total size stays under 1 GiB: the owners change to another encoding long before.
 */
void packed_push_tail(struct packed **owner, struct slice bytes);
/* Several at the tail, in their order: room is made once. */
void packed_push_all(struct packed **owner, const struct slice *items, size_t items_count);
void packed_push_head(struct packed **owner, struct slice bytes);
/* Inserts before the element at `at` (PACKED_NONE: at the tail); returns the new element's position. */
uint32_t packed_insert(struct packed **owner, uint32_t at, struct slice bytes);
/* Replaces the element; returns its (new) position. In place, without moving what follows, when the lengths are equal. */
uint32_t packed_replace(struct packed **owner, uint32_t at, struct slice bytes);
/* Removes `count` elements from `at` on; returns the position of what follows them, PACKED_NONE at the end. May shrink the block. */
uint32_t packed_remove(struct packed **owner, uint32_t at, uint32_t count);
/* Gives room that is not needed back to the allocator. */
void packed_trim(struct packed **owner);

#endif
