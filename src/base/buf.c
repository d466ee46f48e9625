/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "base/mem.h"

#define BUF_FIRST_BYTES 64

void buf_deinit(struct buf *b)
{
    mem_free(b->at);
    b->at = NULL;
    b->len = 0;
    b->cap = 0;
}

oxq_err buf_reserve(struct buf *b, size_t more)
{
    if (more <= b->cap - b->len) return OXQ_OK;
    if (more > b->limit_bytes || b->len > b->limit_bytes - more) return OXQ_ERR_LIMIT;
    size_t want = b->len + more;
    size_t cap = b->cap * 2 > BUF_FIRST_BYTES ? b->cap * 2 : BUF_FIRST_BYTES;
    if (cap < want) cap = want;
    if (cap > b->limit_bytes) cap = b->limit_bytes;
    char *at = mem_try_resize(b->at, cap);
    if (!at) return OXQ_ERR_MEMORY;
    b->at = at;
    b->cap = cap;
    return OXQ_OK;
}

oxq_err buf_append(struct buf *b, struct slice bytes)
{
    oxq_err e = buf_reserve(b, bytes.len);
    if (e) return e;
    if (bytes.len) memcpy(b->at + b->len, bytes.at, bytes.len);
    b->len += bytes.len;
    return OXQ_OK;
}

void buf_consume(struct buf *b, size_t n)
{
    SLOW_CHECK(n <= b->len);
    b->len -= n;
    if (b->len) memmove(b->at, b->at + n, b->len);
}

oxq_err buf_insert(struct buf *b, size_t at_offset, struct slice bytes)
{
    SLOW_CHECK(at_offset <= b->len);
    oxq_err e = buf_reserve(b, bytes.len);
    if (e) return e;
    char *at = b->at + at_offset;
    memmove(at + bytes.len, at, b->len - at_offset);
    memcpy(at, bytes.at, bytes.len);
    b->len += bytes.len;
    return OXQ_OK;
}

struct buf buf_take(struct buf *b)
{
    struct buf taken = *b;
    *b = (struct buf){.limit_bytes = taken.limit_bytes};
    return taken;
}
