/* SPDX-License-Identifier: MIT */
/* What a program or a server said, as text that a job can keep. */
#ifndef RUNNER_TEXT_H
#define RUNNER_TEXT_H

#include "base/buf.h"

/* A line that is longer is cut there. */
#define TEXT_LINE_BYTES_MAX ((size_t)16 * 1024)
/* So much of the end of what was said is kept. */
#define TEXT_TAIL_BYTES ((size_t)8 * 1024)

/* Appends the bytes; what is not UTF-8, and each NUL, becomes U+FFFD. Errors: those of buf_append. */
OXQ_MUST_USE oxq_err text_put_mended(struct buf *out, struct slice bytes);
/* Without blanks and line ends at both ends. */
struct slice text_trim(struct slice bytes);

/*
 * Bytes as the JSON that a job's result is: JSON stays as it is; nothing, or blanks alone, is null; any other text is a JSON string, without
 * the line ends behind it; what is not UTF-8 is {"base64": ...}. Appends that and a NUL. Errors: those of buf_append.
 */
OXQ_MUST_USE oxq_err text_put_result(struct buf *out, struct slice bytes);

/* The end of a stream. All zero is empty. */
struct text_tail {
    struct buf kept;
    bool is_cut; /* something before it is gone */
};
void text_tail_add(struct text_tail *t, struct slice bytes);
/* At most TEXT_TAIL_BYTES, from the beginning of a line if it has one; trimmed. Borrowed. */
struct slice text_tail_borrow(const struct text_tail *t);
void text_tail_deinit(struct text_tail *t);

/* A stream as lines, without their ends. All zero is empty. */
struct text_lines {
    struct buf part; /* of the line that has no end yet */
    bool is_cut;     /* that line was given already: its rest is passed over */
};
typedef void text_line_fn(void *ctx, struct slice line);
void text_lines_add(struct text_lines *l, struct slice bytes, text_line_fn *fn, void *ctx);
/* The stream is over: a last line may have no end. */
void text_lines_end(struct text_lines *l, text_line_fn *fn, void *ctx);
void text_lines_deinit(struct text_lines *l);

#endif
