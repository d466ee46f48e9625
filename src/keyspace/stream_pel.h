/* SPDX-License-Identifier: MIT */
/*
 * A pending entries list: elements of one size, each starting with its struct stream_id, in the order of the ids.
 *
 * They stand in sorted chunks of up to STREAM_PEL_CHUNK_MAX, which a directory (stream_dir.h) finds. Entries are
 * delivered in order and acknowledged mostly from the start, so that adding and removing touch a chunk's end; elsewhere
 * they move half a chunk. Elements move: pointers to them are valid until the next insertion or removal.
 */
#ifndef KEYSPACE_STREAM_PEL_H
#define KEYSPACE_STREAM_PEL_H

#include "keyspace/stream_dir.h"

#define STREAM_PEL_CHUNK_MAX 128u

/* `struct stream_pel p = {.element_bytes = n};` is empty. */
struct stream_pel {
    struct stream_dir chunks;
    size_t count;
    size_t element_bytes;
};

void stream_pel_deinit(struct stream_pel *p);
/* Frees at most *steps chunks, counted down. True when none is left; until deinit nothing else may be done. */
bool stream_pel_drain(struct stream_pel *p, size_t *steps);
void stream_pel_copy(const struct stream_pel *p, struct stream_pel *out);
/* NULL when absent. */
void *stream_pel_find(const struct stream_pel *p, struct stream_id id);
/* The element of the id: found, or made with nothing set but its id; *out_is_new tells which. */
void *stream_pel_insert(struct stream_pel *p, struct stream_id id, bool *out_is_new);
/* False when absent. */
bool stream_pel_remove(struct stream_pel *p, struct stream_id id);
/* NULL when empty. */
void *stream_pel_first(const struct stream_pel *p);
void *stream_pel_last(const struct stream_pel *p);
size_t stream_pel_bytes(const struct stream_pel *p);
void stream_pel_check(const struct stream_pel *p);

/* Elements from an id on. Nothing may be inserted or removed meanwhile. */
struct stream_pel_iter {
    const struct stream_pel *pel;
    uint32_t chunk;
    uint32_t at;
};
void stream_pel_iter_begin(struct stream_pel_iter *it, const struct stream_pel *p, struct stream_id from);
/* NULL at the end. */
void *stream_pel_iter_next(struct stream_pel_iter *it);

#endif
