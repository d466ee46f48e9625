/* SPDX-License-Identifier: MIT */
/* What tracker.c, tracker_large.c and tracker_cold.c share. */
#ifndef KEYSPACE_TRACKER_STATE_H
#define KEYSPACE_TRACKER_STATE_H

#include "keyspace/effect_codec.h"
#include "keyspace/items.h"
#include "keyspace/tracker.h"

/* A list of entries in chunks, so that it grows and shrinks without copying. */
#define TRACKER_CHUNK_COUNT 1024u
struct tracker_chunk {
    struct entry *entries[TRACKER_CHUNK_COUNT];
    uint32_t db_numbers[TRACKER_CHUNK_COUNT]; /* of the database that the entry is in */
};
struct tracker_list {
    struct tracker_chunk **chunks; /* owned */
    size_t chunks_count, chunks_cap;
    size_t count;
};

/* Numbers of databases, in order. */
struct tracker_numbers {
    uint32_t *at; /* owned */
    size_t count, cap;
};

/* Deletions as items. */
struct tracker_deletes {
    struct items_chain items;
    size_t count;
};

/* The expiries of a database that was flushed after the cut. */
struct tracker_flushed {
    struct tracker_flushed *next; /* owned */
    uint32_t db_number;
    struct heap expiries; /* owned */
};

struct tracker_large;

/* What was given of a large value: the checkpoint's thread reads it, and should that fail it is given again. */
struct tracker_gift {
    struct tracker_gift *next;   /* owned */
    struct tracker_large *large; /* link; NULL: nobody wants it back */
    struct items_chain items;
};

enum tracker_phase { TRACKER_IDLE, TRACKER_SAVING, TRACKER_HANDED, TRACKER_COMMITTING, TRACKER_FAILING };

struct tracker {
    struct keyspace *ks; /* borrowed */
    enum tracker_phase phase;
    struct tracker_list lists[3];    /* by mark.list: one is ks->dirty_list, one that of the cut; ENTRY_WARM */
    size_t given;                    /* TRACKER_SAVING: of the cut's list the first so many are handed; else 0 */
    struct buf *out;                 /* borrowed: TRACKER_SAVING */
    size_t row_max_bytes;            /* TRACKER_ROW_MAX_BYTES; tests take less */
    bool is_swapped, is_cut_swapped; /* databases were, nothing else tells */

    struct tracker_deletes deletes;     /* since the last cut */
    struct tracker_deletes cut_deletes; /* of the cut: kept until it is committed */

    uint32_t db_numbers[KEYSPACE_DBS_COUNT];
    uint64_t next_number;
    struct tracker_numbers dropped, cut_dropped; /* numbers of databases flushed since the last cut, before it */
    struct tracker_flushed *flushed;             /* owned: TRACKER_SAVING */

    struct map larges;          /* of struct tracker_large by the entry's address */
    struct tracker_gift *gifts; /* owned: of the cut */
    struct effect_writer writer;

    struct cold_store *cold_store; /* borrowed */
    size_t cold_count;
    bool is_cooling;      /* somebody wants values to leave: what becomes clean is put on the list of warm ones */
    uint32_t sweep_db;    /* what was clean before is put there by a walk through all databases ... */
    uint64_t sweep_after; /* ... and is there up to this cursor */
    size_t hand;          /* the clock hand: an index in the list of warm ones */
};

/* The entry at index < count. */
struct entry *tracker_at(const struct tracker_list *l, size_t index);
/* The number on disk of the database of an entry that is in a list. */
uint32_t tracker_number_of(const struct tracker *t, const struct entry *e);
/* Puts an entry that is in no list into one. */
void tracker_enter(struct tracker *t, uint32_t list, struct entry *e, uint32_t db_number);
/* Takes an entry off its list. */
void tracker_leave(struct tracker *t, struct entry *e);
/* Adds a deletion for the next cut. */
void tracker_delete(struct tracker *t, const struct item *item);

/* ---- tracker_large.c ---- */

void tracker_large_init(struct tracker *t);
void tracker_large_deinit(struct tracker *t);
/* Gives a large value's rows and its key's; `item` has the key's fields. Returns the bytes that were encoded for it now; mostly what is given
 * was made before. */
size_t tracker_large_give(struct tracker *t, struct entry *e, struct item *item);
/* The checkpoint that gifts were given to is over: up to *limit of them, counted down, go, or back to their values. */
void tracker_large_end_gifts(struct tracker *t, bool is_committed, size_t *limit);
/* The entry (in a list), as loaded, is large. */
void tracker_large_adopt(struct tracker *t, struct entry *e, uint64_t disk_id);
/* The entry's value is large no more, or is freed: its rows will be deleted. */
void tracker_large_drop(struct tracker *t, struct entry *e);
/* The database is dropped: so are the rows of its large values, whatever key's row names them. */
void tracker_large_flush(struct tracker *t, uint32_t db_number);
void tracker_large_check(struct tracker *t, struct entry *e);

/* ---- tracker_cold.c ---- */

/* An entry that is in no list is as its row: clean. */
void tracker_settle(struct tracker *t, struct entry *e, uint32_t db_number);
/* A cold entry is about to be freed, or is warm from now on. */
void tracker_forget_cold(struct tracker *t, struct entry *e);

#endif
