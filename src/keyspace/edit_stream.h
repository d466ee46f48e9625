/* SPDX-License-Identifier: MIT */
/* Changes of streams in a database, each reported as one effect. `e` is an entry of type VALUE_STREAM. */
#ifndef KEYSPACE_EDIT_STREAM_H
#define KEYSPACE_EDIT_STREAM_H

#include "keyspace/db.h"
#include "keyspace/stream.h"
#include "keyspace/stream_group.h"

/* Appends field, value, ... under an id above the last. Reports: STREAM_ADD. */
void edit_stream_add(struct db *db, struct entry *e, struct stream_id id, const struct slice *items,
                     size_t items_count);
/* False when there is no such entry. Reports: STREAM_DELETE. */
bool edit_stream_delete(struct db *db, struct entry *e, struct stream_id id);
/* Drops what the trim says and returns how many entries that were. Reports: STREAM_TRIM, if any. */
size_t edit_stream_trim(struct db *db, struct entry *e, const struct stream_trim *trim);
/* Reports: STREAM_SET_ID. */
void edit_stream_set_id(struct db *db, struct entry *e, struct stream_id last_id, uint64_t entries_added,
                        struct stream_id max_deleted_id);

/* Creates the group when absent. Reports: STREAM_GROUP_SET. */
struct stream_group *edit_stream_set_group(struct db *db, struct entry *e, struct slice name, struct stream_id last_id,
                                           int64_t entries_read);
/* False when absent. The name must not be the group's own. Reports: STREAM_GROUP_DELETE. */
bool edit_stream_delete_group(struct db *db, struct entry *e, struct slice name);
/* Creates the consumer when absent. Reports: STREAM_CONSUMER_SET. */
struct stream_consumer *edit_stream_see_consumer(struct db *db, struct entry *e, struct stream_group *g,
                                                 struct slice name, int64_t seen_ms);
/* False when absent. The name must not be the consumer's own. Reports: STREAM_CONSUMER_DELETE. */
bool edit_stream_delete_consumer(struct db *db, struct entry *e, struct stream_group *g, struct slice name);
/* Makes pending.id pending for pending.consumer. Reports: STREAM_PENDING_SET. */
void edit_stream_set_pending(struct db *db, struct entry *e, struct stream_group *g, struct stream_pending pending);
/* False when it is not pending. Reports: STREAM_PENDING_DELETE. */
bool edit_stream_delete_pending(struct db *db, struct entry *e, struct stream_group *g, struct stream_id id);

/* Does a STREAM_* effect again. Errors: TYPE, NOT_FOUND, FORMAT; nothing is changed then. */
OXQ_MUST_USE oxq_err edit_stream_apply(struct db *db, const struct effect *effect);

#endif
