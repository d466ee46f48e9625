/* SPDX-License-Identifier: MIT */
/*
 * Doing a journal's effects again, many at a time.
 *
 * A batch takes the effects of records in, in steps that own their texts; then the keyspace does them in that order. Apart from
 * the order in which memory is asked for, the result is that of keyspace_apply for one effect after the other:
 *
 *  - the places of all keys in the map are fetched together, so that their waits overlap: with millions of keys each is a miss of
 *    every cache;
 *  - fields of one hash that follow each other are one step: a job's hash is built in one go.
 *
 * Taking in touches no keyspace.
 */
#ifndef KEYSPACE_REPLAY_H
#define KEYSPACE_REPLAY_H

#include "keyspace/db.h"
#include "keyspace/effect_codec.h"

/* Long enough to keep the memory busy, short enough for the first caches. */
#define REPLAY_STEPS_MAX 128
#define REPLAY_ITEMS_MAX 2048

struct replay_step {
    struct effect effect; /* HASH_SET: items has the fields and values */
    uint32_t hash;        /* the key's map_hash; 0 of kinds whose keys are few */
    uint64_t seq;         /* of the record */
};

/* All zero is an empty batch. */
struct replay_batch {
    struct arena texts; /* owned */
    size_t steps_count, items_count;
    uint64_t effects_count;
    struct replay_step steps[REPLAY_STEPS_MAX];
    struct slice items[REPLAY_ITEMS_MAX];
};

void replay_batch_deinit(struct replay_batch *b);
/*
 * Takes effects of the record that r was started with in, until it has no more or the batch is full (*out_is_full): then the batch
 * must be applied, and the rest taken in afterwards. Errors: FORMAT: from here on the record holds no effects.
 */
OXQ_MUST_USE oxq_err replay_take(struct replay_batch *b, struct effect_reader *r, uint64_t seq, bool *out_is_full);
/* Does the steps; the batch is empty then. Errors: those of keyspace_apply; the step that does not fit is *out_failed, valid until
 * the batch is used again. */
OXQ_MUST_USE oxq_err replay_apply(struct replay_batch *b, struct keyspace *ks, const struct replay_step **out_failed);

#endif
