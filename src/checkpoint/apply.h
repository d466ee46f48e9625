/* SPDX-License-Identifier: MIT */
/* Items of a cut become rows. */
#ifndef CHECKPOINT_APPLY_H
#define CHECKPOINT_APPLY_H

#include "checkpoint/large.h"
#include "keyspace/items.h"

/* A running transaction. */
struct apply {
    struct store_writer writer;
    struct store_meta meta;  /* as it will be */
    struct large_set *large; /* borrowed */
    bool is_first;           /* there is no checkpoint yet */
};

/* Begins: meta is read as it is. Errors are the writer's. */
void apply_begin(struct apply *a, const struct store *s, struct large_set *large, uint64_t seq);
/* Does all items in the bytes. */
void apply_items(struct apply *a, struct slice items);
/* Commits, or aborts after an error and forgets what is known of large values. Returns the first error, 0 if none. */
int apply_end(struct apply *a, int64_t now_ms);
void apply_abort(struct apply *a);

#endif
