/* SPDX-License-Identifier: MIT */
/* A queue: adding jobs, looking at them, and what an operator does with them. */
#ifndef OXQ_QUEUE_H
#define OXQ_QUEUE_H

#include <oxq/job.h>
#include <oxq/store.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oxq_queue oxq_queue;

struct oxq_queue_opts {
    /*
     * What a job has that was added without options (oxq_queue_add's opts are NULL). Copied. Options are not merged: for a job that differs
     * in one of them, give a copy of this struct with that changed.
     */
    const struct oxq_job_opts *job_defaults;
    int64_t events_max; /* kept in the queue's event stream, about; 0: as it is, or 10,000 */
    uint64_t reserved[8];
};

/* No I/O. Errors: ARGUMENT (no name, a colon in it, too long). Owns: caller, oxq_queue_close. */
OXQ_MUST_USE oxq_err oxq_queue_open(oxq *store, const char *name, const struct oxq_queue_opts *opts, oxq_queue **out,
                                    struct oxq_error *err);
void oxq_queue_close(oxq_queue *queue);
const char *oxq_queue_name(const oxq_queue *queue);

/* ---------------------------------------------------------------- adding */

/*
 * Adds one job; when it returns, the job is as safe as the store makes it: on the disk, for a folder or `oxq serve` with durability
 * always. out_id: the job's id, also of one that was there already (same job_id, or deduplicated); may be NULL. Errors:
 * FORMAT (the data is not JSON), ARGUMENT (an option out of its range: the text says what instead), LIMIT (size_limit_bytes), NOT_FOUND (no such
 * parent), UNREACHABLE, UNCERTAIN (it may have been added: with a job_id, adding it again is safe), ...
 */
OXQ_MUST_USE oxq_err oxq_queue_add(oxq_queue *queue, const char *name, const char *data,
                                   const struct oxq_job_opts *opts, char out_id[OXQ_ID_MAX], struct oxq_error *err);

/*
 * Many jobs, also of several queues of one store, in as few round trips as possible. Each is added or not on its own unless is_atomic.
 */
typedef struct oxq_batch oxq_batch;

struct oxq_batch_opts {
    /* In one step, which nobody sees half done: all of them, or none when one is refused. At most OXQ_ATOMIC_JOBS_MAX; in a
     * cluster their queues share a hash tag. */
    bool is_atomic;
    uint64_t reserved[4];
};
#define OXQ_ATOMIC_JOBS_MAX 10000

/* Owns: caller, oxq_batch_free. */
OXQ_MUST_USE oxq_err oxq_batch_new(oxq *store, const struct oxq_batch_opts *opts, oxq_batch **out,
                                   struct oxq_error *err);
void oxq_batch_free(oxq_batch *batch);
/* Takes one in; no I/O. Errors: as of oxq_queue_add, of the arguments; nothing is taken in then. */
OXQ_MUST_USE oxq_err oxq_batch_add(oxq_batch *batch, oxq_queue *queue, const char *name, const char *data,
                                   const struct oxq_job_opts *opts, struct oxq_error *err);
size_t oxq_batch_count(const oxq_batch *batch);
/*
 * Adds them all. Errors: of the way to the server; is_atomic: also why a job was refused, and so all (oxq_batch_error: CANCELLED for those
 * that are not to blame). Else OXQ_OK though single jobs were refused: oxq_batch_error tells.
 * Afterwards the results can be asked for until the next oxq_batch_add, which begins anew.
 */
OXQ_MUST_USE oxq_err oxq_batch_run(oxq_batch *batch, struct oxq_error *err);
/* The i-th job's id; NULL when it was not added. */
const char *oxq_batch_id(const oxq_batch *batch, size_t i);
/* Why the i-th was not added; OXQ_OK when it was. */
oxq_err oxq_batch_error(const oxq_batch *batch, size_t i, struct oxq_error *err);
size_t oxq_batch_failed_count(const oxq_batch *batch);

/* ---------------------------------------------------------------- looking */

/* Errors: NOT_FOUND, TYPE (its key holds something else). Owns: caller, oxq_job_free. */
OXQ_MUST_USE oxq_err oxq_queue_get(oxq_queue *queue, const char *id, oxq_job **out, struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_queue_state(oxq_queue *queue, const char *id, oxq_state *out, struct oxq_error *err);

struct oxq_counts {
    int64_t of[OXQ_STATES_COUNT]; /* by state */
    bool is_paused;
};
OXQ_MUST_USE oxq_err oxq_queue_counts(oxq_queue *queue, struct oxq_counts *out, struct oxq_error *err);
/* Waiting jobs of each of the priorities (0: those without). out_counts has room for `count`. */
OXQ_MUST_USE oxq_err oxq_queue_counts_per_priority(oxq_queue *queue, const int64_t *priorities, size_t count,
                                                   int64_t *out_counts, struct oxq_error *err);
/* Delayed jobs that are due before a point in time: before now, they wait for a worker that lets them wait. Errors: ARGUMENT. */
OXQ_MUST_USE oxq_err oxq_queue_delayed_count(oxq_queue *queue, int64_t due_before_ms, int64_t *out,
                                             struct oxq_error *err);

/*
 * Jobs of some states, read in portions while they are walked. What is added, moved or removed meanwhile may or may not be seen; all others
 * are given once. So what the list gives may be retried, promoted or removed while it is walked.
 */
typedef struct oxq_list oxq_list;

struct oxq_list_opts {
    unsigned states; /* 1u << OXQ_STATE_WAITING | ...; 0: all */
    int64_t skip;    /* so many are passed over, in each state */
    int64_t count;   /* so many at most; 0: all */
    bool newest_first;
    const char *name;                   /* only jobs of that name */
    const char *failure;                /* only jobs whose failure contains this; of a dead letter: that it tells of */
    const char *data_path;              /* only jobs whose data has something at this JSON pointer, ... */
    const char *data_value;             /* ... and, when this is given, this text, number, true, false or null */
    int64_t added_from_ms, added_to_ms; /* 0: no bound */
    bool without_data;                  /* data, results and stacks are not read: much faster */
    uint64_t reserved[8];
};

/* Errors: ARGUMENT. Owns: caller, oxq_list_free. */
OXQ_MUST_USE oxq_err oxq_queue_list(oxq_queue *queue, const struct oxq_list_opts *opts, oxq_list **out,
                                    struct oxq_error *err);
/*
 * The next job, or NULL at the end, and its state (out_state may be NULL). It is the list's own and valid until the next call.
 */
OXQ_MUST_USE oxq_err oxq_list_next(oxq_list *list, oxq_job **out, oxq_state *out_state, struct oxq_error *err);
void oxq_list_free(oxq_list *list);

/* Lines that oxq_job_log wrote, from `start` (0: the oldest) to `end` (-1: the newest). Owns: caller, oxq_names_free. */
OXQ_MUST_USE oxq_err oxq_queue_logs(oxq_queue *queue, const char *id, int64_t start, int64_t end, oxq_names **out,
                                    struct oxq_error *err);
/* How many lines there are. */
OXQ_MUST_USE oxq_err oxq_queue_logs_count(oxq_queue *queue, const char *id, int64_t *out, struct oxq_error *err);

/* Per minute, the newest first; kept when workers collect them. */
struct oxq_metrics {
    int64_t count;       /* of all time */
    int64_t last_ms;     /* when the newest minute was counted; 0: nothing was */
    int64_t *per_minute; /* the caller's room */
    size_t cap, points;  /* its size; how many were written */
    size_t skip;         /* the caller's: so many of the newest minutes are passed over */
};
/* finished: completed or failed. Errors: ARGUMENT. */
OXQ_MUST_USE oxq_err oxq_queue_metrics(oxq_queue *queue, oxq_state finished, struct oxq_metrics *metrics,
                                       struct oxq_error *err);

struct oxq_label {
    const char *name, *value;
};
/*
 * Numbers of some queues of one store in Prometheus' text format, under the names that BullMQ gives them: bullmq_job_count by queue and
 * state; bullmq_job_completed_total and bullmq_job_failed_total, where workers collect metrics. labels: of each number beside those; NULL
 * when there are none. out_text: ends with a newline. Owns: caller, oxq_text_free (events.h). Errors: ARGUMENT (the name of a label).
 */
OXQ_MUST_USE oxq_err oxq_queues_prometheus(oxq_queue *const *queues, size_t count, const struct oxq_label *labels,
                                           size_t labels_count, char **out_text, struct oxq_error *err);

/* A connection of a worker that is there to take jobs, as the server tells of it. */
struct oxq_worker_connection {
    const char *name;    /* the worker's; empty: it has none */
    const char *address; /* "10.0.0.7:51234"; of a unix socket its path, with ":0" */
    int64_t age_s;       /* since it connected */
    int64_t idle_s;      /* since its last command; a worker that waits for a job sends one each few seconds */
};
typedef struct oxq_workers oxq_workers;
/* The connections of a queue's workers, by name and address. Owns: caller, oxq_workers_free. */
OXQ_MUST_USE oxq_err oxq_queue_workers(oxq_queue *queue, oxq_workers **out, struct oxq_error *err);
size_t oxq_workers_count(const oxq_workers *workers);
/* Borrowed; NULL when there are not so many. */
const struct oxq_worker_connection *oxq_workers_at(const oxq_workers *workers, size_t index);
void oxq_workers_free(oxq_workers *workers);

/* ---------------------------------------------------------------- one job */

/* Errors of all: NOT_FOUND, STATE (it is not where it must be for that), LOCK_LOST (it is active). */

/*
 * with_children: and its children, of all levels. LOCK_LOST: it is active, or a child that has not finished is. More than a thousand
 * jobs go in portions, the job itself last; when it is refused then, part of its children is gone.
 */
OXQ_MUST_USE oxq_err oxq_queue_remove(oxq_queue *queue, const char *id, bool with_children, struct oxq_error *err);
/* A failed (or completed) job waits again, before all others when its options say lifo. with_attempts_reset: as if it had never run. */
OXQ_MUST_USE oxq_err oxq_queue_retry(oxq_queue *queue, const char *id, oxq_state from, bool with_attempts_reset,
                                     struct oxq_error *err);
/* A delayed job waits now. */
OXQ_MUST_USE oxq_err oxq_queue_promote(oxq_queue *queue, const char *id, struct oxq_error *err);
/* A delayed job is due so long from now. */
OXQ_MUST_USE oxq_err oxq_queue_change_delay(oxq_queue *queue, const char *id, int64_t delay_ms, struct oxq_error *err);
/* Of a job in any state; 0: none. lifo: it comes before all others of that priority. */
OXQ_MUST_USE oxq_err oxq_queue_change_priority(oxq_queue *queue, const char *id, int64_t priority, bool lifo,
                                               struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_queue_update_data(oxq_queue *queue, const char *id, const char *data, struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_queue_update_progress(oxq_queue *queue, const char *id, const char *progress,
                                               struct oxq_error *err);
/* The job's keep_logs is for the lines of its handler: these are all kept. */
OXQ_MUST_USE oxq_err oxq_queue_log(oxq_queue *queue, const char *id, const char *line, struct oxq_error *err);
/* Deletes the job's lines but the newest `keep`. */
OXQ_MUST_USE oxq_err oxq_queue_clear_logs(oxq_queue *queue, const char *id, int64_t keep, struct oxq_error *err);
/* Which job holds a deduplication id: newer ones with it are not added. Errors: NOT_FOUND (none does). */
OXQ_MUST_USE oxq_err oxq_queue_deduplication_holder(oxq_queue *queue, const char *deduplication_id,
                                                    char out_id[OXQ_ID_MAX], struct oxq_error *err);
/*
 * A job gives up the deduplication id that it was added with: the next job with it is added, while this one runs, say. out_had: false: it had none,
 * or another holds it by now; may be NULL.
 */
OXQ_MUST_USE oxq_err oxq_queue_release_deduplication(oxq_queue *queue, const char *id, bool *out_had,
                                                     struct oxq_error *err);
/* The deduplication id is free again, whoever holds it. out_was_there may be NULL. */
OXQ_MUST_USE oxq_err oxq_queue_remove_deduplication(oxq_queue *queue, const char *deduplication_id, bool *out_was_there,
                                                    struct oxq_error *err);

/* ---------------------------------------------------------------- the whole queue */

/* No worker takes a job until it is resumed; those that run go on. */
OXQ_MUST_USE oxq_err oxq_queue_pause(oxq_queue *queue, struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_queue_resume(oxq_queue *queue, struct oxq_error *err);

/*
 * What may meet a million jobs works in portions between other clients' commands. on_progress is told after each; when it returns
 * false the work stops there (CANCELLED). All zero: all of them, nobody is told.
 */
struct oxq_many_opts {
    int64_t limit;      /* so many jobs at most; 0: all */
    int64_t per_second; /* so many jobs at most in each second, in small portions; 0: as fast as they go */
    bool (*on_progress)(void *ctx, int64_t done);
    void *ctx; /* of on_progress */
    uint64_t reserved[4];
};

/*
 * Removes the jobs that wait; with_delayed: those that are delayed too. The next runs of schedulers stay. out_count: of jobs removed; also
 * when it is cut short; may be NULL. Errors: CANCELLED.
 */
OXQ_MUST_USE oxq_err oxq_queue_drain(oxq_queue *queue, bool with_delayed, const struct oxq_many_opts *opts,
                                     int64_t *out_count, struct oxq_error *err);
/*
 * Removes jobs of a state that are older than grace_ms: by the time they finished, or else began, or else were added. Active ones whose
 * worker holds their lock and the next runs of schedulers stay. A parent that waited only for them in the same queue goes too.
 * out_count: of jobs, without such parents; also when it is cut short; may be NULL. Errors: ARGUMENT (waiting for children), CANCELLED.
 */
OXQ_MUST_USE oxq_err oxq_queue_clean(oxq_queue *queue, oxq_state state, int64_t grace_ms,
                                     const struct oxq_many_opts *opts, int64_t *out_count, struct oxq_error *err);
/*
 * Failed (or completed) jobs wait again, as if they had never run: those that finished up to finished_to_ms (0: until now), the oldest
 * first. out_count: as of oxq_queue_clean.
 */
OXQ_MUST_USE oxq_err oxq_queue_retry_all(oxq_queue *queue, oxq_state from, int64_t finished_to_ms,
                                         const struct oxq_many_opts *opts, int64_t *out_count, struct oxq_error *err);
/* Delayed jobs wait now. */
OXQ_MUST_USE oxq_err oxq_queue_promote_all(oxq_queue *queue, const struct oxq_many_opts *opts, int64_t *out_count,
                                           struct oxq_error *err);

/*
 * The same to the jobs that a list with the options `which` would give; NULL: to all. Jobs that cannot be treated so (a worker has one, one
 * is the next run of a scheduler, one is gone) are passed over. Nothing is retried or replayed twice: what was added or has finished since the
 * call began is left alone. out_count: jobs that it happened to, also when it is cut short; may be NULL. Errors: ARGUMENT, CANCELLED.
 */

/* Failed (or completed, when which->states says so) jobs wait again, as if they had never run. */
OXQ_MUST_USE oxq_err oxq_queue_retry_matching(oxq_queue *queue, const struct oxq_list_opts *which,
                                              const struct oxq_many_opts *opts, int64_t *out_count,
                                              struct oxq_error *err);
/* Delayed jobs wait now. */
OXQ_MUST_USE oxq_err oxq_queue_promote_matching(oxq_queue *queue, const struct oxq_list_opts *which,
                                                const struct oxq_many_opts *opts, int64_t *out_count,
                                                struct oxq_error *err);
/* Removes them, as oxq_queue_remove without children does. */
OXQ_MUST_USE oxq_err oxq_queue_remove_matching(oxq_queue *queue, const struct oxq_list_opts *which,
                                               const struct oxq_many_opts *opts, int64_t *out_count,
                                               struct oxq_error *err);

/*
 * Removes the queue with all that it has: jobs of all states, schedulers, events, metrics, settings. It is paused first, and stays so when
 * it is refused or cut short. A parent in another queue that waited only for its jobs runs. on_progress counts jobs and schedulers. Errors: STATE
 * (jobs are active, and with_active is false; somebody resumed it meanwhile), ARGUMENT (a limit), CANCELLED.
 */
OXQ_MUST_USE oxq_err oxq_queue_obliterate(oxq_queue *queue, bool with_active, const struct oxq_many_opts *opts,
                                          struct oxq_error *err);

/*
 * Removes what is left of jobs that are in no state any more: nobody sees them, and they take room for ever. BullMQ 5.66.6 and some after it leave
 * such when they remove finished jobs by age. Walks all keys of the store (of a cluster those of the node that has the queue); ids with a
 * colon are left alone, and so is what is no job. out_count: of jobs, also when it is cut short; may be NULL. Errors: CANCELLED.
 */
OXQ_MUST_USE oxq_err oxq_queue_remove_orphans(oxq_queue *queue, const struct oxq_many_opts *opts, int64_t *out_count,
                                              struct oxq_error *err);

/* Cuts the event stream to about so many. out_count: events removed; may be NULL. */
OXQ_MUST_USE oxq_err oxq_queue_trim_events(oxq_queue *queue, int64_t keep, int64_t *out_count, struct oxq_error *err);

/* ---------------------------------------------------------------- limits of the whole queue, over all workers */

/* Jobs active at a time; 0: no limit. */
OXQ_MUST_USE oxq_err oxq_queue_set_concurrency(oxq_queue *queue, int64_t max, struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_queue_get_concurrency(oxq_queue *queue, int64_t *out_max, struct oxq_error *err);
/* Jobs begun in each span of time; max 0: no limit. */
OXQ_MUST_USE oxq_err oxq_queue_set_rate_limit(oxq_queue *queue, int64_t max, int64_t duration_ms,
                                              struct oxq_error *err);
OXQ_MUST_USE oxq_err oxq_queue_get_rate_limit(oxq_queue *queue, int64_t *out_max, int64_t *out_duration_ms,
                                              struct oxq_error *err);
/* No job is begun for so long; 0: from now on they are, by a worker that waits when its drain_wait_ms are over. */
OXQ_MUST_USE oxq_err oxq_queue_rate_limit(oxq_queue *queue, int64_t for_ms, struct oxq_error *err);
/* How long none will be begun; 0: some may be. */
OXQ_MUST_USE oxq_err oxq_queue_rate_limit_ttl(oxq_queue *queue, int64_t *out_ms, struct oxq_error *err);

/* What keeps workers from beginning jobs just now. */
struct oxq_limits {
    int64_t wait_ms; /* the rate allows none for so long; 0: it does */
    bool is_full;    /* as many jobs are active as the queue's concurrency allows */
    bool is_paused;
};
/* rate_max: the limiter_max of workers that have one of their own; 0: the queue's rate. Errors: ARGUMENT. */
OXQ_MUST_USE oxq_err oxq_queue_limits(oxq_queue *queue, int64_t rate_max, struct oxq_limits *out,
                                      struct oxq_error *err);

/* What is stored with the queue, for all who use it. */
struct oxq_settings {
    int64_t concurrency;       /* 0: no limit */
    int64_t rate_max, rate_ms; /* 0: no limit */
    int64_t events_max;        /* kept in the event stream, about; 0: nobody has said */
    bool is_paused;
    char version[64]; /* of the BullMQ that opened it last: "bullmq:6.7.0"; empty: none has */
};
OXQ_MUST_USE oxq_err oxq_queue_settings(oxq_queue *queue, struct oxq_settings *out, struct oxq_error *err);

/* ---------------------------------------------------------------- dead letters */

/*
 * Names the queue where jobs go whose last attempt failed; NULL: none any more. It is stored with the queue; workers of this library hold
 * to it, in the same step as the failure: a job of its own, in a queue that any dashboard shows, with all that is known of the dead
 * one as its data (docs/dead-letters.md). A BullMQ worker knows nothing of it. Errors: ARGUMENT (no name of a queue, or the queue itself).
 */
OXQ_MUST_USE oxq_err oxq_queue_set_dead_letters(oxq_queue *queue, const char *dead_queue, struct oxq_error *err);
/* Its name; empty when there is none. */
OXQ_MUST_USE oxq_err oxq_queue_get_dead_letters(oxq_queue *queue, char out_dead_queue[OXQ_ID_MAX],
                                                struct oxq_error *err);

/* What a job of a dead-letter queue tells of the one that died. Texts are NULL where there is none, and borrowed from the job. */
struct oxq_dead_letter {
    const char *queue, *id, *name;
    const char *data, *opts; /* JSON, as they were stored */
    const char *failure;     /* the last error */
    const char *stacktrace;  /* JSON: a list of texts, one for each failed attempt */
    const char *processed_by;
    const char *parent_key; /* "bull:orders:7" */
    int64_t attempts_made, attempts_started, stalled_count;
    int64_t added_ms, processed_ms, failed_ms; /* when the last attempt began, and ended */
};
/* Errors: FORMAT: the job is no dead letter. */
OXQ_MUST_USE oxq_err oxq_job_dead_letter(oxq_job *job, struct oxq_dead_letter *out, struct oxq_error *err);
/*
 * The job of a dead letter waits in its queue again, with the letter's data and as if it had never run, and the letter is removed: both or
 * neither. `dead` is the dead-letter queue. out_id: of the job, as it always was; may be NULL. To discard a letter is oxq_queue_remove.
 * Errors: NOT_FOUND, FORMAT (it is no dead letter), EXISTS (a job of that id is in its queue and has not died with this letter),
 * LOCK_LOST (a worker has the letter).
 */
OXQ_MUST_USE oxq_err oxq_queue_replay(oxq_queue *dead, const char *id, char out_id[OXQ_ID_MAX], struct oxq_error *err);
/*
 * Replays dead letters as oxq_queue_retry_matching retries jobs; which->name and failure are those of the jobs that died. Letters that
 * cannot be replayed stay.
 */
OXQ_MUST_USE oxq_err oxq_queue_replay_matching(oxq_queue *dead, const struct oxq_list_opts *which,
                                               const struct oxq_many_opts *opts, int64_t *out_count,
                                               struct oxq_error *err);

#ifdef __cplusplus
}
#endif
#endif
