/* SPDX-License-Identifier: MIT */
/* A worker and the jobs that it has: private to worker/. */
#ifndef WORKER_STATE_H
#define WORKER_STATE_H

#include "api/span.h"
#include "base/link.h"
#include "base/rng.h"
#include "jobs/fetch.h"
#include "os/thread.h"

#include <stdatomic.h>

/* Of a lock: the worker's random name and the number of the request that took the job. */
#define WORKER_TOKEN_MAX 64
#define WORKER_REASON_MAX 128

/* A step that was done: in the job's arena. */
struct run_step {
    struct run_step *next;
    struct slice name;
    const char *result;
};

/* What the store is told of a job. */
enum run_end { RUN_COMPLETED, RUN_FAILED, RUN_DELAYED, RUN_RETRIED, RUN_WAITING, RUN_WAITING_CHILDREN };

/*
 * A job that was taken.
 *
 *   READY --a thread takes it--> RUNNING --its handler returned--> ENDED --the store knows--> gone
 *
 * It is in worker->held all that time, so that its lock is renewed; but not when it was cancelled: should its handler never end, the
 * lock does, and the job counts as stalled.
 */
struct job_run {
    struct link link;      /* in worker->ready or ->ended */
    struct link held_link; /* in worker->held */
    oxq_worker *worker;    /* borrowed */
    oxq_job *job;          /* owned */
    struct slice token;    /* in the job's arena */
    struct run_step *steps;
    char *progress;      /* owned: what its handler told last; NULL: nothing */
    int64_t deadline_us; /* CLOCK_MONOTONIC; INT64_MAX: none */

    /* How it ended: the thread's that runs it, until it is in `ended`. */
    oxq_outcome outcome;
    const char *text;       /* result or failure, in the job's arena; NULL: none */
    const char *stack;      /* the same */
    int64_t delay_ms;       /* of RETRY, DELAYED and RATE_LIMITED */
    struct slice child_key; /* of WAITING_CHILDREN: what it waits for, in the job's arena; empty: all */
    bool is_given_back;     /* it was not begun: whoever comes next takes it */
    bool is_uncertain;      /* its end was sent and the answer lost */
    bool has_no_children;   /* of WAITING_CHILDREN: none to wait for */
    struct oxq_error *told; /* borrowed from who waits for it: why it could not be ended; NULL: nobody does */
    enum run_end end;       /* what the round makes of it */
    struct span span;       /* of the handler, then of the round */
    const char *context;    /* of the handler's span, in the job's arena; NULL: it had none */

    /* Under worker->lock. */
    bool is_running;                       /* a handler has it */
    int cancel_fd;                         /* owned; -1: nobody asked for one */
    char cancel_reason[WORKER_REASON_MAX]; /* written once, before is_cancelled */
    atomic_bool is_cancelled;
    atomic_bool is_lock_lost; /* then it is cancelled too */
};

struct oxq_worker {
    /* Fixed once it runs. */
    oxq *store; /* borrowed */
    struct arena arena;
    const char *queue;
    oxq_queue *own_queue; /* owned: for handlers */
    struct slice prefix, name, marker_key;
    char id[WORKER_TOKEN_MAX / 2];
    struct oxq_worker_opts opts; /* with its defaults filled in */
    struct job_keep on_complete, on_fail;
    oxq_handler *handler; /* NULL: manual fetching */
    void *ctx;
    struct client *client; /* owned: patient, shared by all threads */

    struct lock lock;            /* of all below */
    struct condition work;       /* for threads of handlers: something is ready, or must be told */
    struct condition change;     /* for those who wait for the worker: idle, paused, closed */
    struct condition timer_wake; /* for the timer */
    struct client_line *line;    /* owned: where one of the threads waits for jobs */
    struct link ready, ended, held;
    struct link threads, retired; /* owned: pool.c */
    struct rng rng;
    uint64_t token_number;
    size_t concurrency;   /* handlers at a time */
    size_t threads_left;  /* that have not ended */
    size_t idle_count;    /* threads that wait on `work` */
    size_t running_count; /* handlers */
    size_t ready_count;
    bool is_waiting; /* a thread waits on the line */
    bool is_telling; /* a thread talks to the store about `ended` and takes jobs */
    bool is_hungry;  /* there may be jobs to take */
    bool is_waking;  /* a thread was told to stop being idle, and has not yet */
    bool is_paused, is_closing, is_drained_told;
    bool is_forsaken; /* threads end, whatever is left to do */
    bool is_orphaned; /* who closes it does not wait for its threads: the last one frees it */
    /* A request for jobs whose answer was lost: no other is made before it is known what that one took. No token: there is none. */
    struct {
        char token[WORKER_TOKEN_MAX];
        int64_t count, now_ms;
    } lost;
    int64_t rate_until_us; /* no job may be taken before that; 0: no limit is known */
    int64_t due_ms;        /* when the first delayed job is due, wall clock; 0: none is known */
    struct thread timer;
};

/* ---- worker.c ---- */

void worker_tell(oxq_worker *w, struct oxq_worker_event event);
/* Under the lock, by a thread of handlers: the next thing that there is to do; it may wait for one. */
void worker_step(oxq_worker *w);
/* Under the lock: nothing is left for its threads to do, for ever. */
bool worker_is_over(const oxq_worker *w);
/*
 * Under the lock, by a thread that begins a job or ends: another one for what there is to do. It wakes the next in its turn, and none is woken
 * while one is on its way: so long jobs soon have all threads, and of short ones a thread does many, which costs less than to be woken for each.
 */
void worker_wake_another(oxq_worker *w);
/* Errors: ARGUMENT. */
OXQ_MUST_USE oxq_err worker_check_concurrency(size_t concurrency, struct oxq_error *err);
/* An error of asking the store: may it be another time when that is asked again? */
bool worker_may_pass(oxq_err e);
/* Under the lock, after an error: for a moment, so that a server which refuses is not asked without a pause. */
void worker_pause_briefly(oxq_worker *w);
/* Under the lock: jobs that no thread has begun go back to where they came from. */
void worker_give_back(oxq_worker *w);
/* Frees all of it: nobody is left in it. */
void worker_free(oxq_worker *w);

/* ---- pool.c: threads of handlers; all under the lock ---- */

/* So many from now on. Errors: MEMORY: as many as before. */
OXQ_MUST_USE oxq_err pool_resize(oxq_worker *w, size_t concurrency, struct oxq_error *err);
/* Threads that may take a job, the calling one among them. */
size_t pool_count_free(const oxq_worker *w);
/* May the calling one take one? */
bool pool_has_room(const oxq_worker *w);
/* Are there jobs for more handlers than may run? */
bool pool_is_exceeded(const oxq_worker *w);
/* Nobody waits for those that have not ended. */
void pool_end(oxq_worker *w);
/* What pool_end left, once all have ended. */
void pool_free(oxq_worker *w);

/* ---- run.c: one job ---- */

/* Of a fetched job; ACTIVE was not told. */
struct job_run *run_new(oxq_worker *w, const struct fetched_job *from, struct slice token);
void run_free(struct job_run *run);
/* Runs the handler, or finds that it must not; its outcome is known then. */
void run_handle(struct job_run *run);
/* The same for who fetches by hand: may the job be given out? If not, its outcome is known. */
bool run_may_begin(struct job_run *run);
/* What its handler, or who fetched it, says how it ended. */
void run_end(struct job_run *run, oxq_outcome outcome);
/* Under the lock. Nothing when it is cancelled already. */
void run_cancel(struct job_run *run, const char *reason);
/* The same: another may have the job, and nothing more is done for it here. */
void run_lose_lock(struct job_run *run);
/* Sets the outcome of a failure. */
void run_fail(struct job_run *run, oxq_outcome outcome, const char *text);
/* Did its handler fail? */
bool run_has_failed(const struct job_run *run);
/* Why it failed. */
const char *run_failure(const struct job_run *run);

/* ---- trace.c: telemetry, when the store has it ---- */

/* Around the handler, on its thread. */
void trace_begin_handler(struct job_run *run);
void trace_end_handler(struct job_run *run);
/* Around the request that tells the store of its end. error: why it could not; NULL: it knows. */
void trace_begin_end(struct job_run *run);
void trace_end(struct job_run *run, const char *error);

/* ---- tell.c: ended jobs are told, new ones taken ---- */

/* One round, with the lock held when it is called and when it returns. wanted: jobs to take at most. */
void tell_round(oxq_worker *w, size_t wanted);

/* ---- wait.c: for jobs to come ---- */

/* Until there may be one to take, with the lock held when it is called and when it returns. */
void wait_for_jobs(oxq_worker *w, int64_t at_most_ms);
/* Under the lock: whoever waits comes back. */
void wait_cancel(oxq_worker *w);

/* ---- timer.c ---- */

/* The timer's thread: renews locks, cancels at deadlines, looks for stalled jobs. */
void timer_run(void *ctx);

#endif
