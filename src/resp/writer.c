/* SPDX-License-Identifier: MIT */
/*
 * Each reply is written straight into the connection's buffer: one room check, then stores.
 *
 * An aggregate of unknown count gets its header at the end, inserted before its elements.
 */
#include "resp/writer.h"

#include "base/num.h"

/* Type byte, length, CR LF. */
#define HEADER_MAX (1 + NUM_INT_MAX_CHARS + 2)

static struct resp_writer *writer_of(struct reply *r)
{
    return (struct resp_writer *)r;
}

/* Room for n bytes, or NULL when the buffer's limit is reached. */
static char *reserve(struct reply *r, size_t n)
{
    struct resp_writer *w = writer_of(r);
    struct buf *out = w->out;
    if (out->cap - out->len < n && buf_reserve(out, n) != OXQ_OK) {
        w->reply.is_full = true;
        return NULL;
    }
    return out->at + out->len;
}

static void commit(struct reply *r, const char *end)
{
    struct buf *out = writer_of(r)->out;
    out->len = (size_t)(end - out->at);
}

static char *put_line_end(char *at)
{
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

static char *put_header(char *at, char type, int64_t n)
{
    *at++ = type;
    if (n >= 0 && n < 10)
        *at++ = (char)('0' + n);
    else
        at += num_format_int(at, n);
    return put_line_end(at);
}

static void write_text(struct reply *r, struct slice text)
{
    char *at = reserve(r, text.len);
    if (!at) return;
    memcpy(at, text.at, text.len);
    commit(r, at + text.len);
}

static void write_line(struct reply *r, char type, struct slice text)
{
    char *at = reserve(r, text.len + 3);
    if (!at) return;
    *at++ = type;
    if (text.len) memcpy(at, text.at, text.len);
    commit(r, put_line_end(at + text.len));
}

static void write_status(struct reply *r, struct slice text)
{
    write_line(r, '+', text);
}

static void write_error(struct reply *r, struct slice text)
{
    write_line(r, '-', text);
}

static void write_integer(struct reply *r, int64_t n)
{
    char *at = reserve(r, HEADER_MAX);
    if (at) commit(r, put_header(at, ':', n));
}

static void write_bulk(struct reply *r, struct slice bytes)
{
    char *at = reserve(r, HEADER_MAX + bytes.len + 2);
    if (!at) return;
    at = put_header(at, '$', (int64_t)bytes.len);
    if (bytes.len) memcpy(at, bytes.at, bytes.len);
    commit(r, put_line_end(at + bytes.len));
}

static void write_verbatim(struct reply *r, struct slice text, const char *format)
{
    if (r->resp == 2) {
        write_bulk(r, text);
        return;
    }
    char *at = reserve(r, HEADER_MAX + 4 + text.len + 2);
    if (!at) return;
    at = put_header(at, '=', (int64_t)text.len + 4);
    memcpy(at, format, 3);
    at[3] = ':';
    if (text.len) memcpy(at + 4, text.at, text.len);
    commit(r, put_line_end(at + 4 + text.len));
}

static void write_big_number(struct reply *r, struct slice digits)
{
    if (r->resp == 2)
        write_bulk(r, digits);
    else
        write_line(r, '(', digits);
}

static void write_real(struct reply *r, double d)
{
    char digits[NUM_DOUBLE_MAX_CHARS];
    struct slice text = slice_of(digits, num_format_double(digits, d));
    if (r->resp == 2)
        write_bulk(r, text);
    else
        write_line(r, ',', text);
}

static void write_bool(struct reply *r, bool b)
{
    if (r->resp == 2)
        write_integer(r, b);
    else
        write_text(r, b ? SLICE_LIT("#t\r\n") : SLICE_LIT("#f\r\n"));
}

static void write_null(struct reply *r)
{
    write_text(r, r->resp == 2 ? SLICE_LIT("$-1\r\n") : SLICE_LIT("_\r\n"));
}

static void write_null_array(struct reply *r)
{
    write_text(r, r->resp == 2 ? SLICE_LIT("*-1\r\n") : SLICE_LIT("_\r\n"));
}

static char *put_aggregate(const struct reply *r, char *at, enum reply_aggregate kind, size_t count)
{
    static const char types[] = {[REPLY_ARRAY] = '*', [REPLY_MAP] = '%', [REPLY_SET] = '~', [REPLY_PUSH] = '>'};
    if (r->resp == 2) return put_header(at, '*', (int64_t)(kind == REPLY_MAP ? 2 * count : count));
    return put_header(at, types[kind], (int64_t)count);
}

static void write_aggregate(struct reply *r, enum reply_aggregate kind, size_t count)
{
    char *at = reserve(r, HEADER_MAX);
    if (at) commit(r, put_aggregate(r, at, kind, count));
}

static struct reply_mark write_begin(struct reply *r, enum reply_aggregate kind)
{
    (void)kind;
    return (struct reply_mark){writer_of(r)->out->len};
}

static void write_end(struct reply *r, struct reply_mark mark, enum reply_aggregate kind, size_t count)
{
    struct resp_writer *w = writer_of(r);
    char header[HEADER_MAX];
    size_t len = (size_t)(put_aggregate(r, header, kind, count) - header);
    if (w->reply.is_full || buf_insert(w->out, mark.at, slice_of(header, len)) != OXQ_OK) w->reply.is_full = true;
}

static const struct reply_ops writer_ops = {
    .status = write_status,
    .error = write_error,
    .integer = write_integer,
    .bulk = write_bulk,
    .verbatim = write_verbatim,
    .big_number = write_big_number,
    .real = write_real,
    .boolean = write_bool,
    .null = write_null,
    .null_array = write_null_array,
    .aggregate = write_aggregate,
    .begin = write_begin,
    .end = write_end,
};

void resp_writer_init(struct resp_writer *w, struct buf *out, uint8_t resp)
{
    *w = (struct resp_writer){.reply = {.ops = &writer_ops, .resp = resp}, .out = out};
}
