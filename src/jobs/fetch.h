/* SPDX-License-Identifier: MIT */
/* Taking jobs: alone, or in the same call that finishes others (jobs/finish.h). */
#ifndef JOBS_FETCH_H
#define JOBS_FETCH_H

#include "jobs/job.h"
#include "jobs/request.h"

/* Of one request, as of those that finish jobs. */
#define FETCH_JOBS_MAX 1000

/* How a worker takes jobs. Texts are borrowed. */
struct fetch_opts {
    struct slice prefix; /* keys_prefix */
    int64_t now_ms;
    int64_t count;       /* jobs to take at most; 0: none */
    struct slice token;  /* of the locks of the jobs that are taken, new for each request; empty: no locks */
    int64_t lock_ms;     /* they last */
    struct slice worker; /* its name; may be empty */
    int64_t rate_max;    /* jobs that the queue's workers take in rate_ms; 0: no limit of the worker's own */
    int64_t rate_ms;
};

struct fetched_job {
    struct job job;
    const struct resp_value *fields; /* all of the hash, but for processedOn, ats and pb: those are in `job` */
};

/* An id without a job: somebody has put something else at its key. It has left the queue, the key is as it was. */
struct fetched_damage {
    struct slice id;
    struct slice kind; /* what the key is: "string" */
};

/* Borrowed from the reply and the arena. */
struct fetched {
    const struct fetched_job *jobs;
    size_t count;
    const struct fetched_damage *damaged;
    size_t damaged_count;
    /* When there are no jobs: */
    int64_t rate_wait_ms;           /* the rate allows none for so long; 0: it is not that */
    int64_t next_due_ms;            /* when the first delayed job is due, since 1970; 0: none is delayed */
    const struct resp_value *codes; /* what became of the jobs that left, in order (fetch_code) */
    size_t codes_count;
};

/* Errors: LIMIT (count above FETCH_JOBS_MAX), ARGUMENT (a lock or a rate without its time). */
OXQ_MUST_USE oxq_err fetch_request(struct arena *arena, const struct fetch_opts *opts, struct request *out,
                                   struct oxq_error *err);
/*
 * Reads the reply. A job that is not as it should be (another client wrote it) is there with a deferred_failure that says so: it is
 * active and wants to be finished. Errors: SERVER (an error reply), FORMAT.
 */
OXQ_MUST_USE oxq_err fetch_read(const struct resp_value *reply, const struct fetch_opts *opts, struct arena *arena,
                                struct fetched *out, struct oxq_error *err);
/*
 * For who never got the answer to a request with these options: it may be sent as often as one likes, and its reply is read as that answer,
 * with nothing but the jobs that were taken, if they were, and whose locks have not ended since.
 */
OXQ_MUST_USE oxq_err fetch_retake(struct arena *arena, const struct fetch_opts *opts, struct request *out,
                                  struct oxq_error *err);
/*
 * What became of job i of those that left: *out_number is what the operation says of it, if it may say something. `what` and id begin
 * the text of an error. Errors: those of refusal_set.
 */
OXQ_MUST_USE oxq_err fetch_code(const struct fetched *f, size_t i, const char *what, struct slice id,
                                int64_t *out_number, struct oxq_error *err);

/* For other requests that fetch as well: checks the options; begins the request, with the arguments that all of them begin with. */
OXQ_MUST_USE oxq_err fetch_check(const struct fetch_opts *opts, struct oxq_error *err);
void fetch_begin(struct request *r, struct arena *arena, const struct transition *t, const struct fetch_opts *opts);

#endif
