/* SPDX-License-Identifier: MIT */
/*
 * The tracker: which entries changed since the last checkpoint, and their hand-over. docs/decisions/0006 tells the idea.
 *
 *            db_touch, db_create                tracker_cut           tracker_give
 *   CLEAN ------------------------> DIRTY ------------------> SAVING ---------------> HANDED
 *     ^                               ^                         | db_touch: given first,  | db_touch
 *     |                               '-------------------------'      then DIRTY         '---> DIRTY
 *     '-- tracker_committed -------------------------------------------------------------- HANDED
 *                                                  tracker_failed: SAVING, HANDED ---------> DIRTY
 *
 * Invariants (tracker_check):
 *  1. an entry's mark tells its state and its index in the array of that state; the slot there points back at it.
 *  2. a clean entry's row in the last committed checkpoint holds its value and expiry.
 *  3. a large entry has a struct tracker_large, found by the entry's address.
 *
 * What is given is a sequence of items (keyspace/items.h) appended to the buffer that tracker_cut was given.
 * Threads: the keyspace's.
 */
#ifndef KEYSPACE_TRACKER_H
#define KEYSPACE_TRACKER_H

#include "base/buf.h"
#include "keyspace/db.h"

/* A value with more elements is large: its elements have rows of their own. */
#define TRACKER_LARGE_COUNT 1024

struct tracker;

/* Tracks ks from now on (ks->tracker). Everything in it is dirty, unless tracker_adopt says otherwise. */
struct tracker *tracker_new(struct keyspace *ks);
void tracker_free(struct tracker *t);

/* ---- what the keyspace calls; inline tests of ks->tracker in db.h go before them ---- */

/* The entry (or its expiry) is about to change, or has just been made. */
void tracker_touch(struct tracker *t, struct db *db, struct entry *e);
/* An effect on an existing entry was done: large values remember it. */
void tracker_note(struct tracker *t, struct entry *e, const struct effect *effect);
/* The entry is about to leave its database (delete, replace, rename's and move's source): a tombstone where it has a row. */
void tracker_drop(struct tracker *t, struct db *db, struct entry *e);
/* The value moves from one entry to another (RENAME, MOVE): its number on disk goes along. Both were dropped/touched. */
void tracker_moved(struct tracker *t, struct entry *from, struct entry *to);
/* The whole database is emptied: its entries are about to be freed. What is still SAVING is given first, by those who free it
 * (tracker_freeing); the database has a new number on disk. */
void tracker_flush(struct tracker *t, struct db *db);
void tracker_swap(struct tracker *t, struct db *a, struct db *b);
/* An entry of a flushed database is about to be freed (also later, in slices). */
void tracker_freeing(struct tracker *t, struct entry *e);

/* ---- what the engine calls ---- */

/* Elements waiting for the next cut (entries, tombstones). 0: a checkpoint would write nothing. */
size_t tracker_dirty_count(const struct tracker *t);
/* The cut: everything dirty is now saving; items are appended to out (borrowed until tracker_committed or _failed). */
void tracker_cut(struct tracker *t, struct buf *out);
/* Gives saving entries until `bytes` were appended to out or none is left; true: all are given. */
bool tracker_give(struct tracker *t, size_t bytes);
/* The checkpoint is on disk: a bounded part of HANDED becomes clean with each call; true: all are. */
bool tracker_committed(struct tracker *t, size_t limit);
/* The checkpoint failed: SAVING and HANDED are DIRTY again, large values are written anew. */
void tracker_failed(struct tracker *t);

/* ---- loading (before anything is changed), cold values ---- */

/* An entry as loaded: clean. `disk_id` 0: small. is_cold: its value stays on disk until somebody looks. */
void tracker_adopt(struct tracker *t, struct entry *e, uint64_t disk_id, bool is_cold);
/* The numbers that databases and large values had, and the next free one. */
void tracker_adopt_numbers(struct tracker *t, const uint32_t db_numbers[KEYSPACE_DBS_COUNT], uint64_t next_number);

/* Where cold values are read from. Errors end the process's service: what was clean must be readable. */
struct cold_store {
    /* Fills *v (type set) with the value of the row. */
    oxq_err (*load)(struct cold_store *store, uint32_t db_number, struct slice key, struct value *v,
                    struct oxq_error *err);
    /* A clean value could not be read back: log and leave. Does not return. */
    void (*lost)(struct cold_store *store, struct slice key, const struct oxq_error *err);
};
void tracker_set_cold_store(struct tracker *t, struct cold_store *store);
/* db_find's slow path: brings the value back. */
void tracker_warm(struct tracker *t, struct db *db, struct entry *e);
/* Looks at up to `limit` entries, clock-wise through all databases, and lets clean values go that nobody used since the last
 * time it came by. Only between checkpoints. Returns the bytes freed. */
size_t tracker_cool(struct tracker *t, size_t limit);
size_t tracker_cold_count(const struct tracker *t);

void tracker_check(struct tracker *t);

#endif
