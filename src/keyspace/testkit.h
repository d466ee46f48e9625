/* SPDX-License-Identifier: MIT */
/* For tests of the tracker: a store that does the items of checkpoints in memory. */
#ifndef KEYSPACE_TESTKIT_H
#define KEYSPACE_TESTKIT_H

#include "keyspace/items.h"
#include "keyspace/tracker.h"

struct testkit_store {
    struct cold_store cold;
    struct map rows;
    struct keyspace larges; /* values by number on disk, as text, in database 0 */
    uint32_t db_numbers[KEYSPACE_DBS_COUNT];
    uint64_t next_number;
    struct rng rng;
    size_t loads_count, deltas_count;
    size_t items_counts[ITEM_KINDS_COUNT], items_bytes; /* of the last checkpoint */
};

void testkit_store_init(struct testkit_store *s);
void testkit_store_deinit(struct testkit_store *s);
/* Does the items of a committed checkpoint. */
void testkit_store_do(struct testkit_store *s, struct slice items);
/* Makes a keyspace of what is stored; adopts the entries when it has a tracker. Every large value belongs to one key. cold: draws which
 * values stay here; NULL: none do. */
void testkit_store_load(struct testkit_store *s, struct keyspace *ks, struct rng *cold);

#endif
