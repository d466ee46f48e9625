/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a journal on disk; docs/FORMAT.md tells them once more, in words for other programs.
 *
 * A segment is a file <folder>/<its first sequence number, 20 digits>.log. All numbers are little-endian.
 *
 *   0      magic "OXQJRNL\0"
 *   8      version, u32
 *   12     zero, u32
 *   16     first sequence number, u64
 *   24     id, u64, drawn at random for each segment
 *   32     created, milliseconds since 1970, i64
 *   40     length of the file while it is written, u64
 *   48     zeros
 *   4092   CRC32C of the bytes 0 .. 4091, u32
 *   4096   records, each at a multiple of 8
 *
 *   0      length of type and payload, u32, at least 1
 *   4      CRC32C of the length and of all that follows up to the end of the padding, u32
 *   8      sequence number, u64
 *   16     type, u8
 *   17     payload, then zeros up to a multiple of 8
 *
 * The CRC of a record starts from the seed of its segment, the CRC of the segment's id: what an earlier use of the same
 * file has left behind is never a record of this one.
 *
 * Eight zero bytes, the end of the file or a close record end the records of a segment. A file that is shorter than its header says
 * has a close record; without one it was cut short by somebody else.
 */
#ifndef JOURNAL_FORMAT_H
#define JOURNAL_FORMAT_H

#include "base/buf.h"

#define FORMAT_VERSION 1
#define FORMAT_HEADER_BYTES ((size_t)4096)
/* Length, CRC and number; the type comes after them, and counts as part of the body. */
#define FORMAT_RECORD_HEAD_BYTES ((size_t)16)
#define FORMAT_MARK_BYTES ((size_t)24)
#define FORMAT_END_BYTES ((size_t)8)

enum format_type {
    /* Starts each group that was handed to the disk. It has no payload and takes no number: its number is the last one
     * that was durable when the group was written. */
    FORMAT_MARK = 1,
    /* What one command, script or EXEC changed. Numbered without a gap. */
    FORMAT_EFFECTS = 2,
    /* Ends a segment whose file was then shortened: at an orderly end, or where recovery cut a torn tail. As a mark otherwise. */
    FORMAT_CLOSE = 3
};

struct format_segment {
    uint64_t first_seq;
    uint64_t id;
    int64_t created_ms;
    uint64_t bytes; /* of the file while it is written */
};

/* out: FORMAT_HEADER_BYTES. */
void format_write_header(char *out, const struct format_segment *segment);
/* Reads what starts with `bytes`; NULL when it is whole, else what is wrong with it (static storage). */
const char *format_read_header(struct slice bytes, struct format_segment *out);
/*
 * Is it the header of a later version of the format, which format_read_header does not read? Magic, version and the checksum of the
 * header's 4096 bytes stay where they are in all versions, so that a newer file is told from a damaged one.
 */
bool format_is_newer(struct slice bytes);
uint32_t format_seed(uint64_t id);

/* Of a record with a payload of so many bytes, on disk. */
static inline size_t format_record_bytes(size_t payload_bytes)
{
    return (FORMAT_RECORD_HEAD_BYTES + 1 + payload_bytes + 7) & ~(size_t)7;
}

/* Writes head and type of the record at `at`, whose payload follows already or will; the CRC is left for format_seal. */
void format_write_head(char *at, enum format_type type, uint64_t seq, size_t payload_bytes);

struct format_record {
    enum format_type type;
    uint64_t seq;
    struct slice payload;
    size_t bytes; /* on disk */
};
/* Reads the head of a record that we wrote ourselves. */
struct format_record format_read_own(const char *at);
/* Fills in the CRC. */
void format_seal(char *at, uint32_t seed);
/* A whole close record, FORMAT_MARK_BYTES long. */
void format_write_close(char *at, uint64_t durable_seq, uint32_t seed);
/* Reads the record that `bytes` starts with; NULL when it is whole, else what is wrong with it (static storage). */
const char *format_read(struct slice bytes, uint32_t seed, struct format_record *out);
/* Does `bytes` start with eight zeros, or is it at its end? */
bool format_is_end(struct slice bytes);
/* The highest number that a mark or close record somewhere in `bytes` calls durable; 0 without a mark. *out_end: where the last of them ends. */
uint64_t format_find_marks(struct slice bytes, uint32_t seed, size_t *out_end);

#endif
