/* SPDX-License-Identifier: MIT */
#include "resp/reply.h"

#include "base/num.h"

#include <stdarg.h>
#include <stdio.h>

/* Longer error texts are cut: they quote what the client sent. */
#define REPLY_ERROR_MAX 1024

void reply_bulk_integer(struct reply *r, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    reply_bulk(r, slice_of(digits, num_format_int(digits, n)));
}

static void note_code(struct reply *r, struct slice text)
{
    size_t len = 0;
    while (len < text.len && len < REPLY_ERROR_CODE_MAX - 1 && text.at[len] != ' ') len++;
    if (len) memcpy(r->error_code, text.at, len);
    r->error_code[len] = '\0';
}

void reply_error(struct reply *r, struct slice text)
{
    r->errors_count++;
    note_code(r, text);
    bool is_clean = !text.len || (!memchr(text.at, '\r', text.len) && !memchr(text.at, '\n', text.len));
    if (is_clean) {
        r->ops->error(r, text);
        return;
    }
    char line[REPLY_ERROR_MAX];
    size_t len = text.len < sizeof(line) ? text.len : sizeof(line);
    for (size_t i = 0; i < len; i++) line[i] = text.at[i] == '\r' || text.at[i] == '\n' ? ' ' : text.at[i];
    r->ops->error(r, slice_of(line, len));
}

void reply_errorf(struct reply *r, const char *format, ...)
{
    char text[REPLY_ERROR_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0) len = 0;
    reply_error(r, slice_of(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1));
}

static void drop_text(struct reply *r, struct slice text)
{
    (void)r;
    (void)text;
}

static void drop_verbatim(struct reply *r, struct slice text, const char *format)
{
    (void)r;
    (void)text;
    (void)format;
}

static void drop_integer(struct reply *r, int64_t n)
{
    (void)r;
    (void)n;
}

static void drop_real(struct reply *r, double d)
{
    (void)r;
    (void)d;
}

static void drop_bool(struct reply *r, bool b)
{
    (void)r;
    (void)b;
}

static void drop_nothing(struct reply *r)
{
    (void)r;
}

static void drop_aggregate(struct reply *r, enum reply_aggregate kind, size_t count)
{
    (void)r;
    (void)kind;
    (void)count;
}

static struct reply_mark drop_begin(struct reply *r, enum reply_aggregate kind)
{
    (void)r;
    (void)kind;
    return (struct reply_mark){0};
}

static void drop_end(struct reply *r, struct reply_mark mark, enum reply_aggregate kind, size_t count)
{
    (void)r;
    (void)mark;
    (void)kind;
    (void)count;
}

static const struct reply_ops discard_ops = {
    .status = drop_text,
    .error = drop_text,
    .integer = drop_integer,
    .bulk = drop_text,
    .verbatim = drop_verbatim,
    .big_number = drop_text,
    .real = drop_real,
    .boolean = drop_bool,
    .null = drop_nothing,
    .null_array = drop_nothing,
    .aggregate = drop_aggregate,
    .begin = drop_begin,
    .end = drop_end,
};

void reply_discard_init(struct reply *r)
{
    *r = (struct reply){.ops = &discard_ops, .resp = 2, .is_full = true};
}
