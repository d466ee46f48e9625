/* SPDX-License-Identifier: MIT */
/* Schedulers: jobs that come again, every so often or by a cron text. */
#ifndef OXQ_SCHEDULER_H
#define OXQ_SCHEDULER_H

#include <oxq/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* either `pattern` or `every_ms`. */
struct oxq_schedule {
    const char *pattern; /* "0 30 4 * * 1-5": [second] minute hour day month weekday; L, W, #, names, @daily */
    const char *tz;      /* of the pattern: "Europe/Berlin"; NULL: this machine's */
    int64_t every_ms;
    int64_t limit;            /* runs in all; 0: no limit */
    int64_t start_ms, end_ms; /* 0: none */
    bool immediately;         /* with a pattern: the first run is now */
    int64_t offset_ms; /* with every_ms: runs are so long after its multiples since 1970; 0: after the first run's */
    uint64_t reserved[3];
};

/*
 * Makes or changes the scheduler `id`; its next run is a delayed job, and each run that begins makes the one after it. Done by several
 * programs at once it is still one. job: what each run is; without a name it has the id; NULL: all of that. out_job_id: the next run; may be
 * NULL. Errors: ARGUMENT (a pattern that makes no sense or never fires, an unknown zone, both or none of pattern and every_ms).
 */
OXQ_MUST_USE oxq_err oxq_scheduler_upsert(oxq_queue *queue, const char *id, const struct oxq_schedule *schedule,
                                          const struct oxq_job_template *job, char out_job_id[OXQ_ID_MAX],
                                          struct oxq_error *err);
/* The scheduler and its next run. out_was_there may be NULL. */
OXQ_MUST_USE oxq_err oxq_scheduler_remove(oxq_queue *queue, const char *id, bool *out_was_there, struct oxq_error *err);

struct oxq_scheduler {
    const char *id, *name;
    const char *pattern, *tz; /* or NULL */
    const char *data, *opts;  /* of its jobs, JSON; or NULL */
    int64_t every_ms, next_ms, runs_count, limit, start_ms, end_ms, offset_ms;
};

typedef struct oxq_schedulers oxq_schedulers;
/* By the time of the next run, the first `count` (0: all) after `skip`. Owns: caller, oxq_schedulers_free. */
OXQ_MUST_USE oxq_err oxq_schedulers_list(oxq_queue *queue, int64_t skip, int64_t count, oxq_schedulers **out,
                                         struct oxq_error *err);
/* How many the queue has. */
OXQ_MUST_USE oxq_err oxq_schedulers_total(oxq_queue *queue, int64_t *out, struct oxq_error *err);
/* One of them. Errors: NOT_FOUND. Owns: as a list of one. */
OXQ_MUST_USE oxq_err oxq_scheduler_get(oxq_queue *queue, const char *id, oxq_schedulers **out, struct oxq_error *err);
size_t oxq_schedulers_count(const oxq_schedulers *list);
const struct oxq_scheduler *oxq_schedulers_at(const oxq_schedulers *list, size_t i);
void oxq_schedulers_free(oxq_schedulers *list);

#ifdef __cplusplus
}
#endif
#endif
