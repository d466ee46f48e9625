/* SPDX-License-Identifier: MIT */
/* Large values as rows of `parts`: making them, changing them by effects, reading them back. large.c has the rows. */
#ifndef CHECKPOINT_LARGE_H
#define CHECKPOINT_LARGE_H

#include "base/map.h"
#include "checkpoint/large_list.h"
#include "checkpoint/store.h"
#include "keyspace/db.h"
#include "keyspace/effect_codec.h"

/* What the thread knows of a large value. */
struct large {
    struct map_node node; /* first */
    char name[ROW_ID_BYTES];
    uint64_t disk_id;
    enum value_type type;
    uint64_t count;         /* elements */
    bool is_changed;        /* the head row is to be written */
    bool has_head;          /* stream: `head` is made */
    struct value head;      /* owned; stream: all but its entries */
    struct large_list list; /* owned; list: which chunks there are */
};

/* All that is known. Lists' chunks stay known from one transaction to the next. */
struct large_set {
    struct map all; /* of struct large, by name */
    struct effect_reader reader;
    struct keyspace scratch; /* where effects on a stream's groups are done */
    struct rng rng;
};
void large_set_init(struct large_set *set);
void large_set_deinit(struct large_set *set);
/* Forgets what is known: after a transaction that failed. */
void large_set_forget(struct large_set *set);

/* ---- writing; errors are the writer's ---- */

/* Drops the rows under disk_id and makes them from encoded bytes. */
void large_base(struct large_set *set, struct store_writer *w, uint64_t disk_id, enum value_type type,
                struct slice bytes);
/* Does effects again. */
void large_delta(struct large_set *set, struct store_writer *w, uint64_t disk_id, enum value_type type,
                 struct slice effects);
void large_delete(struct large_set *set, struct store_writer *w, uint64_t disk_id);
/* Writes what is still kept in memory: before the commit. */
void large_flush(struct large_set *set, struct store_writer *w);

/* ---- reading ---- */

/* What a head row tells: the count, and a stream without its entries (made in *out_head). False: it is no such row. */
bool large_read_head(const struct row *row, enum value_type type, uint64_t *out_count, struct value *out_head);
/* Makes *out from its rows. Errors: FORMAT (which row, what), IO. */
OXQ_MUST_USE oxq_err large_load(const struct store *s, MDB_txn *txn, uint64_t disk_id, enum value_type type,
                                struct value *out, struct oxq_error *err);

#endif
