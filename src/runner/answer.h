/* SPDX-License-Identifier: MIT */
/*
 * What an HTTP server's answer means for the job that was sent to it.
 *
 *     2xx                        done; the body is the result
 *     429                        comes again when Retry-After says, or else after the usual delay; no attempt was made
 *     503 with Retry-After       the same
 *     408, 425, 5xx              the attempt failed
 *     3xx, all others            failed for good: the same request would be answered the same way
 */
#ifndef RUNNER_ANSWER_H
#define RUNNER_ANSWER_H

#include "runner/outcome.h"

/* A year. A server that says later than that, or nonsense, has said nothing. */
#define ANSWER_DELAY_MS_MAX ((int64_t)366 * 24 * 3600 * 1000)
/* For "now" or a time that is over: or a server that says so would be asked without a pause. */
#define ANSWER_DELAY_MS_MIN 1000

struct answer {
    long status;
    struct slice body;
    const char *retry_after, *location; /* headers; NULL: not there */
};

/* Of Retry-After: seconds, or a date as HTTP writes it. False: it is neither, or too far away. */
bool answer_read_retry_after(const char *text, int64_t now_ms, int64_t *out_delay_ms);
/* delay_ms: the usual one. */
void answer_judge(const struct answer *a, int64_t now_ms, int64_t delay_ms, struct outcome *out);

#endif
