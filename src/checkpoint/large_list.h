/* SPDX-License-Identifier: MIT */
/* A large list as rows: chunks of elements, each under a number that rises from head to tail. */
#ifndef CHECKPOINT_LARGE_LIST_H
#define CHECKPOINT_LARGE_LIST_H

#include "checkpoint/store.h"
#include "keyspace/list.h"

/* A chunk's row then fills one page of LMDB beside the page's head (16 bytes) and the row's. */
#define LARGE_LIST_CHUNK_BYTES 4032u
#define LARGE_LIST_CHUNK_COUNT 512u

/* A chunk: its row, and its elements while they are being changed. */
struct large_chunk {
    int64_t number;
    uint32_t count;
    uint32_t bytes;        /* of the elements, encoded */
    bool is_stored;        /* there is a row under the number */
    bool is_loaded;        /* `elements` is made, and may be newer than the row */
    struct value elements; /* owned */
};

/* All chunks, from head to tail. All zero is an empty list. */
struct large_list {
    struct large_chunk *chunks; /* owned */
    size_t count, cap;
    size_t loaded_count;
    bool is_known; /* the chunks were read from the rows, or made */
};

void large_list_deinit(struct large_list *l);
/* Reads from the rows which chunks there are, if need be. Errors are the writer's. */
void large_list_know(struct large_list *l, struct store_writer *w, uint64_t disk_id);
/* Elements of all chunks. */
uint64_t large_list_elements(const struct large_list *l);

void large_list_push(struct large_list *l, struct store_writer *w, uint64_t disk_id, enum list_end end,
                     struct slice element);
/* The rest want positions that are there: false, nothing done, when they are not. */
bool large_list_pop(struct large_list *l, struct store_writer *w, uint64_t disk_id, enum list_end end, uint64_t count);
bool large_list_set(struct large_list *l, struct store_writer *w, uint64_t disk_id, uint64_t index,
                    struct slice element);
bool large_list_insert(struct large_list *l, struct store_writer *w, uint64_t disk_id, uint64_t index,
                       struct slice element);
bool large_list_remove(struct large_list *l, struct store_writer *w, uint64_t disk_id, uint64_t index, uint64_t count);
/* Writes the chunks that are in memory, and lets them go. */
void large_list_flush(struct large_list *l, struct store_writer *w, uint64_t disk_id);

/* Takes the count off a chunk's body; its elements, each a text, follow. */
bool large_list_read_chunk(struct slice body, uint64_t *out_count, struct slice *out_elements);

#endif
