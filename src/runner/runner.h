/* SPDX-License-Identifier: MIT */
/* A worker from its beginning to its end: what `oxq work` is, but for its command line. */
#ifndef RUNNER_RUNNER_H
#define RUNNER_RUNNER_H

#include "runner/outcome.h"

#include <oxq/worker.h>

/* Runs one job. The outcome is all zero before. Threads: several at once. */
typedef void runner_fn(void *ctx, oxq_job *job, struct outcome *out);

struct runner_opts {
    const char *queue;
    struct oxq_worker_opts worker; /* but for on_event and on_backoff */
    runner_fn *run;
    void *ctx;
    bool is_drain;     /* end when nothing waits and nothing runs */
    int64_t count_max; /* end after so many jobs; 0: no limit */
    int64_t
        grace_ms; /* after the first signal: so long jobs may go on; then they are interrupted, as with a second signal */
    int64_t end_ms; /* so long an interrupted job may take to end, at most */
    int signals_fd; /* signals_open's */
    int stop_fd;    /* a waker: the runner wakes it when jobs must end, and `run` watches it */
};

/*
 * Takes jobs and runs them, one log line for each end, until it is told to end or has done what it should. Jobs that were interrupted, or were
 * taken beyond count_max, wait again. Errors: those of oxq_worker_open; TIMEOUT: some jobs' ends could not be stored in time, or their
 * run did not end: they are taken for stalled, and what was given here must stay until the process ends.
 */
OXQ_MUST_USE oxq_err runner_run(oxq *store, const struct runner_opts *opts, struct oxq_error *err);

#endif
