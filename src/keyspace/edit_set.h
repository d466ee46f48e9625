/* SPDX-License-Identifier: MIT */
/*
 * Changes of sets in a database: done with set.h, then reported as one effect each. A key whose set is emptied is
 * deleted.
 */
#ifndef KEYSPACE_EDIT_SET_H
#define KEYSPACE_EDIT_SET_H

#include "keyspace/db.h"
#include "keyspace/set.h"

/* False: it was there. Reports: SET_ADD. */
bool edit_set_add(struct db *db, struct entry *e, struct slice member);
/* False: it was not there. The set may be left empty: db_delete_if_empty afterwards. Reports: SET_REMOVE. */
bool edit_set_remove(struct db *db, struct entry *e, struct slice member);
/*
 * Puts a set, taken from *set, under the key in place of what is there; an empty one deletes the key. Reports:
 * KEY_DELETE, SET_ADD for each.
 */
void edit_set_store(struct db *db, struct slice key, struct value *set);

/* Does a SET_* effect again; leaves the deletion of an emptied key to the KEY_DELETE that follows.
 * Errors: TYPE, NOT_FOUND, FORMAT; then nothing was changed. */
OXQ_MUST_USE oxq_err edit_set_apply(struct db *db, const struct effect *e);

#endif
