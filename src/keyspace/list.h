/* SPDX-License-Identifier: MIT */
/*
 * Lists: pure functions on a struct value of type VALUE_LIST.
 *
 * Elements are reached through a cursor. Any change of the list ends all its cursors but the one given to the change.
 * An element given to a change must not lie inside the list.
 */
#ifndef KEYSPACE_LIST_H
#define KEYSPACE_LIST_H

#include "keyspace/packed.h"
#include "keyspace/value.h"

/* The longest element: what one request can carry. */
#define LIST_ELEMENT_MAX_BYTES ((size_t)512 << 20)

/* An end, and the direction towards it. */
enum list_end { LIST_HEAD, LIST_TAIL };

struct list_chunk;

/* A place in a list: an element, or outside (after the last or before the first). */
struct list_cursor {
    struct list_chunk *chunk; /* NULL when the list is a single block */
    struct packed *block;     /* borrowed; NULL when the list is empty */
    uint32_t at;              /* PACKED_NONE: outside */
};

void list_init(struct value *v);
void list_deinit(struct value *v);
bool list_drain(struct value *v, size_t *steps);
void list_copy(const struct value *v, struct value *out);
const char *list_encoding_name(const struct value *v);
size_t list_bytes(const struct value *v, size_t samples);
uint64_t list_digest(const struct value *v);
size_t list_count(const struct value *v);
/* The invariants of list.c. */
void list_check(const struct value *v);

/* ---- reading ---- */

/* The first element seen from an end; outside when the list is empty. */
struct list_cursor list_from(const struct value *v, enum list_end end);
/* The index-th element; outside (after the last) when index >= count. Walks chunks from the nearer end. */
struct list_cursor list_seek(const struct value *v, size_t index);
static inline bool list_is_inside(const struct list_cursor *c)
{
    return c->at != PACKED_NONE;
}
/* The element under the cursor, which must be inside. Borrowed until the next change. */
static inline struct slice list_get(const struct list_cursor *c)
{
    return packed_get(c->block, c->at);
}
/*
 * To the next element towards an end, outside after the last. From outside: back to the element at the side that it
 * left.
 */
void list_step(struct list_cursor *c, enum list_end towards);
/*
 * Moves the cursor to the nearest element in a direction that is equal to `element`, the one under it included; *passed
 * grows by the number of elements passed over. False: there is none, and the cursor is outside.
 * Searches no further than the chunk in which *passed reaches `limit`, so it may find one a little beyond.
 */
bool list_find(struct list_cursor *c, enum list_end towards, struct slice element, size_t limit, size_t *passed);

/* ---- changes ---- */

/* O(1). */
void list_push(struct value *v, enum list_end end, struct slice element);
/* Drops `count` elements (<= list_count) from an end. */
void list_pop(struct value *v, enum list_end end, size_t count);
/* Replaces the element under the cursor, which stays on it. */
void list_set(struct value *v, struct list_cursor *c, struct slice element);
/* Inserts before the cursor (outside: at the tail); the cursor is then on the new element. */
void list_insert(struct value *v, struct list_cursor *c, struct slice element);
/*
 * Removes `count` elements from the cursor on towards the tail (there must be that many); the cursor is then on what
 * followed them.
 */
void list_remove_at(struct value *v, struct list_cursor *c, size_t count);

#endif
