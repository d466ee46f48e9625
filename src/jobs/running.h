/* SPDX-License-Identifier: MIT */
/*
 * What is done with jobs while they run, and with those of workers that are gone. Requests that name a job and may find none are
 * read with request_check.
 */
#ifndef JOBS_RUNNING_H
#define JOBS_RUNNING_H

#include "jobs/job.h"
#include "jobs/request.h"

/* ---------------------------------------------------------------- locks */

#define RUNNING_LOCKS_MAX 1000

struct running_lock {
    struct slice id, token;
};

struct running_renewal {
    const struct running_lock *locks;
    size_t count; /* 1 .. RUNNING_LOCKS_MAX */
    int64_t ms;   /* they last from now on */
};

/* Renews locks. The reply has the ids of the jobs that are another's now, or nobody's. Errors: LIMIT, ARGUMENT (ms below 1). */
OXQ_MUST_USE oxq_err running_extend(struct arena *arena, struct slice prefix, const struct running_renewal *renewal,
                                    struct request *out, struct oxq_error *err);
/* The same for locks that are given up; the reply is how many there were. Such a job is active until it counts as stalled. */
OXQ_MUST_USE oxq_err running_release(struct arena *arena, struct slice prefix, const struct running_lock *locks,
                                     size_t count, struct request *out, struct oxq_error *err);

/* ---------------------------------------------------------------- one job */

/* Both take JSON, any value. Errors: FORMAT. */
OXQ_MUST_USE oxq_err running_progress(struct arena *arena, struct slice prefix, struct slice id, struct slice json,
                                      struct request *out, struct oxq_error *err);
OXQ_MUST_USE oxq_err running_set_data(struct arena *arena, struct slice prefix, struct slice id, struct slice json,
                                      struct request *out, struct oxq_error *err);
/* The last error and the stacks (finish_add_stack), of a job that goes on. */
void running_set_failure(struct arena *arena, struct slice prefix, struct slice id, struct slice reason,
                         struct slice stacktrace, struct request *out);
/* Adds a line to the log; keep: the newest so many stay, 0: all. The reply is how many there are. */
void running_log(struct arena *arena, struct slice prefix, struct slice id, struct slice line, int64_t keep,
                 struct request *out);
/* The results of the children that completed: a map of their keys and JSON texts; the errors of those whose failure is ignored. */
void running_children_results(struct arena *arena, struct slice prefix, struct slice id, struct request *out);
void running_children_failures(struct arena *arena, struct slice prefix, struct slice id, struct request *out);

/* How often a job was begun, and how often it has ended since: two texts, nil for 0 and for a job that is gone. */
void running_attempts(struct arena *arena, struct slice prefix, struct slice id, struct request *out);

/* ---------------------------------------------------------------- steps */

/*
 * A step of a job is done once, however often the job is tried: its result is a field of the job's hash, so that it comes with the job
 * when that is taken, and goes with it when it is removed.
 */
#define RUNNING_STEP_PREFIX "oxq.step:"

struct running_step {
    struct running_lock lock; /* the job, and the token that it was taken with */
    int64_t starts;           /* how often it had been begun then, that time included */
    struct slice name, result;
};

/* Keeps a step's result, any bytes. The reply is LOCK_LOST when the job is another's, or nobody's, now. */
void running_keep_step(struct arena *arena, struct slice prefix, const struct running_step *step, struct request *out);
/* The result of a step among the fields of a job (struct fetched_job): false when it was not done. *out is borrowed from them. */
bool running_find_step(const struct resp_value *fields, struct slice step, struct slice *out);

/* ---------------------------------------------------------------- stalled jobs */

/* As running_sweep's `from`: begin. */
#define RUNNING_SWEEP_FIRST (-1)
#define RUNNING_SWEEP_IDS 1000

struct running_sweep {
    struct slice prefix;
    int64_t now_ms;
    int64_t interval_ms; /* a sweep that begins sooner after the last one, whoever made that, finds nothing */
    int64_t stalls_max;  /* a job that stalls more often is failed by the next worker that takes it */
    int64_t from;        /* RUNNING_SWEEP_FIRST, or where the last request said that it goes on */
};

struct running_stalled {
    int64_t next;                 /* where it goes on; RUNNING_SWEEP_FIRST: the sweep is done */
    const struct resp_value *ids; /* texts: they wait again; borrowed from the reply */
    size_t count;
};

void running_sweep(struct arena *arena, const struct running_sweep *sweep, struct request *out);
/* Errors: SERVER, FORMAT. */
OXQ_MUST_USE oxq_err running_read_sweep(const struct resp_value *reply, struct running_stalled *out,
                                        struct oxq_error *err);

#endif
