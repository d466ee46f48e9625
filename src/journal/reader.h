/* SPDX-License-Identifier: MIT */
/*
 * Reading a journal from disk: for recovery and for oxq check.
 *
 * A torn tail (a write that a crash cut short, in the last group that was not yet synced) ends the reading and is told in
 * journal_end; anything else that does not fit is damage, an error with segment, offset and reason.
 */
#ifndef JOURNAL_READER_H
#define JOURNAL_READER_H

#include "base/buf.h"

struct journal_reader;

struct journal_record {
    uint64_t seq;
    struct slice payload; /* borrowed until the next call */
};

/* Where and how a journal ends. */
struct journal_end {
    uint64_t last_seq; /* of the last whole record; from_seq - 1 when there was none */
    uint64_t records_count;
    uint64_t segments_count;
    uint64_t bytes;         /* of whole records */
    uint64_t dropped_bytes; /* of the torn tail; 0: it ends cleanly */
    char segment[64];       /* the file with the torn tail */
    uint64_t offset;        /* where in it the tail starts */
};

/*
 * Reads from record from_seq on (older ones are passed over). A journal without any segment is empty. Errors: IO; FORMAT: a
 * segment of a newer version, or from_seq is older than the first record there is; the text says where.
 */
OXQ_MUST_USE oxq_err journal_reader_open(const char *folder, uint64_t from_seq, struct journal_reader **out,
                                         struct oxq_error *err);
void journal_reader_close(struct journal_reader *r);
/* *out_has is false at the end. Errors: FORMAT: damage; IO. */
OXQ_MUST_USE oxq_err journal_reader_next(struct journal_reader *r, struct journal_record *out, bool *out_has,
                                         struct oxq_error *err);
/* After the end. */
const struct journal_end *journal_reader_end(const struct journal_reader *r);
/* Bytes passed and bytes in all, for a progress line. */
void journal_reader_progress(const struct journal_reader *r, uint64_t *out_done, uint64_t *out_all);
/* Cuts the torn tail off the disk (and syncs), so that it is not met again. Errors: IO. */
OXQ_MUST_USE oxq_err journal_reader_cut(struct journal_reader *r, struct oxq_error *err);

#endif
