/* SPDX-License-Identifier: MIT */
/*
 * oxq top in three parts: top_sample.c asks the store, top_view.c makes a frame of the answers (pure), top.c runs both each second.
 *
 * Rates come from the queues' event streams: the events between two samples are read and counted, at most TOP_EVENTS_MAX of a queue. With
 * more, the rate is that of the part that was read, by the events' own times, and the rest is passed over.
 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "base/arena.h"
#include "base/buf.h"

#include <oxq/oxq.h>

#define TOP_EVENTS_MAX 20000
#define TOP_FAILURES 5

struct top_failure {
    int64_t at_ms;
    const char *queue, *id, *name, *text;
};

enum top_rate { TOP_ADDED, TOP_COMPLETED, TOP_FAILED, TOP_RATES };

/* A queue at one moment. */
struct top_row {
    const char *name;
    struct oxq_counts counts;
    double per_second[TOP_RATES]; /* below 0: nothing was measured yet */
    int64_t oldest_ms;            /* since when the job at the head of the line has waited; 0: none waits */
    struct top_failure failures[TOP_FAILURES]; /* the newest first */
    size_t failures_count;
    /* Why the store could not tell of it, while it told of others: nothing else is known then. NULL: it did. */
    const char *problem;
};

/* ---- top_sample.c ---- */

struct top_queue;
struct top_sampler {
    oxq *store;               /* borrowed */
    struct top_queue *queues; /* owned */
    struct top_row *rows;     /* owned; row i is of queue i */
    size_t count;
    int64_t sampled_us; /* when it last was, by the monotonic clock; 0: never */
};

/* Takes these queues, or all of the store when names is NULL; those that it had are gone. */
OXQ_MUST_USE oxq_err top_begin(struct top_sampler *t, oxq *store, const char *const *names, size_t names_count,
                               struct oxq_error *err);
void top_end(struct top_sampler *t);
/* Fills the rows anew. What the server says no to is its queue's problem alone. */
OXQ_MUST_USE oxq_err top_sample(struct top_sampler *t, struct oxq_error *err);

/* ---- top_view.c ---- */

/* The columns as they are shown, which rows can be in the order of: numbers with the largest first. */
enum top_sort {
    TOP_BY_NAME,
    TOP_BY_WAITING,
    TOP_BY_ACTIVE,
    TOP_BY_DELAYED,
    TOP_BY_FAILED,
    TOP_BY_ADDED_RATE,
    TOP_BY_COMPLETED_RATE,
    TOP_BY_FAILED_RATE,
    TOP_BY_OLDEST,
    TOP_BY_COMPLETED,
    TOP_BY_PRIORITIZED,
    TOP_BY_CHILDREN,
    TOP_SORTS
};

struct top_view {
    const struct top_row *rows;
    size_t rows_count;
    int64_t now_ms, interval_ms;
    enum top_sort sort;
    size_t cursor;        /* the row that stands out, in the order shown; kept below rows_count */
    bool is_paused;       /* the view, not a queue */
    const char *problem;  /* why the last sample failed; NULL: it did not */
    size_t height, width; /* of the terminal; 0: no limit, and no escape codes */
};

/* Appends the frame. Errors: LIMIT, MEMORY. */
OXQ_MUST_USE oxq_err top_draw(const struct top_view *v, struct buf *out);

#endif
