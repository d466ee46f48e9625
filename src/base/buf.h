/* SPDX-License-Identifier: MIT */
/* A growable byte buffer that owns its bytes and cannot be made without its maximum. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

/* `struct buf b = {.limit_bytes = N};` is an empty buffer; buf_deinit of it does nothing. */
struct buf {
    char *at; /* owned */
    size_t len;
    size_t cap;
    size_t limit_bytes;
};

void buf_deinit(struct buf *b);
/* Makes room for `more` bytes after len. Errors: LIMIT (would pass limit_bytes), MEMORY. */
OXQ_MUST_USE oxq_err buf_reserve(struct buf *b, size_t more);
OXQ_MUST_USE oxq_err buf_append(struct buf *b, struct slice bytes);
/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);
/* Inserts bytes at offset `at_offset` (<= len), moving what follows. */
OXQ_MUST_USE oxq_err buf_insert(struct buf *b, size_t at_offset, struct slice bytes);
/* Moves the content out; *b is left empty with its limit. */
struct buf buf_take(struct buf *b);

static inline struct slice buf_borrow(const struct buf *b)
{
    return slice_of(b->at, b->len);
}

#endif
