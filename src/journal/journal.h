/* SPDX-License-Identifier: MIT */
/*
 * The journal: an append-only log of records in segments, written and synced by a thread of its own.
 *
 *   engine: journal_begin, buf_append ..., journal_end; the same again ...; journal_submit   (a group)
 *   thread: write, fdatasync, wake(ctx)      (a small group that is not to be synced is written in journal_submit)
 *   engine: journal_poll -> what is written and what is durable by now
 *
 * One group is in the thread's hands at a time; what is appended meanwhile gathers in the next one. A record is whole or
 * absent after a crash: it is what one command, script or EXEC changed. Bytes on disk: journal/format.h, docs/FORMAT.md.
 *
 * States: a failed or short write, sync or preparation that the journal cannot do without makes it FAILED for good. A full
 * disk does not: the next segment is reserved before this one is used up, and while that cannot be done has_room is false
 * (the engine then refuses writes, which the rest of the running segment has room for).
 *
 * Threads: one thread (the engine's) calls everything; `wake` is called on those of the journal.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/buf.h"
#include "base/clock.h"

#define JOURNAL_SEGMENT_BYTES ((size_t)64 * 1024 * 1024)
#define JOURNAL_SEGMENT_MIN_BYTES ((size_t)8192)
/* The longest payload of a record: several of the longest bulk strings. */
#define JOURNAL_RECORD_MAX_BYTES ((size_t)2 << 30)

enum journal_durability {
    JOURNAL_ALWAYS,   /* fdatasync for each group */
    JOURNAL_INTERVAL, /* write for each group, fdatasync every interval_ms */
    JOURNAL_OFF       /* write for each group, fdatasync at the end of a segment and at close */
};

enum journal_state { JOURNAL_READY, JOURNAL_FAILED };

struct disk_file; /* os/disk.h */

struct journal_opts {
    const char *folder; /* copied; made if it is not there */
    /* A file without which what the journal has is not enough; when it is moved, removed or replaced, the journal fails. Borrowed until it is closed;
     * NULL: there is none. */
    const struct disk_file *beside;
    enum journal_durability durability;
    int64_t interval_ms;
    size_t segment_bytes; /* 0: JOURNAL_SEGMENT_BYTES; tests take less, down to JOURNAL_SEGMENT_MIN_BYTES */
    uint64_t next_seq;    /* of the first record that will be appended, from 1: journal_end's last_seq + 1 */
    struct clock *clock;  /* borrowed; its mono_us is CLOCK_MONOTONIC's where durability is INTERVAL */
    /* Something is done. Where again_us is given, and set (CLOCK_MONOTONIC), it is called again then if nothing was submitted before. */
    void (*wake)(void *ctx, int64_t *again_us);
    void *ctx;
};

struct journal;

/*
 * Reserves a segment and makes the threads; the file that starts with next_seq comes with the first group. Errors: IO,
 * PERMISSION, MEMORY; EXISTS: the folder holds next_seq or a later record already; the text names file and reason.
 */
OXQ_MUST_USE oxq_err journal_open(const struct journal_opts *opts, struct journal **out, struct oxq_error *err);
/*
 * Writes and syncs what was appended (whatever the durability), ends the threads. Returns the state it ended in: READY says
 * that everything is durable. NULL is fine (READY).
 */
enum journal_state journal_close(struct journal *j);

/*
 * Starts a record: append its payload to the buffer that comes back (which holds other records before it, and may move),
 * then call journal_end or journal_abandon. Its limit leaves JOURNAL_RECORD_MAX_BYTES to the payload.
 */
struct buf *journal_begin(struct journal *j);
/* Ends the record and returns its sequence number. In state FAILED it is dropped and its number is never durable. */
uint64_t journal_end(struct journal *j);
/* The record never was. */
void journal_abandon(struct journal *j);
/* A record whose payload is there already; the bytes are copied. */
uint64_t journal_append(struct journal *j, struct slice payload);

/* The last number given; next_seq - 1 before the first. */
uint64_t journal_last_seq(const struct journal *j);
/*
 * Hands the gathered group to the thread if it has none; where no sync must follow, a small one is written here and now, as long
 * as that is quick. True: it went.
 */
bool journal_submit(struct journal *j);
/* Bytes gathered and in the thread's hands. */
size_t journal_backlog_bytes(const struct journal *j);
/*
 * May a change of so many bytes be made, so that its record finds room on the disk? Ask before a command changes something, with
 * the length of its arguments. Cheap, but for changes of many megabytes.
 */
bool journal_has_room(const struct journal *j, size_t bytes);
/* Waits until everything appended so far is durable, or the journal FAILED, or the disk has no room for it. Blocks: syncs. */
void journal_flush(struct journal *j);

struct journal_progress {
    enum journal_state state;
    uint64_t written_seq; /* write(2) has returned for it: survives the end of the process */
    uint64_t durable_seq; /* fdatasync(2) has returned for it: survives a power cut */
    bool is_idle;         /* the thread has no group */
    bool has_room;        /* the next segment is reserved on the disk, or about to be */
    bool is_astray;       /* FAILED because its files, or those beside it, are no longer where they were */
    char failure[256];    /* FAILED: what, where, why; empty otherwise */
};
/* Takes no lock: cheap enough for every turn. */
void journal_poll(const struct journal *j, struct journal_progress *out);

/* Changes how durable replies must be, from the next group on. */
void journal_set_durability(struct journal *j, enum journal_durability durability, int64_t interval_ms);
/* Every record up to seq is in a checkpoint: segments that hold nothing else are reused or removed, by a thread. */
void journal_trim(struct journal *j, uint64_t seq);

struct journal_stats {
    uint64_t segments_count, bytes;   /* on disk now, without spare room */
    uint64_t appended_bytes;          /* written since it was opened, with headers */
    uint64_t syncs_count;             /* of groups; those when a segment begins not counted */
    int64_t sync_p50_us, sync_p99_us; /* of the last 1,024; 0 before the first */
    int64_t last_sync_us;
};
void journal_stats(struct journal *j, struct journal_stats *out);

#endif
