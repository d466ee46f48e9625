/* SPDX-License-Identifier: MIT */
/*
 * The writer of a journal: lays groups into segments and changes segments. The journal's thread owns it.
 */
#ifndef JOURNAL_WRITER_H
#define JOURNAL_WRITER_H

#include "base/buf.h"
#include "base/clock.h"
#include "journal/keeper.h"

struct writer {
    const char *folder;    /* borrowed */
    struct keeper *keeper; /* borrowed */
    struct clock *clock;   /* borrowed */
    size_t segment_bytes;
    struct disk_file file; /* the running segment; closed: none yet */
    uint64_t offset, size; /* in it */
    uint64_t started;      /* up to here the system was asked to begin writing */
    uint32_t seed;
    uint64_t written_seq, durable_seq;
    uint64_t written_bytes; /* since the start */
    bool has_unsynced;
};

/* Records are numbered from last_seq + 1 on. */
void writer_init(struct writer *w, const char *folder, size_t segment_bytes, struct keeper *keeper, struct clock *clock,
                 uint64_t last_seq);
/* Closes the file as it is. */
void writer_deinit(struct writer *w);
/*
 * Writes a group of records; their checksums are filled in. written_seq follows, and durable_seq where a segment ended.
 * Blocks: while the disk has no room. After an error nothing more may be written. Errors: of keeper_take and os/disk.h.
 */
OXQ_MUST_USE oxq_err writer_write(struct writer *w, struct buf *group, struct oxq_error *err);
/* Makes durable what was written. */
OXQ_MUST_USE oxq_err writer_sync(struct writer *w, struct oxq_error *err);
/* Was something written that was not synced? */
bool writer_has_unsynced(const struct writer *w);
/* A clean end: all is durable, the file says so in a last mark, and its unused rest is given back. */
OXQ_MUST_USE oxq_err writer_finish(struct writer *w, struct oxq_error *err);

#endif
