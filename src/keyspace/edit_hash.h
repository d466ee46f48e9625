/* SPDX-License-Identifier: MIT */
/* Changes of hashes in a database, each field's change reported as one effect. `e` is an entry of type VALUE_HASH. */
#ifndef KEYSPACE_EDIT_HASH_H
#define KEYSPACE_EDIT_HASH_H

#include "keyspace/db.h"
#include "keyspace/hash.h"

/* Sets items_count / 2 fields from field, value, ...; returns how many are new. Reports: HASH_SET for each. */
size_t edit_hash_set_many(struct db *db, struct entry *e, const struct slice *items, size_t items_count);
/* Sets the field that hash_find has just looked for in e. Reports: HASH_SET. */
void edit_hash_put(struct db *db, struct entry *e, const struct hash_place *place, struct slice field,
                   struct slice value);
/* False when the field is absent. The hash may be left empty: db_delete_if_empty afterwards. Reports: HASH_DELETE. */
bool edit_hash_delete(struct db *db, struct entry *e, struct slice field);

/* Does HASH_SETs of one key again: field, value, ... hash: the key's map_hash. Errors: TYPE; nothing is changed then. */
OXQ_MUST_USE oxq_err edit_hash_apply_sets(struct db *db, struct slice key, uint32_t hash, const struct slice *items,
                                          size_t items_count);
/* Does a HASH_* effect again. Errors: TYPE, NOT_FOUND, FORMAT; nothing is changed then. */
OXQ_MUST_USE oxq_err edit_hash_apply(struct db *db, const struct effect *effect);

#endif
