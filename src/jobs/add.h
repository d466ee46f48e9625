/* SPDX-License-Identifier: MIT */
/* Adding jobs: one, or many that are added together or not at all. */
#ifndef JOBS_ADD_H
#define JOBS_ADD_H

#include "jobs/options.h"
#include "jobs/request.h"

/* Of one request: it takes the server a few milliseconds, in which it does nothing else. */
#define ADD_JOBS_MAX 1000
#define ADD_BYTES_MAX ((size_t)4 << 20)

/* Everything is borrowed. */
struct new_job {
    struct slice name;
    struct slice data;                 /* JSON; empty: {} */
    const struct job_options *options; /* NULL: the defaults */
    struct slice queue;                /* prefix of its queue (keys_prefix); empty: the request's */
    bool has_children;    /* it waits for children, which follow in the same request or were told of it otherwise */
    struct slice made_id; /* an id that was made for it; empty: options->job_id, or the queue's next number */
};

/* What one request adds: jobs of the queue with this prefix, and those that name another. */
struct add_batch {
    struct slice prefix; /* keys_prefix */
    int64_t now_ms;
    const struct new_job *jobs;
    size_t count;
    bool is_checked; /* add_check has found nothing against any of them */
    bool is_split;   /* the next request has further children of the last job's parent, which waits for them */
    bool is_whole;   /* when one of them is refused none is added; they may be more than the limits above allow */
};

/* Is the job one that can be added? Errors: as of add_request. */
OXQ_MUST_USE oxq_err add_check(const struct new_job *job, int64_t now_ms, struct oxq_error *err);
/* Has it nothing but a name, data and options? Such jobs cost least when a request has no others. */
bool add_is_plain(const struct new_job *job);
/* May a server refuse one of them while it adds others? Those of a flow know that their parents come with them. */
bool add_may_be_refused(const struct new_job *jobs, size_t count);
/* How many of the jobs, from the first on, go into one request: within the limits above, but one at least. */
size_t add_portion(const struct new_job *jobs, size_t count);
/*
 * The request that adds the jobs in order; its reply is read with add_result. Errors: ARGUMENT, FORMAT (data that is not JSON), LIMIT
 * (sizeLimit, or more jobs than ADD_JOBS_MAX and not is_whole); the text says which job and what instead.
 */
OXQ_MUST_USE oxq_err add_request(struct arena *arena, const struct add_batch *batch, struct request *out,
                                 struct oxq_error *err);
/*
 * What became of job i, which is `job`: *out_id (borrowed from the reply) is its id; for a job whose deduplication id is taken that of the
 * job which has it. Errors: NOT_FOUND (no such parent), EXISTS (it exists with another parent), CANCELLED (another of the same request is
 * refused, which is_whole), SERVER.
 */
OXQ_MUST_USE oxq_err add_result(const struct resp_value *reply, size_t i, const struct new_job *job,
                                struct slice *out_id, struct oxq_error *err);

/*
 * Gives up a deduplication id, so that the next job with it is added, if it is this job that holds it. The reply is 1 or 0.
 */
void add_free_deduplication(struct arena *arena, struct slice prefix, struct slice deduplication_id,
                            struct slice job_id, struct request *out);

#endif
