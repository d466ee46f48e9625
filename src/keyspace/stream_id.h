/* SPDX-License-Identifier: MIT */
/* The id of a stream's entry: milliseconds and a number among the entries of one millisecond, ordered as a pair. */
#ifndef KEYSPACE_STREAM_ID_H
#define KEYSPACE_STREAM_ID_H

#include "base/slice.h"

struct stream_id {
    uint64_t ms;
    uint64_t seq;
};

#define STREAM_ID_MIN ((struct stream_id){0, 0})
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})
#define STREAM_ID_MAX_CHARS 41 /* two numbers of 20 digits and a '-' */

static inline bool stream_id_less(struct stream_id a, struct stream_id b)
{
    return a.ms < b.ms || (a.ms == b.ms && a.seq < b.seq);
}

static inline bool stream_id_equal(struct stream_id a, struct stream_id b)
{
    return a.ms == b.ms && a.seq == b.seq;
}

static inline bool stream_id_is_zero(struct stream_id id)
{
    return id.ms == 0 && id.seq == 0;
}

/* The id after or before *id. False, and *id untouched, when there is none. */
bool stream_id_step_up(struct stream_id *id);
bool stream_id_step_down(struct stream_id *id);
/* The id of an entry that comes at this time after one with the id `last`; equal to `last` when there is none above it. */
struct stream_id stream_id_generate(struct stream_id last, int64_t now_ms);
/* Writes "ms-seq", no NUL; returns the length. dst holds STREAM_ID_MAX_CHARS. */
size_t stream_id_format(char *dst, struct stream_id id);
/*
 * Reads "ms" (with missing_seq then) or "ms-seq"; where out_has_seq is given also "ms-*", which sets *out_has_seq to
 * false and seq to 0. Numbers may have spaces, a '+' or zeros before them, as Redis lets them.
 */
bool stream_id_parse(struct slice text, uint64_t missing_seq, struct stream_id *out, bool *out_has_seq);

#endif
