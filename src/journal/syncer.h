/* SPDX-License-Identifier: MIT */
/*
 * The syncs of a journal: by the writer after each group, or by a thread of their own while the writer goes on writing
 * (by the clock, or because somebody asked).
 *
 * Threads: each function says who calls it; on_sync is called on the syncer's own thread, without a lock held.
 */
#ifndef JOURNAL_SYNCER_H
#define JOURNAL_SYNCER_H

#include "base/clock.h"
#include "os/disk.h"

struct syncer;

struct syncer_opts {
    struct clock *clock; /* borrowed; its mono_us is CLOCK_MONOTONIC's where an interval is set */
    uint64_t last_seq;   /* durable already */
    int64_t interval_us; /* see syncer_set_interval */
    /* The thread has synced; failure: NULL, or why it could not. */
    void (*on_sync)(void *ctx, const struct oxq_error *failure);
    void *ctx;
};

#define SYNCER_NEVER INT64_MAX

OXQ_MUST_USE oxq_err syncer_open(const struct syncer_opts *opts, struct syncer **out, struct oxq_error *err);
/* Ends the thread; nothing more is synced. NULL is fine. */
void syncer_close(struct syncer *s);

/* The writer: what is noted from now on is in this file; NULL: in none. Waits for a sync that is under way. */
void syncer_set_file(struct syncer *s, struct disk_file *file);
/* The writer: bytes were written to the file, all of the records up to seq among them. */
void syncer_note_written(struct syncer *s, uint64_t seq);
/* The writer: makes durable what was noted. Errors: of disk_sync, also one that the thread has met: it is the last. */
OXQ_MUST_USE oxq_err syncer_sync(struct syncer *s, struct oxq_error *err);

/* Any: the thread syncs when so long has passed since something was written that is not synced; SYNCER_NEVER: it does not. */
void syncer_set_interval(struct syncer *s, int64_t us);
/* Any: the thread syncs as soon as record seq is written, unless the writer does. */
void syncer_want(struct syncer *s, uint64_t seq);

/* Any. written_seq is at least what durable_seq was before. */
uint64_t syncer_written_seq(const struct syncer *s);
uint64_t syncer_durable_seq(const struct syncer *s);

struct syncer_stats {
    uint64_t syncs_count;
    int64_t p50_us, p99_us; /* of the last 1,024; 0 before the first */
    int64_t last_us;
};
/* Any. */
void syncer_stats(struct syncer *s, struct syncer_stats *out);

#endif
