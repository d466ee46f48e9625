/* SPDX-License-Identifier: MIT */
/*
 * MessagePack over msgpack-c: values appended to a buffer, and values told to a visitor as they are read, so that nobody
 * builds a tree only to walk it once. Short values that are read for every job: mpack_next.h.
 */
#ifndef CODEC_MPACK_H
#define CODEC_MPACK_H

#include "base/buf.h"

/* Arrays and maps within each other; deeper input is refused. */
#define MPACK_DEPTH_MAX 512

/* Told about one value and all in it, innermost first. A callback may leave by longjmp: reading holds nothing. */
struct mpack_visitor {
    void (*null)(void *ctx);
    void (*boolean)(void *ctx, bool b);
    void (*integer)(void *ctx, int64_t n);
    void (*big)(void *ctx, uint64_t n); /* above INT64_MAX */
    void (*real)(void *ctx, double d);
    void (*text)(void *ctx, struct slice bytes); /* borrowed from the input */
    /* `count` elements or pairs are announced: a claim of the input, to be believed only as far as bytes follow. */
    void (*open_array)(void *ctx, uint32_t count);
    void (*open_map)(void *ctx, uint32_t count);
    /* The value told last is the element number `number` (from 1) of the innermost array. */
    void (*element)(void *ctx, uint32_t number);
    /* The two values told last are a key and its value in the innermost map. */
    void (*pair)(void *ctx);
};

/*
 * Reads one value from the start of *input and moves *input behind it.
 * Errors: AGAIN (the input ends within the value; also when it is empty), FORMAT (not MessagePack, or one of its binary
 * and extension types, which the visitor has no word for), LIMIT (deeper than MPACK_DEPTH_MAX).
 */
OXQ_MUST_USE oxq_err mpack_visit(struct slice *input, const struct mpack_visitor *visitor, void *ctx);

/* The writers, each the shortest form. Errors: those of buf_append. */
OXQ_MUST_USE oxq_err mpack_put_null(struct buf *out);
OXQ_MUST_USE oxq_err mpack_put_bool(struct buf *out, bool b);
OXQ_MUST_USE oxq_err mpack_put_integer(struct buf *out, int64_t n);
/* In 4 bytes when that loses nothing, else in 8. */
OXQ_MUST_USE oxq_err mpack_put_real(struct buf *out, double d);
OXQ_MUST_USE oxq_err mpack_put_text(struct buf *out, struct slice bytes);
/* `count` elements or pairs must follow. */
OXQ_MUST_USE oxq_err mpack_put_array(struct buf *out, uint32_t count);
OXQ_MUST_USE oxq_err mpack_put_map(struct buf *out, uint32_t count);

#endif
