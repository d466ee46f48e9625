/* SPDX-License-Identifier: MIT */
/* A job: what is asked for when it is added, and what can be known of it afterwards. */
#ifndef OXQ_JOB_H
#define OXQ_JOB_H

#include <oxq/error.h>
#include <oxq/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A job's id with its NUL. */
#define OXQ_ID_MAX 1024
#define OXQ_PRIORITY_MAX 2097151
/* As stack_trace_limit: nothing is kept. */
#define OXQ_STACK_NONE (-1)

/* What becomes of a job when it has finished. */
typedef enum oxq_keep_kind {
    OXQ_KEEP_DEFAULT, /* as the worker says: all */
    OXQ_KEEP_ALL,
    OXQ_KEEP_NONE, /* it is removed at once */
    OXQ_KEEP_SOME  /* count and age: 0 is no limit of that kind */
} oxq_keep_kind;

struct oxq_keep {
    oxq_keep_kind kind;
    int64_t count; /* of OXQ_KEEP_SOME: so many of the newest */
    int64_t age_s; /* of OXQ_KEEP_SOME: so many seconds */
    int64_t limit; /* of OXQ_KEEP_SOME: at most so many are removed at a time; 0: 1,000 */
};

struct oxq_backoff {
    const char
        *type; /* "fixed", "exponential" (2^(n-1) x delay), or a name that the worker's on_backoff knows; NULL: fixed */
    int64_t delay_ms;
    double jitter; /* 0 .. 1: the part of the delay that is random */
};

struct oxq_deduplication {
    const char *id;           /* NULL: none */
    int64_t ttl_ms;           /* 0: until the first job has finished */
    bool extend;              /* each job that is refused starts the ttl anew */
    bool replace;             /* while the first one is delayed, the newer takes its place */
    bool keep_last_if_active; /* while the first one is active, the newest waits for its end */
    bool reschedule; /* while the first one is delayed, the newer one's delay begins for it; not with replace */
};

/* What a job's last failure does to its parent in a flow. */
typedef enum oxq_child_failure {
    OXQ_CHILD_DEFAULT, /* the parent goes on waiting for it */
    OXQ_CHILD_FAILS_PARENT,
    OXQ_CHILD_CONTINUES_PARENT, /* the parent runs at once */
    OXQ_CHILD_IS_IGNORED,
    OXQ_CHILD_IS_REMOVED /* from the parent's children */
} oxq_child_failure;

struct oxq_job_opts {
    int64_t delay_ms;
    int64_t priority; /* 1 is taken first .. OXQ_PRIORITY_MAX; 0: before all of them */
    bool lifo;        /* before those that wait already */
    int64_t attempts; /* 0 and 1: one */
    struct oxq_backoff backoff;
    struct oxq_keep on_complete, on_fail;
    int64_t keep_logs;         /* lines; 0: all */
    int64_t stack_trace_limit; /* texts; 0: all; OXQ_STACK_NONE */
    int64_t size_limit_bytes;  /* longer data is refused; 0: none */
    int64_t timestamp_ms;      /* when it was made; 0: now */
    const char
        *job_id; /* NULL: the queue's next number. Not digits only, no colon. One that exists is not added again */
    struct oxq_deduplication deduplication;
    const char *parent_queue, *parent_id; /* both or none; see flow.h for whole trees */
    oxq_child_failure on_failure;         /* with a parent */
    bool omit_trace_context;              /* the job begins a trace of its own, whatever span adds it */
    const char *trace_metadata; /* the context of telemetry that it belongs to; NULL: of the span that adds it */
    uint64_t reserved[8];
};

/* A job to be made, where more than one thing is told of it. */
struct oxq_job_template {
    const char *name;
    const char *data;                /* JSON; NULL: {} */
    const struct oxq_job_opts *opts; /* NULL: the defaults */
};

typedef enum oxq_state {
    OXQ_STATE_UNKNOWN, /* there is no such job */
    OXQ_STATE_WAITING,
    OXQ_STATE_ACTIVE,
    OXQ_STATE_DELAYED,
    OXQ_STATE_PRIORITIZED,
    OXQ_STATE_WAITING_CHILDREN,
    OXQ_STATE_COMPLETED,
    OXQ_STATE_FAILED,
    OXQ_STATES_COUNT
} oxq_state;

/* "waiting", "waiting-children", ... as BullMQ has them; "unknown". Static storage. */
const char *oxq_state_name(oxq_state state);
/* By name, also "wait" and "paused" (both waiting). OXQ_STATE_UNKNOWN when it is none. */
oxq_state oxq_state_find(const char *name);

/* A job as it was when it was read. */
typedef struct oxq_job oxq_job;

/* Texts are NULL where the job has none; times are 0 where nothing has happened yet. */
struct oxq_job_fields {
    const char *queue, *id, *name;
    const char *data;       /* JSON */
    const char *opts;       /* JSON, as BullMQ stores it */
    const char *result;     /* JSON: what the handler gave */
    const char *progress;   /* JSON */
    const char *failure;    /* the last attempt's */
    const char *stacktrace; /* JSON: a list of texts, one for each failed attempt */
    const char *parent_key; /* "bull:mail:12" */
    const char *processed_by;
    const char *scheduler_id;
    const char *deduplication_id;
    /* The next worker that takes it fails it with this: a child of it failed, or it stalled too often. */
    const char *deferred_failure;
    const char *dead_id;        /* of its dead letter, in the queue that its own names for them */
    const char *trace_metadata; /* telemetry's context that came with it */
    size_t data_bytes, result_bytes;
    int64_t added_ms, delay_ms, priority;
    int64_t processed_ms; /* the last attempt began */
    int64_t finished_ms;
    int64_t attempts_made, attempts_started, attempts_max, stalled_count;
};

/* All that is known of it. */
const struct oxq_job_fields *oxq_job_fields(const oxq_job *job);
const char *oxq_job_id(const oxq_job *job);
const char *oxq_job_name(const oxq_job *job);
/* The data as it is stored, with a NUL behind it. out_bytes: NULL, or its length without that. */
const char *oxq_job_data(const oxq_job *job, size_t *out_bytes);
/* The data parsed, at the first call; NULL when it is not JSON. */
const oxq_json *oxq_job_json(oxq_job *job);
/* The result parsed, at the first call; NULL when there is none. */
const oxq_json *oxq_job_result_json(oxq_job *job);
/* Of a job that the caller owns: one that oxq_queue_get or a list gave. Not a handler's. NULL is fine. */
void oxq_job_free(oxq_job *job);

#ifdef __cplusplus
}
#endif
#endif
