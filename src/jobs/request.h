/* SPDX-License-Identifier: MIT */
/*
 * A request is a value: a transition or a plain command with its arguments, ready to be sent by whoever has a connection, alone, in
 * a batch or in a MULTI. Making one does no I/O and cannot fail.
 *
 *     struct request r;
 *     request_begin(&r, &arena, &transition_pause, prefix);
 *     request_put_int(&r, now_ms);
 *     e = client_call(client, &r.command, 0, &reply, err);
 *     if (!e) e = request_check(&reply.value, "pause", queue, err);
 */
#ifndef JOBS_REQUEST_H
#define JOBS_REQUEST_H

#include "jobs/transition.h"

struct request {
    struct client_command command; /* valid as long as the arena and what was put in */
    struct arena *arena;           /* borrowed from the caller */
    struct slice *argv;            /* what command.argv is; in the arena */
    size_t cap;
};

/*
 * KEYS[1] is the queue's prefix with its colon (keys_prefix), a key that never is. One with a hash tag may be in a cluster, where a slot moves
 * key by key: a script with one key that is nowhere is run where the slot goes to, and finds half of its queue there. With two it is put off
 * until all have moved (TRYAGAIN), so KEYS[2] is the queue's `meta`.
 */
void request_begin(struct request *r, struct arena *arena, const struct transition *t, struct slice prefix);
/* A plain command, "HGETALL". */
void request_begin_plain(struct request *r, struct arena *arena, const char *name);
/* The bytes are borrowed. */
void request_put(struct request *r, struct slice arg);
void request_put_text(struct request *r, const char *arg);
void request_put_int(struct request *r, int64_t n);

/*
 * What transitions return when they refuse: BullMQ's numbers, so that its scripts and ours are read by one table; from -101 on what it has
 * no word for.
 * X(name, number, error, text)
 */
#define REFUSAL_TABLE(X)                                                                                               \
    X(JOB_MISSING, -1, NOT_FOUND, "there is no such job: it was removed, or never added")                              \
    X(LOCK_MISSING, -2, LOCK_LOST,                                                                                     \
      "the job has no lock: it ended before it was renewed, and another worker may have the job now")                  \
    X(NOT_IN_STATE, -3, STATE, "the job is not in the state that this needs; look where it is and try again")          \
    X(CHILDREN_PENDING, -4, STATE, "the job has children that have not finished; wait for them or remove them")        \
    X(PARENT_MISSING, -5, NOT_FOUND, "there is no such parent job; add the parent first, or add both as one flow")     \
    X(LOCK_OF_OTHER, -6, LOCK_LOST, "another worker holds the job's lock: this one was too slow to renew its own")     \
    X(OTHER_PARENT, -7, EXISTS, "the job exists with another parent; give the child an id of its own")                 \
    X(OF_SCHEDULER, -8, STATE, "the job is the next run of a job scheduler; remove the scheduler instead")             \
    X(CHILD_FAILED, -9, STATE, "the job has a failed child, so that it can only fail")                                 \
    X(RUN_EXISTS, -10, EXISTS, "the scheduler's next run exists already, and is not waiting; remove that job first")   \
    X(RUNS_EXIST, -11, EXISTS, "the scheduler's next runs all exist already; remove those jobs or choose another id")  \
    X(NO_LETTER, -101, FORMAT, "the job is no dead letter: it does not tell of a job that failed for good")            \
    X(LETTER_STALE, -102, EXISTS,                                                                                      \
      "its job is in its queue, waiting again, finished, or as another of the same id; discard the dead letter, or "   \
      "remove that job first")                                                                                         \
    X(LETTER_TAKEN, -103, LOCK_LOST, "a worker has the dead letter; wait for its end")                                 \
    X(JOB_DAMAGED, -104, TYPE,                                                                                         \
      "its key is a hash no more, somebody has overwritten it, and the job has left the queue; remove the key and "    \
      "add the job anew")                                                                                              \
    X(OTHER_REFUSED, -105, CANCELLED, "another of the jobs that are added all or none is refused")                     \
    X(KEY_DAMAGED, -106, TYPE,                                                                                         \
      "a key of its queue or of its parent's is of another type, or `id` is no number: somebody has overwritten it; "  \
      "the job stays where it was; remove that key and try again")

enum refusal {
#define REFUSAL_ENUM(name, number, error, text) REFUSAL_##name = number,
    REFUSAL_TABLE(REFUSAL_ENUM)
#undef REFUSAL_ENUM
};

/*
 * The error of a refusal; `what` and `subject` begin its text: "finish job 12: ...". A number outside the table (a newer script's) is
 * SERVER. Returns the error.
 */
oxq_err refusal_set(int64_t number, const char *what, struct slice subject, struct oxq_error *err);
/* OK; SERVER for an error reply, with the server's words; that of the table for a negative integer. */
OXQ_MUST_USE oxq_err request_check(const struct resp_value *reply, const char *what, struct slice subject,
                                   struct oxq_error *err);

#endif
