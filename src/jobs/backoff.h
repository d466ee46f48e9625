/* SPDX-License-Identifier: MIT */
/* How long a job that failed waits for its next attempt. */
#ifndef JOBS_BACKOFF_H
#define JOBS_BACKOFF_H

#include "base/rng.h"
#include "jobs/job.h"

/* Delays end before the sum of now and any of them leaves what BullMQ can count: some 30 years. */
#define BACKOFF_MAX_MS ((int64_t)1 << 40)
/* A delay that is told as this: no further attempt. */
#define BACKOFF_STOP (-1)

/* The delay in ms after a failure, for a type that is not known here; BACKOFF_STOP. `attempts_made` counts the one that failed. */
typedef int64_t backoff_fn(void *ctx, const struct job *job, int64_t attempts_made, struct slice error);

struct backoff_case {
    const struct job *job;
    const struct job_backoff *backoff;
    int64_t attempts_made; /* with the one that failed: 1 .. */
    struct slice error;
    int64_t max_ms;     /* of the worker; 0: none */
    backoff_fn *custom; /* NULL: none */
    void *ctx;
};

/*
 * The delay in ms, 0 for at once, or BACKOFF_STOP: fixed is delay_ms; exponential is delay_ms * 2^(attempts_made - 1); jitter takes off
 * a random part of it, up to that share. At most BACKOFF_MAX_MS. Errors: ARGUMENT (a type that nobody knows; the text says so).
 */
OXQ_MUST_USE oxq_err backoff_delay(const struct backoff_case *c, struct rng *rng, int64_t *out_ms,
                                   struct oxq_error *err);

#endif
