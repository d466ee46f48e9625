/* SPDX-License-Identifier: MIT */
/* Dead letters: the queue for jobs that failed for good, and their way back (docs/dead-letters.md). */
#ifndef JOBS_DEAD_H
#define JOBS_DEAD_H

#include "jobs/request.h"

/* Of one request: the server reads the data of each, which may be large. */
#define DEAD_REPLAY_MAX 100

/*
 * Names the queue for the dead jobs of the queue with this prefix; empty: none any more. Errors: ARGUMENT (no name of a queue, or the
 * queue itself; the text says what instead).
 */
OXQ_MUST_USE oxq_err dead_set_queue(struct arena *arena, struct slice prefix, struct slice dead_queue,
                                    struct request *out, struct oxq_error *err);
/* The reply is its name, or null. */
void dead_get_queue(struct arena *arena, struct slice prefix, struct request *out);

/* What a dead letter tells; JSON as it stands there; texts are empty where there is none. The data are borrowed from the letter, all else is the arena's. */
struct dead_letter {
    struct slice queue, id, name;
    struct slice data, opts;    /* JSON */
    struct slice failed_reason; /* text */
    struct slice stacktrace;    /* JSON: a list of texts */
    struct slice processed_by;
    struct slice parent_key;
    int64_t attempts_made, attempts_started, stalled_count;
    int64_t timestamp_ms, processed_ms, finished_ms;
};

/* Reads the data of a job, a letter's text. False: it is no dead letter. */
bool dead_read(struct arena *arena, struct slice text, struct dead_letter *out);

struct dead_replay {
    struct slice prefix; /* of the dead-letter queue */
    int64_t now_ms;
    const struct slice *ids;
    size_t count; /* 1 .. DEAD_REPLAY_MAX */
};
/* Errors: LIMIT. */
OXQ_MUST_USE oxq_err dead_replay(struct arena *arena, const struct dead_replay *replay, struct request *out,
                                 struct oxq_error *err);
/*
 * The reply tells of the first so many of them, at least of one: those behind are for another request. What became of dead letter i: *out_id,
 * borrowed from the reply, is the job that waits again. Errors: NOT_FOUND, FORMAT (it is no dead letter), EXISTS (a job of that id
 * is in its queue), LOCK_LOST (a worker has the letter), SERVER.
 */
OXQ_MUST_USE oxq_err dead_result(const struct resp_value *reply, size_t i, struct slice id, struct slice *out_id,
                                 struct oxq_error *err);

#endif
