/* SPDX-License-Identifier: MIT */
/* What an operator does with jobs that do not run: removing them, and moving those that wait. */
#ifndef JOBS_OPERATE_H
#define JOBS_OPERATE_H

#include "jobs/request.h"

/* Jobs of one call; whoever has more goes on. */
#define OPERATE_JOBS_MAX 1000

/* ---------------------------------------------------------------- one job */

/* Removes it wherever it is. with_children: with those of all its levels. */
void operate_remove(struct arena *arena, struct slice prefix, struct slice id, bool with_children, struct request *out);
/*
 * *out_has_more: part of a large tree is gone, send it again. Errors: NOT_FOUND, LOCK_LOST (it, or a child that is to come, is active),
 * STATE (the next run of a scheduler), SERVER.
 */
OXQ_MUST_USE oxq_err operate_read_remove(const struct resp_value *reply, struct slice id, bool *out_has_more,
                                         struct oxq_error *err);

struct operate_delay {
    struct slice id;
    int64_t now_ms, delay_ms;
};
/* Of a delayed job. Read with request_check. Errors: ARGUMENT (below 0, or beyond what a due time can be). */
OXQ_MUST_USE oxq_err operate_change_delay(struct arena *arena, struct slice prefix, const struct operate_delay *delay,
                                          struct request *out, struct oxq_error *err);

struct operate_priority {
    struct slice id;
    int64_t priority; /* 0: none */
    bool is_first;    /* before all of that priority, or, without one, the next job */
};
/* Of a job in any state. Read with request_check. Errors: ARGUMENT. */
OXQ_MUST_USE oxq_err operate_change_priority(struct arena *arena, struct slice prefix,
                                             const struct operate_priority *priority, struct request *out,
                                             struct oxq_error *err);

/* A child belongs to its parent no longer. The reply, after request_check, is 1, or 0 when its parent does not wait for it. */
void operate_disown_child(struct arena *arena, struct slice prefix, struct slice id, struct request *out);

/*
 * Removes the children that a job waits for, with theirs, but for those that a worker has or that failed. One portion, read with
 * operate_read_remove_children: kept_count is 0.
 */
void operate_remove_children(struct arena *arena, struct slice prefix, struct slice id, struct request *out);

/* ---------------------------------------------------------------- many */

/* Delayed jobs wait now. count: 1 .. OPERATE_JOBS_MAX, else LIMIT. */
OXQ_MUST_USE oxq_err operate_promote(struct arena *arena, struct slice prefix, const struct slice *ids, size_t count,
                                     struct request *out, struct oxq_error *err);
/* What became of job i. Errors: NOT_FOUND, STATE (it is not delayed), SERVER, FORMAT. */
OXQ_MUST_USE oxq_err operate_read_promote(const struct resp_value *reply, size_t i, struct slice id,
                                          struct oxq_error *err);

struct operate_purge {
    struct slice prefix;
    const char *state; /* wait, paused, active, delayed, prioritized, completed or failed */
    bool has_before;
    int64_t before_ms;  /* only jobs that finished, or else began, or else were added up to then */
    int64_t count;      /* jobs to look at: 1 .. OPERATE_JOBS_MAX */
    int64_t kept_count; /* those that stayed in the portions before */
    bool is_told;       /* in the events: `cleaned` */
};
struct operate_purged {
    int64_t removed_count, kept_count;
    bool may_have_more;
};
/* Removes one portion of the jobs of a state. */
void operate_purge(struct arena *arena, const struct operate_purge *purge, struct request *out);
/* Errors: SERVER, FORMAT. */
OXQ_MUST_USE oxq_err operate_read_purge(const struct resp_value *reply, struct operate_purged *out,
                                        struct oxq_error *err);

/*
 * Removes at most `max` jobs, of those with these ids that are in no state. What is read: how many were removed, and how many of the ids
 * were looked at; the rest is for another request. Errors: SERVER, FORMAT.
 */
void operate_remove_orphans(struct arena *arena, struct slice prefix, const struct slice *ids, size_t count,
                            int64_t max, struct request *out);
OXQ_MUST_USE oxq_err operate_read_remove_orphans(const struct resp_value *reply, int64_t *out_removed, size_t *out_seen,
                                                 struct oxq_error *err);

/* Errors: NOT_FOUND, SERVER, FORMAT. */
OXQ_MUST_USE oxq_err operate_read_remove_children(const struct resp_value *reply, struct slice id,
                                                  struct operate_purged *out, struct oxq_error *err);

/* Removes one portion, about `count` jobs, of a paused queue with all that it has. with_active: and the jobs that run. */
void operate_obliterate(struct arena *arena, struct slice prefix, int64_t count, bool with_active, struct request *out);
/* kept_count is 0. Errors: STATE (it is not paused; jobs are active), SERVER, FORMAT. */
OXQ_MUST_USE oxq_err operate_read_obliterate(const struct resp_value *reply, struct slice queue,
                                             struct operate_purged *out, struct oxq_error *err);

#endif
