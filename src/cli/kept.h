/* SPDX-License-Identifier: MIT */
/* The events of a queue that are kept at the time of asking. A busy queue's stream has no end: this has. */
#ifndef CLI_KEPT_H
#define CLI_KEPT_H

#include <oxq/events.h>

struct kept {
    oxq_events *reader; /* borrowed */
    int64_t opened_ms, opened_us;
};

void kept_begin(struct kept *k, oxq_events *reader);
/* The next one; NULL at the end. */
OXQ_MUST_USE oxq_err kept_next(struct kept *k, const struct oxq_event **out, struct oxq_error *err);

#endif
