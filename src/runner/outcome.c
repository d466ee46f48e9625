/* SPDX-License-Identifier: MIT */
#include "runner/outcome.h"

#include "base/mem.h"
#include "runner/text.h"

#include <stdarg.h>
#include <stdio.h>

/* Of n bytes as JSON, at most: each of them may be six characters. */
#define RESULT_GROWTH 6
#define RESULT_SLACK_BYTES 64
/* What text_put_mended makes of a byte, at most. */
#define MENDED_GROWTH 3

static void begin_text(struct buf *b, size_t limit_bytes, const char *text)
{
    struct slice all = slice_from_text(text);
    b->limit_bytes = limit_bytes;
    b->len = 0;
    mem_must(buf_append(b, slice_of(all.at, all.len < limit_bytes - 1 ? all.len : limit_bytes - 1)));
}

static void end_text(struct buf *b)
{
    mem_must(buf_append(b, slice_of("", 1)));
}

/* Its last lines, which say most in the output of a program. */
static struct slice cut_to_end(struct slice said, size_t bytes_max)
{
    if (said.len <= bytes_max) return said;
    struct slice end = slice_from(said, said.len - bytes_max);
    const char *line_end = memchr(end.at, '\n', end.len);
    return line_end ? slice_from(end, (size_t)(line_end - end.at) + 1) : end;
}

void outcome_set(struct outcome *o, enum outcome_kind kind, const char *format, ...)
{
    char text[OUTCOME_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    o->kind = kind;
    begin_text(&o->text, OUTCOME_TEXT_BYTES_MAX, text);
    end_text(&o->text);
}

void outcome_set_said(struct outcome *o, enum outcome_kind kind, const char *text, struct slice said, size_t said_max)
{
    o->kind = kind;
    said = text_trim(said);
    begin_text(&o->text, OUTCOME_TEXT_BYTES_MAX, text);
    size_t room = (OUTCOME_TEXT_BYTES_MAX - 1 - o->text.len) / MENDED_GROWTH;
    mem_must(text_put_mended(&o->text, cut_to_end(said, said_max < room ? said_max : room)));
    end_text(&o->text);
}

void outcome_set_stack(struct outcome *o, const char *text, struct slice said)
{
    begin_text(&o->stack, OUTCOME_STACK_BYTES_MAX, text);
    size_t room = (OUTCOME_STACK_BYTES_MAX - 2 - o->stack.len) / MENDED_GROWTH;
    if (said.len > 0) mem_must(buf_append(&o->stack, SLICE_LIT("\n")));
    mem_must(text_put_mended(&o->stack, cut_to_end(said, room)));
    end_text(&o->stack);
}

void outcome_set_result(struct outcome *o, struct slice bytes)
{
    o->result.limit_bytes = bytes.len * RESULT_GROWTH + RESULT_SLACK_BYTES;
    if (text_put_result(&o->result, bytes) == OXQ_OK)
        o->kind = OUTCOME_DONE;
    else
        outcome_set(o, OUTCOME_FAILED_FOR_GOOD, "there is not enough memory for its result of %zu bytes", bytes.len);
}

void outcome_deinit(struct outcome *o)
{
    buf_deinit(&o->result);
    buf_deinit(&o->text);
    buf_deinit(&o->stack);
}
