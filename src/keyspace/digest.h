/* SPDX-License-Identifier: MIT */
/*
 * A digest of content: equal keyspaces have equal digests, whatever their encodings and the order of their hash tables.
 * Tests compare keyspaces with it. Not a cryptographic hash.
 *
 * Each type gives X_digest(value): hashes, sets sum over elements (no order), lists, sorted sets and streams chain.
 */
#ifndef KEYSPACE_DIGEST_H
#define KEYSPACE_DIGEST_H

#include "keyspace/db.h"

/* One step of a chain: order matters. */
uint64_t digest_chain(uint64_t digest, struct slice bytes);
uint64_t digest_chain_int(uint64_t digest, int64_t n);
/* Keys, values, expiries. */
uint64_t digest_db(struct db *db);

#endif
