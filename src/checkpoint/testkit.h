/* SPDX-License-Identifier: MIT */
/*
 * For tests: a checkpoint in a temporary folder, and a model of what it must hold: keys in memory that random effects change.
 * What changes is given as a tracker would: small values whole, large ones by their effects.
 */
#ifndef CHECKPOINT_TESTKIT_H
#define CHECKPOINT_TESTKIT_H

#include "checkpoint/checkpoint.h"
#include "keyspace/db.h"
#include "keyspace/digest.h"
#include "keyspace/effect_codec.h"
#include "keyspace/value_codec.h"
#include "os/testfolder.h"
#include "os/thread.h"

#define MODEL_KEYS 24

struct model_key {
    struct slice name;
    bool is_dirty, has_row, is_new_base;
    uint64_t disk_id; /* 0: small */
    struct buf delta;
};

struct model {
    struct keyspace live;
    struct rng rng;
    struct model_key keys[MODEL_KEYS];
    char names[MODEL_KEYS][700];
    struct effect_writer writer;
    struct buf dropped; /* items of what was deleted */
    uint64_t next_number;
};

void model_init(struct model *m, uint64_t seed);
void model_deinit(struct model *m);
/* `count` random changes. */
void model_change(struct model *m, size_t count);
/* Appends the items of all that changed since the last time. */
void model_cut(struct model *m, struct buf *out);
/* After a checkpoint that failed: everything is to be given again. */
void model_failed(struct model *m);
/* Loads the whole checkpoint; *out_is_same: it holds just what is in memory. Errors: the checkpoint's. */
oxq_err model_load(struct model *m, struct checkpoint *c, bool *out_is_same);
/* It must. */
void model_compare(struct model *m, struct checkpoint *c);

/* A checkpoint, and waiting for its thread. */
struct kit {
    char folder[TESTFOLDER_PATH_MAX];
    struct checkpoint *checkpoint;
    struct lock lock;
    int wakes;
    struct oxq_error error;
};
void kit_init(struct kit *k);
void kit_deinit(struct kit *k);
void kit_open(struct kit *k);
/* What checkpoint_opts.wake is; ctx: the kit. */
void kit_wake(void *ctx);
void kit_close(struct kit *k);
/* Gives the items (emptied) and waits for the end. */
struct checkpoint_progress kit_save(struct kit *k, uint64_t seq, struct buf *items);

#endif
