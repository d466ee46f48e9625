/* SPDX-License-Identifier: MIT */
/*
 * The keyspace: 16 databases of keys to values, with expiry.
 *
 *   keyspace --> db[16] --> keys: map of struct entry (key and value header in one allocation)
 *                       \-> dormant: names of keys whose values are cold, and which have no entry
 *                       \-> expiries: heap of (at_ms, entry), the entry knows its index
 *
 * One thread owns it; no locks. Time is a field that the engine sets before each command, so that a whole command or
 * script sees one instant. Changes go through edit_*.h and the db_* functions that say "Reports:".
 */
#ifndef KEYSPACE_DB_H
#define KEYSPACE_DB_H

#include "base/err.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/rng.h"
#include "keyspace/dormant.h"
#include "keyspace/effect.h"
#include "keyspace/graveyard.h"
#include "keyspace/value.h"

#define KEYSPACE_DBS_COUNT 16
#define ENTRY_NO_EXPIRY UINT32_MAX

struct keyspace;
struct tracker;

/* What the tracker (keyspace/tracker.h) knows of an entry; all zero where there is none. */
struct entry_mark {
    uint32_t list : 2; /* which of its lists has the entry, or ENTRY_CLEAN */
    uint32_t has_row : 1;
    uint32_t is_large : 1;
    uint32_t is_recent : 1; /* of a clean entry: somebody looked since the clock hand came by */
    uint32_t is_cold : 1;   /* of a clean entry: the value is on disk only; value is an empty one */
    uint32_t index : 26;    /* in the list; in none: 0 */
};
/* 0 and 1: the lists of changed entries, which take turns. From ENTRY_WARM on it is clean. */
#define ENTRY_WARM 2  /* in the list of values that may leave memory */
#define ENTRY_CLEAN 3 /* in no list */
#define ENTRY_INDEX_MAX (((uint32_t)1 << 26) - 1)

/* A key and its value. 36 bytes and the key. */
struct entry {
    struct map_node node; /* node.aux: index in db->expiries, or ENTRY_NO_EXPIRY */
    struct value value;   /* value.aux: length of the key */
    struct entry_mark mark;
    char key[];
};

/* A key that was asked for not long ago; db.c says what for. */
#define DB_HOT_BITS 6
#define DB_HOT_KEY_MIN 8
#define DB_HOT_KEY_MAX 46
struct db_hot {
    struct entry *entry; /* link: the key's, NULL when that is not known */
    uint32_t hash;       /* the key's map_hash */
    uint16_t len;        /* 0: none */
    char key[DB_HOT_KEY_MAX];
};

struct db {
    struct keyspace *keyspace;
    uint32_t index;
    struct map keys;
    struct dormant dormant; /* whoever finds one of them makes it an entry of keys, which is cold */
    struct heap expiries;
    struct db_hot hot[1 << DB_HOT_BITS];
};

struct keyspace {
    struct db dbs[KEYSPACE_DBS_COUNT];
    struct graveyard graveyard;        /* what was big and is deleted; for the owner to free some of it now and then */
    struct tracker *tracker;           /* borrowed; NULL: nobody makes checkpoints */
    uint32_t dirty_list;               /* the tracker's list of changed entries: mark.list of those */
    struct effect_sink *sink;          /* borrowed; NULL reports to nobody */
    struct rng *rng;                   /* borrowed */
    int64_t now_ms;                    /* the current command's instant, wall clock */
    uint64_t changes_count;            /* effects ever reported: a command that left it alone changed nothing */
    uint64_t hits_count;               /* reads that found their key, ... */
    uint64_t misses_count;             /* ... and those that did not: cmd_find counts them */
    uint64_t expired_count;            /* keys removed because their time came */
    uint32_t stream_block_max_entries; /* stream-node-max-entries and ... */
    uint32_t stream_block_max_bytes;   /* ... -bytes, 0 = no limit: what MAXLEN ~ drops as one */
    bool is_expiry_paused;             /* expired keys stay visible and are not removed (tests of replay) */
};

void keyspace_init(struct keyspace *ks, struct rng *rng);
void keyspace_deinit(struct keyspace *ks);
/* Hands one effect to the tracker and the sink, with db filled in; counts it. e is the entry that was changed, NULL when it is gone
 * or no single one. For edit_*.c, which call db_touch (keyspace/tracker.h) before they change something. */
void db_report(struct db *db, struct entry *e, struct effect effect);
/* Removes up to `limit` keys whose time has come, over all databases; returns how many. Reports: KEY_DELETE. */
size_t keyspace_expire(struct keyspace *ks, size_t limit);
/* The earliest expiry of all, or INT64_MAX. */
int64_t keyspace_next_expiry_ms(const struct keyspace *ks);

static inline struct slice entry_key(const struct entry *e)
{
    return slice_of(e->key, e->value.aux);
}

static inline bool entry_is_cold(const struct entry *e)
{
    return e->mark.is_cold;
}

/* NULL when absent. An expired key is removed and counts as absent. Reports: KEY_DELETE then. Borrowed until the db changes. */
struct entry *db_find(struct db *db, struct slice key);
/* The same for those who do not look at the value, which may be cold: key, type, expiry, changing that, deletion. */
struct entry *db_peek(struct db *db, struct slice key);
/* A new key with an empty value of the type; the key must be absent. Reports nothing: the first edit implies the key. */
struct entry *db_create(struct db *db, struct slice key, enum value_type type);
/* db_find and db_create with the key's map_hash, of keys that are asked for once: they take no hot place. */
struct entry *db_find_hashed(struct db *db, struct slice key, uint32_t hash);
struct entry *db_create_hashed(struct db *db, struct slice key, uint32_t hash, enum value_type type);
/* For who will soon look for several keys: of all the first, then of all the second (map_prefetch). Neither changes anything. */
static inline void db_prefetch(const struct db *db, struct slice key, uint32_t hash)
{
    map_prefetch(&db->keys, hash);
    dormant_prefetch(&db->dormant, key, hash);
}
static inline void db_prefetch_entry(const struct db *db, uint32_t hash)
{
    map_prefetch_nodes(&db->keys, hash);
}
/* db_find, or db_create when absent, by one look-up; the entry may be of another type when it is not new. */
struct entry *db_find_or_create(struct db *db, struct slice key, enum value_type type, bool *out_is_new);
/* The same with the key's map_hash. */
struct entry *db_find_or_create_hashed(struct db *db, struct slice key, uint32_t hash, enum value_type type,
                                       bool *out_is_new);
/* Reports: KEY_DELETE. */
void db_delete(struct db *db, struct entry *e);
/* Deletes the entry if its (container) value became empty, as Redis does; streams stay. Reports: KEY_DELETE then. True if deleted. */
bool db_delete_if_empty(struct db *db, struct entry *e);
static inline size_t db_count(const struct db *db)
{
    return map_count(&db->keys) + db->dormant.count;
}
/* -1: no expiry. */
int64_t db_expiry_ms(const struct db *db, const struct entry *e);
/* True when its time has come and nobody has met it since: for walks, which may not remove; db_find removes. */
bool db_is_expired(const struct db *db, const struct entry *e);
/* at_ms > 0 sets, 0 removes. Past times are accepted (the caller deletes instead where Redis does). Reports: KEY_EXPIRE. */
void db_set_expiry(struct db *db, struct entry *e, int64_t at_ms);
/* The same without a report, where the change is part of another effect (STRING_SET). */
void db_place_expiry(struct db *db, struct entry *e, int64_t at_ms);
/* Empties the database. Reports: DB_FLUSH. */
void db_flush(struct db *db);
/* Reports: DB_SWAP. Blocked clients and watchers are the sink's business. */
void db_swap(struct db *a, struct db *b);
/* Moves value and expiry to a new key in the same database, replacing what is there. Invalidates both entries. Reports: KEY_RENAME. */
void db_rename(struct db *db, struct entry *e, struct slice new_key);
/* To another database where the key is absent. Reports: KEY_MOVE (on the source database). */
void db_move(struct db *from, struct entry *e, struct db *to);
/* Deep copy with expiry, replacing what is there. Reports: KEY_COPY (on the source database). */
void db_copy(struct db *from, struct entry *e, struct db *to, struct slice new_key);

/* The invariants, over all keys: for tests. */
void db_check(struct db *db);

/* ---- loading ---- */

/* As db_create, of a key that the checkpoint has: the tracker has not heard of it, and tracker_adopt is next. hash: its map_hash. */
struct entry *db_adopt(struct db *db, struct slice key, uint32_t hash, enum value_type type);

/* As db_adopt and tracker_adopt of a cold one, but without an entry; false: that key needs one. */
bool db_adopt_dormant(struct db *db, struct slice key, uint32_t hash, enum value_type type);

/* ---- for the tracker ---- */

/* A cold entry, in none of the tracker's lists, goes, and its key is dormant from now on; false: it stays, since its key is long or it expires. */
bool db_sleep(struct db *db, struct entry *e);

/* The value's encoding or address may change in edits, the entry's address does not, until the key is deleted. */

/* Does an effect. Errors: TYPE, NOT_FOUND, FORMAT when it does not fit the keyspace (then nothing is changed). */
OXQ_MUST_USE oxq_err keyspace_apply(struct keyspace *ks, const struct effect *e);

#endif
