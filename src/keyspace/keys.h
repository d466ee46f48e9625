/* SPDX-License-Identifier: MIT */
/* All keys of a database: those that have entries and those that are dormant. Expired ones that nobody has removed yet are among them. */
#ifndef KEYSPACE_KEYS_H
#define KEYSPACE_KEYS_H

#include "keyspace/db.h"

struct keys_key {
    struct slice name;
    enum value_type type;
    const struct entry *entry; /* borrowed; NULL: dormant, so it does not expire */
};

/* The key is borrowed until fn returns. fn changes nothing in the database, nor does it find keys there. */
typedef void keys_visit_fn(void *ctx, const struct keys_key *key);

void keys_visit(struct db *db, keys_visit_fn *fn, void *ctx);
/*
 * One step of a scan, see map_scan: starts and ends with cursor 0; every key that is there from start to end is given at least
 * once, also if it falls asleep or wakes meanwhile.
 */
uint64_t keys_scan(struct db *db, uint64_t cursor, keys_visit_fn *fn, void *ctx);
/* A random key, near uniform; false when there is none. The name may lie in `room`, else it is borrowed until the db changes. */
bool keys_random(struct db *db, struct rng *rng, char room[DORMANT_KEY_MAX], struct keys_key *out);

#endif
