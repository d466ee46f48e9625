/* SPDX-License-Identifier: MIT */
/*
 * A job's options, and the JSON text in which BullMQ keeps them (the field `opts`). All zero is the default of each.
 *
 * Options are read under their long names, which users write, and under the short ones, which are stored (`keepLogs`, `kl`); they are
 * written under the stored ones. Names that are not known are passed over when read.
 */
#ifndef JOBS_OPTIONS_H
#define JOBS_OPTIONS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define JOB_PRIORITY_MAX ((1 << 21) - 1)
/* 2^53 / 4096 ms after 1970, in the year 2039: a delayed job's score, its time * 4096, is exact up to there. */
#define JOB_TIME_MAX_MS ((INT64_C(1) << 41) - 1)
/* As stack_trace_limit: nothing is kept. */
#define JOB_STACK_NONE (-1)

/* What becomes of the job when it has finished. */
enum job_keep_kind {
    JOB_KEEP_DEFAULT, /* as the worker says: it is kept */
    JOB_KEEP_ALL,
    JOB_KEEP_NONE,
    JOB_KEEP_SOME /* as many as the limits below allow */
};

struct job_keep {
    enum job_keep_kind kind;
    /* Of JOB_KEEP_SOME. */
    bool has_count, has_age, has_limit;
    int64_t count; /* jobs kept */
    int64_t age_s; /* seconds that a job is kept */
    int64_t limit; /* jobs removed at a time */
};

struct job_backoff {
    struct slice type; /* "fixed", "exponential" or a custom strategy's name; empty with a delay: fixed */
    int64_t delay_ms;
    double jitter; /* 0 .. 1: the part of the delay that is random */
};

/* A job with the same id is not added again; which of the two stays, and until when, say the rest. */
struct job_deduplication {
    struct slice id;          /* empty: none */
    int64_t ttl_ms;           /* 0: until the first job has finished */
    bool extend;              /* each job that is refused starts the ttl anew */
    bool reschedule;          /* while the first job is delayed, the newer one's delay begins for it */
    bool replace;             /* while the first job is delayed, the newer one takes its place */
    bool keep_last_if_active; /* while the first job is active, the newest waits for its end */
};

struct job_parent {
    struct slice id;    /* empty: none */
    struct slice queue; /* qualified: "bull:mail" */
};

/* What a job's failure, after its last attempt, does to its parent. */
enum job_child_failure {
    JOB_CHILD_DEFAULT, /* the parent waits on for it */
    JOB_CHILD_FAILS_PARENT,
    JOB_CHILD_CONTINUES_PARENT, /* the parent runs at once */
    JOB_CHILD_IS_IGNORED,
    JOB_CHILD_IS_REMOVED /* from the parent's children */
};

/* Of a job that a scheduler made: how it is repeated. See jobs/scheduler.h. */
struct job_repeat {
    struct slice pattern; /* cron; empty: every_ms */
    struct slice tz;
    int64_t every_ms;
    int64_t offset_ms;
    int64_t limit;            /* runs; 0: no limit */
    int64_t count;            /* runs so far */
    int64_t start_ms, end_ms; /* 0: none */
};

struct job_options {
    int64_t delay_ms;
    int64_t priority; /* 1 is the first .. JOB_PRIORITY_MAX; 0: before all of them */
    bool lifo;
    int64_t attempts; /* 0 and 1: one */
    struct job_backoff backoff;
    struct job_keep on_complete, on_fail;
    int64_t keep_logs;         /* lines; 0: all */
    int64_t stack_trace_limit; /* 0: all; JOB_STACK_NONE */
    int64_t size_limit_bytes;  /* of the data; 0: none */
    int64_t timestamp_ms;      /* when it was made; 0: now */
    struct slice job_id;       /* empty: the queue's next number */
    struct job_deduplication deduplication;
    struct job_parent parent;
    enum job_child_failure on_failure;
    struct job_repeat repeat;
    int64_t prev_ms;             /* of a scheduler's job: the time at which it is due */
    struct slice repeat_job_key; /* of a scheduler's job: the scheduler's id */
    struct slice trace_metadata; /* telemetry's context */
    bool omit_trace_context;
};

/*
 * Are they what a job may have? Errors: ARGUMENT, which says what is wrong and what instead; LIMIT (the data is longer than
 * size_limit_bytes).
 */
OXQ_MUST_USE oxq_err job_options_check(const struct job_options *o, size_t data_bytes, struct oxq_error *err);
/* Appends them as JSON, as they are stored. Errors: those of buf_append. */
OXQ_MUST_USE oxq_err job_options_write(const struct job_options *o, struct buf *out);
/* The same as a template: without defaults, `{}` when nothing is set. */
OXQ_MUST_USE oxq_err job_options_write_template(const struct job_options *o, struct buf *out);
/* Reads options; texts in *out are in the arena. Empty text: the defaults. Errors: FORMAT (not a JSON object), ARGUMENT (a value of a
 * wrong kind; the text names the option). */
OXQ_MUST_USE oxq_err job_options_read(struct slice json, struct arena *arena, struct job_options *out,
                                      struct oxq_error *err);

#endif
