/* SPDX-License-Identifier: MIT */
/* What keeps workers from taking jobs: a pause, a rate, the queue's concurrency. */
#ifndef JOBS_LIMITS_H
#define JOBS_LIMITS_H

#include "jobs/request.h"

struct limits {
    int64_t rate_wait_ms; /* no job may be taken for so long; 0: one may */
    bool is_full;         /* as many jobs are active as the queue's concurrency allows */
    bool is_paused;
};

/* rate_max: of the worker who asks; 0: the queue's. */
void limits_request(struct arena *arena, struct slice prefix, int64_t rate_max, struct request *out);
/* Errors: SERVER, FORMAT. */
OXQ_MUST_USE oxq_err limits_read(const struct resp_value *reply, struct limits *out, struct oxq_error *err);

/*
 * No worker of this library takes a job for so long, and none of BullMQ that has a rate. Errors: ARGUMENT (ms below 1, or above
 * JOB_TIME_MAX_MS).
 */
OXQ_MUST_USE oxq_err limits_hold(struct arena *arena, struct slice prefix, int64_t ms, struct request *out,
                                 struct oxq_error *err);
/* The rate is as if no job had been taken. The reply is 1 or 0. */
void limits_release(struct arena *arena, struct slice prefix, struct request *out);

#endif
