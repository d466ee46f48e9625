/* SPDX-License-Identifier: MIT */
/* A job as it is stored: the fields of its hash. */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include "jobs/options.h"
#include "resp/reply_parser.h"

/*
 * All slices are borrowed from the reply it was read from. JSON stays text until somebody asks for it (json_read_value,
 * job_options_read); an empty text: the job has no such field.
 */
struct job {
    struct slice id, name;
    struct slice data;             /* JSON, any value */
    struct slice opts;             /* JSON */
    struct slice returnvalue;      /* JSON, any value */
    struct slice progress;         /* JSON: a number, a text or an object */
    struct slice stacktrace;       /* JSON: a list of texts, one for each failed attempt */
    struct slice failed_reason;    /* text */
    struct slice deferred_failure; /* text: the job fails with it as soon as it is taken */
    struct slice parent_key;       /* bull:mail:12 */
    struct slice parent;           /* JSON: {id, queueKey, fpof ...} */
    struct slice repeat_job_key;   /* the scheduler's id */
    struct slice deduplication_id;
    struct slice dead_id;
    struct slice processed_by; /* the worker's name */
    struct slice next_run_id;  /* of a scheduler's job: the one that it made */
    int64_t timestamp_ms, delay_ms, priority;
    int64_t processed_ms, finished_ms; /* 0: not yet */
    int64_t attempts_made;             /* that failed or completed */
    int64_t attempts_started;
    int64_t stalled_count;
};

/*
 * Reads HGETALL's reply, a flat array or a map. Fields that are not known are passed over. Errors: NOT_FOUND (an empty one: there is
 * no such job), TYPE (it is damaged), FORMAT (it is no such reply, or a number is none; the text says which).
 */
OXQ_MUST_USE oxq_err job_read(const struct resp_value *fields, struct slice id, struct job *out, struct oxq_error *err);
/* All but data, results and stacks, which may be large, and what few ask for. */
#define JOB_BRIEF_FIELDS 17
extern const char *const job_brief_fields[JOB_BRIEF_FIELDS];
/* Does the reply say that the job's key is no hash? Somebody has put something else in its place. */
bool job_is_damaged(const struct resp_value *reply);

#endif
