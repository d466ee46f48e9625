/* SPDX-License-Identifier: MIT */
/* Changes of sorted sets in a database, each reported. `e` is an entry of type VALUE_ZSET. */
#ifndef KEYSPACE_EDIT_ZSET_H
#define KEYSPACE_EDIT_ZSET_H

#include "keyspace/db.h"
#include "keyspace/zset.h"

/* See zset_add. Reports: ZSET_SET for NEW and MOVED. */
enum zset_added edit_zset_add(struct db *db, struct entry *e, struct slice member, double score, unsigned flags,
                              double *out_score);
/* False when absent. The set may be left empty: db_delete_if_empty afterwards. Reports: ZSET_REMOVE. */
bool edit_zset_remove(struct db *db, struct entry *e, struct slice member);
/* See zset_remove_ranks. The set may be left empty: db_delete_if_empty afterwards. Reports: ZSET_REMOVE for each. */
void edit_zset_remove_ranks(struct db *db, struct entry *e, size_t first, size_t count);
/* Replaces whatever the key holds by a sorted set, which moves out of *v (left empty); an empty one just deletes the key.
 * Reports: KEY_DELETE, ZSET_SET for each element. */
void edit_zset_replace(struct db *db, struct slice key, struct value *v);

/* Does a ZSET_* effect again. Errors: TYPE, NOT_FOUND, FORMAT; nothing is changed then. */
OXQ_MUST_USE oxq_err edit_zset_apply(struct db *db, const struct effect *effect);

#endif
