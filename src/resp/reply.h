/* SPDX-License-Identifier: MIT */
/*
 * The reply sink: where a command puts its answer, in RESP's terms, without knowing who reads it.
 *
 * A command calls reply_* exactly once at the top level (an aggregate counts as one, its elements follow). Sinks: the
 * wire writer (resp/writer.h, RESP2 or RESP3), Lua values (script/), and nothing at all (CLIENT REPLY OFF).
 * Each sink translates what its protocol lacks: a map becomes a flat array in RESP2, a double a bulk string.
 */
#ifndef RESP_REPLY_H
#define RESP_REPLY_H

#include "base/err.h"
#include "base/slice.h"

struct reply;

#define REPLY_ERROR_CODE_MAX 20

/* Where a reply_begin_* stands; opaque to commands. */
struct reply_mark {
    size_t at;
};

enum reply_aggregate { REPLY_ARRAY, REPLY_MAP, REPLY_SET, REPLY_PUSH };

/* Contracts of a sink. Slices are borrowed for the call only. */
struct reply_ops {
    void (*status)(struct reply *r, struct slice text);
    void (*error)(struct reply *r, struct slice text); /* "CODE message", no CR LF (they are made spaces) */
    void (*integer)(struct reply *r, int64_t n);
    void (*bulk)(struct reply *r, struct slice bytes);
    void (*verbatim)(struct reply *r, struct slice text, const char *format); /* human text: RESP3 "txt:"; 3 letters */
    void (*big_number)(struct reply *r, struct slice digits);
    void (*real)(struct reply *r, double d);
    void (*boolean)(struct reply *r, bool b); /* RESP2: integer 1 or 0 */
    void (*null)(struct reply *r);            /* RESP2: null bulk */
    void (*null_array)(struct reply *r);      /* RESP2: null array; RESP3: null */
    /* count elements follow (for REPLY_MAP: count pairs, so 2 * count values). */
    void (*aggregate)(struct reply *r, enum reply_aggregate kind, size_t count);
    /* An aggregate whose count is known only at its end. */
    struct reply_mark (*begin)(struct reply *r, enum reply_aggregate kind);
    void (*end)(struct reply *r, struct reply_mark mark, enum reply_aggregate kind, size_t count);
};

struct reply {
    const struct reply_ops *ops;
    uint8_t resp;          /* 2 or 3: commands whose shape depends on it (ZRANGE WITHSCORES, HRANDFIELD) look here */
    uint32_t errors_count; /* errors given so far: tells whether a command failed */
    bool is_full;          /* the sink could not take something: what follows is lost too, a long answer may stop */
    char error_code[REPLY_ERROR_CODE_MAX]; /* the first word of the last error, NUL-terminated ("WRONGTYPE") */
};

static inline void reply_status(struct reply *r, struct slice text)
{
    r->ops->status(r, text);
}

static inline void reply_ok(struct reply *r)
{
    r->ops->status(r, SLICE_LIT("OK"));
}

static inline void reply_integer(struct reply *r, int64_t n)
{
    r->ops->integer(r, n);
}

static inline void reply_bulk(struct reply *r, struct slice bytes)
{
    r->ops->bulk(r, bytes);
}

static inline void reply_verbatim(struct reply *r, struct slice text)
{
    r->ops->verbatim(r, text, "txt");
}

static inline void reply_big_number(struct reply *r, struct slice digits)
{
    r->ops->big_number(r, digits);
}

static inline void reply_double(struct reply *r, double d)
{
    r->ops->real(r, d);
}

static inline void reply_bool(struct reply *r, bool b)
{
    r->ops->boolean(r, b);
}

static inline void reply_null(struct reply *r)
{
    r->ops->null(r);
}

static inline void reply_null_array(struct reply *r)
{
    r->ops->null_array(r);
}

static inline void reply_array(struct reply *r, size_t count)
{
    r->ops->aggregate(r, REPLY_ARRAY, count);
}

/* count is of pairs. */
static inline void reply_map(struct reply *r, size_t count)
{
    r->ops->aggregate(r, REPLY_MAP, count);
}

static inline void reply_set(struct reply *r, size_t count)
{
    r->ops->aggregate(r, REPLY_SET, count);
}

static inline void reply_push(struct reply *r, size_t count)
{
    r->ops->aggregate(r, REPLY_PUSH, count);
}

static inline struct reply_mark reply_begin(struct reply *r, enum reply_aggregate kind)
{
    return r->ops->begin(r, kind);
}

/* `count` elements were given since `mark` (pairs for REPLY_MAP). */
static inline void reply_end(struct reply *r, struct reply_mark mark, enum reply_aggregate kind, size_t count)
{
    r->ops->end(r, mark, kind, count);
}

/* An integer as bulk string ("12"). */
void reply_bulk_integer(struct reply *r, int64_t n);
/* "CODE message". CR and LF inside become spaces. */
void reply_error(struct reply *r, struct slice text);
void reply_errorf(struct reply *r, const char *format, ...) OXQ_PRINTF(2, 3);

/* A sink that drops everything but counts errors; it is full from the start. */
void reply_discard_init(struct reply *r);

#endif
