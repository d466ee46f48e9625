/* SPDX-License-Identifier: MIT */
/*
 * The LMDB file of a checkpoint: opening it, reading and writing rows. Everything else in this folder goes through here.
 *
 *   keys    db_number + key -> struct row: a small value, or the number on disk of a large one
 *   parts   disk_id + part + name -> struct row: what large values consist of
 *   meta    "state" -> struct store_meta
 */
#ifndef CHECKPOINT_STORE_H
#define CHECKPOINT_STORE_H

#include "checkpoint/row.h"

#include <lmdb.h>

#define STORE_VERSION 1u
#define STORE_DBS_COUNT 16u

struct store {
    char *folder; /* owned */
    MDB_env *env; /* owned; NULL: it could not be opened anew */
    int open_rc;  /* why not */
    MDB_dbi tables[3];
    char *map; /* borrowed from env: where the file is mapped */
    size_t map_bytes;
    bool is_read_only;
};

enum store_table { STORE_META, STORE_KEYS, STORE_PARTS };

/* In the file. */
struct slice store_table_name(enum store_table table);

struct store_opts {
    const char *folder;
    size_t map_bytes; /* 0: the default */
    bool is_read_only;
    bool are_pages_left; /* those of keys and parts, and the free ones: a store_pages_walk checks them */
};

/* Errors: as checkpoint_open. */
OXQ_MUST_USE oxq_err store_open(struct store *s, const struct store_opts *opts, struct oxq_error *err);
void store_close(struct store *s);
struct pages_walk;
/* A walk over all pages of the state that txn sees, which stays open; it gives the rows of keys. Errors: as pages_walk_open. */
OXQ_MUST_USE oxq_err store_pages_walk(const struct store *s, MDB_txn *txn, struct pages_walk **out,
                                      struct oxq_error *err);
/*
 * Closes the environment and opens it again, which gives back the memory that LMDB keeps of a large transaction (it frees
 * no page before) and clears its state of panic. No transaction may be open. Where it fails every other call gives LMDB's error, until
 * another try succeeds.
 */
void store_reopen(struct store *s);
/* The number of the newest state in the file; 0: it cannot be read. */
uint64_t store_newest_txn(const struct store *s);
/* Gives pages of the file back that the process has mapped, which count as resident: they stay in the page cache. Threads: any,
 * also beside a transaction. */
void store_forget_pages(const struct store *s);
/* Tells what LMDB's code means and where. Returns IO, FORMAT, PERMISSION or MEMORY. */
oxq_err store_error(const struct store *s, int rc, const char *what, struct oxq_error *err);

struct store_meta {
    uint64_t seq;
    int64_t saved_at_ms;
    uint64_t next_number;
    uint64_t txn_id; /* LMDB's number of the transaction that wrote this */
    uint32_t db_numbers[STORE_DBS_COUNT];
};
/* Errors: FORMAT; NEWER: of a later version. */
OXQ_MUST_USE oxq_err store_read_meta(const struct store *s, MDB_txn *txn, struct store_meta *out,
                                     struct oxq_error *err);

/* That of a checkpoint that is not there yet. */
struct store_meta store_meta_empty(void);
/* False: the bytes are damaged, or of another version. */
bool store_parse_meta(struct slice bytes, struct store_meta *out);
/* The state's bytes, in the file's map. False: there is none. */
bool store_get_meta(const struct store *s, MDB_txn *txn, struct slice *out);

/* ---- reading; in any transaction ---- */

/* True: *out is the row's bytes, borrowed until the transaction ends or changes something. *rc: 0, or LMDB's error. */
bool store_get(const struct store *s, MDB_txn *txn, enum store_table table, struct slice key, struct slice *out,
               int *rc);

/* Rows whose keys start with a prefix, in order. */
struct store_walk {
    MDB_cursor *cursor;  /* owned */
    struct slice prefix; /* borrowed */
    bool is_started;
    int rc; /* 0, or LMDB's error: then it has ended */
};
void store_walk_begin(struct store_walk *w, const struct store *s, MDB_txn *txn, enum store_table table,
                      struct slice prefix);
bool store_walk_next(struct store_walk *w, struct slice *out_key, struct slice *out_bytes);
/* Deletes the row that was given last; the walk goes on behind it. */
void store_walk_delete(struct store_walk *w);
void store_walk_end(struct store_walk *w);

/* ---- writing: the first error stays in rc, and nothing more is done ---- */

struct store_writer {
    const struct store *store;
    MDB_txn *txn; /* owned */
    uint64_t seq; /* rows are written with it */
    int rc;       /* 0, or the first error of LMDB (MDB_CORRUPTED: a row was not what it had to be) */
    uint64_t rows_count;
    uint64_t bytes_count;   /* written */
    struct row_key last[3]; /* of each table: no key is above it */
    struct buf scratch;     /* owned */
};
/* Begins the transaction; w->rc. */
void store_writer_begin(struct store_writer *w, const struct store *s, uint64_t seq);
/* Writes meta (its txn_id is filled in) and commits, or aborts when there was an error. Returns rc. */
int store_writer_end(struct store_writer *w, struct store_meta *meta);
void store_writer_abort(struct store_writer *w);
/* The row's seq is filled in. */
void store_put(struct store_writer *w, enum store_table table, struct slice key, struct row *row);
/* The same where nothing is there; false: something was, and was left alone. */
bool store_put_new(struct store_writer *w, enum store_table table, struct slice key, struct row *row);
/* False when it was not there. */
bool store_delete(struct store_writer *w, enum store_table table, struct slice key);
bool store_writer_get(struct store_writer *w, enum store_table table, struct slice key, struct row *out);
void store_delete_prefix(struct store_writer *w, enum store_table table, struct slice prefix);
/* All rows of all tables. */
void store_delete_all(struct store_writer *w);
/* Rows of a table. */
uint64_t store_count(const struct store *s, MDB_txn *txn, enum store_table table);

#endif
