/* SPDX-License-Identifier: MIT */
/*
 * Job schedulers: a queue's job factories, each with an id. A scheduler always has one run ahead, a job that is delayed until its time;
 * when that job begins, whoever took it adds the next (scheduler_next_request). Runs are named by scheduler and time, so that none is
 * made twice by however many workers, and nothing is made when nobody works.
 */
#ifndef JOBS_SCHEDULER_H
#define JOBS_SCHEDULER_H

#include "cron/cron.h"
#include "jobs/job.h"
#include "jobs/request.h"

#define SCHEDULER_ID_BYTES_MAX 512
/* Of one page of scheduler_list_request. */
#define SCHEDULER_PAGE_MAX 1000

/*
 * Finds the zone of a name; empty: that of the machine. *out is borrowed as long as the caller of this header's functions says.
 * Errors: NOT_FOUND, ARGUMENT and those of reading files.
 */
typedef oxq_err scheduler_zone_fn(void *ctx, struct slice name, const struct zone **out, struct oxq_error *err);

/* When a pattern that is no cron text runs next, after a time; 0: never again. name: of the jobs. */
typedef int64_t scheduler_strategy_fn(void *ctx, const struct job_repeat *repeat, struct slice name, int64_t after_ms);

struct scheduler_context {
    struct slice prefix; /* of the queue (keys_prefix) */
    int64_t now_ms;
    scheduler_zone_fn *zone;
    void *zone_ctx;
    scheduler_strategy_fn *strategy; /* NULL: patterns are cron texts */
    void *strategy_ctx;
};

/* Everything is borrowed. */
struct scheduler_spec {
    struct slice id;
    /* Either pattern (with tz) or every_ms (with offset_ms); limit, start_ms, end_ms. */
    struct job_repeat repeat;
    bool immediately;                  /* with a pattern: the first run is now */
    struct slice name;                 /* of its jobs; empty: the id */
    struct slice data;                 /* of its jobs, JSON; empty: {} */
    const struct job_options *options; /* of its jobs; NULL: the defaults */
    struct slice
        trace_metadata; /* of runs, when the options have none and do not omit it: each run takes over that of the one before */
};

/*
 * Makes the scheduler or changes the one of that id. Errors: ARGUMENT (neither or both of pattern and every_ms, a pattern that is none or
 * never fires, an end that has passed, options that a scheduler's jobs cannot have: delay, job_id, timestamp, deduplication, parent),
 * FORMAT (data that is not JSON), those of the zone. The reply is read with scheduler_result.
 */
OXQ_MUST_USE oxq_err scheduler_upsert_request(struct arena *arena, const struct scheduler_context *context,
                                              const struct scheduler_spec *spec, struct request *out,
                                              struct oxq_error *err);
/* *out_id, borrowed from the reply, and delay of the next run. Errors: EXISTS (see REFUSAL_TABLE), SERVER. */
OXQ_MUST_USE oxq_err scheduler_result(const struct resp_value *reply, struct slice *out_id, int64_t *out_delay_ms,
                                      struct oxq_error *err);

/*
 * To be sent when a job that has a repeat_job_key begins. *out_is_due false: its scheduler has reached its limit or its end, and there
 * is nothing to send. The reply is the next job's id; it is empty when that run was made already or the scheduler is gone.
 * Errors: FORMAT (its options), ARGUMENT (its pattern), those of the zone.
 */
OXQ_MUST_USE oxq_err scheduler_next_request(struct arena *arena, const struct scheduler_context *context,
                                            const struct job *job, bool *out_is_due, struct request *out,
                                            struct oxq_error *err);

/* The reply is 1, or 0: there was none. */
void scheduler_remove_request(struct arena *arena, struct slice prefix, struct slice id, struct request *out);

/* A scheduler as it is stored; slices are borrowed from the reply. */
struct scheduler {
    struct slice id, name;
    struct job_repeat repeat; /* but for count */
    int64_t next_ms;          /* when it runs next */
    int64_t iterations;       /* runs that were added */
    struct slice data, opts;  /* JSON; empty: {} */
    bool is_there;            /* false: it is in the list of schedulers, but nothing is known of it */
};

void scheduler_get_request(struct arena *arena, struct slice prefix, struct slice id, struct request *out);
/* Those from `first`, counted from 0; count: SCHEDULER_PAGE_MAX at most. Ordered by their next run, the last first unless is_ascending. */
void scheduler_list_request(struct arena *arena, struct slice prefix, int64_t first, int64_t count, bool is_ascending,
                            struct request *out);
/* How many schedulers the reply of either has, and how many there are (out_total may be NULL). Errors: SERVER. */
OXQ_MUST_USE oxq_err scheduler_read_count(const struct resp_value *reply, size_t *out_count, int64_t *out_total,
                                          struct oxq_error *err);
/* Errors: FORMAT. */
OXQ_MUST_USE oxq_err scheduler_read(const struct resp_value *reply, size_t i, struct scheduler *out,
                                    struct oxq_error *err);

#endif
