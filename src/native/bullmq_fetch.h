/* SPDX-License-Identifier: MIT */
/* The part that BullMQ's moveToActive and moveToFinished share: the next job becomes active and belongs to the worker that asks. */
#ifndef NATIVE_BULLMQ_FETCH_H
#define NATIVE_BULLMQ_FETCH_H

#include "native/bullmq_args.h"
#include "native/queue.h"

/* The numbers, from 1, that KEYS have in both scripts. */
enum bullmq_key {
    BULLMQ_KEY_WAIT = 1,
    BULLMQ_KEY_ACTIVE = 2,
    BULLMQ_KEY_PRIORITIZED = 3,
    BULLMQ_KEY_EVENTS = 4,
    BULLMQ_KEY_STALLED = 5,
    BULLMQ_KEY_LIMITER = 6,
    BULLMQ_KEY_DELAYED = 7,
    BULLMQ_KEY_META = 9,
    BULLMQ_KEY_PC = 10,
};

/* What both look at before anything else. */
struct bullmq_queue {
    const struct twin_args *args;
    struct slice prefix, now; /* now: as the client wrote it */
    int64_t now_ms;
    const struct bullmq_value *opts;
    struct native_key meta, wait, active, prioritized;
    struct native_events events;
    struct slice events_max; /* opts.maxLenEvents of meta; at is NULL where it has none */
    struct slice concurrency, limit, limit_ms;
    bool is_paused;
};

/* False: no case of ours. Changes nothing. */
bool bullmq_queue_look(struct cmd_ctx *ctx, const struct twin_args *args, struct slice prefix, struct slice now,
                       struct slice opts, struct bullmq_queue *out);
/* A key of KEYS, which must be the queue's of that suffix. */
bool bullmq_queue_look_at(struct cmd_ctx *ctx, const struct bullmq_queue *q, size_t number, struct slice suffix,
                          enum value_type type, struct native_key *out);

/* Its key is there. */
struct bullmq_job {
    struct native_job_name name;
    struct native_key key;
};

/* False: an id that another key might be named by, or a key of another type. job->key.entry: NULL when there is none. So many of its parts will
 * be looked at or written in the call. */
bool bullmq_job_look(struct cmd_ctx *ctx, const struct bullmq_queue *q, struct slice id, enum native_part parts_count,
                     struct bullmq_job *out);

enum bullmq_next {
    BULLMQ_NEXT_NONE,    /* nothing waits */
    BULLMQ_NEXT_LIMITED, /* no more jobs for now: the limiter, or a queue that is paused or has enough active jobs */
    BULLMQ_NEXT_JOB,
};

struct bullmq_fetch {
    struct bullmq_queue *queue;
    enum bullmq_next next;
    int64_t limited_ms;         /* for how long; 0: it is not the limiter */
    int64_t next_due_ms;        /* of the first delayed job; -1: there is none */
    struct slice token, worker; /* worker.at is NULL: without a name */
    int64_t lock_ms;
    struct native_key limiter, pc, marker;
    int64_t limiter_ms;    /* the time of a limiter that starts now */
    int64_t limiter_count; /* jobs of this time, this one included; 0: without a limiter */
    int64_t starts;        /* ats of the job, this start included */
    struct bullmq_job job;
};

/* active_count: when the fetch comes to it. False: no case of ours. Changes nothing. */
bool bullmq_fetch_look(struct cmd_ctx *ctx, struct bullmq_queue *q, size_t marker_number, size_t active_count,
                       struct bullmq_fetch *out);
/* Does what was seen. */
void bullmq_fetch_run(struct cmd_ctx *ctx, struct bullmq_fetch *f);
/* And tells it: { job, id, limited_ms, next_due_ms }. */
void bullmq_fetch_reply(struct cmd_ctx *ctx, const struct bullmq_fetch *f);

#endif
