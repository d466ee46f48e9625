/* SPDX-License-Identifier: MIT */
/*
 * Changes of lists in a database: done with list.h, then reported as one effect each. A key whose list is emptied is
 * deleted.
 */
#ifndef KEYSPACE_EDIT_LIST_H
#define KEYSPACE_EDIT_LIST_H

#include "keyspace/db.h"
#include "keyspace/list.h"

/* The element must not lie inside this list. Reports: LIST_PUSH_HEAD or LIST_PUSH_TAIL. */
void edit_list_push(struct db *db, struct entry *e, enum list_end end, struct slice element);
/*
 * Drops `count` elements (0 < count <= list_count). True: the key is gone with the last one. Reports: LIST_POP_HEAD or
 * LIST_POP_TAIL, KEY_DELETE.
 */
bool edit_list_pop(struct db *db, struct entry *e, enum list_end end, size_t count);
/* Replaces the element under the cursor, which is the index-th. Reports: LIST_SET. */
void edit_list_set(struct db *db, struct entry *e, struct list_cursor *c, size_t index, struct slice element);
/* Inserts before the cursor, which is at the index-th element or after the last. Reports: LIST_INSERT. */
void edit_list_insert(struct db *db, struct entry *e, struct list_cursor *c, size_t index, struct slice element);
/*
 * Removes the first `limit` elements (0: all) that are equal to `element`, seen from an end; returns how many there
 * were. The entry may be gone afterwards. The element must not lie inside this list. Reports: LIST_REMOVE for each run
 * of neighbours, KEY_DELETE.
 */
size_t edit_list_remove(struct db *db, struct entry *e, enum list_end from, struct slice element, size_t limit);

/* Does a LIST_* effect again; leaves the deletion of an emptied key to the KEY_DELETE that follows.
 * Errors: TYPE, NOT_FOUND, FORMAT; then nothing was changed. */
OXQ_MUST_USE oxq_err edit_list_apply(struct db *db, const struct effect *e);

#endif
