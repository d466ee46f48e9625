/* SPDX-License-Identifier: MIT */
#include "resp/request.h"

#include "base/num.h"

/* "$123\r\n": a type, a length, CR LF. */
#define HEAD_CHARS (NUM_INT_MAX_CHARS + 3)

static size_t write_head(char *to, char type, size_t n)
{
    to[0] = type;
    size_t len = 1 + num_format_int(to + 1, (int64_t)n);
    to[len++] = '\r';
    to[len++] = '\n';
    return len;
}

oxq_err resp_request_open(struct buf *out, size_t words)
{
    char head[HEAD_CHARS];
    return buf_append(out, slice_of(head, write_head(head, '*', words)));
}

oxq_err resp_request_word(struct buf *out, struct slice word)
{
    oxq_err e = buf_reserve(out, HEAD_CHARS + word.len + 2);
    if (e) return e;
    out->len += write_head(out->at + out->len, '$', word.len);
    if (word.len) memcpy(out->at + out->len, word.at, word.len);
    out->len += word.len;
    memcpy(out->at + out->len, "\r\n", 2);
    out->len += 2;
    return OXQ_OK;
}

oxq_err resp_request_append(struct buf *out, const struct slice *argv, size_t argc)
{
    oxq_err e = resp_request_open(out, argc);
    for (size_t i = 0; i < argc && !e; i++) e = resp_request_word(out, argv[i]);
    return e;
}
