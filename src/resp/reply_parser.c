/* SPDX-License-Identifier: MIT */
/*
 * The end of a reply is found by counting: one value must come; a scalar takes one off, an aggregate of n takes
 * itself off and adds n. So the scan needs no stack, remembers three numbers and never goes back. Building the tree
 * happens once, on complete bytes: every count was covered by bytes that came, so a claim cannot make us allocate.
 *
 * Both steps read a value's head with take_head. An attribute (`|n`) stands before the value it belongs to: 2n values
 * that count as none.
 */
#include "resp/reply_parser.h"

#include "base/num.h"

/* The line of a scalar or of a length; errors are the longest and are short. */
#define LINE_BYTES_MAX ((size_t)64 * 1024)

struct head {
    char type;
    struct slice line; /* after the type, without CR LF */
    int64_t children;  /* values inside; -1: none, a scalar */
    bool is_null;
    struct slice body; /* of bulk kinds */
    size_t used_bytes; /* with the body */
};

static oxq_err take_line(struct slice bytes, struct slice *out)
{
    size_t look = bytes.len < LINE_BYTES_MAX ? bytes.len : LINE_BYTES_MAX;
    const char *cr = look > 1 ? memchr(bytes.at + 1, '\r', look - 1) : NULL;
    if (!cr) return look == LINE_BYTES_MAX ? OXQ_ERR_LIMIT : OXQ_ERR_AGAIN;
    size_t len = (size_t)(cr - bytes.at) - 1;
    if (bytes.len < len + 3) return OXQ_ERR_AGAIN;
    if (cr[1] != '\n') return OXQ_ERR_FORMAT;
    *out = slice_of(bytes.at + 1, len);
    return OXQ_OK;
}

static oxq_err take_body(struct slice bytes, struct head *h)
{
    int64_t len;
    if (!num_parse_int(h->line, &len) || len < -1) return OXQ_ERR_FORMAT;
    if (len > RESP_REPLY_BULK_BYTES_MAX) return OXQ_ERR_LIMIT;
    if (len == -1) {
        h->is_null = true;
        return h->type == '$' ? OXQ_OK : OXQ_ERR_FORMAT;
    }
    size_t start = h->used_bytes;
    if (bytes.len - start < (size_t)len + 2) return OXQ_ERR_AGAIN;
    if (memcmp(bytes.at + start + len, "\r\n", 2) != 0) return OXQ_ERR_FORMAT;
    h->body = slice_of(bytes.at + start, (size_t)len);
    h->used_bytes = start + (size_t)len + 2;
    return OXQ_OK;
}

static oxq_err take_count(struct head *h)
{
    int64_t count;
    if (!num_parse_int(h->line, &count) || count < -1) return OXQ_ERR_FORMAT;
    if (count > RESP_REPLY_VALUES_MAX / 2) return OXQ_ERR_LIMIT;
    if (count == -1) {
        h->is_null = true;
        return h->type == '*' ? OXQ_OK : OXQ_ERR_FORMAT;
    }
    h->children = h->type == '%' || h->type == '|' ? 2 * count : count;
    return OXQ_OK;
}

/* Reads the head of the value at the start of bytes, with the whole body of a bulk. Errors: AGAIN, FORMAT, LIMIT. */
static oxq_err take_head(struct slice bytes, struct head *out)
{
    if (bytes.len == 0) return OXQ_ERR_AGAIN;
    if (!memchr("+-:$*_,#!=(%~>|", bytes.at[0], 15)) return OXQ_ERR_FORMAT;
    struct head h = {.type = bytes.at[0], .children = -1};
    oxq_err e = take_line(bytes, &h.line);
    if (e) return e;
    h.used_bytes = h.line.len + 3;
    if (memchr("$!=", h.type, 3)) e = take_body(bytes, &h);
    if (memchr("*%~>|", h.type, 5)) e = take_count(&h);
    if (e) return e;
    *out = h;
    return OXQ_OK;
}

oxq_err resp_scan_next(struct resp_scan *s, struct slice bytes)
{
    if (s->used_bytes == 0) *s = (struct resp_scan){.values_left = 1, .values_count = 1};
    while (s->values_left > 0) {
        struct head h;
        oxq_err e = take_head(slice_from(bytes, s->used_bytes), &h);
        if (e) return e;
        if (h.children > 0) {
            s->values_left += h.children;
            s->values_count += h.children;
        }
        if (s->values_count > RESP_REPLY_VALUES_MAX) return OXQ_ERR_LIMIT;
        if (h.type != '|') s->values_left--;
        s->used_bytes += h.used_bytes;
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- the tree */

static oxq_err read_text(const struct head *h, struct resp_value *v)
{
    v->text = h->body.at ? h->body : h->line;
    switch (h->type) {
    case ':': v->kind = RESP_INTEGER; return num_parse_int(v->text, &v->integer) ? OXQ_OK : OXQ_ERR_FORMAT;
    case ',':
        v->kind = RESP_REAL;
        if (slice_is(v->text, "nan")) {
            v->real = __builtin_nan("");
            return OXQ_OK;
        }
        return num_parse_double(v->text, &v->real) ? OXQ_OK : OXQ_ERR_FORMAT;
    case '#':
        v->kind = RESP_BOOL;
        if (v->text.len != 1 || (v->text.at[0] != 't' && v->text.at[0] != 'f')) return OXQ_ERR_FORMAT;
        v->integer = v->text.at[0] == 't';
        return OXQ_OK;
    case '=':
        v->kind = RESP_VERBATIM;
        if (v->text.len < 4 || v->text.at[3] != ':') return OXQ_ERR_FORMAT;
        v->text = slice_from(v->text, 4);
        return OXQ_OK;
    case '_': return v->text.len == 0 ? OXQ_OK : OXQ_ERR_FORMAT;
    case '+': v->kind = RESP_STATUS; return OXQ_OK;
    case '(': v->kind = RESP_BIG_NUMBER; return OXQ_OK;
    default: v->kind = h->type == '$' ? RESP_BULK : RESP_ERROR; return OXQ_OK;
    }
}

static enum resp_kind kind_of_aggregate(char type)
{
    if (type == '%') return RESP_MAP;
    if (type == '~') return RESP_SET;
    return type == '>' ? RESP_PUSH : RESP_ARRAY;
}

/* An aggregate whose items are being read. */
struct frame {
    struct resp_value *items; /* the next one to fill */
    size_t left;
};

struct reading {
    struct arena *arena;
    struct frame stack[RESP_REPLY_DEPTH_MAX];
    int depth;
};

/* Puts the value of a head where the innermost frame wants it, and opens a frame when it has values inside. */
static oxq_err place_value(struct reading *r, const struct head *h)
{
    struct resp_value dropped;
    struct frame *f = &r->stack[r->depth - 1];
    bool is_attribute = h->type == '|';
    struct resp_value *v = is_attribute ? &dropped : f->items++;
    if (!is_attribute) f->left--;
    *v = (struct resp_value){.kind = RESP_NULL};
    if (h->is_null) return OXQ_OK;
    if (h->children < 0) return read_text(h, v);
    v->kind = kind_of_aggregate(h->type);
    v->count = (size_t)h->children;
    if (h->children == 0) return OXQ_OK;
    if (r->depth == RESP_REPLY_DEPTH_MAX) return OXQ_ERR_LIMIT;
    v->items = ARENA_ARRAY(r->arena, struct resp_value, v->count);
    r->stack[r->depth++] = (struct frame){v->items, v->count};
    return OXQ_OK;
}

oxq_err resp_reply_read(struct slice bytes, struct arena *arena, struct resp_value *out)
{
    struct resp_value top;
    struct reading r = {.arena = arena, .stack = {{&top, 1}}, .depth = 1};
    /* Counts are only believed once all the values they announce are there. */
    struct resp_scan scan = {0};
    oxq_err e = resp_scan_next(&scan, bytes);
    if (e) return e == OXQ_ERR_AGAIN ? OXQ_ERR_FORMAT : e;
    while (r.depth > 0) {
        if (r.stack[r.depth - 1].left == 0) {
            r.depth--;
            continue;
        }
        struct head h;
        e = take_head(bytes, &h);
        if (e == OXQ_OK) e = place_value(&r, &h);
        if (e) return e;
        bytes = slice_from(bytes, h.used_bytes);
    }
    *out = top;
    return OXQ_OK;
}
