/* SPDX-License-Identifier: MIT */
/* Workers: threads that take jobs of a queue and run a handler for each. */
#ifndef OXQ_WORKER_H
#define OXQ_WORKER_H

#include <oxq/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oxq_worker oxq_worker;

/* How a handler ended: made by the oxq_job_* calls below, or OXQ_DONE. */
typedef enum oxq_outcome {
    OXQ_DONE,             /* completed; failed instead while it has children that have not finished */
    OXQ_FAILED,           /* this attempt; another follows while there are some left */
    OXQ_UNRECOVERABLE,    /* failed, no other attempt */
    OXQ_RETRY,            /* failed; the next attempt comes at a time of its own */
    OXQ_DELAYED,          /* comes again later, and no attempt was made */
    OXQ_WAITING_CHILDREN, /* comes again when its children have finished */
    OXQ_RATE_LIMITED,     /* comes again when the queue's rate limit ends; no attempt was made */
    OXQ_WAITING           /* waits again, for whoever comes next; no attempt was made */
} oxq_outcome;

/*
 * Runs on one of the worker's threads, several at a time. The job is valid until it returns. One that crashes takes the process along:
 * what may do that belongs into a program of its own, `oxq work --exec`.
 */
typedef oxq_outcome oxq_handler(oxq_job *job, void *ctx);

/* ---------------------------------------------------------------- what a handler may do */

/* Times that are asked for here end after 2^40 ms, some 30 years. */

/* For `return`: completed, with a result (JSON; NULL: null). A result that is not JSON makes it OXQ_UNRECOVERABLE. */
oxq_outcome oxq_job_done(oxq_job *job, const char *result);
oxq_outcome oxq_job_fail(oxq_job *job, const char *format, ...) OXQ_PRINTF(2, 3);
oxq_outcome oxq_job_fail_for_good(oxq_job *job, const char *format, ...) OXQ_PRINTF(2, 3);
/* Fails this attempt; the next comes after delay_ms instead of the backoff's (Retry-After). */
oxq_outcome oxq_job_retry_after(oxq_job *job, int64_t delay_ms, const char *format, ...) OXQ_PRINTF(3, 4);
oxq_outcome oxq_job_delay(oxq_job *job, int64_t delay_ms);
/* When all children have finished already, the handler's job waits again at once. */
oxq_outcome oxq_job_wait_for_children(oxq_job *job);
/*
 * The same while this child of it has not finished, whatever the others do; when it has, the job waits again at once. Once it waits for
 * children it comes again when all have finished.
 */
oxq_outcome oxq_job_wait_for_child(oxq_job *job, const char *queue, const char *id);
/* No job of the queue is begun for so long, by any worker. */
oxq_outcome oxq_job_rate_limit(oxq_job *job, int64_t for_ms);
/* It waits again, before all others of its priority: this worker, too, may be the next to have it. */
oxq_outcome oxq_job_give_back(oxq_job *job);
/* A text for the stack trace of the failure; without it that is the failure and the job's id. */
void oxq_job_set_stack(oxq_job *job, const char *stack);

/* While it runs. Errors of all: LOCK_LOST (the job was taken for stalled: stop), UNREACHABLE, ... */
OXQ_MUST_USE oxq_err oxq_job_progress(oxq_job *job, const char *progress, struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_job_log(oxq_job *job, const char *line, struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_job_update_data(oxq_job *job, const char *data, struct oxq_error *err);
/* The lock is renewed by itself; this is for a handler that stopped all threads for long. */
OXQ_MUST_USE oxq_err oxq_job_extend_lock(oxq_job *job, int64_t duration_ms, struct oxq_error *err);
/* Adds a child; before oxq_job_wait_for_children. */
OXQ_MUST_USE oxq_err oxq_job_add_child(oxq_job *job, const char *queue, const struct oxq_job_template *child,
                                       char out_id[OXQ_ID_MAX], struct oxq_error *err);
/*
 * The queue that the job is of, for all that a handler may want to ask or do there: oxq_queue_children(oxq_job_queue(job), oxq_job_id(job),
 * ...). The worker's own, until that is closed; NULL: the job does not run here. Its calls wait for a server that went, as all that a handler
 * does on its job: as long as the store's timeout_ms says.
 */
oxq_queue *oxq_job_queue(const oxq_job *job);
/* What its children gave: as oxq_queue_children_values. */
OXQ_MUST_USE oxq_err oxq_job_children_values(oxq_job *job, bool of_ignored, char **out_json, struct oxq_error *err);
/* Has it been cancelled: its deadline passed, its lock was lost, or the worker is closing and its time-out is over? */
bool oxq_job_is_cancelled(const oxq_job *job);
/* Why; NULL when it is not. */
const char *oxq_job_cancel_reason(const oxq_job *job);
/* Readable (poll) once it is cancelled; the job's own. -1: no descriptor could be had. */
int oxq_job_cancel_fd(oxq_job *job);

/*
 * Does something once for each job, however many attempts it takes: the first time fn runs, and its result (JSON, at most
 * OXQ_STEP_BYTES_MAX; NULL: null) is stored with the job before this returns; afterwards that is given and fn is not called. A process that
 * dies between fn's end and the storing runs it again: fn should bear that (an idempotency key such as the job's id and the step's name).
 * out_result: borrowed from the job until it ends. fn's error is returned and nothing is stored. Errors: LOCK_LOST too: the lock ended before
 * the result was stored (it is stored all the same when nobody has begun the job since), or, without fn being called, in an earlier call.
 */
#define OXQ_STEP_BYTES_MAX (1 << 20)
typedef oxq_err oxq_step(oxq_job *job, void *ctx, char **out_result,
                         struct oxq_error *err); /* *out_result: malloc'd, or NULL */
OXQ_MUST_USE oxq_err oxq_job_step(oxq_job *job, const char *name, oxq_step *fn, void *ctx, const char **out_result,
                                  struct oxq_error *err);

/* ---------------------------------------------------------------- a worker */

typedef enum oxq_worker_event_kind {
    OXQ_WORKER_READY,     /* it takes jobs */
    OXQ_WORKER_ACTIVE,    /* a job begins */
    OXQ_WORKER_COMPLETED, /* its end is stored */
    OXQ_WORKER_FAILED,    /* an attempt failed; is_final: there is no other */
    OXQ_WORKER_STALLED,   /* a job whose worker is gone waits again */
    OXQ_WORKER_LOCK_LOST, /* of a job that runs here */
    OXQ_WORKER_DRAINED,   /* nothing waits any more */
    OXQ_WORKER_PAUSED,
    OXQ_WORKER_RESUMED,
    OXQ_WORKER_ERROR, /* `text`: what is tried again; with an `id`: why nobody can run that job */
    OXQ_WORKER_CLOSING,
    OXQ_WORKER_CLOSED,
    OXQ_WORKER_PROGRESS,     /* oxq_job_progress was called; `text`: with what, JSON */
    OXQ_WORKER_LOCKS_RENEWED /* of `count` jobs */
} oxq_worker_event_kind;

struct oxq_worker_event {
    oxq_worker_event_kind kind;
    oxq_job *job;     /* ACTIVE, PROGRESS, COMPLETED, FAILED; LOCK_LOST and ERROR: or NULL; valid during the call */
    const char *id;   /* of the job, LOCK_LOST and STALLED too; else NULL */
    const char *text; /* FAILED, ERROR: why; LOCK_LOST: or NULL; PROGRESS; else NULL */
    bool is_final;
    size_t count; /* LOCKS_RENEWED; else 0 */
};

#define OXQ_CONCURRENCY_MAX 4096

struct oxq_worker_opts {
    const char *name;             /* in oxq_queue_workers, and each job's processed_by; NULL: none */
    size_t concurrency;           /* handlers at a time, a thread for each, 1 .. OXQ_CONCURRENCY_MAX; 0: 1 */
    int64_t limiter_max;          /* jobs begun ... */
    int64_t limiter_ms;           /* ... in each span of this length, over all workers that say the same; 0: no limit */
    int64_t lock_ms;              /* how long a job stays ours when we stop renewing; 0: 30,000 */
    int64_t lock_renew_ms;        /* 0: half of lock_ms; -1: locks are not renewed */
    int64_t stalled_every_ms;     /* how often jobs of dead workers are looked for; 0: 30,000; -1: not by this one */
    int64_t stalled_max;          /* a job that stalled more often fails; 0: 1; -1: at the first */
    int64_t attempts_started_max; /* a job is begun so often at most, whatever attempts are left; 0: no limit */
    /*
     * Of a handler; 0: none. Then its job is cancelled: when it ends with anything but OXQ_DONE the attempt has failed; when it does
     * not end, its lock is renewed no more and the job counts as stalled.
     */
    int64_t deadline_ms;
    int64_t drain_wait_ms;                /* longest wait for a job before it is looked for anew; 0: 5,000 */
    struct oxq_keep on_complete, on_fail; /* of jobs that do not say */
    int64_t metrics_points;               /* minutes that are counted and kept; 0: none */
    size_t stack_bytes;                   /* of each thread; 0: 1 MiB */
    bool is_started_paused;               /* oxq_worker_resume begins */
    /* A backoff whose type is neither fixed nor exponential: the delay, or -1 for no other attempt. */
    int64_t (*on_backoff)(void *ctx, oxq_job *job, const char *type, int64_t attempts_made, const char *failure);
    /* Told what happens; from several threads at once. */
    void (*on_event)(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event);
    uint64_t reserved[8];
};

/*
 * Starts a worker. Its handlers' ctx is that of on_backoff and on_event too. It waits for a server that is not there.
 * Errors: ARGUMENT, MEMORY (threads). Owns: caller, oxq_worker_close.
 */
OXQ_MUST_USE oxq_err oxq_worker_open(oxq *store, const char *queue, const struct oxq_worker_opts *opts,
                                     oxq_handler *handler, void *ctx, oxq_worker **out, struct oxq_error *err);
/*
 * Takes no more jobs, waits for those that run, at most timeout_ms (-1: as long as it takes), then cancels them; a handler that does not
 * end even then keeps its thread, and its job is given back when its lock ends (TIMEOUT: the worker is closed all the same). When nothing
 * runs it waits, whatever the time-out, two seconds at most for a server that does not answer.
 */
oxq_err oxq_worker_close(oxq_worker *worker, int64_t timeout_ms, struct oxq_error *err);
/* Takes no more jobs; those that run go on. wait: until the store knows their ends. */
void oxq_worker_pause(oxq_worker *worker, bool wait);
void oxq_worker_resume(oxq_worker *worker);
bool oxq_worker_is_paused(const oxq_worker *worker);
/*
 * Handlers at a time from now on, 1 .. OXQ_CONCURRENCY_MAX. More begin at once; when there are more than may be, those that run go on, and
 * none begins until enough have ended. Threads: any, a handler's too. Errors: ARGUMENT, STATE (the worker has no handler, or is closing),
 * MEMORY (threads: it stays as it was).
 */
OXQ_MUST_USE oxq_err oxq_worker_set_concurrency(oxq_worker *worker, size_t concurrency, struct oxq_error *err);
/* As it was set last; 0: the worker has no handler. */
size_t oxq_worker_concurrency(const oxq_worker *worker);
/* Cancels a job that runs here; false: none of that id does. */
bool oxq_worker_cancel(oxq_worker *worker, const char *id, const char *reason);
/* All that run here. */
void oxq_worker_cancel_all(oxq_worker *worker, const char *reason);
/* Jobs that run now. */
size_t oxq_worker_running(const oxq_worker *worker);
/*
 * Blocks: until nothing waits and nothing runs here, or timeout_ms are over (TIMEOUT; -1: never). Delayed jobs may wait, and those of a queue
 * that is paused.
 */
OXQ_MUST_USE oxq_err oxq_worker_wait_until_idle(oxq_worker *worker, int64_t timeout_ms, struct oxq_error *err);

/* ---------------------------------------------------------------- without threads */

/*
 * Manual fetching: takes the next job for this worker, opened with a NULL handler, waiting at most wait_ms (-1: for ever) for one; NULL when
 * there is none. Its lock is renewed until it is finished. Owns: the worker, until oxq_worker_finish.
 */
OXQ_MUST_USE oxq_err oxq_worker_fetch(oxq_worker *worker, int64_t wait_ms, oxq_job **out, struct oxq_error *err);
/*
 * Ends a job that was fetched, as if a handler had returned that. out_next: the next job, fetched in the same step; NULL: do not. Errors: STATE
 * (children of it have not finished, or one has failed it: it has failed), LOCK_LOST, ...
 */
OXQ_MUST_USE oxq_err oxq_worker_finish(oxq_worker *worker, oxq_job *job, oxq_outcome outcome, oxq_job **out_next,
                                       struct oxq_error *err);

#ifdef __cplusplus
}
#endif
#endif
