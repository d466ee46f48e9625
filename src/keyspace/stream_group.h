/* SPDX-License-Identifier: MIT */
/*
 * Consumer groups of a stream: who was given which entries and has not acknowledged them.
 *
 *   group --> pending: by id, with delivery time, count and consumer
 *        \--> consumers: by name --> pending: the ids of theirs
 *
 * Groups and consumers keep their addresses until they are deleted.
 */
#ifndef KEYSPACE_STREAM_GROUP_H
#define KEYSPACE_STREAM_GROUP_H

#include "keyspace/stream.h"
#include "keyspace/stream_pel.h"

/* It is not known how many entries a group has read. */
#define STREAM_READ_UNKNOWN ((int64_t)-1)

struct stream_consumer {
    struct stream_name name;   /* first */
    int64_t seen_ms;           /* when it last asked for entries */
    struct stream_pel pending; /* of struct stream_id: those of the group's that are this consumer's */
};

struct stream_group {
    struct stream_name name;   /* first */
    struct stream_id last_id;  /* the last entry that was delivered */
    int64_t entries_read;      /* entries up to last_id, or STREAM_READ_UNKNOWN */
    struct stream_pel pending; /* of struct stream_pending */
    struct stream_names consumers;
};

/* An entry that was delivered and not acknowledged. */
struct stream_pending {
    struct stream_id id; /* first */
    int64_t delivered_ms;
    int64_t delivery_count;
    struct stream_consumer *consumer; /* link */
};

static inline struct slice stream_name_text(const struct stream_name *name)
{
    return slice_of(name->at, name->len);
}

/* NULL when absent. */
struct stream_group *stream_group_find(const struct value *v, struct slice name);
/* The group must be absent. */
struct stream_group *stream_group_create(struct value *v, struct slice name);
void stream_group_delete(struct value *v, struct stream_group *g);
/* In the order of the names; index < stream_borrow(v)->groups.count. */
struct stream_group *stream_group_at(const struct value *v, uint32_t index);

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name);
/* The consumer must be absent. */
struct stream_consumer *stream_consumer_create(struct stream_group *g, struct slice name);
/* Its pending entries are forgotten. */
void stream_consumer_delete(struct stream_group *g, struct stream_consumer *c);
/* index < g->consumers.count. */
struct stream_consumer *stream_consumer_at(const struct stream_group *g, uint32_t index);

/* NULL when the entry is not pending; valid until the next change of what is pending. */
struct stream_pending *stream_pending_find(const struct stream_group *g, struct stream_id id);
/* Makes an entry pending for pending->consumer, whoever had it. */
void stream_pending_set(struct stream_group *g, const struct stream_pending *pending);
/* False when it is not pending. */
bool stream_pending_delete(struct stream_group *g, struct stream_id id);

/* How many entries there ever were up to this id; STREAM_READ_UNKNOWN where deletions make it impossible to tell. */
int64_t stream_entries_up_to(const struct value *v, struct stream_id id);
/* What g->entries_read becomes when the entry of this id, above g->last_id, is delivered. */
int64_t stream_group_read_after(const struct value *v, const struct stream_group *g, struct stream_id id);
/* How many entries the group has yet to read; false when that is not known. */
bool stream_group_lag(const struct value *v, const struct stream_group *g, int64_t *out);

/* For stream.c. */
void stream_groups_deinit(struct stream_names *groups);
/* Frees groups as long as *steps, counted down, lasts. True when none is left; until deinit nothing else may be done. */
bool stream_groups_drain(struct stream_names *groups, size_t *steps);
void stream_groups_copy(const struct stream_names *groups, struct stream_names *out);
size_t stream_groups_bytes(const struct stream_names *groups);
uint64_t stream_groups_digest(const struct stream_names *groups, uint64_t digest);
void stream_groups_check(const struct stream_names *groups);

#endif
