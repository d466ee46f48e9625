/* SPDX-License-Identifier: MIT */
/*
 * Reading a journal from disk: for recovery and for oxq check.
 *
 * A torn tail (a write that a crash cut short, in the last group that was not yet synced) ends the reading and is told in
 * journal_end; anything else that does not fit is damage, an error with segment, offset and reason.
 *
 * Threads: a reader by one at a time; the journal is not being written.
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
    uint64_t last_seq;      /* of the last whole record; from_seq - 1 when there was none from there on */
    uint64_t records_count; /* that the reader gave out, and their bytes on disk */
    uint64_t bytes;
    uint64_t segments_count;
    uint64_t dropped_bytes; /* of the torn tail, as far as can be told; 0: it ends cleanly */
    char segment[64];       /* the file that ends the journal, and where in it the tail starts; "" without a segment */
    uint64_t offset;
};

/*
 * Reads from record from_seq (at least 1) on; older ones are passed over. A journal without any segment, or that ends before
 * from_seq, is empty. Errors: IO, MEMORY (a segment is read whole); NEWER: a segment of a later version; FORMAT: from_seq is
 * older than the first record there is; the text says where.
 */
OXQ_MUST_USE oxq_err journal_reader_open(const char *folder, uint64_t from_seq, struct journal_reader **out,
                                         struct oxq_error *err);
/* NULL is fine. */
void journal_reader_close(struct journal_reader *r);
/* *out_has is false at the end. Errors: FORMAT: damage; IO, MEMORY. After an error the reader gives nothing more. */
OXQ_MUST_USE oxq_err journal_reader_next(struct journal_reader *r, struct journal_record *out, bool *out_has,
                                         struct oxq_error *err);
/* What was read up to now; whole after the end. */
const struct journal_end *journal_reader_end(const struct journal_reader *r);
/* Bytes passed and bytes in all, for a progress line. */
void journal_reader_progress(const struct journal_reader *r, uint64_t *out_done, uint64_t *out_all);
/*
 * After the end, before anything is built on what was read: makes it durable. A process that was killed leaves bytes that only the
 * system's memory has, and a segment that begins behind such ones would be behind a gap after a power cut. Errors: IO, PERMISSION.
 */
OXQ_MUST_USE oxq_err journal_reader_sync(struct journal_reader *r, struct oxq_error *err);
/*
 * The same, and cuts the last file off behind its last whole record, so that a torn tail is not met again and
 * the room that was reserved in it is given back.
 */
OXQ_MUST_USE oxq_err journal_reader_cut(struct journal_reader *r, struct oxq_error *err);

#endif
