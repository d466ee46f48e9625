/* SPDX-License-Identifier: MIT */
/*
 * Jobs leave `active`: finished, completed or failed; or unfinished, to run again. In the same call others are taken, as `fetch` says; the
 * reply is read with fetch_read, and what became of each job with fetch_code. One that was refused leaves the others alone.
 */
#ifndef JOBS_FINISH_H
#define JOBS_FINISH_H

#include "jobs/fetch.h"

/* ---------------------------------------------------------------- finished */

/* Texts are borrowed. */
struct finished_job {
    struct slice id, token; /* an empty token: it was taken without a lock */
    bool has_failed;
    struct slice value;      /* the result, JSON, empty: null; or the error's text */
    struct slice stacktrace; /* of failures: finish_add_stack; may be empty */
    struct job_keep keep;    /* finish_keep */
    int64_t attempts;        /* that its options allow */
};

struct finish_batch {
    const struct fetch_opts *fetch;
    int64_t metrics_points; /* minutes for which the queue's metrics are kept; 0: none are */
    const struct finished_job *jobs;
    size_t count; /* 1 .. FETCH_JOBS_MAX */
};

/* Errors: LIMIT, FORMAT (a result that is not JSON), those of fetch_request. */
OXQ_MUST_USE oxq_err finish_request(struct arena *arena, const struct finish_batch *batch, struct request *out,
                                    struct oxq_error *err);

/* What holds of a job's own option and the worker's. */
struct job_keep finish_keep(const struct job_keep *own, const struct job_keep *worker);
/*
 * The stacks of a job with one more, JSON in the arena. `limit` is that of struct job_options. What is there and is no list is
 * dropped; bytes that are not UTF-8 become "?". Errors: LIMIT (more than 4 MiB).
 */
OXQ_MUST_USE oxq_err finish_add_stack(struct arena *arena, struct slice stacktrace, struct slice stack, int64_t limit,
                                      struct slice *out, struct oxq_error *err);

/* ---------------------------------------------------------------- unfinished */

enum leave_to {
    LEAVE_WAIT,    /* it runs again */
    LEAVE_DELAYED, /* it runs again after delay_ms */
    LEAVE_FRONT, /* it was not begun: the rate is used up; it is the next one. fetch_code gives ms until the rate allows one, or 0 */
    LEAVE_CHILDREN /* it runs again when its children are done. fetch_code gives 1 when there are none to wait for: it stays active */
};

struct leaving_job {
    struct slice id, token; /* as in struct finished_job */
    enum leave_to to;
    bool is_lifo;                           /* of LEAVE_WAIT: it is the next one */
    int64_t delay_ms;                       /* of LEAVE_DELAYED */
    struct slice child_key;                 /* of LEAVE_CHILDREN: it waits while this one is not done; empty: for all */
    bool is_attempt;                        /* it counts as one */
    struct slice failed_reason, stacktrace; /* of an attempt that failed */
};

struct leave_batch {
    const struct fetch_opts *fetch;
    const struct leaving_job *jobs;
    size_t count; /* 1 .. FETCH_JOBS_MAX */
};

/* Errors: LIMIT, ARGUMENT (a delay below 0), those of fetch_request. */
OXQ_MUST_USE oxq_err leave_request(struct arena *arena, const struct leave_batch *batch, struct request *out,
                                   struct oxq_error *err);

#endif
