/* SPDX-License-Identifier: MIT */
/* What all twins of our transitions look at: a queue's settings, its lists and its events, each key once in a call. */
#ifndef NATIVE_QUEUE_H
#define NATIVE_QUEUE_H

#include "native/key.h"

/* Lua writes whole numbers below this with all their digits. */
#define NATIVE_WHOLE_MAX 100000000000000
/* Times in ms: as the scores of `delayed`, times 4096, they are exact numbers still. */
#define NATIVE_TIME_MAX (((int64_t)1 << 41) - 2)
/* Jobs of one call, and what a text in an event may be: more is no common case. */
#define NATIVE_JOBS_MAX 1000
#define NATIVE_TEXT_MAX ((size_t)1 << 24)

struct native_queue {
    struct slice prefix;
    struct native_key meta, wait, active, marker;
    struct native_events events;
    int64_t concurrency; /* jobs active at once */
    bool is_paused;
    bool has_rate, has_dead_queue;
    bool has_events_max; /* meta says how long the stream may be */
};

/* False: a key has another type, or a setting is no number that the scripts would read as we do. Changes nothing. */
bool native_queue_look(struct cmd_ctx *ctx, struct slice prefix, struct native_queue *out);
/* How many more jobs may be active; below 1: none. */
int64_t native_queue_room(const struct native_queue *q);
/* The default length of the stream is written down where there is none. */
void native_queue_note_max(struct cmd_ctx *ctx, struct native_queue *q);

/* A whole number as it is written in decimal; false: it is none, or not within min .. max. */
bool native_whole(struct slice text, int64_t min, int64_t max, int64_t *out);

/* A job's key and those named after it that transitions look at. */
enum native_part { NATIVE_JOB, NATIVE_JOB_LOCK, NATIVE_JOB_DEPENDENCIES, NATIVE_JOB_UNSUCCESSFUL, NATIVE_PARTS };

/* A job's key, with room behind it for the others. */
struct native_job_name {
    char *text;
    size_t len, id_at;
    uint32_t hashes[NATIVE_PARTS]; /* 0: not made yet */
};
/* False: an id that could be mistaken for the name of another key. */
bool native_job_name(struct cmd_ctx *ctx, struct slice prefix, struct slice id, struct native_job_name *out);
static inline struct slice native_job_id(const struct native_job_name *n)
{
    return slice_of(n->text + n->id_at, n->len - n->id_at);
}
/* The key with a suffix, ":logs". Borrowed until the next. */
struct slice native_job_key_of(const struct native_job_name *n, struct slice suffix);
/*
 * The first `count` parts will be looked at soon: asks memory for what leads to them, and when that was asked for all jobs of a call, for them. They
 * are anywhere in memory, so that each look would wait for it twice.
 */
void native_job_expect(struct cmd_ctx *ctx, struct native_job_name *n, enum native_part count);
void native_job_await(struct cmd_ctx *ctx, const struct native_job_name *n, enum native_part count);
/* native_look of a part of it, one of many: it takes no hot place from the queue's keys. The name is borrowed until the next part. */
bool native_job_look(struct cmd_ctx *ctx, struct native_job_name *n, enum native_part part, enum value_type type,
                     struct native_key *out);
/* SET PXAT of its lock. */
void native_job_lock(struct cmd_ctx *ctx, struct native_job_name *n, struct slice token, int64_t until_ms);
/* No child of it is to come, and none has failed so that it must. */
bool native_job_is_childless(struct cmd_ctx *ctx, struct native_job_name *n);

/* ---- delayed jobs ---- */

/* When the first is due, ms; *out stays as it is where there is none. False: one is due, or has a time that no job has. */
bool native_next_due(const struct native_key *delayed, int64_t now_ms, int64_t *out);

#endif
