/* SPDX-License-Identifier: MIT */
/* The course of what is done to many jobs, in portions: how many more, how fast, and whom to tell. */
#ifndef API_MANY_H
#define API_MANY_H

#include "base/clock.h"
#include "base/err.h"

#include <oxq/queue.h>

struct many {
    struct oxq_many_opts opts;
    struct clock *clock; /* borrowed */
    int64_t begin_us;
    int64_t done; /* jobs that it happened to */
};

/* opts: NULL: the defaults. Errors: ARGUMENT; m->done is 0 then, too. */
OXQ_MUST_USE oxq_err many_begin(struct many *m, const struct oxq_many_opts *opts, struct oxq_error *err);
/* Jobs of the next portion, up to max; 0: there is none, the limit is reached. Blocks: until the rate allows it. */
int64_t many_next(struct many *m, int64_t max);
/* Counts the jobs of a portion and tells of it. Errors: CANCELLED. */
OXQ_MUST_USE oxq_err many_add(struct many *m, int64_t done, struct oxq_error *err);
/* How long the rate lets the next portion wait now. */
int64_t many_wait_us(const struct many *m);

#endif
