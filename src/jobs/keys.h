/* SPDX-License-Identifier: MIT */
/*
 * Names of keys. A queue's keys all begin with its prefix: `bull:mail:` of the queue `mail` under `bull`; `bull:mail:wait`,
 * `bull:mail:12`. Without the last colon it is the queue's qualified name, by which a child knows its parent's queue.
 */
#ifndef JOBS_KEYS_H
#define JOBS_KEYS_H

#include "base/arena.h"
#include "base/err.h"

#define KEYS_PREFIX_DEFAULT "bull"
/* Of a prefix and of a queue's name. */
#define KEYS_NAME_BYTES_MAX 512
/* OXQ_ID_MAX without its NUL. */
#define KEYS_JOB_ID_BYTES_MAX 1023

/*
 * `prefix` empty: KEYS_PREFIX_DEFAULT. Errors: ARGUMENT: no name, a colon in it, too long, no UTF-8. *out is in the arena.
 */
OXQ_MUST_USE oxq_err keys_prefix(struct arena *arena, struct slice prefix, struct slice queue, struct slice *out,
                                 struct oxq_error *err);
/* `bull:mail:` and `wait` are `bull:mail:wait`, in the arena. */
struct slice keys_join(struct arena *arena, struct slice prefix, struct slice name);
/* `bull:mail` of `bull:mail:`, borrowed. */
struct slice keys_qualified(struct slice prefix);
/* `mail` of `bull:mail:`, borrowed. */
struct slice keys_queue(struct slice prefix);
/* Does the queue keep something of its own under this name (`wait`, `meta`, `metrics:completed`), so that it is no job's id? */
bool keys_is_own_name(struct slice name);
/*
 * Is this an id that a user may give a job? Ids of digits only are those that queues count themselves; colons divide keys, but for
 * two of them, which BullMQ has always let pass (`repeat:nightly:1700000000000`). Errors: ARGUMENT; the text says what instead.
 */
OXQ_MUST_USE oxq_err keys_check_job_id(struct slice id, struct oxq_error *err);
/*
 * A job's key in its parts: the queue's prefix with its colon, and the id. The prefix may have colons (tenant:a), a queue's name
 * has none; of an id with two colons (repeat:nightly:17) `repeat:` is the mark. False when it is no such key.
 */
bool keys_split_job(struct slice key, struct slice *out_prefix, struct slice *out_id);
/* A cluster keeps all keys with the same text between { and } together; without one each key has a place of its own. */
bool keys_has_hash_tag(struct slice prefix);

#endif
