/* SPDX-License-Identifier: MIT */
/*
 * The journal: an append-only log of records in segments, written and synced by a thread of its own.
 *
 *   engine: journal_append ... journal_append, journal_submit   (a group)
 *   thread: write, fdatasync, wake(ctx)
 *   engine: journal_poll -> what is written and what is durable by now
 *
 * One group is in the thread's hands at a time; what is appended meanwhile gathers in the next one. A record is whole or
 * absent after a crash: it is what one command, script or EXEC changed. Bytes on disk: journal/format.h, docs/FORMAT.md.
 *
 * States: a failed or short write, sync or preparation that the journal cannot do without makes it FAILED for good.
 *
 * Threads: one thread (the engine's) calls everything; `wake` is called on the journal's own.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/buf.h"
#include "base/clock.h"

#define JOURNAL_SEGMENT_BYTES ((size_t)64 * 1024 * 1024)
/* The longest payload of a record: several of the longest bulk strings. */
#define JOURNAL_RECORD_MAX_BYTES ((size_t)2 << 30)

enum journal_durability {
    JOURNAL_ALWAYS,   /* fdatasync for each group */
    JOURNAL_INTERVAL, /* write for each group, fdatasync every interval_ms */
    JOURNAL_OFF       /* write when the thread comes to it, no sync but at close */
};

enum journal_state { JOURNAL_READY, JOURNAL_FAILED };

struct journal_opts {
    const char *folder; /* copied; made if it is not there */
    enum journal_durability durability;
    int64_t interval_ms;
    size_t segment_bytes; /* 0: JOURNAL_SEGMENT_BYTES; tests take less */
    uint64_t next_seq;    /* of the first record that will be appended, from 1 */
    struct clock *clock;  /* borrowed */
    void (*wake)(void *ctx);
    void *ctx;
};

struct journal;

/* Makes the segment that starts with next_seq and the thread. Errors: IO, PERMISSION; the text names file and reason. */
OXQ_MUST_USE oxq_err journal_open(const struct journal_opts *opts, struct journal **out, struct oxq_error *err);
/* Writes and syncs what was appended (whatever the durability), ends the thread. The state before is its return. NULL is fine. */
enum journal_state journal_close(struct journal *j);

/*
 * Adds a record to the group that is being gathered; the bytes are copied. Returns its sequence number. In state FAILED the
 * record is dropped and its number is never durable.
 */
uint64_t journal_append(struct journal *j, struct slice payload);
/* The last number given; 0 or next_seq - 1 before the first. */
uint64_t journal_last_seq(const struct journal *j);
/* Hands the gathered group to the thread if it has none. True: it went. */
bool journal_submit(struct journal *j);
/* Bytes gathered and in the thread's hands. */
size_t journal_backlog_bytes(const struct journal *j);
/* Waits until everything appended so far is durable, or the journal FAILED. */
void journal_flush(struct journal *j);

struct journal_progress {
    enum journal_state state;
    uint64_t written_seq; /* write(2) has returned for it: survives the end of the process */
    uint64_t durable_seq; /* fdatasync(2) has returned for it: survives a power cut */
    bool is_idle;         /* the thread has no group */
    bool has_room;        /* the next segment is reserved on the disk: see journal_has_room */
    char failure[256];    /* FAILED: what, where, why */
};
void journal_poll(struct journal *j, struct journal_progress *out);

/* Changes how durable replies must be, from the next group on. */
void journal_set_durability(struct journal *j, enum journal_durability durability, int64_t interval_ms);
/* Every record up to seq is in a checkpoint: segments that hold nothing else are reused or removed, by the thread. */
void journal_trim(struct journal *j, uint64_t seq);

struct journal_stats {
    uint64_t segments_count, bytes; /* on disk now, without spare room */
    uint64_t appended_bytes;        /* since it was opened, with headers */
    uint64_t syncs_count;
    int64_t sync_p50_us, sync_p99_us; /* of the last 1,024 */
    int64_t last_sync_us;
};
void journal_stats(struct journal *j, struct journal_stats *out);

#endif
