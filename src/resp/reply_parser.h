/* SPDX-License-Identifier: MIT */
/*
 * Replies as a client reads them, RESP2 and RESP3, in two steps: resp_scan finds where a reply ends, however its bytes
 * arrive; resp_reply_read then makes a tree of the complete bytes.
 */
#ifndef RESP_REPLY_PARSER_H
#define RESP_REPLY_PARSER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Aggregates within aggregates. */
#define RESP_REPLY_DEPTH_MAX 64
/* Values of one reply, all levels together. */
#define RESP_REPLY_VALUES_MAX ((int64_t)64 * 1024 * 1024)
#define RESP_REPLY_BULK_BYTES_MAX ((int64_t)512 * 1024 * 1024)

/* Where the search for the end of a reply stands. All zero is the start. */
struct resp_scan {
    size_t used_bytes;    /* bytes looked at; once resp_scan_next said OK, the reply's length */
    int64_t values_left;  /* that must still come; meaningless while used_bytes is 0 */
    int64_t values_count; /* that were announced */
};

/*
 * Looks on where it stood. `bytes` starts where the reply starts, with more behind it at each call.
 * Errors: AGAIN (not complete yet), FORMAT (not RESP), LIMIT.
 */
OXQ_MUST_USE oxq_err resp_scan_next(struct resp_scan *s, struct slice bytes);

enum resp_kind {
    RESP_STATUS,
    RESP_ERROR, /* also RESP3's bulk error */
    RESP_INTEGER,
    RESP_BULK,
    RESP_NULL, /* null bulk, null array and RESP3's null */
    RESP_REAL,
    RESP_BOOL,
    RESP_BIG_NUMBER, /* as text */
    RESP_VERBATIM,   /* text without its "txt:" */
    RESP_ARRAY,
    RESP_MAP, /* items: key, value, key, value ... */
    RESP_SET,
    RESP_PUSH
};

struct resp_value {
    enum resp_kind kind;
    struct slice text;        /* borrowed from the bytes: of all kinds but aggregates and null the text as it came */
    int64_t integer;          /* of INTEGER; of BOOL 0 or 1 */
    double real;              /* of REAL */
    struct resp_value *items; /* of aggregates */
    size_t count;
};

/*
 * Reads one complete reply (what resp_scan_next measured) into a tree in the arena. RESP3 attributes are left out.
 * Errors: FORMAT, LIMIT (too deep).
 */
OXQ_MUST_USE oxq_err resp_reply_read(struct slice bytes, struct arena *arena, struct resp_value *out);

#endif
