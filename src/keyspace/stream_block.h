/* SPDX-License-Identifier: MIT */
/*
 * A block: some consecutive entries of a stream in one allocation.
 *
 *   struct stream_block | entry | entry | ... | free room
 *                                             ^end
 *
 * Entries are appended and flagged as deleted, never moved: an entry is named by its offset from the block's address,
 * which stays valid as long as the block lives. stream_block.c has the bytes of an entry.
 */
#ifndef KEYSPACE_STREAM_BLOCK_H
#define KEYSPACE_STREAM_BLOCK_H

#include "keyspace/stream_id.h"

/* Field lists that later entries may refer to. A queue's events have five or six shapes. */
#define STREAM_SHAPES_MAX 8u
#define STREAM_AT_NONE 0u

struct stream_block {
    struct stream_id first; /* id of the first entry, deleted or not: the others' ids are relative to it */
    uint32_t cap;           /* bytes of the allocation that may be used */
    uint32_t end;           /* offset after the last entry */
    uint32_t live_at;       /* offset of the first entry that is not deleted; STREAM_AT_NONE when there is none */
    uint32_t entries_count; /* deleted ones too */
    uint32_t live_count;
    bool is_closed;       /* takes no more, whatever the limits */
    uint64_t redis_bytes; /* what Redis would need for these entries, which tells when a block is full */
    uint32_t shapes_count;
    uint32_t shapes[STREAM_SHAPES_MAX]; /* offsets of the entries that have them */
    /* entries follow */
};

/* When a block takes no more: Redis's stream-node-max-entries and stream-node-max-bytes, 0 = no such limit. */
struct stream_limits {
    uint32_t entries;
    uint32_t bytes;
};

/* An entry as it is read. Borrowed from the block until it changes. */
struct stream_entry {
    struct stream_id id;
    uint32_t fields_left;
    const uint8_t *values; /* the next value, or the next field of an entry with fields of its own */
    const uint8_t *shape;  /* the next field of the shape's entry; NULL: the entry has fields of its own */
    uint64_t same;         /* bit i: the value of the i-th next field is the one that the shape's entry has */
};

/* What an entry of these fields and values needs at most, for stream_block_new. */
size_t stream_block_room(const struct slice *items, size_t items_count);
/* An empty block for entries from `first` on, with room for `room` bytes of entries. Owns: caller, mem_free. */
struct stream_block *stream_block_new(struct stream_id first, size_t room);
struct stream_block *stream_block_copy(const struct stream_block *b);
/* Does the block have to be closed before an entry whose fields and values have items_bytes together? */
bool stream_block_is_full(const struct stream_block *b, const struct stream_limits *limits, size_t items_bytes);
/* Appends field, value, ... under an id above all others. May move the block. */
void stream_block_append(struct stream_block **b, struct stream_id id, const struct slice *items, size_t items_count);
/* Gives room that is not needed back to the allocator. May move the block. */
void stream_block_trim(struct stream_block **b);
/* Flags the entry, which is not deleted yet. */
void stream_block_delete(struct stream_block *b, uint32_t at);

/* Offsets of the first and last entry that is not deleted, STREAM_AT_NONE when there is none ... */
static inline uint32_t stream_block_first(const struct stream_block *b)
{
    return b->live_at;
}
uint32_t stream_block_last(const struct stream_block *b);
/* ... and of the next and previous one from an entry. */
uint32_t stream_block_next(const struct stream_block *b, uint32_t at);
uint32_t stream_block_prev(const struct stream_block *b, uint32_t at);
struct stream_id stream_block_id(const struct stream_block *b, uint32_t at);
/* The id of the last entry, deleted or not. */
struct stream_id stream_block_last_id(const struct stream_block *b);
void stream_block_read(const struct stream_block *b, uint32_t at, struct stream_entry *out);
/* Gives the next field and its value, `fields_left` times. */
void stream_entry_next(struct stream_entry *e, struct slice *out_field, struct slice *out_value);

/* The invariants. */
void stream_block_check(const struct stream_block *b);

#endif
