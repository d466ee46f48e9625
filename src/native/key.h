/* SPDX-License-Identifier: MIT */
/*
 * The words that twins are written in: a key is looked at once, and what it holds is then read and changed as the command of that name
 * would. What may go wrong is known after the look: a value of another type, a text that is no number.
 */
#ifndef NATIVE_KEY_H
#define NATIVE_KEY_H

#include "cmd/cmd_stream.h"
#include "keyspace/edit_hash.h"
#include "keyspace/edit_list.h"
#include "keyspace/edit_set.h"
#include "keyspace/edit_stream.h"
#include "keyspace/edit_string.h"
#include "keyspace/edit_zset.h"

/* entry: NULL while the key is absent. It stays right as long as only functions that get this key change what it holds. */
struct native_key {
    struct slice name;
    struct entry *entry;
    uint32_t hash; /* of the name, where native_look_once or native_look_hashed found it */
};

/* ---- names and numbers: in the command's scratch ---- */

struct slice native_join(struct cmd_ctx *ctx, struct slice a, struct slice b);
struct slice native_digits(struct cmd_ctx *ctx, int64_t n);

/* ---- looking ---- */

/* False: it holds a value of another type. */
bool native_look(struct cmd_ctx *ctx, struct slice name, enum value_type type, struct native_key *out);
/* The same of one of many, a job's: it takes no hot place from the queue's keys. The name's map_hash is known, or not. */
bool native_look_hashed(struct cmd_ctx *ctx, struct slice name, uint32_t hash, enum value_type type,
                        struct native_key *out);
bool native_look_once(struct cmd_ctx *ctx, struct slice name, enum value_type type, struct native_key *out);
/* native_look of the key prefix + suffix. */
bool native_look_at(struct cmd_ctx *ctx, struct slice prefix, const char *suffix, enum value_type type,
                    struct native_key *out);
/* A field's value; at is NULL where there is none. Borrowed until the next change. */
struct slice native_field(const struct native_key *hash, struct slice field);
/* GET as a number: 0 for an absent key; false when it spells none. */
bool native_number(const struct native_key *string, int64_t *out);
static inline size_t native_llen(const struct native_key *list)
{
    return list->entry ? list_count(&list->entry->value) : 0;
}

/* Answers with HGETALL as scripts see it: a flat array. */
void native_reply_fields(struct cmd_ctx *ctx, const struct native_key *hash);

/* ---- changing: as the command ---- */

/* INCRBY, when the sum is known to be right. */
void native_set_number(struct cmd_ctx *ctx, struct native_key *string, int64_t n);
/* HSET: field, value, ... */
void native_hset(struct cmd_ctx *ctx, struct native_key *hash, const struct slice *items, size_t items_count);
void native_push(struct cmd_ctx *ctx, struct native_key *list, enum list_end end, struct slice element);
/* RPOP of so many, at least one and no more than there are. */
void native_rpop(struct cmd_ctx *ctx, struct native_key *list, size_t count);
/* LREM -1; false: it is not there. */
bool native_remove_last(struct cmd_ctx *ctx, struct native_key *list, struct slice element);
void native_srem(struct cmd_ctx *ctx, struct native_key *set, struct slice member);
void native_zadd(struct cmd_ctx *ctx, struct native_key *zset, double score, struct slice member);
/* ZREMRANGEBYRANK of the first ones, no more than there are. */
void native_zremrange(struct cmd_ctx *ctx, struct native_key *zset, size_t count);
/* HDEL of one field, which is not the last. */
void native_hdel(struct cmd_ctx *ctx, struct native_key *hash, struct slice field);
/* DEL. */
void native_delete(struct cmd_ctx *ctx, struct native_key *key);
/* DEL and SET PXAT of a key that was not looked at, one of many; its map_hash. */
void native_delete_once(struct cmd_ctx *ctx, struct slice name);
void native_set_hashed(struct cmd_ctx *ctx, struct slice name, uint32_t hash, struct slice text, int64_t at_ms);

/* ---- the stream of events ---- */

/* A stream that XADD cannot fail on, and how long it may be: opts.maxLenEvents of a queue's meta. */
struct native_events {
    struct native_key key;
    struct stream_trim trim; /* MAXLEN ~ */
};

/* Of the queue with the prefix. False: something is in the way of an event. Nothing is changed. */
bool native_look_at_events(struct cmd_ctx *ctx, struct slice prefix, struct slice max_text, struct native_events *out);
/* XADD events * field value ... */
void native_emit(struct cmd_ctx *ctx, struct native_events *events, const struct slice *items, size_t items_count);
/* The same with MAXLEN ~. */
void native_emit_and_trim(struct cmd_ctx *ctx, struct native_events *events, const struct slice *items,
                          size_t items_count);
/* XTRIM MAXLEN ~. */
void native_trim(struct cmd_ctx *ctx, struct native_events *events);

#endif
