/* SPDX-License-Identifier: MIT */
/*
 * The writer of a journal: lays groups into segments and changes segments. One thread at a time has it: the journal's while
 * that has a group, else the engine's.
 */
#ifndef JOURNAL_WRITER_H
#define JOURNAL_WRITER_H

#include "base/buf.h"
#include "base/clock.h"
#include "journal/format.h"
#include "journal/keeper.h"
#include "journal/syncer.h"

struct writer {
    const char *folder;    /* borrowed */
    struct keeper *keeper; /* borrowed */
    struct syncer *syncer; /* borrowed */
    struct clock *clock;   /* borrowed */
    size_t segment_bytes;
    struct disk_file file; /* the running segment; closed: none yet */
    uint64_t offset, size; /* in it */
    uint64_t started;      /* up to here the system was asked to begin writing */
    uint64_t ready;        /* up to here its blocks have been written before */
    uint32_t seed;
    uint64_t written_seq;
    uint64_t written_bytes; /* since the start */
};

struct writer_opts {
    const char *folder; /* borrowed, like the rest */
    size_t segment_bytes;
    struct keeper *keeper;
    struct syncer *syncer;
    struct clock *clock;
    uint64_t last_seq; /* records are numbered from the next one on */
};

void writer_init(struct writer *w, const struct writer_opts *opts);
/* Closes the file as it is. */
void writer_deinit(struct writer *w);
/* So much room must be allocated behind a group, for the zeros that end it. */
#define WRITER_PAGE_BYTES ((size_t)4096)
#define WRITER_SLACK_BYTES (WRITER_PAGE_BYTES + FORMAT_END_BYTES)
/*
 * Writes a group of records; their checksums are filled in, and the syncer is told of them. They are synced where a segment
 * ended; is_synced: the rest will be synced by itself. Blocks: while the disk has no room. After an error nothing more may be written. Errors: of keeper_take and os/disk.h.
 */
OXQ_MUST_USE oxq_err writer_write(struct writer *w, struct buf *group, bool is_synced, struct oxq_error *err);
/* Does a group of so many bytes go into the running segment? */
bool writer_fits(const struct writer *w, size_t bytes);
/* A clean end: all is durable, the file says so in a close record, and its unused rest is given back. */
OXQ_MUST_USE oxq_err writer_finish(struct writer *w, struct oxq_error *err);

#endif
