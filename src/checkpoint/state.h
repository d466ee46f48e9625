/* SPDX-License-Identifier: MIT */
/* What the files of this folder share of a checkpoint. */
#ifndef CHECKPOINT_STATE_H
#define CHECKPOINT_STATE_H

#include "checkpoint/apply.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/lookup.h"
#include "os/thread.h"

#include <stdatomic.h>

/* Items on their way to the thread. */
struct given {
    struct given *next;
    struct buf items;
};

struct checkpoint {
    struct store store;
    struct store_meta meta; /* of the last commit */
    uint64_t txn_id; /* LMDB's number of the state that the engine has been told of: where single rows are looked up */
    struct lookup lookup;   /* in it, or in one before: lookup_txn_id */
    uint64_t lookup_txn_id; /* 0: none yet */
    struct lock env_lock;   /* held while the environment is read, or opened anew */
    MDB_txn *reader;        /* owned; reset but between checkpoint_read_begin and _end */
    struct large_set large; /* the thread's */
    uint32_t cursors_count; /* open ones, under env_lock */
    void (*wake)(void *ctx);
    void *ctx;
    struct thread thread;
    atomic_size_t backlog_bytes;

    struct lock lock; /* what follows is under it */
    struct given *first, *last;
    struct given *used; /* written: for the engine to fill again, or to free */
    uint64_t begun_seq;
    bool has_begun, is_ended, is_closing, is_given_up;
    struct checkpoint_progress progress;
    uint64_t newest_txn_id;        /* of the file, when the last checkpoint was over */
    struct store_meta newest_meta; /* of the last one that was committed since the start */
};

/* A look at the committed state, which other functions of this folder may share: end it soon. */
OXQ_MUST_USE oxq_err checkpoint_read_begin(struct checkpoint *c, MDB_txn **out, struct oxq_error *err);
void checkpoint_read_end(struct checkpoint *c);
/* A row of `keys`. False: it is damaged. */
bool checkpoint_read_row(const struct store_meta *meta, struct slice key, struct slice bytes,
                         struct checkpoint_row *out);

#endif
