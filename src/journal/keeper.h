/* SPDX-License-Identifier: MIT */
/*
 * The keeper of a journal's files: has a spare segment ready before the writer needs one, and takes back those that a
 * checkpoint has made superfluous. Its thread does what is slow (reserving, renaming, removing), so that the
 * writer never waits for it while there is room on the disk.
 *
 * Threads: each function says who calls it; on_change is called on the keeper's own or the writer's, without a lock held.
 */
#ifndef JOURNAL_KEEPER_H
#define JOURNAL_KEEPER_H

#include "os/disk.h"

struct keeper;

struct keeper_opts {
    const char *folder;             /* copied */
    const struct disk_file *beside; /* borrowed; or NULL (journal_opts) */
    size_t segment_bytes;
    /* There is room again, or none, or a writer waits for it; or a segment has gone. failure: NULL, or what the keeper has given up for. */
    void (*on_change)(void *ctx, const struct oxq_error *failure);
    void *ctx;
};

/* Takes stock of the folder, makes a first spare and the thread. A full disk is no error: see keeper_has_room. */
OXQ_MUST_USE oxq_err keeper_open(const struct keeper_opts *opts, struct keeper **out, struct oxq_error *err);
/* Ends the thread; the files stay. NULL is fine. */
void keeper_close(struct keeper *k);
/* Is there a spare, or may one still be made? Threads: any. */
bool keeper_has_room(const struct keeper *k);
/* Does the writer wait in keeper_take, and is the disk full? Threads: any. */
bool keeper_is_starved(struct keeper *k);

/*
 * The writer: moves a spare of at least so many bytes out, under the name it has; is it one whose blocks have all been written
 * before? Waits while the disk has no room.
 * Errors: CLOSED: keeper_stop_waiting; or what broke the keeper.
 */
OXQ_MUST_USE oxq_err keeper_take(struct keeper *k, size_t bytes, struct disk_file *out, bool *out_is_recycled,
                                 struct oxq_error *err);
/* Any: keeper_take that waits, now or later, returns. */
void keeper_stop_waiting(struct keeper *k);
/* The writer: this segment has been started. */
void keeper_add(struct keeper *k, uint64_t first_seq);
/* The writer: so many bytes of the last segment are in use. */
void keeper_note_used(struct keeper *k, uint64_t bytes);
/* The engine: segments that hold nothing beyond seq are to go. */
void keeper_trim(struct keeper *k, uint64_t seq);
/* Any: segments and the bytes used in them. */
void keeper_stats(struct keeper *k, uint64_t *out_count, uint64_t *out_bytes);

#endif
