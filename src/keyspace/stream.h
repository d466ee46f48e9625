/* SPDX-License-Identifier: MIT */
/*
 * The stream type: entries of fields and values, ordered by id, appended at the end and dropped at the start.
 *
 * All functions take a value of type VALUE_STREAM. What they give is borrowed until the next change of v. Consumer
 * groups are in stream_group.h.
 */
#ifndef KEYSPACE_STREAM_H
#define KEYSPACE_STREAM_H

#include "keyspace/stream_block.h"
#include "keyspace/stream_dir.h"
#include "keyspace/value.h"

/* The most bytes that the fields and values of one entry may have together: Redis's limit. */
#define STREAM_ENTRY_MAX_BYTES ((size_t)1 << 30)

/* Names to things, in the order of the names: a group or consumer starts with a struct stream_name. */
struct stream_name {
    uint32_t len;
    const char *at; /* into the allocation that holds this struct */
};

struct stream_names {
    struct stream_name **items; /* owned, the items too */
    uint32_t count;
    uint32_t cap;
};

struct stream {
    struct stream_id last_id;        /* of the newest entry ever: the next is above it */
    struct stream_id max_deleted_id; /* the highest one that was deleted by id, 0-0 if none */
    uint64_t entries_added;          /* entries ever */
    size_t count;                    /* entries now */
    struct stream_dir blocks;        /* of struct stream_block; none is without a live entry */
    struct stream_names groups;      /* of struct stream_group */
};

void stream_init(struct value *v);
void stream_deinit(struct value *v);
bool stream_drain(struct value *v, size_t *steps);
void stream_copy(const struct value *v, struct value *out);
/* "stream". */
const char *stream_encoding_name(const struct value *v);
size_t stream_bytes(const struct value *v, size_t samples);
size_t stream_count(const struct value *v);
uint64_t stream_digest(const struct value *v);
void stream_check(const struct value *v);

/* To look at; never NULL. */
const struct stream *stream_borrow(const struct value *v);
/* The same to change, for stream_group.c. */
struct stream *stream_make(struct value *v);

/* Appends field, value, ... (items_count is even and > 0) under an id above last_id. */
void stream_add(struct value *v, struct stream_id id, const struct slice *items, size_t items_count,
                const struct stream_limits *limits);
/* False when there is no such entry. */
bool stream_delete(struct value *v, struct stream_id id);
/* Drops the oldest n entries, or all. */
void stream_drop(struct value *v, size_t n);
void stream_set_id(struct value *v, struct stream_id last_id, uint64_t entries_added, struct stream_id max_deleted_id);

/* Which entries a MAXLEN or MINID takes away. */
struct stream_trim {
    enum { STREAM_TRIM_NONE, STREAM_TRIM_MAXLEN, STREAM_TRIM_MINID } by;
    bool is_approximate; /* only whole blocks, and at most `limit` entries unless it is 0 */
    size_t max_count;
    struct stream_id min_id;
    uint64_t limit;
};

/* How many of the oldest entries have to go, for stream_drop. */
size_t stream_trim_count(const struct value *v, const struct stream_trim *trim);

bool stream_has(const struct value *v, struct stream_id id);
/* The oldest and newest entry that is there; 0-0 when there is none. */
struct stream_id stream_first_id(const struct value *v);
struct stream_id stream_newest_id(const struct value *v);

/* The entries from `first` to `last`, both included, in either direction. Nothing may be changed meanwhile. */
struct stream_iter {
    const struct stream *stream;
    const struct stream_block *block; /* NULL: at the end */
    uint32_t index;                   /* of the block */
    uint32_t at;                      /* the next entry in it, or STREAM_AT_NONE */
    bool is_reverse;
    struct stream_id first, last;
};
void stream_iter_begin(struct stream_iter *it, const struct value *v, struct stream_id first, struct stream_id last,
                       bool is_reverse);
/* False at the end. */
bool stream_iter_next(struct stream_iter *it, struct stream_entry *out);

#endif
