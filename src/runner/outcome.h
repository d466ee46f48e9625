/* SPDX-License-Identifier: MIT */
/* How one run of a job ended: what exec.c and push.c tell runner.c. */
#ifndef RUNNER_OUTCOME_H
#define RUNNER_OUTCOME_H

#include "base/buf.h"

#include <oxq/job.h>

enum outcome_kind {
    OUTCOME_DONE,
    OUTCOME_FAILED,          /* this attempt */
    OUTCOME_FAILED_FOR_GOOD, /* no other attempt helps */
    OUTCOME_LATER,           /* comes again in delay_ms; no attempt was made */
    OUTCOME_INTERRUPTED      /* the worker ends: whoever comes next takes it; no attempt was made */
};

struct outcome {
    enum outcome_kind kind;
    int64_t delay_ms;  /* of LATER */
    struct buf result; /* of DONE: JSON and a NUL; empty: null */
    struct buf text;   /* of all others: why, and a NUL */
    struct buf stack;  /* of failures: more of it, and a NUL; empty: nothing */
};

/* Longer texts and stacks are cut. */
#define OUTCOME_TEXT_BYTES_MAX ((size_t)4 * 1024)
#define OUTCOME_STACK_BYTES_MAX ((size_t)32 * 1024)

/* Sets kind and text. */
void outcome_set(struct outcome *o, enum outcome_kind kind, const char *format, ...) OXQ_PRINTF(3, 4);
/* The same, with the text followed by what somebody said (made UTF-8, trimmed; at most so many bytes of it) where that is not empty. */
void outcome_set_said(struct outcome *o, enum outcome_kind kind, const char *text, struct slice said, size_t said_max);
/* "text" and, on the next lines, what somebody said. */
void outcome_set_stack(struct outcome *o, const char *text, struct slice said);
/* DONE with the bytes as result (text_put_result). For one that is too large for memory: FAILED_FOR_GOOD. */
void outcome_set_result(struct outcome *o, struct slice bytes);
void outcome_deinit(struct outcome *o);

#endif
