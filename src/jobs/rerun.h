/* SPDX-License-Identifier: MIT */
/* Finished jobs run again. */
#ifndef JOBS_RERUN_H
#define JOBS_RERUN_H

#include "jobs/request.h"

#define RERUN_JOBS_MAX 1000

struct rerun_batch {
    struct slice prefix;
    bool have_failed;     /* the jobs are failed ones, else completed ones */
    bool resets_attempts; /* what they have made counts no longer */
    bool resets_starts;   /* nor how often they were begun */
    bool heeds_lifo;      /* one with the option lifo is the next one; else all go behind those that wait */
    const struct slice *ids;
    size_t count; /* 1 .. RERUN_JOBS_MAX */
};

/* Errors: LIMIT. */
OXQ_MUST_USE oxq_err rerun_request(struct arena *arena, const struct rerun_batch *batch, struct request *out,
                                   struct oxq_error *err);
/* What became of job i. Errors: NOT_FOUND, STATE (it is not among those), SERVER, FORMAT. */
OXQ_MUST_USE oxq_err rerun_result(const struct resp_value *reply, size_t i, struct slice id, struct oxq_error *err);

#endif
