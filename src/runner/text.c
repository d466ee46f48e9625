/* SPDX-License-Identifier: MIT */
#include "runner/text.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/json.h"

/* ---------------------------------------------------------------- UTF-8 */

#define REPLACEMENT SLICE_LIT("\xef\xbf\xbd")

/* The bytes of the character that they begin with; 0 when they are none. */
static size_t character_bytes(struct slice bytes)
{
    return bytes.at[0] == '\0' ? 0 : utf8_length(bytes);
}

oxq_err text_put_mended(struct buf *out, struct slice bytes)
{
    if (json_is_utf8(bytes) && !memchr(bytes.len ? bytes.at : "", '\0', bytes.len)) return buf_append(out, bytes);
    oxq_err e = OXQ_OK;
    while (!e && bytes.len > 0) {
        size_t len = character_bytes(bytes);
        e = buf_append(out, len ? slice_of(bytes.at, len) : REPLACEMENT);
        bytes = slice_from(bytes, len ? len : 1);
    }
    return e;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

struct slice text_trim(struct slice bytes)
{
    while (bytes.len > 0 && is_blank(bytes.at[0])) bytes = slice_from(bytes, 1);
    while (bytes.len > 0 && is_blank(bytes.at[bytes.len - 1])) bytes.len--;
    return bytes;
}

/* ---------------------------------------------------------------- results */

static oxq_err put_value(struct buf *out, struct slice bytes)
{
    struct slice bare = text_trim(bytes);
    if (bare.len == 0) return buf_append(out, SLICE_LIT("null"));
    if (json_check(bare, NULL) == OXQ_OK) return buf_append(out, bare);
    while (bytes.len > 0 && (bytes.at[bytes.len - 1] == '\n' || bytes.at[bytes.len - 1] == '\r')) bytes.len--;
    return json_put_bytes(out, bytes);
}

oxq_err text_put_result(struct buf *out, struct slice bytes)
{
    oxq_err e = put_value(out, bytes);
    return e ? e : buf_append(out, slice_of("", 1));
}

/* ---------------------------------------------------------------- the end of a stream */

void text_tail_add(struct text_tail *t, struct slice bytes)
{
    if (bytes.len > TEXT_TAIL_BYTES) {
        bytes = slice_from(bytes, bytes.len - TEXT_TAIL_BYTES);
        t->is_cut = true;
    }
    t->kept.limit_bytes = 3 * TEXT_TAIL_BYTES;
    mem_must(buf_append(&t->kept, bytes));
    if (t->kept.len <= 2 * TEXT_TAIL_BYTES) return;
    buf_consume(&t->kept, t->kept.len - TEXT_TAIL_BYTES);
    t->is_cut = true;
}

struct slice text_tail_borrow(const struct text_tail *t)
{
    struct slice end = buf_borrow(&t->kept);
    bool is_cut = t->is_cut || end.len > TEXT_TAIL_BYTES;
    if (end.len > TEXT_TAIL_BYTES) end = slice_from(end, end.len - TEXT_TAIL_BYTES);
    const char *line_end = is_cut ? memchr(end.at, '\n', end.len) : NULL;
    if (line_end && text_trim(slice_from(end, (size_t)(line_end - end.at))).len > 0)
        end = slice_from(end, (size_t)(line_end - end.at) + 1);
    return text_trim(end);
}

void text_tail_deinit(struct text_tail *t)
{
    buf_deinit(&t->kept);
}

/* ---------------------------------------------------------------- lines */

static void add_part(struct text_lines *l, struct slice part, text_line_fn *fn, void *ctx)
{
    if (l->is_cut) return;
    l->part.limit_bytes = TEXT_LINE_BYTES_MAX;
    size_t room = TEXT_LINE_BYTES_MAX - l->part.len;
    mem_must(buf_append(&l->part, slice_of(part.at, part.len < room ? part.len : room)));
    if (part.len <= room) return;
    fn(ctx, buf_borrow(&l->part));
    l->is_cut = true;
}

static void end_line(struct text_lines *l, text_line_fn *fn, void *ctx)
{
    if (!l->is_cut) fn(ctx, buf_borrow(&l->part));
    l->part.len = 0;
    l->is_cut = false;
}

void text_lines_add(struct text_lines *l, struct slice bytes, text_line_fn *fn, void *ctx)
{
    while (bytes.len > 0) {
        const char *end = memchr(bytes.at, '\n', bytes.len);
        size_t len = end ? (size_t)(end - bytes.at) : bytes.len;
        add_part(l, slice_of(bytes.at, len), fn, ctx);
        if (!end) return;
        end_line(l, fn, ctx);
        bytes = slice_from(bytes, len + 1);
    }
}

void text_lines_end(struct text_lines *l, text_line_fn *fn, void *ctx)
{
    if (l->part.len > 0) end_line(l, fn, ctx);
}

void text_lines_deinit(struct text_lines *l)
{
    buf_deinit(&l->part);
}
