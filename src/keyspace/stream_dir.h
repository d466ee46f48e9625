/* SPDX-License-Identifier: MIT */
/*
 * A directory: the pieces of something ordered by id (the blocks of a stream, the chunks of a pending list), each under
 * the id it starts with.
 *
 * One array with room at both ends: pieces are mostly added at the tail and dropped at the head, both in O(1); finding
 * one is a binary search, and one in the middle moves the shorter side of the array. A piece holds about a hundred
 * elements, so that even ten million of them have a directory of a few megabytes.
 */
#ifndef KEYSPACE_STREAM_DIR_H
#define KEYSPACE_STREAM_DIR_H

#include "keyspace/stream_id.h"

struct stream_slot {
    struct stream_id first; /* nothing in the piece is before it; pieces stand in its order */
    void *piece;            /* owned by the user of the directory */
};

/* All zero is an empty directory. */
struct stream_dir {
    struct stream_slot *slots; /* owned; in use: [head, head + count) */
    uint32_t head;
    uint32_t count;
    uint32_t cap;
};

static inline struct stream_slot *stream_dir_at(const struct stream_dir *d, uint32_t index)
{
    return &d->slots[d->head + index];
}

/* The last piece that starts at or before id, where id is if it is anywhere; 0 when all start after it. */
uint32_t stream_dir_find(const struct stream_dir *d, struct stream_id id);
/* Puts a piece before the index-th one; index == count: at the tail. */
void stream_dir_insert(struct stream_dir *d, uint32_t index, struct stream_slot slot);
/* Takes a slot out; its piece is the caller's to free. */
void stream_dir_remove(struct stream_dir *d, uint32_t index);
/* Frees the array, not the pieces. */
void stream_dir_deinit(struct stream_dir *d);

#endif
