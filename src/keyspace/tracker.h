/* SPDX-License-Identifier: MIT */
/*
 * The tracker: which entries changed since the last checkpoint, and their hand-over. docs/decisions/0006 tells the idea.
 *
 *            db_touch                          tracker_cut           tracker_give
 *   CLEAN ------------------------> DIRTY ------------------> SAVING ---------------> HANDED
 *     ^                               ^                         | db_touch: given first,  | db_touch
 *     |                               '-------------------------'      then DIRTY         '---> DIRTY
 *     '-- tracker_committed -------------------------------------------------------------- HANDED
 *                                                  tracker_failed: SAVING, HANDED ---------> DIRTY
 *
 * An engine turns: tracker_cut; tracker_give in slices until it says that all is given; then, when the checkpoint is on disk or
 * has failed, tracker_committed or tracker_failed in slices until they say that they are through.
 *
 * What is given is a sequence of items (keyspace/items.h) appended to the buffer that tracker_cut was given. Deletions and large
 * values are given as chains: they stay the tracker's, and may be read until tracker_committed or tracker_failed.
 * Threads: the keyspace's.
 */
#ifndef KEYSPACE_TRACKER_H
#define KEYSPACE_TRACKER_H

#include "base/buf.h"
#include "keyspace/db.h"

/* A value with more elements is large: its elements have rows of their own. With half as many it is small again. */
#define TRACKER_LARGE_COUNT 1024
/* One whose row would be longer than this is given as a large one, however few its elements: no string is so long, and LMDB's rows end at 4 GB. */
#define TRACKER_ROW_MAX_BYTES ((size_t)1 << 30)

struct tracker;

/* Tracks ks from now on (ks->tracker). What is in it is dirty. */
struct tracker *tracker_new(struct keyspace *ks);
/* The keyspace may only be deinited afterwards. NULL is fine. */
void tracker_free(struct tracker *t);

/* ---- what the keyspace calls: db.c, edit_*.c, graveyard.c ---- */

/* The entry, or its expiry, is about to change; or it has just been made. db_touch asks first whether there is something to do. */
void tracker_touch(struct tracker *t, struct db *db, struct entry *e);
static inline void db_touch(struct db *db, struct entry *e)
{
    if (e->mark.list != db->keyspace->dirty_list) tracker_touch(db->keyspace->tracker, db, e);
}

/* An effect on an entry was done: large values remember it, and one that has become large is large from now on. It may get its body,
 * borrowed until the next call. */
void tracker_note(struct tracker *t, struct entry *e, struct effect *effect);
/* The entry, which is in a list, is large from now on: its value as it is will be written whole. */
void tracker_enlarge(struct tracker *t, struct entry *e);
/* `more` elements are about to come in one step: a value that they make large is large before they are there, and its elements are
 * told one by one. After db_touch. */
void tracker_expect(struct tracker *t, struct entry *e);
static inline void db_expect(struct db *db, struct entry *e, size_t more)
{
    if (more > TRACKER_LARGE_COUNT && db->keyspace->tracker) tracker_expect(db->keyspace->tracker, e);
}
/* The entry is about to leave its database (delete, replace, source of RENAME and MOVE): a tombstone where it has a row. It may
 * be read until it is freed. */
void tracker_drop(struct tracker *t, struct db *db, struct entry *e);
/* The value of a dropped entry is under a new one, `to`: its number on disk goes along. */
void tracker_moved(struct tracker *t, struct entry *from, struct entry *to);
/* The database is about to be emptied: it gets a new number on disk. While a checkpoint is being given its expiries move to the
 * tracker, since what is still SAVING is given until it is freed. */
void tracker_flush(struct tracker *t, struct db *db);
/* An entry is about to be freed, dropped or of a flushed database (also later, in slices); its value is still whole. */
void tracker_freeing(struct tracker *t, struct entry *e);
/* Two databases exchange their content, and so their numbers on disk. */
void tracker_swap(struct tracker *t, const struct db *a, const struct db *b);

/* ---- what the engine calls ---- */

/* What waits for the next cut (entries, deletions). 0: a checkpoint would write nothing. */
size_t tracker_dirty_count(const struct tracker *t);
/* The cut: everything dirty is now saving; items are appended to out (borrowed until all is given or tracker_failed). Not while a
 * checkpoint is under way. */
void tracker_cut(struct tracker *t, struct buf *out);
/* Gives what is saving until about `bytes` were appended to out, or encoded elsewhere for it; a large value mostly counts as much as a small
 * one. True: all is given. */
bool tracker_give(struct tracker *t, size_t bytes);
/* The checkpoint is on disk: up to `limit` of what was handed become clean with each call; true: all are. */
bool tracker_committed(struct tracker *t, size_t limit);
/* The checkpoint failed, also before all was given: up to `limit` of SAVING and HANDED are dirty again with each call; true: all
 * are. What was given of large values goes back to them; deletions are kept. */
bool tracker_failed(struct tracker *t, size_t limit);

/* ---- loading (before anything is changed), cold values ---- */

/* An entry as loaded (by db_adopt, a large one by db_create), its value and expiry in place: clean. `disk_id` 0: small. is_cold (only small ones): its value stays on disk
 * until somebody looks; the entry has the empty value that db_create made. */
void tracker_adopt(struct tracker *t, struct entry *e, uint64_t disk_id, bool is_cold);
/* The numbers that databases had, and the next free one of databases and large values. */
void tracker_adopt_numbers(struct tracker *t, const uint32_t db_numbers[KEYSPACE_DBS_COUNT], uint64_t next_number);

/* Where cold values are read from. Errors end the process's service: what was clean must be readable. */
struct cold_store {
    /* Fills *v (uninitialised) with the value of the row. */
    oxq_err (*load)(struct cold_store *store, uint32_t db_number, struct slice key, enum value_type type,
                    struct value *v, struct oxq_error *err);
    /* A clean value could not be read back: log and leave. Does not return. */
    void (*lost)(struct cold_store *store, struct slice key, const struct oxq_error *err);
};
/* Borrowed. */
void tracker_set_cold_store(struct tracker *t, struct cold_store *store);
/* A key that was dormant has an entry again, clean: it is cold, and the clock hand will come by. */
void tracker_woken(struct tracker *t, struct db *db, struct entry *e);
/* The value of a dormant key into *v (uninitialised but for its aux), for who looks at all of them. */
void tracker_read_dormant(struct tracker *t, const struct db *db, struct slice key, enum value_type type,
                          struct value *v);
/* Somebody looks at a clean entry: it is recently used, and a cold value comes back. */
void tracker_use(struct tracker *t, const struct db *db, struct entry *e);
/* Looks at up to about `limit` warm values and lets those go that nobody used since it came by the last time, with their entries
 * where the keys can be dormant. Returns the bytes freed. *out_is_round: it has been at all of them; what is used until it comes
 * again should stay, so give it time. The first call begins to keep a list of them (12 bytes each). */
size_t tracker_cool(struct tracker *t, size_t limit, bool *out_is_round);
/* Keys whose values are on disk only, dormant ones among them. */
size_t tracker_cold_count(const struct tracker *t);

void tracker_check(struct tracker *t);

#endif
