/* SPDX-License-Identifier: MIT */
/*
 * Changes of strings in a database, each reported as one effect.
 *
 * `e` is the key's entry as db_find gave it, NULL when the key is absent (it is created then). Each returns the entry.
 */
#ifndef KEYSPACE_EDIT_STRING_H
#define KEYSPACE_EDIT_STRING_H

#include "keyspace/db.h"
#include "keyspace/string.h"

/* The key holds the text from now on, whatever its type was; at_ms > 0 is its expiry, 0: none. Reports: STRING_SET. */
struct entry *edit_string_set(struct db *db, struct slice key, struct entry *e, struct slice text, int64_t at_ms);
/* The string becomes an integer; the expiry stays. e is a string or NULL. Reports: STRING_SET. */
struct entry *edit_string_set_integer(struct db *db, struct slice key, struct entry *e, int64_t n);
/* The string becomes a text that is not turned into an integer; the expiry stays. e is a string or NULL. Reports: STRING_SET. */
struct entry *edit_string_set_text(struct db *db, struct slice key, struct entry *e, struct slice text);
/* string_write on the key's string (e is a string or NULL); the expiry stays. Reports: STRING_RANGE. Errors: as string_write. */
OXQ_MUST_USE oxq_err edit_string_write(struct db *db, struct slice key, struct entry *e, size_t offset,
                                       struct slice bytes);

/* Does a STRING_* effect again. Errors: TYPE, FORMAT, LIMIT, MEMORY; nothing is changed then. */
OXQ_MUST_USE oxq_err edit_string_apply(struct db *db, const struct effect *effect);

#endif
